#include "published/config_members.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/cmocka.h"

static const char *members_of(const char *text)
{
    static struct buffer out;
    buffer_reset(&out);
    struct json_doc *doc = NULL;
    assert_int_equal(json_parse(slice_of(text), JSON_LAX, &doc, NULL), OK);
    struct config_members m = config_members(json_root(doc));
    while (config_members_next(&m))
        buffer_printf(&out, "%.*s=%.0f ", SLICE_FMT(m.name), json_double(m.value, -1));
    json_free(&doc);
    return buffer_cstr(&out);
}

static void each_name_counts_once_where_it_stands_last(void **state)
{
    (void)state;
    assert_string_equal(members_of("{\"b\":1,\"a\":2,\"c\":3}"), "b=1 a=2 c=3 ");
    assert_string_equal(members_of("{\"b\":1,\"a\":2,\"B\":3,\"ab\":4,\"b\":5}"), "a=2 ab=4 b=5 ");
}

static void a_null_says_nothing(void **state)
{
    (void)state;
    assert_string_equal(members_of("{\"a\":1,\"A\":null,\"b\":null,\"c\":2}"), "a=1 c=2 ");
    assert_string_equal(members_of("{\"a\":null}"), "");
}

static void what_is_no_object_has_none(void **state)
{
    (void)state;
    assert_string_equal(members_of("{}"), "");
    assert_string_equal(members_of("[1,2]"), "");
    assert_string_equal(members_of("7"), "");
}

/* Compared each with each they would take minutes. */
static void so_many_names_take_no_time(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (unsigned i = 0; i < 300000; i++)
        buffer_printf(&text, "%s\"name-%x\":1", i ? "," : "{", i);
    buffer_text(&text, ",\"NAME-7\":2}");
    struct json_doc *doc = NULL;
    assert_int_equal(json_parse(buffer_slice(&text), JSON_LAX, &doc, NULL), OK);
    size_t count = 0;
    struct slice last = {0};
    struct config_members m = config_members(json_root(doc));
    for (; config_members_next(&m); count++)
        last = m.name;
    assert_int_equal(count, 300000);
    assert_slice(last, SLICE("NAME-7"));
    json_free(&doc);
    buffer_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_counts_once_where_it_stands_last),
        cmocka_unit_test(a_null_says_nothing),
        cmocka_unit_test(what_is_no_object_has_none),
        cmocka_unit_test(so_many_names_take_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
