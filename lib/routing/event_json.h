/*
 * An event as JSON for endpoints: Event Grid's schema and CloudEvents 1.0 for webhooks, the lines
 * of storage endpoints for files. Pure.
 *
 * A body that says that it is JSON in UTF-8 stands there as JSON, any other as base64 text. Sources
 * that Event Grid has no type for (twin changes, modules, jobs) have one under "Millrace.Devices",
 * with data as telemetry has it.
 */
#pragma once

#include "routing/config.h"
#include "json/write.h"

struct event_json {
    const struct iot_event *event;
    const char *hub_name;
    uint16_t endpoint;  /* whose enrichments are put in */
    unsigned partition; /* with `sequence`: the id, the same each time that it is tried */
    uint64_t sequence;
};

void event_json_put_grid(const struct event_json *e, struct json_writer *w);
void event_json_put_cloud(const struct event_json *e, struct json_writer *w);
void event_json_put_line(const struct event_json *e, struct json_writer *w);
