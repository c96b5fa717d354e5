/* The stack's connection manager for "tcp", over io/stream.h. Only outgoing connections. */
#pragma once

#include "base/list.h"
#include "io/loop.h"
#include "opcua/stack.h"

/* Unsent bytes of one connection; a request beyond it fails with BadTcpNotEnoughResources, which
 * closes it. */
#define OPCUA_TCP_UNSENT_MAX (64u << 20)

struct opcua_tcp {
    UA_ConnectionManager manager; /* first: the stack knows only this */
    struct loop *loop;
    struct list connections;
    loop_fn *when_empty;
    void *when_empty_arg;
};

void opcua_tcp_init(struct opcua_tcp *tcp, struct loop *loop, UA_EventLoop *el);

/* Tells the clients of the connections that they closed, now. False when there was none. */
bool opcua_tcp_finish_closing(struct opcua_tcp *tcp);

/* Calls fn(arg) when the last connection has gone, at the end of this turn or later. */
void opcua_tcp_when_empty(struct opcua_tcp *tcp, loop_fn *fn, void *arg);

/* Drops what is left. No client may be there any more. */
void opcua_tcp_clear(struct opcua_tcp *tcp);

/* Bytes received on the newest connection of `application`; 0 when it has none. */
uint64_t opcua_tcp_received(const struct opcua_tcp *tcp, const void *application);
