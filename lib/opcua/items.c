/* The monitored items of a subscription: created and deleted in batches, each with a fate of its
 * own. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/subscription_priv.h"

#define CALL_MS 60000 /* slow controllers need seconds for a batch */
#define RETRY_MS 10000

/* ---- the table ---- */

static uint32_t take_index(struct opcua_subscription *s)
{
    if (s->free_index != UINT32_MAX) {
        uint32_t index = s->free_index;
        s->free_index = s->slots[index].retry_s;
        return index;
    }
    if (s->slot_count == s->slot_cap) {
        s->slot_cap = s->slot_cap + s->slot_cap / 8 + 64; /* what is not used would be the most of a large one */
        s->slots = memory_resize(s->slots, s->slot_cap * sizeof *s->slots);
    }
    return s->slot_count++;
}

void items_free_index(struct opcua_subscription *s, uint32_t index)
{
    s->slots[index] = (struct item_slot){.state = ITEM_FREE, .retry_s = s->free_index};
    s->free_index = index;
    s->used_count--;
}

struct opcua_item items_what(const struct opcua_subscription *s, uint32_t index)
{
    struct opcua_item what = {0};
    s->config.events->item(s->config.arg, index, &what);
    return what;
}

void items_make_new(struct opcua_subscription *s, uint32_t index)
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

void items_tell(struct opcua_subscription *s, uint32_t index, UA_StatusCode status,
                        bool first)
{
    bool changed = s->slots[index].status != status || first;
    s->slots[index].status = status;
    if (changed && s->config.events->on_item)
        s->config.events->on_item(s->config.arg, index, status);
}

/* It could not be asked for as it is configured; otherwise the server has refused it. */
static bool is_invalid(UA_StatusCode why)
{
    return why == UA_STATUSCODE_BADNODEIDINVALID || why == UA_STATUSCODE_BADNOMATCH ||
           why == UA_STATUSCODE_BADFILTERNOTALLOWED ||
           why == UA_STATUSCODE_BADMONITOREDITEMFILTERINVALID ||
           why == UA_STATUSCODE_BADATTRIBUTEIDINVALID ||
           why == UA_STATUSCODE_BADINDEXRANGEINVALID;
}

static uint32_t retry_after_s(const struct opcua_subscription *s, unsigned failures, UA_StatusCode why)
{
    const struct opcua_tuning *t = &s->session->thread->tuning;
    uint64_t after = is_invalid(why) ? t->invalid_retry_s : t->item_retry_s;
    uint64_t max = is_invalid(why) ? t->invalid_retry_s_max : t->item_retry_s_max;
    for (unsigned i = 0; i < failures && after < max; i++)
        after *= 2;
    return (uint32_t)(after < max ? after : max);
}

/* `why` says nothing of the item: others were in the same call. */
static void fail_with_others(struct opcua_subscription *s, uint32_t index, UA_StatusCode why)
{
    uint8_t failures = s->slots[index].failures;
    items_fail(s, index, why);
    s->slots[index].failures = failures;
}

void items_fail(struct opcua_subscription *s, uint32_t index, UA_StatusCode why)
{
    struct item_slot *i = &s->slots[index];
    i->state = ITEM_FAILED;
    i->retry_s = now_s(s) + retry_after_s(s, i->failures, why);
    i->failures += i->failures < UINT8_MAX;
    s->failed_count++;
    items_tell(s, index, why, false);
}

void items_delete_later(struct opcua_subscription *s, uint32_t index)
{
    if (s->to_delete_count == s->to_delete_cap) {
        s->to_delete_cap = s->to_delete_cap ? 2 * s->to_delete_cap : 64;
        s->to_delete = memory_resize(s->to_delete, s->to_delete_cap * sizeof *s->to_delete);
    }
    s->slots[index].state = ITEM_DELETING;
    s->to_delete[s->to_delete_count++] = index;
}

static void on_pump(void *arg)
{
    items_pump(arg);
}

void items_pump_soon(struct opcua_subscription *s)
{
    loop_timer_start(s->loop, &s->pump, 0, on_pump, s);
}

/* ---- creating ---- */

static bool is_about_filter(UA_StatusCode status)
{
    return status == UA_STATUSCODE_BADMONITOREDITEMFILTERUNSUPPORTED ||
           status == UA_STATUSCODE_BADMONITOREDITEMFILTERINVALID ||
           status == UA_STATUSCODE_BADFILTERNOTALLOWED ||
           status == UA_STATUSCODE_BADDEADBANDFILTERINVALID;
}

static bool has_plain_form(const struct opcua_subscription *s, uint32_t index)
{
    struct opcua_item what = items_what(s, index);
    return what.filter && !what.late_filter && !s->slots[index].plain;
}

