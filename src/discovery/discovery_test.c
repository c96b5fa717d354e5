/* The module against a real server in this process: what it sends is what the cloud would get. */
#include "discovery/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "client/device_double.h"
#include "io/stream.h"
#include "opcua/server.h"

#include "base/cmocka.h"

#define WAIT_MS 20000
#define EVENT "application/x-discovery-event-v2-json"
#define PROGRESS "application/x-discovery-message-v2-json"

static struct world {
    struct loop *loop;
    struct opcua_server *server;
    struct opcua_thread *thread;
    struct module *module;
    struct discovery *discovery;
    char url[128];
    int port;
} world;

static int setup(void **state)
{
    (void)state;
    struct opcua_server_config config = {
        .host = "127.0.0.1", .user = "me", .password = "secret", .plain_password = true};
    assert_int_equal(opcua_server_open(&config, &world.server), OK);
    assert_int_equal(opcua_server_start(world.server), OK);
    snprintf(world.url, sizeof(world.url), "%s", opcua_server_url(world.server));
    world.port = atoi(strrchr(world.url, ':') + 1);

    world.loop = loop_new();
    world.thread = opcua_thread_new(&(struct opcua_thread_config){.name = "discovery"});
    struct module_config module = {
        .device = {.loop = world.loop, .device_id = "edge", .module_id = "discovery"},
        .site = "plant",
    };
    world.module = module_new(&module);
    struct discovery_config discovery = {.module = world.module, .thread = world.thread};
    world.discovery = discovery_start(&discovery);
    module_start(world.module);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    discovery_stop(world.discovery);
    module_free(&world.module);
    opcua_thread_free(&world.thread);
    discovery_free(&world.discovery);
    loop_free(&world.loop);
    opcua_server_close(&world.server);
    device_double_reset();
    return 0;
}

static bool has_schema(size_t i, const char *schema)
{
    struct slice value;
    return iot_property_find(buffer_slice(&device_double.properties[i]), SLICE("$$MessageSchema"),
                             &value) &&
           slice_eq(value, slice_of(schema));
}

static bool has_text(size_t i, const char *text)
{
    struct slice body = buffer_slice(&device_double.bodies[i]);
    return slice_find_slice(body, slice_of(text)) < body.len;
}

static bool told(const char *event)
{
    char text[64];
    snprintf(text, sizeof(text), "\"eventType\":\"%s\"", event);
    for (size_t i = 0; i < device_double.sent; i++)
        if (has_schema(i, PROGRESS) && has_text(i, text))
            return true;
    return false;
}

static bool told_of(const char *event, const char *detail)
{
    char text[64];
    snprintf(text, sizeof(text), "\"eventType\":\"%s\"", event);
    for (size_t i = 0; i < device_double.sent; i++)
        if (has_schema(i, PROGRESS) && has_text(i, text) && has_text(i, detail))
            return true;
    return false;
}

static bool asks(void *arg)
{
    (void)arg;
    return told("EndpointsDiscoveryStarted");
}

static bool has_finished(void *arg)
{
    (void)arg;
    return told("Finished") || told("Cancelled");
}

/* The n-th event; the caller frees. */
static struct json_doc *event(size_t n)
{
    struct json_doc *doc;
    for (size_t i = 0; i < device_double.sent; i++) {
        if (!has_schema(i, EVENT) || n-- > 0)
            continue;
        assert_int_equal(
            json_parse(buffer_slice(&device_double.bodies[i]), JSON_STRICT, &doc, NULL), OK);
        return doc;
    }
    fail_msg("there is no such event");
    return NULL;
}

static size_t event_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < device_double.sent; i++)
        count += has_schema(i, EVENT);
    return count;
}

static bool has_two_events(void *arg)
{
    (void)arg;
    return event_count() >= 2;
}

static void discover(const char *request)
{
    device_double_method(1, "Discover_V2", request);
    if (device_double.status != 200)
        fail_msg("%d %s", device_double.status, buffer_cstr(&device_double.reply));
    assert_slice(buffer_slice(&device_double.reply), SLICE("true"));
}

static struct slice text_of(const struct json *v, const char *a, const char *b)
{
    return json_string(b ? json_get(json_get(v, a), b) : json_get(v, a));
}

