#include "published/plan_values.h"

#include "json/write.h"

#define PARTITIONS_MAX 32
#define REBROWSE_MS (12 * 3600 * 1000)

static struct slice json_text(struct arena *a, const struct json *v)
{
    if (!v)
        return (struct slice){0};
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_put_value(&w, v);
    struct slice kept = arena_copy(a, buffer_slice(&out));
    buffer_clear(&out);
    return kept;
}

/* ---- what holds when nothing is said ---- */

static int64_t said(int64_t value, int64_t otherwise)
{
    return value == CONFIG_UNSET ? otherwise : value;
}

static int64_t said_of(int64_t first, int64_t second, int64_t otherwise)
{
    return said(first, said(second, otherwise));
}

static bool flag(int value, bool otherwise)
{
    return value == NOT_SAID ? otherwise : value == SAID_YES;
}

static int word(int value, int otherwise, int at_last) /* 0 says nothing */
{
    return value ? value : otherwise ? otherwise : at_last;
}

static struct slice text(struct slice value, const char *otherwise)
{
    return value.len ? value : slice_of(otherwise);
}

/* ---- groups ---- */

bool plan_is_avro(enum message_encoding encoding)
{
    return encoding == ENCODING_AVRO || encoding == ENCODING_AVRO_GZIP;
}

struct plan_group plan_group_of(const struct plan_values *v, const struct config_entry *e)
{
    const struct plan_defaults *o = v->defaults;
    const struct config_entry_rare *r = e->rare;
    int64_t partitions = said(r->partitions, o->partitions);
    enum message_encoding encoding = e->encoding ? (enum message_encoding)e->encoding : o->encoding;
    return (struct plan_group){
        .name = text(e->group, PLAN_GROUP_NAME),
        .publisher_id = text(e->publisher_id, o->publisher_id),
        .root_node = r->group_root_node,
        .type = r->group_type,
        .properties = json_text(v->arena, r->group_properties),
        .route = {.topic = r->group_queue,
                  .qos = (uint8_t)word(r->group_qos, o->qos, QOS_AT_LEAST_ONCE),
                  .retain = flag(r->group_retain, o->retain) ? SAID_YES : SAID_NO,
                  .ttl_ms = said(r->group_ttl_ms, o->ttl_ms)},
        .transport = (enum plan_transport)word(r->transport, o->transport, TRANSPORT_UNSET),
        .transport_configuration = r->transport_configuration,
        .partitions = (uint32_t)(partitions > PARTITIONS_MAX ? PARTITIONS_MAX : partitions),
        .mode = e->mode ? (enum messaging_mode)e->mode : o->mode,
        .encoding = encoding,
        .batch_size = (uint32_t)said(e->batch_size, o->batch_size),
        .batch_ms = (uint32_t)said(e->batch_ms, o->batch_ms),
        .strict = o->strict,
        .metadata = o->metadata,
        .schemas = o->schemas ? o->schemas == SAID_YES : plan_is_avro(encoding),
        .names = o->names,
        .stamp = o->stamp,
        .lone_value = o->lone_value,
        .last_in_batch = o->last_in_batch,
        .routing_info = o->routing_info,
        .cloud_events = o->cloud_events,
        .data_sets_max = (uint32_t)o->data_sets_max,
    };
}

/* ---- writers ---- */

/* OPC Publisher's own: about every minute where publishing is slow, else as the server thinks. */
static uint32_t keep_alive_count(int64_t publishing_ms)
{
    return publishing_ms >= 60000 ? 1 : publishing_ms >= 5000 ? 2 : 0;
}

/* {"a": 1} becomes "a":1, to stand among other members. */
static struct slice extension_fields(const struct plan_values *v, const struct config_entry *e)
{
    const struct json *given = e->rare->extension_fields;
    struct slice whole = json_text(v->arena, json_count(given) ? given : NULL);
    return whole.len ? slice_first(slice_skip(whole, 1), whole.len - 2) : whole;
}

