#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "io/loop_uv.h"

/* One of its two outputs. */
struct output {
    uv_poll_t poll; /* first */
    struct child *child;
    int fd; /* -1 when closed */
    bool error;
    struct buffer line; /* whose end has not come yet */
};

struct child {
    struct child_config config;
    char *program;
    bool freed; /* by its owner: only waits to be reaped */
    pid_t pid;
    int pidfd;
    uv_poll_t ended;
    struct output outputs[2];
    int open_handles;
    struct loop_timer grace;
    struct link in_loop;
};

/* ---- in the new process, before its program: only what is allowed after a fork of many threads
 * ---- */

struct start {
    const char *const *argv;
    char **environment;
    const char *directory;
    int null, out[2], err[2]; /* descriptors; out[0] < 0: ours are kept */
    int failure[2];           /* errno goes back through this when exec fails */
    pid_t parent;
};

static void become(const struct start *s)
{
    sigset_t none;
    sigemptyset(&none);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL); /* what is ignored stays so beyond exec */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != s->parent)
        _exit(127); /* it was already too late */
    dup2(s->null, STDIN_FILENO);
    if (s->out[1] >= 0) {
        dup2(s->out[1], STDOUT_FILENO);
        dup2(s->err[1], STDERR_FILENO);
    }
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (s->directory == NULL || chdir(s->directory) == 0)
        execvpe(s->argv[0], (char *const *)s->argv, s->environment);
    int error = errno;
    if (write(s->failure[1], &error, sizeof(error)) < 0)
        _exit(126);
    _exit(127);
}

/* ---- starting ---- */

static bool names(const char *added, const char *ours)
{
    size_t len = (size_t)(strchrnul(added, '=') - added);
    return strncmp(added, ours, len) == 0 && ours[len] == '=';
}

/* Ours without what is replaced, then the additions. The strings stay where they are. */
static char **environment_of(const char *const *added)
{
    size_t ours = 0, more = 0, count = 0;
    while (environ[ours])
        ours++;
    while (added && added[more])
        more++;
    char **all = memory_new((ours + more + 1) * sizeof(*all));
    for (size_t i = 0; i < ours; i++) {
        bool replaced = false;
        for (size_t k = 0; k < more; k++)
            replaced |= names(added[k], environ[i]);
        if (!replaced)
            all[count++] = environ[i];
    }
    for (size_t k = 0; k < more; k++)
        all[count++] = (char *)added[k];
    return all;
}

static void close_both(int fds[2])
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

static void start_clear(struct start *s)
{
    if (s->null >= 0)
        close(s->null);
    close_both(s->out);
    close_both(s->err);
    close_both(s->failure);
    free(s->environment);
}

static bool start_open(struct start *s, const struct child_config *config)
{
    *s = (struct start){.argv = config->argv,
                        .environment = environment_of(config->environment),
                        .directory = config->directory,
                        .out = {-1, -1},
                        .err = {-1, -1},
                        .failure = {-1, -1},
                        .parent = getpid()};
    s->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return s->null >= 0 && pipe2(s->failure, O_CLOEXEC) == 0 &&
           (config->on_line == NULL ||
            (pipe2(s->out, O_CLOEXEC) == 0 && pipe2(s->err, O_CLOEXEC) == 0));
}

/* The program runs when this returns OK: its end of `failure` was closed by exec. */
static pid_t run(struct start *s, int *error)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* none of our handlers may run in the child */
    pid_t pid = fork();
    if (pid == 0)
        become(s);
    *error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return -1;
    close(s->failure[1]);
    s->failure[1] = -1;
    ssize_t n;
    do
        n = read(s->failure[0], error, sizeof(*error));
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return pid;
    waitpid(pid, NULL, 0);
    return -1;
}

/* ---- its lines ---- */

static void release(struct child *c)
{
    for (int i = 0; i < 2; i++)
        buffer_clear(&c->outputs[i].line);
    free(c->program);
    free(c);
}

static void on_closed(uv_handle_t *h)
{
    struct child *c = h->data;
    if (--c->open_handles == 0 && c->freed)
        release(c);
}

static void tell_line(struct output *o, struct slice line)
{
    if (o->child->config.on_line && !o->child->freed)
        o->child->config.on_line(o->child->config.arg, line, o->error);
}

/* The callee may free the child: then nothing of it is told any more. */
static void tell_lines(struct output *o)
{
    struct buffer all = o->line;
    o->line = (struct buffer){0};
    struct slice rest = buffer_slice(&all);
    for (size_t at; (at = slice_find(rest, '\n')) < rest.len || rest.len >= CHILD_LINE_MAX;
         rest = slice_skip(rest, at + (at < rest.len && rest.at[at] == '\n'))) {
        if (at > CHILD_LINE_MAX || at == rest.len)
            at = CHILD_LINE_MAX;
        tell_line(o, slice_first(rest, at));
    }
    buffer_put(&o->line, rest);
    buffer_clear(&all);
}

