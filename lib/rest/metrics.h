/*
 * A program's counters, gauges and histograms: one table of rows, and their values, written as
 * Prometheus text. Counting is a relaxed atomic add, from any thread; what is counted millions of
 * times a second is better counted by its loop and brought in by a collector.
 */
#pragma once

#include <stdatomic.h>

#include "base/buffer.h"

enum rest_metric_type {
    REST_COUNTER, /* only grows; the name ends in _total */
    REST_GAUGE,
    REST_HISTOGRAM, /* of durations: observed in milliseconds, shown in seconds; the name ends in
                       _seconds */
};

/* Rows with the same name stand together and differ in their labels. All texts are static. */
struct rest_metric {
    const char *name;
    const char *labels; /* "protocol=\"mqtt\"", or NULL */
    enum rest_metric_type type;
    const char *help;
};

struct rest_metrics;

struct rest_metrics *rest_metrics_new(const struct rest_metric *table, size_t count);
void rest_metrics_free(struct rest_metrics **m);

/* `row` is an index of the table. From any thread. */
void rest_metrics_add(struct rest_metrics *m, size_t row, int64_t n);
void rest_metrics_set(struct rest_metrics *m, size_t row, int64_t value);
void rest_metrics_observe(struct rest_metrics *m, size_t row, uint64_t ms);
int64_t rest_metrics_get(const struct rest_metrics *m, size_t row); /* of a histogram: how many */

/* Called before every rest_metrics_write(), by its thread: sets rows, or appends families of its
 * own with the two calls below. Add collectors before the first write. */
typedef void rest_metrics_collector(void *arg, struct rest_metrics *m, struct buffer *out);
void rest_metrics_collect(struct rest_metrics *m, rest_metrics_collector *fn, void *arg);

void rest_metrics_put_head(struct buffer *out, const char *name, enum rest_metric_type type,
                           const char *help);
void rest_metrics_put(struct buffer *out, const char *name, const char *labels, double value);
/* One label, escaped, for rest_metrics_put(): appends name="value". */
void rest_metrics_put_label(struct buffer *labels, const char *name, struct slice value);

#define REST_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
void rest_metrics_write(struct rest_metrics *m, struct buffer *out);
