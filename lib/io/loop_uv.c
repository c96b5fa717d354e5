#include "io/loop_uv.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/random.h"

static void must(int result, const char *what)
{
    if (result < 0) {
        log_error("event loop failed what=%s reason=%s", what, uv_err_name(result));
        abort();
    }
}

/* ---- waiting ---- */

static void on_wake(uv_async_t *a)
{
    (void)a; /* the mail is read at the end of the turn */
}

/* Our timers are looked at the same way. uv_run() calls this before it waits, too, when the timer is due
 * by then, because the thread had no turn between the two: without the stop it would go on to wait, and
 * with no timer any more, for ever. */
static void on_timer(uv_timer_t *t)
{
    uv_stop(t->loop);
}

static void wait_uv(struct loop *l, uint64_t ms)
{
    struct loop_uv *u = loop_uv_of(l);
    if (ms == 0) {
        uv_run(&u->uv, UV_RUN_NOWAIT);
        return;
    }
    if (ms == LOOP_FOREVER) {
        uv_timer_stop(&u->timer);
    } else {
        uv_update_time(&u->uv);
        must(uv_timer_start(&u->timer, on_timer, ms, 0), "timer");
    }
    uv_run(&u->uv, UV_RUN_ONCE);
}

static void wake(struct loop *l)
{
    uv_async_send(&loop_uv_of(l)->wake);
}

static uint64_t now_ms(struct loop *l)
{
    (void)l;
    return clock_monotonic_ns() / 1000000u;
}

static uint64_t wall_ms(struct loop *l)
{
    (void)l;
    return clock_wall_ms();
}

/* ---- random: a pool, so that small asks are cheap; what was given is wiped ---- */

static void random_bytes(struct loop *l, void *out, size_t len)
{
    struct loop_uv *u = loop_uv_of(l);
    if (len > sizeof(u->random) / 4) {
        crypto_random(out, len);
        return;
    }
    if (u->random_left < len) {
        crypto_random(u->random, sizeof(u->random));
        u->random_left = sizeof(u->random);
    }
    u->random_left -= len;
    memcpy(out, u->random + u->random_left, len);
    memset(u->random + u->random_left, 0, len);
}

/* ---- work on helper threads ---- */

struct work {
    uv_work_t uv; /* first: uv gives this one back */
    struct loop *loop;
    struct link link;
    loop_fn *run, *done, *drop;
    void *arg;
};

static void work_run(uv_work_t *uv)
{
    struct work *w = (struct work *)uv;
    w->run(w->arg);
}

static void work_done(uv_work_t *uv, int result)
{
    (void)result;
    struct work *w = (struct work *)uv;
    list_remove(&w->link);
    loop_fn *fn = w->loop->freeing ? w->drop : w->done;
    void *arg = w->arg;
    free(w);
    if (fn)
        fn(arg);
}

static void work(struct loop *l, loop_fn *run, loop_fn *done, loop_fn *drop, void *arg)
{
    struct loop_uv *u = loop_uv_of(l);
    struct work *w = MEMORY_NEW(struct work);
    *w = (struct work){.loop = l, .run = run, .done = done, .drop = drop, .arg = arg};
    list_push(&u->works, &w->link);
    must(uv_queue_work(&u->uv, &w->uv, work_run, work_done), "work");
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *s, int number)
{
    struct loop_uv *u = s->data;
    log_info("asked to end signal=%d", number);
    u->signal_fn(u->signal_arg);
}

static void set_signal(struct loop *l, loop_fn *fn, void *arg)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    struct loop_uv *u = loop_uv_of(l);
    u->signal_fn = fn;
    u->signal_arg = arg;
    for (size_t i = 0; i < 2; i++)
        must(uv_signal_start(&u->signals[i], on_signal, numbers[i]), "signal");
}

/* ---- life ---- */

static void close_left(uv_handle_t *h, void *arg)
{
    (void)arg;
    if (uv_is_closing(h))
        return;
    if (h->type == UV_TCP)
        stream_tcp_handle_close(h);
    else
        uv_close(h, NULL);
}

static void free_uv(struct loop *l)
{
    struct loop_uv *u = loop_uv_of(l);
    LIST_EACH(at, &u->works)
    {
        uv_cancel((uv_req_t *)&LIST_OF(at, struct work, link)->uv);
    }
    while (!list_empty(&u->children))
        child_end_with_loop(list_first(&u->children));
    uv_walk(&u->uv, close_left, NULL);
    uv_run(&u->uv, UV_RUN_DEFAULT); /* until nothing is left: close callbacks, work that runs */
    must(uv_loop_close(&u->uv), "close");
    free(u);
}

static const struct loop_ops ops = {
    .wait = wait_uv,
    .wake = wake,
    .now_ms = now_ms,
    .wall_ms = wall_ms,
    .random = random_bytes,
    .work = work,
    .on_signal = set_signal,
    .listen = listen_tcp,
    .unlisten = unlisten_tcp,
    .connect = connect_tcp,
    .free = free_uv,
};

bool loop_is_uv(const struct loop *l)
{
    return l->ops == &ops;
}

struct loop *loop_new(void)
{
    struct loop_uv *u = MEMORY_NEW(struct loop_uv);
    loop_init(&u->loop, &ops);
    list_init(&u->works);
    list_init(&u->children);
    must(uv_loop_init(&u->uv), "start");
    must(uv_async_init(&u->uv, &u->wake, on_wake), "wake");
    must(uv_timer_init(&u->uv, &u->timer), "timer");
    for (size_t i = 0; i < 2; i++) {
        must(uv_signal_init(&u->uv, &u->signals[i]), "signal");
        u->signals[i].data = u;
    }
    signal(SIGPIPE, SIG_IGN); /* a closed peer is an error code, not the end of the program */
    return &u->loop;
}
