/*
 * Counters for load. A counter goes up when it is sampled and at least half of its interval has
 * gone by since it went up last: a client that samples at the interval sees every number, whatever
 * the two clocks do, and can prove that it missed none. Nothing runs for a counter that nobody
 * watches.
 */
#pragma once

#include <stdint.h>

#include "opcua/server.h"

struct plant_load;

/* Adds the folder "Load" with "Load1" to "Load<count>". */
struct plant_load *plant_load_new(struct opcua_server *server, struct opcua_place parent,
                                  uint32_t count, uint32_t interval_ms);
/* After the server was closed. */
void plant_load_free(struct plant_load **load);
