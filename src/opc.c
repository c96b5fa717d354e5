#include "opc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audit/audit.h"
#include "base/log.h"
#include "base/memory.h"
#include "client/module.h"
#include "client/module_access.h"
#include "discovery/discovery.h"
#include "discovery/discovery_settings.h"
#include "io/trim.h"
#include "opcua/thread.h"
#include "outbox/transport.h"
#include "publisher/api.h"
#include "publisher/api_check.h"
#include "publisher/changes.h"
#include "publisher/pki_methods.h"
#include "publisher/pki_settings.h"
#include "publisher/publisher.h"
#include "publisher/publisher_options.h"
#include "publisher/publisher_settings.h"
#include "publisher/session_settings.h"
#include "rest/health.h"
#include "rest/server.h"
#include "settings/settings.h"
#include "twin/twin.h"

/* clang-format off */
static const struct setting own_settings[] = {
    {"roles", SETTING_LIST, NULL, "what it does; all of it by default", 0, 0, "publisher|twin|discovery", false},
    {"connection", SETTING_TEXT, NULL, "connection string of the module, as IoT Edge gives it in EdgeHubConnectionString", 0, 0, NULL, true},
    {"connection.transport", SETTING_WORD, "Mqtt", "how that is spoken to; of several the first that can be connected, or the first alone when the connection string has a port", 0, 0, DEVICE_WAY_WORDS, false},
    {"connection.certificate", SETTING_PATH, NULL, "PEM file of the module's own certificate, and its chain, for a connection string with x509=true", 0, 0, NULL, false},
    {"connection.key", SETTING_PATH, NULL, "PEM file of its key", 0, 0, NULL, false},
    {"ca", SETTING_PATH, NULL, "PEM file of authorities for the edge's or hub's certificate, as in EdgeModuleCACertificateFile; else the system's", 0, 0, NULL, false},
    {"site", SETTING_TEXT, NULL, "what this site is called; else the desired twin says", 0, 0, NULL, false},
    {"api.port", SETTING_INTEGER, NULL, "the module's HTTP API over HTTPS; else 9072, or none when that is taken; 0: any free one, -1: none", -1, 65535, NULL, false},
    {"api.port.plain", SETTING_INTEGER, "-1", "the same over HTTP; 0: any free one, -1: none", -1, 65535, NULL, false},
    {"api.listen", SETTING_TEXT, "0.0.0.0", "address of both", 0, 0, NULL, false},
    {"api.key", SETTING_TEXT, NULL, "what callers show: Authorization: ApiKey KEY; else made at the first start", 0, 0, NULL, true},
    {"api.data", SETTING_PATH, NULL, "folder with that key and the certificate; else the folder api in that of pki", 0, 0, NULL, false},
    {"api.certificate.renew", SETTING_BOOL, "false", "makes a new certificate at this start", 0, 0, NULL, false},
    {"api.openapi", SETTING_BOOL, "true", "serves /swagger/v2/openapi.json", 0, 0, NULL, false},
    {"api.openapi.3", SETTING_BOOL, "false", "as OpenAPI 3.0; else as Swagger 2.0", 0, 0, NULL, false},
    {"audit", SETTING_PATH, "~/.local/state/millrace/opc/audit", "folder of audit logs: who changes what through the module, which has its own in it; none: no log", 0, 0, NULL, false},
    {"health.port", SETTING_INTEGER, "9702", "/healthz, /readyz and /metrics, plain, on 127.0.0.1; 0: any free one", 0, 65535, NULL, false},
    SETTINGS_LOG,
};
/* clang-format on */

#define OWN_COUNT (sizeof(own_settings) / sizeof(own_settings[0]))
#define SETTINGS_MAX 280
#define SHUT_DOWN_MS 100 /* so that the call's answer is on its way */
#define API_PORT 9072    /* of OPC Publisher, when it is not root */

static const char usage[] =
    "The OPC UA module of a site: publishes values, serves browse, read, write and call as direct\n"
    "methods, and finds servers. It signs in to an edge, or straight to a hub.";

