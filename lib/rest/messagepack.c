#include "rest/messagepack.h"

#include "base/encoding.h"
#include "base/reader.h"
#include "json/write.h"

/* The first byte of a value, where it has no number in it. */
enum {
    FIX_MAP = 0x80,
    FIX_ARRAY = 0x90,
    FIX_STRING = 0xa0,
    NIL = 0xc0,
    FALSE = 0xc2,
    TRUE,
    BINARY_8,
    BINARY_16,
    BINARY_32,
    EXTENSION_8,
    EXTENSION_16,
    EXTENSION_32,
    FLOAT_32,
    FLOAT_64,
    UINT_8,
    UINT_16,
    UINT_32,
    UINT_64,
    INT_8,
    INT_16,
    INT_32,
    INT_64,
    FIX_EXTENSION_1,
    FIX_EXTENSION_16 = 0xd8,
    STRING_8,
    STRING_16,
    STRING_32,
    ARRAY_16,
    ARRAY_32,
    MAP_16,
    MAP_32,
    NEGATIVE,
};

#define TIMESTAMP 0xff             /* the one extension that MessagePack itself defines, -1 */
#define SECONDS_MAX 253402300799LL /* the end of the year 9999 */

/* ---- to JSON ---- */

struct level {
    bool map;
    bool named;    /* a map's name was read, its value comes */
    uint32_t left; /* elements or members that are still to come */
};

struct unpacker {
    struct reader r;
    struct level levels[REST_MESSAGEPACK_DEPTH_MAX];
    size_t depth;
    struct json_writer w;
    const char *why;
};

static enum status refuse(struct unpacker *u, enum status s, const char *why)
{
    u->why = why;
    return s;
}

/* A length, in as many bytes as the type's place behind the first of its kind says: 1, 2, 4. */
static uint32_t read_length(struct unpacker *u, int place)
{
    return place == 0 ? reader_u8(&u->r) : place == 1 ? reader_u16(&u->r) : reader_u32(&u->r);
}

static void put_base64(struct unpacker *u, struct slice bytes)
{
    struct buffer text = {0};
    base64_encode(bytes, &text);
    json_put_string(&u->w, buffer_slice(&text));
    buffer_clear(&text);
}

/* 32 bits of seconds; 30 bits of nanoseconds and 34 of seconds; 32 of nanoseconds and 64 of
 * seconds. */
static enum status put_timestamp(struct unpacker *u, struct slice bytes)
{
    struct reader r = reader_of(bytes);
    uint64_t nanoseconds = 0, seconds = 0;
    if (bytes.len == 4) {
        seconds = reader_u32(&r);
    } else if (bytes.len == 8) {
        uint64_t both = reader_u64(&r);
        nanoseconds = both >> 34;
        seconds = both & 0x3ffffffff;
    } else if (bytes.len == 12) {
        nanoseconds = reader_u32(&r);
        seconds = reader_u64(&r);
    } else {
        return refuse(u, BAD_FORMAT, "a timestamp of a length that there is not");
    }
    if (seconds > SECONDS_MAX || nanoseconds > 999999999) /* one before 1970 is past it, too */
        return refuse(u, BAD_FORMAT, "a timestamp that is no date from 1970 to 9999");
    json_put_time(&u->w, seconds * 1000 + nanoseconds / 1000000);
    return OK;
}

static enum status put_extension(struct unpacker *u, uint32_t len)
{
    uint8_t type = reader_u8(&u->r);
    struct slice bytes = reader_bytes(&u->r, len);
    if (!reader_ok(&u->r))
        return OK; /* step() says so */
    return type == TIMESTAMP ? put_timestamp(u, bytes)
                             : refuse(u, BAD_FORMAT, "an extension type that is not known here");
}

static enum status begin(struct unpacker *u, bool map, uint32_t count)
{
    if (u->depth == REST_MESSAGEPACK_DEPTH_MAX)
        return refuse(u, BAD_FORMAT, "it is nested too deeply");
    u->levels[u->depth++] = (struct level){.map = map, .left = count};
    if (map)
        json_object(&u->w);
    else
        json_array(&u->w);
    return OK;
}

static void put_float(struct unpacker *u, uint8_t type)
{
    uint32_t single_bits = type == FLOAT_32 ? reader_u32(&u->r) : 0;
    uint64_t bits = type == FLOAT_64 ? reader_u64(&u->r) : 0;
    float single;
    double v;
    memcpy(&single, &single_bits, sizeof single);
    memcpy(&v, &bits, sizeof v);
    json_put_double(&u->w, type == FLOAT_32 ? single : v);
}

