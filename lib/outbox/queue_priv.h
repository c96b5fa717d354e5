/* What queue.c, which keeps messages, and queue_take.c, which gives them away, share. */
#pragma once

#include "outbox/queue.h"

struct queue_flight {
    struct link link;
    struct outgoing *message; /* NULL: it was read from the disk */
    uint64_t sequence;        /* in the log; 0: not there */
    bool done;
};

struct queue {
    struct queue_config config;
    struct store_log *log; /* NULL: in memory alone */
    struct store_reader *reader;
    uint64_t read_next; /* where the reader goes on: all before was taken */
    uint64_t reader_at; /* what the reader gives next */
    uint64_t settled;   /* all in the log up to it is done */
    struct list flying; /* taken, oldest first; those that are done wait for the ones before */
    uint64_t flying_count;
    struct list fresh; /* the newest, in memory */
    uint64_t fresh_count, fresh_bytes;
    uint64_t unstored, unstored_bytes; /* in memory and not in the log, of flying and fresh */
    bool held; /* the log answered FULL, and did not say since that there is room; or a commit failed a moment ago */
    bool making_room;
    struct loop_timer retry;
    struct loop_timer reread; /* while the disk does not read */
    bool rests;               /* until it runs */
    uint64_t failing_ms;      /* for so long */

    enum { NOTHING, FROM_MEMORY, FROM_DISK } peeked;
    struct store_record record; /* of FROM_DISK */
    struct outgoing_view view;
    struct buffer scratch;
    uint64_t damaged, failures;
    queue_exposed_fn *on_exposed;
    void *exposed_arg;
};

/* By the clock of the messages' stamps. */
uint64_t queue_now_ms(const struct queue *q);
struct outgoing *queue_first_fresh(const struct queue *q); /* NULL: none */
/* It is not among the fresh ones any more, and still there. */
void queue_leave_fresh(struct queue *q, struct outgoing *m);
void queue_free_message(struct queue *q, struct outgoing *m);
/* It need not be stored any more. */
void queue_forget_unstored(struct queue *q, const struct outgoing *m);
/* Tells the log how far all is settled. */
void queue_move_cursor(struct queue *q);
