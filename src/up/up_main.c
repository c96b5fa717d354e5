#include "up/up_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/file.h"
#include "io/stream.h"
#include "json/json.h"
#include "rest/client.h"
#include "up/arguments.h"
#include "up/demo_nodes.h"
#include "up/up.h"

static const struct setting table[] = {
    {"data", SETTING_PATH, "~/.local/state/millrace", "folder for everything that is kept; nothing is written elsewhere", 0, 0, NULL, false},
    {"listen", SETTING_TEXT, "127.0.0.1", "address to serve on; 0.0.0.0 for the whole network", 0, 0, NULL, false},
    {"name", SETTING_TEXT, "localhost", "host name of this machine, as clients use it", 0, 0, NULL, false},
    {"demo", SETTING_BOOL, "false", "with a simulated plant, and shows what arrives", 0, 0, NULL, false},
    {"seconds", SETTING_INTEGER, "0", "ends the demo by itself, 0 when all values arrived; 0: never", 0, 86400, NULL, false},
    {"hub.mqtt.port", SETTING_INTEGER, "8883", "the hub's MQTT; as all ports: when it is taken, the demo takes a free one", 1, 65535, NULL, false},
    {"hub.amqp.port", SETTING_INTEGER, "5671", "the hub's AMQP", 1, 65535, NULL, false},
    {"hub.https.port", SETTING_INTEGER, "443", "the hub's REST and WebSockets", 1, 65535, NULL, false},
    {"edge.mqtt.port", SETTING_INTEGER, "8884", "the edge's MQTT", 1, 65535, NULL, false},
    {"edge.health.port", SETTING_INTEGER, "9600", "the edge's /healthz, /readyz, /metrics", 1, 65535, NULL, false},
    {"opc.health.port", SETTING_INTEGER, "9702", "the OPC UA module's /healthz, /readyz, /metrics", 1, 65535, NULL, false},
    {"services.port", SETTING_INTEGER, "9042", "the REST services", 1, 65535, NULL, false},
    {"issuer.port", SETTING_INTEGER, "9443", "the OAuth2 issuer", 1, 65535, NULL, false},
    {"plant.port", SETTING_INTEGER, "50000", "the simulated plant", 1, 65535, NULL, false},
    SETTINGS_LOG,
};

static const struct settings_program program = {
    "up",
    "The whole platform on one machine: hub, edge, OPC UA module, services, issuer; started in order,\n"
    "watched, and started again when one dies. With --demo also a simulated plant.",
    table,
    sizeof(table) / sizeof(table[0]),
};

#define READY_ASK_MS 50
#define READY_MS_MAX 30000

/* ---- ports ---- */

static void refuse_all(void *arg, struct stream *s)
{
    (void)arg;
    stream_abort(s, CANCELLED);
}

static bool is_free(struct up *u, int port, int *got)
{
    struct listener *l;
    if (listener_open(&(struct listen_config){.loop = u->loop, .host = u->listen, .port = port, .on_accept = refuse_all,
                                              .quiet = true},
                      &l) != OK)
        return false;
    *got = listener_port(l);
    listener_close(&l);
    return true;
}

static const struct {
    const char *setting;
    size_t offset;
} port_table[] = {
    {"hub.mqtt.port", offsetof(struct up_ports, hub_mqtt)},   {"hub.amqp.port", offsetof(struct up_ports, hub_amqp)},
    {"hub.https.port", offsetof(struct up_ports, hub_https)}, {"edge.mqtt.port", offsetof(struct up_ports, edge_mqtt)},
    {"edge.health.port", offsetof(struct up_ports, edge_health)},
    {"opc.health.port", offsetof(struct up_ports, opc_health)},
    {"services.port", offsetof(struct up_ports, services)},   {"issuer.port", offsetof(struct up_ports, issuer)},
    {"plant.port", offsetof(struct up_ports, plant)},
};

