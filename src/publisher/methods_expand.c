/* ExpandWriter and ExpandAndCreateOrUpdateDataSetWriterEntries: what an entry means, as entries
 * that name every variable. Saved, they replace data sets of the same identity
 * (AddOrUpdateEndpoints). */
#include "publisher/methods_expand.h"
#include "opcua/result_json.h"
#include "publisher/expand.h"
#include "publisher/expand_json.h"
#include "publisher/publisher_priv.h"

#define MARGIN_MS 500 /* for the way back */

struct expand_call {
    struct server_call server_call;
    struct publisher *publisher;
    struct module_call *call; /* NULL: answered in our place */
    struct buffer entry;      /* JSON, with a copy of what was asked */
    struct config config;
    struct plan plan;
    struct expand_options options;
    bool one_writer, discard_errors, display_names, save;
    struct expansion found;
    struct buffer answer, entries;
};

static void expand_call_free(struct expand_call *e)
{
    list_remove(&e->server_call.link);
    expansion_clear(&e->found);
    plan_clear(&e->plan);
    config_clear(&e->config);
    buffer_wipe(&e->entry);
    buffer_clear(&e->answer);
    buffer_clear(&e->entries);
    free(e);
}

static void drop(struct server_call *c)
{
    expand_call_free(LIST_OF(c, struct expand_call, server_call));
}

static void on_ended(void *arg)
{
    ((struct expand_call *)arg)->call = NULL;
}

static void fail(struct expand_call *e, enum status s, const char *why)
{
    if (e->call)
        module_reply_error(e->call, s, why);
    expand_call_free(e);
}

/* ---- the answer: the entry again, with other nodes ---- */

static void put_writer_id(struct json_writer *w, const struct json *entry, struct slice object)
{
    struct slice id = json_string(json_get_nocase(entry, "DataSetWriterId"));
    struct buffer text = {0};
    buffer_put(&text, id);
    if (id.len && object.len)
        buffer_u8(&text, '/');
    buffer_put(&text, object);
    json_member(w, "DataSetWriterId", buffer_slice(&text));
    buffer_clear(&text);
}

static void put_node(struct expand_call *e, struct json_writer *w, const struct expand_variable *v,
                     struct slice object)
{
    struct buffer field = {0};
    if (e->one_writer && object.len)
        buffer_printf(&field, "%.*s/", SLICE_FMT(object));
    buffer_put(&field, v->name);
    expand_put_node(w, v->id, buffer_slice(&field),
                    e->display_names ? buffer_slice(&field) : (struct slice){0});
    buffer_clear(&field);
}

static void put_nodes(struct expand_call *e, struct json_writer *w, const struct expand_result *r)
{
    for (size_t i = 0; i < r->count; i++)
        put_node(e, w, &r->variables[i], r->name);
    if (r->status != UA_STATUSCODE_GOOD)
        put_node(e, w, &(struct expand_variable){.id = r->node}, (struct slice){0});
}

/* Of results [from, to). */
static void put_entry(struct expand_call *e, const struct json *entry, size_t from, size_t to,
                      struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    expand_put_rest(&w, entry, (struct slice){0});
    put_writer_id(&w, entry, e->one_writer ? (struct slice){0} : e->found.results[from].name);
    json_name(&w, "OpcNodes");
    json_array(&w);
    for (size_t i = from; i < to; i++)
        if (e->one_writer ? e->found.results[i].status == UA_STATUSCODE_GOOD : true)
            put_nodes(e, &w, &e->found.results[i]);
    json_end_array(&w);
    json_end_object(&w);
}

static void put_result(struct expand_call *e, struct json_writer *w, const struct json *entry,
                       size_t from, size_t to, UA_StatusCode status)
{
    struct buffer text = {0};
    put_entry(e, entry, from, to, &text);
    json_object(w);
    json_name(w, "result"), json_put_raw(w, buffer_slice(&text));
    opcua_put_error(w, status, NULL);
    json_end_object(w);
    if (status == UA_STATUSCODE_GOOD) {
        buffer_text(&e->entries, e->entries.len > 1 ? "," : "");
        buffer_put(&e->entries, buffer_slice(&text));
    }
    buffer_clear(&text);
}

static size_t variables_of(const struct expand_call *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->found.count; i++)
        n += e->found.results[i].count;
    return n;
}

static void put_answer(struct expand_call *e, const struct json *entry)
{
    struct json_writer w = json_writer(&e->answer);
    json_array(&w);
    buffer_text(&e->entries, "[");
    if (e->one_writer && variables_of(e))
        put_result(e, &w, entry, 0, e->found.count, UA_STATUSCODE_GOOD);
    for (size_t i = 0; i < e->found.count; i++) {
        const struct expand_result *r = &e->found.results[i];
        bool good = r->status == UA_STATUSCODE_GOOD;
        if (good ? !e->one_writer && r->count > 0 : !e->discard_errors)
            put_result(e, &w, entry, i, i + 1, r->status);
    }
    buffer_text(&e->entries, "]");
    json_end_array(&w);
}

/* ---- and back ---- */

static void on_saved(void *arg, const struct config_answer *answer)
{
    struct expand_call *e = arg;
    struct buffer why = {0};
    buffer_put(&why, buffer_slice(&answer->body));
    if (e->call && answer->status == OK)
        module_reply(e->call, 200, buffer_slice(&e->answer));
    else if (e->call)
        module_reply_error(e->call, answer->status, buffer_cstr(&why));
    buffer_clear(&why);
    expand_call_free(e);
}