/* Small controllers know no data change filters, and values are worth more than what they filter. */
static void go_without_filter(struct opcua_subscription *s, uint32_t index, UA_StatusCode why)
{
    log_warn("opcua filter refused, the node is watched without url=%s node=%.*s status=%s",
             s->session->url, SLICE_FMT(items_what(s, index).node), UA_StatusCode_name(why));
    s->slots[index].plain = true;
    items_make_new(s, index);
}

/* Its owner has not removed it. */
static bool is_there(const struct opcua_subscription *s, uint32_t index)
{
    enum item_state state = s->slots[index].state;
    return state != ITEM_FREE && state != ITEM_REMOVED && state != ITEM_DELETING;
}

static void end_creating(struct opcua_subscription *s, uint32_t index,
                         const UA_MonitoredItemCreateResult *r)
{
    struct item_slot *i = &s->slots[index];
    bool removed = i->state == ITEM_REMOVED;
    i->server_id = r->monitoredItemId;
    if (UA_StatusCode_isBad(r->statusCode)) {
        if (removed)
            items_free_index(s, index);
        else if (is_about_filter(r->statusCode) && has_plain_form(s, index))
            go_without_filter(s, index, r->statusCode);
        else
            items_fail(s, index, r->statusCode);
    } else if (removed) {
        items_delete_later(s, index);
    } else {
        i->state = ITEM_LIVE;
        i->failures = 0;
        s->live_count++;
        s->links_due = s->link_count > 0;
        if (i->changed)
            items_modify(s, index);
        items_tell(s, index, UA_STATUSCODE_GOOD, true);
    }
    if (s->config.events->on_filter && is_there(s, index) && items_what(s, index).late_filter)
        s->config.events->on_filter(s->config.arg, index, r->statusCode, &r->filterResult);
}

/* The answer did not come, or the server did none: as if it had not been asked, or as if each of them had been
 * refused. */
static void undo_creating(struct opcua_subscription *s, uint32_t index, UA_StatusCode why,
                          size_t count)
{
    if (s->slots[index].state == ITEM_REMOVED)
        items_free_index(s, index);
    else if (items_call_again(why, count))
        items_make_new(s, index);
    else if (items_may_be_of_one(s, why, count))
        fail_with_others(s, index, why);
    else
        items_fail(s, index, why);
}

static void nobody_waits(void *arg, UA_StatusCode status, void *response)
{
    (void)arg, (void)status, (void)response;
}

/* Items that were made, and nobody knows which of ours each is: they would report beside those that are made later. */
static void delete_strays(struct opcua_subscription *s, const UA_CreateMonitoredItemsResponse *r,
                          size_t count)
{
    count = r->resultsSize < count ? r->resultsSize : count;
    UA_UInt32 *ids = memory_new(count * sizeof *ids);
    size_t made = 0;
    for (size_t i = 0; i < count; i++)
        if (!UA_StatusCode_isBad(r->results[i].statusCode))
            ids[made++] = r->results[i].monitoredItemId;
    UA_DeleteMonitoredItemsRequest request = {
        .subscriptionId = s->id, .monitoredItemIdsSize = made, .monitoredItemIds = ids};
    if (made > 0)
        OPCUA_CALL(s->session, OPCUA_CALL_NOW, DELETEMONITOREDITEMS, &request, nobody_waits, NULL,
                   CALL_MS);
    free(ids);
}

static void on_created(void *arg, UA_StatusCode status, void *response)
{
    struct item_call *c = arg;
    struct opcua_subscription *s = c->subscription;
    UA_CreateMonitoredItemsResponse *r = response;
    bool answered = r && r->resultsSize == c->count;
    status = r && !answered ? UA_STATUSCODE_BADUNEXPECTEDERROR : status;
    size_t count = c->count;
    for (size_t i = 0; i < count; i++)
        if (answered)
            end_creating(s, c->indexes[i], &r->results[i]);
        else
            undo_creating(s, c->indexes[i], status, count);
    if (r && !answered)
        delete_strays(s, r, count);
    if (answered)
        items_call_answered(c);
    items_call_free(c);
    if (!answered) {
        s->uncertain = s->uncertain || items_call_was_lost(status);
        items_call_failed(s, count, status);
    }
    items_pump_after(s, status);
}

static uint32_t attribute_of(const struct opcua_item *i, const UA_ExtensionObject *filter)
{
    bool events = filter && filter->encoding >= UA_EXTENSIONOBJECT_DECODED &&
                  filter->content.decoded.type == &UA_TYPES[UA_TYPES_EVENTFILTER];
    return i->attribute ? i->attribute
           : events     ? UA_ATTRIBUTEID_EVENTNOTIFIER
                        : UA_ATTRIBUTEID_VALUE;
}