static void check_registration(const struct json *r)
{
    struct slice id = text_of(r, "id", NULL);
    const struct json *methods = json_get(r, "authenticationMethods");
    assert_true(slice_starts(id, SLICE("uat")) && id.len == 43);
    assert_slice(text_of(r, "endpointUrl", NULL), slice_of(world.url));
    assert_slice(text_of(r, "endpoint", "url"), slice_of(world.url));
    assert_slice(text_of(r, "endpoint", "securityMode"), SLICE("None"));
    assert_slice(text_of(r, "endpoint", "securityPolicy"),
                 SLICE("http://opcfoundation.org/UA/SecurityPolicy#None"));
    assert_slice(text_of(r, "discovererId", NULL), SLICE("edge_module_discovery"));
    assert_slice(text_of(r, "siteId", NULL), SLICE("plant"));
    assert_int_equal(json_count(methods), 2);
    assert_slice(text_of(json_at(methods, 0), "credentialType", NULL), SLICE("None"));
    assert_slice(text_of(json_at(methods, 1), "credentialType", NULL), SLICE("UserName"));
}

static void check_application(const struct json *a)
{
    struct slice id = text_of(a, "applicationId", NULL);
    assert_true(slice_starts(id, SLICE("uas")) && id.len == 43);
    assert_slice(text_of(a, "applicationType", NULL), SLICE("Server"));
    assert_true(text_of(a, "applicationUri", NULL).len > 0);
    assert_slice(json_string(json_at(json_get(a, "hostAddresses"), 0)), SLICE("127.0.0.1"));
    assert_true(json_count(json_get(a, "discoveryUrls")) > 0);
}

/* One event for the endpoint, one for the end, of one time, counted through. */
static void check_events(bool registers_only)
{
    struct json_doc *first = event(0), *last = event(1);
    uint64_t index = 9, count = 9;
    assert_int_equal(event_count(), 2);
    assert_true(json_u64(json_get(json_root(first), "index"), &index) && index == 0);
    assert_true(json_u64(json_get(json_root(last), "index"), &count) && count == 1);
    assert_slice(text_of(json_root(first), "timeStamp", NULL),
                 text_of(json_root(last), "timeStamp", NULL));
    check_registration(json_get(json_root(first), "registration"));
    check_application(json_get(json_root(first), "application"));
    const struct json *result = json_get(json_root(last), "result");
    assert_slice(text_of(result, "id", NULL), SLICE("d1"));
    assert_int_equal(json_bool(json_get(result, "registerOnly"), !registers_only), registers_only);
    assert_slice(text_of(result, "context", "authorityId"), SLICE("me"));
    json_free(&first);
    json_free(&last);
}

static void a_scan_tells_each_endpoint_and_its_end(void **state)
{
    (void)state;
    char request[512];
    snprintf(request, sizeof(request),
             "{\"id\":\"d1\",\"discovery\":\"Fast\",\"configuration\":{\"addressRangesToScan\":"
             "\"127.0.0.1\",\"portRangesToScan\":\"%d-%d\"},\"context\":{\"authorityId\":\"me\"}}",
             world.port - 1, world.port);
    discover(request);
    assert_true(loop_run_until(world.loop, has_finished, NULL, WAIT_MS));
    check_events(false);
    static const char *const events[] = {"Started",
                                         "PortScanStarted",
                                         "PortScanResult",
                                         "PortScanFinished",
                                         "ServerDiscoveryStarted",
                                         "EndpointsDiscoveryStarted",
                                         "Finished",
                                         "EndpointsDiscoveryFinished",
                                         "ServerDiscoveryFinished"};
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        if (!told(events[i]))
            fail_msg("%s was not told", events[i]);
}

static void a_url_is_asked_by_itself(void **state)
{
    (void)state;
    char request[512];
    snprintf(
        request, sizeof(request),
        "{\"id\":\"d1\",\"configuration\":{\"discoveryUrls\":[\"%s\",\"opc.tcp://127.0.0.1:1\"]"
        "},\"context\":{\"authorityId\":\"me\"}}",
        world.url);
    discover(request);
    assert_true(loop_run_until(world.loop, has_finished, NULL, WAIT_MS));
    check_events(true);
}

static void nothing_found_is_told_too(void **state)
{
    (void)state;
    discover("{\"id\":\"d1\",\"discovery\":\"Off\"}");
    assert_true(loop_run_until(world.loop, has_finished, NULL, WAIT_MS));
    assert_int_equal(event_count(), 1);
}

