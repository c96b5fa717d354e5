#include "pubsub/schema_avro.h"

#include "pubsub/schema_name.h"

struct making {
    const struct schema_plan *plan;
    struct buffer *out;
    struct schema_names names;
    bool canonical;
};

/* It is given up. */
static bool is_too_long(const struct making *m)
{
    return m->out->len > m->plan->max;
}

/* ---- named types ---- */

#define OF_BUILTIN 0 /* names that mean the same everywhere */

/* True: it is defined here, and its fields follow. */
static bool begin_record(struct making *m, struct buffer *name, uint64_t meaning)
{
    bool defined = schema_names_claim(&m->names, name, 0, meaning);
    buffer_printf(m->out, defined ? "{\"name\":\"%s\",\"type\":\"record\",\"fields\":[" : "\"%s\"",
                  buffer_cstr(name));
    return defined;
}

static bool begin_builtin(struct making *m, const char *name)
{
    struct buffer full = {0};
    buffer_printf(&full, SCHEMA_UA ".%s", name);
    bool defined = begin_record(m, &full, OF_BUILTIN);
    buffer_clear(&full);
    return defined;
}

static void begin_field(struct making *m, const char *name, bool first)
{
    buffer_printf(m->out, "%s{\"name\":\"%s\",\"type\":", first ? "" : ",", name);
}

static void end_field(struct making *m)
{
    buffer_u8(m->out, '}');
}

static void end_record(struct making *m)
{
    buffer_text(m->out, "]}");
}

/* OPC UA's own have their id as another name. */
static void end_builtin(struct making *m, unsigned id)
{
    if (m->canonical)
        end_record(m);
    else
        buffer_printf(m->out, "],\"aliases\":[\"" SCHEMA_UA ".i_%u\"]}", id);
}

/* ---- built-in types ---- */

/* clang-format off */
static const char *const primitives[] = {
    [UA_DATATYPEKIND_BOOLEAN] = "boolean", [UA_DATATYPEKIND_SBYTE] = "int",
    [UA_DATATYPEKIND_BYTE] = "int",        [UA_DATATYPEKIND_INT16] = "int",
    [UA_DATATYPEKIND_UINT16] = "int",      [UA_DATATYPEKIND_INT32] = "int",
    [UA_DATATYPEKIND_UINT32] = "long",     [UA_DATATYPEKIND_INT64] = "long",
    [UA_DATATYPEKIND_FLOAT] = "float",     [UA_DATATYPEKIND_DOUBLE] = "double",
    [UA_DATATYPEKIND_STRING] = "string",   [UA_DATATYPEKIND_DATETIME] = "long",
    [UA_DATATYPEKIND_GUID] = "string",     [UA_DATATYPEKIND_BYTESTRING] = "bytes",
    [UA_DATATYPEKIND_XMLELEMENT] = "string", [UA_DATATYPEKIND_STATUSCODE] = "long",
};

static const struct member {
    UA_DataTypeKind of;
    const char *name;
    UA_DataTypeKind kind;
} members[] = {
    {UA_DATATYPEKIND_NODEID, "Namespace", UA_DATATYPEKIND_STRING},
    {UA_DATATYPEKIND_EXPANDEDNODEID, "Namespace", UA_DATATYPEKIND_STRING},
    {UA_DATATYPEKIND_QUALIFIEDNAME, "Namespace", UA_DATATYPEKIND_STRING},
    {UA_DATATYPEKIND_QUALIFIEDNAME, "Name", UA_DATATYPEKIND_STRING},
    {UA_DATATYPEKIND_LOCALIZEDTEXT, "Locale", UA_DATATYPEKIND_STRING},
    {UA_DATATYPEKIND_LOCALIZEDTEXT, "Text", UA_DATATYPEKIND_STRING},
    {UA_DATATYPEKIND_DATAVALUE, "Value", UA_DATATYPEKIND_VARIANT},
    {UA_DATATYPEKIND_DATAVALUE, "StatusCode", UA_DATATYPEKIND_STATUSCODE},
    {UA_DATATYPEKIND_DATAVALUE, "SourceTimestamp", UA_DATATYPEKIND_DATETIME},
    {UA_DATATYPEKIND_DATAVALUE, "SourcePicoseconds", UA_DATATYPEKIND_UINT16},
    {UA_DATATYPEKIND_DATAVALUE, "ServerTimestamp", UA_DATATYPEKIND_DATETIME},
    {UA_DATATYPEKIND_DATAVALUE, "ServerPicoseconds", UA_DATATYPEKIND_UINT16},
};
/* clang-format on */