static void prepare(const struct opcua_item *i, uint32_t index, const UA_NodeId *node,
                    const UA_ExtensionObject *filter, UA_MonitoredItemCreateRequest *out)
{
    UA_MonitoredItemCreateRequest_init(out);
    out->itemToMonitor.nodeId = *node;
    out->itemToMonitor.attributeId = attribute_of(i, filter);
    out->itemToMonitor.indexRange = opcua_string_of(i->index_range);
    out->monitoringMode = i->linked ? UA_MONITORINGMODE_SAMPLING : UA_MONITORINGMODE_REPORTING;
    out->requestedParameters.clientHandle = index;
    out->requestedParameters.samplingInterval = i->sampling_ms;
    out->requestedParameters.queueSize = i->queue_size;
    out->requestedParameters.discardOldest = !i->discard_new;
    if (filter)
        UA_ExtensionObject_copy(filter, &out->requestedParameters.filter);
}

/* Not good: the item needs a filter and there is none for this server, or not yet. */
static UA_StatusCode filter_of(struct opcua_subscription *s, uint32_t index,
                               const struct opcua_item *i, const UA_ExtensionObject **filter)
{
    bool plain = s->slots[index].plain || s->session->profile->no_filters;
    *filter = plain ? NULL : i->filter;
    return i->late_filter ? s->config.events->filter(s->config.arg, index, filter)
                          : UA_STATUSCODE_GOOD;
}

/* Takes the node id over. False: the item cannot be watched at this server. */
static bool prepare_or_fail(struct opcua_subscription *s, uint32_t index,
                            const struct opcua_item *i, UA_NodeId *node,
                            UA_MonitoredItemCreateRequest *out)
{
    const UA_ExtensionObject *filter;
    UA_StatusCode status = filter_of(s, index, i, &filter);
    if (status == UA_STATUSCODE_GOOD) {
        prepare(i, index, node, filter, out);
        return true;
    }
    UA_NodeId_clear(node);
    items_fail(s, index, status);
    return false;
}

/* Prepares the next item that means something to this server. False: there is none. */
static bool next_new(struct opcua_subscription *s, uint32_t *index,
                     UA_MonitoredItemCreateRequest *out)
{
    while (s->found_count > 0) {
        struct found_item f = s->found[--s->found_count];
        struct opcua_item what = items_what(s, f.index);
        *index = f.index;
        if (prepare_or_fail(s, f.index, &what, &f.node, out))
            return true;
    }
    while (s->new_count > 0) {
        uint32_t at = s->new_from++;
        assert(at < s->slot_count);
        if (s->slots[at].state != ITEM_NEW)
            continue;
        s->new_count--;
        struct opcua_item what = items_what(s, at);
        if (what.path.len || what.registered) {
            items_look_up(s, at, &what);
            continue;
        }
        UA_NodeId node;
        enum status parsed =
            opcua_node_id_parse(what.node, opcua_session_namespaces(s->session), &node, NULL);
        if (parsed != OK) {
            items_fail(s, at,
                 parsed == NOT_FOUND ? UA_STATUSCODE_BADNODEIDUNKNOWN
                                     : UA_STATUSCODE_BADNODEIDINVALID);
        } else if (prepare_or_fail(s, at, &what, &node, out)) {
            *index = at;
            return true;
        }
    }
    s->new_from = s->slot_count;
    return false;
}

/* False: nothing to create. */
static bool create_some(struct opcua_subscription *s)
{
    uint32_t most = items_batch(s), due = s->new_count + (uint32_t)s->found_count;
    most = most < due ? most : due;
    if (most == 0)
        return false;
    struct item_call *c = items_call_new(s, most);
    UA_MonitoredItemCreateRequest *items = memory_new(most * sizeof *items);
    while (c->count < most && next_new(s, &c->indexes[c->count], &items[c->count])) {
        struct item_slot *i = &s->slots[c->indexes[c->count++]];
        i->state = ITEM_CREATING;
        i->changed = false;
    }
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
        items_call_free(c);
    return any;
}

static void on_deleted(void *arg, UA_StatusCode status, void *response)
{
    struct item_call *c = arg;
    struct opcua_subscription *s = c->subscription;
    size_t count = c->count;
    for (size_t i = 0; i < count; i++)
        if (response)
            items_free_index(s, c->indexes[i]);
        else
            items_delete_later(s, c->indexes[i]);
    items_call_free(c);
    if (!response) {
        s->deletes_wait = !items_call_again(status, count);
        items_call_failed(s, count, status);
    }
    items_pump_after(s, status);
}

