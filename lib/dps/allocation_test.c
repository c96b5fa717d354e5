#include "dps/allocation.h"

#include <stdio.h>

#include "base/cmocka.h"

#define KEYS 3000

static struct slice name(char text[24], const char *format, int i)
{
    snprintf(text, 24, format, i);
    return slice_of(text);
}

static void every_hub_gets_its_share(void **state)
{
    (void)state;
    struct slice hubs[] = {SLICE("hub-1.example"), SLICE("hub-2.example"), SLICE("hub-3.example")};
    size_t count[3] = {0};
    char text[24];
    for (int i = 0; i < KEYS; i++)
        count[dps_allocate_hashed(hubs, 3, name(text, "device-%d", i))]++;
    for (int i = 0; i < 3; i++)
        assert_in_range(count[i], KEYS / 3 - KEYS / 20, KEYS / 3 + KEYS / 20);
}

static void the_same_device_has_the_same_hub_in_any_order(void **state)
{
    (void)state;
    struct slice there[] = {SLICE("a"), SLICE("b"), SLICE("c")};
    struct slice back[] = {SLICE("c"), SLICE("b"), SLICE("a")};
    char text[24];
    for (int i = 0; i < 100; i++) {
        struct slice key = name(text, "d%d", i);
        assert_slice(there[dps_allocate_hashed(there, 3, key)],
                     back[dps_allocate_hashed(back, 3, key)]);
    }
}

/* Only who goes to the new one moves. */
static void a_new_hub_moves_no_more_than_its_share(void **state)
{
    (void)state;
    struct slice hubs[] = {SLICE("a"), SLICE("b"), SLICE("c"), SLICE("d")};
    size_t moved = 0;
    char text[24];
    for (int i = 0; i < KEYS; i++) {
        struct slice key = name(text, "d%d", i);
        size_t before = dps_allocate_hashed(hubs, 3, key),
               after = dps_allocate_hashed(hubs, 4, key);
        assert_true(before == after || after == 3);
        moved += before != after;
    }
    assert_in_range(moved, KEYS / 4 - KEYS / 20, KEYS / 4 + KEYS / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_hub_gets_its_share),
        cmocka_unit_test(the_same_device_has_the_same_hub_in_any_order),
        cmocka_unit_test(a_new_hub_moves_no_more_than_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
