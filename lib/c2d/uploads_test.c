/* Uploads as they are kept, and the notifications of them, on simulated time and a database in
 * memory. */
#include "c2d/uploads.h"

#include <stdio.h>

#include "base/cmocka.h"
#include "c2d/c2d.h"
#include "io/sim.h"

static struct {
    struct sim *sim;
    struct loop *loop;
    struct registry *registry;
    struct iot_limits limits;
    struct c2d_clock clock;
    unsigned news;
    bool answered;
    enum status why;
    char what[64], json[128];
    char lock[C2D_LOCK_LEN + 1];
} house;

static void on_feedback(void *arg)
{
    (void)arg;
    house.news++;
}

static bool is_answered(void *arg)
{
    (void)arg;
    return house.answered;
}

static enum status wait(void)
{
    assert_true(loop_run_until(house.loop, is_answered, NULL, 10000));
    house.answered = false;
    return house.why;
}

static void on_asked(void *arg, const struct registry_answer *a)
{
    (void)arg;
    house.answered = true;
    house.why = a->why;
}

static enum status ask(const struct registry_work *what, const char *device)
{
    registry_ask(house.registry, house.loop,
                 &(struct registry_ask){.what = what,
                                        .id = {.device = slice_of(device)},
                                        .if_match = what == &registry_identity_delete ? SLICE("*")
                                                                                      : SLICE(""),
                                        .body = SLICE("{}")},
                 on_asked, NULL);
    return wait();
}

static void on_upload(void *arg, enum status why, struct slice what)
{
    (void)arg;
    house.answered = true;
    house.why = why;
    snprintf(house.what, sizeof(house.what), "%.*s", SLICE_FMT(what));
}

static enum status begin(const char *device, const char *blob)
{
    c2d_upload_begin(house.registry, house.loop, slice_of(device), slice_of(blob), on_upload, NULL);
    return wait();
}

static enum status find(const char *device, const char *id)
{
    c2d_upload_find(house.registry, house.loop, slice_of(device), slice_of(id), on_upload, NULL);
    return wait();
}

static enum status end(const char *device, const char *id, const char *notification)
{
    c2d_upload_end(house.registry, house.loop, slice_of(device), slice_of(id),
                   slice_of(notification), on_upload, NULL);
    return wait();
}

static void on_taken(void *arg, enum status why, const struct c2d_feedback *f)
{
    (void)arg;
    house.answered = true;
    house.why = why;
    if (why == OK) {
        snprintf(house.json, sizeof(house.json), "%.*s", SLICE_FMT(f->json));
        memcpy(house.lock, f->lock, sizeof(house.lock));
    }
}

static enum status take(enum c2d_feed feed)
{
    c2d_feedback_take(house.registry, house.loop, feed, on_taken, NULL);
    return wait();
}

static void on_settled(void *arg, enum status why)
{
    (void)arg;
    house.answered = true;
    house.why = why;
}

static enum status settle(enum heads_outcome how)
{
    c2d_feedback_settle(house.registry, house.loop, slice_of(house.lock), how, on_settled, NULL);
    return wait();
}

static void go(uint64_t ms)
{
    sim_run(house.sim, sim_now_ms(house.sim) + ms);
}

