#include "writers/item.h"

#include <stdlib.h>

#include "base/memory.h"
#include "json/write.h"
#include "writers/event_writer.h"
#include "writers/item_names.h"
#include "writers/writer.h"

/* ---- an item's texts ---- */

static struct slice text_at(const struct item *i, size_t at, size_t len)
{
    return len ? slice_from(i->text + at, len) : (struct slice){0};
}

struct slice item_node(const struct item *i)
{
    return text_at(i, i->node_at, i->node_len);
}

static struct slice range_of(const struct item *i)
{
    return text_at(i, (size_t)i->head_len + i->label_len, i->range_len);
}

static struct slice path_of(const struct item *i)
{
    return text_at(i, (size_t)i->head_len + i->label_len + i->range_len, i->path_len);
}

static const struct item_names *names_of(const struct item *i)
{
    return i->more ? i->more->names : NULL;
}

struct slice item_head(const struct item *i)
{
    if (names_of(i) && names_of(i)->head.len)
        return buffer_slice(&names_of(i)->head);
    return text_at(i, 0, i->head_len);
}

struct slice item_label(const struct item *i)
{
    if (names_of(i) && names_of(i)->label.len)
        return buffer_slice(&names_of(i)->label);
    return text_at(i, i->head_len, i->label_len);
}

void item_describe(const struct item *i, struct opcua_item *out)
{
    out->node = item_node(i);
    out->path = path_of(i);
    out->index_range = range_of(i);
    out->filter = i->more ? i->more->filter : NULL;
}

/* ---- what few have ---- */

struct item_more *item_more(struct item *i)
{
    if (!i->more)
        i->more = MEMORY_NEW(struct item_more);
    return i->more;
}

/* ---- metadata ---- */

/* "name": as it stands in messages, as the name. */
static void put_field(struct slice head, const UA_NodeId *node, struct metadata_fields *out)
{
    struct json_doc *doc;
    if (json_parse(slice_first(head, head.len - 1), JSON_STRICT, &doc, NULL) != OK)
        return;
    metadata_add(out, json_string(json_root(doc)), node);
    json_free(&doc);
}

static void put_events(const struct event_filter *f, struct metadata_fields *out)
{
    const UA_EventFilter *filter = f->object.content.decoded.data;
    for (size_t i = 0; i < f->field_count && i < filter->selectClausesSize; i++) {
        const UA_SimpleAttributeOperand *o = &filter->selectClauses[i];
        size_t before = out->count;
        put_field(buffer_slice(&f->heads[i]), &o->typeDefinitionId, out);
        if (out->count == before)
            continue;
        struct metadata_field *field = &out->at[before];
        field->path = NULL;
        field->id = f->class_field_ids[i];
        if (o->browsePathSize > 0 &&
            UA_Array_copy(o->browsePath, o->browsePathSize, (void **)&field->path,
                          &UA_TYPES[UA_TYPES_QUALIFIEDNAME]) == UA_STATUSCODE_GOOD)
            field->path_size = o->browsePathSize;
    }
}

void item_put_metadata(const struct item *i, const struct opcua_namespaces *names,
                       struct metadata_fields *out)
{
    const struct event_item *event = item_event(i);
    const struct event_filter *f = event ? event_item_made(event) : NULL;
    if (event && event_item_follows_model(event))
        event_writer_put_model_metadata(out);
    else if (f)
        put_events(f, out);
    if (event)
        return;
    UA_NodeId id = UA_NODEID_NULL;
    if (opcua_node_id_parse(item_node(i), names, &id, NULL) != OK)
        id = UA_NODEID_NULL; /* the field is there all the same */
    size_t before = out->count;
    if (slice_starts(item_head(i), SLICE("{"))) /* of samples: they name their node */
        metadata_add(out, item_node(i), &id);
    else
        put_field(item_head(i), &id, out);
    if (names_of(i) && out->count > before)
        out->at[before].id = names_of(i)->class_field_id;
    UA_NodeId_clear(&id);
}

/* ---- making one ---- */

