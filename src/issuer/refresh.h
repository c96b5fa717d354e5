/*
 * Refresh tokens: random texts of which only the digest is kept. Each is good once: it is answered
 * with the next one of its family (rotation, RFC 9700, 4.14.2). One that comes a second time was
 * stolen, or its thief came first: the whole family ends. Within ISSUER_REFRESH_LEEWAY_MS of its
 * first use it is taken for a client that asks twice, and both get a token. In jobs of the issuer's
 * database.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "issuer/tables.h"

#define ISSUER_REFRESH_LEEWAY_MS 10000
#define ISSUER_FAMILY_LEN 36 /* a UUID */

struct issuer_refresh {
    struct slice family, client, user, scope;
};

/* Makes one of `r`'s family and appends its text. */
CHECKED enum status issuer_refresh_add(struct store_table *t, const struct issuer_refresh *r,
                                       uint64_t expires_ms, struct buffer *text);

/* Uses it up. UNAUTHORIZED: not known, of another client, or its time is over. REPLACED: used
 * before; its family has ended, which must be committed: end the job with OK. Slices in the arena.
 */
CHECKED enum status issuer_refresh_take(struct store_table *t, struct arena *a, struct slice text,
                                        struct slice client, uint64_t now_ms,
                                        struct issuer_refresh *out);

CHECKED enum status issuer_refresh_end_family(struct store_table *t, struct slice family);
