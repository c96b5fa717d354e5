/*
 * TLS 1.2 and 1.3 over bytes: an engine that is fed what came from the peer and says what to send;
 * it knows no socket and no clock. io/stream_tls.c puts it on a stream.
 *
 * A tls_server and a tls_client may be used from all threads; a session by one at a time.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

/* ---- the serving end: one certificate for all; clients may show one, and none is judged here ----
 */

struct tls_server;

#define TLS_CHAIN_BYTES_MAX 32768 /* what a client may show; a longer one is refused */

/* The certificate with its chain, and its key: as files, or as text. */
struct tls_server_config {
    const char *certificate_file, *key_file;
    struct slice certificate_pem, key_pem;
};

/* BAD_ARGUMENT with the reason in the log line. */
CHECKED enum status tls_server_new(const struct tls_server_config *config, struct tls_server **out);

/* Reads the files again, for new sessions; when they cannot be used, the old ones stay. */
CHECKED enum status tls_server_reload(struct tls_server *s);
void tls_server_free(struct tls_server **s); /* its sessions may live longer */

/* ---- the connecting end: the server is always verified ---- */

struct tls_client;

struct tls_client_config {
    const char *ca_file;                     /* trusted authorities; */
    struct slice ca_pem;                     /* or as text; without both the system's */
    const char *certificate_file, *key_file; /* to show when asked; NULL: none */
    struct slice certificate_pem, key_pem;   /* or as text */
};

CHECKED enum status tls_client_new(const struct tls_client_config *config, struct tls_client **out);
void tls_client_free(struct tls_client **c);

/* ---- sessions ---- */

struct tls_session;

struct tls_session *tls_session_accept(struct tls_server *s);

/* `server_name` (a name or an address) must stand in the server's certificate, which must be valid
 * at `wall_ms`. */
struct tls_session *tls_session_connect(struct tls_client *c, const char *server_name,
                                        uint64_t wall_ms);
void tls_session_free(struct tls_session **t);

/* Bytes from the peer. They are read by the calls below; what is left then must be kept with
 * tls_session_keep() before they end. */
void tls_session_feed(struct tls_session *t, struct slice bytes);
void tls_session_keep(struct tls_session *t);

/* Each appends to `wire` what is to be sent to the peer, in failure too. AGAIN: more is to be fed.
 */

/* OK when done; UNAUTHORIZED a certificate was refused, here or there; BAD_FORMAT anything else. */
CHECKED enum status tls_session_handshake(struct tls_session *t, struct buffer *wire);

#define TLS_READ_MAX 16384 /* what one record can hold */

/* Up to `room` plain bytes. CLOSED: the peer said that it sends no more. BAD_FORMAT. */
CHECKED enum status tls_session_read(struct tls_session *t, uint8_t *at, size_t room, size_t *len,
                                     struct buffer *wire);

/* At most as much is on the wire of so many plain bytes that are written at once. */
#define TLS_WIRE_BYTES(plain) ((plain) + ((plain) / TLS_READ_MAX + 2) * 64)

/* Takes all; after the handshake. */
CHECKED enum status tls_session_write(struct tls_session *t, struct slice plain,
                                      struct buffer *wire);

/* Says goodbye. */
void tls_session_close(struct tls_session *t, struct buffer *wire);

/* Why the last call failed, for log lines. Belongs to the session. */
const char *tls_session_reason(const struct tls_session *t);

/* After the handshake, appended as DER: the peer's, and behind it what it sent with it, which nobody
 * has verified (certificate_next(), certificate_verify()); nothing when it showed none. */
void tls_session_peer_certificate(const struct tls_session *t, struct buffer *der);
bool tls_session_resumed(const struct tls_session *t);
