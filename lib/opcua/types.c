#include "opcua/types.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/types_priv.h"

/* ---- one ---- */

size_t opcua_own_id_bytes(const UA_NodeId *id)
{
    bool text = id->identifierType == UA_NODEIDTYPE_STRING ||
                id->identifierType == UA_NODEIDTYPE_BYTESTRING;
    return text ? id->identifier.string.length : 0;
}

bool opcua_own_id_fits(const UA_NodeId *id)
{
    return opcua_own_id_bytes(id) <= OPCUA_TYPES_ID_BYTES_MAX;
}

struct opcua_own_type *opcua_own_type_new(struct opcua_types *t, const UA_NodeId *id)
{
    if (t->count >= OPCUA_TYPES_MAX || !opcua_own_id_fits(id))
        return NULL;
    struct opcua_own_type *o = MEMORY_NEW(struct opcua_own_type);
    UA_NodeId_copy(id, &o->id);
    t->count++;
    return o;
}

bool opcua_own_type_grow(struct opcua_types *t, struct opcua_own_type *o, size_t bytes)
{
    if (bytes > OPCUA_TYPES_BYTES_MAX - t->bytes)
        return false;
    t->bytes += bytes;
    o->bytes += bytes;
    return true;
}

void opcua_own_type_free(struct opcua_types *t, struct opcua_own_type *o)
{
    t->count--;
    t->bytes -= o->bytes;
    list_remove(&o->link);
    for (size_t i = 0; i < o->field_count; i++) {
        free(o->names[i]);
        UA_NodeId_clear(&o->field_types[i]);
    }
    free(o->names);
    free(o->fields);
    free(o->matrices);
    free(o->field_types);
    free(o->type.members);
    free(o->name);
    UA_NodeId_clear(&o->id);
    UA_NodeId_clear(&o->encoding);
    free(o);
}

struct opcua_own_type *opcua_own_type_find(const struct list *types, const UA_NodeId *id)
{
    LIST_EACH(l, types)
    {
        struct opcua_own_type *o = LIST_OF(l, struct opcua_own_type, link);
        if (UA_NodeId_equal(&o->id, id) ||
            (!UA_NodeId_isNull(&o->encoding) && UA_NodeId_equal(&o->encoding, id)))
            return o;
    }
    return NULL;
}

const UA_DataType *opcua_types_find(const struct opcua_types *t, const UA_NodeId *id)
{
    struct opcua_own_type *o = t ? opcua_own_type_find(&t->types, id) : NULL;
    return o && o->type.memSize ? &o->type : NULL;
}

/* ---- what was refused for now ---- */

static uint64_t now_ms(const struct opcua_types *t)
{
    return loop_now_ms(t->loop);
}

static struct opcua_types_refusal *find_refusal(const struct opcua_types *t, const UA_NodeId *id)
{
    for (size_t i = 0; i < t->refused_count; i++)
        if (UA_NodeId_equal(&t->refused[i].id, id))
            return (struct opcua_types_refusal *)&t->refused[i];
    return NULL;
}

/* The place of one whose time has come. */
static struct opcua_types_refusal *find_due(struct opcua_types *t)
{
    for (size_t i = 0; i < t->refused_count; i++)
        if (t->refused[i].again_ms <= now_ms(t))
            return &t->refused[i];
    return NULL;
}

bool opcua_types_was_refused(const struct opcua_types *t, const UA_NodeId *id)
{
    return find_refusal(t, id) != NULL;
}

bool opcua_types_may_ask(const struct opcua_types *t, const UA_NodeId *id)
{
    const struct opcua_types_refusal *r = find_refusal(t, id);
    if (t->count >= OPCUA_TYPES_MAX || !opcua_own_id_fits(id))
        return false;
    return r ? r->again_ms <= now_ms(t)
             : t->refused_count < OPCUA_TYPES_REFUSED_MAX || find_due((struct opcua_types *)t);
}

static uint64_t pause_ms(unsigned tries)
{
    uint64_t pause = (uint64_t)OPCUA_TYPES_AGAIN_MS << (tries < 16 ? tries : 16);
    return pause < OPCUA_TYPES_AGAIN_MS_MAX ? pause : OPCUA_TYPES_AGAIN_MS_MAX;
}

static void set_again(struct opcua_types *t, const UA_NodeId *id, uint64_t ms)
{
    struct opcua_types_refusal *r = find_refusal(t, id);
    if (r)
        r->again_ms = ms;
}

void opcua_types_asks(struct opcua_types *t, const UA_NodeId *id)
{
    set_again(t, id, UINT64_MAX);
}

void opcua_types_asked_in_vain(struct opcua_types *t, const UA_NodeId *id)
{
    set_again(t, id, now_ms(t));
}

