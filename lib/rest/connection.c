#include "rest/connection.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

/* What the connection waits for, and so which limit counts. */
enum phase { PHASE_NONE, PHASE_IDLE, PHASE_HEAD, PHASE_BODY, PHASE_RUN, PHASE_SEND, PHASE_LINGER };

#define KEEP_BYTES (16u << 10) /* of memory for the next request; more is given back */
#define LINGER_MS 1000         /* to let a peer that still sends read why it was refused */

static void destroy(struct connection *c)
{
    loop_timer_stop(&c->timer);
    connection_drop_body(c);
    if (c->server) {
        list_remove(&c->link);
        c->server->connection_count--;
    }
    http_parser_free(&c->parser);
    buffer_clear(&c->extra);
    buffer_clear(&c->waiting);
    arena_clear(&c->request.arena);
    free(c);
}

/* Frees it when neither a stream, nor a handler, nor a caller further up still needs it. */
static void settle(struct connection *c)
{
    if (c->stream == NULL && !c->busy && !c->reading)
        destroy(c);
}

/* ---- deadlines ---- */

static void on_timer(void *arg);

static uint64_t phase_limit(const struct connection *c)
{
    switch ((enum phase)c->phase) {
    case PHASE_HEAD:
        return c->server->limits.head_ms;
    case PHASE_BODY:
        return c->server->limits.body_ms;
    case PHASE_RUN:
        return c->server->limits.request_ms;
    case PHASE_LINGER:
        return LINGER_MS;
    case PHASE_NONE:
    case PHASE_IDLE:
    case PHASE_SEND:
        break;
    }
    return c->server->limits.idle_ms;
}

/* A timer that runs out too early looks again; so most requests do not touch it. */
static void arm(struct connection *c)
{
    uint64_t now = loop_now_ms(c->request.loop);
    uint64_t due = c->since_ms + phase_limit(c);
    if (c->timer_at_ms && c->timer_at_ms <= due)
        return;
    c->timer_at_ms = due;
    loop_timer_start(c->request.loop, &c->timer, due > now ? due - now : 0, on_timer, c);
}

static enum phase current_phase(const struct connection *c)
{
    if (c->state == CONNECTION_RUNNING)
        return c->on_piece ? PHASE_BODY : c->on_room ? PHASE_SEND : PHASE_RUN;
    if (c->state == CONNECTION_ENDING)
        return c->linger ? PHASE_LINGER : PHASE_IDLE;
    if (http_parser_idle(c->parser) || c->waiting.len > c->waiting_taken)
        return PHASE_IDLE;
    return http_parser_head(c->parser) ? PHASE_BODY : PHASE_HEAD;
}

static void enter_phase(struct connection *c)
{
    enum phase now = current_phase(c);
    if (c->server == NULL || c->stream == NULL || c->phase == (int)now)
        return;
    c->phase = now;
    c->since_ms = loop_now_ms(c->request.loop);
    c->unsent_before = stream_unsent(c->stream);
    arm(c);
}

/* ---- writing ---- */

static void put_date(struct rest_server *s, struct buffer *out)
{
    uint64_t wall_ms = loop_wall_ms(s->loop);
    if (s->date.len == 0 || s->date_second != wall_ms / 1000) {
        s->date_second = wall_ms / 1000;
        buffer_reset(&s->date);
        http_message_put_date(&s->date, wall_ms);
    }
    buffer_put(out, buffer_slice(&s->date));
}

static void put_connection(const struct connection *c, struct buffer *out)
{
    const struct http_message *m = http_parser_head(c->parser);
    if (c->last)
        http_message_put_field(out, "Connection", SLICE("close"));
    else if (m && m->minor == 0)
        http_message_put_field(out, "Connection", SLICE("keep-alive"));
}

void connection_put_head(struct connection *c, int status, const char *type, uint64_t length)
{
    struct buffer *out = stream_out(c->stream);
    http_message_put_response(out, status);
    put_date(c->server, out);
    if (type)
        http_message_put_field(out, "Content-Type", slice_of(type));
    if (length == CONNECTION_CHUNKED)
        http_message_put_field(out, "Transfer-Encoding", SLICE("chunked"));
    else if (status != 204 && status != 304 && length != CONNECTION_ENDLESS) /* RFC 9110, 8.6 */
        http_message_put_number(out, "Content-Length", length);
    put_connection(c, out);
    buffer_put(out, buffer_slice(&c->extra));
    http_message_put_end(out);
    stream_flush(c->stream);
    if (c->server->on_answer)
        c->server->on_answer(c->server->app, &c->request, status);
}

static void write_answer(struct connection *c, int status, const char *type, struct slice body)
{
    struct buffer other = {0};
    connection_choose_media(c, &type, &body, &other);
    connection_put_head(c, status, type, body.len);
    if (!slice_eq(c->request.method, SLICE("HEAD")) && status != 204 && status != 304)
        stream_write(c->stream, body);
    buffer_clear(&other);
}

