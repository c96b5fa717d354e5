#include "writers/source_priv.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

/* ---- who gets what ---- */

/* The writers of a notification, and the first and last of their values. Most have one. */
struct chain {
    struct writer *writer;
    uint32_t first, last;
};

#define AHEAD 8       /* values, whose items are asked for before it is their turn, and their places as long before */
#define CHAINS_MAX 64 /* writers in one pass; a notification for more takes more passes */

static void reserve(struct sources *s, size_t count)
{
    if (count <= s->next_cap)
        return;
    s->next_cap = count;
    s->next = memory_resize(s->next, count * sizeof *s->next);
}

struct source_item *source_item_at(struct source *s, uint32_t index)
{
    return index < s->item_cap ? s->items[index] : NULL;
}

static struct chain *chain_of(struct chain *chains, size_t *count, struct writer *w)
{
    for (size_t i = *count; i-- > 0;) /* the last one is the likeliest */
        if (chains[i].writer == w)
            return &chains[i];
    if (*count == CHAINS_MAX)
        return NULL;
    chains[*count] = (struct chain){w, SOURCE_NO_VALUE, SOURCE_NO_VALUE};
    return &chains[(*count)++];
}

/* Items of a large configuration are in no cache, and neither are the places that point to them. */
static inline void expect(const struct source *s, const UA_MonitoredItemNotification *values, size_t i, size_t count)
{
    if (i + 2 * AHEAD < count && values[i + 2 * AHEAD].clientHandle < s->item_cap)
        __builtin_prefetch(&s->items[values[i + 2 * AHEAD].clientHandle]);
    if (i + AHEAD < count && values[i + AHEAD].clientHandle < s->item_cap)
        __builtin_prefetch(s->items[values[i + AHEAD].clientHandle]);
}

/* Sorts values from `from` on by writer; returns where the next pass begins. */
static size_t sort(struct source *s, const UA_MonitoredItemNotification *values, size_t from,
                   size_t count, struct chain *chains, size_t *chain_count)
{
    uint32_t *next = s->owner->next;
    struct chain *c = NULL;
    for (size_t i = from; i < count; i++) {
        expect(s, values, i, count);
        struct source_item *item = source_item_at(s, values[i].clientHandle);
        if (!item || item->late_filter)
            continue; /* removed meanwhile; or it watches events, which no server should mistake */
        if (!c || c->writer != item->writer)
            c = chain_of(chains, chain_count, item->writer);
        if (!c)
            return i;
        if (c->first == SOURCE_NO_VALUE)
            c->first = (uint32_t)i;
        else
            next[c->last] = (uint32_t)i;
        c->last = (uint32_t)i;
        next[i] = SOURCE_NO_VALUE;
    }
    return count;
}

static bool has_room(struct source *s)
{
    s->refused = !outbox_has_room_ua(s->owner->outbox);
    return !s->refused;
}

static bool is_taken(struct source *s, uint32_t index)
{
    const struct source_item *item = source_item_at(s, index);
    return !item || s->owner->events->takes(item->writer);
}

/* All of it is taken, or nothing. */
static bool are_values_taken(struct source *s, const UA_MonitoredItemNotification *values,
                             size_t count)
{
    for (size_t i = 0; s->owner->held && i < count; i++)
        if (!is_taken(s, values[i].clientHandle)) {
            s->refused = true;
            return false;
        }
    return true;
}

static bool are_events_taken(struct source *s, const UA_EventFieldList *events, size_t count)
{
    for (size_t i = 0; s->owner->held && i < count; i++)
        if (!is_taken(s, events[i].clientHandle)) {
            s->refused = true;
            return false;
        }
    return true;
}

