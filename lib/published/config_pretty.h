/*
 * JSON as people write it into files: one member a line, two spaces a level.
 */
#pragma once

#include "base/buffer.h"
#include "json/json.h"

struct pretty {
    struct slice base; /* what every line begins with */
    unsigned depth;
};

static inline struct pretty pretty_deeper(struct pretty p)
{
    return (struct pretty){p.base, p.depth + 1};
}

/* A new line, up to where its text begins. */
void pretty_line(struct buffer *out, struct pretty p);

/* A value that begins on a line of that depth. */
void pretty_put(const struct json *v, struct pretty p, struct buffer *out);