struct opc {
    const char *word; /* "opc", "publisher", "twin" or "discovery" */
    struct settings *settings;
    struct setting table[SETTINGS_MAX];
    size_t table_count;
    struct loop *loop;
    struct trim trim;
    struct module_access access;
    struct opcua_pki *pki;
    struct pki_methods *pki_methods;
    struct opcua_thread *thread;
    struct module *module;
    struct publisher *publisher;
    struct twin *twin;
    struct discovery *discovery;
    struct api *api;
    struct audit *audit; /* NULL: none */
    struct rest_health *health;
    struct rest_metrics *metrics;
    struct rest_server *server;
    struct listener *listener;
    char publisher_id[300];
    struct buffer queues; /* folder of the publisher's queues */
    bool without_hub;
    char host[256]; /* what the publisher is called then */
    struct loop_timer shut_down_timer;
    bool stopping;
    int code; /* of the process */
};

/* ---- settings: the module's own, and those of its roles ---- */

static bool wants(const struct opc *o, const char *role)
{
    const char *const *roles;
    size_t count = settings_list(o->settings, "roles", &roles);
    if (count == 0)
        return strcmp(o->word, "opc") == 0 || strcmp(o->word, role) == 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(roles[i], role) == 0)
            return true;
    return false;
}

static void add_rows(struct opc *o, const struct setting *rows, size_t count)
{
    assert(o->table_count + count <= SETTINGS_MAX);
    memcpy(o->table + o->table_count, rows, count * sizeof(*rows));
    o->table_count += count;
}

/* ---- what the roles share ---- */

/* Of a transport that needs no hub: the setting that says where it leads. */
static const struct other_way {
    const char *transport, *setting;
} other_ways[] = {{"Mqtt", "mqtt.connection"},   {"EventHub", "eventhub.connection"}, {"Kafka", "kafka.connection"},
                  {"Dapr", "dapr.connection"},   {"Http", "http.connection"},         {"FileSystem", "output"}};

static enum status refuse_way(const char *transport)
{
    const char *refusal = transport ? transport_refusal(transport) : NULL;
    if (refusal) {
        log_error("transport %s is not there: %s", transport, refusal);
        return BAD_ARGUMENT;
    }
    for (size_t i = 0; transport && i < sizeof(other_ways) / sizeof(other_ways[0]); i++)
        if (strcmp(transport, other_ways[i].transport) == 0) {
            log_error("transport %s needs the setting '%s', which says where it leads", transport,
                      other_ways[i].setting);
            return BAD_ARGUMENT;
        }
    log_error("the setting 'connection' is needed: the connection string of this module; or another "
              "transport for a publisher alone, such as mqtt.connection, http.connection or output");
    return BAD_ARGUMENT;
}

/* A publisher alone may have another transport; what else there is needs the module's connection. */
static enum status do_without_hub(struct opc *o)
{
    const char *transport = settings_text(o->settings, "transport");
    o->without_hub = transport && strcmp(transport, "Null") == 0;
    for (size_t i = 0; i < sizeof(other_ways) / sizeof(other_ways[0]); i++)
        o->without_hub |= settings_text(o->settings, other_ways[i].setting) != NULL;
    if (!o->without_hub)
        return refuse_way(transport);
    if (gethostname(o->host, sizeof(o->host) - 1) != 0)
        strcpy(o->host, "publisher");
    o->access.device.device_id = o->host;
    return OK;
}

static enum status open_module(struct opc *o)
{
    const char *connection = settings_text(o->settings, "connection");
    struct module_access_config access = {
        .connection = connection,
        .ca_file = settings_text(o->settings, "ca"),
        .certificate_file = settings_text(o->settings, "connection.certificate"),
        .key_file = settings_text(o->settings, "connection.key"),
        .ways = device_ways_of(slice_of(settings_text(o->settings, "connection.transport")))};
    bool given = connection && connection[0];
    enum status s = given ? module_access_open(&access, &o->access) : do_without_hub(o);
    if (s != OK)
        return s;
    o->access.device.loop = o->loop;
    o->module = module_new(
        &(struct module_config){.device = o->access.device, .site = settings_text(o->settings, "site")});
    module_set_check(o->module, api_check);
    return OK;
}

