/*
 * Twins of devices that are there, on the loops that own them, for conditions and enrichments that
 * look at $twin: loaded when the device first sends, kept up with every change, gone with the
 * device. What it sends meanwhile waits here, in its order.
 */
#pragma once

#include "hub/device.h"
#include "json/json.h"

/* Bytes of one device that wait for its twin; FULL beyond it, and the head is told to go on later.
 */
#define HUB_TWIN_WAITING_BYTES_MAX (1u << 20)

struct hub_routing_twin; /* of one device; hub_device.twin */

/* NULL: not known (yet). */
const struct json *hub_routing_twin(const struct hub_device *d);

/* OK: go on. AGAIN: it was taken, and is sent when the twin is there. FULL. */
CHECKED enum status hub_routing_twin_ready(struct heads_attendance *from, const struct iot_event *e,
                                           uint64_t token);

/* A change, from the registry; nothing when the device is not there. */
void hub_routing_twin_changed(struct hub_loop *owner, struct iot_id id, struct slice json);

/* With the device. */
void hub_routing_twin_free(struct hub_routing_twin **t);
