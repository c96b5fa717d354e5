/* Gaps are read from the historian of a real server. */
#include "writers/backfill_priv.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "opcua/answers_rig.h"
#include "opcua/server.h"
#include "opcua/value_json.h"

#include "base/cmocka.h"

#define WAIT_MS 30000
#define KEPT 2500 /* values: several pages of ours */
#define PAGE 300  /* of the server's: pages within those */
#define OWN_KEPT 5 /* values of a structure of the server's own */
#define WITHOUT "ns=2;s=Without"
#define OWN "ns=2;s=Own"
#define WITH "ns=2;s=With"

static struct world {
    struct loop *loop;
    struct opcua_thread *thread;
    struct opcua_server *server;
    struct opcua_session *session;
    uint16_t space;
    struct list all;
    struct backfill *backfill;
    struct backfill_item *item;
    struct backfill_counts counts;
    UA_Int32 wrote;
    _Atomic bool written;
    bool no_room;
    size_t late, lost, out_of_order, out_of_place;
    UA_DateTime began, last, from, until, lost_from, lost_until;
    UA_Int32 value;
    size_t twice, pages;
    UA_DataTypeMember member;
    UA_DataType type;
    size_t own, own_known; /* values of it, and those whose type was known when they were told */
    bool told[KEPT + 1]; /* values; those that were written within a tick are in any order */
} world;

static struct opcua_place at(const char *id)
{
    return (struct opcua_place){world.space, id};
}

/* On the server's thread, so many at a turn. */
static void write_more(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100 && world.wrote < KEPT; i++) {
        world.wrote++;
        if (world.wrote % (KEPT / OWN_KEPT) == 0)
            opcua_server_write(world.server, at("Own"), &world.wrote, &world.type,
                               UA_STATUSCODE_GOOD);
        opcua_server_write(world.server, at("With"), &world.wrote, &UA_TYPES[UA_TYPES_INT32],
                           UA_STATUSCODE_GOOD);
    }
    atomic_store(&world.written, world.wrote == KEPT);
}

/* Member by member, or in its bytes. */
static void on_late_structure(const UA_DataValue *v)
{
    struct buffer text = {0};
    const struct opcua_value_form form = {.names = opcua_session_namespaces(world.session)};
    opcua_value_json_data_value(v, OPCUA_FIELD_RAW, &form, &text);
    world.own++;
    world.own_known += slice_starts(buffer_slice(&text), SLICE("{\"N\":"));
    buffer_clear(&text);
}

static void on_late(void *arg, const UA_DataValue *v)
{
    (void)arg;
    world.late++;
    if (v->value.type == &UA_TYPES[UA_TYPES_EXTENSIONOBJECT]) {
        on_late_structure(v);
        return;
    }
    world.out_of_order += v->sourceTimestamp < world.last;
    world.out_of_place += v->sourceTimestamp <= world.from || v->sourceTimestamp >= world.until;
    world.value = *(UA_Int32 *)v->value.data;
    assert_in_range(world.value, 0, KEPT);
    world.twice += world.told[world.value];
    world.told[world.value] = true;
    world.last = v->sourceTimestamp;
}

static void on_lost(void *arg, UA_DateTime from, UA_DateTime until)
{
    (void)arg;
    world.lost++;
    world.lost_from = from;
    world.lost_until = until;
}

static bool has_room(void *arg)
{
    (void)arg;
    return !world.no_room;
}

static const struct backfill_events events = {
    .on_late = on_late, .on_lost = on_lost, .has_room = has_room};

static bool is_written(void *arg)
{
    (void)arg;
    return atomic_load(&world.written);
}

