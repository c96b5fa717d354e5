#include "services/fleet.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "json/write.h"

struct known {
    struct services_fleet_member *members;
    size_t count, cap;
};

struct asker {
    struct link link;
    struct services_fleet *fleet;
    services_fleet_fn *fn;
    void *arg;
    struct loop_timer late; /* of who does not wait for ever */
};

/* Modules first, and with them $edgeHub, which every edge device has: names are what the hub looks up fast, where it
 * would have to go through all devices for those that are edges. Then those devices, so many at a time. */
#define EDGE_HUB "$edgeHub"
#define DEVICES_MAX 100
#define PAGE_MS 20000  /* for the hub to tell one, as large as it makes them: it gives the most that it may to who names no number */
#define LOOK_MS 600000 /* for all pages together, while each comes in time: thousands of modules are many */

struct services_fleet {
    struct loop *loop;
    struct service_client *hub;
    uint64_t brief_ms, wait_ms, page_ms;
    struct buffer modules; /* the body of that question */
    struct known known;
    bool ever;         /* something is known, */
    bool fresh;        /* and nothing was changed since */
    uint64_t known_ms; /* when it was asked for, */
    uint64_t told_ms;  /* and told: a look at many takes longer than it may be old */
    /* While the hub is asked: */
    bool asking;
    bool outdated; /* what comes is to be forgotten: something was changed since it was asked for */
    struct buffer question, continuation;
    struct known found;
    char **edges; /* devices that are not asked for yet */
    size_t edge_count, edge_cap;
    uint64_t asked_ms;
    struct list askers;
    struct list later; /* who is content with nothing that was asked for before they came */
};

static void ask_page(struct services_fleet *f);

static void forget(struct known *k)
{
    for (size_t i = 0; i < k->count; i++) {
        free(k->members[i].device);
        free(k->members[i].module);
        free(k->members[i].type);
        free(k->members[i].twin);
    }
    free(k->members);
    *k = (struct known){0};
}

struct slice services_fleet_type(const struct json *twin)
{
    return json_string(json_get(json_get(json_get(twin, "properties"), "reported"), "__type__"));
}

static void put_properties(struct json_writer *w, const struct json *properties, const char *which)
{
    json_name(w, which), json_object(w);
    for (struct json_walk each = json_walk(json_get(properties, which)); json_next(&each);)
        if (each.name.len && each.name.at[0] != '$') /* "$metadata", "$version" */
            json_name_slice(w, each.name), json_put_value(w, each.value);
    json_end_object(w);
}

/* What changes without anybody's doing, such as when it was there last, is left out. */
static char *text_of(const struct json *twin)
{
    const struct json *tags = json_get(twin, "tags"), *properties = json_get(twin, "properties");
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    json_object(&w);
    json_member(&w, "deviceId", json_string(json_get(twin, "deviceId")));
    if (tags)
        json_name(&w, "tags"), json_put_value(&w, tags);
    json_name(&w, "properties"), json_object(&w);
    put_properties(&w, properties, "desired");
    put_properties(&w, properties, "reported");
    json_end_object(&w);
    json_end_object(&w);
    char *copy = slice_dup(buffer_slice(&text));
    buffer_clear(&text);
    return copy;
}

static void keep(struct known *k, const struct json *twin)
{
    if (k->count == FLEET_MAX)
        return;
    if (k->count == k->cap) {
        k->cap = k->cap ? 2 * k->cap : 64;
        k->members = memory_resize(k->members, k->cap * sizeof(*k->members));
    }
    struct slice module = json_string(json_get(twin, "moduleId"));
    struct slice state = json_string(json_get(twin, "connectionState"));
    struct slice type = services_fleet_type(twin);
    k->members[k->count++] = (struct services_fleet_member){
        .device = slice_dup(json_string(json_get(twin, "deviceId"))),
        .module = module.len ? slice_dup(module) : NULL,
        .type = type.len ? slice_dup(type) : NULL,
        .connected = slice_eq(state, SLICE("Connected")),
        .twin = text_of(twin),
    };
    struct services_fleet_member *m = &k->members[k->count - 1];
    m->hash = slice_hash(slice_of(m->twin)) ^ m->connected;
    if (k->count == FLEET_MAX)
        log_warn("the hub has more edge modules than are looked at max=%d", FLEET_MAX);
}

static void note_edge(struct services_fleet *f, struct slice device)
{
    if (f->edge_count == FLEET_MAX)
        return;
    if (f->edge_count == f->edge_cap) {
        f->edge_cap = f->edge_cap ? 2 * f->edge_cap : 64;
        f->edges = memory_resize(f->edges, f->edge_cap * sizeof(*f->edges));
    }
    f->edges[f->edge_count++] = slice_dup(device);
}