#define MEMBER_COUNT (sizeof members / sizeof members[0])

static void put_builtin(struct making *m, UA_DataTypeKind kind, enum shape_rank rank);

static void put_primitive(struct making *m, UA_DataTypeKind kind)
{
    begin_field(m, "Value", true);
    if (kind == UA_DATATYPEKIND_GUID && !m->canonical)
        buffer_text(m->out, "{\"type\":\"string\",\"logicalType\":\"uuid\"}");
    else
        buffer_printf(m->out, "\"%s\"", primitives[kind]);
    end_field(m);
}

static void put_members(struct making *m, UA_DataTypeKind kind)
{
    bool first = true;
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if (members[i].of == kind) {
            begin_field(m, members[i].name, first);
            put_builtin(m, members[i].kind, SHAPE_SCALAR);
            end_field(m);
            first = false;
        }
}

static void put_identifier(struct making *m)
{
    static const UA_DataTypeKind kinds[] = {UA_DATATYPEKIND_UINT32, UA_DATATYPEKIND_STRING,
                                            UA_DATATYPEKIND_GUID, UA_DATATYPEKIND_BYTESTRING};
    begin_field(m, "Identifier", false);
    for (size_t i = 0; i < 4; i++) {
        buffer_u8(m->out, i ? ',' : '[');
        put_builtin(m, kinds[i], SHAPE_SCALAR);
    }
    buffer_u8(m->out, ']');
    end_field(m);
}

/* Numbers over a long's are its eight bytes, lowest first. */
static void put_uint64(struct making *m)
{
    begin_field(m, "Value", true);
    buffer_text(m->out, "[\"long\",{\"name\":\"" SCHEMA_UA ".ulong\",\"type\":\"fixed\",\"size\":8}]");
    end_field(m);
}

static void put_object(struct making *m)
{
    begin_field(m, "Value", true);
    buffer_u8(m->out, '[');
    if (begin_builtin(m, "EncodedDataType")) {
        begin_field(m, "TypeId", true);
        put_builtin(m, UA_DATATYPEKIND_NODEID, SHAPE_SCALAR);
        end_field(m);
        begin_field(m, "Body", false);
        put_builtin(m, UA_DATATYPEKIND_BYTESTRING, SHAPE_SCALAR);
        end_field(m);
        end_record(m);
    }
    buffer_u8(m->out, ']');
    end_field(m);
}

/* ---- variants: null, then scalars, arrays and matrices in the order of the built-in types ---- */

static bool is_choice(UA_DataTypeKind kind, enum shape_rank rank)
{
    if (kind == UA_DATATYPEKIND_VARIANT)
        return rank != SHAPE_SCALAR;
    if (kind == UA_DATATYPEKIND_BYTE)
        return rank != SHAPE_ARRAY; /* that is a ByteString */
    return true;
}

#define LAST UA_DATATYPEKIND_VARIANT

/* Of each rank all kinds, but for the one that is_choice() leaves out, and Enumeration. */
unsigned schema_avro_variant_index(UA_DataTypeKind kind, enum shape_rank rank)
{
    static const unsigned first[] = {
        [SHAPE_SCALAR] = 1, [SHAPE_ARRAY] = 1 + LAST + 1, [SHAPE_MATRIX] = 1 + 2 * (LAST + 1)};
    if (kind > LAST || !is_choice(kind, rank))
        return 0;
    return first[rank] + kind - (rank == SHAPE_ARRAY && kind > UA_DATATYPEKIND_BYTE);
}

static void put_enumeration(struct making *m, enum shape_rank rank);

static void put_choices(struct making *m)
{
    begin_field(m, "Value", true);
    buffer_text(m->out, "[\"null\"");
    for (int r = SHAPE_SCALAR; r <= SHAPE_MATRIX; r++) {
        for (int k = 0; k <= LAST; k++)
            if (is_choice((UA_DataTypeKind)k, (enum shape_rank)r)) {
                buffer_u8(m->out, ',');
                put_builtin(m, (UA_DataTypeKind)k, (enum shape_rank)r);
            }
        buffer_u8(m->out, ',');
        put_enumeration(m, (enum shape_rank)r);
    }
    buffer_u8(m->out, ']');
    end_field(m);
}

/* ---- arrays and matrices ---- */

typedef void put_fn(struct making *m, const void *arg);

