/*
 * A writer group: values become messages here, encoded straight into the bytes that are sent, and
 * messages are cut by count of notifications, by time and by size. On the OPC UA thread.
 *
 * Each message carries, as application properties, "millrace-source" (publisher and group),
 * "millrace-epoch" (this start of it) and "millrace-sequence" (1, 2, 3 …), so that a consumer can
 * prove what is missing or came twice.
 */
#pragma once

#include "publisher/form.h"
#include "publisher/outbox.h"
#include "publisher/plan.h"
#include "publisher/topic.h"

#define GROUP_BODY_MAX (250u << 10) /* leaves 6 KiB of IoT Hub's 256 for properties */

struct group;

struct group_counts {
    uint64_t messages, data_sets, values, too_large;
};

struct group_sink {
    struct loop *loop;
    struct outbox *outbox;
    uint64_t epoch;
    size_t body_max; /* 0: GROUP_BODY_MAX */
    const struct topic_templates *topics; /* NULL: the defaults; outlives the group */
    struct slice site;                    /* .at == NULL: none */
    struct group_counts *counts;
};

/* Who data set messages are from; lives in the writer. */
struct data_set {
    struct buffer name;    /* quoted */
    struct buffer extra;   /* members that every payload ends with; empty: none */
    struct buffer origin;  /* of samples: from after the node id to before the display name, with
                              commas around */
    uint32_t id, sequence; /* sequence: of the last one */
};

enum frame { FRAME_DELTA, FRAME_KEY, FRAME_EVENT, FRAME_KEEP_ALIVE };

/* `sink` is copied; the plan's texts, too. */
struct group *group_new(const struct group_sink *sink, const struct plan_group *plan);
/* What is unsent goes first. */
void group_free(struct group **g);

const struct form *group_form(const struct group *g);
void group_set_batch(struct group *g, uint32_t batch_size, uint32_t batch_ms);

/* A data set message, field by field: `head` is "name": ready to stand before the value. */
void group_begin(struct group *g, struct data_set *d, enum frame frame, UA_DateTime now,
                 const struct opcua_namespaces *names);
void group_field(struct group *g, struct slice head, const UA_DataValue *v);
void group_end(struct group *g);

/* A sample: `node` is {"NodeId":"…" and `label` "DisplayName":"…" or empty. */
void group_sample(struct group *g, struct data_set *d, struct slice node, struct slice label,
                  const UA_DataValue *v, UA_DateTime now, const struct opcua_namespaces *names,
                  bool heartbeat);

/* An event as a sample: its value is an object of the event's fields; heads[i] is "name":. */
void group_event_sample(struct group *g, struct data_set *d, struct slice node, struct slice label,
                        const struct buffer *heads, const UA_EventFieldList *event, UA_DateTime now,
                        const struct opcua_namespaces *names);

/* A notification of the server is through: cuts the message when it is time. */
void group_notified(struct group *g);
void group_flush(struct group *g);
