#include "published/config_edit.h"

#include <stdarg.h>

#include "json/write.h"
#include "published/config_call.h"
#include "published/config_key.h"

/* ---- what the methods share ---- */

bool config_call_refuse(struct config_call *c, enum status s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    c->answer->status = s;
    buffer_reset(&c->answer->body);
    buffer_vprintf(&c->answer->body, format, args);
    va_end(args);
    return false;
}

static bool refuse_request(struct config_call *c, enum status s)
{
    for (size_t i = 0; i < c->request.finding_count; i++) {
        const struct config_finding *f = &c->request.findings[i];
        if (f->refused)
            return config_call_refuse(c, s == TOO_LARGE ? TOO_LARGE : BAD_ARGUMENT, "%.*s%s%.*s",
                                      SLICE_FMT(f->field), f->field.len ? " " : "",
                                      SLICE_FMT(f->text));
    }
    return config_call_refuse(c, BAD_ARGUMENT, "the request cannot be read");
}

bool config_call_read(struct config_call *c, struct slice entries)
{
    config_clear(&c->request);
    enum status s = config_read(entries, &c->request);
    if (s == OK && c->opener)
        c->opener->open(c->opener->arg, &c->request);
    return (s == OK && c->request.refused == 0) || refuse_request(c, s);
}

bool config_call_read_entry(struct config_call *c, const struct json *entry)
{
    if (slice_trim(json_string(json_get_nocase(entry, "EndpointUrl"))).len == 0)
        return config_call_refuse(c, BAD_ARGUMENT, "Missing endpoint url in entry");
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    json_array(&w);
    json_put_value(&w, entry);
    json_end_array(&w);
    bool good = config_call_read(c, buffer_slice(&text));
    buffer_clear(&text);
    return good;
}

void config_call_node_key(const struct config_node *n, int64_t publishing_ms, struct buffer *out)
{
    struct config_node with = *n;
    if (with.publishing_ms == CONFIG_UNSET)
        with.publishing_ms = publishing_ms;
    buffer_reset(out);
    config_node_key(&with, true, out);
}

void config_put_span(int64_t ms, struct buffer *out)
{
    int64_t days = ms / 86400000, seconds = ms / 1000 % 86400;
    buffer_u8(out, '"');
    if (days)
        buffer_printf(out, "%lld.", (long long)days);
    buffer_printf(out, "%02lld:%02lld:%02lld", (long long)(seconds / 3600),
                  (long long)(seconds / 60 % 60), (long long)(seconds % 60));
    if (ms % 1000)
        buffer_printf(out, ".%03lld", (long long)(ms % 1000));
    buffer_u8(out, '"');
}

void config_call_keep_interval(struct config_call *c, struct document_node *n,
                               const struct config_entry *from, const struct config_entry *to)
{
    if (n->node->publishing_ms != CONFIG_UNSET || from->publishing_ms == CONFIG_UNSET ||
        from->publishing_ms == to->publishing_ms)
        return;
    struct buffer span = {0};
    config_put_span(from->publishing_ms, &span);
    document_set(&c->document, n, "OpcPublishingIntervalTimespan",
                 arena_copy(&c->document.arena, buffer_slice(&span)));
    buffer_clear(&span);
}

static struct slice request_identity(struct config_call *c, const struct config_entry *e)
{
    return document_identity(&c->document.arena, e);
}

static bool refuse_endpoint(struct config_call *c, const struct config_entry *e)
{
    return config_call_refuse(c, NOT_FOUND, "Endpoint not found: %.*s", SLICE_FMT(e->endpoint_url));
}

static int64_t interval_of(const struct config_entry *request, const struct config_entry *e)
{
    return request->publishing_ms != CONFIG_UNSET ? request->publishing_ms : e->publishing_ms;
}

/* ---- PublishNodes ---- */

static void add_known_keys(struct document_entry *e, struct arena *a, struct map *keys)
{
    struct buffer key = {0};
    for (size_t i = 0; i < e->node_count; i++) {
        if (!e->nodes[i].node)
            continue;
        config_call_node_key(e->nodes[i].node, e->entry->publishing_ms, &key);
        map_put(keys, arena_copy(a, buffer_slice(&key)), keys);
    }
    buffer_clear(&key);
}

