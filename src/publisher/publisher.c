#include "publisher/publisher.h"

#include <malloc.h>
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "publisher/config_schema.h"
#include "publisher/methods.h"
#include "publisher/publisher_private.h"
#include "rest/metrics.h"

#define COUNT_MS 1000
#define STOP_MS 5000
#define STOP_SENT_MS 1000 /* what is on the disk already may be sent so long */
#define STOP_LOOK_MS 10
#define TRIM_AFTER_S 5
#define FINDINGS_LOGGED 20 /* of one file; the rest is only counted */

/* ---- from file to plan ---- */

/* A file on its way to the OPC UA thread; belongs to who works on it. */
struct load {
    struct publisher *publisher;
    struct buffer text;
    enum status status;
    struct config config;
    struct plan plan;
};

static void load_free(struct load *l)
{
    plan_clear(&l->plan);
    config_clear(&l->config);
    if (l->text.len)
        explicit_bzero(l->text.at, l->text.len); /* passwords stand in it */
    buffer_clear(&l->text);
    free(l);
}

static void read_file(void *arg) /* on a helper thread */
{
    struct load *l = arg;
    l->status = config_read(buffer_slice(&l->text), &l->config);
    const struct plan_defaults *defaults = &l->publisher->config.defaults;
    if (l->status != OK)
        return;
    config_check_profiles(&l->config, defaults->mode, defaults->encoding);
    l->status = credentials_settle(l->publisher->credentials, &l->config);
    if (l->status == OK)
        plan_make(&l->config, defaults, &l->plan);
}

static void log_findings(const struct publisher *p, const struct config *c)
{
    struct buffer line = {0};
    for (size_t i = 0; i < c->finding_count && i < FINDINGS_LOGGED; i++) {
        buffer_reset(&line);
        config_finding_print(&c->findings[i], p->path, &line);
        log_line(c->findings[i].refused ? LOG_LEVEL_WARN : LOG_LEVEL_INFO,
                 "publisher file finding=\"%s\"", buffer_cstr(&line));
    }
    if (c->finding_count > FINDINGS_LOGGED)
        log_warn(
            "publisher file has more findings count=%zu see=\"millrace publisher --check.file\"",
            c->finding_count - FINDINGS_LOGGED);
    buffer_clear(&line);
}

static void begin_load(struct publisher *p, struct slice text);

static void announce(struct publisher *p, const char *state)
{
    if (p->config.runtime_state)
        announce_state(reports_announcer(p->reports), state, loop_wall_ms(p->loop));
}

static void on_applied(void *arg)
{
    struct publisher *p = arg;
    p->load = NULL;
    p->trim_in_s = TRIM_AFTER_S;
    if (!p->announced)
        announce(p, "Running");
    p->announced = true;
    if (p->load_again && !p->stopping) {
        p->load_again = false;
        struct buffer text = p->waiting;
        p->waiting = (struct buffer){0};
        begin_load(p, buffer_slice(&text));
        buffer_clear(&text);
    }
}

static void apply_ua(void *arg)
{
    struct load *l = arg;
    struct publisher *p = l->publisher;
    if (!p->engine)
        p->engine = engine_new(&(struct engine_config){.thread = p->thread,
                                                       .outbox = p->outbox,
                                                       .epoch = p->epoch,
                                                       .body_max = p->config.body_max,
                                                       .topics = &p->config.topics,
                                                       .items_per_subscription = (uint32_t)p->config.defaults.items_per_subscription,
                                                       .lifetime_count = (uint32_t)p->config.defaults.lifetime_count,
                                                       .site = slice_of(p->config.site),
                                                       .backfill_rate = p->config.backfill_rate,
                                                       .told = &p->told});
    engine_apply(p->engine, &l->plan);
    load_free(l);
    malloc_trim(0); /* the file and its plan were many small pieces */
    loop_post(p->loop, on_applied, p);
}

static void on_read(void *arg);

static void read_again(void *arg)
{
    struct load *l = arg;
    if (l->publisher->stopping) {
        l->publisher->load = NULL;
        load_free(l);
        return;
    }
    config_clear(&l->config);
    loop_work(l->publisher->loop, read_file, on_read, l);
}

