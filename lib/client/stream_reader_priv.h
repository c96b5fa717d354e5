/* Inside of the stream reader: what stream_reader.c, _sign_in.c and _partition.c share. */
#pragma once

#include "amqp/message.h"
#include "base/arena.h"
#include "client/backoff.h"
#include "client/uplink.h"
#include "client/stream_reader.h"

enum reader_state {
    READER_WAITING,    /* for the next attempt → CONNECTING */
    READER_CONNECTING, /* until it is signed in → ASKING, ATTACHING, WAITING */
    READER_ASKING,     /* $management: how many partitions, where they end → ATTACHING, WAITING */
    READER_ATTACHING,  /* a link for each partition → UP, WAITING */
    READER_UP,         /* → WAITING */
};

/* An event that was handed over and is not done. */
struct reader_open {
    int64_t sequence;
    uint32_t delivery_id;
};

struct reader_partition {
    unsigned number;
    struct amqp_link *link; /* NULL: not attached */
    bool asked;             /* its position is known */
    int64_t
        last; /* handed over, or where to begin behind; STREAM_READER_NEW before it is asked for */
    struct reader_open *open; /* a ring of `window` */
    uint32_t first, count;
    uint32_t
        stale; /* of them the oldest, from connections before: there is no delivery to settle */
};

struct stream_reader {
    struct stream_reader_config config; /* texts in the arena */
    struct arena arena;
    enum reader_state state;
    struct uplink *hub; /* NULL while WAITING */
    struct amqp_link *ask_send, *ask_receive;
    struct loop_timer attempt;
    struct backoff backoff;
    bool freed;
    unsigned busy; /* calls that come back here */
    struct reader_partition *partitions;
    unsigned partition_count, next_ask, attached;
    struct buffer scratch, message;
};

void reader_enter(struct stream_reader *r);
void reader_leave(struct stream_reader *r); /* may free it */

void reader_up(struct stream_reader *r);

/* ---- stream_reader_ask.c ---- */

void reader_ask(struct stream_reader *r);
void reader_ask_detached(struct stream_reader *r, struct amqp_link *l);
void reader_ask_credit(struct stream_reader *r, struct amqp_link *l);
void reader_ask_answer(struct stream_reader *r, struct slice message);

/* ---- stream_reader_partition.c ---- */

void reader_partitions_make(struct stream_reader *r, unsigned count);
void reader_partitions_attach(struct stream_reader *r);
void reader_partition_attached(struct reader_partition *p, struct stream_reader *r);
void reader_partition_event(struct reader_partition *p, struct stream_reader *r,
                            const struct amqp_delivery *d);
/* The hub has ended the link. */
void reader_partition_detached(struct reader_partition *p, struct stream_reader *r,
                               const struct amqp_error *why);
void reader_partitions_forget_links(struct stream_reader *r);
void reader_partitions_clear(struct stream_reader *r);
