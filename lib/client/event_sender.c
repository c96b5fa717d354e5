#include "client/event_sender.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/link.h"
#include "amqp/message.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "client/cbs.h"
#include "client/event_hub.h"

#define LASTED_MS 30000     /* a connection that was up for so long makes the back-off start anew */
#define SET_UP_MS_MAX 30000 /* from connecting until the link is attached */
#define IDLE_MS 120000
#define TOKEN_MS 3600000
#define TOKEN_RENEW_MS (TOKEN_MS / 4 * 3)
#define PARTITION_KEY_MAX 128

enum sender_state {
    WAITING,    /* for the next attempt; then CONNECTING */
    CONNECTING, /* then SIGNING_IN, WAITING */
    SIGNING_IN, /* a token over $cbs; then ATTACHING, WAITING */
    ATTACHING,  /* the link; then UP, WAITING */
    UP,         /* then WAITING */
};

struct event {
    struct link link;
    struct buffer bytes;
    uint64_t token;
    uint64_t number; /* of the sending on this connection; 0: not sent on it */
    bool done;
    enum status why;
};

struct event_sender {
    struct event_sender_config config; /* texts in the arena */
    struct arena arena;
    enum sender_state state;
    struct stream *stream;
    struct amqp_connection *engine;
    struct amqp_session *session;
    struct amqp_link *cbs_send, *cbs_receive, *link;
    struct loop_timer attempt; /* of WAITING; of the others until UP: their deadline */
    struct loop_timer tick, renewal;
    unsigned attempts;
    uint64_t up_since_ms;
    enum status why, said; /* our reason to end the stream; the last one that was logged */
    bool flush_queued, freed, refused;
    unsigned busy;
    struct list events;   /* not settled, oldest first */
    struct event *unsent; /* the first that is not sent on this connection; NULL: none */
    unsigned count;
    size_t bytes;
    uint64_t numbers;
    struct buffer scratch;
};

static const char *const mechanisms[] = {"ANONYMOUS", NULL};

static void dispose(struct event_sender *s);

static void enter(struct event_sender *s)
{
    s->busy++;
}

static void leave(struct event_sender *s)
{
    if (--s->busy == 0 && s->freed)
        dispose(s);
}

static void end(struct event_sender *s, enum status why)
{
    if (s->stream == NULL || s->why != OK)
        return;
    s->why = why;
    stream_abort(s->stream, why);
}

/* ---- telling ---- */

static void free_event(struct event_sender *s, struct event *e)
{
    list_remove(&e->link);
    s->count--;
    s->bytes -= e->bytes.len;
    buffer_clear(&e->bytes);
    free(e);
}

static void tell(struct event_sender *s)
{
    struct link *l;
    while ((l = list_first(&s->events)) && LIST_OF(l, struct event, link)->done) {
        struct event *e = LIST_OF(l, struct event, link);
        uint64_t token = e->token;
        enum status why = e->why;
        free_event(s, e);
        s->config.events->on_sent(s->config.arg, token, why);
    }
    if (!s->refused || s->freed || s->count > EVENT_SENDER_WINDOW / 4 * 3 ||
        s->bytes > EVENT_SENDER_WINDOW_BYTES / 4 * 3)
        return;
    s->refused = false;
    s->config.events->on_room(s->config.arg);
}

/* ---- sending ---- */

static struct event *after(struct event_sender *s, struct event *e)
{
    return e->link.next == &s->events.head ? NULL : LIST_OF(e->link.next, struct event, link);
}

static void pump(struct event_sender *s)
{
    while (s->state == UP && s->unsent) {
        struct event *e = s->unsent;
        if (e->done) {
            s->unsent = after(s, e);
            continue;
        }
        enum status why = amqp_link_send(s->link, &(struct amqp_send){.token = s->numbers + 1},
                                         buffer_slice(&e->bytes));
        if (why == AGAIN)
            return;
        if (why == TOO_LARGE) {
            e->done = true;
            e->why = TOO_LARGE;
            continue;
        }
        if (why != OK)
            return; /* the link goes; the next connection sends it */
        e->number = ++s->numbers;
        s->unsent = after(s, e);
    }
}

