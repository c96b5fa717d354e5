#include "edge/child.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/upstream.h"

static struct edge_child *of(struct heads_place *p)
{
    return (struct edge_child *)p;
}

static void came(struct heads_place *p)
{
    of(p)->edge->count.connected++;
}

static void left(struct heads_place *p)
{
    of(p)->edge->count.connected--;
    edge_upstream_unwanted(of(p)->edge->upstream, of(p));
}

static void hold(struct heads_place *p)
{
    edge_child_ref(of(p));
}

static void release(struct heads_place *p)
{
    struct edge_child *c = of(p);
    edge_child_unref(&c);
}

static const struct heads_place_ops place_ops = {came, left, hold, release};

static struct edge_child *make(struct edge *e, struct iot_id id)
{
    struct edge_child *c = MEMORY_NEW(struct edge_child);
    struct buffer key = {0};
    iot_id_print(id, &key);
    c->key = slice_dup(buffer_slice(&key));
    buffer_clear(&key);
    c->id.device = slice_from(c->key, id.device.len);
    c->id.module = id.module.len ? slice_from(c->key + id.device.len + 1, id.module.len) : (struct slice){0};
    c->edge = e;
    c->place = (struct heads_place){.ops = &place_ops, .loop = e->loop, .key = c->key};
    c->stale = true;
    edge_reports_init(&c->reports);
    map_put(&e->children, slice_of(c->key), c);
    return c;
}

struct edge_child *edge_child_find(struct edge *e, struct iot_id id)
{
    struct buffer key = {0};
    iot_id_print(id, &key);
    struct edge_child *c = map_get(&e->children, buffer_slice(&key));
    buffer_clear(&key);
    return c;
}

struct edge_child *edge_child_get(struct edge *e, struct iot_id id)
{
    struct edge_child *c = edge_child_find(e, id);
    return edge_child_ref(c ? c : make(e, id));
}

struct edge_child *edge_child_ref(struct edge_child *c)
{
    c->refs++;
    return c;
}

void edge_child_unref(struct edge_child **child)
{
    struct edge_child *c = *child;
    *child = NULL;
    if (c == NULL || --c->refs)
        return;
    assert(c->place.live == NULL && c->up == NULL && !list_linked(&c->lane.link));
    map_remove(&c->edge->children, slice_of(c->key));
    loop_timer_stop(&c->idle);
    loop_timer_stop(&c->again);
    loop_timer_stop(&c->lane.turn);
    free(c->key);
    free(c);
}