/* A module that was dropped into a container without a folder to write to works all the same, and says so. */
static void open_audit(struct opc *o)
{
    const char *path = settings_text(o->settings, "audit");
    struct buffer folder = {0};
    if (!path || path[0] == 0 || strcmp(path, "none") == 0)
        return;
    buffer_printf(&folder, "%s/%s", path, module_device_id(o->module));
    if (module_id(o->module)[0])
        buffer_printf(&folder, "_module_%s", module_id(o->module));
    if (audit_open(buffer_cstr(&folder), &o->audit) == OK)
        changes_watch(o->module, o->audit);
    else
        log_warn("changes are not recorded: give the setting audit a folder that can be written to path=%s", path);
    buffer_clear(&folder);
}

static enum status open_opcua(struct opc *o)
{
    struct opcua_pki_config pki = pki_settings_read(o->settings);
    enum status s = opcua_pki_open(&pki, &o->pki);
    if (s != OK)
        return s;
    o->pki_methods = pki_methods_start(o->module, o->pki);
    struct opcua_thread_config thread = {.pki = o->pki};
    session_settings_read(o->settings, &thread);
    o->thread = opcua_thread_new(&thread);
    return s;
}

/* ---- roles ---- */

/* Each module's own: two may live on one machine. */
static const char *queue_directory(struct opc *o, const char *path)
{
    buffer_reset(&o->queues);
    buffer_printf(&o->queues, "%s/%s", path, o->publisher_id);
    return buffer_cstr(&o->queues);
}

static void on_signal(void *arg);

static const char *key_of_api(void *opc)
{
    const struct opc *o = opc;
    return o->api ? api_key(o->api) : NULL;
}

static const char *certificate_of_api(void *opc)
{
    const struct opc *o = opc;
    return o->api ? api_certificate(o->api) : NULL;
}

static void on_reported(void *opc, const struct json *reported)
{
    struct opc *o = opc;
    if (o->api)
        api_on_reported(o->api, reported);
}

/* Failing fast is an end, too, but one that supervisors see as a failure. */
static void shut_down(void *opc, bool fail_fast)
{
    struct opc *o = opc;
    if (fail_fast)
        log_error("shut down by a call that wants it to look like a failure");
    else
        log_info("shut down by a call");
    o->code = fail_fast ? 1 : 0;
    loop_timer_start(o->loop, &o->shut_down_timer, SHUT_DOWN_MS, on_signal, o);
}

static enum status start_publisher(struct opc *o)
{
    const char *module = module_id(o->module);
    snprintf(o->publisher_id, sizeof(o->publisher_id), "%s%s%s", module_device_id(o->module),
             module[0] ? "_module_" : "", module);
    struct publisher_config config = publisher_settings_read(o->settings, o->publisher_id);
    config.audit = o->audit;
    config.site = settings_text(o->settings, "site");
    config.without_hub = o->without_hub;
    config.outbox.directory = queue_directory(o, config.outbox.directory);
    config.host = o;
    config.api_key = key_of_api;
    config.api_certificate = certificate_of_api;
    config.shut_down = shut_down;
    config.on_reported = on_reported;
    o->publisher = publisher_start(o->module, o->thread, &config);
    return o->publisher ? OK : BAD_ARGUMENT;
}

static enum status start_roles(struct opc *o)
{
    if (wants(o, "publisher") && start_publisher(o) != OK)
        return BAD_ARGUMENT;
    if (wants(o, "twin"))
        o->twin = twin_start(o->module, o->thread);
    if (wants(o, "discovery"))
        o->discovery = discovery_start(&(struct discovery_config){
            .module = o->module, .thread = o->thread, .limits = discovery_settings_read(o->settings),
            .state = settings_text(o->settings, "scan.state")});
    if (o->publisher || o->twin || o->discovery)
        return OK;
    log_error("the setting 'roles' names none of publisher, twin and discovery");
    return BAD_ARGUMENT;
}

