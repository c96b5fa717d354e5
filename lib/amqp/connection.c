#include "amqp/connection.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/engine.h"
#include "base/memory.h"

static const struct slice header_amqp = SLICE_INIT("AMQP\0\1\0\0");
static const struct slice header_sasl = SLICE_INIT("AMQP\3\1\0\0");

static void frame_too_large(struct amqp_connection *c);

/* ---- frames out ---- */

struct buffer *engine_frame_begin(struct amqp_connection *c, uint8_t type, uint16_t channel,
                                  size_t *at)
{
    struct buffer *b = c->events->output(c->arg);
    *at = b->len;
    uint8_t *h = buffer_reserve(b, 8);
    h[4] = 2; /* the data begins after 2 words */
    h[5] = type;
    h[6] = (uint8_t)(channel >> 8);
    h[7] = (uint8_t)channel;
    buffer_added(b, 8);
    return b;
}

void engine_frame_end(struct amqp_connection *c, struct buffer *b, size_t at)
{
    uint32_t len = (uint32_t)(b->len - at);
    if (c->state == OPENED && len > c->peer_frame_max) {
        b->len = at;
        frame_too_large(c);
        return;
    }
    uint32_t size = __builtin_bswap32(len);
    memcpy(b->at + at, &size, 4);
    c->spoke_ms = c->now_ms;
}

static void write_header(struct amqp_connection *c, struct slice header)
{
    buffer_put(c->events->output(c->arg), header);
    c->spoke_ms = c->now_ms;
}

static void write_open(struct amqp_connection *c)
{
    size_t at;
    struct buffer *b = engine_frame_begin(c, FRAME_AMQP, 0, &at);
    amqp_open_write(b, &(struct amqp_open){
                           .container_id = slice_of(c->container_id),
                           .hostname = slice_of(c->hostname),
                           .frame_max = AMQP_FRAME_MAX,
                           .channel_max = AMQP_CHANNEL_MAX,
                           .idle_ms = c->idle_ms ? (int64_t)c->idle_ms / 2 : AMQP_ABSENT,
                       });
    engine_frame_end(c, b, at);
    c->open_sent = true;
}

struct slice engine_error(struct buffer *into, const struct amqp_error *e)
{
    if (e == NULL || e->condition.at == NULL)
        return (struct slice){0};
    amqp_error_write(into, e);
    return buffer_slice(into);
}

struct amqp_error engine_error_read(struct slice encoded)
{
    struct amqp_error e = {0};
    if (encoded.at && amqp_error_read(encoded, &e) != OK)
        e.condition = SLICE("amqp:decode-error"); /* there was one, and it cannot be read */
    return e;
}

static void write_close(struct amqp_connection *c, const struct amqp_error *why)
{
    struct buffer error = {0};
    size_t at;
    struct buffer *b = engine_frame_begin(c, FRAME_AMQP, 0, &at);
    amqp_close_write(b, &(struct amqp_close){.error = engine_error(&error, why)});
    engine_frame_end(c, b, at);
    buffer_clear(&error);
}

/* Transfers are cut to fit; an attach with much in it may not, and then the peer cannot be served.
 */
static void frame_too_large(struct amqp_connection *c)
{
    struct amqp_error e = {.condition = SLICE("amqp:frame-size-too-small"),
                           .description = SLICE("an answer does not fit into max-frame-size")};
    c->state = CLOSING;
    write_close(c, &e);
}

/* ---- the end ---- */

static void free_dead(struct amqp_connection *c)
{
    struct link *l;
    while ((l = list_pop(&c->dead_links)))
        link_free(LIST_OF(l, struct amqp_link, node));
    while ((l = list_pop(&c->dead_sessions)))
        amqp_session_free(LIST_OF(l, struct amqp_session, node));
}

static void free_now(struct amqp_connection *c)
{
    for (unsigned i = 0; i < c->local_count; i++)
        if (c->local[i])
            amqp_session_free(c->local[i]);
    free_dead(c);
    free(c->local);
    free(c->remote);
    free(c->container_id);
    free(c->hostname);
    buffer_clear(&c->sasl_response);
    buffer_clear(&c->in);
    free(c);
}

void engine_enter(struct amqp_connection *c)
{
    c->depth++;
}

void engine_leave(struct amqp_connection *c)
{
    if (--c->depth)
        return;
    if (c->doomed)
        free_now(c);
    else
        free_dead(c);
}

