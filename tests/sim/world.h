/*
 * The world of one run: a hub, an edge and modules below it, each a "process" that can be killed,
 * with the disks that survive them, services that use the hub, and the books in which every promise
 * is kept.
 *
 *   module (device_client)  ⇄  edge (MQTT head, log, twins)  ⇄  hub (MQTT head, partitions,
 * registry)
 *
 * What is checked, and where:
 *
 *     books.c     what was acknowledged to a module is in the hub's partitions in the end, of each
 * module in the order in which it was sent. Doubles are allowed, and counted twins.c     versions
 * only grow; in the end module, edge and registry have the same twin, with all that was reported
 * and desired; nothing reported is ever undone by something older methods.c   each call ends once,
 * in time; an answer is the one that the module gave; none is carried out twice bounds.c    queues
 * keep to their bounds, and when all is calm nothing is left in them
 *
 *     mail.c      what services sent to a device comes in the end, at least once, or is counted as dead
 *
 * world.c has the processes, plant.c the modules, faults.c what goes wrong.
 */
#pragma once

#include "base/map.h"
#include "client/device.h"
#include "edge/edge.h"
#include "edge/identities.h"
#include "edge/twins.h"
#include "heads/mqtt.h"
#include "hub/hub.h"
#include "c2d/c2d.h"
#include "io/sim.h"
#include "store/sim_disk.h"

#define WORLD_MODULES 4
#define WORLD_PARTITIONS 4
#define WORLD_LARGE_BYTES 100000 /* of a message, now and then */
#define WORLD_MQTT_PORT 8883
#define WORLD_EDGE_KEY "ZWRnZSBodWIgc2ltdWxhdGVkIGtleSE="
#define WORLD_MODULE_KEY "bW9kdWxlIHNpbXVsYXRlZCBrZXkhISE="

struct world;

/* Numbers, one bit each. */
struct world_set {
    uint64_t *bits;
    size_t cap;
    uint64_t count;
};

bool world_set_has(const struct world_set *s, uint64_t n);
bool world_set_add(struct world_set *s, uint64_t n); /* false: it was in it */
void world_set_clear(struct world_set *s);

#define WORLD_PROPERTIES 4

/* What a twin's section says: a number for each of the names in twins.c, 0 where there is none. */
struct world_properties {
    uint64_t version;
    uint64_t at[WORLD_PROPERTIES];
};

struct world_module {
    struct world *world;
    char name[16];
    struct loop *loop;
    struct device_client *client;
    bool connected;

    /* telemetry: counts 1, 2, 3 … */
    struct loop_timer next;
    uint64_t sent;       /* numbers given out so far */
    uint64_t last_acked; /* numbers up to it are acknowledged; they come in order */
    struct world_set acked;
    uint64_t interval_ms;
    bool wants_room;

    /* its twin, as it knows it */
    struct world_properties desired, reported;
    bool knows_desired;     /* since it connected */
    bool getting;           /* the twin; at most one at a time */
    bool unsure;            /* a report failed: all of it is reported again */
    unsigned reporting;     /* reports under way */
    uint64_t reports;       /* made so far: the property "n" */
    uint64_t reports_acked; /* the newest that was answered */
    uint64_t reports_seen;  /* the newest that the registry had when it was looked at */
    uint64_t edge_life;     /* in which the version of what was reported was told */
    struct loop_timer twin_next, twin_again;

    /* methods */
    struct world_set called; /* calls that it carried out */
    struct loop_timer slow;  /* the answer to one of them comes later */
    uint64_t slow_rid, slow_number;
};

struct world_call;
struct world_mail;

struct world {
    struct sim *sim;
    uint64_t seed;
    struct world_module modules[WORLD_MODULES];
    bool quiet; /* modules and services want nothing more */

    struct store_disk *edge_disk;
    uint64_t edge_store_bytes;
    char edge_twins_path[64];
    struct loop *edge_loop; /* NULL while it is dead */
    uint64_t edge_life;     /* counts its starts */
    struct edge *edge;
    struct edge_identities *identities;
    struct edge_twins *twins;
    struct heads_mqtt *edge_mqtt;
    struct listener *edge_listener;

    struct store_disk *hub_disk;
    struct registry *registry;
    struct policies *policies;
    struct iot_limits limits;
    struct hub *hub;   /* NULL while it is dead */
    uint64_t hub_life; /* counts its starts and ends */
    struct heads_mqtt *hub_mqtt;
    struct listener *hub_listener;
    unsigned hub_loops;
    struct c2d_clock messages_clock;
    struct world_mail *mail;

    struct loop *service; /* of those who use the hub; never killed */
    struct loop_timer desire_next, call_next;
    struct buffer desire; /* scratch */
    struct world_call **calls;
    size_t call_count, call_cap;

    struct {
        uint64_t kills, delivered, doubles, desired, reported, calls, answers, settled_ms;
    } count;
    struct buffer wrong; /* what was found to be wrong; empty is good */
};

struct world *world_new(uint64_t seed);
void world_free(struct world **w);

/* A line in w->wrong. */
void world_wrong(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

struct iot_id world_module_id(const struct world_module *m);

/* How a process ends: with the power, and what was not synced is lost or torn; or alone, and the
 * system keeps what it wrote. */
enum world_death { WORLD_POWER_FAILS, WORLD_KILLED };

/* False: a fault kept it from starting; try again. */
bool world_start_hub(struct world *w);
void world_kill_hub(struct world *w, enum world_death how);
bool world_start_edge(struct world *w);
void world_kill_edge(struct world *w, enum world_death how);

/* plant.c */
void world_module_start(struct world *w, unsigned i);
void world_module_stop(struct world_module *m);
void world_module_restart(struct world *w, unsigned i);
void world_module_free(struct world_module *m); /* after it was stopped */

/* books.c */
bool world_books_drained(const struct world *w); /* nothing acknowledged is on its way any more */
void world_books_check(struct world *w);         /* reads the hub's partitions */

/* twins.c */
void world_twins_start(struct world *w);
void world_twin_connected(struct world_module *m);
void world_twin_disconnected(struct world_module *m);
void world_twin_desired(struct world_module *m, struct slice patch, uint64_t version);
void world_twin_stop(struct world_module *m);
void world_twins_look(
    struct world *w); /* now and then: is what the registry has newer than before? */
bool world_twins_settled(const struct world *w); /* all that was to be reported is */
void world_twins_check(struct world *w);         /* when all is calm: do all have the same? */

/* methods.c */
void world_methods_start(struct world *w);
void world_method(struct world_module *m, uint64_t rid, struct slice name, struct slice payload);
void world_method_stop(struct world_module *m);
void world_calls_look(struct world *w); /* are there calls that should have ended? */
void world_calls_all(struct world *w);  /* one to each module, that must be answered */
bool world_calls_ended(const struct world *w);
void world_calls_free(struct world *w);

/* mail.c */
void world_mail_start(struct world *w);
void world_mail_restart(struct world *w);       /* the device's process dies */
bool world_mail_settled(const struct world *w); /* all that was accepted has come, or is dead */
void world_mail_check(struct world *w);
void world_mail_free(struct world *w);

/* bounds.c */
void world_bounds_look(struct world *w);
void world_bounds_check_calm(struct world *w);

/* faults.c: from time to time something breaks, as the seed has it; faults_end() mends it all. */
struct faults;
struct faults *faults_start(struct world *w);
void faults_end(struct faults **f);
