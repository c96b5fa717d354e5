/*
 * Which ports of which addresses are OPC UA servers: connects in random order, so many a second and
 * so many at once as it is told, and says Hello on the same connection. On the loop's streams.
 */
#pragma once

#include "discovery/ranges.h"
#include "io/loop.h"

struct scan;

struct scan_limits {
    uint32_t rate;          /* connects a second; 0: SCAN_RATE */
    uint32_t in_flight_max; /* at once; 0: SCAN_IN_FLIGHT */
    uint32_t floor_ms; /* of the time a connect is given, which follows what neighbours needed; 0:
                          SCAN_FLOOR_MS */
    uint32_t cap_ms;   /* 0: SCAN_CAP_MS */
    uint32_t hello_ms; /* for the answer to Hello; 0: SCAN_HELLO_MS */
};

#define SCAN_RATE 1000
#define SCAN_IN_FLIGHT 400
#define SCAN_FLOOR_MS 200
#define SCAN_CAP_MS 1000
#define SCAN_HELLO_MS 2000

struct scan_config {
    struct loop *loop;
    const struct ranges *addresses, *ports; /* borrowed until the end */
    struct scan_limits limits;
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
struct scan_progress discovery_scan_progress(const struct scan *s);
