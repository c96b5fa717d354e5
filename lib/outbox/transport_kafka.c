/*
 * Kafka (kafka/producer.h). "topic=" in the connection string is the topic of all messages; without
 * it each message's own is, as far as Kafka allows its letters. The message's topic is the key in
 * any case, so that what is of one topic stays in one partition, in its order. Properties are
 * headers.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/memory.h"
#include "iot/message.h"
#include "kafka/producer.h"
#include "outbox/transport.h"

#define PROPERTIES_MAX 64

struct to_kafka {
    struct transport base;
    struct transport_config config;
    struct kafka_producer *producer;
    char *topic; /* NULL: each message's own */
    struct buffer name, headers;
};

static void on_sent(void *arg, uint64_t token, enum status why)
{
    struct to_kafka *t = arg;
    t->config.events->on_sent(t->config.arg, token, why);
}

static void on_room(void *arg)
{
    struct to_kafka *t = arg;
    t->config.events->on_room(t->config.arg);
}

static const char *topic_of(struct to_kafka *t, const struct outgoing_view *v)
{
    if (t->topic)
        return t->topic;
    buffer_reset(&t->name);
    kafka_topic_put(v->topic.len ? v->topic : SLICE("messages"), &t->name);
    return buffer_cstr(&t->name);
}

static enum status send(struct transport *transport, const struct outgoing_view *v, uint64_t token)
{
    struct to_kafka *t = (struct to_kafka *)transport;
    buffer_reset(&t->headers);
    iot_property_put(&t->headers, SLICE("content-type"), v->content_type);
    iot_property_put(&t->headers, SLICE("content-encoding"), v->content_encoding);
    buffer_put(&t->headers, v->properties);
    struct kafka_message m = {.topic = topic_of(t, v),
                              .key = v->topic,
                              .body = v->body,
                              .headers = buffer_slice(&t->headers)};
    return kafka_producer_send(t->producer, &m, token);
}

/* Names and values for the producer, but for what is ours. */
static void read_properties(struct to_kafka *t, struct arena *a, const char **list, bool *servers)
{
    struct transport_text text = {slice_of(t->config.connection)};
    struct slice name, value;
    size_t n = 0;
    while (n < PROPERTIES_MAX && transport_text_next(&text, &name, &value)) {
        if (slice_eq_nocase(name, SLICE("topic"))) {
            t->topic = slice_dup(value);
            continue;
        }
        if (slice_eq_nocase(name, SLICE("HostName")))
            name = SLICE("bootstrap.servers");
        *servers |= slice_eq(name, SLICE("bootstrap.servers"));
        list[2 * n] = arena_text(a, name);
        list[2 * n++ + 1] = arena_text(a, value);
    }
}

static enum status open_producer(struct to_kafka *t)
{
    const char *list[2 * PROPERTIES_MAX + 1] = {0};
    struct arena a = {0};
    bool servers = false;
    enum status s = BAD_ARGUMENT;
    read_properties(t, &a, list, &servers);
    if (!servers)
        log_error(
            "publisher kafka: the connection string needs bootstrap.servers=host:port; topic= and "
            "any other property of its clients may stand with it");
    else
        s = kafka_producer_new(&(struct kafka_producer_config){.loop = t->config.loop,
                                                               .client_id = t->config.client_id,
                                                               .ca_file = t->config.ca_file,
                                                               .properties = list,
                                                               .on_sent = on_sent,
                                                               .on_room = on_room,
                                                               .arg = t},
                               &t->producer);
    arena_clear(&a);
    return s;
}

static void close(struct transport **transport)
{
    struct to_kafka *t = (struct to_kafka *)*transport;
    kafka_producer_free(&t->producer);
    buffer_clear(&t->name);
    buffer_clear(&t->headers);
    free(t->topic);
    free(t);
    *transport = NULL;
}

static enum status open(const struct transport_config *config, struct transport **out)
{
    struct to_kafka *t = MEMORY_NEW(struct to_kafka);
    t->base.ops = &transport_kafka;
    t->config = *config;
    enum status s = open_producer(t);
    if (s == OK)
        *out = &t->base;
    else
        close(&(struct transport *){&t->base});
    return s;
}

const struct transport_ops transport_kafka = {
    .name = "Kafka", .keeps_connection = true, .open = open, .send = send, .close = close};
