/* JSON to values, loosely typed: what people and other programs write into requests. */
#include "opcua/value_json_read.h"

#include "opcua/data_type.h"
#include "opcua/types.h"

static enum status read_variant(struct opcua_reading *r, const struct json *v,
                                const UA_DataType *type, int32_t rank, UA_Variant *out);

/* ---- what has an inside ---- */

static enum status read_variant_in(struct opcua_reading *r, struct opcua_source s, void *out)
{
    if (s.json)
        return read_variant(r, s.json, NULL, -2, out);
    UA_String text;
    enum status status = opcua_read_text(s.text, &text);
    if (status != OK)
        return status;
    UA_StatusCode code = UA_Variant_setScalarCopy(out, &text, &UA_TYPES[UA_TYPES_STRING]);
    UA_String_clear(&text);
    return code == UA_STATUSCODE_GOOD ? OK : TOO_LARGE;
}

static enum status read_time(struct opcua_reading *r, const struct json *v, UA_DateTime *out)
{
    return v ? opcua_read_builtin[UA_DATATYPEKIND_DATETIME](r, opcua_source_of(v), out) : OK;
}

static enum status read_data_value(struct opcua_reading *r, struct opcua_source s, void *out)
{
    UA_DataValue *v = out;
    const struct json *value = json_get_nocase(s.json, "Value");
    const struct json *code = json_get_nocase(s.json, "StatusCode");
    if (!json_is(s.json, JSON_OBJECT)) {
        v->hasValue = true;
        return read_variant_in(r, s, &v->value);
    }
    if (code == NULL)
        code = json_get_nocase(s.json, "Status");
    const struct json *source_time = json_get_nocase(s.json, "SourceTimestamp");
    const struct json *server_time = json_get_nocase(s.json, "ServerTimestamp");
    v->hasValue = value != NULL;
    v->hasStatus = code != NULL;
    v->hasSourceTimestamp = source_time != NULL;
    v->hasServerTimestamp = server_time != NULL;
    enum status status = value ? read_variant(r, value, NULL, -2, &v->value) : OK;
    if (status == OK && code)
        status =
            opcua_read_builtin[UA_DATATYPEKIND_STATUSCODE](r, opcua_source_of(code), &v->status);
    if (status == OK)
        status = read_time(r, source_time, &v->sourceTimestamp);
    if (status == OK)
        status = read_time(r, server_time, &v->serverTimestamp);
    return status;
}

/* OPC UA's, or the server's own. */
static const UA_DataType *structure_of(const struct opcua_reading *r, const UA_NodeId *id)
{
    for (size_t i = 0; i < UA_TYPES_COUNT; i++) {
        const UA_DataType *t = &UA_TYPES[i];
        if (t->typeKind >= UA_DATATYPEKIND_STRUCTURE &&
            (UA_NodeId_equal(id, &t->typeId) || UA_NodeId_equal(id, &t->binaryEncodingId)))
            return t;
    }
    return r->names && r->names->types ? opcua_types_find(r->names->types, id) : NULL;
}

static enum status read_decoded(struct opcua_reading *r, struct opcua_source body,
                                const UA_DataType *type, UA_ExtensionObject *out)
{
    void *value = UA_new(type);
    if (value == NULL)
        return TOO_LARGE;
    enum status status = opcua_read_value(r, body, type, value);
    if (status != OK) {
        UA_delete(value, type);
        return status;
    }
    UA_ExtensionObject_setValue(out, value, type);
    const struct opcua_types *types = r->names ? r->names->types : NULL;
    return opcua_types_encode(types, out) == UA_STATUSCODE_GOOD ? OK : TOO_LARGE;
}

/* {"TypeId","Encoding","Body"}; of 1.05 {"UaTypeId",…} with the members beside it, or "UaBody". A
 * body of base64 goes to the server as it is. */
