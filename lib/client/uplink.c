#include "client/uplink.h"

#include <stdlib.h>

#include "amqp/message.h"
#include "base/log.h"
#include "base/memory.h"
#include "client/cbs.h"
#include "rest/websocket.h"

#define IDLE_MS 120000
#define TOKEN_RENEW_MS (UPLINK_TOKEN_MS / 4 * 3)
#define TOKEN_SPREAD_MS 300000 /* so that many do not renew at once */
#define ANSWERS 10             /* credit for answers of $cbs */
#define WEBSOCKET_PROTOCOL "AMQPWSB10"

enum uplink_state {
    CONNECTING, /* stream, SASL, open; then SIGNING_IN, READY, CLOSED_ */
    SIGNING_IN, /* a token over $cbs; then READY, CLOSED_ */
    READY,      /* then CLOSED_ */
    CLOSED_,    /* for ever */
};

struct uplink {
    struct uplink_config config;
    enum uplink_state state;
    struct stream *stream;
    struct amqp_connection *engine;
    struct amqp_session *session;
    struct amqp_link *cbs_send, *cbs_receive;
    struct loop_timer set_up, tick, renewal;
    enum status why; /* our reason to end the stream */
    bool flush_queued, freed, opened;
    bool token_due; /* goes as soon as there is credit */
    unsigned busy;  /* calls that come back here */
    struct buffer request;
};

static void dispose(struct uplink *h)
{
    amqp_connection_free(&h->engine);
    buffer_clear(&h->request);
    free(h);
}

static void enter(struct uplink *h)
{
    h->busy++;
}

static void leave(struct uplink *h)
{
    if (--h->busy == 0 && h->freed)
        dispose(h);
}

void uplink_end(struct uplink *h, enum status why)
{
    if (h->stream == NULL || h->why != OK)
        return;
    h->why = why;
    stream_abort(h->stream, why);
}

/* ---- links ---- */

struct amqp_link *uplink_attach(struct uplink *h, const struct uplink_link *want)
{
    struct buffer there = {0}, source = {0}, target = {0};
    struct amqp_link *l = NULL;
    amqp_write_string(&there, slice_of(want->address));
    amqp_source_write(&source, &(struct amqp_source){.address = buffer_slice(&there),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT,
                                                     .filter = want->filter});
    amqp_target_write(&target, &(struct amqp_target){.address = buffer_slice(&there),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT});
    struct amqp_attach attach = {.name = slice_of(want->name),
                                 .receiver = want->receiver,
                                 .send_settle = want->send_settle,
                                 .receive_settle = AMQP_RECEIVE_FIRST,
                                 .source = buffer_slice(&source),
                                 .target = buffer_slice(&target),
                                 .properties = want->properties};
    if (amqp_link_attach(h->session, &attach, want->arg, &l) != OK)
        l = NULL;
    buffer_clear(&there);
    buffer_clear(&source);
    buffer_clear(&target);
    return l;
}

bool uplink_ask(struct uplink *h, struct amqp_link *l, const struct buffer *message)
{
    amqp_connection_flush(h->engine);
    return amqp_link_send(l, &(struct amqp_send){.settled = true}, buffer_slice(message)) == OK;
}

