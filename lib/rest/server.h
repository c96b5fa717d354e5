/*
 * An HTTP/1.1 server on streams: who accepts gives the stream to rest_server_accept(), so one
 * listener can be shared with other protocols. One request of a connection runs at a time; what the
 * peer sends meanwhile waits, at most one read's bytes, and then the stream is paused.
 *
 * A request lives until its handler has answered, also when its connection has died meanwhile or
 * the server has answered 504 for a handler that took too long; such an answer goes nowhere. One
 * server belongs to one loop; a program with several has one of each.
 */
#pragma once

#include "io/stream.h"
#include "rest/router.h"
#include "rest/websocket.h"

struct rest_server;

/* Zero means the default named beside it. */
struct rest_limits {
    size_t body_bytes;   /* 413 beyond. 1 MiB */
    size_t bodies_bytes; /* of large bodies, which are gathered once their sender is authorized, until they are answered;
                            all connections together: 503 to the one that would pass it. 64 MiB */
    size_t connections;  /* further ones are closed at once. 10,000 */
    uint64_t head_ms;    /* from a request's first byte to the end of its head: 408. 10 s */
    uint64_t body_ms;    /* from there to the end of its body: 408. 30 s */
    uint64_t request_ms; /* for authorization and handler: 504. 240 s */
    uint64_t idle_ms;    /* between requests: closed. 120 s */
};

/*
 * Says through rest_authorized(), now or later, whether r->route->access is granted to the caller
 * of `r`. Not asked for REST_PUBLIC.
 */
typedef void rest_authorize_fn(struct rest_request *r);
/* OK; UNAUTHORIZED (401, with `challenge` as WWW-Authenticate, may be NULL); FORBIDDEN (403);
 * others: 500. */
void rest_authorized(struct rest_request *r, enum status why, const char *challenge);

/*
 * Asked after authorization, before the handler runs, for all but REST_PUBLIC: says through
 * rest_admitted(), now or later, whether it may; or answers the request at once. A WebSocket is not asked for.
 */
typedef void rest_admit_fn(struct rest_request *r);
/* OK; all else: 503. */
void rest_admitted(struct rest_request *r, enum status why, const char *detail);

/* Answers, at once, what the server itself refuses: 400, 401, 403, 404, 405, 408, 413, 426, 431,
 * 500, 503, 504. */
typedef void rest_refuse_fn(struct rest_request *r, int status, const char *detail);

/* A path where a connection may become a WebSocket (RFC 6455). */
struct rest_upgrade {
    const char *path;             /* compared without case */
    const char *const *protocols; /* that may be chosen; NULL at the end. NULL: none is named */
    enum rest_access access;
    /* The new stream is the callee's; `r` lives until the call returns, and is not answered. */
    void (*run)(struct rest_request *r, struct stream *s, const char *protocol);
    enum rest_websocket_messages messages;
};

struct rest_server_config {
    struct loop *loop;
    const struct rest_table *tables; /* copied */
    size_t table_count;
    const struct rest_upgrade *upgrades; /* static */
    size_t upgrade_count;
    void *app;
    rest_authorize_fn *authorize; /* NULL: only REST_PUBLIC is served */
    rest_admit_fn *admit;         /* NULL: whoever is authorized */
    rest_refuse_fn *refuse;       /* NULL: rest_reply_problem() */
    /* After every answer, also one that nobody hears any more, for counters and logs. May be NULL. */
    void (*on_answer)(void *app, const struct rest_request *r, int status);
    struct rest_limits limits;
    /* Bodies may also be MessagePack (media.c): handlers see and write JSON. Not for routes that take any bytes. */
    bool messagepack;
};

struct rest_server *rest_server_new(const struct rest_server_config *config);
/* Ends all connections at once. Requests that still run may be answered afterwards. */
void rest_server_free(struct rest_server **s);

/* Takes an open stream of the server's loop, sets its events, owns it from here on. */
void rest_server_accept(struct rest_server *s, struct stream *stream);

size_t rest_server_connections(const struct rest_server *s);

/* RFC 9457: {"type","title","status","detail","instance"}; `detail` may be NULL. */
void rest_reply_problem(struct rest_request *r, int status, const char *detail);
/* 400, and which member of the request it is about: of "a.b: not a string", {"errors":{"a.b":["not a string"]}}. */
void rest_reply_invalid(struct rest_request *r, const char *why);
