#include "json/write.h"

/* True for bytes that stand for themselves in a string: ASCII without controls, quote and
 * backslash. */
static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

#define EACH(byte) (0x0101010101010101u * (byte))

/* Whether all eight bytes are plain. May say no to a plain one, never yes to another. */
static bool are_plain(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, 8);
    uint64_t quote = v ^ EACH('"'), backslash = v ^ EACH('\\');
    uint64_t odd = (quote - EACH(1)) | (backslash - EACH(1)) | (v - EACH(0x20)) | v;
    return (odd & EACH(0x80)) == 0;
}

static size_t plain_length(struct slice s)
{
    size_t n = 0;
    while (n + 8 <= s.len && are_plain(s.at + n))
        n += 8;
    while (n < s.len && is_plain(s.at[n]))
        n++;
    return n;
}

static void put_escaped(struct buffer *out, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    uint8_t letter = c == '"' || c == '\\' ? c : c < sizeof(letters) ? (uint8_t)letters[c] : 0;
    if (letter) {
        buffer_u8(out, '\\');
        buffer_u8(out, letter);
    } else {
        buffer_put(out, SLICE("\\u00"));
        buffer_u8(out, (uint8_t)hex[c >> 4]);
        buffer_u8(out, (uint8_t)hex[c & 15]);
    }
}

static bool is_tail(struct slice s, size_t n)
{
    return n < s.len && (s.at[n] & 0xc0) == 0x80;
}

/* Bytes of the UTF-8 character that s begins with (RFC 3629), 0 when it begins with none. */
static size_t character_length(struct slice s)
{
    uint8_t a = s.at[0], b = s.len > 1 ? s.at[1] : 0;
    if (a >= 0xc2 && a <= 0xdf)
        return is_tail(s, 1) ? 2 : 0;
    if (a >= 0xe0 && a <= 0xef) {
        bool overlong = a == 0xe0 && b < 0xa0, surrogate = a == 0xed && b >= 0xa0;
        return is_tail(s, 1) && is_tail(s, 2) && !overlong && !surrogate ? 3 : 0;
    }
    if (a >= 0xf0 && a <= 0xf4) {
        bool overlong = a == 0xf0 && b < 0x90, beyond = a == 0xf4 && b >= 0x90;
        return is_tail(s, 1) && is_tail(s, 2) && is_tail(s, 3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

/* Takes one character that is not plain. */
static size_t put_character(struct buffer *out, struct slice s)
{
    if (s.at[0] < 0x80) {
        put_escaped(out, s.at[0]);
        return 1;
    }
    size_t len = character_length(s);
    buffer_put(out, len ? slice_first(s, len) : SLICE("\xef\xbf\xbd"));
    return len ? len : 1;
}

/* Nearly every string is plain from end to end. */
static bool put_plain(struct buffer *out, struct slice v)
{
    uint8_t *at = buffer_reserve(out, v.len + 2);
    if (plain_length(v) < v.len)
        return false;
    at[0] = '"';
    if (v.len)
        memcpy(at + 1, v.at, v.len);
    at[v.len + 1] = '"';
    buffer_added(out, v.len + 2);
    return true;
}

void json_escape(struct buffer *out, struct slice v)
{
    if (put_plain(out, v))
        return;
    buffer_u8(out, '"');
    while (v.len) {
        size_t plain = plain_length(v);
        buffer_put(out, slice_first(v, plain));
        v = slice_skip(v, plain);
        if (v.len)
            v = slice_skip(v, put_character(out, v));
    }
    buffer_u8(out, '"');
}
