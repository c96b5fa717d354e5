/*
 * SignalR's hub protocol, version 1, in JSON and in MessagePack. JSON: records that end with 0x1e. MessagePack: arrays, each
 * behind its length in 7-bit groups, the lowest first; its handshake is a record of JSON all the same.
 *
 * The server side: a handshake, then pings and closes; what clients invoke is answered with an
 * error, since the published hubs have no methods of their own. Reads bytes and says what they are;
 * no I/O.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define SIGNALR_RECORD_MAX (32u << 10) /* of what a client sends */
#define SIGNALR_PING_MS 15000          /* so often something is to be sent; clients wait for 30 s */
#define SIGNALR_SILENCE_MS 60000       /* a client that is silent for so long has gone */

enum signalr_protocol { SIGNALR_JSON, SIGNALR_MESSAGEPACK };

struct signalr { /* one connection's reading; {0} to begin with */
    struct buffer partial;
    bool text; /* what it stands on carries text alone: MessagePack is refused */
    bool ready; /* the handshake is done, and said: */
    enum signalr_protocol protocol;
};

void signalr_clear(struct signalr *s);

/* Takes all bytes, and appends answers to *out. OK; CLOSED: the client said good-bye; BAD_FORMAT,
 * TOO_LARGE: *out tells it why: send it and close. */
CHECKED enum status signalr_feed(struct signalr *s, struct slice bytes, struct buffer *out);

/* An invocation of the client's `target` with one argument, JSON. */
void signalr_put(enum signalr_protocol protocol, struct buffer *out, const char *target, struct slice argument);
void signalr_put_ping(enum signalr_protocol protocol, struct buffer *out);
