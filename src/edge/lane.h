/*
 * How a child goes up. Mostly with all others, in the order of the log: its messages in flight are
 * in the ring of upstream.c. One whose messages the hub does not take must not hold up the others,
 * so it steps aside: the reader of all goes on without it, and when the hub takes its messages
 * again, a reader of its own catches up from where it was. Its order stays, for at any time one of
 * the two readers alone sends.
 *
 * What it costs in memory does not grow with the messages that wait: of those from `next` on there
 * is their number alone, and those that were sent are acknowledged in their order. No more than
 * EDGE_LANES_MAX children have messages in flight aside of the ring (DEVICE_CLIENT_WINDOW each),
 * and a reader; who comes then waits for a place. The log keeps what is behind `oldest`.
 */
#pragma once

#include "base/list.h"
#include "io/loop.h"
#include "store/log.h"

#define EDGE_LANES_MAX 8
#define EDGE_LANE_TURN 1024     /* records that a reader passes before others have their turn */
#define EDGE_LANE_RETRY_MS 1000 /* after the log could not be read */

struct edge_child;
struct edge_upstream;

enum edge_lane_state {
    EDGE_LANE_OPEN,     /* goes with the others; all may follow */
    EDGE_LANE_HELD,     /* the hub refused it, or there is no place: OPEN, CATCHING_UP, GONE */
    EDGE_LANE_CATCHING, /* catches up with a reader of its own: OPEN, HELD, GONE */
    EDGE_LANE_GONE,     /* the hub knows no such identity: its messages are set aside. OPEN when it
                           signs in */
};

struct edge_lane {
    enum edge_lane_state state;
    struct link
        link;        /* in upstream's list, with a reference, unless it is OPEN with nothing left */
    uint64_t oldest; /* not acknowledged and not in the ring; 0: none. May be a little early */
    uint64_t newest; /* of those in flight aside of the ring; 0: none */
    uint64_t next;   /* its reader goes on here */
    uint64_t waiting; /* how many the reader of all has passed and nobody has sent, to be told */
    struct store_reader *reader; /* while CATCHING */
    bool full;                   /* its connection has no room */
    bool disabled;               /* so the hub says; until it takes it again */
    struct loop_timer turn;
};

/* The reader of all has come to a message of a child that is HELD or CATCHING: it waits. */
void edge_lane_pass(struct edge_child *c, uint64_t sequence);

/* It leaves the others at the place where the reader of all is, as soon as there is a sign of life.
 * False: there is no place. What it has in flight is taken out of the ring, "first" to "last", by
 * take_over(). */
bool edge_lane_leave(struct edge_child *c);
void edge_lane_take_over(struct edge_child *c, uint64_t first, uint64_t last);

/* The hub refused it: nothing of it is in flight any more (it was, from `first` on; 0: nothing in
 * the ring). */
void edge_lane_hold(struct edge_child *c, uint64_t first);

/* Nothing of it waits any more; how many did, those in flight among them. */
uint64_t edge_lane_drop(struct edge_child *c, enum edge_lane_state next);

/* Of what is in flight aside of the ring; false: it is not. */
bool edge_lane_acknowledge(struct edge_child *c, uint64_t token);

/* Its connection is up, or has room. */
void edge_lane_go_on(struct edge_child *c);

/* Those GONE of whom nothing can be in the log any more need no mark. */
void edge_lanes_release(struct edge_upstream *u);

/* One that is disabled and keeps the log from being cut; NULL: none. */
struct edge_child *edge_lanes_oldest_disabled(struct edge_upstream *u);

void edge_lanes_clear(struct edge_upstream *u);

/* The oldest of all that wait aside; UINT64_MAX when there is none. */
uint64_t edge_lanes_oldest(struct edge_upstream *u);
