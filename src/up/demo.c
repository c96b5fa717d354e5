#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "client/stream_reader.h"
#include "crypto/tls.h"
#include "io/child.h"
#include "iot/connection_string.h"
#include "base/file.h"
#include "json/json.h"
#include "json/write.h"
#include "rest/client.h"
#include "up/demo_nodes.h"
#include "up/tally.h"
#include "up/up.h"

#define ASK_AGAIN_MS 500
#define DISCOVERY_MS_MAX 60000

/* The demo beside the platform: reads what arrives, finds the plant through REST as a person would, and
 * says so on the terminal. */
struct demo {
    struct up *up;
    struct stream_reader *reader;
    struct tls_client *tls;
    struct tally tally;
    uint64_t began_ms, first_ms, shown_values, shown_ms;
    struct loop_timer tick, end, ask;
    bool on_terminal;

    struct child *add_client; /* `millrace issuer add-client` */
    char *secret, *token;
    bool asked;               /* discovery has been asked for */
    uint64_t discovery_began_ms;
    char *found;              /* "millrace plant, 3 endpoints" */
    size_t found_servers;
};

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

/* ---- the addresses ---- */

static void show_address(const char *part, const char *scheme, const char *host, int port, const char *what)
{
    char url[128];
    snprintf(url, sizeof(url), "%s://%s:%d", scheme, host, port);
    say("  %-10s %-34s %s", part, url, what);
}

static void show_addresses(struct demo *d)
{
    struct up *u = d->up;
    const char *name = settings_text(u->settings, "name");
    say("%s", "");
    show_address("plant", "opc.tcp", u->listen, u->ports.plant, "a simulated factory");
    show_address("edge", "mqtts", name, u->ports.edge_mqtt, "modules and devices of the site");
    show_address("hub", "mqtts", name, u->ports.hub_mqtt, "devices");
    show_address("", "amqps", name, u->ports.hub_amqp, "devices, services, and events for Event Hubs' SDKs");
    show_address("", "https", name, u->ports.hub_https, "IoT Hub's REST, and WebSockets");
    show_address("services", "https", name, u->ports.services, "registry, twin, history, publisher, events: REST with a token; /swagger to try it");
    show_address("issuer", "https", name, u->ports.issuer, "OAuth2 tokens");
    say("%s", "");
    say("  trust      %s", u->tls.ca);
    say("  logs       %s/log", u->data);
    say("  stop       Ctrl-C");
    say("%s", "");
}

/* ---- what arrives ---- */

static int64_t position(void *arg, unsigned partition)
{
    (void)arg;
    (void)partition;
    return STREAM_READER_NEW;
}

static void start_publishing(void *arg, unsigned partitions)
{
    struct demo *d = arg;
    (void)partitions;
    if (d->up->parts[UP_OPC].child == NULL)
        up_demo_reads(d->up); /* nothing is published before somebody counts */
}

static void on_event(void *arg, const struct stream_reader_item *item)
{
    struct demo *d = arg;
    if (d->tally.values == 0)
        d->first_ms = loop_now_ms(d->up->loop);
    tally_message(&d->tally, &item->event.message);
    stream_reader_done(d->reader, item->partition, item->sequence);
}

static const struct stream_reader_events reader_events = {
    .on_connected = start_publishing,
    .position = position,
    .on_event = on_event,
};

static void show_rate(struct demo *d)
{
    uint64_t now = loop_now_ms(d->up->loop), past = now - d->shown_ms;
    double rate = past ? (double)(d->tally.values - d->shown_values) * 1000 / (double)past : 0;
    d->shown_values = d->tally.values;
    d->shown_ms = now;
    if (d->on_terminal)
        printf("\r");
    printf("  %llu values at the hub, %.0f a second, %llu missing", (unsigned long long)d->tally.values, rate,
           (unsigned long long)d->tally.missing);
    printf(d->on_terminal ? "   " : "\n");
    fflush(stdout);
}

static void on_tick(void *arg)
{
    struct demo *d = arg;
    show_rate(d);
    loop_timer_start(d->up->loop, &d->tick, d->on_terminal ? 1000 : 5000, on_tick, d);
}

/* ---- the end ---- */

static void on_end(void *arg)
{
    struct demo *d = arg;
    uint64_t lived = loop_now_ms(d->up->loop) - d->first_ms;
    double rate = d->tally.values && lived ? (double)d->tally.values * 1000 / (double)lived : 0;
    bool good = d->tally.values > 0 && d->tally.missing == 0 && d->tally.broken == 0;
    up_stop(d->up, good ? 0 : 1);
    say("%llu values arrived, %.0f a second, %llu missing; discovered: %s", (unsigned long long)d->tally.values, rate,
        (unsigned long long)d->tally.missing, d->found ? d->found : "nothing");
}

