/* The registry's rules: what a discovery does to it, what people do, and what lists and queries
 * show. */
#include "services/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "services/ids.h"
#include "json/json.h"

#include "base/cmocka.h"

#define WAIT_MS 20000

static struct house {
    struct loop *loop;
    struct services_registry *registry;
    /* The last answer: */
    bool answered;
    enum status why;
    struct json_doc *doc;
    const struct json *json;
} house;

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new()};
    assert_int_equal(services_registry_open(":memory:", house.loop, &house.registry), OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    services_registry_close(&house.registry);
    loop_free(&house.loop);
    json_free(&house.doc);
    return 0;
}

static void on_answer(void *arg, enum status why, struct slice json)
{
    (void)arg;
    house.answered = true;
    house.why = why;
    if (json.len > 0)
        assert_int_equal(json_parse(json, JSON_STRICT, &house.doc, NULL), OK);
    house.json = json_root(house.doc);
}

static bool is_answered(void *arg)
{
    (void)arg;
    return house.answered;
}

static enum status ask(struct services_registry_ask a)
{
    json_free(&house.doc);
    house.answered = false;
    services_registry_ask(house.registry, &a, on_answer, NULL);
    assert_false(house.answered);
    assert_true(loop_run_until(house.loop, is_answered, NULL, WAIT_MS));
    return house.why;
}

static const struct json *at(const char *path)
{
    const struct json *v = house.json;
    struct slice left = slice_of(path), name;
    while (left.len > 0 && slice_split(&left, ' ', &name)) {
        uint64_t index;
        v = json_is(v, JSON_ARRAY) && slice_to_u64(name, &index) ? json_at(v, index)
                                                                 : json_get_slice(v, name);
    }
    return v;
}

static void expect(const char *path, const char *text)
{
    if (!slice_eq(json_string(at(path)), slice_of(text)))
        fail_msg("%s: '%.*s'", path, SLICE_FMT(json_string(at(path))));
}

/* ---- discoveries ---- */

#define DISCOVERER "edge_module_discovery"
#define OTHER "edge2_module_discovery"
#define RESULT "{\"index\":9,\"result\":{\"id\":\"r\",\"registerOnly\":false}}"
#define REGISTER_ONLY "{\"index\":9,\"result\":{\"id\":\"r\",\"registerOnly\":true}}"

#define EVENT(uri, name, url, mode)                                                                \
    "{\"index\":0,\"application\":{\"applicationUri\":\"" uri "\",\"applicationType\":\"server\"," \
    "\"applicationName\":\"" name "\",\"capabilities\":[\"DA\",\"HD\"],\"siteId\":\"plant\","      \
    "\"unknown\":1,\"discovererId\":\"forged\"},"                                                  \
    "\"registration\":{\"endpointUrl\":\"" url "\",\"securityLevel\":3,"                           \
    "\"endpoint\":{\"url\":\"opc.tcp://10.0.0.1:4840\",\"securityMode\":\"" mode                   \
    "\",\"securityPolicy\":\"http://p#None\",\"certificate\":\"AB12\"}}}"
#define FIRST EVENT("urn:one", "One", "opc.tcp://one:4840", "None")
#define FIRST_SECURE EVENT("urn:ONE", "One", "opc.tcp://one:4840", "SignAndEncrypt")
#define SECOND EVENT("urn:two", "Two", "opc.tcp://two:4840", "None")

static enum status merge(const char *discoverer, const char *events)
{
    struct services_position positions[] = {{0, 41}, {3, 7}};
    return ask((struct services_registry_ask){.what = REGISTRY_MERGE,
                                              .body = slice_of(events),
                                              .discoverer = slice_of(discoverer),
                                              .supervisor = SLICE("edge_module_twin"),
                                              .positions = positions,
                                              .position_count = 2});
}

static const char *application_id(const char *uri)
{
    static char id[SERVICES_ID_MAX];
    services_ids_application(SLICE("plant"), SLICE("Server"), slice_of(uri), id);
    return id;
}

static enum status get(enum services_registry_what what, const char *id)
{
    return ask((struct services_registry_ask){.what = what, .id = slice_of(id)});
}

static size_t count(enum services_registry_what what, const char *query)
{
    struct json_doc *fields = NULL;
    if (query)
        assert_int_equal(json_parse(slice_of(query), JSON_STRICT, &fields, NULL), OK);
    assert_int_equal(ask((struct services_registry_ask){.what = what, .fields = json_root(fields)}),
                     OK);
    json_free(&fields);
    return json_count(at("items"));
}

