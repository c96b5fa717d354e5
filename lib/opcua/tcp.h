/* The stack's connection manager for "tcp", over io/stream.h. Only outgoing connections, and those
 * of servers that connect to us (opcua/reverse.h): a client that opens one waits for its server. */
#pragma once

#include "base/list.h"
#include "io/stream.h"
#include "opcua/stack.h"

/* Unsent bytes of one connection; a request beyond it fails with BadTcpNotEnoughResources, which
 * closes it. */
#define OPCUA_TCP_UNSENT_MAX (64u << 20)

/* How the connection of a client is made. False: it is dialed. True: it waits for
 * opcua_tcp_give(), or *out has a stream of its server already. *again: the last try failed too, so
 * that another failure is no news. */
typedef bool opcua_tcp_dial_fn(void *arg, const void *application, struct stream **out, bool *again);

struct opcua_tcp {
    UA_ConnectionManager manager; /* first: the stack knows only this */
    struct loop *loop;
    struct list connections;
    loop_fn *when_empty;
    void *when_empty_arg;
    opcua_tcp_dial_fn *dial; /* NULL: all are dialed */
    void *dial_arg;
};

void opcua_tcp_init(struct opcua_tcp *tcp, struct loop *loop, UA_EventLoop *el);

/* The stream of a client that waits for one; false: it does not. */
bool opcua_tcp_give(struct opcua_tcp *tcp, const void *application, struct stream *s);
bool opcua_tcp_waits(const struct opcua_tcp *tcp, const void *application);

/* Tells the clients of the connections that they closed, now. False when there was none. */
bool opcua_tcp_finish_closing(struct opcua_tcp *tcp);

/* Calls fn(arg) when the last connection has gone, at the end of this turn or later. */
void opcua_tcp_when_empty(struct opcua_tcp *tcp, loop_fn *fn, void *arg);

/* Drops what is left. No client may be there any more. */
void opcua_tcp_clear(struct opcua_tcp *tcp);

/* What is seen from outside of a client's newest connection. */
struct opcua_tcp_channel {
    const char *peer;      /* "address:port"; lives as long as the connection */
    uint32_t id, token_id; /* of its secure channel (Part 6, 6.7.2); 0: not seen yet */
    uint64_t since_ms;     /* wall time: since when it has that token */
};

/* False: it has none. */
bool opcua_tcp_channel(const struct opcua_tcp *tcp, const void *application,
                       struct opcua_tcp_channel *out);

/* Bytes received on the newest connection of `application`; 0 when it has none. */
uint64_t opcua_tcp_received(const struct opcua_tcp *tcp, const void *application);