static void on_read(void *arg)
{
    struct load *l = arg;
    struct publisher *p = l->publisher;
    if (l->status == AGAIN && !p->stopping) {
        credentials_fetch(p->credentials, &l->config, read_again, l);
        return;
    }
    log_findings(p, &l->config);
    if (l->status != OK || p->stopping) {
        if (l->status != OK)
            log_error("publisher file refused, what runs goes on path=%s status=%s", p->path,
                      status_name(l->status));
        load_free(l);
        on_applied(p);
        return;
    }
    p->config_loads++;
    p->config_refused = l->config.refused;
    log_info(
        "publisher file taken path=%s groups=%zu writers=%zu nodes=%zu duplicates=%zu refused=%zu",
        p->path, l->plan.group_count, l->plan.writer_count, l->plan.item_count, l->plan.duplicates,
        l->config.refused);
    opcua_thread_post(p->thread, apply_ua, l);
}

static void begin_load(struct publisher *p, struct slice text)
{
    p->load = MEMORY_NEW(struct load);
    p->load->publisher = p;
    buffer_put(&p->load->text, text);
    if (p->credentials)
        credentials_forget_refused(p->credentials);
    loop_work(p->loop, read_file, on_read, p->load);
}

static void on_file(void *arg, enum status s, struct slice content)
{
    struct publisher *p = arg;
    if (s != OK) {
        log_warn("publisher file not there, what runs goes on path=%s status=%s", p->path,
                 status_name(s));
        return;
    }
    if (!p->load) {
        begin_load(p, content);
        return;
    }
    p->load_again = true;
    buffer_reset(&p->waiting);
    buffer_put(&p->waiting, content);
}

void publisher_edit(struct publisher *p, struct slice method, struct slice payload,
                    publisher_edit_fn *fn, void *arg)
{
    config_store_call(p->store, method, payload, fn, arg);
}

/* ---- counting ---- */

struct report {
    struct publisher *publisher;
    struct engine_counts counts;
};

static void trim(void *arg) /* on a helper thread */
{
    (void)arg;
    malloc_trim(0);
}

static void trimmed(void *arg)
{
    (void)arg;
}

/* Answers about thousands of nodes and their first values were large, and more free memory than is
 * worth keeping. */
static void trim_once(struct publisher *p)
{
    const struct source_counts *c = &p->counts.sources;
    if (p->trim_in_s == 0 || c->items == 0 || c->live + c->failed < c->items)
        return;
    if (--p->trim_in_s > 0)
        return;
    loop_work(p->loop, trim, trimmed, NULL);
}

static void take_report(void *arg)
{
    struct report *r = arg;
    struct publisher *p = r->publisher;
    p->counts = r->counts;
    p->counting = false;
    trim_once(p);
    free(r);
}

static void count_ua(void *arg)
{
    struct report *r = arg;
    if (r->publisher->engine)
        r->counts = engine_counts(r->publisher->engine);
    loop_post(r->publisher->loop, take_report, r);
}

static void on_count_timer(void *arg)
{
    struct publisher *p = arg;
    loop_timer_start(p->loop, &p->count_timer, COUNT_MS, on_count_timer, p);
    if (p->counting)
        return;
    struct report *r = MEMORY_NEW(struct report);
    r->publisher = p;
    p->counting = true;
    opcua_thread_post(p->thread, count_ua, r);
}

