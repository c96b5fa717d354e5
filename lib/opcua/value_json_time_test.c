/* Times as JSON and back. */
#include "opcua/value_json.h"

#include "base/cmocka.h"

static void times_have_seven_digits_and_ends(void **state)
{
    (void)state;
    static const struct {
        UA_DateTime time;
        const char *text;
    } rows[] = {
        {0, "\"0001-01-01T00:00:00Z\""},
        {-5, "\"0001-01-01T00:00:00Z\""},
        {1, "\"1601-01-01T00:00:00.0000001Z\""},
        {UA_DATETIME_UNIX_EPOCH, "\"1970-01-01T00:00:00.0000000Z\""},
        {INT64_MAX, "\"9999-12-31T23:59:59Z\""},
        {UA_DATETIME_UNIX_EPOCH + 951782400LL * UA_DATETIME_SEC,
         "\"2000-02-29T00:00:00.0000000Z\""},
        {UA_DATETIME_UNIX_EPOCH + 4107542399LL * UA_DATETIME_SEC + 9999999,
         "\"2100-02-28T23:59:59.9999999Z\""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buffer out = {0};
        opcua_value_json_time(rows[i].time, &out);
        assert_slice(buffer_slice(&out), slice_of(rows[i].text));
        buffer_clear(&out);
    }
}

/* Each day of four centuries is printed as it is read. */
static void every_day_comes_back(void **state)
{
    (void)state;
    for (int64_t day = 1; day < 146097 + 400; day++) {
        UA_DateTime t = day * UA_DATETIME_SEC * 86400 + day, back;
        struct buffer out = {0};
        opcua_value_json_time(t, &out);
        assert_true(opcua_value_json_time_parse(slice_from(out.at + 1, out.len - 2), &back));
        assert_int_equal(back, t);
        buffer_clear(&out);
    }
}

static void times_are_read_with_offsets_and_refused_when_wrong(void **state)
{
    (void)state;
    UA_DateTime t, u;
    assert_true(opcua_value_json_time_parse(SLICE("2026-11-23T07:03:00.5Z"), &t));
    assert_true(opcua_value_json_time_parse(SLICE("2026-11-23T08:33:00.5000+01:30"), &u));
    assert_int_equal(t, u);
    assert_true(opcua_value_json_time_parse(SLICE("2026-11-23 07:03:00,5"), &u));
    assert_int_equal(t, u);
    assert_true(opcua_value_json_time_parse(SLICE("2026-11-23"), &u));
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-13-01",
                                      "2026-02-29",
                                      "2026-11-23T24:00:00Z",
                                      "2026-11-23T07:03:00Zx",
                                      "2026-11-23T07:03:00+1",
                                      "0000-01-01T00:00:00Z",
                                      "11/23/2026"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(opcua_value_json_time_parse(slice_of(bad[i]), &t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_have_seven_digits_and_ends),
        cmocka_unit_test(every_day_comes_back),
        cmocka_unit_test(times_are_read_with_offsets_and_refused_when_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
