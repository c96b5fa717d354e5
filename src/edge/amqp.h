/* The edge's AMQP endpoint: modules and devices, as over MQTT, with tokens of their own. Nothing else
 * is served on it. */
#pragma once

#include "heads/backend.h"
#include "io/stream.h"

struct edge_amqp;

/* `name` is the edge's, for the peers; the backend outlives it. */
struct edge_amqp *edge_amqp_new(struct heads_backend *backend, const char *name);
void edge_amqp_accept(struct edge_amqp *a, struct stream *s);
