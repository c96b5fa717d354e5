/*
 * Cyclic reads: nodes that are read by us at a fixed rate, one Read for all of them, instead of
 * being watched by the server. What was read is told in the shape of a subscription's
 * notifications, whether it changed or not. An item is known by its index.
 *
 * While there is no session each node has the value BadNotConnected. A cycle whose predecessor is
 * not over, and one for which there is no room, is left out and counted; the values that come next
 * carry the overflow bit (Part 4, 7.22.1). On the session's thread.
 */
#pragma once

#include "opcua/subscription.h"

#define OPCUA_SAMPLER_RATE_MS 1000   /* when none is given */
#define OPCUA_SAMPLER_NODES_MAX 1000 /* of one Read, or less when the server says so */
#define OPCUA_SAMPLER_CALLS_MAX 4    /* in flight; the rest of a cycle waits for them */

struct opcua_sampler_events {
    /* items[i].clientHandle is an index. False: no room, they are lost. */
    bool (*on_data)(void *arg, const UA_MonitoredItemNotification *items, size_t count);
    /* Good: it can be read. Otherwise why not. May be NULL. */
    void (*on_item)(void *arg, uint32_t index, UA_StatusCode status);
};

struct opcua_sampler_config {
    struct opcua_session *session; /* referred to until it is freed */
    uint32_t rate_ms;              /* 0: OPCUA_SAMPLER_RATE_MS */
    double max_age_ms;             /* of what the server may have read before; 0: now */
    const struct opcua_sampler_events *events;
    void *arg;
};

struct opcua_sampler;

struct opcua_sampler *opcua_sampler_new(const struct opcua_sampler_config *config);
void opcua_sampler_free(struct opcua_sampler **s);

/* Of `item`, node, path, index range, attribute and `registered` count. Its texts live as long as
 * the item. */
uint32_t opcua_sampler_add(struct opcua_sampler *s, const struct opcua_item *item);
/* Nothing more comes for the index. */
void opcua_sampler_remove(struct opcua_sampler *s, uint32_t index);

struct opcua_sampler_counts {
    uint32_t items, live, failed; /* now; the rest was not read yet */
    uint64_t cycles, missed, values;
};
struct opcua_sampler_counts opcua_sampler_counts(const struct opcua_sampler *s);
