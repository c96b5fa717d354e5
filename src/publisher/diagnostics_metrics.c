#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

#include "publisher/diagnostics_figures.h"
#include "rest/metrics.h"

/* The published instruments that mean something here; with one value a writer group. What counts
 * for the whole publisher (its queue) is told once, without a group. */

#define PREFIX "iiot_edge_publisher_"

/* clang-format off */
#define GROUP_METRICS(METRIC)                                                                            \
    METRIC("data_changes", REST_COUNTER, "data change notifications", f.counts.data_changes)             \
    METRIC("value_changes", REST_COUNTER, "values", f.counts.values)                                     \
    METRIC("events", REST_COUNTER, "events", f.counts.events)                                            \
    METRIC("event_notifications", REST_COUNTER, "event notifications", f.counts.events)                  \
    METRIC("heartbeats", REST_COUNTER, "heartbeats", f.counts.heartbeats)                                \
    METRIC("keep_alive_notifications", REST_COUNTER, "keep-alive notifications", f.counts.keep_alives)   \
    METRIC("cyclicreads", REST_COUNTER, "reads in cycles that brought values", f.counts.cyclic_reads)    \
    METRIC("sampledvalues", REST_COUNTER, "values that were read in cycles", f.counts.sampled_values)    \
    METRIC("modelchanges", REST_COUNTER, "changes of servers' models", f.counts.model_changes)           \
    METRIC("queue_overflows", REST_COUNTER, "values after others that were lost in a queue", f.counts.overflows)\
    METRIC("encoded_notifications", REST_COUNTER, "data set messages or samples", f.notifications)       \
    METRIC("dropped_notifications", REST_COUNTER, "values larger than a message", f.counts.too_large)    \
    METRIC("processed_messages", REST_COUNTER, "messages made", f.counts.messages)                       \
    METRIC("messages", REST_COUNTER, "messages made", f.counts.messages)                                 \
    METRIC("data_changes_per_second", REST_GAUGE, "over the last minute", rate(&f, f.minute.data_changes)) \
    METRIC("data_changes_per_second_last_min", REST_GAUGE, "in the last minute", f.minute.data_changes)  \
    METRIC("value_changes_per_second", REST_GAUGE, "over the last minute", rate(&f, f.minute.values))    \
    METRIC("value_changes_per_second_last_min", REST_GAUGE, "in the last minute", f.minute.values)       \
    METRIC("events_per_second", REST_GAUGE, "over the last minute", rate(&f, f.minute.events))           \
    METRIC("events_per_second_last_min", REST_GAUGE, "in the last minute", f.minute.events)              \
    METRIC("event_notifications_per_second", REST_GAUGE, "over the last minute", rate(&f, f.minute.events)) \
    METRIC("event_notifications_per_second_last_min", REST_GAUGE, "in the last minute", f.minute.events) \
    METRIC("heartbeats_per_second", REST_GAUGE, "over the last minute", rate(&f, f.minute.heartbeats))   \
    METRIC("heartbeats_per_second_last_min", REST_GAUGE, "in the last minute", f.minute.heartbeats)      \
    METRIC("cyclicreads_per_second", REST_GAUGE, "over the last minute", rate(&f, f.minute.cyclic_reads))\
    METRIC("cyclicreads_per_second_last_min", REST_GAUGE, "in the last minute", f.minute.cyclic_reads)   \
    METRIC("sampledvalues_per_second", REST_GAUGE, "over the last minute", rate(&f, f.minute.sampled_values))\
    METRIC("sampledvalues_per_second_last_min", REST_GAUGE, "in the last minute", f.minute.sampled_values)\
    METRIC("modelchanges_per_second", REST_GAUGE, "over the last minute", rate(&f, f.minute.model_changes))\
    METRIC("modelchanges_per_second_last_min", REST_GAUGE, "in the last minute", f.minute.model_changes) \
    METRIC("queue_overflows_per_second", REST_GAUGE, "over the last minute", rate(&f, f.minute.overflows))\
    METRIC("queue_overflows_per_second_last_min", REST_GAUGE, "in the last minute", f.minute.overflows)  \
    METRIC("messages_per_second", REST_GAUGE, "over the last minute", f.messages_per_second)             \
    METRIC("sent_iot_messages_per_second", REST_GAUGE, "over the last minute", f.messages_per_second)    \
    METRIC("notifications_per_message_average", REST_GAUGE, "data set messages or samples in a message", f.notifications_per_message) \
    METRIC("encoded_message_size_average", REST_GAUGE, "bytes of a message", f.bytes_per_message)        \
    METRIC("chunk_size_average", REST_GAUGE, "4 KB chunks of a message", f.chunks_per_message)           \
    METRIC("estimated_message_chunks_per_day", REST_GAUGE, "at the rate of the last minute", f.chunks_per_day) \
    METRIC("monitored_items", REST_GAUGE, "nodes wanted", f.items)                                       \
    METRIC("good_nodes", REST_GAUGE, "nodes that servers have", f.live)                                  \
    METRIC("bad_nodes", REST_GAUGE, "nodes that servers refused", f.failed)                              \
    METRIC("late_nodes", REST_GAUGE, "nodes that say nothing for longer than their watchdog allows", f.late)\
    METRIC("heartbeat_enabled_nodes", REST_GAUGE, "nodes with a heartbeat", f.heartbeat_items)           \
    METRIC("is_connection_ok", REST_GAUGE, "writers whose server is connected", f.connected)             \
    METRIC("is_disconnected", REST_GAUGE, "writers whose server is not", f.disconnected)                 \
    METRIC("connections", REST_GAUGE, "sessions with servers", f.sessions)                               \
    METRIC("connection_reconnecting", REST_GAUGE, "of them, those that are not connected", f.reconnecting)\
    METRIC("connection_retries", REST_GAUGE, "their tries to connect that failed", f.retries)            \
    METRIC("writer_count", REST_GAUGE, "data set writers", f.writers)                                    \
    METRIC("writer_nodes", REST_GAUGE, "their nodes", f.items)                                           \
    METRIC("writer_good_nodes", REST_GAUGE, "nodes that servers have", f.live)                           \
    METRIC("writer_bad_nodes", REST_GAUGE, "nodes that servers refused", f.failed)                       \
    METRIC("writer_late_nodes", REST_GAUGE, "nodes that say nothing", f.late)

