#include "discovery/run.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "discovery/announced.h"
#include "discovery/found.h"
#include "discovery/interfaces.h"
#include "discovery/report.h"
#include "opcua/node_id.h"

/* A server to be asked. */
struct target {
    struct link link;    /* in the run's; the module's loop */
    struct link ua_link; /* in the run's inquiries; the OPC UA thread */
    struct run *run;
    struct slice url;
    struct opcua_inquiry *inquiry; /* the OPC UA thread */
    UA_StatusCode status;
    struct opcua_inquiry_answer answer;
};

struct run {
    struct run_config config;
    char *discoverer_id, *device_id, *site;
    struct report report;
    struct announced *announced; /* while it is listened */
    struct ranges networks;      /* this machine's */
    struct scan *scan;
    struct scan_position from;
    struct budget budget;
    struct loop_timer again; /* when there was no room to ask */
    struct arena arena;
    struct map known;      /* targets by url */
    struct list waiting;   /* targets */
    struct list asked;     /* targets that are being asked */
    struct list inquiries; /* the same; the OPC UA thread */
    size_t target_count, asked_count, answered_count;
    size_t left_out;
    struct found found;
    struct loop_timer tick;
    bool cancelled, ended;
    bool stopping; /* the OPC UA thread was told to stop asking, and has not said that it did */
};

static void go_on(struct run *r);

/* ---- what is told meanwhile ---- */

static void tell(struct run *r, const char *event, const char *result)
{
    struct scan_progress s = r->scan ? discovery_scan_progress(r->scan) : (struct scan_progress){0};
    bool scanning = r->scan != NULL;
    struct buffer out = {0};
    struct report_progress p = {
        .event = event,
        .wall_ms = loop_wall_ms(r->config.loop),
        .workers = scanning ? s.in_flight : r->asked_count,
        .progress = scanning ? s.done : r->answered_count,
        .total = scanning ? s.total : r->target_count,
        .discovered = scanning ? s.found : r->found.count,
        .result = result,
    };
    discovery_report_put_progress(&r->report, &p, &out);
    discovery_outbox_send_progress(r->config.outbox, REPORT_PROGRESS_SCHEMA, buffer_slice(&out));
    buffer_clear(&out);
}

/* All servers that are known: whoever goes on from there asks them again. */
static void save(struct run *r)
{
    struct slice *urls = memory_new((r->known.count + 1) * sizeof(*urls));
    struct buffer request = {0};
    size_t count = 0, at = 0;
    for (struct map_entry *e; (e = map_next(&r->known, &at));)
        urls[count++] = e->key;
    discovery_report_put_request(&r->config.plan, &request);
    discovery_resume_save(r->config.resume, &r->config.plan,
                          &(struct resume_state){.recurring = r->config.recurring,
                                                 .request = buffer_slice(&request),
                                                 .position = discovery_scan_position(r->scan),
                                                 .found = urls,
                                                 .found_count = count});
    buffer_clear(&request);
    free(urls);
}

static void on_tick(void *arg)
{
    struct run *r = arg;
    if (r->announced)
        tell(r, "NetworkScanProgress", NULL);
    if (r->scan) {
        tell(r, "PortScanProgress", NULL);
        save(r);
    }
    loop_timer_start(r->config.loop, &r->tick, RUN_PROGRESS_MS, on_tick, r);
}

/* ---- whom to ask ---- */

static void add_target(struct run *r, struct slice url)
{
    if (!slice_starts(url, SLICE("opc.tcp://")) || map_get(&r->known, url))
        return;
    if (r->target_count == RUN_TARGETS_MAX) {
        r->left_out++;
        return;
    }
    struct target *t = ARENA_TAKE(&r->arena, struct target);
    t->run = r;
    t->url = arena_copy(&r->arena, url);
    map_put(&r->known, t->url, t);
    list_push(&r->waiting, &t->link);
    r->target_count++;
}

/* A local discovery server names others: those are asked themselves. */
static void follow(struct run *r, const struct opcua_inquiry_answer *a)
{
    for (size_t i = 0; i < a->server_count; i++) {
        const UA_ApplicationDescription *d = &a->servers[i];
        bool itself = a->endpoint_count &&
                      UA_String_equal(&d->applicationUri, &a->endpoints[0].server.applicationUri);
        for (size_t u = 0; !itself && u < d->discoveryUrlsSize; u++)
            add_target(r, opcua_slice(d->discoveryUrls[u]));
    }
    for (size_t i = 0; i < a->neighbour_count; i++)
        add_target(r, opcua_slice(a->neighbours[i].discoveryUrl));
}

