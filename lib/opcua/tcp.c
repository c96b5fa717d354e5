#include "opcua/tcp.h"

#include <endian.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "io/stream.h"

#define CONNECT_MS 15000
#define HOST_MAX 256

struct connection {
    struct link link;
    struct opcua_tcp *tcp;
    struct stream *stream; /* NULL: it waits for its server to connect */
    struct loop_timer soon;
    UA_ConnectionManager_connectionCallback callback;
    void *application, *context;
    uint64_t received;
    uint32_t channel_id, token_id;
    uint64_t since_ms;
    char host[HOST_MAX];
    bool closing; /* the client closed it, and waits to be told so */
    bool told;    /* it was; the stream only sends its rest */
};

/* The last word to the client: it forgets the connection, and may open the next one in this call.
 */
static void tell_closed(struct connection *c)
{
    if (c->told)
        return;
    c->told = true;
    c->callback(&c->tcp->manager, (uintptr_t)c, c->application, &c->context,
                UA_CONNECTIONSTATE_CLOSING, &UA_KEYVALUEMAP_NULL, UA_BYTESTRING_NULL);
}

static void tell(struct connection *c, struct slice bytes)
{
    UA_ByteString message = {bytes.len, (UA_Byte *)(uintptr_t)bytes.at};
    c->callback(&c->tcp->manager, (uintptr_t)c, c->application, &c->context,
                UA_CONNECTIONSTATE_ESTABLISHED, &UA_KEYVALUEMAP_NULL, message);
}

static void on_open(void *arg)
{
    struct connection *c = arg;
    if (!c->closing)
        tell(c, (struct slice){0});
}

static uint32_t u32_at(struct slice bytes, size_t at)
{
    uint32_t n;
    memcpy(&n, bytes.at + at, sizeof n);
    return le32toh(n);
}

/* Messages of a channel say in plain which it is, and under which token (Part 6, 6.7.2.3, 6.7.2.4).
 * Those that do not begin what was read are passed over: others will. */
static void note_channel(struct connection *c, struct slice bytes)
{
    if (bytes.len < 16 || !slice_starts(bytes, SLICE("MSG")))
        return;
    c->channel_id = u32_at(bytes, 8);
    if (c->token_id == u32_at(bytes, 12))
        return;
    c->token_id = u32_at(bytes, 12);
    c->since_ms = loop_wall_ms(c->tcp->loop);
}

static void on_data(void *arg, struct slice bytes)
{
    struct connection *c = arg;
    if (c->closing)
        return;
    note_channel(c, bytes);
    c->received += bytes.len;
    tell(c, bytes);
}

static void tell_empty(struct opcua_tcp *tcp)
{
    if (tcp->when_empty && list_empty(&tcp->connections))
        loop_defer(tcp->loop, tcp->when_empty, tcp->when_empty_arg);
}

static void gone(void *arg)
{
    struct connection *c = arg;
    c->closing = true;
    tell_closed(c);
    loop_timer_stop(&c->soon);
    list_remove(&c->link);
    tell_empty(c->tcp);
    free(c);
}

static void on_close(void *arg, enum status why)
{
    struct connection *c = arg;
    log_debug("opcua connection closed why=%s", status_name(why));
    c->stream = NULL;
    gone(c);
}

static const struct stream_events events = {
    .on_open = on_open, .on_data = on_data, .on_close = on_close};

/* ---- connections that servers make ---- */

static void give(struct connection *c, struct stream *s)
{
    c->stream = s;
    stream_events(s, &events, c);
    loop_timer_start(c->tcp->loop, &c->soon, 0, on_open, c); /* not before the stack's call ended */
}

static struct connection *waiting_of(const struct opcua_tcp *tcp, const void *application)
{
    LIST_EACH(l, &tcp->connections)
    {
        struct connection *c = LIST_OF(l, struct connection, link);
        if (c->application == application && !c->stream && !c->closing)
            return c;
    }
    return NULL;
}

bool opcua_tcp_waits(const struct opcua_tcp *tcp, const void *application)
{
    return waiting_of(tcp, application) != NULL;
}

bool opcua_tcp_give(struct opcua_tcp *tcp, const void *application, struct stream *s)
{
    struct connection *c = waiting_of(tcp, application);
    if (c)
        give(c, s);
    return c != NULL;
}

static void dial(struct connection *c, uint16_t port, bool quiet)
{
    struct connect_config config = {.loop = c->tcp->loop,
                                    .host = c->host,
                                    .port = port,
                                    .timeout_ms = CONNECT_MS,
                                    .quiet = quiet};
    c->stream = stream_connect(&config, &events, c);
}

static void connect_or_wait(struct connection *c, uint16_t port)
{
    struct stream *s = NULL;
    bool again = false;
    if (!c->tcp->dial || !c->tcp->dial(c->tcp->dial_arg, c->application, &s, &again))
        dial(c, port, again);
    else if (s)
        give(c, s);
}

/* ---- what the stack calls ---- */

static UA_StatusCode open_connection(UA_ConnectionManager *manager, const UA_KeyValueMap *params,
                                     void *application, void *context,
                                     UA_ConnectionManager_connectionCallback callback)
{
    struct opcua_tcp *tcp = (struct opcua_tcp *)manager;
    const UA_UInt16 *port =
        UA_KeyValueMap_getScalar(params, UA_QUALIFIEDNAME(0, "port"), &UA_TYPES[UA_TYPES_UINT16]);
    const UA_String *address = UA_KeyValueMap_getScalar(params, UA_QUALIFIEDNAME(0, "address"),
                                                        &UA_TYPES[UA_TYPES_STRING]);
    if (!port || !address || address->length >= HOST_MAX)
        return UA_STATUSCODE_BADTCPENDPOINTURLINVALID;
    struct connection *c = MEMORY_NEW(struct connection);
    *c = (struct connection){
        .tcp = tcp, .callback = callback, .application = application, .context = context};
    memcpy(c->host, address->data, address->length);
    list_push(&tcp->connections, &c->link);
    connect_or_wait(c, *port);
    callback(manager, (uintptr_t)c, application, &c->context, UA_CONNECTIONSTATE_OPENING,
             &UA_KEYVALUEMAP_NULL, UA_BYTESTRING_NULL);
    return UA_STATUSCODE_GOOD;
}

