/* Sessions, part 2 section 2.5: channels, windows, and who has settled what. */
#include <assert.h>
#include <stdlib.h>

#include "amqp/engine.h"
#include "base/memory.h"

/* ---- the connection's tables ---- */

static void put(struct amqp_session ***table, unsigned *count, unsigned channel,
                struct amqp_session *s)
{
    if (channel >= *count) {
        unsigned more = channel + 8;
        *table = memory_resize(*table, more * sizeof(**table));
        memset(*table + *count, 0, (more - *count) * sizeof(**table));
        *count = more;
    }
    (*table)[channel] = s;
}

static int free_channel(const struct amqp_connection *c)
{
    unsigned max = c->peer_channel_max < AMQP_CHANNEL_MAX ? c->peer_channel_max : AMQP_CHANNEL_MAX;
    for (unsigned i = 0; i <= max; i++)
        if (i >= c->local_count || c->local[i] == NULL)
            return (int)i;
    return -1;
}

static struct amqp_session *add(struct amqp_connection *c, unsigned channel)
{
    struct amqp_session *s = MEMORY_NEW(struct amqp_session);
    s->connection = c;
    s->channel = (uint16_t)channel;
    s->remote_channel = -1;
    s->incoming_window = AMQP_SESSION_WINDOW;
    list_init(&s->flows);
    put(&c->local, &c->local_count, channel, s);
    return s;
}

static void bury(struct amqp_session *s)
{
    struct amqp_connection *c = s->connection;
    c->local[s->channel] = NULL;
    if (s->remote_channel >= 0)
        c->remote[s->remote_channel] = NULL;
    list_remove(&s->node);
    list_push(&c->dead_sessions, &s->node);
}

void amqp_session_free(struct amqp_session *s)
{
    list_remove(&s->node);
    for (unsigned i = 0; i < s->local_count; i++)
        if (s->local[i])
            link_free(s->local[i]);
    free(s->local);
    free(s->remote);
    free(s->unsettled);
    free(s);
}

/* ---- begin ---- */

static void write_begin(struct amqp_session *s)
{
    size_t at;
    struct buffer *b = engine_frame_begin(s->connection, FRAME_AMQP, s->channel, &at);
    amqp_begin_write(b,
                     &(struct amqp_begin){
                         .remote_channel = s->remote_channel >= 0 ? s->remote_channel : AMQP_ABSENT,
                         .next_outgoing_id = s->next_outgoing_id,
                         .incoming_window = s->incoming_window,
                         .outgoing_window = AMQP_SESSION_WINDOW,
                         .handle_max = AMQP_HANDLE_MAX,
                     });
    engine_frame_end(s->connection, b, at);
}

static void begun(struct amqp_session *s, uint16_t channel, const struct amqp_begin *b)
{
    s->remote_channel = channel;
    s->next_incoming_id = (uint32_t)b->next_outgoing_id;
    s->remote_window = (uint32_t)b->incoming_window;
    s->peer_handle_max = b->handle_max == AMQP_ABSENT ? UINT32_MAX : (uint32_t)b->handle_max;
    put(&s->connection->remote, &s->connection->remote_count, channel, s);
    if (channel >= s->connection->channels_used)
        s->connection->channels_used = channel + 1u;
}

static void answered(struct amqp_connection *c, uint16_t channel, const struct amqp_begin *b)
{
    struct amqp_session *s =
        (unsigned)b->remote_channel < c->local_count ? c->local[b->remote_channel] : NULL;
    if (s == NULL || s->remote_channel >= 0)
        engine_fail(c, "amqp:connection:framing-error", "answers a begin that was not sent");
    else
        begun(s, channel, b);
}

void session_on_begin(struct amqp_connection *c, uint16_t channel, const struct amqp_begin *b)
{
    if (channel > AMQP_CHANNEL_MAX || (channel < c->remote_count && c->remote[channel])) {
        engine_fail(c, "amqp:connection:framing-error",
                    "the channel is in use, or above channel-max");
        return;
    }
    if (b->remote_channel != AMQP_ABSENT) {
        answered(c, channel, b);
        return;
    }
    int local = free_channel(c);
    if (local < 0) {
        engine_fail(c, "amqp:resource-limit-exceeded", "too many sessions");
        return;
    }
    struct amqp_session *s = add(c, (unsigned)local);
    begun(s, channel, b);
    write_begin(s);
}

enum status amqp_session_begin(struct amqp_connection *c, struct amqp_session **out)
{
    if (c->state != OPENED)
        return CLOSED;
    int channel = free_channel(c);
    if (channel < 0)
        return FULL;
    *out = add(c, (unsigned)channel);
    (*out)->peer_handle_max = AMQP_HANDLE_MAX;
    write_begin(*out);
    return OK;
}

/* ---- end ---- */

