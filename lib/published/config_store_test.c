#include "published/config_store.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "base/file.h"
#include "io/sim.h"

static struct {
    char folder[64], path[96];
    struct sim *sim;
    struct loop *loop;
    struct config_store *store;
    unsigned told, answers;
    enum status file_status, answer_status;
    struct buffer content, body;
} world;

static void on_file(void *arg, enum status s, struct slice content)
{
    (void)arg;
    world.told++;
    world.file_status = s;
    buffer_reset(&world.content);
    buffer_put(&world.content, content);
}

static void on_answer(void *arg, const struct config_answer *a)
{
    (void)arg;
    world.answers++;
    world.answer_status = a->status;
    buffer_reset(&world.body);
    buffer_put(&world.body, buffer_slice(&a->body));
}

static void write_file(const char *text)
{
    assert_int_equal(file_write(world.path, slice_of(text)), OK);
}

static const char *file_text(void)
{
    static struct buffer text;
    buffer_reset(&text);
    assert_int_equal(file_read(world.path, &text), OK);
    return buffer_cstr(&text);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(world.folder, "/tmp/millrace-store-XXXXXX");
    if (!mkdtemp(world.folder))
        return -1;
    snprintf(world.path, sizeof world.path, "%s/pn.json", world.folder);
    world.sim = sim_new(7);
    world.loop = sim_loop_new(world.sim, "edge");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    config_store_free(&world.store);
    sim_free(&world.sim);
    unlink(world.path);
    rmdir(world.folder);
    buffer_clear(&world.content);
    buffer_clear(&world.body);
    memset(&world, 0, sizeof world);
    return 0;
}

static void open_store(bool create)
{
    world.store = config_store_new(world.loop, world.path, create, on_file, NULL);
}

static void run_seconds(unsigned seconds)
{
    sim_run(world.sim, sim_now_ms(world.sim) + 1000 * seconds);
}

#define PUBLISH(id) SLICE("{\"EndpointUrl\":\"opc.tcp://a\",\"OpcNodes\":[{\"Id\":\"" id "\"}]}")

static void call(const char *method, struct slice payload)
{
    config_store_call(world.store, slice_of(method), payload, on_answer, NULL);
}

/* The owner hears of a change once: neither of what stood before, nor of the same again. */
static void a_change_is_on_the_disk_and_told_once(void **state)
{
    (void)state;
    write_file("[]");
    open_store(false);
    run_seconds(3);
    assert_int_equal(world.told, 1);
    call("PublishNodes", PUBLISH("i=1"));
    assert_int_equal(world.answers, 0);
    run_seconds(5);
    assert_int_equal(world.answers, 1);
    assert_int_equal(world.answer_status, OK);
    assert_int_equal(world.told, 2);
    assert_slice(buffer_slice(&world.content), slice_of(file_text()));
    assert_non_null(strstr(file_text(), "i=1"));
}

static void others_changes_are_neither_lost_nor_overwritten(void **state)
{
    (void)state;
    write_file("[]");
    open_store(false);
    run_seconds(3);
    write_file(
        "[{\"EndpointUrl\":\"opc.tcp://other\",\"OpcNodes\":[{\"Id\":\"i=2\"}]} /* mine */]");
    call("PublishNodes", PUBLISH("i=1"));
    run_seconds(5);
    assert_int_equal(world.answer_status, OK);
    assert_non_null(strstr(file_text(), "opc.tcp://other"));
    assert_non_null(strstr(file_text(), "/* mine */"));
    assert_non_null(strstr(file_text(), "i=1"));
    write_file("[]");
    run_seconds(3);
    assert_slice(buffer_slice(&world.content), SLICE("[]"));
}

#define OTHER "[{\"EndpointUrl\":\"opc.tcp://other\",\"OpcNodes\":[{\"Id\":\"i=2\"}]}]"

static void run_ms(unsigned ms)
{
    sim_run(world.sim, sim_now_ms(world.sim) + ms);
}

static void open_on(const char *text)
{
    write_file(text);
    open_store(false);
    run_seconds(3);
    assert_int_equal(world.told, 1);
}

/* An editor that saves in place empties the file first, and writes it a moment later. */
static void a_call_waits_for_a_file_that_is_being_written(void **state)
{
    (void)state;
    open_on(OTHER);
    assert_int_equal(truncate(world.path, 0), 0);
    call("PublishNodes", PUBLISH("i=1"));
    run_ms(CONFIG_STORE_PAUSE_MS + 10);
    assert_int_equal(world.answers, 0);
    write_file(OTHER);
    run_seconds(2);
    assert_int_equal(world.answer_status, OK);
    assert_non_null(strstr(file_text(), "opc.tcp://other"));
    assert_non_null(strstr(file_text(), "i=1"));
}

static void assert_refused_for_who_is_writing(void)
{
    for (unsigned ms = 0; world.answers == 0 && ms < 3000; ms += 10)
        run_ms(10);
    assert_int_equal(world.answers, 1);
    assert_int_equal(world.answer_status, CONFLICT);
    assert_non_null(strstr(buffer_cstr(&world.body), "somebody is writing it"));
}

