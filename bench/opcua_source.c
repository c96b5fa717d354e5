/*
 * An OPC UA server that does nothing but count, as fast as the other side takes it: the whole of a
 * core is for the bytes of notifications, where a server on the stack spends microseconds a value
 * on sampling and queues. It prints its URL, and stops at SIGTERM.
 *
 * Security None, binary, one session a connection. It speaks the services that a publisher needs, and items
 * can be modified and deleted; any other is answered BadServiceUnsupported. Every node "nsu=…;s=Load<n>" exists, and is one
 * higher (UInt32) in each publishing interval, when a publish request is there: nobody counts what
 * could not be sent, so none is lost here. The notification's bytes are made once; then numbers and
 * times change. All change at one instant, or with --spread n in n groups, one after the other through
 * the interval; a value's source time is when it leaves.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/memory.h"
#include "bench/opcua_channel.h"
#include "bench/options.h"

#define NAMESPACE "http://microsoft.com/Opc/OpcPlc/"
#define VALUES_MAX 10000 /* of one notification */
#define REQUESTS_MAX 256 /* for Publish, that wait */
#define SETTLED_MS 500   /* without a new item */

static uint64_t port, spread = 1;

static const struct option_row rows[] = {
    {"port", NULL, &port, "to listen on; 0: any free one"},
    {"spread", NULL, &spread, "at how many instants of an interval values change"},
};

struct source {
    struct loop *loop;
    struct listener *listener;
    char url[64];
};

struct item {
    uint32_t id, handle, node;
};

/* The items of a subscription that go into one notification. */
struct block {
    struct buffer bytes; /* DataChangeNotification */
    size_t *places;      /* of each value in it */
    size_t count;
};

struct subscription {
    struct subscription *next;
    struct connection *connection;
    struct loop_timer timer;
    uint32_t id, sequence;
    double interval_ms;
    uint64_t due_ms; /* the next round */
    bool is_due;
    bool server_time;
    struct item *items;
    size_t item_count, item_cap;
    uint32_t value;
    struct block *blocks; /* made when a timer finds none */
    size_t block_count, next_block;
    size_t instant; /* of this round, from 1 to `spread` */
};

struct request {
    uint32_t id, handle;
};

struct connection {
    struct source *source;
    struct opcua_channel channel;
    uint32_t next_id;
    struct request requests[REQUESTS_MAX]; /* for Publish, a ring */
    size_t first_request, request_count;
    struct subscription *subscriptions;
    size_t subscription_count;
};

/* ---- notifications ---- */

static void set_u32(uint8_t *at, uint32_t n)
{
    memcpy(at, &n, sizeof n);
}

static void put_value(struct buffer *out, const struct subscription *s, const struct item *i)
{
    uint8_t head[] = {s->server_time ? 0x0d : 0x05,
                      7}; /* value, source time and server time; UInt32 */
    static const uint8_t room[20];
    opcua_put_u32(out, i->handle);
    buffer_put(out, slice_from(head, sizeof head));
    buffer_put(out, slice_from(room, s->server_time ? 20 : 12));
}

static void make_block(struct subscription *s, struct block *b, size_t from, size_t count)
{
    b->count = count;
    b->places = memory_new(count * sizeof *b->places);
    opcua_put_u32(&b->bytes, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        put_value(&b->bytes, s, &s->items[from + i]);
        b->places[i] = b->bytes.len - (s->server_time ? 20 : 12);
    }
    opcua_put_u32(&b->bytes, UINT32_MAX); /* no DiagnosticInfos */
}

static void make_blocks(struct subscription *s)
{
    size_t most = (s->item_count + spread - 1) / spread;
    most = most > VALUES_MAX ? VALUES_MAX : most < 1 ? 1 : most;
    s->block_count = (s->item_count + most - 1) / most;
    s->blocks = memory_new((s->block_count + 1) * sizeof *s->blocks);
    for (size_t i = 0, from = 0; i < s->block_count; i++, from += most) {
        size_t left = s->item_count - from;
        make_block(s, &s->blocks[i], from, left < most ? left : most);
    }
}

