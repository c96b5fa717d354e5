/*
 * Load for any MQTT 3.1.1 broker: connections that each keep a window of QoS 1 PUBLISHes in flight.
 * Prints one JSON line: messages a second, and how long each waited for its PUBACK. The bytes are
 * written here on purpose and not with lib/mqtt: a broker's own mistakes must not cancel out.
 *
 * With --idle it sends nothing: when all are connected it prints how long that took, and holds
 * them. A connection that fails before is tried again a little later, as a device would.
 *
 * In templates {n} is the connection's number. A file of accounts has a line for each connection:
 * client id, user name, password, topic, separated by tabs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/reader.h"
#include "bench/latency.h"
#include "bench/options.h"
#include "crypto/tls.h"
#include "io/stream.h"

#define AGAIN_MS 500 /* and up to as much again, by the connection's number */
#define CONNECT_MS 120000 /* all the devices share one core here: it is not their patience that is measured */
#define PATIENCE_MS 30000 /* without any PUBACK or CONNACK */

static const char *host = "127.0.0.1", *ca_file, *server_name, *accounts_file, *user, *password;
static const char *client_id = "load-{n}", *topic = "load/{n}";
static uint64_t port = 1883, connections = 10, window = 64, size = 256, seconds = 5, warm_ms = 500,
                messages, idle, at_once = 64;

static const struct option_row rows[] = {
    {"host", &host, NULL, "broker"},
    {"port", NULL, &port, "its port"},
    {"ca", &ca_file, NULL, "TLS with this authority's PEM file; without it plain"},
    {"server-name", &server_name, NULL, "name in its certificate, when it is not the host"},
    {"connections", NULL, &connections, "how many"},
    {"in-flight", NULL, &window, "unacknowledged messages of each"},
    {"size", NULL, &size, "bytes of a payload"},
    {"seconds", NULL, &seconds, "how long is measured"},
    {"warm-ms", NULL, &warm_ms, "before that, not measured"},
    {"messages", NULL, &messages, "instead of seconds: how many of each connection; 0: no limit"},
    {"idle", NULL, &idle, "instead of messages: seconds to stay connected"},
    {"at-once", NULL, &at_once, "connections on their way at the same time"},
    {"client-id", &client_id, NULL, "template"},
    {"user", &user, NULL, "template"},
    {"password", &password, NULL, "template"},
    {"topic", &topic, NULL, "template"},
    {"accounts", &accounts_file, NULL, "file instead of the four templates"},
};

struct connection {
    struct load *load;
    struct stream *stream;
    unsigned number;
    char *texts[4];        /* client id, user, password, topic */
    struct buffer publish; /* one whole packet; the id is written into a copy */
    size_t id_at;
    struct buffer unread;
    struct loop_timer again;
    uint64_t *sent_ns; /* a ring of `window` */
    uint64_t sent, acked;
    bool ready;
};

struct load {
    struct loop *loop;
    struct tls_client *tls;
    struct connection *connections;
    struct latency *latency;
    struct loop_timer phase, patience;
    uint64_t opened, ready, retries, acked, acked_at_start, acked_at_end, start_ns, end_ns, acked_at_look;
    bool measuring, stopping;
    const char *trouble;
};

static const struct stream_events events;

static void fail(struct load *l, const char *what)
{
    if (l->trouble == NULL)
        l->trouble = what;
    loop_stop(l->loop);
}

/* ---- packets ---- */

static void put_text(struct buffer *out, const char *text)
{
    buffer_u16(out, (uint16_t)strlen(text));
    buffer_text(out, text);
}

static void put_packet(struct buffer *out, uint8_t type, struct slice body)
{
    size_t left = body.len;
    buffer_u8(out, type);
    do {
        buffer_u8(out, (uint8_t)(left % 128 | (left > 127 ? 128 : 0)));
        left /= 128;
    } while (left);
    buffer_put(out, body);
}

