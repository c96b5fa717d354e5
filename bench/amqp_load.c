/*
 * Load for an AMQP 1.0 server: connections that each send telemetry as a device, with a window of
 * unsettled messages, as far as the server's credit goes. Prints one JSON line: messages a second,
 * and how long each waited to be accepted. tests/interop has other stacks judge the wire; here the
 * library's own client end does, because it costs little.
 *
 * A file of accounts has a line for each connection: user and password for SASL PLAIN, and the
 * address, separated by tabs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "amqp/link.h"
#include "amqp/message.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "bench/latency.h"
#include "bench/options.h"
#include "crypto/tls.h"
#include "io/stream.h"

#define PATIENCE_MS 10000 /* without anything accepted or attached */

static const char *host = "127.0.0.1", *ca_file, *server_name, *accounts_file, *address = "load";
static uint64_t port = 5671, connections = 10, window = 64, size = 256, seconds = 5, warm_ms = 500;

static const struct option_row rows[] = {
    {"host", &host, NULL, "server"},
    {"port", NULL, &port, "its port"},
    {"ca", &ca_file, NULL, "TLS with this authority's PEM file; without it plain"},
    {"server-name", &server_name, NULL, "name in its certificate, when it is not the host"},
    {"connections", NULL, &connections, "how many"},
    {"in-flight", NULL, &window, "unsettled messages of each"},
    {"size", NULL, &size, "bytes of a body"},
    {"seconds", NULL, &seconds, "how long is measured"},
    {"warm-ms", NULL, &warm_ms, "before that, not measured"},
    {"address", &address, NULL, "to send to, without accounts"},
    {"accounts", &accounts_file, NULL, "file: user, password, address"},
};

struct connection {
    struct load *load;
    struct stream *stream;
    struct amqp_connection *engine;
    struct amqp_link *link;
    char *user, *password, *address;
    uint64_t *sent_ns; /* a ring of `window` */
    uint64_t sent, accepted;
    bool ready;
};

struct load {
    struct loop *loop;
    struct tls_client *tls;
    struct connection *connections;
    struct latency *latency;
    struct buffer message;
    struct loop_timer phase, patience;
    uint64_t ready, accepted, accepted_at_start, accepted_at_end, start_ns, end_ns, seen;
    bool measuring;
    const char *trouble;
};

static void fail(struct load *l, const char *what)
{
    if (l->trouble == NULL)
        l->trouble = what;
    loop_stop(l->loop);
}

/* ---- phases ---- */

static void finish(void *arg)
{
    struct load *l = arg;
    l->end_ns = clock_monotonic_ns();
    l->accepted_at_end = l->accepted;
    loop_stop(l->loop);
}

static void measure(void *arg)
{
    struct load *l = arg;
    l->measuring = true;
    l->start_ns = clock_monotonic_ns();
    l->accepted_at_start = l->accepted;
    loop_timer_start(l->loop, &l->phase, seconds * 1000, finish, l);
}

static void send_more(struct connection *c)
{
    uint64_t now = clock_monotonic_ns();
    while (c->sent - c->accepted < window) {
        c->sent_ns[c->sent % window] = now;
        if (amqp_link_send(c->link, &(struct amqp_send){.token = c->sent},
                           buffer_slice(&c->load->message)) != OK)
            return;
        c->sent++;
    }
}

/* ---- the engine ---- */

static struct buffer *output(void *arg)
{
    struct connection *c = arg;
    stream_flush(c->stream);
    return stream_out(c->stream);
}

