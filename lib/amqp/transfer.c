/* Messages over links: credit, frames, reassembly. Part 2, section 2.6.7 to 2.6.14. */
#include <assert.h>

#include "amqp/engine.h"
#include "amqp/link.h"

/* ---- receiving ---- */

void transfer_top_up(struct amqp_link *l)
{
    uint32_t taken = l->unsettled < l->window ? l->window - l->unsettled : 0;
    if (l->state != LINK_ATTACHED || taken <= l->credit)
        return;
    if (taken - l->credit < (l->window + 1) / 2)
        return; /* a flow for each message would be as much talk as messages */
    l->credit = taken;
    link_owes_flow(l);
}

void amqp_link_set_window(struct amqp_link *l, uint32_t window)
{
    l->window = window;
    transfer_top_up(l);
}

void amqp_link_settle(struct amqp_link *l, uint32_t delivery_id, const struct amqp_state *state)
{
    if (l->state != LINK_ATTACHED || l->session->connection->state != OPENED)
        return;
    assert(l->unsettled);
    l->unsettled--;
    session_settle(l->session, delivery_id, state);
    transfer_top_up(l);
}

static void deliver(struct amqp_link *l, const struct amqp_delivery *d)
{
    if (!d->settled)
        l->unsettled++;
    EVENT(l->session->connection, on_transfer, l, d);
    transfer_top_up(l);
}

static void forget_partial(struct amqp_link *l)
{
    l->session->connection->partial_bytes -= l->partial_bytes.len;
    l->partial = false;
    if (l->partial_bytes.cap > AMQP_FRAME_MAX)
        buffer_clear(&l->partial_bytes);
    else
        buffer_reset(&l->partial_bytes);
}

/* False when a limit is passed; the link is told, and gone. */
static bool fits(struct amqp_link *l, size_t more)
{
    struct amqp_connection *c = l->session->connection;
    if (l->partial_bytes.len + more > c->message_max) {
        link_fail(l, "amqp:link:message-size-exceeded", "the message is too large");
        return false;
    }
    if (c->partial_bytes + more > c->partial_max) {
        link_fail(l, "amqp:resource-limit-exceeded", "too many messages half sent");
        return false;
    }
    return true;
}

static void keep(struct amqp_link *l, struct slice payload)
{
    buffer_put(&l->partial_bytes, payload);
    l->session->connection->partial_bytes += payload.len;
}

static void first_frame(struct amqp_link *l, const struct amqp_transfer *t, struct slice payload)
{
    if (t->delivery_id == AMQP_ABSENT || t->tag.len > AMQP_TAG_MAX) {
        session_fail(l->session, "amqp:invalid-field",
                     "a delivery without an id, or with too long a tag");
        return;
    }
    if (l->credit == 0) {
        link_fail(l, "amqp:link:transfer-limit-exceeded", "sent without credit");
        return;
    }
    l->credit--;
    l->delivery_count++;
    if (t->aborted) {
        transfer_top_up(l);
        return;
    }
    if (!fits(l, payload.len))
        return;
    uint32_t format = t->format == AMQP_ABSENT ? 0 : (uint32_t)t->format;
    if (!t->more) {
        struct amqp_delivery d = {.id = (uint32_t)t->delivery_id,
                                  .format = format,
                                  .settled = t->settled,
                                  .tag = t->tag,
                                  .bytes = payload};
        deliver(l, &d);
        return;
    }
    l->partial = true;
    l->partial_settled = t->settled;
    l->partial_id = (uint32_t)t->delivery_id;
    l->partial_format = format;
    l->partial_tag_len = (uint8_t)t->tag.len;
    if (t->tag.len)
        memcpy(l->partial_tag, t->tag.at, t->tag.len);
    keep(l, payload);
}

static void next_frame(struct amqp_link *l, const struct amqp_transfer *t, struct slice payload)
{
    if (t->delivery_id != AMQP_ABSENT && (uint32_t)t->delivery_id != l->partial_id) {
        session_fail(l->session, "amqp:invalid-field", "a new delivery inside another one");
        return;
    }
    if (t->aborted) {
        forget_partial(l);
        transfer_top_up(l);
        return;
    }
    if (!fits(l, payload.len))
        return;
    keep(l, payload);
    l->partial_settled |= t->settled;
    if (t->more)
        return;
    struct amqp_delivery d = {.id = l->partial_id,
                              .format = l->partial_format,
                              .settled = l->partial_settled,
                              .tag = slice_from(l->partial_tag, l->partial_tag_len),
                              .bytes = buffer_slice(&l->partial_bytes)};
    deliver(l, &d);
    forget_partial(l);
}

void transfer_in(struct amqp_session *s, const struct amqp_transfer *t, struct slice payload)
{
    if (s->incoming_window == 0) {
        session_fail(s, "amqp:session:window-violation", "more transfers than the window");
        return;
    }
    s->next_incoming_id++;
    if (--s->incoming_window < AMQP_SESSION_WINDOW / 2) {
        s->flow_due = true;
        session_dirty(s);
    }
    struct amqp_link *l = t->handle < s->remote_count ? s->remote[t->handle] : NULL;
    if (l == NULL)
        session_fail(s, "amqp:session:unattached-handle", "a transfer for no link");
    else if (l->state == LINK_DETACHED)
        return; /* what was on its way is dropped */
    else if (l->sends)
        session_fail(s, "amqp:not-allowed", "a transfer to a link that sends");
    else if (l->partial)
        next_frame(l, t, payload);
    else
        first_frame(l, t, payload);
}

