#include "publisher/publisher_settings.h"

/* clang-format off */
const struct setting publisher_settings[] = {
    {"file", SETTING_PATH, "publishednodes.json", "which nodes to publish; watched for changes", 0, 0, NULL, false},
    {"file.create", SETTING_BOOL, "false", "makes that file, empty, when it is not there", 0, 0, NULL, false},
    {"schema", SETTING_BOOL, "false", "prints the JSON schema of that file, and ends", 0, 0, NULL, false},
    {"check.file", SETTING_BOOL, "false", "says what is wrong with that file, and ends", 0, 0, NULL, false},
    {"init.file", SETTING_PATH, NULL, "calls of methods to make at the start, and when it changes", 0, 0, NULL, false},
    {"init.log", SETTING_PATH, NULL, "what became of them; else beside that file, with .log", 0, 0, NULL, false},
    {"publisher.id", SETTING_TEXT, NULL, "in messages; else {device}_module_{module}", 0, 0, NULL, false},

    {"mode", SETTING_WORD, NULL, "shape of messages when an entry does not say; else Samples, strict PubSub", 0, 0, "Samples|FullSamples|PubSub|FullNetworkMessages|DataSetMessages|SingleDataSetMessage|DataSets|SingleDataSet|RawDataSets|SingleRawDataSet", false},
    {"mode.full", SETTING_BOOL, "false", "Samples become FullSamples, and PubSub FullNetworkMessages", 0, 0, NULL, false},
    {"encoding", SETTING_WORD, "Json", "of values when an entry does not say", 0, 0, "Json|JsonReversible|JsonGzip|JsonReversibleGzip|JsonCompact|JsonVerbose|JsonCompactGzip|JsonVerboseGzip|Uadp|Avro|AvroGzip", false},
    {"strict", SETTING_BOOL, "false", "OPC UA Part 14 to the letter", 0, 0, NULL, false},
    {"names", SETTING_WORD, NULL, "how node ids say their namespace; else Uri, strict Expanded", 0, 0, "Uri|Index|Expanded|ExpandedWithNamespace0", false},
    {"batch.size", SETTING_INTEGER, NULL, "notifications in a message; 0 or 1: no batching; else 50, strict 0", 0, 1000000, NULL, false},
    {"batch.interval", SETTING_DURATION, NULL, "how long a message waits for more; 0s: for ever; else 10s, strict 0s", 0, 86400000, NULL, false},
    {"batch.datasets", SETTING_INTEGER, "0", "data set messages in a message; 0: as many as fit", 0, UINT32_MAX, NULL, false},
    {"batch.last", SETTING_BOOL, "false", "of a node's values in one message the last one alone", 0, 0, NULL, false},
    {"writer.nodes", SETTING_INTEGER, "1000", "nodes of one data set writer; more become further writers", 1, 100000, NULL, false},
    {"lone.value", SETTING_BOOL, "false", "a data set of one field is written as the field's value", 0, 0, NULL, false},
    {"keyframe.count", SETTING_INTEGER, "0", "every so many data set messages one has all values; 0: never", 0, UINT32_MAX, NULL, false},
    {"keepalive.messages", SETTING_BOOL, "false", "a subscription's sign of life becomes a message", 0, 0, NULL, false},
    {"keepalive.keyframes", SETTING_BOOL, "false", "that message has all values", 0, 0, NULL, false},
    {"metadata", SETTING_BOOL, NULL, "sends what data sets look like, where the mode has that; else only when strict", 0, 0, NULL, false},
    {"metadata.interval", SETTING_DURATION, "0s", "how often; 0s: when it changes", 0, INT64_MAX, NULL, false},
    {"schemas", SETTING_BOOL, NULL, "sends a schema of the messages to a topic beside theirs; else only for Avro", 0, 0, NULL, false},
    {"message.bytes", SETTING_SIZE, "250KiB", "of a message, at most", 1024, 1 << 30, NULL, false},
    {"message.time", SETTING_WORD, "CurrentTimeUtc", "of which moment a message's timestamp is", 0, 0, "CurrentTimeUtc|PublishTime|EncodingTimeUtc", false},
    {"message.qos", SETTING_WORD, "AtLeastOnce", "how surely a message comes", 0, 0, "AtMostOnce|AtLeastOnce|ExactlyOnce", false},
    {"message.ttl", SETTING_DURATION, "0s", "how long a message is worth sending; 0s: for ever", 0, INT64_MAX, NULL, false},
    {"message.retain", SETTING_BOOL, "false", "a broker keeps the last one of each topic", 0, 0, NULL, false},
    {"routing.info", SETTING_BOOL, "false", "the property $$RoutingInfo has the writer group's name", 0, 0, NULL, false},
    {"cloud.events", SETTING_BOOL, "false", "messages have the properties of CloudEvents", 0, 0, NULL, false},
    {"transport", SETTING_WORD, NULL, "where messages of groups go that do not say; the first that is configured, in this order", 0, 0, "IoTHub|Mqtt|EventHub|Kafka|Dapr|Http|FileSystem|Null|AioMqtt|AioDss", false},
    {"mqtt.connection", SETTING_TEXT, NULL, "a broker: HostName=;Port=;Username=;Password=;Protocol=v5|v311;UseTls=;ClientId=;KeepAlivePeriod=", 0, 0, NULL, true},
    {"eventhub.connection", SETTING_TEXT, NULL, "an event hub: Endpoint=sb://…/;SharedAccessKeyName=;SharedAccessKey=;EntityPath=", 0, 0, NULL, true},
    {"kafka.connection", SETTING_TEXT, NULL, "Kafka: bootstrap.servers=;topic=; and any other property of its clients", 0, 0, NULL, true},
    {"dapr.connection", SETTING_TEXT, NULL, "the HTTP API of a Dapr side car: PubSubComponent=;HttpPort=;Scheme=;Host=;ApiKey=", 0, 0, NULL, true},
    {"http.connection", SETTING_TEXT, NULL, "a webhook: HostName=;Port=;Scheme=;Put=;ApiKey=", 0, 0, NULL, true},
    {"output", SETTING_TEXT, NULL, "a folder: messages are appended to a file for each topic; or stdout, stderr", 0, 0, NULL, false},
    {"transport.ca", SETTING_PATH, NULL, "PEM file of authorities for brokers, webhooks and event hubs; else the system's", 0, 0, NULL, false},
    {"partitions", SETTING_INTEGER, "0", "connections of one transport, among which topics are divided; 0: one", 0, OUTBOX_PARTITIONS_MAX, NULL, false},
    {"queue.durability", SETTING_WORD, "fsync", "where messages wait: on the disk, or in memory alone", 0, 0, STORE_DURABILITY_WORDS, false},
    {"queue.path", SETTING_PATH, "~/.local/state/millrace/opc/queue", "folder of the queues; each module has its own in it", 0, 0, NULL, false},
    {"queue.disk", SETTING_SIZE, "1GiB", "bytes of a queue on the disk, at most", 1 << 20, INT64_MAX, NULL, false},
    {"queue.age", SETTING_DURATION, "0s", "messages that wait longer are given up; 0s: none is", 0, INT64_MAX, NULL, false},
    {"queue.full", SETTING_WORD, "oldest", "what goes when a queue on the disk is full; or hold: the OPC UA servers are held back", 0, 0, "oldest|newest|hold", false},
    {"queue.bytes", SETTING_SIZE, "32MiB", "messages in memory; then the OPC UA servers are held back", 1 << 16, INT64_MAX, NULL, false},
    {"topic.root", SETTING_TEXT, "{PublisherId}", "template of {RootTopic}", 0, 0, NULL, false},
    {"topic.telemetry", SETTING_TEXT, "{RootTopic}/messages/{WriterGroup}", "template of messages' topics; at an edge or hub of the module's output", 0, 0, NULL, false},
    {"topic.events", SETTING_TEXT, "{RootTopic}/events", "template of the topic of what the publisher tells", 0, 0, NULL, false},
    {"topic.diagnostics", SETTING_TEXT, "{RootTopic}/diagnostics/{WriterGroup}", "template of the topic of diagnostics", 0, 0, NULL, false},
    {"topic.metadata", SETTING_TEXT, "", "template of the topic of metadata, such as {TelemetryTopic}/metadata; empty: with the messages", 0, 0, NULL, false},
    {"topic.schema", SETTING_TEXT, "{TelemetryTopic}/schema", "template of the topic of schemas; below it, where one for all is too large, one for each writer", 0, 0, NULL, false},
    {"topic.methods", SETTING_TEXT, "{RootTopic}/methods", "template of the topic where methods are called", 0, 0, NULL, false},
    {"topic.routing", SETTING_WORD, "None", "a topic for each node, from its browse path", 0, 0, "None|UseBrowseNames|UseBrowseNamesWithNamespaceIndex", false},

    {"publishing.interval", SETTING_DURATION, "1s", "of subscriptions when an entry does not say; 0s: as fast as the server can", 0, 86400000, NULL, false},
    {"publishing.ignore", SETTING_BOOL, "false", "that one counts, whatever nodes and entries say", 0, 0, NULL, false},
    {"sampling.interval", SETTING_DURATION, "1s", "of nodes when an entry does not say", 0, 86400000, NULL, false},
    {"keepalive.count", SETTING_INTEGER, "0", "publishing intervals without values until the server says that it is there; 0: by the interval", 0, UINT32_MAX, NULL, false},
    {"lifetime.count", SETTING_INTEGER, "0", "publishing intervals until the server gives up a subscription that nobody asks; 0: by the interval", 0, UINT32_MAX, NULL, false},
    {"subscription.items", SETTING_INTEGER, "0", "nodes of one subscription; 0: as the server allows", 0, UINT32_MAX, NULL, false},
    {"queue.size", SETTING_INTEGER, "1", "values that the server keeps for a node between two notifications", 0, 65535, NULL, false},
    {"queue.auto", SETTING_BOOL, "false", "as many as are sampled in a publishing interval, at least", 0, 0, NULL, false},
    {"discard.new", SETTING_BOOL, "false", "a full queue at the server loses its newest value, not the oldest", 0, 0, NULL, false},
    {"workload.uri", SETTING_TEXT, NULL, "of the IoT Edge runtime's workload API, unix://… or http://…, which opens users and passwords that stand encrypted in the file", 0, 0, NULL, false},
    {"credentials.encrypted", SETTING_BOOL, "false", "entries whose users and passwords cannot be opened so are left out, not asked as Anonymous, and methods write those in the file encrypted; without workload.uri the program does not start", 0, 0, NULL, false},
    {"workload.module", SETTING_TEXT, "", "the module for which they were encrypted", 0, 0, NULL, false},
    {"workload.generation", SETTING_TEXT, "", "and its generation", 0, 0, NULL, false},
    {"backfill", SETTING_BOOL, "false", "reads what was missed in an outage from the server's history, where it has one, and sends it marked as late", 0, 0, NULL, false},
    {"backfill.keep", SETTING_DURATION, "15s", "how often it is kept beside the queues until when values were sent, so that what was missed while the publisher was down is read as well; 0s: never", 0, 86400000, NULL, false},
    {"backfill.rate", SETTING_INTEGER, "10000", "values a second that are read so from one server; 0: as fast as it goes", 0, 100000000, NULL, false},
    {"skip.first", SETTING_BOOL, "false", "leaves the first value of each node out", 0, 0, NULL, false},
    {"trigger", SETTING_WORD, "StatusValue", "which change of a node is sent", 0, 0, "Status|StatusValue|StatusValueTimestamp", false},
    {"heartbeat.interval", SETTING_DURATION, "0s", "sends the last value again after that; 0s: never", 0, 86400000, NULL, false},
    {"heartbeat.behavior", SETTING_WORD, "WatchdogLKV", "which value, and when", 0, 0, "WatchdogLKV|WatchdogLKG|PeriodicLKV|PeriodicLKG|WatchdogLKVWithUpdatedTimestamps|WatchdogLKVDiagnosticsOnly|PeriodicLKVDropValue|PeriodicLKGDropValue", false},
    {"watchdog.interval", SETTING_DURATION, "0s", "nodes that say nothing for so long are late; 0s: never", 0, INT64_MAX, NULL, false},
    {"watchdog.condition", SETTING_WORD, "WhenAllAreLate", "when something is done about it", 0, 0, "WhenAllAreLate|WhenAnyIsLate", false},
    {"watchdog.behavior", SETTING_WORD, "Diagnostic", "what is done", 0, 0, "Diagnostic|Reset|FailFast|ExitProcess", false},
    {"display.names", SETTING_BOOL, "false", "nodes without a name have the server's display name", 0, 0, NULL, false},
    {"cyclic.reads", SETTING_BOOL, "false", "nodes are read again and again, not subscribed", 0, 0, NULL, false},
    {"republish", SETTING_BOOL, "false", "asks again for what was not acknowledged, when a subscription is taken along", 0, 0, NULL, false},
    {"transfer", SETTING_BOOL, "true", "takes subscriptions along to a new session", 0, 0, NULL, false},
    {"reverse.connect", SETTING_BOOL, "false", "servers connect to us, unless an entry says otherwise", 0, 0, NULL, false},
    {"group.sessions", SETTING_BOOL, "false", "each writer group has a session of its own; else groups share one", 0, 0, NULL, false},
    {"diagnostics.interval", SETTING_DURATION, "60s", "how often what was counted is told; 0s: never", 0, INT64_MAX, NULL, false},
    {"diagnostics.target", SETTING_WORD, "Logger", "in the log, or as messages", 0, 0, "Logger|Events", false},
    {"runtime.state", SETTING_BOOL, "false", "messages say that the publisher starts, runs and ends", 0, 0, NULL, false},
    {"rebrowse.interval", SETTING_DURATION, "12h", "how often a server is browsed for changes of its model", 1000, INT64_MAX, NULL, false},
};
/* clang-format on */
const size_t publisher_settings_count = sizeof(publisher_settings) / sizeof(publisher_settings[0]);

