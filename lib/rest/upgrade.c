#include "http/websocket.h"
#include "rest/connection.h"
#include "rest/websocket.h"

const struct rest_upgrade *connection_upgrade_find(const struct connection *c, struct slice path)
{
    for (size_t i = 0; i < c->server->upgrade_count; i++)
        if (slice_eq_nocase(slice_of(c->server->upgrades[i].path), path))
            return &c->server->upgrades[i];
    return NULL;
}

static const char *own_word(const struct rest_upgrade *u, struct slice chosen)
{
    if (u->protocols == NULL)
        return NULL;
    for (const char *const *p = u->protocols; *p; p++)
        if (slice_eq_nocase(slice_of(*p), chosen))
            return *p;
    return u->protocols[0];
}

void connection_upgrade(struct connection *c)
{
    const struct http_message *m = http_parser_message(c->parser);
    struct slice chosen = c->upgrade->protocols ? http_websocket_choose(m, c->upgrade->protocols)
                                                : (struct slice){0};
    stream_pause(c->stream, false);
    http_websocket_put_accept(stream_out(c->stream), m, chosen);
    stream_flush(c->stream);
    struct stream *s = rest_websocket_server(c->stream, connection_waiting(c), c->upgrade->messages);
    if (c->server->on_answer)
        c->server->on_answer(c->server->app, &c->request, 101);
    c->upgrade->run(&c->request, s, own_word(c->upgrade, chosen));
    connection_leave(c);
}

void connection_hand_over(struct connection *c)
{
    rest_stream_fn *fn = c->on_stream;
    struct stream *s = c->stream;
    c->on_stream = NULL;
    stream_pause(s, false);
    fn(&c->request, s);
    connection_leave(c);
}

void rest_reply_stream(struct rest_request *r, const char *content_type, rest_stream_fn *fn)
{
    struct connection *c = (struct connection *)r;
    if (c->stream == NULL || c->expired) {
        connection_release(c);
        return;
    }
    c->last = true; /* its end is the end of the connection */
    if (slice_eq(r->method, SLICE("HEAD"))) {
        c->busy = false;
        connection_put_head(c, 200, content_type, CONNECTION_ENDLESS);
        connection_turn_over(c);
        return;
    }
    connection_put_head(c, 200, content_type, CONNECTION_ENDLESS);
    c->on_stream = fn;
    if (!c->reading)
        connection_hand_over(c);
}
