/* The device client over MQTT 3.1.1: device_mqtt.c stream and packets, device_mqtt_sign_in.c how it
 * comes up and stays, device_mqtt_down.c what the hub sends. */
#pragma once

#include "client/device_priv.h"
#include "mqtt/framer.h"

#define DEVICE_PACKET_MAX ((256u << 10) + (64u << 10) + 16) /* of a packet from the hub */

struct device_mqtt {
    struct stream *stream; /* NULL: it has ended */
    struct mqtt_framer framer;
    struct loop_timer timer;   /* CONNACK's deadline; pings */
    struct loop_timer renewal; /* of the token */
    uint64_t heard_ms, pinged_ms;
    enum status why; /* it ends, if we know better than the stream */
};

static inline struct device_mqtt *device_mqtt_of(const struct device_client *c)
{
    return c->link;
}

/* Ends the connection: device_lost() follows. */
void device_mqtt_end(struct device_client *c, enum status why);
/* Publishes at QoS 0. */
void device_mqtt_publish(struct device_client *c, struct slice topic, struct slice payload);

/* device_mqtt_sign_in.c: the stream is open; CONNACK and SUBACK have come. The status ends the
 * connection unless it is OK. */
void device_mqtt_hello(void *client);
CHECKED enum status device_mqtt_connack(struct device_client *c, const struct mqtt_packet *p);
CHECKED enum status device_mqtt_suback(struct device_client *c, const struct mqtt_packet *p);

/* device_mqtt_down.c: PUBLISH from the hub. BAD_FORMAT: not what a hub sends. */
CHECKED enum status device_mqtt_down(struct device_client *c, const struct mqtt_packet *p);
void device_mqtt_subscribe(struct device_client *c);
