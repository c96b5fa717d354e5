#include "heads/mqtt_user.h"

#include "base/buffer.h"
#include "base/cmocka.h"

static void reads_what_the_sdks_send(void **state)
{
    (void)state;
    struct arena a = {0};
    struct heads_mqtt_user u;
    assert_int_equal(
        heads_mqtt_user_parse(
            SLICE("localhost:8899/d/?api-version=2021-04-12&model-id=dtmi:com:example:T;1"
                  "&DeviceClientType=node%2F1.17%20(x)"),
            SLICE("d"), &a, &u),
        OK);
    assert_slice(u.host, SLICE("localhost:8899"));
    assert_slice(u.api_version, SLICE("2021-04-12"));
    assert_slice(u.client_type, SLICE("node/1.17 (x)"));
    assert_slice(u.model_id, SLICE("dtmi:com:example:T;1"));
    assert_slice(u.auth_chain, SLICE(""));

    assert_int_equal(
        heads_mqtt_user_parse(
            SLICE("hub/edge/$edgeHub/"
                  "api-version=2018-06-30-preview&auth-chain=d%2Fm%3Bedge%2F%24edgeHub"),
            SLICE("edge/$edgeHub"), &a, &u),
        OK);
    assert_slice(u.auth_chain, SLICE("d/m;edge/$edgeHub"));
    arena_clear(&a);
}

static void reads_what_hands_write(void **state)
{
    (void)state;
    struct arena a = {0};
    struct heads_mqtt_user u;
    static const char *const names[] = {"hub/d", "hub/d/", "hub/d/?", "hub/d/?x=y",
                                        "hub/d/?&&api-version"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(heads_mqtt_user_parse(slice_of(names[i]), SLICE("d"), &a, &u), OK);
        assert_slice(u.host, SLICE("hub"));
        assert_slice(u.api_version, SLICE(""));
    }
    assert_int_equal(
        heads_mqtt_user_parse(SLICE("hub/a?b/?api-version=2020-09-30"), SLICE("a?b"), &a, &u), OK);
    assert_slice(u.api_version, SLICE("2020-09-30"));
    arena_clear(&a);
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    struct arena a = {0};
    struct heads_mqtt_user u;
    static const char *const names[] = {"",
                                        "hub",
                                        "hub/",
                                        "/d",
                                        "/d/?api-version=2020-09-30",
                                        "hub/e",
                                        "hub/dd",
                                        "hub/d?api-version=1",
                                        "hub/D"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(heads_mqtt_user_parse(slice_of(names[i]), SLICE("d"), &a, &u), BAD_FORMAT);
    assert_int_equal(heads_mqtt_user_parse(SLICE("hub/"), SLICE(""), &a, &u), BAD_FORMAT);
    static const char *const versions[] = {"2015-01-01", "2016-11-13", "x",         "2021-04-12x",
                                           "2021-04-1",  "2021/04/12", "3021-04-12"};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct buffer b = {0};
        buffer_printf(&b, "hub/d/?api-version=%s", versions[i]);
        assert_int_equal(heads_mqtt_user_parse(buffer_slice(&b), SLICE("d"), &a, &u), UNSUPPORTED);
        buffer_clear(&b);
    }
    arena_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_sdks_send),
        cmocka_unit_test(reads_what_hands_write),
        cmocka_unit_test(refuses_what_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