/* The order within a key is what partitions keep; the annotation chooses one. */
static void put_key(struct slice key, struct buffer *out)
{
    if (key.len == 0)
        return;
    size_t map = amqp_message_map_begin(out, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(out, SLICE("x-opt-partition-key"));
    amqp_write_string(out, slice_first(key, PARTITION_KEY_MAX));
    amqp_write_end(out, map, 2);
}

static void encode(const struct event_sender_message *m, struct buffer *out)
{
    struct amqp_properties p = amqp_properties_none();
    struct slice list = m->properties, name, value;
    uint32_t items = 0;
    put_key(m->partition_key, out);
    p.content_type = m->content_type;
    p.content_encoding = m->content_encoding;
    p.subject = m->subject;
    amqp_properties_write(out, &p);
    size_t map = amqp_message_map_begin(out, AMQP_APPLICATION_PROPERTIES);
    while (iot_property_next(&list, &name, &value)) {
        amqp_write_string(out, name);
        amqp_write_string(out, value);
        items += 2;
    }
    amqp_write_end(out, map, items);
    amqp_message_data(out, m->body);
}

enum status event_sender_send(struct event_sender *s, const struct event_sender_message *m,
                              uint64_t token)
{
    size_t len = m->body.len + m->properties.len;
    if (len > IOT_MESSAGE_MAX)
        return TOO_LARGE;
    if (s->count > 0 &&
        (s->count == EVENT_SENDER_WINDOW || s->bytes + len > EVENT_SENDER_WINDOW_BYTES)) {
        s->refused = true;
        return FULL;
    }
    struct event *e = MEMORY_NEW(struct event);
    e->token = token;
    encode(m, &e->bytes);
    list_push(&s->events, &e->link);
    s->count++;
    s->bytes += e->bytes.len;
    if (s->unsent == NULL)
        s->unsent = e;
    pump(s);
    return OK;
}

/* ---- links ---- */

static struct amqp_link *attach(struct event_sender *s, const char *name, bool receiver,
                                const char *address, int settle)
{
    return event_hub_attach(s->session, &(struct event_hub_link){.name = name,
                                                                 .address = address,
                                                                 .receiver = receiver,
                                                                 .send_settle = settle});
}

/* ---- sign-in ---- */

static void put_token(struct event_sender *s)
{
    struct cbs_token token = {.host = s->config.hub_host,
                              .entity = s->config.entity,
                              .policy = s->config.policy,
                              .key = s->config.key,
                              .expires_ms = loop_wall_ms(s->config.loop) + TOKEN_MS};
    if (cbs_put_token(&token, &s->scratch) != OK) {
        end(s, BAD_ARGUMENT);
        return;
    }
    amqp_connection_flush(s->engine); /* credit for the answer goes before the question */
    if (amqp_link_send(s->cbs_send, &(struct amqp_send){.settled = true},
                       buffer_slice(&s->scratch)) != OK)
        log_warn("a request to the event hub could not be sent");
}

static void on_token_time(void *arg)
{
    struct event_sender *s = arg;
    if (s->cbs_send)
        put_token(s);
}

static void on_signed_in(struct event_sender *s)
{
    loop_timer_start(s->config.loop, &s->renewal, TOKEN_RENEW_MS, on_token_time, s);
    if (s->state != SIGNING_IN)
        return; /* it was renewed */
    s->state = ATTACHING;
    s->link = attach(s, "sender", false, s->config.entity, AMQP_SEND_UNSETTLED);
    if (s->link == NULL)
        end(s, PEER_FAILED);
}

static void send_again(struct event_sender *s)
{
    LIST_EACH(l, &s->events) LIST_OF(l, struct event, link)->number = 0;
    s->unsent = list_empty(&s->events) ? NULL : LIST_OF(list_first(&s->events), struct event, link);
}

static void come_up(struct event_sender *s)
{
    s->state = UP;
    s->said = OK;
    s->up_since_ms = loop_now_ms(s->config.loop);
    loop_timer_stop(&s->attempt);
    log_info("event hub connected host=%s entity=%s", s->config.host, s->config.entity);
    send_again(s);
    pump(s);
}

/* ---- the engine's events ---- */

static struct buffer *output(void *arg)
{
    struct event_sender *s = arg;
    stream_flush(s->stream);
    return stream_out(s->stream);
}

static void flush(void *arg)
{
    struct event_sender *s = arg;
    s->flush_queued = false;
    if (s->engine && s->stream)
        amqp_connection_flush(s->engine);
    leave(s);
}

static void on_gathered(void *arg)
{
    struct event_sender *s = arg;
    if (s->flush_queued)
        return;
    s->flush_queued = true;
    enter(s);
    loop_defer(s->config.loop, flush, s);
}

static void on_tick(void *arg)
{
    struct event_sender *s = arg;
    uint64_t now = loop_now_ms(s->config.loop);
    enter(s);
    uint64_t next = amqp_connection_tick(s->engine, now);
    if (next != UINT64_MAX && !s->freed && s->engine)
        loop_timer_start(s->config.loop, &s->tick, next > now ? next - now : 1, on_tick, s);
    leave(s);
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    struct event_sender *s = arg;
    (void)peer;
    if (amqp_session_begin(s->engine, &s->session) != OK) {
        end(s, PEER_FAILED);
        return;
    }
    loop_timer_start(s->config.loop, &s->tick, 1, on_tick, s);
    s->state = SIGNING_IN;
    s->cbs_receive = attach(s, "$cbs-receiver", true, "$cbs", AMQP_SEND_SETTLED);
    s->cbs_send = attach(s, "$cbs-sender", false, "$cbs", AMQP_SEND_SETTLED);
}

static void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *peer)
{
    struct event_sender *s = arg;
    if (s->freed || !(peer->source.at && peer->target.at))
        return; /* refused: a detach follows */
    if (l == s->cbs_receive)
        amqp_link_set_window(l, 10);
    else if (l == s->link)
        come_up(s);
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct event_sender *s = arg;
    struct amqp_message m;
    if (s->freed)
        return;
    if (!d->settled)
        amqp_link_settle(l, d->id, &(struct amqp_state){.outcome = AMQP_OUTCOME_ACCEPTED});
    enum status why = amqp_message_read(d->bytes, &m) == OK ? cbs_answer(&m) : PEER_FAILED;
    if (why == OK)
        on_signed_in(s);
    else
        end(s, why);
}

