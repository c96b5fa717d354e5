#include "twin/walk.h"

#include <stdlib.h>

#include "base/memory.h"
#include "twin/points.h"

/* A step: what one call to the server brought, and the nodes' attributes with it. */
struct step {
    struct twin_walk_turn *turn;
    UA_BrowseResult *results;
    size_t count;
    size_t of[TWIN_WALK_BATCH];  /* which node each is about */
    bool later[TWIN_WALK_BATCH]; /* it is asked for again */
    bool last;                   /* of its turn */
};

static void on_step(struct twin_walk *s);

static void clear_points(struct twin_walk_turn *t)
{
    for (size_t i = 0; i < t->point_count; i++)
        UA_ByteString_clear(&t->points[i]);
    t->point_count = 0;
}

static void on_end(void *arg)
{
    struct twin_walk *s = arg;
    if (s->user->end)
        s->user->end(s->arg);
    for (size_t i = 0; i < 2; i++) {
        twin_points_release(s->request, s->turns[i].points, s->turns[i].point_count);
        clear_points(&s->turns[i]);
        twin_keep_clear(&s->turns[i].keep);
    }
    UA_Array_delete(s->results, s->result_count, &UA_TYPES[UA_TYPES_BROWSERESULT]);
    twin_walk_queue_clear(&s->queue);
    free(s);
}

const UA_NodeId *twin_walk_source(const struct twin_walk *s, size_t node)
{
    return &s->at_hand->of[node].id;
}

/* ---- asking ---- */

static void came(struct twin_walk *s, UA_StatusCode status)
{
    if (s->failed == UA_STATUSCODE_GOOD)
        s->failed = status;
    s->under_way--;
    if (s->under_way == 0)
        on_step(s);
}

static void take(struct twin_walk *s, UA_StatusCode status, UA_BrowseResult **results,
                 size_t *count)
{
    if (status == UA_STATUSCODE_GOOD && *count != s->turn->sent_count)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status == UA_STATUSCODE_GOOD) {
        s->results = *results;
        s->result_count = *count;
        *results = NULL; /* moved */
        *count = 0;
    }
    came(s, status);
}

static void on_browsed(void *arg, UA_StatusCode status, void *response)
{
    UA_BrowseResponse *answer = response, none = {0};
    answer = answer ? answer : &none;
    take(arg, status, &answer->results, &answer->resultsSize);
}

static void on_more(void *arg, UA_StatusCode status, void *response)
{
    struct twin_walk *s = arg;
    UA_BrowseNextResponse *answer = response, none = {0};
    answer = answer ? answer : &none;
    clear_points(s->turn);
    take(s, status, &answer->results, &answer->resultsSize);
}

static void ask_for_more(struct twin_walk *s)
{
    struct twin_walk_turn *t = s->turn;
    UA_BrowseNextRequest request;
    UA_BrowseNextRequest_init(&request);
    request.continuationPoints = t->points;
    request.continuationPointsSize = t->sent_count = t->point_count;
    t->going_on = true;
    memcpy(t->sent, t->point_of, sizeof(t->sent));
    s->under_way++;
    TWIN_CALL(s->request, BROWSENEXT, &request, on_more, s);
}

static uint32_t references_max(const struct twin_walk_turn *t)
{
    size_t each = TWIN_WALK_REFERENCES / t->sent_count;
    if (t->alone)
        return 0;
    return (uint32_t)(each < TWIN_WALK_REFERENCES_EACH ? each : TWIN_WALK_REFERENCES_EACH);
}

static void browse_some(struct twin_walk *s)
{
    struct twin_walk_turn *t = s->turn;
    UA_BrowseDescription what[TWIN_WALK_BATCH];
    UA_BrowseRequest request;
    t->sent_count = t->todo_count < t->width ? t->todo_count : t->width;
    t->going_on = false;
    for (size_t i = 0; i < t->sent_count; i++) {
        t->sent[i] = t->todo[i];
        what[i] = s->how;
        what[i].nodeId = t->of[t->todo[i]].id;
    }
    t->todo_count -= t->sent_count;
    memmove(t->todo, t->todo + t->sent_count, t->todo_count * sizeof(t->todo[0]));
    UA_BrowseRequest_init(&request);
    request.view = s->view;
    request.requestedMaxReferencesPerNode = references_max(t);
    request.nodesToBrowse = what;
    request.nodesToBrowseSize = t->sent_count;
    s->under_way++;
    TWIN_CALL(s->request, BROWSE, &request, on_browsed, s);
}

static void on_nodes(void *arg)
{
    came(arg, UA_STATUSCODE_GOOD);
}

