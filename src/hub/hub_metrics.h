/* What /metrics says of the hub. Reads what the loops count, on whichever loop it is asked. */
#pragma once

#include "hub/hub.h"
#include "rest/health.h"

struct hub_amqp;
struct events;

struct hub_metrics {
    const struct hub *hub;
    struct events *events;
    struct hub_amqp *amqp;
};

/* For rest_metrics_collect(); `arg` is a struct hub_metrics. */
void hub_metrics_collect(void *arg, struct rest_metrics *to, struct buffer *out);
