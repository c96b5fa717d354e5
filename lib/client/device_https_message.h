/*
 * A message in IoT Hub's HTTPS protocol: its properties are header fields, "iothub-messageid",
 * "iothub-app-color"; in a batch they are the members of a JSON object with the same names. The
 * device's end of what heads/http_message.h is at the hub. Pure.
 */
#pragma once

#include "base/arena.h"
#include "iot/message.h"
#include "rest/route.h"
#include "json/write.h"

#define DEVICE_HTTPS_BATCH "application/vnd.microsoft.iothub.json"
#define DEVICE_HTTPS_BATCH_BYTES                                                                   \
    (180u << 10) /* of bodies; in base64 this is less than the 256 KB that a hub takes */

/* All of its properties, in the arena; the texts are the message's. */
struct rest_field *device_https_fields(const struct iot_message *m, struct arena *a, size_t *count);

/* Whether fields can be headers as they are: printable ASCII. */
bool device_https_fields_ok(const struct rest_field *fields, size_t count);

/* {"body":"<base64>","base64Encoded":true,"properties":{…}}; a text that is larger than the limit
 * above stands there as it is, with "base64Encoded":false. */
void device_https_item(struct json_writer *w, const struct iot_message *m, struct arena *a);

/* What the hub answers to "is there a message". `headers` as in struct rest_answer. The slices
 * point into it and into `properties`, which is emptied. BAD_FORMAT: there is no lock in it. */
CHECKED enum status device_https_read(struct slice headers, struct slice body,
                                      struct buffer *properties, struct iot_message *out,
                                      struct slice *lock);
