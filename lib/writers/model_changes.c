#include "writers/model_changes.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "opcua/browse.h"

#define ASK_MS 30000
#define ROOM_MS 500 /* until the walk goes on after there was no room */

/* A node or a reference, as it was last seen. */
struct known {
    struct link link; /* in the list of all */
    uint64_t walk;    /* that saw it last */
    size_t key_len, len;
    bool of_node;
    uint8_t
        bytes[]; /* key: source and what makes the reference one; then the description, encoded */
};

/* A node that the walk has still to look at. */
struct step {
    struct link link;
    UA_NodeId node;
};

struct model_changes {
    struct opcua_session *session;
    struct loop *loop;
    struct opcua_session_listener listener;
    struct loop_timer timer;
    uint64_t period_ms;
    model_changes_fn *fn;
    void *arg;

    struct map map; /* of what is known, by key */
    struct list all, steps;
    size_t bytes, nodes;
    uint64_t walk;    /* the number of this walk, or of the last one */
    struct walk *out; /* the call that is out; NULL: none */
    bool whole;       /* a walk came to its end: from then on changes are told */
    bool hurry;
    bool full;
    bool no_room; /* for what was told last */
};

/* Outlives the changes: calls end when they like. */
struct walk {
    struct model_changes *owner; /* NULL: nobody is interested */
    UA_NodeId node;
};

static void take_step(struct model_changes *m);

/* ---- what is known ---- */

static void put_encoded(struct buffer *out, const void *value, const UA_DataType *type)
{
    size_t len = UA_calcSizeBinary(value, type);
    UA_ByteString room = {len, buffer_reserve(out, len)};
    if (UA_encodeBinary(value, type, &room) == UA_STATUSCODE_GOOD)
        buffer_added(out, room.length);
}

static void tell(struct model_changes *m, const struct known *k, const UA_ReferenceDescription *now,
                 const UA_ReferenceDescription *before)
{
    UA_ByteString key = {k->key_len, (UA_Byte *)(uintptr_t)k->bytes};
    UA_NodeId source; /* stands first in the key */
    if (!m->whole ||
        UA_decodeBinary(&key, &source, &UA_TYPES[UA_TYPES_NODEID], NULL) != UA_STATUSCODE_GOOD)
        return;
    m->no_room = !m->fn(m->arg, &(struct model_change){k->of_node, &source, now, before});
    UA_NodeId_clear(&source);
}

static bool decode(const struct known *k, UA_ReferenceDescription *out)
{
    UA_ByteString bytes = {k->len, (UA_Byte *)(uintptr_t)k->bytes + k->key_len};
    return UA_decodeBinary(&bytes, out, &UA_TYPES[UA_TYPES_REFERENCEDESCRIPTION], NULL) ==
           UA_STATUSCODE_GOOD;
}

static void forget(struct model_changes *m, struct known *k)
{
    map_remove(&m->map, slice_from(k->bytes, k->key_len));
    list_remove(&k->link);
    m->bytes -= sizeof *k + k->key_len + k->len;
    m->nodes -= k->of_node;
    free(k);
}

static struct known *remember(struct model_changes *m, bool of_node, struct slice key,
                              struct slice description)
{
    struct known *k = memory_new(sizeof *k + key.len + description.len);
    k->of_node = of_node;
    k->key_len = key.len;
    k->len = description.len;
    memcpy(k->bytes, key.at, key.len);
    memcpy(k->bytes + key.len, description.at, description.len);
    k->walk = m->walk;
    map_put(&m->map, slice_from(k->bytes, k->key_len), k);
    list_push(&m->all, &k->link);
    m->bytes += sizeof *k + key.len + description.len;
    m->nodes += of_node;
    return k;
}

