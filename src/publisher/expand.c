#include "publisher/expand_priv.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/ready.h"

#define REFERENCES_PER_TURN 2000 /* before others on this thread have theirs */

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

/* ---- what is still to be visited ---- */

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

uint32_t expand_left_ms(const struct walk *w)
{
    uint64_t now = loop_now_ms(w->loop);
    return w->ends_ms > now ? (uint32_t)(w->ends_ms - now) : 1;
}

static void clear_visits(struct walk *w)
{
    for (struct visit *v = w->first; v; v = v->next) {
        UA_NodeId_clear(&v->id);
        opcua_browsed_clear(&v->found);
    }
}

void expand_end(struct walk *w, UA_StatusCode status)
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
    v.asked = false;
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

/* Good, or why the whole ends. */
static UA_StatusCode take_reference(struct walk *w, struct visit *from, UA_ReferenceDescription *d)
{
    if (d->nodeId.serverIndex != 0 || d->nodeId.namespaceUri.length)
        return UA_STATUSCODE_GOOD; /* on another server */
    if (from->kind == SUBTYPES)
        add_subtype(w, from, d);
    else if (!is_new(w, &w->seen, id_text(w, &d->nodeId.nodeId)))
        return UA_STATUSCODE_GOOD; /* by another way */
    else if (++w->nodes > EXPAND_NODES_MAX)
        return UA_STATUSCODE_BADTOOMANYOPERATIONS;
    else if (from->kind == COLLECT)
        collect(w, from, d);
    else
        search(w, from, d);
    return UA_STATUSCODE_GOOD;
}

static UA_StatusCode take_references(struct walk *w, struct visit *from)
{
    struct opcua_browsed found = from->found;
    UA_StatusCode status = UA_STATUSCODE_GOOD;
    from->found = (struct opcua_browsed){0};
    if (found.status != UA_STATUSCODE_GOOD)
        add_result(w, from->node, from->object, found.status);
    for (size_t i = 0; i < found.count && status == UA_STATUSCODE_GOOD; i++)
        status = take_reference(w, from, &found.references[i]);
    opcua_browsed_clear(&found);
    return status;
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

/* What is below it, which it may have been asked for already. */
static void push_named(struct walk *w, struct visit *from, struct visit v)
{
    UA_NodeId_copy(&from->id, &v.id);
    v.asked = from->asked;
    v.found = from->found;
    from->found = (struct opcua_browsed){0};
    push(w, v);
}

bool expand_goes_below(const struct walk *w)
{
    return w->options.levels > 0 || w->options.exclude_root;
}

static void take_named_variable(struct walk *w, struct visit *from, struct slice name)
{
    size_t result = NO_RESULT;
    struct visit v = {
        .kind = COLLECT, .node = from->node, .is_variable = true, .prefix = name, .level = 1};
    if (!w->options.exclude_root)
        add_variable(w, &result, &v, from->node, name);
    if (!expand_goes_below(w))
        return;
    v.result = result;
    v.level = 0;
    push_named(w, from, v);
}

static void take_named_object(struct walk *w, struct visit *from, struct slice name)
{
    bool alone = w->options.depth == 0 && !w->options.exclude_root;
    struct visit v = {.kind = COLLECT,
                      .node = from->node,
                      .object = name,
                      .result = NO_RESULT,
                      .flatten = alone || w->options.flatten,
                      .silent = w->options.exclude_root};
    push_named(w, from, v);
}

/* It begins anew: what was found for another one is found again for this one. */
static void take_named(struct walk *w, struct visit *from)
{
    map_clear(&w->seen);
    if (from->status != UA_STATUSCODE_GOOD) {
        add_result(w, from->node, (struct slice){0}, from->status);
        return;
    }
    switch (from->class) {
    case UA_NODECLASS_VARIABLE:
        take_named_variable(w, from, from->name);
        break;
    case UA_NODECLASS_OBJECT:
        take_named_object(w, from, from->name);
        break;
    case UA_NODECLASS_OBJECTTYPE:
    case UA_NODECLASS_VARIABLETYPE:
        look_for_instances(w, from);
        break;
    default:
        add_result(w, from->node, (struct slice){0}, UA_STATUSCODE_BADNODECLASSINVALID);
    }
}

/* ---- the way ---- */

static void on_turn(void *arg, UA_StatusCode status, void *response)
{
    (void)response;
    if (status == UA_STATUSCODE_GOOD)
        expand_go_on(arg);
    else
        expand_end(arg, status);
}

void expand_go_on(struct walk *w)
{
    size_t references = 0;
    while (w->now && expand_is_told(w)) {
        struct visit *v = w->now;
        UA_StatusCode status = UA_STATUSCODE_GOOD;
        w->place = v;
        references += v->found.count;
        if (v->kind == LOOK)
            take_named(w, v);
        else
            status = take_references(w, v);
        UA_NodeId_clear(&v->id);
        w->now = v->next;
        if (status != UA_STATUSCODE_GOOD) {
            expand_end(w, status);
            return;
        }
        if (references > REFERENCES_PER_TURN && w->now) {
            opcua_session_wait(w->session, 0, on_turn, w);
            return;
        }
    }
    if (w->now == NULL)
        expand_end(w, UA_STATUSCODE_GOOD);
}

/* ---- the session ---- */

static void on_ready(void *arg, UA_StatusCode status)
{
    struct walk *w = arg;
    w->now = w->first;
    if (status == UA_STATUSCODE_GOOD)
        expand_go_on(w);
    else
        expand_end(w, status);
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
    opcua_ready(w->session, on_ready, w, expand_left_ms(w));
}

void expansion_clear(struct expansion *e)
{
    arena_clear(&e->arena);
    *e = (struct expansion){0};
}
