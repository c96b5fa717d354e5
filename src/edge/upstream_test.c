#include "edge/upstream.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "base/memory.h"
#include "edge/identities.h"
#include "edge/twins.h"
#include "io/sim.h"
#include "store/sim_disk.h"

/* ---- connections to a hub that takes what the test wants; they take the place of client/device.c
 * ---- */

#define CLIENTS_MAX 32

struct device_client {
    char name[16];
    const struct device_client_events *events;
    void *arg;
    uint64_t flight[DEVICE_CLIENT_WINDOW]; /* tokens */
    size_t count, taken, most;
    bool connected, owes_room;
    struct buffer heard; /* what the hub has taken, "1 2 3 " */
};

static struct device_client *clients[CLIENTS_MAX];

static void forget(struct device_client *c)
{
    c->count = 0;
    c->connected = c->owes_room = false;
    c->arg = NULL;
}

/* One of before, for the books outlive a connection. */
struct device_client *device_client_new(const struct device_client_config *config)
{
    size_t i = 0;
    while (clients[i] && strcmp(clients[i]->name, config->module_id) != 0)
        assert_in_range(++i, 1, CLIENTS_MAX - 1);
    if (clients[i] == NULL)
        clients[i] = MEMORY_NEW(struct device_client);
    snprintf(clients[i]->name, sizeof(clients[i]->name), "%s", config->module_id);
    clients[i]->events = config->events;
    clients[i]->arg = config->arg;
    return clients[i];
}

void device_client_recall(struct device_client *c)
{
    for (; c->count; c->count--)
        c->events->on_sent(c->arg, c->flight[0], CANCELLED);
}

void device_client_free(struct device_client **c)
{
    device_client_recall(*c);
    forget(*c);
    *c = NULL;
}

bool device_client_connected(const struct device_client *c)
{
    return c->connected;
}

enum status device_client_send(struct device_client *c, const struct iot_message *m, uint64_t token)
{
    (void)m;
    if (c->count == DEVICE_CLIENT_WINDOW) {
        c->owes_room = true;
        return FULL;
    }
    c->flight[c->count++] = token;
    c->most = c->count > c->most ? c->count : c->most;
    return OK;
}

void device_client_method_reply(struct device_client *c, uint64_t rid, int status,
                                struct slice payload)
{
    (void)c, (void)rid, (void)status, (void)payload;
}

void device_client_twin_get(struct device_client *c, device_client_twin_fn *fn, void *arg)
{
    (void)c;
    fn(arg, OK, SLICE("{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}"));
}

void device_client_twin_report(struct device_client *c, struct slice patch,
                               device_client_report_fn *fn, void *arg)
{
    (void)c, (void)patch;
    fn(arg, OK, 1);
}

static struct device_client *client(const char *name)
{
    for (size_t i = 0; i < CLIENTS_MAX && clients[i]; i++)
        if (strcmp(clients[i]->name, name) == 0)
            return clients[i];
    fail_msg("%s has no connection", name);
    return NULL;
}

static void connect_up(const char *name)
{
    client(name)->connected = true;
    client(name)->events->on_connected(client(name)->arg);
}

static void refuse(const char *name)
{
    client(name)->events->on_refused(client(name)->arg, UNAUTHORIZED);
}

/* The hub takes the first that is in flight. */
static void take_one(struct device_client *c)
{
    uint64_t token = c->flight[0];
    memmove(c->flight, c->flight + 1, --c->count * sizeof(*c->flight));
    buffer_printf(&c->heard, "%llu ", (unsigned long long)token);
    c->taken++;
    c->events->on_sent(c->arg, token, OK);
    if (c->owes_room && c->count <= DEVICE_CLIENT_WINDOW / 4 * 3) {
        c->owes_room = false;
        c->events->on_room(c->arg);
    }
}

/* ---- an edge with a log and no sessions ---- */

struct test {
    struct sim *sim;
    struct loop *loop;
    struct store_disk *disk;
    struct edge_identities *identities;
    struct edge_twins *twins;
    struct edge *edge;
    struct buffer expected[CLIENTS_MAX]; /* of mN: its sequences */
};

static void pass_time(struct test *t, uint64_t ms)
{
    sim_run(t->sim, sim_now_ms(t->sim) + ms);
}

static void open_edge(struct test *t, uint64_t store_bytes)
{
    assert_int_equal(edge_open(
                         &(struct edge_config){
                             .loop = t->loop,
                             .disk = t->disk,
                             .directory = "/log",
                             .store_bytes = store_bytes,
                             .device_id = "edge",
                             .key = "a2V5",
                             .hub_host = "hub",
                             .hub_port = 8883,
                         },
                         t->identities, t->twins, &t->edge),
                     OK);
}

