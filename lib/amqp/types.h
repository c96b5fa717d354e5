/*
 * AMQP 1.0 part 1: types. Reading is without copies: slices point into the bytes that were read.
 * A list, map or array is read as one value with its items still encoded; amqp_items_next() walks
 * them, so nothing here recurses into what a peer nested (amqp_value_check() does, to a bound).
 */
#pragma once

#include "base/buffer.h"
#include "base/reader.h"
#include "base/status.h"

#define AMQP_DEPTH_MAX 16    /* lists in maps in lists */
#define AMQP_ITEMS_MAX 65536 /* of an array whose items have no bytes */

enum amqp_type {
    AMQP_NULL,
    AMQP_BOOLEAN,
    AMQP_UBYTE,
    AMQP_USHORT,
    AMQP_UINT,
    AMQP_ULONG,
    AMQP_BYTE,
    AMQP_SHORT,
    AMQP_INT,
    AMQP_LONG,
    AMQP_FLOAT,
    AMQP_DOUBLE,
    AMQP_DECIMAL32,
    AMQP_DECIMAL64,
    AMQP_DECIMAL128,
    AMQP_CHAR,
    AMQP_TIMESTAMP,
    AMQP_UUID,
    AMQP_BINARY,
    AMQP_STRING,
    AMQP_SYMBOL,
    AMQP_LIST,
    AMQP_MAP,
    AMQP_ARRAY,
};

struct amqp_value {
    enum amqp_type type;
    bool described;
    uint64_t descriptor;            /* when it is a number */
    struct slice descriptor_symbol; /* when it is a symbol; the number is 0 then */
    union {
        bool boolean;
        uint64_t u; /* ubyte … ulong, char */
        int64_t i;  /* byte … long, timestamp (milliseconds since 1970) */
        float f32;
        double f64;
    };
    struct slice
        bytes;      /* uuid, binary, string, symbol, decimals; the items of a list, map, array */
    uint32_t count; /* items of a list, map (keys and values) or array */
    uint8_t constructor; /* of an array's items */
};

/* Reads one value, with its descriptor; on a bad or short one the reader fails and *out is null.
 * A descriptor is a ulong or a symbol; a described value inside a described one is refused. */
void amqp_read(struct reader *r, struct amqp_value *out);

/* The whole slice as one value. */
CHECKED enum status amqp_value_of(struct slice encoded, struct amqp_value *out);

/* Takes one encoded value off the reader, unread. A null gives an empty slice. */
struct slice amqp_read_raw(struct reader *r);

/* That the whole slice is one value, well-formed all the way down, and no deeper than
 * AMQP_DEPTH_MAX. */
bool amqp_value_check(struct slice encoded);

struct amqp_items {
    struct reader reader;
    uint32_t left;
    const struct amqp_value *of;
};

/* `v` must outlive the walk. No items when it is no list, map or array. */
struct amqp_items amqp_items_of(const struct amqp_value *v);
/* False at the end or when an item is broken; reader_ok(&items->reader) tells which. */
bool amqp_items_next(struct amqp_items *items, struct amqp_value *out);

/* Looks a string or symbol key up in a map. */
bool amqp_map_find(const struct amqp_value *map, struct slice key, struct amqp_value *out);

bool amqp_is_text(const struct amqp_value *v); /* a string or a symbol */
bool amqp_to_i64(const struct amqp_value *v,
                 int64_t *out); /* any integer that fits, and timestamps */

/* ---- writing: each appends one value, in its shortest form ---- */

void amqp_write_null(struct buffer *b);
void amqp_write_bool(struct buffer *b, bool v);
void amqp_write_ubyte(struct buffer *b, uint8_t v);
void amqp_write_ushort(struct buffer *b, uint16_t v);
void amqp_write_uint(struct buffer *b, uint32_t v);
void amqp_write_ulong(struct buffer *b, uint64_t v);
void amqp_write_byte(struct buffer *b, int8_t v);
void amqp_write_short(struct buffer *b, int16_t v);
void amqp_write_int(struct buffer *b, int32_t v);
void amqp_write_long(struct buffer *b, int64_t v);
void amqp_write_float(struct buffer *b, float v);
void amqp_write_double(struct buffer *b, double v);
void amqp_write_char(struct buffer *b, uint32_t v);
void amqp_write_timestamp(struct buffer *b, int64_t ms);
void amqp_write_uuid(struct buffer *b, const uint8_t v[16]);
void amqp_write_binary(struct buffer *b, struct slice v);
void amqp_write_string(struct buffer *b, struct slice v);
void amqp_write_symbol(struct buffer *b, struct slice v);

/* What amqp_read() gave, descriptor and all. */
void amqp_write_value(struct buffer *b, const struct amqp_value *v);

/* The constructor of a described value; the value itself follows. */
void amqp_write_descriptor(struct buffer *b, uint64_t code);
void amqp_write_descriptor_symbol(struct buffer *b, struct slice symbol);

/* Begin, write the items, end with their number (a map's keys and values both count). What begin
 * returns goes to end, which fills in the size. */
size_t amqp_write_list_begin(struct buffer *b);
size_t amqp_write_map_begin(struct buffer *b);
void amqp_write_end(struct buffer *b, size_t begin, uint32_t count);

/* An array of symbols; the one kind of array that the protocol's own fields have. */
void amqp_write_symbols(struct buffer *b, const struct slice *symbols, uint32_t count);
void amqp_write_strings(struct buffer *b, const struct slice *strings, uint32_t count);
