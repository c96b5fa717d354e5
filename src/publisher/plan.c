#include "publisher/plan.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/memory.h"
#include "json/write.h"

#define NODES_PER_WRITER 1000

/* While it is made, everything is in lists that grow. */
struct draft_writer {
    struct plan_writer writer;
    struct map items; /* by key */
    size_t item_cap;
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

/* ---- keys ---- */

static void key_text(struct draft *d, struct slice s)
{
    buffer_put(&d->key, s);
    buffer_u8(&d->key, 0);
}

static void key_number(struct draft *d, int64_t n)
{
    buffer_u64(&d->key, (uint64_t)n);
}

static struct slice take_key(struct draft *d)
{
    struct slice key = arena_copy(&d->plan->arena, buffer_slice(&d->key));
    return key;
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

static struct slice text(struct slice value, const char *otherwise)
{
    return value.len ? value : slice_of(otherwise);
}

/* ---- groups ---- */

static struct plan_group group_of(const struct draft *d, const struct config_entry *e)
{
    const struct plan_defaults *o = d->defaults;
    return (struct plan_group){
        .name = text(e->group, PLAN_GROUP_NAME),
        .publisher_id = text(e->publisher_id, o->publisher_id),
        .route = {.topic = e->queue_name, .ttl_ms = e->message_ttl_ms},
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

static void make_group_key(struct draft *d, const struct plan_group *g)
{
    buffer_reset(&d->key);
    key_text(d, g->name);
    key_text(d, g->publisher_id);
    key_text(d, g->route.topic);
    key_number(d, g->mode);
    key_number(d, g->encoding);
    key_number(d, g->batch_size);
    key_number(d, g->batch_ms);
    key_number(d, g->route.ttl_ms);
    key_number(d, g->strict);
}

static struct draft_group *find_group(struct draft *d, const struct config_entry *e)
{
    struct plan_group g = group_of(d, e);
    make_group_key(d, &g);
    struct draft_group *found = map_get(&d->groups, buffer_slice(&d->key));
    if (found)
        return found;
    found = ARENA_TAKE(&d->plan->arena, struct draft_group);
    found->group = g;
    found->group.key = take_key(d);
    map_put(&d->groups, found->group.key, found);
    *(d->last ? &d->last->next : &d->first) = found;
    d->last = found;
    d->plan->group_count++;
    return found;
}

/* ---- writers ---- */

static struct plan_writer writer_of(const struct config_entry *e, int64_t publishing_ms)
{
    return (struct plan_writer){
        .name = text(e->writer, PLAN_WRITER_NAME),
        .data_set = e->data_set,
        .connection = {.endpoint_url = e->endpoint_url,
                       .security = (enum opcua_security)e->security,
                       .security_policy = e->security_policy,
                       .user = e->user,
                       .password = e->password},
        .publishing_ms = publishing_ms,
        .keep_alive_count = (uint32_t)e->keep_alive_count,
        .key_frame_count = (uint32_t)e->key_frame_count,
        .priority = (uint8_t)(e->priority > UINT8_MAX ? UINT8_MAX : e->priority),
        .no_transfer = flag(e->no_transfer, false),
        .keep_alive_messages = flag(e->keep_alive_messages, false),
        .keep_alive_key_frames = flag(e->keep_alive_key_frames, false),
    };
}

/* {"a": 1} becomes "a":1, to stand among other members. */
static struct slice extension_fields(struct draft *d, const struct config_entry *e)
{
    if (!json_is(e->extension_fields, JSON_OBJECT) || json_count(e->extension_fields) == 0)
        return (struct slice){0};
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_put_value(&w, e->extension_fields);
    struct slice inside = slice_first(slice_skip(buffer_slice(&out), 1), out.len - 2);
    struct slice kept = arena_copy(&d->plan->arena, inside);
    buffer_clear(&out);
    return kept;
}

static void make_writer_key(struct draft *d, const struct plan_writer *w)
{
    buffer_reset(&d->key);
    key_text(d, w->name);
    key_text(d, w->data_set);
    key_text(d, w->connection.endpoint_url);
    key_number(d, w->connection.security);
    key_text(d, w->connection.security_policy);
    key_text(d, w->connection.user);
    key_text(d, w->connection.password);
    key_number(d, w->publishing_ms);
    key_number(d, w->keep_alive_count);
    key_number(d, w->key_frame_count);
    key_number(d, w->priority);
    key_number(d, w->no_transfer | w->keep_alive_messages << 1 | w->keep_alive_key_frames << 2);
    key_text(d, w->extension_fields);
}

static struct draft_writer *find_writer(struct draft *d, struct draft_group *g,
                                        const struct config_entry *e, int64_t publishing_ms)
{
    struct plan_writer w = writer_of(e, publishing_ms);
    w.extension_fields = extension_fields(d, e);
    make_writer_key(d, &w);
    struct draft_writer *found = map_get(&g->writers, buffer_slice(&d->key));
    if (found)
        return found;
    found = ARENA_TAKE(&d->plan->arena, struct draft_writer);
    found->writer = w;
    found->writer.key = take_key(d);
    map_put(&g->writers, found->writer.key, found);
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

static struct slice json_text(struct draft *d, const struct json *v)
{
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    json_put_value(&w, v);
    struct slice kept = arena_copy(&d->plan->arena, buffer_slice(&out));
    buffer_clear(&out);
    return kept;
}

static struct plan_item item_of(struct draft *d, const struct config_entry *e,
                                const struct config_node *n, int64_t publishing_ms)
{
    const struct plan_defaults *o = d->defaults;
    int64_t sampling_ms = said_of(n->sampling_ms, e->sampling_ms, o->sampling_ms);
    int behavior = n->heartbeat >= 0   ? n->heartbeat
                   : e->heartbeat >= 0 ? e->heartbeat
                                       : o->heartbeat;
    return (struct plan_item){
        .node = n->id,
        .index_range = n->index_range,
        .field = n->field_id.len       ? n->field_id
                 : n->display_name.len ? n->display_name
                                       : n->id,
        .display_name = n->display_name,
        .event_filter = n->event_filter && !json_is(n->event_filter, JSON_NULL)
                            ? json_text(d, n->event_filter)
                            : (struct slice){0},
        .sampling_ms = sampling_ms,
        .heartbeat_ms = said_of(n->heartbeat_ms, e->heartbeat_ms, o->heartbeat_ms),
        .deadband = n->deadband,
        .queue_size = queue_size(d, n, sampling_ms, publishing_ms),
        .attribute = (uint16_t)n->attribute,
        .trigger = (uint8_t)(n->trigger ? n->trigger : (int)o->trigger),
        .deadband_type = (uint8_t)n->deadband_type,
        .heartbeat = (uint8_t)behavior,
        .skip_first = flag(n->skip_first, o->skip_first),
        .discard_new = flag(n->discard_new, o->discard_new),
    };
}

static void make_item_key(struct draft *d, const struct plan_item *i)
{
    uint64_t deadband;
    memcpy(&deadband, &i->deadband, sizeof deadband);
    buffer_reset(&d->key);
    key_text(d, i->node);
    key_text(d, i->index_range);
    key_text(d, i->field);
    key_text(d, i->display_name);
    key_text(d, i->event_filter);
    key_number(d, i->sampling_ms);
    key_number(d, i->heartbeat_ms);
    key_number(d, (int64_t)deadband);
    key_number(d, (int64_t)i->queue_size << 32 | (int64_t)i->attribute << 16);
    key_number(d, i->trigger | i->deadband_type << 4 | i->heartbeat << 8 | i->skip_first << 16 |
                      i->discard_new << 17);
}

static void add_item(struct draft *d, struct draft_writer *w, struct plan_item i)
{
    make_item_key(d, &i);
    if (map_get(&w->items, buffer_slice(&d->key))) {
        d->plan->duplicates++;
        return;
    }
    i.key = take_key(d);
    if (w->writer.item_count == w->item_cap) {
        w->item_cap = w->item_cap ? 2 * w->item_cap : 8;
        struct plan_item *grown = ARENA_TAKE_N(&d->plan->arena, struct plan_item, w->item_cap);
        if (w->writer.item_count)
            memcpy(grown, w->writer.items, w->writer.item_count * sizeof *grown);
        w->writer.items = grown;
    }
    map_put(&w->items, i.key, w);
    w->writer.items[w->writer.item_count++] = i;
    d->plan->item_count++;
}

/* Most nodes of an entry have the same interval: the writer of the one before is tried first. */
static void add_entry(struct draft *d, const struct config_entry *e)
{
    struct draft_group *g = find_group(d, e);
    struct draft_writer *w = NULL;
    for (size_t i = 0; i < e->node_count; i++) {
        const struct config_node *n = &e->nodes[i];
        int64_t publishing_ms =
            said_of(n->publishing_ms, e->publishing_ms, d->defaults->publishing_ms);
        if (publishing_ms < 1)
            publishing_ms = 1;
        if (!w || w->writer.publishing_ms != publishing_ms)
            w = find_writer(d, g, e, publishing_ms);
        add_item(d, w, item_of(d, e, n, publishing_ms));
    }
}

/* ---- from draft to plan ---- */

static size_t per_writer(const struct draft *d)
{
    return d->defaults->nodes_per_writer ? d->defaults->nodes_per_writer : NODES_PER_WRITER;
}

static size_t count_writers(const struct draft *d, const struct draft_group *g)
{
    size_t n = 0;
    for (const struct draft_writer *w = g->first; w; w = w->next)
        n += (w->writer.item_count + per_writer(d) - 1) / per_writer(d);
    return n;
}

/* Appends 1, 2, … to a name that another writer of the group has. */
static struct slice unique_name(struct draft *d, struct map *names, struct slice name)
{
    struct slice unique = name;
    for (unsigned n = 1; map_get(names, unique); n++)
        unique = slice_of(arena_printf(&d->plan->arena, "%.*s%u", SLICE_FMT(name), n));
    map_put(names, unique, names);
    return unique;
}

static struct plan_writer cut(struct draft *d, const struct plan_writer *whole, size_t from)
{
    struct plan_writer part = *whole;
    size_t left = whole->item_count - from;
    part.items = whole->items + from;
    part.item_count = left < per_writer(d) ? left : per_writer(d);
    if (from > 0) {
        buffer_reset(&d->key);
        buffer_put(&d->key, whole->key);
        key_number(d, (int64_t)(from / per_writer(d)));
        part.key = take_key(d);
    }
    return part;
}

static void finish_group(struct draft *d, struct draft_group *g, struct plan_group *out)
{
    struct map names = {0};
    *out = g->group;
    out->writers = ARENA_TAKE_N(&d->plan->arena, struct plan_writer, count_writers(d, g) + 1);
    for (struct draft_writer *w = g->first; w; w = w->next) {
        for (size_t from = 0; from < w->writer.item_count; from += per_writer(d)) {
            struct plan_writer *part = &out->writers[out->writer_count++];
            *part = cut(d, &w->writer, from);
            part->name = unique_name(d, &names, part->name);
        }
        map_clear(&w->items);
    }
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
