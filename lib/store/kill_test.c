/* A process that is killed with no warning: what it said to be durable is there afterwards. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "io/loop.h"
#include "store/log.h"

#define KILLS 25
#define WINDOW 200

static char folder[] = "/tmp/store-kill-XXXXXX";
static bool reuse;

struct writer {
    struct loop *loop;
    struct store_log *log;
    int said; /* a pipe: the newest durable number */
};

static void append(struct writer *w)
{
    uint64_t sequence;
    while (store_log_next(w->log) - store_log_durable(w->log) <= WINDOW) {
        uint64_t text[5] = {0};
        for (int i = 0; i < 5; i++)
            text[i] = store_log_next(w->log) * (uint64_t)(i + 1);
        size_t len = 8 + store_log_next(w->log) % 33;
        enum status s = store_log_append(w->log, slice_from(text, len), 1, &sequence);
        if (s == FULL)
            return; /* files that go are slower on this disk than what comes: on_room */
        if (s != OK)
            abort();
    }
}

static void on_room(void *arg)
{
    append(arg);
}

static void on_durable(void *arg, uint64_t sequence)
{
    struct writer *w = arg;
    if (write(w->said, &sequence, sizeof(sequence)) != sizeof(sequence))
        abort();
    store_cursor_set(w->log, SLICE("c"), sequence);
    append(w);
}

static struct store_log_config config_for(struct loop *loop)
{
    return (struct store_log_config){.loop = loop,
                                     .disk = store_disk_real(),
                                     .directory = folder,
                                     .segment_bytes = 20000,
                                     .retain_bytes = 1000000,
                                     .retain_unread = reuse,
                                     .reuse = reuse};
}

/* Never returns. */
static void write_until_killed(int said)
{
    struct writer w = {.loop = loop_new(), .said = said};
    struct store_log_config config = config_for(w.loop);
    config.on_durable = on_durable;
    config.on_room = on_room;
    config.arg = &w;
    if (store_log_open(&config, &w.log) != OK)
        abort();
    store_cursor_set(w.log, SLICE("c"), store_log_durable(w.log)); /* what was not passed may have filled it */
    append(&w);
    loop_run(w.loop);
    abort();
}

/* Kills it after it has said something `commits` times; returns the last number. */
static uint64_t live_and_die(int commits)
{
    int ends[2];
    uint64_t durable = 0, got;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        write_until_killed(ends[1]);
    }
    close(ends[1]);
    for (int n = 0; n < commits && read(ends[0], &got, sizeof(got)) == sizeof(got); n++)
        durable = got;
    kill(child, SIGKILL);
    while (read(ends[0], &got, sizeof(got)) == sizeof(got))
        durable = got; /* said before it died */
    close(ends[0]);
    int how;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    return durable;
}

static void check_record(const struct store_record *r)
{
    assert_int_equal(r->bytes.len, 8 + r->sequence % 33);
    uint64_t text[5];
    for (int i = 0; i < 5; i++)
        text[i] = r->sequence * (uint64_t)(i + 1);
    assert_memory_equal(r->bytes.at, text, r->bytes.len);
}

static void check(uint64_t durable)
{
    struct loop *loop = loop_new();
    struct store_log_config config = config_for(loop);
    struct store_log *l;
    assert_int_equal(store_log_open(&config, &l), OK);
    struct store_reader *r = store_reader_open(l, 1);
    struct store_record got;
    uint64_t want = store_log_first(l);
    while (store_reader_next(r, &got) == OK) {
        assert_int_equal(got.sequence, want++);
        check_record(&got);
    }
    assert_true(want > durable);
    assert_true(store_cursor_get(l, SLICE("c")) < want);
    assert_int_equal(store_log_damaged(l), 0);
    store_reader_close(&r);
    store_log_close(&l);
    loop_free(&loop);
}

static void nothing_durable_is_lost_by_a_kill(void **state)
{
    (void)state;
    for (int n = 0; n < KILLS; n++)
        check(live_and_die(1 + n * 13 % 60));
}

static void nothing_durable_is_lost_where_segments_are_written_over(void **state)
{
    reuse = true;
    nothing_durable_is_lost_by_a_kill(state);
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
        cmocka_unit_test(nothing_durable_is_lost_by_a_kill),
        cmocka_unit_test(nothing_durable_is_lost_where_segments_are_written_over),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
