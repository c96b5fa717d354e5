/* Twins of modules as the API shows them, and its changes as patches of twins. */
#include "services/fleet_documents.h"

#include <stdlib.h>

#include "base/cmocka.h"

#define TWIN                                                                                       \
    "{\"deviceId\":\"e\",\"moduleId\":\"d\",\"tags\":{\"SecurityPoliciesFilter\":{\"0\":\"p\"}},"  \
    "\"properties\":{\"desired\":{\"Discovery\":\"Fast\",\"PortRangesToScan\":\"4840\","           \
    "\"DiscoveryUrls\":{\"0\":\"a\",\"1\":\"b\"},\"LogLevel\":\"Debug\"},\"reported\":{"           \
    "\"Discovery\":\"Off\",\"__siteid__\":\"plant\"}}}"

static char device[] = "e", module[] = "d";

static void shows(enum fleet_kind kind, const char *twin, const char *want)
{
    struct json_doc *doc = NULL;
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    assert_int_equal(json_parse(slice_of(twin), JSON_STRICT, &doc, NULL), OK);
    struct services_fleet_member m = {.device = device, .module = kind == FLEET_GATEWAY ? NULL : module, .connected = true};
    fleet_documents_put(kind, &m, json_root(doc), &w);
    assert_slice(buffer_slice(&out), slice_of(want));
    buffer_clear(&out);
    json_free(&doc);
}

static void patches(enum fleet_kind kind, const char *update, const char *mode, const char *want)
{
    struct json_doc *twin = NULL, *doc = NULL;
    struct buffer out = {0};
    assert_int_equal(json_parse(SLICE(TWIN), JSON_STRICT, &twin, NULL), OK);
    assert_int_equal(json_parse(slice_of(update), JSON_STRICT, &doc, NULL), OK);
    fleet_documents_put_patch(kind, json_root(twin), json_root(doc), slice_of(mode), &out);
    assert_slice(buffer_slice(&out), slice_of(want));
    buffer_clear(&out);
    json_free(&doc);
    json_free(&twin);
}

static void twins_are_shown_with_the_names_of_the_api(void **state)
{
    (void)state;
    shows(FLEET_DISCOVERER, TWIN,
          "{\"id\":\"e_module_d\",\"siteId\":\"plant\",\"discovery\":\"Off\",\"discoveryConfig\":{\"activationFilter\":"
          "{\"securityPolicies\":[\"p\"]}},\"requestedMode\":\"Fast\",\"requestedConfig\":{\"portRangesToScan\":"
          "\"4840\",\"discoveryUrls\":[\"a\",\"b\"]},\"outOfSync\":true,\"logLevel\":\"Debug\",\"connected\":true}");
    shows(FLEET_GATEWAY, "{\"tags\":{\"SiteId\":\"north\"}}", "{\"id\":\"e\",\"siteId\":\"north\",\"connected\":true}");
    shows(FLEET_PUBLISHER, "{\"properties\":{\"desired\":{\"MaxWorkers\":3}}}",
          "{\"id\":\"e_module_d\",\"configuration\":{\"maxWorkers\":3},\"connected\":true}");
    shows(FLEET_SUPERVISOR, "{}", "{\"id\":\"e_module_d\",\"connected\":true}");
}

static void what_is_as_asked_is_in_sync(void **state)
{
    (void)state;
    shows(FLEET_DISCOVERER, "{\"properties\":{\"desired\":{\"Discovery\":\"Fast\"},\"reported\":{\"Discovery\":\"Fast\"}}}",
          "{\"id\":\"e_module_d\",\"discovery\":\"Fast\",\"requestedMode\":\"Fast\",\"connected\":true}");
}

/* Null leaves as it is, empty takes away, and a shorter list leaves nothing of the longer one. */
static void changes_are_patches(void **state)
{
    (void)state;
    patches(FLEET_DISCOVERER,
            "{\"siteId\":null,\"discovery\":\"Scan\",\"logLevel\":\"Error\",\"discoveryConfig\":{\"portRangesToScan\":\"\","
            "\"discoveryUrls\":[\"c\"],\"activationFilter\":{\"securityMode\":\"Sign\",\"securityPolicies\":[]}}}",
            "",
            "{\"tags\":{\"DeviceType\":\"Discoverer\",\"SiteOrGatewayId\":\"plant\",\"SecurityModeFilter\":\"Sign\","
            "\"SecurityPoliciesFilter\":null},\"properties\":{\"desired\":{\"LogLevel\":\"Error\",\"Discovery\":\"Scan\","
            "\"PortRangesToScan\":null,\"DiscoveryUrls\":{\"0\":\"c\",\"1\":null}}}}");
    patches(FLEET_DISCOVERER, "{\"maxPortProbes\":7}", "Local",
            "{\"tags\":{\"DeviceType\":\"Discoverer\",\"SiteOrGatewayId\":\"plant\"},\"properties\":{\"desired\":{"
            "\"Discovery\":\"Local\",\"MaxPortProbes\":7}}}");
    patches(FLEET_SUPERVISOR, "{\"siteId\":\"south\"}", "",
            "{\"tags\":{\"DeviceType\":\"Supervisor\",\"SiteId\":\"south\",\"SiteOrGatewayId\":\"south\"},"
            "\"properties\":{\"desired\":{\"__siteid__\":\"south\"}}}");
    patches(FLEET_SUPERVISOR, "{\"siteId\":\"\"}", "",
            "{\"tags\":{\"DeviceType\":\"Supervisor\",\"SiteId\":null,\"SiteOrGatewayId\":\"e\"},"
            "\"properties\":{\"desired\":{\"__siteid__\":null}}}");
    patches(FLEET_GATEWAY, "{\"siteId\":\"south\"}", "", "{\"tags\":{\"__type__\":\"iiotedge\",\"SiteId\":\"south\"}}");
}

static bool is(enum fleet_kind kind, const char *twin, const char *name)
{
    struct json_doc *doc = NULL;
    assert_int_equal(json_parse(slice_of(twin), JSON_STRICT, &doc, NULL), OK);
    char *type = slice_dup(services_fleet_type(json_root(doc)));
    struct services_fleet_member m = {.device = device, .module = module, .type = type};
    bool yes = fleet_documents_is(kind, &m, name);
    json_free(&doc);
    free(type);
    return yes;
}

static void a_module_is_what_it_says_or_what_it_is_called(void **state)
{
    (void)state;
    static const char says[] = "{\"properties\":{\"reported\":{\"__type__\":\"supervisor\"}}}";
    assert_true(is(FLEET_SUPERVISOR, says, "twin"));
    assert_true(is(FLEET_SUPERVISOR, says, NULL));
    assert_false(is(FLEET_DISCOVERER, says, "discovery"));
    assert_true(is(FLEET_DISCOVERER, "{}", "d"));
    assert_false(is(FLEET_DISCOVERER, "{}", NULL));
    assert_false(is(FLEET_GATEWAY, "{}", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twins_are_shown_with_the_names_of_the_api),
        cmocka_unit_test(what_is_as_asked_is_in_sync),
        cmocka_unit_test(changes_are_patches),
        cmocka_unit_test(a_module_is_what_it_says_or_what_it_is_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
