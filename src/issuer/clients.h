/*
 * Who may ask for tokens: programs with a name, a secret and roles, in a file that only its user
 * can read. Of a secret only a salted digest is kept; secrets are made here, from 32 random bytes,
 * so that guessing is hopeless and no slow digest is needed. A public client (RFC 6749, 2.1: a page, a
 * program on a person's machine) has no secret, and acts for people who sign in alone. All calls block on
 * the file.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"

#define ISSUER_CLIENTS_MAX 10000
#define ISSUER_NAME_MAX 64
#define ISSUER_ROLES_MAX 32
#define ISSUER_REDIRECTS_MAX 32

struct issuer_client {
    struct slice name;      /* client_id */
    struct slice object_id; /* a UUID: oid and sub in its tokens */
    const struct slice *roles; /* that it has by itself */
    size_t role_count;
    const struct slice *redirects; /* where people who signed in may be sent to */
    size_t redirect_count;
    bool is_public;
};

/* OK and the client, its slices in the arena. A public one shows no secret. UNAUTHORIZED for a wrong secret
 * and for an unknown name alike; BAD_FORMAT, IO_FAILED for the file (logged). */
CHECKED enum status issuer_client_check(const char *path, struct arena *a, struct slice name,
                                        struct slice secret, struct issuer_client *out);

/* The client alone, nothing proved. NOT_FOUND, and as above. */
CHECKED enum status issuer_client_find(const char *path, struct arena *a, struct slice name, struct issuer_client *out);

/* `uri` is one of the client's, to the letter; of an address of this machine ("http://localhost",
 * "http://127.0.0.1", "http://[::1]") the port does not count (RFC 8252, 7.3). */
bool issuer_client_redirects_to(const struct issuer_client *c, struct slice uri);

/* Adds one, and appends its secret, which nobody can read later; none for a public one. EXISTS;
 * BAD_ARGUMENT for a name with other letters than a-z A-Z 0-9 - _ . or for too many roles or redirects; FULL. */
struct issuer_client_new {
    struct slice name;
    const char *const *roles;
    size_t role_count;
    const char *const *redirects;
    size_t redirect_count;
    bool is_public;
};
CHECKED enum status issuer_client_add(const char *path, const struct issuer_client_new *client, struct buffer *secret);

/* NOT_FOUND. */
CHECKED enum status issuer_client_remove(const char *path, struct slice name);

/* One line each: name and roles. */
CHECKED enum status issuer_client_list(const char *path, struct buffer *out);
