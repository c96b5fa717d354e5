/* JSON Merge Patch, RFC 7386: members replace members, null removes, everything else replaces
 * whole. */
#pragma once

#include "json/write.h"

/* Writes `target` as `patch` changes it. A target of NULL is one that is not there. */
void json_merge(const struct json *target, const struct json *patch, struct json_writer *w);

/* The same on texts; appends to `out`. BAD_FORMAT when one of them is not JSON; an empty target is
 * not there. */
CHECKED enum status json_merge_text(struct slice target, struct slice patch, struct buffer *out);

/* Two patches as one that does what both do, one after the other: unlike in a target, a null stays,
 * for it still has to remove. (One thing no patch can say: what the first removed and the second
 * makes anew as an object keeps the members that the target had.) Otherwise as above; an empty
 * `first` is not there. */
CHECKED enum status json_merge_patches(struct slice first, struct slice second, struct buffer *out);

/* The merge patch that makes the object `to` of the object `from` (NULL: an empty one); "{}" when they are equal.
 * Where `to` has a null no patch can say so: it is taken for a member that is not there. */
void json_difference(const struct json *from, const struct json *to, struct json_writer *w);
