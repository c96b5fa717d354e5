#include "heads/mqtt_answers.h"

#include "base/cmocka.h"
#include "heads/mqtt.h"

static void answers_in_the_order_of_arrival(void **state)
{
    (void)state;
    struct heads_mqtt_answers a = {0};
    struct buffer out = {0};
    uint32_t first = heads_mqtt_answers_push(&a, 1);
    uint32_t none = heads_mqtt_answers_push(&a, 0);
    uint32_t third = heads_mqtt_answers_push(&a, 3);
    assert_true(heads_mqtt_answers_done(&a, third, &out));
    assert_true(heads_mqtt_answers_done(&a, none, &out));
    assert_int_equal(out.len, 0);
    assert_true(heads_mqtt_answers_done(&a, first, &out));
    assert_slice(buffer_slice(&out), SLICE("\x40\2\0\1\x40\2\0\3"));
    assert_false(heads_mqtt_answers_done(&a, third, &out));
    assert_false(heads_mqtt_answers_done(&a, third + 1, &out));
    buffer_clear(&out);
    heads_mqtt_answers_clear(&a);
}

static void has_a_bound_and_wraps(void **state)
{
    (void)state;
    struct heads_mqtt_answers a = {.first = UINT32_MAX - 5, .next = UINT32_MAX - 5};
    struct buffer out = {0};
    for (uint32_t i = 0; i < HEADS_MQTT_UNANSWERED_MAX; i++) {
        assert_false(heads_mqtt_answers_full(&a));
        assert_int_equal(heads_mqtt_answers_push(&a, (uint16_t)(i + 1)), UINT32_MAX - 5 + i);
    }
    assert_true(heads_mqtt_answers_full(&a));
    heads_mqtt_answers_undo(&a);
    assert_false(heads_mqtt_answers_full(&a));
    uint32_t count = heads_mqtt_answers_count(&a);
    for (uint32_t i = 0; i < count; i++)
        assert_true(heads_mqtt_answers_done(&a, UINT32_MAX - 5 + i, &out));
    assert_int_equal(out.len, 4 * count);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(out.at[4 * i + 2] << 8 | out.at[4 * i + 3], i + 1);
    assert_int_equal(heads_mqtt_answers_count(&a), 0);
    buffer_clear(&out);
    heads_mqtt_answers_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_in_the_order_of_arrival),
        cmocka_unit_test(has_a_bound_and_wraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
