#include "bench/course.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/memory.h"

void course_fail(struct course *c, const char *what)
{
    if (c->trouble == NULL && !c->ended)
        c->trouble = what;
    loop_stop(c->loop);
}

void course_end(struct course *c)
{
    c->end_ns = clock_monotonic_ns();
    c->done_at_end = c->done;
    c->measuring = false;
    c->ended = true;
    loop_stop(c->loop);
}

static void on_end(void *arg)
{
    course_end(arg);
}

static void measure(void *arg)
{
    struct course *c = arg;
    c->measuring = true;
    c->start_ns = clock_monotonic_ns();
    c->done_at_start = c->done;
    if (c->seconds)
        loop_timer_start(c->loop, &c->phase, c->seconds * 1000, on_end, c);
}

void course_begin(struct course *c)
{
    if (c->warm_ms)
        loop_timer_start(c->loop, &c->phase, c->warm_ms, measure, c);
    else
        measure(c);
}

static void look(void *arg)
{
    struct course *c = arg;
    if (c->done + c->stirred == c->seen) {
        course_fail(c, "nothing comes back");
        return;
    }
    c->seen = c->done + c->stirred;
    loop_timer_start(c->loop, &c->patience, COURSE_PATIENCE_MS, look, c);
}

void course_init(struct course *c)
{
    c->latency = MEMORY_NEW(struct latency);
    loop_timer_start(c->loop, &c->patience, COURSE_PATIENCE_MS, look, c);
}

void course_stir(struct course *c)
{
    c->stirred++;
}

void course_done(struct course *c, uint64_t started_ns)
{
    c->done++;
    if (c->measuring)
        latency_add(c->latency, (clock_monotonic_ns() - started_ns) / 1000);
}

/* Of this program: where it comes near the core's whole time, the load is the limit. */
static double cpu_us(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
           (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static void print(const struct course *c)
{
    double elapsed = (double)(c->end_ns - c->start_ns) / 1e9;
    uint64_t measured = c->done_at_end - c->done_at_start;
    printf("{\"messages\":%llu,\"acknowledged\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,"
           "\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"load_cpu_us\":%.3f}\n",
           (unsigned long long)measured, (unsigned long long)c->done, elapsed,
           (double)measured / elapsed, latency_ms(c->latency, 500), latency_ms(c->latency, 990),
           latency_ms(c->latency, 999), cpu_us() / (double)c->done);
}

int course_report(struct course *c, const char *program)
{
    if (c->trouble)
        fprintf(stderr, "%s: %s, %llu done\n", program, c->trouble, (unsigned long long)c->done);
    else
        print(c);
    free(c->latency);
    return c->trouble ? 1 : 0;
}
