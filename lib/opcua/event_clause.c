#include "opcua/event_clause.h"

#include "opcua/attribute_id.h"

enum status opcua_event_clause_refuse(struct opcua_event_clauses *c, enum status why,
                                      const char *what)
{
    buffer_text(c->why, what);
    return why;
}

/* ---- attributes by path ---- */

static enum status read_path(struct opcua_event_clauses *c, const struct json *path,
                             UA_SimpleAttributeOperand *out)
{
    size_t count = json_count(path);
    if (path && !json_is(path, JSON_ARRAY) && !json_is(path, JSON_NULL))
        return opcua_event_clause_refuse(c, BAD_ARGUMENT, "BrowsePath must be an array of names.");
    if (count > OPCUA_EVENT_PATH_MAX)
        return opcua_event_clause_refuse(c, TOO_LARGE, "BrowsePath has more than 16 names.");
    out->browsePath = UA_Array_new(count, &UA_TYPES[UA_TYPES_QUALIFIEDNAME]);
    struct json_walk w = json_walk(path);
    while (json_next(&w)) {
        enum status s = opcua_qualified_name_parse(json_string(w.value), c->names,
                                                   &out->browsePath[out->browsePathSize], c->why);
        if (s != OK)
            return s;
        out->browsePathSize++;
    }
    return OK;
}

enum status opcua_event_clause_attribute_id(struct opcua_event_clauses *c, const struct json *v,
                                            uint32_t *out)
{
    uint64_t number = 0;
    *out = UA_ATTRIBUTEID_VALUE;
    if (!v || json_is(v, JSON_NULL))
        return OK;
    *out = opcua_attribute_id(json_string(v));
    if (*out == 0 && json_u64(v, &number) && number <= UA_ATTRIBUTEID_ACCESSLEVELEX)
        *out = (uint32_t)number;
    return *out ? OK
                : opcua_event_clause_refuse(c, BAD_ARGUMENT,
                                            "AttributeId is not one that nodes have.");
}

enum status opcua_event_clause_attribute(struct opcua_event_clauses *c, const struct json *v,
                                         const char *type_name, UA_SimpleAttributeOperand *out)
{
    struct slice type = json_string(json_get_nocase(v, type_name));
    struct slice range = json_string(json_get_nocase(v, "IndexRange"));
    UA_SimpleAttributeOperand_init(out);
    out->typeDefinitionId = UA_NODEID_NUMERIC(0, UA_NS0ID_BASEEVENTTYPE);
    enum status s =
        type.len ? opcua_node_id_parse(type, c->names, &out->typeDefinitionId, c->why) : OK;
    if (s == OK)
        s = read_path(c, json_get_nocase(v, "BrowsePath"), out);
    if (s == OK)
        s = opcua_event_clause_attribute_id(c, json_get_nocase(v, "AttributeId"),
                                            &out->attributeId);
    if (s == OK && range.len) {
        UA_String borrowed = opcua_string_of(range);
        UA_String_copy(&borrowed, &out->indexRange);
    }
    return s;
}

/* ---- the whole ---- */

static enum status read_select(struct opcua_event_clauses *c, const struct json *v, size_t at,
                               UA_SimpleAttributeOperand *out)
{
    size_t before = c->why->len;
    buffer_printf(c->why, "SelectClauses[%zu]: ", at);
    if (!json_is(v, JSON_OBJECT))
        return opcua_event_clause_refuse(c, BAD_ARGUMENT, "It must be an object.");
    /* 2.8 calls the type's id NodeId. */
    const char *type = json_get_nocase(v, "TypeDefinitionId") ? "TypeDefinitionId" : "NodeId";
    enum status s = opcua_event_clause_attribute(c, v, type, out);
    if (s == OK)
        c->why->len = before;
    return s;
}

enum status opcua_event_clause_filter(struct opcua_event_clauses *c, const struct json *v,
                                      UA_EventFilter *out)
{
    const struct json *selects = json_get_nocase(v, "SelectClauses");
    size_t count = json_count(selects);
    UA_EventFilter_init(out);
    if (!json_is(v, JSON_OBJECT))
        return opcua_event_clause_refuse(c, BAD_ARGUMENT, "A filter is an object.");
    if (!json_is(selects, JSON_ARRAY) || count == 0 || count > OPCUA_EVENT_FIELDS_MAX)
        return opcua_event_clause_refuse(c, BAD_ARGUMENT, "A filter has 1 to 256 SelectClauses.");
    out->selectClauses = UA_Array_new(count, &UA_TYPES[UA_TYPES_SIMPLEATTRIBUTEOPERAND]);
    struct json_walk w = json_walk(selects);
    enum status s = OK;
    while (s == OK && json_next(&w)) {
        size_t at = out->selectClausesSize++;
        s = read_select(c, w.value, at, &out->selectClauses[at]);
    }
    return s == OK
               ? opcua_event_clause_where(c, json_get_nocase(v, "WhereClause"), &out->whereClause)
               : s;
}