static bool on_data(void *arg, const UA_MonitoredItemNotification *values, size_t count)
{
    struct source *s = arg;
    if (!has_room(s) || !are_values_taken(s, values, count) ||
        !source_types_are_known(s, values, count))
        return false;
    const struct source_events *e = s->owner->events;
    UA_DateTime now = UA_DateTime_now();
    reserve(s->owner, count);
    for (size_t from = 0; from < count;) {
        struct chain chains[CHAINS_MAX];
        size_t chain_count = 0;
        from = sort(s, values, from, count, chains, &chain_count);
        for (size_t i = 0; i < chain_count; i++)
            e->on_values(chains[i].writer, s, values, s->owner->next, chains[i].first, now);
        for (size_t i = 0; i < chain_count; i++)
            e->on_notified(chains[i].writer);
    }
    return true;
}

/* Events are of items that watch some, whatever a server says. */
static struct source_item *event_item_at(struct source *s, uint32_t index)
{
    struct source_item *item = source_item_at(s, index);
    return item && item->late_filter ? item : NULL;
}

/* Events are told in their order: nobody goes ahead of one that waits. */
static bool are_ready(struct source *s, const UA_EventFieldList *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct source_item *item = event_item_at(s, events[i].clientHandle);
        if (item && !s->owner->events->is_event_ready(item, &events[i])) {
            s->waits_for = item;
            return false;
        }
    }
    s->waits_for = NULL;
    return true;
}

static bool on_events(void *arg, const UA_EventFieldList *events, size_t count)
{
    struct source *s = arg;
    if (!has_room(s) || !are_events_taken(s, events, count) || !are_ready(s, events, count) ||
        !source_types_of_events_are_known(s, events, count))
        return false;
    UA_DateTime now = UA_DateTime_now();
    for (size_t i = 0; i < count; i++) {
        struct source_item *item = event_item_at(s, events[i].clientHandle);
        if (!item)
            continue;
        s->owner->events->on_event(item->writer, item, &events[i], now);
        s->owner->events->on_notified(item->writer);
    }
    return true;
}

/* Calls fn for each writer that has items here, once. */
static void each_writer(struct source *s, void (*fn)(struct writer *w, void *arg), void *arg)
{
    struct writer *last = NULL;
    for (uint32_t i = 0; i < s->item_cap; i++) {
        if (!s->items[i] || s->items[i]->writer == last)
            continue;
        last = s->items[i]->writer;
        bool told = false;
        for (uint32_t j = 0; j < i && !told; j++)
            told = s->items[j] && s->items[j]->writer == last;
        if (!told)
            fn(last, arg);
    }
}

static void tell_keep_alive(struct writer *w, void *arg)
{
    struct source *s = arg;
    s->owner->events->on_keep_alive(w, UA_DateTime_now());
}

static void on_keep_alive(void *arg)
{
    struct source *s = arg;
    if (has_room(s))
        each_writer(s, tell_keep_alive, s);
}

static void on_gap(void *arg, uint32_t first, uint32_t count)
{
    (void)first;
    struct source *s = arg;
    s->gaps += count;
    s->unknown_gaps += count == 0;
    for (uint32_t i = 0; i < s->item_cap; i++)
        if (s->items[i])
            s->owner->events->on_gap(s->items[i], count == 0);
}

/* ---- what the server is told of an item ---- */

static void keep_parameters(struct source_item *place, const struct opcua_item *item)
{
    place->sampling_ms = item->sampling_ms < INT32_MAX ? (int32_t)item->sampling_ms : INT32_MAX;
    place->queue_size = (item->queue_size < SOURCE_QUEUE_SIZE_MAX ? item->queue_size : SOURCE_QUEUE_SIZE_MAX) &
                        SOURCE_QUEUE_SIZE_MAX;
    place->attribute = item->attribute & 31; /* UA_ATTRIBUTEID_…: up to 27 */
    place->late_filter = item->late_filter;
    place->discard_new = item->discard_new;
    place->registered = item->registered;
    place->linked = item->linked;
}

