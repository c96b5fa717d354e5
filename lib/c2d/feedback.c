/* What became of messages, gathered into batches; on the table's thread. */
#include "c2d/c2d_priv.h"
#include "json/write.h"

/* ---- a record ---- */

static void put_id(struct buffer *out, const struct iot_message *m)
{
    struct slice id = m->message_id;
    if (m->message_id_type == IOT_MESSAGE_ID_UUID && id.len == 16) {
        static const uint8_t parts[] = {4, 2, 2, 2, 6};
        for (size_t i = 0; i < sizeof(parts); i++) {
            if (i)
                buffer_u8(out, '-');
            hex_encode(slice_first(id, parts[i]), out);
            id = slice_skip(id, parts[i]);
        }
    } else if (m->message_id_type == IOT_MESSAGE_ID_ULONG && id.len == 8) {
        uint64_t v;
        memcpy(&v, id.at, 8);
        buffer_printf(out, "%llu", (unsigned long long)__builtin_bswap64(v));
    } else if (m->message_id_type == IOT_MESSAGE_ID_BINARY) {
        base64_encode(id, out);
    } else {
        buffer_put(out, id);
    }
}

static const struct {
    const char *code, *text;
} ends[] = {
    [C2D_SUCCESS] = {"Success", "Success"},
    [C2D_EXPIRED] = {"Expired", "The message expired before the device completed it"},
    [C2D_DELIVERY_COUNT_EXCEEDED] = {"DeliveryCountExceeded",
                                     "The message was delivered too often without being completed"},
    [C2D_REJECTED] = {"Rejected", "The device rejected the message"},
    [C2D_PURGED] = {"Purged", "The device's queue was purged"},
};

static enum status write_record(struct store_table *t, struct c2d_errand *e,
                                const struct c2d_ended *ended, struct buffer *out)
{
    struct iot_event event;
    struct registry_row device;
    struct buffer id = {0};
    if (iot_event_decode(ended->record, &event) != OK)
        return IO_FAILED;
    enum status s = registry_row_get(t, (struct iot_id){.device = ended->device}, &device);
    if (s != OK)
        return s;
    put_id(&id, &event.message);
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_member(&w, "originalMessageId", buffer_slice(&id));
    json_name(&w, "description"), json_put_text(&w, ends[ended->how].text);
    json_member(&w, "deviceGenerationId", device.i.generation_id);
    json_member(&w, "deviceId", ended->device);
    json_name(&w, "enqueuedTimeUtc"), json_put_time(&w, e->now_ms);
    json_name(&w, "statusCode"), json_put_text(&w, ends[ended->how].code);
    json_end_object(&w);
    store_reset(t, SQL_IDENTITY_GET);
    buffer_clear(&id);
    return OK;
}

/* ---- what there is to read, each kind with limits of its own ---- */

struct limits {
    uint64_t ttl_ms, lock_ms, deliveries;
};

static struct limits limits_of(const struct c2d_errand *e, enum c2d_feed feed)
{
    const struct iot_limits *l = e->registry->limits;
    if (feed == C2D_FEED_UPLOADS)
        return (struct limits){l->notification_ttl_ms, l->notification_lock_ms, l->notification_deliveries};
    return (struct limits){l->feedback_ttl_ms, l->feedback_lock_ms, l->feedback_deliveries};
}

static enum status insert_record(struct store_table *t, struct c2d_errand *e, struct slice record,
                                 int64_t batch)
{
    store_bind_i64(t, SQL_FEEDBACK_INSERT, 1, (int64_t)e->now_ms);
    store_bind(t, SQL_FEEDBACK_INSERT, 2, record);
    store_bind_i64(t, SQL_FEEDBACK_INSERT, 3, batch);
    return store_run(t, SQL_FEEDBACK_INSERT);
}

static enum status insert_batch(struct store_table *t, struct c2d_errand *e, enum c2d_feed feed,
                                int64_t *batch)
{
    uint64_t expires_ms = e->now_ms + limits_of(e, feed).ttl_ms;
    store_bind_i64(t, SQL_BATCH_INSERT, 1, (int64_t)e->now_ms);
    store_bind_i64(t, SQL_BATCH_INSERT, 2, (int64_t)expires_ms);
    store_bind_i64(t, SQL_BATCH_INSERT, 3, feed);
    enum status s = store_step(t, SQL_BATCH_INSERT);
    if (s != OK)
        return s == NOT_FOUND ? IO_FAILED : s;
    *batch = store_column_i64(t, SQL_BATCH_INSERT, 0);
    store_reset(t, SQL_BATCH_INSERT);
    e->batch_waits = true;
    c2d_due(e, e->now_ms); /* there may be too many */
    return OK;
}

