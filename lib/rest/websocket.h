/*
 * A WebSocket (RFC 6455) as a byte stream: the payloads of binary messages one after the other are
 * the bytes, and what is written leaves as binary messages of REST_WEBSOCKET_MESSAGE_BYTES at most.
 * Pings are answered; closing does the close handshake (5 s at most). A text message ends it with
 * BAD_FORMAT.
 *
 * Of text: the same with text messages, and what is written in one turn of the loop is one message,
 * however long; a binary one ends it. Of lines: as text, and each line that is written is a message,
 * without its '\n'. Of either: as text, but binary messages are taken too, and rest_websocket_say_binary() makes
 * what is written so.
 */
#pragma once

#include "io/stream.h"

#define REST_WEBSOCKET_MESSAGE_BYTES (64u << 10)

enum rest_websocket_messages { REST_WEBSOCKET_BINARY, REST_WEBSOCKET_TEXT, REST_WEBSOCKET_LINES, REST_WEBSOCKET_EITHER };

/* Server: after the handshake's answer was written to `below`, which belongs to the result from
 * here on. `first` is what came behind the request. */
struct stream *rest_websocket_server(struct stream *below, struct slice first,
                                     enum rest_websocket_messages messages);

/* A stream of REST_WEBSOCKET_EITHER: what leaves from here on is binary. */
void rest_websocket_say_binary(struct stream *s);

struct rest_websocket_config {
    struct connect_config connect; /* its timeout counts for the handshake too */
    const char
        *host; /* for the Host field; NULL: connect.host, with the port when it is not 80 or 443 */
    const char *target;   /* "/$iothub/websocket" */
    const char *protocol; /* "mqtt" */
};

/* Client. Never fails at once: on_open or on_close follows; PEER_FAILED when the server declines.
 * Copies what it needs. */
struct stream *rest_websocket_connect(const struct rest_websocket_config *config,
                                      const struct stream_events *events, void *arg);
