#include "opcua/value_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "opcua/data_type.h"
#include "json/write.h"

typedef void put_fn(const void *value, const struct opcua_value_form *form, struct buffer *out);

static void put_null(struct buffer *out)
{
    buffer_put(out, SLICE("null"));
}

/* ---- numbers ---- */

static void put_u64(uint64_t v, bool minus, struct buffer *out)
{
    uint8_t digits[24], *at = digits + sizeof(digits);
    do {
        *--at = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v);
    if (minus)
        *--at = '-';
    buffer_put(out, slice_from(at, (size_t)(digits + sizeof(digits) - at)));
}

static void put_i64(int64_t v, struct buffer *out)
{
    put_u64(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, out);
}

static void put_double(double v, struct buffer *out)
{
    if (isfinite(v)) {
        buffer_added(out, json_print_double(v, (char *)buffer_reserve(out, 32)));
        return;
    }
    buffer_text(out, isnan(v) ? "\"NaN\"" : v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
}

/* The double with the fewest digits that is this float: 0.1f is 0.1 for a person, not
 * 0.10000000149011612. */
static double shortest_of_float(float v)
{
    static const double tens[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11};
    for (size_t i = 0; i < sizeof(tens) / sizeof(tens[0]) && fabs(v * tens[i]) < 1e15; i++) {
        double near = rint(v * tens[i]) / tens[i];
        if ((float)near == v)
            return near;
    }
    char text[32];
    for (int digits = 6; digits < 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)v);
        if ((float)strtod(text, NULL) == v)
            return strtod(text, NULL);
    }
    snprintf(text, sizeof(text), "%.9g", (double)v);
    return strtod(text, NULL);
}

/* A function of the table that needs no form. */
#define NUMBER(name, put)                                                                          \
    static void name(const void *v, const struct opcua_value_form *form, struct buffer *out)       \
    {                                                                                              \
        (void)form;                                                                                \
        put;                                                                                       \
    }

NUMBER(put_sbyte, put_i64(*(const UA_SByte *)v, out))
NUMBER(put_byte, put_u64(*(const UA_Byte *)v, false, out))
NUMBER(put_int16, put_i64(*(const UA_Int16 *)v, out))
NUMBER(put_uint16, put_u64(*(const UA_UInt16 *)v, false, out))
NUMBER(put_int32, put_i64(*(const UA_Int32 *)v, out))
NUMBER(put_uint32, put_u64(*(const UA_UInt32 *)v, false, out))
NUMBER(put_float,
       put_double(isfinite(*(const UA_Float *)v) ? shortest_of_float(*(const UA_Float *)v)
                                                 : *(const UA_Float *)v,
                  out))
NUMBER(put_double_at, put_double(*(const UA_Double *)v, out))
NUMBER(put_boolean, buffer_text(out, *(const UA_Boolean *)v ? "true" : "false"))
NUMBER(put_time, opcua_value_json_time(*(const UA_DateTime *)v, out))

/* Part 6, 5.4.2.3: as text, since JavaScript's numbers end at 2^53. */
static void put_quote(const struct opcua_value_form *form, struct buffer *out)
{
    if (form->strict)
        buffer_u8(out, '"');
}

static void put_int64(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    put_quote(form, out);
    put_i64(*(const UA_Int64 *)v, out);
    put_quote(form, out);
}

static void put_uint64(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    put_quote(form, out);
    put_u64(*(const UA_UInt64 *)v, false, out);
    put_quote(form, out);
}

/* ---- texts and bytes ---- */

static void put_string(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    (void)form;
    const UA_String *s = v;
    if (s->data == NULL)
        put_null(out);
    else
        json_escape(out, opcua_slice(*s));
}

static void put_guid(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    (void)form;
    buffer_u8(out, '"');
    opcua_guid_print(v, out);
    buffer_u8(out, '"');
}

static void put_bytes(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    (void)form;
    const UA_ByteString *s = v;
    if (s->data == NULL) {
        put_null(out);
        return;
    }
    buffer_u8(out, '"');
    base64_encode(opcua_slice(*s), out);
    buffer_u8(out, '"');
}

static void put_localized(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    const UA_LocalizedText *t = v;
    if (!form->reversible) {
        put_string(&t->text, form, out);
        return;
    }
    if (t->text.data == NULL && t->locale.data == NULL) {
        put_null(out);
        return;
    }
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_member(&w, "Locale", opcua_slice(t->locale));
    json_name(&w, "Text");
    json_put_string(&w, opcua_slice(t->text));
    json_end_object(&w);
}

/* ---- ids ---- */

static void put_printed(struct buffer *text, struct buffer *out)
{
    json_escape(out, buffer_slice(text));
    buffer_clear(text);
}

