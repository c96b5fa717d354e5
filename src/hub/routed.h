/*
 * Events by the routes (lib/routing), on the loop that owns their device, and only where
 * hub_loop.routing is not NULL.
 */
#pragma once

#include "hub/device.h"
#include "routing/routing.h"

/* False: no route takes it. */
bool hub_routed_decide(struct hub_loop *owner, struct iot_id id, struct iot_event *e);
/* What a device sends: as partition_send(). */
CHECKED enum status hub_routed_send(struct heads_attendance *from, struct iot_event *e,
                                    uint64_t token);
/* The same with what is known of its twin: routing_twins.c has waited for it. */
CHECKED enum status hub_routed_send_now(struct heads_attendance *from, struct iot_event *e,
                                        uint64_t token);
