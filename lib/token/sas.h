/*
 * SharedAccessSignature tokens: "SharedAccessSignature
 * sr={resource}&sig={signature}&se={expiry}[&skn={policy}]", the fields in any order. The signature
 * is an HMAC-SHA256 over sr and se exactly as they were sent, so nothing is decoded before it is
 * verified. Pure.
 *
 * Who checks a token asks in this order: sas_parse, sas_verify with each key that may have made it,
 * sas_expired, sas_covers.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define SAS_TOKEN_MAX 4096
#define SAS_SKEW_MS (5u * 60 * 1000) /* clocks may differ by so much */

/* Slices of the token's own text, as sent. */
struct sas {
    struct slice resource;
    struct slice signature;
    struct slice expiry;
    struct slice policy; /* skn; empty: made with a device's or module's own key */
    uint64_t expires_ms; /* wall clock */
};

/* BAD_FORMAT; TOO_LARGE past SAS_TOKEN_MAX. */
CHECKED enum status sas_parse(struct slice token, struct sas *out);

/* `key` is base64, as keys are stored. UNAUTHORIZED when the key did not make the token, or is
 * none. */
CHECKED enum status sas_verify(const struct sas *t, struct slice key);

bool sas_expired(const struct sas *t, uint64_t now_ms); /* SAS_SKEW_MS ago */

/* Until when whoever signs in with it now may stay: its end; behind that, where clocks differ, as long as it
 * is taken. Wall clock. */
uint64_t sas_until_ms(const struct sas *t, uint64_t now_ms);

/*
 * Whether the resource is `path` ("/devices/d/modules/m", not encoded; "" is the hub itself) or
 * something above it, segment by segment, on one of `hosts` (ends with NULL; compared without case,
 * with or without a port). A scheme before the host is passed over.
 */
bool sas_covers(const struct sas *t, const char *const *hosts, struct slice path);

/* Appends a token. `resource` stands in it as given: encode what needs it. `policy` empty: none.
 * BAD_ARGUMENT for a key that is not base64. */
CHECKED enum status sas_make(struct slice resource, struct slice key, struct slice policy,
                             uint64_t expires_ms, struct buffer *out);
