#include "publisher/event_filter.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/data_type.h"
#include "opcua/value_json.h"
#include "json/write.h"

struct making {
    const struct opcua_namespaces *names;
    struct event_filter *out;
    UA_EventFilter *filter;
    struct buffer *why;
};

static enum status refuse(struct making *m, enum status why, const char *what)
{
    if (m->why)
        buffer_text(m->why, what);
    return why;
}

/* ---- attributes by path ---- */

static enum status read_path(struct making *m, const struct json *path,
                             UA_SimpleAttributeOperand *out)
{
    size_t count = json_count(path);
    if (count > EVENT_PATH_MAX)
        return refuse(m, TOO_LARGE, "BrowsePath has too many elements.");
    out->browsePath = UA_Array_new(count, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]);
    struct json_walk w = json_walk(path);
    while (json_next(&w)) {
        enum status s = opcua_qualified_name_parse(json_string(w.value), m->names,
                                                   &out->browsePath[out->browsePathSize], m->why);
        if (s != OK)
            return s;
        out->browsePathSize++;
    }
    return OK;
}

static enum status read_attribute(struct making *m, const struct json *v, const char *type_name,
                                  UA_SimpleAttributeOperand *out)
{
    struct slice type = json_string(json_get_nocase(v, type_name));
    const struct json *attribute = json_get_nocase(v, "AttributeId");
    struct slice range = json_string(json_get_nocase(v, "IndexRange"));
    UA_SimpleAttributeOperand_init(out);
    out->typeDefinitionId = UA_NODEID_NUMERIC(0, UA_NS0ID_BASEEVENTTYPE);
    enum status s =
        type.len ? opcua_node_id_parse(type, m->names, &out->typeDefinitionId, m->why) : OK;
    if (s == OK)
        s = read_path(m, json_get_nocase(v, "BrowsePath"), out);
    /* "NodeId" of a condition's type is the condition's own id: the only other attribute that
     * events have. */
    out->attributeId =
        slice_eq_nocase(json_string(attribute), SLICE("NodeId")) || json_double(attribute, 0) == 1
            ? UA_ATTRIBUTEID_NODEID
            : UA_ATTRIBUTEID_VALUE;
    if (range.len) {
        UA_String borrowed = opcua_string_of(range);
        UA_String_copy(&borrowed, &out->indexRange);
    }
    return s;
}

/* ---- select ---- */

static void put_name(struct making *m, const struct json *clause,
                     const UA_SimpleAttributeOperand *select, struct buffer *head)
{
    struct buffer name = {0};
    struct slice given = json_string(json_get_nocase(clause, "DisplayName"));
    buffer_put(&name, given);
    for (size_t i = 0; !given.len && i < select->browsePathSize; i++) {
        if (i)
            buffer_u8(&name, '/');
        opcua_qualified_name_print(&select->browsePath[i], m->names, OPCUA_ID_URI, &name);
    }
    if (!name.len)
        buffer_text(&name, "ConditionId");
    json_escape(head, buffer_slice(&name));
    buffer_u8(head, ':');
    buffer_clear(&name);
}

static enum status reserve_fields(struct making *m, size_t count)
{
    if (count == 0 || count > EVENT_FIELDS_MAX)
        return refuse(m, BAD_ARGUMENT, "SelectClauses must have 1 to 256 elements.");
    m->filter->selectClauses = UA_Array_new(count, &UA_TYPES[UA_TYPES_SIMPLEATTRIBUTEOPERAND]);
    m->out->heads = memory_new(count * sizeof *m->out->heads);
    return OK;
}

static enum status read_selects(struct making *m, const struct json *clauses)
{
    enum status s = reserve_fields(m, json_count(clauses));
    struct json_walk w = json_walk(clauses);
    while (s == OK && json_next(&w)) {
        size_t at = m->filter->selectClausesSize++;
        UA_SimpleAttributeOperand *select = &m->filter->selectClauses[at];
        s = read_attribute(m, w.value, "TypeDefinitionId", select);
        put_name(m, w.value, select, &m->out->heads[at]);
        m->out->field_count = at + 1;
    }
    return s;
}

