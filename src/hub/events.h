/*
 * The Event-Hub-compatible endpoint: what applications read the hub's stream from, with Event Hubs'
 * SDKs or any AMQP 1.0 client. It serves `{name}/ConsumerGroups/{group}/Partitions/{n}` (and the
 * same below `messages/events`) and `$management`; and who sends, to `{name}` or
 * `{name}/Partitions/{n}`. All for whoever has a policy with ServiceConnect: of the hub's rights it is
 * the one for applications, so it stands for Listen and Send of Event Hubs. The connections
 * themselves are hub/amqp.h's.
 *
 * A connection is on one loop, the partition on another. Each link has a reader on the partition's
 * loop (events_reader.h) that encodes whole batches of AMQP messages and posts them, as far as the
 * peer's credit and two batches go.
 *
 * Any name is a consumer group, unless the hub has a list of them (hub.groups); then others are not
 * found, as in the cloud. Names are compared without case.
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

/* Serves a further stream under its name, from here on and from any loop: on loop 0. The name and the
 * partitions outlive it. */
void hub_events_add(struct hub_events *e, const char *name, uint64_t created_ms,
                    struct hub_partition *const *partitions, unsigned count);
/* Whether links to a stream that was added are let in. Those that are there stay. On loop 0. */
void hub_events_serve(struct hub_events *e, const char *name, bool serve);

/* What an AMQP connection serves for it; the arg of each is the struct hub_events. */
#define HUB_EVENTS_READER_KINDS 2 /* addresses that a partition is read at */
#define HUB_EVENTS_SENDER_KINDS 2 /* … that events are sent to */
extern const struct heads_amqp_kind hub_events_reader_kinds[HUB_EVENTS_READER_KINDS];
extern const struct heads_amqp_kind hub_events_sender_kinds[HUB_EVENTS_SENDER_KINDS];
extern const struct heads_amqp_node hub_events_node;

/* For /metrics, from any thread. */
struct hub_events_count {
    uint64_t readers;         /* now */
    uint64_t messages, bytes; /* ever */
    uint64_t sent;            /* ever, by clients, into the stream */
};
struct hub_events_count hub_events_count(const struct hub_events *e);
