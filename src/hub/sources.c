#include "hub/sources.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "hub/routed.h"
#include "hub/routing_twins.h"

/* ---- the event ---- */

static const struct {
    const char *schema, *content_type;
} forms[IOT_SOURCE_COUNT] = {
    [IOT_SOURCE_TWIN_CHANGE] = {"twinChangeNotification", "application/json"},
    [IOT_SOURCE_DEVICE_LIFECYCLE] = {"deviceLifecycleNotification", "application/json"},
    [IOT_SOURCE_MODULE_LIFECYCLE] = {"moduleLifecycleNotification", "application/json"},
    [IOT_SOURCE_DEVICE_CONNECTION_STATE] = {"deviceConnectionStateNotification",
                                            "application/json"},
    [IOT_SOURCE_DEVICE_JOB_LIFECYCLE] = {"deviceJobLifecycleNotification", "application/json"},
    [IOT_SOURCE_DIGITAL_TWIN_CHANGE] = {"digitalTwinChangeNotification",
                                        "application/json-patch+json"},
};

static void put(struct buffer *list, const char *name, struct slice value)
{
    if (value.len)
        (void)iot_property_put(list, slice_of(name), value);
}

void hub_source_event(const struct hub_source *s, const char *hub_name, struct slice correlation,
                      struct buffer *properties, struct iot_event *out)
{
    char time[CLOCK_ISO8601_MAX];
    size_t len = clock_iso8601_ticks(s->wall_ms * 10000, time);
    buffer_reset(properties);
    put(properties, "hubName", slice_of(hub_name));
    put(properties, "deviceId", s->id.device);
    put(properties, "moduleId", s->id.module);
    put(properties, "jobId", s->job_id);
    put(properties, "operationTimestamp", slice_from(time, len));
    put(properties, "iothub-message-schema", slice_of(forms[s->source].schema));
    put(properties, "opType", slice_of(s->operation));
    *out = (struct iot_event){
        .enqueued_ms = s->wall_ms,
        .from = s->id,
        .source = s->source,
        .message =
            {
                .body = s->body,
                .user_id = slice_of(hub_name),
                .correlation_id = correlation,
                .content_type = slice_of(forms[s->source].content_type),
                .content_encoding = SLICE("utf-8"),
                .properties = buffer_slice(properties),
            },
    };
}

/* ---- into the log ---- */

struct telling {
    struct partition_append append;
    struct hub_loop *owner;
};

static void on_appended(struct partition_append *a, enum status why)
{
    struct telling *t = (struct telling *)a; /* its first member */
    t->owner->sources.under_way--;
    if (why != OK && why != CANCELLED)
        log_error("an event of the hub itself could not be stored status=%s", status_name(why));
    partition_append_clear(a);
    free(t);
}

/* On the loop that owns the device. */
static void publish(struct hub_loop *owner, const struct hub_source *s)
{
    if (owner->routing == NULL || !(owner->routing->config->sources & 1u << s->source))
        return; /* the routes have changed meanwhile */
    if (owner->sources.under_way >= HUB_SOURCES_WAITING_MAX) {
        __atomic_fetch_add(&owner->count.untold, 1, __ATOMIC_RELAXED);
        log_warn("an event of the hub itself is dropped: too many wait device=%.*s",
                 SLICE_FMT(s->id.device));
        return;
    }
    struct buffer properties = {0};
    struct iot_event e;
    char correlation[17];
    snprintf(correlation, sizeof(correlation), "%llx",
             (unsigned long long)loop_random_u64(owner->loop));
    hub_source_event(s, owner->hub->name, slice_of(correlation), &properties, &e);
    if (hub_routed_decide(owner, s->id, &e)) {
        struct telling *t = MEMORY_NEW(struct telling);
        t->append.done = on_appended;
        t->owner = owner;
        owner->sources.under_way++;
        partition_append_add(&t->append, &e);
        partition_append(owner->hub->partitions[hub_partition_of(owner->hub, s->id)], &t->append);
    }
    buffer_clear(&properties);
}

/* ---- from other loops and threads ---- */

struct news {
    struct hub *hub;
    bool is_twin;
    struct hub_source source;
    struct arena arena;
};

static void news_arrives(void *arg)
{
    struct news *n = arg;
    struct hub_loop *owner = hub_owner(n->hub, n->source.id);
    if (n->is_twin)
        hub_routing_twin_changed(owner, n->source.id, n->source.body);
    else
        publish(owner, &n->source);
    arena_clear(&n->arena);
    free(n);
}

static void post(struct hub *hub, const struct hub_source *s, bool is_twin)
{
    struct news *n = MEMORY_NEW(struct news);
    n->hub = hub;
    n->is_twin = is_twin;
    n->source = *s;
    n->source.id = iot_id_copy(&n->arena, s->id);
    n->source.job_id = arena_copy(&n->arena, s->job_id);
    n->source.body = arena_copy(&n->arena, s->body);
    loop_post(hub_owner(hub, s->id)->loop, news_arrives, n);
}

void hub_sources_registry_event(void *hub, const struct registry_event *e)
{
    post(hub,
         &(struct hub_source){.source = e->source,
                              .operation = e->operation,
                              .id = e->id,
                              .body = e->body,
                              .wall_ms = e->wall_ms},
         e->is_twin);
}

unsigned hub_sources_wants(void *hub)
{
    return __atomic_load_n(&((struct hub *)hub)->wants, __ATOMIC_RELAXED);
}

void hub_sources_job(struct hub *hub, struct iot_id id, struct slice job_id, struct slice body,
                     uint64_t wall_ms)
{
    if (hub_sources_wants(hub) & 1u << IOT_SOURCE_DEVICE_JOB_LIFECYCLE)
        post(hub,
             &(struct hub_source){.source = IOT_SOURCE_DEVICE_JOB_LIFECYCLE,
                                  .operation = "updateDeviceJob",
                                  .id = id,
                                  .job_id = job_id,
                                  .body = body,
                                  .wall_ms = wall_ms},
             false);
}

/* ---- connections ---- */

/* Grows for ever, over restarts too: the time, and a count within it. */
static uint64_t next_number(struct hub_loop *owner, uint64_t wall_ms)
{
    uint64_t from_time = wall_ms << 16, *last = &owner->sources.connection_number;
    *last = from_time > *last ? from_time : *last + 1;
    return *last;
}

void hub_sources_connection(struct hub_device *d, bool connected)
{
    struct hub_loop *owner = d->owner;
    if (owner->routing == NULL ||
        !(owner->routing->config->sources & 1u << IOT_SOURCE_DEVICE_CONNECTION_STATE))
        return;
    uint64_t now = loop_wall_ms(owner->loop);
    char body[100];
    int len = snprintf(body, sizeof(body), "{\"sequenceNumber\":\"%064llX\"}",
                       (unsigned long long)next_number(owner, now));
    publish(owner,
            &(struct hub_source){.source = IOT_SOURCE_DEVICE_CONNECTION_STATE,
                                 .operation = connected ? "deviceConnected" : "deviceDisconnected",
                                 .id = d->id,
                                 .body = slice_from(body, (size_t)len),
                                 .wall_ms = now});
}