static void forget_blocks(struct subscription *s)
{
    for (size_t i = 0; i < s->block_count; i++) {
        buffer_clear(&s->blocks[i].bytes);
        free(s->blocks[i].places);
    }
    free(s->blocks);
    s->blocks = NULL;
    s->block_count = s->next_block = s->instant = 0;
}

static void set_values(const struct subscription *s, struct block *b)
{
    UA_DateTime now = UA_DateTime_now();
    for (size_t i = 0; i < b->count; i++) {
        uint8_t *at = b->bytes.at + b->places[i];
        set_u32(at, s->value);
        memcpy(at + 4, &now, sizeof now);
        if (s->server_time)
            memcpy(at + 12, &now, sizeof now);
    }
}

static bool take_request(struct connection *c, struct request *out)
{
    if (c->request_count == 0)
        return false;
    *out = c->requests[c->first_request];
    c->first_request = (c->first_request + 1) % REQUESTS_MAX;
    c->request_count--;
    return true;
}

static void publish(struct subscription *s, const struct request *r, struct block *b, bool more)
{
    UA_ExtensionObject data = {.encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING};
    UA_PublishResponse p = {.subscriptionId = s->id, .moreNotifications = more};
    p.responseHeader.requestHandle = r->handle;
    p.responseHeader.timestamp = UA_DateTime_now();
    p.notificationMessage.publishTime = p.responseHeader.timestamp;
    p.notificationMessage.sequenceNumber = s->sequence + 1;
    if (b) {
        set_values(s, b);
        s->sequence++;
        data.content.encoded.typeId =
            UA_NODEID_NUMERIC(0, UA_NS0ID_DATACHANGENOTIFICATION_ENCODING_DEFAULTBINARY);
        data.content.encoded.body = (UA_ByteString){b->bytes.len, b->bytes.at};
        p.notificationMessage.notificationDataSize = 1;
        p.notificationMessage.notificationData = &data;
    }
    opcua_channel_answer(&s->connection->channel, r->id, &p, &UA_TYPES[UA_TYPES_PUBLISHRESPONSE]);
}

/* Of the blocks, so many have had their instant when the timer went for the n-th time in this round. */
static size_t blocks_due(const struct subscription *s)
{
    return (s->block_count * s->instant + spread - 1) / spread;
}

/* A round through the blocks counts one up; it goes on where requests or the peer's patience ended.
 * False: they did. */
static bool go_round(struct subscription *s)
{
    struct connection *c = s->connection;
    struct request r;
    if (!s->blocks)
        make_blocks(s);
    while (s->next_block < blocks_due(s)) {
        if (stream_unsent(c->channel.stream) > 8 * STREAM_HIGH_BYTES || !take_request(c, &r))
            return false;
        if (s->next_block == 0)
            s->value++;
        s->next_block++;
        publish(s, &r, &s->blocks[s->next_block - 1], s->next_block < blocks_due(s));
    }
    if (s->instant == spread)
        s->next_block = s->instant = 0;
    s->is_due = false;
    return true;
}

/* Who waited longest comes first: whose round is done goes to the end. */
static void pump(struct connection *c)
{
    struct subscription **at = &c->subscriptions, *s;
    for (size_t n = c->subscription_count; n > 0 && (s = *at); n--) {
        if (s->is_due && !go_round(s))
            return;
        *at = s->next;
        s->next = NULL;
        struct subscription **end = at;
        while (*end)
            end = &(*end)->next;
        *end = s;
    }
}

static void on_timer(void *arg)
{
    struct subscription *s = arg;
    struct loop *loop = s->connection->source->loop;
    uint64_t now = loop_now_ms(loop), interval = (uint64_t)s->interval_ms / spread;
    interval = interval ? interval : 1;
    s->due_ms = now > s->due_ms + interval
                    ? now + interval
                    : s->due_ms + interval; /* a late one is not made up for twice */
    loop_timer_start(loop, &s->timer, s->due_ms > now ? s->due_ms - now : 0, on_timer, s);
    s->is_due = true;
    s->instant += s->instant < spread;
    pump(s->connection);
}

/* ---- services ---- */

