#include "routing/decide.h"

#include "base/cmocka.h"

/* Endpoints a, b and c have the ids 1, 2 and 3. */
#define ENDPOINTS "\"endpoints\":{\"files\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"}]}"

struct world {
    struct routing_config *c;
    struct routing_scratch scratch;
    struct json_doc *twin;
    struct buffer properties;
    struct iot_event e;
};

static void start(struct world *w, const char *config)
{
    struct iot_limits limits = iot_limits_azure();
    struct routing_problem p;
    if (routing_config_read(slice_of(config), &limits, "millrace", &w->c, &p) != OK)
        fail_msg("%s", p.text);
    for (size_t i = 0; i < w->c->endpoint_count; i++)
        w->c->endpoints[i].id = (uint16_t)i;
    assert_int_equal(
        json_parse(SLICE("{\"tags\":{\"site\":\"north\",\"floor\":3,\"on\":true},"
                         "\"properties\":{\"desired\":{\"limit\":5},\"reported\":{}}}"),
                   JSON_STRICT, &w->twin, NULL),
        OK);
    assert_true(iot_property_put(&w->properties, SLICE("alert"), SLICE("true")));
    assert_true(iot_property_put(&w->properties, SLICE("messageId"), SLICE("mine")));
    assert_true(iot_property_put(&w->properties, SLICE("a.b"), SLICE("dotted")));
    w->e = (struct iot_event){
        .enqueued_ms = 1700000000000,
        .from = {SLICE("plc-1"), SLICE("mod")},
        .message = {.body = SLICE("{\"level\":4,\"where\":{\"line\":[\"x\",\"y\"]}}"),
                    .content_type = SLICE("application/json; charset=utf-8"),
                    .content_encoding = SLICE("UTF-8"),
                    .message_id = SLICE("id-7"),
                    .subject = SLICE("thermostat1"),
                    .properties = buffer_slice(&w->properties)},
    };
}

static void stop(struct world *w)
{
    routing_config_free(&w->c);
    routing_scratch_clear(&w->scratch);
    json_free(&w->twin);
    buffer_clear(&w->properties);
}

static bool decide(struct world *w)
{
    return routing_decide(w->c, SLICE("hub-1"), json_root(w->twin), &w->e, &w->scratch);
}

static void every_kind_of_condition_sees_the_event(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        bool holds;
    } cases[] = {
        {"true", true},
        {"alert = 'true'", true},
        {"alert = 'false'", false},
        {"nothing = 'x'", false},
        {"NOT (nothing = 'x')", false}, /* undefined, not false */
        {"is_defined(alert)", true},
        {"[[a.b]] = 'dotted'", true},
        {"$body.level > 3", true},
        {"$body.level > '3'", false},
        {"$body.where.line[1] = 'y'", true},
        {"$body.nothing.at.all = 1", false},
        {"$contentType = 'application/json; charset=utf-8'", true},
        {"$contentEncoding = 'UTF-8'", true},
        {"$connectionDeviceId = 'plc-1' AND $connectionModuleId = 'mod'", true},
        {"$messageId = 'id-7'", true},
        {"messageId = 'mine'", true},
        {"{$messageId} = 'id-7'", true},
        {"$messageSource = 'Telemetry'", true},
        {"[[$dt-subject]] = 'thermostat1'", true},
        {"$enqueuedTime > '2023-11-14T00:00:00Z' AND $enqueuedTime < '2023-11-15'", true},
        {"$twin.tags.site = 'north'", true},
        {"$twin.properties.desired.limit = 5 AND $twin.tags.floor != 4", true},
        {"$twin.properties.reported.x = 1", false},
        {"startswith($twin.tags.site, 'no')", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w = {0};
        struct buffer config = {0};
        buffer_printf(&config,
                      "{" ENDPOINTS ",\"fallbackRoute\":{\"isEnabled\":false},\"routes\":[{"
                      "\"name\":\"r\",\"condition\":\"%s\",\"endpointNames\":[\"b\"]}]}",
                      cases[i].condition);
        start(&w, buffer_cstr(&config));
        if (decide(&w) != cases[i].holds)
            fail_msg("%s", cases[i].condition);
        assert_slice(w.e.endpoints, cases[i].holds ? SLICE("\0\2") : SLICE(""));
        stop(&w);
        buffer_clear(&config);
    }
}

