/* What the hub's query sees of the registry, and that a row comes back as it was. */
#include "services/hub_twin.h"

#include "json/json.h"

#include "base/cmocka.h"

static struct arena arena;

#define INFO                                                                                       \
    "{\"applicationId\":\"uas1\",\"applicationType\":\"ClientAndServer\",\"applicationUri\":"      \
    "\"urn:Press\",\"applicationName\":\"Press\",\"localizedNames\":{\"en\":\"Press\"},"           \
    "\"capabilities\":[\"DA\",\"HD\"],\"discoveryUrls\":[\"opc.tcp://a:1\",\"opc.tcp://b:2\"],"    \
    "\"hostAddresses\":[\"10.0.0.1\"],\"siteId\":\"plant\",\"discovererId\":\"e_module_d\","       \
    "\"created\":{\"authorityId\":\"me\",\"time\":\"2026-01-02T03:04:05.0000000Z\"}}"

#define REGISTRATION                                                                               \
    "{\"id\":\"uat1\",\"siteId\":\"plant\",\"supervisorId\":\"e_module_t\",\"discovererId\":"      \
    "\"e_module_d\",\"endpointUrl\":\"opc.tcp://Press:4840\",\"securityLevel\":3,"                 \
    "\"authenticationMethods\":[{\"id\":\"u\",\"credentialType\":\"UserName\"}],\"endpoint\":{"    \
    "\"url\":\"opc.tcp://10.0.0.1:4840\",\"alternativeUrls\":[\"opc.tcp://Press:4840\"],"          \
    "\"securityMode\":\"Sign\",\"securityPolicy\":\"http://p#X\",\"certificate\":\"AB\"}}"

static struct application_row application(void)
{
    return (struct application_row){.id = SLICE("uas1"),
                                    .site = SLICE("plant"),
                                    .discoverer = SLICE("e_module_d"),
                                    .not_seen_ms = 1767323045000,
                                    .info = SLICE(INFO)};
}

static struct endpoint_row endpoint(void)
{
    return (struct endpoint_row){.id = SLICE("uat1"),
                                 .application = SLICE("uas1"),
                                 .site = SLICE("plant"),
                                 .discoverer = SLICE("e_module_d"),
                                 .supervisor = SLICE("e_module_t"),
                                 .url = SLICE("opc.tcp://press:4840"),
                                 .mode = SLICE("Sign"),
                                 .policy = SLICE("http://p#X"),
                                 .certificate = SLICE("AB"),
                                 .activated = true,
                                 .registration = SLICE(REGISTRATION)};
}

static void assert_json(struct slice have, struct slice want)
{
    struct json_doc *a = NULL, *b = NULL;
    assert_int_equal(json_parse(have, JSON_STRICT, &a, NULL), OK);
    assert_int_equal(json_parse(want, JSON_STRICT, &b, NULL), OK);
    if (!json_equal(json_root(a), json_root(b)))
        fail_msg("%.*s\nis not\n%.*s", SLICE_FMT(have), SLICE_FMT(want));
    json_free(&a);
    json_free(&b);
}

/* As the hub would tell it: with its id, what others put there, and the hub's own. */
static struct json_doc *told(const char *id, struct slice twin)
{
    struct buffer text = {0};
    struct json_doc *doc = NULL;
    buffer_printf(&text, "{\"deviceId\":\"%s\",\"status\":\"enabled\",%.*s", id, SLICE_FMT(slice_skip(twin, 1)));
    assert_int_equal(json_parse(buffer_slice(&text), JSON_STRICT, &doc, NULL), OK);
    buffer_clear(&text);
    return doc;
}

static void an_application_has_the_published_tags(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct application_row row = application();
    services_hub_twin_put_application(&row, &out);
    assert_json(buffer_slice(&out),
                SLICE("{\"tags\":{\"DeviceType\":\"Application\",\"ApplicationId\":\"uas1\",\"ApplicationType\":"
                      "\"ClientAndServer\",\"Server\":true,\"Client\":true,\"DiscoveryServer\":false,"
                      "\"ApplicationUri\":\"urn:Press\",\"ApplicationUriLC\":\"urn:press\",\"ApplicationName\":"
                      "\"Press\",\"LocalizedNames\":{\"en\":\"Press\"},\"Capabilities\":{\"DA\":true,\"HD\":true},"
                      "\"DiscoveryUrls\":{\"0\":\"opc.tcp://a:1\",\"1\":\"opc.tcp://b:2\"},\"HostAddresses\":{\"0\":"
                      "\"10.0.0.1\"},\"SiteId\":\"plant\",\"SiteOrGatewayId\":\"plant\",\"DiscovererId\":"
                      "\"e_module_d\",\"CreateAuthorityId\":\"me\",\"CreateTime\":\"2026-01-02T03:04:05.0000000Z\","
                      "\"IsDisabled\":true,\"NotSeenSince\":\"2026-01-02T03:04:05.000Z\"}}"));
    buffer_clear(&out);
}

