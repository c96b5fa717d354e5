/* What is known about a session's server: its tables of names, its limits, what it is. */
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "opcua/session_priv.h"

#define IDENTIFY_MS 10000

enum { NAMESPACES, SERVERS, PRODUCT, MANUFACTURER, STARTED, LIMITS }; /* LIMITS: the first of them */

static const struct limit {
    UA_UInt32 node;
    size_t offset;
} limits[] = {
#define LIMIT(node, field)                                                                         \
    {                                                                                              \
        UA_NS0ID_SERVER_SERVERCAPABILITIES_##node, offsetof(struct opcua_limits, field)            \
    }
    LIMIT(OPERATIONLIMITS_MAXNODESPERREAD, nodes_per_read),
    LIMIT(OPERATIONLIMITS_MAXNODESPERWRITE, nodes_per_write),
    LIMIT(OPERATIONLIMITS_MAXNODESPERBROWSE, nodes_per_browse),
    LIMIT(OPERATIONLIMITS_MAXNODESPERMETHODCALL, nodes_per_method_call),
    LIMIT(OPERATIONLIMITS_MAXNODESPERREGISTERNODES, nodes_per_register),
    LIMIT(OPERATIONLIMITS_MAXNODESPERTRANSLATEBROWSEPATHSTONODEIDS, nodes_per_translate),
    LIMIT(OPERATIONLIMITS_MAXNODESPERHISTORYREADDATA, nodes_per_history_read),
    LIMIT(OPERATIONLIMITS_MAXMONITOREDITEMSPERCALL, monitored_items_per_call),
    LIMIT(MAXBROWSECONTINUATIONPOINTS, continuation_points),
#undef LIMIT
};

#define LIMIT_COUNT (sizeof limits / sizeof limits[0])
#define NODE_COUNT (LIMITS + LIMIT_COUNT)

/* Takes the strings out of the value; leaves what was known when the server does not tell. */
static void take_strings(UA_Variant *value, UA_String **array, size_t *count)
{
    if (!UA_Variant_hasArrayType(value, &UA_TYPES[UA_TYPES_STRING]) || value->arrayLength == 0 ||
        value->storageType != UA_VARIANT_DATA)
        return;
    UA_Array_delete(*array, *count, &UA_TYPES[UA_TYPES_STRING]);
    *array = value->data;
    *count = value->arrayLength;
    UA_Variant_init(value);
}

static char *text_of(const UA_Variant *value)
{
    bool is_text = UA_Variant_hasScalarType(value, &UA_TYPES[UA_TYPES_STRING]);
    return slice_dup(is_text ? opcua_slice(*(UA_String *)value->data) : (struct slice){0});
}

static void take_make(struct opcua_session *s, const UA_DataValue *results)
{
    char *product = text_of(&results[PRODUCT].value);
    char *manufacturer = text_of(&results[MANUFACTURER].value);
    s->profile = opcua_profile_of(manufacturer, product);
    log_debug("opcua server url=%s manufacturer=\"%s\" product=\"%s\" profile=%s", s->url, manufacturer,
              product, s->profile->name ? s->profile->name : "");
    free(product);
    free(manufacturer);
}

static void lower(uint32_t *limit, uint32_t to)
{
    if (to && (*limit == 0 || *limit > to))
        *limit = to;
}

/* What the profile and the settings know beside what the server says. */
static void lower_limits(struct opcua_session *s)
{
    struct opcua_limits *l = &s->limits;
    const struct opcua_tuning *t = &s->thread->tuning;
    uint32_t *all[] = {&l->nodes_per_read,     &l->nodes_per_browse,      &l->nodes_per_register,
                       &l->nodes_per_translate, &l->nodes_per_method_call, &l->nodes_per_write};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        lower(all[i], s->profile->nodes_per_call);
    lower(&l->nodes_per_read, t->nodes_per_read);
    lower(&l->nodes_per_browse, t->nodes_per_browse);
    lower(&l->monitored_items_per_call, t->items_per_call);
}

static uint32_t limit_of(const UA_Variant *value)
{
    if (UA_Variant_hasScalarType(value, &UA_TYPES[UA_TYPES_UINT32]))
        return *(UA_UInt32 *)value->data;
    if (UA_Variant_hasScalarType(value, &UA_TYPES[UA_TYPES_UINT16]))
        return *(UA_UInt16 *)value->data;
    return 0;
}

static UA_DateTime time_of(const UA_Variant *value)
{
    return UA_Variant_hasScalarType(value, &UA_TYPES[UA_TYPES_DATETIME]) ? *(UA_DateTime *)value->data : 0;
}

static void take_application_uri(struct opcua_session *s)
{
    UA_ApplicationDescription description;
    if (UA_Client_getConnectionAttribute_scalar(s->client, UA_QUALIFIEDNAME(0, "serverDescription"),
                                                &UA_TYPES[UA_TYPES_APPLICATIONDESCRIPTION],
                                                &description) != UA_STATUSCODE_GOOD)
        return;
    free(s->application_uri);
    s->application_uri =
        slice_dup(opcua_slice(description.applicationUri)); /* borrowed from the client */
}

/* Those that the table had before it grew: somebody may still look at them. */
struct session_namespaces {
    struct session_namespaces *before;
    UA_String *array;
    size_t count;
};

static void forget_namespaces(struct opcua_session *s)
{
    for (struct session_namespaces *n = s->namespaces_before, *before; n; n = before) {
        before = n->before;
        UA_Array_delete(n->array, n->count, &UA_TYPES[UA_TYPES_STRING]);
        free(n);
    }
    s->namespaces_before = NULL;
}

