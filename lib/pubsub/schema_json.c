#include "pubsub/schema_json.h"

#include "json/write.h"
#include "pubsub/schema_name.h"

/* While one is made: definitions come to stand before what refers to them. */
struct making {
    const struct schema_plan *plan;
    const struct opcua_value_form *form;
    struct buffer definitions;
    struct schema_names names;
};

#define OF_BUILTIN 0 /* names that mean the same everywhere */

/* It is given up. */
static bool is_too_long(const struct making *m, const struct buffer *out)
{
    return m->definitions.len + out->len > m->plan->max;
}

static bool is_new(const struct making *m)
{
    return m->form->rules != OPCUA_JSON_1_04;
}

static void put_ref(struct slice name, struct buffer *out)
{
    buffer_printf(out, "{\"$ref\":\"#/definitions/%.*s\"}", SLICE_FMT(name));
}

/* The definition's text goes over to the others. */
static void define(struct making *m, struct slice name, struct buffer *text)
{
    buffer_printf(&m->definitions, "%s\"%.*s\":", m->definitions.len ? "," : "", SLICE_FMT(name));
    buffer_put(&m->definitions, buffer_slice(text));
    buffer_clear(text);
}

/* ---- built-in types (OPC UA Part 6, 5.4.2) ---- */

/* clang-format off */
#define TEXT "{\"type\":[\"string\",\"null\"]}"
#define BYTES "{\"type\":[\"string\",\"null\"],\"contentEncoding\":\"base64\"}"
#define OBJECT "{\"type\":[\"object\",\"null\"]}"
#define INTEGER(min, max) "{\"type\":\"integer\",\"minimum\":" min ",\"maximum\":" max "}"
#define REAL "{\"anyOf\":[{\"type\":\"number\"},{\"enum\":[\"NaN\",\"Infinity\",\"-Infinity\"]}]}"
#define DIGITS "{\"type\":\"string\",\"pattern\":\"^-?[0-9]+$\"}"
#define CODE "\"Code\":" INTEGER("0", "4294967295")

/* What is the same in all forms. */
static const char *const schemas[] = {
    [UA_DATATYPEKIND_BOOLEAN] = "{\"type\":\"boolean\"}",
    [UA_DATATYPEKIND_SBYTE] = INTEGER("-128", "127"),
    [UA_DATATYPEKIND_BYTE] = INTEGER("0", "255"),
    [UA_DATATYPEKIND_INT16] = INTEGER("-32768", "32767"),
    [UA_DATATYPEKIND_UINT16] = INTEGER("0", "65535"),
    [UA_DATATYPEKIND_INT32] = INTEGER("-2147483648", "2147483647"),
    [UA_DATATYPEKIND_UINT32] = INTEGER("0", "4294967295"),
    [UA_DATATYPEKIND_FLOAT] = REAL,
    [UA_DATATYPEKIND_DOUBLE] = REAL,
    [UA_DATATYPEKIND_STRING] = TEXT,
    [UA_DATATYPEKIND_DATETIME] = "{\"type\":\"string\",\"format\":\"date-time\"}",
    [UA_DATATYPEKIND_GUID] = "{\"type\":\"string\",\"format\":\"uuid\"}",
    [UA_DATATYPEKIND_BYTESTRING] = BYTES,
    [UA_DATATYPEKIND_XMLELEMENT] = TEXT,
    [UA_DATATYPEKIND_EXTENSIONOBJECT] = OBJECT,
    [UA_DATATYPEKIND_DATAVALUE] = OBJECT,
    [UA_DATATYPEKIND_VARIANT] = "{}",
    [UA_DATATYPEKIND_DIAGNOSTICINFO] = OBJECT,
};
/* clang-format on */

