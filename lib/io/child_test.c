#include "io/child.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "io/sim.h"

#include "base/cmocka.h"

struct seen {
    struct buffer out, err;
    bool exited;
    int code, signal;
    size_t longest;
    bool ready; /* it printed "ready" */
};

static void on_line(void *arg, struct slice line, bool error)
{
    struct seen *s = arg;
    struct buffer *b = error ? &s->err : &s->out;
    buffer_put(b, line);
    buffer_u8(b, '|');
    if (line.len > s->longest)
        s->longest = line.len;
    s->ready |= slice_eq(line, SLICE("ready"));
}

static void on_exit_(void *arg, int code, int signal)
{
    struct seen *s = arg;
    assert_false(s->exited);
    s->exited = true;
    s->code = code;
    s->signal = signal;
}

static bool exited(void *arg)
{
    return ((struct seen *)arg)->exited;
}

static bool ready(void *arg)
{
    return ((struct seen *)arg)->ready;
}

static struct child *start_shell(struct loop *l, struct seen *s, const char *script)
{
    static const char *argv[] = {"sh", "-c", NULL, NULL};
    static const char *const environment[] = {"MILLRACE_TEST=a value", "PATH=/usr/bin:/bin", NULL};
    argv[2] = script;
    struct child_config config = {.loop = l,
                                  .argv = argv,
                                  .environment = environment,
                                  .directory = "/",
                                  .on_line = on_line,
                                  .on_exit = on_exit_,
                                  .arg = s};
    struct child *c = NULL;
    assert_int_equal(child_start(&config, &c), OK);
    assert_true(child_pid(c) > 0);
    return c;
}

static void seen_clear(struct seen *s)
{
    buffer_clear(&s->out);
    buffer_clear(&s->err);
}

static void lines_and_the_exit_code_are_told(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct seen s = {0};
    struct child *c =
        start_shell(l, &s,
                    "echo one; echo; echo \"$MILLRACE_TEST\"; pwd; cat; echo bad >&2; "
                    "printf 'no end'; exit 7");
    assert_true(loop_run_until(l, exited, &s, 10000));
    assert_slice(buffer_slice(&s.out), SLICE("one||a value|/|no end|"));
    assert_slice(buffer_slice(&s.err), SLICE("bad|"));
    assert_int_equal(s.code, 7);
    assert_int_equal(s.signal, 0);
    assert_int_equal(child_pid(c), 0);
    child_stop(c, 0); /* harmless */
    child_free(&c);
    assert_null(c);
    loop_free(&l);
    seen_clear(&s);
}

static void a_line_without_end_comes_in_pieces(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct seen s = {0};
    struct child *c = start_shell(l, &s, "head -c 100000 /dev/zero | tr '\\0' x");
    assert_true(loop_run_until(l, exited, &s, 10000));
    assert_int_equal(s.longest, CHILD_LINE_MAX);
    assert_int_equal(s.out.len, 100000 + 100000 / CHILD_LINE_MAX + 1);
    child_free(&c);
    loop_free(&l);
    seen_clear(&s);
}

static void a_stop_ends_it(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct seen s = {0};
    struct child *c = start_shell(l, &s,
                                  "trap 'echo bye; exit 3' TERM; echo ready; "
                                  "while :; do sleep 0.01; done");
    assert_true(loop_run_until(l, ready, &s, 10000));
    child_stop(c, 10000);
    assert_true(loop_run_until(l, exited, &s, 10000));
    assert_int_equal(s.code, 3);
    assert_slice(buffer_slice(&s.out), SLICE("ready|bye|"));
    child_free(&c);
    loop_free(&l);
    seen_clear(&s);
}

static void who_does_not_listen_is_killed_after_the_grace(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct seen s = {0};
    struct child *c = start_shell(l, &s, "trap '' TERM; echo ready; while :; do sleep 0.01; done");
    assert_true(loop_run_until(l, ready, &s, 10000));
    child_stop(c, 50);
    assert_true(loop_run_until(l, exited, &s, 10000));
    assert_int_equal(s.code, -1);
    assert_int_equal(s.signal, SIGKILL);
    child_free(&c);
    loop_free(&l);
    seen_clear(&s);
}

static struct child *to_free;

static void free_in_line(void *arg, struct slice line, bool error)
{
    on_line(arg, line, error);
    child_free(&to_free);
}

