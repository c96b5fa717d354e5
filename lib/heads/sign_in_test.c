#include "heads/sign_in.h"

#include "crypto/test_certificates.h"
#include "token/sas.h"

#include "base/cmocka.h"

static const char *const hosts[] = {"hub.example", "localhost", NULL};
static const uint64_t now = 1800000000000;
#define KEY SLICE("c2VjcmV0IG51bWJlciBvbmU=")
#define OTHER_KEY SLICE("c2VjcmV0IG51bWJlciB0d28=")

static struct heads_identity device(struct slice id)
{
    return (struct heads_identity){.id = {.device = id}, .enabled = true, .primary_key = KEY};
}

static struct slice policy_key(void *arg, struct slice policy, bool secondary)
{
    (void)arg;
    return slice_eq(policy, SLICE("device")) && !secondary ? OTHER_KEY : (struct slice){0};
}

static enum status check(const char *resource, struct slice key, const char *policy, uint64_t expires_ms,
                         struct heads_sign_in in)
{
    struct buffer token = {0};
    uint64_t expires;
    char method[HEADS_AUTH_METHOD_MAX];
    const char *why = "";
    assert_int_equal(sas_make(slice_of(resource), key, slice_of(policy), expires_ms, &token), OK);
    struct heads_credentials c = {.id = in.target->id, .sas = buffer_slice(&token)};
    in.credentials = &c;
    in.hosts = hosts;
    in.now_ms = now;
    in.policy_key = policy_key;
    enum status s = heads_sign_in_check(&in, &expires, method, &why);
    if (s == OK)
        assert_int_equal(expires, expires_ms / 1000 * 1000 + (expires_ms > now ? 0 : SAS_SKEW_MS));
    buffer_clear(&token);
    return s;
}

static void a_device_signs_in_with_its_own_key(void **state)
{
    (void)state;
    struct heads_identity d = device(SLICE("d1"));
    struct heads_sign_in in = {.target = &d};
    assert_int_equal(check("hub.example%2Fdevices%2Fd1", KEY, "", now + 60000, in), OK);
    assert_int_equal(check("LOCALHOST:8883/devices/d1", KEY, "", now + 60000, in), OK);
    assert_int_equal(check("hub.example/devices/d1", OTHER_KEY, "", now + 60000, in), UNAUTHORIZED);
    assert_int_equal(check("hub.example/devices/d2", KEY, "", now + 60000, in), UNAUTHORIZED);
    assert_int_equal(check("hub.example/devices/D1", KEY, "", now + 60000, in), UNAUTHORIZED);
    assert_int_equal(check("elsewhere/devices/d1", KEY, "", now + 60000, in), UNAUTHORIZED);
    assert_int_equal(check("hub.example/devices/d1", KEY, "", now - SAS_SKEW_MS + 60000, in), OK);
    assert_int_equal(check("hub.example/devices/d1", KEY, "", now - SAS_SKEW_MS - 60000, in), UNAUTHORIZED);
    d.enabled = false;
    assert_int_equal(check("hub.example/devices/d1", KEY, "", now + 60000, in), UNAUTHORIZED);
}

static void a_policy_with_device_connect_may_be_any_device(void **state)
{
    (void)state;
    struct heads_identity d = device(SLICE("d1"));
    struct heads_sign_in in = {.target = &d};
    assert_int_equal(check("hub.example", OTHER_KEY, "device", now + 60000, in), OK);
    assert_int_equal(check("hub.example", KEY, "device", now + 60000, in), UNAUTHORIZED);
    assert_int_equal(check("hub.example", OTHER_KEY, "service", now + 60000, in), UNAUTHORIZED);
}

static void an_edge_speaks_for_what_belongs_to_it_alone(void **state)
{
    (void)state;
    struct heads_identity edge = device(SLICE("edge1")), hub = device(SLICE("edge1"));
    struct heads_identity module = device(SLICE("edge1")), leaf = device(SLICE("d9"));
    edge.edge = true;
    edge.device_scope = SLICE("ms-azure-iot-edge://edge1-1");
    hub.id.module = SLICE("$edgeHub");
    module.id.module = SLICE("opc");
    module.primary_key = OTHER_KEY;
    struct heads_sign_in in = {.target = &module, .actor = &hub, .actor_device = &edge};
    const char *audience = "hub.example/devices/edge1/modules/%24edgeHub";
    assert_int_equal(check(audience, KEY, "", now + 60000, in), OK);
    assert_int_equal(check(audience, OTHER_KEY, "", now + 60000, in), UNAUTHORIZED);

    in.target = &leaf;
    assert_int_equal(check(audience, KEY, "", now + 60000, in), UNAUTHORIZED);
    leaf.device_scope = edge.device_scope;
    assert_int_equal(check(audience, KEY, "", now + 60000, in), OK);

    edge.edge = false;
    assert_int_equal(check(audience, KEY, "", now + 60000, in), UNAUTHORIZED);
    edge.edge = true;
    hub.id.module = SLICE("opc");
    assert_int_equal(check("hub.example/devices/edge1/modules/opc", KEY, "", now + 60000, in), UNAUTHORIZED);
}

