#include "opcua/inquiry.h"

#include <stdlib.h>

#include "base/memory.h"
#include "opcua/log.h"
#include "opcua/node_id.h"
#include "opcua/pki.h"
#include "opcua/thread_priv.h"

#define MESSAGE_MAX (16u << 20) /* of an answer, from nobody knows whom */
#define CHUNKS_MAX 1024
#define BUFFER_BYTES (64u << 10)

struct opcua_inquiry {
    struct opcua_thread *thread;
    UA_Client *client;
    char *url;
    UA_String locales[OPCUA_INQUIRY_LOCALES_MAX];
    size_t locale_count;
    struct opcua_inquiry_answer answer;
    UA_StatusCode status;
    unsigned pending; /* answers that are still to come */
    bool asked, endpoints_alone;
    struct loop_timer soon; /* the stack calls back in the midst of its work: what follows is done
                               outside of it */
    struct loop_timer deadline;
    opcua_inquiry_fn *fn;
    void *arg;
};

/* ---- the end ---- */

void opcua_inquiry_answer_clear(struct opcua_inquiry_answer *a)
{
    UA_Array_delete(a->servers, a->server_count, &UA_TYPES[UA_TYPES_APPLICATIONDESCRIPTION]);
    UA_Array_delete(a->endpoints, a->endpoint_count, &UA_TYPES[UA_TYPES_ENDPOINTDESCRIPTION]);
    UA_Array_delete(a->neighbours, a->neighbour_count, &UA_TYPES[UA_TYPES_SERVERONNETWORK]);
    *a = (struct opcua_inquiry_answer){0};
}

void opcua_inquiry_cancel(struct opcua_inquiry *q)
{
    UA_Client *client = q->client;
    loop_timer_stop(&q->soon);
    loop_timer_stop(&q->deadline);
    q->client = NULL; /* the callbacks are deaf from here on */
    if (client)
        UA_Client_delete(client);
    opcua_inquiry_answer_clear(&q->answer);
    for (size_t i = 0; i < q->locale_count; i++)
        UA_String_clear(&q->locales[i]);
    free(q->url);
    free(q);
}

static void finish(struct opcua_inquiry *q, UA_StatusCode status)
{
    loop_timer_stop(&q->soon);
    loop_timer_stop(&q->deadline);
    q->fn(q->arg, status, &q->answer);
    opcua_inquiry_cancel(q);
}

static void on_deadline(void *arg)
{
    struct opcua_inquiry *q = arg;
    finish(q, q->answer.endpoint_count ? UA_STATUSCODE_GOOD : UA_STATUSCODE_BADTIMEOUT);
}

/* ---- asking ---- */

static void look(void *arg);

/* One more answer is there, or will not come. */
static void arrived(struct opcua_inquiry *q)
{
    q->pending--;
    loop_timer_start(q->thread->loop, &q->soon, 0, look, q);
}

static void on_servers(UA_Client *client, void *arg, UA_UInt32 id, void *response)
{
    struct opcua_inquiry *q = arg;
    UA_FindServersResponse *r = response;
    (void)client, (void)id;
    if (q->client == NULL)
        return;
    if (r->responseHeader.serviceResult == UA_STATUSCODE_GOOD) {
        q->answer.servers = r->servers;
        q->answer.server_count = r->serversSize;
        r->servers = NULL;
        r->serversSize = 0;
    }
    arrived(q);
}

static void on_endpoints(UA_Client *client, void *arg, UA_UInt32 id, void *response)
{
    struct opcua_inquiry *q = arg;
    UA_GetEndpointsResponse *r = response;
    (void)client, (void)id;
    if (q->client == NULL)
        return;
    q->status = r->responseHeader.serviceResult;
    if (q->status == UA_STATUSCODE_GOOD) {
        q->answer.endpoints = r->endpoints;
        q->answer.endpoint_count = r->endpointsSize;
        r->endpoints = NULL;
        r->endpointsSize = 0;
    }
    arrived(q);
}

static void on_neighbours(UA_Client *client, void *arg, UA_UInt32 id, void *response)
{
    struct opcua_inquiry *q = arg;
    UA_FindServersOnNetworkResponse *r = response;
    (void)client, (void)id;
    if (q->client == NULL)
        return;
    if (r->responseHeader.serviceResult == UA_STATUSCODE_GOOD) {
        q->answer.neighbours = r->servers;
        q->answer.neighbour_count = r->serversSize;
        r->servers = NULL;
        r->serversSize = 0;
    }
    arrived(q);
}

static void send(struct opcua_inquiry *q, const void *request, size_t type, size_t answer,
                 UA_ClientAsyncServiceCallback done)
{
    q->pending++;
    if (__UA_Client_AsyncService(q->client, request, &UA_TYPES[type], done, &UA_TYPES[answer], q,
                                 NULL) != UA_STATUSCODE_GOOD)
        q->pending--;
}

