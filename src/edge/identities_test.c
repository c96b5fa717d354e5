#include "edge/identities.h"

#include <stdio.h>

#include "base/buffer.h"
#include "io/sim.h"
#include "rest/client.h"
#include "base/cmocka.h"

/* ---- a hub that answers when the test says so; it takes the place of rest/client.c ---- */

#define CALLS_MAX 4

static struct {
    struct {
        char url[256];
        rest_client_fn *done;
        void *arg;
    } calls[CALLS_MAX];
    size_t count; /* unanswered */
} hub;

enum status rest_client_send(struct rest_client *c, const struct rest_call *call, rest_client_fn *done, void *arg)
{
    (void)c;
    assert_in_range(hub.count, 0, CALLS_MAX - 1);
    snprintf(hub.calls[hub.count].url, sizeof(hub.calls[0].url), "%s", call->url);
    hub.calls[hub.count].done = done;
    hub.calls[hub.count++].arg = arg;
    return OK;
}

/* Answers the oldest, which must be about `target`. */
static void hub_answers(const char *target, int status, const char *body)
{
    struct rest_answer a = {.status = status, .body = slice_of(body)};
    assert_true(hub.count > 0);
    assert_non_null(strstr(hub.calls[0].url, target));
    rest_client_fn *done = hub.calls[0].done;
    void *arg = hub.calls[0].arg;
    memmove(&hub.calls[0], &hub.calls[1], --hub.count * sizeof(hub.calls[0]));
    done(arg, status ? OK : OFFLINE, status ? &a : NULL);
}

#define SELF "targetDeviceId=site&targetModuleId=%24edgeHub&"
#define SELF_KNOWN "{\"devices\":[{\"deviceId\":\"site\"}],\"modules\":[{\"deviceId\":\"site\",\"moduleId\":\"$edgeHub\"}]}"
#define PLC "targetDeviceId=site&targetModuleId=plc&"
#define PLC_KNOWN                                                                                                    \
    "{\"devices\":[],\"modules\":[{\"deviceId\":\"site\",\"moduleId\":\"plc\",\"status\":\"disabled\","           \
    "\"authentication\":{\"type\":\"sas\",\"symmetricKey\":{\"primaryKey\":\"k9\"}}}]}"

