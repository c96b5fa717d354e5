#include "opcua/lookup.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "opcua/server.h"

#include "base/cmocka.h"

#define WAIT_MS 30000
#define MANY 2500 /* more than two calls take */

struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_server *server;
    struct opcua_session *session;
    uint16_t space;
    int port;
    unsigned answered, wanted;
    UA_StatusCode status[MANY];
    char name[64], node[64], way[256];
};

static void add(struct world *w, const char *parent, const char *id, const char *name, bool folder)
{
    struct opcua_place above = {parent ? w->space : 0, parent}, at = {w->space, id};
    UA_Int32 zero = 0;
    if (folder)
        opcua_server_add_folder(w->server, above, at, name);
    else
        opcua_server_add_variable(w->server, above, at, name, &zero, &UA_TYPES[UA_TYPES_INT32],
                                  false);
}

static void start_server(struct world *w)
{
    struct opcua_server_config config = {.host = "127.0.0.1", .port = w->port};
    assert_int_equal(opcua_server_open(&config, &w->server), OK);
    w->space = opcua_server_namespace(w->server, "urn:test");
    add(w, NULL, "line", "Line", true);
    add(w, "line", "press", "Press", true);
    for (int i = 0; i < MANY; i++) {
        char id[16], name[32];
        snprintf(id, sizeof id, "v%d", i);
        snprintf(name, sizeof name, "Value %d", i);
        add(w, "press", id, name, false);
    }
    assert_int_equal(opcua_server_start(w->server), OK);
    w->port = atoi(strrchr(opcua_server_url(w->server), ':') + 1);
}

static struct world *world_new(void)
{
    struct world *w = MEMORY_NEW(struct world);
    w->loop = loop_new();
    w->thread = opcua_thread_new(&(struct opcua_thread_config){.loop = w->loop, .lease_ms = 1});
    start_server(w);
    char url[64];
    snprintf(url, sizeof url, "opc.tcp://127.0.0.1:%d", w->port);
    w->session =
        opcua_session_get(w->thread, &(struct opcua_connection){.endpoint_url = slice_of(url)});
    return w;
}

static void world_free(struct world *w)
{
    opcua_session_unref(&w->session);
    opcua_thread_free(&w->thread);
    opcua_server_close(&w->server);
    loop_free(&w->loop);
    free(w);
}

static void print_way(const struct opcua_lookup_answer *a, char *out, size_t cap)
{
    struct buffer text = {0};
    for (size_t i = 0; i < a->way_len; i++)
        buffer_printf(&text, "/%u:%.*s", a->way[i].namespaceIndex,
                      SLICE_FMT(opcua_slice(a->way[i].name)));
    snprintf(out, cap, "%s", buffer_cstr(&text));
    buffer_clear(&text);
}

static void on_answer(void *arg, uint32_t tag, const struct opcua_lookup_answer *a)
{
    struct world *w = arg;
    struct buffer id = {0};
    w->answered++;
    w->status[tag] = a->status;
    opcua_node_id_print(a->node, opcua_session_namespaces(w->session), OPCUA_ID_EXPANDED, &id);
    snprintf(w->node, sizeof w->node, "%s", buffer_cstr(&id));
    snprintf(w->name, sizeof w->name, "%.*s", SLICE_FMT(a->display_name));
    print_way(a, w->way, sizeof w->way);
    buffer_clear(&id);
}

static bool is_answered(void *arg)
{
    struct world *w = arg;
    return w->answered >= w->wanted;
}

static bool is_ready(void *arg)
{
    return opcua_session_state(((struct world *)arg)->session) == OPCUA_SESSION_READY;
}

static void wait_for(struct world *w, unsigned answers)
{
    w->wanted = answers;
    assert_true(loop_run_until(w->loop, is_answered, w, WAIT_MS));
}

static struct opcua_lookup *ask(struct world *w, unsigned what, const char *node, const char *path)
{
    return opcua_lookup(w->session, what, slice_of(node), slice_of(path), on_answer, w, 0);
}

#define PRESS                                                                                      \
    "[\"/Objects\",\"/nsu=urn:test;Line\",\"nsu=urn:test;Press\",\"nsu=urn:test;Value 7\"]"

