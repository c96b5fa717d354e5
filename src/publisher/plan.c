#include "publisher/plan.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/memory.h"
#include "publisher/config_key.h"
#include "json/write.h"

#define NODES_PER_WRITER 1000
#define PARTITIONS_MAX 32
#define REBROWSE_MS (12 * 3600 * 1000)

/* While it is made, everything is in lists that grow. */

/* Becomes a writer: nodes of one kind and route. */
struct draft_part {
    struct plan_route route;
    bool events;
    struct slice own; /* key of its only node, with routing by browse names */
    struct plan_item *items;
    size_t count, cap;
    struct draft_part *next;
};

/* As many nodes as a writer may have. */
struct draft_batch {
    size_t count;
    struct draft_part *first, *last;
    struct draft_batch *next;
};

struct draft_writer {
    struct plan_writer writer;
    struct map items; /* by key */
    struct draft_batch *first, *last;
    size_t part_count;
    struct draft_writer *next;
};

struct draft_group {
    struct plan_group group;
    struct map writers; /* by key */
    struct draft_writer *first, *last;
    struct draft_group *next;
};

struct draft {
    const struct plan_defaults *defaults;
    struct plan *plan;
    struct map groups; /* by key */
    struct draft_group *first, *last;
    struct buffer key;
};

static struct slice take_key(struct draft *d)
{
    return arena_copy(&d->plan->arena, buffer_slice(&d->key));
}