static void put_collection(struct making *m, struct buffer *name, uint64_t meaning,
                           enum shape_rank rank, put_fn *item, const void *arg)
{
    if (!begin_record(m, name, meaning))
        return;
    if (rank == SHAPE_MATRIX) {
        begin_field(m, "Dimensions", true);
        put_builtin(m, UA_DATATYPEKIND_INT32, SHAPE_ARRAY);
        end_field(m);
    }
    begin_field(m, "Value", rank != SHAPE_MATRIX);
    buffer_text(m->out, "{\"type\":\"array\",\"items\":");
    item(m, arg);
    buffer_u8(m->out, '}');
    end_field(m);
    end_record(m);
}

static void put_scalar(struct making *m, UA_DataTypeKind kind)
{
    switch (kind) {
    case UA_DATATYPEKIND_UINT64:
        put_uint64(m);
        break;
    case UA_DATATYPEKIND_EXTENSIONOBJECT:
        put_object(m);
        break;
    case UA_DATATYPEKIND_VARIANT:
        put_choices(m);
        break;
    case UA_DATATYPEKIND_NODEID:
        put_members(m, kind);
        put_identifier(m);
        break;
    case UA_DATATYPEKIND_EXPANDEDNODEID:
        put_members(m, kind);
        put_identifier(m);
        begin_field(m, "ServerUri", false);
        put_builtin(m, UA_DATATYPEKIND_STRING, SHAPE_SCALAR);
        end_field(m);
        break;
    case UA_DATATYPEKIND_QUALIFIEDNAME:
    case UA_DATATYPEKIND_LOCALIZEDTEXT:
    case UA_DATATYPEKIND_DATAVALUE:
        put_members(m, kind);
        break;
    default:
        put_primitive(m, kind);
    }
}

static void put_builtin_item(struct making *m, const void *kind)
{
    put_builtin(m, *(const UA_DataTypeKind *)kind, SHAPE_SCALAR);
}

static void put_builtin(struct making *m, UA_DataTypeKind kind, enum shape_rank rank)
{
    if (kind == UA_DATATYPEKIND_BYTE && rank == SHAPE_ARRAY) {
        put_builtin(m, UA_DATATYPEKIND_BYTESTRING, SHAPE_SCALAR);
        return;
    }
    struct buffer name = {0};
    buffer_printf(&name, SCHEMA_UA ".%s%s", schema_name_of_builtin(kind), schema_name_suffix(rank));
    if (rank != SHAPE_SCALAR) {
        put_collection(m, &name, OF_BUILTIN, rank, put_builtin_item, &kind);
    } else if (begin_record(m, &name, OF_BUILTIN)) {
        put_scalar(m, kind);
        end_builtin(m, kind + 1);
    }
    buffer_clear(&name);
}

static void put_enumeration_item(struct making *m, const void *arg)
{
    (void)arg;
    put_enumeration(m, SHAPE_SCALAR);
}

/* Of one whose values have no names, or gaps. */
static void put_enumeration(struct making *m, enum shape_rank rank)
{
    struct buffer name = {0};
    buffer_printf(&name, SCHEMA_UA ".Enumeration%s", schema_name_suffix(rank));
    if (rank != SHAPE_SCALAR) {
        put_collection(m, &name, OF_BUILTIN, rank, put_enumeration_item, NULL);
    } else if (begin_record(m, &name, OF_BUILTIN)) {
        put_primitive(m, UA_DATATYPEKIND_INT32);
        end_builtin(m, UA_NS0ID_ENUMERATION);
    }
    buffer_clear(&name);
}

/* ---- the server's types ---- */

static void put_type(struct making *m, const struct shape_type *t, enum shape_rank rank);

static void put_structure_fields(struct making *m, const struct shape_type *t)
{
    struct schema_names seen = {0};
    for (size_t i = 0; i < t->count && !is_too_long(m); i++) {
        struct buffer name = {0};
        schema_name_escape(t->fields[i].name, &name);
        schema_names_make_unique(&seen, &name, 0);
        begin_field(m, buffer_cstr(&name), i == 0);
        buffer_text(m->out, t->fields[i].optional ? "[\"null\"," : "");
        put_type(m, t->fields[i].type, t->fields[i].rank);
        buffer_text(m->out, t->fields[i].optional ? "]" : "");
        end_field(m);
        buffer_clear(&name);
    }
    schema_names_clear(&seen);
}

