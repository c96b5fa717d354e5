/*
 * One table for a REST API: dispatch, authorization, OpenAPI and the tests that try every route all
 * read it. A handler gets a request that lives until it has been answered, on the same loop, now or later.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "io/loop.h"

struct rest_request;

typedef void rest_handler(struct rest_request *r);

/* Who may call it. What the words mean is the server's `authorize`. */
enum rest_access {
    REST_PUBLIC,  /* no token: /healthz, discovery documents */
    REST_READ,    /* 2.8: any authenticated user; hub: RegistryRead */
    REST_WRITE,   /* 2.8: role Write, Admin or Sign; hub: RegistryWrite */
    REST_ADMIN,   /* 2.8: role Admin or Sign */
    REST_SERVICE, /* hub: ServiceConnect */
    REST_DEVICE,  /* hub: a device's or module's own token */
    REST_CALL,    /* hub: ServiceConnect, or a module that speaks for itself */
};

struct rest_route {
    const char *method;    /* "GET" */
    const char *path;      /* "/v2/read/{endpointId}": a name in braces matches one segment */
    rest_handler *run;
    enum rest_access access;
    const char *operation; /* operationId in OpenAPI; NULL leaves the route out of it */
    const char *request;   /* name of the request's model; NULL: no body */
    const char *response;  /* name of the response's model; NULL: no body */
    /* 0: the body is there when the handler runs, up to the server's limit. Else the handler runs
     * before it, and reads it with rest_body_read(), up to so many bytes. */
    uint64_t stream_bytes;
    /* Parameters after the "?", as a model's members ("nodeId*:str, pageSize:i32"); a name alone is a
     * model whose members are all parameters. For OpenAPI and rest_query_read(). */
    const char *query;
    bool may_lack_body; /* a request with the model `request` may also come without */
    const char *calls; /* what the handler calls; it knows what that means */
};

/* A header, a query parameter, a path parameter. Names compare without case for headers alone. */
struct rest_field {
    struct slice name, value;
};

struct rest_request {
    struct arena arena;   /* until it is answered */
    struct loop *loop;
    void *app;            /* the server's `app` */
    const struct rest_route *route;
    struct slice method, target;   /* as sent */
    struct slice path;             /* decoded, without query */
    struct slice body;
    struct rest_field *headers, *query, *params;
    size_t header_count, query_count, param_count;
    struct slice peer;             /* "127.0.0.1:1234" */
    struct slice certificate;      /* the client's in TLS and its chain, stream_peer_certificate(); empty when none */
    struct slice user;             /* set by `authorize`: who is calling, for logs */
    char id[37];                   /* the call's id in every log line: x-ms-client-request-id, or a new UUID */
};

struct slice rest_header(const struct rest_request *r, const char *name); /* empty when absent */
struct slice rest_query(const struct rest_request *r, const char *name);
struct slice rest_param(const struct rest_request *r, const char *name);

/*
 * The next piece of the body, for routes with stream_bytes; one at a time, and not while answering.
 * OK with bytes, the callee's until it returns or answers; OK without: that was all. Else the
 * request is to be answered, though maybe nobody hears it: CANCELLED the peer has gone, TIMED_OUT
 * it is silent, TOO_LARGE, BAD_FORMAT. A peer is not read from while nobody asks. An answer before the
 * end ends the connection.
 */
typedef void rest_piece_fn(void *arg, enum status why, struct slice bytes);
void rest_body_read(struct rest_request *r, rest_piece_fn *fn, void *arg);

/* Exactly one of these per request. The bytes are copied. Headers added before go with it. */
void rest_add_header(struct rest_request *r, const char *name, struct slice value);
void rest_reply(struct rest_request *r, int status, const char *content_type, struct slice body);
void rest_reply_json(struct rest_request *r, int status, struct slice json);
void rest_reply_empty(struct rest_request *r, int status);
/* Whether an answer in JSON leaves as MessagePack: who would make something else of it looks first. */
bool rest_wants_messagepack(const struct rest_request *r);
/* As the server itself does: a problem, or what its `refuse` makes of it. `detail` may be NULL. */
void rest_refuse(struct rest_request *r, int status, const char *detail);

/*
 * Or an answer in pieces: begin, pieces that are `length` bytes together, end. After a piece fn says when
 * there is room for the next: OK, or CANCELLED when the peer has gone; it is to be ended in any case. Ended
 * short of its length, or with rest_reply_cut(), it is cut off, so that nobody takes it for whole. To HEAD no
 * piece is sent, and none is needed.
 */
#define REST_LENGTH_UNKNOWN (UINT64_MAX - 1) /* the end alone says that it was all */
typedef void rest_room_fn(void *arg, enum status why);
void rest_reply_begin(struct rest_request *r, int status, const char *content_type, uint64_t length);
void rest_reply_piece(struct rest_request *r, struct slice bytes, rest_room_fn *fn, void *arg);
void rest_reply_end(struct rest_request *r);
void rest_reply_cut(struct rest_request *r);

/*
 * Or an answer that has no end of its own, such as text/event-stream: its head leaves, and the connection's
 * stream is the callee's, who sets its events; what the peer still sends comes there. `fn` runs before this
 * returns or at the end of the turn, and `r` lives until it has; not at all when the peer has gone.
 */
struct stream;
typedef void rest_stream_fn(struct rest_request *r, struct stream *s);
void rest_reply_stream(struct rest_request *r, const char *content_type, rest_stream_fn *fn);
