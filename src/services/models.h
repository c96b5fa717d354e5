/*
 * The models of all services: for checking requests and for OpenAPI. 2.8 and 2.9 have the same
 * paths, so a model is what both know: the members and words of either, and required is what both
 * require.
 */
#pragma once

#include "rest/model.h"

extern const struct rest_models services_models;