static int setup(void **state)
{
    struct test *t = test_calloc(1, sizeof(*t));
    t->sim = sim_new(1);
    t->loop = sim_loop_new(t->sim, "edge");
    t->disk = sim_disk_new(1);
    assert_int_equal(
        edge_identities_open(&(struct edge_identities_config){.loop = t->loop}, &t->identities),
        OK);
    assert_int_equal(edge_twins_open(t->loop, NULL, &t->twins), OK);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    edge_close(&t->edge);
    edge_twins_close(&t->twins);
    edge_identities_close(&t->identities);
    sim_free(&t->sim);
    sim_disk_free(&t->disk);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        buffer_clear(&t->expected[i]);
        if (clients[i])
            buffer_clear(&clients[i]->heard);
        free(clients[i]);
        clients[i] = NULL;
    }
    test_free(t);
    return 0;
}

static void know(struct test *t, const char *name, bool enabled)
{
    struct heads_identity i = {.id = {SLICE("edge"), slice_of(name)}, .enabled = enabled};
    edge_identities_put(t->identities, &i);
}

/* `count` messages of module mN. */
static void store(struct test *t, unsigned n, unsigned count, size_t bytes)
{
    char name[16];
    struct buffer body = {0}, record = {0};
    snprintf(name, sizeof(name), "m%u", n);
    while (body.len < bytes)
        buffer_text(&body, "x");
    iot_event_encode(&(struct iot_event){.from = {SLICE("edge"), slice_of(name)},
                                         .message = {.body = buffer_slice(&body)}},
                     &record);
    for (unsigned i = 0; i < count; i++) {
        uint64_t sequence;
        assert_int_equal(store_log_append(t->edge->log, buffer_slice(&record), 0, &sequence), OK);
        buffer_printf(&t->expected[n], "%llu ", (unsigned long long)sequence);
    }
    buffer_clear(&body);
    buffer_clear(&record);
    pass_time(t, 20);
}

/* The hub takes all of `name` that is or comes in flight. */
static void take_all(struct test *t, const char *name)
{
    for (int idle = 0; idle < 3; idle++) {
        for (; client(name)->count; idle = 0)
            take_one(client(name));
        pass_time(t, 20);
    }
}

static void expect_all(struct test *t, unsigned n)
{
    char name[16];
    snprintf(name, sizeof(name), "m%u", n);
    assert_string_equal(buffer_cstr(&client(name)->heard), buffer_cstr(&t->expected[n]));
}

/* ---- what is promised ---- */

static void who_is_refused_waits_and_all_others_go_on(void **state)
{
    struct test *t = *state;
    know(t, "m0", true);
    open_edge(t, 0);
    store(t, 0, 5, 10);
    store(t, 1, 5, 10);
    connect_up("m1");
    refuse("m0");
    assert_int_equal(client("m0")->count, 0);
    for (int i = 0; i < 3; i++) {
        store(t, 0, 500, 10);
        store(t, 1, EDGE_UPSTREAM_WINDOW, 10);
        take_all(t, "m1");
        refuse("m0");
    }
    expect_all(t, 1);
    assert_int_equal(client("m0")->count, 0);
    assert_int_equal(store_cursor_get(t->edge->log, SLICE("upstream")), 0);
    connect_up("m0");
    take_all(t, "m0");
    store(t, 0, 5, 10);
    take_all(t, "m0");
    expect_all(t, 0);
    assert_int_equal(edge_upstream_backlog(t->edge->upstream), 0);
    assert_int_equal(t->edge->count.set_aside, 0);
    assert_true(list_empty(edge_upstream_lanes(t->edge->upstream)));
}

static void who_is_gone_is_set_aside_and_forgotten(void **state)
{
    struct test *t = *state;
    open_edge(t, 0);
    store(t, 0, 5, 10);
    store(t, 1, 5, 10);
    connect_up("m1");
    refuse("m0");
    store(t, 0, 7, 10);
    take_all(t, "m1");
    pass_time(t, 100);
    assert_int_equal(t->edge->count.set_aside, 12);
    assert_int_equal(t->edge->count.sent, 5);
    assert_int_equal(edge_upstream_backlog(t->edge->upstream), 0);
    assert_null(edge_child_find(t->edge, (struct iot_id){SLICE("edge"), SLICE("m0")}));
}

