/*
 * One partition of the hub's stream: an append log on the loop that owns it, and who waits for which
 * record to be durable. What a device sends is acknowledged from here, after the commit.
 */
#pragma once

#include "base/list.h"
#include "iot/message.h"
#include "store/log.h"

#define EVENTS_PARTITIONS_MAX 32 /* of one stream */

struct heads_attendance;
struct partition;

struct partition_config {
    struct loop *loop;
    struct store_disk *disk;
    const char *directory;
    unsigned index;
    enum store_durability durability;
    uint64_t segment_bytes, retain_bytes, retain_ms;
};

CHECKED enum status partition_open(const struct partition_config *config, struct partition **out);
void partition_close(struct partition **p);

/* Appends what `from` sends; it is told accepted(token, why), and after FULL, when it is live, resume(). */
CHECKED enum status partition_send(struct partition *p, const struct iot_event *e,
                                   struct heads_attendance *from, uint64_t token);

/* Nothing is appended: `from` is told that its message is accepted, in the order of its others. */
void partition_pass(struct partition *p, struct heads_attendance *from, uint64_t token);

/* The newest durable record that readers of the built-in stream get; 0 when there is none. */
uint64_t partition_newest(const struct partition *p);

/*
 * Records on their way into a partition: what clients send into a stream, what routing copies from one
 * stream into another, what the hub itself has to tell. Lives inside what its owner keeps for it, until
 * `done`. Bounded by who makes them: each has a window of its own.
 */
struct partition_append {
    void (*done)(struct partition_append *a, enum status why); /* OK: all are durable */
    struct buffer records; /* encoded events, one after the other */
    struct buffer ends;    /* uint32_t each: where one ends */
    uint64_t wall_ms;      /* of the newest of them */
    struct link node;      /* the rest is the partition's */
    size_t next;
    uint64_t first, last;
};
/* Encodes one more. */
void partition_append_add(struct partition_append *a, const struct iot_event *e);
size_t partition_append_count(const struct partition_append *a);
void partition_append_clear(struct partition_append *a);

/* In the order of the calls; waits where the log has no room. `done` comes on the partition's loop: OK,
 * IO_FAILED or FULL from the disk, TOO_LARGE for a record that no log takes (those before it are in), and
 * CANCELLED when the partition closes: no loop runs any more then. */
void partition_append(struct partition *p, struct partition_append *a);

struct store_log *partition_log(struct partition *p);
struct loop *partition_loop(struct partition *p);

/* Called on the partition's loop whenever more can be read. For the readers of the stream (events.c). */
struct partition_watch {
    void (*fn)(void *arg);
    void *arg;
    struct partition_watch *next;
};
void partition_watch(struct partition *p, struct partition_watch *w);
void partition_unwatch(struct partition *p, struct partition_watch *w);
