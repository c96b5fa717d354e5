/* Which events: the where clause, whose elements refer to those behind them (Part 4, 7.7). */
#include "opcua/event_clause.h"

#include "opcua/browse.h"
#include "opcua/data_type.h"
#include "opcua/value_json.h"

#define PATH_MAX_ELEMENTS 16

/* Part 4, tables 120 and 121: what they are called, and how many operands they have. */
static const struct operator
{
    const char *name;
    uint8_t least, most;
}
operators[] = {
    /* in the order of their numbers */
    [UA_FILTEROPERATOR_EQUALS] = {"Equals", 2, 2},
    [UA_FILTEROPERATOR_ISNULL] = {"IsNull", 1, 1},
    [UA_FILTEROPERATOR_GREATERTHAN] = {"GreaterThan", 2, 2},
    [UA_FILTEROPERATOR_LESSTHAN] = {"LessThan", 2, 2},
    [UA_FILTEROPERATOR_GREATERTHANOREQUAL] = {"GreaterThanOrEqual", 2, 2},
    [UA_FILTEROPERATOR_LESSTHANOREQUAL] = {"LessThanOrEqual", 2, 2},
    [UA_FILTEROPERATOR_LIKE] = {"Like", 2, 2},
    [UA_FILTEROPERATOR_NOT] = {"Not", 1, 1},
    [UA_FILTEROPERATOR_BETWEEN] = {"Between", 3, 3},
    [UA_FILTEROPERATOR_INLIST] = {"InList", 2, 255},
    [UA_FILTEROPERATOR_AND] = {"And", 2, 2},
    [UA_FILTEROPERATOR_OR] = {"Or", 2, 2},
    [UA_FILTEROPERATOR_CAST] = {"Cast", 2, 2},
    [UA_FILTEROPERATOR_INVIEW] = {"InView", 1, 1},
    [UA_FILTEROPERATOR_OFTYPE] = {"OfType", 1, 1},
    [UA_FILTEROPERATOR_RELATEDTO] = {"RelatedTo", 3, 6},
    [UA_FILTEROPERATOR_BITWISEAND] = {"BitwiseAnd", 2, 2},
    [UA_FILTEROPERATOR_BITWISEOR] = {"BitwiseOr", 2, 2},
};

#define OPERATORS (sizeof operators / sizeof operators[0])

static enum status read_operator(struct opcua_event_clauses *m, const struct json *v,
                                 UA_FilterOperator *out)
{
    uint64_t number;
    for (unsigned i = 0; i < OPERATORS; i++)
        if (slice_eq_nocase(json_string(v), slice_of(operators[i].name)) ||
            (json_is(v, JSON_NUMBER) && json_u64(v, &number) && number == i)) {
            *out = (UA_FilterOperator)i;
            return OK;
        }
    return opcua_event_clause_refuse(m, BAD_ARGUMENT, "FilterOperator is not one that OPC UA has.");
}

/* ---- literals ---- */

/* What these fields of every event or condition are, so that what is compared with them need not
 * say it. */
static const struct {
    const char *field;
    size_t type;
} known_fields[] = {
    {"EventId", UA_TYPES_BYTESTRING},
    {"EventType", UA_TYPES_NODEID},
    {"SourceNode", UA_TYPES_NODEID},
    {"SourceName", UA_TYPES_STRING},
    {"Time", UA_TYPES_DATETIME},
    {"ReceiveTime", UA_TYPES_DATETIME},
    {"Severity", UA_TYPES_UINT16},
    {"ConditionClassId", UA_TYPES_NODEID},
    {"ConditionClassName", UA_TYPES_LOCALIZEDTEXT},
    {"ConditionName", UA_TYPES_STRING},
    {"BranchId", UA_TYPES_NODEID},
    {"Retain", UA_TYPES_BOOLEAN},
    {"LastSeverity", UA_TYPES_UINT16},
    {"Id", UA_TYPES_BOOLEAN}, /* of a two-state variable */
};

static const UA_DataType *type_named(struct slice field)
{
    for (size_t i = 0; i < sizeof known_fields / sizeof known_fields[0]; i++)
        if (slice_eq(field, slice_of(known_fields[i].field)))
            return &UA_TYPES[known_fields[i].type];
    return NULL;
}

static const UA_DataType *type_of_field(const struct json *operand)
{
    const struct json *path = json_get_nocase(operand, "BrowsePath"), *last = NULL;
    struct json_walk w = json_walk(path);
    while (json_next(&w))
        last = w.value;
    return type_named(json_string(last));
}

