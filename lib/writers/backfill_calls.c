/* Asking a historian: which node it is, whether it has history, and page after page. */
#include "writers/backfill_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

#define CALL_MS 30000
#define ROOM_MS 200 /* until it is worth asking for room again */
#define TRY_MS 1000 /* after a call that failed; longer each time */

/* A call that is out. Outlives the backfill, and its items. */
struct backfill_asking {
    struct backfill *owner;                                /* NULL: nobody is interested */
    struct backfill_item *items[BACKFILL_CHECKED_AT_ONCE]; /* NULL: gone meanwhile */
    size_t count;
    struct opcua_session *session;
};

static void pump(struct backfill *b);

static void on_timer(void *arg)
{
    pump(arg);
}

void backfill_pump_later(struct backfill *b, uint64_t ms)
{
    loop_timer_start(b->loop, &b->timer, ms, on_timer, b);
}

/* ---- calls ---- */

static struct backfill_asking *asking_new(struct backfill *b)
{
    struct backfill_asking *a = MEMORY_NEW(struct backfill_asking);
    a->owner = b;
    a->session = b->session;
    b->out = a;
    return a;
}

/* The one that asked, if it is still there. */
static struct backfill *end_asking(struct backfill_asking *a)
{
    if (a->owner)
        a->owner->out = NULL;
    return a->owner;
}

/* The connection broke: on_ready() goes on. */
static bool was_lost(const struct backfill *b, UA_StatusCode status)
{
    return UA_StatusCode_isBad(status) &&
           (opcua_call_was_lost(status) || opcua_session_state(b->session) != OPCUA_SESSION_READY);
}

static void give_up(struct backfill_item *i, UA_StatusCode why)
{
    log_info("publisher gap cannot be read node=%.*s url=%.*s status=%s",
             SLICE_FMT(i->node), SLICE_FMT(opcua_session_url(i->owner->session)), opcua_status_name(why));
    backfill_drop_continuation(i->owner);
    i->owner->empty = 0;
    backfill_tell_lost(i, i->gaps[0].from, i->gaps[0].until);
    backfill_drop_gap(i, 0);
}

/* ---- which node ---- */

static bool has_node(const struct backfill_item *i)
{
    return !i->path.len || !UA_NodeId_isNull(&i->at);
}

/* Not good: it means nothing to this server, or a path has not been followed. */
static enum status node_of(const struct backfill_item *i, UA_NodeId *out)
{
    if (i->path.len)
        return UA_NodeId_copy(&i->at, out) == UA_STATUSCODE_GOOD ? OK : NOT_FOUND;
    return opcua_node_id_parse(i->node, opcua_session_namespaces(i->owner->session), out,
                               NULL);
}

static void on_node(void *arg, uint32_t tag, const struct opcua_lookup_answer *a)
{
    struct backfill_item *i = arg;
    (void)tag;
    i->lookup = NULL;
    if (UA_StatusCode_isBad(a->status))
        give_up(i, a->status);
    else
        UA_NodeId_copy(a->node, &i->at);
    backfill_pump_later(i->owner, 0);
}

void backfill_forget_node(struct backfill_item *i)
{
    UA_NodeId_clear(&i->at);
    if (i->lookup)
        opcua_lookup_cancel(i->lookup);
    i->lookup = NULL;
}

/* ---- whether there is history ---- */

static void take_access(struct backfill_item *i, const UA_DataValue *v)
{
    bool known = v->hasValue && UA_Variant_hasScalarType(&v->value, &UA_TYPES[UA_TYPES_BYTE]);
    bool there = known && *(UA_Byte *)v->value.data & UA_ACCESSLEVELMASK_HISTORYREAD;
    i->history = there ? BACKFILL_HISTORY_THERE : BACKFILL_HISTORY_NONE;
}

