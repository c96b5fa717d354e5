#include "publisher/expand.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/memory.h"
#include "opcua/browse.h"
#include "opcua/ready.h"

enum visit_kind {
    LOOK,     /* what the named node is */
    COLLECT,  /* an object: its variables, and the objects below */
    SUBTYPES, /* of a type */
    SEARCH,   /* below it for instances of the types found */
};

/* A node that is still to be looked at. */
struct visit {
    struct visit *next;
    enum visit_kind kind;
    UA_NodeId id;
    struct slice node;     /* as it was named */
    struct slice object;   /* name of the object that variables belong to */
    struct slice prefix;   /* of their names: objects between, when flattened */
    size_t result;         /* of that object; NO_RESULT: none yet */
    uint32_t depth, level; /* of objects; of variables in their object */
    bool is_variable;
    bool flatten, silent; /* silent: it gives no result, what is below does */
};

#define NO_RESULT SIZE_MAX

struct walk {
    struct opcua_session *session;
    struct loop *loop;
    struct expand_options options;
    uint64_t ends_ms;
    expand_fn *fn;
    void *arg;
    struct expansion out;
    struct visit *first, *now;
    struct visit *place; /* new visits come behind it: what a node leads to before the next node */
    struct map seen, types; /* of node ids as text; the values are of no meaning */
    size_t nodes;
};

static void go_on(struct walk *w);

/* ---- results ---- */

static void *grow(struct walk *w, void *at, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return at;
    *cap = *cap ? 2 * *cap : 8;
    void *larger = arena_take(&w->out.arena, *cap * size);
    if (count)
        memcpy(larger, at, count * size);
    return larger;
}

static size_t add_result(struct walk *w, struct slice node, struct slice name, UA_StatusCode status)
{
    struct expansion *e = &w->out;
    e->results = grow(w, e->results, e->count, &e->cap, sizeof *e->results);
    e->results[e->count] = (struct expand_result){.node = node, .name = name, .status = status};
    return e->count++;
}

static struct slice id_text(struct walk *w, const UA_NodeId *id)
{
    struct buffer text = {0};
    opcua_node_id_print(id, opcua_session_namespaces(w->session), OPCUA_ID_EXPANDED, &text);
    struct slice copy = arena_copy(&w->out.arena, buffer_slice(&text));
    buffer_clear(&text);
    return copy;
}

static struct slice joined(struct walk *w, struct slice before, const char *by, struct slice name)
{
    if (before.len == 0)
        return arena_copy(&w->out.arena, name);
    struct buffer text = {0};
    buffer_put(&text, before);
    buffer_text(&text, by);
    buffer_put(&text, name);
    struct slice copy = arena_copy(&w->out.arena, buffer_slice(&text));
    buffer_clear(&text);
    return copy;
}

static void add_variable(struct walk *w, size_t *result, const struct visit *v, struct slice id,
                         struct slice name)
{
    if (*result == NO_RESULT)
        *result = add_result(w, v->node, v->object, UA_STATUSCODE_GOOD);
    struct expand_result *r = &w->out.results[*result];
    r->variables = grow(w, r->variables, r->count, &r->cap, sizeof *r->variables);
    r->variables[r->count++] = (struct expand_variable){id, name};
}

/* ---- the way ---- */

static void push(struct walk *w, struct visit v)
{
    struct visit *kept = ARENA_TAKE(&w->out.arena, struct visit);
    struct visit **at = w->place ? &w->place->next : &w->first;
    *kept = v;
    kept->next = *at;
    *at = kept;
    w->place = kept;
}

static bool is_new(struct walk *w, struct map *m, struct slice id)
{
    return map_put(m, id, w) == NULL;
}

static uint32_t left_ms(const struct walk *w)
{
    uint64_t now = loop_now_ms(w->loop);
    return w->ends_ms > now ? (uint32_t)(w->ends_ms - now) : 1;
}

static void clear_visits(struct walk *w)
{
    for (struct visit *v = w->now ? w->now : w->first; v; v = v->next)
        UA_NodeId_clear(&v->id);
}

