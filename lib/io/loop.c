#include "io/loop_priv.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "io/stream_layer.h"

#define DEFER_ROUNDS_MAX 8 /* what defers itself for ever must let the sockets have their turn */

/* The loop whose turn this thread is in: its own posts need no wake-up. */
static _Thread_local struct loop *current;

/* ---- turns ---- */

static void run_mail(struct loop *l)
{
    if (l->dead)
        return;
    mailbox_take(&l->mailbox, &l->mail);
    for (size_t i = 0; i < l->mail.count; i++)
        l->mail.items[i].fn(l->mail.items[i].arg);
    calls_reset(&l->mail);
}

/* A timer that starts itself again waits for the next turn, even with 0 ms. */
static void run_timers(struct loop *l)
{
    uint64_t started = l->timers.next_order;
    struct heap_node *n = heap_first(&l->timers);
    if (n == NULL)
        return;
    uint64_t now = loop_now_ms(l);
    while (n && n->key <= now && n->order < started && !l->dead) {
        struct loop_timer *t = LIST_OF(n, struct loop_timer, node);
        heap_remove(&l->timers, n);
        t->fn(t->arg);
        n = heap_first(&l->timers);
    }
}

static void run_deferred(struct loop *l)
{
    for (int round = 0; l->deferred.count && !l->dead && round < DEFER_ROUNDS_MAX; round++) {
        struct calls batch = l->deferred;
        l->deferred = l->deferring;
        l->deferring = batch;
        for (size_t i = 0; i < l->deferring.count; i++)
            if (l->deferring.items[i].fn)
                l->deferring.items[i].fn(l->deferring.items[i].arg);
        calls_reset(&l->deferring);
    }
}

void loop_turn_end(struct loop *l)
{
    run_mail(l);
    run_timers(l);
    run_deferred(l);
}

void loop_breathe(struct loop *l)
{
    uint64_t now = l->ops->now_ms(l);
    if (l->began_ms == 0)
        l->began_ms = now;
    if (now < l->began_ms + LOOP_TURN_MS || !l->running)
        return;
    loop_clock_stale(l);
    loop_turn_end(l);
    loop_clock_stale(l);
    l->began_ms = l->ops->now_ms(l);
}

uint64_t loop_wait_ms(struct loop *l)
{
    if (l->deferred.count || !mailbox_empty(&l->mailbox) || atomic_load(&l->stop))
        return 0;
    struct heap_node *first = heap_first(&l->timers);
    if (first == NULL)
        return LOOP_FOREVER;
    loop_clock_stale(l); /* callbacks may have taken long */
    uint64_t now = loop_now_ms(l);
    return first->key > now ? first->key - now : 0;
}

void loop_turn(struct loop *l)
{
    struct loop *outer = current;
    current = l;
    l->running = true;
    uint64_t wait = loop_wait_ms(l);
    loop_clock_stale(l);
    l->began_ms = 0;
    l->ops->wait(l, wait);
    loop_turn_end(l);
    l->running = false;
    current = outer;
}

void loop_run(struct loop *l)
{
    do
        loop_turn(l);
    while (!atomic_load(&l->stop));
    loop_turn(l); /* what was posted before the stop */
    atomic_store(&l->stop, false);
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->stop, true);
    if (current != l)
        l->ops->wake(l);
}

static void nothing(void *arg)
{
    (void)arg;
}

bool loop_run_until(struct loop *l, bool (*done)(void *arg), void *arg, uint64_t timeout_ms)
{
    struct loop_timer deadline = {0};
    uint64_t end = loop_now_ms(l) + timeout_ms;
    loop_timer_start(l, &deadline, timeout_ms, nothing, NULL);
    while (!done(arg) && loop_now_ms(l) < end)
        loop_turn(l);
    loop_timer_stop(&deadline);
    return done(arg);
}

/* ---- time ---- */

void loop_clock_stale(struct loop *l)
{
    l->now_known = l->wall_known = false;
}

uint64_t loop_now_ms(const struct loop *l)
{
    struct loop *cache = (struct loop *)l;
    if (!l->now_known || !l->running) {
        cache->now_ms = l->ops->now_ms(cache);
        cache->now_known = true;
    }
    return l->now_ms;
}

uint64_t loop_wall_ms(const struct loop *l)
{
    struct loop *cache = (struct loop *)l;
    if (!l->wall_known || !l->running) {
        cache->wall_ms = l->ops->wall_ms(cache);
        cache->wall_known = true;
    }
    return l->wall_ms;
}