static void add_new_nodes(struct config_call *c, const struct config_entry *request,
                          struct document_entry *to, struct map *keys)
{
    struct buffer key = {0};
    for (size_t i = 0; i < request->node_count; i++) {
        config_call_node_key(&request->nodes[i], interval_of(request, to->entry), &key);
        if (map_get(keys, buffer_slice(&key)))
            continue;
        map_put(keys, arena_copy(&c->document.arena, buffer_slice(&key)), keys);
        struct document_node *n =
            document_insert(&c->document, to, to->node_count, &request->nodes[i]);
        config_call_keep_interval(c, n, request, to->entry);
    }
    buffer_clear(&key);
}

static bool publish_nodes(struct config_call *c)
{
    if (json_count(json_get_nocase(c->args, "OpcNodes")) == 0)
        return config_call_refuse(c, BAD_ARGUMENT, "null or empty OpcNodes is provided in request");
    if (!config_call_read_entry(c, c->args))
        return false;
    const struct config_entry *request = &c->request.entries[0];
    struct slice identity = request_identity(c, request);
    struct document_entry *first = document_find(&c->document, identity, NULL);
    buffer_text(&c->answer->body, "{}");
    if (!first) {
        document_add(&c->document, request);
        return true;
    }
    struct map keys = {0};
    for (struct document_entry *e = first; e; e = document_find(&c->document, identity, e))
        add_known_keys(e, &c->document.arena, &keys);
    add_new_nodes(c, request, first, &keys);
    map_clear(&keys);
    return true;
}

/* ---- UnpublishNodes ---- */

/* Nodes are named by all that they say, or, where no node is just so, by their id alone. */
struct removal {
    struct config_call *call;
    const struct config_entry *request;
    struct map keys, exact, ids, found; /* nodes of the request; the last by id */
    struct buffer key;
};

static void match_exactly(struct removal *r, const struct document_entry *e)
{
    for (size_t i = 0; i < e->node_count; i++) {
        if (!e->nodes[i].node)
            continue;
        config_call_node_key(e->nodes[i].node, e->entry->publishing_ms, &r->key);
        struct config_node *asked = map_get(&r->keys, buffer_slice(&r->key));
        if (asked)
            map_put(&r->exact, asked->id, asked);
    }
}

static void match_ids(struct removal *r, const struct document_entry *e)
{
    for (size_t i = 0; i < e->node_count; i++) {
        const struct config_node *n = e->nodes[i].node;
        if (n && map_get(&r->ids, n->id))
            map_put(&r->found, n->id, r);
    }
}

static bool is_asked_for(struct removal *r, const struct document_entry *e,
                         const struct document_node *n)
{
    if (!n->node)
        return false;
    config_call_node_key(n->node, e->entry->publishing_ms, &r->key);
    return map_get(&r->keys, buffer_slice(&r->key)) || map_get(&r->ids, n->node->id);
}

static void remove_matching(struct removal *r, struct document_entry *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->node_count; i++)
        if (!is_asked_for(r, e, &e->nodes[i]))
            e->nodes[kept++] = e->nodes[i];
    e->changed = e->changed || kept < e->node_count;
    e->node_count = kept;
}

static void collect_asked(struct removal *r, const struct document_entry *first)
{
    struct arena *a = &r->call->document.arena;
    for (size_t i = 0; i < r->request->node_count; i++) {
        config_call_node_key(&r->request->nodes[i], interval_of(r->request, first->entry), &r->key);
        map_put(&r->keys, arena_copy(a, buffer_slice(&r->key)), &r->request->nodes[i]);
    }
}

