#include "twin/types.h"

#include "opcua/browse.h"
#include "opcua/data_type.h"
#include "opcua/types.h"

#define WANTED_MAX 32 /* TypeIds of one body that are looked up */
#define DEPTH_MAX 16  /* of a body that is looked through */

static struct opcua_types *types_of(struct twin_request *r)
{
    if (r->types == NULL) {
        r->types = opcua_types_ref(opcua_session_types(r->session));
        r->names.types = r->types;
    }
    return r->types;
}

static void load(struct twin_request *r, const UA_NodeId *id, bool encoding, opcua_types_fn *fn,
                 void *arg)
{
    opcua_types_load(r->types, r->session,
                     &(struct opcua_types_question){.id = id,
                                                    .encoding = encoding,
                                                    .timeout_ms = twin_request_left_ms(r),
                                                    .fn = fn,
                                                    .arg = arg});
}

/* ---- values ---- */

struct decoding {
    struct twin_request *request;
    struct twin_variants v;
    twin_types_fn *fn;
    void *arg;
    UA_NodeId asked; /* the last one that was asked for */
};

static UA_Variant *variant_at(const struct twin_variants *v, size_t i)
{
    return (UA_Variant *)(void *)((uint8_t *)v->first + i * v->stride);
}

static bool has_structures(const struct twin_variants *v)
{
    for (size_t i = 0; i < v->count; i++) {
        const UA_DataType *type = variant_at(v, i)->type;
        if (type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT] || type == &UA_TYPES[UA_TYPES_VARIANT])
            return true;
    }
    return false;
}

static void look(struct decoding *d);

static void on_loaded(void *arg, const UA_DataType *type)
{
    (void)type;
    look(arg);
}

/* One type after the other, until nothing is left to ask for, or the server does not answer. */
static void look(struct decoding *d)
{
    struct twin_request *r = d->request;
    UA_NodeId wanted = UA_NODEID_NULL;
    for (size_t i = 0; i < d->v.count && UA_NodeId_isNull(&wanted); i++)
        opcua_types_wanted(r->types, variant_at(&d->v, i), &wanted);
    if (!UA_NodeId_isNull(&wanted) && !UA_NodeId_equal(&wanted, &d->asked)) {
        twin_request_own_id(r, &wanted);
        d->asked = wanted;
        load(r, &d->asked, true, on_loaded, d);
        return;
    }
    twin_request_own_id(r, &wanted);
    for (size_t i = 0; i < d->v.count; i++)
        opcua_types_decode(r->types, variant_at(&d->v, i));
    d->fn(d->arg);
}

void twin_types_decode(struct twin_request *r, struct twin_variants v, twin_types_fn *fn, void *arg)
{
    if (!has_structures(&v)) {
        fn(arg);
        return;
    }
    struct decoding *d = ARENA_TAKE(&r->arena, struct decoding);
    *d = (struct decoding){.request = r, .v = v, .fn = fn, .arg = arg};
    types_of(r);
    look(d);
}

/* ---- bodies ---- */

struct learning {
    struct twin_request *request;
    UA_NodeId wanted[WANTED_MAX];
    size_t count, at;
    twin_types_fn *fn;
    void *arg;
};

static void collect(struct learning *l, const struct json *v, int depth)
{
    const struct json *named = json_get_nocase(v, "TypeId");
    struct slice text = json_string(named ? named : json_get_nocase(v, "UaTypeId"));
    UA_NodeId *id = &l->wanted[l->count];
    bool inside = json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY);
    if (text.len && l->count < WANTED_MAX &&
        opcua_node_id_parse(text, &l->request->names, id, NULL) == OK) {
        twin_request_own_id(l->request, id);
        l->count += id->namespaceIndex != 0;
    }
    struct json_walk walk = json_walk(inside ? v : NULL);
    while (depth < DEPTH_MAX && json_next(&walk))
        collect(l, walk.value, depth + 1);
}

static void learn_next(struct learning *l);

static void on_learnt(void *arg, const UA_DataType *type)
{
    (void)type;
    learn_next(arg);
}

static void learn_next(struct learning *l)
{
    struct twin_request *r = l->request;
    if (l->at == l->count) {
        l->fn(l->arg);
        return;
    }
    const UA_NodeId *id = &l->wanted[l->at++];
    types_of(r);
    load(r, id, true, on_learnt, l);
}

void twin_types_of_json(struct twin_request *r, const struct json *v, twin_types_fn *fn, void *arg)
{
    struct learning *l = ARENA_TAKE(&r->arena, struct learning);
    l->request = r;
    l->fn = fn;
    l->arg = arg;
    collect(l, v, 0);
    learn_next(l);
}

/* ---- data types ---- */

struct finding {
    struct twin_request *request;
    const UA_NodeId *data_type;
    twin_type_fn *fn;
    void *arg;
};

static void on_described(void *arg, const UA_DataType *type)
{
    struct finding *f = arg;
    f->fn(f->arg, UA_STATUSCODE_GOOD, type ? type : &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]);
}

static void on_wire(void *arg, UA_StatusCode status, const UA_DataType *type)
{
    struct finding *f = arg;
    struct twin_request *r = f->request;
    if (status != UA_STATUSCODE_GOOD || type != &UA_TYPES[UA_TYPES_EXTENSIONOBJECT])
        f->fn(f->arg, status, type);
    else
        load(r, f->data_type, false, on_described, f);
}

void twin_types_find(struct twin_request *r, const UA_NodeId *data_type, twin_type_fn *fn,
                     void *arg)
{
    const UA_DataType *known = opcua_data_type_wire(data_type);
    if (known == NULL)
        known = opcua_types_find(types_of(r), data_type);
    if (known) {
        fn(arg, UA_STATUSCODE_GOOD, known);
        return;
    }
    struct finding *f = ARENA_TAKE(&r->arena, struct finding);
    *f = (struct finding){r, data_type, fn, arg};
    opcua_browse_data_type(r->session, data_type, on_wire, f, twin_request_left_ms(r));
}
