/*
 * One partition of the hub's stream: an append log on the loop that owns it, and who waits for which
 * record to be durable. What a device sends is acknowledged from here, after the commit.
 */
#pragma once

#include "iot/message.h"
#include "store/log.h"

struct hub_device;
struct hub_partition;

struct hub_partition_config {
    struct loop *loop;
    struct store_disk *disk;
    const char *directory;
    unsigned index;
    enum store_durability durability;
    uint64_t segment_bytes, retain_bytes, retain_ms;
};

CHECKED enum status hub_partition_open(const struct hub_partition_config *config,
                                       struct hub_partition **out);
void hub_partition_close(struct hub_partition **p);

/* Appends what `from` sends; hub_device_accepted(from, token, why) follows. FULL: hub_device_resume() follows. */
CHECKED enum status hub_partition_send(struct hub_partition *p, const struct iot_event *e,
                                       struct hub_device *from, uint64_t token);

/* Appends an event that nobody waits for (a twin change, a life cycle event). */
CHECKED enum status hub_partition_append(struct hub_partition *p, const struct iot_event *e);

struct store_log *hub_partition_log(struct hub_partition *p);
struct loop *hub_partition_loop(struct hub_partition *p);

/* Called on the partition's loop whenever more can be read. For the readers of the stream (events.c). */
struct hub_partition_watch {
    void (*fn)(void *arg);
    void *arg;
    struct hub_partition_watch *next;
};
void hub_partition_watch(struct hub_partition *p, struct hub_partition_watch *w);
void hub_partition_unwatch(struct hub_partition *p, struct hub_partition_watch *w);
