/*
 * CreateOrUpdateAsset, CreateOrUpdateAsset2, GetAllAssets, DeleteAsset. An asset is the server's;
 * the entry that publishes it is ours, and has the asset's node id as its writer id. What a server
 * says is in the answer's body ("errorInfo"); that there is no server is an error of the call.
 */
#include "publisher/methods_asset.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "opcua/asset.h"
#include "opcua/result_json.h"
#include "publisher/asset_json.h"
#include "publisher/publisher_priv.h"

#define MARGIN_MS 500 /* for the way back */

struct asset_call {
    struct server_call server_call;
    struct publisher *publisher;
    struct module_call *call; /* NULL: answered in our place; it is carried out all the same */
    struct json_doc *doc;     /* what was asked */
    const struct json *entry; /* in it */
    struct slice group, writer;
    bool force;
    struct buffer asked, kept; /* the entry for the server, and for the configuration */
    struct buffer thing, why;
    struct config config;
    struct plan plan;
    struct asset_work work;
    void (*ua)(struct asset_work *w);
    void (*next)(struct asset_call *a); /* after it, on the loop */
};

static void call_free(struct asset_call *a)
{
    a->publisher->asset_calls--;
    list_remove(&a->server_call.link);
    asset_work_clear(&a->work);
    plan_clear(&a->plan);
    config_clear(&a->config);
    buffer_wipe(&a->asked); /* passwords may stand in it */
    buffer_wipe(&a->kept);
    buffer_wipe(&a->thing);
    buffer_clear(&a->why);
    json_free(&a->doc);
    free(a);
}

static void drop(struct server_call *c)
{
    call_free(LIST_OF(c, struct asset_call, server_call));
}

/* ---- answers: each ends the call ---- */

static void refuse(struct asset_call *a, enum status s, const char *why)
{
    if (a->call)
        module_reply_error(a->call, s, why);
    call_free(a);
}

static void answer(struct asset_call *a, struct buffer *body)
{
    if (a->call)
        module_reply(a->call, 200, buffer_slice(body));
    buffer_wipe(body);
    call_free(a);
}

/* False: there is no server, and it has been said. */
static bool was_reached(struct asset_call *a, const char *done)
{
    struct asset_work *w = &a->work;
    if (!w->unreachable)
        return true;
    buffer_printf(&a->why, "%s%s: there is no connection to %.*s.", done,
                  opcua_status_name(w->status), SLICE_FMT(w->at->connection.endpoint_url));
    refuse(a, w->status == UA_STATUSCODE_BADTIMEOUT ? TIMED_OUT : OFFLINE, buffer_cstr(&a->why));
    return false;
}

/* {"result": entry, "errorInfo": …} */
static void answer_entry(struct asset_call *a, UA_StatusCode status, const char *text)
{
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    json_object(&w);
    json_name(&w, "result");
    asset_put_entry(&w, a->entry, buffer_slice(&a->work.id), (struct slice){0},
                    a->work.found.results, a->work.found.count);
    opcua_put_error(&w, status, text);
    json_end_object(&w);
    answer(a, &body);
}

static void answer_result(struct asset_call *a, UA_StatusCode status, const char *text)
{
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    opcua_put_result(&w, status, text);
    answer(a, &body);
}

/* ---- to the OPC UA thread, and back ---- */

static void on_done(void *arg)
{
    struct asset_call *a = arg;
    a->next(a);
}

static void on_done_ua(void *arg)
{
    struct asset_call *a = arg;
    loop_post(a->publisher->loop, on_done, a);
}

static void run_ua(void *arg)
{
    struct asset_call *a = arg;
    a->ua(&a->work);
}

static void ask_server(struct asset_call *a, void (*ua)(struct asset_work *),
                       void (*next)(struct asset_call *))
{
    a->ua = ua;
    a->next = next;
    opcua_thread_post(a->publisher->thread, run_ua, a);
}

/* ---- to the configuration, and back ---- */

static void ask_store(struct asset_call *a, const char *method, struct slice payload,
                      config_store_fn *fn)
{
    if (a->publisher->stopping) {
        struct config_answer ends = {.status = CANCELLED};
        buffer_text(&ends.body, "The publisher ends.");
        fn(a, &ends);
        config_answer_clear(&ends);
        return;
    }
    config_store_call(a->publisher->store, slice_of(method), payload, fn, a);
}

static void ask_store_of_writer(struct asset_call *a, const char *method, struct slice writer,
                                config_store_fn *fn)
{
    struct buffer payload = {0};
    struct json_writer w = json_writer(&payload);
    json_object(&w);
    json_member(&w, "dataSetWriterGroup", a->group);
    json_member(&w, "dataSetWriterId", writer);
    json_end_object(&w);
    ask_store(a, method, buffer_slice(&payload), fn);
    buffer_clear(&payload);
}

/* ---- create or update ---- */

static void answer_unsaved(struct asset_call *a)
{
    answer_entry(a, UA_STATUSCODE_BAD, buffer_cstr(&a->why));
}

