#include "base/encoding.h"
#include "http/url.h"
#include "http/websocket.h"
#include "rest/connection.h"

static bool id_ok(struct slice id)
{
    if (id.len == 0 || id.len > UUID_TEXT_LEN)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        uint8_t b = id.at[i];
        uint8_t letter = b | 32;
        if (!(b >= '0' && b <= '9') && !(letter >= 'a' && letter <= 'z') && b != '-' && b != '_')
            return false;
    }
    return true;
}

/* The caller's id when it can stand in a log line; else the seed, counted on: unique, not secret. */
static void make_call_id(struct connection *c)
{
    struct rest_request *r = &c->request;
    struct slice sent = rest_header(r, "x-ms-client-request-id");
    if (id_ok(sent)) {
        memcpy(r->id, sent.at, sent.len);
        r->id[sent.len] = 0;
        return;
    }
    uint8_t bytes[16];
    memcpy(bytes, c->server->id_seed, 16);
    uint64_t tail;
    memcpy(&tail, bytes + 8, 8);
    tail ^= __builtin_bswap64(c->server->id_next++ & 0xffffffffffff);
    memcpy(bytes + 8, &tail, 8);
    uuid_text(bytes, r->id);
}

/* The answer says it too: by it the call is found in the logs. */
static void name_call(struct connection *c)
{
    make_call_id(c);
    rest_add_header(&c->request, "x-ms-request-id", slice_of(c->request.id));
}

static void read_headers(struct rest_request *r, const struct http_message *m)
{
    if (m->field_count == 0)
        return;
    r->headers = ARENA_TAKE_N(&r->arena, struct rest_field, m->field_count);
    r->header_count = m->field_count;
    for (size_t i = 0; i < m->field_count; i++)
        r->headers[i] = (struct rest_field){m->fields[i].name, m->fields[i].value};
}

static void read_query(struct rest_request *r, struct slice query)
{
    if (query.len == 0)
        return;
    size_t count = 1;
    for (size_t i = 0; i < query.len; i++)
        count += query.at[i] == '&';
    r->query = ARENA_TAKE_N(&r->arena, struct rest_field, count);
    struct slice name, value;
    while (r->query_count < count && http_url_query_next(&query, &name, &value))
        r->query[r->query_count++] = (struct rest_field){http_url_query_decode(&r->arena, name),
                                                         http_url_query_decode(&r->arena, value)};
}

static void read_request(struct connection *c, const struct http_message *m)
{
    struct rest_request *r = &c->request;
    r->app = c->server->app;
    r->method = m->method;
    r->target = m->target;
    r->body = m->body;
    r->peer = slice_of(c->peer);
    struct slice certificate = stream_peer_certificate(c->stream);
    if (certificate.len > 0)
        r->certificate = arena_copy(&r->arena, certificate);
    read_headers(r, m);
    name_call(c);
}

static void read_params(struct rest_request *r, const struct rest_match *m)
{
    r->param_count = m->param_count;
    if (m->param_count == 0)
        return;
    r->params = ARENA_TAKE_N(&r->arena, struct rest_field, m->param_count);
    memcpy(r->params, m->params, sizeof(m->params[0]) * m->param_count);
}

/* ---- authorization ---- */

static void grant(struct connection *c)
{
    if (c->upgrade) {
        c->granted = true;
        if (!c->reading)
            connection_upgrade(c);
    } else if (!http_parser_complete(c->parser) && c->request.route->stream_bytes == 0) {
        connection_gather(c);
    } else {
        connection_run(c);
    }
}

void connection_run(struct connection *c)
{
    if (connection_read_media(c))
        connection_admit(c);
}

void connection_admit(struct connection *c)
{
    if (c->server->admit && c->request.route->access != REST_PUBLIC)
        c->server->admit(&c->request);
    else
        c->request.route->run(&c->request);
}

void rest_admitted(struct rest_request *r, enum status why, const char *detail)
{
    struct connection *c = (struct connection *)r;
    if (c->stream == NULL || c->expired)
        connection_release(c);
    else if (why == OK)
        r->route->run(r);
    else
        connection_refuse(c, 503, detail);
}

