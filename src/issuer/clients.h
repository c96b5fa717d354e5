/*
 * Who may ask for tokens: programs with a name, a secret and roles, in a file that only its user
 * can read. Of a secret only a salted digest is kept; secrets are made here, from 32 random bytes,
 * so that guessing is hopeless and no slow digest is needed. All calls block on the file.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"

#define ISSUER_CLIENTS_MAX 10000
#define ISSUER_NAME_MAX 64
#define ISSUER_ROLES_MAX 32

struct issuer_client {
    struct slice name;      /* client_id */
    struct slice object_id; /* a UUID: oid and sub in its tokens */
    const struct slice *roles;
    size_t role_count;
};

/* OK and the client, its slices in the arena; UNAUTHORIZED for a wrong secret and for an unknown
 * name alike; BAD_FORMAT, IO_FAILED for the file (logged). */
CHECKED enum status issuer_client_check(const char *path, struct arena *a, struct slice name,
                                        struct slice secret, struct issuer_client *out);

/* Adds one, and appends its secret, which nobody can read later. EXISTS; BAD_ARGUMENT for a name
 * with other letters than a-z A-Z 0-9 - _ . or for too many roles; FULL. */
CHECKED enum status issuer_client_add(const char *path, struct slice name, const char *const *roles,
                                      size_t role_count, struct buffer *secret);

/* NOT_FOUND. */
CHECKED enum status issuer_client_remove(const char *path, struct slice name);

/* One line each: name and roles. */
CHECKED enum status issuer_client_list(const char *path, struct buffer *out);
