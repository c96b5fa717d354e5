#include "opcua/subscription.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "io/stream.h"
#include "opcua/server.h"
#include "opcua/subscription_priv.h"

#include "base/cmocka.h"

#define WAIT_MS 30000
#define TICK_MS 10
#define PUBLISHING_MS 20
#define SEEN_MAX 64

#define PAIRS_MAX 4

struct pair {
    struct proxy *proxy;
    struct stream *client, *server;
};

/* Stands between client and server: swallows the server's words, cuts connections. The connection
 * that asks for the endpoints may still be closing when the session's comes. */
struct proxy {
    struct loop *loop;
    struct listener *listener;
    struct pair pairs[PAIRS_MAX];
    int server_port;
    bool swallow;
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

    UA_Int32 last[SEEN_MAX]; /* per index; 0 at first */
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

static void proxy_cut(struct proxy *proxy)
{
    proxy->swallow = false;
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

static const struct opcua_subscription_events events = {.on_data = on_data,
                                                        .on_events = on_events,
                                                        .on_gap = on_gap,
                                                        .on_item = on_item,
                                                        .on_keep_alive = on_keep_alive,
                                                        .on_state = on_state};

static const struct opcua_item count_item = {.node = "nsu=urn:test;s=Count", .queue_size = 5000};

static uint32_t silence_ms; /* of the next world; 0: as usual */

static struct world *world_new(uint32_t keep_alive_count, bool no_transfer)
{
    struct world *w = MEMORY_NEW(struct world);
    w->loop = loop_new();
    w->thread = opcua_thread_new(
        &(struct opcua_thread_config){.loop = w->loop, .lease_ms = 1, .silence_ms = silence_ms});
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
    assert_int_equal(opcua_subscription_add(w->subscription, &item, 1, &index), OK);
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

static bool is_dead(void *arg)
{
    return !is_alive(arg);
}

static bool has_swallowed(void *arg)
{
    return ((struct world *)arg)->proxy.swallowed > 200;
}

static bool has_keep_alives(void *arg)
{
    return ((struct world *)arg)->keep_alives >= 3;
}

static bool is_held(void *arg)
{
    return opcua_subscription_counts(((struct world *)arg)->subscription).held > 0;
}

static bool has_been_told(void *arg)
{
    struct world *w = arg;
    return w->told[0] + w->told[1] + w->told[2] + w->told[3] == 4;
}

static bool has_no_items(void *arg)
{
    return opcua_subscription_counts(((struct world *)arg)->subscription).items == 0;
}

#define WAIT_FOR(condition, w) assert_true(loop_run_until((w)->loop, (condition), (w), WAIT_MS))

static void want_more(struct world *w, uint64_t more)
{
    w->wanted = w->values + more;
    WAIT_FOR(has_values, w);
}

/* ---- */

static void every_change_comes_once_and_in_order(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 100);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    assert_int_equal(w->status[0], UA_STATUSCODE_GOOD);
    assert_int_equal(opcua_subscription_counts(w->subscription).live, 1);
    world_free(w);
}

/* The server had sent some that never arrived: they are asked for again. */
static void what_was_lost_on_the_way_is_republished(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 20);
    w->proxy.swallow = true;
    WAIT_FOR(has_swallowed, w);
    proxy_cut(&w->proxy);
    WAIT_FOR(is_dead, w);
    WAIT_FOR(is_alive, w);
    want_more(w, 50);
    struct opcua_subscription_counts c = opcua_subscription_counts(w->subscription);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    assert_int_equal(c.made, 1);
    assert_true(c.republished > 0);
    world_free(w);
}

/* One that a server would send behind all that it did send. Its only part is of a kind that nobody
 * knows. */
static void come_from_far_ahead(struct opcua_subscription *s, uint32_t numbers)
{
    struct notification m = {.sequence = s->expected + numbers, .published = s->published, .part_count = 1};
    m.parts = UA_Array_new(1, notification_type.members[2].memberType);
    receive_available(s, NULL, 0);
    receive_message(s, &m);
    UA_clear(&m, &notification_type);
}

static bool is_told_again(void *arg)
{
    struct world *w = arg;
    return w->unknown_gaps == 1 && has_values(w);
}

/* The server's own numbers are then from long before. */
static void numbers_may_leap_and_begin_anew(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 5);
    come_from_far_ahead(w->subscription, 1000000);
    w->wanted = w->values + 5;
    WAIT_FOR(is_told_again, w);
    assert_int_equal(w->gaps, 1000000);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->missing, 0); /* also not those by which it was seen */
    world_free(w);
}

