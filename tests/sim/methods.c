/* Direct methods: services call, modules answer at once, late or never. */
#include <stdlib.h>

#include "base/memory.h"
#include "hub/methods.h"
#include "sim/world.h"
#include "json/json.h"

#define SLACK_MS 50 /* between the hub's loops */
#define NEVER_ONE_IN 20
#define LATE_ONE_IN 4

struct world_call {
    struct world *world;
    struct world_module *module;
    uint64_t number;
    uint64_t hub_life;
    uint64_t asked_ms, connect_ms, response_ms;
    bool ended;
    bool must; /* be answered */
};

/* ---- a module answers ---- */

static void reply(struct world_module *m, uint64_t rid, uint64_t number)
{
    struct buffer b = {0};
    buffer_printf(&b, "{\"call\":%llu,\"by\":\"%s\"}", (unsigned long long)number, m->name);
    device_client_method_reply(m->client, rid, 200, buffer_slice(&b));
    buffer_clear(&b);
}

static void reply_late(void *arg)
{
    struct world_module *m = arg;
    reply(m, m->slow_rid, m->slow_number);
}

static void answer(struct world_module *m, uint64_t rid, uint64_t number)
{
    struct sim *s = m->world->sim;
    bool late = sim_below(s, LATE_ONE_IN) == 0, never = sim_below(s, NEVER_ONE_IN) == 0;
    if (m->world->quiet || (!never && (!late || m->slow.node.index))) {
        reply(m, rid, number);
    } else if (!never) {
        m->slow_rid = rid;
        m->slow_number = number;
        loop_timer_start(m->loop, &m->slow, sim_below(s, 10000), reply_late, m);
    }
}

void world_method(struct world_module *m, uint64_t rid, struct slice name, struct slice payload)
{
    struct json_doc *doc = NULL;
    uint64_t number = 0;
    bool good = slice_eq(name, SLICE("count")) &&
                json_parse(payload, JSON_STRICT, &doc, NULL) == OK &&
                json_u64(json_get(json_root(doc), "call"), &number);
    json_free(&doc);
    if (!good || number >= m->world->call_count || m->world->calls[number]->module != m)
        world_wrong(m->world, "%s: a method that nobody called: %.*s", m->name, SLICE_FMT(payload));
    else if (!world_set_add(&m->called, number))
        world_wrong(m->world, "%s: call %llu came twice", m->name, (unsigned long long)number);
    else
        answer(m, rid, number);
}

void world_method_stop(struct world_module *m)
{
    loop_timer_stop(&m->slow);
}

/* ---- services call ---- */

static bool is_its_answer(const struct world_call *c, struct slice payload)
{
    struct json_doc *doc = NULL;
    uint64_t number = 0;
    bool yes = json_parse(payload, JSON_STRICT, &doc, NULL) == OK &&
               json_u64(json_get(json_root(doc), "call"), &number) && number == c->number &&
               slice_eq(json_string(json_get(json_root(doc), "by")), slice_of(c->module->name)) &&
               world_set_has(&c->module->called, number);
    json_free(&doc);
    return yes;
}

/* 404 is the edge's, that has no such module just now. */
static void check_answer(const struct world_call *c, int status, struct slice payload)
{
    if (status == 200 && !is_its_answer(c, payload))
        world_wrong(c->world, "call %llu: an answer that %s did not give: %.*s",
                    (unsigned long long)c->number, c->module->name, SLICE_FMT(payload));
    else if (status != 200 && (status != 404 || c->must))
        world_wrong(c->world, "call %llu: answered with status %d", (unsigned long long)c->number,
                    status);
}

static void check_failure(const struct world_call *c, enum status why, uint64_t waited_ms)
{
    bool known = why == OFFLINE || why == TIMED_OUT;
    uint64_t least = why == OFFLINE ? c->connect_ms : c->response_ms;
    if (!known || c->must)
        world_wrong(c->world, "call %llu: ended with %s", (unsigned long long)c->number,
                    status_name(why));
    else if (waited_ms < least)
        world_wrong(c->world, "call %llu: ended with %s after %llu ms, it had %llu",
                    (unsigned long long)c->number, status_name(why), (unsigned long long)waited_ms,
                    (unsigned long long)least);
}

