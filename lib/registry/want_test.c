/* What an identity may be: every member's rule, and what follows when one changes. */
#include "registry/registry_rig.h"

#define SHA1 "0123456789ABCDEF0123456789abcdef01234567"
#define SHA256 SHA1 "89abcdef0123456789abcdef"
#define KEY "MDEyMzQ1Njc4OWFiY2RlZg==" /* 16 bytes */
#define KEY_LONG                                                                                   \
    "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg=="

static enum status change(const char *id, const char *body)
{
    return ask(&registry_identity_put, id, body, "*");
}

static void keys_are_imported_when_they_are_good(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"" KEY
                              "\",\"secondaryKey\":\"" KEY_LONG "\"}}}"),
                     OK);
    assert_string_equal(member("authentication.symmetricKey.primaryKey"), KEY);
    assert_string_equal(member("authentication.symmetricKey.secondaryKey"), KEY_LONG);
    static const char *const bad[] = {"c2hvcnQ=", "not base64!",
                                      KEY "AA==", KEY_LONG "MDEyMzQ1Njc4OWFiY2RlZg=="};
    for (size_t i = 0; i < 4; i++) {
        char body[512];
        snprintf(body, sizeof(body),
                 "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"%s\"}}}", bad[i]);
        assert_int_equal(put("e", body), BAD_ARGUMENT);
    }
}

static void one_key_alone_is_enough(void **state)
{
    (void)state;
    assert_int_equal(
        put("d", "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"" KEY "\"}}}"), OK);
    assert_string_equal(member("authentication.symmetricKey.primaryKey"), KEY);
    assert_int_equal(strlen(member("authentication.symmetricKey.secondaryKey")), 44);
    assert_int_equal(change("d", "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"\"}}}"),
                     OK);
    assert_string_not_equal(member("authentication.symmetricKey.primaryKey"), KEY); /* a new one */
    assert_int_equal(change("d", "{\"status\":\"enabled\"}"), OK); /* what is not said stays */
    assert_int_equal(strlen(member("authentication.symmetricKey.primaryKey")), 44);
}

