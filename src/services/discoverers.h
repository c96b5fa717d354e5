/*
 * The modules that discover: a configured list, or the modules of one name on the hub's edge
 * devices. One call goes to all of them.
 */
#pragma once

#include "services/fleet.h"

struct services_discoverers;

struct services_discoverers_config {
    struct service_client *hub; /* neither is owned */
    struct services_fleet *fleet;
    const char *module;      /* module id that is looked for: "discovery" */
    const char *const *list; /* "{device}_module_{module}", NULL at the end; NULL: looked up */
};

struct services_discoverers *
services_discoverers_new(const struct services_discoverers_config *config); /* copies */
/* After the hub's rest_client and the fleet. */
void services_discoverers_free(struct services_discoverers **d);

/* OK: at least one took the call. NOT_FOUND: there is no discoverer. Otherwise why the last one did
 * not. */
typedef void services_discoverers_fn(void *arg, enum status why);

/* Invokes the direct method on every discoverer, or on the one that is named. Copies. */
void services_discoverers_invoke(struct services_discoverers *d, const char *method,
                                 struct slice only, struct slice payload, const char *call_id,
                                 services_discoverers_fn *fn, void *arg);
