/*
 * Who may connect as what: credentials against identities. Pure. IoT Hub's rules: a device's or module's
 * own key or certificate; a policy with DeviceConnect for any; an edge's $edgeHub for its modules and for
 * devices in its scope, when the auth chain says so.
 */
#pragma once

#include "heads/backend.h"
#include "hub/policy.h"
#include "hub/registry.h"

#define HUB_AUTH_METHOD_MAX 128

struct hub_sign_in {
    const struct heads_credentials *credentials;
    const struct hub_identity *target;
    const struct hub_identity *actor;  /* the end of the auth chain; NULL without one */
    const struct hub_identity *actor_device; /* the device of the actor: its scope; NULL without one */
    const struct hub_policies *policies;
    const char *const *hosts; /* ends with NULL */
    uint64_t now_ms;
};

/* OK: *expires_ms (0: never) and the text for iothub-connection-auth-method. UNAUTHORIZED otherwise;
 * *why names the reason for the log line, never for the peer. */
CHECKED enum status hub_sign_in_check(const struct hub_sign_in *in, uint64_t *expires_ms,
                                      char auth_method[HUB_AUTH_METHOD_MAX], const char **why);

/* The last id of an auth chain, "target;…;actor": false when there is none. */
bool hub_sign_in_actor(struct slice auth_chain, struct iot_id *actor);
