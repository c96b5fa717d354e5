/* What the files of the broker's client share: broker.c its life and what is published,
 * broker_down.c what it is subscribed to. */
#pragma once

#include "base/arena.h"
#include "client/backoff.h"
#include "client/broker.h"
#include "client/broker_window.h"
#include "mqtt/framer.h"

enum broker_state {
    BROKER_WAITING,    /* for the next attempt; then CONNECTING */
    BROKER_CONNECTING, /* the stream is; then SIGNING_IN or WAITING */
    BROKER_SIGNING_IN, /* CONNECT is sent; then UP or WAITING */
    BROKER_UP,         /* until the stream ends: WAITING */
};

struct broker {
    struct broker_config config; /* its texts are in `arena` */
    struct arena arena;
    enum broker_state state;
    struct stream *stream; /* NULL while WAITING */
    struct mqtt_framer framer;
    struct broker_window window;
    bool fresh;   /* no connection of this client was accepted yet */
    bool refused; /* a send was answered FULL: on_room is owed */
    bool freed;
    unsigned busy; /* callbacks of ours that we are in */
    enum status why;
    char said[96]; /* the last reason that was logged */

    /* What the broker allows. */
    uint32_t flying_max, packet_max;
    uint8_t qos_max;
    bool retain_available;
    uint16_t keep_alive_s;

    struct loop_timer timer; /* next attempt; CONNACK's deadline; pings */
    struct loop_timer told;  /* QoS 0 messages that were written are told */
    struct backoff backoff;
    uint64_t heard_ms, pinged_ms;
};

/* Each reason once, until something else happens. */
void broker_say(struct broker *b, const char *what, uint8_t code, struct slice text);

/* broker_down.c: the connection is up; SUBACK and PUBLISH have come. */
void broker_subscribe(struct broker *b);
CHECKED enum status broker_suback(struct broker *b, const struct mqtt_packet *p);
CHECKED enum status broker_down(struct broker *b, const struct mqtt_packet *p);
