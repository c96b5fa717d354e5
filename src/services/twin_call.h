/*
 * A call of a module: of the one that is responsible for the endpoint in the path, which is looked
 * up (and remembered while the registry does not change), or of one by its id. The payload
 * is 2.9's: {"connection":
 * {"endpoint": EndpointModel, …}, "request": …}. The module's JSON is passed back as it is.
 *
 * What is too large for a direct method goes in pieces (client/service_pieces.h): a large request at once, and what only
 * reads a second time, when its answer was too large.
 */
#pragma once

#include "services/connecting.h"
#include "services/services.h"

#define TWIN_ENDPOINTS_MAX 10000 /* remembered; all are forgotten beyond */

#define TWIN_QUESTION_MS 5000 /* for what is not asked for its own sake; a large answer takes it twice */

struct services_twin;

struct services_twin_config {
    uint64_t timeout_ms; /* for the module to answer: 5 s to 300 s */
    const char *module;  /* where endpoints without a supervisor are called:
                            "{device}_module_{module}"; may be NULL */
};

struct services_twin *services_twin_new(const struct services_twin_config *config); /* copies */
void services_twin_free(struct services_twin **t);

/* Endpoints with which a call of ours makes a session. */
struct connecting *services_twin_connecting(struct services_twin *t);

/* The module that is responsible for an endpoint: its supervisor, or the one that is called where there is none. Empty:
 * nobody is. `registration` is the registry's. */
struct slice services_twin_module(const struct services_twin *t, const struct json *registration);

/* An endpoint is tried beside all calls; false: it is already, and that does. */
bool services_twin_try_begin(struct services *app, struct slice id);
/* With what that says of its session, as of endpoint_state.h; NULL: nothing. It does not count when a call has told
 * something meanwhile, or the endpoint is no more activated. */
void services_twin_try_end(struct services *app, struct slice id, const char *state);

enum services_payload {
    PAYLOAD_CONNECTION, /* to the twin module: the connection beside the request */
    PAYLOAD_PUBLISHER,  /* to the publisher module of the same device; its connection has a user and
                           a group, too */
    PAYLOAD_ENDPOINT,   /* to the twin module: the EndpointModel alone */
    PAYLOAD_REQUEST,    /* the request alone */
};

/* Answers with what the module answered well. */
typedef void services_twin_fn(struct rest_request *r, struct slice payload);

struct services_twin_ask {
    const char *method;   /* static */
    struct slice request; /* JSON, an object; copied */
    enum services_payload payload;
    bool question;            /* only reads, beside the request and before what it asks for: TWIN_QUESTION_MS */
    services_twin_fn *answer; /* NULL: as it is */
    void (*failed)(struct rest_request *r); /* instead of an answer that says why; may be NULL */
};

/* Answers `r`, whose path names the {endpointId}. */
void services_twin_call(struct rest_request *r, const struct services_twin_ask *ask);
/* Answers `r`; `module` is "{device}_module_{module}". */
void services_module_call(struct rest_request *r, struct slice module,
                          const struct services_twin_ask *ask);

/* Handlers of rows: the direct method is in the column `calls`, its request is the body, or the
 * query. */
void services_twin_pass(struct rest_request *r);
void services_twin_pass_query(struct rest_request *r);
