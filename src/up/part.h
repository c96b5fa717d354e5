/*
 * One program of the platform as a child of `millrace up`: started, watched, started again when it
 * dies (after 200 ms, then with a growing pause), and ended in order. Its log lines go on to stderr.
 */
#pragma once

#include "io/child.h"

#define UP_PART_ARGUMENTS_MAX 48
#define UP_RESTART_MS_MAX 30000

struct up_part {
    const char *name;  /* "hub": the program's word too */
    struct loop *loop;
    const char *binary;
    char *arguments[UP_PART_ARGUMENTS_MAX + 1]; /* behind the word; owned */
    size_t argument_count;
    bool quiet;        /* its lines go to `log_path` instead of stderr */
    int log_fd;        /* -1: none */
    struct child *child; /* NULL: it does not run */
    struct loop_timer restart;
    uint64_t pause_ms, started_ms;
    unsigned restarts;
    bool stopping;
    void (*on_stopped)(void *arg); /* after up_part_stop() */
    void *arg;
};

void up_part_init(struct up_part *p, struct loop *loop, const char *binary, const char *name);
void up_part_argument(struct up_part *p, const char *flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Lines go to this file from now on. IO_FAILED is logged, and they stay on stderr. */
void up_part_log_to(struct up_part *p, const char *path);
void up_part_start(struct up_part *p);
/* on_stopped follows, at once when it does not run. */
void up_part_stop(struct up_part *p);
