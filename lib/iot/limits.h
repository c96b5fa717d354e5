/*
 * IoT Hub's limits on sizes, counts and times: settings "limits.…", whose defaults are Azure's.
 * What is a bound of ours against a peer who sends too much is not here but a *_MAX beside what it
 * bounds. Immutable after start; read on every loop.
 */
#pragma once

#include "iot/twin.h"
#include "settings/settings.h"

/* One row in limits.c for each field. Sizes are bytes, times milliseconds. */
struct iot_limits {
    uint64_t message_bytes; /* of a device's message with its properties, or of an HTTP batch */
    uint64_t batch_items;   /* messages in one HTTP batch */

    uint64_t c2d_bytes, c2d_queue; /* a message to a device; those that wait for one device */
    uint64_t c2d_ttl_ms, c2d_ttl_ms_max, c2d_lock_ms, c2d_deliveries;
    uint64_t feedback_ttl_ms, feedback_lock_ms, feedback_deliveries;
    uint64_t notification_ttl_ms, notification_lock_ms, notification_deliveries; /* of uploads */
    uint64_t uploads, upload_ttl_ms; /* at once, of a device; how long its SAS holds */

    uint64_t method_bytes; /* of a request, and of an answer */

    struct iot_twin_limits twin;

    uint64_t devices, modules; /* of the hub; of a device, an edge's two of the system among them */
    uint64_t bulk_items, list_items;
    uint64_t query_bytes, query_page;

    uint64_t configurations, configuration_modules, configuration_metrics;
    uint64_t certificates; /* of authorities */

    uint64_t jobs_running, job_history_ms; /* scheduled ones */
    uint64_t routes, endpoints, enrichments;
    uint64_t consumer_groups; /* besides $Default */
};

/* Azure's. */
struct iot_limits iot_limits_azure(void);

/* The rows, for a program's table: how many there are, and one after the other. */
extern const size_t iot_limits_settings_count;
const struct setting *iot_limits_setting(size_t i);
struct iot_limits iot_limits_read(const struct settings *s);
