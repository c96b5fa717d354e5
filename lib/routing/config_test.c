#include "routing/config.h"

#include "base/cmocka.h"

static const char whole[] =
    "{ // a comment\n"
    "  \"routes\": [\n"
    "    {\"name\": \"alarms\", \"source\": \"DeviceMessages\", \"condition\": \"$body.level > "
    "3\",\n"
    "     \"endpointNames\": [\"hook\", \"alarms\"], \"isEnabled\": true},\n"
    "    {\"name\": \"twins\", \"source\": \"twinchangeevents\", \"endpointNames\": "
    "[\"EVENTS\"]},\n"
    "    {\"name\": \"off\", \"source\": \"DeviceLifecycleEvents\", \"endpointNames\": "
    "[\"disk\"],\n"
    "     \"condition\": \"$twin.tags.x = 1\", \"isEnabled\": false}\n"
    "  ],\n"
    "  \"fallbackRoute\": {\"isEnabled\": false},\n"
    "  \"endpoints\": {\n"
    "    \"eventStreams\": [{\"name\": \"alarms\", \"partitionCount\": 2, \"retentionInSeconds\": "
    "3600}],\n"
    "    \"webhooks\": [{\"name\": \"hook\", \"endpointUrl\": \"https://x.example/in\",\n"
    "                  \"deliverySchema\": \"CloudEventSchemaV1_0\", \"headers\": {\"X-Key\": "
    "\"k\"},\n"
    "                  \"maxEventsPerBatch\": 5, \"retryPolicy\": {\"maxDeliveryAttempts\": 3}}],\n"
    "    \"files\": [{\"name\": \"disk\", \"maxChunkSizeInBytes\": 4096}]\n"
    "  },\n"
    "  \"enrichments\": [\n"
    "    {\"key\": \"hub\", \"value\": \"$iothubname\", \"endpointNames\": [\"events\"]},\n"
    "    {\"key\": \"site\", \"value\": \"$twin.tags.site\", \"endpointNames\": [\"hook\", "
    "\"events\"]},\n"
    "    {\"key\": \"k\", \"value\": \"text\", \"endpointNames\": [\"hook\"]},\n"
    "  ],\n"
    "}\n";

static enum status read(const char *text, struct routing_config **c, struct routing_problem *p)
{
    struct iot_limits limits = iot_limits_azure();
    return routing_config_read(slice_of(text), &limits, "millrace", c, p);
}

static void all_of_it_is_read(void **state)
{
    (void)state;
    struct routing_config *c;
    struct routing_problem p;
    assert_int_equal(read(whole, &c, &p), OK);
    assert_int_equal(c->endpoint_count, 4);
    assert_int_equal(c->endpoints[0].kind, ROUTING_ENDPOINT_EVENTS);
    assert_int_equal(c->endpoints[1].kind, ROUTING_ENDPOINT_STREAM);
    assert_int_equal(c->endpoints[1].stream.partitions, 2);
    assert_int_equal(c->endpoints[1].stream.retain_s, 3600);
    assert_int_equal(c->endpoints[2].webhook.schema, ROUTING_WEBHOOK_CLOUD_EVENTS);
    assert_int_equal(c->endpoints[2].webhook.events_max, 5);
    assert_int_equal(c->endpoints[2].webhook.attempts_max, 3);
    assert_int_equal(c->endpoints[2].webhook.ttl_minutes, 1440);
    assert_int_equal(c->endpoints[2].webhook.header_count, 1);
    assert_int_equal(c->endpoints[3].file.bytes_max, 4096);
    assert_int_equal(c->route_count, 3);
    assert_int_equal(c->routes[0].endpoints, 1 << 2 | 1 << 1);
    assert_non_null(c->routes[0].condition);
    assert_int_equal(c->routes[1].source, IOT_SOURCE_TWIN_CHANGE);
    assert_int_equal(c->routes[1].endpoints, 1);
    assert_true(c->routes[1].enabled);
    assert_null(c->routes[1].condition);
    assert_false(c->routes[2].enabled);
    assert_false(c->fallback.enabled);
    assert_int_equal(c->sources, 1 << IOT_SOURCE_TELEMETRY | 1 << IOT_SOURCE_TWIN_CHANGE);
    assert_true(c->wants_twins); /* of an enrichment; the route is off */
    assert_true(c->enrichments[0].is_hub_name);
    assert_int_equal(c->enrichments[1].path->count, 3);
    assert_null(c->enrichments[2].path);
    routing_config_free(&c);
}

static void nothing_is_a_hub_without_routes(void **state)
{
    (void)state;
    static const char *const texts[] = {"", " \n", "{}", "{\"routes\": []}"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct routing_config *c;
        struct routing_problem p;
        assert_int_equal(read(texts[i], &c, &p), OK);
        assert_int_equal(c->endpoint_count, 1);
        assert_true(c->fallback.enabled);
        assert_int_equal(c->fallback.endpoints, 1);
        assert_false(c->wants_twins);
        routing_config_free(&c);
    }
}

