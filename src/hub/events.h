/*
 * The Event-Hub-compatible endpoint: what applications read the hub's stream from, with Event Hubs'
 * SDKs or any AMQP 1.0 client. It serves `{name}/ConsumerGroups/{group}/Partitions/{n}` (and the
 * same below `messages/events`) and `$management`, for whoever has a policy with ServiceConnect.
 *
 * A connection is on one loop, the partition on another. Each link has a reader on the partition's
 * loop (events_reader.h) that encodes whole batches of AMQP messages and posts them, as far as the
 * peer's credit and two batches go.
 *
 * Event Hubs' rules for who may read: among the readers of a group and partition one with an owner
 * level (epoch) pushes out those with none, a lower or the same one; without one there may be
 * HUB_EVENTS_READERS_MAX.
 */
#pragma once

#include "heads/amqp.h"
#include "hub/hub.h"

#define HUB_EVENTS_READERS_MAX 5
#define HUB_EVENTS_GROUP_MAX 50 /* bytes of a consumer group's name */

struct hub_events;

/* The hub's partitions and policies must be there; it outlives this. */
struct hub_events *hub_events_new(const struct hub *hub);
/* When no loop runs any more. */
void hub_events_free(struct hub_events **e);

/* On the stream's loop: serves AMQP on it from here on. */
void hub_events_accept(struct hub_events *e, struct stream *s);

/* For an AMQP head that serves other links too. */
#define HUB_EVENTS_KINDS 2
const struct heads_amqp_kind *hub_events_kinds(const struct hub_events *e);
const struct heads_amqp_node *hub_events_management(const struct hub_events *e);

/* For heads_amqp_config.verify, with the struct hub_events as arg: tokens of policies, as SAS over
 * $cbs or in SASL PLAIN, or SASL PLAIN with the policy's name and key. A grant's rights are
 * enum hub_permission. */
void hub_events_verify(void *events, struct heads_amqp_check *check,
                       const struct heads_amqp_token *t);

/* For /metrics, from any thread. */
struct hub_events_count {
    uint64_t connections, readers; /* now */
    uint64_t messages, bytes;      /* ever */
};
struct hub_events_count hub_events_count(const struct hub_events *e);
