/* What is asked of a server to expand an entry: many nodes in one call. */
#include "publisher/expand_priv.h"

#include "opcua/ready.h"
#include "opcua/refusal.h"

#define WHY_MS 20 /* after a call that was lost: until it is known why */
#define LOOKED_AT_ONCE 250 /* nodes whose class and name are read in one call */

/* ---- what named nodes are ---- */

static void set_node(struct walk *w, struct visit *v, const UA_DataValue *class,
                     const UA_DataValue *name)
{
    bool named = UA_Variant_hasScalarType(&name->value, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]);
    if (!class->hasValue || !UA_Variant_hasScalarType(&class->value, &UA_TYPES[UA_TYPES_INT32])) {
        v->status = class->status ? class->status : UA_STATUSCODE_BADNODEIDUNKNOWN;
        return;
    }
    v->class = (UA_NodeClass) * (const int32_t *)class->value.data;
    v->name = named ? arena_copy(&w->out.arena,
                                 opcua_slice(((const UA_QualifiedName *)name->value.data)->name))
                    : v->node;
}

/* The nodes of the call are asked about once more. */
static void look_again(struct walk *w)
{
    for (size_t i = 0; w->reads && i < w->asked_count; i++) {
        UA_NodeId_clear(&w->asked[i]->id);
        w->asked[i]->looked = false;
    }
}

static void ask_for_half(struct walk *w)
{
    look_again(w);
    *(w->reads ? &w->most_read : &w->most) = w->asked_count / 2; /* and never more again */
}

static void on_connected(void *arg, UA_StatusCode status)
{
    if (status == UA_STATUSCODE_GOOD)
        expand_go_on(arg);
    else
        expand_end(arg, status);
}

static void on_known_why(void *arg, UA_StatusCode status, void *response)
{
    struct walk *w = arg;
    (void)response;
    if (status != UA_STATUSCODE_GOOD ||
        !opcua_refusal_is_too_much(opcua_session_error(w->session, NULL))) {
        expand_end(w, w->lost_why);
        return;
    }
    ask_for_half(w);
    opcua_ready(w->session, on_connected, w, expand_left_ms(w));
}

/* The call is not for the others because of one of them, or it was too slow with all: which one it was
 * is found in halves, and what comes after that is read in larger pieces again. */
static bool is_of_one(UA_StatusCode status)
{
    return UA_StatusCode_isBad(status) && status != UA_STATUSCODE_BADSERVICEUNSUPPORTED &&
           status != UA_STATUSCODE_BADNOTIMPLEMENTED;
}

static void grow_again(struct walk *w)
{
    w->fewer *= 2;
    if (w->fewer >= LOOKED_AT_ONCE)
        w->fewer = 0;
}

/* Refused as a whole: so is each of them, unless there is no connection any more. Some servers close it on what is more
 * than they bear, which the session knows a moment later. */
static bool was_lost(struct walk *w, UA_StatusCode status)
{
    bool lost = opcua_call_was_lost(status), late = loop_now_ms(w->loop) >= w->ends_ms;
    w->lost_why = status;
    if (lost && !late && w->asked_count > 1)
        opcua_session_wait(w->session, WHY_MS, on_known_why, w);
    else if (lost || late)
        expand_end(w, lost ? status : UA_STATUSCODE_BADTIMEOUT);
    return lost || late;
}

static void on_read(void *arg, UA_StatusCode status, void *response)
{
    struct walk *w = arg;
    const UA_ReadResponse *r = response;
    if (was_lost(w, status))
        return;
    if (opcua_refusal_is_too_much(status) && w->asked_count > 1) {
        ask_for_half(w);
        expand_go_on(w);
        return;
    }
    if (is_of_one(status) && w->asked_count > 1) {
        look_again(w);
        w->fewer = w->asked_count / 2;
        expand_go_on(w);
        return;
    }
    if (!UA_StatusCode_isBad(status))
        grow_again(w);
    for (size_t i = 0; i < w->asked_count; i++) {
        if (r && r->resultsSize == 2 * w->asked_count)
            set_node(w, w->asked[i], &r->results[2 * i], &r->results[2 * i + 1]);
        else
            w->asked[i]->status = status ? status : UA_STATUSCODE_BADUNEXPECTEDERROR;
    }
    expand_go_on(w);
}

/* A name needs the server's namespaces, which are known now. False: it cannot be one of the
 * server's. */
static bool parse(struct walk *w, struct visit *v)
{
    enum status s =
        opcua_node_id_parse(v->node, opcua_session_namespaces(w->session), &v->id, NULL);
    if (s != OK)
        v->status =
            s == NOT_FOUND ? UA_STATUSCODE_BADNODEIDUNKNOWN : UA_STATUSCODE_BADNODEIDINVALID;
    v->looked = true;
    return s == OK;
}

