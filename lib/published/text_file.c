#include "published/text_file.h"

#include <string.h>

#include "base/file.h"

#define NO_CHARACTER 0xfffd

struct units {
    struct slice rest;
    bool little;
};

static uint32_t unit_at(const struct units *u, size_t at)
{
    const uint8_t *b = u->rest.at + at;
    return u->little ? (uint32_t)(b[1] << 8 | b[0]) : (uint32_t)(b[0] << 8 | b[1]);
}

/* At least one byte is left. */
static uint32_t next(struct units *u)
{
    if (u->rest.len < 2) {
        u->rest.len = 0;
        return NO_CHARACTER;
    }
    uint32_t first = unit_at(u, 0);
    uint32_t second = u->rest.len >= 4 ? unit_at(u, 2) : 0;
    bool high = first >= 0xd800 && first < 0xdc00, low = first >= 0xdc00 && first < 0xe000;
    bool pair = high && second >= 0xdc00 && second < 0xe000;
    u->rest = slice_skip(u->rest, pair ? 4 : 2);
    if (pair)
        return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    return high || low ? NO_CHARACTER : first;
}

static void put(struct buffer *out, uint32_t c)
{
    if (c < 0x80) {
        buffer_u8(out, (uint8_t)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t heads[] = {0, 0xc0, 0xe0, 0xf0};
    buffer_u8(out, (uint8_t)(heads[more] | c >> 6 * more));
    while (more-- > 0)
        buffer_u8(out, (uint8_t)(0x80 | (c >> 6 * more & 0x3f)));
}

static void wipe(struct buffer *b)
{
    if (b->len)
        explicit_bzero(b->at, b->len); /* passwords may stand in it */
    buffer_clear(b);
}

void text_to_utf8(struct buffer *text)
{
    struct slice all = buffer_slice(text);
    bool little = slice_starts(all, SLICE("\xff\xfe"));
    if (!little && !slice_starts(all, SLICE("\xfe\xff")))
        return;
    struct buffer out = {0};
    struct units u = {slice_skip(all, 2), little};
    buffer_reserve(&out, all.len / 2); /* mostly it is enough, and then no copy stays behind */
    while (u.rest.len)
        put(&out, next(&u));
    wipe(text);
    *text = out;
}

enum status text_file_read(const char *path, struct buffer *out)
{
    struct buffer text = {0};
    enum status s = file_read(path, &text);
    if (s != OK) {
        buffer_clear(&text);
        return s;
    }
    text_to_utf8(&text);
    if (out->len == 0) {
        buffer_clear(out);
        *out = text;
        return OK;
    }
    buffer_put(out, buffer_slice(&text));
    wipe(&text);
    return OK;
}
