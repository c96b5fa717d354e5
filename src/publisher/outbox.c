#include "publisher/outbox.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "publisher/topic.h"

struct flight { /* what a token stands for */
    uint32_t bytes, values;
    bool used;
};

struct outbox {
    struct outbox_config config;
    struct module_role *role;
    _Atomic uint64_t messages, bytes; /* waiting and in flight */
    _Atomic uint64_t held;
    _Atomic bool wanted; /* somebody waits for on_room */

    /* On the module's loop. */
    struct list waiting;
    struct flight flights[OUTBOX_MESSAGES_MAX * 2];
    uint64_t next_token, flying_bytes;
    struct outbox_counts counts;
};

struct outbox *outbox_new(const struct outbox_config *config)
{
    struct outbox *o = MEMORY_NEW(struct outbox);
    o->config = *config;
    list_init(&o->waiting);
    return o;
}

void outbox_free(struct outbox **outbox)
{
    struct outbox *o = *outbox;
    if (!o)
        return;
    struct link *l;
    while ((l = list_pop(&o->waiting))) {
        struct outgoing *m = LIST_OF(l, struct outgoing, link);
        outgoing_free(&m);
    }
    free(o);
    *outbox = NULL;
}

void outbox_set_role(struct outbox *o, struct module_role *role)
{
    o->role = role;
}

/* ---- on the OPC UA thread ---- */

static bool is_full(const struct outbox *o)
{
    return atomic_load(&o->messages) >= OUTBOX_MESSAGES_MAX ||
           atomic_load(&o->bytes) >= o->config.bytes_max;
}

bool outbox_has_room_ua(struct outbox *o)
{
    if (!is_full(o))
        return true;
    atomic_fetch_add(&o->held, 1);
    atomic_store(&o->wanted, true);
    if (is_full(o))
        return false;
    atomic_store(&o->wanted,
                 false); /* it came free meanwhile, and nobody may have seen that we wait */
    return true;
}

struct crossing {
    struct outbox *outbox;
    struct outgoing *message;
};

static void pump(struct outbox *o);

static void arrive(void *arg)
{
    struct crossing *c = arg;
    list_push(&c->outbox->waiting, &c->message->link);
    pump(c->outbox);
    free(c);
}

void outbox_put_ua(struct outbox *o, struct outgoing *m)
{
    struct crossing *c = MEMORY_NEW(struct crossing);
    *c = (struct crossing){.outbox = o, .message = m};
    atomic_fetch_add(&o->messages, 1);
    atomic_fetch_add(&o->bytes, m->body.len);
    loop_post(module_loop(o->config.module), arrive, c);
}

/* ---- on the module's loop ---- */

static bool has_room_again(const struct outbox *o)
{
    return atomic_load(&o->messages) <= OUTBOX_MESSAGES_MAX / 2 &&
           atomic_load(&o->bytes) <= o->config.bytes_max / 2;
}

static void leave(struct outbox *o, uint64_t bytes)
{
    atomic_fetch_sub(&o->messages, 1);
    atomic_fetch_sub(&o->bytes, bytes);
    if (has_room_again(o) && atomic_exchange(&o->wanted, false))
        opcua_thread_post(o->config.thread, o->config.on_room, o->config.arg);
}

/* The topic as one word, as outputs have it; in `output`. */
static struct iot_message message_of(const struct outbox *o, const struct outgoing *m,
                                     struct buffer *output)
{
    if (m->topic && module_id(o->config.module)[0])
        topic_escape(slice_of(m->topic), output);
    struct iot_message out = {
        .body = buffer_slice(&m->body),
        .content_type = slice_of(m->content_type),
        .content_encoding = slice_of(m->content_encoding ? m->content_encoding : "utf-8"),
        .output = buffer_slice(output),
        .properties = buffer_slice(&m->properties),
    };
    if (m->ttl_ms)
        out.expiry_ms = loop_wall_ms(module_loop(o->config.module)) + m->ttl_ms;
    return out;
}

static struct flight *flight_of(struct outbox *o, uint64_t token)
{
    return &o->flights[token % (sizeof o->flights / sizeof o->flights[0])];
}

/* False: not now. */
static bool send_one(struct outbox *o, struct outgoing *m)
{
    struct flight *f = flight_of(o, o->next_token);
    if (f->used || (o->flying_bytes > 0 && o->flying_bytes + m->body.len > OUTBOX_FLIGHT_MAX))
        return false;
    struct buffer output = {0};
    struct iot_message out = message_of(o, m, &output);
    enum status s = module_send(o->role, &out, o->next_token);
    buffer_clear(&output);
    if (s == FULL)
        return false;
    uint32_t bytes = (uint32_t)m->body.len;
    if (s == OK) {
        *f = (struct flight){.bytes = bytes, .values = m->values, .used = true};
        o->next_token++;
        o->flying_bytes += bytes;
    } else {
        log_error("publisher message refused bytes=%u status=%s", bytes, status_name(s));
        o->counts.lost++;
        leave(o, bytes);
    }
    list_remove(&m->link);
    outgoing_free(&m);
    return true;
}

static void pump(struct outbox *o)
{
    struct link *l;
    while (o->role && (l = list_first(&o->waiting)) &&
           send_one(o, LIST_OF(l, struct outgoing, link)))
        ;
}

void outbox_on_sent(struct outbox *o, uint64_t token, enum status why)
{
    struct flight *f = flight_of(o, token);
    if (!f->used)
        return;
    f->used = false;
    o->flying_bytes -= f->bytes;
    if (why == OK) {
        o->counts.sent++;
        o->counts.sent_bytes += f->bytes;
        o->counts.sent_values += f->values;
    } else {
        o->counts.lost++;
    }
    leave(o, f->bytes);
    if (why != CANCELLED)
        pump(o);
}

void outbox_on_room(struct outbox *o)
{
    pump(o);
}

struct outbox_counts outbox_counts(const struct outbox *o)
{
    struct outbox_counts c = o->counts;
    c.waiting = atomic_load(&o->messages);
    c.waiting_bytes = atomic_load(&o->bytes);
    c.held = atomic_load(&o->held);
    return c;
}
