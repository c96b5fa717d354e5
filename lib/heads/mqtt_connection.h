/* One MQTT connection, for the files of this head alone: see mqtt.h for which does what. */
#pragma once

#include <pthread.h>

#include "base/arena.h"
#include "base/list.h"
#include "heads/calls.h"
#include "heads/mqtt.h"
#include "heads/mqtt_answers.h"
#include "heads/mqtt_topic.h"
#include "iot/bag.h"
#include "mqtt/connect.h"
#include "mqtt/framer.h"
#include "mqtt/publish.h"

struct heads_mqtt {
    struct heads_backend *backend;
    struct heads_mqtt_other other; /* claims is NULL: nobody */
    pthread_mutex_t lock; /* connections come and go on all loops: only then is it taken */
    struct list connections;
    uint32_t next_serial; /* under the lock */
};

enum heads_mqtt_state {
    HEADS_MQTT_WAITING,    /* for CONNECT, then SIGNING_IN or DIVERTED */
    HEADS_MQTT_DIVERTED,   /* is another's, and goes there on a turn of its own */
    HEADS_MQTT_SIGNING_IN, /* moving to the owner's loop, waiting for the backend; then READY */
    HEADS_MQTT_READY,
    HEADS_MQTT_ENDING, /* from each of them: nothing is read any more, on_close follows */
};

/* What CONNECT said, until the last will is no longer needed. */
struct heads_mqtt_hello {
    struct arena arena;
    struct heads_credentials credentials;
    struct mqtt_connect connect;
};

struct heads_mqtt_delivery; /* mqtt_down.c: a message that is not acknowledged */

struct heads_mqtt_connection {
    struct heads_session session; /* first: the backend's handle */
    struct heads_mqtt *head;
    struct link link; /* in head->connections */
    struct stream *stream;
    struct heads_device *device; /* NULL before signing in and after signing out */
    struct iot_id id;            /* its bytes are in base */
    struct buffer base;          /* "devices/d/" */
    struct heads_mqtt_hello *hello;
    enum heads_mqtt_state state;
    uint32_t serial; /* the high half of telemetry's tokens: the answer to another connection's is
                        known by it */
    bool signed_out;
    bool said_goodbye; /* DISCONNECT: no last will */
    bool clean;        /* the session ends with the connection */
    bool full;         /* the backend has no room: nothing is read until resume() */
    bool choked; /* the device does not read what we answer: nothing is read until on_drain() */
    bool paused;
    enum status why; /* of the end */
    const char *reason;

    struct mqtt_framer framer;
    struct buffer held;      /* read, and not to be handled yet */
    struct loop_timer turn;  /* goes on outside of the callback that we are in */
    struct loop_timer watch; /* for CONNACK, then for silence */
    uint64_t heard_ms;
    uint64_t silence_ms_max;

    struct heads_mqtt_answers answers;
    struct iot_bag bag;
    struct buffer topic; /* of what is being sent */
    struct list twin_requests;
    uint64_t twin_request_next; /* the token */
    uint32_t twin_request_count;
    bool subscribed[HEADS_MQTT_FILTER_COUNT];
    enum mqtt_qos qos[HEADS_MQTT_FILTER_COUNT]; /* that was granted */
    struct heads_calls calls;
    struct heads_mqtt_delivery *deliveries; /* HEADS_MQTT_DELIVERIES_MAX, NULL until the first */
    uint16_t next_delivery;
    uint32_t returned[HEADS_MQTT_FILTER_COUNT]; /* deliveries given back: their credit, until the device reads again */
};

/* For log lines: "device=" HEADS_MQTT_WHO, HEADS_MQTT_WHO_OF(c). */
#define HEADS_MQTT_WHO "%.*s%s%.*s"
#define HEADS_MQTT_WHO_OF(c)                                                                       \
    SLICE_FMT((c)->id.device), (c)->id.module.len ? "/" : "", SLICE_FMT((c)->id.module)

static inline const struct heads_backend_ops *heads_mqtt_ops(const struct heads_mqtt_connection *c)
{
    return c->head->backend->ops;
}

/* mqtt.c */

/* At once, without sending what is unsent; the log gets the reason. Signs out in on_close. */
void heads_mqtt_end(struct heads_mqtt_connection *c, enum status why, const char *reason);
/* The same, but what was written still goes out. */
void heads_mqtt_end_gently(struct heads_mqtt_connection *c, enum status why, const char *reason);
/* There may be room to read on: looks on a later turn. */
void heads_mqtt_read_on(struct heads_mqtt_connection *c);
/* Will and sign_out, once. */
void heads_mqtt_leave(struct heads_mqtt_connection *c);

/* mqtt_sign_in.c */
void heads_mqtt_connect(struct heads_mqtt_connection *c, const struct mqtt_packet *p);
void heads_mqtt_sign_in(
    struct heads_mqtt_connection *c); /* on a turn of its own: may move the stream */
void heads_mqtt_signed_in(struct heads_session *s, enum status why, struct heads_device *device);
void heads_mqtt_will(struct heads_mqtt_connection *c);

/* mqtt_up.c */
void heads_mqtt_up(struct heads_mqtt_connection *c, const struct mqtt_packet *p); /* when READY */
/* After CONNACK: what the session before this connection subscribed to. */
void heads_mqtt_restore(struct heads_mqtt_connection *c);
/* FULL: nothing was noted, the same may be tried again. Other failures: refused. */
enum status heads_mqtt_telemetry(struct heads_mqtt_connection *c, const struct mqtt_publish *m,
                                 struct slice bag, bool is_will);

/* mqtt_twin.c */
void heads_mqtt_twin_ask(struct heads_mqtt_connection *c, const struct heads_mqtt_topic *t,
                         struct slice payload);
void heads_mqtt_twin(struct heads_session *s, uint64_t token, enum status why, struct slice json);
void heads_mqtt_reported(struct heads_session *s, uint64_t token, enum status why,
                         uint64_t version);
void heads_mqtt_twin_clear(struct heads_mqtt_connection *c);

/* mqtt_down.c */
extern const struct heads_session_ops heads_mqtt_session_ops;
/* Publishes to c->topic, if the device reads; else OFFLINE, and nothing was sent. */
CHECKED enum status heads_mqtt_down(struct heads_mqtt_connection *c, struct slice payload,
                                    uint16_t packet_id);
void heads_mqtt_method_reply(struct heads_mqtt_connection *c, const struct heads_mqtt_topic *t,
                             struct slice payload);
void heads_mqtt_puback(struct heads_mqtt_connection *c, uint16_t packet_id);
/* After SUBSCRIBE: messages may come. */
void heads_mqtt_deliver_begin(struct heads_mqtt_connection *c, enum heads_mqtt_filter f);
/* The device reads again. */
void heads_mqtt_deliver_on(struct heads_mqtt_connection *c);
void heads_mqtt_down_clear(struct heads_mqtt_connection *c);
