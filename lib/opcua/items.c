/* The monitored items of a subscription: created and deleted in batches, each with a fate of its
 * own. */
#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/subscription_priv.h"

#define CALL_MS 60000 /* slow controllers need seconds for a batch */
#define RETRY_MS 10000

static const uint16_t retry_s[] = {10, 30, 60, 300}; /* by the count of failures */

struct item_call {
    struct link link;
    struct opcua_subscription *subscription;
    struct opcua_call *call;
    size_t count;
    uint32_t indexes[];
};

/* ---- how many at once ---- */

/* What these products bear, whatever they claim; matched anywhere in the name. */
static const struct profile {
    const char *product;
    uint32_t batch;
} profiles[] = {{"S7-1200", 100}, {"S7-1500", 500}, {"SIMATIC", 500}, {"Prosys", 800}};

static uint32_t batch_of(const struct opcua_subscription *s)
{
    uint32_t batch = OPCUA_ITEMS_PER_CALL_MAX;
    uint32_t limit = opcua_session_limits(s->session)->monitored_items_per_call;
    const char *product = s->session->product ? s->session->product : "";
    if (limit && limit < batch)
        batch = limit;
    for (size_t i = 0; i < sizeof profiles / sizeof profiles[0]; i++)
        if (strcasestr(product, profiles[i].product) && profiles[i].batch < batch)
            batch = profiles[i].batch;
    return s->batch && s->batch < batch ? s->batch : batch;
}

static bool is_too_much(UA_StatusCode status)
{
    return status == UA_STATUSCODE_BADTOOMANYOPERATIONS ||
           status == UA_STATUSCODE_BADREQUESTTOOLARGE ||
           status == UA_STATUSCODE_BADRESPONSETOOLARGE ||
           status == UA_STATUSCODE_BADENCODINGLIMITSEXCEEDED ||
           status == UA_STATUSCODE_BADTCPMESSAGETOOLARGE || status == UA_STATUSCODE_BADTIMEOUT;
}

/* ---- the table ---- */

static uint32_t take_index(struct opcua_subscription *s)
{
    if (s->free_index != UINT32_MAX) {
        uint32_t index = s->free_index;
        s->free_index = s->slots[index].retry_s;
        return index;
    }
    if (s->slot_count == s->slot_cap) {
        s->slot_cap = s->slot_cap ? s->slot_cap + s->slot_cap / 2 : 64;
        s->slots = memory_resize(s->slots, s->slot_cap * sizeof *s->slots);
    }
    return s->slot_count++;
}

static void free_index(struct opcua_subscription *s, uint32_t index)
{
    s->slots[index] = (struct item_slot){.state = ITEM_FREE, .retry_s = s->free_index};
    s->free_index = index;
    s->used_count--;
}

static void make_new(struct opcua_subscription *s, uint32_t index)
{
    s->slots[index].state = ITEM_NEW;
    s->new_count++;
    if (index < s->new_from)
        s->new_from = index;
}

static uint32_t now_s(const struct opcua_subscription *s)
{
    return (uint32_t)(loop_now_ms(s->loop) / 1000);
}

static void tell_status(struct opcua_subscription *s, uint32_t index, UA_StatusCode status,
                        bool first)
{
    bool changed = s->slots[index].status != status || first;
    s->slots[index].status = status;
    if (changed && s->config.events->on_item)
        s->config.events->on_item(s->config.arg, index, status);
}

static void fail(struct opcua_subscription *s, uint32_t index, UA_StatusCode why)
{
    struct item_slot *i = &s->slots[index];
    size_t last = sizeof retry_s / sizeof retry_s[0] - 1;
    i->state = ITEM_FAILED;
    i->retry_s = now_s(s) + retry_s[i->failures < last ? i->failures : last];
    i->failures += i->failures < UINT8_MAX;
    s->failed_count++;
    tell_status(s, index, why, false);
}

static void delete_later(struct opcua_subscription *s, uint32_t index)
{
    if (s->to_delete_count == s->to_delete_cap) {
        s->to_delete_cap = s->to_delete_cap ? 2 * s->to_delete_cap : 64;
        s->to_delete = memory_resize(s->to_delete, s->to_delete_cap * sizeof *s->to_delete);
    }
    s->slots[index].state = ITEM_DELETING;
    s->to_delete[s->to_delete_count++] = index;
}

/* ---- calls ---- */