static void put_integer(struct unpacker *u, uint8_t type)
{
    switch (type) {
    case UINT_8:
        json_put_u64(&u->w, reader_u8(&u->r));
        return;
    case UINT_16:
        json_put_u64(&u->w, reader_u16(&u->r));
        return;
    case UINT_32:
        json_put_u64(&u->w, reader_u32(&u->r));
        return;
    case UINT_64:
        json_put_u64(&u->w, reader_u64(&u->r));
        return;
    case INT_8:
        json_put_i64(&u->w, (int8_t)reader_u8(&u->r));
        return;
    case INT_16:
        json_put_i64(&u->w, (int16_t)reader_u16(&u->r));
        return;
    case INT_32:
        json_put_i64(&u->w, (int32_t)reader_u32(&u->r));
        return;
    case INT_64:
        json_put_i64(&u->w, (int64_t)reader_u64(&u->r));
        return;
    default:
        json_put_i64(&u->w, (int8_t)type); /* the byte is the number */
    }
}

static bool string_length(struct unpacker *u, uint8_t type, uint32_t *len)
{
    if (type >= FIX_STRING && type < NIL)
        *len = type - FIX_STRING;
    else if (type >= STRING_8 && type <= STRING_32)
        *len = read_length(u, type - STRING_8);
    else
        return false;
    return true;
}

static enum status put_value(struct unpacker *u, uint8_t type)
{
    uint32_t len;
    if (string_length(u, type, &len))
        json_put_string(&u->w, reader_bytes(&u->r, len));
    else if (type < FIX_MAP || type >= NEGATIVE || (type >= UINT_8 && type <= INT_64))
        put_integer(u, type);
    else if (type < FIX_ARRAY)
        return begin(u, true, type - FIX_MAP);
    else if (type < FIX_STRING)
        return begin(u, false, type - FIX_ARRAY);
    else if (type >= ARRAY_16)
        return begin(u, type >= MAP_16, read_length(u, 1 + (type - ARRAY_16) % 2));
    else if (type >= FIX_EXTENSION_1)
        return put_extension(u, 1u << (type - FIX_EXTENSION_1));
    else if (type >= FLOAT_32)
        put_float(u, type);
    else if (type >= EXTENSION_8)
        return put_extension(u, read_length(u, type - EXTENSION_8));
    else if (type >= BINARY_8)
        put_base64(u, reader_bytes(&u->r, read_length(u, type - BINARY_8)));
    else if (type >= FALSE)
        json_put_bool(&u->w, type == TRUE);
    else if (type == NIL)
        json_put_null(&u->w);
    else
        return refuse(u, BAD_FORMAT, "a byte that begins nothing");
    return OK;
}

static enum status put_name(struct unpacker *u, uint8_t type)
{
    uint32_t len;
    if (!string_length(u, type, &len))
        return refuse(u, BAD_FORMAT, "a member's name that is no string");
    json_name_slice(&u->w, reader_bytes(&u->r, len));
    return OK;
}

/* Ends what is complete. */
static void close_levels(struct unpacker *u)
{
    while (u->depth > 0 && u->levels[u->depth - 1].left == 0) {
        if (u->levels[--u->depth].map)
            json_end_object(&u->w);
        else
            json_end_array(&u->w);
    }
}

/* One name, or one value as far as its own elements. */
static enum status step(struct unpacker *u)
{
    struct level *l = u->depth > 0 ? &u->levels[u->depth - 1] : NULL;
    uint8_t type = reader_u8(&u->r);
    enum status s = OK;
    if (l && l->map && !l->named && reader_ok(&u->r)) {
        l->named = true;
        s = put_name(u, type);
    } else if (reader_ok(&u->r)) {
        if (l) {
            l->named = false;
            l->left--;
        }
        s = put_value(u, type);
        close_levels(u);
    }
    return s == OK && !reader_ok(&u->r) ? refuse(u, BAD_FORMAT, "it ends too early") : s;
}

enum status rest_messagepack_to_json(struct slice bytes, size_t json_bytes_max, struct buffer *out,
                                     const char **why)
{
    struct unpacker u = {.r = reader_of(bytes), .w = json_writer(out)};
    size_t before = out->len;
    enum status s;
    do {
        s = step(&u);
        if (s == OK && out->len - before > json_bytes_max)
            s = refuse(&u, TOO_LARGE, "it is too large as JSON");
    } while (s == OK && u.depth > 0);
    if (s == OK && !reader_done(&u.r))
        s = refuse(&u, BAD_FORMAT, "something follows the value");
    if (s != OK)
        *why = u.why;
    return s;
}

