/*
 * Where an event goes: each route of its source whose condition holds names endpoints, each
 * endpoint has it once, and a message that no route takes goes the fallback route. What enrichments
 * add is decided at the same moment, with the twin as it is now. Pure.
 */
#pragma once

#include "routing/config.h"

/* Reused from event to event. */
struct routing_scratch {
    struct arena arena;
    struct buffer endpoints, stamps;
};
void routing_scratch_clear(struct routing_scratch *s);

/* False: it goes nowhere. True: e->endpoints and e->stamps are set, and point into the scratch
 * until its next use. `twin` may be NULL. */
bool routing_decide(const struct routing_config *c, struct slice hub_name, const struct json *twin,
                    struct iot_event *e, struct routing_scratch *scratch);

/* Whether one route takes it, enabled or not: IOT_VALUE_BOOL, or undefined. */
struct iot_value routing_try(const struct routing_route *r, const struct json *twin,
                             const struct iot_event *e, struct arena *arena);
