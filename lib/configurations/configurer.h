/*
 * Brings configurations to the twins that they are for: looks now and then at what the registry
 * says is to be done (rows.h), and has each twin configured in an errand of its own, told on the
 * loop that owns it as every change of a twin is. Rests while there are no configurations.
 */
#pragma once

#include "registry/registry.h"

#define CONFIGURER_MS 500   /* between looks */
#define CONFIGURER_PAGE 100 /* twins under way at once */

struct configurer;

/* On the loop. The registry outlives it, and is told whom to wake. */
struct configurer *configurer_start(struct registry *r, struct loop *loop);
/* When the loops do not run any more. */
void configurer_stop(struct configurer **c);
