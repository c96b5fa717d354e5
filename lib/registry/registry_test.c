/* The registry as services and devices see it, in a database in memory. */
#include "registry/registry_rig.h"

/* ---- identities ---- */

static void a_new_device_gets_keys_and_is_enabled(void **state)
{
    (void)state;
    assert_int_equal(
        put("plc-1",
            "{\"deviceId\":\"plc-1\",\"authentication\":{\"type\":\"sas\",\"symmetricKey\":"
            "{\"primaryKey\":\"\",\"secondaryKey\":\"\"}}}"),
        OK);
    assert_string_equal(member("deviceId"), "plc-1");
    assert_string_equal(member("status"), "enabled");
    assert_string_equal(member("connectionState"), "Disconnected");
    assert_string_equal(member("authentication.type"), "sas");
    assert_int_equal(strlen(member("authentication.symmetricKey.primaryKey")), 44);
    assert_string_not_equal(member("authentication.symmetricKey.primaryKey"),
                            member("authentication.symmetricKey.secondaryKey"));
    assert_true(strlen(member("generationId")) > 0);
    assert_slice(buffer_slice(&house.etag), slice_of(member("etag")));
    assert_string_equal(member("lastActivityTime"), "0001-01-01T00:00:00Z");
    assert_int_equal(get("plc-1"), OK);
    assert_string_equal(member("deviceId"), "plc-1");
}

static void creating_twice_needs_if_match_which_needs_the_etag(void **state)
{
    (void)state;
    char etag[64], key[64];
    assert_int_equal(put("d", "{}"), OK);
    snprintf(etag, sizeof(etag), "%s", buffer_cstr(&house.etag));
    snprintf(key, sizeof(key), "%s", member("authentication.symmetricKey.primaryKey"));
    assert_int_equal(put("d", "{}"), EXISTS);
    assert_int_equal(ask(&registry_identity_put, "d",
                         "{\"status\":\"disabled\",\"statusReason\":\"broken\"}", "bm90aGluZw=="),
                     CONFLICT);
    assert_int_equal(ask(&registry_identity_put, "d",
                         "{\"status\":\"disabled\",\"statusReason\":\"broken\"}", etag),
                     OK);
    assert_string_equal(member("status"), "disabled");
    assert_string_equal(member("statusReason"), "broken");
    assert_string_not_equal(member("etag"), etag);
    assert_string_equal(member("authentication.symmetricKey.primaryKey"),
                        key); /* what is not said stays */
    assert_int_equal(ask(&registry_identity_put, "d", "{\"status\":\"enabled\"}", "*"), OK);
    assert_int_equal(ask(&registry_identity_put, "unknown", "{}", "*"), NOT_FOUND);
    assert_int_equal(ask(&registry_identity_put, "unknown", "{}", "bm90aGluZw=="), NOT_FOUND);
}

static void what_an_identity_may_not_hold_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *id, *body;
        enum status why;
    } bad[] = {
        {"with space", "{}", BAD_ARGUMENT},
        {"caf\xc3\xa9", "{}", BAD_ARGUMENT},
        {"d", "", BAD_FORMAT},
        {"d", "[]", BAD_FORMAT},
        {"d", "{\"deviceId\":\"other\"}", BAD_ARGUMENT},
        {"d", "{\"status\":\"asleep\"}", BAD_ARGUMENT},
        {"d", "{\"authentication\":{\"type\":\"magic\"}}", BAD_ARGUMENT},
        {"d", "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"c2hvcnQ=\"}}}",
         BAD_ARGUMENT},
        {"d", "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"no base64\"}}}",
         BAD_ARGUMENT},
        {"d", "{\"authentication\":{\"type\":\"selfSigned\"}}", BAD_ARGUMENT},
        {"d", "{\"deviceScope\":\"ms-azure-iot-edge://nobody-1\"}", BAD_ARGUMENT},
        {"d/m", "{}", NOT_FOUND}, /* its device is not there */
    };
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        if (put(bad[n].id, bad[n].body) != bad[n].why)
            fail_msg("%s %s: %s", bad[n].id, bad[n].body, status_name(house.why));
        assert_true(house.text.len > 0);
        assert_int_equal(get("d"), NOT_FOUND);
    }
}

