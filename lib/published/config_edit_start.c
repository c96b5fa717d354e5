/* By connection instead of by entry, as OPC Twin's users know it. */
#include "base/clock.h"
#include "json/write.h"
#include "published/config_call.h"

/* ---- a connection as an entry ---- */

enum option { REVERSE = 1, NO_TRANSFER = 4 };

/* Flags come as a number, or as words with commas between. */
static bool has_option(const struct json *options, enum option bit, struct slice word)
{
    struct slice rest = json_string(options), part;
    uint64_t bits;
    if (json_u64(options, &bits))
        return bits & bit;
    while (slice_split(&rest, ',', &part))
        if (slice_eq_nocase(slice_trim(part), word))
            return true;
    return false;
}

static const char *authentication(struct slice type)
{
    return slice_eq_nocase(type, SLICE("UserName"))          ? "UsernamePassword"
           : slice_eq_nocase(type, SLICE("X509Certificate")) ? "Certificate"
                                                             : "Anonymous";
}

static void put_security(struct json_writer *w, const struct json *endpoint)
{
    struct slice mode = json_string(json_get_nocase(endpoint, "securityMode"));
    bool none = slice_eq_nocase(mode, SLICE("None"));
    if (none || slice_eq_nocase(mode, SLICE("NotNone")))
        json_name(w, "UseSecurity"), json_put_bool(w, !none);
    else
        json_member(w, "EndpointSecurityMode", mode);
    json_member(w, "EndpointSecurityPolicy",
                json_string(json_get_nocase(endpoint, "securityPolicy")));
}

static void put_user(struct json_writer *w, const struct json *user)
{
    const struct json *value = json_get_nocase(user, "value");
    const char *mode = authentication(json_string(json_get_nocase(user, "type")));
    if (strcmp(mode, "Anonymous") == 0)
        return;
    struct slice name = json_string(json_get_nocase(value, "user"));
    json_name(w, "OpcAuthenticationMode"), json_put_text(w, mode);
    json_member(w, "OpcAuthenticationUsername",
                name.len ? name : json_string(json_get_nocase(value, "thumbprint")));
    json_member(w, "OpcAuthenticationPassword", json_string(json_get_nocase(value, "password")));
}

/* Reads the connection as c->request's only entry. */
static bool read_connection(struct config_call *c)
{
    const struct json *connection = json_get_nocase(c->args, "connection");
    const struct json *endpoint = json_get_nocase(connection, "endpoint");
    const struct json *options = json_get_nocase(connection, "options");
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    json_object(&w);
    json_member(&w, "EndpointUrl", json_string(json_get_nocase(endpoint, "url")));
    const struct json *alternatives = json_get_nocase(endpoint, "alternativeUrls");
    if (json_count(alternatives))
        json_name(&w, "EndpointAlternativeUrls"), json_put_value(&w, alternatives);
    put_security(&w, endpoint);
    put_user(&w, json_get_nocase(connection, "user"));
    json_member(&w, "DataSetWriterGroup", json_string(json_get_nocase(connection, "group")));
    if (has_option(options, REVERSE, SLICE("UseReverseConnect")))
        json_name(&w, "UseReverseConnect"), json_put_bool(&w, true);
    if (has_option(options, NO_TRANSFER, SLICE("NoSubscriptionTransfer")))
        json_name(&w, "DisableSubscriptionTransfer"), json_put_bool(&w, true);
    json_member(&w, "MessageEncoding", SLICE("Json"));
    json_member(&w, "MessagingMode", SLICE("FullSamples"));
    json_end_object(&w);
    struct json_doc *doc = NULL;
    bool good = json_parse(buffer_slice(&text), JSON_STRICT, &doc, NULL) == OK &&
                config_call_read_entry(c, json_root(doc));
    json_free(&doc);
    buffer_clear(&text);
    return good;
}

static struct document_entry *find_entry(struct config_call *c)
{
    return document_find(&c->document,
                         document_identity(&c->document.arena, &c->request.entries[0]), NULL);
}

/* ---- items ---- */

static const struct json *request_of(const struct config_call *c)
{
    return json_get_nocase(c->args, "request");
}

/* clang-format off */
static const struct {
    const char *item, *node, *number; /* names in the request and in the file; the sibling there */
} intervals[] = {
    {"samplingInterval", "OpcSamplingIntervalTimespan", "OpcSamplingInterval"},
    {"publishingInterval", "OpcPublishingIntervalTimespan", "OpcPublishingInterval"},
    {"heartbeatInterval", "HeartbeatIntervalTimespan", "HeartbeatInterval"},
};
/* clang-format on */
#define INTERVALS (sizeof intervals / sizeof intervals[0])

static bool check_item(struct config_call *c, const struct json *item)
{
    uint64_t ms;
    if (slice_trim(json_string(json_get_nocase(item, "nodeId"))).len == 0)
        return config_call_refuse(c, BAD_ARGUMENT, "null or empty OpcNodes is provided in request");
    for (size_t i = 0; i < INTERVALS; i++) {
        struct slice span = json_string(json_get_nocase(item, intervals[i].item));
        if (span.len && !clock_parse_timespan(span, &ms))
            return config_call_refuse(c, BAD_ARGUMENT,
                                      "%s must be a time span such as \"00:00:01.500\"",
                                      intervals[i].item);
    }
    return true;
}

