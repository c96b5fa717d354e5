/* What a historian answered is told, as soon as what is in its structures is known: late values
 * have the patience that live ones have (source_types.c). */
#include "writers/backfill_priv.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/types.h"

#define TYPE_MS 5000 /* until one is given up */
#define FAILURES_MAX 8
#define EMPTY_MAX 100 /* pages in a row in which nothing is new */

struct backfill_page {
    struct backfill_item *item;
    UA_HistoryReadResult result;
    struct opcua_types_load *asking;
    unsigned failures;
    bool steps; /* through types */
};

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
    struct backfill_gap_span *g = &i->gaps[0];
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
    b->empty = told > 0 ? 0 : b->empty + 1;
    if (more && b->empty > EMPTY_MAX) { /* the server has nothing, and does not come to an end */
        backfill_drop_continuation(b);
        backfill_tell_lost(i, i->gaps[0].from, i->gaps[0].until);
        more = false;
    }
    if (!more) {
        b->empty = 0;
        backfill_drop_gap(i, 0);
    }
    backfill_pump_later(b, b->config.rate ? count * 1000 / b->config.rate : 0);
}

static void page_free(struct backfill *b)
{
    opcua_types_cancel(&b->page->asking);
    UA_HistoryReadResult_clear(&b->page->result);
    free(b->page);
    b->page = NULL;
}

/* ---- types ---- */

static bool is_wanted(struct backfill *b, UA_NodeId *out)
{
    const UA_HistoryData *d = data_of(&b->page->result);
    const struct opcua_types *types = opcua_session_types(b->session);
    for (size_t n = 0; d && n < d->dataValuesSize; n++)
        if (opcua_types_wanted(types, &d->dataValues[n].value, out))
            return true;
    return false;
}

static void settle(struct backfill *b);

static void on_type(void *arg, const UA_DataType *type)
{
    struct backfill *b = arg;
    b->page->failures = type ? 0 : b->page->failures + 1;
    if (b->page->steps)
        return;
    if (opcua_session_state(b->session) == OPCUA_SESSION_READY)
        settle(b);
    else
        backfill_page_drop(b); /* it is asked for again */
}

static void ask(struct backfill *b, const UA_NodeId *id)
{
    opcua_types_load(opcua_session_types(b->session), b->session,
                     &(struct opcua_types_question){.id = id,
                                                    .encoding = true,
                                                    .timeout_ms = TYPE_MS,
                                                    .fn = on_type,
                                                    .arg = b,
                                                    .out = &b->page->asking});
}

/* One type after the other; what is known is told at once. */
static void settle(struct backfill *b)
{
    struct backfill_page *p = b->page;
    UA_NodeId id;
    p->steps = true;
    while (!p->asking && p->failures < FAILURES_MAX && is_wanted(b, &id)) {
        ask(b, &id);
        UA_NodeId_clear(&id);
    }
    p->steps = false;
    if (p->asking)
        return;
    end_page(p->item, &p->result);
    page_free(b);
}

void backfill_page_take(struct backfill_item *i, UA_HistoryReadResult *r)
{
    struct backfill *b = i->owner;
    b->page = MEMORY_NEW(struct backfill_page);
    b->page->item = i;
    b->page->result = *r;
    UA_HistoryReadResult_init(r);
    settle(b);
}

void backfill_page_leave(struct backfill_item *i)
{
    if (i->owner->page && i->owner->page->item == i)
        backfill_page_drop(i->owner);
}

void backfill_page_drop(struct backfill *b)
{
    if (!b->page)
        return;
    backfill_lose_continuation(b);
    backfill_release(b->session, b->page->result.continuationPoint);
    page_free(b);
}
