#include "base/arena.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/encoding.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"

static void a_reader_stays_failed_after_the_first_short_read(void **state)
{
    (void)state;
    struct reader r = reader_of(SLICE("\1\2\3"));
    assert_int_equal(reader_u16(&r), 0x0102);
    assert_int_equal(reader_u32(&r), 0);
    assert_int_equal(reader_u8(&r), 0);
    assert_false(reader_ok(&r));
    assert_int_equal(reader_rest(&r).len, 0);
}

static void a_buffer_writes_network_order(void **state)
{
    (void)state;
    struct buffer b = {0};
    buffer_u8(&b, 1);
    buffer_u16(&b, 0x0203);
    buffer_u32(&b, 0x04050607);
    buffer_u64(&b, 0x08090a0b0c0d0e0f);
    assert_slice(buffer_slice(&b), SLICE("\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf"));
    buffer_drop(&b, 13);
    assert_slice(buffer_slice(&b), SLICE("\xe\xf"));
    buffer_clear(&b);
}

static void a_trimmed_buffer_keeps_its_bytes_and_grows_again(void **state)
{
    (void)state;
    struct buffer b = {0};
    buffer_reserve(&b, 1000);
    buffer_text(&b, "what is there");
    buffer_trim(&b);
    assert_int_equal(b.cap, b.len);
    buffer_text(&b, ", and more");
    assert_slice(buffer_slice(&b), SLICE("what is there, and more"));
    buffer_reset(&b);
    buffer_trim(&b); /* an empty one keeps its memory, for it is to be filled */
    assert_true(b.cap > 0);
    buffer_clear(&b);
}

/* Blocks grow with what is taken, and a reset keeps none of the large ones. */
static void an_arena_that_was_large_is_small_again_after_a_reset(void **state)
{
    (void)state;
    enum { N = 1000, BYTES = 4000, SMALL = 4096, LARGE = 500000 };
    struct arena a = {0};
    uint8_t *taken[N];
    size_t most_left = 0;
    for (size_t i = 0; i < N; i++) {
        taken[i] = arena_take(&a, BYTES);
        memset(taken[i], (int)i, BYTES);
        most_left = a.left > most_left ? a.left : most_left;
    }
    assert_true(most_left > LARGE);
    for (size_t i = 0; i < N; i++)
        assert_true(taken[i][0] == (uint8_t)i && taken[i][BYTES - 1] == (uint8_t)i);
    arena_reset(&a);
    assert_true(a.left <= SMALL);
    assert_int_equal(*(uint8_t *)arena_take(&a, 2 * BYTES), 0);
    arena_reset(&a);
    arena_reset(&a);
    arena_clear(&a);
}

static void a_map_finds_what_was_put_after_any_removal(void **state)
{
    (void)state;
    enum { N = 2000 };
    struct map m = {0};
    static char keys[N][16];
    for (int i = 0; i < N; i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%d", i);
        assert_null(map_put(&m, slice_of(keys[i]), keys[i]));
    }
    for (int i = 0; i < N; i += 3)
        assert_ptr_equal(map_remove(&m, slice_of(keys[i])), keys[i]);
    for (int i = 0; i < N; i++)
        assert_ptr_equal(map_get(&m, slice_of(keys[i])), i % 3 ? keys[i] : NULL);
    map_clear(&m);
}

static void a_heap_gives_the_least_first(void **state)
{
    (void)state;
    enum { N = 500 };
    struct heap h = {0};
    static struct heap_node nodes[N];
    for (unsigned i = 0; i < N; i++) {
        nodes[i].key = i * 7919u % 101u;
        heap_push(&h, &nodes[i]);
    }
    for (unsigned i = 0; i < N; i += 5)
        heap_remove(&h, &nodes[i]);
    uint64_t last_key = 0, last_order = 0;
    size_t count = 0;
    for (struct heap_node *n; (n = heap_first(&h)); count++) {
        assert_true(n->key > last_key || (n->key == last_key && n->order >= last_order));
        last_key = n->key;
        last_order = n->order;
        heap_remove(&h, n);
    }
    assert_int_equal(count, N - N / 5);
    heap_clear(&h);
}

static void base64_round_trips_and_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *plain, *text;
    } cases[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    for (size_t i = 0; i < 5; i++) {
        struct buffer b = {0}, back = {0};
        base64_encode(slice_of(cases[i].plain), &b);
        assert_slice(buffer_slice(&b), slice_of(cases[i].text));
        assert_int_equal(base64_decode(buffer_slice(&b), &back), OK);
        assert_slice(buffer_slice(&back), slice_of(cases[i].plain));
        buffer_clear(&b);
        buffer_clear(&back);
    }
    struct buffer b = {0};
    assert_int_equal(base64_decode(SLICE("Zg="), &b), BAD_FORMAT);
    assert_int_equal(base64_decode(SLICE("Z!=="), &b), BAD_FORMAT);
    assert_int_equal(base64_decode(SLICE("====") , &b), BAD_FORMAT);
    buffer_clear(&b);
}

