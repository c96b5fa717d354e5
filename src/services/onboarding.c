#include "services/onboarding.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "services/fleet_documents.h"
#include "services/ids.h"
#include "json/json.h"

#define TICK_MS 2000 /* for positions, retries and what is too old */
#define INCOMPLETE_MS 3600000
#define DISCOVERERS_AGE_MS 10000

/* One discovery. */
struct batch {
    struct link link;
    struct buffer discoverer; /* "{device}_module_{module}" */
    struct buffer supervisor; /* by the configured name, until the hub tells better */
    struct buffer time;   /* timeStamp, as sent */
    struct buffer events; /* "[event,event" */
    uint8_t
        seen[(ONBOARDING_EVENTS_MAX + 7) / 8]; /* a bit an index: what comes twice counts once */
    uint32_t count;                            /* of events but the result */
    uint32_t expected;                         /* the result's index */
    bool has_result;
    bool merging;
    uint64_t since_ms;
    uint64_t first[ONBOARDING_PARTITIONS_MAX]; /* 1 + its first event's sequence; 0: none there */
    struct services_onboarding *onboarding; /* NULL when it has gone while this was being merged */
};

struct services_onboarding {
    struct services_onboarding_config config;
    struct list batches; /* oldest first */
    size_t batch_count, bytes;
    bool merging;
    uint64_t next[ONBOARDING_PARTITIONS_MAX];                 /* behind the newest that came */
    uint64_t kept[ONBOARDING_PARTITIONS_MAX];                 /* position in the database */
    struct services_position sent[ONBOARDING_PARTITIONS_MAX]; /* with the merge that runs */
    size_t sent_count;
    struct services_onboarding_counts counts;
    struct loop_timer tick;
};

static void merge_next(struct services_onboarding *o);

static void forget(struct batch *b)
{
    buffer_clear(&b->discoverer);
    buffer_clear(&b->supervisor);
    buffer_clear(&b->time);
    buffer_clear(&b->events);
    free(b);
}

static void drop(struct batch *b)
{
    struct services_onboarding *o = b->onboarding;
    list_remove(&b->link);
    o->batch_count--;
    o->bytes -= b->events.len;
    forget(b);
}

static void give_up(struct batch *b, const char *why)
{
    log_warn("discovery dropped: %s discoverer=%s events=%u", why, buffer_cstr(&b->discoverer),
             b->count);
    b->onboarding->counts.dropped++;
    drop(b);
}

/* ---- positions ---- */

/* All up to there is done with, when `done` is, too (or NULL). */
static uint64_t position_of(const struct services_onboarding *o, size_t partition,
                            const struct batch *done)
{
    uint64_t position = o->next[partition];
    LIST_EACH(l, &((struct services_onboarding *)o)->batches)
    {
        const struct batch *b = LIST_OF(l, struct batch, link);
        if (b != done && b->first[partition] && b->first[partition] - 1 < position)
            position = b->first[partition] - 1;
    }
    return position;
}

static size_t changed_positions(struct services_onboarding *o, const struct batch *done,
                                struct services_position out[ONBOARDING_PARTITIONS_MAX])
{
    size_t n = 0;
    for (uint32_t p = 0; p < ONBOARDING_PARTITIONS_MAX; p++) {
        uint64_t position = position_of(o, p, done);
        if (position > o->kept[p])
            out[n++] = (struct services_position){p, position};
    }
    return n;
}

static void nothing(void *arg, enum status why, struct slice json)
{
    (void)arg, (void)json;
    if (why != OK)
        log_warn("position of the stream not kept why=%s", status_name(why));
}

static void note_kept(struct services_onboarding *o, const struct services_position *positions,
                      size_t n)
{
    for (size_t i = 0; i < n; i++)
        o->kept[positions[i].partition] = positions[i].next;
}

static void keep_positions(struct services_onboarding *o)
{
    struct services_position positions[ONBOARDING_PARTITIONS_MAX];
    size_t n = changed_positions(o, NULL, positions);
    if (n == 0)
        return;
    note_kept(o, positions, n);
    services_registry_ask(o->config.registry,
                          &(struct services_registry_ask){.what = REGISTRY_REMEMBER,
                                                          .positions = positions,
                                                          .position_count = n},
                          nothing, NULL);
}

/* ---- merging, one discovery at a time ---- */

static void on_merged(void *arg, enum status why, struct slice json)
{
    struct batch *b = arg;
    struct services_onboarding *o = b->onboarding;
    (void)json;
    if (o == NULL) {
        forget(b);
        return;
    }
    o->merging = false;
    b->merging = false;
    if (why == OK) {
        o->counts.merged++;
        note_kept(o, o->sent, o->sent_count);
        drop(b);
        merge_next(o);
    } else if (why == BAD_FORMAT || why == TOO_LARGE) {
        give_up(b, "it cannot be read");
        merge_next(o);
    } else {
        log_error("discovery not merged, to be tried again why=%s", status_name(why));
    }
}

