#include "client/broker_window.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "mqtt/publish.h"

static struct broker_entry *at(const struct broker_window *w, uint32_t i)
{
    return &w->ring[i % BROKER_WINDOW];
}

bool broker_window_room(const struct broker_window *w, size_t len)
{
    uint32_t count = broker_window_count(w);
    return count == 0 || (count < BROKER_WINDOW && w->bytes + len <= BROKER_WINDOW_BYTES);
}

static bool is_taken(const struct broker_window *w, uint16_t id)
{
    for (uint32_t i = w->first; i != w->next; i++)
        if (at(w, i)->packet_id == id && at(w, i)->step != BROKER_DONE)
            return true;
    return false;
}

/* Ids go round; with 65535 of them and BROKER_WINDOW in flight one is mostly free at once. */
uint16_t broker_window_id(struct broker_window *w)
{
    uint16_t first_id = broker_window_count(w) ? at(w, w->first)->packet_id : 0;
    do
        w->last_id = w->last_id == BROKER_WINDOW_ID_MAX ? 1 : w->last_id + 1;
    while (w->last_id == first_id && is_taken(w, w->last_id));
    return w->last_id;
}

void broker_window_push(struct broker_window *w, struct buffer *packet, uint8_t qos,
                        uint16_t packet_id, uint64_t token)
{
    assert(broker_window_count(w) < BROKER_WINDOW);
    if (w->ring == NULL)
        w->ring = memory_new(BROKER_WINDOW * sizeof *w->ring);
    *at(w, w->next++) = (struct broker_entry){
        .packet = *packet, .qos = qos, .packet_id = packet_id, .token = token};
    w->bytes += packet->len;
    *packet = (struct buffer){0};
}

struct broker_entry *broker_window_next(struct broker_window *w, uint32_t flying_max)
{
    while (w->unsent != w->next && at(w, w->unsent)->step == BROKER_DONE)
        w->unsent++;
    if (w->unsent == w->next)
        return NULL;
    struct broker_entry *e = at(w, w->unsent);
    if (e->qos > 0 && w->flying >= flying_max)
        return NULL;
    w->unsent++;
    if (e->qos == 0) {
        e->step = BROKER_DONE;
        return e;
    }
    w->flying++;
    if (e->step == BROKER_RECEIVED)
        return e;
    if (e->sent_before)
        mqtt_publish_set_dup(e->packet.at);
    e->sent_before = true;
    e->step = BROKER_SENT;
    return e;
}

void broker_window_again(struct broker_window *w, bool session)
{
    w->unsent = w->first;
    w->flying = 0;
    for (uint32_t i = w->first; i != w->next; i++) {
        struct broker_entry *e = at(w, i);
        if (e->step == BROKER_SENT || (e->step == BROKER_RECEIVED && !session))
            e->step = BROKER_UNSENT;
    }
}

struct broker_entry *broker_window_find(struct broker_window *w, uint16_t packet_id)
{
    for (uint32_t i = w->first; i != w->unsent; i++) {
        struct broker_entry *e = at(w, i);
        if (e->packet_id == packet_id && e->step != BROKER_DONE && packet_id)
            return e;
    }
    return NULL;
}

void broker_window_done(struct broker_window *w, struct broker_entry *e, enum status why)
{
    e->step = BROKER_DONE;
    e->why = why;
    w->flying--;
}

bool broker_window_pop(struct broker_window *w, bool any, uint64_t *token, enum status *why)
{
    if (w->first == w->next || !(any || at(w, w->first)->step == BROKER_DONE))
        return false;
    struct broker_entry *e = at(w, w->first);
    *token = e->token;
    *why = any ? CANCELLED : e->why;
    w->bytes -= e->packet.len;
    buffer_clear(&e->packet);
    if (w->unsent == w->first)
        w->unsent++;
    w->first++;
    return true;
}

void broker_window_clear(struct broker_window *w)
{
    uint64_t token;
    enum status why;
    while (broker_window_pop(w, true, &token, &why))
        ;
    free(w->ring);
    *w = (struct broker_window){0};
}