static void thumbprints_are_taken_as_tools_print_them(void **state)
{
    (void)state;
    assert_int_equal(
        put("d",
            "{\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":{"
            "\"primaryThumbprint\":\"01:23:45:67:89:AB:CD:EF:01:23:45:67:89:ab:cd:ef:01:23:45:67\","
            "\"secondaryThumbprint\":\"" SHA256 "\"}}}"),
        OK);
    assert_string_equal(member("authentication.x509Thumbprint.primaryThumbprint"), SHA1);
    assert_string_equal(member("authentication.x509Thumbprint.secondaryThumbprint"), SHA256);
    static const char *const bad[] = {"00", SHA1 "0", "xyz", SHA1 ";"};
    for (size_t i = 0; i < 4; i++) {
        char body[512];
        snprintf(body, sizeof(body),
                 "{\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":{"
                 "\"primaryThumbprint\":\"%s\"}}}",
                 bad[i]);
        assert_int_equal(put("e", body), BAD_ARGUMENT);
    }
    assert_int_equal(put("e", "{\"authentication\":{\"type\":\"selfSigned\"}}"), BAD_ARGUMENT);
    assert_int_equal(
        put("e", "{\"authentication\":{\"x509Thumbprint\":{\"primaryThumbprint\":\"" SHA1 "\"}}}"),
        OK);
    assert_string_equal(member("authentication.type"), "selfSigned"); /* what else? */
}

/* Credentials of one kind do not survive as those of another. */
static void another_kind_of_authentication_begins_anew(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(change("d", "{\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":{"
                                 "\"primaryThumbprint\":\"" SHA1 "\"}}}"),
                     OK);
    assert_string_equal(member("authentication.symmetricKey.primaryKey"), "");
    assert_int_equal(change("d", "{\"authentication\":{\"type\":\"certificateAuthority\"}}"), OK);
    assert_string_equal(member("authentication.x509Thumbprint.primaryThumbprint"), "");
    assert_int_equal(change("d", "{\"authentication\":{\"type\":\"none\"}}"), OK);
    assert_string_equal(member("authentication.type"), "none");
    assert_int_equal(change("d", "{\"authentication\":{\"type\":\"sas\"}}"), OK);
    assert_int_equal(strlen(member("authentication.symmetricKey.primaryKey")), 44);
    assert_int_equal(change("d", "{\"authentication\":{\"type\":\"password\"}}"), BAD_ARGUMENT);
}

static void a_status_reason_has_128_characters(void **state)
{
    (void)state;
    char body[400];
    for (int n = 128; n <= 129; n++) {
        size_t at =
            (size_t)snprintf(body, sizeof(body), "{\"status\":\"Disabled\",\"statusReason\":\"");
        for (int i = 0; i < n; i++)
            at += (size_t)snprintf(body + at, sizeof(body) - at, "\xc3\xa4");
        snprintf(body + at, sizeof(body) - at, "\"}");
        assert_int_equal(put(n == 128 ? "d" : "e", body), n == 128 ? OK : BAD_ARGUMENT);
    }
    assert_int_equal(get("d"), OK);
    assert_string_equal(member("status"), "disabled");
    assert_string_not_equal(member("statusUpdatedTime"), "0001-01-01T00:00:00Z");
    assert_int_equal(change("d", "{\"status\":\"disabled\"}"), OK);
    assert_int_equal(strlen(member("statusReason")), 255); /* the text is cut here */
    assert_int_equal(change("d", "{\"statusReason\":null}"), OK);
    assert_string_equal(member("statusReason"), "");
}

static const char *scope_of(const char *id)
{
    static char scope[2][200];
    static int turn;
    turn = !turn;
    assert_int_equal(get(id), OK);
    snprintf(scope[turn], sizeof(scope[turn]), "%s", member("deviceScope"));
    return scope[turn];
}

static const char *parent_of(const char *id)
{
    static char scope[200];
    struct json_doc *doc = NULL;
    assert_int_equal(get(id), OK);
    assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
    snprintf(scope, sizeof(scope), "%.*s",
             SLICE_FMT(json_string(json_at(json_get(json_root(doc), "parentScopes"), 0))));
    json_free(&doc);
    return scope;
}

static void a_leaf_is_told_its_edge_either_way(void **state)
{
    (void)state;
    char one[200], two[200], body[600];
    assert_int_equal(put("edge1", "{\"capabilities\":{\"iotEdge\":true}}"), OK);
    assert_int_equal(put("edge2", "{\"capabilities\":{\"iotEdge\":true}}"), OK);
    snprintf(one, sizeof(one), "%s", scope_of("edge1"));
    snprintf(two, sizeof(two), "%s", scope_of("edge2"));
    snprintf(body, sizeof(body), "{\"deviceScope\":\"%s\"}", one);
    assert_int_equal(put("a", body), OK);
    assert_string_equal(parent_of("a"), one);
    snprintf(body, sizeof(body), "{\"parentScopes\":[\"%s\"]}", two);
    assert_int_equal(put("b", body), OK);
    assert_string_equal(scope_of("b"), two);
    assert_string_equal(parent_of("b"), two);
    /* Read, changed in one place, sent back: the place that is new is meant. */
    snprintf(body, sizeof(body), "{\"deviceScope\":\"%s\",\"parentScopes\":[\"%s\"]}", two, one);
    assert_int_equal(change("a", body), OK);
    assert_string_equal(scope_of("a"), two);
    assert_int_equal(change("a", "{\"deviceScope\":\"ms-azure-iot-edge://edge9-1\"}"),
                     BAD_ARGUMENT);
    snprintf(body, sizeof(body), "{\"deviceScope\":\"%s\",\"parentScopes\":[\"%s\"]}", two, one);
    assert_int_equal(put("c", body), BAD_ARGUMENT);
    assert_int_equal(change("a", "{\"deviceScope\":\"\"}"), OK);
    assert_string_equal(parent_of("a"), "");
}

/* A device whose edge is gone can still be disabled, and sent back as it was read. */
static void a_scope_that_stays_is_not_looked_at_again(void **state)
{
    (void)state;
    char body[600];
    assert_int_equal(put("edge", "{\"capabilities\":{\"iotEdge\":true}}"), OK);
    snprintf(body, sizeof(body), "{\"deviceScope\":\"%s\"}", scope_of("edge"));
    assert_int_equal(put("leaf", body), OK);
    snprintf(body, sizeof(body), "{\"capabilities\":{\"iotEdge\":true},\"parentScopes\":[\"%s\"]}",
             scope_of("edge"));
    assert_int_equal(put("below", body), OK);
    assert_int_equal(ask(&registry_identity_delete, "edge", NULL, "*"), OK);
    assert_int_equal(change("leaf", "{\"status\":\"disabled\"}"), OK);
    assert_int_equal(get("leaf"), OK);
    char whole[2048];
    snprintf(whole, sizeof(whole), "%s", buffer_cstr(&house.json));
    assert_int_equal(change("leaf", whole), OK);
    assert_int_equal(get("below"), OK);
    snprintf(whole, sizeof(whole), "%s", buffer_cstr(&house.json));
    assert_int_equal(change("below", whole), OK);
}

static void an_edge_has_another_as_its_parent_and_not_itself(void **state)
{
    (void)state;
    char one[200], own[200], body[600];
    assert_int_equal(put("top", "{\"capabilities\":{\"iotEdge\":true}}"), OK);
    snprintf(one, sizeof(one), "%s", scope_of("top"));
    snprintf(body, sizeof(body), "{\"capabilities\":{\"iotEdge\":true},\"parentScopes\":[\"%s\"]}",
             one);
    assert_int_equal(put("below", body), OK);
    assert_string_equal(parent_of("below"), one);
    snprintf(own, sizeof(own), "%s", scope_of("below"));
    assert_string_not_equal(own, one);
    snprintf(body, sizeof(body), "{\"parentScopes\":[\"%s\"]}", own);
    assert_int_equal(change("below", body), BAD_ARGUMENT);
    snprintf(body, sizeof(body), "{\"parentScopes\":[\"%s\",\"%s\"]}", one, one);
    assert_int_equal(change("below", body), BAD_ARGUMENT);
    assert_int_equal(change("below", "{\"capabilities\":{\"iotEdge\":false}}"), OK);
    assert_string_equal(scope_of("below"), ""); /* no edge any more */
}

static void on_found(void *arg, enum status why, const struct heads_identity *identity)
{
    *(bool *)arg = why == OK && identity->enabled;
    loop_stop(house.loop);
}

static bool may_sign_in(const char *device, const char *module)
{
    bool enabled = false;
    registry_identity(house.registry, house.loop,
                      (struct iot_id){slice_of(device), slice_of(module)}, on_found, &enabled);
    loop_run(house.loop);
    return enabled;
}

static void a_module_that_was_changed_while_its_device_was_disabled_comes_back_with_it(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(put("d/m", "{\"managedBy\":\"me\"}"), OK);
    assert_int_equal(change("d", "{\"status\":\"disabled\"}"), OK);
    assert_false(may_sign_in("d", "m"));
    assert_int_equal(change("d/m", "{\"managedBy\":\"you\"}"), OK);
    assert_string_equal(member("managedBy"), "you");
    assert_int_equal(change("d", "{\"status\":\"enabled\"}"), OK);
    assert_true(may_sign_in("d", "m"));
}

static void there_are_no_more_devices_than_the_limit(void **state)
{
    (void)state;
    house.limits.devices = 2;
    assert_int_equal(put("a", "{}"), OK);
    assert_int_equal(put("b", "{\"status\":\"disabled\"}"), OK);
    assert_int_equal(put("c", "{}"), FULL);
    assert_int_equal(house.of, IOT_REGISTRY);
    assert_int_equal(put("a/m", "{}"), OK);
    assert_int_equal(ask(&registry_statistics_devices, "", NULL, NULL), OK);
    assert_slice(
        buffer_slice(&house.json),
        SLICE("{\"totalDeviceCount\":2,\"enabledDeviceCount\":1,\"disabledDeviceCount\":1}"));
    assert_int_equal(change("b", "{\"status\":\"enabled\"}"), OK);
    assert_int_equal(ask(&registry_identity_delete, "a", NULL, "*"), OK);
    assert_int_equal(put("c", "{}"), OK);
    assert_int_equal(ask(&registry_statistics_devices, "", NULL, NULL), OK);
    assert_slice(
        buffer_slice(&house.json),
        SLICE("{\"totalDeviceCount\":2,\"enabledDeviceCount\":2,\"disabledDeviceCount\":0}"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_are_imported_when_they_are_good),
        TEST(one_key_alone_is_enough),
        TEST(thumbprints_are_taken_as_tools_print_them),
        TEST(another_kind_of_authentication_begins_anew),
        TEST(a_status_reason_has_128_characters),
        TEST(a_leaf_is_told_its_edge_either_way),
        TEST(a_scope_that_stays_is_not_looked_at_again),
        TEST(an_edge_has_another_as_its_parent_and_not_itself),
        TEST(a_module_that_was_changed_while_its_device_was_disabled_comes_back_with_it),
        TEST(there_are_no_more_devices_than_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
