#include "amqp/types.h"

#include <limits.h>

/* Part 1, section 1.6: every constructor. The high half is the layout: 4 nothing, 5 … 9 fixed width
 * of 1 to 16 bytes, A B sized bytes, C D lists and maps, E F arrays. Plus one, so that 0 is none.
 */
#define IS(type) (AMQP_##type + 1)
static const uint8_t constructors[256] = {
    [0x40] = IS(NULL),      [0x41] = IS(BOOLEAN),    [0x42] = IS(BOOLEAN), [0x43] = IS(UINT),
    [0x44] = IS(ULONG),     [0x45] = IS(LIST),       [0x50] = IS(UBYTE),   [0x51] = IS(BYTE),
    [0x52] = IS(UINT),      [0x53] = IS(ULONG),      [0x54] = IS(INT),     [0x55] = IS(LONG),
    [0x56] = IS(BOOLEAN),   [0x60] = IS(USHORT),     [0x61] = IS(SHORT),   [0x70] = IS(UINT),
    [0x71] = IS(INT),       [0x72] = IS(FLOAT),      [0x73] = IS(CHAR),    [0x74] = IS(DECIMAL32),
    [0x80] = IS(ULONG),     [0x81] = IS(LONG),       [0x82] = IS(DOUBLE),  [0x83] = IS(TIMESTAMP),
    [0x84] = IS(DECIMAL64), [0x94] = IS(DECIMAL128), [0x98] = IS(UUID),    [0xa0] = IS(BINARY),
    [0xa1] = IS(STRING),    [0xa3] = IS(SYMBOL),     [0xb0] = IS(BINARY),  [0xb1] = IS(STRING),
    [0xb3] = IS(SYMBOL),    [0xc0] = IS(LIST),       [0xc1] = IS(MAP),     [0xd0] = IS(LIST),
    [0xd1] = IS(MAP),       [0xe0] = IS(ARRAY),      [0xf0] = IS(ARRAY),
};

enum { TRUE_0 = 0x41, BOOLEAN_1 = 0x56, DESCRIBED = 0x00 };

static void read_fixed(struct reader *r, uint8_t constructor, struct amqp_value *v)
{
    switch (constructor >> 4) {
    case 0x4:
        if (v->type == AMQP_BOOLEAN)
            v->boolean = constructor == TRUE_0;
        return;
    case 0x5: {
        uint8_t byte = reader_u8(r);
        if (v->type == AMQP_BYTE || v->type == AMQP_INT || v->type == AMQP_LONG)
            v->i = (int8_t)byte;
        else
            v->u = byte; /* a boolean of one byte is 0 or 1, and the same byte in the union */
        if (constructor == BOOLEAN_1)
            v->boolean = byte == 1;
        return;
    }
    case 0x6: {
        uint16_t two = reader_u16(r);
        if (v->type == AMQP_SHORT)
            v->i = (int16_t)two;
        else
            v->u = two;
        return;
    }
    case 0x7: {
        uint32_t four = reader_u32(r);
        if (v->type == AMQP_INT)
            v->i = (int32_t)four;
        else if (v->type == AMQP_FLOAT)
            memcpy(&v->f32, &four, 4);
        else
            v->u = four;
        return;
    }
    case 0x8: {
        uint64_t eight = reader_u64(r);
        memcpy(&v->u, &eight, 8);
        return;
    }
    default:
        v->bytes = reader_bytes(r, 16);
    }
}

static bool is_decimal(enum amqp_type t)
{
    return t == AMQP_DECIMAL32 || t == AMQP_DECIMAL64;
}

static void read_compound(struct reader *r, uint8_t constructor, struct amqp_value *v)
{
    bool wide = constructor & 0x10;
    uint32_t size = wide ? reader_u32(r) : reader_u8(r);
    struct reader inside = reader_of(reader_bytes(r, size)); /* the size counts the count */
    v->count = wide ? reader_u32(&inside) : reader_u8(&inside);
    v->bytes = inside.rest;
    /* Each item has at least its constructor's byte; a map has pairs. */
    if (!reader_ok(&inside) || v->count > v->bytes.len || (v->type == AMQP_MAP && v->count % 2))
        r->failed = true;
}

/* Part 1, section 1.2: a descriptor may be of any type, and those in use are numbers and symbols.
 * Text of another type is taken as a symbol: azure-eventhub 5.11 describes the end of its token
 * with the token's bytes. */
static void read_descriptor(struct reader *r, struct amqp_value *v)
{
    uint8_t constructor = reader_u8(r);
    if (constructor == 0x53) {
        v->descriptor = reader_u8(r);
    } else if (constructor == 0x80) {
        v->descriptor = reader_u64(r);
    } else if (constructor >> 4 == 0xa) {
        v->descriptor_symbol = reader_bytes(r, reader_u8(r));
    } else if (constructor >> 4 == 0xb) {
        v->descriptor_symbol = reader_bytes(r, reader_u32(r));
    } else if (constructor != 0x44) {
        r->failed = true;
    }
    v->described = true;
}

