/* What is told of an endpoint: who serves it, whether that one is there, and the state of its session. */
#include "services/endpoint_probe.h"
#include "services/routes_rig.h"

static bool is_tried(void *arg)
{
    (void)arg;
    return house.services.probes == 0;
}

/* Who is connected only the hub knows: "edge" has the twin that serves the endpoint. */
static void endpoints_are_chosen_by_who_serves_them(void **state)
{
    (void)state;
    static const char *const modules[] = {
        "[{\"deviceId\":\"edge\",\"moduleId\":\"twin\",\"connectionState\":\"Connected\"},"
        "{\"deviceId\":\"edge2\",\"moduleId\":\"twin\",\"connectionState\":\"Connected\"}]",
        "[{\"deviceId\":\"edge\",\"moduleId\":\"twin\",\"connectionState\":\"Disconnected\"}]"};
    static const struct {
        const char *query;
        size_t when_up, when_down;
    } rows[] = {
        {"{\"connected\":true}", 1, 0},
        {"{\"connected\":false}", 0, 1},
        {"{\"endpointState\":\"Disconnected\"}", 0, 1},
        {"{\"endpointState\":\"Ready\"}", 1, 0},
        {"{\"endpointState\":\"Connecting\"}", 0, 0},
        {"{\"connected\":true,\"activated\":false}", 0, 0},
    };
    assert_int_equal(call("POST", "/registry/v2/endpoints/query", "{\"connected\":true}"), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 0); /* it is not activated */
    assert_int_equal(call("POST", path_of("/registry/v2/endpoints/%s/activate", house.endpoint), ""), 200);
    assert_true(loop_run_until(house.loop, is_tried, NULL, WAIT_MS));
    for (int down = 0; down < 2; down++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            house.modules = modules[down];
            services_fleet_forget(house.services.fleet);
            assert_int_equal(call("POST", "/registry/v2/endpoints/query", rows[i].query), 200);
            assert_int_equal(json_count(in(answer.doc, "items")), down ? rows[i].when_down : rows[i].when_up);
            if (!down && i == 0)
                expect("items 0 activationState", "ActivatedAndConnected");
            if (down && i == 2)
                expect("items 0 endpointState", "Disconnected");
        }
    house.modules = modules[0];
    services_fleet_forget(house.services.fleet);
    assert_int_equal(call("GET", path_of("/registry/v2/supervisors/query?endpointId=%s", house.endpoint), ""), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 1);
    expect("items 0 id", "edge_module_twin");
    assert_int_equal(call("POST", "/registry/v2/supervisors/query", "{\"endpointId\":\"uatnone\"}"), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 0);
}

/* Who activates it waits until it says so, in a list or by itself; without the hub nobody can tell. */
static void an_endpoint_says_that_its_module_is_there(void **state)
{
    (void)state;
    char one[128];
    snprintf(one, sizeof one, "/registry/v2/endpoints/%s", house.endpoint);
    static const struct {
        const char *modules, *activation, *state;
    } rows[] = {
        {"[{\"deviceId\":\"edge\",\"moduleId\":\"twin\",\"connectionState\":\"Connected\"}]", "ActivatedAndConnected", "Ready"},
        {"[{\"deviceId\":\"edge\",\"moduleId\":\"other\",\"connectionState\":\"Connected\","
         "\"properties\":{\"reported\":{\"__type__\":\"supervisor\"}}}]", "Activated", "Disconnected"},
        {"[{\"deviceId\":\"edge\",\"moduleId\":\"twin\",\"connectionState\":\"Disconnected\"}]", "Activated", "Disconnected"},
        {NULL, "Activated", "Ready"},
    };
    assert_int_equal(call("GET", one, ""), 200);
    expect("activationState", "Deactivated");
    assert_int_equal(call("POST", path_of("/registry/v2/endpoints/%s/activate", house.endpoint), ""), 200);
    assert_true(loop_run_until(house.loop, is_tried, NULL, WAIT_MS));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        house.modules = rows[i].modules;
        house.down = rows[i].modules == NULL;
        services_fleet_forget(house.services.fleet);
        assert_int_equal(call("GET", one, ""), 200);
        expect("activationState", rows[i].activation);
        expect("endpointState", rows[i].state);
        assert_int_equal(call("GET", "/registry/v2/endpoints", ""), 200);
        expect("items 0 activationState", rows[i].activation);
        expect("items 0 endpointState", rows[i].state);
        assert_int_equal(call("POST", "/registry/v2/endpoints/query", "{\"activated\":true}"), 200);
        expect("items 0 activationState", rows[i].activation);
    }
    assert_int_equal(call("POST", "/registry/v2/endpoints/query", "{\"connected\":true}"), 502);
    struct services_fleet *fleet = house.services.fleet;
    house.services.fleet = NULL; /* no hub is configured */
    assert_int_equal(call("POST", "/registry/v2/endpoints/query", "{\"connected\":true}"), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), 0);
    assert_int_equal(call("GET", one, ""), 200);
    expect("activationState", "Activated");
    house.services.fleet = fleet;
}