void engine_closed(struct amqp_connection *c, enum status why, const struct amqp_error *error)
{
    if (c->state == ENDED)
        return;
    c->state = ENDED;
    static const struct amqp_error none;
    EVENT(c, on_close, why, error ? error : &none);
}

void engine_fail(struct amqp_connection *c, const char *condition, const char *description)
{
    if (c->state == ENDED)
        return;
    struct amqp_error e = {.condition = slice_of(condition), .description = slice_of(description)};
    if (c->state >= EXPECT_OPEN && c->state != CLOSING) {
        if (!c->open_sent)
            write_open(c); /* part 2, section 2.4.1: even a refusal begins with an open */
        write_close(c, &e);
    }
    engine_closed(c, BAD_FORMAT, &e);
}

/* ---- frames in ---- */

static void take_open(struct amqp_connection *c, const struct amqp_open *o)
{
    c->peer_frame_max = o->frame_max == AMQP_ABSENT ? UINT32_MAX : (uint32_t)o->frame_max;
    c->peer_channel_max = o->channel_max == AMQP_ABSENT ? UINT16_MAX : (uint32_t)o->channel_max;
    c->peer_idle_ms = o->idle_ms == AMQP_ABSENT ? 0 : (uint64_t)o->idle_ms;
}

static void on_open(struct amqp_connection *c, struct slice bytes)
{
    struct amqp_open o;
    if (amqp_open_read(bytes, &o) != OK) {
        engine_fail(c, "amqp:decode-error", "the open cannot be read");
        return;
    }
    take_open(c, &o);
    if (c->peer_frame_max < 512) { /* part 2, section 2.7.1: MIN-MAX-FRAME-SIZE */
        engine_fail(c, "amqp:invalid-field", "max-frame-size is below 512");
        return;
    }
    if (c->peer_idle_ms && c->peer_idle_ms < AMQP_IDLE_MS_MIN) { /* part 2, section 2.4.5 */
        engine_fail(c, "amqp:invalid-field", "idle-time-out is below 500 ms");
        return;
    }
    if (!c->open_sent)
        write_open(c);
    c->state = OPENED;
    EVENT(c, on_open, &o);
}

static void on_close(struct amqp_connection *c, struct slice bytes)
{
    struct amqp_close close;
    struct amqp_error e = {0};
    if (amqp_close_read(bytes, &close) == OK)
        e = engine_error_read(close.error);
    if (c->state != CLOSING) {
        if (!c->open_sent)
            write_open(c);
        write_close(c, NULL);
    }
    engine_closed(c, CLOSED, &e);
}

static struct amqp_session *session_of(struct amqp_connection *c, uint16_t channel)
{
    return channel < c->remote_count ? c->remote[channel] : NULL;
}