static void output_close(struct output *o)
{
    if (o->fd < 0)
        return;
    struct buffer rest = o->line;
    o->line = (struct buffer){0};
    uv_close((uv_handle_t *)&o->poll, on_closed);
    close(o->fd);
    o->fd = -1;
    if (rest.len)
        tell_line(o, buffer_slice(&rest));
    buffer_clear(&rest);
}

/* False when nothing is there now. */
static bool output_read(struct output *o)
{
    if (o->fd < 0)
        return false;
    ssize_t n = read(o->fd, buffer_reserve(&o->line, CHILD_LINE_MAX), CHILD_LINE_MAX);
    if (n > 0) {
        buffer_added(&o->line, (size_t)n);
        tell_lines(o);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        output_close(o);
    }
    return n > 0;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    output_read((struct output *)poll);
}

/* ---- its end ---- */

/* What it printed last is in the pipes; a grandchild that still holds them is not waited for. */
static void drain(struct child *c)
{
    for (int i = 0; i < 2; i++) {
        for (int n = 0; n < 64 && output_read(&c->outputs[i]); n++) {
        }
        output_close(&c->outputs[i]);
    }
}

static void close_end(struct child *c)
{
    loop_timer_stop(&c->grace);
    list_remove(&c->in_loop);
    uv_close((uv_handle_t *)&c->ended, on_closed);
    close(c->pidfd);
    c->pid = 0;
}

static void on_ended(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    struct child *c = poll->data;
    int how = 0;
    if (waitpid(c->pid, &how, WNOHANG) == 0)
        return;
    c->pid = 0; /* the number may be another's from now on */
    drain(c);
    close_end(c);
    if (c->config.on_exit && !c->freed)
        c->config.on_exit(c->config.arg, WIFEXITED(how) ? WEXITSTATUS(how) : -1,
                          WIFSIGNALED(how) ? WTERMSIG(how) : 0);
}

static void kill_now(void *arg)
{
    struct child *c = arg;
    log_warn("child does not end: killed program=%s pid=%d", c->program, c->pid);
    kill(c->pid, SIGKILL);
}

void child_stop(struct child *c, uint64_t grace_ms)
{
    if (c->pid == 0)
        return;
    kill(c->pid, SIGTERM);
    loop_timer_start(c->config.loop, &c->grace, grace_ms, kill_now, c);
}

void child_free(struct child **child)
{
    struct child *c = *child;
    if (c == NULL)
        return;
    *child = NULL;
    c->freed = true;
    loop_timer_stop(&c->grace);
    for (int i = 0; i < 2; i++)
        output_close(&c->outputs[i]);
    if (c->pid)
        kill(c->pid, SIGKILL); /* on_ended() reaps it, and on_closed() frees */
    else if (c->open_handles == 0)
        release(c);
}

void child_end_with_loop(struct link *in_loop)
{
    struct child *c = LIST_OF(in_loop, struct child, in_loop);
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, 0);
    for (int i = 0; i < 2; i++)
        output_close(&c->outputs[i]);
    close_end(c);
}

/* ---- starting, from our side ---- */

static void watch(struct child *c, uv_poll_t *poll, int fd, uv_poll_cb fn)
{
    uv_poll_init(&loop_uv_of(c->config.loop)->uv, poll, fd);
    poll->data = c;
    c->open_handles++;
    uv_poll_start(poll, UV_READABLE, fn);
}

static struct child *child_new(const struct child_config *config, struct start *s, pid_t pid,
                               int pidfd)
{
    struct child *c = MEMORY_NEW(struct child);
    c->config = *config;
    c->program = memory_text(config->argv[0]);
    c->pid = pid;
    c->pidfd = pidfd;
    int *pipes[] = {s->out, s->err};
    for (int i = 0; i < 2; i++) {
        struct output *o = &c->outputs[i];
        o->child = c;
        o->error = i == 1;
        o->fd = pipes[i][0];
        pipes[i][0] = -1;
        if (o->fd >= 0)
            watch(c, &o->poll, o->fd, on_readable);
    }
    watch(c, &c->ended, pidfd, on_ended);
    list_push(&loop_uv_of(config->loop)->children, &c->in_loop);
    return c;
}

static enum status refuse(const struct child_config *config, int error)
{
    log_error("child could not be started program=%s reason=%s", config->argv[0],
              strerrorname_np(error));
    return error == ENOENT ? NOT_FOUND : error == EACCES ? FORBIDDEN : IO_FAILED;
}

enum status child_start(const struct child_config *config, struct child **out)
{
    if (!loop_is_uv(config->loop))
        return UNSUPPORTED;
    struct start s;
    int error = 0;
    pid_t pid = -1;
    if (start_open(&s, config))
        pid = run(&s, &error);
    else
        error = errno;
    int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;
    if (pid > 0 && pidfd < 0) {
        error = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    if (pidfd >= 0)
        *out = child_new(config, &s, pid, pidfd);
    start_clear(&s);
    return pidfd >= 0 ? OK : refuse(config, error);
}

int child_pid(const struct child *c)
{
    return c->pid;
}