enum status c2d_feedback_put_notification(struct store_table *t, struct c2d_errand *e,
                                          struct slice record)
{
    int64_t batch = 0;
    enum status s = insert_batch(t, e, C2D_FEED_UPLOADS, &batch);
    return s == OK ? insert_record(t, e, record, batch) : s;
}

/* ---- a batch closes when it is full, or when its first record has waited long enough ---- */

static enum status close_batch(struct store_table *t, struct c2d_errand *e)
{
    int64_t batch = 0;
    enum status s = insert_batch(t, e, C2D_FEED_MESSAGES, &batch);
    if (s != OK)
        return s;
    store_bind_i64(t, SQL_FEEDBACK_CLOSE, 1, batch);
    return store_run(t, SQL_FEEDBACK_CLOSE);
}

static enum status gathered(struct store_table *t, int64_t *count, uint64_t *first_ms)
{
    enum status s = store_step(t, SQL_FEEDBACK_OPEN);
    if (s != OK)
        return s;
    *count = store_column_i64(t, SQL_FEEDBACK_OPEN, 0);
    *first_ms = (uint64_t)store_column_i64(t, SQL_FEEDBACK_OPEN, 1);
    store_reset(t, SQL_FEEDBACK_OPEN);
    return OK;
}

static enum status close_if_due(struct store_table *t, struct c2d_errand *e)
{
    int64_t count = 0;
    uint64_t first_ms = 0;
    enum status s = gathered(t, &count, &first_ms);
    if (s != OK || count == 0)
        return s;
    bool late = e->now_ms >= first_ms + C2D_FEEDBACK_GATHER_MS || first_ms > e->now_ms;
    if (late || count >= C2D_FEEDBACK_RECORDS_MAX)
        return close_batch(t, e);
    c2d_due(e, first_ms + C2D_FEEDBACK_GATHER_MS);
    return OK;
}

enum status c2d_feedback_add(struct store_table *t, struct c2d_errand *e,
                             const struct c2d_ended *ended)
{
    struct buffer record = {0};
    enum status s = write_record(t, e, ended, &record);
    if (s == OK) {
        s = insert_record(t, e, buffer_slice(&record), 0);
        e->ended.feedback++;
    }
    buffer_clear(&record);
    return s == OK ? close_if_due(t, e) : s;
}

/* ---- batches are handed out as messages are ---- */

struct batch {
    int64_t number;
    uint64_t locked_until_ms;
    uint32_t delivery_count;
    enum c2d_feed feed;
};

static enum status drop(struct store_table *t, int64_t number)
{
    store_bind_i64(t, SQL_FEEDBACK_DELETE, 1, number);
    store_bind_i64(t, SQL_BATCH_DELETE, 1, number);
    enum status s = store_run(t, SQL_FEEDBACK_DELETE);
    return s == OK ? store_run(t, SQL_BATCH_DELETE) : s;
}

static enum status unlock(struct store_table *t, struct c2d_errand *e, const struct batch *b,
                          uint32_t delivery_count)
{
    if (delivery_count >= limits_of(e, b->feed).deliveries)
        return drop(t, b->number);
    store_bind_i64(t, SQL_BATCH_UNLOCK, 1, b->number);
    store_bind_i64(t, SQL_BATCH_UNLOCK, 2, delivery_count);
    e->batch_waits = true;
    c2d_due(e, e->now_ms); /* it may have lived long enough meanwhile */
    return store_run(t, SQL_BATCH_UNLOCK);
}

/* The row of a statement that gives number, lock and count. */
static enum status read_batch(struct store_table *t, size_t n, struct batch *b)
{
    enum status s = store_step(t, n);
    if (s != OK)
        return s;
    *b = (struct batch){.number = store_column_i64(t, n, 0),
                        .locked_until_ms = (uint64_t)store_column_i64(t, n, 1),
                        .delivery_count = (uint32_t)store_column_i64(t, n, 2),
                        .feed = (enum c2d_feed)store_column_i64(t, n, 3)};
    store_reset(t, n);
    return OK;
}

