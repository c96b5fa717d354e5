#include "publisher/publisher.h"

#include <malloc.h>

#include "base/log.h"
#include "publisher/methods.h"
#include "publisher/publisher_priv.h"

#define STOP_MS 5000
#define STOP_SENT_MS 1000 /* what is on the disk already may be sent so long */
#define STOP_LOOK_MS 10

void publisher_edit(struct publisher *p, struct slice method, struct slice payload,
                    publisher_edit_fn *fn, void *arg)
{
    config_store_call(p->store, method, payload, fn, arg);
}

void publisher_announce(struct publisher *p, const char *state)
{
    if (p->config.runtime_state)
        announce_state(reports_announcer(p->reports), state, loop_wall_ms(p->loop));
}

/* ---- the role ---- */

static void on_sent(void *app, uint64_t token, enum status why)
{
    outbox_on_sent(((struct publisher *)app)->outbox, token, why);
}

static void on_room(void *app)
{
    outbox_on_room(((struct publisher *)app)->outbox);
}

static void on_connected(void *app, bool connected)
{
    if (connected)
        outbox_on_room(((struct publisher *)app)->outbox);
}

static void on_reported(void *app, const struct json *reported)
{
    struct publisher *p = app;
    if (p->config.on_reported)
        p->config.on_reported(p->config.host, reported);
}

static struct module_role_ops role_ops(void)
{
    return (struct module_role_ops){.type = "publisher",
                                    .methods = publisher_methods,
                                    .method_count = publisher_methods_count,
                                    .on_connected = on_connected,
                                    .on_sent = on_sent,
                                    .on_room = on_room,
                                    .on_reported = on_reported};
}

static struct engine *engine_ua(void *arg)
{
    return ((struct publisher *)arg)->engine;
}

static void resume_ua(void *arg)
{
    struct publisher *p = arg;
    if (p->engine)
        engine_resume(p->engine);
}

/* Reading a large file leaves much free memory at the ends of several heaps. The C library's
 * threshold for giving it back grows with what was used; fixed ones halve the memory of a process
 * with 100,000 nodes. Lower ones would give the memory of each message back, only to fault it in
 * again for the next. */
