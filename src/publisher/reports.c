#include "publisher/reports.h"

#include <stdlib.h>

#include "base/memory.h"

#define DIAGNOSTICS_TTL_MS 10000 /* longer than the interval */

struct reports {
    struct reports_config config;
    struct diagnostics *diagnostics;
    struct survey last; /* the last one with items */
    struct loop_timer second, interval;
    struct list questions;
    size_t asked;
    bool noting, refreshing, stopped;
    uint64_t refreshed_ms; /* 0: never */
};

/* A question on its way to the OPC UA thread and back. */
struct question {
    struct link link;
    struct reports *reports;
    enum survey_depth depth;
    struct survey survey;
    reports_fn *fn;
    void *arg;
    enum status why;
};

/* ---- asking ---- */

static void on_answered(void *arg)
{
    struct question *q = arg;
    list_remove(&q->link);
    q->reports->asked--;
    q->fn(q->arg, q->why, &q->survey);
    survey_clear(&q->survey);
    free(q);
}

static void answer_ua(void *arg)
{
    struct question *q = arg;
    const struct engine *e = q->reports->config.engine_ua(q->reports->config.arg);
    if (e)
        engine_survey(e, q->depth, &q->survey);
    loop_post(q->reports->config.loop, on_answered, q);
}

void reports_ask(struct reports *r, enum survey_depth depth, reports_fn *fn, void *arg)
{
    struct question *q = MEMORY_NEW(struct question);
    *q = (struct question){.reports = r, .depth = depth, .fn = fn, .arg = arg};
    q->why = r->stopped ? CANCELLED : r->asked >= REPORTS_ASKED_MAX ? BUSY : OK;
    r->asked++;
    list_push(&r->questions, &q->link);
    if (q->why == OK)
        opcua_thread_post(r->config.announcer.thread, answer_ua, q);
    else
        loop_post(r->config.loop, on_answered, q);
}

/* ---- once a second ---- */

static void on_second(void *arg);

static void on_noted(void *arg, enum status why, const struct survey *s)
{
    struct reports *r = arg;
    r->noting = false;
    if (why == OK)
        diagnostics_note(r->diagnostics, s, loop_now_ms(r->config.loop));
}

static void on_second(void *arg)
{
    struct reports *r = arg;
    loop_timer_start(r->config.loop, &r->second, REPORTS_MS, on_second, r);
    if (r->noting)
        return;
    r->noting = true;
    reports_ask(r, SURVEY_COUNTS, on_noted, r);
}

/* ---- every interval ---- */

static void tell(struct reports *r, const struct survey *s)
{
    struct diagnostics_source from = reports_source(r);
    if (r->config.target == REPORTS_TO_LOG) {
        diagnostics_log(r->diagnostics, s, &from);
        return;
    }
    for (size_t i = 0; i < s->group_count; i++) {
        struct buffer json = {0};
        diagnostics_put_event(r->diagnostics, s, i, &from, &json);
        announce_diagnostics(&r->config.announcer, s->groups[i].name, buffer_slice(&json),
                             r->config.interval_ms + DIAGNOSTICS_TTL_MS);
        buffer_clear(&json);
    }
}

static void on_whole(void *arg, enum status why, const struct survey *s)
{
    if (why == OK)
        tell(arg, s);
}

static void on_interval(void *arg)
{
    struct reports *r = arg;
    loop_timer_start(r->config.loop, &r->interval, r->config.interval_ms, on_interval, r);
    reports_ask(r, SURVEY_ITEMS, on_whole, r);
}

/* ---- metrics ---- */

static void on_refreshed(void *arg, enum status why, const struct survey *s)
{
    struct reports *r = arg;
    r->refreshing = false;
    if (why != OK)
        return;
    survey_clear(&r->last);
    r->last = *s;
    *(struct survey *)s = (struct survey){0}; /* its memory has moved */
}

/* A survey goes through all nodes: whoever asks for metrics often gets those of the last second. */
static void refresh(struct reports *r)
{
    uint64_t now = loop_now_ms(r->config.loop);
    if (r->refreshing || r->stopped || (r->refreshed_ms && now - r->refreshed_ms < REPORTS_MS))
        return;
    r->refreshing = true;
    r->refreshed_ms = now;
    reports_ask(r, SURVEY_ITEMS, on_refreshed, r);
}

void reports_put_metrics(struct reports *r, struct buffer *out)
{
    struct diagnostics_source from = reports_source(r);
    diagnostics_put_metrics(r->diagnostics, &r->last, &from, out);
    refresh(r);
}

/* ---- life ---- */

const struct diagnostics *reports_diagnostics(const struct reports *r)
{
    return r->diagnostics;
}

const struct announcer *reports_announcer(const struct reports *r)
{
    return &r->config.announcer;
}

struct diagnostics_source reports_source(const struct reports *r)
{
    const struct announcer *a = &r->config.announcer;
    return (struct diagnostics_source){a->publisher_id, a->site, a->version,
                                       outbox_counts(a->outbox)};
}

struct reports *reports_new(const struct reports_config *config)
{
    struct reports *r = MEMORY_NEW(struct reports);
    r->config = *config;
    list_init(&r->questions);
    r->diagnostics = diagnostics_new();
    loop_timer_start(config->loop, &r->second, REPORTS_MS, on_second, r);
    if (config->interval_ms)
        loop_timer_start(config->loop, &r->interval, config->interval_ms, on_interval, r);
    return r;
}

void reports_stop(struct reports *r)
{
    r->stopped = true;
    loop_timer_stop(&r->second);
    loop_timer_stop(&r->interval);
}

bool reports_idle(const struct reports *r)
{
    return r->asked == 0;
}

void reports_free(struct reports **reports)
{
    struct reports *r = *reports;
    if (!r)
        return;
    reports_stop(r);
    for (struct link *l; (l = list_first(&r->questions));) { /* nobody brings them back */
        struct question *q = LIST_OF(l, struct question, link);
        q->why = CANCELLED;
        on_answered(q);
    }
    diagnostics_free(&r->diagnostics);
    survey_clear(&r->last);
    free(r);
    *reports = NULL;
}
