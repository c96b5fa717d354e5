/*
 * A simulated world: one thread, a clock that jumps from event to event, loops on hosts, and a
 * network between them that delays, cuts into pieces, resets and partitions. Everything that
 * happens follows from the seed and what the program does: the same seed replays the same run, byte
 * for byte (on plain streams: TLS draws its own random numbers).
 *
 * A loop of it is used as any other, and all of them by the thread that steps. loop_run() and
 * loop_run_until() on one of them run the whole world meanwhile.
 */
#pragma once

#include "io/loop.h"

struct sim;

struct sim *sim_new(uint64_t seed);
void sim_free(struct sim **s); /* frees its loops too, those killed and those alive */

/* A loop on the host of that name; one host may have several. Whoever listens on any of them is
 * reached by the host's name and the port; the address given to listener_open() counts as the
 * host's own. */
struct loop *sim_loop_new(struct sim *s, const char *host);

/* ---- time ---- */

uint64_t sim_now_ms(const struct sim *s);

/* The next event, with the turn of the loop that it is for. False when nothing will ever happen. */
bool sim_step(struct sim *s);

/* Until that time, which it then is. */
void sim_run(struct sim *s, uint64_t until_ms);

/* loop_wall_ms() on that host jumps, forward or back; loop_now_ms() does not. */
void sim_wall_jump(struct sim *s, const char *host, int64_t ms);

/* ---- what goes wrong ---- */

struct sim_network {
    uint64_t latency_us, jitter_us; /* between hosts; on one host it is 20 us */
    uint64_t bytes_per_second;      /* of each connection in each direction; 0: any */
    uint64_t resets_per_million;    /* of packets: the connection breaks, both sides are told */
    size_t window_bytes; /* what may be on the way or unread; the writer keeps the rest */
    uint64_t give_up_ms; /* unacknowledged for so long: the writer gets IO_FAILED */
};

/* For new packets. At first: 500 us, 500 us, any, 0, 256 KB, 30 s. */
void sim_network_set(struct sim *s, const struct sim_network *network);
struct sim_network sim_network_get(const struct sim *s);

/* While the link between two hosts is down, packets wait; after give_up_ms their writers fail. */
void sim_link(struct sim *s, const char *a, const char *b, bool up);

/* A slow reader: what this host receives, in each connection; 0: as the network has it. */
void sim_host_speed(struct sim *s, const char *host, uint64_t bytes_per_second);

/* The process that has this loop crashes (kill all of its loops). No callback comes any more:
 * timers, mail and work are gone, its streams do nothing; their peers see the end, a reset, or
 * silence, as the seed has it. What was made on the loop may still be freed as if it had stopped;
 * then loop_free(). */
void sim_loop_kill(struct loop *l);

/* ---- for scenarios ---- */

uint64_t sim_random(struct sim *s);
uint64_t sim_below(struct sim *s, uint64_t n); /* 0 … n-1; n > 0 */

/* A number made of everything that has happened: two runs with the same one were the same. */
uint64_t sim_trace(const struct sim *s);