static void end(struct walk *w, UA_StatusCode status)
{
    struct expansion out = w->out;
    out.status = status;
    clear_visits(w);
    map_clear(&w->seen);
    map_clear(&w->types);
    opcua_session_unref(&w->session);
    w->fn(w->arg, &out);
    free(w);
}

static void visited(struct walk *w, UA_StatusCode status)
{
    UA_NodeId_clear(&w->now->id);
    if (status == UA_STATUSCODE_BADTOOMANYOPERATIONS || loop_now_ms(w->loop) >= w->ends_ms)
        end(w, status == UA_STATUSCODE_GOOD ? UA_STATUSCODE_BADTIMEOUT : status);
    else
        go_on(w);
}

/* ---- what a node refers to ---- */

static struct slice browse_name(const UA_ReferenceDescription *d)
{
    return opcua_slice(d->browseName.name);
}

static bool is_of_types(struct walk *w, const UA_ReferenceDescription *d)
{
    return map_get(&w->types, id_text(w, &d->typeDefinition.nodeId)) != NULL;
}

static bool goes_deeper(const struct walk *w, const struct visit *from)
{
    return w->options.levels == 0 ? from->level < EXPAND_DEPTH_MAX
                                  : from->level + 1 < w->options.levels;
}

static void visit_object(struct walk *w, struct visit *from, UA_ReferenceDescription *d)
{
    struct visit v = {.kind = COLLECT,
                      .node = from->node,
                      .object = joined(w, from->object, "/", browse_name(d)),
                      .result = NO_RESULT,
                      .depth = from->depth + 1,
                      .flatten = from->flatten};
    if (from->flatten) {
        if (from->result == NO_RESULT) /* one for all of them */
            from->result = add_result(w, from->node, from->object, UA_STATUSCODE_GOOD);
        v.object = from->object;
        v.prefix = joined(w, from->prefix, ".", browse_name(d));
        v.result = from->result;
        v.level = from->level + 1;
        if (!goes_deeper(w, from))
            return;
    }
    v.id = d->nodeId.nodeId;
    d->nodeId.nodeId = UA_NODEID_NULL;
    push(w, v);
}

/* The variable, and then what it contains. */
static void take_variable(struct walk *w, struct visit *from, UA_ReferenceDescription *d)
{
    struct slice name = joined(w, from->prefix, ".", browse_name(d));
    add_variable(w, &from->result, from, id_text(w, &d->nodeId.nodeId), name);
    if (!goes_deeper(w, from))
        return;
    struct visit v = *from;
    v.is_variable = true;
    v.prefix = name;
    v.level++;
    v.id = d->nodeId.nodeId;
    d->nodeId.nodeId = UA_NODEID_NULL;
    push(w, v);
}

static void collect(struct walk *w, struct visit *from, UA_ReferenceDescription *d)
{
    if (d->nodeClass == UA_NODECLASS_VARIABLE && !from->silent)
        take_variable(w, from, d);
    else if (d->nodeClass == UA_NODECLASS_OBJECT && !from->is_variable && !w->options.no_objects &&
             (from->flatten ? from->depth < EXPAND_DEPTH_MAX : from->depth < w->options.depth))
        visit_object(w, from, d);
}

static void search(struct walk *w, struct visit *from, UA_ReferenceDescription *d)
{
    bool hit = is_of_types(w, d);
    if (hit && d->nodeClass == UA_NODECLASS_VARIABLE) {
        struct visit alone = {.node = from->node};
        add_variable(w, &from->result, &alone, id_text(w, &d->nodeId.nodeId), browse_name(d));
        return;
    }
    if (d->nodeClass != UA_NODECLASS_OBJECT || from->depth >= EXPAND_DEPTH_MAX)
        return;
    struct visit v = {.kind = hit ? COLLECT : SEARCH,
                      .node = from->node,
                      .object = joined(w, from->object, "/", browse_name(d)),
                      .result = NO_RESULT,
                      .depth = hit ? 0 : from->depth + 1,
                      .flatten = hit && w->options.flatten};
    v.id = d->nodeId.nodeId;
    d->nodeId.nodeId = UA_NODEID_NULL;
    push(w, v);
}

