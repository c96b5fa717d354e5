/* Inside of the Event-Hub-compatible endpoint: what events.c, events_reader.c and management.c
 * share. */
#pragma once

#include "hub/events_reader.h"

#define HUB_EVENTS_KINDS 2 /* addresses that a partition is read at */

struct hub_events {
    const struct hub *hub;
    struct heads_amqp_config config;
    struct heads_amqp_kind kinds[HUB_EVENTS_KINDS];
    struct heads_amqp_node management;
    struct hub_events_count count; /* relaxed atomics */
    struct hub_events_partition partitions[HUB_PARTITIONS_MAX];
};

/* A policy with ServiceConnect. */
bool hub_events_allowed(struct heads_amqp_link *l);

void hub_events_count_add(struct hub_events *e, uint64_t messages, uint64_t bytes);
void hub_events_count_readers(struct hub_events *e, int more);

/* ---- management.c ---- */

void hub_management_request(void *arg, struct heads_amqp_reply *reply,
                            const struct amqp_message *m);
