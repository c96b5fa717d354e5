#include "opcua/browse_many.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/refusal.h"
#include "opcua/session_priv.h"

struct node {
    UA_BrowseDescription what;
    UA_ByteString point; /* of the server's, where there is more; or none */
    bool done;
};

struct many {
    struct opcua_session *session;
    uint64_t ends_ms;
    struct node *nodes;
    struct opcua_browsed *told; /* as many */
    size_t count;
    size_t asked[OPCUA_BROWSE_MANY_MAX], asked_count; /* with the call under way */
    size_t most, ceiling;                             /* nodes of a call; never more */
    bool less;                                        /* those were too many */
    size_t references, references_max;
    opcua_browse_many_fn *fn;
    void *arg;
};

static void go_on(struct many *m);

static uint32_t left_ms(const struct many *m)
{
    uint64_t now = loop_now_ms(opcua_thread_loop(opcua_session_thread(m->session)));
    return m->ends_ms > now ? (uint32_t)(m->ends_ms - now) : 0;
}

/* ---- calls ---- */

/* Those with a continuation point. */
static size_t gather_points(struct many *m, UA_ByteString *out)
{
    m->asked_count = 0;
    for (size_t i = 0; i < m->count && m->asked_count < m->most; i++)
        if (m->nodes[i].point.length > 0) {
            out[m->asked_count] = m->nodes[i].point;
            m->asked[m->asked_count++] = i;
        }
    return m->asked_count;
}

static size_t gather_nodes(struct many *m, UA_BrowseDescription *out)
{
    m->asked_count = 0;
    for (size_t i = 0; i < m->count && m->asked_count < m->most; i++)
        if (!m->nodes[i].done) {
            out[m->asked_count] = m->nodes[i].what;
            m->asked[m->asked_count++] = i;
        }
    return m->asked_count;
}

static bool ask_more(struct many *m, bool release, opcua_call_fn *fn)
{
    UA_ByteString points[OPCUA_BROWSE_MANY_MAX];
    UA_BrowseNextRequest request;
    UA_BrowseNextRequest_init(&request);
    request.continuationPoints = points;
    request.continuationPointsSize = gather_points(m, points);
    request.releaseContinuationPoints = release;
    if (request.continuationPointsSize > 0)
        OPCUA_CALL(m->session, OPCUA_CALL_NOW, BROWSENEXT, &request, fn, m, left_ms(m));
    return request.continuationPointsSize > 0;
}

static bool ask(struct many *m, opcua_call_fn *fn)
{
    UA_BrowseDescription what[OPCUA_BROWSE_MANY_MAX];
    UA_BrowseRequest request;
    UA_BrowseRequest_init(&request);
    request.nodesToBrowse = what;
    request.nodesToBrowseSize = gather_nodes(m, what);
    if (request.nodesToBrowseSize > 0)
        OPCUA_CALL(m->session, OPCUA_CALL_NOW, BROWSE, &request, fn, m, left_ms(m));
    return request.nodesToBrowseSize > 0;
}

/* ---- the end ---- */

void opcua_browsed_clear(struct opcua_browsed *b)
{
    for (size_t i = 0; i < b->count; i++)
        UA_ReferenceDescription_clear(&b->references[i]);
    free(b->references);
    *b = (struct opcua_browsed){0};
}

static void ignore(void *arg, UA_StatusCode status, void *response)
{
    (void)arg, (void)status, (void)response;
}

static void end(struct many *m, UA_StatusCode status)
{
    while (ask_more(m, true, ignore)) /* the server need not keep them */
        for (size_t i = 0; i < m->asked_count; i++)
            UA_ByteString_clear(&m->nodes[m->asked[i]].point);
    m->fn(m->arg, status, m->told, m->count);
    for (size_t i = 0; i < m->count; i++) {
        opcua_browsed_clear(&m->told[i]);
        UA_BrowseDescription_clear(&m->nodes[i].what);
        UA_ByteString_clear(&m->nodes[i].point);
    }
    free(m->nodes);
    free(m->told);
    free(m);
}

/* ---- answers ---- */

/* Moves them over. */
static void keep(struct many *m, size_t i, UA_BrowseResult *r)
{
    struct opcua_browsed *t = &m->told[i];
    size_t room = m->references_max + 1 - m->references; /* the one too many tells that they are */
    size_t count = r->referencesSize < room ? r->referencesSize : room;
    if (count == 0)
        return;
    t->references = memory_resize(t->references, (t->count + count) * sizeof *t->references);
    for (size_t k = 0; k < count; k++) {
        t->references[t->count++] = r->references[k];
        UA_ReferenceDescription_init(&r->references[k]);
    }
    m->references += count;
}