static void a_discovery_registers_applications_and_endpoints(void **state)
{
    (void)state;
    uint64_t version = services_registry_version(house.registry);
    assert_int_equal(merge(DISCOVERER, "[" FIRST "," FIRST_SECURE "," SECOND "," RESULT "]"), OK);
    assert_true(services_registry_version(house.registry) > version);
    assert_int_equal(get(REGISTRY_APPLICATION, application_id("urn:one")), OK);
    expect("application applicationId", application_id("urn:one"));
    expect("application applicationType", "Server");
    expect("application applicationName", "One");
    expect("application discovererId", DISCOVERER);
    expect("application siteId", "plant");
    expect("application created authorityId", DISCOVERER);
    assert_null(at("application unknown"));
    assert_null(at("application notSeenSince"));
    assert_int_equal(json_count(at("endpoints")), 2);
    expect("endpoints 0 supervisorId", "edge_module_twin");
    expect("endpoints 0 endpointUrl", "opc.tcp://one:4840");
    expect("endpoints 0 endpoint url", "opc.tcp://10.0.0.1:4840");
    char endpoint[SERVICES_ID_MAX];
    services_ids_endpoint(SLICE("opc.tcp://one:4840"), slice_of(application_id("urn:one")),
                          SLICE("SignAndEncrypt"), SLICE("http://p#None"), endpoint);
    assert_int_equal(get(REGISTRY_ENDPOINT, endpoint), OK);
    expect("registration id", endpoint);
    expect("registration endpoint securityMode", "SignAndEncrypt");
    expect("applicationId", application_id("urn:one"));
    expect("activationState", "Deactivated");
}

static void what_is_not_found_again_is_disabled_and_comes_back(void **state)
{
    (void)state;
    assert_int_equal(merge(DISCOVERER, "[" FIRST "," FIRST_SECURE "," SECOND "," RESULT "]"), OK);
    assert_int_equal(merge(DISCOVERER, "[" FIRST "," RESULT "]"), OK);
    assert_int_equal(count(REGISTRY_APPLICATIONS, "{}"), 1);
    assert_int_equal(count(REGISTRY_APPLICATIONS, NULL), 2);
    assert_int_equal(count(REGISTRY_ENDPOINTS, "{}"), 1);
    assert_int_equal(count(REGISTRY_ENDPOINTS, "{\"includeNotSeenSince\":true}"), 3);
    assert_int_equal(get(REGISTRY_APPLICATION, application_id("urn:two")), OK);
    assert_non_null(at("application notSeenSince"));
    assert_int_equal(merge(DISCOVERER, "[" FIRST "," SECOND "," RESULT "]"), OK);
    assert_int_equal(get(REGISTRY_APPLICATION, application_id("urn:two")), OK);
    assert_null(at("application notSeenSince"));
    assert_non_null(at("application created"));
    assert_non_null(at("application updated"));
}

static void a_registration_disables_nothing(void **state)
{
    (void)state;
    assert_int_equal(merge(DISCOVERER, "[" FIRST "," RESULT "]"), OK);
    assert_int_equal(merge(DISCOVERER, "[" SECOND "," REGISTER_ONLY "]"), OK);
    assert_int_equal(count(REGISTRY_APPLICATIONS, "{}"), 2);
}

static void another_discoverers_application_stays_until_it_is_disabled(void **state)
{
    (void)state;
    assert_int_equal(merge(DISCOVERER, "[" FIRST "," RESULT "]"), OK);
    assert_int_equal(
        merge(OTHER, "[" EVENT("urn:one", "Stolen", "opc.tcp://one:4840", "None") "," RESULT "]"),
        OK);
    assert_int_equal(get(REGISTRY_APPLICATION, application_id("urn:one")), OK);
    expect("application applicationName", "One");
    expect("application discovererId", DISCOVERER);
    assert_int_equal(merge(DISCOVERER, "[" RESULT "]"), OK);
    assert_int_equal(
        merge(OTHER, "[" EVENT("urn:one", "Taken", "opc.tcp://one:4840", "None") "," RESULT "]"),
        OK);
    assert_int_equal(get(REGISTRY_APPLICATION, application_id("urn:one")), OK);
    expect("application applicationName", "Taken");
    expect("application discovererId", OTHER);
    assert_null(at("application notSeenSince"));
}

