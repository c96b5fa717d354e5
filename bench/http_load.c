/*
 * Load for any HTTP/1.1 server: kept connections that each send one request again and again, the
 * next when the answer to the last is there. Prints one JSON line: answers a second, and how long
 * each took. An answer other than the wanted status ends it. Path and body are templates: {n} is
 * the connection's number, {count} counts its requests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "bench/latency.h"
#include "bench/options.h"
#include "bench/template.h"
#include "crypto/tls.h"
#include "io/stream.h"

#define PATIENCE_MS 10000 /* without any answer */
#define HEAD_END "\r\n\r\n"

static const char *host = "127.0.0.1", *ca_file, *server_name, *method = "GET", *path = "/",
                  *authorization, *body = "";
static uint64_t port = 80, connections = 10, seconds = 5, warm_ms = 500, status = 200;

static const struct option_row rows[] = {
    {"host", &host, NULL, "server"},
    {"port", NULL, &port, "its port"},
    {"ca", &ca_file, NULL, "TLS with this authority's PEM file; without it plain"},
    {"server-name", &server_name, NULL, "name in its certificate and of the Host header"},
    {"connections", NULL, &connections, "how many"},
    {"seconds", NULL, &seconds, "how long is measured"},
    {"warm-ms", NULL, &warm_ms, "before that, not measured"},
    {"method", &method, NULL, "of the request"},
    {"path", &path, NULL, "template, with its query"},
    {"authorization", &authorization, NULL, "value of that header"},
    {"body", &body, NULL, "template of JSON, sent when it is not empty"},
    {"status", NULL, &status, "that every answer must have"},
};

struct connection {
    struct load *load;
    struct stream *stream;
    struct buffer request, unread;
    uint64_t n, count, sent_ns;
};

struct load {
    struct loop *loop;
    struct tls_client *tls;
    struct connection *connections;
    struct latency *latency;
    struct loop_timer phase, patience;
    uint64_t answered, answered_at_look, start_ns, end_ns;
    bool measuring;
    const char *trouble;
};

static void fail(struct load *l, const char *what)
{
    if (l->trouble == NULL)
        l->trouble = what;
    loop_stop(l->loop);
}

/* ---- requests ---- */

static void make_request(struct buffer *out, struct template_numbers numbers)
{
    struct buffer text = {0};
    buffer_printf(out, "%s ", method);
    template_put(out, path, numbers);
    buffer_printf(out, " HTTP/1.1\r\nHost: %s\r\n", server_name ? server_name : host);
    if (authorization)
        buffer_printf(out, "Authorization: %s\r\n", authorization);
    template_put(&text, body, numbers);
    if (text.len)
        buffer_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", text.len);
    buffer_text(out, "\r\n");
    buffer_put(out, buffer_slice(&text));
    buffer_clear(&text);
}

static void send_request(struct connection *c)
{
    c->count++;
    if (c->request.len == 0 || template_counts(path) || template_counts(body)) {
        buffer_reset(&c->request);
        make_request(&c->request, (struct template_numbers){c->n, c->count});
    }
    c->sent_ns = clock_monotonic_ns();
    stream_write(c->stream, buffer_slice(&c->request));
}

/* ---- answers ---- */

static bool read_length(struct slice head, size_t *length)
{
    static const char name[] = "\ncontent-length:";
    const size_t len = sizeof(name) - 1;
    for (size_t i = 0; i + len < head.len; i++)
        if (head.at[i] == '\n' && strncasecmp((const char *)head.at + i, name, len) == 0) {
            *length = strtoul((const char *)head.at + i + len, NULL, 10); /* ends at the CR */
            return true;
        }
    return false;
}

/* Bytes of the answer at the front; 0 when it is not whole. */
static size_t answer_size(struct load *l, struct slice bytes)
{
    struct slice head = slice_first(bytes, slice_find_slice(bytes, SLICE(HEAD_END)));
    size_t length;
    if (head.len == bytes.len)
        return 0;
    if (head.len < 12 || strtoul((const char *)head.at + 9, NULL, 10) != status) {
        fprintf(stderr, "%.*s\n", (int)bytes.len, (const char *)bytes.at);
        fail(l, "another status than the wanted one");
        return 0;
    }
    if (!read_length(head, &length)) {
        fail(l, "an answer without Content-Length");
        return 0;
    }
    size_t size = head.len + strlen(HEAD_END) + length;
    return size <= bytes.len ? size : 0;
}

