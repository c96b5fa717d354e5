#include "discovery/discovery.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "discovery/find_server.h"
#include "discovery/report.h"
#include "discovery/resume.h"
#include "discovery/run.h"
#include "json/merge.h"

struct request {
    struct link link;
    struct plan plan;
    bool recurring;
    bool resumes; /* what was left */
};

/* By the program before. */
struct left {
    bool there;
    struct arena arena;
    struct resume_state state;
    struct slice addresses, ports;
};

struct discovery {
    struct discovery_config config;
    struct loop *loop;
    struct outbox outbox;
    struct list requests; /* that wait */
    size_t request_count;
    struct run *run; /* one at a time; NULL: none */
    bool run_recurring;
    bool stopped;
    struct loop_timer next; /* of the recurring scan */
    struct buffer desired;  /* the desired properties, joined */
    uint64_t idle_ms;
    struct resume *resume;
    struct left left;
    struct find_server find_server;
};

static void start_next(struct discovery *d);

static void request_free(struct request *q)
{
    discovery_plan_clear(&q->plan);
    free(q);
}

/* ---- one at a time ---- */

static void schedule(struct discovery *d, uint64_t after_ms);

static void on_end(void *arg, enum status why)
{
    struct discovery *d = arg;
    (void)why;
    if (d->stopped)
        return; /* the OPC UA thread may be looking at it */
    discovery_run_free(&d->run);
    if (d->run_recurring)
        schedule(d, d->idle_ms);
    d->run_recurring = false;
    start_next(d);
}

static void discoverer_id(const struct discovery *d, struct buffer *out)
{
    const char *module = module_id(d->config.module);
    buffer_text(out, module_device_id(d->config.module));
    if (module[0])
        buffer_printf(out, "_module_%s", module);
}

static void start_next(struct discovery *d)
{
    struct link *l = d->run || d->stopped ? NULL : list_pop(&d->requests);
    struct buffer id = {0};
    if (l == NULL)
        return;
    struct request *q = LIST_OF(l, struct request, link);
    d->request_count--;
    d->run_recurring = q->recurring;
    discoverer_id(d, &id);
    struct run_config config = {
        .loop = d->loop,
        .thread = d->config.thread,
        .outbox = &d->outbox,
        .discoverer_id = buffer_cstr(&id),
        .device_id = module_device_id(d->config.module),
        .site = module_site(d->config.module),
        .plan = q->plan,
        .resume = d->resume,
        .recurring = q->recurring,
        .from = q->resumes ? &d->left.state : NULL,
        .on_end = on_end,
        .arg = d,
    };
    q->plan = (struct plan){0}; /* moved */
    request_free(q);
    d->run = discovery_run_start(&config);
    buffer_clear(&id);
}

static void tell_of(struct discovery *d, const struct plan *plan, const char *event)
{
    struct buffer id = {0}, out = {0};
    discoverer_id(d, &id);
    struct report r = {.plan = plan, .discoverer_id = buffer_slice(&id)};
    struct report_progress p = {
        .event = event, .wall_ms = loop_wall_ms(d->loop), .total = d->request_count};
    discovery_report_put_progress(&r, &p, &out);
    discovery_outbox_send_progress(&d->outbox, REPORT_PROGRESS_SCHEMA, buffer_slice(&out));
    buffer_clear(&out);
    buffer_clear(&id);
}

/* What was left is gone on with once, and only where it is the same scan. */
static bool takes_up(struct discovery *d, const struct plan *plan, bool recurring)
{
    struct left *l = &d->left;
    bool fits = l->there && l->state.recurring == recurring && discovery_resume_fits(plan, l->addresses, l->ports);
    l->there = l->there && l->state.recurring != recurring;
    return fits;
}

static void enqueue(struct discovery *d, struct plan *plan, bool recurring)
{
    struct request *q = MEMORY_NEW(struct request);
    q->plan = *plan;
    q->recurring = recurring;
    q->resumes = takes_up(d, plan, recurring);
    list_push(&d->requests, &q->link);
    d->request_count++;
    if (d->run)
        tell_of(d, &q->plan, "Pending");
    start_next(d);
}

/* ---- direct methods ---- */

/* 2.8's controllers have one parameter, and its value is the payload; as "request" it is taken,
 * too. */
static const struct json *request_of(const struct module_call *c)
{
    const struct json *payload = module_call_payload(c);
    const struct json *inner = json_get_nocase(payload, "request");
    return json_is(inner, JSON_OBJECT) ? inner : payload;
}