void rest_authorized(struct rest_request *r, enum status why, const char *challenge)
{
    struct connection *c = (struct connection *)r;
    if (c->stream == NULL || c->expired) {
        connection_release(c);
    } else if (why == OK) {
        grant(c);
    } else if (why == UNAUTHORIZED) {
        rest_add_header(r, "WWW-Authenticate", slice_of(challenge ? challenge : "Bearer"));
        connection_refuse(c, 401, "the request is not authenticated");
    } else if (why == FORBIDDEN) {
        connection_refuse(c, 403, "the caller may not do that");
    } else {
        connection_refuse(c, why == BUSY || why == PEER_FAILED || why == TIMED_OUT ? 503 : 500,
                          "the caller could not be authenticated now");
    }
}

static void authorize(struct connection *c, enum rest_access access)
{
    if (access == REST_PUBLIC)
        grant(c);
    else if (c->server->authorize)
        c->server->authorize(&c->request);
    else
        rest_authorized(&c->request, UNAUTHORIZED, NULL);
}

/* ---- dispatch ---- */

void connection_refuse(struct connection *c, int status, const char *detail)
{
    if (c->request.id[0] == 0) /* what is refused before it is read has a name too */
        name_call(c);
    c->server->refuse(&c->request, status, detail);
}

void rest_refuse(struct rest_request *r, int status, const char *detail)
{
    struct connection *c = (struct connection *)r;
    if (c->server)
        connection_refuse(c, status, detail);
    else
        rest_reply_problem(r, status, detail);
}

static void dispatch_upgrade(struct connection *c, const struct http_message *m)
{
    enum status s = http_websocket_check(m);
    if (s == OK && (!c->upgrade->protocols || http_websocket_choose(m, c->upgrade->protocols).len > 0)) {
        c->upgrade_route.access = c->upgrade->access;
        c->upgrade_route.path = c->upgrade->path;
        c->request.route = &c->upgrade_route;
        authorize(c, c->upgrade->access);
        return;
    }
    c->upgrade = NULL;
    c->last = true;
    if (s == UNSUPPORTED)
        rest_add_header(&c->request, "Sec-WebSocket-Version", SLICE("13"));
    connection_refuse(c, s == UNSUPPORTED ? 426 : 400,
                      "not a WebSocket handshake that is served here");
}

static void dispatch_route(struct connection *c, struct slice path)
{
    struct rest_request *r = &c->request;
    struct rest_match match;
    struct slice allow;
    enum status s = rest_router_find(c->server->router, r->method, path, &r->arena, &match, &allow);
    if (s == OK) {
        r->route = match.route;
        if (match.app)
            r->app = match.app;
        read_params(r, &match);
        authorize(c, match.route->access);
    } else if (s == UNSUPPORTED) {
        rest_add_header(r, "Allow", allow);
        connection_refuse(c, 405, "the method is not allowed here");
    } else {
        connection_refuse(c, 404, "there is nothing at this path");
    }
}

/* RFC 9112 3.2: exactly one in HTTP/1.1, and no two in HTTP/1.0. */
static bool host_ok(const struct http_message *m)
{
    size_t count = 0;
    for (size_t i = 0; i < m->field_count; i++)
        count += slice_eq_nocase(m->fields[i].name, SLICE("Host"));
    return count == 1 || (count == 0 && m->minor == 0);
}

void connection_dispatch(struct connection *c, const struct http_message *m)
{
    struct rest_request *r = &c->request;
    read_request(c, m);
    struct http_url url;
    if (!host_ok(m)) {
        c->last = true;
        connection_refuse(c, 400, "a request has one Host header");
        return;
    }
    if (http_url_parse(m->target, &url) != OK) {
        connection_refuse(c, 400, "the request target is not a path");
        return;
    }
    bool encoded = slice_find(url.path, '%') < url.path.len;
    r->path = encoded ? percent_decode_in(&r->arena, url.path) : url.path;
    read_query(r, url.query);
    c->upgrade = m->upgrade && http_parser_complete(c->parser) ? connection_upgrade_find(c, r->path) : NULL;
    if (c->upgrade)
        dispatch_upgrade(c, m);
    else
        dispatch_route(c, url.path);
}