static void put_identifier(const UA_NodeId *id, struct buffer *out)
{
    static const struct opcua_value_form plain = {0};
    switch (id->identifierType) {
    case UA_NODEIDTYPE_STRING:
        put_string(&id->identifier.string, &plain, out);
        break;
    case UA_NODEIDTYPE_GUID:
        put_guid(&id->identifier.guid, &plain, out);
        break;
    case UA_NODEIDTYPE_BYTESTRING:
        put_bytes(&id->identifier.byteString, &plain, out);
        break;
    default:
        put_u64(id->identifier.numeric, false, out);
    }
}

/* The reversible form has the index, the other one the uri where it is known (Part 6, 5.4.2.10). */
static void put_namespace(const char *name, uint16_t index, const struct opcua_value_form *form,
                          struct json_writer *w)
{
    if (index == 0)
        return;
    json_name(w, name);
    bool named = !form->reversible && index > 1 && form->names && index < form->names->count;
    if (named)
        json_put_string(w, opcua_slice(form->names->uris[index]));
    else
        json_put_u64(w, index);
}

static void put_strict_id(const UA_ExpandedNodeId *id, const struct opcua_value_form *form,
                          struct buffer *out)
{
    int type = id->nodeId.identifierType;
    struct json_writer w = json_writer(out);
    json_object(&w);
    if (type >= UA_NODEIDTYPE_STRING) {
        json_name(&w, "IdType");
        json_put_u64(&w, (uint64_t)(type - UA_NODEIDTYPE_STRING + 1));
    }
    json_name(&w, "Id");
    put_identifier(&id->nodeId, out);
    w.comma = true;
    if (id->namespaceUri.length)
        json_member(&w, "Namespace", opcua_slice(id->namespaceUri));
    else
        put_namespace("Namespace", id->nodeId.namespaceIndex, form, &w);
    if (id->serverIndex) {
        json_name(&w, "ServerUri");
        json_put_u64(&w, id->serverIndex);
    }
    json_end_object(&w);
}

static void put_expanded_id(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    const UA_ExpandedNodeId *id = v;
    if (id->namespaceUri.length == 0 && UA_NodeId_isNull(&id->nodeId)) {
        put_null(out);
        return;
    }
    if (form->strict) {
        put_strict_id(id, form, out);
        return;
    }
    struct buffer text = {0};
    opcua_expanded_id_print(id, form->names, form->format, &text);
    put_printed(&text, out);
}

static void put_node_id(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    UA_ExpandedNodeId id = {.nodeId = *(const UA_NodeId *)v};
    put_expanded_id(&id, form, out);
}

static void put_qualified(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    const UA_QualifiedName *name = v;
    if (name->name.length == 0) {
        put_null(out);
        return;
    }
    if (!form->strict) {
        struct buffer text = {0};
        opcua_qualified_name_print(name, form->names, form->format, &text);
        put_printed(&text, out);
        return;
    }
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_member(&w, "Name", opcua_slice(name->name));
    put_namespace("Uri", name->namespaceIndex, form, &w);
    json_end_object(&w);
}

void opcua_value_json_status(UA_StatusCode code, const struct opcua_value_form *form,
                             struct buffer *out)
{
    if (form->strict && form->reversible) {
        put_u64(code, false, out);
        return;
    }
    const char *name = UA_StatusCode_name(code & 0xffff0000);
    if (strncmp(name, "Unknown", 7) == 0)
        buffer_printf(out, "{\"Symbol\":\"0x%08X\",\"Code\":%u}", code, code);
    else
        buffer_printf(out, "{\"Symbol\":\"%s\",\"Code\":%u}", name, code);
}

static void put_status(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    opcua_value_json_status(*(const UA_StatusCode *)v, form, out);
}

/* ---- what has an inside ---- */

static void put_array(const void *at, size_t count, const UA_DataType *type,
                      const struct opcua_value_form *form, struct buffer *out);

/* The member's place and whether it is there; *at is moved behind it. */
static const void *take_member(const UA_DataTypeMember *m, bool optional, const uint8_t **at,
                               size_t *count)
{
    *at += m->padding;
    const uint8_t *here = *at;
    *count = 0;
    if (m->isArray) {
        *at += sizeof(size_t) + sizeof(void *);
        *count = *(const size_t *)here;
        const void *elements = *(void *const *)(here + sizeof(size_t));
        return optional && elements == NULL ? NULL : elements ? elements : UA_EMPTY_ARRAY_SENTINEL;
    }
    if (optional) {
        *at += sizeof(void *);
        return *(void *const *)here;
    }
    *at += m->memberType->memSize;
    return here;
}

