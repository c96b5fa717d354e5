#include "published/event_filter.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/event_clause.h"
#include "opcua/event_query.h"
#include "opcua/value_json.h"
#include "json/write.h"

#define HIDDEN_MAX 3

struct making {
    const struct event_filter_context *context;
    struct event_filter *out;
    UA_EventFilter *filter;
    struct opcua_event_clauses clauses;
};

static enum status refuse(struct making *m, enum status why, const char *what)
{
    return opcua_event_clause_refuse(&m->clauses, why, what);
}

/* ---- select ---- */

static void put_path(struct making *m, const UA_SimpleAttributeOperand *select, struct buffer *name)
{
    for (size_t i = 0; i < select->browsePathSize; i++) {
        if (i)
            buffer_u8(name, '/');
        opcua_qualified_name_print(&select->browsePath[i], m->context->names, m->context->format,
                                   name);
    }
    if (!name->len) /* the only attribute of an event itself is a condition's id */
        buffer_text(name, "ConditionId");
}

static void put_head(struct making *m, struct slice given, const UA_SimpleAttributeOperand *select,
                     struct buffer *head)
{
    struct buffer name = {0};
    buffer_put(&name, given);
    if (!given.len)
        put_path(m, select, &name);
    json_escape(head, buffer_slice(&name));
    buffer_u8(head, ':');
    buffer_clear(&name);
}

static enum status reserve_fields(struct making *m, size_t count)
{
    if (count == 0 || count > OPCUA_EVENT_FIELDS_MAX)
        return refuse(m, BAD_ARGUMENT,
                      "It must have a TypeDefinitionId, or 1 to 256 SelectClauses.");
    m->filter->selectClauses =
        UA_Array_new(count + HIDDEN_MAX, &UA_TYPES[UA_TYPES_SIMPLEATTRIBUTEOPERAND]);
    m->out->heads = memory_new(count * sizeof *m->out->heads);
    m->out->class_field_ids = memory_new(count * sizeof *m->out->class_field_ids);
    return OK;
}

static enum status read_select(struct making *m, const struct json *clause, size_t at)
{
    UA_SimpleAttributeOperand *select = &m->filter->selectClauses[at];
    struct slice id = json_string(json_get_nocase(clause, "DataSetClassFieldId"));
    if (!json_is(clause, JSON_OBJECT))
        return refuse(m, BAD_ARGUMENT, "It must be an object.");
    m->filter->selectClausesSize = at + 1;
    enum status s = opcua_event_clause_attribute(&m->clauses, clause, "TypeDefinitionId", select);
    if (s != OK)
        return s;
    if (id.len && !opcua_guid_parse(id, &m->out->class_field_ids[at]))
        return refuse(m, BAD_ARGUMENT, "DataSetClassFieldId is not a GUID.");
    put_head(m, json_string(json_get_nocase(clause, "DisplayName")), select, &m->out->heads[at]);
    m->out->field_count = at + 1;
    return OK;
}

static enum status read_selects(struct making *m, const struct json *clauses)
{
    enum status s = reserve_fields(m, json_count(clauses));
    struct json_walk w = json_walk(clauses);
    for (size_t at = 0; s == OK && json_next(&w); at++) {
        size_t before = m->clauses.why->len;
        buffer_printf(m->clauses.why, "SelectClauses[%zu]: ", at);
        s = read_select(m, w.value, at);
        if (s == OK)
            m->clauses.why->len = before;
    }
    return s;
}

/* ---- what the publisher itself needs ---- */

static bool is_select(const UA_SimpleAttributeOperand *select, uint32_t type, const char *name)
{
    const UA_NodeId of = UA_NODEID_NUMERIC(0, type);
    uint32_t attribute = name ? UA_ATTRIBUTEID_VALUE : UA_ATTRIBUTEID_NODEID;
    return select->attributeId == attribute && !select->indexRange.length &&
           select->browsePathSize == (name ? 1 : 0) &&
           UA_NodeId_equal(&select->typeDefinitionId, &of) &&
           (!name || (select->browsePath[0].namespaceIndex == 0 &&
                      slice_eq(opcua_slice(select->browsePath[0].name), slice_of(name))));
}

