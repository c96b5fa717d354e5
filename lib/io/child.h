/*
 * Child processes of a program. They end with it, even when it is killed (PR_SET_PDEATHSIG). All
 * callbacks come on the loop.
 */
#pragma once

#include "io/loop.h"

struct child;

struct child_config {
    struct loop *loop;
    const char *const *argv;        /* argv[0] is the program's path; NULL at the end */
    const char *const *environment; /* "NAME=value" to add; NULL at the end; may be NULL */
    /* A line that it wrote, to stdout or stderr, without its end; NULL: both are inherited. Lines longer
     * than CHILD_LINE_MAX come in pieces. */
    void (*on_line)(void *arg, bool err, struct slice line);
    /* It has ended, and all its lines were told: exit code, or the signal (then code is -1). The child is
     * freed when the call returns. */
    void (*on_exit)(void *arg, int code, int signal);
    void *arg;
};

#define CHILD_LINE_MAX 8192

/* IO_FAILED with the reason in the log line. */
CHECKED enum status child_start(const struct child_config *config, struct child **out);
int child_pid(const struct child *c);

/* SIGTERM now, SIGKILL after `grace_ms`; on_exit follows. */
void child_stop(struct child *c, uint64_t grace_ms);