static void a_cut_connection_loses_nothing(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    for (int i = 0; i < 3; i++) {
        want_more(w, 20);
        proxy_cut(&w->proxy);
        WAIT_FOR(is_dead, w);
        WAIT_FOR(is_alive, w);
    }
    want_more(w, 50);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    world_free(w);
}

/* As when a cable is out: the client's words arrive later, and must not end the session. */
static void a_server_that_is_silent_for_a_while_loses_nothing(void **state)
{
    (void)state;
    silence_ms = 100;
    struct world *w = world_new(0, false);
    silence_ms = 0;
    add(w, count_item);
    want_more(w, 20);
    w->proxy.swallow = true;
    WAIT_FOR(is_dead, w);
    w->proxy.swallow = false;
    WAIT_FOR(is_alive, w);
    want_more(w, 50);
    struct opcua_subscription_counts c = opcua_subscription_counts(w->subscription);
    assert_int_equal(c.made, 1);
    assert_int_equal(c.transferred, 0);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    world_free(w);
}

/* Another session of the same user takes the subscription over. */
static void a_new_session_takes_the_subscription_along(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 20);
    w->session->was_ready = false; /* as after a failed try: the client is made anew */
    proxy_cut(&w->proxy);
    WAIT_FOR(is_dead, w);
    UA_Client *old = w->session->client;
    w->session->client = NULL;
    WAIT_FOR(is_alive, w);
    want_more(w, 50);
    struct opcua_subscription_counts c = opcua_subscription_counts(w->subscription);
    assert_int_equal(c.made, 1);
    assert_int_equal(c.transferred, 1);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    UA_Client_delete(old);
    world_free(w);
}

/* A restarted server knows nothing: it begins anew, and says that nobody knows what was missed. */
static void after_a_restart_of_the_server_it_begins_anew(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 20);
    opcua_server_close(&w->server);
    start_server(w);
    WAIT_FOR(is_dead, w);
    WAIT_FOR(is_alive, w);
    want_more(w, 50);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->unknown_gaps, 1);
    assert_int_equal(opcua_subscription_counts(w->subscription).made, 2);
    world_free(w);
}

static void who_has_no_room_stops_the_server(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 20);
    w->refuse = true;
    WAIT_FOR(is_held, w);
    uint64_t before = w->values;
    UA_Int32 ticks = w->last[0];
    opcua_subscription_resume(w->subscription); /* still no room */
    assert_int_equal(w->values, before);
    w->refuse = false;
    opcua_subscription_resume(w->subscription);
    assert_true(w->values > before);
    assert_true(w->last[0] > ticks);
    want_more(w, 50);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    world_free(w);
}

static void what_is_held_survives_a_cut(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 20);
    w->refuse = true;
    WAIT_FOR(is_held, w);
    proxy_cut(&w->proxy);
    WAIT_FOR(is_dead, w);
    WAIT_FOR(is_alive, w);
    w->refuse = false;
    opcua_subscription_resume(w->subscription);
    want_more(w, 50);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    world_free(w);
}

static void one_bad_item_does_not_stop_the_others(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    uint32_t unknown = add(w, (struct opcua_item){.node = "nsu=urn:test;s=Nothing"});
    uint32_t no_space = add(w, (struct opcua_item){.node = "nsu=urn:elsewhere;s=Count"});
    uint32_t broken = add(w, (struct opcua_item){.node = "ns=x"});
    uint32_t good = add(w, count_item);
    WAIT_FOR(has_been_told, w);
    assert_int_equal(w->status[unknown], UA_STATUSCODE_BADNODEIDUNKNOWN);
    assert_int_equal(w->status[no_space], UA_STATUSCODE_BADNODEIDUNKNOWN);
    assert_int_equal(w->status[broken], UA_STATUSCODE_BADNODEIDINVALID);
    assert_int_equal(w->status[good], UA_STATUSCODE_GOOD);
    want_more(w, 10);
    assert_int_equal(opcua_subscription_counts(w->subscription).failed, 3);
    world_free(w);
}

