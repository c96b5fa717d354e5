/*
 * What the hub itself has to tell, as events in the device's partition: changes of twins, life
 * cycles, connection states, jobs. Made only when a route wants them, in a device's order, with IoT
 * Hub's bodies and application properties.
 *
 * An event follows what it tells of; one whose hub is killed in between is not made.
 */
#pragma once

#include "hub/device.h"
#include "registry/registry.h"

/* On their way into a loop's partitions; beyond it an event is dropped, counted and logged. */
#define HUB_SOURCES_WAITING_MAX 20000

/* For registry_events: `hub` is the hub. From any thread. */
void hub_sources_registry_event(void *hub, const struct registry_event *e);
unsigned hub_sources_wants(void *hub);

/* On the device's loop. */
void hub_sources_connection(struct hub_device *d, bool connected);

/* A row of devices.jobs has changed: `body` is the row as JSON. From any thread. */
void hub_sources_job(struct hub *hub, struct iot_id id, struct slice job_id, struct slice body,
                     uint64_t wall_ms);

/* One event as it goes into the log; for tests, and what the above are made of. */
struct hub_source {
    enum iot_source source;
    const char *operation;
    struct iot_id id;
    struct slice job_id;
    struct slice body;
    uint64_t wall_ms;
};
/* The slices of *out point into `s` and `properties`, which the properties are put into. */
void hub_source_event(const struct hub_source *s, const char *hub_name, struct slice correlation,
                      struct buffer *properties, struct iot_event *out);
