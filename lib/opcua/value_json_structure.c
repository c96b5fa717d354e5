/* Structures member by member, unions, extension objects and diagnostics as JSON. */
#include "opcua/member.h"
#include "opcua/types.h"
#include "opcua/value_json_priv.h"

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

/* Row by row; the last dimension runs fastest. */
static const uint8_t *put_rows(const struct opcua_matrix *m, size_t dimension, const uint8_t *at,
                               const UA_DataType *type, const struct opcua_value_form *form,
                               struct buffer *out)
{
    size_t count = (size_t)m->dimensions[dimension];
    if (dimension + 1 == m->dimension_count) {
        put_array(at, count, type, form, out);
        return at + count * type->memSize;
    }
    buffer_u8(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buffer_u8(out, ',');
        at = put_rows(m, dimension + 1, at, type, form, out);
    }
    buffer_u8(out, ']');
    return at;
}

/* 5.4.5 of 1.05: its elements and dimensions; of 1.04: rows in each other. */
static void put_matrix(const struct opcua_matrix *m, const UA_DataType *type,
                       const struct opcua_value_form *form, struct buffer *out)
{
    if (!value_json_is_new(form)) {
        if (m->count == 0)
            buffer_text(out, "[]");
        else
            put_rows(m, 0, m->values, type, form, out);
        return;
    }
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "Array");
    put_array(m->values, m->count, type, form, out);
    w.comma = true;
    json_name(&w, "Dimensions");
    json_array(&w);
    for (size_t i = 0; i < m->dimension_count; i++)
        json_put_i64(&w, m->dimensions[i]);
    json_end_array(&w);
    json_end_object(&w);
}

static void put_member(struct json_writer *w, const char *name, const UA_DataTypeMember *m,
                       const void *value, size_t count, const struct opcua_value_form *form)
{
    json_name(w, name);
    if (m->isArray)
        put_array(value, count, m->memberType, form, w->out);
    else if (opcua_type_is_matrix(m->memberType))
        put_matrix(value, opcua_matrix_element(m->memberType), form, w->out);
    else
        opcua_value_json_put(value, m->memberType, form, w->out);
    w->comma = true;
}

/* Compact messages leave out what is nothing: zero, false, no text, no elements. */
static bool is_default(const void *value, const UA_DataTypeMember *m, size_t count)
{
    if (m->isArray)
        return count == 0;
    if (opcua_type_is_matrix(m->memberType))
        return ((const struct opcua_matrix *)value)->count == 0;
    const uint8_t *at = value;
    for (size_t i = 0; i < m->memberType->memSize; i++)
        if (at[i] != 0)
            return false;
    return true;
}

/* Numbers of members stand beside them, for who goes by these alone. */
static bool has_numbers(const struct opcua_value_form *form)
{
    return value_json_is_new(form) ? form->rules == OPCUA_JSON_COMPACT : form->reversible;
}

/* 5.4.6: which of the optional members are there. */
static void put_mask(struct json_writer *w, const void *v, const UA_DataType *type)
{
    const uint8_t *at = v;
    uint64_t mask = 0, bit = 1;
    for (size_t i = 0; i < type->membersSize; i++) {
        size_t count;
        bool optional = opcua_member_is_optional(type, &type->members[i]);
        const void *value = opcua_member_take(&type->members[i], optional, &at, &count);
        if (optional && value)
            mask |= bit;
        if (optional)
            bit <<= 1;
    }
    json_name(w, "EncodingMask");
    json_put_u64(w, mask);
}

static void put_members(struct json_writer *w, const void *v, const UA_DataType *type,
                        const struct opcua_value_form *form)
{
    const uint8_t *at = v;
    bool compact = form->rules == OPCUA_JSON_COMPACT;
    if (has_numbers(form) && type->typeKind == UA_DATATYPEKIND_OPTSTRUCT)
        put_mask(w, v, type);
    for (size_t i = 0; i < type->membersSize; i++) {
        const UA_DataTypeMember *m = &type->members[i];
        size_t count;
        bool optional = opcua_member_is_optional(type, m);
        const void *value = opcua_member_take(m, optional, &at, &count);
        if (value && !(compact && !optional && is_default(value, m, count)))
            put_member(w, m->memberName, m, value, count, form);
    }
}

void value_json_structure(const void *v, const UA_DataType *type,
                          const struct opcua_value_form *form, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    put_members(&w, v, type, form);
    json_end_object(&w);
}

static bool has_choice(const void *v, const UA_DataType *type)
{
    uint32_t which = *(const uint32_t *)v;
    return which > 0 && which <= type->membersSize;
}

