/*
 * A data set writer: items of one server whose values leave as data set messages of one writer
 * group, or as samples. Its items stand on subscriptions that it shares with the writers of the
 * same session and interval (writers/source.h). On the OPC UA thread.
 */
#pragma once

#include "outbox/told.h"
#include "writers/group.h"
#include "writers/source.h"
#include "writers/watchdog.h"

#define WRITER_REFUSED_LINES_MAX 50 /* of refused nodes in the log a minute, of all writers; metrics count all */

struct writer;

struct writer_counts { /* of all writers of a group together */
    uint64_t data_changes, events, heartbeats, keep_alives, model_changes;
    uint64_t cyclic_reads, sampled_values; /* what reads of cycles brought, and the values in it */
    uint64_t overflows; /* values that say that others before them were lost in a queue */
    uint64_t late; /* nodes that say nothing, now */
};

struct writer_refusals { /* of all writers */
    uint64_t minute; /* since the machine started; in which there were so many lines of refused nodes */
    uint32_t lines;
};

struct writer_config {
    struct group *group;
    struct sources *sources;
    struct writer_counts *counts;
    struct writer_refusals *refusals;
    const struct plan_group *plan_group;
    uint32_t id; /* in its group */
    watchdog_end_fn *end; /* NULL: the real one */
    uint32_t backfill_rate; /* values a second; 0: as fast as it goes */
    struct told *told;      /* what an earlier start told; NULL: nobody knows */
};

/* What writers do with what comes from sources. */
extern const struct source_events writer_source_events;

/* The plan's texts are copied. Its items are put on sources. */
struct writer *writer_new(const struct writer_config *config, const struct plan_writer *plan);
/* With `forget` brokers are to keep nothing of what it sent: it is gone for good. */
void writer_free(struct writer **w, bool forget);

/* NULL before the first item has its place on one. */
struct opcua_session *writer_session(const struct writer *w);
void writer_count_model_change(struct writer *w);
/* Where messages go, and who data set messages are from. */
struct group *writer_group(const struct writer *w);
struct data_set *writer_data_set(struct writer *w);
/* The same for late values, between the two calls. */
struct data_set *writer_begin_late(struct writer *w);
void writer_end_late(struct writer *w);

struct slice writer_key(const struct writer *w);
/* But for the publishing interval; see plan_writer. */
struct slice writer_same_key(const struct writer *w);
/* It is to go on as this one, which is the same at another pace. Then sources_move(), then: */
void writer_move(struct writer *w, const struct plan_writer *plan);
/* True: it is that one from now on, with its key. */
bool writer_moved(struct writer *w, const struct plan_writer *plan);
struct slice writer_name(const struct writer *w); /* as configured */
const struct opcua_connection *writer_connection(const struct writer *w);
struct item;
/* Appends until when its nodes were told, of those whose history is read. */
void writer_told(const struct writer *w, struct told *out);
size_t writer_items(const struct writer *w, struct item *const **items);
void writer_mark(struct writer *w, bool wanted);
bool writer_marked(const struct writer *w);

/* Takes over what the plan says about items: those that are there stay undisturbed, others come and
 * go. */
void writer_update(struct writer *w, const struct plan_writer *plan);

/* Sends a data set message with the last values of all its items. FORBIDDEN: it keeps none. */
CHECKED enum status writer_send_key_frame(struct writer *w);
