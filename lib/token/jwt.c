#include "token/jwt.h"

#include "base/encoding.h"
#include "token/jwk_priv.h"

/* ---- header ---- */

struct header {
    struct json_doc *doc;
    enum jwk_algorithm algorithm;
    struct slice kid; /* empty: none */
};

static enum status decode_json(struct slice base64, struct json_doc **out)
{
    struct buffer text = {0};
    enum status s = base64url_decode(base64, &text);
    if (s == OK)
        s = json_parse(buffer_slice(&text), JSON_STRICT, out, NULL);
    buffer_clear(&text);
    return s == OK && json_is(json_root(*out), JSON_OBJECT) ? OK : BAD_FORMAT;
}

static bool type_ok(struct slice typ)
{
    return typ.len == 0 || slice_eq_nocase(typ, SLICE("JWT")) ||
           slice_eq_nocase(typ, SLICE("at+jwt"));
}

static enum status read_header(struct slice base64, struct header *h, const char **why)
{
    *why = "no JWT";
    if (decode_json(base64, &h->doc) != OK)
        return BAD_FORMAT;
    const struct json *root = json_root(h->doc);
    struct slice alg = json_string(json_get(root, "alg"));
    h->kid = json_string(json_get(root, "kid"));
    h->algorithm = slice_eq(alg, SLICE("ES256")) ? JWK_ES256 : JWK_RS256;
    *why = "its algorithm is not allowed";
    if (!slice_eq(alg, slice_of(jwk_algorithm_name(h->algorithm))))
        return UNAUTHORIZED;
    *why = "its header asks for what is not known here";
    if (json_get(root, "crit") ||
        !type_ok(json_string(json_get(root, "typ")))) /* RFC 7515, 4.1.11 */
        return UNAUTHORIZED;
    return OK;
}

/* ---- signature ---- */

static bool could_have_signed(const struct jwk *k, const struct header *h)
{
    return k->algorithm == h->algorithm &&
           (h->kid.len == 0 || slice_eq(h->kid, slice_of(jwk_id(k))));
}

static enum status check_signature(struct slice token, const struct header *h,
                                   const struct jwk_set *keys, const char **why)
{
    cjose_err e;
    enum status s = NOT_FOUND;
    cjose_jws_t *jws = cjose_jws_import((const char *)token.at, token.len, &e);
    *why = "signed with an unknown key";
    for (size_t n = 0; jws && s != OK && n < keys->count; n++) {
        if (!could_have_signed(&keys->keys[n], h))
            continue;
        *why = "its signature is wrong";
        s = cjose_jws_verify(jws, keys->keys[n].key, &e) ? OK : UNAUTHORIZED;
    }
    if (!jws) {
        *why = "no JWT";
        return BAD_FORMAT;
    }
    cjose_jws_release(jws);
    return s;
}

/* ---- claims ---- */

static bool is_one_of(struct slice text, const char *const *list)
{
    for (; text.len && *list; list++)
        if (slice_eq(text, slice_of(*list)))
            return true;
    return false;
}

static bool audience_ok(const struct json *aud, const char *const *list)
{
    if (json_is(aud, JSON_STRING))
        return is_one_of(json_string(aud), list);
    for (struct json_walk w = json_walk(json_is(aud, JSON_ARRAY) ? aud : NULL); json_next(&w);)
        if (is_one_of(json_string(w.value), list))
            return true;
    return false;
}

/* Seconds since 1970 as milliseconds; false for what is no time. */
static bool time_of(const struct json *v, uint64_t *ms)
{
    double seconds = json_double(v, -1);
    if (!(seconds >= 0 && seconds < 1e12))
        return false;
    *ms = (uint64_t)(seconds * 1000);
    return true;
}

/* A time that must not lie ahead; absent is fine. */
static bool is_past(const struct json *v, const struct jwt_expect *expect)
{
    uint64_t ms;
    return !v || (time_of(v, &ms) && ms <= expect->now_ms + expect->skew_ms);
}

