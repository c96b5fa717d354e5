#include "opcua/reverse.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "opcua/reverse_hello.h"

/* A server's connection that nobody has taken yet. */
struct waiting {
    struct link link;
    struct opcua_reverse *owner;
    struct stream *stream;
    struct loop_timer deadline;
    struct buffer bytes; /* of its hello */
    char *url;           /* NULL before that */
};

struct opcua_reverse {
    struct opcua_reverse_config config;
    struct listener *listener;
    struct list waiting;
    size_t count;
};

static void waiting_free(struct waiting *w)
{
    loop_timer_stop(&w->deadline);
    list_remove(&w->link);
    w->owner->count--;
    buffer_clear(&w->bytes);
    free(w->url);
    free(w);
}

static void on_close(void *arg, enum status why)
{
    (void)why;
    waiting_free(arg);
}

static void on_deadline(void *arg)
{
    struct waiting *w = arg;
    stream_abort(w->stream, TIMED_OUT);
}

static void refuse(struct waiting *w, const char *why, struct slice text)
{
    log_warn("opcua reverse connection refused peer=%s reason=\"%s\" url=\"%.*s\"",
             stream_peer(w->stream), why, SLICE_FMT(text));
    stream_abort(w->stream, FORBIDDEN);
}

static void on_data(void *arg, struct slice bytes)
{
    struct waiting *w = arg;
    struct opcua_reverse_hello hello;
    if (w->url)
        return; /* a server says nothing before our hello; the session will hear what it did */
    buffer_put(&w->bytes, bytes);
    enum status s = opcua_reverse_hello_decode(buffer_slice(&w->bytes), &hello);
    if (s == AGAIN)
        return;
    if (s != OK || hello.size != w->bytes.len) {
        refuse(w, "no ReverseHello", SLICE("-"));
        return;
    }
    w->url = slice_dup(hello.endpoint_url);
    stream_pause(w->stream, true);
    loop_timer_start(w->owner->config.loop, &w->deadline, OPCUA_REVERSE_WAIT_MS, on_deadline, w);
    if (!w->owner->config.on_server(w->owner->config.arg, hello.endpoint_url))
        refuse(w, "no entry for this endpoint", hello.endpoint_url);
}

static const struct stream_events events = {.on_data = on_data, .on_close = on_close};

static void ignore_data(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static void ignore_close(void *arg, enum status why)
{
    (void)arg, (void)why;
}

static const struct stream_events nobody = {.on_data = ignore_data, .on_close = ignore_close};

static void on_accept(void *arg, struct stream *stream)
{
    struct opcua_reverse *r = arg;
    if (r->count >= OPCUA_REVERSE_WAITING_MAX) {
        stream_events(stream, &nobody, NULL);
        stream_abort(stream, FULL);
        return;
    }
    struct waiting *w = MEMORY_NEW(struct waiting);
    w->owner = r;
    w->stream = stream;
    list_push(&r->waiting, &w->link);
    r->count++;
    stream_events(stream, &events, w);
    loop_timer_start(r->config.loop, &w->deadline, OPCUA_REVERSE_WAIT_MS, on_deadline, w);
}

struct stream *opcua_reverse_take(struct opcua_reverse *r, struct slice endpoint_url)
{
    LIST_EACH(l, &r->waiting)
    {
        struct waiting *w = LIST_OF(l, struct waiting, link);
        if (!w->url || !slice_eq(slice_of(w->url), endpoint_url))
            continue;
        struct stream *s = w->stream;
        stream_events(s, &nobody, NULL);
        stream_pause(s, false);
        waiting_free(w);
        return s;
    }
    return NULL;
}

enum status opcua_reverse_open(const struct opcua_reverse_config *config,
                               struct opcua_reverse **out)
{
    struct opcua_reverse *r = MEMORY_NEW(struct opcua_reverse);
    r->config = *config;
    list_init(&r->waiting);
    struct listen_config listen = {
        .loop = config->loop, .host = "::", .port = config->port, .on_accept = on_accept, .arg = r};
    enum status s = listener_open(&listen, &r->listener);
    if (s != OK) {
        log_error("opcua cannot listen for reverse connections port=%d status=%s", config->port,
                  status_name(s));
        free(r);
        return IO_FAILED;
    }
    log_info("opcua listens for reverse connections port=%d", listener_port(r->listener));
    *out = r;
    return OK;
}

int opcua_reverse_port(const struct opcua_reverse *r)
{
    return listener_port(r->listener);
}

void opcua_reverse_close(struct opcua_reverse **reverse)
{
    struct opcua_reverse *r = *reverse;
    if (!r)
        return;
    listener_close(&r->listener);
    LIST_EACH(l, &r->waiting)
    {
        struct waiting *w = LIST_OF(l, struct waiting, link);
        stream_events(w->stream, &nobody, NULL);
        stream_abort(w->stream, CLOSED);
        waiting_free(w);
    }
    free(r);
    *reverse = NULL;
}