/* Of a decoded request into an initialised response. */
struct service {
    int request, response; /* in UA_TYPES */
    void (*serve)(struct connection *c, const void *request, void *response);
};

static struct subscription *find(struct connection *c, uint32_t id)
{
    struct subscription *s = c->subscriptions;
    while (s && s->id != id)
        s = s->next;
    return s;
}

static void describe(struct connection *c, UA_EndpointDescription *e)
{
    e->endpointUrl = UA_STRING_ALLOC(c->source->url);
    e->server.applicationUri = UA_STRING_ALLOC("urn:millrace:bench");
    e->server.applicationType = UA_APPLICATIONTYPE_SERVER;
    e->securityMode = UA_MESSAGESECURITYMODE_NONE;
    e->securityPolicyUri = UA_STRING_ALLOC("http://opcfoundation.org/UA/SecurityPolicy#None");
    e->transportProfileUri =
        UA_STRING_ALLOC("http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary");
    e->userIdentityTokens = UA_Array_new(1, &UA_TYPES[UA_TYPES_USERTOKENPOLICY]);
    e->userIdentityTokensSize = 1;
    e->userIdentityTokens->policyId = UA_STRING_ALLOC("anonymous");
}

static void get_endpoints(struct connection *c, const void *request, void *response)
{
    UA_GetEndpointsResponse *r = response;
    (void)request;
    r->endpoints = UA_Array_new(1, &UA_TYPES[UA_TYPES_ENDPOINTDESCRIPTION]);
    r->endpointsSize = 1;
    describe(c, r->endpoints);
}

static void create_session(struct connection *c, const void *request, void *response)
{
    const UA_CreateSessionRequest *q = request;
    UA_CreateSessionResponse *r = response;
    r->sessionId = UA_NODEID_NUMERIC(1, 1);
    r->authenticationToken = UA_NODEID_NUMERIC(1, 2);
    r->revisedSessionTimeout = q->requestedSessionTimeout;
    r->serverEndpoints = UA_Array_new(1, &UA_TYPES[UA_TYPES_ENDPOINTDESCRIPTION]);
    r->serverEndpointsSize = 1;
    describe(c, r->serverEndpoints);
}

static void agree(struct connection *c, const void *request, void *response)
{
    (void)c, (void)request, (void)response;
}

/* The table of namespaces, and that it runs; nothing else is here to be read. */
static void read_one(const UA_ReadValueId *id, UA_DataValue *out)
{
    UA_String uris[] = {UA_STRING("http://opcfoundation.org/UA/"), UA_STRING("urn:millrace:bench"),
                        UA_STRING(NAMESPACE)};
    uint32_t node = id->nodeId.namespaceIndex == 0 ? id->nodeId.identifier.numeric : 0;
    out->hasValue = true;
    if (node == UA_NS0ID_SERVER_NAMESPACEARRAY)
        UA_Variant_setArrayCopy(&out->value, uris, 3, &UA_TYPES[UA_TYPES_STRING]);
    else if (node == UA_NS0ID_SERVER_SERVERARRAY)
        UA_Variant_setArrayCopy(&out->value, uris + 1, 1, &UA_TYPES[UA_TYPES_STRING]);
    else if (node == UA_NS0ID_SERVER_SERVERSTATUS_STATE)
        UA_Variant_setScalarCopy(&out->value, &(UA_Int32){0}, &UA_TYPES[UA_TYPES_INT32]);
    else
        *out = (UA_DataValue){.hasStatus = true, .status = UA_STATUSCODE_BADNODEIDUNKNOWN};
}

static void read_all(struct connection *c, const void *request, void *response)
{
    const UA_ReadRequest *q = request;
    UA_ReadResponse *r = response;
    (void)c;
    r->results = UA_Array_new(q->nodesToReadSize, &UA_TYPES[UA_TYPES_DATAVALUE]);
    r->resultsSize = q->nodesToReadSize;
    for (size_t i = 0; i < q->nodesToReadSize; i++)
        read_one(&q->nodesToRead[i], &r->results[i]);
}

