#include "publisher/config.h"

#include "publisher/config_field.h"

#define PLACES_BYTES (256u << 20) /* of text that is looked through for lines and columns */

/* ---- the tables ---- */

static const struct word modes[] = {
    {"Samples", MODE_SAMPLES},
    {"FullSamples", MODE_FULL_SAMPLES},
    {"PubSub", MODE_PUBSUB},
    {"FullNetworkMessages", MODE_FULL_NETWORK_MESSAGES},
    {"DataSetMessages", MODE_DATA_SET_MESSAGES},
    {"SingleDataSetMessage", MODE_SINGLE_DATA_SET_MESSAGE},
    {"DataSets", MODE_DATA_SETS},
    {"SingleDataSet", MODE_SINGLE_DATA_SET},
    {"RawDataSets", MODE_RAW_DATA_SETS},
    {"SingleRawDataSet", MODE_SINGLE_RAW_DATA_SET},
    {0},
};

static const struct word encodings[] = {
    {"Json", ENCODING_JSON}, {"JsonReversible", ENCODING_JSON_REVERSIBLE}, {0}};

static const struct word securities[] = {
    {"None", OPCUA_SECURITY_NONE},
    {"Sign", OPCUA_SECURITY_SIGN},
    {"SignAndEncrypt", OPCUA_SECURITY_SIGN_AND_ENCRYPT},
    {"NotNone", OPCUA_SECURITY_NOT_NONE},
    {"Best", OPCUA_SECURITY_BEST},
    {0},
};

static const struct word authentications[] = {
    {"Anonymous", 0}, {"UsernamePassword", 1}, {"UserName", 1}, {0}};

static const struct word triggers[] = {{"Status", TRIGGER_STATUS},
                                       {"StatusValue", TRIGGER_STATUS_VALUE},
                                       {"StatusValueTimestamp", TRIGGER_STATUS_VALUE_TIMESTAMP},
                                       {0}};

static const struct word deadbands[] = {
    {"None", DEADBAND_NONE}, {"Absolute", DEADBAND_ABSOLUTE}, {"Percent", DEADBAND_PERCENT}, {0}};

static const struct word heartbeats[] = {
    {"WatchdogLKV", 0},
    {"WatchdogLKG", HEARTBEAT_LKG},
    {"PeriodicLKV", HEARTBEAT_PERIODIC},
    {"PeriodicLKG", HEARTBEAT_PERIODIC | HEARTBEAT_LKG},
    {"WatchdogLKVWithUpdatedTimestamps", HEARTBEAT_TIMESTAMPS},
    {"WatchdogLKVDiagnosticsOnly", HEARTBEAT_DIAGNOSTICS},
    {"PeriodicLKVDropValue", HEARTBEAT_PERIODIC | HEARTBEAT_DROP_VALUES},
    {"PeriodicLKGDropValue", HEARTBEAT_PERIODIC | HEARTBEAT_LKG | HEARTBEAT_DROP_VALUES},
    {0},
};

/* Part 6, A.1. */
static const struct word attributes[] = {
    {"NodeId", 1},
    {"NodeClass", 2},
    {"BrowseName", 3},
    {"DisplayName", 4},
    {"Description", 5},
    {"WriteMask", 6},
    {"UserWriteMask", 7},
    {"IsAbstract", 8},
    {"Symmetric", 9},
    {"InverseName", 10},
    {"ContainsNoLoops", 11},
    {"EventNotifier", 12},
    {"Value", 13},
    {"DataType", 14},
    {"ValueRank", 15},
    {"ArrayDimensions", 16},
    {"AccessLevel", 17},
    {"UserAccessLevel", 18},
    {"MinimumSamplingInterval", 19},
    {"Historizing", 20},
    {"Executable", 21},
    {"UserExecutable", 22},
    {0},
};

int config_attribute(struct slice name)
{
    for (const struct word *w = attributes; w->name; w++)
        if (slice_eq_nocase(name, slice_of(w->name)))
            return w->value;
    return 0;
}

