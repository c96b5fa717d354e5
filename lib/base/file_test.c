#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cmocka.h"

#define OLD "what stands in the file, and is to stay"
#define NEW OLD " until something longer comes"
#define NOBODY 65534

static struct {
    char folder[64], path[96];
    struct buffer text;
    struct rlimit unlimited;
    unsigned signals;
} world;

static int set_up(void **state)
{
    (void)state;
    memset(&world, 0, sizeof world);
    strcpy(world.folder, "/tmp/millrace-file-XXXXXX");
    if (!mkdtemp(world.folder))
        return -1;
    snprintf(world.path, sizeof world.path, "%s/file", world.folder);
    getrlimit(RLIMIT_FSIZE, &world.unlimited);
    return file_write(world.path, SLICE(OLD)) == OK && chmod(world.path, 0666) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    setrlimit(RLIMIT_FSIZE, &world.unlimited);
    signal(SIGXFSZ, SIG_DFL);
    if (getuid() == 0 && seteuid(0) != 0)
        return -1;
    chmod(world.folder, 0755);
    unlink(world.path);
    buffer_clear(&world.text);
    return rmdir(world.folder);
}

/* For who is not its owner: root may do everything. */
static void folder_is(mode_t mode)
{
    assert_int_equal(chmod(world.folder, mode), 0);
    if (getuid() == 0)
        assert_int_equal(seteuid(NOBODY), 0);
}

static void files_end_at(rlim_t bytes)
{
    struct rlimit limit = world.unlimited;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static struct slice text_of(const char *path)
{
    buffer_reset(&world.text);
    assert_int_equal(file_read(path, &world.text), OK);
    return buffer_slice(&world.text);
}

static void in_place_it_becomes_longer_and_shorter(void **state)
{
    (void)state;
    enum file_after after;
    folder_is(0555);
    assert_int_equal(file_rewrite(world.path, SLICE(NEW), &after), OK);
    assert_slice(text_of(world.path), SLICE(NEW));
    assert_int_equal(file_rewrite(world.path, SLICE("[]"), &after), OK);
    assert_slice(text_of(world.path), SLICE("[]"));
    assert_int_equal(file_rewrite(world.path, SLICE(""), &after), OK);
    assert_slice(text_of(world.path), SLICE(""));
}

/* A limit that the process has is met like a full disk: a part is written, and then no more. */
static void in_place_without_room_the_old_text_stays(void **state)
{
    (void)state;
    enum file_after after = FILE_TORN;
    folder_is(0555);
    signal(SIGXFSZ, SIG_IGN);
    files_end_at(strlen(OLD) + 5);
    assert_int_equal(file_rewrite(world.path, SLICE(NEW), &after), IO_FAILED);
    assert_int_equal(after, FILE_AS_BEFORE);
    assert_slice(text_of(world.path), SLICE(OLD));
}

static void in_place_what_was_written_over_is_put_back(void **state)
{
    (void)state;
    enum file_after after = FILE_TORN;
    folder_is(0555);
    signal(SIGXFSZ, SIG_IGN);
    files_end_at(5);
    assert_int_equal(file_rewrite(world.path, SLICE("another text, no longer"), &after), IO_FAILED);
    assert_int_equal(after, FILE_AS_BEFORE);
    assert_slice(text_of(world.path), SLICE(OLD));
}

/* The first write that goes too far takes away all room, the second gives it back. */
static void on_too_far(int signal)
{
    (void)signal;
    files_end_at(world.signals++ ? world.unlimited.rlim_cur : 0);
}

/* The log goes into a pipe, that has no limit: there it is read from. */
static int hear(int *was)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    *was = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    return ends[0];
}

static void what_was_heard(int pipe, int was, char *out, size_t size)
{
    dup2(was, STDERR_FILENO);
    close(was);
    ssize_t n = read(pipe, out, size - 1);
    out[n > 0 ? n : 0] = 0;
    close(pipe);
}

static void in_place_what_cannot_be_put_back_is_kept_elsewhere(void **state)
{
    (void)state;
    enum file_after after = FILE_AS_BEFORE;
    char log[2048], kept[128] = "";
    int was, pipe = hear(&was);
    folder_is(0555);
    signal(SIGXFSZ, on_too_far);
    files_end_at(5);
    enum status status = file_rewrite(world.path, SLICE("another text, no longer"), &after);
    what_was_heard(pipe, was, log, sizeof log);
    assert_int_equal(status, IO_FAILED);
    assert_int_equal(after, FILE_TORN);
    assert_int_equal(world.signals, 2);
    const char *where = strstr(log, "kept=");
    assert_non_null(where);
    assert_int_equal(sscanf(where, "kept=%127s", kept), 1);
    assert_slice(text_of(kept), SLICE(OLD));
    unlink(kept);
}

/* Only whether the new file outlives a power failure is not known then. */
static void a_folder_that_may_not_be_read_is_no_failure(void **state)
{
    (void)state;
    enum file_after after;
    folder_is(0333);
    assert_int_equal(file_rewrite(world.path, SLICE(NEW), &after), OK);
    assert_slice(text_of(world.path), SLICE(NEW));
}

static void what_is_not_there_cannot_be_put_there_without_its_folder(void **state)
{
    (void)state;
    enum file_after after = FILE_TORN;
    char path[128];
    snprintf(path, sizeof path, "%s/no/file", world.folder);
    assert_int_equal(file_rewrite(path, SLICE(NEW), &after), NOT_FOUND);
    assert_int_equal(after, FILE_AS_BEFORE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(in_place_it_becomes_longer_and_shorter),
        TEST(in_place_without_room_the_old_text_stays),
        TEST(in_place_what_was_written_over_is_put_back),
        TEST(in_place_what_cannot_be_put_back_is_kept_elsewhere),
        TEST(a_folder_that_may_not_be_read_is_no_failure),
        TEST(what_is_not_there_cannot_be_put_there_without_its_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