static void on_ended(void *arg, enum status why, int status, struct slice payload)
{
    struct world_call *c = arg;
    struct world *w = c->world;
    uint64_t waited_ms = sim_now_ms(w->sim) - c->asked_ms;
    if (c->ended || c->hub_life != w->hub_life)
        world_wrong(w, "call %llu: ended again", (unsigned long long)c->number);
    if (waited_ms > c->connect_ms + c->response_ms + SLACK_MS)
        world_wrong(w, "call %llu: ended after %llu ms", (unsigned long long)c->number,
                    (unsigned long long)waited_ms);
    c->ended = true;
    w->count.answers += why == OK && status == 200;
    if (why == OK)
        check_answer(c, status, payload);
    else
        check_failure(c, why, waited_ms);
}

static struct world_call *call_new(struct world *w, struct world_module *m)
{
    if (w->call_count == w->call_cap) {
        w->call_cap = w->call_cap ? w->call_cap * 2 : 64;
        w->calls = memory_resize(w->calls, w->call_cap * sizeof(*w->calls));
    }
    struct world_call *c = MEMORY_NEW(struct world_call);
    *c = (struct world_call){.world = w,
                             .module = m,
                             .number = w->call_count,
                             .hub_life = w->hub_life,
                             .asked_ms = sim_now_ms(w->sim),
                             .connect_ms = sim_below(w->sim, 2) ? sim_below(w->sim, 10000) : 0,
                             .response_ms = 5000 + sim_below(w->sim, 25000)};
    w->calls[w->call_count++] = c;
    w->count.calls++;
    return c;
}

static void call(struct world *w, struct world_module *m, bool must)
{
    struct world_call *c = call_new(w, m);
    struct buffer payload = {0};
    c->must = must;
    buffer_printf(&payload, "{\"call\":%llu}", (unsigned long long)c->number);
    hub_method_invoke(w->hub, w->hub->loops[sim_below(w->sim, w->hub_loops)].loop,
                      &(struct iot_method_call){.id = world_module_id(m),
                                                .name = SLICE("count"),
                                                .payload = buffer_slice(&payload),
                                                .connect_timeout_ms = c->connect_ms,
                                                .response_timeout_ms = c->response_ms},
                      on_ended, c);
    buffer_clear(&payload);
}

static void call_next(void *arg)
{
    struct world *w = arg;
    if (w->quiet)
        return;
    if (w->hub)
        call(w, &w->modules[sim_below(w->sim, WORLD_MODULES)], false);
    loop_timer_start(w->service, &w->call_next, sim_below(w->sim, 3000), call_next, w);
}

void world_methods_start(struct world *w)
{
    loop_timer_start(w->service, &w->call_next, 1000, call_next, w);
}

void world_calls_all(struct world *w)
{
    for (unsigned i = 0; i < WORLD_MODULES; i++)
        call(w, &w->modules[i], true);
}

/* ---- what is checked ---- */

static bool is_under_way(const struct world *w, const struct world_call *c)
{
    return !c->ended && c->hub_life == w->hub_life;
}

void world_calls_look(struct world *w)
{
    uint64_t now = sim_now_ms(w->sim);
    for (size_t i = 0; i < w->call_count; i++) {
        struct world_call *c = w->calls[i];
        if (!is_under_way(w, c) || now <= c->asked_ms + c->connect_ms + c->response_ms + SLACK_MS)
            continue;
        world_wrong(w, "call %llu: has not ended", (unsigned long long)c->number);
        c->ended = true;
    }
}

bool world_calls_ended(const struct world *w)
{
    for (size_t i = 0; i < w->call_count; i++)
        if (is_under_way(w, w->calls[i]))
            return false;
    return true;
}

void world_calls_free(struct world *w)
{
    for (size_t i = 0; i < w->call_count; i++)
        free(w->calls[i]);
    free(w->calls);
}
