/*
 * A call of the twin API: the endpoint is looked up (and remembered while the registry does not
 * change), and its twin module invoked with {"endpoint": EndpointModel, "request": …}. The module's
 * JSON is passed back as it is.
 */
#pragma once

#include "services/services.h"

#define TWIN_ENDPOINTS_MAX 10000 /* remembered; all are forgotten beyond */

struct services_twin;

struct services_twin_config {
    uint64_t timeout_ms; /* for the module to answer: 5 s to 300 s */
    const char *module;  /* where endpoints without a supervisor are called:
                            "{device}_module_{module}"; may be NULL */
};

struct services_twin *services_twin_new(const struct services_twin_config *config); /* copies */
void services_twin_free(struct services_twin **t);

/* Answers `r`, whose path names the {endpointId}. `method` is static, `request` is JSON and copied.
 */
void services_twin_call(struct rest_request *r, const char *method, struct slice request);
