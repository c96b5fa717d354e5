#include "edge/lane.h"

#include <assert.h>

#include "base/log.h"
#include "edge/child.h"
#include "edge/upstream.h"

/* ---- the list ---- */

static void list_in(struct edge_child *c)
{
    if (!list_linked(&c->lane.link))
        list_push(edge_upstream_lanes(c->edge->upstream), &edge_child_ref(c)->lane.link);
}

/* OPEN and nothing left: it needs no place in the list. May free the child. */
static void maybe_off(struct edge_child *c)
{
    struct edge_lane *l = &c->lane;
    if (l->state != EDGE_LANE_OPEN || l->oldest || !list_linked(&l->link))
        return;
    list_remove(&l->link);
    edge_child_unref(&c);
}

static bool has_place(const struct edge_lane *l)
{
    return l->state == EDGE_LANE_CATCHING || l->newest;
}

static unsigned places_taken(struct list *lanes)
{
    unsigned n = 0;
    LIST_EACH(l, lanes)
    n += has_place(&LIST_OF(l, struct edge_child, lane.link)->lane);
    return n;
}

uint64_t edge_lanes_oldest(struct edge_upstream *u)
{
    uint64_t oldest = UINT64_MAX;
    LIST_EACH(l, edge_upstream_lanes(u))
    {
        const struct edge_lane *lane = &LIST_OF(l, struct edge_child, lane.link)->lane;
        if (lane->oldest && lane->oldest < oldest)
            oldest = lane->oldest;
    }
    return oldest;
}

/* ---- catching up ---- */

/* A place is free, perhaps, for one that the hub takes again. */
static void wake(struct edge_upstream *u);

static void stop_reading(struct edge_lane *l)
{
    loop_timer_stop(&l->turn);
    store_reader_close(&l->reader);
    l->full = false;
}

/* All that waited is sent: from here on it goes with the others. */
static void caught_up(struct edge_child *c)
{
    struct edge_lane *l = &c->lane;
    log_info("caught up device=%s", c->key);
    stop_reading(l);
    l->state = EDGE_LANE_OPEN;
    l->waiting = 0;
    if (l->newest == 0)
        l->oldest = 0;
    wake(c->edge->upstream);
}

static void turn(void *arg);

static void turn_later(struct edge_child *c, uint64_t ms)
{
    loop_timer_start(c->edge->loop, &c->lane.turn, ms, turn, c);
}

/* False: it has to wait, or there is no more. */
static bool send_next(struct edge_child *c)
{
    struct edge_lane *l = &c->lane;
    struct store_record r;
    enum status s = store_reader_next(l->reader, &r);
    if (s == IO_FAILED) {
        turn_later(c, EDGE_LANE_RETRY_MS);
        return false;
    }
    if (s != OK || r.sequence > edge_upstream_passed(c->edge->upstream)) {
        caught_up(c);
        return false;
    }
    l->next = r.sequence + 1;
    switch (edge_upstream_send_aside(c, &r)) {
    case FULL:
        l->next = r.sequence;
        store_reader_seek(l->reader, r.sequence);
        l->full = true;
        return false;
    case OK:
        l->newest = r.sequence;
        l->waiting -= l->waiting > 0;
        return true;
    default: /* another's, or set aside */
        return true;
    }
}

static void turn(void *arg)
{
    struct edge_child *c = edge_child_ref(arg);
    struct edge_upstream *u = c->edge->upstream;
    int left = EDGE_LANE_TURN;
    while (left && send_next(c))
        left--;
    if (left == 0)
        turn_later(c, 0);
    maybe_off(c);
    edge_child_unref(&c);
    edge_upstream_settle(u);
}

static bool take_place(struct edge_child *c)
{
    struct edge_lane *l = &c->lane;
    if (!has_place(l) && places_taken(edge_upstream_lanes(c->edge->upstream)) >= EDGE_LANES_MAX)
        return false;
    list_in(c);
    l->state = EDGE_LANE_CATCHING;
    return true;
}

bool edge_lane_leave(struct edge_child *c)
{
    struct edge_lane *l = &c->lane;
    assert(l->state == EDGE_LANE_OPEN);
    if (!take_place(c))
        return false;
    l->next = edge_upstream_passed(c->edge->upstream) + 1;
    if (l->oldest == 0)
        l->oldest = l->next;
    log_warn("the hub does not take its messages, others go on device=%s", c->key);
    return true;
}

