/* A queue whose disk fails, fills up, is away and loses power at any moment, with messages that
 * wait in memory, on the disk and with the transport: what was once safe comes, in its order. */
#include "outbox/queue_rig.h"

#define SEEDS 60
#define STEPS 400
#define LIVES 8
#define WAITING_MAX 1000
#define FLIGHTS 16

struct history {
    struct rig *rig;
    struct queue_flight *flying[FLIGHTS];
    unsigned numbers[FLIGHTS];
    unsigned first[LIVES + 1]; /* number of each life's first message */
    unsigned safe[LIVES];      /* up to it all of that life was on the disk */
    unsigned life;
    unsigned last;    /* came last */
    unsigned done_to; /* all up to it were settled */
    bool done[1 << 16];
};

static struct history *current; /* for what the queue says */

static void on_given_up(void *arg, const struct outgoing_view *v, enum gap_reason why)
{
    (void)arg, (void)why;
    current->done[number_of(v->body)] = true;
}

/* All that flies had to leave the log, and is told if the process dies. */
static void on_left_log(void *arg, struct slice properties)
{
    struct history *h = arg;
    (void)properties;
    for (unsigned i = 0; i < FLIGHTS; i++)
        if (h->flying[i])
            h->done[h->numbers[i]] = true;
}

static void open_again(struct history *h)
{
    open_queue(h->rig);
    queue_on_exposed(h->rig->queue, on_left_log, h);
}

static unsigned draw(struct history *h, unsigned n)
{
    return (unsigned)sim_below(h->rig->sim, n);
}

static unsigned life_of(const struct history *h, unsigned number)
{
    unsigned life = 0;
    while (life < h->life && number >= h->first[life + 1])
        life++;
    return life;
}

/* What is left out was done, or in no safe place when the power went. */
static void check_follows(const struct history *h, unsigned last, unsigned number)
{
    for (unsigned m = last + 1; m < number; m++)
        assert_true(h->done[m] ||
                    (m > h->safe[life_of(h, m)] && life_of(h, m) < life_of(h, number)));
}

static void take_one(struct history *h)
{
    unsigned place = draw(h, FLIGHTS), number = h->flying[place] ? 0 : peek(h->rig);
    if (number == 0)
        return;
    assert_true(number > h->last);
    check_follows(h, h->last, number);
    h->last = number;
    h->numbers[place] = number;
    h->flying[place] = queue_take(h->rig->queue);
}

static void settle(struct history *h, unsigned place)
{
    if (!h->flying[place])
        return;
    queue_settle(h->rig->queue, &h->flying[place]);
    h->done[h->numbers[place]] = true;
}

static void heal(struct history *h)
{
    sim_disk_fail(h->rig->disk, SIM_DISK_ANY, 0);
    sim_disk_fail(h->rig->disk, SIM_DISK_SYNC, 0);
    sim_disk_limit(h->rig->disk, 0);
    sim_disk_hide(h->rig->disk, false);
}

static void harm(struct history *h)
{
    struct store_disk *d = h->rig->disk;
    switch (draw(h, 12)) {
    case 0:
        sim_disk_fail(d, SIM_DISK_ANY, 1 + draw(h, 6));
        break;
    case 1:
        sim_disk_limit(d, sim_disk_used(d) + draw(h, 20000));
        break;
    case 2:
        sim_disk_hide(d, true);
        break;
    case 3:
        sim_disk_fail(d, SIM_DISK_SYNC, 1 + draw(h, 3));
        break;
    default:
        heal(h);
    }
}

/* Everything goes well for some seconds. */
static void all_is_safe(struct history *h)
{
    heal(h);
    pass_time(h->rig, 4000);
    assert_int_equal(queue_counts(h->rig->queue).unstored, 0);
    h->safe[h->life] = h->rig->next;
}

static void step(struct history *h)
{
    switch (draw(h, 10)) {
    case 0:
    case 1:
        if (queue_counts(h->rig->queue).waiting < WAITING_MAX)
            put(h->rig, draw(h, 40));
        break;
    case 2:
    case 3:
    case 4:
        for (unsigned n = draw(h, 30); n > 0; n--)
            take_one(h);
        break;
    case 5:
    case 6:
        for (unsigned n = draw(h, 8); n > 0; n--)
            settle(h, draw(h, FLIGHTS));
        break;
    case 7:
        harm(h);
        break;
    case 8:
        if (draw(h, 20) == 0)
            all_is_safe(h);
        break;
    default:
        pass_time(h->rig, draw(h, 100));
    }
}

/* In the midst of what is under way, or by an end in order. */
static void end_life(struct history *h)
{
    struct rig *r = h->rig;
    memset(h->flying, 0, sizeof h->flying);
    while (h->done[h->done_to + 1])
        h->done_to++;
    if (draw(h, 4) == 0) {
        all_is_safe(h);
        queue_close(&r->queue);
        open_again(h);
    } else {
        bool power = draw(h, 2);
        sim_disk_power_until(r->disk, 1 + draw(h, 12));
        put(r, draw(h, 10));
        pass_time(r, draw(h, 40));
        sim_disk_power_until(r->disk, 1);
        sim_loop_kill(r->loop);
        queue_close(&r->queue);
        heal(h);
        if (power)
            sim_disk_crash(r->disk);
        else
            sim_disk_power_until(r->disk, 0);
        loop_free(&r->loop);
        r->config.loop = r->loop = sim_loop_new(r->sim, "host");
        open_again(h);
    }
    h->first[++h->life] = r->next + 1;
    h->last = h->done_to;
    unsigned number = peek(r);
    if (number && number <= h->last) /* again */
        h->last = number - 1;
}

static void live(uint64_t seed)
{
    struct rig *r = new_rig(seed);
    struct history *h = MEMORY_NEW(struct history);
    current = h;
    h->rig = r;
    h->first[0] = 1;
    queue_close(&r->queue);
    r->config.on_dropped = on_given_up;
    r->config.policy = seed % 3;
    open_again(h);
    for (unsigned life = 0; life + 1 < LIVES; life++) {
        for (unsigned n = draw(h, STEPS); n > 0; n--)
            step(h);
        end_life(h);
    }
    all_is_safe(h);
    for (unsigned number; (number = peek(r)) > 0; h->last = number) {
        check_follows(h, h->last, number);
        take_done(r, number);
    }
    check_follows(h, h->last, r->next + 1);
    assert_int_equal(queue_counts(r->queue).waiting, 0);
    assert_int_equal(queue_counts(r->queue).damaged, 0);
    (void)crash, (void)set_up;
    free(h);
    tear_down((void **)&r);
}

static void what_was_safe_comes_in_its_order(void **state)
{
    (void)state;
    const char *form = getenv("MILLRACE_TEST_FORM");
    uint64_t seeds = form && strcmp(form, "long") == 0 ? 50 * SEEDS : SEEDS;
    for (uint64_t seed = 1; seed <= seeds; seed++)
        live(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_was_safe_comes_in_its_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
