/*
 * A device or module as the JSON document that queries see: its twin in the service's shape, with a
 * value at each path. Read from the tables as far as somebody asks, on the table's thread.
 */
#pragma once

#include "iot/query_eval.h"
#include "registry/tables.h"

struct query_document {
    struct store_table *table;
    struct arena *arena; /* what is read lives in it */
    struct iot_id id;
    enum status why; /* what reading it came to so far; NOT_FOUND: it has gone meanwhile */
    bool has_row, has_twin;
    struct registry_row row;
    struct iot_twin twin;
    struct json_doc *identity, *tags, *desired, *reported, *whole, *configurations; /* parsed when asked for */
};

struct query_document query_document(struct store_table *t, struct arena *a, struct iot_id id);
void query_document_clear(struct query_document *d);

/* An iot_query_lookup; `arg` is the document. The names of the system are in any case. */
struct iot_value query_document_at(void *arg, const struct iot_query_path *path);

/* The whole twin, as GET /twins gives it. */
CHECKED enum status query_document_print(struct query_document *d, struct json_writer *w);

/* A path that no twin has, or NULL: *why says so. */
CHECKED enum status query_document_check(const struct iot_query *q, struct arena *a,
                                         const char **why);