static int set_up(void **state)
{
    (void)state;
    memset(&house, 0, sizeof(house));
    house.sim = sim_new(1);
    house.loop = sim_loop_new(house.sim, "hub");
    house.limits = iot_limits_azure();
    assert_int_equal(registry_open(":memory:", &house.limits,
                                   &(struct registry_events){.on_feedback = on_feedback},
                                   &house.registry),
                     OK);
    c2d_clock_start(&house.clock, house.registry, house.loop);
    assert_int_equal(ask(&registry_identity_put, "d"), OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    registry_close(&house.registry);
    sim_free(&house.sim);
    return 0;
}

/* ---- uploads ---- */

static void an_upload_is_the_devices_own_and_ends_once(void **state)
{
    (void)state;
    char id[64];
    assert_int_equal(begin("d", "d/file"), OK);
    strcpy(id, house.what);
    assert_int_equal(find("d", id), OK);
    assert_string_equal(house.what, "d/file");
    assert_int_equal(find("other", id), NOT_FOUND);
    assert_int_equal(end("other", id, "{}"), NOT_FOUND);
    assert_int_equal(end("d", id, ""), OK);
    assert_int_equal(end("d", id, ""), NOT_FOUND);
    assert_int_equal(house.news, 0);
    assert_int_equal(take(C2D_FEED_UPLOADS), NOT_FOUND);
}

static void so_many_at_once_and_no_more(void **state)
{
    (void)state;
    for (unsigned i = 0; i < house.limits.uploads; i++)
        assert_int_equal(begin("d", "d/file"), OK);
    assert_int_equal(begin("d", "d/file"), FULL);
    assert_int_equal(begin("e", "e/file"), OK);
    assert_int_equal(end("d", house.what, ""), NOT_FOUND); /* that was the other's */
    go(house.limits.upload_ttl_ms + 1000);
    assert_int_equal(begin("d", "d/file"), OK); /* those nobody ended have gone */
}

static void goes_with_its_time_and_with_its_device(void **state)
{
    (void)state;
    char id[64];
    assert_int_equal(begin("d", "d/file"), OK);
    strcpy(id, house.what);
    go(house.limits.upload_ttl_ms + 1000);
    assert_int_equal(find("d", id), NOT_FOUND);
    assert_int_equal(end("d", id, "{}"), NOT_FOUND);
    assert_int_equal(begin("d", "d/file"), OK);
    strcpy(id, house.what);
    assert_int_equal(ask(&registry_identity_delete, "d"), OK);
    assert_int_equal(ask(&registry_identity_put, "d"), OK);
    assert_int_equal(find("d", id), NOT_FOUND);
}

/* ---- notifications ---- */

static void notify(const char *notification)
{
    assert_int_equal(begin("d", "d/file"), OK);
    assert_int_equal(end("d", house.what, notification), OK);
}

static void notifications_come_one_by_one_in_order(void **state)
{
    (void)state;
    notify("{\"n\":1}");
    notify("{\"n\":2}");
    assert_int_equal(house.news, 2);
    assert_int_equal(take(C2D_FEED_MESSAGES), NOT_FOUND); /* feedback is another thing */
    assert_int_equal(take(C2D_FEED_UPLOADS), OK);
    assert_string_equal(house.json, "{\"n\":1}");
    assert_int_equal(settle(HEADS_COMPLETE), OK);
    assert_int_equal(settle(HEADS_COMPLETE), LOCK_LOST);
    assert_int_equal(take(C2D_FEED_UPLOADS), OK);
    assert_string_equal(house.json, "{\"n\":2}");
    assert_int_equal(take(C2D_FEED_UPLOADS), NOT_FOUND);
    assert_int_equal(settle(HEADS_ABANDON), OK);
    assert_int_equal(take(C2D_FEED_UPLOADS), OK);
    assert_string_equal(house.json, "{\"n\":2}");
}

static void a_notification_comes_again_when_its_lock_runs_out(void **state)
{
    (void)state;
    notify("{}");
    assert_int_equal(take(C2D_FEED_UPLOADS), OK);
    go(house.limits.notification_lock_ms + 3000);
    assert_int_equal(settle(HEADS_COMPLETE), LOCK_LOST);
    assert_int_equal(take(C2D_FEED_UPLOADS), OK);
    assert_int_equal(settle(HEADS_COMPLETE), OK);
    assert_int_equal(take(C2D_FEED_UPLOADS), NOT_FOUND);
}

static void has_limits_of_its_own(void **state)
{
    (void)state;
    house.limits.notification_deliveries = 2;
    house.limits.feedback_deliveries = 100;
    notify("{}");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(take(C2D_FEED_UPLOADS), OK);
        assert_int_equal(settle(HEADS_ABANDON), OK);
    }
    assert_int_equal(take(C2D_FEED_UPLOADS), NOT_FOUND);
    notify("{}");
    go(house.limits.notification_ttl_ms + 3000);
    assert_int_equal(take(C2D_FEED_UPLOADS), NOT_FOUND);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_upload_is_the_devices_own_and_ends_once),
        TEST(so_many_at_once_and_no_more),
        TEST(goes_with_its_time_and_with_its_device),
        TEST(notifications_come_one_by_one_in_order),
        TEST(a_notification_comes_again_when_its_lock_runs_out),
        TEST(has_limits_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
