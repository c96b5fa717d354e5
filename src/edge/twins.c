#include "edge/twins.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "json/json.h"
#include "json/merge.h"

struct copy {
    char *key;
    struct buffer twin;    /* the device's view */
    struct buffer pending; /* a merge patch of reported properties; empty: nothing */
};

/* A report that waits for the file. */
struct waiting {
    struct link link;
    edge_twins_fn *fn;
    void *arg;
    uint64_t version;
};

struct edge_twins {
    struct loop *loop;
    char *path; /* NULL: nothing on disk */
    struct map copies;
    struct list waiting; /* for the next save */
    struct list saving;  /* for the save under way */
    bool save_queued, save_running;
    struct buffer image; /* what the save under way writes */
    enum status saved;
};

/* ---- the copies ---- */

static struct copy *copy_of(struct edge_twins *t, struct iot_id id, bool make)
{
    struct buffer key = {0};
    iot_id_print(id, &key);
    struct copy *c = map_get(&t->copies, buffer_slice(&key));
    if (c == NULL && make) {
        c = MEMORY_NEW(struct copy);
        c->key = slice_dup(buffer_slice(&key));
        map_put(&t->copies, slice_of(c->key), c);
    }
    buffer_clear(&key);
    return c;
}

static void set(struct buffer *b, struct slice to)
{
    struct buffer fresh = {0};
    buffer_put(&fresh, to);
    buffer_clear(b);
    *b = fresh;
}

/* 0: it is not there. */
static uint64_t version_of(const struct json *twin, const char *section)
{
    uint64_t v = 0;
    json_u64(json_get(json_get(twin, section), "$version"), &v);
    return v;
}

static uint64_t copy_version(const struct copy *c, const char *section)
{
    struct json_doc *doc = NULL;
    uint64_t v = 0;
    if (c && json_parse(buffer_slice(&c->twin), JSON_STRICT, &doc, NULL) == OK)
        v = version_of(json_root(doc), section);
    json_free(&doc);
    return v;
}

/* The twin with `patch` merged into `section`, whose version becomes `version`. */
static void patched(struct copy *c, const char *section, struct slice patch, uint64_t version)
{
    struct buffer wrapped = {0}, merged = {0};
    struct buffer change = {0};
    buffer_printf(&change, "{\"$version\":%llu}", (unsigned long long)version);
    struct slice start =
        c->twin.len ? buffer_slice(&c->twin)
                    : SLICE("{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    buffer_printf(&wrapped, "{\"%s\":%.*s}", section, SLICE_FMT(patch));
    if (json_merge_text(start, buffer_slice(&wrapped), &merged) == OK) {
        buffer_reset(&wrapped);
        buffer_printf(&wrapped, "{\"%s\":%.*s}", section, SLICE_FMT(buffer_slice(&change)));
        struct buffer stamped = {0};
        if (json_merge_text(buffer_slice(&merged), buffer_slice(&wrapped), &stamped) == OK)
            set(&c->twin, buffer_slice(&stamped));
        buffer_clear(&stamped);
    }
    buffer_clear(&wrapped);
    buffer_clear(&merged);
    buffer_clear(&change);
}

/* ---- the file: one JSON object, written whole beside the old one and put in its place ---- */

static void write_file(void *arg)
{
    struct edge_twins *t = arg;
    t->saved = file_write(t->path, buffer_slice(&t->image));
}

static void print_all(struct edge_twins *t)
{
    buffer_reset(&t->image);
    struct json_writer w = json_writer(&t->image);
    json_object(&w);
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&t->copies, &at));) {
        struct copy *c = e->value;
        json_name_slice(&w, e->key);
        json_object(&w);
        if (c->twin.len)
            json_name(&w, "twin"), json_put_raw(&w, buffer_slice(&c->twin));
        if (c->pending.len)
            json_name(&w, "pending"), json_put_raw(&w, buffer_slice(&c->pending));
        json_end_object(&w);
    }
    json_end_object(&w);
}

static void save(void *arg);

static void answer(struct list *list, enum status why)
{
    for (struct link *l; (l = list_pop(list));) {
        struct waiting *w = LIST_OF(l, struct waiting, link);
        w->fn(w->arg, why, w->version);
        free(w);
    }
}

static void on_written(void *arg)
{
    struct edge_twins *t = arg;
    t->save_running = false;
    if (t->saved != OK)
        log_error("the twins could not be saved path=%s", t->path);
    answer(&t->saving, t->saved);
    if (t->save_queued)
        save(t);
}

static void save(void *arg)
{
    struct edge_twins *t = arg;
    if (t->save_running)
        return; /* on_written() goes on */
    t->save_queued = false;
    for (struct link *l; (l = list_pop(&t->waiting));)
        list_push(&t->saving, l);
    if (t->path == NULL) {
        answer(&t->saving, OK);
        return;
    }
    t->save_running = true;
    print_all(t);
    loop_work(t->loop, write_file, on_written, t);
}

static void changed(struct edge_twins *t)
{
    if (t->save_queued)
        return;
    t->save_queued = true;
    loop_post(t->loop, save, t);
}