/* Which of the words it is; 0: not given. */
static int word_of(const struct settings *s, const char *name, const char *const *words, int count)
{
    const char *text = settings_text(s, name);
    for (int i = 0; text && i < count; i++)
        if (words[i] && strcmp(words[i], text) == 0)
            return i;
    return 0;
}

#define WORD_OF(s, name, words) word_of(s, name, words, sizeof(words) / sizeof((words)[0]))

static const char *const all_names[] = {[NAMES_URI] = "Uri",
                                        [NAMES_INDEX] = "Index",
                                        [NAMES_EXPANDED] = "Expanded",
                                        [NAMES_EXPANDED_0] = "ExpandedWithNamespace0"};
static const char *const stamps[] = {[STAMP_NOW] = "CurrentTimeUtc",
                                     [STAMP_PUBLISHED] = "PublishTime",
                                     [STAMP_ENCODED] = "EncodingTimeUtc"};

/* A setting with the words of a property of the file. */
static int as_property(const struct settings *s, const char *name, const char *property)
{
    const char *text = settings_text(s, name);
    return text ? config_word(property, text) : 0;
}

static enum messaging_mode mode_of(const struct settings *s, bool strict)
{
    enum messaging_mode mode = (enum messaging_mode)as_property(s, "mode", "MessagingMode");
    if (mode == MODE_UNSET)
        mode = strict ? MODE_PUBSUB : MODE_SAMPLES;
    if (settings_bool(s, "mode.full"))
        mode = mode == MODE_SAMPLES  ? MODE_FULL_SAMPLES
               : mode == MODE_PUBSUB ? MODE_FULL_NETWORK_MESSAGES
                                     : mode;
    return mode;
}

