/*
 * What the publisher counts: of the engine once a second, over on its thread; as metrics.
 */
#include "publisher/publisher_priv.h"

#include "rest/metrics.h"

#define COUNT_MS 1000

struct report {
    struct publisher *publisher;
    struct engine_counts counts;
};

static void take_report(void *arg)
{
    struct report *r = arg;
    struct publisher *p = r->publisher;
    p->counts = r->counts;
    p->counting = false;
    free(r);
}

static void count_ua(void *arg)
{
    struct report *r = arg;
    if (r->publisher->engine)
        r->counts = engine_counts(r->publisher->engine);
    loop_post(r->publisher->loop, take_report, r);
}

static void on_timer(void *arg)
{
    struct publisher *p = arg;
    loop_timer_start(p->loop, &p->count_timer, COUNT_MS, on_timer, p);
    if (p->counting)
        return;
    struct report *r = MEMORY_NEW(struct report);
    r->publisher = p;
    p->counting = true;
    opcua_thread_post(p->thread, count_ua, r);
}

void publisher_count(struct publisher *p)
{
    loop_timer_start(p->loop, &p->count_timer, COUNT_MS, on_timer, p);
}

void publisher_counts(const struct publisher *p, struct publisher_counts *out)
{
    const struct engine_counts *e = &p->counts;
    struct outbox_counts o = outbox_counts(p->outbox);
    *out = (struct publisher_counts){
        .config_loads = p->config_loads,
        .config_refused = p->config_refused,
        .groups = e->group_count,
        .writers = e->writer_count,
        .items = e->sources.items,
        .live = e->sources.live,
        .failed = e->sources.failed,
        .subscriptions = e->sources.subscriptions,
        .values = e->groups.values,
        .data_changes = e->writers.data_changes,
        .events = e->writers.events,
        .heartbeats = e->writers.heartbeats,
        .messages = e->groups.messages,
        .too_large = e->groups.too_large,
        .undescribed = e->groups.undescribed,
        .metadata = e->groups.metadata,
        .notifications = e->sources.notifications,
        .republished = e->sources.republished,
        .transferred = e->sources.transferred,
        .gaps = e->sources.gaps,
        .unknown_gaps = e->sources.unknown_gaps,
        .overflows = e->writers.overflows,
        .late = e->writers.late,
        .cyclic_reads = e->sources.cyclic_reads,
        .missed_cycles = e->sources.missed_cycles,
        .modified = e->sources.modified,
        .backfill_gaps = e->sources.backfill.gaps,
        .backfill_values = e->sources.backfill.values,
        .backfill_lost = e->sources.backfill.lost,
        .backfill_waiting = e->sources.backfill.waiting,
        .sent = o.lanes.sent,
        .sent_bytes = o.lanes.sent_bytes,
        .sent_values = o.lanes.sent_values,
        .waiting = o.waiting,
        .waiting_bytes = o.waiting_bytes,
        .held = o.held,
        .lost = o.lanes.lost,
        .stored = o.stored,
        .unstored = o.unstored,
        .disk_bytes = o.disk_bytes,
        .disk_failures = o.disk_failures,
        .dropped_bytes = o.lanes.dropped[GAP_BYTES],
        .dropped_age = o.lanes.dropped[GAP_AGE],
        .dropped_ttl = o.lanes.dropped[GAP_TTL],
        .dropped_refused = o.lanes.dropped[GAP_REFUSED],
        .dropped_large = o.lanes.dropped[GAP_LARGE],
        .damaged = o.damaged + o.lanes.dropped[GAP_DAMAGED],
        .dropped_values = o.lanes.dropped_values,
        .gaps_told = o.lanes.gaps,
    };
}

