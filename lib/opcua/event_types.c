#include "opcua/event_types.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/browse.h"

#define ASK_MS 30000

enum question { FIELDS, NAME };

enum answer {
    WAITS,  /* for the session; → ASKED */
    ASKED,  /* → KNOWN, FAILED, WAITS */
    KNOWN,  /* until the session is another one; → WAITS */
    FAILED, /* told once, then it is forgotten */
};

/* A node whose children are to be looked at. */
struct place {
    UA_NodeId node, type;
    UA_QualifiedName path[OPCUA_EVENT_TYPE_DEPTH_MAX];
    size_t depth;
};

struct entry {
    struct link link;
    struct opcua_event_types *owner; /* NULL: nobody is interested any more */
    UA_NodeId type;
    enum question question;
    enum answer answer;
    struct list waiters;
    struct slice name; /* allocated */
    struct opcua_event_type_field *fields;
    size_t field_count;
    struct place *places; /* the supertypes, then what is below them; `next` is looked at now */
    size_t place_count, place_cap, next;
    bool climbing; /* the supertypes are not all known */
    bool asking;   /* a call is out */
};

struct opcua_event_types {
    struct link link;
    struct opcua_session *session;
    struct opcua_session_listener listener;
    struct list entries;
    size_t entry_count;
    unsigned refs;
};

static void look_on(struct entry *e);

/* ---- an entry ---- */

static void clear_path(UA_QualifiedName *path, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        UA_QualifiedName_clear(&path[i]);
}

static void forget_answer(struct entry *e)
{
    for (size_t i = 0; i < e->field_count; i++) {
        UA_NodeId_clear(&e->fields[i].type);
        clear_path(e->fields[i].path, e->fields[i].depth);
    }
    for (size_t i = 0; i < e->place_count; i++) {
        UA_NodeId_clear(&e->places[i].node);
        UA_NodeId_clear(&e->places[i].type);
        clear_path(e->places[i].path, e->places[i].depth);
    }
    free(e->fields);
    free(e->places);
    free((void *)(uintptr_t)e->name.at);
    e->fields = NULL;
    e->places = NULL;
    e->name = (struct slice){0};
    e->field_count = e->place_count = e->place_cap = e->next = 0;
}

static void entry_free(struct entry *e)
{
    forget_answer(e);
    UA_NodeId_clear(&e->type);
    free(e);
}

static void drop(struct entry *e)
{
    list_remove(&e->link);
    e->owner->entry_count--;
    e->owner = NULL;
    if (!e->asking)
        entry_free(e); /* otherwise its answer does it */
}

static void tell(struct entry *e)
{
    struct list waiters;
    list_init(&waiters);
    for (struct link *l; (l = list_pop(&e->waiters));)
        list_push(&waiters, l);
    for (struct link *l; (l = list_pop(&waiters));) {
        struct opcua_event_types_waiter *w = LIST_OF(l, struct opcua_event_types_waiter, link);
        w->fn(w->arg);
    }
}

static void end(struct entry *e, enum answer answer)
{
    e->answer = answer;
    tell(e);
}

/* ---- fields: the supertypes up to the first, then down through what belongs to each ---- */

static void add_place(struct entry *e, const UA_NodeId *node, const struct place *above,
                      const UA_QualifiedName *name)
{
    if (e->place_count == e->place_cap) {
        e->place_cap = e->place_cap ? 2 * e->place_cap : 16;
        e->places = memory_resize(e->places, e->place_cap * sizeof *e->places);
    }
    struct place *p = &e->places[e->place_count++];
    *p = (struct place){.depth = above ? above->depth + 1 : 0};
    UA_NodeId_copy(node, &p->node);
    UA_NodeId_copy(above ? &above->type : node, &p->type);
    for (size_t i = 0; above && i < above->depth; i++)
        UA_QualifiedName_copy(&above->path[i], &p->path[i]);
    if (above)
        UA_QualifiedName_copy(name, &p->path[above->depth]);
}

static bool is_path(const struct opcua_event_type_field *f, const struct place *above,
                    const UA_QualifiedName *name)
{
    bool same =
        f->depth == above->depth + 1 && UA_QualifiedName_equal(&f->path[f->depth - 1], name);
    for (size_t i = 0; same && i < above->depth; i++)
        same = UA_QualifiedName_equal(&f->path[i], &above->path[i]);
    return same;
}

/* Subtypes may have a field again that a supertype has. */
static void add_field(struct entry *e, const struct place *above, const UA_QualifiedName *name)
{
    for (size_t i = 0; i < e->field_count; i++)
        if (is_path(&e->fields[i], above, name))
            return;
    if (e->field_count == OPCUA_EVENT_TYPE_FIELDS_MAX)
        return;
    if (e->field_count == 0)
        e->fields = memory_new(OPCUA_EVENT_TYPE_FIELDS_MAX * sizeof *e->fields);
    struct opcua_event_type_field *f = &e->fields[e->field_count++];
    f->depth = above->depth + 1;
    UA_NodeId_copy(&above->type, &f->type);
    for (size_t i = 0; i < above->depth; i++)
        UA_QualifiedName_copy(&above->path[i], &f->path[i]);
    UA_QualifiedName_copy(name, &f->path[above->depth]);
}

