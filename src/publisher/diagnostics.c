#include "publisher/diagnostics.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "publisher/diagnostics_figures.h"
#include "json/write.h"

#define IOT_CHUNK 4096.0 /* of a message, as IoT Hub charges them */
#define DAY_S 86400.0

/* What a group counted, second by second. */
struct history {
    struct link link;
    struct buffer key;
    struct survey_counts at[DIAGNOSTICS_SECONDS + 1]; /* a ring */
    uint64_t ms[DIAGNOSTICS_SECONDS + 1];
    size_t count, next;
    bool seen;
};

struct diagnostics {
    struct list groups;
};

struct diagnostics *diagnostics_new(void)
{
    struct diagnostics *d = MEMORY_NEW(struct diagnostics);
    list_init(&d->groups);
    return d;
}

static void history_free(struct history *h)
{
    list_remove(&h->link);
    buffer_clear(&h->key);
    free(h);
}

void diagnostics_free(struct diagnostics **d)
{
    if (*d == NULL)
        return;
    LIST_EACH(l, &(*d)->groups)
    history_free(LIST_OF(l, struct history, link));
    free(*d);
    *d = NULL;
}

/* ---- noting ---- */

static struct history *find(const struct diagnostics *d, struct slice key)
{
    LIST_EACH(l, &d->groups)
    {
        struct history *h = LIST_OF(l, struct history, link);
        if (slice_eq(buffer_slice(&h->key), key))
            return h;
    }
    return NULL;
}

static struct history *find_or_make(struct diagnostics *d, struct slice key)
{
    struct history *h = find(d, key);
    if (h == NULL) {
        h = MEMORY_NEW(struct history);
        buffer_put(&h->key, key);
        list_push(&d->groups, &h->link);
    }
    return h;
}

void diagnostics_note(struct diagnostics *d, const struct survey *s, uint64_t now_ms)
{
    const size_t ring = DIAGNOSTICS_SECONDS + 1;
    for (size_t i = 0; i < s->group_count; i++) {
        struct history *h = find_or_make(d, s->groups[i].key);
        h->at[h->next] = s->groups[i].counts;
        h->ms[h->next] = now_ms;
        h->next = (h->next + 1) % ring;
        h->count = h->count < ring ? h->count + 1 : ring;
        h->seen = true;
    }
    LIST_EACH(l, &d->groups)
    {
        struct history *h = LIST_OF(l, struct history, link);
        if (!h->seen)
            history_free(h);
        else
            h->seen = false;
    }
}

/* ---- figures ---- */

/* What was counted between the oldest note of the last minute and the newest. */
static void last_minute(const struct history *h, struct survey_counts *delta, double *seconds)
{
    const size_t ring = DIAGNOSTICS_SECONDS + 1;
    *delta = (struct survey_counts){0};
    *seconds = 0;
    if (h == NULL || h->count < 2)
        return;
    size_t newest = (h->next + ring - 1) % ring, oldest = (h->next + ring - h->count) % ring;
    const uint64_t *a = (const uint64_t *)&h->at[oldest], *b = (const uint64_t *)&h->at[newest];
    uint64_t *out = (uint64_t *)delta;
    for (size_t i = 0; i < sizeof *delta / sizeof *out; i++)
        out[i] = b[i] - a[i];
    *seconds = (double)(h->ms[newest] - h->ms[oldest]) / 1000.0;
}

/* Writers of one group share them. */
static void count_sessions(const struct survey_group *g, struct figures *f)
{
    struct map seen = {0};
    for (size_t i = 0; i < g->writer_count; i++) {
        const struct survey_writer *w = &g->writers[i];
        struct slice key = slice_from(&w->session, sizeof w->session);
        if (!w->session || map_get(&seen, key))
            continue;
        map_put(&seen, key, (void *)(uintptr_t)w);
        f->sessions++;
        f->reconnecting += !w->connected;
        f->retries += w->retries;
    }
    map_clear(&seen);
}

static void count_writers(const struct survey_group *g, struct figures *f)
{
    f->late = g->late;
    count_sessions(g, f);
    for (size_t i = 0; i < g->writer_count; i++) {
        const struct survey_writer *w = &g->writers[i];
        f->items += w->items;
        f->live += w->live;
        f->failed += w->failed;
        f->heartbeat_items += w->heartbeats;
        f->event_items += w->event_items;
        f->connected += w->connected;
        f->disconnected += !w->connected;
    }
}

static double per(double n, double by)
{
    return by > 0 ? n / by : 0;
}

struct figures figures_of(const struct diagnostics *d, const struct survey *s, size_t i)
{
    const struct survey_group *g = &s->groups[i];
    struct figures f = {.counts = g->counts, .writers = g->writer_count};
    f.ingestion_ms = s->wall_ms > g->began_ms ? s->wall_ms - g->began_ms : 0;
    last_minute(find(d, g->key), &f.minute, &f.minute_seconds);
    count_writers(g, &f);
    f.notifications = g->counts.data_sets ? g->counts.data_sets : g->counts.values;
    f.messages_per_second = per((double)f.minute.messages, f.minute_seconds);
    f.bytes_per_message = per((double)g->counts.bytes, (double)g->counts.messages);
    f.notifications_per_message = per((double)f.notifications, (double)g->counts.messages);
    f.chunks_per_message = f.bytes_per_message / IOT_CHUNK;
    f.chunks_per_day =
        f.messages_per_second * DAY_S * (f.chunks_per_message < 1 ? 1 : f.chunks_per_message);
    return f;
}

uint64_t diagnostics_given_up(const struct outbox_counts *q)
{
    uint64_t n = q->lanes.lost;
    for (size_t i = 0; i < GAP_REASON_COUNT; i++)
        n += q->lanes.dropped[i];
    return n;
}

/* ---- the log ---- */

void diagnostics_log(const struct diagnostics *d, const struct survey *s,
                     const struct diagnostics_source *from)
{
    for (size_t i = 0; i < s->group_count; i++) {
        struct figures f = figures_of(d, s, i);
        log_info(
            "publisher diagnostics group=\"%.*s\" running_s=%llu nodes=%zu live=%zu failed=%zu "
            "writers_connected=%zu writers_disconnected=%zu "
            "values=%llu values_last_minute=%llu events=%llu heartbeats=%llu messages=%llu "
            "messages_per_s=%.2f bytes_per_message=%.0f too_large=%llu waiting=%llu",
            SLICE_FMT(s->groups[i].name), (unsigned long long)(f.ingestion_ms / 1000), f.items,
            f.live, f.failed, f.connected, f.disconnected, (unsigned long long)f.counts.values,
            (unsigned long long)f.minute.values, (unsigned long long)f.counts.events,
            (unsigned long long)f.counts.heartbeats, (unsigned long long)f.counts.messages,
            f.messages_per_second, f.bytes_per_message, (unsigned long long)f.counts.too_large,
            (unsigned long long)from->queue.waiting);
    }
}
