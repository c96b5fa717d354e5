#include "iot/twin.h"

#include <stdlib.h>

#include "base/cmocka.h"
#include "iot/twin_rules.h"

#define T0 1779006612000 /* 2026-05-17T08:30:12Z */
#define DAY 86400000

static struct arena arena;
static struct json_doc *body;

static const struct json *json(const char *text)
{
    json_free(&body);
    assert_int_equal(json_parse(slice_of(text), JSON_STRICT, &body, NULL), OK);
    return json_root(body);
}

static int finish(void **state)
{
    (void)state;
    json_free(&body);
    arena_clear(&arena);
    return 0;
}

static enum status patch(struct iot_twin *t, const char *text)
{
    struct iot_twin_change change;
    const char *why;
    return iot_twin_update(t, &iot_twin_limits_azure, &arena, json(text), IOT_TWIN_MERGE, T0,
                           &change, &why);
}

static enum status report(struct iot_twin *t, const char *text)
{
    const char *why;
    return iot_twin_report(t, &iot_twin_limits_azure, &arena, json(text), T0, &why);
}

static void device_view_is(const struct iot_twin *t, const char *want)
{
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    iot_twin_put_device(t, &w);
    assert_slice(buffer_slice(&out), slice_of(want));
    buffer_clear(&out);
}

