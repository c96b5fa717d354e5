/*
 * Tells who listens of gateways, supervisors, discoverers and publishers that are new, have changed
 * or have gone:
 * {"eventType": "New"|"Updated"|"Deleted", "id", "gateway"|"supervisor"|"discoverer"|"publisher"}
 * on the hubs and to the targets that 2.8 has for them. Connecting and disconnecting is a change.
 *
 * The IoT hub is asked every FLEET_WATCH_MS, or with pauses of FLEET_WATCH_PAUSE times what it takes to tell, and only
 * while somebody is on one of these hubs: what was known before is then forgotten, and the first look tells nothing.
 * Keeps an id and hashes for each of FLEET_MAX, and looks into those alone whose twins are others than before: one
 * that changes the first time may be told as updated when what is told of it is the same. On the services' loop.
 */
#pragma once

#include "services/services.h"

#define FLEET_WATCH_MS 5000
#define FLEET_WATCH_PAUSE 4

struct services_fleet_watch;

/* `app` is not owned; its fleet is to be freed before the watch, so that no look is under way. */
struct services_fleet_watch *services_fleet_watch_new(struct services *app);
void services_fleet_watch_free(struct services_fleet_watch **w);

/* Something was changed here: the next look is at once. NULL: nothing. */
void services_fleet_watch_soon(struct services_fleet_watch *w);
