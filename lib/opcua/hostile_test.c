/* A server that answers as none should: it is not believed, asked no more often than a good one, and what it says
 * later is taken again. */
#include <math.h>

#include "opcua/answers_rig.h"
#include "opcua/subscription_rig.h"

/* ---- what it does ---- */

static struct hostile {
    size_t creates, deletes, modifies, republishes; /* that it was asked for */
    bool too_few;                                   /* results, of items that are made and changed */
    UA_StatusCode of_items, of_deletes, of_modifies, of_republish;
    double interval_ms;
    uint32_t keep_alive_count; /* both of a subscription that is made; interval 0: as they are */
    bool has_poison;           /* an item for which it refuses all that are made with it */
    unsigned publishes, publishes_max; /* requests that it has, and takes */
    uint32_t ahead;            /* its numbers are by so many, */
    bool counts_zero;          /* after the last one comes 0, */
    bool no_clock;             /* and all its times are 1601 */
} hostile;

static void set_status(void *answer, UA_StatusCode status)
{
    if (status != UA_STATUSCODE_GOOD)
        ((UA_ResponseHeader *)answer)->serviceResult = status;
}

static void leave_one_out(UA_CreateMonitoredItemsResponse *r)
{
    if (hostile.too_few && r->resultsSize)
        UA_MonitoredItemCreateResult_clear(&r->results[--r->resultsSize]);
}

static void revise(UA_CreateSubscriptionResponse *r)
{
    if (hostile.interval_ms == 0)
        return;
    r->revisedPublishingInterval = hostile.interval_ms;
    r->revisedMaxKeepAliveCount = hostile.keep_alive_count;
    r->revisedLifetimeCount = 0;
}

static uint32_t number_of(uint32_t n)
{
    uint32_t ahead = n + hostile.ahead;
    return ahead < n && !hostile.counts_zero ? ahead + 1 : ahead;
}

static void number_anew(struct publish_answer *a)
{
    a->message.sequence = number_of(a->message.sequence);
    for (size_t i = 0; i < a->available_count; i++)
        a->available[i] = number_of(a->available[i]);
    if (hostile.of_republish)
        a->available_count = 0; /* it keeps none, and says nothing of it */
    if (hostile.no_clock)
        a->message.published = 0;
}

static const struct opcua_item poison_item = {.node = SLICE_INIT("nsu=urn:test;s=Poison")};

static bool has_poison(const UA_CreateMonitoredItemsRequest *r)
{
    UA_String poison = UA_STRING("Poison");
    for (size_t i = 0; i < r->itemsToCreateSize; i++)
        if (UA_String_equal(&r->itemsToCreate[i].itemToMonitor.nodeId.identifier.string, &poison))
            return true;
    return false;
}

static void change(const UA_DataType *type, const void *request, void *answer)
{
    if (ANSWERS_OF(type, CREATESUBSCRIPTION))
        revise(answer);
    if (ANSWERS_OF(type, PUBLISH)) {
        hostile.publishes--;
        number_anew(answer);
    }
    if (ANSWERS_OF(type, CREATEMONITOREDITEMS)) {
        hostile.creates++;
        leave_one_out(answer);
        set_status(answer, hostile.of_items);
        if (hostile.has_poison && has_poison(request))
            set_status(answer, UA_STATUSCODE_BADINTERNALERROR);
    }
    if (ANSWERS_OF(type, MODIFYMONITOREDITEMS)) {
        hostile.modifies++;
        set_status(answer, hostile.of_modifies);
    }
    if (ANSWERS_OF(type, DELETEMONITOREDITEMS)) {
        hostile.deletes++;
        set_status(answer, hostile.of_deletes);
    }
    if (ANSWERS_OF(type, REPUBLISH)) {
        hostile.republishes++;
        set_status(answer, hostile.of_republish);
    }
}

static int begin(void **state)
{
    (void)state;
    hostile = (struct hostile){0};
    answers_change = change;
    return 0;
}

static int end(void **state)
{
    (void)state;
    answers_change = NULL;
    answers_refuse = NULL;
    return 0;
}

/* ---- items ---- */

static bool two_are_told(void *arg)
{
    struct world *w = arg;
    return w->told[0] && w->told[1];
}

static bool first_is_good(void *arg)
{
    return ((struct world *)arg)->status[0] == UA_STATUSCODE_GOOD;
}

/* Long enough to be asked many times, by who does not wait. */
static void let_it_be_quiet(struct world *w)
{
    w->keep_alives = 0;
    WAIT_FOR(has_keep_alives, w);
}

