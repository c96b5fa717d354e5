/*
 * A condition over whatever has values at paths: a twin, a message, a job. Pure; the caller says
 * what stands at a path.
 *
 * Three-valued: what compares two types, or something that is not there, is undefined, neither true
 * nor false. AND, OR and NOT go on with that (false AND undefined is false, true OR undefined is
 * true). One exception, for `tags.x != null`: null is unequal to a value of any other type.
 */
#pragma once

#include "iot/query.h"

/* Undefined when nothing is there. The value lives as long as the evaluation. */
typedef struct iot_value iot_query_lookup(void *arg, const struct iot_query_path *path);

struct iot_query_scope {
    iot_query_lookup *lookup;
    void *arg;
    struct arena *arena; /* for texts that functions make */
};

struct iot_value iot_query_eval(const struct iot_query_expr *e,
                                const struct iot_query_scope *scope);

/* Is it true? False and undefined are not. A NULL condition holds always. */
bool iot_query_holds(const struct iot_query_expr *e, const struct iot_query_scope *scope);

/* For lookups: what stands below a JSON value, from step number `from` on. */
struct iot_value iot_query_walk(const struct json *v, const struct iot_query_path *path,
                                size_t from);