void publisher_counts(const struct publisher *p, struct publisher_counts *out)
{
    const struct engine_counts *e = &p->counts;
    struct outbox_counts o = outbox_counts(p->outbox);
    *out = (struct publisher_counts){
        .config_loads = p->config_loads,
        .config_refused = p->config_refused,
        .groups = e->group_count,
        .writers = e->writer_count,
        .items = e->sources.items,
        .live = e->sources.live,
        .failed = e->sources.failed,
        .subscriptions = e->sources.subscriptions,
        .values = e->groups.values,
        .data_changes = e->writers.data_changes,
        .events = e->writers.events,
        .heartbeats = e->writers.heartbeats,
        .messages = e->groups.messages,
        .too_large = e->groups.too_large,
        .metadata = e->groups.metadata,
        .notifications = e->sources.notifications,
        .republished = e->sources.republished,
        .transferred = e->sources.transferred,
        .gaps = e->sources.gaps,
        .unknown_gaps = e->sources.unknown_gaps,
        .overflows = e->writers.overflows,
        .late = e->writers.late,
        .cyclic_reads = e->sources.cyclic_reads,
        .missed_cycles = e->sources.missed_cycles,
        .modified = e->sources.modified,
        .backfill_gaps = e->sources.backfill.gaps,
        .backfill_values = e->sources.backfill.values,
        .backfill_lost = e->sources.backfill.lost,
        .backfill_waiting = e->sources.backfill.waiting,
        .sent = o.lanes.sent,
        .sent_bytes = o.lanes.sent_bytes,
        .sent_values = o.lanes.sent_values,
        .waiting = o.waiting,
        .waiting_bytes = o.waiting_bytes,
        .held = o.held,
        .lost = o.lanes.lost,
        .stored = o.stored,
        .unstored = o.unstored,
        .disk_bytes = o.disk_bytes,
        .disk_failures = o.disk_failures,
        .dropped_bytes = o.lanes.dropped[GAP_BYTES],
        .dropped_age = o.lanes.dropped[GAP_AGE],
        .dropped_ttl = o.lanes.dropped[GAP_TTL],
        .dropped_refused = o.lanes.dropped[GAP_REFUSED],
        .dropped_large = o.lanes.dropped[GAP_LARGE],
        .damaged = o.damaged + o.lanes.dropped[GAP_DAMAGED],
        .dropped_values = o.lanes.dropped_values,
        .gaps_told = o.lanes.gaps,
    };
}

