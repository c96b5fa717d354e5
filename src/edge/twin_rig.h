/*
 * What the tests of a twin's ways share: an edge with one child that has a session, and a
 * connection to a hub that the test plays. It takes the place of client/device.c.
 */
#pragma once

#include <stdlib.h>

#include "base/cmocka.h"
#include "base/memory.h"
#include "edge/child.h"
#include "edge/identities.h"
#include "edge/twins.h"
#include "edge/upstream.h"
#include "heads/backend.h"
#include "io/sim.h"
#include "store/sim_disk.h"

#define RIG_ASKED_MAX 16

struct device_client {
    struct device_client_config config;
    bool connected;
    struct asked {
        struct buffer patch; /* empty: the twin is asked for */
        device_client_report_fn *on_reported;
        device_client_twin_fn *on_twin;
        void *arg;
    } asked[RIG_ASKED_MAX];
    size_t count;
};

static struct device_client *hub; /* the child's connection; NULL when it has none */

struct device_client *device_client_new(const struct device_client_config *config)
{
    hub = MEMORY_NEW(struct device_client);
    hub->config = *config;
    return hub;
}

/* The hub answers the first question, or the connection does. */
static inline void hub_answers(enum status why, uint64_t version, const char *json)
{
    assert_true(hub->count > 0);
    struct asked a = hub->asked[0];
    memmove(hub->asked, hub->asked + 1, --hub->count * sizeof(a));
    if (a.on_reported)
        a.on_reported(a.arg, why, version);
    else
        a.on_twin(a.arg, why, slice_of(json));
    buffer_clear(&a.patch);
}

void device_client_free(struct device_client **client)
{
    struct device_client *c = *client;
    *client = NULL;
    while (c->count)
        hub_answers(CANCELLED, 0, "");
    free(c);
    hub = NULL;
}

bool device_client_connected(const struct device_client *c)
{
    return c->connected;
}

static inline struct asked *hub_is_asked(void *arg, struct slice patch)
{
    assert_true(hub->count < RIG_ASKED_MAX);
    struct asked *a = &hub->asked[hub->count++];
    *a = (struct asked){.arg = arg};
    buffer_put(&a->patch, patch);
    return a;
}

void device_client_twin_get(struct device_client *c, device_client_twin_fn *fn, void *arg)
{
    (void)c;
    hub_is_asked(arg, (struct slice){0})->on_twin = fn;
}

void device_client_twin_report(struct device_client *c, struct slice patch,
                               device_client_report_fn *fn, void *arg)
{
    (void)c;
    hub_is_asked(arg, patch)->on_reported = fn;
}

enum status device_client_send(struct device_client *c, const struct iot_message *m, uint64_t token)
{
    (void)c, (void)m, (void)token;
    return FULL;
}

void device_client_recall(struct device_client *c)
{
    (void)c;
}

void device_client_method_reply(struct device_client *c, uint64_t rid, int status,
                                struct slice payload)
{
    (void)c, (void)rid, (void)status, (void)payload;
}

static inline void hub_connects(void)
{
    hub->connected = true;
    hub->config.events->on_connected(hub->config.arg);
}

/* All that it was asked is answered by that. */
static inline void hub_goes(void)
{
    hub->connected = false;
    for (size_t n = hub->count; n; n--)
        hub_answers(OFFLINE, 0, "");
    hub->config.events->on_disconnected(hub->config.arg, IO_FAILED);
}

/* A report, or the twin when it is NULL, is the n-th question that waits. */
static inline void hub_was_asked(size_t n, const char *patch)
{
    assert_true(n < hub->count);
    assert_string_equal(buffer_cstr(&hub->asked[n].patch), patch ? patch : "");
}

/* ---- the child's session ---- */

