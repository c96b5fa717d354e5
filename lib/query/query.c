#include "query/query.h"

#include <stdlib.h>

#include "base/encoding.h"
#include "base/memory.h"
#include "query/document.h"
#include "query/group.h"
#include "query/job.h"
#include "query/plan.h"
#include "registry/tables.h"
#include "json/json.h"

/* Documents that one step looks at, and parts of a condition that it asks for: some milliseconds.
 */
#define STEP 200
#define STEP_PARTS 20000

struct query {
    struct registry *registry;
    struct loop *loop;
    struct arena arena;
    struct slice text, continuation;
    query_fn *fn;
    void *arg;
    struct iot_query q;
    struct query_plan plan;
    bool planned, ended, more;
    size_t page, rows;
    uint64_t taken; /* by pages before, for TOP */
    uint64_t after; /* the last document that was looked at */
    uint64_t last;  /* the last one that was told of; for aggregates a group's place */
    struct query_groups groups;
    struct buffer json;
    struct json_writer writer;
    struct query_answer answer;
};

/* ---- how long a step is ---- */

static size_t parts_of(const struct iot_query_expr *e)
{
    size_t parts = 1;
    for (size_t i = 0; e && i < e->arg_count; i++)
        parts += parts_of(e->args[i]);
    return parts;
}

static size_t step_of(const struct iot_query_expr *where)
{
    size_t documents = STEP_PARTS / parts_of(where);
    return documents > STEP ? STEP : documents ? documents : 1;
}

/* ---- one document ---- */

static void print_items(const struct iot_query *q, const struct iot_query_scope *scope,
                        struct json_writer *w)
{
    json_object(w);
    for (size_t i = 0; i < q->item_count; i++) {
        struct iot_value v = scope->lookup(scope->arg, &q->items[i].path);
        if (v.type != IOT_VALUE_UNDEFINED)
            json_name_slice(w, q->items[i].name), iot_value_put(v, w);
    }
    json_end_object(w);
}

/* Room for one more row; false: the page is full, and there is a next one. */
static bool begin_row(struct query *q, int64_t number)
{
    if (q->rows == q->page) {
        q->more = q->ended = true;
        return false;
    }
    q->rows++;
    q->last = (uint64_t)number;
    q->ended = q->q.top && q->taken + q->rows == q->q.top;
    return true;
}

static enum status take(struct query *q, struct query_document *d,
                        const struct iot_query_scope *scope, int64_t number)
{
    if (q->q.aggregates)
        return query_groups_add(&q->groups, scope);
    if (!begin_row(q, number))
        return OK;
    if (q->q.item_count == 0)
        return query_document_print(d, &q->writer);
    print_items(&q->q, scope, &q->writer);
    return d->why;
}

static enum status look_at_twin(struct query *q, struct store_table *t, struct arena *arena,
                                const struct query_candidate *c)
{
    struct query_document d = query_document(t, arena, c->id);
    struct iot_query_scope scope = {query_document_at, &d, arena};
    enum status s = OK;
    if (iot_query_holds(q->q.where, &scope))
        s = take(q, &d, &scope, c->number);
    if (s == OK)
        s = d.why;
    query_document_clear(&d);
    return s;
}

static struct iot_value job_at(void *arg, const struct iot_query_path *path)
{
    struct slice first = path->steps[0].name;
    bool created = slice_eq_nocase(first, SLICE("createdTimeUtc")); /* as documents spell it */
    char name[64] = "";
    if (first.len < sizeof(name))
        memcpy(name, first.at, first.len);
    return iot_query_walk(json_get_nocase(arg, created ? "createdDateTimeUtc" : name), path, 1);
}

static enum status look_at_job(struct query *q, struct store_table *t, struct arena *arena,
                               const struct query_candidate *c)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    struct json_doc *doc = NULL;
    enum status s = query_job_print(t, c->number, &w);
    if (s == OK)
        s = json_parse(buffer_slice(&text), JSON_STRICT, &doc, NULL);
    struct iot_query_scope scope = {job_at, (void *)json_root(doc), arena};
    if (s == OK && iot_query_holds(q->q.where, &scope) && begin_row(q, c->number))
        json_put_raw(&q->writer, buffer_slice(&text));
    json_free(&doc);
    buffer_clear(&text);
    return s;
}

