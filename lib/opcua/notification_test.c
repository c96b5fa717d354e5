/* What is decoded here is what the stack encoded; both ways of decoding agree. */
#include "opcua/notification.h"

#include <math.h>
#include <stdlib.h>

#include "base/cmocka.h"

static UA_Boolean yes = true;
static UA_SByte sbyte = -5;
static UA_Byte byte = 250;
static UA_Int16 int16 = -30000;
static UA_UInt16 uint16 = 60000;
static UA_Int32 int32 = INT32_MIN;
static UA_UInt32 uint32 = UINT32_MAX;
static UA_Int64 int64 = INT64_MIN;
static UA_UInt64 uint64 = UINT64_MAX;
static UA_Float single = 1.5f;
static UA_Double number = -0.0;
static UA_DateTime when = 123456789;
static UA_StatusCode status = UA_STATUSCODE_BADOUTOFRANGE;
static UA_Guid guid = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
static UA_String text = UA_STRING_STATIC("four");
static UA_String null_text = {0};
static UA_Double three[3] = {1, NAN, INFINITY};
static UA_LocalizedText localized = {UA_STRING_STATIC("en"), UA_STRING_STATIC("hot")};

static const struct {
    void *data;
    int type;
    size_t count; /* of an array */
} values[] = {
    {&yes, UA_TYPES_BOOLEAN, 0},       {&sbyte, UA_TYPES_SBYTE, 0},
    {&byte, UA_TYPES_BYTE, 0},         {&int16, UA_TYPES_INT16, 0},
    {&uint16, UA_TYPES_UINT16, 0},     {&int32, UA_TYPES_INT32, 0},
    {&uint32, UA_TYPES_UINT32, 0},     {&int64, UA_TYPES_INT64, 0},
    {&uint64, UA_TYPES_UINT64, 0},     {&single, UA_TYPES_FLOAT, 0},
    {&number, UA_TYPES_DOUBLE, 0},     {&when, UA_TYPES_DATETIME, 0},
    {&status, UA_TYPES_STATUSCODE, 0}, {&guid, UA_TYPES_GUID, 0},
    {&text, UA_TYPES_STRING, 0},       {&null_text, UA_TYPES_STRING, 0},
    {&text, UA_TYPES_BYTESTRING, 0},   {NULL, 0, 0},
    {three, UA_TYPES_DOUBLE, 3},       {&localized, UA_TYPES_LOCALIZEDTEXT, 0},
};
#define VALUES (sizeof values / sizeof values[0])
#define SCALARS (VALUES - 2)

/* Each with another set of the fields that may be absent. */
static void fill(UA_MonitoredItemNotification *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        UA_DataValue *v = &items[i].value;
        *v = (UA_DataValue){.hasStatus = i & 1,
                            .status = UA_STATUSCODE_UNCERTAIN,
                            .hasSourceTimestamp = i & 2,
                            .sourceTimestamp = (UA_DateTime)i,
                            .hasSourcePicoseconds = (i & 6) == 6,
                            .sourcePicoseconds = 7,
                            .hasServerTimestamp = i & 4,
                            .serverTimestamp = -1,
                            .hasServerPicoseconds = (i & 12) == 12,
                            .serverPicoseconds = 9};
        items[i].clientHandle = (UA_UInt32)(1000 + i);
        if (!values[i].data)
            continue;
        v->hasValue = true;
        v->value.type = &UA_TYPES[values[i].type];
        v->value.data = values[i].data;
        v->value.arrayLength = values[i].count;
    }
}

static UA_ByteString encode(UA_MonitoredItemNotification *items, size_t count)
{
    UA_DataChangeNotification n = {.monitoredItemsSize = count, .monitoredItems = items};
    UA_ByteString out = UA_BYTESTRING_NULL;
    fill(items, count);
    assert_int_equal(UA_encodeBinary(&n, &UA_TYPES[UA_TYPES_DATACHANGENOTIFICATION], &out), 0);
    return out;
}

static void check(size_t count, bool here)
{
    UA_MonitoredItemNotification items[VALUES];
    UA_ByteString bytes = encode(items, count);
    struct notification_changes c = {0};
    struct slice body = slice_from(bytes.data, bytes.length);
    assert_int_equal(notification_changes_decode(body, &c), UA_STATUSCODE_GOOD);
    assert_int_equal(c.count, count);
    assert_int_equal(c.whole.monitoredItemsSize == 0, here);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(
            UA_order(&c.items[i], &items[i], &UA_TYPES[UA_TYPES_MONITOREDITEMNOTIFICATION]),
            UA_ORDER_EQ);
    notification_changes_clear(&c);
    notification_changes_free(&c);
    UA_ByteString_clear(&bytes);
}

static void single_scalars_are_taken_from_the_bytes(void **state)
{
    (void)state;
    check(SCALARS, true);
}

static void the_rest_is_left_to_the_stack(void **state)
{
    (void)state;
    check(SCALARS + 1, false);
    check(VALUES, false);
}

