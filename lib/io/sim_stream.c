#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "io/sim_wire.h"

#define CLOSE_MS 5000 /* what is unsent at stream_close() has so long */

struct sim_stream {
    struct stream s; /* first */
    struct sim *sim;
    struct sim_end *end;    /* NULL when it has closed */
    struct buffer queued;   /* the window has no room for it */
    struct buffer received; /* arrived while nobody wanted it */
    bool connecting;
    bool quiet;     /* a refusal is no warning */
    bool finishing; /* closes when all has gone out */
    bool ended;     /* the peer sends no more; told when `received` is empty */
    bool moving;
    bool broken;             /* while it moved */
    struct loop_timer timer; /* of the attempt, then of the close */
    loop_fn *moved;
    void *moved_arg;
    char peer[56];
};

static struct sim_stream *of(const struct stream *s)
{
    return (struct sim_stream *)s;
}

struct loop *sim_stream_loop(const struct sim_stream *t)
{
    return t->s.loop;
}

static void detach(struct sim_stream *t)
{
    struct sim_end *e = t->end;
    t->end = NULL;
    if (e)
        sim_wire_detach(e);
}

static void push(struct sim_stream *t)
{
    buffer_drop(&t->queued, sim_wire_push(t->end, buffer_slice(&t->queued)));
    if (t->queued.len == 0)
        buffer_clear(&t->queued);
}

/* ---- the end ---- */

static void end(struct sim_stream *t, enum status why)
{
    loop_timer_stop(&t->timer);
    detach(t);
    stream_closed(&t->s, why);
}

static void finish(struct sim_stream *t)
{
    sim_wire_send(t->end, PACKET_END, (struct slice){0});
    end(t, CLOSED);
}

static void on_close_late(void *arg)
{
    end(arg, CLOSED);
}

static void log_refusal(const struct sim_stream *t, const char *reason)
{
    log_line(t->quiet ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "cannot connect peer=%s reason=%s",
             t->peer, reason);
}

void sim_stream_broken(struct sim_stream *t)
{
    t->broken = t->moving; /* told after the arrival */
    if (t->moving)
        return;
    if (t->connecting)
        log_refusal(t, "ECONNREFUSED");
    end(t, IO_FAILED);
}

/* ---- from the wire ---- */

void sim_stream_room(struct sim_stream *t)
{
    if (t->moving)
        return; /* arrive() goes on */
    push(t);
    if (t->finishing && t->queued.len == 0)
        finish(t);
    else
        stream_sent(&t->s);
}

static void tell_ended(struct sim_stream *t)
{
    if (t->ended && t->received.len == 0 && !t->moving && stream_wants(&t->s))
        stream_close(&t->s); /* what was written in this turn still goes out */
}

void sim_stream_ended(struct sim_stream *t)
{
    t->ended = true;
    tell_ended(t);
}

/* What arrived while nobody wanted it. */
static void pump(void *arg)
{
    struct sim_stream *t = arg;
    if (t->received.len && t->end && stream_wants(&t->s) && !t->moving) {
        struct buffer bytes = t->received;
        t->received = (struct buffer){0};
        sim_wire_read(t->end, bytes.len);
        stream_received(&t->s, buffer_slice(&bytes));
        buffer_clear(&bytes);
    }
    tell_ended(t);
}

void sim_stream_bytes(struct sim_stream *t, struct slice bytes)
{
    if (!t->s.closing && (!stream_wants(&t->s) || t->moving || t->received.len)) {
        buffer_put(&t->received, bytes);
        return;
    }
    sim_wire_read(t->end, bytes.len);
    stream_received(&t->s, bytes);
}

void sim_stream_opened(struct sim_stream *t)
{
    t->connecting = false;
    loop_timer_stop(&t->timer);
    if (t->s.out.len)
        stream_flush(&t->s);
    stream_opened(&t->s);
}

/* ---- the operations of a stream ---- */

static void flush(struct stream *s)
{
    struct sim_stream *t = of(s);
    if (t->connecting || t->moving || t->end == NULL)
        return;
    buffer_put(&t->queued, buffer_slice(&s->out));
    stream_out_taken(s);
    push(t);
}

static size_t unsent(const struct stream *s)
{
    return of(s)->queued.len;
}

static void pause_reading(struct stream *s, bool paused)
{
    struct sim_stream *t = of(s);
    if (!paused && !t->moving && (t->received.len || t->ended))
        loop_defer(s->loop, pump, t);
}

static void close_sim(struct stream *s)
{
    struct sim_stream *t = of(s);
    if (t->connecting || t->end == NULL) {
        end(t, CLOSED);
    } else if (t->queued.len == 0) {
        finish(t);
    } else {
        t->finishing = true;
        loop_timer_start(s->loop, &t->timer, CLOSE_MS, on_close_late, t);
    }
}

static void abort_sim(struct stream *s, enum status why)
{
    struct sim_stream *t = of(s);
    loop_timer_stop(&t->timer);
    if (t->end && !t->connecting)
        sim_wire_send(t->end, PACKET_RESET, (struct slice){0});
    detach(t);
    stream_close_soon(s, why);
}

