/*
 * Messages of one route in the making: one topic, one quality of service, one class of data sets.
 * They are numbered and sent here; what goes into them is the group's (writers/group.h), which
 * has one batch or several. On the OPC UA thread.
 */
#pragma once

#include "outbox/outbox.h"
#include "published/topic.h"
#include "pubsub/cloud_event.h"
#include "pubsub/encoder.h"

#define BATCH_BODY_MAX (250u << 10) /* leaves 6 KiB of IoT Hub's 256 for properties */

struct group_counts {
    uint64_t messages, bytes, data_sets, values, too_large, metadata, schemas;
    uint64_t undescribed; /* values left out: what their data set looks like is not known, or too much to be told */
};

struct group_sink {
    struct loop *loop;
    struct outbox *outbox;
    uint64_t epoch;
    size_t body_max;                      /* 0: BATCH_BODY_MAX */
    const struct topic_templates *topics; /* NULL: the defaults; outlives the group */
    struct slice site;                    /* .at == NULL: none; outlives the group */
    struct group_counts *counts;
    uint16_t id; /* on the wire, from 1 */
};

#define SCHEMA_ID_MAX 24 /* a number */

/* All of a group, and what they have in common; lives in it. */
struct batches {
    struct group_sink sink;
    struct plan_group plan; /* its texts are those below; what it points to otherwise is gone */
    char *publisher_id, *name, *queue; /* queue: template of the topic; "": the program's */
    struct outbox_route *route;        /* NULL: the program's transport */
    struct schema *known; /* what the data sets of writers look like, as far as it was told */
    struct list schemas;  /* a topic's each (writers/schemas.h) */
    struct list all;      /* the first is that of the group's own route */
};

struct batch {
    struct link link;
    struct batches *home;
    struct encoder encoder;
    struct buffer properties; /* those that stay */
    char *topic, *class_id;   /* class_id: of its data sets; "": none */
    uint64_t ttl_ms;
    uint8_t qos, priority; /* priority: the writer's; the higher one is sent first */
    bool retain;
    bool late; /* values that were missed, out of history */

    struct cloud_event event; /* of the writers in it; only with the plan's cloud_events */
    struct schema *schema; /* that of its topic; NULL: nobody wants to know */
    uint32_t of_writer;    /* the message that is begun, where each writer has a schema by itself */
    uint32_t users; /* writers whose messages or metadata it takes */
    uint64_t sequence;
    struct outgoing *message; /* NULL: none begun */
    char schema_id[SCHEMA_ID_MAX]; /* of its schema; "": it has none */
    bool undescribed;              /* something in it that the schema does not know */
    uint32_t notifications;
    size_t last_len; /* of the last message: the next is likely alike */
    struct loop_timer timer;
};

/* `plan` is copied. */
void batches_init(struct batches *home, const struct group_sink *sink,
                  const struct plan_group *plan);
/* Unsent messages go first. */
void batches_clear(struct batches *home);
void batches_flush(struct batches *home);
enum opcua_id_format batches_id_format(const struct batches *home);
/* Bytes of a message. */
size_t batches_body_max(const struct batches *home);

/* Where the writer's metadata goes; NULL: that of those that say nothing. What the writer leaves
 * open is the group's. A writer is a user until batch_leave(). */
struct batch *batch_for_metadata(struct batches *home, const struct plan_writer *writer);
/* Where its messages go, `id` being what it has in the group; with `late` those of values that were
 * missed, which say so. It is a user until batch_leave_values(). */
struct batch *batch_for_values(struct batches *home, const struct plan_writer *writer, uint32_t id,
                               bool late);
/* With `forget` the broker is to keep nothing of a topic that nobody uses any more: a retained
 * message without a body is sent (MQTT 3.1.1, 3.3.1.3). */
void batch_leave(struct batch *b, bool forget);
void batch_leave_values(struct batch *b, uint32_t id, bool forget);

/* The message's bytes, begun if need be, for a data set of that writer. */
struct buffer *batch_begin(struct batch *b, uint32_t writer);
/* Sends what there is. */
void batch_flush(struct batch *b);
/* Sends a message that was made elsewhere, after what there is. Takes the body over. */
void batch_send(struct batch *b, struct buffer *body);