static void without_credentials_nobody_signs_in(void **state)
{
    (void)state;
    struct heads_identity d = device(SLICE("d1"));
    struct heads_credentials c = {.id = d.id};
    uint64_t expires;
    char method[HEADS_AUTH_METHOD_MAX];
    const char *why = "";
    struct heads_sign_in in = {.target = &d, .credentials = &c, .hosts = hosts, .now_ms = now};
    assert_int_equal(heads_sign_in_check(&in, &expires, method, &why), UNAUTHORIZED);
    c.sas = SLICE("garbage");
    assert_int_equal(heads_sign_in_check(&in, &expires, method, &why), UNAUTHORIZED);
}

/* ---- certificates ---- */

static struct test_certificates made;
static struct buffer shown, authority; /* of "device-1", its authority behind it; and that alone */

static enum status check_shown(const struct heads_identity *d, struct slice certificate, struct slice authorities,
                               uint64_t at, const char **why)
{
    uint64_t expires;
    char method[HEADS_AUTH_METHOD_MAX];
    struct heads_credentials c = {.id = d->id, .certificate = certificate};
    struct heads_sign_in in = {
        .target = d, .credentials = &c, .hosts = hosts, .now_ms = at, .authorities = authorities};
    *why = "";
    enum status s = heads_sign_in_check(&in, &expires, method, why);
    if (s == OK) {
        assert_int_equal(expires, 0);
        assert_non_null(strstr(method, "\"type\":\"x509Certificate\""));
    }
    return s;
}

static void a_thumbprint_may_be_either_and_of_either_kind(void **state)
{
    (void)state;
    const char *why;
    struct certificate_facts facts;
    struct slice rest = buffer_slice(&shown), own = {0};
    assert_true(certificate_next(&rest, &own));
    assert_int_equal(certificate_read(own, &facts), OK);
    struct heads_identity d = {.id = {.device = SLICE("any name")}, .enabled = true, .auth = HEADS_AUTH_SELF_SIGNED};
    uint64_t late = clock_wall_ms() + 1000ull * 86400000; /* no dates are looked at */
    d.primary_thumbprint = slice_of(facts.sha1);
    assert_int_equal(check_shown(&d, buffer_slice(&shown), (struct slice){0}, late, &why), OK);
    d.primary_thumbprint = SLICE("00");
    assert_int_equal(check_shown(&d, own, (struct slice){0}, late, &why), UNAUTHORIZED);
    for (char *c = facts.sha256; *c; c++)
        *c = *c >= 'a' ? (char)(*c - 32) : *c;
    d.secondary_thumbprint = slice_of(facts.sha256);
    assert_int_equal(check_shown(&d, own, (struct slice){0}, late, &why), OK);
    d.enabled = false;
    assert_int_equal(check_shown(&d, own, (struct slice){0}, late, &why), UNAUTHORIZED);
}

static void a_certificate_of_a_known_authority_is_for_the_name_in_it(void **state)
{
    (void)state;
    const char *why;
    uint64_t today = clock_wall_ms();
    struct slice own = buffer_slice(&shown), known = buffer_slice(&authority);
    struct heads_identity d = {.id = {.device = SLICE("device-1")}, .enabled = true, .auth = HEADS_AUTH_CA};
    assert_int_equal(check_shown(&d, own, known, today, &why), OK);
    assert_int_equal(check_shown(&d, own, (struct slice){0}, today, &why), UNAUTHORIZED);
    assert_int_equal(check_shown(&d, own, known, today + 100ull * 86400000, &why), UNAUTHORIZED);
    assert_non_null(strstr(why, "expired"));
    d.id.module = SLICE("m"); /* its common name were device-1/m */
    assert_int_equal(check_shown(&d, own, known, today, &why), UNAUTHORIZED);
    d.id = (struct iot_id){.device = SLICE("device-2")};
    assert_int_equal(check_shown(&d, own, known, today, &why), UNAUTHORIZED);
    assert_non_null(strstr(why, "common name"));
    d.id.device = SLICE("device-1");
    d.auth = HEADS_AUTH_SAS;
    assert_int_equal(check_shown(&d, own, known, today, &why), UNAUTHORIZED);
    d.auth = HEADS_AUTH_NONE;
    assert_int_equal(check_shown(&d, own, known, today, &why), UNAUTHORIZED);
}

static void the_actor_is_the_end_of_the_chain(void **state)
{
    (void)state;
    struct iot_id id;
    assert_true(heads_sign_in_actor(SLICE("edge1/opc;edge1/$edgeHub"), &id));
    assert_slice(id.device, SLICE("edge1"));
    assert_slice(id.module, SLICE("$edgeHub"));
    assert_false(heads_sign_in_actor(SLICE(""), &id));
}

int main(void)
{
    made = test_certificates_make();
    if (certificate_read_any(buffer_slice(&made.client), &shown) != OK ||
        certificate_read_any(buffer_slice(&made.ca), &authority) != OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_signs_in_with_its_own_key),
        cmocka_unit_test(a_policy_with_device_connect_may_be_any_device),
        cmocka_unit_test(an_edge_speaks_for_what_belongs_to_it_alone),
        cmocka_unit_test(without_credentials_nobody_signs_in),
        cmocka_unit_test(a_thumbprint_may_be_either_and_of_either_kind),
        cmocka_unit_test(a_certificate_of_a_known_authority_is_for_the_name_in_it),
        cmocka_unit_test(the_actor_is_the_end_of_the_chain),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_certificates_clear(&made);
    buffer_clear(&shown);
    buffer_clear(&authority);
    return failed;
}