static bool has_room(struct model_changes *m, bool of_node, size_t bytes)
{
    bool full = (of_node && m->nodes >= MODEL_CHANGES_NODES_MAX) ||
                m->bytes + bytes > MODEL_CHANGES_BYTES_MAX;
    if (full && !m->full)
        log_warn("publisher model changes: more nodes than are followed url=%.*s nodes=%zu",
                 SLICE_FMT(opcua_session_url(m->session)), m->nodes);
    m->full = m->full || full;
    return !full;
}

/* The walk sees it. True: for the first time in this walk. */
static bool see(struct model_changes *m, bool of_node, struct slice key,
                const UA_ReferenceDescription *r)
{
    struct known *k = map_get(&m->map, key);
    if (k && k->walk == m->walk)
        return false;
    struct buffer now = {0};
    put_encoded(&now, r, &UA_TYPES[UA_TYPES_REFERENCEDESCRIPTION]);
    UA_ReferenceDescription before;
    if (k && slice_eq(slice_from(k->bytes + k->key_len, k->len), buffer_slice(&now))) {
        k->walk = m->walk;
    } else if (k && decode(k, &before)) {
        forget(m, k);
        tell(m, remember(m, of_node, key, buffer_slice(&now)), r, &before);
        UA_ReferenceDescription_clear(&before);
    } else if (has_room(m, of_node, now.len + key.len)) {
        tell(m, remember(m, of_node, key, buffer_slice(&now)), r, NULL);
    } else {
        buffer_clear(&now);
        return false; /* and not looked at */
    }
    buffer_clear(&now);
    return true;
}

static void drop_unseen(struct model_changes *m)
{
    LIST_EACH(l, &m->all)
    {
        struct known *k = LIST_OF(l, struct known, link);
        UA_ReferenceDescription before;
        if (k->walk == m->walk)
            continue;
        if (decode(k, &before)) {
            tell(m, k, NULL, &before);
            UA_ReferenceDescription_clear(&before);
        }
        forget(m, k);
    }
}

/* ---- walking ---- */

static void add_step(struct model_changes *m, const UA_NodeId *node)
{
    struct step *s = MEMORY_NEW(struct step);
    UA_NodeId_copy(node, &s->node);
    list_push(&m->steps, &s->link);
}

static void drop_steps(struct model_changes *m)
{
    struct link *l;
    while ((l = list_pop(&m->steps))) {
        struct step *s = LIST_OF(l, struct step, link);
        UA_NodeId_clear(&s->node);
        free(s);
    }
}

/* The node at the other end, by itself. */
static void see_node(struct model_changes *m, const UA_ReferenceDescription *r)
{
    struct buffer key = {0};
    UA_ReferenceDescription node = *r; /* borrowed */
    node.referenceTypeId = UA_NODEID_NULL;
    put_encoded(&key, &r->nodeId.nodeId, &UA_TYPES[UA_TYPES_NODEID]);
    if (see(m, true, buffer_slice(&key), &node))
        add_step(m, &r->nodeId.nodeId);
    buffer_clear(&key);
}

static void see_reference(struct model_changes *m, const UA_NodeId *from,
                          const UA_ReferenceDescription *r)
{
    struct buffer key = {0};
    put_encoded(&key, from, &UA_TYPES[UA_TYPES_NODEID]);
    put_encoded(&key, &r->referenceTypeId, &UA_TYPES[UA_TYPES_NODEID]);
    put_encoded(&key, &r->nodeId, &UA_TYPES[UA_TYPES_EXPANDEDNODEID]);
    see(m, false, buffer_slice(&key), r);
    buffer_clear(&key);
    if (r->nodeId.serverIndex == 0 && !r->nodeId.namespaceUri.length)
        see_node(m, r);
}

static void on_walk(void *arg)
{
    struct model_changes *m = arg;
    if (m->out || opcua_session_state(m->session) != OPCUA_SESSION_READY)
        return; /* on_ready() goes on */
    const UA_NodeId root = UA_NODEID_NUMERIC(0, UA_NS0ID_ROOTFOLDER);
    m->hurry = false;
    m->walk++;
    drop_steps(m);
    add_step(m, &root);
    take_step(m);
}

