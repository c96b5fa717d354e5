/* The inside of the simulation: sim.c has time and loops, sim_host.c hosts and links,
 * sim_wire.c the packets between them, sim_stream.c the streams. */
#pragma once

#include "io/loop_priv.h"
#include "io/sim.h"

/* Something that will happen. Lives inside another struct; `{0}` is not planned. */
struct sim_event {
    struct heap_node node; /* key: microseconds */
    struct link of_loop;
    struct loop *loop; /* whose turn it is; NULL: nobody's */
    loop_fn *fn;
    loop_fn *drop; /* instead, when the loop is killed or freed; NULL: nothing */
    void *arg;
};

struct sim_host {
    struct link link;
    char *name;
    unsigned loops; /* alive */
    int next_port;
    int64_t wall_offset_ms;
    uint64_t bytes_per_second;
};

struct sim {
    uint64_t now_us;
    uint64_t random;
    uint64_t trace;
    uint64_t ids;
    struct heap events;
    struct sim_event *due; /* which loop_turn() is to make happen */
    struct list loops;
    struct list hosts, cuts, ports;
    struct sim_network network;
};

struct sim_loop {
    struct loop loop; /* first */
    struct sim *sim;
    struct sim_host *host;
    struct link link;
    struct list events;
    struct sim_event wake, timer;
    uint64_t random;
};

static inline struct sim_loop *sim_loop_of(const struct loop *l)
{
    return (struct sim_loop *)l;
}

/* Moves it when it is planned already. */
void sim_plan(struct sim *s, struct sim_event *e, uint64_t at_us, struct loop *loop);
void sim_unplan(struct sim *s, struct sim_event *e);
static inline bool sim_planned(const struct sim_event *e)
{
    return e->node.index != 0;
}

uint64_t sim_mix(uint64_t *state);           /* the next number of a generator */
void sim_note(struct sim *s, uint64_t what); /* into the trace */

/* sim_host.c: hosts, the links between them, and who listens there. */
struct sim_host *sim_host_of(struct sim *s, const char *name);   /* made when new */
struct sim_host *sim_host_find(struct sim *s, const char *name); /* NULL when there is none */
bool sim_cut(struct sim *s, const struct sim_host *a, const struct sim_host *b);
struct listener *sim_listener_at(struct sim *s, const struct sim_host *host, int number);
enum status sim_listen(struct listener *listener);
void sim_unlisten(struct listener *listener);
void sim_hosts_clear(struct sim *s);

/* sim_stream.c */
struct stream *sim_connect(const struct connect_config *config);
void sim_streams_vanish(struct loop *l); /* of a killed loop */
