/*
 * WebSocket, RFC 6455: the handshake's headers, and the frames after it, in both roles. No I/O:
 * what is to be sent is appended to the caller's buffer. No extensions are offered or accepted.
 */
#pragma once

#include "http/message.h"

/* ---- handshake ---- */

#define HTTP_WEBSOCKET_KEY_LEN 24    /* base64 of 16 random bytes */
#define HTTP_WEBSOCKET_ACCEPT_LEN 28 /* base64 of a SHA-1 */

/* Server: is it a well-formed WebSocket request? OK, UNSUPPORTED (answer 426 with
 * "Sec-WebSocket-Version: 13"), BAD_FORMAT (answer 400). The path and the subprotocol are the
 * caller's to judge. */
CHECKED enum status http_websocket_check(const struct http_message *request);

/* Server: the first of the client's subprotocols that is in `known` (NULL at its end), as the
 * client wrote it; empty when there is none. */
struct slice http_websocket_choose(const struct http_message *request, const char *const *known);

/* Server: the whole 101 answer. `protocol` may be empty. */
void http_websocket_put_accept(struct buffer *out, const struct http_message *request,
                               struct slice protocol);

/* Client: the whole request. `random` makes the key; keep it for the check of the answer. */
void http_websocket_put_request(struct buffer *out, struct slice host, struct slice target,
                                const char *protocol, const uint8_t random[16]);
/* Client: OK, or PEER_FAILED when it is not a 101 that fits the request. */
CHECKED enum status http_websocket_check_accept(const struct http_message *response,
                                                const char *protocol, const uint8_t random[16]);

/* ---- frames ---- */

enum http_websocket_role { HTTP_WEBSOCKET_SERVER, HTTP_WEBSOCKET_CLIENT };

#define HTTP_WEBSOCKET_NORMAL 1000
#define HTTP_WEBSOCKET_GOING_AWAY 1001
#define HTTP_WEBSOCKET_NO_STATUS 1005 /* what on_close says when the peer gave none; never sent */

struct http_websocket;

struct http_websocket_config {
    enum http_websocket_role role;
    /* 0: a message is passed on piece by piece, as for a byte stream, and has no limit.
     * Otherwise it is gathered and passed on whole; a longer one ends the connection with 1009. */
    size_t message_bytes_max;
    /* A piece, alive during the call, empty only when it is the last. `text` messages are checked
     * to be UTF-8. `last`: the message ends here. */
    void (*on_data)(void *arg, struct slice piece, bool text, bool last);
    void (*on_pong)(void *arg); /* may be NULL */
    void (*on_close)(void *arg, uint16_t code,
                     struct slice reason);            /* the peer's close frame. May be NULL */
    void (*random)(void *arg, void *out, size_t len); /* mask keys; a client needs it */
    void *arg;
};

struct http_websocket *http_websocket_new(const struct http_websocket_config *config);
void http_websocket_free(struct http_websocket **ws); /* not inside a callback */

/* Takes all bytes. Answers (pong, close) are appended to *out; send them also when it ends.
 *   OK          goes on
 *   CLOSED      close frames went both ways: end the connection
 *   BAD_FORMAT  the peer broke the protocol; a close frame was appended: send it, end the
 * connection TOO_LARGE   the same for a message over the limit */
CHECKED enum status http_websocket_feed(struct http_websocket *ws, struct slice bytes,
                                        struct buffer *out);

/* One message in one frame, appended to *out. Ignored after a close frame was sent. */
void http_websocket_put(struct http_websocket *ws, struct slice message, bool text,
                        struct buffer *out);
void http_websocket_put_ping(struct http_websocket *ws, struct buffer *out);
/* `reason` up to 122 bytes, cut there. Once; later calls do nothing. */
void http_websocket_put_close(struct http_websocket *ws, uint16_t code, struct slice reason,
                              struct buffer *out);
