/*
 * A module's answer made into ours: parsed and written anew, aside (aside.h) when it is long: 16 MiB take about 90 ms.
 */
#pragma once

#include "json/write.h"
#include "rest/route.h"

/* On any thread: writes what is shown of the answer, `from` and `limit` as the caller gave them. */
typedef void long_answer_fn(const struct json *answer, size_t from, size_t limit, struct json_writer *w);

/* Answers `r` with it, or 502 where `payload` is no JSON. */
void long_answer_make(struct rest_request *r, struct slice payload, long_answer_fn *make, size_t from,
                      size_t limit);
