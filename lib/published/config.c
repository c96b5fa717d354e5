#include "published/config.h"

#include "opcua/node_id.h"
#include "published/config_table.h"

#define PLACES_BYTES (256u << 20) /* of text that is looked through for lines and columns */

/* ---- nodes ---- */

/* As it stands in messages. */
static size_t escaped_length(struct slice text)
{
    size_t len = text.len + 2;
    for (size_t i = 0; i < text.len; i++)
        len += text.at[i] < 0x20 ? 5 : text.at[i] == '"' || text.at[i] == '\\';
    return len;
}

static size_t length_of_all(const struct json *texts)
{
    size_t len = 0;
    struct json_walk w = json_walk(texts);
    while (json_next(&w))
        len += escaped_length(json_string(w.value)) + 1;
    return len;
}

static bool is_too_long(const struct node_draft *d)
{
    const struct slice texts[] = {d->node.id, d->node.field_id, d->node.display_name,
                                  d->rare.index_range, d->rare.topic};
    size_t longest = length_of_all(d->rare.browse_path);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t len = escaped_length(texts[i]);
        longest = len > longest ? len : longest;
    }
    return longest > CONFIG_NAME_MAX;
}

static bool check_node(struct config *c, const struct json *at, const struct node_draft *d)
{
    if (is_too_long(d))
        config_find(c, at, (struct slice){0}, true, "has a name, id, path or topic of more than %d bytes",
                    CONFIG_NAME_MAX);
    else if (!d->node.id.len && !json_count(d->rare.browse_path) && !d->rare.model_change)
        config_find(c, at, SLICE("Id"), true,
                    "is missing: say which node to publish, such as \"ns=2;s=Temperature\"");
    else
        return true;
    return false;
}

/* As servers will say; but OPC Publisher has such nodes in its file and in its answers, so they stay. */
static void hint_at_id(struct config *c, const struct config_node *n)
{
    UA_NodeId id = UA_NODEID_NULL;
    struct buffer why = {0};
    enum status s = n->id.len ? opcua_node_id_parse(n->id, NULL, &id, NULL) : OK;
    if (s != OK && s != NOT_FOUND && opcua_node_id_parse(n->id, NULL, &id, &why) != OK)
        config_find(c, n->at, SLICE("Id"), false, "will not be found: %s", buffer_cstr(&why));
    UA_NodeId_clear(&id);
    buffer_clear(&why);
}

/* What has no effect is said, so that nobody looks for it in vain. */
static void hint_at_node(struct config *c, const struct node_draft *d)
{
    const struct config_node_rare *r = &d->rare;
    hint_at_id(c, &d->node);
    bool snapshots = r->snapshot_ms != CONFIG_UNSET && r->snapshot_ms > 0;
    if (r->condition && !d->node.event_filter)
        config_find(c, r->condition, SLICE("ConditionHandling"), false,
                    "has no effect without an EventFilter");
    else if (r->condition && !snapshots && r->refresh_conditions != SAID_YES)
        config_find(c, r->condition, SLICE("ConditionHandling"), false,
                    "has no effect without a SnapshotInterval");
    if (d->node.deadband_type == DEADBAND_PERCENT && d->node.deadband > 100)
        config_find(c, d->node.at, SLICE("DeadbandValue"), false,
                    "is more than 100 percent; 100 is taken");
}

static struct config_node *read_list(struct config *c, const struct json *list, bool inner,
                                     size_t *count);

static bool read_node(struct config *c, const struct json *v, bool inner, struct config_node *out)
{
    struct node_draft d;
    memcpy(&d, &config_node_blank, sizeof d); /* padding too: it is compared below */
    d.node.at = v;
    bool good = json_is(v, JSON_OBJECT);
    if (!good)
        config_find(c, v, SLICE("OpcNodes"), true, "holds something that is not an object");
    good = good && config_fields_read(c, v, &config_node_fields, &d);
    d.node.id = slice_trim(d.node.id).len ? slice_trim(d.node.id) : slice_trim(d.expanded_id);
    if (!good || !check_node(c, v, &d)) {
        c->refused++;
        return false;
    }
    hint_at_node(c, &d);
    if (d.rare.triggered_at && inner)
        config_find(c, d.rare.triggered_at, SLICE("TriggeredNodes"), false,
                    "of a triggered node are passed over: one level is all that there is");
    else if (d.rare.triggered_at)
        d.rare.triggered = read_list(c, d.rare.triggered_at, true, &d.rare.triggered_count);
    if (memcmp(&d.rare, &config_node_blank.rare, sizeof d.rare) != 0) {
        struct config_node_rare *kept = ARENA_TAKE(&c->nodes, struct config_node_rare);
        *kept = d.rare;
        d.node.rare = kept;
    }
    *out = d.node;
    return true;
}