static void what_is_cut_off_is_refused(void **state)
{
    (void)state;
    UA_MonitoredItemNotification items[VALUES];
    UA_ByteString bytes = encode(items, SCALARS);
    struct notification_changes c = {0};
    for (size_t len = 0; len < bytes.length - 4; len++) { /* 4: no DiagnosticInfos */
        uint8_t *cut = malloc(len + 1);                   /* so that a read behind it is seen */
        memcpy(cut, bytes.data, len);
        assert_int_not_equal(notification_changes_decode(slice_from(cut, len), &c),
                             UA_STATUSCODE_GOOD);
        free(cut);
    }
    notification_changes_free(&c);
    UA_ByteString_clear(&bytes);
}

static void more_values_than_bytes_are_refused(void **state)
{
    (void)state;
    struct notification_changes c = {0};
    assert_int_not_equal(notification_changes_decode(SLICE("\xff\xff\xff\x7f\1\0\0\0\0"), &c),
                         UA_STATUSCODE_GOOD);
    assert_null(c.room);
}

/* A value takes twenty times as much here as on the wire: a message of the largest size must not. */
static void more_values_than_a_subscription_has_are_refused(void **state)
{
    (void)state;
    struct notification_changes c = {0};
    uint32_t count = NOTIFICATION_CHANGES_MAX + 1;
    size_t len = 4 + 5 * (size_t)count + 4; /* each: a handle, and that there is nothing */
    uint8_t *body = calloc(1, len);
    memcpy(body, &count, sizeof count);
    assert_int_equal(notification_changes_decode(slice_from(body, len), &c),
                     UA_STATUSCODE_BADENCODINGLIMITSEXCEEDED);
    assert_int_equal(c.room_cap, 0);
    memcpy(body, &(uint32_t){count - 1}, sizeof count);
    assert_int_equal(notification_changes_decode(slice_from(body, len), &c), UA_STATUSCODE_GOOD);
    assert_int_equal(c.count, NOTIFICATION_CHANGES_MAX);
    notification_changes_free(&c);
    free(body);
}

static void the_room_is_used_again(void **state)
{
    (void)state;
    UA_MonitoredItemNotification items[VALUES];
    UA_ByteString bytes = encode(items, SCALARS);
    struct notification_changes c = {0};
    struct slice body = slice_from(bytes.data, bytes.length);
    assert_int_equal(notification_changes_decode(body, &c), UA_STATUSCODE_GOOD);
    void *room = c.room;
    notification_changes_clear(&c);
    assert_int_equal(notification_changes_decode(body, &c), UA_STATUSCODE_GOOD);
    assert_ptr_equal(c.room, room);
    notification_changes_clear(&c);
    notification_changes_free(&c);
    UA_ByteString_clear(&bytes);
}

static void an_answer_keeps_its_parts_as_they_came(void **state)
{
    (void)state;
    UA_StatusChangeNotification change = {.status = UA_STATUSCODE_BADTIMEOUT};
    UA_UInt32 available[] = {6, 7};
    UA_StatusCode results[] = {UA_STATUSCODE_BADSEQUENCENUMBERUNKNOWN};
    UA_ExtensionObject part = {.encoding = UA_EXTENSIONOBJECT_DECODED};
    part.content.decoded.type = &UA_TYPES[UA_TYPES_STATUSCHANGENOTIFICATION];
    part.content.decoded.data = &change;
    UA_PublishResponse sent = {.responseHeader.serviceResult = UA_STATUSCODE_UNCERTAIN,
                               .subscriptionId = 5,
                               .availableSequenceNumbersSize = 2,
                               .availableSequenceNumbers = available,
                               .moreNotifications = true,
                               .notificationMessage = {7, 99, 1, &part},
                               .resultsSize = 1,
                               .results = results};
    UA_ByteString bytes = UA_BYTESTRING_NULL;
    struct publish_answer got;
    assert_int_equal(UA_encodeBinary(&sent, &UA_TYPES[UA_TYPES_PUBLISHRESPONSE], &bytes), 0);
    assert_int_equal(UA_decodeBinary(&bytes, &got, &publish_answer_type, NULL), 0);
    assert_int_equal(got.header.serviceResult, UA_STATUSCODE_UNCERTAIN);
    assert_int_equal(got.subscription, 5);
    assert_int_equal(got.available_count, 2);
    assert_int_equal(got.available[1], 7);
    assert_true(got.more);
    assert_int_equal(got.message.sequence, 7);
    assert_int_equal(got.message.published, 99);
    assert_int_equal(got.message.part_count, 1);
    assert_int_equal(got.results[0], UA_STATUSCODE_BADSEQUENCENUMBERUNKNOWN);
    assert_true(notification_is(got.message.parts, &UA_TYPES[UA_TYPES_STATUSCHANGENOTIFICATION]));
    assert_false(notification_is(got.message.parts, &UA_TYPES[UA_TYPES_DATACHANGENOTIFICATION]));
    UA_clear(&got, &publish_answer_type);
    UA_ByteString_clear(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_scalars_are_taken_from_the_bytes),
        cmocka_unit_test(the_rest_is_left_to_the_stack),
        cmocka_unit_test(what_is_cut_off_is_refused),
        cmocka_unit_test(more_values_than_bytes_are_refused),
        cmocka_unit_test(more_values_than_a_subscription_has_are_refused),
        cmocka_unit_test(the_room_is_used_again),
        cmocka_unit_test(an_answer_keeps_its_parts_as_they_came),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
