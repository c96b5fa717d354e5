/*
 * One reader of one partition for one AMQP link. Two halves on two loops: the link's (events.c) and
 * the partition's (reader.c). Each touches only its own members, and they speak by
 * loop_post():
 *
 *   link's loop                      partition's loop
 *   -----------                      ----------------
 *   events_reader_start()       ->   takes its place among the readers, or is refused
 *                               <-   on_started()
 *   events_reader_allow()       ->   reads and encodes
 *                               <-   on_batch()                 at most two under way
 *   events_reader_done()        ->   the batch may be filled again
 *                               <-   on_ended()                 stolen, or the disk failed
 *   events_reader_stop()        ->   the last call of the link's half
 *                               <-   freed
 */
#pragma once

#include "events/events.h"
#include "events/position.h"
#include "store/log.h"

#define EVENTS_BATCHES 2                /* of a reader under way */
#define EVENTS_BATCH_BYTES (128u << 10) /* a batch ends with the message that passes it */
#define EVENTS_BATCH_MESSAGES 1024
#define EVENTS_LOOKS_MAX 8192 /* records that are looked at in one turn: most may be for others */

struct events_reader;

struct events_batch {
    struct events_reader *reader;
    struct link node;
    struct buffer bytes;                      /* messages one after the other */
    uint32_t ends[EVENTS_BATCH_MESSAGES];     /* where each ends */
    unsigned count, next;                     /* `next` is the link's half's */
    bool at_end;                              /* of what is durable: nothing more to drain */
    uint64_t allowed;                         /* comes back with it */
};

/* On a partition's loop: who reads it, and what is known of its newest record. */
struct events_partition {
    struct partition *partition;
    struct loop *loop;
    struct list readers;
    uint64_t newest_record; /* whose time newest_ms is */
    uint64_t newest_ms;
};

struct events_reader_events {
    void (*on_started)(struct events_reader *r, const char *refused,
                       const char *text); /* refused: NULL, or a condition */
    void (*on_batch)(struct events_reader *r,
                     struct events_batch *b); /* until events_reader_done() */
    void (*on_ended)(struct events_reader *r, const char *condition, const char *text);
};

struct events_reader {
    struct events *events;
    struct events_partition *partition;
    struct loop *home; /* the link's loop */
    const struct events_reader_events *calls;
    char group[EVENTS_GROUP_MAX + 1]; /* lower case */
    bool has_epoch, tells_newest;
    int64_t epoch;
    struct events_position position;

    struct {                          /* the link's half; events.c */
        struct heads_amqp_link *link; /* NULL: it has gone */
        struct list batches;
        uint64_t sent, allowed;
        bool started, drains;
    } near;

    struct {              /* the partition's half; reader.c */
        struct link node; /* in the partition's readers */
        struct partition_watch watch;
        struct loop_timer turn; /* to look on */
        struct store_reader *log;
        struct events_batch batches[EVENTS_BATCHES];
        struct list idle;
        uint64_t produced, allowed;
        bool drains;
    } far;
};

/* What is fixed is copied from `like`; the halves are set up here. The posts begin. */
struct events_reader *events_reader_start(const struct events_reader *like);
/* So many messages in all; `drains`: a batch, possibly empty, is to tell when there is no more. */
void events_reader_allow(struct events_reader *r, uint64_t allowed, bool drains);
void events_reader_done(struct events_batch *b, uint64_t allowed);
void events_reader_stop(struct events_reader *r);

/* On the partition's loop. The newest record's time, 0 when there is none. */
uint64_t events_newest_ms(struct events_partition *p);

/* When no loop runs any more. */
void events_reader_free(struct events_reader *r);