static void create_subscription(struct connection *c, const void *request, void *response)
{
    const UA_CreateSubscriptionRequest *q = request;
    UA_CreateSubscriptionResponse *r = response;
    struct subscription *s = MEMORY_NEW(struct subscription);
    s->connection = c;
    s->id = ++c->next_id;
    s->interval_ms = q->requestedPublishingInterval < 1 ? 1 : q->requestedPublishingInterval;
    s->next = c->subscriptions;
    c->subscriptions = s;
    c->subscription_count++;
    r->subscriptionId = s->id;
    r->revisedPublishingInterval = s->interval_ms;
    r->revisedLifetimeCount = q->requestedLifetimeCount;
    r->revisedMaxKeepAliveCount = q->requestedMaxKeepAliveCount;
    loop_timer_start(c->source->loop, &s->timer, (uint64_t)s->interval_ms, on_timer, s);
}

static uint32_t number_of(const UA_NodeId *id)
{
    const UA_String *name = &id->identifier.string;
    uint64_t n = 0;
    if (id->identifierType != UA_NODEIDTYPE_STRING || name->length < 5 ||
        !slice_to_u64(slice_from(name->data + 4, name->length - 4), &n))
        return 0;
    return (uint32_t)n;
}

static void add_item(struct subscription *s, const UA_MonitoredItemCreateRequest *q,
                     UA_MonitoredItemCreateResult *r)
{
    struct item item = {.id = ++s->connection->next_id,
                        .handle = q->requestedParameters.clientHandle,
                        .node = number_of(&q->itemToMonitor.nodeId)};
    if (item.node == 0) {
        r->statusCode = UA_STATUSCODE_BADNODEIDUNKNOWN;
        return;
    }
    if (s->item_count == s->item_cap) {
        s->item_cap = s->item_cap ? 2 * s->item_cap : 1024;
        s->items = memory_resize(s->items, s->item_cap * sizeof *s->items);
    }
    s->items[s->item_count++] = item;
    r->monitoredItemId = item.id;
    r->revisedSamplingInterval = s->interval_ms;
    r->revisedQueueSize = 1;
}

/* Counting begins when all are there: one that came between two notifications would seem to jump.
 */
static void create_items(struct connection *c, const void *request, void *response)
{
    const UA_CreateMonitoredItemsRequest *q = request;
    UA_CreateMonitoredItemsResponse *r = response;
    struct subscription *s = find(c, q->subscriptionId);
    if (!s) {
        r->responseHeader.serviceResult = UA_STATUSCODE_BADSUBSCRIPTIONIDINVALID;
        return;
    }
    forget_blocks(s);
    loop_timer_start(c->source->loop, &s->timer, SETTLED_MS, on_timer, s);
    s->server_time = q->timestampsToReturn == UA_TIMESTAMPSTORETURN_BOTH;
    r->results = UA_Array_new(q->itemsToCreateSize, &UA_TYPES[UA_TYPES_MONITOREDITEMCREATERESULT]);
    r->resultsSize = q->itemsToCreateSize;
    for (size_t i = 0; i < q->itemsToCreateSize; i++)
        add_item(s, &q->itemsToCreate[i], &r->results[i]);
}

/* Ids only grow. */
static struct item *find_item(struct subscription *s, uint32_t id)
{
    size_t low = 0, high = s->item_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->item_count && s->items[low].id == id ? &s->items[low] : NULL;
}

/* It goes on counting at the subscription's pace, whatever sampling interval it has. */
static void modify_items(struct connection *c, const void *request, void *response)
{
    const UA_ModifyMonitoredItemsRequest *q = request;
    UA_ModifyMonitoredItemsResponse *r = response;
    struct subscription *s = find(c, q->subscriptionId);
    if (!s) {
        r->responseHeader.serviceResult = UA_STATUSCODE_BADSUBSCRIPTIONIDINVALID;
        return;
    }
    r->results = UA_Array_new(q->itemsToModifySize, &UA_TYPES[UA_TYPES_MONITOREDITEMMODIFYRESULT]);
    r->resultsSize = q->itemsToModifySize;
    for (size_t i = 0; i < q->itemsToModifySize; i++) {
        const UA_MonitoredItemModifyRequest *m = &q->itemsToModify[i];
        struct item *item = find_item(s, m->monitoredItemId);
        if (!item || item->handle != m->requestedParameters.clientHandle) {
            r->results[i].statusCode = UA_STATUSCODE_BADMONITOREDITEMIDINVALID;
            continue;
        }
        r->results[i].revisedSamplingInterval = m->requestedParameters.samplingInterval;
        r->results[i].revisedQueueSize = 1;
    }
}

