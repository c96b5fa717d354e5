#include "writers/backfill_priv.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"

#define AHEAD_MAX (24 * 3600 * (UA_DateTime)UA_DATETIME_SEC) /* that values are before the clocks */

/* ---- gaps ---- */

static void enqueue(struct backfill_item *i)
{
    struct backfill *b = i->owner;
    if (list_linked(&i->link))
        return;
    list_push(&b->queue, &i->link);
    b->config.counts->waiting++;
    backfill_pump_later(b, 0);
}

void backfill_dequeue(struct backfill_item *i)
{
    if (!list_linked(&i->link))
        return;
    if (list_first(&i->owner->queue) == &i->link) {
        backfill_drop_continuation(i->owner);
        i->owner->empty = 0;
    }
    list_remove(&i->link);
    i->owner->config.counts->waiting--;
}

void backfill_drop_gap(struct backfill_item *i, size_t at)
{
    memmove(&i->gaps[at], &i->gaps[at + 1], (i->gap_count - at - 1) * sizeof *i->gaps);
    i->tries = 0;
    if (--i->gap_count > 0)
        return;
    free(i->gaps);
    i->gaps = NULL;
    i->open = false;
    backfill_dequeue(i);
    backfill_forget_node(i);
}

void backfill_tell_lost(struct backfill_item *i, UA_DateTime from, UA_DateTime until)
{
    i->owner->config.counts->lost++;
    i->owner->config.events->on_lost(i->arg, from, until);
}

void backfill_resume(struct backfill_item *i, UA_DateTime last)
{
    i->last = last;
    backfill_gap(i, true, 0);
}

UA_DateTime backfill_told(const struct backfill_item *i)
{
    return i->gap_count > 0 ? i->gaps[0].from : i->last;
}

bool backfill_is_readable(const struct backfill_item *i)
{
    return i->gap_count > 0 && i->gaps[0].until != BACKFILL_FOR_EVER;
}

void backfill_gap(struct backfill_item *i, bool anew, UA_DateTime now)
{
    if (i->last == 0 || i->open || i->beyond)
        return; /* nothing was told before, or since */
    i->owner->config.counts->gaps++;
    if (i->gap_count == BACKFILL_GAPS_MAX) {
        i->beyond = i->last;
        return;
    }
    if (!i->gaps)
        i->gaps = memory_new(BACKFILL_GAPS_MAX * sizeof *i->gaps);
    i->gaps[i->gap_count++] = (struct backfill_gap_span){i->last, anew ? BACKFILL_FOR_EVER : now};
    i->open = true;
    if (backfill_is_readable(i))
        enqueue(i);
}

static void close_gap(struct backfill_item *i, UA_DateTime time)
{
    struct backfill_gap_span *g = &i->gaps[i->gap_count - 1];
    i->open = false;
    if (time > g->from && time < g->until)
        g->until = time;
    if (g->until == BACKFILL_FOR_EVER) /* the value of before again: nothing was missed */
        backfill_drop_gap(i, i->gap_count - 1u);
    if (backfill_is_readable(i))
        enqueue(i);
}

/* A clock that stood in the future for a while would leave nothing to be missed afterwards. */
static bool is_ahead(UA_DateTime time, UA_DateTime now)
{
    return time == BACKFILL_FOR_EVER || (now < BACKFILL_FOR_EVER - AHEAD_MAX && time >= now + AHEAD_MAX);
}

static void say_ahead(struct backfill_item *i)
{
    struct backfill *b = i->owner;
    if (!b->said_ahead)
        log_warn("publisher values are more than a day ahead of the server's clock and of ours, nothing that is missed "
                 "around them is read from history node=%.*s url=%.*s",
                 SLICE_FMT(i->node), SLICE_FMT(opcua_session_url(b->session)));
    b->said_ahead = true;
}

void backfill_value(struct backfill_item *i, const UA_DataValue *v, UA_DateTime now)
{
    UA_DateTime time = v->hasSourceTimestamp   ? v->sourceTimestamp
                       : v->hasServerTimestamp ? v->serverTimestamp
                                               : 0;
    if (time != 0 && is_ahead(time, now))
        say_ahead(i);
    if (time == 0 || is_ahead(time, now))
        return;
    if (is_ahead(i->last, now)) /* the server's clock was, and is not any more */
        i->last = time;
    if (i->open)
        close_gap(i, time);
    if (i->beyond && time > i->beyond)
        backfill_tell_lost(i, i->beyond, time);
    i->beyond = 0;
    if (time > i->last)
        i->last = time;
}

/* ---- what the header promised ---- */

static void on_ready(void *arg, bool same)
{
    struct backfill *b = arg;
    if (!same) {
        backfill_page_drop(b);
        backfill_lose_continuation(b);
    }
    LIST_EACH(l, &b->queue)
    {
        struct backfill_item *i = LIST_OF(l, struct backfill_item, link);
        if (!same && !i->lookup) /* the server may be another one */
            backfill_forget_node(i);
    }
    backfill_pump_later(b, 0);
}

struct backfill_item *backfill_item_new(struct backfill *b, struct slice node, struct slice path,
                                        struct slice index_range, void *arg)
{
    struct backfill_item *i = MEMORY_NEW(struct backfill_item);
    i->owner = b;
    i->node = node;
    i->path = path;
    i->index_range = index_range;
    i->arg = arg;
    b->refs++;
    return i;
}

void backfill_item_free(struct backfill_item **item)
{
    struct backfill_item *i = *item;
    if (!i)
        return;
    struct backfill *b = i->owner;
    backfill_page_leave(i);
    backfill_dequeue(i);
    backfill_forget_node(i);
    backfill_calls_leave(i);
    free(i->gaps);
    free(i);
    *item = NULL;
    backfill_unref(&b);
}

struct backfill *backfill_get(struct list *all, struct opcua_session *s,
                              const struct backfill_config *config)
{
    LIST_EACH(l, all)
    {
        struct backfill *b = LIST_OF(l, struct backfill, link);
        if (b->session == s) {
            b->refs++;
            return b;
        }
    }
    struct backfill *b = MEMORY_NEW(struct backfill);
    b->session = s;
    b->loop = opcua_thread_loop(opcua_session_thread(s));
    b->config = *config;
    b->refs = 1;
    list_init(&b->queue);
    list_push(all, &b->link);
    b->listener = (struct opcua_session_listener){.on_ready = on_ready, .arg = b};
    opcua_session_listen(s, &b->listener);
    return b;
}

void backfill_unref(struct backfill **backfill)
{
    struct backfill *b = *backfill;
    *backfill = NULL;
    if (!b || --b->refs > 0)
        return;
    opcua_session_unlisten(&b->listener);
    backfill_calls_end(b);
    list_remove(&b->link);
    UA_ByteString_clear(&b->continuation);
    free(b);
}