#define ROUTE(more) "{\"routes\":[{\"name\":\"r\",\"endpointNames\":[\"events\"]" more "}]}"
#define HOOK(more) "{\"endpoints\":{\"webhooks\":[{\"name\":\"h\"" more "}]}}"

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
        unsigned line;
    } cases[] = {
        {"{\n\"routes\": [}", "", 2},
        {"[]", "routing must be an object", 1},
        {"{\n\"rutes\": []}", "routing has no member \"rutes\"", 2},
        {"{\"routes\":{}}", "routes must be an array", 1},
        {"{\"routes\":[\n\n5]}", "routes[0] must be an object", 3},
        {"{\"routes\":[{\"endpointNames\":[\"events\"]}]}", "routes[0].name is missing", 1},
        {"{\"routes\":[{\"name\":\"r\"}]}", "routes[0].endpointNames must be an array", 1},
        {"{\"routes\":[{\"name\":\"r\",\n\"endpointNames\":[\"x\"]}]}",
         "routes[0].endpointNames: there is no endpoint \"x\"", 2},
        {ROUTE(",\n\"condition\":\"a >\""), "routes[0].condition: position", 2},
        {ROUTE(",\"source\":\"Devices\""),
         "routes[0].source must be one of DeviceMessages, TwinChangeEvents", 1},
        {ROUTE(",\"isEnabled\":\"yes\""), "routes[0].isEnabled must be true or false", 1},
        {ROUTE(",\"colour\":1"), "routes[0] has no member \"colour\"", 1},
        {"{\"routes\":[{\"name\":\"r\",\"endpointNames\":[\"events\"]},"
         "{\"name\":\"R\",\"endpointNames\":[\"events\"]}]}",
         "routes[1].name: \"R\" is the name of another route", 1},
        {"{\"routes\":[{\"name\":\"a b\",\"endpointNames\":[\"events\"]}]}",
         "routes[0].name must have up to 64 letters", 1},
        {HOOK(""), "endpoints.webhooks[0].endpointUrl is missing", 1},
        {HOOK(",\"endpointUrl\":\"ftp://x\""),
         "endpoints.webhooks[0].endpointUrl must begin with https:// or http://", 1},
        {HOOK(",\"endpointUrl\":\"http://x\",\"maxEventsPerBatch\":0"),
         "endpoints.webhooks[0].maxEventsPerBatch must be a whole number from 1 to 5000", 1},
        {HOOK(",\"endpointUrl\":\"http://x\",\"headers\":{\"a\":\"b\\nc\"}"),
         "endpoints.webhooks[0].headers: \"a\" is no header", 1},
        {HOOK(",\"endpointUrl\":\"http://x\",\"retryPolicy\":{\"x\":1}"),
         "endpoints.webhooks[0].retryPolicy has no member \"x\"", 1},
        {"{\"endpoints\":{\"files\":[{\"name\":\"events\"}]}}",
         "endpoints.files[0].name: \"events\" is the name of another endpoint", 1},
        {"{\"endpoints\":{\"files\":[{\"name\":\"Millrace\"}]}}",
         "endpoints.files[0].name: \"Millrace\" is the name of another endpoint", 1},
        {"{\"fallbackRoute\":{\"source\":\"TwinChangeEvents\"}}",
         "fallbackRoute.source must be DeviceMessages", 1},
        {"{\"enrichments\":[{\"key\":\"k\",\"value\":\"$twin.tags[\",\"endpointNames\":[\"events\"]"
         "}]}",
         "enrichments[0].value: position", 1},
        {"{\"enrichments\":[{\"key\":\"k\",\"value\":\"$twin.tags.x > 1\","
         "\"endpointNames\":[\"events\"]}]}",
         "enrichments[0].value must be a text, $iothubname, or a path", 1},
        {"{\"enrichments\":[{\"key\":\"\",\"value\":\"v\",\"endpointNames\":[\"events\"]}]}",
         "enrichments[0].key must be a text", 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct routing_config *c = NULL;
        struct routing_problem p;
        assert_int_not_equal(read(cases[i].text, &c, &p), OK);
        assert_null(c);
        if (strncmp(p.text, cases[i].says, strlen(cases[i].says)) != 0)
            fail_msg("%s: %s", cases[i].text, p.text);
        assert_int_equal(p.line, cases[i].line);
    }
}

static void limits_hold(void **state)
{
    (void)state;
    struct iot_limits limits = iot_limits_azure();
    struct routing_config *c;
    struct routing_problem p;
    limits.routes = 2;
    assert_int_equal(routing_config_read(slice_of(whole), &limits, "m", &c, &p), BAD_ARGUMENT);
    assert_non_null(strstr(p.text, "limits.routes"));
    limits.routes = 3, limits.endpoints = 2;
    assert_int_equal(routing_config_read(slice_of(whole), &limits, "m", &c, &p), BAD_ARGUMENT);
    assert_non_null(strstr(p.text, "limits.endpoints"));
    limits.endpoints = 3, limits.enrichments = 2;
    assert_int_equal(routing_config_read(slice_of(whole), &limits, "m", &c, &p), BAD_ARGUMENT);
    assert_non_null(strstr(p.text, "limits.enrichments"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_is_read),
        cmocka_unit_test(nothing_is_a_hub_without_routes),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(limits_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
