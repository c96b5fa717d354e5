/* The bodies that say what went wrong, as IoT Hub's clients read them. Three shapes on three wires.
 */
#pragma once

#include "base/buffer.h"
#include "iot/status_wire.h"

struct iot_error {
    const struct iot_status_wire *wire;
    struct slice text;    /* for a person */
    struct slice call_id; /* the id that the log lines of this call have */
    uint64_t wall_ms;
};

/* REST: {"Message":"ErrorCode:DeviceNotFound;<text>","ExceptionMessage":"Tracking ID:…"} */
void iot_error_body(const struct iot_error *e, struct buffer *out);

/* Direct methods over REST: JSON in the Message of that JSON, with the time that was waited. */
void iot_error_method_body(const struct iot_error *e, uint64_t waited_ms, struct buffer *out);

/* Twins over MQTT, provisioning: {"errorCode":400004,"trackingId":…,"message":…,"timestampUtc":…}
 */
void iot_error_twin_body(const struct iot_error *e, struct buffer *out);
