/* Variants and data values as JSON. */
#include "opcua/value_json_priv.h"

/* ---- variants ---- */

static bool is_structure(const UA_DataType *type)
{
    return type->typeKind >= UA_DATATYPEKIND_STRUCTURE;
}

/* An element of a variant: structures there are extension objects. */
static void put_element(const void *v, const UA_DataType *type, const struct opcua_value_form *form,
                        struct buffer *out)
{
    if (is_structure(type))
        value_json_extension_of(v, type, form, out);
    else
        opcua_value_json_put(v, type, form, out);
}

static void put_elements(const void *at, size_t count, const UA_DataType *type,
                         const struct opcua_value_form *form, struct buffer *out)
{
    const uint8_t *element = at;
    buffer_u8(out, '[');
    for (size_t i = 0; i < count; i++, element += type->memSize) {
        if (i)
            buffer_u8(out, ',');
        put_element(element, type, form, out);
    }
    buffer_u8(out, ']');
}

static bool is_matrix(const UA_Variant *v)
{
    size_t product = 1;
    for (size_t i = 0; i < v->arrayDimensionsSize; i++)
        if (__builtin_mul_overflow(product, v->arrayDimensions[i], &product))
            return false;
    return v->arrayDimensionsSize > 1 && product == v->arrayLength;
}

/* Row by row; the last dimension runs fastest. */
static const uint8_t *put_matrix(const UA_Variant *v, size_t dimension, const uint8_t *at,
                                 const struct opcua_value_form *form, struct buffer *out)
{
    uint32_t count = v->arrayDimensions[dimension];
    if (dimension + 1 == v->arrayDimensionsSize) {
        put_elements(at, count, v->type, form, out);
        return at + (size_t)count * v->type->memSize;
    }
    buffer_u8(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buffer_u8(out, ',');
        at = put_matrix(v, dimension + 1, at, form, out);
    }
    buffer_u8(out, ']');
    return at;
}

static void put_plain(const UA_Variant *v, const struct opcua_value_form *form, struct buffer *out)
{
    if (UA_Variant_isScalar(v))
        put_element(v->data, v->type, form, out);
    else if (!form->reversible && v->arrayLength && is_matrix(v))
        put_matrix(v, 0, v->data, form, out);
    else
        put_elements(v->data, v->arrayLength, v->type, form, out);
}

/* The one type that all of an array of variants have, when they are scalars; otherwise NULL. */
static const UA_DataType *same_type(const UA_Variant *v)
{
    const UA_Variant *elements = v->data;
    if (v->type->typeKind != UA_DATATYPEKIND_VARIANT || v->arrayLength == 0)
        return NULL;
    const UA_DataType *type = elements[0].type;
    for (size_t i = 0; i < v->arrayLength; i++)
        if (elements[i].type != type || type == NULL || !UA_Variant_isScalar(&elements[i]))
            return NULL;
    return type;
}

static void put_flat_variants(const UA_Variant *v, const struct opcua_value_form *form,
                              struct buffer *out)
{
    const UA_Variant *elements = v->data;
    buffer_u8(out, '[');
    for (size_t i = 0; i < v->arrayLength; i++) {
        if (i)
            buffer_u8(out, ',');
        put_element(elements[i].data, elements[i].type, form, out);
    }
    buffer_u8(out, ']');
}

static void put_dimensions(const UA_Variant *v, struct json_writer *w)
{
    json_name(w, "Dimensions");
    json_array(w);
    for (size_t i = 0; i < v->arrayDimensionsSize; i++)
        json_put_u64(w, v->arrayDimensions[i]);
    json_end_array(w);
}