static void put_member(struct json_writer *w, const UA_DataTypeMember *m, const void *value,
                       size_t count, const struct opcua_value_form *form)
{
    json_name(w, m->memberName);
    if (m->isArray)
        put_array(value, count, m->memberType, form, w->out);
    else
        opcua_value_json_put(value, m->memberType, form, w->out);
    w->comma = true;
}

static void put_structure(const void *v, const UA_DataType *type,
                          const struct opcua_value_form *form, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    const uint8_t *at = v;
    json_object(&w);
    for (size_t i = 0; i < type->membersSize; i++) {
        const UA_DataTypeMember *m = &type->members[i];
        size_t count;
        const void *value = take_member(
            m, type->typeKind == UA_DATATYPEKIND_OPTSTRUCT && m->isOptional, &at, &count);
        if (value)
            put_member(&w, m, value, count, form);
    }
    json_end_object(&w);
}

/* The switch field comes first and counts the members from 1; each has its own way from the start.
 */
static void put_union(const void *v, const UA_DataType *type, const struct opcua_value_form *form,
                      struct buffer *out)
{
    uint32_t which = *(const uint32_t *)v;
    if (which == 0 || which > type->membersSize) {
        put_null(out);
        return;
    }
    const UA_DataTypeMember *m = &type->members[which - 1];
    const uint8_t *at = v;
    size_t count;
    const void *value = take_member(m, false, &at, &count);
    struct json_writer w = json_writer(out);
    json_object(&w);
    put_member(&w, m, value, count, form);
    json_end_object(&w);
}

static void put_type_id(const UA_NodeId *id, const struct opcua_value_form *form,
                        struct json_writer *w)
{
    json_name(w, "TypeId");
    put_node_id(id, form, w->out);
    w->comma = true;
}

static void put_extension_of(const void *v, const UA_DataType *type,
                             const struct opcua_value_form *form, struct buffer *out)
{
    if (!form->reversible) {
        opcua_value_json_put(v, type, form, out);
        return;
    }
    struct json_writer w = json_writer(out);
    json_object(&w);
    put_type_id(&type->typeId, form, &w);
    if (!form->strict) {
        json_name(&w, "Encoding");
        json_put_text(&w, "Json");
    }
    json_name(&w, "Body");
    opcua_value_json_put(v, type, form, out);
    json_end_object(&w);
}

/* A type that the stack does not know stays in its bytes: who reads it needs the type beside them.
 */
static void put_encoded_extension(const UA_ExtensionObject *o, const struct opcua_value_form *form,
                                  struct buffer *out)
{
    bool binary = o->encoding == UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
    struct json_writer w = json_writer(out);
    json_object(&w);
    put_type_id(&o->content.encoded.typeId, form, &w);
    json_name(&w, "Encoding");
    if (form->strict)
        json_put_u64(&w, binary ? 1 : 2);
    else
        json_put_text(&w, binary ? "Binary" : "Xml");
    json_name(&w, "Body");
    if (binary)
        put_bytes(&o->content.encoded.body, form, out);
    else
        put_string(&o->content.encoded.body, form, out);
    json_end_object(&w);
}

static void put_extension(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    const UA_ExtensionObject *o = v;
    if (o->encoding >= UA_EXTENSIONOBJECT_DECODED)
        put_extension_of(o->content.decoded.data, o->content.decoded.type, form, out);
    else if (o->encoding == UA_EXTENSIONOBJECT_ENCODED_NOBODY)
        put_null(out);
    else
        put_encoded_extension(o, form, out);
}

static void put_data_value(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    opcua_value_json_data_value(v, 0x1f, form, out);
}

static void put_variant(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    opcua_value_json_variant(v, form, out);
}

static void put_diagnostic(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    const UA_DiagnosticInfo *d = v;
    const struct number {
        const char *name;
        bool has;
        int64_t value;
    } numbers[] = {
        {"SymbolicId", d->hasSymbolicId, d->symbolicId},
        {"NamespaceUri", d->hasNamespaceUri, d->namespaceUri},
        {"Locale", d->hasLocale, d->locale},
        {"LocalizedText", d->hasLocalizedText, d->localizedText},
    };
    struct json_writer w = json_writer(out);
    json_object(&w);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i].has) {
            json_name(&w, numbers[i].name);
            json_put_i64(&w, numbers[i].value);
        }
    if (d->hasAdditionalInfo)
        json_member(&w, "AdditionalInfo", opcua_slice(d->additionalInfo));
    if (d->hasInnerStatusCode) {
        json_name(&w, "InnerStatusCode");
        put_status(&d->innerStatusCode, form, out);
        w.comma = true;
    }
    if (d->hasInnerDiagnosticInfo && d->innerDiagnosticInfo) {
        json_name(&w, "InnerDiagnosticInfo");
        put_diagnostic(d->innerDiagnosticInfo, form, out);
        w.comma = true;
    }
    json_end_object(&w);
}