static const char *schema_of(const struct making *m, UA_DataTypeKind kind)
{
    bool strict = m->form->strict && !is_new(m);
    switch (kind) {
    case UA_DATATYPEKIND_INT64:
    case UA_DATATYPEKIND_UINT64:
        return strict || is_new(m) ? DIGITS : "{\"type\":\"integer\"}";
    case UA_DATATYPEKIND_NODEID:
    case UA_DATATYPEKIND_EXPANDEDNODEID:
    case UA_DATATYPEKIND_QUALIFIEDNAME:
        return strict ? OBJECT : TEXT;
    case UA_DATATYPEKIND_LOCALIZEDTEXT:
        return m->form->reversible || is_new(m) ? OBJECT : TEXT;
    case UA_DATATYPEKIND_STATUSCODE:
        return strict && m->form->reversible
                   ? "{\"type\":\"integer\"}"
                   : "{\"type\":\"object\",\"properties\":{" CODE
                     ",\"Symbol\":{\"type\":\"string\"}},\"required\":[\"Code\"],"
                     "\"additionalProperties\":false}";
    default:
        return schemas[kind];
    }
}

static void put_builtin(struct making *m, UA_DataTypeKind kind, struct buffer *out)
{
    struct buffer name = {0}, text = {0};
    buffer_printf(&name, SCHEMA_UA ".%s", schema_name_of_builtin(kind));
    if (schema_names_claim(&m->names, &name, 0, OF_BUILTIN)) {
        buffer_printf(&text, "{\"title\":\"OPC UA built in type %s\",",
                      schema_name_of_builtin(kind));
        const char *schema = schema_of(m, kind);
        if (schema[1] == '}')
            text.len--;
        buffer_text(&text, schema + 1);
        define(m, buffer_slice(&name), &text);
    }
    put_ref(buffer_slice(&name), out);
    buffer_clear(&name);
}

/* ---- structures ---- */

static void put_ranked(struct making *m, const struct shape_type *type, enum shape_rank rank,
                       struct buffer *out);

/* Numbers of members stand beside them. */
static bool has_numbers(const struct making *m)
{
    return is_new(m) ? m->form->rules == OPCUA_JSON_COMPACT : m->form->reversible;
}

static void put_members(struct making *m, const struct shape_type *type, struct buffer *out)
{
    for (size_t i = 0; i < type->count; i++) {
        json_escape(out, type->fields[i].name);
        buffer_u8(out, ':');
        put_ranked(m, type->fields[i].type, type->fields[i].rank, out);
        buffer_u8(out, ',');
    }
}

/* The reversible form of 1.04: the switch says which of them the value is. */
static void put_choice(struct making *m, const struct shape_type *type, struct buffer *out)
{
    buffer_text(out, "\"Value\":{\"anyOf\":[{}");
    out->len -= type->count > 0 ? 2 : 0;
    for (size_t i = 0; i < type->count; i++) {
        buffer_text(out, i ? "," : "");
        put_ranked(m, type->fields[i].type, type->fields[i].rank, out);
    }
    buffer_text(out, "]},");
}

/* What is nothing is left out in the compact form, and what is optional in all. */
static void define_structure(struct making *m, const struct shape_type *type, struct slice name,
                             bool typed)
{
    struct buffer text = {0};
    bool is_union = type->kind == SHAPE_UNION;
    buffer_text(&text, is_union && !has_numbers(m) ? "{\"type\":[\"object\",\"null\"]"
                                                   : "{\"type\":\"object\"");
    buffer_text(&text, ",\"properties\":{");
    if (typed)
        buffer_text(&text, "\"UaTypeId\":" TEXT ",");
    if (is_union && m->form->reversible && !is_new(m))
        put_choice(m, type, &text);
    else
        put_members(m, type, &text);
    if (has_numbers(m))
        buffer_printf(&text, "\"%s\":{\"type\":\"integer\"},",
                      is_union ? "SwitchField" : "EncodingMask");
    if (text.at[text.len - 1] == ',')
        text.len--;
    buffer_text(&text, "},\"additionalProperties\":false}");
    define(m, name, &text);
}

static void put_structure(struct making *m, const struct shape_type *type, bool typed,
                          struct buffer *out)
{
    struct buffer name = {0};
    schema_name_full(type, SHAPE_SCALAR, &name);
    if (typed)
        buffer_text(&name, "ExtensionObject");
    if (schema_names_claim(&m->names, &name, 0, schema_name_meaning(type, SHAPE_SCALAR)))
        define_structure(m, type, buffer_slice(&name), typed);
    put_ref(buffer_slice(&name), out);
    buffer_clear(&name);
}

