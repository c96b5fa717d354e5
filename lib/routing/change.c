/* From one configuration to the next: checked and prepared on loop 0, taken over by every loop. */
#include "routing/routing_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"

struct change {
    struct routing *routing;
    struct routing_config *config;
    struct routing_known
        *endpoints[ROUTING_ENDPOINTS_MAX]; /* by their place in the config; not the first */
    bool is_new[ROUTING_ENDPOINTS_MAX];
    bool at_start; /* no loop runs: all is done at once, on this thread */
    struct slice text, if_match;
    struct buffer state;
    enum status why;
    struct routing_problem problem;
    unsigned left;
    void (*step)(struct change *c, unsigned loop);
    void (*next)(struct change *c);
    /* who asked */
    struct loop *asked_on;
    routing_fn *fn;
    void *arg;
    struct arena arena;
};

static const struct routing_setup *setup_of(const struct change *c)
{
    return &c->routing->setup;
}

/* ---- a step on every loop, then the next on loop 0 ---- */

struct visit {
    struct change *change;
    unsigned loop;
};

static void visited(void *arg)
{
    struct change *c = arg;
    if (--c->left == 0)
        c->next(c);
}

static void visit_arrives(void *arg)
{
    struct visit *v = arg;
    struct change *c = v->change;
    c->step(c, v->loop);
    loop_post(setup_of(c)->loops[0], visited, c);
    free(v);
}

static void on_every_loop(struct change *c, void (*step)(struct change *c, unsigned loop),
                          void (*next)(struct change *c))
{
    c->step = step;
    c->next = next;
    c->left = setup_of(c)->loop_count;
    for (unsigned i = 0; i < setup_of(c)->loop_count; i++) {
        if (c->at_start) {
            step(c, i);
            continue;
        }
        struct visit *v = MEMORY_NEW(struct visit);
        *v = (struct visit){c, i};
        loop_post(setup_of(c)->loops[i], visit_arrives, v);
    }
    if (c->at_start)
        next(c);
}

/* ---- the end of it ---- */

static void change_free(struct change *c)
{
    routing_config_unref(&c->config);
    buffer_clear(&c->state);
    arena_clear(&c->arena);
    free(c);
}

static void answer(void *arg)
{
    struct change *c = arg;
    c->fn(c->arg, c->why, &c->problem);
    change_free(c);
}

/* What was made for a configuration that is not taken over is no endpoint. */
static void forget_new(struct change *c)
{
    for (size_t i = 1; c->config && i < c->config->endpoint_count; i++)
        if (c->is_new[i])
            __atomic_store_n(&c->endpoints[i]->gone, true, __ATOMIC_RELAXED);
}

static void finish(struct change *c, enum status why)
{
    c->why = why;
    if (why != OK)
        forget_new(c);
    if (!c->at_start)
        c->routing->busy = false;
    if (!c->at_start)
        loop_post(c->asked_on, answer, c);
}

/* ---- the last step: every loop takes it over ---- */

/* All goes to the built-in stream, as it is. */
static bool is_plain(const struct routing_config *c)
{
    return c->sources == 0 && c->enrichment_count == 0 && c->fallback.enabled &&
           c->fallback.endpoints == 1 && c->fallback.condition == NULL;
}

static struct outlet **find_outlet(struct routing_loop *l, uint16_t id, unsigned partition)
{
    for (size_t i = 0; i < l->outlet_count; i++)
        if (outlet_id(l->outlets[i]) == id && outlet_partition(l->outlets[i]) == partition)
            return &l->outlets[i];
    return NULL;
}

static void open_outlet(struct change *c, struct routing_loop *l, size_t place, unsigned partition)
{
    struct routing_known *e = c->endpoints[place];
    const struct {
        const struct sink_ops *ops;
        void *sink;
    } sinks[] = {
        [ROUTING_ENDPOINT_STREAM] = {&sink_stream, &e->stream},
        [ROUTING_ENDPOINT_WEBHOOK] = {&sink_webhook, c->routing->webhooks},
        [ROUTING_ENDPOINT_FILE] = {&sink_file, e->file},
    };
    l->outlets[l->outlet_count++] = outlet_new(&(struct outlet_config){
        .loop = setup_of(c)->loops[partition % setup_of(c)->loop_count],
        .partition = setup_of(c)->partitions[partition],
        .index = partition,
        .config = c->config,
        .endpoint = &c->config->endpoints[place],
        .state = &e->state,
        .ops = sinks[e->kind].ops,
        .sink = sinks[e->kind].sink,
        .from_now = c->is_new[place],
    });
}

