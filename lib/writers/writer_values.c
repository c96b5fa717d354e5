#include "writers/writer_priv.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "writers/event_writer.h"
#include "writers/late.h"

static struct item *item_at(struct source *s, uint32_t index)
{
    return (struct item *)source_item_at(s, index);
}

/* ---- values ---- */

static bool keeps_last(const struct writer *w)
{
    return w->key_frame_count > 0 || w->keep_alive_key_frames;
}

static void keep_last(struct item_more *m, const UA_DataValue *v)
{
    if (!m->last)
        m->last = UA_DataValue_new();
    UA_DataValue_clear(m->last);
    UA_DataValue_copy(v, m->last);
}

/* Part 4, 7.22.1: only with the data value's type of information. */
static bool has_overflow(UA_StatusCode status)
{
    const UA_StatusCode bits =
        UA_STATUSCODE_INFOTYPE_DATAVALUE | UA_STATUSCODE_INFOBITS_OVERFLOW;
    return (status & bits) == bits;
}

/* False for the first value when it is to be skipped, and when only heartbeats are wanted. */
static bool is_sent(struct writer *w, struct item *i, const UA_DataValue *v)
{
    bool first = !i->seen;
    i->seen = true;
    if (v->hasStatus)
        w->config.counts->overflows += has_overflow(v->status);
    i->heard_ms = w->now_ms;
    if (item_backfill(i))
        backfill_value(i->more->backfill, v, w->clock);
    if (item_heartbeat(i) && !heartbeat_value(i->more->heartbeat, v))
        return false;
    if (first && i->skip_first)
        return false;
    if (keeps_last(w))
        keep_last(item_more(i), v);
    return true;
}

static void wait_for_next(struct writer *w, size_t *count, uint32_t at)
{
    if (*count == w->later_cap) {
        w->later_cap = w->later_cap ? 2 * w->later_cap : 64;
        w->later = memory_resize(w->later, w->later_cap * sizeof *w->later);
    }
    w->later[(*count)++] = at;
}

/* Of what came more than once, which the server had in order, the last one is left. Gives the
 * indexes that are, in order. */
static size_t leave_last(struct writer *w, struct source *s,
                         const UA_MonitoredItemNotification *values, const uint32_t *next,
                         uint32_t first)
{
    size_t count = 0, left = 0;
    w->stamp++;
    for (uint32_t at = first; at != SOURCE_NO_VALUE; at = next[at])
        wait_for_next(w, &count, at);
    for (size_t n = count; n-- > 0;) {
        struct item *i = item_at(s, values[w->later[n]].clientHandle);
        if (i->stamp == w->stamp)
            w->later[n] = SOURCE_NO_VALUE;
        i->stamp = w->stamp;
    }
    for (size_t n = 0; n < count; n++)
        if (w->later[n] != SOURCE_NO_VALUE)
            w->later[left++] = w->later[n];
    return left;
}

static void write_sample(struct writer *w, struct source *s, const UA_MonitoredItemNotification *v,
                         UA_DateTime now)
{
    struct item *i = item_at(s, v->clientHandle);
    if (is_sent(w, i, &v->value))
        group_sample(w->config.group, &w->data_set,
                     &(struct sample){.node = item_head(i),
                                      .label = item_label(i),
                                      .value = &v->value,
                                      .now = now},
                     opcua_session_namespaces(source_session(s)));
}

static void write_samples(struct writer *w, struct source *s,
                          const UA_MonitoredItemNotification *values, const uint32_t *next,
                          uint32_t first, UA_DateTime now)
{
    if (w->last_in_batch) {
        size_t count = leave_last(w, s, values, next, first);
        for (size_t n = 0; n < count; n++)
            write_sample(w, s, &values[w->later[n]], now);
        return;
    }
    for (uint32_t at = first; at != SOURCE_NO_VALUE; at = next[at])
        write_sample(w, s, &values[at], now);
}

static bool is_key_frame_due(const struct writer *w)
{
    return w->key_frame_count > 0 && w->data_set.sequence % w->key_frame_count == 0;
}

