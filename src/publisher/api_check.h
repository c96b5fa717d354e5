/*
 * Whether a payload has the shape that the module's API describes for the method: the models of
 * api_routes.c, for each way in. 2.8's shapes, and what its callers write in 2.9's, are let through.
 */
#pragma once

#include "json/json.h"
#include "rest/model.h"

/* A module_check_fn. `method`: its name in the table; one that is not in the API has no shape. */
bool api_check(struct slice method, const struct json *payload, char why[REST_MODEL_WHY_MAX]);
