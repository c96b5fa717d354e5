/*
 * What runs of the configuration, on the OPC UA thread: writer groups with their writers, and the
 * sources that these share. A new plan is applied as a difference: what is the same goes on
 * undisturbed.
 */
#pragma once

#include "writers/source.h"
#include "writers/survey.h"
#include "writers/writer.h"

struct engine;

struct engine_config {
    struct opcua_thread *thread;
    struct outbox *outbox;
    uint64_t epoch;  /* of message sequences: this start */
    size_t body_max; /* 0: BATCH_BODY_MAX */
    const struct topic_templates *topics; /* NULL: the defaults; outlives the engine */
    struct slice site;                    /* .at == NULL: none */
    uint32_t items_per_subscription, lifetime_count; /* 0: as ever */
    watchdog_end_fn *end;                 /* see writers/watchdog.h; NULL: the real one */
    uint32_t backfill_rate; /* values a second from a server's history; 0: as fast as it goes */
    struct told *told;      /* what an earlier start told; NULL: nobody knows. Outlives the engine */
};

struct engine *engine_new(const struct engine_config *config);

/* The plan may go afterwards. */
void engine_apply(struct engine *e, const struct plan *plan);

/* There is room for messages again. */
void engine_resume(void *engine);

/* What is unsent goes to the outbox first. */
void engine_free(struct engine **e);

struct engine_counts {
    struct group_counts groups;
    struct writer_counts writers;
    struct source_counts sources;
    uint64_t group_count, writer_count;
};
struct engine_counts engine_counts(const struct engine *e);

/* Appends until when nodes were told whose history is read. */
void engine_told(const struct engine *e, struct told *out);

/* What runs, told whole; `out` is empty before. */
void engine_survey(const struct engine *e, enum survey_depth depth, struct survey *out);

/* A message with all values, from the writers of that name in the groups of that name; no writer's
 * name: all of them. NOT_FOUND; FORBIDDEN when one of them keeps no values. */
CHECKED enum status engine_send_key_frames(struct engine *e, struct slice group, struct slice writer);