static bool is_held_method(void *arg)
{
    (void)arg;
    return house.held_method != NULL;
}

static void let_method_go(void)
{
    struct rest_request *r = house.held_method;
    house.held_method = NULL;
    hub_method(r);
}

static void expect_state(const char *want)
{
    assert_int_equal(call("GET", path_of("/registry/v2/endpoints/%s", house.endpoint), ""), 200);
    expect("endpointState", want);
    assert_int_equal(call("GET", path_of("/registry/v2/endpoints/query?endpointState=%s", "Connecting"), ""), 200);
    assert_int_equal(json_count(in(answer.doc, "items")), strcmp(want, "Connecting") == 0);
}

/* Until its server is known to be reached, and from then on while a call tries it again. */
static void an_endpoint_is_connecting_while_a_session_is_made(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *state;
    } rows[] = {
        {"{\"status\":200,\"payload\":{\"errorInfo\":{\"symbolicId\":\"BadCertificateUntrusted\"}}}", "NoTrust"},
        {"{\"status\":503,\"payload\":{\"nothing\":\"said\"}}", "NoTrust"},
        {"{\"status\":200,\"payload\":{}}", "Ready"},
    };
    house.modules = "[{\"deviceId\":\"edge\",\"moduleId\":\"twin\",\"connectionState\":\"Connected\"}]";
    expect_state("");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        house.hold_method = true;
        house.hub_answer = rows[i].answer;
        assert_int_equal(call("POST", path_of("/registry/v2/endpoints/%s/activate", house.endpoint), ""), 200);
        assert_true(loop_run_until(house.loop, is_held_method, NULL, WAIT_MS));
        expect_state("Connecting");
        let_method_go();
        assert_true(loop_run_until(house.loop, is_tried, NULL, WAIT_MS));
        expect_state(rows[i].state);
        assert_int_equal(call("POST", path_of("/registry/v2/endpoints/%s/deactivate", house.endpoint), ""), 200);
    }
    house.hub_answer = "{\"status\":400,\"payload\":{\"detail\":\"BadTimeout: nobody\"}}";
    assert_int_equal(read_now(), 400);
    expect_state("NotReachable");
}

static void activate(void)
{
    assert_int_equal(call("POST", path_of("/registry/v2/endpoints/%s/activate", house.endpoint), ""), 200);
}

/* An endpoint is being tried from here on. */
static void begin_trial(const char *said)
{
    house.modules = "[{\"deviceId\":\"edge\",\"moduleId\":\"twin\",\"connectionState\":\"Connected\"}]";
    house.hold_method = true;
    house.hub_answer = said;
    activate();
    assert_true(loop_run_until(house.loop, is_held_method, NULL, WAIT_MS));
}

static void end_trial(const char *says)
{
    house.hub_answer = says;
    let_method_go();
    assert_true(loop_run_until(house.loop, is_tried, NULL, WAIT_MS));
}

#define NO_TRUST "{\"status\":200,\"payload\":{\"errorInfo\":{\"symbolicId\":\"BadCertificateUntrusted\"}}}"
#define NO_USER "{\"status\":200,\"payload\":{\"errorInfo\":{\"symbolicId\":\"BadIdentityTokenRejected\"}}}"
#define WELL "{\"status\":200,\"payload\":{}}"

