#include "published/config_table.h"

#include "published/plan.h"

/* ---- words ---- */

/* clang-format off */
static const struct word modes[] = {
    {"Samples", MODE_SAMPLES, NULL},
    {"FullSamples", MODE_FULL_SAMPLES, NULL},
    {"PubSub", MODE_PUBSUB, NULL},
    {"FullNetworkMessages", MODE_FULL_NETWORK_MESSAGES, NULL},
    {"DataSetMessages", MODE_DATA_SET_MESSAGES, NULL},
    {"SingleDataSetMessage", MODE_SINGLE_DATA_SET_MESSAGE, NULL},
    {"DataSets", MODE_DATA_SETS, NULL},
    {"SingleDataSet", MODE_SINGLE_DATA_SET, NULL},
    {"RawDataSets", MODE_RAW_DATA_SETS, NULL},
    {"SingleRawDataSet", MODE_SINGLE_RAW_DATA_SET, NULL},
    {0},
};

static const struct word encodings[] = {
    {"Json", ENCODING_JSON, NULL},
    {"JsonReversible", ENCODING_JSON_REVERSIBLE, NULL},
    {"JsonGzip", ENCODING_JSON_GZIP, NULL},
    {"JsonReversibleGzip", ENCODING_JSON_REVERSIBLE_GZIP, NULL},
    {"JsonCompact", ENCODING_JSON_COMPACT, NULL},
    {"JsonVerbose", ENCODING_JSON_VERBOSE, NULL},
    {"JsonCompactGzip", ENCODING_JSON_COMPACT_GZIP, NULL},
    {"JsonVerboseGzip", ENCODING_JSON_VERBOSE_GZIP, NULL},
    {"Uadp", ENCODING_UADP, NULL},
    {"Avro", ENCODING_AVRO, NULL},
    {"AvroGzip", ENCODING_AVRO_GZIP, NULL},
    {"Xml", -1, "is a name without an encoding in every release; use Json or Uadp"},
    {"IsReversible", -1, "is a part of a name; use JsonReversible"},
    {"IsGzipCompressed", -1, "is a part of a name; use JsonGzip"},
    {0},
};

static const struct word securities[] = {
    {"None", OPCUA_SECURITY_NONE, NULL},
    {"Sign", OPCUA_SECURITY_SIGN, NULL},
    {"SignAndEncrypt", OPCUA_SECURITY_SIGN_AND_ENCRYPT, NULL},
    {"NotNone", OPCUA_SECURITY_NOT_NONE, NULL},
    {"Best", OPCUA_SECURITY_BEST, NULL},
    {0},
};

static const struct word authentications[] = {
    {"Anonymous", AUTHENTICATE_NOBODY, NULL},
    {"UsernamePassword", AUTHENTICATE_USER, NULL},
    {"UserName", AUTHENTICATE_USER, NULL},
    {"Certificate", AUTHENTICATE_CERTIFICATE, NULL},
    {0},
};

static const struct word triggers[] = {
    {"Status", TRIGGER_STATUS, NULL},
    {"StatusValue", TRIGGER_STATUS_VALUE, NULL},
    {"StatusValueTimestamp", TRIGGER_STATUS_VALUE_TIMESTAMP, NULL},
    {0},
};

static const struct word deadbands[] = {
    {"None", DEADBAND_NONE, NULL},
    {"Absolute", DEADBAND_ABSOLUTE, NULL},
    {"Percent", DEADBAND_PERCENT, NULL},
    {0},
};

static const struct word heartbeats[] = {
    {"WatchdogLKV", 0, NULL},
    {"WatchdogLKG", HEARTBEAT_LKG, NULL},
    {"PeriodicLKV", HEARTBEAT_PERIODIC, NULL},
    {"PeriodicLKG", HEARTBEAT_PERIODIC | HEARTBEAT_LKG, NULL},
    {"WatchdogLKVWithUpdatedTimestamps", HEARTBEAT_TIMESTAMPS, NULL},
    {"WatchdogLKVDiagnosticsOnly", HEARTBEAT_DIAGNOSTICS, NULL},
    {"PeriodicLKVDropValue", HEARTBEAT_PERIODIC | HEARTBEAT_DROP_VALUES, NULL},
    {"PeriodicLKGDropValue", HEARTBEAT_PERIODIC | HEARTBEAT_LKG | HEARTBEAT_DROP_VALUES, NULL},
    {0},
};

