/*
 * The edge devices of the hub and their modules, as the hub knows them: asked for when somebody
 * wants to know, and remembered for a while. On one loop.
 */
#pragma once

#include "client/service.h"

#define FLEET_MAX 10000 /* devices and modules; further ones are left out, and a warning says so   \
                         */

struct services_fleet;

struct services_fleet_member {
    char *device;
    char *module; /* NULL: the device itself */
    bool connected;
};

struct services_fleet_list {
    const struct services_fleet_member *members; /* a device stands before its modules */
    size_t count;
};

/* `hub` is not owned. Its rest_client must be freed before the fleet. */
struct services_fleet *services_fleet_new(struct loop *loop, struct service_client *hub);
void services_fleet_free(struct services_fleet **f);

/* `list` lives until the call returns; it is NULL unless `why` is OK. */
typedef void services_fleet_fn(void *arg, enum status why, const struct services_fleet_list *list);

/* Answers at once when what is known is younger than `age_ms`, else after asking the hub. */
void services_fleet_look(struct services_fleet *f, uint64_t age_ms, services_fleet_fn *fn,
                         void *arg);
