#include "publisher/methods.h"

#include "publisher/methods_asset.h"
#include "publisher/methods_expand.h"
#include "publisher/publisher_priv.h"
#include "json/json.h"

/* ---- the configuration: published/config_edit.h knows each method by its name ---- */

struct change {
    struct module_call *call; /* NULL: answered in our place; it may be carried out all the same */
};

static void on_change_ended(void *arg)
{
    ((struct change *)arg)->call = NULL;
}

/* A file that must be mended by hand first is an invalid state: 403. */
static void reply_answer(struct module_call *c, const struct config_answer *a)
{
    enum status s = a->status == CONFLICT ? FORBIDDEN : a->status;
    struct buffer why = {0};
    buffer_put(&why, buffer_slice(&a->body));
    if (s == OK)
        module_reply(c, 200, a->body.len ? buffer_slice(&a->body) : SLICE("null"));
    else
        module_reply_error(c, s, buffer_cstr(&why));
    buffer_clear(&why);
}

static void on_changed(void *arg, const struct config_answer *answer)
{
    struct change *change = arg;
    if (change->call)
        reply_answer(change->call, answer);
    free(change);
}

static void edit(struct module_call *c)
{
    struct publisher *p = module_call_app(c);
    struct buffer payload = {0};
    struct json_writer w = json_writer(&payload);
    if (p->stopping) {
        module_reply_error(c, CANCELLED, "The publisher ends.");
        return;
    }
    struct change *change = MEMORY_NEW(struct change);
    change->call = c;
    if (module_call_payload(c))
        json_put_value(&w, module_call_payload(c));
    module_call_wait(c, on_change_ended, change);
    config_store_call(p->store, module_call_name(c), buffer_slice(&payload), on_changed, change);
    buffer_wipe(&payload); /* passwords may stand in it */
}

/* ---- diagnostics: a question to the OPC UA thread ---- */

struct asked {
    struct publisher *publisher;
    struct module_call *call; /* NULL: answered in our place */
    void (*answer)(struct asked *a, const struct survey *s);
};

static void on_ended(void *arg)
{
    ((struct asked *)arg)->call = NULL;
}

static void on_survey(void *arg, enum status why, const struct survey *s)
{
    struct asked *a = arg;
    if (a->call && why != OK)
        module_reply_error(a->call, why, NULL);
    else if (a->call)
        a->answer(a, s);
    free(a);
}

static void ask(struct module_call *c, enum survey_depth depth,
                void (*answer)(struct asked *, const struct survey *))
{
    struct asked *a = MEMORY_NEW(struct asked);
    *a = (struct asked){module_call_app(c), c, answer};
    module_call_wait(c, on_ended, a);
    reports_ask(a->publisher->reports, depth, on_survey, a);
}

/* The parameter: the payload itself, or a member of it. */
static struct slice text_parameter(const struct module_call *c, const char *name)
{
    const struct json *payload = module_call_payload(c);
    return json_is(payload, JSON_STRING) ? json_string(payload)
                                         : json_string(json_get_nocase(payload, name));
}

static void answer_info(struct asked *a, const struct survey *s)
{
    struct buffer out = {0};
    struct diagnostics_source from = reports_source(a->publisher->reports);
    diagnostics_put_info(reports_diagnostics(a->publisher->reports), s, &from, &out);
    module_reply(a->call, 200, buffer_slice(&out));
    buffer_clear(&out);
}

static void get_diagnostic_info(struct module_call *c)
{
    ask(c, SURVEY_ITEMS, answer_info);
}

static void answer_states(struct asked *a, const struct survey *s)
{
    struct buffer out = {0};
    struct slice group = text_parameter(a->call, "writerGroup");
    if (diagnostics_put_states(s, group, &out) == OK)
        module_reply(a->call, 200, buffer_slice(&out));
    else
        module_reply_error(a->call, NOT_FOUND, "There is no writer group of that name.");
    buffer_clear(&out);
}

static void get_all_writer_group_states(struct module_call *c)
{
    ask(c, SURVEY_FAILURES, answer_states);
}

static void get_writer_group_state(struct module_call *c)
{
    if (text_parameter(c, "writerGroup").len == 0)
        module_reply_error(c, BAD_ARGUMENT, "\"writerGroup\" is needed: the group's name.");
    else
        ask(c, SURVEY_FAILURES, answer_states);
}

static void answer_connections(struct asked *a, const struct survey *s)
{
    struct buffer out = {0};
    diagnostics_put_connections(s, &out);
    module_reply(a->call, 200, buffer_slice(&out));
    buffer_clear(&out);
}