/* ---- discovery, through REST with a token ---- */

static void look(void *arg);
static void ask_token(void *arg);

static void again(struct demo *d, loop_fn *fn)
{
    loop_timer_start(d->up->loop, &d->ask, ASK_AGAIN_MS, fn, d);
}

static bool call(struct demo *d, const char *method, const char *path, struct slice body, rest_client_fn *done)
{
    struct up *u = d->up;
    struct buffer url = {0}, bearer = {0};
    buffer_printf(&url, "https://%s:%d%s", u->local, u->ports.services, path);
    buffer_printf(&bearer, "Bearer %s", d->token);
    struct rest_field headers[] = {{SLICE("Authorization"), buffer_slice(&bearer)},
                                   {SLICE("Content-Type"), SLICE("application/json")}};
    enum status s = rest_client_send(u->rest,
                                     &(struct rest_call){.method = method, .url = buffer_cstr(&url), .headers = headers,
                                                         .header_count = 2, .body = body, .timeout_ms = 10000},
                                     done, d);
    buffer_clear(&url);
    buffer_clear(&bearer);
    return s == OK;
}

/* "millrace plant (opc.tcp://127.0.0.1:50000)" for each that was found. */
static void keep_found(struct demo *d, const struct json *items)
{
    struct buffer text = {0};
    for (struct json_walk w = json_walk(items); json_next(&w);) {
        struct slice name = json_string(json_get(w.value, "applicationName"));
        struct slice url = json_string(json_at(json_get(w.value, "discoveryUrls"), 0));
        buffer_printf(&text, "%s%.*s (%.*s)", text.len ? ", " : "", SLICE_FMT(name), SLICE_FMT(url));
    }
    d->found_servers = json_count(items);
    d->found = slice_dup(buffer_slice(&text));
    buffer_clear(&text);
    say("%s  discovered %s", d->on_terminal ? "\r" : "", d->found);
}

static void on_applications(void *arg, enum status why, const struct rest_answer *a)
{
    struct demo *d = arg;
    struct json_doc *doc = NULL;
    if (why == CANCELLED)
        return;
    const struct json *items = NULL;
    if (why == OK && a->status == 200 && json_parse(a->body, JSON_STRICT, &doc, NULL) == OK)
        items = json_get(json_root(doc), "items");
    if (json_count(items))
        keep_found(d, items);
    else if (loop_now_ms(d->up->loop) - d->discovery_began_ms < DISCOVERY_MS_MAX)
        again(d, look);
    else
        say("  nothing was discovered within a minute; see %s/log/opc.log", d->up->data);
    json_free(&doc);
}

static void on_asked(void *arg, enum status why, const struct rest_answer *a)
{
    struct demo *d = arg;
    if (why == CANCELLED)
        return;
    d->asked = why == OK && a->status / 100 == 2;
    again(d, look);
}

static void ask_discovery(struct demo *d)
{
    struct buffer body = {0};
    buffer_printf(&body,
                  "{\"id\":\"demo\",\"discovery\":\"Fast\",\"configuration\":{\"addressRangesToScan\":\"%s/32\","
                  "\"portRangesToScan\":\"%d\"}}",
                  d->up->local, d->up->ports.plant);
    if (!call(d, "POST", "/registry/v2/applications/discover", buffer_slice(&body), on_asked))
        again(d, look);
    buffer_clear(&body);
}

static void look(void *arg)
{
    struct demo *d = arg;
    if (!d->asked)
        ask_discovery(d);
    else if (!call(d, "GET", "/registry/v2/applications", (struct slice){0}, on_applications))
        again(d, look);
}

/* ---- a token, as any program gets one ---- */

static void on_token(void *arg, enum status why, const struct rest_answer *a)
{
    struct demo *d = arg;
    struct json_doc *doc = NULL;
    if (why == CANCELLED)
        return;
    if (why != OK || a->status != 200 || json_parse(a->body, JSON_STRICT, &doc, NULL) != OK) {
        again(d, ask_token);
        return;
    }
    d->token = slice_dup(json_string(json_get(json_root(doc), "access_token")));
    json_free(&doc);
    d->discovery_began_ms = loop_now_ms(d->up->loop);
    look(d);
}

