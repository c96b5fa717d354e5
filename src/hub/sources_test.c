/* What the hub itself tells, with IoT Hub's bodies and properties, and routes that look at twins.
 */
#include "hub/routing_rig.h"

#include "hub/routing_twins.h"

#define ROUTE(source)                                                                              \
    "{\"name\":\"" source "\",\"source\":\"" source "\",\"endpointNames\":[\"events\"]}"

static struct {
    struct iot_event event;
    struct buffer bytes;
    bool answered;
    enum status why;
} last;

static bool is_answered(void *arg)
{
    (void)arg;
    return last.answered;
}

static void on_answer(void *arg, const struct registry_answer *a)
{
    (void)arg;
    last.answered = true;
    last.why = a->why;
}

static void ask(const struct registry_work *what, const char *key, const char *body,
                const char *if_match)
{
    struct iot_id id;
    assert_true(iot_id_parse(slice_of(key), &id));
    last.answered = false;
    registry_ask(
        house.hub.registry, house.loop,
        &(struct registry_ask){
            .what = what, .id = id, .body = slice_of(body), .if_match = slice_of(if_match)},
        on_answer, NULL);
    UNTIL(is_answered);
    assert_int_equal(last.why, OK);
}

static void on_report(void *arg, enum status why, uint64_t version)
{
    (void)arg, (void)version;
    last.answered = true;
    last.why = why;
}

static void report(const char *key, const char *patch)
{
    struct iot_id id;
    assert_true(iot_id_parse(slice_of(key), &id));
    last.answered = false;
    registry_report(house.hub.registry, house.loop, id, slice_of(patch), on_report, NULL);
    UNTIL(is_answered);
    assert_int_equal(last.why, OK);
}

static struct partition *partition_of(const char *device)
{
    return house.hub
        .partitions[hub_partition_of(&house.hub, (struct iot_id){.device = slice_of(device)})];
}

static bool has_records(void *arg)
{
    return store_log_durable(partition_log(arg)) >= house.wanted;
}

/* The n-th event of the device's partition. */
static const struct iot_event *event(const char *device, uint64_t n)
{
    struct store_log *log = partition_log(partition_of(device));
    struct store_record record;
    house.wanted = n;
    assert_true(loop_run_until(house.loop, has_records, partition_of(device), 20000));
    assert_int_equal(store_log_durable(log), n); /* and no more */
    struct store_reader *r = store_reader_open(log, n);
    assert_int_equal(store_reader_next(r, &record), OK);
    buffer_reset(&last.bytes);
    buffer_put(&last.bytes, record.bytes);
    store_reader_close(&r);
    assert_int_equal(iot_event_decode(buffer_slice(&last.bytes), &last.event), OK);
    return &last.event;
}

static void has(const struct iot_event *e, const char *name, const char *want)
{
    struct slice value;
    if (!iot_property_find(e->message.properties, slice_of(name), &value))
        fail_msg("no %s", name);
    assert_slice(value, slice_of(want));
}

static void body_has(const struct iot_event *e, const char *text)
{
    if (slice_find_slice(e->message.body, slice_of(text)) == e->message.body.len)
        fail_msg("no %s in %.*s", text, SLICE_FMT(e->message.body));
}

static void body_lacks(const struct iot_event *e, const char *text)
{
    assert_int_equal(slice_find_slice(e->message.body, slice_of(text)), e->message.body.len);
}

static int end(void **state)
{
    buffer_clear(&last.bytes);
    memset(&last, 0, sizeof(last));
    return finish(state);
}

static void start(const char *routes)
{
    struct buffer config = {0};
    buffer_printf(&config, "{\"routes\":[%s]}", routes);
    write_config(buffer_cstr(&config));
    buffer_clear(&config);
    assert_int_equal(open_routing(), OK);
}

/* ---- promises ---- */