static void two_items_fail(UA_StatusCode with)
{
    struct world *w = world_new(1, false);
    add(w, count_item);
    add(w, (struct opcua_item){.node = SLICE("nsu=urn:test;s=Still")});
    WAIT_FOR(two_are_told, w);
    assert_int_equal(w->status[0], with);
    assert_int_equal(w->status[1], with);
    assert_int_equal(hostile.creates, 1);
    hostile.too_few = false;
    hostile.of_items = UA_STATUSCODE_GOOD;
    opcua_subscription_retry(w->subscription, 0); /* as it is by itself, later */
    WAIT_FOR(first_is_good, w);
    want_more(w, 5);
    world_free(w);
}

static void too_few_results_are_an_error_of_each_item(void **state)
{
    (void)state;
    hostile.too_few = true;
    two_items_fail(UA_STATUSCODE_BADUNEXPECTEDERROR);
    assert_int_equal(hostile.deletes, 1); /* what it made all the same */
}

static void items_that_are_refused_as_a_whole_are_not_asked_for_at_once(void **state)
{
    (void)state;
    hostile.of_items = UA_STATUSCODE_BADINTERNALERROR;
    two_items_fail(UA_STATUSCODE_BADINTERNALERROR);
}

#define GOOD_COUNT 7

static bool all_but_the_poison_are_good(void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < GOOD_COUNT; i++)
        if (!w->told[i] || w->status[i] != UA_STATUSCODE_GOOD)
            return false;
    return true;
}

static void one_that_makes_it_refuse_all_does_not_stop_the_others(void **state)
{
    (void)state;
    hostile.has_poison = true;
    item_retry_s = 1;
    struct world *w = world_new(1, false);
    item_retry_s = 0;
    for (int i = 0; i < GOOD_COUNT; i++)
        add(w, (struct opcua_item){.node = SLICE("nsu=urn:test;s=Still")});
    uint32_t poison = add(w, poison_item);
    WAIT_FOR(all_but_the_poison_are_good, w);
    assert_int_equal(w->status[poison], UA_STATUSCODE_BADINTERNALERROR);
    assert_true(hostile.creates < 16);
    world_free(w);
}

#define MANY 1000

static bool many_have_failed(void *arg)
{
    return opcua_subscription_counts(((struct world *)arg)->subscription).failed == MANY;
}

/* Fifty with a call, at first; then half of that, and not fewer and fewer. */
static void many_that_are_refused_are_not_asked_for_one_by_one_at_once(void **state)
{
    (void)state;
    hostile.of_items = UA_STATUSCODE_BADINTERNALERROR;
    struct world *w = world_new(1, false);
    for (int i = 0; i < SEEN_MAX; i++)
        w->items[i] = count_item;
    struct opcua_subscription_events quiet = events;
    quiet.on_item = NULL;
    w->subscription->config.events = &quiet;
    assert_int_equal(opcua_subscription_add(w->subscription, MANY, NULL), OK);
    WAIT_FOR(many_have_failed, w);
    assert_true(hostile.creates <= MANY / 25);
    world_free(w);
}

static bool it_is_known_to_take_none(void *arg)
{
    return ((struct world *)arg)->subscription->takes_none;
}

/* One by one, to find the one that is not taken; but none is, so that they are asked for as at first. */
static void one_that_takes_none_is_not_asked_for_one_by_one_for_ever(void **state)
{
    (void)state;
    hostile.of_items = UA_STATUSCODE_BADINTERNALERROR;
    item_retry_s = 1;
    struct world *w = world_new(1, false);
    item_retry_s = 0;
    for (int i = 0; i < 20; i++)
        add(w, (struct opcua_item){.node = SLICE("nsu=urn:test;s=Still")});
    WAIT_FOR(it_is_known_to_take_none, w);
    assert_int_equal(w->subscription->batch, 0);
    let_it_be_quiet(w);
    hostile.of_items = UA_STATUSCODE_GOOD;
    WAIT_FOR(all_but_the_poison_are_good, w);
    world_free(w);
}

/* The connection is there still, as far as anybody knows. */
static UA_StatusCode it_takes_no_items(const UA_DataType *type, const void *request)
{
    (void)request;
    if (!ANSWERS_OF(type, CREATEMONITOREDITEMS))
        return UA_STATUSCODE_GOOD;
    hostile.creates++;
    return UA_STATUSCODE_BADTCPNOTENOUGHRESOURCES;
}

