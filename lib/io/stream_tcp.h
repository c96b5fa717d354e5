/* A TCP stream on libuv; listen_tcp.c and connect_tcp.c make them. */
#pragma once

#include <sys/socket.h>

#include "io/loop_uv.h"
#include "io/stream_layer.h"

struct stream_tcp;
struct connecting; /* connect_tcp.c */

/* The libuv handle outlives the stream: it closes, or lingers, on its own. */
struct tcp_handle {
    uv_tcp_t uv;              /* first */
    struct stream_tcp *owner; /* NULL once the stream let go of it */
    union {
        uv_connect_t connect;
        uv_write_t write;
    } request;
    bool writing;
    struct buffer sending; /* what the write under way sends */
    struct loop_timer linger;
};

#define STREAM_PEER_MAX 56

struct stream_tcp {
    struct stream s;               /* first */
    struct tcp_handle *handle;     /* NULL while a name is looked up, and after the end */
    struct connecting *connecting; /* NULL once open */
    struct loop_timer close_timer;
    bool finishing; /* ops->close was called: ends when all is sent */
    bool ended;     /* the peer sends no more */
    /* While it moves: */
    int fd;
    loop_fn *moved;
    void *moved_arg;
    char peer[STREAM_PEER_MAX];
};

/* Neither open nor connecting yet. */
struct stream_tcp *stream_tcp_new(struct loop *l);
void stream_tcp_peer_set(struct stream_tcp *t, const struct sockaddr *address);

/* A new handle for the stream, not open. */
struct tcp_handle *stream_tcp_handle_new(struct stream_tcp *t);

/* The stream lets go of its handle, which closes. */
void stream_tcp_handle_drop(struct stream_tcp *t);

/* The handle is connected: sends and reads from now on. */
void stream_tcp_start(struct stream_tcp *t);

/* Takes a connected socket. */
CHECKED enum status stream_tcp_open(struct stream_tcp *t, int fd);

/* connect_tcp.c: forgets the attempt. */
void connecting_cancel(struct stream_tcp *t);