enum status uplink_status(const struct amqp_error *why)
{
    /* clang-format off */
    static const struct {
        struct slice condition;
        enum status status;
    } table[] = {
        {SLICE_INIT("amqp:unauthorized-access"), UNAUTHORIZED},
        {SLICE_INIT("amqp:not-found"), NOT_FOUND},
        {SLICE_INIT("amqp:link:stolen"), REPLACED},
        {SLICE_INIT("amqp:link:message-size-exceeded"), TOO_LARGE},
        {SLICE_INIT("amqp:not-allowed"), FORBIDDEN},
        {SLICE_INIT("com.microsoft:argument-error"), BAD_ARGUMENT},
        {SLICE_INIT("com.microsoft:argument-out-of-range"), BAD_ARGUMENT},
        {SLICE_INIT("amqp:decode-error"), BAD_ARGUMENT},
        /* These pass. */
        {SLICE_INIT("amqp:internal-error"), BUSY},
        {SLICE_INIT("amqp:resource-limit-exceeded"), BUSY},
        {SLICE_INIT("amqp:connection:forced"), BUSY},
        {SLICE_INIT("amqp:link:detach-forced"), BUSY},
        {SLICE_INIT("com.microsoft:device-container-throttled"), BUSY},
        {SLICE_INIT("com.microsoft:iot-hub-suspended"), BUSY},
        {SLICE_INIT("com.microsoft:operation-cancelled"), BUSY},
        {SLICE_INIT("com.microsoft:quota-exceeded"), BUSY},
        {SLICE_INIT("com.microsoft:server-busy"), BUSY},
        {SLICE_INIT("com.microsoft:timeout"), BUSY},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (slice_eq(why->condition, table[i].condition))
            return table[i].status;
    return PEER_FAILED;
}

bool uplink_is_final(enum status why)
{
    return why == OK || why == TOO_LARGE || why == BAD_ARGUMENT || why == FORBIDDEN;
}

enum status uplink_outcome(const struct amqp_state *state)
{
    if (state->outcome == AMQP_OUTCOME_ACCEPTED)
        return OK;
    if (state->outcome != AMQP_OUTCOME_REJECTED)
        return BUSY;
    enum status s = uplink_status(&state->error);
    if (s == PEER_FAILED)
        s = BAD_ARGUMENT;
    if (uplink_is_final(s))
        log_warn("a message was rejected condition=%.*s",
                 SLICE_FMT(slice_first(state->error.condition, 64)));
    return s;
}

/* ---- sign-in ---- */

static void put_token(struct uplink *h)
{
    struct buffer audience = {0}, token = {0};
    enum status s = h->config.token(h->config.arg, &audience, &token);
    if (s != OK) {
        uplink_end(h, s);
    } else {
        cbs_put_token(buffer_slice(&audience), buffer_slice(&token), &h->request);
        h->token_due = !uplink_ask(h, h->cbs_send, &h->request);
    }
    buffer_clear(&audience);
    buffer_clear(&token);
}

static void on_token_time(void *arg)
{
    struct uplink *h = arg;
    if (h->cbs_send)
        put_token(h);
}

static void be_ready(struct uplink *h)
{
    h->state = READY;
    h->config.events->on_ready(h->config.arg);
}

static void on_answer(struct uplink *h, struct slice bytes)
{
    struct amqp_message m;
    struct loop *loop = h->config.connect.loop;
    enum status s = amqp_message_read(bytes, &m) == OK ? cbs_answer(&m) : PEER_FAILED;
    if (s != OK) {
        uplink_end(h, s);
        return;
    }
    uint64_t spread = loop_random_u64(loop) % TOKEN_SPREAD_MS;
    loop_timer_start(loop, &h->renewal, TOKEN_RENEW_MS + spread, on_token_time, h);
    if (h->state == SIGNING_IN) /* else it was renewed */
        be_ready(h);
}

static struct amqp_link *attach_cbs(struct uplink *h, const char *name, bool receiver)
{
    return uplink_attach(h, &(struct uplink_link){.name = name,
                                                  .address = "$cbs",
                                                  .receiver = receiver,
                                                  .send_settle = AMQP_SEND_SETTLED});
}

/* ---- the engine's events ---- */

static struct buffer *output(void *arg)
{
    struct uplink *h = arg;
    stream_flush(h->stream);
    return stream_out(h->stream);
}

static void flush(void *arg)
{
    struct uplink *h = arg;
    h->flush_queued = false;
    if (h->engine && h->stream)
        amqp_connection_flush(h->engine);
    leave(h);
}

static void on_gathered(void *arg)
{
    struct uplink *h = arg;
    if (h->flush_queued)
        return;
    h->flush_queued = true;
    enter(h);
    loop_defer(h->config.connect.loop, flush, h);
}

static void on_tick(void *arg)
{
    struct uplink *h = arg;
    struct loop *loop = h->config.connect.loop;
    uint64_t now = loop_now_ms(loop);
    enter(h);
    uint64_t next = amqp_connection_tick(h->engine, now);
    if (next != UINT64_MAX && !h->freed && h->engine)
        loop_timer_start(loop, &h->tick, next > now ? next - now : 1, on_tick, h);
    leave(h);
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    struct uplink *h = arg;
    (void)peer;
    h->opened = true;
    if (amqp_session_begin(h->engine, &h->session) != OK) {
        uplink_end(h, PEER_FAILED);
        return;
    }
    loop_timer_start(h->config.connect.loop, &h->tick, 1, on_tick, h);
    if (h->config.token == NULL) {
        be_ready(h);
        return;
    }
    h->state = SIGNING_IN;
    h->token_due = true;
    h->cbs_receive = attach_cbs(h, "$cbs-receiver", true);
    h->cbs_send = attach_cbs(h, "$cbs-sender", false);
}

static void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *peer)
{
    struct uplink *h = arg;
    if (h->freed || !(peer->source.at && peer->target.at))
        return; /* refused: a detach follows */
    if (l == h->cbs_receive)
        amqp_link_set_window(l, ANSWERS);
    else if (l != h->cbs_send && h->config.events->on_attached)
        h->config.events->on_attached(h->config.arg, l);
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct uplink *h = arg;
    if (h->freed)
        return;
    if (l == h->cbs_receive) {
        if (!d->settled)
            amqp_link_settle(l, d->id, &(struct amqp_state){.outcome = AMQP_OUTCOME_ACCEPTED});
        on_answer(h, d->bytes);
    } else if (h->config.events->on_transfer) {
        h->config.events->on_transfer(h->config.arg, l, d);
    }
}

static void on_credit(void *arg, struct amqp_link *l)
{
    struct uplink *h = arg;
    if (h->freed)
        return;
    if (l == h->cbs_send && h->token_due)
        put_token(h);
    else if (l != h->cbs_send && h->config.events->on_credit)
        h->config.events->on_credit(h->config.arg, l);
}

