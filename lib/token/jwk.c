#include "token/jwk.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "crypto/random.h"
#include "token/jwk_priv.h"
#include "json/json.h"
#include "json/write.h"

/* ---- one key ---- */

static bool set_random_id(cjose_jwk_t *key)
{
    uint8_t random[16];
    struct buffer id = {0};
    cjose_err e;
    crypto_random(random, sizeof(random));
    base64url_encode(slice_from(random, sizeof(random)), &id);
    bool ok = cjose_jwk_set_kid(key, buffer_cstr(&id), id.len, &e);
    buffer_clear(&id);
    return ok;
}

static cjose_jwk_t *make_key(enum jwk_algorithm algorithm)
{
    static const uint8_t exponent[] = {1, 0, 1};
    cjose_err e;
    return algorithm == JWK_ES256
               ? cjose_jwk_create_EC_random(CJOSE_JWK_EC_P_256, &e)
               : cjose_jwk_create_RSA_random(JWK_RSA_BITS_MIN, exponent, sizeof(exponent), &e);
}

enum status jwk_make(enum jwk_algorithm algorithm, struct jwk **out)
{
    cjose_jwk_t *key = make_key(algorithm);
    if (!key)
        return IO_FAILED;
    if (!set_random_id(key)) {
        cjose_jwk_release(key);
        return IO_FAILED;
    }
    *out = MEMORY_NEW(struct jwk);
    **out = (struct jwk){key, algorithm};
    return OK;
}

void jwk_free(struct jwk **k)
{
    if (*k)
        cjose_jwk_release((*k)->key);
    free(*k);
    *k = NULL;
}

const char *jwk_id(const struct jwk *k)
{
    cjose_err e;
    const char *id = cjose_jwk_get_kid(k->key, &e);
    return id ? id : "";
}

static void put_members(struct json_writer *w, const struct jwk *k, bool private_too)
{
    cjose_err e;
    struct json_doc *doc = NULL;
    char *text = cjose_jwk_to_json(k->key, private_too, &e);
    if (text && json_parse(slice_of(text), JSON_STRICT, &doc, NULL) == OK)
        for (struct json_walk m = json_walk(json_root(doc)); json_next(&m);)
            json_name_slice(w, m.name), json_put_value(w, m.value);
    json_free(&doc);
    cjose_get_dealloc()(text);
}

static void put_key(struct json_writer *w, const struct jwk *k, bool private_too)
{
    json_object(w);
    put_members(w, k, private_too);
    json_name(w, "use"), json_put_text(w, "sig");
    json_name(w, "alg"), json_put_text(w, jwk_algorithm_name(k->algorithm));
    json_end_object(w);
}

void jwk_print_private(const struct jwk *k, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    put_key(&w, k, true);
}

void jwk_print_set(const struct jwk *const *keys, size_t count, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "keys"), json_array(&w);
    for (size_t n = 0; n < count; n++)
        put_key(&w, keys[n], false);
    json_end_array(&w);
    json_end_object(&w);
}

/* ---- reading ---- */

/* Whether a key as JSON is of a kind that we verify or sign with, and not meant for something else.
 */
static bool kind_of(const struct json *key, enum jwk_algorithm *out)
{
    struct slice kty = json_string(json_get(key, "kty")), crv = json_string(json_get(key, "crv"));
    struct slice use = json_string(json_get(key, "use")), alg = json_string(json_get(key, "alg"));
    if (slice_eq(kty, SLICE("RSA")))
        *out = JWK_RS256;
    else if (slice_eq(kty, SLICE("EC")) && slice_eq(crv, SLICE("P-256")))
        *out = JWK_ES256;
    else
        return false;
    return (use.len == 0 || slice_eq(use, SLICE("sig"))) &&
           (alg.len == 0 || slice_eq(alg, slice_of(jwk_algorithm_name(*out))));
}