static bool refuse_missing(struct removal *r)
{
    struct buffer text = {0};
    struct document_entry asked = {.json = r->request->at, .entry = r->request};
    for (size_t i = 0; i < r->request->node_count; i++) {
        const struct config_node *n = &r->request->nodes[i];
        if (!map_get(&r->exact, n->id) && !map_get(&r->found, n->id))
            document_insert(&r->call->document, &asked, asked.node_count, n);
    }
    if (asked.node_count) {
        document_put_entry(&asked, true, &text);
        config_call_refuse(r->call, NOT_FOUND, "Nodes not found: \n%.*s",
                           SLICE_FMT(buffer_slice(&text)));
    }
    buffer_clear(&text);
    return asked.node_count == 0;
}

static bool find_asked(struct removal *r, struct slice identity, struct document_entry *first)
{
    struct document *d = &r->call->document;
    collect_asked(r, first);
    for (struct document_entry *e = first; e; e = document_find(d, identity, e))
        match_exactly(r, e);
    for (size_t i = 0; i < r->request->node_count; i++)
        if (r->request->nodes[i].id.len && !map_get(&r->exact, r->request->nodes[i].id))
            map_put(&r->ids, r->request->nodes[i].id, r);
    for (struct document_entry *e = first; e; e = document_find(d, identity, e))
        match_ids(r, e);
    return refuse_missing(r);
}

static void remove_entries(struct document *d, struct slice identity, bool all)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->entry_count; i++) {
        const struct document_entry *e = &d->entries[i];
        bool named = e->entry && slice_eq(e->identity, identity);
        if (!named || (!all && e->node_count))
            d->entries[kept++] = *e;
    }
    d->entry_count = kept;
}

static bool unpublish_nodes(struct config_call *c)
{
    if (!config_call_read_entry(c, c->args))
        return false;
    struct document *d = &c->document;
    struct removal r = {.call = c, .request = &c->request.entries[0]};
    struct slice identity = request_identity(c, r.request);
    struct document_entry *first = document_find(d, identity, NULL);
    buffer_text(&c->answer->body, "{}");
    if (!first)
        return refuse_endpoint(c, r.request);
    bool whole = r.request->node_count == 0;
    bool good = whole || find_asked(&r, identity, first);
    for (struct document_entry *e = first; good && e; e = document_find(d, identity, e))
        if (!whole)
            remove_matching(&r, e);
    if (good)
        remove_entries(d, identity, whole);
    map_clear(&r.keys);
    map_clear(&r.exact);
    map_clear(&r.ids);
    map_clear(&r.found);
    buffer_clear(&r.key);
    return good;
}

static bool unpublish_all(struct config_call *c)
{
    if (json_count(json_get_nocase(c->args, "OpcNodes")))
        return config_call_refuse(c, BAD_ARGUMENT,
                                  "OpcNodes must be null or empty: all nodes are unpublished");
    buffer_text(&c->answer->body, "{}");
    if (slice_trim(json_string(json_get_nocase(c->args, "EndpointUrl"))).len == 0) {
        document_remove_all(&c->document);
        return true;
    }
    if (!config_call_read_entry(c, c->args))
        return false;
    const struct config_entry *request = &c->request.entries[0];
    struct slice identity = request_identity(c, request);
    if (!document_find(&c->document, identity, NULL))
        return config_call_refuse(c, NOT_FOUND, "Endpoint or node not found: %.*s",
                                  SLICE_FMT(request->endpoint_url));
    remove_entries(&c->document, identity, true);
    return true;
}

/* ---- AddOrUpdateEndpoints, SetConfiguredEndpoints ---- */

static bool read_entries(struct config_call *c, const struct json *list)
{
    struct json_walk w = json_walk(list);
    while (json_next(&w))
        if (slice_trim(json_string(json_get_nocase(w.value, "EndpointUrl"))).len == 0)
            return config_call_refuse(c, BAD_ARGUMENT, "Missing endpoint url in entry");
    struct buffer text = {0};
    struct json_writer out = json_writer(&text);
    json_put_value(&out, list);
    bool good = config_call_read(c, buffer_slice(&text));
    buffer_clear(&text);
    return good;
}

