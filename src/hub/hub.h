/*
 * The hub as its own files see it: N loops that share nothing but what is here and immutable after
 * start. Devices are spread over the partitions by a hash of their id, partitions over the loops; so
 * a device, its live state and its partition's writer are on one loop.
 */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "events/partition.h"
#include "heads/backend.h"
#include "hub/activity.h"
#include "io/loop.h"
#include "iot/identity.h"
#include "iot/limits.h"
#include "iot/policy.h"
#include "registry/registry.h"

struct audit;
struct hub_service;

#define HUB_LOOPS_MAX 64

struct blob_store;
struct dps;
struct events;
struct hub;
struct jobs;
struct routing;
struct routing_loop;
struct routing_setup;
struct transfers;

/* What one loop owns. Only its own thread looks inside. */
struct hub_loop {
    struct hub *hub;
    unsigned index;
    struct loop *loop;
    struct map devices; /* "device[/module]" -> struct hub_device: those that are connected or waited for */
    struct list sign_ins; /* under way, backend.c */
    uint64_t next_rid;  /* of direct methods */
    struct sas_memo tokens; /* of services, rest.c */
    struct hub_activity activity;
    struct routing_loop *routing; /* lib/routing; NULL: all goes to the built-in stream, as it is */
    struct {                      /* sources.c: events of the hub itself */
        size_t under_way;
        uint64_t connection_number;
    } sources;
    struct {            /* read by /metrics from other threads: relaxed atomics */
        uint64_t messages, bytes, refused, connected, connects, methods, deliveries;
        uint64_t nowhere, untold; /* messages that no route took; events of the hub itself that were dropped */
    } count;
};

struct hub {
    struct heads_backend backend; /* first: the heads hand back a pointer to it (backend.c) */
    const char *name;             /* host name in connection strings and tokens */
    const char *const *aliases;   /* further names that tokens may be made for; ends with NULL */
    const char *events_name;      /* of the Event-Hub-compatible entity */
    const char *const *groups;    /* consumer groups besides $Default; NULL: any name is one; ends with NULL */
    struct iot_limits limits;
    unsigned loop_count, partition_count;
    struct hub_loop loops[HUB_LOOPS_MAX];
    struct partition *partitions[EVENTS_PARTITIONS_MAX];
    struct registry *registry;
    struct jobs *jobs; /* scheduled ones, jobs/jobs.h */
    struct policies *policies;
    struct audit *audit;         /* what services change and call, audit.h; may be NULL */
    struct hub_service *service; /* links of services, service_links.h; may be NULL */
    struct transfers *transfers; /* import and export jobs, transfers/transfers.h; may be NULL */
    struct blob_store *blobs; /* uploaded files, exports; NULL in the simulation */
    const char *uploads_container; /* of blobs, for files of devices */
    bool uploads_notify;           /* tell of them */
    int https_port;
    uint64_t created_ms;
    struct dps *dps; /* the provisioning service beside it; NULL: none */
    struct routing *router; /* routing/routing.h; may be NULL: then nothing is routed */
    unsigned wants; /* of what the hub itself tells, for routes: hub_sources_wants(); relaxed atomic */
};

unsigned hub_partition_of(const struct hub *hub, struct iot_id id);
struct hub_loop *hub_owner(struct hub *hub, struct iot_id id);

/* Parts that know no hub are given here what they need of it: the stream as applications read it; scheduled jobs; routes,
 * of which `files` says stream, paths and disk, and the rest is filled in. */
struct events *hub_events_new(const struct hub *hub);
struct jobs *hub_jobs_new(struct hub *hub);
CHECKED enum status hub_routing_open(struct hub *hub, const struct routing_setup *files);

/* Everything that has no file or socket: used by hub_main() and by the simulation. Call after loops,
 * limits, partitions, registry and policies are set. */
void hub_init(struct hub *hub);
