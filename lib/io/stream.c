#include "io/stream_layer.h"

#include <assert.h>

#include "io/loop_priv.h"

/* ---- writing ---- */

static void mark_high(struct stream *s)
{
    if (!s->high && stream_unsent(s) > STREAM_HIGH_BYTES)
        s->high = true;
}

/* Once a turn: the gathered bytes leave, then a close that waited for them. The mark again, because a
 * layer may make more of them: who looks now and sees too many must be told when they have gone. */
static void flush_now(void *arg)
{
    struct stream *s = arg;
    s->flush_queued = false;
    if (s->closed)
        return;
    if (s->out.len)
        s->ops->flush(s);
    if (!s->closed)
        mark_high(s);
    if (!s->closed && s->close_wanted) {
        s->close_wanted = false;
        s->ops->close(s);
    } else {
        stream_sent(s); /* last: the stream may leave this loop in on_drain */
    }
}

/* The mark is set here, where the writer looks too: by the end of the turn it may be under it
 * again. */
static void queue(struct stream *s)
{
    if (s->closed)
        return;
    mark_high(s);
    if (s->flush_queued)
        return;
    s->flush_queued = true;
    loop_defer(s->loop, flush_now, s);
}

struct buffer *stream_out(struct stream *s)
{
    if (s->closing || s->closed) {
        buffer_reset(&s->loop->nowhere);
        return &s->loop->nowhere;
    }
    if (s->out.at == NULL)
        s->out = loop_spare_take(s->loop);
    return &s->out;
}

void stream_flush(struct stream *s)
{
    queue(s);
}

void stream_flush_now(struct stream *s)
{
    if (s->closed || s->out.len == 0)
        return;
    s->ops->flush(s);
    if (!s->closed)
        mark_high(s);
}

/* Much is not copied to wait for the end of the turn. */
static struct slice write_much(struct stream *s, struct slice bytes)
{
    if (bytes.len < STREAM_DIRECT_BYTES || !s->ops->write)
        return bytes;
    return slice_skip(bytes, s->ops->write(s, bytes));
}

void stream_write(struct stream *s, struct slice bytes)
{
    if (s->closing || s->closed)
        return;
    bytes = write_much(s, bytes);
    if (bytes.len)
        buffer_put(stream_out(s), bytes);
    queue(s);
}

void stream_out_taken(struct stream *s)
{
    loop_spare_give(s->loop, &s->out);
}

size_t stream_unsent(const struct stream *s)
{
    return s->out.len + s->ops->unsent(s);
}

/* ---- what the user asks ---- */

void stream_events(struct stream *s, const struct stream_events *events, void *arg)
{
    bool first = s->events == NULL;
    s->events = events;
    s->arg = arg;
    if (first && events && !s->paused && !s->closed)
        s->ops->pause(s, false);
}

struct loop *stream_loop(const struct stream *s)
{
    return s->loop;
}

void stream_pause(struct stream *s, bool paused)
{
    if (s->paused == paused || s->closed)
        return;
    s->paused = paused;
    s->ops->pause(s, paused);
}

void stream_close(struct stream *s)
{
    if (s->closing || s->closed)
        return;
    s->closing = s->close_wanted = true;
    queue(s);
}

void stream_abort(struct stream *s, enum status why)
{
    if (s->closed || s->why != OK)
        return;
    s->closing = true;
    s->close_wanted = false;
    s->ops->abort(s, why);
}

static void close_later(void *arg)
{
    struct stream *s = arg;
    stream_closed(s, s->why);
}

void stream_move(struct stream *s, struct loop *to, loop_fn *fn, void *arg)
{
    assert(!s->closed);
    if (s->flush_queued)
        loop_undefer(s->loop, flush_now, s);
    if (s->why != OK)
        loop_undefer(s->loop, close_later, s);
    s->flush_queued = false;
    list_remove(&s->in_loop);
    pthread_mutex_lock(&to->mailbox.lock);
    list_push(&to->arriving, &s->in_loop);
    pthread_mutex_unlock(&to->mailbox.lock);
    s->ops->move(s, to, fn, arg);
}

const char *stream_peer(const struct stream *s)
{
    return s->ops->peer(s);
}

struct slice stream_peer_certificate(const struct stream *s)
{
    return s->ops->certificate ? s->ops->certificate(s) : (struct slice){0};
}

/* ---- what a layer tells ---- */

void stream_init(struct stream *s, const struct stream_ops *ops, struct loop *loop)
{
    s->ops = ops;
    s->loop = loop;
    list_push(&loop->streams, &s->in_loop);
}

void stream_arrived(struct stream *s, struct loop *to)
{
    s->loop = to;
    pthread_mutex_lock(&to->mailbox.lock);
    list_remove(&s->in_loop);
    pthread_mutex_unlock(&to->mailbox.lock);
    list_push(&to->streams, &s->in_loop);
    if (s->out.len || s->close_wanted)
        queue(s);
    if (s->why != OK)
        loop_defer(to, close_later, s);
}

bool stream_wants(const struct stream *s)
{
    return s->events && !s->paused && !s->closing && !s->closed;
}

bool stream_gone(const struct stream *s)
{
    return s->closing || s->closed || (s->ops->gone && s->ops->gone(s));
}

void stream_opened(struct stream *s)
{
    if (s->events && s->events->on_open && !s->closing && !s->closed)
        s->events->on_open(s->arg);
}

void stream_received(struct stream *s, struct slice bytes)
{
    if (s->events && s->events->on_data && !s->closing && !s->closed)
        s->events->on_data(s->arg, bytes);
}

void stream_sent(struct stream *s)
{
    if (!s->high || s->closed || stream_unsent(s) >= STREAM_LOW_BYTES)
        return;
    s->high = false;
    if (s->events && s->events->on_drain && !s->closing)
        s->events->on_drain(s->arg);
}

static void destroy(void *arg)
{
    struct stream *s = arg;
    list_remove(&s->in_loop);
    loop_spare_give(s->loop, &s->out);
    s->ops->destroy(s);
}

void stream_closed(struct stream *s, enum status why)
{
    if (s->closed)
        return;
    s->closed = true;
    loop_defer(s->loop, destroy, s);
    if (s->events && s->events->on_close)
        s->events->on_close(s->arg, why);
}

void stream_close_soon(struct stream *s, enum status why)
{
    assert(why != OK);
    if (s->closed || s->why != OK)
        return;
    s->why = why;
    loop_defer(s->loop, close_later, s);
}
