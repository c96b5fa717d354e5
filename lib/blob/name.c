#include "blob/name.h"

static bool is_word(uint8_t b)
{
    return (b >= 'a' && b <= 'z') || (b >= '0' && b <= '9');
}

bool blob_container_name_ok(struct slice name)
{
    if (slice_eq(name, SLICE("$root")) || slice_eq(name, SLICE("$web")) ||
        slice_eq(name, SLICE("$logs")))
        return true;
    if (name.len < BLOB_CONTAINER_MIN || name.len > BLOB_CONTAINER_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        bool inner =
            i > 0 && i + 1 < name.len && is_word(name.at[i - 1]) && is_word(name.at[i + 1]);
        if (!is_word(name.at[i]) && !(name.at[i] == '-' && inner))
            return false;
    }
    return true;
}

/* The length of the character at `s`'s start; 0 when it is none (RFC 3629). */
static size_t utf8_len(struct slice s)
{
    uint8_t b = s.at[0];
    size_t len = b < 0x80                ? 1
                 : b >= 0xc2 && b < 0xe0 ? 2
                 : b >= 0xe0 && b < 0xf0 ? 3
                 : b >= 0xf0 && b < 0xf5 ? 4
                                         : 0;
    if (len > s.len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s.at[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (b == 0xe0 && s.at[1] < 0xa0) || (b == 0xf0 && s.at[1] < 0x90);
    bool outside = (b == 0xed && s.at[1] > 0x9f) || (b == 0xf4 && s.at[1] > 0x8f);
    return len > 1 && (overlong || outside) ? 0 : len;
}

bool blob_name_ok(struct slice name)
{
    if (name.len == 0 || name.len > BLOB_NAME_MAX)
        return false;
    while (name.len > 0) {
        size_t len = utf8_len(name);
        if (len == 0 || name.at[0] < ' ' || name.at[0] == 0x7f)
            return false;
        name = slice_skip(name, len);
    }
    return true;
}