static struct item_call *call_new(struct opcua_subscription *s, size_t room)
{
    struct item_call *c = memory_new(sizeof *c + room * sizeof c->indexes[0]);
    c->subscription = s;
    list_push(&s->item_calls, &c->link);
    s->item_call_count++;
    return c;
}

static void call_free(struct item_call *c)
{
    list_remove(&c->link);
    c->subscription->item_call_count--;
    free(c);
}

/* The whole call failed. */
static void on_call_failed(struct opcua_subscription *s, size_t count, UA_StatusCode why)
{
    if (is_too_much(why) && count > 1)
        s->batch = (uint32_t)count / 2;
    if (why == UA_STATUSCODE_BADSUBSCRIPTIONIDINVALID || why == UA_STATUSCODE_BADTIMEOUT)
        subscription_restart(s, why); /* after a time-out nobody knows which items are there */
    if (is_too_much(why))
        log_warn("opcua items refused url=%s count=%zu status=%s next_batch=%u", s->session->url,
                 count, UA_StatusCode_name(why), batch_of(s));
}

static void end_creating(struct opcua_subscription *s, uint32_t index,
                         const UA_MonitoredItemCreateResult *r)
{
    struct item_slot *i = &s->slots[index];
    bool removed = i->state == ITEM_REMOVED;
    i->server_id = r->monitoredItemId;
    if (!removed && i->item.late_filter && s->config.events->on_filter)
        s->config.events->on_filter(s->config.arg, index, r->statusCode, &r->filterResult);
    if (UA_StatusCode_isBad(r->statusCode)) {
        if (removed)
            free_index(s, index);
        else
            fail(s, index, r->statusCode);
    } else if (removed) {
        delete_later(s, index);
    } else {
        i->state = ITEM_LIVE;
        i->failures = 0;
        s->live_count++;
        tell_status(s, index, UA_STATUSCODE_GOOD, true);
    }
}

/* The answer did not come, or the server did none: as if it had not been asked. */
static void undo_creating(struct opcua_subscription *s, uint32_t index, UA_StatusCode why,
                          bool alone)
{
    if (s->slots[index].state == ITEM_REMOVED)
        free_index(s, index);
    else if (alone && is_too_much(why))
        fail(s, index, why);
    else
        make_new(s, index);
}

static void on_created(void *arg, UA_StatusCode status, void *response)
{
    struct item_call *c = arg;
    struct opcua_subscription *s = c->subscription;
    UA_CreateMonitoredItemsResponse *r = response;
    bool answered = r && r->resultsSize == c->count;
    for (size_t i = 0; i < c->count; i++)
        if (answered)
            end_creating(s, c->indexes[i], &r->results[i]);
        else
            undo_creating(s, c->indexes[i], status, c->count == 1);
    size_t count = c->count;
    call_free(c);
    if (!answered) {
        s->uncertain = s->uncertain || subscription_call_was_lost(status);
        on_call_failed(s, count, status);
    }
    items_pump(s);
}

static uint32_t attribute_of(const struct opcua_item *i, const UA_ExtensionObject *filter)
{
    bool events = filter && filter->encoding >= UA_EXTENSIONOBJECT_DECODED &&
                  filter->content.decoded.type == &UA_TYPES[UA_TYPES_EVENTFILTER];
    return i->attribute ? i->attribute
           : events     ? UA_ATTRIBUTEID_EVENTNOTIFIER
                        : UA_ATTRIBUTEID_VALUE;
}

static void prepare(struct opcua_subscription *s, uint32_t index, const UA_NodeId *node,
                    const UA_ExtensionObject *filter, UA_MonitoredItemCreateRequest *out)
{
    const struct opcua_item *i = &s->slots[index].item;
    UA_MonitoredItemCreateRequest_init(out);
    out->itemToMonitor.nodeId = *node;
    out->itemToMonitor.attributeId = attribute_of(i, filter);
    out->itemToMonitor.indexRange = opcua_string_of(slice_of(i->index_range));
    out->monitoringMode = UA_MONITORINGMODE_REPORTING;
    out->requestedParameters.clientHandle = index;
    out->requestedParameters.samplingInterval = i->sampling_ms;
    out->requestedParameters.queueSize = i->queue_size;
    out->requestedParameters.discardOldest = !i->discard_new;
    if (filter)
        UA_ExtensionObject_copy(filter, &out->requestedParameters.filter);
}

