/*
 * Direct methods from the service side: finds the device on the loop that owns it, waits for it to
 * connect and to answer, and brings the answer back to the loop that asked.
 */
#pragma once

#include "hub/hub.h"
#include "iot/method.h"

/* Copies the call. fn(arg) comes exactly once, on `loop`. BUSY: HUB_DEVICE_CALLS_MAX are under way.
 * OFFLINE does not say whether there is such an identity: the caller asks. */
void hub_method_invoke(struct hub *hub, struct loop *loop, const struct iot_method_call *call,
                       iot_method_fn *fn, void *arg);
