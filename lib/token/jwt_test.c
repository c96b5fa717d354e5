#include "token/jwt.h"

#include "base/encoding.h"

#include "base/cmocka.h"

#define NOW_MS 1779006612000
#define SKEW_MS 60000

static struct jwk *rsa, *ec, *stranger;
static struct jwk_set *set;
static const char *const issuers[] = {"https://issuer/v2.0", "https://other", NULL};
static const char *const audiences[] = {"api://millrace", NULL};
static const struct jwt_expect expect = {issuers, audiences, NOW_MS, SKEW_MS};

static int begin(void **state)
{
    (void)state;
    assert_int_equal(jwk_make(JWK_RS256, &rsa), OK);
    assert_int_equal(jwk_make(JWK_ES256, &ec), OK);
    assert_int_equal(jwk_make(JWK_ES256, &stranger), OK);
    const struct jwk *keys[] = {rsa, ec};
    struct buffer text = {0};
    jwk_print_set(keys, 2, &text);
    assert_int_equal(jwk_set_parse(buffer_slice(&text), &set), OK);
    buffer_clear(&text);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    jwk_free(&rsa);
    jwk_free(&ec);
    jwk_free(&stranger);
    jwk_set_free(&set);
    return 0;
}

#define GOOD "\"iss\":\"https://issuer/v2.0\",\"aud\":\"api://millrace\",\"exp\":1779010212"

static enum status verify_text(struct slice token)
{
    struct jwt t;
    const char *why;
    enum status s = jwt_verify(token, set, &expect, &t, &why);
    if (s == OK)
        jwt_clear(&t);
    else
        assert_non_null(why);
    return s;
}

static enum status verify(const struct jwk *key, const char *claims)
{
    struct buffer token = {0};
    assert_int_equal(jwt_make(key, slice_of(claims), &token), OK);
    enum status s = verify_text(buffer_slice(&token));
    buffer_clear(&token);
    return s;
}

static void both_kinds_of_key_sign_and_verify(void **state)
{
    (void)state;
    assert_int_equal(verify(rsa, "{" GOOD "}"), OK);
    assert_int_equal(verify(ec, "{" GOOD "}"), OK);
}

static void a_key_that_is_not_in_the_set_is_not_found(void **state)
{
    (void)state;
    assert_int_equal(verify(stranger, "{" GOOD "}"), NOT_FOUND);
}

static void claims_are_given_back(void **state)
{
    (void)state;
    struct buffer token = {0};
    struct jwt t;
    const char *why;
    assert_int_equal(
        jwt_make(
            ec, SLICE("{" GOOD ",\"roles\":[\"Read\",\"Write\"],\"scp\":\"a user_impersonation\"}"),
            &token),
        OK);
    assert_int_equal(jwt_verify(buffer_slice(&token), set, &expect, &t, &why), OK);
    assert_int_equal(t.expires_ms, 1779010212000);
    assert_true(jwt_has_role(t.claims, "Write"));
    assert_false(jwt_has_role(t.claims, "Admin"));
    assert_false(jwt_has_role(t.claims, "write"));
    assert_true(jwt_has_scope(t.claims, "user_impersonation"));
    assert_false(jwt_has_scope(t.claims, "user"));
    jwt_clear(&t);
    buffer_clear(&token);
}

static void issuer_and_audience_must_be_ours(void **state)
{
    (void)state;
    assert_int_equal(
        verify(ec,
               "{\"iss\":\"https://other\",\"aud\":[\"x\",\"api://millrace\"],\"exp\":1779010212}"),
        OK);
    assert_int_equal(
        verify(ec,
               "{\"iss\":\"https://issuer/v2.0/\",\"aud\":\"api://millrace\",\"exp\":1779010212}"),
        UNAUTHORIZED);
    assert_int_equal(verify(ec, "{\"aud\":\"api://millrace\",\"exp\":1779010212}"), UNAUTHORIZED);
    assert_int_equal(verify(ec, "{\"iss\":\"https://other\",\"exp\":1779010212}"), UNAUTHORIZED);
    assert_int_equal(verify(ec, "{\"iss\":\"https://other\",\"aud\":\"\",\"exp\":1779010212}"),
                     UNAUTHORIZED);
    assert_int_equal(
        verify(ec,
               "{\"iss\":\"https://other\",\"aud\":{\"a\":\"api://millrace\"},\"exp\":1779010212}"),
        UNAUTHORIZED);
}

