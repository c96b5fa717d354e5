/* The modules below the edge. Each sends numbers, reports and answers; what it was told is in the
 * books. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "sim/world.h"

#define LARGE_ONE_IN 400 /* messages that fill more than a packet, a block, a window */

struct iot_id world_module_id(const struct world_module *m)
{
    return (struct iot_id){SLICE("edge"), slice_of(m->name)};
}

/* ---- telemetry ---- */

static void on_sent(void *arg, uint64_t token, enum status why)
{
    struct world_module *m = arg;
    if (why != OK)
        return; /* not acknowledged: it may arrive or not */
    if (token <= m->last_acked)
        world_wrong(m->world, "%s: %llu acknowledged after %llu", m->name,
                    (unsigned long long)token, (unsigned long long)m->last_acked);
    m->last_acked = token;
    world_set_add(&m->acked, token);
}

static void put_body(struct world_module *m, uint64_t number, struct buffer *out)
{
    buffer_printf(out, "%s %llu ", m->name, (unsigned long long)number);
    size_t len = sim_below(m->world->sim, LARGE_ONE_IN)
                     ? sim_below(m->world->sim, 100)
                     : sim_below(m->world->sim, WORLD_LARGE_BYTES);
    memset(buffer_reserve(out, len), '.', len);
    buffer_added(out, len);
}

static void send_next(void *arg)
{
    struct world_module *m = arg;
    struct buffer body = {0};
    if (m->world->quiet)
        return;
    put_body(m, m->sent + 1, &body);
    enum status s = device_client_send(
        m->client, &(struct iot_message){.body = buffer_slice(&body)}, m->sent + 1);
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

/* ---- life ---- */

static void on_connected(void *arg)
{
    struct world_module *m = arg;
    m->connected = true;
    world_twin_connected(m);
}

static void on_disconnected(void *arg, enum status why)
{
    struct world_module *m = arg;
    (void)why;
    m->connected = false;
    world_twin_disconnected(m);
}

static void on_method(void *arg, uint64_t rid, struct slice name, struct slice payload)
{
    world_method(arg, rid, name, payload);
}

static void on_desired(void *arg, struct slice patch, uint64_t version)
{
    world_twin_desired(arg, patch, version);
}

static const struct device_client_events events = {
    .on_connected = on_connected,
    .on_disconnected = on_disconnected,
    .on_sent = on_sent,
    .on_room = on_room,
    .on_method = on_method,
    .on_desired = on_desired,
};

void world_module_start(struct world *w, unsigned i)
{
    struct world_module *m = &w->modules[i];
    m->world = w;
    snprintf(m->name, sizeof(m->name), "m%u", i);
    m->loop = sim_loop_new(w->sim, "plant");
    m->interval_ms = 50 + sim_below(w->sim, 200);
    m->last_acked = m->sent;
    m->client = device_client_new(&(struct device_client_config){
        .loop = m->loop,
        .host = "edge",
        .port = WORLD_MQTT_PORT,
        .hub_host = "hub",
        .device_id = "edge",
        .module_id = m->name,
        .key = WORLD_MODULE_KEY,
        .events = &events,
        .arg = m,
    });
    loop_timer_start(m->loop, &m->next, m->interval_ms, send_next, m);
}

void world_module_stop(struct world_module *m)
{
    loop_timer_stop(&m->next);
    device_client_free(&m->client);
    world_twin_stop(m);
    world_method_stop(m);
    loop_free(&m->loop);
    m->connected = false;
}

void world_module_restart(struct world *w, unsigned i)
{
    struct world_module *m = &w->modules[i];
    w->count.kills++;
    log_info("fate: module killed module=%s sent=%llu acknowledged=%llu", m->name,
             (unsigned long long)m->sent, (unsigned long long)m->last_acked);
    sim_loop_kill(m->loop);
    world_module_stop(m);
    world_module_start(w, i);
}

void world_module_free(struct world_module *m)
{
    world_set_clear(&m->acked);
    world_set_clear(&m->called);
}
