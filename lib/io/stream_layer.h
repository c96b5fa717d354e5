/*
 * For those who make a new kind of stream on top of another one (rest/websocket.c): the operations
 * behind struct stream. What is common (the out buffer, flushing once a turn, marks, events) is in
 * stream.c; a kind embeds struct stream as its first member and fills the table.
 */
#pragma once

#include "base/list.h"
#include "io/stream.h"

struct stream_ops {
    /* Sends all of s->out now, as far as the layer below takes it. What it must leave in s->out it
     * asks for again with stream_flush(). */
    void (*flush)(struct stream *s);
    /* Sends s->out and then `bytes` in this call, as far as that goes; how many of `bytes` went, when all of
     * s->out did and is empty. No callback comes from here: what fails is found by flush(). NULL: 0. */
    size_t (*write)(struct stream *s, struct slice bytes);
    size_t (*unsent)(const struct stream *s); /* below s->out */
    /* Also called when the stream gets its first events: until then it must keep what arrives. */
    void (*pause)(struct stream *s, bool paused);
    void (*close)(struct stream *s); /* after a last flush; ends in stream_closed() */
    void (*abort)(struct stream *s, enum status why); /* ends in stream_closed(), on a later turn */
    /* Nothing is queued on the old loop any more; s->out may hold bytes. On the new one:
     * stream_arrived(), then fn(arg), then events. */
    void (*move)(struct stream *s, struct loop *to, loop_fn *fn, void *arg);
    bool (*gone)(const struct stream *s); /* the peer has ended, what is unread or not; NULL: unknown */
    const char *(*peer)(const struct stream *s);
    struct slice (*certificate)(const struct stream *s);
    void (*destroy)(
        struct stream *s); /* frees the whole object but s->out, after on_close or with the loop;
                              the layer below goes by itself, earlier or later */
};

struct stream {
    const struct stream_ops *ops;
    struct loop *loop;
    const struct stream_events *events;
    void *arg;
    struct buffer out;
    struct link in_loop;
    bool flush_queued;
    bool paused;
    bool closing;      /* stream_close() or stream_abort() was called: no more on_data */
    bool close_wanted; /* ops->close is to be called after the next flush */
    bool closed;
    enum status why;    /* for stream_close_soon() */
    uint32_t read_most; /* bytes to read at a time, where the layer can; 0: many */
    bool high;       /* was over STREAM_HIGH_BYTES, owes an on_drain */
};

void stream_init(struct stream *s, const struct stream_ops *ops, struct loop *loop);

/* What a layer tells its user. */
void stream_opened(struct stream *s);
void stream_received(struct stream *s, struct slice bytes);
void stream_sent(struct stream *s); /* the amount unsent has changed: on_drain when due */
void stream_closed(struct stream *s,
                   enum status why); /* once; on_close, then destroy at the end of the turn */

/* Whether what arrives may be delivered now: there are events, and nobody paused or closed it. */
bool stream_wants(const struct stream *s);

/* Whether it is known that the peer has ended, while it is not read. */
bool stream_gone(const struct stream *s);

/* What was written goes out in this call. The stream may be closed, and on_close have been called, after it. */
void stream_flush_now(struct stream *s);

/* After the bytes in s->out were taken: empties it and lends its memory to the next writer. */
void stream_out_taken(struct stream *s);

/* From ops->move, on the new loop. */
void stream_arrived(struct stream *s, struct loop *to);

/* For ops->abort: stream_closed(s, why) at the end of this turn. */
void stream_close_soon(struct stream *s, enum status why);
