/*
 * Between AMQP 1.0 messages and iot/message.h, for whoever takes messages in over AMQP or gives
 * them out, at either end. Pure.
 *
 * Ids keep their AMQP type. Application properties become text, whatever primitive type they have:
 * numbers in decimal, "true" and "false", times in ISO 8601, UUIDs and characters as people write
 * them, binary in base64; null is an empty text. What Azure's clients say of a message elsewhere
 * (annotations, some application properties) goes to its field.
 */
#pragma once

#include "amqp/message.h"
#include "iot/message.h"

/* What the slices of a read message may point into, besides the bytes it was read from. `{0}`; used
 * again and again, cleared at the end. */
struct iotamqp_memory {
    struct buffer text;
    struct buffer properties;
};

void iotamqp_memory_clear(struct iotamqp_memory *memory);

/* BAD_FORMAT: no AMQP message, or text that is no UTF-8. BAD_ARGUMENT: a body, an id or a property
 * of a type that has no place here. TOO_LARGE: past IOT_MESSAGE_MAX or IOT_PROPERTY_MAX. */
CHECKED enum status iotamqp_message_read(struct slice bytes, struct iotamqp_memory *memory,
                                            struct iot_message *out);

/* Appends all of a message as a device sends it: annotations, properties, application properties with
 * the output's name among them, body. */
void iotamqp_message_write(struct buffer *b, const struct iot_message *m);

/* Appends the properties section. */
void iotamqp_message_write_properties(struct buffer *b, const struct iot_message *m);

/* Appends the application properties, if there are any: the message's, and `more` behind them (a
 * list as the message's is). */
void iotamqp_message_write_application(struct buffer *b, const struct iot_message *m,
                                          struct slice more);
