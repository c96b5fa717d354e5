/*
 * publishednodes.json, in the spellings of OPC Publisher 2.5, 2.8 and 2.9: names in any case,
 * comments, a byte order mark, time spans beside milliseconds. Text in, entries out; no I/O.
 *
 * An entry or a node with a mistake is left out alone, and a finding says where it stands, which
 * field it is, and what to do. Text that is no JSON array gives nothing.
 */
#pragma once

#include "base/arena.h"
#include "base/buffer.h"
#include "base/status.h"
#include "opcua/session.h"
#include "json/json.h"

#define CONFIG_TEXT_MAX (64u << 20)
#define CONFIG_NODES_MAX 1000000 /* of a whole file */
#define CONFIG_NAME_MAX 4096     /* bytes of a node's id, of its path or of its names, as JSON */
#define CONFIG_FINDINGS_MAX 1000 /* more are only counted */
#define CONFIG_UNSET INT64_MIN   /* a number that the file does not give */

enum messaging_mode {
    MODE_UNSET,
    MODE_SAMPLES,
    MODE_FULL_SAMPLES,
    MODE_PUBSUB,
    MODE_FULL_NETWORK_MESSAGES,
    MODE_DATA_SET_MESSAGES,
    MODE_SINGLE_DATA_SET_MESSAGE,
    MODE_DATA_SETS,
    MODE_SINGLE_DATA_SET,
    MODE_RAW_DATA_SETS,
    MODE_SINGLE_RAW_DATA_SET,
};

enum message_encoding {
    ENCODING_UNSET,
    ENCODING_JSON,
    ENCODING_JSON_REVERSIBLE,
    ENCODING_JSON_GZIP,
    ENCODING_JSON_REVERSIBLE_GZIP,
    ENCODING_UADP,
    ENCODING_JSON_COMPACT, /* of OPC UA 1.05, and so is: */
    ENCODING_JSON_VERBOSE,
    ENCODING_JSON_COMPACT_GZIP,
    ENCODING_JSON_VERBOSE_GZIP,
    ENCODING_AVRO,
    ENCODING_AVRO_GZIP,
};

enum data_change_trigger {
    TRIGGER_UNSET,
    TRIGGER_STATUS,
    TRIGGER_STATUS_VALUE,
    TRIGGER_STATUS_VALUE_TIMESTAMP
};
enum deadband_type { DEADBAND_NONE, DEADBAND_ABSOLUTE, DEADBAND_PERCENT };

/* As the bits of OPC Publisher's HeartbeatBehavior. */
enum heartbeat_behavior {
    HEARTBEAT_UNSET = -1,
    HEARTBEAT_LKG = 1,          /* only good values */
    HEARTBEAT_PERIODIC = 2,     /* not restarted by a value */
    HEARTBEAT_TIMESTAMPS = 4,   /* moved on by the time that went by */
    HEARTBEAT_DIAGNOSTICS = 8,  /* counted, not sent */
    HEARTBEAT_DROP_VALUES = 16, /* the heartbeats alone are sent */
};

enum tristate { NOT_SAID, SAID_NO, SAID_YES };

enum config_authentication { AUTHENTICATE_NOBODY, AUTHENTICATE_USER, AUTHENTICATE_CERTIFICATE };

/* Slices point into the document. */
struct config_node {
    struct slice id; /* Id or ExpandedNodeId; empty: what the browse path begins with */
    struct slice field_id, display_name;
    double deadband;
    int64_t sampling_ms, publishing_ms, heartbeat_ms, queue_size;
    int attribute;     /* 0: Value */
    int trigger;       /* enum data_change_trigger */
    int deadband_type; /* enum deadband_type */
    int heartbeat;     /* enum heartbeat_behavior, bits */
    int discard_new, skip_first, fetch_display_name, cyclic_read, register_node; /* enum tristate */
    const struct json *event_filter;                                             /* NULL: a value */
    const struct config_node_rare *rare; /* never NULL; mostly the one that says nothing */
    const struct json *at;
};

