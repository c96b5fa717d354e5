/*
 * Servers that stand in for each other (Part 4, 6.6.2, non-transparent): a server says which others
 * there are, and FindServers where; or the configuration names other URLs of it. A session that cannot reach its server tries the next; one
 * whose server says that it is no longer healthy (ServiceLevel) moves to a better one.
 * Subscriptions are made anew there: what warm and hot servers could do beyond that is not used.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/session_priv.h"

#define SERVERS_MAX 16
#define LEVEL_HEALTHY 200 /* and above */
#define LEVEL_TRUSTED_MS 600000
#define FAILURE_TRUSTED_MS 60000
#define CALL_MS 10000

enum { SUPPORT, URIS, LEVEL, NODES };

struct server {
    char *url;
    uint8_t level;
    uint64_t trusted_ms; /* until when that is believed */
};

struct session_redundancy {
    struct server servers[SERVERS_MAX]; /* the configured one first */
    size_t count, current;
    struct loop_timer move;
    size_t move_to;
    struct opcua_call *call;
};

static struct session_redundancy *redundancy_of(struct opcua_session *s)
{
    if (!s->redundancy) {
        s->redundancy = MEMORY_NEW(struct session_redundancy);
        s->redundancy->servers[0].url = slice_dup(slice_of(s->url));
        s->redundancy->count = 1;
    }
    return s->redundancy;
}

const char *session_redundancy_url(const struct opcua_session *s)
{
    const struct session_redundancy *r = s->redundancy;
    return r ? r->servers[r->current].url : s->url;
}

/* ---- who is better ---- */

/* Whoever said nothing lately may be well. */
static int believed(const struct session_redundancy *r, size_t i, uint64_t now)
{
    const struct server *s = &r->servers[i];
    return now < s->trusted_ms ? s->level : UINT8_MAX;
}

static void go_to(struct opcua_session *s, size_t i)
{
    struct session_redundancy *r = s->redundancy;
    log_warn("opcua session changes servers url=%s from=%s to=%s", s->url,
             r->servers[r->current].url, r->servers[i].url);
    r->current = i;
    s->moved = true;
}

static void on_move(void *arg)
{
    struct opcua_session *s = arg;
    if (s->state != OPCUA_SESSION_READY || s->redundancy->move_to == s->redundancy->current)
        return;
    go_to(s, s->redundancy->move_to);
    session_leave(s, UA_STATUSCODE_BADSERVERHALTED);
}

static void judge(struct opcua_session *s, uint8_t level)
{
    struct session_redundancy *r = s->redundancy;
    uint64_t now = loop_now_ms(s->loop);
    size_t best = r->current;
    r->servers[r->current].level = level;
    r->servers[r->current].trusted_ms = now + LEVEL_TRUSTED_MS;
    for (size_t i = 0; i < r->count; i++)
        if (believed(r, i, now) > believed(r, best, now))
            best = i;
    if (level >= LEVEL_HEALTHY || best == r->current)
        return;
    r->move_to = best;
    loop_timer_start(s->loop, &r->move, 0, on_move, s); /* not from within the stack */
}

bool session_redundancy_next(struct opcua_session *s)
{
    struct session_redundancy *r = s->redundancy;
    if (!r || r->count < 2)
        return false;
    uint64_t now = loop_now_ms(s->loop);
    r->servers[r->current].level = 0;
    r->servers[r->current].trusted_ms = now + FAILURE_TRUSTED_MS;
    size_t next = (r->current + 1) % r->count;
    for (size_t n = 1; n < r->count; n++) {
        size_t i = (r->current + n) % r->count;
        if (believed(r, i, now) > believed(r, next, now))
            next = i;
    }
    go_to(s, next);
    return true;
}

/* ---- who there is ---- */

static void add(struct session_redundancy *r, struct slice url)
{
    for (size_t i = 0; i < r->count; i++)
        if (slice_eq(slice_of(r->servers[i].url), url))
            return;
    if (r->count < SERVERS_MAX)
        r->servers[r->count++].url = slice_dup(url);
}

void session_redundancy_begin(struct opcua_session *s)
{
    struct slice rest = slice_of(s->alternatives), url;
    while (rest.len && slice_split(&rest, ' ', &url))
        if (url.len)
            add(redundancy_of(s), url);
}

static void add_server(struct opcua_session *s, const UA_ApplicationDescription *a)
{
    struct slice own = opcua_session_application_uri(s);
    if (slice_eq(opcua_slice(a->applicationUri), own))
        return;
    for (size_t i = 0; i < a->discoveryUrlsSize; i++) {
        struct slice url = opcua_slice(a->discoveryUrls[i]);
        if (slice_starts(url, SLICE("opc.tcp://"))) {
            add(s->redundancy, url);
            return;
        }
    }
}

