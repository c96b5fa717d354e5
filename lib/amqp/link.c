#include "amqp/link.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/engine.h"
#include "base/memory.h"

enum { NAME_MAX_BYTES = 1024 };

/* ---- what the user asks ---- */

void amqp_link_set_arg(struct amqp_link *l, void *arg)
{
    l->arg = arg;
}

void *amqp_link_arg(const struct amqp_link *l)
{
    return l->arg;
}

struct amqp_connection *amqp_link_connection(const struct amqp_link *l)
{
    return l->session->connection;
}

struct amqp_session *amqp_link_session(const struct amqp_link *l)
{
    return l->session;
}

struct slice amqp_link_name(const struct amqp_link *l)
{
    return l->name;
}

bool amqp_link_sends(const struct amqp_link *l)
{
    return l->sends;
}

int amqp_link_send_settle(const struct amqp_link *l)
{
    return l->send_settle;
}

/* ---- the session's tables ---- */

static void put(struct amqp_link ***table, unsigned *count, unsigned handle, struct amqp_link *l)
{
    if (handle >= *count) {
        unsigned more = handle + 4;
        if (more > AMQP_HANDLE_MAX + 1)
            more = AMQP_HANDLE_MAX + 1;
        *table = memory_resize(*table, more * sizeof(**table));
        memset(*table + *count, 0, (more - *count) * sizeof(**table));
        *count = more;
    }
    (*table)[handle] = l;
}

static int free_handle(const struct amqp_session *s)
{
    unsigned max = s->peer_handle_max < AMQP_HANDLE_MAX ? s->peer_handle_max : AMQP_HANDLE_MAX;
    for (unsigned i = 0; i <= max; i++)
        if (i >= s->local_count || s->local[i] == NULL)
            return (int)i;
    return -1;
}

static struct amqp_link *add(struct amqp_session *s)
{
    int handle = free_handle(s);
    if (handle < 0 || s->connection->links >= AMQP_LINKS_MAX)
        return NULL;
    struct amqp_link *l = MEMORY_NEW(struct amqp_link);
    l->session = s;
    l->handle = (uint32_t)handle;
    l->remote_handle = AMQP_ABSENT;
    put(&s->local, &s->local_count, l->handle, l);
    s->connection->links++;
    return l;
}

void link_free(struct amqp_link *l)
{
    l->session->connection->links--;
    l->session->connection->partial_bytes -= l->partial_bytes.len;
    free((void *)l->name.at);
    buffer_clear(&l->asked);
    buffer_clear(&l->rest);
    buffer_clear(&l->partial_bytes);
    free(l);
}

void link_bury(struct amqp_link *l)
{
    struct amqp_session *s = l->session;
    s->local[l->handle] = NULL;
    if (l->remote_handle != AMQP_ABSENT)
        s->remote[l->remote_handle] = NULL;
    session_unsettled_forget(s, l);
    list_remove(&l->flow_node);
    l->state = LINK_DETACHED;
    list_push(&s->connection->dead_links, &l->node);
}

/* ---- frames out ---- */

static const struct slice map_empty = SLICE_INIT("\xc1\1\0");

static void write_attach(struct amqp_link *l, const struct amqp_attach *a)
{
    struct amqp_session *s = l->session;
    struct amqp_attach out = *a;
    out.name = l->name;
    out.handle = l->handle;
    out.receiver = !l->sends;
    out.unsettled = (struct slice){0};
    out.incomplete_unsettled = false;
    out.initial_delivery_count = l->sends ? 0 : AMQP_ABSENT;
    out.message_max = s->connection->message_max;
    size_t at;
    struct buffer *b = engine_frame_begin(s->connection, FRAME_AMQP, s->channel, &at);
    amqp_attach_write(b, &out);
    engine_frame_end(s->connection, b, at);
}

static void write_detach(struct amqp_link *l, bool closed, const struct amqp_error *why)
{
    struct amqp_session *s = l->session;
    session_flush(s); /* what was settled before is told before */
    struct buffer error = {0};
    size_t at;
    struct buffer *b = engine_frame_begin(s->connection, FRAME_AMQP, s->channel, &at);
    amqp_detach_write(b, &(struct amqp_detach){.handle = l->handle,
                                               .closed = closed,
                                               .error = engine_error(&error, why)});
    engine_frame_end(s->connection, b, at);
    buffer_clear(&error);
}

