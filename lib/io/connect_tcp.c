#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "base/log.h"
#include "base/memory.h"
#include "io/stream_tcp.h"

/* A name lookup on a helper thread; the stream may be gone when it comes back. */
struct lookup {
    struct stream_tcp *stream;
    char *host;
    char port[8];
    int result;
    struct addrinfo *found;
};

struct connecting {
    char *host;
    int port;
    struct lookup *lookup;  /* while it runs */
    struct addrinfo *found; /* all addresses, */
    struct addrinfo *next;  /* and the one to try next */
    int error;              /* of the last attempt */
    bool quiet;
    struct loop_timer deadline;
};

static void try_next(struct stream_tcp *t);

static void lookup_free(struct lookup *k)
{
    if (k->found)
        freeaddrinfo(k->found);
    free(k->host);
    free(k);
}

void connecting_cancel(struct stream_tcp *t)
{
    struct connecting *c = t->connecting;
    if (c == NULL)
        return;
    t->connecting = NULL;
    loop_timer_stop(&c->deadline);
    if (c->lookup)
        c->lookup->stream = NULL;
    if (c->found)
        freeaddrinfo(c->found);
    free(c->host);
    free(c);
}

static void give_up(struct stream_tcp *t, enum status why, const char *reason)
{
    log_line(t->connecting->quiet ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
             "cannot connect host=%s port=%d reason=%s", t->connecting->host, t->connecting->port,
             reason);
    connecting_cancel(t);
    stream_tcp_handle_drop(t);
    stream_closed(&t->s, why);
}

static void on_deadline(void *arg)
{
    give_up(arg, TIMED_OUT, "timed_out");
}

static void on_connected(uv_connect_t *request, int result)
{
    struct stream_tcp *t = ((struct tcp_handle *)request->handle)->owner;
    if (t == NULL)
        return;
    if (result < 0) {
        t->connecting->error = result;
        stream_tcp_handle_drop(t);
        try_next(t);
        return;
    }
    struct loop *l = t->s.loop;
    connecting_cancel(t);
    stream_tcp_start(t);
    stream_opened(&t->s);
    loop_breathe(l);
}

static void try_next(struct stream_tcp *t)
{
    struct connecting *c = t->connecting;
    for (; c->next; stream_tcp_handle_drop(t)) {
        struct addrinfo *address = c->next;
        c->next = address->ai_next;
        stream_tcp_peer_set(t, address->ai_addr);
        struct tcp_handle *h = stream_tcp_handle_new(t);
        c->error = uv_tcp_connect(&h->request.connect, &h->uv, address->ai_addr, on_connected);
        if (c->error == 0)
            return;
    }
    give_up(t, IO_FAILED, c->error ? uv_err_name(c->error) : "no_address");
}

/* ---- names ---- */

static int resolve(const char *host, const char *port, int flags, struct addrinfo **found)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};
    return getaddrinfo(host, port, &hints, found);
}

static void lookup_run(void *arg)
{
    struct lookup *k = arg;
    k->result = resolve(k->host, k->port, AI_ADDRCONFIG, &k->found);
}

static void lookup_drop(void *arg)
{
    lookup_free(arg);
}

static void lookup_done(void *arg)
{
    struct lookup *k = arg;
    struct stream_tcp *t = k->stream;
    if (t == NULL) {
        lookup_free(k);
        return;
    }
    struct connecting *c = t->connecting;
    c->lookup = NULL;
    c->found = c->next = k->found;
    k->found = NULL;
    int result = k->result;
    lookup_free(k);
    if (result == 0)
        try_next(t);
    else
        give_up(t, IO_FAILED, result == EAI_NONAME ? "name_not_known" : "name_lookup_failed");
}

static void start(void *arg)
{
    struct stream_tcp *t = arg;
    struct connecting *c = t->connecting;
    if (c == NULL)
        return; /* aborted meanwhile */
    char port[8];
    snprintf(port, sizeof(port), "%u", c->port & 0xffff);
    if (resolve(c->host, port, AI_NUMERICHOST, &c->found) == 0) {
        c->next = c->found;
        try_next(t);
        return;
    }
    c->found = NULL;
    struct lookup *k = MEMORY_NEW(struct lookup);
    k->stream = t;
    k->host = memory_text(c->host);
    memcpy(k->port, port, sizeof(port));
    c->lookup = k;
    loop_work_or_drop(t->s.loop, lookup_run, lookup_done, lookup_drop, k);
}

struct stream *connect_tcp(const struct connect_config *config)
{
    struct stream_tcp *t = stream_tcp_new(config->loop);
    struct connecting *c = MEMORY_NEW(struct connecting);
    c->host = memory_text(config->host);
    c->port = config->port;
    c->quiet = config->quiet;
    snprintf(t->peer, sizeof(t->peer), "%.40s:%d", config->host, config->port);
    t->connecting = c;
    loop_timer_start(config->loop, &c->deadline, config->timeout_ms, on_deadline, t);
    loop_defer(config->loop, start, t);
    return &t->s;
}