void item_put_head(const struct form *form, struct slice node, struct slice field,
                     struct buffer *out)
{
    if (form->samples)
        buffer_put(out, SLICE("{\"NodeId\":"));
    json_escape(out, form->samples ? node : field);
    if (!form->samples)
        buffer_u8(out, ':');
}

void item_put_label(const struct form *form, struct slice display_name, struct buffer *out)
{
    if (!form->samples || !display_name.len)
        return;
    buffer_put(out, SLICE("\"DisplayName\":"));
    json_escape(out, display_name);
}

static UA_ExtensionObject *data_change_filter(const struct plan_item *plan)
{
    bool plain = plan->trigger <= TRIGGER_STATUS_VALUE && plan->trigger != TRIGGER_STATUS;
    if (plan->attribute == UA_ATTRIBUTEID_EVENTNOTIFIER ||
        (plain && plan->deadband_type == DEADBAND_NONE))
        return NULL;
    UA_DataChangeFilter *f = UA_DataChangeFilter_new();
    f->trigger = plan->trigger == TRIGGER_STATUS ? UA_DATACHANGETRIGGER_STATUS
                 : plan->trigger == TRIGGER_STATUS_VALUE_TIMESTAMP
                     ? UA_DATACHANGETRIGGER_STATUSVALUETIMESTAMP
                     : UA_DATACHANGETRIGGER_STATUSVALUE;
    bool percent = plan->deadband_type == DEADBAND_PERCENT;
    f->deadbandType = plan->deadband_type;
    f->deadbandValue = plan->deadband < 0                ? 0
                       : percent && plan->deadband > 100 ? 100
                                                         : plan->deadband;
    UA_ExtensionObject *o = UA_ExtensionObject_new();
    UA_ExtensionObject_setValue(o, f, &UA_TYPES[UA_TYPES_DATACHANGEFILTER]);
    return o;
}

/* Heads begin with a quote or a brace: 0 is nowhere. */
static size_t find_node(struct slice head, struct slice node)
{
    size_t at = node.len ? slice_find_slice(head, node) : head.len;
    return at < head.len ? at : 0;
}

static struct item *item_with_texts(const struct item_home *home, const struct plan_item *plan)
{
    struct buffer texts = {0};
    struct slice node = plan->node.len || !plan->browse_path.len ? plan->node : home->root_node;
    item_put_head(home->form, plan->node, plan->field, &texts);
    size_t head_len = texts.len, node_at = find_node(buffer_slice(&texts), node);
    item_put_label(home->form, plan->display_name, &texts);
    size_t label_len = texts.len - head_len;
    buffer_put(&texts, plan->index_range);
    buffer_put(&texts, plan->browse_path);
    if (node_at == 0) {
        node_at = texts.len;
        buffer_put(&texts, node);
    }
    struct item *i = memory_new(sizeof *i + texts.len);
    i->head_len = (uint16_t)head_len;
    i->label_len = (uint16_t)label_len;
    i->range_len = (uint16_t)plan->index_range.len;
    i->path_len = (uint16_t)plan->browse_path.len;
    i->node_at = (uint16_t)node_at;
    i->node_len = (uint16_t)node.len;
    if (texts.len)
        memcpy(i->text, texts.at, texts.len);
    buffer_clear(&texts);
    return i;
}

static void set_backfill(const struct item_home *home, struct item *i)
{
    struct backfill *b = backfill_get(sources_backfills(home->sources),
                                      source_session(i->place.source), home->backfill);
    struct item_more *m = item_more(i);
    m->backfill = backfill_item_new(b, item_node(i), path_of(i), range_of(i), i);
    backfill_unref(&b);
    int64_t last = home->told ? told_take(home->told, item_told_key(i)) : 0;
    if (last)
        backfill_resume(m->backfill, last);
}

static bool has_heartbeat(const struct plan_item *plan)
{
    return plan->heartbeat_ms > 0 && !plan->event_filter.len;
}

