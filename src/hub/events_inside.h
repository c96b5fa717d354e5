/* Inside of the Event-Hub-compatible endpoint: what events.c, events_reader.c,
 * events_sender.c and management.c share. */
#pragma once

#include "hub/events_reader.h"

#define HUB_EVENTS_ENTITIES_MAX 64 /* streams that were ever there since the start */

/* A stream that is read and sent to under its name. Immutable but for what is said. */
struct hub_events_entity {
    const char *name;
    uint64_t created_ms;
    unsigned partition_count;
    unsigned turn; /* of events without a key; relaxed atomic */
    bool closed;   /* no link is let in; relaxed atomic */
    struct hub_events_partition partitions[HUB_PARTITIONS_MAX]; /* each its own loop's */
};

struct hub_events {
    const struct hub *hub;
    struct hub_events_count count; /* relaxed atomics */
    struct hub_events_entity *entities[HUB_EVENTS_ENTITIES_MAX]; /* the first is the built-in one */
    unsigned entity_count; /* atomic: those before it are whole */
};

/* NULL when there is none of this name, in whatever case. */
struct hub_events_entity *hub_events_entity_find(struct hub_events *e, struct slice name);

/* A policy with ServiceConnect. */
bool hub_events_allowed(struct heads_amqp_link *l);

void hub_events_count_add(struct hub_events *e, uint64_t messages, uint64_t bytes);
void hub_events_count_sent(struct hub_events *e, uint64_t messages);
void hub_events_count_readers(struct hub_events *e, int more);

/* ---- events_sender.c ---- */

/* Messages of a link on their way: no more is asked for. */
#define HUB_EVENTS_SENDER_WINDOW 64

/* ---- management.c ---- */

void hub_management_request(void *arg, struct heads_amqp_reply *reply,
                            const struct amqp_message *m);