/* As a member of a structure. */
static void put_type(struct making *m, const struct shape_type *type, struct buffer *out)
{
    switch (type->kind) {
    case SHAPE_ANY:
        put_builtin(m, UA_DATATYPEKIND_VARIANT, out);
        break;
    case SHAPE_OBJECT:
        put_builtin(m, UA_DATATYPEKIND_EXTENSIONOBJECT, out);
        break;
    case SHAPE_BUILTIN:
        put_builtin(m, type->builtin, out);
        break;
    case SHAPE_ENUMERATION:
        put_builtin(m, UA_DATATYPEKIND_INT32, out);
        break;
    case SHAPE_STRUCTURE:
    case SHAPE_UNION:
        put_structure(m, type, false, out);
    }
}

static void put_ranked(struct making *m, const struct shape_type *type, enum shape_rank rank,
                       struct buffer *out)
{
    bool beside = rank == SHAPE_MATRIX && is_new(m);
    if (rank == SHAPE_MATRIX && !beside) {
        buffer_text(out, "{\"type\":\"array\"}"); /* rows in each other */
        return;
    }
    if (beside)
        buffer_text(out, "{\"type\":\"object\",\"properties\":{\"Array\":");
    if (rank != SHAPE_SCALAR)
        buffer_text(out, "{\"type\":\"array\",\"items\":");
    put_type(m, type, out);
    if (rank != SHAPE_SCALAR)
        buffer_u8(out, '}');
    if (beside)
        buffer_text(out, ",\"Dimensions\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}},"
                         "\"additionalProperties\":false}");
}

/* ---- values ---- */

/* An element of a variant: structures there are extension objects. */
static void put_element(struct making *m, const struct shape_type *type, struct buffer *out)
{
    if (!shape_has_members(type) || !m->form->reversible) {
        put_type(m, type, out);
    } else if (is_new(m)) {
        put_structure(m, type, true, out);
    } else {
        buffer_text(out, "{\"type\":\"object\",\"properties\":{\"TypeId\":");
        put_builtin(m, UA_DATATYPEKIND_NODEID, out);
        buffer_text(out, ",\"Encoding\":{\"const\":\"Json\"},\"Body\":");
        put_structure(m, type, false, out);
        buffer_text(out, "},\"required\":[\"TypeId\",\"Body\"],\"additionalProperties\":false}");
    }
}

/* What a variant holds. Matrices stand row in row where their dimensions do not stand beside. */
static void put_plain(struct making *m, const struct shape_field *f, struct buffer *out)
{
    if (f->rank == SHAPE_SCALAR) {
        put_element(m, f->type, out);
    } else if (f->rank == SHAPE_MATRIX && !m->form->reversible) {
        buffer_text(out, "{\"type\":\"array\"}");
    } else {
        buffer_text(out, "{\"type\":\"array\",\"items\":");
        put_element(m, f->type, out);
        buffer_u8(out, '}');
    }
}

static void put_variant(struct making *m, const struct shape_field *f, struct buffer *out)
{
    static const char *const dimensions =
        ",\"Dimensions\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}},"
        "\"additionalProperties\":false}";
    if (f->type->kind == SHAPE_ANY)
        put_builtin(m, UA_DATATYPEKIND_VARIANT, out);
    else if (!m->form->reversible)
        put_plain(m, f, out);
    else {
        buffer_text(out, is_new(m) ? "{\"type\":\"object\",\"properties\":{\"UaType\":{\"type\":"
                                     "\"integer\"},\"Value\":"
                         : m->form->strict ? "{\"type\":\"object\",\"properties\":{\"Type\":"
                                             "{\"type\":\"integer\"},\"Body\":"
                                           : "{\"type\":\"object\",\"properties\":{\"Type\":"
                                             "{\"type\":\"string\"},\"Body\":");
        put_plain(m, f, out);
        buffer_text(out, dimensions);
    }
}

