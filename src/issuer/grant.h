/*
 * A request for tokens as it comes (RFC 6749, 4.1.3, 4.4, 6; RFC 8628, 3.4): the form, and the client's
 * name and secret either in it (client_secret_post) or as Basic; public clients have no secret. Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/status.h"

#define ISSUER_FORM_MAX (16u << 10)

enum issuer_grant_kind { GRANT_CLIENT, GRANT_CODE, GRANT_REFRESH, GRANT_DEVICE };

struct issuer_grant {
    enum issuer_grant_kind kind;
    struct slice client_id, secret;
    struct slice code;                   /* the authorization code, refresh token or device code */
    struct slice redirect_uri, verifier; /* GRANT_CODE */
    bool client_info;                    /* MSAL wants to know whose tokens these are */
    struct slice scope;    /* v2: "api://millrace/.default"; may be empty */
    struct slice resource; /* v1: "api://millrace"; may be empty */
};

/* RFC 6749, 5.2. Static. */
struct issuer_refusal {
    int http;
    const char *error;
    const char *description;
};

/* NULL: all is well. Slices point into the arena. */
const struct issuer_refusal *issuer_grant_read(struct arena *a, struct slice content_type,
                                               struct slice authorization, struct slice form,
                                               struct issuer_grant *out);

/* Which of `audiences` (ends with NULL) is asked for: by scope, by resource, or by neither the
 * first. NULL: none. */
const char *issuer_grant_audience(const struct issuer_grant *g, const char *const *audiences);