static void on_credit(void *arg, struct amqp_link *l)
{
    struct event_sender *s = arg;
    if (s->freed)
        return;
    if (l == s->cbs_send && s->state == SIGNING_IN)
        put_token(s);
    else if (l == s->link)
        pump(s);
}

static bool is_final(enum status why)
{
    return why == TOO_LARGE || why == BAD_ARGUMENT || why == FORBIDDEN;
}

/* Those that time may help (busy, moved) are sent again on another connection. */
static void on_settled(void *arg, struct amqp_link *l, uint64_t number,
                       const struct amqp_state *state)
{
    struct event_sender *s = arg;
    (void)l;
    if (s->freed)
        return;
    LIST_EACH(link, &s->events)
    {
        struct event *e = LIST_OF(link, struct event, link);
        if (e->number != number)
            continue;
        bool accepted = state->outcome == AMQP_OUTCOME_ACCEPTED;
        e->why = accepted                                  ? OK
                 : state->outcome == AMQP_OUTCOME_REJECTED ? event_hub_status(&state->error)
                                                           : BUSY;
        e->done = accepted || is_final(e->why);
        if (!e->done)
            end(s, BUSY);
        return;
    }
}

static void on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct event_sender *s = arg;
    if (s->freed)
        return;
    if (l == s->link)
        s->link = NULL;
    if (l == s->cbs_send)
        s->cbs_send = NULL;
    if (l == s->cbs_receive)
        s->cbs_receive = NULL;
    s->state = s->state == UP ? ATTACHING : s->state;
    end(s, event_hub_status(why));
}

static void on_engine_close(void *arg, enum status why, const struct amqp_error *error)
{
    struct event_sender *s = arg;
    if (s->freed)
        return;
    if (why == CLOSED && error->condition.len)
        why = event_hub_status(error);
    end(s, why == BAD_FORMAT ? PEER_FAILED : why);
}

static const struct amqp_events engine_events = {
    .output = output,
    .on_gathered = on_gathered,
    .on_open = on_open,
    .on_attach = on_attach,
    .on_transfer = on_transfer,
    .on_credit = on_credit,
    .on_settled = on_settled,
    .on_detach = on_detach,
    .on_close = on_engine_close,
};

/* ---- the stream's events ---- */

static void on_stream_open(void *arg)
{
    struct event_sender *s = arg;
    s->engine = amqp_connection_new(
        &(struct amqp_connection_config){.client = true,
                                         .container_id = "millrace/" MILLRACE_VERSION,
                                         .hostname = s->config.hub_host,
                                         .mechanisms = mechanisms,
                                         .sasl_response = SLICE(""),
                                         .idle_ms = IDLE_MS,
                                         .events = &engine_events,
                                         .arg = s},
        loop_now_ms(s->config.loop));
}

