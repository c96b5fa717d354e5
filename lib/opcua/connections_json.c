#include "opcua/connections.h"

#include <stddef.h>

#include "opcua/value_json.h"

static const char *mode_of(enum opcua_security s)
{
    static const char *const names[] = {[OPCUA_SECURITY_NONE] = "None",
                                        [OPCUA_SECURITY_SIGN] = "Sign",
                                        [OPCUA_SECURITY_SIGN_AND_ENCRYPT] = "SignAndEncrypt",
                                        [OPCUA_SECURITY_NOT_NONE] = "NotNone",
                                        [OPCUA_SECURITY_BEST] = "Best"};
    return names[s];
}

static void put_user(struct json_writer *w, const struct opcua_connection *c)
{
    json_name(w, "user");
    json_object(w);
    json_name(w, "type"), json_put_text(w, c->certificate_user ? "X509Certificate" : "UserName");
    json_name(w, "value");
    json_object(w);
    json_name(w, "user"), json_put_string(w, c->user);
    json_end_object(w);
    json_end_object(w);
}

void connections_put(struct json_writer *w, const struct opcua_connection *c)
{
    json_object(w);
    json_name(w, "endpoint");
    json_object(w);
    json_name(w, "url"), json_put_string(w, c->endpoint_url);
    json_name(w, "securityMode"), json_put_text(w, mode_of(c->security));
    json_member(w, "securityPolicy", c->security_policy);
    json_end_object(w);
    if (c->user.len)
        put_user(w, c);
    json_member(w, "group", c->group);
    if (c->reverse)
        json_name(w, "options"), json_put_text(w, "UseReverseConnect");
    json_end_object(w);
}

/* ---- what servers count: rows of members, by their place in the stack's structures ---- */

enum kind { COUNT, REAL, SMALL, FLAG, TEXT, TIME, CALLS };

struct row {
    const char *name;
    enum kind kind;
    size_t at;
};

/* clang-format off */
#define OF(name, kind, member) {name, kind, offsetof(UA_SessionDiagnosticsDataType, member)}
#define CALLS_OF(member) OF(#member, CALLS, member)
static const struct row session_rows[] = {
    OF("sessionName", TEXT, sessionName),
    OF("serverUri", TEXT, serverUri),
    OF("actualSessionTimeout", REAL, actualSessionTimeout),
    OF("maxResponseMessageSize", COUNT, maxResponseMessageSize),
    OF("connectTime", TIME, clientConnectionTime),
    OF("lastContactTime", TIME, clientLastContactTime),
    OF("currentSubscriptionsCount", COUNT, currentSubscriptionsCount),
    OF("currentMonitoredItemsCount", COUNT, currentMonitoredItemsCount),
    OF("currentPublishRequestsInQueue", COUNT, currentPublishRequestsInQueue),
    OF("unauthorizedRequestCount", COUNT, unauthorizedRequestCount),
    CALLS_OF(totalRequestCount), CALLS_OF(readCount), CALLS_OF(historyReadCount), CALLS_OF(writeCount),
    CALLS_OF(historyUpdateCount), CALLS_OF(callCount), CALLS_OF(createMonitoredItemsCount),
    CALLS_OF(modifyMonitoredItemsCount), CALLS_OF(setMonitoringModeCount), CALLS_OF(setTriggeringCount),
    CALLS_OF(deleteMonitoredItemsCount), CALLS_OF(createSubscriptionCount), CALLS_OF(modifySubscriptionCount),
    CALLS_OF(setPublishingModeCount), CALLS_OF(publishCount), CALLS_OF(republishCount),
    CALLS_OF(transferSubscriptionsCount), CALLS_OF(deleteSubscriptionsCount), CALLS_OF(addNodesCount),
    CALLS_OF(addReferencesCount), CALLS_OF(deleteNodesCount), CALLS_OF(deleteReferencesCount), CALLS_OF(browseCount),
    CALLS_OF(browseNextCount), CALLS_OF(translateBrowsePathsToNodeIdsCount), CALLS_OF(queryFirstCount),
    CALLS_OF(queryNextCount), CALLS_OF(registerNodesCount), CALLS_OF(unregisterNodesCount),
};
#undef OF

