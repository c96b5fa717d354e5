#include "up/tally.h"

#include <stdio.h>

#include "base/cmocka.h"

static void message(struct tally *t, const char *sequence, const char *body)
{
    struct buffer properties = {0};
    (void)iot_property_put(&properties, SLICE("$$MessageSchema"), SLICE("application/x-network-message-json-v1"));
    (void)iot_property_put(&properties, SLICE("millrace-source"), SLICE("w"));
    (void)iot_property_put(&properties, SLICE("millrace-epoch"), SLICE("1"));
    (void)iot_property_put(&properties, SLICE("millrace-sequence"), slice_of(sequence));
    tally_message(t, &(struct iot_message){.body = slice_of(body), .properties = buffer_slice(&properties)});
    buffer_clear(&properties);
}

#define LOAD(n) "{\"Messages\":[{\"Payload\":{\"Load1\":{\"Value\":" #n "},\"StepUp\":{\"Value\":9}}}]}"

static void counts_values_and_finds_what_is_missing(void **state)
{
    (void)state;
    struct tally t = {0};
    message(&t, "1", LOAD(5));
    message(&t, "2", "[" LOAD(6) "," LOAD(7) "]");
    assert_int_equal(t.values, 6);
    assert_int_equal(t.missing, 0);
    message(&t, "2", LOAD(6)); /* came again */
    assert_int_equal(t.doubles, 1);
    assert_int_equal(t.values, 6);
    message(&t, "3", LOAD(9)); /* 8 never came */
    assert_int_equal(t.missing, 1);
    message(&t, "5", LOAD(10)); /* message 4 never came */
    assert_int_equal(t.missing, 2);
    message(&t, "6", "no json");
    assert_int_equal(t.broken, 1);
    tally_message(&t, &(struct iot_message){.body = SLICE("{\"result\":{}}")}); /* of another schema */
    assert_int_equal(t.broken, 1);
    tally_clear(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(counts_values_and_finds_what_is_missing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