static const struct word qualities[] = {
    {"AtMostOnce", QOS_AT_MOST_ONCE, NULL},
    {"AtLeastOnce", QOS_AT_LEAST_ONCE, NULL},
    {"ExactlyOnce", QOS_EXACTLY_ONCE, NULL},
    {0},
};

#define NO_AIO "belongs to a connector of Azure IoT Operations; use Mqtt with that broker's connection string"

static const struct word transports[] = {
    {"IoTHub", TRANSPORT_IOT_HUB, NULL},
    {"Mqtt", TRANSPORT_MQTT, NULL},
    {"EventHub", TRANSPORT_EVENT_HUB, NULL},
    {"Http", TRANSPORT_HTTP, NULL},
    {"FileSystem", TRANSPORT_FILE, NULL},
    {"Kafka", TRANSPORT_KAFKA, NULL},
    {"Dapr", TRANSPORT_DAPR, NULL},
    {"Null", TRANSPORT_NULL, NULL},
    {"AioMqtt", -1, NO_AIO},
    {"AioDss", -1, NO_AIO},
    {0},
};

static const struct word routings[] = {
    {"None", ROUTING_NONE, NULL},
    {"UseBrowseNames", ROUTING_BROWSE_NAMES, NULL},
    {"UseBrowseNamesWithNamespaceIndex", ROUTING_BROWSE_NAMES_INDEX, NULL},
    {0},
};

static const struct word conditions[] = {
    {"WhenAllAreLate", WATCHDOG_ALL_LATE, NULL},
    {"WhenAnyIsLate", WATCHDOG_ANY_LATE, NULL},
    {0},
};

static const struct word behaviors[] = {
    {"Diagnostic", WATCHDOG_DIAGNOSTIC, NULL},
    {"Reset", WATCHDOG_RESET, NULL},
    {"FailFast", WATCHDOG_FAIL_FAST, NULL},
    {"ExitProcess", WATCHDOG_EXIT, NULL},
    {0},
};

/* Part 6, A.1. */
static const struct word attributes[] = {
    {"NodeId", 1, NULL}, {"NodeClass", 2, NULL}, {"BrowseName", 3, NULL}, {"DisplayName", 4, NULL},
    {"Description", 5, NULL}, {"WriteMask", 6, NULL}, {"UserWriteMask", 7, NULL},
    {"IsAbstract", 8, NULL}, {"Symmetric", 9, NULL}, {"InverseName", 10, NULL},
    {"ContainsNoLoops", 11, NULL}, {"EventNotifier", 12, NULL}, {"Value", 13, NULL},
    {"DataType", 14, NULL}, {"ValueRank", 15, NULL}, {"ArrayDimensions", 16, NULL},
    {"AccessLevel", 17, NULL}, {"UserAccessLevel", 18, NULL},
    {"MinimumSamplingInterval", 19, NULL}, {"Historizing", 20, NULL}, {"Executable", 21, NULL},
    {"UserExecutable", 22, NULL}, {"DataTypeDefinition", 23, NULL}, {"RolePermissions", 24, NULL},
    {"UserRolePermissions", 25, NULL}, {"AccessRestrictions", 26, NULL},
    {0},
};

static int value_of(const struct word *words, struct slice name)
{
    for (const struct word *w = words; w->name; w++)
        if (!w->why && slice_eq_nocase(name, slice_of(w->name)))
            return w->value;
    return 0;
}

/* ---- what stands in a node ---- */

