/*
 * Reads a hub's events: all partitions of its Event-Hub-compatible endpoint, for one consumer
 * group, over AMQP 1.0. It connects by itself, again and again with back-off, renews its token, and
 * goes on behind the last event that it handed over. One loop owns it.
 *
 * Where a reader stands is its user's to remember: it is asked once for each partition, and from
 * then on knows what it has handed over. After a restart of the program events that were not
 * remembered as done come again: at least once, in the order of each partition.
 *
 * Bound: at most `window` events of each partition are handed over and not done.
 */
#pragma once

#include "io/stream.h"
#include "iot/message.h"

#define STREAM_READER_PARTITIONS_MAX 64
#define STREAM_READER_OLDEST (-1) /* before the first event, whose sequence number is 0 */
#define STREAM_READER_NEW (-2)    /* only what comes after the first connection */

struct stream_reader;

struct stream_reader_item {
    unsigned partition;
    int64_t sequence;
    struct iot_event event; /* its slices until the callback returns */
};

struct stream_reader_events {
    /* All partitions are being read. May be NULL, as the next. */
    void (*on_connected)(void *arg, unsigned partitions);
    void (*on_disconnected)(void *arg, enum status why);
    /* The sequence number of the last event of this partition that is done. NULL:
     * STREAM_READER_NEW. */
    int64_t (*position)(void *arg, unsigned partition);
    /* To be followed by stream_reader_done(), at once or later. */
    void (*on_event)(void *arg, const struct stream_reader_item *item);
};

struct stream_reader_config {
    struct loop *loop;
    const char *host;       /* to connect to */
    int port;               /* 5671 */
    struct tls_client *tls; /* NULL: plain, for tests and the simulation. Not owned */
    const char *hub_host;   /* in the token's audience; NULL: host */
    const char *entity;     /* EntityPath of the connection string */
    const char *group;      /* NULL: $Default */
    const char *policy;     /* one with ServiceConnect */
    const char *key;        /* its key, base64 */
    uint32_t window;        /* 0: 500 */
    const struct stream_reader_events *events;
    void *arg;
};

/* Copies the configuration. */
struct stream_reader *stream_reader_new(const struct stream_reader_config *config);
/* Also inside a callback. No callback afterwards. */
void stream_reader_free(struct stream_reader **r);
bool stream_reader_connected(const struct stream_reader *r);

/* All events of the partition up to this one are done: more may come. */
void stream_reader_done(struct stream_reader *r, unsigned partition, int64_t sequence);
