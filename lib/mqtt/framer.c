#include "mqtt/framer.h"

#define KEPT_BYTES 4096 /* more is given back when its packet has been handled */

void mqtt_framer_init(struct mqtt_framer *f, size_t max)
{
    *f = (struct mqtt_framer){.max = max};
}

void mqtt_framer_clear(struct mqtt_framer *f)
{
    buffer_clear(&f->tail);
}

static void drop_tail(struct mqtt_framer *f)
{
    buffer_reset(&f->tail);
    if (f->tail.cap > KEPT_BYTES)
        buffer_clear(&f->tail);
    f->tail_given = false;
}

static void take(struct mqtt_framer *f, struct slice *bytes, size_t len)
{
    struct slice part = slice_first(*bytes, len);
    buffer_put(&f->tail, part);
    *bytes = slice_skip(*bytes, part.len);
}

/* Completes the packet in the tail: first its header, byte by byte, then all of the rest. */
static enum status complete(struct mqtt_framer *f, struct slice *bytes, struct mqtt_packet *out)
{
    for (;;) {
        size_t len;
        enum status s = mqtt_packet_measure(buffer_slice(&f->tail), f->max, &len);
        if (s == AGAIN && bytes->len) {
            take(f, bytes, 1);
            continue;
        }
        if (s != OK)
            return s;
        take(f, bytes, len - f->tail.len);
        if (f->tail.len < len)
            return AGAIN;
        struct slice whole = buffer_slice(&f->tail);
        f->tail_given = true;
        return mqtt_packet_next(&whole, f->max, out);
    }
}

enum status mqtt_framer_next(struct mqtt_framer *f, struct slice *bytes, struct mqtt_packet *out)
{
    if (f->tail_given)
        drop_tail(f);
    if (f->tail.len)
        return complete(f, bytes, out);
    enum status s = mqtt_packet_next(bytes, f->max, out);
    if (s == AGAIN)
        take(f, bytes, bytes->len);
    return s;
}
