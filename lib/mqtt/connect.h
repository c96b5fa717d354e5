/* CONNECT and CONNACK, MQTT 3.1.1 sections 3.1 and 3.2. */
#pragma once

#include "mqtt/packet.h"

struct mqtt_connect {
    struct slice client_id;
    struct slice username; /* has_username tells an empty one from none */
    struct slice password; /* bytes, not text */
    struct slice will_topic;
    struct slice will_payload;
    uint16_t keep_alive_s; /* 0: off */
    enum mqtt_qos will_qos;
    bool has_username, has_password, has_will;
    bool will_retain;
    bool clean_session;
};

/* UNSUPPORTED: another version; answer MQTT_CONNACK_VERSION and close [MQTT-3.1.2-2]. */
CHECKED enum status mqtt_connect_decode(struct slice body, struct mqtt_connect *out);
void mqtt_connect_encode(const struct mqtt_connect *c, struct buffer *out);

/* Table 3.1. */
enum mqtt_connack_code {
    MQTT_CONNACK_ACCEPTED,
    MQTT_CONNACK_VERSION,
    MQTT_CONNACK_CLIENT_ID,
    MQTT_CONNACK_UNAVAILABLE,
    MQTT_CONNACK_CREDENTIALS,
    MQTT_CONNACK_UNAUTHORIZED,
};

struct mqtt_connack {
    enum mqtt_connack_code code;
    bool session_present;
};

CHECKED enum status mqtt_connack_decode(struct slice body, struct mqtt_connack *out);
void mqtt_connack_encode(struct mqtt_connack c, struct buffer *out);