/* All that is known, in the order of the fields. */
static void write_last_values(struct writer *w, enum frame frame)
{
    static const UA_DataValue unknown;
    bool all = frame == FRAME_KEY && group_is_positional(w->config.group);
    for (size_t n = 0; n < w->item_count; n++) {
        const struct item *i = w->items[n];
        const UA_DataValue *v = item_last(i) ? item_last(i) : all ? &unknown : NULL;
        if (v && group_can_say(w->config.group, v))
            group_field(w->config.group, item_head(i), i->number, v);
    }
}

/* A key frame that has a place and no word for each field cannot go without one of them: then it
 * is a delta frame with all the others. */
static enum frame key_frame(const struct writer *w)
{
    static const UA_DataValue unknown;
    for (size_t n = 0; n < w->item_count; n++) {
        const UA_DataValue *last = item_last(w->items[n]);
        if (!group_can_say(w->config.group, last ? last : &unknown))
            return FRAME_DELTA;
    }
    return FRAME_KEY;
}

/* In a key frame it is only kept, and written with the others. */
static void write_value(struct writer *w, struct source *s, const UA_MonitoredItemNotification *v,
                        uint32_t at, bool key, size_t *later)
{
    struct item *i = item_at(s, v->clientHandle);
    if (i->stamp == w->stamp) {
        wait_for_next(w, later, at);
        return;
    }
    i->stamp = w->stamp;
    if (is_sent(w, i, &v->value) && !key && group_can_say(w->config.group, &v->value))
        group_field(w->config.group, item_head(i), i->number, &v->value);
}

/* Items of a large configuration are in no cache: those of the values to come are asked for while
 * the ones before are written. */
#define AHEAD 6

static uint32_t skip(const uint32_t *next, uint32_t at, unsigned count)
{
    while (count-- > 0 && at != SOURCE_NO_VALUE)
        at = next[at];
    return at;
}

static void expect(struct source *s, const UA_MonitoredItemNotification *values, uint32_t at)
{
    if (at == SOURCE_NO_VALUE)
        return;
    const struct item *i = item_at(s, values[at].clientHandle);
    __builtin_prefetch(&i->stamp);
    __builtin_prefetch(i->text);
}

static void begin(struct writer *w, const struct opcua_namespaces *names, enum frame frame,
                  UA_DateTime now)
{
    struct data_set_head head = {.frame = frame, .now = now};
    group_begin(w->config.group, &w->data_set, &head, names);
}

/* Not ended. */
static void write_key_frame(struct writer *w, const struct opcua_namespaces *names, UA_DateTime now)
{
    enum frame frame = key_frame(w);
    begin(w, names, frame, now);
    write_last_values(w, frame);
}

/* One data set message with each item's first value; then one with the second values, and so on. */
static void write_fields(struct writer *w, struct source *s,
                         const UA_MonitoredItemNotification *values, const uint32_t *next,
                         uint32_t first, UA_DateTime now)
{
    const struct opcua_namespaces *names = opcua_session_namespaces(source_session(s));
    bool key = is_key_frame_due(w);
    size_t later = 0;
    w->stamp++;
    if (!key)
        begin(w, names, FRAME_DELTA, now);
    uint32_t ahead = skip(next, first, AHEAD);
    for (uint32_t at = first; at != SOURCE_NO_VALUE; at = next[at]) {
        expect(s, values, ahead);
        ahead = skip(next, ahead, 1);
        write_value(w, s, &values[at], at, key, &later);
    }
    if (key)
        write_key_frame(w, names, now);
    group_end(w->config.group);
    while (later > 0) {
        size_t count = later;
        later = 0;
        w->stamp++;
        begin(w, names, FRAME_DELTA, now);
        for (size_t i = 0; i < count; i++) /* `later` grows behind what was read */
            write_value(w, s, &values[w->later[i]], w->later[i], false, &later);
        group_end(w->config.group);
    }
}

static void count_cyclic(struct writer *w, const uint32_t *next, uint32_t first)
{
    w->config.counts->cyclic_reads++;
    for (uint32_t at = first; at != SOURCE_NO_VALUE; at = next[at])
        w->config.counts->sampled_values++;
}

static UA_DateTime later_of(UA_DateTime a, UA_DateTime b)
{
    return a > b ? a : b;
}

