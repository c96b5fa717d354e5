/*
 * Who may connect as what: credentials against identities. Pure. IoT Hub's rules: a device's or
 * module's own key or certificate, a device's key for its modules, a shared access policy that grants
 * DeviceConnect for any, and an edge's $edgeHub for what belongs to that edge, when an auth chain says so.
 */
#pragma once

#include "heads/backend.h"
#include "heads/identity.h"

#define HEADS_AUTH_METHOD_MAX 128

struct heads_sign_in {
    const struct heads_credentials *credentials;
    const struct heads_identity *target;
    const struct heads_identity *actor;        /* the end of the auth chain; NULL without one */
    const struct heads_identity *actor_device; /* the actor's device: its scope; NULL without one */
    /* The key (base64) of a policy that grants DeviceConnect; empty when there is none. May be NULL. */
    struct slice (*policy_key)(void *arg, struct slice policy, bool secondary);
    void *policy_arg;
    struct slice authorities; /* that a certificate may lead to, as DER one behind the other */
    const char *const *hosts; /* names that tokens may be made for; ends with NULL */
    uint64_t now_ms;
};

/* OK: *expires_ms (0: never) and the text for iothub-connection-auth-method. UNAUTHORIZED otherwise;
 * *why names the reason for the log line, never for the peer. */
CHECKED enum status heads_sign_in_check(const struct heads_sign_in *in, uint64_t *expires_ms,
                                        char auth_method[HEADS_AUTH_METHOD_MAX], const char **why);

/* Whether it is one of the edge's own modules, or stands in the edge's scope. */
bool heads_sign_in_belongs(const struct heads_identity *target, const struct heads_identity *edge);

/* The last id of an auth chain, "target;…;actor": false when there is none. */
bool heads_sign_in_actor(struct slice auth_chain, struct iot_id *actor);