static void read_messages(const struct settings *s, struct plan_defaults *d)
{
    bool strict = settings_bool(s, "strict");
    d->strict = strict;
    d->mode = mode_of(s, strict);
    d->encoding = (enum message_encoding)as_property(s, "encoding", "MessageEncoding");
    d->names = (enum plan_names)WORD_OF(s, "names", all_names);
    d->batch_size = settings_given(s, "batch.size") ? settings_integer(s, "batch.size") : strict ? 0 : 50;
    d->batch_ms = settings_given(s, "batch.interval") ? (int64_t)settings_ms(s, "batch.interval")
                  : strict                            ? 0
                                                      : 10000;
    d->data_sets_max = settings_integer(s, "batch.datasets");
    d->last_in_batch = settings_bool(s, "batch.last");
    d->nodes_per_writer = (uint32_t)settings_integer(s, "writer.nodes");
    d->lone_value = settings_bool(s, "lone.value");
    d->key_frame_count = settings_integer(s, "keyframe.count");
    d->keep_alive_messages = settings_bool(s, "keepalive.messages");
    d->keep_alive_key_frames = settings_bool(s, "keepalive.keyframes");
    d->metadata = settings_given(s, "metadata") ? settings_bool(s, "metadata") : strict;
    d->metadata_ms = (int64_t)settings_ms(s, "metadata.interval");
    if (settings_given(s, "schemas"))
        d->schemas = settings_bool(s, "schemas") ? SAID_YES : SAID_NO;
    d->stamp = (enum plan_stamp)WORD_OF(s, "message.time", stamps);
    d->routing_info = settings_bool(s, "routing.info");
    d->cloud_events = settings_bool(s, "cloud.events");
}