static struct slice json_text(struct draft *d, const struct json *v)
{
    if (!v)
        return (struct slice){0};
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_put_value(&w, v);
    struct slice kept = arena_copy(&d->plan->arena, buffer_slice(&out));
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

static struct plan_group group_of(struct draft *d, const struct config_entry *e)
{
    const struct plan_defaults *o = d->defaults;
    const struct config_entry_rare *r = e->rare;
    int64_t partitions = said(r->partitions, o->partitions);
    return (struct plan_group){
        .name = text(e->group, PLAN_GROUP_NAME),
        .publisher_id = text(e->publisher_id, o->publisher_id),
        .root_node = r->group_root_node,
        .type = r->group_type,
        .properties = json_text(d, r->group_properties),
        .route = {.topic = r->group_queue,
                  .qos = (uint8_t)word(r->group_qos, o->qos, QOS_AT_LEAST_ONCE),
                  .retain = flag(r->group_retain, o->retain) ? SAID_YES : SAID_NO,
                  .ttl_ms = said(r->group_ttl_ms, o->ttl_ms)},
        .transport = (enum plan_transport)word(r->transport, o->transport, TRANSPORT_UNSET),
        .transport_configuration = r->transport_configuration,
        .partitions = (uint32_t)(partitions > PARTITIONS_MAX ? PARTITIONS_MAX : partitions),
        .mode = e->mode ? (enum messaging_mode)e->mode : o->mode,
        .encoding = e->encoding ? (enum message_encoding)e->encoding : o->encoding,
        .batch_size = (uint32_t)said(e->batch_size, o->batch_size),
        .batch_ms = (uint32_t)said(e->batch_ms, o->batch_ms),
        .strict = o->strict,
        .metadata = o->metadata,
        .names = o->names,
        .stamp = o->stamp,
        .lone_value = o->lone_value,
        .last_in_batch = o->last_in_batch,
        .routing_info = o->routing_info,
        .cloud_events = o->cloud_events,
        .data_sets_max = (uint32_t)o->data_sets_max,
    };
}

static struct draft_group *find_group(struct draft *d, const struct config_entry *e)
{
    buffer_reset(&d->key);
    config_entry_key(e, OF_GROUP, false, &d->key);
    struct draft_group *found = map_get(&d->groups, buffer_slice(&d->key));
    if (found)
        return found;
    found = ARENA_TAKE(&d->plan->arena, struct draft_group);
    found->group = group_of(d, e);
    map_put(&d->groups, take_key(d), found);
    config_entry_key(e, OF_GROUP_TOLD, false, &d->key);
    found->group.key = take_key(d);
    *(d->last ? &d->last->next : &d->first) = found;
    d->last = found;
    d->plan->group_count++;
    return found;
}

/* ---- writers ---- */

/* OPC Publisher's own: about every minute where publishing is slow, else as the server thinks. */
static uint32_t keep_alive_count(int64_t publishing_ms)
{
    return publishing_ms >= 60000 ? 1 : publishing_ms >= 5000 ? 2 : 0;
}

/* {"a": 1} becomes "a":1, to stand among other members. */
static struct slice extension_fields(struct draft *d, const struct config_entry *e)
{
    const struct json *v = e->rare->extension_fields;
    struct slice whole = json_text(d, json_count(v) ? v : NULL);
    return whole.len ? slice_first(slice_skip(whole, 1), whole.len - 2) : whole;
}

static struct opcua_connection connection_of(const struct draft *d, const struct config_entry *e)
{
    return (struct opcua_connection){
        .endpoint_url = e->endpoint_url,
        .security = (enum opcua_security)e->security,
        .security_policy = e->rare->security_policy,
        .user = e->user,
        .password = e->password,
        .certificate_user = e->authentication == AUTHENTICATE_CERTIFICATE,
        .reverse = flag(e->rare->reverse, d->defaults->reverse),
        .group =
            d->defaults->session_per_group ? text(e->group, PLAN_GROUP_NAME) : (struct slice){0},
    };
}

static void settle_routes(const struct draft *d, const struct config_entry *e,
                          struct plan_writer *w)
{
    const struct config_entry_rare *r = e->rare;
    w->route = (struct plan_route){.topic = r->queue,
                                   .qos = (uint8_t)r->qos,
                                   .retain = (uint8_t)r->retain,
                                   .ttl_ms = said(r->ttl_ms, 0)};
    w->metadata_ms = said(r->metadata_ms, d->defaults->metadata_ms);
    w->metadata_route =
        (struct plan_route){.topic = r->metadata_queue,
                            .qos = (uint8_t)r->qos,
                            .retain = (uint8_t)(r->metadata_retain ? r->metadata_retain : SAID_YES),
                            .ttl_ms = said(r->metadata_ttl_ms, w->metadata_ms)};
    w->routing = (enum plan_routing)word(r->routing, d->defaults->routing, ROUTING_NONE);
}

static struct plan_writer writer_of(struct draft *d, const struct config_entry *e,
                                    int64_t publishing_ms)
{
    const struct plan_defaults *o = d->defaults;
    const struct config_entry_rare *r = e->rare;
    struct plan_writer w = {
        .name = text(e->writer, PLAN_WRITER_NAME),
        .data_set = e->data_set,
        .connection = connection_of(d, e),
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
        .extension_fields = extension_fields(d, e),
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
    settle_routes(d, e, &w);
    return w;
}

/* `given_ms` may be CONFIG_UNSET: one that is given is another, even when it is the default. */
static struct draft_writer *find_writer(struct draft *d, struct draft_group *g,
                                        const struct config_entry *e, int64_t given_ms)
{
    buffer_reset(&d->key);
    config_entry_key(e, OF_WRITER, false, &d->key);
    buffer_u64(&d->key, (uint64_t)given_ms);
    struct draft_writer *found = map_get(&g->writers, buffer_slice(&d->key));
    if (found)
        return found;
    int64_t publishing_ms = said(given_ms, d->defaults->publishing_ms);
    found = ARENA_TAKE(&d->plan->arena, struct draft_writer);
    found->writer = writer_of(d, e, publishing_ms < 1 ? 1 : publishing_ms);
    map_put(&g->writers, take_key(d), found);
    config_entry_key(e, OF_WRITER_TOLD, false, &d->key);
    found->writer.key = take_key(d);
    *(g->last ? &g->last->next : &g->first) = found;
    g->last = found;
    return found;
}

/* ---- items ---- */

static uint32_t queue_size(const struct draft *d, const struct config_node *n, int64_t sampling_ms,
                           int64_t publishing_ms)
{
    int64_t size = said(n->queue_size, d->defaults->queue_size);
    if (d->defaults->auto_queue_size && sampling_ms > 0 && size * sampling_ms < publishing_ms)
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

static bool is_event(const struct config_node *n)
{
    return n->event_filter || n->rare->model_change;
}

/* Alarms are kept when a snapshot is wanted; then a refresh comes with it. */
static void settle_events(const struct draft *d, const struct config_node *n, struct plan_item *i)
{
    const struct config_node_rare *r = n->rare;
    if (r->model_change)
        i->rebrowse_ms =
            said(r->rebrowse_ms, d->defaults->rebrowse_ms ? d->defaults->rebrowse_ms : REBROWSE_MS);
    if (!n->event_filter || !r->condition)
        return;
    i->snapshot_ms = said(r->snapshot_ms, 0);
    i->update_ms = i->snapshot_ms ? said(r->update_ms, i->snapshot_ms) : 0;
    i->refresh_conditions = !i->snapshot_ms && r->refresh_conditions == SAID_YES;
}

static struct plan_item item_of(struct draft *d, const struct config_entry *e,
                                const struct config_node *n, int64_t publishing_ms)
{
    const struct plan_defaults *o = d->defaults;
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
        .browse_path = json_text(d, json_count(r->browse_path) ? r->browse_path : NULL),
        .field = field_of(n),
        .field_id = n->field_id,
        .display_name = n->display_name,
        .class_field_id = r->class_field_id,
        .event_filter = json_text(d, n->event_filter),
        .sampling_ms = sampling_ms,
        .heartbeat_ms = said_of(n->heartbeat_ms, e->heartbeat_ms, o->heartbeat_ms),
        .cyclic_max_age_ms = said(r->cyclic_max_age_ms, 0),
        .deadband = percent ? 100 : n->deadband,
        .queue_size = queue_size(d, n, sampling_ms, publishing_ms),
        .attribute = (uint16_t)n->attribute,
        .trigger = (uint8_t)(n->trigger ? n->trigger : (int)o->trigger),
        .deadband_type = (uint8_t)n->deadband_type,
        .heartbeat = (uint8_t)behavior,
        .skip_first = flag(n->skip_first, o->skip_first),
        .discard_new = flag(n->discard_new, o->discard_new),
        .cyclic_read = !is_event(n) && flag(n->cyclic_read, o->cyclic_read),
        .register_node = flag(n->register_node, false),
        .fetch_display_name =
            !n->display_name.len &&
            flag(n->fetch_display_name, flag(e->rare->fetch_display_names, o->fetch_display_names)),
    };
    if (!i.field.len)
        i.field = i.node;
    settle_events(d, n, &i);
    return i;
}

static void add_triggered(struct draft *d, const struct config_entry *e,
                          const struct config_node *n, int64_t publishing_ms, struct plan_item *i)
{
    size_t count = n->rare->triggered_count;
    if (!count)
        return;
    i->triggered = ARENA_TAKE_N(&d->plan->arena, struct plan_item, count);
    for (; i->triggered_count < count; i->triggered_count++) {
        const struct config_node *t = &n->rare->triggered[i->triggered_count];
        struct plan_item *out = &i->triggered[i->triggered_count];
        *out = item_of(d, e, t, publishing_ms);
        buffer_reset(&d->key);
        config_node_key(t, false, &d->key);
        out->key = take_key(d);
    }
    d->plan->item_count += count;
}

/* ---- parts ---- */

static size_t per_writer(const struct draft *d)
{
    return d->defaults->nodes_per_writer ? d->defaults->nodes_per_writer : NODES_PER_WRITER;
}

static struct draft_batch *batch_with_room(struct draft *d, struct draft_writer *w)
{
    if (w->last && w->last->count < per_writer(d))
        return w->last;
    struct draft_batch *b = ARENA_TAKE(&d->plan->arena, struct draft_batch);
    *(w->last ? &w->last->next : &w->first) = b;
    w->last = b;
    return b;
}

static bool is_part(const struct draft_part *p, const struct plan_route *route, bool events)
{
    return p->events == events && p->route.qos == route->qos &&
           slice_eq(p->route.topic, route->topic);
}

/* Most nodes go where the one before went. */
static struct draft_part *find_part(struct draft *d, struct draft_writer *w, struct draft_batch *b,
                                    const struct config_node *n, struct slice key)
{
    struct plan_route route = w->writer.route;
    if (n->rare->topic.len)
        route.topic = n->rare->topic;
    if (n->rare->qos)
        route.qos = (uint8_t)n->rare->qos;
    bool alone = w->writer.routing != ROUTING_NONE;
    if (!alone && b->last && is_part(b->last, &route, is_event(n)))
        return b->last;
    struct draft_part *p = alone ? NULL : b->first;
    while (p && !is_part(p, &route, is_event(n)))
        p = p->next;
    if (p)
        return p;
    p = ARENA_TAKE(&d->plan->arena, struct draft_part);
    p->route = route;
    p->events = is_event(n);
    p->own = alone ? key : (struct slice){0};
    p->cap = alone ? 1 : b != w->first && b->first == NULL ? per_writer(d) : 4;
    p->items = ARENA_TAKE_N(&d->plan->arena, struct plan_item, p->cap);
    *(b->last ? &b->last->next : &b->first) = p;
    b->last = p;
    w->part_count++;
    return p;
}

static void put_item(struct draft *d, struct draft_part *p, struct plan_item i)
{
    if (p->count == p->cap) {
        p->cap = 2 * p->cap < per_writer(d) ? 2 * p->cap : per_writer(d);
        struct plan_item *grown = ARENA_TAKE_N(&d->plan->arena, struct plan_item, p->cap);
        memcpy(grown, p->items, p->count * sizeof *grown);
        p->items = grown;
    }
    p->items[p->count++] = i;
}

static void add_node(struct draft *d, struct draft_writer *w, const struct config_entry *e,
                     const struct config_node *n)
{
    buffer_reset(&d->key);
    config_node_key(n, false, &d->key);
    if (map_get(&w->items, buffer_slice(&d->key))) {
        d->plan->duplicates++;
        return;
    }
    struct plan_item i = item_of(d, e, n, w->writer.publishing_ms);
    i.key = take_key(d);
    map_put(&w->items, i.key, w);
    add_triggered(d, e, n, w->writer.publishing_ms, &i);
    struct draft_batch *b = batch_with_room(d, w);
    put_item(d, find_part(d, w, b, n, i.key), i);
    b->count++;
    d->plan->item_count++;
}

/* Most nodes of an entry have the same interval: the writer of the one before is tried first. */
static void add_entry(struct draft *d, const struct config_entry *e)
{
    struct draft_group *g = find_group(d, e);
    struct draft_writer *w = NULL;
    int64_t before_ms = 0;
    for (size_t i = 0; i < e->node_count; i++) {
        const struct config_node *n = &e->nodes[i];
        int64_t given_ms = d->defaults->one_publishing_interval
                               ? CONFIG_UNSET
                               : said(n->publishing_ms, e->publishing_ms);
        if (!w || given_ms != before_ms)
            w = find_writer(d, g, e, given_ms);
        before_ms = given_ms;
        add_node(d, w, e, n);
    }
}

/* ---- from draft to plan ---- */

static size_t count_writers(const struct draft_group *g)
{
    size_t n = 0;
    for (const struct draft_writer *w = g->first; w; w = w->next)
        n += w->part_count;
    return n;
}

/* Appends 1, 2, … to a name that another writer of the group has. `tried`: how far it went before,
 * by name. */
static struct slice unique_name(struct draft *d, struct map *names, struct slice name)
{
    struct slice unique = name;
    size_t *tried = map_get(names, name);
    if (!tried)
        tried = ARENA_TAKE(&d->plan->arena, size_t);
    else
        do
            unique = slice_of(arena_printf(&d->plan->arena, "%.*s%zu", SLICE_FMT(name), ++*tried));
        while (map_get(names, unique));
    map_put(names, unique, unique.at == name.at ? tried : ARENA_TAKE(&d->plan->arena, size_t));
    return unique;
}

static struct slice part_key(struct draft *d, const struct draft_writer *w, size_t batch,
                             const struct draft_part *p)
{
    const struct plan_route *common = &w->writer.route;
    if (batch == 0 && !p->own.len && is_part(p, common, false))
        return w->writer.key;
    buffer_reset(&d->key);
    buffer_put(&d->key, w->writer.key);
    buffer_u32(&d->key, (uint32_t)batch);
    buffer_u8(&d->key, p->events);
    buffer_u8(&d->key, p->route.qos);
    buffer_u32(&d->key, (uint32_t)p->route.topic.len);
    buffer_put(&d->key, p->route.topic);
    buffer_put(&d->key, p->own);
    return take_key(d);
}

static void finish_writer(struct draft *d, struct draft_writer *w, struct map *names,
                          struct plan_group *out)
{
    size_t batch = 0;
    for (const struct draft_batch *b = w->first; b; b = b->next, batch++) {
        for (const struct draft_part *p = b->first; p; p = p->next) {
            struct plan_writer *made = &out->writers[out->writer_count++];
            *made = w->writer;
            made->key = part_key(d, w, batch, p);
            made->name = unique_name(d, names, made->name);
            made->route = p->route;
            made->items = p->items;
            made->item_count = p->count;
        }
    }
    map_clear(&w->items);
}

static void finish_group(struct draft *d, struct draft_group *g, struct plan_group *out)
{
    struct map names = {0};
    *out = g->group;
    out->writers = ARENA_TAKE_N(&d->plan->arena, struct plan_writer, count_writers(g) + 1);
    for (struct draft_writer *w = g->first; w; w = w->next)
        finish_writer(d, w, &names, out);
    d->plan->writer_count += out->writer_count;
    map_clear(&g->writers);
    map_clear(&names);
}

void plan_make(const struct config *c, const struct plan_defaults *defaults, struct plan *out)
{
    *out = (struct plan){0};
    struct draft d = {.defaults = defaults, .plan = out};
    for (size_t i = 0; i < c->entry_count; i++)
        if (c->entries[i].node_count)
            add_entry(&d, &c->entries[i]);
    out->groups = ARENA_TAKE_N(&out->arena, struct plan_group, out->group_count + 1);
    size_t at = 0;
    for (struct draft_group *g = d.first; g; g = g->next)
        finish_group(&d, g, &out->groups[at++]);
    map_clear(&d.groups);
    buffer_clear(&d.key);
}

void plan_clear(struct plan *p)
{
    arena_clear(&p->arena);
    *p = (struct plan){0};
}
