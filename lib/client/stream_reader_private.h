/* Inside of the stream reader: what stream_reader.c, _sign_in.c and _partition.c share. */
#pragma once

#include "amqp/link.h"
#include "amqp/message.h"
#include "base/arena.h"
#include "client/stream_reader.h"

enum reader_state {
    READER_WAITING,    /* for the next attempt → CONNECTING */
    READER_CONNECTING, /* stream, SASL, open → SIGNING_IN, WAITING */
    READER_SIGNING_IN, /* $cbs → ASKING, ATTACHING, WAITING */
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
    struct stream *stream;
    struct amqp_connection *engine;
    struct amqp_session *session;
    struct amqp_link *cbs_send, *cbs_receive, *ask_send, *ask_receive;
    struct loop_timer attempt; /* of WAITING; of the others until UP: their deadline */
    struct loop_timer tick, renewal;
    unsigned attempts;
    uint64_t up_since_ms;
    enum status why; /* our reason to end the stream */
    bool flush_queued, freed;
    unsigned busy; /* calls that come back here */
    struct reader_partition *partitions;
    unsigned partition_count, next_ask, attached;
    struct buffer scratch, message;
};

void reader_enter(struct stream_reader *r);
void reader_leave(struct stream_reader *r); /* may free it */

/* Ends the connection for this reason, and tries again later. */
void reader_end(struct stream_reader *r, enum status why);
void reader_up(struct stream_reader *r);

/* An attach with an address on the far side; `filter` and `desired` may be empty. */
struct amqp_link *reader_attach(struct stream_reader *r, const char *name, bool receiver,
                                const char *address, struct slice filter, int send_settle,
                                void *arg);

/* ---- stream_reader_sign_in.c ---- */

void reader_sign_in(struct stream_reader *r);
void reader_sign_in_detached(struct stream_reader *r, struct amqp_link *l);
void reader_sign_in_credit(struct stream_reader *r, struct amqp_link *l);
void reader_sign_in_answer(struct stream_reader *r, struct amqp_link *l, struct slice message);

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