static struct slice alternatives(const struct plan_values *v, const struct json *urls)
{
    struct buffer out = {0};
    for (size_t i = 0; i < json_count(urls); i++)
        buffer_printf(&out, "%s%.*s", i ? " " : "", SLICE_FMT(slice_trim(json_string(json_at(urls, i)))));
    struct slice kept = arena_copy(v->arena, buffer_slice(&out));
    buffer_clear(&out);
    return kept;
}

static struct opcua_connection connection_of(const struct plan_values *v,
                                             const struct config_entry *e)
{
    return (struct opcua_connection){
        .endpoint_url = e->endpoint_url,
        .alternatives = alternatives(v, e->rare->alternative_urls),
        .security = (enum opcua_security)e->security,
        .security_policy = e->rare->security_policy,
        .user = e->user,
        .password = e->password,
        .certificate_user = e->authentication == AUTHENTICATE_CERTIFICATE,
        .reverse = flag(e->rare->reverse, v->defaults->reverse),
        .group =
            v->defaults->session_per_group ? text(e->group, PLAN_GROUP_NAME) : (struct slice){0},
    };
}

static void settle_routes(const struct plan_values *v, const struct config_entry *e,
                          struct plan_writer *w)
{
    const struct config_entry_rare *r = e->rare;
    w->route = (struct plan_route){.topic = r->queue,
                                   .qos = (uint8_t)r->qos,
                                   .retain = (uint8_t)r->retain,
                                   .ttl_ms = said(r->ttl_ms, 0)};
    w->metadata_ms = said(r->metadata_ms, v->defaults->metadata_ms);
    w->metadata_route =
        (struct plan_route){.topic = r->metadata_queue,
                            .qos = (uint8_t)r->qos,
                            .retain = (uint8_t)(r->metadata_retain ? r->metadata_retain : SAID_YES),
                            .ttl_ms = said(r->metadata_ttl_ms, w->metadata_ms)};
    w->routing = (enum plan_routing)word(r->routing, v->defaults->routing, ROUTING_NONE);
}

struct plan_writer plan_writer_of(const struct plan_values *v, const struct config_entry *e,
                                  int64_t publishing_ms)
{
    const struct plan_defaults *o = v->defaults;
    const struct config_entry_rare *r = e->rare;
    struct plan_writer w = {
        .name = text(e->writer, PLAN_WRITER_NAME),
        .data_set = e->data_set,
        .connection = connection_of(v, e),
        .publishing_ms = publishing_ms,
        .keep_alive_count = (uint32_t)said(r->keep_alive_count,
                                           o->keep_alive_count ? o->keep_alive_count
                                                               : keep_alive_count(publishing_ms)),
        .key_frame_count = (uint32_t)said(e->key_frame_count, o->key_frame_count),
        .priority = (uint8_t)said(r->priority, 0),
        .no_transfer = flag(r->no_transfer, o->no_transfer),
        .republish = flag(r->republish, o->republish),
        .keep_alive_messages = flag(r->keep_alive_messages, o->keep_alive_messages),
        .keep_alive_key_frames = flag(r->keep_alive_key_frames, o->keep_alive_key_frames),
        .dump_diagnostics = flag(r->dump_diagnostics, false),
        .extension_fields = extension_fields(v, e),
        .description = r->description,
        .class_id = r->class_id,
        .type = r->type,
        .subject = r->subject,
        .source_uri = r->source_uri,
        .root_node = r->root_node,
        .watchdog_ms = said(r->watchdog_ms, o->watchdog_ms),
        .watchdog_condition = (enum watchdog_condition)word(
            r->watchdog_condition, o->watchdog_condition, WATCHDOG_ALL_LATE),
        .watchdog_behavior = (enum watchdog_behavior)word(
            r->watchdog_behavior, o->watchdog_behavior, WATCHDOG_DIAGNOSTIC),
    };
    settle_routes(v, e, &w);
    return w;
}

/* ---- items ---- */

