/* Queues: what they may have at any time, and that nothing stays in them. */
#include "edge/child.h"
#include "edge/upstream.h"
#include "hub/device.h"
#include "sim/world.h"

/* ---- at any time ---- */

static uint64_t in_flight(const struct edge *e)
{
    uint64_t sum = 0;
    size_t at = 0;
    for (struct map_entry *entry; (entry = map_next(&e->children, &at));)
        sum += ((const struct edge_child *)entry->value)->up_in_flight;
    return sum;
}

static void at_most(struct world *w, const char *what, uint64_t is, uint64_t bound)
{
    if (is > bound)
        world_wrong(w, "%s: %llu, the bound is %llu", what, (unsigned long long)is,
                    (unsigned long long)bound);
}

/* Two segments may lie on the disk on top of the limit (store/log.h), each with a large message at
 * its end; and what a failed commit left counts when it is found there. */
static uint64_t log_slack(const struct world *w)
{
    return 2 * (w->edge_store_bytes / 8 + WORLD_LARGE_BYTES) + 1000;
}

static void look_at_edge(struct world *w)
{
    at_most(w, "bytes in the edge's log", store_log_bytes(w->edge->log),
            w->edge_store_bytes + log_slack(w));
    at_most(w, "messages on their way to the hub", in_flight(w->edge), EDGE_UPSTREAM_WINDOW);
    at_most(w, "messages that wait for the edge's disk", w->edge->waiters.count,
            WORLD_MODULES * HEADS_MQTT_UNANSWERED_MAX);
    at_most(w, "children of the edge", w->edge->children.count, WORLD_MODULES);
}

static void look_at_hub(struct world *w)
{
    for (unsigned i = 0; i < w->hub->loop_count; i++) {
        struct map *devices = &w->hub->loops[i].devices;
        size_t at = 0;
        at_most(w, "devices of a loop", devices->count, WORLD_MODULES + 1);
        for (struct map_entry *entry; (entry = map_next(devices, &at));)
            at_most(w, "calls to a device", ((const struct hub_device *)entry->value)->call_count,
                    HUB_DEVICE_CALLS_MAX);
    }
}

void world_bounds_look(struct world *w)
{
    if (w->edge)
        look_at_edge(w);
    if (w->hub)
        look_at_hub(w);
}

/* ---- when all is calm ---- */

static void check_edge(struct world *w)
{
    at_most(w, "calm: messages on their way to the hub", in_flight(w->edge), 0);
    at_most(w, "calm: messages that wait for the edge's disk", w->edge->waiters.count, 0);
    at_most(w, "calm: children that sign in", !list_empty(&w->edge->sign_ins), 0);
}

static void check_hub(struct world *w)
{
    for (unsigned i = 0; i < w->hub->loop_count; i++) {
        struct hub_loop *l = &w->hub->loops[i];
        size_t at = 0;
        at_most(w, "calm: devices that sign in", !list_empty(&l->sign_ins), 0);
        for (struct map_entry *entry; (entry = map_next(&l->devices, &at));) {
            const struct hub_device *d = entry->value;
            at_most(w, "calm: calls to a device", d->call_count, 0);
            unsigned known = 1 + list_linked(&d->active.link); /* its session, its activity */
            at_most(w, "calm: references to a device", d->refs, known);
        }
    }
}

void world_bounds_check_calm(struct world *w)
{
    check_edge(w);
    check_hub(w);
}
