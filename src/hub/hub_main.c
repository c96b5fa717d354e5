#include "audit/audit.h"
#include "hub/audit.h"
#include "hub/hub_main.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "blob/account.h"
#include "blob/http.h"
#include "blob/name.h"
#include "c2d/c2d.h"
#include "configurations/configurer.h"
#include "crypto/server_files.h"
#include "dps/mqtt.h"
#include "dps/routes.h"
#include "events/events.h"
#include "heads/http.h"
#include "heads/mqtt.h"
#include "hub/amqp.h"
#include "hub/backend.h"
#include "hub/certificate_commands.h"
#include "hub/connection_strings.h"
#include "hub/hub_metrics.h"
#include "hub/provisioning.h"
#include "hub/rest.h"
#include "hub/service_links.h"
#include "hub/sources.h"
#include "io/server_tls.h"
#include "io/trim.h"
#include "jobs/jobs.h"
#include "rest/health.h"
#include "rest/server.h"
#include "routing/routing.h"
#include "settings/settings.h"
#include "transfers/transfers.h"

static const struct setting own_settings[] = {
    {"name", SETTING_TEXT, "localhost", "host name of the hub, as in connection strings", 0, 0,
     NULL, false},
    {"alias", SETTING_LIST, NULL, "further names and addresses that clients use", 0, 0, NULL,
     false},
    {"data", SETTING_PATH, "~/.local/state/millrace/hub", "folder for everything that is kept", 0,
     0, NULL, false},
    {"listen", SETTING_TEXT, "0.0.0.0", "address to listen on", 0, 0, NULL, false},
    {"mqtt.port", SETTING_INTEGER, "8883", "MQTT over TLS", 0, 65535, NULL, false},
    {"amqp.port", SETTING_INTEGER, "5671", "AMQP 1.0 over TLS", 0, 65535, NULL, false},
    {"https.port", SETTING_INTEGER, "443", "REST, and MQTT and AMQP over WebSocket", 0, 65535, NULL,
     false},
    {"mqtt.plain", SETTING_TEXT, NULL, "loopback address:port for MQTT without TLS; for benchmarks",
     0, 0, NULL, false},
    {"tls.certificate", SETTING_PATH, NULL,
     "PEM file with the chain; made at first start when absent", 0, 0, NULL, false},
    {"tls.key", SETTING_PATH, NULL, "PEM file of its key", 0, 0, NULL, false},
    {"loops", SETTING_INTEGER, "0", "threads that serve; 0: as many as cores", 0, HUB_LOOPS_MAX,
     NULL, false},
    {"events.name", SETTING_TEXT, "millrace", "name of the Event-Hub-compatible entity", 0, 0, NULL,
     false},
    {"events.groups", SETTING_LIST, NULL,
     "consumer groups besides $Default; when absent, any name is one", 0, 0, NULL, false},
    {"events.partitions", SETTING_INTEGER, "4", "partitions of the stream; fixed after first start",
     1, EVENTS_PARTITIONS_MAX, NULL, false},
    {"events.retain", SETTING_DURATION, "7d", "how long events are kept", 0, 0, NULL, false},
    {"events.bytes", SETTING_SIZE, "8GiB", "how much of each partition is kept", 1 << 20, INT64_MAX,
     NULL, false},
    {"transfers.ca", SETTING_PATH, NULL,
     "PEM file of authorities for the storage of import and export jobs; whom the machine trusts "
     "when absent",
     0, 0, NULL, false},
    {"uploads.container", SETTING_TEXT, "uploads",
     "container of blobs for files that devices upload", 0, 0, NULL, false},
    {"uploads.notify", SETTING_BOOL, "true",
     "tell services of them: messages/serviceBound/filenotifications", 0, 0, NULL, false},
    {"blobs.bytes", SETTING_SIZE, "64GiB",
     "how much all uploaded files and exports may hold together", 1 << 20, INT64_MAX, NULL, false},
    {"routing", SETTING_PATH, NULL,
     "file of routes, endpoints and enrichments; routing.json in the data folder when absent", 0, 0,
     NULL, false},
    {"durability", SETTING_WORD, "fsync",
     "when a message counts as safe: on the disk, with the system, or not at all", 0, 0,
     STORE_DURABILITY_WORDS, false},
    {"audit", SETTING_BOOL, "true",
     "records in audit.log of the data folder what services change and call; 'millrace audit "
     "FOLDER' looks at it",
     0, 0, NULL, false},
    SETTINGS_LOG,
};

