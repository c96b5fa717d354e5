#include "store/record.h"

#include "base/cmocka.h"
#include "store/crc32c.h"
#include "store/index.h"
#include "store/remember.h"
#include "store/segment.h"

static void checksums_are_those_of_rfc_3720(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    memset(ones, 0xff, 32);
    for (uint8_t i = 0; i < 32; i++) {
        up[i] = i;
        down[i] = (uint8_t)(31 - i);
    }
    const struct {
        struct slice bytes;
        uint32_t sum;
    } rows[] = {
        {slice_from(zeros, 32), 0x8a9136aa}, {slice_from(ones, 32), 0x62a8ab43},
        {slice_from(up, 32), 0x46dd794e},    {slice_from(down, 32), 0x113fdb5c},
        {SLICE("123456789"), 0xe3069283},    {SLICE(""), 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(store_crc32c(0, rows[i].bytes), rows[i].sum);
        assert_int_equal(store_crc32c_plain(0, rows[i].bytes), rows[i].sum);
    }
}

static void both_ways_of_summing_agree_and_can_be_continued(void **state)
{
    (void)state;
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 131 + 7);
    for (size_t len = 0; len < sizeof(bytes); len++) {
        struct slice s = slice_from(bytes, len);
        uint32_t sum = store_crc32c(0x1234, s);
        assert_int_equal(store_crc32c_plain(0x1234, s), sum);
        uint32_t half = store_crc32c(0x1234, slice_first(s, len / 3));
        assert_int_equal(store_crc32c(half, slice_skip(s, len / 3)), sum);
    }
}

/* Long ones are summed in parts, of two lengths. */
static void both_ways_agree_on_what_is_long(void **state)
{
    (void)state;
    static uint8_t bytes[40000];
    uint32_t random = 1;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24);
    for (size_t len = 300; len < sizeof(bytes) - 8; len += len / 50 + 1) {
        struct slice s = slice_from(bytes + len % 8, len);
        assert_int_equal(store_crc32c(random, s), store_crc32c_plain(random, s));
        uint32_t half = store_crc32c(7, slice_first(s, len / 3));
        assert_int_equal(store_crc32c(half, slice_skip(s, len / 3)), store_crc32c_plain(7, s));
    }
}

static size_t make(uint8_t out[128], uint32_t salt)
{
    store_record_put(out, 0x0102030405060708u, 99, SLICE("the "), SLICE("bytes"));
    store_record_seal(out, 3, salt, (struct slice){0});
    return STORE_RECORD_HEADER + 9;
}

static void a_record_comes_back_as_it_was(void **state)
{
    (void)state;
    uint8_t bytes[128];
    struct store_record r;
    size_t len = make(bytes, 5);
    assert_int_equal(store_record_size(bytes), len);
    assert_int_equal(store_record_decode(slice_from(bytes, sizeof(bytes)), 5, &r), OK);
    assert_int_equal(r.sequence, 0x0102030405060708u);
    assert_int_equal(r.wall_ms, 99);
    assert_int_equal(store_record_commit(bytes), 0x0102030405060705u);
    assert_slice(r.bytes, SLICE("the bytes"));
}

