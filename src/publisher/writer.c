#include "publisher/writer.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "publisher/event_writer.h"
#include "publisher/late.h"
#include "publisher/writer_metadata.h"
#include "json/write.h"

struct writer {
    struct writer_config config;
    struct data_set data_set;
    struct buffer key, name;
    struct writer_metadata *metadata; /* NULL: none is sent */
    struct source_spec spec;
    struct item_home home;
    struct backfill_config backfill;
    struct watchdog *watchdog; /* NULL: none */
    uint32_t now_ms;           /* for it */
    struct routed *routed;   /* NULL: topics have no browse path */
    struct buffer spec_text; /* what the spec's slices point to */
    struct data_set *late; /* of values that were missed; NULL: nobody wants them */
    struct item **items;
    size_t item_count, item_cap;
    uint32_t stamp;
    uint32_t key_frame_count;
    bool keep_alive_messages, keep_alive_key_frames, last_in_batch;
    enum plan_stamp stamp_of; /* messages */
    bool marked, waiting; /* waiting: for the metadata, and takes nothing */
    /* Values of items that came more than once in a notification wait here for the next data set
     * message. */
    uint32_t *later;
    size_t later_cap;
};

/* What the topic of a writer is made of, for when the way to its node is known. */
struct routed {
    struct arena arena;
    struct plan_writer plan; /* its texts for topics alone */
};

static struct item *item_at(struct source *s, uint32_t index)
{
    return (struct item *)source_item_at(s, index);
}

/* ---- values ---- */

static bool keeps_last(const struct writer *w)
{
    return w->key_frame_count > 0 || w->keep_alive_key_frames;
}

static void keep_last(struct item *i, const UA_DataValue *v)
{
    if (!i->last)
        i->last = UA_DataValue_new();
    UA_DataValue_clear(i->last);
    UA_DataValue_copy(v, i->last);
}

