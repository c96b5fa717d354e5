/*
 * Which ports of which addresses are OPC UA servers: connects in random order, and says Hello on the same
 * connection. On the loop's streams.
 *
 * A pass goes through all hosts in an order of its own, and tries one port of each; so a host hears of it once in a
 * pass, and the passes follow each other no faster than the budgets of a network and of a host allow. Where it
 * stands is two numbers: a scan can go on from there after a restart.
 */
#pragma once

#include "discovery/budget.h"
#include "discovery/ranges.h"
#include "io/loop.h"

struct scan;

struct scan_limits {
    uint32_t rate;          /* packets a second, whatever the networks; 0: SCAN_RATE. The budget keeps to it */
    uint32_t host_rate;     /* connects to a host in a second; 0: SCAN_HOST_RATE */
    uint32_t in_flight_max; /* at once; 0: SCAN_IN_FLIGHT */
    uint32_t floor_ms; /* of the time a connect is given, which follows what neighbours needed; 0:
                          SCAN_FLOOR_MS */
    uint32_t cap_ms;   /* 0: SCAN_CAP_MS */
    uint32_t hello_ms; /* for the answer to Hello; 0: SCAN_HELLO_MS */
    uint32_t listen_ms; /* before it, for servers that announce themselves (announced.h); 0: not at all */
};

#define SCAN_RATE 2000
#define SCAN_HOST_RATE 50
#define SCAN_HOST_RATE_NONE UINT32_MAX
#define SCAN_IN_FLIGHT 500
#define SCAN_FLOOR_MS 200
#define SCAN_CAP_MS 900 /* the system sends a connect again after 1 s */
#define SCAN_HELLO_MS 2000

/* How far it came: all before `next` is done. */
struct scan_position {
    uint64_t seed, next;
};

struct scan_config {
    struct loop *loop;
    const struct ranges *addresses, *ports; /* borrowed until the end */
    struct scan_limits limits;
    struct scan_position from; /* {0}: from the beginning */
    struct budget *budget;     /* shared with others who send to the same networks; borrowed */
    void (*on_found)(void *arg, uint32_t address, uint16_t port);
    void (*on_end)(void *arg); /* once, when all were tried; the scan is then to be freed */
    void *arg;
};

struct scan_progress {
    uint64_t total, done, open, found;
    uint32_t in_flight;
};

struct scan *discovery_scan_start(const struct scan_config *config);
/* At any time; nothing is called any more. */
void discovery_scan_free(struct scan **s);
struct scan_position discovery_scan_position(const struct scan *s);
struct scan_progress discovery_scan_progress(const struct scan *s);
