#include "io/stream_tls.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "crypto/tls.h"
#include "io/loop_priv.h"
#include "io/stream_layer.h"

#define PEER_MAX 56
#define PIECE (3 * TLS_READ_MAX) /* of a large write; with its heads it fits into a buffer that the loop keeps */

struct stream_tls {
    struct stream s;             /* first */
    struct stream *below;        /* NULL when it has ended, or was let go */
    struct tls_session *session; /* NULL until the stream below is open, or there is a place */
    bool open;
    bool ended; /* the peer sends no more */
    bool pump_queued;
    bool *gone; /* set when the stream leaves in the middle of a delivery */
    struct loop_timer deadline;
    struct buffer certificate;
    char peer[PEER_MAX];
    /* Accepted: */
    struct handshake handshake;
    struct tls_server *server;
    struct buffer early; /* what came before there was a place */
    stream_tls_accepted_fn *accepted;
    void *accepted_arg;
    /* Connecting: */
    struct tls_client *client;
    char *server_name;
    bool quiet;
    /* While it moves: */
    loop_fn *moved;
    void *moved_arg;
};

static struct stream_tls *of(const struct stream *s)
{
    return (struct stream_tls *)s;
}

/* ---- the end ---- */

/* The stream below goes its own way: sends what it has, and closes. */
static void let_go(struct stream_tls *t)
{
    struct stream *below = t->below;
    t->below = NULL;
    if (below == NULL)
        return;
    stream_events(below, NULL, NULL);
    stream_close(below);
}

static void stop_waiting(struct stream_tls *t)
{
    loop_timer_stop(&t->deadline);
    handshake_leave(&t->handshake);
}

static void end(struct stream_tls *t, enum status why)
{
    stop_waiting(t);
    let_go(t);
    stream_closed(&t->s, why);
}

static void log_failure(const struct stream_tls *t, const char *reason)
{
    if (t->open)
        log_debug("tls connection lost: %s peer=%s", reason, t->peer);
    else if (t->server_name)
        log_line(t->quiet ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
                 "tls handshake failed: %s peer=%s server=%s", reason, t->peer, t->server_name);
    else
        log_debug("tls handshake failed: %s peer=%s", reason, t->peer);
}

/* The alert that tells the peer is in the stream below already. */
static void fail(struct stream_tls *t, enum status why, const char *reason)
{
    log_failure(t, reason);
    end(t, why);
}

static void on_deadline(void *arg)
{
    fail(arg, TIMED_OUT, "it took too long");
}

/* ---- from below ---- */

static void opened(struct stream_tls *t)
{
    t->open = true;
    stop_waiting(t);
    tls_session_peer_certificate(t->session, &t->certificate);
    if (t->s.out.len)
        stream_flush(&t->s);
    if (t->accepted)
        t->accepted(t->accepted_arg, &t->s);
    else
        stream_opened(&t->s);
}

static void shake(struct stream_tls *t)
{
    enum status status = tls_session_handshake(t->session, stream_out(t->below));
    stream_flush_now(t->below); /* the peer works on it while others shake here */
    if (t->below == NULL)
        return; /* it could not be sent: below_close() has ended it */
    if (status == OK)
        opened(t);
    else if (status != AGAIN)
        fail(t, status == CLOSED ? BAD_FORMAT : status, tls_session_reason(t->session));
}

/* What the session has for the user, for as long as he wants it. */
static void deliver(struct stream_tls *t, const bool *gone)
{
    uint8_t plain[TLS_READ_MAX];
    while (!*gone && stream_wants(&t->s) && t->below && !t->ended) {
        size_t len = 0;
        enum status status =
            tls_session_read(t->session, plain, sizeof(plain), &len, stream_out(t->below));
        if (t->below->out.len)
            stream_flush(t->below); /* a key update is answered */
        if (status == OK) {
            stream_received(&t->s, slice_from(plain, len));
        } else if (status == AGAIN) {
            break;
        } else if (status == CLOSED) {
            t->ended = true;
            stream_close(&t->s);
        } else {
            fail(t, status, tls_session_reason(t->session));
        }
    }
}

