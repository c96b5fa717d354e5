/*
 * A device or module that is connected, signing in, or waited for by a direct method: its live state,
 * whole, on the loop that owns it. What is known of it for good is in the registry.
 */
#pragma once

#include "base/list.h"
#include "heads/attendance.h"
#include "hub/deliveries.h"
#include "hub/hub.h"

#define HUB_DEVICE_CALLS_MAX 256 /* direct methods under way for one device; BUSY beyond it */

struct hub_device {
    struct heads_place place; /* first: who is there */
    unsigned refs;
    struct hub_loop *owner;
    struct partition *partition;
    struct iot_id id;   /* its bytes are `key` */
    char *key;          /* "device" or "device/module" */
    struct list calls;  /* struct hub_call, methods.c */
    unsigned call_count;
    struct hub_deliveries deliveries; /* messages to it */
    struct hub_active active;
    const struct heads_identity *through; /* the $edgeHub that speaks for its live session, as it was; or NULL */
    struct hub_routing_twin *twin; /* routing_twins.c; NULL where no route looks at it */
};

/* The live state of `id`, made when there is none. Always a new reference. */
struct hub_device *hub_device_get(struct hub_loop *owner, struct iot_id id);
/* NULL when nobody holds it. No reference. */
struct hub_device *hub_device_find(struct hub_loop *owner, struct iot_id id);

struct hub_device *hub_device_ref(struct hub_device *d);
void hub_device_unref(struct hub_device **d);

static inline struct hub_device *hub_device_of(const struct heads_attendance *a)
{
    return (struct hub_device *)a->place;
}

/* A live session begins, for which `actor` speaks; NULL: itself. */
void hub_device_came_through(struct hub_device *d, const struct heads_identity *actor);

/* For methods.c: called when a method subscription begins. */
void hub_device_methods_open(struct hub_device *d);
void hub_device_method_reply(struct hub_device *d, uint64_t rid, int status, struct slice payload);
