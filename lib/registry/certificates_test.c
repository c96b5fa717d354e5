/* Certificates of authorities: what one may be, when it counts, and how its owner proves that he
 * is. */
#include "registry/registry.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/cmocka.h"
#include "base/encoding.h"
#include "crypto/certificate.h"
#include "json/write.h"

static struct {
    struct loop *loop;
    struct iot_limits limits;
    struct registry *registry;
    struct buffer ca, ca_key, other, other_key; /* two authorities */
    /* The last answer. */
    enum status why;
    bool created;
    struct buffer json, etag, text, ders;
} house;

static void keep(struct buffer *to, struct slice s)
{
    buffer_reset(to);
    buffer_put(to, s);
}

static void on_answer(void *arg, const struct registry_answer *a)
{
    (void)arg;
    house.why = a->why;
    house.created = a->created;
    keep(&house.json, a->json);
    keep(&house.etag, a->etag);
    keep(&house.text, slice_of(a->text));
    loop_stop(house.loop);
}

static enum status ask(const struct registry_work *what, const char *name, struct slice body,
                       const char *if_match)
{
    struct registry_ask a = {
        .what = what, .name = slice_of(name), .body = body, .if_match = slice_of(if_match)};
    registry_ask(house.registry, house.loop, &a, on_answer, NULL);
    loop_run(house.loop);
    return house.why;
}

static enum status ask_with(const struct registry_work *what, const char *name,
                            const struct buffer *pem, const char *if_match)
{
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    json_object(&w);
    json_name(&w, "properties"), json_object(&w);
    json_name(&w, "certificate"), json_put_string(&w, buffer_slice(pem));
    json_end_object(&w);
    json_end_object(&w);
    enum status s = ask(what, name, buffer_slice(&body), if_match);
    buffer_clear(&body);
    return s;
}

static enum status upload(const char *name, const struct buffer *pem)
{
    return ask_with(&registry_certificate_put, name, pem, NULL);
}

/* A text or bool under "properties" of the last answer. */
static const char *property(const char *name)
{
    static char text[256];
    struct json_doc *doc = NULL;
    assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
    const struct json *v = json_get(json_get(json_root(doc), "properties"), name);
    if (json_is(v, JSON_BOOL))
        snprintf(text, sizeof(text), "%s", json_bool(v, false) ? "true" : "false");
    else
        snprintf(text, sizeof(text), "%.*s", SLICE_FMT(json_string(v)));
    json_free(&doc);
    return text;
}

static void on_authorities(void *arg, enum status why, struct slice ders)
{
    (void)arg;
    assert_int_equal(why, OK);
    keep(&house.ders, ders);
    loop_stop(house.loop);
}

/* How many count. */
static int verified(void)
{
    registry_authorities(house.registry, house.loop, on_authorities, NULL);
    loop_run(house.loop);
    int n = 0;
    struct slice rest = buffer_slice(&house.ders), der;
    while (certificate_next(&rest, &der))
        n++;
    assert_int_equal(rest.len, 0);
    return n;
}

/* One of that name which the authority signs: the proof. */
static void make_proof(const char *common_name, const struct buffer *pem, const struct buffer *key,
                       struct buffer *proof)
{
    struct buffer unused = {0}, ders = {0};
    struct slice rest, der;
    struct certificate_ask a = {.common_name = common_name, .wall_ms = clock_wall_ms(), .days = 2};
    struct certificate_issuer issuer = {buffer_slice(pem), buffer_slice(key)};
    struct buffer chain = {0};
    assert_int_equal(certificate_issue(&a, CERTIFICATE_SERVER, issuer, &chain, &unused), OK);
    assert_int_equal(certificate_read_any(buffer_slice(&chain), &ders), OK);
    rest = buffer_slice(&ders);
    assert_true(certificate_next(&rest, &der));
    buffer_reset(proof);
    assert_int_equal(certificate_pem(der, proof), OK);
    buffer_clear(&unused);
    buffer_clear(&ders);
    buffer_clear(&chain);
}

static int begin(void **state)
{
    (void)state;
    house.loop = loop_new();
    house.limits = iot_limits_azure();
    return registry_open(":memory:", &house.limits, &(struct registry_events){0}, &house.registry);
}

static int finish(void **state)
{
    (void)state;
    registry_close(&house.registry);
    loop_free(&house.loop);
    return 0;
}

/* ---- tests ---- */

static void an_uploaded_one_does_not_count_until_its_key_has_signed_the_code(void **state)
{
    (void)state;
    char code[64];
    struct buffer proof = {0};
    assert_int_equal(upload("root", &house.ca), OK);
    assert_true(house.created);
    assert_string_equal(property("subject"), "authority");
    assert_string_equal(property("isVerified"), "false");
    assert_int_equal(strlen(property("thumbprint")), 40);
    assert_non_null(strstr(property("expiry"), " GMT"));
    assert_int_equal(verified(), 0);

    make_proof("anything", &house.ca, &house.ca_key, &proof);
    assert_int_equal(ask_with(&registry_certificate_verify, "root", &proof, NULL), BAD_ARGUMENT);
    assert_int_equal(ask(&registry_certificate_code, "root", (struct slice){0}, NULL), OK);
    snprintf(code, sizeof(code), "%s", property("verificationCode"));
    assert_int_equal(strlen(code), 48);
    assert_int_equal(ask_with(&registry_certificate_verify, "root", &proof, NULL), BAD_ARGUMENT);
    make_proof(code, &house.other, &house.other_key, &proof); /* another's key */
    assert_int_equal(ask_with(&registry_certificate_verify, "root", &proof, NULL), BAD_ARGUMENT);
    assert_int_equal(verified(), 0);

    make_proof(code, &house.ca, &house.ca_key, &proof);
    assert_int_equal(ask_with(&registry_certificate_verify, "root", &proof, NULL), OK);
    assert_string_equal(property("isVerified"), "true");
    assert_string_equal(property("verificationCode"), "");
    assert_int_equal(verified(), 1);
    assert_int_equal(ask_with(&registry_certificate_verify, "root", &proof, NULL),
                     BAD_ARGUMENT); /* a code is for once */
    buffer_clear(&proof);
}

