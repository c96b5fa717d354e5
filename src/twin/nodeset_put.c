#include "opcua/data_type.h"
#include "twin/nodeset.h"
#include "twin/read.h"

/* ---- text ---- */

/* What XML does not let stand; control characters have no place in it at all. */
static void put_escaped(struct buffer *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t b = text.at[i];
        if (b == '&')
            buffer_text(out, "&amp;");
        else if (b == '<')
            buffer_text(out, "&lt;");
        else if (b == '>')
            buffer_text(out, "&gt;");
        else if (b == '"')
            buffer_text(out, "&quot;");
        else if (b >= 0x20 || b == '\t' || b == '\n')
            buffer_u8(out, b);
    }
}

static void put_id(struct buffer *out, const UA_NodeId *id)
{
    struct buffer text = {0};
    opcua_node_id_print(id, NULL, OPCUA_ID_INDEX, &text);
    put_escaped(out, buffer_slice(&text));
    buffer_clear(&text);
}

static void put_name(struct buffer *out, const UA_QualifiedName *name)
{
    if (name->namespaceIndex)
        buffer_printf(out, "%u:", name->namespaceIndex);
    put_escaped(out, opcua_slice(name->name));
}

/* ---- the document ---- */

/* Indexes in a document count from the first that is no OPC UA's own, as they do in the table. */
void nodeset_put_head(struct twin_request *r, struct buffer *out)
{
    buffer_text(out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
                     "<UANodeSet xmlns=\"http://opcfoundation.org/UA/2011/03/UANodeSet.xsd\">\n"
                     "  <NamespaceUris>\n");
    for (size_t i = 1; i < r->names.count; i++) {
        buffer_text(out, "    <Uri>");
        put_escaped(out, opcua_slice(r->names.uris[i]));
        buffer_text(out, "</Uri>\n");
    }
    buffer_text(out, "  </NamespaceUris>\n");
}

void nodeset_put_end(struct buffer *out)
{
    buffer_text(out, "</UANodeSet>\n");
}

void nodeset_put_reference(const UA_ReferenceDescription *d, struct buffer *out)
{
    buffer_text(out, "      <Reference ReferenceType=\"");
    put_id(out, &d->referenceTypeId);
    buffer_text(out, d->isForward ? "\">" : "\" IsForward=\"false\">");
    put_id(out, &d->nodeId.nodeId);
    buffer_text(out, "</Reference>\n");
}

/* ---- attributes ---- */