static void life_cycles_are_told_with_the_twin(void **state)
{
    (void)state;
    start(ROUTE("DeviceLifecycleEvents") "," ROUTE("ModuleLifecycleEvents"));
    ask(&registry_identity_put, "plc-1", "{}", NULL);
    const struct iot_event *e = event("plc-1", 1);
    assert_int_equal(e->source, IOT_SOURCE_DEVICE_LIFECYCLE);
    assert_slice(e->from.device, SLICE("plc-1"));
    assert_slice(e->message.content_type, SLICE("application/json"));
    assert_slice(e->message.content_encoding, SLICE("utf-8"));
    assert_slice(e->message.user_id, SLICE("hub-1"));
    assert_true(e->message.correlation_id.len > 0);
    has(e, "hubName", "hub-1");
    has(e, "deviceId", "plc-1");
    has(e, "opType", "createDeviceIdentity");
    has(e, "iothub-message-schema", "deviceLifecycleNotification");
    struct slice time;
    assert_true(iot_property_find(e->message.properties, SLICE("operationTimestamp"), &time));
    assert_int_equal(time.len, strlen("2026-01-01T00:00:00.0000000Z"));
    body_has(e, "\"deviceId\":\"plc-1\"");
    body_has(e, "\"desired\":{\"$metadata\":{\"$lastUpdated\":");
    ask(&registry_identity_put, "plc-1/mod", "{}", NULL);
    e = event("plc-1", 2);
    assert_int_equal(e->source, IOT_SOURCE_MODULE_LIFECYCLE);
    assert_slice(e->from.module, SLICE("mod"));
    has(e, "moduleId", "mod");
    has(e, "opType", "createModuleIdentity");
    has(e, "iothub-message-schema", "moduleLifecycleNotification");
    ask(&registry_identity_delete, "plc-1/mod", NULL, "*");
    has(event("plc-1", 3), "opType", "deleteModuleIdentity");
    ask(&registry_twin_patch, "plc-1", "{\"tags\":{\"a\":1}}", NULL); /* not asked for */
    ask(&registry_identity_delete, "plc-1", NULL, "*");
    e = event("plc-1", 4);
    has(e, "opType", "deleteDeviceIdentity");
    body_has(e, "\"tags\":{\"a\":1}");
}

static void changes_of_twins_are_told_with_what_changed(void **state)
{
    (void)state;
    start(ROUTE("TwinChangeEvents"));
    ask(&registry_identity_put, "plc-1", "{}", NULL);
    ask(&registry_twin_patch, "plc-1",
        "{\"tags\":{\"site\":\"north\"},\"properties\":{\"desired\":{\"limit\":5,\"old\":null}}}",
        NULL);
    const struct iot_event *e = event("plc-1", 1);
    assert_int_equal(e->source, IOT_SOURCE_TWIN_CHANGE);
    has(e, "opType", "updateTwin");
    has(e, "iothub-message-schema", "twinChangeNotification");
    body_has(e, "\"version\":2,\"tags\":{\"site\":\"north\"}");
    body_has(e, "\"desired\":{\"limit\":5");
    body_has(e, "\"$version\":2}");
    body_has(e, "\"limit\":{\"$lastUpdated\":");
    body_lacks(e, "\"reported\"");
    report("plc-1", "{\"temperature\":21.5}");
    e = event("plc-1", 2);
    has(e, "opType", "updateTwin");
    body_has(e, "\"properties\":{\"reported\":{\"temperature\":21.5,\"$metadata\":");
    body_lacks(e, "\"desired\"");
    body_lacks(e, "\"tags\"");
    ask(&registry_twin_put, "plc-1", "{\"properties\":{\"desired\":{\"limit\":6}}}", NULL);
    e = event("plc-1", 3);
    has(e, "opType", "replaceTwin");
    body_has(e, "\"deviceId\":\"plc-1\",\"etag\":");
    body_has(e, "\"reported\":{\"temperature\":21.5");
    body_has(e, "\"limit\":6");
}

