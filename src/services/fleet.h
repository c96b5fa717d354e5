/*
 * The edge devices of the hub and the modules that supervise, discover and publish, with their twins: found with
 * the hub's own query when somebody wants to know, and remembered for a while. On one loop.
 */
#pragma once

#include "client/service.h"
#include "json/json.h"

#define FLEET_MAX 10000 /* devices and modules; further ones are left out, and a warning says so */

#define FLEET_AGE_MS 2000    /* what people ask for may be so old */
#define FLEET_BRIEF_MS 2000  /* so long they wait for what they can do without */
#define FLEET_WAIT_MS 20000  /* and so long for what they ask for itself */
#define FLEET_STALE_MS 60000 /* they may then have what was told so long ago, even though something was changed since */

struct services_fleet;

struct services_fleet_member {
    char *device;
    char *module; /* NULL: the device itself */
    char *type;   /* what the module says that it is, "supervisor"; NULL: nothing */
    bool connected;
    char *twin;    /* of what the hub's query tells the id, tags and properties, without what says when: JSON */
    uint64_t hash; /* of that, and of `connected` */
};

/* Of a member, out of its twin; empty: it says nothing. */
struct slice services_fleet_type(const struct json *twin);

struct services_fleet_list {
    const struct services_fleet_member *members; /* modules stand before devices */
    size_t count;
};

struct services_fleet_config {
    struct loop *loop;
    struct service_client *hub; /* not owned. Its rest_client must be freed before the fleet */
    const char *modules[3];     /* ids of those that belong to it before they have said what they are; NULL at the end */
    uint64_t brief_ms;          /* 0: FLEET_BRIEF_MS */
    uint64_t wait_ms;           /* 0: FLEET_WAIT_MS */
    uint64_t page_ms;           /* for the hub to answer one question; 0: 20 s */
};

struct services_fleet *services_fleet_new(const struct services_fleet_config *config); /* copies */
void services_fleet_free(struct services_fleet **f);

/* `list` lives until the call returns; it is NULL unless `why` is OK. */
typedef void services_fleet_fn(void *arg, enum status why, const struct services_fleet_list *list);

/* Something was changed: the next look asks the hub, however young what is known, and does not take what was asked
 * for before. */
void services_fleet_forget(struct services_fleet *f);

/* Answers at once when what is known is younger than `age_ms`, else after asking the hub, which may take minutes; where
 * it is being asked already, that answer does. 0: what the hub says to a question that is asked from now on. */
void services_fleet_look(struct services_fleet *f, uint64_t age_ms, services_fleet_fn *fn,
                         void *arg);

/* The same for people. Where the hub does not tell it within `wait_ms` from now, they get what it told last, at most
 * FLEET_STALE_MS ago; TIMED_OUT: it is not known. */
void services_fleet_look_a_while(struct services_fleet *f, uint64_t age_ms, services_fleet_fn *fn, void *arg);

/* For who can do without: at most FLEET_AGE_MS old, or, where the hub does not tell it within `brief_ms` of being asked
 * for it, as above. While the hub hangs, who comes later does not wait at all. */
void services_fleet_look_briefly(struct services_fleet *f, services_fleet_fn *fn, void *arg);
