/*
 * sim_chain [--seeds N] [--first SEED] [--minutes M] [--jobs N] [--twice] [--verbose]
 *
 * N runs of M simulated minutes with faults, then a calm in which everything must arrive and agree.
 * A seed that fails is printed with the command that replays it. --twice runs each seed again,
 * which must be the same, event for event. --verbose with one seed logs everything, stamped with
 * the simulated time. The last line is "N passed, N failed".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sim/world.h"

#define SETTLE_MS_MAX 90000u     /* three times the longest back-off */
#define CALM_MS (3u * 60 * 1000) /* after all has settled: does it stay so? */
#define LOOK_MS 1000
#define TWINS_LOOK_MS 5000
#define JOBS_MAX 64
#define WRONG_PRINTED 2000

struct arguments {
    uint64_t seeds, first, minutes, jobs;
    bool verbose, twice;
};

/* What was asked for and never answered dies with its loop: leaks of a killed process are none. */
const char *__asan_default_options(void) __attribute__((visibility("default")));
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

/* ---- one run ---- */

static uint64_t now_ms(void *sim)
{
    return sim_now_ms(sim);
}

/* So long, while it is watched, unless something is wrong before. */
static void pass(struct world *w, uint64_t ms)
{
    uint64_t end = sim_now_ms(w->sim) + ms;
    while (sim_now_ms(w->sim) < end && w->wrong.len == 0) {
        sim_run(w->sim, sim_now_ms(w->sim) + LOOK_MS);
        world_bounds_look(w);
        world_calls_look(w);
        if (sim_now_ms(w->sim) % TWINS_LOOK_MS == 0)
            world_twins_look(w);
    }
}

static bool settled(struct world *w)
{
    return world_books_drained(w) && world_twins_settled(w) && world_calls_ended(w) &&
           world_mail_settled(w);
}

static void calm_down(struct world *w)
{
    uint64_t began = sim_now_ms(w->sim), end = began + SETTLE_MS_MAX;
    w->quiet = true;
    while (w->wrong.len == 0 && !settled(w) && sim_now_ms(w->sim) < end)
        pass(w, LOOK_MS);
    if (w->wrong.len == 0 && !settled(w))
        world_wrong(w, "after %u s of calm not settled: telemetry %d, twins %d, methods %d, messages %d",
                    SETTLE_MS_MAX / 1000, world_books_drained(w), world_twins_settled(w),
                    world_calls_ended(w), world_mail_settled(w));
    w->count.settled_ms = sim_now_ms(w->sim) - began;
    pass(w, CALM_MS);
    if (w->wrong.len == 0)
        world_calls_all(w);
    pass(w, 2 * LOOK_MS);
}

static void check(struct world *w)
{
    world_twins_check(w);
    world_bounds_check_calm(w);
    world_books_check(w);
    world_mail_check(w);
    if (!world_calls_ended(w))
        world_wrong(w, "in all calm a method is not answered");
}

static void print_counts(const struct world *w)
{
    uint64_t sent = 0, acked = 0;
    for (unsigned i = 0; i < WORLD_MODULES; i++) {
        sent += w->modules[i].sent;
        acked += w->modules[i].acked.count;
    }
    printf("seed %llu: %llu sent, %llu acknowledged, %llu delivered, %llu doubles, %llu reported, "
           "%llu calls, "
           "%llu answers, %llu kills, settled after %llu s, trace %016llx\n",
           (unsigned long long)w->seed, (unsigned long long)sent, (unsigned long long)acked,
           (unsigned long long)w->count.delivered, (unsigned long long)w->count.doubles,
           (unsigned long long)w->count.reported, (unsigned long long)w->count.calls,
           (unsigned long long)w->count.answers, (unsigned long long)w->count.kills,
           (unsigned long long)w->count.settled_ms / 1000, (unsigned long long)sim_trace(w->sim));
}

static void print_wrong(const struct world *w, const struct arguments *a)
{
    struct slice wrong = slice_first(buffer_slice(&w->wrong), WRONG_PRINTED);
    printf("%.*s  replay: sim_chain --first %llu --seeds 1 --minutes %llu --verbose\n",
           SLICE_FMT(wrong), (unsigned long long)w->seed, (unsigned long long)a->minutes);
}

