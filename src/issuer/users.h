/*
 * People who sign in with a name and a password: rows of the issuer's database. Of a password only
 * its slow digest is kept (crypto/password.h). All calls run on the table's thread, in its jobs.
 *
 * Guessing: an attempt is counted before the password is looked at, and taken back when it was the
 * right one, so attempts side by side count as well. From the ISSUER_ATTEMPTS_FREE-th wrong one on
 * the name is locked, for a minute, then for twice as long each time, up to ISSUER_LOCK_MAX_MS.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "issuer/tables.h"

#define ISSUER_ATTEMPTS_FREE 5
#define ISSUER_LOCK_MS 60000
#define ISSUER_LOCK_MAX_MS (15u * 60000)
#define ISSUER_PASSWORD_LEAST 10 /* bytes; those that people choose */

struct issuer_user {
    struct slice name, display;
    struct slice object_id; /* a UUID: oid and sub in tokens */
    const struct slice *roles;
    size_t role_count;
};

/* NOT_FOUND. Slices in the arena; `password` (may be NULL) gets the kept digest. */
CHECKED enum status issuer_user_get(struct store_table *t, struct arena *a, struct slice name,
                                    struct issuer_user *out, struct slice *password);

/* `password` is the digest. EXISTS; BAD_ARGUMENT for an empty name, one with other than printable
 * characters, or a long one. */
CHECKED enum status issuer_user_add(struct store_table *t, const struct issuer_user *user,
                                    struct slice password, uint64_t now_ms);
/* Its refresh tokens end, too. NOT_FOUND. */
CHECKED enum status issuer_user_remove(struct store_table *t, struct slice name);
/* Unlocks it as well; its refresh tokens end. NOT_FOUND. */
CHECKED enum status issuer_user_set_password(struct store_table *t, struct slice name,
                                             struct slice password);

/* Counts an attempt to sign in: BUSY while the name is locked. NOT_FOUND. */
CHECKED enum status issuer_user_attempt(struct store_table *t, struct slice name, uint64_t now_ms);
/* It was the right password. */
CHECKED enum status issuer_user_attempt_good(struct store_table *t, struct slice name);

/* One line each: name, roles, and until when it is locked. */
CHECKED enum status issuer_users_list(struct store_table *t, uint64_t now_ms, struct buffer *out);
CHECKED enum status issuer_users_count(struct store_table *t, uint64_t *out);