static void on_nodes_failed(void *arg, UA_StatusCode why)
{
    came(arg, why);
}

static size_t width_of(const struct twin_walk *s)
{
    size_t limit = opcua_session_limits(s->request->session)->nodes_per_browse;
    return limit && limit < TWIN_WALK_BATCH ? limit : TWIN_WALK_BATCH;
}

static void add_node(struct twin_walk *s, struct twin_walk_turn *t)
{
    size_t i = t->nodes.count++;
    struct twin_walk_node *n = &t->of[i];
    twin_walk_queue_take(&s->queue, &t->keep.arena, n);
    t->nodes.nodes[i] = (struct twin_node){.id = n->id,
                                           .type_definition = n->type_definition,
                                           .node_class = n->node_class,
                                           .told = s->names_told && n->node_class ? n : NULL,
                                           .with_value = s->with_values};
    if (s->user->wanted == NULL || s->user->wanted(s->arg, n))
        t->todo[t->todo_count++] = i;
}

/* The one that is not at hand. One of which nothing was wanted is not told, either. */
static struct twin_walk_turn *other_turn(struct twin_walk *s)
{
    if (s->turn && s->turn->sent_count == 0 && s->bare)
        return s->turn;
    return s->turn == &s->turns[0] ? &s->turns[1] : &s->turns[0];
}

static void begin_turn(struct twin_walk *s)
{
    struct twin_walk_turn *t = other_turn(s);
    size_t count = width_of(s);
    if (count > s->queue.count)
        count = s->queue.count;
    twin_keep_reset(&t->keep);
    s->turn = t;
    t->of = ARENA_TAKE_N(&t->keep.arena, struct twin_walk_node, count);
    t->nodes = (struct twin_nodes){.request = s->request,
                                   .nodes = ARENA_TAKE_N(&t->keep.arena, struct twin_node, count),
                                   .done = on_nodes,
                                   .failed = on_nodes_failed,
                                   .arg = s,
                                   .keep = &t->keep};
    t->todo_count = t->sent_count = 0;
    t->width = count;
    t->alone = false;
    t->fresh = true;
    for (size_t i = 0; i < count; i++)
        add_node(s, t);
    s->under_way += !s->bare;
    if (t->todo_count)
        browse_some(s);
    if (!s->bare)
        twin_nodes_read(&t->nodes);
}

/* False: nothing is left to be asked for. */
static bool ask(struct twin_walk *s)
{
    if (s->turn && s->turn->point_count) {
        ask_for_more(s);
    } else if (s->turn && s->turn->todo_count) {
        browse_some(s);
    } else {
        while (s->queue.count && s->under_way == 0)
            begin_turn(s); /* of which nothing may be wanted */
    }
    return s->under_way > 0;
}

/* ---- what came: where it leads to ---- */

/* Where more is browsed than is followed. */
static bool leads_on(const struct twin_walk *s, const UA_ReferenceDescription *d)
{
    return s->recurse && d->nodeId.serverIndex == 0 &&
           (s->follow == NULL ||
            (d->isForward && twin_subtypes_have(s->follow, &d->referenceTypeId)));
}

static void add(struct twin_walk *s, const UA_ReferenceDescription *d)
{
    struct twin_walk_node n = {.id = d->nodeId.nodeId,
                               .type_definition = d->typeDefinition.nodeId,
                               .node_class = d->nodeClass};
    if (s->names_told) {
        n.browse_name = d->browseName;
        n.display_name = d->displayName.text;
    }
    twin_walk_queue_put(&s->queue, &n);
}

/* The server can keep no more places: it is asked for this one alone, and then without a bound. Of what was asked for
 * from a place on, the beginning has been told. */
static bool is_for_later(struct twin_walk_turn *t, UA_StatusCode status)
{
    if (status != UA_STATUSCODE_BADNOCONTINUATIONPOINTS || t->alone || t->going_on)
        return false;
    t->alone = t->sent_count == 1;
    t->width = 1;
    return true;
}

/* Those of the step before are gone by then. */
static void keep_point(struct step *step, size_t i)
{
    struct twin_walk_turn *t = step->turn;
    UA_BrowseResult *result = &step->results[i];
    if (result->continuationPoint.length == 0)
        return;
    t->point_of[t->point_count] = step->of[i];
    t->points[t->point_count++] = result->continuationPoint;
    UA_ByteString_init(&result->continuationPoint); /* moved */
}

