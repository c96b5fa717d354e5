/* A server that tells of one item what belongs to another kind, of items that nobody has, and at times that no clock
 * has: what can be told is, the rest harms nobody. */
#include "publisher/publisher_rig.h"

#include "opcua/answers_rig.h"
#include "opcua/notification.h"


static struct {
    bool (*change)(struct notification_part *part); /* whether it did */
    size_t changed, wanted;
} hostile;

static bool is_of(const struct notification_part *part, size_t type)
{
    return notification_is(part, &UA_TYPES[type]);
}

static void put(struct notification_part *part, const void *value, size_t type)
{
    UA_ByteString_clear(&part->body);
    UA_NodeId_clear(&part->type);
    part->type = UA_TYPES[type].binaryEncodingId;
    assert_int_equal(UA_encodeBinary(value, &UA_TYPES[type], &part->body), UA_STATUSCODE_GOOD);
}

static uint32_t first_handle(const struct notification_part *part)
{
    uint32_t handle;
    assert_true(part->body.length > 8);
    memcpy(&handle, part->body.data + 4, sizeof handle); /* behind how many there are, as of both kinds */
    return handle;
}

static void change(const UA_DataType *type, const void *request, void *answer)
{
    struct publish_answer *a = answer;
    (void)request;
    if (!ANSWERS_OF(type, PUBLISH))
        return;
    for (size_t i = 0; hostile.change && i < a->message.part_count && hostile.changed < hostile.wanted; i++)
        hostile.changed += hostile.change(&a->message.parts[i]);
}

static bool is_changed(void *arg)
{
    (void)arg;
    take_sent();
    return hostile.changed >= hostile.wanted;
}

static void let_change(bool (*fn)(struct notification_part *part), size_t times)
{
    hostile.change = fn;
    hostile.changed = 0;
    hostile.wanted = times;
    answers_change = change;
    WAIT_FOR(is_changed);
}

static int end(void **state)
{
    answers_change = NULL;
    return stop(state);
}

/* ---- kinds ---- */

static void put_event(struct notification_part *part, uint32_t handle, size_t fields)
{
    static UA_Variant none[4];
    UA_EventFieldList event = {
        .clientHandle = handle, .eventFieldsSize = fields, .eventFields = none};
    UA_EventNotificationList list = {.eventsSize = 1, .events = &event};
    put(part, &list, UA_TYPES_EVENTNOTIFICATIONLIST);
}

static bool to_event(struct notification_part *part)
{
    bool is = is_of(part, UA_TYPES_DATACHANGENOTIFICATION);
    if (is)
        put_event(part, first_handle(part), hostile.changed % 4);
    return is;
}

static void events_of_an_item_that_has_values(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(20);
    let_change(to_event, 8);
    want_more(20);
    assert_int_equal(world.events, 0);
}

static void put_value(struct notification_part *part, uint32_t handle, UA_DataValue v)
{
    UA_MonitoredItemNotification item = {.clientHandle = handle, .value = v};
    UA_DataChangeNotification list = {.monitoredItemsSize = 1, .monitoredItems = &item};
    put(part, &list, UA_TYPES_DATACHANGENOTIFICATION);
}

static UA_DataValue number(void)
{
    static UA_Int32 value = 4711;
    UA_DataValue v = {.hasValue = true};
    UA_Variant_setScalar(&v.value, &value, &UA_TYPES[UA_TYPES_INT32]);
    return v;
}

static bool to_value(struct notification_part *part)
{
    bool is = is_of(part, UA_TYPES_EVENTNOTIFICATIONLIST);
    if (is)
        put_value(part, first_handle(part), number());
    return is;
}

static bool to_few_fields(struct notification_part *part)
{
    bool is = is_of(part, UA_TYPES_EVENTNOTIFICATIONLIST);
    if (is)
        put_event(part, first_handle(part), hostile.changed % 2);
    return is;
}

static void events_are(const char *more)
{
    char file[512];
    snprintf(file, sizeof file,
             "[{\"EndpointUrl\": \"%%s\", \"OpcNodes\": [{\"Id\": \"i=2253\", \"EventFilter\": "
             "{\"TypeDefinitionId\": \"i=2041\"}%s}]}]", more);
    start(file);
    hub.silent = false;
}

