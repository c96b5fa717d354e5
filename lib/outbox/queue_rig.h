/* What the tests of the queue share: a queue on a disk that can fail, in simulated time. */
#pragma once

#include "outbox/queue.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "io/sim.h"
#include "store/sim_disk.h"

#include "base/cmocka.h"

#define BODY 1000 /* bytes of a message */

struct rig {
    struct sim *sim;
    struct loop *loop;
    struct store_disk *disk;
    struct queue *queue;
    struct queue_config config;
    unsigned next; /* number of the next message that is put */
    uint64_t memory_freed;
    unsigned dropped, dropped_last;
    enum gap_reason why;
    unsigned exposed;
};

static unsigned number_of(struct slice body)
{
    uint64_t n = 0;
    assert_true(slice_to_u64(slice_trim(slice_first(body, 10)), &n));
    return (unsigned)n;
}

static void on_dropped(void *arg, const struct outgoing_view *v, enum gap_reason why)
{
    struct rig *r = arg;
    r->dropped++;
    r->dropped_last = number_of(v->body);
    r->why = why;
}

static void on_memory(void *arg, uint64_t bytes)
{
    ((struct rig *)arg)->memory_freed += bytes;
}

static void on_exposed(void *arg, struct slice properties)
{
    (void)properties;
    ((struct rig *)arg)->exposed++;
}

static void open_queue(struct rig *r)
{
    assert_int_equal(queue_open(&r->config, &r->queue), OK);
    queue_on_exposed(r->queue, on_exposed, r);
}

static struct rig *new_rig(uint64_t seed)
{
    struct rig *r = MEMORY_NEW(struct rig);
    r->sim = sim_new(seed);
    r->loop = sim_loop_new(r->sim, "host");
    r->disk = sim_disk_new(seed);
    r->config = (struct queue_config){.loop = r->loop,
                                      .disk = r->disk,
                                      .directory = "/queue",
                                      .bytes_max = 2 << 20,
                                      .memory_bytes = 400 << 10,
                                      .on_dropped = on_dropped,
                                      .on_memory = on_memory,
                                      .arg = r};
    open_queue(r);
    return r;
}

static int set_up(void **state)
{
    *state = new_rig(1);
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    queue_close(&r->queue);
    sim_free(&r->sim);
    sim_disk_free(&r->disk);
    free(r);
    return 0;
}

static void put(struct rig *r, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct outgoing *m = outgoing_new();
        m->content_type = "text/plain";
        buffer_printf(&m->body, "%-*u", BODY, ++r->next);
        queue_put(r->queue, m);
    }
}

static void pass_time(struct rig *r, uint64_t ms)
{
    sim_run(r->sim, sim_now_ms(r->sim) + ms);
}

/* The number of the message that comes next, 0 for none. */
static unsigned peek(struct rig *r)
{
    struct queue_next n;
    return queue_peek(r->queue, &n) == OK ? number_of(n.view.body) : 0;
}

static struct queue_flight *take(struct rig *r, unsigned wanted)
{
    assert_int_equal(peek(r), wanted);
    return queue_take(r->queue);
}

static void take_done(struct rig *r, unsigned wanted)
{
    struct queue_flight *f = take(r, wanted);
    queue_settle(r->queue, &f);
}

/* As if the power went: what was not synced is at the disk's mercy. */
static void crash(struct rig *r)
{
    sim_disk_crash(r->disk);
    sim_loop_kill(r->loop);
    queue_close(&r->queue);
    loop_free(&r->loop);
    r->loop = sim_loop_new(r->sim, "host");
    r->config.loop = r->loop;
    open_queue(r);
}