/* Where it is among the clauses, put there if it is not. `name` NULL: the node's own id. */
static size_t need(struct making *m, uint32_t type, const char *name)
{
    UA_EventFilter *f = m->filter;
    for (size_t i = 0; i < f->selectClausesSize; i++)
        if (is_select(&f->selectClauses[i], type, name))
            return i;
    UA_SimpleAttributeOperand *select = &f->selectClauses[f->selectClausesSize];
    UA_SimpleAttributeOperand_init(select);
    select->typeDefinitionId = UA_NODEID_NUMERIC(0, type);
    select->attributeId = name ? UA_ATTRIBUTEID_VALUE : UA_ATTRIBUTEID_NODEID;
    if (name) {
        select->browsePath = UA_QualifiedName_new();
        select->browsePathSize = 1;
        select->browsePath[0] = UA_QUALIFIEDNAME_ALLOC(0, name);
    }
    return f->selectClausesSize++;
}

/* ---- simple ---- */

static void select_fields(struct making *m, const struct opcua_event_type_fields *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        const struct opcua_event_type_field *f = &fields->fields[i];
        UA_SimpleAttributeOperand *select = &m->filter->selectClauses[i];
        select->attributeId = UA_ATTRIBUTEID_VALUE;
        UA_NodeId_copy(&f->type, &select->typeDefinitionId);
        select->browsePath = UA_Array_new(f->depth, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]);
        for (; select->browsePathSize < f->depth; select->browsePathSize++)
            UA_QualifiedName_copy(&f->path[select->browsePathSize],
                                  &select->browsePath[select->browsePathSize]);
        put_head(m, (struct slice){0}, select, &m->out->heads[i]);
        m->filter->selectClausesSize = m->out->field_count = i + 1;
    }
}

static void only_of_type(struct making *m, const UA_NodeId *type)
{
    UA_LiteralOperand *literal = UA_LiteralOperand_new();
    UA_Variant_setScalarCopy(&literal->value, type, &UA_TYPES[UA_TYPES_NODEID]);
    UA_ContentFilterElement *element = UA_ContentFilterElement_new();
    element->filterOperator = UA_FILTEROPERATOR_OFTYPE;
    element->filterOperands = UA_ExtensionObject_new();
    element->filterOperandsSize = 1;
    UA_ExtensionObject_setValue(element->filterOperands, literal,
                                &UA_TYPES[UA_TYPES_LITERALOPERAND]);
    m->filter->whereClause = (UA_ContentFilter){1, element};
}

static enum status make_simple(struct making *m, struct slice type, const struct json *where)
{
    UA_NodeId id;
    enum status s = opcua_node_id_parse(type, m->context->names, &id, m->clauses.why);
    if (s != OK)
        return s;
    s = reserve_fields(m, m->context->fields ? m->context->fields->count : 0);
    if (s == OK) {
        select_fields(m, m->context->fields);
        s = opcua_event_clause_where(&m->clauses, where, &m->filter->whereClause);
    }
    if (s == OK && m->filter->whereClause.elementsSize == 0)
        only_of_type(m, &id);
    UA_NodeId_clear(&id);
    return s;
}

/* ---- the whole ---- */

/* A text is a query, and comes to the same as an object. */
static enum status parse(struct slice text, struct json_doc **doc, struct buffer *why)
{
    struct json_error error;
    struct buffer compiled = {0};
    enum status s = json_parse(text, JSON_CONFIG, doc, &error);
    if (s != OK)
        buffer_printf(why, "It is not JSON: %s.", error.what);
    if (s != OK || !json_is(json_root(*doc), JSON_STRING))
        return s;
    s = opcua_event_query_compile(json_string(json_root(*doc)), &compiled, why);
    json_free(doc);
    if (s == OK)
        s = json_parse(buffer_slice(&compiled), JSON_STRICT, doc, NULL);
    buffer_clear(&compiled);
    return s;
}

static struct slice simple_type(const struct json *root)
{
    struct slice type = json_string(json_get_nocase(root, "TypeDefinitionId"));
    return json_count(json_get_nocase(root, "SelectClauses")) == 0 ? type : (struct slice){0};
}

