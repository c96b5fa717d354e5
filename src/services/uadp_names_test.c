/* What is kept of announcements, and who has to make room. */
#include "services/uadp_names.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"

/* Of so many fields, whose names have so many bytes. */
static void announce(struct uadp_names *n, const char *module, unsigned set, size_t fields,
                     size_t len)
{
    char key[16];
    UA_DataSetMetaDataType data = {.fieldsSize = fields};
    data.fields = UA_Array_new(fields, &UA_TYPES[UA_TYPES_FIELDMETADATA]);
    for (size_t i = 0; i < fields; i++) {
        assert_int_equal(UA_ByteString_allocBuffer(&data.fields[i].name, len), UA_STATUSCODE_GOOD);
        if (len)
            memset(data.fields[i].name.data, 'n', len);
    }
    snprintf(key, sizeof key, "%u", set);
    uadp_names_put(n, slice_of(module), slice_of(key), &data);
    UA_DataSetMetaDataType_clear(&data);
}

static const struct uadp_announced *get(struct uadp_names *n, const char *module, unsigned set)
{
    char key[16];
    snprintf(key, sizeof key, "%u", set);
    return uadp_names_get(n, slice_of(module), slice_of(key));
}

static void the_last_one_of_a_data_set_goes(void **state)
{
    (void)state;
    struct uadp_names *n = uadp_names_new();
    announce(n, "m", 1, 2, 3);
    announce(n, "m", 1, 1, 5);
    assert_int_equal(get(n, "m", 1)->field_count, 1);
    assert_int_equal(get(n, "m", 1)->fields[0].length, 5);
    assert_null(get(n, "m", 2));
    assert_null(get(n, "other", 1));
    uadp_names_free(&n);
    assert_null(n);
}

/* The one module with most, of what it used longest ago. */
static void of_too_many_those_are_forgotten_that_nobody_uses(void **state)
{
    (void)state;
    struct uadp_names *n = uadp_names_new();
    announce(n, "quiet", 0, 1, 1);
    for (unsigned i = 0; i < UADP_NAMES_MAX - 1; i++)
        announce(n, "busy", i, 1, 1);
    assert_non_null(get(n, "busy", 0));
    announce(n, "busy", UADP_NAMES_MAX, 1, 1);
    announce(n, "other", 0, 1, 1);
    assert_non_null(get(n, "quiet", 0));
    assert_non_null(get(n, "other", 0));
    assert_non_null(get(n, "busy", 0));
    assert_null(get(n, "busy", 1));
    assert_null(get(n, "busy", 2));
    assert_non_null(get(n, "busy", 3));
    uadp_names_free(&n);
}

static void modules_without_number_are_forgotten_too(void **state)
{
    (void)state;
    struct uadp_names *n = uadp_names_new();
    unsigned left = 0;
    char module[16];
    for (unsigned i = 0; i < UADP_NAMES_MAX + 100; i++) {
        snprintf(module, sizeof module, "m%u", i);
        announce(n, module, 0, 1, 1);
    }
    for (unsigned i = 0; i < UADP_NAMES_MAX + 100; i++) {
        snprintf(module, sizeof module, "m%u", i);
        left += get(n, module, 0) != NULL;
    }
    assert_int_equal(left, UADP_NAMES_MAX);
    uadp_names_free(&n);
}

/* Names of no bytes are not for nothing. */
static void what_they_take_has_a_bound(void **state)
{
    (void)state;
    struct uadp_names *n = uadp_names_new();
    announce(n, "quiet", 0, 10, 10);
    for (unsigned i = 0; i < 100; i++) {
        announce(n, "busy", i, 20000, 0);
        assert_true(uadp_names_bytes(n) >= 20000 * sizeof(UA_String));
        assert_true(uadp_names_bytes(n) <= UADP_NAMES_BYTES_MAX);
    }
    assert_null(get(n, "busy", 0));
    assert_non_null(get(n, "busy", 99));
    assert_non_null(get(n, "quiet", 0));
    uadp_names_free(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_one_of_a_data_set_goes),
        cmocka_unit_test(of_too_many_those_are_forgotten_that_nobody_uses),
        cmocka_unit_test(modules_without_number_are_forgotten_too),
        cmocka_unit_test(what_they_take_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