static struct config_node *read_list(struct config *c, const struct json *list, bool inner,
                                     size_t *count)
{
    size_t room = json_count(list) + 1;
    if (room > CONFIG_NODES_MAX - c->node_count) {
        config_find(c, list, (struct slice){0}, true, "makes more than %d nodes; split the file",
                    CONFIG_NODES_MAX);
        c->refused++;
        return NULL;
    }
    struct config_node *nodes = ARENA_TAKE_N(&c->nodes, struct config_node, room);
    struct json_walk w = json_walk(list);
    while (json_next(&w))
        if (read_node(c, w.value, inner, &nodes[*count])) {
            *count += 1;
            c->node_count += 1;
        }
    return nodes;
}

/* 2.5's one node of an entry: {"NodeId": {"Identifier": …}}. */
static bool read_legacy_node(struct config *c, struct entry_draft *d)
{
    const struct json *v = d->node_id;
    struct slice id = slice_trim(
        json_is(v, JSON_STRING) ? json_string(v) : json_string(json_get_nocase(v, "Identifier")));
    if (!id.len)
        return true; /* as OPC Publisher: of no effect */
    if (json_count(d->nodes)) {
        config_find(c, v, SLICE("NodeId"), true, "and OpcNodes cannot both be given; use OpcNodes");
        return false;
    }
    d->entry.nodes = ARENA_TAKE(&c->nodes, struct config_node);
    d->entry.nodes[d->entry.node_count++] = config_node_blank.node;
    d->entry.nodes[0].id = id;
    d->entry.nodes[0].at = v;
    c->node_count++;
    return true;
}

/* ---- entries ---- */

static bool refuse_entry(struct config *c, const struct json *at, struct slice field,
                         const char *text)
{
    config_find(c, at, field, true, "%s", text);
    return false;
}

static bool settle_user(struct config *c, struct entry_draft *d)
{
    struct config_entry *e = &d->entry;
    if (!e->user.len && d->rare.encrypted_user.len && e->authentication != AUTHENTICATE_NOBODY) {
        e->sealed = e->authentication;
        e->authentication = AUTHENTICATE_NOBODY;
        if (d->rare.encrypted_password.len)
            e->password = (struct slice){0};
        return true;
    }
    d->rare.encrypted_user = d->rare.encrypted_password = (struct slice){0}; /* of no effect */
    if (e->authentication == AUTHENTICATE_NOBODY)
        e->user = e->password = (struct slice){0};
    else if (!e->user.len && e->authentication == AUTHENTICATE_USER)
        return refuse_entry(c, e->at, SLICE("OpcAuthenticationUsername"),
                            "is missing for OpcAuthenticationMode UsernamePassword");
    else if (!e->user.len)
        return refuse_entry(c, e->at, SLICE("OpcAuthenticationUsername"),
                            "is missing for OpcAuthenticationMode Certificate: give the subject or "
                            "the thumbprint of a certificate in the user store");
    return true;
}

static bool settle_entry(struct config *c, struct entry_draft *d)
{
    struct config_entry *e = &d->entry;
    e->endpoint_url = slice_trim(e->endpoint_url);
    if (!e->endpoint_url.len)
        return refuse_entry(c, e->at, SLICE("EndpointUrl"),
                            "is missing: say which server, such as \"opc.tcp://plc:4840\"");
    if (!slice_starts(e->endpoint_url, SLICE("opc.tcp://")))
        return refuse_entry(c, json_get_nocase(e->at, "EndpointUrl"), SLICE("EndpointUrl"),
                            "must begin with opc.tcp://");
    if (e->security < 0)
        e->security = d->use_security == SAID_YES ? OPCUA_SECURITY_NOT_NONE : OPCUA_SECURITY_NONE;
    return settle_user(c, d) && read_legacy_node(c, d);
}

