#include <stdio.h>

#include "base/clock.h"
#include "json/write.h"
#include "opcua/connections.h"
#include "publisher/diagnostics_figures.h"

static void put_timespan(struct json_writer *w, uint64_t ms)
{
    char text[CLOCK_TIMESPAN_MAX];
    clock_timespan(ms, text);
    json_put_text(w, text);
}

static bool is_secure(enum opcua_security s)
{
    return s != OPCUA_SECURITY_NONE;
}

/* ---- rows: what is told, and under which names ---- */

enum kind { WHOLE, REAL, SPAN, FLAG };

struct row {
    const char *name; /* as in the API; events begin with a capital */
    enum kind kind;
    bool event_only;
};

/* The values in the order of the rows. */
union value {
    uint64_t whole;
    double real;
};

/* clang-format off */
#define ROWS(ROW)                                                                                    \
    ROW(ingestionDuration, SPAN, false, .whole = f->ingestion_ms)                                    \
    ROW(sentMessagesPerSec, REAL, false, .real = f->messages_per_second)                             \
    ROW(ingressDataChanges, WHOLE, false, .whole = f->counts.data_changes)                           \
    ROW(ingressValueChanges, WHOLE, false, .whole = f->counts.values)                                \
    ROW(ingressDataChangesInLastMinute, WHOLE, false, .whole = f->minute.data_changes)               \
    ROW(ingressValueChangesInLastMinute, WHOLE, false, .whole = f->minute.values)                    \
    ROW(ingressHeartbeats, WHOLE, false, .whole = f->counts.heartbeats)                              \
    ROW(ingressHeartbeatsInLastMinute, WHOLE, true, .whole = f->minute.heartbeats)                   \
    ROW(ingressCyclicReads, WHOLE, false, .whole = f->counts.cyclic_reads)                           \
    ROW(ingressCyclicReadsInLastMinute, WHOLE, true, .whole = f->minute.cyclic_reads)                \
    ROW(ingressSampledValues, WHOLE, true, .whole = f->counts.sampled_values)                        \
    ROW(ingressSampledValuesInLastMinute, WHOLE, true, .whole = f->minute.sampled_values)            \
    ROW(ingressModelChanges, WHOLE, true, .whole = f->counts.model_changes)                          \
    ROW(ingressModelChangesInLastMinute, WHOLE, true, .whole = f->minute.model_changes)              \
    ROW(serverQueueOverflows, WHOLE, true, .whole = f->counts.overflows)                             \
    ROW(serverQueueOverflowsInLastMinute, WHOLE, true, .whole = f->minute.overflows)                 \
    ROW(ingressEventNotifications, WHOLE, false, .whole = f->counts.events)                          \
    ROW(ingressEventNotificationsInLastMinute, WHOLE, true, .whole = f->minute.events)               \
    ROW(ingressEvents, WHOLE, false, .whole = f->counts.events)                                      \
    ROW(ingressEventsInLastMinute, WHOLE, true, .whole = f->minute.events)                           \
    ROW(ingressKeepAliveNotifications, WHOLE, true, .whole = f->counts.keep_alives)                  \
    ROW(ingressBatchBlockBufferSize, WHOLE, false, .whole = 0)                                       \
    ROW(encodingBlockInputSize, WHOLE, false, .whole = 0)                                            \
    ROW(encodingBlockOutputSize, WHOLE, false, .whole = 0)                                           \
    ROW(encoderNotificationsProcessed, WHOLE, false, .whole = f->notifications)                      \
    ROW(encoderNotificationsDropped, WHOLE, false, .whole = f->counts.too_large)                     \
    ROW(encoderIoTMessagesProcessed, WHOLE, false, .whole = f->counts.messages)                      \
    ROW(encoderAvgNotificationsMessage, REAL, false, .real = f->notifications_per_message)           \
    ROW(encoderAvgIoTMessageBodySize, REAL, false, .real = f->bytes_per_message)                     \
    ROW(encoderAvgIoTChunkUsage, REAL, false, .real = f->chunks_per_message)                         \
    ROW(encoderMaxMessageSplitRatio, REAL, false, .real = f->counts.messages ? 1 : 0)                \
    ROW(estimatedIoTChunksPerDay, REAL, false, .real = f->chunks_per_day)                            \
    ROW(outgressInputBufferCount, WHOLE, false, .whole = q->waiting)                                 \
    ROW(outgressInputBufferDropped, WHOLE, false, .whole = diagnostics_given_up(q))                                  \
    ROW(outgressIoTMessageCount, WHOLE, false, .whole = q->lanes.sent)                                     \
    ROW(connectionRetries, WHOLE, false, .whole = f->retries)                                        \
    ROW(connectionCount, WHOLE, true, .whole = f->sessions)                                          \
    ROW(connectionsReconnecting, WHOLE, true, .whole = f->reconnecting)                              \
    ROW(opcEndpointConnected, FLAG, false, .whole = f->connected > 0 && f->disconnected == 0)        \
    ROW(numberOfConnectedEndpoints, WHOLE, true, .whole = f->connected)                              \
    ROW(numberOfDisconnectedEndpoints, WHOLE, true, .whole = f->disconnected)                        \
    ROW(numberOfWriters, WHOLE, true, .whole = f->writers)                                           \
    ROW(monitoredOpcNodesCount, WHOLE, true, .whole = f->items)                                      \
    ROW(monitoredOpcNodesSucceededCount, WHOLE, false, .whole = f->live)                             \
    ROW(monitoredOpcNodesFailedCount, WHOLE, false, .whole = f->failed)                              \
    ROW(monitoredOpcNodesLateCount, WHOLE, true, .whole = f->late)                                   \
    ROW(activeHeartbeatCount, WHOLE, true, .whole = f->heartbeat_items)
