/* Twin requests of a device over AMQP, their answers, and changes of desired properties. */
#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "heads/amqp_device_priv.h"
#include "iot/error.h"

struct request {
    struct link node; /* in a device's twin_requests */
    uint64_t token;
    size_t correlation_len;
    uint8_t correlation[];
};

#define CORRELATION_MAX 256 /* bytes of an encoded id */

/* ---- answering ---- */

static void send(struct heads_amqp_device *d, const struct buffer *message)
{
    struct heads_amqp_device_link *dl = d->down[DOWN_TWIN];
    if (dl == NULL) {
        log_debug("amqp twin message has no link device=%s", d->key);
        return;
    }
    enum status s =
        device_link_send(dl, &(struct amqp_send){.settled = true}, buffer_slice(message));
    if (s == TOO_LARGE)
        heads_amqp_detach(dl->link, "amqp:link:message-size-exceeded",
                          "a twin message is larger than the receiver allows");
}

static void answer(struct heads_amqp_device *d, struct slice correlation, int status,
                   uint64_t version, struct slice body)
{
    struct buffer b = {0};
    heads_amqp_twin_write(&b, correlation, status, version, body);
    send(d, &b);
    buffer_clear(&b);
}

static void refuse(struct heads_amqp_device *d, struct slice correlation, enum status why)
{
    struct loop *loop = heads_amqp_loop(d->head);
    uint8_t random[16];
    char tracking[UUID_TEXT_LEN + 1];
    loop_random(loop, random, sizeof(random));
    uuid_text(random, tracking);
    const struct iot_status_wire *wire = iot_status_wire(why);
    struct buffer body = {0};
    iot_error_twin_body(&(struct iot_error){.wire = wire,
                                            .text = slice_of(wire->name),
                                            .call_id = slice_of(tracking),
                                            .wall_ms = loop_wall_ms(loop)},
                        &body);
    answer(d, correlation, wire->http, 0, buffer_slice(&body));
    buffer_clear(&body);
}

static struct request *take(struct heads_amqp_device *d, uint64_t token)
{
    LIST_EACH(l, &d->twin_requests)
    {
        struct request *r = LIST_OF(l, struct request, node);
        if (r->token == token) {
            list_remove(l);
            d->twin_request_count--;
            return r;
        }
    }
    return NULL;
}

void twin_answer(struct heads_amqp_device *d, const struct heads_amqp_post *p)
{
    struct request *r = take(d, p->token);
    if (r == NULL)
        return;
    struct slice correlation = slice_from(r->correlation, r->correlation_len);
    if (p->why == OK)
        answer(d, correlation, 200, p->version, p->first);
    else
        refuse(d, correlation, p->why);
    free(r);
}

void twin_desired(struct heads_amqp_device *d, const struct heads_amqp_post *p)
{
    struct buffer b = {0};
    if (!d->wants_desired)
        return;
    heads_amqp_desired_write(&b, p->first, p->version);
    send(d, &b);
    buffer_clear(&b);
}

/* ---- asking ---- */

static void ask(struct heads_amqp_device *d, const struct heads_amqp_twin_request *t)
{
    if (d->twin_request_count == HEADS_AMQP_TWIN_REQUESTS_MAX) {
        refuse(d, t->correlation_id, BUSY);
        return;
    }
    struct request *r = memory_new(sizeof(*r) + t->correlation_id.len);
    r->token = d->twin_request_next++;
    r->correlation_len = t->correlation_id.len;
    if (r->correlation_len)
        memcpy(r->correlation, t->correlation_id.at, r->correlation_len);
    list_push(&d->twin_requests, &r->node);
    d->twin_request_count++;
    bool report = t->operation == HEADS_AMQP_TWIN_REPORT;
    device_say(d, &(struct heads_amqp_post){.kind = report ? POST_TWIN_REPORT : POST_TWIN_GET,
                                            .token = r->token,
                                            .first = report ? t->body : (struct slice){0}});
}

static void want(struct heads_amqp_device *d, bool on)
{
    if (d->wants_desired == on)
        return;
    d->wants_desired = on;
    device_say(d, &(struct heads_amqp_post){
                      .kind = POST_SUBSCRIBE, .feature = HEADS_DESIRED, .number = on});
}

static void request(struct heads_amqp_device *d, const struct heads_amqp_twin_request *t)
{
    switch (t->operation) {
    case HEADS_AMQP_TWIN_GET:
    case HEADS_AMQP_TWIN_REPORT:
        ask(d, t);
        break;
    case HEADS_AMQP_TWIN_SUBSCRIBE:
    case HEADS_AMQP_TWIN_UNSUBSCRIBE:
        want(d, t->operation == HEADS_AMQP_TWIN_SUBSCRIBE);
        answer(d, t->correlation_id, 200, 0, (struct slice){0});
        break;
    case HEADS_AMQP_TWIN_UNKNOWN:
        refuse(d, t->correlation_id, BAD_ARGUMENT);
        break;
    }
}

void twin_transfer(struct heads_amqp_link *l, const struct amqp_delivery *m)
{
    struct heads_amqp_twin_request t;
    enum status s = heads_amqp_twin_read(m->bytes, &t);
    if (s == OK && t.correlation_id.len > CORRELATION_MAX)
        s = BAD_ARGUMENT;
    if (!m->settled)
        device_settle(l, m->id, s, "this is no twin request, or its correlation id is too long");
    if (s == OK)
        request(device_link_of(l)->device, &t);
}

void twin_detached(struct heads_amqp_device *d)
{
    want(d, false);
}

void twin_clear(struct heads_amqp_device *d)
{
    struct link *l;
    while ((l = list_pop(&d->twin_requests)))
        free(LIST_OF(l, struct request, node));
}
