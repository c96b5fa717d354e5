#include "routing/event_json.h"

#include <stdio.h>

#include "base/encoding.h"
#include "events/encode.h"
#include "routing/view.h"

/* ---- parts ---- */

/* As JSON, or as base64 text. A body that is no JSON although it says so counts as bytes. */
static void put_body(const struct iot_message *m, struct json_writer *w)
{
    struct json_doc *doc = NULL;
    if (routing_event_is_json(m) && json_parse(m->body, JSON_STRICT, &doc, NULL) == OK) {
        json_put_value(w, json_root(doc));
        json_free(&doc);
        return;
    }
    struct buffer text = {0};
    base64_encode(m->body, &text);
    json_put_string(w, buffer_slice(&text));
    buffer_clear(&text);
}

static void put_properties(const struct event_json *e, struct json_writer *w)
{
    struct buffer scratch = {0};
    struct slice list = iot_event_properties(e->event, e->endpoint, &scratch), name, value;
    json_object(w);
    while (iot_property_next(&list, &name, &value))
        json_name_slice(w, name), json_put_string(w, value);
    json_end_object(w);
    buffer_clear(&scratch);
}

static void put_time(struct json_writer *w, const char *name, uint64_t ms)
{
    if (ms)
        json_name(w, name), json_put_time(w, ms);
}

/* Ids that are no text are written as hexadecimal digits. */
static void put_id(struct json_writer *w, const char *name, struct slice id, uint8_t type)
{
    struct buffer text = {0};
    if (type == IOT_MESSAGE_ID_STRING)
        buffer_put(&text, id);
    else
        hex_encode(id, &text);
    json_member(w, name, buffer_slice(&text));
    buffer_clear(&text);
}

static void put_id_of(const struct event_json *e, struct json_writer *w)
{
    char id[80];
    int len = snprintf(id, sizeof(id), "%llx-%u-%llx", (unsigned long long)e->event->enqueued_ms,
                       e->partition, (unsigned long long)e->sequence);
    json_member(w, "id", slice_from(id, (size_t)len));
}

static void put_subject(const struct event_json *e, struct json_writer *w)
{
    const struct iot_id from = e->event->from;
    struct buffer b = {0};
    buffer_printf(&b, "devices/%.*s", SLICE_FMT(from.device));
    if (from.module.len)
        buffer_printf(&b, "/modules/%.*s", SLICE_FMT(from.module));
    json_member(w, "subject", buffer_slice(&b));
    buffer_clear(&b);
}

static void put_topic(const struct event_json *e, const char *name, struct json_writer *w)
{
    struct buffer b = {0};
    buffer_printf(&b, "/providers/Microsoft.Devices/IotHubs/%s", e->hub_name);
    json_member(w, name, buffer_slice(&b));
    buffer_clear(&b);
}

/* ---- what Event Grid calls data ---- */

static void put_telemetry(const struct event_json *e, struct json_writer *w)
{
    const struct iot_event *v = e->event;
    json_object(w);
    json_name(w, "properties"), put_properties(e, w);
    json_name(w, "systemProperties"), json_object(w);
    json_member(w, "iothub-content-type", v->message.content_type);
    json_member(w, "iothub-content-encoding", v->message.content_encoding);
    json_member(w, "iothub-connection-device-id", v->from.device);
    json_member(w, "iothub-connection-module-id", v->from.module);
    json_member(w, "iothub-connection-auth-method", v->auth_method);
    json_member(w, "iothub-connection-auth-generation-id", v->generation_id);
    put_time(w, "iothub-enqueuedtime", v->enqueued_ms);
    json_member(w, "iothub-message-source", events_source_name(v->source));
    put_id(w, "message-id", v->message.message_id, v->message.message_id_type);
    put_id(w, "correlation-id", v->message.correlation_id, v->message.correlation_id_type);
    json_member(w, "dt-subject", v->message.subject);
    json_member(w, "dt-dataschema", v->message.schema);
    json_end_object(w);
    json_name(w, "body"), put_body(&v->message, w);
    json_end_object(w);
}

static void put_who(const struct event_json *e, struct json_writer *w)
{
    json_name(w, "hubName"), json_put_text(w, e->hub_name);
    json_member(w, "deviceId", e->event->from.device);
    json_member(w, "moduleId", e->event->from.module);
}

static void put_lifecycle(const struct event_json *e, struct json_writer *w)
{
    json_object(w);
    json_name(w, "twin"), put_body(&e->event->message, w);
    put_who(e, w);
    json_end_object(w);
}

static void put_connection(const struct event_json *e, struct json_writer *w)
{
    json_object(w);
    json_name(w, "deviceConnectionStateEventInfo"), put_body(&e->event->message, w);
    put_who(e, w);
    json_end_object(w);
}

