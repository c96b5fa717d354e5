/* A device's MQTT connection that subscribes to one filter, as the loads need it. Written with
 * packet.h and not with lib/mqtt, whose mistakes must not cancel out. */
#pragma once

#include "bench/packet.h"
#include "io/stream.h"

struct mqtt_device;

struct mqtt_device_events {
    void (*on_ready)(void *arg); /* subscribed */
    void (*on_publish)(void *arg, struct slice topic, struct slice payload,
                       uint16_t id /* 0: QoS 0 */);
    void (*on_fail)(void *arg, const char *why);
};

struct mqtt_device_config {
    struct connect_config connect;
    struct slice account; /* client id, user name and password, separated by tabs */
    const char *filter;
    uint8_t qos;
    const struct mqtt_device_events *events;
    void *arg;
};

struct mqtt_device *mqtt_device_open(const struct mqtt_device_config *config);
void mqtt_device_publish(struct mqtt_device *d, struct slice topic,
                         struct slice payload); /* QoS 0 */
void mqtt_device_acknowledge(struct mqtt_device *d, uint16_t id);

/* After its loop was freed. */
void mqtt_device_free(struct mqtt_device **d);