static enum status read_extension(struct opcua_reading *r, struct opcua_source s, void *out)
{
    UA_ExtensionObject *o = out;
    const struct json *type_id = json_get_nocase(s.json, "TypeId");
    const struct json *body = json_get_nocase(s.json, "Body");
    if (type_id == NULL && (type_id = json_get_nocase(s.json, "UaTypeId"))) {
        const struct json *bytes = json_get_nocase(s.json, "UaBody");
        body = bytes ? bytes : s.json;
    }
    UA_NodeId id = {0};
    if (type_id == NULL || body == NULL)
        return opcua_read_refuse(r, s, "has no TypeId and Body, for a value of type",
                                 "ExtensionObject");
    enum status status =
        opcua_read_builtin[UA_DATATYPEKIND_NODEID](r, opcua_source_of(type_id), &id);
    if (status != OK)
        return status;
    const UA_DataType *type = structure_of(r, &id);
    if (json_is(body, JSON_STRING)) {
        o->encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
        o->content.encoded.typeId = id;
        return opcua_read_builtin[UA_DATATYPEKIND_BYTESTRING](r, opcua_source_of(body),
                                                              &o->content.encoded.body);
    }
    UA_NodeId_clear(&id);
    if (type == NULL)
        return opcua_read_refuse(
            r, s,
            "is of a type that is not known here, so its Body must be base64, for a value of type",
            "ExtensionObject");
    return read_decoded(r, opcua_source_of(body), type, o);
}

static enum status no_reader(struct opcua_reading *r, struct opcua_source s, void *out)
{
    (void)out;
    opcua_read_refuse(r, s, "cannot be made from JSON, for a value of type", "DiagnosticInfo");
    return UNSUPPORTED;
}

static enum status count_element(struct opcua_reading *r, struct opcua_source s)
{
    if (++r->elements <= OPCUA_VALUE_ELEMENTS_MAX)
        return OK;
    opcua_read_refuse(r, s, "and what stands before it are too many values for", "one request");
    return TOO_LARGE;
}

/* Into fresh memory of `count` elements; cleared again when one of them is refused. */
enum status opcua_read_array(struct opcua_reading *r, const struct json *v,
                              const UA_DataType *type, void **out, size_t *count)
{
    size_t wanted = json_count(v);
    *count = 0;
    if (wanted > OPCUA_VALUE_ELEMENTS_MAX)
        return TOO_LARGE;
    uint8_t *array = UA_Array_new(wanted, type);
    if (array == NULL)
        return TOO_LARGE;
    struct json_walk walk = json_walk(v);
    enum status status = OK;
    for (size_t i = 0; status == OK && json_next(&walk); i++) {
        status = count_element(r, opcua_source_of(walk.value));
        if (status == OK)
            status = opcua_read_value(r, opcua_source_of(walk.value), type, array + i * type->memSize);
    }
    if (status == OK) {
        *out = array;
        *count = wanted;
    } else {
        UA_Array_delete(array, wanted, type);
    }
    return status;
}

static opcua_read_fn *const readers[UA_DATATYPEKINDS] = {
    [UA_DATATYPEKIND_EXTENSIONOBJECT] = read_extension,
    [UA_DATATYPEKIND_DATAVALUE] = read_data_value,
    [UA_DATATYPEKIND_VARIANT] = read_variant_in,
    [UA_DATATYPEKIND_DIAGNOSTICINFO] = no_reader,
};

/* Into zeroed memory. When it is refused, what was taken is cleared by who clears the memory. */
enum status opcua_read_value(struct opcua_reading *r, struct opcua_source s,
                             const UA_DataType *type, void *out)
{
    if (!s.is_text && json_is(s.json, JSON_NULL))
        return OK; /* the type's own nothing */
    if (opcua_read_builtin[type->typeKind])
        return opcua_read_builtin[type->typeKind](r, s, out);
    if (readers[type->typeKind])
        return readers[type->typeKind](r, s, out);
    if (type->typeKind == UA_DATATYPEKIND_STRUCTURE || type->typeKind == UA_DATATYPEKIND_OPTSTRUCT)
        return opcua_read_structure(r, s, type, out);
    if (type->typeKind == UA_DATATYPEKIND_UNION)
        return opcua_read_union(r, s, type, out);
    opcua_read_refuse(r, s, "cannot be made from JSON, for a value of type", type->typeName);
    return UNSUPPORTED;
}

/* ---- variants ---- */

static enum status read_scalar(struct opcua_reading *r, const struct json *v,
                               const UA_DataType *type, UA_Variant *out)
{
    void *value = UA_new(type);
    if (value == NULL)
        return TOO_LARGE;
    enum status status = opcua_read_value(r, opcua_source_of(v), type, value);
    if (status == OK)
        UA_Variant_setScalar(out, value, type);
    else
        UA_delete(value, type);
    return status;
}

