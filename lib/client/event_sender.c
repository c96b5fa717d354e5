#include "client/event_sender.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/message.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "client/backoff.h"
#include "client/cbs.h"
#include "client/uplink.h"

#define PARTITION_KEY_MAX 128

enum sender_state {
    WAITING,    /* for the next attempt; then CONNECTING */
    CONNECTING, /* until the link is attached; then UP, WAITING */
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
    struct uplink *hub; /* NULL while WAITING */
    struct amqp_link *link;
    struct loop_timer attempt;
    struct backoff backoff;
    enum status said; /* the last reason that was logged */
    bool freed, refused;
    unsigned busy;
    struct list events;   /* not settled, oldest first */
    struct event *unsent; /* the first that is not sent on this connection; NULL: none */
    unsigned count;
    size_t bytes;
    uint64_t numbers;
};

static void dispose(struct event_sender *s)
{
    arena_clear(&s->arena);
    free(s);
}

static void enter(struct event_sender *s)
{
    s->busy++;
}

static void leave(struct event_sender *s)
{
    if (--s->busy == 0 && s->freed)
        dispose(s);
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

/* ---- the connection's events ---- */

static enum status make_token(void *arg, struct buffer *audience, struct buffer *token)
{
    const struct event_sender *s = arg;
    return cbs_event_hub_token(
        &(struct cbs_event_hub){.host = s->config.hub_host,
                                .entity = s->config.entity,
                                .policy = s->config.policy,
                                .key = s->config.key,
                                .expires_ms = loop_wall_ms(s->config.loop) + UPLINK_TOKEN_MS},
        audience, token);
}

static void on_ready(void *arg)
{
    struct event_sender *s = arg;
    s->link = uplink_attach(s->hub, &(struct uplink_link){.name = "sender",
                                                          .address = s->config.entity,
                                                          .send_settle = AMQP_SEND_UNSETTLED});
    if (s->link == NULL)
        uplink_end(s->hub, PEER_FAILED);
}

static void send_again(struct event_sender *s)
{
    LIST_EACH(l, &s->events) LIST_OF(l, struct event, link)->number = 0;
    s->unsent = list_empty(&s->events) ? NULL : LIST_OF(list_first(&s->events), struct event, link);
}

static void on_attached(void *arg, struct amqp_link *l)
{
    struct event_sender *s = arg;
    (void)l;
    s->state = UP;
    s->said = OK;
    backoff_up(&s->backoff, s->config.loop);
    uplink_up(s->hub);
    log_info("event hub connected host=%s entity=%s", s->config.host, s->config.entity);
    send_again(s);
    pump(s);
}

static void on_credit(void *arg, struct amqp_link *l)
{
    (void)l;
    pump(arg);
}

/* Those that time may help (busy, moved) are sent again on another connection. */
static void on_settled(void *arg, struct amqp_link *l, uint64_t number,
                       const struct amqp_state *state)
{
    struct event_sender *s = arg;
    (void)l;
    LIST_EACH(link, &s->events)
    {
        struct event *e = LIST_OF(link, struct event, link);
        if (e->number != number)
            continue;
        e->why = uplink_outcome(state);
        e->done = uplink_is_final(e->why);
        if (!e->done)
            uplink_end(s->hub, BUSY);
        return;
    }
}

static void on_detached(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct event_sender *s = arg;
    (void)l;
    s->link = NULL;
    s->state = CONNECTING;
    uplink_end(s->hub, uplink_status(why));
}

static void on_turn(void *arg)
{
    struct event_sender *s = arg;
    enter(s);
    tell(s);
    if (!s->freed)
        pump(s);
    leave(s);
}

/* ---- connecting, again and again ---- */

static void connect_again(struct event_sender *s);

static void log_end(struct event_sender *s, bool was_up, enum status why)
{
    if (why != s->said || was_up)
        log_line(why == UNAUTHORIZED ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
                 "%s host=%s entity=%s status=%s",
                 was_up ? "event hub disconnected" : "event hub could not be connected",
                 s->config.host, s->config.entity, status_name(why));
    s->said = why;
}

static void on_closed(void *arg, enum status why)
{
    struct event_sender *s = arg;
    enter(s);
    log_end(s, backoff_down(&s->backoff, s->config.loop), why);
    s->link = NULL;
    uplink_free(&s->hub);
    connect_again(s);
    tell(s);
    leave(s);
}

static const struct uplink_events hub_events = {
    .on_ready = on_ready,
    .on_attached = on_attached,
    .on_credit = on_credit,
    .on_settled = on_settled,
    .on_detached = on_detached,
    .on_turn = on_turn,
    .on_closed = on_closed,
};

static void on_attempt(void *arg)
{
    struct event_sender *s = arg;
    s->state = CONNECTING;
    s->hub = uplink_connect(&(struct uplink_config){.connect = {.loop = s->config.loop,
                                                                .host = s->config.host,
                                                                .port = s->config.port,
                                                                .tls = s->config.tls,
                                                                .quiet = s->backoff.attempts > 1},
                                                    .hub_host = s->config.hub_host,
                                                    .token = make_token,
                                                    .events = &hub_events,
                                                    .arg = s});
}

static void connect_again(struct event_sender *s)
{
    s->state = WAITING;
    loop_timer_start(s->config.loop, &s->attempt, backoff_next_ms(&s->backoff, s->config.loop),
                     on_attempt, s);
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
    uplink_free(&s->hub);
    s->freed = true;
    s->unsent = NULL;
    loop_timer_stop(&s->attempt);
    cancel_all(s);
    leave(s);
}

bool event_sender_connected(const struct event_sender *s)
{
    return s->state == UP;
}