/* Nothing is written over what the editor has in its hands. */
static void a_call_does_not_wait_long(void **state)
{
    (void)state;
    open_on(OTHER);
    assert_int_equal(truncate(world.path, 0), 0);
    call("PublishNodes", PUBLISH("i=1"));
    assert_refused_for_who_is_writing();
    assert_string_equal(file_text(), "");
}

static void a_file_that_is_put_aside_for_a_moment_is_not_made_anew(void **state)
{
    (void)state;
    char aside[128];
    snprintf(aside, sizeof aside, "%s~", world.path);
    open_on(OTHER);
    assert_int_equal(rename(world.path, aside), 0);
    call("PublishNodes", PUBLISH("i=1"));
    assert_refused_for_who_is_writing();
    assert_int_not_equal(access(world.path, F_OK), 0);
    unlink(aside);
}

/* Also when nobody looks at the file any more. */
static void at_the_end_too_a_call_waits_for_a_file_that_is_being_written(void **state)
{
    (void)state;
    open_on(OTHER);
    assert_int_equal(truncate(world.path, 0), 0);
    call("PublishNodes", PUBLISH("i=1"));
    config_store_stop(world.store);
    assert_refused_for_who_is_writing();
    assert_true(config_store_idle(world.store));
}

static void a_file_that_stays_empty_is_meant_to_be(void **state)
{
    (void)state;
    open_on(OTHER);
    assert_int_equal(truncate(world.path, 0), 0);
    run_seconds(3);
    assert_int_equal(world.told, 2);
    call("PublishNodes", PUBLISH("i=1"));
    run_ms(10);
    assert_int_equal(world.answer_status, OK);
    assert_int_equal(unlink(world.path), 0);
    run_seconds(3);
    assert_int_equal(world.file_status, NOT_FOUND);
    call("PublishNodes", PUBLISH("i=5"));
    run_ms(10);
    assert_int_equal(world.answers, 2);
    assert_int_equal(world.answer_status, OK);
    assert_non_null(strstr(file_text(), "i=5"));
}

static void a_call_that_waits_for_the_file_is_answered_at_the_end(void **state)
{
    (void)state;
    open_on(OTHER);
    assert_int_equal(truncate(world.path, 0), 0);
    call("PublishNodes", PUBLISH("i=1"));
    run_ms(CONFIG_STORE_PAUSE_MS + 10);
    config_store_free(&world.store);
    assert_int_equal(world.answers, 1);
    assert_int_equal(world.answer_status, CANCELLED);
    run_seconds(3);
}

static void calls_are_made_one_after_the_other(void **state)
{
    (void)state;
    open_store(false);
    call("PublishNodes", PUBLISH("i=1"));
    call("PublishNodes", PUBLISH("i=2"));
    call("GetConfiguredNodesOnEndpoint", SLICE("{\"EndpointUrl\":\"opc.tcp://a\"}"));
    run_seconds(5);
    assert_int_equal(world.answers, 3);
    assert_slice(buffer_slice(&world.body),
                 SLICE("{\"opcNodes\":[{\"Id\":\"i=1\"},{\"Id\":\"i=2\"}]}"));
}

static void too_many_calls_are_answered_at_once(void **state)
{
    (void)state;
    write_file("[]");
    open_store(false);
    for (unsigned i = 0; i < CONFIG_STORE_WAITING_MAX + 2; i++)
        call("GetConfiguredEndpoints", (struct slice){0});
    run_seconds(0);
    assert_int_equal(world.answers, 1);
    assert_int_equal(world.answer_status, BUSY);
    run_seconds(60);
    assert_int_equal(world.answers, CONFIG_STORE_WAITING_MAX + 2);
}

/* Also the one that a helper thread has: whoever asked has something to let go of. */
static void at_the_end_each_call_is_answered(void **state)
{
    (void)state;
    open_store(true);
    for (int i = 0; i < 3; i++)
        call("PublishNodes", PUBLISH("i=1"));
    assert_false(config_store_idle(world.store));
    config_store_free(&world.store);
    assert_int_equal(world.answers, 3);
    assert_int_equal(world.answer_status, CANCELLED);
}

static void who_stops_is_not_told_of_the_file_but_of_its_calls(void **state)
{
    (void)state;
    open_store(true);
    run_seconds(1);
    config_store_stop(world.store);
    unsigned told = world.told;
    call("PublishNodes", PUBLISH("i=1"));
    run_seconds(5);
    assert_int_equal(world.answer_status, OK);
    assert_int_equal(world.told, told);
    assert_true(config_store_idle(world.store));
    assert_non_null(strstr(file_text(), "i=1"));
}

static void a_file_is_made_when_that_is_wanted(void **state)
{
    (void)state;
    open_store(true);
    run_seconds(2);
    assert_string_equal(file_text(), "[]\n");
    assert_int_equal(world.file_status, OK);
}