static void other_ways_to_sign_in_have_no_keys(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{\"authentication\":{\"type\":\"selfSigned\",\"x509Thumbprint\":{"
                              "\"primaryThumbprint\":"
                              "\"0123456789ABCDEF0123456789ABCDEF01234567\"}}}"),
                     OK);
    assert_string_equal(member("authentication.symmetricKey.primaryKey"), "");
    assert_string_equal(member("authentication.x509Thumbprint.primaryThumbprint"),
                        "0123456789ABCDEF0123456789ABCDEF01234567");
    assert_int_equal(
        ask(&registry_identity_put, "d", "{\"authentication\":{\"type\":\"sas\"}}", "*"), OK);
    assert_int_equal(strlen(member("authentication.symmetricKey.primaryKey")), 44);
}

static void modules_belong_to_their_device_and_go_with_it(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(put("d/m", "{\"managedBy\":\"someone\"}"), OK);
    assert_true(house.of == IOT_MODULE);
    assert_string_equal(member("moduleId"), "m");
    assert_string_equal(member("managedBy"), "someone");
    assert_int_equal(put("d/m", "{}"), EXISTS);
    assert_int_equal(ask(&registry_identity_list, "d", NULL, NULL), OK);
    assert_int_equal(elements(), 1);
    assert_int_equal(ask(&registry_identity_list, "unknown", NULL, NULL), NOT_FOUND);
    news_is("");
    assert_int_equal(ask(&registry_identity_delete, "d", NULL, "*"), OK);
    news_is("identity d\nidentity d/m\n"); /* both may be connected */
    assert_int_equal(get("d/m"), NOT_FOUND);
    assert_int_equal(ask(&registry_twin_get, "d/m", NULL, NULL), NOT_FOUND);
    assert_int_equal(ask(&registry_identity_delete, "d", NULL, "*"), NOT_FOUND);
}

static void disabling_a_device_is_news_for_its_modules(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(put("d/a", "{}"), OK);
    assert_int_equal(put("d/b", "{}"), OK);
    assert_int_equal(ask(&registry_identity_put, "d", "{\"status\":\"disabled\"}", "*"), OK);
    news_is("identity d\nidentity d/a\nidentity d/b\n");
    assert_int_equal(ask(&registry_identity_put, "d/a", "{}", "*"), OK);
    news_is("identity d/a\n");
}

static void deleting_asks_for_the_etag_too(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(ask(&registry_identity_delete, "d", NULL, "bm90aGluZw=="), CONFLICT);
    assert_int_equal(get("d"), OK);
    assert_int_equal(ask(&registry_identity_delete, "d", NULL, buffer_cstr(&house.etag)), OK);
    assert_int_equal(get("d"), NOT_FOUND);
}

static void a_device_that_comes_again_is_another_generation(void **state)
{
    (void)state;
    char generation[64];
    assert_int_equal(put("d", "{}"), OK);
    snprintf(generation, sizeof(generation), "%s", member("generationId"));
    assert_int_equal(ask(&registry_twin_patch, "d", "{\"tags\":{\"a\":1}}", NULL), OK);
    assert_int_equal(ask(&registry_identity_delete, "d", NULL, "*"), OK);
    assert_int_equal(put("d", "{}"), OK);
    assert_string_not_equal(member("generationId"), generation);
    assert_int_equal(ask(&registry_twin_get, "d", NULL, NULL), OK);
    assert_string_equal(member("tags.a"), "");
}

static void statistics_count_devices_alone(void **state)
{
    (void)state;
    assert_int_equal(put("a", "{}"), OK);
    assert_int_equal(put("b", "{\"status\":\"disabled\"}"), OK);
    assert_int_equal(put("b/m", "{}"), OK);
    registry_connection(house.registry, (struct iot_id){.device = SLICE("a")}, true, 1779006612000);
    assert_int_equal(ask(&registry_statistics_devices, "", NULL, NULL), OK);
    assert_slice(
        buffer_slice(&house.json),
        SLICE("{\"totalDeviceCount\":2,\"enabledDeviceCount\":1,\"disabledDeviceCount\":1}"));
    assert_int_equal(ask(&registry_statistics_service, "", NULL, NULL), OK);
    assert_slice(buffer_slice(&house.json), SLICE("{\"connectedDeviceCount\":1}"));
    assert_int_equal(get("a"), OK);
    assert_string_equal(member("connectionState"), "Connected");
    assert_string_equal(member("lastActivityTime"), "2026-05-17T08:30:12.000Z");
    assert_int_equal(ask(&registry_identity_list, "", NULL, NULL), OK);
    assert_int_equal(elements(), 2);
}

static void a_device_has_fifty_modules(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    for (int n = 0; n < 50; n++) {
        char id[16];
        snprintf(id, sizeof(id), "d/m%d", n);
        assert_int_equal(put(id, "{}"), OK);
    }
    assert_int_equal(put("d/m50", "{}"), FULL);
}

