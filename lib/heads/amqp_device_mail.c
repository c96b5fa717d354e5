#include "heads/amqp_device_mail.h"

#include <stdlib.h>

#include "base/memory.h"

struct parcel {
    void *owner;
    heads_amqp_open_fn *open;
    struct list posts;
};

struct heads_amqp_post *heads_amqp_post_new(const struct heads_amqp_post *like)
{
    struct heads_amqp_post *p = memory_new(sizeof(*p) + like->first.len + like->second.len);
    uint8_t *at = (uint8_t *)(p + 1);
    *p = *like;
    p->node = (struct link){0};
    if (like->first.len)
        memcpy(at, like->first.at, like->first.len);
    if (like->second.len)
        memcpy(at + like->first.len, like->second.at, like->second.len);
    p->first = slice_from(at, like->first.len);
    p->second = slice_from(at + like->first.len, like->second.len);
    return p;
}

void heads_amqp_mail_init(struct heads_amqp_mail *m, struct loop *from, struct loop *to,
                          void *owner, heads_amqp_open_fn *open)
{
    *m = (struct heads_amqp_mail){.from = from, .to = to, .owner = owner, .open = open};
    list_init(&m->posts);
}

static void open_parcel(void *arg)
{
    struct parcel *parcel = arg;
    struct link *l;
    while ((l = list_pop(&parcel->posts)))
        parcel->open(parcel->owner, LIST_OF(l, struct heads_amqp_post, node));
    free(parcel);
}

static void send(void *arg)
{
    struct heads_amqp_mail *m = arg;
    struct parcel *parcel = MEMORY_NEW(struct parcel);
    struct link *l;
    parcel->owner = m->owner;
    parcel->open = m->open;
    list_init(&parcel->posts);
    while ((l = list_pop(&m->posts)))
        list_push(&parcel->posts, l);
    m->queued = false;
    if (m->to == m->from)
        loop_defer(m->to, open_parcel, parcel);
    else
        loop_post(m->to, open_parcel, parcel);
    if (m->sent)
        m->sent(m);
}

void heads_amqp_mail_put(struct heads_amqp_mail *m, const struct heads_amqp_post *like)
{
    list_push(&m->posts, &heads_amqp_post_new(like)->node);
    if (m->queued)
        return;
    m->queued = true;
    loop_defer(m->from, send, m);
}

struct heads_amqp_post *heads_amqp_mail_newest(struct heads_amqp_mail *m)
{
    return list_empty(&m->posts) ? NULL : LIST_OF(m->posts.head.prev, struct heads_amqp_post, node);
}
