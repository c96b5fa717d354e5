#include "hub/partition.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "hub/device.h"
#include "store/waiters.h"

struct hub_partition {
    struct store_log *log;
    struct loop *loop;
    unsigned index;
    struct store_waiters waiters; /* each holds a reference to a hub_device */
    struct hub_device **full; /* who was told FULL: resumed when there is room */
    size_t full_count, full_cap;
    struct hub_partition_watch *watches;
    struct buffer record; /* reused for encoding */
};

/* Answers all that wait for records up to `sequence`. */
static void answer(struct hub_partition *p, uint64_t sequence, enum status why)
{
    struct store_waiter w;
    while (store_waiters_take(&p->waiters, sequence, &w)) {
        struct hub_device *d = w.who;
        hub_device_accepted(d, w.token, why);
        hub_device_unref(&d);
    }
}

static void on_durable(void *arg, uint64_t sequence)
{
    struct hub_partition *p = arg;
    answer(p, sequence, OK);
    for (struct hub_partition_watch *w = p->watches, *next; w; w = next) {
        next = w->next;
        w->fn(w->arg);
    }
}

static void on_failed(void *arg, uint64_t first, uint64_t last, enum status why)
{
    struct hub_partition *p = arg;
    log_error("records could not be stored partition=%u first=%llu last=%llu status=%s", p->index,
              (unsigned long long)first, (unsigned long long)last, status_name(why));
    answer(p, first - 1, OK);
    answer(p, last, why);
}

static void on_room(void *arg)
{
    struct hub_partition *p = arg;
    struct hub_device **full = p->full;
    size_t count = p->full_count;
    p->full = NULL;
    p->full_count = p->full_cap = 0;
    for (size_t i = 0; i < count; i++) {
        hub_device_resume(full[i]);
        hub_device_unref(&full[i]);
    }
    free(full);
}

enum status hub_partition_open(const struct hub_partition_config *config, struct hub_partition **out)
{
    struct hub_partition *p = MEMORY_NEW(struct hub_partition);
    p->loop = config->loop;
    p->index = config->index;
    enum status s = store_log_open(
        &(struct store_log_config){
            .loop = config->loop,
            .disk = config->disk,
            .directory = config->directory,
            .durability = config->durability,
            .segment_bytes = config->segment_bytes,
            .retain_bytes = config->retain_bytes,
            .retain_ms = config->retain_ms,
            .on_durable = on_durable,
            .on_failed = on_failed,
            .on_room = on_room,
            .arg = p,
        },
        &p->log);
    if (s != OK) {
        free(p);
        return s;
    }
    *out = p;
    return OK;
}

static void forget(struct hub_partition *p)
{
    struct store_waiter w;
    while (store_waiters_take(&p->waiters, UINT64_MAX, &w))
        hub_device_unref((struct hub_device **)&w.who);
    for (size_t i = 0; i < p->full_count; i++)
        hub_device_unref(&p->full[i]);
}

void hub_partition_close(struct hub_partition **partition)
{
    struct hub_partition *p = *partition;
    if (p == NULL)
        return;
    store_log_close(&p->log);
    forget(p);
    store_waiters_clear(&p->waiters);
    free(p->full);
    buffer_clear(&p->record);
    free(p);
    *partition = NULL;
}

static enum status append(struct hub_partition *p, const struct iot_event *e, uint64_t *sequence)
{
    buffer_reset(&p->record);
    iot_event_encode(e, &p->record);
    return store_log_append(p->log, buffer_slice(&p->record), e->enqueued_ms, sequence);
}

static void remember_full(struct hub_partition *p, struct hub_device *d)
{
    if (p->full_count == p->full_cap) {
        p->full_cap = p->full_cap ? p->full_cap * 2 : 16;
        p->full = memory_resize(p->full, p->full_cap * sizeof(*p->full));
    }
    p->full[p->full_count++] = hub_device_ref(d);
}

enum status hub_partition_send(struct hub_partition *p, const struct iot_event *e,
                               struct hub_device *from, uint64_t token)
{
    uint64_t sequence;
    enum status s = append(p, e, &sequence);
    if (s == OK)
        store_waiters_add(&p->waiters, sequence, hub_device_ref(from), token);
    else if (s == FULL)
        remember_full(p, from);
    return s;
}

enum status hub_partition_append(struct hub_partition *p, const struct iot_event *e)
{
    uint64_t sequence;
    return append(p, e, &sequence);
}

struct store_log *hub_partition_log(struct hub_partition *p)
{
    return p->log;
}

struct loop *hub_partition_loop(struct hub_partition *p)
{
    return p->loop;
}

void hub_partition_watch(struct hub_partition *p, struct hub_partition_watch *w)
{
    w->next = p->watches;
    p->watches = w;
}

void hub_partition_unwatch(struct hub_partition *p, struct hub_partition_watch *w)
{
    for (struct hub_partition_watch **at = &p->watches; *at; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            return;
        }
    }
}