void rest_add_header(struct rest_request *r, const char *name, struct slice value)
{
    struct connection *c = (struct connection *)r;
    http_message_put_field(&c->extra, name, value);
}

/* ---- from one request to the next ---- */

static void forget_request(struct connection *c)
{
    connection_drop_body(c);
    struct rest_request *r = &c->request;
    arena_reset(&r->arena);
    if (r->arena.left > KEEP_BYTES)
        arena_clear(&r->arena);
    if (c->extra.cap > KEEP_BYTES)
        buffer_clear(&c->extra);
    struct arena arena = r->arena;
    *r = (struct rest_request){.arena = arena, .loop = r->loop};
    buffer_reset(&c->extra);
    c->upgrade = NULL;
    c->sending = c->chunked = c->endless = c->packed = false;
    c->phase = PHASE_NONE;
}

static void end(struct connection *c)
{
    c->state = CONNECTION_ENDING;
    if (!c->linger)
        stream_close(c->stream);
}

void connection_turn_over(struct connection *c)
{
    forget_request(c);
    if (c->last) {
        end(c);
    } else {
        http_parser_next(c->parser);
        c->state = CONNECTION_READING;
    }
    if (!c->reading)
        connection_read_on(c);
}

void rest_reply(struct rest_request *r, int status, const char *content_type, struct slice body)
{
    struct connection *c = (struct connection *)r;
    if (c->expiring) {
        write_answer(c, status, content_type, body);
    } else if (c->stream == NULL || c->expired) {
        if (!c->expired && c->server && c->server->on_answer)
            c->server->on_answer(c->server->app, r, status);
        connection_release(c);
    } else if (!connection_pack_aside(c, status, content_type, body)) {
        assert(c->on_piece == NULL && !c->sending);
        c->busy = false;
        if (!http_parser_complete(c->parser))
            c->last = c->linger = true; /* the body is not wanted */
        write_answer(c, status, content_type, body);
        connection_turn_over(c);
    }
}

void rest_reply_json(struct rest_request *r, int status, struct slice json)
{
    rest_reply(r, status, "application/json; charset=utf-8", json);
}

void rest_reply_empty(struct rest_request *r, int status)
{
    rest_reply(r, status, NULL, (struct slice){0});
}

void connection_release(struct connection *c)
{
    c->busy = false;
    settle(c);
}

void connection_leave(struct connection *c)
{
    c->stream = NULL;
    connection_release(c);
}

/* ---- reading ---- */

static void refuse_unparsed(struct connection *c, enum status why)
{
    c->last = true;
    c->linger = true;
    if (why != TOO_LARGE)
        connection_refuse(c, 400, "not HTTP/1.1");
    else if (http_parser_head(c->parser) == NULL)
        connection_refuse(c, 431, "the head of the request is too large");
    else
        connection_refuse(c, 413, "the body of the request is too large");
}

static void start(struct connection *c)
{
    const struct http_message *m = http_parser_message(c->parser);
    c->last = !m->keep_alive;
    connection_dispatch(c, m);
}

static void invite_body(struct connection *c)
{
    if (!http_parser_wants_continue(c->parser))
        return;
    http_message_put_continue(stream_out(c->stream));
    stream_flush(c->stream);
}

static bool may_read(const struct connection *c)
{
    if (c->stream == NULL)
        return false;
    return c->state == CONNECTION_READING ? stream_unsent(c->stream) <= STREAM_HIGH_BYTES
                                          : c->state == CONNECTION_RUNNING && c->on_piece;
}

/* A whole request runs; one whose body comes in pieces runs after its head. */
static void read_request(struct connection *c, struct slice *bytes)
{
    enum status s = http_parser_feed(c->parser, bytes);
    if (s == AGAIN) {
        invite_body(c);
        return;
    }
    c->state = CONNECTION_RUNNING;
    c->busy = true;
    if (s == OK)
        start(c);
    else
        refuse_unparsed(c, s);
}

/* Runs the requests in `bytes` as far as their answers come at once; returns what must wait. */
static struct slice consume(struct connection *c, struct slice bytes)
{
    while (bytes.len > 0 && may_read(c)) {
        if (c->state == CONNECTION_READING)
            read_request(c, &bytes);
        else
            connection_feed_body(c, &bytes);
    }
    return c->state == CONNECTION_ENDING ? (struct slice){0} : bytes;
}

static void pause_reading(struct connection *c)
{
    bool want = c->waiting.len > c->waiting_taken && c->state != CONNECTION_ENDING;
    if (want != c->paused)
        stream_pause(c->stream, c->paused = want);
}

static void after_reading(struct connection *c)
{
    if (c->stream && c->granted)
        connection_upgrade(c);
    else if (c->stream && c->on_stream)
        connection_hand_over(c);
    c->reading = false;
    if (c->stream == NULL) {
        settle(c);
        return;
    }
    pause_reading(c);
    enter_phase(c);
}