static void write_end(struct amqp_session *s, const struct amqp_error *why)
{
    struct buffer error = {0};
    size_t at;
    struct buffer *b = engine_frame_begin(s->connection, FRAME_AMQP, s->channel, &at);
    amqp_end_write(b, &(struct amqp_end){.error = engine_error(&error, why)});
    engine_frame_end(s->connection, b, at);
    buffer_clear(&error);
    s->end_sent = true;
}

/* Links first, so that none of them can be used while the application is told. */
static void tell(struct amqp_session *s, const struct amqp_error *why)
{
    struct amqp_connection *c = s->connection;
    enum { BITS = AMQP_HANDLE_MAX + 1 };
    bool live[BITS] = {0};
    for (unsigned i = 0; i < s->local_count; i++) {
        live[i] = s->local[i] && s->local[i]->state != LINK_DETACHED;
        if (s->local[i])
            s->local[i]->state = LINK_DETACHED;
    }
    for (unsigned i = 0; i < s->local_count && c->state != ENDED; i++)
        if (live[i])
            EVENT(c, on_detach, s->local[i], why);
    if (c->state != ENDED)
        EVENT(c, on_end, s, why);
}

void session_on_end(struct amqp_session *s, const struct amqp_end *e)
{
    struct amqp_error why = engine_error_read(e->error);
    if (!s->end_sent) {
        write_end(s, NULL);
        tell(s, &why);
    }
    bury(s);
}

void session_fail(struct amqp_session *s, const char *condition, const char *description)
{
    struct amqp_error e = {.condition = slice_of(condition), .description = slice_of(description)};
    write_end(s, &e);
    tell(s, &e);
}

void amqp_session_end(struct amqp_session *s, const struct amqp_error *why)
{
    if (s->end_sent || s->connection->state != OPENED)
        return;
    session_flush(s);
    write_end(s, why);
    for (unsigned i = 0; i < s->local_count; i++)
        if (s->local[i])
            s->local[i]->state = LINK_DETACHED;
}

/* ---- flow ---- */

void session_write_flow(struct amqp_session *s, struct amqp_link *l, bool drain)
{
    size_t at;
    struct buffer *b = engine_frame_begin(s->connection, FRAME_AMQP, s->channel, &at);
    s->incoming_window = AMQP_SESSION_WINDOW;
    s->flow_due = false;
    amqp_flow_write(
        b, &(struct amqp_flow){
               .next_incoming_id = s->remote_channel >= 0 ? s->next_incoming_id : AMQP_ABSENT,
               .incoming_window = s->incoming_window,
               .next_outgoing_id = s->next_outgoing_id,
               .outgoing_window = AMQP_SESSION_WINDOW,
               .handle = l ? l->handle : AMQP_ABSENT,
               .delivery_count = l ? l->delivery_count : AMQP_ABSENT,
               .credit = l ? l->credit : AMQP_ABSENT,
               .available = l ? 0 : AMQP_ABSENT,
               .drain = drain,
           });
    engine_frame_end(s->connection, b, at);
}

static void open_window(struct amqp_session *s, const struct amqp_flow *f)
{
    /* Part 2, section 2.5.6. Before it has seen our begin the peer counts from where we begin: 0.
     */
    uint32_t next = f->next_incoming_id == AMQP_ABSENT ? 0 : (uint32_t)f->next_incoming_id;
    uint32_t limit = next + (uint32_t)f->incoming_window;
    int32_t room = (int32_t)(limit - s->next_outgoing_id);
    s->remote_window = f->incoming_window > INT32_MAX ? INT32_MAX : room > 0 ? (uint32_t)room : 0;
}

void session_on_flow(struct amqp_session *s, const struct amqp_flow *f)
{
    open_window(s, f);
    struct amqp_link *l = NULL;
    if (f->handle != AMQP_ABSENT) {
        l = f->handle < s->remote_count ? s->remote[f->handle] : NULL;
        if (l == NULL) {
            session_fail(s, "amqp:session:unattached-handle", "a flow for no link");
            return;
        }
    }
    if (s->blocked && s->remote_window)
        transfer_resume(s);
    if (s->end_sent || s->connection->state != OPENED)
        return;
    if (l && l->state != LINK_DETACHED)
        link_on_flow(l, f);
    else if (l == NULL && f->echo)
        session_write_flow(s, NULL, false);
}

/* ---- what flush writes ---- */

void session_dirty(struct amqp_session *s)
{
    if (!list_linked(&s->node))
        list_push(&s->connection->dirty, &s->node);
    engine_gathered(s->connection);
}

static void write_settled(struct amqp_session *s, bool receiver, uint32_t first, uint32_t last,
                          const struct amqp_state *state)
{
    struct buffer outcome = {0};
    if (state->outcome != AMQP_OUTCOME_NONE)
        amqp_state_write(&outcome, state);
    size_t at;
    struct buffer *b = engine_frame_begin(s->connection, FRAME_AMQP, s->channel, &at);
    amqp_disposition_write(b, &(struct amqp_disposition){.receiver = receiver,
                                                         .first = first,
                                                         .last = last,
                                                         .settled = true,
                                                         .state = buffer_slice(&outcome)});
    engine_frame_end(s->connection, b, at);
    buffer_clear(&outcome);
}