static enum status write_batch(struct store_table *t, struct c2d_errand *e, int64_t number)
{
    struct buffer json = {0};
    enum status s;
    bool list = e->feed == C2D_FEED_MESSAGES; /* a notification stands for itself */
    if (list)
        buffer_u8(&json, '[');
    store_bind_i64(t, SQL_FEEDBACK_RECORDS, 1, number);
    while ((s = store_step(t, SQL_FEEDBACK_RECORDS)) == OK) {
        if (json.len > 1)
            buffer_u8(&json, ',');
        buffer_put(&json, store_column(t, SQL_FEEDBACK_RECORDS, 0));
    }
    if (list)
        buffer_u8(&json, ']');
    e->feedback.json = arena_copy(&e->arena, buffer_slice(&json));
    buffer_clear(&json);
    return s == NOT_FOUND ? OK : s;
}

enum status c2d_batch_take(struct store_table *t, void *arg)
{
    struct c2d_errand *e = arg;
    struct c2d_feedback *f = &e->feedback;
    uint64_t until_ms = e->now_ms + limits_of(e, e->feed).lock_ms;
    store_bind_i64(t, SQL_BATCH_FREE, 1, (int64_t)e->now_ms);
    store_bind_i64(t, SQL_BATCH_FREE, 2, e->feed);
    enum status s = store_step(t, SQL_BATCH_FREE);
    if (s != OK)
        return s;
    f->sequence = (uint64_t)store_column_i64(t, SQL_BATCH_FREE, 0);
    f->enqueued_ms = (uint64_t)store_column_i64(t, SQL_BATCH_FREE, 1);
    f->delivery_count = (uint32_t)store_column_i64(t, SQL_BATCH_FREE, 2);
    store_reset(t, SQL_BATCH_FREE);
    uuid_text(e->random[0], f->lock);
    store_bind_i64(t, SQL_BATCH_LOCK, 1, (int64_t)f->sequence);
    store_bind(t, SQL_BATCH_LOCK, 2, slice_from(f->lock, C2D_LOCK_LEN));
    store_bind_i64(t, SQL_BATCH_LOCK, 3, (int64_t)until_ms);
    c2d_due(e, until_ms);
    s = store_run(t, SQL_BATCH_LOCK);
    return s == OK ? write_batch(t, e, (int64_t)f->sequence) : s;
}

enum status c2d_batch_settle(struct store_table *t, void *arg)
{
    struct c2d_errand *e = arg;
    struct batch b;
    store_bind(t, SQL_BATCH_LOCKED, 1, e->lock);
    enum status s = read_batch(t, SQL_BATCH_LOCKED, &b);
    if (s != OK || b.locked_until_ms <= e->now_ms)
        return s == OK || s == NOT_FOUND ? LOCK_LOST : s;
    if (e->how == HEADS_COMPLETE || e->how == HEADS_REJECT)
        return drop(t, b.number);
    return unlock(t, e, &b, b.delivery_count + (e->how == HEADS_ABANDON));
}

/* ---- time ---- */

static enum status drop_dead(struct store_table *t, struct c2d_errand *e)
{
    struct batch b;
    store_bind_i64(t, SQL_BATCH_DEAD, 1, (int64_t)e->now_ms);
    store_bind_i64(t, SQL_BATCH_DEAD, 2, C2D_FEEDBACK_BATCHES_MAX);
    enum status s = read_batch(t, SQL_BATCH_DEAD, &b);
    return s == OK ? drop(t, b.number) : s;
}

static enum status unlock_overdue(struct store_table *t, struct c2d_errand *e)
{
    struct batch b;
    store_bind_i64(t, SQL_BATCH_OVERDUE, 1, (int64_t)e->now_ms);
    store_bind_i64(t, SQL_BATCH_OVERDUE, 2, (int64_t)(e->now_ms + c2d_lock_ms_max(e)));
    enum status s = read_batch(t, SQL_BATCH_OVERDUE, &b);
    return s == OK ? unlock(t, e, &b, b.delivery_count + 1) : s;
}

enum status c2d_feedback_sweep(struct store_table *t, struct c2d_errand *e, bool *full)
{
    enum status s = close_if_due(t, e);
    unsigned n = 0;
    while (s == OK && n++ < C2D_SWEEP_MAX)
        s = drop_dead(t, e);
    for (s = s == NOT_FOUND ? OK : s; s == OK && n++ < C2D_SWEEP_MAX;)
        s = unlock_overdue(t, e);
    *full |= s == OK; /* stopped by the number, not by the end */
    return s == NOT_FOUND ? OK : s;
}