/* ---- /readyz and /metrics ---- */

static bool file_taken(void *arg, struct buffer *detail)
{
    struct publisher_counts c;
    publisher_counts(((struct opc *)arg)->publisher, &c);
    buffer_printf(detail, "%llu nodes, %llu live, %llu refused by servers, %llu left out of the file",
                  (unsigned long long)c.items, (unsigned long long)c.live, (unsigned long long)c.failed,
                  (unsigned long long)c.config_refused);
    return c.config_loads > 0;
}

static bool queue_moves(void *arg, struct buffer *detail)
{
    struct publisher_counts c;
    publisher_counts(((struct opc *)arg)->publisher, &c);
    buffer_printf(detail, "%llu messages wait for the hub", (unsigned long long)c.waiting);
    return true;
}

static void collect(void *arg, struct rest_metrics *m, struct buffer *out)
{
    (void)m;
    publisher_metrics(((struct opc *)arg)->publisher, out);
}

static void collect_pki(void *arg, struct rest_metrics *m, struct buffer *out)
{
    (void)m;
    struct opcua_pki_counts c = opcua_pki_counts(((struct opc *)arg)->pki);
    buffer_printf(out,
                  "# HELP millrace_opcua_certificates_rejected_total Certificates of servers that were refused, each time.\n"
                  "# TYPE millrace_opcua_certificates_rejected_total counter\n"
                  "millrace_opcua_certificates_rejected_total %llu\n"
                  "# HELP iiot_edge_publisher_certificate_renewal_count Own certificates that were made anew.\n"
                  "# TYPE iiot_edge_publisher_certificate_renewal_count counter\n"
                  "iiot_edge_publisher_certificate_renewal_count %llu\n",
                  (unsigned long long)c.rejected, (unsigned long long)c.renewed);
}

static void on_health(void *arg, struct stream *s)
{
    rest_server_accept(((struct opc *)arg)->server, s);
}

static enum status serve_health(struct opc *o)
{
    o->metrics = rest_metrics_new(NULL, 0);
    o->health = rest_health_new(o->metrics);
    rest_metrics_collect(o->metrics, collect_pki, o);
    if (o->publisher) {
        rest_metrics_collect(o->metrics, collect, o);
        rest_health_add(o->health, "configuration", file_taken, o);
        rest_health_add(o->health, "queue", queue_moves, o);
    }
    struct rest_table tables[] = {rest_health_table(o->health)};
    o->server = rest_server_new(
        &(struct rest_server_config){.loop = o->loop, .tables = tables, .table_count = 1, .app = o});
    return listener_open(&(struct listen_config){.loop = o->loop,
                                                 .host = "127.0.0.1",
                                                 .port = (int)settings_integer(o->settings, "health.port"),
                                                 .on_accept = on_health,
                                                 .arg = o},
                         &o->listener);
}

/* ---- the HTTP API ---- */

static enum status open_api(struct opc *o, int port)
{
    const struct settings *s = o->settings;
    const char *given = settings_text(s, "api.data");
    struct buffer directory = {0};
    if (given)
        buffer_text(&directory, given);
    else
        buffer_printf(&directory, "%s/api", settings_text(s, "pki"));
    enum status status = api_open(
        &(struct api_config){.module = o->module,
                             .loop = o->loop,
                             .health = rest_health_table(o->health),
                             .key = settings_text(s, "api.key"),
                             .directory = buffer_cstr(&directory),
                             .listen = settings_text(s, "api.listen"),
                             .port = port,
                             .quiet = !settings_given(s, "api.port"),
                             .plain_port = (int)settings_integer(s, "api.port.plain"),
                             .renew = settings_bool(s, "api.certificate.renew"),
                             .openapi = settings_bool(s, "api.openapi"),
                             .openapi_3 = settings_bool(s, "api.openapi.3")},
        &o->api);
    buffer_clear(&directory);
    return status;
}

