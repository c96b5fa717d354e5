#include "services/mirror.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "json/write.h"

#define AGAIN_MS 1000
#define AGAIN_MS_MAX 60000
#define QUERY "{\"query\":\"SELECT * FROM devices WHERE tags.DeviceType IN ['Application', 'Endpoint']\"}"

struct mirror {
    struct mirror_config config;
    struct loop_timer timer; /* the next look, or the next try */
    struct buffer items;     /* that are being written, as the registry gave them */
    struct buffer continuation;
    uint64_t pass; /* wall clock; 0: not looking */
    uint64_t again_ms;
    struct mirror_counts counts;
    bool busy;    /* something is asked: of the hub, or of the registry */
    bool failing; /* and said so */
    bool gone;    /* freed while the registry was asked */
};

static void look(void *arg);
static void write_next(struct mirror *m);
static void ask_page(struct mirror *m);

/* ---- what both ways share ---- */

static void forget(struct mirror *m)
{
    buffer_clear(&m->items);
    buffer_clear(&m->continuation);
    free(m);
}

static bool is_gone(struct mirror *m)
{
    bool gone = m->gone;
    m->busy = false;
    if (gone)
        forget(m);
    return gone;
}

static void resume(void *arg)
{
    struct mirror *m = arg;
    if (m->counts.looked)
        write_next(m);
    else
        look(m);
}

/* A look through the hub begins anew; what is to be written is still marked. */
static void fail(struct mirror *m, const char *what, enum status why)
{
    m->busy = false;
    m->pass = 0;
    if (!m->failing)
        log_warn("the registry's twins in the hub are behind: %s why=%s", what, status_name(why));
    m->failing = true;
    m->again_ms = m->again_ms ? m->again_ms * 2 : AGAIN_MS;
    if (m->again_ms > AGAIN_MS_MAX)
        m->again_ms = AGAIN_MS_MAX;
    loop_timer_start(m->config.loop, &m->timer, m->again_ms, resume, m);
}

static void went_well(struct mirror *m)
{
    if (m->failing)
        log_info("the registry's twins in the hub are written again");
    m->failing = false;
    m->again_ms = 0;
}

static void rest(struct mirror *m)
{
    loop_timer_start(m->config.loop, &m->timer, MIRROR_LOOK_MS, look, m);
}

static void ask_registry(struct mirror *m, enum services_registry_what what, struct slice body,
                         services_registry_fn *fn)
{
    m->busy = true;
    services_registry_ask(m->config.registry,
                          &(struct services_registry_ask){.what = what, .body = body, .pass = m->pass}, fn, m);
}

static void ask_hub(struct mirror *m, const struct service_call *call, service_client_fn *fn, const char *what)
{
    m->busy = true;
    enum status s = service_client_request(m->config.hub, call, fn, m);
    if (s != OK)
        fail(m, what, s);
}

/* ---- writing: a batch of what is marked, until nothing is ---- */

static void on_noted(void *arg, enum status why, struct slice json)
{
    struct mirror *m = arg;
    (void)json;
    if (is_gone(m))
        return;
    if (why == OK)
        write_next(m);
    else
        fail(m, "the database does not note what was written", why);
}

/* The answer of bulk operations: {"isSuccessful":…,"errors":[…]}. */
static void on_written(void *arg, enum status why, const struct rest_answer *a)
{
    struct mirror *m = arg;
    struct json_doc *answer = NULL, *items = NULL;
    if (a && json_parse(a->body, JSON_STRICT, &answer, NULL) != OK)
        answer = NULL;
    const struct json *errors = json_get(json_root(answer), "errors");
    if (!json_is(json_get(json_root(answer), "isSuccessful"), JSON_BOOL) ||
        json_parse(buffer_slice(&m->items), JSON_STRICT, &items, NULL) != OK) {
        fail(m, "it does not carry out bulk operations", why == OK ? PEER_FAILED : why);
    } else {
        went_well(m);
        size_t count = json_count(json_get(json_root(items), "items")), refused = json_count(errors);
        m->counts.refused += refused;
        m->counts.written += count > refused ? count - refused : 0;
        struct buffer body = {0};
        struct json_writer w = json_writer(&body);
        json_object(&w);
        json_name(&w, "items"), json_put_value(&w, json_get(json_root(items), "items"));
        if (errors)
            json_name(&w, "errors"), json_put_value(&w, errors);
        json_end_object(&w);
        ask_registry(m, REGISTRY_MIRROR_WRITTEN, buffer_slice(&body), on_noted);
        buffer_clear(&body);
    }
    json_free(&items);
    json_free(&answer);
}

