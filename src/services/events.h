/* The hub's stream into onboarding: from where the registry remembers on, over the
 * Event-Hub-compatible endpoint. */
#pragma once

#include "io/stream.h"
#include "services/onboarding.h"

struct live;
struct services_values;
struct services_events;

struct services_events_config {
    struct loop *loop;
    struct services_registry *registry; /* tells the positions. Neither is owned */
    struct services_onboarding *onboarding;
    struct live *live; /* gets the progress of discoveries; not owned, as the next */
    struct services_values *values; /* gets telemetry; NULL: nobody does */
    const char *host; /* of the hub's AMQP */
    int port;
    struct tls_client *tls; /* NULL: plain, for tests. Not owned */
    const char *hub_host;   /* in the token's audience */
    const char *entity, *group;
    const char *policy, *key;
};

/* Copies. Reading begins when the positions are known; it connects by itself, again and again. */
struct services_events *services_events_new(const struct services_events_config *config);
/* Before the onboarding. */
void services_events_free(struct services_events **e);
bool services_events_connected(const struct services_events *e);

/* The $$MessageSchema of an event's properties, or the older $$ContentType. */
struct slice services_events_schema(struct slice properties);
