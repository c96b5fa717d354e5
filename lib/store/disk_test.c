/* The real disk and the real loop with its threads; the rest of the log's tests run on simulated
 * ones. */
#include "store/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "store/directory.h"
#include "store/log.h"

static char folder[] = "/tmp/store-disk-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void files_hold_what_was_written(void **state)
{
    (void)state;
    struct store_disk *d = store_disk_real();
    struct store_file *f;
    struct buffer got = {0};
    uint64_t size;
    assert_int_equal(store_directory_make(d, in_folder("a/b/c")), OK);
    assert_int_equal(store_directory_make(d, in_folder("a/b/c")), OK);
    assert_int_equal(d->ops->open(d, in_folder("a/b/c/x"), false, &f), NOT_FOUND);
    assert_int_equal(d->ops->open(d, in_folder("a/b/c/x"), true, &f), OK);
    assert_int_equal(d->ops->write(f, 5, SLICE("world")), OK);
    assert_int_equal(d->ops->write(f, 0, SLICE("hello")), OK);
    assert_int_equal(d->ops->sync(f), OK);
    assert_int_equal(d->ops->size(f, &size), OK);
    assert_int_equal(size, 10);
    assert_int_equal(d->ops->read(f, 3, 100, &got), OK);
    assert_slice(buffer_slice(&got), SLICE("loworld"));
    assert_int_equal(d->ops->truncate(f, 4), OK);
    buffer_reset(&got);
    assert_int_equal(d->ops->read(f, 0, 100, &got), OK);
    assert_slice(buffer_slice(&got), SLICE("hell"));
    d->ops->close(&f);
    assert_null(f);
    buffer_clear(&got);
}

static uint64_t bytes_on_disk(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_blocks * 512;
}

static void room_that_was_reserved_and_not_used_goes_back(void **state)
{
    (void)state;
    struct store_disk *d = store_disk_real();
    struct store_file *f;
    uint64_t size;
    assert_int_equal(d->ops->open(d, in_folder("reserved"), true, &f), OK);
    d->ops->reserve(f, 4u << 20);
    assert_int_equal(d->ops->size(f, &size), OK);
    assert_int_equal(size, 0);
    assert_int_equal(d->ops->write(f, 0, SLICE("hello")), OK);
    d->ops->reserve(f, 1u << 20); /* is there */
    d->ops->close(&f);
    assert_true(bytes_on_disk(in_folder("reserved")) < 1u << 20);
    assert_int_equal(d->ops->open(d, in_folder("reserved"), false, &f), OK);
    assert_int_equal(d->ops->size(f, &size), OK);
    assert_int_equal(size, 5);
    d->ops->close(&f);
}

static void names_are_listed_renamed_and_removed(void **state)
{
    (void)state;
    struct store_disk *d = store_disk_real();
    struct store_file *f;
    struct buffer names = {0};
    assert_int_equal(store_directory_make(d, in_folder("names")), OK);
    assert_int_equal(d->ops->open(d, in_folder("names/one"), true, &f), OK);
    d->ops->close(&f);
    char from[256];
    snprintf(from, sizeof(from), "%s", in_folder("names/one"));
    assert_int_equal(d->ops->rename(d, from, in_folder("names/two")), OK);
    assert_int_equal(d->ops->sync_directory(d, in_folder("names")), OK);
    assert_int_equal(d->ops->list(d, in_folder("names"), &names), OK);
    assert_slice(buffer_slice(&names), slice_from("two", 4));
    assert_int_equal(d->ops->remove(d, from), NOT_FOUND);
    assert_int_equal(d->ops->remove(d, in_folder("names/two")), OK);
    buffer_reset(&names);
    assert_int_equal(d->ops->list(d, in_folder("names"), &names), OK);
    assert_int_equal(names.len, 0);
    assert_int_equal(d->ops->list(d, in_folder("nowhere"), &names), NOT_FOUND);
    buffer_clear(&names);
}

static void a_file_where_a_directory_must_be_is_an_error(void **state)
{
    (void)state;
    struct store_disk *d = store_disk_real();
    struct store_file *f;
    assert_int_equal(d->ops->open(d, in_folder("plain"), true, &f), OK);
    d->ops->close(&f);
    assert_int_equal(store_directory_make(d, in_folder("plain/below")), IO_FAILED);
    struct loop *loop = loop_new();
    struct store_log *l = NULL;
    struct store_log_config config = {.loop = loop, .disk = d, .directory = in_folder("plain")};
    assert_int_equal(store_log_open(&config, &l), IO_FAILED);
    assert_null(l);
    loop_free(&loop);
}

