#include "twin/walk_queue.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/reader.h"

#define MET_MIN 256

/* ---- a node as bytes, for this process alone ---- */

static void put(struct buffer *out, const void *bytes, size_t len)
{
    buffer_put(out, slice_from(bytes, len));
}

static void put_text(struct buffer *out, const UA_String *text)
{
    uint32_t len = (uint32_t)text->length;
    put(out, &len, sizeof(len));
    put(out, text->data, len);
}

static bool has_text(const UA_NodeId *id)
{
    return id->identifierType == UA_NODEIDTYPE_STRING ||
           id->identifierType == UA_NODEIDTYPE_BYTESTRING;
}

static void put_id(struct buffer *out, const UA_NodeId *id)
{
    uint8_t type = (uint8_t)id->identifierType;
    put(out, &type, sizeof(type));
    put(out, &id->namespaceIndex, sizeof(id->namespaceIndex));
    if (has_text(id))
        put_text(out, &id->identifier.string);
    else if (id->identifierType == UA_NODEIDTYPE_GUID)
        put(out, &id->identifier.guid, sizeof(id->identifier.guid));
    else
        put(out, &id->identifier.numeric, sizeof(id->identifier.numeric));
}

static void take(struct reader *r, void *out, size_t len)
{
    memcpy(out, reader_bytes(r, len).at, len);
}

static UA_String take_text(struct reader *r, struct arena *a)
{
    uint32_t len;
    take(r, &len, sizeof(len));
    struct slice copy = arena_copy(a, reader_bytes(r, len));
    return (UA_String){.length = copy.len, .data = (UA_Byte *)(uintptr_t)copy.at};
}

static UA_NodeId take_id(struct reader *r, struct arena *a)
{
    UA_NodeId id;
    uint8_t type;
    UA_NodeId_init(&id);
    take(r, &type, sizeof(type));
    id.identifierType = type;
    take(r, &id.namespaceIndex, sizeof(id.namespaceIndex));
    if (has_text(&id))
        id.identifier.string = take_text(r, a);
    else if (id.identifierType == UA_NODEIDTYPE_GUID)
        take(r, &id.identifier.guid, sizeof(id.identifier.guid));
    else
        take(r, &id.identifier.numeric, sizeof(id.identifier.numeric));
    return id;
}

/* ---- what was met ---- */

/* Where it stands, or would. Zero marks a free place. */
static size_t place_of(const struct twin_walk_queue *q, uint64_t hash)
{
    size_t i = (hash ^ hash >> 32) & (q->met_cap - 1);
    while (q->met[i] && q->met[i] != hash)
        i = (i + 1) & (q->met_cap - 1);
    return i;
}

static void grow(struct twin_walk_queue *q)
{
    struct twin_walk_queue larger = {.met_cap = q->met_cap ? 2 * q->met_cap : MET_MIN};
    larger.met = memory_new(larger.met_cap * sizeof(*larger.met));
    for (size_t i = 0; i < q->met_cap; i++)
        if (q->met[i])
            larger.met[place_of(&larger, q->met[i])] = q->met[i];
    free(q->met);
    q->met = larger.met;
    q->met_cap = larger.met_cap;
}

static uint64_t hash_of(struct slice id)
{
    uint64_t hash = slice_hash(id);
    return hash ? hash : 1;
}

static bool is_met(const struct twin_walk_queue *q, uint64_t hash)
{
    return q->met_cap && q->met[place_of(q, hash)];
}

bool twin_walk_queue_met(const struct twin_walk_queue *q, const UA_NodeId *id)
{
    struct buffer bytes = {0};
    put_id(&bytes, id);
    bool met = is_met(q, hash_of(buffer_slice(&bytes)));
    buffer_clear(&bytes);
    return met;
}

/* ---- the queue ---- */

/* What was taken is given back when it is more than half: each byte moves once, all in all. */
static void shrink(struct twin_walk_queue *q)
{
    if (q->count == 0) {
        buffer_clear(&q->bytes);
        q->taken = 0;
    } else if (q->taken > q->bytes.len / 2) {
        buffer_drop(&q->bytes, q->taken);
        q->taken = 0;
    }
}

void twin_walk_queue_put(struct twin_walk_queue *q, const struct twin_walk_node *n)
{
    size_t before = q->bytes.len;
    if (2 * (q->met_count + 1) > q->met_cap)
        grow(q);
    put_id(&q->bytes, &n->id);
    uint64_t hash = hash_of(slice_skip(buffer_slice(&q->bytes), before));
    if (is_met(q, hash)) {
        q->bytes.len = before;
        return;
    }
    q->met[place_of(q, hash)] = hash;
    q->met_count++;
    q->count++;
    put_id(&q->bytes, &n->type_definition);
    put(&q->bytes, &n->node_class, sizeof(n->node_class));
    put(&q->bytes, &n->browse_name.namespaceIndex, sizeof(n->browse_name.namespaceIndex));
    put_text(&q->bytes, &n->browse_name.name);
    put_text(&q->bytes, &n->display_name);
}

void twin_walk_queue_take(struct twin_walk_queue *q, struct arena *a, struct twin_walk_node *out)
{
    assert(q->count > 0);
    struct reader r = reader_of(slice_skip(buffer_slice(&q->bytes), q->taken));
    size_t before = r.rest.len;
    out->id = take_id(&r, a);
    out->type_definition = take_id(&r, a);
    take(&r, &out->node_class, sizeof(out->node_class));
    take(&r, &out->browse_name.namespaceIndex, sizeof(out->browse_name.namespaceIndex));
    out->browse_name.name = take_text(&r, a);
    out->display_name = take_text(&r, a);
    assert(reader_ok(&r));
    q->taken += before - r.rest.len;
    q->count--;
    shrink(q);
}

void twin_walk_queue_clear(struct twin_walk_queue *q)
{
    buffer_clear(&q->bytes);
    free(q->met);
    *q = (struct twin_walk_queue){0};
}