static void what(void *arg, uint32_t index, struct opcua_item *out)
{
    struct source *s = arg;
    const struct source_item *place = source_item_at(s, index);
    *out = (struct opcua_item){.sampling_ms = place->sampling_ms,
                               .queue_size = place->queue_size,
                               .attribute = place->attribute,
                               .late_filter = place->late_filter,
                               .discard_new = place->discard_new,
                               .registered = place->registered,
                               .linked = place->linked};
    s->owner->events->describe(place, out);
}

static void on_item(void *arg, uint32_t index, UA_StatusCode status)
{
    struct source *s = arg;
    struct source_item *item = source_item_at(s, index);
    if (item == NULL || item->status == status)
        return;
    item->status = status;
    s->owner->events->on_item(item);
}

static UA_StatusCode filter(void *arg, uint32_t index, const UA_ExtensionObject **out)
{
    struct source *s = arg;
    struct source_item *item = source_item_at(s, index);
    return item ? s->owner->events->filter(item, out) : UA_STATUSCODE_BADINTERNALERROR;
}

static void on_filter(void *arg, uint32_t index, UA_StatusCode status,
                      const UA_ExtensionObject *result)
{
    struct source *s = arg;
    struct source_item *item = source_item_at(s, index);
    if (item)
        s->owner->events->on_filter(item, status, result);
}

struct state_of_source {
    struct source *source;
    bool alive;
};

static void tell_state(struct writer *w, void *arg)
{
    struct state_of_source *state = arg;
    state->source->owner->events->on_state(w, state->source, state->alive);
}

static void on_state(void *arg, bool alive)
{
    struct state_of_source state = {arg, alive};
    state.source->alive = alive;
    each_writer(arg, tell_state, &state);
}

/* What is read by us can come as long as there is a session. */
static void on_ready(void *arg, bool same)
{
    (void)same;
    on_state(arg, true);
}

static void on_lost(void *arg, UA_StatusCode why)
{
    (void)why;
    on_state(arg, false);
}

static const struct opcua_subscription_events subscription_events = {
    .item = what,
    .on_data = on_data,
    .on_events = on_events,
    .on_gap = on_gap,
    .on_item = on_item,
    .filter = filter,
    .on_filter = on_filter,
    .on_keep_alive = on_keep_alive,
    .on_state = on_state,
};

static const struct opcua_sampler_events sampler_events = {.on_data = on_data, .on_item = on_item};

/* ---- sharing ---- */

static struct opcua_subscription *subscribe(struct source *s, const struct source_spec *spec)
{
    return opcua_subscription_new(&(struct opcua_subscription_config){
        .session = s->session,
        .publishing_ms = (double)spec->publishing_ms,
        .keep_alive_count = spec->keep_alive_count,
        .lifetime_count = s->owner->lifetime_count,
        .priority = spec->priority,
        .no_transfer = spec->no_transfer,
        .events = &subscription_events,
        .arg = s,
    });
}

static struct opcua_sampler *sample(struct source *s, const struct source_wish *wish)
{
    s->news =
        (struct opcua_session_listener){.on_ready = on_ready, .on_lost = on_lost, .arg = s};
    opcua_session_listen(s->session, &s->news);
    s->alive = opcua_session_state(s->session) == OPCUA_SESSION_READY;
    return opcua_sampler_new(
        &(struct opcua_sampler_config){.session = s->session,
                                       .rate_ms = (uint32_t)wish->item.sampling_ms,
                                       .max_age_ms = wish->max_age_ms,
                                       .events = &sampler_events,
                                       .arg = s});
}

static struct source *source_new(struct sources *owner, const struct source_spec *spec,
                                 const struct source_wish *wish, struct slice key)
{
    struct source *s = MEMORY_NEW(struct source);
    s->owner = owner;
    buffer_put(&s->key, key);
    s->session = opcua_session_get(owner->thread, &spec->connection);
    if (wish->cyclic)
        s->sampler = sample(s, wish);
    else
        s->subscription = subscribe(s, spec);
    list_push(&owner->list, &s->link);
    return s;
}