/* ---- edges ---- */

static void limits_are_those_that_were_set(void **state)
{
    (void)state;
    house.limits.modules = 1;
    house.limits.list_items = 1;
    house.limits.twin.tags_bytes = 64;
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(put("e", "{}"), OK);
    assert_int_equal(put("d/m", "{}"), OK);
    assert_int_equal(put("d/n", "{}"), FULL);
    assert_int_equal(ask(&registry_identity_list, "", NULL, NULL), OK);
    assert_int_equal(elements(), 1);
    const char *tags =
        "{\"tags\":{\"a\":\"0123456789012345678901234567890123456789012345678901234567890123\"}}";
    assert_int_equal(ask(&registry_twin_patch, "d", tags, NULL), BAD_ARGUMENT);
}

static void an_edge_comes_with_its_system_modules_and_a_scope(void **state)
{
    (void)state;
    char scope[128], body[256];
    assert_int_equal(put("edge", "{\"capabilities\":{\"iotEdge\":true}}"), OK);
    snprintf(scope, sizeof(scope), "%s", member("deviceScope"));
    assert_memory_equal(scope, "ms-azure-iot-edge://edge-", 25);
    assert_int_equal(get("edge/$edgeHub"), OK);
    assert_int_equal(get("edge/$edgeAgent"), OK);
    assert_int_equal(ask(&registry_identity_delete, "edge/$edgeHub", NULL, "*"), FORBIDDEN);
    assert_int_equal(put("edge/$other", "{}"), FORBIDDEN);
    snprintf(body, sizeof(body), "{\"deviceScope\":\"%s\"}", scope);
    assert_int_equal(put("leaf", body), OK);
    assert_string_equal(member("deviceScope"), scope);
    assert_int_equal(ask(&registry_identity_put, "leaf",
                         "{\"deviceScope\":\"ms-azure-iot-edge://wrong-1\"}", "*"),
                     BAD_ARGUMENT);
    snprintf(body, sizeof(body), "{\"capabilities\":{\"iotEdge\":true},\"parentScopes\":[\"%s\"]}",
             scope);
    assert_int_equal(put("lower", body), OK);
    assert_string_not_equal(member("deviceScope"), scope); /* its own */
    assert_non_null(
        strstr(buffer_cstr(&house.json), "\"parentScopes\":[\"ms-azure-iot-edge://edge-"));
}

static size_t in_scope(const char *list)
{
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
    size_t n = json_count(json_get(json_root(doc), list));
    json_free(&doc);
    return n;
}

static enum status scope_of(const char *edge, const char *device, const char *module)
{
    registry_ask(house.registry, house.loop,
                 &(struct registry_ask){.what = &registry_scope_one,
                                        .id = {.device = slice_of(edge)},
                                        .target = {slice_of(device), slice_of(module)}},
                 on_answer, NULL);
    loop_run(house.loop);
    return house.why;
}

static void an_edge_sees_what_is_in_its_scope_and_nothing_else(void **state)
{
    (void)state;
    char body[256];
    assert_int_equal(put("edge", "{\"capabilities\":{\"iotEdge\":true}}"), OK);
    snprintf(body, sizeof(body), "{\"deviceScope\":\"%s\"}", member("deviceScope"));
    assert_int_equal(put("leaf", body), OK);
    assert_int_equal(put("edge/m", "{}"), OK);
    assert_int_equal(put("leaf/inside", "{}"), OK);
    assert_int_equal(put("stranger", "{}"), OK);
    assert_int_equal(ask(&registry_scope_list, "edge", NULL, NULL), OK);
    assert_int_equal(in_scope("devices"), 2); /* itself and its leaf */
    assert_int_equal(in_scope("modules"), 4); /* two of the system, its own, the leaf's */
    assert_int_equal(scope_of("edge", "leaf", ""), OK);
    assert_int_equal(in_scope("devices"), 1);
    assert_int_equal(scope_of("edge", "edge", "m"), OK);
    assert_int_equal(in_scope("modules"), 1);
    assert_int_equal(scope_of("edge", "leaf", "inside"), OK);
    assert_int_equal(in_scope("modules"), 1);
    assert_int_equal(scope_of("edge", "stranger", ""), NOT_FOUND);
    assert_int_equal(scope_of("edge", "edge", "unknown"), NOT_FOUND);
    assert_int_equal(scope_of("stranger", "leaf", ""), NOT_FOUND); /* no edge */
}

/* ---- twins ---- */