/* The demo must run on any machine: a port that is taken, or that only root may have, is replaced. */
static enum status choose_ports(struct up *u)
{
    for (size_t i = 0; i < sizeof(port_table) / sizeof(port_table[0]); i++) {
        int *port = (int *)((char *)&u->ports + port_table[i].offset);
        int wanted = (int)settings_integer(u->settings, port_table[i].setting);
        *port = wanted;
        if (!u->demo || is_free(u, wanted, port))
            continue;
        if (!is_free(u, 0, port))
            return IO_FAILED;
        log_info("port %d cannot be had, %s is %d", wanted, port_table[i].setting, *port);
    }
    return OK;
}

/* ---- waiting until the hub answers ---- */

struct ready {
    struct up *up;
    struct loop_timer timer;
    uint64_t end_ms;
};

static void ask_ready(void *arg);

static void give_up(struct up *u, const char *why)
{
    log_error("the platform could not start: %s", why);
    up_stop(u, 1);
}

static void on_provisioned(struct up *u, enum status why);

static enum status read_owner(struct up *u)
{
    char path[512];
    struct buffer text = {0}, line = {0};
    struct json_doc *doc = NULL;
    snprintf(path, sizeof(path), "%s/hub/policies.json", u->data);
    enum status s = file_read(path, &text);
    if (s == OK)
        s = json_parse(buffer_slice(&text), JSON_CONFIG, &doc, NULL);
    struct slice key = json_string(json_get(json_get(json_root(doc), "iothubowner"), "primaryKey"));
    buffer_printf(&line, "HostName=%s;SharedAccessKeyName=iothubowner;SharedAccessKey=%.*s",
                  settings_text(u->settings, "name"), SLICE_FMT(key));
    free(u->owner);
    u->owner = slice_dup(buffer_slice(&line));
    json_free(&doc);
    buffer_clear(&text);
    buffer_clear(&line);
    return s == OK && key.len == 0 ? BAD_FORMAT : s;
}

static void hub_is_ready(struct up *u)
{
    char url[256];
    snprintf(url, sizeof(url), "https://%s:%d", u->local, u->ports.hub_https);
    if (read_owner(u) != OK ||
        service_client_new(&(struct service_client_config){.loop = u->loop, .rest = u->rest,
                                                           .connection_string = u->owner, .url = url},
                           &u->service) != OK) {
        give_up(u, "the hub's policies cannot be read");
        return;
    }
    up_provision(u, on_provisioned);
}

static void on_ready_answer(void *arg, enum status why, const struct rest_answer *a)
{
    struct ready *r = arg;
    struct up *u = r->up;
    if (why == OK && a->status == 200) {
        free(r);
        hub_is_ready(u);
    } else if (why == CANCELLED || u->stopping) {
        free(r);
    } else if (loop_now_ms(u->loop) > r->end_ms) {
        free(r);
        give_up(u, "the hub is not ready after 30 s; its log says why");
    } else {
        loop_timer_start(u->loop, &r->timer, READY_ASK_MS, ask_ready, r);
    }
}

static void ask_ready(void *arg)
{
    struct ready *r = arg;
    struct up *u = r->up;
    char url[256];
    snprintf(url, sizeof(url), "https://%s:%d/readyz", u->local, u->ports.hub_https);
    if (rest_client_send(u->rest, &(struct rest_call){.method = "GET", .url = url, .timeout_ms = 2000},
                         on_ready_answer, r) != OK)
        on_ready_answer(r, OFFLINE, NULL);
}

/* ---- order of start and end ---- */

static void start_part(struct up *u, enum up_part_id id)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/log/%s.log", u->data, u->parts[id].name);
    if (u->demo)
        up_part_log_to(&u->parts[id], path);
    up_arguments(u, id);
    up_part_start(&u->parts[id]);
}

static void on_provisioned(struct up *u, enum status why)
{
    if (u->stopping)
        return;
    if (why != OK) {
        give_up(u, "the edge could not be registered at the hub");
        return;
    }
    start_part(u, UP_EDGE);
    start_part(u, UP_ISSUER);
    start_part(u, UP_SERVICES);
    if (u->demo) {
        if (up_demo_nodes(u) != OK)
            log_warn("the demo's publishednodes.json could not be written");
        up_demo_start(u);
        return;
    }
    start_part(u, UP_OPC);
    log_info("up name=%s hub_https=%d hub_mqtt=%d hub_amqp=%d edge_mqtt=%d services=%d issuer=%d",
             settings_text(u->settings, "name"), u->ports.hub_https, u->ports.hub_mqtt, u->ports.hub_amqp,
             u->ports.edge_mqtt, u->ports.services, u->ports.issuer);
}