#define OF(kind, member) {#member, kind, offsetof(UA_SubscriptionDiagnosticsDataType, member)}
static const struct row subscription_rows[] = {
    OF(COUNT, subscriptionId), OF(SMALL, priority), OF(REAL, publishingInterval), OF(COUNT, maxKeepAliveCount),
    OF(COUNT, maxLifetimeCount), OF(COUNT, currentKeepAliveCount), OF(COUNT, currentLifetimeCount),
    OF(COUNT, maxNotificationsPerPublish), OF(FLAG, publishingEnabled), OF(COUNT, modifyCount), OF(COUNT, enableCount),
    OF(COUNT, disableCount), OF(COUNT, monitoredItemCount), OF(COUNT, disabledMonitoredItemCount),
    OF(COUNT, publishRequestCount), OF(COUNT, latePublishRequestCount), OF(COUNT, dataChangeNotificationsCount),
    OF(COUNT, eventNotificationsCount), OF(COUNT, notificationsCount), OF(COUNT, unacknowledgedMessageCount),
    OF(COUNT, discardedMessageCount), OF(COUNT, nextSequenceNumber), OF(COUNT, monitoringQueueOverflowCount),
    OF(COUNT, eventQueueOverFlowCount), OF(COUNT, transferRequestCount), OF(COUNT, transferredToAltClientCount),
    OF(COUNT, transferredToSameClientCount), OF(COUNT, republishRequestCount), OF(COUNT, republishMessageRequestCount),
    OF(COUNT, republishMessageCount),
};
#undef OF
/* clang-format on */

static void put_time(struct json_writer *w, UA_DateTime t)
{
    struct buffer text = {0};
    opcua_value_json_time(t, &text);
    json_put_raw(w, buffer_slice(&text));
    buffer_clear(&text);
}

static void put_calls(struct json_writer *w, const UA_ServiceCounterDataType *c)
{
    json_object(w);
    json_name(w, "totalCount"), json_put_u64(w, c->totalCount);
    json_name(w, "errorCount"), json_put_u64(w, c->errorCount);
    json_end_object(w);
}

static void put_row(struct json_writer *w, const struct row *r, const void *of)
{
    const void *at = (const char *)of + r->at;
    json_name(w, r->name);
    switch (r->kind) {
    case COUNT: json_put_u64(w, *(const UA_UInt32 *)at); break;
    case SMALL: json_put_u64(w, *(const UA_Byte *)at); break;
    case REAL: json_put_double(w, *(const UA_Double *)at); break;
    case FLAG: json_put_bool(w, *(const UA_Boolean *)at); break;
    case TEXT: json_put_string(w, opcua_slice(*(const UA_String *)at)); break;
    case TIME: put_time(w, *(const UA_DateTime *)at); break;
    case CALLS: put_calls(w, at); break;
    }
}

void connections_put_server(struct json_writer *w, const UA_SessionDiagnosticsDataType *of,
                            const UA_SubscriptionDiagnosticsDataType *subscriptions, size_t count)
{
    struct buffer id = {0};
    opcua_node_id_print(&of->sessionId, NULL, OPCUA_ID_INDEX, &id);
    json_object(w);
    json_name(w, "sessionId"), json_put_string(w, buffer_slice(&id));
    buffer_clear(&id);
    for (size_t i = 0; i < sizeof session_rows / sizeof session_rows[0]; i++)
        put_row(w, &session_rows[i], of);
    json_name(w, "subscriptions");
    json_array(w);
    for (size_t n = 0; n < count; n++) {
        json_object(w);
        for (size_t i = 0; i < sizeof subscription_rows / sizeof subscription_rows[0]; i++)
            put_row(w, &subscription_rows[i], &subscriptions[n]);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}
