/* What the outbox counts as in memory; the module's connection is the test's, time is simulated. */
#include "outbox/outbox.h"

#include "base/memory.h"
#include "client/device_double.h"
#include "io/sim.h"
#include "outbox/refused_schemas.h"

#include "base/cmocka.h"

struct rig {
    struct sim *sim;
    struct loop *loop;
    struct module *module;
    struct outbox_options options;
    struct outbox *outbox;
};

static const struct module_role_ops ops = {.type = "publisher"};

static int set_up(void **state)
{
    struct rig *r = MEMORY_NEW(struct rig);
    r->sim = sim_new(1);
    r->loop = sim_loop_new(r->sim, "host");
    r->module = module_new(&(struct module_config){
        .device = {.loop = r->loop, .device_id = "edge", .module_id = "publisher"}});
    r->options.transport = TRANSPORT_IOT_HUB;
    struct outbox_config config = {.loop = r->loop,
                                   .module = r->module,
                                   .role = module_add(r->module, &ops, r),
                                   .name = "p",
                                   .options = &r->options};
    module_start(r->module);
    device_double_connect();
    assert_int_equal(outbox_new(&config, &r->outbox), OK);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    module_free(&r->module);
    outbox_free(&r->outbox);
    sim_free(&r->sim);
    device_double_reset();
    free(r);
    return 0;
}

static void put_schema(struct rig *r)
{
    struct outgoing *m = outgoing_new();
    buffer_text(&m->body, "schema");
    m->topic = memory_text("group/schema");
    m->content_type = "application/schema+json";
    m->schema = true;
    outbox_put(r->outbox, m);
}

/* It comes into memory once more, and leaves it once more. */
static void a_schema_that_is_offered_again_is_counted_again(void **state)
{
    struct rig *r = *state;
    put_schema(r);
    assert_int_equal(outbox_counts(r->outbox).waiting_bytes, strlen("schema"));
    outbox_on_sent(r->outbox, 0, FORBIDDEN);
    assert_int_equal(outbox_counts(r->outbox).waiting_bytes, 0);
    sim_run(r->sim, sim_now_ms(r->sim) + REFUSED_SCHEMA_MS);
    assert_int_equal(device_double.sent, 2);
    assert_int_equal(outbox_counts(r->outbox).waiting_bytes, strlen("schema"));
    outbox_on_sent(r->outbox, 1, OK);
    assert_int_equal(outbox_counts(r->outbox).waiting_bytes, 0);
    assert_int_equal(outbox_counts(r->outbox).waiting, 0);
    assert_true(outbox_has_room_ua(r->outbox));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_schema_that_is_offered_again_is_counted_again, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
