/*
 * Node ids and qualified names as text, in all forms that Azure Industrial IoT takes and gives:
 *
 *     i=85   ns=2;s=x   nsu=http://ns/;i=1   svr=1;ns=2;g=…   http://ns/#s=a%20b&srv=urn:server
 *     Name   2:Name     nsu=http://ns/;Name  http://ns/#Name
 *
 * Pure. What a parse gives is the caller's, to be cleared with UA_…_clear().
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"
#include "opcua/stack.h"

#define OPCUA_NODE_ID_TEXT_MAX 8192 /* longer texts are TOO_LARGE */
#define OPCUA_NAMESPACE_0 "http://opcfoundation.org/UA/"

struct opcua_types;

/* A session's tables: what an index means. Element 0 is OPC UA's own namespace, or the server
 * itself. Owned by whoever holds the session; valid as long as that says. */
struct opcua_namespaces {
    const UA_String *uris;
    size_t count;
    const UA_String *servers; /* may be NULL */
    size_t server_count;
    const struct opcua_types *types; /* what a TypeId means, for value_json.h; NULL: OPC UA's own */
};

enum opcua_id_format {
    OPCUA_ID_URI,        /* http://ns/#i=1; i=85 in namespace 0. Of 2.8, and the default of 2.9 */
    OPCUA_ID_INDEX,      /* ns=2;i=1 */
    OPCUA_ID_EXPANDED,   /* nsu=http://ns/;i=1; i=85 in namespace 0. Strict mode's */
    OPCUA_ID_EXPANDED_0, /* the same with nsu= for namespace 0 too */
};

/* `names` may be NULL when there is no session: then a uri is NOT_FOUND unless it is namespace 0's,
 * or the form keeps it (opcua_expanded_id_parse). BAD_FORMAT, TOO_LARGE, NOT_FOUND (a namespace or
 * a server that the table lacks) append a sentence to *why, which may be NULL. An id with a server
 * other than 0 is BAD_ARGUMENT for opcua_node_id_parse. Blanks around it are ignored, but not those
 * at the end of s=; empty text is BAD_FORMAT. */
CHECKED enum status opcua_node_id_parse(struct slice text, const struct opcua_namespaces *names,
                                        UA_NodeId *out, struct buffer *why);
/* The same, and a uri that the table lacks stays as uri in the result. */
CHECKED enum status opcua_expanded_id_parse(struct slice text, const struct opcua_namespaces *names,
                                            UA_ExpandedNodeId *out, struct buffer *why);
CHECKED enum status opcua_qualified_name_parse(struct slice text,
                                               const struct opcua_namespaces *names,
                                               UA_QualifiedName *out, struct buffer *why);

/* Append the text, without quotes. An index that the table lacks is written in the INDEX form. */
void opcua_node_id_print(const UA_NodeId *id, const struct opcua_namespaces *names,
                         enum opcua_id_format format, struct buffer *out);
void opcua_expanded_id_print(const UA_ExpandedNodeId *id, const struct opcua_namespaces *names,
                             enum opcua_id_format format, struct buffer *out);
void opcua_qualified_name_print(const UA_QualifiedName *name, const struct opcua_namespaces *names,
                                enum opcua_id_format format, struct buffer *out);

/* "Uri", "Index", "Expanded", "ExpandedWithNamespace0", in any case. False for anything else. */
bool opcua_id_format_parse(struct slice name, enum opcua_id_format *out);

static inline struct slice opcua_slice(UA_String s)
{
    return (struct slice){s.data, s.length};
}

/* Borrowed: not to be cleared, and never written through. */
static inline UA_String opcua_string_of(struct slice s)
{
    return (UA_String){s.len, (UA_Byte *)(uintptr_t)s.at};
}

/* "72962b91-fa75-4ae6-8d28-b404dc7daf63", in any case; printed in lower case. */
bool opcua_guid_parse(struct slice text, UA_Guid *out);
void opcua_guid_print(const UA_Guid *guid, struct buffer *out);
