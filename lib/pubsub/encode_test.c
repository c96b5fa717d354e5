#include "pubsub/encode.h"

#include "base/cmocka.h"

static struct encode_clock clock_;

/* The hot path and the general one must not differ in a byte. */
static void assert_alike(const UA_DataValue *v)
{
    static const struct opcua_value_form forms[] = {
        {0},
        {.strict = true},
        {.reversible = true},
        {.reversible = true, .strict = true},
        {.rules = OPCUA_JSON_COMPACT, .reversible = true},
        {.rules = OPCUA_JSON_VERBOSE}};
    static const unsigned fields[] = {0, 3, 7, 31, OPCUA_FIELD_RAW};
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++)
        for (size_t m = 0; m < 5; m++) {
            struct buffer fast = {0}, general = {0};
            encode_data_value(v, fields[m], &forms[f], &clock_, &fast);
            opcua_value_json_data_value(v, fields[m], &forms[f], &general);
            assert_slice(buffer_slice(&fast), buffer_slice(&general));
            buffer_clear(&fast);
            buffer_clear(&general);
        }
}

static void try_scalar(const void *value, int type)
{
    static const UA_DateTime times[] = {
        134000000001234567, 134000000009999999, 134000000010000000, 1, 0, -5,
        INT64_MAX,          2650467743990000000};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        UA_DataValue v = {.hasValue = true,
                          .hasSourceTimestamp = true,
                          .hasServerTimestamp = i % 2,
                          .sourceTimestamp = times[i],
                          .serverTimestamp = times[(i + 3) % 8]};
        UA_Variant_setScalar(&v.value, (void *)(uintptr_t)value, &UA_TYPES[type]);
        assert_alike(&v);
    }
}

/* The text that is kept of a time is of that time alone, and of that of its kind. */
static void times_are_alike_that_come_again_and_change_in_turns(void **state)
{
    (void)state;
    static const UA_DateTime source[] = {134000000019999999, 134000000019999999, 134000000020000000,
                                         134000000019999999, 134000000039999999};
    static const UA_DateTime server[] = {134000000020000001, 134000000030000001, 134000000030000001,
                                         134000000020000001, 134000000020000001};
    UA_Int32 number = 1;
    for (size_t i = 0; i < 5; i++) {
        UA_DataValue v = {.hasValue = true,
                          .hasSourceTimestamp = true,
                          .hasServerTimestamp = true,
                          .sourceTimestamp = source[i],
                          .serverTimestamp = server[i]};
        UA_Variant_setScalar(&v.value, &number, &UA_TYPES[UA_TYPES_INT32]);
        assert_alike(&v);
    }
}

static void ticks_are_alike(void **state)
{
    (void)state;
    UA_Int32 number = 1;
    for (UA_DateTime tick = 0; tick < 10000000; tick = 3 * tick + 1 + tick % 7) {
        UA_DataValue v = {.hasValue = true,
                          .hasSourceTimestamp = true,
                          .hasServerTimestamp = true,
                          .sourceTimestamp = 134000000010000000 + tick,
                          .serverTimestamp = 134000000020000000 - 1 - tick};
        UA_Variant_setScalar(&v.value, &number, &UA_TYPES[UA_TYPES_INT32]);
        assert_alike(&v);
    }
    for (UA_DateTime tick = 9; tick < 10000000; tick = 10 * tick + 9) /* each digit at its end */
        for (UA_DateTime near = tick - 1; near <= tick + 1; near++) {
            UA_DataValue v = {.hasValue = true,
                              .hasSourceTimestamp = true,
                              .sourceTimestamp = 134000000010000000 + near};
            UA_Variant_setScalar(&v.value, &number, &UA_TYPES[UA_TYPES_INT32]);
            assert_alike(&v);
        }
}

static void numbers_are_alike(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0,    1,     9,         10, 99,  100,  101,       999,
                                      1000, 65535, 123456789, -1, -10, -128, INT64_MAX, INT64_MIN};
    static const int types[] = {UA_TYPES_SBYTE, UA_TYPES_BYTE,   UA_TYPES_INT16, UA_TYPES_UINT16,
                                UA_TYPES_INT32, UA_TYPES_UINT32, UA_TYPES_INT64, UA_TYPES_UINT64};
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++)
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
            try_scalar(&numbers[n], types[t]);
}

static void doubles_and_booleans_are_alike(void **state)
{
    (void)state;
    static const double doubles[] = {0,
                                     -0.0,
                                     0.1,
                                     1e300,
                                     -5e-324,
                                     1.0 / 3,
                                     42,
                                     __builtin_nan(""),
                                     __builtin_inf(),
                                     -__builtin_inf()};
    for (size_t n = 0; n < sizeof doubles / sizeof doubles[0]; n++)
        try_scalar(&doubles[n], UA_TYPES_DOUBLE);
    static const float floats[] = {
        0, -0.0f, 0.1f, 3.4e38f, 1e-45f, 16777216, 42, __builtin_nanf(""), -__builtin_inff()};
    for (size_t n = 0; n < sizeof floats / sizeof floats[0]; n++)
        try_scalar(&floats[n], UA_TYPES_FLOAT);
    UA_Boolean yes = true, no = false;
    try_scalar(&yes, UA_TYPES_BOOLEAN);
    try_scalar(&no, UA_TYPES_BOOLEAN);
}

static void what_is_not_known_is_left_to_the_general_encoder(void **state)
{
    (void)state;
    UA_String text = UA_STRING("\"quoted\"");
    UA_Float single = 0.1f;
    try_scalar(&text, UA_TYPES_STRING);
    try_scalar(&single, UA_TYPES_FLOAT);
    UA_Int32 array[] = {1, 2, 3};
    UA_DataValue v = {.hasValue = true};
    UA_Variant_setArray(&v.value, array, 3, &UA_TYPES[UA_TYPES_INT32]);
    assert_alike(&v);
    UA_DataValue bad = {.hasStatus = true, .status = UA_STATUSCODE_BADNODATA};
    assert_alike(&bad);
    UA_DataValue empty = {.hasValue = true};
    assert_alike(&empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_are_alike),
        cmocka_unit_test(numbers_are_alike),
        cmocka_unit_test(times_are_alike_that_come_again_and_change_in_turns),
        cmocka_unit_test(doubles_and_booleans_are_alike),
        cmocka_unit_test(what_is_not_known_is_left_to_the_general_encoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
