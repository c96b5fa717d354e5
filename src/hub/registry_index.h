/*
 * The index that queries search: for each twin one row of the table `leaves` for every name in its
 * tags, desired and reported properties, with its path ("tags.location.region") and value. A change
 * touches the rows of what changed alone. On the table's thread.
 *
 * Values in that column are of SQLite's own types, which never equal each other: a text as TEXT, a
 * number as REAL, and as a blob of one letter what has no order: n (null), 0 and 1 (false, true), a
 * (an array, whose elements are not indexed), o (an object, whose members have rows of their own).
 */
#pragma once

#include "hub/registry_tables.h"
#include "iot/query.h"

#define REGISTRY_INDEX_NULL SLICE("n")
#define REGISTRY_INDEX_FALSE SLICE("0")
#define REGISTRY_INDEX_TRUE SLICE("1")

/* A twin's texts as they were, between the two halves of a change. */
struct registry_index_change {
    struct arena arena;
    struct iot_twin old; /* no texts: it is new */
};

/* Before the twin's row is written anew; after it was written. */
CHECKED enum status registry_index_before(struct store_table *t, struct iot_id id,
                                          struct registry_index_change *c);
CHECKED enum status registry_index_after(struct store_table *t, struct iot_id id,
                                         const struct registry_index_change *c,
                                         const struct iot_twin *twin);
void registry_index_clear(struct registry_index_change *c);

/* The path of a row for a path in a query; false when there are no rows for such paths. */
bool registry_index_path(struct arena *a, const struct iot_query_path *path, struct slice *out);