/* ---- where ---- */

static const char *const operators[] = {"Equals",
                                        "IsNull",
                                        "GreaterThan",
                                        "LessThan",
                                        "GreaterThanOrEqual",
                                        "LessThanOrEqual",
                                        "Like",
                                        "Not",
                                        "Between",
                                        "InList",
                                        "And",
                                        "Or",
                                        "Cast",
                                        "InView",
                                        "OfType",
                                        "RelatedTo",
                                        "BitwiseAnd",
                                        "BitwiseOr"};

static enum status read_operator(struct making *m, const struct json *v, UA_FilterOperator *out)
{
    uint64_t number;
    for (unsigned i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (slice_eq_nocase(json_string(v), slice_of(operators[i])) ||
            (json_is(v, JSON_NUMBER) && json_u64(v, &number) && number == i)) {
            *out = (UA_FilterOperator)i;
            return OK;
        }
    return refuse(m, BAD_ARGUMENT, "FilterOperator is not one that OPC UA has.");
}

/* "UInt16", or a data type's node id. */
static const UA_DataType *type_of(const struct making *m, struct slice name)
{
    UA_NodeId id = UA_NODEID_NUMERIC(0, opcua_data_type_id(name));
    if (!name.len ||
        (id.identifier.numeric == 0 && opcua_node_id_parse(name, m->names, &id, NULL) != OK))
        return NULL;
    const UA_DataType *type = opcua_data_type_wire(&id);
    UA_NodeId_clear(&id);
    return type;
}

static enum status read_literal(struct making *m, const struct json *operand, UA_FilterOperator of,
                                UA_ExtensionObject *out)
{
    const struct json *value = json_get_nocase(operand, "Value");
    struct slice type_name = json_string(json_get_nocase(operand, "DataType"));
    const UA_DataType *type = type_of(m, type_name);
    if (!type && of == UA_FILTEROPERATOR_OFTYPE)
        type = &UA_TYPES[UA_TYPES_NODEID];
    UA_LiteralOperand *literal = UA_LiteralOperand_new();
    UA_ExtensionObject_setValue(out, literal, &UA_TYPES[UA_TYPES_LITERALOPERAND]);
    return opcua_value_json_read(value, type, UA_VALUERANK_ANY, m->names, &literal->value, m->why);
}

static enum status read_operand(struct making *m, const struct json *operand, UA_FilterOperator of,
                                UA_ExtensionObject *out)
{
    uint64_t index;
    if (json_u64(json_get_nocase(operand, "Index"), &index) && index <= EVENT_ELEMENTS_MAX) {
        UA_ElementOperand *element = UA_ElementOperand_new();
        element->index = (UA_UInt32)index;
        UA_ExtensionObject_setValue(out, element, &UA_TYPES[UA_TYPES_ELEMENTOPERAND]);
        return OK;
    }
    if (json_get_nocase(operand, "Value"))
        return read_literal(m, operand, of, out);
    UA_SimpleAttributeOperand *attribute = UA_SimpleAttributeOperand_new();
    UA_ExtensionObject_setValue(out, attribute, &UA_TYPES[UA_TYPES_SIMPLEATTRIBUTEOPERAND]);
    return read_attribute(m, operand, "NodeId", attribute);
}

static enum status read_element(struct making *m, const struct json *v,
                                UA_ContentFilterElement *out)
{
    const struct json *operands = json_get_nocase(v, "FilterOperands");
    enum status s = read_operator(m, json_get_nocase(v, "FilterOperator"), &out->filterOperator);
    if (s != OK || json_count(operands) > EVENT_ELEMENTS_MAX)
        return s != OK ? s : refuse(m, TOO_LARGE, "FilterOperands has too many elements.");
    out->filterOperands = UA_Array_new(json_count(operands), &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]);
    struct json_walk w = json_walk(operands);
    while (s == OK && json_next(&w))
        s = read_operand(m, w.value, out->filterOperator,
                         &out->filterOperands[out->filterOperandsSize++]);
    return s;
}

