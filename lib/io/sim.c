#include "io/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "io/sim_priv.h"
#include "io/stream_layer.h"

#define START_WALL_MS 1800000000000u /* January 2027 */
#define WAKE_US 100                  /* from a post to the other thread's turn, at most */
#define WORK_US 3000                 /* for each half of a work, at most */

/* ---- random: splitmix64, whose whole state is one number ---- */

uint64_t sim_mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t sim_random(struct sim *s)
{
    return sim_mix(&s->random);
}

uint64_t sim_below(struct sim *s, uint64_t n)
{
    return sim_random(s) % n;
}

void sim_note(struct sim *s, uint64_t what)
{
    s->trace ^= what;
    sim_mix(&s->trace);
    s->trace = s->trace * 31 + s->now_us;
}

uint64_t sim_trace(const struct sim *s)
{
    return s->trace;
}

/* ---- events ---- */

void sim_plan(struct sim *s, struct sim_event *e, uint64_t at_us, struct loop *loop)
{
    sim_unplan(s, e);
    e->loop = loop;
    e->node.key = at_us > s->now_us ? at_us : s->now_us;
    if (loop && loop->dead)
        return;
    heap_push(&s->events, &e->node);
    if (loop)
        list_push(&sim_loop_of(loop)->events, &e->of_loop);
}

void sim_unplan(struct sim *s, struct sim_event *e)
{
    heap_remove(&s->events, &e->node);
    list_remove(&e->of_loop);
}

static void happen(struct sim *s, struct sim_event *e)
{
    sim_note(s, e->node.key);
    e->fn(e->arg);
}

/* ---- the turn of a loop ---- */

static void nothing(void *arg)
{
    (void)arg; /* the turn itself reads mail and timers */
}

/* What a loop has to do by itself becomes an event. */
static void settle(struct sim *s, struct sim_loop *l)
{
    if (l->loop.dead)
        return;
    if (!sim_planned(&l->wake) && (l->loop.deferred.count || !mailbox_empty(&l->loop.mailbox)))
        sim_plan(s, &l->wake, s->now_us, &l->loop);
    struct heap_node *first = heap_first(&l->loop.timers);
    if (first == NULL)
        sim_unplan(s, &l->timer);
    else if (!sim_planned(&l->timer) || l->timer.node.key / 1000 != first->key)
        sim_plan(s, &l->timer, first->key < UINT64_MAX / 1000 ? first->key * 1000 : UINT64_MAX,
                 &l->loop);
}

static struct sim_event *next_event(struct sim *s)
{
    LIST_EACH(at, &s->loops)
    {
        settle(s, LIST_OF(at, struct sim_loop, link));
    }
    struct heap_node *first = heap_first(&s->events);
    return first ? LIST_OF(first, struct sim_event, node) : NULL;
}

static void take(struct sim *s, struct sim_event *e)
{
    s->now_us = e->node.key;
    sim_unplan(s, e);
}

bool sim_step(struct sim *s)
{
    struct sim_event *e = next_event(s);
    if (e == NULL)
        return false;
    take(s, e);
    if (e->loop == NULL) {
        happen(s, e);
        return true;
    }
    s->due = e;
    loop_turn(e->loop);
    return true;
}

void sim_run(struct sim *s, uint64_t until_ms)
{
    for (struct sim_event *e; (e = next_event(s)) && e->node.key <= until_ms * 1000;)
        sim_step(s);
    if (s->now_us < until_ms * 1000)
        s->now_us = until_ms * 1000;
}

/* From sim_step() there is an event for this loop. From loop_run() there is none: the others' are
 * stepped until one is for this loop. */
static void wait_sim(struct loop *l, uint64_t ms)
{
    (void)ms;
    struct sim *s = sim_loop_of(l)->sim;
    struct sim_event *e = s->due;
    s->due = NULL;
    if (e) {
        happen(s, e);
        return;
    }
    while ((e = next_event(s)) && e->loop != l)
        sim_step(s);
    if (e == NULL) {
        fprintf(stderr, "simulation: a loop waits, and nothing will ever happen\n");
        abort();
    }
    take(s, e);
    happen(s, e);
}

/* ---- the operations of a loop ---- */

static void wake(struct loop *l)
{
    struct sim_loop *sl = sim_loop_of(l);
    if (!l->dead && !sim_planned(&sl->wake))
        sim_plan(sl->sim, &sl->wake, sl->sim->now_us + sim_below(sl->sim, WAKE_US), l);
}

static uint64_t now_ms(struct loop *l)
{
    return sim_loop_of(l)->sim->now_us / 1000;
}

static uint64_t wall_ms(struct loop *l)
{
    const struct sim_loop *sl = sim_loop_of(l);
    return START_WALL_MS + now_ms(l) + (uint64_t)sl->host->wall_offset_ms;
}

static void random_bytes(struct loop *l, void *out, size_t len)
{
    uint8_t *at = out;
    while (len) {
        uint64_t v = sim_mix(&sim_loop_of(l)->random);
        size_t n = len < sizeof(v) ? len : sizeof(v);
        memcpy(at, &v, n);
        at += n;
        len -= n;
    }
}