static void answer_attach(struct amqp_link *l, const struct amqp_link_answer *answer, bool refused)
{
    struct amqp_attach asked;
    enum status s = amqp_attach_read(buffer_slice(&l->asked), &asked);
    assert(s == OK);
    (void)s;
    asked.send_settle = l->send_settle;
    asked.receive_settle = AMQP_RECEIVE_FIRST;
    if (answer->source.at)
        asked.source = answer->source;
    if (answer->target.at)
        asked.target = answer->target;
    if (refused) /* part 2, section 2.6.3: no terminus on the side that refuses */
        *(l->sends ? &asked.source : &asked.target) = (struct slice){0};
    asked.offered = answer->offered;
    asked.desired = (struct slice){0};
    asked.properties = answer->properties.at ? answer->properties : map_empty;
    write_attach(l, &asked);
    buffer_clear(&l->asked);
}

/* ---- attach ---- */

void amqp_link_accept(struct amqp_link *l, const struct amqp_link_answer *answer)
{
    if (l->state != LINK_ASKED || l->session->connection->state != OPENED)
        return;
    l->state = LINK_ATTACHED;
    answer_attach(l, answer ? answer : &(struct amqp_link_answer){0}, false);
    if (!l->sends)
        transfer_top_up(l);
}

void amqp_link_refuse(struct amqp_link *l, const struct amqp_error *why)
{
    if (l->state != LINK_ASKED || l->session->connection->state != OPENED)
        return;
    answer_attach(l, &(struct amqp_link_answer){0}, true);
    write_detach(l, true, why);
    l->state = LINK_DETACHED;
}

enum status amqp_link_attach(struct amqp_session *s, const struct amqp_attach *want, void *arg,
                             struct amqp_link **out)
{
    if (s->end_sent || s->connection->state != OPENED)
        return CLOSED;
    struct amqp_link *l = add(s);
    if (l == NULL)
        return FULL;
    l->name = slice_of(slice_dup(want->name));
    l->sends = !want->receiver;
    l->send_settle = want->send_settle == AMQP_ABSENT ? AMQP_SEND_MIXED : (int)want->send_settle;
    l->state = LINK_ASKING;
    l->arg = arg;
    write_attach(l, want);
    *out = l;
    return OK;
}

/* Our own attach of that name and direction which the peer has not answered. */
static struct amqp_link *asking(struct amqp_session *s, const struct amqp_attach *a)
{
    for (unsigned i = 0; i < s->local_count; i++) {
        struct amqp_link *l = s->local[i];
        if (l && !l->attach_received && l->sends == a->receiver && slice_eq(l->name, a->name))
            return l;
    }
    return NULL;
}

static void take_attach(struct amqp_link *l, const struct amqp_attach *a)
{
    struct amqp_session *s = l->session;
    l->attach_received = true;
    l->remote_handle = a->handle;
    put(&s->remote, &s->remote_count, (unsigned)a->handle, l);
    if (!l->sends && a->initial_delivery_count != AMQP_ABSENT)
        l->delivery_count = (uint32_t)a->initial_delivery_count;
    if (a->message_max != AMQP_ABSENT)
        l->peer_message_max = (uint64_t)a->message_max;
}

static void asked(struct amqp_session *s, const struct amqp_attach *a, struct slice encoded)
{
    struct amqp_connection *c = s->connection;
    struct amqp_link *l = a->name.len <= NAME_MAX_BYTES ? add(s) : NULL;
    if (l == NULL) {
        session_fail(s, "amqp:resource-limit-exceeded", "too many links, or too long a name");
        return;
    }
    l->name = slice_from(slice_dup(a->name), a->name.len);
    l->sends = a->receiver;
    l->send_settle = a->send_settle == AMQP_ABSENT ? AMQP_SEND_MIXED : (int)a->send_settle;
    l->state = LINK_ASKED;
    buffer_put(&l->asked, encoded);
    take_attach(l, a);
    if (c->events->on_attach)
        c->events->on_attach(c->arg, l, a);
    else
        amqp_link_refuse(l, &(struct amqp_error){.condition = SLICE("amqp:not-implemented")});
}