static void ask(struct opcua_inquiry *q)
{
    UA_GetEndpointsRequest endpoints;
    UA_FindServersRequest servers;
    UA_FindServersOnNetworkRequest neighbours;
    UA_GetEndpointsRequest_init(&endpoints);
    UA_FindServersRequest_init(&servers);
    UA_FindServersOnNetworkRequest_init(&neighbours);
    endpoints.endpointUrl = servers.endpointUrl = UA_STRING(q->url);
    endpoints.localeIds = servers.localeIds = q->locales;
    endpoints.localeIdsSize = servers.localeIdsSize = q->locale_count;
    q->asked = true;
    q->status = UA_STATUSCODE_BADCOMMUNICATIONERROR;
    send(q, &endpoints, UA_TYPES_GETENDPOINTSREQUEST, UA_TYPES_GETENDPOINTSRESPONSE, on_endpoints);
    if (q->endpoints_alone)
        return;
    send(q, &servers, UA_TYPES_FINDSERVERSREQUEST, UA_TYPES_FINDSERVERSRESPONSE, on_servers);
    send(q, &neighbours, UA_TYPES_FINDSERVERSONNETWORKREQUEST,
         UA_TYPES_FINDSERVERSONNETWORKRESPONSE, on_neighbours);
}

/* Outside of the stack: what has it come to? */
static void look(void *arg)
{
    struct opcua_inquiry *q = arg;
    UA_SecureChannelState channel;
    UA_StatusCode status;
    UA_Client_getState(q->client, &channel, NULL, &status);
    if (channel == UA_SECURECHANNELSTATE_OPEN && !q->asked)
        ask(q);
    if (q->asked && q->pending == 0)
        finish(q, q->status);
    else if (status != UA_STATUSCODE_GOOD)
        finish(q, q->answer.endpoint_count ? UA_STATUSCODE_GOOD : status);
    else if (q->asked && channel == UA_SECURECHANNELSTATE_CLOSED)
        finish(q,
               q->answer.endpoint_count ? UA_STATUSCODE_GOOD : UA_STATUSCODE_BADCONNECTIONCLOSED);
}

static void on_state(UA_Client *client, UA_SecureChannelState channel, UA_SessionState session,
                     UA_StatusCode status)
{
    struct opcua_inquiry *q = UA_Client_getContext(client);
    (void)channel, (void)session, (void)status;
    if (q->client == client)
        loop_timer_start(q->thread->loop, &q->soon, 0, look, q);
}

static UA_Client *client_new(struct opcua_inquiry *q)
{
    UA_ClientConfig config = {
        .logging = opcua_logger(),
        .eventLoop = q->thread->event_loop,
        .externalEventLoop = true,
        .localConnectionConfig = {.recvBufferSize = BUFFER_BYTES,
                                  .sendBufferSize = BUFFER_BYTES,
                                  .localMaxMessageSize = MESSAGE_MAX,
                                  .localMaxChunkCount = CHUNKS_MAX},
        .clientContext = q,
        .stateCallback = on_state,
        .noReconnect = true,
        .secureChannelLifeTime = 600000,
    };
    UA_Client *client = NULL;
    if (opcua_pki_set_up_client(NULL, NULL, &config) == UA_STATUSCODE_GOOD)
        client = UA_Client_newWithConfig(&config);
    if (client == NULL)
        UA_ClientConfig_clear(&config);
    return client;
}

static void start(void *arg)
{
    struct opcua_inquiry *q = arg;
    UA_StatusCode status = UA_STATUSCODE_BADOUTOFMEMORY;
    q->client = client_new(q);
    if (q->client)
        status = UA_Client_connectSecureChannelAsync(q->client, q->url);
    if (status != UA_STATUSCODE_GOOD)
        finish(q, status);
}

struct opcua_inquiry *opcua_inquire(struct opcua_thread *t, struct slice url,
                                    const struct slice *locales, size_t locale_count,
                                    opcua_inquiry_fn *fn, void *arg, uint32_t timeout_ms)
{
    struct opcua_inquiry *q = MEMORY_NEW(struct opcua_inquiry);
    q->thread = t;
    q->url = slice_dup(url);
    q->fn = fn;
    q->arg = arg;
    for (size_t i = 0; i < locale_count && i < OPCUA_INQUIRY_LOCALES_MAX; i++) {
        UA_String locale = opcua_string_of(locales[i]);
        if (UA_String_copy(&locale, &q->locales[q->locale_count]) == UA_STATUSCODE_GOOD)
            q->locale_count++;
    }
    loop_timer_start(t->loop, &q->deadline, timeout_ms, on_deadline, q);
    loop_timer_start(t->loop, &q->soon, 0, start, q);
    return q;
}

struct opcua_inquiry *opcua_inquire_endpoints(struct opcua_thread *t, struct slice url,
                                              opcua_inquiry_fn *fn, void *arg, uint32_t timeout_ms)
{
    struct opcua_inquiry *q = opcua_inquire(t, url, NULL, 0, fn, arg, timeout_ms);
    q->endpoints_alone = true;
    return q;
}

const void *opcua_inquiry_client(const struct opcua_inquiry *q)
{
    return q->client;
}
