/* Direct methods of a device over AMQP. */
#include "heads/amqp_device_priv.h"
#include "mqtt/text.h"

/* The id on the wire: random for the session, and the call's number at its end. */
static void make_id(struct heads_amqp_device *d, uint32_t number)
{
    if (number == 1) {
        loop_random(heads_amqp_loop(d->head), d->call_id, sizeof(d->call_id));
        d->call_id[6] = (d->call_id[6] & 0x0f) | 0x40; /* RFC 4122, version 4 */
        d->call_id[8] = (d->call_id[8] & 0x3f) | 0x80;
    }
    number = __builtin_bswap32(number);
    memcpy(d->call_id + HEADS_AMQP_CALL_LEN - 4, &number, 4);
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
    uint32_t number = heads_calls_note(&d->calls, p->token);
    make_id(d, number);
    heads_amqp_method_write(&b, d->call_id, p->first, p->second);
    enum status s = device_link_send(dl, &(struct amqp_send){.settled = true}, buffer_slice(&b));
    uint64_t rid;
    if (s == TOO_LARGE && heads_calls_take(&d->calls, number, &rid))
        reply(d, rid, 400, (struct slice){0});
    buffer_clear(&b);
}

/* An answer that nobody waits for any more is no error of the device. */
static void take_reply(struct heads_amqp_device *d, const struct heads_amqp_method_reply *r)
{
    uint32_t wire;
    uint64_t rid;
    memcpy(&wire, r->id + HEADS_AMQP_CALL_LEN - 4, 4);
    if (memcmp(r->id, d->call_id, HEADS_AMQP_CALL_LEN - 4) == 0 &&
        heads_calls_take(&d->calls, __builtin_bswap32(wire), &rid))
        reply(d, rid, r->status, r->payload);
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
    heads_calls_clear(&d->calls);
}
