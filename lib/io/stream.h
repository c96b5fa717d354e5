/*
 * A byte stream: TCP, TLS over it, a WebSocket's messages, or simulated. What reads and writes bytes
 * (an MQTT head, an HTTP server) cannot tell which. A stream belongs to one loop.
 *
 * Writes gather and leave once a turn. `on_close` is the last call; after it returned the stream is
 * freed. Events may come only after the call that made the stream returned.
 */
#pragma once

#include "base/buffer.h"
#include "io/loop.h"

struct stream;
struct tls_server; /* crypto/tls.h */
struct tls_client;

struct stream_events {
    /* Connected, and its TLS handshake done. Not called for accepted streams: they come open. May be NULL. */
    void (*on_open)(void *arg);
    /* The bytes are the callee's until it returns; it takes all of them. */
    void (*on_data)(void *arg, struct slice bytes);
    /* What was unsent went under STREAM_LOW_BYTES after it had been over STREAM_HIGH_BYTES. May be NULL. */
    void (*on_drain)(void *arg);
    /* CLOSED in order; IO_FAILED, TIMED_OUT, BAD_FORMAT (TLS), UNAUTHORIZED (a certificate) otherwise. */
    void (*on_close)(void *arg, enum status why);
};

#define STREAM_HIGH_BYTES (256u << 10)
#define STREAM_LOW_BYTES (64u << 10)
#define STREAM_DIRECT_BYTES (32u << 10) /* that stream_write() sends in the call, where the layer can */

void stream_events(struct stream *s, const struct stream_events *events, void *arg);
struct loop *stream_loop(const struct stream *s);

/* Copies; leaves at the end of the turn. Ignored after stream_close(). */
void stream_write(struct stream *s, struct slice bytes);

/* To encode straight into what will be sent: append, then stream_flush(). Not to be kept over a turn. */
struct buffer *stream_out(struct stream *s);
void stream_flush(struct stream *s);

/* Bytes that the peer has not taken yet. Whoever writes looks here: over STREAM_HIGH_BYTES, wait for on_drain. */
size_t stream_unsent(const struct stream *s);

/* Back-pressure: no on_data while paused. */
void stream_pause(struct stream *s, bool paused);

/* Sends what is unsent (5 s at most), then on_close(CLOSED). stream_abort() does not wait. */
void stream_close(struct stream *s);
void stream_abort(struct stream *s, enum status why);

/* To another loop: after this call the old loop must not touch the stream; then fn(arg) is called on
 * the new one, and events go there. Nothing that arrives meanwhile is lost. */
void stream_move(struct stream *s, struct loop *to, loop_fn *fn, void *arg);

/* "127.0.0.1:34567", for log lines; belongs to the stream. */
const char *stream_peer(const struct stream *s);

/* The certificate that the peer showed in TLS as DER, and behind it the others that it sent, none of
 * them verified (certificate_next()); empty when none. Belongs to the stream. */
struct slice stream_peer_certificate(const struct stream *s);

/* ---- where streams come from ---- */

struct listener;

struct listen_config {
    struct loop *loop;
    const char *host; /* a literal address: "127.0.0.1", "::", "0.0.0.0" */
    int port;         /* 0: any free one, see listener_port() */
    struct tls_server *tls; /* NULL: plain. Not owned */
    /* They take turns with the connections, and on_accept comes on each of them: TLS is the dearest part of
     * a connection. NULL: all on `loop`. With them the listener is closed when they have stopped. */
    struct loop *const *loops;
    unsigned loop_count;
    void (*on_accept)(void *arg, struct stream *s); /* open; TLS is done: io/handshakes.h */
    void *arg;
    bool quiet; /* a failure is no error: who asks has another port to try */
};

/* IO_FAILED with the reason in the log line. SO_REUSEPORT is not used. */
CHECKED enum status listener_open(const struct listen_config *config, struct listener **out);
int listener_port(const struct listener *l);
void listener_close(struct listener **l);

struct connect_config {
    struct loop *loop;
    const char *host; /* name or address */
    int port;
    struct tls_client *tls;  /* NULL: plain. Not owned */
    const char *server_name; /* for SNI and the certificate check; NULL: host */
    uint64_t timeout_ms;     /* for name, connection and handshake together; 0: 20 s */
    bool quiet;              /* a failure is no warning: who scans expects most to fail */
};

/* Never fails at once: on_open or on_close follows. */
struct stream *stream_connect(const struct connect_config *config, const struct stream_events *events,
                              void *arg);
