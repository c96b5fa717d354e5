/* `millrace twin`: the role alone in a process. */
#include <stdlib.h>

#include "base/log.h"
#include "client/module_access.h"
#include "opcua/pki.h"
#include "settings/settings.h"
#include "twin/twin.h"

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
    {"pki", SETTING_PATH, "~/.local/share/millrace/twin/pki",
     "folder with the own OPC UA certificate, and whom to trust", 0, 0, NULL, false},
    {"pki.trust.all", SETTING_BOOL, "false", "trust every OPC UA server; for first tries", 0, 0,
     NULL, false},
    SETTINGS_LOG,
};

static const struct settings_program program = {
    "twin",
    "OPC Twin: browses, reads, writes and calls on OPC UA servers, on behalf of the cloud's "
    "direct\n"
    "methods.",
    table,
    sizeof(table) / sizeof(table[0]),
};

struct host {
    struct loop *loop;
    struct opcua_pki *pki;
    struct opcua_thread *thread;
    struct module_access access;
    struct module *module;
    struct twin *twin;
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
        log_error("the setting 'connection' is needed; see millrace twin --help");
        return BAD_ARGUMENT;
    }
    return module_access_open(connection, ca, &h->access);
}

static enum status open_pki(const struct settings *s, struct host *h)
{
    struct opcua_pki_config config = {.directory = settings_text(s, "pki"),
                                      .application_name = "millrace twin",
                                      .trust_all = settings_bool(s, "pki.trust.all")};
    return opcua_pki_open(&config, &h->pki);
}

static void on_stop(void *arg)
{
    struct host *h = arg;
    twin_stop(h->twin);
    loop_stop(h->loop);
}

static void run(const struct settings *s, struct host *h)
{
    struct module_config config = {.device = h->access.device, .site = settings_text(s, "site")};
    h->loop = loop_new();
    config.device.loop = h->loop;
    h->thread = opcua_thread_new(&(struct opcua_thread_config){.pki = h->pki});
    h->module = module_new(&config);
    h->twin = twin_start(h->module, h->thread);
    module_start(h->module);
    loop_on_signal(h->loop, on_stop, h);
    log_info("twin started device=%s module=%s", module_device_id(h->module), module_id(h->module));
    loop_run(h->loop);
    module_free(&h->module);
    opcua_thread_free(&h->thread);
    twin_free(&h->twin);
    loop_free(&h->loop);
}

int twin_main(int argc, char **argv)
{
    struct settings *s;
    struct host h = {0};
    int code = settings_load(&program, argc, argv, &s);
    if (code >= 0)
        return code;
    settings_start_log(s);
    code = open_access(s, &h) == OK && open_pki(s, &h) == OK ? 0 : 1;
    if (code == 0)
        run(s, &h);
    opcua_pki_close(&h.pki);
    module_access_close(&h.access);
    settings_free(&s);
    return code;
}
