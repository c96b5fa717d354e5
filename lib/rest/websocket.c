#include "rest/websocket.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "http/parser.h"
#include "http/websocket.h"
#include "io/stream_layer.h"

#define CLOSE_MS 5000
#define HANDSHAKE_MS 20000
#define UNSUPPORTED_DATA 1003 /* RFC 6455, 7.4.1 */

struct websocket {
    struct stream stream;
    struct stream *below; /* NULL when it has ended */
    struct http_websocket *frames;
    struct buffer held;      /* payload that came while nobody wanted it */
    enum status why;         /* the reason of our own to end; OK: the one of the stream below */
    enum status ended;       /* what on_close will say once `held` is delivered; OK before */
    bool open;               /* the handshake is done */
    enum rest_websocket_messages messages;
    bool say_binary; /* of EITHER */
    struct loop_timer timer; /* handshake, close, or delivery of `held` */
    /* Client, until it is open: */
    struct http_parser *answer;
    struct buffer request;
    char *protocol;
    uint8_t random[16];
    /* While it moves, not before the bytes that are being taken are: */
    bool taking;
    struct loop *to;
    loop_fn *moved;
    void *moved_arg;
};

/* ---- up: what the peer sent ---- */

static void end(struct websocket *w, enum status why)
{
    if (w->why == OK)
        w->why = why;
    if (w->below)
        stream_close(w->below);
}

/* Delivers what was held, and the end when nothing is left before it. */
static void deliver(void *arg)
{
    struct websocket *w = arg;
    if (w->held.len > 0 && stream_wants(&w->stream)) {
        struct buffer held = w->held;
        w->held = (struct buffer){0};
        stream_received(&w->stream, buffer_slice(&held));
        buffer_clear(&held);
    }
    if (w->ended != OK && (w->held.len == 0 || w->stream.closing))
        stream_closed(&w->stream, w->ended);
}

static bool is_text(const struct websocket *w)
{
    return w->messages != REST_WEBSOCKET_BINARY;
}

static void on_piece(void *arg, struct slice piece, bool text, bool last)
{
    struct websocket *w = arg;
    (void)last;
    if (text != is_text(w) && w->messages != REST_WEBSOCKET_EITHER) {
        http_websocket_put_close(w->frames, UNSUPPORTED_DATA,
                                 is_text(w) ? SLICE("text messages only") : SLICE("binary messages only"),
                                 stream_out(w->below));
        end(w, BAD_FORMAT);
    } else if (w->why == OK && w->held.len == 0 && w->to == NULL && stream_wants(&w->stream)) {
        stream_received(&w->stream, piece);
    } else if (w->why == OK && !w->stream.closing) {
        buffer_put(&w->held, piece);
    }
}

static void arrived(void *arg);

/* A peer that does not read what it was sent gets no answers to its pings either. */
static void take(struct websocket *w, struct slice bytes)
{
    struct buffer unsaid = {0};
    bool reads = stream_unsent(w->below) <= STREAM_HIGH_BYTES;
    w->taking = true;
    enum status s = http_websocket_feed(w->frames, bytes, reads ? stream_out(w->below) : &unsaid);
    w->taking = false;
    buffer_clear(&unsaid);
    stream_flush(w->below);
    if (s != OK)
        end(w, s);
    if (w->to)
        stream_move(w->below, w->to, arrived, w);
}

static void random_bytes(void *arg, void *out, size_t len)
{
    struct websocket *w = arg;
    loop_random(w->stream.loop, out, len);
}

static void make_frames(struct websocket *w, enum http_websocket_role role)
{
    w->frames = http_websocket_new(&(struct http_websocket_config){
        .role = role, .on_data = on_piece, .random = random_bytes, .arg = w});
    w->open = true;
}

/* ---- the client's handshake ---- */

static void on_slow(void *arg)
{
    struct websocket *w = arg;
    w->why = TIMED_OUT;
    stream_abort(w->below, TIMED_OUT);
}

static void decline(struct websocket *w, enum status why)
{
    w->why = why;
    stream_abort(w->below, why);
}