struct rig {
    struct heads_session session; /* first */
    struct sim *sim;
    struct store_disk *disk;
    struct edge_identities *identities;
    struct edge_twins *twins;
    struct edge *edge;
    struct edge_child *child;
    struct heads_attendance *here; /* NULL: it has left */
    const struct heads_identity *identity;
    struct buffer told; /* what the session was told, a line each */
};

static inline void rig_reported(struct heads_session *s, uint64_t token, enum status why,
                                uint64_t version)
{
    buffer_printf(&((struct rig *)s)->told, "%llu %s %llu\n", (unsigned long long)token,
                  status_name(why), (unsigned long long)version);
}

static inline void rig_desired(struct heads_session *s, struct slice patch, uint64_t version)
{
    buffer_printf(&((struct rig *)s)->told, "%llu %.*s\n", (unsigned long long)version,
                  SLICE_FMT(patch));
}

static inline void rig_twin(struct heads_session *s, uint64_t token, enum status why,
                            struct slice json)
{
    buffer_printf(&((struct rig *)s)->told, "%llu %s %.*s\n", (unsigned long long)token,
                  status_name(why), SLICE_FMT(json));
}

static const struct heads_session_ops rig_ops = {
    .reported = rig_reported, .desired = rig_desired, .twin = rig_twin};

static inline void rig_pass(struct rig *r, uint64_t ms)
{
    sim_run(r->sim, sim_now_ms(r->sim) + ms);
}

static inline void rig_open(struct rig *r, struct loop *loop)
{
    assert_int_equal(
        edge_identities_open(&(struct edge_identities_config){.loop = loop}, &r->identities), OK);
    assert_int_equal(edge_twins_open(loop, NULL, &r->twins), OK);
    assert_int_equal(edge_open(&(struct edge_config){.loop = loop,
                                                     .disk = r->disk,
                                                     .directory = "/log",
                                                     .device_id = "edge",
                                                     .key = "a2V5",
                                                     .hub_host = "hub",
                                                     .hub_port = 8883},
                               r->identities, r->twins, &r->edge),
                     OK);
}

static inline int rig_setup(void **state)
{
    struct rig *r = test_calloc(1, sizeof(*r));
    r->sim = sim_new(1);
    r->disk = sim_disk_new(1);
    struct loop *loop = sim_loop_new(r->sim, "edge");
    r->session = (struct heads_session){.ops = &rig_ops, .loop = loop};
    rig_open(r, loop);
    struct iot_id id = {SLICE("edge"), SLICE("m")};
    r->identity = heads_identity_new(&(struct heads_identity){.id = id, .enabled = true});
    r->child = edge_child_get(r->edge, id);
    r->here = heads_attendance_begin(&r->child->place, &r->session, r->identity, "", 0);
    heads_attendance_subscribe(r->here, HEADS_DESIRED, true);
    edge_upstream_wanted(r->edge->upstream, r->child);
    *state = r;
    return 0;
}

static inline void rig_leave(struct rig *r)
{
    if (r->here)
        heads_attendance_end(r->here);
    r->here = NULL;
}

static inline int rig_teardown(void **state)
{
    struct rig *r = *state;
    rig_leave(r);
    edge_child_unref(&r->child);
    edge_close(&r->edge);
    edge_twins_close(&r->twins);
    edge_identities_close(&r->identities);
    heads_identity_unref(&r->identity);
    sim_free(&r->sim);
    sim_disk_free(&r->disk);
    buffer_clear(&r->told);
    test_free(r);
    return 0;
}

/* What was told since the last time. */
static inline void rig_was_told(struct rig *r, const char *lines)
{
    assert_string_equal(buffer_cstr(&r->told), lines);
    buffer_reset(&r->told);
}

/* A connection whose first question is answered: desired and reported are of version 1. */
static inline void rig_connect(struct rig *r)
{
    hub_connects();
    hub_was_asked(0, NULL);
    hub_answers(OK, 0, "{\"desired\":{\"a\":1,\"$version\":1},\"reported\":{\"$version\":1}}");
    rig_was_told(r, "");
}
