/* What a change in the registry does to those who are connected, or about to be. */
#include "hub/backend.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/cmocka.h"
#include "hub/hub_rig.h"
#include "hub/device.h"
#include "token/sas.h"

#define KEY "MDEyMzQ1Njc4OWFiY2RlZg=="
#define WAIT_MS 5000

static const char *const names[] = {"hub.example", NULL};

static struct {
    struct hub hub;
    struct loop *loop;
    bool answered;
} house;

/* One connection. */
struct guest {
    struct heads_session session; /* first */
    struct heads_device *device;
    enum status why;
    bool asked, closed;
};

static void signed_in(struct heads_session *s, enum status why, struct heads_device *device)
{
    struct guest *g = (struct guest *)s;
    g->why = why;
    g->device = device;
    g->asked = false;
}

static void on_close(struct heads_session *s, enum status why)
{
    struct guest *g = (struct guest *)s;
    (void)why;
    g->closed = true;
    house.hub.backend.ops->sign_out(&house.hub.backend, s, g->device);
    g->device = NULL;
}

static const struct heads_session_ops session_ops = {.signed_in = signed_in, .close = on_close};

static int begin(void **state)
{
    (void)state;
    struct hub *hub = &house.hub;
    house.loop = loop_new();
    hub_rig_begin(hub, house.loop, names);
    return registry_open(
        ":memory:", &hub->limits,
        &(struct registry_events){.on_identity = hub_backend_identity_changed, .arg = hub},
        &hub->registry);
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static int finish(void **state)
{
    (void)state;
    loop_run_until(house.loop, never, NULL, 10); /* what is still told */
    registry_close(&house.hub.registry);
    loop_free(&house.loop);
    map_clear(&house.hub.loops[0].devices);
    memset(&house, 0, sizeof(house));
    return 0;
}

static void on_answer(void *arg, const struct registry_answer *a)
{
    *(enum status *)arg = a->why;
    house.answered = true;
}

static bool is_answered(void *arg)
{
    (void)arg;
    return house.answered;
}

static void change(const struct registry_work *what, const char *device, const char *module,
                   const char *body, const char *if_match)
{
    enum status why = OK;
    house.answered = false;
    registry_ask(house.hub.registry, house.loop,
                 &(struct registry_ask){.what = what,
                                        .id = {slice_of(device), slice_of(module)},
                                        .body = slice_of(body),
                                        .if_match = slice_of(if_match)},
                 on_answer, &why);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
    assert_int_equal(why, OK);
}

static void make(const char *device, const char *module, const char *more)
{
    char body[512];
    snprintf(body, sizeof(body),
             "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"" KEY "\"}}%s}", more);
    change(&registry_identity_put, device, module, body,
           slice_eq(slice_of(module), SLICE("$edgeHub")) ? "*" : "");
}

static bool has_answer(void *arg)
{
    return !((struct guest *)arg)->asked;
}

static bool is_closed(void *arg)
{
    return ((struct guest *)arg)->closed;
}

/* Asks to be let in as `device`; with an edge in the chain, by the edge's token. */
static void knock(struct guest *g, const char *device, const char *edge)
{
    struct buffer token = {0}, resource = {0}, chain = {0};
    *g = (struct guest){.session = {.ops = &session_ops, .loop = house.loop}, .asked = true};
    buffer_printf(&resource, "hub.example/devices/%s%s", edge ? edge : device,
                  edge ? "/modules/$edgeHub" : "");
    if (edge)
        buffer_printf(&chain, "%s;%s/$edgeHub", device, edge);
    assert_int_equal(sas_make(buffer_slice(&resource), SLICE(KEY), (struct slice){0},
                              clock_wall_ms() + 3600000, &token),
                     OK);
    struct heads_credentials c = {.id = {.device = slice_of(device)},
                                  .sas = buffer_slice(&token),
                                  .auth_chain = buffer_slice(&chain),
                                  .peer = SLICE("here")};
    house.hub.backend.ops->sign_in(&house.hub.backend, &c, &g->session);
    buffer_clear(&token);
    buffer_clear(&resource);
    buffer_clear(&chain);
}

static void come(struct guest *g, const char *device, const char *edge)
{
    knock(g, device, edge);
    assert_true(loop_run_until(house.loop, has_answer, g, WAIT_MS));
    assert_int_equal(g->why, OK);
}

static void must_go(struct guest *g)
{
    assert_true(loop_run_until(house.loop, is_closed, g, WAIT_MS));
}

static void leave(struct guest *g)
{
    if (g->device)
        house.hub.backend.ops->sign_out(&house.hub.backend, &g->session, g->device);
}

static void may_stay(struct guest *g)
{
    loop_run_until(house.loop, never, NULL, 30); /* what was told has arrived */
    assert_false(g->closed);
}

static void who_is_disabled_goes_and_others_stay(void **state)
{
    (void)state;
    struct guest one, two;
    make("a", "", "");
    make("b", "", "");
    come(&one, "a", NULL);
    come(&two, "b", NULL);
    change(&registry_identity_put, "a", "", "{\"statusReason\":\"nothing that matters\"}", "*");
    may_stay(&one);
    change(&registry_identity_put, "a", "", "{\"status\":\"disabled\"}", "*");
    must_go(&one);
    may_stay(&two);
    change(&registry_identity_delete, "b", "", "", "*");
    must_go(&two);
}

static void on_found(void *arg, enum status why, const struct heads_identity *i)
{
    assert_int_equal(why, OK);
    buffer_put(arg, i->device_scope);
    house.answered = true;
}

static struct slice scope_of(const char *edge, struct buffer *out)
{
    house.answered = false;
    buffer_reset(out);
    registry_identity(house.hub.registry, house.loop, (struct iot_id){.device = slice_of(edge)},
                      on_found, out);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
    return buffer_slice(out);
}

static void make_edge(const char *edge)
{
    make(edge, "", ",\"capabilities\":{\"iotEdge\":true}");
    make(edge, "$edgeHub", "");
}

static void make_leaf(const char *leaf, const char *edge)
{
    char more[300];
    struct buffer s = {0};
    snprintf(more, sizeof(more), ",\"deviceScope\":\"%.*s\"", SLICE_FMT(scope_of(edge, &s)));
    buffer_clear(&s);
    make(leaf, "", more);
}

static void who_came_through_an_edge_goes_with_it(void **state)
{
    (void)state;
    struct guest leaf, alone, other;
    make_edge("e");
    make_edge("f");
    make_leaf("x", "e");
    make_leaf("y", "e");
    make_leaf("z", "f");
    come(&leaf, "x", "e");
    come(&alone, "y", NULL); /* in its scope, and came by itself */
    come(&other, "z", "f");
    change(&registry_identity_put, "e", "", "{\"statusReason\":\"nothing that matters\"}", "*");
    may_stay(&leaf);
    change(&registry_identity_put, "e", "", "{\"status\":\"disabled\"}", "*");
    must_go(&leaf);
    may_stay(&alone);
    may_stay(&other);
    change(&registry_identity_put, "f", "$edgeHub",
           "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"\"}}}", "*");
    must_go(&other);
    leave(&alone);
}

static void a_leaf_that_leaves_its_edge_goes_from_there(void **state)
{
    (void)state;
    struct guest leaf, alone;
    make_edge("e");
    make_leaf("x", "e");
    make_leaf("y", "e");
    come(&leaf, "x", "e");
    come(&alone, "y", NULL);
    change(&registry_identity_put, "y", "", "{\"deviceScope\":\"\"}", "*");
    may_stay(&alone);
    change(&registry_identity_put, "x", "", "{\"deviceScope\":\"\"}", "*");
    must_go(&leaf);
    leave(&alone);
}

/* The identities were read before the change, and the session would begin after it. */
static void who_is_on_the_way_in_is_looked_at_again(void **state)
{
    (void)state;
    struct guest leaf;
    make_edge("e");
    make_leaf("x", "e");
    knock(&leaf, "x", "e");
    change(&registry_identity_put, "e", "", "{\"status\":\"disabled\"}", "*");
    assert_true(loop_run_until(house.loop, has_answer, &leaf, WAIT_MS));
    if (leaf.why == OK)
        must_go(&leaf);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_is_disabled_goes_and_others_stay),
        TEST(who_came_through_an_edge_goes_with_it),
        TEST(a_leaf_that_leaves_its_edge_goes_from_there),
        TEST(who_is_on_the_way_in_is_looked_at_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
