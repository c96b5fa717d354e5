/*
 * Discovery results out of the hub's stream into the registry. Events of one discovery (the same
 * discoverer and timeStamp) are gathered until its result and as many endpoints as that says are
 * there, and merged as one; a discovery that stays incomplete for an hour is dropped. Where reading
 * goes on after a start is kept with the merge, so that nothing is merged in part and nothing is
 * lost.
 */
#pragma once

#include "iot/identity.h"
#include "services/fleet.h"
#include "services/registry.h"

#define ONBOARDING_BATCHES_MAX 256       /* incomplete discoveries; the oldest is dropped beyond */
#define ONBOARDING_EVENTS_MAX 10000      /* of one discovery; it is dropped beyond */
#define ONBOARDING_BYTES_MAX (64u << 20) /* of all; the oldest is dropped beyond */
#define ONBOARDING_PARTITIONS_MAX 64
#define ONBOARDING_SCHEMA "application/x-discovery-event-v2-json"

struct services_onboarding;

struct services_onboarding_config {
    struct loop *loop;
    struct services_registry *registry; /* not owned; must live as long */
    const char *supervisor_module; /* module id that gets the endpoints of its gateway: "twin" */
    uint64_t incomplete_ms;        /* 0: 1 h */
    /* Tells the EndpointActivationFilter in the tags of a discoverer's twin, for discoveries that bring none. NULL:
     * there is no hub to ask. Not owned; freed before this. */
    struct services_fleet *fleet;
};

struct services_onboarding *
services_onboarding_new(const struct services_onboarding_config *config);
void services_onboarding_free(struct services_onboarding **o);

/* An event of the stream, of any kind: those that are no discovery events only move the position.
 */
struct services_onboarding_event {
    uint32_t partition; /* under ONBOARDING_PARTITIONS_MAX */
    uint64_t sequence;
    struct iot_id from;
    struct slice schema; /* $$MessageSchema or $$ContentType */
    struct slice body;
};
void services_onboarding_event(struct services_onboarding *o,
                               const struct services_onboarding_event *e);

struct services_onboarding_counts {
    uint64_t events, merged, dropped; /* dropped: discoveries */
    size_t pending;
};
struct services_onboarding_counts services_onboarding_counts(const struct services_onboarding *o);