static const char *check_claims(const struct json *claims, const struct jwt_expect *expect,
                                uint64_t *expires_ms)
{
    if (!is_one_of(json_string(json_get(claims, "iss")), expect->issuers))
        return "its issuer is not trusted";
    if (!audience_ok(json_get(claims, "aud"), expect->audiences))
        return "made for another audience";
    if (expect->tenants && !is_one_of(json_string(json_get(claims, "tid")), expect->tenants))
        return "its tenant is not trusted";
    if (!time_of(json_get(claims, "exp"), expires_ms))
        return "it has no expiry";
    if (*expires_ms + expect->skew_ms <= expect->now_ms)
        return "expired";
    if (!is_past(json_get(claims, "nbf"), expect))
        return "not valid yet";
    if (!is_past(json_get(claims, "iat"), expect))
        return "issued in the future";
    return NULL;
}

/* Three parts of strict base64url: cjose stops the program on some texts that are not. */
static bool split(struct slice token, struct slice parts[3])
{
    struct slice rest = token;
    for (int n = 0; n < 3; n++)
        if (!slice_split(&rest, '.', &parts[n]) || parts[n].len == 0 || !jwk_is_base64url(parts[n]))
            return false;
    return rest.at == NULL;
}

enum status jwt_verify(struct slice token, const struct jwk_set *keys,
                       const struct jwt_expect *expect, struct jwt *out, const char **why)
{
    struct slice parts[3];
    struct header h = {0};
    struct jwt t = {0};
    *why = "no JWT";
    if (token.len == 0 || token.len > JWT_MAX || !split(token, parts))
        return BAD_FORMAT;
    enum status s = read_header(parts[0], &h, why);
    if (s == OK)
        s = check_signature(token, &h, keys, why);
    json_free(&h.doc);
    if (s != OK)
        return s;
    s = decode_json(parts[1], &t.doc);
    t.claims = json_root(t.doc);
    *why = s == OK ? check_claims(t.claims, expect, &t.expires_ms) : "no JWT";
    if (*why) {
        json_free(&t.doc);
        return s == OK ? UNAUTHORIZED : BAD_FORMAT;
    }
    *out = t;
    return OK;
}

void jwt_clear(struct jwt *t)
{
    json_free(&t->doc);
    *t = (struct jwt){0};
}

bool jwt_has_role(const struct json *claims, const char *role)
{
    const char *const list[] = {role, NULL};
    return audience_ok(json_get(claims, "roles"), list);
}

bool jwt_has_scope(const struct json *claims, const char *scope)
{
    static const char *const names[] = {"scp", "scope"};
    struct slice word;
    for (int n = 0; n < 2; n++) {
        struct slice rest = json_string(json_get(claims, names[n]));
        while (slice_split(&rest, ' ', &word))
            if (word.len && slice_eq(word, slice_of(scope)))
                return true;
    }
    return false;
}

/* ---- making ---- */

static cjose_header_t *make_header(const struct jwk *key)
{
    cjose_err e;
    cjose_header_t *h = cjose_header_new(&e);
    if (h && cjose_header_set(h, CJOSE_HDR_ALG, jwk_algorithm_name(key->algorithm), &e) &&
        cjose_header_set(h, "typ", "JWT", &e) &&
        cjose_header_set(h, CJOSE_HDR_KID, jwk_id(key), &e))
        return h;
    cjose_header_release(h);
    return NULL;
}

enum status jwt_make(const struct jwk *key, struct slice claims, struct buffer *out)
{
    cjose_err e;
    const char *text;
    enum status s = IO_FAILED;
    cjose_header_t *h = make_header(key);
    if (!h)
        return IO_FAILED;
    cjose_jws_t *jws = cjose_jws_sign(key->key, h, claims.at, claims.len, &e);
    if (jws && cjose_jws_export(jws, &text, &e)) {
        buffer_text(out, text);
        s = OK;
    }
    cjose_jws_release(jws);
    cjose_header_release(h);
    return s;
}