/* Its connection is up, and the hub acknowledges nothing. */
static void who_is_not_answered_steps_aside_and_sends_nothing_twice(void **state)
{
    struct test *t = *state;
    open_edge(t, 0);
    store(t, 0, DEVICE_CLIENT_WINDOW + 500, 10);
    store(t, 1, 2000, 10);
    connect_up("m0");
    pass_time(t, 100);
    assert_int_equal(client("m0")->count, DEVICE_CLIENT_WINDOW);
    pass_time(t, 2 * EDGE_UPSTREAM_PATIENCE_MS);
    connect_up("m1");
    take_all(t, "m1");
    store(t, 0, 300, 10);
    store(t, 1, 2 * EDGE_UPSTREAM_WINDOW, 10);
    take_all(t, "m1");
    expect_all(t, 1);
    assert_int_equal(client("m0")->taken, 0);
    take_all(t, "m0");
    store(t, 0, 10, 10);
    take_all(t, "m0");
    expect_all(t, 0);
    assert_int_equal(edge_upstream_backlog(t->edge->upstream), 0);
    assert_true(list_empty(edge_upstream_lanes(t->edge->upstream)));
}

/* Few messages that nobody answers fill the ring with those of others behind them. */
static void who_is_not_answered_does_not_fill_the_ring(void **state)
{
    struct test *t = *state;
    open_edge(t, 0);
    store(t, 0, 3, 10);
    store(t, 1, 3 * EDGE_UPSTREAM_WINDOW, 10);
    connect_up("m0");
    connect_up("m1");
    for (int i = 0; i < 5; i++) {
        take_all(t, "m1");
        pass_time(t, EDGE_UPSTREAM_PATIENCE_MS);
    }
    expect_all(t, 1);
    refuse("m0"); /* now it is */
    assert_int_equal(client("m0")->count, 0);
    pass_time(t, 100);
    assert_int_equal(t->edge->count.set_aside, 3);
    assert_int_equal(edge_upstream_backlog(t->edge->upstream), 0);
}

static void nobody_steps_aside_while_the_hub_is_away(void **state)
{
    struct test *t = *state;
    open_edge(t, 0);
    store(t, 0, DEVICE_CLIENT_WINDOW + 1, 10);
    store(t, 1, 10, 10);
    pass_time(t, 10 * EDGE_UPSTREAM_PATIENCE_MS);
    assert_true(list_empty(edge_upstream_lanes(t->edge->upstream)));
    connect_up("m0");
    take_all(t, "m0");
    take_all(t, "m1");
    expect_all(t, 0);
    expect_all(t, 1);
}

static void so_many_catch_up_at_once_and_no_more(void **state)
{
    struct test *t = *state;
    enum { MANY = EDGE_LANES_MAX + 4 };
    char name[16];
    open_edge(t, 0);
    for (unsigned n = 0; n < MANY; n++) {
        snprintf(name, sizeof(name), "m%u", n);
        know(t, name, true);
        store(t, n, 2, 10);
        refuse(name);
        store(t, n, 20, 10);
    }
    for (unsigned n = 0; n < MANY; n++) {
        snprintf(name, sizeof(name), "m%u", n);
        connect_up(name);
    }
    pass_time(t, 100);
    unsigned flying = 0;
    for (unsigned n = 0; n < MANY; n++)
        flying += clients[n]->count > 0;
    assert_int_equal(flying, EDGE_LANES_MAX);
    for (int round = 0; round < 3; round++)
        for (unsigned n = 0; n < MANY; n++)
            take_all(t, clients[n]->name);
    for (unsigned n = 0; n < MANY; n++)
        expect_all(t, n);
    assert_int_equal(edge_upstream_backlog(t->edge->upstream), 0);
    assert_true(list_empty(edge_upstream_lanes(t->edge->upstream)));
}

static void who_is_disabled_does_not_fill_the_log(void **state)
{
    struct test *t = *state;
    know(t, "m0", false);
    open_edge(t, 4u << 20);
    store(t, 0, 5, 10);
    store(t, 1, 1, 10);
    connect_up("m1");
    refuse("m0");
    pass_time(t, 10);
    for (int i = 0; i < 100; i++) { /* 10 MB through a log of 4 */
        store(t, 1, 1, 100000);
        take_all(t, "m1");
    }
    expect_all(t, 1);
    assert_int_equal(t->edge->count.set_aside, 5);
    connect_up("m0");
    buffer_reset(&t->expected[0]);
    store(t, 0, 5, 10);
    take_all(t, "m0");
    expect_all(t, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_refused_waits_and_all_others_go_on),
        TEST(who_is_gone_is_set_aside_and_forgotten),
        TEST(who_is_not_answered_steps_aside_and_sends_nothing_twice),
        TEST(who_is_not_answered_does_not_fill_the_ring),
        TEST(nobody_steps_aside_while_the_hub_is_away),
        TEST(so_many_catch_up_at_once_and_no_more),
        TEST(who_is_disabled_does_not_fill_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