static void merge_with(struct batch *b, struct slice filter)
{
    struct services_onboarding *o = b->onboarding;
    o->sent_count = changed_positions(o, b, o->sent);
    struct buffer body = {0};
    buffer_put(&body, buffer_slice(&b->events));
    buffer_text(&body, "]");
    services_registry_ask(
        o->config.registry,
        &(struct services_registry_ask){.what = REGISTRY_MERGE,
                                        .body = buffer_slice(&body),
                                        .discoverer = buffer_slice(&b->discoverer),
                                        .supervisor = buffer_slice(&b->supervisor),
                                        .filter = filter,
                                        .positions = o->sent,
                                        .position_count = o->sent_count},
        on_merged, b);
    buffer_clear(&body);
}

/* What the discoverer's twin has of it; and the module that supervises beside it, whatever it is called. */
static void look_at(struct batch *b, const struct services_fleet_member *m, struct buffer *filter)
{
    struct iot_id id = services_ids_module(buffer_slice(&b->discoverer));
    struct iot_id its = {slice_of(m->device), slice_of(m->module)};
    struct json_writer w = json_writer(filter);
    struct json_doc *twin = NULL;
    if (iot_id_eq(id, its) && json_parse(slice_of(m->twin), JSON_STRICT, &twin, NULL) == OK)
        fleet_documents_put_filter(json_root(twin), &w);
    json_free(&twin);
    if (slice_eq(id.device, its.device) && fleet_documents_is(FLEET_SUPERVISOR, m, NULL)) {
        buffer_reset(&b->supervisor);
        services_ids_put_module(its, &b->supervisor);
    }
}

static void look_at_all(struct batch *b, const struct services_fleet_list *list, struct buffer *filter)
{
    for (size_t i = 0; i < list->count; i++)
        look_at(b, &list->members[i], filter);
}

static void on_fleet(void *arg, enum status why, const struct services_fleet_list *list)
{
    struct batch *b = arg;
    struct services_onboarding *o = b->onboarding;
    struct buffer filter = {0};
    if (o == NULL) {
        forget(b);
    } else if (why != OK) { /* tried again with the next tick */
        o->merging = b->merging = false;
    } else {
        look_at_all(b, list, &filter);
        merge_with(b, buffer_slice(&filter));
        buffer_clear(&filter);
    }
}

static void merge(struct batch *b)
{
    struct services_onboarding *o = b->onboarding;
    o->merging = b->merging = true;
    if (o->config.fleet)
        services_fleet_look(o->config.fleet, DISCOVERERS_AGE_MS, on_fleet, b);
    else
        merge_with(b, (struct slice){0});
}

static bool is_complete(const struct batch *b)
{
    return b->has_result && b->count == b->expected;
}

static void merge_next(struct services_onboarding *o)
{
    LIST_EACH(l, &o->batches)
    {
        struct batch *b = LIST_OF(l, struct batch, link);
        if (o->merging)
            return;
        if (is_complete(b))
            merge(b);
    }
}

/* ---- gathering ---- */

static struct batch *find(struct services_onboarding *o, struct slice discoverer, struct slice time)
{
    LIST_EACH(l, &o->batches)
    {
        struct batch *b = LIST_OF(l, struct batch, link);
        if (!b->merging && slice_eq(buffer_slice(&b->time), time) &&
            slice_eq(buffer_slice(&b->discoverer), discoverer))
            return b;
    }
    return NULL;
}

static struct batch *add(struct services_onboarding *o, struct iot_id from, struct slice time)
{
    struct batch *b = MEMORY_NEW(struct batch);
    b->onboarding = o;
    services_ids_put_module(from, &b->discoverer);
    services_ids_put_module((struct iot_id){from.device, slice_of(o->config.supervisor_module)},
                            &b->supervisor);
    buffer_put(&b->time, time);
    b->since_ms = loop_now_ms(o->config.loop);
    list_push(&o->batches, &b->link);
    o->batch_count++;
    return b;
}

static struct batch *oldest(struct services_onboarding *o)
{
    LIST_EACH(l, &o->batches)
    {
        struct batch *b = LIST_OF(l, struct batch, link);
        if (!b->merging)
            return b;
    }
    return NULL;
}