static void a_file_is_told_from_another_of_its_name(void **state)
{
    (void)state;
    struct store_disk *d = store_disk_real();
    struct store_file *f, *other;
    char path[256], elsewhere[256];
    snprintf(path, sizeof path, "%s", in_folder("same"));
    snprintf(elsewhere, sizeof elsewhere, "%s", in_folder("elsewhere"));
    assert_int_equal(d->ops->open(d, path, true, &f), OK);
    assert_true(d->ops->is_at(f, path));
    assert_int_equal(d->ops->rename(d, path, elsewhere), OK);
    assert_false(d->ops->is_at(f, path));
    assert_true(d->ops->is_at(f, elsewhere));
    assert_int_equal(d->ops->open(d, path, true, &other), OK);
    assert_false(d->ops->is_at(f, path));
    d->ops->close(&f);
    d->ops->close(&other);
}

/* What fails is tried again and again. At most twice: a minute may begin meanwhile. */
static void a_failure_is_not_said_each_time(void **state)
{
    (void)state;
    struct store_disk *d = store_disk_real();
    struct store_file *f;
    FILE *file = tmpfile();
    unsigned lines = 0, others = 0;
    char line[400];
    assert_int_equal(store_directory_make(d, in_folder("directory/other")), OK);
    int was = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    for (int i = 0; i < 100; i++)
        assert_int_equal(d->ops->open(d, in_folder("directory"), true, &f), IO_FAILED);
    assert_int_equal(d->ops->open(d, in_folder("directory/other"), true, &f), IO_FAILED);
    dup2(was, STDERR_FILENO);
    close(was);
    for (rewind(file); fgets(line, sizeof line, file);) {
        lines += strstr(line, "directory error=EISDIR") != NULL;
        others += strstr(line, "directory/other error=EISDIR") != NULL;
    }
    fclose(file);
    assert_in_range(lines, 1, 2);
    assert_int_equal(others, 1);
}

/* Some clean up what looks old. */
static void a_lock_whose_name_was_removed_is_made_again(void **state)
{
    (void)state;
    struct store_disk *d = store_disk_real();
    struct store_file *f, *other;
    char path[256];
    assert_int_equal(store_directory_make(d, in_folder("log")), OK);
    snprintf(path, sizeof path, "%s", in_folder("log/lock"));
    assert_int_equal(d->ops->lock(d, path, &f), OK);
    assert_int_equal(d->ops->remove(d, path), OK);
    assert_int_equal(d->ops->lock_again(f, path), OK);
    assert_true(d->ops->is_at(f, path));
    assert_int_equal(d->ops->lock(d, path, &other), BUSY);
    assert_int_equal(d->ops->remove(d, path), OK);
    assert_int_equal(d->ops->lock(d, path, &other), OK); /* who came first has it */
    assert_int_equal(d->ops->lock_again(f, path), BUSY);
    assert_false(d->ops->is_at(f, path));
    d->ops->close(&f);
    d->ops->close(&other);
}

static void nothing_is_made_in_another_directory(void **state)
{
    (void)state;
    struct store_disk *d = store_disk_real();
    struct store_file *f;
    char directory[256], path[256];
    snprintf(directory, sizeof directory, "%s", in_folder("moved"));
    snprintf(path, sizeof path, "%s", in_folder("moved/lock"));
    assert_int_equal(store_directory_make(d, directory), OK);
    assert_int_equal(d->ops->lock(d, path, &f), OK);
    assert_int_equal(rename(directory, in_folder("elsewhere-now")), 0);
    assert_int_equal(d->ops->lock_again(f, path), OFFLINE);
    assert_int_equal(store_directory_make(d, directory), OK);
    assert_int_equal(d->ops->lock_again(f, path), CONFLICT);
    assert_int_equal(access(path, F_OK), -1);
    d->ops->close(&f);
}

/* As on a file system that was made read-only: what it has is still given. */
static void a_file_that_may_only_be_read_is_read(void **state)
{
    (void)state;
    struct store_disk *d = store_disk_real();
    struct store_file *f;
    struct buffer got = {0};
    bool root = geteuid() == 0;
    assert_int_equal(d->ops->open(d, in_folder("locked"), true, &f), OK);
    assert_false(f->read_only);
    assert_int_equal(d->ops->write(f, 0, SLICE("hello")), OK);
    d->ops->close(&f);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(chmod(in_folder("locked"), 0444), 0);
    if (root)
        assert_int_equal(seteuid(65534), 0);
    enum status s = d->ops->open(d, in_folder("locked"), false, &f);
    enum status made = d->ops->open(d, in_folder("locked"), true, &(struct store_file *){NULL});
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(s, OK);
    assert_int_equal(made, IO_FAILED);
    assert_true(f->read_only);
    d->ops->forget(f);
    assert_int_equal(d->ops->read(f, 0, 100, &got), OK);
    assert_slice(buffer_slice(&got), SLICE("hello"));
    assert_int_equal(d->ops->write(f, 0, SLICE("x")), IO_FAILED);
    d->ops->close(&f);
    buffer_clear(&got);
}

