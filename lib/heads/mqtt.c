#include "heads/mqtt.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "heads/mqtt_connection.h"

/* ---- what a connection is told apart by, and its end ---- */

static void hello_free(struct heads_mqtt_hello *h)
{
    if (h)
        arena_clear(&h->arena);
    free(h);
}

static void connection_free(struct heads_mqtt_connection *c)
{
    mqtt_framer_clear(&c->framer);
    buffer_clear(&c->held);
    buffer_clear(&c->base);
    buffer_clear(&c->topic);
    iot_bag_clear(&c->bag);
    heads_mqtt_answers_clear(&c->answers);
    heads_mqtt_twin_clear(c);
    heads_mqtt_down_clear(c);
    hello_free(c->hello);
    free(c);
}

/* What is nobody's fault is worth a line for those who look; the rest is a warning. */
static enum log_level end_level(enum status why)
{
    return why == OK || why == CLOSED || why == REPLACED || why == CANCELLED ? LOG_LEVEL_INFO
                                                                             : LOG_LEVEL_WARN;
}

static void ending(struct heads_mqtt_connection *c, enum status why, const char *reason)
{
    c->state = HEADS_MQTT_ENDING;
    c->why = why;
    c->reason = reason;
    loop_timer_stop(&c->turn);
    loop_timer_stop(&c->watch);
}

void heads_mqtt_end(struct heads_mqtt_connection *c, enum status why, const char *reason)
{
    if (c->state != HEADS_MQTT_ENDING)
        ending(c, why, reason);
    stream_abort(c->stream, why);
}

void heads_mqtt_end_gently(struct heads_mqtt_connection *c, enum status why, const char *reason)
{
    if (c->state == HEADS_MQTT_ENDING)
        return;
    ending(c, why, reason);
    stream_close(c->stream);
}

void heads_mqtt_leave(struct heads_mqtt_connection *c)
{
    if (c->signed_out)
        return;
    c->signed_out = true;
    if (c->device)
        heads_mqtt_will(c);
    heads_mqtt_ops(c)->sign_out(c->head->backend, &c->session, c->device);
    c->device = NULL;
}

static void on_close(void *arg, enum status why)
{
    struct heads_mqtt_connection *c = arg;
    if (c->state != HEADS_MQTT_ENDING)
        ending(c, why, why == CLOSED ? "the device closed the connection" : "connection lost");
    log_line(end_level(c->why),
             "mqtt connection ended device=" HEADS_MQTT_WHO " peer=%s status=%s reason=\"%s\"",
             HEADS_MQTT_WHO_OF(c), stream_peer(c->stream), status_name(c->why), c->reason);
    heads_mqtt_leave(c);
    pthread_mutex_lock(&c->head->lock);
    list_remove(&c->link);
    pthread_mutex_unlock(&c->head->lock);
    connection_free(c);
}

/* ---- reading ---- */

static bool takes_packets(const struct heads_mqtt_connection *c)
{
    if (c->state == HEADS_MQTT_READY)
        return !c->full && !c->choked && !heads_mqtt_answers_full(&c->answers);
    return c->state == HEADS_MQTT_WAITING;
}

static void packet(struct heads_mqtt_connection *c, const struct mqtt_packet *p)
{
    if (c->state == HEADS_MQTT_READY)
        heads_mqtt_up(c, p);
    else if (p->type == MQTT_CONNECT)
        heads_mqtt_connect(c, p);
    else
        heads_mqtt_end(c, BAD_FORMAT, "the first packet is not CONNECT"); /* [MQTT-3.1.0-1] */
}

static void pause_reading(struct heads_mqtt_connection *c, bool paused)
{
    if (c->paused != paused)
        stream_pause(c->stream, paused);
    c->paused = paused;
}

#define KEPT_BYTES 4096 /* of scratch memory: connections are many and mostly idle */

static void give_back(struct heads_mqtt_connection *c)
{
    if (c->bag.text.cap > KEPT_BYTES || c->bag.properties.cap > KEPT_BYTES)
        iot_bag_clear(&c->bag);
    if (c->topic.cap > KEPT_BYTES)
        buffer_clear(&c->topic);
}

