/*
 * The queries of the service side: `SELECT * FROM enrollments`, `… FROM enrollmentGroups`,
 * `… FROM registrations`, each with a WHERE in IoT Hub's query language, or `*` alone. Pure.
 */
#pragma once

#include "iot/query_eval.h"

#define DPS_QUERY_MAX 8192

struct dps_query {
    const struct iot_query_expr *where; /* NULL: all */
};

/* `source`: what the address queries ("enrollments"), without case. BAD_ARGUMENT: *why, in the
 * arena. The query lives as long as arena and text. */
CHECKED enum status dps_query_parse(struct slice text, const char *source, struct arena *a,
                                    struct dps_query *out, const char **why);

bool dps_query_takes(const struct dps_query *q, struct slice document, struct arena *a);