static enum status look_at(struct query *q, struct store_table *t, const struct query_candidate *c)
{
    struct arena arena = {0};
    enum status s = q->q.source == IOT_QUERY_JOBS ? look_at_job(q, t, &arena, c)
                                                  : look_at_twin(q, t, &arena, c);
    arena_clear(&arena);
    return s;
}

/* ---- one step ---- */

static enum status step(struct store_table *t, void *arg)
{
    struct query *q = arg;
    struct arena arena = {0};
    size_t count = 0, most = step_of(q->q.where);
    struct query_candidate *c = ARENA_TAKE_N(&arena, struct query_candidate, most);
    if (!q->planned)
        q->plan = query_plan_make(t, &q->arena, q->q.source, q->q.where);
    q->planned = true;
    enum status s = query_plan_next(t, &arena, &q->plan, (int64_t)q->after, most, c, &count);
    for (size_t i = 0; s == OK && i < count && !q->ended; i++) {
        s = look_at(q, t, &c[i]);
        q->after = (uint64_t)c[i].number;
    }
    q->ended |= count < most;
    arena_clear(&arena);
    return s;
}

/* ---- continuation: which query, rows told of, the last one's number ---- */

static struct slice make_continuation(struct query *q)
{
    struct buffer plain = {0}, text = {0};
    buffer_printf(&plain, "%llu.%llu.%llu", (unsigned long long)slice_hash(q->text),
                  (unsigned long long)(q->taken + q->rows), (unsigned long long)q->last);
    base64_encode(buffer_slice(&plain), &text);
    struct slice made = arena_copy(&q->arena, buffer_slice(&text));
    buffer_clear(&plain);
    buffer_clear(&text);
    return made;
}

static bool read_continuation(struct query *q)
{
    struct buffer plain = {0};
    uint64_t *fields[] = {NULL, &q->taken, &q->last}, hash;
    fields[0] = &hash;
    bool ok = base64_decode(q->continuation, &plain) == OK && plain.len > 0;
    struct slice rest = buffer_slice(&plain), part;
    for (size_t i = 0; i < 3; i++)
        ok = ok && slice_split(&rest, '.', &part) && slice_to_u64(part, fields[i]);
    ok = ok && !slice_split(&rest, '.', &part) && hash == slice_hash(q->text) &&
         (q->q.aggregates || q->last <= INT64_MAX);
    buffer_clear(&plain);
    return ok;
}

/* ---- a query from begin to end, on the loop that asked ---- */

static void finish(void *arg)
{
    struct query *q = arg;
    q->fn(q->arg, &q->answer);
    query_groups_clear(&q->groups);
    buffer_clear(&q->json);
    arena_clear(&q->arena);
    free(q);
}

static void refuse(struct query *q, enum status why, const char *text)
{
    q->answer.why = why;
    q->answer.text = text;
}

static void complete(struct query *q)
{
    if (q->q.aggregates)
        q->more = query_groups_print(&q->groups, &q->last, q->page, &q->writer);
    json_end_array(&q->writer);
    if (q->q.top && q->taken + q->rows >= q->q.top)
        q->more = false;
    q->answer.json = buffer_slice(&q->json);
    q->answer.item_type = q->q.source == IOT_QUERY_JOBS ? "DeviceJob"
                          : q->q.item_count             ? "Raw"
                                                        : "Twin";
    if (q->more)
        q->answer.continuation = make_continuation(q);
}

static void on_step(void *arg, enum status why)
{
    struct query *q = arg;
    if (why == TOO_LARGE)
        refuse(q, BAD_ARGUMENT, "the query makes more than 10000 groups");
    else if (why != OK)
        refuse(q, why, "the registry could not do it");
    else if (!q->ended) {
        registry_post(q->registry, q->loop, step, on_step, q);
        return;
    } else {
        complete(q);
    }
    finish(q);
}

