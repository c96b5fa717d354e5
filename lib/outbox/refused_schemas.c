#include "outbox/refused_schemas.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "iot/message.h"

struct refused {
    struct link link;
    char *topic, *source;
    struct outgoing *message; /* NULL: it was offered, or a newer one is on its way */
    uint64_t order;           /* of the one that was refused last */
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

static struct slice property(const struct outgoing *m, struct slice name)
{
    struct slice value = {0};
    iot_property_find(buffer_slice(&m->properties), name, &value);
    return value;
}

static struct slice source_of(const struct outgoing *m)
{
    return property(m, SLICE("millrace-schema-source"));
}

static struct slice id_of(const struct outgoing *m)
{
    return property(m, SLICE("dataschema"));
}

static bool is_of(const struct refused *x, const struct outgoing *m)
{
    return slice_eq(slice_of(x->topic), slice_of(m->topic)) &&
           slice_eq(slice_of(x->source), source_of(m));
}

static struct refused *find(const struct refused_schemas *r, const struct outgoing *m)
{
    LIST_EACH(l, &r->all)
    {
        struct refused *x = LIST_OF(l, struct refused, link);
        if (is_of(x, m))
            return x;
    }
    return NULL;
}

static size_t size_of(const struct outgoing *m)
{
    return sizeof *m + outgoing_body(m).len + m->properties.len;
}

static struct outgoing *take_message(struct refused_schemas *r, struct refused *x)
{
    struct outgoing *m = x->message;
    if (m)
        r->bytes -= size_of(m);
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
    free(x->source);
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

static struct refused *add(struct refused_schemas *r, const struct outgoing *m)
{
    struct refused *x = MEMORY_NEW(struct refused);
    x->topic = slice_dup(slice_of(m->topic));
    x->source = slice_dup(source_of(m));
    list_push(&r->all, &x->link);
    return x;
}

static uint64_t next_wait(uint64_t ms)
{
    if (ms == 0)
        return REFUSED_SCHEMA_MS;
    return 2 * ms > REFUSED_SCHEMA_MS_MAX ? REFUSED_SCHEMA_MS_MAX : 2 * ms;
}

void refused_schemas_add(struct refused_schemas *r, struct outgoing *m, uint64_t order)
{
    struct refused *x = find(r, m);
    if (x && x->message && x->order > order) { /* the newer one was refused before it */
        outgoing_free(&m);
        return;
    }
    if (!x)
        x = add(r, m);
    refused_schemas_renew(r, m);
    if (r->bytes + size_of(m) > REFUSED_SCHEMAS_BYTES) {
        log_error("publisher schema given up: messages that name it cannot be read topic=%s "
                  "reason=refused",
                  x->topic);
        forget(r, x);
        outgoing_free(&m);
        return;
    }
    x->wait_ms = next_wait(x->wait_ms);
    x->due_ms = loop_now_ms(r->loop) + x->wait_ms;
    x->message = m;
    x->order = order;
    r->bytes += size_of(m);
    log_error("publisher schema refused: messages that name it cannot be read; it is offered again "
              "topic=%s after_s=%" PRIu64,
              x->topic, x->wait_ms / 1000);
    wait_for_next(r);
}

void refused_schemas_renew(struct refused_schemas *r, const struct outgoing *m)
{
    struct refused *x = find(r, m);
    struct outgoing *old = x ? take_message(r, x) : NULL;
    if (!old)
        return;
    outgoing_free(&old);
    wait_for_next(r);
}

/* The same text by whomever, or what its writer sent before. */
static bool is_settled(const struct refused *x, const struct outgoing *taken, uint64_t order)
{
    bool same = x->message && slice_eq(slice_of(x->topic), slice_of(taken->topic)) &&
                slice_eq(id_of(x->message), id_of(taken));
    return same || (is_of(x, taken) && x->order <= order);
}

void refused_schemas_taken(struct refused_schemas *r, const struct outgoing *m, uint64_t order)
{
    for (struct link *l = r->all.head.next, *next; l != &r->all.head; l = next) {
        struct refused *x = LIST_OF(l, struct refused, link);
        next = l->next;
        if (!is_settled(x, m, order))
            continue;
        if (!x->message)
            log_info("publisher schema taken topic=%s", x->topic);
        forget(r, x);
    }
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
