#include "edge/edge_main.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/server_files.h"
#include "crypto/tls.h"
#include "edge/amqp.h"
#include "edge/backend.h"
#include "edge/identities.h"
#include "edge/twins.h"
#include "edge/upstream.h"
#include "heads/mqtt.h"
#include "io/server_tls.h"
#include "io/trim.h"
#include "iot/identity.h"
#include "base/file.h"
#include "rest/client.h"
#include "rest/health.h"
#include "rest/server.h"
#include "settings/settings.h"

static const struct setting table[] = {
    {"device", SETTING_TEXT, NULL, "id of the edge device at the hub", 0, 0, NULL, false},
    {"key", SETTING_TEXT, NULL, "key of its module $edgeHub, base64", 0, 0, NULL, true},
    {"hub.host", SETTING_TEXT, NULL, "host name of the hub, as in connection strings", 0, 0, NULL, false},
    {"hub.address", SETTING_TEXT, NULL, "to connect to, when it is not the host name", 0, 0, NULL, false},
    {"hub.mqtt.port", SETTING_INTEGER, "8883", "the hub's MQTT over TLS", 1, 65535, NULL, false},
    {"hub.https.port", SETTING_INTEGER, "443", "the hub's REST", 1, 65535, NULL, false},
    {"hub.ca", SETTING_PATH, NULL, "PEM file of authorities for the hub's certificate; else the system's", 0, 0, NULL, false},
    {"name", SETTING_TEXT, "localhost", "host name of this edge: modules' GatewayHostName", 0, 0, NULL, false},
    {"alias", SETTING_LIST, NULL, "further names and addresses of this edge", 0, 0, NULL, false},
    {"data", SETTING_PATH, "~/.local/state/millrace/edge", "folder for everything that is kept", 0, 0, NULL, false},
    {"listen", SETTING_TEXT, "0.0.0.0", "address to listen on", 0, 0, NULL, false},
    {"mqtt.port", SETTING_INTEGER, "8883", "MQTT over TLS, for modules and devices", 0, 65535, NULL, false},
    {"amqp.port", SETTING_INTEGER, "0", "AMQP over TLS for the same, usually 5671; 0: none", 0, 65535, NULL, false},
    {"health.port", SETTING_INTEGER, "9600", "/healthz, /readyz and /metrics, plain, on 127.0.0.1", 0, 65535, NULL, false},
    {"tls.certificate", SETTING_PATH, NULL, "PEM file with the chain; made at first start when absent", 0, 0, NULL, false},
    {"tls.key", SETTING_PATH, NULL, "PEM file of its key", 0, 0, NULL, false},
    {"store.bytes", SETTING_SIZE, "8GiB", "how much is kept for the hub; then senders are held back", 1 << 20, INT64_MAX, NULL, false},
    {"durability", SETTING_WORD, "fsync", "when a message counts as safe: on the disk, with the system, or not at all", 0, 0, STORE_DURABILITY_WORDS, false},
    SETTINGS_LOG,
};

static const struct settings_program program = {
    "edge",
    "The edge: takes in what modules and devices at a site send, keeps it until the hub has it, and\n"
    "passes methods and twins both ways.",
    table,
    sizeof(table) / sizeof(table[0]),
};

struct program {
    struct settings *settings;
    struct loop *loop;
    struct trim trim;
    struct edge *edge;
    struct edge_identities *identities;
    struct edge_twins *twins;
    struct rest_client *rest;
    struct rest_server *health_server;
    struct rest_health *health;
    struct rest_metrics *metrics;
    struct heads_mqtt *mqtt;
    struct edge_amqp *amqp;
    struct server_tls *tls;
    struct tls_client *hub_tls;
    struct listener *mqtt_listener, *amqp_listener, *health_listener;
    const char **names, **hosts;
    char tls_directory[512], hub_url[512], identities_path[512], twins_path[512], log_directory[512];
};

static const char *text(const struct program *p, const char *name)
{
    return settings_text(p->settings, name);
}

/* ---- /readyz and /metrics ---- */

static bool store_ready(void *arg, struct buffer *detail)
{
    struct program *p = arg;
    buffer_printf(detail, "durability %s, %llu messages wait for the hub", text(p, "durability"),
                  (unsigned long long)edge_upstream_backlog(p->edge->upstream));
    return true;
}

static bool hub_seen(void *arg, struct buffer *detail)
{
    struct program *p = arg;
    buffer_text(detail, edge_upstream_connected(p->edge->upstream) ? "connected" : "not connected");
    return true; /* an edge without its hub is in order: it stores */
}