/* Calls and trials speak of the same session: each that has something new to say is heard, and the later goes before. */
static void a_call_knows_what_a_trial_has_told(void **state)
{
    (void)state;
    begin_trial(NULL);
    end_trial(WELL);
    assert_int_equal(read_now(), 200); /* from now on the endpoint is remembered */
    services_endpoint_probe(&house.services, slice_of(house.endpoint));
    house.hub_answer = NO_TRUST;
    assert_true(loop_run_until(house.loop, is_tried, NULL, WAIT_MS));
    expect_state("NoTrust");
    house.hub_answer = WELL;
    assert_int_equal(read_now(), 200);
    expect_state("Ready");
}

static void a_trial_that_a_call_has_overtaken_tells_nothing(void **state)
{
    (void)state;
    begin_trial(WELL);
    assert_int_equal(read_now(), 200);
    end_trial(NO_TRUST);
    expect_state("Ready");
}

static void what_is_deactivated_meanwhile_is_not_connecting_and_keeps_no_state(void **state)
{
    (void)state;
    begin_trial(NULL);
    expect_state("Connecting");
    assert_int_equal(call("POST", path_of("/registry/v2/endpoints/%s/deactivate", house.endpoint), ""), 200);
    expect_state("");
    end_trial(WELL);
    expect_state("");
}

static void an_endpoint_is_tried_once_at_a_time(void **state)
{
    (void)state;
    begin_trial(NULL);
    activate();
    assert_int_equal(house.services.probes, 1);
    end_trial(WELL);
    expect_state("Ready");
    assert_int_equal(house.methods, 1);
}

static void register_with(const char *credential)
{
    bool filled = false;
    struct buffer events = {0};
    buffer_printf(&events,
                  "[{\"application\":{\"applicationUri\":\"urn:one\"},\"registration\":{\"authenticationMethods\":"
                  "[{\"id\":\"u\",\"credentialType\":\"%s\"}],\"endpoint\":{\"url\":\"opc.tcp://one:4840\","
                  "\"securityMode\":\"Sign\"}}}]",
                  credential);
    services_registry_ask(house.services.registry,
                          &(struct services_registry_ask){.what = REGISTRY_MERGE,
                                                          .discoverer = SLICE("edge_module_discovery"),
                                                          .supervisor = SLICE("edge_module_twin"),
                                                          .body = buffer_slice(&events)},
                          on_filled, &filled);
    assert_true(loop_run_until(house.loop, is_true, &filled, WAIT_MS));
    buffer_clear(&events);
}

/* A trial is nobody's: that a server asks for a user says nothing against the endpoint. */
static void who_takes_only_users_is_not_unauthorized(void **state)
{
    (void)state;
    register_with("UserName");
    begin_trial(NULL);
    end_trial(NO_USER);
    expect_state("");
    register_with("None");
    begin_trial(NULL);
    end_trial(NO_USER);
    expect_state("Unauthorized");
}

/* So a list is not held up by a hub that says nothing, however many pages it has; who chooses by what it says hears that. */
static void endpoints_do_not_wait_for_a_hub_that_hangs(void **state)
{
    (void)state;
    services_fleet_free(&house.services.fleet);
    house.services.fleet =
        services_fleet_new(&(struct services_fleet_config){
            .loop = house.loop, .hub = house.services.hub, .brief_ms = 1, .wait_ms = 1});
    assert_int_equal(call("POST", path_of("/registry/v2/endpoints/%s/activate", house.endpoint), ""), 200);
    house.hold = true;
    for (int page = 0; page < 3; page++) {
        assert_int_equal(call("GET", "/registry/v2/endpoints?pageSize=1", ""), 200);
        expect("items 0 activationState", "Activated");
    }
    assert_int_equal(call("POST", "/registry/v2/endpoints/query", "{\"connected\":true}"), 503);
    expect("detail", "the hub does not tell its modules in time");
    hub_let_go();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(endpoints_are_chosen_by_who_serves_them),
        TEST(an_endpoint_says_that_its_module_is_there),
        TEST(an_endpoint_is_connecting_while_a_session_is_made),
        TEST(endpoints_do_not_wait_for_a_hub_that_hangs),
        TEST(a_call_knows_what_a_trial_has_told),
        TEST(a_trial_that_a_call_has_overtaken_tells_nothing),
        TEST(what_is_deactivated_meanwhile_is_not_connecting_and_keeps_no_state),
        TEST(an_endpoint_is_tried_once_at_a_time),
        TEST(who_takes_only_users_is_not_unauthorized),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_free(&answer.doc);
    return failed;
}
