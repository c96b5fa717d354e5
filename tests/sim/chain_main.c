/*
 * sim_chain [--seeds N] [--first SEED] [--minutes M] [--verbose]: N runs of M simulated minutes with
 * faults, then a calm in which everything must arrive. A seed that fails is printed with the command
 * that replays it. The last line is "N passed, N failed".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sim/world.h"

#define DRAIN_MS_MAX (30u * 60 * 1000)

/* What was asked for and never answered dies with its loop: leaks of a killed process are none. */
const char *__asan_default_options(void) __attribute__((visibility("default")));
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static uint64_t number(const char *text)
{
    uint64_t n = 0;
    if (text == NULL || !slice_to_u64(slice_of(text), &n)) {
        fprintf(stderr, "sim_chain: a whole number is needed\n");
        exit(2);
    }
    return n;
}

static bool drain(struct world *w)
{
    uint64_t end = sim_now_ms(w->sim) + DRAIN_MS_MAX;
    w->quiet = true;
    while (!world_drained(w)) {
        if (sim_now_ms(w->sim) > end)
            return false;
        sim_run(w->sim, sim_now_ms(w->sim) + 1000);
    }
    return true;
}

static uint64_t now_ms(void *sim)
{
    return sim_now_ms(sim);
}

static bool run(uint64_t seed, uint64_t minutes, bool verbose)
{
    struct world *w = world_new(seed);
    log_clock(now_ms, w->sim); /* lines begin at 1970-01-01T00:00:00: how long the run has lasted */
    struct faults *f = faults_start(w);
    for (uint64_t m = 0; m < minutes && w->wrong.len == 0; m++)
        sim_run(w->sim, sim_now_ms(w->sim) + 60000);
    faults_end(&f);
    if (w->wrong.len == 0 && !drain(w))
        buffer_printf(&w->wrong, "after %u minutes of calm something is still on its way\n", DRAIN_MS_MAX / 60000);
    if (w->wrong.len == 0)
        world_check(w);
    uint64_t sent = 0, acked = 0;
    for (unsigned i = 0; i < WORLD_MODULES; i++) {
        sent += w->modules[i].sent;
        acked += w->modules[i].acked_count;
    }
    bool good = w->wrong.len == 0 && acked > 0;
    if (verbose || !good)
        printf("seed %llu: %llu sent, %llu acknowledged, %llu delivered, %llu doubles, %llu kills, trace %016llx\n",
               (unsigned long long)seed, (unsigned long long)sent, (unsigned long long)acked,
               (unsigned long long)w->delivered, (unsigned long long)w->doubles, (unsigned long long)w->kills,
               (unsigned long long)sim_trace(w->sim));
    if (!good)
        printf("%.*s  replay: sim_chain --first %llu --seeds 1 --minutes %llu --verbose\n",
               (int)(w->wrong.len < 2000 ? w->wrong.len : 2000), (const char *)w->wrong.at, (unsigned long long)seed,
               (unsigned long long)minutes);
    log_clock(NULL, NULL);
    world_free(&w);
    return good;
}

int main(int argc, char **argv)
{
    uint64_t seeds = 1, first = 1, minutes = 10, failed = 0;
    bool verbose = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0)
            verbose = true;
        else if (strcmp(argv[i], "--seeds") == 0)
            seeds = number(argv[++i]);
        else if (strcmp(argv[i], "--first") == 0)
            first = number(argv[++i]);
        else if (strcmp(argv[i], "--minutes") == 0)
            minutes = number(argv[++i]);
        else
            return 2;
    }
    log_setup("sim", verbose && seeds == 1 ? LOG_LEVEL_DEBUG : LOG_LEVEL_NONE, 0);
    uint64_t began = clock_monotonic_ns();
    for (uint64_t s = first; s < first + seeds; s++)
        failed += !run(s, minutes, verbose);
    double seconds = (double)(clock_monotonic_ns() - began) / 1e9;
    printf("%llu seeds of %llu simulated minutes in %.1f s: %.0f times real time\n", (unsigned long long)seeds,
           (unsigned long long)minutes, seconds, (double)(seeds * minutes * 60) / seconds);
    printf("%llu passed, %llu failed\n", (unsigned long long)(seeds - failed), (unsigned long long)failed);
    return failed != 0;
}