static bool run(uint64_t seed, const struct arguments *a, uint64_t *trace)
{
    struct world *w = world_new(seed);
    log_clock(now_ms, w->sim); /* lines begin at 1970-01-01T00:00:00: how long the run has lasted */
    struct faults *f = faults_start(w);
    pass(w, a->minutes * 60000);
    faults_end(&f);
    calm_down(w);
    if (w->wrong.len == 0)
        check(w);
    bool good = w->wrong.len == 0;
    if (a->verbose || !good)
        print_counts(w);
    if (!good)
        print_wrong(w, a);
    *trace = sim_trace(w->sim);
    log_clock(NULL, NULL);
    world_free(&w);
    return good;
}

static bool run_seed(uint64_t seed, const struct arguments *a)
{
    uint64_t trace, again;
    bool good = run(seed, a, &trace);
    if (!good || !a->twice)
        return good;
    good = run(seed, a, &again) && again == trace;
    if (again != trace)
        printf("seed %llu: another run of it was another one: %016llx, %016llx\n",
               (unsigned long long)seed, (unsigned long long)trace, (unsigned long long)again);
    return good;
}

/* ---- many of them ---- */

/* Every jobs-th seed from this one; a process of its own, which tells by a pipe how many failed. */
static void work(const struct arguments *a, uint64_t job, int out)
{
    uint64_t failed = 0;
    for (uint64_t s = a->first + job; s < a->first + a->seeds; s += a->jobs)
        failed += !run_seed(s, a);
    fflush(stdout);
    if (write(out, &failed, sizeof(failed)) != sizeof(failed))
        _exit(1);
}

static uint64_t run_all(const struct arguments *a)
{
    uint64_t failed = 0, told = 0, some;
    int ends[2];
    if (pipe(ends) != 0)
        exit(2);
    for (uint64_t job = 0; job < a->jobs; job++) {
        if (a->jobs > 1 && fork() != 0)
            continue;
        work(a, job, ends[1]);
        if (a->jobs > 1)
            _exit(0);
    }
    close(ends[1]);
    for (; read(ends[0], &some, sizeof(some)) == sizeof(some); told++)
        failed += some;
    while (a->jobs > 1 && wait(NULL) > 0)
        ;
    if (told < a->jobs) {
        printf("%llu jobs ended before they were done\n", (unsigned long long)(a->jobs - told));
        failed = a->seeds;
    }
    return failed;
}

/* ---- the command line ---- */

static uint64_t number(const char *text)
{
    uint64_t n = 0;
    if (text == NULL || !slice_to_u64(slice_of(text), &n)) {
        fprintf(stderr, "sim_chain: a whole number is needed\n");
        exit(2);
    }
    return n;
}

static struct arguments read_arguments(char **argv)
{
    struct arguments a = {.seeds = 1, .first = 1, .minutes = 10, .jobs = 1};
    const struct {
        const char *name;
        uint64_t *to;
    } numbers[] = {{"--seeds", &a.seeds},
                   {"--first", &a.first},
                   {"--minutes", &a.minutes},
                   {"--jobs", &a.jobs}};
    while (*++argv) {
        size_t i = 0;
        while (i < 4 && strcmp(*argv, numbers[i].name) != 0)
            i++;
        if (i < 4)
            *numbers[i].to = number(*++argv);
        else if (strcmp(*argv, "--verbose") == 0)
            a.verbose = true;
        else if (strcmp(*argv, "--twice") == 0)
            a.twice = true;
        else
            exit(2);
    }
    a.jobs = a.jobs < 1 ? 1 : a.jobs > JOBS_MAX ? JOBS_MAX : a.jobs;
    return a;
}

int main(int argc, char **argv)
{
    (void)argc;
    const struct arguments a = read_arguments(argv);
    log_setup("sim", a.verbose && a.seeds == 1 ? LOG_LEVEL_DEBUG : LOG_LEVEL_NONE, 0);
    setvbuf(stdout, NULL, _IOLBF, 0); /* the lines of several jobs stay whole */
    uint64_t began = clock_monotonic_ns();
    uint64_t failed = run_all(&a);
    double seconds = (double)(clock_monotonic_ns() - began) / 1e9;
    printf("%llu seeds of %llu simulated minutes in %.1f s: %.0f times real time\n",
           (unsigned long long)a.seeds, (unsigned long long)a.minutes, seconds,
           (double)(a.seeds * a.minutes * 60) / seconds);
    printf("%llu passed, %llu failed\n", (unsigned long long)(a.seeds - failed),
           (unsigned long long)failed);
    return failed != 0;
}
