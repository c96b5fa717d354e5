#include "publisher/item.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/lookup.h"
#include "publisher/event_writer.h"
#include "publisher/writer.h"
#include "json/write.h"

#define NAMES_AGAIN_MS 10000

/* ---- an item's texts ---- */

static struct slice text_at(const struct item *i, size_t at, size_t len)
{
    return slice_from(i->text + at, len);
}

static const char *range_of(const struct item *i)
{
    return i->range_len ? i->text + i->node_len + 1 : NULL;
}

static const char *path_of(const struct item *i)
{
    return i->path_len ? i->text + i->node_len + i->range_len + 2 : NULL;
}

static size_t head_at(const struct item *i)
{
    return (size_t)i->node_len + i->range_len + i->path_len + 3;
}

struct slice item_head(const struct item *i)
{
    if (i->more && i->more->head.len)
        return buffer_slice(&i->more->head);
    return text_at(i, head_at(i), i->head_len);
}

struct slice item_label(const struct item *i)
{
    if (i->more && i->more->label.len)
        return buffer_slice(&i->more->label);
    return text_at(i, head_at(i) + i->head_len, i->label_len);
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
    const struct event_filter *f = i->event ? event_item_made(i->event) : NULL;
    if (i->event && event_item_follows_model(i->event))
        event_writer_put_model_metadata(out);
    else if (f)
        put_events(f, out);
    if (i->event)
        return;
    UA_NodeId id = UA_NODEID_NULL;
    if (opcua_node_id_parse(slice_of(i->text), names, &id, NULL) != OK)
        id = UA_NODEID_NULL; /* the field is there all the same */
    size_t before = out->count;
    if (slice_starts(item_head(i), SLICE("{"))) /* of samples: they name their node */
        metadata_add(out, slice_of(i->text), &id);
    else
        put_field(item_head(i), &id, out);
    if (i->more && out->count > before)
        out->at[before].id = i->more->class_field_id;
    UA_NodeId_clear(&id);
}

/* ---- making one ---- */

/* {"NodeId":"…" of a sample, or "name": of a data set's field. */
static void put_head(const struct form *form, struct slice node, struct slice field,
                     struct buffer *out)
{
    if (form->samples)
        buffer_put(out, SLICE("{\"NodeId\":"));
    json_escape(out, form->samples ? node : field);
    if (!form->samples)
        buffer_u8(out, ':');
}

static void put_label(const struct form *form, struct slice display_name, struct buffer *out)
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

static void append(char **at, struct slice s)
{
    if (s.len)
        memcpy(*at, s.at, s.len);
    *at += s.len;
}

static struct item *item_with_texts(const struct item_home *home, const struct plan_item *plan)
{
    struct buffer head = {0}, label = {0};
    struct slice node = plan->node.len || !plan->browse_path.len ? plan->node : home->root_node;
    put_head(home->form, plan->node, plan->field, &head);
    put_label(home->form, plan->display_name, &label);
    size_t len =
        node.len + plan->index_range.len + plan->browse_path.len + 3 + head.len + label.len;
    struct item *i = memory_new(sizeof *i + len);
    i->node_len = (uint16_t)node.len;
    i->range_len = (uint16_t)plan->index_range.len;
    i->path_len = (uint16_t)plan->browse_path.len;
    i->head_len = (uint16_t)head.len;
    i->label_len = (uint16_t)label.len;
    char *at = i->text;
    append(&at, node);
    at++;
    append(&at, plan->index_range);
    at++;
    append(&at, plan->browse_path);
    at++;
    append(&at, buffer_slice(&head));
    append(&at, buffer_slice(&label));
    buffer_clear(&head);
    buffer_clear(&label);
    return i;
}

static void set_backfill(const struct item_home *home, struct item *i)
{
    struct backfill *b = backfill_get(sources_backfills(home->sources),
                                      source_session(i->place.source), home->backfill);
    i->backfill = backfill_item_new(b, i->text, path_of(i), range_of(i), i);
    backfill_unref(&b);
    int64_t last = home->told ? told_take(home->told, item_told_key(i)) : 0;
    if (last)
        backfill_resume(i->backfill, last);
}

