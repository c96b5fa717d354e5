#include "twin/attribute.h"

#include "twin/read.h"

#define OBJECT UA_NODECLASS_OBJECT
#define VARIABLE UA_NODECLASS_VARIABLE
#define METHOD UA_NODECLASS_METHOD
#define OBJECT_TYPE UA_NODECLASS_OBJECTTYPE
#define VARIABLE_TYPE UA_NODECLASS_VARIABLETYPE
#define REFERENCE_TYPE UA_NODECLASS_REFERENCETYPE
#define DATA_TYPE UA_NODECLASS_DATATYPE
#define VIEW UA_NODECLASS_VIEW
#define ALL 0xff
#define TYPES (OBJECT_TYPE | VARIABLE_TYPE | REFERENCE_TYPE | DATA_TYPE)

static const struct named {
    const char *name;
    uint32_t value;
} node_classes[] =
    {
        {"Object", OBJECT},
        {"Variable", VARIABLE},
        {"Method", METHOD},
        {"ObjectType", OBJECT_TYPE},
        {"VariableType", VARIABLE_TYPE},
        {"ReferenceType", REFERENCE_TYPE},
        {"DataType", DATA_TYPE},
        {"View", VIEW},
},
  event_notifiers[] =
      {
          {"SubscribeToEvents", 1},
          {"HistoryRead", 4},
          {"HistoryWrite", 8},
},
  access_levels[] =
      {
          {"CurrentRead", 1},     {"CurrentWrite", 2}, {"HistoryRead", 4},     {"HistoryWrite", 8},
          {"SemanticChange", 16}, {"StatusWrite", 32}, {"TimestampWrite", 64},
},
  access_restrictions[] =
      {
          {"SigningRequired", 1},
          {"EncryptionRequired", 2},
          {"SessionRequired", 4},
},
  permissions[] = {
      {"Browse", 1},
      {"ReadRolePermissions", 2},
      {"WriteAttribute", 4},
      {"WriteRolePermissions", 8},
      {"WriteHistorizing", 16},
      {"Read", 32},
      {"Write", 64},
      {"ReadHistory", 128},
      {"InsertHistory", 256},
      {"ModifyHistory", 512},
      {"DeleteHistory", 1024},
      {"ReceiveEvents", 2048},
      {"Call", 4096},
      {"AddReference", 8192},
      {"RemoveReference", 16384},
      {"DeleteNode", 32768},
      {"AddNode", 65536},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* "CurrentRead, CurrentWrite": flags as .NET writes them. Nothing when none is set. */
static void put_flags(struct json_writer *w, const char *name, const struct named *table,
                      size_t count, uint32_t bits)
{
    struct buffer text = {0};
    for (size_t i = 0; i < count; i++)
        if (bits & table[i].value)
            buffer_text(&text, text.len ? ", " : ""), buffer_text(&text, table[i].name);
    json_member(w, name, buffer_slice(&text));
    buffer_clear(&text);
}

static void put_any(struct twin_request *r, const struct twin_attribute *a, const UA_DataValue *v)
{
    struct json_writer *w = &r->writer;
    json_name(w, a->member);
    opcua_value_json_variant(&v->value, &r->form, w->out);
    w->comma = true;
}

/* A type of values of any type has none: the member is left out. */
static void put_data_type(struct twin_request *r, const struct twin_attribute *a,
                          const UA_DataValue *v)
{
    const UA_NodeId *id = twin_read_scalar(v, UA_TYPES_NODEID);
    if (id && !UA_NodeId_isNull(id))
        put_any(r, a, v);
}

static void put_text(struct twin_request *r, const struct twin_attribute *a, const UA_DataValue *v)
{
    const UA_LocalizedText *text = twin_read_scalar(v, UA_TYPES_LOCALIZEDTEXT);
    if (text)
        json_member(&r->writer, a->member, opcua_slice(text->text));
}

static void put_class(struct twin_request *r, const struct twin_attribute *a, const UA_DataValue *v)
{
    const UA_Int32 *c = twin_read_scalar(v, UA_TYPES_INT32);
    const char *name = c ? twin_node_class_name((UA_NodeClass)*c) : NULL;
    if (name)
        json_member(&r->writer, a->member, slice_of(name));
}

static void put_notifier(struct twin_request *r, const struct twin_attribute *a,
                         const UA_DataValue *v)
{
    const UA_Byte *bits = twin_read_scalar(v, UA_TYPES_BYTE);
    if (bits)
        put_flags(&r->writer, a->member, event_notifiers, COUNT(event_notifiers), *bits);
}

static void put_access(struct twin_request *r, const struct twin_attribute *a,
                       const UA_DataValue *v)
{
    const UA_Byte *bits = twin_read_scalar(v, UA_TYPES_BYTE);
    if (bits)
        put_flags(&r->writer, a->member, access_levels, COUNT(access_levels), *bits);
}

static void put_restrictions(struct twin_request *r, const struct twin_attribute *a,
                             const UA_DataValue *v)
{
    const UA_UInt16 *bits = twin_read_scalar(v, UA_TYPES_UINT16);
    if (bits)
        put_flags(&r->writer, a->member, access_restrictions, COUNT(access_restrictions), *bits);
}

static void put_rank(struct twin_request *r, const struct twin_attribute *a, const UA_DataValue *v)
{
    const UA_Int32 *rank = twin_read_scalar(v, UA_TYPES_INT32);
    if (rank)
        twin_put_value_rank(&r->writer, a->member, *rank);
}

static void put_permission(struct twin_request *r, const UA_RolePermissionType *p)
{
    struct json_writer *w = &r->writer;
    json_object(w);
    twin_put_node_id(r, "roleId", &p->roleId);
    put_flags(w, "permissions", permissions, COUNT(permissions), p->permissions);
    json_end_object(w);
}

static void put_permissions(struct twin_request *r, const struct twin_attribute *a,
                            const UA_DataValue *v)
{
    const UA_DataType *type = &UA_TYPES[UA_TYPES_ROLEPERMISSIONTYPE];
    const UA_RolePermissionType *p = v->value.data;
    if (!UA_Variant_hasArrayType(&v->value, type) || v->value.arrayLength == 0)
        return;
    json_name(&r->writer, a->member);
    json_array(&r->writer);
    for (size_t i = 0; i < v->value.arrayLength; i++)
        put_permission(r, &p[i]);
    json_end_array(&r->writer);
}

static void put_value(struct twin_request *r, const struct twin_attribute *a, const UA_DataValue *v)
{
    struct json_writer *w = &r->writer;
    put_any(r, a, v);
    twin_put_time(w, "sourceTimestamp", v->hasSourceTimestamp, v->sourceTimestamp);
    twin_put_time(w, "serverTimestamp", v->hasServerTimestamp, v->serverTimestamp);
}

/* clang-format off */
const struct twin_attribute twin_attributes[] = {
    {"NodeId", NULL, UA_ATTRIBUTEID_NODEID, UA_TYPES_NODEID, -1, 0, put_any},
    {"NodeClass", "nodeClass", UA_ATTRIBUTEID_NODECLASS, UA_TYPES_INT32, -1, ALL, put_class},
    {"DisplayName", "displayName", UA_ATTRIBUTEID_DISPLAYNAME, UA_TYPES_LOCALIZEDTEXT, -1, ALL, put_text},
    {"Description", "description", UA_ATTRIBUTEID_DESCRIPTION, UA_TYPES_LOCALIZEDTEXT, -1, ALL, put_text},
    {"BrowseName", "browseName", UA_ATTRIBUTEID_BROWSENAME, UA_TYPES_QUALIFIEDNAME, -1, ALL, put_any},
    {"Value", "value", UA_ATTRIBUTEID_VALUE, UA_TYPES_VARIANT, -2, VARIABLE | VARIABLE_TYPE, put_value},
    {"AccessRestrictions", "accessRestrictions", UA_ATTRIBUTEID_ACCESSRESTRICTIONS, UA_TYPES_UINT16, -1, ALL, put_restrictions},
    {"WriteMask", "writeMask", UA_ATTRIBUTEID_WRITEMASK, UA_TYPES_UINT32, -1, ALL, put_any},
    {"UserWriteMask", "userWriteMask", UA_ATTRIBUTEID_USERWRITEMASK, UA_TYPES_UINT32, -1, ALL, put_any},
    {"IsAbstract", "isAbstract", UA_ATTRIBUTEID_ISABSTRACT, UA_TYPES_BOOLEAN, -1, TYPES, put_any},
    {"ContainsNoLoops", "containsNoLoops", UA_ATTRIBUTEID_CONTAINSNOLOOPS, UA_TYPES_BOOLEAN, -1, VIEW, put_any},
    {"EventNotifier", "eventNotifier", UA_ATTRIBUTEID_EVENTNOTIFIER, UA_TYPES_BYTE, -1, OBJECT | VIEW, put_notifier},
    {"Executable", "executable", UA_ATTRIBUTEID_EXECUTABLE, UA_TYPES_BOOLEAN, -1, METHOD, put_any},
    {"UserExecutable", "userExecutable", UA_ATTRIBUTEID_USEREXECUTABLE, UA_TYPES_BOOLEAN, -1, METHOD, put_any},
    {"DataTypeDefinition", "dataTypeDefinition", UA_ATTRIBUTEID_DATATYPEDEFINITION, UA_TYPES_EXTENSIONOBJECT, -1, DATA_TYPE, put_any},
    {"AccessLevel", "accessLevel", UA_ATTRIBUTEID_ACCESSLEVEL, UA_TYPES_BYTE, -1, VARIABLE, put_access},
    {"UserAccessLevel", "userAccessLevel", UA_ATTRIBUTEID_USERACCESSLEVEL, UA_TYPES_BYTE, -1, VARIABLE, put_access},
    {"DataType", "dataType", UA_ATTRIBUTEID_DATATYPE, UA_TYPES_NODEID, -1, VARIABLE | VARIABLE_TYPE, put_data_type},
    {"ValueRank", "valueRank", UA_ATTRIBUTEID_VALUERANK, UA_TYPES_INT32, -1, VARIABLE | VARIABLE_TYPE, put_rank},
    {"ArrayDimensions", "arrayDimensions", UA_ATTRIBUTEID_ARRAYDIMENSIONS, UA_TYPES_UINT32, 1, VARIABLE | VARIABLE_TYPE, put_any},
    {"Historizing", "historizing", UA_ATTRIBUTEID_HISTORIZING, UA_TYPES_BOOLEAN, -1, VARIABLE, put_any},
    {"MinimumSamplingInterval", "minimumSamplingInterval", UA_ATTRIBUTEID_MINIMUMSAMPLINGINTERVAL, UA_TYPES_DOUBLE, -1, VARIABLE, put_any},
    {"InverseName", "inverseName", UA_ATTRIBUTEID_INVERSENAME, UA_TYPES_LOCALIZEDTEXT, -1, REFERENCE_TYPE, put_text},
    {"Symmetric", "symmetric", UA_ATTRIBUTEID_SYMMETRIC, UA_TYPES_BOOLEAN, -1, REFERENCE_TYPE, put_any},
    {"RolePermissions", "rolePermissions", UA_ATTRIBUTEID_ROLEPERMISSIONS, UA_TYPES_ROLEPERMISSIONTYPE, 1, ALL, put_permissions},
    {"UserRolePermissions", "userRolePermissions", UA_ATTRIBUTEID_USERROLEPERMISSIONS, UA_TYPES_ROLEPERMISSIONTYPE, 1, ALL, put_permissions},
};
/* clang-format on */

const size_t twin_attribute_count = COUNT(twin_attributes);

const struct twin_attribute *twin_attribute_find(struct slice name)
{
    for (size_t i = 0; i < twin_attribute_count; i++)
        if (slice_eq_nocase(name, slice_of(twin_attributes[i].name)))
            return &twin_attributes[i];
    return NULL;
}

const char *twin_node_class_name(UA_NodeClass c)
{
    for (size_t i = 0; i < COUNT(node_classes); i++)
        if (node_classes[i].value == (uint32_t)c)
            return node_classes[i].name;
    return NULL;
}

void twin_put_value_rank(struct json_writer *w, const char *name, int32_t rank)
{
    static const char *const names[] = {"ScalarOrOneDimension", "Any",          "Scalar",
                                        "OneOrMoreDimensions",  "OneDimension", "TwoDimensions"};
    json_name(w, name);
    if (rank >= -3 && rank <= 2)
        json_put_text(w, names[rank + 3]);
    else
        json_put_i64(w, rank);
}

static bool add_class(struct slice name, uint32_t *mask)
{
    for (size_t i = 0; i < COUNT(node_classes); i++)
        if (slice_eq_nocase(slice_trim(name), slice_of(node_classes[i].name))) {
            *mask |= node_classes[i].value;
            return true;
        }
    return false;
}

bool twin_node_classes_parse(const struct json *v, uint32_t *mask)
{
    *mask = 0;
    struct slice text = json_string(v), part;
    if (json_is(v, JSON_STRING)) {
        while (text.len && slice_split(&text, ',', &part))
            if (!add_class(part, mask))
                return false;
        return true;
    }
    struct json_walk walk = json_walk(json_is(v, JSON_ARRAY) ? v : NULL);
    while (json_next(&walk))
        if (!add_class(json_string(walk.value), mask))
            return false;
    return true;
}