static void percent_decoding_leaves_broken_escapes_alone(void **state)
{
    (void)state;
    struct buffer b = {0};
    percent_decode(SLICE("a%20b%2"), &b);
    assert_slice(buffer_slice(&b), SLICE("a b%2"));
    buffer_reset(&b);
    percent_decode(SLICE("100%+%zz%41"), &b);
    assert_slice(buffer_slice(&b), SLICE("100%+%zzA"));
    buffer_reset(&b);
    percent_encode(SLICE("a b/\xc3\xa4~"), &b);
    assert_slice(buffer_slice(&b), SLICE("a%20b%2F%C3%A4~"));
    buffer_clear(&b);
}

static void times_print_and_parse(void **state)
{
    (void)state;
    char text[CLOCK_ISO8601_MAX];
    clock_iso8601(1795401094123, text);
    assert_string_equal(text, "2026-11-23T02:31:34.123Z");
    uint64_t ms;
    assert_true(clock_parse_iso8601(slice_of(text), &ms));
    assert_int_equal(ms, 1795401094123);
    assert_true(clock_parse_iso8601(SLICE("2026-11-23T03:31:34.1234567+01:00"), &ms));
    assert_int_equal(ms, 1795401094123);
    assert_true(clock_parse_iso8601(SLICE("0001-01-01T00:00:00"), &ms));
    assert_int_equal(ms, 0);
    assert_false(clock_parse_iso8601(SLICE("2026-11-23"), &ms));
    assert_false(clock_parse_iso8601(SLICE("2026-13-23T00:00:00Z"), &ms));
    assert_true(clock_parse_timespan(SLICE("1.02:03:04.5"), &ms));
    assert_int_equal(ms, 93784500);
    assert_true(clock_parse_timespan(SLICE("00:00:10"), &ms));
    assert_int_equal(ms, 10000);
    char span[CLOCK_TIMESPAN_MAX];
    assert_int_equal(clock_timespan(10000, span), strlen("00:00:10.0000000"));
    assert_string_equal(span, "00:00:10.0000000");
    clock_timespan((26 * 3600 + 3 * 60 + 4) * 1000ull + 567, span);
    assert_string_equal(span, "1.02:03:04.5670000");
    assert_false(clock_parse_timespan(SLICE("10"), &ms));
    assert_false(clock_parse_timespan(SLICE("00:61:00"), &ms));
}

static void a_split_gives_every_part(void **state)
{
    (void)state;
    struct slice rest = SLICE("a//b/"), part;
    const char *want[] = {"a", "", "b", ""};
    for (int i = 0; i < 4; i++) {
        assert_true(slice_split(&rest, '/', &part));
        assert_slice(part, slice_of(want[i]));
    }
    assert_false(slice_split(&rest, '/', &part));
}

static void http_dates_go_both_ways(void **state)
{
    (void)state;
    char out[CLOCK_ISO8601_MAX];
    uint64_t ms;
    assert_slice(slice_from(out, clock_http_date(1795676580123, out)), SLICE("Thu, 26 Nov 2026 07:03:00 GMT"));
    assert_true(clock_parse_http_date(slice_of(out), &ms));
    assert_true(ms == 1795676580000);
    static const char *const broken[] = {"",
                                         "Thu, 26 Nov 2026 07:03:00 UTC",
                                         "Thu, 26 Now 2026 07:03:00 GMT",
                                         "Thu, 99 Nov 2026 07:03:00 GMT",
                                         "Thu, 26 Nov 2026 07:03:00 GMT ",
                                         "Thursday, 26-Nov-26 07:03:00 GMT"};
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        assert_false(clock_parse_http_date(slice_of(broken[i]), &ms));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_stays_failed_after_the_first_short_read),
        cmocka_unit_test(a_buffer_writes_network_order),
        cmocka_unit_test(a_trimmed_buffer_keeps_its_bytes_and_grows_again),
        cmocka_unit_test(an_arena_that_was_large_is_small_again_after_a_reset),
        cmocka_unit_test(a_map_finds_what_was_put_after_any_removal),
        cmocka_unit_test(a_heap_gives_the_least_first),
        cmocka_unit_test(base64_round_trips_and_refuses),
        cmocka_unit_test(percent_decoding_leaves_broken_escapes_alone),
        cmocka_unit_test(times_print_and_parse),
        cmocka_unit_test(a_split_gives_every_part),
        cmocka_unit_test(http_dates_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