static const char usage[] =
    "The message hub: devices over MQTT, AMQP and HTTPS, services over HTTPS and AMQP, events over AMQP.\n"
    "  millrace hub connection-string [--policy NAME | --device ID [--module ID] | --events | --blobs |\n"
    "                                 --provisioning [--policy NAME] | --id-scope]\n"
    "prints what clients need.\n"
    "  millrace hub certificate list | add | code | verify | remove\n"
    "authorities that devices' certificates lead to.";

#define SETTINGS_MAX 128

/* What the program has besides the hub itself. */
struct program {
    struct settings *settings;
    struct setting table[SETTINGS_MAX];
    size_t table_count;
    struct hub hub;
    struct server_tls *tls;
    struct rest_server *rest[HUB_LOOPS_MAX];
    struct rest_health *health;
    struct hub_metrics counted;
    struct rest_metrics *metrics;
    struct heads_mqtt *mqtt;
    struct heads_http *http;
    struct hub_provisioning provisioning;
    struct configurer *configurer;
    struct events *events;
    struct hub_amqp *amqp;
    struct c2d_clock messages_clock;
    struct trim trim;
    struct listener *listeners[4];
    pthread_t threads[HUB_LOOPS_MAX];
    unsigned started;    /* threads */
    struct loop *loops[HUB_LOOPS_MAX]; /* they take turns with the connections */
    const char **aliases;
    char *tls_directory;
};

/* A direct method may wait 300 s for the device to connect and 300 s for its answer. */
#define METHOD_MS_MAX (660u * 1000)

/* ---- settings: the program's own, and those of its parts ---- */

static void add_rows(struct program *p, const struct setting *rows, size_t count)
{
    assert(p->table_count + count <= SETTINGS_MAX);
    memcpy(p->table + p->table_count, rows, count * sizeof(*rows));
    p->table_count += count;
}

static void add_settings(struct program *p)
{
    add_rows(p, own_settings, sizeof(own_settings) / sizeof(own_settings[0]));
    for (size_t i = 0; i < iot_limits_settings_count; i++)
        add_rows(p, iot_limits_setting(i), 1);
    add_rows(p, hub_provisioning_settings, hub_provisioning_settings_count);
}

/* ---- connections ---- */

static void accept_provisioning(void *dps, struct stream *s, struct slice bytes)
{
    dps_mqtt_accept(dps, s, bytes);
}

static void on_mqtt(void *arg, struct stream *s)
{
    struct program *p = arg;
    heads_mqtt_accept(p->mqtt, s);
}

static void on_https(void *arg, struct stream *s)
{
    struct program *p = arg;
    for (unsigned i = 0; i < p->hub.loop_count; i++)
        if (p->loops[i] == stream_loop(s))
            rest_server_accept(p->rest[i], s);
}

static void on_amqp(void *arg, struct stream *s)
{
    struct program *p = arg;
    hub_amqp_accept(p->amqp, s);
}

static void on_websocket(struct rest_request *r, struct stream *s, const char *protocol)
{
    struct hub *hub = r->app;
    struct program *p = (struct program *)((char *)hub - offsetof(struct program, hub));
    if (strcmp(protocol, "mqtt") == 0)
        heads_mqtt_accept(p->mqtt, s);
    else
        hub_amqp_accept(p->amqp, s);
}