/* clang-format on */

static const struct row rows[] = {
#define ROW(name, kind, event_only, value) {#name, kind, event_only},
    ROWS(ROW)
#undef ROW
};
#define ROW_COUNT (sizeof rows / sizeof rows[0])

static void fill(const struct figures *f, const struct outbox_counts *q, union value out[ROW_COUNT])
{
    const union value values[] = {
#define ROW(name, kind, event_only, ...) {__VA_ARGS__},
        ROWS(ROW)
#undef ROW
    };
    memcpy(out, values, sizeof values);
}

static void put_row(struct json_writer *w, const struct row *r, union value v, bool event)
{
    char name[64];
    snprintf(name, sizeof name, "%s", r->name);
    if (event)
        name[0] = (char)(name[0] - 'a' + 'A');
    json_name(w, name);
    if (r->kind == WHOLE)
        json_put_u64(w, v.whole);
    else if (r->kind == REAL)
        json_put_double(w, v.real);
    else if (r->kind == SPAN)
        put_timespan(w, v.whole);
    else
        json_put_bool(w, v.whole != 0);
}

static void put_rows(struct json_writer *w, const struct figures *f, const struct outbox_counts *q,
                     bool event)
{
    union value values[ROW_COUNT];
    fill(f, q, values);
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (event || !rows[i].event_only)
            put_row(w, &rows[i], values[i], event);
}

/* ---- who it is about ---- */

static const char *authentication_of(const struct survey_writer *s)
{
    return s->certificate_user ? "Certificate" : s->user.len ? "UsernamePassword" : "Anonymous";
}

static void put_endpoint(struct json_writer *w, const struct survey_group *g,
                         const struct survey_writer *of)
{
    json_object(w);
    json_name(w, "EndpointUrl"), json_put_string(w, of->endpoint_url);
    json_name(w, "DataSetWriterGroup"), json_put_string(w, g->name);
    json_name(w, "DataSetWriterId"), json_put_string(w, of->name);
    json_name(w, "UseSecurity"), json_put_bool(w, is_secure(of->security));
    json_name(w, "OpcAuthenticationMode"), json_put_text(w, authentication_of(of));
    json_member(w, "OpcAuthenticationUsername", of->user);
    json_end_object(w);
}

void diagnostics_put_info(const struct diagnostics *d, const struct survey *s,
                          const struct diagnostics_source *from, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_array(&w);
    for (size_t i = 0; i < s->group_count; i++) {
        const struct survey_group *g = &s->groups[i];
        struct figures f = figures_of(d, s, i);
        json_object(&w);
        json_name(&w, "endpoints");
        json_array(&w);
        for (size_t n = 0; n < g->writer_count; n++)
            put_endpoint(&w, g, &g->writers[n]);
        json_end_array(&w);
        put_rows(&w, &f, &from->queue, false);
        json_end_object(&w);
    }
    json_end_array(&w);
}