enum status event_filter_simple_type(struct slice json, const struct opcua_namespaces *names,
                                     UA_NodeId *out, struct buffer *why)
{
    struct json_doc *doc;
    enum status s = parse(json, &doc, why);
    if (s != OK)
        return s;
    struct slice type = simple_type(json_root(doc));
    *out = UA_NODEID_NULL;
    if (type.len)
        s = opcua_node_id_parse(type, names, out, why);
    json_free(&doc);
    return s;
}

static enum status make(struct making *m, const struct json *root)
{
    struct slice type = simple_type(root);
    if (!json_is(root, JSON_OBJECT))
        return refuse(m, BAD_ARGUMENT, "It must be an object or a query.");
    const struct json *where = json_get_nocase(root, "WhereClause");
    enum status s = type.len ? make_simple(m, type, where)
                             : read_selects(m, json_get_nocase(root, "SelectClauses"));
    if (s == OK && !type.len)
        s = opcua_event_clause_where(&m->clauses, where, &m->filter->whereClause);
    if (s != OK)
        return s;
    m->out->event_type = need(m, UA_NS0ID_BASEEVENTTYPE, "EventType");
    if (m->context->conditions) { /* servers without conditions may not know their types */
        m->out->condition_id = need(m, UA_NS0ID_CONDITIONTYPE, NULL);
        m->out->retain = need(m, UA_NS0ID_CONDITIONTYPE, "Retain");
    }
    m->out->select_count = m->filter->selectClausesSize;
    return OK;
}

enum status event_filter_make(struct slice text, const struct event_filter_context *c,
                              struct event_filter *out, struct buffer *why)
{
    struct buffer own = {0};
    struct json_doc *doc;
    *out = (struct event_filter){0};
    enum status s = parse(text, &doc, why ? why : &own);
    if (s == OK) {
        UA_EventFilter *filter = UA_EventFilter_new();
        UA_ExtensionObject_setValue(&out->object, filter, &UA_TYPES[UA_TYPES_EVENTFILTER]);
        struct making m = {
            .context = c, .out = out, .filter = filter, .clauses = {c->names, why ? why : &own}};
        s = make(&m, json_root(doc));
        json_free(&doc);
    }
    buffer_clear(&own);
    if (s != OK)
        event_filter_clear(out);
    return s;
}

/* The array has room for the hidden ones, and the stack frees it by its size. */
void event_filter_clear(struct event_filter *f)
{
    for (size_t i = 0; i < f->field_count; i++)
        buffer_clear(&f->heads[i]);
    free(f->heads);
    free(f->class_field_ids);
    UA_ExtensionObject_clear(&f->object);
    *f = (struct event_filter){0};
}

/* ---- what the server says of it ---- */

static void explain_where(const UA_ContentFilterResult *r, struct buffer *out)
{
    for (size_t i = 0; i < r->elementResultsSize; i++) {
        const UA_ContentFilterElementResult *e = &r->elementResults[i];
        if (UA_StatusCode_isBad(e->statusCode))
            buffer_printf(out, " WhereClause.Elements[%zu]: %s.", i,
                          UA_StatusCode_name(e->statusCode));
        for (size_t j = 0; j < e->operandStatusCodesSize; j++)
            if (UA_StatusCode_isBad(e->operandStatusCodes[j]))
                buffer_printf(out, " WhereClause.Elements[%zu].FilterOperands[%zu]: %s.", i, j,
                              UA_StatusCode_name(e->operandStatusCodes[j]));
    }
}

void event_filter_explain(const struct event_filter *f, const UA_ExtensionObject *result,
                          struct buffer *out)
{
    if (result->encoding < UA_EXTENSIONOBJECT_DECODED ||
        result->content.decoded.type != &UA_TYPES[UA_TYPES_EVENTFILTERRESULT])
        return;
    const UA_EventFilterResult *r = result->content.decoded.data;
    for (size_t i = 0; i < r->selectClauseResultsSize && i < f->field_count; i++)
        if (UA_StatusCode_isBad(r->selectClauseResults[i]))
            buffer_printf(out, " SelectClauses[%zu] %.*s %s.", i,
                          SLICE_FMT(buffer_slice(&f->heads[i])),
                          UA_StatusCode_name(r->selectClauseResults[i]));
    explain_where(&r->whereClauseResult, out);
}
