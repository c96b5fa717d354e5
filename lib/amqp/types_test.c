#include "amqp/types.h"

#include "base/cmocka.h"

static struct amqp_value value(struct slice encoded)
{
    struct amqp_value v;
    if (amqp_value_of(encoded, &v) != OK)
        fail_msg("refused: first byte %02x of %zu", encoded.at[0], encoded.len);
    return v;
}

/* Every constructor of part 1 section 1.6, as the specification writes it. */
static void reads_every_constructor(void **state)
{
    (void)state;
    assert_int_equal(value(SLICE("\x40")).type, AMQP_NULL);
    assert_true(value(SLICE("\x41")).boolean);
    assert_false(value(SLICE("\x42")).boolean);
    assert_true(value(SLICE("\x56\x01")).boolean);
    assert_false(value(SLICE("\x56\x00")).boolean);
    static const struct {
        struct slice bytes;
        enum amqp_type type;
        int64_t want;
    } numbers[] = {
        {SLICE_INIT("\x50\xff"), AMQP_UBYTE, 255},
        {SLICE_INIT("\x60\x01\x02"), AMQP_USHORT, 258},
        {SLICE_INIT("\x43"), AMQP_UINT, 0},
        {SLICE_INIT("\x52\x80"), AMQP_UINT, 128},
        {SLICE_INIT("\x70\xff\xff\xff\xff"), AMQP_UINT, 4294967295},
        {SLICE_INIT("\x44"), AMQP_ULONG, 0},
        {SLICE_INIT("\x53\x75"), AMQP_ULONG, 0x75},
        {SLICE_INIT("\x80\x00\x00\x00\x01\x00\x00\x00\x00"), AMQP_ULONG, 4294967296},
        {SLICE_INIT("\x51\xff"), AMQP_BYTE, -1},
        {SLICE_INIT("\x61\xff\xfe"), AMQP_SHORT, -2},
        {SLICE_INIT("\x54\x80"), AMQP_INT, -128},
        {SLICE_INIT("\x71\xff\xff\xff\x00"), AMQP_INT, -256},
        {SLICE_INIT("\x55\xff"), AMQP_LONG, -1},
        {SLICE_INIT("\x81\xff\xff\xff\xff\xff\xff\xff\x00"), AMQP_LONG, -256},
        {SLICE_INIT("\x83\x00\x00\x01\x00\x00\x00\x00\x00"), AMQP_TIMESTAMP, 1099511627776},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct amqp_value v = value(numbers[i].bytes);
        int64_t got;
        assert_int_equal(v.type, numbers[i].type);
        assert_true(amqp_to_i64(&v, &got));
        assert_int_equal(got, numbers[i].want);
    }
    assert_true(value(SLICE("\x72\x3f\x80\x00\x00")).f32 == 1.0f);
    assert_true(value(SLICE("\x82\xbf\xf0\x00\x00\x00\x00\x00\x00")).f64 == -1.0);
    assert_int_equal(value(SLICE("\x73\x00\x01\xf6\x00")).u, 0x1f600);
    assert_slice(value(SLICE("\x74\1\2\3\4")).bytes, SLICE("\1\2\3\4"));
    assert_slice(value(SLICE("\x84\1\2\3\4\5\6\7\x8")).bytes, SLICE("\1\2\3\4\5\6\7\x8"));
    assert_slice(value(SLICE("\x94"
                             "0123456789abcdef"))
                     .bytes,
                 SLICE("0123456789abcdef"));
    assert_slice(value(SLICE("\x98"
                             "0123456789abcdef"))
                     .bytes,
                 SLICE("0123456789abcdef"));
    assert_slice(value(SLICE("\xa0\2ab")).bytes, SLICE("ab"));
    assert_slice(value(SLICE("\xb0\0\0\0\2ab")).bytes, SLICE("ab"));
    assert_int_equal(value(SLICE("\xa1\2ab")).type, AMQP_STRING);
    assert_int_equal(value(SLICE("\xb1\0\0\0\2ab")).type, AMQP_STRING);
    assert_int_equal(value(SLICE("\xa3\2ab")).type, AMQP_SYMBOL);
    assert_int_equal(value(SLICE("\xb3\0\0\0\2ab")).type, AMQP_SYMBOL);
    assert_int_equal(value(SLICE("\x45")).count, 0);
    assert_int_equal(value(SLICE("\xc0\3\2\x40\x41")).count, 2);
    assert_int_equal(value(SLICE("\xd0\0\0\0\6\0\0\0\2\x40\x41")).count, 2);
    assert_int_equal(value(SLICE("\xc1\3\2\x40\x41")).type, AMQP_MAP);
    assert_int_equal(value(SLICE("\xe0\4\2\x50\1\2")).count, 2);
    assert_int_equal(value(SLICE("\xf0\0\0\0\7\0\0\0\2\x50\1\2")).count, 2);
}

