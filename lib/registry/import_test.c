/* One item of a bulk request or of devices.txt: what each importMode does, and what it refuses. */
#include "registry/registry_rig.h"

static enum status import(const char *id, const char *rest)
{
    char body[1024];
    struct slice all = slice_of(id);
    size_t slash = slice_find(all, '/');
    snprintf(body, sizeof(body), "{\"id\":\"%.*s\"%s%s%s%s}", (int)slash, id,
             slash < all.len ? ",\"moduleId\":\"" : "", slash < all.len ? id + slash + 1 : "",
             slash < all.len ? "\"" : "", rest);
    return ask(&registry_import, id, body, NULL);
}

static const char *etag_of(const char *id, const struct registry_work *what)
{
    static char etag[64];
    assert_int_equal(ask(what, id, NULL, NULL), OK);
    snprintf(etag, sizeof(etag), "%s", buffer_cstr(&house.etag));
    return etag;
}

static void create_makes_what_is_not_there_with_its_twin(void **state)
{
    (void)state;
    assert_int_equal(
        import("d", ",\"importMode\":\"create\",\"status\":\"disabled\",\"tags\":{\"site\":7},"
                    "\"properties\":{\"desired\":{\"a\":1},\"reported\":{\"b\":2}}"),
        OK);
    assert_int_equal(house.warning.len, 0);
    assert_int_equal(get("d"), OK);
    assert_string_equal(member("status"), "disabled");
    assert_int_equal(ask(&registry_twin_get, "d", NULL, NULL), OK);
    assert_string_equal(member("tags.site"), "7");
    assert_string_equal(member("properties.desired.a"), "1");
    assert_string_equal(member("properties.reported.b"), "2");
    assert_int_equal(import("d", ",\"importMode\":\"create\""), EXISTS);
    assert_int_equal(import("d/m", ",\"importMode\":\"Create\",\"managedBy\":\"me\""), OK);
    assert_int_equal(get("d/m"), OK);
    assert_string_equal(member("managedBy"), "me");
    assert_int_equal(import("none/m", ",\"importMode\":\"create\""), NOT_FOUND);
    assert_int_equal(house.of, IOT_DEVICE);
}

/* IoT Hub makes the device, and warns. */
static void a_twin_that_breaks_a_rule_is_left_out_with_a_warning(void **state)
{
    (void)state;
    assert_int_equal(import("d", ",\"importMode\":\"create\",\"tags\":{\"a.b\":1}"), OK);
    assert_non_null(strstr(buffer_cstr(&house.warning), "tags.a.b"));
    assert_int_equal(ask(&registry_twin_get, "d", NULL, NULL), OK);
    assert_string_equal(member("tags.a"), "");
}

static void update_changes_what_is_there(void **state)
{
    (void)state;
    assert_int_equal(import("d", ",\"importMode\":\"update\""), NOT_FOUND);
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(import("d", ",\"importMode\":\"Update\",\"status\":\"disabled\""), OK);
    news_is("identity d\n");
    assert_int_equal(import("d", ",\"importMode\":\"updateIfMatchETag\",\"status\":\"enabled\""),
                     BAD_ARGUMENT);
    assert_int_equal(import("d", ",\"importMode\":\"updateIfMatchETag\",\"eTag\":\"old\""),
                     CONFLICT);
    char rest[200];
    snprintf(rest, sizeof(rest),
             ",\"importMode\":\"updateIfMatchETag\",\"status\":\"enabled\",\"eTag\":\"%s\"",
             etag_of("d", &registry_identity_get));
    assert_int_equal(import("d", rest), OK);
    assert_int_equal(get("d"), OK);
    assert_string_equal(member("status"), "enabled");
}

