/* Durable appends a second, their processor time on the loop's thread, and how long each waits. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "io/loop.h"
#include "store/log.h"

#define RING (1u << 20) /* stamps of appends that are not durable yet */

struct bench {
    struct loop *loop;
    struct store_log *log;
    uint64_t window, total, appended, durable, commits;
    uint64_t append_ns; /* processor time inside append */
    struct slice record;
    uint64_t *stamps;
    uint32_t *waits_us;
    bool reads;
    struct store_reader *reader;
    uint64_t read;
};

static uint64_t cpu_ns(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void append_more(struct bench *b)
{
    uint64_t sequence, now = clock_monotonic_ns(), start = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    while (b->appended < b->total && b->appended - b->durable < b->window) {
        if (store_log_append(b->log, b->record, 1, &sequence) != OK)
            break;
        b->stamps[b->appended++ % RING] = now;
    }
    b->append_ns += cpu_ns(CLOCK_THREAD_CPUTIME_ID) - start;
}

static void read_on(struct bench *b)
{
    struct store_record r;
    while (b->reads && store_reader_next(b->reader, &r) == OK)
        b->read++;
}

static void start(void *arg)
{
    append_more(arg);
}

static void on_durable(void *arg, uint64_t sequence)
{
    struct bench *b = arg;
    uint64_t now = clock_monotonic_ns();
    for (; b->durable < sequence; b->durable++)
        b->waits_us[b->durable] = (uint32_t)((now - b->stamps[b->durable % RING]) / 1000);
    b->commits++;
    read_on(b);
    append_more(b);
    if (b->durable == b->total)
        loop_stop(b->loop);
}

static void on_failed(void *arg, uint64_t first, uint64_t last, enum status why)
{
    (void)arg;
    log_error("append failed first=%llu last=%llu why=%s", (unsigned long long)first,
              (unsigned long long)last, status_name(why));
    exit(1);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void report(struct bench *b, uint64_t wall_ns, uint64_t loop_ns, uint64_t all_ns)
{
    qsort(b->waits_us, b->total, sizeof(*b->waits_us), compare);
    double n = (double)b->total;
    printf("{\"records\":%llu,\"bytes\":%zu,\"window\":%llu,\"per_second\":%.0f,\"append_us\":%.3f,"
           "\"loop_cpu_us\":%.3f,\"all_cpu_us\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"max_ms\":%.3f,\"commits\":%llu,\"read\":%llu}\n",
           (unsigned long long)b->total, b->record.len, (unsigned long long)b->window,
           n / ((double)wall_ns / 1e9), (double)b->append_ns / 1e3 / n, (double)loop_ns / 1e3 / n,
           (double)all_ns / 1e3 / n, b->waits_us[b->total / 2] / 1e3,
           b->waits_us[b->total - b->total / 100 - 1] / 1e3, b->waits_us[b->total - 1] / 1e3,
           (unsigned long long)b->commits, (unsigned long long)b->read);
}

static enum store_durability durability_of(const char *word)
{
    return word[0] == 'm' ? STORE_MEMORY : word[0] == 'o' ? STORE_OS : STORE_FSYNC;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fprintf(stderr, "usage: %s DIRECTORY fsync|os|memory RECORDS BYTES WINDOW [read]\n",
                argv[0]);
        return 2;
    }
    struct bench b = {.total = strtoull(argv[3], NULL, 10), .window = strtoull(argv[5], NULL, 10)};
    size_t bytes = strtoull(argv[4], NULL, 10);
    b.record = slice_from(memory_new(bytes), bytes);
    b.window = b.window < RING ? b.window : RING;
    b.stamps = memory_new(RING * sizeof(*b.stamps));
    b.waits_us = memory_new(b.total * sizeof(*b.waits_us));
    b.reads = argc > 6;
    b.loop = loop_new();
    struct store_log_config config = {
        .loop = b.loop,
        .disk = store_disk_real(),
        .directory = argv[1],
        .durability = durability_of(argv[2]),
        .on_durable = on_durable,
        .on_failed = on_failed,
        .arg = &b,
    };
    uint64_t begin = clock_monotonic_ns();
    if (store_log_open(&config, &b.log) != OK)
        return 1;
    fprintf(stderr, "opened with %llu records in %.1f ms\n",
            (unsigned long long)store_log_durable(b.log),
            (double)(clock_monotonic_ns() - begin) / 1e6);
    if (store_log_durable(b.log) > 0) {
        fprintf(stderr, "the directory has a log already\n");
        return 1;
    }
    b.reader = store_reader_open(b.log, 1);
    loop_defer(b.loop, start, &b);
    uint64_t wall = clock_monotonic_ns(), cpu = cpu_ns(CLOCK_THREAD_CPUTIME_ID),
             all = cpu_ns(CLOCK_PROCESS_CPUTIME_ID);
    loop_run(b.loop);
    wall = clock_monotonic_ns() - wall;
    cpu = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - cpu;
    all = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - all;
    report(&b, wall, cpu, all);
    store_reader_close(&b.reader);
    store_log_close(&b.log);
    loop_free(&b.loop);
    free((void *)b.record.at);
    free(b.stamps);
    free(b.waits_us);
    return 0;
}
