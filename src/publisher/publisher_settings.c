#include "publisher/publisher_settings.h"

/* clang-format off */
const struct setting publisher_settings[] = {
    {"file", SETTING_PATH, "publishednodes.json", "which nodes to publish; watched for changes", 0, 0, NULL, false},
    {"check.file", SETTING_BOOL, "false", "says what is wrong with that file, and ends", 0, 0, NULL, false},
    {"publisher.id", SETTING_TEXT, NULL, "in messages; else {device}_module_{module}", 0, 0, NULL, false},
    {"mode", SETTING_WORD, "Samples", "shape of messages when an entry does not say", 0, 0, "Samples|FullSamples|PubSub|FullNetworkMessages|DataSetMessages|SingleDataSetMessage|DataSets|SingleDataSet|RawDataSets|SingleRawDataSet", false},
    {"encoding", SETTING_WORD, "Json", "of values when an entry does not say", 0, 0, "Json|JsonReversible", false},
    {"strict", SETTING_BOOL, "false", "OPC UA Part 14 to the letter", 0, 0, NULL, false},
    {"batch.size", SETTING_INTEGER, "50", "notifications in a message; 0 or 1: no batching", 0, 1000000, NULL, false},
    {"batch.interval", SETTING_DURATION, "10s", "how long a message waits for more; 0s: for ever", 0, 86400000, NULL, false},
    {"publishing.interval", SETTING_DURATION, "1s", "of subscriptions when an entry does not say", 1, 86400000, NULL, false},
    {"sampling.interval", SETTING_DURATION, "1s", "of nodes when an entry does not say", 0, 86400000, NULL, false},
    {"queue.size", SETTING_INTEGER, "1", "values that the server keeps for a node between two notifications", 0, 65535, NULL, false},
    {"queue.auto", SETTING_BOOL, "false", "as many as are sampled in a publishing interval, at least", 0, 0, NULL, false},
    {"skip.first", SETTING_BOOL, "false", "leaves the first value of each node out", 0, 0, NULL, false},
    {"discard.new", SETTING_BOOL, "false", "a full queue at the server loses its newest value, not the oldest", 0, 0, NULL, false},
    {"heartbeat.interval", SETTING_DURATION, "0s", "sends the last value again after that; 0s: never", 0, 86400000, NULL, false},
    {"writer.nodes", SETTING_INTEGER, "1000", "nodes of one data set writer; more become further writers", 1, 100000, NULL, false},
    {"message.bytes", SETTING_SIZE, "250KiB", "of a message, at most", 1024, 1 << 30, NULL, false},
    {"queue.bytes", SETTING_SIZE, "32MiB", "what waits for the hub; then the OPC UA servers are held back", 1 << 16, INT64_MAX, NULL, false},
    {"topic.root", SETTING_TEXT, "{PublisherId}", "template of {RootTopic}", 0, 0, NULL, false},
    {"topic.telemetry", SETTING_TEXT, "{RootTopic}/messages/{WriterGroup}", "template of messages' topics; at an edge or hub of the module's output", 0, 0, NULL, false},
    {"topic.events", SETTING_TEXT, "{RootTopic}/events", "template of the topic of what the publisher tells", 0, 0, NULL, false},
    {"topic.diagnostics", SETTING_TEXT, "{RootTopic}/diagnostics/{WriterGroup}", "template of the topic of diagnostics", 0, 0, NULL, false},
    {"topic.metadata", SETTING_TEXT, "", "template of the topic of metadata, such as {TelemetryTopic}/metadata; empty: with the messages", 0, 0, NULL, false},
    {"topic.schema", SETTING_TEXT, "{TelemetryTopic}/schema", "template of the topic of schemas", 0, 0, NULL, false},
    {"topic.methods", SETTING_TEXT, "{RootTopic}/methods", "template of the topic where methods are called", 0, 0, NULL, false},
};
/* clang-format on */
const size_t publisher_settings_count = sizeof(publisher_settings) / sizeof(publisher_settings[0]);

static enum messaging_mode mode_of(const char *word)
{
    static const char *const words[] = {
        [MODE_SAMPLES] = "Samples",
        [MODE_FULL_SAMPLES] = "FullSamples",
        [MODE_PUBSUB] = "PubSub",
        [MODE_FULL_NETWORK_MESSAGES] = "FullNetworkMessages",
        [MODE_DATA_SET_MESSAGES] = "DataSetMessages",
        [MODE_SINGLE_DATA_SET_MESSAGE] = "SingleDataSetMessage",
        [MODE_DATA_SETS] = "DataSets",
        [MODE_SINGLE_DATA_SET] = "SingleDataSet",
        [MODE_RAW_DATA_SETS] = "RawDataSets",
        [MODE_SINGLE_RAW_DATA_SET] = "SingleRawDataSet",
    };
    for (size_t i = MODE_SAMPLES; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i], word) == 0)
            return (enum messaging_mode)i;
    return MODE_SAMPLES;
}

static enum message_encoding encoding_of(const char *word)
{
    return strcmp(word, "Json") == 0 ? ENCODING_JSON : ENCODING_JSON_REVERSIBLE;
}

static struct topic_templates topics_of(const struct settings *s)
{
    return (struct topic_templates){.of = {
                                        [TOPIC_ROOT] = slice_of(settings_text(s, "topic.root")),
                                        [TOPIC_TELEMETRY] = slice_of(settings_text(s, "topic.telemetry")),
                                        [TOPIC_EVENTS] = slice_of(settings_text(s, "topic.events")),
                                        [TOPIC_DIAGNOSTICS] = slice_of(settings_text(s, "topic.diagnostics")),
                                        [TOPIC_METADATA] = slice_of(settings_text(s, "topic.metadata")),
                                        [TOPIC_SCHEMA] = slice_of(settings_text(s, "topic.schema")),
                                        [TOPIC_METHODS] = slice_of(settings_text(s, "topic.methods")),
                                    }};
}

struct publisher_config publisher_settings_read(const struct settings *s, const char *publisher_id)
{
    const char *given = settings_text(s, "publisher.id");
    return (struct publisher_config){
        .path = settings_text(s, "file"),
        .queue_bytes = settings_size(s, "queue.bytes"),
        .body_max = settings_size(s, "message.bytes"),
        .topics = topics_of(s),
        .defaults = {.publisher_id = given ? given : publisher_id,
                     .mode = mode_of(settings_text(s, "mode")),
                     .encoding = encoding_of(settings_text(s, "encoding")),
                     .batch_size = settings_integer(s, "batch.size"),
                     .batch_ms = (int64_t)settings_ms(s, "batch.interval"),
                     .publishing_ms = (int64_t)settings_ms(s, "publishing.interval"),
                     .sampling_ms = (int64_t)settings_ms(s, "sampling.interval"),
                     .queue_size = settings_integer(s, "queue.size"),
                     .heartbeat_ms = (int64_t)settings_ms(s, "heartbeat.interval"),
                     .trigger = TRIGGER_STATUS_VALUE,
                     .skip_first = settings_bool(s, "skip.first"),
                     .discard_new = settings_bool(s, "discard.new"),
                     .auto_queue_size = settings_bool(s, "queue.auto"),
                     .strict = settings_bool(s, "strict"),
                     .nodes_per_writer = (uint32_t)settings_integer(s, "writer.nodes")},
    };
}