/* The query is read; what it asks for begins. False: refused. */
static bool prepare(struct query *q, size_t page)
{
    const struct iot_limits *limits = q->registry->limits;
    const char *why = NULL;
    enum status s = BAD_ARGUMENT;
    if (q->text.len > limits->query_bytes)
        why = arena_printf(&q->arena, "the query has more than %llu characters",
                           (unsigned long long)limits->query_bytes);
    else
        s = iot_query_parse(q->text, &q->arena, &q->q, &why);
    if (s == OK)
        s = q->q.source == IOT_QUERY_JOBS ? query_job_check(&q->q, &q->arena, &why)
                                          : query_document_check(&q->q, &q->arena, &why);
    if (s == OK && q->continuation.len && !read_continuation(q)) {
        s = BAD_ARGUMENT;
        why = "x-ms-continuation is not from a page of this query";
    }
    if (s != OK) {
        refuse(q, s, why);
        return false;
    }
    q->page = page && page < limits->query_page ? page : limits->query_page;
    if (q->q.top && q->q.top - (q->taken < q->q.top ? q->taken : q->q.top) < q->page)
        q->page = q->q.top - (q->taken < q->q.top ? q->taken : q->q.top);
    q->after = q->q.aggregates ? 0 : q->last;
    q->groups = query_groups(&q->q);
    return true;
}

void query_run(struct registry *r, struct loop *loop, const struct query_ask *ask, query_fn *fn,
               void *arg)
{
    struct query *q = MEMORY_NEW(struct query);
    q->registry = r;
    q->loop = loop;
    q->text = arena_copy(&q->arena, ask->text);
    q->continuation = arena_copy(&q->arena, ask->continuation);
    q->fn = fn;
    q->arg = arg;
    q->writer = json_writer(&q->json);
    json_array(&q->writer);
    if (prepare(q, ask->page))
        registry_post(r, loop, step, on_step, q);
    else
        loop_defer(loop, finish, q);
}

/* ---- targets ---- */

enum status query_target(struct slice text, struct arena *a, struct iot_query *out,
                         const char **why)
{
    enum status s = iot_query_parse_target(text, a, out, why);
    return s == OK ? query_document_check(out, a, why) : s;
}

static enum status check_one(struct store_table *t, const struct iot_query *target,
                             struct iot_id id, bool *holds)
{
    struct arena arena = {0};
    struct query_document d = query_document(t, &arena, id);
    struct iot_query_scope scope = {query_document_at, &d, &arena};
    *holds = iot_query_holds(target->where, &scope);
    enum status s = d.why;
    query_document_clear(&d);
    arena_clear(&arena);
    return s;
}

enum status query_ids(struct store_table *t, struct arena *a, const struct iot_query *target,
                      int64_t *after, size_t limit, struct iot_id *out, size_t *count, bool *end)
{
    struct query_plan p = query_plan_make(t, a, target->source, target->where);
    size_t candidates = 0, i = 0, most = step_of(target->where);
    struct query_candidate *c = ARENA_TAKE_N(a, struct query_candidate, most);
    enum status s = query_plan_next(t, a, &p, *after, most, c, &candidates);
    for (*count = 0; s == OK && i < candidates && *count < limit; i++) {
        bool holds = false;
        s = check_one(t, target, c[i].id, &holds);
        if (holds)
            out[(*count)++] = c[i].id;
        *after = c[i].number;
    }
    *end = i == candidates && candidates < most;
    return s;
}

enum status query_holds(struct store_table *t, struct arena *a, const struct iot_query *target,
                        struct iot_id id, bool *holds)
{
    (void)a;
    *holds = false;
    if ((id.module.len > 0) != (target->source == IOT_QUERY_MODULES))
        return OK;
    enum status s = check_one(t, target, id, holds);
    if (s == NOT_FOUND)
        *holds = false;
    return s == NOT_FOUND ? OK : s;
}