static void an_endpoint_has_tags_and_desired_properties(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct endpoint_row row = endpoint();
    services_hub_twin_put_endpoint(&row, &out);
    assert_json(buffer_slice(&out),
                SLICE("{\"tags\":{\"DeviceType\":\"Endpoint\",\"ApplicationId\":\"uas1\",\"SiteOrGatewayId\":\"plant\","
                      "\"SiteId\":\"plant\",\"SupervisorId\":\"e_module_t\",\"DiscovererId\":\"e_module_d\","
                      "\"EndpointUrlLC\":\"opc.tcp://press:4840\",\"EndpointRegistrationUrl\":"
                      "\"opc.tcp://Press:4840\",\"SecurityLevel\":3,\"Activated\":true,\"AuthenticationMethods\":{"
                      "\"0\":{\"id\":\"u\",\"credentialType\":\"UserName\"}}},\"properties\":{\"desired\":{"
                      "\"EndpointUrl\":\"opc.tcp://10.0.0.1:4840\",\"AlternativeUrls\":{\"0\":"
                      "\"opc.tcp://Press:4840\"},\"SecurityMode\":\"Sign\",\"SecurityPolicy\":\"http://p#X\","
                      "\"Thumbprint\":\"AB\"}}}"));
    buffer_clear(&out);
}

static void a_word_that_is_no_name_in_a_twin_is_left_out(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct json_doc *doc = NULL;
    services_hub_twin_put_application(
        &(struct application_row){.id = SLICE("uas1"), .info = SLICE("{\"capabilities\":[\"da\",\"$x\",\"a.b\",5,\"\",\"DA\"]}")}, &out);
    assert_int_equal(json_parse(buffer_slice(&out), JSON_STRICT, &doc, NULL), OK); /* no name twice */
    assert_int_equal(json_count(json_get(json_get(json_root(doc), "tags"), "Capabilities")), 1);
    json_free(&doc);
    buffer_clear(&out);
}

static void what_others_put_there_is_not_ours(void **state)
{
    (void)state;
    struct buffer out = {0}, own = {0};
    struct endpoint_row row = endpoint();
    services_hub_twin_put_endpoint(&row, &out);
    struct json_doc *twin = told("uat1", buffer_slice(&out));
    assert_true(services_hub_twin_own(json_root(twin), &own));
    assert_json(buffer_slice(&own), buffer_slice(&out));
    json_free(&twin);
    static const char *const foreign[] = {
        "{\"tags\":{\"DeviceType\":\"Endpoint\"}}", "{\"tags\":{\"DeviceType\":\"Application\"}}",
        "{\"tags\":{\"DeviceType\":\"Lamp\"}}", "{\"tags\":5}", "{\"x\":1}"};
    for (size_t i = 0; i < 5; i++) {
        twin = told("plc-7", slice_of(foreign[i]));
        assert_false(services_hub_twin_own(json_root(twin), &own));
        json_free(&twin);
    }
    buffer_clear(&out);
    buffer_clear(&own);
}

static void rows_come_back_as_they_were(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct endpoint_row row = endpoint(), back;
    struct application_row application_back;
    services_hub_twin_put_endpoint(&row, &out);
    struct json_doc *twin = told("uat1", buffer_slice(&out));
    assert_true(services_hub_twin_read_endpoint(json_root(twin), &arena, &back));
    assert_false(services_hub_twin_read_application(json_root(twin), &arena, &application_back));
    assert_json(back.registration, row.registration);
    assert_slice(back.url, row.url);
    assert_slice(back.certificate, row.certificate);
    assert_slice(back.application, row.application);
    assert_true(back.activated && back.not_seen_ms == 0);
    json_free(&twin);
    buffer_reset(&out);
    struct application_row row_of_application = application();
    services_hub_twin_put_application(&row_of_application, &out);
    twin = told("uas1", buffer_slice(&out));
    assert_true(services_hub_twin_read_application(json_root(twin), &arena, &application_back));
    assert_json(application_back.info, row_of_application.info);
    assert_int_equal(application_back.not_seen_ms, row_of_application.not_seen_ms);
    assert_slice(application_back.site, row_of_application.site);
    json_free(&twin);
    buffer_clear(&out);
}

static void what_is_too_little_is_no_row(void **state)
{
    (void)state;
    static const char *const bad[] = {"{\"tags\":{\"DeviceType\":\"Endpoint\"}}",
                                      "{\"tags\":{\"DeviceType\":\"Endpoint\",\"ApplicationId\":\"uas1\"}}",
                                      "{\"tags\":{\"DeviceType\":\"Application\"}}"};
    for (size_t i = 0; i < 3; i++) {
        struct json_doc *twin = told(i < 2 ? "uat1" : "uas1", slice_of(bad[i]));
        struct endpoint_row e;
        struct application_row a;
        assert_false(services_hub_twin_read_endpoint(json_root(twin), &arena, &e));
        assert_false(services_hub_twin_read_application(json_root(twin), &arena, &a));
        json_free(&twin);
    }
}

static int tear_down(void **state)
{
    (void)state;
    arena_clear(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_application_has_the_published_tags),
        cmocka_unit_test(an_endpoint_has_tags_and_desired_properties),
        cmocka_unit_test(a_word_that_is_no_name_in_a_twin_is_left_out),
        cmocka_unit_test(what_others_put_there_is_not_ours),
        cmocka_unit_test(rows_come_back_as_they_were),
        cmocka_unit_test(what_is_too_little_is_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