static void values_of_an_item_that_has_events(void **state)
{
    (void)state;
    events_are("");
    WAIT_FOR(has_events);
    let_change(to_value, 4);
    for (size_t i = 0; i < hub.sent; i++)
        assert_null(strstr(body(i), "4711"));
    world.events = 0;
    WAIT_FOR(has_events);
}

static void events_with_other_fields_than_were_asked_for(void **state)
{
    (void)state;
    events_are("");
    WAIT_FOR(has_events);
    let_change(to_few_fields, 4);
    world.events = 0;
    WAIT_FOR(has_events);
}

static void conditions_with_other_fields_than_were_asked_for(void **state)
{
    (void)state;
    events_are(", \"ConditionHandling\": {\"SnapshotInterval\": 1}");
    let_change(to_few_fields, 4);
}

/* ---- handles ---- */

static bool to_nobody(struct notification_part *part)
{
    static const uint32_t handles[] = {UINT32_MAX, UINT32_MAX / 2, 2, 1000000};
    uint32_t handle = handles[hostile.changed % 4];
    if (!is_of(part, UA_TYPES_DATACHANGENOTIFICATION))
        return false;
    if (hostile.changed % 8 < 4)
        put_value(part, handle, number());
    else
        put_event(part, handle, 1);
    return true;
}

static void values_and_events_of_nobody(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(20);
    let_change(to_nobody, 8);
    want_more(20);
    for (size_t i = 0; i < hub.sent; i++)
        assert_null(strstr(body(i), "4711"));
}

/* ---- values ---- */

static bool to_odd_time(struct notification_part *part)
{
    static const UA_DateTime times[] = {INT64_MIN, -1, 0, 1, INT64_MAX - 1, INT64_MAX};
    UA_DataValue v = number();
    if (!is_of(part, UA_TYPES_DATACHANGENOTIFICATION))
        return false;
    v.hasSourceTimestamp = v.hasServerTimestamp = v.hasStatus = true;
    v.sourceTimestamp = times[hostile.changed % 6];
    v.serverTimestamp = times[5 - hostile.changed % 6];
    v.status = hostile.changed % 2 ? UA_STATUSCODE_BADINTERNALERROR : 0x12345678;
    put_value(part, first_handle(part), v);
    return true;
}

/* Of a type and without a value, as bytes: what the stack makes of it is its own business. */
static bool to_nothing(struct notification_part *part)
{
    static UA_String none[2];
    UA_DataValue v = {.hasValue = true};
    if (!is_of(part, UA_TYPES_DATACHANGENOTIFICATION))
        return false;
    switch (hostile.changed % 3) {
    case 0: /* an array without elements */
        UA_Variant_setArray(&v.value, UA_EMPTY_ARRAY_SENTINEL, 0, &UA_TYPES[UA_TYPES_STRING]);
        break;
    case 1: /* null strings */
        UA_Variant_setArray(&v.value, none, 2, &UA_TYPES[UA_TYPES_STRING]);
        break;
    default: /* a value that is there and is none */
        break;
    }
    put_value(part, first_handle(part), v);
    return true;
}

static void values_at_odd_times(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": [{\"Id\": \"nsu=urn:test;s=C0\", \"DisplayName\": \"C0\", "
          "\"HeartbeatInterval\": 1, \"HeartbeatBehavior\": \"PeriodicLKV\"}]}]");
    want_more(20);
    let_change(to_odd_time, 12);
    want_more(20);
}

static void values_that_are_none(void **state)
{
    (void)state;
    start("[{\"EndpointUrl\": \"%s\", \"OpcNodes\": " TWO_NODES "}]");
    want_more(20);
    let_change(to_nothing, 9);
    want_more(20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, end)
    const struct CMUnitTest tests[] = {
        TEST(events_of_an_item_that_has_values),
        TEST(values_of_an_item_that_has_events),
        TEST(events_with_other_fields_than_were_asked_for),
        TEST(conditions_with_other_fields_than_were_asked_for),
        TEST(values_and_events_of_nobody),
        TEST(values_at_odd_times),
        TEST(values_that_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
