/*
 * A module's answer made into ours: parsed and written anew. One that is long would hold up the loop for
 * some tens of milliseconds (16 MiB: about 90), and is made on a helper thread.
 */
#pragma once

#include "json/write.h"
#include "rest/route.h"

#define LONG_ANSWER_BYTES (1u << 20) /* from so many on */

/* On any thread: writes what is shown of the answer, `from` and `limit` as the caller gave them. */
typedef void long_answer_fn(const struct json *answer, size_t from, size_t limit, struct json_writer *w);

/* Answers `r` with it, or 502 where `payload` is no JSON. */
void long_answer_make(struct rest_request *r, struct slice payload, long_answer_fn *make, size_t from,
                      size_t limit);