static void refuses_what_is_not_a_value(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        SLICE_INIT(""),
        SLICE_INIT("\x01"),         /* no such constructor */
        SLICE_INIT("\x57\x01"),     /* one byte wide, and none of ours */
        SLICE_INIT("\x40\x40"),     /* two values */
        SLICE_INIT("\xc0\1\1"),     /* an item that is not there */
        SLICE_INIT("\xc1\2\1\x40"), /* half a pair */
        SLICE_INIT("\xc0\0"),       /* a size without its count */
        SLICE_INIT("\xd0\xff\xff\xff\xff\0\0\0\0"),
        SLICE_INIT("\xe0\2\2\x50"),                     /* an array without its items */
        SLICE_INIT("\xf0\0\0\0\5\xff\xff\xff\xff\x40"), /* four thousand million nulls */
        SLICE_INIT("\x00"),
        SLICE_INIT("\x00\xc0\1\0\x40"),             /* a list for a descriptor */
        SLICE_INIT("\x00\x53\x10\x00\x53\x11\x45"), /* described twice */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct amqp_value v = {.u = 77};
        assert_int_equal(amqp_value_of(bad[i], &v), BAD_FORMAT);
        assert_int_equal(v.u, 77);
    }
}

/* As azure-eventhub 5.11 has it among its properties: the token, and the second of its end. */
static void takes_any_text_for_a_descriptor(void **state)
{
    (void)state;
    struct amqp_value v;
    assert_int_equal(amqp_value_of(SLICE("\x00\xa0\x05token\x71\x65\x53\xf1\x00"), &v), OK);
    assert_int_equal(v.type, AMQP_INT);
    assert_int_equal(v.i, 1700000000);
    assert_true(v.described && slice_eq(v.descriptor_symbol, SLICE("token")));
    struct slice map = SLICE("\xc1\x1f\x04\xa1\x01t\x00\xb1\0\0\0\x02"
                             "ab\x54\x7b\xa1\x09operation\xa1\x04READ");
    assert_int_equal(amqp_value_of(map, &v), OK);
    struct amqp_value operation;
    assert_true(amqp_map_find(&v, SLICE("operation"), &operation));
    assert_true(slice_eq(operation.bytes, SLICE("READ")));
}

static void write_all(struct buffer *b)
{
    amqp_write_null(b);
    amqp_write_bool(b, true);
    amqp_write_bool(b, false);
    amqp_write_ubyte(b, 200);
    amqp_write_ushort(b, 60000);
    static const uint32_t uints[] = {0, 1, 255, 256, UINT32_MAX};
    for (int i = 0; i < 5; i++)
        amqp_write_uint(b, uints[i]);
    static const uint64_t ulongs[] = {0, 1, 255, 256, UINT64_MAX};
    for (int i = 0; i < 5; i++)
        amqp_write_ulong(b, ulongs[i]);
    amqp_write_byte(b, -128);
    amqp_write_short(b, -32768);
    static const int32_t ints[] = {0, 127, 128, -128, -129, INT32_MIN, INT32_MAX};
    for (int i = 0; i < 7; i++)
        amqp_write_int(b, ints[i]);
    static const int64_t longs[] = {0, 127, 128, -128, -129, INT64_MIN, INT64_MAX};
    for (int i = 0; i < 7; i++)
        amqp_write_long(b, longs[i]);
    amqp_write_float(b, 0.1f);
    amqp_write_double(b, -1e300);
    amqp_write_char(b, 0x20ac);
    amqp_write_timestamp(b, -5);
    amqp_write_uuid(b, (const uint8_t *)"0123456789abcdef");
    static char long_text[300];
    memset(long_text, 'x', sizeof(long_text));
    amqp_write_binary(b, SLICE("\0\1"));
    amqp_write_binary(b, slice_from(long_text, sizeof(long_text)));
    amqp_write_string(b, SLICE("text"));
    amqp_write_string(b, slice_from(long_text, sizeof(long_text)));
    amqp_write_symbol(b, SLICE("symbol"));
    amqp_write_symbol(b, slice_from(long_text, sizeof(long_text)));
    size_t list = amqp_write_list_begin(b);
    amqp_write_int(b, 1);
    size_t map = amqp_write_map_begin(b);
    amqp_write_symbol(b, SLICE("key"));
    amqp_write_string(b, SLICE("value"));
    amqp_write_end(b, map, 2);
    amqp_write_end(b, list, 2);
    amqp_write_symbols(b, (struct slice[]){SLICE_INIT("a"), SLICE_INIT("bc")}, 2);
    amqp_write_strings(b, NULL, 0);
    amqp_write_descriptor(b, 0x468c00000004);
    amqp_write_string(b, SLICE("filter"));
    amqp_write_descriptor_symbol(b, SLICE("amqp:x"));
    amqp_write_null(b);
    buffer_put(b, SLICE("\x74\1\2\3\4\x84\1\2\3\4\5\6\7\x8\x94"
                        "0123456789abcdef"));
}