/* Also no letters whose last bits mean nothing: one token has one text. */
bool jwk_is_base64url(struct slice text)
{
    struct buffer bytes = {0}, again = {0};
    bool ok = base64url_decode(text, &bytes) == OK;
    base64url_encode(buffer_slice(&bytes), &again);
    ok = ok && slice_eq(buffer_slice(&again), text);
    buffer_clear(&bytes);
    buffer_clear(&again);
    return ok;
}

static bool numbers_ok(const struct json *key)
{
    static const char *const numbers[] = {"n", "e",  "x",  "y",  "d", "p",
                                          "q", "dp", "dq", "qi", NULL};
    for (const char *const *n = numbers; *n; n++)
        if (!jwk_is_base64url(json_string(json_get(key, *n))))
            return false;
    return true;
}

/* Only what makes the key: x5c and whatever else a set carries stays outside. */
static void put_core(const struct json *key, bool private_too, struct buffer *out)
{
    static const char *const public[] = {"kty", "kid", "n", "e", "crv", "x", "y", NULL};
    static const char *const private[] = {"d", "p", "q", "dp", "dq", "qi", NULL};
    struct json_writer w = json_writer(out);
    json_object(&w);
    for (const char *const *n = public; *n; n++)
        json_member(&w, *n, json_string(json_get(key, *n)));
    for (const char *const *n = private; private_too && *n; n++)
        json_member(&w, *n, json_string(json_get(key, *n)));
    json_end_object(&w);
}

static bool import(const struct json *key, bool private_too, struct jwk *out)
{
    struct jwk k = {0};
    struct buffer text = {0};
    cjose_err e;
    if (!kind_of(key, &k.algorithm) || !numbers_ok(key))
        return false;
    put_core(key, private_too, &text);
    k.key = cjose_jwk_import((const char *)text.at, text.len, &e);
    buffer_clear(&text);
    if (!k.key)
        return false;
    size_t bits = cjose_jwk_get_keysize(k.key, &e);
    if (k.algorithm == JWK_RS256 && (bits < JWK_RSA_BITS_MIN || bits > JWK_RSA_BITS_MAX)) {
        cjose_jwk_release(k.key);
        return false;
    }
    *out = k;
    return true;
}

enum status jwk_parse_private(struct slice json, struct jwk **out)
{
    struct json_doc *doc;
    struct jwk k;
    if (json_parse(json, JSON_STRICT, &doc, NULL) != OK)
        return BAD_FORMAT;
    bool ok =
        json_string(json_get(json_root(doc), "d")).len > 0 && import(json_root(doc), true, &k);
    json_free(&doc);
    if (!ok)
        return BAD_FORMAT;
    *out = MEMORY_NEW(struct jwk);
    **out = k;
    return OK;
}

enum status jwk_set_parse(struct slice json, struct jwk_set **out)
{
    struct json_doc *doc;
    if (json.len > JWK_SET_TEXT_MAX)
        return TOO_LARGE;
    if (json_parse(json, JSON_STRICT, &doc, NULL) != OK)
        return BAD_FORMAT;
    const struct json *keys = json_get(json_root(doc), "keys");
    enum status s = !json_is(keys, JSON_ARRAY)            ? BAD_FORMAT
                    : json_count(keys) > JWK_SET_KEYS_MAX ? TOO_LARGE
                                                          : OK;
    if (s == OK) {
        struct jwk_set *set = MEMORY_NEW(struct jwk_set);
        for (struct json_walk w = json_walk(keys); json_next(&w);)
            set->count += import(w.value, false, &set->keys[set->count]);
        *out = set;
    }
    json_free(&doc);
    return s;
}

void jwk_set_free(struct jwk_set **s)
{
    for (size_t n = 0; *s && n < (*s)->count; n++)
        cjose_jwk_release((*s)->keys[n].key);
    free(*s);
    *s = NULL;
}

size_t jwk_set_count(const struct jwk_set *s)
{
    return s->count;
}
