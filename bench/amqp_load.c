/*
 * Load for an AMQP 1.0 server: connections that each send telemetry as a device, with a window of
 * unsettled messages, as far as the server's credit goes. Prints one JSON line: messages a second,
 * and how long each waited to be accepted.
 *
 * A file of accounts has a line for each connection: user and password for SASL PLAIN, and the
 * address, separated by tabs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "bench/amqp_client.h"
#include "bench/course.h"
#include "bench/options.h"
#include "crypto/tls.h"

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
    struct amqp_client *client;
    uint64_t *sent_ns; /* a ring of `window` */
    uint64_t sent, accepted;
    bool ready;
};

struct load {
    struct course course;
    struct tls_client *tls;
    struct connection *connections;
    struct buffer message;
    uint64_t ready;
};

static void send_more(struct connection *c)
{
    uint64_t now = clock_monotonic_ns();
    for (; c->sent - c->accepted < window; c->sent++) {
        c->sent_ns[c->sent % window] = now;
        if (!amqp_client_send(c->client, c->sent, buffer_slice(&c->load->message)))
            return;
    }
}

static void begin(struct load *l)
{
    for (uint64_t n = 0; n < connections; n++) {
        send_more(&l->connections[n]);
        amqp_client_flush(l->connections[n].client);
    }
    course_begin(&l->course);
}

static void on_credit(void *arg)
{
    struct connection *c = arg;
    if (c->ready)
        return; /* on_turn() follows */
    c->ready = true;
    course_stir(&c->load->course);
    if (++c->load->ready == connections)
        begin(c->load);
}

static void on_settled(void *arg, uint64_t token, bool accepted)
{
    struct connection *c = arg;
    if (!accepted) {
        course_fail(&c->load->course, "a message was not accepted");
        return;
    }
    c->accepted++;
    course_done(&c->load->course, c->sent_ns[token % window]);
}

static void on_turn(void *arg)
{
    struct connection *c = arg;
    if (c->ready && c->load->ready == connections)
        send_more(c);
}

static void on_fail(void *arg, const char *why)
{
    course_fail(&((struct connection *)arg)->load->course, why);
}

static const struct amqp_client_events events = {
    .on_credit = on_credit, .on_settled = on_settled, .on_turn = on_turn, .on_fail = on_fail};

/* ---- setting up ---- */

static bool open_one(struct load *l, struct connection *c, FILE *accounts)
{
    char line[4096];
    struct amqp_client_config config = {
        .connect = {.loop = l->course.loop,
                    .host = host,
                    .port = (int)port,
                    .tls = l->tls,
                    .server_name = server_name},
        .address = address,
        .events = &events,
        .arg = c,
    };
    if (accounts) {
        char *rest = line;
        if (fgets(line, sizeof(line), accounts) == NULL)
            return false;
        line[strcspn(line, "\n")] = 0;
        config.user = strsep(&rest, "\t");
        config.password = strsep(&rest, "\t");
        config.address = rest;
        if (rest == NULL)
            return false;
    }
    c->load = l;
    c->sent_ns = memory_new(window * sizeof(*c->sent_ns));
    c->client = amqp_client_open(&config);
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
    for (uint64_t n = 0; good && n < connections; n++)
        good = open_one(l, &l->connections[n], f);
    if (f)
        fclose(f);
    if (!good)
        fprintf(stderr, "%s has too few lines, or one without its three parts\n", accounts_file);
    return good;
}

static void make_message(struct load *l)
{
    struct buffer body = {0};
    memset(buffer_reserve(&body, size), 'x', size);
    buffer_added(&body, size);
    amqp_message_data(&l->message, buffer_slice(&body));
    buffer_clear(&body);
}

static void clear(struct load *l)
{
    loop_free(&l->course.loop);
    tls_client_free(&l->tls);
    for (uint64_t n = 0; n < connections; n++) {
        amqp_client_free(&l->connections[n].client);
        free(l->connections[n].sent_ns);
    }
    free(l->connections);
    buffer_clear(&l->message);
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
    struct load l = {.course = {.loop = loop_new(), .warm_ms = warm_ms, .seconds = seconds}};
    l.connections = memory_new(connections * sizeof(*l.connections));
    make_message(&l);
    if (ca_file && tls_client_new(&(struct tls_client_config){.ca_file = ca_file}, &l.tls) != OK)
        return 1;
    if (!open_all(&l))
        return 1;
    course_init(&l.course);
    loop_run(l.course.loop);
    int code = course_report(&l.course, argv[0]);
    clear(&l);
    return code;
}
