#include "json/merge.h"

#include "base/cmocka.h"

/* RFC 7386, appendix A. */
static void the_rfc_s_examples_hold(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
        {"", "{\"a\":1}", "{\"a\":1}"},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        struct buffer out = {0};
        assert_int_equal(json_merge_text(slice_of(rows[n][0]), slice_of(rows[n][1]), &out), OK);
        assert_slice(buffer_slice(&out), slice_of(rows[n][2]));
        buffer_clear(&out);
    }
}

static void many_members_merge_as_few_do(void **state)
{
    (void)state;
    struct buffer old = {0}, patch = {0}, want = {0}, out = {0};
    for (int i = 0; i < 60; i++)
        buffer_printf(&old, "%c\"n%d\":%d", i ? ',' : '{', i, i);
    for (int i = 30; i < 90; i++)
        buffer_printf(&patch, "%c\"n%d\":%s", i > 30 ? ',' : '{', i, i % 2 ? "null" : "true");
    for (int i = 0; i < 90; i++)
        if (i < 30)
            buffer_printf(&want, "%c\"n%d\":%d", i ? ',' : '{', i, i);
        else if (i % 2 == 0)
            buffer_printf(&want, ",\"n%d\":true", i);
    buffer_u8(&old, '}');
    buffer_u8(&patch, '}');
    buffer_u8(&want, '}');
    assert_int_equal(json_merge_text(buffer_slice(&old), buffer_slice(&patch), &out), OK);
    assert_slice(buffer_slice(&out), buffer_slice(&want));
    buffer_clear(&old);
    buffer_clear(&patch);
    buffer_clear(&want);
    buffer_clear(&out);
}

static void two_patches_are_one(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"", "{\"a\":null}", "{\"a\":null}"},
        {"{\"a\":1,\"b\":2}", "{\"b\":null,\"c\":{\"d\":null}}",
         "{\"a\":1,\"b\":null,\"c\":{\"d\":null}}"},
        {"{\"a\":{\"x\":1,\"y\":null}}", "{\"a\":{\"y\":2,\"z\":3}}",
         "{\"a\":{\"x\":1,\"y\":2,\"z\":3}}"},
        {"{\"a\":{\"x\":1}}", "{\"a\":5}", "{\"a\":5}"},
        {"{\"a\":5}", "{\"a\":{\"x\":1}}", "{\"a\":{\"x\":1}}"},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        struct buffer out = {0};
        assert_int_equal(json_merge_patches(slice_of(rows[n][0]), slice_of(rows[n][1]), &out), OK);
        assert_slice(buffer_slice(&out), slice_of(rows[n][2]));
        buffer_clear(&out);
    }
}

static void a_broken_text_changes_nothing(void **state)
{
    (void)state;
    struct buffer out = {0};
    assert_int_equal(json_merge_text(SLICE("{}"), SLICE("{"), &out), BAD_FORMAT);
    assert_int_equal(json_merge_text(SLICE("{"), SLICE("{}"), &out), BAD_FORMAT);
    assert_int_equal(json_merge_text(SLICE("{}"), SLICE(""), &out), BAD_FORMAT);
    assert_int_equal(json_merge_patches(SLICE("{}"), SLICE("{"), &out), BAD_FORMAT);
    assert_int_equal(json_merge_patches(SLICE("{"), SLICE("{}"), &out), BAD_FORMAT);
    assert_int_equal(out.len, 0);
}

static void a_difference_is_the_patch_that_was_missing(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"{}", "{}", "{}"},
        {"{\"a\":1,\"b\":2}", "{\"b\":3,\"c\":4}", "{\"a\":null,\"b\":3,\"c\":4}"},
        {"{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"y\":2,\"z\":[1]}}", "{\"a\":{\"x\":null,\"z\":[1]}}"},
        {"{\"a\":{\"x\":1}}", "{\"a\":5}", "{\"a\":5}"},
        {"{\"a\":[1,2]}", "{\"a\":[1,2]}", "{}"},
    };
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        struct json_doc *from, *to;
        struct buffer out = {0}, again = {0};
        assert_int_equal(json_parse(slice_of(rows[n][0]), JSON_STRICT, &from, NULL), OK);
        assert_int_equal(json_parse(slice_of(rows[n][1]), JSON_STRICT, &to, NULL), OK);
        struct json_writer w = json_writer(&out);
        json_difference(json_root(from), json_root(to), &w);
        assert_slice(buffer_slice(&out), slice_of(rows[n][2]));
        assert_int_equal(json_merge_text(slice_of(rows[n][0]), buffer_slice(&out), &again), OK);
        assert_slice(buffer_slice(&again), slice_of(rows[n][1]));
        buffer_clear(&out);
        buffer_clear(&again);
        json_free(&from);
        json_free(&to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfc_s_examples_hold),
        cmocka_unit_test(many_members_merge_as_few_do),
        cmocka_unit_test(two_patches_are_one),
        cmocka_unit_test(a_difference_is_the_patch_that_was_missing),
        cmocka_unit_test(a_broken_text_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