#define NODE(member) offsetof(struct node_draft, node.member)
#define RARE(member) offsetof(struct node_draft, rare.member)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FIELDS(array) {array, COUNT(array)}
#define ROW(name, kind, part, offset, ...) {name, FIELD_##kind, part, offset, __VA_ARGS__}
#define HELP(text) NULL, NULL, 0, text
#define WORDS(words, text) words, NULL, 0, text
#define INSIDE(fields, text) NULL, &fields, 0, text
#define MAX(max, text) NULL, NULL, max, text

static const struct field operand_rows[] = {
    ROW("Value", ANY, OF_NOTHING, 0, HELP("literal")),
    ROW("DataType", ANY, OF_NOTHING, 0, HELP("of the literal: a name such as \"Double\", or a node id")),
    ROW("NodeId", ANY, OF_NOTHING, 0, HELP("type definition of an attribute's operand")),
    ROW("BrowsePath", ANY, OF_NOTHING, 0, HELP("names from the type to the field")),
    ROW("AttributeId", ANY, OF_NOTHING, 0, HELP("attribute of the field; Value where it is not given")),
    ROW("IndexRange", ANY, OF_NOTHING, 0, HELP("part of an array")),
    ROW("Index", ANY, OF_NOTHING, 0, HELP("of another element, from 0")),
    ROW("Alias", ANY, OF_NOTHING, 0, HELP("name of the operand")),
};
static const struct fields operand_fields = FIELDS(operand_rows);

static const struct field element_rows[] = {
    ROW("FilterOperator", ANY, OF_NOTHING, 0, HELP("Equals, IsNull, GreaterThan, LessThan, GreaterThanOrEqual, LessThanOrEqual, Like, Not, Between, InList, And, Or, Cast, InView, OfType, RelatedTo, BitwiseAnd or BitwiseOr")),
    ROW("FilterOperands", SHAPES, OF_NOTHING, 0, INSIDE(operand_fields, "as many as the operator takes")),
};
static const struct fields element_fields = FIELDS(element_rows);

static const struct field where_rows[] = {
    ROW("Elements", SHAPES, OF_NOTHING, 0, INSIDE(element_fields, "the first one decides; it names the others by their index")),
};
static const struct fields where_fields = FIELDS(where_rows);

static const struct field select_rows[] = {
    ROW("TypeDefinitionId", ANY, OF_NOTHING, 0, HELP("event type that has the field; BaseEventType where it is not given")),
    ROW("BrowsePath", ANY, OF_NOTHING, 0, HELP("names from the type to the field")),
    ROW("AttributeId", ANY, OF_NOTHING, 0, HELP("Value, or NodeId for a condition's own id")),
    ROW("IndexRange", ANY, OF_NOTHING, 0, HELP("part of an array")),
    ROW("DisplayName", ANY, OF_NOTHING, 0, HELP("name in the message; the path where it is not given")),
    ROW("DataSetClassFieldId", ANY, OF_NOTHING, 0, HELP("GUID of the field in its data set class")),
};
static const struct fields select_fields = FIELDS(select_rows);

static const struct field filter_rows[] = {
    ROW("TypeDefinitionId", ANY, OF_NOTHING, 0, HELP("the simple form: all fields of events of this type")),
    ROW("SelectClauses", SHAPES, OF_NOTHING, 0, INSIDE(select_fields, "fields of each event")),
    ROW("WhereClause", SHAPE, OF_NOTHING, 0, INSIDE(where_fields, "which events")),
};
static const struct fields filter_fields = FIELDS(filter_rows);

static const struct field condition_rows[] = {
    ROW("UpdateInterval", SECONDS, OF_NOTHING, RARE(update_ms), HELP("seconds: all active conditions are sent so long after one changed; SnapshotInterval where it is not given")),
    ROW("SnapshotInterval", SECONDS, OF_NOTHING, RARE(snapshot_ms), HELP("seconds: all active conditions are sent so often")),
    ROW("RefreshRetainedConditionsOnStart", FLAG, OF_NOTHING, RARE(refresh_conditions), HELP("asks the server once for the active conditions, as events; not with a SnapshotInterval")),
};
static const struct fields condition_fields = FIELDS(condition_rows);