/* ---- asking, on the OPC UA thread ---- */

static void on_arrived(void *arg);

static void on_answer(void *arg, UA_StatusCode status, struct opcua_inquiry_answer *answer)
{
    struct target *t = arg;
    t->inquiry = NULL;
    list_remove(&t->ua_link);
    t->status = status;
    t->answer = *answer;
    *answer = (struct opcua_inquiry_answer){0}; /* moved */
    loop_post(t->run->config.loop, on_arrived, t);
}

static void ask(void *arg)
{
    struct target *t = arg;
    const struct plan *p = &t->run->config.plan;
    list_push(&t->run->inquiries, &t->ua_link);
    t->inquiry = opcua_inquire(t->run->config.thread, t->url, p->locales, p->locale_count,
                               on_answer, t, RUN_INQUIRY_MS);
}

static void on_stopped(void *arg)
{
    struct run *r = arg;
    r->stopping = false;
    go_on(r);
}

/* On the OPC UA thread; what was asked counts as answered. */
static void stop_inquiries(void *arg)
{
    struct run *r = arg;
    for (struct link *l; (l = list_pop(&r->inquiries)) != NULL;) {
        struct target *t = LIST_OF(l, struct target, ua_link);
        opcua_inquiry_cancel(t->inquiry);
        t->inquiry = NULL;
        t->status = UA_STATUSCODE_BADREQUESTCANCELLEDBYCLIENT;
        loop_post(r->config.loop, on_arrived, t);
    }
    loop_post(r->config.loop, on_stopped, r);
}

void discovery_run_drop_inquiries(struct run *r)
{
    for (struct link *l; (l = list_pop(&r->inquiries)) != NULL;) {
        struct target *t = LIST_OF(l, struct target, ua_link);
        opcua_inquiry_cancel(t->inquiry);
        t->inquiry = NULL;
    }
}

/* ---- answers ---- */

static const char *site_or_gateway(const struct run *r)
{
    return r->site[0] ? r->site : r->device_id;
}

static void on_arrived(void *arg)
{
    struct target *t = arg;
    struct run *r = t->run;
    char text[160];
    list_remove(&t->link);
    r->asked_count--;
    r->answered_count++;
    size_t added = discovery_found_add(&r->found, slice_of(site_or_gateway(r)), t->url, &t->answer);
    if (!r->cancelled)
        follow(r, &t->answer);
    if (t->status != UA_STATUSCODE_GOOD)
        log_info("server does not tell its endpoints url=%.*s status=%s", SLICE_FMT(t->url),
                 UA_StatusCode_name(t->status));
    snprintf(text, sizeof(text), "%.*s: %zu endpoints", SLICE_FMT(slice_first(t->url, 120)), added);
    tell(r, "EndpointsDiscoveryFinished", text);
    opcua_inquiry_answer_clear(&t->answer);
    go_on(r);
}

static void on_again(void *arg)
{
    go_on(arg);
}

/* What is asked costs packets, as the scan does: there must be room for them. */
static bool may_ask(struct run *r)
{
    if (discovery_budget_take(&r->budget, loop_now_ms(r->config.loop), RUN_INQUIRY_PACKETS))
        return true;
    loop_timer_start(r->config.loop, &r->again, RUN_AGAIN_MS, on_again, r);
    return false;
}

static void ask_next(struct run *r)
{
    while (r->asked_count < RUN_INQUIRIES_MAX && !list_empty(&r->waiting) && may_ask(r)) {
        struct target *t = LIST_OF(list_pop(&r->waiting), struct target, link);
        list_push(&r->asked, &t->link);
        r->asked_count++;
        tell(r, "EndpointsDiscoveryStarted", NULL);
        opcua_thread_post(r->config.thread, ask, t);
    }
}

/* ---- the end ---- */

static bool send_event(struct run *r, struct buffer *out)
{
    enum status s = discovery_outbox_send(r->config.outbox, REPORT_EVENT_SCHEMA, buffer_slice(out));
    buffer_clear(out);
    return s == OK;
}

