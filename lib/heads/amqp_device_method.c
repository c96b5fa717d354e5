/* Direct methods of a device over AMQP: the backend's id never goes on the wire, so no device can
 * answer another's call. */
#include <stdlib.h>

#include "base/memory.h"
#include "heads/amqp_device_inside.h"
#include "mqtt/text.h"

struct device_call {
    uint64_t rid;    /* the backend's */
    uint32_t number; /* the end of the id on the wire; 0: free */
};

/* Number 0 finds a free place. NULL: there is none. */
static struct device_call *call_of(struct heads_amqp_device *d, uint32_t number)
{
    for (int i = 0; d->calls && i < HEADS_AMQP_CALLS_MAX; i++)
        if (d->calls[i].number == number)
            return &d->calls[i];
    return NULL;
}

/* The backend tells nobody when it gives up on a call: when all places are taken, the oldest goes.
 */
static struct device_call *oldest_call(struct heads_amqp_device *d)
{
    struct device_call *oldest = d->calls;
    for (int i = 1; i < HEADS_AMQP_CALLS_MAX; i++)
        if (d->next_call - d->calls[i].number > d->next_call - oldest->number)
            oldest = &d->calls[i];
    return oldest;
}

static uint32_t note_call(struct heads_amqp_device *d, uint64_t rid)
{
    if (d->calls == NULL) {
        d->calls = memory_new(HEADS_AMQP_CALLS_MAX * sizeof(*d->calls));
        loop_random(heads_amqp_loop(d->head), d->call_id, sizeof(d->call_id));
        d->call_id[6] = (d->call_id[6] & 0x0f) | 0x40; /* RFC 4122, version 4 */
        d->call_id[8] = (d->call_id[8] & 0x3f) | 0x80;
    }
    uint32_t number = ++d->next_call ? d->next_call : ++d->next_call;
    struct device_call *place = call_of(d, 0);
    if (place == NULL)
        place = oldest_call(d);
    *place = (struct device_call){rid, number};
    uint32_t wire = __builtin_bswap32(number);
    memcpy(d->call_id + HEADS_AMQP_CALL_LEN - 4, &wire, 4);
    return number;
}

static void reply(struct heads_amqp_device *d, uint64_t rid, int status, struct slice payload)
{
    device_say(d, &(struct heads_amqp_post){.kind = POST_METHOD_REPLY,
                                            .token = rid,
                                            .number = (uint32_t)status,
                                            .first = payload});
}

void method_call(struct heads_amqp_device *d, const struct heads_amqp_post *p)
{
    struct heads_amqp_device_link *dl = d->down[DOWN_METHODS];
    if (dl == NULL || !mqtt_text_ok(p->first)) {
        reply(d, p->token, 400, (struct slice){0});
        return;
    }
    struct buffer b = {0};
    uint32_t number = note_call(d, p->token);
    heads_amqp_method_write(&b, d->call_id, p->first, p->second);
    enum status s = device_link_send(dl, &(struct amqp_send){.settled = true}, buffer_slice(&b));
    if (s == TOO_LARGE) {
        call_of(d, number)->number = 0;
        reply(d, p->token, 400, (struct slice){0});
    }
    buffer_clear(&b);
}

/* An answer that nobody waits for any more is no error of the device. */
static void take_reply(struct heads_amqp_device *d, const struct heads_amqp_method_reply *r)
{
    uint32_t wire;
    memcpy(&wire, r->id + HEADS_AMQP_CALL_LEN - 4, 4);
    uint32_t number = __builtin_bswap32(wire);
    struct device_call *call = number ? call_of(d, number) : NULL;
    if (call == NULL || memcmp(r->id, d->call_id, HEADS_AMQP_CALL_LEN - 4) != 0)
        return;
    call->number = 0;
    reply(d, call->rid, r->status, r->payload);
}

void method_transfer(struct heads_amqp_link *l, const struct amqp_delivery *m)
{
    struct heads_amqp_method_reply r;
    enum status s = heads_amqp_method_read(m->bytes, &r);
    if (!m->settled)
        device_settle(
            l, m->id, s,
            "a method's answer has the request's correlation id, IoThub-status and a body");
    if (s == OK)
        take_reply(device_link_of(l)->device, &r);
}

void method_clear(struct heads_amqp_device *d)
{
    free(d->calls);
}
