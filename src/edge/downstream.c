#include "edge/downstream.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/twins.h"
#include "json/json.h"

void edge_downstream_method(void *arg, uint64_t rid, struct slice name, struct slice payload)
{
    struct edge_child *c = arg;
    struct heads_session *s = heads_place_listens(&c->place, HEADS_METHODS);
    if (s) {
        s->ops->method(s, rid, name, payload);
        return;
    }
    log_warn("method for a module that does not listen device=%s method=%.*s", c->key,
             SLICE_FMT(name));
    device_client_method_reply(c->up, rid, 404,
                               SLICE("{\"message\":\"the module is not connected to its edge\"}"));
}

/* ---- desired properties ---- */

static void tell(struct edge_child *c, struct slice patch, uint64_t version)
{
    struct heads_session *s = heads_place_listens(&c->place, HEADS_DESIRED);
    if (s)
        s->ops->desired(s, patch, version);
}

/* A patch alone is no use to who missed the one before: then the whole twin is fetched. */
void edge_downstream_desired(void *arg, struct slice patch, uint64_t version)
{
    struct edge_child *c = arg;
    enum status s = edge_twins_desired(c->edge->twins, c->id, patch, version);
    if (s == OK)
        tell(c, patch, version);
    else if (s == CONFLICT)
        edge_downstream_stale(c);
}

static uint64_t version_in(struct slice patch)
{
    struct json_doc *doc = NULL;
    uint64_t version = 0;
    if (json_parse(patch, JSON_STRICT, &doc, NULL) == OK)
        json_u64(json_get(json_root(doc), "$version"), &version);
    json_free(&doc);
    return version;
}

void edge_downstream_learn(struct edge_child *c, struct slice json,
                           const struct heads_session *gets_it)
{
    struct buffer change = {0};
    edge_twins_set(c->edge->twins, c->id, json, &change);
    if (change.len && edge_child_session(c) != gets_it)
        tell(c, buffer_slice(&change), version_in(buffer_slice(&change)));
    buffer_clear(&change);
}

/* ---- after a connection: pending reports first, then the twin ---- */

static void on_twin(void *arg, enum status why, struct slice json)
{
    struct edge_child *c = arg;
    c->fetching = false;
    if (why == OK)
        edge_downstream_learn(c, json, NULL);
    else
        c->stale = true;
    if (why == OK && c->stale)
        edge_downstream_refresh(c);
    else if (c->stale)
        edge_downstream_again(c);
    edge_child_unref(&c);
}

static void fetch_twin(struct edge_child *c)
{
    if (!c->stale || c->fetching)
        return;
    c->stale = false;
    c->fetching = true;
    device_client_twin_get(c->up, on_twin, edge_child_ref(c));
}

void edge_downstream_refresh(struct edge_child *c)
{
    edge_reports_go_on(c);
    if (c->up && device_client_connected(c->up))
        fetch_twin(c);
}

void edge_downstream_stale(struct edge_child *c)
{
    c->stale = true;
    edge_downstream_refresh(c);
}

static void on_again(void *arg)
{
    edge_downstream_refresh(arg);
}

void edge_downstream_again(struct edge_child *c)
{
    if (c->edge->upstream) /* or it is closing */
        loop_timer_start(c->edge->loop, &c->again, EDGE_DOWNSTREAM_AGAIN_MS, on_again, c);
}
