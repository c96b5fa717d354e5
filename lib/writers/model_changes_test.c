#include "writers/model_changes.h"

#include <stdatomic.h>
#include <stdio.h>

#include "opcua/server.h"

#include "base/cmocka.h"

#define WAIT_MS 60000
#define PERIOD_MS 50

enum wish { NOTHING, ADD, REMOVE };

static struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_server *server;
    struct opcua_session *session;
    struct model_changes *changes;
    uint16_t space;
    _Atomic enum wish wish; /* done on the server's thread */
    size_t count, nodes, references, gone;
    char name[32];
} world;

static struct opcua_place at(const char *id)
{
    return (struct opcua_place){world.space, id};
}

static void do_wish(void *arg)
{
    (void)arg;
    enum wish wish = atomic_exchange(&world.wish, NOTHING);
    if (wish == ADD)
        opcua_server_add_folder(world.server, (struct opcua_place){0}, at("new"), "New");
    else if (wish == REMOVE)
        opcua_server_remove(world.server, at("new"));
}

static bool on_change(void *arg, const struct model_change *c)
{
    (void)arg;
    const UA_ReferenceDescription *r = c->now ? c->now : c->before;
    assert_true(c->now || c->before);
    world.count++;
    world.nodes += c->of_node;
    world.references += !c->of_node;
    world.gone += c->now == NULL;
    snprintf(world.name, sizeof world.name, "%.*s", SLICE_FMT(opcua_slice(r->browseName.name)));
    return true;
}

static int start(void **state)
{
    (void)state;
    struct opcua_server_config config = {.host = "127.0.0.1"};
    assert_int_equal(opcua_server_open(&config, &world.server), OK);
    world.space = opcua_server_namespace(world.server, "urn:test");
    opcua_server_every(world.server, 10, do_wish, NULL);
    assert_int_equal(opcua_server_start(world.server), OK);
    world.loop = loop_new();
    world.thread = opcua_thread_new(&(struct opcua_thread_config){.loop = world.loop});
    struct opcua_connection c = {.endpoint_url = slice_of(opcua_server_url(world.server)),
                                 .security = OPCUA_SECURITY_NONE};
    world.session = opcua_session_get(world.thread, &c);
    world.changes = model_changes_new(world.session, PERIOD_MS, on_change, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    model_changes_free(&world.changes);
    opcua_session_unref(&world.session);
    opcua_thread_free(&world.thread);
    loop_free(&world.loop);
    opcua_server_close(&world.server);
    world = (struct world){0};
    return 0;
}

static bool is_followed(void *arg)
{
    (void)arg;
    return model_changes_followed(world.changes);
}

static bool has_two(void *arg)
{
    (void)arg;
    return world.count >= 2;
}

/* A folder comes and goes: each time the node, and the reference to it. */
static void tells_what_comes_and_goes(void **state)
{
    (void)state;
    assert_true(loop_run_until(world.loop, is_followed, NULL, WAIT_MS));
    assert_int_equal(world.count, 0);
    atomic_store(&world.wish, ADD);
    assert_true(loop_run_until(world.loop, has_two, NULL, WAIT_MS));
    assert_string_equal(world.name, "New");
    assert_int_equal(world.nodes, 1);
    assert_int_equal(world.references, 1);
    assert_int_equal(world.gone, 0);
    world.count = 0;
    atomic_store(&world.wish, REMOVE);
    assert_true(loop_run_until(world.loop, has_two, NULL, WAIT_MS));
    assert_string_equal(world.name, "New");
    assert_int_equal(world.gone, 2);
}

/* In the midst of a walk, too. */
static void can_be_left_at_any_time(void **state)
{
    (void)state;
    model_changes_hurry(world.changes);
    for (int i = 0; i < 20; i++)
        loop_run_until(world.loop, is_followed, NULL, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_what_comes_and_goes, start, stop),
        cmocka_unit_test_setup_teardown(can_be_left_at_any_time, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