/* The value's own members; those of 1.05 have its type beside them. */
static void put_value_members(struct making *m, const struct shape_field *f, struct buffer *out)
{
    bool beside = m->form->reversible && is_new(m);
    if (beside)
        buffer_text(out, "\"UaType\":{\"type\":\"integer\"},\"Dimensions\":{\"type\":\"array\","
                         "\"items\":{\"type\":\"integer\"}},");
    buffer_text(out, "\"Value\":");
    if (!beside)
        put_variant(m, f, out);
    else if (f->type->kind == SHAPE_ANY)
        put_builtin(m, UA_DATATYPEKIND_VARIANT, out);
    else
        put_plain(m, f, out);
}

static void define_data_value(struct making *m, const struct shape_field *f, struct slice name)
{
    static const struct {
        unsigned bit;
        const char *name;
        UA_DataTypeKind kind;
    } members[] = {
        {OPCUA_FIELD_STATUS, "StatusCode", UA_DATATYPEKIND_STATUSCODE},
        {OPCUA_FIELD_SOURCE_TIME, "SourceTimestamp", UA_DATATYPEKIND_DATETIME},
        {OPCUA_FIELD_SOURCE_PICO, "SourcePicoseconds", UA_DATATYPEKIND_UINT16},
        {OPCUA_FIELD_SERVER_TIME, "ServerTimestamp", UA_DATATYPEKIND_DATETIME},
        {OPCUA_FIELD_SERVER_PICO, "ServerPicoseconds", UA_DATATYPEKIND_UINT16},
    };
    struct buffer text = {0};
    buffer_text(&text, "{\"type\":\"object\",\"properties\":{");
    put_value_members(m, f, &text);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (m->plan->encoder->form->field_mask & members[i].bit) {
            buffer_printf(&text, ",\"%s\":", members[i].name);
            put_builtin(m, members[i].kind, &text);
        }
    buffer_text(&text, "},\"additionalProperties\":false}");
    define(m, name, &text);
}

/* As a field of a payload, or as a sample's value. */
static void put_field(struct making *m, const struct shape_field *f, struct buffer *out)
{
    if (m->plan->encoder->form->field_mask & OPCUA_FIELD_RAW) {
        buffer_text(out, "{\"anyOf\":[{\"type\":\"null\"},");
        put_variant(m, f, out);
        buffer_text(out, "]}");
        return;
    }
    struct buffer name = {0};
    schema_name_full(f->type, f->rank, &name);
    buffer_text(&name, "DataValue");
    if (schema_names_claim(&m->names, &name, 0, schema_name_meaning(f->type, f->rank)))
        define_data_value(m, f, buffer_slice(&name));
    put_ref(buffer_slice(&name), out);
    buffer_clear(&name);
}

/* ---- payloads ---- */

static void put_payload(struct making *m, const struct shape *s, struct buffer *out)
{
    bool lone = m->plan->encoder->lone_value;
    buffer_text(out, lone ? "{\"anyOf\":[" : "");
    buffer_text(out, "{\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < s->count && !is_too_long(m, out); i++) {
        if (i)
            buffer_u8(out, ',');
        buffer_put(out, s->fields[i].head);
        put_field(m, &s->fields[i], out);
    }
    buffer_text(out, "},\"additionalProperties\":false}");
    for (size_t i = 0; i < s->count && lone && !is_too_long(m, out); i++) {
        buffer_u8(out, ',');
        put_field(m, &s->fields[i], out);
    }
    buffer_text(out, lone ? "]}" : "");
}

/* Appends the definition's name. */
static void define_payload(struct making *m, const struct shape *s, struct buffer *name)
{
    struct buffer text = {0};
    buffer_text(name, SCHEMA_PUBLISHER ".");
    schema_name_escape(s->name.len ? s->name : SLICE("DataSet"), name);
    schema_names_make_unique(&m->names, name, 0);
    buffer_text(&text, "{\"title\":");
    json_escape(&text, s->name.len ? s->name : SLICE("DataSet"));
    buffer_text(&text, ",\"allOf\":[");
    put_payload(m, s, &text);
    buffer_text(&text, "]}");
    define(m, buffer_slice(name), &text);
}

