/*
 * The hub's end of a client's AMQP connection in a simulated world, for tests: it takes streams,
 * runs the engine on them and lets time pass; what its links do is the test's. Stands first in the
 * test's own struct, which is the argument of all callbacks.
 */
#pragma once

#include "amqp/link.h"
#include "amqp/message.h"
#include "io/sim.h"

#include "base/cmocka.h"

struct hub_double {
    struct sim *sim;
    struct loop *loop, *there; /* the client's, the hub's */
    struct listener *listener;
    struct stream *stream; /* NULL: nobody is connected */
    struct amqp_connection *engine;
    struct loop_timer tick;
    unsigned connections;
    const struct amqp_events *events; /* with hub_double_output */
    void (*on_gone)(void *arg);       /* the links of a connection; may be NULL */
};

static inline struct buffer *hub_double_output(void *arg)
{
    struct hub_double *h = arg;
    stream_flush(h->stream);
    return stream_out(h->stream);
}

static inline void hub_double_data(void *arg, struct slice bytes)
{
    struct hub_double *h = arg;
    amqp_connection_in(h->engine, bytes, loop_now_ms(h->there));
}

static inline void hub_double_gone(void *arg, enum status why)
{
    struct hub_double *h = arg;
    (void)why;
    loop_timer_stop(&h->tick);
    h->stream = NULL;
    amqp_connection_free(&h->engine);
    if (h->on_gone)
        h->on_gone(h);
}

static inline void hub_double_tick(void *arg)
{
    struct hub_double *h = arg;
    loop_timer_start(h->there, &h->tick, 10000, hub_double_tick, h);
    amqp_connection_tick(h->engine, loop_now_ms(h->there));
}

static inline void hub_double_ignore_data(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static inline void hub_double_ignore_close(void *arg, enum status why)
{
    (void)arg, (void)why;
}

/* A new connection takes the place of one that the hub does not know to be dead. */
static inline void hub_double_accept(void *arg, struct stream *s)
{
    static const struct stream_events events = {.on_data = hub_double_data,
                                                .on_close = hub_double_gone};
    static const struct stream_events ignored = {.on_data = hub_double_ignore_data,
                                                 .on_close = hub_double_ignore_close};
    static const char *const anonymous[] = {"ANONYMOUS", NULL};
    struct hub_double *h = arg;
    if (h->stream) {
        stream_events(h->stream, &ignored, NULL);
        stream_abort(h->stream, REPLACED);
        hub_double_gone(h, REPLACED);
    }
    h->connections++;
    h->stream = s;
    h->engine = amqp_connection_new(&(struct amqp_connection_config){.container_id = "hub",
                                                                     .mechanisms = anonymous,
                                                                     .idle_ms = 60000,
                                                                     .events = h->events,
                                                                     .arg = h},
                                    loop_now_ms(h->there));
    stream_events(s, &events, h);
    loop_timer_start(h->there, &h->tick, 10000, hub_double_tick, h);
}

static inline void hub_double_open(struct hub_double *h, uint64_t seed, int port)
{
    h->sim = sim_new(seed);
    h->loop = sim_loop_new(h->sim, "client");
    h->there = sim_loop_new(h->sim, "hub");
    assert_int_equal(listener_open(&(struct listen_config){.loop = h->there,
                                                           .host = "0.0.0.0",
                                                           .port = port,
                                                           .on_accept = hub_double_accept,
                                                           .arg = h},
                                   &h->listener),
                     OK);
}

static inline void hub_double_pass(struct hub_double *h, uint64_t ms)
{
    sim_run(h->sim, sim_now_ms(h->sim) + ms);
}

/* The client has gone. */
static inline void hub_double_close(struct hub_double *h)
{
    hub_double_pass(h, 10000);
    listener_close(&h->listener);
    sim_free(&h->sim);
}

/* What $cbs says to a token. */
static inline void hub_double_answer(struct amqp_link *l, int status)
{
    struct buffer b = {0};
    size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(&b, SLICE("status-code"));
    amqp_write_int(&b, status);
    amqp_write_end(&b, map, 2);
    amqp_message_value_begin(&b);
    amqp_write_null(&b);
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){.settled = true}, buffer_slice(&b)), OK);
    buffer_clear(&b);
}
