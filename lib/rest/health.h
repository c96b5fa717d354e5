/*
 * What a supervisor asks a program: /healthz (it lives), /readyz (it can serve: every named check
 * says so, or why not), /metrics (Prometheus text). Routes for a server's tables, public.
 */
#pragma once

#include "rest/metrics.h"
#include "rest/router.h"

#define REST_HEALTH_CHECKS_MAX 32

struct rest_health;

/* `metrics` may be NULL: /metrics is empty then. Not owned. */
struct rest_health *rest_health_new(struct rest_metrics *metrics);
void rest_health_free(struct rest_health **h);

/* True when ready. Otherwise, or for information, it appends one phrase to *detail. Called on the
 * loop of the server that is asked. */
typedef bool rest_health_check(void *arg, struct buffer *detail);

/* `name` is static. */
void rest_health_add(struct rest_health *h, const char *name, rest_health_check *check, void *arg);

/* All checks now; false when one is not ready. Appends {"status":"ready","checks":[…]}. */
bool rest_health_ready(struct rest_health *h, struct buffer *json);

struct rest_table rest_health_table(struct rest_health *h);
