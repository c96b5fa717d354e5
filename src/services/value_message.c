#include "services/value_message.h"

#include "json/write.h"

#define ENDPOINT_PREFIX "uat" /* of the registry's ids */

bool value_message_is(struct slice schema)
{
    return slice_eq_nocase(schema, SLICE("application/x-monitored-item-json-v1")) ||
           slice_eq_nocase(schema, SLICE("application/x-network-message-json-v1"));
}

struct reading {
    value_message_fn *fn;
    void *arg;
};

static struct slice text(const struct json *of, const char *name)
{
    return json_string(json_get_nocase(of, name));
}

/* A group that was made for an endpoint of the registry has its id for a name. */
static struct slice as_endpoint(struct slice name)
{
    return slice_starts(name, SLICE(ENDPOINT_PREFIX)) ? name : (struct slice){0};
}

static struct slice first(struct slice a, struct slice b)
{
    return a.len ? a : b;
}

/* ---- samples ---- */

static void read_sample(const struct reading *r, const struct json *s)
{
    const struct json *more = json_get_nocase(s, "ExtensionFields");
    struct value_message m = {
        .endpoint_id = first(text(more, "EndpointId"), as_endpoint(text(more, "WriterGroupId"))),
        .endpoint_url = text(s, "EndpointUrl"),
        .node_id = text(s, "NodeId"),
        .display_name = text(s, "DisplayName"),
        .publisher = text(more, "PublisherId"),
        .writer = first(text(s, "DataSetWriterId"), text(more, "DataSetWriterId")),
        .timestamp = text(s, "Timestamp"),
        .value = json_get_nocase(s, "Value"),
    };
    if (m.node_id.len && m.value)
        r->fn(r->arg, &m);
}

/* ---- data set messages ---- */

static struct slice plain_text(const struct json *v)
{
    const struct json *value = json_get_nocase(v, "Value");
    return first(json_string(v), first(json_string(value), json_string(json_get_nocase(value, "Body"))));
}

static void read_data_set(const struct reading *r, const struct json *set, struct value_message m)
{
    const struct json *payload = json_get_nocase(set, "Payload");
    m.writer = first(text(set, "DataSetWriterName"), text(set, "DataSetWriterId"));
    m.timestamp = text(set, "Timestamp");
    m.endpoint_url = plain_text(json_get_nocase(payload, "EndpointUrl"));
    if (!json_is(payload, JSON_OBJECT))
        return;
    for (struct json_walk w = json_walk(payload); json_next(&w);) {
        m.node_id = m.display_name = w.name;
        m.value = w.value;
        r->fn(r->arg, &m);
    }
}

static void read_network_message(const struct reading *r, const struct json *n)
{
    const struct json *sets = json_get_nocase(n, "Messages");
    struct value_message m = {
        .publisher = text(n, "PublisherId"),
        .endpoint_id = as_endpoint(text(n, "DataSetWriterGroup")),
    };
    if (json_is(sets, JSON_OBJECT))
        read_data_set(r, sets, m);
    for (struct json_walk w = json_walk(json_is(sets, JSON_ARRAY) ? sets : NULL); json_next(&w);)
        read_data_set(r, w.value, m);
}

static void read_one(const struct reading *r, const struct json *one)
{
    if (json_get_nocase(one, "Messages"))
        read_network_message(r, one);
    else if (json_get_nocase(one, "Payload"))
        read_data_set(r, one, (struct value_message){0});
    else
        read_sample(r, one);
}

void value_message_read(struct slice body, value_message_fn *fn, void *arg)
{
    struct json_doc *doc;
    struct reading r = {fn, arg};
    if (json_parse(body, JSON_STRICT, &doc, NULL) != OK)
        return;
    const struct json *root = json_root(doc);
    if (json_is(root, JSON_OBJECT))
        read_one(&r, root);
    for (struct json_walk w = json_walk(json_is(root, JSON_ARRAY) ? root : NULL); json_next(&w);)
        if (json_is(w.value, JSON_OBJECT))
            read_one(&r, w.value);
    json_free(&doc);
}

/* ---- PublisherMessage ---- */

static void put_variant(struct json_writer *w, const struct json *v)
{
    const struct json *type = json_get(v, "Type"), *body = json_get(v, "Body");
    bool reversible = json_is(v, JSON_OBJECT) && type && body;
    json_name(w, "value"), json_put_value(w, reversible ? body : v);
    if (reversible)
        json_member(w, "dataType", json_string(type));
}

static void put_status(struct json_writer *w, const struct json *status)
{
    uint64_t code;
    struct slice symbol = first(json_string(status), text(status, "Symbol"));
    if (symbol.len)
        json_member(w, "status", symbol);
    else if (json_u64(status, &code) || json_u64(json_get_nocase(status, "Code"), &code))
        json_name(w, "status"), json_put_u64(w, code);
}

static void put_picoseconds(struct json_writer *w, const char *name, const struct json *v)
{
    uint64_t n;
    if (json_u64(v, &n) && n)
        json_name(w, name), json_put_u64(w, n);
}

/* A DataValue has no members but these; anything else is a value by itself. */
static bool is_data_value(const struct json *v)
{
    static const char *const names[] = {"Value",           "StatusCode",        "SourceTimestamp",
                                        "ServerTimestamp", "SourcePicoseconds", "ServerPicoseconds",
                                        "Status"};
    if (!json_is(v, JSON_OBJECT) || json_count(v) == 0)
        return false;
    for (struct json_walk w = json_walk(v); json_next(&w);) {
        size_t n = 0;
        while (n < sizeof names / sizeof *names && !slice_eq(w.name, slice_of(names[n])))
            n++;
        if (n == sizeof names / sizeof *names)
            return false;
    }
    return true;
}

static void put_data_value(struct json_writer *w, const struct json *v)
{
    if (json_get(v, "Value"))
        put_variant(w, json_get(v, "Value"));
    put_status(w, json_get(v, "StatusCode") ? json_get(v, "StatusCode") : json_get(v, "Status"));
    json_member(w, "sourceTimestamp", text(v, "SourceTimestamp"));
    put_picoseconds(w, "sourcePicoseconds", json_get(v, "SourcePicoseconds"));
    json_member(w, "serverTimestamp", text(v, "ServerTimestamp"));
    put_picoseconds(w, "serverPicoseconds", json_get(v, "ServerPicoseconds"));
}

void value_message_put(const struct value_message *m, struct slice endpoint_id, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_member(&w, "publisherId", m->publisher);
    json_member(&w, "dataSetWriterId", m->writer);
    json_member(&w, "endpointId", endpoint_id);
    json_member(&w, "nodeId", m->node_id);
    json_member(&w, "displayName", m->display_name);
    json_member(&w, "timestamp", m->timestamp);
    if (is_data_value(m->value))
        put_data_value(&w, m->value);
    else
        put_variant(&w, m->value);
    json_end_object(&w);
}