static void collect(void *arg, struct rest_metrics *m, struct buffer *out)
{
    struct program *p = arg;
    (void)m;
    const struct {
        const char *name, *help;
        enum rest_metric_type type;
        uint64_t value;
    } rows[] = {
        {"millrace_edge_messages_total", "messages taken in", REST_COUNTER, p->edge->count.received},
        {"millrace_edge_sent_total", "messages that the hub has acknowledged", REST_COUNTER, p->edge->count.sent},
        {"millrace_edge_set_aside_total", "messages that could not be sent for good", REST_COUNTER, p->edge->count.set_aside},
        {"millrace_edge_refused_total", "sign ins refused", REST_COUNTER, p->edge->count.refused},
        {"millrace_edge_identity_requests_total", "requests to the hub about who may connect", REST_COUNTER, edge_identities_requests(p->identities)},
        {"millrace_edge_connected", "modules and devices connected", REST_GAUGE, p->edge->count.connected},
        {"millrace_edge_backlog", "messages that wait for the hub", REST_GAUGE, edge_upstream_backlog(p->edge->upstream)},
        {"millrace_edge_store_bytes", "bytes in the log", REST_GAUGE, store_log_bytes(p->edge->log)},
        {"millrace_edge_damaged_total", "records set aside as damaged", REST_COUNTER, store_log_damaged(p->edge->log)},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rest_metrics_put_head(out, rows[i].name, rows[i].type, rows[i].help);
        rest_metrics_put(out, rows[i].name, NULL, (double)rows[i].value);
    }
}

/* ---- start ---- */

static bool needs(const struct program *p, const char *name)
{
    if (text(p, name))
        return true;
    log_error("the setting '%s' is needed; see millrace edge --help", name);
    return false;
}

/* What the hub would refuse without end is refused here, once. */
static bool usable(const struct program *p)
{
    struct buffer key = {0};
    bool device = iot_id_name_ok(slice_of(text(p, "device")));
    bool decoded = base64_decode(slice_of(text(p, "key")), &key) == OK && key.len;
    buffer_clear(&key);
    if (!device)
        log_error("the setting 'device' is no id of a device: %s", text(p, "device"));
    if (!decoded)
        log_error("the setting 'key' is not base64");
    return device && decoded;
}

/* `names` are the edge's own, for its certificate; `hosts` the hub's too, for tokens. */
static void collect_names(struct program *p)
{
    const char *const *more;
    size_t count = settings_list(p->settings, "alias", &more), n = 0;
    p->names = server_names(text(p, "name"), more, count, text(p, "listen"));
    while (p->names[n])
        n++;
    p->hosts = memory_new((n + 2) * sizeof(*p->hosts));
    p->hosts[0] = text(p, "hub.host");
    memcpy(p->hosts + 1, p->names, n * sizeof(*p->hosts));
}

static void make_paths(struct program *p)
{
    const char *data = text(p, "data");
    const char *address = text(p, "hub.address") ? text(p, "hub.address") : text(p, "hub.host");
    snprintf(p->hub_url, sizeof(p->hub_url), "https://%s:%d", address,
             (int)settings_integer(p->settings, "hub.https.port"));
    snprintf(p->identities_path, sizeof(p->identities_path), "%s/identities.json", data);
    snprintf(p->twins_path, sizeof(p->twins_path), "%s/twins.json", data);
    snprintf(p->log_directory, sizeof(p->log_directory), "%s/log", data);
}

static enum status open_tls(struct program *p)
{
    snprintf(p->tls_directory, sizeof(p->tls_directory), "%s/tls", text(p, "data"));
    enum status s = server_tls_open(&(struct server_tls_config){.loop = p->loop,
                                                                .certificate = text(p, "tls.certificate"),
                                                                .key = text(p, "tls.key"),
                                                                .directory = p->tls_directory,
                                                                .names = p->names},
                                    &p->tls);
    return s == OK ? tls_client_new(&(struct tls_client_config){.ca_file = text(p, "hub.ca")}, &p->hub_tls) : s;
}

static void on_identity_changed(void *arg, struct iot_id id)
{
    struct program *p = arg;
    if (p->edge) /* not while the kept ones are read */
        edge_backend_identity_changed(p->edge, id);
}

static enum status open_identities(struct program *p)
{
    p->rest = rest_client_new(&(struct rest_client_config){.loop = p->loop, .ca_file = text(p, "hub.ca")});
    enum status s = edge_twins_open(p->loop, p->twins_path, &p->twins);
    if (s != OK)
        return s;
    return edge_identities_open(
        &(struct edge_identities_config){
            .loop = p->loop,
            .path = p->identities_path,
            .rest = p->rest,
            .hub_url = p->hub_url,
            .hub_host = text(p, "hub.host"),
            .device_id = text(p, "device"),
            .key = text(p, "key"),
            .on_changed = on_identity_changed,
            .arg = p,
        },
        &p->identities);
}

