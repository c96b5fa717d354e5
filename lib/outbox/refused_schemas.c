#include "outbox/refused_schemas.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

struct refused {
    struct link link;
    char *topic;
    struct outgoing *message; /* NULL: it was offered */
    uint64_t wait_ms, due_ms;
};

struct refused_schemas {
    struct loop *loop;
    void (*offer)(void *arg, struct outgoing *m);
    void *arg;
    struct list all;
    size_t bytes;
    struct loop_timer timer;
};

static struct refused *find(const struct refused_schemas *r, struct slice topic)
{
    LIST_EACH(l, &r->all)
    {
        struct refused *x = LIST_OF(l, struct refused, link);
        if (slice_eq(slice_of(x->topic), topic))
            return x;
    }
    return NULL;
}

static struct outgoing *take_message(struct refused_schemas *r, struct refused *x)
{
    struct outgoing *m = x->message;
    if (m)
        r->bytes -= outgoing_body(m).len;
    x->message = NULL;
    return m;
}

static void forget(struct refused_schemas *r, struct refused *x)
{
    struct outgoing *m = take_message(r, x);
    if (m)
        outgoing_free(&m);
    list_remove(&x->link);
    free(x->topic);
    free(x);
}

/* ---- time ---- */

static void wait_for_next(struct refused_schemas *r);

static void on_due(void *arg)
{
    struct refused_schemas *r = arg;
    uint64_t now = loop_now_ms(r->loop);
    struct outgoing *m = NULL;
    LIST_EACH(l, &r->all)
    {
        struct refused *x = LIST_OF(l, struct refused, link);
        if (!m && x->message && x->due_ms <= now)
            m = take_message(r, x);
    }
    wait_for_next(r);
    if (m)
        r->offer(r->arg, m); /* one at a time: it may be refused at once */
}

static void wait_for_next(struct refused_schemas *r)
{
    uint64_t now = loop_now_ms(r->loop), due = UINT64_MAX;
    LIST_EACH(l, &r->all)
    {
        struct refused *x = LIST_OF(l, struct refused, link);
        if (x->message && x->due_ms < due)
            due = x->due_ms;
    }
    if (due < UINT64_MAX)
        loop_timer_start(r->loop, &r->timer, due > now ? due - now : 0, on_due, r);
    else
        loop_timer_stop(&r->timer);
}

/* ---- what the header promised ---- */

void refused_schemas_add(struct refused_schemas *r, struct outgoing *m)
{
    struct slice topic = slice_of(m->topic);
    struct refused *x = find(r, topic);
    if (!x) {
        x = MEMORY_NEW(struct refused);
        x->topic = slice_dup(topic);
        list_push(&r->all, &x->link);
    }
    refused_schemas_renew(r, topic);
    if (r->bytes + outgoing_body(m).len > REFUSED_SCHEMAS_BYTES) {
        log_error("publisher schema given up: messages that name it cannot be read topic=%s "
                  "reason=refused",
                  x->topic);
        forget(r, x);
        outgoing_free(&m);
        return;
    }
    x->wait_ms = x->wait_ms == 0                          ? REFUSED_SCHEMA_MS
                 : 2 * x->wait_ms > REFUSED_SCHEMA_MS_MAX ? REFUSED_SCHEMA_MS_MAX
                                                          : 2 * x->wait_ms;
    x->due_ms = loop_now_ms(r->loop) + x->wait_ms;
    x->message = m;
    r->bytes += outgoing_body(m).len;
    log_error("publisher schema refused: messages that name it cannot be read; it is offered again "
              "topic=%s after_s=%" PRIu64,
              x->topic, x->wait_ms / 1000);
    wait_for_next(r);
}

void refused_schemas_renew(struct refused_schemas *r, struct slice topic)
{
    struct refused *x = find(r, topic);
    struct outgoing *old = x ? take_message(r, x) : NULL;
    if (!old)
        return;
    outgoing_free(&old);
    wait_for_next(r);
}

void refused_schemas_taken(struct refused_schemas *r, struct slice topic)
{
    struct refused *x = find(r, topic);
    if (!x)
        return;
    if (!x->message)
        log_info("publisher schema taken topic=%s", x->topic);
    forget(r, x);
    wait_for_next(r);
}

struct refused_schemas *refused_schemas_new(struct loop *l,
                                            void (*offer)(void *arg, struct outgoing *m), void *arg)
{
    struct refused_schemas *r = MEMORY_NEW(struct refused_schemas);
    r->loop = l;
    r->offer = offer;
    r->arg = arg;
    list_init(&r->all);
    return r;
}

void refused_schemas_free(struct refused_schemas **schemas)
{
    struct refused_schemas *r = *schemas;
    struct link *l;
    if (!r)
        return;
    loop_timer_stop(&r->timer);
    while ((l = list_first(&r->all)))
        forget(r, LIST_OF(l, struct refused, link));
    free(r);
    *schemas = NULL;
}