static void on_values(struct writer *w, struct source *s,
                      const UA_MonitoredItemNotification *values, const uint32_t *next,
                      uint32_t first, UA_DateTime now)
{
    w->config.counts->data_changes++;
    if (source_is_cyclic(s))
        count_cyclic(w, next, first);
    w->clock = source_is_cyclic(s) ? now : later_of(now, source_published(s));
    if (w->stamp_of == STAMP_PUBLISHED)
        now = source_published(s);
    if (w->watchdog)
        w->now_ms = watchdog_now(sources_loop(w->config.sources));
    if (group_form(w->config.group)->samples)
        write_samples(w, s, values, next, first, now);
    else
        write_fields(w, s, values, next, first, now);
}

void writer_on_heartbeat(void *arg, const UA_DataValue *v)
{
    struct item *i = arg;
    struct writer *w = i->place.writer;
    const struct opcua_namespaces *names =
        opcua_session_namespaces(source_session(i->place.source));
    UA_DateTime now = UA_DateTime_now();
    w->config.counts->heartbeats++;
    if (!v || !group_can_say(w->config.group, v))
        return;
    if (group_form(w->config.group)->samples) {
        group_sample(w->config.group, &w->data_set,
                     &(struct sample){.node = item_head(i),
                                      .label = item_label(i),
                                      .value = v,
                                      .now = now,
                                      .heartbeat = true},
                     names);
    } else {
        begin(w, names, FRAME_DELTA, now);
        group_field(w->config.group, item_head(i), i->number, v);
        group_end(w->config.group);
    }
    group_notified(w->config.group, &w->data_set);
}

static bool takes(const struct writer *w)
{
    return !w->waiting;
}

static void describe(const struct source_item *place, struct opcua_item *out)
{
    item_describe((const struct item *)place, out);
}

/* ---- events ---- */

static UA_StatusCode filter(struct source_item *place, const UA_ExtensionObject **out)
{
    struct item *i = (struct item *)place;
    struct buffer why = {0};
    enum status s = event_item_filter(i->more->event, source_session(place->source), out, &why);
    if (s != OK && s != AGAIN)
        log_warn("publisher event filter unusable node=%.*s status=%s reason=\"%s\"",
                 SLICE_FMT(item_node(i)), status_name(s), buffer_cstr(&why));
    buffer_clear(&why);
    return s == OK      ? UA_STATUSCODE_GOOD
           : s == AGAIN ? UA_STATUSCODE_BADWAITINGFORRESPONSE
                        : UA_STATUSCODE_BADEVENTFILTERINVALID;
}

/* Said for a filter that was taken, too: a server may leave out the fields that it does not know. */
static void on_filter(struct source_item *place, UA_StatusCode status,
                      const UA_ExtensionObject *result)
{
    struct item *i = (struct item *)place;
    struct buffer text = {0};
    struct event_item *event = item_event(i);
    event_filter_explain(event_item_made(event), result, &text);
    if (text.len)
        log_warn("publisher event filter node=%.*s url=%.*s status=%s clauses=\"%s\"",
                 SLICE_FMT(item_node(i)), SLICE_FMT(opcua_session_url(source_session(place->source))),
                 UA_StatusCode_name(status), buffer_cstr(&text));
    buffer_clear(&text);
    if (!UA_StatusCode_isBad(status))
        event_item_live(event, source_session(place->source));
}

static bool is_event_ready(struct source_item *place, const UA_EventFieldList *event)
{
    struct item *i = (struct item *)place;
    struct slice name;
    return event_item_name(item_event(i), source_session(place->source), event, &name) != AGAIN;
}

/* A file of a hundred thousand wrong nodes must not fill the log at every connect. */
static bool may_say_refused(struct writer_refusals *r)
{
    uint64_t minute = clock_monotonic_ns() / 60000000000u;
    if (r->minute != minute)
        r->lines = 0;
    r->minute = minute;
    if (r->lines == WRITER_REFUSED_LINES_MAX)
        log_warn("publisher more nodes refused by servers, not listed for a minute: items_failed counts them");
    return r->lines++ < WRITER_REFUSED_LINES_MAX;
}