static uint32_t queue_size(const struct plan_values *v, const struct config_node *n,
                           int64_t sampling_ms, int64_t publishing_ms)
{
    int64_t size = said(n->queue_size, v->defaults->queue_size);
    if (v->defaults->auto_queue_size && sampling_ms > 0 && size * sampling_ms < publishing_ms)
        size = (publishing_ms + sampling_ms - 1) / sampling_ms;
    return (uint32_t)(size > UINT16_MAX ? UINT16_MAX : size);
}

static struct slice last_name(const struct json *path)
{
    size_t count = json_count(path);
    return count ? json_string(json_at(path, count - 1)) : (struct slice){0};
}

static struct slice field_of(const struct config_node *n)
{
    return n->field_id.len       ? n->field_id
           : n->display_name.len ? n->display_name
           : n->id.len           ? n->id
                                 : last_name(n->rare->browse_path);
}

bool plan_is_event(const struct config_node *n)
{
    return n->event_filter || n->rare->model_change;
}

/* Alarms are kept when a snapshot is wanted; then a refresh comes with it. */
static void settle_events(const struct plan_values *v, const struct config_node *n,
                          struct plan_item *i)
{
    const struct config_node_rare *r = n->rare;
    if (r->model_change)
        i->rebrowse_ms =
            said(r->rebrowse_ms, v->defaults->rebrowse_ms ? v->defaults->rebrowse_ms : REBROWSE_MS);
    if (!n->event_filter || !r->condition)
        return;
    i->snapshot_ms = said(r->snapshot_ms, 0);
    i->update_ms = i->snapshot_ms ? said(r->update_ms, i->snapshot_ms) : 0;
    i->refresh_conditions = !i->snapshot_ms && r->refresh_conditions == SAID_YES;
}

struct plan_item plan_item_of(const struct plan_values *v, const struct config_entry *e,
                              const struct config_node *n, int64_t publishing_ms)
{
    const struct plan_defaults *o = v->defaults;
    const struct config_node_rare *r = n->rare;
    int64_t sampling_ms = said_of(n->sampling_ms, e->sampling_ms, o->sampling_ms);
    int behavior = n->heartbeat >= 0   ? n->heartbeat
                   : e->heartbeat >= 0 ? e->heartbeat
                                       : o->heartbeat;
    bool percent = n->deadband_type == DEADBAND_PERCENT && n->deadband > 100;
    bool server = !n->id.len && r->model_change && !json_count(r->browse_path);
    struct plan_item i = {
        .node =
            server ? SLICE("i=2253") : n->id, /* its model's changes, when nothing else is said */
        .index_range = r->index_range,
        .browse_path = json_text(v->arena, json_count(r->browse_path) ? r->browse_path : NULL),
        .field = field_of(n),
        .field_id = n->field_id,
        .display_name = n->display_name,
        .class_field_id = r->class_field_id,
        .event_filter = json_text(v->arena, n->event_filter),
        .sampling_ms = sampling_ms,
        .heartbeat_ms = said_of(n->heartbeat_ms, e->heartbeat_ms, o->heartbeat_ms),
        .cyclic_max_age_ms = said(r->cyclic_max_age_ms, 0),
        .deadband = percent ? 100 : n->deadband,
        .queue_size = queue_size(v, n, sampling_ms, publishing_ms),
        .attribute = (uint16_t)n->attribute,
        .trigger = (uint8_t)(n->trigger ? n->trigger : (int)o->trigger),
        .deadband_type = (uint8_t)n->deadband_type,
        .heartbeat = (uint8_t)behavior,
        .skip_first = flag(n->skip_first, o->skip_first),
        .discard_new = flag(n->discard_new, o->discard_new),
        .cyclic_read = !plan_is_event(n) && flag(n->cyclic_read, o->cyclic_read),
        .backfill = !plan_is_event(n) && flag(r->backfill, flag(e->rare->backfill, o->backfill)),
        .register_node = flag(n->register_node, false),
        .fetch_display_name =
            !n->display_name.len &&
            flag(n->fetch_display_name, flag(e->rare->fetch_display_names, o->fetch_display_names)),
    };
    if (!i.field.len)
        i.field = i.node;
    settle_events(v, n, &i);
    return i;
}
