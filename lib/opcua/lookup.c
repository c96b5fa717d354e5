#include "opcua/lookup_priv.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "opcua/browse.h"
#include "opcua/session_priv.h"
#include "json/json.h"

static const char *path_text(const struct opcua_lookup *l)
{
    return l->text + l->node_len + 1;
}

/* ---- the end of one ---- */

static void lookup_free(struct opcua_lookup *l)
{
    list_remove(&l->link);
    UA_NodeId_clear(&l->at);
    UA_NodeId_clear(&l->above);
    UA_String_clear(&l->display_name);
    UA_Array_delete(l->way, l->way_len, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]);
    free(l);
}

static void turn_round(UA_QualifiedName *names, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        UA_QualifiedName n = names[i];
        names[i] = names[count - 1 - i];
        names[count - 1 - i] = n;
    }
}

static void finish(struct opcua_lookup *l, UA_StatusCode status)
{
    turn_round(l->way, l->way_len);
    struct opcua_lookup_answer a = {.status = status,
                                    .node = &l->at,
                                    .display_name = opcua_slice(l->display_name),
                                    .way = l->way,
                                    .way_len = l->way_len};
    list_remove(&l->link);
    if (l->fn)
        l->fn(l->arg, l->tag, &a);
    lookup_free(l);
}

/* ---- from stage to stage ---- */

static bool needs(const struct session_lookups *s, const struct opcua_lookup *l, enum stage stage)
{
    switch (stage) {
    case TRANSLATE:
        return l->has_path;
    case REGISTER:
        return l->what & OPCUA_LOOKUP_REGISTERED && !s->no_register;
    case DISPLAY_NAME:
        return l->what & OPCUA_LOOKUP_DISPLAY_NAME;
    case BROWSE_NAME:
    case CLIMB:
        return l->what & OPCUA_LOOKUP_WAY;
    case STAGES:
        break;
    }
    return false;
}

void lookup_go_on(struct session_lookups *s, struct opcua_lookup *l, int stage)
{
    while (stage < STAGES && !needs(s, l, (enum stage)stage))
        stage++;
    if (stage == STAGES)
        finish(l, UA_STATUSCODE_GOOD);
    else
        list_push(&s->queues[stage], &l->link);
}

static void begin(struct session_lookups *s, struct opcua_lookup *l)
{
    if (!l->fn) {
        lookup_free(l);
        return;
    }
    UA_NodeId_clear(&l->at);
    UA_NodeId_clear(&l->above);
    UA_Array_delete(l->way, l->way_len, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]);
    l->way = NULL;
    l->way_len = 0;
    enum status parsed = OK;
    if (l->text[0])
        parsed = opcua_node_id_parse(slice_of(l->text), opcua_session_namespaces(s->session),
                                     &l->at, NULL);
    else
        l->at = UA_NODEID_NUMERIC(0, UA_NS0ID_ROOTFOLDER);
    if (parsed == OK)
        lookup_go_on(s, l, TRANSLATE);
    else
        finish(l, parsed == NOT_FOUND ? UA_STATUSCODE_BADNODEIDUNKNOWN
                                      : UA_STATUSCODE_BADNODEIDINVALID);
}

/* ---- paths ---- */

static bool path_of(const struct session_lookups *s, const struct opcua_lookup *l,
                    UA_BrowsePath *out)
{
    struct slice elements[OPCUA_BROWSE_PATH_MAX];
    size_t count = 0;
    struct json_doc *doc;
    if (json_parse(slice_of(path_text(l)), JSON_STRICT, &doc, NULL) != OK)
        return false;
    struct json_walk w = json_walk(json_root(doc));
    while (count < OPCUA_BROWSE_PATH_MAX && json_next(&w))
        elements[count++] = json_string(w.value);
    UA_BrowsePath_init(out);
    out->startingNode = l->at; /* borrowed */
    bool ok = opcua_browse_path_parse(elements, count, opcua_session_namespaces(s->session),
                                      &out->relativePath, NULL) == OK;
    json_free(&doc);
    return ok;
}

static void send_translate(struct session_lookups *s, struct batch *b)
{
    UA_BrowsePath *paths = memory_new(b->count * sizeof *paths);
    for (size_t i = 0; i < b->count; i++)
        if (!path_of(s, b->asked[i], &paths[i]))
            paths[i] = (UA_BrowsePath){0}; /* the server will refuse it */
    UA_TranslateBrowsePathsToNodeIdsRequest request = {.browsePathsSize = b->count,
                                                       .browsePaths = paths};
    OPCUA_CALL(s->session, OPCUA_CALL_NOW, TRANSLATEBROWSEPATHSTONODEIDS, &request, lookup_on_response, b,
               LOOKUP_CALL_MS);
    for (size_t i = 0; i < b->count; i++)
        UA_RelativePath_clear(&paths[i].relativePath);
    free(paths);
}

