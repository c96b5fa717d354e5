/*
 * The stack's event loop interface on one of our loops: its clients get their timers and their
 * connections from io/loop.h and io/stream.h. In the place of the stack's own loop, because that
 * one looks names up while everybody waits, tries only the first address, and waits when a peer's
 * socket is full.
 *
 * What it does not do: run() waits for nothing. It only tells of connections that were closed from
 * our side, so that UA_Client_delete() ends at once and no synchronous service call ever waits.
 */
#pragma once

#include "io/loop.h"
#include "opcua/stack.h"

UA_EventLoop *opcua_event_loop_new(struct loop *loop);

/* After all clients on it are deleted. */
void opcua_event_loop_free(UA_EventLoop **el);

/* Calls fn(arg) when no connection is left, at the end of this turn or later. */
void opcua_event_loop_when_closed(UA_EventLoop *el, loop_fn *fn, void *arg);

/* What came in on the client's connection since it was opened, to see whether the server still
 * lives. */
uint64_t opcua_event_loop_received(UA_EventLoop *el, const UA_Client *client);

/* See opcua/tcp.h. */
struct opcua_tcp *opcua_event_loop_tcp(UA_EventLoop *el);
