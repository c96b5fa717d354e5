#include "writers/event_writer.h"

#include "base/encoding.h"
#include "json/write.h"
#include "writers/writer.h"

/* ---- data set messages of events ---- */

/* They are called after their type, too: "writer|SystemEventType". */
static struct buffer name_with(const struct buffer *writer, struct slice type)
{
    struct buffer name = {0}, quoted = {0};
    buffer_put(&name, buffer_slice(writer));
    if (type.len) {
        json_escape(&quoted, type);
        name.at[name.len - 1] = '|';
        buffer_put(&name, slice_skip(buffer_slice(&quoted), 1));
    }
    buffer_clear(&quoted);
    return name;
}

/* What is told of an event, whoever made it. */
struct telling {
    const struct buffer *heads; /* "name": of each field */
    UA_EventFieldList fields;   /* borrowed */
    struct slice type;          /* name; may be empty */
    enum frame frame;
    UA_DateTime now;
};

static void put_fields(struct group *g, struct data_set *d, const struct telling *t,
                       const struct opcua_namespaces *names)
{
    struct buffer name = name_with(&d->name, t->type);
    struct data_set_head head = {.frame = t->frame, .now = t->now, .name = buffer_slice(&name)};
    group_begin(g, d, &head, names);
    for (size_t at = 0; at < t->fields.eventFieldsSize; at++) {
        bool timed = t->frame == FRAME_CONDITION; /* told again: as of now */
        UA_DataValue v = {.hasValue = true,
                          .value = t->fields.eventFields[at],
                          .hasSourceTimestamp = timed,
                          .sourceTimestamp = t->now};
        group_field(g, buffer_slice(&t->heads[at]), (uint32_t)at, &v);
    }
    group_end(g);
    buffer_clear(&name);
}

static void put(struct item *i, const struct telling *t)
{
    struct writer *w = i->place.writer;
    struct group *g = writer_group(w);
    const struct opcua_namespaces *names =
        opcua_session_namespaces(source_session(i->place.source));
    if (!group_form(g)->samples) {
        put_fields(g, writer_data_set(w), t, names);
        return;
    }
    group_sample(g, writer_data_set(w),
                 &(struct sample){.node = item_head(i),
                                  .label = item_label(i),
                                  .event = &t->fields,
                                  .heads = t->heads,
                                  .now = t->now},
                 names);
}

/* ---- of the server ---- */

static void put_event(struct item *i, const UA_EventFieldList *event, enum frame frame,
                      UA_DateTime now)
{
    const struct event_filter *f = event_item_made(item_event(i));
    struct telling t = {.heads = f->heads, .fields = *event, .frame = frame, .now = now};
    t.fields.eventFieldsSize = f->field_count; /* the others are ours */
    if (event_item_name(item_event(i), source_session(i->place.source), event, &t.type) != OK)
        t.type = (struct slice){0};
    put(i, &t);
}

bool event_writer_put(struct item *i, const UA_EventFieldList *event, UA_DateTime now)
{
    const struct event_filter *f = event_item_made(item_event(i));
    if (!f || f->select_count != event->eventFieldsSize) /* of a filter that was */
        return false;
    if (!event_item_take(item_event(i), event))
        return false;
    put_event(i, event, FRAME_EVENT, now);
    return true;
}

/* ---- snapshots ---- */

/* When messages have no room the next snapshot will do. */
static void on_snapshot(void *arg, const struct conditions *all)
{
    struct item *i = arg;
    struct writer *w = i->place.writer;
    const struct event_filter *f = event_item_made(item_event(i));
    UA_DateTime now = UA_DateTime_now();
    UA_EventFieldList event;
    size_t at = 0;
    if (!source_has_room(&i->place))
        return;
    while (conditions_next(all, &at, &event)) {
        if (!f || event.eventFieldsSize != f->select_count)
            continue; /* of a filter that was */
        put_event(i, &event, FRAME_CONDITION, now);
        group_notified(writer_group(w), writer_data_set(w));
    }
}

