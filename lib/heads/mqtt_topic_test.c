#include "heads/mqtt_topic.h"

#include "base/cmocka.h"

#define DEVICE SLICE("devices/d/")
#define MODULE SLICE("devices/d/modules/m/")

static void makes_bases(void **state)
{
    (void)state;
    struct buffer b = {0};
    heads_mqtt_topic_base((struct iot_id){.device = SLICE("d")}, &b);
    assert_slice(buffer_slice(&b), DEVICE);
    buffer_reset(&b);
    heads_mqtt_topic_base((struct iot_id){.device = SLICE("d"), .module = SLICE("m")}, &b);
    assert_slice(buffer_slice(&b), MODULE);
    buffer_clear(&b);
}

static void tells_topics_apart(void **state)
{
    (void)state;
    struct heads_mqtt_topic t;
    assert_int_equal(heads_mqtt_topic_parse(SLICE("devices/d/messages/events/a=b/c"), DEVICE, &t),
                     OK);
    assert_int_equal(t.kind, HEADS_MQTT_TELEMETRY);
    assert_slice(t.bag, SLICE("a=b/c"));
    assert_int_equal(heads_mqtt_topic_parse(SLICE("devices/d/messages/events"), DEVICE, &t), OK);
    assert_slice(t.bag, SLICE(""));
    assert_int_equal(
        heads_mqtt_topic_parse(SLICE("devices/d/modules/m/messages/events/%24.on=o/"), MODULE, &t),
        OK);
    assert_slice(t.bag, SLICE("%24.on=o/"));
    assert_int_equal(heads_mqtt_topic_parse(SLICE("$iothub/methods/res/200/?$rid=7"), DEVICE, &t),
                     OK);
    assert_true(t.kind == HEADS_MQTT_METHOD_REPLY && t.status == 200);
    assert_slice(t.rid, SLICE("7"));
    assert_int_equal(heads_mqtt_topic_parse(SLICE("$iothub/twin/GET/?$rid=a-b%20"), DEVICE, &t),
                     OK);
    assert_int_equal(t.kind, HEADS_MQTT_TWIN_GET);
    assert_slice(t.rid, SLICE("a-b%20"));
    assert_int_equal(heads_mqtt_topic_parse(
                         SLICE("$iothub/twin/PATCH/properties/reported/?x=y&$rid=3&z"), DEVICE, &t),
                     OK);
    assert_int_equal(t.kind, HEADS_MQTT_TWIN_REPORT);
    assert_slice(t.rid, SLICE("3"));
}

static void refuses_other_topics(void **state)
{
    (void)state;
    static const char *const topics[] = {
        "devices/e/messages/events/",
        "devices/d/messages/eventsx",
        "devices/d/messages",
        "devices/d/",
        "devices/d/modules/m/messages/events/",
        "devices/D/messages/events/",
        "/devices/d/messages/events/",
        "$iothub/twin/GET/",
        "$iothub/twin/GET/?",
        "$iothub/twin/GET/?$rid=",
        "$iothub/twin/GET/?rid=1",
        "$iothub/methods/res/?$rid=1",
        "$iothub/methods/res/x/?$rid=1",
        "$iothub/methods/res/200/$rid=1",
        "$iothub/methods/res/99999999999/?$rid=1",
        "$iothub/methods/res/200",
        "$iothub/methods/POST/x/?$rid=1",
        "$iothub/twin/PATCH/properties/desired/?$rid=1",
        "a",
        "$SYS/x",
    };
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        struct heads_mqtt_topic t;
        if (heads_mqtt_topic_parse(slice_of(topics[i]), DEVICE, &t) != BAD_FORMAT)
            fail_msg("took %s", topics[i]);
    }
}

static void knows_the_filters(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        bool module;
        int want; /* -1: refused */
    } cases[] = {
        {"$iothub/methods/POST/#", false, HEADS_MQTT_METHODS},
        {"$iothub/twin/res/#", true, HEADS_MQTT_TWIN},
        {"$iothub/twin/PATCH/properties/desired/#", false, HEADS_MQTT_DESIRED},
        {"devices/d/messages/devicebound/#", false, HEADS_MQTT_DEVICEBOUND},
        {"devices/d/modules/m/inputs/#", true, HEADS_MQTT_INPUTS},
        {"devices/d/modules/m/#", true, HEADS_MQTT_INPUTS},
        {"devices/d/modules/m/inputs/#", false, -1},
        {"devices/d/inputs/#", false, -1},
        {"devices/d/#", false, -1},
        {"devices/d/messages/devicebound/#", true, -1},
        {"devices/e/messages/devicebound/#", false, -1},
        {"devices/+/messages/devicebound/#", false, -1},
        {"messages/devicebound/#", false, -1},
        {"#", false, -1},
        {"#", true, -1},
        {"$iothub/#", false, -1},
        {"devices/d/$iothub/twin/res/#", false, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum heads_mqtt_filter f;
        struct slice base = cases[i].module ? MODULE : DEVICE;
        enum status s = heads_mqtt_topic_filter(slice_of(cases[i].filter), base, &f);
        if ((s == OK ? (int)f : -1) != cases[i].want)
            fail_msg("%s", cases[i].filter);
    }
}

/* A device may be named "modules": that makes it no module. */
static void is_not_fooled_by_names(void **state)
{
    (void)state;
    enum heads_mqtt_filter f;
    assert_int_equal(
        heads_mqtt_topic_filter(SLICE("devices/modules/inputs/#"), SLICE("devices/modules/"), &f),
        BAD_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_bases),
        cmocka_unit_test(tells_topics_apart),
        cmocka_unit_test(refuses_other_topics),
        cmocka_unit_test(knows_the_filters),
        cmocka_unit_test(is_not_fooled_by_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