/* "1,2,3" or "[1,2,3]". */
static enum status read_separated(struct opcua_reading *r, struct slice text,
                                  const UA_DataType *type, UA_Variant *out)
{
    text = slice_trim(text);
    if (text.len >= 2 && text.at[0] == '[' && text.at[text.len - 1] == ']')
        text = slice_trim(slice_from(text.at + 1, text.len - 2));
    size_t count = text.len > 0, i = 0;
    for (size_t at = 0; at < text.len; at++)
        count += text.at[at] == ',';
    if (count > OPCUA_VALUE_ELEMENTS_MAX)
        return TOO_LARGE;
    uint8_t *array = UA_Array_new(count, type);
    if (array == NULL)
        return TOO_LARGE;
    enum status status = OK;
    struct slice part;
    while (i < count && status == OK && slice_split(&text, ',', &part))
        status = opcua_read_value(r, opcua_source_of_text(slice_trim(part)), type,
                            array + i++ * type->memSize);
    if (status == OK)
        UA_Variant_setArray(out, array, count, type);
    else
        UA_Array_delete(array, count, type);
    return status;
}

static enum status read_flat(struct opcua_reading *r, const struct json *v, const UA_DataType *type,
                             UA_Variant *out)
{
    void *array;
    size_t count;
    enum status status = opcua_read_array(r, v, type, &array, &count);
    if (status == OK)
        UA_Variant_setArray(out, array, count, type);
    return status;
}

static enum status set_dimensions(UA_Variant *out, const uint32_t *dimensions, size_t depth)
{
    void *copy;
    if (UA_Array_copy(dimensions, depth, &copy, &UA_TYPES[UA_TYPES_UINT32]) != UA_STATUSCODE_GOOD)
        return TOO_LARGE;
    out->arrayDimensions = copy;
    out->arrayDimensionsSize = depth;
    return OK;
}

static enum status read_matrix(struct opcua_reading *r, const struct json *v,
                               const UA_DataType *type, const uint32_t *dimensions, size_t depth,
                               UA_Variant *out)
{
    size_t count;
    if (opcua_rows_count(dimensions, depth, &count) != OK)
        return TOO_LARGE;
    uint8_t *array = UA_Array_new(count, type);
    if (array == NULL)
        return TOO_LARGE;
    enum status status =
        opcua_read_rows(r, v, &(struct opcua_rows){type, array, dimensions, depth});
    if (status != OK) {
        UA_Array_delete(array, count, type);
        return status;
    }
    UA_Variant_setArray(out, array, count, type);
    return set_dimensions(out, dimensions, depth);
}

static bool rank_takes_scalar(int32_t rank)
{
    return rank < 0;
}

static bool rank_takes(int32_t rank, size_t depth)
{
    if (rank > 0)
        return depth == (size_t)rank;
    if (rank == 0)
        return depth >= 1;
    return rank == -2 || (rank == -3 && depth == 1);
}

static enum status read_bytes_as_array(struct opcua_reading *r, struct opcua_source s,
                                       UA_Variant *out)
{
    UA_ByteString bytes = {0};
    enum status status = opcua_read_builtin[UA_DATATYPEKIND_BYTESTRING](r, s, &bytes);
    if (status == OK)
        UA_Variant_setArray(out, bytes.data, bytes.length, &UA_TYPES[UA_TYPES_BYTE]);
    return status;
}

static bool has_comma_form(const UA_DataType *type)
{
    return type->typeKind != UA_DATATYPEKIND_STRING &&
           type->typeKind != UA_DATATYPEKIND_LOCALIZEDTEXT &&
           type->typeKind != UA_DATATYPEKIND_XMLELEMENT &&
           type->typeKind != UA_DATATYPEKIND_VARIANT;
}

/* A node with an array, a request with one value: it is the array's only element, or a list as
 * text. */
static enum status read_one_as_array(struct opcua_reading *r, const struct json *v,
                                     const UA_DataType *type, UA_Variant *out)
{
    if (json_is(v, JSON_STRING) && type->typeKind == UA_DATATYPEKIND_BYTE &&
        slice_find(json_string(v), ',') == json_string(v).len)
        return read_bytes_as_array(r, opcua_source_of(v), out);
    if (json_is(v, JSON_STRING) && has_comma_form(type))
        return read_separated(r, json_string(v), type, out);
    enum status status = read_scalar(r, v, type, out);
    if (status == OK) {
        out->arrayLength = 1;
        out->storageType = UA_VARIANT_DATA;
    }
    return status;
}

static enum status refuse_rank(struct opcua_reading *r, const struct json *v, int32_t rank,
                               size_t depth)
{
    if (r->why) {
        opcua_read_show(opcua_source_of(v), r->why);
        if (rank == -1)
            buffer_text(r->why, " is an array, and the node has one value.");
        else
            buffer_printf(r->why, " has %zu dimensions, and the node %d.", depth,
                          rank > 0 ? rank : 1);
    }
    return BAD_ARGUMENT;
}

