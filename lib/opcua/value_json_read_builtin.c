/* The built-in types that have no inside, out of JSON. */
#include "opcua/value_json_read.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "json/write.h"

#define NUMBER_TEXT_MAX 64
#define TEXT_SHOWN_MAX 96

/* ---- what went wrong ---- */

void opcua_read_show(struct opcua_source s, struct buffer *out)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    if (s.json)
        json_put_value(&w, s.json);
    else
        json_escape(&text, s.text);
    buffer_put(out, slice_first(buffer_slice(&text), TEXT_SHOWN_MAX));
    buffer_clear(&text);
}

enum status opcua_read_refuse(struct opcua_reading *r, struct opcua_source s, const char *what,
                              const char *type)
{
    if (r->why) {
        opcua_read_show(s, r->why);
        buffer_printf(r->why, " %s %s.", what, type);
    }
    return BAD_ARGUMENT;
}

static enum status not_a(struct opcua_reading *r, struct opcua_source s, const char *type)
{
    return opcua_read_refuse(r, s, "is not a value of type", type);
}

/* ---- numbers ---- */

struct whole {
    uint64_t amount;
    bool minus;
};

static bool whole_of_text(struct slice text, struct whole *out)
{
    text = slice_trim(text);
    bool sign = text.len && (text.at[0] == '-' || text.at[0] == '+');
    out->minus = sign && text.at[0] == '-';
    return slice_to_u64(slice_skip(text, sign), &out->amount);
}

static bool whole_of_json(const struct json *v, struct whole *out)
{
    int64_t number;
    out->minus = json_i64(v, &number) && number < 0;
    if (out->minus) {
        out->amount = 0 - (uint64_t)number;
        return true;
    }
    return json_u64(v, &out->amount);
}

static bool bool_of_text(struct slice text, bool *out)
{
    text = slice_trim(text);
    *out = slice_eq_nocase(text, SLICE("true"));
    return *out || slice_eq_nocase(text, SLICE("false"));
}

/* "Name_3": how enumerations are written in the form that cannot be reversed. */
static struct slice behind_underscore(struct slice text)
{
    for (size_t i = text.len; i > 0; i--)
        if (text.at[i - 1] == '_')
            return slice_skip(text, i);
    return text;
}

static bool whole_of(struct opcua_source s, struct whole *out)
{
    bool yes;
    if (!s.is_text && json_is(s.json, JSON_BOOL))
        *out = (struct whole){json_bool(s.json, false), false};
    else if (!s.is_text)
        return whole_of_json(s.json, out);
    else if (bool_of_text(s.text, &yes))
        *out = (struct whole){yes, false};
    else
        return whole_of_text(s.text, out) || whole_of_text(behind_underscore(s.text), out);
    return true;
}

static bool is_number_text(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isdigit(text.at[i]) && memchr("+-.eE", text.at[i], 5) == NULL)
            return false;
    return text.len > 0 && text.len < NUMBER_TEXT_MAX;
}

static bool double_of_text(struct slice text, double *out)
{
    static const struct {
        const char *name;
        double value;
    } words[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY},
                 {"true", 1},  {"false", 0},           {"+Infinity", INFINITY}};
    text = slice_trim(text);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_eq_nocase(text, slice_of(words[i].name))) {
            *out = words[i].value;
            return true;
        }
    char copy[NUMBER_TEXT_MAX + 1], *end;
    if (!is_number_text(text))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = 0;
    errno = 0;
    *out = strtod(copy, &end);
    return *end == 0 && isfinite(*out);
}

static bool looks_numeric(struct opcua_source s)
{
    double n;
    return s.is_text ? double_of_text(s.text, &n) : json_is(s.json, JSON_NUMBER);
}

static enum status read_signed(struct opcua_reading *r, struct opcua_source s, int64_t least,
                               int64_t most, const char *type, int64_t *out)
{
    struct whole n;
    if (!whole_of(s, &n))
        return looks_numeric(s)
                   ? opcua_read_refuse(r, s, "is not a whole number in the range of", type)
                   : not_a(r, s, type);
    uint64_t limit = n.minus ? 0 - (uint64_t)least : (uint64_t)most;
    if (n.amount > limit)
        return opcua_read_refuse(r, s, "is out of the range of", type);
    *out = n.minus ? (int64_t)(0 - n.amount) : (int64_t)n.amount;
    return OK;
}

