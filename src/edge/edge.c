#include "edge/edge.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/backend.h"
#include "edge/child.h"
#include "edge/twins.h"
#include "edge/upstream.h"

static void accept_up_to(struct edge *e, uint64_t sequence, enum status why)
{
    struct store_waiter w;
    while (store_waiters_take(&e->waiters, sequence, &w)) {
        struct heads_attendance *from = w.who;
        heads_attendance_accepted(from, w.token, why);
        heads_attendance_unref(&from);
    }
}

static void on_durable(void *arg, uint64_t sequence)
{
    struct edge *e = arg;
    accept_up_to(e, sequence, OK);
    if (e->upstream)
        edge_upstream_durable(e->upstream);
}

static void on_failed(void *arg, uint64_t first, uint64_t last, enum status why)
{
    struct edge *e = arg;
    log_error("messages could not be stored first=%llu last=%llu status=%s: their senders are told, nothing is "
              "acknowledged; look at the disk",
              (unsigned long long)first, (unsigned long long)last, status_name(why));
    accept_up_to(e, first - 1, OK);
    accept_up_to(e, last, why);
}

static void on_room(void *arg)
{
    struct edge *e = arg;
    size_t at = 0;
    for (struct map_entry *entry; (entry = map_next(&e->children, &at));) {
        struct edge_child *c = entry->value;
        if (c->full && c->place.live) {
            c->full = false;
            heads_attendance_resume(c->place.live);
        }
    }
}

enum status edge_open(const struct edge_config *config, struct edge_identities *identities,
                      struct edge_twins *twins, struct edge **out)
{
    struct edge *e = MEMORY_NEW(struct edge);
    e->backend.ops = &edge_backend_ops;
    e->config = *config;
    e->loop = config->loop;
    e->identities = identities;
    e->twins = twins;
    list_init(&e->sign_ins);
    enum status s = store_log_open(
        &(struct store_log_config){
            .loop = config->loop,
            .disk = config->disk,
            .directory = config->directory,
            .durability = config->durability,
            .retain_bytes = config->store_bytes,
            .retain_unread = true,
            .on_durable = on_durable,
            .on_failed = on_failed,
            .on_room = on_room,
            .arg = e,
        },
        &e->log);
    if (s != OK) {
        free(e);
        return s;
    }
    e->upstream = edge_upstream_new(e);
    edge_upstream_durable(e->upstream);
    *out = e;
    return OK;
}

void edge_close(struct edge **edge)
{
    struct edge *e = *edge;
    if (e == NULL)
        return;
    edge_upstream_free(&e->upstream);
    edge_twins_cancel(e->twins); /* whoever waits for it is a child of this edge */
    store_log_close(&e->log);
    struct store_waiter w;
    while (store_waiters_take(&e->waiters, UINT64_MAX, &w))
        heads_attendance_unref((struct heads_attendance **)&w.who);
    store_waiters_clear(&e->waiters);
    buffer_clear(&e->record);
    map_clear(&e->children);
    free(e);
    *edge = NULL;
}