static void take(struct services_fleet *f, const struct json *twin)
{
    if (slice_eq(json_string(json_get(twin, "moduleId")), SLICE(EDGE_HUB)))
        note_edge(f, json_string(json_get(twin, "deviceId")));
    else
        keep(&f->found, twin);
}

/* ---- asking the hub ---- */

static void ask(struct services_fleet *f);

static void move_all(struct list *from, struct list *to)
{
    for (struct link *l; (l = list_pop(from));)
        list_push(to, l);
}

static void tell_known(const struct services_fleet *f, services_fleet_fn *fn, void *arg)
{
    struct services_fleet_list list = {f->known.members, f->known.count};
    fn(arg, OK, &list);
}

static void tell(struct services_fleet *f, struct list *ready, enum status why)
{
    for (struct link *l; (l = list_pop(ready));) {
        struct asker *a = LIST_OF(l, struct asker, link);
        loop_timer_stop(&a->late);
        if (why == OK)
            tell_known(f, a->fn, a->arg);
        else
            a->fn(a->arg, why, NULL);
        free(a);
    }
}

static void forget_edges(struct services_fleet *f)
{
    while (f->edge_count)
        free(f->edges[--f->edge_count]);
}

/* Who waits for a later look gets it first: who is told now may ask, too. */
static void end(struct services_fleet *f, enum status why)
{
    struct list ready;
    list_init(&ready);
    f->asking = false;
    forget_edges(f);
    if (why == OK) {
        forget(&f->known);
        f->known = f->found;
        f->found = (struct known){0};
        f->known_ms = f->asked_ms;
        f->told_ms = loop_now_ms(f->loop);
        f->ever = true;
        f->fresh = !f->outdated;
    } else {
        forget(&f->found);
        log_warn("the hub's modules not looked up why=%s", status_name(why));
    }
    move_all(&f->askers, &ready);
    move_all(&f->later, why == CANCELLED ? &ready : &f->askers);
    if (!list_empty(&f->askers))
        ask(f);
    tell(f, &ready, why);
}

static void put_question(struct buffer *out, const char *query)
{
    struct json_writer w = json_writer(out);
    buffer_reset(out);
    json_object(&w);
    json_name(&w, "query"), json_put_text(&w, query);
    json_end_object(&w);
}

/* The next devices; false: all were asked for. */
static bool put_next_question(struct services_fleet *f)
{
    struct buffer query = {0};
    if (f->edge_count == 0)
        return false;
    buffer_text(&query, "SELECT * FROM devices WHERE deviceId IN [");
    for (size_t n = 0; n < DEVICES_MAX && f->edge_count; n++) {
        char *device = f->edges[--f->edge_count];
        buffer_printf(&query, "%s\"%s\"", n ? ", " : "", device);
        free(device);
    }
    buffer_text(&query, "]");
    put_question(&f->question, buffer_cstr(&query));
    buffer_clear(&query);
    return true;
}

static void on_page(void *arg, enum status why, const struct rest_answer *a)
{
    struct services_fleet *f = arg;
    struct json_doc *doc = NULL;
    if (why == OK && json_parse(a->body, JSON_STRICT, &doc, NULL) != OK)
        why = PEER_FAILED;
    if (why != OK) {
        end(f, why);
        return;
    }
    for (struct json_walk w = json_walk(json_root(doc)); json_next(&w);)
        take(f, w.value);
    json_free(&doc);
    buffer_reset(&f->continuation);
    buffer_put(&f->continuation, rest_answer_header(a, "x-ms-continuation"));
    if (f->continuation.len == 0 && !put_next_question(f))
        end(f, OK);
    else if (f->found.count < FLEET_MAX)
        ask_page(f);
    else
        end(f, OK);
}

static void ask_page(struct services_fleet *f)
{
    uint64_t took = loop_now_ms(f->loop) - f->asked_ms;
    if (took >= LOOK_MS) {
        end(f, TIMED_OUT);
        return;
    }
    struct service_call call = {.method = "POST",
                                .path = "/devices/query",
                                .body = buffer_slice(&f->question),
                                .timeout_ms = LOOK_MS - took < f->page_ms ? LOOK_MS - took : f->page_ms,
                                .continuation =
                                    f->continuation.len ? buffer_cstr(&f->continuation) : NULL};
    enum status s = service_client_request(f->hub, &call, on_page, f);
    if (s != OK)
        end(f, s);
}

static void ask(struct services_fleet *f)
{
    f->asking = true;
    f->outdated = false;
    buffer_reset(&f->question);
    buffer_put(&f->question, buffer_slice(&f->modules));
    f->asked_ms = loop_now_ms(f->loop);
    buffer_reset(&f->continuation);
    ask_page(f);
}

