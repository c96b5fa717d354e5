/* The queues' rows, on the table's thread: every rule of how a message comes, is locked and goes.
 */
#include "c2d/c2d_priv.h"

#include "base/log.h"

/* A row whose slices are in the errand's arena. */
struct row {
    uint64_t sequence, enqueued_ms, locked_until_ms;
    uint32_t delivery_count;
    enum c2d_ack ack;
    struct slice device, record;
};

struct rows {
    struct row *at;
    unsigned count, cap;
};

static void push(struct arena *a, struct rows *rows, struct row row)
{
    if (rows->count == rows->cap) {
        unsigned cap = rows->cap ? rows->cap * 4 : 4;
        struct row *more = ARENA_TAKE_N(a, struct row, cap);
        if (rows->count)
            memcpy(more, rows->at, rows->count * sizeof(row));
        rows->at = more;
        rows->cap = cap;
    }
    rows->at[rows->count++] = row;
}

/* All rows of a statement whose parameters are bound: read before any of them is changed. */
static enum status read_rows(struct store_table *t, size_t n, struct c2d_errand *e,
                             struct rows *rows)
{
    enum status s;
    *rows = (struct rows){0};
    while ((s = store_step(t, n)) == OK)
        push(&e->arena, rows,
             (struct row){
                 .sequence = (uint64_t)store_column_i64(t, n, 0),
                 .device = arena_copy(&e->arena, store_column(t, n, 1)),
                 .enqueued_ms = (uint64_t)store_column_i64(t, n, 2),
                 .delivery_count = (uint32_t)store_column_i64(t, n, 3),
                 .ack = (enum c2d_ack)store_column_i64(t, n, 4),
                 .locked_until_ms = (uint64_t)store_column_i64(t, n, 5),
                 .record = arena_copy(&e->arena, store_column(t, n, 6)),
             });
    return s == NOT_FOUND ? OK : s;
}

/* ---- how a message goes, or comes back ---- */

static const char *const end_names[] = {
    [C2D_SUCCESS] = "completed",
    [C2D_EXPIRED] = "expired",
    [C2D_DELIVERY_COUNT_EXCEEDED] = "delivered-too-often",
    [C2D_REJECTED] = "rejected",
    [C2D_PURGED] = "purged",
};

static const struct iot_limits *limits(const struct c2d_errand *e)
{
    return e->registry->limits;
}

static enum status end(struct store_table *t, struct c2d_errand *e, const struct row *m,
                       enum c2d_end how)
{
    bool wanted = m->ack & (how == C2D_SUCCESS ? C2D_ACK_POSITIVE : C2D_ACK_NEGATIVE);
    store_bind_i64(t, SQL_MESSAGE_DELETE, 1, (int64_t)m->sequence);
    enum status s = store_run(t, SQL_MESSAGE_DELETE);
    if (s == OK && wanted)
        s = c2d_feedback_add(
            t, e, &(struct c2d_ended){.device = m->device, .record = m->record, .how = how});
    log_debug("message ended device=%.*s sequence=%llu how=%s", SLICE_FMT(m->device),
              (unsigned long long)m->sequence, end_names[how]);
    if (how == C2D_SUCCESS)
        e->ended.completed++;
    else
        e->ended.dead++;
    return s;
}

/* Whoever serves the device is told after the commit. */
static void wake(struct c2d_errand *e, struct slice device)
{
    if (e->waiting_count == e->waiting_cap) {
        size_t cap = e->waiting_cap ? e->waiting_cap * 4 : 1;
        struct slice *more = ARENA_TAKE_N(&e->arena, struct slice, cap);
        if (e->waiting_count)
            memcpy(more, e->waiting, e->waiting_count * sizeof(*more));
        e->waiting = more;
        e->waiting_cap = cap;
    }
    e->waiting[e->waiting_count++] = device;
}

static enum status unlock(struct store_table *t, struct c2d_errand *e, const struct row *m,
                          uint32_t delivery_count)
{
    store_bind_i64(t, SQL_MESSAGE_UNLOCK, 1, (int64_t)m->sequence);
    store_bind_i64(t, SQL_MESSAGE_UNLOCK, 2, delivery_count);
    wake(e, m->device);
    c2d_due(e, e->now_ms); /* its time may be over */
    return store_run(t, SQL_MESSAGE_UNLOCK);
}

/* It was handed out, and not settled as done. */
static enum status give_back(struct store_table *t, struct c2d_errand *e, const struct row *m)
{
    uint32_t count = m->delivery_count + 1;
    return count >= limits(e)->c2d_deliveries ? end(t, e, m, C2D_DELIVERY_COUNT_EXCEEDED)
                                              : unlock(t, e, m, count);
}

/* ---- sending ---- */

static enum status refuse(struct c2d_errand *e, enum status why, const char *text)
{
    e->text = text;
    return why;
}