static const struct field model_change_rows[] = {
    ROW("RebrowseIntervalTimespan", SPAN, OF_NOTHING, RARE(rebrowse_ms), HELP("how often the whole model is looked at; 12:00:00 where it is not given")),
    ROW("RebrowsePeriod", SPAN, OF_NOTHING, RARE(rebrowse_ms), HELP("an older name of RebrowseIntervalTimespan")),
};
static const struct fields model_change_fields = FIELDS(model_change_rows);

static const struct field node_rows[] = {
    ROW("Id", TEXT, OF_NODE, NODE(id), HELP("node id, such as \"nsu=http://plant/;s=Flow\", \"ns=2;i=7\" or \"http://plant/#s=Flow\"")),
    ROW("ExpandedNodeId", TEXT, OF_NOTHING, offsetof(struct node_draft, expanded_id), HELP("an older name of Id; Id beats it")),
    ROW("BrowsePath", TEXTS, OF_NODE, RARE(browse_path), HELP("names from Id, or else from DataSetRootNodeId, or else from Root, to the node")),
    ROW("AttributeId", WORD, OF_NODE, NODE(attribute), WORDS(attributes, "what of the node; Value where it is not given")),
    ROW("IndexRange", TEXT, OF_NODE, RARE(index_range), HELP("part of an array, such as \"0:9\"")),
    ROW("DataSetFieldId", TEXT, OF_NODE, NODE(field_id), HELP("name in data set messages, and of the node for the API")),
    ROW("DataSetClassFieldId", GUID, OF_NODE, RARE(class_field_id), HELP("of the field in its data set class")),
    ROW("DisplayName", TEXT, OF_NODE, NODE(display_name), HELP("name in samples; in data sets where there is no DataSetFieldId")),
    ROW("FetchDisplayName", FLAG, OF_NODE, NODE(fetch_display_name), HELP("reads the name from the server")),
    ROW("OpcSamplingInterval", MS, OF_NODE, NODE(sampling_ms), HELP("milliseconds; 0: as fast as the server can")),
    ROW("OpcSamplingIntervalTimespan", SPAN, OF_NOTHING, NODE(sampling_ms), HELP("the same as a time span, which wins")),
    ROW("OpcPublishingInterval", MS, OF_NODE, NODE(publishing_ms), HELP("milliseconds; nodes with another one are another writer")),
    ROW("OpcPublishingIntervalTimespan", SPAN, OF_NOTHING, NODE(publishing_ms), HELP("the same as a time span, which wins")),
    ROW("QueueSize", NUMBER, OF_NODE, NODE(queue_size), MAX(UINT32_MAX, "values that the server keeps between two notifications")),
    ROW("DiscardNew", FLAG, OF_NODE, NODE(discard_new), HELP("a full queue loses its newest value, not the oldest")),
    ROW("SkipFirst", FLAG, OF_NODE, NODE(skip_first), HELP("the first value is not sent")),
    ROW("DataChangeTrigger", WORD, OF_NODE, NODE(trigger), WORDS(triggers, "what counts as a change")),
    ROW("DeadbandType", WORD, OF_NODE, NODE(deadband_type), WORDS(deadbands, "changes that are too small are not reported")),
    ROW("DeadbandValue", DECIMAL, OF_NODE, NODE(deadband), HELP("how small; percent of EURange, or absolute")),
    ROW("HeartbeatInterval", SECONDS, OF_NODE, NODE(heartbeat_ms), HELP("seconds after which the last value is sent again; 0: never")),
    ROW("HeartbeatIntervalTimespan", SPAN, OF_NOTHING, NODE(heartbeat_ms), HELP("the same as a time span, which wins")),
    ROW("HeartbeatBehavior", WORD, OF_NODE, NODE(heartbeat), WORDS(heartbeats, "which value is sent again, and when")),
    ROW("UseCyclicRead", FLAG, OF_NODE, NODE(cyclic_read), HELP("reads at the sampling interval instead of subscribing")),
    ROW("CyclicReadMaxAge", MS, OF_NODE, RARE(cyclic_max_age_ms), HELP("milliseconds that a value in the server's cache may be old")),
    ROW("CyclicReadMaxAgeTimespan", SPAN, OF_NOTHING, RARE(cyclic_max_age_ms), HELP("the same as a time span, which wins")),
    ROW("RegisterNode", FLAG, OF_NODE, NODE(register_node), HELP("tells the server before that the node will be read often")),
    ROW("HistoryBackfill", FLAG, OF_NODE, RARE(backfill), HELP("what was missed in an outage is read from the server's history and sent as late; Millrace's own")),
    ROW("EventFilter", FILTER, OF_NODE, NODE(event_filter), INSIDE(filter_fields, "events instead of values; a text is a query, as CompileQuery takes it")),
    ROW("ConditionHandling", OBJECT, OF_NODE, RARE(condition), INSIDE(condition_fields, "keeps the active alarms and sends all of them")),
    ROW("ModelChangeHandling", OBJECT, OF_NODE, RARE(model_change), INSIDE(model_change_fields, "sends changes of the server's model")),
    ROW("TriggeredNodes", NODES, OF_NODE, RARE(triggered_at), HELP("nodes that are reported when this one is")),
    ROW("Topic", TEXT, OF_NODE, RARE(topic), HELP("of this node's messages; a template")),
    ROW("QualityOfService", WORD, OF_NODE, RARE(qos), WORDS(qualities, "of this node's messages")),
    ROW("TypeDefinitionId", TEXT, OF_NOTHING, RARE(type_definition), HELP("told, of no effect")),
    ROW("MethodMetadata", OBJECT, OF_NOTHING, RARE(method_metadata), HELP("told, of no effect")),
};
const struct fields config_node_fields = FIELDS(node_rows);

