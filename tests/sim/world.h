/*
 * The world of one run: a hub, an edge and modules below it, each a "process" that can be killed, with
 * the disks that survive them, and the books in which every promise is kept.
 *
 *   module (device_client, counts 1, 2, 3 …)  →  edge (MQTT head, log)  →  hub (MQTT head, partitions)
 *
 * The promise that is checked: what was acknowledged to a module is in the hub's partition in the end, and
 * of each module in the order in which it was sent. Doubles are allowed, and counted.
 */
#pragma once

#include "client/device.h"
#include "edge/edge.h"
#include "edge/identities.h"
#include "edge/twins.h"
#include "heads/mqtt.h"
#include "hub/hub.h"
#include "io/sim.h"
#include "store/sim_disk.h"

#define WORLD_MODULES 4
#define WORLD_EDGE_KEY "ZWRnZSBodWIgc2ltdWxhdGVkIGtleSE="
#define WORLD_MODULE_KEY "bW9kdWxlIHNpbXVsYXRlZCBrZXkhISE="

struct world_module {
    struct world *world;
    char name[16];
    struct loop *loop;
    struct device_client *client;
    struct loop_timer next;
    uint64_t sent;          /* numbers given out so far */
    uint64_t last_acked;    /* numbers up to it are acknowledged; they come in order */
    uint64_t *acked;        /* bitmap of acknowledged numbers */
    size_t acked_cap;       /* bits */
    uint64_t acked_count;
    uint64_t interval_ms;
    bool wants_room;
};

struct world {
    struct sim *sim;
    uint64_t seed;
    struct world_module modules[WORLD_MODULES];
    bool quiet; /* modules send nothing more */

    struct store_disk *edge_disk;
    struct loop *edge_loop; /* NULL while it is dead */
    struct edge *edge;
    struct edge_identities *identities;
    struct edge_twins *twins;
    struct heads_mqtt *edge_mqtt;
    struct listener *edge_listener;

    struct store_disk *hub_disk;
    struct hub_registry *registry;
    struct hub_policies *policies;
    struct hub *hub; /* NULL while it is dead */
    struct heads_mqtt *hub_mqtt;
    struct listener *hub_listener;
    unsigned hub_loops;

    uint64_t kills, doubles, delivered;
    struct buffer wrong; /* what was found to be wrong; empty is good */
};

struct world *world_new(uint64_t seed);
void world_free(struct world **w);

/* False: a fault kept it from starting; try again. */
bool world_start_hub(struct world *w);
void world_kill_hub(struct world *w);   /* the process dies and the disk loses what was not synced */
bool world_start_edge(struct world *w);
void world_kill_edge(struct world *w);
void world_restart_module(struct world *w, unsigned i);

/* Nothing acknowledged waits on its way any more. */
bool world_drained(const struct world *w);
/* Reads the hub's partitions and holds the books against them; says what is wrong in w->wrong. */
void world_check(struct world *w);

/* faults.c: from time to time something breaks, as the seed has it; faults_end() mends it all. */
struct faults;
struct faults *faults_start(struct world *w);
void faults_end(struct faults **f);
