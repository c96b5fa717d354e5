#include "publisher/backfill.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/lookup.h"

#define CALL_MS 30000
#define ROOM_MS 200 /* until it is worth asking for room again */
#define TRY_MS 1000 /* after a call that failed; longer each time */
#define FOR_EVER INT64_MAX

enum history { HISTORY_UNKNOWN, HISTORY_THERE, HISTORY_NONE };

struct gap {
    UA_DateTime from, until; /* both were told; FOR_EVER: nobody knows yet */
};

struct backfill_item {
    struct link link; /* in the queue, when it has a gap whose end is known */
    struct backfill *owner;
    const char *node, *path, *index_range;
    UA_NodeId at; /* at the end of the path, on this server; null: not looked for yet */
    struct opcua_lookup *lookup;
    void *arg;
    UA_DateTime last; /* of the values that were told; 0: none */
    struct gap *gaps; /* the first is read; BACKFILL_GAPS_MAX of them, or NULL */
    uint8_t gap_count;
    bool open; /* the next live value is the end of the last gap */
    uint8_t history, tries;
    UA_DateTime beyond; /* where a gap more than there may be began; 0: none */
};

/* A call that is out. Outlives the backfill, and its items. */
struct asking {
    struct backfill *owner;                                /* NULL: nobody is interested */
    struct backfill_item *items[BACKFILL_CHECKED_AT_ONCE]; /* NULL: gone meanwhile */
    size_t count;
    struct opcua_session *session;
};

struct backfill {
    struct link link;
    struct opcua_session *session;
    struct loop *loop;
    struct opcua_session_listener listener;
    struct backfill_config config;
    struct list queue;
    struct loop_timer timer; /* until the next call */
    struct asking *out;
    UA_ByteString continuation; /* of the first item's gap */
    struct gap asked;           /* the same for all pages of a continuation */
    unsigned refs;
};

static void pump(struct backfill *b);
static void forget_node(struct backfill_item *i);
static void release(struct opcua_session *s, UA_ByteString continuation);

static void on_timer(void *arg)
{
    pump(arg);
}

static void pump_later(struct backfill *b, uint64_t ms)
{
    loop_timer_start(b->loop, &b->timer, ms, on_timer, b);
}

/* ---- gaps ---- */

static void enqueue(struct backfill_item *i)
{
    struct backfill *b = i->owner;
    if (list_linked(&i->link))
        return;
    list_push(&b->queue, &i->link);
    b->config.counts->waiting++;
    pump_later(b, 0);
}

static void drop_continuation(struct backfill *b)
{
    release(b->session, b->continuation);
    UA_ByteString_clear(&b->continuation);
}

static void dequeue(struct backfill_item *i)
{
    if (!list_linked(&i->link))
        return;
    if (list_first(&i->owner->queue) == &i->link)
        drop_continuation(i->owner);
    list_remove(&i->link);
    i->owner->config.counts->waiting--;
}

static void drop_gap(struct backfill_item *i, size_t at)
{
    memmove(&i->gaps[at], &i->gaps[at + 1], (i->gap_count - at - 1) * sizeof *i->gaps);
    i->tries = 0;
    if (--i->gap_count > 0)
        return;
    free(i->gaps);
    i->gaps = NULL;
    i->open = false;
    dequeue(i);
    forget_node(i);
}

static void tell_lost(struct backfill_item *i, UA_DateTime from, UA_DateTime until)
{
    i->owner->config.counts->lost++;
    i->owner->config.events->on_lost(i->arg, from, until);
}

void backfill_resume(struct backfill_item *i, UA_DateTime last)
{
    i->last = last;
    backfill_gap(i, true, 0);
}

UA_DateTime backfill_told(const struct backfill_item *i)
{
    return i->gap_count > 0 ? i->gaps[0].from : i->last;
}

static bool is_readable(const struct backfill_item *i)
{
    return i->gap_count > 0 && i->gaps[0].until != FOR_EVER;
}

