/* An identity as the hub's scope listing has it (IoT Edge's "devices" and "modules"), and as the edge keeps it. */
#pragma once

#include "heads/identity.h"
#include "json/write.h"

/* The slices point into the document. BAD_FORMAT without a usable deviceId. */
CHECKED enum status edge_identity_parse(const struct json *v, struct heads_identity *out);
void edge_identity_print(const struct heads_identity *i, struct json_writer *w);