/* ---- data set messages ---- */

static void put_head_members(struct making *m, const char *const (*members)[2], size_t count,
                        struct buffer *out)
{
    (void)m;
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "%s\"%s\":%s", i ? "," : "", members[i][0], members[i][1]);
}

static void put_required(const char *const (*members)[2], size_t count, struct buffer *out)
{
    buffer_text(out, "\"required\":[");
    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "%s\"%s\"", i ? "," : "", members[i][0]);
    buffer_u8(out, ']');
}

#define STRING "{\"type\":\"string\"}"
#define NUMBER "{\"type\":\"integer\",\"minimum\":0}"
#define VERSION                                                                                    \
    "{\"type\":\"object\",\"properties\":{\"MajorVersion\":" NUMBER ",\"MinorVersion\":" NUMBER    \
    "},\"required\":[\"MajorVersion\",\"MinorVersion\"],\"additionalProperties\":false}"
#define TYPES                                                                                      \
    "{\"enum\":[\"ua-deltaframe\",\"ua-keyframe\",\"ua-event\",\"ua-condition\",\"ua-keepalive\"]}"
#define TIME "{\"type\":\"string\",\"format\":\"date-time\"}"

#define HEAD_MAX 6

static void put_data_set_message(struct making *m, struct slice payload, struct buffer *out)
{
    const struct encoder *e = m->plan->encoder;
    const char *members[HEAD_MAX][2] = {{"SequenceNumber", NUMBER},
                                        {"MetaDataVersion", VERSION},
                                        {"Timestamp", TIME},
                                        {"MessageType", TYPES}};
    size_t count = 4;
    if (!e->value_form.strict)
        members[count][0] = "DataSetWriterId", members[count++][1] = STRING;
    else if (e->form->head_mask & HEAD_WRITER_ID)
        members[count][0] = "DataSetWriterId", members[count++][1] = NUMBER;
    if (e->value_form.strict)
        members[count][0] = "DataSetWriterName", members[count++][1] = STRING;
    buffer_text(out, "{\"type\":\"object\",\"properties\":{");
    put_head_members(m, (const char *const(*)[2])members, count, out);
    buffer_text(out, ",\"Late\":{\"const\":true},\"Payload\":");
    put_ref(payload, out);
    buffer_text(out, "},");
    put_required((const char *const(*)[2])members, count, out);
    buffer_text(out, ",\"additionalProperties\":false}");
}

/* A reference to what stands for the data set in a message. */
static void put_data_set(struct making *m, const struct shape *s, struct buffer *out)
{
    struct buffer name = {0}, text = {0};
    define_payload(m, s, &name);
    if (m->plan->encoder->form->head) {
        put_data_set_message(m, buffer_slice(&name), &text);
        buffer_text(&name, "DataSetMessage");
        schema_names_make_unique(&m->names, &name, 0);
        define(m, buffer_slice(&name), &text);
    }
    put_ref(buffer_slice(&name), out);
    buffer_clear(&name);
}

static void put_any_data_set(struct making *m, struct buffer *out)
{
    const struct schema_plan *p = m->plan;
    buffer_text(out, p->count == 1 ? "" : "{\"anyOf\":[");
    for (size_t i = 0; i < p->count && !is_too_long(m, out); i++) {
        if (i)
            buffer_u8(out, ',');
        put_data_set(m, p->sets[i], out);
    }
    buffer_text(out, p->count == 1 ? "" : "]}");
}

/* ---- network messages ---- */