static void removed_items_are_silent_and_their_indexes_free(void **state)
{
    (void)state;
    struct world *w = world_new(1, false);
    uint32_t index = add(w, count_item);
    want_more(w, 10);
    opcua_subscription_remove(w->subscription, index);
    uint32_t failed = add(w, (struct opcua_item){.node = "ns=x"});
    assert_int_not_equal(failed, index); /* not before the server has forgotten it */
    opcua_subscription_remove(w->subscription, failed);
    WAIT_FOR(has_no_items, w);
    uint64_t values = w->values;
    w->keep_alives = 0;
    WAIT_FOR(has_keep_alives, w);
    assert_int_equal(w->values, values);
    assert_int_equal(add(w, count_item), index);
    memset(w->last, 0, sizeof w->last);
    want_more(w, 10);
    assert_int_equal(w->out_of_order, 0);
    world_free(w);
}

static bool told_of_three(void *arg)
{
    struct world *w = arg;
    return w->told[0] && w->told[1] && w->told[2];
}

/* Changed at the server: the item is not made again, and nothing else of it changes. */
static void an_item_is_modified_in_place(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    struct opcua_item slow = count_item;
    slow.sampling_ms = 3600000;
    uint32_t index = add(w, slow);
    uint32_t steady = add(w, count_item);
    want_more(w, 50);
    UA_Int32 before = w->last[index];
    assert_true(before < w->last[steady]);
    uint32_t subscription, id, same;
    assert_true(opcua_subscription_ids(w->subscription, index, &subscription, &id));
    w->last[index] = 0; /* what was between is not missed */
    opcua_subscription_modify(w->subscription, index, &count_item);
    while (w->last[index] < before + 20)
        want_more(w, 10);
    assert_true(opcua_subscription_ids(w->subscription, index, &subscription, &same));
    assert_int_equal(same, id);
    assert_int_equal(w->told[index], 1);
    assert_int_equal(w->out_of_order, 0);
    opcua_subscription_modify(w->subscription, index, &slow);
    opcua_subscription_remove(w->subscription, index); /* on its way */
    want_more(w, 20);
    world_free(w);
}

static void its_intervals_are_modified_in_place(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 20);
    uint32_t id = w->subscription->id;
    opcua_subscription_set_intervals(w->subscription, 500, 3);
    while (w->subscription->publishing_ms != 500)
        want_more(w, 1);
    assert_int_equal(w->subscription->keep_alive_count, 3);
    opcua_subscription_set_intervals(w->subscription, PUBLISHING_MS, 0);
    want_more(w, 50);
    assert_int_equal(w->subscription->id, id);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    assert_int_equal(w->out_of_order, 0);
    world_free(w);
}

/* 1 is only sampled until 0 changes, which it never does; 3 with every 2. */
static void a_linked_item_is_reported_with_its_trigger(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    struct opcua_item still = {.node = "nsu=urn:test;s=Still"}, linked = count_item;
    linked.linked = true;
    add(w, still);
    add(w, linked);
    add(w, count_item);
    opcua_subscription_link(w->subscription, 0, 1);
    WAIT_FOR(told_of_three, w);
    want_more(w, 50);
    UA_Int32 before = w->last[1];
    want_more(w, 50);
    assert_int_equal(w->last[1], before);
    uint32_t third = add(w, linked);
    opcua_subscription_link(w->subscription, 2, third);
    while (w->last[third] == 0)
        want_more(w, 10);
    opcua_subscription_remove(w->subscription, 2);
    opcua_server_close(&w->server); /* links are made again, too */
    WAIT_FOR(is_dead, w);
    memset(w->last, 0, sizeof w->last);
    start_server(w);
    add(w, count_item);
    want_more(w, 50);
    assert_int_equal(w->last[third], 0);
    world_free(w);
}

