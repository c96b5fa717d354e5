/* The edge behind the protocol heads: heads/backend.h, implemented. */
#pragma once

#include "edge/edge.h"

extern const struct heads_backend_ops edge_backend_ops;

/* An identity has changed or gone: its session is closed, and may sign in again. `edge` is the arg. */
void edge_backend_identity_changed(void *edge, struct iot_id id);
