/*
 * Twins: services change what is desired, modules report, and each module keeps what it knows as a
 * simple program would: it asks for the twin when it connects, and merges what it is told
 * afterwards. Every report carries "n", that counts on.
 */
#include <stdlib.h>

#include "base/memory.h"
#include "sim/world.h"
#include "json/write.h"

#define REPORTING_MAX 3
#define REPLACED_ONE_IN 8 /* desired properties that are replaced as a whole */

static const struct {
    const char *outer, *name;
} properties[WORLD_PROPERTIES] = {{NULL, "a"}, {NULL, "b"}, {"deep", "c"}, {"deep", "d"}};

/* ---- properties as JSON ---- */

/* A number that is not there is put as null, so that it removes what was there. */
static void put_number(struct json_writer *w, const char *name, uint64_t v)
{
    json_name(w, name);
    v ? json_put_u64(w, v) : json_put_null(w);
}

static void put_one(struct json_writer *w, unsigned i, uint64_t v)
{
    if (properties[i].outer)
        json_name(w, properties[i].outer), json_object(w);
    put_number(w, properties[i].name, v);
    if (properties[i].outer)
        json_end_object(w);
}

static void put_all(struct json_writer *w, const struct world_properties *p)
{
    put_number(w, "a", p->at[0]);
    put_number(w, "b", p->at[1]);
    json_name(w, "deep"), json_object(w);
    put_number(w, "c", p->at[2]);
    put_number(w, "d", p->at[3]);
    json_end_object(w);
}

static void merge(struct world_properties *p, const struct json *patch)
{
    for (unsigned i = 0; i < WORLD_PROPERTIES; i++) {
        const struct json *o = properties[i].outer ? json_get(patch, properties[i].outer) : patch;
        const struct json *v = json_get(o, properties[i].name);
        if (json_is(o, JSON_NULL) || json_is(v, JSON_NULL))
            p->at[i] = 0;
        else if (v)
            json_u64(v, &p->at[i]);
    }
    json_u64(json_get(patch, "$version"), &p->version);
}

static void take(struct world_properties *p, const struct json *section)
{
    *p = (struct world_properties){0};
    merge(p, section);
}

static bool same(const struct world_properties *a, const struct world_properties *b)
{
    return memcmp(a->at, b->at, sizeof(a->at)) == 0;
}

/* ---- a module reports ---- */

struct report {
    struct world_module *module;
    uint64_t n;
};

static void look_again_soon(struct world_module *m);

static void accept_report(struct world_module *m, uint64_t n, uint64_t version)
{
    struct world *w = m->world;
    if (n < m->reports_acked)
        return; /* the edge's file had it later than the hub the next one */
    m->reports_acked = n;
    /* An edge that is started again may have to count on from an older copy. */
    if (m->edge_life == w->edge_life && version < m->reported.version)
        world_wrong(w, "%s: reported version %llu after %llu", m->name, (unsigned long long)version,
                    (unsigned long long)m->reported.version);
    m->edge_life = w->edge_life;
    m->reported.version = version;
}

static void on_reported(void *arg, enum status why, uint64_t version)
{
    struct report *r = arg;
    struct world_module *m = r->module;
    m->reporting--;
    if (why == OK)
        accept_report(m, r->n, version);
    else
        m->unsure = true;
    free(r);
    if (m->unsure && why != CANCELLED)
        look_again_soon(m);
}

static void report(struct world_module *m, int only)
{
    struct report *r = MEMORY_NEW(struct report);
    struct buffer patch = {0};
    struct json_writer w = json_writer(&patch);
    *r = (struct report){m, ++m->reports};
    m->reporting++;
    m->world->count.reported++;
    json_object(&w);
    json_name(&w, "n"), json_put_u64(&w, r->n);
    if (only < 0)
        put_all(&w, &m->reported);
    else
        put_one(&w, (unsigned)only, m->reported.at[only]);
    json_end_object(&w);
    device_client_twin_report(m->client, buffer_slice(&patch), on_reported, r);
    buffer_clear(&patch);
}