static const char *element_of(UA_NodeClass c)
{
    static const struct {
        UA_NodeClass node_class;
        const char *name;
    } elements[] = {
        {UA_NODECLASS_OBJECT, "UAObject"},
        {UA_NODECLASS_VARIABLE, "UAVariable"},
        {UA_NODECLASS_METHOD, "UAMethod"},
        {UA_NODECLASS_OBJECTTYPE, "UAObjectType"},
        {UA_NODECLASS_VARIABLETYPE, "UAVariableType"},
        {UA_NODECLASS_REFERENCETYPE, "UAReferenceType"},
        {UA_NODECLASS_DATATYPE, "UADataType"},
        {UA_NODECLASS_VIEW, "UAView"},
    };
    for (size_t i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
        if (elements[i].node_class == c)
            return elements[i].name;
    return NULL;
}

static void put_xml_attribute(struct buffer *out, const char *name, long long value,
                              long long usual)
{
    if (value != usual)
        buffer_printf(out, " %s=\"%lld\"", name, value);
}

static void put_flag(struct buffer *out, const char *name, const UA_DataValue *v, bool usual)
{
    const UA_Boolean *b = v ? twin_read_scalar(v, UA_TYPES_BOOLEAN) : NULL;
    if (b && *b != usual)
        buffer_printf(out, " %s=\"%s\"", name, *b ? "true" : "false");
}

static void put_dimensions(struct buffer *out, const UA_DataValue *v)
{
    if (v == NULL || !v->hasValue ||
        !UA_Variant_hasArrayType(&v->value, &UA_TYPES[UA_TYPES_UINT32]))
        return;
    const UA_UInt32 *d = v->value.data;
    for (size_t i = 0; i < v->value.arrayLength; i++)
        buffer_printf(out, "%s%u", i ? "," : " ArrayDimensions=\"", d[i]);
    if (v->value.arrayLength)
        buffer_u8(out, '"');
}

/* Only what is not as usual is said (Part 6, F.6 to F.13). */
static void put_attributes(const struct twin_nodes *n, size_t node, struct buffer *out)
{
#define GET(id) twin_node_value(n, node, UA_ATTRIBUTEID_##id)
#define SCALAR(id, type) (GET(id) ? twin_read_scalar(GET(id), UA_TYPES_##type) : NULL)
    const UA_NodeId *type = SCALAR(DATATYPE, NODEID);
    const UA_Int32 *rank = SCALAR(VALUERANK, INT32);
    const UA_Byte *access = SCALAR(ACCESSLEVEL, BYTE);
    const UA_Byte *notifier = SCALAR(EVENTNOTIFIER, BYTE);
    if (type) {
        buffer_text(out, " DataType=\"");
        put_id(out, type);
        buffer_u8(out, '"');
    }
    if (rank)
        put_xml_attribute(out, "ValueRank", *rank, -1);
    put_dimensions(out, GET(ARRAYDIMENSIONS));
    if (access)
        put_xml_attribute(out, "AccessLevel", *access, 1);
    if (notifier)
        put_xml_attribute(out, "EventNotifier", *notifier, 0);
    put_flag(out, "IsAbstract", GET(ISABSTRACT), false);
    put_flag(out, "Symmetric", GET(SYMMETRIC), false);
    put_flag(out, "Historizing", GET(HISTORIZING), false);
    put_flag(out, "Executable", GET(EXECUTABLE), true);
    put_flag(out, "ContainsNoLoops", GET(CONTAINSNOLOOPS), false);
}

/* ---- elements ---- */

static void put_text_element(struct buffer *out, const char *name, const UA_DataValue *v)
{
    const UA_LocalizedText *text = v ? twin_read_scalar(v, UA_TYPES_LOCALIZEDTEXT) : NULL;
    if (text == NULL || text->text.length == 0)
        return;
    buffer_printf(out, "    <%s", name);
    if (text->locale.length) {
        buffer_text(out, " Locale=\"");
        put_escaped(out, opcua_slice(text->locale));
        buffer_u8(out, '"');
    }
    buffer_u8(out, '>');
    put_escaped(out, opcua_slice(text->text));
    buffer_printf(out, "</%s>\n", name);
}

static void put_structure(struct buffer *out, const UA_StructureDefinition *d)
{
    for (size_t i = 0; i < d->fieldsSize; i++) {
        const UA_StructureField *f = &d->fields[i];
        buffer_text(out, "      <Field Name=\"");
        put_escaped(out, opcua_slice(f->name));
        buffer_text(out, "\" DataType=\"");
        put_id(out, &f->dataType);
        buffer_u8(out, '"');
        put_xml_attribute(out, "ValueRank", f->valueRank, -1);
        if (f->isOptional)
            buffer_text(out, " IsOptional=\"true\"");
        buffer_text(out, "/>\n");
    }
}

static void put_enumeration(struct buffer *out, const UA_EnumDefinition *d)
{
    for (size_t i = 0; i < d->fieldsSize; i++) {
        buffer_text(out, "      <Field Name=\"");
        put_escaped(out, opcua_slice(d->fields[i].name));
        buffer_printf(out, "\" Value=\"%lld\"/>\n", (long long)d->fields[i].value);
    }
}

static void put_definition(struct buffer *out, const UA_DataValue *v, const UA_QualifiedName *name)
{
    const UA_StructureDefinition *structure =
        v ? twin_read_scalar(v, UA_TYPES_STRUCTUREDEFINITION) : NULL;
    const UA_EnumDefinition *enumeration = v ? twin_read_scalar(v, UA_TYPES_ENUMDEFINITION) : NULL;
    if (structure == NULL && enumeration == NULL)
        return;
    buffer_text(out, "    <Definition Name=\"");
    put_name(out, name);
    buffer_text(out, structure && structure->structureType == UA_STRUCTURETYPE_UNION
                         ? "\" IsUnion=\"true\">\n"
                         : "\">\n");
    if (structure)
        put_structure(out, structure);
    else
        put_enumeration(out, enumeration);
    buffer_text(out, "    </Definition>\n");
}

void nodeset_put_node(const struct twin_nodes *n, size_t node, struct slice references,
                      struct buffer *out)
{
    const UA_QualifiedName none = {0};
    const char *element = element_of(n->nodes[node].node_class);
    const UA_QualifiedName *name = SCALAR(BROWSENAME, QUALIFIEDNAME);
    if (element == NULL)
        return;
    name = name ? name : &none;
    buffer_printf(out, "  <%s NodeId=\"", element);
    put_id(out, &n->nodes[node].id);
    buffer_text(out, "\" BrowseName=\"");
    put_name(out, name);
    buffer_u8(out, '"');
    put_attributes(n, node, out);
    buffer_text(out, ">\n");
    put_text_element(out, "DisplayName", GET(DISPLAYNAME));
    put_text_element(out, "Description", GET(DESCRIPTION));
    buffer_text(out, "    <References>\n");
    buffer_put(out, references);
    buffer_text(out, "    </References>\n");
    put_text_element(out, "InverseName", GET(INVERSENAME));
    put_definition(out, GET(DATATYPEDEFINITION), name);
    buffer_printf(out, "  </%s>\n", element);
}