static void a_path_leads_to_a_node(void **state)
{
    (void)state;
    struct world *w = world_new();
    ask(w, 0, "", PRESS);
    wait_for(w, 1);
    assert_int_equal(w->status[0], UA_STATUSCODE_GOOD);
    assert_string_equal(w->node, "nsu=urn:test;s=v7");
    ask(w, OPCUA_LOOKUP_DISPLAY_NAME, "nsu=urn:test;s=line",
        "[\"/nsu=urn:test;Press\",\"/nsu=urn:test;Value 3\"]");
    wait_for(w, 2);
    assert_string_equal(w->node, "nsu=urn:test;s=v3");
    assert_string_equal(w->name, "Value 3");
    world_free(w);
}

static void what_is_not_there_is_said(void **state)
{
    (void)state;
    struct world *w = world_new();
    static const struct {
        const char *node, *path;
        UA_StatusCode status;
    } cases[] = {{"", "[\"/Objects\",\"/Nowhere\"]", UA_STATUSCODE_BADNOMATCH},
                 {"nsu=urn:unknown;s=x", NULL, UA_STATUSCODE_BADNODEIDUNKNOWN},
                 {"no node", NULL, UA_STATUSCODE_BADNODEIDINVALID}};
    for (unsigned i = 0; i < 3; i++) {
        ask(w, 0, cases[i].node, cases[i].path);
        wait_for(w, i + 1);
        assert_int_equal(w->status[0], cases[i].status);
    }
    ask(w, OPCUA_LOOKUP_DISPLAY_NAME, "nsu=urn:test;s=nobody", NULL); /* the reader will tell */
    wait_for(w, 4);
    assert_int_equal(w->status[0], UA_STATUSCODE_GOOD);
    assert_string_equal(w->name, "");
    world_free(w);
}

static void names_and_ways_of_many_are_asked_for_together(void **state)
{
    (void)state;
    struct world *w = world_new();
    for (uint32_t i = 0; i < MANY; i++) {
        char node[32];
        snprintf(node, sizeof node, "nsu=urn:test;s=v%u", i);
        opcua_lookup(w->session,
                     OPCUA_LOOKUP_DISPLAY_NAME | OPCUA_LOOKUP_WAY | OPCUA_LOOKUP_REGISTERED,
                     slice_of(node), (struct slice){0}, on_answer, w, i);
    }
    wait_for(w, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        assert_int_equal(w->status[i], UA_STATUSCODE_GOOD);
    assert_memory_equal(w->name, "Value ", 6);
    char way[128];
    snprintf(way, sizeof way, "/0:Objects/%u:Line/%u:Press/%u:%s", w->space, w->space, w->space,
             w->name);
    assert_string_equal(w->way, way);
    world_free(w);
}

/* Asked before, during and after a connection: the answer comes when there is one. */
static void a_lost_connection_asks_again(void **state)
{
    (void)state;
    struct world *w = world_new();
    opcua_server_close(&w->server);
    ask(w, OPCUA_LOOKUP_DISPLAY_NAME, "nsu=urn:test;s=v1", NULL);
    start_server(w);
    wait_for(w, 1);
    assert_string_equal(w->name, "Value 1");
    for (uint32_t i = 0; i < MANY; i++)
        ask(w, OPCUA_LOOKUP_WAY, "", PRESS);
    loop_run_until(w->loop, is_ready, w, WAIT_MS); /* a turn: questions are under way */
    opcua_server_close(&w->server);
    start_server(w);
    wait_for(w, MANY + 1);
    assert_int_equal(w->status[0], UA_STATUSCODE_GOOD);
    assert_string_equal(w->node, "nsu=urn:test;s=v7");
    world_free(w);
}

static void who_is_cancelled_hears_nothing(void **state)
{
    (void)state;
    struct world *w = world_new();
    assert_true(loop_run_until(w->loop, is_ready, w, WAIT_MS));
    ask(w, 0, "", PRESS);
    opcua_lookup_cancel_all(w->session, on_answer, w);
    opcua_lookup_cancel(ask(w, OPCUA_LOOKUP_WAY, "", PRESS));
    struct opcua_lookup *sent = ask(w, 0, "", PRESS);
    assert_false(loop_run_until(w->loop, is_answered, &(struct world){.wanted = 1}, 1));
    if (w->answered == 0)
        opcua_lookup_cancel(sent);
    opcua_lookup(w->session, 0, SLICE(""), SLICE(PRESS), on_answer, w, 1);
    unsigned before = w->answered;
    wait_for(w, before + 1);
    assert_int_equal(w->answered, before + 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_leads_to_a_node),
        cmocka_unit_test(what_is_not_there_is_said),
        cmocka_unit_test(names_and_ways_of_many_are_asked_for_together),
        cmocka_unit_test(a_lost_connection_asks_again),
        cmocka_unit_test(who_is_cancelled_hears_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