static void put_network(struct making *m, struct buffer *out)
{
    const struct schema_plan *p = m->plan;
    const char *members[HEAD_MAX][2] = {{"MessageId", STRING},
                                        {"MessageType", "{\"const\":\"ua-data\"}"}};
    size_t count = 2;
    if (p->publisher_id)
        members[count][0] = "PublisherId", members[count++][1] = STRING;
    if (p->class_id)
        members[count][0] = "DataSetClassId", members[count++][1] = STRING;
    if (!p->encoder->value_form.strict && p->group.len)
        members[count][0] = "DataSetWriterGroup", members[count++][1] = STRING;
    buffer_text(out, "{\"type\":\"object\",\"properties\":{");
    put_head_members(m, (const char *const(*)[2])members, count, out);
    buffer_text(out, ",\"Messages\":{\"type\":\"array\",\"items\":");
    put_any_data_set(m, out);
    buffer_text(out, "}},");
    members[count++][0] = "Messages";
    put_required((const char *const(*)[2])members, count, out);
    buffer_text(out, ",\"additionalProperties\":false}");
}

/* ---- samples ---- */

static void put_sample_values(struct making *m, struct buffer *out)
{
    const struct schema_plan *p = m->plan;
    bool events = false;
    size_t put = 0;
    struct schema_names seen = {0};
    buffer_text(out, "{\"anyOf\":[");
    for (size_t s = 0; s < p->count && !is_too_long(m, out); s++) {
        events |= p->sets[s]->events;
        for (size_t i = 0; i < p->sets[s]->count && !p->sets[s]->events; i++) {
            struct buffer one = {0};
            put_field(m, &p->sets[s]->fields[i], &one);
            if (schema_names_add(&seen, buffer_slice(&one))) {
                buffer_text(out, put++ ? "," : "");
                buffer_put(out, buffer_slice(&one));
            }
            buffer_clear(&one);
        }
    }
    if (events || put == 0)
        buffer_printf(out, "%s{\"type\":\"object\"}", put ? "," : "");
    buffer_text(out, "]}");
    schema_names_clear(&seen);
}

static void put_sample(struct making *m, struct buffer *out)
{
    bool full = m->plan->encoder->form->full;
    buffer_text(out, "{\"type\":\"object\",\"properties\":{\"NodeId\":" STRING
                     ",\"EndpointUrl\":" STRING ",\"DisplayName\":" STRING
                     ",\"Late\":{\"const\":true}");
    if (full)
        buffer_text(out, ",\"ApplicationUri\":" STRING ",\"Timestamp\":" TIME
                         ",\"Heartbeat\":{\"const\":true},\"SequenceNumber\":" NUMBER
                         ",\"ExtensionFields\":{\"type\":\"object\"}");
    buffer_text(out, ",\"Value\":");
    put_sample_values(m, out);
    buffer_text(out, "},\"required\":[\"NodeId\",\"Value\"],\"additionalProperties\":false}");
}

/* ---- all of it ---- */

/* Appends the name. */
static void define_message(struct making *m, struct buffer *name)
{
    const struct form *f = m->plan->encoder->form;
    struct buffer text = {0};
    buffer_text(name, SCHEMA_PUBLISHER ".");
    if (m->plan->group.len)
        schema_name_escape(m->plan->group, name);
    buffer_text(name, f->samples   ? "MonitoredItemMessage"
                      : f->network ? "NetworkMessage"
                                   : "DataSetMessages");
    if (f->samples)
        put_sample(m, &text);
    else if (f->network)
        put_network(m, &text);
    else
        put_any_data_set(m, &text);
    schema_names_make_unique(&m->names, name, 0);
    define(m, buffer_slice(name), &text);
}

bool schema_json_put(const struct schema_plan *p, struct buffer *out)
{
    struct making m = {.plan = p, .form = &p->encoder->value_form};
    struct buffer name = {0};
    define_message(&m, &name);
    buffer_text(out, "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",");
    buffer_text(out, p->encoder->array ? "\"type\":\"array\",\"items\":" : "\"allOf\":[");
    put_ref(buffer_slice(&name), out);
    buffer_text(out, p->encoder->array ? "" : "]");
    buffer_text(out, ",\"definitions\":{");
    buffer_put(out, buffer_slice(&m.definitions));
    buffer_text(out, "}}");
    buffer_clear(&name);
    buffer_clear(&m.definitions);
    schema_names_clear(&m.names);
    return out->len <= p->max;
}