static void items_that_were_lost_are_made_when_it_is_back(void **state)
{
    (void)state;
    answers_refuse = it_takes_no_items;
    struct world *w = world_new(1, false);
    add(w, count_item);
    WAIT_FOR(is_alive, w);
    let_it_be_quiet(w);
    assert_int_equal(hostile.creates, 1);
    assert_int_equal(w->told[0], 0); /* nothing is wrong with it */
    answers_refuse = NULL;
    proxy_cut(&w->proxy);
    want_more(w, 5);
    assert_int_equal(w->status[0], UA_STATUSCODE_GOOD);
    world_free(w);
}

static bool was_asked_to_delete(void *arg)
{
    (void)arg;
    return hostile.deletes > 0;
}

static void items_that_it_does_not_delete_are_deleted_later(void **state)
{
    (void)state;
    item_retry_s = 1;
    struct world *w = world_new(1, false);
    item_retry_s = 0;
    uint32_t index = add(w, (struct opcua_item){.node = SLICE("nsu=urn:test;s=Still")});
    want_more(w, 1);
    hostile.of_deletes = UA_STATUSCODE_BADINTERNALERROR;
    opcua_subscription_remove(w->subscription, index);
    WAIT_FOR(was_asked_to_delete, w);
    let_it_be_quiet(w);
    assert_true(hostile.deletes <= 2);
    hostile.of_deletes = UA_STATUSCODE_GOOD;
    WAIT_FOR(has_no_items, w);
    world_free(w);
}

static bool is_refused(void *arg)
{
    return ((struct world *)arg)->status[0] == UA_STATUSCODE_BADINTERNALERROR;
}

static void an_item_that_it_does_not_change_is_told_so(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 10);
    hostile.of_modifies = UA_STATUSCODE_BADINTERNALERROR;
    opcua_subscription_modify(w->subscription, 0);
    WAIT_FOR(is_refused, w);
    want_more(w, 20); /* it has the item still */
    assert_int_equal(hostile.modifies, 1);
    world_free(w);
}

/* ---- publish requests ---- */

static UA_StatusCode it_takes_few_publishes(const UA_DataType *type, const void *request)
{
    (void)request;
    if (!ANSWERS_OF(type, PUBLISH))
        return UA_STATUSCODE_GOOD;
    if (hostile.publishes == hostile.publishes_max)
        return UA_STATUSCODE_BADTOOMANYPUBLISHREQUESTS;
    hostile.publishes++;
    return UA_STATUSCODE_GOOD;
}

static bool has_two_publishes(void *arg)
{
    (void)arg;
    return hostile.publishes >= 2;
}

static void a_limit_of_publish_requests_is_not_for_ever(void **state)
{
    (void)state;
    answers_refuse = it_takes_few_publishes;
    hostile.publishes_max = 1;
    struct world *w = world_new(1, false);
    add(w, count_item);
    want_more(w, 5);
    hostile.publishes_max = 100;
    WAIT_FOR(has_two_publishes, w);
    world_free(w);
}

/* ---- intervals ---- */

#define DAY_MS 86400000.0

static void intervals_that_are_none_are_not_believed(void **state)
{
    (void)state;
    static const struct {
        double interval_ms;
        uint32_t keep_alive_count;
    } odd[] = {{NAN, 10}, {INFINITY, 10}, {-5, 10}, {1e300, 10}, {1000, 0}, {1000, UINT32_MAX}};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        hostile.interval_ms = odd[i].interval_ms;
        hostile.keep_alive_count = odd[i].keep_alive_count;
        struct world *w = world_new(3, false);
        WAIT_FOR(is_alive, w);
        const struct opcua_subscription *s = w->subscription;
        double promised = s->publishing_ms * s->keep_alive_count;
        assert_true(s->publishing_ms == PUBLISHING_MS || s->publishing_ms == odd[i].interval_ms);
        assert_true(promised >= PUBLISHING_MS && promised <= DAY_MS);
        add(w, count_item);
        want_more(w, 5);
        world_free(w);
    }
}

/* ---- sequence numbers ---- */

/* Its next number is the fifth before the last one that there is. */
static struct world *world_that_wraps(bool counts_zero)
{
    struct world *w = world_new(0, false);
    WAIT_FOR(is_alive, w);
    hostile.ahead = UINT32_MAX - 5;
    hostile.counts_zero = counts_zero;
    w->subscription->expected = w->subscription->known_next = number_of(1);
    add(w, count_item);
    return w;
}

static void nothing_is_missing(struct world *w)
{
    struct opcua_subscription_counts c = opcua_subscription_counts(w->subscription);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->missing, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    assert_int_equal(c.duplicates, 0);
    assert_true(w->subscription->expected < 10000);
}

