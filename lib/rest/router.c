#include "rest/router.h"

#include <assert.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"

struct entry {
    struct entry *next;
    const struct rest_route *route;
    void *app;
    struct slice method;
    struct slice names[REST_PARAMS_MAX];
    size_t name_count;
};

struct node {
    struct node *next; /* sibling */
    struct slice word; /* empty for {name} and {name*} */
    struct node *words;
    struct node *any;
    struct node *rest;
    struct entry *entries;
};

struct rest_router {
    struct node root;
    struct node last; /* of the tables that are asked last */
    bool streams;
};

/* ---- building ---- */

static struct node *child(struct node **list, struct slice word)
{
    while (*list && !slice_eq_nocase((*list)->word, word))
        list = &(*list)->next;
    if (*list == NULL) {
        *list = MEMORY_NEW(struct node);
        (*list)->word = word;
    }
    return *list;
}

static bool is_name(struct slice segment)
{
    return segment.len > 2 && segment.at[0] == '{' && segment.at[segment.len - 1] == '}';
}

static struct node *step(struct node *n, struct slice segment, struct entry *e)
{
    if (!is_name(segment))
        return child(&n->words, segment);
    assert(e->name_count < REST_PARAMS_MAX);
    struct slice name = slice_from(segment.at + 1, segment.len - 2);
    bool rest = slice_ends(name, SLICE("*"));
    e->names[e->name_count++] = slice_first(name, name.len - rest);
    return child(rest ? &n->rest : &n->any, SLICE(""));
}

static struct node *walk(struct node *n, const char *path, struct entry *e)
{
    struct slice left = slice_of(path), segment;
    while (left.len > 0 && slice_split(&left, '/', &segment))
        if (segment.len > 0)
            n = step(n, segment, e);
    return n;
}

static void add(struct rest_router *r, const struct rest_table *table,
                const struct rest_route *route)
{
    struct entry *e = MEMORY_NEW(struct entry);
    e->route = route;
    e->app = table->app;
    e->method = slice_of(route->method);
    r->streams |= route->stream_bytes > 0;
    struct node *n = walk(walk(table->last ? &r->last : &r->root, table->base ? table->base : "", e), route->path, e);
    for (const struct entry *other = n->entries; other; other = other->next)
        assert(!slice_eq(other->method, e->method));
    e->next = n->entries;
    n->entries = e;
}

struct rest_router *rest_router_new(const struct rest_table *tables, size_t count)
{
    struct rest_router *r = MEMORY_NEW(struct rest_router);
    for (size_t t = 0; t < count; t++)
        for (size_t i = 0; i < tables[t].count; i++)
            add(r, &tables[t], &tables[t].routes[i]);
    return r;
}

bool rest_router_streams(const struct rest_router *r)
{
    return r->streams;
}

static void clear(struct node *n)
{
    struct node *lists[] = {n->words, n->any, n->rest};
    for (size_t i = 0; i < 3; i++)
        for (struct node *c = lists[i], *next; c; c = next) {
            next = c->next;
            clear(c);
            free(c);
        }
    for (struct entry *e = n->entries, *next; e; e = next) {
        next = e->next;
        free(e);
    }
}

void rest_router_free(struct rest_router **r)
{
    if (*r == NULL)
        return;
    clear(&(*r)->root);
    clear(&(*r)->last);
    free(*r);
    *r = NULL;
}

/* ---- finding ---- */

#define ALLOW_MAX 16

struct search {
    struct slice method;
    bool head;
    struct arena *arena;
    struct slice path;
    struct slice segments[REST_SEGMENTS_MAX];
    size_t starts[REST_SEGMENTS_MAX]; /* in the path as sent: what a {name*} is cut from */
    size_t count;
    struct slice values[REST_PARAMS_MAX];
    size_t value_count;
    struct slice allow[ALLOW_MAX];
    size_t allow_count;
};

static void allowed(struct search *s, struct slice method)
{
    for (size_t i = 0; i < s->allow_count; i++)
        if (slice_eq(s->allow[i], method))
            return;
    if (s->allow_count < ALLOW_MAX)
        s->allow[s->allow_count++] = method;
}

