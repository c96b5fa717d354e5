/*
 * Whether who registers is whom an enrolment is for. Pure. By key: a SharedAccessSignature for
 * "{idScope}/registrations/{registrationId}", skn=registration, made with the enrolment's key or,
 * in a group, with the one that is derived from it. By certificate: the very one, or one that an
 * authority signed; its common name is the registration's id, and it is valid now.
 */
#pragma once

#include "dps/enrollment.h"

/* Who asks, and what was shown. */
struct dps_credentials {
    struct slice id_scope;
    struct slice registration_id;
    struct slice sas; /* empty: the certificate counts */
    struct slice
        certificate;   /* in TLS, and its chain: stream_peer_certificate(); empty when none */
    struct slice peer; /* for log lines */
};

/* What caReferences name. */
struct dps_authority {
    struct slice name;
    struct slice der; /* of one certificate */
};

struct dps_authorities {
    const struct dps_authority *at;
    size_t count;
};

/* How the device will sign in at its hub: by keys, or by the certificates with these thumbprints.
 */
struct dps_proven {
    struct dps_pair keys;        /* base64 */
    struct dps_pair thumbprints; /* hex, SHA-256 */
    uint64_t expires_ms;         /* of the token; UINT64_MAX for a certificate */
};

/* base64(HMAC-SHA256(group's key, registration's id)). BAD_ARGUMENT: the key is not base64. */
CHECKED enum status dps_derive_key(struct slice group_key, struct slice registration_id,
                                   struct arena *a, struct slice *out);

/* UNAUTHORIZED: *why names the reason for the log line, never for the peer. `out` is in the arena.
 */
CHECKED enum status dps_prove(const struct dps_enrollment *e,
                              const struct dps_authorities *authorities,
                              const struct dps_credentials *shown, uint64_t now_ms, struct arena *a,
                              struct dps_proven *out, const char **why);