/* The port that nobody asked for may be another program's. */
static enum status serve_api(struct opc *o)
{
    bool given = settings_given(o->settings, "api.port");
    int port = given ? (int)settings_integer(o->settings, "api.port") : API_PORT;
    if (port < 0 && settings_integer(o->settings, "api.port.plain") < 0)
        return OK;
    enum status s = open_api(o, port);
    if (s == OK) {
        log_info("api served https=%d http=%d", api_port(o->api), api_plain_port(o->api));
    } else if (!given) {
        log_warn("api not served port=%d status=%s do=\"a second module on this host: set api.port to 0 for any free port, "
                 "or to one of its own; to -1 for none\"", port, status_name(s));
        s = OK;
    }
    return s;
}

/* ---- start and end ---- */

static enum status start(struct opc *o)
{
    o->loop = loop_new();
    enum status s = open_module(o);
    if (s == OK)
        s = open_opcua(o);
    if (s == OK)
        open_audit(o);
    if (s == OK)
        s = start_roles(o);
    if (s == OK)
        s = serve_health(o);
    if (s == OK)
        s = serve_api(o);
    if (s == OK && !o->without_hub)
        module_start(o->module);
    return s;
}

static void end_loop(void *arg)
{
    struct opc *o = arg;
    if (o->twin)
        twin_stop(o->twin);
    if (o->discovery)
        discovery_stop(o->discovery);
    loop_stop(o->loop);
}

static void on_signal(void *arg)
{
    struct opc *o = arg;
    if (o->stopping)
        return;
    o->stopping = true;
    log_info("stopping");
    loop_timer_stop(&o->shut_down_timer);
    if (o->api)
        api_stop(o->api);
    if (o->publisher)
        publisher_stop(o->publisher, end_loop, o);
    else
        end_loop(o);
}

/* In the order that the roles ask for. */
static void finish(struct opc *o)
{
    trim_stop(&o->trim);
    listener_close(&o->listener);
    api_free(&o->api);
    module_free(&o->module);
    pki_methods_free(&o->pki_methods);
    opcua_thread_free(&o->thread);
    if (o->publisher)
        publisher_free(&o->publisher);
    if (o->twin)
        twin_free(&o->twin);
    if (o->discovery)
        discovery_free(&o->discovery);
    rest_server_free(&o->server);
    rest_health_free(&o->health);
    rest_metrics_free(&o->metrics);
    loop_free(&o->loop);
    audit_close(&o->audit);
    opcua_pki_close(&o->pki);
    module_access_close(&o->access);
}

static int run(struct opc *o)
{
    if (start(o) != OK) {
        log_error("the module could not start");
        return 1; /* what was opened goes with the process */
    }
    loop_on_signal(o->loop, on_signal, o);
    trim_start(&o->trim, o->loop);
    log_info("ready device=%s module=%s health=%d", module_device_id(o->module), module_id(o->module),
             listener_port(o->listener));
    loop_run(o->loop);
    finish(o);
    log_info("stopped");
    return o->code;
}

int opc_main(int argc, char **argv)
{
    struct opc *o = MEMORY_NEW(struct opc);
    o->word = argv[0];
    add_rows(o, own_settings, OWN_COUNT);
    add_rows(o, pki_settings, pki_settings_count);
    add_rows(o, session_settings, session_settings_count);
    add_rows(o, publisher_settings, publisher_settings_count);
    add_rows(o, discovery_settings, discovery_settings_count);
    const struct settings_program program = {o->word, usage, o->table, o->table_count,
                                             .dialect = &publisher_dialect};
    int code = settings_load(&program, argc, argv, &o->settings);
    if (code < 0) {
        settings_start_log(o->settings);
        struct publisher_config config = publisher_settings_read(o->settings, "");
        code = settings_bool(o->settings, "schema")       ? publisher_schema()
               : settings_bool(o->settings, "check.file") ? publisher_check(&config)
                                                          : run(o);
        settings_free(&o->settings);
        buffer_clear(&o->queues);
    }
    free(o);
    return code;
}