static const struct entry *pick(const struct node *n, struct search *s)
{
    const struct entry *get = NULL;
    for (const struct entry *e = n->entries; e; e = e->next) {
        if (slice_eq(e->method, s->method))
            return e;
        if (s->head && slice_eq(e->method, SLICE("GET")))
            get = e;
        allowed(s, e->method);
    }
    return get;
}

static bool keep(struct search *s, struct slice value)
{
    if (s->value_count == REST_PARAMS_MAX)
        return false;
    s->values[s->value_count++] = value;
    return true;
}

/* Every node of the tree is visited once at most: its depth says which segment it is asked for. */
static const struct entry *descend(const struct node *n, struct search *s, size_t depth)
{
    if (depth == s->count)
        return pick(n, s);
    struct slice segment = s->segments[depth];
    const struct entry *found = NULL;
    for (const struct node *c = n->words; c && !found; c = c->next)
        if (slice_eq_nocase(c->word, segment))
            found = descend(c, s, depth + 1);
    size_t before = s->value_count;
    if (!found && n->any && segment.len > 0 && keep(s, segment))
        found = descend(n->any, s, depth + 1);
    if (found)
        return found;
    s->value_count = before;
    struct slice rest = slice_skip(s->path, s->starts[depth]);
    if (n->rest && keep(s, percent_decode_in(s->arena, rest)))
        found = pick(n->rest, s);
    if (!found)
        s->value_count = before;
    return found;
}

/* False when there are more than REST_SEGMENTS_MAX. A trailing slash does not count. */
static bool divide(struct search *s, struct slice path)
{
    s->path = path;
    struct slice left = slice_starts(path, SLICE("/")) ? slice_skip(path, 1) : path, segment;
    while (left.len > 0 && slice_split(&left, '/', &segment)) {
        if (s->count == REST_SEGMENTS_MAX)
            return false;
        s->starts[s->count] = (size_t)(segment.at - path.at);
        s->segments[s->count++] = segment;
    }
    return true;
}

/* Literals are compared as sent; only a path with a percent sign in it pays for decoding. */
static void decode(struct search *s)
{
    if (slice_find(s->path, '%') == s->path.len)
        return;
    for (size_t i = 0; i < s->count; i++)
        if (slice_find(s->segments[i], '%') < s->segments[i].len)
            s->segments[i] = percent_decode_in(s->arena, s->segments[i]);
}

static struct slice join(const struct search *s)
{
    size_t len = 0;
    for (size_t i = 0; i < s->allow_count; i++)
        len += s->allow[i].len + 2;
    char *text = arena_take(s->arena, len);
    size_t at = 0;
    for (size_t i = s->allow_count; i-- > 0;) { /* entries were pushed in front */
        memcpy(text + at, s->allow[i].at, s->allow[i].len);
        at += s->allow[i].len;
        memcpy(text + at, ", ", 2);
        at += 2;
    }
    return slice_from(text, at - 2);
}

static void fill(const struct entry *e, const struct search *s, struct rest_match *out)
{
    out->route = e->route;
    out->app = e->app;
    out->param_count = e->name_count;
    for (size_t i = 0; i < e->name_count; i++)
        out->params[i] = (struct rest_field){e->names[i], s->values[i]};
}

enum status rest_router_find(const struct rest_router *r, struct slice method, struct slice path,
                             struct arena *arena, struct rest_match *out, struct slice *allow)
{
    struct search s = {.method = method, .head = slice_eq(method, SLICE("HEAD")), .arena = arena};
    if (!divide(&s, path))
        return NOT_FOUND;
    decode(&s);
    const struct entry *e = descend(&r->root, &s, 0);
    if (e == NULL && s.allow_count == 0)
        e = descend(&r->last, &s, 0);
    if (e) {
        fill(e, &s, out);
        return OK;
    }
    if (s.allow_count == 0)
        return NOT_FOUND;
    *allow = join(&s);
    return UNSUPPORTED;
}
