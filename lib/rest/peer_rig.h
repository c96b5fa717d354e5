/* A peer of a server that says exactly what the test says. To be included behind `house`, which has the server's loop and listener. */
#pragma once

#include <stdint.h>

#include "base/cmocka.h"
#include "io/stream.h"

#ifndef PEER_KEEPS
#define PEER_KEEPS SIZE_MAX
#endif

struct peer {
    struct stream *stream;
    struct buffer got; /* PEER_KEEPS at most, of `bytes` */
    uint64_t bytes;
    bool open, closed;
    const char *wanted; /* for has_wanted() */
    size_t count;
};

static void peer_open(void *arg)
{
    ((struct peer *)arg)->open = true;
}

static void peer_data(void *arg, struct slice bytes)
{
    struct peer *p = arg;
    p->bytes += bytes.len;
    if (p->got.len < PEER_KEEPS)
        buffer_put(&p->got, bytes);
}

static void peer_close(void *arg, enum status why)
{
    struct peer *p = arg;
    (void)why;
    p->closed = true;
    p->stream = NULL;
}

static const struct stream_events peer_events = {
    .on_open = peer_open, .on_data = peer_data, .on_close = peer_close};

static bool is_open(void *arg)
{
    return ((struct peer *)arg)->open;
}

static bool is_closed(void *arg)
{
    return ((struct peer *)arg)->closed;
}

static size_t times(struct slice in, const char *word)
{
    size_t n = 0;
    struct slice w = slice_of(word);
    for (size_t at; (at = slice_find_slice(in, w)) < in.len; n++)
        in = slice_skip(in, at + w.len);
    return n;
}

static bool has_wanted(void *arg)
{
    struct peer *p = arg;
    return times(buffer_slice(&p->got), p->wanted) >= p->count;
}

static void dial(struct peer *p)
{
    *p = (struct peer){0};
    p->stream = stream_connect(&(struct connect_config){.loop = house.loop,
                                                        .host = "127.0.0.1",
                                                        .port = listener_port(house.listener)},
                               &peer_events, p);
    assert_true(loop_run_until(house.loop, is_open, p, WAIT_MS));
}

static void say(struct peer *p, const char *text)
{
    stream_write(p->stream, slice_of(text));
}

static inline void expect_times(struct peer *p, const char *word, size_t count)
{
    p->wanted = word;
    p->count = count;
    if (!loop_run_until(house.loop, has_wanted, p, WAIT_MS))
        fail_msg("no '%s' in '%.*s'", word, SLICE_FMT(buffer_slice(&p->got)));
}

static void expect(struct peer *p, const char *word)
{
    expect_times(p, word, 1);
}

static inline void expect_closed(struct peer *p)
{
    assert_true(loop_run_until(house.loop, is_closed, p, WAIT_MS));
}

static void hang_up(struct peer *p)
{
    if (p->stream) {
        stream_abort(p->stream, CANCELLED);
        expect_closed(p);
    }
    buffer_clear(&p->got);
}