static void a_new_twin_is_empty_and_has_version_1(void **state)
{
    (void)state;
    struct iot_twin t = iot_twin_new(&arena, T0);
    device_view_is(&t, "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_object(&w);
    iot_twin_put_service(&t, &w);
    json_end_object(&w);
    assert_slice(
        buffer_slice(&out),
        SLICE(
            "{\"tags\":{},\"properties\":{\"desired\":{\"$metadata\":{\"$lastUpdated\":"
            "\"2026-05-17T08:30:12.000Z\",\"$lastUpdatedVersion\":1},\"$version\":1},\"reported\":"
            "{\"$metadata\":{\"$lastUpdated\":\"2026-05-17T08:30:12.000Z\"},\"$version\":1}}}"));
    buffer_clear(&out);
}

static void a_patch_merges_null_removes_arrays_are_replaced(void **state)
{
    (void)state;
    struct iot_twin t = iot_twin_new(&arena, T0);
    assert_int_equal(
        patch(&t, "{\"properties\":{\"desired\":{\"a\":{\"b\":1,\"c\":[1,2]},\"d\":true}}}"), OK);
    assert_int_equal(
        patch(&t, "{\"properties\":{\"desired\":{\"a\":{\"b\":null,\"c\":[3]},\"e\":\"x\"}}}"), OK);
    device_view_is(&t, "{\"desired\":{\"a\":{\"c\":[3]},\"d\":true,\"e\":\"x\",\"$version\":3},"
                       "\"reported\":{\"$version\":1}}");
}

static void each_section_counts_its_own_version(void **state)
{
    (void)state;
    struct iot_twin t = iot_twin_new(&arena, T0);
    assert_int_equal(report(&t, "{\"a\":1}"), OK);
    assert_int_equal(report(&t, "{\"a\":1}"), OK); /* the same again is a change too */
    assert_int_equal(t.reported.version, 3);
    assert_int_equal(t.desired.version, 1);
    assert_int_equal(t.version, 1); /* and no change of the etag */
    assert_int_equal(patch(&t, "{\"tags\":{\"hall\":3}}"), OK);
    assert_int_equal(t.desired.version, 1);
    assert_int_equal(t.version, 2);
    assert_int_equal(
        patch(&t,
              "{\"tags\":{\"hall\":4},\"properties\":{\"desired\":{\"x\":1}},\"status\":\"y\"}"),
        OK);
    assert_int_equal(t.desired.version, 2);
    assert_int_equal(t.version, 3);
    assert_int_equal(patch(&t, "{\"properties\":{\"reported\":{\"x\":1}}}"),
                     OK); /* not the service's to change */
    assert_int_equal(t.reported.version, 3);
    assert_int_equal(t.version, 3);
}

static void put_replaces_the_sections_that_are_there(void **state)
{
    (void)state;
    struct iot_twin t = iot_twin_new(&arena, T0);
    struct iot_twin_change change;
    const char *why;
    assert_int_equal(
        patch(
            &t,
            "{\"tags\":{\"a\":1},\"properties\":{\"desired\":{\"b\":{\"x\":1,\"y\":2},\"c\":1}}}"),
        OK);
    assert_int_equal(
        iot_twin_update(&t, &iot_twin_limits_azure, &arena,
                        json("{\"properties\":{\"desired\":{\"b\":{\"y\":3},\"n\":null}}}"),
                        IOT_TWIN_REPLACE, T0, &change, &why),
        OK);
    assert_slice(t.tags.values, SLICE("{\"a\":1}"));
    assert_slice(t.desired.values, SLICE("{\"b\":{\"y\":3}}"));
    assert_false(change.tags);
    /* A device that merges it ends with the same. */
    assert_slice(change.desired_patch,
                 SLICE("{\"c\":null,\"b\":{\"x\":null,\"y\":3},\"$version\":3}"));
    assert_int_equal(iot_twin_update(&t, &iot_twin_limits_azure, &arena,
                                     json("{\"tags\":null,\"properties\":{\"desired\":null}}"),
                                     IOT_TWIN_MERGE, T0, &change, &why),
                     OK);
    assert_slice(t.tags.values, SLICE("{}"));
    assert_slice(change.desired_patch, SLICE("{\"b\":null,\"$version\":4}"));
}

static void a_device_is_told_the_patch_with_its_nulls_and_version(void **state)
{
    (void)state;
    struct iot_twin t = iot_twin_new(&arena, T0);
    struct iot_twin_change change;
    const char *why;
    assert_int_equal(
        iot_twin_update(
            &t, &iot_twin_limits_azure, &arena,
            json("{\"properties\":{\"desired\":{\"a\":{\"b\":null,\"c\":1},\"d\":null}}}"),
            IOT_TWIN_MERGE, T0, &change, &why),
        OK);
    assert_true(change.desired);
    assert_slice(change.desired_patch,
                 SLICE("{\"a\":{\"b\":null,\"c\":1},\"d\":null,\"$version\":2}"));
    assert_slice(t.desired.values, SLICE("{\"a\":{\"c\":1}}"));
    assert_int_equal(iot_twin_update(&t, &iot_twin_limits_azure, &arena,
                                     json("{\"tags\":{\"a\":1}}"), IOT_TWIN_MERGE, T0, &change,
                                     &why),
                     OK);
    assert_false(change.desired);
    assert_int_equal(change.desired_patch.len, 0);
}

static void what_was_read_may_be_sent_back(void **state)
{
    (void)state;
    struct iot_twin t = iot_twin_new(&arena, T0);
    assert_int_equal(patch(&t, "{\"tags\":{\"t\":1},\"properties\":{\"desired\":{\"a\":1}}}"), OK);
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_object(&w);
    iot_twin_put_service(&t, &w);
    json_end_object(&w);
    assert_int_equal(patch(&t, buffer_cstr(&out)), OK);
    assert_slice(t.desired.values, SLICE("{\"a\":1}"));
    assert_int_equal(t.desired.version, 3);
    buffer_clear(&out);
}

static void metadata_says_when_each_name_was_changed(void **state)
{
    (void)state;
    struct iot_twin t = iot_twin_new(&arena, T0);
    struct iot_twin_change change;
    const char *why;
    assert_int_equal(patch(&t, "{\"properties\":{\"desired\":{\"a\":{\"b\":1,\"c\":2},\"d\":3}}}"),
                     OK);
    assert_int_equal(iot_twin_update(&t, &iot_twin_limits_azure, &arena,
                                     json("{\"properties\":{\"desired\":{\"a\":{\"b\":9}}}}"),
                                     IOT_TWIN_MERGE, T0 + DAY, &change, &why),
                     OK);
#define FIRST "{\"$lastUpdated\":\"2026-05-17T08:30:12.000Z\",\"$lastUpdatedVersion\":2}"
#define SECOND "\"$lastUpdated\":\"2026-05-18T08:30:12.000Z\",\"$lastUpdatedVersion\":3"
    assert_slice(t.desired.metadata, SLICE("{" SECOND ",\"a\":{" SECOND ",\"b\":{" SECOND
                                           "},\"c\":" FIRST "},\"d\":" FIRST "}"));
}

static void a_name_breaks_the_rules(void **state)
{
    (void)state;
    static const struct {
        const char *patch, *why;
    } bad[] = {
        {"{\"a.b\":1}", "properties.reported.a.b: a name"},
        {"{\"x\":{\"$y\":1}}", "properties.reported.x.$y: a name"},
        {"{\"x\":{\"$version\":1}}", "properties.reported.x.$version: a name"},
        {"{\"a b\":1}", "properties.reported.a b: a name"},
        {"{\"a\\u0001\":1}", "properties.reported.a\1: a name"},
        {"{\"a\\u0085\":1}", "properties.reported.a\xc2\x85: a name"},
        {"{\"a\":[{\"b.c\":1}]}", "properties.reported.a.b.c: a name"},
        {"{\"a\":4503599627370496}", "properties.reported.a: a whole number"},
        {"{\"a\":-4503599627370496}", "properties.reported.a: a whole number"},
        {"[1]", "properties.reported must be an object"},
        {"null", "properties.reported must be an object"},
    };
    struct iot_twin t = iot_twin_new(&arena, T0);
    for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
        const char *why;
        assert_int_equal(
            iot_twin_report(&t, &iot_twin_limits_azure, &arena, json(bad[n].patch), T0, &why),
            BAD_ARGUMENT);
        if (strncmp(why, bad[n].why, strlen(bad[n].why)) != 0)
            fail_msg("'%s' for %s", why, bad[n].patch);
    }
    assert_int_equal(t.reported.version, 1);
    assert_int_equal(report(&t, "{\"a\":4503599627370495,\"b\":1e300,\"\xc3\xa9\":null}"), OK);
}