static void on_access(void *arg, UA_StatusCode status, void *response)
{
    struct backfill_asking *a = arg;
    const UA_ReadResponse *r = response;
    struct backfill *b = end_asking(a);
    bool answered = r && r->resultsSize == a->count;
    if (b && !was_lost(b, status)) {
        for (size_t n = 0; n < a->count; n++)
            if (a->items[n] && answered)
                take_access(a->items[n], &r->results[n]);
            else if (a->items[n])
                a->items[n]->history = BACKFILL_HISTORY_THERE; /* the read will show */
        backfill_pump_later(b, 0);
    }
    free(a);
}

static void ask_access(struct backfill *b)
{
    UA_ReadValueId what[BACKFILL_CHECKED_AT_ONCE];
    struct backfill_asking *a = asking_new(b);
    uint32_t most = opcua_session_limits(b->session)->nodes_per_read;
    if (!most || most > BACKFILL_CHECKED_AT_ONCE)
        most = BACKFILL_CHECKED_AT_ONCE;
    LIST_EACH(l, &b->queue)
    {
        struct backfill_item *i = LIST_OF(l, struct backfill_item, link);
        if (i->history != BACKFILL_HISTORY_UNKNOWN || a->count == most || !has_node(i))
            continue;
        UA_ReadValueId_init(&what[a->count]);
        what[a->count].attributeId = UA_ATTRIBUTEID_USERACCESSLEVEL;
        if (node_of(i, &what[a->count].nodeId) == OK)
            a->items[a->count++] = i;
        else
            i->history = BACKFILL_HISTORY_NONE;
    }
    UA_ReadRequest request = {.timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER,
                              .nodesToReadSize = a->count,
                              .nodesToRead = what};
    size_t count = a->count;
    if (count) {
        OPCUA_CALL(b->session, OPCUA_CALL_NOW, READ, &request, on_access, a, CALL_MS);
    } else {
        end_asking(a);
        free(a);
        backfill_pump_later(b, 0);
    }
    for (size_t n = 0; n < count; n++)
        UA_NodeId_clear(&what[n].nodeId);
}

/* ---- pages ---- */

static void ignore(void *arg, UA_StatusCode status, void *response)
{
    (void)arg, (void)status, (void)response;
}

static void read_page(struct opcua_session *s, const UA_NodeId *node, struct slice range,
                      const struct backfill_gap_span *g, UA_ByteString continuation, bool release,
                      opcua_call_fn *fn, void *arg)
{
    UA_ReadRawModifiedDetails details = {
        .startTime = g->from, .endTime = g->until, .numValuesPerNode = BACKFILL_PAGE};
    UA_HistoryReadValueId what = {.nodeId = *node,
                                  .indexRange = opcua_string_of(range),
                                  .continuationPoint = continuation};
    UA_HistoryReadRequest request = {.timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH,
                                     .releaseContinuationPoints = release,
                                     .nodesToReadSize = 1,
                                     .nodesToRead = &what};
    UA_ExtensionObject_setValueNoDelete(&request.historyReadDetails, &details,
                                        &UA_TYPES[UA_TYPES_READRAWMODIFIEDDETAILS]);
    OPCUA_CALL(s, OPCUA_CALL_NOW, HISTORYREAD, &request, fn, arg, CALL_MS);
}

void backfill_release(struct opcua_session *s, UA_ByteString continuation)
{
    const struct backfill_gap_span none = {0};
    if (continuation.length && opcua_session_state(s) == OPCUA_SESSION_READY)
        read_page(s, &UA_NODEID_NULL, (struct slice){0}, &none, continuation, true, ignore, NULL);
}

void backfill_drop_continuation(struct backfill *b)
{
    backfill_release(b->session, b->continuation);
    UA_ByteString_clear(&b->continuation);
}

void backfill_lose_continuation(struct backfill *b)
{
    UA_ByteString_clear(&b->continuation);
    b->empty = 0;
}

static bool is_worth_a_try(UA_StatusCode status)
{
    return status == UA_STATUSCODE_BADTIMEOUT || status == UA_STATUSCODE_BADTOOMANYOPERATIONS ||
           status == UA_STATUSCODE_BADNOCONTINUATIONPOINTS ||
           status == UA_STATUSCODE_BADCONTINUATIONPOINTINVALID ||
           status == UA_STATUSCODE_BADTCPSERVERTOOBUSY ||
           status == UA_STATUSCODE_BADRESOURCEUNAVAILABLE;
}