void diagnostics_put_event(const struct diagnostics *d, const struct survey *s, size_t i,
                           const struct diagnostics_source *from, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    struct figures f = figures_of(d, s, i);
    json_object(&w);
    json_name(&w, "PublisherVersion"), json_put_text(&w, from->version);
    json_name(&w, "PublisherId"), json_put_text(&w, from->publisher_id);
    json_name(&w, "WriterGroupName"), json_put_string(&w, s->groups[i].name);
    json_name(&w, "Timestamp"), json_put_time(&w, s->wall_ms);
    json_name(&w, "IngestionStart"), json_put_time(&w, s->groups[i].began_ms);
    put_rows(&w, &f, &from->queue, true);
    json_end_object(&w);
}

/* ---- groups with what failed ---- */

static void put_failures(struct json_writer *w, const struct survey_writer *of)
{
    json_name(w, "source");
    json_object(w);
    json_name(w, "errors");
    json_array(w);
    for (size_t i = 0; i < of->failure_count; i++) {
        json_object(w);
        json_name(w, "nodeId"), json_put_string(w, of->failures[i].node);
        json_name(w, "errorInfo");
        json_object(w);
        json_name(w, "statusCode"), json_put_u64(w, of->failures[i].status);
        json_name(w, "symbolicId"), json_put_text(w, opcua_status_name(of->failures[i].status));
        json_end_object(w);
        json_end_object(w);
    }
    json_end_array(w);
    if (!of->connected && of->error != UA_STATUSCODE_GOOD) {
        json_name(w, "connection"), json_put_text(w, opcua_status_name(of->error));
    }
    json_end_object(w);
}

static void put_state(struct json_writer *w, const struct survey_group *g)
{
    json_object(w);
    char id[17];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)slice_hash(g->key));
    json_name(w, "id"), json_put_text(w, id);
    json_name(w, "writerGroupName"), json_put_string(w, g->name);
    json_name(w, "dataSetWriters");
    json_array(w);
    for (size_t i = 0; i < g->writer_count; i++) {
        const struct survey_writer *of = &g->writers[i];
        json_object(w);
        json_name(w, "id"), json_put_string(w, of->name);
        json_name(w, "dataSetWriterName"), json_put_string(w, of->name);
        json_name(w, "endpointUrl"), json_put_string(w, of->endpoint_url);
        json_name(w, "useSecurity"), json_put_bool(w, is_secure(of->security));
        json_name(w, "opcAuthenticationMode"), json_put_text(w, authentication_of(of));
        json_member(w, "opcAuthenticationUsername", of->user);
        put_failures(w, of);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

enum status diagnostics_put_states(const struct survey *s, struct slice group, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    if (group.len == 0)
        json_array(&w);
    for (size_t i = 0; i < s->group_count; i++) {
        if (group.len && !slice_eq(s->groups[i].name, group))
            continue;
        put_state(&w, &s->groups[i]);
        if (group.len)
            return OK;
    }
    if (group.len)
        return NOT_FOUND;
    json_end_array(&w);
    return OK;
}

/* ---- connections ---- */

static bool is_same(const struct survey_writer *a, const struct survey_writer *b)
{
    return slice_eq(a->endpoint_url, b->endpoint_url) && a->security == b->security &&
           slice_eq(a->security_policy, b->security_policy) && slice_eq(a->user, b->user) &&
           a->certificate_user == b->certificate_user;
}

static bool stood_before(const struct survey *s, size_t group, size_t writer)
{
    const struct survey_writer *w = &s->groups[group].writers[writer];
    for (size_t g = 0; g <= group; g++)
        for (size_t i = 0; i < (g == group ? writer : s->groups[g].writer_count); i++)
            if (is_same(&s->groups[g].writers[i], w))
                return true;
    return false;
}

static void put_connection(struct json_writer *w, const struct survey_writer *of)
{
    connections_put(w, &(struct opcua_connection){.endpoint_url = of->endpoint_url,
                                                  .security = of->security,
                                                  .security_policy = of->security_policy,
                                                  .user = of->user,
                                                  .certificate_user = of->certificate_user});
}

void diagnostics_put_connections(const struct survey *s, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_array(&w);
    for (size_t g = 0; g < s->group_count; g++)
        for (size_t i = 0; i < s->groups[g].writer_count; i++)
            if (s->groups[g].writers[i].connected && !stood_before(s, g, i))
                put_connection(&w, &s->groups[g].writers[i]);
    json_end_array(&w);
}
