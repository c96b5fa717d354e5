/* Inside of the messages: what messages.c, messages_queue.c and messages_feedback.c share. */
#pragma once

#include "base/list.h"
#include "hub/messages.h"
#include "hub/registry_tables.h"

#define MESSAGES_SWEEP_MAX 200u /* rows of a kind in one errand; the next follows at once */

/* What became of a message. */
enum message_end {
    MESSAGE_SUCCESS,
    MESSAGE_EXPIRED,
    MESSAGE_DELIVERY_COUNT_EXCEEDED,
    MESSAGE_REJECTED,
    MESSAGE_PURGED,
};

/* One ask on its way, with all that is made for it. */
struct messages_errand {
    struct hub_registry *registry;
    struct arena arena;
    uint64_t now_ms;
    struct slice device, lock;
    enum heads_outcome how;

    struct iot_message message; /* sending */
    enum hub_ack ack;
    enum status refused; /* before it was posted */
    const char *text;    /* why not */

    struct hub_message_want want; /* taking */
    uint8_t random[HUB_MESSAGES_TAKE_MAX][16];
    struct hub_message *taken;
    unsigned count; /* of them; of what was purged */

    enum hub_feed feed; /* taking of these */
    struct hub_feedback feedback;

    int64_t jumped_ms;     /* sweeping: so far has the wall clock jumped, */
    uint64_t jumped_at_ms; /* … to this time or a moment before */

    /* News for after the commit. */
    struct slice *waiting; /* devices for which a message waits now */
    size_t waiting_count, waiting_cap;
    bool batch_waits;
    struct hub_messages_count ended;

    hub_message_sent_fn *sent_fn;
    hub_messages_fn *taken_fn;
    hub_message_settled_fn *settled_fn;
    hub_messages_purged_fn *purged_fn;
    hub_feedback_fn *feedback_fn;
    void *arg;
};

/* There will be something to do at that time. */
void messages_due(struct messages_errand *j, uint64_t wall_ms);

/* No lock lasts longer. */
uint64_t messages_lock_ms_max(const struct messages_errand *j);

/* The work, each a store_table_job on the table's thread; `arg` is the errand. messages_queue.c: */
enum status messages_send(struct store_table *t, void *arg);
enum status messages_take(struct store_table *t, void *arg);
enum status messages_settle(struct store_table *t, void *arg);
enum status messages_purge(struct store_table *t, void *arg);
enum status messages_sweep(struct store_table *t, void *arg);

/* messages_feedback.c: */
struct message_ended {
    struct slice device, record; /* the message as it lies in its row */
    enum message_end how;
};
/* Notes what became of it, for whoever reads feedback. */
CHECKED enum status feedback_add(struct store_table *t, struct messages_errand *j,
                                 const struct message_ended *m);
/* Of an upload: a batch of its own. */
CHECKED enum status feedback_put_notification(struct store_table *t, struct messages_errand *j,
                                              struct slice record);
/* Of batches; and closes the one that gathers when its time has come. *full: there may be more. */
CHECKED enum status feedback_sweep(struct store_table *t, struct messages_errand *j, bool *full);
enum status feedback_take(struct store_table *t, void *arg);
enum status feedback_settle(struct store_table *t, void *arg);
