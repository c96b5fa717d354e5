/*
 * The server's end of an AMQP connection on a stream: SASL, the $cbs node, and links by a table of
 * what the program serves. A connection may speak for many, so it stays on the loop that accepted
 * it.
 *
 * What a peer may do is decided link by link, against the tokens that it put on this connection
 * (grants). When one expires, the links that nothing else allows are detached.
 *
 * Bounds: those of the engine (amqp/connection.h), HEADS_AMQP_GRANTS_MAX, HEADS_AMQP_REPLIES_MAX
 * for each node. A peer that does not read what it is sent is not read from either
 * (STREAM_HIGH_BYTES).
 */
#pragma once

#include "amqp/link.h"
#include "amqp/message.h"
#include "base/list.h"
#include "heads/amqp_address.h"
#include "io/stream.h"

#define HEADS_AMQP_GRANTS_MAX 1024
#define HEADS_AMQP_LINKS_UNSIGNED_MAX 32 /* of a connection that no token was put on */
#define HEADS_AMQP_PARTIAL_UNSIGNED_MAX (1u << 20) /* bytes of its half-received messages */
#define HEADS_AMQP_CHECKS_MAX 64 /* tokens under examination; 429 beyond */
#define HEADS_AMQP_REPLIES_MAX 64
#define HEADS_AMQP_UNDER_WAY_MAX (8u << 20) /* bytes that wait for others; then it is not read */
#define HEADS_AMQP_OPEN_TIMEOUT_MS 20000

struct heads_amqp;
struct heads_amqp_kind;

/* ---- links ---- */

struct heads_amqp_link {
    struct heads_amqp *head;
    struct amqp_link *link;
    const struct heads_amqp_kind *kind;
    struct heads_amqp_address address;
    struct slice params[HEADS_AMQP_PARAMS_MAX]; /* what stood for {} in the kind's address */
    struct arena arena;                         /* holds these; ends with the link */
    void *arg;                                  /* the kind's */
    struct link node;                           /* the head's */
    bool waits;                                 /* for heads_amqp_send() to have room */
};

struct heads_amqp_kind {
    const char *address; /* "devices/{}/messages/events" */
    bool sends;          /* messages go to the peer */
    uint32_t window;     /* of one that receives: messages under way or unsettled */
    /* Asked at attach and when a grant has expired. NULL: everybody may. */
    bool (*allowed)(struct heads_amqp_link *l);
    /* Answered by heads_amqp_accept() or heads_amqp_refuse(), now or later. NULL: accepted. */
    void (*attach)(struct heads_amqp_link *l, const struct amqp_attach *attach);
    void (*transfer)(struct heads_amqp_link *l, const struct amqp_delivery *d);
    void (*credit)(struct heads_amqp_link *l); /* may send, or has to drain */
    void (*settled)(struct heads_amqp_link *l, uint64_t token, const struct amqp_state *state);
    /* The last call, for every link whose attach was called and that was not refused. */
    void (*detach)(struct heads_amqp_link *l);
    void *arg; /* the program's: l->kind->arg */
};

void heads_amqp_accept(struct heads_amqp_link *l,
                       const struct amqp_link_answer *answer /* or NULL */);
/* All end the link; heads_amqp_detach() makes the detach call before it returns. `text` is for
 * people. */
void heads_amqp_refuse(struct heads_amqp_link *l, enum status why, const char *text);
void heads_amqp_refuse_as(struct heads_amqp_link *l, const char *condition, const char *text);
void heads_amqp_detach(struct heads_amqp_link *l, const char *condition, const char *text);

/* amqp_link_send(), and AGAIN also while the peer is slow to read; credit() is called when to try
 * again. */
CHECKED enum status heads_amqp_send(struct heads_amqp_link *l, const struct amqp_send *send,
                                    struct slice message);

/* ---- request and response nodes ---- */

/* A request that is to be answered. Whoever holds it must answer it once; the connection may be
 * gone by then. */
struct heads_amqp_reply;

struct heads_amqp_node {
    const char *address; /* "$management" */
    bool (*allowed)(struct heads_amqp_link *l);
    /* `m` until it returns; `arg` is the node's. */
    void (*request)(void *arg, struct heads_amqp_reply *reply, const struct amqp_message *m);
    void *arg;
};

/* `body` is one encoded AMQP value; empty: null. The status goes out as the HTTP number of `why`.
 */
void heads_amqp_answer(struct heads_amqp_reply *reply, enum status why, const char *text,
                       struct slice body);
struct heads_amqp *heads_amqp_reply_head(const struct heads_amqp_reply *reply);

/* ---- tokens ---- */

enum heads_amqp_token_type {
    HEADS_AMQP_SAS,   /* $cbs, servicebus.windows.net:sastoken */
    HEADS_AMQP_JWT,   /* $cbs, jwt: a JWT, or from Azure's Python SDK a SAS */
    HEADS_AMQP_PLAIN, /* SASL PLAIN: user and secret, no audience */
};

struct heads_amqp_token {
    enum heads_amqp_token_type type;
    struct slice audience; /* as sent */
    struct slice path;     /* the audience's, decoded: "devices/d1" */
    struct slice user;
    struct slice token;
};

struct heads_amqp_grant {
    struct slice path;   /* what it is good for, and all below it */
    unsigned rights;     /* bits that the program knows */
    uint64_t expires_ms; /* wall clock */
    struct slice token;  /* kept for devices, which sign in with it; may be empty */
};

/* A token under examination; answered once by heads_amqp_checked(). */
struct heads_amqp_check;
/* The grant is copied; NULL when `why` is not OK. */
void heads_amqp_checked(struct heads_amqp_check *check, enum status why,
                        const struct heads_amqp_grant *grant);

struct heads_amqp *heads_amqp_check_head(const struct heads_amqp_check *check);
uint64_t heads_amqp_check_wall_ms(const struct heads_amqp_check *check); /* its loop's time */

/* Whether a grant of this connection has all `rights` for the address (NULL: for anything). */
bool heads_amqp_granted(const struct heads_amqp *h, unsigned rights,
                        const struct heads_amqp_address *address);

/* The token of such a grant; empty when there is none, or it keeps none. The grant's. */
struct slice heads_amqp_granted_token(const struct heads_amqp *h, unsigned rights,
                                      const struct heads_amqp_address *address);

/* ---- the connection ---- */

struct heads_amqp_config {
    const char *container_id;
    const struct heads_amqp_kind *kinds;
    size_t kind_count;
    const struct heads_amqp_node *nodes; /* besides $cbs */
    size_t node_count;
    uint64_t idle_ms;     /* of the peer; 0: 240 s */
    uint32_t message_max; /* 0: 320 KiB */
    /* Examines a token, and answers by heads_amqp_checked() now or later. NULL: no token is good.
     */
    void (*verify)(void *arg, struct heads_amqp_check *check, const struct heads_amqp_token *t);
    /* The connection is over; the last call, and not made before all links had their detach. May be
     * NULL. */
    void (*on_gone)(void *arg, struct heads_amqp *h);
    void *arg;
};

/* On the stream's loop; the stream is open and belongs to the head from here on. The config and its
 * tables outlive the connection. */
struct heads_amqp *heads_amqp_new(struct stream *s, const struct heads_amqp_config *config);

/* Says goodbye to the peer with a reason, and ends. on_gone follows. */
void heads_amqp_close(struct heads_amqp *h, enum status why, const char *text);

void *heads_amqp_arg(const struct heads_amqp *h);
struct loop *heads_amqp_loop(const struct heads_amqp *h);
struct stream *heads_amqp_stream(const struct heads_amqp *h); /* NULL when it is gone */
