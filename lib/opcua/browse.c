#include "opcua/browse.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/data_type.h"

static uint64_t now_ms(struct opcua_session *s)
{
    return loop_now_ms(opcua_thread_loop(opcua_session_thread(s)));
}

/* What is left of a time, at least a millisecond: 0 would be the default. */
static uint32_t left_ms(struct opcua_session *s, uint64_t ends_ms)
{
    uint64_t now = now_ms(s);
    return ends_ms > now ? (uint32_t)(ends_ms - now) : 1;
}

/* ---- references ---- */

struct browsing {
    struct opcua_session *session;
    uint64_t ends_ms;
    UA_ReferenceDescription *references;
    size_t count;
    opcua_browse_all_fn *fn;
    void *arg;
};

static void browsing_end(struct browsing *b, UA_StatusCode status)
{
    b->fn(b->arg, status, b->references, status == UA_STATUSCODE_GOOD ? b->count : 0);
    for (size_t i = 0; i < b->count; i++)
        UA_ReferenceDescription_clear(&b->references[i]);
    free(b->references);
    free(b);
}

static void on_more(void *arg, UA_StatusCode status, void *response);

static void ignore(void *arg, UA_StatusCode status, void *response)
{
    (void)arg, (void)status, (void)response;
}

static void browse_next(struct browsing *b, UA_ByteString *point, bool release)
{
    UA_BrowseNextRequest next;
    UA_BrowseNextRequest_init(&next);
    next.continuationPoints = point;
    next.continuationPointsSize = 1;
    next.releaseContinuationPoints = release;
    OPCUA_CALL(b->session, OPCUA_CALL_NOW, BROWSENEXT, &next, release ? ignore : on_more, b,
               left_ms(b->session, b->ends_ms));
}

/* Moves them over. */
static void keep(struct browsing *b, UA_BrowseResult *result)
{
    size_t count = result->referencesSize;
    if (count > OPCUA_BROWSE_REFERENCES_MAX - b->count)
        count = OPCUA_BROWSE_REFERENCES_MAX - b->count;
    if (count == 0)
        return;
    b->references = memory_resize(b->references, (b->count + count) * sizeof(*b->references));
    for (size_t i = 0; i < count; i++) {
        b->references[b->count++] = result->references[i];
        UA_ReferenceDescription_init(&result->references[i]);
    }
}

static void on_result(struct browsing *b, UA_BrowseResult *results, size_t count)
{
    UA_StatusCode status = count == 1 ? results->statusCode : UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status != UA_STATUSCODE_GOOD) {
        browsing_end(b, status);
        return;
    }
    keep(b, results);
    bool more = results->continuationPoint.length > 0;
    bool full = b->count == OPCUA_BROWSE_REFERENCES_MAX;
    if (more && !full && now_ms(b->session) >= b->ends_ms) { /* as many pieces as a server likes */
        browse_next(b, &results->continuationPoint, true);
        browsing_end(b, UA_STATUSCODE_BADTIMEOUT);
        return;
    }
    if (more)
        browse_next(b, &results->continuationPoint, full);
    if (!more || full)
        browsing_end(b, UA_STATUSCODE_GOOD);
}

static void on_more(void *arg, UA_StatusCode status, void *response)
{
    UA_BrowseNextResponse *r = response;
    if (status != UA_STATUSCODE_GOOD)
        browsing_end(arg, status);
    else
        on_result(arg, r->results, r->resultsSize);
}

static void on_browsed(void *arg, UA_StatusCode status, void *response)
{
    UA_BrowseResponse *r = response;
    if (status != UA_STATUSCODE_GOOD)
        browsing_end(arg, status);
    else
        on_result(arg, r->results, r->resultsSize);
}

void opcua_browse_all(struct opcua_session *s, const UA_BrowseDescription *what,
                      opcua_browse_all_fn *fn, void *arg, uint32_t timeout_ms)
{
    struct browsing *b = MEMORY_NEW(struct browsing);
    UA_BrowseDescription description = *what; /* borrowed */
    UA_BrowseRequest request;
    UA_BrowseRequest_init(&request);
    request.nodesToBrowse = &description;
    request.nodesToBrowseSize = 1;
    b->session = s;
    b->ends_ms = now_ms(s) + timeout_ms;
    b->fn = fn;
    b->arg = arg;
    OPCUA_CALL(s, OPCUA_CALL_NOW, BROWSE, &request, on_browsed, b, timeout_ms);
}

/* ---- paths ---- */

struct finding {
    opcua_browse_node_fn *fn;
    void *arg;
};

