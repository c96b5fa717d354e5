/* What stands after the "?", as JSON: by the members that the route's row says, and checked like a
 * body. */
#pragma once

#include "rest/model.h"
#include "rest/route.h"

/*
 * An object of the parameters that the row knows, each as its type has it; an empty one is as none.
 * The caller frees *out. BAD_ARGUMENT with what is wrong and where ("pageSize: not a whole number
 * of 32 bits").
 */
CHECKED enum status rest_query_read(const struct rest_request *r, const struct rest_models *m,
                                    struct json_doc **out, char why[REST_MODEL_WHY_MAX]);