static void set_heartbeat(struct item *i, const struct item_home *home,
                          const struct plan_item *plan)
{
    if (!has_heartbeat(plan) || item_event(i))
        return;
    struct item_more *m = item_more(i);
    if (!m->heartbeat)
        m->heartbeat = heartbeat_new(sources_loop(home->sources), home->on_heartbeat, i);
    heartbeat_set(m->heartbeat, (uint64_t)plan->heartbeat_ms, plan->heartbeat);
}

static struct source_wish wish_of(const struct item *i, const struct plan_item *plan)
{
    bool event = item_event(i) != NULL;
    struct source_wish wish = {
        .item = {.late_filter = event,
                 .sampling_ms = (double)plan->sampling_ms,
                 .queue_size = plan->queue_size,
                 .attribute = event ? UA_ATTRIBUTEID_EVENTNOTIFIER : plan->attribute,
                 .discard_new = plan->discard_new,
                 .registered = plan->register_node},
        .cyclic = plan->cyclic_read && !event,
        .max_age_ms = (double)plan->cyclic_max_age_ms,
    };
    item_describe(i, &wish.item);
    return wish;
}

/* ---- its place ---- */

void item_place(struct item *i, const struct item_home *home, struct source_wish *wish)
{
    const struct item_names *own = names_of(i);
    struct item *trigger = own ? own->trigger : NULL;
    if (trigger && !trigger->place.source)
        return; /* with its trigger */
    wish->trigger = trigger ? &trigger->place : NULL;
    source_add(home->sources, home->spec, &i->place, wish);
    if (i->wants_backfill && !item_backfill(i))
        set_backfill(home, i);
    for (size_t n = 0; own && n < own->linked_count; n++) {
        struct item *linked = own->linked[n];
        struct item_names *of = linked->more->names;
        if (!linked->place.source && !of->lookup)
            item_place(linked, home, &of->wish);
    }
}

static void set_event(struct item *i, const struct item_home *home, const struct plan_item *plan)
{
    struct event_item *event =
        event_item_new(&(struct event_item_home){.types = sources_event_types(home->sources),
                                                 .loop = sources_loop(home->sources),
                                                 .format = home->id_format,
                                                 .events = home->events,
                                                 .arg = i},
                       plan);
    if (event)
        item_more(i)->event = event;
}

/* Returns the one before, which the server may still be told of. */
static UA_ExtensionObject *set_filter(struct item *i, const struct plan_item *plan)
{
    UA_ExtensionObject *before = i->more ? i->more->filter : NULL,
                       *filter = item_event(i) ? NULL : data_change_filter(plan);
    if (filter || before)
        item_more(i)->filter = filter;
    return before;
}

struct item *item_new(const struct item_home *home, const struct plan_item *plan,
                      struct item *trigger)
{
    struct item *i = item_with_texts(home, plan);
    i->key = item_key(plan, trigger);
    i->node_key = item_node_key(plan, trigger);
    i->skip_first = plan->skip_first;
    i->place.writer = home->writer;
    i->place.status = UA_STATUSCODE_GOODCALLAGAIN;
    set_event(i, home, plan);
    set_filter(i, plan);
    bool event = item_event(i) != NULL;
    i->wants_backfill =
        plan->backfill && !event && !plan->cyclic_read && (i->node_len || i->path_len);
    set_heartbeat(i, home, plan);
    struct source_wish wish = wish_of(i, plan);
    if (plan->class_field_id.len && !event)
        (void)opcua_guid_parse(plan->class_field_id, &item_names(i, home)->class_field_id);
    if (trigger)
        item_names_link(i, home, trigger);
    bool named = !item_names_wanted(home, plan);
    if (!named || names_of(i))
        item_names(i, home)->wish = wish;
    if (named)
        item_place(i, home, &wish);
    else
        item_names_ask(i, plan);
    return i;
}

static void more_free(struct item_more *m)
{
    if (m->names)
        item_names_free(m->names);
    if (m->filter)
        UA_ExtensionObject_delete(m->filter);
    if (m->last)
        UA_DataValue_delete(m->last);
    free(m);
}