/* So that at most `batches` remain, and the bytes are within their bound. */
static void make_room(struct services_onboarding *o, size_t batches)
{
    struct batch *b;
    while ((o->batch_count > batches || o->bytes > ONBOARDING_BYTES_MAX) && (b = oldest(o)))
        give_up(b, "too many are incomplete");
}

static void append(struct batch *b, struct slice body)
{
    size_t before = b->events.len;
    buffer_text(&b->events, b->events.len ? "," : "[");
    buffer_put(&b->events, body);
    b->onboarding->bytes += b->events.len - before;
}

/* False when it came before. */
static bool mark(struct batch *b, uint64_t index)
{
    uint8_t bit = (uint8_t)(1u << (index & 7));
    if (b->seen[index / 8] & bit)
        return false;
    b->seen[index / 8] |= bit;
    return true;
}

static void take(struct batch *b, const struct services_onboarding_event *e, uint64_t index,
                 bool result)
{
    if (b->first[e->partition] == 0)
        b->first[e->partition] = e->sequence + 1;
    if (result && !b->has_result) {
        b->has_result = true;
        b->expected = (uint32_t)index;
        append(b, e->body);
    } else if (!result && mark(b, index)) {
        b->count++;
        append(b, e->body);
    }
}

static void gather(struct services_onboarding *o, const struct services_onboarding_event *e,
                   const struct json *event)
{
    struct slice time = json_string(json_get_nocase(event, "timeStamp"));
    bool result = json_is(json_get_nocase(event, "result"), JSON_OBJECT);
    uint64_t index = 0;
    const struct json *given = json_get_nocase(event, "index"); /* left out when it is 0 */
    if (time.len == 0 || (given && !json_u64(given, &index)) || index > ONBOARDING_EVENTS_MAX ||
        (!result && index == ONBOARDING_EVENTS_MAX)) {
        log_warn("discovery event ignored: no timeStamp, or its index is out of range");
        return;
    }
    struct buffer discoverer = {0};
    services_ids_put_module(e->from, &discoverer);
    struct batch *b = find(o, buffer_slice(&discoverer), time);
    buffer_clear(&discoverer);
    if (b == NULL) {
        make_room(o, ONBOARDING_BATCHES_MAX - 1);
        b = add(o, e->from, time);
    }
    take(b, e, index, result);
    make_room(o, ONBOARDING_BATCHES_MAX);
    merge_next(o);
}

void services_onboarding_event(struct services_onboarding *o,
                               const struct services_onboarding_event *e)
{
    if (e->partition >= ONBOARDING_PARTITIONS_MAX)
        return;
    o->next[e->partition] = e->sequence + 1;
    if (!slice_eq_nocase(e->schema, SLICE(ONBOARDING_SCHEMA)))
        return;
    o->counts.events++;
    struct json_doc *doc;
    if (json_parse(e->body, JSON_STRICT, &doc, NULL) != OK) {
        log_warn("discovery event ignored: not JSON device=%.*s", SLICE_FMT(e->from.device));
        return;
    }
    gather(o, e, json_root(doc));
    json_free(&doc);
}

/* ---- time ---- */

static void on_tick(void *arg)
{
    struct services_onboarding *o = arg;
    uint64_t now = loop_now_ms(o->config.loop);
    LIST_EACH(l, &o->batches)
    {
        struct batch *b = LIST_OF(l, struct batch, link);
        if (!is_complete(b) && now >= b->since_ms + o->config.incomplete_ms)
            give_up(b, "it stayed incomplete");
    }
    merge_next(o);
    if (!o->merging)
        keep_positions(o);
    loop_timer_start(o->config.loop, &o->tick, TICK_MS, on_tick, o);
}

/* ---- beginning and end ---- */

struct services_onboarding *services_onboarding_new(const struct services_onboarding_config *config)
{
    struct services_onboarding *o = MEMORY_NEW(struct services_onboarding);
    o->config = *config;
    if (o->config.incomplete_ms == 0)
        o->config.incomplete_ms = INCOMPLETE_MS;
    list_init(&o->batches);
    loop_timer_start(config->loop, &o->tick, TICK_MS, on_tick, o);
    return o;
}

void services_onboarding_free(struct services_onboarding **o)
{
    if (*o == NULL)
        return;
    loop_timer_stop(&(*o)->tick);
    for (struct link *l; (l = list_pop(&(*o)->batches));) {
        struct batch *b = LIST_OF(l, struct batch, link);
        b->onboarding = NULL;
        if (!b->merging)
            forget(b);
    }
    free(*o);
    *o = NULL;
}

struct services_onboarding_counts services_onboarding_counts(const struct services_onboarding *o)
{
    struct services_onboarding_counts counts = o->counts;
    counts.pending = o->batch_count;
    return counts;
}
