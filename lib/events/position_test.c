#include "events/position.h"

#include "base/cmocka.h"

static struct events_position read(const char *selector)
{
    struct events_position p;
    if (events_position_read(slice_of(selector), &p) != OK)
        fail_msg("refused: %s", selector);
    return p;
}

/* As @azure/event-hubs and azure-eventhub write them. */
static void reads_what_the_sdks_send(void **state)
{
    (void)state;
    assert_int_equal(read("amqp.annotation.x-opt-offset > '-1'").record, 1);
    assert_int_equal(read("amqp.annotation.x-opt-offset > '@latest'").start, EVENTS_LATEST);
    assert_int_equal(read("amqp.annotation.x-opt-offset > '0'").record,
                     2); /* 0 is the first event, record 1 */
    assert_int_equal(read("amqp.annotation.x-opt-offset >= '0'").record, 1);
    assert_int_equal(read("amqp.annotation.x-opt-sequence-number > '41'").record, 43);
    assert_int_equal(read("amqp.annotation.x-opt-sequence-number >= '41'").record, 42);
    assert_int_equal(read("amqp.annotation.x-opt-sequence-number >= '-1'").record, 1);
    struct events_position p = read("amqp.annotation.x-opt-enqueued-time > '1700000000000'");
    assert_int_equal(p.start, EVENTS_TIME);
    assert_int_equal(p.time_ms, 1700000000001);
    assert_int_equal(read("amqp.annotation.x-opt-enqueued-time > '-62135596800000'").time_ms, 0);
    assert_int_equal(read("  amqp.annotation.x-opt-offset>7 ").record, 9);
    assert_int_equal(read("").start, EVENTS_AT);
    assert_int_equal(read("").record, 1);
}

static void refuses_other_filters(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "x",
        ">",
        "amqp.annotation.x-opt-offset",
        "amqp.annotation.x-opt-offset < '1'",
        "amqp.annotation.x-opt-offset > ''",
        "amqp.annotation.x-opt-offset > 'x'",
        "amqp.annotation.x-opt-offset > '1",
        "amqp.annotation.x-opt-offset > '1' OR amqp.annotation.x-opt-offset > '2'",
        "amqp.annotation.x-opt-partition-key > '1'",
        "amqp.annotation.x-opt-offset > '-2'",
        "amqp.annotation.x-opt-offset > '9223372036854775807'",
        "amqp.annotation.x-opt-enqueued-time > '99999999999999999999'",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct events_position p = {.record = 5};
        assert_int_equal(events_position_read(slice_of(bad[i]), &p), BAD_ARGUMENT);
        assert_int_equal(p.record, 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_sdks_send),
        cmocka_unit_test(refuses_other_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
