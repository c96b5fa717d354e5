/*
 * Where the documents come from that a query must look at: streams of the index, read together in
 * the order of their numbers. A plan may give more than the condition wants, never less; who runs
 * it asks the condition of each document. On the table's thread.
 *
 * Of conditions joined by AND the one with the fewest rows is read, of those joined by OR all.
 * Where nothing narrows, all documents are read.
 */
#pragma once

#include "iot/query.h"
#include "registry/tables.h"

#define QUERY_PLAN_STREAMS_MAX 1000 /* more texts in one IN [ ]: all documents are read */
/* More streams that have so many rows together are not worth their merging. */
#define QUERY_PLAN_LONG_STREAMS_MAX 20
#define QUERY_PLAN_LONG_ROWS 20000
/* Rows that are counted to find the rarest; what comes behind them in the condition counts as
 * common. */
#define QUERY_PLAN_COUNTED_MAX 50000
/* A range with more rows is not read: its rows do not lie in the order of documents, so each step
 * would read all. */
#define QUERY_PLAN_RANGE_MAX 2000

struct query_bound {
    enum { QUERY_BOUND_NUMBER, QUERY_BOUND_TEXT, QUERY_BOUND_BLOB } kind;
    double number;
    struct slice bytes;
};

struct query_stream {
    enum registry_statement statement; /* SQL_QUERY_… */
    struct slice path;                 /* of the index */
    struct query_bound low, high; /* what is equal to `low`, or from low to high, both among it */
};

struct query_plan {
    enum iot_query_source source;
    const struct query_stream *streams;
    size_t count; /* 0: the condition never holds */
};

/* Devices, modules or jobs' devices for which `where` may hold. */
struct query_plan query_plan_make(struct store_table *t, struct arena *a,
                                  enum iot_query_source source, const struct iot_query_expr *where);

struct query_candidate {
    int64_t number;
    struct iot_id id; /* in the arena */
};

/* The next ones behind `after`, at most `limit`; fewer: there are no more. */
CHECKED enum status query_plan_next(struct store_table *t, struct arena *a,
                                    const struct query_plan *p, int64_t after, size_t limit,
                                    struct query_candidate *out, size_t *count);