static enum status read_unsigned(struct opcua_reading *r, struct opcua_source s, uint64_t most,
                                 const char *type, uint64_t *out)
{
    struct whole n;
    if (!whole_of(s, &n))
        return looks_numeric(s)
                   ? opcua_read_refuse(r, s, "is not a whole number in the range of", type)
                   : not_a(r, s, type);
    if ((n.minus && n.amount) || n.amount > most)
        return opcua_read_refuse(r, s, "is out of the range of", type);
    *out = n.amount;
    return OK;
}

#define READ_SIGNED(name, type, least, most)                                                       \
    static enum status name(struct opcua_reading *r, struct opcua_source s, void *out)             \
    {                                                                                              \
        int64_t n;                                                                                 \
        enum status status = read_signed(r, s, least, most, #type, &n);                            \
        if (status == OK)                                                                          \
            *(UA_##type *)out = (UA_##type)n;                                                      \
        return status;                                                                             \
    }

#define READ_UNSIGNED(name, type, most)                                                            \
    static enum status name(struct opcua_reading *r, struct opcua_source s, void *out)             \
    {                                                                                              \
        uint64_t n;                                                                                \
        enum status status = read_unsigned(r, s, most, #type, &n);                                 \
        if (status == OK)                                                                          \
            *(UA_##type *)out = (UA_##type)n;                                                      \
        return status;                                                                             \
    }

READ_SIGNED(read_sbyte, SByte, INT8_MIN, INT8_MAX)
READ_SIGNED(read_int16, Int16, INT16_MIN, INT16_MAX)
READ_SIGNED(read_int32, Int32, INT32_MIN, INT32_MAX)
READ_SIGNED(read_int64, Int64, INT64_MIN, INT64_MAX)
READ_UNSIGNED(read_byte, Byte, UINT8_MAX)
READ_UNSIGNED(read_uint16, UInt16, UINT16_MAX)
READ_UNSIGNED(read_uint32, UInt32, UINT32_MAX)
READ_UNSIGNED(read_uint64, UInt64, UINT64_MAX)

static enum status read_number(struct opcua_reading *r, struct opcua_source s, const char *type,
                               double *out)
{
    if (s.is_text)
        return double_of_text(s.text, out) ? OK : not_a(r, s, type);
    if (json_is(s.json, JSON_BOOL))
        *out = json_bool(s.json, false);
    else if (json_is(s.json, JSON_NUMBER))
        *out = json_double(s.json, 0);
    else
        return not_a(r, s, type);
    return OK;
}

static enum status read_double(struct opcua_reading *r, struct opcua_source s, void *out)
{
    return read_number(r, s, "Double", out);
}

static enum status read_float(struct opcua_reading *r, struct opcua_source s, void *out)
{
    double n;
    enum status status = read_number(r, s, "Float", &n);
    if (status != OK)
        return status;
    if (isfinite(n) && !isfinite((float)n))
        return opcua_read_refuse(r, s, "is out of the range of", "Float");
    *(UA_Float *)out = (UA_Float)n;
    return OK;
}

static enum status read_boolean(struct opcua_reading *r, struct opcua_source s, void *out)
{
    struct whole n;
    if (!whole_of(s, &n))
        return not_a(r, s, "Boolean");
    if (n.amount > 1 || n.minus)
        return opcua_read_refuse(r, s, "is out of the range of", "Boolean");
    *(UA_Boolean *)out = n.amount == 1;
    return OK;
}

/* ---- texts and bytes ---- */

enum status opcua_read_text(struct slice text, UA_String *out)
{
    if (text.len == 0) {
        *out = (UA_String){0, (UA_Byte *)UA_EMPTY_ARRAY_SENTINEL};
        return OK;
    }
    if (UA_ByteString_allocBuffer(out, text.len) != UA_STATUSCODE_GOOD)
        return TOO_LARGE;
    memcpy(out->data, text.at, text.len);
    return OK;
}

static enum status read_string(struct opcua_reading *r, struct opcua_source s, void *out)
{
    if (s.is_text)
        return opcua_read_text(s.text, out);
    if (!json_is(s.json, JSON_NUMBER) && !json_is(s.json, JSON_BOOL))
        return not_a(r, s, "String");
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    json_put_value(&w, s.json);
    enum status status = opcua_read_text(buffer_slice(&text), out);
    buffer_clear(&text);
    return status;
}

static enum status bytes_of_array(struct opcua_reading *r, const struct json *v, struct buffer *out)
{
    struct json_walk walk = json_walk(v);
    while (json_next(&walk)) {
        UA_Byte byte;
        enum status status = read_byte(r, opcua_source_of(walk.value), &byte);
        if (status != OK)
            return status;
        buffer_u8(out, byte);
    }
    return OK;
}

static enum status read_bytes(struct opcua_reading *r, struct opcua_source s, void *out)
{
    struct buffer bytes = {0};
    enum status status = BAD_ARGUMENT;
    if (!s.is_text && json_is(s.json, JSON_ARRAY))
        status = bytes_of_array(r, s.json, &bytes);
    else if (!s.is_text || base64_decode(slice_trim(s.text), &bytes) != OK)
        opcua_read_refuse(r, s, "is neither base64 nor an array of bytes, for a value of type",
                          "ByteString");
    else
        status = OK;
    if (status == OK)
        status = opcua_read_text(buffer_slice(&bytes), out);
    buffer_clear(&bytes);
    return status;
}

static enum status read_time(struct opcua_reading *r, struct opcua_source s, void *out)
{
    if (!s.is_text || !opcua_value_json_time_parse(slice_trim(s.text), out))
        return opcua_read_refuse(r, s, "is not a time in ISO 8601, for a value of type",
                                 "DateTime");
    return OK;
}

static enum status read_guid(struct opcua_reading *r, struct opcua_source s, void *out)
{
    return s.is_text && opcua_guid_parse(slice_trim(s.text), out) ? OK : not_a(r, s, "Guid");
}

static enum status read_localized(struct opcua_reading *r, struct opcua_source s, void *out)
{
    UA_LocalizedText *text = out;
    if (s.is_text)
        return opcua_read_text(s.text, &text->text);
    if (!json_is(s.json, JSON_OBJECT))
        return not_a(r, s, "LocalizedText");
    const struct json *locale = json_get_nocase(s.json, "Locale");
    const struct json *words = json_get_nocase(s.json, "Text");
    enum status status = words ? read_string(r, opcua_source_of(words), &text->text) : OK;
    if (status == OK && json_is(locale, JSON_STRING))
        status = opcua_read_text(json_string(locale), &text->locale);
    return status;
}

/* ---- ids ---- */

/* {"IdType":1,"Id":"x","Namespace":2} as text, for the one parser that there is. */
static enum status id_of_object(struct opcua_reading *r, struct opcua_source s,
                                UA_ExpandedNodeId *out)
{
    static const char letters[] = "isgb";
    const struct json *id = json_get_nocase(s.json, "Id");
    const struct json *space = json_get_nocase(s.json, "Namespace");
    uint64_t type = 0, index;
    if (json_get_nocase(s.json, "IdType"))
        json_u64(json_get_nocase(s.json, "IdType"), &type);
    if (id == NULL || type > 3)
        return not_a(r, s, "NodeId");
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    if (json_is(space, JSON_STRING))
        buffer_printf(&text, "nsu=%.*s;", SLICE_FMT(json_string(space)));
    else if (json_u64(space, &index))
        buffer_printf(&text, "ns=%llu;", (unsigned long long)index);
    buffer_printf(&text, "%c=", letters[type]);
    if (json_is(id, JSON_STRING))
        buffer_put(&text, json_string(id));
    else
        json_put_value(&w, id);
    enum status status = opcua_expanded_id_parse(buffer_slice(&text), r->names, out, r->why);
    buffer_clear(&text);
    return status;
}

static enum status read_expanded_id(struct opcua_reading *r, struct opcua_source s, void *out)
{
    enum status status;
    if (s.is_text)
        status = opcua_expanded_id_parse(s.text, r->names, out, r->why);
    else if (json_is(s.json, JSON_OBJECT))
        status = id_of_object(r, s, out);
    else
        return not_a(r, s, "NodeId");
    return status == OK || status == TOO_LARGE ? status : BAD_ARGUMENT;
}

static enum status read_node_id(struct opcua_reading *r, struct opcua_source s, void *out)
{
    UA_ExpandedNodeId id = {0};
    enum status status = read_expanded_id(r, s, &id);
    if (status != OK)
        return status;
    if (id.serverIndex || id.namespaceUri.length) {
        UA_ExpandedNodeId_clear(&id);
        return opcua_read_refuse(
            r, s,
            "names a namespace or a server that the server does not have, for a value of type",
            "NodeId");
    }
    *(UA_NodeId *)out = id.nodeId;
    return OK;
}

static enum status name_of_object(struct opcua_reading *r, struct opcua_source s,
                                  UA_QualifiedName *out)
{
    const struct json *name = json_get_nocase(s.json, "Name");
    const struct json *space = json_get_nocase(s.json, "Uri");
    uint64_t index = 0;
    if (space == NULL)
        space = json_get_nocase(s.json, "NamespaceIndex");
    if (!json_is(name, JSON_STRING) ||
        (json_is(space, JSON_NUMBER) && (!json_u64(space, &index) || index > UINT16_MAX)))
        return not_a(r, s, "QualifiedName");
    if (!json_is(space, JSON_STRING)) {
        out->namespaceIndex = (UA_UInt16)index;
        return opcua_read_text(json_string(name), &out->name);
    }
    struct buffer text = {0};
    buffer_printf(&text, "nsu=%.*s;", SLICE_FMT(json_string(space)));
    percent_encode(json_string(name), &text);
    enum status status = opcua_qualified_name_parse(buffer_slice(&text), r->names, out, r->why);
    buffer_clear(&text);
    return status;
}

static enum status read_qualified(struct opcua_reading *r, struct opcua_source s, void *out)
{
    enum status status;
    if (s.is_text && s.text.len == 0)
        return OK;
    if (s.is_text)
        status = opcua_qualified_name_parse(s.text, r->names, out, r->why);
    else if (json_is(s.json, JSON_OBJECT))
        status = name_of_object(r, s, out);
    else
        return not_a(r, s, "QualifiedName");
    return status == OK || status == TOO_LARGE ? status : BAD_ARGUMENT;
}

/* The stack has no list of them: codes are a severity, and a number in steps of 0x10000. */
bool opcua_value_json_status_parse(struct slice symbol, UA_StatusCode *out)
{
    static const UA_StatusCode severities[] = {0, 0x40000000, 0x80000000};
    for (size_t i = 0; i < sizeof(severities) / sizeof(severities[0]); i++)
        for (UA_StatusCode n = 0; n < 0x400; n++) {
            UA_StatusCode code = severities[i] | n << 16;
            if (slice_eq_nocase(symbol, slice_of(UA_StatusCode_name(code)))) {
                *out = code;
                return true;
            }
        }
    return false;
}

static enum status read_status(struct opcua_reading *r, struct opcua_source s, void *out)
{
    const struct json *code = json_get_nocase(s.json, "Code");
    const struct json *symbol = json_get_nocase(s.json, "Symbol");
    if (code || symbol)
        s = opcua_source_of(code ? code : symbol);
    if (s.is_text && opcua_value_json_status_parse(slice_trim(s.text), out))
        return OK;
    return read_uint32(r, s, out);
}

opcua_read_fn *const opcua_read_builtin[UA_DATATYPEKINDS] = {
    [UA_DATATYPEKIND_BOOLEAN] = read_boolean,
    [UA_DATATYPEKIND_SBYTE] = read_sbyte,
    [UA_DATATYPEKIND_BYTE] = read_byte,
    [UA_DATATYPEKIND_INT16] = read_int16,
    [UA_DATATYPEKIND_UINT16] = read_uint16,
    [UA_DATATYPEKIND_INT32] = read_int32,
    [UA_DATATYPEKIND_UINT32] = read_uint32,
    [UA_DATATYPEKIND_INT64] = read_int64,
    [UA_DATATYPEKIND_UINT64] = read_uint64,
    [UA_DATATYPEKIND_FLOAT] = read_float,
    [UA_DATATYPEKIND_DOUBLE] = read_double,
    [UA_DATATYPEKIND_STRING] = read_string,
    [UA_DATATYPEKIND_DATETIME] = read_time,
    [UA_DATATYPEKIND_GUID] = read_guid,
    [UA_DATATYPEKIND_BYTESTRING] = read_bytes,
    [UA_DATATYPEKIND_XMLELEMENT] = read_string,
    [UA_DATATYPEKIND_NODEID] = read_node_id,
    [UA_DATATYPEKIND_EXPANDEDNODEID] = read_expanded_id,
    [UA_DATATYPEKIND_STATUSCODE] = read_status,
    [UA_DATATYPEKIND_QUALIFIEDNAME] = read_qualified,
    [UA_DATATYPEKIND_LOCALIZEDTEXT] = read_localized,
    [UA_DATATYPEKIND_ENUM] = read_int32,
};
