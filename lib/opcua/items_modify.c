/* Items that are to have other parameters than the server gave them: ModifyMonitoredItems. */
#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/subscription_priv.h"

#define CALL_MS 60000

void items_modify(struct opcua_subscription *s, uint32_t index)
{
    s->slots[index].changed = true;
    if (s->slots[index].state != ITEM_LIVE)
        return; /* when it is */
    if (s->to_modify_count == s->to_modify_cap) {
        s->to_modify_cap = s->to_modify_cap ? 2 * s->to_modify_cap : 64;
        s->to_modify = memory_resize(s->to_modify, s->to_modify_cap * sizeof *s->to_modify);
    }
    s->to_modify[s->to_modify_count++] = index;
}

static void end_modifying(struct opcua_subscription *s, uint32_t index,
                          const UA_MonitoredItemModifyResult *r)
{
    if (s->slots[index].state != ITEM_LIVE)
        return;
    if (r->statusCode == UA_STATUSCODE_BADMONITOREDITEMIDINVALID) {
        s->live_count--;
        items_make_new(s, index); /* the server lost it */
    } else {
        s->counts.modified++;
        items_tell(s, index,
                   UA_StatusCode_isBad(r->statusCode) ? r->statusCode : UA_STATUSCODE_GOOD, false);
    }
}

static void on_modified(void *arg, UA_StatusCode status, void *response)
{
    struct item_call *c = arg;
    struct opcua_subscription *s = c->subscription;
    UA_ModifyMonitoredItemsResponse *r = response;
    bool answered = r && r->resultsSize == c->count;
    status = r && !answered ? UA_STATUSCODE_BADUNEXPECTEDERROR : status;
    for (size_t i = 0; i < c->count; i++)
        if (answered)
            end_modifying(s, c->indexes[i], &r->results[i]);
        else if (items_call_again(status, c->count))
            items_modify(s, c->indexes[i]);
        else if (s->slots[c->indexes[i]].state == ITEM_LIVE)
            items_tell(s, c->indexes[i], status, false);
    size_t count = c->count;
    items_call_free(c);
    if (!answered)
        items_call_failed(s, count, status);
    items_pump_after(s, status);
}

static void prepare(const struct opcua_subscription *s, uint32_t index,
                    UA_MonitoredItemModifyRequest *out)
{
    struct opcua_item i = items_what(s, index);
    UA_MonitoredItemModifyRequest_init(out);
    out->monitoredItemId = s->slots[index].server_id;
    out->requestedParameters.clientHandle = index;
    out->requestedParameters.samplingInterval = i.sampling_ms;
    out->requestedParameters.queueSize = i.queue_size;
    out->requestedParameters.discardOldest = !i.discard_new;
    if (i.filter && !s->slots[index].plain && !s->session->profile->no_filters)
        UA_ExtensionObject_copy(i.filter, &out->requestedParameters.filter);
}

bool items_modify_some(struct opcua_subscription *s)
{
    size_t most = items_batch(s);
    most = most < s->to_modify_count ? most : s->to_modify_count;
    if (most == 0)
        return false;
    struct item_call *c = items_call_new(s, most);
    UA_MonitoredItemModifyRequest *items = memory_new(most * sizeof *items);
    while (c->count < most && s->to_modify_count > 0) {
        uint32_t index = s->to_modify[--s->to_modify_count];
        struct item_slot *i = &s->slots[index];
        if (i->state != ITEM_LIVE || !i->changed)
            continue;
        i->changed = false;
        prepare(s, index, &items[c->count]);
        c->indexes[c->count++] = index;
    }
    UA_ModifyMonitoredItemsRequest request = {.subscriptionId = s->id,
                                              .timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH,
                                              .itemsToModifySize = c->count,
                                              .itemsToModify = items};
    bool any = c->count > 0;
    if (any)
        c->call = OPCUA_CALL(s->session, OPCUA_CALL_NOW, MODIFYMONITOREDITEMS, &request,
                             on_modified, c, CALL_MS);
    for (size_t i = 0; i < c->count; i++)
        UA_ExtensionObject_clear(&items[i].requestedParameters.filter);
    free(items);
    if (!any)
        items_call_free(c);
    return any;
}

/* Filters of events depend on the server, and are made with the item. */
void opcua_subscription_modify(struct opcua_subscription *s, uint32_t index)
{
    assert(index < s->slot_count && !items_what(s, index).late_filter);
    s->slots[index].plain = false;
    items_modify(s, index);
    items_pump_soon(s);
}
