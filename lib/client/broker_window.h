/* Messages that a broker's client has taken and the broker has not acknowledged, in their order:
 * packets, and how far each has come. Pure. */
#pragma once

#include "base/buffer.h"
#include "client/broker.h"
#include "mqtt/packet.h"

#define BROKER_WINDOW_ID_MAX 65534 /* 65535 is left for SUBSCRIBE */

enum broker_step {
    BROKER_UNSENT,   /* not on this connection; then SENT, or DONE for QoS 0 */
    BROKER_SENT,     /* then RECEIVED for QoS 2, or DONE */
    BROKER_RECEIVED, /* PUBREC came: PUBREL is sent, again after a reconnection; then DONE */
    BROKER_DONE,
};

struct broker_entry {
    struct buffer packet;
    uint64_t token;
    uint16_t packet_id; /* 0 for QoS 0 */
    uint8_t qos;
    bool sent_before;
    enum broker_step step;
    enum status why; /* of DONE */
};

struct broker_window {
    struct broker_entry *ring;    /* BROKER_WINDOW; NULL until the first */
    uint32_t first, unsent, next; /* counting on for ever */
    uint16_t last_id;
    size_t bytes;
    uint32_t flying; /* with QoS 1 or 2, sent and not done */
};

static inline uint32_t broker_window_count(const struct broker_window *w)
{
    return w->next - w->first;
}

bool broker_window_room(const struct broker_window *w, size_t len);
/* The id that the next packet of QoS 1 or 2 must have. */
uint16_t broker_window_id(struct broker_window *w);
/* Takes over the memory of *packet. */
void broker_window_push(struct broker_window *w, struct buffer *packet, uint8_t qos,
                        uint16_t packet_id, uint64_t token);
/* The next to be written, with its step moved on; NULL: none, or `flying_max` are on their way. */
struct broker_entry *broker_window_next(struct broker_window *w, uint32_t flying_max);
/* A new connection. With the broker's session what was received stays so; else all begins again. */
void broker_window_again(struct broker_window *w, bool session);
/* NULL: not in flight. */
struct broker_entry *broker_window_find(struct broker_window *w, uint16_t packet_id);
void broker_window_done(struct broker_window *w, struct broker_entry *e, enum status why);
/* Takes off the first if it is done (or `any`). */
bool broker_window_pop(struct broker_window *w, bool any, uint64_t *token, enum status *why);
void broker_window_clear(struct broker_window *w);