/* Part 1, section 1.6.24: size, count, one constructor for all, then the items' bytes. */
static void read_array(struct reader *r, uint8_t constructor, struct amqp_value *v)
{
    bool wide = constructor & 0x10;
    uint32_t size = wide ? reader_u32(r) : reader_u8(r);
    struct reader inside = reader_of(reader_bytes(r, size));
    v->count = wide ? reader_u32(&inside) : reader_u8(&inside);
    v->constructor = reader_u8(&inside);
    if (v->constructor == DESCRIBED) {
        struct amqp_value ignored = {
            0}; /* the items' descriptor is not kept: no field here has one */
        read_descriptor(&inside, &ignored);
        v->constructor = reader_u8(&inside);
    }
    v->bytes = inside.rest;
    bool bytes_each = v->constructor >> 4 != 0x4;
    if (!reader_ok(&inside) || constructors[v->constructor] == 0 ||
        v->count > (bytes_each ? v->bytes.len : AMQP_ITEMS_MAX))
        r->failed = true;
}

static void read_as(struct reader *r, uint8_t constructor, struct amqp_value *v)
{
    if (constructors[constructor] == 0) {
        r->failed = true;
        return;
    }
    v->type = constructors[constructor] - 1;
    switch (constructor >> 4) {
    case 0xa:
        v->bytes = reader_bytes(r, reader_u8(r));
        return;
    case 0xb:
        v->bytes = reader_bytes(r, reader_u32(r));
        return;
    case 0xc:
    case 0xd:
        read_compound(r, constructor, v);
        return;
    case 0xe:
    case 0xf:
        read_array(r, constructor, v);
        return;
    default:
        if (is_decimal(v->type))
            v->bytes = reader_bytes(r, v->type == AMQP_DECIMAL32 ? 4 : 8);
        else
            read_fixed(r, constructor, v);
    }
}

void amqp_read(struct reader *r, struct amqp_value *out)
{
    *out = (struct amqp_value){0};
    uint8_t constructor = reader_u8(r);
    if (constructor == DESCRIBED && reader_ok(r)) {
        read_descriptor(r, out);
        constructor = reader_u8(r);
    }
    if (reader_ok(r))
        read_as(r, constructor, out);
    if (!reader_ok(r))
        *out = (struct amqp_value){0};
}

enum status amqp_value_of(struct slice encoded, struct amqp_value *out)
{
    struct reader r = reader_of(encoded);
    struct amqp_value v;
    amqp_read(&r, &v);
    if (!reader_done(&r))
        return BAD_FORMAT;
    *out = v;
    return OK;
}

struct slice amqp_read_raw(struct reader *r)
{
    struct slice from = r->rest;
    struct amqp_value v;
    amqp_read(r, &v);
    if (!reader_ok(r) || (v.type == AMQP_NULL && !v.described))
        return (struct slice){0};
    return (struct slice){from.at, from.len - r->rest.len};
}

static bool items_ok(const struct amqp_value *v, unsigned depth)
{
    if (v->type != AMQP_LIST && v->type != AMQP_MAP && v->type != AMQP_ARRAY)
        return true;
    if (depth == AMQP_DEPTH_MAX)
        return false;
    struct amqp_items items = amqp_items_of(v);
    struct amqp_value item;
    while (amqp_items_next(&items, &item))
        if (!items_ok(&item, depth + 1))
            return false;
    return reader_done(&items.reader);
}

bool amqp_value_check(struct slice encoded)
{
    struct amqp_value v;
    return amqp_value_of(encoded, &v) == OK && items_ok(&v, 0);
}

struct amqp_items amqp_items_of(const struct amqp_value *v)
{
    bool has = v->type == AMQP_LIST || v->type == AMQP_MAP || v->type == AMQP_ARRAY;
    return (struct amqp_items){.reader = reader_of(has ? v->bytes : (struct slice){0}),
                               .left = has ? v->count : 0,
                               .of = v};
}

bool amqp_items_next(struct amqp_items *items, struct amqp_value *out)
{
    if (items->left == 0)
        return false;
    items->left--;
    if (items->of->type == AMQP_ARRAY) {
        *out = (struct amqp_value){0};
        read_as(&items->reader, items->of->constructor, out);
    } else {
        amqp_read(&items->reader, out);
    }
    if (!reader_ok(&items->reader))
        items->left = 0;
    return reader_ok(&items->reader);
}