static void requests_wait_for_each_other(void **state)
{
    (void)state;
    discover("{\"id\":\"a\"}");
    discover("{\"id\":\"b\"}");
    assert_true(told("Pending"));
    assert_true(loop_run_until(world.loop, has_two_events, NULL, WAIT_MS));
    struct json_doc *second = event(1);
    assert_slice(text_of(json_root(second), "result", "id"), SLICE("b"));
    json_free(&second);
}

static void a_scan_can_be_cancelled(void **state)
{
    (void)state;
    discover(
        "{\"id\":\"long\",\"configuration\":{\"addressRangesToScan\":\"127.0.0.1-127.0.0.200\","
        "\"portRangesToScan\":\"*\"}}");
    discover("{\"id\":\"waiting\"}");
    device_double_method(2, "Cancel_V2", "{\"id\":\"other\"}");
    assert_int_equal(device_double.status, 404);
    device_double_method(2, "Cancel_V2", "{\"id\":\"waiting\"}");
    assert_int_equal(device_double.status, 200);
    device_double_method(2, "Cancel_V2", "{\"id\":\"long\"}");
    assert_int_equal(device_double.status, 200);
    assert_true(loop_run_until(world.loop, has_finished, NULL, WAIT_MS));
    assert_true(told("Cancelled"));
    assert_int_equal(event_count(), 0);
}

/* A listener that takes connections and never says a word: whoever asks it waits long. */
static void nobody(void *arg, struct stream *s)
{
    (void)arg, (void)s;
}

static void what_is_cancelled_does_not_wait_for_answers(void **state)
{
    (void)state;
    struct listener *silent;
    char request[160];
    assert_int_equal(listener_open(&(struct listen_config){.loop = world.loop, .host = "127.0.0.1", .on_accept = nobody}, &silent), OK);
    snprintf(request, sizeof(request), "{\"id\":\"d1\",\"configuration\":{\"discoveryUrls\":[\"opc.tcp://127.0.0.1:%d\"]}}", listener_port(silent));
    discover(request);
    assert_true(loop_run_until(world.loop, asks, NULL, WAIT_MS));
    uint64_t began_ms = loop_now_ms(world.loop);
    device_double_method(2, "Cancel_V2", "{\"id\":\"d1\"}");
    assert_true(loop_run_until(world.loop, has_finished, NULL, WAIT_MS));
    assert_true(loop_now_ms(world.loop) - began_ms < 1000);
    assert_true(told("Cancelled"));
    listener_close(&silent);
}

/* ---- after a restart ---- */

static char folder[] = "/tmp/millrace-discovery-XXXXXX";

static void write_state(const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/edge_module_discovery.json", folder);
    assert_int_equal(file_write(path, slice_of(text)), OK);
}

/* The module as it starts again, with what it left. */
static void start_again(const char *text)
{
    snprintf(folder, sizeof(folder), "/tmp/millrace-discovery-XXXXXX");
    assert_non_null(mkdtemp(folder));
    write_state(text);
    discovery_stop(world.discovery);
    module_free(&world.module);
    discovery_free(&world.discovery);
    device_double_reset();
    struct module_config module = {.device = {.loop = world.loop, .device_id = "edge", .module_id = "discovery"}, .site = "plant"};
    world.module = module_new(&module);
    world.discovery = discovery_start(&(struct discovery_config){.module = world.module, .thread = world.thread, .state = folder});
    module_start(world.module);
    device_double_connect();
}

static bool state_is_gone(void *arg)
{
    char path[128];
    (void)arg;
    snprintf(path, sizeof(path), "%s/edge_module_discovery.json", folder);
    return access(path, F_OK) != 0;
}

static void a_discovery_goes_on_after_a_restart(void **state)
{
    (void)state;
    char text[512];
    snprintf(text, sizeof(text),
             "{\"recurring\":false,\"request\":{\"id\":\"d1\",\"discovery\":\"Fast\",\"configuration\":{\"addressRangesToScan\":"
             "\"127.0.0.1\",\"portRangesToScan\":\"1-9\"},\"context\":{\"authorityId\":\"me\"}},\"addresses\":\"127.0.0.1\","
             "\"ports\":\"1-9\",\"seed\":7,\"next\":4,\"found\":[\"%s\"]}",
             world.url);
    start_again(text);
    device_double_desired("{\"$version\":1}");
    assert_true(loop_run_until(world.loop, has_finished, NULL, WAIT_MS));
    check_events(false); /* the server that was found before, too */
    assert_true(told_of("PortScanStarted", "\"progress\":4"));
    assert_true(loop_run_until(world.loop, state_is_gone, NULL, WAIT_MS));
    rmdir(folder);
}

