#include "publisher/item.h"

#include <stdlib.h>

#include "base/memory.h"
#include "json/write.h"

/* ---- an item's texts ---- */

static struct slice text_at(const struct item *i, size_t at, size_t len)
{
    return slice_from(i->text + at, len);
}

static const char *range_of(const struct item *i)
{
    return i->range_len ? i->text + i->node_len + 1 : NULL;
}

struct slice item_head(const struct item *i)
{
    return text_at(i, i->node_len + i->range_len + 2u, i->head_len);
}

struct slice item_label(const struct item *i)
{
    return text_at(i, i->node_len + i->range_len + 2u + i->head_len, i->label_len);
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
    if (f)
        put_events(f, out);
    if (i->event)
        return;
    UA_NodeId id = UA_NODEID_NULL;
    if (opcua_node_id_parse(slice_of(i->text), names, &id, NULL) != OK)
        id = UA_NODEID_NULL; /* the field is there all the same */
    put_field(item_head(i), &id, out);
    UA_NodeId_clear(&id);
}

/* ---- making one ---- */

/* {"NodeId":"…" of a sample, or "name": of a data set's field. */
static void make_head(const struct form *form, const struct plan_item *plan, struct buffer *out)
{
    bool samples = form->samples;
    if (samples)
        buffer_put(out, SLICE("{\"NodeId\":"));
    json_escape(out, samples ? plan->node : plan->field);
    if (!samples)
        buffer_u8(out, ':');
}

static void make_label(const struct form *form, const struct plan_item *plan, struct buffer *out)
{
    if (!form->samples || !plan->display_name.len)
        return;
    buffer_put(out, SLICE("\"DisplayName\":"));
    json_escape(out, plan->display_name);
}

static UA_ExtensionObject *data_change_filter(const struct plan_item *plan)
{
    bool plain = plan->trigger <= TRIGGER_STATUS_VALUE && plan->trigger != TRIGGER_STATUS;
    if (plan->event_filter.len || plan->attribute == UA_ATTRIBUTEID_EVENTNOTIFIER || (plain && plan->deadband_type == DEADBAND_NONE))
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

static struct item *item_with_texts(const struct form *form, const struct plan_item *plan)
{
    struct buffer head = {0}, label = {0};
    make_head(form, plan, &head);
    make_label(form, plan, &label);
    size_t len = plan->node.len + plan->index_range.len + 2 + head.len + label.len;
    struct item *i = memory_new(sizeof *i + len);
    i->node_len = (uint16_t)plan->node.len;
    i->range_len = (uint16_t)plan->index_range.len;
    i->head_len = (uint16_t)head.len;
    i->label_len = (uint16_t)label.len;
    char *at = i->text;
    append(&at, plan->node);
    at++;
    append(&at, plan->index_range);
    at++;
    append(&at, buffer_slice(&head));
    append(&at, buffer_slice(&label));
    buffer_clear(&head);
    buffer_clear(&label);
    return i;
}

static void on_event_ready(void *arg)
{
    struct item *i = arg;
    source_retry(&i->place);
}

struct item *item_new(const struct item_home *home, const struct plan_item *plan)
{
    struct item *i = item_with_texts(home->form, plan);
    i->key = slice_hash(plan->key);
    i->skip_first = plan->skip_first;
    i->filter = data_change_filter(plan);
    i->place.writer = home->writer;
    i->event = event_item_new(&(struct event_item_home){.types = sources_event_types(home->sources),
                                                        .format = home->id_format,
                                                        .on_ready = on_event_ready,
                                                        .arg = i},
                              plan);
    if (plan->heartbeat_ms > 0 && !i->event)
        i->heartbeat = heartbeat_new(sources_loop(home->sources), (uint64_t)plan->heartbeat_ms,
                                     plan->heartbeat, home->on_heartbeat, i);
    struct opcua_item item = {
        .node = i->text,
        .index_range = range_of(i),
        .filter = i->filter,
        .late_filter = i->event != NULL,
        .sampling_ms = (double)plan->sampling_ms,
        .queue_size = plan->queue_size,
        .attribute = i->event ? UA_ATTRIBUTEID_EVENTNOTIFIER : plan->attribute,
        .discard_new = plan->discard_new,
    };
    source_add(home->sources, home->spec, &i->place, &item);
    return i;
}

void item_free(struct item *i)
{
    heartbeat_free(&i->heartbeat);
    event_item_free(&i->event);
    if (i->place.source)
        source_remove(&i->place);
    if (i->filter)
        UA_ExtensionObject_delete(i->filter);
    if (i->last)
        UA_DataValue_delete(i->last);
    free(i);
}