static void source_free(struct source *s)
{
    source_types_leave(s);
    opcua_session_unlisten(&s->news);
    list_remove(&s->link);
    loop_timer_stop(&s->retry);
    opcua_subscription_free(&s->subscription);
    opcua_sampler_free(&s->sampler);
    opcua_session_unref(&s->session);
    buffer_clear(&s->key);
    free(s->items);
    free(s);
}

/* Those that the server is to delete take theirs until it has. */
static bool has_place(const struct source *s)
{
    return !s->subscription || opcua_subscription_room(s->subscription) > 0;
}

/* Newest first: the older ones are full. */
static struct source *find(struct sources *owner, struct slice key)
{
    for (struct link *l = owner->list.head.prev; l != &owner->list.head; l = l->prev) {
        struct source *s = LIST_OF(l, struct source, link);
        if (s->item_count < owner->items_max && has_place(s) && slice_eq(buffer_slice(&s->key), key))
            return s;
    }
    return NULL;
}

static void remember(struct source *s, struct source_item *place)
{
    if (place->index >= s->item_cap) {
        uint32_t cap = place->index + place->index / 8 + 16;
        s->items = memory_resize(s->items, cap * sizeof(struct source_item *));
        memset(s->items + s->item_cap, 0, (cap - s->item_cap) * sizeof(struct source_item *));
        s->item_cap = cap;
    }
    s->items[place->index] = place;
    s->item_count++;
}

/* A link is within one subscription, beyond the items that it should have, but not beyond those that it can. */
static bool can_be_linked(const struct source_wish *wish)
{
    const struct source *s = wish->trigger ? wish->trigger->source : NULL;
    return s && s->subscription && !wish->cyclic && has_place(s);
}

static struct source *source_for(struct sources *owner, const struct source_spec *spec,
                                 const struct source_wish *wish)
{
    if (can_be_linked(wish))
        return wish->trigger->source;
    struct buffer key = {0};
    source_key_put(spec, wish->cyclic ? &wish->item : NULL, wish->max_age_ms, &key);
    struct source *s = find(owner, buffer_slice(&key));
    if (!s)
        s = source_new(owner, spec, wish, buffer_slice(&key));
    buffer_clear(&key);
    return s;
}

void source_add(struct sources *owner, const struct source_spec *spec, struct source_item *place,
                const struct source_wish *wish)
{
    struct source *s = source_for(owner, spec, wish);
    struct opcua_item item = wish->item;
    item.linked = wish->trigger && wish->trigger->source == s;
    place->source = s;
    place->status = UA_STATUSCODE_GOODCALLAGAIN;
    keep_parameters(place, &item);
    enum status added = OK;
    if (s->sampler)
        place->index = opcua_sampler_add(s->sampler, &item);
    else
        added = opcua_subscription_add(s->subscription, 1, &place->index);
    assert(added == OK); /* it has a place */
    (void)added;
    if (item.linked)
        opcua_subscription_link(s->subscription, wish->trigger->index, place->index);
    remember(s, place);
}

struct opcua_session *sources_session(struct sources *s, const struct source_spec *spec)
{
    return opcua_session_get(s->thread, &spec->connection);
}

void source_modify(struct source_item *place, const struct opcua_item *item)
{
    keep_parameters(place, item);
    opcua_subscription_modify(place->source->subscription, place->index);
}

static void on_retry(void *arg)
{
    struct source *s = arg;
    opcua_subscription_resume(s->subscription);
}

static void retry_events(struct source *s)
{
    s->waits_for = NULL;
    loop_timer_start(sources_loop(s->owner), &s->retry, 0, on_retry, s);
}

void source_retry(struct source_item *place)
{
    if (place->source->waits_for == place)
        retry_events(place->source);
    if (place->source->subscription)
        opcua_subscription_retry(place->source->subscription, place->index);
}

