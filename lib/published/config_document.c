#include "published/config_document.h"

#include <assert.h>

#include "json/write.h"
#include "published/config_key.h"
#include "published/config_table.h"

/* ---- lists ---- */

static struct document_entry *push_entry(struct document *d)
{
    if (d->entry_count == d->entry_cap) {
        d->entry_cap = d->entry_cap ? 2 * d->entry_cap : 16;
        struct document_entry *grown = ARENA_TAKE_N(&d->arena, struct document_entry, d->entry_cap);
        if (d->entry_count)
            memcpy(grown, d->entries, d->entry_count * sizeof *grown);
        d->entries = grown;
    }
    struct document_entry *e = &d->entries[d->entry_count++];
    *e = (struct document_entry){0};
    return e;
}

static void make_room(struct document *d, struct document_entry *e, size_t more)
{
    if (e->node_count + more <= e->node_cap)
        return;
    e->node_cap = 2 * (e->node_count + more);
    struct document_node *grown = ARENA_TAKE_N(&d->arena, struct document_node, e->node_cap);
    if (e->node_count)
        memcpy(grown, e->nodes, e->node_count * sizeof *grown);
    e->nodes = grown;
}

struct slice document_identity(struct arena *a, const struct config_entry *e)
{
    struct buffer key = {0};
    config_entry_key(e, OF_GROUP, true, &key);
    buffer_u8(&key, 0xff);
    config_entry_key(e, OF_WRITER, true, &key);
    struct slice kept = arena_copy(a, buffer_slice(&key));
    buffer_clear(&key);
    return kept;
}

/* ---- reading ---- */

/* Nodes with mistakes are in the file's array and not among the entry's: both are in one order. */
static void list_nodes(struct document *d, struct document_entry *e)
{
    const struct json *array = json_get_nocase(e->json, "OpcNodes");
    size_t good = 0, index = 0;
    make_room(d, e, json_count(array) + 1);
    struct json_walk w = json_walk(json_is(array, JSON_ARRAY) ? array : NULL);
    while (json_next(&w)) {
        const struct config_node *n =
            e->entry && good < e->entry->node_count ? &e->entry->nodes[good] : NULL;
        bool same = n && n->at == w.value;
        e->nodes[e->node_count++] =
            (struct document_node){.json = w.value, .node = same ? n : NULL, .index = index++};
        good += same;
    }
    if (e->entry && index == 0 && e->entry->node_count == 1) /* 2.5's NodeId */
        document_insert(d, e, 0, &e->entry->nodes[0]);
    e->changed = false;
}

static void list_entries(struct document *d)
{
    size_t good = 0, index = 0;
    struct json_walk w = json_walk(json_root(d->config.doc));
    while (json_next(&w)) {
        struct document_entry *e = push_entry(d);
        uint64_t version;
        e->json = w.value;
        e->index = index++;
        if (good < d->config.entry_count && d->config.entries[good].at == w.value) {
            e->entry = &d->config.entries[good++];
            e->identity = document_identity(&d->arena, e->entry);
        }
        if (json_u64(json_get_nocase(w.value, "Version"), &version) && version > d->version &&
            version < UINT32_MAX)
            d->version = version;
        list_nodes(d, e);
    }
}

enum status document_read(struct slice text, const struct config_opener *opener,
                          struct document *d)
{
    *d = (struct document){.text = text};
    enum status s = config_read(text, &d->config);
    if (s == OK && opener)
        opener->open(opener->arg, &d->config);
    if (s == OK)
        list_entries(d);
    return s;
}

void document_clear(struct document *d)
{
    config_clear(&d->config);
    arena_clear(&d->arena);
    *d = (struct document){0};
}

/* ---- changing ---- */

struct document_entry *document_add(struct document *d, const struct config_entry *entry)
{
    struct document_entry *e = push_entry(d);
    e->json = entry->at;
    e->entry = entry;
    e->fresh = true;
    e->identity = document_identity(&d->arena, entry);
    make_room(d, e, entry->node_count + 1);
    for (size_t i = 0; i < entry->node_count; i++)
        document_insert(d, e, i, &entry->nodes[i]);
    return e;
}

void document_remove(struct document *d, struct document_entry *e)
{
    size_t at = (size_t)(e - d->entries);
    memmove(e, e + 1, (d->entry_count - at - 1) * sizeof *e);
    d->entry_count--;
}

void document_remove_all(struct document *d)
{
    d->entry_count = 0;
}

struct document_entry *document_find(struct document *d, struct slice identity,
                                     const struct document_entry *after)
{
    for (size_t i = after ? (size_t)(after - d->entries) + 1 : 0; i < d->entry_count; i++)
        if (d->entries[i].entry && slice_eq(d->entries[i].identity, identity))
            return &d->entries[i];
    return NULL;
}

static void fill(struct document *d, struct document_node *at, const struct config_node *n)
{
    *at = (struct document_node){.json = n->at, .node = n, .fresh = true};
    if (!json_is(n->at, JSON_OBJECT) || json_get_nocase(n->at, "Identifier")) { /* 2.5's NodeId */
        at->json = NULL;
        document_set_text(d, at, "Id", n->id);
    }
}

struct document_node *document_open(struct document *d, struct document_entry *e, size_t at,
                                    size_t count)
{
    make_room(d, e, count);
    memmove(&e->nodes[at + count], &e->nodes[at], (e->node_count - at) * sizeof *e->nodes);
    e->node_count += count;
    e->changed = true;
    return &e->nodes[at];
}

struct document_node *document_insert(struct document *d, struct document_entry *e, size_t at,
                                      const struct config_node *n)
{
    struct document_node *place = document_open(d, e, at, 1);
    fill(d, place, n);
    return place;
}

void document_replace(struct document *d, struct document_entry *e, size_t at,
                      const struct config_node *n)
{
    fill(d, &e->nodes[at], n);
    e->changed = true;
}

void document_delete(struct document_entry *e, size_t at)
{
    memmove(&e->nodes[at], &e->nodes[at + 1], (e->node_count - at - 1) * sizeof *e->nodes);
    e->node_count--;
    e->changed = true;
}

void document_set(struct document *d, struct document_node *n, const char *name, struct slice json)
{
    n->fresh = true;
    for (size_t i = 0; i < n->member_count; i++) {
        if (strcmp(n->members[i].name, name) == 0) {
            n->members[i].json = json;
            return;
        }
    }
    if (!n->members)
        n->members = ARENA_TAKE_N(&d->arena, struct document_member, DOCUMENT_MEMBERS_MAX);
    assert(n->member_count < DOCUMENT_MEMBERS_MAX);
    n->members[n->member_count++] = (struct document_member){name, json};
}

void document_set_text(struct document *d, struct document_node *n, const char *name,
                       struct slice text)
{
    struct buffer json = {0};
    if (text.len)
        json_escape(&json, text);
    document_set(d, n, name, arena_copy(&d->arena, buffer_slice(&json)));
    buffer_clear(&json);
}