static const char *const iot_protocols[] = {"mqtt", "AMQPWSB10", NULL};
static const char *const event_protocols[] = {"AMQPWSB10", NULL};
static const struct rest_upgrade upgrades[] = {
    {"/$iothub/websocket", iot_protocols, REST_PUBLIC, on_websocket},
    {"/$servicebus/websocket", event_protocols, REST_PUBLIC, on_websocket},
};

/* ---- what /readyz says ---- */

static bool stream_ready(void *arg, struct buffer *detail)
{
    struct program *p = arg;
    buffer_printf(detail, "durability %s, %u partitions", settings_text(p->settings, "durability"),
                  p->hub.partition_count);
    return true;
}

/* ---- start ---- */

static enum status open_partitions(struct program *p)
{
    struct hub *hub = &p->hub;
    for (unsigned i = 0; i < hub->partition_count; i++) {
        struct buffer directory = {0};
        buffer_printf(&directory, "%s/events/%02u", settings_text(p->settings, "data"), i);
        enum status s = partition_open(
            &(struct partition_config){
                .loop = hub->loops[i % hub->loop_count].loop,
                .disk = store_disk_real(),
                .directory = buffer_cstr(&directory),
                .index = i,
                .durability = store_durability(settings_text(p->settings, "durability")),
                .retain_bytes = settings_size(p->settings, "events.bytes"),
                .retain_ms = settings_ms(p->settings, "events.retain"),
            },
            &hub->partitions[i]);
        buffer_clear(&directory);
        if (s != OK)
            return s;
    }
    return OK;
}

static enum status open_registry(struct program *p)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/registry.db", settings_text(p->settings, "data"));
    enum status s = registry_open(buffer_cstr(&path), &p->hub.limits,
                                  &(struct registry_events){
                                      .on_identity = hub_backend_identity_changed,
                                      .on_desired = hub_backend_desired_changed,
                                      .on_message = hub_backend_message_waits,
                                      .on_feedback = hub_backend_feedback_waits,
                                      .on_event = hub_sources_registry_event,
                                      .wants = hub_sources_wants,
                                      .owner = hub_backend_owner,
                                      .arg = &p->hub,
                                  },
                                  &p->hub.registry);
    buffer_reset(&path);
    buffer_printf(&path, "%s/policies.json", settings_text(p->settings, "data"));
    if (s == OK)
        s = iot_policies_load(buffer_cstr(&path), &p->hub.policies);
    buffer_clear(&path);
    return s;
}

static enum status open_blobs(struct program *p)
{
    p->hub.uploads_container = settings_text(p->settings, "uploads.container");
    p->hub.uploads_notify = settings_bool(p->settings, "uploads.notify");
    if (!blob_container_name_ok(slice_of(p->hub.uploads_container))) {
        log_error("uploads.container must have 3 to 63 lower-case letters, digits and single hyphens between them");
        return BAD_ARGUMENT;
    }
    struct buffer directory = {0};
    buffer_printf(&directory, "%s/blobs", settings_text(p->settings, "data"));
    enum status s = blob_store_open(&(struct blob_store_config){.directory = buffer_cstr(&directory),
                                                                .disk = store_disk_real(),
                                                                .bytes_max = settings_size(p->settings, "blobs.bytes")},
                                    &p->hub.blobs);
    buffer_clear(&directory);
    return s;
}

/* The authority that certified this hub's REST, if the hub made it itself. */
static enum status open_provisioning(struct program *p)
{
    struct buffer ca = {0};
    buffer_printf(&ca, "%s/ca.pem", p->tls_directory);
    enum status s = hub_provisioning_open(
        &p->hub, p->settings,
        settings_text(p->settings, "tls.certificate") ? settings_text(p->settings, "dps.ca") : buffer_cstr(&ca),
        &p->provisioning);
    p->hub.dps = p->provisioning.dps;
    buffer_clear(&ca);
    return s;
}