static bool has_twins(struct config_call *c)
{
    struct map seen = {0};
    size_t *twin = NULL, at = 0;
    for (; at < c->request.entry_count && !twin; at++) {
        size_t *number = ARENA_TAKE(&c->document.arena, size_t);
        *number = at;
        twin = map_put(&seen, request_identity(c, &c->request.entries[at]), number);
    }
    if (twin)
        config_call_refuse(
            c, BAD_ARGUMENT,
            "Request contains two entries for the same endpoint at index %zu and %zu", *twin,
            at - 1);
    map_clear(&seen);
    return twin != NULL;
}

/* The nodes of the first one are replaced, the others go. */
static void update_entry(struct config_call *c, const struct config_entry *request)
{
    struct document *d = &c->document;
    struct slice identity = request_identity(c, request);
    struct document_entry *first = document_find(d, identity, NULL);
    if (!first) {
        document_add(d, request);
        return;
    }
    for (struct document_entry *e = first; e; e = document_find(d, identity, e))
        e->node_count = 0;
    for (size_t i = 0; i < request->node_count; i++)
        config_call_keep_interval(c, document_insert(d, first, i, &request->nodes[i]), request,
                                  first->entry);
    remove_entries(d, identity, false);
}

static bool update_endpoints(struct config_call *c)
{
    if (!json_is(c->args, JSON_ARRAY))
        return config_call_refuse(c, BAD_ARGUMENT, "The request must be an array of entries");
    if (!read_entries(c, c->args) || has_twins(c))
        return false;
    for (size_t i = 0; i < c->request.entry_count; i++) {
        const struct config_entry *e = &c->request.entries[i];
        struct slice identity = request_identity(c, e);
        if (e->node_count)
            continue;
        if (!document_find(&c->document, identity, NULL))
            return refuse_endpoint(c, e);
        remove_entries(&c->document, identity, true);
    }
    for (size_t i = 0; i < c->request.entry_count; i++)
        if (c->request.entries[i].node_count)
            update_entry(c, &c->request.entries[i]);
    buffer_text(&c->answer->body, "{}");
    return true;
}

static bool set_endpoints(struct config_call *c)
{
    const struct json *list = json_get_nocase(c->args, "endpoints");
    if (list && !json_is(list, JSON_ARRAY) && !json_is(list, JSON_NULL))
        return config_call_refuse(c, BAD_ARGUMENT, "endpoints must be an array of entries");
    if (json_count(list) && !read_entries(c, list))
        return false;
    document_remove_all(&c->document);
    for (size_t i = 0; i < c->request.entry_count; i++)
        document_add(&c->document, &c->request.entries[i]);
    return true;
}

/* ---- questions ---- */

static bool get_endpoints(struct config_call *c)
{
    bool with_nodes = json_bool(json_get_nocase(c->args, "includeNodes"), false);
    bool comma = false;
    buffer_text(&c->answer->body, "{\"endpoints\":[");
    for (size_t i = 0; i < c->document.entry_count; i++) {
        if (!c->document.entries[i].entry)
            continue;
        if (comma)
            buffer_u8(&c->answer->body, ',');
        document_put_entry(&c->document.entries[i], with_nodes, &c->answer->body);
        comma = true;
    }
    buffer_text(&c->answer->body, "]}");
    return true;
}

static bool get_nodes_on_endpoint(struct config_call *c)
{
    if (!config_call_read_entry(c, c->args))
        return false;
    const struct config_entry *request = &c->request.entries[0];
    struct slice identity = request_identity(c, request);
    struct document_entry *e = document_find(&c->document, identity, NULL);
    if (!e)
        return refuse_endpoint(c, request);
    bool comma = false;
    buffer_text(&c->answer->body, "{\"opcNodes\":[");
    for (; e; e = document_find(&c->document, identity, e)) {
        for (size_t i = 0; i < e->node_count; i++) {
            if (!e->nodes[i].node)
                continue;
            if (comma)
                buffer_u8(&c->answer->body, ',');
            document_put_node(&e->nodes[i], &c->answer->body);
            comma = true;
        }
    }
    buffer_text(&c->answer->body, "]}");
    return true;
}

