#include "issuer/refresh.h"

#include "base/encoding.h"
#include "crypto/digest.h"
#include "crypto/random.h"

#define TEXT_BYTES 32

static enum status remove_old(struct store_table *t, uint64_t now_ms)
{
    store_bind_i64(t, SQL_REFRESH_REMOVE_OLD, 1, (int64_t)now_ms);
    return store_run(t, SQL_REFRESH_REMOVE_OLD);
}

enum status issuer_refresh_add(struct store_table *t, const struct issuer_refresh *r,
                               uint64_t expires_ms, struct buffer *text)
{
    uint8_t random[TEXT_BYTES], digest[CRYPTO_SHA256_LEN];
    size_t before = text->len;
    crypto_random(random, sizeof random);
    base64url_encode(slice_from(random, sizeof random), text);
    crypto_sha256(slice_skip(buffer_slice(text), before), digest);
    store_bind_blob(t, SQL_REFRESH_ADD, 1, slice_from(digest, sizeof digest));
    store_bind(t, SQL_REFRESH_ADD, 2, r->family);
    store_bind(t, SQL_REFRESH_ADD, 3, r->client);
    store_bind(t, SQL_REFRESH_ADD, 4, r->user);
    store_bind(t, SQL_REFRESH_ADD, 5, r->scope);
    store_bind_i64(t, SQL_REFRESH_ADD, 6, (int64_t)expires_ms);
    return store_run(t, SQL_REFRESH_ADD);
}

static enum status use(struct store_table *t, const uint8_t digest[CRYPTO_SHA256_LEN],
                       uint64_t now_ms)
{
    store_bind_blob(t, SQL_REFRESH_USE, 1, slice_from(digest, CRYPTO_SHA256_LEN));
    store_bind_i64(t, SQL_REFRESH_USE, 2, (int64_t)now_ms);
    return store_run(t, SQL_REFRESH_USE);
}

enum status issuer_refresh_take(struct store_table *t, struct arena *a, struct slice text,
                                struct slice client, uint64_t now_ms, struct issuer_refresh *out)
{
    uint8_t digest[CRYPTO_SHA256_LEN];
    crypto_sha256(text, digest);
    store_bind_blob(t, SQL_REFRESH_GET, 1, slice_from(digest, sizeof digest));
    enum status s = store_step(t, SQL_REFRESH_GET);
    if (s != OK)
        return s == NOT_FOUND ? UNAUTHORIZED : s;
    *out = (struct issuer_refresh){
        .family = arena_copy(a, store_column(t, SQL_REFRESH_GET, 0)),
        .client = arena_copy(a, store_column(t, SQL_REFRESH_GET, 1)),
        .user = arena_copy(a, store_column(t, SQL_REFRESH_GET, 2)),
        .scope = arena_copy(a, store_column(t, SQL_REFRESH_GET, 3)),
    };
    uint64_t expires_ms = (uint64_t)store_column_i64(t, SQL_REFRESH_GET, 4);
    uint64_t used_ms = (uint64_t)store_column_i64(t, SQL_REFRESH_GET, 5);
    store_reset(t, SQL_REFRESH_GET);
    if (!slice_eq(out->client, client) || now_ms >= expires_ms)
        return UNAUTHORIZED;
    if (used_ms && now_ms >= used_ms + ISSUER_REFRESH_LEEWAY_MS) {
        s = issuer_refresh_end_family(t, out->family);
        return s == OK ? REPLACED : s;
    }
    s = remove_old(t, now_ms);
    return s == OK ? use(t, digest, now_ms) : s;
}

enum status issuer_refresh_end_family(struct store_table *t, struct slice family)
{
    store_bind(t, SQL_REFRESH_REMOVE_FAMILY, 1, family);
    return store_run(t, SQL_REFRESH_REMOVE_FAMILY);
}
