/*
 * One partition of the hub's stream: an append log on the loop that owns it, and who waits for which
 * record to be durable. What a device sends is acknowledged from here, after the commit.
 */
#pragma once

#include "base/list.h"
#include "iot/message.h"
#include "store/log.h"

struct heads_attendance;
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

/* Appends what `from` sends; it is told accepted(token, why), and after FULL, when it is live, resume(). */
CHECKED enum status hub_partition_send(struct hub_partition *p, const struct iot_event *e,
                                       struct heads_attendance *from, uint64_t token);

/* Nothing is appended: `from` is told that its message is accepted, in the order of its others. */
void hub_partition_pass(struct hub_partition *p, struct heads_attendance *from, uint64_t token);

/* The newest durable record that readers of the built-in stream get; 0 when there is none. */
uint64_t hub_partition_newest(const struct hub_partition *p);

/*
 * Records on their way into a partition: what clients send into a stream, what routing copies from one
 * stream into another, what the hub itself has to tell. Lives inside what its owner keeps for it, until
 * `done`. Bounded by who makes them: each has a window of its own.
 */
struct hub_append {
    void (*done)(struct hub_append *a, enum status why); /* OK: all are durable */
    struct buffer records;                               /* encoded events, one after the other */
    struct buffer ends;                                  /* uint32_t each: where one ends */
    uint64_t wall_ms;                                    /* of the newest of them */
    struct link node;                                    /* the rest is the partition's */
    size_t next;
    uint64_t first, last;
};
/* Encodes one more. */
void hub_append_add(struct hub_append *a, const struct iot_event *e);
size_t hub_append_count(const struct hub_append *a);
void hub_append_clear(struct hub_append *a);

/* In the order of the calls; waits where the log has no room. `done` comes on the partition's loop: OK,
 * IO_FAILED or FULL from the disk, TOO_LARGE for a record that no log takes (those before it are in), and
 * CANCELLED when the partition closes: no loop runs any more then. */
void hub_partition_append(struct hub_partition *p, struct hub_append *a);

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