static void a_missing_file_stays_missing_until_something_is_published(void **state)
{
    (void)state;
    open_store(false);
    run_seconds(2);
    assert_int_equal(world.file_status, NOT_FOUND);
    assert_int_not_equal(access(world.path, F_OK), 0);
    call("PublishNodes", PUBLISH("i=1"));
    run_seconds(2);
    assert_int_equal(world.file_status, OK);
    assert_non_null(strstr(file_text(), "i=1"));
}

static void the_file_keeps_its_mode_and_a_link_stays_one(void **state)
{
    (void)state;
    char link[96];
    struct stat now;
    snprintf(link, sizeof link, "%s/link.json", world.folder);
    write_file("[]");
    assert_int_equal(chmod(world.path, 0664), 0);
    assert_int_equal(symlink("pn.json", link), 0);
    world.store = config_store_new(world.loop, link, false, on_file, NULL);
    call("PublishNodes", PUBLISH("i=1"));
    run_seconds(3);
    assert_int_equal(lstat(link, &now), 0);
    assert_true(S_ISLNK(now.st_mode));
    assert_int_equal(stat(world.path, &now), 0);
    assert_int_equal(now.st_mode & 0777, 0664);
    assert_non_null(strstr(file_text(), "i=1"));
    unlink(link);
}

/* Of a configuration that an administrator owns the folder. */
static void a_file_in_a_closed_folder_is_written_in_place(void **state)
{
    (void)state;
    const uid_t nobody = 65534;
    bool root = geteuid() == 0;
    write_file("[]");
    assert_int_equal(chmod(world.folder, 0555), 0);
    assert_int_equal(chmod(world.path, 0666), 0);
    if (root)
        assert_int_equal(seteuid(nobody), 0);
    open_store(false);
    call("PublishNodes", PUBLISH("i=1"));
    run_seconds(3);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(world.folder, 0755), 0);
    assert_int_equal(world.answer_status, OK);
    assert_non_null(strstr(file_text(), "i=1"));
}

/* What stood in it would be lost with what does not fit. */
static void a_file_in_a_closed_folder_that_may_not_grow_stays_as_it_is(void **state)
{
    (void)state;
    static const char old[] = "[{\"EndpointUrl\":\"opc.tcp://b\",\"OpcNodes\":[{\"Id\":\"i=9\"}]}]";
    struct rlimit was, limit;
    write_file(old);
    assert_int_equal(chmod(world.folder, 0555), 0);
    assert_int_equal(chmod(world.path, 0666), 0);
    if (getuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    open_store(false);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &was);
    limit = was;
    limit.rlim_cur = sizeof old + 5;
    setrlimit(RLIMIT_FSIZE, &limit);
    call("PublishNodes", PUBLISH("i=1"));
    run_seconds(3);
    setrlimit(RLIMIT_FSIZE, &was);
    signal(SIGXFSZ, SIG_DFL);
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(world.folder, 0755), 0);
    assert_int_equal(world.answer_status, IO_FAILED);
    assert_slice(buffer_slice(&world.body),
                 SLICE("the configuration file cannot be written, the log says why; nothing was changed"));
    assert_string_equal(file_text(), old);
    assert_int_equal(world.told, 1);
}

static void utf_16_is_read_and_utf_8_is_written(void **state)
{
    (void)state;
    assert_int_equal(file_write(world.path, SLICE("\xff\xfe[\0]\0")), OK);
    open_store(false);
    run_seconds(2);
    assert_slice(buffer_slice(&world.content), SLICE("[]"));
    call("PublishNodes", PUBLISH("i=1"));
    run_seconds(3);
    assert_int_equal(world.answer_status, OK);
    assert_int_equal(file_text()[0], '[');
    assert_non_null(strstr(file_text(), "i=1"));
}

static void what_cannot_be_written_is_said(void **state)
{
    (void)state;
    snprintf(world.path, sizeof world.path, "%s/no/pn.json", world.folder);
    open_store(false);
    call("PublishNodes", PUBLISH("i=1"));
    run_seconds(3);
    assert_int_equal(world.answer_status, IO_FAILED);
    assert_slice(buffer_slice(&world.body),
                 SLICE("the configuration file cannot be written, the log says why; nothing was changed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_change_is_on_the_disk_and_told_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_changes_are_neither_lost_nor_overwritten, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_call_waits_for_a_file_that_is_being_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_call_does_not_wait_long, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_put_aside_for_a_moment_is_not_made_anew, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(at_the_end_too_a_call_waits_for_a_file_that_is_being_written, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_stays_empty_is_meant_to_be, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_call_that_waits_for_the_file_is_answered_at_the_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(calls_are_made_one_after_the_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_calls_are_answered_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_the_end_each_call_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_stops_is_not_told_of_the_file_but_of_its_calls, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_is_made_when_that_is_wanted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_file_stays_missing_until_something_is_published,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_file_keeps_its_mode_and_a_link_stays_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_in_a_closed_folder_is_written_in_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_in_a_closed_folder_that_may_not_grow_stays_as_it_is, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(utf_16_is_read_and_utf_8_is_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_said, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
