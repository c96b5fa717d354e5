/*
 * A message in HTTP: its properties are header fields, "iothub-messageid", "iothub-app-color"; in a
 * batch they are the members of a JSON object with the same names. Pure.
 */
#pragma once

#include "iot/message.h"
#include "rest/route.h"
#include "json/json.h"

#define HEADS_HTTP_BATCH "application/vnd.microsoft.iothub.json"

/* The fields that say something of the message; the body stays. The slices live in the arena, or
 * where the fields do. BAD_ARGUMENT: a time that is none, or text that is no UTF-8; *wrong is the
 * field's name. */
CHECKED enum status heads_http_message_read(const struct rest_field *fields, size_t count,
                                            struct arena *a, struct iot_message *out,
                                            struct slice *wrong);

/* [{"body":"<base64>","base64Encoded":true,"properties":{…}}, …]. What is refused says why in
 * *text, for a person. BAD_FORMAT, BAD_ARGUMENT; TOO_LARGE: more than items_max, or more than
 * bytes_max together. */
CHECKED enum status heads_http_batch_read(const struct json *batch, uint64_t items_max,
                                          uint64_t bytes_max, struct arena *a,
                                          struct iot_message **out, size_t *count,
                                          const char **text);

/* The fields of a message to a device, in the answer. */
void heads_http_message_add(struct rest_request *r, const struct iot_message *m);
