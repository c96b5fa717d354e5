#include "hub/hub_metrics.h"

#include <stddef.h>
#include <stdio.h>

#include "blob/store.h"
#include "c2d/c2d.h"
#include "events/events.h"
#include "hub/amqp.h"
#include "hub/provisioning.h"
#include "routing/routing.h"

/* clang-format off: one row for each */
static void put_events(const struct hub_metrics *m, struct buffer *out)
{
    struct events_count c = events_count(m->events);
    const struct {
        const char *name, *help;
        enum rest_metric_type type;
        uint64_t value;
    } rows[] = {
        {"millrace_hub_events_connections", "AMQP connections", REST_GAUGE, hub_amqp_connections(m->amqp)},
        {"millrace_hub_events_readers", "links that read a partition", REST_GAUGE, c.readers},
        {"millrace_hub_events_messages_total", "events given to readers", REST_COUNTER, c.messages},
        {"millrace_hub_events_bytes_total", "bytes of them, as they are encoded", REST_COUNTER, c.bytes},
        {"millrace_hub_events_sent_total", "events that clients sent into a stream", REST_COUNTER, c.sent},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rest_metrics_put_head(out, rows[i].name, rows[i].type, rows[i].help);
        rest_metrics_put(out, rows[i].name, NULL, (double)rows[i].value);
    }
}

static void put_messages(const struct hub_metrics *m, struct buffer *out)
{
    struct registry_messages c = c2d_count(m->hub->registry);
    const struct {
        const char *name, *help;
        uint64_t value;
    } rows[] = {
        {"millrace_hub_c2d_sent_total", "messages to devices taken in", c.sent},
        {"millrace_hub_c2d_completed_total", "of them completed by the device", c.completed},
        {"millrace_hub_c2d_dead_total", "of them expired, rejected, purged or delivered too often", c.dead},
        {"millrace_hub_c2d_feedback_total", "records of feedback about them", c.feedback},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rest_metrics_put_head(out, rows[i].name, REST_COUNTER, rows[i].help);
        rest_metrics_put(out, rows[i].name, NULL, (double)rows[i].value);
    }
    rest_metrics_put_head(out, "millrace_hub_c2d_waiting", REST_GAUGE, "messages to devices in their queues");
    rest_metrics_put(out, "millrace_hub_c2d_waiting", NULL, (double)c.waiting);
}

/* One row for each endpoint of routes, by its name. */
static void put_endpoints(const struct hub_metrics *m, struct buffer *out)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } rows[] = {
        {"millrace_hub_endpoint_delivered_total", "events that an endpoint of routes took",
         offsetof(struct routing_endpoint_state, delivered)},
        {"millrace_hub_endpoint_failures_total", "attempts that failed",
         offsetof(struct routing_endpoint_state, failures)},
        {"millrace_hub_endpoint_dead_total", "events that were given up",
         offsetof(struct routing_endpoint_state, dead)},
        {"millrace_hub_endpoint_lost_total", "records that were dropped by retention before",
         offsetof(struct routing_endpoint_state, lost)},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct routing_endpoint_view v;
        void *at = NULL;
        rest_metrics_put_head(out, rows[i].name, REST_COUNTER, rows[i].help);
        while (routing_next_endpoint(m->hub->router, &at, &v)) {
            char labels[ROUTING_ENDPOINT_NAME_MAX + 20];
            snprintf(labels, sizeof(labels), "endpoint=\"%s\"", v.name);
            uint64_t n = __atomic_load_n((const uint64_t *)((const char *)v.state + rows[i].offset), __ATOMIC_RELAXED);
            rest_metrics_put(out, rows[i].name, labels, (double)n);
        }
    }
}

void hub_metrics_collect(void *arg, struct rest_metrics *to, struct buffer *out)
{
    const struct hub_metrics *m = arg;
    const struct hub *hub = m->hub;
    (void)to;
    static const struct {
        const char *name, *help;
        enum rest_metric_type type;
        size_t offset;
    } rows[] = {
        {"millrace_hub_messages_total", "telemetry taken in", REST_COUNTER, offsetof(struct hub_loop, count.messages)},
        {"millrace_hub_bytes_total", "bytes of their bodies", REST_COUNTER, offsetof(struct hub_loop, count.bytes)},
        {"millrace_hub_refused_total", "sign ins refused", REST_COUNTER, offsetof(struct hub_loop, count.refused)},
        {"millrace_hub_connected", "devices and modules connected", REST_GAUGE, offsetof(struct hub_loop, count.connected)},
        {"millrace_hub_connects_total", "connections since the start", REST_COUNTER, offsetof(struct hub_loop, count.connects)},
        {"millrace_hub_deliveries_total", "messages handed to connected devices", REST_COUNTER, offsetof(struct hub_loop, count.deliveries)},
        {"millrace_hub_messages_nowhere_total", "telemetry that no route took", REST_COUNTER, offsetof(struct hub_loop, count.nowhere)},
        {"millrace_hub_untold_total", "events of the hub itself that were dropped", REST_COUNTER, offsetof(struct hub_loop, count.untold)},
        {"millrace_hub_methods_total", "direct methods sent to devices", REST_COUNTER, offsetof(struct hub_loop, count.methods)},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t sum = 0;
        for (unsigned l = 0; l < hub->loop_count; l++)
            sum += __atomic_load_n((uint64_t *)((char *)&hub->loops[l] + rows[i].offset), __ATOMIC_RELAXED);
        rest_metrics_put_head(out, rows[i].name, rows[i].type, rows[i].help);
        rest_metrics_put(out, rows[i].name, NULL, (double)sum);
    }
    rest_metrics_put_head(out, "millrace_hub_blob_bytes", REST_GAUGE, "bytes of uploaded files and exports");
    rest_metrics_put(out, "millrace_hub_blob_bytes", NULL, (double)blob_store_bytes(hub->blobs));
    put_events(m, out);
    put_messages(m, out);
    hub_provisioning_collect(m->hub->dps, out);
    put_endpoints(m, out);
}
