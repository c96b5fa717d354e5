/*
 * JSON and MessagePack, at a server's edge: handlers read and write JSON alone. What a client sends
 * is said by Content-Type; what it wants, by Accept, where the higher q counts and of equal ones
 * the first.
 */
#include "rest/connection.h"

#include <stdlib.h>

#include "base/memory.h"
#include "rest/messagepack.h"

/* What is so long takes some 10 ms, and 16 MiB some 150: on a helper thread, for others wait on the loop. */
#define ASIDE_BYTES (1u << 20)

#define PACKED "application/x-msgpack"

struct turning {
    struct connection *connection;
    struct buffer from, to;
    size_t bytes_max;
    const char *why;
    enum status result;
    int status; /* of an answer */
};

static bool is_messagepack(struct slice type)
{
    return slice_eq_nocase(type, SLICE(PACKED)) ||
           slice_eq_nocase(type, SLICE("application/msgpack"));
}

/* "application/json; charset=utf-8" */
static bool is_json(struct slice type)
{
    struct slice name;
    return slice_split(&type, ';', &name) &&
           slice_eq_nocase(slice_trim(name), SLICE("application/json"));
}

/* Of "0.8": 800. A broken one is 1, as if it were not there (RFC 9110, 12.4.2). */
static unsigned quality(struct slice text)
{
    unsigned thousandths = 0, digits = 100;
    if (text.len == 0 || text.at[0] != '0')
        return 1000;
    for (size_t i = 2; i < text.len && digits > 0; i++, digits /= 10) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return 1000;
        thousandths += (unsigned)(text.at[i] - '0') * digits;
    }
    return thousandths;
}

/* One element of Accept: its type, and how much it is wanted. */
static unsigned read_wish(struct slice element, struct slice *type)
{
    struct slice parameter;
    unsigned q = 1000;
    if (!slice_split(&element, ';', type))
        return 0;
    *type = slice_trim(*type);
    while (element.len > 0 && slice_split(&element, ';', &parameter)) {
        parameter = slice_trim(parameter);
        if (slice_eq_nocase(slice_first(parameter, 2), SLICE("q=")))
            q = quality(slice_skip(parameter, 2));
    }
    return q;
}

/* Wildcards mean JSON. */
static bool prefers_messagepack(const struct rest_request *r)
{
    struct slice left = rest_header(r, "Accept"), element, type;
    unsigned best = 0;
    bool wants = false;
    while (left.len > 0 && slice_split(&left, ',', &element)) {
        unsigned q = read_wish(element, &type);
        if (q > best) {
            best = q;
            wants = is_messagepack(type);
        }
    }
    return wants;
}

bool rest_wants_messagepack(const struct rest_request *r)
{
    const struct connection *c = (const struct connection *)r;
    return c->server && c->server->messagepack && prefers_messagepack(r);
}

/* Whoever looks at the type after this sees what the body is now. */
static void call_it_json(struct rest_request *r)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (slice_eq_nocase(r->headers[i].name, SLICE("Content-Type")))
            r->headers[i].value = SLICE("application/json");
}

static void turning_free(struct turning *t)
{
    buffer_clear(&t->from);
    buffer_clear(&t->to);
    free(t);
}

/* ---- a body ---- */

static bool is_packed(const struct connection *c)
{
    const struct rest_request *r = &c->request;
    struct slice type = rest_header(r, "Content-Type"), name;
    return c->server->messagepack && r->route->stream_bytes == 0 && r->body.len > 0 &&
           slice_split(&type, ';', &name) && is_messagepack(slice_trim(name));
}

static void refuse_packed(struct connection *c, enum status why, const char *detail)
{
    connection_refuse(
        c, why == TOO_LARGE ? 413 : 400,
        arena_printf(&c->request.arena, "the body is no MessagePack that is taken here: %s", detail));
}

static void read_aside(void *arg)
{
    struct turning *t = arg;
    t->result = rest_messagepack_to_json(t->connection->request.body, t->bytes_max, &t->to, &t->why);
}

static void on_read(void *arg)
{
    struct turning *t = arg;
    struct connection *c = t->connection;
    if (c->stream == NULL || c->expired) {
        connection_release(c);
    } else if (t->result == OK) {
        connection_replace_body(c, &t->to);
        call_it_json(&c->request);
        connection_admit(c);
    } else {
        refuse_packed(c, t->result, t->why);
    }
    turning_free(t);
}

bool connection_read_media(struct connection *c)
{
    struct rest_request *r = &c->request;
    if (!is_packed(c))
        return true;
    if (r->body.len >= ASIDE_BYTES) {
        struct turning *t = MEMORY_NEW(struct turning);
        *t = (struct turning){.connection = c, .bytes_max = c->server->limits.body_bytes};
        loop_work(r->loop, read_aside, on_read, t);
        return false;
    }
    struct buffer json = {0};
    const char *why;
    enum status s = rest_messagepack_to_json(r->body, c->server->limits.body_bytes, &json, &why);
    if (s == OK) {
        r->body = arena_copy(&r->arena, buffer_slice(&json));
        call_it_json(r);
    } else {
        refuse_packed(c, s, why);
    }
    buffer_clear(&json);
    return s == OK;
}

/* ---- an answer ---- */

static bool goes_packed(const struct connection *c, const char *type)
{
    return !c->packed && type && is_json(slice_of(type)) && rest_wants_messagepack(&c->request);
}

static void pack_aside(void *arg)
{
    struct turning *t = arg;
    t->result = rest_messagepack_from_json(buffer_slice(&t->from), &t->to);
}

static void on_packed(void *arg)
{
    struct turning *t = arg;
    struct rest_request *r = &t->connection->request;
    t->connection->packed = true;
    if (t->result == OK)
        rest_reply(r, t->status, PACKED, buffer_slice(&t->to));
    else
        rest_reply_json(r, t->status, buffer_slice(&t->from));
    turning_free(t);
}

bool connection_pack_aside(struct connection *c, int status, const char *type, struct slice body)
{
    if (body.len < ASIDE_BYTES || !goes_packed(c, type))
        return false;
    struct turning *t = MEMORY_NEW(struct turning);
    *t = (struct turning){.connection = c, .status = status};
    buffer_put(&t->from, body);
    loop_work(c->request.loop, pack_aside, on_packed, t);
    return true;
}

void connection_choose_media(const struct connection *c, const char **type, struct slice *body,
                             struct buffer *room)
{
    if (goes_packed(c, *type) && rest_messagepack_from_json(*body, room) == OK) {
        *type = PACKED;
        *body = buffer_slice(room);
    }
}
