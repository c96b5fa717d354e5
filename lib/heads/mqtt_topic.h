/* IoT Hub's MQTT topics and filters, told apart. Pure: the slices point into the topic. */
#pragma once

#include "base/buffer.h"
#include "base/status.h"
#include "iot/identity.h"

/* "devices/{d}/" or "devices/{d}/modules/{m}/": what a connection's own topics begin with. Ids are
 * not encoded. */
void heads_mqtt_topic_base(struct iot_id id, struct buffer *out);

enum heads_mqtt_up {
    HEADS_MQTT_TELEMETRY,
    HEADS_MQTT_METHOD_REPLY,
    HEADS_MQTT_TWIN_GET,
    HEADS_MQTT_TWIN_REPORT
};

struct heads_mqtt_topic {
    enum heads_mqtt_up kind;
    struct slice bag; /* of telemetry */
    struct slice rid; /* of the others, as sent */
    int status;       /* of a method's reply */
};

/* What a device may publish to. BAD_FORMAT: nothing of the kind, somebody else's, or without its
 * $rid. */
CHECKED enum status heads_mqtt_topic_parse(struct slice topic, struct slice base,
                                           struct heads_mqtt_topic *out);

enum heads_mqtt_filter {
    HEADS_MQTT_METHODS,
    HEADS_MQTT_TWIN,
    HEADS_MQTT_DESIRED,
    HEADS_MQTT_DEVICEBOUND,
    HEADS_MQTT_INPUTS,
    HEADS_MQTT_FILTER_COUNT
};

/* What a device may subscribe to. BAD_FORMAT: nothing of the kind, or somebody else's. */
CHECKED enum status heads_mqtt_topic_filter(struct slice filter, struct slice base,
                                            enum heads_mqtt_filter *out);
