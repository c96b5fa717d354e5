/*
 * A device or module that is connected, signing in, or waited for by a direct method: its live state,
 * whole, on the loop that owns it. What is known of it for good is in the registry.
 */
#pragma once

#include "base/list.h"
#include "hub/hub.h"

#define HUB_DEVICE_CALLS_MAX 256 /* direct methods under way for one device; BUSY beyond it */

struct hub_device {
    unsigned refs;
    struct hub_loop *owner;
    struct hub_partition *partition;
    struct iot_id id;   /* its bytes are `key` */
    char *key;          /* "device" or "device/module" */
    const struct heads_identity *identity; /* as it was at sign in; NULL before */
    char auth_method[128];               /* JSON, for iothub-connection-auth-method */
    struct heads_session *session;       /* NULL: not connected */
    bool subscribed[HEADS_FEATURE_COUNT];
    struct loop_timer expiry; /* of the token that it signed in with */
    struct list calls;        /* struct hub_call, methods.c */
    unsigned call_count;
};

/* The live state of `id`, made when there is none. Always a new reference. */
struct hub_device *hub_device_get(struct hub_loop *owner, struct iot_id id);
/* NULL when nobody holds it. No reference. */
struct hub_device *hub_device_find(struct hub_loop *owner, struct iot_id id);

struct hub_device *hub_device_ref(struct hub_device *d);
void hub_device_unref(struct hub_device **d);

/* The session takes over; an older one is closed with REPLACED. */
void hub_device_connect(struct hub_device *d, struct heads_session *s,
                        const struct heads_identity *identity, uint64_t expires_ms);
/* Nothing happens when another session has taken over meanwhile. */
void hub_device_disconnect(struct hub_device *d, struct heads_session *s);

/* From the partition: a message is durable, or was refused; there is room again. */
void hub_device_accepted(struct hub_device *d, uint64_t token, enum status why);
void hub_device_resume(struct hub_device *d);

/* For methods.c: called when a method subscription begins. */
void hub_device_methods_open(struct hub_device *d);
void hub_device_method_reply(struct hub_device *d, uint64_t rid, int status, struct slice payload);