void item_free(struct item *i)
{
    struct item_more *m = i->more;
    if (m) {
        heartbeat_free(&m->heartbeat);
        event_item_free(&m->event);
        backfill_item_free(&m->backfill);
    }
    if (i->place.source)
        source_remove(&i->place);
    if (m)
        more_free(m);
    free(i);
}

/* ---- what is the same ---- */

uint64_t item_key(const struct plan_item *plan, const struct item *trigger)
{
    return plan->key ^ (trigger ? trigger->node_key * 31 : 0);
}

static void mix(uint64_t *h, struct slice s)
{
    *h = (*h ^ slice_hash(s)) * 0x100000001b3u;
}

static void mix_number(uint64_t *h, int64_t n)
{
    mix(h, slice_from(&n, sizeof n));
}

uint64_t item_told_key(const struct item *i)
{
    uint64_t h = 0xcbf29ce484222325u;
    mix(&h, opcua_session_url(source_session(i->place.source)));
    mix(&h, writer_name(i->place.writer));
    const struct slice place[] = {item_node(i), range_of(i), path_of(i)};
    struct buffer texts = {0};
    for (size_t n = 0; n < sizeof place / sizeof place[0]; n++) {
        buffer_put(&texts, place[n]);
        buffer_u8(&texts, 0);
    }
    mix(&h, buffer_slice(&texts));
    buffer_clear(&texts);
    return h;
}

/* All but what ModifyMonitoredItems and we ourselves can change on the way. A heartbeat that begins
 * needs a value, and gets it with an item made anew. */
uint64_t item_node_key(const struct plan_item *plan, const struct item *trigger)
{
    const struct slice texts[] = {plan->node,           plan->index_range,  plan->browse_path,
                                  plan->field,          plan->field_id,     plan->display_name,
                                  plan->class_field_id, plan->event_filter};
    bool cyclic = plan->cyclic_read, event = plan->event_filter.len > 0;
    const int64_t numbers[] = {plan->attribute,
                               cyclic | event << 1 | plan->register_node << 2 |
                                   plan->fetch_display_name << 3 | plan->refresh_conditions << 4 |
                                   has_heartbeat(plan) << 5,
                               cyclic ? plan->sampling_ms : 0,
                               cyclic ? plan->cyclic_max_age_ms : 0,
                               event ? plan->sampling_ms << 32 | plan->queue_size : 0,
                               plan->snapshot_ms,
                               plan->update_ms,
                               plan->rebrowse_ms};
    uint64_t h = trigger ? trigger->node_key : 0xcbf29ce484222325u;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        mix(&h, texts[i]);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        mix_number(&h, numbers[i]);
    return h;
}

uint64_t item_field_key(const struct item *i)
{
    const struct event_item *event = item_event(i);
    const struct slice texts[] = {item_node(i), range_of(i), path_of(i), text_at(i, 0, i->head_len),
                                  event ? event_item_query(event) : (struct slice){0}};
    static const UA_Guid none;
    const UA_Guid *class_field_id = names_of(i) ? &names_of(i)->class_field_id : &none;
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t n = 0; n < sizeof texts / sizeof texts[0]; n++)
        mix(&h, texts[n]);
    mix(&h, slice_from(class_field_id, sizeof *class_field_id));
    mix_number(&h, i->place.attribute);
    return h;
}

void item_modify(struct item *i, const struct item_home *home, const struct plan_item *plan,
                 const struct item *trigger)
{
    i->key = item_key(plan, trigger);
    i->skip_first = plan->skip_first;
    set_heartbeat(i, home, plan);
    if (item_event(i))
        return;
    UA_ExtensionObject *before = set_filter(i, plan);
    struct source_wish wish = wish_of(i, plan);
    wish.item.linked = trigger != NULL;
    if (names_of(i))
        i->more->names->wish = wish;
    if (i->place.source && !wish.cyclic)
        source_modify(&i->place, &wish.item);
    if (before)
        UA_ExtensionObject_delete(before);
}