static bool read_entry(struct config *c, const struct json *v, struct config_entry *out)
{
    struct entry_draft d;
    memcpy(&d, &config_entry_blank, sizeof d);
    d.entry.at = v;
    if (!json_is(v, JSON_OBJECT))
        return refuse_entry(c, v, (struct slice){0}, "the file must be an array of objects");
    if (!config_fields_read(c, v, &config_entry_fields, &d) || !settle_entry(c, &d))
        return false;
    if (json_count(d.nodes))
        d.entry.nodes = read_list(c, d.nodes, false, &d.entry.node_count);
    if (memcmp(&d.rare, &config_entry_blank.rare, sizeof d.rare) != 0) {
        struct config_entry_rare *kept = ARENA_TAKE(&c->arena, struct config_entry_rare);
        *kept = d.rare;
        d.entry.rare = kept;
    }
    *out = d.entry;
    return true;
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
    enum status s = json_parse(text, JSON_LAX, &c->doc, &error);
    if (s != OK)
        return refuse_all(c, s, error.line, error.column, "not JSON: %s", error.what);
    const struct json *root = json_root(c->doc);
    if (!json_is(root, JSON_ARRAY))
        return refuse_all(c, BAD_FORMAT, 1, 1,
                          "the file must be an array of entries: [ { \"EndpointUrl\": … } ]");
    c->places_left = PLACES_BYTES / (text.len + 1) + 1;
    c->entries = arena_take(&c->arena, (json_count(root) + 1) * sizeof *c->entries);
    struct json_walk w = json_walk(root);
    while (json_next(&w)) {
        if (read_entry(c, w.value, &c->entries[c->entry_count]))
            c->entry_count++;
        else
            c->refused++;
    }
    return OK;
}

/* OPC Publisher's own table: UADP has no form for samples, and none for values with their own
 * status and time but without a head; Avro has none for samples either. Samples are older than the
 * encodings of OPC UA 1.05. */
static bool go_together(enum messaging_mode mode, enum message_encoding encoding)
{
    bool samples = mode == MODE_SAMPLES || mode == MODE_FULL_SAMPLES;
    if (encoding == ENCODING_UADP)
        return !samples && mode != MODE_DATA_SETS && mode != MODE_SINGLE_DATA_SET;
    return !samples || encoding < ENCODING_JSON_COMPACT;
}

static const char *advice_for(enum message_encoding encoding)
{
    return encoding == ENCODING_UADP
               ? "Uadp does not go with %s: use PubSub, FullNetworkMessages, DataSetMessages, "
                 "SingleDataSetMessage, RawDataSets or SingleRawDataSet as MessagingMode"
           : encoding == ENCODING_AVRO || encoding == ENCODING_AVRO_GZIP
               ? "Avro does not go with %s: use another than Samples and FullSamples as "
                 "MessagingMode"
               : "JsonCompact and JsonVerbose do not go with %s: use another than Samples and "
                 "FullSamples as MessagingMode";
}

void config_check_profiles(struct config *c, enum messaging_mode mode,
                           enum message_encoding encoding)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->entry_count; i++) {
        const struct config_entry *e = &c->entries[i];
        enum message_encoding of = e->encoding ? (enum message_encoding)e->encoding : encoding;
        if (go_together(e->mode ? (enum messaging_mode)e->mode : mode, of)) {
            c->entries[kept++] = *e;
            continue;
        }
        config_find(c, e->at, SLICE("MessageEncoding"), true, advice_for(of),
                    e->mode ? "this MessagingMode" : "the MessagingMode that holds without one");
        c->node_count -= e->node_count;
        c->refused++;
    }
    c->entry_count = kept;
}

void config_forget_text(struct config *c)
{
    if (c->doc)
        json_forget_text(c->doc);
}

void config_forget_nodes(struct config *c)
{
    for (size_t i = 0; i < c->entry_count; i++) {
        c->entries[i].nodes = NULL;
        c->entries[i].node_count = 0;
    }
    arena_clear(&c->nodes);
}

void config_clear(struct config *c)
{
    json_free(&c->doc);
    arena_clear(&c->nodes);
    arena_clear(&c->arena);
    *c = (struct config){0};
}
