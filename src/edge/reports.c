#include "edge/reports.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/child.h"
#include "edge/downstream.h"
#include "edge/twins.h"

struct report {
    struct link link;
    struct edge_child *child;
    struct heads_attendance *from;
    uint64_t token;
    struct buffer patch;
};

void edge_reports_init(struct edge_reports *r)
{
    list_init(&r->queue);
}

static struct report *first_of(struct edge_child *c)
{
    struct link *l = list_first(&c->reports.queue);
    return l ? LIST_OF(l, struct report, link) : NULL;
}

static void end_report(void *arg, enum status why, uint64_t version)
{
    struct report *r = arg;
    struct edge_child *c = r->child;
    struct heads_session *s = r->from->session;
    if (s)
        s->ops->reported(s, r->token, why, version);
    heads_attendance_unref(&r->from);
    buffer_clear(&r->patch);
    free(r);
    edge_child_unref(&c);
}

/* Into the file, all of them. Not when the edge stops: then nobody is told that they are kept. */
static void keep_all(struct edge_child *c)
{
    for (struct report *r; (r = first_of(c));) {
        list_remove(&r->link);
        if (c->edge->upstream)
            edge_twins_report(c->edge->twins, c->id, buffer_slice(&r->patch), end_report, r);
        else
            end_report(r, CANCELLED, 0);
    }
}

static bool is_refusal(enum status why)
{
    return why == BAD_FORMAT || why == BAD_ARGUMENT || why == TOO_LARGE || why == FORBIDDEN;
}

/* ---- what is pending ---- */

static void on_flushed(void *arg, enum status why, uint64_t version)
{
    struct edge_child *c = arg;
    c->reports.under_way = false;
    if (why == OK || is_refusal(why))
        edge_twins_flushed(c->edge->twins, c->id, version);
    if (is_refusal(why)) {
        log_error(
            "the hub refused for good what was reported while it was away device=%s status=%s",
            c->key, status_name(why));
        edge_downstream_stale(c);
    }
    if (why != OK && !is_refusal(why))
        keep_all(c);
    if (why == OK || is_refusal(why))
        edge_reports_go_on(c);
    else
        edge_downstream_again(c);
    edge_child_unref(&c);
}

/* ---- one report ---- */

static void on_answer(void *arg, enum status why, uint64_t version)
{
    struct edge_child *c = arg;
    struct report *r = first_of(c);
    c->reports.under_way = false;
    if (why == OFFLINE || why == TIMED_OUT || why == CANCELLED) {
        keep_all(c);
        edge_downstream_again(c);
        edge_child_unref(&c);
        return;
    }
    if (why == OK)
        edge_twins_reported(c->edge->twins, c->id, buffer_slice(&r->patch), version);
    list_remove(&r->link);
    end_report(r, why, version);
    edge_reports_go_on(c);
    edge_child_unref(&c);
}

void edge_reports_go_on(struct edge_child *c)
{
    if (c->reports.under_way)
        return;
    if (c->up == NULL || !device_client_connected(c->up)) {
        keep_all(c);
        return;
    }
    struct slice pending = edge_twins_pending(c->edge->twins, c->id);
    struct report *r = first_of(c);
    c->reports.under_way = pending.len || r;
    if (pending.len)
        device_client_twin_report(c->up, pending, on_flushed, edge_child_ref(c));
    else if (r)
        device_client_twin_report(c->up, buffer_slice(&r->patch), on_answer, edge_child_ref(c));
}

void edge_reports_put(struct heads_attendance *from, struct slice patch, uint64_t token)
{
    struct edge_child *c = edge_child_of(from);
    struct report *r = MEMORY_NEW(struct report);
    r->child = edge_child_ref(c);
    r->from = heads_attendance_ref(from);
    r->token = token;
    buffer_put(&r->patch, patch);
    list_push(&c->reports.queue, &r->link);
    edge_reports_go_on(c);
}

bool edge_reports_wait(const struct edge_child *c)
{
    return c->reports.under_way || edge_twins_pending(c->edge->twins, c->id).len;
}
