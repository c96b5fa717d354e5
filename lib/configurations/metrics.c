#include "configurations/metrics.h"

#include <stdlib.h>

#include "base/memory.h"
#include "query/query.h"
#include "json/json.h"
#include "json/write.h"

/* One query of one configuration. */
struct metric {
    size_t configuration;
    struct slice name, text;
    uint64_t count;
    bool works;
};

struct counting {
    struct registry *registry;
    struct loop *loop;
    struct arena arena;
    struct json_doc *doc;
    struct metric *metrics;
    size_t count, at;
    struct slice continuation;
    configuration_metrics_fn *fn;
    void *arg;
};

/* ---- the document, with what was counted ---- */

static void put_results(const struct counting *c, size_t configuration, struct json_writer *w)
{
    json_object(w);
    for (size_t n = 0; n < c->count; n++)
        if (c->metrics[n].configuration == configuration && c->metrics[n].works)
            json_name_slice(w, c->metrics[n].name), json_put_u64(w, c->metrics[n].count);
    json_end_object(w);
}

static void put_configuration(const struct counting *c, const struct json *one, size_t number,
                              struct json_writer *w)
{
    json_object(w);
    for (struct json_walk m = json_walk(one); json_next(&m);) {
        json_name_slice(w, m.name);
        if (!slice_eq(m.name, SLICE("metrics"))) {
            json_put_value(w, m.value);
            continue;
        }
        json_object(w);
        json_name(w, "results"), put_results(c, number, w);
        json_name(w, "queries"), json_put_value(w, json_get(m.value, "queries"));
        json_end_object(w);
    }
    json_end_object(w);
}

static void finish(struct counting *c, enum status why)
{
    const struct json *root = json_root(c->doc);
    struct buffer out = {0};
    struct json_writer w = json_writer(&out);
    size_t n = 0;
    if (json_is(root, JSON_ARRAY)) {
        json_array(&w);
        for (struct json_walk m = json_walk(root); json_next(&m);)
            put_configuration(c, m.value, n++, &w);
        json_end_array(&w);
    } else {
        put_configuration(c, root, 0, &w);
    }
    c->fn(c->arg, why, buffer_slice(&out));
    buffer_clear(&out);
    json_free(&c->doc);
    free(c->metrics);
    arena_clear(&c->arena);
    free(c);
}

/* ---- counting, a page after the other ---- */

static void next_page(struct counting *c);

static void on_page(void *arg, const struct query_answer *a)
{
    struct counting *c = arg;
    struct metric *m = &c->metrics[c->at];
    struct json_doc *rows = NULL;
    m->works = a->why == OK && json_parse(a->json, JSON_STRICT, &rows, NULL) == OK;
    m->count += json_count(json_root(rows));
    json_free(&rows);
    c->continuation = m->works ? arena_copy(&c->arena, a->continuation) : (struct slice){0};
    c->at += c->continuation.len == 0;
    next_page(c);
}

static void next_page(struct counting *c)
{
    if (c->at == c->count)
        finish(c, OK);
    else
        query_run(
            c->registry, c->loop,
            &(struct query_ask){.text = c->metrics[c->at].text, .continuation = c->continuation},
            on_page, c);
}

static void collect(struct counting *c, const struct json *one, size_t number)
{
    const struct json *queries = json_get(json_get(one, "metrics"), "queries");
    for (struct json_walk m = json_walk(queries); json_next(&m);) {
        c->metrics = memory_resize(c->metrics, (c->count + 1) * sizeof(*c->metrics));
        c->metrics[c->count++] = (struct metric){number, m.name, json_string(m.value), 0, false};
    }
}

void configuration_metrics(struct registry *r, struct loop *loop, struct slice json,
                           configuration_metrics_fn *fn, void *arg)
{
    struct counting *c = MEMORY_NEW(struct counting);
    c->registry = r;
    c->loop = loop;
    c->fn = fn;
    c->arg = arg;
    if (json_parse(json, JSON_STRICT, &c->doc, NULL) != OK) {
        finish(c, IO_FAILED);
        return;
    }
    const struct json *root = json_root(c->doc);
    size_t n = 0;
    if (json_is(root, JSON_ARRAY))
        for (struct json_walk m = json_walk(root); json_next(&m);)
            collect(c, m.value, n++);
    else
        collect(c, root, 0);
    next_page(c);
}
