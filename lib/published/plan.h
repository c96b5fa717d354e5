/*
 * What the configuration comes to: entries become writer groups, writers and items, as OPC
 * Publisher derives them. Nodes with different publishing intervals are different writers, equal
 * writers of several entries are one, a large one is cut; then values and events part, and nodes
 * with another topic or quality of service; with routing by browse names each node is a writer.
 * Pure; all texts belong to the configuration or to the plan's arena.
 *
 * Keys say what something is: a group, writer or item with the same key as before is the same, and
 * goes on undisturbed.
 */
#pragma once

#include "published/config.h"

enum plan_qos { QOS_UNSET, QOS_AT_MOST_ONCE, QOS_AT_LEAST_ONCE, QOS_EXACTLY_ONCE };

enum plan_transport {
    TRANSPORT_UNSET, /* the first that is configured: the module's connection, a broker, … */
    TRANSPORT_IOT_HUB,
    TRANSPORT_MQTT,
    TRANSPORT_EVENT_HUB,
    TRANSPORT_HTTP,
    TRANSPORT_FILE,
    TRANSPORT_KAFKA,
    TRANSPORT_DAPR,
    TRANSPORT_NULL,
};

enum plan_routing { ROUTING_UNSET, ROUTING_NONE, ROUTING_BROWSE_NAMES, ROUTING_BROWSE_NAMES_INDEX };

enum watchdog_condition { WATCHDOG_CONDITION_UNSET, WATCHDOG_ALL_LATE, WATCHDOG_ANY_LATE };
enum watchdog_behavior {
    WATCHDOG_BEHAVIOR_UNSET,
    WATCHDOG_DIAGNOSTIC,
    WATCHDOG_RESET,
    WATCHDOG_FAIL_FAST,
    WATCHDOG_EXIT,
};

/* Where messages go; what is empty or 0 is the group's. */
struct plan_route {
    struct slice topic; /* template; empty: none given */
    uint8_t qos;        /* enum plan_qos */
    uint8_t retain;     /* enum tristate */
    int64_t ttl_ms;     /* 0: none */
};

enum plan_names { /* how node ids and browse names say their namespace */
    NAMES_UNSET,    /* by its URI; Expanded when strict */
    NAMES_URI,      /* http://ns/#i=1 */
    NAMES_INDEX,    /* ns=2;i=1 */
    NAMES_EXPANDED, /* nsu=http://ns/;i=1 */
    NAMES_EXPANDED_0,
};

enum plan_stamp { STAMP_NOW, STAMP_PUBLISHED, STAMP_ENCODED }; /* a message's time */

/* What holds where an entry does not say. */
struct plan_defaults {
    const char *publisher_id;
    enum messaging_mode mode;
    enum message_encoding encoding;
    int64_t batch_size, batch_ms; /* 0: no batching */
    int64_t publishing_ms, sampling_ms, queue_size, heartbeat_ms;
    int heartbeat; /* enum heartbeat_behavior */
    enum data_change_trigger trigger;
    bool skip_first, discard_new, auto_queue_size, backfill;
    bool strict; /* OPC UA Part 14 to the letter, instead of what OPC Publisher always did */
    uint32_t nodes_per_writer; /* 0: 1000 */

    enum plan_qos qos;
    bool retain;
    int64_t ttl_ms; /* 0: none */
    enum plan_transport transport;
    uint32_t partitions;
    enum plan_routing routing;
    int64_t key_frame_count;
    bool keep_alive_messages, keep_alive_key_frames;
    bool metadata;       /* metadata messages where the mode has them */
    int64_t metadata_ms; /* how often; 0: when it changes */
    enum tristate schemas; /* beside the messages; not said: where the encoding needs them */
    enum plan_names names;
    enum plan_stamp stamp;
    bool lone_value;    /* a data set of one field is written as the field's value */
    bool last_in_batch; /* of a node's values in one message the last one alone */
    int64_t data_sets_max; /* data set messages in a message; 0: any number */
    bool routing_info;  /* property $$RoutingInfo: the group's name */
    bool cloud_events;  /* properties as CloudEvents has them */