/* One event for each endpoint, and one that says how many there were. */
static void send_found(struct run *r)
{
    struct buffer out = {0};
    const char *failure = r->left_out ? "there were more servers than one discovery asks" : NULL;
    size_t sent = 0;
    r->report.wall_ms = loop_wall_ms(r->config.loop);
    for (size_t i = 0; i < r->found.count; i++) {
        discovery_report_put_endpoint(&r->report, r->found.list[i], sent, &out);
        if (send_event(r, &out))
            sent++;
        else
            failure = "there was no room for all that was found";
    }
    discovery_report_put_result(&r->report, sent, failure, &out);
    if (!send_event(r, &out) || failure)
        log_warn("discovery incomplete id=%.*s endpoints=%zu sent=%zu left_out=%zu",
                 SLICE_FMT(r->config.plan.id), r->found.count, sent, r->left_out);
}

static void end(void *arg)
{
    struct run *r = arg;
    r->config.on_end(r->config.arg, r->cancelled ? CANCELLED : OK);
}

static void finish(struct run *r)
{
    r->ended = true;
    loop_timer_stop(&r->again);
    discovery_resume_forget(r->config.resume);
    tell(r, "ServerDiscoveryFinished", NULL);
    if (!r->cancelled)
        send_found(r);
    tell(r, r->cancelled ? "Cancelled" : "Finished", NULL);
    log_info("discovery ended id=%.*s endpoints=%zu servers=%zu cancelled=%d",
             SLICE_FMT(r->config.plan.id), r->found.count, r->answered_count, r->cancelled);
    loop_timer_start(r->config.loop, &r->tick, 0, end, r);
}

static void go_on(struct run *r)
{
    if (r->ended)
        return;
    if (!r->cancelled)
        ask_next(r);
    bool waiting = !r->cancelled && !list_empty(&r->waiting);
    if (r->scan == NULL && r->announced == NULL && r->asked_count == 0 && !waiting && !r->stopping)
        finish(r);
}

/* ---- the scan ---- */

static void on_found(void *arg, uint32_t address, uint16_t port)
{
    struct run *r = arg;
    char host[RANGES_ADDRESS_MAX], url[64];
    discovery_ranges_address_text(address, host);
    snprintf(url, sizeof(url), "opc.tcp://%s:%u", host, port);
    log_info("server found url=%s", url);
    tell(r, "PortScanResult", url + 10);
    add_target(r, slice_of(url));
    go_on(r);
}

static void on_scanned(void *arg)
{
    struct run *r = arg;
    tell(r, "PortScanFinished", NULL);
    discovery_scan_free(&r->scan);
    go_on(r);
}

static void start_scan(struct run *r)
{
    const struct plan *p = &r->config.plan;
    struct scan_config config = {
        .loop = r->config.loop,
        .addresses = &p->addresses,
        .ports = &p->ports,
        .limits = p->limits,
        .from = r->from,
        .budget = &r->budget,
        .on_found = on_found,
        .on_end = on_scanned,
        .arg = r,
    };
    r->scan = discovery_scan_start(&config);
    tell(r, "PortScanStarted", NULL);
}

/* ---- before it: who says himself that he is there ---- */

static void on_announced(void *arg, const struct mdns_service *s)
{
    struct run *r = arg;
    struct buffer url = {0};
    if (!discovery_plan_allows(&r->config.plan, &r->networks, s->address))
        return; /* anybody on the network may have said that */
    discovery_mdns_put_url(s, &url);
    if (!map_get(&r->known, buffer_slice(&url))) {
        log_info("server announced itself url=%s", buffer_cstr(&url));
        tell(r, "NetworkScanResult", buffer_cstr(&url) + 10);
        add_target(r, buffer_slice(&url));
        go_on(r);
    }
    struct slice left = s->capabilities, one;
    while (left.len && slice_split(&left, ',', &one))
        discovery_found_capability(&r->found, buffer_slice(&url), slice_trim(one));
    buffer_clear(&url);
}

static void on_listened(void *arg)
{
    struct run *r = arg;
    tell(r, "NetworkScanFinished", NULL);
    discovery_announced_free(&r->announced);
    start_scan(r);
    go_on(r);
}

