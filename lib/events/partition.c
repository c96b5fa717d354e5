#include "events/partition.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "heads/attendance.h"
#include "store/waiters.h"

/* From `first` to `last` no record is for the readers of the built-in stream. */
struct gap {
    uint64_t first, last;
};

struct partition {
    struct store_log *log;
    struct loop *loop;
    unsigned index;
    struct store_waiters waiters; /* each holds a reference to an attendance */
    struct heads_attendance **full; /* who was told FULL: resumed when there is room */
    size_t full_count, full_cap;
    struct list appends;  /* struct partition_append: not all of it is in the log yet */
    struct list appended; /* … all is, and is not durable yet; in the log's order */
    struct partition_watch *watches;
    struct gap *gaps; /* runs of records that the built-in stream does not have: from the durable end on */
    size_t gap_count;
    bool passing; /* answer_passed() comes */
    struct buffer record; /* reused for encoding */
};

/* ---- the newest record of the built-in stream ---- */

static void note_gap(struct partition *p, uint64_t sequence)
{
    struct gap *last = p->gap_count ? &p->gaps[p->gap_count - 1] : NULL;
    if (last && last->last + 1 == sequence) {
        last->last = sequence;
        return;
    }
    if ((p->gap_count & (p->gap_count - 1)) == 0)
        p->gaps = memory_resize(p->gaps, (p->gap_count ? p->gap_count * 2 : 1) * sizeof(*p->gaps));
    p->gaps[p->gap_count++] = (struct gap){sequence, sequence};
}

static void drop_gaps(struct partition *p, uint64_t durable)
{
    size_t old = 0;
    while (old < p->gap_count && p->gaps[old].last < durable)
        old++;
    if (old == 0)
        return;
    size_t left = p->gap_count - old;
    struct gap *gaps = NULL;
    size_t cap = 1;
    while (cap < left)
        cap *= 2;
    if (left) {
        gaps = memory_new(cap * sizeof(*gaps));
        memcpy(gaps, p->gaps + old, left * sizeof(*gaps));
    }
    free(p->gaps);
    p->gaps = gaps;
    p->gap_count = left;
}

uint64_t partition_newest(const struct partition *p)
{
    uint64_t durable = store_log_durable(p->log);
    for (size_t i = p->gap_count; i-- > 0;)
        if (p->gaps[i].first <= durable)
            return p->gaps[i].last >= durable ? p->gaps[i].first - 1 : durable;
    return durable;
}

/* The run at the end, if the log ends with one. What is longer than LOOK_BACK is taken for that long. */
#define LOOK_BACK 65536
static void find_gap(struct partition *p)
{
    uint64_t durable = store_log_durable(p->log), first = store_log_first(p->log);
    if (durable < first)
        return;
    for (uint64_t step = 1, from; ; step *= 64) {
        from = durable - first >= step ? durable - step + 1 : first;
        uint64_t newest = from - 1;
        struct store_reader *r = store_reader_open(p->log, from);
        struct store_record record;
        struct iot_event e;
        while (store_reader_next(r, &record) == OK)
            if (iot_event_decode(record.bytes, &e) != OK || iot_event_goes_to(&e, 0))
                newest = record.sequence;
        store_reader_close(&r);
        if (newest >= from || from == first || step >= LOOK_BACK) {
            if (newest < durable) {
                note_gap(p, newest + 1);
                p->gaps[0].last = durable;
            }
            return;
        }
    }
}

/* ---- appends with many records ---- */

#define HIDDEN (1u << 31) /* in `ends`: not for the built-in stream */

void partition_append_add(struct partition_append *a, const struct iot_event *e)
{
    iot_event_encode(e, &a->records);
    a->wall_ms = e->enqueued_ms > a->wall_ms ? e->enqueued_ms : a->wall_ms;
    uint32_t end = (uint32_t)a->records.len | (iot_event_goes_to(e, 0) ? 0 : HIDDEN);
    buffer_put(&a->ends, slice_from(&end, sizeof(end)));
}

size_t partition_append_count(const struct partition_append *a)
{
    return a->ends.len / sizeof(uint32_t);
}

