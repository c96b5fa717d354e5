/*
 * A plan as lines "item.sampling_ms=1000", for tests: two plans with the same lines do the same.
 * Fields that say nothing are left out.
 */
#pragma once

#include "base/buffer.h"
#include "published/plan.h"

static inline void print_text(struct buffer *out, const char *name, struct slice v)
{
    if (v.len)
        buffer_printf(out, "%s=%.*s\n", name, SLICE_FMT(v));
}

static inline void print_number(struct buffer *out, const char *name, int64_t v)
{
    if (v)
        buffer_printf(out, "%s=%lld\n", name, (long long)v);
}

#define TEXT(of, field) print_text(out, #of "." #field, of->field)
#define NUMBER(of, field) print_number(out, #of "." #field, (int64_t)of->field)

static inline void print_item(struct buffer *out, const struct plan_item *item)
{
    TEXT(item, node), TEXT(item, index_range), TEXT(item, browse_path), TEXT(item, field);
    TEXT(item, field_id), TEXT(item, display_name), TEXT(item, class_field_id);
    TEXT(item, event_filter);
    NUMBER(item, sampling_ms), NUMBER(item, heartbeat_ms), NUMBER(item, cyclic_max_age_ms);
    NUMBER(item, snapshot_ms), NUMBER(item, update_ms), NUMBER(item, rebrowse_ms);
    print_number(out, "item.deadband*1000", (int64_t)(item->deadband * 1000));
    NUMBER(item, queue_size), NUMBER(item, attribute), NUMBER(item, trigger);
    NUMBER(item, deadband_type), NUMBER(item, heartbeat), NUMBER(item, skip_first);
    NUMBER(item, discard_new), NUMBER(item, cyclic_read), NUMBER(item, register_node);
    NUMBER(item, fetch_display_name), NUMBER(item, refresh_conditions);
    NUMBER(item, backfill);
    NUMBER(item, triggered_count);
    for (size_t i = 0; i < item->triggered_count; i++)
        print_text(out, "item.triggered.node", item->triggered[i].node);
}

static inline void print_route(struct buffer *out, const char *name, const struct plan_route *r)
{
    char line[64];
    struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"qos", r->qos}, {"retain", r->retain}, {"ttl_ms", r->ttl_ms}};
    if (r->topic.len)
        buffer_printf(out, "%s.topic=%.*s\n", name, SLICE_FMT(r->topic));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        snprintf(line, sizeof line, "%s.%s", name, numbers[i].name);
        print_number(out, line, numbers[i].value);
    }
}

static inline void print_connection(struct buffer *out, const struct opcua_connection *connection)
{
    TEXT(connection, endpoint_url), TEXT(connection, alternatives), NUMBER(connection, security);
    TEXT(connection, security_policy), TEXT(connection, user), TEXT(connection, password);
    NUMBER(connection, certificate_user), NUMBER(connection, reverse), TEXT(connection, group);
}

static inline void print_writer(struct buffer *out, const struct plan_writer *writer)
{
    TEXT(writer, name), TEXT(writer, data_set);
    print_connection(out, &writer->connection);
    NUMBER(writer, publishing_ms), NUMBER(writer, keep_alive_count);
    NUMBER(writer, key_frame_count), NUMBER(writer, priority), NUMBER(writer, no_transfer);
    NUMBER(writer, republish), NUMBER(writer, keep_alive_messages);
    NUMBER(writer, keep_alive_key_frames), NUMBER(writer, dump_diagnostics);
    TEXT(writer, extension_fields), TEXT(writer, description), TEXT(writer, class_id);
    TEXT(writer, type), TEXT(writer, subject), TEXT(writer, source_uri), TEXT(writer, root_node);
    print_route(out, "writer.route", &writer->route);
    print_route(out, "writer.metadata_route", &writer->metadata_route);
    NUMBER(writer, metadata_ms), NUMBER(writer, routing), NUMBER(writer, watchdog_ms);
    NUMBER(writer, watchdog_condition), NUMBER(writer, watchdog_behavior);
    for (size_t i = 0; i < writer->item_count; i++)
        print_item(out, &writer->items[i]);
}

static inline void print_group(struct buffer *out, const struct plan_group *group)
{
    TEXT(group, name), TEXT(group, publisher_id), TEXT(group, root_node), TEXT(group, type);
    TEXT(group, properties);
    print_route(out, "group.route", &group->route);
    NUMBER(group, transport), TEXT(group, transport_configuration), NUMBER(group, partitions);
    NUMBER(group, mode), NUMBER(group, encoding), NUMBER(group, batch_size);
    NUMBER(group, batch_ms), NUMBER(group, strict);
    for (size_t i = 0; i < group->writer_count; i++)
        print_writer(out, &group->writers[i]);
}

#undef TEXT
#undef NUMBER

static inline void plan_print(const struct plan *p, struct buffer *out)
{
    for (size_t i = 0; i < p->group_count; i++)
        print_group(out, &p->groups[i]);
}