static int start(void **state)
{
    (void)state;
    struct opcua_server_config config = {.host = "127.0.0.1"};
    UA_Int32 zero = 0;
    assert_int_equal(opcua_server_open(&config, &world.server), OK);
    world.space = opcua_server_namespace(world.server, "urn:test");
    opcua_server_add_variable(world.server, (struct opcua_place){0}, at("With"), "With", &zero,
                              &UA_TYPES[UA_TYPES_INT32], false);
    opcua_server_add_variable(world.server, (struct opcua_place){0}, at("Without"), "Without",
                              &zero, &UA_TYPES[UA_TYPES_INT32], false);
    world.member = (UA_DataTypeMember){.memberName = "N", .memberType = &UA_TYPES[UA_TYPES_INT32]};
    world.type = (UA_DataType){.typeName = "Own",
                               .typeId = UA_NODEID_NUMERIC(world.space, 5001),
                               .binaryEncodingId = UA_NODEID_NUMERIC(world.space, 5002),
                               .memSize = sizeof(UA_Int32),
                               .typeKind = UA_DATATYPEKIND_STRUCTURE & 63,
                               .pointerFree = true,
                               .membersSize = 1,
                               .members = &world.member};
    opcua_server_add_structures(world.server, &world.type, 1);
    opcua_server_add_variable(world.server, (struct opcua_place){0}, at("Own"), "Own", &zero,
                              &world.type, false);
    opcua_server_keep_history(world.server, at("Own"), PAGE);
    opcua_server_keep_history(world.server, at("With"), PAGE);
    opcua_server_every(world.server, 5, write_more, NULL);
    world.began = UA_DateTime_now();
    assert_int_equal(opcua_server_start(world.server), OK);
    world.loop = loop_new();
    world.thread = opcua_thread_new(&(struct opcua_thread_config){.loop = world.loop});
    struct opcua_connection c = {.endpoint_url = slice_of(opcua_server_url(world.server)),
                                 .security = OPCUA_SECURITY_NONE};
    world.session = opcua_session_get(world.thread, &c);
    list_init(&world.all);
    assert_true(loop_run_until(world.loop, is_written, NULL, WAIT_MS));
    world.backfill =
        backfill_get(&world.all, world.session,
                     &(struct backfill_config){.events = &events, .counts = &world.counts});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    backfill_item_free(&world.item);
    backfill_unref(&world.backfill);
    assert_true(list_empty(&world.all));
    opcua_session_unref(&world.session);
    opcua_thread_free(&world.thread);
    loop_free(&world.loop);
    opcua_server_close(&world.server);
    world = (struct world){0};
    return 0;
}

static void live_at(UA_DateTime time, UA_DateTime now)
{
    UA_DataValue v = {.hasSourceTimestamp = true, .sourceTimestamp = time};
    backfill_value(world.item, &v, now);
}

static void live(UA_DateTime time)
{
    live_at(time, UA_DateTime_now());
}

/* A value was told, then nothing until `until`. */
static struct backfill_item *item_of(const char *node, const char *path)
{
    return backfill_item_new(world.backfill, slice_of(node), slice_of(path), (struct slice){0}, NULL);
}

static void miss(const char *node, UA_DateTime from, UA_DateTime until)
{
    world.from = from;
    world.until = until;
    world.item = item_of(node, NULL);
    live(from);
    backfill_gap(world.item, true, from);
    live(until);
}

static bool is_filled(void *arg)
{
    (void)arg;
    return world.counts.waiting == 0;
}

static void a_gap_is_read_in_order_and_each_value_once(void **state)
{
    (void)state;
    miss(WITH, world.began, UA_DateTime_now() + UA_DATETIME_SEC);
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    assert_int_equal(world.late, KEPT);
    assert_int_equal(world.twice, 0);
    assert_int_equal(world.out_of_order, 0);
    assert_int_equal(world.lost, 0);
    assert_int_equal(world.counts.values, KEPT);
}

/* They wait for what is in them, as live ones do. */
static void structures_of_the_servers_own_are_known_when_they_are_told(void **state)
{
    (void)state;
    miss(OWN, world.began, UA_DateTime_now() + UA_DATETIME_SEC);
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    assert_int_equal(world.own, OWN_KEPT);
    assert_int_equal(world.own_known, OWN_KEPT);
    assert_int_equal(world.lost, 0);
}

static bool is_asked(void *arg)
{
    (void)arg;
    return world.backfill->page != NULL;
}

static void an_item_may_go_while_its_values_wait(void **state)
{
    (void)state;
    miss(OWN, world.began, UA_DateTime_now() + UA_DATETIME_SEC);
    assert_true(loop_run_until(world.loop, is_asked, NULL, WAIT_MS));
    backfill_item_free(&world.item);
    assert_null(world.backfill->page);
    assert_int_equal(world.own, 0);
}

/* What was told live on both sides is not told again. */
static void only_what_is_inside_is_told(void **state)
{
    (void)state;
    miss(WITH, world.began, UA_DateTime_now() + UA_DATETIME_SEC);
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    UA_DateTime end = world.last;
    size_t all = world.late;
    backfill_item_free(&world.item);
    world.late = 0;
    world.last = 0;
    miss(WITH, world.began + (end - world.began) / 4, end);
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    assert_true(world.late > 0 && world.late < all);
    assert_int_equal(world.out_of_place, 0);
}