static void a_body_that_is_no_json_has_no_paths(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "{" ENDPOINTS ",\"routes\":[{\"name\":\"r\",\"condition\":\"$body.level = 4\","
              "\"endpointNames\":[\"a\"]}]}");
    assert_true(decide(&w));
    assert_slice(w.e.endpoints, SLICE("\0\1"));
    w.e.message.content_encoding = (struct slice){0};
    assert_true(decide(&w)); /* the fallback */
    assert_int_equal(w.e.endpoints.len, 0);
    w.e.message.content_encoding = SLICE("utf-8");
    w.e.message.content_type = SLICE("text/plain");
    assert_true(decide(&w));
    assert_int_equal(w.e.endpoints.len, 0);
    w.e.message.content_type = SLICE("application/json");
    w.e.message.body = SLICE("{\"level\":4");
    assert_true(decide(&w));
    assert_int_equal(w.e.endpoints.len, 0);
    stop(&w);
}

static void an_endpoint_has_a_message_once_and_each_has_it(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w,
          "{" ENDPOINTS ",\"routes\":["
          "{\"name\":\"1\",\"condition\":\"alert = 'true'\",\"endpointNames\":[\"a\",\"events\"]},"
          "{\"name\":\"2\",\"condition\":\"$body.level = 4\",\"endpointNames\":[\"a\",\"c\"]},"
          "{\"name\":\"3\",\"source\":\"TwinChangeEvents\",\"endpointNames\":[\"b\"]},"
          "{\"name\":\"4\",\"isEnabled\":false,\"endpointNames\":[\"b\"]}]}");
    assert_true(decide(&w));
    assert_slice(w.e.endpoints, SLICE("\0\0\0\1\0\3"));
    w.e.source = IOT_SOURCE_TWIN_CHANGE;
    assert_true(decide(&w));
    assert_slice(w.e.endpoints, SLICE("\0\2"));
    w.e.source = IOT_SOURCE_DEVICE_LIFECYCLE; /* no fallback for these */
    assert_false(decide(&w));
    stop(&w);
}

static struct slice stamped(struct world *w, uint16_t endpoint, const char *key)
{
    static struct buffer scratch;
    struct slice value = {0};
    buffer_clear(&scratch);
    struct slice list = iot_event_properties(&w->e, endpoint, &scratch);
    if (!iot_property_find(list, slice_of(key), &value))
        return SLICE("(none)");
    static char text[100];
    memcpy(text, value.at, value.len);
    struct slice copy = slice_from(text, value.len);
    buffer_clear(&scratch);
    return copy;
}

static void enrichments_are_for_their_endpoints(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "{" ENDPOINTS ",\"routes\":[{\"name\":\"1\",\"endpointNames\":[\"a\",\"events\"]}],"
              "\"enrichments\":["
              "{\"key\":\"hub\",\"value\":\"$iothubname\",\"endpointNames\":[\"a\",\"c\"]},"
              "{\"key\":\"site\",\"value\":\"$twin.tags.site\",\"endpointNames\":[\"events\"]},"
              "{\"key\":\"floor\",\"value\":\"$twin.tags.floor\",\"endpointNames\":[\"events\"]},"
              "{\"key\":\"lost\",\"value\":\"$twin.tags.lost\",\"endpointNames\":[\"events\"]},"
              "{\"key\":\"alert\",\"value\":\"by the hub\",\"endpointNames\":[\"a\"]}]}");
    assert_true(decide(&w));
    assert_slice(stamped(&w, 1, "hub"), SLICE("hub-1"));
    assert_slice(stamped(&w, 0, "hub"), SLICE("(none)"));
    assert_slice(stamped(&w, 0, "site"), SLICE("north"));
    assert_slice(stamped(&w, 0, "floor"), SLICE("3"));
    assert_slice(stamped(&w, 0, "lost"), SLICE("$twin.tags.lost"));
    assert_slice(stamped(&w, 0, "alert"), SLICE("true"));
    assert_slice(stamped(&w, 1, "alert"), SLICE("by the hub"));
    assert_true(routing_decide(w.c, SLICE("hub-1"), NULL, &w.e, &w.scratch));
    assert_slice(stamped(&w, 0, "site"), SLICE("$twin.tags.site"));
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_condition_sees_the_event),
        cmocka_unit_test(a_body_that_is_no_json_has_no_paths),
        cmocka_unit_test(an_endpoint_has_a_message_once_and_each_has_it),
        cmocka_unit_test(enrichments_are_for_their_endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
