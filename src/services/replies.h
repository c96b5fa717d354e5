/* What the routes share: bodies checked against their model, pages, and outcomes as problem
 * details. */
#pragma once

#include "rest/model.h"
#include "rest/server.h"
#include "services/registry.h"
#include "json/json.h"

/* Exceptions of 2.8 as statuses: 404, 403 for a state that does not allow it, 409, 412, 429, 502, …
 */
int services_replies_http(enum status why);
/* Answers with it. `detail` may be NULL. */
void services_replies_fail(struct rest_request *r, enum status why, const char *detail);

/* The body has the model: OK and *out, which the caller frees. Otherwise the request has been
 * answered with 400, and the result is BAD_ARGUMENT. */
CHECKED enum status services_replies_body(struct rest_request *r, const struct rest_models *models,
                                          const char *model, struct json_doc **out);

/* pageSize and continuationToken, of the query or their x-ms- headers. False after answering 400.
 */
bool services_replies_page(struct rest_request *r, struct services_registry_ask *ask);

/* Asks the registry for `r` and answers: the JSON, or nothing, or why not. */
void services_replies_ask(struct rest_request *r, const struct services_registry_ask *ask);
