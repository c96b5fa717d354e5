#include "outbox/gaps.h"

#include "iot/message.h"

#include "base/cmocka.h"

static const struct slice a = SLICE_INIT("pub/a"), b = SLICE_INIT("pub/b");

static void add(struct gaps *g, struct slice source, uint64_t epoch, uint64_t sequence,
                enum gap_reason why)
{
    gaps_add(g, &(struct gap_key){source, epoch, sequence}, why, false);
}

/* "epoch first-last reason", or "" when there is nothing to tell. */
static uint64_t expect(struct gaps *g, struct slice source, const char *wanted)
{
    struct buffer p = {0}, said = {0};
    uint64_t number = gaps_tell(g, source, &p);
    struct slice epoch, first, last, why, list = buffer_slice(&p);
    if (number) {
        assert_true(iot_property_find(list, SLICE("millrace-gap-epoch"), &epoch));
        assert_true(iot_property_find(list, SLICE("millrace-gap-first"), &first));
        assert_true(iot_property_find(list, SLICE("millrace-gap-last"), &last));
        assert_true(iot_property_find(list, SLICE("millrace-gap-reason"), &why));
        buffer_printf(&said, "%.*s %.*s-%.*s %.*s", SLICE_FMT(epoch), SLICE_FMT(first),
                      SLICE_FMT(last), SLICE_FMT(why));
    }
    assert_string_equal(buffer_cstr(&said), wanted);
    buffer_clear(&p);
    buffer_clear(&said);
    return number;
}

static void tells_what_is_missing_as_ranges(void **state)
{
    (void)state;
    struct gaps g;
    gaps_init(&g);
    add(&g, a, 1, 5, GAP_BYTES);
    add(&g, b, 1, 9, GAP_TTL);
    add(&g, a, 1, 6, GAP_BYTES);
    add(&g, a, 1, 7, GAP_TTL);
    add(&g, a, 2, 1, GAP_TTL);
    expect(&g, a, "1 5-6 bytes");
    expect(&g, a, "1 7-7 ttl");
    expect(&g, a, "2 1-1 ttl");
    expect(&g, a, "");
    expect(&g, b, "1 9-9 ttl");
    gaps_clear(&g);
}

static void tells_again_what_was_not_acknowledged(void **state)
{
    (void)state;
    struct gaps g;
    gaps_init(&g);
    add(&g, a, 1, 5, GAP_REFUSED);
    uint64_t n = expect(&g, a, "1 5-5 refused");
    add(&g, a, 1, 6, GAP_REFUSED); /* the one that is on its way stays as it is */
    gaps_told(&g, n, false);
    n = expect(&g, a, "1 5-5 refused");
    gaps_told(&g, n, true);
    expect(&g, a, "1 6-6 refused");
    gaps_clear(&g);
}

static void keeps_to_its_bound(void **state)
{
    (void)state;
    struct gaps g;
    gaps_init(&g);
    for (uint64_t i = 0; i < GAPS_MAX + 10; i++)
        add(&g, a, 1, i * 2, GAP_TTL);
    assert_int_equal(g.count, GAPS_MAX);
    add(&g, b, 1, 1, GAP_TTL);
    assert_int_equal(g.count, GAPS_MAX);
    assert_int_equal(g.unnamed, 1);
    gaps_clear(&g);
}

static void what_may_arrive_is_told_by_the_next_start_alone(void **state)
{
    (void)state;
    struct gaps g, next;
    struct buffer text = {0};
    gaps_init(&g);
    gaps_init(&next);
    for (uint64_t i = 1; i <= 5; i++)
        gaps_add(&g, &(struct gap_key){a, 1, i}, GAP_BYTES, true);
    expect(&g, a, "");
    gaps_arrived(&g, &(struct gap_key){a, 1, 1});
    gaps_arrived(&g, &(struct gap_key){a, 1, 3});
    gaps_arrived(&g, &(struct gap_key){a, 1, 5});
    gaps_arrived(&g, &(struct gap_key){b, 1, 2});
    gaps_put(&g, &text);
    gaps_read(&next, buffer_slice(&text));
    expect(&next, a, "1 2-2 bytes");
    expect(&next, a, "1 4-4 bytes");
    expect(&next, a, "");
    gaps_clear(&g);
    gaps_clear(&next);
    buffer_clear(&text);
}

static void reads_what_it_wrote_and_nothing_else(void **state)
{
    (void)state;
    struct gaps g;
    gaps_init(&g);
    gaps_read(&g, SLICE("1 5 7 bytes pub/with blanks in it\n1 2\n\nx 1 2 ttl s\n1 9 2 ttl s\n1 1 1 "
                        "no s\n1 2 3 ttl"));
    assert_int_equal(g.count, 1);
    expect(&g, SLICE("pub/with blanks in it"), "1 5-7 bytes");
    gaps_clear(&g);
}

static void knows_messages_by_their_properties(void **state)
{
    (void)state;
    struct buffer p = {0};
    struct gap_key key;
    iot_property_put(&p, SLICE("millrace-source"), a);
    iot_property_put(&p, SLICE("millrace-epoch"), SLICE("7"));
    assert_false(gap_key_of(buffer_slice(&p), &key));
    iot_property_put(&p, SLICE("millrace-sequence"), SLICE("8"));
    assert_true(gap_key_of(buffer_slice(&p), &key));
    assert_true(slice_eq(key.source, a));
    assert_int_equal(key.epoch, 7);
    assert_int_equal(key.sequence, 8);
    buffer_clear(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_is_missing_as_ranges),
        cmocka_unit_test(tells_again_what_was_not_acknowledged),
        cmocka_unit_test(keeps_to_its_bound),
        cmocka_unit_test(what_may_arrive_is_told_by_the_next_start_alone),
        cmocka_unit_test(reads_what_it_wrote_and_nothing_else),
        cmocka_unit_test(knows_messages_by_their_properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