static void numbers_wrap(void **state)
{
    (void)state;
    struct world *w = world_that_wraps(false);
    want_more(w, 50);
    nothing_is_missing(w);
    assert_int_equal(hostile.republishes, 0);
    world_free(w);
}

static void numbers_that_wrap_to_zero_lose_nothing(void **state)
{
    (void)state;
    struct world *w = world_that_wraps(true);
    want_more(w, 50);
    nothing_is_missing(w);
    world_free(w);
}

static bool has_gap(void *arg)
{
    return ((struct world *)arg)->gaps >= 1000;
}

/* Small servers have no Republish: a thousand questions would hold all that comes behind. */
static void a_server_that_cannot_republish_is_asked_once(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 10);
    hostile.of_republish = UA_STATUSCODE_BADSERVICEUNSUPPORTED;
    hostile.ahead = 1000;
    WAIT_FOR(has_gap, w);
    want_more(w, 20);
    assert_int_equal(w->gaps, 1000);
    assert_int_equal(hostile.republishes, 1);
    world_free(w);
}

static bool is_made_anew(void *arg)
{
    return opcua_subscription_counts(((struct world *)arg)->subscription).made == 2;
}

/* Without a clock nobody can tell new messages from repeated ones: but so many are none. */
static void numbers_that_begin_anew_without_a_clock_are_seen(void **state)
{
    (void)state;
    hostile.no_clock = true;
    struct world *w = world_new(0, false);
    WAIT_FOR(is_alive, w);
    hostile.ahead = 100000;
    w->subscription->expected = w->subscription->known_next = number_of(1);
    add(w, count_item);
    want_more(w, 10);
    hostile.ahead = 0;
    WAIT_FOR(is_made_anew, w);
    assert_true(w->unknown_gaps > 0);
    want_more(w, 20);
    world_free(w);
}

/* One of ours, with a value of the item with index 0. */
static void receive_value(struct opcua_subscription *s, uint32_t sequence, UA_Int32 value)
{
    UA_MonitoredItemNotification item;
    UA_MonitoredItemNotification_init(&item);
    item.value.hasValue = true;
    UA_Variant_setScalar(&item.value.value, &value, &UA_TYPES[UA_TYPES_INT32]);
    UA_DataChangeNotification change;
    UA_DataChangeNotification_init(&change);
    change.monitoredItemsSize = 1;
    change.monitoredItems = &item;
    struct notification m = {.sequence = sequence, .published = UA_DateTime_now(), .part_count = 1};
    m.parts = UA_Array_new(1, notification_type.members[2].memberType);
    m.parts->encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
    m.parts->type = UA_TYPES[UA_TYPES_DATACHANGENOTIFICATION].binaryEncodingId;
    assert_int_equal(UA_encodeBinary(&change, &UA_TYPES[UA_TYPES_DATACHANGENOTIFICATION], &m.parts->body),
                     UA_STATUSCODE_GOOD);
    receive_message(s, &m);
    UA_clear(&m, &notification_type);
}

static bool is_not_asking(void *arg)
{
    return !((struct world *)arg)->subscription->republish;
}

/* The second comes before the first; that is asked for, and comes by itself when there is no room: it is held, and
 * what the server answers, which does not have it, says nothing. */
static void one_that_comes_while_it_is_asked_for_is_no_gap(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    WAIT_FOR(is_alive, w);
    struct opcua_subscription *s = w->subscription;
    uint32_t first = s->expected;
    receive_value(s, first + 1, 2);
    assert_non_null(s->republish);
    w->refuse = true;
    receive_value(s, first, 1);
    assert_true(s->paused);
    WAIT_FOR(is_not_asking, w);
    assert_int_equal(s->held_count, 2);
    assert_int_equal(s->expected, first);
    w->refuse = false;
    opcua_subscription_resume(s);
    assert_int_equal(s->held_count, 0);
    assert_int_equal(s->expected, first + 2);
    assert_null(s->republish);
    assert_int_equal(w->values, 2);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    world_free(w);
}

static UA_StatusCode no_answer_to_republish(const UA_DataType *type, const void *request)
{
    (void)request;
    if (!ANSWERS_OF(type, REPUBLISH))
        return UA_STATUSCODE_GOOD;
    hostile.republishes++;
    return UA_STATUSCODE_BADINTERNALERROR;
}

/* Two in a row give a gap up: not one of each of two gaps. */
static void a_gap_is_not_given_up_for_the_one_before(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    WAIT_FOR(is_alive, w);
    struct opcua_subscription *s = w->subscription;
    answers_refuse = no_answer_to_republish;
    receive_value(s, s->expected + 1, 1);
    WAIT_FOR(is_not_asking, w);
    assert_int_equal(w->gaps, 1);
    assert_int_equal(w->values, 1);
    receive_value(s, s->expected + 5, 2);
    WAIT_FOR(is_not_asking, w);
    assert_int_equal(w->gaps, 6);
    assert_int_equal(w->values, 2);
    assert_int_equal(hostile.republishes, 1 + 2);
    world_free(w);
}

