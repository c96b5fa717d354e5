/*
 * What the claims of a good token allow: read, write, administer. Roles are in "roles", as Entra
 * has it, or where another issuer has them; other issuers' names for them, and scopes that stand
 * for roles, are mapped. Pure.
 */
#pragma once

#include "json/json.h"

enum rest_grant { REST_GRANT_READ = 1, REST_GRANT_WRITE = 2, REST_GRANT_ADMIN = 4 };

/* All lists end with NULL. */
struct rest_grants_rules {
    /* A token for a person ("scp" or "scope") has one of them, or it may nothing; NULL: not looked
     * at. */
    const char *const *scopes;
    /* Where roles are: a claim's name, or a way through objects with dots between,
     * "realm_access.roles". Arrays of texts, or a text with blanks between. NULL: "roles". */
    const char *const *role_claims;
    /* "operators=Write", "scope:plant.admin=Admin": what the issuer says, and the role that it
     * stands for. NULL: the issuer uses our names (Read, Write, Admin, Sign); else these count
     * alone. */
    const char *const *roles;
    bool any_role; /* roles do not matter: whoever has a token may do everything */
};

/* Bits of enum rest_grant; 0: nothing. */
unsigned rest_grants(const struct rest_grants_rules *rules, const struct json *claims);

/* Whether it can stand in `roles`: a name, '=', and a role that is known. */
bool rest_grants_role_ok(const char *mapping);