static void free_buffer(UA_ConnectionManager *manager, uintptr_t id, UA_ByteString *buffer)
{
    (void)manager, (void)id;
    UA_ByteString_clear(buffer);
}

static UA_StatusCode alloc_buffer(UA_ConnectionManager *manager, uintptr_t id,
                                  UA_ByteString *buffer, size_t size)
{
    (void)manager, (void)id;
    return UA_ByteString_allocBuffer(buffer, size);
}

static UA_StatusCode send_buffer(UA_ConnectionManager *manager, uintptr_t id,
                                 const UA_KeyValueMap *params, UA_ByteString *buffer)
{
    (void)params;
    struct connection *c = (struct connection *)id;
    UA_StatusCode result = UA_STATUSCODE_BADCONNECTIONCLOSED;
    if (c->stream && !c->closing)
        result = stream_unsent(c->stream) > OPCUA_TCP_UNSENT_MAX
                     ? UA_STATUSCODE_BADTCPNOTENOUGHRESOURCES
                     : UA_STATUSCODE_GOOD;
    if (result == UA_STATUSCODE_GOOD)
        stream_write(c->stream, slice_from(buffer->data, buffer->length));
    free_buffer(manager, id, buffer);
    return result;
}

static UA_StatusCode close_connection(UA_ConnectionManager *manager, uintptr_t id)
{
    (void)manager;
    struct connection *c = (struct connection *)id;
    if (c->closing)
        return UA_STATUSCODE_BADCONNECTIONCLOSED;
    c->closing =
        true; /* on_close() follows on a later turn, or opcua_tcp_finish_closing() before it */
    if (c->stream)
        stream_close(c->stream);
    else
        loop_timer_start(c->tcp->loop, &c->soon, 0, gone, c);
    return UA_STATUSCODE_GOOD;
}

static UA_StatusCode nothing(UA_EventSource *source)
{
    (void)source;
    return UA_STATUSCODE_GOOD;
}

static void nothing_to_stop(UA_EventSource *source)
{
    (void)source;
}

void opcua_tcp_init(struct opcua_tcp *tcp, struct loop *loop, UA_EventLoop *el)
{
    *tcp = (struct opcua_tcp){.loop = loop};
    list_init(&tcp->connections);
    tcp->manager = (UA_ConnectionManager){
        .eventSource = {.eventSourceType = UA_EVENTSOURCETYPE_CONNECTIONMANAGER,
                        .name = UA_STRING("streams"),
                        .eventLoop = el,
                        .state = UA_EVENTSOURCESTATE_STARTED,
                        .start = nothing,
                        .stop = nothing_to_stop,
                        .free = nothing},
        .protocol = UA_STRING("tcp"),
        .openConnection = open_connection,
        .sendWithConnection = send_buffer,
        .closeConnection = close_connection,
        .allocNetworkBuffer = alloc_buffer,
        .freeNetworkBuffer = free_buffer,
    };
}

bool opcua_tcp_finish_closing(struct opcua_tcp *tcp)
{
    bool any = false;
    LIST_EACH(l, &tcp->connections)
    {
        struct connection *c = LIST_OF(l, struct connection, link);
        if (c->closing && !c->told) {
            any = true;
            tell_closed(c);
        }
    }
    return any;
}

void opcua_tcp_when_empty(struct opcua_tcp *tcp, loop_fn *fn, void *arg)
{
    tcp->when_empty = fn;
    tcp->when_empty_arg = arg;
    tell_empty(tcp);
}

static void ignore_data(void *arg, struct slice bytes)
{
    (void)arg, (void)bytes;
}

static void ignore_close(void *arg, enum status why)
{
    (void)arg, (void)why;
}

static const struct stream_events nobody = {.on_data = ignore_data, .on_close = ignore_close};

void opcua_tcp_clear(struct opcua_tcp *tcp)
{
    LIST_EACH(l, &tcp->connections)
    {
        struct connection *c = LIST_OF(l, struct connection, link);
        loop_timer_stop(&c->soon);
        if (c->stream) {
            stream_events(c->stream, &nobody, NULL); /* it sends its rest alone */
            stream_close(c->stream);
        }
        list_remove(&c->link);
        free(c);
    }
}

bool opcua_tcp_channel(const struct opcua_tcp *tcp, const void *application,
                       struct opcua_tcp_channel *out)
{
    bool found = false;
    LIST_EACH(l, &tcp->connections)
    {
        struct connection *c = LIST_OF(l, struct connection, link);
        if (c->application != application || c->closing || !c->stream)
            continue;
        *out = (struct opcua_tcp_channel){.peer = stream_peer(c->stream),
                                          .id = c->channel_id,
                                          .token_id = c->token_id,
                                          .since_ms = c->since_ms};
        found = true;
    }
    return found;
}

uint64_t opcua_tcp_received(const struct opcua_tcp *tcp, const void *application)
{
    uint64_t received = 0;
    LIST_EACH(l, &tcp->connections)
    {
        struct connection *c = LIST_OF(l, struct connection, link);
        if (c->application == application && !c->closing)
            received = c->received;
    }
    return received;
}
