/*
 * For those who make a new kind of stream on top of another one (rest/websocket.c): the operations
 * behind struct stream. What is common (the out buffer, flushing once a turn, marks, events) is in
 * stream.c; a kind embeds struct stream as its first member and fills the table.
 */
#pragma once

#include "io/stream.h"

struct stream_ops {
    /* Sends all of s->out now, as far as the layer below takes it; leaves nothing in s->out. */
    void (*flush)(struct stream *s);
    size_t (*unsent)(const struct stream *s); /* below s->out */
    void (*pause)(struct stream *s, bool paused);
    void (*close)(struct stream *s);                   /* after a last flush; ends in stream_closed() */
    void (*abort)(struct stream *s, enum status why);  /* ends in stream_closed(), on a later turn */
    void (*move)(struct stream *s, struct loop *to, loop_fn *fn, void *arg);
    const char *(*peer)(const struct stream *s);
    struct slice (*certificate)(const struct stream *s);
    void (*destroy)(struct stream *s); /* frees the whole object, after on_close */
};

struct stream {
    const struct stream_ops *ops;
    struct loop *loop;
    const struct stream_events *events;
    void *arg;
    struct buffer out;
    bool flush_queued;
    bool closing;
    bool closed;
    bool high; /* was over STREAM_HIGH_BYTES, owes an on_drain */
};

void stream_init(struct stream *s, const struct stream_ops *ops, struct loop *loop);

/* What a layer tells its user. */
void stream_opened(struct stream *s);
void stream_received(struct stream *s, struct slice bytes);
void stream_sent(struct stream *s);                      /* the amount unsent has changed: on_drain when due */
void stream_closed(struct stream *s, enum status why);   /* once; on_close, then destroy at the end of the turn */