static void digital_twins_are_told_as_json_patches(void **state)
{
    (void)state;
    start(ROUTE("DigitalTwinChangeEvents"));
    ask(&registry_identity_put, "plc-1", "{}", NULL);
    ask(&registry_twin_patch, "plc-1", "{\"tags\":{\"a\":1}}", NULL); /* no property */
    ask(&registry_twin_patch, "plc-1",
        "{\"properties\":{\"desired\":{\"thermostat1\":{\"__t\":\"c\",\"target\":21.8}}}}", NULL);
    const struct iot_event *e = event("plc-1", 1);
    assert_int_equal(e->source, IOT_SOURCE_DIGITAL_TWIN_CHANGE);
    assert_slice(e->message.content_type, SLICE("application/json-patch+json"));
    has(e, "iothub-message-schema", "digitalTwinChangeNotification");
    has(e, "opType", "updateTwin");
    assert_slice(e->message.body,
                 SLICE("[{\"op\":\"add\",\"path\":\"/thermostat1/$metadata/target\","
                       "\"value\":{\"desiredValue\":21.8,\"desiredVersion\":2}}]"));
    report("plc-1", "{\"a/b\":7}");
    e = event("plc-1", 2);
    body_has(e, "[{\"op\":\"add\",\"path\":\"/a~1b\",\"value\":7},");
    body_has(e, "{\"op\":\"add\",\"path\":\"/$metadata/a~1b\",\"value\":{\"lastUpdateTime\":\"");
    report("plc-1", "{\"a/b\":null}");
    assert_slice(event("plc-1", 3)->message.body,
                 SLICE("[{\"op\":\"remove\",\"path\":\"/a~1b\"}]"));
}

static struct slice number_of(const struct iot_event *e)
{
    struct slice start = SLICE("{\"sequenceNumber\":\"");
    assert_true(slice_starts(e->message.body, start));
    assert_int_equal(e->message.body.len, start.len + 64 + 2);
    return slice_first(slice_skip(e->message.body, start.len), 64);
}

static void connections_are_told_with_a_number_that_grows(void **state)
{
    (void)state;
    char first[65] = {0};
    start(ROUTE("DeviceConnectionStateEvents"));
    struct sender *s = sign_in(0, "plc-1");
    const struct iot_event *e = event("plc-1", 1);
    assert_int_equal(e->source, IOT_SOURCE_DEVICE_CONNECTION_STATE);
    has(e, "opType", "deviceConnected");
    has(e, "iothub-message-schema", "deviceConnectionStateNotification");
    memcpy(first, number_of(e).at, 64);
    sign_out(s);
    e = event("plc-1", 2);
    has(e, "opType", "deviceDisconnected");
    assert_true(memcmp(number_of(e).at, first, 64) > 0);
}

static void jobs_are_told(void **state)
{
    (void)state;
    start(ROUTE("DeviceJobLifecycleEvents"));
    hub_sources_job(&house.hub, (struct iot_id){.device = SLICE("plc-1")}, SLICE("job-7"),
                    SLICE("{\"jobId\":\"job-7\",\"status\":\"completed\"}"), 1700000000000);
    const struct iot_event *e = event("plc-1", 1);
    assert_int_equal(e->source, IOT_SOURCE_DEVICE_JOB_LIFECYCLE);
    has(e, "jobId", "job-7");
    has(e, "iothub-message-schema", "deviceJobLifecycleNotification");
    has(e, "operationTimestamp", "2023-11-14T22:13:20.0000000Z");
    body_has(e, "\"status\":\"completed\"");
}

static void nothing_is_told_that_no_route_wants(void **state)
{
    (void)state;
    assert_int_equal(open_routing(), OK);
    ask(&registry_identity_put, "plc-1", "{}", NULL);
    report("plc-1", "{\"a\":1}");
    struct sender *s = sign_in(0, "plc-1");
    send_many(s, 1, 1);
    assert_int_equal(event("plc-1", 1)->source, IOT_SOURCE_TELEMETRY);
}