/* There is nothing to ask for it by. */
static void one_without_a_number_and_without_room_is_a_gap(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    WAIT_FOR(is_alive, w);
    struct opcua_subscription *s = w->subscription;
    w->refuse = true;
    for (UA_Int32 i = 1; i <= OPCUA_SUBSCRIPTION_HELD_MAX; i++)
        receive_value(s, 0, i);
    assert_int_equal(w->unknown_gaps, 0);
    receive_value(s, 0, 1000);
    assert_int_equal(w->unknown_gaps, 1);
    uint64_t told = s->counts.notifications;
    w->refuse = false;
    opcua_subscription_resume(s);
    assert_int_equal(w->values, OPCUA_SUBSCRIPTION_HELD_MAX);
    assert_int_equal(s->counts.notifications - told, OPCUA_SUBSCRIPTION_HELD_MAX);
    world_free(w);
}

/* ---- size ---- */

/* One from ahead, with a part of a kind that nobody knows. */
static void receive_large(struct opcua_subscription *s, uint32_t ahead, size_t bytes)
{
    struct notification m = {.sequence = s->expected + ahead, .published = s->published, .part_count = 1};
    m.parts = UA_Array_new(1, notification_type.members[2].memberType);
    assert_int_equal(UA_ByteString_allocBuffer(&m.parts->body, bytes), UA_STATUSCODE_GOOD);
    receive_message(s, &m);
    UA_clear(&m, &notification_type);
}

/* What waits for one that is missing has a bound; the rest is asked for again. */
static void what_is_held_has_a_bound_in_bytes(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 10);
    size_t each = OPCUA_SUBSCRIPTION_HELD_BYTES_MAX / 4;
    receive_available(w->subscription, NULL, 0);
    for (uint32_t i = 0; i < 10; i++)
        receive_large(w->subscription, 100 + i, each);
    assert_int_equal(opcua_subscription_counts(w->subscription).held, 3); /* and what else they take */
    world_free(w);
}

static void receive_unreadable(struct opcua_subscription *s)
{
    struct notification m = {.sequence = s->expected, .published = s->published, .part_count = 1};
    m.parts = UA_Array_new(1, notification_type.members[2].memberType);
    m.parts->encoding = UA_EXTENSIONOBJECT_ENCODED_BYTESTRING;
    m.parts->type = UA_TYPES[UA_TYPES_DATACHANGENOTIFICATION].binaryEncodingId;
    m.parts->body = UA_BYTESTRING_ALLOC("xx");
    receive_message(s, &m);
    UA_clear(&m, &notification_type);
}

/* Not each time: a gap makes others read histories. */
static void values_that_nobody_can_read_are_a_gap_once(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 10);
    receive_unreadable(w->subscription);
    receive_unreadable(w->subscription);
    assert_int_equal(w->gaps, 1);
    assert_int_equal(opcua_subscription_counts(w->subscription).gaps, 2);
    world_free(w);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(too_few_results_are_an_error_of_each_item),
        TEST(items_that_are_refused_as_a_whole_are_not_asked_for_at_once),
        TEST(one_that_makes_it_refuse_all_does_not_stop_the_others),
        TEST(many_that_are_refused_are_not_asked_for_one_by_one_at_once),
        TEST(one_that_takes_none_is_not_asked_for_one_by_one_for_ever),
        TEST(items_that_were_lost_are_made_when_it_is_back),
        TEST(a_limit_of_publish_requests_is_not_for_ever),
        TEST(items_that_it_does_not_delete_are_deleted_later),
        TEST(an_item_that_it_does_not_change_is_told_so),
        TEST(intervals_that_are_none_are_not_believed),
        TEST(numbers_wrap),
        TEST(numbers_that_wrap_to_zero_lose_nothing),
        TEST(a_server_that_cannot_republish_is_asked_once),
        TEST(numbers_that_begin_anew_without_a_clock_are_seen),
        TEST(one_that_comes_while_it_is_asked_for_is_no_gap),
        TEST(a_gap_is_not_given_up_for_the_one_before),
        TEST(one_without_a_number_and_without_room_is_a_gap),
        TEST(what_is_held_has_a_bound_in_bytes),
        TEST(values_that_nobody_can_read_are_a_gap_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