/* The server has no room for all of them at once: it is asked anew for those, with fewer others. */
static bool had_no_room(const struct many *m, UA_StatusCode status)
{
    return m->asked_count > 1 && (status == UA_STATUSCODE_BADNOCONTINUATIONPOINTS ||
                                  status == UA_STATUSCODE_BADCONTINUATIONPOINTINVALID);
}

static void take(struct many *m, size_t i, UA_BrowseResult *r)
{
    struct node *n = &m->nodes[i];
    UA_ByteString_clear(&n->point);
    n->done = true;
    if (!UA_StatusCode_isBad(r->statusCode)) {
        keep(m, i, r);
        n->point = r->continuationPoint;
        UA_ByteString_init(&r->continuationPoint);
        return;
    }
    m->references -= m->told[i].count;
    opcua_browsed_clear(&m->told[i]);
    if (had_no_room(m, r->statusCode)) {
        n->done = false;
        m->less = true;
    } else {
        m->told[i].status = r->statusCode;
    }
}

static void take_all(struct many *m, UA_StatusCode status, UA_BrowseResult *results, size_t count)
{
    bool too_much = opcua_refusal_is_too_much(status);
    m->less = too_much && m->asked_count > 1;
    if (status == UA_STATUSCODE_GOOD && count != m->asked_count)
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (too_much && !m->less) { /* one by itself: the others are not concerned */
        UA_BrowseResult refused = {.statusCode = status};
        take(m, m->asked[0], &refused);
        go_on(m);
        return;
    }
    if (status != UA_STATUSCODE_GOOD && !m->less) {
        end(m, status);
        return;
    }
    for (size_t i = 0; i < count; i++)
        take(m, m->asked[i], &results[i]);
    m->most = m->less ? m->asked_count / 2 : 2 * m->most;
    if (too_much)
        m->ceiling = m->most;
    m->most = m->most < m->ceiling ? m->most : m->ceiling;
    go_on(m);
}

static void on_more(void *arg, UA_StatusCode status, void *response)
{
    UA_BrowseNextResponse *r = response;
    take_all(arg, status, r ? r->results : NULL, r ? r->resultsSize : 0);
}

static void on_browsed(void *arg, UA_StatusCode status, void *response)
{
    UA_BrowseResponse *r = response;
    take_all(arg, status, r ? r->results : NULL, r ? r->resultsSize : 0);
}

/* What the server keeps for us first, so that it has room. */
static void go_on(struct many *m)
{
    if (m->references > m->references_max)
        end(m, UA_STATUSCODE_BADRESPONSETOOLARGE);
    else if (left_ms(m) == 0)
        end(m, UA_STATUSCODE_BADTIMEOUT);
    else if (!ask_more(m, false, on_more) && !ask(m, on_browsed))
        end(m, UA_STATUSCODE_GOOD);
}

/* ---- the beginning ---- */

size_t opcua_browse_many_most(struct opcua_session *s)
{
    uint32_t limit = opcua_session_limits(s)->nodes_per_browse;
    return limit && limit < OPCUA_BROWSE_MANY_MAX ? limit : OPCUA_BROWSE_MANY_MAX;
}

static void on_nothing(void *arg, UA_StatusCode status, void *response)
{
    (void)response;
    end(arg, status);
}

void opcua_browse_many(struct opcua_session *s, const UA_BrowseDescription *what, size_t count,
                       size_t references_max, opcua_browse_many_fn *fn, void *arg,
                       uint32_t timeout_ms)
{
    struct many *m = MEMORY_NEW(struct many);
    m->session = s;
    m->count = count;
    m->nodes = memory_new((count + 1) * sizeof *m->nodes);
    m->told = memory_new((count + 1) * sizeof *m->told);
    m->most = m->ceiling = opcua_browse_many_most(s);
    m->references_max = references_max;
    m->fn = fn;
    m->arg = arg;
    m->ends_ms =
        loop_now_ms(opcua_thread_loop(opcua_session_thread(s))) + (timeout_ms ? timeout_ms : 1);
    for (size_t i = 0; i < count; i++)
        if (UA_BrowseDescription_copy(&what[i], &m->nodes[i].what) != UA_STATUSCODE_GOOD)
            UA_BrowseDescription_init(&m->nodes[i].what);
    if (!ask(m, on_browsed))
        opcua_session_wait(s, 0, on_nothing, m);
}