/* ---- twins in conditions and enrichments ---- */

static void routes_see_the_twin_as_it_is_now(void **state)
{
    (void)state;
    write_config("{\"endpoints\":{\"files\":[{\"name\":\"disk\"}]},\"routes\":[{\"name\":\"t\","
                 "\"condition\":\"$twin.tags.alarm = true\",\"endpointNames\":[\"disk\"]}],"
                 "\"enrichments\":[{\"key\":\"site\",\"value\":\"$twin.tags.site\","
                 "\"endpointNames\":[\"events\"]}]}");
    assert_int_equal(open_routing(), OK);
    ask(&registry_identity_put, "plc-1", "{}", NULL);
    ask(&registry_twin_patch, "plc-1", "{\"tags\":{\"site\":\"north\"}}", NULL);
    struct sender *s = sign_in(0, "plc-1");
    send_many(s, 1, 3); /* they wait for the twin, and are accepted in their order */
    const struct iot_event *e = event("plc-1", 3);
    struct buffer scratch = {0};
    struct slice value;
    assert_slice(e->message.body, SLICE("{\"n\":3}"));
    assert_true(iot_property_find(iot_event_properties(e, 0, &scratch), SLICE("site"), &value));
    assert_slice(value, SLICE("north"));
    ask(&registry_twin_patch, "plc-1", "{\"tags\":{\"alarm\":true,\"site\":\"south\"}}", NULL);
    int turns = 3;
    (void)loop_run_until(house.loop, some_turns_later, &turns, 1000);
    send_many(s, 4, 1);
    e = event("plc-1", 4);
    assert_true(iot_event_goes_to(e, 1)); /* the file's */
    assert_false(iot_event_goes_to(e, 0));
    ask(&registry_twin_patch, "plc-1", "{\"tags\":{\"alarm\":null}}", NULL);
    turns = 3;
    (void)loop_run_until(house.loop, some_turns_later, &turns, 1000);
    send_many(s, 5, 1);
    e = event("plc-1", 5);
    assert_true(iot_property_find(iot_event_properties(e, 0, &scratch), SLICE("site"), &value));
    assert_slice(value, SLICE("south"));
    buffer_clear(&scratch);
}

static void a_device_that_sends_much_before_its_twin_is_there_is_held_back(void **state)
{
    (void)state;
    write_config("{\"routes\":[{\"name\":\"t\",\"condition\":\"$twin.tags.a = 1\","
                 "\"endpointNames\":[\"events\"]}]}");
    assert_int_equal(open_routing(), OK);
    struct sender *s = sign_in(0, "plc-1"); /* the registry does not know it: there is no twin */
    struct buffer body = {0};
    memset(buffer_reserve(&body, 200 << 10), 'x', 200 << 10);
    buffer_added(&body, 200 << 10);
    unsigned taken = 0;
    while (send_with(s, taken + 1, buffer_cstr(&body), (struct slice){0}) == OK)
        taken++;
    assert_in_range(taken, 2, 10);
    house.wanted = taken;
    assert_true(loop_run_until(house.loop, all_accepted, s, 20000));
    assert_int_equal(s->resumed, 1);
    assert_int_equal(send_with(s, taken + 1, "more", (struct slice){0}), OK);
    house.wanted = taken + 1;
    assert_true(loop_run_until(house.loop, all_accepted, s, 20000));
    buffer_clear(&body);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(life_cycles_are_told_with_the_twin),
        TEST(changes_of_twins_are_told_with_what_changed),
        TEST(digital_twins_are_told_as_json_patches),
        TEST(connections_are_told_with_a_number_that_grows),
        TEST(jobs_are_told),
        TEST(nothing_is_told_that_no_route_wants),
        TEST(routes_see_the_twin_as_it_is_now),
        TEST(a_device_that_sends_much_before_its_twin_is_there_is_held_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
