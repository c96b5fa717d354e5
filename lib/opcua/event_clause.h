/*
 * The clauses of an event filter out of JSON, as publishednodes.json and the API have them: an
 * attribute by type and path (event_clause.c), and which events (event_where.c). Pure.
 */
#pragma once

#include "json/json.h"
#include "opcua/node_id.h"

#define OPCUA_EVENT_ELEMENTS_MAX 256
#define OPCUA_EVENT_PATH_MAX 16
#define OPCUA_EVENT_FIELDS_MAX 256

struct opcua_event_clauses {
    const struct opcua_namespaces *names;
    struct buffer *why; /* never NULL: what is wrong is appended */
};

/* Says it, behind the clause's name that `why` has already. Returns `why`. */
enum status opcua_event_clause_refuse(struct opcua_event_clauses *c, enum status why,
                                      const char *what);

/* TypeDefinitionId (or what a NodeId is called there), BrowsePath, AttributeId, IndexRange. The
 * caller clears *out, also after a refusal. */
CHECKED enum status opcua_event_clause_attribute(struct opcua_event_clauses *c,
                                                 const struct json *v, const char *type_name,
                                                 UA_SimpleAttributeOperand *out);
CHECKED enum status opcua_event_clause_attribute_id(struct opcua_event_clauses *c,
                                                    const struct json *v, uint32_t *out);

/* {"Elements": […]} or nothing. The caller clears *out, also after a refusal. */
CHECKED enum status opcua_event_clause_where(struct opcua_event_clauses *c, const struct json *v,
                                             UA_ContentFilter *out);

/* What the field is in every event or condition; NULL when OPC UA does not say. */
const UA_DataType *opcua_event_clause_type(const UA_SimpleAttributeOperand *field);

/* {"SelectClauses": […], "WhereClause": {…}}, all of it; what a query's text comes to, too
 * (opcua/event_query.h). The caller clears *out, also after a refusal. */
CHECKED enum status opcua_event_clause_filter(struct opcua_event_clauses *c, const struct json *v,
                                              UA_EventFilter *out);