/* ---- from JSON ---- */

/* A type with its length: in the byte itself below `fix_count`, else behind the shortest that there
 * is. */
static void put_head(struct buffer *out, uint8_t fix, size_t fix_count, uint8_t type_8,
                     uint8_t type_16, size_t len)
{
    if (len < fix_count) {
        buffer_u8(out, (uint8_t)(fix + len));
    } else if (type_8 && len <= UINT8_MAX) {
        buffer_u8(out, type_8), buffer_u8(out, (uint8_t)len);
    } else if (len <= UINT16_MAX) {
        buffer_u8(out, type_16), buffer_u16(out, (uint16_t)len);
    } else {
        buffer_u8(out, type_16 + 1), buffer_u32(out, (uint32_t)len);
    }
}

static void put_string(struct buffer *out, struct slice text)
{
    put_head(out, FIX_STRING, NIL - FIX_STRING, STRING_8, STRING_16, text.len);
    buffer_put(out, text);
}

static void put_unsigned(struct buffer *out, uint64_t v)
{
    if (v < FIX_MAP)
        buffer_u8(out, (uint8_t)v);
    else if (v <= UINT8_MAX)
        buffer_u8(out, UINT_8), buffer_u8(out, (uint8_t)v);
    else if (v <= UINT16_MAX)
        buffer_u8(out, UINT_16), buffer_u16(out, (uint16_t)v);
    else if (v <= UINT32_MAX)
        buffer_u8(out, UINT_32), buffer_u32(out, (uint32_t)v);
    else
        buffer_u8(out, UINT_64), buffer_u64(out, v);
}

static void put_negative(struct buffer *out, int64_t v)
{
    if (v >= (int8_t)NEGATIVE)
        buffer_u8(out, (uint8_t)v);
    else if (v >= INT8_MIN)
        buffer_u8(out, INT_8), buffer_u8(out, (uint8_t)v);
    else if (v >= INT16_MIN)
        buffer_u8(out, INT_16), buffer_u16(out, (uint16_t)v);
    else if (v >= INT32_MIN)
        buffer_u8(out, INT_32), buffer_u32(out, (uint32_t)v);
    else
        buffer_u8(out, INT_64), buffer_u64(out, (uint64_t)v);
}

static void pack_float(struct buffer *out, double v)
{
    float single = (float)v;
    uint32_t single_bits;
    uint64_t bits;
    memcpy(&single_bits, &single, sizeof single_bits);
    memcpy(&bits, &v, sizeof bits);
    if (single == v)
        buffer_u8(out, FLOAT_32), buffer_u32(out, single_bits);
    else
        buffer_u8(out, FLOAT_64), buffer_u64(out, bits);
}

static void pack_number(struct buffer *out, const struct json *v)
{
    int64_t i;
    uint64_t u;
    if (!json_number_is_integer(v))
        pack_float(out, json_double(v, 0));
    else if (json_u64(v, &u))
        put_unsigned(out, u);
    else if (json_i64(v, &i))
        put_negative(out, i);
}

/* As deep as JSON may be, JSON_DEPTH_MAX. */
static void pack(struct buffer *out, const struct json *v)
{
    struct json_walk w = json_walk(v);
    switch (json_type(v)) {
    case JSON_BOOL:
        buffer_u8(out, json_bool(v, false) ? TRUE : FALSE);
        return;
    case JSON_NUMBER:
        pack_number(out, v);
        return;
    case JSON_STRING:
        put_string(out, json_string(v));
        return;
    case JSON_ARRAY:
        put_head(out, FIX_ARRAY, FIX_STRING - FIX_ARRAY, 0, ARRAY_16, json_count(v));
        while (json_next(&w))
            pack(out, w.value);
        return;
    case JSON_OBJECT:
        put_head(out, FIX_MAP, FIX_ARRAY - FIX_MAP, 0, MAP_16, json_count(v));
        while (json_next(&w))
            put_string(out, w.name), pack(out, w.value);
        return;
    case JSON_NULL:
    case JSON_NONE:
        break;
    }
    buffer_u8(out, NIL);
}

enum status rest_messagepack_from_json(struct slice json, struct buffer *out)
{
    struct json_doc *doc = NULL;
    enum status s = json_parse(json, JSON_STRICT, &doc, NULL);
    if (s == OK)
        pack(out, json_root(doc));
    json_free(&doc);
    return s;
}
