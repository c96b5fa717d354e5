#include "up/part.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/log.h"

#define PAUSE_FIRST_MS 200
#define STEADY_MS 10000 /* who lived so long starts again after the first pause */
#define GRACE_MS 10000

void up_part_init(struct up_part *p, struct loop *loop, const char *binary, const char *name)
{
    *p = (struct up_part){.name = name, .loop = loop, .binary = binary, .log_fd = -1};
}

static void add(struct up_part *p, struct slice text)
{
    assert(p->argument_count < UP_PART_ARGUMENTS_MAX);
    p->arguments[p->argument_count++] = slice_dup(text);
}

void up_part_argument(struct up_part *p, const char *flag, const char *format, ...)
{
    struct buffer value = {0};
    va_list args;
    va_start(args, format);
    buffer_vprintf(&value, format, args);
    va_end(args);
    add(p, slice_of(flag));
    add(p, buffer_slice(&value));
    buffer_clear(&value);
}

void up_part_log_to(struct up_part *p, const char *path)
{
    p->log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (p->log_fd < 0)
        log_warn("cannot write the log path=%s", path);
}

static void on_line(void *arg, struct slice line, bool err)
{
    struct up_part *p = arg;
    struct buffer text = {0};
    (void)err;
    buffer_put(&text, line);
    buffer_u8(&text, '\n');
    int fd = p->log_fd >= 0 ? p->log_fd : STDERR_FILENO;
    if (write(fd, text.at, text.len) < 0) { /* a full disk must not end the platform */
    }
    buffer_clear(&text);
}

static void start_again(void *arg)
{
    up_part_start(arg);
}

static void on_ended(void *arg, int code, int signal)
{
    struct up_part *p = arg;
    child_free(&p->child);
    if (p->stopping) {
        if (p->on_stopped)
            p->on_stopped(p->arg);
        return;
    }
    bool steady = loop_now_ms(p->loop) - p->started_ms > STEADY_MS;
    p->pause_ms = steady || p->pause_ms == 0 ? PAUSE_FIRST_MS : p->pause_ms * 2;
    if (p->pause_ms > UP_RESTART_MS_MAX)
        p->pause_ms = UP_RESTART_MS_MAX;
    log_warn("%s ended and is started again code=%d signal=%d pause_ms=%llu", p->name, code, signal,
             (unsigned long long)p->pause_ms);
    p->restarts++;
    loop_timer_start(p->loop, &p->restart, p->pause_ms, start_again, p);
}

void up_part_start(struct up_part *p)
{
    const char *argv[UP_PART_ARGUMENTS_MAX + 3] = {p->binary, p->name};
    for (size_t i = 0; i < p->argument_count; i++)
        argv[i + 2] = p->arguments[i];
    p->started_ms = loop_now_ms(p->loop);
    enum status s = child_start(
        &(struct child_config){
            .loop = p->loop,
            .argv = argv,
            .on_line = on_line,
            .on_exit = on_ended,
            .arg = p,
        },
        &p->child);
    if (s != OK)
        loop_timer_start(p->loop, &p->restart, UP_RESTART_MS_MAX, start_again, p);
}

void up_part_stop(struct up_part *p)
{
    p->stopping = true;
    loop_timer_stop(&p->restart);
    if (p->child)
        child_stop(p->child, GRACE_MS);
    else if (p->on_stopped)
        p->on_stopped(p->arg);
}
