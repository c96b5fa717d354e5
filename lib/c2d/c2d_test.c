/* The queues' rules, on simulated time and a database in memory. */
#include "c2d/c2d_rig.h"

/* ---- sending and taking ---- */

static void messages_are_taken_in_the_order_in_which_they_were_sent(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        char body[16];
        snprintf(body, sizeof(body), "%d", i);
        assert_int_equal(send(body), OK);
    }
    assert_int_equal(house.news, 20);
    assert_int_equal(take((struct c2d_want){.count = 100}), C2D_TAKE_MAX);
    uint64_t last = 0;
    for (int i = 0; i < 16; i++) {
        assert_int_equal(atoi(house.taken[i].body), i);
        assert_true(house.taken[i].sequence > last);
        last = house.taken[i].sequence;
    }
    assert_int_equal(take((struct c2d_want){.count = 100}), 4);
    assert_int_equal(atoi(house.taken[3].body), 19);
    assert_true(nothing_waits());
}

static void all_of_a_message_comes_back(void **state)
{
    (void)state;
    struct buffer list = {0};
    assert_true(iot_property_put(&list, SLICE("k ey"), SLICE("v&al")));
    static const uint8_t id[16] = {1, 2, 3};
    struct iot_message m = {.body = SLICE("\0\1\2"),
                            .message_id = slice_from(id, 16),
                            .message_id_type = IOT_MESSAGE_ID_UUID,
                            .to = SLICE("/devices/d/messages/devicebound"),
                            .content_type = SLICE("text/plain"),
                            .properties = buffer_slice(&list)};
    assert_int_equal(send_as("d", &m, C2D_ACK_FULL), OK);
    assert_int_equal(take((struct c2d_want){.count = 1}), 1);
    assert_int_equal(settle(house.taken[0].lock, HEADS_COMPLETE), OK);
    go(C2D_FEEDBACK_GATHER_MS + 2000);
    assert_int_equal(take_batch(), OK);
    assert_string_equal(records(), "01020300-0000-0000-0000-000000000000:Success ");
    buffer_clear(&list);
}

static void what_cannot_be_sent_is_refused(void **state)
{
    (void)state;
    static const uint8_t large[BYTES + 1];
    uint64_t now = loop_wall_ms(house.loop);
    struct iot_message m = {.body = slice_from(large, sizeof(large))};
    assert_int_equal(send_as("d", &m, C2D_ACK_NONE), TOO_LARGE);
    m.body.len--;
    assert_int_equal(send_as("nobody", &m, C2D_ACK_NONE), NOT_FOUND);
    m.expiry_ms = now;
    assert_int_equal(send_as("d", &m, C2D_ACK_NONE), BAD_ARGUMENT);
    m.expiry_ms = now + TTL_MS_MAX + 10000;
    assert_int_equal(send_as("d", &m, C2D_ACK_NONE), BAD_ARGUMENT);
    m.expiry_ms = now + TTL_MS_MAX;
    m.body.len -= IOT_MESSAGE_ID_MAX + 1;
    m.message_id = slice_from(large, IOT_MESSAGE_ID_MAX + 1);
    assert_int_equal(send_as("d", &m, C2D_ACK_NONE), BAD_ARGUMENT);
    m.message_id.len--;
    assert_int_equal(send_as("d", &m, C2D_ACK_NONE), OK);
}

static void a_queue_holds_fifty_those_under_way_among_them(void **state)
{
    (void)state;
    for (int i = 0; i < QUEUE; i++)
        assert_int_equal(send("x"), OK);
    assert_int_equal(send("x"), FULL);
    assert_int_equal(take((struct c2d_want){.count = 1}), 1);
    assert_int_equal(send("x"), FULL);
    assert_int_equal(settle(house.taken[0].lock, HEADS_COMPLETE), OK);
    assert_int_equal(send("x"), OK);
    assert_int_equal(ask(&registry_identity_put, "other"), OK);
    assert_int_equal(send_as("other", &(struct iot_message){0}, C2D_ACK_NONE), OK);
}