static void get_active_connections(struct module_call *c)
{
    ask(c, SURVEY_ITEMS, answer_connections);
}

/* ---- sessions and their channels ---- */

static void on_connections(void *arg, enum status why, struct slice json)
{
    struct asked *a = arg;
    if (a->call && why != OK)
        module_reply_error(a->call, why, NULL);
    else if (a->call)
        module_reply(a->call, 200, json);
    free(a);
}

static void ask_connections(struct module_call *c, enum connections_what what)
{
    struct asked *a = MEMORY_NEW(struct asked);
    *a = (struct asked){.publisher = module_call_app(c), .call = c};
    module_call_wait(c, on_ended, a);
    connections_ask(a->publisher->connections, what, on_connections, a);
}

static void get_connection_diagnostics(struct module_call *c)
{
    ask_connections(c, CONNECTIONS_SERVERS);
}

static void get_channel_diagnostics(struct module_call *c)
{
    ask_connections(c, CONNECTIONS_CHANNELS);
}

static void reset_ua(void *arg)
{
    opcua_sessions_reset(arg);
}

/* Of all roles: they share sessions. */
static void reset_all_connections(struct module_call *c)
{
    opcua_thread_post(((struct publisher *)module_call_app(c))->thread, reset_ua,
                      ((struct publisher *)module_call_app(c))->thread);
    module_reply(c, 200, SLICE("null"));
}

/* ---- key frames on demand ---- */

struct wish {
    struct server_call server_call;
    struct publisher *publisher;
    struct module_call *call; /* NULL: answered in our place */
    struct buffer group, writer;
    enum status status;
};

static void on_wish_ended(void *arg)
{
    ((struct wish *)arg)->call = NULL;
}

static void wish_free(struct wish *w)
{
    list_remove(&w->server_call.link);
    buffer_clear(&w->group);
    buffer_clear(&w->writer);
    free(w);
}

static void drop_wish(struct server_call *c)
{
    wish_free(LIST_OF(c, struct wish, server_call));
}

static void on_key_frames(void *arg)
{
    struct wish *w = arg;
    if (w->call && w->status == OK)
        module_reply(w->call, 200, SLICE("null"));
    else if (w->call)
        module_reply_error(w->call, w->status,
                           w->status == NOT_FOUND
                               ? "There is no writer group or writer of that name."
                               : "A writer keeps no values for key frames: give its data set a "
                                 "DataSetKeyFrameCount, and a messaging mode that has them.");
    wish_free(w);
}

static void send_key_frames_ua(void *arg)
{
    struct wish *w = arg;
    struct engine *e = w->publisher->engine;
    w->status = e ? engine_send_key_frames(e, buffer_slice(&w->group), buffer_slice(&w->writer))
                  : NOT_FOUND;
    loop_post(w->publisher->loop, on_key_frames, w);
}

static void send_key_frames(struct module_call *c, struct slice group, struct slice writer)
{
    struct wish *w = MEMORY_NEW(struct wish);
    w->publisher = module_call_app(c);
    w->server_call.drop = drop_wish;
    list_push(&w->publisher->server_calls, &w->server_call.link);
    w->call = c;
    buffer_put(&w->group, group);
    buffer_put(&w->writer, writer);
    module_call_wait(c, on_wish_ended, w);
    opcua_thread_post(w->publisher->thread, send_key_frames_ua, w);
}

static void send_writer_group_key_frame(struct module_call *c)
{
    struct slice group = text_parameter(c, "writerGroup");
    if (group.len)
        send_key_frames(c, group, (struct slice){0});
    else
        module_reply_error(c, BAD_ARGUMENT, "\"writerGroup\" is needed: the group's name.");
}

static void send_data_set_writer_key_frame(struct module_call *c)
{
    const struct json *payload = module_call_payload(c);
    struct slice group = json_string(json_get_nocase(payload, "writerGroup"));
    struct slice writer = json_string(json_get_nocase(payload, "dataSetWriter"));
    if (group.len && writer.len)
        send_key_frames(c, group, writer);
    else
        module_reply_error(c, BAD_ARGUMENT, "\"writerGroup\" and \"dataSetWriter\" are needed.");
}

/* ---- the process ---- */

static void reply_text(struct module_call *c, const char *text)
{
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    if (text == NULL) {
        module_reply_error(c, UNSUPPORTED, "The HTTP API is not served: api.port.");
        return;
    }
    json_put_text(&w, text);
    module_reply(c, 200, buffer_slice(&out));
    buffer_clear(&out);
}

static void get_api_key(struct module_call *c)
{
    struct publisher *p = module_call_app(c);
    reply_text(c, p->config.api_key ? p->config.api_key(p->config.host) : NULL);
}