/* What the named nodes are, of as many as are one call. False: all is known. */
static bool read_nodes(struct walk *w)
{
    UA_ReadValueId what[2 * LOOKED_AT_ONCE];
    uint32_t limit = opcua_session_limits(w->session)->nodes_per_read;
    size_t most = limit && limit / 2 < LOOKED_AT_ONCE ? limit / 2 + (limit == 1) : LOOKED_AT_ONCE;
    most = w->most_read && w->most_read < most ? w->most_read : most;
    most = w->fewer && w->fewer < most ? w->fewer : most;
    w->asked_count = 0;
    w->reads = true;
    for (struct visit *v = w->now; v && w->asked_count < most; v = v->next)
        if (v->kind == LOOK && !v->looked && parse(w, v)) {
            size_t at = 2 * w->asked_count;
            w->asked[w->asked_count++] = v;
            what[at] = (UA_ReadValueId){.nodeId = v->id, .attributeId = UA_ATTRIBUTEID_NODECLASS};
            what[at + 1] =
                (UA_ReadValueId){.nodeId = v->id, .attributeId = UA_ATTRIBUTEID_BROWSENAME};
        }
    UA_ReadRequest request = {.nodesToRead = what,
                              .nodesToReadSize = 2 * w->asked_count,
                              .timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER};
    bool first = w->asked_count > 1 && !w->read_many;
    w->read_many = w->read_many || first;
    if (w->asked_count > 0)
        OPCUA_CALL(w->session, OPCUA_CALL_NOW, READ, &request, on_read, w,
                   first ? expand_left_ms(w) / 2 + 1 : expand_left_ms(w)); /* so that there is time for fewer */
    return w->asked_count > 0;
}

/* ---- what nodes refer to ---- */

static void on_browsed(void *arg, UA_StatusCode status, struct opcua_browsed *nodes, size_t count)
{
    struct walk *w = arg;
    if (was_lost(w, status))
        return;
    if (status == UA_STATUSCODE_BADRESPONSETOOLARGE && count == 1) {
        expand_end(w, UA_STATUSCODE_BADTOOMANYOPERATIONS);
        return;
    }
    if (status == UA_STATUSCODE_BADRESPONSETOOLARGE) { /* many of them may be the same */
        ask_for_half(w);
        expand_go_on(w);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        w->asked[i]->asked = true;
        w->asked[i]->found = nodes[i];
        nodes[i] = (struct opcua_browsed){0};
        if (status != UA_STATUSCODE_GOOD)
            w->asked[i]->found.status = status;
    }
    expand_go_on(w);
}

/* An object or variable that is named is browsed together with what others lead to. */
static bool is_to_browse(const struct walk *w, const struct visit *v)
{
    if (v->asked || v->kind != LOOK)
        return !v->asked;
    return v->looked && v->status == UA_STATUSCODE_GOOD &&
           (v->class == UA_NODECLASS_OBJECT ||
            (v->class == UA_NODECLASS_VARIABLE && expand_goes_below(w)));
}

static UA_BrowseDescription description_of(const struct visit *v)
{
    bool types = v->kind == SUBTYPES;
    uint32_t reference = types ? UA_NS0ID_HASSUBTYPE : UA_NS0ID_HIERARCHICALREFERENCES;
    return (UA_BrowseDescription){.nodeId = v->id,
                                  .browseDirection = UA_BROWSEDIRECTION_FORWARD,
                                  .referenceTypeId = UA_NODEID_NUMERIC(0, reference),
                                  .includeSubtypes = true,
                                  .nodeClassMask =
                                      types ? 0 : UA_NODECLASS_OBJECT | UA_NODECLASS_VARIABLE,
                                  .resultMask = UA_BROWSERESULTMASK_ALL};
}

/* What was found for nodes that come later. */
static size_t references_waiting(const struct walk *w)
{
    size_t count = 0;
    for (const struct visit *v = w->now; v; v = v->next)
        count += v->found.count;
    return count;
}

/* The next node, and with it those that are known to come later. */
static void browse(struct walk *w)
{
    UA_BrowseDescription what[OPCUA_BROWSE_MANY_MAX];
    size_t most = opcua_browse_many_most(w->session);
    most = w->most && w->most < most ? w->most : most;
    if (references_waiting(w) > EXPAND_NODES_MAX / 2)
        most = 1; /* they are looked at first */
    w->asked_count = 0;
    w->reads = false;
    for (struct visit *v = w->now; v && w->asked_count < most; v = v->next)
        if (is_to_browse(w, v)) {
            w->asked[w->asked_count] = v;
            what[w->asked_count++] = description_of(v);
        }
    opcua_browse_many(w->session, what, w->asked_count, EXPAND_NODES_MAX, on_browsed, w,
                      expand_left_ms(w));
}

bool expand_is_told(struct walk *w)
{
    struct visit *v = w->now;
    if (v->kind == LOOK && !v->looked && read_nodes(w))
        return false;
    if (!is_to_browse(w, v))
        return true;
    browse(w);
    return false;
}
