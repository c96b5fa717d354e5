/*
 * A producer of Kafka: librdkafka behind a loop. It connects by itself, again and again; a message
 * is sent until the brokers have it (acks=all, idempotent, so once and in order in its partition),
 * or say that they never will. librdkafka has threads of its own; what they tell is told on the
 * loop.
 */
#pragma once

#include "base/buffer.h"
#include "io/loop.h"

struct kafka_producer;

#define KAFKA_WINDOW 1024 /* messages in flight; FULL beyond it */
#define KAFKA_WINDOW_BYTES (16u << 20)
#define KAFKA_TOPIC_MAX 249

struct kafka_producer_config {
    struct loop *loop;
    const char *client_id;
    const char *ca_file; /* NULL: the system's */
    /* Properties of Kafka's clients, "bootstrap.servers" among them: name, value, name, value,
     * NULL. They are stronger than what is set here. */
    const char *const *properties;
    void (*on_sent)(void *arg, uint64_t token, enum status why);
    void (*on_room)(void *arg);
    void *arg;
};

/* BAD_ARGUMENT: a property that is not known or has a wrong value; the log line says which. */
CHECKED enum status kafka_producer_new(const struct kafka_producer_config *config,
                                       struct kafka_producer **out);
/* No callback follows. */
void kafka_producer_free(struct kafka_producer **p);

struct kafka_message {
    const char *topic; /* see kafka_topic_put() */
    struct slice key, body;
    struct slice headers; /* u16 length, name, u16 length, value, … */
};

/* Copies. FULL: wait for on_room. TOO_LARGE, BAD_ARGUMENT: will never be taken. */
CHECKED enum status kafka_producer_send(struct kafka_producer *p, const struct kafka_message *m,
                                        uint64_t token);

/* Appends what Kafka allows in names of topics: letters, digits, '.', '_' and '-'; '/' becomes '.',
 * anything else '_', and a long name is cut and ends in its hash. */
void kafka_topic_put(struct slice name, struct buffer *out);