/* clang-format off */
static const struct metric {
    const char *name, *help;
    enum rest_metric_type type;
    size_t offset;
} metrics[] = {
#define METRIC(name, type, field, help) {"millrace_publisher_" name, help, type, offsetof(struct publisher_counts, field)}
    METRIC("config_loads_total", REST_COUNTER, config_loads, "configuration files taken"),
    METRIC("config_refused", REST_GAUGE, config_refused, "entries and nodes left out of the last one"),
    METRIC("groups", REST_GAUGE, groups, "writer groups"),
    METRIC("writers", REST_GAUGE, writers, "data set writers"),
    METRIC("subscriptions", REST_GAUGE, subscriptions, "subscriptions at OPC UA servers"),
    METRIC("items", REST_GAUGE, items, "monitored items wanted"),
    METRIC("items_live", REST_GAUGE, live, "monitored items that the servers have"),
    METRIC("items_failed", REST_GAUGE, failed, "monitored items that servers refused; they are tried again"),
    METRIC("items_late", REST_GAUGE, late, "monitored items that said nothing for longer than their watchdog allows"),
    METRIC("items_modified_total", REST_COUNTER, modified, "monitored items whose interval, queue or filter was changed in place"),
    METRIC("overflows_total", REST_COUNTER, overflows, "values that say that others before them were lost in a queue"),
    METRIC("cyclic_reads_total", REST_COUNTER, cyclic_reads, "values that were read in cycles"),
    METRIC("missed_cycles_total", REST_COUNTER, missed_cycles, "cycles of reads that were left out"),
    METRIC("notifications_total", REST_COUNTER, notifications, "notification messages received"),
    METRIC("republished_total", REST_COUNTER, republished, "notification messages that were asked for again"),
    METRIC("transferred_total", REST_COUNTER, transferred, "subscriptions taken along to a new session"),
    METRIC("gaps_total", REST_COUNTER, gaps, "notification messages or subscriptions that were lost at the server"),
    METRIC("unknown_gaps_total", REST_COUNTER, unknown_gaps, "times that a subscription had to begin anew"),
    METRIC("backfill_gaps_total", REST_COUNTER, backfill_gaps, "gaps of nodes whose missed values are wanted from history"),
    METRIC("backfill_values_total", REST_COUNTER, backfill_values, "values that were missed and came from history"),
    METRIC("backfill_lost_total", REST_COUNTER, backfill_lost, "gaps that history could not fill"),
    METRIC("backfill_waiting", REST_GAUGE, backfill_waiting, "nodes whose gaps wait to be read"),
    METRIC("values_total", REST_COUNTER, values, "values written to messages"),
    METRIC("data_changes_total", REST_COUNTER, data_changes, "data change notifications, one for each writer"),
    METRIC("events_total", REST_COUNTER, events, "events"),
    METRIC("heartbeats_total", REST_COUNTER, heartbeats, "heartbeats"),
    METRIC("messages_total", REST_COUNTER, messages, "messages made"),
    METRIC("too_large_total", REST_COUNTER, too_large, "values that are larger than a message"),
    METRIC("metadata_total", REST_COUNTER, metadata, "messages that say what data sets look like"),
    METRIC("sent_total", REST_COUNTER, sent, "messages that were acknowledged"),
    METRIC("sent_bytes_total", REST_COUNTER, sent_bytes, "bytes of them"),
    METRIC("sent_values_total", REST_COUNTER, sent_values, "values in them"),
    METRIC("lost_total", REST_COUNTER, lost, "messages that were given up"),
    METRIC("queue_messages", REST_GAUGE, waiting, "messages that wait to be sent or acknowledged"),
    METRIC("queue_bytes", REST_GAUGE, waiting_bytes, "bytes of them"),
    METRIC("queue_stored_total", REST_COUNTER, stored, "messages that reached the disk since its queues were made"),
    METRIC("queue_unstored", REST_GAUGE, unstored, "messages that are not on the disk yet, or wait in memory alone"),
    METRIC("queue_disk_bytes", REST_GAUGE, disk_bytes, "bytes of the queues on the disk"),
    METRIC("queue_disk_failures_total", REST_COUNTER, disk_failures, "commits of a queue that the disk refused; they are tried again"),
    METRIC("dropped_bytes_total", REST_COUNTER, dropped_bytes, "messages given up because a queue was full"),
    METRIC("dropped_age_total", REST_COUNTER, dropped_age, "messages given up because they were older than queue.age"),
    METRIC("dropped_ttl_total", REST_COUNTER, dropped_ttl, "messages given up because their time to live was over"),
    METRIC("dropped_refused_total", REST_COUNTER, dropped_refused, "messages that the other side will not take"),
    METRIC("dropped_large_total", REST_COUNTER, dropped_large, "messages larger than a queue can hold"),
    METRIC("dropped_damaged_total", REST_COUNTER, damaged, "messages that the disk did not give back"),
    METRIC("dropped_values_total", REST_COUNTER, dropped_values, "values in messages that were given up"),
    METRIC("gaps_told_total", REST_COUNTER, gaps_told, "gaps that were told in the stream"),
    METRIC("held_total", REST_COUNTER, held, "times that servers were held back because the queue was full"),
#undef METRIC
};
/* clang-format on */