static void change_something(void *arg)
{
    struct world_module *m = arg;
    struct sim *s = m->world->sim;
    if (m->world->quiet)
        return;
    unsigned i = (unsigned)sim_below(s, WORLD_PROPERTIES);
    m->reported.at[i] = sim_below(s, 4) ? m->reports + 1 : 0;
    if (m->connected && !m->unsure && m->reporting < REPORTING_MAX)
        report(m, (int)i);
    else
        m->unsure = true;
    look_again_soon(m);
    loop_timer_start(m->loop, &m->twin_next, 500 + sim_below(s, 6000), change_something, m);
}

/* ---- a module gets ---- */

static void on_twin(void *arg, enum status why, struct slice json)
{
    struct world_module *m = arg;
    struct json_doc *doc = NULL;
    m->getting = false;
    if (why == CANCELLED)
        return;
    if (why == OK && json_parse(json, JSON_STRICT, &doc, NULL) == OK) {
        take(&m->desired, json_get(json_root(doc), "desired"));
        m->knows_desired = m->connected;
    }
    json_free(&doc);
    look_again_soon(m);
}

void world_twin_desired(struct world_module *m, struct slice patch, uint64_t version)
{
    struct json_doc *doc = NULL;
    if (json_parse(patch, JSON_STRICT, &doc, NULL) != OK) {
        world_wrong(m->world, "%s: desired properties that are not JSON", m->name);
        return;
    }
    if (m->knows_desired && version <= m->desired.version)
        world_wrong(m->world, "%s: desired version %llu after %llu", m->name,
                    (unsigned long long)version, (unsigned long long)m->desired.version);
    merge(&m->desired, json_root(doc));
    if (m->desired.version != version)
        world_wrong(m->world, "%s: desired version %llu says of itself that it is %llu", m->name,
                    (unsigned long long)version, (unsigned long long)m->desired.version);
    json_free(&doc);
}

/* Whatever failed is tried again. */
static void look_again(void *arg)
{
    struct world_module *m = arg;
    if (m->connected && !m->knows_desired && !m->getting) {
        m->getting = true;
        device_client_twin_get(m->client, on_twin, m);
    }
    if (m->connected && m->unsure && m->reporting == 0) {
        m->unsure = false;
        report(m, -1);
    }
}

static void look_again_soon(struct world_module *m)
{
    if (m->twin_again.node.index == 0)
        loop_timer_start(m->loop, &m->twin_again, 200 + sim_below(m->world->sim, 2000), look_again,
                         m);
}

void world_twin_connected(struct world_module *m)
{
    m->knows_desired = false;
    m->unsure = true;
    loop_timer_start(m->loop, &m->twin_again, 0, look_again, m);
    if (m->twin_next.node.index == 0)
        loop_timer_start(m->loop, &m->twin_next, 500, change_something, m);
}

void world_twin_disconnected(struct world_module *m)
{
    m->knows_desired = false;
}

void world_twin_stop(struct world_module *m)
{
    loop_timer_stop(&m->twin_next);
    loop_timer_stop(&m->twin_again);
    m->knows_desired = false;
    m->unsure = true;
    m->desired = (struct world_properties){0};
}

/* ---- services desire ---- */

static void on_desired(void *arg, const struct registry_answer *a)
{
    if (a->why != OK)
        world_wrong(arg, "a twin was not changed: %s", status_name(a->why));
}

static void put_desire(struct world *w, bool whole)
{
    struct json_writer j = json_writer(&w->desire);
    uint64_t v = sim_below(w->sim, 4) ? ++w->count.desired : 0;
    struct world_properties all = {0};
    for (unsigned i = 0; i < WORLD_PROPERTIES; i++)
        all.at[i] = sim_below(w->sim, 2) ? ++w->count.desired : 0;
    buffer_reset(&w->desire);
    json_object(&j);
    json_name(&j, "properties"), json_object(&j);
    json_name(&j, "desired"), json_object(&j);
    if (whole)
        put_all(&j, &all);
    else
        put_one(&j, (unsigned)sim_below(w->sim, WORLD_PROPERTIES), v);
    json_end_object(&j);
    json_end_object(&j);
    json_end_object(&j);
}

