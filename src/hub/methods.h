/*
 * Direct methods from the service side: finds the device on the loop that owns it, waits for it to
 * connect and to answer, and brings the answer back to the loop that asked.
 */
#pragma once

#include "hub/hub.h"

struct hub_method_call {
    struct iot_id id;
    struct slice name;
    struct slice payload;        /* JSON text; empty when there is none */
    uint64_t connect_timeout_ms; /* 0: OFFLINE at once when nobody listens */
    uint64_t response_timeout_ms;
    const char *call_id;         /* for log lines; copied */
};

/* OK: the device answered with `status` and, it says, JSON. OFFLINE, TIMED_OUT; BUSY: HUB_DEVICE_CALLS_MAX are under
 * way; TOO_LARGE: the answer. OFFLINE does not say whether there is such an identity: the caller asks. */
typedef void hub_method_fn(void *arg, enum status why, int status, struct slice payload);

/* Copies the call. fn(arg) comes exactly once, on `loop`. */
void hub_method_invoke(struct hub *hub, struct loop *loop, const struct hub_method_call *call,
                       hub_method_fn *fn, void *arg);