#define QUEUE_METRICS(METRIC)                                                                            \
    METRIC("sent_iot_messages", REST_COUNTER, "messages acknowledged", q->lanes.sent)                          \
    METRIC("iothub_queue_size", REST_GAUGE, "messages that wait", q->waiting)                            \
    METRIC("send_queue_size", REST_GAUGE, "messages that wait", q->waiting)                              \
    METRIC("iothub_queue_dropped_count", REST_COUNTER, "messages given up", diagnostics_given_up(q))                     \
    METRIC("send_queue_dropped_count", REST_COUNTER, "messages given up", diagnostics_given_up(q))                       \
    METRIC("failed_iot_messages", REST_COUNTER, "messages given up", diagnostics_given_up(q))                            \
    METRIC("module_start", REST_GAUGE, "1: it runs", 1)
/* clang-format on */

static double rate(const struct figures *f, uint64_t n)
{
    return f->minute_seconds > 0 ? (double)n / f->minute_seconds : 0;
}

static void put_labels(const struct diagnostics_source *from, const struct survey_group *g,
                       struct buffer *out)
{
    buffer_reset(out);
    rest_metrics_put_label(out, "siteId", slice_of(from->site));
    rest_metrics_put_label(out, "publisherId", slice_of(from->publisher_id));
    if (g) {
        char id[17];
        snprintf(id, sizeof id, "%016llx", (unsigned long long)slice_hash(g->key));
        rest_metrics_put_label(out, "writerGroupId", slice_of(id));
        rest_metrics_put_label(out, "writerGroupName", g->name);
    }
}

#define FAMILY(name, type, help, value) {PREFIX name, type, help},
static const struct family {
    const char *name;
    enum rest_metric_type type;
    const char *help;
} group_families[] = {GROUP_METRICS(FAMILY)};
#define GROUP_COUNT (sizeof group_families / sizeof group_families[0])

static void values_of(const struct figures *figures, double out[GROUP_COUNT])
{
    const struct figures f = *figures;
#define VALUE(name, type, help, value) (double)(value),
    const double values[] = {GROUP_METRICS(VALUE)};
#undef VALUE
    memcpy(out, values, sizeof values);
}

static void put_groups(const struct diagnostics *d, const struct survey *s,
                       const struct diagnostics_source *from, struct buffer *out)
{
    double(*values)[GROUP_COUNT] = memory_new((s->group_count + 1) * sizeof *values);
    struct buffer labels = {0};
    for (size_t i = 0; i < s->group_count; i++) {
        struct figures f = figures_of(d, s, i);
        values_of(&f, values[i]);
    }
    for (size_t m = 0; m < GROUP_COUNT; m++) {
        rest_metrics_put_head(out, group_families[m].name, group_families[m].type,
                              group_families[m].help);
        for (size_t i = 0; i < s->group_count; i++) {
            put_labels(from, &s->groups[i], &labels);
            rest_metrics_put(out, group_families[m].name, buffer_cstr(&labels), values[i][m]);
        }
    }
    buffer_clear(&labels);
    free(values);
}

void diagnostics_put_metrics(const struct diagnostics *d, const struct survey *s,
                             const struct diagnostics_source *from, struct buffer *out)
{
    const struct outbox_counts *q = &from->queue;
    struct buffer labels = {0};
    put_labels(from, NULL, &labels);
#define PUT(name, type, help, value)                                                               \
    rest_metrics_put_head(out, PREFIX name, type, help);                                           \
    rest_metrics_put(out, PREFIX name, buffer_cstr(&labels), (double)(value));
    QUEUE_METRICS(PUT)
#undef PUT
    buffer_clear(&labels);
    put_groups(d, s, from, out);
}
