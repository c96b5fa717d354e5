/*
 * From the file's content to what runs: read on a helper thread, applied on the OPC UA thread. One
 * content at a time; of those that come meanwhile, the newest waits. Where users and passwords are
 * missing because the workload API did not answer, it is asked again by and by, as long as the file
 * stays as it is, and what comes then is used at once. A file that changes does not wait for that: the round
 * ends, and what is missing is asked for after it was applied.
 */
#include "publisher/publisher_priv.h"

#include <string.h>

#include "base/log.h"

#define FINDINGS_LOGGED 20 /* of one file; the rest is only counted */

/* A file on its way to the OPC UA thread; belongs to who works on it. A helper thread may have it longer
 * than there is a publisher, and touches nothing of that. */
struct load {
    struct publisher *publisher; /* NULL: freed */
    struct plan_defaults defaults;
    char *publisher_id;              /* of `defaults` */
    struct credentials *credentials; /* the publisher's; NULL: there is no workload API */
    bool forced;
    bool owns; /* the credentials: the publisher went while a helper thread had the load */
    bool asks;      /* no file: for secrets that are missing */
    size_t missing; /* before they were asked for again */
    struct buffer text;
    enum status status;
    struct config config;
    struct plan plan;
};

static void load_free(struct load *l)
{
    plan_clear(&l->plan);
    config_clear(&l->config);
    buffer_wipe(&l->text); /* passwords stand in it */
    if (l->owns)
        credentials_free(&l->credentials);
    free(l->publisher_id);
    free(l);
}

/* What the one step needs and the next does not goes between them: the file may be large. */
static void make_plan(struct load *l)
{
    buffer_wipe(&l->text); /* passwords stand in it */
    config_forget_text(&l->config);
    plan_make(&l->config, &l->defaults, &l->plan);
    config_forget_nodes(&l->config);
}

static void read_file(void *arg) /* on a helper thread */
{
    struct load *l = arg;
    l->status = config_read(buffer_slice(&l->text), &l->config);
    if (l->status != OK)
        return;
    config_check_profiles(&l->config, l->defaults.mode, l->defaults.encoding);
    l->status = credentials_settle(l->credentials, &l->config, l->forced);
    if (l->status == OK)
        make_plan(l);
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
static void ask_again(void *arg);

static void wait_for_missing(struct publisher *p)
{
    size_t missing = p->credentials && !p->stopping ? credentials_missing(p->credentials) : 0;
    if (missing == 0) {
        p->asks = (struct backoff){0};
        return;
    }
    uint64_t wait_ms = backoff_next_ms(&p->asks, p->loop);
    log_warn("publisher credentials missing, the workload API is asked again count=%zu in_ms=%llu",
             missing, (unsigned long long)wait_ms);
    loop_timer_start(p->loop, &p->ask_timer, wait_ms, ask_again, p);
}

static void on_applied(void *arg)
{
    struct publisher *p = arg;
    p->load = NULL;
    if (!p->announced)
        publisher_announce(p, "Running");
    p->announced = true;
    if (p->load_again && !p->stopping) {
        p->load_again = false;
        struct buffer text = p->waiting;
        p->waiting = (struct buffer){0};
        begin_load(p, buffer_slice(&text));
        buffer_wipe(&text);
    } else {
        wait_for_missing(p);
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
    loop_post(p->loop, on_applied, p);
}

static void on_read(void *arg);

/* The loop went with it. */
static void on_dropped(void *arg)
{
    struct load *l = arg;
    if (l->publisher)
        l->publisher->load = l->publisher->reading = NULL;
    load_free(l);
}

static void read_aside(struct load *l)
{
    l->publisher->reading = l;
    loop_work_or_drop(l->publisher->loop, read_file, on_read, on_dropped, l);
}

static void read_again(void *arg)
{
    struct load *l = arg;
    if (l->publisher->stopping) {
        l->publisher->load = NULL;
        load_free(l);
        return;
    }
    config_clear(&l->config);
    read_aside(l);
}

static void on_read(void *arg)
{
    struct load *l = arg;
    struct publisher *p = l->publisher;
    if (!p) {
        load_free(l);
        return;
    }
    p->reading = NULL;
    if (l->status == AGAIN && !p->stopping) {
        credentials_fetch(p->credentials, read_again, l);
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

static struct load *load_new(struct publisher *p)
{
    struct load *l = p->load = MEMORY_NEW(struct load);
    l->publisher = p;
    l->publisher_id = memory_text(p->publisher_id);
    l->defaults = p->config.defaults;
    l->defaults.publisher_id = l->publisher_id;
    l->credentials = p->credentials;
    l->forced = p->config.credentials_forced;
    loop_timer_stop(&p->ask_timer);
    return l;
}

static void begin_load(struct publisher *p, struct slice text)
{
    struct load *l = load_new(p);
    buffer_put(&l->text, text);
    if (p->credentials)
        credentials_next_file(p->credentials);
    read_aside(l);
}

/* ---- what was missing ---- */

static void on_asked_again(void *arg)
{
    struct load *l = arg;
    struct publisher *p = l->publisher;
    bool came = credentials_missing(p->credentials) < l->missing;
    load_free(l);
    if (came && !p->load_again && !p->stopping)
        config_store_look_again(p->store);
    on_applied(p);
}

/* The file stands where it stood, and its text was not kept. */
static void ask_again(void *arg)
{
    struct publisher *p = arg;
    struct load *l = load_new(p);
    l->asks = true;
    l->missing = credentials_missing(p->credentials);
    credentials_ask_again(p->credentials, on_asked_again, l);
}

void publisher_leave_load(struct publisher *p)
{
    struct load *l = p->reading;
    if (!l)
        return;
    p->load = p->reading = NULL;
    l->publisher = NULL;
    l->owns = l->credentials != NULL;
    if (l->owns)
        credentials_end(l->credentials);
    p->credentials = NULL;
}

void publisher_on_file(void *arg, enum status s, struct slice content)
{
    struct publisher *p = arg;
    if (s != OK) {
        if (s == NOT_FOUND)
            log_warn("publisher file not there, what runs goes on path=%s do=\"make it, or name another with file (--pf); "
                     "file.create (--cf) makes an empty one\"", p->path);
        else
            log_error("publisher file cannot be read, what runs goes on path=%s status=%s do=\"see the line before; it is "
                      "read again when it changes\"", p->path, status_name(s));
        return;
    }
    p->asks = (struct backoff){0};
    if (!p->load) {
        begin_load(p, content);
        return;
    }
    p->load_again = true;
    buffer_wipe(&p->waiting); /* passwords may stand in it */
    buffer_put(&p->waiting, content);
    if (p->load->asks)
        credentials_end_round(p->credentials);
}
