/* What an outcome is called on the wires of IoT Hub: HTTP status, error code and name, AMQP
 * condition. */
#pragma once

#include "base/status.h"

struct iot_status_wire {
    int http;
    int code;         /* 404001; 0 for OK */
    const char *name; /* "DeviceNotFound": what SDKs look for in a body; "" for OK */
    const char *amqp; /* error condition; NULL for OK */
};

/* Never NULL. */
const struct iot_status_wire *iot_status_wire(enum status s);

/* The same where a module is what was asked for: "ModuleNotFound". */
const struct iot_status_wire *iot_status_wire_module(enum status s);

/* The way back: what an HTTP status from a peer means. Every 2xx is OK; what nobody here sends is PEER_FAILED. */
enum status iot_status_of_http(int http);