/* Not good: the item needs a filter and there is none for this server, or not yet. */
static UA_StatusCode filter_of(struct opcua_subscription *s, uint32_t index,
                               const UA_ExtensionObject **filter)
{
    const struct opcua_item *i = &s->slots[index].item;
    *filter = i->filter;
    return i->late_filter ? s->config.events->filter(s->config.arg, index, filter)
                          : UA_STATUSCODE_GOOD;
}

/* Prepares the next new item that means something to this server. False: there is none. */
static bool next_new(struct opcua_subscription *s, uint32_t *index,
                     UA_MonitoredItemCreateRequest *out)
{
    while (s->new_count > 0) {
        uint32_t at = s->new_from++;
        assert(at < s->slot_count);
        if (s->slots[at].state != ITEM_NEW)
            continue;
        s->new_count--;
        UA_NodeId node;
        const UA_ExtensionObject *filter;
        UA_StatusCode filtered;
        enum status parsed = opcua_node_id_parse(slice_of(s->slots[at].item.node),
                                                 opcua_session_namespaces(s->session), &node, NULL);
        if (parsed != OK) {
            fail(s, at,
                 parsed == NOT_FOUND ? UA_STATUSCODE_BADNODEIDUNKNOWN
                                     : UA_STATUSCODE_BADNODEIDINVALID);
        } else if ((filtered = filter_of(s, at, &filter)) != UA_STATUSCODE_GOOD) {
            UA_NodeId_clear(&node);
            fail(s, at, filtered);
        } else {
            *index = at;
            prepare(s, at, &node, filter, out);
            return true;
        }
    }
    s->new_from = s->slot_count;
    return false;
}

/* False: nothing to create. */
static bool create_some(struct opcua_subscription *s)
{
    uint32_t most = batch_of(s);
    most = most < s->new_count ? most : s->new_count;
    if (most == 0)
        return false;
    struct item_call *c = call_new(s, most);
    UA_MonitoredItemCreateRequest *items = memory_new(most * sizeof *items);
    while (c->count < most && next_new(s, &c->indexes[c->count], &items[c->count]))
        s->slots[c->indexes[c->count++]].state = ITEM_CREATING;
    UA_CreateMonitoredItemsRequest request = {.subscriptionId = s->id,
                                              .timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH,
                                              .itemsToCreateSize = c->count,
                                              .itemsToCreate = items};
    bool any = c->count > 0;
    if (any)
        c->call = OPCUA_CALL(s->session, OPCUA_CALL_NOW, CREATEMONITOREDITEMS, &request, on_created,
                             c, CALL_MS);
    for (size_t i = 0; i < c->count; i++) {
        UA_NodeId_clear(&items[i].itemToMonitor.nodeId); /* the index range is borrowed */
        UA_ExtensionObject_clear(&items[i].requestedParameters.filter);
    }
    free(items);
    if (!any)
        call_free(c);
    return any;
}

static void on_deleted(void *arg, UA_StatusCode status, void *response)
{
    struct item_call *c = arg;
    struct opcua_subscription *s = c->subscription;
    size_t count = c->count;
    for (size_t i = 0; i < count; i++)
        if (response)
            free_index(s, c->indexes[i]);
        else
            delete_later(s, c->indexes[i]);
    call_free(c);
    if (!response)
        on_call_failed(s, count, status);
    items_pump(s);
}

static bool delete_some(struct opcua_subscription *s)
{
    size_t most = batch_of(s);
    most = most < s->to_delete_count ? most : s->to_delete_count;
    if (most == 0)
        return false;
    struct item_call *c = call_new(s, most);
    UA_UInt32 *ids = memory_new(most * sizeof *ids);
    for (; c->count < most; c->count++) {
        c->indexes[c->count] = s->to_delete[--s->to_delete_count];
        ids[c->count] = s->slots[c->indexes[c->count]].server_id;
    }
    UA_DeleteMonitoredItemsRequest request = {
        .subscriptionId = s->id, .monitoredItemIdsSize = most, .monitoredItemIds = ids};
    c->call = OPCUA_CALL(s->session, OPCUA_CALL_NOW, DELETEMONITOREDITEMS, &request, on_deleted, c,
                         CALL_MS);
    free(ids);
    return true;
}

/* ---- what is due ---- */

