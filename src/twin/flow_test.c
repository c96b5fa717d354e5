/* An answer longer than memory: it comes in pieces, and no faster than they are taken. */
#include "twin/request.h"
#include "twin/twin_rig.h"

#define NODES 6000 /* more than the server is asked for at once */

struct taking {
    struct module_call *call; /* that waits for a piece to be taken */
    struct buffer json;
    bool holds;
    int pieces, status;
};

static void add_plenty(struct opcua_server *s)
{
    uint16_t space = opcua_server_namespace(s, SPACE);
    struct opcua_place folder = {space, "Plenty"};
    opcua_server_add_folder(s, (struct opcua_place){0}, folder, "Plenty");
    for (int i = 0; i < NODES; i++) {
        char name[16];
        UA_UInt32 n = (UA_UInt32)i;
        snprintf(name, sizeof(name), "P%d", i);
        opcua_server_add_variable(s, folder, (struct opcua_place){space, name}, name, &n,
                                  &UA_TYPES[UA_TYPES_UINT32], false);
    }
}

static int set_up(void **state)
{
    rig_more = add_plenty;
    return setup(state);
}

static void take(void *arg)
{
    struct taking *t = arg;
    struct module_call *c = t->call;
    t->call = NULL;
    module_piece_taken(c, false);
}

static void on_piece(void *arg, struct module_call *c, struct slice json)
{
    struct taking *t = arg;
    buffer_put(&t->json, json);
    t->pieces++;
    t->call = c;
    if (!t->holds)
        loop_defer(world.loop, take, t);
}

static void on_answer(void *arg, int status, struct slice json)
{
    struct taking *t = arg;
    t->status = status;
    if (status == 200)
        buffer_put(&t->json, json);
}

static void begin(struct taking *t, const char *method, const char *request)
{
    struct buffer payload = {0};
    buffer_printf(&payload,
                  "{\"endpoint\":{\"url\":\"%s\",\"securityMode\":\"None\"},\"request\":%s}",
                  world.url, request);
    module_invoke_pieces(world.module, "test", slice_of(method), buffer_slice(&payload), on_piece,
                         on_answer, t);
    buffer_clear(&payload);
}

static bool is_over(void *arg)
{
    return ((struct taking *)arg)->status != 0;
}

static bool has_piece(void *arg)
{
    return ((struct taking *)arg)->call != NULL;
}

static size_t waiting(void)
{
    size_t count = 0;
    LIST_EACH(r, &world.twin->requests)
    LIST_EACH(p, &LIST_OF(r, struct twin_request, link)->pieces)
    count++;
    return count;
}

static bool is_full(void *arg)
{
    (void)arg;
    return waiting() == TWIN_PIECES_MAX - 1; /* one more is with the caller */
}

static bool is_forgotten(void *arg)
{
    (void)arg;
    return world.twin->request_count == 0;
}

/* Each node and each reference, once. */
static void assert_plenty(struct taking *t)
{
    struct json_doc *doc = NULL;
    size_t nodes = 0, references = 0;
    assert_int_equal(json_parse(buffer_slice(&t->json), JSON_STRICT, &doc, NULL), OK);
    struct json_walk walk = json_walk(json_root(doc));
    while (json_next(&walk)) {
        nodes += json_get(walk.value, "attributes") != NULL;
        references += json_get(walk.value, "reference") != NULL;
    }
    assert_int_equal(nodes, NODES + 1);
    assert_int_equal(references, NODES);
    json_free(&doc);
}

#define PLENTY "{\"nodeId\":[\"" SPACE "#s=Plenty\"]}"

static void a_long_answer_comes_in_pieces(void **state)
{
    (void)state;
    struct taking t = {0};
    begin(&t, "BrowseStream", PLENTY);
    assert_true(loop_run_until(world.loop, is_over, &t, WAIT_MS));
    assert_int_equal(t.status, 200);
    assert_true(t.pieces > TWIN_PIECES_MAX);
    assert_plenty(&t);
    assert_true(loop_run_until(world.loop, is_forgotten, NULL, WAIT_MS));
    buffer_clear(&t.json);
}

static void the_server_is_not_asked_on_while_nobody_takes(void **state)
{
    (void)state;
    struct taking t = {.holds = true};
    begin(&t, "BrowseStream", PLENTY);
    assert_true(loop_run_until(world.loop, is_full, NULL, WAIT_MS));
    for (int i = 0; i < 3; i++) /* meanwhile others are served, and no more comes */
        call("ValueRead_V2", "{\"nodeId\":\"" SPACE "#s=Number\"}");
    assert_true(is_full(NULL));
    assert_int_equal(t.pieces, 1);
    t.holds = false;
    take(&t);
    assert_true(loop_run_until(world.loop, is_over, &t, WAIT_MS));
    assert_plenty(&t);
    buffer_clear(&t.json);
}

static void who_goes_away_ends_it(void **state)
{
    (void)state;
    struct taking t = {.holds = true};
    begin(&t, "BrowseStream", PLENTY);
    assert_true(loop_run_until(world.loop, is_full, NULL, WAIT_MS));
    module_piece_taken(t.call, true);
    assert_true(loop_run_until(world.loop, is_over, &t, WAIT_MS));
    assert_int_equal(t.status, 410);
    assert_true(loop_run_until(world.loop, is_forgotten, NULL, WAIT_MS));
    buffer_clear(&t.json);
}

static void the_program_may_end_in_the_middle(void **state)
{
    struct taking t = {.holds = true};
    begin(&t, "BrowseStream", PLENTY);
    assert_true(loop_run_until(world.loop, has_piece, &t, WAIT_MS));
    teardown(state);
    assert_int_equal(t.status, 410);
    buffer_clear(&t.json);
    set_up(state);
}

/* Who takes no pieces has the same as a whole. */
static void who_takes_no_pieces_gets_it_at_once(void **state)
{
    (void)state;
    struct taking t = {0};
    struct buffer payload = {0};
    buffer_printf(&payload, "{\"endpoint\":{\"url\":\"%s\"},\"request\":" PLENTY "}", world.url);
    module_invoke(world.module, "test", SLICE("BrowseStream"), buffer_slice(&payload), 0, on_answer,
                  &t);
    assert_true(loop_run_until(world.loop, is_over, &t, WAIT_MS));
    assert_plenty(&t);
    buffer_clear(&payload);
    buffer_clear(&t.json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_answer_comes_in_pieces),
        cmocka_unit_test(the_server_is_not_asked_on_while_nobody_takes),
        cmocka_unit_test(who_goes_away_ends_it),
        cmocka_unit_test(the_program_may_end_in_the_middle),
        cmocka_unit_test(who_takes_no_pieces_gets_it_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, teardown);
}
