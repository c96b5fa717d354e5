#include "opcua/value_json.h"

#include <math.h>

#include "base/encoding.h"
#include "opcua/value_json_priv.h"

void value_json_null(struct buffer *out)
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

void value_json_u64(uint64_t v, struct buffer *out)
{
    put_u64(v, false, out);
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

static void put_single(float v, struct buffer *out)
{
    if (isfinite(v))
        buffer_added(out, json_print_float(v, (char *)buffer_reserve(out, 32)));
    else
        put_double(v, out);
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
NUMBER(put_float, put_single(*(const UA_Float *)v, out))
NUMBER(put_double_at, put_double(*(const UA_Double *)v, out))
NUMBER(put_boolean, buffer_text(out, *(const UA_Boolean *)v ? "true" : "false"))
NUMBER(put_time, opcua_value_json_time(*(const UA_DateTime *)v, out))

/* Part 6, 5.4.2.3: as text, since JavaScript's numbers end at 2^53. */
static void put_quote(const struct opcua_value_form *form, struct buffer *out)
{
    if (form->strict || value_json_is_new(form))
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

void value_json_string(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    (void)form;
    const UA_String *s = v;
    if (s->data == NULL)
        value_json_null(out);
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

void value_json_bytes(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    (void)form;
    const UA_ByteString *s = v;
    if (s->data == NULL) {
        value_json_null(out);
        return;
    }
    buffer_u8(out, '"');
    base64_encode(opcua_slice(*s), out);
    buffer_u8(out, '"');
}

static void put_localized(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    const UA_LocalizedText *t = v;
    if (!form->reversible && !value_json_is_new(form)) {
        value_json_string(&t->text, form, out);
        return;
    }
    if (t->text.data == NULL && t->locale.data == NULL) {
        value_json_null(out);
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
        value_json_string(&id->identifier.string, &plain, out);
        break;
    case UA_NODEIDTYPE_GUID:
        put_guid(&id->identifier.guid, &plain, out);
        break;
    case UA_NODEIDTYPE_BYTESTRING:
        value_json_bytes(&id->identifier.byteString, &plain, out);
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
        value_json_null(out);
        return;
    }
    if (form->strict && !value_json_is_new(form)) {
        put_strict_id(id, form, out);
        return;
    }
    struct buffer text = {0};
    opcua_expanded_id_print(id, form->names, form->format, &text);
    put_printed(&text, out);
}

void value_json_node_id(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    UA_ExpandedNodeId id = {.nodeId = *(const UA_NodeId *)v};
    put_expanded_id(&id, form, out);
}

static void put_qualified(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    const UA_QualifiedName *name = v;
    if (name->name.length == 0) {
        value_json_null(out);
        return;
    }
    if (!form->strict || value_json_is_new(form)) {
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

/* 1.05, 5.4.2.12: the name is for people, and Good has none. */
static void put_new_status(UA_StatusCode code, const struct opcua_value_form *form,
                           struct buffer *out)
{
    const char *name = UA_StatusCode_name(code & 0xffff0000);
    bool named = form->rules == OPCUA_JSON_VERBOSE && code != UA_STATUSCODE_GOOD &&
                 strncmp(name, "Unknown", 7) != 0;
    buffer_printf(out, "{\"Code\":%u", code);
    if (named)
        buffer_printf(out, ",\"Symbol\":\"%s\"", name);
    buffer_u8(out, '}');
}

void opcua_value_json_status(UA_StatusCode code, const struct opcua_value_form *form,
                             struct buffer *out)
{
    if (value_json_is_new(form)) {
        put_new_status(code, form, out);
        return;
    }
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

static void put_data_value(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    opcua_value_json_data_value(v, 0x1f, form, out);
}

static void put_variant(const void *v, const struct opcua_value_form *form, struct buffer *out)
{
    opcua_value_json_variant(v, form, out);
}

static value_json_fn *const builtin[UA_DATATYPEKINDS] = {
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
    [UA_DATATYPEKIND_STRING] = value_json_string,
    [UA_DATATYPEKIND_DATETIME] = put_time,
    [UA_DATATYPEKIND_GUID] = put_guid,
    [UA_DATATYPEKIND_BYTESTRING] = value_json_bytes,
    [UA_DATATYPEKIND_XMLELEMENT] = value_json_string,
    [UA_DATATYPEKIND_NODEID] = value_json_node_id,
    [UA_DATATYPEKIND_EXPANDEDNODEID] = put_expanded_id,
    [UA_DATATYPEKIND_STATUSCODE] = put_status,
    [UA_DATATYPEKIND_QUALIFIEDNAME] = put_qualified,
    [UA_DATATYPEKIND_LOCALIZEDTEXT] = put_localized,
    [UA_DATATYPEKIND_EXTENSIONOBJECT] = value_json_extension,
    [UA_DATATYPEKIND_DATAVALUE] = put_data_value,
    [UA_DATATYPEKIND_VARIANT] = put_variant,
    [UA_DATATYPEKIND_DIAGNOSTICINFO] = value_json_diagnostic,
    [UA_DATATYPEKIND_ENUM] = put_int32,
};

void opcua_value_json_put(const void *v, const UA_DataType *type,
                          const struct opcua_value_form *form, struct buffer *out)
{
    if (v == NULL)
        value_json_null(out);
    else if (builtin[type->typeKind])
        builtin[type->typeKind](v, form, out);
    else if (type->typeKind == UA_DATATYPEKIND_UNION)
        value_json_union(v, type, form, out);
    else if (type->typeKind == UA_DATATYPEKIND_STRUCTURE ||
             type->typeKind == UA_DATATYPEKIND_OPTSTRUCT)
        value_json_structure(v, type, form, out);
    else
        value_json_null(out);
}
