#include "client/device_window.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "client/device.h"

#define SIZE_FIRST 16

struct device_window_entry {
    struct buffer message;
    struct shared *rest; /* NULL: the message is all there is */
    uint64_t token;
    bool sent_before;
    bool done;
    enum status why; /* of done */
};

static struct device_window_entry *at(const struct device_window *w, uint32_t i)
{
    return &w->ring[i & (w->size - 1)];
}

static struct slice rest_of(const struct device_window_entry *e)
{
    return e->rest ? buffer_slice(&e->rest->bytes) : (struct slice){0};
}

static size_t size_of(const struct device_window_entry *e)
{
    return e->message.len + rest_of(e).len;
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

void device_window_push(struct device_window *w, struct buffer *message, struct shared *rest,
                        uint64_t token)
{
    assert(device_window_count(w) < DEVICE_CLIENT_WINDOW);
    if (device_window_count(w) == w->size)
        grow(w);
    struct device_window_entry *e = at(w, w->next++);
    *e = (struct device_window_entry){.message = *message, .rest = shared_ref(rest), .token = token};
    w->bytes += size_of(e);
    *message = (struct buffer){0};
}

bool device_window_peek(struct device_window *w, struct device_window_item *out)
{
    while (w->unsent != w->next && at(w, w->unsent)->done)
        w->unsent++;
    if (w->unsent == w->next)
        return false;
    struct device_window_entry *e = at(w, w->unsent);
    *out = (struct device_window_item){.at = e->message.at,
                                       .len = e->message.len,
                                       .rest = rest_of(e),
                                       .number = w->unsent,
                                       .again = e->sent_before};
    return true;
}

bool device_window_next(struct device_window *w, struct device_window_item *out)
{
    if (!device_window_peek(w, out))
        return false;
    at(w, w->unsent++)->sent_before = true;
    return true;
}

void device_window_again(struct device_window *w)
{
    w->unsent = w->first;
}

bool device_window_done(struct device_window *w, uint32_t number, enum status why)
{
    if (number - w->first >= w->unsent - w->first || at(w, number)->done)
        return false;
    at(w, number)->done = true;
    at(w, number)->why = why;
    return true;
}

bool device_window_ack(struct device_window *w, uint16_t id)
{
    if (id == 0 || id > DEVICE_WINDOW_ID_MAX)
        return false;
    uint32_t steps = (uint32_t)(id - w->first_id + DEVICE_WINDOW_ID_MAX) % DEVICE_WINDOW_ID_MAX;
    return device_window_done(w, w->first + steps, OK);
}

bool device_window_pop(struct device_window *w, bool any, uint64_t *token, enum status *why)
{
    if (w->first == w->next || !(any || at(w, w->first)->done))
        return false;
    struct device_window_entry *e = at(w, w->first);
    *token = e->token;
    *why = e->why;
    w->bytes -= size_of(e);
    buffer_clear(&e->message);
    shared_unref(&e->rest);
    if (w->unsent == w->first)
        w->unsent++;
    w->first++;
    w->first_id = id_after(w->first_id, 1);
    return true;
}

void device_window_convert(struct device_window *w,
                           enum status (*fn)(void *arg, uint16_t id, struct buffer *message),
                           void *arg)
{
    for (uint32_t i = w->first; i != w->next; i++) {
        struct device_window_entry *e = at(w, i);
        if (e->done)
            continue;
        w->bytes -= size_of(e);
        buffer_put(&e->message, rest_of(e));
        shared_unref(&e->rest);
        e->why = fn(arg, id_after(w->first_id, i - w->first), &e->message);
        e->done = e->why != OK;
        w->bytes += size_of(e);
    }
}

void device_window_clear(struct device_window *w)
{
    uint64_t token;
    enum status why;
    while (device_window_pop(w, true, &token, &why))
        ;
    free(w->ring);
    *w = (struct device_window){0};
}
