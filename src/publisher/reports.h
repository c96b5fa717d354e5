/*
 * How the publisher knows what it does: it asks the OPC UA thread for a survey, once a second for
 * the counts, and whole every `interval_ms` (for the log, or as events), when a method wants it,
 * and for the metrics. On the module's loop.
 *
 * At most REPORTS_ASKED_MAX questions wait for the OPC UA thread; more are answered with BUSY.
 */
#pragma once

#include "publisher/announce.h"
#include "publisher/diagnostics.h"
#include "writers/engine.h"

#define REPORTS_MS 1000
#define REPORTS_ASKED_MAX 256

struct reports;

enum reports_target { REPORTS_TO_LOG, REPORTS_AS_EVENTS };

struct reports_config {
    struct loop *loop;
    struct announcer announcer; /* its texts outlive the reports */
    /* On the OPC UA thread: what runs; NULL while nothing does. */
    struct engine *(*engine_ua)(void *arg);
    void *arg;
    uint64_t interval_ms; /* of diagnostics; 0: none */
    enum reports_target target;
};

struct reports *reports_new(const struct reports_config *config);
/* No more questions to the OPC UA thread; what is asked is still answered. */
void reports_stop(struct reports *r);
bool reports_idle(const struct reports *r); /* nothing is asked */
/* When neither thread runs any more. What is asked still is answered with CANCELLED. */
void reports_free(struct reports **r);

/* `s` is the callee's until it returns. Never called before this returned. */
typedef void reports_fn(void *arg, enum status why, const struct survey *s);
void reports_ask(struct reports *r, enum survey_depth depth, reports_fn *fn, void *arg);

const struct diagnostics *reports_diagnostics(const struct reports *r);
/* With what the queue has counted until now. */
struct diagnostics_source reports_source(const struct reports *r);
const struct announcer *reports_announcer(const struct reports *r);

/* Appends the iiot_edge_ families, as of the last whole survey, and asks for another when that is
 * older than REPORTS_MS. */
void reports_put_metrics(struct reports *r, struct buffer *out);
