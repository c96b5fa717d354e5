#include "mqtt/text.h"

#define HIGHS 0x8080808080808080u
#define ONES 0x0101010101010101u

/* How many bytes at the start are ASCII without zero, eight at a time: nearly always all. */
static size_t plain(struct slice text)
{
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        uint64_t eight;
        memcpy(&eight, text.at + i, 8);
        /* The high bit of a byte is set when it was set, or when the byte was zero. */
        if ((eight | (eight - ONES)) & HIGHS)
            break;
    }
    while (i < text.len && text.at[i] != 0 && text.at[i] < 0x80)
        i++;
    return i;
}

/* The length of the one multi-byte character that s begins with, or 0: RFC 3629 section 4. */
static size_t character(struct slice s)
{
    uint8_t first = s.at[0];
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || s.len < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s.at[i] & 0xc0) != 0x80)
            return 0;
    uint8_t second = s.at[1];
    bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool surrogate = first == 0xed && second > 0x9f;
    bool beyond = first == 0xf4 && second > 0x8f;
    return overlong || surrogate || beyond ? 0 : len;
}

bool mqtt_text_ok(struct slice text)
{
    while (text.len) {
        text = slice_skip(text, plain(text));
        if (text.len == 0)
            break;
        size_t len = text.at[0] == 0 ? 0 : character(text);
        if (len == 0)
            return false;
        text = slice_skip(text, len);
    }
    return true;
}

bool mqtt_text_filter_ok(struct slice filter)
{
    for (size_t i = 0; i < filter.len; i++) {
        uint8_t c = filter.at[i];
        if (c != '#' && c != '+')
            continue;
        bool starts_level = i == 0 || filter.at[i - 1] == '/';
        bool is_last = i + 1 == filter.len;
        bool ends_level = is_last || (c == '+' && filter.at[i + 1] == '/');
        if (!starts_level || !ends_level)
            return false;
    }
    return filter.len > 0;
}
