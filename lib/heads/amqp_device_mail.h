/*
 * What the two halves of a device over AMQP say to each other: posts, gathered over a turn and
 * handed over to the other loop together and in order. On one loop they are handed over at the end
 * of the turn all the same, so neither half is ever called from inside the other.
 */
#pragma once

#include "base/list.h"
#include "base/slice.h"
#include "base/status.h"
#include "heads/backend.h"

struct heads_amqp_device_link;

enum heads_amqp_post_kind {
    /* to the session */
    POST_TELEMETRY,    /* origin, delivery, format, first: the message */
    POST_SUBSCRIBE,    /* feature, number: 1 or 0 */
    POST_ALLOW,        /* feature, number */
    POST_DELIVERED,    /* token, outcome */
    POST_TWIN_GET,     /* token */
    POST_TWIN_REPORT,  /* token, first: the patch */
    POST_METHOD_REPLY, /* token: the rid, number: the status, first: the payload */
    POST_RENEW,        /* first: the new token */
    POST_END,          /* the last one */
    /* to the links */
    POST_SIGNED_IN, /* why */
    POST_ACCEPTED,  /* origin, delivery, number of them, bytes, why */
    POST_TWIN,      /* token, why, first: JSON */
    POST_REPORTED,  /* token, why, version */
    POST_DESIRED,   /* first: the patch, version */
    POST_METHOD,    /* token: the rid, first: the name, second: the payload */
    POST_MESSAGE,   /* feature, token, first: the message, second: its lock */
    POST_CLOSE,     /* why */
    POST_GONE,      /* the last one */
    POST_KINDS,
};

struct heads_amqp_post {
    struct link node;
    enum heads_amqp_post_kind kind;
    enum status why;
    enum heads_feature feature;
    enum heads_outcome outcome;
    uint32_t delivery, format;
    uint32_t number;
    uint64_t token, version;
    size_t bytes;                          /* that it stands for in HEADS_AMQP_UNDER_WAY_MAX */
    struct heads_amqp_device_link *origin; /* the link's half alone looks into it */
    struct slice first, second;            /* behind it */
};

/* `like` with its two slices copied. */
struct heads_amqp_post *heads_amqp_post_new(const struct heads_amqp_post *like);

typedef void heads_amqp_open_fn(void *owner,
                                struct heads_amqp_post *p); /* which it frees, or keeps */

struct heads_amqp_mail {
    struct loop *from, *to;
    void *owner; /* on `to` */
    heads_amqp_open_fn *open;
    struct list posts;
    bool queued;
    void (*sent)(struct heads_amqp_mail *m); /* on `from`, after each handing over; may free it */
};

void heads_amqp_mail_init(struct heads_amqp_mail *m, struct loop *from, struct loop *to,
                          void *owner, heads_amqp_open_fn *open);
void heads_amqp_mail_put(struct heads_amqp_mail *m, const struct heads_amqp_post *like);
/* The newest that is not handed over yet; NULL when there is none. */
struct heads_amqp_post *heads_amqp_mail_newest(struct heads_amqp_mail *m);