/* A path is followed at each server anew; what leads nowhere is told and does not stop the others. */
static void items_by_path_and_with_short_ids_are_watched(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    struct opcua_item by_path = count_item, nowhere = count_item, registered = count_item;
    by_path.node = "";
    by_path.path = "[\"/Objects\",\"/nsu=urn:test;Count\"]";
    by_path.registered = true;
    nowhere.node = "i=85";
    nowhere.path = "[\"/nsu=urn:test;Nobody\"]";
    registered.registered = true;
    add(w, by_path);
    add(w, registered);
    uint32_t gone = add(w, nowhere);
    want_more(w, 100);
    assert_true(w->last[0] > 0 && w->last[1] > 0);
    assert_int_equal(w->status[gone], UA_STATUSCODE_BADNOMATCH);
    opcua_server_close(&w->server);
    WAIT_FOR(is_dead, w);
    uint32_t late = add(w, by_path), removed = add(w, by_path);
    opcua_subscription_remove(w->subscription, removed);
    memset(w->last, 0, sizeof w->last);
    start_server(w);
    want_more(w, 100);
    assert_true(w->last[0] > 0 && w->last[1] > 0 && w->last[late] > 0);
    assert_int_equal(opcua_subscription_counts(w->subscription).items, 4);
    opcua_subscription_remove(w->subscription, 0);
    opcua_subscription_remove(w->subscription, gone);
    world_free(w);
}

static void an_item_that_does_not_change_keeps_the_subscription_alive(void **state)
{
    (void)state;
    struct world *w = world_new(1, false);
    add(w, (struct opcua_item){.node = "nsu=urn:test;s=Still"});
    WAIT_FOR(has_keep_alives, w);
    assert_int_equal(w->values, 1);
    world_free(w);
}

static void events_come_with_their_fields(void **state)
{
    (void)state;
    UA_QualifiedName path = UA_QUALIFIEDNAME(0, "Message");
    UA_SimpleAttributeOperand select = {.typeDefinitionId =
                                            UA_NODEID_NUMERIC(0, UA_NS0ID_BASEEVENTTYPE),
                                        .browsePathSize = 1,
                                        .browsePath = &path,
                                        .attributeId = UA_ATTRIBUTEID_VALUE};
    UA_EventFilter filter = {.selectClausesSize = 1, .selectClauses = &select};
    UA_ExtensionObject extension;
    UA_ExtensionObject_setValueNoDelete(&extension, &filter, &UA_TYPES[UA_TYPES_EVENTFILTER]);
    struct world *w = world_new(0, false);
    add(w, (struct opcua_item){.node = "i=2253", .filter = &extension, .queue_size = 100});
    add(w, count_item);
    want_more(w, 20);
    assert_true(w->events > 0);
    world_free(w);
}

static void many_items_are_made_in_batches(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    struct opcua_item *items = memory_new(2500 * sizeof *items);
    for (int i = 0; i < 2500; i++)
        items[i] = (struct opcua_item){.node = "nsu=urn:test;s=Nothing"};
    items[0] = count_item;
    assert_int_equal(opcua_subscription_add(w->subscription, items, 1, NULL), OK);
    want_more(w, 1);
    struct opcua_subscription_events quiet = events;
    quiet.on_item = NULL;
    w->subscription->config.events = &quiet;
    assert_int_equal(opcua_subscription_add(w->subscription, items + 1, 2499, NULL), OK);
    want_more(w, 200);
    struct opcua_subscription_counts c = opcua_subscription_counts(w->subscription);
    assert_int_equal(c.items, 2500);
    assert_int_equal(c.failed, 2499);
    assert_int_equal(w->out_of_order, 0);
    free(items);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_comes_once_and_in_order),
        cmocka_unit_test(what_was_lost_on_the_way_is_republished),
        cmocka_unit_test(numbers_may_leap_and_begin_anew),
        cmocka_unit_test(a_cut_connection_loses_nothing),
        cmocka_unit_test(a_server_that_is_silent_for_a_while_loses_nothing),
        cmocka_unit_test(a_new_session_takes_the_subscription_along),
        cmocka_unit_test(after_a_restart_of_the_server_it_begins_anew),
        cmocka_unit_test(who_has_no_room_stops_the_server),
        cmocka_unit_test(what_is_held_survives_a_cut),
        cmocka_unit_test(one_bad_item_does_not_stop_the_others),
        cmocka_unit_test(removed_items_are_silent_and_their_indexes_free),
        cmocka_unit_test(an_item_is_modified_in_place),
        cmocka_unit_test(its_intervals_are_modified_in_place),
        cmocka_unit_test(a_linked_item_is_reported_with_its_trigger),
        cmocka_unit_test(items_by_path_and_with_short_ids_are_watched),
        cmocka_unit_test(an_item_that_does_not_change_keeps_the_subscription_alive),
        cmocka_unit_test(events_come_with_their_fields),
        cmocka_unit_test(many_items_are_made_in_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
