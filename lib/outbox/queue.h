/*
 * Messages that wait for one transport, in their order: on the disk (store/log.h), with the newest
 * in memory as well, or in memory alone. Who sends takes the oldest, and says when it is done. On
 * one loop.
 *
 * What lies damaged on the disk is counted and passed over. A disk that fails to read, or to open a file, is asked
 * again each second, and after QUEUE_UNREADABLE_MS what it does not give is passed over as well, if it gives others:
 * while it gives nothing at all, or the process has no file or memory left, nothing is given up.
 *
 * On the disk a message is kept from the commit on that follows queue_put(), some milliseconds later,
 * until it is done: a new start begins with the oldest that is not. Messages are taken from memory while the transport
 * keeps up, and read from the disk when it does not. A disk that fails or is full leaves them in
 * memory, and they are written as soon as that goes again.
 *
 * Bounds: `bytes_max` of the log, `memory_bytes` of messages that are only in memory because the
 * log does not take them; beyond both the policy decides. With QUEUE_HOLD (and in memory alone) the
 * queue takes whatever comes: who fills it asks first (outbox.h).
 */
#pragma once

#include "outbox/gaps.h"
#include "outbox/outgoing.h"
#include "store/log.h"

#define QUEUE_UNREADABLE_MS 30000

struct queue;

enum queue_policy {
    QUEUE_HOLD,   /* who makes messages is held back */
    QUEUE_OLDEST, /* the oldest messages go */
    QUEUE_NEWEST, /* the newest */
};

struct queue_config {
    struct loop *loop;
    struct store_disk *disk;
    const char *directory;            /* NULL: in memory alone */
    enum store_durability durability; /* STORE_FSYNC, STORE_OS */
    uint64_t bytes_max;
    uint64_t memory_bytes;
    enum queue_policy policy;
    /* What was given up, before it goes. */
    void (*on_dropped)(void *arg, const struct outgoing_view *v, enum gap_reason why);
    /* A message left memory (it was freed): its bytes. */
    void (*on_memory)(void *arg, uint64_t bytes);
    void (*on_durable)(void *arg); /* there may be something to take; cursors may be moved */
    void (*on_damaged)(void *arg, uint64_t count); /* messages that the disk did not give back; NULL */
    void *arg;
};

/* IO_FAILED; the log line says why. Blocks: for program start, or rarely. */
CHECKED enum status queue_open(const struct queue_config *config, struct queue **out);
/* Commits what has gathered. Flights that are not settled are freed. */
void queue_close(struct queue **q);

/* Takes it over. */
void queue_put(struct queue *q, struct outgoing *m);

/* ---- the oldest that is not taken ---- */

struct queue_next {
    struct outgoing_view view; /* until the next call on the queue */
    uint64_t age_ms;           /* time that the queue was open since it came */
};

/* AGAIN: nothing waits, or the disk does not give it yet. */
CHECKED enum status queue_peek(struct queue *q, struct queue_next *out);

/* There is something that was not taken, be it that the disk does not give it yet. */
bool queue_waits(const struct queue *q);

/* A message that was taken and is not settled. */
struct queue_flight;

/* Takes what queue_peek() showed; queue_settle() follows, in any order. */
struct queue_flight *queue_take(struct queue *q);
/* Done: it needs to be kept no more. */
void queue_settle(struct queue *q, struct queue_flight **f);

/* Gives up what queue_peek() showed. on_dropped is called. */
void queue_drop(struct queue *q, enum gap_reason why);

/* Calls fn for each flight that only its transport's memory keeps, since the log had to move on. */
typedef void queue_exposed_fn(void *arg, struct slice properties);
void queue_on_exposed(struct queue *q, queue_exposed_fn *fn, void *arg);

struct queue_counts {
    uint64_t waiting;  /* messages that are not settled */
    uint64_t unstored; /* of them, those that the log does not have yet; 0 in memory alone */
    uint64_t durable;  /* number of the newest that is on the disk, counted since the queue was made */
    uint64_t bytes;    /* of the log on the disk */
    uint64_t damaged;  /* messages that the disk did not give back */
    uint64_t failures; /* commits that failed */
};
struct queue_counts queue_counts(const struct queue *q);