static enum status read_where(struct making *m, const struct json *elements)
{
    if (json_count(elements) > EVENT_ELEMENTS_MAX)
        return refuse(m, TOO_LARGE, "WhereClause has too many elements.");
    UA_ContentFilter *where = &m->filter->whereClause;
    where->elements = UA_Array_new(json_count(elements), &UA_TYPES[UA_TYPES_CONTENTFILTERELEMENT]);
    struct json_walk w = json_walk(elements);
    enum status s = OK;
    while (s == OK && json_next(&w))
        s = read_element(m, w.value, &where->elements[where->elementsSize++]);
    return s;
}

/* ---- simple ---- */

static const char simple_selects[] =
    "[{\"BrowsePath\":[\"EventId\"]},{\"BrowsePath\":[\"EventType\"]},{\"BrowsePath\":["
    "\"SourceNode\"]},"
    "{\"BrowsePath\":[\"SourceName\"]},{\"BrowsePath\":[\"Time\"]},{\"BrowsePath\":["
    "\"ReceiveTime\"]},"
    "{\"BrowsePath\":[\"Message\"]},{\"BrowsePath\":[\"Severity\"]}]";

static enum status read_simple(struct making *m, struct slice type)
{
    struct json_doc *selects;
    UA_NodeId id;
    enum status s = opcua_node_id_parse(type, m->names, &id, m->why);
    if (s != OK)
        return s;
    UA_LiteralOperand *literal = UA_LiteralOperand_new();
    UA_Variant_setScalarCopy(&literal->value, &id, &UA_TYPES[UA_TYPES_NODEID]);
    UA_NodeId_clear(&id);
    UA_ContentFilterElement *element = UA_ContentFilterElement_new();
    element->filterOperator = UA_FILTEROPERATOR_OFTYPE;
    element->filterOperands = UA_ExtensionObject_new();
    element->filterOperandsSize = 1;
    UA_ExtensionObject_setValue(element->filterOperands, literal,
                                &UA_TYPES[UA_TYPES_LITERALOPERAND]);
    m->filter->whereClause = (UA_ContentFilter){1, element};
    s = json_parse(SLICE(simple_selects), JSON_STRICT, &selects, NULL);
    if (s == OK)
        s = read_selects(m, json_root(selects));
    json_free(&selects);
    return s;
}

enum status event_filter_make(struct slice text, const struct opcua_namespaces *names,
                              struct event_filter *out, struct buffer *why)
{
    struct json_doc *doc;
    enum status s = json_parse(text, JSON_CONFIG, &doc, NULL);
    if (s != OK)
        return s;
    *out = (struct event_filter){0};
    UA_EventFilter *filter = UA_EventFilter_new();
    UA_ExtensionObject_setValue(&out->object, filter, &UA_TYPES[UA_TYPES_EVENTFILTER]);
    struct making m = {.names = names, .out = out, .filter = filter, .why = why};
    const struct json *root = json_root(doc);
    struct slice type = json_string(json_get_nocase(root, "TypeDefinitionId"));
    const struct json *selects = json_get_nocase(root, "SelectClauses");
    if (type.len && json_count(selects) == 0) {
        s = read_simple(&m, type);
    } else {
        s = read_selects(&m, selects);
        if (s == OK)
            s = read_where(&m, json_get_nocase(json_get_nocase(root, "WhereClause"), "Elements"));
    }
    json_free(&doc);
    if (s != OK)
        event_filter_clear(out);
    return s;
}

void event_filter_clear(struct event_filter *f)
{
    for (size_t i = 0; i < f->field_count; i++)
        buffer_clear(&f->heads[i]);
    free(f->heads);
    UA_ExtensionObject_clear(&f->object);
    *f = (struct event_filter){0};
}
