/*
 * What a routing condition sees of an event: application properties by their names, system
 * properties as $name, the body as $body.path when it is JSON, the device's twin as $twin.path.
 * Pure; the body is parsed when it is first asked for.
 */
#pragma once

#include "iot/message.h"
#include "iot/query_eval.h"
#include "json/json.h"

struct routing_view {
    const struct iot_event *event;
    const struct json
        *twin; /* {"tags":…,"properties":{"desired":…,"reported":…}}; NULL: not known */
    struct arena *arena;
    struct json_doc *body; /* NULL until asked for, and when it is no JSON */
    bool body_read;
};

/* `view` is a struct routing_view. */
struct iot_value routing_lookup(void *view, const struct iot_query_path *path);
void routing_view_clear(struct routing_view *v);

/* Whether the event says that its body is JSON in UTF-8; others' bodies are bytes. */
bool routing_event_is_json(const struct iot_message *m);