static void load(struct edge_twins *t)
{
    struct buffer text = {0};
    struct json_doc *doc = NULL;
    enum status s = file_read(t->path, &text);
    if (s == OK)
        s = json_parse(buffer_slice(&text), JSON_STRICT, &doc, NULL);
    if (s == BAD_FORMAT)
        file_set_aside(t->path); /* they start empty and come again from the hub */
    for (struct json_walk w = json_walk(json_root(doc)); s == OK && json_next(&w);) {
        struct iot_id id;
        if (!iot_id_parse(w.name, &id))
            continue;
        struct copy *c = copy_of(t, id, true);
        const struct json *twin = json_get(w.value, "twin"),
                          *pending = json_get(w.value, "pending");
        struct json_writer tw = json_writer(&c->twin), pw = json_writer(&c->pending);
        if (twin)
            json_put_value(&tw, twin);
        if (pending)
            json_put_value(&pw, pending);
    }
    json_free(&doc);
    buffer_clear(&text);
}

enum status edge_twins_open(struct loop *loop, const char *path, struct edge_twins **out)
{
    struct edge_twins *t = MEMORY_NEW(struct edge_twins);
    t->loop = loop;
    list_init(&t->waiting);
    list_init(&t->saving);
    if (path) {
        t->path = memory_text(path);
        load(t);
    }
    *out = t;
    return OK;
}

void edge_twins_close(struct edge_twins **twins)
{
    struct edge_twins *t = *twins;
    if (t == NULL)
        return;
    edge_twins_cancel(t);
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&t->copies, &at));) {
        struct copy *c = e->value;
        buffer_clear(&c->twin);
        buffer_clear(&c->pending);
        free(c->key);
        free(c);
    }
    map_clear(&t->copies);
    buffer_clear(&t->image);
    free(t->path);
    free(t);
    *twins = NULL;
}

/* ---- what the header promises ---- */

struct slice edge_twins_get(struct edge_twins *t, struct iot_id id)
{
    struct copy *c = copy_of(t, id, false);
    return c ? buffer_slice(&c->twin) : (struct slice){0};
}

static void put_desired_change(struct slice before, struct slice after, struct buffer *change)
{
    struct json_doc *from = NULL, *to = NULL;
    if (json_parse(before, JSON_STRICT, &from, NULL) == OK &&
        json_parse(after, JSON_STRICT, &to, NULL) == OK) {
        const struct json *old = json_get(json_root(from), "desired"),
                          *new = json_get(json_root(to), "desired");
        struct json_writer w = json_writer(change);
        if (!json_equal(old, new))
            json_difference(old, new, &w);
    }
    json_free(&from);
    json_free(&to);
}

void edge_twins_set(struct edge_twins *t, struct iot_id id, struct slice json,
                    struct buffer *change)
{
    struct copy *c = copy_of(t, id, true);
    struct buffer before = c->twin;
    c->twin = (struct buffer){0};
    buffer_put(&c->twin, json);
    if (c->pending.len)
        patched(c, "reported", buffer_slice(&c->pending), copy_version(c, "reported") + 1);
    if (!slice_eq(buffer_slice(&before), buffer_slice(&c->twin))) {
        put_desired_change(buffer_slice(&before), buffer_slice(&c->twin), change);
        changed(t);
    }
    buffer_clear(&before);
}

enum status edge_twins_desired(struct edge_twins *t, struct iot_id id, struct slice patch,
                               uint64_t version)
{
    struct copy *c = copy_of(t, id, false);
    uint64_t known = copy_version(c, "desired");
    if (known && version <= known)
        return EXISTS;
    if (known == 0 || version > known + 1)
        return CONFLICT;
    patched(c, "desired", patch, version);
    changed(t);
    return OK;
}

void edge_twins_reported(struct edge_twins *t, struct iot_id id, struct slice patch,
                         uint64_t version)
{
    struct copy *c = copy_of(t, id, false);
    if (c == NULL || c->twin.len == 0)
        return; /* it comes with the whole twin */
    patched(c, "reported", patch, version);
    changed(t);
}

static bool is_object(struct slice patch)
{
    struct json_doc *doc = NULL;
    bool yes =
        json_parse(patch, JSON_STRICT, &doc, NULL) == OK && json_is(json_root(doc), JSON_OBJECT);
    json_free(&doc);
    return yes;
}

static void add_pending(struct copy *c, struct slice patch)
{
    struct buffer both = {0};
    if (json_merge_patches(buffer_slice(&c->pending), patch, &both) == OK)
        set(&c->pending, buffer_slice(&both));
    buffer_clear(&both);
}

void edge_twins_report(struct edge_twins *t, struct iot_id id, struct slice patch,
                       edge_twins_fn *fn, void *arg)
{
    struct copy *c = copy_of(t, id, true);
    struct waiting *w = MEMORY_NEW(struct waiting);
    w->fn = fn;
    w->arg = arg;
    if (!is_object(patch)) {
        fn(arg, BAD_FORMAT, 0);
        free(w);
        return;
    }
    w->version = copy_version(c, "reported");
    w->version = w->version ? w->version + (c->pending.len == 0) : 2;
    patched(c, "reported", patch, w->version);
    add_pending(c, patch);
    list_push(&t->waiting, &w->link);
    changed(t);
}

struct slice edge_twins_pending(struct edge_twins *t, struct iot_id id)
{
    struct copy *c = copy_of(t, id, false);
    return c ? buffer_slice(&c->pending) : (struct slice){0};
}

void edge_twins_flushed(struct edge_twins *t, struct iot_id id, uint64_t version)
{
    struct copy *c = copy_of(t, id, false);
    if (c == NULL || c->pending.len == 0)
        return;
    if (version)
        patched(c, "reported", buffer_slice(&c->pending), version);
    buffer_clear(&c->pending);
    changed(t);
}

void edge_twins_cancel(struct edge_twins *t)
{
    answer(&t->saving, CANCELLED);
    answer(&t->waiting, CANCELLED);
}