static bool has_heartbeat(const struct plan_item *plan)
{
    return plan->heartbeat_ms > 0 && !plan->event_filter.len;
}

static void set_heartbeat(struct item *i, const struct item_home *home,
                          const struct plan_item *plan)
{
    if (!has_heartbeat(plan) || i->event)
        return;
    if (!i->heartbeat)
        i->heartbeat = heartbeat_new(sources_loop(home->sources), home->on_heartbeat, i);
    heartbeat_set(i->heartbeat, (uint64_t)plan->heartbeat_ms, plan->heartbeat);
}

static struct source_wish wish_of(const struct item *i, const struct plan_item *plan)
{
    return (struct source_wish){
        .item = {.node = i->text,
                 .path = path_of(i),
                 .index_range = range_of(i),
                 .filter = i->filter,
                 .late_filter = i->event != NULL,
                 .sampling_ms = (double)plan->sampling_ms,
                 .queue_size = plan->queue_size,
                 .attribute = i->event ? UA_ATTRIBUTEID_EVENTNOTIFIER : plan->attribute,
                 .discard_new = plan->discard_new,
                 .registered = plan->register_node},
        .cyclic = plan->cyclic_read && !i->event,
        .max_age_ms = (double)plan->cyclic_max_age_ms,
    };
}

/* ---- names that the server knows ---- */

static struct item_more *more_of(struct item *i, const struct item_home *home)
{
    if (!i->more) {
        i->more = MEMORY_NEW(struct item_more);
        i->more->item = i;
        i->more->home = home;
    }
    return i->more;
}

/* Its display name stands in for one that the configuration does not give. */
static bool wants_display_name(const struct item_home *home, const struct plan_item *plan)
{
    return plan->fetch_display_name && !plan->display_name.len &&
           (home->form->samples || !plan->field_id.len);
}

static bool has_no_name(const struct item_home *home, const struct plan_item *plan)
{
    return home->form->samples ? plan->node.len == 0 : plan->field.len == 0;
}

static bool needs_names(const struct item_home *home, const struct plan_item *plan)
{
    return wants_display_name(home, plan) || has_no_name(home, plan) || home->on_way;
}

static void place(struct item *i, const struct item_home *home, struct source_wish *wish)
{
    struct item *trigger = i->more ? i->more->trigger : NULL;
    if (trigger && !trigger->place.source)
        return; /* with its trigger */
    wish->trigger = trigger ? &trigger->place : NULL;
    source_add(home->sources, home->spec, &i->place, wish);
    if (i->wants_backfill && !i->backfill)
        set_backfill(home, i);
    for (size_t n = 0; i->more && n < i->more->linked_count; n++) {
        struct item *linked = i->more->linked[n];
        if (!linked->place.source && !linked->more->lookup)
            place(linked, home, &linked->more->wish);
    }
}

static void take_names(struct item *i, const struct opcua_lookup_answer *a)
{
    struct item_more *m = i->more;
    const struct form *form = m->home->form;
    struct buffer id = {0};
    opcua_node_id_print(a->node, opcua_session_namespaces(m->session), m->home->id_format, &id);
    struct slice name = a->display_name.len ? a->display_name : buffer_slice(&id);
    if (m->nameless || (!form->samples && a->display_name.len))
        put_head(form, buffer_slice(&id), name, &m->head);
    put_label(form, a->display_name, &m->label);
    buffer_clear(&id);
}

static void ask_for_names(void *arg);

static void on_names(void *arg, uint32_t what, const struct opcua_lookup_answer *a)
{
    struct item *i = arg;
    struct item_more *m = i->more;
    (void)what;
    m->lookup = NULL;
    if (UA_StatusCode_isBad(a->status)) {
        log_warn("publisher node not found at the server node=%s path=%s url=%.*s status=%s",
                 i->text, i->path_len ? path_of(i) : "", SLICE_FMT(opcua_session_url(m->session)),
                 UA_StatusCode_name(a->status));
        loop_timer_start(sources_loop(m->home->sources), &m->again, NAMES_AGAIN_MS, ask_for_names,
                         i);
        return;
    }
    take_names(i, a);
    if (m->home->on_way)
        m->home->on_way(m->home->writer, a->way, a->way_len);
    place(i, m->home, &m->wish);
}