static void put_terminus(struct buffer *b, const char *text, bool source)
{
    struct buffer at = {0};
    amqp_write_string(&at, slice_of(text));
    if (source)
        amqp_source_write(b, &(struct amqp_source){.address = buffer_slice(&at),
                                                   .durable = AMQP_ABSENT,
                                                   .timeout = AMQP_ABSENT});
    else
        amqp_target_write(b, &(struct amqp_target){.address = buffer_slice(&at),
                                                   .durable = AMQP_ABSENT,
                                                   .timeout = AMQP_ABSENT});
    buffer_clear(&at);
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    struct connection *c = arg;
    struct amqp_session *session;
    struct buffer source = {0}, target = {0};
    (void)peer;
    put_terminus(&source, "load", true);
    put_terminus(&target, c->address, false);
    if (amqp_session_begin(c->engine, &session) != OK ||
        amqp_link_attach(session,
                         &(struct amqp_attach){.name = SLICE("load"),
                                               .send_settle = AMQP_SEND_UNSETTLED,
                                               .receive_settle = AMQP_ABSENT,
                                               .source = buffer_slice(&source),
                                               .target = buffer_slice(&target)},
                         c, &c->link) != OK)
        fail(c->load, "no link");
    buffer_clear(&source);
    buffer_clear(&target);
}

static void on_credit(void *arg, struct amqp_link *link)
{
    struct connection *c = arg;
    struct load *l = c->load;
    (void)link;
    if (!c->ready) {
        c->ready = true;
        if (++l->ready == connections) {
            for (uint64_t n = 0; n < connections; n++)
                send_more(&l->connections[n]);
            loop_timer_start(l->loop, &l->phase, warm_ms, measure, l);
        }
    } else if (l->ready == connections) {
        send_more(c);
    }
}

static void on_settled(void *arg, struct amqp_link *link, uint64_t token,
                       const struct amqp_state *state)
{
    struct connection *c = arg;
    struct load *l = c->load;
    (void)link;
    if (state->outcome != AMQP_OUTCOME_ACCEPTED) {
        fail(l, "a message was not accepted");
        return;
    }
    if (l->measuring)
        latency_add(l->latency, (clock_monotonic_ns() - c->sent_ns[token % window]) / 1000);
    c->accepted++;
    l->accepted++;
}

static void on_detach(void *arg, struct amqp_link *link, const struct amqp_error *why)
{
    struct connection *c = arg;
    (void)link;
    fprintf(stderr, "detached %s: %.*s\n", c->address, SLICE_FMT(why->condition));
    fail(c->load, "a link was detached");
}

static void on_engine_close(void *arg, enum status status, const struct amqp_error *why)
{
    struct connection *c = arg;
    fprintf(stderr, "closed %s: %.*s\n", status_name(status), SLICE_FMT(why->condition));
    fail(c->load, "a connection was closed");
}

static const struct amqp_events engine_events = {
    .output = output,
    .on_open = on_open,
    .on_credit = on_credit,
    .on_settled = on_settled,
    .on_detach = on_detach,
    .on_close = on_engine_close,
};

/* ---- the stream ---- */

static void on_stream_open(void *arg)
{
    static const char *const plain[] = {"PLAIN", NULL};
    struct connection *c = arg;
    struct buffer response = {0};
    if (c->user) {
        buffer_u8(&response, 0);
        buffer_text(&response, c->user);
        buffer_u8(&response, 0);
        buffer_text(&response, c->password);
    }
    c->engine = amqp_connection_new(
        &(struct amqp_connection_config){.client = true,
                                         .container_id = "load",
                                         .hostname = host,
                                         .mechanisms = c->user ? plain : NULL,
                                         .sasl_response = buffer_slice(&response),
                                         .events = &engine_events,
                                         .arg = c},
        loop_now_ms(c->load->loop));
    buffer_clear(&response);
    stream_flush(c->stream);
}

static void on_data(void *arg, struct slice bytes)
{
    struct connection *c = arg;
    amqp_connection_in(c->engine, bytes, loop_now_ms(c->load->loop));
    if (c->ready && c->load->ready == connections)
        send_more(c);
    stream_flush(c->stream);
}

static void on_close(void *arg, enum status why)
{
    struct connection *c = arg;
    fprintf(stderr, "stream closed status=%s\n", status_name(why));
    fail(c->load, "a connection closed");
}

