/*
 * GROUP BY and aggregates of a query: documents in, one row for each group out. What is not grouped
 * by anything is one group, even of no documents. Pure but for memory; belongs to one query.
 *
 * A property that is not there is left out of its group's row. COUNT(path) counts where there is
 * one, AVG and SUM take numbers, MIN and MAX any value of a primitive type.
 */
#pragma once

#include "base/map.h"
#include "iot/query_eval.h"

#define QUERY_GROUPS_MAX 10000

struct query_groups {
    const struct iot_query *query;
    struct arena arena;
    struct map by_key;
};

struct query_groups query_groups(const struct iot_query *q);
void query_groups_clear(struct query_groups *g);

/* TOO_LARGE: there would be more than QUERY_GROUPS_MAX. */
CHECKED enum status query_groups_add(struct query_groups *g, const struct iot_query_scope *scope);

/* The rows behind place *after, at most `limit`, into an array that is open. *after becomes the
 * last one's place. True when there are more. A group has the same place in every answer. */
bool query_groups_print(struct query_groups *g, uint64_t *after, size_t limit,
                        struct json_writer *w);