    int64_t keep_alive_count, lifetime_count; /* 0: by the interval */
    int64_t items_per_subscription;           /* 0: as the server allows */
    bool fetch_display_names, cyclic_read, republish, no_transfer, reverse;
    bool session_per_group;    /* each writer group has sessions of its own */
    bool one_publishing_interval; /* the intervals of nodes and entries do not count: publishing_ms does */
    int64_t watchdog_ms;    /* 0: none */
    enum watchdog_condition watchdog_condition;
    enum watchdog_behavior watchdog_behavior;
    int64_t rebrowse_ms;
};

#define PLAN_GROUP_NAME "<<UnknownWriterGroup>>"
#define PLAN_WRITER_NAME "<<UnknownDataSet>>"

struct plan_item {
    uint64_t key; /* hash of all that is said of it */
    struct slice node, index_range;
    struct slice
        browse_path; /* JSON array, from `node` (empty: the writer's root, or Root); empty: none */
    struct slice field;          /* name in a data set's payload */
    struct slice field_id;       /* DataSetFieldId as it was given; empty: none */
    struct slice display_name;   /* of a sample; empty: none */
    struct slice class_field_id; /* DataSetClassFieldId; empty: none */
    struct slice event_filter;   /* JSON; empty: a value */
    int64_t sampling_ms, heartbeat_ms;
    int64_t cyclic_max_age_ms;
    int64_t snapshot_ms, update_ms; /* ConditionHandling; 0: none. update_ms is given with it */
    int64_t rebrowse_ms;            /* ModelChangeHandling; 0: none */
    double deadband;
    uint32_t queue_size;
    uint16_t attribute; /* 0: Value */
    uint8_t trigger, deadband_type, heartbeat;
    bool skip_first, discard_new;
    bool cyclic_read, register_node, fetch_display_name, refresh_conditions;
    bool backfill; /* what was missed is read from the server's history */
    struct plan_item *triggered; /* SetTriggering: reported when this one is; one level */
    size_t triggered_count;
};

struct plan_writer {
    struct slice key;
    struct slice same_key; /* but for the publishing interval: the same writer at another pace */
    struct slice name, data_set;
    struct opcua_connection connection;
    int64_t publishing_ms;
    uint32_t keep_alive_count;
    uint32_t key_frame_count;
    uint8_t priority;
    bool no_transfer, republish, keep_alive_messages, keep_alive_key_frames, dump_diagnostics;
    struct slice extension_fields; /* JSON members without braces; empty: none */
    struct slice description, class_id, type, subject, source_uri; /* of the data set */
    struct slice root_node;  /* where browse paths begin; empty: Root */
    struct plan_route route; /* of all its nodes: those with another one are another writer */
    struct plan_route metadata_route;
    struct slice way; /* for topics, when `routing` asks for it and the server has told it; not of the file */
    int64_t metadata_ms; /* how often it is sent again; 0: only when it changes */
    enum plan_routing routing;
    int64_t watchdog_ms; /* 0: none */
    enum watchdog_condition watchdog_condition;
    enum watchdog_behavior watchdog_behavior;
    struct plan_item *items;
    size_t item_count;
};

struct plan_group {
    struct slice key;
    struct slice name, publisher_id;
    struct slice root_node, type, properties; /* told, not acted upon; properties: JSON object */
    struct plan_route route;
    enum plan_transport transport;
    struct slice transport_configuration; /* connection string; empty: the program's */
    uint32_t partitions;                  /* 0: none */
    enum messaging_mode mode;
    enum message_encoding encoding;
    uint32_t batch_size; /* notifications; 0: as one, and 1 is without the array around it */
    uint32_t batch_ms;
    bool strict;
    bool metadata; /* metadata messages where the mode has them */
    bool schemas;  /* what messages look like goes with them */
    enum plan_names names;
    enum plan_stamp stamp;
    bool lone_value, last_in_batch, routing_info, cloud_events; /* as in plan_defaults */
    uint32_t data_sets_max; /* data set messages in a message; 0: any number */
    struct plan_writer *writers;
    size_t writer_count;
};

struct plan {
    struct arena arena;
    struct plan_group *groups;
    size_t group_count, writer_count, item_count, duplicates;
};

/* Messages can be read only by who knows what is in them. */
bool plan_is_avro(enum message_encoding encoding);

/* `c` must outlive the plan. */
void plan_make(const struct config *c, const struct plan_defaults *defaults, struct plan *out);
void plan_clear(struct plan *p);