void services_fleet_forget(struct services_fleet *f)
{
    f->fresh = false;
    f->outdated = true;
}

static bool is_known(const struct services_fleet *f, uint64_t age_ms)
{
    return f->fresh && loop_now_ms(f->loop) < f->known_ms + age_ms;
}

static bool has_old(const struct services_fleet *f)
{
    return f->ever && loop_now_ms(f->loop) < f->told_ms + FLEET_STALE_MS;
}

/* It cannot be of use for who comes now. */
static bool is_too_old(const struct services_fleet *f, uint64_t age_ms)
{
    return age_ms == 0 || f->outdated;
}

/* What is being told already does, unless it is older than what is wanted. */
static struct asker *queue_up(struct services_fleet *f, uint64_t age_ms, services_fleet_fn *fn, void *arg)
{
    struct asker *a = MEMORY_NEW(struct asker);
    a->fleet = f;
    a->fn = fn;
    a->arg = arg;
    list_push(f->asking && is_too_old(f, age_ms) ? &f->later : &f->askers, &a->link);
    return a;
}

void services_fleet_look(struct services_fleet *f, uint64_t age_ms, services_fleet_fn *fn,
                         void *arg)
{
    if (is_known(f, age_ms)) {
        tell_known(f, fn, arg);
        return;
    }
    queue_up(f, age_ms, fn, arg);
    if (!f->asking)
        ask(f);
}

static void on_late(void *arg)
{
    struct asker *a = arg;
    list_remove(&a->link);
    if (has_old(a->fleet))
        tell_known(a->fleet, a->fn, a->arg);
    else
        a->fn(a->arg, TIMED_OUT, NULL);
    free(a);
}

static void look_until(struct services_fleet *f, uint64_t age_ms, uint64_t until, services_fleet_fn *fn, void *arg)
{
    uint64_t now = loop_now_ms(f->loop);
    struct asker *a = queue_up(f, age_ms, fn, arg);
    loop_timer_start(f->loop, &a->late, until > now ? until - now : 0, on_late, a);
    if (!f->asking)
        ask(f);
}

void services_fleet_look_a_while(struct services_fleet *f, uint64_t age_ms, services_fleet_fn *fn, void *arg)
{
    if (is_known(f, age_ms))
        tell_known(f, fn, arg);
    else
        look_until(f, age_ms, loop_now_ms(f->loop) + f->wait_ms, fn, arg);
}

void services_fleet_look_briefly(struct services_fleet *f, services_fleet_fn *fn, void *arg)
{
    bool waits_for_this = f->asking && !is_too_old(f, FLEET_AGE_MS);
    uint64_t since = waits_for_this ? f->asked_ms : loop_now_ms(f->loop);
    if (is_known(f, FLEET_AGE_MS))
        tell_known(f, fn, arg);
    else
        look_until(f, FLEET_AGE_MS, since + f->brief_ms, fn, arg);
}

/* ---- beginning and end ---- */

static void put_modules(struct services_fleet *f, const char *const modules[3])
{
    struct buffer query = {0};
    buffer_text(&query, "SELECT * FROM devices.modules WHERE properties.reported.__type__ IN "
                        "['supervisor', 'discoverer', 'publisher', 'OpcPublisher'] OR moduleId IN ['" EDGE_HUB "'");
    for (size_t i = 0; i < 3 && modules[i]; i++)
        buffer_printf(&query, ", \"%s\"", modules[i]);
    buffer_text(&query, "]");
    put_question(&f->modules, buffer_cstr(&query));
    buffer_clear(&query);
}

struct services_fleet *services_fleet_new(const struct services_fleet_config *config)
{
    struct services_fleet *f = MEMORY_NEW(struct services_fleet);
    f->loop = config->loop;
    f->hub = config->hub;
    f->brief_ms = config->brief_ms ? config->brief_ms : FLEET_BRIEF_MS;
    f->wait_ms = config->wait_ms ? config->wait_ms : FLEET_WAIT_MS;
    f->page_ms = config->page_ms ? config->page_ms : PAGE_MS;
    list_init(&f->askers);
    list_init(&f->later);
    put_modules(f, config->modules);
    return f;
}

void services_fleet_free(struct services_fleet **fleet)
{
    struct services_fleet *f = *fleet;
    if (f == NULL)
        return;
    move_all(&f->later, &f->askers);
    tell(f, &f->askers, CANCELLED);
    forget(&f->known);
    forget(&f->found);
    forget_edges(f);
    free(f->edges);
    buffer_clear(&f->modules);
    buffer_clear(&f->question);
    buffer_clear(&f->continuation);
    free(f);
    *fleet = NULL;
}