static bool delete_some(struct opcua_subscription *s)
{
    size_t most = items_batch(s);
    most = most < s->to_delete_count ? most : s->to_delete_count;
    if (most == 0 || s->deletes_wait)
        return false;
    struct item_call *c = items_call_new(s, most);
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
    s->deletes_wait = s->shrunk = false;
    for (uint32_t i = 0; i < s->slot_count && s->failed_count > 0; i++)
        if (s->slots[i].state == ITEM_FAILED && now >= s->slots[i].retry_s) {
            s->failed_count--;
            items_make_new(s, i);
        }
    items_pump(s);
}

/* How often failed ones are looked at. */
static uint32_t retry_look_ms(const struct opcua_subscription *s)
{
    uint32_t ms = s->session->thread->tuning.item_retry_s * 1000;
    return ms < RETRY_MS ? ms : RETRY_MS;
}

void items_pump(struct opcua_subscription *s)
{
    if (s->state == SUBSCRIPTION_LIVE && opcua_session_state(s->session) == OPCUA_SESSION_READY)
        while (s->item_call_count < s->session->profile->item_calls && (delete_some(s) || create_some(s) ||
                                                             items_modify_some(s) ||
                                                             items_link_some(s)))
            ;
    if (s->failed_count > 0 || s->deletes_wait)
        loop_timer_start(s->loop, &s->retry, retry_look_ms(s), on_retry, s);
}

void items_pump_after(struct opcua_subscription *s, UA_StatusCode status)
{
    if (items_call_was_lost(status))
        loop_timer_start(s->loop, &s->retry, retry_look_ms(s), on_retry, s);
    else
        items_pump(s);
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
        items_call_free(c);
    }
}

void items_stop(struct opcua_subscription *s)
{
    loop_timer_stop(&s->retry);
    items_look_again(s);
}

static void restart_one(struct opcua_subscription *s, uint32_t index)
{
    struct item_slot *i = &s->slots[index];
    if (i->state == ITEM_REMOVED || i->state == ITEM_DELETING)
        items_free_index(s, index);
    else if (i->state != ITEM_FREE)
        items_make_new(s, index);
}

void items_restart(struct opcua_subscription *s)
{
    drop_calls(s);
    items_stop_looking(s);
    s->to_delete_count = s->to_modify_count = 0;
    s->deletes_wait = s->shrunk = false;
    items_unlink_all(s);
    s->new_count = s->failed_count = s->live_count = 0;
    s->new_from = s->slot_count;
    s->uncertain = false;
    for (uint32_t i = 0; i < s->slot_count; i++)
        restart_one(s, i);
}

void items_clear(struct opcua_subscription *s)
{
    drop_calls(s);
    items_stop_looking(s);
    free(s->found);
    loop_timer_stop(&s->retry);
    loop_timer_stop(&s->pump);
    free(s->slots);
    free(s->to_delete);
    free(s->to_modify);
    free(s->links);
}

/* ---- what the header promised ---- */

size_t opcua_subscription_room(const struct opcua_subscription *s)
{
    return OPCUA_ITEMS_MAX - s->used_count;
}

enum status opcua_subscription_add(struct opcua_subscription *s, size_t count, uint32_t *indexes)
{
    if (count > opcua_subscription_room(s))
        return FULL;
    for (size_t i = 0; i < count; i++) {
        uint32_t index = take_index(s);
        s->slots[index] = (struct item_slot){0};
        s->used_count++;
        items_make_new(s, index);
        if (indexes)
            indexes[i] = index;
    }
    items_pump_soon(s); /* more may follow in this turn */
    return OK;
}

void opcua_subscription_retry(struct opcua_subscription *s, uint32_t index)
{
    struct item_slot *i = &s->slots[index];
    if (i->state != ITEM_FAILED)
        return;
    s->failed_count--;
    i->failures = 0;
    items_make_new(s, index);
    items_pump_soon(s);
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
    if (s->link_count)
        items_forget_links(s, index);
    switch ((enum item_state)i->state) {
    case ITEM_NEW:
        s->new_count--;
        items_free_index(s, index);
        break;
    case ITEM_FAILED:
        s->failed_count--;
        items_free_index(s, index);
        break;
    case ITEM_FOUND:
        items_forget_found(s, index);
        items_free_index(s, index);
        break;
    case ITEM_LOOKING:
    case ITEM_CREATING:
        i->state = ITEM_REMOVED;
        break;
    case ITEM_LIVE:
        s->live_count--;
        items_delete_later(s, index);
        break;
    default:
        assert(!"removed twice");
    }
    items_pump_soon(s);
}
