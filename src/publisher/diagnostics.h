/*
 * What the publisher counted, by writer group, as OPC Publisher tells it: PublishDiagnosticInfo of
 * its API, lines in the log, WriterGroupDiagnostic events, and the iiot_edge_publisher_ metrics.
 * Rates come from what was noted once a second; the last minute's are kept. On the module's loop.
 */
#pragma once

#include "outbox/outbox.h"
#include "writers/survey.h"

#define DIAGNOSTICS_SECONDS 60

struct diagnostics;

struct diagnostics *diagnostics_new(void);
void diagnostics_free(struct diagnostics **d);

/* A survey of this second; `now_ms` monotonic. Groups that are not in it are forgotten. */
void diagnostics_note(struct diagnostics *d, const struct survey *s, uint64_t now_ms);

/* Who it is about, in events and labels. Borrowed. */
struct diagnostics_source {
    const char *publisher_id, *site, *version; /* site "" for none */
    struct outbox_counts queue;
};

/* [PublishDiagnosticInfo], one a group; `s` has items. */
void diagnostics_put_info(const struct diagnostics *d, const struct survey *s,
                          const struct diagnostics_source *from, struct buffer *out);

/* A WriterGroupDiagnostic of the i-th group. */
void diagnostics_put_event(const struct diagnostics *d, const struct survey *s, size_t i,
                           const struct diagnostics_source *from, struct buffer *out);

/* A line in the log for each group. */
void diagnostics_log(const struct diagnostics *d, const struct survey *s,
                     const struct diagnostics_source *from);

/* [WriterGroupStateDiagnostic], or with a group's name that one alone: NOT_FOUND when there is
 * none. `s` has failures. */
CHECKED enum status diagnostics_put_states(const struct survey *s, struct slice group,
                                           struct buffer *out);

/* [Connection]: each once. `s` has items. */
void diagnostics_put_connections(const struct survey *s, struct buffer *out);

/* Under their published names, as of the last survey with items; nothing before. */
void diagnostics_put_metrics(const struct diagnostics *d, const struct survey *s,
                             const struct diagnostics_source *from, struct buffer *out);
