/*
 * Queries over twins and over jobs' devices, answered page by page. A query is cut into steps of
 * the registry's thread, so that a long one holds up nobody. A page begins behind the last document
 * of the one before, by its number: documents that come and go meanwhile move no other.
 */
#pragma once

#include "iot/query.h"
#include "registry/registry.h"
#include "store/table.h"

struct query_ask {
    struct slice text;
    size_t page;               /* rows; 0: as many as limits.query.page allows, which is the most */
    struct slice continuation; /* of the page before; empty: the first */
};

struct query_answer {
    enum status why;           /* BAD_ARGUMENT: text says where the query is wrong */
    const char *text;          /* for a person, when why is not OK */
    struct slice json;         /* an array */
    const char *item_type;     /* of its rows, in IoT Hub's words: Twin, Raw, DeviceJob */
    struct slice continuation; /* empty: this was the last page */
};

/* `a` lives until the callback returns. */
typedef void query_fn(void *arg, const struct query_answer *a);

/* Copies what is asked. fn(arg) comes exactly once, on `loop`. */
void query_run(struct registry *r, struct loop *loop, const struct query_ask *ask, query_fn *fn,
               void *arg);

/* Of configurations and jobs, for whoever works on the table's thread. A target was read by
 * query_target(). */

/* *why, in the arena, says what is wrong. */
CHECKED enum status query_target(struct slice text, struct arena *a, struct iot_query *out,
                                 const char **why);

/* Devices or modules for which it holds, behind number *after, at most `limit`. *end: there are no
 * more. Looks at so many documents as one step may; count may be 0 without an end. */
CHECKED enum status query_ids(struct store_table *t, struct arena *a,
                              const struct iot_query *target, int64_t *after, size_t limit,
                              struct iot_id *out, size_t *count, bool *end);

/* Does it hold for this one, who is of the target's kind? False when there is none such. */
CHECKED enum status query_holds(struct store_table *t, struct arena *a,
                                const struct iot_query *target, struct iot_id id, bool *holds);
