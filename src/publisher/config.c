#include "publisher/config.h"

#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"

#define PLACES_BYTES (256u << 20) /* of text that is looked through for lines and columns */

/* ---- the tables ---- */

enum kind {
    TEXT,      /* struct slice */
    FLAG,      /* int, enum tristate */
    NUMBER,    /* int64_t, not negative */
    DECIMAL,   /* double */
    MS,        /* int64_t, milliseconds */
    SECONDS,   /* int64_t, from seconds */
    SPAN,      /* int64_t, from "[d.]hh:mm:ss[.f]"; stands after its sibling, and beats it */
    WORD,      /* int, one of `words` */
    VALUE,     /* const struct json * */
    NODES,     /* read elsewhere */
    KNOWN,     /* of no consequence here */
    NOT_BUILT, /* changes what is sent, and is not built: a hint when it is used */
};

struct word {
    const char *name;
    int value;
};

struct field {
    const char *name;
    enum kind kind;
    size_t offset;
    const struct word *words;
};

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
    {"EndpointUrl", TEXT, ENTRY(endpoint_url), NULL},
    {"UseSecurity", FLAG, EXTRA(use_security), NULL},
    {"EndpointSecurityMode", WORD, EXTRA(endpoint_security), securities},
    {"EndpointSecurityPolicy", TEXT, ENTRY(security_policy), NULL},
    {"OpcAuthenticationMode", WORD, EXTRA(authentication), authentications},
    {"OpcAuthenticationUsername", TEXT, ENTRY(user), NULL},
    {"OpcAuthenticationPassword", TEXT, ENTRY(password), NULL},
    {"Username", TEXT, ENTRY(user), NULL}, /* as payloads of 2.8's direct methods have them */
    {"Password", TEXT, ENTRY(password), NULL},
    {"EncryptedAuthUsername", VALUE, EXTRA(encrypted_user), NULL},
    {"EncryptedAuthPassword", KNOWN, 0, NULL},
    {"PublisherId", TEXT, ENTRY(publisher_id), NULL},
    {"DataSetWriterGroup", TEXT, ENTRY(group), NULL},
    {"DataSetWriterId", TEXT, ENTRY(writer), NULL},
    {"DataSetName", TEXT, ENTRY(data_set), NULL},
    {"DataSetPublishingInterval", MS, ENTRY(publishing_ms), NULL},
    {"DataSetPublishingIntervalTimespan", SPAN, ENTRY(publishing_ms), NULL},
    {"DataSetSamplingInterval", MS, ENTRY(sampling_ms), NULL},
    {"DataSetSamplingIntervalTimespan", SPAN, ENTRY(sampling_ms), NULL},
    {"DataSetKeyFrameCount", NUMBER, ENTRY(key_frame_count), NULL},
    {"DataSetExtensionFields", VALUE, ENTRY(extension_fields), NULL},
    {"DataSetFetchDisplayNames", FLAG, ENTRY(fetch_display_names), NULL},
    {"SendKeepAliveDataSetMessages", FLAG, ENTRY(keep_alive_messages), NULL},
    {"SendKeepAliveAsKeyFrameMessages", FLAG, ENTRY(keep_alive_key_frames), NULL},
    {"MaxKeepAliveCount", NUMBER, ENTRY(keep_alive_count), NULL},
    {"Priority", NUMBER, ENTRY(priority), NULL},
    {"DisableSubscriptionTransfer", FLAG, ENTRY(no_transfer), NULL},
    {"DefaultHeartbeatInterval", SECONDS, ENTRY(heartbeat_ms), NULL},
    {"DefaultHeartbeatIntervalTimespan", SPAN, ENTRY(heartbeat_ms), NULL},
    {"DefaultHeartbeatBehavior", WORD, ENTRY(heartbeat), heartbeats},
    {"MessagingMode", WORD, ENTRY(mode), modes},
    {"MessageEncoding", WORD, ENTRY(encoding), encodings},
    {"BatchSize", NUMBER, ENTRY(batch_size), NULL},
    {"BatchTriggerInterval", MS, ENTRY(batch_ms), NULL},
    {"BatchTriggerIntervalTimespan", SPAN, ENTRY(batch_ms), NULL},
    {"WriterGroupQueueName", TEXT, ENTRY(queue_name), NULL},
    {"WriterGroupMessageTtlTimepan", SPAN, ENTRY(message_ttl_ms), NULL},
    {"WriterGroupMessageTtlTimespan", SPAN, ENTRY(message_ttl_ms), NULL},
    {"NodeId", VALUE, EXTRA(node_id), NULL},
    {"OpcNodes", NODES, EXTRA(nodes), NULL},
    {"UseReverseConnect", NOT_BUILT, 0, NULL},
    {"DataSetRouting", NOT_BUILT, 0, NULL},
    {"OpcNodeWatchdogTimespan", NOT_BUILT, 0, NULL},
    {"WriterGroupTransport", NOT_BUILT, 0, NULL},
    {"WriterGroupPartitions", KNOWN, 0, NULL},
    {"MetaDataUpdateTime", NOT_BUILT, 0, NULL},
    {"MetaDataUpdateTimeTimespan", NOT_BUILT, 0, NULL},
    {"QueueName", NOT_BUILT, 0, NULL},
    {"Version", KNOWN, 0, NULL},
    {"LastChangeDateTime", KNOWN, 0, NULL},
    {"LastChangeTimespan", KNOWN, 0, NULL},
    {"Tag", KNOWN, 0, NULL},
    {"DataSetDescription", KNOWN, 0, NULL},
    {"DataSetClassId", KNOWN, 0, NULL},
    {"DataSetType", KNOWN, 0, NULL},
    {"DataSetSubject", KNOWN, 0, NULL},
    {"DataSetSourceUri", KNOWN, 0, NULL},
    {"DataSetRootNodeId", KNOWN, 0, NULL},
    {"WriterGroupRootNodeId", KNOWN, 0, NULL},
    {"WriterGroupType", KNOWN, 0, NULL},
    {"WriterGroupProperties", KNOWN, 0, NULL},
    {"WriterGroupTransportConfiguration", KNOWN, 0, NULL},
    {"WriterGroupQualityOfService", KNOWN, 0, NULL},
    {"WriterGroupMessageRetention", KNOWN, 0, NULL},
    {"QualityOfService", KNOWN, 0, NULL},
    {"MessageTtlTimespan", KNOWN, 0, NULL},
    {"MessageRetention", KNOWN, 0, NULL},
    {"MetaDataQueueName", KNOWN, 0, NULL},
    {"MetaDataRetention", KNOWN, 0, NULL},
    {"MetaDataTtlTimespan", KNOWN, 0, NULL},
    {"RepublishAfterTransfer", KNOWN, 0, NULL}, /* always */
    {"OpcNodeWatchdogCondition", KNOWN, 0, NULL},
    {"DataSetWriterWatchdogBehavior", KNOWN, 0, NULL},
    {"DumpConnectionDiagnostics", KNOWN, 0, NULL},
};

