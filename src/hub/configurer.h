/*
 * Brings configurations to the twins that they are for: looks now and then at what the registry says
 * is to be done (registry_configurations.h), and has each twin configured in a job of its own, told
 * on the loop that owns it as every change of a twin is. Rests while there are no configurations.
 */
#pragma once

#include "hub/registry.h"

#define HUB_CONFIGURER_MS 500   /* between looks */
#define HUB_CONFIGURER_PAGE 100 /* twins under way at once */

struct hub_configurer;

/* On the loop. The registry outlives it, and is told whom to wake. */
struct hub_configurer *hub_configurer_start(struct hub_registry *r, struct loop *loop);
/* When the loops do not run any more. */
void hub_configurer_stop(struct hub_configurer **c);

/* There is something to do. From any thread; NULL is nobody. */
void hub_configurer_wake(struct hub_configurer *c);