static void on_found(void *arg)
{
    struct expand_call *e = arg;
    struct json_doc *doc = NULL;
    if (e->found.status != UA_STATUSCODE_GOOD) {
        bool late = e->found.status == UA_STATUSCODE_BADTIMEOUT,
             many = e->found.status == UA_STATUSCODE_BADTOOMANYOPERATIONS;
        fail(e, many ? TOO_LARGE : late ? TIMED_OUT : OFFLINE, opcua_status_name(e->found.status));
        return;
    }
    if (json_parse(buffer_slice(&e->entry), JSON_STRICT, &doc, NULL) == OK)
        put_answer(e, json_root(doc));
    json_free(&doc);
    if (e->save && e->publisher->stopping) {
        fail(e, CANCELLED, "The publisher ends: nothing was saved.");
        return;
    }
    if (e->save && e->entries.len > 2) {
        config_store_call(e->publisher->store, SLICE("AddOrUpdateEndpoints"),
                          buffer_slice(&e->entries), on_saved, e);
        return;
    }
    if (e->call)
        module_reply(e->call, 200, buffer_slice(&e->answer));
    expand_call_free(e);
}

static void on_expanded_ua(void *arg, struct expansion *found)
{
    struct expand_call *e = arg;
    e->found = *found;
    loop_post(e->publisher->loop, on_found, e);
}

static void begin_ua(void *arg)
{
    struct expand_call *e = arg;
    expand_begin(e->publisher->thread, &e->plan.groups[0].writers[0], &e->options, on_expanded_ua,
                 e);
}

/* ---- what is asked ---- */

static bool flag(const struct json *request, const char *name)
{
    return json_bool(json_get_nocase(request, name), false);
}

static void read_request(struct expand_call *e, const struct json *request)
{
    uint64_t depth = EXPAND_DEPTH_MAX, levels = 0;
    (void)json_u64(json_get_nocase(request, "maxDepth"), &depth);
    (void)json_u64(json_get_nocase(request, "maxLevelsToExpand"), &levels);
    e->options.depth = depth > EXPAND_DEPTH_MAX ? EXPAND_DEPTH_MAX : (uint32_t)depth;
    e->options.levels = levels > EXPAND_DEPTH_MAX ? EXPAND_DEPTH_MAX : (uint32_t)levels;
    e->options.no_subtypes = flag(request, "noSubTypesOfTypeNodes");
    e->options.exclude_root = flag(request, "excludeRootIfInstanceNode");
    e->options.flatten = flag(request, "flattenTypeInstance");
    e->one_writer = flag(request, "createSingleWriter");
    e->discard_errors = flag(request, "discardErrors");
    e->display_names = flag(request, "useBrowseNameAsDisplayName");
}

/* The entry through the same door as the file, for its connection and nodes. */
static bool read_entry(struct expand_call *e)
{
    struct buffer list = {0};
    buffer_printf(&list, "[%.*s]", SLICE_FMT(buffer_slice(&e->entry)));
    enum status s = config_read(buffer_slice(&list), &e->config);
    buffer_wipe(&list);
    if (s != OK || e->config.entry_count != 1)
        return false;
    struct plan_defaults defaults = e->publisher->config.defaults;
    defaults.one_publishing_interval = true; /* so that it is one writer */
    defaults.nodes_per_writer = UINT32_MAX;
    defaults.routing = ROUTING_NONE;
    plan_make(&e->config, &defaults, &e->plan);
    return e->plan.group_count == 1 && e->plan.groups[0].writer_count >= 1;
}

static void expand(struct module_call *c, bool save)
{
    const struct json *payload = module_call_payload(c);
    const struct json *entry = json_get_nocase(payload, "entry");
    struct expand_call *e = MEMORY_NEW(struct expand_call);
    struct json_writer w = json_writer(&e->entry);
    e->publisher = module_call_app(c);
    e->server_call.drop = drop;
    list_push(&e->publisher->server_calls, &e->server_call.link);
    e->call = c;
    e->save = save;
    module_call_wait(c, on_ended, e);
    if (e->publisher->stopping) {
        fail(e, CANCELLED, "The publisher ends.");
        return;
    }
    if (!json_is(entry, JSON_OBJECT)) {
        fail(e, BAD_ARGUMENT, "\"entry\" is needed: an entry with OpcNodes.");
        return;
    }
    json_put_value(&w, entry);
    read_request(e, json_get_nocase(payload, "request"));
    if (!read_entry(e)) {
        struct buffer why = {0};
        if (e->config.finding_count)
            buffer_printf(&why, "%.*s: %.*s", SLICE_FMT(e->config.findings[0].field),
                          SLICE_FMT(e->config.findings[0].text));
        fail(e, BAD_ARGUMENT, why.len ? buffer_cstr(&why) : "The entry has no nodes.");
        buffer_clear(&why);
        return;
    }
    uint64_t left = module_call_left_ms(c);
    e->options.timeout_ms = (uint32_t)(left > MARGIN_MS ? left - MARGIN_MS : left);
    opcua_thread_post(e->publisher->thread, begin_ua, e);
}

void methods_expand_writer(struct module_call *c)
{
    expand(c, false);
}

void methods_expand_and_save(struct module_call *c)
{
    expand(c, true);
}
