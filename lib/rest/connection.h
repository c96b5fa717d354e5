/*
 * One connection of a server: reads requests one after the other, and writes their answers. Private
 * to lib/rest. It ends when its stream has and no handler works for it any more.
 */
#pragma once

#include "base/list.h"
#include "http/parser.h"
#include "rest/server.h"

enum connection_state {
    CONNECTION_READING, /* waits for a request or the rest of one -> RUNNING, ENDING */
    CONNECTION_RUNNING, /* authorize or a handler has it -> READING, ENDING */
    CONNECTION_ENDING,  /* the last answer is leaving; what comes is dropped */
};

struct connection {
    struct rest_request request; /* first: a rest_request is its connection */
    struct rest_server *server;  /* NULL when it has gone */
    struct link link;
    struct stream *stream; /* NULL when it has ended, or belongs to a WebSocket */
    char peer[64];
    struct http_parser *parser;
    const struct rest_upgrade *upgrade; /* what the running request asks for, or NULL */
    struct rest_route upgrade_route;    /* stands for it where a route is asked for */
    struct buffer extra;                /* fields of rest_add_header() */
    struct buffer waiting;              /* what came behind the running request */
    size_t waiting_taken;
    enum connection_state state;
    bool reading; /* inside read_on(): an answer must not start another */
    bool paused;
    bool granted;  /* the upgrade is, and follows when reading is done */
    rest_stream_fn *on_stream; /* the same of an answer that has no end */
    bool busy;     /* authorize or a handler has the request */
    bool expiring; /* and is too slow: the answer being written is not the handler's */
    bool expired;  /* it has been answered for it */
    bool last;     /* no request is read after this one */
    bool linger;   /* the peer is still sending what was refused */
    bool sending;  /* an answer in pieces has begun */
    bool packed;   /* the answer is MessagePack already, or cannot be */
    bool pumping;  /* connection_pump() is on its way */
    uint64_t answer_left;       /* of an answer in pieces */
    bool endless;               /* which says itself when it has been all */
    bool chunked;               /* its pieces are chunks (RFC 9112, 7.1) */
    rest_piece_fn *on_piece;    /* somebody waits for the body's next piece, */
    rest_room_fn *on_room;      /* or for room for the answer's; never both */
    void *piece_arg;
    struct loop_timer timer;
    uint64_t timer_at_ms; /* when it fires; 0 when stopped */
    uint64_t since_ms;    /* the current phase's beginning */
    int phase;            /* enum phase in connection.c */
    size_t unsent_before; /* when the timer last looked */
    bool gathering;       /* on_piece is gather.c's: all pieces together have the time of one body */
    struct buffer body;   /* that is gathered; counted in the server's bodies_bytes */
};

struct rest_server {
    struct loop *loop;
    struct rest_router *router;
    const struct rest_upgrade *upgrades;
    size_t upgrade_count;
    void *app;
    rest_authorize_fn *authorize;
    rest_admit_fn *admit;
    rest_refuse_fn *refuse;
    void (*on_answer)(void *app, const struct rest_request *r, int status);
    struct rest_limits limits;
    bool messagepack;
    struct list connections;
    size_t connection_count;
    size_t bodies_bytes;
    uint8_t id_seed[16]; /* of request ids; its second half counts on */
    uint64_t id_next;
    struct buffer date; /* the Date field, made once a second */
    uint64_t date_second;
};

void connection_new(struct rest_server *s, struct stream *stream);
void connection_turn_away(struct stream *stream); /* one too many */
/* What came behind the running request. */
struct slice connection_waiting(const struct connection *c);
/* The server goes. The connection follows, now or when its handler has answered. */
void connection_orphan(struct connection *c);
/* The stream was given to a WebSocket; the connection ends when this turn of reading does. */
void connection_leave(struct connection *c);
/* The handler gives the request back without an answer: it has come too late, or was an upgrade. */
void connection_release(struct connection *c);

#define CONNECTION_ENDLESS UINT64_MAX /* as a length: it ends with the connection */
#define CONNECTION_CHUNKED REST_LENGTH_UNKNOWN

/* The answer's start line and fields. */
void connection_put_head(struct connection *c, int status, const char *type, uint64_t length);
/* After the answer: the next request, or the end. */
void connection_turn_over(struct connection *c);
/* Goes on with what waits. */
void connection_read_on(struct connection *c);

/* ---- pieces.c ---- */

/* Somebody waits for the body's next piece: gives him what is in *bytes. */
void connection_feed_body(struct connection *c, struct slice *bytes);
/* Tells who waits for a piece or for room. */
void connection_give(struct connection *c, enum status why, struct slice bytes);
/* At the end of this turn: looks whether he can be told. */
void connection_pump(struct connection *c);

/* ---- gather.c ---- */

/* How much of a body may come in pieces, which is when it is large or its route wants it so; for http_parser_on_head(). */
http_parser_head_fn connection_body_limit;
/* Gathers the rest of the request, then connection_run(), or refuses. */
void connection_gather(struct connection *c);
/* It is answered. */
void connection_drop_body(struct connection *c);
/* The request has another body from now on, which is taken. */
void connection_replace_body(struct connection *c, struct buffer *body);

/* ---- dispatch.c ---- */

/* Finds the route of the complete request, asks for authorization and runs the handler. */
void connection_dispatch(struct connection *c, const struct http_message *m);
/* Runs the handler of the authorized request, whose body is there or is read by the handler. */
void connection_run(struct connection *c);
/* The same of one whose body is JSON by now, if it is to be. */
void connection_admit(struct connection *c);
void connection_refuse(struct connection *c, int status, const char *detail);

/* ---- media.c ---- */

/* The body as JSON, where it came as MessagePack. False: it was refused; or it is long, and connection_admit() follows. */
bool connection_read_media(struct connection *c);
/* A long answer in JSON that is to be MessagePack becomes that aside, and then the answer. False: it is no such one. */
bool connection_pack_aside(struct connection *c, int status, const char *type, struct slice body);
/* An answer in JSON as MessagePack, where that is wanted: then *type and *body are new, and *body is in *room. */
void connection_choose_media(const struct connection *c, const char **type, struct slice *body, struct buffer *room);

/* ---- upgrade.c ---- */

/* What a connection may become at `path`; NULL for nothing. */
const struct rest_upgrade *connection_upgrade_find(const struct connection *c, struct slice path);
/* Answers 101 and hands the stream on, or refuses. */
void connection_upgrade(struct connection *c);
/* Gives the stream to who answers without an end. */
void connection_hand_over(struct connection *c);