static size_t count_translate(const void *response)
{
    return ((const UA_TranslateBrowsePathsToNodeIdsResponse *)response)->resultsSize;
}

static void take_translate(struct session_lookups *s, struct opcua_lookup *l, void *response,
                           size_t i)
{
    UA_BrowsePathResult *r = &((UA_TranslateBrowsePathsToNodeIdsResponse *)response)->results[i];
    for (size_t n = 0; n < r->targetsSize; n++) {
        UA_BrowsePathTarget *target = &r->targets[n];
        if (target->remainingPathIndex != UINT32_MAX || target->targetId.serverIndex != 0)
            continue; /* on another server */
        UA_NodeId_clear(&l->at);
        l->at = target->targetId.nodeId;
        UA_NodeId_init(&target->targetId.nodeId);
        lookup_go_on(s, l, TRANSLATE + 1);
        return;
    }
    finish(l, UA_StatusCode_isBad(r->statusCode) ? r->statusCode : UA_STATUSCODE_BADNOMATCH);
}

/* ---- short ids ---- */

static void send_register(struct session_lookups *s, struct batch *b)
{
    UA_NodeId *nodes = memory_new(b->count * sizeof *nodes);
    for (size_t i = 0; i < b->count; i++)
        nodes[i] = b->asked[i]->at;
    UA_RegisterNodesRequest request = {.nodesToRegisterSize = b->count, .nodesToRegister = nodes};
    OPCUA_CALL(s->session, OPCUA_CALL_NOW, REGISTERNODES, &request, lookup_on_response, b, LOOKUP_CALL_MS);
    free(nodes);
}

static size_t count_register(const void *response)
{
    return ((const UA_RegisterNodesResponse *)response)->registeredNodeIdsSize;
}

static void take_register(struct session_lookups *s, struct opcua_lookup *l, void *response,
                          size_t i)
{
    UA_NodeId *id = &((UA_RegisterNodesResponse *)response)->registeredNodeIds[i];
    if (!UA_NodeId_isNull(id)) {
        UA_NodeId_clear(&l->at);
        l->at = *id;
        UA_NodeId_init(id);
    }
    lookup_go_on(s, l, REGISTER + 1);
}

/* ---- attributes ---- */

static void send_read(struct session_lookups *s, struct batch *b)
{
    UA_ReadValueId *nodes = memory_new(b->count * sizeof *nodes);
    for (size_t i = 0; i < b->count; i++)
        nodes[i] =
            (UA_ReadValueId){.nodeId = b->asked[i]->at,
                             .attributeId = b->stage == DISPLAY_NAME ? UA_ATTRIBUTEID_DISPLAYNAME
                                                                     : UA_ATTRIBUTEID_BROWSENAME};
    UA_ReadRequest request = {.timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER,
                              .nodesToReadSize = b->count,
                              .nodesToRead = nodes};
    OPCUA_CALL(s->session, OPCUA_CALL_NOW, READ, &request, lookup_on_response, b, LOOKUP_CALL_MS);
    free(nodes);
}

static size_t count_read(const void *response)
{
    return ((const UA_ReadResponse *)response)->resultsSize;
}

static void take_display_name(struct session_lookups *s, struct opcua_lookup *l, void *response,
                              size_t i)
{
    UA_Variant *v = &((UA_ReadResponse *)response)->results[i].value;
    if (UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_LOCALIZEDTEXT])) {
        UA_LocalizedText *text = v->data;
        UA_String_clear(&l->display_name);
        UA_String_copy(&text->text, &l->display_name);
    }
    lookup_go_on(s, l, DISPLAY_NAME + 1);
}

/* ---- batches ---- */

static const struct kind {
    void (*send)(struct session_lookups *s, struct batch *b);
    size_t (*count)(const void *response);
    void (*take)(struct session_lookups *s, struct opcua_lookup *l, void *response, size_t i);
    size_t limit; /* where the server's limit stands */
} kinds[STAGES] = {
    [TRANSLATE] = {send_translate, count_translate, take_translate,
                   offsetof(struct opcua_limits, nodes_per_translate)},
    [REGISTER] = {send_register, count_register, take_register,
                  offsetof(struct opcua_limits, nodes_per_register)},
    [DISPLAY_NAME] = {send_read, count_read, take_display_name,
                      offsetof(struct opcua_limits, nodes_per_read)},
    [BROWSE_NAME] = {send_read, count_read, lookup_take_browse_name,
                     offsetof(struct opcua_limits, nodes_per_read)},
    [CLIMB] = {lookup_send_climb, lookup_count_climb, lookup_take_climb,
               offsetof(struct opcua_limits, nodes_per_browse)},
};