static void keep_memory_small(void)
{
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

static void start_reports(struct publisher *p)
{
    p->reports = reports_new(&(struct reports_config){
        .loop = p->loop,
        .announcer = {.outbox = p->outbox,
                      .thread = p->thread,
                      .topics = &p->config.topics,
                      .publisher_id = p->publisher_id,
                      .site = p->config.site ? p->config.site : "",
                      .device_id = module_device_id(p->module),
                      .module_id = module_id(p->module),
                      .version = MILLRACE_VERSION},
        .engine_ua = engine_ua,
        .arg = p,
        .interval_ms = p->config.diagnostics_ms,
        .target = p->config.diagnostics_as_events ? REPORTS_AS_EVENTS : REPORTS_TO_LOG});
}

static void name_methods_topic(struct publisher *p)
{
    const char *site = p->config.site;
    struct topic_scope scope = {.templates = &p->config.topics,
                                .values = {[TOPIC_PUBLISHER_ID] = slice_of(p->publisher_id)}};
    if (site && site[0])
        scope.values[TOPIC_SITE_ID] = slice_of(site);
    topic_put(&scope, TOPIC_METHODS, &p->methods_topic);
    p->config.outbox.methods = buffer_slice(&p->methods_topic);
}

static void collect_told_ua(void *arg, struct told *out)
{
    struct publisher *p = arg;
    if (p->engine)
        engine_told(p->engine, out);
    told_put_left(out, &p->told); /* of nodes that are looked for, or not configured just now */
}

static void open_told(struct publisher *p)
{
    const struct outbox_options *o = &p->config.outbox;
    if (p->config.backfill_every_ms && o->directory && o->durability != STORE_MEMORY)
        p->told_file = told_file_open(&(struct told_file_config){.loop = p->loop,
                                                                 .thread = p->thread,
                                                                 .directory = o->directory,
                                                                 .name = slice_of(p->publisher_id),
                                                                 .every_ms =
                                                                     p->config.backfill_every_ms,
                                                                 .collect_ua = collect_told_ua,
                                                                 .arg = p},
                                      &p->told);
}

/* What reads the file and what changes it have some each. */
static enum status open_credentials(struct publisher *p, struct credentials **out)
{
    return credentials_new(&(struct credentials_config){.loop = p->loop,
                                                        .uri = p->config.workload_uri,
                                                        .module = p->config.workload_module,
                                                        .generation = p->config.workload_generation},
                           out);
}

struct publisher *publisher_start(struct module *m, struct opcua_thread *t,
                                  const struct publisher_config *config)
{
    struct publisher *p = MEMORY_NEW(struct publisher);
    struct credentials *of_store = NULL;
    keep_memory_small();
    p->config = *config;
    p->path = memory_text(config->path);
    p->publisher_id = memory_text(config->defaults.publisher_id);
    p->config.defaults.publisher_id = p->publisher_id;
    list_init(&p->server_calls);
    p->module = m;
    p->loop = module_loop(m);
    p->thread = t;
    p->epoch = loop_wall_ms(p->loop);
    name_methods_topic(p);
    p->ops = role_ops();
    p->role = module_add(m, &p->ops, p);
    enum status s = outbox_new(&(struct outbox_config){.loop = p->loop,
                                                       .module = m,
                                                       .role = config->without_hub ? NULL : p->role,
                                                       .thread = t,
                                                       .name = p->publisher_id,
                                                       .options = &p->config.outbox,
                                                       .on_room = resume_ua,
                                                       .arg = p},
                               &p->outbox);
    if (s == OK && config->credentials_forced && !config->workload_uri) {
        log_error("publisher credentials: credentials.encrypted (--fe) needs the workload API of an "
                  "IoT Edge: workload.uri (IOTEDGE_WORKLOADURI) is not set");
        s = BAD_ARGUMENT;
    }
    if (s == OK && config->workload_uri)
        s = open_credentials(p, &p->credentials);
    if (s != OK) {
        publisher_free(&p);
        return NULL;
    }
    start_reports(p);
    p->connections = connections_new(p->loop, p->thread);
    open_told(p);
    publisher_announce(p, "RestartAnnouncement");
    p->store = config_store_new(p->loop, p->path, config->create, publisher_on_file, p);
    config_store_audit(p->store, config->audit);
    if (config->workload_uri && open_credentials(p, &of_store) == OK)
        config_store_credentials(p->store, of_store, config->credentials_forced);
    if (config->init_file)
        p->init = init_run_new(m, config->init_file, config->init_log);
    publisher_count(p);
    return p;
}

/* ---- the end ---- */

static void look_whether_sent(void *arg)
{
    struct publisher *p = arg;
    struct outbox_counts c = outbox_counts(p->outbox);
    bool stays = c.unstored == 0 && loop_now_ms(p->loop) >= p->stop_at_ms - STOP_MS + STOP_SENT_MS;
    bool busy = !p->stopped || p->asset_calls || !config_store_idle(p->store) || p->load || p->counting || !reports_idle(p->reports) ||
                !connections_idle(p->connections) || (p->told_file && !told_file_idle(p->told_file)) ||
                (c.waiting > 0 && !stays);
    if (busy && loop_now_ms(p->loop) < p->stop_at_ms) {
        loop_timer_start(p->loop, &p->stop_timer, STOP_LOOK_MS, look_whether_sent, p);
        return;
    }
    if (c.waiting > 0)
        log_warn("publisher stopped with messages unsent count=%llu lost=%llu",
                 (unsigned long long)c.waiting, (unsigned long long)c.unstored);
    if (p->asset_calls > 0)
        log_warn("publisher stopped with calls about assets unfinished count=%zu do=\"see which assets the "
                 "server has\"",
                 p->asset_calls);
    config_store_free(&p->store);
    if (p->told_file && p->stopped && c.unstored == 0)
        told_file_write(p->told_file, &p->told_last);
    p->on_stopped(p->on_stopped_arg);
}

static void on_engine_stopped(void *arg)
{
    ((struct publisher *)arg)->stopped = true;
}

static void stop_ua(void *arg)
{
    struct publisher *p = arg;
    collect_told_ua(p, &p->told_last);
    engine_free(&p->engine);
    loop_post(p->loop, on_engine_stopped, p);
}

void publisher_stop(struct publisher *p, loop_fn *fn, void *arg)
{
    p->stopping = true;
    p->on_stopped = fn;
    p->on_stopped_arg = arg;
    p->stop_at_ms = loop_now_ms(p->loop) + STOP_MS;
    atomic_store(&p->ends, true);
    config_store_stop(p->store);
    loop_timer_stop(&p->ask_timer);
    if (p->credentials)
        credentials_end(p->credentials);
    if (p->init)
        init_run_stop(p->init);
    loop_timer_stop(&p->count_timer);
    reports_stop(p->reports);
    connections_stop(p->connections);
    if (p->told_file)
        told_file_stop(p->told_file);
    publisher_announce(p, "ShutdownAnnouncement");
    opcua_thread_post(p->thread, stop_ua, p);
    loop_timer_start(p->loop, &p->stop_timer, 0, look_whether_sent, p);
}

void publisher_free(struct publisher **publisher)
{
    struct publisher *p = *publisher;
    if (!p)
        return;
    for (struct link *l; (l = list_first(&p->server_calls));) {
        struct server_call *c = LIST_OF(l, struct server_call, link);
        c->drop(c);
    }
    publisher_leave_load(p);
    loop_timer_stop(&p->ask_timer);
    credentials_free(&p->credentials);
    reports_free(&p->reports);
    connections_free(&p->connections);
    init_run_free(&p->init);
    told_file_free(&p->told_file);
    told_clear(&p->told);
    told_clear(&p->told_last);
    outbox_free(&p->outbox);
    buffer_wipe(&p->waiting);
    free(p->path);
    free(p->publisher_id);
    buffer_clear(&p->methods_topic);
    free(p);
    *publisher = NULL;
}
