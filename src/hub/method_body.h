/*
 * A direct method as IoT Hub's REST has it, in a call's body and in a job's: {"methodName",
 * "payload", "responseTimeoutInSeconds", "connectTimeoutInSeconds"}. Pure.
 */
#pragma once

#include "hub/methods.h"
#include "json/json.h"

#define HUB_METHOD_RESPONSE_SECONDS 30 /* unless another is asked for */
#define HUB_METHOD_SECONDS_MIN 5       /* of the response; a wait for the connection may be 0 */
#define HUB_METHOD_SECONDS_MAX 300
#define HUB_METHOD_NAME_MAX 100

/* Name, payload and times of *call, in the arena. NULL, or what is wrong. */
const char *hub_method_read(struct arena *a, const struct hub_limits *limits,
                            const struct json *body, struct hub_method_call *call);

/* {"status":200,"payload":…}; an empty payload is null. */
void hub_method_put(struct json_writer *w, int status, struct slice payload);

/* What a device answered is JSON, or nothing. */
bool hub_method_payload_ok(struct slice payload);