static void on_retry(void *arg)
{
    struct opcua_subscription *s = arg;
    uint32_t now = now_s(s);
    for (uint32_t i = 0; i < s->slot_count && s->failed_count > 0; i++)
        if (s->slots[i].state == ITEM_FAILED && now >= s->slots[i].retry_s) {
            s->failed_count--;
            make_new(s, i);
        }
    items_pump(s);
}

void items_pump(struct opcua_subscription *s)
{
    if (s->state == SUBSCRIPTION_LIVE && opcua_session_state(s->session) == OPCUA_SESSION_READY)
        while (s->item_call_count < OPCUA_ITEM_CALLS_MAX && (delete_some(s) || create_some(s)))
            ;
    if (s->failed_count > 0)
        loop_timer_start(s->loop, &s->retry, RETRY_MS, on_retry, s);
}

void items_init(struct opcua_subscription *s)
{
    list_init(&s->item_calls);
    s->free_index = UINT32_MAX;
}

static void drop_calls(struct opcua_subscription *s)
{
    LIST_EACH(l, &s->item_calls)
    {
        struct item_call *c = LIST_OF(l, struct item_call, link);
        opcua_call_cancel(c->call);
        call_free(c);
    }
}

void items_stop(struct opcua_subscription *s)
{
    loop_timer_stop(&s->retry);
}

static void restart_one(struct opcua_subscription *s, uint32_t index)
{
    struct item_slot *i = &s->slots[index];
    if (i->state == ITEM_REMOVED || i->state == ITEM_DELETING)
        free_index(s, index);
    else if (i->state != ITEM_FREE)
        make_new(s, index);
}

void items_restart(struct opcua_subscription *s)
{
    drop_calls(s);
    s->to_delete_count = 0;
    s->new_count = s->failed_count = s->live_count = 0;
    s->new_from = s->slot_count;
    s->uncertain = false;
    for (uint32_t i = 0; i < s->slot_count; i++)
        restart_one(s, i);
}

void items_clear(struct opcua_subscription *s)
{
    drop_calls(s);
    loop_timer_stop(&s->retry);
    loop_timer_stop(&s->pump);
    free(s->slots);
    free(s->to_delete);
}

/* ---- what the header promised ---- */

static void on_pump(void *arg)
{
    items_pump(arg);
}

enum status opcua_subscription_add(struct opcua_subscription *s, const struct opcua_item *items,
                                   size_t count, uint32_t *indexes)
{
    if (count > OPCUA_ITEMS_MAX - s->used_count)
        return FULL;
    for (size_t i = 0; i < count; i++) {
        uint32_t index = take_index(s);
        s->slots[index] = (struct item_slot){.item = items[i]};
        s->used_count++;
        make_new(s, index);
        if (indexes)
            indexes[i] = index;
    }
    loop_timer_start(s->loop, &s->pump, 0, on_pump, s); /* more may follow in this turn */
    return OK;
}

void opcua_subscription_retry(struct opcua_subscription *s, uint32_t index)
{
    struct item_slot *i = &s->slots[index];
    if (i->state != ITEM_FAILED)
        return;
    s->failed_count--;
    i->failures = 0;
    make_new(s, index);
    loop_timer_start(s->loop, &s->pump, 0, on_pump, s);
}

bool opcua_subscription_ids(const struct opcua_subscription *s, uint32_t index,
                            uint32_t *subscription, uint32_t *item)
{
    const struct item_slot *i = &s->slots[index];
    *subscription = s->id;
    *item = i->server_id;
    return s->state == SUBSCRIPTION_LIVE && i->state == ITEM_LIVE;
}

void opcua_subscription_remove(struct opcua_subscription *s, uint32_t index)
{
    struct item_slot *i = &s->slots[index];
    assert(index < s->slot_count && i->state != ITEM_FREE);
    i->item = (struct opcua_item){0}; /* its texts may go */
    switch ((enum item_state)i->state) {
    case ITEM_NEW:
        s->new_count--;
        free_index(s, index);
        break;
    case ITEM_FAILED:
        s->failed_count--;
        free_index(s, index);
        break;
    case ITEM_CREATING:
        i->state = ITEM_REMOVED;
        break;
    case ITEM_LIVE:
        s->live_count--;
        delete_later(s, index);
        break;
    default:
        assert(!"removed twice");
    }
    loop_timer_start(s->loop, &s->pump, 0, on_pump, s);
}