static enum status open_tls(struct program *p)
{
    const char *const *more;
    size_t count = settings_list(p->settings, "alias", &more);
    struct buffer directory = {0};
    p->aliases = server_names(p->hub.name, more, count, settings_text(p->settings, "listen"));
    p->hub.aliases = p->aliases;
    buffer_printf(&directory, "%s/tls", settings_text(p->settings, "data"));
    p->tls_directory = slice_dup(buffer_slice(&directory));
    buffer_clear(&directory);
    return server_tls_open(&(struct server_tls_config){.loop = p->hub.loops[0].loop,
                                                       .certificate = settings_text(p->settings, "tls.certificate"),
                                                       .key = settings_text(p->settings, "tls.key"),
                                                       .directory = p->tls_directory,
                                                       .names = p->hub.aliases},
                           &p->tls);
}

static void make_loops(struct program *p)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned wanted = (unsigned)settings_integer(p->settings, "loops");
    if (wanted == 0)
        wanted = cores > 0 ? (unsigned)cores : 1;
    p->hub.partition_count = (unsigned)settings_integer(p->settings, "events.partitions");
    p->hub.loop_count = wanted < HUB_LOOPS_MAX ? wanted : HUB_LOOPS_MAX;
    for (unsigned i = 0; i < p->hub.loop_count; i++)
        p->hub.loops[i].loop = p->loops[i] = loop_new();
}

static void make_servers(struct program *p)
{
    struct rest_table tables[HUB_REST_TABLES_MAX + 8];
    size_t count = hub_rest_tables(tables);
    tables[count++] = rest_health_table(p->health);
    tables[count++] = (struct rest_table){"", heads_http_routes, heads_http_routes_count, p->http};
    tables[count++] = (struct rest_table){"", blob_routes, blob_routes_count, p->hub.blobs, .last = true};
    /* Where a host is an address, the account's name stands in the path. */
    tables[count++] =
        (struct rest_table){"/" BLOB_ACCOUNT_NAME, blob_routes, blob_routes_count, p->hub.blobs, .last = true};
    if (p->hub.dps) {
        tables[count++] = (struct rest_table){"", dps_device_routes, dps_device_routes_count, p->hub.dps};
        tables[count++] = (struct rest_table){"", dps_service_routes, dps_service_routes_count, p->hub.dps};
    }
    for (unsigned i = 0; i < p->hub.loop_count; i++)
        p->rest[i] = rest_server_new(&(struct rest_server_config){
            .loop = p->hub.loops[i].loop,
            .tables = tables,
            .table_count = count,
            .upgrades = upgrades,
            .upgrade_count = sizeof(upgrades) / sizeof(upgrades[0]),
            .app = &p->hub,
            .authorize = hub_rest_authorize,
            .refuse = hub_rest_refuse,
            .admit = hub_audit_admit,
            .on_answer = hub_audit_on_answer,
            .limits = {.request_ms = METHOD_MS_MAX},
        });
}

static enum status listen_on(struct program *p, unsigned at, const char *setting,
                             void (*on_accept)(void *arg, struct stream *s))
{
    return listener_open(
        &(struct listen_config){
            .loop = p->hub.loops[0].loop,
            .loops = p->loops,
            .loop_count = p->hub.loop_count,
            .host = settings_text(p->settings, "listen"),
            .port = (int)settings_integer(p->settings, setting),
            .tls = server_tls(p->tls),
            .on_accept = on_accept,
            .arg = p,
        },
        &p->listeners[at]);
}