static void arrive(void *arg)
{
    struct sim_stream *t = arg;
    t->moving = false;
    t->s.close_wanted |= t->finishing;
    t->finishing = false;
    stream_arrived(&t->s, t->s.loop);
    if (t->broken) {
        detach(t);
        stream_close_soon(&t->s, IO_FAILED);
    }
    if (t->end)
        push(t);
    if (t->received.len || t->ended)
        loop_defer(t->s.loop, pump, t);
    t->moved(t->moved_arg); /* last: it may move on */
}

static void move(struct stream *s, struct loop *to, loop_fn *fn, void *arg)
{
    struct sim_stream *t = of(s);
    assert(!t->connecting);
    loop_undefer(s->loop, pump, t);
    loop_timer_stop(&t->timer);
    t->moving = true;
    t->moved = fn;
    t->moved_arg = arg;
    s->loop = to;
    if (t->end)
        sim_wire_move(t->end, to);
    loop_post(to, arrive, t);
}

static bool gone(const struct stream *s)
{
    return of(s)->end == NULL || of(s)->ended;
}

static const char *peer(const struct stream *s)
{
    return of(s)->peer;
}

/* With its loop: the process ends in order, and its machine says so. */
static void destroy(struct stream *s)
{
    struct sim_stream *t = of(s);
    loop_timer_stop(&t->timer);
    if (t->end && !t->connecting)
        sim_wire_send(t->end, PACKET_END, (struct slice){0});
    detach(t);
    buffer_clear(&t->queued);
    buffer_clear(&t->received);
    free(t);
}

static const struct stream_ops ops = {
    .flush = flush,
    .unsent = unsent,
    .pause = pause_reading,
    .close = close_sim,
    .abort = abort_sim,
    .move = move,
    .gone = gone,
    .peer = peer,
    .destroy = destroy,
};

static struct sim_stream *stream_new(struct loop *l)
{
    struct sim_stream *t = MEMORY_NEW(struct sim_stream);
    t->sim = sim_loop_of(l)->sim;
    stream_init(&t->s, &ops, l);
    return t;
}

/* ---- a crash ---- */

enum vanishing { VANISH_END, VANISH_RESET, VANISH_SILENT, VANISH_COUNT };

static void vanish(struct stream *s, enum vanishing how)
{
    if (s->ops == &ops) {
        struct sim_stream *t = of(s);
        if (t->end && how == VANISH_SILENT)
            t->end->silent = true;
        else if (t->end && !t->connecting)
            sim_wire_send(t->end, how == VANISH_END ? PACKET_END : PACKET_RESET, (struct slice){0});
        detach(t);
    }
    s->closed = true; /* whoever still holds it: it does nothing more */
}

void sim_streams_vanish(struct loop *l)
{
    enum vanishing how = sim_below(sim_loop_of(l)->sim, VANISH_COUNT);
    LIST_EACH(at, &l->streams)
    {
        vanish(LIST_OF(at, struct stream, in_loop), how);
    }
    LIST_EACH(at, &l->arriving)
    {
        vanish(LIST_OF(at, struct stream, in_loop), how);
    }
}

/* ---- making ---- */

void sim_stream_accept(struct sim_end *e, struct listener *l)
{
    struct sim_stream *t = stream_new(l->config.loop);
    t->end = e;
    e->stream = t;
    snprintf(t->peer, sizeof(t->peer), "%.40s:%d", e->wire->ends[0].host->name,
             40000 + (int)(e->wire->id % 20000));
    sim_wire_send(e, PACKET_OPEN, (struct slice){0});
    listener_accepted(l, &t->s);
}

static void on_deadline(void *arg)
{
    struct sim_stream *t = arg;
    log_refusal(t, "timed_out");
    end(t, TIMED_OUT);
}

static void on_unknown(void *arg)
{
    struct sim_stream *t = arg;
    log_refusal(t, "name_not_known");
    end(t, IO_FAILED);
}

static struct sim_host *resolve(struct sim_loop *l, const char *name)
{
    bool own = strcmp(name, "localhost") == 0 || strcmp(name, "127.0.0.1") == 0 ||
               strcmp(name, "::1") == 0;
    return own ? l->host : sim_host_find(l->sim, name);
}

struct stream *sim_connect(const struct connect_config *config)
{
    struct sim_loop *l = sim_loop_of(config->loop);
    struct sim_stream *t = stream_new(config->loop);
    snprintf(t->peer, sizeof(t->peer), "%.40s:%d", config->host, config->port);
    t->connecting = true;
    t->quiet = config->quiet;
    if (l->loop.dead) {
        t->s.closed = true;
        return &t->s;
    }
    struct sim_host *host = resolve(l, config->host);
    if (host == NULL) {
        loop_timer_start(config->loop, &t->timer, 1, on_unknown, t);
        return &t->s;
    }
    loop_timer_start(config->loop, &t->timer, config->timeout_ms, on_deadline, t);
    t->end = sim_wire_new(t, l->sim, l->host, host, config->port);
    return &t->s;
}