/* ---- entries ---- */

#define ENTRY(member) offsetof(struct entry_draft, entry.member)
#define SELDOM(member) offsetof(struct entry_draft, rare.member)
#define DRAFT(member) offsetof(struct entry_draft, member)

static const struct field entry_rows[] = {
    ROW("$schema", TEXT, OF_NOTHING, DRAFT(schema), HELP("of this file, for editors")),
    ROW("EndpointUrl", TEXT, OF_WRITER, ENTRY(endpoint_url), HELP("of the OPC UA server, such as \"opc.tcp://plc:4840\"")),
    ROW("Version", NUMBER, OF_NOTHING, DRAFT(version), MAX(UINT32_MAX, "counts the changes that were made through the API")),
    ROW("LastChangeDateTime", TEXT, OF_NOTHING, DRAFT(changed), HELP("when the last of them was made")),
    ROW("LastChangeTimespan", TEXT, OF_NOTHING, DRAFT(changed), HELP("an older name of LastChangeDateTime")),
    ROW("PublisherId", TEXT, OF_GROUP, ENTRY(publisher_id), HELP("in messages; the program's where it is not given")),
    ROW("DataSetWriterGroup", TEXT, OF_GROUP, ENTRY(group), HELP("name of the writer group")),
    ROW("DataSetWriterId", TEXT, OF_WRITER, ENTRY(writer), HELP("name of the writer; made unique in its group")),
    ROW("DataSetName", TEXT, OF_WRITER, ENTRY(data_set), HELP("of the data set, in metadata and topics")),
    ROW("DataSetDescription", TEXT, OF_WRITER_TOLD, SELDOM(description), HELP("in metadata")),
    ROW("DataSetClassId", GUID, OF_WRITER, SELDOM(class_id), HELP("of the data set, in messages")),
    ROW("DataSetType", TEXT, OF_WRITER, SELDOM(type), HELP("of the data set, for CloudEvents")),
    ROW("DataSetSubject", TEXT, OF_WRITER, SELDOM(subject), HELP("of the data set, for CloudEvents")),
    ROW("DataSetSourceUri", TEXT, OF_WRITER, SELDOM(source_uri), HELP("of the data set, for CloudEvents")),
    ROW("DataSetRootNodeId", TEXT, OF_WRITER, SELDOM(root_node), HELP("where browse paths without an Id begin; Root where it is not given")),
    ROW("WriterGroupRootNodeId", TEXT, OF_GROUP, SELDOM(group_root_node), HELP("told, of no effect")),
    ROW("WriterGroupType", TEXT, OF_GROUP, SELDOM(group_type), HELP("told, of no effect")),
    ROW("WriterGroupProperties", OBJECT, OF_GROUP_TOLD, SELDOM(group_properties), HELP("told, of no effect")),
    ROW("DataSetPublishingInterval", MS, OF_NOTHING, ENTRY(publishing_ms), HELP("milliseconds, of nodes that do not say")), /* in the key as what comes of it */
    ROW("DataSetPublishingIntervalTimespan", SPAN, OF_NOTHING, ENTRY(publishing_ms), HELP("the same as a time span, which wins")),
    ROW("DataSetSamplingInterval", MS, OF_WRITER, ENTRY(sampling_ms), HELP("milliseconds, of nodes that do not say")),
    ROW("DataSetSamplingIntervalTimespan", SPAN, OF_NOTHING, ENTRY(sampling_ms), HELP("the same as a time span, which wins")),
    ROW("DataSetKeyFrameCount", NUMBER, OF_WRITER, ENTRY(key_frame_count), MAX(UINT32_MAX, "every so many messages one has all fields; 0: never")),
    ROW("DataSetExtensionFields", OBJECT, OF_WRITER_TOLD, SELDOM(extension_fields), HELP("further fields of every message")),
    ROW("DataSetFetchDisplayNames", FLAG, OF_WRITER, SELDOM(fetch_display_names), HELP("reads the names of all nodes from the server")),
    ROW("DataSetRouting", WORD, OF_WRITER, SELDOM(routing), WORDS(routings, "topics from browse paths; each node is a writer then")),
    ROW("MetaDataUpdateTime", MS, OF_WRITER, SELDOM(metadata_ms), HELP("milliseconds after which metadata is sent again")),
    ROW("MetaDataUpdateTimeTimespan", SPAN, OF_NOTHING, SELDOM(metadata_ms), HELP("the same as a time span, which wins")),
    ROW("MetaDataQueueName", TEXT, OF_WRITER, SELDOM(metadata_queue), HELP("topic of metadata; a template")),
    ROW("MetaDataRetention", FLAG, OF_WRITER, SELDOM(metadata_retain), HELP("a broker keeps metadata; true where it is not given")),
    ROW("MetaDataTtlTimespan", SPAN, OF_WRITER, SELDOM(metadata_ttl_ms), HELP("how long metadata lives; MetaDataUpdateTime where it is not given")),
    ROW("SendKeepAliveDataSetMessages", FLAG, OF_WRITER, SELDOM(keep_alive_messages), HELP("a message when nothing changed")),
    ROW("SendKeepAliveAsKeyFrameMessages", FLAG, OF_WRITER, SELDOM(keep_alive_key_frames), HELP("all fields when nothing changed")),
    ROW("MaxKeepAliveCount", NUMBER, OF_WRITER, SELDOM(keep_alive_count), MAX(UINT32_MAX, "publishing intervals without a change until the server says so")),
    ROW("Priority", NUMBER, OF_WRITER, SELDOM(priority), MAX(UINT8_MAX, "of the subscription")),
    ROW("RepublishAfterTransfer", FLAG, OF_WRITER, SELDOM(republish), HELP("asks for what was missed when a subscription moved to a new session")),
    ROW("DisableSubscriptionTransfer", FLAG, OF_WRITER, SELDOM(no_transfer), HELP("a new session begins with new subscriptions")),
    ROW("OpcNodeWatchdogTimespan", SPAN, OF_WRITER, SELDOM(watchdog_ms), HELP("nodes without a value for so long are late")),
    ROW("OpcNodeWatchdogCondition", WORD, OF_WRITER, SELDOM(watchdog_condition), WORDS(conditions, "how many must be late")),
    ROW("DataSetWriterWatchdogBehavior", WORD, OF_WRITER, SELDOM(watchdog_behavior), WORDS(behaviors, "what is done then")),
    ROW("HistoryBackfill", FLAG, OF_WRITER, SELDOM(backfill), HELP("what was missed in an outage is read from the server's history and sent as late, of nodes that do not say; Millrace's own")),
    ROW("DefaultHeartbeatInterval", SECONDS, OF_WRITER, ENTRY(heartbeat_ms), HELP("seconds, of nodes that do not say")),
    ROW("DefaultHeartbeatIntervalTimespan", SPAN, OF_NOTHING, ENTRY(heartbeat_ms), HELP("the same as a time span, which wins")),
    ROW("DefaultHeartbeatBehavior", WORD, OF_WRITER, ENTRY(heartbeat), WORDS(heartbeats, "of nodes that do not say")),
    ROW("UseSecurity", FLAG, OF_NOTHING, DRAFT(use_security), HELP("true: any of the secure endpoints; false: the one without")),
    ROW("EndpointSecurityMode", WORD, OF_WRITER, ENTRY(security), WORDS(securities, "beats UseSecurity")),
    ROW("EndpointSecurityPolicy", TEXT, OF_WRITER, SELDOM(security_policy), HELP("URI or its last word, such as \"Basic256Sha256\"")),
    ROW("OpcAuthenticationMode", WORD, OF_WRITER, ENTRY(authentication), WORDS(authentications, "as whom; Anonymous where it is not given")),
    ROW("OpcAuthenticationUsername", TEXT, OF_WRITER, ENTRY(user), HELP("user, or a certificate's subject or thumbprint")),
    ROW("OpcAuthenticationPassword", TEXT, OF_WRITER, ENTRY(password), HELP("of the user, or of the certificate's key")),
    ROW("Username", TEXT, OF_NOTHING, ENTRY(user), HELP("as payloads of 2.8's direct methods have it")),
    ROW("Password", TEXT, OF_NOTHING, ENTRY(password), HELP("as payloads of 2.8's direct methods have it")),
    ROW("EncryptedAuthUsername", TEXT, OF_WRITER, SELDOM(encrypted_user), HELP("user, encrypted by the IoT Edge workload API")),
    ROW("EncryptedAuthPassword", TEXT, OF_WRITER, SELDOM(encrypted_password), HELP("password, encrypted by the IoT Edge workload API")),
    ROW("EndpointAlternativeUrls", TEXTS, OF_WRITER, SELDOM(alternative_urls), HELP("further URLs of the server, or of others that stand in for it, for when it is not there; Millrace's own")),
    ROW("UseReverseConnect", FLAG, OF_WRITER, SELDOM(reverse), HELP("the server connects to the publisher")),
    ROW("DumpConnectionDiagnostics", FLAG, OF_WRITER_TOLD, SELDOM(dump_diagnostics), HELP("logs what the server counts about the session")),
    ROW("MessagingMode", WORD, OF_GROUP, ENTRY(mode), WORDS(modes, "shape of messages")),
    ROW("MessageEncoding", WORD, OF_GROUP, ENTRY(encoding), WORDS(encodings, "of messages")),
    ROW("WriterGroupTransport", WORD, OF_GROUP, SELDOM(transport), WORDS(transports, "which way messages go")),
    ROW("WriterGroupTransportConfiguration", TEXT, OF_GROUP, SELDOM(transport_configuration), HELP("connection string of the transport, for this group alone")),
    ROW("WriterGroupQueueName", TEXT, OF_GROUP, SELDOM(group_queue), HELP("topic of messages; a template")),
    ROW("WriterGroupQualityOfService", WORD, OF_GROUP, SELDOM(group_qos), WORDS(qualities, "of messages")),
    ROW("WriterGroupMessageTtlTimepan", SPAN, OF_GROUP, SELDOM(group_ttl_ms), HELP("how long messages live; spelled as OPC Publisher does")),
    ROW("WriterGroupMessageTtlTimespan", SPAN, OF_NOTHING, SELDOM(group_ttl_ms), HELP("the same, spelled as it should be")),
    ROW("WriterGroupMessageRetention", FLAG, OF_GROUP, SELDOM(group_retain), HELP("a broker keeps the last message")),
    ROW("WriterGroupPartitions", NUMBER, OF_GROUP, SELDOM(partitions), MAX(INT32_MAX, "queues by topic; more than 32 are 32")),
    ROW("BatchSize", NUMBER, OF_GROUP, ENTRY(batch_size), MAX(UINT32_MAX, "notifications in a message")),
    ROW("BatchTriggerInterval", MS, OF_GROUP, ENTRY(batch_ms), HELP("milliseconds that a message waits for more")),
    ROW("BatchTriggerIntervalTimespan", SPAN, OF_NOTHING, ENTRY(batch_ms), HELP("the same as a time span, which wins")),
    ROW("QueueName", TEXT, OF_WRITER, SELDOM(queue), HELP("topic of this writer's messages; a template")),
    ROW("QualityOfService", WORD, OF_WRITER, SELDOM(qos), WORDS(qualities, "of this writer's messages")),
    ROW("MessageTtlTimespan", SPAN, OF_WRITER, SELDOM(ttl_ms), HELP("how long this writer's messages live")),
    ROW("MessageRetention", FLAG, OF_WRITER, SELDOM(retain), HELP("a broker keeps this writer's last message")),
    ROW("NodeId", VALUE, OF_NOTHING, DRAFT(node_id), HELP("2.5's one node of an entry: {\"Identifier\": node id}")),
    ROW("OpcNodes", NODES, OF_NOTHING, DRAFT(nodes), HELP("what is published")),
    ROW("Tag", ANY, OF_NOTHING, 0, HELP("2.5's; of no effect")),
};
/* clang-format on */
const struct fields config_entry_fields = FIELDS(entry_rows);

