/* What names in an event query mean: types, and fields of types. */
#include "opcua/attribute_id.h"
#include "opcua/data_type.h"
#include "opcua/event_query_priv.h"
#include "opcua/stack.h"

#include <stdio.h>

#define PATH_MAX_NAMES 16

/* The event types of Part 5 and Part 9 that people ask for. */
static const struct known {
    const char *name;
    uint32_t id;
} known_types[] = {
    {"BaseEventType", UA_NS0ID_BASEEVENTTYPE},
    {"AuditEventType", UA_NS0ID_AUDITEVENTTYPE},
    {"AuditSecurityEventType", UA_NS0ID_AUDITSECURITYEVENTTYPE},
    {"AuditWriteUpdateEventType", UA_NS0ID_AUDITWRITEUPDATEEVENTTYPE},
    {"AuditUpdateMethodEventType", UA_NS0ID_AUDITUPDATEMETHODEVENTTYPE},
    {"AuditConditionEventType", UA_NS0ID_AUDITCONDITIONEVENTTYPE},
    {"SystemEventType", UA_NS0ID_SYSTEMEVENTTYPE},
    {"DeviceFailureEventType", UA_NS0ID_DEVICEFAILUREEVENTTYPE},
    {"SystemStatusChangeEventType", UA_NS0ID_SYSTEMSTATUSCHANGEEVENTTYPE},
    {"ProgressEventType", UA_NS0ID_PROGRESSEVENTTYPE},
    {"EventQueueOverflowEventType", UA_NS0ID_EVENTQUEUEOVERFLOWEVENTTYPE},
    {"BaseModelChangeEventType", UA_NS0ID_BASEMODELCHANGEEVENTTYPE},
    {"GeneralModelChangeEventType", UA_NS0ID_GENERALMODELCHANGEEVENTTYPE},
    {"SemanticChangeEventType", UA_NS0ID_SEMANTICCHANGEEVENTTYPE},
    {"TransitionEventType", UA_NS0ID_TRANSITIONEVENTTYPE},
    {"ProgramTransitionEventType", UA_NS0ID_PROGRAMTRANSITIONEVENTTYPE},
    {"RefreshStartEventType", UA_NS0ID_REFRESHSTARTEVENTTYPE},
    {"RefreshEndEventType", UA_NS0ID_REFRESHENDEVENTTYPE},
    {"RefreshRequiredEventType", UA_NS0ID_REFRESHREQUIREDEVENTTYPE},
    {"ConditionType", UA_NS0ID_CONDITIONTYPE},
    {"DialogConditionType", UA_NS0ID_DIALOGCONDITIONTYPE},
    {"AcknowledgeableConditionType", UA_NS0ID_ACKNOWLEDGEABLECONDITIONTYPE},
    {"AlarmConditionType", UA_NS0ID_ALARMCONDITIONTYPE},
    {"LimitAlarmType", UA_NS0ID_LIMITALARMTYPE},
    {"ExclusiveLimitAlarmType", UA_NS0ID_EXCLUSIVELIMITALARMTYPE},
    {"NonExclusiveLimitAlarmType", UA_NS0ID_NONEXCLUSIVELIMITALARMTYPE},
    {"ExclusiveLevelAlarmType", UA_NS0ID_EXCLUSIVELEVELALARMTYPE},
    {"NonExclusiveLevelAlarmType", UA_NS0ID_NONEXCLUSIVELEVELALARMTYPE},
    {"ExclusiveDeviationAlarmType", UA_NS0ID_EXCLUSIVEDEVIATIONALARMTYPE},
    {"NonExclusiveDeviationAlarmType", UA_NS0ID_NONEXCLUSIVEDEVIATIONALARMTYPE},
    {"ExclusiveRateOfChangeAlarmType", UA_NS0ID_EXCLUSIVERATEOFCHANGEALARMTYPE},
    {"NonExclusiveRateOfChangeAlarmType", UA_NS0ID_NONEXCLUSIVERATEOFCHANGEALARMTYPE},
    {"DiscreteAlarmType", UA_NS0ID_DISCRETEALARMTYPE},
    {"OffNormalAlarmType", UA_NS0ID_OFFNORMALALARMTYPE},
    {"SystemOffNormalAlarmType", UA_NS0ID_SYSTEMOFFNORMALALARMTYPE},
    {"TripAlarmType", UA_NS0ID_TRIPALARMTYPE},
    {"CertificateExpirationAlarmType", UA_NS0ID_CERTIFICATEEXPIRATIONALARMTYPE},
    {"BaseObjectType", UA_NS0ID_BASEOBJECTTYPE},
};

/* ---- one name ---- */

static struct slice after_index(struct slice name)
{
    size_t end = slice_find(name, ';');
    bool index = slice_starts(name, SLICE("ns=")) || slice_starts(name, SLICE("nsu="));
    return index && end < name.len ? slice_skip(name, end + 1) : name;
}

static bool is_uri(struct slice s)
{
    return slice_starts(s, SLICE("http://")) || slice_starts(s, SLICE("https://"));
}

static bool is_node_id(struct slice name)
{
    struct slice s = after_index(name);
    if (is_uri(s))
        s = slice_skip(s, slice_find(s, '#') + 1);
    return s.len > 2 && s.at[1] == '=' && strchr("isgbISGB", s.at[0]) != NULL;
}

static const struct query_prefix *prefix_of(const struct query *q, struct slice name)
{
    for (size_t i = q->prefix_count; i-- > 0;)
        if (slice_eq(q->prefixes[i].name, name))
            return &q->prefixes[i];
    return NULL;
}

static bool is_number(struct slice s)
{
    uint64_t n;
    return slice_to_u64(s, &n);
}