static void an_owner_may_say_that_it_is_verified(void **state)
{
    (void)state;
    struct buffer ders = {0}, text = {0}, body = {0};
    assert_int_equal(certificate_read_any(buffer_slice(&house.ca), &ders), OK);
    base64_encode(buffer_slice(&ders), &text);
    buffer_printf(&body, "{\"properties\":{\"isVerified\":true,\"certificate\":\"%s\"}}",
                  buffer_cstr(&text));
    assert_int_equal(ask(&registry_certificate_put, "root", buffer_slice(&body), NULL), OK);
    assert_int_equal(verified(), 1);
    assert_slice(buffer_slice(&house.ders), buffer_slice(&ders));
    buffer_clear(&ders);
    buffer_clear(&text);
    buffer_clear(&body);
}

static void changes_go_by_the_etag_and_another_certificate_is_unverified_again(void **state)
{
    (void)state;
    char etag[32];
    assert_int_equal(ask(&registry_certificate_delete, "root", (struct slice){0}, NULL), NOT_FOUND);
    assert_int_equal(ask_with(&registry_certificate_put, "root", &house.ca, "*"), NOT_FOUND);
    assert_int_equal(upload("root", &house.ca), OK);
    snprintf(etag, sizeof(etag), "%s", buffer_cstr(&house.etag));
    assert_int_equal(upload("root", &house.ca), CONFLICT);
    assert_int_equal(ask(&registry_certificate_code, "root", (struct slice){0}, "old"), CONFLICT);
    assert_int_equal(ask(&registry_certificate_code, "root", (struct slice){0}, etag), OK);
    assert_string_not_equal(buffer_cstr(&house.etag), etag);
    assert_int_equal(ask_with(&registry_certificate_put, "root", &house.ca, etag), CONFLICT);
    assert_int_equal(ask_with(&registry_certificate_put, "root", &house.ca, "*"), OK);
    assert_false(house.created);
    assert_int_equal(strlen(property("verificationCode")), 48); /* the same certificate */
    assert_int_equal(ask_with(&registry_certificate_put, "root", &house.other, "*"), OK);
    assert_string_equal(property("verificationCode"), "");
    assert_int_equal(ask(&registry_certificate_delete, "root", (struct slice){0}, etag), CONFLICT);
    assert_int_equal(ask(&registry_certificate_delete, "root", (struct slice){0}, "*"), OK);
    assert_int_equal(ask(&registry_certificate_get, "root", (struct slice){0}, NULL), NOT_FOUND);
}

static void what_is_no_authority_is_refused(void **state)
{
    (void)state;
    struct buffer leaf = {0}, rubbish = {0};
    make_proof("device", &house.ca, &house.ca_key, &leaf);
    buffer_text(&rubbish, "no certificate");
    assert_int_equal(upload("leaf", &leaf), BAD_ARGUMENT);
    assert_non_null(strstr(buffer_cstr(&house.text), "no authority"));
    assert_int_equal(upload("rubbish", &rubbish), BAD_ARGUMENT);
    assert_int_equal(upload("two", &(struct buffer){0}), BAD_ARGUMENT);
    buffer_reset(&rubbish);
    buffer_put(&rubbish, buffer_slice(&house.ca));
    buffer_put(&rubbish, buffer_slice(&house.other));
    assert_int_equal(upload("two", &rubbish), BAD_ARGUMENT); /* which of them? */
    assert_int_equal(upload("a name", &house.ca), BAD_ARGUMENT);
    assert_int_equal(ask(&registry_certificate_put, "root", SLICE("[]"), NULL), BAD_ARGUMENT);
    assert_int_equal(ask(&registry_certificate_put, "root", SLICE("{"), NULL), BAD_FORMAT);
    buffer_clear(&leaf);
    buffer_clear(&rubbish);
}

static void there_is_a_limit(void **state)
{
    (void)state;
    house.limits.certificates = 1;
    assert_int_equal(upload("root", &house.ca), OK);
    assert_int_equal(upload("other", &house.other), FULL);
    assert_int_equal(ask(&registry_certificate_list, "", (struct slice){0}, NULL), OK);
    struct json_doc *doc = NULL;
    assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
    assert_int_equal(json_count(json_get(json_root(doc), "value")), 1);
    json_free(&doc);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    struct certificate_ask a = {.common_name = "authority", .wall_ms = clock_wall_ms(), .days = 30};
    if (certificate_make_ca(&a, &house.ca, &house.ca_key) != OK ||
        certificate_make_ca(&a, &house.other, &house.other_key) != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(an_uploaded_one_does_not_count_until_its_key_has_signed_the_code),
        TEST(an_owner_may_say_that_it_is_verified),
        TEST(changes_go_by_the_etag_and_another_certificate_is_unverified_again),
        TEST(what_is_no_authority_is_refused),
        TEST(there_is_a_limit),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    struct buffer *all[] = {&house.ca,   &house.ca_key, &house.other, &house.other_key,
                            &house.json, &house.etag,   &house.text,  &house.ders};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        buffer_clear(all[i]);
    return failed;
}
