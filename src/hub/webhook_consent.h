/*
 * A webhook with "validateEndpoint" says once that it wants events, before it gets any: Event Grid's
 * SubscriptionValidation event, whose code it sends back, or of CloudEvents' webhooks the OPTIONS request
 * whose WebHook-Request-Origin it allows. Asked again after a restart of the hub.
 */
#pragma once

#include "hub/routing_config.h"
#include "rest/client.h"

/* URLs that have agreed. `{0}` is empty. */
struct hub_consents {
    struct hub_consent *first;
};

void hub_consents_clear(struct hub_consents *c);
bool hub_consent_given(const struct hub_consents *c, const struct hub_endpoint *e);

/* OK: it agreed, and that is remembered. Otherwise what the call ended with; PEER_FAILED for an answer that
 * does not agree, with its status (0: there was none). */
typedef void hub_consent_fn(void *arg, enum status why, int http_status);

/* `done` follows after OK alone. Calls under way end with the client. The endpoint lives until then. */
CHECKED enum status hub_consent_ask(struct hub_consents *c, struct rest_client *client, struct loop *loop,
                                    const char *hub_name, const struct hub_endpoint *e,
                                    hub_consent_fn *done, void *arg);
