#include "dps/mqtt_topic.h"

#include "base/cmocka.h"

static struct arena arena;

static void user_names_of_provisioning_and_of_hubs(void **state)
{
    (void)state;
    struct dps_mqtt_user u;
    assert_true(dps_mqtt_user_parse(
        SLICE("0neA/registrations/dev-1/api-version=2019-03-31&ClientVersion=x"), SLICE("dev-1"),
        &u));
    assert_slice(u.id_scope, SLICE("0neA"));
    assert_slice(u.registration_id, SLICE("dev-1"));
    static const char *const others[][2] = {
        {"hub/dev-1/?api-version=2021-04-12", "dev-1"},
        {"hub/registrations/?api-version=2021-04-12", "registrations"},
        {"hub/registrations/m/?api-version=2021-04-12", "registrations/m"},
        {"0neA/registrations/dev-1/api-version=2019-03-31", "dev-2"},
        {"/registrations/dev-1/", "dev-1"},
        {"0neA/registrations", "registrations"},
        {"", "dev-1"},
        {"0neA/registrations//", ""},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(dps_mqtt_user_parse(slice_of(others[i][0]), slice_of(others[i][1]), &u));
}

static void two_topics_and_no_other(void **state)
{
    (void)state;
    struct dps_mqtt_topic t;
    assert_int_equal(
        dps_mqtt_topic_parse(SLICE("$dps/registrations/PUT/iotdps-register/?$rid=a-1"), &arena, &t),
        OK);
    assert_int_equal(t.what, DPS_REGISTER);
    assert_slice(t.rid, SLICE("a-1"));
    assert_int_equal(
        dps_mqtt_topic_parse(
            SLICE("$dps/registrations/GET/iotdps-get-operationstatus/?operationId=4.x%2E1&$rid=9"),
            &arena, &t),
        OK);
    assert_int_equal(t.what, DPS_OPERATION);
    assert_slice(t.operation_id, SLICE("4.x.1"));
    static const char *const bad[] = {
        "",
        "$dps/registrations/PUT/iotdps-register/",
        "$dps/registrations/PUT/iotdps-register/?$rid=",
        "$dps/registrations/GET/iotdps-get-operationstatus/?$rid=1",
        "$dps/registrations/PUT/iotdps-register/?$rid=1&operationId=2",
        "$dps/registrations/PUT/iotdps-other/?$rid=1",
        "devices/d/messages/events/"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(dps_mqtt_topic_parse(slice_of(bad[i]), &arena, &t), BAD_ARGUMENT);
    char longest[60 + DPS_MQTT_RID_MAX + 2] = "$dps/registrations/PUT/iotdps-register/?$rid=";
    size_t len = strlen(longest);
    memset(longest + len, 'r', DPS_MQTT_RID_MAX + 1);
    assert_int_equal(dps_mqtt_topic_parse(slice_from(longest, len + DPS_MQTT_RID_MAX), &arena, &t),
                     OK);
    assert_int_equal(
        dps_mqtt_topic_parse(slice_from(longest, len + DPS_MQTT_RID_MAX + 1), &arena, &t),
        BAD_ARGUMENT);
}

static void answers_say_when_to_come_again(void **state)
{
    (void)state;
    struct buffer b = {0};
    dps_mqtt_topic_put(&b, 202, SLICE("a"), 3);
    assert_string_equal(buffer_cstr(&b), "$dps/registrations/res/202/?$rid=a&retry-after=3");
    buffer_reset(&b);
    dps_mqtt_topic_put(&b, 200, SLICE("a"), 0);
    assert_string_equal(buffer_cstr(&b), "$dps/registrations/res/200/?$rid=a");
    buffer_clear(&b);
}

static int end(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(user_names_of_provisioning_and_of_hubs),
        cmocka_unit_test(two_topics_and_no_other),
        cmocka_unit_test(answers_say_when_to_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
