/*
 * What the configuration comes to: entries become writer groups, writers and items, as OPC
 * Publisher derives them. Nodes with different publishing intervals are different writers, equal
 * writers of several entries are one, and a large one is cut. Pure; all texts belong to the
 * configuration or to the plan's arena.
 *
 * Keys say what something is: a group, writer or item with the same key as before is the same, and
 * goes on undisturbed.
 */
#pragma once

#include "publisher/config.h"

struct plan_defaults {
    const char *publisher_id;
    enum messaging_mode mode;
    enum message_encoding encoding;
    int64_t batch_size, batch_ms; /* 0: no batching */
    int64_t publishing_ms, sampling_ms, queue_size, heartbeat_ms;
    int heartbeat; /* enum heartbeat_behavior */
    enum data_change_trigger trigger;
    bool skip_first, discard_new, auto_queue_size;
    bool strict; /* OPC UA Part 14 to the letter, instead of what OPC Publisher always did */
    uint32_t nodes_per_writer; /* 0: 1000 */
};

#define PLAN_GROUP_NAME "<<UnknownWriterGroup>>"
#define PLAN_WRITER_NAME "<<UnknownDataSet>>"

struct plan_item {
    struct slice key;
    struct slice node, index_range;
    struct slice field;        /* name in a data set's payload */
    struct slice display_name; /* of a sample; empty: none */
    struct slice event_filter; /* JSON; empty: a value */
    int64_t sampling_ms, heartbeat_ms;
    double deadband;
    uint32_t queue_size;
    uint16_t attribute; /* 0: Value */
    uint8_t trigger, deadband_type, heartbeat;
    bool skip_first, discard_new;
};

struct plan_writer {
    struct slice key;
    struct slice name, data_set;
    struct opcua_connection connection;
    int64_t publishing_ms;
    uint32_t keep_alive_count;
    uint32_t key_frame_count;
    uint8_t priority;
    bool no_transfer, keep_alive_messages, keep_alive_key_frames;
    struct slice extension_fields; /* JSON members without braces; empty: none */
    struct plan_item *items;
    size_t item_count;
};

struct plan_group {
    struct slice key;
    struct slice name, publisher_id, queue_name;
    enum messaging_mode mode;
    enum message_encoding encoding;
    uint32_t batch_size; /* notifications; 0: as one, and 1 is without the array around it */
    uint32_t batch_ms;
    uint64_t ttl_ms; /* 0: none */
    bool strict;
    struct plan_writer *writers;
    size_t writer_count;
};

struct plan {
    struct arena arena;
    struct plan_group *groups;
    size_t group_count, writer_count, item_count, duplicates;
};

/* `c` must outlive the plan. */
void plan_make(const struct config *c, const struct plan_defaults *defaults, struct plan *out);
void plan_clear(struct plan *p);