static enum status read_typed(struct opcua_reading *r, const struct json *v,
                              const UA_DataType *type, int32_t rank, UA_Variant *out)
{
    uint32_t dimensions[JSON_DEPTH_MAX];
    size_t depth = opcua_rows_measure(v, dimensions);
    bool one = depth == 0 || (type->typeKind == UA_DATATYPEKIND_BYTESTRING && rank == -1);
    if (one)
        return rank_takes_scalar(rank) ? read_scalar(r, v, type, out)
                                       : read_one_as_array(r, v, type, out);
    if (depth > 1 && rank == 1 && type->typeKind == UA_DATATYPEKIND_BYTESTRING)
        depth = 1; /* each a list of bytes */
    if (!rank_takes(rank, depth))
        return refuse_rank(r, v, rank, depth);
    return depth == 1 ? read_flat(r, v, type, out)
                      : read_matrix(r, v, type, dimensions, depth, out);
}

/* ---- types that the JSON suggests ---- */

static const UA_DataType *guess_number(const struct json *v)
{
    int64_t whole;
    uint64_t natural;
    if (!json_number_is_integer(v))
        return &UA_TYPES[UA_TYPES_DOUBLE];
    if (json_i64(v, &whole))
        return &UA_TYPES[UA_TYPES_INT64];
    return json_u64(v, &natural) ? &UA_TYPES[UA_TYPES_UINT64] : &UA_TYPES[UA_TYPES_DOUBLE];
}

static const UA_DataType *guess(const struct json *v);

/* One type for all of an array, or Variant. */
static const UA_DataType *guess_array(const struct json *v)
{
    const UA_DataType *type = NULL, *real = &UA_TYPES[UA_TYPES_DOUBLE];
    struct json_walk walk = json_walk(v);
    while (json_next(&walk)) {
        const UA_DataType *t = guess(walk.value);
        bool numbers = type && json_is(walk.value, JSON_NUMBER) && UA_DataType_isNumeric(type);
        if (type == NULL || (numbers && t == real))
            type = t;
        else if (t != type && !(numbers && type == real))
            return &UA_TYPES[UA_TYPES_VARIANT];
    }
    return type ? type : &UA_TYPES[UA_TYPES_VARIANT];
}

static const UA_DataType *guess(const struct json *v)
{
    switch (json_type(v)) {
    case JSON_BOOL:
        return &UA_TYPES[UA_TYPES_BOOLEAN];
    case JSON_NUMBER:
        return guess_number(v);
    case JSON_STRING:
        return &UA_TYPES[UA_TYPES_STRING];
    case JSON_ARRAY:
        return guess_array(v);
    case JSON_OBJECT:
        return json_get_nocase(v, "TypeId") || json_get_nocase(v, "UaTypeId") ? &UA_TYPES[UA_TYPES_EXTENSIONOBJECT] : NULL;
    default:
        return &UA_TYPES[UA_TYPES_VARIANT];
    }
}

/* {"Type":6,"Body":…} with a built-in type's number or name. */
static const UA_DataType *type_of_member(const struct json *type)
{
    uint64_t number;
    uint32_t id = json_u64(type, &number) && number <= 25 ? (uint32_t)number
                                                          : opcua_data_type_id(json_string(type));
    UA_NodeId node = UA_NODEID_NUMERIC(0, id);
    return id ? opcua_data_type_wire(&node) : NULL;
}

static enum status restore_dimensions(struct opcua_reading *r, const struct json *v,
                                      UA_Variant *out)
{
    uint32_t dimensions[JSON_DEPTH_MAX];
    size_t count = json_count(v), product, i = 0;
    struct json_walk walk = json_walk(v);
    if (count < 2 || count > JSON_DEPTH_MAX)
        return OK;
    while (json_next(&walk)) {
        uint64_t n;
        if (!json_u64(walk.value, &n) || n > OPCUA_VALUE_ELEMENTS_MAX)
            return opcua_read_refuse(r, opcua_source_of(v), "are not the dimensions of",
                                     "the Body");
        dimensions[i++] = (uint32_t)n;
    }
    if (opcua_rows_count(dimensions, count, &product) != OK || product != out->arrayLength)
        return opcua_read_refuse(r, opcua_source_of(v), "are not the dimensions of", "the Body");
    return set_dimensions(out, dimensions, count);
}

