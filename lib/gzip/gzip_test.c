#include "gzip/gzip.h"

#include "base/cmocka.h"

static struct buffer text_of(size_t len)
{
    struct buffer text = {0};
    for (size_t i = 0; i < len; i++)
        buffer_u8(&text, (uint8_t)(i * i >> 3));
    return text;
}

static void what_was_compressed_comes_back(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 100, 16384, 100000};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        struct buffer text = text_of(lens[i]), small = {0}, back = {0};
        buffer_text(&small, "before");
        gzip_compress(buffer_slice(&text), &small);
        struct slice member = slice_skip(buffer_slice(&small), 6);
        assert_int_equal(member.at[0], 0x1f); /* RFC 1952, 2.3.1 */
        assert_int_equal(member.at[1], 0x8b);
        assert_int_equal(gzip_expand(member, lens[i], &back), OK);
        assert_slice(buffer_slice(&back), buffer_slice(&text));
        buffer_clear(&text);
        buffer_clear(&small);
        buffer_clear(&back);
    }
}

static void refuses_what_is_cut_short_or_goes_on(void **state)
{
    (void)state;
    struct buffer text = text_of(1000), small = {0}, back = {0};
    gzip_compress(buffer_slice(&text), &small);
    for (size_t len = 0; len < small.len; len++)
        assert_int_equal(gzip_expand(slice_from(small.at, len), 2000, &back), BAD_FORMAT);
    buffer_u8(&small, 0);
    assert_int_equal(gzip_expand(buffer_slice(&small), 2000, &back), BAD_FORMAT);
    assert_int_equal(back.len, 0);
    buffer_clear(&text);
    buffer_clear(&small);
    buffer_clear(&back);
}

static void a_member_is_measured(void **state)
{
    (void)state;
    struct buffer text = text_of(100000), small = {0};
    size_t len = 0;
    gzip_compress(buffer_slice(&text), &small);
    size_t whole = small.len;
    for (size_t cut = 1; cut < whole; cut += 1 + cut / 3)
        assert_int_equal(gzip_measure(slice_from(small.at, whole - cut), &len), AGAIN);
    assert_int_equal(gzip_measure(buffer_slice(&small), &len), OK);
    assert_int_equal(len, whole);
    buffer_text(&small, "behind");
    assert_int_equal(gzip_measure(buffer_slice(&small), &len), OK);
    assert_int_equal(len, whole);
    small.at[whole - 6] ^= 1;
    assert_int_equal(gzip_measure(buffer_slice(&small), &len), BAD_FORMAT);
    buffer_clear(&text);
    buffer_clear(&small);
}

static void a_bomb_stays_small(void **state)
{
    (void)state;
    struct buffer zeros = {0}, small = {0}, back = {0};
    memset(buffer_reserve(&zeros, 1 << 20), 0, 1 << 20);
    buffer_added(&zeros, 1 << 20);
    gzip_compress(buffer_slice(&zeros), &small);
    assert_true(small.len < 8000);
    assert_int_equal(gzip_expand(buffer_slice(&small), 100000, &back), TOO_LARGE);
    assert_true(back.cap < 400000);
    buffer_clear(&zeros);
    buffer_clear(&small);
    buffer_clear(&back);
}

/* Neither the whole is made large, nor is it missed when it was cut off. */
static void the_beginning_is_had_without_the_rest(void **state)
{
    (void)state;
    struct buffer text = text_of(1 << 20), small = {0}, first = {0};
    gzip_compress(buffer_slice(&text), &small);
    gzip_peek(slice_first(buffer_slice(&small), small.len / 2), &first);
    assert_true(first.len >= 16 && first.len <= 16384 && first.cap < 65536);
    assert_slice(buffer_slice(&first), slice_first(buffer_slice(&text), first.len));
    buffer_reset(&first);
    gzip_peek(SLICE("\x1f\x8b and more"), &first);
    gzip_peek(slice_first(buffer_slice(&small), 3), &first);
    assert_int_equal(first.len, 0);
    buffer_clear(&text);
    buffer_clear(&small);
    buffer_clear(&first);
}

static enum status feed_all(struct slice small, size_t step, size_t max, struct buffer *back)
{
    struct gzip_expander *e = gzip_expander_new(max);
    enum status s = AGAIN;
    buffer_reset(back);
    for (size_t at = 0; at < small.len && s == AGAIN; at += step)
        s = gzip_expander_feed(e, slice_first(slice_skip(small, at), step), back);
    gzip_expander_free(&e);
    return s;
}

static void pieces_of_any_size_come_back(void **state)
{
    (void)state;
    struct buffer text = text_of(50000), small = {0}, back = {0};
    gzip_compress(buffer_slice(&text), &small);
    for (size_t step = 1; step <= small.len + 1; step += step) {
        assert_int_equal(feed_all(buffer_slice(&small), step, 50000, &back), OK);
        assert_slice(buffer_slice(&back), buffer_slice(&text));
        assert_int_equal(feed_all(slice_first(buffer_slice(&small), small.len - 1), step, 50000, &back), AGAIN);
        assert_int_equal(feed_all(buffer_slice(&small), step, 49999, &back), TOO_LARGE);
    }
    buffer_u8(&small, 0);
    assert_int_equal(feed_all(buffer_slice(&small), small.len, 50000, &back), BAD_FORMAT); /* more behind its end */
    small.at[4000 % small.len] ^= 0xff;
    assert_int_not_equal(feed_all(buffer_slice(&small), 7, 50000, &back), OK);
    buffer_clear(&text);
    buffer_clear(&small);
    buffer_clear(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_compressed_comes_back),
        cmocka_unit_test(refuses_what_is_cut_short_or_goes_on),
        cmocka_unit_test(a_member_is_measured),
        cmocka_unit_test(a_bomb_stays_small),
        cmocka_unit_test(the_beginning_is_had_without_the_rest),
        cmocka_unit_test(pieces_of_any_size_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