static size_t per_call(const struct session_lookups *s, enum stage stage)
{
    uint32_t limit = *(const uint32_t *)((const char *)&s->session->limits + kinds[stage].limit);
    size_t most = OPCUA_LOOKUPS_PER_CALL_MAX;
    if (limit && limit < most)
        most = limit;
    return s->most[stage] && s->most[stage] < most ? s->most[stage] : most;
}

static void pump_soon(struct session_lookups *s);

/* What the whole call's failure means for each. */
static void take_failure(struct session_lookups *s, struct opcua_lookup *l, enum stage stage,
                         UA_StatusCode why)
{
    if (stage == TRANSLATE)
        finish(l, why);
    else if (stage == BROWSE_NAME || stage == CLIMB)
        lookup_give_up_way(s, l);
    else
        lookup_go_on(s, l, stage + 1);
}

static struct opcua_lookup *take_out(struct batch *b, size_t i)
{
    struct opcua_lookup *l = b->asked[i];
    b->asked[i] = NULL;
    return l;
}

static void on_failed(struct session_lookups *s, struct batch *b, UA_StatusCode why)
{
    bool lost = opcua_call_was_lost(why);
    bool too_much = session_call_was_too_much(why) && b->count > 1;
    if (too_much)
        s->most[b->stage] = b->count / 2;
    if (b->stage == REGISTER && why == UA_STATUSCODE_BADSERVICEUNSUPPORTED)
        s->no_register = true;
    if (!lost)
        log_warn("opcua lookups refused url=%s count=%zu status=%s", s->session->url, b->count,
                 UA_StatusCode_name(why));
    if (b->stage == CLIMB)
        lookup_forget_folders(s); /* those that it asked for are not under way any more */
    for (size_t i = 0; i < b->count; i++) {
        struct opcua_lookup *l = take_out(b, i);
        if (lost)
            list_push(&s->fresh, &l->link);
        else if (too_much)
            list_push(&s->queues[b->stage], &l->link);
        else
            take_failure(s, l, b->stage, why);
    }
}

static void batch_free(struct batch *b)
{
    list_remove(&b->link);
    b->owner->in_flight[b->stage]--;
    free(b);
}

void lookup_on_response(void *arg, UA_StatusCode status, void *response)
{
    struct batch *b = arg;
    struct session_lookups *s = b->owner;
    const struct kind *k = &kinds[b->stage];
    if (response && k->count(response) == b->count)
        for (size_t i = 0; i < b->count; i++)
            k->take(s, take_out(b, i), response, i);
    else
        on_failed(s, b, response ? UA_STATUSCODE_BADUNEXPECTEDERROR : status);
    batch_free(b);
    pump_soon(s);
}

/* False: there is nothing to ask now. */
static bool send_batch(struct session_lookups *s, enum stage stage)
{
    size_t room = per_call(s, stage);
    struct link *last = s->queues[stage].head.prev;
    if (list_empty(&s->queues[stage]))
        return false;
    struct batch *b = memory_new(sizeof *b + room * sizeof b->asked[0]);
    b->owner = s;
    b->stage = stage;
    bool end = false;
    while (!end && b->count < room && !list_empty(&s->queues[stage])) {
        struct link *link = list_pop(&s->queues[stage]);
        struct opcua_lookup *l = LIST_OF(link, struct opcua_lookup, link);
        end = link == last; /* those that wait for others come again behind it */
        if (!l->fn)
            lookup_free(l);
        else if (stage != CLIMB || lookup_must_climb(s, l))
            b->asked[b->count++] = l;
    }
    if (b->count == 0) {
        free(b);
        return false;
    }
    list_push(&s->batches, &b->link);
    s->in_flight[stage]++;
    kinds[stage].send(s, b);
    return true;
}

static bool is_idle(struct session_lookups *s)
{
    bool idle = list_empty(&s->fresh) && list_empty(&s->batches);
    for (int i = 0; i < STAGES; i++)
        idle = idle && list_empty(&s->queues[i]);
    return idle;
}