static void set_item(struct document *d, struct document_node *n, const struct json *item)
{
    document_set_text(d, n, "DisplayName", json_string(json_get_nocase(item, "displayName")));
    for (size_t i = 0; i < INTERVALS; i++) {
        document_set_text(d, n, intervals[i].node,
                          json_string(json_get_nocase(item, intervals[i].item)));
        document_set(d, n, intervals[i].number, (struct slice){0});
    }
}

static struct document_node *find_node(const struct document_entry *e, struct slice id)
{
    for (size_t i = 0; i < e->node_count; i++)
        if (e->nodes[i].node && slice_eq(e->nodes[i].node->id, id))
            return &e->nodes[i];
    return NULL;
}

static bool add_item(struct config_call *c, struct document_entry **e, const struct json *item)
{
    if (!check_item(c, item))
        return false;
    struct document *d = &c->document;
    struct slice id = slice_trim(json_string(json_get_nocase(item, "nodeId")));
    if (!*e)
        *e = document_add(d, &c->request.entries[0]);
    struct document_node *n = find_node(*e, id);
    if (!n) {
        struct config_node *made = ARENA_TAKE(&d->arena, struct config_node);
        made->id = id;
        n = document_insert(d, *e, (*e)->node_count, made);
    }
    set_item(d, n, item);
    (*e)->changed = true;
    return true;
}

static void remove_item(struct config_call *c, struct slice id)
{
    struct slice identity = document_identity(&c->document.arena, &c->request.entries[0]);
    struct document_entry *e = document_find(&c->document, identity, NULL);
    for (; e; e = document_find(&c->document, identity, e)) {
        struct document_node *n;
        while ((n = find_node(e, id)))
            document_delete(e, (size_t)(n - e->nodes));
    }
}

/* ---- the methods ---- */

bool config_publish_start(struct config_call *c)
{
    const struct json *item = json_get_nocase(request_of(c), "item");
    if (!check_item(c, item) || !read_connection(c))
        return false;
    struct document_entry *e = find_entry(c);
    buffer_text(&c->answer->body, "{}");
    return add_item(c, &e, item);
}

bool config_publish_stop(struct config_call *c)
{
    struct slice id = slice_trim(json_string(json_get_nocase(request_of(c), "nodeId")));
    if (!id.len)
        return config_call_refuse(c, BAD_ARGUMENT, "null or empty OpcNodes is provided in request");
    if (!read_connection(c))
        return false;
    remove_item(c, id);
    buffer_text(&c->answer->body, "{}");
    return true;
}

bool config_publish_bulk(struct config_call *c)
{
    const struct json *add = json_get_nocase(request_of(c), "nodesToAdd");
    const struct json *drop = json_get_nocase(request_of(c), "nodesToRemove");
    if (json_count(add) + json_count(drop) == 0)
        return config_call_refuse(c, BAD_ARGUMENT, "null or empty OpcNodes is provided in request");
    if (!read_connection(c))
        return false;
    for (struct json_walk w = json_walk(drop); json_next(&w);)
        remove_item(c, slice_trim(json_string(w.value)));
    struct document_entry *e = find_entry(c);
    buffer_text(&c->answer->body, "{}");
    for (struct json_walk w = json_walk(add); json_next(&w);)
        if (!add_item(c, &e, w.value))
            return false;
    return true;
}

static void put_interval(struct buffer *out, const char *name, int64_t ms)
{
    if (ms == CONFIG_UNSET)
        return;
    buffer_printf(out, ",\"%s\":", name);
    config_put_span(ms, out);
}

static void put_item(const struct config_node *n, struct buffer *out)
{
    buffer_text(out, "{\"nodeId\":");
    json_escape(out, n->id);
    if (n->display_name.len) {
        buffer_text(out, ",\"displayName\":");
        json_escape(out, n->display_name);
    }
    put_interval(out, "publishingInterval", n->publishing_ms);
    put_interval(out, "samplingInterval", n->sampling_ms);
    put_interval(out, "heartbeatInterval", n->heartbeat_ms);
    buffer_u8(out, '}');
}

bool config_publish_list(struct config_call *c)
{
    if (!read_connection(c))
        return false;
    struct slice identity = document_identity(&c->document.arena, &c->request.entries[0]);
    struct document_entry *e = document_find(&c->document, identity, NULL);
    bool comma = false;
    buffer_text(&c->answer->body, "{\"items\":[");
    for (; e; e = document_find(&c->document, identity, e)) {
        for (size_t i = 0; i < e->node_count; i++) {
            if (!e->nodes[i].node || e->nodes[i].node->event_filter)
                continue;
            if (comma)
                buffer_u8(&c->answer->body, ',');
            put_item(e->nodes[i].node, &c->answer->body);
            comma = true;
        }
    }
    buffer_text(&c->answer->body, "]}");
    return true;
}