void loop_timer_start(struct loop *l, struct loop_timer *t, uint64_t after_ms, loop_fn *fn,
                      void *arg)
{
    loop_timer_stop(t);
    t->loop = l;
    t->fn = fn;
    t->arg = arg;
    uint64_t now = loop_now_ms(l);
    t->node.key = after_ms < UINT64_MAX - now ? now + after_ms : UINT64_MAX;
    heap_push(&l->timers, &t->node);
}

void loop_timer_stop(struct loop_timer *t)
{
    if (t->node.index)
        heap_remove(&t->loop->timers, &t->node);
}

/* ---- calls ---- */

void loop_post(struct loop *l, loop_fn *fn, void *arg)
{
    bool first = mailbox_put(&l->mailbox, (struct call){.fn = fn, .arg = arg});
    if (first && current != l)
        l->ops->wake(l);
}

void loop_defer(struct loop *l, loop_fn *fn, void *arg)
{
    calls_add(&l->deferred, (struct call){.fn = fn, .arg = arg});
}

static void forget(struct calls *c, loop_fn *fn, void *arg)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->items[i].fn == fn && c->items[i].arg == arg)
            c->items[i].fn = NULL;
}

void loop_undefer(struct loop *l, loop_fn *fn, void *arg)
{
    forget(&l->deferred, fn, arg);
    forget(&l->deferring, fn, arg);
}

/* ---- what the makes do ---- */

void loop_random(struct loop *l, void *out, size_t len)
{
    l->ops->random(l, out, len);
}

uint64_t loop_random_u64(struct loop *l)
{
    uint64_t v;
    l->ops->random(l, &v, sizeof(v));
    return v;
}

void loop_work_or_drop(struct loop *l, loop_fn *run, loop_fn *done, loop_fn *drop, void *arg)
{
    l->ops->work(l, run, done, drop, arg);
}

void loop_work(struct loop *l, loop_fn *run, loop_fn *done, void *arg)
{
    loop_work_or_drop(l, run, done, NULL, arg);
}

void loop_on_signal(struct loop *l, loop_fn *fn, void *arg)
{
    l->ops->on_signal(l, fn, arg);
}

/* ---- memory ---- */

struct buffer loop_spare_take(struct loop *l)
{
    return l->spare_count ? l->spare[--l->spare_count] : (struct buffer){0};
}

void loop_spare_give(struct loop *l, struct buffer *b)
{
    if (b->at == NULL)
        return;
    if (l->spare_count == LOOP_SPARE_COUNT || b->cap > LOOP_SPARE_BYTES) {
        buffer_clear(b);
        return;
    }
    buffer_reset(b);
    l->spare[l->spare_count++] = *b;
    *b = (struct buffer){0};
}

/* ---- life ---- */

void loop_init(struct loop *l, const struct loop_ops *ops)
{
    l->ops = ops;
    mailbox_init(&l->mailbox);
    list_init(&l->streams);
    list_init(&l->listeners);
    list_init(&l->arriving);
}

void loop_silence(struct loop *l)
{
    for (struct heap_node *n; (n = heap_first(&l->timers));)
        heap_remove(&l->timers, n);
    l->mail.count = l->deferred.count = l->deferring.count = 0;
}

static void destroy_streams(struct list *streams)
{
    for (struct link *at; (at = list_pop(streams));) {
        struct stream *s = LIST_OF(at, struct stream, in_loop);
        buffer_clear(&s->out);
        s->ops->destroy(s);
    }
}

void loop_clear(struct loop *l)
{
    l->freeing = true;
    while (!list_empty(&l->listeners)) {
        struct listener *first = LIST_OF(list_first(&l->listeners), struct listener, in_loop);
        listener_close(&first);
    }
    destroy_streams(&l->streams);
    destroy_streams(&l->arriving);
    loop_silence(l);
    heap_clear(&l->timers);
    mailbox_clear(&l->mailbox);
    calls_clear(&l->mail);
    calls_clear(&l->deferred);
    calls_clear(&l->deferring);
    buffer_clear(&l->nowhere);
    while (l->spare_count)
        buffer_clear(&l->spare[--l->spare_count]);
}

void loop_free(struct loop **l)
{
    if (*l == NULL)
        return;
    assert(!(*l)->running);
    loop_clear(*l);
    (*l)->ops->free(*l);
    *l = NULL;
}
