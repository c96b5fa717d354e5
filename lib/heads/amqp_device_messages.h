/*
 * The messages on a device's AMQP links besides telemetry, as IoT Hub's clients write and read
 * them: C2D messages and inputs, twin requests and answers, direct methods. Pure.
 */
#pragma once

#include "base/arena.h"
#include "iotamqp/message.h"
#include "heads/backend.h"

/* ---- to the device: C2D and a module's inputs ---- */

void heads_amqp_delivery_write(struct buffer *b, const struct heads_delivery *d);

/* ---- twins ---- */

enum heads_amqp_twin_operation {
    HEADS_AMQP_TWIN_GET,
    HEADS_AMQP_TWIN_REPORT,      /* PATCH /properties/reported */
    HEADS_AMQP_TWIN_SUBSCRIBE,   /* PUT /notifications/twin/properties/desired */
    HEADS_AMQP_TWIN_UNSUBSCRIBE, /* DELETE of the same */
    HEADS_AMQP_TWIN_UNKNOWN,
};

struct heads_amqp_twin_request {
    enum heads_amqp_twin_operation operation;
    struct slice correlation_id; /* encoded; at == NULL: none */
    struct slice body;
};

/* BAD_FORMAT; BAD_ARGUMENT: a body that is no bytes. */
CHECKED enum status heads_amqp_twin_read(struct slice bytes, struct heads_amqp_twin_request *out);

/* `version` 0: none is said. An empty body: no section of it. The status is an int and the version
 * a long, or the C SDK drops the message. */
void heads_amqp_twin_write(struct buffer *b, struct slice correlation_id, int status,
                           uint64_t version, struct slice body);
/* A change of desired properties: clients know it by having no correlation id. */
void heads_amqp_desired_write(struct buffer *b, struct slice patch, uint64_t version);

/* ---- direct methods ---- */

#define HEADS_AMQP_CALL_LEN 16

/* The id is an AMQP uuid: the C SDK refuses all else. */
void heads_amqp_method_write(struct buffer *b, const uint8_t id[HEADS_AMQP_CALL_LEN],
                             struct slice name, struct slice payload);

struct heads_amqp_method_reply {
    uint8_t id[HEADS_AMQP_CALL_LEN];
    int status;
    struct slice payload;
};

/* The id as a uuid or its text. BAD_FORMAT; BAD_ARGUMENT: without an id or IoThub-status. */
CHECKED enum status heads_amqp_method_read(struct slice bytes, struct heads_amqp_method_reply *out);
