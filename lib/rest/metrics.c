#include "rest/metrics.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

#define COLLECTORS_MAX 32

static const uint32_t bounds_ms[] = {1,   2,    5,    10,   20,    50,    100,  200,
                                     500, 1000, 2000, 5000, 10000, 30000, 60000};
#define BOUND_COUNT (sizeof(bounds_ms) / sizeof(bounds_ms[0]))

struct histogram {
    _Atomic int64_t buckets[BOUND_COUNT + 1]; /* each for itself; the last has no bound */
    _Atomic int64_t sum_ms;
};

struct rest_metrics {
    const struct rest_metric *table;
    size_t count;
    _Atomic int64_t *values;
    struct histogram **histograms; /* NULL for rows of other types */
    struct collector {
        rest_metrics_collector *fn;
        void *arg;
    } collectors[COLLECTORS_MAX];
    size_t collector_count;
};

struct rest_metrics *rest_metrics_new(const struct rest_metric *table, size_t count)
{
    struct rest_metrics *m = MEMORY_NEW(struct rest_metrics);
    m->table = table;
    m->count = count;
    m->values = memory_new(sizeof(*m->values) * (count + 1));
    m->histograms = memory_new(sizeof(*m->histograms) * (count + 1));
    for (size_t i = 0; i < count; i++)
        if (table[i].type == REST_HISTOGRAM)
            m->histograms[i] = MEMORY_NEW(struct histogram);
    return m;
}

void rest_metrics_free(struct rest_metrics **m)
{
    if (*m == NULL)
        return;
    for (size_t i = 0; i < (*m)->count; i++)
        free((*m)->histograms[i]);
    free((*m)->histograms);
    free((void *)(*m)->values);
    free(*m);
    *m = NULL;
}

void rest_metrics_add(struct rest_metrics *m, size_t row, int64_t n)
{
    assert(row < m->count);
    atomic_fetch_add_explicit(&m->values[row], n, memory_order_relaxed);
}

void rest_metrics_set(struct rest_metrics *m, size_t row, int64_t value)
{
    assert(row < m->count);
    atomic_store_explicit(&m->values[row], value, memory_order_relaxed);
}

int64_t rest_metrics_get(const struct rest_metrics *m, size_t row)
{
    assert(row < m->count);
    return atomic_load_explicit(&m->values[row], memory_order_relaxed);
}

void rest_metrics_observe(struct rest_metrics *m, size_t row, uint64_t ms)
{
    struct histogram *h = m->histograms[row];
    assert(h);
    size_t i = 0;
    while (i < BOUND_COUNT && ms > bounds_ms[i])
        i++;
    atomic_fetch_add_explicit(&h->buckets[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_ms, (int64_t)ms, memory_order_relaxed);
    rest_metrics_add(m, row, 1);
}

void rest_metrics_collect(struct rest_metrics *m, rest_metrics_collector *fn, void *arg)
{
    assert(m->collector_count < COLLECTORS_MAX);
    m->collectors[m->collector_count++] = (struct collector){fn, arg};
}

/* ---- writing ---- */

static const char *const type_names[] = {"counter", "gauge", "histogram"};

void rest_metrics_put_head(struct buffer *out, const char *name, enum rest_metric_type type,
                           const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type_names[type]);
}

void rest_metrics_put(struct buffer *out, const char *name, const char *labels, double value)
{
    if (labels && *labels)
        buffer_printf(out, "%s{%s} %.17g\n", name, labels, value);
    else
        buffer_printf(out, "%s %.17g\n", name, value);
}

void rest_metrics_put_label(struct buffer *labels, const char *name, struct slice value)
{
    buffer_printf(labels, "%s%s=\"", labels->len ? "," : "", name);
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '"' || value.at[i] == '\\')
            buffer_u8(labels, '\\');
        if (value.at[i] == '\n')
            buffer_text(labels, "\\n");
        else
            buffer_u8(labels, value.at[i]);
    }
    buffer_u8(labels, '"');
}

static void put_histogram(struct buffer *out, const struct rest_metric *row, struct histogram *h)
{
    const char *labels = row->labels ? row->labels : "";
    const char *comma = *labels ? "," : "";
    int64_t below = 0;
    for (size_t i = 0; i <= BOUND_COUNT; i++) {
        below += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
        buffer_printf(out, "%s_bucket{%s%sle=\"", row->name, labels, comma);
        if (i < BOUND_COUNT)
            buffer_printf(out, "%g", bounds_ms[i] / 1000.0);
        else
            buffer_text(out, "+Inf");
        buffer_printf(out, "\"} %lld\n", (long long)below);
    }
    const char *open = *labels ? "{" : "", *shut = *labels ? "}" : "";
    int64_t sum = atomic_load_explicit(&h->sum_ms, memory_order_relaxed);
    buffer_printf(out, "%s_sum%s%s%s %.3f\n", row->name, open, labels, shut, (double)sum / 1000.0);
    buffer_printf(out, "%s_count%s%s%s %lld\n", row->name, open, labels, shut, (long long)below);
}

void rest_metrics_write(struct rest_metrics *m, struct buffer *out)
{
    struct buffer more = {0};
    for (size_t i = 0; i < m->collector_count; i++)
        m->collectors[i].fn(m->collectors[i].arg, m, &more);
    for (size_t i = 0; i < m->count; i++) {
        const struct rest_metric *row = &m->table[i];
        if (i == 0 || strcmp(row->name, m->table[i - 1].name) != 0)
            rest_metrics_put_head(out, row->name, row->type, row->help);
        if (row->type == REST_HISTOGRAM)
            put_histogram(out, row, m->histograms[i]);
        else
            rest_metrics_put(out, row->name, row->labels, (double)rest_metrics_get(m, i));
    }
    buffer_put(out, buffer_slice(&more));
    buffer_clear(&more);
}
