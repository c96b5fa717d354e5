#include "hub/hub.h"

#include "events/events.h"
#include "hub/backend.h"
#include "hub/methods.h"
#include "hub/sources.h"
#include "jobs/jobs.h"
#include "routing/routing.h"

unsigned hub_partition_of(const struct hub *hub, struct iot_id id)
{
    return iot_id_part(id, hub->partition_count);
}

struct hub_loop *hub_owner(struct hub *hub, struct iot_id id)
{
    return &hub->loops[hub_partition_of(hub, id) % hub->loop_count];
}

void hub_init(struct hub *hub)
{
    hub->backend.ops = &hub_backend_ops;
    for (unsigned i = 0; i < hub->loop_count; i++) {
        hub->loops[i].hub = hub;
        hub->loops[i].index = i;
        list_init(&hub->loops[i].sign_ins);
        hub_activity_init(&hub->loops[i].activity);
    }
}

struct events *hub_events_new(const struct hub *hub)
{
    return events_new(&(struct events_config){
        .name = hub->events_name,
        .groups = hub->groups,
        .created_ms = hub->created_ms,
        .partitions = hub->partitions,
        .partition_count = hub->partition_count,
    });
}

/* ---- what routes need of the hub ---- */

_Static_assert(HUB_LOOPS_MAX <= ROUTING_LOOPS_MAX, "every loop has its part of the routing");

static void on_taken_over(void *arg, unsigned loop, struct routing_loop *now)
{
    ((struct hub *)arg)->loops[loop].routing = now;
}

static void on_wants(void *arg, unsigned sources, bool twins)
{
    unsigned wants = sources & ~(1u << IOT_SOURCE_TELEMETRY);
    if (twins)
        wants |= REGISTRY_WANTS_TWINS;
    __atomic_store_n(&((struct hub *)arg)->wants, wants, __ATOMIC_RELAXED);
}

enum status hub_routing_open(struct hub *hub, const struct routing_setup *files)
{
    struct routing_setup setup = *files;
    setup.hub_name = hub->name;
    setup.events_name = hub->events_name;
    setup.limits = &hub->limits;
    for (unsigned i = 0; i < hub->loop_count; i++)
        setup.loops[i] = hub->loops[i].loop;
    setup.loop_count = hub->loop_count;
    setup.partitions = hub->partitions;
    setup.partition_count = hub->partition_count;
    setup.on_taken_over = on_taken_over;
    setup.on_wants = on_wants;
    setup.arg = hub;
    return routing_open(&setup, &hub->router);
}

/* ---- what scheduled jobs need of the hub ---- */

static void invoke(void *hub, struct loop *loop, const struct iot_method_call *call,
                   iot_method_fn *fn, void *fn_arg)
{
    hub_method_invoke(hub, loop, call, fn, fn_arg);
}

static bool wants_rows(void *hub)
{
    return hub_sources_wants(hub) & 1u << IOT_SOURCE_DEVICE_JOB_LIFECYCLE;
}

static void on_row(void *hub, struct iot_id id, struct slice job_id, struct slice body,
                   uint64_t wall_ms)
{
    hub_sources_job(hub, id, job_id, body, wall_ms);
}

struct jobs *hub_jobs_new(struct hub *hub)
{
    return jobs_new(&(struct jobs_config){
        .registry = hub->registry,
        .loop = hub->loops[0].loop,
        .limits = &hub->limits,
        .invoke = invoke,
        .wants_rows = wants_rows,
        .on_row = on_row,
        .arg = hub,
    });
}