/* clang-format off */
static const struct metric {
    const char *name, *help;
    enum rest_metric_type type;
    size_t offset;
} metrics[] = {
#define METRIC(name, type, field, help) {"millrace_publisher_" name, help, type, offsetof(struct publisher_counts, field)}
    METRIC("config_loads_total", REST_COUNTER, config_loads, "configuration files taken"),
    METRIC("config_refused", REST_GAUGE, config_refused, "entries and nodes left out of the last one"),
    METRIC("groups", REST_GAUGE, groups, "writer groups"),
    METRIC("writers", REST_GAUGE, writers, "data set writers"),
    METRIC("subscriptions", REST_GAUGE, subscriptions, "subscriptions at OPC UA servers"),
    METRIC("items", REST_GAUGE, items, "monitored items wanted"),
    METRIC("items_live", REST_GAUGE, live, "monitored items that the servers have"),
    METRIC("items_failed", REST_GAUGE, failed, "monitored items that servers refused; they are tried again"),
    METRIC("items_late", REST_GAUGE, late, "monitored items that said nothing for longer than their watchdog allows"),
    METRIC("items_modified_total", REST_COUNTER, modified, "monitored items whose interval, queue or filter was changed in place"),
    METRIC("overflows_total", REST_COUNTER, overflows, "values that say that others before them were lost in a queue"),
    METRIC("cyclic_reads_total", REST_COUNTER, cyclic_reads, "values that were read in cycles"),
    METRIC("missed_cycles_total", REST_COUNTER, missed_cycles, "cycles of reads that were left out"),
    METRIC("notifications_total", REST_COUNTER, notifications, "notification messages received"),
    METRIC("republished_total", REST_COUNTER, republished, "notification messages that were asked for again"),
    METRIC("transferred_total", REST_COUNTER, transferred, "subscriptions taken along to a new session"),
    METRIC("gaps_total", REST_COUNTER, gaps, "notification messages or subscriptions that were lost at the server"),
    METRIC("unknown_gaps_total", REST_COUNTER, unknown_gaps, "times that a subscription had to begin anew"),
    METRIC("backfill_gaps_total", REST_COUNTER, backfill_gaps, "gaps of nodes whose missed values are wanted from history"),
    METRIC("backfill_values_total", REST_COUNTER, backfill_values, "values that were missed and came from history"),
    METRIC("backfill_lost_total", REST_COUNTER, backfill_lost, "gaps that history could not fill"),
    METRIC("backfill_waiting", REST_GAUGE, backfill_waiting, "nodes whose gaps wait to be read"),
    METRIC("values_total", REST_COUNTER, values, "values written to messages"),
    METRIC("data_changes_total", REST_COUNTER, data_changes, "data change notifications, one for each writer"),
    METRIC("events_total", REST_COUNTER, events, "events"),
    METRIC("heartbeats_total", REST_COUNTER, heartbeats, "heartbeats"),
    METRIC("messages_total", REST_COUNTER, messages, "messages made"),
    METRIC("too_large_total", REST_COUNTER, too_large, "values that are larger than a message"),
    METRIC("undescribed_total", REST_COUNTER, undescribed, "values left out of Avro: there is no schema of them"),
    METRIC("metadata_total", REST_COUNTER, metadata, "messages that say what data sets look like"),
    METRIC("sent_total", REST_COUNTER, sent, "messages that were acknowledged"),
    METRIC("sent_bytes_total", REST_COUNTER, sent_bytes, "bytes of them"),
    METRIC("sent_values_total", REST_COUNTER, sent_values, "values in them"),
    METRIC("lost_total", REST_COUNTER, lost, "messages that were given up"),
    METRIC("queue_messages", REST_GAUGE, waiting, "messages that wait to be sent or acknowledged"),
    METRIC("queue_bytes", REST_GAUGE, waiting_bytes, "bytes of them"),
    METRIC("queue_stored_total", REST_COUNTER, stored, "messages that reached the disk since its queues were made"),
    METRIC("queue_unstored", REST_GAUGE, unstored, "messages that are not on the disk yet, or wait in memory alone"),
    METRIC("queue_disk_bytes", REST_GAUGE, disk_bytes, "bytes of the queues on the disk"),
    METRIC("queue_disk_failures_total", REST_COUNTER, disk_failures, "commits of a queue that the disk refused; they are tried again"),
    METRIC("dropped_bytes_total", REST_COUNTER, dropped_bytes, "messages given up because a queue was full"),
    METRIC("dropped_age_total", REST_COUNTER, dropped_age, "messages given up because they were older than queue.age"),
    METRIC("dropped_ttl_total", REST_COUNTER, dropped_ttl, "messages given up because their time to live was over"),
    METRIC("dropped_refused_total", REST_COUNTER, dropped_refused, "messages that the other side will not take"),
    METRIC("dropped_large_total", REST_COUNTER, dropped_large, "messages larger than a queue can hold"),
    METRIC("dropped_damaged_total", REST_COUNTER, damaged, "messages that the disk did not give back"),
    METRIC("dropped_values_total", REST_COUNTER, dropped_values, "values in messages that were given up"),
    METRIC("gaps_told_total", REST_COUNTER, gaps_told, "gaps that were told in the stream"),
    METRIC("held_total", REST_COUNTER, held, "times that servers were held back because the queue was full"),
#undef METRIC
};
/* clang-format on */

void publisher_metrics(struct publisher *p, struct buffer *out)
{
    struct publisher_counts c;
    publisher_counts(p, &c);
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        uint64_t value = *(const uint64_t *)((const char *)&c + metrics[i].offset);
        rest_metrics_put_head(out, metrics[i].name, metrics[i].type, metrics[i].help);
        rest_metrics_put(out, metrics[i].name, NULL, (double)value);
    }
    reports_put_metrics(p->reports, out);
}
