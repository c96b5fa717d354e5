/* Bodies and answers that do not fit into memory: a piece at a time, and no more than the other
 * side takes. */
#include <assert.h>
#include <stdio.h>

#include "rest/connection.h"

/* Nobody hears the answer any more. */
static bool gone(const struct connection *c)
{
    return c->stream == NULL || c->expired;
}

/* ---- telling who waits ---- */

void connection_give(struct connection *c, enum status why, struct slice bytes)
{
    rest_piece_fn *on_piece = c->on_piece;
    rest_room_fn *on_room = c->on_room;
    c->on_piece = NULL;
    c->on_room = NULL;
    if (!c->gathering)
        c->phase = 0; /* what comes next has its own time */
    if (on_piece)
        on_piece(c->piece_arg, why, bytes);
    else if (on_room)
        on_room(c->piece_arg, why);
}

static bool has_room(const struct connection *c)
{
    return stream_unsent(c->stream) <= STREAM_HIGH_BYTES;
}

/* Reading on comes after it, also to see what has ended meanwhile. */
static void pump(void *arg)
{
    struct connection *c = arg;
    c->pumping = false;
    c->reading = true;
    if (gone(c))
        connection_give(c, CANCELLED, (struct slice){0});
    else if (c->on_piece ? http_parser_complete(c->parser) : c->on_room && has_room(c))
        connection_give(c, OK, (struct slice){0});
    connection_read_on(c);
}

/* Who waits has the request, so the connection is still there at the turn's end. */
void connection_pump(struct connection *c)
{
    if (c->pumping || (c->on_piece == NULL && c->on_room == NULL))
        return;
    c->pumping = true;
    loop_defer(c->request.loop, pump, c);
}

/* ---- bodies ---- */

void connection_feed_body(struct connection *c, struct slice *bytes)
{
    enum status s = http_parser_complete(c->parser) ? OK : http_parser_feed(c->parser, bytes);
    if (s != OK && s != AGAIN) {
        c->last = c->linger = true;
        connection_give(c, s, (struct slice){0});
        return;
    }
    struct slice piece = http_parser_body(c->parser);
    if (piece.len > 0) {
        connection_give(c, OK, piece);
        http_parser_body_drop(c->parser);
    } else if (http_parser_complete(c->parser)) {
        connection_give(c, OK, piece);
    }
}

static void invite(struct connection *c)
{
    if (gone(c) || !http_parser_wants_continue(c->parser))
        return;
    http_message_put_continue(stream_out(c->stream));
    stream_flush(c->stream);
}

void rest_body_read(struct rest_request *r, rest_piece_fn *fn, void *arg)
{
    struct connection *c = (struct connection *)r;
    assert(c->busy && c->on_piece == NULL && c->on_room == NULL);
    c->on_piece = fn;
    c->piece_arg = arg;
    invite(c);
    connection_pump(c);
}

/* ---- answers ---- */

static bool is_head(const struct connection *c)
{
    return slice_eq(c->request.method, SLICE("HEAD"));
}

void rest_reply_begin(struct rest_request *r, int status, const char *content_type, uint64_t length)
{
    struct connection *c = (struct connection *)r;
    assert(c->busy && !c->sending && c->on_piece == NULL);
    if (gone(c))
        return;
    if (!http_parser_complete(c->parser))
        c->last = c->linger = true;
    c->sending = true;
    if (length == REST_LENGTH_UNKNOWN && http_parser_head(c->parser)->minor == 0) {
        length = CONNECTION_ENDLESS; /* who speaks 1.0 knows no chunks */
        c->last = true;
    }
    c->chunked = length == CONNECTION_CHUNKED;
    c->answer_left = is_head(c) || length >= CONNECTION_CHUNKED ? 0 : length;
    c->endless = length >= CONNECTION_CHUNKED;
    connection_put_head(c, status, content_type, length);
}

static void put_piece(struct connection *c, struct slice bytes)
{
    char size[20];
    if (bytes.len == 0) /* as a chunk it would be the end */
        return;
    if (c->chunked)
        stream_write(c->stream, slice_from(size, (size_t)snprintf(size, sizeof size, "%zx\r\n", bytes.len)));
    stream_write(c->stream, bytes);
    if (c->chunked)
        stream_write(c->stream, SLICE("\r\n"));
}

void rest_reply_piece(struct rest_request *r, struct slice bytes, rest_room_fn *fn, void *arg)
{
    struct connection *c = (struct connection *)r;
    assert(c->on_piece == NULL && c->on_room == NULL);
    if (!gone(c) && !is_head(c)) {
        assert(c->endless || bytes.len <= c->answer_left);
        c->answer_left -= c->endless ? 0 : bytes.len;
        put_piece(c, bytes);
    }
    c->on_room = fn;
    c->piece_arg = arg;
    connection_pump(c);
}

static void end_answer(struct connection *c, bool whole)
{
    assert(c->on_room == NULL);
    if (gone(c)) {
        connection_release(c);
        return;
    }
    c->busy = false;
    if (!whole) {
        c->state = CONNECTION_ENDING;
        stream_abort(c->stream, IO_FAILED);
        return;
    }
    if (c->chunked && !is_head(c))
        stream_write(c->stream, SLICE("0\r\n\r\n"));
    connection_turn_over(c);
}

void rest_reply_end(struct rest_request *r)
{
    struct connection *c = (struct connection *)r;
    end_answer(c, c->answer_left == 0);
}

void rest_reply_cut(struct rest_request *r)
{
    end_answer((struct connection *)r, false);
}