const UA_DataType *opcua_event_clause_type(const UA_SimpleAttributeOperand *field)
{
    if (field->browsePathSize == 0)
        return field->attributeId == UA_ATTRIBUTEID_NODEID ? &UA_TYPES[UA_TYPES_NODEID] : NULL;
    struct slice last = opcua_slice(field->browsePath[field->browsePathSize - 1].name);
    return slice_eq(last, SLICE("Message")) ? &UA_TYPES[UA_TYPES_LOCALIZEDTEXT] : type_named(last);
}

/* "UInt16", or a data type's node id. */
static enum status type_of(struct opcua_event_clauses *m, struct slice name,
                           const UA_DataType **out)
{
    UA_NodeId id = UA_NODEID_NUMERIC(0, opcua_data_type_id(name));
    enum status s = id.identifier.numeric ? OK : opcua_node_id_parse(name, m->names, &id, m->why);
    if (s == OK) {
        *out = opcua_data_type_wire(&id);
        UA_NodeId_clear(&id);
    }
    return s != OK || *out
               ? s
               : opcua_event_clause_refuse(m, BAD_ARGUMENT, "DataType is not a known type.");
}

/* A data type's name is as good as its id. */
static enum status read_type_literal(struct opcua_event_clauses *m, const struct json *value,
                                     UA_Variant *out)
{
    uint32_t id = opcua_data_type_id(json_string(value));
    UA_NodeId node = UA_NODEID_NUMERIC(0, id);
    if (!id)
        return opcua_value_json_read(value, &UA_TYPES[UA_TYPES_NODEID], UA_VALUERANK_ANY, m->names,
                                     out, m->why);
    UA_Variant_setScalarCopy(out, &node, &UA_TYPES[UA_TYPES_NODEID]);
    return OK;
}

/* What the operator or the other operands say that a literal without DataType is. */
static const UA_DataType *expected_type(UA_FilterOperator of, size_t at,
                                        const struct json *operands)
{
    if (of == UA_FILTEROPERATOR_OFTYPE || of == UA_FILTEROPERATOR_INVIEW ||
        (of == UA_FILTEROPERATOR_CAST && at == 1) || (of == UA_FILTEROPERATOR_RELATEDTO && at < 3))
        return &UA_TYPES[UA_TYPES_NODEID];
    if (of == UA_FILTEROPERATOR_LIKE)
        return &UA_TYPES[UA_TYPES_STRING];
    struct json_walk w = json_walk(operands);
    while (json_next(&w)) {
        const UA_DataType *type = type_of_field(w.value);
        if (type)
            return type;
    }
    return NULL;
}

static enum status read_literal(struct opcua_event_clauses *m, const struct json *operand,
                                UA_FilterOperator of, size_t at, const struct json *operands,
                                UA_ExtensionObject *out)
{
    const struct json *value = json_get_nocase(operand, "Value");
    struct slice type_name = json_string(json_get_nocase(operand, "DataType"));
    const UA_DataType *type = NULL;
    UA_LiteralOperand *literal = UA_LiteralOperand_new();
    UA_ExtensionObject_setValue(out, literal, &UA_TYPES[UA_TYPES_LITERALOPERAND]);
    enum status s = type_name.len ? type_of(m, type_name, &type) : OK;
    if (s != OK)
        return s;
    if (!type_name.len)
        type = expected_type(of, at, operands);
    if (of == UA_FILTEROPERATOR_CAST && at == 1)
        return read_type_literal(m, value, &literal->value);
    return opcua_value_json_read(value, type, UA_VALUERANK_ANY, m->names, &literal->value, m->why);
}

/* ---- the other operands ---- */

static enum status read_index(struct opcua_event_clauses *m, uint64_t index, size_t at,
                              size_t count, UA_ExtensionObject *out)
{
    if (index <= at || index >= count)
        return opcua_event_clause_refuse(m, BAD_ARGUMENT, "Index must be that of a later element.");
    UA_ElementOperand *element = UA_ElementOperand_new();
    element->index = (UA_UInt32)index;
    UA_ExtensionObject_setValue(out, element, &UA_TYPES[UA_TYPES_ELEMENTOPERAND]);
    return OK;
}

static enum status read_relative_path(struct opcua_event_clauses *m, const struct json *path,
                                      UA_RelativePath *out)
{
    struct slice elements[PATH_MAX_ELEMENTS];
    size_t count = 0;
    struct json_walk w = json_walk(path);
    if (json_count(path) > PATH_MAX_ELEMENTS)
        return opcua_event_clause_refuse(m, TOO_LARGE, "BrowsePath has more than 16 names.");
    while (json_next(&w))
        elements[count++] = json_string(w.value);
    return opcua_browse_path_parse(elements, count, m->names, out, m->why);
}