/* What was written reads, and what was read writes to bytes that read the same. */
static void round_trips_every_type(void **state)
{
    (void)state;
    struct buffer b = {0}, again = {0}, third = {0};
    write_all(&b);
    struct reader r = reader_of(buffer_slice(&b));
    unsigned values = 0;
    while (r.rest.len) {
        struct amqp_value v;
        amqp_read(&r, &v);
        assert_true(reader_ok(&r));
        amqp_write_value(&again, &v);
        values++;
    }
    assert_int_equal(values, 50);
    r = reader_of(buffer_slice(&again));
    while (r.rest.len) {
        struct amqp_value v;
        amqp_read(&r, &v);
        assert_true(reader_ok(&r));
        amqp_write_value(&third, &v);
    }
    assert_slice(buffer_slice(&again), buffer_slice(&b));
    assert_slice(buffer_slice(&third), buffer_slice(&b));
    buffer_clear(&b);
    buffer_clear(&again);
    buffer_clear(&third);
}

/* Every prefix of every value fails, and none is read past (the sanitizer watches the copy). */
static void refuses_what_is_cut_short(void **state)
{
    (void)state;
    struct buffer b = {0};
    write_all(&b);
    struct reader r = reader_of(buffer_slice(&b));
    while (r.rest.len) {
        struct slice from = r.rest;
        struct amqp_value v;
        amqp_read(&r, &v);
        size_t whole = from.len - r.rest.len;
        for (size_t len = 0; len < whole; len++) {
            struct buffer cut = {0};
            buffer_put(&cut, slice_first(from, len));
            assert_int_equal(amqp_value_of(buffer_slice(&cut), &v), BAD_FORMAT);
            buffer_clear(&cut);
        }
    }
    buffer_clear(&b);
}

static void walks_lists_maps_and_arrays(void **state)
{
    (void)state;
    struct amqp_value array = value(SLICE("\xe0\x08\2\xa3\1a\3bcd")), item;
    struct amqp_items items = amqp_items_of(&array);
    assert_true(amqp_items_next(&items, &item));
    assert_slice(item.bytes, SLICE("a"));
    assert_true(amqp_items_next(&items, &item));
    assert_slice(item.bytes, SLICE("bcd"));
    assert_false(amqp_items_next(&items, &item));
    assert_true(reader_done(&items.reader));

    struct amqp_value map = value(SLICE("\xc1\x0b\4\xa3\1a\x54\1\xa1\1b\x54\2"));
    assert_true(amqp_map_find(&map, SLICE("b"), &item));
    assert_int_equal(item.i, 2);
    assert_false(amqp_map_find(&map, SLICE("c"), &item));
    assert_false(amqp_map_find(&array, SLICE("a"), &item));
}

static void a_check_goes_down_to_a_bound(void **state)
{
    (void)state;
    assert_true(amqp_value_check(SLICE("\xc0\x04\1\xc0\1\0")));
    assert_false(amqp_value_check(SLICE("\xc0\x04\1\xc0\1\1")));
    assert_false(amqp_value_check(SLICE("\xc0\x03\1\x40\x40"))); /* bytes behind the last item */
    uint8_t nested[2 + 3 * AMQP_DEPTH_MAX + 3];
    for (unsigned depth = AMQP_DEPTH_MAX - 1; depth <= AMQP_DEPTH_MAX; depth++) {
        struct slice s = {nested, 0};
        uint8_t *at = nested;
        for (unsigned i = 0; i < depth; i++, at += 3) {
            at[0] = 0xc0;
            at[1] = (uint8_t)(1 + 3 * (depth - i));
            at[2] = 1;
        }
        memcpy(at, "\xc0\1\0", 3);
        s.len = (size_t)(at + 3 - nested);
        assert_int_equal(amqp_value_check(s), depth == AMQP_DEPTH_MAX - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_constructor),
        cmocka_unit_test(refuses_what_is_not_a_value),
        cmocka_unit_test(takes_any_text_for_a_descriptor),
        cmocka_unit_test(round_trips_every_type),
        cmocka_unit_test(refuses_what_is_cut_short),
        cmocka_unit_test(walks_lists_maps_and_arrays),
        cmocka_unit_test(a_check_goes_down_to_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
