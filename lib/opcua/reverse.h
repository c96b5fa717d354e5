/*
 * Reverse connect: servers behind a firewall connect to us, all of them to one port. Each says who
 * it is (opcua/reverse_hello.h), and the session for that endpoint takes the connection. One that
 * comes before it is wanted waits; one whom no session is for is refused.
 *
 * Bounds: OPCUA_REVERSE_WAITING_MAX connections wait, each for OPCUA_REVERSE_WAIT_MS, for their
 * hello or for their session; more are refused.
 */
#pragma once

#include "base/slice.h"
#include "base/status.h"
#include "io/stream.h"

#define OPCUA_REVERSE_PORT 4840
#define OPCUA_REVERSE_WAITING_MAX 256
#define OPCUA_REVERSE_WAIT_MS 60000

struct opcua_reverse;

struct opcua_reverse_config {
    struct loop *loop;
    int port; /* 0: any free one */
    /* A server is there for this endpoint; false: nobody wants it. Who does calls
     * opcua_reverse_take(), now or later. */
    bool (*on_server)(void *arg, struct slice endpoint_url);
    void *arg;
};

/* IO_FAILED when it cannot listen; the log line says why. */
CHECKED enum status opcua_reverse_open(const struct opcua_reverse_config *config,
                                       struct opcua_reverse **out);
void opcua_reverse_close(struct opcua_reverse **r);

int opcua_reverse_port(const struct opcua_reverse *r);

/* The caller's from here on; nothing of it was read beyond the hello. NULL: none waits. */
struct stream *opcua_reverse_take(struct opcua_reverse *r, struct slice endpoint_url);