struct test {
    struct sim *sim;
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

/* The same, on a loop of the simulation. */
static void on_word(void *arg, enum status why, const struct heads_identity *identity)
{
    struct test *t = arg;
    buffer_printf(&t->told, "[%s %.*s]", status_name(why),
                  SLICE_FMT(identity ? identity->primary_key : (struct slice){0}));
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

static int setup_with_hub(void **state)
{
    struct test *t = test_calloc(1, sizeof(*t));
    t->sim = sim_new(1);
    t->loop = sim_loop_new(t->sim, "site");
    *state = t;
    hub.count = 0;
    enum status s = edge_identities_open(
        &(struct edge_identities_config){
            .loop = t->loop,
            .rest = (struct rest_client *)&hub,
            .hub_url = "https://hub",
            .hub_host = "hub",
            .device_id = "site",
            .key = "a2V5a2V5a2V5",
            .on_changed = on_changed,
            .arg = t,
        },
        &t->identities);
    assert_int_equal(s, OK);
    hub_answers("devicesAndModulesInDeviceScope", 200, "{\"devices\":[],\"modules\":[]}");
    return 0;
}

static int teardown_with_hub(void **state)
{
    struct test *t = *state;
    edge_identities_close(&t->identities);
    sim_free(&t->sim);
    buffer_clear(&t->told);
    test_free(t);
    return 0;
}

static void pass_time(struct test *t, uint64_t ms)
{
    sim_run(t->sim, sim_now_ms(t->sim) + ms);
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

static const struct iot_id plc_id = {SLICE_INIT("site"), SLICE_INIT("plc")};

static void knock(struct test *t, struct iot_id id)
{
    edge_identities_get(t->identities, id, on_word, t);
    pass_time(t, 1);
}

static void asks_the_hub_once_about_a_stranger_who_knocks_and_knocks(void **state)
{
    struct test *t = *state;
    knock(t, plc_id);
    knock(t, plc_id); /* while the hub is asked */
    assert_int_equal(hub.count, 1);
    hub_answers(PLC, 404, "");
    hub_answers(SELF, 200, SELF_KNOWN);
    expect(t, "[NOT_FOUND ][NOT_FOUND ]");
    for (int i = 0; i < 100; i++)
        knock(t, plc_id);
    assert_int_equal(hub.count, 0);
    pass_time(t, EDGE_IDENTITIES_ANSWER_MS);
    buffer_reset(&t->told);
    knock(t, plc_id);
    hub_answers(PLC, 200, PLC_KNOWN);
    expect(t, "[OK k9]");
}

static void remembers_so_many_strangers_and_no_more(void **state)
{
    struct test *t = *state;
    char name[16];
    for (int i = 0; i <= EDGE_IDENTITIES_ANSWERS_MAX; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        edge_identities_get(t->identities, (struct iot_id){.device = slice_of(name)}, on_word, t);
        while (hub.count == 0)
            sim_step(t->sim);
        hub_answers(name, 401, "");
    }
    assert_in_range(sim_now_ms(t->sim), 0, EDGE_IDENTITIES_ANSWER_MS - 10);
    knock(t, (struct iot_id){.device = slice_of(name)});
    assert_int_equal(hub.count, 0);
    knock(t, (struct iot_id){.device = SLICE("s0")}); /* the oldest had to go */
    hub_answers("targetDeviceId=s0&", 401, "");
    buffer_reset(&t->told);
}

static void takes_the_hub_s_word_over_its_own(void **state)
{
    struct test *t = *state;
    struct heads_identity i = plc("k1");
    edge_identities_put(t->identities, &i);
    edge_identities_ask(t->identities, plc_id, on_word, t);
    pass_time(t, 1);
    hub_answers(PLC, 200, PLC_KNOWN);
    expect(t, "site/plc[OK k9]");
    edge_identities_ask(t->identities, plc_id, on_word, t); /* at once again: the same word */
    pass_time(t, 1);
    expect(t, "[OK k9]");
    pass_time(t, EDGE_IDENTITIES_ANSWER_MS);
    edge_identities_ask(t->identities, plc_id, on_word, t);
    pass_time(t, 1);
    hub_answers(PLC, 404, "");
    hub_answers(SELF, 200, SELF_KNOWN);
    expect(t, "site/plc[NOT_FOUND ]");
}

/* What is told to an edge that is deleted itself, has lost its key or is no edge any more. */
static void forgets_nobody_because_the_hub_does_not_know_the_edge(void **state)
{
    struct test *t = *state;
    struct heads_identity i = plc("k1");
    edge_identities_put(t->identities, &i);
    edge_identities_ask(t->identities, plc_id, on_word, t);
    pass_time(t, 1);
    hub_answers(PLC, 404, "");
    hub_answers(SELF, 404, "");
    expect(t, "[UNAUTHORIZED ]");
    pass_time(t, EDGE_IDENTITIES_ANSWER_MS);
    edge_identities_ask(t->identities, plc_id, on_word, t);
    pass_time(t, 1);
    hub_answers(PLC, 401, "");
    expect(t, "[UNAUTHORIZED ]");
    pass_time(t, EDGE_IDENTITIES_ANSWER_MS);
    edge_identities_ask(t->identities, plc_id, on_word, t);
    pass_time(t, 1);
    hub_answers(PLC, 0, NULL);
    expect(t, "[OFFLINE ]");
    knock(t, plc_id);
    expect(t, "[OK k1]");
}

#define WITH_HUB(f) cmocka_unit_test_setup_teardown(f, setup_with_hub, teardown_with_hub)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_of_an_identity_only_when_it_is_other_than_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_on_a_later_turn, setup, teardown),
        WITH_HUB(asks_the_hub_once_about_a_stranger_who_knocks_and_knocks),
        WITH_HUB(remembers_so_many_strangers_and_no_more),
        WITH_HUB(takes_the_hub_s_word_over_its_own),
        WITH_HUB(forgets_nobody_because_the_hub_does_not_know_the_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
