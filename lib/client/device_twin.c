/* Twin requests under way, by the number that names them on the wire. */
#include <stdlib.h>

#include "base/memory.h"
#include "client/device_priv.h"

#define TIMEOUT_MS 30000

struct request {
    struct link link; /* in c->twin_requests */
    struct device_client *client;
    struct loop_timer timer;
    uint32_t rid;
    enum status why;                /* when the timer rings */
    device_client_twin_fn *on_twin; /* one of the two */
    device_client_report_fn *on_reported;
    void *arg;
};

static void finish(struct request *r, enum status why, struct slice json, uint64_t version)
{
    struct request done = *r;
    list_remove(&r->link);
    loop_timer_stop(&r->timer);
    done.client->twin_count--;
    free(r);
    if (done.on_twin)
        done.on_twin(done.arg, why, json);
    else
        done.on_reported(done.arg, why, version);
}

static void on_time(void *arg)
{
    struct request *r = arg;
    struct device_client *c = r->client;
    device_enter(c);
    finish(r, r->why, (struct slice){0}, 0);
    device_leave(c);
}

static struct request *request_new(struct device_client *c, void *arg)
{
    struct request *r = MEMORY_NEW(struct request);
    r->client = c;
    r->arg = arg;
    r->rid = ++c->twin_next;
    r->why = !device_way(c)->ops->answers              ? UNSUPPORTED
             : c->state != DEVICE_UP                   ? OFFLINE
             : c->twin_count >= DEVICE_CLIENT_TWIN_MAX ? FULL
                                                       : TIMED_OUT;
    list_push(&c->twin_requests, &r->link);
    c->twin_count++;
    uint64_t timeout_ms = c->config.twin_timeout_ms ? c->config.twin_timeout_ms : TIMEOUT_MS;
    loop_timer_start(c->config.loop, &r->timer, r->why == TIMED_OUT ? timeout_ms : 0, on_time, r);
    return r;
}

void device_client_twin_get(struct device_client *c, device_client_twin_fn *fn, void *arg)
{
    struct request *r = request_new(c, arg);
    r->on_twin = fn;
    if (r->why == TIMED_OUT)
        device_way(c)->ops->twin_get(c, r->rid);
}

void device_client_twin_report(struct device_client *c, struct slice patch,
                               device_client_report_fn *fn, void *arg)
{
    struct request *r = request_new(c, arg);
    r->on_reported = fn;
    if (r->why == TIMED_OUT)
        device_way(c)->ops->twin_report(c, r->rid, patch);
}

static struct request *find(struct device_client *c, uint64_t rid)
{
    LIST_EACH(l, &c->twin_requests)
    {
        struct request *r = LIST_OF(l, struct request, link);
        if (r->rid == rid && r->why == TIMED_OUT)
            return r;
    }
    return NULL;
}

uint64_t device_twin_rid(struct slice text)
{
    char *end, copy[9] = "";
    if (text.len == 0 || text.len > 8)
        return 0;
    memcpy(copy, text.at, text.len);
    uint64_t v = strtoull(copy, &end, 16);
    return *end ? 0 : v;
}

void device_twin_answered(struct device_client *c, uint64_t rid, enum status why,
                          struct slice json, uint64_t version)
{
    struct request *r = find(c, rid);
    if (r)
        finish(r, why, json, version);
}

void device_twin_fail(struct device_client *c, enum status why)
{
    /* Those that are asked meanwhile are not among them. */
    struct list lost;
    struct link *l;
    list_init(&lost);
    while ((l = list_pop(&c->twin_requests)))
        list_push(&lost, l);
    while ((l = list_first(&lost)))
        finish(LIST_OF(l, struct request, link), why, (struct slice){0}, 0);
}