static const struct type {
    enum iot_source source;
    const char *operation; /* opType; NULL: any */
    const char *name;
    void (*put_data)(const struct event_json *e, struct json_writer *w);
} types[] = {
    {IOT_SOURCE_TELEMETRY, NULL, "Microsoft.Devices.DeviceTelemetry", put_telemetry},
    {IOT_SOURCE_DEVICE_LIFECYCLE, "createDeviceIdentity", "Microsoft.Devices.DeviceCreated",
     put_lifecycle},
    {IOT_SOURCE_DEVICE_LIFECYCLE, "deleteDeviceIdentity", "Microsoft.Devices.DeviceDeleted",
     put_lifecycle},
    {IOT_SOURCE_DEVICE_CONNECTION_STATE, "deviceConnected", "Microsoft.Devices.DeviceConnected",
     put_connection},
    {IOT_SOURCE_DEVICE_CONNECTION_STATE, "deviceDisconnected",
     "Microsoft.Devices.DeviceDisconnected", put_connection},
    {IOT_SOURCE_MODULE_LIFECYCLE, "createModuleIdentity", "Millrace.Devices.ModuleCreated",
     put_lifecycle},
    {IOT_SOURCE_MODULE_LIFECYCLE, "deleteModuleIdentity", "Millrace.Devices.ModuleDeleted",
     put_lifecycle},
    {IOT_SOURCE_TWIN_CHANGE, NULL, "Millrace.Devices.TwinChanged", put_telemetry},
    {IOT_SOURCE_DIGITAL_TWIN_CHANGE, NULL, "Millrace.Devices.DigitalTwinChanged", put_telemetry},
    {IOT_SOURCE_DEVICE_JOB_LIFECYCLE, NULL, "Millrace.Devices.DeviceJobChanged", put_telemetry},
};

static const struct type *type_of(const struct iot_event *e)
{
    struct slice operation = {0};
    iot_property_find(e->message.properties, SLICE("opType"), &operation);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].source == e->source &&
            (types[i].operation == NULL || slice_eq(operation, slice_of(types[i].operation))))
            return &types[i];
    return &types[0];
}

/* ---- the forms ---- */

void event_json_put_grid(const struct event_json *e, struct json_writer *w)
{
    const struct type *t = type_of(e->event);
    json_object(w);
    put_id_of(e, w);
    put_topic(e, "topic", w);
    put_subject(e, w);
    json_name(w, "eventType"), json_put_text(w, t->name);
    json_name(w, "eventTime"), json_put_time(w, e->event->enqueued_ms);
    json_name(w, "data"), t->put_data(e, w);
    json_name(w, "dataVersion"), json_put_text(w, "");
    json_name(w, "metadataVersion"), json_put_text(w, "1");
    json_end_object(w);
}

void event_json_put_cloud(const struct event_json *e, struct json_writer *w)
{
    const struct type *t = type_of(e->event);
    json_object(w);
    json_name(w, "specversion"), json_put_text(w, "1.0");
    json_name(w, "type"), json_put_text(w, t->name);
    put_topic(e, "source", w);
    put_id_of(e, w);
    put_subject(e, w);
    json_name(w, "time"), json_put_time(w, e->event->enqueued_ms);
    json_name(w, "datacontenttype"), json_put_text(w, "application/json");
    json_name(w, "data"), t->put_data(e, w);
    json_end_object(w);
}

void event_json_put_line(const struct event_json *e, struct json_writer *w)
{
    const struct iot_event *v = e->event;
    json_object(w);
    json_name(w, "EnqueuedTimeUtc"), json_put_time(w, v->enqueued_ms);
    json_name(w, "Properties"), put_properties(e, w);
    json_name(w, "SystemProperties"), json_object(w);
    json_member(w, "connectionDeviceId", v->from.device);
    json_member(w, "connectionModuleId", v->from.module);
    json_member(w, "connectionAuthMethod", v->auth_method);
    json_member(w, "connectionDeviceGenerationId", v->generation_id);
    json_member(w, "contentType", v->message.content_type);
    json_member(w, "contentEncoding", v->message.content_encoding);
    put_id(w, "messageId", v->message.message_id, v->message.message_id_type);
    put_id(w, "correlationId", v->message.correlation_id, v->message.correlation_id_type);
    json_member(w, "dt-subject", v->message.subject);
    json_member(w, "dt-dataschema", v->message.schema);
    json_member(w, "messageSource", events_source_name(v->source));
    put_time(w, "enqueuedTime", v->enqueued_ms);
    json_end_object(w);
    json_name(w, "Body"), put_body(&v->message, w);
    json_end_object(w);
}