static uint64_t waiting(void)
{
    return c2d_count(house.registry).waiting;
}

static void the_documents_say_how_many_wait(void **state)
{
    (void)state;
    assert_int_equal(send("a"), OK);
    assert_int_equal(send("b"), OK);
    assert_int_equal(take((struct c2d_want){.count = 1}), 1);
    assert_int_equal(waiting(), 2);
    static const struct registry_work *documents[] = {&registry_identity_get, &registry_twin_get};
    for (int i = 0; i < 2; i++) {
        struct json_doc *doc;
        assert_int_equal(ask(documents[i], "d"), OK);
        assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
        assert_int_equal(json_double(json_get(json_root(doc), "cloudToDeviceMessageCount"), -1), 2);
        json_free(&doc);
    }
}

static void a_device_that_is_made_again_has_an_empty_queue(void **state)
{
    (void)state;
    assert_int_equal(send("old"), OK);
    assert_int_equal(ask(&registry_identity_delete, "d"), OK);
    assert_int_equal(ask(&registry_identity_put, "d"), OK);
    assert_true(nothing_waits());
    assert_int_equal(waiting(), 0);
    assert_int_equal(send("new"), OK);
    assert_int_equal(waiting(), 1);
    assert_true(take_one("new"));
}

/* ---- locks ---- */

static void what_was_completed_never_comes_again(void **state)
{
    (void)state;
    assert_int_equal(send("a"), OK);
    assert_true(take_one("a"));
    assert_int_equal(settle(house.taken[0].lock, HEADS_COMPLETE), OK);
    assert_int_equal(settle(house.taken[0].lock, HEADS_COMPLETE), LOCK_LOST);
    go(2 * LOCK_MS);
    assert_true(nothing_waits());
}

static void a_lock_runs_out_by_itself_and_counts(void **state)
{
    (void)state;
    assert_int_equal(send("a"), OK);
    assert_true(take_one("a"));
    assert_int_equal(house.taken[0].delivery_count, 0);
    go(LOCK_MS - 1000);
    assert_true(nothing_waits());
    house.news = 0;
    go(3000);
    assert_int_equal(house.news, 1);
    assert_int_equal(settle(house.taken[0].lock, HEADS_COMPLETE), LOCK_LOST);
    assert_true(take_one("a"));
    assert_int_equal(house.taken[0].delivery_count, 1);
}

static void a_lock_may_be_as_short_as_asked(void **state)
{
    (void)state;
    assert_int_equal(send("a"), OK);
    assert_int_equal(take((struct c2d_want){.count = 1, .lock_ms = 5000}), 1);
    go(7000);
    assert_true(take_one("a"));
}

static void a_clock_that_jumps_moves_no_lock(void **state)
{
    (void)state;
    static const int64_t jumps[] = {-7200 * 1000, 7200 * 1000};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(send("a"), OK);
        go(5000);
        assert_true(take_one("a"));
        sim_wall_jump(house.sim, "hub", jumps[i]);
        go(LOCK_MS - 3000);
        assert_true(nothing_waits());
        go(5000);
        assert_true(take_one("a"));
        assert_int_equal(settle(house.taken[0].lock, HEADS_COMPLETE), OK);
    }
}

/* A hub that is started with a clock that was set back cannot know how far. */
static void no_lock_lasts_longer_than_a_lock_can(void **state)
{
    (void)state;
    assert_int_equal(send("a"), OK);
    assert_true(take_one("a"));
    loop_timer_stop(&house.clock.timer);
    sim_wall_jump(house.sim, "hub", -7200 * 1000);
    c2d_clock_start(&house.clock, house.registry, house.loop);
    go(3000);
    assert_true(take_one("a"));
}

