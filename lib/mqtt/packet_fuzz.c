/* Any bytes as a stream of packets: each that decodes is encoded again, and must decode to the
 * same. */
#include <stdlib.h>

#include "mqtt/connect.h"
#include "mqtt/framer.h"
#include "mqtt/publish.h"
#include "mqtt/subscribe.h"

#define MAX 2000

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct slice body_of(const struct buffer *b)
{
    struct slice bytes = buffer_slice(b);
    struct mqtt_packet p;
    check(mqtt_packet_next(&bytes, MAX + 16, &p) == OK && bytes.len == 0);
    return p.body;
}

static void try_connect(struct slice body, struct buffer *b)
{
    struct mqtt_connect c;
    if (mqtt_connect_decode(body, &c) == OK) {
        mqtt_connect_encode(&c, b);
        check(slice_eq(body_of(b), body));
    }
}

static void try_publish(const struct mqtt_packet *p, struct buffer *b)
{
    struct mqtt_publish m;
    if (mqtt_publish_decode(p->flags, p->body, &m) == OK) {
        mqtt_publish_encode(&m, b);
        check(slice_eq(body_of(b), p->body) && (b->at[0] & 15) == p->flags);
    }
}

static void try_subscribe(struct slice body, bool un, struct buffer *b)
{
    struct mqtt_subscribe s;
    struct mqtt_filter filters[MAX / 3];
    size_t n = 0;
    if ((un ? mqtt_unsubscribe_decode : mqtt_subscribe_decode)(body, &s) != OK)
        return;
    while ((un ? mqtt_unsubscribe_next : mqtt_subscribe_next)(&s.filters, &filters[n]))
        n++;
    check(n == s.count);
    (un ? mqtt_unsubscribe_encode : mqtt_subscribe_encode)(s.packet_id, filters, n, b);
    check(slice_eq(body_of(b), body));
}

static void try_answer(const struct mqtt_packet *p)
{
    struct mqtt_connack connack;
    uint16_t id;
    struct slice codes;
    if (mqtt_connack_decode(p->body, &connack) == OK)
        check(p->body.len == 2);
    if (mqtt_suback_decode(p->body, &id, &codes) == OK)
        check(codes.len == p->body.len - 2);
    if (mqtt_packet_id_decode(p->body, &id) == OK)
        check(id != 0);
}

static void try_all(const struct mqtt_packet *p)
{
    struct buffer b = {0};
    switch (p->type) {
    case MQTT_CONNECT:
        try_connect(p->body, &b);
        break;
    case MQTT_PUBLISH:
        try_publish(p, &b);
        break;
    case MQTT_SUBSCRIBE:
    case MQTT_UNSUBSCRIBE:
        try_subscribe(p->body, p->type == MQTT_UNSUBSCRIBE, &b);
        break;
    default:
        try_answer(p);
    }
    buffer_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    if (len == 0)
        return 0;
    struct mqtt_framer f;
    mqtt_framer_init(&f, MAX);
    size_t step = at[0] + 1u;
    enum status s = AGAIN;
    for (struct slice rest = slice_from(at + 1, len - 1); rest.len && s == AGAIN;
         rest = slice_skip(rest, step)) {
        struct slice piece = slice_first(rest, step);
        struct mqtt_packet p;
        while ((s = mqtt_framer_next(&f, &piece, &p)) == OK)
            try_all(&p);
        check(f.tail.len <= MAX);
    }
    mqtt_framer_clear(&f);
    return 0;
}