static void create_or_update_does_either_and_replaces_the_twin(void **state)
{
    (void)state;
    assert_int_equal(import("d", ",\"tags\":{\"a\":1,\"b\":2}"),
                     OK); /* what is meant when nothing is said */
    assert_int_equal(import("d", ",\"importMode\":\"createOrUpdate\",\"tags\":{\"a\":3}"), OK);
    assert_int_equal(ask(&registry_twin_get, "d", NULL, NULL), OK);
    assert_string_equal(member("tags.a"), "3");
    assert_string_equal(member("tags.b"), "");
    assert_int_equal(
        import("d",
               ",\"importMode\":\"createOrUpdate\",\"status\":\"disabled\",\"twinETag\":\"old\","
               "\"tags\":{\"a\":4}"),
        CONFLICT);
    assert_int_equal(get("d"), OK);
    assert_string_equal(member("status"), "enabled"); /* all of it or nothing */
    assert_int_equal(import("d", ",\"importMode\":\"createOrUpdateIfMatchETag\",\"eTag\":\"old\""),
                     CONFLICT);
    assert_int_equal(import("e", ",\"importMode\":\"createOrUpdateIfMatchETag\",\"eTag\":\"any\""),
                     OK);
}

static void delete_takes_it_away(void **state)
{
    (void)state;
    assert_int_equal(put("d", "{}"), OK);
    assert_int_equal(put("d/m", "{}"), OK);
    assert_int_equal(import("d", ",\"importMode\":\"deleteIfMatchETag\",\"eTag\":\"old\""),
                     CONFLICT);
    assert_int_equal(import("d/m", ",\"importMode\":\"delete\""), OK);
    news_is("identity d/m\n");
    char rest[100];
    snprintf(rest, sizeof(rest), ",\"importMode\":\"deleteIfMatchETag\",\"eTag\":\"%s\"",
             etag_of("d", &registry_identity_get));
    assert_int_equal(import("d", rest), OK);
    assert_int_equal(import("d", ",\"importMode\":\"delete\""), NOT_FOUND);
    assert_int_equal(get("d"), NOT_FOUND);
}

static void update_twin_merges_and_the_device_is_told(void **state)
{
    (void)state;
    char rest[200];
    assert_int_equal(import("d", ",\"importMode\":\"updateTwin\",\"tags\":{}"), NOT_FOUND);
    assert_int_equal(import("d", ",\"importMode\":\"create\",\"tags\":{\"a\":1}"), OK);
    assert_int_equal(import("d", ",\"importMode\":\"updateTwin\",\"tags\":{\"b\":2},"
                                 "\"properties\":{\"desired\":{\"c\":3}}"),
                     OK);
    news_is("desired d 2 {\"c\":3,\"$version\":2}\n");
    assert_int_equal(ask(&registry_twin_get, "d", NULL, NULL), OK);
    assert_string_equal(member("tags.a"), "1");
    assert_string_equal(member("tags.b"), "2");
    assert_int_equal(import("d", ",\"importMode\":\"updateTwinIfMatchETag\",\"tags\":{}"),
                     BAD_ARGUMENT);
    assert_int_equal(
        import("d", ",\"importMode\":\"updateTwinIfMatchETag\",\"twinETag\":\"old\",\"tags\":{}"),
        CONFLICT);
    snprintf(rest, sizeof(rest),
             ",\"importMode\":\"updateTwinIfMatchETag\",\"tags\":{\"b\":null},\"twinETag\":\"%s\"",
             etag_of("d", &registry_twin_get));
    assert_int_equal(import("d", rest), OK);
    assert_int_equal(import("d", ",\"importMode\":\"updateTwin\",\"tags\":{\"a.b\":1}"),
                     BAD_ARGUMENT);
}

static void what_is_no_item_is_refused(void **state)
{
    (void)state;
    assert_int_equal(ask(&registry_import, "d", "[]", NULL), BAD_FORMAT);
    assert_int_equal(ask(&registry_import, "d", "{", NULL), BAD_FORMAT);
    assert_int_equal(ask(&registry_import, "d", "{}", NULL), BAD_ARGUMENT);
    assert_int_equal(import("a/b/c", ""), BAD_ARGUMENT);
    assert_int_equal(import("d", ",\"importMode\":\"replace\""), BAD_ARGUMENT);
    assert_int_equal(import("d", ",\"importMode\":7"), BAD_ARGUMENT);
    assert_int_equal(import("d", ",\"status\":\"asleep\""), BAD_ARGUMENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(create_makes_what_is_not_there_with_its_twin),
        TEST(a_twin_that_breaks_a_rule_is_left_out_with_a_warning),
        TEST(update_changes_what_is_there),
        TEST(create_or_update_does_either_and_replaces_the_twin),
        TEST(delete_takes_it_away),
        TEST(update_twin_merges_and_the_device_is_told),
        TEST(what_is_no_item_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