static void end_failed(struct backfill_item *i, UA_StatusCode why)
{
    struct backfill *b = i->owner;
    backfill_drop_continuation(b); /* it may have it still: the call may have been lost on its way */
    if (is_worth_a_try(why) && ++i->tries < BACKFILL_TRIES_MAX) {
        backfill_pump_later(b, (uint64_t)TRY_MS << i->tries);
        return;
    }
    if (why == UA_STATUSCODE_BADHISTORYOPERATIONUNSUPPORTED)
        i->history = BACKFILL_HISTORY_NONE;
    give_up(i, why);
    backfill_pump_later(b, 0);
}

static void on_page(void *arg, UA_StatusCode status, void *response)
{
    struct backfill_asking *a = arg;
    UA_HistoryReadResponse *r = response;
    UA_HistoryReadResult *result = r && r->resultsSize == 1 ? r->results : NULL;
    struct backfill *b = end_asking(a);
    struct backfill_item *i = a->items[0];
    if (result)
        status = result->statusCode;
    if (!b || !i) {
        if (result)
            backfill_release(a->session, result->continuationPoint);
        if (b)
            backfill_pump_later(b, 0);
    } else if (was_lost(b, status)) {
        backfill_lose_continuation(b); /* it was the session's */
    } else if (!result || UA_StatusCode_isBad(status)) {
        end_failed(i, UA_StatusCode_isBad(status) ? status : UA_STATUSCODE_BADUNEXPECTEDERROR);
    } else {
        backfill_page_take(i, result);
    }
    free(a);
}

static void ask_page(struct backfill *b, struct backfill_item *i)
{
    UA_NodeId node;
    if (node_of(i, &node) != OK) {
        give_up(i, UA_STATUSCODE_BADNODEIDUNKNOWN);
        backfill_pump_later(b, 0);
        return;
    }
    struct backfill_asking *a = asking_new(b);
    a->items[a->count++] = i;
    if (!b->continuation.length)
        b->asked = i->gaps[0];
    read_page(b->session, &node, i->index_range, &b->asked, b->continuation, false, on_page, a);
    UA_NodeId_clear(&node);
}

/* The next call, if there is something to ask and nothing in its way. */
static void pump(struct backfill *b)
{
    struct link *l = list_first(&b->queue);
    if (!l || b->out || b->page || opcua_session_state(b->session) != OPCUA_SESSION_READY)
        return;
    struct backfill_item *i = LIST_OF(l, struct backfill_item, link);
    if (!backfill_is_readable(i)) { /* its next gap has no end yet: close_gap() brings it back */
        backfill_dequeue(i);
        backfill_pump_later(b, 0);
    } else if (!b->config.events->has_room(i->arg)) {
        backfill_pump_later(b, ROOM_MS);
    } else if (!has_node(i)) {
        if (!i->lookup)
            i->lookup = opcua_lookup(b->session, 0, i->node, i->path, on_node, i, 0);
    } else if (i->history == BACKFILL_HISTORY_UNKNOWN) {
        ask_access(b);
    } else if (i->history == BACKFILL_HISTORY_NONE) {
        give_up(i, UA_STATUSCODE_BADHISTORYOPERATIONUNSUPPORTED);
        backfill_pump_later(b, 0);
    } else {
        ask_page(b, i);
    }
}

/* ---- the end ---- */

void backfill_calls_leave(struct backfill_item *i)
{
    struct backfill_asking *out = i->owner->out;
    for (size_t n = 0; out && n < out->count; n++)
        if (out->items[n] == i)
            out->items[n] = NULL;
}

void backfill_calls_end(struct backfill *b)
{
    loop_timer_stop(&b->timer);
    if (b->out)
        b->out->owner = NULL;
}