static void ask_token(void *arg)
{
    struct demo *d = arg;
    struct buffer url = {0}, body = {0};
    buffer_printf(&url, "https://%s:%d/oauth2/v2.0/token", d->up->local, d->up->ports.issuer);
    buffer_text(&body, "grant_type=client_credentials&client_id=demo&client_secret=");
    percent_encode(slice_of(d->secret), &body);
    struct rest_field type = {SLICE("Content-Type"), SLICE("application/x-www-form-urlencoded")};
    if (rest_client_send(d->up->rest,
                         &(struct rest_call){.method = "POST", .url = buffer_cstr(&url), .headers = &type,
                                             .header_count = 1, .body = buffer_slice(&body), .timeout_ms = 5000},
                         on_token, d) != OK)
        again(d, ask_token);
    buffer_clear(&url);
    buffer_clear(&body);
}

/* ---- the demo's own client at the issuer, made once ---- */

static char *secret_path(struct demo *d)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/demo-client.secret", d->up->data);
    char *text = slice_dup(buffer_slice(&path));
    buffer_clear(&path);
    return text;
}

static void on_client_line(void *arg, struct slice line, bool err)
{
    struct demo *d = arg;
    struct slice start = SLICE("client_secret=");
    if (err || !slice_starts(line, start))
        return;
    d->secret = slice_dup(slice_skip(line, start.len));
    char *path = secret_path(d);
    if (file_write(path, slice_of(d->secret)) != OK)
        log_warn("the demo's secret could not be kept");
    free(path);
}

static void on_client_made(void *arg, int code, int signal)
{
    struct demo *d = arg;
    child_free(&d->add_client);
    if (d->secret)
        ask_token(d);
    else
        log_error("the demo has no client at the issuer code=%d signal=%d", code, signal);
}

static void make_client(struct demo *d)
{
    struct buffer kept = {0}, data = {0};
    char *path = secret_path(d);
    enum status s = file_read(path, &kept);
    free(path);
    if (s == OK && kept.len) {
        d->secret = slice_dup(buffer_slice(&kept));
        ask_token(d);
    } else {
        buffer_printf(&data, "%s/issuer", d->up->data);
        const char *argv[] = {d->up->binary, "issuer", "add-client", "demo", "--roles", "Read,Write,Admin", "--data",
                              buffer_cstr(&data), NULL};
        if (child_start(&(struct child_config){.loop = d->up->loop, .argv = argv, .on_line = on_client_line,
                                               .on_exit = on_client_made, .arg = d},
                        &d->add_client) != OK)
            log_error("the demo's client could not be made");
    }
    buffer_clear(&kept);
    buffer_clear(&data);
}

/* ---- start ---- */

static void read_events(struct demo *d)
{
    struct up *u = d->up;
    struct iot_connection_string c;
    if (iot_connection_string_parse(slice_of(u->owner), &c) != OK ||
        tls_client_new(&(struct tls_client_config){.ca_file = u->tls.ca}, &d->tls) != OK)
        return; /* both were just made by ourselves */
    char *key = slice_dup(c.key);
    d->reader = stream_reader_new(&(struct stream_reader_config){
        .loop = u->loop,
        .host = u->local,
        .port = u->ports.hub_amqp,
        .tls = d->tls,
        .hub_host = settings_text(u->settings, "name"),
        .entity = "millrace",
        .policy = "iothubowner",
        .key = key,
        .events = &reader_events,
        .arg = d,
    });
    free(key);
}

void up_demo_start(struct up *u)
{
    struct demo *d = MEMORY_NEW(struct demo);
    d->up = u;
    u->shown = d;
    d->on_terminal = isatty(STDOUT_FILENO);
    d->began_ms = d->shown_ms = loop_now_ms(u->loop);
    show_addresses(d);
    read_events(d);
    make_client(d);
    loop_timer_start(u->loop, &d->tick, 1000, on_tick, d);
    int64_t seconds = settings_integer(u->settings, "seconds");
    if (seconds)
        loop_timer_start(u->loop, &d->end, (uint64_t)seconds * 1000, on_end, d);
}

void up_demo_end(struct up *u)
{
    struct demo *d = u->shown;
    if (d == NULL)
        return;
    loop_timer_stop(&d->tick);
    loop_timer_stop(&d->end);
    loop_timer_stop(&d->ask);
    if (d->reader)
        stream_reader_free(&d->reader);
    if (d->add_client)
        child_free(&d->add_client);
    say("%s", d->on_terminal ? "\rstopping …" : "stopping …");
}