static void put_symbols(struct making *m, const struct shape_type *t, struct buffer *name)
{
    struct schema_names symbols = {0};
    if (!schema_names_claim(&m->names, name, 0, schema_name_meaning(t, SHAPE_SCALAR))) {
        buffer_printf(m->out, "\"%s\"", buffer_cstr(name));
        return;
    }
    buffer_printf(m->out, "{\"name\":\"%s\",\"type\":\"enum\",\"symbols\":[", buffer_cstr(name));
    for (size_t i = 0; i < t->count; i++) {
        struct buffer symbol = {0};
        schema_name_escape(t->symbols[i], &symbol);
        schema_names_make_unique(&symbols, &symbol, 0);
        buffer_printf(m->out, "%s\"%s\"", i ? "," : "", buffer_cstr(&symbol));
        buffer_clear(&symbol);
    }
    buffer_text(m->out, "]}");
    schema_names_clear(&symbols);
}

static void put_named(struct making *m, const struct shape_type *t, struct buffer *name)
{
    if (!shape_has_members(t)) {
        put_symbols(m, t, name);
    } else if (begin_record(m, name, schema_name_meaning(t, SHAPE_SCALAR))) {
        put_structure_fields(m, t);
        end_record(m);
    }
}

static void put_item(struct making *m, const void *type)
{
    put_type(m, type, SHAPE_SCALAR);
}

static void put_type(struct making *m, const struct shape_type *t, enum shape_rank rank)
{
    if (t->kind == SHAPE_ANY) {
        put_builtin(m, UA_DATATYPEKIND_VARIANT, rank);
    } else if (t->kind == SHAPE_OBJECT) {
        put_builtin(m, UA_DATATYPEKIND_EXTENSIONOBJECT, rank);
    } else if (t->kind == SHAPE_BUILTIN) {
        put_builtin(m, t->builtin, rank);
    } else if (t->kind == SHAPE_ENUMERATION && t->symbols == NULL) {
        put_enumeration(m, rank);
    } else {
        struct buffer name = {0};
        schema_name_full(t, rank, &name);
        if (rank == SHAPE_SCALAR)
            put_named(m, t, &name);
        else
            put_collection(m, &name, schema_name_meaning(t, rank), rank, put_item, t);
        buffer_clear(&name);
    }
}

/* ---- data sets ---- */

static void put_data_value(struct making *m, const struct shape_field *f)
{
    if (f->type->kind == SHAPE_ANY) {
        put_builtin(m, UA_DATATYPEKIND_DATAVALUE, SHAPE_SCALAR);
        return;
    }
    struct buffer name = {0};
    if (f->type->namespace_uri.len) {
        schema_name_full(f->type, f->rank, &name);
    } else { /* OPC UA's own */
        buffer_text(&name, SCHEMA_PUBLISHER ".");
        schema_name_short(f->type, f->rank, &name);
    }
    buffer_text(&name, "DataValue");
    if (begin_record(m, &name, schema_name_meaning(f->type, f->rank))) {
        begin_field(m, "Value", true);
        buffer_text(m->out, "[\"null\",");
        put_type(m, f->type, f->rank);
        buffer_u8(m->out, ']');
        end_field(m);
        for (size_t i = 0; i < MEMBER_COUNT; i++)
            if (members[i].of == UA_DATATYPEKIND_DATAVALUE &&
                members[i].kind != UA_DATATYPEKIND_VARIANT) {
                begin_field(m, members[i].name, false);
                put_builtin(m, members[i].kind, SHAPE_SCALAR);
                end_field(m);
            }
        end_record(m);
    }
    buffer_clear(&name);
}

static void put_field(struct making *m, const struct shape_field *f)
{
    bool raw = m->plan->encoder->form->field_mask & OPCUA_FIELD_RAW;
    if (raw && f->type->kind == SHAPE_ANY) {
        put_builtin(m, UA_DATATYPEKIND_VARIANT, SHAPE_SCALAR);
        return;
    }
    buffer_text(m->out, "[\"null\",");
    if (raw)
        put_type(m, f->type, f->rank);
    else
        put_data_value(m, f);
    buffer_u8(m->out, ']');
}

/* A name that nothing has yet; begins a record. */
static void begin_own(struct making *m, struct slice text, const char *more)
{
    struct buffer name = {0};
    buffer_text(&name, SCHEMA_PUBLISHER ".");
    if (text.len)
        schema_name_escape(text, &name);
    buffer_text(&name, more);
    schema_names_make_unique(&m->names, &name, 0);
    buffer_printf(m->out, "{\"name\":\"%s\",\"type\":\"record\",\"fields\":[", buffer_cstr(&name));
    buffer_clear(&name);
}

