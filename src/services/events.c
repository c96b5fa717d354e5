#include "services/events.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "client/stream_reader.h"
#include "services/live.h"
#include "services/values.h"
#include "json/json.h"

struct services_events {
    struct services_events_config config;
    struct stream_reader *reader; /* NULL until the positions are known */
    uint64_t next[ONBOARDING_PARTITIONS_MAX];
    char *texts[6]; /* the config's */
    bool asking;    /* for the positions */
    bool gone;      /* freed meanwhile */
    struct loop_timer again;
};

#define AGAIN_MS 1000
#define PROGRESS_SCHEMA "application/x-discovery-message-v2-json"

struct slice services_events_schema(struct slice properties)
{
    struct slice schema;
    if (iot_property_find(properties, SLICE("$$MessageSchema"), &schema) ||
        iot_property_find(properties, SLICE("$$ContentType"), &schema))
        return schema;
    return (struct slice){0};
}

/* ---- reading ---- */

static void on_connected(void *arg, unsigned partitions)
{
    const struct services_events *e = arg;
    log_info("stream connected host=%s partitions=%u", e->config.host, partitions);
}

static void on_disconnected(void *arg, enum status why)
{
    const struct services_events *e = arg;
    log_warn("stream disconnected host=%s why=%s", e->config.host, status_name(why));
}

static int64_t position(void *arg, unsigned partition)
{
    const struct services_events *e = arg;
    return partition < ONBOARDING_PARTITIONS_MAX ? (int64_t)e->next[partition] - 1
                                                 : STREAM_READER_NEW;
}

/* To who follows the discoverer, and to who follows the request. */
static void tell_progress(struct services_events *e, struct slice body)
{
    struct json_doc *doc = NULL;
    if (json_parse(body, JSON_STRICT, &doc, NULL) != OK)
        return;
    const struct json *progress = json_root(doc);
    struct slice discoverer = json_string(json_get_nocase(progress, "discovererId"));
    struct slice request = json_string(json_get_nocase(progress, "requestId"));
    if (request.len == 0)
        request = json_string(json_get_nocase(json_get_nocase(progress, "request"), "id"));
    if (discoverer.len)
        live_tell(e->config.live, LIVE_DISCOVERY, discoverer, "DiscoveryProgress", body);
    if (request.len)
        live_tell(e->config.live, LIVE_DISCOVERY, request, "DiscoveryProgress", body);
    json_free(&doc);
}

/* Done at once: what is not merged yet is remembered by onboarding, within its own bounds. */
static void on_event(void *arg, const struct stream_reader_item *item)
{
    struct services_events *e = arg;
    const struct iot_message *m = &item->event.message;
    struct slice schema = services_events_schema(m->properties);
    services_onboarding_event(
        e->config.onboarding,
        &(struct services_onboarding_event){.partition = item->partition,
                                            .sequence = (uint64_t)item->sequence,
                                            .from = item->event.from,
                                            .schema = schema,
                                            .body = m->body});
    if (e->config.live && slice_eq_nocase(schema, SLICE(PROGRESS_SCHEMA)))
        tell_progress(e, m->body);
    if (e->config.values)
        services_values_event(e->config.values, schema, item->event.from, m);
    stream_reader_done(e->reader, item->partition, item->sequence);
}

static const struct stream_reader_events reader_events = {.on_connected = on_connected,
                                                          .on_disconnected = on_disconnected,
                                                          .position = position,
                                                          .on_event = on_event};

/* ---- where to begin ---- */

static void ask_positions(void *arg);

static void read_positions(struct services_events *e, const struct json *positions)
{
    struct json_walk w = json_walk(positions);
    while (json_next(&w)) {
        uint64_t partition;
        if (slice_to_u64(w.name, &partition) && partition < ONBOARDING_PARTITIONS_MAX)
            (void)json_u64(w.value, &e->next[partition]);
    }
}

static void start(struct services_events *e)
{
    const struct services_events_config *c = &e->config;
    e->reader = stream_reader_new(&(struct stream_reader_config){.loop = c->loop,
                                                                 .host = c->host,
                                                                 .port = c->port,
                                                                 .tls = c->tls,
                                                                 .hub_host = c->hub_host,
                                                                 .entity = c->entity,
                                                                 .group = c->group,
                                                                 .policy = c->policy,
                                                                 .key = c->key,
                                                                 .events = &reader_events,
                                                                 .arg = e});
}

static void forget(struct services_events *e)
{
    for (size_t i = 0; i < sizeof(e->texts) / sizeof(e->texts[0]); i++)
        free(e->texts[i]);
    free(e);
}

static void on_positions(void *arg, enum status why, struct slice json)
{
    struct services_events *e = arg;
    struct json_doc *doc = NULL;
    e->asking = false;
    if (e->gone) {
        forget(e);
    } else if (why != OK || json_parse(json, JSON_STRICT, &doc, NULL) != OK) {
        log_error("positions of the stream not read why=%s", status_name(why));
        loop_timer_start(e->config.loop, &e->again, AGAIN_MS, ask_positions, e);
    } else {
        read_positions(e, json_root(doc));
        json_free(&doc);
        start(e);
    }
}

static void ask_positions(void *arg)
{
    struct services_events *e = arg;
    e->asking = true;
    services_registry_ask(e->config.registry,
                          &(struct services_registry_ask){.what = REGISTRY_POSITIONS}, on_positions,
                          e);
}

/* ---- beginning and end ---- */

struct services_events *services_events_new(const struct services_events_config *config)
{
    struct services_events *e = MEMORY_NEW(struct services_events);
    e->config = *config;
    const char **const texts[] = {&e->config.host,  &e->config.hub_host, &e->config.entity,
                                  &e->config.group, &e->config.policy,   &e->config.key};
    for (size_t i = 0; i < 6; i++)
        if (*texts[i])
            *texts[i] = e->texts[i] = memory_text(*texts[i]);
    ask_positions(e);
    return e;
}

void services_events_free(struct services_events **events)
{
    struct services_events *e = *events;
    if (e == NULL)
        return;
    *events = NULL;
    loop_timer_stop(&e->again);
    stream_reader_free(&e->reader);
    e->gone = true;
    if (!e->asking)
        forget(e);
}

bool services_events_connected(const struct services_events *e)
{
    return e->reader && stream_reader_connected(e->reader);
}
