/*
 * A node's "EventFilter" of publishednodes.json as OPC UA's EventFilter, and the names of its
 * fields. Node ids in it may name namespaces, so it is built for one server at a time. Pure.
 *
 * Fields have the DisplayName of their clause, or else their path: BrowseNames with '/' between
 * them. The simple form {"TypeDefinitionId": …} selects all fields of events of that type, which
 * the server has to be asked for first (opcua/event_types.h); a WhereClause may stand beside it.
 *
 * Clauses that only the publisher itself needs stand behind those that were asked for: they are
 * selected, and not told.
 */
#pragma once

#include "base/buffer.h"
#include "opcua/event_types.h"
#include "opcua/node_id.h"
#include "opcua/stack.h"

struct event_filter {
    UA_ExtensionObject object; /* of an UA_EventFilter */
    size_t field_count;        /* that are told: the first ones */
    struct buffer *heads;      /* of each of them: "name": */
    UA_Guid *class_field_ids;  /* of each of them: DataSetClassFieldId; zeros when none was given */
    size_t select_count;       /* of all clauses */
    size_t event_type;         /* where it is among them */
    size_t condition_id, retain; /* the same, if asked for */
};

struct event_filter_context {
    const struct opcua_namespaces *names;
    enum opcua_id_format format; /* of BrowseNames in the fields' names */
    const struct opcua_event_type_fields
        *fields;     /* of the simple form's type; NULL for the others */
    bool conditions; /* conditions are to be told apart */
};

/* What the simple form is about; the null node id when it is another form. */
CHECKED enum status event_filter_simple_type(struct slice json,
                                             const struct opcua_namespaces *names, UA_NodeId *out,
                                             struct buffer *why);

/* BAD_FORMAT, BAD_ARGUMENT, TOO_LARGE, NOT_FOUND (a namespace) append to *why, which may be NULL,
 * which clause it is and what is wrong with it. */
CHECKED enum status event_filter_make(struct slice json, const struct event_filter_context *c,
                                      struct event_filter *out, struct buffer *why);
void event_filter_clear(struct event_filter *f);

/* What the server says of the clauses, one sentence for each that it does not like; nothing when it
 * likes all. `result` is the created item's filterResult. */
void event_filter_explain(const struct event_filter *f, const UA_ExtensionObject *result,
                          struct buffer *out);
