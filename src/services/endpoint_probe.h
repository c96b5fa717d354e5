/*
 * An endpoint that was just activated is connected to by its module, so that its state is known
 * before anybody calls it: a TestConnection that nobody waits for, of each
 * endpoint one at a time. On the services' loop.
 */
#pragma once

#include "services/services.h"

#define PROBES_MAX 64  /* under way; of further endpoints the state is known when they are called  \
                        */
#define PROBE_MS 30000 /* for the module to answer */

void services_endpoint_probe(struct services *app, struct slice endpoint_id);
