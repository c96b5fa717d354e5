/*
 * A child process. It dies with us, even when we are killed (with the thread that its loop runs
 * on). Its standard input is empty; what it prints goes where ours goes, or comes line by line.
 */
#pragma once

#include "base/slice.h"
#include "io/loop.h"

struct child;

#define CHILD_LINE_MAX 16384 /* a longer line comes in pieces */

struct child_config {
    struct loop *loop;       /* real: a simulated loop has no processes */
    const char *const *argv; /* NULL at the end; argv[0] is looked for in PATH */
    const char *const
        *environment; /* "NAME=value", besides and instead of ours; NULL at the end; NULL: none */
    const char *directory; /* to start in; NULL: ours */
    /* A line without its end, from its standard output or (`error`) its standard error. NULL: both
     * go where ours go. */
    void (*on_line)(void *arg, struct slice line, bool error);
    /* Once, after its lines: the exit code, or the signal that ended it (then code is -1). */
    void (*on_exit)(void *arg, int code, int signal);
    void *arg;
};

/* NOT_FOUND no such program; FORBIDDEN it may not be run; IO_FAILED; UNSUPPORTED on a simulated
 * loop. Logged. */
CHECKED enum status child_start(const struct child_config *config, struct child **out);

int child_pid(const struct child *c); /* 0 after it has ended */

/* SIGTERM, and SIGKILL after the grace. on_exit follows. Harmless after it has ended. */
void child_stop(struct child *c, uint64_t grace_ms);

/* Kills it when it still runs. No callback comes any more. Also from its own callbacks. */
void child_free(struct child **c);