#define DECODE(type, bytes, handle)                                                                \
    do {                                                                                           \
        struct amqp_##type p;                                                                      \
        if (amqp_##type##_read(bytes, &p) == OK) {                                                 \
            handle;                                                                                \
        } else {                                                                                   \
            engine_fail(c, "amqp:decode-error", "the " #type " cannot be read");                   \
        }                                                                                          \
    } while (0)

static void session_frame(struct amqp_connection *c, struct amqp_session *s, enum amqp_code code,
                          struct slice bytes, struct slice payload)
{
    if (s->end_sent && code != AMQP_END)
        return; /* part 2, section 2.5.4: what was on its way is dropped */
    switch (code) {
    case AMQP_ATTACH:
        DECODE(attach, bytes, link_on_attach(s, &p, bytes));
        return;
    case AMQP_FLOW:
        DECODE(flow, bytes, session_on_flow(s, &p));
        return;
    case AMQP_TRANSFER:
        DECODE(transfer, bytes, transfer_in(s, &p, payload));
        return;
    case AMQP_DISPOSITION:
        DECODE(disposition, bytes, session_on_disposition(s, &p));
        return;
    case AMQP_DETACH:
        DECODE(detach, bytes, link_on_detach(s, &p));
        return;
    case AMQP_END:
        DECODE(end, bytes, session_on_end(s, &p));
        return;
    default:
        engine_fail(c, "amqp:not-allowed", "this performative does not belong here");
    }
}

/* Azure's Python SDK detaches after its end; others grant credit and settle. Once there was a session on the
 * channel, that harms nobody; a message would be lost. */
static bool may_be_late(const struct amqp_connection *c, uint16_t channel, enum amqp_code code)
{
    return c->state == OPENED && channel < c->channels_used &&
           (code == AMQP_DETACH || code == AMQP_FLOW || code == AMQP_DISPOSITION);
}

static void amqp_frame(struct amqp_connection *c, uint16_t channel, struct slice body)
{
    if (body.len == 0)
        return; /* keeps the line warm */
    struct reader r = reader_of(body);
    struct slice bytes;
    enum amqp_code code = amqp_composite_next(&r, &bytes);
    if (code == 0) {
        engine_fail(c, "amqp:decode-error", "the frame's performative cannot be read");
    } else if (code == AMQP_CLOSE) {
        on_close(c, bytes);
    } else if (c->state == CLOSING) {
        return; /* what was on its way is dropped */
    } else if (c->state == EXPECT_OPEN && code == AMQP_OPEN) {
        on_open(c, bytes);
    } else if (c->state == OPENED && code == AMQP_BEGIN) {
        DECODE(begin, bytes, session_on_begin(c, channel, &p));
    } else {
        struct amqp_session *s = c->state == OPENED ? session_of(c, channel) : NULL;
        if (s)
            session_frame(c, s, code, bytes, r.rest);
        else if (!may_be_late(c, channel, code))
            engine_fail(c, "amqp:connection:framing-error", "no session on this channel");
    }
}

static void dispatch(struct amqp_connection *c, struct slice frame)
{
    size_t data = (size_t)frame.at[4] * 4;
    uint8_t type = frame.at[5];
    uint16_t channel = (uint16_t)(frame.at[6] << 8 | frame.at[7]);
    bool sasl = c->state == EXPECT_SASL;
    if (data < 8 || data > frame.len || type != (sasl ? FRAME_SASL : FRAME_AMQP)) {
        engine_fail(c, "amqp:connection:framing-error", "bad frame header");
        return;
    }
    if (sasl)
        sasl_frame(c, slice_skip(frame, data));
    else
        amqp_frame(c, channel, slice_skip(frame, data));
}

/* ---- headers in ---- */

static void refuse_header(struct amqp_connection *c)
{
    if (!c->client) /* part 2, section 2.2: answer with what is spoken here, and close */
        write_header(c, c->mechanisms && c->state == EXPECT_HEADER ? header_sasl : header_amqp);
    struct amqp_error e = {.condition = SLICE("amqp:connection:framing-error"),
                           .description = SLICE("not an AMQP 1.0 header")};
    engine_closed(c, BAD_FORMAT, &e);
}

static void on_header(struct amqp_connection *c, struct slice header)
{
    bool first = c->state == EXPECT_HEADER;
    if (slice_eq(header, header_sasl) && first && c->mechanisms) {
        if (!c->client)
            write_header(c, header_sasl);
        c->state = EXPECT_SASL;
        sasl_start(c);
    } else if (slice_eq(header, header_amqp) && !(first && c->client && c->mechanisms)) {
        if (!c->client)
            write_header(c, header_amqp);
        c->state = EXPECT_OPEN;
        if (c->client)
            write_open(c);
    } else {
        refuse_header(c);
    }
}

/* Takes whole headers and frames off the bytes; returns how many bytes those were. */
static size_t take(struct amqp_connection *c, struct slice bytes)
{
    size_t all = bytes.len;
    while (bytes.len >= 8 && c->state != ENDED && c->state != SASL_DECIDING && !c->doomed) {
        if (c->state == EXPECT_HEADER || c->state == EXPECT_AMQP_HEADER) {
            struct slice header = slice_first(bytes, 8);
            bytes = slice_skip(bytes, 8);
            on_header(c, header);
            continue;
        }
        struct reader r = reader_of(bytes);
        uint32_t size = reader_u32(&r);
        if (size < 8 || size > AMQP_FRAME_MAX) {
            engine_fail(c, "amqp:connection:framing-error", "bad frame size");
            break;
        }
        if (bytes.len < size)
            break;
        struct slice frame = slice_first(bytes, size);
        bytes = slice_skip(bytes, size);
        dispatch(c, frame);
    }
    return all - bytes.len;
}

static void take_all(struct amqp_connection *c, struct slice bytes)
{
    if (c->in.len == 0) {
        size_t taken = take(c, bytes);
        if (taken < bytes.len)
            buffer_put(&c->in, slice_skip(bytes, taken));
    } else {
        buffer_put(&c->in, bytes);
        buffer_drop(&c->in, take(c, buffer_slice(&c->in)));
    }
    if (c->in.len > AMQP_FRAME_MAX)
        engine_fail(c, "amqp:connection:framing-error", "too much before SASL is done");
}

void amqp_connection_in(struct amqp_connection *c, struct slice bytes, uint64_t now_ms)
{
    assert(!c->in_input);
    if (c->state == ENDED)
        return;
    engine_enter(c);
    c->now_ms = c->heard_ms = now_ms;
    c->in_input = true;
    take_all(c, bytes);
    c->in_input = false;
    if (!c->doomed)
        amqp_connection_flush(c);
    engine_leave(c);
}

void amqp_connection_sasl(struct amqp_connection *c, enum status outcome)
{
    if (c->state != SASL_DECIDING)
        return;
    engine_enter(c);
    sasl_decided(c, outcome);
    c->in_input = true;
    buffer_drop(&c->in, take(c, buffer_slice(&c->in)));
    c->in_input = false;
    if (!c->doomed)
        amqp_connection_flush(c);
    engine_leave(c);
}

/* ---- gathering ---- */

void engine_gathered(struct amqp_connection *c)
{
    if (c->gathered)
        return;
    c->gathered = true;
    if (!c->in_input)
        EVENT(c, on_gathered);
}

void amqp_connection_flush(struct amqp_connection *c)
{
    c->gathered = false;
    struct link *l;
    while ((l = list_pop(&c->dirty)))
        if (c->state == OPENED)
            session_flush(LIST_OF(l, struct amqp_session, node));
}

/* ---- time ---- */

static uint64_t speak(struct amqp_connection *c)
{
    if (c->peer_idle_ms == 0)
        return UINT64_MAX;
    uint64_t every = c->peer_idle_ms / 2 ? c->peer_idle_ms / 2 : 1;
    if (c->now_ms >= c->spoke_ms + every) {
        size_t at;
        struct buffer *b = engine_frame_begin(c, FRAME_AMQP, 0, &at);
        engine_frame_end(c, b, at);
    }
    return c->spoke_ms + every;
}

uint64_t amqp_connection_tick(struct amqp_connection *c, uint64_t now_ms)
{
    if (c->state == ENDED)
        return UINT64_MAX;
    c->now_ms = now_ms;
    uint64_t silent = c->idle_ms ? c->heard_ms + c->idle_ms : UINT64_MAX;
    if (now_ms >= silent) {
        engine_enter(c);
        struct amqp_error e = {.condition = SLICE("amqp:resource-limit-exceeded"),
                               .description = SLICE("the connection was silent for too long")};
        if (c->open_sent && c->state != CLOSING)
            write_close(c, &e);
        engine_closed(c, TIMED_OUT, &e);
        engine_leave(c);
        return UINT64_MAX;
    }
    uint64_t next = c->state == OPENED ? speak(c) : UINT64_MAX;
    return next < silent ? next : silent;
}

/* ---- making and closing ---- */

struct amqp_connection *amqp_connection_new(const struct amqp_connection_config *config,
                                            uint64_t now_ms)
{
    struct amqp_connection *c = MEMORY_NEW(struct amqp_connection);
    c->client = config->client;
    c->container_id = memory_text(config->container_id);
    c->hostname = config->hostname ? memory_text(config->hostname) : NULL;
    c->mechanisms = config->mechanisms;
    buffer_put(&c->sasl_response, config->sasl_response);
    if (config->sasl_response.at)
        buffer_reserve(&c->sasl_response, 1); /* empty, and there */
    c->idle_ms = config->idle_ms;
    c->message_max = config->message_max ? config->message_max : 1u << 20;
    c->partial_max = AMQP_PARTIAL_MAX;
    c->events = config->events;
    c->arg = config->arg;
    c->now_ms = c->heard_ms = c->spoke_ms = now_ms;
    c->peer_frame_max = 512;
    list_init(&c->dirty);
    list_init(&c->dead_sessions);
    list_init(&c->dead_links);
    if (c->client)
        write_header(c, c->mechanisms ? header_sasl : header_amqp);
    return c;
}

void amqp_connection_free(struct amqp_connection **c)
{
    if (*c == NULL)
        return;
    (*c)->state = ENDED;
    if ((*c)->depth)
        (*c)->doomed = true;
    else
        free_now(*c);
    *c = NULL;
}

void amqp_connection_trust(struct amqp_connection *c, size_t partial_max)
{
    c->partial_max = partial_max;
}

void amqp_connection_close(struct amqp_connection *c, const struct amqp_error *why)
{
    if (c->state >= CLOSING)
        return;
    if (c->state == OPENED)
        amqp_connection_flush(c);
    if (c->state < EXPECT_OPEN)
        return; /* there is no frame to say it with */
    if (!c->open_sent)
        write_open(c);
    write_close(c, why);
    c->state = CLOSING;
}
