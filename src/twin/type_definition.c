#include "twin/type_definition.h"

#include "opcua/browse.h"
#include "twin/read.h"

#define VALUES 4 /* of a member */

static void look_for_members(struct twin_type_definition *t);

/* ---- what the members are ---- */

static void on_values(void *arg, UA_StatusCode status, UA_DataValue *values)
{
    struct twin_type_definition *t = arg;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(t->request, status, NULL);
        return;
    }
    for (size_t i = 0; i < t->member_count; i++)
        t->members[i]->values = &values[i * VALUES];
    t->done(t->arg);
}

static void read_values(struct twin_type_definition *t)
{
    static const uint32_t attributes[VALUES] = {UA_ATTRIBUTEID_DESCRIPTION, UA_ATTRIBUTEID_DATATYPE,
                                                UA_ATTRIBUTEID_VALUERANK,
                                                UA_ATTRIBUTEID_ARRAYDIMENSIONS};
    UA_ReadValueId *ids =
        ARENA_TAKE_N(&t->request->arena, UA_ReadValueId, t->member_count * VALUES + 1);
    for (size_t i = 0; i < t->member_count * VALUES; i++)
        ids[i] = (UA_ReadValueId){.nodeId = t->members[i / VALUES]->id,
                                  .attributeId = attributes[i % VALUES]};
    twin_read(t->request, ids, t->member_count * VALUES, on_values, t);
}

/* ---- members ---- */

static const char *path_of(struct twin_type_definition *t, const struct twin_type_member *above,
                           const UA_QualifiedName *name)
{
    return arena_printf(&t->request->arena, "%s/%u:%.*s", above ? above->path : "",
                        name->namespaceIndex, SLICE_FMT(opcua_slice(name->name)));
}

/* A type's member of the same path is the one that holds (Part 3, 6.3.3.3). */
static void override(struct twin_type_definition *t, struct twin_type_member *m)
{
    for (size_t i = 0; i + 1 < t->at; i++) /* those before it: its own place is t->at - 1 */
        if (!t->members[i]->overridden && strcmp(t->members[i]->path, m->path) == 0) {
            t->members[i]->overridden = true;
            m->overrides = t->members[i];
        }
}

static bool add_member(struct twin_type_definition *t, const struct twin_type_member *above,
                       size_t type, UA_ReferenceDescription *d)
{
    struct arena *a = &t->request->arena;
    if (t->member_count == TWIN_TYPE_MEMBERS_MAX)
        return false;
    struct twin_type_member *m = ARENA_TAKE(a, struct twin_type_member);
    m->id = d->nodeId.nodeId;
    UA_NodeId_init(&d->nodeId.nodeId); /* moved */
    twin_request_own_id(t->request, &m->id);
    m->node_class = d->nodeClass;
    m->type = type;
    m->above = above;
    m->depth = above ? above->depth + 1 : 1;
    m->browse_name.namespaceIndex = d->browseName.namespaceIndex;
    m->browse_name.name = opcua_string_of(arena_copy(a, opcua_slice(d->browseName.name)));
    m->display_name = arena_copy(a, opcua_slice(d->displayName.text));
    m->path = path_of(t, above, &d->browseName);
    t->members[t->member_count++] = m;
    return true;
}

static bool is_below(const UA_ReferenceDescription *d)
{
    static const UA_NodeId subtype = {0, UA_NODEIDTYPE_NUMERIC, {UA_NS0ID_HASSUBTYPE}};
    return d->nodeId.serverIndex == 0 && !UA_NodeId_equal(&d->referenceTypeId, &subtype);
}

static void drop_last(struct twin_type_definition *t)
{
    t->at--;
    memmove(&t->members[t->at], &t->members[t->at + 1],
            (t->member_count - t->at - 1) * sizeof(*t->members));
    t->member_count--;
}

/* The rule of the member at hand; without one it is none, nor is what hangs on it. */
static void on_rule(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs, size_t count)
{
    struct twin_type_definition *t = arg;
    struct twin_type_member *m = t->members[t->at++];
    if (status != UA_STATUSCODE_GOOD || count == 0) {
        drop_last(t);
        look_for_members(t);
        return;
    }
    m->rule = refs->nodeId.nodeId;
    UA_NodeId_init(&refs->nodeId.nodeId); /* moved */
    twin_request_own_id(t->request, &m->rule);
    m->rule_name = arena_copy(&t->request->arena, opcua_slice(refs->displayName.text));
    override(t, m);
    look_for_members(t);
}

struct below {
    struct twin_type_definition *t;
    struct twin_type_member *above; /* NULL: the type */
    size_t type;
};

