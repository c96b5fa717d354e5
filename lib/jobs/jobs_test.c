/* Scheduled jobs over a registry: what they do to devices, how they end, and that they go on after
 * a restart. Times move as the registry is told, or are milliseconds. */
#include "jobs/jobs_rig.h"

static void a_twin_is_changed_on_every_device_of_the_condition(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++) {
        char id[16], twin[64];
        snprintf(id, sizeof(id), "d%d", i);
        snprintf(twin, sizeof(twin), "{\"tags\":{\"odd\":%s}}", i % 2 ? "true" : "false");
        device(id, twin);
    }
    assert_int_equal(put("j", TWIN("tags.odd = true")), OK);
    expect("\"status\":\"queued\"");
    expect("\"type\":\"scheduleUpdateTwin\"");
    expect("\"queryCondition\":\"tags.odd = true\"");
    expect("\"updateTwin\":{\"etag\":\"*\"");
    expect("\"maxExecutionTimeInSeconds\":3600");
    wait_for("j", "\"status\":\"completed\"");
    expect("\"deviceJobStatistics\":{\"deviceCount\":75,\"failedCount\":0,\"succeededCount\":75,"
           "\"runningCount\":0,\"pendingCount\":0}");
    expect("\"endTime\":");
    assert_string_equal(
        query("SELECT COUNT() AS n FROM devices WHERE tags.done = true AND tags.odd ="
              " true AND properties.desired.speed = 7"),
        "[{\"n\":75}]");
    assert_string_equal(query("SELECT COUNT() AS n FROM devices WHERE tags.done = true"),
                        "[{\"n\":75}]");
}

static void a_method_is_called_and_its_answer_kept(void **state)
{
    (void)state;
    robot("a");
    robot("b");
    device("offline", NULL);
    assert_int_equal(put("m", METHOD("deviceId IN ['a', 'b', 'offline']")), OK);
    wait_for("m", "\"status\":\"completed\"");
    expect("\"failedCount\":1,\"succeededCount\":2");
    assert_string_equal(buffer_cstr(&house.seen), "reboot {\"in\":5}");
    query("SELECT * FROM devices.jobs WHERE devices.jobs.jobId = 'm' AND deviceId = 'a'");
    expect("[{\"deviceId\":\"a\",\"jobId\":\"m\",\"jobType\":\"scheduleDeviceMethod\",\"status\":"
           "\"completed\",\"startTimeUtc\":\"");
    expect("\"outcome\":{\"deviceMethodResponse\":{\"status\":200,\"payload\":{\"done\":true}}}}]");
    query("SELECT * FROM devices.jobs WHERE jobId = 'm' AND status = 'failed'");
    expect("\"deviceId\":\"offline\"");
    expect("\"outcome\":{\"deviceMethodResponse\":null},\"error\":{\"code\":\"DeviceNotOnline\"");
    assert_false(has("\"deviceId\":\"a\""));
}

/* Made for who wants them alone. */
static void rows_that_change_are_told_while_somebody_wants_them(void **state)
{
    (void)state;
    robot("a");
    assert_int_equal(put("untold", METHOD("*")), OK);
    wait_for("untold", "\"status\":\"completed\"");
    assert_int_equal(house.rows.len, 0);
    house.wants_rows = true;
    assert_int_equal(put("told", METHOD("*")), OK);
    wait_for("told", "\"status\":\"completed\"");
    const char *rows = buffer_cstr(&house.rows);
    assert_ptr_equal(strstr(rows, "told a {\"deviceId\":\"a\",\"jobId\":\"told\",\"jobType\":\"scheduleDeviceMethod\","
                                  "\"status\":\"completed\""),
                     rows);
    assert_non_null(strchr(rows, '\n'));
    assert_int_equal(strchr(rows, '\n')[1], '\0'); /* one */
}