static void a_twin_has_its_identity_around_it(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(ask(&registry_twin_get, "d", NULL, NULL), OK);
    assert_string_equal(member("deviceId"), "d");
    assert_string_equal(member("etag"), "AAAAAAAAAAE=");
    assert_string_equal(member("version"), "1");
    assert_string_equal(member("status"), "enabled");
    assert_string_equal(member("authenticationType"), "sas");
    assert_string_equal(member("capabilities.iotEdge"), "false");
    assert_string_equal(member("properties.desired.$version"), "1");
    assert_true(strlen(member("properties.desired.$metadata.$lastUpdated")) > 0);
    assert_int_equal(ask(&registry_twin_get, "unknown", NULL, NULL), NOT_FOUND);
    assert_int_equal(ask(&registry_twin_get, "d/unknown", NULL, NULL), NOT_FOUND);
    assert_true(house.of == IOT_MODULE);
}

static void a_patch_is_told_to_the_device(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(put("d/m", "{}"), OK);
    assert_int_equal(ask(&registry_twin_patch, "d", "{\"tags\":{\"a\":1}}", NULL), OK);
    news_is("");
    assert_int_equal(ask(&registry_twin_patch, "d",
                         "{\"properties\":{\"desired\":{\"rate\":5,\"gone\":null}}}",
                         "AAAAAAAAAAI="),
                     OK);
    news_is("desired d 2 {\"rate\":5,\"gone\":null,\"$version\":2}\n");
    assert_slice(buffer_slice(&house.etag), SLICE("AAAAAAAAAAM="));
    assert_int_equal(ask(&registry_twin_patch, "d", "{\"tags\":{\"a\":2}}", "AAAAAAAAAAI="),
                     CONFLICT);
    assert_int_equal(ask(&registry_twin_put, "d",
                         "{\"tags\":{\"b\":1},\"properties\":{\"desired\":{\"x\":1}}}", "*"),
                     OK);
    news_is("desired d 3 {\"rate\":null,\"x\":1,\"$version\":3}\n");
    assert_string_equal(member("tags.a"), "");
    assert_string_equal(member("tags.b"), "1");
    assert_int_equal(
        ask(&registry_twin_patch, "d/m", "{\"properties\":{\"desired\":{\"y\":1}}}", NULL), OK);
    news_is("desired d/m 2 {\"y\":1,\"$version\":2}\n");
}

static void a_digital_twin_has_the_model_and_is_patched_by_paths(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    registry_model(house.registry, (struct iot_id){.device = SLICE("d")}, SLICE("dtmi:a:b;1"));
    assert_int_equal(ask(&registry_twin_get, "d", NULL, NULL), OK);
    assert_string_equal(member("modelId"), "dtmi:a:b;1");
    char longer[REGISTRY_MODEL_ID_MAX + 2] = "dtmi:";
    memset(longer + 5, 'a', sizeof(longer) - 6);
    registry_model(house.registry, (struct iot_id){.device = SLICE("d")}, slice_of(longer));
    assert_int_equal(ask(&registry_twin_get, "d", NULL, NULL), OK);
    assert_string_equal(member("modelId"), "dtmi:a:b;1");
    char etag[32];
    snprintf(etag, sizeof(etag), "%s", buffer_cstr(&house.etag));
    const char *patch = "[{\"op\":\"add\",\"path\":\"/inside/target\",\"value\":3}]";
    assert_int_equal(ask(&registry_digital_twin_patch, "d", patch, "old"), CONFLICT);
    assert_int_equal(ask(&registry_digital_twin_patch, "d", patch, etag), OK);
    assert_string_not_equal(buffer_cstr(&house.etag), etag);
    news_is("desired d 2 {\"inside\":{\"__t\":\"c\",\"target\":3},\"$version\":2}\n");
    assert_int_equal(ask(&registry_digital_twin_get, "d", NULL, NULL), OK);
    assert_string_equal(member("$dtId"), "d");
    assert_string_equal(member("$metadata.$model"), "dtmi:a:b;1");
    assert_string_equal(member("inside.$metadata.target.desiredValue"), "3");
    assert_int_equal(ask(&registry_digital_twin_patch, "d",
                         "[{\"op\":\"add\",\"path\":\"/$x\",\"value\":3}]", NULL),
                     BAD_ARGUMENT);
    assert_int_equal(ask(&registry_digital_twin_patch, "nobody", patch, NULL), NOT_FOUND);
    assert_int_equal(ask(&registry_digital_twin_get, "nobody", NULL, NULL), NOT_FOUND);
}