static void add_subtype(struct walk *w, const struct visit *from, UA_ReferenceDescription *d)
{
    struct visit v = {.kind = SUBTYPES, .node = from->node, .depth = from->depth + 1};
    if (from->depth >= EXPAND_DEPTH_MAX || !is_new(w, &w->types, id_text(w, &d->nodeId.nodeId)))
        return;
    v.id = d->nodeId.nodeId;
    d->nodeId.nodeId = UA_NODEID_NULL;
    push(w, v);
}

static void on_references(void *arg, UA_StatusCode status, UA_ReferenceDescription *references,
                          size_t count)
{
    struct walk *w = arg;
    struct visit *from = w->now;
    if (status != UA_STATUSCODE_GOOD)
        add_result(w, from->node, from->object, status);
    for (size_t i = 0; i < count && status == UA_STATUSCODE_GOOD; i++) {
        UA_ReferenceDescription *d = &references[i];
        if (d->nodeId.serverIndex != 0 || d->nodeId.namespaceUri.length)
            continue; /* on another server */
        if (from->kind == SUBTYPES)
            add_subtype(w, from, d);
        else if (!is_new(w, &w->seen, id_text(w, &d->nodeId.nodeId)))
            continue; /* by another way */
        else if (++w->nodes > EXPAND_NODES_MAX)
            status = UA_STATUSCODE_BADTOOMANYOPERATIONS;
        else if (from->kind == COLLECT)
            collect(w, from, d);
        else
            search(w, from, d);
    }
    visited(w, status);
}

static void browse(struct walk *w, uint32_t reference_type, uint32_t classes)
{
    UA_BrowseDescription what = {.nodeId = w->now->id,
                                 .browseDirection = UA_BROWSEDIRECTION_FORWARD,
                                 .referenceTypeId = UA_NODEID_NUMERIC(0, reference_type),
                                 .includeSubtypes = true,
                                 .nodeClassMask = classes,
                                 .resultMask = UA_BROWSERESULTMASK_ALL};
    opcua_browse_all(w->session, &what, on_references, w, left_ms(w));
}

/* ---- what a named node is ---- */

static void look_for_instances(struct walk *w, const struct visit *from)
{
    map_clear(&w->types);
    is_new(w, &w->types, id_text(w, &from->id));
    if (!w->options.no_subtypes) {
        struct visit types = {.kind = SUBTYPES, .node = from->node};
        UA_NodeId_copy(&from->id, &types.id);
        push(w, types);
    }
    push(w, (struct visit){.kind = SEARCH,
                           .node = from->node,
                           .result = NO_RESULT,
                           .id = UA_NODEID_NUMERIC(0, UA_NS0ID_OBJECTSFOLDER)});
}

static void take_named_variable(struct walk *w, const struct visit *from, struct slice name)
{
    size_t result = NO_RESULT;
    struct visit v = {
        .kind = COLLECT, .node = from->node, .is_variable = true, .prefix = name, .level = 1};
    if (!w->options.exclude_root)
        add_variable(w, &result, &v, from->node, name);
    if (w->options.levels == 0 && !w->options.exclude_root)
        return;
    v.result = result;
    v.level = 0;
    UA_NodeId_copy(&from->id, &v.id);
    push(w, v);
}

static void take_named_object(struct walk *w, const struct visit *from, struct slice name)
{
    bool alone = w->options.depth == 0 && !w->options.exclude_root;
    struct visit v = {.kind = COLLECT,
                      .node = from->node,
                      .object = name,
                      .result = NO_RESULT,
                      .flatten = alone || w->options.flatten,
                      .silent = w->options.exclude_root};
    UA_NodeId_copy(&from->id, &v.id);
    push(w, v);
}

static void take_node(struct walk *w, const struct visit *from, UA_NodeClass class,
                      struct slice name)
{
    name = arena_copy(&w->out.arena, name);
    switch (class) {
    case UA_NODECLASS_VARIABLE:
        take_named_variable(w, from, name);
        break;
    case UA_NODECLASS_OBJECT:
        take_named_object(w, from, name);
        break;
    case UA_NODECLASS_OBJECTTYPE:
    case UA_NODECLASS_VARIABLETYPE:
        look_for_instances(w, from);
        break;
    default:
        add_result(w, from->node, (struct slice){0}, UA_STATUSCODE_BADNODECLASSINVALID);
    }
}