static void on_settled(void *arg, struct amqp_link *l, uint64_t token,
                       const struct amqp_state *state)
{
    struct uplink *h = arg;
    if (!h->freed && h->config.events->on_settled)
        h->config.events->on_settled(h->config.arg, l, token, state);
}

static void on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct uplink *h = arg;
    if (h->freed)
        return;
    if (l == h->cbs_send || l == h->cbs_receive) {
        h->cbs_send = l == h->cbs_send ? NULL : h->cbs_send;
        h->cbs_receive = l == h->cbs_receive ? NULL : h->cbs_receive;
        uplink_end(h, uplink_status(why));
    } else if (h->config.events->on_detached) {
        h->config.events->on_detached(h->config.arg, l, why);
    }
}

static void on_engine_close(void *arg, enum status why, const struct amqp_error *error)
{
    struct uplink *h = arg;
    if (h->freed)
        return;
    if (why == CLOSED && error->condition.len)
        why = uplink_status(error);
    uplink_end(h, why == BAD_FORMAT ? PEER_FAILED : why);
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
    static const char *const mechanisms[] = {"ANONYMOUS", NULL};
    struct uplink *h = arg;
    bool sasl = h->config.token != NULL;
    h->engine = amqp_connection_new(
        &(struct amqp_connection_config){.client = true,
                                         .container_id = "millrace/" MILLRACE_VERSION,
                                         .hostname = h->config.hub_host,
                                         .mechanisms = sasl ? mechanisms : NULL,
                                         .sasl_response = sasl ? SLICE("") : (struct slice){0},
                                         .idle_ms = IDLE_MS,
                                         .events = &engine_events,
                                         .arg = h},
        loop_now_ms(h->config.connect.loop));
}

static void on_data(void *arg, struct slice bytes)
{
    struct uplink *h = arg;
    enter(h);
    if (h->engine)
        amqp_connection_in(h->engine, bytes, loop_now_ms(h->config.connect.loop));
    if (!h->freed && h->config.events->on_turn)
        h->config.events->on_turn(h->config.arg);
    leave(h);
}

static void on_drain(void *arg)
{
    struct uplink *h = arg;
    enter(h);
    if (h->config.events->on_drain)
        h->config.events->on_drain(h->config.arg);
    leave(h);
}

static void stop_timers(struct uplink *h)
{
    loop_timer_stop(&h->set_up);
    loop_timer_stop(&h->tick);
    loop_timer_stop(&h->renewal);
}

static void on_stream_close(void *arg, enum status stream_why)
{
    struct uplink *h = arg;
    enter(h);
    h->state = CLOSED_;
    h->stream = NULL;
    h->session = NULL;
    h->cbs_send = h->cbs_receive = NULL;
    amqp_connection_free(&h->engine);
    stop_timers(h);
    h->config.events->on_closed(h->config.arg, h->why != OK ? h->why : stream_why);
    leave(h);
}

static const struct stream_events stream_table = {.on_open = on_stream_open,
                                                  .on_data = on_data,
                                                  .on_drain = on_drain,
                                                  .on_close = on_stream_close};

/* ---- life ---- */

static void on_late(void *arg)
{
    uplink_end(arg, TIMED_OUT);
}

struct uplink *uplink_connect(const struct uplink_config *config)
{
    struct uplink *h = MEMORY_NEW(struct uplink);
    h->config = *config;
    loop_timer_start(config->connect.loop, &h->set_up, UPLINK_SET_UP_MS, on_late, h);
    if (config->websocket)
        h->stream =
            rest_websocket_connect(&(struct rest_websocket_config){.connect = config->connect,
                                                                   .target = config->websocket,
                                                                   .protocol = WEBSOCKET_PROTOCOL},
                                   &stream_table, h);
    else
        h->stream = stream_connect(&config->connect, &stream_table, h);
    return h;
}

void uplink_up(struct uplink *h)
{
    loop_timer_stop(&h->set_up);
}

static void on_nothing(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static void on_gone(void *arg, enum status why)
{
    (void)arg, (void)why;
}

static const struct stream_events goodbye = {.on_data = on_nothing, .on_close = on_gone};

void uplink_free(struct uplink **connection)
{
    struct uplink *h = *connection;
    *connection = NULL;
    if (h == NULL)
        return;
    enter(h);
    h->freed = true;
    if (h->stream && h->engine)
        amqp_connection_close(h->engine, NULL);
    if (h->stream) {
        stream_events(h->stream, &goodbye, NULL);
        stream_close(h->stream);
    }
    h->stream = NULL;
    stop_timers(h);
    amqp_connection_free(&h->engine);
    leave(h);
}

bool uplink_opened(const struct uplink *h)
{
    return h->opened;
}

size_t uplink_unsent(const struct uplink *h)
{
    return h->stream ? stream_unsent(h->stream) : 0;
}

const char *uplink_peer(const struct uplink *h)
{
    return h->stream ? stream_peer(h->stream) : "-";
}