static void get_server_certificate(struct module_call *c)
{
    struct publisher *p = module_call_app(c);
    reply_text(c, p->config.api_certificate ? p->config.api_certificate(p->config.host) : NULL);
}

static void shut_down(struct module_call *c)
{
    struct publisher *p = module_call_app(c);
    const struct json *payload = module_call_payload(c);
    if (p->config.shut_down == NULL) {
        module_reply_error(c, UNSUPPORTED, NULL);
        return;
    }
    bool fail_fast = json_is(payload, JSON_OBJECT)
                         ? json_bool(json_get_nocase(payload, "failFast"), false)
                         : json_bool(payload, false);
    module_reply(c, 200, SLICE("null"));
    p->config.shut_down(p->config.host, fail_fast);
}

static void not_supported(struct module_call *c)
{
    module_reply(c, 405,
                 SLICE("{\"type\":\"about:blank\",\"title\":\"UNSUPPORTED\",\"status\":405,"
                       "\"detail\":\"OPC Publisher has not supported this since 2.9.\"}"));
}

#define ANY (MODULE_V1 | MODULE_V2 | MODULE_PLAIN)
#define NEW (MODULE_V2 | MODULE_PLAIN)
#define EXPAND_MS 60000 /* a server is browsed; callers may wait for less */

/* clang-format off */
const struct module_method publisher_methods[] = {
    {"PublishNodes", ANY, edit, 0},
    {"UnpublishNodes", ANY, edit, 0},
    {"UnpublishAllNodes", ANY, edit, 0},
    {"AddOrUpdateEndpoints", ANY, edit, 0},
    {"GetConfiguredEndpoints", ANY, edit, 0},
    {"SetConfiguredEndpoints", ANY, edit, 0},
    {"GetConfiguredNodesOnEndpoint", ANY, edit, 0},
    {"PublishStart", ANY, edit, 0},
    {"PublishStop", ANY, edit, 0},
    {"PublishBulk", ANY, edit, 0},
    {"PublishList", ANY, edit, 0},
    {"CreateOrUpdateDataSetWriterEntry", ANY, edit, 0},
    {"GetDataSetWriterEntry", ANY, edit, 0},
    {"RemoveDataSetWriterEntry", ANY, edit, 0},
    {"AddOrUpdateNodes", ANY, edit, 0},
    {"AddOrUpdateNode", ANY, edit, 0},
    {"RemoveNodes", ANY, edit, 0},
    {"RemoveNode", ANY, edit, 0},
    {"GetNodes", ANY, edit, 0},
    {"GetNode", ANY, edit, 0},
    {"ExpandWriter", ANY, methods_expand_writer, EXPAND_MS},
    {"ExpandAndCreateOrUpdateDataSetWriterEntries", ANY, methods_expand_and_save, EXPAND_MS},
    {"CreateOrUpdateAsset", ANY, methods_asset_put, EXPAND_MS},
    {"CreateOrUpdateAsset2", ANY, methods_asset_put_bytes, EXPAND_MS},
    {"GetAllAssets", ANY, methods_asset_list, EXPAND_MS},
    {"DeleteAsset", ANY, methods_asset_delete, EXPAND_MS},
    {"GetDiagnosticInfo", ANY, get_diagnostic_info, 0},
    {"GetAllWriterGroupStates", ANY, get_all_writer_group_states, 0},
    {"GetWriterGroupState", ANY, get_writer_group_state, 0},
    {"SendWriterGroupKeyFrame", ANY, send_writer_group_key_frame, 0},
    {"SendDataSetWriterKeyFrame", ANY, send_data_set_writer_key_frame, 0},
    {"ResetAllConnections", ANY, reset_all_connections, 0},
    {"GetActiveConnections", ANY, get_active_connections, 0},
    {"GetConnectionDiagnostics", ANY, get_connection_diagnostics, 0},
    {"GetChannelDiagnostics", ANY, get_channel_diagnostics, 0},
    {"WatchChannelDiagnostics", ANY, get_channel_diagnostics, 0}, /* as they are: a method has one answer */
    {"GetApiKey", NEW, get_api_key, 0},
    {"GetServerCertificate", NEW, get_server_certificate, 0},
    {"Shutdown", NEW, shut_down, 0},
    {"ExitApplication", ANY, not_supported, 0},
    {"GetInfo", ANY, not_supported, 0},
    {"GetDiagnosticLog", ANY, not_supported, 0},
    {"GetDiagnosticStartupLog", ANY, not_supported, 0},
};
/* clang-format on */
const size_t publisher_methods_count = sizeof publisher_methods / sizeof publisher_methods[0];