/* False for the first value when it is to be skipped, and when only heartbeats are wanted. */
static bool is_sent(struct writer *w, struct item *i, const UA_DataValue *v)
{
    bool first = !i->seen;
    i->seen = true;
    i->heard_ms = w->now_ms;
    if (i->backfill)
        backfill_value(i->backfill, v);
    if (i->heartbeat && !heartbeat_value(i->heartbeat, v))
        return false;
    if (first && i->skip_first)
        return false;
    if (keeps_last(w))
        keep_last(i, v);
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

static bool is_positional(const struct writer *w)
{
    return group_is_positional(w->config.group);
}

/* All that is known, in the order of the fields. */
static void write_last_values(struct writer *w)
{
    static const UA_DataValue unknown;
    for (size_t n = 0; n < w->item_count; n++) {
        const struct item *i = w->items[n];
        if (i->last || is_positional(w))
            group_field(w->config.group, item_head(i), i->number, i->last ? i->last : &unknown);
    }
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
    if (is_sent(w, i, &v->value) && !key)
        group_field(w->config.group, item_head(i), i->number, &v->value);
}

static void begin(struct writer *w, const struct opcua_namespaces *names, enum frame frame,
                  UA_DateTime now)
{
    struct data_set_head head = {.frame = frame, .now = now};
    w->stamp++;
    group_begin(w->config.group, &w->data_set, &head, names);
}

/* One data set message with each item's first value; then one with the second values, and so on. */
static void write_fields(struct writer *w, struct source *s,
                         const UA_MonitoredItemNotification *values, const uint32_t *next,
                         uint32_t first, UA_DateTime now)
{
    const struct opcua_namespaces *names = opcua_session_namespaces(source_session(s));
    bool key = is_key_frame_due(w);
    size_t later = 0;
    begin(w, names, key ? FRAME_KEY : FRAME_DELTA, now);
    for (uint32_t at = first; at != SOURCE_NO_VALUE; at = next[at])
        write_value(w, s, &values[at], at, key, &later);
    if (key)
        write_last_values(w);
    group_end(w->config.group);
    while (later > 0) {
        size_t count = later;
        later = 0;
        begin(w, names, FRAME_DELTA, now);
        for (size_t i = 0; i < count; i++) /* `later` grows behind what was read */
            write_value(w, s, &values[w->later[i]], w->later[i], false, &later);
        group_end(w->config.group);
    }
}

static void on_values(struct writer *w, struct source *s,
                      const UA_MonitoredItemNotification *values, const uint32_t *next,
                      uint32_t first, UA_DateTime now)
{
    w->config.counts->data_changes++;
    if (w->stamp_of == STAMP_PUBLISHED)
        now = source_published(s);
    if (w->watchdog)
        w->now_ms = watchdog_now(sources_loop(w->config.sources));
    if (group_form(w->config.group)->samples)
        write_samples(w, s, values, next, first, now);
    else
        write_fields(w, s, values, next, first, now);
}

static void on_heartbeat(void *arg, const UA_DataValue *v)
{
    struct item *i = arg;
    struct writer *w = i->place.writer;
    const struct opcua_namespaces *names =
        opcua_session_namespaces(source_session(i->place.source));
    UA_DateTime now = UA_DateTime_now();
    w->config.counts->heartbeats++;
    if (!v)
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

/* ---- metadata ---- */

static void put_fields(void *arg, const struct opcua_namespaces *names, struct metadata_fields *out)
{
    const struct writer *w = arg;
    for (size_t n = 0; n < w->item_count; n++)
        item_put_metadata(w->items[n], names, out);
    for (uint32_t n = 0; n < w->data_set.extra_count; n++)
        metadata_add(out, opcua_slice(w->data_set.extras[n].name), NULL)->type =
            w->data_set.extras[n].value.type;
}

static void on_metadata(void *arg)
{
    struct writer *w = arg;
    if (!w->waiting)
        return;
    w->waiting = false;
    sources_release(w->config.sources);
}

static void ask_metadata(struct writer *w, struct opcua_session *s)
{
    if (!writer_metadata_ask(w->metadata, s) || w->waiting)
        return;
    w->waiting = true;
    sources_hold(w->config.sources);
}

/* The fields are others than those that were asked about. */
struct opcua_session *writer_session(const struct writer *w)
{
    for (size_t n = 0; n < w->item_count; n++)
        if (w->items[n]->place.source)
            return source_session(w->items[n]->place.source);
    return NULL;
}

static void ask_again(struct writer *w)
{
    struct opcua_session *s = writer_session(w);
    if (s && opcua_session_state(s) == OPCUA_SESSION_READY)
        ask_metadata(w, s);
}

static bool takes(const struct writer *w)
{
    return !w->waiting;
}

/* ---- events ---- */

static UA_StatusCode filter(struct source_item *place, const UA_ExtensionObject **out)
{
    struct item *i = (struct item *)place;
    struct buffer why = {0};
    enum status s = event_item_filter(i->event, source_session(place->source), out, &why);
    if (s != OK && s != AGAIN)
        log_warn("publisher event filter unusable node=%s status=%s reason=\"%s\"", i->text,
                 status_name(s), buffer_cstr(&why));
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
    event_filter_explain(event_item_made(i->event), result, &text);
    if (text.len)
        log_warn("publisher event filter node=%s url=%.*s status=%s clauses=\"%s\"", i->text,
                 SLICE_FMT(opcua_session_url(source_session(place->source))),
                 UA_StatusCode_name(status), buffer_cstr(&text));
    buffer_clear(&text);
    if (!UA_StatusCode_isBad(status))
        event_item_live(i->event, source_session(place->source));
}

static bool is_event_ready(struct source_item *place, const UA_EventFieldList *event)
{
    struct item *i = (struct item *)place;
    struct slice name;
    return event_item_name(i->event, source_session(place->source), event, &name) != AGAIN;
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
    if (i->heartbeat)
        heartbeat_item(i->heartbeat, place->status);
    if (place->status == UA_STATUSCODE_GOOD && i->event && place->writer->metadata)
        ask_again(place->writer); /* the filter says what the fields are */
    i->heard_ms = watchdog_now(sources_loop(place->writer->config.sources)); /* from now on it is waited for */
    if (place->status == UA_STATUSCODE_GOOD)
        log_debug("publisher node live node=%s", i->text);
    else if (place->status == UA_STATUSCODE_BADWAITINGFORRESPONSE)
        log_debug("publisher node waits for its event type node=%s", i->text);
    else if (may_say_refused(place->writer->config.refusals))
        log_warn("publisher node refused by the server node=%s url=%.*s status=%s", i->text,
                 SLICE_FMT(opcua_session_url(source_session(place->source))),
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
    begin(w, s ? opcua_session_namespaces(s) : NULL, w->keep_alive_key_frames ? FRAME_KEY : FRAME_KEEP_ALIVE, now);
    if (w->keep_alive_key_frames)
        write_last_values(w);
    group_end(w->config.group);
    group_notified(w->config.group, &w->data_set);
}

static void on_gap(struct source_item *place, bool anew)
{
    struct item *i = (struct item *)place;
    if (i->backfill)
        backfill_gap(i->backfill, anew, UA_DateTime_now());
}

/* Heartbeats say whether what they repeat is still true. */
static void on_state(struct writer *w, struct source *s, bool alive)
{
    for (size_t n = 0; n < w->item_count; n++) {
        struct item *i = w->items[n];
        if (i->place.source == s && i->heartbeat)
            heartbeat_connected(i->heartbeat, alive);
        if (i->place.source == s && i->event && alive)
            event_item_live(i->event, source_session(s));
        else if (i->place.source == s && i->event)
            event_item_lost(i->event);
    }
    if (alive)
        data_set_of_server(&w->data_set, w->config.group, opcua_session_url(source_session(s)),
                           opcua_session_application_uri(source_session(s)));
    if (w->metadata && alive)
        ask_metadata(w, source_session(s));
    else if (w->metadata)
        writer_metadata_stop(w->metadata);
}

const struct source_events writer_source_events = {
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
    .on_item = on_item,
};

enum status writer_send_key_frame(struct writer *w)
{
    struct opcua_session *s = writer_session(w);
    if (!keeps_last(w) || !group_form(w->config.group)->key_frames || !s)
        return FORBIDDEN;
    begin(w, opcua_session_namespaces(s), FRAME_KEY, UA_DateTime_now());
    write_last_values(w);
    group_end(w->config.group);
    group_flush(w->config.group);
    return OK;
}

/* ---- taking over a plan ---- */

static struct slice key_of(const uint64_t *key)
{
    return slice_from(key, sizeof *key);
}

static void add_item(struct writer *w, struct item *i)
{
    if (w->item_count == w->item_cap) {
        w->item_cap = w->item_cap ? w->item_cap + w->item_cap / 2 : 16;
        w->items = memory_resize(w->items, w->item_cap * sizeof(struct item *));
    }
    i->wanted = true;
    w->items[w->item_count++] = i;
}

static void drop_unwanted(struct writer *w)
{
    size_t kept = 0;
    for (size_t n = 0; n < w->item_count; n++)
        if (w->items[n]->wanted)
            w->items[kept++] = w->items[n];
        else
            item_free(w->items[n]);
    w->item_count = kept;
}

/* Its messages are others, with the numbers of the writer's. */
static void set_late(struct writer *w, const struct plan_writer *plan)
{
    bool wanted = false;
    for (size_t n = 0; n < plan->item_count && !wanted; n++)
        wanted = plan->items[n].backfill;
    if (!wanted || w->late)
        return;
    w->late = MEMORY_NEW(struct data_set);
    group_join_late(w->config.group, w->late, plan);
}

struct data_set *writer_begin_late(struct writer *w)
{
    struct batch *batch = w->late->batch;
    *w->late = w->data_set; /* borrowed */
    w->late->batch = batch;
    return w->late;
}

void writer_end_late(struct writer *w)
{
    w->data_set.sequence = w->late->sequence;
}

/* A plan's items and those that they trigger, one after the other. */
struct plan_walk {
    const struct plan_writer *plan;
    size_t at, inner; /* inner: 0 is the item itself, then its triggered ones */
    struct item *trigger;
    const struct plan_item *item;
};

static bool next_item(struct plan_walk *p)
{
    if (p->item && p->inner < p->plan->items[p->at].triggered_count) {
        p->item = &p->plan->items[p->at].triggered[p->inner++];
        return true;
    }
    p->at += p->item != NULL;
    p->inner = 0;
    p->trigger = NULL;
    p->item = p->at < p->plan->item_count ? &p->plan->items[p->at] : NULL;
    return p->item != NULL;
}

/* An item that stays is the trigger of those that follow it. */
static void note_trigger(struct plan_walk *p, struct item *i)
{
    if (p->inner == 0 && p->plan->items[p->at].triggered_count)
        p->trigger = i;
}

static void know(struct map *known, struct item *i, const uint64_t *key)
{
    if (!map_get(known, key_of(key)))
        map_put(known, key_of(key), i);
}

/* Those of which nothing changed. Returns how many the plan has that are not there. */
static size_t keep_same(struct writer *w, const struct plan_writer *plan)
{
    struct map known = {0};
    size_t others = 0;
    for (size_t n = 0; n < w->item_count; n++) {
        w->items[n]->wanted = false;
        know(&known, w->items[n], &w->items[n]->key);
    }
    for (struct plan_walk p = {.plan = plan}; next_item(&p);) {
        uint64_t key = item_key(p.item, p.trigger);
        struct item *i = w->item_count ? map_get(&known, key_of(&key)) : NULL;
        if (i)
            i->wanted = true;
        others += !i;
        note_trigger(&p, i);
    }
    map_clear(&known);
    return others;
}

/* The same node under other conditions goes on; what is left is new. */
static void take_others(struct writer *w, const struct plan_writer *plan)
{
    struct map same = {0}, nodes = {0};
    size_t before = w->item_count;
    for (size_t n = 0; n < before; n++) {
        struct item *i = w->items[n];
        know(i->wanted ? &same : &nodes, i, i->wanted ? &i->key : &i->node_key);
    }
    for (struct plan_walk p = {.plan = plan}; next_item(&p);) {
        uint64_t key = item_key(p.item, p.trigger), node = item_node_key(p.item, p.trigger);
        struct item *i = before ? map_get(&same, key_of(&key)) : NULL;
        if (!i && before && (i = map_remove(&nodes, key_of(&node)))) {
            i->wanted = true;
            item_modify(i, &w->home, p.item, p.trigger);
        } else if (!i) {
            i = item_new(&w->home, p.item, p.trigger);
            add_item(w, i);
        }
        note_trigger(&p, i);
    }
    map_clear(&same);
    map_clear(&nodes);
}

void writer_update(struct writer *w, const struct plan_writer *plan)
{
    set_late(w, plan);
    size_t before = w->item_count, others = keep_same(w, plan);
    if (others > 0)
        take_others(w, plan);
    drop_unwanted(w);
    for (size_t n = 0; n < w->item_count; n++)
        w->items[n]->number = (uint16_t)n;
    w->data_set.field_count = (uint32_t)w->item_count;
    if (w->metadata && before && (others > 0 || before != w->item_count))
        ask_again(w);
}

/* ---- routing by browse path ---- */

static void on_way(struct writer *w, const UA_QualifiedName *way, size_t len)
{
    const struct plan_writer *plan = &w->routed->plan;
    struct buffer path = {0};
    for (size_t i = 0; i < len; i++)
        topic_path_put(&path, plan->routing == ROUTING_BROWSE_NAMES_INDEX, way[i].namespaceIndex,
                       opcua_slice(way[i].name));
    w->routed->plan.way = buffer_slice(&path);
    group_leave(w->config.group, &w->data_set, false);
    group_join(w->config.group, &w->data_set, &w->routed->plan);
    if (w->metadata)
        writer_metadata_route(w->metadata, &w->routed->plan);
    buffer_clear(&path);
}

static void set_routed(struct writer *w, const struct plan_writer *plan)
{
    if (plan->routing != ROUTING_BROWSE_NAMES && plan->routing != ROUTING_BROWSE_NAMES_INDEX)
        return;
    struct routed *r = w->routed = MEMORY_NEW(struct routed);
    r->plan = (struct plan_writer){
        .name = arena_copy(&r->arena, plan->name),
        .data_set = arena_copy(&r->arena, plan->data_set),
        .class_id = arena_copy(&r->arena, plan->class_id),
        .route = plan->route,
        .metadata_route = plan->metadata_route,
        .routing = plan->routing,
    };
    r->plan.route.topic = arena_copy(&r->arena, plan->route.topic);
    r->plan.metadata_route.topic = arena_copy(&r->arena, plan->metadata_route.topic);
}

static void routed_free(struct routed *r)
{
    if (r)
        arena_clear(&r->arena);
    free(r);
}

/* ---- setting up ---- */

static struct slice keep_text(struct buffer *out, struct slice s)
{
    struct slice kept = {out->at + out->len, s.len};
    buffer_put(out, s);
    return kept;
}

static void set_spec(struct writer *w, const struct plan_writer *plan)
{
    const struct opcua_connection *c = &plan->connection;
    buffer_reserve(&w->spec_text, c->endpoint_url.len + c->security_policy.len + c->user.len +
                                      c->password.len + c->group.len + plan->root_node.len + 1);
    w->spec = (struct source_spec){
        .connection = {.endpoint_url = keep_text(&w->spec_text, c->endpoint_url),
                       .security = c->security,
                       .security_policy = keep_text(&w->spec_text, c->security_policy),
                       .user = keep_text(&w->spec_text, c->user),
                       .password = keep_text(&w->spec_text, c->password),
                       .certificate_user = c->certificate_user,
                       .reverse = c->reverse,
                       .group = keep_text(&w->spec_text, c->group)},
        .publishing_ms = plan->publishing_ms,
        .keep_alive_count = plan->keep_alive_count,
        .priority = plan->priority,
        .no_transfer = plan->no_transfer,
    };
}

static void set_metadata(struct writer *w, const struct plan_writer *plan)
{
    if (!w->config.plan_group->metadata)
        return;
    struct writer_metadata_config config = {.loop = sources_loop(w->config.sources),
                                            .group = w->config.group,
                                            .set = &w->data_set,
                                            .fields = put_fields,
                                            .done = on_metadata,
                                            .arg = w};
    w->metadata = writer_metadata_new(&config, plan);
}

static void set_home(struct writer *w, const struct plan_writer *plan)
{
    w->home = (struct item_home){.writer = w,
                                 .form = group_form(w->config.group),
                                 .id_format = group_id_format(w->config.group),
                                 .sources = w->config.sources,
                                 .spec = &w->spec,
                                 .root_node = keep_text(&w->spec_text, plan->root_node),
                                 .on_heartbeat = on_heartbeat,
                                 .events = &event_writer_events,
                                 .backfill = &w->backfill,
                                 .on_way = w->routed ? on_way : NULL};
    w->backfill = (struct backfill_config){.events = &late_events,
                                           .counts = sources_backfill_counts(w->config.sources),
                                           .rate = w->config.backfill_rate};
}

struct writer *writer_new(const struct writer_config *config, const struct plan_writer *plan)
{
    struct writer *w = MEMORY_NEW(struct writer);
    w->config = *config;
    w->key_frame_count = group_form(config->group)->key_frames ? plan->key_frame_count : 0;
    w->last_in_batch = config->plan_group->last_in_batch;
    w->stamp_of = config->plan_group->stamp;
    w->keep_alive_messages = plan->keep_alive_messages;
    w->keep_alive_key_frames = plan->keep_alive_key_frames;
    buffer_put(&w->key, plan->key);
    buffer_put(&w->name, plan->name);
    set_spec(w, plan);
    data_set_init(&w->data_set, config->group, config->plan_group, plan, config->id);
    set_routed(w, plan);
    set_home(w, plan);
    set_metadata(w, plan);
    w->watchdog = watchdog_new(
        &(struct watchdog_home){.loop = sources_loop(config->sources),
                                .items = (struct item *const *const *)&w->items,
                                .count = &w->item_count,
                                .late = &config->counts->late,
                                .end = config->end},
        plan);
    w->config.plan_group = NULL; /* it was the plan's */
    writer_update(w, plan);
    return w;
}

void writer_free(struct writer **writer, bool forget)
{
    struct writer *w = *writer;
    if (!w)
        return;
    if (w->metadata)
        writer_metadata_stop(w->metadata); /* nobody waits any more */
    writer_metadata_free(&w->metadata, forget);
    watchdog_free(&w->watchdog);
    for (size_t n = 0; n < w->item_count; n++)
        item_free(w->items[n]);
    group_leave(w->config.group, &w->data_set, forget);
    if (w->late)
        group_leave(w->config.group, w->late, false); /* never retained */
    data_set_clear(&w->data_set);
    buffer_clear(&w->key);
    buffer_clear(&w->name);
    if (w->spec_text.len)
        explicit_bzero(w->spec_text.at, w->spec_text.len);
    buffer_clear(&w->spec_text);
    routed_free(w->routed);
    free(w->items);
    free(w->later);
    free(w->late);
    free(w);
    *writer = NULL;
}

struct slice writer_name(const struct writer *w)
{
    return buffer_slice(&w->name);
}

const struct opcua_connection *writer_connection(const struct writer *w)
{
    return &w->spec.connection;
}

size_t writer_items(const struct writer *w, struct item *const **items)
{
    *items = w->items;
    return w->item_count;
}

struct group *writer_group(const struct writer *w)
{
    return w->config.group;
}

struct data_set *writer_data_set(struct writer *w)
{
    return &w->data_set;
}

struct slice writer_key(const struct writer *w)
{
    return buffer_slice(&w->key);
}

void writer_mark(struct writer *w, bool wanted)
{
    w->marked = wanted;
}

bool writer_marked(const struct writer *w)
{
    return w->marked;
}
