/*
 * Cloud-to-device messages: a queue for each device, in the registry's database, and the feedback
 * on what became of them. iot-hub.md sections 4.8 and 5.1.
 *
 *   enqueued --take--> locked --complete, reject--> gone
 *      ^                 |
 *      +-- abandon, the lock ran out (counts), return (does not) --+
 *
 * A message also goes when its time is over or it came back limits.c2d.deliveries times; whoever
 * sent it is told so if he asked (c2d_ack). What an errand answered OK is on the disk, so what
 * was completed is never delivered again. Messages of a device are taken in the order in which they
 * were sent. A device's messages go when it is deleted.
 *
 * Every call is answered on the loop that asked, after the commit; `fn` may be NULL: nobody waits.
 * Bounds: limits.c2d.queue for a device (FULL), C2D_FEEDBACK_BATCHES_MAX of each feed (the oldest
 * go).
 */
#pragma once

#include "base/encoding.h"
#include "heads/backend.h"
#include "registry/registry.h"

#define C2D_LOCK_MS_MIN (5u * 1000) /* that a device over HTTP may ask for */
#define C2D_LOCK_MS_MAX (300u * 1000)
#define C2D_TAKE_MAX 16u

#define C2D_FEEDBACK_RECORDS_MAX 64   /* of a batch, which is closed then */
#define C2D_FEEDBACK_GATHER_MS 15000u /* or so long after its first record */
#define C2D_FEEDBACK_BATCHES_MAX 1000

#define C2D_FEEDBACK_CONTENT_TYPE "application/vnd.microsoft.iothub.feedback.json"

#define C2D_LOCK_LEN UUID_TEXT_LEN

/* Of what its sender wants to be told: iothub-ack. Bits. */
enum c2d_ack {
    C2D_ACK_NONE,
    C2D_ACK_POSITIVE,
    C2D_ACK_NEGATIVE,
    C2D_ACK_FULL = C2D_ACK_POSITIVE | C2D_ACK_NEGATIVE,
};
/* False for what is none of its words. */
bool c2d_ack_of(struct slice word, enum c2d_ack *out);
struct slice c2d_ack_word(enum c2d_ack ack);

/* ---- sending ---- */

/* Copies. `m->expiry_ms` 0: limits.c2d.ttl. NOT_FOUND, FULL; TOO_LARGE, BAD_ARGUMENT: an expiry
 * that is past or too far. `why` is for a person. */
typedef void c2d_sent_fn(void *arg, enum status s, const char *why);
void c2d_send(struct registry *r, struct loop *loop, struct slice device,
              const struct iot_message *m, enum c2d_ack ack, c2d_sent_fn *fn, void *arg);

/* ---- taking ---- */

/* One that is handed out, locked. */
struct c2d_message {
    struct iot_message message;
    uint64_t sequence, enqueued_ms;
    uint32_t delivery_count; /* how often before */
    enum c2d_ack ack;
    char lock[C2D_LOCK_LEN + 1];
};

struct c2d_want {
    struct slice device;
    unsigned count;   /* up to C2D_TAKE_MAX */
    uint64_t lock_ms; /* 0: limits.c2d.lock; others are brought within the two bounds above */
    bool live;        /* for the device's connection, of which there is one */
    bool fresh;       /* … a new one: what the one before it has not answered comes back first */
};

/* What there is, in order; less than was wanted when there is no more. Until fn returns. */
typedef void c2d_taken_fn(void *arg, enum status why, const struct c2d_message *m, unsigned count);
void c2d_take(struct registry *r, struct loop *loop, const struct c2d_want *want, c2d_taken_fn *fn,
              void *arg);

/* LOCK_LOST: it ran out, or there is no such. */
typedef void c2d_settled_fn(void *arg, enum status why);
void c2d_settle(struct registry *r, struct loop *loop, struct slice device, struct slice lock,
                enum heads_outcome how, c2d_settled_fn *fn, void *arg);

/* All of the device's, those under way too. NOT_FOUND. */
typedef void c2d_purged_fn(void *arg, enum status why, unsigned count);
void c2d_purge(struct registry *r, struct loop *loop, struct slice device, c2d_purged_fn *fn,
               void *arg);

/* ---- feedback: batches of records, handed out as messages are ---- */

/* What services are told: what became of messages, in batches; and of uploads (uploads.h), one by
 * one. */
enum c2d_feed { C2D_FEED_MESSAGES, C2D_FEED_UPLOADS, C2D_FEED_COUNT };

struct c2d_feedback {
    struct slice json; /* the array of records; the notification */
    uint64_t sequence, enqueued_ms;
    uint32_t delivery_count;
    char lock[C2D_LOCK_LEN + 1];
};

/* The oldest batch; NOT_FOUND: none waits. */
typedef void c2d_feedback_fn(void *arg, enum status why, const struct c2d_feedback *f);
void c2d_feedback_take(struct registry *r, struct loop *loop, enum c2d_feed feed,
                       c2d_feedback_fn *fn, void *arg);
void c2d_feedback_settle(struct registry *r, struct loop *loop, struct slice lock,
                         enum heads_outcome how, c2d_settled_fn *fn, void *arg);

/* ---- how many ---- */

/* Since the start, and how many wait now. From any thread. */
struct registry_messages c2d_count(const struct registry *r);

/* ---- time ---- */

/* Asks the database for what is due, at times that it knows: ends messages, locks and batches. What
 * is counted (locks, a time to live without a date) does not jump with the wall clock. On one loop,
 * for as long as that runs. */
struct c2d_clock {
    struct registry *registry;
    struct loop *loop;
    struct loop_timer timer;
    bool sweeping;
    uint64_t wall_ms, now_ms; /* at the last tick */
    int64_t jumped_ms;        /* what the database does not know yet */
    uint64_t jumped_at_ms;
};
void c2d_clock_start(struct c2d_clock *c, struct registry *r, struct loop *loop);