/* The stream may leave this loop in any call to the user; then another thread has it. */
static void take(struct stream_tls *t, struct slice bytes)
{
    bool gone = false;
    t->gone = &gone;
    tls_session_feed(t->session, bytes);
    if (!t->open)
        shake(t);
    if (!gone && t->open)
        deliver(t, &gone);
    if (gone)
        return;
    t->gone = NULL;
    tls_session_keep(t->session);
    if (t->below && t->open && !t->s.closing && !stream_wants(&t->s))
        stream_pause(t->below, true); /* nobody has asked for bytes yet */
}

static void pump(void *arg)
{
    struct stream_tls *t = arg;
    t->pump_queued = false;
    if (t->session && t->below && !t->s.closing)
        take(t, (struct slice){0});
}

static void queue_pump(struct stream_tls *t)
{
    if (t->pump_queued || !t->open)
        return;
    t->pump_queued = true;
    loop_defer(t->s.loop, pump, t);
}

static void below_open(void *arg)
{
    struct stream_tls *t = arg;
    snprintf(t->peer, sizeof(t->peer), "%s", stream_peer(t->below));
    t->session = tls_session_connect(t->client, t->server_name, loop_wall_ms(t->s.loop));
    shake(t);
}

static void below_data(void *arg, struct slice bytes)
{
    struct stream_tls *t = arg;
    if (t->s.closing)
        return;
    if (t->accepted && !t->open)
        handshake_heard(&t->handshake);
    if (t->session) {
        take(t, bytes);
        return;
    }
    buffer_put(&t->early, bytes);
    stream_pause(t->below, true); /* the rest waits in the socket */
}

/* Who waited so long that he has given up costs nothing more. */
static void begin(void *arg)
{
    struct stream_tls *t = arg;
    if (stream_gone(t->below)) {
        fail(t, IO_FAILED, "the peer ended the connection");
        return;
    }
    struct buffer early = t->early;
    t->early = (struct buffer){0};
    t->session = tls_session_accept(t->server);
    t->below->read_most = 0;
    stream_pause(t->below, false);
    take(t, buffer_slice(&early));
    buffer_clear(&early);
}

static void below_drain(void *arg)
{
    stream_sent(&of(arg)->s);
}

static void below_close(void *arg, enum status why)
{
    struct stream_tls *t = arg;
    bool connected = t->session != NULL;
    t->below = NULL;
    if (t->s.closing) {
        end(t, CLOSED);
    } else if (t->open || !connected) {
        end(t, why);
    } else {
        log_failure(t, "the peer ended the connection");
        end(t, why == CLOSED ? IO_FAILED : why);
    }
}

static const struct stream_events below_events = {
    .on_open = below_open, .on_data = below_data, .on_drain = below_drain, .on_close = below_close};

/* ---- from above ---- */

/* Before the handshake the bytes wait in s->out; opened() comes back for them. */
static void flush(struct stream *s)
{
    struct stream_tls *t = of(s);
    if (!t->open || t->below == NULL)
        return;
    enum status status = tls_session_write(t->session, buffer_slice(&s->out), stream_out(t->below));
    stream_out_taken(s);
    stream_flush(t->below);
    if (status != OK)
        fail(t, status, tls_session_reason(t->session));
}

static bool encrypt(struct stream_tls *t, struct slice bytes)
{
    struct buffer *wire = stream_out(t->below);
    buffer_reserve(wire, TLS_WIRE_BYTES(bytes.len));
    return tls_session_write(t->session, bytes, wire) == OK;
}

/* Encrypted from where it is, piece by piece into the same room, which so stays near the processor. What fails
 * here fails again in flush(). */
static size_t write_now(struct stream *s, struct slice bytes)
{
    struct stream_tls *t = of(s);
    size_t taken = 0;
    if (!t->open || t->below == NULL || t->below->closing || !encrypt(t, buffer_slice(&s->out)))
        return 0;
    stream_out_taken(s);
    while (taken < bytes.len) {
        struct slice piece = slice_first(slice_skip(bytes, taken), PIECE);
        if (!encrypt(t, piece))
            break;
        taken += piece.len;
        if (t->below->ops->write)
            t->below->ops->write(t->below, (struct slice){0});
    }
    stream_flush(t->below);
    return taken;
}

static size_t unsent(const struct stream *s)
{
    const struct stream_tls *t = of(s);
    return t->below ? stream_unsent(t->below) : 0;
}