static void devices_jobs_are_searched_like_twins(void **state)
{
    (void)state;
    device("a", NULL);
    device("b", NULL);
    assert_int_equal(put("one", TWIN("*")), OK);
    wait_for("one", "\"status\":\"completed\"");
    assert_int_equal(put("two", TWIN("deviceId = 'b'")), OK);
    wait_for("two", "\"status\":\"completed\"");
    static const struct {
        const char *where;
        size_t count;
    } rows[] = {
        {"devices.jobs.deviceId = 'b'", 2},
        {"deviceId = 'b' AND jobId = 'two'", 1},
        {"jobType = 'scheduleUpdateTwin'", 3},
        {"jobId IN ['one', 'two'] AND status != 'failed'", 3},
        {"devices.jobs.createdTimeUtc > '2016-09-01'", 3},
        {"createdDateTimeUtc < '2016-09-01'", 0},
        {"JOBID = 'one'", 2},
        {"outcome.deviceMethodResponse = null", 3},
        {"IS_DEFINED(error)", 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        struct json_doc *doc;
        snprintf(text, sizeof(text), "SELECT * FROM devices.jobs WHERE %s", rows[i].where);
        query(text);
        assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
        if (json_count(json_root(doc)) != rows[i].count)
            fail_msg("%s: %s", rows[i].where, buffer_cstr(&house.json));
        json_free(&doc);
    }
    query_run(house.registry, house.loop,
              &(struct query_ask){.text = SLICE("SELECT * FROM devices.jobs WHERE tags.x = 1")},
              on_rows, NULL);
    assert_int_equal(wait_for_answer(), BAD_ARGUMENT);
    assert_non_null(strstr(buffer_cstr(&house.text), "position 34: a job has no tags.x"));
}

static void modules_are_targets_too(void **state)
{
    (void)state;
    device("a", NULL);
    assert_int_equal(
        ask(&registry_identity_put, (struct iot_id){SLICE("a"), SLICE("m")}, NULL, "{}"), OK);
    assert_int_equal(put("j", TWIN("FROM devices.modules WHERE moduleId = 'm'")), OK);
    wait_for("j", "\"status\":\"completed\"");
    expect("\"deviceCount\":1");
    assert_string_equal(query("SELECT moduleId FROM devices.modules WHERE tags.done = true"),
                        "[{\"moduleId\":\"m\"}]");
    query("SELECT * FROM devices.jobs");
    expect("\"deviceId\":\"a\",\"moduleId\":\"m\"");
}

static void a_condition_that_is_true_for_nobody_fails(void **state)
{
    (void)state;
    device("a", NULL);
    assert_int_equal(put("j", TWIN("tags.nothing = 1")), OK);
    wait_for("j", "\"status\":\"failed\"");
    expect("\"failureReason\":\"JobRunPreconditionFailed\"");
    assert_int_equal(put("m", METHOD("deviceId = 'a'")), OK);
    wait_for("m", "\"status\":\"failed\""); /* the only one is not connected */
    expect("\"statusMessage\":\"it failed on every device\"");
}

static void a_job_of_the_future_waits_and_can_be_cancelled(void **state)
{
    (void)state;
    device("a", NULL);
    assert_int_equal(put("j", "{\"jobId\":\"j\",\"type\":\"scheduleUpdateTwin\",\"queryCondition\":"
                              "\"*\",\"updateTwin\":{\"tags\":{\"x\":1}},\"startTime\":"
                              "\"2090-01-01T00:00:00.000Z\",\"maxExecutionTimeInSeconds\":30}"),
                     OK);
    expect("\"startTime\":\"2090-01-01T00:00:00.000Z\"");
    expect("\"status\":\"queued\"");
    assert_int_equal(put("now", TWIN("*")), OK);
    wait_for("now", "\"status\":\"completed\"");
    get("j");
    expect("\"status\":\"queued\"");
    assert_int_equal(ask(&job_cancel, (struct iot_id){0}, "j", NULL), OK);
    expect("\"status\":\"cancelled\"");
    jobs_changed(house.jobs);
    assert_int_equal(ask(&job_cancel, (struct iot_id){0}, "now", NULL), OK);
    expect("\"status\":\"completed\"");
    assert_int_equal(ask(&job_cancel, (struct iot_id){0}, "none", NULL), NOT_FOUND);
}

static void starts_when_its_time_comes(void **state)
{
    (void)state;
    char body[512], start[CLOCK_ISO8601_MAX] = "";
    clock_iso8601(clock_wall_ms() + 150, start);
    device("a", NULL);
    snprintf(body, sizeof(body),
             "{\"type\":\"scheduleUpdateTwin\",\"queryCondition\":\"*\",\"updateTwin\":{\"tags\":"
             "{\"x\":1}},\"startTime\":\"%s\"}",
             start);
    assert_int_equal(put("j", body), OK);
    wait_for("j", "\"status\":\"completed\"");
    assert_true(loop_wall_ms(house.loop) > 0);
}

static void answer_all(void)
{
    for (size_t i = 0; i < house.robot_count; i++)
        if (house.robots[i].fn)
            reply(&house.robots[i]);
}

static bool all_places_taken(void *arg)
{
    (void)arg;
    return house.under_way == JOB_DEVICES_MAX;
}

static void so_many_devices_are_done_at_once(void **state)
{
    (void)state;
    house.silent = true;
    robots(100);
    assert_int_equal(put("j", METHOD("*")), OK);
    assert_true(loop_run_until(house.loop, all_places_taken, NULL, 10000));
    get("j");
    expect("\"status\":\"running\"");
    expect("\"runningCount\":64,\"pendingCount\":36");
    for (int i = 0; i < 5; i++) {
        answer_all();
        wait_for("j", "\"failedCount\":0");
    }
    house.silent = false;
    answer_all();
    wait_for("j", "\"status\":\"completed\"");
    assert_int_equal(house.most_under_way, JOB_DEVICES_MAX);
    for (size_t i = 0; i < house.robot_count; i++)
        assert_int_equal(house.robots[i].calls, 1);
}

static void cancelling_lets_those_under_way_end_and_begins_no_more(void **state)
{
    (void)state;
    house.silent = true;
    robots(100);
    assert_int_equal(put("j", METHOD("*")), OK);
    assert_true(loop_run_until(house.loop, all_places_taken, NULL, 10000));
    assert_int_equal(ask(&job_cancel, (struct iot_id){0}, "j", NULL), OK);
    expect("\"status\":\"cancelled\"");
    jobs_changed(house.jobs);
    wait_for("j", "\"pendingCount\":0");
    expect("\"runningCount\":64");
    answer_all();
    wait_for("j", "\"succeededCount\":64,\"runningCount\":0,\"pendingCount\":0");
    expect("\"status\":\"cancelled\"");
    query("SELECT * FROM devices.jobs WHERE status = 'canceled' AND jobId = 'j'");
    expect("\"deviceId\":\"r64\"");
    assert_int_equal(house.most_under_way, JOB_DEVICES_MAX);
}

static void a_job_ends_when_its_time_has_run_out(void **state)
{
    (void)state;
    house.silent = true;
    robot("slow");
    assert_int_equal(
        put("j", "{\"type\":\"scheduleDeviceMethod\",\"queryCondition\":\"*\","
                 "\"cloudToDeviceMethod\":{\"methodName\":\"m\"},\"maxExecutionTimeInSeconds\":1}"),
        OK);
    wait_for("j", "\"runningCount\":1");
    wait_for("j", "\"status\":\"failed\"");
    expect("\"failureReason\":\"JobTimedOut\"");
    answer_all();
    wait_for("j", "\"succeededCount\":1,\"runningCount\":0");
}

static void so_many_jobs_run_at_once(void **state)
{
    (void)state;
    house.silent = true;
    house.limits.jobs_running = 1;
    robot("r");
    device("d", NULL);
    assert_int_equal(put("first", METHOD("deviceId = 'r'")), OK);
    wait_for("first", "\"runningCount\":1");
    assert_int_equal(put("second", TWIN("deviceId = 'd'")), OK);
    for (int i = 0; i < 20; i++)
        get("second");
    expect("\"status\":\"queued\"");
    answer_all();
    wait_for("second", "\"status\":\"completed\"");
}

static void a_device_that_goes_meanwhile_fails(void **state)
{
    (void)state;
    house.limits.jobs_running = 1;
    house.silent = true;
    robots(65);
    assert_int_equal(put("j", METHOD("*")), OK);
    assert_true(loop_run_until(house.loop, all_places_taken, NULL, 10000));
    assert_int_equal(
        ask(&registry_identity_delete, (struct iot_id){.device = SLICE("r64")}, NULL, NULL), OK);
    answer_all();
    wait_for("j", "\"status\":\"completed\"");
    expect("\"failedCount\":1,\"succeededCount\":64");
    query("SELECT * FROM devices.jobs WHERE deviceId = 'r64'");
    expect("\"error\":{\"code\":\"DeviceNotFound\"");
}
/* ---- a hub that died ---- */

/* What jobs/jobs.c asks of the registry, step by step. */
struct step {
    struct jobs_due *due;
    struct job_turn *turn;
    struct job_result *result;
};

static enum status run_step(struct store_table *t, void *arg)
{
    struct step *s = arg;
    return s->due ? jobs_due(t, s->due) : s->turn ? job_turn(t, s->turn) : job_record(t, s->result);
}

static void on_step(void *arg, enum status why)
{
    (void)arg;
    house.why = why;
    house.answered = true;
}

static void step(struct step s)
{
    registry_post(house.registry, house.loop, run_step, on_step, &s);
    assert_int_equal(wait_for_answer(), OK);
}

/* The hub ends after some devices were done, some under way, and some waited. */
static void a_job_goes_on_after_a_restart(void **state)
{
    (void)state;
    char path[] = "/tmp/millrace-jobs-XXXXXX", more[64];
    close(mkstemp(path));
    assert_int_equal(begin_at(path), 0);
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof(id), "r%d", i);
        device(id, NULL);
    }
    assert_int_equal(put("j", METHOD("*")), OK);
    struct jobs_due due = {.now_ms = clock_wall_ms(), .history_ms = 1000000, .limit = 10};
    step((struct step){.due = &due});
    assert_int_equal(due.count, 1);
    struct job_turn t = {.job = due.jobs[0].number, .want = 4, .now_ms = due.now_ms};
    do
        step((struct step){.turn = &t});
    while (t.turn == JOB_TURN_AGAIN);
    assert_int_equal(t.count, 4);
    for (int i = 0; i < 2; i++)
        step((struct step){
            .result = &(struct job_result){
                .job = t.job, .number = t.devices[i].number, .done = true, .now_ms = due.now_ms}});
    arena_clear(&due.arena);
    arena_clear(&t.arena);
    finish(NULL);

    assert_int_equal(begin_at(path), 0);
    for (int i = 0; i < 10; i++) {
        char id[16];
        snprintf(id, sizeof(id), "r%d", i);
        assert_int_equal(
            ask(&registry_identity_delete, (struct iot_id){.device = slice_of(id)}, NULL, NULL),
            OK);
        robot(id);
    }
    begin_jobs();
    wait_for("j", "\"status\":\"completed\"");
    expect("\"deviceCount\":10,\"failedCount\":0,\"succeededCount\":10");
    for (int i = 0; i < 10; i++)
        assert_int_equal(house.robots[i].calls, i < 2 ? 0 : 1);
    finish(NULL);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(more, sizeof(more), "%s%s", path, ends[i]);
        unlink(more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_twin_is_changed_on_every_device_of_the_condition),
        TEST(a_method_is_called_and_its_answer_kept),
        TEST(rows_that_change_are_told_while_somebody_wants_them),
        TEST(devices_jobs_are_searched_like_twins),
        TEST(modules_are_targets_too),
        TEST(a_condition_that_is_true_for_nobody_fails),
        TEST(a_job_of_the_future_waits_and_can_be_cancelled),
        TEST(starts_when_its_time_comes),
        TEST(so_many_devices_are_done_at_once),
        TEST(cancelling_lets_those_under_way_end_and_begins_no_more),
        TEST(a_job_ends_when_its_time_has_run_out),
        TEST(so_many_jobs_run_at_once),
        TEST(a_device_that_goes_meanwhile_fails),
        cmocka_unit_test(a_job_goes_on_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