static void what_an_earlier_start_told_is_where_history_begins(void **state)
{
    (void)state;
    world.from = world.began;
    world.until = UA_DateTime_now() + UA_DATETIME_SEC;
    world.item = item_of(WITH, NULL);
    assert_int_equal(backfill_told(world.item), 0);
    backfill_resume(world.item, world.from);
    assert_true(backfill_told(world.item) == world.from);
    live(world.until);
    assert_true(backfill_told(world.item) == world.from); /* the rest is not read yet */
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    assert_int_equal(world.late, KEPT);
    assert_int_equal(world.out_of_place, 0);
    assert_true(backfill_told(world.item) == world.until);
}

static void a_node_may_be_known_by_its_path(void **state)
{
    (void)state;
    world.from = world.began;
    world.until = UA_DateTime_now() + UA_DATETIME_SEC;
    world.item = item_of("i=85", "[\"/2:With\"]");
    live(world.from);
    backfill_gap(world.item, true, world.from);
    live(world.until);
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    assert_int_equal(world.late, KEPT);
    backfill_item_free(&world.item);
    world.item = item_of("i=85", "[\"/2:Nowhere\"]");
    live(world.from);
    backfill_gap(world.item, true, world.from);
    live(world.until);
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    assert_int_equal(world.lost, 1);
}

static void the_same_value_again_is_no_gap(void **state)
{
    (void)state;
    miss(WITH, world.began, world.began);
    assert_int_equal(world.counts.waiting, 0);
    live(UA_DateTime_now());
    assert_int_equal(world.counts.waiting, 0);
}

/* Of a server whose clock was in the year 9999 for a moment: later values would all be before it. */
static void a_value_of_the_future_is_not_where_history_goes_on(void **state)
{
    (void)state;
    UA_DateTime now = UA_DateTime_now();
    world.item = item_of(WITH, NULL);
    live(now);
    live(now + 365 * 24 * 3600 * (UA_DateTime)UA_DATETIME_SEC);
    live(INT64_MAX);
    assert_true(backfill_told(world.item) == now);
}

/* Or ours stood in the past: what is missed is read all the same, and also when the clock is right one day. */
static void a_server_whose_clock_is_ahead_closes_gaps(void **state)
{
    (void)state;
    UA_DateTime ahead = UA_DateTime_now() + 30 * 24 * 3600 * (UA_DateTime)UA_DATETIME_SEC;
    world.item = item_of(WITH, NULL);
    live_at(ahead, ahead);
    assert_true(backfill_told(world.item) == ahead);
    backfill_gap(world.item, true, ahead);
    live_at(ahead + UA_DATETIME_SEC, ahead + UA_DATETIME_SEC);
    assert_int_equal(world.counts.waiting, 1);
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    assert_int_equal(world.lost, 0);
    UA_DateTime right = UA_DateTime_now();
    live_at(right, right);
    assert_true(backfill_told(world.item) == right);
    live_at(right, INT64_MAX);
    live_at(right, INT64_MIN);
    assert_true(backfill_told(world.item) == right);
}

/* Where to go on, again and again, and nothing there. */
static void change(const UA_DataType *type, const void *request, void *answer)
{
    UA_HistoryReadResponse *r = answer;
    (void)request;
    if (!ANSWERS_OF(type, HISTORYREAD))
        return;
    world.pages++;
    for (size_t i = 0; i < r->resultsSize; i++) {
        UA_HistoryReadResult_clear(&r->results[i]);
        UA_HistoryReadResult_init(&r->results[i]);
        r->results[i].continuationPoint = UA_BYTESTRING_ALLOC("on");
    }
}

static void a_history_without_an_end_is_given_up(void **state)
{
    (void)state;
    answers_change = change;
    miss(WITH, world.began, UA_DateTime_now());
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    answers_change = NULL;
    assert_int_equal(world.late, 0);
    assert_int_equal(world.lost, 1);
    assert_true(world.pages > 10 && world.pages < 200);
}

static bool has_many_pages(void *arg)
{
    (void)arg;
    return world.pages >= 60;
}

