/* JSON Merge Patch, RFC 7386: members replace members, null removes, everything else replaces
 * whole. */
#pragma once

#include "json/write.h"

/* Writes `target` as `patch` changes it. A target of NULL is one that is not there. */
void json_merge(const struct json *target, const struct json *patch, struct json_writer *w);

/* The same on texts; appends to `out`. BAD_FORMAT when one of them is not JSON; an empty target is
 * not there. */
CHECKED enum status json_merge_text(struct slice target, struct slice patch, struct buffer *out);