/* What only the reading needs. */
struct entry_extra {
    struct config_entry entry; /* first: offsets count from here */
    int use_security, authentication, endpoint_security;
    const struct json *node_id, *nodes, *encrypted_user;
};

#define ENTRY(member) offsetof(struct entry_extra, entry.member)
#define EXTRA(member) offsetof(struct entry_extra, member)
#define NODE(member) offsetof(struct config_node, member)

/* clang-format off */
static const struct field entry_fields[] = {
    {"EndpointUrl", FIELD_TEXT, ENTRY(endpoint_url), NULL},
    {"UseSecurity", FIELD_FLAG, EXTRA(use_security), NULL},
    {"EndpointSecurityMode", FIELD_WORD, EXTRA(endpoint_security), securities},
    {"EndpointSecurityPolicy", FIELD_TEXT, ENTRY(security_policy), NULL},
    {"OpcAuthenticationMode", FIELD_WORD, EXTRA(authentication), authentications},
    {"OpcAuthenticationUsername", FIELD_TEXT, ENTRY(user), NULL},
    {"OpcAuthenticationPassword", FIELD_TEXT, ENTRY(password), NULL},
    {"Username", FIELD_TEXT, ENTRY(user), NULL}, /* as payloads of 2.8's direct methods have them */
    {"Password", FIELD_TEXT, ENTRY(password), NULL},
    {"EncryptedAuthUsername", FIELD_VALUE, EXTRA(encrypted_user), NULL},
    {"EncryptedAuthPassword", FIELD_KNOWN, 0, NULL},
    {"PublisherId", FIELD_TEXT, ENTRY(publisher_id), NULL},
    {"DataSetWriterGroup", FIELD_TEXT, ENTRY(group), NULL},
    {"DataSetWriterId", FIELD_TEXT, ENTRY(writer), NULL},
    {"DataSetName", FIELD_TEXT, ENTRY(data_set), NULL},
    {"DataSetPublishingInterval", FIELD_MS, ENTRY(publishing_ms), NULL},
    {"DataSetPublishingIntervalTimespan", FIELD_SPAN, ENTRY(publishing_ms), NULL},
    {"DataSetSamplingInterval", FIELD_MS, ENTRY(sampling_ms), NULL},
    {"DataSetSamplingIntervalTimespan", FIELD_SPAN, ENTRY(sampling_ms), NULL},
    {"DataSetKeyFrameCount", FIELD_NUMBER, ENTRY(key_frame_count), NULL},
    {"DataSetExtensionFields", FIELD_VALUE, ENTRY(extension_fields), NULL},
    {"DataSetFetchDisplayNames", FIELD_FLAG, ENTRY(fetch_display_names), NULL},
    {"SendKeepAliveDataSetMessages", FIELD_FLAG, ENTRY(keep_alive_messages), NULL},
    {"SendKeepAliveAsKeyFrameMessages", FIELD_FLAG, ENTRY(keep_alive_key_frames), NULL},
    {"MaxKeepAliveCount", FIELD_NUMBER, ENTRY(keep_alive_count), NULL},
    {"Priority", FIELD_NUMBER, ENTRY(priority), NULL},
    {"DisableSubscriptionTransfer", FIELD_FLAG, ENTRY(no_transfer), NULL},
    {"DefaultHeartbeatInterval", FIELD_SECONDS, ENTRY(heartbeat_ms), NULL},
    {"DefaultHeartbeatIntervalTimespan", FIELD_SPAN, ENTRY(heartbeat_ms), NULL},
    {"DefaultHeartbeatBehavior", FIELD_WORD, ENTRY(heartbeat), heartbeats},
    {"MessagingMode", FIELD_WORD, ENTRY(mode), modes},
    {"MessageEncoding", FIELD_WORD, ENTRY(encoding), encodings},
    {"BatchSize", FIELD_NUMBER, ENTRY(batch_size), NULL},
    {"BatchTriggerInterval", FIELD_MS, ENTRY(batch_ms), NULL},
    {"BatchTriggerIntervalTimespan", FIELD_SPAN, ENTRY(batch_ms), NULL},
    {"WriterGroupQueueName", FIELD_TEXT, ENTRY(queue_name), NULL},
    {"WriterGroupMessageTtlTimepan", FIELD_SPAN, ENTRY(message_ttl_ms), NULL},
    {"WriterGroupMessageTtlTimespan", FIELD_SPAN, ENTRY(message_ttl_ms), NULL},
    {"NodeId", FIELD_VALUE, EXTRA(node_id), NULL},
    {"OpcNodes", FIELD_NODES, EXTRA(nodes), NULL},
    {"UseReverseConnect", FIELD_NOT_BUILT, 0, NULL},
    {"DataSetRouting", FIELD_NOT_BUILT, 0, NULL},
    {"OpcNodeWatchdogTimespan", FIELD_NOT_BUILT, 0, NULL},
    {"WriterGroupTransport", FIELD_NOT_BUILT, 0, NULL},
    {"WriterGroupPartitions", FIELD_KNOWN, 0, NULL},
    {"MetaDataUpdateTime", FIELD_NOT_BUILT, 0, NULL},
    {"MetaDataUpdateTimeTimespan", FIELD_NOT_BUILT, 0, NULL},
    {"QueueName", FIELD_NOT_BUILT, 0, NULL},
    {"Version", FIELD_KNOWN, 0, NULL},
    {"LastChangeDateTime", FIELD_KNOWN, 0, NULL},
    {"LastChangeTimespan", FIELD_KNOWN, 0, NULL},
    {"Tag", FIELD_KNOWN, 0, NULL},
    {"DataSetDescription", FIELD_KNOWN, 0, NULL},
    {"DataSetClassId", FIELD_KNOWN, 0, NULL},
    {"DataSetType", FIELD_KNOWN, 0, NULL},
    {"DataSetSubject", FIELD_KNOWN, 0, NULL},
    {"DataSetSourceUri", FIELD_KNOWN, 0, NULL},
    {"DataSetRootNodeId", FIELD_KNOWN, 0, NULL},
    {"WriterGroupRootNodeId", FIELD_KNOWN, 0, NULL},
    {"WriterGroupType", FIELD_KNOWN, 0, NULL},
    {"WriterGroupProperties", FIELD_KNOWN, 0, NULL},
    {"WriterGroupTransportConfiguration", FIELD_KNOWN, 0, NULL},
    {"WriterGroupQualityOfService", FIELD_KNOWN, 0, NULL},
    {"WriterGroupMessageRetention", FIELD_KNOWN, 0, NULL},
    {"QualityOfService", FIELD_KNOWN, 0, NULL},
    {"MessageTtlTimespan", FIELD_KNOWN, 0, NULL},
    {"MessageRetention", FIELD_KNOWN, 0, NULL},
    {"MetaDataQueueName", FIELD_KNOWN, 0, NULL},
    {"MetaDataRetention", FIELD_KNOWN, 0, NULL},
    {"MetaDataTtlTimespan", FIELD_KNOWN, 0, NULL},
    {"RepublishAfterTransfer", FIELD_KNOWN, 0, NULL}, /* always */
    {"OpcNodeWatchdogCondition", FIELD_KNOWN, 0, NULL},
    {"DataSetWriterWatchdogBehavior", FIELD_KNOWN, 0, NULL},
    {"DumpConnectionDiagnostics", FIELD_KNOWN, 0, NULL},
};