/* Said once, and again when it changes: the one line by which a wrong node id is found. */
static void on_item(struct source_item *place)
{
    struct item *i = (struct item *)place;
    if (item_heartbeat(i))
        heartbeat_item(item_heartbeat(i), place->status);
    if (place->status == UA_STATUSCODE_GOOD && item_event(i) && place->writer->metadata)
        writer_ask_again(place->writer); /* the filter says what the fields are */
    i->heard_ms = watchdog_now(sources_loop(place->writer->config.sources)); /* from now on it is waited for */
    if (place->status == UA_STATUSCODE_GOOD)
        log_debug("publisher node live node=%.*s", SLICE_FMT(item_node(i)));
    else if (place->status == UA_STATUSCODE_BADWAITINGFORRESPONSE)
        log_debug("publisher node waits for its event type node=%.*s", SLICE_FMT(item_node(i)));
    else if (may_say_refused(place->writer->config.refusals))
        log_warn("publisher node refused by the server node=%.*s url=%.*s status=%s",
                 SLICE_FMT(item_node(i)), SLICE_FMT(opcua_session_url(source_session(place->source))),
                 UA_StatusCode_name(place->status));
}

static void on_event(struct writer *w, struct source_item *place, const UA_EventFieldList *event,
                     UA_DateTime now)
{
    if (w->stamp_of == STAMP_PUBLISHED)
        now = source_published(place->source);
    if (event_writer_put((struct item *)place, event, now))
        w->config.counts->events++;
}

/* ---- the source's other news ---- */

static void on_notified(struct writer *w)
{
    group_notified(w->config.group, &w->data_set);
}

static void on_keep_alive(struct writer *w, UA_DateTime now)
{
    if ((!w->keep_alive_messages && !w->keep_alive_key_frames) ||
        !group_form(w->config.group)->key_frames)
        return;
    w->config.counts->keep_alives++;
    struct opcua_session *s = writer_session(w);
    const struct opcua_namespaces *names = s ? opcua_session_namespaces(s) : NULL;
    if (w->keep_alive_key_frames)
        write_key_frame(w, names, now);
    else
        begin(w, names, FRAME_KEEP_ALIVE, now);
    group_end(w->config.group);
    group_notified(w->config.group, &w->data_set);
}

static void on_gap(struct source_item *place, bool anew)
{
    struct item *i = (struct item *)place;
    if (item_backfill(i))
        backfill_gap(item_backfill(i), anew, UA_DateTime_now());
}

void writer_meet_server(struct writer *w, struct source *s)
{
    group_of_server(&w->data_set, opcua_session_url(source_session(s)),
                    opcua_session_application_uri(source_session(s)));
    if (w->dump)
        diagnostics_dump_set(w->dump, source_session(s));
    if (w->metadata)
        writer_ask_metadata(w, source_session(s));
}

static void leave_server(struct writer *w)
{
    if (w->dump)
        diagnostics_dump_set(w->dump, NULL);
    if (w->metadata)
        writer_metadata_stop(w->metadata);
}

/* Heartbeats say whether what they repeat is still true. */
static void on_state(struct writer *w, struct source *s, bool alive)
{
    for (size_t n = 0; n < w->item_count; n++) {
        struct item *i = w->items[n];
        if (i->place.source != s || !i->more)
            continue;
        if (i->more->heartbeat)
            heartbeat_connected(i->more->heartbeat, alive);
        if (i->more->event && alive)
            event_item_live(i->more->event, source_session(s));
        else if (i->more->event)
            event_item_lost(i->more->event);
    }
    if (alive)
        writer_meet_server(w, s);
    else
        leave_server(w);
}

static const struct source_spec *moves_to(const struct writer *w)
{
    return w->next;
}

static void stays(struct writer *w)
{
    free(w->next);
    w->next = NULL;
}

const struct source_events writer_source_events = {
    .describe = describe,
    .takes = takes,
    .on_values = on_values,
    .on_event = on_event,
    .on_keep_alive = on_keep_alive,
    .on_notified = on_notified,
    .on_gap = on_gap,
    .on_state = on_state,
    .filter = filter,
    .on_filter = on_filter,
    .is_event_ready = is_event_ready,
    .moves_to = moves_to,
    .stays = stays,
    .on_item = on_item,
};

enum status writer_send_key_frame(struct writer *w)
{
    struct opcua_session *s = writer_session(w);
    if (!keeps_last(w) || !group_form(w->config.group)->key_frames || !s)
        return FORBIDDEN;
    write_key_frame(w, opcua_session_namespaces(s), UA_DateTime_now());
    group_end(w->config.group);
    group_flush(w->config.group);
    return OK;
}