void opcua_types_refused(struct opcua_types *t, const UA_NodeId *id)
{
    struct opcua_types_refusal *r = find_refusal(t, id);
    if (r == NULL) {
        r = t->refused_count < OPCUA_TYPES_REFUSED_MAX ? &t->refused[t->refused_count++]
                                                       : find_due(t);
        if (r == NULL)
            return; /* several were asked for at once */
        UA_NodeId_clear(&r->id);
        *r = (struct opcua_types_refusal){0};
        UA_NodeId_copy(id, &r->id);
    }
    r->again_ms = now_ms(t) + pause_ms(r->tries++);
}

void opcua_types_took(struct opcua_types *t, const UA_NodeId *id)
{
    struct opcua_types_refusal *r = find_refusal(t, id);
    if (r == NULL)
        return;
    UA_NodeId_clear(&r->id);
    *r = t->refused[--t->refused_count];
}

static void forget_refusals(struct opcua_types *t)
{
    while (t->refused_count > 0)
        UA_NodeId_clear(&t->refused[--t->refused_count].id);
    t->dictionaries_refused = (struct opcua_types_refusal){0};
}

bool opcua_types_may_ask_dictionaries(const struct opcua_types *t)
{
    return t->dictionaries_refused.again_ms <= now_ms(t);
}

void opcua_types_refused_dictionaries(struct opcua_types *t)
{
    struct opcua_types_refusal *r = &t->dictionaries_refused;
    r->again_ms = now_ms(t) + pause_ms(r->tries++);
}

/* ---- those of a server ---- */

static void put_spaces(const struct opcua_namespaces *names, struct buffer *out)
{
    for (size_t i = 0; i < names->count; i++) {
        buffer_put(out, opcua_slice(names->uris[i]));
        buffer_u8(out, 0);
    }
}

static void types_free(struct opcua_types *t)
{
    list_remove(&t->link);
    for (struct link *l; (l = list_first(&t->types));)
        opcua_own_type_free(t, LIST_OF(l, struct opcua_own_type, link));
    forget_refusals(t);
    opcua_dictionaries_free(&t->dictionaries);
    buffer_clear(&t->spaces);
    free(t->url);
    free(t);
}

static bool is_of(const struct opcua_types *t, struct slice url, struct slice spaces, UA_DateTime started)
{
    return slice_eq(slice_of(t->url), url) && slice_eq(buffer_slice(&t->spaces), spaces) && t->started == started;
}

bool opcua_types_are_of(const struct opcua_types *t, const struct opcua_session *s)
{
    struct buffer spaces = {0};
    put_spaces(opcua_session_namespaces(s), &spaces);
    bool are = is_of(t, opcua_session_url(s), buffer_slice(&spaces), opcua_session_server_started(s));
    buffer_clear(&spaces);
    return are;
}

/* Too many servers: the one of which nobody needs anything for the longest time. */
static void make_room(struct list *all)
{
    size_t count = 0;
    struct opcua_types *oldest = NULL;
    LIST_EACH(l, all)
    {
        struct opcua_types *t = LIST_OF(l, struct opcua_types, link);
        count++;
        if (t->refs == 0 && oldest == NULL)
            oldest = t;
    }
    if (count > OPCUA_TYPES_CACHES_MAX && oldest)
        types_free(oldest);
}

struct opcua_types *opcua_types_get(struct list *all, struct opcua_session *s)
{
    struct slice url = opcua_session_url(s);
    UA_DateTime started = opcua_session_server_started(s);
    struct buffer spaces = {0};
    struct opcua_types *found = NULL;
    put_spaces(opcua_session_namespaces(s), &spaces);
    LIST_EACH(l, all)
    {
        struct opcua_types *t = LIST_OF(l, struct opcua_types, link);
        if (is_of(t, url, buffer_slice(&spaces), started))
            found = t;
    }
    if (found == NULL) {
        found = MEMORY_NEW(struct opcua_types);
        found->url = slice_dup(url);
        found->spaces = spaces;
        found->started = started;
        list_init(&found->types);
        list_init(&found->waiting);
        spaces = (struct buffer){0};
    }
    found->loop = opcua_thread_loop(opcua_session_thread(s));
    forget_refusals(found); /* another connection may have another answer */
    list_remove(&found->link);
    list_push(all, &found->link);
    found->refs++;
    make_room(all);
    buffer_clear(&spaces);
    return found;
}

struct opcua_types *opcua_types_ref(struct opcua_types *t)
{
    if (t)
        t->refs++;
    return t;
}

void opcua_types_unref(struct opcua_types **types)
{
    struct opcua_types *t = *types;
    *types = NULL;
    if (t && --t->refs == 0 && !list_linked(&t->link))
        types_free(t); /* the list has gone */
}

void opcua_types_forget_all(struct list *all)
{
    for (struct link *l; (l = list_first(all));) {
        struct opcua_types *t = LIST_OF(l, struct opcua_types, link);
        list_remove(l);
        if (t->refs == 0)
            types_free(t);
    }
}