static void a_discovery_of_two_sites_is_dropped(void **state)
{
    (void)state;
    assert_int_equal(merge(DISCOVERER,
                           "[" FIRST ",{\"application\":{\"applicationUri\":\"urn:x\",\"siteId\":"
                           "\"elsewhere\"}}," RESULT "]"),
                     OK);
    assert_int_equal(count(REGISTRY_APPLICATIONS, NULL), 0);
}

static void the_filter_of_a_discovery_activates(void **state)
{
    (void)state;
    assert_int_equal(
        merge(DISCOVERER,
              "[" FIRST "," FIRST_SECURE ",{\"result\":{\"discoveryConfig\":{\"activationFilter\":{"
              "\"securityMode\":\"SignAndEncrypt\",\"securityPolicies\":[\"http://P#none\"]}}}}]"),
        OK);
    assert_int_equal(count(REGISTRY_ENDPOINTS, "{\"activated\":true}"), 1);
    expect("items 0 registration endpoint securityMode", "SignAndEncrypt");
}

static void odd_events_do_no_harm(void **state)
{
    (void)state;
    assert_int_equal(merge(DISCOVERER,
                           "[1,null,[],{},{\"application\":5},{\"application\":{}},"
                           "{\"application\":{\"applicationUri\":\"urn:y\"},\"registration\":[]},"
                           "{\"application\":{\"applicationUri\":\"urn:y\"},\"registration\":{"
                           "\"endpoint\":{\"url\":7}}}]"),
                     OK);
    assert_int_equal(count(REGISTRY_APPLICATIONS, NULL), 1);
    assert_int_equal(count(REGISTRY_ENDPOINTS, NULL), 0);
    assert_int_equal(merge(DISCOVERER, "not json"), BAD_FORMAT);
}

static void positions_are_kept_with_the_merge(void **state)
{
    (void)state;
    assert_int_equal(merge(DISCOVERER, "[" FIRST "," RESULT "]"), OK);
    assert_int_equal(get(REGISTRY_POSITIONS, ""), OK);
    int64_t n = 0;
    assert_true(json_i64(at("0"), &n));
    assert_int_equal(n, 41);
    assert_true(json_i64(at("3"), &n));
    assert_int_equal(n, 7);
}

/* On a file, with the database's own thread. */
static void survives_a_restart(void **state)
{
    (void)state;
    char directory[] = "/tmp/services_registry_XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/registry.db", directory);
    for (int round = 0; round < 2; round++) {
        services_registry_close(&house.registry);
        assert_int_equal(services_registry_open(path, house.loop, &house.registry), OK);
        if (round == 0)
            assert_int_equal(merge(DISCOVERER, "[" FIRST "," SECOND "," RESULT "]"), OK);
    }
    assert_int_equal(count(REGISTRY_ENDPOINTS, "{}"), 2);
    assert_int_equal(get(REGISTRY_POSITIONS, ""), OK);
    assert_int_equal(json_count(house.json), 2);
    services_registry_close(&house.registry);
    static const char *const files[] = {"registry.db", "registry.db-wal", "registry.db-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, files[i]);
        remove(path);
    }
    assert_int_equal(rmdir(directory), 0);
}

/* ---- people ---- */

static enum status change(enum services_registry_what what, const char *id, const char *body)
{
    return ask((struct services_registry_ask){
        .what = what, .id = slice_of(id), .body = slice_of(body), .user = SLICE("anna")});
}