static void put_payload(struct making *m, const struct shape *s)
{
    struct schema_names seen = {0};
    begin_own(m, s->name.len ? s->name : SLICE("DataSet"), "");
    for (size_t i = 0; i < s->count && !is_too_long(m); i++) {
        struct buffer name = {0};
        schema_name_escape(s->fields[i].name, &name);
        schema_names_make_unique(&seen, &name, 0);
        begin_field(m, buffer_cstr(&name), i == 0);
        put_field(m, &s->fields[i]);
        end_field(m);
        buffer_clear(&name);
    }
    end_record(m);
    schema_names_clear(&seen);
}

static void put_version(struct making *m)
{
    if (!begin_builtin(m, "ConfigurationVersionDataType"))
        return;
    begin_field(m, "MajorVersion", true);
    put_builtin(m, UA_DATATYPEKIND_UINT32, SHAPE_SCALAR);
    end_field(m);
    begin_field(m, "MinorVersion", false);
    put_builtin(m, UA_DATATYPEKIND_UINT32, SHAPE_SCALAR);
    end_field(m);
    end_builtin(m, UA_NS0ID_CONFIGURATIONVERSIONDATATYPE);
}

static void put_head_field(struct making *m, const char *name, UA_DataTypeKind kind, bool first)
{
    begin_field(m, name, first);
    put_builtin(m, kind, SHAPE_SCALAR);
    end_field(m);
}

static void put_data_set(struct making *m, const struct shape *s)
{
    if (!m->plan->encoder->form->head) {
        put_payload(m, s);
        return;
    }
    begin_own(m, s->name.len ? s->name : SLICE("DataSet"), "DataSetMessage");
    put_head_field(m, "MessageType", UA_DATATYPEKIND_STRING, true);
    put_head_field(m, "DataSetWriterName", UA_DATATYPEKIND_STRING, false);
    put_head_field(m, "DataSetWriterId", UA_DATATYPEKIND_UINT16, false);
    put_head_field(m, "SequenceNumber", UA_DATATYPEKIND_UINT32, false);
    begin_field(m, "MetaDataVersion", false);
    put_version(m);
    end_field(m);
    put_head_field(m, "Timestamp", UA_DATATYPEKIND_DATETIME, false);
    put_head_field(m, "Status", UA_DATATYPEKIND_STATUSCODE, false);
    begin_field(m, "Payload", false);
    put_payload(m, s);
    end_field(m);
    end_record(m);
}

static void put_any_data_set(struct making *m)
{
    const struct schema_plan *p = m->plan;
    buffer_text(m->out, p->count == 1 ? "" : "[");
    for (size_t i = 0; i < p->count && !is_too_long(m); i++) {
        if (i)
            buffer_u8(m->out, ',');
        put_data_set(m, p->sets[i]);
    }
    buffer_text(m->out, p->count == 1 ? "" : "]");
}

/* ---- network messages ---- */

static void put_message(struct making *m)
{
    const struct form *f = m->plan->encoder->form;
    if (f->single) {
        put_any_data_set(m);
        return;
    }
    begin_own(m, m->plan->group, "NetworkMessage");
    if (f->network) {
        put_head_field(m, "MessageId", UA_DATATYPEKIND_STRING, true);
        put_head_field(m, "MessageType", UA_DATATYPEKIND_STRING, false);
        put_head_field(m, "PublisherId", UA_DATATYPEKIND_STRING, false);
        put_head_field(m, "DataSetClassId", UA_DATATYPEKIND_GUID, false);
        put_head_field(m, "DataSetWriterGroup", UA_DATATYPEKIND_STRING, false);
    }
    begin_field(m, "Messages", !f->network);
    buffer_text(m->out, "{\"type\":\"array\",\"items\":");
    put_any_data_set(m);
    buffer_u8(m->out, '}');
    end_field(m);
    end_record(m);
}

bool schema_avro_put(const struct schema_plan *p, bool canonical, struct buffer *out)
{
    struct making m = {.plan = p, .out = out, .canonical = canonical};
    put_message(&m);
    schema_names_clear(&m.names);
    return out->len <= p->max;
}

/* ---- the fingerprint ---- */

#define EMPTY 0xc15d213aa4d7a795u

static uint64_t shifted(uint64_t f)
{
    for (int bit = 0; bit < 8; bit++)
        f = f >> 1 ^ (EMPTY & (0 - (f & 1)));
    return f;
}

uint64_t schema_avro_fingerprint(struct slice canonical)
{
    uint64_t f = EMPTY, of_byte[256];
    for (size_t i = 0; i < 256; i++)
        of_byte[i] = shifted(i);
    for (size_t i = 0; i < canonical.len; i++)
        f = f >> 8 ^ of_byte[(f ^ canonical.at[i]) & 0xff];
    return f;
}