static void on_data(void *arg, struct slice bytes)
{
    struct event_sender *s = arg;
    enter(s);
    if (s->engine)
        amqp_connection_in(s->engine, bytes, loop_now_ms(s->config.loop));
    if (!s->freed)
        tell(s);
    if (!s->freed)
        pump(s);
    leave(s);
}

static void connect_again(struct event_sender *s);

static void on_stream_close(void *arg, enum status stream_why)
{
    struct event_sender *s = arg;
    enum status why = s->why != OK ? s->why : stream_why;
    bool was_up = s->up_since_ms != 0;
    enter(s);
    if (was_up && loop_now_ms(s->config.loop) - s->up_since_ms >= LASTED_MS)
        s->attempts = 0;
    if (why != s->said || was_up)
        log_line(why == UNAUTHORIZED ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
                 "%s host=%s entity=%s status=%s",
                 was_up ? "event hub disconnected" : "event hub could not be connected",
                 s->config.host, s->config.entity, status_name(why));
    s->said = why;
    s->up_since_ms = 0;
    amqp_connection_free(&s->engine);
    s->stream = NULL;
    s->session = NULL;
    s->cbs_send = s->cbs_receive = s->link = NULL;
    loop_timer_stop(&s->tick);
    loop_timer_stop(&s->renewal);
    connect_again(s);
    tell(s);
    leave(s);
}

static const struct stream_events stream_table = {
    .on_open = on_stream_open, .on_data = on_data, .on_close = on_stream_close};

/* ---- connecting, again and again ---- */

static void on_late(void *arg)
{
    end(arg, TIMED_OUT);
}

static void on_attempt(void *arg)
{
    struct event_sender *s = arg;
    s->state = CONNECTING;
    s->why = OK;
    loop_timer_start(s->config.loop, &s->attempt, SET_UP_MS_MAX, on_late, s);
    s->stream = stream_connect(&(struct connect_config){.loop = s->config.loop,
                                                        .host = s->config.host,
                                                        .port = s->config.port,
                                                        .tls = s->config.tls,
                                                        .quiet = s->attempts > 1},
                               &stream_table, s);
}

static void connect_again(struct event_sender *s)
{
    s->state = WAITING;
    loop_timer_start(s->config.loop, &s->attempt,
                     event_hub_backoff_ms(s->config.loop, s->attempts), on_attempt, s);
    s->attempts++;
}

/* ---- life ---- */

static const char *copy(struct event_sender *s, const char *text)
{
    return arena_text(&s->arena, slice_of(text));
}

struct event_sender *event_sender_new(const struct event_sender_config *config)
{
    struct event_sender *s = MEMORY_NEW(struct event_sender);
    s->config = *config;
    s->config.host = copy(s, config->host);
    s->config.hub_host = copy(s, config->hub_host ? config->hub_host : config->host);
    s->config.entity = copy(s, config->entity);
    s->config.policy = copy(s, config->policy);
    s->config.key = copy(s, config->key);
    list_init(&s->events);
    loop_timer_start(config->loop, &s->attempt, 0, on_attempt, s);
    return s;
}

static void dispose(struct event_sender *s)
{
    amqp_connection_free(&s->engine);
    buffer_clear(&s->scratch);
    arena_clear(&s->arena);
    free(s);
}

static void cancel_all(struct event_sender *s)
{
    LIST_EACH(l, &s->events)
    {
        struct event *e = LIST_OF(l, struct event, link);
        e->done = true;
        e->why = CANCELLED;
    }
    tell(s);
}

void event_sender_free(struct event_sender **sender)
{
    struct event_sender *s = *sender;
    *sender = NULL;
    if (s == NULL || s->freed)
        return;
    enter(s);
    event_hub_let_go(s->stream, s->engine);
    s->stream = NULL;
    s->freed = true;
    s->unsent = NULL;
    loop_timer_stop(&s->attempt);
    loop_timer_stop(&s->tick);
    loop_timer_stop(&s->renewal);
    amqp_connection_free(&s->engine);
    cancel_all(s);
    leave(s);
}

bool event_sender_connected(const struct event_sender *s)
{
    return s->state == UP;
}