static void flush_settled(struct amqp_session *s)
{
    if (s->settle_count == 0)
        return;
    write_settled(s, true, s->settle_first, s->settle_first + s->settle_count - 1,
                  &(struct amqp_state){.outcome = s->settle_outcome});
    s->settle_count = 0;
}

void session_flush(struct amqp_session *s)
{
    if (s->end_sent)
        return;
    flush_settled(s);
    struct link *node;
    while ((node = list_pop(&s->flows))) {
        struct amqp_link *l = LIST_OF(node, struct amqp_link, flow_node);
        if (l->state == LINK_ATTACHED)
            session_write_flow(s, l, false);
    }
    if (s->flow_due)
        session_write_flow(s, NULL, false);
}

/* ---- settling what came ---- */

void session_settle(struct amqp_session *s, uint32_t id, const struct amqp_state *state)
{
    bool plain = state->outcome == AMQP_OUTCOME_ACCEPTED || state->outcome == AMQP_OUTCOME_RELEASED;
    if (s->settle_count && plain && state->outcome == s->settle_outcome &&
        id == s->settle_first + s->settle_count) {
        s->settle_count++;
        return;
    }
    flush_settled(s);
    if (!plain) {
        write_settled(s, true, id, id, state);
        return;
    }
    s->settle_first = id;
    s->settle_count = 1;
    s->settle_outcome = state->outcome;
    session_dirty(s);
}

/* ---- what we sent and the peer has not settled ---- */

static bool before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0; /* RFC 1982 */
}

static void compact(struct amqp_session *s)
{
    unsigned to = 0;
    for (unsigned i = s->unsettled_start; i < s->unsettled_end; i++)
        if (!s->unsettled[i].done)
            s->unsettled[to++] = s->unsettled[i];
    s->unsettled_start = 0;
    s->unsettled_end = to;
    assert(to == s->unsettled_live);
}

bool session_unsettled_add(struct amqp_session *s, uint32_t id, struct amqp_link *l, uint64_t token)
{
    if (s->unsettled_live >= AMQP_UNSETTLED_MAX)
        return false;
    if (s->unsettled_end == s->unsettled_cap) {
        compact(s);
        if (s->unsettled_end * 2 >= s->unsettled_cap) {
            s->unsettled_cap = s->unsettled_cap * 2 + 32;
            s->unsettled = memory_resize(s->unsettled, s->unsettled_cap * sizeof(*s->unsettled));
        }
    }
    s->unsettled[s->unsettled_end++] = (struct unsettled){.id = id, .link = l, .token = token};
    s->unsettled_live++;
    return true;
}

/* The first one at or after `id` that is not done. */
static struct unsettled *unsettled_from(struct amqp_session *s, uint32_t id)
{
    unsigned low = s->unsettled_start, high = s->unsettled_end;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (before(s->unsettled[middle].id, id))
            low = middle + 1;
        else
            high = middle;
    }
    while (low < s->unsettled_end && s->unsettled[low].done)
        low++;
    return low < s->unsettled_end ? &s->unsettled[low] : NULL;
}

static void done(struct amqp_session *s, struct unsettled *u)
{
    u->done = true;
    s->unsettled_live--;
    while (s->unsettled_start < s->unsettled_end && s->unsettled[s->unsettled_start].done)
        s->unsettled_start++;
}

void session_unsettled_forget(struct amqp_session *s, const struct amqp_link *l)
{
    for (unsigned i = s->unsettled_start; i < s->unsettled_end; i++)
        if (!s->unsettled[i].done && s->unsettled[i].link == l)
            done(s, &s->unsettled[i]);
}

void session_on_disposition(struct amqp_session *s, const struct amqp_disposition *d)
{
    struct amqp_connection *c = s->connection;
    uint32_t first = (uint32_t)d->first;
    uint32_t last = d->last == AMQP_ABSENT ? first : (uint32_t)d->last;
    struct amqp_state state;
    if (amqp_state_read(d->state, &state) != OK) {
        session_fail(s, "amqp:decode-error", "the delivery state cannot be read");
        return;
    }
    if (!d->receiver || (!d->settled && state.outcome == AMQP_OUTCOME_NONE))
        return; /* the peer settles what it sent: we settle those when we are done */
    bool found = false;
    struct unsettled *u;
    while ((u = unsettled_from(s, first)) && !before(last, u->id)) {
        struct unsettled settled = *u;
        first = settled.id + 1;
        found = true;
        done(s, u);
        EVENT(c, on_settled, settled.link, settled.token, &state); /* may send, and so move *u */
        if (s->end_sent || c->state != OPENED)
            return;
    }
    if (found && !d->settled)
        write_settled(s, false, (uint32_t)d->first, last, &state);
    if (s->blocked)
        transfer_resume(s);
}
