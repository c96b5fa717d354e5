#include "routing/view.h"

#include <stddef.h>

#include "base/clock.h"
#include "events/encode.h"

/* ---- system properties ---- */

static const struct {
    struct slice name;
    size_t offset; /* of a slice in struct iot_event */
} texts[] = {
    {SLICE_INIT("$contentType"), offsetof(struct iot_event, message.content_type)},
    {SLICE_INIT("$contentEncoding"), offsetof(struct iot_event, message.content_encoding)},
    {SLICE_INIT("$messageId"), offsetof(struct iot_event, message.message_id)},
    {SLICE_INIT("$correlationId"), offsetof(struct iot_event, message.correlation_id)},
    {SLICE_INIT("$userId"), offsetof(struct iot_event, message.user_id)},
    {SLICE_INIT("$to"), offsetof(struct iot_event, message.to)},
    {SLICE_INIT("$connectionDeviceId"), offsetof(struct iot_event, from.device)},
    {SLICE_INIT("$connectionModuleId"), offsetof(struct iot_event, from.module)},
    {SLICE_INIT("$iothub-connection-device-id"), offsetof(struct iot_event, from.device)},
    {SLICE_INIT("$iothub-connection-module-id"), offsetof(struct iot_event, from.module)},
    {SLICE_INIT("$connectionDeviceGenerationId"), offsetof(struct iot_event, generation_id)},
    {SLICE_INIT("$connectionAuthMethod"), offsetof(struct iot_event, auth_method)},
    {SLICE_INIT("$iothub-interface-id"), offsetof(struct iot_event, message.interface_id)},
    {SLICE_INIT("$outputName"), offsetof(struct iot_event, message.output)},
    {SLICE_INIT("$dt-subject"), offsetof(struct iot_event, message.subject)},
    {SLICE_INIT("$dt-dataschema"), offsetof(struct iot_event, message.schema)},
};

static struct iot_value text(struct slice s)
{
    return s.len ? iot_value_string(s) : iot_value_undefined();
}

static struct iot_value time_text(struct arena *a, uint64_t ms)
{
    char t[CLOCK_ISO8601_MAX];
    if (ms == 0)
        return iot_value_undefined();
    return iot_value_string(arena_copy(a, slice_from(t, clock_iso8601_ticks(ms * 10000, t))));
}

static bool system_property(struct routing_view *v, struct slice name, struct iot_value *out)
{
    const struct iot_event *e = v->event;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (slice_eq_nocase(name, texts[i].name)) {
            *out = text(*(const struct slice *)((const char *)e + texts[i].offset));
            return true;
        }
    if (slice_eq_nocase(name, SLICE("$messageSource")) ||
        slice_eq_nocase(name, SLICE("$iothub-message-source")))
        *out = text(events_source_name(e->source));
    else if (slice_eq_nocase(name, SLICE("$enqueuedTime")) ||
             slice_eq_nocase(name, SLICE("$iothub-enqueuedtime")))
        *out = time_text(v->arena, e->enqueued_ms);
    else if (slice_eq_nocase(name, SLICE("$absoluteExpiryTime")))
        *out = time_text(v->arena, e->message.expiry_ms);
    else if (slice_eq_nocase(name, SLICE("$creationTime")))
        *out = time_text(v->arena, e->message.creation_ms);
    else
        return false;
    return true;
}

/* ---- the body ---- */

static bool is_utf8(struct slice encoding)
{
    return slice_eq_nocase(encoding, SLICE("utf-8")) || slice_eq_nocase(encoding, SLICE("utf8"));
}

bool routing_event_is_json(const struct iot_message *m)
{
    struct slice type = m->content_type;
    type = slice_trim(slice_first(type, slice_find(type, ';')));
    return (slice_eq_nocase(type, SLICE("application/json")) ||
            slice_eq_nocase(type, SLICE("application/json-patch+json"))) &&
           is_utf8(slice_trim(m->content_encoding));
}

static const struct json *body(struct routing_view *v)
{
    const struct iot_message *m = &v->event->message;
    if (!v->body_read && routing_event_is_json(m) &&
        json_parse(m->body, JSON_STRICT, &v->body, NULL) != OK)
        v->body = NULL;
    v->body_read = true;
    return v->body ? json_root(v->body) : NULL;
}

/* ---- paths ---- */

static struct iot_value application_property(struct routing_view *v,
                                             const struct iot_query_path *path)
{
    struct slice name = path->steps[0].name, value;
    if (path->count > 1) /* a name with dots in it */
        name = slice_of(iot_query_path_text(v->arena, path));
    if (!iot_property_find(v->event->message.properties, name, &value))
        return iot_value_undefined();
    return iot_value_string(value);
}

struct iot_value routing_lookup(void *arg, const struct iot_query_path *path)
{
    struct routing_view *v = arg;
    struct slice first = path->steps[0].name;
    struct iot_value found = iot_value_undefined();
    if (slice_eq_nocase(first, SLICE("$body")))
        return iot_query_walk(body(v), path, 1);
    if (slice_eq_nocase(first, SLICE("$twin")))
        return iot_query_walk(v->twin, path, 1);
    if (!path->system) {
        found = application_property(v, path);
        if (found.type != IOT_VALUE_UNDEFINED)
            return found;
    }
    system_property(v, first, &found);
    return found;
}

void routing_view_clear(struct routing_view *v)
{
    json_free(&v->body);
    v->body_read = false;
}