static void collect(struct twin_walk *s, struct step *step)
{
    struct twin_walk_turn *t = step->turn;
    for (size_t i = 0; i < step->count; i++) {
        UA_BrowseResult *result = &step->results[i];
        step->later[i] = is_for_later(t, result->statusCode);
        if (step->later[i])
            t->todo[t->todo_count++] = step->of[i];
        for (size_t k = 0; k < result->referencesSize; k++)
            if (leads_on(s, &result->references[k]))
                add(s, &result->references[k]);
        keep_point(step, i);
    }
    step->last = t->point_count == 0 && t->todo_count == 0;
}

/* ---- what came: telling it ---- */

static void tell(struct twin_walk *s, const struct step *step)
{
    struct twin_walk_turn *t = step->turn;
    s->at_hand = t;
    s->nodes = &t->nodes;
    for (size_t i = 0; t->fresh && s->user->node && i < t->nodes.count; i++)
        s->user->node(s->arg, i);
    t->fresh = false;
    for (size_t i = 0; i < step->count; i++) {
        const UA_BrowseResult *result = &step->results[i];
        bool known = t->nodes.nodes[step->of[i]].status == UA_STATUSCODE_GOOD;
        if (UA_StatusCode_isBad(result->statusCode) && !step->later[i] && known)
            s->user->failed(s->arg, step->of[i], result->statusCode);
        for (size_t k = 0; k < result->referencesSize; k++)
            s->user->reference(s->arg, step->of[i], &result->references[k]);
    }
    if (step->last && s->user->turn_end)
        s->user->turn_end(s->arg);
}

/* ---- from one step to the next ---- */

static bool is_too_large(const struct twin_walk *s)
{
    return s->request->out.len + s->bytes > TWIN_WALK_BYTES_MAX ||
           s->queue.met_count > TWIN_WALK_NODES_MAX;
}

static void fail(struct twin_walk *s)
{
    struct twin_request *r = s->request;
    if (r->abandoned)
        twin_request_fail(r, CANCELLED, "Nobody takes the answer any more.");
    else if (s->failed != UA_STATUSCODE_GOOD)
        twin_request_fault(r, s->failed, NULL);
    else
        twin_request_fail(r, TOO_LARGE,
                          "There is more below than one answer can have: browse "
                          "smaller parts.");
}

static void go_on(void *arg)
{
    struct twin_walk *s = arg;
    if (s->request->abandoned || s->failed != UA_STATUSCODE_GOOD || s->too_large)
        fail(s);
    else if (!ask(s))
        s->user->done(s->arg);
}

static void on_step(struct twin_walk *s)
{
    struct twin_walk_turn *t = s->turn;
    struct step step = {.turn = t, .results = s->results, .count = s->result_count};
    bool asked = false;
    memcpy(step.of, t->sent, sizeof(step.of));
    s->results = NULL;
    s->result_count = 0;
    if (s->failed == UA_STATUSCODE_GOOD && !s->too_large && !s->request->abandoned) {
        collect(s, &step);
        asked = twin_request_has_room_for_next(s->request) && ask(s);
        tell(s, &step);
        s->too_large = is_too_large(s);
    } else {
        for (size_t i = 0; i < step.count; i++)
            keep_point(&step, i); /* to be given back */
    }
    UA_Array_delete(step.results, step.count, &UA_TYPES[UA_TYPES_BROWSERESULT]);
    if (twin_request_pass_on(s->request, asked ? NULL : go_on, s) && !asked)
        go_on(s);
}

/* ---- the beginning ---- */

static void add_root(struct twin_walk *s, const UA_NodeId *id)
{
    const struct twin_walk_node n = {.id = *id};
    twin_walk_queue_put(&s->queue, &n);
}

/* "nodeId": ids, or one; nothing: `root`. */
static bool add_roots(struct twin_walk *s, const uint32_t *roots, size_t root_count)
{
    struct twin_request *r = s->request;
    struct slice *ids;
    size_t count;
    if (!twin_request_texts(r, json_get_nocase(r->body, "nodeId"), &ids, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        UA_NodeId id;
        if (!twin_request_node_id(r, ids[i], &id))
            return false;
        add_root(s, &id);
    }
    for (size_t i = 0; count == 0 && i < root_count; i++) {
        const UA_NodeId root = UA_NODEID_NUMERIC(0, roots[i]);
        add_root(s, &root);
    }
    return true;
}

struct twin_walk *twin_walk_new(struct twin_request *r, const struct twin_walk_user *user)
{
    struct twin_walk *s = MEMORY_NEW(struct twin_walk);
    s->request = r;
    s->user = user;
    s->recurse = true;
    r->on_end = on_end;
    r->on_end_arg = s;
    UA_BrowseDescription_init(&s->how);
    return s;
}

void twin_walk_begin(struct twin_walk *s, const uint32_t *roots, size_t count)
{
    if (add_roots(s, roots, count))
        go_on(s);
}