static enum status has_room(struct store_table *t, struct c2d_errand *e)
{
    struct registry_row device;
    enum status s = registry_row_get(t, (struct iot_id){.device = e->device}, &device);
    if (s != OK)
        return s == NOT_FOUND ? refuse(e, s, "there is no such device") : s;
    store_reset(t, SQL_IDENTITY_GET);
    store_bind(t, SQL_MESSAGE_COUNT, 1, e->device);
    s = store_step(t, SQL_MESSAGE_COUNT);
    if (s != OK)
        return s;
    uint64_t count = (uint64_t)store_column_i64(t, SQL_MESSAGE_COUNT, 0),
             most = limits(e)->c2d_queue;
    store_reset(t, SQL_MESSAGE_COUNT);
    return count < most
               ? OK
               : refuse(e, FULL,
                        arena_printf(&e->arena, "%llu messages wait for this device already",
                                     (unsigned long long)most));
}

static enum status insert(struct store_table *t, struct c2d_errand *e)
{
    struct buffer record = {0};
    uint64_t expires_ms =
        e->message.expiry_ms ? e->message.expiry_ms : e->now_ms + limits(e)->c2d_ttl_ms;
    iot_event_encode(&(struct iot_event){.enqueued_ms = e->now_ms,
                                         .from = {.device = e->device},
                                         .message = e->message},
                     &record);
    store_bind(t, SQL_MESSAGE_INSERT, 1, e->device);
    store_bind_i64(t, SQL_MESSAGE_INSERT, 2, (int64_t)e->now_ms);
    store_bind_i64(t, SQL_MESSAGE_INSERT, 3, (int64_t)expires_ms);
    store_bind_i64(t, SQL_MESSAGE_INSERT, 4, e->ack);
    store_bind_blob(t, SQL_MESSAGE_INSERT, 5, buffer_slice(&record));
    store_bind_i64(t, SQL_MESSAGE_INSERT, 6, e->message.expiry_ms == 0);
    enum status s = store_run(t, SQL_MESSAGE_INSERT);
    buffer_clear(&record);
    c2d_due(e, expires_ms);
    wake(e, e->device);
    e->ended.sent++;
    return s;
}

enum status c2d_queue_send(struct store_table *t, void *arg)
{
    struct c2d_errand *e = arg;
    enum status s = has_room(t, e);
    return s == OK ? insert(t, e) : s;
}

/* ---- taking ---- */

/* A new connection of the device: whoever held these is gone, so they need not wait for their lock
 * to run out, and the order stays. */
static enum status give_back_live(struct store_table *t, struct c2d_errand *e)
{
    struct rows rows;
    store_bind(t, SQL_MESSAGES_LIVE, 1, e->device);
    enum status s = read_rows(t, SQL_MESSAGES_LIVE, e, &rows);
    for (unsigned i = 0; s == OK && i < rows.count; i++)
        s = give_back(t, e, &rows.at[i]);
    e->waiting_count = 0; /* it is they who ask */
    return s;
}

static enum status lock(struct store_table *t, struct c2d_errand *e, const struct row *m,
                        struct c2d_message *out)
{
    struct iot_event event;
    uint64_t until_ms = e->now_ms + e->want.lock_ms;
    if (iot_event_decode(m->record, &event) != OK)
        return IO_FAILED;
    *out = (struct c2d_message){.message = event.message,
                                .sequence = m->sequence,
                                .enqueued_ms = m->enqueued_ms,
                                .delivery_count = m->delivery_count,
                                .ack = m->ack};
    uuid_text(e->random[e->count], out->lock);
    store_bind_i64(t, SQL_MESSAGE_LOCK, 1, (int64_t)m->sequence);
    store_bind(t, SQL_MESSAGE_LOCK, 2, slice_from(out->lock, C2D_LOCK_LEN));
    store_bind_i64(t, SQL_MESSAGE_LOCK, 3, (int64_t)until_ms);
    store_bind_i64(t, SQL_MESSAGE_LOCK, 4, e->want.live);
    c2d_due(e, until_ms);
    return store_run(t, SQL_MESSAGE_LOCK);
}

enum status c2d_queue_take(struct store_table *t, void *arg)
{
    struct c2d_errand *e = arg;
    struct rows rows;
    enum status s = e->want.fresh ? give_back_live(t, e) : OK;
    if (s != OK)
        return s;
    store_bind(t, SQL_MESSAGES_FREE, 1, e->device);
    store_bind_i64(t, SQL_MESSAGES_FREE, 2, (int64_t)e->now_ms);
    store_bind_i64(t, SQL_MESSAGES_FREE, 3, e->want.count);
    s = read_rows(t, SQL_MESSAGES_FREE, e, &rows);
    e->taken = ARENA_TAKE_N(&e->arena, struct c2d_message, C2D_TAKE_MAX);
    for (; s == OK && e->count < rows.count; e->count++)
        s = lock(t, e, &rows.at[e->count], &e->taken[e->count]);
    return s;
}

/* ---- settling ---- */