static void pump(void *arg)
{
    struct session_lookups *s = arg;
    if (s->session->state != OPCUA_SESSION_READY)
        return;
    struct link *l;
    while ((l = list_pop(&s->fresh)))
        begin(s, LIST_OF(l, struct opcua_lookup, link));
    for (int i = 0; i < STAGES; i++)
        while (s->in_flight[i] < OPCUA_LOOKUP_CALLS_MAX && send_batch(s, (enum stage)i))
            ;
    if (is_idle(s))
        lookup_forget_folders(s);
}

static void pump_soon(struct session_lookups *s)
{
    loop_timer_start(s->session->loop, &s->pump, 0, pump, s);
}

/* ---- coming and going ---- */

static void on_ready(void *arg, bool same)
{
    (void)same;
    pump_soon(arg);
}

/* Another server may answer next: what was found out so far is worth nothing. */
static void on_lost(void *arg, UA_StatusCode why)
{
    (void)why;
    struct session_lookups *s = arg;
    struct link *l;
    for (int i = 0; i < STAGES; i++) {
        s->most[i] = 0;
        while ((l = list_pop(&s->queues[i])))
            list_push(&s->fresh, l);
    }
    s->no_register = false;
    lookup_forget_folders(s);
}

static struct session_lookups *lookups_of(struct opcua_session *session)
{
    if (session->lookups)
        return session->lookups;
    struct session_lookups *s = MEMORY_NEW(struct session_lookups);
    s->session = session;
    list_init(&s->fresh);
    list_init(&s->batches);
    for (int i = 0; i < STAGES; i++)
        list_init(&s->queues[i]);
    s->listener =
        (struct opcua_session_listener){.on_ready = on_ready, .on_lost = on_lost, .arg = s};
    opcua_session_listen(session, &s->listener);
    session->lookups = s;
    return s;
}

struct opcua_lookup *opcua_lookup(struct opcua_session *session, unsigned what, struct slice node,
                                  struct slice path, opcua_lookup_fn *fn, void *arg, uint32_t tag)
{
    assert(session->refs > 0);
    struct session_lookups *s = lookups_of(session);
    struct opcua_lookup *l = memory_new(sizeof *l + node.len + path.len + 2);
    l->fn = fn;
    l->arg = arg;
    l->tag = tag;
    l->what = (uint8_t)what;
    l->has_path = path.len > 0;
    l->node_len = (uint16_t)node.len;
    if (node.len)
        memcpy(l->text, node.at, node.len);
    if (path.len)
        memcpy(l->text + node.len + 1, path.at, path.len);
    list_push(&s->fresh, &l->link);
    pump_soon(s);
    return l;
}

void opcua_lookup_cancel(struct opcua_lookup *l)
{
    l->fn = NULL;
    if (list_linked(&l->link))
        lookup_free(l); /* otherwise its batch has it */
}

static bool is_of(const struct opcua_lookup *l, opcua_lookup_fn *fn, const void *arg)
{
    return l && l->fn == fn && l->arg == arg;
}

static void cancel_in(struct list *list, opcua_lookup_fn *fn, const void *arg)
{
    LIST_EACH(i, list)
    {
        struct opcua_lookup *l = LIST_OF(i, struct opcua_lookup, link);
        if (is_of(l, fn, arg))
            lookup_free(l);
    }
}

void opcua_lookup_cancel_all(struct opcua_session *session, opcua_lookup_fn *fn, void *arg)
{
    struct session_lookups *s = session->lookups;
    if (!s)
        return;
    cancel_in(&s->fresh, fn, arg);
    for (int i = 0; i < STAGES; i++)
        cancel_in(&s->queues[i], fn, arg);
    LIST_EACH(i, &s->batches)
    {
        struct batch *b = LIST_OF(i, struct batch, link);
        for (size_t n = 0; n < b->count; n++)
            if (is_of(b->asked[n], fn, arg))
                b->asked[n]->fn = NULL;
    }
}

void session_lookups_clear(struct opcua_session *session)
{
    struct session_lookups *s = session->lookups;
    if (!s)
        return;
    session->lookups = NULL;
    assert(list_empty(&s->batches)); /* those ended with the session */
    struct link *l;
    while ((l = list_pop(&s->fresh)))
        lookup_free(LIST_OF(l, struct opcua_lookup, link));
    for (int i = 0; i < STAGES; i++)
        while ((l = list_pop(&s->queues[i])))
            lookup_free(LIST_OF(l, struct opcua_lookup, link));
    opcua_session_unlisten(&s->listener);
    loop_timer_stop(&s->pump);
    lookup_forget_folders(s);
    free(s);
}
