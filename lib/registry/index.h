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

#include "iot/query.h"
#include "registry/tables.h"

#define REGISTRY_INDEX_NULL SLICE("n")
#define REGISTRY_INDEX_FALSE SLICE("0")
#define REGISTRY_INDEX_TRUE SLICE("1")

/* After the twin's row was written. `before` is the twin as it was, NULL when it is new. */
CHECKED enum status registry_index_put(struct store_table *t, struct iot_id id,
                                       const struct iot_twin *before, const struct iot_twin *twin);

/* The path of a row for a path in a query; false when there are no rows for such paths. */
bool registry_index_path(struct arena *a, const struct iot_query_path *path, struct slice *out);
