/*
 * A node's heartbeat: its last value, sent again when nothing came for a while (watchdog) or in any
 * case (periodic). See HeartbeatBehavior of OPC Publisher.
 *
 * It begins when the server has taken the node, or refused it; while there is no connection it goes
 * on, and says that the value is uncertain.
 */
#pragma once

#include "io/loop.h"
#include "opcua/stack.h"

struct heartbeat;

/* `v` lives until the callback returns; its status and times are what is to be sent. NULL: this one
 * is only counted. */
typedef void heartbeat_fn(void *arg, const UA_DataValue *v);

struct heartbeat *heartbeat_new(struct loop *l, heartbeat_fn *fn, void *arg);
void heartbeat_free(struct heartbeat **h);

/* `behavior` is bits of enum heartbeat_behavior (published/config.h). The last value stays. */
void heartbeat_set(struct heartbeat *h, uint64_t interval_ms, int behavior);

/* What the server says of the node: good, or why it cannot be watched. */
void heartbeat_item(struct heartbeat *h, UA_StatusCode status);

/* A value came. False: it is not to be sent, the heartbeats alone are. */
bool heartbeat_value(struct heartbeat *h, const UA_DataValue *v);

/* While there is no connection, the last value is said to be uncertain. */
void heartbeat_connected(struct heartbeat *h, bool connected);