void backfill_gap(struct backfill_item *i, bool anew, UA_DateTime now)
{
    if (i->last == 0 || i->open || i->beyond)
        return; /* nothing was told before, or since */
    i->owner->config.counts->gaps++;
    if (i->gap_count == BACKFILL_GAPS_MAX) {
        i->beyond = i->last;
        return;
    }
    if (!i->gaps)
        i->gaps = memory_new(BACKFILL_GAPS_MAX * sizeof *i->gaps);
    i->gaps[i->gap_count++] = (struct gap){i->last, anew ? FOR_EVER : now};
    i->open = true;
    if (is_readable(i))
        enqueue(i);
}

static void close_gap(struct backfill_item *i, UA_DateTime time)
{
    struct gap *g = &i->gaps[i->gap_count - 1];
    i->open = false;
    if (time > g->from && time < g->until)
        g->until = time;
    if (g->until == FOR_EVER) /* the value of before again: nothing was missed */
        drop_gap(i, i->gap_count - 1u);
    if (is_readable(i))
        enqueue(i);
}

void backfill_value(struct backfill_item *i, const UA_DataValue *v)
{
    UA_DateTime time = v->hasSourceTimestamp   ? v->sourceTimestamp
                       : v->hasServerTimestamp ? v->serverTimestamp
                                               : 0;
    if (time == 0)
        return;
    if (i->open)
        close_gap(i, time);
    if (i->beyond && time > i->beyond)
        tell_lost(i, i->beyond, time);
    i->beyond = 0;
    if (time > i->last)
        i->last = time;
}

/* ---- calls ---- */

static struct asking *asking_new(struct backfill *b)
{
    struct asking *a = MEMORY_NEW(struct asking);
    a->owner = b;
    a->session = b->session;
    b->out = a;
    return a;
}

/* The one that asked, if it is still there. */
static struct backfill *end_asking(struct asking *a)
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
    log_info("publisher gap cannot be read node=%s url=%.*s status=%s", i->node,
             SLICE_FMT(opcua_session_url(i->owner->session)), opcua_status_name(why));
    drop_continuation(i->owner);
    tell_lost(i, i->gaps[0].from, i->gaps[0].until);
    drop_gap(i, 0);
}

/* ---- which node ---- */

static bool has_node(const struct backfill_item *i)
{
    return !i->path || !UA_NodeId_isNull(&i->at);
}

/* Not good: it means nothing to this server, or a path has not been followed. */
static enum status node_of(const struct backfill_item *i, UA_NodeId *out)
{
    if (i->path)
        return UA_NodeId_copy(&i->at, out) == UA_STATUSCODE_GOOD ? OK : NOT_FOUND;
    return opcua_node_id_parse(slice_of(i->node), opcua_session_namespaces(i->owner->session), out,
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
    pump_later(i->owner, 0);
}

static void forget_node(struct backfill_item *i)
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
    i->history = there ? HISTORY_THERE : HISTORY_NONE;
}

static void on_access(void *arg, UA_StatusCode status, void *response)
{
    struct asking *a = arg;
    const UA_ReadResponse *r = response;
    struct backfill *b = end_asking(a);
    bool answered = r && r->resultsSize == a->count;
    if (b && !was_lost(b, status)) {
        for (size_t n = 0; n < a->count; n++)
            if (a->items[n] && answered)
                take_access(a->items[n], &r->results[n]);
            else if (a->items[n])
                a->items[n]->history = HISTORY_THERE; /* the read will show */
        pump_later(b, 0);
    }
    free(a);
}

static void ask_access(struct backfill *b)
{
    UA_ReadValueId what[BACKFILL_CHECKED_AT_ONCE];
    struct asking *a = asking_new(b);
    uint32_t most = opcua_session_limits(b->session)->nodes_per_read;
    if (!most || most > BACKFILL_CHECKED_AT_ONCE)
        most = BACKFILL_CHECKED_AT_ONCE;
    LIST_EACH(l, &b->queue)
    {
        struct backfill_item *i = LIST_OF(l, struct backfill_item, link);
        if (i->history != HISTORY_UNKNOWN || a->count == most || !has_node(i))
            continue;
        UA_ReadValueId_init(&what[a->count]);
        what[a->count].attributeId = UA_ATTRIBUTEID_USERACCESSLEVEL;
        if (node_of(i, &what[a->count].nodeId) == OK)
            a->items[a->count++] = i;
        else
            i->history = HISTORY_NONE;
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
        pump_later(b, 0);
    }
    for (size_t n = 0; n < count; n++)
        UA_NodeId_clear(&what[n].nodeId);
}