const struct entry_draft config_entry_blank = {
    .entry = {.publishing_ms = CONFIG_UNSET,
              .sampling_ms = CONFIG_UNSET,
              .heartbeat_ms = CONFIG_UNSET,
              .batch_size = CONFIG_UNSET,
              .batch_ms = CONFIG_UNSET,
              .key_frame_count = CONFIG_UNSET,
              .security = -1,
              .heartbeat = HEARTBEAT_UNSET,
              .rare = &config_entry_blank.rare},
    .rare = {.group_ttl_ms = CONFIG_UNSET,
             .ttl_ms = CONFIG_UNSET,
             .metadata_ms = CONFIG_UNSET,
             .metadata_ttl_ms = CONFIG_UNSET,
             .watchdog_ms = CONFIG_UNSET,
             .keep_alive_count = CONFIG_UNSET,
             .priority = CONFIG_UNSET,
             .partitions = CONFIG_UNSET},
    .version = CONFIG_UNSET,
};

const struct node_draft config_node_blank = {
    .node = {.sampling_ms = CONFIG_UNSET,
             .publishing_ms = CONFIG_UNSET,
             .heartbeat_ms = CONFIG_UNSET,
             .queue_size = CONFIG_UNSET,
             .heartbeat = HEARTBEAT_UNSET,
             .rare = &config_node_blank.rare},
    .rare = {.cyclic_max_age_ms = CONFIG_UNSET,
             .update_ms = CONFIG_UNSET,
             .snapshot_ms = CONFIG_UNSET,
             .rebrowse_ms = CONFIG_UNSET},
};

int config_word(const char *property, const char *word)
{
    const struct field *f = config_field(&config_entry_fields, slice_of(property));
    if (!f)
        f = config_field(&config_node_fields, slice_of(property));
    return f && f->words ? value_of(f->words, slice_of(word)) : 0;
}