static enum status open_edge(struct program *p)
{
    return edge_open(
        &(struct edge_config){
            .loop = p->loop,
            .disk = store_disk_real(),
            .directory = p->log_directory,
            .durability = store_durability(text(p, "durability")),
            .store_bytes = settings_size(p->settings, "store.bytes"),
            .device_id = text(p, "device"),
            .key = text(p, "key"),
            .hub_host = text(p, "hub.host"),
            .hub_address = text(p, "hub.address"),
            .hub_port = (int)settings_integer(p->settings, "hub.mqtt.port"),
            .tls = p->hub_tls,
            .hosts = p->hosts,
        },
        p->identities, p->twins, &p->edge);
}

static void on_mqtt(void *arg, struct stream *s)
{
    struct program *p = arg;
    heads_mqtt_accept(p->mqtt, s);
}

static void on_amqp(void *arg, struct stream *s)
{
    struct program *p = arg;
    edge_amqp_accept(p->amqp, s);
}

static void on_health(void *arg, struct stream *s)
{
    struct program *p = arg;
    rest_server_accept(p->health_server, s);
}

static void make_servers(struct program *p)
{
    p->mqtt = heads_mqtt_new(&p->edge->backend);
    p->amqp = edge_amqp_new(&p->edge->backend, text(p, "name"));
    p->metrics = rest_metrics_new(NULL, 0);
    rest_metrics_collect(p->metrics, collect, p);
    p->health = rest_health_new(p->metrics);
    rest_health_add(p->health, "store", store_ready, p);
    rest_health_add(p->health, "hub", hub_seen, p);
    struct rest_table tables[] = {rest_health_table(p->health)};
    p->health_server = rest_server_new(&(struct rest_server_config){
        .loop = p->loop, .tables = tables, .table_count = 1, .app = p});
}

static enum status listen_on(struct program *p, const char *setting,
                             void (*on_accept)(void *arg, struct stream *s), struct listener **out)
{
    return listener_open(&(struct listen_config){.loop = p->loop,
                                                 .host = text(p, "listen"),
                                                 .port = (int)settings_integer(p->settings, setting),
                                                 .tls = server_tls(p->tls),
                                                 .on_accept = on_accept,
                                                 .arg = p},
                         out);
}

static enum status listen_all(struct program *p)
{
    enum status s = listen_on(p, "mqtt.port", on_mqtt, &p->mqtt_listener);
    if (s == OK && settings_integer(p->settings, "amqp.port"))
        s = listen_on(p, "amqp.port", on_amqp, &p->amqp_listener);
    if (s != OK)
        return s;
    return listener_open(
        &(struct listen_config){
            .loop = p->loop,
            .host = "127.0.0.1",
            .port = (int)settings_integer(p->settings, "health.port"),
            .on_accept = on_health,
            .arg = p,
        },
        &p->health_listener);
}

static enum status start(struct program *p)
{
    if (!needs(p, "device") || !needs(p, "key") || !needs(p, "hub.host") || !usable(p))
        return BAD_ARGUMENT;
    enum status s = file_make_directory(text(p, "data"));
    if (s != OK)
        return s;
    p->loop = loop_new();
    collect_names(p);
    make_paths(p);
    s = open_tls(p);
    if (s == OK)
        s = open_identities(p);
    if (s == OK)
        s = open_edge(p);
    if (s != OK)
        return s;
    make_servers(p);
    return listen_all(p);
}

static void on_signal(void *arg)
{
    struct program *p = arg;
    log_info("stopping");
    loop_stop(p->loop);
}

int edge_main(int argc, char **argv)
{
    struct program *p = MEMORY_NEW(struct program);
    int code = settings_load(&program, argc, argv, &p->settings);
    if (code >= 0) {
        free(p);
        return code;
    }
    settings_start_log(p->settings);
    if (start(p) != OK) {
        log_error("the edge could not start");
        return 1;
    }
    loop_on_signal(p->loop, on_signal, p);
    trim_start(&p->trim, p->loop);
    log_info("ready name=%s mqtt=%d health=%d device=%s hub=%s durability=%s", text(p, "name"),
             listener_port(p->mqtt_listener), listener_port(p->health_listener), text(p, "device"),
             text(p, "hub.host"), text(p, "durability"));
    loop_run(p->loop);
    trim_stop(&p->trim);
    edge_close(&p->edge); /* commits what has gathered; the rest is the system's to take back */
    log_info("stopped");
    return 0;
}
