#include "crypto/password.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "crypto/random.h"

#define SALT_BYTES 16
#define DIGEST_BYTES 32
#define MEMORY_MAX (256u << 20) /* of one digest */

struct cost {
    unsigned n_log2, r, p;
};

static const struct cost today = {15, 8, 1};

/* Nothing of what is checked comes from outside: a failure is want of memory. */
static void digest(struct slice password, struct slice salt, const struct cost *c,
                   uint8_t out[DIGEST_BYTES])
{
    if (EVP_PBE_scrypt((const char *)password.at, password.len, salt.at, salt.len,
                       1ull << c->n_log2, c->r, c->p, MEMORY_MAX, out, DIGEST_BYTES) != 1) {
        log_error("scrypt failed: out of memory");
        abort();
    }
}

void password_digest(struct slice password, struct buffer *out)
{
    uint8_t salt[SALT_BYTES], made[DIGEST_BYTES];
    crypto_random(salt, sizeof salt);
    digest(password, slice_from(salt, sizeof salt), &today, made);
    buffer_printf(out, "scrypt$%u$%u$%u$", today.n_log2, today.r, today.p);
    base64url_encode(slice_from(salt, sizeof salt), out);
    buffer_u8(out, '$');
    base64url_encode(slice_from(made, sizeof made), out);
}

static bool take_number(struct slice *rest, unsigned most, unsigned *out)
{
    struct slice part;
    uint64_t n;
    if (!slice_split(rest, '$', &part) || !slice_to_u64(part, &n) || n == 0 || n > most)
        return false;
    *out = (unsigned)n;
    return true;
}

static bool read_kept(struct slice kept, struct cost *c, struct buffer *salt, struct buffer *made)
{
    struct slice part;
    return slice_split(&kept, '$', &part) && slice_eq(part, SLICE("scrypt")) &&
           take_number(&kept, 17, &c->n_log2) && take_number(&kept, 16, &c->r) &&
           take_number(&kept, 16, &c->p) && slice_split(&kept, '$', &part) &&
           base64url_decode(part, salt) == OK && base64url_decode(kept, made) == OK &&
           salt->len == SALT_BYTES && made->len == DIGEST_BYTES;
}

bool password_is(struct slice kept, struct slice password)
{
    struct cost c = today;
    struct buffer salt = {0}, made = {0};
    uint8_t none[SALT_BYTES] = {0}, got[DIGEST_BYTES];
    bool known = read_kept(kept, &c, &salt, &made);
    if (!known)
        c = today;
    digest(slice_first(password, PASSWORD_MAX),
           known ? buffer_slice(&salt) : slice_from(none, sizeof none), &c, got);
    bool same = known && password.len <= PASSWORD_MAX &&
                crypto_equal(buffer_slice(&made), slice_from(got, sizeof got));
    buffer_clear(&salt);
    buffer_clear(&made);
    return same;
}