static enum status listen_plain(struct program *p)
{
    struct slice given = slice_of(settings_text(p->settings, "mqtt.plain"));
    if (given.len == 0)
        return OK;
    size_t colon = slice_find(given, ':');
    uint64_t port;
    if (!slice_to_u64(slice_skip(given, colon + 1), &port) || !slice_starts(given, SLICE("127."))) {
        log_error("mqtt.plain must be a loopback address and a port, such as 127.0.0.1:1883");
        return BAD_ARGUMENT;
    }
    char *host = slice_dup(slice_first(given, colon));
    enum status s = listener_open(
        &(struct listen_config){
            .loop = p->hub.loops[0].loop,
            .loops = p->loops,
            .loop_count = p->hub.loop_count,
            .host = host,
            .port = (int)port,
            .on_accept = on_mqtt,
            .arg = p,
        },
        &p->listeners[3]);
    free(host);
    return s;
}

static enum status listen_all(struct program *p)
{
    enum status s = listen_on(p, 0, "mqtt.port", on_mqtt);
    if (s == OK)
        s = listen_on(p, 1, "amqp.port", on_amqp);
    if (s == OK)
        s = listen_on(p, 2, "https.port", on_https);
    if (s != OK)
        return s;
    p->hub.https_port = listener_port(p->listeners[2]);
    return listen_plain(p);
}

static void *run_loop(void *arg)
{
    loop_run(arg);
    return NULL;
}

static void on_signal(void *arg)
{
    struct program *p = arg;
    log_info("stopping");
    for (unsigned i = 0; i < p->hub.loop_count; i++)
        loop_stop(p->hub.loops[i].loop);
}

/* For its own blob store the hub trusts its own authority, if it made one. */
static void make_transfers(struct program *p)
{
    struct buffer own = {0};
    buffer_printf(&own, "%s/ca.pem", p->tls_directory);
    p->hub.transfers = transfers_new(&(struct transfers_config){
        .registry = p->hub.registry,
        .own_names = p->hub.aliases,
        .loop = p->hub.loops[0].loop,
        .ca_file = settings_text(p->settings, "transfers.ca"),
        .own_ca_file = access(buffer_cstr(&own), R_OK) == 0 ? buffer_cstr(&own) : NULL,
    });
    buffer_clear(&own);
}

static enum status read_groups(struct program *p)
{
    const char *const *groups;
    size_t count = settings_list(p->settings, "events.groups", &groups);
    if (count > p->hub.limits.consumer_groups) {
        log_error("events.groups has %zu names; limits.consumer-groups allows %llu", count,
                  (unsigned long long)p->hub.limits.consumer_groups);
        return BAD_ARGUMENT;
    }
    p->hub.groups = count ? groups : NULL;
    return OK;
}

static enum status open_routing(struct program *p)
{
    struct buffer path = {0}, folder = {0};
    const char *given = settings_text(p->settings, "routing");
    buffer_printf(&folder, "%s/routing", settings_text(p->settings, "data"));
    buffer_printf(&path, "%s.json", buffer_cstr(&folder));
    enum status s = hub_routing_open(
        &p->hub, &(struct routing_setup){
                     .events = p->events,
                     .path = given ? given : buffer_cstr(&path),
                     .folder = buffer_cstr(&folder),
                     .disk = store_disk_real(),
                     .durability = store_durability(settings_text(p->settings, "durability")),
                 });
    buffer_clear(&path);
    buffer_clear(&folder);
    return s;
}

