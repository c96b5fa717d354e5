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

/* What has nothing to do with a thing of the hub's, such as a path that is none. NULL: no such. */
const struct iot_status_wire *iot_status_wire_generic(int http);

/* What was asked for, where that makes a difference. */
enum iot_thing {
    IOT_DEVICE,
    IOT_MODULE,
    IOT_REGISTRY,
    IOT_CERTIFICATE,
    IOT_JOB, IOT_UPLOAD,
    IOT_CONFIGURATION,
    IOT_CONFIGURATION_TARGET, /* its condition */
    IOT_CONFIGURATION_METRIC, /* a query of it */
};

/* The same for that thing: "ModuleNotFound". */
const struct iot_status_wire *iot_status_wire_of(enum iot_thing of, enum status s);

/* The same as a Device Provisioning Service says it. */
const struct iot_status_wire *iot_status_wire_provisioning(enum status s);

/* The way back: what an HTTP status from a peer means. Every 2xx is OK; what nobody here sends is PEER_FAILED. */
enum status iot_status_of_http(int http);
