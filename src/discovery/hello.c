#include "discovery/hello.h"

#include "base/reader.h"

#define HEADER_BYTES 8
#define ACKNOWLEDGE_BYTES 28
#define ERROR_BYTES_MIN 16
#define RECEIVE_BYTES 65536
#define RECEIVE_BYTES_MIN 8192 /* Part 6, 7.1.2.3: no side may offer less */

static void put_u32(struct buffer *out, uint32_t v)
{
    buffer_u32(out, __builtin_bswap32(v)); /* OPC UA is little-endian */
}

static uint32_t read_u32(struct reader *r)
{
    return __builtin_bswap32(reader_u32(r));
}

void discovery_hello_put(struct slice url, struct buffer *out)
{
    url = slice_first(url, HELLO_URL_MAX);
    buffer_text(out, "HELF");
    put_u32(out, (uint32_t)(HEADER_BYTES + 24 + url.len));
    put_u32(out, 0); /* protocol version */
    put_u32(out, RECEIVE_BYTES);
    put_u32(out, RECEIVE_BYTES);
    put_u32(out, 0); /* any message size */
    put_u32(out, 0); /* any number of chunks */
    put_u32(out, (uint32_t)url.len);
    buffer_put(out, url);
}

static enum status read_acknowledge(struct reader *r, struct hello_answer *out)
{
    read_u32(r); /* protocol version: any */
    uint32_t receive = read_u32(r), send = read_u32(r);
    uint32_t max_message = read_u32(r);
    read_u32(r); /* chunks */
    if (!reader_done(r) || receive < RECEIVE_BYTES_MIN || send < RECEIVE_BYTES_MIN)
        return BAD_FORMAT;
    *out = (struct hello_answer){.acknowledged = true, .max_message = max_message};
    return OK;
}

static enum status read_error(struct reader *r, struct hello_answer *out)
{
    uint32_t error = read_u32(r), len = read_u32(r);
    struct slice reason = reader_bytes(r, len == UINT32_MAX ? 0 : len); /* -1: none */
    if (!reader_done(r))
        return BAD_FORMAT;
    *out = (struct hello_answer){.error = error, .reason = reason};
    return OK;
}

/* What has come so far must be how an answer begins: others are not waited for. */
static bool begins_well(struct slice bytes)
{
    size_t len = bytes.len < 4 ? bytes.len : 4;
    return memcmp(bytes.at, "ACKF", len) == 0 || memcmp(bytes.at, "ERRF", len) == 0;
}

enum status discovery_hello_answer_read(struct slice bytes, struct hello_answer *out)
{
    if (bytes.len == 0)
        return AGAIN;
    if (!begins_well(bytes))
        return BAD_FORMAT;
    if (bytes.len < HEADER_BYTES)
        return AGAIN;
    bool acknowledge = bytes.at[0] == 'A';
    struct reader r = reader_of(slice_skip(bytes, 4));
    uint32_t size = read_u32(&r);
    if (acknowledge ? size != ACKNOWLEDGE_BYTES : size < ERROR_BYTES_MIN || size > HELLO_ANSWER_MAX)
        return BAD_FORMAT;
    if (bytes.len < size)
        return AGAIN;
    r.rest = slice_first(r.rest, size - HEADER_BYTES);
    return acknowledge ? read_acknowledge(&r, out) : read_error(&r, out);
}