static put_fn *const builtin[UA_DATATYPEKINDS] = {
    [UA_DATATYPEKIND_BOOLEAN] = put_boolean,
    [UA_DATATYPEKIND_SBYTE] = put_sbyte,
    [UA_DATATYPEKIND_BYTE] = put_byte,
    [UA_DATATYPEKIND_INT16] = put_int16,
    [UA_DATATYPEKIND_UINT16] = put_uint16,
    [UA_DATATYPEKIND_INT32] = put_int32,
    [UA_DATATYPEKIND_UINT32] = put_uint32,
    [UA_DATATYPEKIND_INT64] = put_int64,
    [UA_DATATYPEKIND_UINT64] = put_uint64,
    [UA_DATATYPEKIND_FLOAT] = put_float,
    [UA_DATATYPEKIND_DOUBLE] = put_double_at,
    [UA_DATATYPEKIND_STRING] = put_string,
    [UA_DATATYPEKIND_DATETIME] = put_time,
    [UA_DATATYPEKIND_GUID] = put_guid,
    [UA_DATATYPEKIND_BYTESTRING] = put_bytes,
    [UA_DATATYPEKIND_XMLELEMENT] = put_string,
    [UA_DATATYPEKIND_NODEID] = put_node_id,
    [UA_DATATYPEKIND_EXPANDEDNODEID] = put_expanded_id,
    [UA_DATATYPEKIND_STATUSCODE] = put_status,
    [UA_DATATYPEKIND_QUALIFIEDNAME] = put_qualified,
    [UA_DATATYPEKIND_LOCALIZEDTEXT] = put_localized,
    [UA_DATATYPEKIND_EXTENSIONOBJECT] = put_extension,
    [UA_DATATYPEKIND_DATAVALUE] = put_data_value,
    [UA_DATATYPEKIND_VARIANT] = put_variant,
    [UA_DATATYPEKIND_DIAGNOSTICINFO] = put_diagnostic,
    [UA_DATATYPEKIND_ENUM] = put_int32,
};

void opcua_value_json_put(const void *v, const UA_DataType *type,
                          const struct opcua_value_form *form, struct buffer *out)
{
    if (v == NULL)
        put_null(out);
    else if (builtin[type->typeKind])
        builtin[type->typeKind](v, form, out);
    else if (type->typeKind == UA_DATATYPEKIND_UNION)
        put_union(v, type, form, out);
    else if (type->typeKind == UA_DATATYPEKIND_STRUCTURE ||
             type->typeKind == UA_DATATYPEKIND_OPTSTRUCT)
        put_structure(v, type, form, out);
    else
        put_null(out);
}

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
        put_extension_of(v, type, form, out);
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

static void put_array(const void *at, size_t count, const UA_DataType *type,
                      const struct opcua_value_form *form, struct buffer *out)
{
    const uint8_t *element = at;
    buffer_u8(out, '[');
    for (size_t i = 0; i < count; i++, element += type->memSize) {
        if (i)
            buffer_u8(out, ',');
        opcua_value_json_put(element, type, form, out);
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

void opcua_value_json_variant(const UA_Variant *v, const struct opcua_value_form *form,
                              struct buffer *out)
{
    if (UA_Variant_isEmpty(v))
        put_null(out);
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

void opcua_value_json_data_value(const UA_DataValue *v, unsigned fields,
                                 const struct opcua_value_form *form, struct buffer *out)
{
    if (fields & OPCUA_FIELD_RAW) {
        opcua_value_json_variant(&v->value, form, out);
        return;
    }
    size_t start = out->len;
    if (v->hasValue && !UA_Variant_isEmpty(&v->value)) {
        put_name(out, start, SLICE("\"Value\":"));
        opcua_value_json_variant(&v->value, form, out);
    }
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
        put_u64(v->sourcePicoseconds, false, out);
    }
    if (v->hasServerTimestamp && fields & OPCUA_FIELD_SERVER_TIME) {
        put_name(out, start, SLICE("\"ServerTimestamp\":"));
        opcua_value_json_time(v->serverTimestamp, out);
    }
    if (v->hasServerPicoseconds && v->serverPicoseconds && fields & OPCUA_FIELD_SERVER_PICO) {
        put_name(out, start, SLICE("\"ServerPicoseconds\":"));
        put_u64(v->serverPicoseconds, false, out);
    }
    if (out->len == start)
        buffer_u8(out, '{');
    buffer_u8(out, '}');
}