static void a_patch_that_breaks_a_rule_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(ask(&registry_twin_patch, "d", "{\"tags\":{\"a.b\":1}}", NULL), BAD_ARGUMENT);
    assert_int_equal(slice_find_slice(buffer_slice(&house.text), SLICE("tags.a.b")), 0);
    assert_int_equal(ask(&registry_twin_patch, "d", "{\"properties\":{\"desired\":[]}}", NULL),
                     BAD_ARGUMENT);
    assert_int_equal(ask(&registry_twin_patch, "d", "nothing", NULL), BAD_FORMAT);
    news_is("");
    assert_int_equal(ask(&registry_twin_get, "d", NULL, NULL), OK);
    assert_string_equal(member("version"), "1");
}

static void on_report(void *arg, enum status why, uint64_t version)
{
    (void)arg;
    house.why = why;
    house.version = version;
    loop_stop(house.loop);
}

static enum status report(const char *device, const char *patch)
{
    registry_report(house.registry, house.loop, (struct iot_id){.device = slice_of(device)},
                    slice_of(patch), on_report, NULL);
    loop_run(house.loop);
    return house.why;
}

static void on_twin(void *arg, enum status why, struct slice json)
{
    (void)arg;
    house.why = why;
    keep(&house.json, json);
    loop_stop(house.loop);
}

static void what_a_device_reports_is_in_both_views(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(report("d", "{\"a\":{\"b\":1}}"), OK);
    assert_int_equal(house.version, 2);
    assert_int_equal(report("d", "{\"a\":{\"b\":null,\"c\":2}}"), OK);
    assert_int_equal(house.version, 3);
    registry_twin(house.registry, house.loop, (struct iot_id){.device = SLICE("d")}, on_twin, NULL);
    loop_run(house.loop);
    assert_int_equal(house.why, OK);
    assert_slice(
        buffer_slice(&house.json),
        SLICE("{\"desired\":{\"$version\":1},\"reported\":{\"a\":{\"c\":2},\"$version\":3}}"));
    assert_int_equal(ask(&registry_twin_get, "d", NULL, NULL), OK);
    assert_string_equal(member("properties.reported.a.c"), "2");
    assert_string_equal(member("version"), "1");
    assert_int_equal(report("d", "{\"a.b\":1}"), BAD_ARGUMENT);
    assert_int_equal(report("d", "{"), BAD_FORMAT);
    assert_int_equal(report("unknown", "{}"), NOT_FOUND);
}

/* ---- for signing in ---- */

static void on_found(void *arg, enum status why, const struct heads_identity *identity)
{
    (void)arg;
    house.why = why;
    heads_identity_unref(&house.identity);
    if (why == OK)
        house.identity = heads_identity_ref(identity);
    loop_stop(house.loop);
}

static enum status look_up(const char *device, const char *module)
{
    registry_identity(house.registry, house.loop,
                      (struct iot_id){slice_of(device), slice_of(module)}, on_found, NULL);
    loop_run(house.loop);
    return house.why;
}

static void a_module_of_a_disabled_device_is_disabled(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(put("d/m", "{}"), OK);
    assert_int_equal(look_up("d", "m"), OK);
    assert_true(house.identity->enabled);
    assert_int_equal(house.identity->primary_key.len, 44);
    assert_int_equal(ask(&registry_identity_put, "d", "{\"status\":\"disabled\"}", "*"), OK);
    assert_int_equal(look_up("d", "m"), OK);
    assert_false(house.identity->enabled);
    assert_int_equal(look_up("d", "unknown"), NOT_FOUND);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_device_gets_keys_and_is_enabled),
        TEST(creating_twice_needs_if_match_which_needs_the_etag),
        TEST(what_an_identity_may_not_hold_is_refused),
        TEST(other_ways_to_sign_in_have_no_keys),
        TEST(modules_belong_to_their_device_and_go_with_it),
        TEST(disabling_a_device_is_news_for_its_modules),
        TEST(deleting_asks_for_the_etag_too),
        TEST(a_device_that_comes_again_is_another_generation),
        TEST(statistics_count_devices_alone),
        TEST(a_device_has_fifty_modules),
        TEST(limits_are_those_that_were_set),
        TEST(an_edge_comes_with_its_system_modules_and_a_scope),
        TEST(an_edge_sees_what_is_in_its_scope_and_nothing_else),
        TEST(a_twin_has_its_identity_around_it),
        TEST(a_patch_is_told_to_the_device),
        TEST(a_digital_twin_has_the_model_and_is_patched_by_paths),
        TEST(a_patch_that_breaks_a_rule_changes_nothing),
        TEST(what_a_device_reports_is_in_both_views),
        TEST(a_module_of_a_disabled_device_is_disabled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