/* ---- sending ---- */

struct sending {
    uint32_t id;
    struct slice tag;
    int64_t format;
    bool settled;
};

/* Frames as far as the session's window goes; returns how many bytes of the payload they took. */
static size_t write_frames(struct amqp_link *l, const struct sending *sending, struct slice payload,
                           bool first)
{
    struct amqp_session *s = l->session;
    size_t room = s->connection->peer_frame_max;
    room = (room < AMQP_FRAME_MAX ? room : AMQP_FRAME_MAX) - TRANSFER_BYTES_MAX;
    size_t taken = 0;
    do {
        size_t len = payload.len - taken < room ? payload.len - taken : room;
        size_t at;
        struct buffer *b = engine_frame_begin(s->connection, FRAME_AMQP, s->channel, &at);
        amqp_transfer_write(b, &(struct amqp_transfer){
                                   .handle = l->handle,
                                   .delivery_id = sending->id,
                                   .tag = first ? sending->tag : (struct slice){0},
                                   .format = first ? sending->format : AMQP_ABSENT,
                                   .settled = sending->settled,
                                   .more = taken + len < payload.len,
                                   .receive_settle = AMQP_ABSENT,
                               });
        assert(b->len - at <= TRANSFER_BYTES_MAX);
        buffer_put(b, slice_first(slice_skip(payload, taken), len));
        engine_frame_end(s->connection, b, at);
        taken += len;
        first = false;
        s->next_outgoing_id++;
        s->remote_window--;
    } while (taken < payload.len && s->remote_window);
    return taken;
}

static void keep_rest(struct amqp_link *l, const struct sending *sending, struct slice rest)
{
    buffer_reset(&l->rest);
    buffer_put(&l->rest, rest);
    l->rest_at = 0;
    l->rest_id = sending->id;
    l->rest_settled = sending->settled;
    l->session->blocked = true;
}

static enum status waits(struct amqp_link *l)
{
    l->waiting = true;
    l->session->blocked = true;
    return AGAIN;
}

enum status amqp_link_send(struct amqp_link *l, const struct amqp_send *send, struct slice message)
{
    struct amqp_session *s = l->session;
    assert(l->sends && send->tag.len <= AMQP_TAG_MAX);
    if (l->state != LINK_ATTACHED || s->connection->state != OPENED)
        return CLOSED;
    if (l->peer_message_max && message.len > l->peer_message_max)
        return TOO_LARGE;
    if (l->credit == 0 || l->rest.len || s->remote_window == 0)
        return waits(l);

    uint32_t id = s->next_delivery_id;
    uint32_t tag = __builtin_bswap32(id);
    struct sending sending = {
        .id = id,
        .tag = send->tag.len ? send->tag : slice_from(&tag, 4),
        .format = send->format,
        .settled =
            l->send_settle == AMQP_SEND_MIXED ? send->settled : l->send_settle == AMQP_SEND_SETTLED,
    };
    if (!sending.settled && !session_unsettled_add(s, id, l, send->token))
        return waits(l);
    s->next_delivery_id++;
    l->delivery_count++;
    l->credit--;
    l->drain = l->drain && l->credit;
    size_t taken = write_frames(l, &sending, message, true);
    if (taken < message.len)
        keep_rest(l, &sending, slice_skip(message, taken));
    return OK;
}

static void write_rest(struct amqp_link *l)
{
    struct sending sending = {.id = l->rest_id, .settled = l->rest_settled};
    l->rest_at += write_frames(l, &sending, slice_skip(buffer_slice(&l->rest), l->rest_at), false);
    if (l->rest_at == l->rest.len)
        buffer_clear(&l->rest);
}

void transfer_resume(struct amqp_session *s)
{
    s->blocked = false;
    for (unsigned i = 0; i < s->local_count; i++) {
        struct amqp_link *l = s->local[i];
        if (l == NULL || !l->sends || l->state != LINK_ATTACHED)
            continue;
        if (l->rest.len == 0 && !l->waiting)
            continue;
        if (s->remote_window && l->rest.len)
            write_rest(l);
        if (s->remote_window == 0) {
            s->blocked = true;
            return;
        }
        if (l->waiting && l->credit) {
            l->waiting = false;
            EVENT(s->connection, on_credit, l);
        }
        if (s->end_sent || s->connection->state != OPENED)
            return;
    }
}

uint32_t amqp_link_credit(const struct amqp_link *l)
{
    return l->state == LINK_ATTACHED ? l->credit : 0;
}

bool amqp_link_draining(const struct amqp_link *l)
{
    return l->drain;
}

void amqp_link_drained(struct amqp_link *l)
{
    if (l->state != LINK_ATTACHED || l->session->connection->state != OPENED)
        return;
    l->delivery_count += l->credit;
    l->credit = 0;
    l->drain = false;
    session_write_flow(l->session, l, true);
}
