/* Which jobs are taken, and how they are listed and forgotten. */
#include "jobs/jobs_rig.h"

static void refuses_what_is_no_job(void **state)
{
    (void)state;
    static const struct {
        const char *body, *why;
    } rows[] = {
        {"[]", "the body must be"},
        {"x", "the body must be"},
        {"{}", "type must be"},
        {"{\"type\":\"export\"}", "type must be"},
        {"{\"jobId\":\"k\",\"type\":\"scheduleUpdateTwin\"}", "jobId in the body"},
        {"{\"type\":\"scheduleUpdateTwin\",\"queryCondition\":\"*\"}", "updateTwin: it must be"},
        {"{\"type\":\"scheduleUpdateTwin\",\"queryCondition\":\"*\",\"updateTwin\":{\"tags\":{\"a "
         "b\":1}}}",
         "updateTwin: tags.a b"},
        {"{\"type\":\"scheduleDeviceMethod\",\"queryCondition\":\"*\"}",
         "cloudToDeviceMethod: it must be"},
        {"{\"type\":\"scheduleDeviceMethod\",\"queryCondition\":\"*\",\"cloudToDeviceMethod\":{}}",
         "cloudToDeviceMethod: methodName"},
        {"{\"type\":\"scheduleDeviceMethod\",\"queryCondition\":\"*\",\"cloudToDeviceMethod\":"
         "{\"methodName\":\"m\",\"responseTimeoutInSeconds\":1}}",
         "responseTimeoutInSeconds"},
        {"{\"type\":\"scheduleUpdateTwin\",\"updateTwin\":{}}", "queryCondition must say"},
        {"{\"type\":\"scheduleUpdateTwin\",\"updateTwin\":{},\"queryCondition\":\"deviceId =\"}",
         "queryCondition: position 11: expected a value"},
        {"{\"type\":\"scheduleUpdateTwin\",\"updateTwin\":{},\"queryCondition\":\"tag.x = 1\"}",
         "queryCondition: position 1: a twin has no tag.x"},
        {"{\"type\":\"scheduleUpdateTwin\",\"updateTwin\":{},\"queryCondition\":\"*\","
         "\"startTime\":"
         "\"soon\"}",
         "startTime must be"},
        {"{\"type\":\"scheduleUpdateTwin\",\"updateTwin\":{},\"queryCondition\":\"*\","
         "\"maxExecutionTimeInSeconds\":0}",
         "maxExecutionTimeInSeconds must be"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        enum status s = put("j", rows[i].body);
        if ((s != BAD_ARGUMENT && s != BAD_FORMAT) ||
            !strstr(buffer_cstr(&house.text), rows[i].why))
            fail_msg("%s: %s %s", rows[i].body, status_name(s), buffer_cstr(&house.text));
    }
    assert_int_equal(put("a/b", TWIN("*")), BAD_ARGUMENT);
    assert_int_equal(put("j", TWIN("*")), OK);
    assert_int_equal(put("j", TWIN("*")), EXISTS);
    assert_int_equal(ask(&job_get, (struct iot_id){0}, "none", NULL), NOT_FOUND);
    wait_for("j", "\"status\":\"failed\"");
}

static enum status list(const char *type, const char *status, size_t page, const char *continuation)
{
    jobs_list(house.registry, house.loop, slice_of(type), slice_of(status), page,
              slice_of(continuation), on_rows, NULL);
    return wait_for_answer();
}

static void lists_jobs_by_type_and_status_in_pages(void **state)
{
    (void)state;
    char next[64];
    device("a", NULL);
    for (int i = 0; i < 5; i++) {
        char id[16];
        snprintf(id, sizeof(id), "j%d", i);
        assert_int_equal(put(id, i % 2 ? METHOD("*") : TWIN("*")), OK);
        wait_for(id, "\"endTime\"");
    }
    assert_int_equal(list("scheduleDeviceMethod", NULL, 0, NULL), OK);
    assert_true(has("\"j1\"") && has("\"j3\"") && !has("\"j0\""));
    assert_int_equal(list(NULL, "completed", 0, NULL), OK);
    assert_true(has("\"j0\"") && has("\"j4\"") && !has("\"j1\""));
    assert_int_equal(list("scheduleUpdateTwin", "failed", 0, NULL), OK);
    assert_string_equal(buffer_cstr(&house.json), "[]");
    assert_int_equal(list(NULL, NULL, 3, NULL), OK);
    assert_true(has("\"j2\"") && !has("\"j3\""));
    snprintf(next, sizeof(next), "%s", buffer_cstr(&house.continuation));
    assert_int_equal(list(NULL, NULL, 3, next), OK);
    assert_true(has("\"j3\"") && has("\"j4\"") && !has("\"j2\""));
    assert_int_equal(house.continuation.len, 0);
    assert_int_equal(list("export", "scheduled", 0, NULL), OK);
    assert_string_equal(buffer_cstr(&house.json), "[]");
    assert_int_equal(list("baking", NULL, 0, NULL), BAD_ARGUMENT);
    assert_int_equal(list(NULL, "burnt", 0, NULL), BAD_ARGUMENT);
    assert_int_equal(list(NULL, NULL, 0, "?"), BAD_ARGUMENT);
}

static void old_jobs_are_forgotten(void **state)
{
    (void)state;
    device("a", NULL);
    assert_int_equal(put("old", TWIN("*")), OK);
    wait_for("old", "\"status\":\"completed\"");
    uint64_t end = clock_wall_ms();
    while (clock_wall_ms() <= end + 2)
        ;
    house.limits.job_history_ms = 0;
    assert_int_equal(put("new", TWIN("*")), OK); /* whose beginning looks around */
    for (int i = 0; i < 1000 && ask(&job_get, (struct iot_id){0}, "old", NULL) == OK; i++)
        ;
    assert_int_equal(house.why, NOT_FOUND);
    assert_string_equal(query("SELECT * FROM devices.jobs WHERE jobId = 'old'"), "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(refuses_what_is_no_job),
        TEST(lists_jobs_by_type_and_status_in_pages),
        TEST(old_jobs_are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