void connection_read_on(struct connection *c)
{
    c->reading = true;
    struct slice left = consume(c, connection_waiting(c));
    c->waiting_taken = c->waiting.len - left.len;
    if (left.len == 0) {
        buffer_clear(&c->waiting);
        c->waiting_taken = 0;
    }
    after_reading(c);
}

struct slice connection_waiting(const struct connection *c)
{
    return slice_skip(buffer_slice(&c->waiting), c->waiting_taken);
}

static void on_data(void *arg, struct slice bytes)
{
    struct connection *c = arg;
    c->reading = true;
    if (c->waiting.len == 0)
        bytes = consume(c, bytes);
    if (c->state != CONNECTION_ENDING)
        buffer_put(&c->waiting, bytes);
    after_reading(c);
}

static void on_drain(void *arg)
{
    struct connection *c = arg;
    if (c->state == CONNECTION_READING)
        connection_read_on(c);
    else if (c->on_room)
        connection_pump(c);
}

static void on_close(void *arg, enum status why)
{
    struct connection *c = arg;
    (void)why;
    loop_timer_stop(&c->timer);
    c->stream = NULL;
    connection_pump(c);
    settle(c);
}

static void on_data_dropped(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static void on_close_ignored(void *arg, enum status why)
{
    (void)arg, (void)why;
}

static const struct stream_events events = {
    .on_data = on_data, .on_drain = on_drain, .on_close = on_close};
static const struct stream_events nobody = {.on_data = on_data_dropped,
                                            .on_close = on_close_ignored};

/* ---- running out of time ---- */

static void expire_request(struct connection *c)
{
    log_warn("request timed out operation=%s rid=%s",
             c->request.route ? c->request.route->path : "-", c->request.id);
    if (c->sending) { /* too late for a 504 */
        stream_abort(c->stream, TIMED_OUT);
        return;
    }
    c->last = true;
    c->expiring = true;
    buffer_reset(&c->extra);
    c->server->refuse(&c->request, 504, "the request took too long");
    c->expiring = false;
    c->expired = true;
    end(c);
}

static void expire_reading(struct connection *c)
{
    c->last = true;
    c->linger = true;
    if (c->on_piece) {
        connection_give(c, TIMED_OUT, (struct slice){0});
        return;
    }
    c->state = CONNECTION_RUNNING;
    c->busy = true;
    connection_refuse(c, 408, "the request came too slowly");
}

/* The peer reads, slowly: it gets the time again. */
static bool takes_some(struct connection *c)
{
    size_t unsent = stream_unsent(c->stream);
    if (unsent == 0 || unsent >= c->unsent_before)
        return false;
    c->unsent_before = unsent;
    c->since_ms = loop_now_ms(c->request.loop);
    arm(c);
    return true;
}

static void expire_idle(struct connection *c)
{
    if (takes_some(c))
        return;
    size_t unsent = stream_unsent(c->stream);
    c->state = CONNECTION_ENDING;
    if (unsent > 0)
        stream_abort(c->stream, TIMED_OUT);
    else
        stream_close(c->stream);
}

static void on_timer(void *arg)
{
    struct connection *c = arg;
    c->timer_at_ms = 0;
    if (loop_now_ms(c->request.loop) < c->since_ms + phase_limit(c)) {
        arm(c);
        return;
    }
    switch ((enum phase)c->phase) {
    case PHASE_RUN:
        expire_request(c);
        return;
    case PHASE_HEAD:
    case PHASE_BODY:
        expire_reading(c);
        return;
    case PHASE_LINGER:
        c->linger = false;
        stream_close(c->stream);
        return;
    case PHASE_SEND:
        if (!takes_some(c))
            stream_abort(c->stream, TIMED_OUT);
        return;
    case PHASE_NONE:
    case PHASE_IDLE:
        if (c->state == CONNECTION_READING)
            expire_idle(c);
    }
}

/* ---- beginning and end ---- */

void connection_new(struct rest_server *s, struct stream *stream)
{
    struct connection *c = MEMORY_NEW(struct connection);
    c->server = s;
    c->stream = stream;
    c->request.loop = s->loop;
    c->parser = http_parser_new(HTTP_PARSER_REQUESTS, s->limits.body_bytes);
    snprintf(c->peer, sizeof(c->peer), "%s", stream_peer(stream));
    http_parser_on_head(c->parser, connection_body_limit, c);
    list_push(&s->connections, &c->link);
    s->connection_count++;
    stream_events(stream, &events, c);
    enter_phase(c);
}

void connection_turn_away(struct stream *stream)
{
    stream_events(stream, &nobody, NULL);
    stream_abort(stream, FULL);
}

void connection_orphan(struct connection *c)
{
    list_remove(&c->link);
    c->server = NULL;
    loop_timer_stop(&c->timer);
    if (c->stream) {
        stream_events(c->stream, &nobody, NULL);
        stream_abort(c->stream, CANCELLED);
        c->stream = NULL;
    }
    connection_pump(c);
    settle(c);
}
