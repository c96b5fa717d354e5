/*
 * A webhook with "validateEndpoint" says once that it wants events, before it gets any: Event Grid's
 * SubscriptionValidation event, whose code it sends back, or of CloudEvents' webhooks the OPTIONS request
 * whose WebHook-Request-Origin it allows. Asked again after a restart of the hub.
 */
#pragma once

#include "rest/client.h"
#include "routing/config.h"

/* URLs that have agreed. `{0}` is empty. */
struct consents {
    struct consent *first;
};

void consents_clear(struct consents *c);
bool consent_given(const struct consents *c, const struct routing_endpoint *e);

/* OK: it agreed, and that is remembered. Otherwise what the call ended with; PEER_FAILED for an answer that
 * does not agree, with its status (0: there was none). */
typedef void consent_fn(void *arg, enum status why, int http_status);

/* `done` follows after OK alone. Calls under way end with the client. The endpoint lives until then. */
CHECKED enum status consent_ask(struct consents *c, struct rest_client *client, struct loop *loop,
                                const char *hub_name, const struct routing_endpoint *e,
                                consent_fn *done, void *arg);
