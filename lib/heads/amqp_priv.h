/* Inside of the AMQP head: what amqp.c, amqp_link.c, amqp_node.c, amqp_grant.c and amqp_cbs.c
 * share. */
#pragma once

#include "heads/amqp.h"

struct grant {
    char *path;
    struct buffer token;
    unsigned rights;
    uint64_t expires_ms;
};

struct heads_amqp {
    const struct heads_amqp_config *config;
    struct loop *loop;
    struct stream *stream; /* NULL when it is gone */
    struct amqp_connection *engine;
    struct loop_timer timer, grant_timer;
    bool opened, closing, flush_queued;
    bool choked; /* the peer does not read what it is sent: nothing is read until on_drain */
    bool loaded; /* too much of what it sent is under way: nothing is read until some is done */
    size_t under_way;
    unsigned holds; /* of calls to come: the struct stays until they came */
    struct list links;
    unsigned link_count;
    struct grant *grants;
    size_t grant_count;
    unsigned checks;      /* tokens under examination */
    struct list devices;  /* struct heads_amqp_device, amqp_device.c: those that are not ending */
    unsigned device_count;
};

void head_hold(struct heads_amqp *h);
void head_release(struct heads_amqp *h); /* may free it */

/* What of a peer's text goes into a log line: up to the first blank or control character. */
struct slice head_printable(struct slice text);

/* So many bytes of what the peer sent are waiting for somebody, more or less: past
 * HEADS_AMQP_UNDER_WAY_MAX it is not read. */
void head_under_way(struct heads_amqp *h, ptrdiff_t more);

/* ---- amqp_link.c ---- */

/* False: the peer is slow to read; on_drain will come. */
bool head_has_room(struct heads_amqp *h);

void head_on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *a);
void head_on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d);
void head_on_credit(void *arg, struct amqp_link *l);
void head_on_settled(void *arg, struct amqp_link *l, uint64_t token,
                     const struct amqp_state *state);
void head_on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why);
void head_links_resume(struct heads_amqp *h);  /* the stream has drained */
void head_links_recheck(struct heads_amqp *h); /* a grant has expired */
void head_links_end(struct heads_amqp *h);     /* the connection is gone */

/* ---- amqp_node.c ---- */

extern const struct heads_amqp_node head_cbs_node; /* amqp_cbs.c */

/* The kind for a link to a request and response node; NULL when the address is none. */
const struct heads_amqp_kind *head_node_kind(struct heads_amqp_link *l, bool sends);

/* ---- amqp_grant.c ---- */

enum status head_on_sasl(struct heads_amqp *h, struct slice mechanism, struct slice response);
void head_check_token(struct heads_amqp_reply *reply, const struct heads_amqp_token *t);
void head_grants_clear(struct heads_amqp *h);

/* ---- amqp_device_token.c ---- */

/* A token was put, for the first time or again. */
void head_granted(struct heads_amqp *h, const struct grant *g);