static void a_child_may_be_freed_by_its_own_line(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct seen s = {0};
    const char *const argv[] = {"sh", "-c", "echo ready; echo more; printf rest", NULL};
    struct child_config config = {
        .loop = l, .argv = argv, .on_line = free_in_line, .on_exit = on_exit_, .arg = &s};
    assert_int_equal(child_start(&config, &to_free), OK);
    assert_true(loop_run_until(l, ready, &s, 10000));
    loop_free(&l);
    assert_slice(buffer_slice(&s.out), SLICE("ready|"));
    assert_false(s.exited);
    seen_clear(&s);
}

static void free_at_exit(void *arg, int code, int signal)
{
    on_exit_(arg, code, signal);
    child_free(&to_free);
}

static void a_child_may_be_freed_by_its_own_end(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct seen s = {0};
    const char *const argv[] = {"sh", "-c", "exit 4", NULL};
    struct child_config config = {.loop = l, .argv = argv, .on_exit = free_at_exit, .arg = &s};
    assert_int_equal(child_start(&config, &to_free), OK);
    assert_true(loop_run_until(l, exited, &s, 10000));
    assert_int_equal(s.code, 4);
    assert_null(to_free);
    loop_free(&l);
    seen_clear(&s);
}

static bool is_gone(void *arg)
{
    return kill(*(pid_t *)arg, 0) < 0 && errno == ESRCH;
}

static void a_free_kills_without_a_call(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct seen s = {0};
    struct child *c = start_shell(l, &s, "echo ready; exec sleep 100");
    assert_true(loop_run_until(l, ready, &s, 10000));
    pid_t pid = child_pid(c);
    child_free(&c);
    assert_true(loop_run_until(l, is_gone, &pid, 10000));
    assert_false(s.exited);

    c = start_shell(l, &s, "exec sleep 100"); /* freed with the loop in between */
    pid = child_pid(c);
    loop_free(&l);
    assert_true(is_gone(&pid));
    child_free(&c);
    seen_clear(&s);
}

static void what_cannot_run_is_refused(void **state)
{
    (void)state;
    struct loop *l = loop_new();
    struct child *c = NULL;
    const char *const missing[] = {"/nonexistent/program", NULL};
    struct child_config config = {.loop = l, .argv = missing};
    assert_int_equal(child_start(&config, &c), NOT_FOUND);
    const char *const forbidden[] = {"/etc/passwd", NULL};
    config.argv = forbidden;
    assert_int_equal(child_start(&config, &c), FORBIDDEN);
    const char *const fine[] = {"true", NULL};
    config = (struct child_config){.loop = l, .argv = fine, .directory = "/nonexistent"};
    assert_int_equal(child_start(&config, &c), NOT_FOUND);
    struct sim *sim = sim_new(1);
    config = (struct child_config){.loop = sim_loop_new(sim, "a"), .argv = fine};
    assert_int_equal(child_start(&config, &c), UNSUPPORTED);
    assert_null(c);
    sim_free(&sim);
    loop_free(&l);
}

/* A process of ours that starts a child and is killed. */
static pid_t start_parent(int *grandchild)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t parent = fork();
    if (parent == 0) {
        struct loop *l = loop_new();
        const char *const argv[] = {"sleep", "100", NULL};
        struct child_config config = {.loop = l, .argv = argv};
        struct child *c = NULL;
        if (child_start(&config, &c) != OK)
            _exit(1);
        int pid = child_pid(c);
        if (write(fds[1], &pid, sizeof(pid)) != sizeof(pid))
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(fds[0], grandchild, sizeof(*grandchild)), sizeof(*grandchild));
    close(fds[0]);
    close(fds[1]);
    return parent;
}

/* A process that is not our child is nobody's zombie: its descriptor becomes readable. */
static bool ends_within(int pidfd, int ms)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    return poll(&p, 1, ms) == 1;
}

static void a_child_dies_with_its_parent(void **state)
{
    (void)state;
    int grandchild = 0;
    pid_t parent = start_parent(&grandchild);
    int watch = pidfd_open(grandchild, 0);
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    assert_true(ends_within(watch, 10000));
    close(watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_the_exit_code_are_told),
        cmocka_unit_test(a_line_without_end_comes_in_pieces),
        cmocka_unit_test(a_stop_ends_it),
        cmocka_unit_test(who_does_not_listen_is_killed_after_the_grace),
        cmocka_unit_test(a_free_kills_without_a_call),
        cmocka_unit_test(a_child_may_be_freed_by_its_own_line),
        cmocka_unit_test(a_child_may_be_freed_by_its_own_end),
        cmocka_unit_test(what_cannot_run_is_refused),
        cmocka_unit_test(a_child_dies_with_its_parent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
