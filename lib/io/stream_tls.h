/* TLS on any stream. The result is a stream of the plain bytes; the one below belongs to it. */
#pragma once

#include "base/list.h"
#include "io/stream.h"

#define TLS_HANDSHAKE_MS 10000

typedef void stream_tls_accepted_fn(void *arg, struct stream *s);

/* The serving end: `accepted` with the open stream after the handshake; when that fails, nothing.
 * While it goes on, the stream is in `handshaking`. */
void stream_tls_accept(struct stream *below, struct tls_server *server, struct list *handshaking,
                       stream_tls_accepted_fn *accepted, void *arg);

/* Gives up what is in such a list. */
void stream_tls_cancel(struct list *handshaking);

/* The connecting end, as `config` has it (with its timeout_ms set): on_open after the handshake.
 * `below` may still be connecting. */
struct stream *stream_tls_connect(struct stream *below, const struct connect_config *config);
