/*
 * When devices were last heard of (lastActivityTime). It costs a message one store: a loop
 * remembers who has spoken, and tells the registry every HUB_ACTIVITY_MS, HUB_ACTIVITY_MAX of them
 * at most; the others with the next turn.
 */
#pragma once

#include "base/list.h"
#include "io/loop.h"

#define HUB_ACTIVITY_MS 10000u
#define HUB_ACTIVITY_MAX 5000u

struct hub_device;
struct hub_loop;

/* In each loop. */
struct hub_activity {
    struct list devices; /* that have spoken, with a reference each */
    struct loop_timer timer;
};

/* In each device. */
struct hub_active {
    struct link link; /* in its loop's devices */
    uint64_t wall_ms;
};

void hub_activity_init(struct hub_activity *a);
void hub_activity_note(struct hub_device *d, uint64_t wall_ms);