static const struct field node_fields[] = {
    {"Id", FIELD_TEXT, NODE(id), NULL},
    {"ExpandedNodeId", FIELD_KNOWN, 0, NULL}, /* see node_id() */
    {"DataSetFieldId", FIELD_TEXT, NODE(field_id), NULL},
    {"DisplayName", FIELD_TEXT, NODE(display_name), NULL},
    {"IndexRange", FIELD_TEXT, NODE(index_range), NULL},
    {"AttributeId", FIELD_WORD, NODE(attribute), attributes},
    {"FetchDisplayName", FIELD_FLAG, NODE(fetch_display_name), NULL},
    {"OpcSamplingInterval", FIELD_MS, NODE(sampling_ms), NULL},
    {"OpcSamplingIntervalTimespan", FIELD_SPAN, NODE(sampling_ms), NULL},
    {"OpcPublishingInterval", FIELD_MS, NODE(publishing_ms), NULL},
    {"OpcPublishingIntervalTimespan", FIELD_SPAN, NODE(publishing_ms), NULL},
    {"HeartbeatInterval", FIELD_SECONDS, NODE(heartbeat_ms), NULL},
    {"HeartbeatIntervalTimespan", FIELD_SPAN, NODE(heartbeat_ms), NULL},
    {"HeartbeatBehavior", FIELD_WORD, NODE(heartbeat), heartbeats},
    {"QueueSize", FIELD_NUMBER, NODE(queue_size), NULL},
    {"DiscardNew", FIELD_FLAG, NODE(discard_new), NULL},
    {"SkipFirst", FIELD_FLAG, NODE(skip_first), NULL},
    {"DataChangeTrigger", FIELD_WORD, NODE(trigger), triggers},
    {"DeadbandType", FIELD_WORD, NODE(deadband_type), deadbands},
    {"DeadbandValue", FIELD_DECIMAL, NODE(deadband), NULL},
    {"EventFilter", FIELD_VALUE, NODE(event_filter), NULL},
    {"ConditionHandling", FIELD_VALUE, NODE(condition_handling), NULL},
    {"UseCyclicRead", FIELD_FLAG, NODE(cyclic_read), NULL},
    {"CyclicReadMaxAge", FIELD_MS, NODE(cyclic_max_age_ms), NULL},
    {"CyclicReadMaxAgeTimespan", FIELD_SPAN, NODE(cyclic_max_age_ms), NULL},
    {"RegisterNode", FIELD_FLAG, NODE(register_node), NULL},
    {"BrowsePath", FIELD_VALUE, NODE(browse_path), NULL},
    {"ModelChangeHandling", FIELD_NOT_BUILT, 0, NULL},
    {"Topic", FIELD_NOT_BUILT, 0, NULL},
    {"TriggeredNodes", FIELD_KNOWN, 0, NULL}, /* of no effect there either */
    {"DataSetClassFieldId", FIELD_KNOWN, 0, NULL},
    {"QualityOfService", FIELD_KNOWN, 0, NULL},
    {"TypeDefinitionId", FIELD_KNOWN, 0, NULL},
    {"MethodMetadata", FIELD_KNOWN, 0, NULL},
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- nodes ---- */

static struct slice node_id(const struct json *node, struct slice id)
{
    return slice_trim(id).len ? slice_trim(id)
                              : slice_trim(json_string(json_get_nocase(node, "ExpandedNodeId")));
}

static bool is_too_long(const struct config_node *n)
{
    return n->id.len > CONFIG_NAME_MAX || n->index_range.len > CONFIG_NAME_MAX ||
           n->field_id.len > CONFIG_NAME_MAX || n->display_name.len > CONFIG_NAME_MAX;
}

static bool check_node(struct config *c, const struct json *at, const struct config_node *n)
{
    if (is_too_long(n))
        config_find(c, at, (struct slice){0}, true, "has a name or id of more than %d bytes",
                    CONFIG_NAME_MAX);
    else if (!n->id.len && !n->browse_path)
        config_find(c, at, SLICE("Id"), true,
                    "is missing: say which node to publish, such as \"ns=2;s=Temperature\"");
    else if (n->browse_path && json_count(n->browse_path))
        config_find(c, n->browse_path, SLICE("BrowsePath"), true,
                    "is not built: give the node's own Id");
    else if (n->condition_handling)
        config_find(c, n->condition_handling, SLICE("ConditionHandling"), true,
                    "is not built: leave it out to get the events");
    else if (n->cyclic_read == SAID_YES)
        config_find(c, at, SLICE("UseCyclicRead"), true, "is not built: leave it out to subscribe");
    else
        return true;
    return false;
}

/* What is understood and not done is said, so that nobody looks for it in vain. */
static void hint_at_node(struct config *c, const struct config_entry *e,
                         const struct config_node *n)
{
    bool fetch = n->fetch_display_name == SAID_YES ||
                 (n->fetch_display_name == NOT_SAID && e->fetch_display_names == SAID_YES);
    if (fetch && !n->display_name.len && !n->field_id.len)
        config_find(c, n->at, SLICE("FetchDisplayName"), false,
                    "is not built: the node's id is its name; give a DisplayName for another one");
    if (n->register_node == SAID_YES)
        config_find(c, n->at, SLICE("RegisterNode"), false,
                    "is not built; the node is published without");
}

static void read_node(struct config *c, struct config_entry *e, const struct json *v)
{
    struct config_node n = {.sampling_ms = CONFIG_UNSET,
                            .publishing_ms = CONFIG_UNSET,
                            .heartbeat_ms = CONFIG_UNSET,
                            .queue_size = CONFIG_UNSET,
                            .heartbeat = HEARTBEAT_UNSET,
                            .at = v};
    bool good = json_is(v, JSON_OBJECT);
    if (!good)
        config_find(c, v, SLICE("OpcNodes"), true, "holds something that is not an object");
    good = good && config_fields_read(c, v, (struct fields){node_fields, COUNT(node_fields)}, &n);
    n.id = node_id(v, n.id);
    if (good && check_node(c, v, &n)) {
        hint_at_node(c, e, &n);
        e->nodes[e->node_count++] = n;
    } else {
        c->refused++;
    }
}

/* 2.5's one node of an entry: {"NodeId": {"Identifier": …}}. */
static void read_legacy_node(struct config *c, struct config_entry *e, const struct json *v)
{
    struct slice id = slice_trim(
        json_is(v, JSON_STRING) ? json_string(v) : json_string(json_get_nocase(v, "Identifier")));
    if (id.len)
        e->nodes[e->node_count++] = (struct config_node){.id = id,
                                                         .sampling_ms = CONFIG_UNSET,
                                                         .publishing_ms = CONFIG_UNSET,
                                                         .heartbeat_ms = CONFIG_UNSET,
                                                         .queue_size = CONFIG_UNSET,
                                                         .heartbeat = HEARTBEAT_UNSET,
                                                         .at = v};
    else
        config_find(c, v, SLICE("NodeId"), true, "has no Identifier; use OpcNodes");
}

static bool read_nodes(struct config *c, struct entry_extra *x)
{
    size_t count = json_count(x->nodes) + 1;
    if (x->nodes && !json_is(x->nodes, JSON_ARRAY) && !json_is(x->nodes, JSON_NULL)) {
        config_find(c, x->nodes, SLICE("OpcNodes"), true, "must be an array");
        return false;
    }
    if (count > CONFIG_NODES_MAX - c->node_count) {
        config_find(c, x->nodes, SLICE("OpcNodes"), true,
                    "makes more than %d nodes; split the file", CONFIG_NODES_MAX);
        return false;
    }
    x->entry.nodes = arena_take(&c->arena, count * sizeof *x->entry.nodes);
    if (x->node_id)
        read_legacy_node(c, &x->entry, x->node_id);
    struct json_walk w = json_walk(x->nodes);
    while (json_next(&w))
        read_node(c, &x->entry, w.value);
    c->node_count += x->entry.node_count;
    return true;
}

/* ---- entries ---- */

static bool check_entry(struct config *c, const struct json *at, struct entry_extra *x)
{
    struct config_entry *e = &x->entry;
    e->endpoint_url = slice_trim(e->endpoint_url);
    if (!e->endpoint_url.len)
        config_find(c, at, SLICE("EndpointUrl"), true,
                    "is missing: say which server, such as \"opc.tcp://plc:4840\"");
    else if (!slice_starts(e->endpoint_url, SLICE("opc.tcp://")))
        config_find(c, json_get_nocase(at, "EndpointUrl"), SLICE("EndpointUrl"), true,
                    "must begin with opc.tcp://");
    else if (x->authentication == 1 && !e->user.len && x->encrypted_user)
        config_find(c, x->encrypted_user, SLICE("EncryptedAuthUsername"), true,
                    "cannot be decrypted here: give OpcAuthenticationUsername and "
                    "OpcAuthenticationPassword");
    else if (x->authentication == 1 && !e->user.len)
        config_find(c, at, SLICE("OpcAuthenticationUsername"), true,
                    "is missing for OpcAuthenticationMode UsernamePassword");
    else
        return true;
    return false;
}

static void settle(struct entry_extra *x)
{
    struct config_entry *e = &x->entry;
    e->security = x->endpoint_security >= 0     ? x->endpoint_security
                  : x->use_security == SAID_YES ? OPCUA_SECURITY_NOT_NONE
                                                : OPCUA_SECURITY_NONE;
    if (x->authentication != 1)
        e->user = e->password = (struct slice){0};
}

static void read_entry(struct config *c, const struct json *v)
{
    struct entry_extra x = {.entry = {.publishing_ms = CONFIG_UNSET,
                                      .sampling_ms = CONFIG_UNSET,
                                      .heartbeat_ms = CONFIG_UNSET,
                                      .batch_size = CONFIG_UNSET,
                                      .batch_ms = CONFIG_UNSET,
                                      .heartbeat = HEARTBEAT_UNSET,
                                      .at = v},
                            .endpoint_security = -1,
                            .authentication = -1};
    bool good = json_is(v, JSON_OBJECT);
    if (!good)
        config_find(c, v, (struct slice){0}, true, "the file must be an array of objects");
    good = good && config_fields_read(c, v, (struct fields){entry_fields, COUNT(entry_fields)}, &x);
    if (good && check_entry(c, v, &x) && read_nodes(c, &x)) {
        settle(&x);
        c->entries[c->entry_count++] = x.entry;
    } else {
        c->refused++;
    }
}

/* ---- the whole ---- */

static enum status refuse_all(struct config *c, enum status why, unsigned line, unsigned column,
                              const char *format, ...)
{
    va_list args;
    va_start(args, format);
    config_find_at(c, line, column, (struct slice){0}, true, format, args);
    va_end(args);
    return why;
}

enum status config_read(struct slice text, struct config *c)
{
    *c = (struct config){0};
    c->findings = arena_take(&c->arena, CONFIG_FINDINGS_MAX * sizeof *c->findings);
    if (text.len > CONFIG_TEXT_MAX)
        return refuse_all(c, TOO_LARGE, 1, 1, "the file is larger than %u MiB",
                          CONFIG_TEXT_MAX >> 20);
    if (slice_starts(text, SLICE("\xef\xbb\xbf")))
        text = slice_skip(text, 3);
    if (slice_trim(text).len == 0)
        return OK; /* as good as an empty array */
    struct json_error error;
    enum status s = json_parse(text, JSON_CONFIG, &c->doc, &error);
    if (s != OK)
        return refuse_all(c, s, error.line, error.column, "not JSON: %s", error.what);
    const struct json *root = json_root(c->doc);
    if (!json_is(root, JSON_ARRAY))
        return refuse_all(c, BAD_FORMAT, 1, 1,
                          "the file must be an array of entries: [ { \"EndpointUrl\": … } ]");
    c->places_left = PLACES_BYTES / (text.len + 1) + 1;
    c->entries = arena_take(&c->arena, (json_count(root) + 1) * sizeof *c->entries);
    struct json_walk w = json_walk(root);
    while (json_next(&w))
        read_entry(c, w.value);
    return OK;
}

void config_clear(struct config *c)
{
    json_free(&c->doc);
    arena_clear(&c->arena);
    *c = (struct config){0};
}
