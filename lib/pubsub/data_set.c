#include "pubsub/data_set.h"

#include <stdlib.h>

#include "base/memory.h"
#include "json/write.h"
#include "opcua/value_json.h"
#include "opcua/value_json_read.h"
#include "pubsub/encoder.h"

#define URL "EndpointUrl"
#define URI "ApplicationUri"

/* ---- extension fields ---- */

static struct data_set_extra *add_extra(struct data_set *d, struct slice name)
{
    d->extras = memory_resize(d->extras, (d->extra_count + 1) * sizeof *d->extras);
    struct data_set_extra *e = &d->extras[d->extra_count++];
    *e = (struct data_set_extra){0};
    UA_String text = {name.len, (UA_Byte *)(uintptr_t)name.at};
    UA_String_copy(&text, &e->name);
    return e;
}

/* Whole numbers of JSON are Int64 to whom nobody told a type; most would do with less. */
static void make_small(UA_Variant *v)
{
    if (!UA_Variant_hasScalarType(v, &UA_TYPES[UA_TYPES_INT64]))
        return;
    UA_Int64 n = *(UA_Int64 *)v->data;
    UA_Int32 small = (UA_Int32)n;
    if (small != n)
        return;
    UA_Variant_clear(v);
    UA_Variant_setScalarCopy(v, &small, &UA_TYPES[UA_TYPES_INT32]);
}

static void set_extension_fields(struct data_set *d, struct slice members)
{
    struct buffer text = {0};
    struct json_doc *doc;
    buffer_printf(&text, "{%.*s}", SLICE_FMT(members));
    if (json_parse(buffer_slice(&text), JSON_STRICT, &doc, NULL) == OK) {
        struct json_walk fields = json_walk(json_root(doc));
        while (json_next(&fields)) {
            struct data_set_extra *e = add_extra(d, fields.name);
            if (opcua_value_json_read(fields.value, NULL, UA_VALUERANK_ANY, NULL, &e->value,
                                      NULL) != OK)
                UA_Variant_init(&e->value);
            make_small(&e->value);
        }
        json_free(&doc);
    }
    buffer_clear(&text);
}

static void set_text(struct data_set *d, struct slice name, struct slice text)
{
    struct data_set_extra *e = NULL;
    for (uint32_t i = 0; i < d->extra_count && !e; i++)
        if (slice_eq(opcua_slice(d->extras[i].name), name))
            e = &d->extras[i];
    if (!e)
        e = add_extra(d, name);
    UA_String value = {text.len, (UA_Byte *)(uintptr_t)text.at};
    UA_Variant_clear(&e->value);
    UA_Variant_setScalarCopy(&e->value, &value, &UA_TYPES[UA_TYPES_STRING]);
}

/* As the fields of a payload. */
static void render_extras(struct data_set *d, const struct encoder *e)
{
    struct buffer *out = &d->extra;
    buffer_reset(out);
    for (uint32_t i = 0; i < d->extra_count; i++) {
        UA_DataValue v = {.hasValue = true, .value = d->extras[i].value};
        if (i)
            buffer_u8(out, ',');
        json_escape(out, opcua_slice(d->extras[i].name));
        buffer_u8(out, ':');
        opcua_value_json_data_value(&v, e->form->field_mask, &e->value_form, out);
    }
}

/* ---- samples ---- */

/* Full samples carry these as texts. */
static void set_sample_fields(struct data_set *d, const struct plan_group *group,
                              const struct plan_writer *writer)
{
    struct buffer *out = &d->extra;
    const struct slice members[][2] = {{SLICE("\"DataSetWriterId\":"), writer->name},
                                       {SLICE(",\"PublisherId\":"), group->publisher_id},
                                       {SLICE(",\"WriterGroupId\":"), group->name}};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        buffer_put(out, members[i][0]);
        json_escape(out, members[i][1]);
    }
    if (writer->extension_fields.len) {
        buffer_u8(out, ',');
        buffer_put(out, writer->extension_fields);
    }
}

static void set_origin(struct data_set *d, bool full, struct slice url, struct slice uri)
{
    buffer_reset(&d->origin);
    buffer_text(&d->origin, ",\"" URL "\":");
    json_escape(&d->origin, url);
    if (full && uri.len) {
        buffer_text(&d->origin, ",\"" URI "\":");
        json_escape(&d->origin, uri);
    }
    buffer_u8(&d->origin, ',');
}

/* ---- all of it ---- */

void data_set_of_server(struct data_set *d, const struct encoder *e, struct slice endpoint_url,
                        struct slice application_uri)
{
    const struct form *f = e->form;
    if (f->samples) {
        set_origin(d, f->full, endpoint_url, application_uri);
        return;
    }
    if (f->full) {
        set_text(d, SLICE(URL), endpoint_url);
        set_text(d, SLICE(URI), application_uri);
    }
    render_extras(d, e);
}

void data_set_init(struct data_set *d, const struct form *f, const struct plan_group *group,
                   const struct plan_writer *writer, uint32_t id)
{
    *d = (struct data_set){.id = id, .major = 1};
    json_escape(&d->name, writer->name);
    if (f->samples && f->full)
        set_sample_fields(d, group, writer);
    else if (!f->samples && writer->extension_fields.len)
        set_extension_fields(d, writer->extension_fields);
}

void data_set_clear(struct data_set *d)
{
    buffer_clear(&d->name);
    buffer_clear(&d->extra);
    buffer_clear(&d->origin);
    for (uint32_t i = 0; i < d->extra_count; i++) {
        UA_String_clear(&d->extras[i].name);
        UA_Variant_clear(&d->extras[i].value);
    }
    free(d->extras);
}
