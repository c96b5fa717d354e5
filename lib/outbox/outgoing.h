/*
 * A finished message on its way out: made on the OPC UA thread, kept in a queue (queue.h), sent by
 * a transport (transport.h). The record is what the queue has of it on the disk. Pure.
 */
#pragma once

#include "base/list.h"
#include "base/shared.h"
#include "base/status.h"

struct outbox_route;

#define OUTGOING_SHARED_MIN (32u << 10) /* bytes of a body from which on it is not copied to be kept in two places */
#define OUTGOING_TEXT_MAX 65535u       /* of a record: topic, types */
#define OUTGOING_HEAD_MAX (192u << 10) /* of a record: texts and properties, before the body */

struct outgoing {
    struct link link;
    struct outbox_route *route; /* which transport; NULL: the program's own */
    struct buffer body;    /* while it is made */
    struct shared *shared; /* after outgoing_share(), in its place */
    struct buffer properties; /* as in iot_message */
    const char *content_type;
    const char *content_encoding; /* NULL: "utf-8" */
    char *topic;      /* where to, variables filled in; at an edge or hub the module's output. NULL:
                         none;      owned */
    uint64_t ttl_ms;  /* 0: none */
    char *types;      /* what content type and encoding lie in, where they are its own; owned */
    char *beside;     /* the topic of messages that it belongs to, and goes the way of; NULL: none; owned */
    uint8_t qos;      /* enum plan_qos */
    uint8_t priority; /* higher goes first where messages wait */
    bool retain;
    bool schema; /* of messages: goes before them, and is kept as long as one may name it */
    uint32_t values;

    /* The queue's own. */
    uint64_t stamp_ms; /* of the queue's clock, when it came */
    uint64_t sequence; /* in the log; 0: not there */
};

struct outgoing *outgoing_new(void);
void outgoing_free(struct outgoing **m);

static inline struct slice outgoing_body(const struct outgoing *m)
{
    return buffer_slice(m->shared ? &m->shared->bytes : &m->body);
}

/* From here on others may hold a large body; on their thread. */
void outgoing_share(struct outgoing *m);

/* The same to look at, wherever it lies. */
struct outgoing_view {
    struct shared *owner; /* of the body; NULL: it may only be copied */
    struct slice body, properties, content_type, content_encoding, topic;
    uint64_t ttl_ms; /* 0: none */
    uint32_t values;
    uint8_t qos, priority;
    bool retain, schema;
};

struct outgoing_view outgoing_view(const struct outgoing *m);
/* A message of its own with what the view shows. */
struct outgoing *outgoing_copy(const struct outgoing_view *v);

/* Appends the record. TOO_LARGE: topic or types over 64 KB, or OUTGOING_HEAD_MAX. */
CHECKED enum status outgoing_encode(const struct outgoing_view *v, struct buffer *out);
/* The same without the body, which is the record's end. */
CHECKED enum status outgoing_encode_head(const struct outgoing_view *v, struct buffer *out);
/* Slices point into the record. BAD_FORMAT for what outgoing_encode() cannot have made. */
CHECKED enum status outgoing_decode(struct slice record, struct outgoing_view *out);
