/* `millrace discovery`: the role alone in a process. */
#include <stdlib.h>

#include "base/log.h"
#include "client/module_access.h"
#include "discovery/discovery.h"
#include "settings/settings.h"

static const struct setting table[] = {
    {"connection", SETTING_TEXT, NULL,
     "connection string of this module; else EdgeHubConnectionString of the environment", 0, 0,
     NULL, true},
    {"ca", SETTING_PATH, NULL,
     "PEM file of authorities for the edge's or hub's certificate; else "
     "EdgeModuleCACertificateFile "
     "of the environment, or the system's",
     0, 0, NULL, false},
    {"site", SETTING_TEXT, NULL, "what this site is called; else the desired twin says", 0, 0, NULL,
     false},
    {"scan.rate", SETTING_INTEGER, "1000", "connects a second", 1, 100000, NULL, false},
    {"scan.in.flight", SETTING_INTEGER, "400", "connects at once", 1, 20000, NULL, false},
    {"scan.timeout.min", SETTING_DURATION, "200ms",
     "a connect is given at least, however fast its neighbours are", 1, 60000, NULL, false},
    {"scan.timeout.max", SETTING_DURATION, "1s", "a connect is given at most", 1, 60000, NULL,
     false},
    {"scan.hello", SETTING_DURATION, "2s",
     "an open port is given to say that it is an OPC UA server", 1, 60000, NULL, false},
    SETTINGS_LOG,
};

static const struct settings_program program = {
    "discovery",
    "Finds OPC UA servers, by scanning and by asking those that know others, and tells the cloud.",
    table,
    sizeof(table) / sizeof(table[0]),
};

struct host {
    struct loop *loop;
    struct opcua_thread *thread;
    struct module_access access;
    struct module *module;
    struct discovery *discovery;
};

static const char *text_or_environment(const struct settings *s, const char *name,
                                       const char *variable)
{
    const char *text = settings_text(s, name);
    return text && text[0] ? text : getenv(variable);
}

static enum status open_access(const struct settings *s, struct host *h)
{
    const char *connection = text_or_environment(s, "connection", "EdgeHubConnectionString");
    const char *ca = text_or_environment(s, "ca", "EdgeModuleCACertificateFile");
    if (connection == NULL) {
        log_error("the setting 'connection' is needed; see millrace discovery --help");
        return BAD_ARGUMENT;
    }
    return module_access_open(connection, ca, &h->access);
}

static struct scan_limits limits_of(const struct settings *s)
{
    return (struct scan_limits){
        .rate = (uint32_t)settings_integer(s, "scan.rate"),
        .in_flight_max = (uint32_t)settings_integer(s, "scan.in.flight"),
        .floor_ms = (uint32_t)settings_ms(s, "scan.timeout.min"),
        .cap_ms = (uint32_t)settings_ms(s, "scan.timeout.max"),
        .hello_ms = (uint32_t)settings_ms(s, "scan.hello"),
    };
}

static void on_stop(void *arg)
{
    struct host *h = arg;
    discovery_stop(h->discovery);
    loop_stop(h->loop);
}

static void run(const struct settings *s, struct host *h)
{
    struct module_config config = {.device = h->access.device, .site = settings_text(s, "site")};
    h->loop = loop_new();
    config.device.loop = h->loop;
    h->thread = opcua_thread_new(&(struct opcua_thread_config){.name = "discovery"});
    h->module = module_new(&config);
    h->discovery = discovery_start(&(struct discovery_config){
        .module = h->module, .thread = h->thread, .limits = limits_of(s)});
    module_start(h->module);
    loop_on_signal(h->loop, on_stop, h);
    log_info("discovery started device=%s module=%s", module_device_id(h->module),
             module_id(h->module));
    loop_run(h->loop);
    module_free(&h->module);
    opcua_thread_free(&h->thread);
    discovery_free(&h->discovery);
    loop_free(&h->loop);
}

int discovery_main(int argc, char **argv)
{
    struct settings *s;
    struct host h = {0};
    int code = settings_load(&program, argc, argv, &s);
    if (code >= 0)
        return code;
    settings_start_log(s);
    code = open_access(s, &h) == OK ? 0 : 1;
    if (code == 0)
        run(s, &h);
    module_access_close(&h.access);
    settings_free(&s);
    return code;
}
