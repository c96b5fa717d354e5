#include "bench/mqtt_device.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/reader.h"

struct mqtt_device {
    struct mqtt_device_config config;
    struct stream *stream;
    struct buffer account, unread;
};

static void on_open(void *arg)
{
    struct mqtt_device *d = arg;
    struct slice rest = buffer_slice(&d->account), part;
    struct buffer body = {0};
    packet_put_text(&body, SLICE("MQTT"));
    buffer_put(&body, SLICE("\4\302\0\0")); /* version, user name, password, clean; no keep-alive */
    for (int i = 0; i < 3 && slice_split(&rest, '\t', &part); i++)
        packet_put_text(&body, part);
    packet_put(stream_out(d->stream), CONNECT << 4, buffer_slice(&body));
    stream_flush(d->stream);
    buffer_clear(&body);
}

static void subscribe(struct mqtt_device *d)
{
    struct buffer body = {0};
    buffer_u16(&body, 1);
    packet_put_text(&body, slice_of(d->config.filter));
    buffer_u8(&body, d->config.qos);
    packet_put(stream_out(d->stream), SUBSCRIBE << 4 | 2, buffer_slice(&body));
    buffer_clear(&body);
}

static void on_message(struct mqtt_device *d, uint8_t first, struct slice body)
{
    struct reader r = reader_of(body);
    struct slice topic = reader_bytes(&r, reader_u16(&r));
    uint16_t id = first & 6 ? reader_u16(&r) : 0;
    struct slice payload = reader_rest(&r);
    if (reader_ok(&r))
        d->config.events->on_publish(d->config.arg, topic, payload, id);
}

static void on_packet(struct mqtt_device *d, uint8_t first, struct slice body)
{
    switch (first >> 4) {
    case CONNACK:
        if (body.len == 2 && body.at[1] == 0)
            subscribe(d);
        else
            stream_abort(d->stream, UNAUTHORIZED);
        break;
    case SUBACK:
        d->config.events->on_ready(d->config.arg);
        break;
    case PUBLISH:
        on_message(d, first, body);
        break;
    }
}

static void on_data(void *arg, struct slice bytes)
{
    struct mqtt_device *d = arg;
    buffer_put(&d->unread, bytes);
    struct slice body, rest = buffer_slice(&d->unread);
    for (size_t n; (n = packet_size(rest, &body)) > 0; rest = slice_skip(rest, n))
        on_packet(d, rest.at[0], body);
    buffer_drop(&d->unread, d->unread.len - rest.len);
    stream_flush(d->stream);
}

static void on_close(void *arg, enum status why)
{
    struct mqtt_device *d = arg;
    fprintf(stderr, "connection closed status=%s\n", status_name(why));
    d->config.events->on_fail(d->config.arg, "a device's connection closed");
}

static const struct stream_events events = {
    .on_open = on_open, .on_data = on_data, .on_close = on_close};

struct mqtt_device *mqtt_device_open(const struct mqtt_device_config *config)
{
    struct mqtt_device *d = MEMORY_NEW(struct mqtt_device);
    d->config = *config;
    buffer_put(&d->account, config->account);
    d->stream = stream_connect(&config->connect, &events, d);
    return d;
}

void mqtt_device_publish(struct mqtt_device *d, struct slice topic, struct slice payload)
{
    struct buffer body = {0};
    packet_put_text(&body, topic);
    buffer_put(&body, payload);
    packet_put(stream_out(d->stream), PUBLISH << 4, buffer_slice(&body));
    stream_flush(d->stream);
    buffer_clear(&body);
}

void mqtt_device_acknowledge(struct mqtt_device *d, uint16_t id)
{
    uint8_t body[] = {(uint8_t)(id >> 8), (uint8_t)id};
    packet_put(stream_out(d->stream), PUBACK << 4, slice_from(body, sizeof(body)));
    stream_flush(d->stream);
}

void mqtt_device_free(struct mqtt_device **d)
{
    if (*d == NULL)
        return;
    buffer_clear(&(*d)->account);
    buffer_clear(&(*d)->unread);
    free(*d);
    *d = NULL;
}