static const struct field node_fields[] = {
    {"Id", TEXT, NODE(id), NULL},
    {"ExpandedNodeId", KNOWN, 0, NULL}, /* see node_id() */
    {"DataSetFieldId", TEXT, NODE(field_id), NULL},
    {"DisplayName", TEXT, NODE(display_name), NULL},
    {"IndexRange", TEXT, NODE(index_range), NULL},
    {"AttributeId", WORD, NODE(attribute), attributes},
    {"FetchDisplayName", FLAG, NODE(fetch_display_name), NULL},
    {"OpcSamplingInterval", MS, NODE(sampling_ms), NULL},
    {"OpcSamplingIntervalTimespan", SPAN, NODE(sampling_ms), NULL},
    {"OpcPublishingInterval", MS, NODE(publishing_ms), NULL},
    {"OpcPublishingIntervalTimespan", SPAN, NODE(publishing_ms), NULL},
    {"HeartbeatInterval", SECONDS, NODE(heartbeat_ms), NULL},
    {"HeartbeatIntervalTimespan", SPAN, NODE(heartbeat_ms), NULL},
    {"HeartbeatBehavior", WORD, NODE(heartbeat), heartbeats},
    {"QueueSize", NUMBER, NODE(queue_size), NULL},
    {"DiscardNew", FLAG, NODE(discard_new), NULL},
    {"SkipFirst", FLAG, NODE(skip_first), NULL},
    {"DataChangeTrigger", WORD, NODE(trigger), triggers},
    {"DeadbandType", WORD, NODE(deadband_type), deadbands},
    {"DeadbandValue", DECIMAL, NODE(deadband), NULL},
    {"EventFilter", VALUE, NODE(event_filter), NULL},
    {"ConditionHandling", VALUE, NODE(condition_handling), NULL},
    {"UseCyclicRead", FLAG, NODE(cyclic_read), NULL},
    {"CyclicReadMaxAge", MS, NODE(cyclic_max_age_ms), NULL},
    {"CyclicReadMaxAgeTimespan", SPAN, NODE(cyclic_max_age_ms), NULL},
    {"RegisterNode", FLAG, NODE(register_node), NULL},
    {"BrowsePath", VALUE, NODE(browse_path), NULL},
    {"ModelChangeHandling", NOT_BUILT, 0, NULL},
    {"Topic", NOT_BUILT, 0, NULL},
    {"TriggeredNodes", KNOWN, 0, NULL}, /* of no effect there either */
    {"DataSetClassFieldId", KNOWN, 0, NULL},
    {"QualityOfService", KNOWN, 0, NULL},
    {"TypeDefinitionId", KNOWN, 0, NULL},
    {"MethodMetadata", KNOWN, 0, NULL},
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- findings ---- */

static void find_at(struct config *c, unsigned line, unsigned column, struct slice field,
                    bool refused, const char *format, va_list args)
{
    if (c->finding_count == CONFIG_FINDINGS_MAX)
        return;
    struct config_finding *f = &c->findings[c->finding_count++];
    char text[512];
    int len = vsnprintf(text, sizeof text, format, args);
    size_t kept = len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    char *copy = arena_take(&c->arena, kept + 1);
    memcpy(copy, text, kept);
    *f = (struct config_finding){.line = line,
                                 .column = column,
                                 .field = field,
                                 .refused = refused,
                                 .text = slice_from(copy, kept)};
}

__attribute__((format(printf, 5, 6))) static void find(struct config *c, const struct json *at,
                                                       struct slice field, bool refused,
                                                       const char *format, ...)
{
    unsigned line = 0, column = 0;
    if (at && c->places_left > 0) { /* each place is looked for from the beginning of the text */
        c->places_left--;
        if (!json_where(c->doc, at, &line, &column))
            line = column = 0;
    }
    va_list args;
    va_start(args, format);
    find_at(c, line, column, field, refused, format, args);
    va_end(args);
}

void config_finding_print(const struct config_finding *f, const char *path, struct buffer *out)
{
    buffer_printf(out, "%s:%u:%u: ", path, f->line, f->column);
    if (f->field.len)
        buffer_printf(out, "%.*s: ", SLICE_FMT(f->field));
    buffer_put(out, f->text);
}

/* ---- one field ---- */

static bool is_whole(const struct json *v, int64_t *out)
{
    uint64_t text;
    if (json_is(v, JSON_STRING) && slice_to_u64(slice_trim(json_string(v)), &text) &&
        text <= INT64_MAX) {
        *out = (int64_t)text;
        return true;
    }
    return json_is(v, JSON_NUMBER) && json_i64(v, out) && *out >= 0;
}

/* "true" in quotes is what templates give. */
static bool is_flag(const struct json *v, int *out)
{
    struct slice text = json_string(v);
    bool yes = slice_eq_nocase(text, SLICE("true")), no = slice_eq_nocase(text, SLICE("false"));
    if (!json_is(v, JSON_BOOL) && !yes && !no)
        return false;
    *out = yes || json_bool(v, false) ? SAID_YES : SAID_NO;
    return true;
}

static bool is_word(const struct json *v, const struct word *words, int *out)
{
    int64_t number;
    for (const struct word *w = words; w->name; w++)
        if (slice_eq_nocase(json_string(v), slice_of(w->name)) ||
            (json_is(v, JSON_NUMBER) && json_i64(v, &number) && number == w->value)) {
            *out = w->value;
            return true;
        }
    return false;
}

static void list_words(const struct word *words, struct buffer *out)
{
    for (const struct word *w = words; w->name; w++)
        buffer_printf(out, "%s%s", w == words ? "" : ", ", w->name);
}

static bool refuse(struct config *c, const struct json *v, struct slice name, const char *wanted)
{
    find(c, v, name, true, "must be %s", wanted);
    return false;
}

static bool refuse_word(struct config *c, const struct json *v, const struct field *f,
                        struct slice name)
{
    struct buffer known = {0};
    list_words(f->words, &known);
    find(c, v, name, true, "'%.*s' is not known or not built; use one of %s",
         SLICE_FMT(json_string(v)), buffer_cstr(&known));
    buffer_clear(&known);
    return false;
}

#define INTERVAL_MS_MAX (1000LL * 3600 * 24 * 365)

static bool read_interval(struct config *c, const struct json *v, struct slice name, int64_t unit,
                          int64_t *out)
{
    int64_t n;
    if (!is_whole(v, &n) || n > INTERVAL_MS_MAX / unit)
        return refuse(c, v, name, unit == 1 ? "milliseconds, 0 or more" : "seconds, 0 or more");
    *out = n * unit;
    return true;
}

static bool read_span(struct config *c, const struct json *v, struct slice name, int64_t *out)
{
    uint64_t ms;
    if (!clock_parse_timespan(json_string(v), &ms) || ms > INTERVAL_MS_MAX)
        return refuse(c, v, name, "a time span such as \"00:00:01.500\"");
    *out = (int64_t)ms;
    return true;
}

static bool read_field(struct config *c, const struct field *f, const struct json *v,
                       struct slice name, void *into)
{
    void *at = (char *)into + f->offset;
    if (json_is(v, JSON_NULL))
        return true;
    switch (f->kind) {
    case TEXT:
        *(struct slice *)at = json_string(v);
        return json_is(v, JSON_STRING) || refuse(c, v, name, "a text");
    case FLAG:
        return is_flag(v, at) || refuse(c, v, name, "true or false");
    case NUMBER:
        return is_whole(v, at) || refuse(c, v, name, "a whole number, 0 or more");
    case DECIMAL:
        *(double *)at = json_double(v, 0);
        return json_is(v, JSON_NUMBER) || refuse(c, v, name, "a number");
    case MS:
        return read_interval(c, v, name, 1, at);
    case SECONDS:
        return read_interval(c, v, name, 1000, at);
    case SPAN:
        return json_string(v).len == 0 || read_span(c, v, name, at);
    case WORD:
        return (json_is(v, JSON_STRING) && json_string(v).len == 0) || is_word(v, f->words, at) ||
               refuse_word(c, v, f, name);
    case VALUE:
    case NODES:
        *(const struct json **)at = v;
        return true;
    case NOT_BUILT:
        if (!json_is(v, JSON_BOOL) || json_bool(v, false))
            find(c, v, name, false, "is not built; what it says is ignored");
        return true;
    case KNOWN:
        break;
    }
    return true;
}

static const struct field *find_field(const struct field *fields, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_eq_nocase(slice_of(fields[i].name), name))
            return &fields[i];
    return NULL;
}