/* ---- by name ---- */

/* clang-format off */
static const struct method {
    const char *name;
    config_call_fn *run;
    bool changes;
} methods[] = {
    {"PublishNodes", publish_nodes, true},
    {"UnpublishNodes", unpublish_nodes, true},
    {"UnpublishAllNodes", unpublish_all, true},
    {"AddOrUpdateEndpoints", update_endpoints, true},
    {"GetConfiguredEndpoints", get_endpoints, false},
    {"SetConfiguredEndpoints", set_endpoints, true},
    {"GetConfiguredNodesOnEndpoint", get_nodes_on_endpoint, false},
    {"PublishStart", config_publish_start, true},
    {"PublishStop", config_publish_stop, true},
    {"PublishBulk", config_publish_bulk, true},
    {"PublishList", config_publish_list, false},
    {"CreateOrUpdateDataSetWriterEntry", config_put_writer, true},
    {"GetDataSetWriterEntry", config_get_writer, false},
    {"RemoveDataSetWriterEntry", config_remove_writer, true},
    {"AddOrUpdateNodes", config_put_nodes, true},
    {"AddOrUpdateNode", config_put_node, true},
    {"RemoveNodes", config_remove_nodes, true},
    {"RemoveNode", config_remove_node, true},
    {"GetNodes", config_get_nodes, false},
    {"GetNode", config_get_node, false},
};
/* clang-format on */

static const struct method *find_method(struct slice name)
{
    size_t bare = name.len > 3 ? name.len - 3 : 0;
    struct slice suffix = slice_skip(name, bare);
    if (slice_eq_nocase(suffix, SLICE("_V1")) || slice_eq_nocase(suffix, SLICE("_V2")))
        name = slice_first(name, bare);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (slice_eq_nocase(name, slice_of(methods[i].name)))
            return &methods[i];
    return NULL;
}

bool config_edit_knows(struct slice method)
{
    return find_method(method) != NULL;
}

/* What is written must be readable: otherwise nothing is. */
static void write_text(struct config_call *c, uint64_t now_ms)
{
    struct config check;
    document_write(&c->document, now_ms, &c->answer->text);
    enum status s = config_read(buffer_slice(&c->answer->text), &check);
    c->answer->changed = s == OK;
    if (s != OK)
        config_call_refuse(c, s == TOO_LARGE ? TOO_LARGE : CONFLICT,
                           "the configuration would not be readable: %.*s",
                           SLICE_FMT(check.findings[0].text));
    config_clear(&check);
}

static void run(struct config_call *c, const struct method *m, struct slice text, uint64_t now_ms)
{
    enum status s = document_read(text, c->opener, &c->document);
    if (s != OK) {
        const struct config_finding *f = &c->document.config.findings[0];
        config_call_refuse(c, CONFLICT, "the configuration file must be mended first: %u:%u: %.*s",
                           f->line, f->column, SLICE_FMT(f->text));
        return;
    }
    if (m->run(c) && m->changes)
        write_text(c, now_ms);
}

void config_edit(struct slice text, struct slice method, struct slice payload, uint64_t now_ms,
                 const struct config_opener *opener, struct config_answer *out)
{
    *out = (struct config_answer){0};
    struct config_call c = {.answer = out, .opener = opener};
    struct json_doc *doc = NULL;
    const struct method *m = find_method(method);
    bool empty = slice_trim(payload).len == 0;
    if (!m)
        config_call_refuse(&c, UNSUPPORTED, "there is no method %.*s", SLICE_FMT(method));
    else if (!empty && json_parse(payload, JSON_STRICT, &doc, NULL) != OK)
        config_call_refuse(&c, BAD_ARGUMENT, "the payload is not JSON");
    else {
        c.args = json_root(doc);
        run(&c, m, text, now_ms);
    }
    config_clear(&c.request);
    document_clear(&c.document);
    json_free(&doc);
}

void config_answer_clear(struct config_answer *a)
{
    buffer_wipe(&a->text); /* passwords stand in it */
    buffer_clear(&a->body);
}
