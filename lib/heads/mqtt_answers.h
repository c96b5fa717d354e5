/*
 * The PUBACKs that a connection owes, in the order in which the PUBLISHes came [MQTT-4.6.0-2]: one
 * that is ready waits for those before it. Pure; at most HEADS_MQTT_UNANSWERED_MAX.
 */
#pragma once

#include "base/buffer.h"

struct heads_mqtt_answer;

struct heads_mqtt_answers {
    struct heads_mqtt_answer *ring; /* NULL until the first */
    uint32_t size;                  /* a power of two; grows */
    uint32_t first, next;           /* sequence numbers: they wrap around */
};

bool heads_mqtt_answers_full(const struct heads_mqtt_answers *a);
uint32_t heads_mqtt_answers_count(const struct heads_mqtt_answers *a);

/* Notes a packet id (0: QoS 0, nothing will be sent) and gives its sequence number. Not when full.
 */
uint32_t heads_mqtt_answers_push(struct heads_mqtt_answers *a, uint16_t packet_id);
/* Takes back the one that was pushed last. */
void heads_mqtt_answers_undo(struct heads_mqtt_answers *a);

/* It is accepted: appends the PUBACKs that may go now. False for a number that is not owed. */
bool heads_mqtt_answers_done(struct heads_mqtt_answers *a, uint32_t sequence, struct buffer *out);

void heads_mqtt_answers_clear(struct heads_mqtt_answers *a);
