#include "discovery/resume.h"

#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "json/write.h"

struct resume {
    struct loop *loop;
    char *path;
    struct buffer next; /* to be written when the thread is back; empty: the file is to go */
    bool changed;       /* `next` is newer than what is being written */
    struct buffer writing;
    bool busy, gone;
};

/* ---- on the helper thread ---- */

static void run(void *arg)
{
    struct resume *r = arg;
    if (r->writing.len == 0)
        unlink(r->path);
    else if (file_write(r->path, buffer_slice(&r->writing)) != OK)
        log_debug("a discovery's progress is not kept path=%s", r->path);
}

/* ---- on the loop ---- */

static void forget(struct resume *r)
{
    buffer_clear(&r->next);
    buffer_clear(&r->writing);
    free(r->path);
    free(r);
}

static void drop(void *arg)
{
    struct resume *r = arg;
    r->busy = false;
    if (r->gone)
        forget(r);
}

static void write_next(struct resume *r);

static void done(void *arg)
{
    struct resume *r = arg;
    r->busy = false;
    if (r->changed)
        write_next(r);
    else if (r->gone)
        forget(r);
}

static void write_next(struct resume *r)
{
    if (r->busy)
        return;
    struct buffer spare = r->writing;
    r->writing = r->next;
    r->next = spare;
    buffer_reset(&r->next);
    r->changed = false;
    r->busy = true;
    loop_work_or_drop(r->loop, run, done, drop, r);
}

static void put_ranges(struct json_writer *w, const struct plan *p)
{
    struct buffer text = {0};
    discovery_ranges_print_addresses(&p->addresses, &text);
    json_name(w, "addresses"), json_put_string(w, buffer_slice(&text));
    buffer_reset(&text);
    discovery_ranges_print_ports(&p->ports, &text);
    json_name(w, "ports"), json_put_string(w, buffer_slice(&text));
    buffer_clear(&text);
}

void discovery_resume_save(struct resume *r, const struct plan *plan, const struct resume_state *state)
{
    if (r == NULL)
        return;
    buffer_reset(&r->next);
    struct json_writer w = json_writer(&r->next);
    json_object(&w);
    json_name(&w, "recurring"), json_put_bool(&w, state->recurring);
    if (!state->recurring)
        json_name(&w, "request"), json_put_raw(&w, state->request);
    put_ranges(&w, plan);
    json_name(&w, "seed"), json_put_u64(&w, state->position.seed);
    json_name(&w, "next"), json_put_u64(&w, state->position.next);
    json_name(&w, "found"), json_array(&w);
    for (size_t i = 0; i < state->found_count; i++)
        json_put_string(&w, state->found[i]);
    json_end_array(&w);
    json_end_object(&w);
    r->changed = true;
    write_next(r);
}

void discovery_resume_forget(struct resume *r)
{
    if (r == NULL)
        return;
    buffer_reset(&r->next);
    r->changed = true;
    write_next(r);
}

/* ---- what was left ---- */

static void read_found(const struct json *list, struct arena *a, struct resume_state *out)
{
    struct slice *found = ARENA_TAKE_N(a, struct slice, json_count(list) + 1);
    out->found = found;
    for (struct json_walk w = json_walk(list); json_next(&w);)
        if (json_string(w.value).len)
            found[out->found_count++] = arena_copy(a, json_string(w.value));
}

static enum status read_state(const struct json *root, struct arena *a, struct resume_state *out)
{
    const struct json *request = json_get(root, "request");
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    *out = (struct resume_state){.recurring = json_bool(json_get(root, "recurring"), false)};
    if (!json_u64(json_get(root, "seed"), &out->position.seed) || !json_u64(json_get(root, "next"), &out->position.next) ||
        out->position.seed == 0 || (!out->recurring && !json_is(request, JSON_OBJECT)))
        return BAD_FORMAT;
    if (!out->recurring)
        json_put_value(&w, request);
    out->request = arena_copy(a, buffer_slice(&text));
    buffer_clear(&text);
    read_found(json_get(root, "found"), a, out);
    return OK;
}

enum status discovery_resume_read(const char *path, struct arena *a, struct resume_state *out, struct slice *addresses,
                                  struct slice *ports)
{
    struct buffer text = {0};
    struct json_doc *doc = NULL;
    if (path == NULL || access(path, F_OK) != 0)
        return NOT_FOUND;
    enum status s = file_read(path, &text);
    if (s == OK)
        s = json_parse(buffer_slice(&text), JSON_STRICT, &doc, NULL);
    if (s == OK)
        s = read_state(json_root(doc), a, out);
    if (s == OK) {
        *addresses = arena_copy(a, json_string(json_get(json_root(doc), "addresses")));
        *ports = arena_copy(a, json_string(json_get(json_root(doc), "ports")));
    } else {
        log_warn("what a discovery left is not read path=%s why=%s", path, status_name(s));
    }
    json_free(&doc);
    buffer_clear(&text);
    return s;
}

bool discovery_resume_fits(const struct plan *plan, struct slice addresses, struct slice ports)
{
    struct buffer a = {0}, p = {0};
    discovery_ranges_print_addresses(&plan->addresses, &a);
    discovery_ranges_print_ports(&plan->ports, &p);
    bool fits = slice_eq(buffer_slice(&a), addresses) && slice_eq(buffer_slice(&p), ports);
    buffer_clear(&a);
    buffer_clear(&p);
    return fits;
}

/* ---- beginning and end ---- */

struct resume *discovery_resume_open(struct loop *loop, const char *path)
{
    if (path == NULL || path[0] == '\0')
        return NULL;
    char *folder = memory_text(path);
    enum status s = file_make_directory(dirname(folder));
    free(folder);
    if (s != OK) {
        log_warn("a discovery's progress is not kept: no folder path=%s", path);
        return NULL;
    }
    struct resume *r = MEMORY_NEW(struct resume);
    r->loop = loop;
    r->path = memory_text(path);
    return r;
}

void discovery_resume_close(struct resume **out)
{
    struct resume *r = *out;
    if (r == NULL)
        return;
    *out = NULL;
    r->gone = true;
    if (!r->busy)
        forget(r);
}
