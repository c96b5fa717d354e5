/*
 * The Event-Hub-compatible endpoint: what applications read the hub's stream from, with Event Hubs'
 * SDKs or any AMQP 1.0 client. It serves `{name}/ConsumerGroups/{group}/Partitions/{n}` (and the
 * same below `messages/events`) and `$management`; and who sends, to `{name}` or
 * `{name}/Partitions/{n}`. All for whoever has a policy with ServiceConnect: of the hub's rights it
 * is the one for applications, so it stands for Listen and Send of Event Hubs. The connections
 * themselves are served by the hub.
 *
 * A connection is on one loop, the partition on another. Each link has a reader on the partition's
 * loop (reader.h) that encodes whole batches of AMQP messages and posts them, as far as the
 * peer's credit and two batches go.
 *
 * Any name is a consumer group, unless there is a list of them; then others are not
 * found, as in the cloud. Names are compared without case.
 *
 * Event Hubs' rules for who may read: among the readers of a group and partition one with an owner
 * level (epoch) pushes out those with none, a lower or the same one; without one there may be
 * EVENTS_READERS_MAX.
 */
#pragma once

#include "events/partition.h"
#include "heads/amqp.h"

#define EVENTS_READERS_MAX 5
#define EVENTS_GROUP_MAX 50 /* bytes of a consumer group's name */

struct events;

/* The built-in stream. All of it outlives the struct events. */
struct events_config {
    const char *name;          /* of the Event-Hub-compatible entity */
    const char *const *groups; /* consumer groups besides $Default, of all streams; NULL: any name
                                  is one; ends with NULL */
    uint64_t created_ms;
    struct partition *const *partitions;
    unsigned partition_count;
};
struct events *events_new(const struct events_config *config);
/* When no loop runs any more. */
void events_free(struct events **e);

/* Serves a further stream under its name, from here on and from any loop: on loop 0. The name and the
 * partitions outlive it. */
void events_add(struct events *e, const char *name, uint64_t created_ms,
                struct partition *const *partitions, unsigned count);
/* Whether links to a stream that was added are let in. Those that are there stay. On loop 0. */
void events_serve(struct events *e, const char *name, bool serve);

/* What an AMQP connection serves for it; the arg of each is the struct events. */
#define EVENTS_READER_KINDS 2 /* addresses that a partition is read at */
#define EVENTS_SENDER_KINDS 2 /* … that events are sent to */
extern const struct heads_amqp_kind events_reader_kinds[EVENTS_READER_KINDS];
extern const struct heads_amqp_kind events_sender_kinds[EVENTS_SENDER_KINDS];
extern const struct heads_amqp_node events_node;

/* For /metrics, from any thread. */
struct events_count {
    uint64_t readers;         /* now */
    uint64_t messages, bytes; /* ever */
    uint64_t sent;            /* ever, by clients, into the stream */
};
struct events_count events_count(const struct events *e);