static void another_scan_than_what_was_left_begins_at_its_beginning(void **state)
{
    (void)state;
    start_again("{\"recurring\":false,\"request\":{\"id\":\"d1\",\"configuration\":{\"addressRangesToScan\":\"127.0.0.1\","
                "\"portRangesToScan\":\"1-9\"}},\"addresses\":\"127.0.0.2\",\"ports\":\"1-9\",\"seed\":7,\"next\":4,\"found\":[]}");
    device_double_desired("{\"$version\":1}");
    assert_true(loop_run_until(world.loop, has_finished, NULL, WAIT_MS));
    assert_true(told_of("PortScanStarted", "\"progress\":0"));
    assert_true(loop_run_until(world.loop, state_is_gone, NULL, WAIT_MS));
    rmdir(folder);
}

static void a_recurring_one_goes_on_when_it_is_still_wanted(void **state)
{
    (void)state;
    start_again("{\"recurring\":true,\"addresses\":\"127.0.0.1\",\"ports\":\"1-9\",\"seed\":7,\"next\":4,\"found\":[]}");
    device_double_desired("{\"Discovery\":\"Fast\",\"AddressRangesToScan\":\"127.0.0.1\",\"PortRangesToScan\":\"1-9\",\"$version\":3}");
    assert_true(loop_run_until(world.loop, has_finished, NULL, WAIT_MS));
    assert_true(told_of("PortScanStarted", "\"progress\":4"));
    assert_true(loop_run_until(world.loop, state_is_gone, NULL, WAIT_MS));
    rmdir(folder);
}

static bool scans(void *arg)
{
    (void)arg;
    return told("PortScanStarted");
}

/* One that runs ends, too, when it is not wanted any more. */
static void a_recurring_one_that_is_turned_off_ends(void **state)
{
    (void)state;
    start_again("{\"recurring\":true,\"addresses\":\"127.0.0.1-127.0.0.200\",\"ports\":\"1-65535\",\"seed\":7,\"next\":4,\"found\":[]}");
    device_double_desired("{\"Discovery\":\"Fast\",\"AddressRangesToScan\":\"127.0.0.1-127.0.0.200\",\"PortRangesToScan\":\"*\",\"$version\":3}");
    assert_true(loop_run_until(world.loop, scans, NULL, WAIT_MS));
    device_double_desired("{\"Discovery\":\"Off\",\"$version\":4}");
    assert_true(loop_run_until(world.loop, has_finished, NULL, WAIT_MS));
    assert_true(told("Cancelled"));
    assert_true(loop_run_until(world.loop, state_is_gone, NULL, WAIT_MS));
    rmdir(folder);
}

static void what_cannot_be_read_is_left(void **state)
{
    (void)state;
    start_again("{\"recurring\":");
    device_double_desired("{\"$version\":1}");
    discover("{\"id\":\"d1\"}");
    assert_true(loop_run_until(world.loop, has_finished, NULL, WAIT_MS));
    assert_true(loop_run_until(world.loop, state_is_gone, NULL, WAIT_MS));
    rmdir(folder);
}

static void requests_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "5",
        "{\"discovery\":\"Everywhere\"}",
        "{\"configuration\":{\"addressRangesToScan\":\"x\"}}",
        "{\"configuration\":{\"portRangesToScan\":\"70000\"}}",
        "{\"configuration\":{\"discoveryUrls\":[\"http://x\"]}}",
        "{\"configuration\":{\"portProbeTimeout\":\"soon\"}}",
        "{\"configuration\":5}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        device_double_method(1, "Discover_V2", bad[i]);
        assert_int_equal(device_double.status, 400);
    }
    device_double_method(1, "Discover_V2",
                         "{\"configuration\":{\"addressRangesToScan\":\"0.0.0.0/0\"}}");
    assert_int_equal(device_double.status, 413);
}

static bool is_answered(void *arg)
{
    (void)arg;
    return device_double.status != 0;
}

/* The caller frees. */
static struct json_doc *find(const char *query, int status)
{
    struct json_doc *doc;
    device_double.status = 0;
    device_double_method(1, "FindServer_V2", query);
    assert_true(loop_run_until(world.loop, is_answered, NULL, WAIT_MS));
    assert_int_equal(device_double.status, status);
    assert_int_equal(json_parse(buffer_slice(&device_double.reply), JSON_STRICT, &doc, NULL), OK);
    return doc;
}

