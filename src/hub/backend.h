/* The hub behind the protocol heads: heads/backend.h, implemented. */
#pragma once

#include "heads/backend.h"

extern const struct heads_backend_ops hub_backend_ops;

struct hub;
struct hub_loop;

/* The registry's news, from any loop, carried to the loops that own the devices. `hub` is the arg. */
void hub_backend_identity_changed(void *hub, struct iot_id id);
void hub_backend_desired_changed(void *hub, struct iot_id id, struct slice patch, uint64_t version);
void hub_backend_message_waits(void *hub, struct iot_id id);
void hub_backend_feedback_waits(void *hub);

/* The identity, or one of its device that speaks for others, has changed: sign ins that are under way on
 * that loop read it again. */
void hub_sign_ins_again(struct hub_loop *owner, struct iot_id id);

/* The loop that owns the id: where its news are told, in order. `hub` is the arg. */
struct loop *hub_backend_owner(void *hub, struct iot_id id);
