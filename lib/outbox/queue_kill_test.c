/* A publisher that is killed with no warning: what entered the queue arrives, in its order. */
#include "outbox/lane.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "base/memory.h"

#define KILLS 5 /* in the short form */
#define KILLS_LONG 100
#define AHEAD 50 /* messages that are not durable yet */
#define LIFE 1000000u
#define EVENTS 200 /* of a life, before it ends */

/* What a life says to its judge: a message is durable, or the other side has it. */
struct said {
    uint64_t number;
    bool arrived;
};

static char folder[] = "/tmp/queue-kill-XXXXXX";

/* ---- the other side: takes all, acknowledges most ---- */

struct wire {
    struct transport base;
    struct transport_config config;
    uint64_t waiting[LANE_FLIGHTS_MAX];
    size_t count;
    struct loop_timer timer;
    int said;
    bool silent; /* never acknowledges */
};

static struct wire wire;

static void say(uint64_t number, bool arrived)
{
    struct said s = {number, arrived};
    if (write(wire.said, &s, sizeof s) != sizeof s)
        _exit(1);
}

static void acknowledge(void *arg)
{
    (void)arg;
    size_t count = wire.count;
    uint64_t tokens[LANE_FLIGHTS_MAX];
    memcpy(tokens, wire.waiting, sizeof tokens);
    wire.count = 0;
    for (size_t i = 0; i < count; i++)
        wire.config.events->on_sent(wire.config.arg, tokens[i], OK);
    wire.config.events->on_room(wire.config.arg);
}

static enum status wire_send(struct transport *t, const struct outgoing_view *v, uint64_t token)
{
    (void)t;
    uint64_t number;
    if (wire.count == 20)
        return FULL; /* so that the queue fills, and is read from the disk */
    if (!slice_to_u64(slice_trim(slice_first(v->body, 12)), &number))
        abort();
    say(number, true);
    if (wire.silent)
        return OK;
    wire.waiting[wire.count++] = token;
    loop_timer_start(wire.config.loop, &wire.timer, 1, acknowledge, NULL);
    return OK;
}

static const struct transport_ops wire_ops;

static enum status wire_open(const struct transport_config *config, struct transport **out)
{
    wire.base.ops = &wire_ops;
    wire.config = *config;
    *out = &wire.base;
    return OK;
}

static void wire_close(struct transport **t)
{
    loop_timer_stop(&wire.timer);
    *t = NULL;
}

static const struct transport_ops wire_ops = {
    .name = "Test", .open = wire_open, .send = wire_send, .close = wire_close};

/* ---- a life ---- */

struct life {
    struct loop *loop;
    struct lane *lane;
    struct lane_counts counts;
    uint64_t before, put, told, first; /* `before`: in the log when it began */
    struct loop_timer timer;
};

static void work(void *arg)
{
    struct life *l = arg;
    uint64_t durable = lane_queue_counts(l->lane).durable - l->before;
    while (l->told < durable)
        say(l->first + l->told++, false);
    while (l->put < durable + AHEAD) {
        struct outgoing *m = outgoing_new();
        buffer_printf(&m->body, "%-*llu", (int)(1000 + l->put % 3000),
                      (unsigned long long)(l->first + l->put));
        l->put++;
        lane_put(l->lane, m);
    }
    loop_timer_start(l->loop, &l->timer, 1, work, l);
}

static struct lane_config config_for(struct life *l)
{
    return (struct lane_config){.loop = l->loop,
                                .ops = &wire_ops,
                                .disk = store_disk_real(),
                                .directory = folder,
                                .durability = STORE_OS,
                                .bytes_max = 1 << 30,
                                .memory_bytes = 100 << 10,
                                .counts = &l->counts};
}

/* Never returns. */
static void live_until_killed(int said, unsigned number)
{
    struct life l = {.loop = loop_new(), .first = number * LIFE};
    wire.said = said;
    wire.silent = number % 4 == 3; /* a link that is down */
    struct lane_config config = config_for(&l);
    if (lane_open(&config, &l.lane) != OK)
        abort();
    l.before = lane_queue_counts(l.lane).durable;
    work(&l);
    loop_run(l.loop);
    abort();
}

/* ---- the judge ---- */

#define MESSAGES_MAX 400000

static struct {
    uint64_t durable[MESSAGES_MAX], arrived[MESSAGES_MAX];
    size_t durable_count, arrived_count;
} judge;

static void note(const struct said *s)
{
    if (s->arrived)
        judge.arrived[judge.arrived_count++ % MESSAGES_MAX] = s->number;
    else
        judge.durable[judge.durable_count++ % MESSAGES_MAX] = s->number;
}

static void live_and_die(unsigned number)
{
    int ends[2];
    struct said s;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        live_until_killed(ends[1], number);
    }
    close(ends[1]);
    for (unsigned n = 0; n < EVENTS + number * 37 % 100; n++) {
        assert_int_equal(read(ends[0], &s, sizeof s), sizeof s);
        note(&s);
    }
    kill(child, SIGKILL);
    while (read(ends[0], &s, sizeof s) == sizeof s)
        note(&s);
    close(ends[0]);
    waitpid(child, NULL, 0);
}

static bool is_empty(void *arg)
{
    return lane_queue_counts(((struct life *)arg)->lane).waiting == 0;
}

/* What is left when nobody kills any more. */
static void drain(void)
{
    int ends[2];
    struct said s;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct life l = {.loop = loop_new()};
        wire.said = ends[1];
        struct lane_config config = config_for(&l);
        bool good =
            lane_open(&config, &l.lane) == OK && loop_run_until(l.loop, is_empty, &l, 60000);
        _exit(good ? 0 : 1);
    }
    close(ends[1]);
    while (read(ends[0], &s, sizeof s) == sizeof s)
        note(&s);
    close(ends[0]);
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* A number that comes for the first time is higher than all before it. */
static void first_times_are_in_order(void)
{
    uint64_t highest = 0;
    for (size_t i = 0; i < judge.arrived_count; i++)
        if (judge.arrived[i] > highest) {
            bool next =
                highest == 0 || judge.arrived[i] == highest + 1 || judge.arrived[i] % LIFE == 0;
            assert_true(next);
            highest = judge.arrived[i];
        }
}

static void nothing_that_entered_the_queue_is_lost(void **state)
{
    (void)state;
    const char *form = getenv("MILLRACE_TEST_FORM");
    unsigned kills = form && strcmp(form, "long") == 0 ? KILLS_LONG : KILLS;
    for (unsigned i = 1; i <= kills; i++)
        live_and_die(i);
    drain();
    assert_true(judge.arrived_count < MESSAGES_MAX && judge.durable_count > kills * 10);
    first_times_are_in_order();
    qsort(judge.arrived, judge.arrived_count, sizeof *judge.arrived, compare);
    for (size_t i = 0; i < judge.durable_count; i++)
        assert_non_null(bsearch(&judge.durable[i], judge.arrived, judge.arrived_count,
                                sizeof *judge.arrived, compare));
    print_message("kills=%u durable=%zu arrived=%zu\n", kills, judge.durable_count,
                  judge.arrived_count);
}

static int remove_folder(void **state)
{
    (void)state;
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_that_entered_the_queue_is_lost, remove_folder)};
    if (mkdtemp(folder) == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
