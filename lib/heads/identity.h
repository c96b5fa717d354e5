/*
 * What must be known of a device or module to let it in. The hub has it from its registry, the edge
 * from the hub (and keeps it for when the hub is away).
 */
#pragma once

#include "iot/identity.h"

enum heads_auth { HEADS_AUTH_SAS, HEADS_AUTH_SELF_SIGNED, HEADS_AUTH_CA, HEADS_AUTH_NONE };

/* An identity as it was at one moment. Immutable and shared between threads: ref and unref. */
struct heads_identity {
    struct iot_id id;
    bool enabled;         /* of a module: its device is enabled */
    bool edge;            /* capabilities.iotEdge */
    enum heads_auth auth;
    struct slice generation_id;
    struct slice etag;
    struct slice primary_key, secondary_key;               /* base64 text, as stored */
    struct slice primary_thumbprint, secondary_thumbprint; /* hex, SHA-1 or SHA-256, any case */
    struct slice device_scope; /* "ms-azure-iot-edge://…": a leaf device's parent, an edge device's own */
    struct slice parent_scope; /* an edge device's parent, or empty */
    unsigned message_count;    /* to the device, when it was looked up */
    unsigned kept;             /* by keep() of heads/backend.h */
    unsigned refs;             /* atomic; set by heads_identity_new() */
};

/* A copy of all that the fields point to, with one reference. */
const struct heads_identity *heads_identity_new(const struct heads_identity *fields);
const struct heads_identity *heads_identity_ref(const struct heads_identity *i);
void heads_identity_unref(const struct heads_identity **i);

/* The same credentials, of the same generation, and enabled alike: who signed in as `a` may stay as `b`. */
bool heads_identity_same_rights(const struct heads_identity *a, const struct heads_identity *b);