static void discover_as(struct module_call *c, const struct json *request)
{
    struct discovery *d = module_call_app(c);
    struct plan plan;
    struct buffer why = {0};
    if (d->request_count >= DISCOVERY_REQUESTS_MAX) {
        module_reply_error(c, BUSY, "Too many discoveries are waiting.");
        return;
    }
    enum status s = discovery_plan_read(request, &d->config.limits, &plan, &why);
    if (s == OK) {
        enqueue(d, &plan, false);
        module_reply(c, 200, SLICE("true"));
    } else {
        module_reply_error(c, s, buffer_cstr(&why));
    }
    buffer_clear(&why);
}

static void discover(struct module_call *c)
{
    discover_as(c, request_of(c));
}

static void find_server(struct module_call *c)
{
    struct discovery *d = module_call_app(c);
    discovery_find_server(&d->find_server, c);
}

/* ServerRegistrationRequest: a discovery of one url. */
static void register_server(struct module_call *c)
{
    const struct json *said = request_of(c), *url = json_get_nocase(said, "discoveryUrl");
    struct buffer request = {0};
    struct json_writer w = json_writer(&request);
    struct json_doc *doc = NULL;
    if (json_string(url).len == 0) {
        module_reply_error(c, BAD_ARGUMENT, "discoveryUrl: is missing");
        return;
    }
    json_object(&w);
    json_member(&w, "id", json_string(json_get_nocase(said, "id")));
    json_name(&w, "discovery"), json_put_text(&w, "Off");
    json_name(&w, "configuration"), json_object(&w);
    json_name(&w, "discoveryUrls"), json_array(&w);
    json_put_value(&w, url);
    json_end_array(&w);
    json_end_object(&w);
    json_end_object(&w);
    if (json_parse(buffer_slice(&request), JSON_STRICT, &doc, NULL) == OK)
        discover_as(c, json_root(doc));
    else
        module_reply_error(c, BAD_ARGUMENT, NULL);
    json_free(&doc);
    buffer_clear(&request);
}

/* The payload names the request; without an id the running one is meant. */
static void cancel(struct module_call *c)
{
    struct discovery *d = module_call_app(c);
    struct slice id = json_string(json_get_nocase(request_of(c), "id"));
    bool found = d->run && (id.len == 0 || slice_eq(id, discovery_run_id(d->run)));
    if (found)
        discovery_run_cancel(d->run);
    LIST_EACH(l, &d->requests)
    {
        struct request *q = LIST_OF(l, struct request, link);
        if (id.len == 0 || !slice_eq(id, q->plan.id))
            continue;
        list_remove(l);
        d->request_count--;
        tell_of(d, &q->plan, "Cancelled");
        request_free(q);
        found = true;
    }
    if (found)
        module_reply(c, 200, SLICE("true"));
    else
        module_reply_error(c, NOT_FOUND, "There is no such discovery.");
}

/* ---- the recurring scan ---- */

static const char *const properties[] = {
    "Discovery",
    "AddressRangesToScan",
    "NetworkProbeTimeout",
    "MaxNetworkProbes",
    "PortRangesToScan",
    "PortProbeTimeout",
    "MaxPortProbes",
    "MinPortProbesPercent",
    "IdleTimeBetweenScans",
    "DiscoveryUrls",
    "Locales",
};

/* The plan that the desired properties make; false when there is none. */
static bool desired_plan(struct discovery *d, struct plan *out)
{
    struct json_doc *doc;
    struct buffer why = {0};
    bool on = false;
    if (d->desired.len == 0 || json_parse(buffer_slice(&d->desired), JSON_STRICT, &doc, NULL) != OK)
        return false;
    enum status s = discovery_plan_read_desired(json_root(doc), &d->config.limits, out, &why);
    if (s != OK)
        log_warn("desired discovery cannot be done reason=\"%s\"", buffer_cstr(&why));
    else if (out->mode == PLAN_OFF)
        discovery_plan_clear(out);
    else
        on = true;
    json_free(&doc);
    buffer_clear(&why);
    return on;
}

static void on_due(void *arg)
{
    struct discovery *d = arg;
    struct plan plan;
    if (!desired_plan(d, &plan))
        return;
    d->idle_ms = plan.idle_ms;
    enqueue(d, &plan, true);
}

static void schedule(struct discovery *d, uint64_t after_ms)
{
    loop_timer_start(d->loop, &d->next, after_ms, on_due, d);
}

/* Our members of the patch, nulls too: they are kept, and reported back. */
static bool pick(const struct json *patch, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    bool any = false;
    json_object(&w);
    for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
        const struct json *v = json_get(patch, properties[i]);
        if (v == NULL)
            continue;
        any = true;
        json_name(&w, properties[i]);
        json_put_value(&w, v);
    }
    json_end_object(&w);
    return any;
}

