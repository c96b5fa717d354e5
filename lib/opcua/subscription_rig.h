/* What the tests of subscriptions share: a server that counts, a client that notes what it is told, and a proxy between them that can be cut. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "base/memory.h"
#include "io/stream.h"
#include "opcua/server.h"
#include "opcua/subscription_priv.h"

#define WAIT_MS 30000
#define TICK_MS 10
#define PUBLISHING_MS 20
#define SEEN_MAX 64

#define PAIRS_MAX 4

struct pair {
    struct proxy *proxy;
    struct stream *client, *server;
    struct buffer late; /* of the server's words */
};

/* Stands between client and server: swallows the server's words or lets them wait, cuts connections. The connection
 * that asks for the endpoints may still be closing when the session's comes. */
struct proxy {
    struct loop *loop;
    struct listener *listener;
    struct pair pairs[PAIRS_MAX];
    int server_port;
    bool swallow, hold;
    size_t swallowed;
};

/* One loop for client, proxy and test; the server has its thread and counts there. */
struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_server *server;
    struct opcua_session *session;
    struct opcua_subscription *subscription;
    struct proxy proxy;
    uint16_t space;
    UA_Int32 ticks; /* the server's */
    int port;

    struct opcua_item items[SEEN_MAX]; /* per index */
    UA_Int32 last[SEEN_MAX]; /* likewise; 0 at first */
    uint64_t values, out_of_order, wanted;
    UA_StatusCode status[SEEN_MAX];
    int newest, missing; /* values of the item with index 0, gaps or not */
    int told[SEEN_MAX], gaps, unknown_gaps, keep_alives, events, times_alive;
    bool refuse, alive;
};

/* ---- proxy ---- */

static void from_client(void *arg, struct slice bytes)
{
    struct pair *p = arg;
    if (p->server)
        stream_write(p->server, bytes);
}

static void from_server(void *arg, struct slice bytes)
{
    struct pair *p = arg;
    if (p->proxy->swallow)
        p->proxy->swallowed += bytes.len;
    else if (p->proxy->hold)
        buffer_put(&p->late, bytes);
    else if (p->client)
        stream_write(p->client, bytes);
}

static void client_closed(void *arg, enum status why)
{
    (void)why;
    struct pair *p = arg;
    p->client = NULL;
    if (p->server)
        stream_close(p->server);
}

static void server_closed(void *arg, enum status why)
{
    (void)why;
    struct pair *p = arg;
    p->server = NULL;
    if (p->client)
        stream_close(p->client);
}

static struct pair *free_pair(struct proxy *proxy)
{
    struct pair *p = proxy->pairs;
    while (p->client || p->server)
        assert_true(++p < proxy->pairs + PAIRS_MAX);
    return p;
}

static void on_accept(void *arg, struct stream *s)
{
    static const struct stream_events client_events = {.on_data = from_client,
                                                       .on_close = client_closed};
    static const struct stream_events server_events = {.on_data = from_server,
                                                       .on_close = server_closed};
    struct proxy *proxy = arg;
    struct pair *p = free_pair(proxy);
    p->proxy = proxy;
    p->client = s;
    stream_events(s, &client_events, p);
    struct connect_config config = {
        .loop = proxy->loop, .host = "127.0.0.1", .port = proxy->server_port};
    p->server = stream_connect(&config, &server_events, p);
}

/* What waited comes. */
static inline void proxy_go_on(struct proxy *proxy)
{
    proxy->hold = false;
    for (struct pair *p = proxy->pairs; p < proxy->pairs + PAIRS_MAX; p++) {
        if (p->client && p->late.len)
            stream_write(p->client, buffer_slice(&p->late));
        buffer_clear(&p->late);
    }
}

static void proxy_cut(struct proxy *proxy)
{
    proxy->swallow = false;
    proxy_go_on(proxy);
    for (struct pair *p = proxy->pairs; p < proxy->pairs + PAIRS_MAX; p++) {
        if (p->client)
            stream_abort(p->client, CLOSED);
        if (p->server)
            stream_abort(p->server, CLOSED);
    }
}

/* ---- server ---- */

static void tick(void *arg)
{
    struct world *w = arg;
    w->ticks++;
    opcua_server_write(w->server, (struct opcua_place){w->space, "Count"}, &w->ticks,
                       &UA_TYPES[UA_TYPES_INT32], UA_STATUSCODE_GOOD);
}

static void send_event(void *arg)
{
    opcua_server_event(((struct world *)arg)->server, 500, "test", "something happened");
}

static void start_server(struct world *w)
{
    struct opcua_server_config config = {.host = "127.0.0.1", .port = w->port};
    assert_int_equal(opcua_server_open(&config, &w->server), OK);
    w->space = opcua_server_namespace(w->server, "urn:test");
    w->ticks = 0;
    UA_Int32 zero = 0;
    struct opcua_place objects = {0};
    opcua_server_add_variable(w->server, objects, (struct opcua_place){w->space, "Count"}, "Count",
                              &zero, &UA_TYPES[UA_TYPES_INT32], false);
    opcua_server_add_variable(w->server, objects, (struct opcua_place){w->space, "Still"}, "Still",
                              &zero, &UA_TYPES[UA_TYPES_INT32], false);
    opcua_server_every(w->server, TICK_MS, tick, w);
    opcua_server_every(w->server, TICK_MS, send_event, w);
    assert_int_equal(opcua_server_start(w->server), OK);
    w->port = atoi(strrchr(opcua_server_url(w->server), ':') + 1);
}