static void read_routes(const struct settings *s, struct plan_defaults *d)
{
    d->qos = (enum plan_qos)as_property(s, "message.qos", "QualityOfService");
    d->ttl_ms = (int64_t)settings_ms(s, "message.ttl");
    d->retain = settings_bool(s, "message.retain");
    d->transport = (enum plan_transport)as_property(s, "transport", "WriterGroupTransport");
    d->partitions = (uint32_t)settings_integer(s, "partitions");
    d->routing = (enum plan_routing)as_property(s, "topic.routing", "DataSetRouting");
}

static void read_subscriptions(const struct settings *s, struct plan_defaults *d)
{
    d->publishing_ms = (int64_t)settings_ms(s, "publishing.interval");
    d->one_publishing_interval = settings_bool(s, "publishing.ignore");
    d->sampling_ms = (int64_t)settings_ms(s, "sampling.interval");
    d->keep_alive_count = settings_integer(s, "keepalive.count");
    d->lifetime_count = settings_integer(s, "lifetime.count");
    d->items_per_subscription = settings_integer(s, "subscription.items");
    d->queue_size = settings_integer(s, "queue.size");
    d->auto_queue_size = settings_bool(s, "queue.auto");
    d->discard_new = settings_bool(s, "discard.new");
    d->backfill = settings_bool(s, "backfill");
    d->skip_first = settings_bool(s, "skip.first");
    d->trigger = (enum data_change_trigger)as_property(s, "trigger", "DataChangeTrigger");
    d->heartbeat_ms = (int64_t)settings_ms(s, "heartbeat.interval");
    d->heartbeat = as_property(s, "heartbeat.behavior", "HeartbeatBehavior");
    d->watchdog_ms = (int64_t)settings_ms(s, "watchdog.interval");
    d->watchdog_condition = (enum watchdog_condition)as_property(s, "watchdog.condition", "OpcNodeWatchdogCondition");
    d->watchdog_behavior = (enum watchdog_behavior)as_property(s, "watchdog.behavior", "DataSetWriterWatchdogBehavior");
    d->fetch_display_names = settings_bool(s, "display.names");
    d->cyclic_read = settings_bool(s, "cyclic.reads");
    d->republish = settings_bool(s, "republish");
    d->no_transfer = !settings_bool(s, "transfer");
    d->reverse = settings_bool(s, "reverse.connect");
    d->session_per_group = settings_bool(s, "group.sessions");
    d->rebrowse_ms = (int64_t)settings_ms(s, "rebrowse.interval");
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

static enum queue_policy policy_of(const char *word)
{
    if (strcmp(word, "hold") == 0)
        return QUEUE_HOLD;
    return strcmp(word, "newest") == 0 ? QUEUE_NEWEST : QUEUE_OLDEST;
}

static struct outbox_options outbox_of(const struct settings *s)
{
    const char *transport = settings_text(s, "transport");
    return (struct outbox_options){
        .transport = transport ? transport_of_word(transport) : TRANSPORT_UNSET,
        .refused = transport ? transport_refusal(transport) : NULL,
        .connections = {[TRANSPORT_MQTT] = settings_text(s, "mqtt.connection"),
                        [TRANSPORT_EVENT_HUB] = settings_text(s, "eventhub.connection"),
                        [TRANSPORT_HTTP] = settings_text(s, "http.connection"),
                        [TRANSPORT_FILE] = settings_text(s, "output"),
                        [TRANSPORT_DAPR] = settings_text(s, "dapr.connection"),
                        [TRANSPORT_KAFKA] = settings_text(s, "kafka.connection")},
        .partitions = (uint32_t)settings_integer(s, "partitions"),
        .ca_file = settings_text(s, "transport.ca"),
        .memory_bytes = settings_size(s, "queue.bytes"),
        .directory = settings_text(s, "queue.path"),
        .durability = store_durability(settings_text(s, "queue.durability")),
        .bytes_max = settings_size(s, "queue.disk"),
        .age_ms = settings_ms(s, "queue.age"),
        .policy = policy_of(settings_text(s, "queue.full")),
    };
}

struct publisher_config publisher_settings_read(const struct settings *s, const char *publisher_id)
{
    const char *given = settings_text(s, "publisher.id");
    struct publisher_config c = {
        .path = settings_text(s, "file"),
        .create = settings_bool(s, "file.create"),
        .outbox = outbox_of(s),
        .init_file = settings_text(s, "init.file"),
        .init_log = settings_text(s, "init.log"),
        .diagnostics_ms = settings_ms(s, "diagnostics.interval"),
        .diagnostics_as_events = settings_text(s, "diagnostics.target")[0] == 'E',
        .runtime_state = settings_bool(s, "runtime.state"),
        .backfill_rate = (uint32_t)settings_integer(s, "backfill.rate"),
        .workload_uri = settings_text(s, "workload.uri"),
        .credentials_forced = settings_bool(s, "credentials.encrypted"),
        .workload_module = settings_text(s, "workload.module"),
        .workload_generation = settings_text(s, "workload.generation"),
        .backfill_every_ms = (uint64_t)settings_ms(s, "backfill.keep"),
        .body_max = settings_size(s, "message.bytes"),
        .topics = topics_of(s),
        .defaults = {.publisher_id = given ? given : publisher_id},
    };
    read_messages(s, &c.defaults);
    read_routes(s, &c.defaults);
    read_subscriptions(s, &c.defaults);
    return c;
}
