/* The publisher's life: what is lost and what is not, and its file. */
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/socket.h>

#include "publisher/publisher_priv.h"
#include "publisher/publisher_rig.h"

/* ---- nothing is lost ---- */

static void values_go_on_after_the_server_was_restarted(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(50);
    opcua_server_close(&world.server);
    start_server();
    WAIT_FOR(was_restarted);
    want_more(100);
    assert_int_equal(world.out_of_order, 0);
    assert_int_equal(world.restarts, 2); /* one for each counter */
}

/* ---- what was missed ---- */

static struct missed {
    size_t late, live, lost, unmarked; /* live: of C0, since the restart; lost: of C1 */
    double first_live, last_live, first_late, last_late;
    bool gap;
} missed;

static void take_missed(const struct json *m, bool marked)
{
    const struct json *payload = json_get(m, "Payload");
    const struct json *c0 = json_get(payload, "C0"), *c1 = json_get(payload, "C1");
    bool late = json_bool(json_get(m, "Late"), false);
    double v = json_double(json_get(c0, "Value"), -1);
    missed.unmarked += late != marked;
    missed.lost += late && slice_eq(json_string(json_get(json_get(c1, "StatusCode"), "Symbol")),
                                    SLICE("BadDataLost"));
    if (!c0)
        return;
    if (!late) {
        if (v < missed.last_live)
            missed.first_live = v;
        missed.live = v < missed.last_live ? 1 : missed.live + (missed.live > 0);
        missed.last_live = v;
        return;
    }
    missed.gap |= missed.late && v != missed.last_late + 1;
    missed.first_late = missed.late++ ? missed.first_late : v;
    missed.last_late = v;
}

/* A server that begins anew tells live values from some time on, and those before are in its
 * history. */
static bool was_missed(void *arg)
{
    (void)arg;
    missed = (struct missed){0};
    for (size_t i = 0; i < hub.sent; i++) {
        struct json_doc *doc;
        struct slice property = {0};
        iot_property_find(buffer_slice(&hub.properties[i]), SLICE("millrace-late"), &property);
        assert_int_equal(json_parse(buffer_slice(&hub.bodies[i]), JSON_STRICT, &doc, NULL), OK);
        struct json_walk network = json_walk(json_root(doc));
        while (json_next(&network)) {
            struct json_walk sets = json_walk(json_get(network.value, "Messages"));
            while (json_next(&sets))
                take_missed(sets.value, slice_eq(property, SLICE("true")));
        }
        json_free(&doc);
    }
    return missed.late > 0 && missed.lost > 0 && missed.live > 50;
}

static void what_was_missed_is_read_from_history(void **state)
{
    (void)state;
    struct publisher_config config = {.defaults = defaults};
    config.defaults.backfill = true;
    with_history = true;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]", config);
    want_more(50);
    opcua_server_close(&world.server);
    start_server();
    with_history = false;
    WAIT_FOR(was_missed);
    assert_int_equal(missed.unmarked, 0);
    assert_int_equal(missed.first_late, 1);
    assert_false(missed.gap);
    assert_int_equal(missed.last_late + 1, missed.first_live);
    assert_int_equal(missed.lost, 1);
}

static void a_hub_that_takes_nothing_holds_the_server_back(void **state)
{
    (void)state;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]",
               (struct publisher_config){.outbox = {.memory_bytes = 4000}});
    want_more(50);
    hub.full = true;
    WAIT_FOR(is_held);
    struct publisher_counts c;
    publisher_counts(world.publisher, &c);
    assert_true(c.waiting_bytes < 100000);
    hub.full = false;
    hub.client->config.events->on_room(hub.client->config.arg);
    want_more(200);
    assert_int_equal(world.out_of_order, 0);
}

static void what_is_not_acknowledged_counts_as_waiting(void **state)
{
    (void)state;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]",
               (struct publisher_config){.outbox = {.memory_bytes = 4000}});
    want_more(50);
    hub.silent = true;
    WAIT_FOR(is_held);
    hub.silent = false;
    acknowledge(NULL);
    want_more(200);
    assert_int_equal(world.out_of_order, 0);
}

