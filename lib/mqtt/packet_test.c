#include "mqtt/packet.h"

#include "base/cmocka.h"
#include "mqtt/framer.h"

#define MAX 1000

static void takes_packets_one_by_one(void **state)
{
    (void)state;
    struct slice bytes = SLICE("\x40\x02\x00\x07\xc0\x00\x30");
    struct mqtt_packet p;
    assert_int_equal(mqtt_packet_next(&bytes, MAX, &p), OK);
    assert_int_equal(p.type, MQTT_PUBACK);
    assert_slice(p.body, SLICE("\0\7"));
    assert_slice(p.whole, SLICE("\x40\x02\x00\x07"));
    assert_int_equal(mqtt_packet_next(&bytes, MAX, &p), OK);
    assert_int_equal(p.type, MQTT_PINGREQ);
    assert_int_equal(p.body.len, 0);
    assert_int_equal(mqtt_packet_next(&bytes, MAX, &p), AGAIN);
    assert_slice(bytes, SLICE("\x30"));
}

/* Table 2.4: the ends of each range of lengths. */
static void measures_every_length(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0,     127,     128,     16383,
                                       16384, 2097151, 2097152, MQTT_REMAINING_MAX};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct buffer b = {0};
        size_t len;
        mqtt_packet_head_encode(MQTT_PUBLISH, 0, lengths[i], &b);
        assert_int_equal(b.len, 2 + i / 2);
        assert_int_equal(mqtt_packet_measure(buffer_slice(&b), SIZE_MAX, &len), OK);
        assert_int_equal(len, b.len + lengths[i]);
        assert_int_equal(mqtt_packet_measure(buffer_slice(&b), len, &len), OK);
        assert_int_equal(mqtt_packet_measure(buffer_slice(&b), len - 1, &len), TOO_LARGE);
        for (size_t cut = 0; cut < b.len; cut++)
            assert_int_equal(mqtt_packet_measure(slice_from(b.at, cut), SIZE_MAX, &len), AGAIN);
        buffer_clear(&b);
    }
}

static void refuses_broken_headers(void **state)
{
    (void)state;
    size_t len;
    assert_int_equal(mqtt_packet_measure(SLICE("\x30\xff\xff\xff\xff\x01"), SIZE_MAX, &len),
                     BAD_FORMAT);
    for (unsigned first = 0; first < 256; first++) {
        unsigned type = first >> 4, flags = first & 15;
        bool takes_2 = type == MQTT_PUBREL || type == MQTT_SUBSCRIBE || type == MQTT_UNSUBSCRIBE;
        bool good = type == MQTT_PUBLISH || (type != 0 && type != 15 && flags == (takes_2 ? 2 : 0));
        uint8_t bytes[2] = {(uint8_t)first, 0};
        assert_int_equal(mqtt_packet_measure(slice_from(bytes, 2), MAX, &len),
                         good ? OK : BAD_FORMAT);
    }
}

static void encodes_acknowledgements(void **state)
{
    (void)state;
    struct buffer b = {0};
    mqtt_packet_id_encode(MQTT_PUBACK, 0x1234, &b);
    mqtt_packet_id_encode(MQTT_UNSUBACK, 1, &b);
    mqtt_packet_id_encode(MQTT_PUBREL, 1, &b);
    mqtt_packet_bare_encode(MQTT_PINGRESP, &b);
    mqtt_packet_bare_encode(MQTT_DISCONNECT, &b);
    assert_slice(buffer_slice(&b),
                 SLICE("\x40\x02\x12\x34\xb0\x02\x00\x01\x62\x02\x00\x01\xd0\x00\xe0\x00"));
    buffer_clear(&b);

    uint16_t id;
    assert_int_equal(mqtt_packet_id_decode(SLICE("\x12\x34"), &id), OK);
    assert_int_equal(id, 0x1234);
    assert_int_equal(mqtt_packet_id_decode(SLICE("\0\0"), &id), BAD_FORMAT);
    assert_int_equal(mqtt_packet_id_decode(SLICE("\0"), &id), BAD_FORMAT);
    assert_int_equal(mqtt_packet_id_decode(SLICE("\0\1\0"), &id), BAD_FORMAT);
}

/* However the bytes are cut, the same packets come out. */
static void frames_a_stream_cut_anywhere(void **state)
{
    (void)state;
    struct buffer b = {0};
    static const size_t bodies[] = {0, 1, 2, 126, 127, 128, 900};
    enum { COUNT = sizeof bodies / sizeof *bodies };
    for (size_t i = 0; i < COUNT; i++) {
        mqtt_packet_head_encode(MQTT_PUBLISH, 0, bodies[i], &b);
        memset(buffer_reserve(&b, bodies[i]), 'a' + (int)i, bodies[i]);
        buffer_added(&b, bodies[i]);
    }
    for (size_t step = 1; step <= b.len; step++) {
        struct mqtt_framer f;
        mqtt_framer_init(&f, MAX);
        size_t found = 0;
        for (struct slice rest = buffer_slice(&b); rest.len; rest = slice_skip(rest, step)) {
            struct slice piece = slice_first(rest, step);
            struct mqtt_packet p;
            enum status s;
            while ((s = mqtt_framer_next(&f, &piece, &p)) == OK) {
                assert_int_equal(p.body.len, bodies[found]);
                if (p.body.len)
                    assert_int_equal(p.body.at[p.body.len - 1], 'a' + (int)found);
                found++;
            }
            assert_int_equal(s, AGAIN);
            assert_int_equal(piece.len, 0);
        }
        assert_int_equal(found, COUNT);
        mqtt_framer_clear(&f);
    }
    buffer_clear(&b);
}

static void framing_refuses_what_is_too_long(void **state)
{
    (void)state;
    struct mqtt_framer f;
    struct mqtt_packet p;
    struct slice first = SLICE("\x30"), rest = SLICE("\xff\x07");
    mqtt_framer_init(&f, MAX);
    assert_int_equal(mqtt_framer_next(&f, &first, &p), AGAIN);
    assert_int_equal(mqtt_framer_next(&f, &rest, &p), TOO_LARGE);
    mqtt_framer_clear(&f);
}

static void names_packets(void **state)
{
    (void)state;
    assert_string_equal(mqtt_packet_name(MQTT_PUBLISH), "PUBLISH");
    assert_string_equal(mqtt_packet_name(0), "unknown");
    assert_string_equal(mqtt_packet_name(200), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_packets_one_by_one),
        cmocka_unit_test(measures_every_length),
        cmocka_unit_test(refuses_broken_headers),
        cmocka_unit_test(encodes_acknowledgements),
        cmocka_unit_test(frames_a_stream_cut_anywhere),
        cmocka_unit_test(framing_refuses_what_is_too_long),
        cmocka_unit_test(names_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
