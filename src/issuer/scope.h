/*
 * What a request's "scope" asks for (RFC 6749, 3.3; OpenID Connect Core, 5.4): words of OpenID's
 * own, and scopes of one audience, "api://millrace/user_impersonation" or
 * "api://millrace/.default". Pure.
 */
#pragma once

#include "base/arena.h"

struct issuer_scope {
    const char *audience; /* of the access token */
    struct slice granted; /* the audience's scopes, without its name, one blank between:
                             "user_impersonation" */
    bool openid, profile, email, offline;
};

#define ISSUER_SCOPE_DEFAULT "user_impersonation" /* what ".default" comes to, and no word at all  \
                                                   */

/* False: it is for an audience that is not among them, or for two. */
bool issuer_scope_read(struct arena *a, struct slice scope, const char *const *audiences,
                       struct issuer_scope *out);
