/*
 * What runs, told whole: groups with their counts, writers with their connections and nodes. Made
 * on the OPC UA thread (engine_survey()) and read on any other afterwards; it has copies of all
 * texts.
 */
#pragma once

#include "base/arena.h"
#include "writers/group.h"

enum survey_depth {
    SURVEY_COUNTS,   /* groups and what they counted: once a second */
    SURVEY_ITEMS,    /* writers, with how many nodes are live: somebody asked */
    SURVEY_FAILURES, /* and which nodes are not, and why */
};

#define SURVEY_FAILURES_MAX 10000 /* of one survey; the counts are of all */

struct survey_failure {
    struct slice node;
    UA_StatusCode status;
};

struct survey_writer {
    struct slice name;
    struct slice endpoint_url, security_policy, user;
    enum opcua_security security;
    bool certificate_user;
    const void *session; /* which one, for who counts each once; NULL: none yet */
    bool connected;
    UA_StatusCode error; /* why it is not connected */
    uint64_t retries;    /* tries of the session to connect that failed */
    size_t items, live, failed, heartbeats, event_items;
    struct survey_failure *failures;
    size_t failure_count;
};

struct survey_counts { /* since the group began */
    uint64_t messages, bytes, data_sets, values;
    uint64_t too_large; /* or undescribed: what encoders left out */
    uint64_t data_changes, events, heartbeats, keep_alives, model_changes;
    uint64_t cyclic_reads, sampled_values, overflows;
};

struct survey_group {
    struct slice key, name;
    uint64_t began_ms; /* wall time */
    struct survey_counts counts;
    uint64_t late; /* nodes that say nothing, now */
    struct survey_writer *writers;
    size_t writer_count;
};

struct survey {
    struct arena arena;
    uint64_t wall_ms;
    struct survey_group *groups;
    size_t group_count;
    size_t failures_left; /* that may still be told */
};

struct writer;
void survey_take_writer(struct survey *s, const struct writer *w, struct survey_writer *out);

void survey_clear(struct survey *s);