static void take_child(struct entry *e, const UA_ReferenceDescription *r)
{
    struct place above = e->places[e->next]; /* the array may move */
    bool variable = r->nodeClass == UA_NODECLASS_VARIABLE;
    if (!variable && r->nodeClass != UA_NODECLASS_OBJECT)
        return;
    if (variable)
        add_field(e, &above, &r->browseName);
    bool is_property = r->referenceTypeId.namespaceIndex == 0 &&
                       r->referenceTypeId.identifier.numeric == UA_NS0ID_HASPROPERTY;
    if (!is_property && above.depth + 1 < OPCUA_EVENT_TYPE_DEPTH_MAX &&
        e->place_count < OPCUA_EVENT_TYPE_NODES_MAX && r->nodeId.serverIndex == 0)
        add_place(e, &r->nodeId.nodeId, &above, &r->browseName);
}

static bool is_ns0(const UA_NodeId *id, uint32_t number)
{
    return id->namespaceIndex == 0 && id->identifierType == UA_NODEIDTYPE_NUMERIC &&
           id->identifier.numeric == number;
}

static void reverse_places(struct entry *e)
{
    for (size_t i = 0, j = e->place_count - 1; i < j; i++, j--) {
        struct place p = e->places[i];
        e->places[i] = e->places[j];
        e->places[j] = p;
    }
}

/* The first supertype's fields first. */
static void end_climbing(struct entry *e)
{
    UA_NodeId base = UA_NODEID_NUMERIC(0, UA_NS0ID_BASEEVENTTYPE);
    if (!is_ns0(&e->places[e->place_count - 1].node, UA_NS0ID_BASEEVENTTYPE))
        add_place(e, &base, NULL, NULL); /* a server that does not say where its type stands */
    reverse_places(e);
    e->climbing = false;
    e->next = 0;
}

static void take_supertype(struct entry *e, const UA_ReferenceDescription *references, size_t count)
{
    bool top = is_ns0(&e->places[e->place_count - 1].node, UA_NS0ID_BASEEVENTTYPE) || count == 0 ||
               is_ns0(&references[0].nodeId.nodeId, UA_NS0ID_BASEOBJECTTYPE) ||
               e->place_count == OPCUA_BROWSE_SUPERTYPES_MAX;
    if (top)
        end_climbing(e);
    else
        add_place(e, &references[0].nodeId.nodeId, NULL, NULL);
}

/* The connection broke: what was asked is asked again on the next one. */
static bool was_lost(const struct entry *e, UA_StatusCode status)
{
    return UA_StatusCode_isBad(status) &&
           (opcua_call_was_lost(status) ||
            opcua_session_state(e->owner->session) != OPCUA_SESSION_READY);
}

static void on_references(void *arg, UA_StatusCode status, UA_ReferenceDescription *references,
                          size_t count)
{
    struct entry *e = arg;
    e->asking = false;
    if (!e->owner) {
        entry_free(e);
    } else if (was_lost(e, status)) {
        e->answer = WAITS;
    } else if (status != UA_STATUSCODE_GOOD) {
        log_warn("publisher event type not known url=%.*s status=%s",
                 SLICE_FMT(opcua_session_url(e->owner->session)), opcua_status_name(status));
        end(e, FAILED);
    } else if (e->climbing) {
        take_supertype(e, references, count);
        look_on(e);
    } else {
        for (size_t i = 0; i < count; i++)
            take_child(e, &references[i]);
        e->next++;
        look_on(e);
    }
}

static void look_on(struct entry *e)
{
    if (!e->climbing && e->next == e->place_count) {
        if (e->field_count == OPCUA_EVENT_TYPE_FIELDS_MAX)
            log_warn("publisher event type has too many fields url=%.*s max=%d",
                     SLICE_FMT(opcua_session_url(e->owner->session)), OPCUA_EVENT_TYPE_FIELDS_MAX);
        end(e, KNOWN);
        return;
    }
    UA_BrowseDescription what;
    UA_BrowseDescription_init(&what);
    what.nodeId = e->climbing ? e->places[e->place_count - 1].node : e->places[e->next].node;
    what.browseDirection = e->climbing ? UA_BROWSEDIRECTION_INVERSE : UA_BROWSEDIRECTION_FORWARD;
    what.referenceTypeId =
        UA_NODEID_NUMERIC(0, e->climbing ? UA_NS0ID_HASSUBTYPE : UA_NS0ID_AGGREGATES);
    what.includeSubtypes = true;
    what.resultMask = UA_BROWSERESULTMASK_ALL;
    e->asking = true;
    opcua_browse_all(e->owner->session, &what, on_references, e, ASK_MS);
}

static void ask_fields(struct entry *e)
{
    e->climbing = true;
    add_place(e, &e->type, NULL, NULL);
    look_on(e);
}