void source_remove(struct source_item *place)
{
    struct source *s = place->source;
    if (s->waits_for == place)
        retry_events(s);
    s->items[place->index] = NULL;
    if (s->sampler)
        opcua_sampler_remove(s->sampler, place->index);
    else
        opcua_subscription_remove(s->subscription, place->index);
    place->source = NULL;
    if (--s->item_count == 0)
        source_free(s);
}

void source_reset(struct source *s)
{
    if (s->subscription)
        opcua_subscription_reset(s->subscription);
}

bool source_has_room(const struct source_item *place)
{
    return outbox_has_room_ua(place->source->owner->outbox);
}

bool source_ids(const struct source_item *place, uint32_t *subscription, uint32_t *item)
{
    return place->source->subscription && opcua_subscription_ids(place->source->subscription, place->index, subscription, item);
}

struct list *sources_event_types(struct sources *s)
{
    return &s->event_types;
}

struct backfill_counts *sources_backfill_counts(struct sources *s)
{
    return &s->backfill_counts;
}

struct list *sources_backfills(struct sources *s)
{
    return &s->backfills;
}

struct loop *sources_loop(const struct sources *s)
{
    return opcua_thread_loop(s->thread);
}

bool source_is_alive(const struct source *s)
{
    return s->alive;
}

bool source_is_cyclic(const struct source *s)
{
    return s->sampler != NULL;
}

struct opcua_session *source_session(const struct source *s)
{
    return s->session;
}

struct sources *sources_new(const struct sources_config *config)
{
    struct sources *s = MEMORY_NEW(struct sources);
    s->thread = config->thread;
    s->outbox = config->outbox;
    s->events = config->events;
    s->items_max = config->items_max ? config->items_max : SOURCE_ITEMS_MAX;
    s->lifetime_count = config->lifetime_count;
    list_init(&s->list);
    list_init(&s->event_types);
    list_init(&s->backfills);
    return s;
}

void sources_free(struct sources **sources)
{
    struct sources *s = *sources;
    if (!s)
        return;
    loop_timer_stop(&s->released);
    free(s->next);
    free(s);
    *sources = NULL;
}

void sources_resume(struct sources *sources)
{
    LIST_EACH(l, &sources->list)
    {
        struct source *s = LIST_OF(l, struct source, link);
        if (s->refused && s->subscription)
            opcua_subscription_resume(s->subscription);
    }
}

UA_DateTime source_published(const struct source *s)
{
    return s->subscription ? opcua_subscription_published(s->subscription) : UA_DateTime_now();
}

void sources_hold(struct sources *s)
{
    s->held++;
}

static void on_released(void *arg)
{
    sources_resume(arg);
}

void sources_release(struct sources *s)
{
    s->held--;
    loop_timer_start(sources_loop(s), &s->released, 0, on_released, s);
}

static void count_subscription(const struct source *s, struct source_counts *c)
{
    struct opcua_subscription_counts of = opcua_subscription_counts(s->subscription);
    c->subscriptions++;
    c->items += of.items;
    c->live += of.live;
    c->failed += of.failed;
    c->gaps += of.gaps;
    c->notifications += of.notifications;
    c->republished += of.republished;
    c->transferred += of.transferred;
    c->modified += of.modified;
    c->unknown_gaps += s->unknown_gaps;
}

static void count_sampler(const struct source *s, struct source_counts *c)
{
    struct opcua_sampler_counts of = opcua_sampler_counts(s->sampler);
    c->samplers++;
    c->items += of.items;
    c->live += of.live;
    c->failed += of.failed;
    c->cyclic_reads += of.values;
    c->missed_cycles += of.missed;
}

struct source_counts sources_counts(const struct sources *sources)
{
    struct source_counts c = {.backfill = sources->backfill_counts};
    LIST_EACH(l, &sources->list)
    {
        const struct source *s = LIST_OF(l, struct source, link);
        if (s->sampler)
            count_sampler(s, &c);
        else
            count_subscription(s, &c);
    }
    return c;
}
