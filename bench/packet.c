#include "bench/packet.h"

void packet_put(struct buffer *out, uint8_t first, struct slice body)
{
    size_t left = body.len;
    buffer_u8(out, first);
    do {
        buffer_u8(out, (uint8_t)(left % 128 | (left > 127 ? 128 : 0)));
        left /= 128;
    } while (left);
    buffer_put(out, body);
}

void packet_put_text(struct buffer *out, struct slice text)
{
    buffer_u16(out, (uint16_t)text.len);
    buffer_put(out, text);
}

size_t packet_size(struct slice s, struct slice *body)
{
    size_t len = 0;
    for (size_t i = 1; i < s.len && i < 5; i++) {
        len |= (size_t)(s.at[i] & 127) << 7 * (i - 1);
        if (s.at[i] & 128)
            continue;
        if (s.len < i + 1 + len)
            return 0;
        *body = slice_from(s.at + i + 1, len);
        return i + 1 + len;
    }
    return 0;
}