static UA_NodeId *first_target(UA_BrowsePathResult *result)
{
    for (size_t i = 0; i < result->targetsSize; i++) {
        UA_BrowsePathTarget *t = &result->targets[i];
        if (t->remainingPathIndex == UINT32_MAX && t->targetId.serverIndex == 0 &&
            t->targetId.namespaceUri.length == 0)
            return &t->targetId.nodeId;
    }
    return NULL;
}

static void on_translated(void *arg, UA_StatusCode status, void *response)
{
    struct finding *f = arg;
    UA_TranslateBrowsePathsToNodeIdsResponse *r = response;
    UA_NodeId *node = NULL;
    if (status == UA_STATUSCODE_GOOD)
        status = r->resultsSize == 1 ? r->results->statusCode : UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status == UA_STATUSCODE_GOOD) {
        node = first_target(r->results);
        status = node ? UA_STATUSCODE_GOOD : UA_STATUSCODE_BADNOMATCH;
    }
    f->fn(f->arg, status, node);
    free(f);
}

void opcua_browse_path_find(struct opcua_session *s, const UA_NodeId *from,
                            const UA_RelativePath *path, opcua_browse_node_fn *fn, void *arg,
                            uint32_t timeout_ms)
{
    struct finding *f = MEMORY_NEW(struct finding);
    UA_BrowsePath one = {.startingNode = *from, .relativePath = *path};
    UA_TranslateBrowsePathsToNodeIdsRequest request;
    UA_TranslateBrowsePathsToNodeIdsRequest_init(&request);
    request.browsePaths = &one;
    request.browsePathsSize = 1;
    f->fn = fn;
    f->arg = arg;
    OPCUA_CALL(s, OPCUA_CALL_NOW, TRANSLATEBROWSEPATHSTONODEIDS, &request, on_translated, f,
               timeout_ms);
}

/* ---- data types ---- */

struct climbing {
    struct opcua_session *session;
    uint64_t ends_ms;
    UA_NodeId at;
    int steps;
    opcua_browse_type_fn *fn;
    void *arg;
};

static void climb(struct climbing *c);

static void climbing_end(struct climbing *c, UA_StatusCode status, const UA_DataType *type)
{
    c->fn(c->arg, status, type);
    UA_NodeId_clear(&c->at);
    free(c);
}

static void on_super(void *arg, UA_StatusCode status, UA_ReferenceDescription *refs, size_t count)
{
    struct climbing *c = arg;
    if (status != UA_STATUSCODE_GOOD || count == 0) {
        climbing_end(c, status != UA_STATUSCODE_GOOD ? status : UA_STATUSCODE_BADDATATYPEIDUNKNOWN,
                     NULL);
        return;
    }
    UA_NodeId_clear(&c->at);
    c->at = refs->nodeId.nodeId;
    UA_NodeId_init(&refs->nodeId.nodeId);
    const UA_DataType *type = opcua_data_type_wire(&c->at);
    if (type)
        climbing_end(c, UA_STATUSCODE_GOOD, type);
    else if (++c->steps == OPCUA_BROWSE_SUPERTYPES_MAX)
        climbing_end(c, UA_STATUSCODE_BADDATATYPEIDUNKNOWN, NULL);
    else
        climb(c);
}

static void climb(struct climbing *c)
{
    UA_BrowseDescription up;
    UA_BrowseDescription_init(&up);
    up.nodeId = c->at;
    up.browseDirection = UA_BROWSEDIRECTION_INVERSE;
    up.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HASSUBTYPE);
    up.includeSubtypes = true;
    opcua_browse_all(c->session, &up, on_super, c, left_ms(c->session, c->ends_ms));
}

static void on_known(void *arg)
{
    struct climbing *c = arg;
    climbing_end(c, UA_STATUSCODE_GOOD, opcua_data_type_wire(&c->at));
}

void opcua_browse_data_type(struct opcua_session *s, const UA_NodeId *data_type,
                            opcua_browse_type_fn *fn, void *arg, uint32_t timeout_ms)
{
    struct climbing *c = MEMORY_NEW(struct climbing);
    c->session = s;
    c->ends_ms = now_ms(s) + timeout_ms;
    c->fn = fn;
    c->arg = arg;
    if (UA_NodeId_copy(data_type, &c->at) != UA_STATUSCODE_GOOD)
        UA_NodeId_init(&c->at);
    if (opcua_data_type_wire(&c->at))
        loop_defer(opcua_thread_loop(opcua_session_thread(s)), on_known, c);
    else
        climb(c);
}