/* 5.4.7: the switch field counts the members from 1. In memory, each has its own way from the start.
 */
static void put_choice(struct json_writer *w, const void *v, const UA_DataType *type,
                       const struct opcua_value_form *form)
{
    uint32_t which = has_choice(v, type) ? *(const uint32_t *)v : 0;
    if (has_numbers(form)) {
        json_name(w, "SwitchField");
        json_put_u64(w, which);
    }
    if (which == 0)
        return;
    const UA_DataTypeMember *m = &type->members[which - 1];
    const uint8_t *at = v;
    size_t count;
    const void *value = opcua_member_take(m, false, &at, &count);
    bool unnamed = form->reversible && !value_json_is_new(form);
    put_member(w, unnamed ? "Value" : m->memberName, m, value, count, form);
}

void value_json_union(const void *v, const UA_DataType *type, const struct opcua_value_form *form,
                      struct buffer *out)
{
    struct json_writer w = json_writer(out);
    if (!has_choice(v, type) && !has_numbers(form)) {
        value_json_null(out);
        return;
    }
    json_object(&w);
    put_choice(&w, v, type, form);
    json_end_object(&w);
}

static void put_type_id(const char *name, const UA_NodeId *id, const struct opcua_value_form *form,
                        struct json_writer *w)
{
    json_name(w, name);
    value_json_node_id(id, form, w->out);
    w->comma = true;
}

/* 1.05, 5.4.2.16: the members stand beside the type. */
static void put_new_extension(const void *v, const UA_DataType *type,
                              const struct opcua_value_form *form, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    put_type_id("UaTypeId", &type->typeId, form, &w);
    if (type->typeKind != UA_DATATYPEKIND_UNION)
        put_members(&w, v, type, form);
    else
        put_choice(&w, v, type, form);
    json_end_object(&w);
}

void value_json_extension_of(const void *v, const UA_DataType *type,
                             const struct opcua_value_form *form, struct buffer *out)
{
    if (!form->reversible) {
        opcua_value_json_put(v, type, form, out);
        return;
    }
    if (value_json_is_new(form)) {
        put_new_extension(v, type, form, out);
        return;
    }
    struct json_writer w = json_writer(out);
    json_object(&w);
    put_type_id("TypeId", &type->typeId, form, &w);
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
    bool is_new = value_json_is_new(form);
    struct json_writer w = json_writer(out);
    json_object(&w);
    put_type_id(is_new ? "UaTypeId" : "TypeId", &o->content.encoded.typeId, form, &w);
    json_name(&w, is_new ? "UaEncoding" : "Encoding");
    if (form->strict || is_new)
        json_put_u64(&w, binary ? 1 : 2);
    else
        json_put_text(&w, binary ? "Binary" : "Xml");
    json_name(&w, is_new ? "UaBody" : "Body");
    if (binary)
        value_json_bytes(&o->content.encoded.body, form, out);
    else
        value_json_string(&o->content.encoded.body, form, out);
    json_end_object(&w);
}

/* False: its type is not known. */
static bool put_known_extension(const UA_ExtensionObject *o, const struct opcua_value_form *form,
                                struct buffer *out)
{
    const struct opcua_types *types = form->names ? form->names->types : NULL;
    const UA_DataType *type;
    bool deep = form->depth == OPCUA_VALUE_DEPTH_MAX;
    void *value = types && !deep ? opcua_types_read(types, o, &type) : NULL;
    if (value == NULL)
        return false;
    struct opcua_value_form inside = *form;
    inside.depth++;
    value_json_extension_of(value, type, &inside, out);
    UA_delete(value, type);
    return true;
}

void value_json_extension(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    const UA_ExtensionObject *o = v;
    if (o->encoding >= UA_EXTENSIONOBJECT_DECODED)
        value_json_extension_of(o->content.decoded.data, o->content.decoded.type, form, out);
    else if (o->encoding == UA_EXTENSIONOBJECT_ENCODED_NOBODY)
        value_json_null(out);
    else if (!put_known_extension(o, form, out))
        put_encoded_extension(o, form, out);
}

void value_json_diagnostic(const void *v, const struct opcua_value_form *form, struct buffer *out)
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
        opcua_value_json_status(d->innerStatusCode, form, out);
        w.comma = true;
    }
    if (d->hasInnerDiagnosticInfo && d->innerDiagnosticInfo) {
        json_name(&w, "InnerDiagnosticInfo");
        value_json_diagnostic(d->innerDiagnosticInfo, form, out);
        w.comma = true;
    }
    json_end_object(&w);
}