/* run() comes at one time, done() at a later one; in between the loop has other turns, or is
 * killed. */
struct sim_work {
    struct sim_event event;
    struct sim *sim;
    struct loop *loop;
    loop_fn *run, *done, *drop;
    void *arg;
};

static void work_drop(void *arg)
{
    struct sim_work *w = arg;
    if (w->drop)
        w->drop(w->arg);
    free(w);
}

static void work_done(void *arg)
{
    struct sim_work *w = arg;
    loop_fn *done = w->done;
    void *done_arg = w->arg;
    free(w);
    done(done_arg);
}

static void work_run(void *arg)
{
    struct sim_work *w = arg;
    w->run(w->arg);
    if (w->loop->dead) { /* a crash in the middle of it */
        work_drop(w);
        return;
    }
    w->event.fn = work_done;
    sim_plan(w->sim, &w->event, w->sim->now_us + sim_below(w->sim, WORK_US), w->loop);
}

static void work(struct loop *l, loop_fn *run, loop_fn *done, loop_fn *drop, void *arg)
{
    struct sim *s = sim_loop_of(l)->sim;
    if (l->dead) {
        if (drop)
            drop(arg);
        return;
    }
    struct sim_work *w = MEMORY_NEW(struct sim_work);
    *w = (struct sim_work){.sim = s, .loop = l, .run = run, .done = done, .drop = drop, .arg = arg};
    w->event = (struct sim_event){.fn = work_run, .drop = work_drop, .arg = w};
    sim_plan(s, &w->event, s->now_us + sim_below(s, WORK_US), l);
}

static void on_signal(struct loop *l, loop_fn *fn, void *arg)
{
    (void)l, (void)fn, (void)arg; /* nobody asks a simulated process to end */
}

/* ---- life and death ---- */

static void drop_events(struct sim_loop *l)
{
    for (struct link *at; (at = list_first(&l->events));) {
        struct sim_event *e = LIST_OF(at, struct sim_event, of_loop);
        sim_unplan(l->sim, e);
        if (e->drop)
            e->drop(e->arg);
    }
}

void sim_loop_kill(struct loop *l)
{
    struct sim_loop *sl = sim_loop_of(l);
    if (l->dead)
        return;
    sim_note(sl->sim, 0xdead);
    l->dead = true;
    sl->host->loops--;
    sim_streams_vanish(l);
    drop_events(sl);
    loop_silence(l);
}

static void free_sim(struct loop *l)
{
    struct sim_loop *sl = sim_loop_of(l);
    drop_events(sl);
    if (!l->dead)
        sl->host->loops--;
    list_remove(&sl->link);
    free(sl);
}

static const struct loop_ops ops = {
    .wait = wait_sim,
    .wake = wake,
    .now_ms = now_ms,
    .wall_ms = wall_ms,
    .random = random_bytes,
    .work = work,
    .on_signal = on_signal,
    .listen = sim_listen,
    .unlisten = sim_unlisten,
    .connect = sim_connect,
    .free = free_sim,
};

struct loop *sim_loop_new(struct sim *s, const char *host)
{
    struct sim_loop *l = MEMORY_NEW(struct sim_loop);
    loop_init(&l->loop, &ops);
    l->sim = s;
    l->host = sim_host_of(s, host);
    l->host->loops++;
    l->random = sim_random(s);
    l->wake = l->timer = (struct sim_event){.fn = nothing};
    list_init(&l->events);
    list_push(&s->loops, &l->link);
    return &l->loop;
}

struct sim *sim_new(uint64_t seed)
{
    struct sim *s = MEMORY_NEW(struct sim);
    s->random = seed;
    s->trace = seed;
    s->network = (struct sim_network){
        .latency_us = 500, .jitter_us = 500, .window_bytes = 256u << 10, .give_up_ms = 30000};
    list_init(&s->loops);
    list_init(&s->hosts);
    list_init(&s->cuts);
    list_init(&s->ports);
    return s;
}

void sim_free(struct sim **sim)
{
    struct sim *s = *sim;
    if (s == NULL)
        return;
    *sim = NULL;
    for (struct link *at; (at = list_first(&s->loops));) {
        struct loop *l = &LIST_OF(at, struct sim_loop, link)->loop;
        loop_free(&l);
    }
    sim_hosts_clear(s);
    assert(heap_first(&s->events) == NULL);
    heap_clear(&s->events);
    free(s);
}

uint64_t sim_now_ms(const struct sim *s)
{
    return s->now_us / 1000;
}

void sim_wall_jump(struct sim *s, const char *host, int64_t ms)
{
    sim_host_of(s, host)->wall_offset_ms += ms;
}

void sim_host_speed(struct sim *s, const char *host, uint64_t bytes_per_second)
{
    sim_host_of(s, host)->bytes_per_second = bytes_per_second;
}

void sim_network_set(struct sim *s, const struct sim_network *network)
{
    assert(network->window_bytes > 0);
    s->network = *network;
}

struct sim_network sim_network_get(const struct sim *s)
{
    return s->network;
}