static void on_below(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs, size_t count)
{
    struct below *b = arg;
    struct twin_type_definition *t = b->t;
    bool all = true;
    if (status != UA_STATUSCODE_GOOD) {
        twin_request_fault(t->request, status, NULL);
        return;
    }
    for (size_t i = 0; i < count && all; i++)
        if (is_below(&refs[i]))
            all = add_member(t, b->above, b->type, &refs[i]);
    if (all)
        look_for_members(t);
    else
        twin_request_fail(t->request, TOO_LARGE, "The type has more than %d members.",
                          TWIN_TYPE_MEMBERS_MAX);
}

static void browse(struct twin_type_definition *t, const UA_NodeId *node, uint32_t references,
                   uint32_t classes, opcua_browse_all_fn *fn, void *arg)
{
    UA_BrowseDescription d;
    UA_BrowseDescription_init(&d);
    d.nodeId = *node;
    d.referenceTypeId = UA_NODEID_NUMERIC(0, references);
    d.includeSubtypes = true;
    d.nodeClassMask = classes;
    d.resultMask = UA_BROWSERESULTMASK_ALL;
    opcua_browse_all(t->request->session, &d, fn, arg, twin_request_left_ms(t->request));
}

static void browse_below(struct twin_type_definition *t, const UA_NodeId *node,
                         struct twin_type_member *above, size_t type)
{
    struct below *b = ARENA_TAKE(&t->request->arena, struct below);
    *b = (struct below){t, above, type};
    browse(t, node, UA_NS0ID_HIERARCHICALREFERENCES,
           UA_NODECLASS_OBJECT | UA_NODECLASS_VARIABLE | UA_NODECLASS_METHOD, on_below, b);
}

static bool loops(const struct twin_type_member *m)
{
    for (const struct twin_type_member *a = m->above; a; a = a->above)
        if (UA_NodeId_equal(&a->id, &m->id))
            return true;
    return m->depth == TWIN_TYPE_DEPTH_MAX;
}

/* Of what was found last the rules, then what is below it, then the next type's own members: from
 * the base type down to the type itself. */
static void look_for_members(struct twin_type_definition *t)
{
    if (t->at < t->member_count) {
        browse(t, &t->members[t->at]->id, UA_NS0ID_HASMODELLINGRULE, 0, on_rule, t);
        return;
    }
    while (t->below < t->member_count) {
        struct twin_type_member *m = t->members[t->below++];
        if (!loops(m)) {
            browse_below(t, &m->id, m, m->type);
            return;
        }
    }
    if (t->types_left == 0) {
        read_values(t);
        return;
    }
    t->types_left--;
    browse_below(t, &t->types.nodes[t->types_left].id, NULL, t->types_left);
}

/* ---- types above ---- */

static void climb(struct twin_type_definition *t);

static void on_types(void *arg)
{
    struct twin_type_definition *t = arg;
    t->types_left = t->types.count;
    look_for_members(t);
}

static void on_above(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs, size_t count)
{
    struct twin_type_definition *t = arg;
    if (status != UA_STATUSCODE_GOOD || count == 0 || t->types.count == TWIN_TYPE_HEIGHT_MAX) {
        t->types.done = on_types;
        t->types.arg = t;
        twin_nodes_read(&t->types);
        return;
    }
    UA_NodeId id = refs->nodeId.nodeId;
    UA_NodeId_init(&refs->nodeId.nodeId); /* moved */
    twin_request_own_id(t->request, &id);
    t->types.nodes[t->types.count++] = (struct twin_node){.id = id};
    climb(t);
}

static void climb(struct twin_type_definition *t)
{
    UA_BrowseDescription up;
    UA_BrowseDescription_init(&up);
    up.nodeId = t->types.nodes[t->types.count - 1].id;
    up.browseDirection = UA_BROWSEDIRECTION_INVERSE;
    up.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASSUBTYPE);
    up.includeSubtypes = true;
    opcua_browse_all(t->request->session, &up, on_above, t, twin_request_left_ms(t->request));
}

void twin_type_definition_read(struct twin_type_definition *t, const UA_NodeId *type)
{
    struct arena *a = &t->request->arena;
    t->types = (struct twin_nodes){
        .request = t->request,
        .nodes = ARENA_TAKE_N(a, struct twin_node, TWIN_TYPE_HEIGHT_MAX),
        .count = 1,
    };
    t->types.nodes[0] = (struct twin_node){.id = *type};
    t->members = ARENA_TAKE_N(a, struct twin_type_member *, TWIN_TYPE_MEMBERS_MAX);
    climb(t);
}
