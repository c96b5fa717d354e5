#include "base/encoding.h"


static const char base64_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode64(struct slice s, struct buffer *out, const char *letters, bool pad)
{
    uint8_t *p = buffer_reserve(out, (s.len + 2) / 3 * 4);
    uint8_t *start = p;
    for (size_t i = 0; i < s.len; i += 3) {
        size_t n = s.len - i;
        uint32_t v = (uint32_t)s.at[i] << 16 | (n > 1 ? (uint32_t)s.at[i + 1] << 8 : 0) |
                     (n > 2 ? s.at[i + 2] : 0);
        *p++ = letters[v >> 18];
        *p++ = letters[v >> 12 & 63];
        if (n > 1)
            *p++ = letters[v >> 6 & 63];
        else if (pad)
            *p++ = '=';
        if (n > 2)
            *p++ = letters[v & 63];
        else if (pad)
            *p++ = '=';
    }
    buffer_added(out, (size_t)(p - start));
}

static int value64(uint8_t c, bool url)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == (url ? '-' : '+'))
        return 62;
    if (c == (url ? '_' : '/'))
        return 63;
    return -1;
}

static enum status decode64(struct slice text, struct buffer *out, bool url)
{
    if (text.len % 4 == 1)
        return BAD_FORMAT;
    size_t before = out->len;
    uint32_t bits = 0;
    int count = 0;
    for (size_t i = 0; i < text.len; i++) {
        int v = value64(text.at[i], url);
        if (v < 0) {
            out->len = before;
            return BAD_FORMAT;
        }
        bits = bits << 6 | (uint32_t)v;
        count += 6;
        if (count >= 8) {
            count -= 8;
            buffer_u8(out, (uint8_t)(bits >> count));
        }
    }
    return OK;
}

void base64_encode(struct slice bytes, struct buffer *out)
{
    encode64(bytes, out, base64_letters, true);
}

enum status base64_decode(struct slice text, struct buffer *out)
{
    if (text.len % 4)
        return BAD_FORMAT;
    for (int i = 0; i < 2 && text.len && text.at[text.len - 1] == '='; i++)
        text.len--;
    return decode64(text, out, false);
}

void base64url_encode(struct slice bytes, struct buffer *out)
{
    encode64(bytes, out, base64url_letters, false);
}

enum status base64url_decode(struct slice text, struct buffer *out)
{
    return decode64(text, out, true);
}

static int value16(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void hex_encode(struct slice bytes, struct buffer *out)
{
    for (size_t i = 0; i < bytes.len; i++) {
        buffer_u8(out, "0123456789abcdef"[bytes.at[i] >> 4]);
        buffer_u8(out, "0123456789abcdef"[bytes.at[i] & 15]);
    }
}

static bool unreserved(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void percent_encode(struct slice bytes, struct buffer *out)
{
    for (size_t i = 0; i < bytes.len; i++) {
        size_t plain = i;
        while (i < bytes.len && unreserved(bytes.at[i]))
            i++;
        buffer_put(out, slice_from(bytes.at + plain, i - plain));
        if (i == bytes.len)
            return;
        uint8_t c = bytes.at[i];
        buffer_u8(out, '%');
        buffer_u8(out, "0123456789ABCDEF"[c >> 4]);
        buffer_u8(out, "0123456789ABCDEF"[c & 15]);
    }
}

static size_t decode_percent(struct slice text, uint8_t *out)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (c == '%' && i + 2 < text.len && value16(text.at[i + 1]) >= 0 &&
            value16(text.at[i + 2]) >= 0) {
            c = (uint8_t)(value16(text.at[i + 1]) << 4 | value16(text.at[i + 2]));
            i += 2;
        }
        out[len++] = c;
    }
    return len;
}

void percent_decode(struct slice text, struct buffer *out)
{
    buffer_added(out, decode_percent(text, buffer_reserve(out, text.len)));
}

struct slice percent_decode_in(struct arena *a, struct slice text)
{
    if (slice_find(text, '%') == text.len)
        return text;
    uint8_t *at = arena_take(a, text.len + 1);
    return (struct slice){at, decode_percent(text, at)};
}

void uuid_print(const uint8_t b[16], char out[UUID_TEXT_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        *out++ = digits[b[i] >> 4];
        *out++ = digits[b[i] & 15];
    }
    *out = 0;
}

void uuid_text(const uint8_t random[16], char out[UUID_TEXT_LEN + 1])
{
    uint8_t b[16];
    memcpy(b, random, 16);
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    uuid_print(b, out);
}

bool uuid_parse(struct slice text, uint8_t out[16])
{
    if (text.len != UUID_TEXT_LEN)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text.at[i] != '-')
                return false;
            continue;
        }
        int high = value16(text.at[i]), low = value16(text.at[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[n++] = (uint8_t)(high << 4 | low);
        i++;
    }
    return true;
}