void publisher_metrics(struct publisher *p, struct buffer *out)
{
    struct publisher_counts c;
    publisher_counts(p, &c);
    for (size_t i = 0; i < sizeof metrics / sizeof metrics[0]; i++) {
        uint64_t value = *(const uint64_t *)((const char *)&c + metrics[i].offset);
        rest_metrics_put_head(out, metrics[i].name, metrics[i].type, metrics[i].help);
        rest_metrics_put(out, metrics[i].name, NULL, (double)value);
    }
    reports_put_metrics(p->reports, out);
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

struct publisher *publisher_start(struct module *m, struct opcua_thread *t,
                                  const struct publisher_config *config)
{
    struct publisher *p = MEMORY_NEW(struct publisher);
    keep_memory_small();
    p->config = *config;
    p->path = memory_text(config->path);
    p->publisher_id = memory_text(config->defaults.publisher_id);
    p->config.defaults.publisher_id = p->publisher_id;
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
    if (s == OK && config->workload_uri)
        s = credentials_new(&(struct credentials_config){.loop = p->loop,
                                                         .uri = config->workload_uri,
                                                         .module = config->workload_module,
                                                         .generation = config->workload_generation},
                            &p->credentials);
    if (s != OK) {
        publisher_free(&p);
        return NULL;
    }
    start_reports(p);
    p->connections = connections_new(p->loop, p->thread);
    open_told(p);
    announce(p, "RestartAnnouncement");
    p->store = config_store_new(p->loop, p->path, config->create, on_file, p);
    config_store_audit(p->store, config->audit);
    if (config->init_file)
        p->init = init_run_new(m, config->init_file, config->init_log);
    loop_timer_start(p->loop, &p->count_timer, COUNT_MS, on_count_timer, p);
    return p;
}

/* ---- the end ---- */

static void look_whether_sent(void *arg)
{
    struct publisher *p = arg;
    struct outbox_counts c = outbox_counts(p->outbox);
    bool stays = c.unstored == 0 && loop_now_ms(p->loop) >= p->stop_at_ms - STOP_MS + STOP_SENT_MS;
    bool busy = !p->stopped || p->load || p->counting || !reports_idle(p->reports) ||
                !connections_idle(p->connections) || (p->told_file && !told_file_idle(p->told_file)) ||
                (c.waiting > 0 && !stays);
    if (busy && loop_now_ms(p->loop) < p->stop_at_ms) {
        loop_timer_start(p->loop, &p->stop_timer, STOP_LOOK_MS, look_whether_sent, p);
        return;
    }
    if (c.waiting > 0)
        log_warn("publisher stopped with messages unsent count=%llu lost=%llu",
                 (unsigned long long)c.waiting, (unsigned long long)c.unstored);
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
    config_store_free(&p->store);
    if (p->init)
        init_run_stop(p->init);
    loop_timer_stop(&p->count_timer);
    reports_stop(p->reports);
    connections_stop(p->connections);
    if (p->told_file)
        told_file_stop(p->told_file);
    announce(p, "ShutdownAnnouncement");
    opcua_thread_post(p->thread, stop_ua, p);
    loop_timer_start(p->loop, &p->stop_timer, 0, look_whether_sent, p);
}

void publisher_free(struct publisher **publisher)
{
    struct publisher *p = *publisher;
    if (!p)
        return;
    credentials_free(&p->credentials);
    reports_free(&p->reports);
    connections_free(&p->connections);
    init_run_free(&p->init);
    told_file_free(&p->told_file);
    told_clear(&p->told);
    told_clear(&p->told_last);
    outbox_free(&p->outbox);
    buffer_clear(&p->waiting);
    free(p->path);
    free(p->publisher_id);
    buffer_clear(&p->methods_topic);
    free(p);
    *publisher = NULL;
}

/* ---- a look at the file alone ---- */

int publisher_check(const struct publisher_config *config)
{
    struct buffer text = {0}, line = {0};
    enum status s = file_read(config->path, &text);
    if (s != OK) {
        fprintf(stderr, "%s: cannot be read: %s\n", config->path, status_name(s));
        return 2;
    }
    struct config c;
    s = config_read(buffer_slice(&text), &c);
    config_check_profiles(&c, config->defaults.mode, config->defaults.encoding);
    if (s == OK)
        s = credentials_settle(NULL, &c);
    for (size_t i = 0; i < c.finding_count; i++) {
        buffer_reset(&line);
        config_finding_print(&c.findings[i], config->path, &line);
        fprintf(stderr, "%s\n", buffer_cstr(&line));
    }
    struct plan plan;
    plan_make(&c, &config->defaults, &plan);
    printf("%s: %zu groups, %zu writers, %zu nodes; %zu entries or nodes left out\n", config->path,
           plan.group_count, plan.writer_count, plan.item_count, c.refused);
    int code = s == OK && c.refused == 0 ? 0 : 2;
    plan_clear(&plan);
    config_clear(&c);
    buffer_clear(&text);
    buffer_clear(&line);
    return code;
}

int publisher_schema(void)
{
    struct buffer out = {0};
    config_schema(&out);
    bool whole = fwrite(out.at, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    buffer_clear(&out);
    return whole ? 0 : 1;
}
