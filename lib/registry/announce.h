/*
 * What routes want to be told of a change: a twin was changed or replaced, an identity was made or
 * deleted. The work of the registry adds to it, on the table's thread, and it is told after the
 * commit. Nothing is made that nobody wants.
 */
#pragma once

#include "iot/twin.h"
#include "registry/registry.h"

struct registry_announcement {
    struct registry_event event;
    struct registry_announcement *next;
};

struct registry_announcements {
    struct registry_announcement *first, **end; /* {0} is empty; all in the errand's arena */
};

/* A change of a twin, after it. The parts are what was asked: NULL for those that did not change.
 */
struct registry_announce_change {
    struct iot_id id;
    const struct iot_twin *twin;
    bool replaced;
    const struct json *tags, *desired, *reported;
    uint64_t now_ms;
};
void registry_announce_twin(struct registry_announcements *n, const struct registry *r,
                            struct arena *a, const struct registry_announce_change *change);

/* The same for what iot_twin_update() did with `body`. Nothing when it changed nothing. */
void registry_announce_update(struct registry_announcements *n, const struct registry *r,
                              struct arena *a, struct iot_id id, const struct iot_twin *twin,
                              const struct json *body, const struct iot_twin_change *made,
                              enum iot_twin_how how, uint64_t now_ms);

/* The identity has just been made, or is about to be deleted: `twin` is its. */
void registry_announce_lifecycle(struct registry_announcements *n, const struct registry *r,
                                 struct arena *a, struct iot_id id, bool made,
                                 const struct iot_twin *twin, uint64_t now_ms);

/* On the loop that tells. */
void registry_announce(const struct registry_announcements *n, const struct registry *r);