static void listen_first(struct run *r)
{
    struct ranges own = {0};
    discovery_interfaces_add(INTERFACES_OWN, &own);
    discovery_interfaces_add(INTERFACES_OWN, &r->networks);
    discovery_interfaces_add(INTERFACES_SUBNETS, &r->networks);
    r->announced = discovery_announced_start(&(struct announced_config){.loop = r->config.loop,
                                                                        .interfaces = &own,
                                                                        .wait_ms = r->config.plan.limits.listen_ms,
                                                                        .on_found = on_announced,
                                                                        .on_end = on_listened,
                                                                        .arg = r});
    discovery_ranges_clear(&own);
    tell(r, "NetworkScanStarted", NULL);
}

static void look_around(struct run *r)
{
    const struct plan *p = &r->config.plan;
    if (p->mode == PLAN_OFF || p->addresses.total == 0 || p->ports.total == 0)
        return;
    if (p->limits.listen_ms > 0 && p->mode != PLAN_LOCAL && r->from.next == 0)
        listen_first(r);
    else
        start_scan(r);
}

static void start(void *arg)
{
    struct run *r = arg;
    const struct plan *p = &r->config.plan;
    log_info("discovery started id=%.*s mode=%s addresses=%llu ports=%llu urls=%zu packets_a_second=%u a_host=%u from=%llu",
             SLICE_FMT(p->id), discovery_plan_mode_name(p->mode),
             (unsigned long long)p->addresses.total, (unsigned long long)p->ports.total, p->url_count,
             p->limits.rate ? p->limits.rate : SCAN_RATE, p->limits.host_rate ? p->limits.host_rate : SCAN_HOST_RATE,
             (unsigned long long)r->from.next);
    tell(r, "Started", NULL);
    look_around(r);
    tell(r, "ServerDiscoveryStarted", NULL);
    for (size_t i = 0; i < p->url_count; i++)
        add_target(r, p->urls[i]);
    on_tick(r);
    go_on(r);
}

/* ---- life ---- */

struct run *discovery_run_start(struct run_config *config)
{
    struct run *r = MEMORY_NEW(struct run);
    r->config = *config;
    config->plan = (struct plan){0}; /* moved */
    r->discoverer_id = memory_text(config->discoverer_id);
    r->device_id = memory_text(config->device_id);
    r->site = memory_text(config->site);
    r->report = (struct report){
        .plan = &r->config.plan,
        .discoverer_id = slice_of(r->discoverer_id),
        .site = slice_of(r->site),
    };
    discovery_budget_init(&r->budget, r->config.plan.limits.rate ? r->config.plan.limits.rate : SCAN_RATE);
    list_init(&r->waiting);
    list_init(&r->asked);
    list_init(&r->inquiries);
    for (size_t i = 0; config->from && i < config->from->found_count; i++)
        add_target(r, config->from->found[i]);
    r->from = config->from ? config->from->position : (struct scan_position){0};
    r->config.from = NULL;
    loop_timer_start(r->config.loop, &r->tick, 0, start, r);
    return r;
}

void discovery_run_cancel(struct run *r)
{
    if (r->cancelled || r->ended)
        return;
    r->cancelled = true;
    discovery_announced_free(&r->announced);
    discovery_scan_free(&r->scan);
    if (r->asked_count > 0) {
        r->stopping = true;
        opcua_thread_post(r->config.thread, stop_inquiries, r);
    }
    go_on(r);
}

struct slice discovery_run_id(const struct run *r)
{
    return r->config.plan.id;
}

void discovery_run_free(struct run **out)
{
    struct run *r = *out;
    if (r == NULL)
        return;
    loop_timer_stop(&r->tick);
    loop_timer_stop(&r->again);
    discovery_announced_free(&r->announced);
    discovery_scan_free(&r->scan);
    LIST_EACH(l, &r->asked)
    opcua_inquiry_answer_clear(&LIST_OF(l, struct target, link)->answer);
    map_clear(&r->known);
    discovery_ranges_clear(&r->networks);
    discovery_found_clear(&r->found);
    discovery_plan_clear(&r->config.plan);
    arena_clear(&r->arena);
    free(r->discoverer_id);
    free(r->device_id);
    free(r->site);
    free(r);
    *out = NULL;
}