static void people_register_patch_and_delete(void **state)
{
    (void)state;
    const char *text =
        "{\"applicationUri\":\"urn:hand\",\"siteId\":\"plant\",\"productUri\":\"urn:p\","
        "\"locale\":\"en\",\"capabilities\":[\"DA\"],\"localizedNames\":{\"de\":\"Hand\"}}";
    assert_int_equal(change(REGISTRY_CREATE, "", text), OK);
    expect("id", application_id("urn:hand"));
    assert_int_equal(change(REGISTRY_CREATE, "", text), EXISTS);
    assert_int_equal(
        change(
            REGISTRY_PATCH, application_id("urn:hand"),
            "{\"productUri\":null,\"locale\":\"\",\"capabilities\":[],\"applicationName\":\"H\"}"),
        OK);
    assert_int_equal(get(REGISTRY_APPLICATION, application_id("urn:hand")), OK);
    expect("application productUri", "urn:p");
    expect("application applicationName", "H");
    expect("application localizedNames de", "Hand");
    expect("application created authorityId", "anna");
    expect("application updated authorityId", "anna");
    assert_null(at("application locale"));
    assert_null(at("application capabilities"));
    assert_non_null(at("application notSeenSince")); /* as 2.8 has it */
    assert_int_equal(get(REGISTRY_ENABLE, application_id("urn:hand")), OK);
    assert_int_equal(get(REGISTRY_APPLICATION, application_id("urn:hand")), OK);
    assert_null(at("application notSeenSince"));
    assert_int_equal(get(REGISTRY_DELETE, application_id("urn:hand")), OK);
    assert_int_equal(get(REGISTRY_APPLICATION, application_id("urn:hand")), NOT_FOUND);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    enum services_registry_what all[] = {REGISTRY_APPLICATION, REGISTRY_ENDPOINT,  REGISTRY_PATCH,
                                         REGISTRY_DISABLE,     REGISTRY_ENABLE,    REGISTRY_DELETE,
                                         REGISTRY_ACTIVATE,    REGISTRY_DEACTIVATE};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        assert_int_equal(change(all[i], "uas' OR 1=1 --", "{}"), NOT_FOUND);
}

static void what_is_known_of_a_session_is_shown_beside_its_endpoint(void **state)
{
    (void)state;
    assert_int_equal(merge(DISCOVERER, "[" FIRST "," SECOND "," RESULT "]"), OK);
    int all = count(REGISTRY_ENDPOINTS, "{}");
    char id[SERVICES_ID_MAX];
    snprintf(id, sizeof(id), "%.*s", SLICE_FMT(json_string(at("items 0 registration id"))));
    uint64_t version = services_registry_version(house.registry);
    assert_int_equal(change(REGISTRY_STATE, id, "\"NoTrust\""), OK);
    assert_int_equal(change(REGISTRY_STATE, id, "\"Ready\""), OK);
    assert_int_equal(change(REGISTRY_STATE, "uatnone", "\"Ready\""), OK);
    assert_int_equal(ask((struct services_registry_ask){
                         .what = REGISTRY_STATE, .id = slice_of(id), .body = SLICE("\"Busy\""), .if_activated = true}),
                     OK); /* it is not */
    assert_int_equal(services_registry_version(house.registry), version); /* it is no change of the registry */
    assert_int_equal(get(REGISTRY_ENDPOINT, id), OK);
    expect("endpointState", "Ready");
    assert_int_equal(ask((struct services_registry_ask){.what = REGISTRY_ENDPOINT, .id = slice_of(id), .desired_only = true}), OK);
    assert_null(at("endpointState"));
    assert_int_equal(count(REGISTRY_ENDPOINTS, "{\"endpointState\":\"ready\"}"), 1);
    assert_int_equal(count(REGISTRY_ENDPOINTS, "{\"endpointState\":\"NoTrust\"}"), 0);
    assert_int_equal(count(REGISTRY_ENDPOINTS, "{}"), all);
}

static void disabled_ones_can_be_purged_and_not_activated(void **state)
{
    (void)state;
    assert_int_equal(merge(DISCOVERER, "[" FIRST "," SECOND "," RESULT "]"), OK);
    count(REGISTRY_ENDPOINTS, "{}");
    char id[SERVICES_ID_MAX];
    snprintf(id, sizeof(id), "%.*s", SLICE_FMT(json_string(at("items 0 registration id"))));
    assert_int_equal(get(REGISTRY_ACTIVATE, id), OK);
    assert_int_equal(get(REGISTRY_ENDPOINT, id), OK);
    expect("activationState", "Activated");
    assert_int_equal(get(REGISTRY_DEACTIVATE, id), OK);
    assert_int_equal(get(REGISTRY_DISABLE, application_id("urn:one")), OK);
    assert_int_equal(get(REGISTRY_DISABLE, application_id("urn:two")), OK);
    assert_int_equal(get(REGISTRY_ACTIVATE, id), FORBIDDEN);
    assert_int_equal(ask((struct services_registry_ask){.what = REGISTRY_PURGE, .for_ms = 3600000}),
                     OK);
    assert_int_equal(count(REGISTRY_APPLICATIONS, NULL), 2);
    assert_int_equal(ask((struct services_registry_ask){.what = REGISTRY_PURGE}), OK);
    assert_int_equal(count(REGISTRY_APPLICATIONS, NULL), 0);
    assert_int_equal(count(REGISTRY_ENDPOINTS, NULL), 0);
}