/* ---- changes of the model ---- */

#define TEXT(text)                                                                                 \
    {                                                                                              \
        (uint8_t *)(uintptr_t)(text), sizeof(text) - 1, 0                                          \
    }

static const struct buffer model_heads[] = {
    TEXT("\"EventId\":"), TEXT("\"EventType\":"), TEXT("\"SourceNode\":"),
    TEXT("\"Time\":"),    TEXT("\"Change\":"),    TEXT("\"OldValue\":"),
};

#define MODEL_FIELDS (sizeof model_heads / sizeof model_heads[0])

static const struct {
    struct slice name;
    size_t type;
} model_fields[MODEL_FIELDS] = {
    {SLICE_INIT("EventId"), UA_TYPES_BYTESTRING},
    {SLICE_INIT("EventType"), UA_TYPES_EXPANDEDNODEID},
    {SLICE_INIT("SourceNode"), UA_TYPES_NODEID},
    {SLICE_INIT("Time"), UA_TYPES_DATETIME},
    {SLICE_INIT("Change"), UA_TYPES_REFERENCEDESCRIPTION},
    {SLICE_INIT("OldValue"), UA_TYPES_REFERENCEDESCRIPTION},
};

void event_writer_put_model_metadata(struct metadata_fields *out)
{
    for (size_t i = 0; i < MODEL_FIELDS; i++)
        metadata_add(out, model_fields[i].name, NULL)->type = &UA_TYPES[model_fields[i].type];
}

#define MODEL_TYPES "http://www.microsoft.com/opc-publisher"

static void set(UA_Variant *v, const void *value, size_t type)
{
    UA_Variant_setScalar(v, (void *)(uintptr_t)value, &UA_TYPES[type]);
}

static bool on_model_change(void *arg, const struct model_change *c)
{
    struct item *i = arg;
    struct writer *w = i->place.writer;
    const char *name = c->of_node ? "NodeChange" : "ReferenceChange";
    UA_ExpandedNodeId type = {.nodeId = UA_NODEID_STRING(0, (char *)(uintptr_t)name),
                              .namespaceUri = UA_STRING_STATIC(MODEL_TYPES)};
    UA_Guid random = UA_Guid_random();
    UA_ByteString id = {sizeof random, (UA_Byte *)&random};
    UA_DateTime now = UA_DateTime_now();
    UA_Variant fields[MODEL_FIELDS] = {0};
    set(&fields[0], &id, UA_TYPES_BYTESTRING);
    set(&fields[1], &type, UA_TYPES_EXPANDEDNODEID);
    set(&fields[2], c->source, UA_TYPES_NODEID);
    set(&fields[3], &now, UA_TYPES_DATETIME);
    if (c->now)
        set(&fields[4], c->now, UA_TYPES_REFERENCEDESCRIPTION);
    if (c->before)
        set(&fields[5], c->before, UA_TYPES_REFERENCEDESCRIPTION);
    put(i, &(struct telling){.heads = model_heads,
                          .fields = {.eventFieldsSize = c->before ? MODEL_FIELDS : MODEL_FIELDS - 1,
                                     .eventFields = fields},
                          .type = slice_of(name),
                          .frame = FRAME_EVENT,
                          .now = now});
    writer_count_model_change(w);
    group_notified(writer_group(w), writer_data_set(w));
    return source_has_room(&i->place);
}

/* ---- what the item needs ---- */

static void on_ready(void *arg)
{
    struct item *i = arg;
    source_retry(&i->place);
}

static bool ids(void *arg, uint32_t *subscription, uint32_t *item)
{
    struct item *i = arg;
    return source_ids(&i->place, subscription, item);
}

const struct event_item_events event_writer_events = {
    .on_ready = on_ready,
    .ids = ids,
    .on_snapshot = on_snapshot,
    .on_model_change = on_model_change,
};
