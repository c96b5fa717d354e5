#include <stdlib.h>

#include "base/memory.h"
#include "sim/world.h"

/*
 * Every few seconds one of a table of things goes wrong, and is mended after a while: processes die
 * with torn disks, links go, connections reset, a disk fills up or fails once, clocks jump.
 */
struct faults {
    struct world *world;
    struct loop *loop; /* of the fault maker's own host */
    struct loop_timer next, mend_edge, mend_hub, mend_link, mend_disk;
};

static uint64_t between(struct world *w, uint64_t least, uint64_t most)
{
    return least + sim_below(w->sim, most - least + 1);
}

static enum world_death a_death(struct world *w)
{
    return sim_below(w->sim, 3) ? WORLD_POWER_FAILS : WORLD_KILLED;
}

static void start_edge_again(void *arg)
{
    struct faults *f = arg;
    if (f->world->edge_loop == NULL && !world_start_edge(f->world))
        loop_timer_start(f->loop, &f->mend_edge, 500, start_edge_again, f);
}

static void kill_edge(struct faults *f)
{
    world_kill_edge(f->world, a_death(f->world));
    loop_timer_start(f->loop, &f->mend_edge, between(f->world, 10, 5000), start_edge_again, f);
}

static void start_hub_again(void *arg)
{
    struct faults *f = arg;
    if (f->world->hub == NULL && !world_start_hub(f->world))
        loop_timer_start(f->loop, &f->mend_hub, 500, start_hub_again, f);
}

static void kill_hub(struct faults *f)
{
    world_kill_hub(f->world, a_death(f->world));
    loop_timer_start(f->loop, &f->mend_hub, between(f->world, 10, 20000), start_hub_again, f);
}

static void kill_module(struct faults *f)
{
    world_module_restart(f->world, (unsigned)sim_below(f->world->sim, WORLD_MODULES));
}

static void kill_robot(struct faults *f)
{
    world_mail_restart(f->world);
}

static void link_up(void *arg)
{
    struct faults *f = arg;
    sim_link(f->world->sim, "edge", "hub", true);
    sim_link(f->world->sim, "plant", "edge", true);
}

static void cut_hub_link(struct faults *f)
{
    sim_link(f->world->sim, "edge", "hub", false);
    loop_timer_start(f->loop, &f->mend_link, between(f->world, 100, 60000), link_up, f);
}

static void cut_plant_link(struct faults *f)
{
    sim_link(f->world->sim, "plant", "edge", false);
    loop_timer_start(f->loop, &f->mend_link, between(f->world, 100, 40000), link_up, f);
}

static void network_again(void *arg)
{
    struct faults *f = arg;
    sim_network_set(f->world->sim, &(struct sim_network){.latency_us = 500,
                                                         .jitter_us = 500,
                                                         .window_bytes = 256u << 10,
                                                         .give_up_ms = 30000});
}

static void bad_network(struct faults *f)
{
    sim_network_set(f->world->sim,
                    &(struct sim_network){.latency_us = between(f->world, 1000, 600000),
                                          .jitter_us = 50000,
                                          .bytes_per_second = 20000,
                                          .resets_per_million = 2000,
                                          .window_bytes = 16u << 10,
                                          .give_up_ms = 30000});
    loop_timer_start(f->loop, &f->mend_link, between(f->world, 1000, 30000), network_again, f);
}

static void disk_again(void *arg)
{
    struct faults *f = arg;
    sim_disk_limit(f->world->edge_disk, 0);
    sim_disk_limit(f->world->hub_disk, 0);
}

static void full_edge_disk(struct faults *f)
{
    sim_disk_limit(f->world->edge_disk,
                   sim_disk_used(f->world->edge_disk) + between(f->world, 0, 4000));
    loop_timer_start(f->loop, &f->mend_disk, between(f->world, 1000, 15000), disk_again, f);
}

static void full_hub_disk(struct faults *f)
{
    sim_disk_limit(f->world->hub_disk,
                   sim_disk_used(f->world->hub_disk) + between(f->world, 0, 4000));
    loop_timer_start(f->loop, &f->mend_disk, between(f->world, 1000, 15000), disk_again, f);
}

static void edge_sync_fails(struct faults *f)
{
    sim_disk_fail(f->world->edge_disk, SIM_DISK_SYNC, 1 + sim_below(f->world->sim, 3));
}

static void hub_sync_fails(struct faults *f)
{
    sim_disk_fail(f->world->hub_disk, SIM_DISK_SYNC, 1 + sim_below(f->world->sim, 3));
}

static void clock_jumps(struct faults *f)
{
    static const char *const hosts[] = {"edge", "hub", "plant"};
    /* Within the five minutes that tokens allow clocks to differ by. */
    int64_t ms = (int64_t)between(f->world, 0, 240000) - 120000;
    sim_wall_jump(f->world->sim, hosts[sim_below(f->world->sim, 3)], ms);
}

static void (*const kinds[])(struct faults *f) = {
    kill_edge,       kill_edge,      kill_hub,    kill_hub,       kill_module,
    cut_hub_link,    cut_plant_link, bad_network, full_edge_disk, full_hub_disk,
    edge_sync_fails, hub_sync_fails, clock_jumps, kill_robot,
};

static void break_something(void *arg)
{
    struct faults *f = arg;
    kinds[sim_below(f->world->sim, sizeof(kinds) / sizeof(kinds[0]))](f);
    loop_timer_start(f->loop, &f->next, between(f->world, 500, 20000), break_something, f);
}

struct faults *faults_start(struct world *w)
{
    struct faults *f = MEMORY_NEW(struct faults);
    f->world = w;
    f->loop = sim_loop_new(w->sim, "fate");
    loop_timer_start(f->loop, &f->next, between(w, 500, 10000), break_something, f);
    return f;
}

void faults_end(struct faults **faults)
{
    struct faults *f = *faults;
    loop_timer_stop(&f->next);
    link_up(f);
    network_again(f);
    disk_again(f);
    sim_disk_fail(f->world->edge_disk, SIM_DISK_SYNC, 0);
    sim_disk_fail(f->world->hub_disk, SIM_DISK_SYNC, 0);
    start_edge_again(f);
    start_hub_again(f);
    if (f->world->edge_loop == NULL || f->world->hub == NULL)
        world_wrong(f->world, "without faults the %s does not start",
                    f->world->hub ? "edge" : "hub");
    loop_free(&f->loop);
    free(f);
    *faults = NULL;
}
