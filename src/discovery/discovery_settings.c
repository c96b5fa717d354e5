#include "discovery/discovery_settings.h"

const struct setting discovery_settings[] = {
    {"scan.rate", SETTING_INTEGER, "2000", "packets a second, to all networks together", 50, 100000, NULL, false},
    {"scan.host.rate", SETTING_INTEGER, "50", "connects a second to one host; its own addresses are not counted", 1, 100000, NULL, false},
    {"scan.in.flight", SETTING_INTEGER, "500", "connects at once", 1, 20000, NULL, false},
    {"scan.timeout.min", SETTING_DURATION, "200ms",
     "a connect is given at least, however fast its neighbours are", 1, 60000, NULL, false},
    {"scan.timeout.max", SETTING_DURATION, "900ms", "a connect is given at most; from 1s on the system repeats it, and that counts", 1, 60000, NULL,
     false},
    {"scan.listen", SETTING_DURATION, "1s", "before a scan, for servers that announce themselves by mDNS; 0s: not", 0, 60000, NULL, false},
    {"scan.state", SETTING_PATH, "~/.local/state/millrace/opc/discovery", "folder of the files with which a discovery goes on after a restart", 0, 0, NULL, false},
    {"scan.hello", SETTING_DURATION, "2s",
     "an open port is given to say that it is an OPC UA server", 1, 60000, NULL, false},
};
const size_t discovery_settings_count = sizeof(discovery_settings) / sizeof(discovery_settings[0]);

struct scan_limits discovery_settings_read(const struct settings *s)
{
    return (struct scan_limits){
        .rate = (uint32_t)settings_integer(s, "scan.rate"),
        .host_rate = (uint32_t)settings_integer(s, "scan.host.rate"),
        .in_flight_max = (uint32_t)settings_integer(s, "scan.in.flight"),
        .floor_ms = (uint32_t)settings_ms(s, "scan.timeout.min"),
        .cap_ms = (uint32_t)settings_ms(s, "scan.timeout.max"),
        .hello_ms = (uint32_t)settings_ms(s, "scan.hello"),
        .listen_ms = (uint32_t)settings_ms(s, "scan.listen"),
    };
}