static void on_taken_back(struct asset_call *a)
{
    if (a->work.status != UA_STATUSCODE_GOOD)
        buffer_printf(&a->why,
                      "; the asset \"%.*s\" stays on the server, where it could not be deleted (%s): try "
                      "DeleteAsset with \"force\"",
                      SLICE_FMT(buffer_slice(&a->work.id)), opcua_status_name(a->work.status));
    answer_unsaved(a);
}

static void on_saved(void *arg, const struct config_answer *saved)
{
    struct asset_call *a = arg;
    if (saved->status == OK) {
        answer_entry(a, UA_STATUSCODE_GOOD, NULL);
        return;
    }
    buffer_put(&a->why, buffer_slice(&saved->body));
    a->work.ends_ms = 0; /* taking back has a time of its own */
    a->work.timeout_ms = ASSET_UNDO_MS;
    if (a->work.made)
        ask_server(a, asset_delete_ua, on_taken_back);
    else
        answer_unsaved(a);
}

static void on_described(struct asset_call *a)
{
    struct asset_work *work = &a->work;
    struct json_writer w = json_writer(&a->kept);
    if (!was_reached(a, ""))
        return;
    if (work->status != UA_STATUSCODE_GOOD) {
        answer_entry(a, work->status, work->text);
        return;
    }
    asset_put_entry(&w, a->entry, buffer_slice(&work->id), (struct slice){0}, work->found.results,
                    work->found.count);
    ask_store(a, "CreateOrUpdateDataSetWriterEntry", buffer_slice(&a->kept), on_saved);
}

static void update(struct asset_call *a)
{
    ask_server(a, asset_describe_ua, on_described);
}

/* It is ours when an entry of the same group publishes it. */
static void on_owner(void *arg, const struct config_answer *entry)
{
    struct asset_call *a = arg;
    if (entry->status == OK)
        update(a);
    else
        answer_entry(a, a->work.status, a->work.text);
}

static void on_created(struct asset_call *a)
{
    struct slice id = buffer_slice(&a->work.id);
    if (!a->work.exists)
        on_described(a);
    else if (slice_eq(a->writer, id))
        update(a);
    else
        ask_store_of_writer(a, "GetDataSetWriterEntry", id, on_owner);
}

/* ---- delete: the entry, then the asset ---- */

static void on_deleted(struct asset_call *a)
{
    if (was_reached(a, "The entry is deleted, the asset is not. "))
        answer_result(a, a->work.status, a->work.text);
}

static void on_removed(void *arg, const struct config_answer *removed)
{
    struct asset_call *a = arg;
    if (removed->status == OK || (a->force && removed->status != CANCELLED)) {
        ask_server(a, asset_delete_ua, on_deleted);
        return;
    }
    buffer_put(&a->why, buffer_slice(&removed->body));
    answer_result(a, removed->status == NOT_FOUND ? UA_STATUSCODE_BADNOTFOUND : UA_STATUSCODE_BAD,
                  buffer_cstr(&a->why));
}

/* ---- list ---- */

static void on_listed(struct asset_call *a)
{
    struct asset_work *work = &a->work;
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    if (!was_reached(a, ""))
        return;
    if (work->status != UA_STATUSCODE_GOOD) {
        buffer_printf(&a->why, "%s: the server does not list its assets.",
                      opcua_status_name(work->status));
        refuse(a, work->status == UA_STATUSCODE_BADTIMEOUT ? TIMED_OUT : PEER_FAILED,
               buffer_cstr(&a->why));
        return;
    }
    asset_put_list(&w, a->entry, work);
    answer(a, &body);
}

/* ---- what is asked ---- */

/* The entry through the same door as the file, for its connection: its node is where assets are. */
static bool read_entry(struct asset_call *a)
{
    struct plan_defaults defaults = a->publisher->config.defaults;
    struct json_writer w = json_writer(&a->asked);
    json_array(&w);
    json_object(&w);
    for (struct json_walk m = json_walk(a->entry); json_next(&m);)
        if (!slice_eq_nocase(m.name, SLICE("OpcNodes")))
            json_name_slice(&w, m.name), json_put_value(&w, m.value);
    json_name(&w, "OpcNodes");
    json_put_raw(&w, SLICE("[{\"Id\":\"" OPCUA_ASSETS_ID "\"}]"));
    json_end_object(&w);
    json_end_array(&w);
    if (config_read(buffer_slice(&a->asked), &a->config) != OK || a->config.entry_count != 1)
        return false;
    defaults.routing = ROUTING_NONE;
    plan_make(&a->config, &defaults, &a->plan);
    return a->plan.group_count == 1 && a->plan.groups[0].writer_count == 1;
}

static bool check_entry(struct asset_call *a)
{
    if (!json_is(a->entry, JSON_OBJECT))
        buffer_text(&a->why, "\"entry\" is needed: an entry with EndpointUrl.");
    else if (read_entry(a))
        return true;
    else if (a->config.finding_count)
        buffer_printf(&a->why, "%.*s: %.*s", SLICE_FMT(a->config.findings[0].field),
                      SLICE_FMT(a->config.findings[0].text));
    else
        buffer_text(&a->why, "The entry does not say where the server is.");
    return false;
}