bool amqp_map_find(const struct amqp_value *map, struct slice key, struct amqp_value *out)
{
    if (map->type != AMQP_MAP)
        return false;
    struct amqp_items items = amqp_items_of(map);
    struct amqp_value name, value;
    while (amqp_items_next(&items, &name) && amqp_items_next(&items, &value)) {
        if (amqp_is_text(&name) && slice_eq(name.bytes, key)) {
            *out = value;
            return true;
        }
    }
    return false;
}

bool amqp_is_text(const struct amqp_value *v)
{
    return v->type == AMQP_STRING || v->type == AMQP_SYMBOL;
}

bool amqp_to_i64(const struct amqp_value *v, int64_t *out)
{
    if (v->type >= AMQP_UBYTE && v->type <= AMQP_ULONG && v->u <= INT64_MAX)
        *out = (int64_t)v->u;
    else if ((v->type >= AMQP_BYTE && v->type <= AMQP_LONG) || v->type == AMQP_TIMESTAMP)
        *out = v->i;
    else
        return false;
    return true;
}

/* ---- writing ---- */

void amqp_write_null(struct buffer *b)
{
    buffer_u8(b, 0x40);
}

void amqp_write_bool(struct buffer *b, bool v)
{
    buffer_u8(b, v ? 0x41 : 0x42);
}

static void put_1(struct buffer *b, uint8_t constructor, uint8_t v)
{
    uint8_t *at = buffer_reserve(b, 2);
    at[0] = constructor;
    at[1] = v;
    buffer_added(b, 2);
}

static void put_4(struct buffer *b, uint8_t constructor, uint32_t v)
{
    uint8_t *at = buffer_reserve(b, 5);
    at[0] = constructor;
    v = __builtin_bswap32(v);
    memcpy(at + 1, &v, 4);
    buffer_added(b, 5);
}

static void put_8(struct buffer *b, uint8_t constructor, uint64_t v)
{
    uint8_t *at = buffer_reserve(b, 9);
    at[0] = constructor;
    v = __builtin_bswap64(v);
    memcpy(at + 1, &v, 8);
    buffer_added(b, 9);
}

void amqp_write_ubyte(struct buffer *b, uint8_t v)
{
    put_1(b, 0x50, v);
}

void amqp_write_ushort(struct buffer *b, uint16_t v)
{
    buffer_u8(b, 0x60);
    buffer_u16(b, v);
}

void amqp_write_uint(struct buffer *b, uint32_t v)
{
    if (v == 0)
        buffer_u8(b, 0x43);
    else if (v <= UINT8_MAX)
        put_1(b, 0x52, (uint8_t)v);
    else
        put_4(b, 0x70, v);
}

void amqp_write_ulong(struct buffer *b, uint64_t v)
{
    if (v == 0)
        buffer_u8(b, 0x44);
    else if (v <= UINT8_MAX)
        put_1(b, 0x53, (uint8_t)v);
    else
        put_8(b, 0x80, v);
}

void amqp_write_byte(struct buffer *b, int8_t v)
{
    put_1(b, 0x51, (uint8_t)v);
}

void amqp_write_short(struct buffer *b, int16_t v)
{
    buffer_u8(b, 0x61);
    buffer_u16(b, (uint16_t)v);
}

void amqp_write_int(struct buffer *b, int32_t v)
{
    if (v >= INT8_MIN && v <= INT8_MAX)
        put_1(b, 0x54, (uint8_t)v);
    else
        put_4(b, 0x71, (uint32_t)v);
}

void amqp_write_long(struct buffer *b, int64_t v)
{
    if (v >= INT8_MIN && v <= INT8_MAX)
        put_1(b, 0x55, (uint8_t)v);
    else
        put_8(b, 0x81, (uint64_t)v);
}

void amqp_write_float(struct buffer *b, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, 4);
    put_4(b, 0x72, bits);
}

void amqp_write_double(struct buffer *b, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, 8);
    put_8(b, 0x82, bits);
}

void amqp_write_char(struct buffer *b, uint32_t v)
{
    put_4(b, 0x73, v);
}

void amqp_write_timestamp(struct buffer *b, int64_t ms)
{
    put_8(b, 0x83, (uint64_t)ms);
}

void amqp_write_uuid(struct buffer *b, const uint8_t v[16])
{
    buffer_u8(b, 0x98);
    buffer_put(b, slice_from(v, 16));
}

/* `constructor` is that of the short form; the long one is 0x10 above it. */
static void put_sized(struct buffer *b, uint8_t constructor, struct slice v)
{
    if (v.len <= UINT8_MAX)
        put_1(b, constructor, (uint8_t)v.len);
    else
        put_4(b, constructor + 0x10, (uint32_t)v.len);
    buffer_put(b, v);
}

void amqp_write_binary(struct buffer *b, struct slice v)
{
    put_sized(b, 0xa0, v);
}

