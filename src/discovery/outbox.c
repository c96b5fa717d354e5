#include "discovery/outbox.h"

#include <stdlib.h>

#include "base/memory.h"

struct waiting {
    struct link link;
    const char *schema;
    struct buffer body;
};

void discovery_outbox_init(struct outbox *o, struct module_role *role)
{
    *o = (struct outbox){.role = role};
    list_init(&o->messages);
}

static void drop_first(struct outbox *o)
{
    struct waiting *m = LIST_OF(list_pop(&o->messages), struct waiting, link);
    o->count--;
    o->bytes -= m->body.len;
    buffer_clear(&m->body);
    free(m);
}

void discovery_outbox_clear(struct outbox *o)
{
    while (o->count)
        drop_first(o);
}

static enum status send_now(struct outbox *o, const char *schema, struct slice body)
{
    struct buffer properties = {0};
    enum status s = TOO_LARGE;
    if (iot_property_put(&properties, SLICE("$$MessageSchema"), slice_of(schema)) &&
        iot_property_put(&properties, SLICE("$$ContentType"), slice_of(schema)) &&
        iot_property_put(&properties, SLICE("$$ContentEncoding"), SLICE("utf-8"))) {
        struct iot_message m = {
            .body = body,
            .content_type = SLICE("application/json"),
            .content_encoding = SLICE("utf-8"),
            .properties = buffer_slice(&properties),
        };
        s = module_send(o->role, &m, 0);
    }
    buffer_clear(&properties);
    return s;
}

void discovery_outbox_flush(struct outbox *o)
{
    while (o->count) {
        struct waiting *m = LIST_OF(list_first(&o->messages), struct waiting, link);
        if (send_now(o, m->schema, buffer_slice(&m->body)) == FULL)
            return;
        drop_first(o);
    }
}

enum status discovery_outbox_send(struct outbox *o, const char *schema, struct slice body)
{
    discovery_outbox_flush(o);
    enum status s = o->count ? FULL : send_now(o, schema, body);
    if (s != FULL)
        return s;
    if (o->count == OUTBOX_MAX || o->bytes + body.len > OUTBOX_BYTES_MAX)
        return FULL;
    struct waiting *m = MEMORY_NEW(struct waiting);
    m->schema = schema;
    buffer_put(&m->body, body);
    list_push(&o->messages, &m->link);
    o->count++;
    o->bytes += body.len;
    return OK;
}

void discovery_outbox_send_progress(struct outbox *o, const char *schema, struct slice body)
{
    if (o->count >= OUTBOX_PROGRESS_MAX || discovery_outbox_send(o, schema, body) != OK)
        o->dropped++;
}