static enum status start(struct program *p)
{
    p->hub.name = settings_text(p->settings, "name");
    p->hub.events_name = settings_text(p->settings, "events.name");
    p->hub.created_ms = clock_wall_ms();
    enum status s = file_make_directory(settings_text(p->settings, "data"));
    if (s != OK)
        return s;
    p->hub.limits = iot_limits_read(p->settings);
    make_loops(p);
    hub_init(&p->hub);
    s = open_tls(p);
    if (s == OK)
        s = open_registry(p);
    if (s == OK)
        s = open_partitions(p);
    if (s == OK)
        s = open_blobs(p);
    if (s == OK)
        s = open_provisioning(p);
    if (s == OK && settings_bool(p->settings, "audit"))
        s = audit_open(settings_text(p->settings, "data"), &p->hub.audit);
    if (s != OK)
        return s;
    p->metrics = rest_metrics_new(NULL, 0);
    p->health = rest_health_new(p->metrics);
    rest_health_add(p->health, "stream", stream_ready, p);
    if (p->hub.audit)
        rest_health_add(p->health, "audit", audit_ready, p->hub.audit);
    p->mqtt = heads_mqtt_new(&p->hub.backend);
    p->http = heads_http_new(&(struct heads_http_config){.backend = &p->hub.backend,
                                                         .message_bytes = p->hub.limits.message_bytes,
                                                         .batch_items = p->hub.limits.batch_items});
    if (p->hub.dps)
        heads_mqtt_divert(
            p->mqtt, &(struct heads_mqtt_other){dps_mqtt_claims, accept_provisioning, p->hub.dps});
    s = read_groups(p);
    if (s != OK)
        return s;
    p->events = hub_events_new(&p->hub);
    s = open_routing(p);
    if (s != OK)
        return s;
    p->hub.service = hub_service_new(&p->hub);
    p->configurer = configurer_start(p->hub.registry, p->hub.loops[0].loop);
    p->amqp = hub_amqp_new(&p->hub, p->events);
    c2d_clock_start(&p->messages_clock, p->hub.registry, p->hub.loops[0].loop);
    make_transfers(p);
    p->hub.jobs = hub_jobs_new(&p->hub);
    p->counted = (struct hub_metrics){&p->hub, p->events, p->amqp};
    rest_metrics_collect(p->metrics, hub_metrics_collect, &p->counted);
    make_servers(p);
    return listen_all(p);
}

static void run(struct program *p)
{
    loop_on_signal(p->hub.loops[0].loop, on_signal, p);
    trim_start(&p->trim, p->hub.loops[0].loop);
    for (p->started = 1; p->started < p->hub.loop_count; p->started++)
        pthread_create(&p->threads[p->started], NULL, run_loop, p->hub.loops[p->started].loop);
    log_info("ready name=%s mqtt=%d amqp=%d https=%d loops=%u partitions=%u durability=%s", p->hub.name,
             listener_port(p->listeners[0]), listener_port(p->listeners[1]), listener_port(p->listeners[2]),
             p->hub.loop_count, p->hub.partition_count, settings_text(p->settings, "durability"));
    loop_run(p->hub.loops[0].loop);
    for (unsigned i = 1; i < p->started; i++)
        pthread_join(p->threads[i], NULL);
}

/* What is durable is on the disk and nobody waits for us: the logs are committed and closed, the rest is
 * the system's to take back. */
static void finish(struct program *p)
{
    trim_stop(&p->trim);
    transfers_free(&p->hub.transfers);
    hub_amqp_free(&p->amqp);
    hub_provisioning_close(&p->provisioning);
    events_free(&p->events);
    routing_close(&p->hub.router);
    hub_service_free(&p->hub.service);
    for (unsigned i = 0; i < p->hub.partition_count; i++)
        partition_close(&p->hub.partitions[i]);
    configurer_stop(&p->configurer);
    registry_close(&p->hub.registry);
    audit_close(&p->hub.audit);
    blob_store_close(&p->hub.blobs);
}

int hub_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "connection-string") == 0)
        return hub_connection_strings(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "certificate") == 0)
        return hub_certificate_commands(argc - 1, argv + 1);
    struct program *p = MEMORY_NEW(struct program);
    add_settings(p);
    const struct settings_program program = {"hub", usage, p->table, p->table_count, false};
    int code = settings_load(&program, argc, argv, &p->settings);
    if (code >= 0) {
        free(p);
        return code;
    }
    settings_start_log(p->settings);
    if (start(p) != OK) {
        log_error("the hub could not start");
        return 1;
    }
    run(p);
    finish(p);
    log_info("stopped");
    return 0;
}
