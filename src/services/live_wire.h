/*
 * How an event looks to who listens. Pure.
 *
 *     SignalR    an invocation of the client's method, {"type":1,"target":T,"arguments":[A]} and 0x1e: over a
 *                WebSocket, or each as the data of a server-sent event; in MessagePack over a WebSocket alone
 *     events     a server-sent event (text/event-stream) with T as its name and A as its data
 *     lines      {"event":T,"data":A}, a WebSocket's message each
 */
#pragma once

#include "base/buffer.h"

enum live_wire {
    LIVE_SIGNALR,
    LIVE_SIGNALR_PACKED,
    LIVE_SIGNALR_STREAM,
    LIVE_EVENTS,
    LIVE_LINES,
    LIVE_WIRES,
};

static inline bool live_wire_is_signalr(enum live_wire wire)
{
    return wire <= LIVE_SIGNALR_STREAM;
}

/* `argument` is JSON. */
void live_wire_put(enum live_wire wire, const char *target, struct slice argument,
                   struct buffer *out);
/* So that the other side, and what is between, knows that somebody is there; nothing where that is
 * not needed. */
void live_wire_put_ping(enum live_wire wire, struct buffer *out);
/* What signalr_feed() answered. */
void live_wire_put_records(enum live_wire wire, struct slice records, struct buffer *out);
/* The first bytes of a connection. */
void live_wire_put_begin(enum live_wire wire, struct buffer *out);
