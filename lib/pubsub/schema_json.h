/*
 * What a group's JSON messages look like, as JSON Schema (draft 07): for those who want to check
 * them, or to make readers of them. Names are OPC Publisher's. Pure.
 */
#pragma once

#include "pubsub/encoder.h"
#include "pubsub/shape.h"

/* Of messages that one encoder writes, with these data sets in them. */
struct schema_plan {
    const struct encoder *encoder;
    struct slice group; /* its name */
    bool publisher_id, class_id; /* messages have them */
    struct shape *const *sets;
    size_t count;
    size_t max; /* bytes */
};

/* Appends the schema. False: it would be longer, and what stands there is of no use. */
CHECKED bool schema_json_put(const struct schema_plan *p, struct buffer *out);