static const struct stream_events events = {
    .on_open = on_stream_open, .on_data = on_data, .on_close = on_close};

/* ---- setting up ---- */

static bool read_account(FILE *f, struct connection *c)
{
    char line[4096];
    if (fgets(line, sizeof(line), f) == NULL)
        return false;
    line[strcspn(line, "\n")] = 0;
    char *rest = line, *user = strsep(&rest, "\t"), *password = strsep(&rest, "\t");
    if (rest == NULL)
        return false;
    c->user = memory_text(user);
    c->password = memory_text(password);
    c->address = memory_text(rest);
    return true;
}

static bool open_all(struct load *l)
{
    FILE *f = accounts_file ? fopen(accounts_file, "r") : NULL;
    if (accounts_file && f == NULL) {
        perror(accounts_file);
        return false;
    }
    bool good = true;
    for (uint64_t n = 0; good && n < connections; n++) {
        struct connection *c = &l->connections[n];
        c->load = l;
        c->sent_ns = memory_new(window * sizeof(*c->sent_ns));
        good = f == NULL || read_account(f, c);
        if (f == NULL)
            c->address = memory_text(address);
        if (good)
            c->stream = stream_connect(&(struct connect_config){.loop = l->loop,
                                                                .host = host,
                                                                .port = (int)port,
                                                                .tls = l->tls,
                                                                .server_name = server_name},
                                       &events, c);
    }
    if (f)
        fclose(f);
    if (!good)
        fprintf(stderr, "%s has too few lines, or one without its three parts\n", accounts_file);
    return good;
}

static void look(void *arg)
{
    struct load *l = arg;
    if (l->ready + l->accepted == l->seen) {
        fail(l, "nothing comes back");
        return;
    }
    l->seen = l->ready + l->accepted;
    loop_timer_start(l->loop, &l->patience, PATIENCE_MS, look, l);
}

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
    uint64_t measured = l->accepted_at_end - l->accepted_at_start;
    printf("{\"messages\":%llu,\"acknowledged\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"connections\":%llu,"
           "\"in_flight\":%llu,\"size\":%llu,\"tls\":%s,\"load_cpu_us\":%.3f}\n",
           (unsigned long long)measured, (unsigned long long)l->accepted, elapsed,
           (double)measured / elapsed, latency_ms(l->latency, 500), latency_ms(l->latency, 990),
           latency_ms(l->latency, 999), (unsigned long long)connections, (unsigned long long)window,
           (unsigned long long)size, ca_file ? "true" : "false", cpu_us() / (double)l->accepted);
}

static void make_message(struct load *l)
{
    struct buffer body = {0};
    memset(buffer_reserve(&body, size), 'x', size);
    buffer_added(&body, size);
    amqp_message_data(&l->message, buffer_slice(&body));
    buffer_clear(&body);
}

int main(int argc, char **argv)
{
    if (!options_read(rows, sizeof(rows) / sizeof(rows[0]), argc, argv))
        return 2;
    if (window == 0 || connections == 0 || connections > 19000 || size > 250000) {
        fprintf(stderr, "in-flight 1 or more, connections 1 to 19000, size up to 250000\n");
        return 2;
    }
    log_setup("load", LOG_LEVEL_WARN, 0);
    struct load l = {.loop = loop_new(), .latency = MEMORY_NEW(struct latency)};
    l.connections = memory_new(connections * sizeof(*l.connections));
    make_message(&l);
    if (ca_file && tls_client_new(&(struct tls_client_config){.ca_file = ca_file}, &l.tls) != OK)
        return 1;
    if (!open_all(&l))
        return 1;
    loop_timer_start(l.loop, &l.patience, PATIENCE_MS, look, &l);
    loop_run(l.loop);
    if (l.trouble)
        fprintf(stderr, "%s: %s\n", argv[0], l.trouble);
    else
        report(&l);
    return l.trouble ? 1 : 0;
}
