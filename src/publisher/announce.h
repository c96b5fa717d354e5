/*
 * What the publisher tells of itself, as messages beside those of the plant: its runtime state
 * (RestartAnnouncement and so on) and the diagnostics of a writer group. They take the way of all
 * messages (outbox/outbox.h), so they go where messages go and are kept as they are.
 */
#pragma once

#include "opcua/thread.h"
#include "outbox/outbox.h"
#include "published/topic.h"

#define ANNOUNCE_STATE_SCHEMA "application/x-runtimestate-message-v2-json"
#define ANNOUNCE_DIAGNOSTICS_SCHEMA "application/x-writergroup-diagnostics-message-v2-json"
#define ANNOUNCE_STATE_SOURCE "runtimeinfo" /* {EventSource}, and the property $$RoutingInfo */

/* Who tells. Borrowed for the call. */
struct announcer {
    struct outbox *outbox;
    struct opcua_thread *thread;
    const struct topic_templates *topics;
    const char *publisher_id, *site, *device_id, *module_id, *version; /* "" for none */
};

/* `state`: "RestartAnnouncement", "Running", "ShutdownAnnouncement", "Stopped". On the module's
 * loop. */
void announce_state(const struct announcer *a, const char *state, uint64_t wall_ms);

/* `json` of a writer group; worth sending for `ttl_ms`. */
void announce_diagnostics(const struct announcer *a, struct slice group, struct slice json,
                          uint64_t ttl_ms);