static void refuses_what_is_cut_short_or_changed(void **state)
{
    (void)state;
    uint8_t bytes[128];
    struct store_record r;
    size_t len = make(bytes, 5);
    for (size_t n = 0; n < len; n++)
        assert_int_equal(store_record_decode(slice_from(bytes, n), 5, &r), AGAIN);
    for (size_t bit = 0; bit < len * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_not_equal(store_record_decode(slice_from(bytes, len), 5, &r), OK);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(store_record_decode(slice_from(bytes, len), 6, &r), BAD_FORMAT);
    store_record_put(bytes, 3, 99, SLICE("the "), SLICE("bytes"));
    store_record_seal(bytes, 2, 5, (struct slice){0});
    assert_int_equal(store_record_decode(slice_from(bytes, len), 5, &r), OK);
    store_record_seal(bytes, 3, 5, (struct slice){0});
    assert_int_equal(store_record_decode(slice_from(bytes, len), 5, &r), BAD_FORMAT);
    store_record_seal(bytes, 4, 5, (struct slice){0});
    assert_int_equal(store_record_decode(slice_from(bytes, len), 5, &r), BAD_FORMAT);
    bytes[4] = 0x7f; /* a length past STORE_RECORD_MAX is not waited for */
    assert_int_equal(store_record_decode(slice_from(bytes, len), 5, &r), BAD_FORMAT);
}

static void segments_have_names_that_sort(void **state)
{
    (void)state;
    struct store_segment s = {.first = 42, .tag = 0x00000003deadbeef}, got;
    struct store_path path = store_segment_path("/d", &s, "log");
    assert_string_equal(path.text, "/d/00000000000000000042-00000003deadbeef.log");
    assert_true(store_segment_parse(slice_of(path.text + 3), "log", &got));
    assert_int_equal(got.first, 42);
    assert_int_equal(got.tag, 0x00000003deadbeef);
    assert_int_equal(store_segment_salt(&got), 0xdeadbeef);
    static const char *const wrong[] = {
        "",
        "cursors",
        "00000000000000000042-00000003deadbeef.index",
        "00000000000000000042-00000003deadbeef.log.bak",
        "00000000000000000042-00000003DEADBEEF.log",
        "0000000000000000004x-00000003deadbeef.log",
        "00000000000000000000-00000003deadbeef.log",
        "99999999999999999999-00000003deadbeef.log",
        "09999999999999999999-00000003deadbeef.log",
        "00000000000000000042_00000003deadbeef.log",
        "00000000000000000042-00000003deadbee.log",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(store_segment_parse(slice_of(wrong[i]), "log", &got));
}

static void an_index_serves_its_own_segment_only(void **state)
{
    (void)state;
    struct store_index i = {0}, got = {0};
    for (uint64_t n = 0; n < 10; n++) {
        store_index_note(&i, 1 + n * 100, n * STORE_INDEX_STEP);
        store_index_note(&i, 2 + n * 100, n * STORE_INDEX_STEP + 50); /* near: left out */
        store_index_stamp(&i, 1000 + n);
    }
    i.age_ms = 7;
    assert_int_equal(i.count, 10);
    assert_int_equal(store_index_by_sequence(&i, 100)->sequence, 1);
    assert_int_equal(store_index_by_sequence(&i, 101)->sequence, 101);
    assert_int_equal(store_index_by_sequence(&i, 99999)->sequence, 901);
    assert_null(store_index_by_sequence(&i, 0));
    assert_int_equal(store_index_by_time(&i, 1005)->sequence, 501);
    assert_null(store_index_by_time(&i, 0));

    struct buffer b = {0};
    store_index_encode(&i, 77, &b);
    assert_int_equal(store_index_decode(buffer_slice(&b), 77, 1 << 30, &got), OK);
    assert_int_equal(got.count, 10);
    assert_int_equal(got.age_ms, 7);
    assert_int_equal(got.wall_newest, 1009);
    assert_memory_equal(got.entries, i.entries, 10 * sizeof(*i.entries));
    store_index_clear(&got);
    assert_int_equal(store_index_decode(buffer_slice(&b), 78, 1 << 30, &got), BAD_FORMAT);
    assert_int_equal(store_index_decode(buffer_slice(&b), 77, STORE_INDEX_STEP, &got), BAD_FORMAT);
    for (size_t len = 0; len < b.len; len++)
        assert_int_equal(store_index_decode(slice_from(b.at, len), 77, 1 << 30, &got), BAD_FORMAT);
    buffer_clear(&b);
    store_index_clear(&i);
}

static void what_is_remembered_comes_back(void **state)
{
    (void)state;
    struct store_remember r = {.durable = 10, .first = 3, .age_ms = 5}, got = {0};
    struct buffer b = {0};
    uint64_t turn = 0;
    assert_int_equal(store_remember_set(&r, SLICE("a"), 1), OK);
    assert_int_equal(store_remember_set(&r, SLICE(""), 2), OK);
    assert_int_equal(store_remember_set(&r, SLICE("a"), 9), OK);
    store_remember_encode(&r, 4, &b);
    assert_int_equal(store_remember_decode(buffer_slice(&b), &got, &turn), OK);
    assert_int_equal(turn, 4);
    assert_int_equal(got.durable, 10);
    assert_int_equal(got.first, 3);
    assert_int_equal(got.age_ms, 5);
    assert_int_equal(got.count, 2);
    assert_int_equal(store_remember_find(&got, SLICE("a"))->sequence, 9);
    assert_int_equal(store_remember_find(&got, SLICE(""))->sequence, 2);
    assert_null(store_remember_find(&got, SLICE("b")));
    store_remember_clear(&got);
    for (size_t len = 0; len < b.len; len++)
        assert_int_equal(store_remember_decode(slice_from(b.at, len), &got, &turn), BAD_FORMAT);
    for (size_t at = 0; at < b.len; at++) {
        b.at[at] ^= 0x20;
        assert_int_equal(store_remember_decode(buffer_slice(&b), &got, &turn), BAD_FORMAT);
        b.at[at] ^= 0x20;
    }
    buffer_clear(&b);
    store_remember_clear(&r);
}

/* The largest that it can be fits into its slot. */
static void cursors_have_a_bound(void **state)
{
    (void)state;
    struct store_remember r = {0};
    struct buffer b = {0};
    uint8_t name[STORE_CURSOR_NAME_MAX + 1] = {0};
    assert_int_equal(store_remember_set(&r, slice_from(name, sizeof(name)), 1), TOO_LARGE);
    for (uint16_t i = 0; i < STORE_CURSORS_MAX; i++) {
        memcpy(name, &i, 2);
        assert_int_equal(store_remember_set(&r, slice_from(name, STORE_CURSOR_NAME_MAX), i), OK);
    }
    assert_int_equal(store_remember_set(&r, SLICE("one more"), 1), FULL);
    store_remember_encode(&r, 1, &b);
    assert_true(b.len <= STORE_REMEMBER_SLOT);
    buffer_clear(&b);
    store_remember_clear(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_are_those_of_rfc_3720),
        cmocka_unit_test(both_ways_of_summing_agree_and_can_be_continued),
        cmocka_unit_test(both_ways_agree_on_what_is_long),
        cmocka_unit_test(a_record_comes_back_as_it_was),
        cmocka_unit_test(refuses_what_is_cut_short_or_changed),
        cmocka_unit_test(segments_have_names_that_sort),
        cmocka_unit_test(an_index_serves_its_own_segment_only),
        cmocka_unit_test(what_is_remembered_comes_back),
        cmocka_unit_test(cursors_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