static void one_server_is_asked_while_the_caller_waits(void **state)
{
    (void)state;
    char query[300];
    snprintf(query, sizeof(query), "{\"discoveryUrl\":\"%s\",\"securityMode\":\"None\"}", world.url);
    struct json_doc *found = find(query, 200);
    check_application(json_get(json_root(found), "application"));
    check_registration(json_at(json_get(json_root(found), "endpoints"), 0));
    assert_int_equal(json_count(json_get(json_root(found), "endpoints")), 1);
    json_free(&found);
    snprintf(query, sizeof(query), "{\"url\":\"%s\",\"securityMode\":\"NotNone\"}", world.url);
    found = find(query, 404);
    json_free(&found);
    found = find("{\"discoveryUrl\":\"http://x\"}", 400);
    json_free(&found);
    assert_int_equal(event_count(), 0);
}

static void whom_nobody_waits_for_any_more_is_let_go(void **state)
{
    (void)state;
    char query[300];
    snprintf(query, sizeof(query), "{\"discoveryUrl\":\"%s\"}", world.url);
    device_double_method(1, "FindServer_V2", query); /* and the test ends */
}

static void registering_is_a_discovery_of_one_url(void **state)
{
    (void)state;
    char request[300];
    snprintf(request, sizeof(request), "{\"id\":\"r1\",\"discoveryUrl\":\"%s\"}", world.url);
    device_double_method(1, "Register_V2", request);
    assert_int_equal(device_double.status, 200);
    assert_true(loop_run_until(world.loop, has_two_events, NULL, WAIT_MS));
    device_double_method(2, "Register_V2", "{}");
    assert_int_equal(device_double.status, 400);
}

static void requests_have_a_bound(void **state)
{
    (void)state;
    for (int i = 0; i <= DISCOVERY_REQUESTS_MAX; i++)
        discover("{}");
    device_double_method(1, "Discover_V2", "{}");
    assert_int_equal(device_double.status, 429);
}

static bool was_refused(void *arg)
{
    (void)arg;
    return device_double.refused > 0;
}

/* The hub makes room on each look. */
static bool has_event_after_room(void *arg)
{
    (void)arg;
    device_double.client->config.events->on_room(device_double.client->config.arg);
    return event_count() > 0;
}

static void what_does_not_fit_in_the_window_waits(void **state)
{
    (void)state;
    device_double.full = true;
    discover("{\"id\":\"d1\"}");
    assert_true(loop_run_until(world.loop, was_refused, NULL, WAIT_MS));
    assert_int_equal(device_double.sent, 0);
    device_double.full = false;
    assert_true(loop_run_until(world.loop, has_event_after_room, NULL, WAIT_MS));
    assert_int_equal(event_count(), 1);
}

static void desired_properties_are_reported_back(void **state)
{
    (void)state;
    device_double_connect();
    device_double_desired("{\"Discovery\":\"Fast\",\"PortRangesToScan\":\"4840\",\"LogLevel\":"
                          "\"Debug\",\"$version\":3}");
    assert_slice(buffer_slice(&device_double.reported),
                 SLICE("{\"Discovery\":\"Fast\",\"PortRangesToScan\":\"4840\"}"));
    device_double_desired("{\"Discovery\":null,\"$version\":4}");
    assert_slice(buffer_slice(&device_double.reported), SLICE("{\"Discovery\":null}"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_scan_tells_each_endpoint_and_its_end),
        TEST(a_url_is_asked_by_itself),
        TEST(nothing_found_is_told_too),
        TEST(requests_wait_for_each_other),
        TEST(a_scan_can_be_cancelled),
        TEST(what_is_cancelled_does_not_wait_for_answers),
        TEST(a_discovery_goes_on_after_a_restart),
        TEST(another_scan_than_what_was_left_begins_at_its_beginning),
        TEST(a_recurring_one_goes_on_when_it_is_still_wanted),
        TEST(a_recurring_one_that_is_turned_off_ends),
        TEST(what_cannot_be_read_is_left),
        TEST(requests_that_make_no_sense_are_refused),
        TEST(one_server_is_asked_while_the_caller_waits),
        TEST(whom_nobody_waits_for_any_more_is_let_go),
        TEST(registering_is_a_discovery_of_one_url),
        TEST(requests_have_a_bound),
        TEST(what_does_not_fit_in_the_window_waits),
        TEST(desired_properties_are_reported_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
