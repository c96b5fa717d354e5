/*
 * Cuts a stream of bytes into packets. Complete packets are not copied; only the incomplete one at
 * the end of a read is kept, at most `max` bytes of it.
 *
 *     while ((s = mqtt_framer_next(&f, &bytes, &packet)) == OK)
 *         handle(&packet);   // alive until the next call
 *     if (s != AGAIN)
 *         the connection is broken: BAD_FORMAT or TOO_LARGE
 */
#pragma once

#include "mqtt/packet.h"

struct mqtt_framer {
    struct buffer tail;
    size_t max; /* of one packet, header and all */
    bool tail_given;
};

void mqtt_framer_init(struct mqtt_framer *f, size_t max);
void mqtt_framer_clear(struct mqtt_framer *f);

/* AGAIN: all of *bytes was taken. */
CHECKED enum status mqtt_framer_next(struct mqtt_framer *f, struct slice *bytes,
                                     struct mqtt_packet *out);