struct fields {
    const struct field *at;
    size_t count;
};

static bool read_pass(struct config *c, const struct json *object, struct fields fields, bool spans,
                      bool *more, void *into)
{
    bool good = true;
    struct json_walk w = json_walk(object);
    while (json_next(&w)) {
        const struct field *f = find_field(fields.at, fields.count, w.name);
        if (f && (f->kind == SPAN) == spans)
            good = read_field(c, f, w.value, w.name, into) && good;
        else if (f)
            *more = true;
        else if (!spans)
            find(c, w.value, w.name, false, "is not a known name; it is ignored");
    }
    return good;
}

/* Time spans come last, whatever the order in the file: they beat the numbers. */
static bool read_fields(struct config *c, const struct json *object, struct fields fields,
                        void *into)
{
    bool more = false;
    bool good = read_pass(c, object, fields, false, &more, into);
    return (!more || read_pass(c, object, fields, true, &more, into)) && good;
}

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
        find(c, at, (struct slice){0}, true, "has a name or id of more than %d bytes",
             CONFIG_NAME_MAX);
    else if (!n->id.len && !n->browse_path)
        find(c, at, SLICE("Id"), true,
             "is missing: say which node to publish, such as \"ns=2;s=Temperature\"");
    else if (n->browse_path && json_count(n->browse_path))
        find(c, n->browse_path, SLICE("BrowsePath"), true, "is not built: give the node's own Id");
    else if (n->condition_handling)
        find(c, n->condition_handling, SLICE("ConditionHandling"), true,
             "is not built: leave it out to get the events");
    else if (n->cyclic_read == SAID_YES)
        find(c, at, SLICE("UseCyclicRead"), true, "is not built: leave it out to subscribe");
    else
        return true;
    return false;
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
        find(c, v, SLICE("OpcNodes"), true, "holds something that is not an object");
    good = good && read_fields(c, v, (struct fields){node_fields, COUNT(node_fields)}, &n);
    n.id = node_id(v, n.id);
    if (good && check_node(c, v, &n))
        e->nodes[e->node_count++] = n;
    else
        c->refused++;
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
        find(c, v, SLICE("NodeId"), true, "has no Identifier; use OpcNodes");
}