static bool is_nothing(const struct json *v)
{
    return v == NULL || json_is(v, JSON_NULL);
}

/* {"Type","Body"}, or of 1.05 {"UaType","Value"}. */
static const struct json *type_in(const struct json *v)
{
    const struct json *type = json_get_nocase(v, "Type");
    return type ? type : json_get_nocase(v, "UaType");
}

static const struct json *body_in(const struct json *v)
{
    return json_get_nocase(v, json_get_nocase(v, "UaType") ? "Value" : "Body");
}

/* The body of such a variant, perhaps with "Dimensions", as a value of `type`. */
static enum status read_body(struct opcua_reading *r, const struct json *v,
                             const UA_DataType *type, int32_t rank, UA_Variant *out)
{
    const struct json *dimensions = json_get_nocase(v, "Dimensions");
    const struct json *body = body_in(v);
    bool matrix = json_count(dimensions) > 1 && !json_is(json_at(body, 0), JSON_ARRAY);
    if (is_nothing(body))
        return rank < 0 ? read_scalar(r, body, type, out) : OK;
    if (!matrix)
        return read_variant(r, body, type, rank, out);
    if (!rank_takes(rank, json_count(dimensions)))
        return refuse_rank(r, dimensions, rank, json_count(dimensions));
    enum status status = read_variant(r, body, type, -2, out);
    return status == OK ? restore_dimensions(r, dimensions, out) : status;
}

static enum status read_reversible(struct opcua_reading *r, const struct json *v, UA_Variant *out)
{
    int32_t rank = -2;
    const UA_DataType *type = type_of_member(type_in(v));
    if (type == NULL)
        return opcua_read_refuse(r, opcua_source_of(v), "has no Type that is", "built in");
    const struct json *body = body_in(v);
    if (type->typeKind == UA_DATATYPEKIND_BYTESTRING && json_is(body, JSON_ARRAY))
        rank = 1;
    return read_body(r, v, type, rank, out);
}

static bool is_reversible(const struct json *v)
{
    return type_in(v) && body_in(v);
}

/* A value with its type, and not a structure that has such members itself. */
static bool is_wrapped_body(const struct json *v, const UA_DataType *type)
{
    if (!is_reversible(v) || type_of_member(type_in(v)) == NULL)
        return false;
    for (size_t i = 0; type->typeKind >= UA_DATATYPEKIND_DECIMAL && i < type->membersSize; i++)
        if (slice_eq_nocase(slice_of(type->members[i].memberName), SLICE("Body")))
            return false;
    return true;
}

/* {"Value":…} alone, as a data value is written; a structure may have a member of that name too. */
static bool is_wrapped(const struct json *v, const UA_DataType *type)
{
    bool inside = type == NULL || type->typeKind < UA_DATATYPEKIND_EXTENSIONOBJECT;
    return inside && json_get_nocase(v, "Value") && json_get_nocase(v, "TypeId") == NULL &&
           json_get_nocase(v, "UaTypeId") == NULL;
}

static enum status read_variant(struct opcua_reading *r, const struct json *v,
                                const UA_DataType *type, int32_t rank, UA_Variant *out)
{
    if (v == NULL || json_is(v, JSON_NULL))
        return OK;
    bool any = type == NULL || type->typeKind == UA_DATATYPEKIND_VARIANT;
    if (is_reversible(v) && any)
        return read_reversible(r, v, out);
    if (!any && is_wrapped_body(v, type))
        return read_body(r, v, type, rank, out);
    if (is_wrapped(v, type))
        return read_variant(r, json_get_nocase(v, "Value"), type, rank, out);
    if (any && !(type && rank >= 0 && json_is(v, JSON_ARRAY)))
        type = guess(v);
    if (type == NULL)
        return opcua_read_refuse(r, opcua_source_of(v), "does not say its", "type");
    return read_typed(r, v, type, rank, out);
}

enum status opcua_value_json_read(const struct json *v, const UA_DataType *type, int32_t rank,
                                  const struct opcua_namespaces *names, UA_Variant *out,
                                  struct buffer *why)
{
    struct opcua_reading r = {.names = names, .why = why};
    UA_Variant result;
    UA_Variant_init(&result);
    enum status status = read_variant(&r, v, type, rank, &result);
    if (status == OK &&
        opcua_types_encode_variant(names ? names->types : NULL, &result) != UA_STATUSCODE_GOOD)
        status = TOO_LARGE;
    if (status == OK)
        *out = result;
    else
        UA_Variant_clear(&result);
    return status;
}
