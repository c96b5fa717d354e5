#include "opcua/reverse_hello.h"

#include <stdbool.h>
#include <string.h>

#define HEAD 8 /* "RHEF" and the size */
#define SIZE_MAX_ (HEAD + 2 * (4 + OPCUA_REVERSE_TEXT_MAX))

static uint32_t little(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* A length, -1 for none, and so many bytes. */
static bool take_text(struct slice *rest, struct slice *out)
{
    if (rest->len < 4)
        return false;
    uint32_t len = little(rest->at);
    *rest = slice_skip(*rest, 4);
    if (len == UINT32_MAX)
        len = 0;
    if (len > OPCUA_REVERSE_TEXT_MAX || len > rest->len)
        return false;
    *out = slice_first(*rest, len);
    *rest = slice_skip(*rest, len);
    return true;
}

enum status opcua_reverse_hello_decode(struct slice bytes, struct opcua_reverse_hello *out)
{
    size_t known = bytes.len < 4 ? bytes.len : 4;
    if (known > 0 && memcmp(bytes.at, "RHEF", known) != 0)
        return BAD_FORMAT;
    if (bytes.len < HEAD)
        return AGAIN;
    uint32_t size = little(bytes.at + 4);
    if (size < HEAD || size > SIZE_MAX_)
        return BAD_FORMAT;
    if (bytes.len < size)
        return AGAIN;
    struct opcua_reverse_hello hello = {.size = size};
    struct slice rest = slice_skip(slice_first(bytes, size), HEAD);
    if (!take_text(&rest, &hello.server_uri) || !take_text(&rest, &hello.endpoint_url) ||
        rest.len > 0)
        return BAD_FORMAT;
    *out = hello;
    return OK;
}
