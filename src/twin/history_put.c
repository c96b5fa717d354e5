#include "opcua/data_type.h"
#include "twin/history.h"

/* ---- values ---- */

static const char *update_name(UA_HistoryUpdateType type)
{
    static const char *const names[] = {"Insert", "Replace", "Update", "Delete"};
    return type >= 1 && type <= 4 ? names[type - 1] : NULL;
}

static void put_modification(struct json_writer *w, const UA_ModificationInfo *m)
{
    const char *name = update_name(m->updateType);
    json_name(w, "modificationInfo");
    json_object(w);
    twin_put_time(w, "modificationTime", true, m->modificationTime);
    if (name)
        json_member(w, "updateType", slice_of(name));
    json_member(w, "userName", opcua_slice(m->userName));
    json_end_object(w);
}

/* What a historian says in a status code's last bits (Part 11, 6.8). */
static void put_provenance(struct json_writer *w, UA_StatusCode status)
{
    static const char *const locations[] = {NULL, "Calculated", "Interpolated", NULL};
    static const struct {
        uint32_t bit;
        const char *name;
    } additional[] = {{4, "Partial"}, {8, "ExtraData"}, {16, "MultipleValues"}};
    struct buffer text = {0};
    const char *location = (status & 0xc00) == 0x400 ? locations[status & 3] : NULL;
    if (location)
        json_member(w, "dataLocation", slice_of(location));
    for (size_t i = 0; i < 3; i++)
        if ((status & 0xc00) == 0x400 && status & additional[i].bit)
            buffer_printf(&text, "%s%s", text.len ? ", " : "", additional[i].name);
    json_member(w, "additionalData", buffer_slice(&text));
    buffer_clear(&text);
}

static void put_status(struct twin_request *r, UA_StatusCode status)
{
    struct json_writer *w = &r->writer;
    if (r->of_2_8) {
        json_name(w, "statusCode"), json_put_u64(w, status);
        return;
    }
    if (status != UA_STATUSCODE_GOOD)
        json_name(w, "status"), opcua_put_result(w, status, NULL);
    put_provenance(w, status);
}

static void put_value(struct twin_request *r, const UA_DataValue *v,
                      const UA_ModificationInfo *modification)
{
    struct json_writer *w = &r->writer;
    json_object(w);
    if (v->hasValue && !UA_Variant_isEmpty(&v->value)) {
        json_name(w, "value");
        opcua_value_json_variant(&v->value, &r->form, w->out);
        w->comma = true;
        if (!r->of_2_8)
            json_name(w, "dataType"),
                json_put_text(w, opcua_data_type_builtin(v->value.type)->typeName);
    }
    put_status(r, v->hasStatus ? v->status : UA_STATUSCODE_GOOD);
    twin_put_time(w, "sourceTimestamp", v->hasSourceTimestamp, v->sourceTimestamp);
    twin_put_picoseconds(w, "sourcePicoseconds", v->hasSourcePicoseconds, v->sourcePicoseconds);
    twin_put_time(w, "serverTimestamp", v->hasServerTimestamp, v->serverTimestamp);
    twin_put_picoseconds(w, "serverPicoseconds", v->hasServerPicoseconds, v->serverPicoseconds);
    if (modification)
        put_modification(w, modification);
    json_end_object(w);
}

static void put_values(struct twin_request *r, const UA_DataValue *values, size_t count,
                       const UA_ModificationInfo *modifications)
{
    for (size_t i = 0; i < count; i++)
        put_value(r, &values[i], modifications ? &modifications[i] : NULL);
}

/* ---- events ---- */

static void put_event(struct twin_request *r, const UA_HistoryEventFieldList *event)
{
    struct json_writer *w = &r->writer;
    json_object(w);
    json_name(w, "eventFields");
    json_array(w);
    for (size_t i = 0; i < event->eventFieldsSize; i++) {
        json_put_raw(w, (struct slice){0}); /* the comma */
        opcua_value_json_variant(&event->eventFields[i], &r->form, w->out);
    }
    json_end_array(w);
    json_end_object(w);
}

/* ---- the whole ---- */

static const void *decoded(const UA_ExtensionObject *data, size_t type)
{
    bool is = data->encoding >= UA_EXTENSIONOBJECT_DECODED &&
              data->content.decoded.type == &UA_TYPES[type];
    return is ? data->content.decoded.data : NULL;
}

size_t history_put_elements(struct twin_request *r, enum history_shape shape,
                            const UA_ExtensionObject *data)
{
    const UA_HistoryData *plain = decoded(data, UA_TYPES_HISTORYDATA);
    const UA_HistoryModifiedData *modified = decoded(data, UA_TYPES_HISTORYMODIFIEDDATA);
    const UA_HistoryEvent *events = decoded(data, UA_TYPES_HISTORYEVENT);
    if (shape == HISTORY_VALUES && plain) {
        put_values(r, plain->dataValues, plain->dataValuesSize, NULL);
        return plain->dataValuesSize;
    }
    if (shape == HISTORY_VALUES && modified) {
        bool whole = modified->modificationInfosSize == modified->dataValuesSize;
        put_values(r, modified->dataValues, modified->dataValuesSize,
                   whole ? modified->modificationInfos : NULL);
        return modified->dataValuesSize;
    }
    if (shape == HISTORY_EVENTS && events) {
        for (size_t i = 0; i < events->eventsSize; i++)
            put_event(r, &events->events[i]);
        return events->eventsSize;
    }
    return 0;
}

/* Its type with it, whatever the form is: who reads it cannot know. */
void history_put_raw(struct twin_request *r, const UA_ExtensionObject *data)
{
    struct json_writer *w = &r->writer;
    if (data->encoding < UA_EXTENSIONOBJECT_DECODED) {
        opcua_value_json_put(data, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT], &r->form, w->out);
        w->comma = true;
        return;
    }
    const UA_DataType *type = data->content.decoded.type;
    json_object(w);
    json_name(w, "TypeId"); /* all of these are OPC UA's own; never by name, whatever the form is */
    json_put_text(w, arena_printf(&r->arena, "i=%u", type->typeId.identifier.numeric));
    json_name(w, "Encoding"), json_put_text(w, "Json");
    json_name(w, "Body");
    opcua_value_json_put(data->content.decoded.data, type, &r->form, w->out);
    w->comma = true;
    json_end_object(w);
}
