#include "sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "hub/backend.h"

#define MQTT_PORT 8883
#define PARTITIONS 4

static const char *const hub_names[] = {"hub", NULL};
static const char *const edge_names[] = {"hub", "edge", NULL};

/* ---- modules ---- */

static void remember_acked(struct world_module *m, uint64_t n)
{
    if (n >= m->acked_cap) {
        size_t cap = (n * 2 + 1024) / 64 * 64;
        uint64_t *bigger = memory_new(cap / 8);
        if (m->acked_cap)
            memcpy(bigger, m->acked, m->acked_cap / 8);
        free(m->acked);
        m->acked = bigger;
        m->acked_cap = cap;
    }
    m->acked[n / 64] |= 1ull << n % 64;
    m->acked_count++;
}

static bool is_acked(const struct world_module *m, uint64_t n)
{
    return n < m->acked_cap && (m->acked[n / 64] >> n % 64 & 1);
}

static void on_sent(void *arg, uint64_t token, enum status why)
{
    struct world_module *m = arg;
    if (why != OK)
        return; /* not acknowledged: it may arrive or not */
    if (token <= m->last_acked)
        buffer_printf(&m->world->wrong, "%s: %llu acknowledged after %llu\n", m->name, (unsigned long long)token,
                      (unsigned long long)m->last_acked);
    m->last_acked = token;
    remember_acked(m, token);
}

static void send_next(void *arg)
{
    struct world_module *m = arg;
    struct buffer body = {0};
    if (m->world->quiet)
        return;
    buffer_printf(&body, "%s %llu", m->name, (unsigned long long)(m->sent + 1));
    enum status s = device_client_send(m->client, &(struct iot_message){.body = buffer_slice(&body)}, m->sent + 1);
    buffer_clear(&body);
    if (s == OK)
        m->sent++;
    m->wants_room = s == FULL;
    if (s != FULL)
        loop_timer_start(m->loop, &m->next, m->interval_ms, send_next, m);
}

static void on_room(void *arg)
{
    struct world_module *m = arg;
    if (m->wants_room)
        send_next(m);
}

static const struct device_client_events module_events = {.on_sent = on_sent, .on_room = on_room};

static void start_module(struct world *w, unsigned i)
{
    struct world_module *m = &w->modules[i];
    m->world = w;
    snprintf(m->name, sizeof(m->name), "m%u", i);
    m->loop = sim_loop_new(w->sim, "plant");
    m->interval_ms = 50 + sim_below(w->sim, 200);
    m->client = device_client_new(&(struct device_client_config){
        .loop = m->loop,
        .host = "edge",
        .port = MQTT_PORT,
        .hub_host = "hub",
        .device_id = "edge",
        .module_id = m->name,
        .key = WORLD_MODULE_KEY,
        .events = &module_events,
        .arg = m,
    });
    loop_timer_start(m->loop, &m->next, m->interval_ms, send_next, m);
}

static void stop_module(struct world_module *m)
{
    loop_timer_stop(&m->next);
    device_client_free(&m->client);
    loop_free(&m->loop);
}

void world_restart_module(struct world *w, unsigned i)
{
    struct world_module *m = &w->modules[i];
    w->kills++;
    log_info("fate: module killed module=%s sent=%llu acknowledged=%llu", m->name, (unsigned long long)m->sent,
             (unsigned long long)m->last_acked);
    sim_loop_kill(m->loop);
    stop_module(m);
    m->last_acked = 0; /* the next client's acknowledgements are in order of their own */
    start_module(w, i);
    m->last_acked = m->sent;
}

/* ---- the edge ---- */

static void on_edge_mqtt(void *arg, struct stream *s)
{
    struct world *w = arg;
    heads_mqtt_accept(w->edge_mqtt, s);
}

static void know_modules(struct world *w)
{
    for (unsigned i = 0; i < WORLD_MODULES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "m%u", i);
        edge_identities_put(w->identities, &(struct heads_identity){
                                               .id = {SLICE("edge"), slice_of(name)},
                                               .enabled = true,
                                               .generation_id = SLICE("1"),
                                               .primary_key = SLICE(WORLD_MODULE_KEY),
                                           });
    }
}

bool world_start_edge(struct world *w)
{
    w->edge_loop = sim_loop_new(w->sim, "edge");
    enum status s = edge_identities_open(&(struct edge_identities_config){.loop = w->edge_loop}, &w->identities);
    assert(s == OK);
    know_modules(w);
    s = edge_twins_open(w->edge_loop, NULL, &w->twins);
    assert(s == OK);
    s = edge_open(
        &(struct edge_config){
            .loop = w->edge_loop,
            .disk = w->edge_disk,
            .directory = "/edge/log",
            .store_bytes = 64u << 20,
            .device_id = "edge",
            .key = WORLD_EDGE_KEY,
            .hub_host = "hub",
            .hub_port = MQTT_PORT,
            .hosts = edge_names,
        },
        w->identities, w->twins, &w->edge);
    if (s != OK) {
        edge_twins_close(&w->twins);
        edge_identities_close(&w->identities);
        loop_free(&w->edge_loop);
        return false; /* as a program that ends with an error, to be started again */
    }
    w->edge_mqtt = heads_mqtt_new(&w->edge->backend);
    s = listener_open(&(struct listen_config){.loop = w->edge_loop, .host = "0.0.0.0", .port = MQTT_PORT,
                                              .on_accept = on_edge_mqtt, .arg = w},
                      &w->edge_listener);
    assert(s == OK);
    return true;
}