static void end_walk(struct model_changes *m)
{
    drop_unseen(m);
    if (!m->whole)
        log_info("publisher model changes: followed url=%.*s nodes=%zu",
                 SLICE_FMT(opcua_session_url(m->session)), m->nodes);
    m->whole = true;
    loop_timer_start(m->loop, &m->timer, m->hurry ? MODEL_CHANGES_REST_MS : m->period_ms, on_walk,
                     m);
}

static void on_room(void *arg)
{
    take_step(arg);
}

static void on_references(void *arg, UA_StatusCode status, UA_ReferenceDescription *references,
                          size_t count)
{
    struct walk *w = arg;
    struct model_changes *m = w->owner;
    if (m)
        m->out = NULL;
    bool lost =
        m && status != UA_STATUSCODE_GOOD && opcua_session_state(m->session) != OPCUA_SESSION_READY;
    for (size_t i = 0; m && i < count; i++)
        see_reference(m, &w->node, &references[i]);
    UA_NodeId_clear(&w->node);
    free(w);
    if (lost)
        drop_steps(m); /* from the start when it is back */
    else if (m && m->no_room)
        loop_timer_start(m->loop, &m->timer, ROOM_MS, on_room, m);
    else if (m) /* a node that went meanwhile is none of the walk's business */
        take_step(m);
}

static void take_step(struct model_changes *m)
{
    m->no_room = false;
    struct link *l = list_pop(&m->steps);
    if (!l) {
        end_walk(m);
        return;
    }
    struct step *s = LIST_OF(l, struct step, link);
    m->out = MEMORY_NEW(struct walk);
    *m->out = (struct walk){m, s->node};
    free(s);
    UA_BrowseDescription what;
    UA_BrowseDescription_init(&what);
    what.nodeId = m->out->node;
    what.browseDirection = UA_BROWSEDIRECTION_FORWARD;
    what.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
    what.includeSubtypes = true;
    what.resultMask = UA_BROWSERESULTMASK_ALL;
    opcua_browse_all(m->session, &what, on_references, m->out, ASK_MS);
}

/* ---- what the header promised ---- */

static void on_ready(void *arg, bool same)
{
    (void)same;
    struct model_changes *m = arg;
    loop_timer_start(m->loop, &m->timer, 0, on_walk, m);
}

struct model_changes *model_changes_new(struct opcua_session *s, uint64_t period_ms,
                                        model_changes_fn *fn, void *arg)
{
    struct model_changes *m = MEMORY_NEW(struct model_changes);
    *m = (struct model_changes){.session = s,
                                .loop = opcua_thread_loop(opcua_session_thread(s)),
                                .period_ms = period_ms,
                                .fn = fn,
                                .arg = arg};
    list_init(&m->all);
    list_init(&m->steps);
    m->listener = (struct opcua_session_listener){.on_ready = on_ready, .arg = m};
    opcua_session_listen(s, &m->listener);
    on_ready(m, false);
    return m;
}

void model_changes_free(struct model_changes **changes)
{
    struct model_changes *m = *changes;
    if (!m)
        return;
    opcua_session_unlisten(&m->listener);
    loop_timer_stop(&m->timer);
    if (m->out)
        m->out->owner = NULL;
    drop_steps(m);
    LIST_EACH(l, &m->all)
    forget(m, LIST_OF(l, struct known, link));
    map_clear(&m->map);
    free(m);
    *changes = NULL;
}

bool model_changes_followed(const struct model_changes *m)
{
    return m->whole;
}

void model_changes_hurry(struct model_changes *m)
{
    if (m->hurry)
        return;
    m->hurry = true;
    if (!m->out && list_empty(&m->steps))
        loop_timer_start(m->loop, &m->timer, MODEL_CHANGES_REST_MS, on_walk, m);
}