static void times_hold_with_the_skew_and_not_beyond(void **state)
{
    (void)state;
    static const struct {
        const char *times;
        enum status want;
    } cases[] = {
        {"\"exp\":1779006552", UNAUTHORIZED}, /* NOW - 60 */
        {"\"exp\":1779006553", OK},
        {"\"exp\":\"1779010212\"", UNAUTHORIZED},
        {"\"exp\":-1", UNAUTHORIZED},
        {"\"exp\":1e300", UNAUTHORIZED},
        {"\"x\":1", UNAUTHORIZED},
        {"\"exp\":1779010212,\"nbf\":1779006672", OK}, /* NOW + 60 */
        {"\"exp\":1779010212,\"nbf\":1779006673", UNAUTHORIZED},
        {"\"exp\":1779010212,\"iat\":1779006673", UNAUTHORIZED},
        {"\"exp\":1779010212,\"iat\":\"x\"", UNAUTHORIZED},
        {"\"exp\":1779010212.5,\"iat\":1779006612.25", OK},
    };
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct buffer claims = {0};
        buffer_printf(&claims, "{\"iss\":\"https://other\",\"aud\":\"api://millrace\",%s}",
                      cases[n].times);
        if (verify(ec, buffer_cstr(&claims)) != cases[n].want)
            fail_msg("%s", cases[n].times);
        buffer_clear(&claims);
    }
}

/* header.payload.signature out of texts; the signature is taken as it is. */
static enum status forged(const char *header, const char *claims, struct slice signature)
{
    struct buffer token = {0};
    base64url_encode(slice_of(header), &token);
    buffer_u8(&token, '.');
    base64url_encode(slice_of(claims), &token);
    buffer_u8(&token, '.');
    buffer_put(&token, signature);
    enum status s = verify_text(buffer_slice(&token));
    buffer_clear(&token);
    return s;
}

static void a_token_cannot_choose_its_algorithm(void **state)
{
    (void)state;
    assert_int_equal(forged("{\"alg\":\"none\"}", "{" GOOD "}", SLICE("")), BAD_FORMAT);
    assert_int_equal(forged("{\"alg\":\"none\"}", "{" GOOD "}", SLICE("AAAA")), UNAUTHORIZED);
    assert_int_equal(forged("{\"alg\":\"HS256\"}", "{" GOOD "}", SLICE("AAAA")), UNAUTHORIZED);
    assert_int_equal(forged("{\"alg\":\"rs256\"}", "{" GOOD "}", SLICE("AAAA")), UNAUTHORIZED);
    assert_int_equal(forged("{\"alg\":\"PS256\"}", "{" GOOD "}", SLICE("AAAA")), UNAUTHORIZED);
    assert_int_equal(forged("{\"typ\":\"JWT\"}", "{" GOOD "}", SLICE("AAAA")), UNAUTHORIZED);
    assert_int_equal(forged("{\"alg\":\"RS256\"}", "{" GOOD "}", SLICE("AAAA")), UNAUTHORIZED);
    assert_int_equal(forged("{\"alg\":\"ES256\"}", "{" GOOD "}", SLICE("AAAA")), UNAUTHORIZED);
    assert_int_equal(forged("{\"alg\":\"RS256\",\"alg\":\"none\"}", "{" GOOD "}", SLICE("AAAA")),
                     BAD_FORMAT);
    assert_int_equal(forged("{\"alg\":\"RS256\",\"crit\":[\"x\"]}", "{" GOOD "}", SLICE("AAAA")),
                     UNAUTHORIZED);
    assert_int_equal(forged("{\"alg\":\"RS256\",\"typ\":\"id\"}", "{" GOOD "}", SLICE("AAAA")),
                     UNAUTHORIZED);
    /* An RSA key's id with the other algorithm. */
    struct buffer header = {0};
    buffer_printf(&header, "{\"alg\":\"ES256\",\"kid\":\"%s\"}", jwk_id(rsa));
    assert_int_equal(forged(buffer_cstr(&header), "{" GOOD "}", SLICE("AAAA")), NOT_FOUND);
    buffer_clear(&header);
}

static void every_changed_letter_is_noticed(void **state)
{
    (void)state;
    struct buffer token = {0};
    assert_int_equal(jwt_make(ec, SLICE("{" GOOD "}"), &token), OK);
    assert_int_equal(verify_text(buffer_slice(&token)), OK);
    for (size_t n = 0; n < token.len; n++) {
        uint8_t was = token.at[n];
        token.at[n] = was == 'A' ? 'B' : was - 1;
        assert_int_not_equal(verify_text(buffer_slice(&token)), OK);
        token.at[n] = was;
    }
    buffer_clear(&token);
}