void amqp_write_string(struct buffer *b, struct slice v)
{
    put_sized(b, 0xa1, v);
}

void amqp_write_symbol(struct buffer *b, struct slice v)
{
    put_sized(b, 0xa3, v);
}

void amqp_write_descriptor(struct buffer *b, uint64_t code)
{
    buffer_u8(b, DESCRIBED);
    amqp_write_ulong(b, code);
}

void amqp_write_descriptor_symbol(struct buffer *b, struct slice symbol)
{
    buffer_u8(b, DESCRIBED);
    amqp_write_symbol(b, symbol);
}

static size_t begin(struct buffer *b, uint8_t constructor)
{
    size_t at = b->len;
    put_8(b, constructor, 0);
    return at;
}

size_t amqp_write_list_begin(struct buffer *b)
{
    return begin(b, 0xd0);
}

size_t amqp_write_map_begin(struct buffer *b)
{
    return begin(b, 0xd1);
}

void amqp_write_end(struct buffer *b, size_t begin_at, uint32_t count)
{
    uint32_t size = __builtin_bswap32((uint32_t)(b->len - begin_at - 5));
    count = __builtin_bswap32(count);
    memcpy(b->at + begin_at + 1, &size, 4);
    memcpy(b->at + begin_at + 5, &count, 4);
}

static void put_array(struct buffer *b, uint8_t constructor, const struct slice *items,
                      uint32_t count)
{
    size_t at = begin(b, 0xf0);
    buffer_u8(b, constructor);
    for (uint32_t i = 0; i < count; i++) {
        buffer_u32(b, (uint32_t)items[i].len);
        buffer_put(b, items[i]);
    }
    amqp_write_end(b, at, count);
}

void amqp_write_symbols(struct buffer *b, const struct slice *symbols, uint32_t count)
{
    put_array(b, 0xb3, symbols, count);
}

void amqp_write_strings(struct buffer *b, const struct slice *strings, uint32_t count)
{
    put_array(b, 0xb1, strings, count);
}

static void put_compound(struct buffer *b, uint8_t constructor, const struct amqp_value *v)
{
    size_t at = begin(b, constructor);
    if (v->type == AMQP_ARRAY)
        buffer_u8(b, v->constructor);
    buffer_put(b, v->bytes);
    amqp_write_end(b, at, v->count);
}

void amqp_write_value(struct buffer *b, const struct amqp_value *v)
{
    if (v->described && v->descriptor_symbol.at)
        amqp_write_descriptor_symbol(b, v->descriptor_symbol);
    else if (v->described)
        amqp_write_descriptor(b, v->descriptor);
    /* clang-format off */
    switch (v->type) {
    case AMQP_NULL:       amqp_write_null(b); return;
    case AMQP_BOOLEAN:    amqp_write_bool(b, v->boolean); return;
    case AMQP_UBYTE:      amqp_write_ubyte(b, (uint8_t)v->u); return;
    case AMQP_USHORT:     amqp_write_ushort(b, (uint16_t)v->u); return;
    case AMQP_UINT:       amqp_write_uint(b, (uint32_t)v->u); return;
    case AMQP_ULONG:      amqp_write_ulong(b, v->u); return;
    case AMQP_BYTE:       amqp_write_byte(b, (int8_t)v->i); return;
    case AMQP_SHORT:      amqp_write_short(b, (int16_t)v->i); return;
    case AMQP_INT:        amqp_write_int(b, (int32_t)v->i); return;
    case AMQP_LONG:       amqp_write_long(b, v->i); return;
    case AMQP_FLOAT:      amqp_write_float(b, v->f32); return;
    case AMQP_DOUBLE:     amqp_write_double(b, v->f64); return;
    case AMQP_DECIMAL32:  buffer_u8(b, 0x74); buffer_put(b, v->bytes); return;
    case AMQP_DECIMAL64:  buffer_u8(b, 0x84); buffer_put(b, v->bytes); return;
    case AMQP_DECIMAL128: buffer_u8(b, 0x94); buffer_put(b, v->bytes); return;
    case AMQP_CHAR:       amqp_write_char(b, (uint32_t)v->u); return;
    case AMQP_TIMESTAMP:  amqp_write_timestamp(b, v->i); return;
    case AMQP_UUID:       amqp_write_uuid(b, v->bytes.at); return;
    case AMQP_BINARY:     amqp_write_binary(b, v->bytes); return;
    case AMQP_STRING:     amqp_write_string(b, v->bytes); return;
    case AMQP_SYMBOL:     amqp_write_symbol(b, v->bytes); return;
    case AMQP_LIST:       put_compound(b, 0xd0, v); return;
    case AMQP_MAP:        put_compound(b, 0xd1, v); return;
    case AMQP_ARRAY:      put_compound(b, 0xf0, v); return;
    }
    /* clang-format on */
}
