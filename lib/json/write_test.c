#include "json/write.h"

#include <math.h>

#include "base/cmocka.h"

static void commas_come_by_themselves(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_object(&w);
    json_name(&w, "deviceId"), json_put_text(&w, "plc-1");
    json_name(&w, "numbers");
    json_array(&w);
    json_put_i64(&w, INT64_MIN);
    json_put_i64(&w, -1);
    json_put_u64(&w, UINT64_MAX);
    json_put_double(&w, 0.5);
    json_end_array(&w);
    json_name(&w, "empty");
    json_object(&w);
    json_end_object(&w);
    json_member(&w, "left out", (struct slice){0});
    json_member(&w, "there", SLICE("x"));
    json_name(&w, "raw"), json_put_raw(&w, SLICE("{\"a\":1}"));
    json_name(&w, "none"), json_put_null(&w);
    json_name(&w, "yes"), json_put_bool(&w, true);
    json_name(&w, "at"), json_put_time(&w, 0);
    json_end_object(&w);
    assert_slice(buffer_slice(&out),
                 SLICE("{\"deviceId\":\"plc-1\",\"numbers\":[-9223372036854775808,-1,"
                       "18446744073709551615,0.5],"
                       "\"empty\":{},\"there\":\"x\",\"raw\":{\"a\":1},\"none\":null,\"yes\":true,"
                       "\"at\":\"1970-01-01T00:00:00.000Z\"}"));
    buffer_clear(&out);
}

static void no_number_is_a_string(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_array(&w);
    json_put_double(&w, NAN);
    json_put_double(&w, INFINITY);
    json_put_double(&w, -INFINITY);
    json_end_array(&w);
    assert_slice(buffer_slice(&out), SLICE("[\"NaN\",\"Infinity\",\"-Infinity\"]"));
    buffer_clear(&out);
}

static void escapes_what_json_does_not_allow(void **state)
{
    (void)state;
    static const struct {
        struct slice in, out;
    } cases[] = {
        {SLICE_INIT(""), SLICE_INIT("\"\"")},
        {SLICE_INIT("plain text longer than eight bytes"),
         SLICE_INIT("\"plain text longer than eight bytes\"")},
        {SLICE_INIT("1234567\"1234567\\"), SLICE_INIT("\"1234567\\\"1234567\\\\\"")},
        {SLICE_INIT("\b\t\n\f\r\0\1\x1f\x7f"),
         SLICE_INIT("\"\\b\\t\\n\\f\\r\\u0000\\u0001\\u001f\x7f\"")},
        {SLICE_INIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
         SLICE_INIT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"")},
        /* Not UTF-8: alone, cut short, overlong, a surrogate, past the end. */
        {SLICE_INIT("\xff"
                    "a"),
         SLICE_INIT("\"\xef\xbf\xbd"
                    "a\"")},
        {SLICE_INIT("\xe2\x82"), SLICE_INIT("\"\xef\xbf\xbd\xef\xbf\xbd\"")},
        {SLICE_INIT("\xc0\x80"), SLICE_INIT("\"\xef\xbf\xbd\xef\xbf\xbd\"")},
        {SLICE_INIT("\xed\xa0\x80"), SLICE_INIT("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"")},
        {SLICE_INIT("\xf4\x90\x80\x80"),
         SLICE_INIT("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"")},
    };
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct buffer out = {0};
        json_escape(&out, cases[n].in);
        assert_slice(buffer_slice(&out), cases[n].out);
        buffer_clear(&out);
    }
}

static void every_byte_reads_back_or_becomes_the_replacement(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        uint8_t text[9] = {'a', 'b', 'c', 'd', 'e', 'f', 'g', (uint8_t)c, 'h'};
        struct buffer out = {0};
        json_escape(&out, slice_from(text, 9));
        struct json_doc *doc;
        assert_int_equal(json_parse(buffer_slice(&out), JSON_STRICT, &doc, NULL), OK);
        struct slice want = c < 0x80 ? slice_from(text, 9) : SLICE("abcdefg\xef\xbf\xbdh");
        assert_slice(json_string(json_root(doc)), want);
        json_free(&doc);
        buffer_clear(&out);
    }
}

static void a_parsed_value_is_written_as_it_was(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":[1,-2,3.5,true,false,null,\"x\\\"y\",{}],\"b\":{\"c\":18446744073709551615},"
        "\"d\":1e+300,\"e\":[]}";
    struct json_doc *doc;
    assert_int_equal(json_parse(slice_of(text), JSON_STRICT, &doc, NULL), OK);
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_put_value(&w, json_root(doc));
    assert_slice(buffer_slice(&out), slice_of(text));
    json_free(&doc);
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_come_by_themselves),
        cmocka_unit_test(no_number_is_a_string),
        cmocka_unit_test(escapes_what_json_does_not_allow),
        cmocka_unit_test(every_byte_reads_back_or_becomes_the_replacement),
        cmocka_unit_test(a_parsed_value_is_written_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
