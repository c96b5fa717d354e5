/*
 * What a configuration's own metrics come to: its queries, counted in steps of the registry's thread
 * and written into metrics.results of its document.
 */
#pragma once

#include "hub/registry.h"

typedef void hub_configuration_metrics_fn(void *arg, enum status why, struct slice json);

/* `json` is a configuration or an array of them; it comes back with results. A query that does not
 * work any more has none. fn(arg) comes exactly once, on `loop`; its slice lives until it returns. */
void hub_configuration_metrics(struct hub_registry *r, struct loop *loop, struct slice json,
                               hub_configuration_metrics_fn *fn, void *arg);
