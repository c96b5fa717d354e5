#include "published/watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "io/sim.h"

static struct {
    char folder[64], path[96];
    struct sim *sim;
    struct loop *loop;
    struct watch *watch;
    unsigned told;
    enum status status;
    struct buffer content;
} world;

static void on_file(void *arg, enum status s, struct slice content)
{
    (void)arg;
    world.told++;
    world.status = s;
    buffer_reset(&world.content);
    buffer_put(&world.content, content);
}

/* In place, as many editors and `cp` do. */
static void write_file(const char *text)
{
    int fd = open(world.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void look_on(unsigned looks)
{
    sim_run(world.sim, sim_now_ms(world.sim) + WATCH_MS * looks);
}

static void assert_told(unsigned times, enum status s, const char *content)
{
    assert_int_equal(world.told, times);
    assert_int_equal(world.status, s);
    assert_slice(buffer_slice(&world.content), slice_of(content));
}

static int set_up(void **state)
{
    (void)state;
    strcpy(world.folder, "/tmp/millrace-watch-XXXXXX");
    if (!mkdtemp(world.folder))
        return -1;
    chmod(world.folder, 0755);
    snprintf(world.path, sizeof world.path, "%s/pn.json", world.folder);
    world.sim = sim_new(7);
    world.loop = sim_loop_new(world.sim, "edge");
    write_file("[1]");
    world.watch = watch_new(world.loop, world.path, on_file, NULL);
    look_on(2);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    watch_free(&world.watch);
    sim_free(&world.sim);
    unlink(world.path);
    rmdir(world.folder);
    buffer_clear(&world.content);
    memset(&world, 0, sizeof world);
    return 0;
}

static void tells_what_changed_and_only_that(void **state)
{
    (void)state;
    assert_told(1, OK, "[1]");
    write_file("[1]");
    look_on(3);
    assert_told(1, OK, "[1]");
    write_file("[2]");
    look_on(3);
    assert_told(2, OK, "[2]");
}

/* By another file, or away for a while. */
static void a_file_may_be_replaced_and_removed(void **state)
{
    (void)state;
    char beside[128];
    snprintf(beside, sizeof beside, "%s.new", world.path);
    assert_int_equal(rename(world.path, beside), 0);
    look_on(3);
    assert_told(2, NOT_FOUND, "");
    assert_int_equal(rename(beside, world.path), 0);
    look_on(3);
    assert_told(3, OK, "[1]");
}

/* All that runs would stop for a moment, otherwise. */
static void tells_the_same_again_for_who_asks(void **state)
{
    (void)state;
    assert_told(1, OK, "[1]");
    watch_tell_again(world.watch);
    assert_told(1, OK, "[1]");
    look_on(3);
    assert_told(2, OK, "[1]");
    write_file("");
    watch_tell_again(world.watch);
    look_on(1);
    write_file("[2]");
    look_on(2);
    assert_told(3, OK, "[2]");
}

static void a_file_that_is_being_written_is_not_told_empty(void **state)
{
    (void)state;
    write_file("");
    look_on(1);
    assert_told(1, OK, "[1]");
    write_file("[2]");
    look_on(2);
    assert_told(2, OK, "[2]");
    write_file(" \n");
    look_on(3);
    assert_told(3, OK, " \n");
}

static void a_file_that_is_put_aside_while_it_is_written_is_not_told_away(void **state)
{
    (void)state;
    assert_int_equal(unlink(world.path), 0);
    look_on(1);
    assert_told(1, OK, "[1]");
    write_file("[2]");
    look_on(2);
    assert_told(2, OK, "[2]");
}

/* Emptied is as good as gone, and what is gone is told. */
static void a_file_that_was_emptied_and_then_removed_is_told_away(void **state)
{
    (void)state;
    write_file("");
    look_on(1);
    assert_int_equal(unlink(world.path), 0);
    look_on(3);
    assert_told(2, NOT_FOUND, "");
    write_file("");
    look_on(1);
    assert_told(3, OK, "");
}

static void a_file_that_we_wrote_and_somebody_removed_is_told_away(void **state)
{
    (void)state;
    write_file("[9]");
    watch_know(world.watch, SLICE("[9]"));
    assert_int_equal(unlink(world.path), 0);
    look_on(4);
    assert_told(2, NOT_FOUND, "");
}

/* Root reads everything. */
static void as_nobody(bool yes)
{
    static const uid_t nobody = 65534;
    if (getuid() == 0)
        assert_int_equal(seteuid(yes ? nobody : 0), 0);
}

/* A right to read it changes neither its time nor its size. */
static void a_file_that_could_not_be_read_is_read_when_it_can_be(void **state)
{
    (void)state;
    assert_int_equal(chmod(world.path, 0), 0);
    as_nobody(true);
    look_on(3);
    as_nobody(false);
    assert_told(2, IO_FAILED, "");
    assert_int_equal(chmod(world.path, 0644), 0);
    as_nobody(true);
    look_on(3);
    as_nobody(false);
    assert_told(3, OK, "[1]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells_what_changed_and_only_that, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_may_be_replaced_and_removed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_the_same_again_for_who_asks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_being_written_is_not_told_empty, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_is_put_aside_while_it_is_written_is_not_told_away,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_was_emptied_and_then_removed_is_told_away, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_we_wrote_and_somebody_removed_is_told_away, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_could_not_be_read_is_read_when_it_can_be,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