/* With the first twin, which may have the site. A recurring one waits for its settings in it, too. */
static void take_up(struct discovery *d)
{
    struct left *l = &d->left;
    struct json_doc *doc = NULL;
    struct buffer why = {0};
    struct plan plan;
    if (!l->there || l->state.recurring)
        return;
    if (json_parse(l->state.request, JSON_STRICT, &doc, NULL) == OK &&
        discovery_plan_read(json_root(doc), &d->config.limits, &plan, &why) == OK) {
        log_info("discovery goes on after a restart id=%.*s", SLICE_FMT(plan.id));
        enqueue(d, &plan, false);
    }
    json_free(&doc);
    buffer_clear(&why);
}

static void on_desired(void *app, const struct json *patch)
{
    struct discovery *d = app;
    struct buffer ours = {0}, joined = {0};
    take_up(d);
    if (pick(patch, &ours) &&
        json_merge_text(buffer_slice(&d->desired), buffer_slice(&ours), &joined) == OK) {
        struct plan plan;
        buffer_clear(&d->desired);
        d->desired = joined;
        joined = (struct buffer){0};
        module_report(d->config.module, buffer_slice(&ours));
        loop_timer_stop(&d->next);
        if (desired_plan(d, &plan)) {
            bool soon = d->left.there && d->left.state.recurring;
            discovery_plan_clear(&plan);
            schedule(d, soon ? 0 : DISCOVERY_FIRST_SCAN_MS);
        } else if (d->run_recurring) {
            discovery_run_cancel(d->run);
        }
    }
    buffer_clear(&joined);
    buffer_clear(&ours);
}

static void on_room(void *app)
{
    discovery_outbox_flush(&((struct discovery *)app)->outbox);
}

/* ---- life ---- */

static const struct module_method methods[] = {
    {"Discover", MODULE_V1 | MODULE_V2 | MODULE_PLAIN, discover, 0},
    {"Cancel", MODULE_V1 | MODULE_V2 | MODULE_PLAIN, cancel, 0},
    {"Register", MODULE_V1 | MODULE_V2 | MODULE_PLAIN, register_server, 0},
    {"FindServer", MODULE_V1 | MODULE_V2 | MODULE_PLAIN, find_server, 0}, /* find_server.c */
};

static const struct module_role_ops ops = {
    .type = "discoverer",
    .methods = methods,
    .method_count = sizeof(methods) / sizeof(methods[0]),
    .on_desired = on_desired,
    .on_room = on_room,
};

/* Each module's own file: two may live on one machine. */
static void open_state(struct discovery *d)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/", d->config.state);
    discoverer_id(d, &path);
    buffer_text(&path, ".json");
    struct left *l = &d->left;
    d->resume = discovery_resume_open(d->loop, buffer_cstr(&path));
    l->there = discovery_resume_read(buffer_cstr(&path), &l->arena, &l->state, &l->addresses, &l->ports) == OK;
    buffer_clear(&path);
}

struct discovery *discovery_start(const struct discovery_config *config)
{
    struct discovery *d = MEMORY_NEW(struct discovery);
    d->config = *config;
    d->loop = module_loop(config->module);
    discovery_find_server_init(&d->find_server, config->module, config->thread);
    d->idle_ms = PLAN_IDLE_MS;
    list_init(&d->requests);
    discovery_outbox_init(&d->outbox, module_add(config->module, &ops, d));
    if (config->state && config->state[0])
        open_state(d);
    d->config.state = NULL;
    return d;
}

static void drop_inquiries(void *arg)
{
    discovery_run_drop_inquiries(arg);
}

void discovery_stop(struct discovery *d)
{
    d->stopped = true;
    loop_timer_stop(&d->next);
    if (d->find_server.count > 0)
        opcua_thread_post(d->config.thread, discovery_find_server_drop, &d->find_server);
    if (d->run)
        opcua_thread_post(d->config.thread, drop_inquiries, d->run);
}

void discovery_free(struct discovery **out)
{
    struct discovery *d = *out;
    if (d == NULL)
        return;
    for (struct link *l; (l = list_pop(&d->requests)) != NULL;)
        request_free(LIST_OF(l, struct request, link));
    discovery_run_free(&d->run);
    discovery_find_server_clear(&d->find_server);
    discovery_resume_close(&d->resume);
    arena_clear(&d->left.arena);
    discovery_outbox_clear(&d->outbox);
    buffer_clear(&d->desired);
    free(d);
    *out = NULL;
}