static void put_connect(struct connection *c, struct buffer *out)
{
    struct buffer body = {0};
    bool has_user = c->texts[1] && *c->texts[1], has_password = c->texts[2] && *c->texts[2];
    put_text(&body, "MQTT");
    buffer_u8(&body, 4);
    buffer_u8(&body, (uint8_t)(2 | (has_user ? 0x80 : 0) | (has_password ? 0x40 : 0)));
    buffer_u16(&body, 0);
    put_text(&body, c->texts[0]);
    if (has_user)
        put_text(&body, c->texts[1]);
    if (has_password)
        put_text(&body, c->texts[2]);
    put_packet(out, 0x10, buffer_slice(&body));
    buffer_clear(&body);
}

static void make_publish(struct connection *c)
{
    struct buffer body = {0};
    put_text(&body, c->texts[3]);
    size_t id = body.len;
    buffer_u16(&body, 0);
    for (uint64_t i = 0; i < size; i++)
        buffer_u8(&body, (uint8_t)('a' + i % 26));
    put_packet(&c->publish, 0x32, buffer_slice(&body));
    c->id_at = c->publish.len - body.len + id;
    buffer_clear(&body);
}

/* ---- sending ---- */

static uint16_t id_of(uint64_t n)
{
    return (uint16_t)(1 + n % 65535);
}

static void send_more(struct connection *c)
{
    uint64_t now = clock_monotonic_ns();
    uint64_t until = c->acked + window;
    if (c->load->stopping)
        return;
    if (messages && until > messages)
        until = messages;
    struct buffer *out = stream_out(c->stream);
    for (; c->sent < until; c->sent++) {
        uint8_t *at = buffer_reserve(out, c->publish.len);
        memcpy(at, c->publish.at, c->publish.len);
        at[c->id_at] = (uint8_t)(id_of(c->sent) >> 8);
        at[c->id_at + 1] = (uint8_t)id_of(c->sent);
        buffer_added(out, c->publish.len);
        c->sent_ns[c->sent % window] = now;
    }
    stream_flush(c->stream);
}

/* ---- connecting ---- */

static void open_one(void *arg)
{
    struct connection *c = arg;
    struct connect_config config = {
        .loop = c->load->loop,
        .host = host,
        .port = (int)port,
        .tls = c->load->tls,
        .server_name = server_name,
        .timeout_ms = CONNECT_MS,
        .quiet = idle > 0,
    };
    c->stream = stream_connect(&config, &events, c);
}

static void open_next(struct load *l)
{
    if (l->opened < connections)
        open_one(&l->connections[l->opened++]);
}

static void open_again(struct connection *c)
{
    c->load->retries++;
    buffer_reset(&c->unread);
    loop_timer_start(c->load->loop, &c->again, AGAIN_MS + c->number % AGAIN_MS, open_one, c);
}

/* ---- what comes back ---- */

static void finish(struct load *l)
{
    l->stopping = true;
    l->end_ns = clock_monotonic_ns();
    l->acked_at_end = l->acked;
    l->measuring = false;
    loop_stop(l->loop);
}

static void on_end(void *arg)
{
    finish(arg);
}

static void on_warm(void *arg)
{
    struct load *l = arg;
    l->measuring = true;
    l->start_ns = clock_monotonic_ns();
    l->acked_at_start = l->acked;
    if (messages == 0)
        loop_timer_start(l->loop, &l->phase, seconds * 1000, on_end, l);
}

static void on_idle_end(void *arg)
{
    loop_stop(((struct load *)arg)->loop);
}

static void hold(struct load *l)
{
    l->end_ns = clock_monotonic_ns();
    double took = (double)(l->end_ns - l->start_ns) / 1e9;
    printf("{\"connections\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,\"retries\":%llu}\n",
           (unsigned long long)connections, took, (double)connections / took,
           (unsigned long long)l->retries);
    fflush(stdout);
    loop_timer_stop(&l->patience);
    loop_timer_start(l->loop, &l->phase, idle * 1000, on_idle_end, l);
}

