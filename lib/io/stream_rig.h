/* What the tests of streams share: a server with one connection and a client, plain or TLS, and what each has seen. */
#pragma once

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/cmocka.h"
#include "crypto/test_certificates.h"
#include "io/loop_priv.h"
#include "io/stream.h"

struct peer {
    struct stream *stream; /* NULL after on_close */
    struct buffer received;
    size_t received_bytes;
    bool open, closed;
    enum status why;
    int drains;
    bool echo;
    bool keep;     /* what is received is kept, not only counted */
    loop_fn *then; /* called with then_arg on every on_data */
    void *then_arg;
};

static inline void on_open(void *arg)
{
    ((struct peer *)arg)->open = true;
}

static inline void on_data(void *arg, struct slice bytes)
{
    struct peer *p = arg;
    p->received_bytes += bytes.len;
    if (p->keep)
        buffer_put(&p->received, bytes);
    if (p->echo) {
        stream_write(p->stream, bytes);
        if (stream_unsent(p->stream) > STREAM_HIGH_BYTES)
            stream_pause(p->stream, true);
    }
    if (p->then)
        p->then(p->then_arg);
}

static inline void on_drain(void *arg)
{
    struct peer *p = arg;
    p->drains++;
    if (p->echo)
        stream_pause(p->stream, false);
}

static inline void on_close(void *arg, enum status why)
{
    struct peer *p = arg;
    assert_false(p->closed);
    p->closed = true;
    p->why = why;
    p->stream = NULL;
}

static const struct stream_events events = {
    .on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

static struct test_certificates certificates;

/* A server with one connection, and a client. */
struct pair {
    struct loop *loop;
    bool tls;
    struct listener *listener;
    struct peer server, client;
    int accepted;
};

static inline void on_accept(void *arg, struct stream *s)
{
    struct pair *p = arg;
    p->accepted++;
    p->server.stream = s;
    p->server.open = true;
    stream_events(s, &events, &p->server);
}

static inline void pair_connect(struct pair *p)
{
    struct connect_config config = {.loop = p->loop,
                                    .host = "127.0.0.1",
                                    .port = listener_port(p->listener),
                                    .tls = p->tls ? certificates.tls_client : NULL};
    p->client.stream = stream_connect(&config, &events, &p->client);
}

static inline bool both_open(void *arg)
{
    struct pair *p = arg;
    return p->server.open && p->client.open;
}

static inline bool both_closed(void *arg)
{
    struct pair *p = arg;
    return p->server.closed && p->client.closed;
}

static inline void pair_open(struct pair *p)
{
    p->loop = loop_new();
    struct listen_config config = {.loop = p->loop,
                                   .host = "127.0.0.1",
                                   .tls = p->tls ? certificates.tls_server : NULL,
                                   .on_accept = on_accept,
                                   .arg = p};
    assert_int_equal(listener_open(&config, &p->listener), OK);
    pair_connect(p);
    assert_true(loop_run_until(p->loop, both_open, p, 5000));
}

static inline void pair_close(struct pair *p)
{
    listener_close(&p->listener);
    loop_free(&p->loop);
    buffer_clear(&p->client.received);
    buffer_clear(&p->server.received);
}

static inline void set(void *arg)
{
    *(bool *)arg = true;
}

static inline bool is_set(void *arg)
{
    return *(bool *)arg;
}

static inline bool closed(void *arg)
{
    return ((struct peer *)arg)->closed;
}

/* ---- much ---- */

enum { MUCH = 10 << 20 };

struct feed {
    struct pair pair;
    size_t written, checked;
    bool wrong;
};

static inline uint8_t byte_at(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 8) * 7);
}

static inline void feed_more(struct feed *f)
{
    while (f->pair.client.stream && f->written < MUCH &&
           stream_unsent(f->pair.client.stream) <= STREAM_HIGH_BYTES) {
        struct buffer *out = stream_out(f->pair.client.stream);
        uint8_t *at = buffer_reserve(out, 4096);
        for (size_t i = 0; i < 4096; i++)
            at[i] = byte_at(f->written + i);
        buffer_added(out, 4096);
        f->written += 4096;
        stream_flush(f->pair.client.stream);
    }
}

static inline void feed_drain(void *arg)
{
    feed_more(arg);
}

static inline void feed_data(void *arg, struct slice bytes)
{
    struct feed *f = arg;
    for (size_t i = 0; i < bytes.len; i++)
        f->wrong |= bytes.at[i] != byte_at(f->checked + i);
    f->checked += bytes.len;
}

static inline void feed_close(void *arg, enum status why)
{
    struct feed *f = arg;
    on_close(&f->pair.client, why);
}

static const struct stream_events feed_events = {
    .on_data = feed_data, .on_drain = feed_drain, .on_close = feed_close};

static inline bool all_checked(void *arg)
{
    struct feed *f = arg;
    return f->checked == MUCH;
}