static void it_works_on_two_threads(void **state)
{
    (void)state;
    own_thread = true;
    start_with("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]",
               (struct publisher_config){.outbox = {.memory_bytes = 4000}});
    own_thread = false;
    want_more(50);
    hub.full = true;
    WAIT_FOR(is_held);
    hub.full = false;
    hub.client->config.events->on_room(hub.client->config.arg);
    want_more(100);
    assert_int_equal(world.out_of_order, 0);
}

/* ---- the file ---- */

static void a_change_is_applied_as_a_difference(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(50);
    struct publisher_counts c;
    write_file("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": [{\"Id\": \"nsu=urn:test;s=C1\", "
               "\"DisplayName\": \"C1\"},"
               "{\"Id\": \"nsu=urn:test;s=C7\", \"DisplayName\": \"C7\"}]}]");
    WAIT_FOR(has_last_counter);
    uint64_t before = world.seen[0];
    want_more(50);
    assert_int_equal(world.seen[0], before); /* it is gone */
    assert_int_equal(world.out_of_order, 0); /* nobody else noticed */
    publisher_counts(world.publisher, &c);
    assert_int_equal(c.config_loads, 2);
}

static void on_edited(void *arg, const struct config_answer *answer)
{
    assert_int_equal(answer->status, OK);
    *(bool *)arg = true;
}

static void a_method_changes_what_is_published(void **state)
{
    (void)state;
    bool edited = false;
    struct buffer payload = {0};
    struct publisher_counts c;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(50);
    buffer_printf(&payload,
                  "{\"EndpointUrl\": \"opc.tcp://127.0.0.1:%d\", \"OpcNodes\": [{\"Id\": "
                  "\"nsu=urn:test;s=C7\", \"DisplayName\": \"C7\"}]}",
                  world.port);
    publisher_edit(world.publisher, SLICE("PublishNodes_V1"), buffer_slice(&payload), on_edited,
                   &edited);
    assert_false(edited);
    WAIT_FOR(has_last_counter);
    assert_true(edited); /* it was on the disk before */
    want_more(50);
    assert_int_equal(world.out_of_order, 0); /* nobody else noticed */
    publisher_counts(world.publisher, &c);
    assert_int_equal(c.config_loads, 2);
    buffer_clear(&payload);
}

static bool has_refused(void *arg)
{
    (void)arg;
    struct publisher_counts c;
    publisher_counts(world.publisher, &c);
    return c.config_refused > 0;
}

static void a_broken_file_leaves_what_runs(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(20);
    write_file("[{\"EndpointUrl\": \"%s\", oops");
    want_more(400); /* long enough for the file to be seen */
    write_file("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": [{\"Id\": 5}, {\"Id\": "
               "\"nsu=urn:test;s=C0\", \"DisplayName\": \"C0\"}]}]");
    WAIT_FOR(has_refused); /* the bad node alone */
    want_more(20);
    assert_int_equal(world.out_of_order, 0);
    struct publisher_counts c;
    publisher_counts(world.publisher, &c);
    assert_int_equal(c.config_loads, 2);
}

#define HELPERS 64 /* more than there are */

static void wait_for_gate(void *arg)
{
    assert_int_equal(sem_wait(arg), 0);
}

static void open_gate(void *arg)
{
    assert_int_equal(sem_post(arg), 0);
}

static void nothing(void *arg)
{
    (void)arg;
}

static bool has_no_engine(void *arg)
{
    (void)arg;
    return world.publisher->stopped;
}

/* Until the gate opens all helper threads wait there, and what is to be read waits for one of them. */
static void end_while_a_file_is_read(bool runs)
{
    sem_t gate, begun;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    assert_int_equal(sem_init(&begun, 0, 0), 0);
    start_with("[]", (struct publisher_config){.workload_uri = "http://127.0.0.1:1",
                                               .workload_module = "m",
                                               .workload_generation = "1"});
    for (int i = 0; i < HELPERS; i++)
        loop_work(world.loop, wait_for_gate, nothing, &gate);
    publisher_on_file(world.publisher, OK,
                      SLICE("[{\"EndpointUrl\": \"opc.tcp://a\", \"OpcNodes\": [{\"Id\": \"i=1\"}]}, "
                            "{\"EndpointUrl\": \"opc.tcp://a\", \"EncryptedAuthUsername\": \"YQ==\", "
                            "\"OpcAuthenticationMode\": \"UsernamePassword\"}]"));
    loop_work(world.loop, open_gate, nothing, &begun); /* after the file */
    publisher_stop(world.publisher, on_stopped, NULL);
    assert_true(loop_run_until(world.loop, has_no_engine, NULL, WAIT_MS));
    assert_false(world.stopped);
    world.publisher->stop_at_ms = 0; /* it has waited long enough */
    assert_true(loop_run_until(world.loop, is_stopped, NULL, WAIT_MS));
    module_free(&world.module);
    opcua_thread_free(&world.thread);
    publisher_free(&world.publisher);
    for (int i = 0; i < HELPERS; i++)
        open_gate(&gate);
    if (runs)
        wait_for_gate(&begun);
    loop_free(&world.loop);
    sem_destroy(&gate);
    sem_destroy(&begun);
}

static void a_file_that_is_still_read_at_the_end_is_dropped(void **state)
{
    end_while_a_file_is_read(true);
    stop(state);
    end_while_a_file_is_read(false);
}

static bool misses_secrets(void *arg)
{
    (void)arg;
    return world.publisher->config_loads == 1 && !world.publisher->load &&
           credentials_missing(world.publisher->credentials) > 0;
}

/* The workload API took the connection; it will never answer. */
static bool asks_in_vain(void *arg)
{
    struct pollfd p = {*(int *)arg, POLLIN, 0};
    return poll(&p, 1, 0) == 1;
}

static bool has_loaded_twice(void *arg)
{
    (void)arg;
    return world.publisher->config_loads == 2 && !world.publisher->load;
}

#define WITH_SECRET(more)                                                                          \
    "[{\"EndpointUrl\": \"%s\", \"EncryptedAuthUsername\": \"YQ==\", "                             \
    "\"OpcAuthenticationMode\": \"UsernamePassword\", \"OpcNodes\": [{\"Id\": \"i=2258\"}" more "]}]"

/* Neither for the round that is under way nor, after it, for what it did not bring. */
static void a_changed_file_does_not_wait_for_missing_secrets(void **state)
{
    (void)state;
    char uri[64];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int api = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(api, (struct sockaddr *)&address, len), 0); /* and refuses */
    assert_int_equal(getsockname(api, (struct sockaddr *)&address, &len), 0);
    snprintf(uri, sizeof uri, "http://127.0.0.1:%d", ntohs(address.sin_port));
    start_with(WITH_SECRET(""),
               (struct publisher_config){.workload_uri = uri, .workload_module = "m", .workload_generation = "1"});
    WAIT_FOR(misses_secrets);
    assert_int_equal(listen(api, 8), 0);
    assert_true(loop_run_until(world.loop, asks_in_vain, &api, WAIT_MS));
    write_file(WITH_SECRET(", {\"Id\": \"i=2259\"}"));
    assert_true(loop_run_until(world.loop, has_loaded_twice, NULL, CREDENTIALS_MS / 2));
    assert_true(credentials_missing(world.publisher->credentials) > 0);
    close(api);
}

static void metrics_are_prometheus_text(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(20);
    struct buffer out = {0};
    publisher_metrics(world.publisher, &out);
    assert_non_null(
        strstr(buffer_cstr(&out),
               "# TYPE millrace_publisher_sent_total counter\nmillrace_publisher_sent_total "));
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(values_go_on_after_the_server_was_restarted, stop),
        cmocka_unit_test_teardown(what_was_missed_is_read_from_history, stop),
        cmocka_unit_test_teardown(a_hub_that_takes_nothing_holds_the_server_back, stop),
        cmocka_unit_test_teardown(what_is_not_acknowledged_counts_as_waiting, stop),
        cmocka_unit_test_teardown(it_works_on_two_threads, stop),
        cmocka_unit_test_teardown(a_change_is_applied_as_a_difference, stop),
        cmocka_unit_test_teardown(a_method_changes_what_is_published, stop),
        cmocka_unit_test_teardown(a_broken_file_leaves_what_runs, stop),
        cmocka_unit_test_teardown(a_file_that_is_still_read_at_the_end_is_dropped, stop),
        cmocka_unit_test_teardown(a_changed_file_does_not_wait_for_missing_secrets, stop),
        cmocka_unit_test_teardown(metrics_are_prometheus_text, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