static void begin(struct load *l)
{
    if (idle) {
        hold(l);
        return;
    }
    if (messages || warm_ms == 0)
        on_warm(l);
    else
        loop_timer_start(l->loop, &l->phase, warm_ms, on_warm, l);
    for (uint64_t i = 0; i < connections; i++)
        send_more(&l->connections[i]);
}

static void on_connack(struct connection *c, struct slice body)
{
    if (body.len != 2 || body.at[1] != 0) {
        fprintf(stderr, "connection refused number=%u code=%d\n", c->number,
                body.len == 2 ? body.at[1] : -1);
        fail(c->load, "a connection was refused");
        return;
    }
    c->ready = true;
    open_next(c->load);
    if (++c->load->ready == connections)
        begin(c->load);
}

/* PUBACKs come in the order of the PUBLISHes [MQTT-4.6.0-2]. */
static void on_puback(struct connection *c, struct slice body, uint64_t now)
{
    struct load *l = c->load;
    if (body.len != 2 || c->acked == c->sent || (body.at[0] << 8 | body.at[1]) != id_of(c->acked)) {
        fail(l, "a PUBACK for another message than the oldest");
        return;
    }
    if (l->measuring)
        latency_add(l->latency, (now - c->sent_ns[c->acked % window]) / 1000);
    c->acked++;
    l->acked++;
    if (messages && l->acked == messages * connections)
        finish(l);
}

/* Bytes of the packet at the front; 0 when it is not whole. */
static size_t packet_size(struct slice s, struct slice *body)
{
    size_t len = 0;
    for (size_t i = 1; i < s.len && i < 5; i++) {
        len |= (size_t)(s.at[i] & 127) << 7 * (i - 1);
        if (s.at[i] & 128)
            continue;
        if (s.len < i + 1 + len)
            return 0;
        *body = slice_from(s.at + i + 1, len);
        return i + 1 + len;
    }
    return 0;
}

static size_t read_packets(struct connection *c, struct slice bytes)
{
    uint64_t now = clock_monotonic_ns();
    struct slice body, rest = bytes;
    for (size_t n; (n = packet_size(rest, &body)) > 0; rest = slice_skip(rest, n)) {
        if (rest.at[0] == 0x40)
            on_puback(c, body, now);
        else if (rest.at[0] == 0x20)
            on_connack(c, body);
    }
    return bytes.len - rest.len;
}

static void on_data(void *arg, struct slice bytes)
{
    struct connection *c = arg;
    if (c->unread.len) {
        buffer_put(&c->unread, bytes);
        buffer_drop(&c->unread, read_packets(c, buffer_slice(&c->unread)));
    } else {
        buffer_put(&c->unread, slice_skip(bytes, read_packets(c, bytes)));
    }
    if (c->ready && c->load->ready == connections && idle == 0)
        send_more(c);
}

static void on_open(void *arg)
{
    struct connection *c = arg;
    put_connect(c, stream_out(c->stream));
    stream_flush(c->stream);
}

static void on_close(void *arg, enum status why)
{
    struct connection *c = arg;
    c->stream = NULL;
    if (idle && !c->ready) {
        open_again(c);
        return;
    }
    fprintf(stderr, "connection closed number=%u status=%s\n", c->number, status_name(why));
    fail(c->load, "a connection closed");
}

static const struct stream_events events = {
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};

/* ---- setting up ---- */

static char *fill(const char *template, unsigned n)
{
    const char *mark = template ? strstr(template, "{n}") : NULL;
    char *text = NULL;
    if (mark == NULL)
        return memory_text(template ? template : "");
    if (asprintf(&text, "%.*s%u%s", (int)(mark - template), template, n, mark + 3) < 0)
        abort();
    return text;
}

static bool read_account(FILE *f, struct connection *c)
{
    char line[4096];
    if (fgets(line, sizeof(line), f) == NULL)
        return false;
    line[strcspn(line, "\n")] = 0;
    char *rest = line;
    for (int i = 0; i < 4; i++) {
        char *part = strsep(&rest, "\t");
        if (part == NULL)
            return false;
        c->texts[i] = memory_text(part);
    }
    return true;
}

