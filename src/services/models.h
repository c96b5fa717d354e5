/* The models of the registry and twin APIs, 2.8: for checking requests and for their OpenAPI. */
#pragma once

#include "rest/model.h"

extern const struct rest_models services_models_registry, services_models_twin;
