/* Items that are reported when another one is: SetTriggering, Part 4, 5.12.5. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/subscription_priv.h"

#define CALL_MS 60000

void opcua_subscription_link(struct opcua_subscription *s, uint32_t trigger, uint32_t index)
{
    if (s->link_count == s->link_cap) {
        s->link_cap = s->link_cap ? 2 * s->link_cap : 16;
        s->links = memory_resize(s->links, s->link_cap * sizeof *s->links);
    }
    s->links[s->link_count++] = (struct item_link){.trigger = trigger, .index = index};
    s->links_due = true;
    items_pump_soon(s);
}

void items_forget_links(struct opcua_subscription *s, uint32_t index)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->link_count; i++)
        if (s->links[i].trigger != index && s->links[i].index != index)
            s->links[kept++] = s->links[i];
    s->link_count = kept;
}

void items_unlink_all(struct opcua_subscription *s)
{
    for (size_t i = 0; i < s->link_count; i++)
        s->links[i].made = false;
    s->links_due = s->link_count > 0;
}

static void nobody_waits(void *arg, UA_StatusCode status, void *response)
{
    (void)arg, (void)status, (void)response;
}

/* Without a trigger they would never be reported. */
static void report_alone(struct opcua_subscription *s, const uint32_t *indexes, size_t count)
{
    UA_UInt32 *ids = memory_new(count * sizeof *ids);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (s->slots[indexes[i]].state == ITEM_LIVE)
            ids[n++] = s->slots[indexes[i]].server_id;
    UA_SetMonitoringModeRequest request = {.subscriptionId = s->id,
                                           .monitoringMode = UA_MONITORINGMODE_REPORTING,
                                           .monitoredItemIdsSize = n,
                                           .monitoredItemIds = ids};
    if (n > 0)
        OPCUA_CALL(s->session, OPCUA_CALL_NOW, SETMONITORINGMODE, &request, nobody_waits, NULL,
                   CALL_MS);
    free(ids);
}

static void on_linked(void *arg, UA_StatusCode status, void *response)
{
    struct item_call *c = arg;
    struct opcua_subscription *s = c->subscription;
    UA_SetTriggeringResponse *r = response;
    bool lost = opcua_call_was_lost(status);
    if (r && r->addResultsSize == c->count) {
        for (size_t i = 0; i < c->count; i++)
            if (UA_StatusCode_isBad(r->addResults[i]))
                report_alone(s, &c->indexes[i], 1);
    } else if (lost) {
        items_unlink_all(s); /* again from the start: a link that is there already does no harm */
    } else {
        log_warn(
            "opcua triggering refused, nodes are reported by themselves url=%s count=%zu status=%s",
            s->session->url, c->count, UA_StatusCode_name(status));
        report_alone(s, c->indexes, c->count);
    }
    items_call_free(c);
    items_pump_after(s, status);
}

static bool can_be_made(const struct opcua_subscription *s, const struct item_link *l)
{
    return !l->made && s->slots[l->trigger].state == ITEM_LIVE &&
           s->slots[l->index].state == ITEM_LIVE;
}

/* All links of the first trigger that has some to be made. */
bool items_link_some(struct opcua_subscription *s)
{
    size_t first = 0, most = items_batch(s);
    if (!s->links_due)
        return false;
    while (first < s->link_count && !can_be_made(s, &s->links[first]))
        first++;
    if (first == s->link_count) {
        s->links_due = false;
        return false;
    }
    uint32_t trigger = s->links[first].trigger;
    most = most < s->link_count ? most : s->link_count;
    struct item_call *c = items_call_new(s, most);
    UA_UInt32 *ids = memory_new(most * sizeof *ids);
    for (size_t i = first; i < s->link_count && c->count < most; i++) {
        struct item_link *l = &s->links[i];
        if (l->trigger != trigger || !can_be_made(s, l))
            continue;
        l->made = true;
        ids[c->count] = s->slots[l->index].server_id;
        c->indexes[c->count++] = l->index;
    }
    UA_SetTriggeringRequest request = {.subscriptionId = s->id,
                                       .triggeringItemId = s->slots[trigger].server_id,
                                       .linksToAddSize = c->count,
                                       .linksToAdd = ids};
    c->call =
        OPCUA_CALL(s->session, OPCUA_CALL_NOW, SETTRIGGERING, &request, on_linked, c, CALL_MS);
    free(ids);
    return true;
}