static void delete_items(struct connection *c, const void *request, void *response)
{
    const UA_DeleteMonitoredItemsRequest *q = request;
    UA_DeleteMonitoredItemsResponse *r = response;
    struct subscription *s = find(c, q->subscriptionId);
    size_t left = 0;
    if (!s) {
        r->responseHeader.serviceResult = UA_STATUSCODE_BADSUBSCRIPTIONIDINVALID;
        return;
    }
    forget_blocks(s);
    r->results = UA_Array_new(q->monitoredItemIdsSize, &UA_TYPES[UA_TYPES_STATUSCODE]);
    r->resultsSize = q->monitoredItemIdsSize;
    for (size_t i = 0; i < q->monitoredItemIdsSize; i++) {
        struct item *item = find_item(s, q->monitoredItemIds[i]);
        if (item)
            item->node = 0;
        else
            r->results[i] = UA_STATUSCODE_BADMONITOREDITEMIDINVALID;
    }
    for (size_t i = 0; i < s->item_count; i++)
        if (s->items[i].node)
            s->items[left++] = s->items[i];
    s->item_count = left;
}

static void subscription_free(struct subscription *s)
{
    loop_timer_stop(&s->timer);
    forget_blocks(s);
    free(s->items);
    free(s);
}

static void delete_subscriptions(struct connection *c, const void *request, void *response)
{
    const UA_DeleteSubscriptionsRequest *q = request;
    UA_DeleteSubscriptionsResponse *r = response;
    r->results = UA_Array_new(q->subscriptionIdsSize, &UA_TYPES[UA_TYPES_STATUSCODE]);
    r->resultsSize = q->subscriptionIdsSize;
    for (size_t i = 0; i < q->subscriptionIdsSize; i++) {
        struct subscription **at = &c->subscriptions, *s = find(c, q->subscriptionIds[i]);
        if (!s) {
            r->results[i] = UA_STATUSCODE_BADSUBSCRIPTIONIDINVALID;
            continue;
        }
        while (*at != s)
            at = &(*at)->next;
        *at = s->next;
        c->subscription_count--;
        subscription_free(s);
    }
}

static const struct service services[] = {
    {UA_TYPES_GETENDPOINTSREQUEST, UA_TYPES_GETENDPOINTSRESPONSE, get_endpoints},
    {UA_TYPES_CREATESESSIONREQUEST, UA_TYPES_CREATESESSIONRESPONSE, create_session},
    {UA_TYPES_ACTIVATESESSIONREQUEST, UA_TYPES_ACTIVATESESSIONRESPONSE, agree},
    {UA_TYPES_CLOSESESSIONREQUEST, UA_TYPES_CLOSESESSIONRESPONSE, agree},
    {UA_TYPES_READREQUEST, UA_TYPES_READRESPONSE, read_all},
    {UA_TYPES_CREATESUBSCRIPTIONREQUEST, UA_TYPES_CREATESUBSCRIPTIONRESPONSE, create_subscription},
    {UA_TYPES_CREATEMONITOREDITEMSREQUEST, UA_TYPES_CREATEMONITOREDITEMSRESPONSE, create_items},
    {UA_TYPES_MODIFYMONITOREDITEMSREQUEST, UA_TYPES_MODIFYMONITOREDITEMSRESPONSE, modify_items},
    {UA_TYPES_DELETEMONITOREDITEMSREQUEST, UA_TYPES_DELETEMONITOREDITEMSRESPONSE, delete_items},
    {UA_TYPES_DELETESUBSCRIPTIONSREQUEST, UA_TYPES_DELETESUBSCRIPTIONSRESPONSE, delete_subscriptions},
};