static bool set_texts(struct load *l)
{
    FILE *f = accounts_file ? fopen(accounts_file, "r") : NULL;
    if (accounts_file && f == NULL) {
        perror(accounts_file);
        return false;
    }
    const char *templates[4] = {client_id, user, password, topic};
    bool good = true;
    for (unsigned n = 0; good && n < connections; n++) {
        struct connection *c = &l->connections[n];
        for (int i = 0; f == NULL && i < 4; i++)
            c->texts[i] = fill(templates[i], n);
        good = f == NULL || read_account(f, c);
    }
    if (f)
        fclose(f);
    if (!good)
        fprintf(stderr, "%s has too few lines, or one without its four parts\n", accounts_file);
    return good;
}

static void connect_all(struct load *l)
{
    for (unsigned n = 0; n < connections; n++) {
        struct connection *c = &l->connections[n];
        c->load = l;
        c->number = n;
        c->sent_ns = memory_new(window * sizeof(*c->sent_ns));
        make_publish(c);
    }
    l->start_ns = clock_monotonic_ns();
    for (unsigned n = 0; n < at_once; n++)
        open_next(l);
}

static void look(void *arg)
{
    struct load *l = arg;
    uint64_t seen = l->ready + l->acked;
    if (seen == l->acked_at_look) {
        fail(l, "nothing comes back");
        return;
    }
    l->acked_at_look = seen;
    loop_timer_start(l->loop, &l->patience, PATIENCE_MS, look, l);
}

static bool make_tls(struct load *l)
{
    struct tls_client_config config = {.ca_file = ca_file};
    return ca_file == NULL || tls_client_new(&config, &l->tls) == OK;
}

/* Of this program: where it comes near the core's whole time, the load is the limit. */
static double cpu_us(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static void report(const struct load *l)
{
    double elapsed = (double)(l->end_ns - l->start_ns) / 1e9;
    uint64_t measured = l->acked_at_end - l->acked_at_start;
    printf("{\"messages\":%llu,\"acknowledged\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"connections\":%llu,"
           "\"in_flight\":%llu,\"size\":%llu,\"tls\":%s,\"load_cpu_us\":%.3f}\n",
           (unsigned long long)measured, (unsigned long long)l->acked, elapsed,
           (double)measured / elapsed, latency_ms(l->latency, 500), latency_ms(l->latency, 990),
           latency_ms(l->latency, 999), (unsigned long long)connections, (unsigned long long)window,
           (unsigned long long)size, ca_file ? "true" : "false", cpu_us() / (double)l->acked);
}

static void clear(struct load *l)
{
    loop_free(&l->loop);
    tls_client_free(&l->tls);
    for (uint64_t n = 0; n < connections; n++) {
        struct connection *c = &l->connections[n];
        for (int i = 0; i < 4; i++)
            free(c->texts[i]);
        free(c->sent_ns);
        buffer_clear(&c->publish);
        buffer_clear(&c->unread);
    }
    free(l->connections);
    free(l->latency);
}

int main(int argc, char **argv)
{
    if (!options_read(rows, sizeof(rows) / sizeof(rows[0]), argc, argv))
        return 2;
    if (window == 0 || window > 65535 || connections == 0 || connections > 19000 || size > 250000) {
        fprintf(stderr, "in-flight 1 to 65535, connections 1 to 19000, size up to 250000\n");
        return 2;
    }
    log_setup("load", idle ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, 0);
    struct load l = {.loop = loop_new(), .latency = MEMORY_NEW(struct latency)};
    l.connections = memory_new(connections * sizeof(*l.connections));
    if (!make_tls(&l) || !set_texts(&l))
        return 1;
    connect_all(&l);
    loop_timer_start(l.loop, &l.patience, PATIENCE_MS, look, &l);
    loop_run(l.loop);
    if (l.trouble == NULL && idle == 0)
        report(&l);
    else if (l.trouble)
        fprintf(stderr, "%s: %s\n", argv[0], l.trouble);
    bool good = l.trouble == NULL;
    clear(&l);
    return good ? 0 : 1;
}