static void desire(void *arg)
{
    struct world *w = arg;
    if (w->quiet)
        return;
    bool whole = sim_below(w->sim, REPLACED_ONE_IN) == 0;
    struct world_module *m = &w->modules[sim_below(w->sim, WORLD_MODULES)];
    put_desire(w, whole);
    if (w->hub) /* who asks for it is at one of the hub's loops */
        registry_ask(w->registry, w->hub->loops[sim_below(w->sim, w->hub_loops)].loop,
                     &(struct registry_ask){.what = whole ? &registry_twin_put : &registry_twin_patch,
                                            .id = world_module_id(m),
                                            .body = buffer_slice(&w->desire)},
                     on_desired, w);
    loop_timer_start(w->service, &w->desire_next, 200 + sim_below(w->sim, 4000), desire, w);
}

void world_twins_start(struct world *w)
{
    loop_timer_start(w->service, &w->desire_next, 1000, desire, w);
}

/* ---- what is checked ---- */

static void on_look(void *arg, enum status why, struct slice json)
{
    struct world_module *m = arg;
    struct json_doc *doc = NULL;
    uint64_t n = 0;
    if (why != OK || json_parse(json, JSON_STRICT, &doc, NULL) != OK) {
        world_wrong(m->world, "%s: its twin cannot be read: %s", m->name, status_name(why));
        return;
    }
    json_u64(json_get(json_get(json_root(doc), "reported"), "n"), &n);
    if (n < m->reports_seen)
        world_wrong(m->world, "%s: report %llu was undone by %llu", m->name,
                    (unsigned long long)m->reports_seen, (unsigned long long)n);
    m->reports_seen = n;
    json_free(&doc);
}

void world_twins_look(struct world *w)
{
    for (unsigned i = 0; i < WORLD_MODULES; i++)
        registry_twin(w->registry, w->service, world_module_id(&w->modules[i]), on_look,
                      &w->modules[i]);
}

bool world_twins_settled(const struct world *w)
{
    for (unsigned i = 0; i < WORLD_MODULES; i++) {
        const struct world_module *m = &w->modules[i];
        if (!m->connected || !m->knows_desired || m->unsure || m->reporting || m->getting)
            return false;
    }
    return true;
}

static void check_edge_copy(struct world_module *m, const struct json *twin, struct slice json)
{
    struct json_doc *copy = NULL;
    struct slice text = edge_twins_get(m->world->twins, world_module_id(m));
    if (json_parse(text, JSON_STRICT, &copy, NULL) != OK || !json_equal(json_root(copy), twin))
        world_wrong(m->world, "%s: the edge has %.*s, the registry %.*s", m->name, SLICE_FMT(text),
                    SLICE_FMT(json));
    json_free(&copy);
}

static void on_check(void *arg, enum status why, struct slice json)
{
    struct world_module *m = arg;
    struct json_doc *doc = NULL;
    struct world_properties desired, reported;
    uint64_t n = 0;
    if (why != OK || json_parse(json, JSON_STRICT, &doc, NULL) != OK) {
        world_wrong(m->world, "%s: its twin cannot be read: %s", m->name, status_name(why));
        return;
    }
    take(&desired, json_get(json_root(doc), "desired"));
    take(&reported, json_get(json_root(doc), "reported"));
    json_u64(json_get(json_get(json_root(doc), "reported"), "n"), &n);
    if (!same(&desired, &m->desired) || desired.version != m->desired.version)
        world_wrong(
            m->world,
            "%s: what is desired is of version %llu and was not heard of, the module has %llu",
            m->name, (unsigned long long)desired.version, (unsigned long long)m->desired.version);
    if (!same(&reported, &m->reported) || n != m->reports)
        world_wrong(m->world, "%s: the registry has report %llu, the module made %llu", m->name,
                    (unsigned long long)n, (unsigned long long)m->reports);
    check_edge_copy(m, json_root(doc), json);
    json_free(&doc);
}

void world_twins_check(struct world *w)
{
    for (unsigned i = 0; i < WORLD_MODULES; i++)
        registry_twin(w->registry, w->service, world_module_id(&w->modules[i]), on_check,
                      &w->modules[i]);
    sim_run(w->sim, sim_now_ms(w->sim) + 100);
}