static void on_servers(void *arg, UA_StatusCode status, void *response)
{
    struct opcua_session *s = arg;
    const UA_FindServersResponse *found = response;
    s->redundancy->call = NULL;
    if (!found && !opcua_call_was_lost(status))
        log_warn("opcua redundant servers not found url=%s status=%s", s->url,
                 UA_StatusCode_name(status));
    size_t before = s->redundancy->count;
    for (size_t i = 0; found && i < found->serversSize; i++)
        add_server(s, &found->servers[i]);
    if (s->redundancy->count > before)
        log_info("opcua redundant servers url=%s count=%zu", s->url, s->redundancy->count);
}

static void find_servers(struct opcua_session *s, const UA_Variant *uris)
{
    /* Without an endpointUrl: some servers would give that for all of them. */
    UA_FindServersRequest request = {.serverUrisSize = uris->arrayLength, .serverUris = uris->data};
    redundancy_of(s)->call =
        session_call_early(s, &request, &UA_TYPES[UA_TYPES_FINDSERVERSREQUEST],
                           &UA_TYPES[UA_TYPES_FINDSERVERSRESPONSE], on_servers, s, CALL_MS);
}

/* Cold, warm, hot, and hot with mirrored data: all the same to us. */
static bool is_redundant(const UA_Variant *support)
{
    if (!UA_Variant_isScalar(support) || !support->data)
        return false;
    bool number = support->type == &UA_TYPES[UA_TYPES_INT32] ||
                  support->type->typeKind == UA_DATATYPEKIND_ENUM;
    UA_Int32 kind = number ? *(UA_Int32 *)support->data : 0;
    return kind == UA_REDUNDANCYSUPPORT_COLD || kind == UA_REDUNDANCYSUPPORT_WARM ||
           kind == UA_REDUNDANCYSUPPORT_HOT || kind == UA_REDUNDANCYSUPPORT_HOTANDMIRRORED;
}

static void on_read(void *arg, UA_StatusCode status, void *response)
{
    struct opcua_session *s = arg;
    const UA_ReadResponse *r = response;
    (void)status;
    if (s->redundancy)
        s->redundancy->call = NULL;
    if (!r || r->resultsSize != NODES)
        return;
    const UA_Variant *uris = &r->results[URIS].value, *level = &r->results[LEVEL].value;
    bool named = UA_Variant_hasArrayType(uris, &UA_TYPES[UA_TYPES_STRING]) && uris->arrayLength > 0;
    if (is_redundant(&r->results[SUPPORT].value) && named &&
        (!s->servers_asked || s->redundancy->count < 2)) {
        s->servers_asked = true;
        find_servers(s, uris);
    }
    if (s->redundancy && UA_Variant_hasScalarType(level, &UA_TYPES[UA_TYPES_BYTE]))
        judge(s, *(UA_Byte *)level->data);
}

/* Once when it is ready; of redundant servers again with each look at whether it lives. */
void session_redundancy_ask(struct opcua_session *s, bool ready)
{
    static const UA_UInt32 nodes[NODES] = {[SUPPORT] =
                                               UA_NS0ID_SERVER_SERVERREDUNDANCY_REDUNDANCYSUPPORT,
                                           [URIS] = UA_NS0ID_SERVER_SERVERREDUNDANCY_SERVERURIARRAY,
                                           [LEVEL] = UA_NS0ID_SERVER_SERVICELEVEL};
    if (ready)
        s->servers_asked = false;
    if (!ready && (!s->redundancy || s->redundancy->call))
        return;
    UA_ReadValueId read[NODES];
    for (size_t i = 0; i < NODES; i++)
        read[i] = (UA_ReadValueId){.nodeId = UA_NODEID_NUMERIC(0, nodes[i]),
                                   .attributeId = UA_ATTRIBUTEID_VALUE};
    UA_ReadRequest request = {.timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER,
                              .nodesToReadSize = NODES,
                              .nodesToRead = read};
    struct opcua_call *call =
        session_call_early(s, &request, &UA_TYPES[UA_TYPES_READREQUEST],
                           &UA_TYPES[UA_TYPES_READRESPONSE], on_read, s, CALL_MS);
    if (s->redundancy)
        s->redundancy->call = call;
}

void session_redundancy_clear(struct opcua_session *s)
{
    struct session_redundancy *r = s->redundancy;
    if (!r)
        return;
    loop_timer_stop(&r->move);
    for (size_t i = 0; i < r->count; i++)
        free(r->servers[i].url);
    free(r);
    s->redundancy = NULL;
}
