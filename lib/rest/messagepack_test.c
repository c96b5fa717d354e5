/* Each kind of value both ways, and what is refused. */
#include "rest/messagepack.h"

#include "base/cmocka.h"

static struct buffer out;
static const char *why;

static int finish(void **state)
{
    (void)state;
    buffer_clear(&out);
    return 0;
}

static void reads(struct slice bytes, const char *want)
{
    buffer_reset(&out);
    assert_int_equal(rest_messagepack_to_json(bytes, 1 << 16, &out, &why), OK);
    assert_string_equal(buffer_cstr(&out), want);
}

static void refuses(struct slice bytes, const char *what)
{
    buffer_reset(&out);
    assert_int_equal(rest_messagepack_to_json(bytes, 1 << 16, &out, &why), BAD_FORMAT);
    assert_string_equal(why, what);
}

static void writes(const char *json, struct slice want)
{
    buffer_reset(&out);
    assert_int_equal(rest_messagepack_from_json(slice_of(json), &out), OK);
    assert_slice(buffer_slice(&out), want);
}

static void each_kind_of_value_becomes_json(void **state)
{
    (void)state;
    reads(SLICE("\xc0"), "null");
    reads(SLICE("\xc3"), "true");
    reads(SLICE("\x7f"), "127");
    reads(SLICE("\xe0"), "-32");
    reads(SLICE("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615");
    reads(SLICE("\xd3\x80\0\0\0\0\0\0\0"), "-9223372036854775808");
    reads(SLICE("\xca\x3f\xc0\0\0"), "1.5");
    reads(SLICE("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"), "0.1");
    reads(SLICE("\xcb\x7f\xf8\0\0\0\0\0\0"), "\"NaN\"");
    reads(SLICE("\xa0"), "\"\"");
    reads(SLICE("\xa2\"\n"), "\"\\\"\\n\"");
    reads(SLICE("\xd9\x02hi"), "\"hi\"");
    reads(SLICE("\xc4\x03\x01\x02\x03"), "\"AQID\"");
    reads(SLICE("\x90"), "[]");
    reads(SLICE("\x80"), "{}");
    reads(SLICE("\x82\xa1"
                "a\x92\x01\x80\xa1"
                "b\x81\xa1"
                "c\xc0"),
          "{\"a\":[1,{}],\"b\":{\"c\":null}}");
    reads(SLICE("\xdc\0\x02\x01\x02"), "[1,2]");
}

static void timestamps_of_all_lengths_are_dates(void **state)
{
    (void)state;
    reads(SLICE("\xd6\xff\0\0\0\x01"), "\"1970-01-01T00:00:01.000Z\"");
    reads(SLICE("\xd7\xff\x1d\xcd\x65\0\0\0\0\x01"), "\"1970-01-01T00:00:01.125Z\"");
    reads(SLICE("\xc7\x0c\xff\x07\x73\x59\x40\0\0\0\0\0\0\0\x02"), "\"1970-01-01T00:00:02.125Z\"");
    refuses(SLICE("\xc7\x0c\xff\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"),
            "a timestamp that is no date from 1970 to 9999");
    refuses(SLICE("\xd4\xff\0"), "a timestamp of a length that there is not");
}

static void what_is_no_message_is_refused(void **state)
{
    (void)state;
    refuses(SLICE(""), "it ends too early");
    refuses(SLICE("\xc1"), "a byte that begins nothing");
    refuses(SLICE("\x01\x02"), "something follows the value");
    refuses(SLICE("\x81\x01\x02"), "a member's name that is no string");
    refuses(SLICE("\xd4\x05\0"), "an extension type that is not known here");
    refuses(SLICE("\xdd\xff\xff\xff\xff\x01"), "it ends too early");
    refuses(SLICE("\xdb\xff\xff\xff\xff\x01"), "it ends too early");
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    struct slice whole = SLICE("\x82\xa1"
                               "a\x92\xc4\x01\x01\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a\xa1"
                               "b\x81\xa1"
                               "c\xd6\xff\0\0\0\x01");
    reads(whole, "{\"a\":[\"AQ==\",0.1],\"b\":{\"c\":\"1970-01-01T00:00:01.000Z\"}}");
    for (size_t len = 0; len < whole.len; len++)
        refuses(slice_first(whole, len), "it ends too early");
}

static void depth_and_size_are_bounded(void **state)
{
    (void)state;
    uint8_t nested[REST_MESSAGEPACK_DEPTH_MAX + 2];
    memset(nested, 0x91, sizeof nested);
    nested[REST_MESSAGEPACK_DEPTH_MAX] = 0xc0;
    struct slice most = slice_from(nested, REST_MESSAGEPACK_DEPTH_MAX + 1);
    assert_int_equal(rest_messagepack_to_json(most, 1 << 16, &out, &why), OK);
    buffer_reset(&out);
    nested[REST_MESSAGEPACK_DEPTH_MAX] = 0x91;
    nested[REST_MESSAGEPACK_DEPTH_MAX + 1] = 0xc0;
    refuses(slice_from(nested, sizeof nested), "it is nested too deeply");

    uint8_t nils[1 + 15];
    memset(nils, 0xc0, sizeof nils);
    nils[0] = 0x9f;
    buffer_reset(&out);
    assert_int_equal(rest_messagepack_to_json(slice_from(nils, sizeof nils), 40, &out, &why),
                     TOO_LARGE);
    assert_string_equal(why, "it is too large as JSON");
}

static void json_is_written_in_the_shortest_form(void **state)
{
    (void)state;
    writes("null", SLICE("\xc0"));
    writes("false", SLICE("\xc2"));
    writes("127", SLICE("\x7f"));
    writes("128", SLICE("\xcc\x80"));
    writes("-33", SLICE("\xd0\xdf"));
    writes("18446744073709551615", SLICE("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"));
    writes("-32", SLICE("\xe0"));
    writes("-128", SLICE("\xd0\x80"));
    writes("-129", SLICE("\xd1\xff\x7f"));
    writes("-32768", SLICE("\xd1\x80\0"));
    writes("-32769", SLICE("\xd2\xff\xff\x7f\xff"));
    writes("-4294967297", SLICE("\xd3\xff\xff\xff\xfe\xff\xff\xff\xff"));
    writes("256", SLICE("\xcd\x01\0"));
    writes("65536", SLICE("\xce\0\x01\0\0"));
    writes("-9223372036854775808", SLICE("\xd3\x80\0\0\0\0\0\0\0"));
    writes("1.0", SLICE("\xca\x3f\x80\0\0"));
    writes("0.1", SLICE("\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a"));
    writes("\"\\u00e9\"", SLICE("\xa2\xc3\xa9"));
    writes("{\"a\":[1,{}],\"b\":\"\"}", SLICE("\x82\xa1"
                                              "a\x92\x01\x80\xa1"
                                              "b\xa0"));
    assert_int_equal(rest_messagepack_from_json(SLICE("{"), &out), BAD_FORMAT);
}

/* The head of a string, an array and a map grows with the length; what is written reads back the
 * same. */
static void each_length_has_its_head(void **state)
{
    (void)state;
    static const struct {
        size_t count;
        uint8_t string, array;
    } rows[] = {{15, 0xaf, 0x9f},  {16, 0xb0, 0xdc},  {31, 0xbf, 0xdc},    {32, 0xd9, 0xdc},
                {255, 0xd9, 0xdc}, {256, 0xda, 0xdc}, {65535, 0xda, 0xdc}, {65536, 0xdb, 0xdd}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer text = {0}, packed = {0}, again = {0};
        buffer_text(&text, "[\"");
        for (size_t n = 0; n < rows[i].count; n++)
            buffer_u8(&text, 'x');
        buffer_text(&text, "\"");
        for (size_t n = 1; n < rows[i].count; n++)
            buffer_text(&text, ",1");
        buffer_text(&text, "]");
        assert_int_equal(rest_messagepack_from_json(buffer_slice(&text), &packed), OK);
        assert_int_equal(packed.at[0], rows[i].array);
        assert_int_equal(packed.at[rows[i].array < 0xc0    ? 1
                                   : rows[i].array == 0xdc ? 3
                                                           : 5],
                         rows[i].string);
        assert_int_equal(rest_messagepack_to_json(buffer_slice(&packed), 1 << 20, &again, &why),
                         OK);
        assert_slice(buffer_slice(&again), buffer_slice(&text));
        buffer_clear(&text), buffer_clear(&packed), buffer_clear(&again);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, finish)
    const struct CMUnitTest tests[] = {
        TEST(each_kind_of_value_becomes_json), TEST(timestamps_of_all_lengths_are_dates),
        TEST(what_is_no_message_is_refused),   TEST(every_prefix_is_refused),
        TEST(depth_and_size_are_bounded),      TEST(json_is_written_in_the_shortest_form),
        TEST(each_length_has_its_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