static void take(struct opcua_session *s, UA_DataValue *results)
{
    forget_namespaces(s);
    take_strings(&results[NAMESPACES].value, &s->namespace_array, &s->namespace_count);
    take_strings(&results[SERVERS].value, &s->server_array, &s->server_count);
    take_make(s, results);
    for (size_t i = 0; i < LIMIT_COUNT; i++)
        *(uint32_t *)((char *)&s->limits + limits[i].offset) = limit_of(&results[LIMITS + i].value);
    lower_limits(s);
    s->server_started = time_of(&results[STARTED].value);
    session_forget_types(s); /* it may be another server, or one whose types are other ones by now */
    s->names = (struct opcua_namespaces){s->namespace_array, s->namespace_count, s->server_array,
                                         s->server_count};
    take_application_uri(s);
}

/* ---- asking ---- */

/* All in one call; of a server that refuses so many, one after the other: its limit is among them. */
struct identifying {
    struct opcua_session *session;
    size_t at, width;
    UA_DataValue results[NODE_COUNT];
};

static void ask(struct identifying *i);

static void end(struct identifying *i, UA_StatusCode status)
{
    struct opcua_session *s = i->session;
    if (status == UA_STATUSCODE_GOOD && s->identifying)
        take(s, i->results);
    for (size_t n = 0; n < NODE_COUNT; n++)
        UA_DataValue_clear(&i->results[n]);
    free(i);
    session_identified(s, status);
}

static void on_read(void *arg, UA_StatusCode status, void *response)
{
    struct identifying *i = arg;
    UA_ReadResponse *r = response;
    if (status == UA_STATUSCODE_GOOD && (!r || r->resultsSize != i->width))
        status = UA_STATUSCODE_BADUNEXPECTEDERROR;
    if (status == UA_STATUSCODE_GOOD) {
        memcpy(i->results + i->at, r->results, i->width * sizeof *r->results);
        memset(r->results, 0, i->width * sizeof *r->results); /* moved */
        i->at += i->width;
    } else if (status == UA_STATUSCODE_BADTOOMANYOPERATIONS && i->width > 1) {
        i->width = 1;
        status = UA_STATUSCODE_GOOD;
    }
    if (status == UA_STATUSCODE_GOOD && i->at < NODE_COUNT && i->session->identifying)
        ask(i);
    else
        end(i, status);
}

static void ask(struct identifying *i)
{
    static const UA_UInt32 nodes[LIMITS] = {
        [NAMESPACES] = UA_NS0ID_SERVER_NAMESPACEARRAY,
        [SERVERS] = UA_NS0ID_SERVER_SERVERARRAY,
        [PRODUCT] = UA_NS0ID_SERVER_SERVERSTATUS_BUILDINFO_PRODUCTNAME,
        [MANUFACTURER] = UA_NS0ID_SERVER_SERVERSTATUS_BUILDINFO_MANUFACTURERNAME,
        [STARTED] = UA_NS0ID_SERVER_SERVERSTATUS_STARTTIME};
    UA_ReadValueId read[NODE_COUNT];
    for (size_t n = 0; n < i->width; n++) {
        size_t at = i->at + n;
        UA_ReadValueId_init(&read[n]);
        read[n].nodeId = UA_NODEID_NUMERIC(0, at < LIMITS ? nodes[at] : limits[at - LIMITS].node);
        read[n].attributeId = UA_ATTRIBUTEID_VALUE;
    }
    UA_ReadRequest request = {.timestampsToReturn = UA_TIMESTAMPSTORETURN_NEITHER,
                              .nodesToReadSize = i->width,
                              .nodesToRead = read};
    session_call_early(i->session, &request, &UA_TYPES[UA_TYPES_READREQUEST],
                       &UA_TYPES[UA_TYPES_READRESPONSE], on_read, i, IDENTIFY_MS);
}

void session_identify(struct opcua_session *s)
{
    struct identifying *i = MEMORY_NEW(struct identifying);
    i->session = s;
    i->width = NODE_COUNT;
    ask(i);
}

/* ---- namespaces that came later ---- */

/* A server may add to its table while it runs, and change nothing that is there (Part 5, 6.3.1). */
static bool has_grown(const struct opcua_session *s, const UA_Variant *value)
{
    const UA_String *now = value->data;
    if (!UA_Variant_hasArrayType(value, &UA_TYPES[UA_TYPES_STRING]) ||
        value->arrayLength <= s->namespace_count)
        return false;
    for (size_t i = 0; i < s->namespace_count; i++)
        if (!UA_String_equal(&now[i], &s->namespace_array[i]))
            return false;
    return true;
}

void session_namespaces_take(struct opcua_session *s, UA_Variant *value)
{
    if (value->storageType != UA_VARIANT_DATA || !has_grown(s, value))
        return;
    struct session_namespaces *n = MEMORY_NEW(struct session_namespaces);
    *n = (struct session_namespaces){s->namespaces_before, s->namespace_array, s->namespace_count};
    s->namespaces_before = n;
    s->namespace_array = NULL;
    s->namespace_count = 0;
    take_strings(value, &s->namespace_array, &s->namespace_count);
    s->names.uris = s->namespace_array;
    s->names.count = s->namespace_count;
}

void session_peer_clear(struct opcua_session *s)
{
    forget_namespaces(s);
    UA_Array_delete(s->namespace_array, s->namespace_count, &UA_TYPES[UA_TYPES_STRING]);
    UA_Array_delete(s->server_array, s->server_count, &UA_TYPES[UA_TYPES_STRING]);
    free(s->application_uri);
}