static void on_below_open(void *arg)
{
    struct websocket *w = arg;
    stream_write(w->below, buffer_slice(&w->request));
    buffer_clear(&w->request);
}

static void take_answer(struct websocket *w, struct slice bytes)
{
    enum status s = http_parser_feed(w->answer, &bytes);
    if (s == AGAIN)
        return;
    if (s != OK ||
        http_websocket_check_accept(http_parser_message(w->answer), w->protocol, w->random) != OK) {
        decline(w, PEER_FAILED);
        return;
    }
    loop_timer_stop(&w->timer);
    http_parser_free(&w->answer);
    make_frames(w, HTTP_WEBSOCKET_CLIENT);
    stream_opened(&w->stream);
    stream_flush(&w->stream);
    if (bytes.len > 0)
        take(w, bytes);
}

/* ---- the stream below ---- */

static void on_below_data(void *arg, struct slice bytes)
{
    struct websocket *w = arg;
    if (w->open)
        take(w, bytes);
    else if (w->why == OK)
        take_answer(w, bytes);
}

static void on_below_drain(void *arg)
{
    struct websocket *w = arg;
    stream_sent(&w->stream);
}

static void on_below_close(void *arg, enum status why)
{
    struct websocket *w = arg;
    loop_timer_stop(&w->timer);
    w->below = NULL;
    w->ended = w->why != OK ? w->why : why;
    deliver(w);
}

static const struct stream_events below_events = {.on_open = on_below_open,
                                                  .on_data = on_below_data,
                                                  .on_drain = on_below_drain,
                                                  .on_close = on_below_close};

/* ---- down: what the user does ---- */

/* Takes the next message off what is to be sent. */
static struct slice next_message(const struct websocket *w, struct slice *left)
{
    size_t end = left->len;
    if (w->messages == REST_WEBSOCKET_BINARY && end > REST_WEBSOCKET_MESSAGE_BYTES)
        end = REST_WEBSOCKET_MESSAGE_BYTES;
    else if (w->messages == REST_WEBSOCKET_LINES)
        end = slice_find(*left, '\n');
    struct slice message = slice_first(*left, end);
    *left = slice_skip(*left, end + (w->messages == REST_WEBSOCKET_LINES && end < left->len));
    return message;
}

static void flush(struct stream *s)
{
    struct websocket *w = (struct websocket *)s;
    if (!w->open && w->below)
        return; /* on_open flushes again */
    struct slice left = buffer_slice(&s->out);
    while (left.len > 0 && w->below) {
        struct slice message = next_message(w, &left);
        http_websocket_put(w->frames, message, is_text(w) && !w->say_binary, stream_out(w->below));
    }
    if (w->below)
        stream_flush(w->below);
    stream_out_taken(s);
}

static size_t unsent(const struct stream *s)
{
    const struct websocket *w = (const struct websocket *)s;
    return w->below ? stream_unsent(w->below) : 0;
}

static void pause_below(struct stream *s, bool paused)
{
    struct websocket *w = (struct websocket *)s;
    if (w->below)
        stream_pause(w->below, paused);
    if (!paused && (w->held.len > 0 || w->ended != OK))
        loop_timer_start(s->loop, &w->timer, 0, deliver, w);
}

static void on_close_slow(void *arg)
{
    struct websocket *w = arg;
    stream_close(w->below);
}

static void close_below(struct stream *s)
{
    struct websocket *w = (struct websocket *)s;
    if (w->below == NULL) {
        stream_close_soon(s, w->ended);
    } else if (!w->open) {
        decline(w, CLOSED);
    } else {
        http_websocket_put_close(w->frames, HTTP_WEBSOCKET_NORMAL, SLICE(""), stream_out(w->below));
        stream_flush(w->below);
        stream_pause(w->below, false); /* for the peer's close frame */
        loop_timer_start(s->loop, &w->timer, CLOSE_MS, on_close_slow, w);
    }
}

