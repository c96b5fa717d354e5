#include "heads/amqp_address.h"

#include "base/cmocka.h"

static bool matches(const char *text, const char *pattern,
                    struct slice params[HEADS_AMQP_PARAMS_MAX])
{
    static struct arena arena;
    arena_reset(&arena);
    struct heads_amqp_address a;
    bool yes = heads_amqp_address_read(slice_of(text), &a) == OK &&
               heads_amqp_address_match(&a, pattern, &arena, params);
    return yes;
}

static void paths_and_uris_in_any_case_are_one_address(void **state)
{
    (void)state;
    static const char *const same[] = {
        "/devices/d%201/messages/deviceBound",
        "devices/d%201/messages/devicebound/",
        "amqps://hub.example:5671/devices/d%201/messages/devicebound",
        "AMQPS://hub.example/Devices/d%201/Messages/DEVICEBOUND",
    };
    struct slice params[HEADS_AMQP_PARAMS_MAX];
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        assert_true(matches(same[i], "devices/{}/messages/devicebound", params));
        assert_slice(params[0], SLICE("d 1"));
    }
    assert_true(matches("MyHub/ConsumerGroups/$Default/Partitions/3",
                        "{}/consumergroups/{}/partitions/{}", params));
    assert_slice(params[0], SLICE("MyHub"));
    assert_slice(params[1], SLICE("$Default"));
    assert_slice(params[2], SLICE("3"));
}

static void other_addresses_do_not_match(void **state)
{
    (void)state;
    struct slice params[HEADS_AMQP_PARAMS_MAX];
    assert_false(matches("", "devices/{}", params));
    assert_false(matches("/", "devices/{}", params));
    assert_false(matches("amqps://devices/d", "devices/{}", params)); /* that is the host */
    assert_false(matches("devices", "devices/{}", params));
    assert_false(matches("devices/d/twin", "devices/{}", params));
    assert_false(matches("device/d", "devices/{}", params));
    struct heads_amqp_address a;
    assert_int_equal(heads_amqp_address_read(SLICE("1/2/3/4/5/6/7/8"), &a), OK);
    assert_int_equal(heads_amqp_address_read(SLICE("1/2/3/4/5/6/7/8/9"), &a), BAD_ARGUMENT);
    assert_int_equal(heads_amqp_address_read((struct slice){0}, &a), OK);
    assert_int_equal(a.count, 0);
}

static void audiences_of_all_sdks_are_paths(void **state)
{
    (void)state;
    static const struct {
        const char *audience, *path;
    } cases[] = {
        {"localhost%2Fdevices%2Fd", "devices/d"},
        {"localhost", ""},
        {"127.0.0.1/devices/d", "devices/d"},
        {"https://localhost", ""},
        {"sb://localhost/myhub/$management", "myhub/$management"},
        {"amqps://localhost:5671/myhub/ConsumerGroups/$Default/Partitions/0/",
         "myhub/ConsumerGroups/$Default/Partitions/0"},
        {"", ""},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_slice(heads_amqp_audience_path(&arena, slice_of(cases[i].audience)),
                     slice_of(cases[i].path));
    arena_clear(&arena);
}

static void a_path_covers_what_is_below_it(void **state)
{
    (void)state;
    struct heads_amqp_address a;
    assert_int_equal(heads_amqp_address_read(SLICE("/MyHub/consumergroups/a/Partitions/0"), &a),
                     OK);
    assert_true(heads_amqp_path_covers(SLICE(""), &a));
    assert_true(heads_amqp_path_covers(SLICE("myhub"), &a));
    assert_true(heads_amqp_path_covers(SLICE("myhub/ConsumerGroups/a/Partitions/0"), &a));
    assert_false(heads_amqp_path_covers(SLICE("myhub/ConsumerGroups/a/Partitions/0/x"), &a));
    assert_false(heads_amqp_path_covers(SLICE("myhub/ConsumerGroups/b"), &a));
    assert_false(heads_amqp_path_covers(SLICE("my"), &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_uris_in_any_case_are_one_address),
        cmocka_unit_test(other_addresses_do_not_match),
        cmocka_unit_test(audiences_of_all_sdks_are_paths),
        cmocka_unit_test(a_path_covers_what_is_below_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
