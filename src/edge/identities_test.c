#include "edge/identities.h"

#include "base/buffer.h"
#include "base/cmocka.h"

struct test {
    struct loop *loop;
    struct edge_identities *identities;
    struct buffer told;
};

static void on_changed(void *arg, struct iot_id id)
{
    iot_id_print(id, &((struct test *)arg)->told);
}

static void on_identity(void *arg, enum status why, const struct heads_identity *identity)
{
    struct test *t = arg;
    buffer_printf(&t->told, "%s %.*s", status_name(why),
                  SLICE_FMT(identity ? identity->primary_key : (struct slice){0}));
    loop_stop(t->loop);
}

static int setup(void **state)
{
    struct test *t = test_calloc(1, sizeof(*t));
    t->loop = loop_new();
    *state = t;
    return edge_identities_open(
        &(struct edge_identities_config){.loop = t->loop, .on_changed = on_changed, .arg = t}, &t->identities);
}

static int teardown(void **state)
{
    struct test *t = *state;
    edge_identities_close(&t->identities);
    loop_free(&t->loop);
    buffer_clear(&t->told);
    test_free(t);
    return 0;
}

static struct heads_identity plc(const char *key)
{
    return (struct heads_identity){.id = {SLICE("site"), SLICE("plc")}, .enabled = true, .primary_key = slice_of(key)};
}

static void expect(struct test *t, const char *told)
{
    assert_string_equal(buffer_cstr(&t->told), told);
    buffer_reset(&t->told);
}

static void tells_of_an_identity_only_when_it_is_other_than_it_was(void **state)
{
    struct test *t = *state;
    struct heads_identity i = plc("k1");
    edge_identities_put(t->identities, &i); /* new: nobody can have signed in as it */
    edge_identities_put(t->identities, &i);
    expect(t, "");
    i = plc("k2");
    edge_identities_put(t->identities, &i);
    expect(t, "site/plc");
    i.enabled = false;
    edge_identities_put(t->identities, &i);
    expect(t, "site/plc");
}

static void answers_on_a_later_turn(void **state)
{
    struct test *t = *state;
    struct heads_identity i = plc("k1");
    edge_identities_put(t->identities, &i);
    edge_identities_get(t->identities, i.id, on_identity, t);
    expect(t, "");
    loop_run(t->loop);
    expect(t, "OK k1");
    edge_identities_get(t->identities, (struct iot_id){.device = SLICE("stranger")}, on_identity, t);
    loop_run(t->loop);
    expect(t, "NOT_FOUND ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_of_an_identity_only_when_it_is_other_than_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_on_a_later_turn, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
