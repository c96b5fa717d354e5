#include "writers/writer_priv.h"

#include <stdlib.h>

#include "base/memory.h"
#include "writers/event_writer.h"
#include "writers/late.h"

/* What the topic of a writer is made of, for when the way to its node is known. */
struct routed {
    struct arena arena;
    struct plan_writer plan; /* its texts for topics alone */
};

/* ---- metadata ---- */

static void put_fields(void *arg, const struct opcua_namespaces *names, struct metadata_fields *out)
{
    struct writer *w = arg;
    w->data_set.events = w->item_count > 0 && item_event(w->items[0]);
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

void writer_ask_metadata(struct writer *w, struct opcua_session *s)
{
    if (!writer_metadata_ask(w->metadata, s) || w->waiting)
        return;
    w->waiting = true;
    sources_hold(w->config.sources);
}

struct opcua_session *writer_session(const struct writer *w)
{
    for (size_t n = 0; n < w->item_count; n++)
        if (w->items[n]->place.source)
            return source_session(w->items[n]->place.source);
    return NULL;
}

void writer_ask_again(struct writer *w)
{
    struct opcua_session *s = writer_session(w);
    if (s && opcua_session_state(s) == OPCUA_SESSION_READY)
        writer_ask_metadata(w, s);
    else if (!s)
        writer_metadata_stop(w->metadata); /* its last item went, and with it perhaps the session */
}

static void ask_in_passing(void *arg)
{
    struct writer *w = arg;
    struct opcua_session *s = writer_session(w);
    if (s && opcua_session_state(s) == OPCUA_SESSION_READY)
        writer_metadata_ask(w->metadata, s);
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
    buffer_reserve(&w->spec_text, c->endpoint_url.len + c->alternatives.len + c->security_policy.len + c->user.len +
                                      c->password.len + c->group.len + plan->root_node.len + 1);
    w->spec = (struct source_spec){
        .connection = {.endpoint_url = keep_text(&w->spec_text, c->endpoint_url),
                       .alternatives = keep_text(&w->spec_text, c->alternatives),
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
    struct writer_metadata_config config = {.loop = sources_loop(w->config.sources),
                                            .group = w->config.group,
                                            .set = &w->data_set,
                                            .fields = put_fields,
                                            .done = on_metadata,
                                            .again = ask_in_passing,
                                            .arg = w};
    w->metadata = writer_metadata_new(&config, plan, w->config.plan_group->metadata);
}

static void set_home(struct writer *w, const struct plan_writer *plan)
{
    w->home = (struct item_home){.writer = w,
                                 .form = group_form(w->config.group),
                                 .id_format = group_id_format(w->config.group),
                                 .sources = w->config.sources,
                                 .spec = &w->spec,
                                 .root_node = keep_text(&w->spec_text, plan->root_node),
                                 .on_heartbeat = writer_on_heartbeat,
                                 .events = &event_writer_events,
                                 .backfill = &w->backfill,
                                 .told = w->config.told,
                                 .on_way = w->routed ? on_way : NULL};
    w->backfill = (struct backfill_config){.events = &late_events,
                                           .counts = sources_backfill_counts(w->config.sources),
                                           .rate = w->config.backfill_rate};
}

/* Where others were before, nobody tells it that values can come. */
static void meet_server(struct writer *w)
{
    for (size_t n = 0; n < w->item_count; n++) {
        struct source *s = w->items[n]->place.source;
        if (s && source_is_alive(s)) {
            writer_meet_server(w, s);
            return;
        }
    }
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
    buffer_put(&w->same_key, plan->same_key);
    buffer_put(&w->name, plan->name);
    set_spec(w, plan);
    group_add(config->group, &w->data_set, config->plan_group, plan, config->id);
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
    w->dump = plan->dump_diagnostics ? diagnostics_dump_new(sources_loop(config->sources)) : NULL;
    w->config.plan_group = NULL; /* it was the plan's */
    writer_update(w, plan);
    meet_server(w);
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
    diagnostics_dump_free(&w->dump);
    for (size_t n = 0; n < w->item_count; n++)
        item_free(w->items[n]);
    group_leave(w->config.group, &w->data_set, forget);
    if (w->late)
        group_leave(w->config.group, w->late, false); /* never retained */
    group_forget_shape(w->config.group, &w->data_set);
    data_set_clear(&w->data_set);
    buffer_clear(&w->key);
    buffer_clear(&w->same_key);
    free(w->next);
    buffer_clear(&w->name);
    buffer_wipe(&w->spec_text);
    routed_free(w->routed);
    free(w->items);
    free(w->later);
    free(w->late);
    free(w);
    *writer = NULL;
}

void writer_count_model_change(struct writer *w)
{
    w->config.counts->model_changes++;
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

void writer_told(const struct writer *w, struct told *out)
{
    for (size_t n = 0; n < w->item_count; n++) {
        const struct item *i = w->items[n];
        UA_DateTime last = item_backfill(i) ? backfill_told(item_backfill(i)) : 0;
        if (last)
            told_put(out, item_told_key(i), last);
    }
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

struct slice writer_same_key(const struct writer *w)
{
    return buffer_slice(&w->same_key);
}

void writer_move(struct writer *w, const struct plan_writer *plan)
{
    if (!w->next)
        w->next = MEMORY_NEW(struct source_spec);
    *w->next = w->spec;
    w->next->publishing_ms = plan->publishing_ms;
    w->next->keep_alive_count = plan->keep_alive_count;
}

bool writer_moved(struct writer *w, const struct plan_writer *plan)
{
    if (!w->next)
        return false;
    w->spec = *w->next;
    free(w->next);
    w->next = NULL;
    buffer_reset(&w->key);
    buffer_put(&w->key, plan->key);
    return true;
}

void writer_mark(struct writer *w, bool wanted)
{
    w->marked = wanted;
}

bool writer_marked(const struct writer *w)
{
    return w->marked;
}
