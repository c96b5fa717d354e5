/* Inside of the Event-Hub-compatible endpoint: what events.c, reader.c,
 * sender.c and management.c share. */
#pragma once

#include "events/reader.h"

#define EVENTS_ENTITIES_MAX 64 /* streams that were ever there since the start */

/* A stream that is read and sent to under its name. Immutable but for what is said. */
struct events_entity {
    const char *name;
    uint64_t created_ms;
    unsigned partition_count;
    unsigned turn; /* of events without a key; relaxed atomic */
    bool closed;   /* no link is let in; relaxed atomic */
    struct events_partition partitions[EVENTS_PARTITIONS_MAX]; /* each its own loop's */
};

struct events {
    const char *const *groups;                           /* the config's */
    struct events_count count;                           /* relaxed atomics */
    struct events_entity *entities[EVENTS_ENTITIES_MAX]; /* the first is the built-in one */
    unsigned entity_count; /* atomic: those before it are whole */
};

/* NULL when there is none of this name, in whatever case. */
struct events_entity *events_entity_find(struct events *e, struct slice name);

/* A policy with ServiceConnect. */
bool events_allowed(struct heads_amqp_link *l);

void events_count_add(struct events *e, uint64_t messages, uint64_t bytes);
void events_count_sent(struct events *e, uint64_t messages);
void events_count_readers(struct events *e, int more);

/* ---- sender.c ---- */

/* Messages of a link on their way: no more is asked for. */
#define EVENTS_SENDER_WINDOW 64

/* ---- management.c ---- */

void events_management_request(void *arg, struct heads_amqp_reply *reply,
                               const struct amqp_message *m);