static void put_reversible(const UA_Variant *v, const struct opcua_value_form *form,
                           struct buffer *out)
{
    const UA_DataType *same = form->strict ? NULL : same_type(v);
    const UA_DataType *type = same ? same : v->type;
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "Type");
    if (form->strict)
        json_put_u64(&w, opcua_data_type_builtin(type)->typeKind + 1);
    else
        json_put_text(&w, opcua_data_type_builtin(type)->typeName);
    json_name(&w, "Body");
    if (same)
        put_flat_variants(v, form, out);
    else
        put_plain(v, form, out);
    w.comma = true;
    if (!UA_Variant_isScalar(v) && is_matrix(v))
        put_dimensions(v, &w);
    json_end_object(&w);
}

/* 1.05, 5.4.2.17: members of a variant, which are a data value's, too. */
static void put_new_members(const UA_Variant *v, const struct opcua_value_form *form,
                            struct json_writer *w)
{
    json_name(w, "UaType");
    json_put_u64(w, opcua_data_type_builtin(v->type)->typeKind + 1);
    json_name(w, "Value");
    put_plain(v, form, w->out);
    w->comma = true;
    if (!UA_Variant_isScalar(v) && is_matrix(v))
        put_dimensions(v, w);
}

static void put_new(const UA_Variant *v, const struct opcua_value_form *form, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    put_new_members(v, form, &w);
    json_end_object(&w);
}

void opcua_value_json_variant(const UA_Variant *v, const struct opcua_value_form *form,
                              struct buffer *out)
{
    if (UA_Variant_isEmpty(v))
        value_json_null(out);
    else if (form->reversible && value_json_is_new(form))
        put_new(v, form, out);
    else if (form->reversible)
        put_reversible(v, form, out);
    else
        put_plain(v, form, out);
}

/* ---- data values ---- */

/* Writes the name with what stands before it. */
static void put_name(struct buffer *out, size_t start, struct slice name)
{
    buffer_u8(out, out->len > start ? ',' : '{');
    buffer_put(out, name);
}

static void put_value(const UA_DataValue *v, size_t start, const struct opcua_value_form *form,
                      struct buffer *out)
{
    if (!v->hasValue || UA_Variant_isEmpty(&v->value))
        return;
    if (form->reversible && value_json_is_new(form)) {
        struct json_writer w = json_writer(out);
        buffer_u8(out, '{');
        put_new_members(&v->value, form, &w);
        return;
    }
    put_name(out, start, SLICE("\"Value\":"));
    opcua_value_json_variant(&v->value, form, out);
}

void opcua_value_json_data_value(const UA_DataValue *v, unsigned fields,
                                 const struct opcua_value_form *form, struct buffer *out)
{
    if (fields & OPCUA_FIELD_RAW) {
        opcua_value_json_variant(&v->value, form, out);
        return;
    }
    size_t start = out->len;
    put_value(v, start, form, out);
    if (v->hasStatus && v->status != UA_STATUSCODE_GOOD && fields & OPCUA_FIELD_STATUS) {
        put_name(out, start, SLICE("\"StatusCode\":"));
        opcua_value_json_status(v->status, form, out);
    }
    if (v->hasSourceTimestamp && fields & OPCUA_FIELD_SOURCE_TIME) {
        put_name(out, start, SLICE("\"SourceTimestamp\":"));
        opcua_value_json_time(v->sourceTimestamp, out);
    }
    if (v->hasSourcePicoseconds && v->sourcePicoseconds && fields & OPCUA_FIELD_SOURCE_PICO) {
        put_name(out, start, SLICE("\"SourcePicoseconds\":"));
        value_json_u64(v->sourcePicoseconds, out);
    }
    if (v->hasServerTimestamp && fields & OPCUA_FIELD_SERVER_TIME) {
        put_name(out, start, SLICE("\"ServerTimestamp\":"));
        opcua_value_json_time(v->serverTimestamp, out);
    }
    if (v->hasServerPicoseconds && v->serverPicoseconds && fields & OPCUA_FIELD_SERVER_PICO) {
        put_name(out, start, SLICE("\"ServerPicoseconds\":"));
        value_json_u64(v->serverPicoseconds, out);
    }
    if (out->len == start)
        buffer_u8(out, '{');
    buffer_u8(out, '}');
}