/* What few nodes say. */
struct config_node_rare {
    struct slice index_range, class_field_id, topic;
    struct slice type_definition; /* told, not acted upon */
    const struct json *browse_path, *condition, *model_change, *triggered_at, *method_metadata;
    int64_t cyclic_max_age_ms, update_ms, snapshot_ms, rebrowse_ms;
    int qos;                /* enum plan_qos */
    int refresh_conditions, backfill; /* enum tristate */
    struct config_node *triggered;
    size_t triggered_count;
};

struct config_entry {
    struct slice endpoint_url, user, password;
    struct slice publisher_id, group, writer, data_set;
    int security;       /* enum opcua_security */
    int authentication; /* enum config_authentication */
    int mode;           /* enum messaging_mode */
    int encoding;       /* enum message_encoding */
    int heartbeat;      /* enum heartbeat_behavior, bits */
    int64_t publishing_ms, sampling_ms, heartbeat_ms, batch_size, batch_ms, key_frame_count;
    const struct config_entry_rare *rare; /* never NULL */
    int sealed; /* enum config_authentication: the user stands there encrypted, and this is how it asks
                   once credentials.h settled it; Anonymous until then */
    struct config_node *nodes;
    size_t node_count;
    const struct json *at;
};

/* What few entries say. */
struct config_entry_rare {
    struct slice security_policy, encrypted_user, encrypted_password;
    struct slice description, class_id, type, subject, source_uri, root_node; /* of the data set */
    struct slice group_root_node, group_type, transport_configuration;
    struct slice group_queue, queue, metadata_queue;
    const struct json *extension_fields, *group_properties, *alternative_urls; /* NULL: none */
    int64_t group_ttl_ms, ttl_ms, metadata_ms, metadata_ttl_ms, watchdog_ms;
    int64_t keep_alive_count, priority, partitions;
    int group_qos, qos;                                            /* enum plan_qos */
    int transport, routing, watchdog_condition, watchdog_behavior; /* enums of the plan */
    int group_retain, retain, metadata_retain, keep_alive_messages, keep_alive_key_frames,
        fetch_display_names, republish, no_transfer, reverse, dump_diagnostics,
        backfill; /* enum tristate */
};

struct config;

/* Gives entries that stand there encrypted their users and passwords, as far as it can. */
struct config_opener {
    void (*open)(void *arg, struct config *c);
    void *arg;
};

struct config_finding {
    unsigned line, column;
    bool refused;       /* what it is about was left out; otherwise only a hint */
    struct slice field; /* may be empty */
    struct slice text;  /* what is wrong, and what to do */
};

struct config {
    struct json_doc *doc;
    struct arena arena;
    struct arena nodes; /* of all entries */
    struct config_entry *entries;
    size_t entry_count, node_count;
    struct config_finding *findings; /* in the order of the file */
    size_t finding_count;
    size_t refused;     /* entries and nodes left out */
    size_t places_left; /* findings whose line will still be looked for; then it is 0 */
};

/* BAD_FORMAT when the text as a whole is of no use: then *out holds one finding and no entry.
 * TOO_LARGE beyond CONFIG_TEXT_MAX or CONFIG_NODES_MAX, likewise. The caller clears *out in any
 * case. */
CHECKED enum status config_read(struct slice text, struct config *out);

/* Refuses the entries whose mode and encoding do not go together, with these where they say none.
 */
void config_check_profiles(struct config *c, enum messaging_mode mode,
                           enum message_encoding encoding);
/* Nothing is found any more: memory of the text that places are looked for in. */
void config_forget_text(struct config *c);
/* Its entries have no nodes any more; what these pointed to stays. For who made a plan of them. */
void config_forget_nodes(struct config *c);
void config_clear(struct config *c);

/* "path:12:5: DataSetPublishingInterval: …" for a person. */
void config_finding_print(const struct config_finding *f, const char *path, struct buffer *out);

/* What a word means as the value of a property of entries or nodes, in any case: "Mqtt" of
 * "WriterGroupTransport" is TRANSPORT_MQTT. 0 when it is none of its words. */
int config_word(const char *property, const char *word);
