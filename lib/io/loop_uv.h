/* The loop on the machine: libuv below. For the files of this folder that use libuv. */
#pragma once

#include <uv.h>

#include "io/loop_priv.h"

#define LOOP_READ_BYTES (64u << 10)
#define LOOP_RANDOM_BYTES 512

struct loop_uv {
    struct loop loop;
    uv_loop_t uv;
    uv_async_t wake;
    uv_timer_t timer;
    uv_signal_t signals[2];
    loop_fn *signal_fn;
    void *signal_arg;
    struct list works;
    struct list children;
    uint8_t random[LOOP_RANDOM_BYTES];
    size_t random_left;
    uint8_t read[LOOP_READ_BYTES]; /* what every socket of this loop reads into */
};

static inline struct loop_uv *loop_uv_of(const struct loop *l)
{
    return (struct loop_uv *)l;
}

bool loop_is_uv(const struct loop *l);

/* child.c: its loop is freed while it runs. */
void child_end_with_loop(struct link *in_loop);

/* listen_tcp.c, connect_tcp.c */
enum status listen_tcp(struct listener *listener);
void unlisten_tcp(struct listener *listener);
struct stream *connect_tcp(const struct connect_config *config);

/* stream_tcp.c: closes a TCP handle that is left over. */
void stream_tcp_handle_close(uv_handle_t *h);