static void close_others(struct change *c, struct routing_loop *l)
{
    for (size_t i = l->outlet_count; i-- > 0;) {
        uint16_t id = outlet_id(l->outlets[i]);
        unsigned partition = outlet_partition(l->outlets[i]);
        if (routing_is_named(c->config, id))
            continue;
        outlet_stop(&l->outlets[i]);
        outlet_forget(setup_of(c)->partitions[partition], id);
        l->outlets[i] = l->outlets[--l->outlet_count];
    }
}

static void take_over(struct change *c, unsigned loop)
{
    struct routing_loop *l = &c->routing->loops[loop];
    const struct routing_setup *setup = setup_of(c);
    close_others(c, l);
    for (size_t place = 1; place < c->config->endpoint_count; place++)
        for (unsigned p = loop; p < setup->partition_count; p += setup->loop_count) {
            struct outlet **there = find_outlet(l, c->config->endpoints[place].id, p);
            if (there)
                outlet_change(*there, c->config, &c->config->endpoints[place]);
            else
                open_outlet(c, l, place, p);
        }
    routing_config_unref(&l->config);
    l->config = routing_config_ref(c->config);
    setup->on_taken_over(setup->arg, loop, is_plain(c->config) ? NULL : l);
}

static void taken_over(struct change *c)
{
    const struct routing_setup *setup = setup_of(c);
    setup->on_wants(setup->arg, c->config->sources, c->config->wants_twins);
    log_info("routing routes=%zu endpoints=%zu enrichments=%zu fallback=%s", c->config->route_count,
             c->config->endpoint_count - 1, c->config->enrichment_count,
             c->config->fallback.enabled ? "on" : "off");
    finish(c, OK);
}

/* ---- the step before: the files ---- */

static bool anything_new(const struct change *c)
{
    for (size_t i = 1; i < c->config->endpoint_count; i++)
        if (c->is_new[i])
            return true;
    return false;
}

static void write_files(void *arg)
{
    struct change *c = arg;
    c->why = file_write(c->routing->state_path, buffer_slice(&c->state));
    if (c->why == OK && !c->at_start)
        c->why = file_write(c->routing->path, c->text);
}

static void mark_gone(struct change *c)
{
    for (struct routing_known *e = c->routing->endpoints; e; e = e->next) {
        if (e->gone || routing_is_named(c->config, e->id))
            continue;
        __atomic_store_n(&e->gone, true, __ATOMIC_RELAXED);
        if (e->served)
            events_serve(setup_of(c)->events, e->name, false);
    }
}

static void files_written(void *arg)
{
    struct change *c = arg;
    if (c->why != OK) {
        finish(c, IO_FAILED);
        return;
    }
    mark_gone(c);
    on_every_loop(c, take_over, taken_over);
}

static void keep(struct change *c)
{
    routing_state_print(c->routing, c->config, &c->state);
    if (!c->at_start) {
        loop_work(setup_of(c)->loops[0], write_files, files_written, c);
        return;
    }
    if (anything_new(c))
        write_files(c);
    files_written(c);
}

/* ---- the step before: streams ---- */

static enum status open_partition(struct change *c, struct routing_known *e,
                                  const struct routing_endpoint *endpoint, unsigned n)
{
    const struct routing_setup *setup = setup_of(c);
    struct buffer directory = {0};
    buffer_printf(&directory, "%s/streams/%s/%02u", c->routing->folder, e->name, n);
    enum status s = partition_open(
        &(struct partition_config){
            .loop = setup->loops[n % setup->loop_count],
            .disk = setup->disk,
            .directory = buffer_cstr(&directory),
            .index = n,
            .durability = setup->durability,
            .retain_bytes = endpoint->stream.retain_bytes,
            .retain_ms = endpoint->stream.retain_s * 1000,
        },
        &e->stream.partitions[n]);
    buffer_clear(&directory);
    return s;
}

static void open_streams(struct change *c, unsigned loop)
{
    const struct routing_setup *setup = setup_of(c);
    for (size_t i = 1; i < c->config->endpoint_count; i++) {
        struct routing_known *e = c->endpoints[i];
        if (e->kind != ROUTING_ENDPOINT_STREAM || e->served)
            continue;
        for (unsigned n = loop; n < e->stream.partition_count; n += setup->loop_count)
            if (e->stream.partitions[n] == NULL &&
                open_partition(c, e, &c->config->endpoints[i], n) != OK)
                __atomic_store_n(&c->why, IO_FAILED, __ATOMIC_RELAXED);
    }
}

