/* What is told about a writer group, reckoned once for all who tell it: diagnostics_json.c and
 * diagnostics_metrics.c. */
#pragma once

#include "json/write.h"
#include "publisher/diagnostics.h"

struct figures {
    struct survey_counts counts, minute; /* since it began; in the last minute */
    double minute_seconds;               /* how long that was */
    uint64_t ingestion_ms;
    uint64_t notifications; /* data set messages, or samples */
    size_t writers, items, live, failed, late, heartbeat_items, event_items;
    size_t connected, disconnected;  /* writers' connections */
    size_t sessions, reconnecting;   /* each once */
    uint64_t retries;                /* of them */
    double messages_per_second, bytes_per_message, notifications_per_message, chunks_per_message,
        chunks_per_day;
};

/* Of the i-th group. */
struct figures figures_of(const struct diagnostics *d, const struct survey *s, size_t i);

/* Messages that will not come: dropped for any reason, or lost. */
uint64_t diagnostics_given_up(const struct outbox_counts *q);
