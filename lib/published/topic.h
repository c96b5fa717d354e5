/*
 * Topics: where a message goes at a broker, and the name of a module's output at an edge or hub.
 * A template has variables in braces, "{RootTopic}/messages/{WriterGroup}". Pure.
 *
 * As OPC Publisher does it: names of variables compare in any case; one that nobody knows stands
 * for itself without its braces, and so does one that has stood for something already in the same
 * topic; what a variable stands for is not looked through for more of them, but for the topics
 * among them, which are templates themselves. Characters that have a meaning in topics (+ # / and
 * \) come out of a variable as \x2b, \x23, \x2f and \x5c; those of the template stay.
 */
#pragma once

#include "base/buffer.h"

enum topic_kind {
    TOPIC_ROOT,
    TOPIC_TELEMETRY,
    TOPIC_EVENTS,
    TOPIC_DIAGNOSTICS,
    TOPIC_METADATA,
    TOPIC_SCHEMA,
    TOPIC_METHODS,
    TOPIC_KIND_COUNT,
};

struct topic_templates {
    struct slice of[TOPIC_KIND_COUNT]; /* .at == NULL: topic_default() */
};

enum topic_variable {
    TOPIC_SITE_ID,
    TOPIC_PUBLISHER_ID,
    TOPIC_ENCODING,
    TOPIC_WRITER_GROUP,
    TOPIC_WRITER_GROUP_ID,
    TOPIC_WRITER,
    TOPIC_WRITER_ID,
    TOPIC_DATA_SET_NAME, /* cut at its dots it is {DataSetTopicPath}, too */
    TOPIC_FIELD_ID,
    TOPIC_CLASS_ID,
    TOPIC_EVENT_NAME,
    TOPIC_EVENT_CONTEXT,
    TOPIC_EVENT_SOURCE,
    TOPIC_CLUSTER_NAMESPACE,
    TOPIC_CLUSTER_HOST,
    TOPIC_VARIABLE_COUNT,
};

/* What a topic is made for. Borrowed, all of it. */
struct topic_scope {
    const struct topic_templates *templates;   /* the program's; NULL: the defaults */
    struct slice values[TOPIC_VARIABLE_COUNT]; /* .at == NULL: not known here */
    struct slice
        queue; /* template of the node, writer or group: see topic_queue(); empty: the program's */
    struct slice metadata; /* the same for its metadata: MetaDataQueueName */
    struct slice
        path; /* browse path from the root, made with topic_path_put(); empty: no such routing */
};

/* "{RootTopic}/messages/{WriterGroup}" and so on; for metadata empty: with the telemetry. */
struct slice topic_default(enum topic_kind kind);

/* The first that is not empty; a node's wins over its writer's, and that over its group's. */
struct slice topic_queue(struct slice node, struct slice writer, struct slice group);

/* Appends the topic. A browse path stands behind telemetry's, and metadata goes to that topic then.
 */
void topic_put(const struct topic_scope *s, enum topic_kind kind, struct buffer *out);

/* Appends one step of a browse path: "/Machine", or with its namespace's index "/2:Machine". */
void topic_path_put(struct buffer *path, bool with_namespace, unsigned namespace,
                    struct slice name);

/* Appends it as it stands in a topic. */
void topic_escape(struct slice text, struct buffer *out);