static void abort_below(struct stream *s, enum status why)
{
    struct websocket *w = (struct websocket *)s;
    if (w->why == OK)
        w->why = why;
    if (w->below)
        stream_abort(w->below, why);
    else
        stream_close_soon(s, why);
}

static void arrived(void *arg)
{
    struct websocket *w = arg;
    stream_arrived(&w->stream, w->to);
    w->to = NULL;
    if ((w->held.len > 0 || w->ended != OK) && !w->stream.paused)
        loop_timer_start(w->stream.loop, &w->timer, 0, deliver, w);
    w->moved(w->moved_arg);
}

static void move(struct stream *s, struct loop *to, loop_fn *fn, void *arg)
{
    struct websocket *w = (struct websocket *)s;
    loop_timer_stop(&w->timer);
    w->to = to;
    w->moved = fn;
    w->moved_arg = arg;
    if (w->below == NULL)
        loop_post(to, arrived, w);
    else if (!w->taking)
        stream_move(w->below, to, arrived, w);
}

static const char *peer(const struct stream *s)
{
    const struct websocket *w = (const struct websocket *)s;
    return w->below ? stream_peer(w->below) : "-";
}

static struct slice certificate(const struct stream *s)
{
    const struct websocket *w = (const struct websocket *)s;
    return w->below ? stream_peer_certificate(w->below) : (struct slice){0};
}

static void destroy(struct stream *s)
{
    struct websocket *w = (struct websocket *)s;
    loop_timer_stop(&w->timer);
    http_websocket_free(&w->frames);
    http_parser_free(&w->answer);
    buffer_clear(&w->held);
    buffer_clear(&w->request);
    free(w->protocol);
    free(w);
}

static const struct stream_ops ops = {
    .flush = flush,
    .unsent = unsent,
    .pause = pause_below,
    .close = close_below,
    .abort = abort_below,
    .move = move,
    .peer = peer,
    .certificate = certificate,
    .destroy = destroy,
};

/* ---- beginning ---- */

struct stream *rest_websocket_server(struct stream *below, struct slice first,
                                     enum rest_websocket_messages messages)
{
    struct websocket *w = MEMORY_NEW(struct websocket);
    stream_init(&w->stream, &ops, stream_loop(below));
    w->below = below;
    w->messages = messages;
    make_frames(w, HTTP_WEBSOCKET_SERVER);
    stream_events(below, &below_events, w);
    stream_pause(below, true); /* until there are events */
    if (first.len > 0)
        take(w, first);
    return &w->stream;
}

void rest_websocket_say_binary(struct stream *s)
{
    struct websocket *w = (struct websocket *)s;
    assert(s->ops == &ops && w->messages == REST_WEBSOCKET_EITHER);
    w->say_binary = true;
}

static void put_host(struct buffer *out, const struct rest_websocket_config *c)
{
    if (c->host)
        buffer_text(out, c->host);
    else if (c->connect.port == 80 || c->connect.port == 443)
        buffer_text(out, c->connect.host);
    else
        buffer_printf(out, "%s:%d", c->connect.host, c->connect.port);
}

struct stream *rest_websocket_connect(const struct rest_websocket_config *config,
                                      const struct stream_events *events, void *arg)
{
    struct loop *loop = config->connect.loop;
    struct websocket *w = MEMORY_NEW(struct websocket);
    stream_init(&w->stream, &ops, loop);
    loop_random(loop, w->random, sizeof(w->random));
    struct buffer host = {0};
    put_host(&host, config);
    http_websocket_put_request(&w->request, buffer_slice(&host), slice_of(config->target),
                               config->protocol, w->random);
    buffer_clear(&host);
    w->protocol = config->protocol ? memory_text(config->protocol) : NULL;
    w->answer = http_parser_new(HTTP_PARSER_RESPONSES, 4096);
    w->below = stream_connect(&config->connect, &below_events, w);
    uint64_t timeout_ms = config->connect.timeout_ms ? config->connect.timeout_ms : HANDSHAKE_MS;
    loop_timer_start(loop, &w->timer, timeout_ms, on_slow, w);
    stream_events(&w->stream, events, arg);
    return &w->stream;
}