void partition_append_clear(struct partition_append *a)
{
    buffer_clear(&a->records);
    buffer_clear(&a->ends);
}

static struct slice append_record(const struct partition_append *a, size_t n)
{
    uint32_t from = 0, to;
    if (n > 0)
        memcpy(&from, a->ends.at + (n - 1) * sizeof(from), sizeof(from));
    memcpy(&to, a->ends.at + n * sizeof(to), sizeof(to));
    from &= ~HIDDEN, to &= ~HIDDEN;
    return slice_from(a->records.at + from, to - from);
}

static bool append_is_hidden(const struct partition_append *a, size_t n)
{
    uint32_t end;
    memcpy(&end, a->ends.at + n * sizeof(end), sizeof(end));
    return end & HIDDEN;
}

static void append_end(struct partition_append *a, enum status why)
{
    list_remove(&a->node);
    a->done(a, why);
}

/* False when the log has no room: on_room goes on. */
static bool append_some(struct partition *p, struct partition_append *a)
{
    for (; a->next < partition_append_count(a); a->next++) {
        uint64_t sequence;
        enum status s =
            store_log_append(p->log, append_record(a, a->next), a->wall_ms, &sequence);
        if (s == FULL)
            return false;
        if (s != OK) {
            append_end(a, s);
            return true;
        }
        if (append_is_hidden(a, a->next))
            note_gap(p, sequence);
        if (a->next == 0)
            a->first = sequence;
        a->last = sequence;
    }
    list_remove(&a->node);
    list_push(&p->appended, &a->node);
    return true;
}

static void append_waiting(struct partition *p)
{
    struct link *l;
    while ((l = list_first(&p->appends)))
        if (!append_some(p, LIST_OF(l, struct partition_append, node)))
            return;
}

void partition_append(struct partition *p, struct partition_append *a)
{
    assert(partition_append_count(a) > 0);
    a->next = 0;
    list_push(&p->appends, &a->node);
    if (list_first(&p->appends) == &a->node)
        append_waiting(p);
}

static void appends_durable(struct partition *p, uint64_t sequence)
{
    struct link *l;
    while ((l = list_first(&p->appended)) &&
           LIST_OF(l, struct partition_append, node)->last <= sequence)
        append_end(LIST_OF(l, struct partition_append, node), OK);
}

/* The records up to `last` that were not durable have failed. */
static void appends_failed(struct partition *p, uint64_t last, enum status why)
{
    struct link *l;
    while ((l = list_first(&p->appended)) &&
           LIST_OF(l, struct partition_append, node)->first <= last)
        append_end(LIST_OF(l, struct partition_append, node), why);
    l = list_first(&p->appends);
    if (l && LIST_OF(l, struct partition_append, node)->next > 0)
        append_end(LIST_OF(l, struct partition_append, node), why);
}

/* Answers all that wait for records up to `sequence`. */
static void answer(struct partition *p, uint64_t sequence, enum status why)
{
    struct store_waiter w;
    while (store_waiters_take(&p->waiters, sequence, &w)) {
        struct heads_attendance *from = w.who;
        heads_attendance_accepted(from, w.token, why);
        heads_attendance_unref(&from);
    }
}

static void on_durable(void *arg, uint64_t sequence)
{
    struct partition *p = arg;
    answer(p, sequence, OK);
    appends_durable(p, sequence);
    drop_gaps(p, sequence);
    for (struct partition_watch *w = p->watches, *next; w; w = next) {
        next = w->next;
        w->fn(w->arg);
    }
}

static void on_failed(void *arg, uint64_t first, uint64_t last, enum status why)
{
    struct partition *p = arg;
    log_error("records could not be stored partition=%u first=%llu last=%llu status=%s", p->index,
              (unsigned long long)first, (unsigned long long)last, status_name(why));
    answer(p, first - 1, OK);
    answer(p, last, why);
    appends_failed(p, last, why);
}

