/* Numbers on the wire: none is that of two as long as there are enough. */
#include "writers/wire_ids.h"

#include "base/cmocka.h"

#define ALL (UINT16_MAX + 1u)

static void they_count_from_where_it_begins(void **state)
{
    (void)state;
    struct wire_ids writers = {0}, groups = {.next = 1};
    assert_int_equal(wire_ids_take(&writers), 0);
    assert_int_equal(wire_ids_take(&writers), 1);
    assert_int_equal(wire_ids_take(&groups), 1);
    wire_ids_clear(&writers);
    wire_ids_clear(&groups);
}

/* Not at once: who reads may have the old one's metadata. */
static void one_that_is_free_comes_again_after_all_others(void **state)
{
    (void)state;
    struct wire_ids ids = {0};
    for (uint32_t i = 0; i < 10; i++)
        (void)wire_ids_take(&ids);
    wire_ids_give(&ids, 7);
    wire_ids_give(&ids, 3);
    for (uint32_t i = 10; i < ALL; i++)
        assert_int_equal(wire_ids_take(&ids), i);
    assert_int_equal(wire_ids_take(&ids), 7);
    wire_ids_give(&ids, 9);
    assert_int_equal(wire_ids_take(&ids), 3);
    assert_int_equal(wire_ids_take(&ids), 9);
    wire_ids_clear(&ids);
}

/* A configuration that is written anew again and again, each time with all that was free before. */
static void no_two_have_the_same(void **state)
{
    (void)state;
    static uint8_t held[ALL];
    struct wire_ids ids = {0};
    for (uint32_t i = 0; i < 50000; i++)
        held[wire_ids_take(&ids)] = 1;
    for (int round = 0; round < 5; round++)
        for (uint32_t i = 0; i < ALL; i += 3)
            if (held[i]) {
                held[i] = 0;
                wire_ids_give(&ids, i);
                uint32_t id = wire_ids_take(&ids);
                assert_true(id < ALL && !held[id]);
                held[id] = 1;
            }
    wire_ids_clear(&ids);
}

/* As OPC Publisher's then do. */
static void more_than_there_are_numbers_for_go_on(void **state)
{
    (void)state;
    struct wire_ids ids = {.next = ALL};
    assert_int_equal(wire_ids_take(&ids), ALL);
    wire_ids_give(&ids, ALL);
    assert_int_equal(wire_ids_take(&ids), ALL + 1);
    wire_ids_clear(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_count_from_where_it_begins),
        cmocka_unit_test(one_that_is_free_comes_again_after_all_others),
        cmocka_unit_test(no_two_have_the_same),
        cmocka_unit_test(more_than_there_are_numbers_for_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