static void on_read(void *arg, UA_StatusCode status, void *response)
{
    struct walk *w = arg;
    UA_ReadResponse *r = response;
    if (status == UA_STATUSCODE_GOOD &&
        (r->resultsSize != 2 || !r->results[0].hasValue ||
         !UA_Variant_hasScalarType(&r->results[0].value, &UA_TYPES[UA_TYPES_INT32])))
        status = r->resultsSize == 2 && r->results[0].status ? r->results[0].status
                                                             : UA_STATUSCODE_BADNODEIDUNKNOWN;
    if (status != UA_STATUSCODE_GOOD) {
        add_result(w, w->now->node, (struct slice){0}, status);
        visited(w, UA_STATUSCODE_GOOD);
        return;
    }
    const UA_Variant *name = &r->results[1].value;
    bool named = UA_Variant_hasScalarType(name, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]);
    take_node(w, w->now, (UA_NodeClass) * (const int32_t *)r->results[0].value.data,
              named ? opcua_slice(((const UA_QualifiedName *)name->data)->name) : w->now->node);
    visited(w, UA_STATUSCODE_GOOD);
}

static void read_node(struct walk *w)
{
    UA_ReadValueId what[2] = {{.attributeId = UA_ATTRIBUTEID_NODECLASS},
                              {.attributeId = UA_ATTRIBUTEID_BROWSENAME}};
    UA_ReadRequest request = {.nodesToRead = what,
                              .nodesToReadSize = 2,
                              .timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER};
    what[0].nodeId = what[1].nodeId = w->now->id;
    OPCUA_CALL(w->session, OPCUA_CALL_NOW, READ, &request, on_read, w, left_ms(w));
}

/* A name needs the server's namespaces, which are known now. */
static void look(struct walk *w)
{
    map_clear(&w->seen);
    enum status s =
        opcua_node_id_parse(w->now->node, opcua_session_namespaces(w->session), &w->now->id, NULL);
    if (s == OK) {
        read_node(w);
        return;
    }
    add_result(w, w->now->node, (struct slice){0},
               s == NOT_FOUND ? UA_STATUSCODE_BADNODEIDUNKNOWN : UA_STATUSCODE_BADNODEIDINVALID);
    visited(w, UA_STATUSCODE_GOOD);
}

static void go_on(struct walk *w)
{
    w->now = w->place = w->now ? w->now->next : w->first;
    if (w->now == NULL) {
        end(w, UA_STATUSCODE_GOOD);
        return;
    }
    switch (w->now->kind) {
    case LOOK:
        look(w);
        break;
    case SUBTYPES:
        browse(w, UA_NS0ID_HASSUBTYPE, 0);
        break;
    default:
        browse(w, UA_NS0ID_HIERARCHICALREFERENCES, UA_NODECLASS_OBJECT | UA_NODECLASS_VARIABLE);
    }
}

/* ---- the session ---- */

static void on_ready(void *arg, UA_StatusCode status)
{
    if (status == UA_STATUSCODE_GOOD)
        go_on(arg);
    else
        end(arg, status);
}

void expand_begin(struct opcua_thread *t, const struct plan_writer *what,
                  const struct expand_options *options, expand_fn *fn, void *arg)
{
    struct walk *w = MEMORY_NEW(struct walk);
    w->session = opcua_session_get(t, &what->connection);
    w->loop = opcua_thread_loop(t);
    w->options = *options;
    if (options->exclude_root && options->depth == 0)
        w->options.depth = 1; /* what is left out was the only one */
    w->ends_ms = loop_now_ms(w->loop) + options->timeout_ms;
    w->fn = fn;
    w->arg = arg;
    for (size_t i = 0; i < what->item_count; i++)
        push(w, (struct visit){.kind = LOOK,
                               .node = arena_copy(&w->out.arena, what->items[i].node),
                               .result = NO_RESULT});
    opcua_ready(w->session, on_ready, w, left_ms(w));
}

void expansion_clear(struct expansion *e)
{
    arena_clear(&e->arena);
    *e = (struct expansion){0};
}
