/*
 * Cloud-to-device messages: a queue for each device, in the registry's database, and the feedback
 * on what became of them. iot-hub.md sections 4.8 and 5.1.
 *
 *   enqueued --take--> locked --complete, reject--> gone
 *      ^                 |
 *      +-- abandon, the lock ran out (counts), return (does not) --+
 *
 * A message also goes when its time is over or it came back limits.c2d.deliveries times; whoever
 * sent it is told so if he asked (hub_ack). What an errand answered OK is on the disk, so what
 * was completed is never delivered again. Messages of a device are taken in the order in which they
 * were sent. A device's messages go when it is deleted.
 *
 * Every call is answered on the loop that asked, after the commit; `fn` may be NULL: nobody waits.
 * Bounds: limits.c2d.queue for a device (FULL), HUB_FEEDBACK_BATCHES_MAX of each feed (the oldest
 * go).
 */
#pragma once

#include "base/encoding.h"
#include "heads/backend.h"
#include "hub/registry.h"

#define HUB_MESSAGE_LOCK_MS_MIN (5u * 1000) /* that a device over HTTP may ask for */
#define HUB_MESSAGE_LOCK_MS_MAX (300u * 1000)
#define HUB_MESSAGES_TAKE_MAX 16u

#define HUB_FEEDBACK_RECORDS_MAX 64   /* of a batch, which is closed then */
#define HUB_FEEDBACK_GATHER_MS 15000u /* or so long after its first record */
#define HUB_FEEDBACK_BATCHES_MAX 1000

#define HUB_FEEDBACK_CONTENT_TYPE "application/vnd.microsoft.iothub.feedback.json"

#define HUB_LOCK_LEN UUID_TEXT_LEN

/* Of what its sender wants to be told: iothub-ack. Bits. */
enum hub_ack {
    HUB_ACK_NONE,
    HUB_ACK_POSITIVE,
    HUB_ACK_NEGATIVE,
    HUB_ACK_FULL = HUB_ACK_POSITIVE | HUB_ACK_NEGATIVE,
};
/* False for what is none of its words. */
bool hub_ack_of(struct slice word, enum hub_ack *out);
struct slice hub_ack_word(enum hub_ack ack);

/* ---- sending ---- */

/* Copies. `m->expiry_ms` 0: limits.c2d.ttl. NOT_FOUND, FULL; TOO_LARGE, BAD_ARGUMENT: an expiry
 * that is past or too far. `why` is for a person. */
typedef void hub_message_sent_fn(void *arg, enum status s, const char *why);
void hub_message_send(struct hub_registry *r, struct loop *loop, struct slice device,
                      const struct iot_message *m, enum hub_ack ack, hub_message_sent_fn *fn,
                      void *arg);

/* ---- taking ---- */

/* One that is handed out, locked. */
struct hub_message {
    struct iot_message message;
    uint64_t sequence, enqueued_ms;
    uint32_t delivery_count; /* how often before */
    enum hub_ack ack;
    char lock[HUB_LOCK_LEN + 1];
};

struct hub_message_want {
    struct slice device;
    unsigned count;   /* up to HUB_MESSAGES_TAKE_MAX */
    uint64_t lock_ms; /* 0: limits.c2d.lock; others are brought within the two bounds above */
    bool live;        /* for the device's connection, of which there is one */
    bool fresh;       /* … a new one: what the one before it has not answered comes back first */
};

/* What there is, in order; less than was wanted when there is no more. Until fn returns. */
typedef void hub_messages_fn(void *arg, enum status why, const struct hub_message *m,
                             unsigned count);
void hub_messages_take(struct hub_registry *r, struct loop *loop,
                       const struct hub_message_want *want, hub_messages_fn *fn, void *arg);

/* LOCK_LOST: it ran out, or there is no such. */
typedef void hub_message_settled_fn(void *arg, enum status why);
void hub_message_settle(struct hub_registry *r, struct loop *loop, struct slice device,
                        struct slice lock, enum heads_outcome how, hub_message_settled_fn *fn,
                        void *arg);

/* All of the device's, those under way too. NOT_FOUND. */
typedef void hub_messages_purged_fn(void *arg, enum status why, unsigned count);
void hub_messages_purge(struct hub_registry *r, struct loop *loop, struct slice device,
                        hub_messages_purged_fn *fn, void *arg);

/* ---- feedback: batches of records, handed out as messages are ---- */

/* What services are told: what became of messages, in batches; and of uploads (uploads.h), one by
 * one. */
enum hub_feed { HUB_FEED_MESSAGES, HUB_FEED_UPLOADS, HUB_FEED_COUNT };

struct hub_feedback {
    struct slice json; /* the array of records; the notification */
    uint64_t sequence, enqueued_ms;
    uint32_t delivery_count;
    char lock[HUB_LOCK_LEN + 1];
};

/* The oldest batch; NOT_FOUND: none waits. */
typedef void hub_feedback_fn(void *arg, enum status why, const struct hub_feedback *f);
void hub_feedback_take(struct hub_registry *r, struct loop *loop, enum hub_feed feed,
                       hub_feedback_fn *fn, void *arg);
void hub_feedback_settle(struct hub_registry *r, struct loop *loop, struct slice lock,
                         enum heads_outcome how, hub_message_settled_fn *fn, void *arg);

/* ---- time ---- */

/* Asks the database for what is due, at times that it knows: ends messages, locks and batches. What
 * is counted (locks, a time to live without a date) does not jump with the wall clock. On one loop,
 * for as long as that runs. */
struct hub_messages_clock {
    struct hub_registry *registry;
    struct loop *loop;
    struct loop_timer timer;
    bool sweeping;
    uint64_t wall_ms, now_ms; /* at the last tick */
    int64_t jumped_ms;        /* what the database does not know yet */
    uint64_t jumped_at_ms;
};
void hub_messages_clock_start(struct hub_messages_clock *c, struct hub_registry *r,
                              struct loop *loop);
