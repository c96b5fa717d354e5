/* An AMQP message of an Event-Hub-compatible endpoint as the event that it was. Pure. */
#pragma once

#include "base/buffer.h"
#include "iot/message.h"

/* The slices of *event point into `bytes` and `scratch`, which is emptied first. What the message
 * does not say is empty; properties that are no text become text where they are numbers or
 * booleans, others are left out. BAD_FORMAT for what is no such message. */
CHECKED enum status stream_reader_decode(struct slice bytes, struct buffer *scratch,
                                         struct iot_event *event, int64_t *sequence);
