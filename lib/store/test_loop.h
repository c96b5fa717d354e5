/* A loop for this folder's tests: its own time, and helper work that is done one step a turn. */
#pragma once

#include <stdlib.h>

#include "base/memory.h"
#include "io/loop_priv.h"

struct test_work {
    struct link link;
    loop_fn *run, *done, *drop;
    void *arg;
};

struct test_loop {
    struct loop loop;
    struct list works;
    uint64_t now, wall, random;
};

static void test_wait(struct loop *l, uint64_t ms)
{
    struct test_loop *t = (struct test_loop *)l;
    struct link *first = list_first(&t->works);
    if (first == NULL) {
        t->now += ms == LOOP_FOREVER ? 0 : ms;
        t->wall += ms == LOOP_FOREVER ? 0 : ms;
        return;
    }
    struct test_work *w = LIST_OF(first, struct test_work, link);
    if (w->run) {
        w->run(w->arg);
        w->run = NULL;
        return;
    }
    list_remove(&w->link);
    w->done(w->arg);
    free(w);
}

static void test_wake(struct loop *l)
{
    (void)l;
}

static uint64_t test_now(struct loop *l)
{
    return ((struct test_loop *)l)->now;
}

static uint64_t test_wall(struct loop *l)
{
    return ((struct test_loop *)l)->wall;
}

static void test_random(struct loop *l, void *out, size_t len)
{
    struct test_loop *t = (struct test_loop *)l;
    for (size_t i = 0; i < len; i++) {
        t->random = t->random * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)out)[i] = (uint8_t)(t->random >> 56);
    }
}

static void test_work(struct loop *l, loop_fn *run, loop_fn *done, loop_fn *drop, void *arg)
{
    struct test_work *w = MEMORY_NEW(struct test_work);
    *w = (struct test_work){.run = run, .done = done, .drop = drop, .arg = arg};
    list_push(&((struct test_loop *)l)->works, &w->link);
}

static void test_loop_free(struct loop *l)
{
    struct test_loop *t = (struct test_loop *)l;
    for (struct link *at; (at = list_pop(&t->works));) {
        struct test_work *w = LIST_OF(at, struct test_work, link);
        if (w->drop)
            w->drop(w->arg);
        free(w);
    }
    free(t);
}

static struct loop *test_loop_new(uint64_t seed)
{
    static const struct loop_ops ops = {
        .wait = test_wait,
        .wake = test_wake,
        .now_ms = test_now,
        .wall_ms = test_wall,
        .random = test_random,
        .work = test_work,
        .free = test_loop_free,
    };
    struct test_loop *t = MEMORY_NEW(struct test_loop);
    loop_init(&t->loop, &ops);
    list_init(&t->works);
    t->random = seed;
    t->wall = 1700000000000u;
    t->now = 1000;
    return &t->loop;
}
