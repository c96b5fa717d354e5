/* The limits: one row fills one field, by default with Azure's value, else with the setting's. */
#include "iot/limits.h"

#include "base/cmocka.h"

static void are_azures_by_default(void **state)
{
    (void)state;
    struct iot_limits l = iot_limits_azure();
    assert_int_equal(l.message_bytes, 256 << 10);
    assert_int_equal(l.c2d_bytes, 64 << 10);
    assert_int_equal(l.c2d_queue, 50);
    assert_int_equal(l.c2d_ttl_ms_max, 2 * 24 * 3600 * 1000);
    assert_int_equal(l.method_bytes, 128 << 10);
    assert_int_equal(l.twin.tags_bytes, 8 << 10);
    assert_int_equal(l.twin.desired_bytes, 32 << 10);
    assert_int_equal(l.twin.depth, 10);
    assert_int_equal(l.modules, 50);
}

/* A field without a row would be zero, and refuse everything. */
static void every_field_has_a_row(void **state)
{
    (void)state;
    struct iot_limits l = iot_limits_azure();
    assert_int_equal(sizeof(l), iot_limits_settings_count * sizeof(uint64_t));
    for (size_t i = 0; i < iot_limits_settings_count; i++)
        assert_int_not_equal(((uint64_t *)&l)[i], 0);
}

static void are_settings(void **state)
{
    (void)state;
    struct setting table[64];
    assert_in_range(iot_limits_settings_count, 1, 64);
    for (size_t i = 0; i < iot_limits_settings_count; i++)
        table[i] = *iot_limits_setting(i);
    struct settings_program program = {"hub", "", table, iot_limits_settings_count, false};
    struct settings *s;
    char *given[] = {"hub", "--limits.c2d.lock", "5s", "--limits.modules=7", "--limits.twin.tags",
                     "1KiB"};
    assert_int_equal(settings_load(&program, 6, given, &s), -1);
    struct iot_limits l = iot_limits_read(s);
    assert_int_equal(l.c2d_lock_ms, 5000);
    assert_int_equal(l.modules, 7);
    assert_int_equal(l.twin.tags_bytes, 1024);
    assert_int_equal(l.twin.desired_bytes, 32 << 10);
    settings_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_azures_by_default),
        cmocka_unit_test(every_field_has_a_row),
        cmocka_unit_test(are_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
