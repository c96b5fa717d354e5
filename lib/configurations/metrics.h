/*
 * What a configuration's own metrics come to: its queries, counted in steps of the registry's thread
 * and written into metrics.results of its document.
 */
#pragma once

#include "registry/registry.h"

typedef void configuration_metrics_fn(void *arg, enum status why, struct slice json);

/* `json` is a configuration or an array of them; it comes back with results. A query that does not
 * work any more has none. fn(arg) comes exactly once, on `loop`; its slice lives until it returns. */
void configuration_metrics(struct registry *r, struct loop *loop, struct slice json,
                           configuration_metrics_fn *fn, void *arg);