static void a_clock_that_jumps_empties_no_queue(void **state)
{
    (void)state;
    struct iot_message dated = {.body = SLICE("dated"),
                                .expiry_ms = loop_wall_ms(house.loop) + TTL_MS};
    assert_int_equal(send("counted"), OK);
    assert_int_equal(send_as("d", &dated, C2D_ACK_NONE), OK);
    go(TTL_MS / 2);
    sim_wall_jump(house.sim, "hub", 24 * 3600 * 1000);
    go(3000);
    assert_int_equal(send("later"), OK);
    go(TTL_MS / 2 - 20000);
    assert_int_equal(take((struct c2d_want){.count = 3}), 2);
    assert_string_equal(house.taken[0].body, "counted");
    assert_string_equal(house.taken[1].body, "later");
    assert_int_equal(settle(house.taken[0].lock, HEADS_RETURN), OK);
    assert_int_equal(settle(house.taken[1].lock, HEADS_RETURN), OK);
    go(30000);
    assert_true(take_one("later"));
}

static void what_is_abandoned_comes_at_once_what_is_returned_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(send("a"), OK);
    assert_int_equal(send("b"), OK);
    assert_true(take_one("a"));
    assert_int_equal(settle(house.taken[0].lock, HEADS_ABANDON), OK);
    assert_int_equal(house.news, 3);
    assert_true(take_one("a"));
    assert_int_equal(house.taken[0].delivery_count, 1);
    assert_int_equal(settle(house.taken[0].lock, HEADS_RETURN), OK);
    assert_true(take_one("a"));
    assert_int_equal(house.taken[0].delivery_count, 1);
    assert_true(take_one("b"));
}

static void a_new_connection_gets_what_the_old_one_left_in_order(void **state)
{
    (void)state;
    struct c2d_want live = {.count = 2, .live = true};
    assert_int_equal(send("a"), OK);
    assert_int_equal(send("b"), OK);
    assert_int_equal(send("c"), OK);
    assert_int_equal(send("d"), OK);
    assert_true(take_one("a")); /* by a request over HTTP, which may still be at work */
    assert_int_equal(take(live), 2);
    live.fresh = true;
    live.count = 16;
    assert_int_equal(take(live), 3);
    assert_string_equal(house.taken[0].body, "b");
    assert_int_equal(house.taken[0].delivery_count, 1);
    assert_string_equal(house.taken[2].body, "d");
    assert_int_equal(house.taken[2].delivery_count, 0);
}

/* ---- the end of a message ---- */

static void the_tenth_time_it_comes_back_is_the_last(void **state)
{
    (void)state;
    assert_int_equal(send_acked("poison", C2D_ACK_NEGATIVE), OK);
    for (unsigned i = 0; i < DELIVERIES; i++) {
        assert_true(take_one("poison"));
        assert_int_equal(house.taken[0].delivery_count, i);
        if (i % 2)
            assert_int_equal(settle(house.taken[0].lock, HEADS_ABANDON), OK);
        else
            go(LOCK_MS + 2000);
    }
    assert_true(nothing_waits());
    go(C2D_FEEDBACK_GATHER_MS + 2000);
    assert_int_equal(take_batch(), OK);
    assert_string_equal(records(), "poison:DeliveryCountExceeded ");
}

static void its_time_ends_by_itself(void **state)
{
    (void)state;
    struct iot_message m = {.body = SLICE("short"),
                            .message_id = SLICE("short"),
                            .expiry_ms = loop_wall_ms(house.loop) + 20000};
    assert_int_equal(send_as("d", &m, C2D_ACK_FULL), OK);
    assert_int_equal(send_acked("long", C2D_ACK_FULL), OK);
    go(20500 + C2D_FEEDBACK_GATHER_MS + 2000);
    assert_int_equal(house.batches, 1);
    assert_int_equal(take_batch(), OK);
    assert_string_equal(records(), "short:Expired ");
    assert_int_equal(settle_batch(HEADS_COMPLETE), OK);
    go(TTL_MS);
    assert_true(nothing_waits());
    assert_int_equal(house.batches, 2);
    assert_int_equal(take_batch(), OK);
    assert_string_equal(records(), "long:Expired ");
}