static void on_room(void *arg)
{
    struct partition *p = arg;
    struct heads_attendance **full = p->full;
    size_t count = p->full_count;
    p->full = NULL;
    p->full_count = p->full_cap = 0;
    for (size_t i = 0; i < count; i++) {
        heads_attendance_resume(full[i]);
        heads_attendance_unref(&full[i]);
    }
    free(full);
    append_waiting(p);
}

enum status partition_open(const struct partition_config *config, struct partition **out)
{
    struct partition *p = MEMORY_NEW(struct partition);
    p->loop = config->loop;
    p->index = config->index;
    list_init(&p->appends);
    list_init(&p->appended);
    enum status s = store_log_open(
        &(struct store_log_config){
            .loop = config->loop,
            .disk = config->disk,
            .directory = config->directory,
            .durability = config->durability,
            .segment_bytes = config->segment_bytes,
            .retain_bytes = config->retain_bytes,
            .retain_ms = config->retain_ms,
            .on_durable = on_durable,
            .on_failed = on_failed,
            .on_room = on_room,
            .arg = p,
        },
        &p->log);
    if (s != OK) {
        free(p);
        return s;
    }
    find_gap(p);
    *out = p;
    return OK;
}

static void forget(struct partition *p)
{
    struct store_waiter w;
    while (store_waiters_take(&p->waiters, UINT64_MAX, &w))
        heads_attendance_unref((struct heads_attendance **)&w.who);
    for (size_t i = 0; i < p->full_count; i++)
        heads_attendance_unref(&p->full[i]);
    struct link *l;
    while ((l = list_first(&p->appended)) || (l = list_first(&p->appends)))
        append_end(LIST_OF(l, struct partition_append, node), CANCELLED);
}

void partition_close(struct partition **partition)
{
    struct partition *p = *partition;
    if (p == NULL)
        return;
    store_log_close(&p->log);
    forget(p);
    free(p->gaps);
    store_waiters_clear(&p->waiters);
    free(p->full);
    buffer_clear(&p->record);
    free(p);
    *partition = NULL;
}

static enum status append(struct partition *p, const struct iot_event *e, uint64_t *sequence)
{
    buffer_reset(&p->record);
    iot_event_encode(e, &p->record);
    enum status s =
        store_log_append(p->log, buffer_slice(&p->record), e->enqueued_ms, sequence);
    if (s == OK && e->endpoints.len && !iot_event_goes_to(e, 0))
        note_gap(p, *sequence);
    return s;
}

static void remember_full(struct partition *p, struct heads_attendance *a)
{
    if (p->full_count == p->full_cap) {
        p->full_cap = p->full_cap ? p->full_cap * 2 : 16;
        p->full = memory_resize(p->full, p->full_cap * sizeof(*p->full));
    }
    p->full[p->full_count++] = heads_attendance_ref(a);
}

enum status partition_send(struct partition *p, const struct iot_event *e,
                           struct heads_attendance *from, uint64_t token)
{
    uint64_t sequence;
    enum status s = append(p, e, &sequence);
    if (s == OK)
        store_waiters_add(&p->waiters, sequence, heads_attendance_ref(from), token);
    else if (s == FULL && from->session && from->session->presence == HEADS_LIVE)
        remember_full(p, from);
    return s;
}

static void answer_passed(void *arg)
{
    struct partition *p = arg;
    p->passing = false;
    answer(p, store_log_durable(p->log), OK);
}

void partition_pass(struct partition *p, struct heads_attendance *from, uint64_t token)
{
    uint64_t last = store_log_next(p->log) - 1;
    store_waiters_add(&p->waiters, last, heads_attendance_ref(from), token);
    if (last > store_log_durable(p->log) || p->passing)
        return;
    p->passing = true;
    loop_defer(p->loop, answer_passed, p);
}

struct store_log *partition_log(struct partition *p)
{
    return p->log;
}

struct loop *partition_loop(struct partition *p)
{
    return p->loop;
}

void partition_watch(struct partition *p, struct partition_watch *w)
{
    w->next = p->watches;
    p->watches = w;
}

void partition_unwatch(struct partition *p, struct partition_watch *w)
{
    for (struct partition_watch **at = &p->watches; *at; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            return;
        }
    }
}