void up_demo_reads(struct up *u)
{
    start_part(u, UP_OPC);
}

/* One after the other, the last of the flow first, so that each can hand over what it has. */
static void stop_next(struct up *u)
{
    static const enum up_part_id order[] = {UP_SERVICES, UP_OPC, UP_ISSUER, UP_EDGE, UP_HUB, UP_PLANT};
    if (u->stopped == UP_PART_COUNT)
        loop_stop(u->loop);
    else
        up_part_stop(&u->parts[order[u->stopped++]]);
}

static void on_part_stopped(void *arg)
{
    stop_next(arg);
}

void up_stop(struct up *u, int code)
{
    if (u->stopping)
        return;
    u->code = code;
    u->stopping = true;
    if (u->demo)
        up_demo_end(u);
    stop_next(u);
}

static void on_signal(void *arg)
{
    struct up *u = arg;
    up_stop(u, u->code);
}

/* ---- beginning and end ---- */

static enum status make_certificate(struct up *u)
{
    char directory[512];
    const char *names[] = {settings_text(u->settings, "name"), "localhost", "127.0.0.1", NULL, NULL};
    if (strcmp(u->listen, u->local) == 0 && strcmp(u->listen, "127.0.0.1") != 0)
        names[3] = u->listen;
    snprintf(directory, sizeof(directory), "%s/tls", u->data);
    return server_files_ensure(directory, names[0], names, clock_wall_ms(), &u->tls);
}

static enum status start(struct up *u)
{
    static const char *const names[UP_PART_COUNT] = {"plant", "hub", "edge", "issuer", "opc", "services"};
    char logs[512];
    snprintf(logs, sizeof(logs), "%s/log", u->data);
    enum status s = file_make_directory(logs);
    if (s == OK)
        s = make_certificate(u);
    if (s == OK)
        s = choose_ports(u);
    if (s != OK)
        return s;
    u->rest = rest_client_new(&(struct rest_client_config){.loop = u->loop, .ca_file = u->tls.ca});
    for (int i = 0; i < UP_PART_COUNT; i++) {
        up_part_init(&u->parts[i], u->loop, u->binary, names[i]);
        u->parts[i].on_stopped = on_part_stopped;
        u->parts[i].arg = u;
    }
    if (u->demo)
        start_part(u, UP_PLANT);
    start_part(u, UP_HUB);
    struct ready *r = MEMORY_NEW(struct ready);
    r->up = u;
    r->end_ms = loop_now_ms(u->loop) + READY_MS_MAX;
    loop_timer_start(u->loop, &r->timer, READY_ASK_MS, ask_ready, r);
    return OK;
}

int up_main(int argc, char **argv)
{
    struct settings *settings;
    int code = settings_load(&program, argc, argv, &settings);
    if (code >= 0)
        return code;
    settings_start_log(settings);
    static char binary[4096];
    ssize_t len = readlink("/proc/self/exe", binary, sizeof(binary) - 1);
    struct up *u = MEMORY_NEW(struct up);
    u->settings = settings;
    u->binary = len > 0 ? binary : argv[0];
    u->data = settings_text(settings, "data");
    u->listen = settings_text(settings, "listen");
    u->local = strcmp(u->listen, "0.0.0.0") == 0 ? "127.0.0.1" : u->listen;
    u->demo = settings_bool(settings, "demo");
    u->loop = loop_new();
    loop_on_signal(u->loop, on_signal, u);
    if (start(u) != OK) {
        log_error("the platform could not start data=%s", u->data);
        return 1;
    }
    loop_run(u->loop);
    if (u->rest)
        rest_client_free(&u->rest);
    code = u->code;
    return code;
}