static void streams_opened(struct change *c)
{
    if (c->why != OK) {
        finish(c, c->why);
        return;
    }
    for (size_t i = 1; i < c->config->endpoint_count; i++) {
        struct routing_known *e = c->endpoints[i];
        if (e->kind != ROUTING_ENDPOINT_STREAM)
            continue;
        if (e->served)
            events_serve(setup_of(c)->events, e->name, true);
        else
            events_add(setup_of(c)->events, e->name, e->created_ms, e->stream.partitions,
                       e->stream.partition_count);
        e->served = true;
    }
    keep(c);
}

/* ---- the first step: which endpoint is which ---- */

static enum status refuse(struct change *c, const char *format, const char *name,
                          unsigned long long n)
{
    snprintf(c->problem.text, sizeof(c->problem.text), format, name, n);
    return BAD_ARGUMENT;
}

static enum status adopt(struct change *c, size_t place)
{
    struct routing *r = c->routing;
    struct routing_endpoint *want = &c->config->endpoints[place];
    struct routing_known *e = routing_state_find(r, want->name, want->kind);
    if (e == NULL) {
        if (r->next_id == UINT16_MAX)
            return refuse(c, "endpoint \"%s\": %llu endpoints were made, and there are no more ids",
                          want->name, UINT16_MAX);
        e = routing_state_add(r, want->name, want->kind, r->next_id++,
                              loop_wall_ms(setup_of(c)->loops[0]));
        e->stream.partition_count = (unsigned)want->stream.partitions;
        c->is_new[place] = true;
    } else if (e->gone && e->stream.partition_count == want->stream.partitions) { /* it is back */
        __atomic_store_n(&e->gone, false, __ATOMIC_RELAXED);
        c->is_new[place] = true;
    } else if (e->stream.partition_count != want->stream.partitions) {
        return refuse(c,
                      "endpoints.eventStreams: \"%s\" has %llu partitions, which cannot be changed",
                      want->name, e->stream.partition_count);
    }
    if (e->kind == ROUTING_ENDPOINT_FILE && e->file == NULL) {
        struct buffer folder = {0};
        buffer_printf(&folder, "%s/files", r->folder);
        e->file = sink_file_new(setup_of(c)->loops[0], setup_of(c)->hub_name, buffer_cstr(&folder),
                                e->name);
        buffer_clear(&folder);
    }
    want->id = e->id;
    c->endpoints[place] = e;
    return OK;
}

static enum status prepare(struct change *c)
{
    const struct routing_setup *setup = setup_of(c);
    enum status s =
        routing_config_read(c->text, setup->limits, setup->events_name, &c->config, &c->problem);
    for (size_t i = 1; s == OK && i < c->config->endpoint_count; i++)
        s = adopt(c, i);
    return s;
}

static void begin(struct change *c)
{
    enum status s = prepare(c);
    c->why = s;
    if (s == OK)
        on_every_loop(c, open_streams, streams_opened);
    else
        finish(c, s);
}

enum status routing_change_at_start(struct routing *r, struct slice text)
{
    struct change *c = MEMORY_NEW(struct change);
    c->routing = r;
    c->at_start = true;
    c->text = text;
    begin(c);
    enum status s = c->why;
    if (s == BAD_ARGUMENT || s == BAD_FORMAT || s == TOO_LARGE)
        log_error("the routing configuration is refused at=%s:%u:%u reason=\"%s\"", r->path,
                  c->problem.line, c->problem.column, c->problem.text);
    change_free(c);
    return s;
}

/* ---- asked for while the hub runs ---- */

static bool matches(const struct change *c)
{
    char etag[ROUTING_ETAG_LEN + 1];
    routing_etag(c->routing->loops[0].config, etag);
    return c->if_match.len == 0 || slice_eq(c->if_match, SLICE("*")) ||
           slice_eq(c->if_match, slice_of(etag));
}

static void replace_arrives(void *arg)
{
    struct change *c = arg;
    bool busy = c->routing->busy;
    if (busy || !matches(c)) {
        c->why = busy ? BUSY : CONFLICT;
        loop_post(c->asked_on, answer, c);
        return;
    }
    c->routing->busy = true;
    begin(c);
}

void routing_replace(struct routing *r, struct loop *loop, struct slice text, struct slice if_match,
                     routing_fn *fn, void *arg)
{
    struct change *c = MEMORY_NEW(struct change);
    c->routing = r;
    c->text = arena_copy(&c->arena, text);
    c->if_match = arena_copy(&c->arena, if_match);
    c->asked_on = loop;
    c->fn = fn;
    c->arg = arg;
    loop_post(r->setup.loops[0], replace_arrives, c);
}
