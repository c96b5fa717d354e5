#include "iot/identity.h"

#include <stdio.h>

#include "base/cmocka.h"

static void a_name_has_iot_hub_s_letters(void **state)
{
    (void)state;
    assert_true(iot_id_name_ok(SLICE("plc-1")));
    assert_true(iot_id_name_ok(SLICE("$edgeHub")));
    assert_true(iot_id_name_ok(SLICE("aZ09-.+%_#*?!(),=@$':;")));
    assert_false(iot_id_name_ok(SLICE("")));
    assert_false(iot_id_name_ok(SLICE("invalid/name")));
    assert_false(iot_id_name_ok(SLICE("with space")));
    assert_false(iot_id_name_ok(SLICE("caf\xc3\xa9")));
    assert_false(iot_id_name_ok(SLICE("zero\0")));
    assert_false(iot_id_name_ok(SLICE("a&b")));
    assert_false(iot_id_name_ok(SLICE("a\"b")));
}

static void a_name_has_at_most_128_letters(void **state)
{
    (void)state;
    char name[IOT_ID_MAX + 1];
    memset(name, 'a', sizeof(name));
    assert_true(iot_id_name_ok(slice_from(name, IOT_ID_MAX)));
    assert_false(iot_id_name_ok(slice_from(name, IOT_ID_MAX + 1)));
}

static void an_id_is_printed_and_parsed(void **state)
{
    (void)state;
    static const char *const good[] = {"d", "d/m", "$x/$edgeHub"};
    for (size_t n = 0; n < 3; n++) {
        struct iot_id id;
        struct buffer out = {0};
        assert_true(iot_id_parse(slice_of(good[n]), &id));
        iot_id_print(id, &out);
        assert_slice(buffer_slice(&out), slice_of(good[n]));
        buffer_clear(&out);
    }
    static const char *const bad[] = {"", "/", "d/", "/m", "d/m/x", "d m"};
    for (size_t n = 0; n < 6; n++) {
        struct iot_id id;
        assert_false(iot_id_parse(slice_of(bad[n]), &id));
    }
}

static void ids_compare_with_case_and_a_copy_is_equal(void **state)
{
    (void)state;
    struct iot_id a = {SLICE("d"), SLICE("m")};
    assert_true(iot_id_eq(a, a));
    assert_false(iot_id_eq(a, (struct iot_id){SLICE("D"), SLICE("m")}));
    assert_false(iot_id_eq(a, (struct iot_id){.device = SLICE("d")}));
    struct arena arena = {0};
    assert_true(iot_id_eq(a, iot_id_copy(&arena, a)));
    arena_clear(&arena);
}

static void modules_are_where_their_device_is(void **state)
{
    (void)state;
    unsigned seen[4] = {0};
    for (int i = 0; i < 400; i++) {
        char name[16];
        struct iot_id id = {
            .device = slice_from(name, (size_t)snprintf(name, sizeof(name), "plc-%d", i))};
        unsigned part = iot_id_part(id, 4);
        id.module = SLICE("m");
        assert_int_equal(iot_id_part(id, 4), part);
        seen[part]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(seen[i], 50, 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_iot_hub_s_letters),
        cmocka_unit_test(a_name_has_at_most_128_letters),
        cmocka_unit_test(an_id_is_printed_and_parsed),
        cmocka_unit_test(ids_compare_with_case_and_a_copy_is_equal),
        cmocka_unit_test(modules_are_where_their_device_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
