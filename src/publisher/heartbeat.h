/*
 * A node's heartbeat: its last value, sent again when nothing came for a while (watchdog) or in any
 * case (periodic). See HeartbeatBehavior of OPC Publisher.
 */
#pragma once

#include "io/loop.h"
#include "opcua/stack.h"

struct heartbeat;

/* `v` lives until the callback returns; its status and times are what is to be sent. */
typedef void heartbeat_fn(void *arg, const UA_DataValue *v);

/* `behavior` is bits of enum heartbeat_behavior (publisher/config.h). */
struct heartbeat *heartbeat_new(struct loop *l, uint64_t interval_ms, int behavior,
                                heartbeat_fn *fn, void *arg);
void heartbeat_free(struct heartbeat **h);

/* A value came. False: it is not to be sent, the heartbeats alone are. */
bool heartbeat_value(struct heartbeat *h, const UA_DataValue *v);

/* While there is no connection, the last value is said to be uncertain. */
void heartbeat_connected(struct heartbeat *h, bool connected);
