/* Inside of the messages: what c2d.c, queue.c and feedback.c share. */
#pragma once

#include "base/list.h"
#include "c2d/c2d.h"
#include "registry/tables.h"

#define C2D_SWEEP_MAX 200u /* rows of a kind in one errand; the next follows at once */

/* What became of a message. */
enum c2d_end {
    C2D_SUCCESS,
    C2D_EXPIRED,
    C2D_DELIVERY_COUNT_EXCEEDED,
    C2D_REJECTED,
    C2D_PURGED,
};

/* One ask on its way, with all that is made for it. */
struct c2d_errand {
    struct registry *registry;
    struct arena arena;
    uint64_t now_ms;
    struct slice device, lock;
    enum heads_outcome how;

    struct iot_message message; /* sending */
    enum c2d_ack ack;
    enum status refused; /* before it was posted */
    const char *text;    /* why not */

    struct c2d_want want; /* taking */
    uint8_t random[C2D_TAKE_MAX][16];
    struct c2d_message *taken;
    unsigned count; /* of them; of what was purged */

    enum c2d_feed feed; /* taking of these */
    struct c2d_feedback feedback;

    int64_t jumped_ms;     /* sweeping: so far has the wall clock jumped, */
    uint64_t jumped_at_ms; /* … to this time or a moment before */

    /* News for after the commit. */
    struct slice *waiting; /* devices for which a message waits now */
    size_t waiting_count, waiting_cap;
    bool batch_waits;
    struct registry_messages ended;

    c2d_sent_fn *sent_fn;
    c2d_taken_fn *taken_fn;
    c2d_settled_fn *settled_fn;
    c2d_purged_fn *purged_fn;
    c2d_feedback_fn *feedback_fn;
    void *arg;
};

/* There will be something to do at that time. */
void c2d_due(struct c2d_errand *e, uint64_t wall_ms);

/* No lock lasts longer. */
uint64_t c2d_lock_ms_max(const struct c2d_errand *e);

/* The work, each a store_table_errand on the table's thread; `arg` is the errand. queue.c: */
enum status c2d_queue_send(struct store_table *t, void *arg);
enum status c2d_queue_take(struct store_table *t, void *arg);
enum status c2d_queue_settle(struct store_table *t, void *arg);
enum status c2d_queue_purge(struct store_table *t, void *arg);
enum status c2d_queue_sweep(struct store_table *t, void *arg);

/* feedback.c: */
struct c2d_ended {
    struct slice device, record; /* the message as it lies in its row */
    enum c2d_end how;
};
/* Notes what became of it, for whoever reads feedback. */
CHECKED enum status c2d_feedback_add(struct store_table *t, struct c2d_errand *e,
                                     const struct c2d_ended *m);
/* Of an upload: a batch of its own. */
CHECKED enum status c2d_feedback_put_notification(struct store_table *t, struct c2d_errand *e,
                                                  struct slice record);
/* Of batches; and closes the one that gathers when its time has come. *full: there may be more. */
CHECKED enum status c2d_feedback_sweep(struct store_table *t, struct c2d_errand *e, bool *full);
enum status c2d_batch_take(struct store_table *t, void *arg);
enum status c2d_batch_settle(struct store_table *t, void *arg);