static void ask_for_names(void *arg)
{
    struct item *i = arg;
    struct item_more *m = i->more;
    m->lookup = opcua_lookup(m->session, m->what, i->text, path_of(i), on_names, i, 0);
}

/* ---- making one ---- */

static void link_to(struct item *i, const struct item_home *home, struct item *trigger)
{
    struct item_more *t = more_of(trigger, home);
    more_of(i, home)->trigger = trigger;
    t->linked = memory_resize(t->linked, (t->linked_count + 1) * sizeof(struct item *));
    t->linked[t->linked_count++] = i;
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
    i->event = event_item_new(&(struct event_item_home){.types = sources_event_types(home->sources),
                                                        .loop = sources_loop(home->sources),
                                                        .format = home->id_format,
                                                        .events = home->events,
                                                        .arg = i},
                              plan);
    i->filter = i->event ? NULL : data_change_filter(plan);
    i->wants_backfill = plan->backfill && !i->event && !plan->cyclic_read && (i->node_len || i->path_len);
    set_heartbeat(i, home, plan);
    struct source_wish wish = wish_of(i, plan);
    if (plan->class_field_id.len && !i->event)
        (void)opcua_guid_parse(plan->class_field_id, &more_of(i, home)->class_field_id);
    if (trigger)
        link_to(i, home, trigger);
    if (i->more || needs_names(home, plan))
        more_of(i, home)->wish = wish;
    if (needs_names(home, plan)) {
        i->more->what = (wants_display_name(home, plan) ? OPCUA_LOOKUP_DISPLAY_NAME : 0) |
                        (home->on_way ? OPCUA_LOOKUP_WAY : 0);
        i->more->nameless = has_no_name(home, plan);
        i->more->session = sources_session(home->sources, home->spec);
        ask_for_names(i);
    } else {
        place(i, home, &wish);
    }
    return i;
}

static void more_free(struct item_more *m)
{
    if (m->lookup)
        opcua_lookup_cancel(m->lookup);
    loop_timer_stop(&m->again);
    for (size_t n = 0; n < m->linked_count; n++)
        m->linked[n]->more->trigger = NULL;
    struct item_more *t = m->trigger ? m->trigger->more : NULL;
    for (size_t n = 0; t && n < t->linked_count; n++)
        if (t->linked[n] == m->item)
            t->linked[n--] = t->linked[--t->linked_count];
    opcua_session_unref(&m->session);
    buffer_clear(&m->head);
    buffer_clear(&m->label);
    free(m->linked);
    free(m);
}

void item_free(struct item *i)
{
    heartbeat_free(&i->heartbeat);
    event_item_free(&i->event);
    backfill_item_free(&i->backfill);
    if (i->place.source)
        source_remove(&i->place);
    if (i->more)
        more_free(i->more);
    if (i->filter)
        UA_ExtensionObject_delete(i->filter);
    if (i->last)
        UA_DataValue_delete(i->last);
    free(i);
}

/* ---- what is the same ---- */

uint64_t item_key(const struct plan_item *plan, const struct item *trigger)
{
    return slice_hash(plan->key) ^ (trigger ? trigger->node_key * 31 : 0);
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
    mix(&h, text_at(i, 0, head_at(i))); /* node, range and path */
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

void item_modify(struct item *i, const struct item_home *home, const struct plan_item *plan,
                 const struct item *trigger)
{
    UA_ExtensionObject *filter = i->filter;
    i->key = item_key(plan, trigger);
    i->skip_first = plan->skip_first;
    set_heartbeat(i, home, plan);
    if (i->event)
        return;
    i->filter = data_change_filter(plan);
    struct source_wish wish = wish_of(i, plan);
    wish.item.linked = trigger != NULL;
    if (i->more)
        i->more->wish = wish;
    if (i->place.source && !wish.cyclic)
        source_modify(&i->place, &wish.item);
    if (filter)
        UA_ExtensionObject_delete(filter);
}
