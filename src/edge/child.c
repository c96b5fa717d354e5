#include "edge/child.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/upstream.h"

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
    assert(c->session == NULL && c->up == NULL && !list_linked(&c->lane.link));
    map_remove(&c->edge->children, slice_of(c->key));
    loop_timer_stop(&c->expiry);
    loop_timer_stop(&c->idle);
    loop_timer_stop(&c->again);
    loop_timer_stop(&c->lane.turn);
    heads_identity_unref(&c->identity);
    free(c->key);
    free(c);
}

static void on_expiry(void *arg)
{
    struct edge_child *c = arg;
    log_info("token expired device=%s", c->key);
    c->session->ops->close(c->session, UNAUTHORIZED);
}

static void take_over(struct edge_child *c)
{
    struct heads_session *old = c->session;
    c->session = NULL;
    memset(c->subscribed, 0, sizeof(c->subscribed));
    if (old) {
        log_info("replaced by a newer connection device=%s", c->key);
        old->ops->close(old, REPLACED);
        return;
    }
    edge_child_ref(c); /* one reference for whichever session is there */
    c->edge->count.connected++;
}

void edge_child_connect(struct edge_child *c, struct heads_session *s,
                        const struct heads_identity *identity, uint64_t expires_ms)
{
    take_over(c);
    const struct heads_identity *before = c->identity;
    c->identity = heads_identity_ref(identity);
    heads_identity_unref(&before);
    c->session = s;
    if (expires_ms) {
        uint64_t now = loop_wall_ms(c->edge->loop);
        loop_timer_start(c->edge->loop, &c->expiry, expires_ms > now ? expires_ms - now : 0, on_expiry, c);
    }
    edge_upstream_wanted(c->edge->upstream, c);
}

void edge_child_disconnect(struct edge_child *c, struct heads_session *s)
{
    if (c->session != s)
        return;
    c->session = NULL;
    memset(c->subscribed, 0, sizeof(c->subscribed));
    loop_timer_stop(&c->expiry);
    c->edge->count.connected--;
    edge_upstream_unwanted(c->edge->upstream, c);
    edge_child_unref(&c);
}
