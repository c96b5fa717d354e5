/*
 * Messages on their way to a device: from its queue (c2d/c2d.h) to its live session as far as that
 * allows, or to a visit that asks for one. On the loop that owns the device.
 *
 * The queue is asked only when something may wait: its length came with the identity at sign in,
 * and the registry tells when a message came, came back, or lost its lock. What a session leaves
 * unanswered stays locked; the next one gets it with its first question.
 */
#pragma once

#include "base/list.h"
#include "heads/attendance.h"

struct hub_device;

/* Lives inside the device. What is handed over and not answered is as much as the head allowed. */
struct hub_deliveries {
    struct list handed; /* struct handed, deliveries.c */
    uint64_t last_token;
    bool waits;              /* there may be something in the queue */
    bool asking;             /* it is being asked, */
    unsigned asked;          /* for so many */
    bool fresh;              /* the session has not asked yet */
    struct loop_timer again; /* after the registry failed */
};

void hub_deliveries_init(struct hub_deliveries *d);
void hub_deliveries_clear(struct hub_deliveries *d);

/* A live session has come, with so many messages in the queue; it is gone. */
void hub_deliveries_begin(struct hub_device *d, unsigned waiting);
void hub_deliveries_end(struct hub_device *d);

/* A message may be taken now; the session takes more. */
void hub_deliveries_wake(struct hub_device *d);
void hub_deliveries_more(struct hub_device *d);

/* What the head says of one that was handed over. */
void hub_deliveries_answer(struct hub_device *d, uint64_t token, enum heads_outcome how);

/* For visits; answered by received() and settled(). */
void hub_deliveries_receive(struct heads_attendance *a, uint64_t lock_ms, uint64_t token);
void hub_deliveries_settle(struct heads_attendance *a, struct slice lock, enum heads_outcome how,
                           uint64_t token);