static void too_many_files_are_no_failure_of_the_disk(void **state)
{
    (void)state;
    struct store_disk *d = store_disk_real();
    struct store_file *f = NULL, *none = NULL;
    struct rlimit before, few;
    assert_int_equal(d->ops->open(d, in_folder("one"), true, &f), OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    enum status s = d->ops->open(d, in_folder("one"), false, &none);
    enum status locked = d->ops->lock(d, in_folder("lock"), &none);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(s, BUSY);
    assert_int_equal(locked, IO_FAILED); /* nobody else has it */
    d->ops->close(&f);
}

/* Writes with a full window, reads at the tail, drops what is old: all threads at work. */
struct flow {
    struct loop *loop;
    struct store_log *log;
    struct store_reader *reader;
    uint64_t appended, read;
};

#define FLOW 30000u

static void flow_append(struct flow *f)
{
    uint64_t sequence, value;
    while (f->appended < FLOW && f->appended - store_log_durable(f->log) < 500) {
        value = f->appended + 1;
        enum status s = store_log_append(f->log, slice_from(&value, 8), 1, &sequence);
        if (s == FULL)
            return; /* dropped files are still there; flow_room() goes on */
        assert_int_equal(s, OK);
        assert_int_equal(sequence, value);
        f->appended = value;
    }
}

static void flow_room(void *arg)
{
    flow_append(arg);
}

static void flow_durable(void *arg, uint64_t sequence)
{
    struct flow *f = arg;
    struct store_record r;
    while (store_reader_next(f->reader, &r) == OK) {
        assert_int_equal(r.sequence, ++f->read);
        assert_int_equal(r.bytes.len, 8);
        assert_memory_equal(r.bytes.at, &r.sequence, 8);
    }
    assert_int_equal(f->read, sequence);
    store_cursor_set(f->log, SLICE("reader"), f->read);
    flow_append(f);
}

static bool flow_ended(void *arg)
{
    struct flow *f = arg;
    return f->read == FLOW;
}

static void a_log_on_real_files(void **state)
{
    (void)state;
    struct flow f = {.loop = loop_new()};
    struct store_log_config config = {
        .loop = f.loop,
        .disk = store_disk_real(),
        .directory = in_folder("log"),
        .retain_bytes = 400000,
        .retain_unread = true,
        .on_durable = flow_durable,
        .on_room = flow_room,
        .arg = &f,
    };
    assert_int_equal(store_log_open(&config, &f.log), OK);
    f.reader = store_reader_open(f.log, 1);
    flow_append(&f);
    assert_true(loop_run_until(f.loop, flow_ended, &f, 60000));
    assert_true(store_log_first(f.log) > 1);
    store_reader_close(&f.reader);
    uint64_t first = store_log_first(f.log), sequence;
    assert_int_equal(store_log_append(f.log, SLICE("last"), 2, &sequence), OK);
    store_log_close(&f.log); /* commits it */
    config.directory = in_folder("log");
    assert_int_equal(store_log_open(&config, &f.log), OK);
    assert_int_equal(store_log_durable(f.log), FLOW + 1);
    assert_true(store_log_first(f.log) >= first);
    assert_int_equal(store_cursor_get(f.log, SLICE("reader")), FLOW);
    assert_int_equal(store_log_damaged(f.log), 0);
    store_log_close(&f.log);
    loop_free(&f.loop);
}

static bool after_a_turn(void *arg)
{
    return (*(int *)arg)++ > 0;
}

/* A commit is on a thread when the log is closed, and the loop is never run again. */
static void closing_waits_for_the_thread(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct loop *loop = loop_new();
        struct store_log *l;
        struct store_log_config config = {
            .loop = loop, .disk = store_disk_real(), .directory = in_folder("close")};
        assert_int_equal(store_log_open(&config, &l), OK);
        uint64_t sequence, before = store_log_durable(l);
        assert_int_equal(store_log_append(l, SLICE("one"), 1, &sequence), OK);
        store_cursor_set(l, SLICE("c"), before);
        loop_run_until(loop, after_a_turn, &(int){0}, 1000);
        assert_int_equal(store_log_append(l, SLICE("two"), 1, &sequence), OK);
        store_log_close(&l);
        loop_free(&loop);
        loop = config.loop = loop_new();
        assert_int_equal(store_log_open(&config, &l), OK);
        assert_int_equal(store_log_durable(l), before + 2);
        store_log_close(&l);
        loop_free(&loop);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[300];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_hold_what_was_written),
        cmocka_unit_test(room_that_was_reserved_and_not_used_goes_back),
        cmocka_unit_test(names_are_listed_renamed_and_removed),
        cmocka_unit_test(a_file_where_a_directory_must_be_is_an_error),
        cmocka_unit_test(a_file_is_told_from_another_of_its_name),
        cmocka_unit_test(a_failure_is_not_said_each_time),
        cmocka_unit_test(a_lock_whose_name_was_removed_is_made_again),
        cmocka_unit_test(nothing_is_made_in_another_directory),
        cmocka_unit_test(a_file_that_may_only_be_read_is_read),
        cmocka_unit_test(too_many_files_are_no_failure_of_the_disk),
        cmocka_unit_test(a_log_on_real_files),
        cmocka_unit_test(closing_waits_for_the_thread),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
