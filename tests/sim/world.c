/* The processes: how they start, die and are put away. */
#include "sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "hub/backend.h"

static const char *const hub_names[] = {"hub", NULL};
static const char *const edge_names[] = {"hub", "edge", NULL};

/* Whoever is put away after its end closes nothing and writes nothing more. */
static void disk_loses_process(struct store_disk *d)
{
    sim_disk_power_until(d, 1);
}

static void disk_goes_on(struct store_disk *d, enum world_death how)
{
    if (how == WORLD_POWER_FAILS)
        sim_disk_crash(d);
    else
        sim_disk_power_until(d, 0);
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

static enum status open_edge(struct world *w)
{
    return edge_open(
        &(struct edge_config){
            .loop = w->edge_loop,
            .disk = w->edge_disk,
            .directory = "/edge/log",
            .store_bytes = w->edge_store_bytes,
            .device_id = "edge",
            .key = WORLD_EDGE_KEY,
            .hub_host = "hub",
            .hub_port = WORLD_MQTT_PORT,
            .hosts = edge_names,
        },
        w->identities, w->twins, &w->edge);
}

bool world_start_edge(struct world *w)
{
    w->edge_loop = sim_loop_new(w->sim, "edge");
    w->edge_life++;
    enum status s = edge_identities_open(&(struct edge_identities_config){.loop = w->edge_loop},
                                         &w->identities);
    assert(s == OK);
    know_modules(w);
    s = edge_twins_open(w->edge_loop, w->edge_twins_path, &w->twins);
    assert(s == OK);
    if (open_edge(w) != OK) {
        edge_twins_close(&w->twins);
        edge_identities_close(&w->identities);
        loop_free(&w->edge_loop);
        return false; /* as a program that ends with an error, to be started again */
    }
    w->edge_mqtt = heads_mqtt_new(&w->edge->backend);
    s = listener_open(&(struct listen_config){.loop = w->edge_loop,
                                              .host = "0.0.0.0",
                                              .port = WORLD_MQTT_PORT,
                                              .on_accept = on_edge_mqtt,
                                              .arg = w},
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

void world_kill_edge(struct world *w, enum world_death how)
{
    if (w->edge_loop == NULL)
        return;
    w->count.kills++;
    log_info("fate: edge killed power_fails=%d", how == WORLD_POWER_FAILS);
    sim_loop_kill(w->edge_loop);
    disk_loses_process(w->edge_disk);
    stop_edge(w);
    disk_goes_on(w->edge_disk, how);
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
        enum status s = partition_open(
            &(struct partition_config){
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

static void stop_hub(struct world *w)
{
    if (w->hub_listener)
        listener_close(&w->hub_listener);
    loop_timer_stop(&w->messages_clock.timer);
    for (unsigned i = 0; i < w->hub->partition_count; i++)
        partition_close(&w->hub->partitions[i]);
    for (unsigned i = 0; i < w->hub->loop_count; i++)
        loop_free(&w->hub->loops[i].loop);
    heads_mqtt_free(&w->hub_mqtt);
    for (unsigned i = 0; i < w->hub->loop_count; i++)
        map_clear(&w->hub->loops[i].devices);
    free(w->hub);
    w->hub = NULL;
}

bool world_start_hub(struct world *w)
{
    struct hub *hub = w->hub = MEMORY_NEW(struct hub);
    w->hub_life++;
    hub->name = "hub";
    hub->limits = w->limits;
    hub->aliases = hub_names;
    hub->loop_count = w->hub_loops;
    hub->partition_count = WORLD_PARTITIONS;
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
    enum status s = listener_open(&(struct listen_config){.loop = hub->loops[0].loop,
                                                          .host = "0.0.0.0",
                                                          .port = WORLD_MQTT_PORT,
                                                          .on_accept = on_hub_mqtt,
                                                          .arg = w},
                                  &w->hub_listener);
    assert(s == OK);
    w->messages_clock = (struct c2d_clock){0};
    c2d_clock_start(&w->messages_clock, w->registry, hub->loops[0].loop);
    return true;
}

void world_kill_hub(struct world *w, enum world_death how)
{
    if (w->hub == NULL)
        return;
    w->count.kills++;
    w->hub_life++;
    log_info("fate: hub killed power_fails=%d", how == WORLD_POWER_FAILS);
    for (unsigned i = 0; i < w->hub->loop_count; i++)
        sim_loop_kill(w->hub->loops[i].loop);
    disk_loses_process(w->hub_disk);
    stop_hub(w);
    disk_goes_on(w->hub_disk, how);
}

/* ---- the registry: its SQLite is outside of the simulation, and outlives the hub's process ----
 */

static void on_identity(void *arg, struct iot_id id)
{
    struct world *w = arg;
    if (w->hub)
        hub_backend_identity_changed(w->hub, id);
}

static void on_desired(void *arg, struct iot_id id, struct slice patch, uint64_t version)
{
    struct world *w = arg;
    if (w->hub)
        hub_backend_desired_changed(w->hub, id, patch, version);
}

static void on_message(void *arg, struct iot_id id)
{
    struct world *w = arg;
    if (w->hub)
        hub_backend_message_waits(w->hub, id);
}

static struct loop *owner(void *arg, struct iot_id id)
{
    struct world *w = arg;
    return w->hub ? hub_backend_owner(w->hub, id) : w->service;
}

static void on_made(void *arg, const struct registry_answer *a)
{
    (void)arg;
    assert(a->why == OK);
}

static void make(struct world *w, struct iot_id id, const char *body, const char *if_match)
{
    registry_ask(w->registry, w->service,
                 &(struct registry_ask){.what = &registry_identity_put,
                                        .id = id,
                                        .body = slice_of(body),
                                        .if_match = slice_of(if_match)},
                 on_made, NULL);
}

static void make_identities(struct world *w)
{
    make(w, (struct iot_id){.device = SLICE("edge")},
         "{\"capabilities\":{\"iotEdge\":true},\"authentication\":{\"symmetricKey\":{"
         "\"primaryKey\":\"" WORLD_EDGE_KEY "\"}}}",
         "");
    make(w, (struct iot_id){SLICE("edge"), SLICE("$edgeHub")},
         "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"" WORLD_EDGE_KEY "\"}}}", "*");
    for (unsigned i = 0; i < WORLD_MODULES; i++) {
        char name[16];
        snprintf(name, sizeof(name), "m%u", i);
        make(w, (struct iot_id){SLICE("edge"), slice_of(name)},
             "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"" WORLD_MODULE_KEY "\"}}}",
             "");
    }
    make(w, (struct iot_id){.device = SLICE("robot")},
         "{\"authentication\":{\"symmetricKey\":{\"primaryKey\":\"" WORLD_MODULE_KEY "\"}}}", "");
    while (sim_step(w->sim))
        ;
}

static void open_registry(struct world *w)
{
    w->limits = iot_limits_azure();
    const struct registry_events events = {.on_identity = on_identity,
                                               .on_desired = on_desired,
                                               .on_message = on_message,
                                               .owner = owner,
                                               .arg = w};
    enum status s = registry_open(":memory:", &w->limits, &events, &w->registry);
    assert(s == OK);
    w->policies = iot_policies_random();
    make_identities(w);
}

/* ---- the world ---- */

/* The edge's twins are in a file of their own, and the simulated disk knows logs alone: a real
 * file, in memory where there is such a place. */
static void choose_twins_path(struct world *w)
{
    const char *directory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(w->edge_twins_path, sizeof(w->edge_twins_path), "%s/millrace-sim-%d-twins.json",
             directory, (int)getpid());
    unlink(w->edge_twins_path);
}

static uint64_t choose_store_bytes(struct world *w)
{
    static const uint64_t sizes[] = {300u << 10, 2u << 20, 64u << 20};
    return sizes[sim_below(w->sim, 3)];
}

struct world *world_new(uint64_t seed)
{
    struct world *w = MEMORY_NEW(struct world);
    w->seed = seed;
    w->sim = sim_new(seed);
    w->edge_disk = sim_disk_new(seed * 2 + 1);
    w->hub_disk = sim_disk_new(seed * 2 + 2);
    w->hub_loops = 1 + (unsigned)sim_below(w->sim, 3);
    w->edge_store_bytes = choose_store_bytes(w);
    w->service = sim_loop_new(w->sim, "service");
    choose_twins_path(w);
    open_registry(w);
    world_start_hub(w);
    world_start_edge(w);
    for (unsigned i = 0; i < WORLD_MODULES; i++)
        world_module_start(w, i);
    world_twins_start(w);
    world_methods_start(w);
    world_mail_start(w);
    return w;
}

void world_free(struct world **world)
{
    struct world *w = *world;
    for (unsigned i = 0; i < WORLD_MODULES; i++) {
        world_module_stop(&w->modules[i]);
        world_module_free(&w->modules[i]);
    }
    world_mail_free(w);
    if (w->edge_loop)
        stop_edge(w);
    if (w->hub)
        stop_hub(w);
    loop_timer_stop(&w->desire_next);
    loop_timer_stop(&w->call_next);
    loop_free(&w->service);
    registry_close(&w->registry);
    policies_free(&w->policies);
    sim_free(&w->sim);
    sim_disk_free(&w->edge_disk);
    sim_disk_free(&w->hub_disk);
    unlink(w->edge_twins_path);
    world_calls_free(w);
    buffer_clear(&w->desire);
    buffer_clear(&w->wrong);
    free(w);
    *world = NULL;
}
