/* The tables of models.h, each the next one's beginning: models.c, models_twin.c, models_history.c,
 * models_publisher.c. */
#pragma once

#include "services/models.h"

extern const struct rest_models services_models_twin, services_models_history,
    services_models_publisher;