void link_on_attach(struct amqp_session *s, const struct amqp_attach *a, struct slice encoded)
{
    struct amqp_connection *c = s->connection;
    if (a->handle > AMQP_HANDLE_MAX) {
        engine_fail(c, "amqp:connection:framing-error", "the handle is above handle-max");
        return;
    }
    if (a->handle < s->remote_count && s->remote[a->handle]) {
        session_fail(s, "amqp:session:handle-in-use", "the handle is in use");
        return;
    }
    struct amqp_link *l = asking(s, a);
    if (l == NULL) {
        asked(s, a, encoded);
        return;
    }
    take_attach(l, a);
    if (l->state != LINK_ASKING)
        return; /* detached by us meanwhile */
    l->state = LINK_ATTACHED;
    EVENT(c, on_attach, l, a);
    if (!l->sends && l->state == LINK_ATTACHED)
        transfer_top_up(l);
}

/* ---- detach ---- */

void amqp_link_detach(struct amqp_link *l, const struct amqp_error *why)
{
    if (l->state == LINK_ASKED) {
        amqp_link_refuse(l, why);
    } else if (l->state != LINK_DETACHED && l->session->connection->state == OPENED) {
        write_detach(l, true, why);
        l->state = LINK_DETACHED;
        session_unsettled_forget(l->session, l);
    }
}

void link_fail(struct amqp_link *l, const char *condition, const char *description)
{
    struct amqp_error e = {.condition = slice_of(condition), .description = slice_of(description)};
    amqp_link_detach(l, &e);
    EVENT(l->session->connection, on_detach, l, &e);
}

void link_on_detach(struct amqp_session *s, const struct amqp_detach *d)
{
    struct amqp_link *l = d->handle < s->remote_count ? s->remote[d->handle] : NULL;
    if (l == NULL)
        return; /* a second one; no harm in it */
    bool live = l->state != LINK_DETACHED;
    if (l->state == LINK_ASKED)
        answer_attach(l, &(struct amqp_link_answer){0}, true);
    if (live)
        write_detach(l, d->closed, NULL);
    link_bury(l);
    if (live) {
        struct amqp_error why = engine_error_read(d->error);
        EVENT(s->connection, on_detach, l, &why);
    }
}

/* ---- flow ---- */

void link_owes_flow(struct amqp_link *l)
{
    if (!list_linked(&l->flow_node))
        list_push(&l->session->flows, &l->flow_node);
    session_dirty(l->session);
}

static void sender_on_flow(struct amqp_link *l, const struct amqp_flow *f)
{
    if (f->credit != AMQP_ABSENT) { /* part 2, section 2.6.7 */
        uint32_t count = f->delivery_count == AMQP_ABSENT ? 0 : (uint32_t)f->delivery_count;
        int64_t credit = (int64_t)(int32_t)(count - l->delivery_count) + f->credit;
        l->credit = credit > 0 ? (uint32_t)credit : 0;
    }
    l->drain = f->drain && l->credit;
    if (f->echo)
        session_write_flow(l->session, l, false);
    if (l->state == LINK_ATTACHED && l->credit)
        EVENT(l->session->connection, on_credit, l);
}

static void receiver_on_flow(struct amqp_link *l, const struct amqp_flow *f)
{
    if (f->delivery_count != AMQP_ABSENT) { /* the sender gave credit back */
        uint32_t ahead = (uint32_t)f->delivery_count - l->delivery_count;
        if (ahead && ahead <= l->credit) {
            l->delivery_count += ahead;
            l->credit -= ahead;
        }
    }
    if (f->echo)
        link_owes_flow(l);
    if (l->state == LINK_ATTACHED)
        transfer_top_up(l);
}

void link_on_flow(struct amqp_link *l, const struct amqp_flow *f)
{
    if (l->sends)
        sender_on_flow(l, f);
    else
        receiver_on_flow(l, f);
}