/* ---- pages ---- */

static void ignore(void *arg, UA_StatusCode status, void *response)
{
    (void)arg, (void)status, (void)response;
}

static void read_page(struct opcua_session *s, const UA_NodeId *node, const char *range,
                      const struct gap *g, UA_ByteString continuation, bool release,
                      opcua_call_fn *fn, void *arg)
{
    UA_ReadRawModifiedDetails details = {
        .startTime = g->from, .endTime = g->until, .numValuesPerNode = BACKFILL_PAGE};
    UA_HistoryReadValueId what = {.nodeId = *node,
                                  .indexRange = opcua_string_of(slice_of(range)),
                                  .continuationPoint = continuation};
    UA_HistoryReadRequest request = {.timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH,
                                     .releaseContinuationPoints = release,
                                     .nodesToReadSize = 1,
                                     .nodesToRead = &what};
    UA_ExtensionObject_setValueNoDelete(&request.historyReadDetails, &details,
                                        &UA_TYPES[UA_TYPES_READRAWMODIFIEDDETAILS]);
    OPCUA_CALL(s, OPCUA_CALL_NOW, HISTORYREAD, &request, fn, arg, CALL_MS);
}

/* Nobody wants the rest: the server need not keep it. */
static void release(struct opcua_session *s, UA_ByteString continuation)
{
    const struct gap none = {0};
    if (continuation.length && opcua_session_state(s) == OPCUA_SESSION_READY)
        read_page(s, &UA_NODEID_NULL, NULL, &none, continuation, true, ignore, NULL);
}

static const UA_HistoryData *data_of(const UA_HistoryReadResult *r)
{
    bool is = r->historyData.encoding >= UA_EXTENSIONOBJECT_DECODED &&
              r->historyData.content.decoded.type == &UA_TYPES[UA_TYPES_HISTORYDATA];
    return is ? r->historyData.content.decoded.data : NULL;
}

static UA_DateTime time_of(const UA_DataValue *v)
{
    return v->hasSourceTimestamp ? v->sourceTimestamp : v->serverTimestamp;
}

/* How many were told: those strictly inside the gap. It begins behind them afterwards. */
static size_t tell_page(struct backfill_item *i, const UA_HistoryData *d)
{
    struct gap *g = &i->gaps[0];
    UA_DateTime from = g->from;
    size_t told = 0;
    for (size_t n = 0; d && n < d->dataValuesSize; n++) {
        UA_DateTime time = time_of(&d->dataValues[n]);
        if (time <= from || time >= g->until)
            continue;
        i->owner->config.events->on_late(i->arg, &d->dataValues[n]);
        told++;
        if (time > g->from)
            g->from = time;
    }
    i->owner->config.counts->values += told;
    return told;
}

static void end_page(struct backfill_item *i, UA_HistoryReadResult *r)
{
    struct backfill *b = i->owner;
    const UA_HistoryData *d = data_of(r);
    size_t count = d ? d->dataValuesSize : 0, told = tell_page(i, d);
    i->tries = 0;
    UA_ByteString_clear(&b->continuation);
    b->continuation = r->continuationPoint;
    r->continuationPoint = UA_BYTESTRING_NULL;
    /* A full page without a continuation may be all, or all that this server gives at once. */
    bool more = b->continuation.length > 0 || (count >= BACKFILL_PAGE && told > 0);
    if (!more)
        drop_gap(i, 0);
    pump_later(b, b->config.rate ? count * 1000 / b->config.rate : 0);
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
    drop_continuation(b); /* it may have it still: the call may have been lost on its way */
    if (is_worth_a_try(why) && ++i->tries < BACKFILL_TRIES_MAX) {
        pump_later(b, (uint64_t)TRY_MS << i->tries);
        return;
    }
    if (why == UA_STATUSCODE_BADHISTORYOPERATIONUNSUPPORTED)
        i->history = HISTORY_NONE;
    give_up(i, why);
    pump_later(b, 0);
}

