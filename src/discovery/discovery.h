/*
 * The discovery module: finds OPC UA servers by scanning, by urls and by what other servers know,
 * and sends what it found up the telemetry path. A role of a module (client/module.h) with the
 * direct methods Discover_V2 and Cancel_V2, and a recurring scan that desired properties set.
 */
#pragma once

#include "client/module.h"
#include "discovery/scan.h"
#include "opcua/thread.h"

struct discovery;

#define DISCOVERY_REQUESTS_MAX 64     /* waiting, one runs at a time; more are answered with 429 */
#define DISCOVERY_FIRST_SCAN_MS 20000 /* of a recurring scan */

struct discovery_config {
    struct module *module; /* before module_start() */
    struct opcua_thread *thread;
    struct scan_limits limits; /* requests can lower them, not raise them */
    const char *state; /* folder of the file with which a discovery goes on after a restart; NULL: none. Copied */
};

struct discovery *discovery_start(const struct discovery_config *config);

/* Lets go of what it has on the OPC UA thread. Then stop the loops, module_free(),
 * opcua_thread_free(), and last: */
void discovery_stop(struct discovery *d);
void discovery_free(struct discovery **d);
