/*
 * Event filters as text, in the language of OPC Publisher's CompileQuery:
 *
 *     PREFIX p <http://ns/>
 *     SELECT p:CycleId, EventId AS Id, /EnabledState/Id FROM p:i=235 AS Cycle, BaseEventType
 *     WHERE OFTYPE Cycle AND Severity >= 500 AND NOT (Cycle/p:CycleId IN ('a', 'b'))
 *
 * Words in any case; "--" and C comments are left out. A field is a path of BrowseNames, or a type
 * and a path from it, "Type/A/B", and may end with an attribute: "Type.NodeId". A type is a node
 * id, an alias of FROM, or the name of an event type that OPC UA itself has. Names of FROM's first
 * type need none: "A/B" or "/A/B". What has blanks or signs in it stands in ´…´ or `…`. Values are
 * numbers, 'texts', true, false, and may name their type: '5'^^UInt16.
 *
 * NOT binds strongest; then comparisons, ISNULL, OFTYPE, INVIEW and IN, BETWEEN, CAST, RELATEDTO,
 * which stand between their first operand and the others in brackets; & and |; AND; OR.
 *
 * Pure.
 */
#pragma once

#include "base/buffer.h"
#include "base/status.h"

#define OPCUA_QUERY_BYTES_MAX 65536
#define OPCUA_QUERY_DEPTH_MAX 64
#define OPCUA_QUERY_ELEMENTS_MAX 256
#define OPCUA_QUERY_FIELDS_MAX 256
#define OPCUA_QUERY_TYPES_MAX 32 /* in FROM; of prefixes likewise */

/*
 * Appends the EventFilter as JSON, as publishednodes.json and the API have it: {"selectClauses":
 * […],"whereClause":{"elements":[…]}}. SELECT * comes to {"typeDefinitionId":…} with the where
 * clause beside it: the fields are the server's to say.
 *
 * BAD_FORMAT, TOO_LARGE, NOT_FOUND (a type or prefix) and UNSUPPORTED append to *why where it is,
 * what is wrong and what is expected. *out is as it was then.
 */
CHECKED enum status opcua_event_query_compile(struct slice query, struct buffer *out,
                                              struct buffer *why);