static void on_page(void *arg, UA_StatusCode status, void *response)
{
    struct asking *a = arg;
    UA_HistoryReadResponse *r = response;
    UA_HistoryReadResult *result = r && r->resultsSize == 1 ? r->results : NULL;
    struct backfill *b = end_asking(a);
    struct backfill_item *i = a->items[0];
    if (result)
        status = result->statusCode;
    if (!b || !i) {
        if (result)
            release(a->session, result->continuationPoint);
        if (b)
            pump_later(b, 0);
    } else if (was_lost(b, status)) {
        UA_ByteString_clear(&b->continuation); /* it was the session's */
    } else if (!result || UA_StatusCode_isBad(status)) {
        end_failed(i, UA_StatusCode_isBad(status) ? status : UA_STATUSCODE_BADUNEXPECTEDERROR);
    } else {
        end_page(i, result);
    }
    free(a);
}

static void ask_page(struct backfill *b, struct backfill_item *i)
{
    UA_NodeId node;
    if (node_of(i, &node) != OK) {
        give_up(i, UA_STATUSCODE_BADNODEIDUNKNOWN);
        pump_later(b, 0);
        return;
    }
    struct asking *a = asking_new(b);
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
    if (!l || b->out || opcua_session_state(b->session) != OPCUA_SESSION_READY)
        return;
    struct backfill_item *i = LIST_OF(l, struct backfill_item, link);
    if (!is_readable(i)) { /* its next gap has no end yet: close_gap() brings it back */
        dequeue(i);
        pump_later(b, 0);
    } else if (!b->config.events->has_room(i->arg)) {
        pump_later(b, ROOM_MS);
    } else if (!has_node(i)) {
        if (!i->lookup)
            i->lookup = opcua_lookup(b->session, 0, i->node, i->path, on_node, i, 0);
    } else if (i->history == HISTORY_UNKNOWN) {
        ask_access(b);
    } else if (i->history == HISTORY_NONE) {
        give_up(i, UA_STATUSCODE_BADHISTORYOPERATIONUNSUPPORTED);
        pump_later(b, 0);
    } else {
        ask_page(b, i);
    }
}

/* ---- what the header promised ---- */

static void on_ready(void *arg, bool same)
{
    struct backfill *b = arg;
    if (!same)
        UA_ByteString_clear(&b->continuation);
    LIST_EACH(l, &b->queue)
    {
        struct backfill_item *i = LIST_OF(l, struct backfill_item, link);
        if (!same && !i->lookup) /* the server may be another one */
            forget_node(i);
    }
    pump_later(b, 0);
}

struct backfill_item *backfill_item_new(struct backfill *b, const char *node, const char *path,
                                        const char *index_range, void *arg)
{
    struct backfill_item *i = MEMORY_NEW(struct backfill_item);
    i->owner = b;
    i->node = node;
    i->path = path;
    i->index_range = index_range;
    i->arg = arg;
    b->refs++;
    return i;
}

void backfill_item_free(struct backfill_item **item)
{
    struct backfill_item *i = *item;
    if (!i)
        return;
    struct backfill *b = i->owner;
    dequeue(i);
    forget_node(i);
    for (size_t n = 0; b->out && n < b->out->count; n++)
        if (b->out->items[n] == i)
            b->out->items[n] = NULL;
    free(i->gaps);
    free(i);
    *item = NULL;
    backfill_unref(&b);
}

struct backfill *backfill_get(struct list *all, struct opcua_session *s,
                              const struct backfill_config *config)
{
    LIST_EACH(l, all)
    {
        struct backfill *b = LIST_OF(l, struct backfill, link);
        if (b->session == s) {
            b->refs++;
            return b;
        }
    }
    struct backfill *b = MEMORY_NEW(struct backfill);
    b->session = s;
    b->loop = opcua_thread_loop(opcua_session_thread(s));
    b->config = *config;
    b->refs = 1;
    list_init(&b->queue);
    list_push(all, &b->link);
    b->listener = (struct opcua_session_listener){.on_ready = on_ready, .arg = b};
    opcua_session_listen(s, &b->listener);
    return b;
}

void backfill_unref(struct backfill **backfill)
{
    struct backfill *b = *backfill;
    *backfill = NULL;
    if (!b || --b->refs > 0)
        return;
    opcua_session_unlisten(&b->listener);
    loop_timer_stop(&b->timer);
    list_remove(&b->link);
    if (b->out)
        b->out->owner = NULL;
    UA_ByteString_clear(&b->continuation);
    free(b);
}
