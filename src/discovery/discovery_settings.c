#include "discovery/discovery_settings.h"

const struct setting discovery_settings[] = {
    {"scan.rate", SETTING_INTEGER, "1000", "connects a second", 1, 100000, NULL, false},
    {"scan.in.flight", SETTING_INTEGER, "400", "connects at once", 1, 20000, NULL, false},
    {"scan.timeout.min", SETTING_DURATION, "200ms",
     "a connect is given at least, however fast its neighbours are", 1, 60000, NULL, false},
    {"scan.timeout.max", SETTING_DURATION, "1s", "a connect is given at most", 1, 60000, NULL,
     false},
    {"scan.hello", SETTING_DURATION, "2s",
     "an open port is given to say that it is an OPC UA server", 1, 60000, NULL, false},
};
const size_t discovery_settings_count = sizeof(discovery_settings) / sizeof(discovery_settings[0]);

struct scan_limits discovery_settings_read(const struct settings *s)
{
    return (struct scan_limits){
        .rate = (uint32_t)settings_integer(s, "scan.rate"),
        .in_flight_max = (uint32_t)settings_integer(s, "scan.in.flight"),
        .floor_ms = (uint32_t)settings_ms(s, "scan.timeout.min"),
        .cap_ms = (uint32_t)settings_ms(s, "scan.timeout.max"),
        .hello_ms = (uint32_t)settings_ms(s, "scan.hello"),
    };
}
