#include "writers/conditions.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"

struct condition {
    struct buffer key; /* its id */
    UA_EventFieldList event;
    size_t bytes;
    uint32_t generation; /* of the refresh that told it last */
};

struct conditions {
    struct map all;
    uint64_t snapshot_ms, update_ms, sent_ms;
    size_t bytes;
    uint32_t generation;
    bool dirty;
    bool begun;       /* a refresh is told; nothing is sent meanwhile */
    uint64_t ends_ms; /* of a refresh, when nobody says so; 0: none */
    bool full;
};

struct conditions *conditions_new(uint64_t snapshot_ms, uint64_t update_ms)
{
    struct conditions *c = MEMORY_NEW(struct conditions);
    c->snapshot_ms = snapshot_ms;
    c->update_ms = update_ms ? update_ms : snapshot_ms;
    return c;
}

static void drop(struct conditions *c, struct condition *one)
{
    map_remove(&c->all, buffer_slice(&one->key));
    c->bytes -= one->bytes;
    c->dirty = true;
    UA_EventFieldList_clear(&one->event);
    buffer_clear(&one->key);
    free(one);
}

/* One that `which` wants gone; NULL: no more. */
static struct condition *any(const struct conditions *c, bool older_only)
{
    size_t at = 0;
    struct map_entry *e;
    while ((e = map_next(&c->all, &at))) {
        struct condition *one = e->value;
        if (!older_only || one->generation != c->generation)
            return one;
    }
    return NULL;
}

void conditions_free(struct conditions **conditions)
{
    struct conditions *c = *conditions;
    if (!c)
        return;
    struct condition *one;
    while ((one = any(c, false)))
        drop(c, one);
    map_clear(&c->all);
    free(c);
    *conditions = NULL;
}

/* ---- events ---- */

/* Said once, until a new one has room. */
static void note_full(struct conditions *c)
{
    if (!c->full)
        log_warn("publisher more retained conditions than are kept count=%zu bytes=%zu",
                 c->all.count, c->bytes);
    c->full = true;
}

static bool has_room(struct conditions *c, size_t bytes)
{
    bool room = c->all.count < CONDITIONS_MAX && c->bytes + bytes <= CONDITIONS_BYTES_MAX;
    if (room)
        c->full = false;
    else
        note_full(c);
    return room;
}

/* In the place of one that has so many: it says nothing of whether a new one has. */
static bool has_room_for_more(struct conditions *c, size_t bytes, size_t before)
{
    bool room = c->bytes - before + bytes <= CONDITIONS_BYTES_MAX;
    if (!room)
        note_full(c);
    return room;
}

static void put(struct conditions *c, struct slice key, const UA_EventFieldList *event)
{
    struct condition *one = map_get(&c->all, key);
    size_t bytes = UA_calcSizeBinary(event, &UA_TYPES[UA_TYPES_EVENTFIELDLIST]);
    if (one && !has_room_for_more(c, bytes, one->bytes)) {
        drop(c, one); /* better none than one that is not true any more */
        return;
    }
    if (one) {
        c->bytes -= one->bytes;
        UA_EventFieldList_clear(&one->event);
    } else if (has_room(c, bytes)) {
        one = MEMORY_NEW(struct condition);
        buffer_put(&one->key, key);
        map_put(&c->all, buffer_slice(&one->key), one);
    } else {
        return;
    }
    UA_EventFieldList_copy(event, &one->event);
    one->bytes = bytes;
    one->generation = c->generation;
    c->bytes += bytes;
    c->dirty = true;
}

bool conditions_take(struct conditions *c, const UA_EventFieldList *event,
                     const struct event_filter *f)
{
    const UA_Variant *id = &event->eventFields[f->condition_id];
    const UA_Variant *retain = &event->eventFields[f->retain];
    if (!UA_Variant_hasScalarType(id, &UA_TYPES[UA_TYPES_NODEID]) || UA_NodeId_isNull(id->data) ||
        !UA_Variant_hasScalarType(retain, &UA_TYPES[UA_TYPES_BOOLEAN]))
        return false;
    struct buffer key = {0};
    opcua_node_id_print(id->data, NULL, OPCUA_ID_INDEX, &key);
    struct condition *known;
    if (*(UA_Boolean *)retain->data)
        put(c, buffer_slice(&key), event);
    else if ((known = map_get(&c->all, buffer_slice(&key))))
        drop(c, known);
    buffer_clear(&key);
    return true;
}

/* ---- refresh ---- */

void conditions_refresh_asked(struct conditions *c)
{
    c->generation++;
    c->ends_ms = 0;
}

void conditions_refresh_begins(struct conditions *c, uint64_t now_ms)
{
    c->generation++;
    c->begun = true;
    c->ends_ms = now_ms + CONDITIONS_REFRESH_MS_MAX;
}

void conditions_refresh_ends(struct conditions *c)
{
    struct condition *one;
    while ((one = any(c, true)))
        drop(c, one);
    c->begun = false;
    c->ends_ms = 0;
}

/* Some servers filter the start and the end away, though they must not (Part 9, 4.5). */
void conditions_refresh_answered(struct conditions *c, uint64_t now_ms)
{
    if (!c->begun)
        c->ends_ms = now_ms + CONDITIONS_QUIET_MS;
}

/* ---- sending ---- */

bool conditions_due(struct conditions *c, uint64_t now_ms)
{
    if (c->ends_ms && now_ms >= c->ends_ms)
        conditions_refresh_ends(c);
    if (c->begun)
        return false;
    uint64_t since = now_ms - c->sent_ms;
    if (since < c->snapshot_ms && !(c->dirty && since >= c->update_ms))
        return false;
    c->sent_ms = now_ms;
    c->dirty = false;
    return true;
}

size_t conditions_count(const struct conditions *c)
{
    return c->all.count;
}

bool conditions_next(const struct conditions *c, size_t *at, UA_EventFieldList *out)
{
    struct map_entry *e = map_next(&c->all, at);
    if (e)
        *out = ((struct condition *)e->value)->event;
    return e != NULL;
}