static void pause_reading(struct stream *s, bool paused)
{
    struct stream_tls *t = of(s);
    if (t->below == NULL || !t->open)
        return;
    stream_pause(t->below, paused);
    if (!paused)
        queue_pump(t);
}

static void close_tls(struct stream *s)
{
    struct stream_tls *t = of(s);
    if (!t->open || t->below == NULL) {
        end(t, CLOSED);
        return;
    }
    tls_session_close(t->session, stream_out(t->below));
    stream_pause(t->below, false); /* to hear that the peer has gone */
    stream_close(t->below);        /* sends that first; below_close() follows */
}

static void abort_tls(struct stream *s, enum status why)
{
    struct stream_tls *t = of(s);
    struct stream *below = t->below;
    t->below = NULL;
    stop_waiting(t);
    if (below) {
        stream_events(below, NULL, NULL);
        stream_abort(below, why);
    }
    stream_close_soon(s, why);
}

static void arrive(void *arg)
{
    struct stream_tls *t = arg;
    stream_arrived(&t->s, t->s.loop);
    queue_pump(t);
    t->moved(t->moved_arg); /* last: it may move on */
}

static void move(struct stream *s, struct loop *to, loop_fn *fn, void *arg)
{
    struct stream_tls *t = of(s);
    assert(t->open || t->below == NULL);
    if (t->session)
        tls_session_keep(t->session);
    if (t->gone)
        *t->gone = true;
    t->gone = NULL;
    if (t->pump_queued)
        loop_undefer(s->loop, pump, t);
    t->pump_queued = false;
    t->moved = fn;
    t->moved_arg = arg;
    s->loop = to;
    if (t->below)
        stream_move(t->below, to, arrive, t);
    else
        loop_post(to, arrive, t);
}

static const char *peer(const struct stream *s)
{
    return of(s)->peer;
}

static struct slice certificate(const struct stream *s)
{
    return buffer_slice(&of(s)->certificate);
}

static void destroy(struct stream *s)
{
    struct stream_tls *t = of(s);
    stop_waiting(t);
    tls_session_free(&t->session);
    buffer_clear(&t->early);
    buffer_clear(&t->certificate);
    free(t->server_name);
    free(t);
}

static const struct stream_ops ops = {
    .flush = flush,
    .write = write_now,
    .unsent = unsent,
    .pause = pause_reading,
    .close = close_tls,
    .abort = abort_tls,
    .move = move,
    .peer = peer,
    .certificate = certificate,
    .destroy = destroy,
};

/* ---- making ---- */

static struct stream_tls *stream_new(struct stream *below)
{
    struct stream_tls *t = MEMORY_NEW(struct stream_tls);
    stream_init(&t->s, &ops, stream_loop(below));
    t->below = below;
    snprintf(t->peer, sizeof(t->peer), "%s", stream_peer(below));
    return t;
}

void stream_tls_accept(struct stream *below, struct tls_server *server, struct handshakes *handshakes,
                       stream_tls_accepted_fn *accepted, void *arg)
{
    struct stream_tls *t = stream_new(below);
    t->accepted = accepted;
    t->accepted_arg = arg;
    t->server = server;
    t->handshake = (struct handshake){.begin = begin, .late = on_deadline, .arg = t};
    handshake_enter(&t->handshake, handshakes);
    below->read_most = 1; /* to see that there is something */
    stream_events(below, &below_events, t);
}

void stream_tls_cancel(struct handshakes *handshakes)
{
    for (struct handshake *h; (h = handshakes_any(handshakes));) {
        stream_abort(&((struct stream_tls *)h->arg)->s, CANCELLED);
        handshake_leave(h); /* also what was closed before */
    }
    handshakes_clear(handshakes);
}

struct stream *stream_tls_connect(struct stream *below, const struct connect_config *config)
{
    struct stream_tls *t = stream_new(below);
    loop_timer_start(t->s.loop, &t->deadline, config->timeout_ms, on_deadline, t);
    t->client = config->tls;
    t->server_name = memory_text(config->server_name ? config->server_name : config->host);
    t->quiet = config->quiet;
    stream_events(below, &below_events, t);
    return &t->s;
}