/* An ExportImportDevice. */
static void put_item(struct json_writer *w, const struct json *item)
{
    struct json_walk change = json_walk(json_get(item, "change"));
    json_object(w);
    json_name(w, "id"), json_put_value(w, json_get(item, "id"));
    json_name(w, "importMode"), json_put_value(w, json_get(item, "mode"));
    while (json_next(&change))
        json_name_slice(w, change.name), json_put_value(w, change.value);
    json_end_object(w);
}

static void send(struct mirror *m, const struct json *items)
{
    struct buffer body = {0};
    struct json_writer w = json_writer(&body);
    json_array(&w);
    for (struct json_walk each = json_walk(items); json_next(&each);)
        put_item(&w, each.value);
    json_end_array(&w);
    ask_hub(m, &(struct service_call){.method = "POST", .path = "/devices", .body = buffer_slice(&body)}, on_written,
            "it is not reached");
    buffer_clear(&body);
}

static void on_next(void *arg, enum status why, struct slice json)
{
    struct mirror *m = arg;
    struct json_doc *doc = NULL;
    if (is_gone(m))
        return;
    if (why == OK)
        why = json_parse(json, JSON_STRICT, &doc, NULL);
    if (why != OK) {
        fail(m, "the database does not tell what to write", why);
        return;
    }
    const struct json *items = json_get(json_root(doc), "items");
    uint64_t waiting = 0;
    (void)json_u64(json_get(json_root(doc), "waiting"), &waiting);
    m->counts.waiting = (size_t)waiting;
    buffer_reset(&m->items);
    buffer_put(&m->items, json);
    if (json_count(items) > 0)
        send(m, items);
    else if (waiting > 0)
        write_next(m); /* those were as they should be */
    else
        rest(m);
    json_free(&doc);
}

static void write_next(struct mirror *m)
{
    ask_registry(m, REGISTRY_MIRROR_NEXT, (struct slice){0}, on_next);
}

static void on_changed(void *arg)
{
    struct mirror *m = arg;
    if (m->busy || m->failing || !m->counts.looked)
        return;
    loop_timer_stop(&m->timer);
    write_next(m);
}

/* ---- looking through the hub, page by page ---- */

static void on_swept(void *arg, enum status why, struct slice json)
{
    struct mirror *m = arg;
    (void)json;
    if (is_gone(m))
        return;
    m->pass = 0;
    if (why != OK) {
        fail(m, "the database does not note what the hub has", why);
        return;
    }
    m->counts.looked = true;
    write_next(m);
}

static void on_learnt(void *arg, enum status why, struct slice json)
{
    struct mirror *m = arg;
    (void)json;
    if (is_gone(m))
        return;
    if (why != OK)
        fail(m, "the database does not note what the hub has", why);
    else if (m->continuation.len)
        ask_page(m);
    else
        ask_registry(m, REGISTRY_MIRROR_SWEEP, (struct slice){0}, on_swept);
}

static void on_page(void *arg, enum status why, const struct rest_answer *a)
{
    struct mirror *m = arg;
    if (why != OK) {
        fail(m, "it is not reached, or does not tell its twins", why);
        return;
    }
    went_well(m);
    buffer_reset(&m->continuation);
    buffer_put(&m->continuation, rest_answer_header(a, "x-ms-continuation"));
    ask_registry(m, REGISTRY_MIRROR_LEARN, a->body, on_learnt);
}

static void ask_page(struct mirror *m)
{
    ask_hub(m,
            &(struct service_call){.method = "POST",
                                   .path = "/devices/query",
                                   .body = SLICE(QUERY),
                                   .continuation = m->continuation.len ? buffer_cstr(&m->continuation) : NULL},
            on_page, "it is not reached");
}

static void look(void *arg)
{
    struct mirror *m = arg;
    m->counts.looked = false;
    m->pass = loop_wall_ms(m->config.loop);
    buffer_reset(&m->continuation);
    ask_page(m);
}

/* ---- beginning and end ---- */

struct mirror *mirror_new(const struct mirror_config *config)
{
    struct mirror *m = MEMORY_NEW(struct mirror);
    m->config = *config;
    services_registry_on_changed(config->registry, on_changed, m);
    loop_timer_start(config->loop, &m->timer, 0, look, m);
    return m;
}

void mirror_free(struct mirror **out)
{
    struct mirror *m = *out;
    if (m == NULL)
        return;
    *out = NULL;
    services_registry_on_changed(m->config.registry, NULL, NULL);
    loop_timer_stop(&m->timer);
    m->gone = true;
    if (!m->busy)
        forget(m);
}

struct mirror_counts mirror_counts(const struct mirror *m)
{
    struct mirror_counts counts = m->counts;
    counts.busy = m->busy || m->failing;
    return counts;
}