static void stop_edge(struct world *w)
{
    if (w->edge_listener)
        listener_close(&w->edge_listener);
    edge_close(&w->edge);
    edge_twins_close(&w->twins);
    edge_identities_close(&w->identities);
    loop_free(&w->edge_loop);
    heads_mqtt_free(&w->edge_mqtt);
}

void world_kill_edge(struct world *w)
{
    if (w->edge_loop == NULL)
        return;
    w->kills++;
    log_info("fate: edge killed");
    sim_loop_kill(w->edge_loop);
    sim_disk_crash(w->edge_disk);
    stop_edge(w);
}

/* ---- the hub ---- */

static void on_hub_mqtt(void *arg, struct stream *s)
{
    struct world *w = arg;
    heads_mqtt_accept(w->hub_mqtt, s);
}

static bool open_partitions(struct world *w)
{
    for (unsigned i = 0; i < w->hub->partition_count; i++) {
        char directory[32];
        snprintf(directory, sizeof(directory), "/hub/%u", i);
        enum status s = hub_partition_open(
            &(struct hub_partition_config){
                .loop = w->hub->loops[i % w->hub->loop_count].loop,
                .disk = w->hub_disk,
                .directory = directory,
                .index = i,
                .segment_bytes = 1u << 20,
            },
            &w->hub->partitions[i]);
        if (s != OK)
            return false;
    }
    return true;
}

static void stop_hub(struct world *w);

bool world_start_hub(struct world *w)
{
    struct hub *hub = w->hub = MEMORY_NEW(struct hub);
    hub->name = "hub";
    hub->aliases = hub_names;
    hub->loop_count = w->hub_loops;
    hub->partition_count = PARTITIONS;
    hub->registry = w->registry;
    hub->policies = w->policies;
    for (unsigned i = 0; i < hub->loop_count; i++)
        hub->loops[i].loop = sim_loop_new(w->sim, "hub");
    hub_init(hub);
    if (!open_partitions(w)) {
        stop_hub(w);
        return false;
    }
    w->hub_mqtt = heads_mqtt_new(&hub->backend);
    enum status s = listener_open(&(struct listen_config){.loop = hub->loops[0].loop, .host = "0.0.0.0",
                                                          .port = MQTT_PORT, .on_accept = on_hub_mqtt, .arg = w},
                                  &w->hub_listener);
    assert(s == OK);
    return true;
}

static void stop_hub(struct world *w)
{
    if (w->hub_listener)
        listener_close(&w->hub_listener);
    for (unsigned i = 0; i < w->hub->partition_count; i++)
        hub_partition_close(&w->hub->partitions[i]);
    for (unsigned i = 0; i < w->hub->loop_count; i++)
        loop_free(&w->hub->loops[i].loop);
    heads_mqtt_free(&w->hub_mqtt);
    for (unsigned i = 0; i < w->hub->loop_count; i++)
        map_clear(&w->hub->loops[i].devices);
    free(w->hub);
    w->hub = NULL;
}

void world_kill_hub(struct world *w)
{
    if (w->hub == NULL)
        return;
    w->kills++;
    log_info("fate: hub killed");
    for (unsigned i = 0; i < w->hub->loop_count; i++)
        sim_loop_kill(w->hub->loops[i].loop);
    sim_disk_crash(w->hub_disk);
    stop_hub(w);
}

/* ---- the registry: its SQLite is outside the simulation, and knows the same at every start ---- */

static void on_made(void *arg, const struct hub_registry_answer *a)
{
    (void)arg;
    assert(a->why == OK);
}

static void make(struct world *w, struct loop *loop, struct iot_id id, const char *body, const char *if_match)
{
    hub_registry_ask(w->registry, loop,
                     &(struct hub_registry_ask){.what = HUB_IDENTITY_PUT, .id = id, .body = slice_of(body),
                                                .if_match = slice_of(if_match)},
                     on_made, NULL);
}