static void nests(struct buffer *out, int objects)
{
    for (int n = 0; n < objects; n++)
        buffer_text(out, "{\"o\":");
    buffer_text(out, "1");
    for (int n = 0; n < objects; n++)
        buffer_text(out, "}");
}

static void objects_nest_ten_deep(void **state)
{
    (void)state;
    struct iot_twin t = iot_twin_new(&arena, T0);
    struct buffer text = {0};
    nests(&text, 1 + iot_twin_limits_azure.depth); /* the section itself, and ten in it */
    assert_int_equal(report(&t, buffer_cstr(&text)), OK);
    buffer_reset(&text);
    nests(&text, 2 + iot_twin_limits_azure.depth);
    assert_int_equal(report(&t, buffer_cstr(&text)), BAD_ARGUMENT);
    buffer_clear(&text);
}

/* One member whose value is a string of `letters`. */
static void long_string(struct buffer *out, const char *name, size_t letters)
{
    buffer_printf(out, "{\"%s\":\"", name);
    memset(buffer_reserve(out, letters), 'x', letters);
    buffer_added(out, letters);
    buffer_text(out, "\"}");
}

static void a_string_has_4_kb_and_a_name_1_kb(void **state)
{
    (void)state;
    struct iot_twin t = iot_twin_new(&arena, T0);
    struct buffer text = {0};
    long_string(&text, "s", iot_twin_limits_azure.string_bytes);
    assert_int_equal(report(&t, buffer_cstr(&text)), OK);
    buffer_reset(&text);
    long_string(&text, "s", iot_twin_limits_azure.string_bytes + 1);
    assert_int_equal(report(&t, buffer_cstr(&text)), BAD_ARGUMENT);
    for (size_t len = iot_twin_limits_azure.name_bytes; len <= iot_twin_limits_azure.name_bytes + 1;
         len++) {
        buffer_reset(&text);
        buffer_printf(&text, "{\"%0*d\":1}", (int)len, 7);
        assert_int_equal(report(&t, buffer_cstr(&text)),
                         len == iot_twin_limits_azure.name_bytes ? OK : BAD_ARGUMENT);
    }
    buffer_clear(&text);
}