static void what_is_no_token_is_refused(void **state)
{
    (void)state;
    assert_int_equal(verify_text(SLICE("")), BAD_FORMAT);
    assert_int_equal(verify_text(SLICE("a.b")), BAD_FORMAT);
    assert_int_equal(verify_text(SLICE("a.b.c.d")), BAD_FORMAT);
    assert_int_equal(verify_text(SLICE("..")), BAD_FORMAT);
    assert_int_equal(verify_text(SLICE("!.b.c")), BAD_FORMAT);
    assert_int_equal(verify_text(SLICE("eyJhbGciOiJFUzI1NiJ9.eyJ=IjoxfQ.AAAA")), BAD_FORMAT);
    assert_int_equal(forged("[]", "{}", SLICE("AAAA")), BAD_FORMAT);
    static char huge[JWT_MAX + 2];
    memset(huge, 'a', sizeof(huge) - 1);
    assert_int_equal(verify_text(slice_of(huge)), BAD_FORMAT);
    assert_int_equal(verify(ec, "[1]"), BAD_FORMAT);
    assert_int_equal(verify(ec, "{" GOOD ",\"exp\":1}"), BAD_FORMAT); /* twice */
}

static void a_private_key_is_kept_as_text(void **state)
{
    (void)state;
    struct jwk *const keys[] = {rsa, ec};
    for (int n = 0; n < 2; n++) {
        struct buffer text = {0};
        struct jwk *again;
        jwk_print_private(keys[n], &text);
        assert_int_equal(jwk_parse_private(buffer_slice(&text), &again), OK);
        assert_string_equal(jwk_id(again), jwk_id(keys[n]));
        assert_int_equal(verify(again, "{" GOOD "}"), OK);
        jwk_free(&again);
        buffer_clear(&text);
    }
}

static void a_set_has_public_halves_only(void **state)
{
    (void)state;
    const struct jwk *keys[] = {rsa, ec};
    struct buffer text = {0};
    jwk_print_set(keys, 2, &text);
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&text), JSON_STRICT, &doc, NULL), OK);
    const struct json *list = json_get(json_root(doc), "keys");
    assert_int_equal(json_count(list), 2);
    for (struct json_walk w = json_walk(list); json_next(&w);) {
        assert_null(json_get(w.value, "d"));
        assert_null(json_get(w.value, "p"));
        assert_slice(json_string(json_get(w.value, "use")), SLICE("sig"));
        assert_true(json_string(json_get(w.value, "kid")).len > 0);
    }
    json_free(&doc);
    struct jwk *none;
    assert_int_equal(jwk_parse_private(SLICE("{\"kty\":\"EC\"}"), &none), BAD_FORMAT);
    assert_int_equal(jwk_parse_private(SLICE("x"), &none), BAD_FORMAT);
    buffer_clear(&text);
}

static void keys_of_other_kinds_are_passed_over(void **state)
{
    (void)state;
    struct jwk_set *s;
    assert_int_equal(
        jwk_set_parse(SLICE("{\"keys\":[{\"kty\":\"oct\",\"k\":\"c2VjcmV0\",\"kid\":\"a\"},"
                            "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"},"
                            "{\"kty\":\"RSA\",\"n\":\"A=B\",\"e\":\"AQAB=\"},"
                            "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"},"
                            "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"},7]}"),
                      &s),
        OK);
    assert_int_equal(jwk_set_count(s), 0);
    jwk_set_free(&s);
    assert_int_equal(jwk_set_parse(SLICE("{}"), &s), BAD_FORMAT);
    assert_int_equal(jwk_set_parse(SLICE("[]"), &s), BAD_FORMAT);
    struct buffer many = {0};
    buffer_text(&many, "{\"keys\":[1");
    for (int n = 0; n < JWK_SET_KEYS_MAX; n++)
        buffer_text(&many, ",1");
    buffer_text(&many, "]}");
    assert_int_equal(jwk_set_parse(buffer_slice(&many), &s), TOO_LARGE);
    buffer_clear(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_of_key_sign_and_verify),
        cmocka_unit_test(a_key_that_is_not_in_the_set_is_not_found),
        cmocka_unit_test(claims_are_given_back),
        cmocka_unit_test(issuer_and_audience_must_be_ours),
        cmocka_unit_test(times_hold_with_the_skew_and_not_beyond),
        cmocka_unit_test(a_token_cannot_choose_its_algorithm),
        cmocka_unit_test(every_changed_letter_is_noticed),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(a_private_key_is_kept_as_text),
        cmocka_unit_test(a_set_has_public_halves_only),
        cmocka_unit_test(keys_of_other_kinds_are_passed_over),
    };
    return cmocka_run_group_tests(tests, begin, finish);
}
