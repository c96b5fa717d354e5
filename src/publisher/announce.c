#include "publisher/announce.h"

#include <stdlib.h>

#include "base/memory.h"
#include "iot/message.h"
#include "json/write.h"

/* On its way to the OPC UA thread, where messages are put into the outbox. */
struct delivery {
    struct outbox *outbox;
    struct outgoing *message;
};

static void put_ua(void *arg)
{
    struct delivery *d = arg;
    outbox_put_ua(d->outbox, d->message);
    free(d);
}

static struct outgoing *new_message(const char *schema)
{
    struct outgoing *m = outgoing_new();
    m->content_type = "application/json";
    m->retain = true;
    iot_property_put(&m->properties, SLICE("$$MessageSchema"), slice_of(schema));
    iot_property_put(&m->properties, SLICE("$$ContentType"), slice_of(schema));
    iot_property_put(&m->properties, SLICE("$$ContentEncoding"), SLICE("utf-8"));
    return m;
}

static void send(const struct announcer *a, struct topic_scope *scope, enum topic_kind kind,
                 struct outgoing *m)
{
    struct buffer topic = {0};
    scope->templates = a->topics;
    scope->values[TOPIC_PUBLISHER_ID] = slice_of(a->publisher_id);
    if (a->site[0])
        scope->values[TOPIC_SITE_ID] = slice_of(a->site);
    topic_put(scope, kind, &topic);
    m->topic = memory_text(buffer_cstr(&topic));
    buffer_clear(&topic);
    struct delivery *d = MEMORY_NEW(struct delivery);
    *d = (struct delivery){a->outbox, m};
    opcua_thread_post(a->thread, put_ua, d);
}

void announce_state(const struct announcer *a, const char *state, uint64_t wall_ms)
{
    struct topic_scope scope = {.values = {[TOPIC_EVENT_SOURCE] = SLICE_INIT(ANNOUNCE_STATE_SOURCE),
                                           [TOPIC_EVENT_NAME] = slice_of(state)}};
    struct outgoing *m = new_message(ANNOUNCE_STATE_SCHEMA);
    struct json_writer w = json_writer(&m->body);
    json_object(&w);
    json_name(&w, "MessageType"), json_put_text(&w, state);
    json_name(&w, "MessageVersion"), json_put_i64(&w, 1);
    json_name(&w, "TimestampUtc"), json_put_time(&w, wall_ms);
    json_name(&w, "Version"), json_put_text(&w, a->version);
    json_name(&w, "PublisherId"), json_put_text(&w, a->publisher_id);
    json_member(&w, "Site", slice_of(a->site));
    json_member(&w, "DeviceId", slice_of(a->device_id));
    json_member(&w, "ModuleId", slice_of(a->module_id));
    json_name(&w, "SemVer"), json_put_text(&w, a->version);
    json_end_object(&w);
    iot_property_put(&m->properties, SLICE("$$RoutingInfo"), SLICE(ANNOUNCE_STATE_SOURCE));
    send(a, &scope, TOPIC_EVENTS, m);
}

void announce_diagnostics(const struct announcer *a, struct slice group, struct slice json,
                          uint64_t ttl_ms)
{
    struct topic_scope scope = {.values = {[TOPIC_WRITER_GROUP] = group}};
    struct outgoing *m = new_message(ANNOUNCE_DIAGNOSTICS_SCHEMA);
    buffer_put(&m->body, json);
    m->ttl_ms = ttl_ms;
    send(a, &scope, TOPIC_DIAGNOSTICS, m);
}