static void what_is_at_work_does_not_expire(void **state)
{
    (void)state;
    struct iot_message m = {
        .body = SLICE("a"), .message_id = SLICE("a"), .expiry_ms = loop_wall_ms(house.loop) + 5000};
    assert_int_equal(send_as("d", &m, C2D_ACK_FULL), OK);
    assert_int_equal(send_as("d", &m, C2D_ACK_FULL), OK);
    assert_int_equal(take((struct c2d_want){.count = 2}), 2);
    go(10000);
    assert_int_equal(settle(house.taken[0].lock, HEADS_COMPLETE), OK);
    go(LOCK_MS + C2D_FEEDBACK_GATHER_MS);
    assert_int_equal(take_batch(), OK);
    assert_string_equal(records(), "a:Success ");
    assert_int_equal(settle_batch(HEADS_COMPLETE), OK);
    go(C2D_FEEDBACK_GATHER_MS);
    assert_int_equal(take_batch(), OK);
    assert_string_equal(records(), "a:Expired ");
}

/* ---- the disk ---- */

static void queue_and_feedback_outlive_the_hub(void **state)
{
    (void)state;
    char path[] = "/tmp/millrace-messages-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    loop_timer_stop(&house.clock.timer);
    registry_close(&house.registry);
    struct loop *simulated = house.loop;
    house.loop = loop_new(); /* a file has a thread, which the simulation has not */
    open_registry(path);
    assert_int_equal(ask(&registry_identity_put, "d"), OK);
    assert_int_equal(send("a"), OK);
    assert_int_equal(send_acked("b", C2D_ACK_FULL), OK);
    assert_int_equal(send("c"), OK);
    assert_int_equal(take((struct c2d_want){.count = 2, .live = true}), 2);
    assert_int_equal(settle(house.taken[0].lock, HEADS_COMPLETE), OK);
    loop_timer_stop(&house.clock.timer);
    registry_close(&house.registry);
    open_registry(path);
    assert_int_equal(waiting(), 2);
    assert_int_equal(settle(house.taken[1].lock, HEADS_RETURN), OK);
    assert_int_equal(take((struct c2d_want){.count = 16}), 2);
    assert_string_equal(house.taken[0].body, "b");
    assert_string_equal(house.taken[1].body, "c");
    loop_timer_stop(&house.clock.timer);
    registry_close(&house.registry);
    open_registry(":memory:");
    loop_timer_stop(&house.clock.timer);
    loop_free(&house.loop);
    house.loop = simulated;
    unlink(path);
    char more[sizeof(path) + 8];
    snprintf(more, sizeof(more), "%s-wal", path);
    unlink(more);
    snprintf(more, sizeof(more), "%s-shm", path);
    unlink(more);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_are_taken_in_the_order_in_which_they_were_sent),
        TEST(all_of_a_message_comes_back),
        TEST(what_cannot_be_sent_is_refused),
        TEST(a_queue_holds_fifty_those_under_way_among_them),
        TEST(the_documents_say_how_many_wait),
        TEST(a_device_that_is_made_again_has_an_empty_queue),
        TEST(what_was_completed_never_comes_again),
        TEST(a_lock_runs_out_by_itself_and_counts),
        TEST(a_lock_may_be_as_short_as_asked),
        TEST(a_clock_that_jumps_moves_no_lock),
        TEST(no_lock_lasts_longer_than_a_lock_can),
        TEST(a_clock_that_jumps_empties_no_queue),
        TEST(what_is_abandoned_comes_at_once_what_is_returned_does_not_count),
        TEST(a_new_connection_gets_what_the_old_one_left_in_order),
        TEST(the_tenth_time_it_comes_back_is_the_last),
        TEST(its_time_ends_by_itself),
        TEST(what_is_at_work_does_not_expire),
        TEST(queue_and_feedback_outlive_the_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