/* Handles what can be handled; what cannot is held, and no more is read. */
static void feed(struct heads_mqtt_connection *c, struct slice bytes)
{
    enum status s = OK;
    while (takes_packets(c)) {
        struct mqtt_packet p;
        s = mqtt_framer_next(&c->framer, &bytes, &p);
        if (s != OK)
            break;
        packet(c, &p);
        if (c->full)
            buffer_put(&c->held, p.whole);
    }
    if (c->state == HEADS_MQTT_ENDING)
        return;
    if (s != OK && s != AGAIN) {
        heads_mqtt_end(c, s, s == TOO_LARGE ? "packet too large" : "not MQTT 3.1.1");
        return;
    }
    buffer_put(&c->held, bytes);
    c->choked = stream_unsent(c->stream) > STREAM_HIGH_BYTES;
    pause_reading(c, !takes_packets(c));
    give_back(c);
    stream_flush(c->stream);
}

static void on_data(void *arg, struct slice bytes)
{
    struct heads_mqtt_connection *c = arg;
    c->heard_ms = loop_now_ms(c->session.loop);
    if (c->state == HEADS_MQTT_ENDING)
        return;
    if (c->held.len || !takes_packets(c))
        buffer_put(&c->held, bytes); /* behind what waits; what arrives while paused is one read */
    else
        feed(c, bytes);
}

/* The connection is none of ours: only its stream and what was read live on. */
static void divert(struct heads_mqtt_connection *c)
{
    struct heads_mqtt *h = c->head;
    struct stream *stream = c->stream;
    struct buffer read = c->held;
    c->held = (struct buffer){0};
    pause_reading(c, false);
    loop_timer_stop(&c->watch);
    pthread_mutex_lock(&h->lock);
    list_remove(&c->link);
    pthread_mutex_unlock(&h->lock);
    connection_free(c);
    h->other.accept(h->other.arg, stream, buffer_slice(&read));
    buffer_clear(&read);
}

static void on_turn(void *arg)
{
    struct heads_mqtt_connection *c = arg;
    if (c->state == HEADS_MQTT_DIVERTED) {
        divert(c);
        return;
    }
    if (c->state == HEADS_MQTT_SIGNING_IN) {
        heads_mqtt_sign_in(c);
        return;
    }
    struct buffer held = c->held;
    c->held = (struct buffer){0};
    feed(c, buffer_slice(&held));
    buffer_clear(&held);
}

void heads_mqtt_read_on(struct heads_mqtt_connection *c)
{
    bool waits = c->paused || c->held.len || c->state == HEADS_MQTT_SIGNING_IN;
    if (c->state != HEADS_MQTT_ENDING && waits && c->turn.node.index == 0)
        loop_timer_start(c->session.loop, &c->turn, 0, on_turn, c);
}

/* ---- coming and going ---- */

static void on_drain(void *arg)
{
    struct heads_mqtt_connection *c = arg;
    c->choked = false;
    heads_mqtt_deliver_on(c);
    heads_mqtt_read_on(c);
}

static const struct stream_events events = {
    .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

static void on_late(void *arg)
{
    heads_mqtt_end(arg, TIMED_OUT, "CONNECT was not completed in time");
}

void heads_mqtt_accept(struct heads_mqtt *h, struct stream *s)
{
    struct heads_mqtt_connection *c = MEMORY_NEW(struct heads_mqtt_connection);
    c->session = (struct heads_session){.ops = &heads_mqtt_session_ops, .loop = stream_loop(s)};
    c->head = h;
    c->stream = s;
    c->signed_out = true; /* it never signed in */
    mqtt_framer_init(&c->framer, HEADS_MQTT_CONNECT_MAX);
    list_init(&c->twin_requests);
    pthread_mutex_lock(&h->lock);
    c->serial = ++h->next_serial;
    list_push(&h->connections, &c->link);
    pthread_mutex_unlock(&h->lock);
    stream_events(s, &events, c);
    loop_timer_start(c->session.loop, &c->watch, HEADS_MQTT_CONNECT_MS, on_late, c);
}

void heads_mqtt_divert(struct heads_mqtt *h, const struct heads_mqtt_other *other)
{
    h->other = *other;
}

struct heads_mqtt *heads_mqtt_new(struct heads_backend *backend)
{
    struct heads_mqtt *h = MEMORY_NEW(struct heads_mqtt);
    h->backend = backend;
    list_init(&h->connections);
    pthread_mutex_init(&h->lock, NULL);
    return h;
}

void heads_mqtt_free(struct heads_mqtt **head)
{
    struct heads_mqtt *h = *head;
    if (h == NULL)
        return;
    struct link *l;
    while ((l = list_pop(&h->connections)))
        connection_free(LIST_OF(l, struct heads_mqtt_connection, link));
    pthread_mutex_destroy(&h->lock);
    free(h);
    *head = NULL;
}