static void make_identities(struct world *w)
{
    struct loop *loop = sim_loop_new(w->sim, "registry");
    enum status s = hub_registry_open(":memory:", &(struct hub_registry_events){0}, &w->registry);
    assert(s == OK);
    make(w, loop, (struct iot_id){.device = SLICE("edge")},
         "{\"capabilities\":{\"iotEdge\":true},\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"" WORLD_EDGE_KEY
         "\"}}}",
         "");
    make(w, loop, (struct iot_id){SLICE("edge"), SLICE("$edgeHub")},
         "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"" WORLD_EDGE_KEY "\"}}}", "*");
    for (unsigned i = 0; i < WORLD_MODULES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "m%u", i);
        make(w, loop, (struct iot_id){SLICE("edge"), slice_of(name)},
             "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"" WORLD_MODULE_KEY "\"}}}", "");
    }
    while (sim_step(w->sim))
        ;
    loop_free(&loop);
}

/* ---- the world ---- */

struct world *world_new(uint64_t seed)
{
    struct world *w = MEMORY_NEW(struct world);
    w->seed = seed;
    w->sim = sim_new(seed);
    w->edge_disk = sim_disk_new(seed * 2 + 1);
    w->hub_disk = sim_disk_new(seed * 2 + 2);
    w->policies = hub_policies_random();
    w->hub_loops = 1 + (unsigned)sim_below(w->sim, 3);
    make_identities(w);
    world_start_hub(w);
    world_start_edge(w);
    for (unsigned i = 0; i < WORLD_MODULES; i++)
        start_module(w, i);
    return w;
}

void world_free(struct world **world)
{
    struct world *w = *world;
    for (unsigned i = 0; i < WORLD_MODULES; i++) {
        stop_module(&w->modules[i]);
        free(w->modules[i].acked);
    }
    if (w->edge_loop)
        stop_edge(w);
    if (w->hub)
        stop_hub(w);
    hub_registry_close(&w->registry);
    hub_policies_free(&w->policies);
    sim_free(&w->sim);
    sim_disk_free(&w->edge_disk);
    sim_disk_free(&w->hub_disk);
    buffer_clear(&w->wrong);
    free(w);
    *world = NULL;
}

bool world_drained(const struct world *w)
{
    if (w->edge == NULL || w->hub == NULL)
        return false;
    for (unsigned i = 0; i < WORLD_MODULES; i++)
        if (w->modules[i].last_acked < w->modules[i].sent)
            return false;
    return store_cursor_get(w->edge->log, SLICE("upstream")) == store_log_durable(w->edge->log);
}

/* ---- the books ---- */

struct book {
    uint64_t newest; /* highest number seen */
    uint64_t *seen;  /* bitmap */
};

static void enter(struct world *w, struct book *books, const struct iot_event *e)
{
    unsigned i = 0;
    unsigned long long n = 0;
    char text[64];
    snprintf(text, sizeof(text), "%.*s", SLICE_FMT(e->message.body));
    if (sscanf(text, "m%u %llu", &i, &n) != 2 || i >= WORLD_MODULES || n == 0 || n > w->modules[i].sent) {
        buffer_printf(&w->wrong, "an event that nobody sent: '%s'\n", text);
        return;
    }
    struct book *b = &books[i];
    w->delivered++;
    if (b->seen[n / 64] >> n % 64 & 1) {
        w->doubles++;
        return;
    }
    b->seen[n / 64] |= 1ull << n % 64;
    /* In order: a number that comes for the first time is higher than all before it. */
    if (n < b->newest)
        buffer_printf(&w->wrong, "m%u: %llu came after %llu\n", i, n, (unsigned long long)b->newest);
    else
        b->newest = n;
}

static void read_partition(struct world *w, struct book *books, unsigned i)
{
    struct store_log *log = hub_partition_log(w->hub->partitions[i]);
    struct store_reader *r = store_reader_open(log, 1);
    struct store_record record;
    while (store_reader_next(r, &record) == OK) {
        struct iot_event e;
        if (iot_event_decode(record.bytes, &e) == OK)
            enter(w, books, &e);
        else
            buffer_printf(&w->wrong, "partition %u: a record that is no event\n", i);
    }
    store_reader_close(&r);
    if (store_log_damaged(log))
        buffer_printf(&w->wrong, "partition %u: %llu damaged\n", i, (unsigned long long)store_log_damaged(log));
}

void world_check(struct world *w)
{
    struct book books[WORLD_MODULES];
    for (unsigned i = 0; i < WORLD_MODULES; i++)
        books[i] = (struct book){.seen = memory_new(w->modules[i].sent / 8 + 16)};
    for (unsigned i = 0; i < PARTITIONS; i++)
        read_partition(w, books, i);
    for (unsigned i = 0; i < WORLD_MODULES; i++) {
        uint64_t lost = 0, first = 0;
        for (uint64_t n = 1; n <= w->modules[i].sent; n++)
            if (is_acked(&w->modules[i], n) && !(books[i].seen[n / 64] >> n % 64 & 1)) {
                first = first ? first : n;
                lost++;
            }
        if (lost)
            buffer_printf(&w->wrong, "m%u: %llu acknowledged and lost, the first is %llu\n", i,
                          (unsigned long long)lost, (unsigned long long)first);
        free(books[i].seen);
    }
}
