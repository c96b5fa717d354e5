#include "edge/downstream.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/twins.h"
#include "json/json.h"
#include "json/write.h"

void edge_downstream_method(void *arg, uint64_t rid, struct slice name, struct slice payload)
{
    struct edge_child *c = arg;
    if (c->session && c->subscribed[HEADS_METHODS]) {
        c->session->ops->method(c->session, rid, name, payload);
        return;
    }
    log_warn("method for a module that does not listen device=%s method=%.*s", c->key, SLICE_FMT(name));
    device_client_method_reply(c->up, rid, 404,
                               SLICE("{\"message\":\"the module is not connected to its edge\"}"));
}

void edge_downstream_desired(void *arg, struct slice patch, uint64_t version)
{
    struct edge_child *c = arg;
    edge_twins_desired(c->edge->twins, c->id, patch, version);
    if (c->session && c->subscribed[HEADS_DESIRED] && version > c->desired_version) {
        c->desired_version = version;
        c->session->ops->desired(c->session, patch, version);
    }
}

/* ---- after a connection: pending reports first, then the twin ---- */

static uint64_t desired_version(const struct json *twin, struct buffer *desired)
{
    const struct json *d = json_get(twin, "desired");
    uint64_t version = 0;
    struct json_writer w = json_writer(desired);
    json_put_value(&w, d);
    return json_u64(json_get(d, "$version"), &version) ? version : 0;
}

static void on_twin(void *arg, enum status why, struct slice json)
{
    struct edge_child *c = arg;
    struct json_doc *doc = NULL;
    if (why == OK && json_parse(json, JSON_STRICT, &doc, NULL) == OK) {
        struct buffer desired = {0};
        uint64_t version = desired_version(json_root(doc), &desired);
        edge_twins_set(c->edge->twins, c->id, json);
        /* The first twin a session sees comes with its own get; later ones it is told of here. */
        if (c->session && c->subscribed[HEADS_DESIRED] && c->desired_version &&
            version > c->desired_version)
            c->session->ops->desired(c->session, buffer_slice(&desired), version);
        c->desired_version = version;
        buffer_clear(&desired);
    }
    json_free(&doc);
    edge_child_unref(&c);
}

static void fetch_twin(struct edge_child *c)
{
    device_client_twin_get(c->up, on_twin, edge_child_ref(c));
}

static void on_reported(void *arg, enum status why, uint64_t version)
{
    struct edge_child *c = arg;
    (void)version;
    if (why == OK || why == BAD_FORMAT || why == BAD_ARGUMENT || why == TOO_LARGE)
        edge_twins_flushed(c->edge->twins, c->id);
    if (c->up && why != OFFLINE)
        fetch_twin(c);
    edge_child_unref(&c);
}

void edge_downstream_refresh(struct edge_child *c)
{
    if (!device_client_connected(c->up))
        return;
    struct slice pending = edge_twins_pending(c->edge->twins, c->id);
    if (pending.len)
        device_client_twin_report(c->up, pending, on_reported, edge_child_ref(c));
    else
        fetch_twin(c);
}
