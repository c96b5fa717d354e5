/* A device's links: what waits for credit, and telemetry on its way to the session. */
#include <stdlib.h>

#include "base/memory.h"
#include "heads/amqp_device_priv.h"
#include "iot/status_wire.h"

struct waiting {
    struct link node; /* in a link's waiting */
    uint64_t token;
    bool settled;
    uint8_t tag[AMQP_TAG_MAX];
    size_t tag_len, len;
    uint8_t bytes[];
};

/* ---- life ---- */

struct heads_amqp_device_link *device_link_new(struct heads_amqp_device *d,
                                               struct heads_amqp_link *l, enum device_down down)
{
    struct heads_amqp_device_link *dl = MEMORY_NEW(struct heads_amqp_device_link);
    dl->device = d;
    dl->link = l;
    dl->down = down;
    list_init(&dl->waiting);
    list_push(&d->links, &dl->node);
    d->live++;
    l->arg = dl;
    return dl;
}

static struct waiting *pop(struct heads_amqp_device_link *dl)
{
    struct link *node = list_pop(&dl->waiting);
    if (node == NULL)
        return NULL;
    struct waiting *w = LIST_OF(node, struct waiting, node);
    dl->waiting_count--;
    dl->waiting_bytes -= w->len;
    return w;
}

static void link_free(struct heads_amqp_device_link *dl)
{
    struct waiting *w;
    while ((w = pop(dl)))
        free(w);
    list_remove(&dl->node);
    free(dl);
}

void device_link_detached(struct heads_amqp_device_link *dl)
{
    struct waiting *w;
    while ((w = pop(dl))) {
        if (!w->settled)
            down_return(dl->device, w->token);
        free(w);
    }
    if (dl->under_way == 0)
        link_free(dl);
}

void device_links_clear(struct heads_amqp_device *d)
{
    struct link *node;
    while ((node = list_first(&d->links)))
        link_free(LIST_OF(node, struct heads_amqp_device_link, node));
}

/* ---- sending ---- */

static bool too_much_waits(const struct heads_amqp_device_link *dl)
{
    return dl->waiting_count >= HEADS_AMQP_WAITING_MAX ||
           dl->waiting_bytes > HEADS_AMQP_WAITING_BYTES_MAX;
}

static void wait(struct heads_amqp_device_link *dl, const struct amqp_send *send,
                 struct slice message)
{
    struct waiting *w = memory_new(sizeof(*w) + message.len);
    w->token = send->token;
    w->settled = send->settled;
    w->tag_len = send->tag.len;
    if (send->tag.len)
        memcpy(w->tag, send->tag.at, send->tag.len);
    w->len = message.len;
    memcpy(w->bytes, message.at, message.len);
    list_push(&dl->waiting, &w->node);
    dl->waiting_count++;
    dl->waiting_bytes += message.len;
}

enum status device_link_send(struct heads_amqp_device_link *dl, const struct amqp_send *send,
                             struct slice message)
{
    enum status s = AGAIN;
    if (list_empty(&dl->waiting))
        s = heads_amqp_send(dl->link, send, message);
    if (s != AGAIN)
        return s;
    if (too_much_waits(dl)) {
        heads_amqp_detach(dl->link, "amqp:resource-limit-exceeded",
                          "too many messages wait for credit on this link");
        return CLOSED;
    }
    wait(dl, send, message);
    return OK;
}

void device_link_flush(struct heads_amqp_device_link *dl)
{
    struct link *node;
    while ((node = list_first(&dl->waiting))) {
        struct waiting *w = LIST_OF(node, struct waiting, node);
        enum status s = heads_amqp_send(dl->link,
                                        &(struct amqp_send){.tag = slice_from(w->tag, w->tag_len),
                                                            .settled = w->settled,
                                                            .token = w->token},
                                        slice_from(w->bytes, w->len));
        if (s == AGAIN || s == CLOSED)
            return;
        if (s != OK && !w->settled)
            down_return(dl->device, w->token);
        free(pop(dl));
    }
}

/* ---- settling ---- */

void device_settle(struct heads_amqp_link *l, uint32_t delivery, enum status why, const char *text)
{
    struct amqp_state state = {.outcome = AMQP_OUTCOME_ACCEPTED};
    if (why != OK)
        state = (struct amqp_state){.outcome = AMQP_OUTCOME_REJECTED,
                                    .error = {.condition = slice_of(iot_status_wire(why)->amqp),
                                              .description = slice_of(text)}};
    amqp_link_settle(l->link, delivery, &state);
}

/* ---- telemetry ---- */

void telemetry_transfer(struct heads_amqp_link *l, const struct amqp_delivery *m)
{
    struct heads_amqp_device_link *dl = device_link_of(l);
    struct heads_amqp_device *d = dl->device;
    size_t bytes = m->bytes.len + sizeof(struct heads_amqp_post);
    device_say(d, &(struct heads_amqp_post){.kind = POST_TELEMETRY,
                                            .origin = dl,
                                            .delivery = m->id,
                                            .format = m->format,
                                            .number = m->settled,
                                            .bytes = bytes,
                                            .first = m->bytes});
    dl->under_way++;
    d->bytes += bytes;
    head_under_way(l->head, (ptrdiff_t)bytes);
}

static const char *reason(enum status why)
{
    switch (why) {
    case BAD_FORMAT:
        return "this is no AMQP message, or its text is not UTF-8";
    case BAD_ARGUMENT:
        return "the body, an id or a property is of a type that has no place here, or an id is too long";
    case TOO_LARGE:
        return "the message is larger than 256 KB, or a property than 64 KB";
    default:
        return "the message was not stored";
    }
}

void telemetry_accepted(struct heads_amqp_device *d, const struct heads_amqp_post *p)
{
    struct heads_amqp_device_link *dl = p->origin;
    d->bytes -= p->bytes;
    head_under_way(d->head, -(ptrdiff_t)p->bytes);
    bool settled = p->format;
    for (uint32_t i = 0; i < p->number && dl->link && !settled; i++)
        device_settle(dl->link, p->delivery + i, p->why, reason(p->why));
    dl->under_way -= p->number;
    if (dl->link == NULL && dl->under_way == 0)
        link_free(dl);
}