static bool read_nodes(struct config *c, struct entry_extra *x)
{
    size_t count = json_count(x->nodes) + 1;
    if (x->nodes && !json_is(x->nodes, JSON_ARRAY) && !json_is(x->nodes, JSON_NULL)) {
        find(c, x->nodes, SLICE("OpcNodes"), true, "must be an array");
        return false;
    }
    if (count > CONFIG_NODES_MAX - c->node_count) {
        find(c, x->nodes, SLICE("OpcNodes"), true, "makes more than %d nodes; split the file",
             CONFIG_NODES_MAX);
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
        find(c, at, SLICE("EndpointUrl"), true,
             "is missing: say which server, such as \"opc.tcp://plc:4840\"");
    else if (!slice_starts(e->endpoint_url, SLICE("opc.tcp://")))
        find(c, json_get_nocase(at, "EndpointUrl"), SLICE("EndpointUrl"), true,
             "must begin with opc.tcp://");
    else if (x->authentication == 1 && !e->user.len && x->encrypted_user)
        find(c, x->encrypted_user, SLICE("EncryptedAuthUsername"), true,
             "cannot be decrypted here: give OpcAuthenticationUsername and "
             "OpcAuthenticationPassword");
    else if (x->authentication == 1 && !e->user.len)
        find(c, at, SLICE("OpcAuthenticationUsername"), true,
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
        find(c, v, (struct slice){0}, true, "the file must be an array of objects");
    good = good && read_fields(c, v, (struct fields){entry_fields, COUNT(entry_fields)}, &x);
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
    find_at(c, line, column, (struct slice){0}, true, format, args);
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
