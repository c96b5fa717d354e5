/*
 * The course of a load: it connects, warms up, is measured, and reports one JSON line. A load
 * counts what it did with course_done(); when nothing is done for a while, or something fails, it
 * ends.
 */
#pragma once

#include <stdbool.h>

#include "bench/latency.h"
#include "io/loop.h"

#define COURSE_PATIENCE_MS 10000

struct course {
    struct loop *loop; /* set these three */
    uint64_t warm_ms, seconds;
    struct loop_timer phase, patience;
    struct latency *latency;
    uint64_t done, done_at_start, done_at_end, seen, stirred, start_ns, end_ns;
    bool measuring, ended;
    const char *trouble;
};

void course_init(struct course *c);  /* the patience begins */
void course_stir(struct course *c);  /* something came, though nothing is done yet */
void course_begin(struct course *c); /* all is connected: the load starts now */
void course_done(struct course *c, uint64_t started_ns);
void course_end(struct course *c); /* before its seconds are over */
void course_fail(struct course *c, const char *what);

/* The line, or what failed on stderr; frees what is inside. The exit code of the program. */
int course_report(struct course *c, const char *program);
