/* What the tests of the server share: a server with a few handlers on a real socket, and peers that
 * say exactly what the test says. */
#pragma once

#include <stdio.h>

#include "base/cmocka.h"
#include "base/encoding.h"
#include "rest/connection.h"

#define WAIT_MS 20000

/* ---- a server with a few handlers ---- */

static struct house {
    struct loop *loop;
    struct rest_server *server;
    struct listener *listener;
    struct rest_request *kept; /* by /later */
    int handled;
    int authorize_calls;
    bool authorize_later;
    struct stream *handed; /* by an answer without an end; NULL when it has ended */
} house;

static void hello(struct rest_request *r)
{
    house.handled++;
    rest_reply(r, 200, "text/plain", SLICE("hello"));
}

static void echo(struct rest_request *r)
{
    house.handled++;
    rest_add_header(r, "X-Length", rest_header(r, "content-length"));
    rest_reply(r, 200, "application/octet-stream", r->body);
}

static void later(struct rest_request *r)
{
    house.handled++;
    house.kept = r;
}

static void item(struct rest_request *r)
{
    struct slice parts[] = {rest_param(r, "id"), SLICE("|"), rest_query(r, "q"), SLICE("|"),
                            r->path};
    struct buffer out = {0};
    for (size_t i = 0; i < 5; i++)
        buffer_put(&out, parts[i]);
    rest_reply(r, 200, "text/plain", buffer_slice(&out));
    buffer_clear(&out);
}

static void nothing(struct rest_request *r)
{
    rest_reply_empty(r, 204);
}

static void big(struct rest_request *r)
{
    struct slice body = {arena_take(&r->arena, 8u << 20), 8u << 20};
    rest_reply(r, 200, "application/octet-stream", body);
}

static void name(struct rest_request *r)
{
    rest_reply(r, 200, "text/plain", slice_of(r->id));
}

static void on_stream_data(void *arg, struct slice bytes)
{
    (void)arg;
    stream_write(house.handed, bytes);
}

static void on_stream_close(void *arg, enum status why)
{
    (void)arg, (void)why;
    house.handed = NULL;
}

static const struct stream_events handed_events = {.on_data = on_stream_data,
                                                   .on_close = on_stream_close};

static void take_stream(struct rest_request *r, struct stream *s)
{
    assert_slice(r->path, SLICE("/stream"));
    house.handed = s;
    stream_events(s, &handed_events, NULL);
    stream_write(s, SLICE("begun"));
}

static void stream(struct rest_request *r)
{
    rest_reply_stream(r, "text/event-stream", take_stream);
}

static void stream_later(struct rest_request *r)
{
    house.kept = r;
}

static void free_server(struct rest_request *r)
{
    rest_server_free(&house.server);
    rest_reply_empty(r, 200);
}

static const struct rest_route routes[] = {
    {"GET", "/hello", hello, REST_PUBLIC},
    {"POST", "/echo", echo, REST_PUBLIC},
    {"GET", "/later", later, REST_PUBLIC},
    {"GET", "/items/{id}", item, REST_PUBLIC},
    {"DELETE", "/items/{id}", nothing, REST_PUBLIC},
    {"GET", "/big", big, REST_PUBLIC},
    {"GET", "/name", name, REST_PUBLIC},
    {"GET", "/free", free_server, REST_PUBLIC},
    {"GET", "/stream", stream, REST_PUBLIC},
    {"GET", "/stream/later", stream_later, REST_PUBLIC},
    {"GET", "/secret", hello, REST_READ},
    {"POST", "/secret", hello, REST_WRITE},
    {"POST", "/secret/echo", echo, REST_READ},
};

static void authorize(struct rest_request *r)
{
    house.authorize_calls++;
    if (house.authorize_later) {
        house.kept = r;
        return;
    }
    struct slice token = rest_header(r, "Authorization");
    if (token.len == 0)
        rest_authorized(r, UNAUTHORIZED, "Bearer realm=\"test\"");
    else
        rest_authorized(r, r->route->access == REST_READ ? OK : FORBIDDEN, NULL);
}

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    if (house.server)
        rest_server_accept(house.server, s);
    else
        stream_abort(s, CANCELLED);
}

static void open_house(struct rest_limits limits)
{
    house = (struct house){.loop = loop_new()};
    struct rest_table table = REST_TABLE("", routes, NULL);
    house.server = rest_server_new(&(struct rest_server_config){.loop = house.loop,
                                                                .tables = &table,
                                                                .table_count = 1,
                                                                .authorize = authorize,
                                                                .limits = limits});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
}

static inline int set_up(void **state)
{
    (void)state;
    open_house((struct rest_limits){0});
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    listener_close(&house.listener);
    rest_server_free(&house.server);
    loop_free(&house.loop);
    return 0;
}

#include "rest/peer_rig.h"

static inline bool is_kept(void *arg)
{
    (void)arg;
    return house.kept != NULL;
}

static inline bool no_connections(void *arg)
{
    (void)arg;
    return rest_server_connections(house.server) == 0;
}

#define TEXT_OF(p) buffer_cstr(&(p).got)
