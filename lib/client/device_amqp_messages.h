/*
 * The messages on a device's AMQP links besides telemetry, as IoT Hub's clients write and read
 * them: direct methods, twin requests with their answers, changes of desired properties. Pure. What
 * is read points into the bytes.
 */
#pragma once

#include "amqp/message.h"
#include "base/status.h"

/* ---- direct methods ---- */

struct device_amqp_method {
    struct slice id; /* encoded, of any type: it goes back as it came */
    struct slice name, payload;
};

/* BAD_FORMAT; BAD_ARGUMENT: without an id, a name, or with a body that is no bytes. */
CHECKED enum status device_amqp_method_read(struct slice bytes, struct device_amqp_method *out);
void device_amqp_reply_write(struct buffer *b, struct slice id, int status, struct slice payload);

/* ---- twins ---- */

enum device_amqp_twin_ask {
    DEVICE_AMQP_TWIN_GET,
    DEVICE_AMQP_TWIN_REPORT,
    DEVICE_AMQP_TWIN_SUBSCRIBE, /* to changes of desired properties */
};

void device_amqp_twin_write(struct buffer *b, enum device_amqp_twin_ask what, struct slice id,
                            struct slice body);

struct device_amqp_twin {
    struct slice id;  /* what it answers; empty: nothing, it is a change of desired properties */
    int status;       /* HTTP's; of an answer */
    uint64_t version; /* 0: not said */
    struct slice body;
};

/* BAD_FORMAT; BAD_ARGUMENT: an answer without a status, or a body that is no bytes. */
CHECKED enum status device_amqp_twin_read(struct slice bytes, struct device_amqp_twin *out);

/* ---- messages to modules ---- */

/* The input that it is for; empty when it names none. */
struct slice device_amqp_input(struct slice bytes);
