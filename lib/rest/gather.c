/*
 * Bodies that a handler wants whole. A small one is gathered by the parser, before anybody is asked
 * who sends it. Of a large one the head alone is read first; when the caller has been authorized it
 * is gathered here, in pieces, within a bound for all connections together.
 */
#include "http/url.h"
#include "rest/connection.h"

#define SMALL_BODY (16u << 10) /* 10,000 connections with one each hold 160 MB */

/* Chunks do not say how many follow. */
static bool is_small(const struct http_message *m)
{
    struct slice length = http_message_field(m, "Content-Length");
    uint64_t bytes;
    return slice_to_u64(length, &bytes) && bytes <= SMALL_BODY;
}

uint64_t connection_body_limit(void *arg, const struct http_message *m)
{
    struct connection *c = arg;
    struct http_url url;
    struct rest_match match;
    struct slice allow;
    uint64_t gathered = is_small(m) ? 0 : c->server->limits.body_bytes;
    if (gathered == 0 && !rest_router_streams(c->server->router))
        return 0;
    if (m->upgrade || http_url_parse(m->target, &url) != OK ||
        rest_router_find(c->server->router, m->method, url.path, &c->request.arena, &match, &allow) != OK)
        return gathered;
    return match.route->stream_bytes ? match.route->stream_bytes : gathered;
}

void connection_drop_body(struct connection *c)
{
    if (c->server)
        c->server->bodies_bytes -= c->body.len;
    buffer_clear(&c->body);
}

void connection_replace_body(struct connection *c, struct buffer *body)
{
    connection_drop_body(c);
    c->body = *body;
    *body = (struct buffer){0};
    c->server->bodies_bytes += c->body.len;
    c->request.body = buffer_slice(&c->body);
}

static void refuse(struct connection *c, int status, const char *detail)
{
    connection_drop_body(c);
    c->last = c->linger = true;
    connection_refuse(c, status, detail);
}

static void fail(struct connection *c, enum status why)
{
    if (c->server == NULL || c->stream == NULL)
        connection_release(c);
    else if (why == TIMED_OUT)
        refuse(c, 408, "the request came too slowly");
    else if (why == TOO_LARGE)
        refuse(c, 413, "the body of the request is too large");
    else
        refuse(c, 400, "not HTTP/1.1");
}

static void on_piece(void *arg, enum status why, struct slice bytes)
{
    struct connection *c = arg;
    if (why != OK || c->server == NULL || c->stream == NULL) {
        c->gathering = false;
        fail(c, why);
    } else if (bytes.len == 0) {
        c->gathering = false;
        c->request.body = buffer_slice(&c->body);
        connection_run(c);
    } else if (c->server->bodies_bytes + bytes.len > c->server->limits.bodies_bytes) {
        c->gathering = false;
        rest_add_header(&c->request, "Retry-After", SLICE("1"));
        refuse(c, 503, "too many large requests are on their way at once");
    } else {
        c->server->bodies_bytes += bytes.len;
        buffer_put(&c->body, bytes);
        rest_body_read(&c->request, on_piece, c);
    }
}

void connection_gather(struct connection *c)
{
    c->gathering = true;
    rest_body_read(&c->request, on_piece, c);
}
