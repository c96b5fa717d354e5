/* What the routes share: bodies checked against their model, pages, and outcomes as problem
 * details. */
#pragma once

#include "rest/model.h"
#include "rest/server.h"
#include "services/registry.h"
#include "json/write.h"

/* Exceptions of 2.8 as statuses: 404, 403 for a state that does not allow it, 409, 412, 429, 502, …
 */
int services_replies_http(enum status why);
/* Answers with it. `detail` may be NULL. */
void services_replies_fail(struct rest_request *r, enum status why, const char *detail);

/* The same where the hub is to tell of its modules and does not; 503 when it says nothing at all. */
void services_replies_no_fleet(struct rest_request *r, enum status why);

/* Calls go_on(r) when query and body are as the row says, before this returns or later; else answers 400 with what is
 * wrong and where. Rows with may_lack_body may come without one. The headers x-ms-continuation and
 * x-ms-max-item-count become the parameters continuationToken and pageSize, where the row has
 * these. */
void services_replies_check(struct rest_request *r, void (*go_on)(struct rest_request *r));

/* The body has the model: OK and *out, which the caller frees. Otherwise the request has been
 * answered with 400, and the result is BAD_ARGUMENT. */
CHECKED enum status services_replies_body(struct rest_request *r, const struct rest_models *models,
                                          const char *model, struct json_doc **out);

/* The same for a query: the body when there is one, else the parameters that the row knows. */
CHECKED enum status services_replies_query(struct rest_request *r, const struct rest_models *models,
                                           const char *model, struct json_doc **out);

/* pageSize and continuationToken. False after answering 400. */
bool services_replies_page(struct rest_request *r, struct services_registry_ask *ask);

/* The same for a list in memory: from which element, and how many at most. */
bool services_replies_window(struct rest_request *r, size_t *from, size_t *limit);
/* "continuationToken", when more than `count` elements follow `from`: `all` of them are there. */
void services_replies_put_continuation(struct json_writer *w, size_t from, size_t count,
                                       size_t all);

/* Asks the registry for `r` and answers: the JSON, or nothing, or why not. */
void services_replies_ask(struct rest_request *r, const struct services_registry_ask *ask);
/* What the registry answered, likewise. */
void services_replies_answer(struct rest_request *r, enum status why, struct slice json);