static void on_ended(void *arg)
{
    ((struct asset_call *)arg)->call = NULL;
}

/* NULL: answered. */
static struct asset_call *call_new(struct module_call *c)
{
    struct publisher *p = module_call_app(c);
    if (p->stopping) {
        module_reply_error(c, CANCELLED, "The publisher ends.");
        return NULL;
    }
    if (p->asset_calls >= ASSET_CALLS_MAX) {
        module_reply_error(c, BUSY, "Too many calls about assets are under way.");
        return NULL;
    }
    struct asset_call *a = MEMORY_NEW(struct asset_call);
    uint64_t left = module_call_left_ms(c);
    p->asset_calls++;
    a->publisher = p;
    a->server_call.drop = drop;
    list_push(&p->server_calls, &a->server_call.link);
    a->call = c;
    a->doc = module_call_take(c);
    a->entry = json_get_nocase(json_root(a->doc), "entry");
    a->group = json_string(json_get_nocase(a->entry, "DataSetWriterGroup"));
    a->writer = json_string(json_get_nocase(a->entry, "DataSetWriterId"));
    module_call_wait(c, on_ended, a);
    if (!check_entry(a)) {
        refuse(a, BAD_ARGUMENT, buffer_cstr(&a->why));
        return NULL;
    }
    a->work =
        (struct asset_work){.thread = p->thread,
                            .at = &a->plan.groups[0].writers[0],
                            .timeout_ms = (uint32_t)(left > MARGIN_MS ? left - MARGIN_MS : left),
                            .ends = &p->ends,
                            .done = on_done_ua,
                            .arg = a};
    return a;
}

/* False: refused. */
static bool need(struct asset_call *a, struct slice member, const char *why)
{
    if (member.len == 0)
        refuse(a, BAD_ARGUMENT, why);
    return member.len > 0;
}

/* "00:00:05"; it has to leave time for the rest. */
static bool read_wait(struct asset_call *a)
{
    const struct json *wait = json_get_nocase(json_root(a->doc), "waitTime");
    if (wait == NULL || json_is(wait, JSON_NULL))
        return true;
    if (!clock_parse_timespan(json_string(wait), &a->work.wait_ms)) {
        refuse(a, BAD_ARGUMENT, "\"waitTime\" is no time span: \"00:00:05\".");
        return false;
    }
    if (a->work.wait_ms >= a->work.timeout_ms) {
        buffer_printf(&a->why, "\"waitTime\" is longer than this call may take: %u s.",
                      a->work.timeout_ms / 1000);
        refuse(a, BAD_ARGUMENT, buffer_cstr(&a->why));
        return false;
    }
    return true;
}

/* A text is what it says; any other JSON is what it is. */
static enum status read_thing(struct asset_call *a, bool bytes)
{
    const struct json *thing = json_get_nocase(json_root(a->doc), "configuration");
    struct json_writer w = json_writer(&a->thing);
    if (bytes)
        return json_is(thing, JSON_STRING) ? base64_decode(json_string(thing), &a->thing)
                                           : BAD_ARGUMENT;
    if (json_is(thing, JSON_STRING))
        buffer_put(&a->thing, json_string(thing));
    else if (thing && !json_is(thing, JSON_NULL))
        json_put_value(&w, thing);
    return OK;
}

static void put(struct module_call *c, bool bytes)
{
    struct asset_call *a = call_new(c);
    if (!a)
        return;
    a->work.name = json_string(json_get_nocase(a->entry, "DataSetName"));
    if (!need(a, a->work.name, "\"DataSetName\" is needed: it is the name of the asset.") ||
        !need(a, a->group, "\"DataSetWriterGroup\" is needed: the asset is published in it.") ||
        !read_wait(a))
        return;
    if (read_thing(a, bytes) != OK || a->thing.len == 0) {
        refuse(a, BAD_ARGUMENT,
               bytes ? "\"configuration\" is needed: a Thing Description in base64."
                     : "\"configuration\" is needed: a Thing Description.");
        return;
    }
    if (a->thing.len > ASSET_THING_BYTES_MAX) {
        refuse(a, TOO_LARGE, "\"configuration\" is larger than 16 MB.");
        return;
    }
    a->work.thing = buffer_slice(&a->thing);
    ask_server(a, asset_create_ua, on_created);
}

void methods_asset_put(struct module_call *c)
{
    put(c, false);
}

void methods_asset_put_bytes(struct module_call *c)
{
    put(c, true);
}

void methods_asset_list(struct module_call *c)
{
    struct asset_call *a = call_new(c);
    if (a)
        ask_server(a, asset_list_ua, on_listed);
}

void methods_asset_delete(struct module_call *c)
{
    struct asset_call *a = call_new(c);
    if (!a || !need(a, a->writer, "\"DataSetWriterId\" is needed: the node id of the asset.") ||
        !need(a, a->group, "\"DataSetWriterGroup\" is needed: the asset is published in it."))
        return;
    buffer_put(&a->work.id, a->writer);
    a->force = json_bool(json_get_nocase(json_root(a->doc), "force"), false);
    ask_store_of_writer(a, "RemoveDataSetWriterEntry", a->writer, on_removed);
}