/* ---- client ---- */

/* Beyond those that are looked at there is nothing. */
static void item(void *arg, uint32_t index, struct opcua_item *out)
{
    struct world *w = arg;
    *out = index < SEEN_MAX ? w->items[index]
                            : (struct opcua_item){.node = SLICE("nsu=urn:test;s=Nothing")};
}

static bool on_data(void *arg, const UA_MonitoredItemNotification *items, size_t count)
{
    struct world *w = arg;
    if (w->refuse)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint32_t at = items[i].clientHandle;
        assert_true(at < SEEN_MAX);
        UA_Int32 v = *(UA_Int32 *)items[i].value.value.data;
        w->out_of_order += w->last[at] != 0 && v != w->last[at] + 1;
        w->last[at] = v;
        w->missing += at == 0 && w->newest != 0 ? v - w->newest - 1 : 0;
        w->newest = at == 0 ? v : w->newest;
        w->values++;
    }
    return true;
}

static bool on_events(void *arg, const UA_EventFieldList *events, size_t count)
{
    struct world *w = arg;
    w->events += (int)count;
    assert_int_equal(events[0].eventFieldsSize, 1);
    return true;
}

static void on_gap(void *arg, uint32_t first, uint32_t count)
{
    (void)first;
    struct world *w = arg;
    w->gaps += (int)count;
    w->unknown_gaps += count == 0;
    memset(w->last, 0, sizeof w->last);
}

static void on_item(void *arg, uint32_t index, UA_StatusCode status)
{
    struct world *w = arg;
    w->told[index]++;
    w->status[index] = status;
}

static void on_keep_alive(void *arg)
{
    ((struct world *)arg)->keep_alives++;
}

static void on_state(void *arg, bool alive)
{
    struct world *w = arg;
    w->alive = alive;
    w->times_alive += alive;
}

static const struct opcua_subscription_events events = {.item = item,
                                                        .on_data = on_data,
                                                        .on_events = on_events,
                                                        .on_gap = on_gap,
                                                        .on_item = on_item,
                                                        .on_keep_alive = on_keep_alive,
                                                        .on_state = on_state};

static const struct opcua_item count_item = {.node = SLICE_INIT("nsu=urn:test;s=Count"),
                                             .queue_size = 5000};

static uint32_t silence_ms, subscription_silence_ms, item_retry_s; /* of the next world; 0: as usual */

static struct world *world_new(uint32_t keep_alive_count, bool no_transfer)
{
    struct world *w = MEMORY_NEW(struct world);
    w->loop = loop_new();
    w->thread = opcua_thread_new(
        &(struct opcua_thread_config){.loop = w->loop, .lease_ms = 1, .silence_ms = silence_ms,
        .tuning = {.subscription_silence_ms = subscription_silence_ms, .item_retry_s = item_retry_s}});
    start_server(w);
    w->proxy = (struct proxy){.loop = w->loop, .server_port = w->port};
    struct listen_config listen = {
        .loop = w->loop, .host = "127.0.0.1", .on_accept = on_accept, .arg = &w->proxy};
    assert_int_equal(listener_open(&listen, &w->proxy.listener), OK);
    char url[64];
    snprintf(url, sizeof url, "opc.tcp://127.0.0.1:%d", listener_port(w->proxy.listener));
    w->session =
        opcua_session_get(w->thread, &(struct opcua_connection){.endpoint_url = slice_of(url)});
    w->subscription = opcua_subscription_new(
        &(struct opcua_subscription_config){.session = w->session,
                                            .publishing_ms = PUBLISHING_MS,
                                            .keep_alive_count = keep_alive_count,
                                            .no_transfer = no_transfer,
                                            .events = &events,
                                            .arg = w});
    return w;
}

static void world_free(struct world *w)
{
    opcua_subscription_free(&w->subscription);
    opcua_session_unref(&w->session);
    opcua_thread_free(&w->thread);
    proxy_cut(&w->proxy);
    listener_close(&w->proxy.listener);
    opcua_server_close(&w->server);
    loop_free(&w->loop);
    free(w);
}

static uint32_t add(struct world *w, struct opcua_item item)
{
    uint32_t index;
    assert_int_equal(opcua_subscription_add(w->subscription, 1, &index), OK);
    assert_true(index < SEEN_MAX);
    w->items[index] = item;
    return index;
}

static bool has_values(void *arg)
{
    struct world *w = arg;
    return w->values >= w->wanted;
}

static bool is_alive(void *arg)
{
    return ((struct world *)arg)->alive;
}

static inline bool is_dead(void *arg)
{
    return !is_alive(arg);
}

static inline bool has_swallowed(void *arg)
{
    return ((struct world *)arg)->proxy.swallowed > 200;
}

static inline bool has_keep_alives(void *arg)
{
    return ((struct world *)arg)->keep_alives >= 3;
}

static inline bool is_held(void *arg)
{
    return opcua_subscription_counts(((struct world *)arg)->subscription).held > 0;
}

static inline bool has_been_told(void *arg)
{
    struct world *w = arg;
    return w->told[0] + w->told[1] + w->told[2] + w->told[3] == 4;
}

static inline bool has_no_items(void *arg)
{
    return opcua_subscription_counts(((struct world *)arg)->subscription).items == 0;
}

#define WAIT_FOR(condition, w) assert_true(loop_run_until((w)->loop, (condition), (w), WAIT_MS))

static void want_more(struct world *w, uint64_t more)
{
    w->wanted = w->values + more;
    WAIT_FOR(has_values, w);
}