/* ---- lists ---- */

static void queries_filter(void **state)
{
    (void)state;
    assert_int_equal(merge(DISCOVERER, "[" FIRST "," FIRST_SECURE "," SECOND "," RESULT "]"), OK);
    static const struct {
        enum services_registry_what what;
        const char *query;
        size_t want;
    } rows[] = {
        {REGISTRY_APPLICATIONS, "{\"applicationUri\":\"URN:One\"}", 1},
        {REGISTRY_APPLICATIONS, "{\"applicationName\":\"Two\"}", 1},
        {REGISTRY_APPLICATIONS, "{\"applicationName\":\"' OR 1=1 --\"}", 0},
        {REGISTRY_APPLICATIONS, "{\"applicationType\":\"Client\"}", 0},
        {REGISTRY_APPLICATIONS, "{\"applicationType\":\"Server\",\"siteOrGatewayId\":\"plant\"}",
         2},
        {REGISTRY_APPLICATIONS, "{\"capability\":\"hd\"}", 2},
        {REGISTRY_APPLICATIONS, "{\"capability\":\"AC\"}", 0},
        {REGISTRY_APPLICATIONS, "{\"discovererId\":\"" OTHER "\"}", 0},
        {REGISTRY_ENDPOINTS, "{\"url\":\"OPC.TCP://one:4840\"}", 2},
        {REGISTRY_ENDPOINTS, "{\"url\":\"opc.tcp://one:4840\",\"securityMode\":\"None\"}", 1},
        {REGISTRY_ENDPOINTS, "{\"certificate\":\"ab12\"}", 3},
        {REGISTRY_ENDPOINTS, "{\"securityPolicy\":\"http://p#NONE\"}", 3},
        {REGISTRY_ENDPOINTS,
         "{\"supervisorId\":\"edge_module_twin\",\"discovererId\":\"" DISCOVERER "\"}", 3},
        {REGISTRY_ENDPOINTS, "{\"activated\":true}", 0},
        {REGISTRY_ENDPOINTS, "{\"activated\":false}", 3},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (count(rows[i].what, rows[i].query) != rows[i].want)
            fail_msg("%s", rows[i].query);
}

static void lists_come_in_pages(void **state)
{
    (void)state;
    struct buffer events = {0};
    buffer_text(&events, "[");
    for (int i = 0; i < 25; i++)
        buffer_printf(&events,
                      "{\"application\":{\"applicationUri\":\"urn:%d\",\"siteId\":\"s\"}},", i);
    buffer_text(&events, RESULT "]");
    assert_int_equal(merge(DISCOVERER, buffer_cstr(&events)), OK);
    buffer_clear(&events);
    char after[SERVICES_ID_MAX] = "";
    size_t seen = 0, pages = 0;
    do {
        assert_int_equal(ask((struct services_registry_ask){
                             .what = REGISTRY_APPLICATIONS, .after = slice_of(after), .limit = 10}),
                         OK);
        seen += json_count(at("items"));
        pages++;
        snprintf(after, sizeof(after), "%.*s", SLICE_FMT(json_string(at("continuationToken"))));
    } while (after[0]);
    assert_int_equal(seen, 25);
    assert_int_equal(pages, 3);
    assert_int_equal(get(REGISTRY_SITES, ""), OK);
    assert_int_equal(json_count(at("sites")), 1);
    expect("sites 0", "s");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_discovery_registers_applications_and_endpoints),
        TEST(what_is_not_found_again_is_disabled_and_comes_back),
        TEST(a_registration_disables_nothing),
        TEST(another_discoverers_application_stays_until_it_is_disabled),
        TEST(a_discovery_of_two_sites_is_dropped),
        TEST(the_filter_of_a_discovery_activates),
        TEST(odd_events_do_no_harm),
        TEST(positions_are_kept_with_the_merge),
        TEST(survives_a_restart),
        TEST(people_register_patch_and_delete),
        TEST(what_is_not_there_is_not_found),
        TEST(what_is_known_of_a_session_is_shown_beside_its_endpoint),
        TEST(disabled_ones_can_be_purged_and_not_activated),
        TEST(queries_filter),
        TEST(lists_come_in_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