/* Any attribute of any node, by the alias that other operands know it by. */
static enum status read_full_attribute(struct opcua_event_clauses *m, const struct json *operand,
                                       struct slice alias, UA_ExtensionObject *out)
{
    struct slice node = json_string(json_get_nocase(operand, "NodeId"));
    UA_String borrowed = opcua_string_of(alias),
              range = opcua_string_of(json_string(json_get_nocase(operand, "IndexRange")));
    UA_AttributeOperand *a = UA_AttributeOperand_new();
    UA_ExtensionObject_setValue(out, a, &UA_TYPES[UA_TYPES_ATTRIBUTEOPERAND]);
    UA_String_copy(&borrowed, &a->alias);
    UA_String_copy(&range, &a->indexRange);
    a->nodeId = UA_NODEID_NUMERIC(0, UA_NS0ID_BASEEVENTTYPE);
    enum status s = node.len ? opcua_node_id_parse(node, m->names, &a->nodeId, m->why) : OK;
    if (s == OK)
        s = read_relative_path(m, json_get_nocase(operand, "BrowsePath"), &a->browsePath);
    return s == OK ? opcua_event_clause_attribute_id(m, json_get_nocase(operand, "AttributeId"),
                                                     &a->attributeId)
                   : s;
}

/* Where an element stands, for its operands. */
struct element_place {
    size_t at, count;
    UA_FilterOperator of;
    const struct json *operands;
};

static enum status read_operand(struct opcua_event_clauses *m, const struct json *operand,
                                size_t at, const struct element_place *place,
                                UA_ExtensionObject *out)
{
    const struct json *index = json_get_nocase(operand, "Index");
    const struct json *value = json_get_nocase(operand, "Value");
    struct slice alias = json_string(json_get_nocase(operand, "Alias"));
    uint64_t number;
    if (!json_is(operand, JSON_OBJECT))
        return opcua_event_clause_refuse(m, BAD_ARGUMENT, "An operand must be an object.");
    if (json_u64(index, &number))
        return read_index(m, number, place->at, place->count, out);
    bool names_a_field =
        json_get_nocase(operand, "NodeId") || json_get_nocase(operand, "BrowsePath");
    if (value &&
        !(json_is(value, JSON_NULL) && names_a_field)) /* members that are null mean nothing */
        return read_literal(m, operand, place->of, at, place->operands, out);
    if (alias.len)
        return read_full_attribute(m, operand, alias, out);
    UA_SimpleAttributeOperand *attribute = UA_SimpleAttributeOperand_new();
    UA_ExtensionObject_setValue(out, attribute, &UA_TYPES[UA_TYPES_SIMPLEATTRIBUTEOPERAND]);
    return opcua_event_clause_attribute(m, operand, "NodeId", attribute);
}

static enum status read_element(struct opcua_event_clauses *m, const struct json *v, size_t at,
                                size_t elements, UA_ContentFilterElement *out)
{
    const struct json *operands = json_get_nocase(v, "FilterOperands");
    size_t count = json_count(operands);
    enum status s = read_operator(m, json_get_nocase(v, "FilterOperator"), &out->filterOperator);
    if (s != OK)
        return s;
    const struct operator* o = & operators[out->filterOperator];
    if (count < o->least || count > o->most) {
        buffer_printf(m->why, "%s takes %u operands", o->name, o->least);
        if (o->most != o->least)
            buffer_printf(m->why, " to %u", o->most);
        buffer_printf(m->why, ", not %zu.", count);
        return BAD_ARGUMENT;
    }
    struct element_place place = {at, elements, out->filterOperator, operands};
    out->filterOperands = UA_Array_new(count, &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]);
    struct json_walk w = json_walk(operands);
    while (s == OK && json_next(&w)) {
        size_t n = out->filterOperandsSize++;
        s = read_operand(m, w.value, n, &place, &out->filterOperands[n]);
    }
    return s;
}

enum status opcua_event_clause_where(struct opcua_event_clauses *m, const struct json *clause,
                                     UA_ContentFilter *where)
{
    const struct json *elements = json_get_nocase(clause, "Elements");
    size_t count = json_count(elements);
    if (count > OPCUA_EVENT_ELEMENTS_MAX)
        return opcua_event_clause_refuse(m, TOO_LARGE, "WhereClause has more than 256 elements.");
    where->elements = UA_Array_new(count, &UA_TYPES[UA_TYPES_CONTENTFILTERELEMENT]);
    struct json_walk w = json_walk(elements);
    enum status s = OK;
    while (s == OK && json_next(&w)) {
        size_t at = where->elementsSize++, before = m->why->len;
        buffer_printf(m->why, "WhereClause.Elements[%zu]: ", at);
        s = read_element(m, w.value, at, count, &where->elements[at]);
        if (s == OK)
            m->why->len = before;
    }
    return s;
}