void edge_lane_go_on(struct edge_child *c)
{
    struct edge_lane *l = &c->lane;
    l->disabled = false;
    if (l->state == EDGE_LANE_HELD && l->oldest == 0) {
        l->state = EDGE_LANE_OPEN;
        maybe_off(c);
        return;
    }
    if (l->state == EDGE_LANE_HELD)
        take_place(c);
    if (l->state != EDGE_LANE_CATCHING)
        return;
    l->full = false;
    if (l->reader == NULL)
        l->reader = store_reader_open(c->edge->log, l->next);
    turn_later(c, 0);
}

static void wake(struct edge_upstream *u)
{
    LIST_EACH(l, edge_upstream_lanes(u))
    {
        struct edge_child *c = LIST_OF(l, struct edge_child, lane.link);
        if (c->lane.state == EDGE_LANE_HELD && c->lane.oldest && c->up &&
            device_client_connected(c->up))
            edge_lane_go_on(c);
    }
}

/* ---- what happens to it ---- */

void edge_lane_pass(struct edge_child *c, uint64_t sequence)
{
    struct edge_lane *l = &c->lane;
    l->waiting++;
    if (l->oldest == 0)
        l->oldest = l->next = sequence;
    if (l->reader && !l->full)
        turn_later(c, 0);
}

void edge_lane_take_over(struct edge_child *c, uint64_t first, uint64_t last)
{
    struct edge_lane *l = &c->lane;
    if (l->newest == 0)
        l->oldest = first;
    l->newest = last;
}

void edge_lane_hold(struct edge_child *c, uint64_t first)
{
    struct edge_lane *l = &c->lane;
    if (l->state != EDGE_LANE_HELD)
        log_warn("the hub refuses it: its messages wait device=%s", c->key);
    stop_reading(l);
    if (l->oldest == 0)
        l->oldest = first;
    l->waiting += c->up_in_flight;
    c->up_in_flight = 0;
    l->next = l->oldest;
    l->newest = 0;
    l->state = EDGE_LANE_HELD;
    list_in(c);
    wake(c->edge->upstream);
}

uint64_t edge_lane_drop(struct edge_child *c, enum edge_lane_state next)
{
    struct edge_lane *l = &c->lane;
    uint64_t count = l->waiting + c->up_in_flight;
    stop_reading(l);
    c->up_in_flight = 0;
    l->waiting = l->oldest = l->newest = l->next = 0;
    l->state = next;
    if (next != EDGE_LANE_OPEN)
        list_in(c);
    wake(c->edge->upstream);
    maybe_off(c);
    return count;
}

bool edge_lane_acknowledge(struct edge_child *c, uint64_t token)
{
    struct edge_lane *l = &c->lane;
    if (token > l->newest)
        return false;
    l->oldest = token + 1;
    if (token == l->newest) {
        l->newest = 0;
        if (l->state == EDGE_LANE_OPEN) {
            l->oldest = 0;
            wake(c->edge->upstream);
        }
    }
    if (l->state == EDGE_LANE_CATCHING && l->reader == NULL)
        edge_lane_go_on(c); /* a sign of life */
    maybe_off(c);
    return true;
}

/* ---- all of them ---- */

static struct edge_child *find(struct edge_upstream *u, bool (*is)(const struct edge_child *c))
{
    LIST_EACH(l, edge_upstream_lanes(u))
    {
        struct edge_child *c = LIST_OF(l, struct edge_child, lane.link);
        if (is(c))
            return c;
    }
    return NULL;
}

/* Ours is the last reference: no session, and no message that waits for the disk. */
static bool can_be_released(const struct edge_child *c)
{
    return c->lane.state == EDGE_LANE_GONE && c->refs == 1;
}

void edge_lanes_release(struct edge_upstream *u)
{
    for (struct edge_child *c; (c = find(u, can_be_released));)
        edge_lane_drop(c, EDGE_LANE_OPEN);
}

static bool waits_disabled(const struct edge_child *c)
{
    return c->lane.state == EDGE_LANE_HELD && c->lane.disabled && c->lane.oldest &&
           c->lane.oldest == edge_lanes_oldest(c->edge->upstream);
}

struct edge_child *edge_lanes_oldest_disabled(struct edge_upstream *u)
{
    return find(u, waits_disabled);
}

void edge_lanes_clear(struct edge_upstream *u)
{
    for (struct link *l; (l = list_pop(edge_upstream_lanes(u)));) {
        struct edge_child *c = LIST_OF(l, struct edge_child, lane.link);
        stop_reading(&c->lane);
        edge_child_unref(&c);
    }
}
