/*
 * A direct method as services ask for it, and as IoT Hub's REST has it, in a call's body and in a job's: {"methodName",
 * "payload", "responseTimeoutInSeconds", "connectTimeoutInSeconds"}. Pure.
 */
#pragma once

#include "iot/identity.h"
#include "iot/limits.h"
#include "json/json.h"
#include "json/write.h"

#define IOT_METHOD_RESPONSE_SECONDS 30 /* unless another is asked for */
#define IOT_METHOD_SECONDS_MIN 5       /* of the response; a wait for the connection may be 0 */
#define IOT_METHOD_SECONDS_MAX 300
#define IOT_METHOD_NAME_MAX 100

struct iot_method_call {
    struct iot_id id;
    struct slice name;
    struct slice payload;        /* JSON text; empty when there is none */
    uint64_t connect_timeout_ms; /* 0: OFFLINE at once when nobody listens */
    uint64_t response_timeout_ms;
    const char *call_id;         /* for log lines; copied */
};

/* OK: the device answered with `status` and, it says, JSON. OFFLINE: it does not listen, or does not exist; TIMED_OUT;
 * BUSY: too many are under way; TOO_LARGE: the answer. */
typedef void iot_method_fn(void *arg, enum status why, int status, struct slice payload);

/* Name, payload and times of *call, in the arena. NULL, or what is wrong. */
const char *iot_method_read(struct arena *a, const struct iot_limits *limits,
                            const struct json *body, struct iot_method_call *call);

/* {"status":200,"payload":…}; an empty payload is null. */
void iot_method_put(struct json_writer *w, int status, struct slice payload);

/* What a device answered is JSON, or nothing. */
bool iot_method_payload_ok(struct slice payload);