enum status c2d_queue_settle(struct store_table *t, void *arg)
{
    struct c2d_errand *e = arg;
    struct rows rows;
    store_bind(t, SQL_MESSAGE_LOCKED, 1, e->device);
    store_bind(t, SQL_MESSAGE_LOCKED, 2, e->lock);
    enum status s = read_rows(t, SQL_MESSAGE_LOCKED, e, &rows);
    if (s != OK)
        return s;
    const struct row *m = rows.at;
    if (rows.count == 0 || m->locked_until_ms <= e->now_ms)
        return LOCK_LOST;
    switch (e->how) {
    case HEADS_COMPLETE:
        return end(t, e, m, C2D_SUCCESS);
    case HEADS_REJECT:
        return end(t, e, m, C2D_REJECTED);
    case HEADS_ABANDON:
        return give_back(t, e, m);
    default:
        return unlock(t, e, m, m->delivery_count);
    }
}

enum status c2d_queue_purge(struct store_table *t, void *arg)
{
    struct c2d_errand *e = arg;
    struct rows rows;
    struct registry_row device;
    enum status s = registry_row_get(t, (struct iot_id){.device = e->device}, &device);
    if (s != OK)
        return s;
    store_reset(t, SQL_IDENTITY_GET);
    store_bind(t, SQL_MESSAGES_OF, 1, e->device);
    s = read_rows(t, SQL_MESSAGES_OF, e, &rows);
    for (; s == OK && e->count < rows.count; e->count++)
        s = end(t, e, &rows.at[e->count], C2D_PURGED);
    return s;
}

/* ---- time ---- */

static enum status sweep_expired(struct store_table *t, struct c2d_errand *e, bool *full)
{
    struct rows rows;
    store_bind_i64(t, SQL_MESSAGES_EXPIRED, 1, (int64_t)e->now_ms);
    store_bind_i64(t, SQL_MESSAGES_EXPIRED, 2, C2D_SWEEP_MAX);
    enum status s = read_rows(t, SQL_MESSAGES_EXPIRED, e, &rows);
    for (unsigned i = 0; s == OK && i < rows.count; i++)
        s = end(t, e, &rows.at[i], C2D_EXPIRED);
    *full |= rows.count == C2D_SWEEP_MAX;
    return s;
}

/* A lock that ends later than any can has been made before the clock was set back. */
static enum status sweep_locks(struct store_table *t, struct c2d_errand *e, bool *full)
{
    struct rows rows;
    store_bind_i64(t, SQL_MESSAGES_OVERDUE, 1, (int64_t)e->now_ms);
    store_bind_i64(t, SQL_MESSAGES_OVERDUE, 2, (int64_t)(e->now_ms + c2d_lock_ms_max(e)));
    store_bind_i64(t, SQL_MESSAGES_OVERDUE, 3, C2D_SWEEP_MAX);
    enum status s = read_rows(t, SQL_MESSAGES_OVERDUE, e, &rows);
    for (unsigned i = 0; s == OK && i < rows.count; i++)
        s = give_back(t, e, &rows.at[i]);
    *full |= rows.count == C2D_SWEEP_MAX;
    return s;
}

static uint64_t next_due(struct store_table *t)
{
    uint64_t due_ms = UINT64_MAX;
    if (store_step(t, SQL_MESSAGES_DUE) != OK)
        return due_ms;
    for (int column = 0; column < 5; column++) {
        uint64_t at = (uint64_t)store_column_i64(t, SQL_MESSAGES_DUE, column);
        if (column == 2 && at)
            at += C2D_FEEDBACK_GATHER_MS;
        if (at && at < due_ms)
            due_ms = at;
    }
    store_reset(t, SQL_MESSAGES_DUE);
    return due_ms;
}

/* The wall clock has jumped, and time has not: what is counted is counted on. What came since the
 * jump was stamped by the new time, and stays as it is. */
static enum status shift(struct store_table *t, struct c2d_errand *e)
{
    static const size_t statements[] = {SQL_MESSAGES_SHIFT, SQL_FEEDBACK_SHIFT, SQL_BATCHES_SHIFT};
    enum status s = OK;
    for (size_t i = 0; s == OK && i < sizeof(statements) / sizeof(statements[0]); i++) {
        store_bind_i64(t, statements[i], 1, e->jumped_ms);
        store_bind_i64(t, statements[i], 2, (int64_t)e->jumped_at_ms);
        store_bind_i64(t, statements[i], 3, (int64_t)e->now_ms);
        s = store_run(t, statements[i]);
    }
    return s;
}

enum status c2d_queue_sweep(struct store_table *t, void *arg)
{
    struct c2d_errand *e = arg;
    bool full = false;
    __atomic_store_n(&e->registry->messages_due_ms, UINT64_MAX, __ATOMIC_RELAXED);
    enum status s = e->jumped_ms ? shift(t, e) : OK;
    if (s == OK)
        s = sweep_expired(t, e, &full);
    if (s == OK)
        s = sweep_locks(t, e, &full);
    if (s == OK)
        s = c2d_feedback_sweep(t, e, &full);
    if (s == OK)
        c2d_due(e, full ? e->now_ms : next_due(t));
    return s;
}