static void on_data(void *arg, struct slice bytes)
{
    struct connection *c = arg;
    struct load *l = c->load;
    buffer_put(&c->unread, bytes);
    size_t size = answer_size(l, buffer_slice(&c->unread));
    if (size == 0)
        return;
    if (size < c->unread.len) {
        fail(l, "more than was asked for");
        return;
    }
    buffer_reset(&c->unread);
    l->answered++;
    if (l->measuring)
        latency_add(l->latency, (clock_monotonic_ns() - c->sent_ns) / 1000);
    send_request(c);
}

/* ---- the connections ---- */

static void on_open(void *arg)
{
    send_request(arg);
}

static void on_close(void *arg, enum status why)
{
    struct connection *c = arg;
    fprintf(stderr, "connection closed status=%s\n", status_name(why));
    fail(c->load, "a connection closed");
}

static const struct stream_events events = {
    .on_open = on_open, .on_data = on_data, .on_close = on_close};

static void connect_all(struct load *l)
{
    struct connect_config config = {
        .loop = l->loop,
        .host = host,
        .port = (int)port,
        .tls = l->tls,
        .server_name = server_name,
    };
    for (uint64_t n = 0; n < connections; n++) {
        struct connection *c = &l->connections[n];
        c->load = l;
        c->n = n;
        c->stream = stream_connect(&config, &events, c);
    }
}

/* ---- phases ---- */

static void on_end(void *arg)
{
    struct load *l = arg;
    l->end_ns = clock_monotonic_ns();
    loop_stop(l->loop);
}

static void on_warm(void *arg)
{
    struct load *l = arg;
    l->measuring = true;
    l->start_ns = clock_monotonic_ns();
    loop_timer_start(l->loop, &l->phase, seconds * 1000, on_end, l);
}

static void look(void *arg)
{
    struct load *l = arg;
    if (l->answered == l->answered_at_look)
        fail(l, "nothing comes back");
    l->answered_at_look = l->answered;
    loop_timer_start(l->loop, &l->patience, PATIENCE_MS, look, l);
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
    uint64_t measured = l->latency->total;
    printf(
        "{\"answers\":%llu,\"acknowledged\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,\"p50_ms\":%."
        "3f,"
        "\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"connections\":%llu,\"tls\":%s,\"load_cpu_us\":%.3f}\n",
        (unsigned long long)measured, (unsigned long long)l->answered, elapsed,
        (double)measured / elapsed, latency_ms(l->latency, 500), latency_ms(l->latency, 990),
        latency_ms(l->latency, 999), (unsigned long long)connections, ca_file ? "true" : "false",
        cpu_us() / (double)l->answered);
}

static bool make_tls(struct load *l)
{
    struct tls_client_config config = {.ca_file = ca_file};
    return ca_file == NULL || tls_client_new(&config, &l->tls) == OK;
}

static void clear(struct load *l)
{
    loop_free(&l->loop);
    tls_client_free(&l->tls);
    for (uint64_t n = 0; n < connections; n++) {
        buffer_clear(&l->connections[n].request);
        buffer_clear(&l->connections[n].unread);
    }
    free(l->connections);
    free(l->latency);
}

int main(int argc, char **argv)
{
    if (!options_read(rows, sizeof(rows) / sizeof(rows[0]), argc, argv))
        return 2;
    if (connections == 0 || connections > 1000) {
        fprintf(stderr, "connections 1 to 1000\n");
        return 2;
    }
    log_setup("load", LOG_LEVEL_WARN, 0);
    struct load l = {.latency = MEMORY_NEW(struct latency)};
    if (!make_tls(&l))
        return 1;
    l.loop = loop_new();
    l.connections = memory_new(connections * sizeof(*l.connections));
    connect_all(&l);
    loop_timer_start(l.loop, &l.phase, warm_ms, on_warm, &l);
    loop_timer_start(l.loop, &l.patience, PATIENCE_MS, look, &l);
    loop_run(l.loop);
    if (l.trouble == NULL)
        report(&l);
    else
        fprintf(stderr, "%s: %s\n", argv[0], l.trouble);
    bool good = l.trouble == NULL;
    clear(&l);
    return good ? 0 : 1;
}