/* Of anything behind which its response is of no use: every request begins with its header. */
static void keep_request(struct connection *c, uint32_t request, struct slice body)
{
    if (c->request_count == REQUESTS_MAX) {
        opcua_channel_fault(&c->channel, request, body, UA_STATUSCODE_BADTOOMANYPUBLISHREQUESTS);
        return;
    }
    c->requests[(c->first_request + c->request_count++) % REQUESTS_MAX] =
        (struct request){request, opcua_channel_handle(body)};
    pump(c);
}

static void serve(struct connection *c, const struct service *v, uint32_t request,
                  struct slice body)
{
    const UA_DataType *asked = &UA_TYPES[v->request], *type = &UA_TYPES[v->response];
    UA_ByteString bytes = {body.len, (UA_Byte *)body.at};
    void *q = UA_new(asked), *r = UA_new(type);
    if (UA_decodeBinary(&bytes, q, asked, NULL) == UA_STATUSCODE_GOOD) {
        UA_ResponseHeader *header = r;
        header->requestHandle = ((UA_RequestHeader *)q)->requestHandle;
        header->timestamp = UA_DateTime_now();
        v->serve(c, q, r);
        opcua_channel_answer(&c->channel, request, r, type);
    } else {
        opcua_channel_fault(&c->channel, request, body, UA_STATUSCODE_BADDECODINGERROR);
    }
    UA_delete(q, asked);
    UA_delete(r, type);
}

static void on_request(void *arg, uint32_t request, struct slice message)
{
    struct connection *c = arg;
    UA_ByteString bytes = {message.len, (UA_Byte *)message.at};
    UA_NodeId id;
    if (UA_decodeBinary(&bytes, &id, &UA_TYPES[UA_TYPES_NODEID], NULL) != UA_STATUSCODE_GOOD)
        return;
    struct slice body = slice_skip(message, UA_calcSizeBinary(&id, &UA_TYPES[UA_TYPES_NODEID]));
    if (UA_NodeId_equal(&id, &UA_TYPES[UA_TYPES_PUBLISHREQUEST].binaryEncodingId)) {
        keep_request(c, request, body);
        return;
    }
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (UA_NodeId_equal(&id, &UA_TYPES[services[i].request].binaryEncodingId)) {
            serve(c, &services[i], request, body);
            return;
        }
    opcua_channel_fault(&c->channel, request, body, UA_STATUSCODE_BADSERVICEUNSUPPORTED);
}

/* ---- connections ---- */

static void on_data(void *arg, struct slice bytes)
{
    struct connection *c = arg;
    opcua_channel_in(&c->channel, bytes);
}

static void on_close(void *arg, enum status why)
{
    struct connection *c = arg;
    (void)why;
    for (struct subscription *s = c->subscriptions, *next; s; s = next) {
        next = s->next;
        subscription_free(s);
    }
    opcua_channel_clear(&c->channel);
    free(c);
}

static void on_drain(void *arg)
{
    pump(arg);
}

static const struct stream_events events = {
    .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

static void on_accept(void *arg, struct stream *stream)
{
    struct connection *c = MEMORY_NEW(struct connection);
    c->source = arg;
    opcua_channel_init(&c->channel);
    c->channel.stream = stream;
    c->channel.on_request = on_request;
    c->channel.arg = c;
    stream_events(stream, &events, c);
}

static void on_signal(void *arg)
{
    loop_stop(((struct source *)arg)->loop);
}

int main(int argc, char **argv)
{
    if (!options_read(rows, sizeof rows / sizeof rows[0], argc, argv) || spread == 0)
        return 2;
    log_setup("source", LOG_LEVEL_WARN, 0);
    struct source s = {.loop = loop_new()};
    struct listen_config config = {
        .loop = s.loop, .host = "127.0.0.1", .port = (int)port, .on_accept = on_accept, .arg = &s};
    bool good = listener_open(&config, &s.listener) == OK;
    if (good) {
        snprintf(s.url, sizeof s.url, "opc.tcp://127.0.0.1:%d", listener_port(s.listener));
        printf("%s\n", s.url);
        fflush(stdout);
        loop_on_signal(s.loop, on_signal, &s);
        loop_run(s.loop);
    }
    listener_close(&s.listener);
    loop_free(&s.loop);
    return good ? 0 : 1;
}
