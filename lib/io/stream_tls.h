/* TLS on any stream. The result is a stream of the plain bytes; the one below belongs to it. */
#pragma once

#include "io/handshakes.h"
#include "io/stream.h"

typedef void stream_tls_accepted_fn(void *arg, struct stream *s);

/* The serving end: `accepted` with the open stream after the handshake; when that fails, nothing.
 * It begins when `handshakes` has a place for it. */
void stream_tls_accept(struct stream *below, struct tls_server *server, struct handshakes *handshakes,
                       stream_tls_accepted_fn *accepted, void *arg);

/* Gives up all that are not done. */
void stream_tls_cancel(struct handshakes *handshakes);

/* The connecting end, as `config` has it (with its timeout_ms set): on_open after the handshake.
 * `below` may still be connecting. */
struct stream *stream_tls_connect(struct stream *below, const struct connect_config *config);