/* "p:Name" with the prefix's namespace in its place. */
static struct slice expand(struct query *q, struct slice name, size_t at)
{
    size_t colon = slice_find(name, ':');
    struct slice before = slice_first(name, colon);
    if (colon >= name.len || is_uri(name) || after_index(name).at != name.at || is_number(before))
        return name;
    const struct query_prefix *p = prefix_of(q, before);
    if (!p) {
        query_fail(q, NOT_FOUND, at, "'%.*s' is not a PREFIX", SLICE_FMT(before));
        return name;
    }
    struct slice rest = slice_skip(name, colon + 1);
    return slice_of(arena_printf(q->arena, "nsu=%.*s;%.*s", SLICE_FMT(p->uri), SLICE_FMT(rest)));
}

/* The first name of a path, and what comes behind it. */
static struct slice first_name(struct slice *path)
{
    struct slice s = *path;
    size_t skip = 0;
    if (slice_starts(s, SLICE("nsu=")))
        skip = slice_find(s, ';');
    else if (is_uri(s))
        skip = slice_find(s, '#');
    size_t end = skip < s.len ? skip + slice_find(slice_skip(s, skip), '/') : s.len;
    *path = end < s.len ? slice_skip(s, end + 1) : (struct slice){0};
    return slice_first(s, end);
}

/* ---- types ---- */

static struct slice known_type(const struct query *q, struct slice name)
{
    for (size_t i = 0; i < q->type_count; i++)
        if (q->types[i].alias.len && slice_eq_nocase(q->types[i].alias, name))
            return q->types[i].node;
    for (size_t i = 0; i < sizeof known_types / sizeof known_types[0]; i++)
        if (slice_eq_nocase(slice_of(known_types[i].name), name))
            return slice_of(arena_printf(q->arena, "i=%u", known_types[i].id));
    return (struct slice){0};
}

struct slice query_type_id(struct query *q, struct slice text, size_t at)
{
    struct slice name = expand(q, text, at);
    struct slice id = is_node_id(name) ? name : known_type(q, name);
    if (!id.len)
        query_fail(q, NOT_FOUND, at, "'%.*s' is not an event type of OPC UA: give its node id",
                   SLICE_FMT(text));
    return id;
}

struct slice query_data_type(struct query *q, struct slice text, size_t at)
{
    size_t colon = slice_find(text, ':');
    if (colon < text.len && slice_eq_nocase(slice_first(text, colon), SLICE("xsd")))
        text = slice_skip(text, colon + 1);
    if (opcua_data_type_id(text))
        return text;
    struct slice name = expand(q, text, at);
    if (!is_node_id(name))
        query_fail(q, NOT_FOUND, at, "'%.*s' is not a data type", SLICE_FMT(text));
    return name;
}

/* ---- fields ---- */

/* Takes ".Attribute" off the end; 0: there is none. */
static uint32_t take_attribute(struct slice *text)
{
    size_t at = text->len;
    while (at > 0 && text->at[at - 1] != '.' && text->at[at - 1] != '/')
        at--;
    uint32_t attribute =
        at > 1 && text->at[at - 1] == '.' ? opcua_attribute_id(slice_skip(*text, at)) : 0;
    if (attribute)
        *text = slice_first(*text, at - 1);
    return attribute;
}

/* "Type.Field" where Type is one. */
static bool take_dotted_type(struct query *q, struct slice *text, struct slice *node)
{
    size_t dot = slice_find(*text, '.');
    if (dot >= text->len || slice_find(slice_first(*text, dot), '/') < dot)
        return false;
    *node = known_type(q, slice_first(*text, dot));
    if (node->len)
        *text = slice_skip(*text, dot + 1);
    return node->len > 0;
}

/* "Type/…" or "Type" where it is one. */
static bool take_type(struct query *q, struct slice *text, struct slice *node, size_t at)
{
    struct slice rest = *text, name = expand(q, first_name(&rest), at);
    *node = is_node_id(name) ? name : known_type(q, name);
    if (node->len)
        *text = rest;
    return node->len > 0;
}

static void read_path(struct query *q, struct query_node *n, struct slice text, size_t at)
{
    struct slice *path = ARENA_TAKE_N(q->arena, struct slice, PATH_MAX_NAMES);
    while (text.len) {
        if (n->depth == PATH_MAX_NAMES) {
            query_fail(q, TOO_LARGE, at, "a path has more than %d names", PATH_MAX_NAMES);
            return;
        }
        struct slice name = expand(q, first_name(&text), at);
        if (!name.len)
            query_fail(q, BAD_FORMAT, at, "a name in a path is empty");
        path[n->depth++] = name;
    }
    n->path = path;
}

struct query_node *query_field(struct query *q, struct slice text, size_t at)
{
    struct query_node *n = ARENA_TAKE(q->arena, struct query_node);
    *n = (struct query_node){.kind = QUERY_FIELD};
    if (!is_node_id(text) || slice_find(text, '/') < text.len || slice_find(text, '.') < text.len)
        n->attribute = take_attribute(&text);
    bool rooted = text.len && text.at[0] == '/';
    bool typed =
        !rooted && (take_dotted_type(q, &text, &n->node) || take_type(q, &text, &n->node, at));
    read_path(q, n, rooted ? slice_skip(text, 1) : text, at);
    n->is_node = typed && n->depth == 0 && !n->attribute;
    if (!typed)
        n->node = q->type_count ? q->types[0].node : SLICE("i=2041");
    if (!typed && n->depth == 0)
        query_fail(q, BAD_FORMAT, at, "a name is missing");
    return q->failed == OK ? n : NULL;
}
