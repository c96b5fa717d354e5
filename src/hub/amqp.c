#include "hub/amqp.h"

#include <assert.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "crypto/digest.h"
#include "dps/amqp.h"
#include "events/events.h"
#include "heads/amqp_device.h"
#include "hub/service_links.h"
#include "token/sas.h"

#define KINDS_MAX 32
#define NODES_MAX 4

struct hub_amqp {
    const struct hub *hub;
    struct heads_amqp_devices *devices;
    struct heads_amqp_config config;
    struct heads_amqp_kind kinds[KINDS_MAX];
    struct heads_amqp_node nodes[NODES_MAX];
    uint64_t connections; /* relaxed atomic */
    struct dps_amqp *dps; /* NULL: no provisioning here */
};

/* ---- tokens of policies ---- */

/* Event Hubs' SDKs take a key's text for the key, IoT Hub's what the text stands for. */
static bool made_with(const struct sas *t, struct slice key)
{
    if (key.len == 0)
        return false;
    if (sas_verify(t, key) == OK)
        return true;
    struct buffer text = {0};
    base64_encode(key, &text);
    bool yes = sas_verify(t, buffer_slice(&text)) == OK;
    buffer_clear(&text);
    return yes;
}

static enum status check_sas(const struct hub_amqp *a, struct slice token, struct slice path,
                             uint64_t now_ms, struct sas *t)
{
    struct buffer absolute = {0};
    if (sas_parse(token, t) != OK || t->policy.len == 0)
        return UNAUTHORIZED;
    if (!made_with(t, policies_key(a->hub->policies, t->policy, false)) &&
        !made_with(t, policies_key(a->hub->policies, t->policy, true)))
        return UNAUTHORIZED;
    buffer_text(&absolute, path.len ? "/" : "");
    buffer_put(&absolute, path);
    bool good = !sas_expired(t, now_ms) && sas_covers(t, a->hub->aliases, buffer_slice(&absolute));
    buffer_clear(&absolute);
    return good ? OK : UNAUTHORIZED;
}

/* The policy of "service@sas.root.hub", which is how IoT Hub's C service SDK names it. */
static struct slice policy_of(struct slice user)
{
    return slice_first(user, slice_find(user, '@'));
}

static bool is_key(const struct hub_amqp *a, struct slice policy, struct slice secret)
{
    struct slice primary = policies_key(a->hub->policies, policy, false);
    struct slice secondary = policies_key(a->hub->policies, policy, true);
    return (primary.len && crypto_equal(primary, secret)) ||
           (secondary.len && crypto_equal(secondary, secret));
}

/* A SAS that names no policy, or SASL PLAIN for "d@sas.hub": not for "policy@sas.root.hub". */
static bool is_of_device(const struct heads_amqp_token *token)
{
    struct sas t;
    if (token->type == HEADS_AMQP_PLAIN)
        return slice_find_slice(token->user, SLICE("@sas.")) < token->user.len &&
               slice_find_slice(token->user, SLICE("@sas.root.")) == token->user.len;
    return sas_parse(token->token, &t) == OK && t.policy.len == 0;
}

/* Tokens of policies, as SAS over $cbs or in SASL PLAIN, or SASL PLAIN with the policy's name and
 * key. A grant's rights are enum iot_permission. */
static void verify(void *arg, struct heads_amqp_check *check, const struct heads_amqp_token *token)
{
    const struct hub_amqp *a = arg;
    struct arena arena = {0};
    struct sas t = {0};
    struct heads_amqp_grant grant = {.path = token->path, .expires_ms = UINT64_MAX};
    enum status s;
    uint64_t now_ms = heads_amqp_check_wall_ms(check);
    if (a->dps && dps_amqp_claims(token)) {
        dps_amqp_verify(a->dps, check, token);
        return;
    }
    if (is_of_device(token)) {
        heads_amqp_device_verify(a->devices, check, token);
        return;
    }
    if (token->type == HEADS_AMQP_PLAIN && is_key(a, policy_of(token->user), token->token)) {
        grant.rights = policies_rights(a->hub->policies, policy_of(token->user));
        s = OK;
    } else {
        if (token->type == HEADS_AMQP_PLAIN && sas_parse(token->token, &t) == OK)
            grant.path = heads_amqp_audience_path(&arena, t.resource);
        s = check_sas(a, token->token, grant.path, now_ms, &t);
        grant.expires_ms = sas_until_ms(&t, now_ms);
        grant.rights = policies_rights(a->hub->policies, t.policy);
        grant.token = token->token;
    }
    heads_amqp_checked(check, s, &grant);
    arena_clear(&arena);
}

/* ---- what is served ---- */

static void serve(struct hub_amqp *a, const struct heads_amqp_kind *kinds, size_t count, void *arg)
{
    assert(a->config.kind_count + count <= KINDS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct heads_amqp_kind *k = &a->kinds[a->config.kind_count++];
        *k = kinds[i];
        k->arg = arg;
    }
}

static void serve_node(struct hub_amqp *a, const struct heads_amqp_node *node, void *arg)
{
    assert(a->config.node_count < NODES_MAX);
    struct heads_amqp_node *n = &a->nodes[a->config.node_count++];
    *n = *node;
    n->arg = arg;
}

/* A part that is served over AMQP is a line here; its header says what and for whom. */
static void serve_all(struct hub_amqp *a, struct events *events)
{
    serve(a, events_reader_kinds, EVENTS_READER_KINDS, events);
    serve(a, events_sender_kinds, EVENTS_SENDER_KINDS, events);
    serve_node(a, &events_node, events);
    if (a->hub->service)
        serve(a, hub_service_kinds, hub_service_kinds_count, a->hub->service);
    serve(a, heads_amqp_device_kinds, HEADS_AMQP_DEVICE_KINDS, a->devices);
    if (a->dps)
        serve(a, dps_amqp_kinds, DPS_AMQP_KINDS, a->dps);
}

/* ---- connections ---- */

static void on_gone(void *arg, struct heads_amqp *h)
{
    struct hub_amqp *a = arg;
    (void)h;
    __atomic_fetch_sub(&a->connections, 1, __ATOMIC_RELAXED);
}

struct hub_amqp *hub_amqp_new(struct hub *hub, struct events *events)
{
    struct hub_amqp *a = MEMORY_NEW(struct hub_amqp);
    a->hub = hub;
    a->devices = heads_amqp_devices_new(&hub->backend);
    a->dps = hub->dps ? dps_amqp_new(hub->dps) : NULL;
    a->config = (struct heads_amqp_config){.container_id = hub->name,
                                           .kinds = a->kinds,
                                           .nodes = a->nodes,
                                           .verify = verify,
                                           .on_gone = on_gone,
                                           .arg = a};
    serve_all(a, events);
    return a;
}

void hub_amqp_accept(struct hub_amqp *a, struct stream *s)
{
    __atomic_fetch_add(&a->connections, 1, __ATOMIC_RELAXED);
    heads_amqp_new(s, &a->config);
}

uint64_t hub_amqp_connections(const struct hub_amqp *a)
{
    return __atomic_load_n(&a->connections, __ATOMIC_RELAXED);
}

void hub_amqp_free(struct hub_amqp **a)
{
    heads_amqp_devices_free(&(*a)->devices);
    dps_amqp_free(&(*a)->dps);
    free(*a);
    *a = NULL;
}