static void a_section_has_its_size(void **state)
{
    (void)state;
    struct iot_twin t = iot_twin_new(&arena, T0);
    struct buffer text = {0};
    for (int n = 0; n < 8; n++) { /* 4 + 4092 bytes each: eight fill 32 KB */
        char name[5] = {'n', 'a', 'm', (char)('0' + n)};
        buffer_reset(&text);
        long_string(&text, name, 4092);
        assert_int_equal(report(&t, buffer_cstr(&text)), OK);
    }
    assert_int_equal(report(&t, "{\"x\":true}"), BAD_ARGUMENT); /* 32 KB exactly are there */
    assert_int_equal(report(&t, "{\"nam0\":null,\"x\":true}"), OK);
    buffer_reset(&text);
    buffer_text(&text, "{\"tags\":{\"n\":[");
    for (int n = 0; n < 1023; n++)
        buffer_text(&text, n ? ",1" : "1");
    buffer_text(&text, "]}}");
    assert_int_equal(patch(&t, buffer_cstr(&text)), OK); /* 1 + 1023 * 8 */
    assert_int_equal(patch(&t, "{\"tags\":{\"m\":1}}"), BAD_ARGUMENT);
    buffer_clear(&text);
}

static void size_counts_names_and_values_without_control_characters(void **state)
{
    (void)state;
    assert_int_equal(iot_twin_size(json("{\"ab\":\"c d\\n\",\"e\":[1,true,null,{\"f\":2.5}]}")),
                     2 + 3 + 1 + 8 + 4 + 1 + 8);
}

static void a_refused_update_changes_nothing(void **state)
{
    (void)state;
    struct iot_twin t = iot_twin_new(&arena, T0);
    assert_int_equal(patch(&t, "{\"tags\":{\"ok\":1},\"properties\":{\"desired\":{\"a.b\":1}}}"),
                     BAD_ARGUMENT);
    assert_int_equal(patch(&t, "{\"properties\":[1]}"), BAD_ARGUMENT);
    assert_int_equal(patch(&t, "{\"tags\":3}"), BAD_ARGUMENT);
    assert_int_equal(patch(&t, "7"), BAD_ARGUMENT);
    assert_slice(t.tags.values, SLICE("{}"));
    assert_int_equal(t.version, 1);
}

static void an_etag_is_the_version_in_base64(void **state)
{
    (void)state;
    char etag[IOT_TWIN_ETAG_LEN + 1];
    iot_twin_etag(7, etag);
    assert_string_equal(etag, "AAAAAAAAAAc=");
}

#define TEST(f) cmocka_unit_test_teardown(f, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_twin_is_empty_and_has_version_1),
        TEST(a_patch_merges_null_removes_arrays_are_replaced),
        TEST(each_section_counts_its_own_version),
        TEST(put_replaces_the_sections_that_are_there),
        TEST(a_device_is_told_the_patch_with_its_nulls_and_version),
        TEST(what_was_read_may_be_sent_back),
        TEST(metadata_says_when_each_name_was_changed),
        TEST(a_name_breaks_the_rules),
        TEST(objects_nest_ten_deep),
        TEST(a_string_has_4_kb_and_a_name_1_kb),
        TEST(a_section_has_its_size),
        TEST(size_counts_names_and_values_without_control_characters),
        TEST(a_refused_update_changes_nothing),
        TEST(an_etag_is_the_version_in_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
