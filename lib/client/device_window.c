#include "client/device_window.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "client/device.h"
#include "mqtt/publish.h"

#define SIZE_FIRST 16

struct device_window_entry {
    struct buffer packet;
    uint64_t token;
    bool sent_before;
    bool acknowledged;
};

static struct device_window_entry *at(const struct device_window *w, uint32_t i)
{
    return &w->ring[i & (w->size - 1)];
}

void device_window_init(struct device_window *w)
{
    *w = (struct device_window){.first_id = 1};
}

uint32_t device_window_count(const struct device_window *w)
{
    return w->next - w->first;
}

bool device_window_room(const struct device_window *w, size_t len)
{
    uint32_t count = device_window_count(w);
    return count == 0 ||
           (count < DEVICE_CLIENT_WINDOW && w->bytes + len <= DEVICE_CLIENT_WINDOW_BYTES);
}

static uint16_t id_after(uint16_t id, uint32_t steps)
{
    return (uint16_t)((id - 1 + steps) % DEVICE_WINDOW_ID_MAX + 1);
}

uint16_t device_window_id(const struct device_window *w)
{
    return id_after(w->first_id, device_window_count(w));
}

static void grow(struct device_window *w)
{
    struct device_window bigger = *w;
    bigger.size = w->size ? w->size * 2 : SIZE_FIRST;
    bigger.ring = memory_new(bigger.size * sizeof *bigger.ring);
    for (uint32_t i = w->first; i != w->next; i++)
        *at(&bigger, i) = *at(w, i);
    free(w->ring);
    *w = bigger;
}

void device_window_push(struct device_window *w, struct buffer *packet, uint64_t token)
{
    assert(device_window_count(w) < DEVICE_CLIENT_WINDOW);
    if (device_window_count(w) == w->size)
        grow(w);
    *at(w, w->next++) = (struct device_window_entry){.packet = *packet, .token = token};
    w->bytes += packet->len;
    *packet = (struct buffer){0};
}

struct slice device_window_next(struct device_window *w)
{
    while (w->unsent != w->next && at(w, w->unsent)->acknowledged)
        w->unsent++;
    if (w->unsent == w->next)
        return (struct slice){0};
    struct device_window_entry *e = at(w, w->unsent++);
    if (e->sent_before)
        mqtt_publish_set_dup(e->packet.at);
    e->sent_before = true;
    return buffer_slice(&e->packet);
}

void device_window_again(struct device_window *w)
{
    w->unsent = w->first;
}

bool device_window_ack(struct device_window *w, uint16_t packet_id)
{
    if (packet_id == 0 || packet_id > DEVICE_WINDOW_ID_MAX)
        return false;
    uint32_t steps =
        (uint32_t)(packet_id - w->first_id + DEVICE_WINDOW_ID_MAX) % DEVICE_WINDOW_ID_MAX;
    if (steps >= w->unsent - w->first)
        return false;
    at(w, w->first + steps)->acknowledged = true;
    return true;
}

bool device_window_pop(struct device_window *w, bool any, uint64_t *token)
{
    if (w->first == w->next || !(any || at(w, w->first)->acknowledged))
        return false;
    struct device_window_entry *e = at(w, w->first);
    *token = e->token;
    w->bytes -= e->packet.len;
    buffer_clear(&e->packet);
    if (w->unsent == w->first)
        w->unsent++;
    w->first++;
    w->first_id = id_after(w->first_id, 1);
    return true;
}

void device_window_clear(struct device_window *w)
{
    uint64_t token;
    while (device_window_pop(w, true, &token))
        ;
    free(w->ring);
    *w = (struct device_window){0};
}