/* Nor is one that is read in vain for a while, and then goes, the reason to give up the next. */
static void an_items_empty_pages_are_not_anothers(void **state)
{
    (void)state;
    answers_change = change;
    miss(WITH, world.began, UA_DateTime_now());
    assert_true(loop_run_until(world.loop, has_many_pages, NULL, WAIT_MS));
    backfill_item_free(&world.item);
    assert_int_equal(world.backfill->empty, 0);
    world.pages = 0;
    miss(WITH, world.began, UA_DateTime_now());
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    answers_change = NULL;
    assert_int_equal(world.lost, 1);
    assert_true(world.pages > 100);
}

static void a_gap_without_history_is_told_as_lost(void **state)
{
    (void)state;
    UA_DateTime until = UA_DateTime_now();
    miss(WITHOUT, world.began, until);
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    assert_int_equal(world.late, 0);
    assert_int_equal(world.lost, 1);
    assert_true(world.lost_from == world.began && world.lost_until == until);
}

static bool is_lost(void *arg)
{
    (void)arg;
    return world.lost > 0;
}

static void gaps_beyond_the_bound_are_told_as_lost(void **state)
{
    (void)state;
    world.no_room = true; /* so that none is read */
    miss(WITH, 1000, 2000);
    for (UA_DateTime n = 1; n < BACKFILL_GAPS_MAX; n++) {
        backfill_gap(world.item, true, 0);
        live(n * 2000 + 2000);
    }
    assert_int_equal(world.lost, 0);
    backfill_gap(world.item, true, 0);
    live(50000);
    assert_true(loop_run_until(world.loop, is_lost, NULL, WAIT_MS));
    assert_int_equal(world.lost, 1);
    assert_int_equal(world.lost_until, 50000);
}

static bool has_late(void *arg)
{
    (void)arg;
    return world.late > 0;
}

/* Nothing is read while messages have no room, and it goes on by itself. */
static void waits_for_room(void **state)
{
    (void)state;
    world.no_room = true;
    miss(WITH, world.began, UA_DateTime_now() + UA_DATETIME_SEC);
    loop_run_until(world.loop, has_late, NULL, 50);
    assert_int_equal(world.late, 0);
    world.no_room = false;
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    assert_int_equal(world.late, KEPT);
}

/* An item that goes while its page is under way. */
static void an_item_may_go_at_any_time(void **state)
{
    (void)state;
    miss(WITH, world.began, UA_DateTime_now() + UA_DATETIME_SEC);
    assert_true(loop_run_until(world.loop, has_late, NULL, WAIT_MS));
    backfill_item_free(&world.item);
    assert_int_equal(world.counts.waiting, 0);
}

/* The server dies in the midst: the rest is read when it is back, here from one that knows nothing
 * of it, and what was told is not told again. */
static void goes_on_after_the_server_died(void **state)
{
    (void)state;
    miss(WITH, world.began, UA_DateTime_now() + UA_DATETIME_SEC);
    assert_true(loop_run_until(world.loop, has_late, NULL, WAIT_MS));
    size_t before = world.late;
    int port = atoi(strrchr(opcua_server_url(world.server), ':') + 1);
    opcua_server_close(&world.server);
    struct opcua_server_config config = {.host = "127.0.0.1", .port = port};
    assert_int_equal(opcua_server_open(&config, &world.server), OK);
    opcua_server_namespace(world.server, "urn:test");
    assert_int_equal(opcua_server_start(world.server), OK);
    assert_true(loop_run_until(world.loop, is_filled, NULL, WAIT_MS));
    assert_true(world.late < KEPT);
    assert_true(world.late >= before);
    assert_int_equal(world.twice, 0);
    assert_int_equal(world.lost, 1); /* the node is unknown there */
    assert_true(world.lost_from > world.began);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_gap_is_read_in_order_and_each_value_once),
        TEST(structures_of_the_servers_own_are_known_when_they_are_told),
        TEST(an_item_may_go_while_its_values_wait),
        TEST(only_what_is_inside_is_told),
        TEST(what_an_earlier_start_told_is_where_history_begins),
        TEST(a_node_may_be_known_by_its_path),
        TEST(the_same_value_again_is_no_gap),
        TEST(a_value_of_the_future_is_not_where_history_goes_on),
        TEST(a_server_whose_clock_is_ahead_closes_gaps),
        TEST(a_history_without_an_end_is_given_up),
        TEST(an_items_empty_pages_are_not_anothers),
        TEST(a_gap_without_history_is_told_as_lost),
        TEST(gaps_beyond_the_bound_are_told_as_lost),
        TEST(waits_for_room),
        TEST(an_item_may_go_at_any_time),
        TEST(goes_on_after_the_server_died),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
