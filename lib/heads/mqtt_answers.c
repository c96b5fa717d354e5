#include "heads/mqtt_answers.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "heads/mqtt.h"
#include "mqtt/packet.h"

#define SIZE_FIRST 16

struct heads_mqtt_answer {
    uint16_t packet_id;
    bool done;
};

static struct heads_mqtt_answer *at(const struct heads_mqtt_answers *a, uint32_t sequence)
{
    return &a->ring[sequence & (a->size - 1)];
}

uint32_t heads_mqtt_answers_count(const struct heads_mqtt_answers *a)
{
    return a->next - a->first;
}

bool heads_mqtt_answers_full(const struct heads_mqtt_answers *a)
{
    return heads_mqtt_answers_count(a) == HEADS_MQTT_UNANSWERED_MAX;
}

static void grow(struct heads_mqtt_answers *a)
{
    struct heads_mqtt_answers bigger = *a;
    bigger.size = a->size ? a->size * 2 : SIZE_FIRST;
    bigger.ring = memory_new(bigger.size * sizeof *bigger.ring);
    for (uint32_t i = a->first; i != a->next; i++)
        *at(&bigger, i) = *at(a, i);
    free(a->ring);
    *a = bigger;
}

uint32_t heads_mqtt_answers_push(struct heads_mqtt_answers *a, uint16_t packet_id)
{
    assert(!heads_mqtt_answers_full(a));
    if (heads_mqtt_answers_count(a) == a->size)
        grow(a);
    *at(a, a->next) = (struct heads_mqtt_answer){.packet_id = packet_id};
    return a->next++;
}

void heads_mqtt_answers_undo(struct heads_mqtt_answers *a)
{
    assert(a->next != a->first);
    a->next--;
}

bool heads_mqtt_answers_done(struct heads_mqtt_answers *a, uint32_t sequence, struct buffer *out)
{
    if (sequence - a->first >= heads_mqtt_answers_count(a))
        return false;
    at(a, sequence)->done = true;
    for (; a->first != a->next && at(a, a->first)->done; a->first++)
        if (at(a, a->first)->packet_id)
            mqtt_packet_id_encode(MQTT_PUBACK, at(a, a->first)->packet_id, out);
    return true;
}

void heads_mqtt_answers_clear(struct heads_mqtt_answers *a)
{
    free(a->ring);
    *a = (struct heads_mqtt_answers){0};
}
