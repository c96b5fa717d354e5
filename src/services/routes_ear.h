/* A program that listens to live events, as text/event-stream; for tests that stand on
 * routes_rig.h. */
#pragma once

#include "services/routes_rig.h"

static struct listener_of_events {
    struct stream *stream;
    struct buffer got;
    const char *wanted;
    bool ended;
} ear;

static void on_data(void *arg, struct slice bytes)
{
    (void)arg;
    buffer_put(&ear.got, bytes);
}

static void on_close(void *arg, enum status why)
{
    (void)arg, (void)why;
    ear.ended = true;
}

static const struct stream_events ear_events = {.on_data = on_data, .on_close = on_close};

static bool has_heard(void *arg)
{
    (void)arg;
    return strstr(buffer_cstr(&ear.got), ear.wanted) != NULL;
}

static void hears(const char *what)
{
    ear.wanted = what;
    if (!loop_run_until(house.loop, has_heard, NULL, WAIT_MS))
        fail_msg("not heard: %s in %s", what, buffer_cstr(&ear.got));
}

/* "gateways/stream?…" */
static void listen_to(const char *hub)
{
    struct connect_config config = {
        .loop = house.loop, .host = "127.0.0.1", .port = listener_port(house.listener)};
    buffer_clear(&ear.got);
    ear = (struct listener_of_events){.stream = stream_connect(&config, &ear_events, NULL)};
    struct buffer request = {0};
    buffer_printf(&request, "GET /events/v2/%s HTTP/1.1\r\nHost: x\r\nX-Role: Reader\r\n\r\n", hub);
    stream_write(ear.stream, buffer_slice(&request));
    buffer_clear(&request);
    hears("retry:");
}

static bool has_ended(void *arg)
{
    (void)arg;
    return ear.ended;
}

static void hang_up(void)
{
    stream_abort(ear.stream, CANCELLED);
    assert_true(loop_run_until(house.loop, has_ended, NULL, WAIT_MS));
    buffer_clear(&ear.got);
}