/* ---- names ---- */

static void on_name(void *arg, UA_StatusCode status, void *response)
{
    struct entry *e = arg;
    const UA_ReadResponse *r = response;
    e->asking = false;
    if (!e->owner) {
        entry_free(e);
        return;
    }
    if (was_lost(e, status)) {
        e->answer = WAITS;
        return;
    }
    const UA_Variant *v = r && r->resultsSize == 1 ? &r->results[0].value : NULL;
    if (v && UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT])) {
        struct slice text = opcua_slice(((UA_LocalizedText *)v->data)->text);
        e->name = slice_from(slice_dup(text), text.len);
    }
    end(e, KNOWN);
}

static void ask_name(struct entry *e)
{
    UA_ReadValueId what;
    UA_ReadValueId_init(&what);
    what.nodeId = e->type;
    what.attributeId = UA_ATTRIBUTEID_DISPLAYNAME;
    UA_ReadRequest request;
    UA_ReadRequest_init(&request);
    request.timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER;
    request.nodesToRead = &what;
    request.nodesToReadSize = 1;
    e->asking = true;
    OPCUA_CALL(e->owner->session, OPCUA_CALL_NOW, READ, &request, on_name, e, ASK_MS);
}

/* ---- asking ---- */

static void ask(struct entry *e)
{
    if (opcua_session_state(e->owner->session) != OPCUA_SESSION_READY)
        return; /* on_ready() does it */
    e->answer = ASKED;
    forget_answer(e);
    if (e->question == FIELDS)
        ask_fields(e);
    else
        ask_name(e);
}

/* A server that is not the one of before may have other types. */
static void on_ready(void *arg, bool same)
{
    struct opcua_event_types *t = arg;
    LIST_EACH(l, &t->entries)
    {
        struct entry *e = LIST_OF(l, struct entry, link);
        if (e->answer == WAITS)
            ask(e);
        else if (!same && e->answer != ASKED)
            drop(e);
    }
}

static struct entry *entry_of(struct opcua_event_types *t, const UA_NodeId *type,
                              enum question question)
{
    LIST_EACH(l, &t->entries)
    {
        struct entry *e = LIST_OF(l, struct entry, link);
        if (e->question == question && UA_NodeId_equal(&e->type, type))
            return e;
    }
    if (t->entry_count == OPCUA_EVENT_TYPES_MAX)
        return NULL;
    struct entry *e = MEMORY_NEW(struct entry);
    e->owner = t;
    e->question = question;
    UA_NodeId_copy(type, &e->type);
    list_init(&e->waiters);
    list_push(&t->entries, &e->link);
    t->entry_count++;
    ask(e);
    return e;
}

static void wait(struct entry *e, struct opcua_event_types_waiter *w)
{
    list_remove(&w->link);
    list_push(&e->waiters, &w->link);
}

enum status opcua_event_types_fields(struct opcua_event_types *t, const UA_NodeId *type,
                                     struct opcua_event_types_waiter *w,
                                     struct opcua_event_type_fields *out)
{
    struct entry *e = entry_of(t, type, FIELDS);
    if (!e)
        return FULL;
    if (e->answer == FAILED) {
        drop(e);
        return NOT_FOUND;
    }
    if (e->answer != KNOWN) {
        wait(e, w);
        return AGAIN;
    }
    *out = (struct opcua_event_type_fields){e->fields, e->field_count};
    return OK;
}

enum status opcua_event_types_name(struct opcua_event_types *t, const UA_NodeId *type,
                                   struct opcua_event_types_waiter *w, struct slice *out)
{
    struct entry *e = entry_of(t, type, NAME);
    *out = (struct slice){0};
    if (e && e->answer != KNOWN) {
        wait(e, w);
        return AGAIN;
    }
    if (e)
        *out = e->name;
    return OK;
}

/* ---- sharing ---- */

struct opcua_event_types *opcua_event_types_get(struct list *all, struct opcua_session *s)
{
    LIST_EACH(l, all)
    {
        struct opcua_event_types *t = LIST_OF(l, struct opcua_event_types, link);
        if (t->session == s) {
            t->refs++;
            return t;
        }
    }
    struct opcua_event_types *t = MEMORY_NEW(struct opcua_event_types);
    t->session = s;
    t->refs = 1;
    list_init(&t->entries);
    list_push(all, &t->link);
    t->listener = (struct opcua_session_listener){.on_ready = on_ready, .arg = t};
    opcua_session_listen(s, &t->listener);
    return t;
}

void opcua_event_types_unref(struct opcua_event_types **types)
{
    struct opcua_event_types *t = *types;
    *types = NULL;
    if (!t || --t->refs > 0)
        return;
    opcua_session_unlisten(&t->listener);
    list_remove(&t->link);
    LIST_EACH(l, &t->entries)
    {
        struct entry *e = LIST_OF(l, struct entry, link);
        for (struct link *w; (w = list_pop(&e->waiters));)
            ;
        drop(e);
    }
    free(t);
}
