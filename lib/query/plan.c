#include "query/plan.h"

#include <math.h>
#include <stdlib.h>

#include "iot/query_functions.h"
#include "registry/index.h"

/* A part of a plan while it is made. */
struct part {
    bool narrows; /* else: all documents */
    struct query_stream *streams;
    size_t count;
    uint64_t rows; /* about so many, at most */
};

struct maker {
    enum iot_query_source source;
    struct store_table *table;
    struct arena *arena;
    uint64_t counted; /* rows */
};

static const struct part everything = {0};
static const struct part nothing = {.narrows = true};

static struct part make_part(struct maker *m, const struct iot_query_expr *e);

/* ---- bounds ---- */

static void bind(struct store_table *t, size_t n, int at, const struct query_bound *b)
{
    if (b->kind == QUERY_BOUND_NUMBER)
        store_bind_double(t, n, at, b->number);
    else if (b->kind == QUERY_BOUND_TEXT)
        store_bind(t, n, at, b->bytes);
    else
        store_bind_blob(t, n, at, b->bytes);
}

static struct query_bound number_bound(double v)
{
    return (struct query_bound){QUERY_BOUND_NUMBER, v, {0}};
}

static struct query_bound text_bound(struct slice v)
{
    return (struct query_bound){QUERY_BOUND_TEXT, 0, v};
}

static struct query_bound blob_bound(struct slice v)
{
    return (struct query_bound){QUERY_BOUND_BLOB, 0, v};
}

/* As it lies in the index; false for what is compared with nothing. */
static bool bound_of(struct iot_value v, struct query_bound *out)
{
    switch (v.type) {
    case IOT_VALUE_NULL:
        *out = blob_bound(REGISTRY_INDEX_NULL);
        return true;
    case IOT_VALUE_BOOL:
        *out = blob_bound(v.boolean ? REGISTRY_INDEX_TRUE : REGISTRY_INDEX_FALSE);
        return true;
    case IOT_VALUE_NUMBER:
        *out = number_bound(v.number);
        return true;
    case IOT_VALUE_STRING:
        *out = text_bound(v.text);
        return true;
    default:
        return false;
    }
}

/* ---- one stream ---- */

static uint64_t count_rows(struct maker *m, const struct query_stream *s)
{
    uint64_t rows = QUERY_PLAN_RANGE_MAX;
    if (m->counted >= QUERY_PLAN_COUNTED_MAX)
        return rows;
    store_bind(m->table, SQL_QUERY_COUNT, 4, s->path);
    bind(m->table, SQL_QUERY_COUNT, 5, &s->low);
    bind(m->table, SQL_QUERY_COUNT, 6, &s->high);
    store_bind_i64(m->table, SQL_QUERY_COUNT, 2, QUERY_PLAN_RANGE_MAX);
    if (store_step(m->table, SQL_QUERY_COUNT) == OK) {
        rows = (uint64_t)store_column_i64(m->table, SQL_QUERY_COUNT, 0);
        store_reset(m->table, SQL_QUERY_COUNT);
    }
    m->counted += rows;
    return rows;
}

static struct part one_stream(struct maker *m, struct query_stream stream, uint64_t rows)
{
    struct part p = {.narrows = true, .count = 1, .rows = rows};
    p.streams = ARENA_TAKE(m->arena, struct query_stream);
    *p.streams = stream;
    return p;
}

static struct part equal_part(struct maker *m, struct slice path, struct query_bound value)
{
    struct query_stream s = {SQL_QUERY_EQUAL, path, value, value};
    return one_stream(m, s, count_rows(m, &s));
}

static struct part range_part(struct maker *m, struct slice path, struct query_bound low,
                              struct query_bound high)
{
    struct query_stream s = {SQL_QUERY_RANGE, path, low, high};
    uint64_t rows = count_rows(m, &s);
    return rows < QUERY_PLAN_RANGE_MAX ? one_stream(m, s, rows) : everything;
}

/* A column that has an index of its own, and the statement that reads it. */
static bool find_column(const struct maker *m, const struct iot_query_path *path,
                        enum registry_statement *statement)
{
    static const struct {
        const char *name;
        enum registry_statement statements[3]; /* by source; 0: none */
    } columns[] = {
        {"deviceId", {SQL_QUERY_DEVICE, SQL_QUERY_DEVICE, SQL_QUERY_JOBS_DEVICE}},
        {"moduleId", {SQL_QUERY_MODULE, SQL_QUERY_MODULE, 0}},
        {"jobId", {0, 0, SQL_QUERY_JOBS_JOB}},
    };
    *statement = 0;
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        if (path->count == 1 && slice_eq_nocase(path->steps[0].name, slice_of(columns[i].name)))
            *statement = columns[i].statements[m->source];
    return *statement != 0;
}

static bool find_leaves(const struct maker *m, const struct iot_query_path *path, struct slice *out)
{
    return m->source != IOT_QUERY_JOBS && registry_index_path(m->arena, path, out);
}

static struct part path_equal(struct maker *m, const struct iot_query_path *path,
                              struct iot_value v)
{
    struct slice at;
    struct query_bound bound;
    enum registry_statement statement;
    if (v.type == IOT_VALUE_UNDEFINED)
        return nothing;
    if (!bound_of(v, &bound))
        return everything;
    if (find_column(m, path, &statement)) {
        struct query_stream s = {statement, {0}, bound, bound};
        bool few = statement == SQL_QUERY_DEVICE;
        return v.type == IOT_VALUE_STRING ? one_stream(m, s, few ? 1 : QUERY_PLAN_RANGE_MAX)
                                          : nothing;
    }
    return find_leaves(m, path, &at) ? equal_part(m, at, bound) : everything;
}

/* ---- comparisons ---- */

/* `5 < tags.x` is `tags.x > 5`. */
static enum iot_query_kind turned(enum iot_query_kind kind)
{
    switch (kind) {
    case IOT_QUERY_LT:
        return IOT_QUERY_GT;
    case IOT_QUERY_LE:
        return IOT_QUERY_GE;
    case IOT_QUERY_GT:
        return IOT_QUERY_LT;
    case IOT_QUERY_GE:
        return IOT_QUERY_LE;
    default:
        return kind;
    }
}

static struct part path_against(struct maker *m, const struct iot_query_path *path,
                                enum iot_query_kind kind, struct iot_value v)
{
    struct slice at;
    if (kind == IOT_QUERY_EQ)
        return path_equal(m, path, v);
    bool upwards = kind == IOT_QUERY_GT || kind == IOT_QUERY_GE;
    if (kind == IOT_QUERY_NE || !find_leaves(m, path, &at))
        return everything;
    if (v.type == IOT_VALUE_NUMBER)
        return range_part(m, at, number_bound(upwards ? v.number : -INFINITY),
                          number_bound(upwards ? INFINITY : v.number));
    if (v.type == IOT_VALUE_STRING) /* an empty blob stands behind all texts, and is in no row */
        return range_part(m, at, upwards ? text_bound(v.text) : text_bound((struct slice){0}),
                          upwards ? blob_bound((struct slice){0}) : text_bound(v.text));
    return everything;
}

static struct part comparison(struct maker *m, const struct iot_query_expr *e)
{
    const struct iot_query_expr *a = e->args[0], *b = e->args[1];
    if (a->kind == IOT_QUERY_PATH && b->kind == IOT_QUERY_LITERAL)
        return path_against(m, &a->path, e->kind, b->value);
    if (b->kind == IOT_QUERY_PATH && a->kind == IOT_QUERY_LITERAL)
        return path_against(m, &b->path, turned(e->kind), a->value);
    return everything;
}

/* ---- functions ---- */

static struct part starts_with(struct maker *m, struct slice path, struct slice start)
{
    struct buffer end = {0};
    buffer_put(&end, start);
    buffer_u8(&end, 0xff); /* stands in no text */
    struct slice high = arena_copy(m->arena, buffer_slice(&end));
    buffer_clear(&end);
    return range_part(m, path, text_bound(start), text_bound(high));
}

static struct part call(struct maker *m, const struct iot_query_expr *e)
{
    struct slice at;
    const struct iot_query_expr *a = e->args[0];
    if (a->kind != IOT_QUERY_PATH || !find_leaves(m, &a->path, &at))
        return everything;
    if (e->function == iot_query_function(SLICE("IS_DEFINED")))
        return range_part(m, at, number_bound(-INFINITY), blob_bound(SLICE("\xff")));
    if (e->function->run == iot_query_function(SLICE("STARTS_WITH"))->run &&
        e->args[1]->kind == IOT_QUERY_LITERAL && e->args[1]->value.type == IOT_VALUE_STRING)
        return starts_with(m, at, e->args[1]->value.text);
    return everything;
}

/* ---- joined ---- */

static struct part either(struct maker *m, struct part a, struct part b)
{
    struct part p = {
        .narrows = a.narrows && b.narrows, .count = a.count + b.count, .rows = a.rows + b.rows};
    bool many = p.count > QUERY_PLAN_LONG_STREAMS_MAX && p.rows > QUERY_PLAN_LONG_ROWS;
    if (!p.narrows || many || p.count > QUERY_PLAN_STREAMS_MAX)
        return everything;
    p.streams = ARENA_TAKE_N(m->arena, struct query_stream, p.count);
    if (a.count)
        memcpy(p.streams, a.streams, a.count * sizeof(*p.streams));
    if (b.count)
        memcpy(p.streams + a.count, b.streams, b.count * sizeof(*p.streams));
    return p;
}

static struct part any_of(struct maker *m, const struct iot_query_expr *e)
{
    struct part p = nothing;
    for (size_t i = 0; i < e->arg_count && p.narrows; i++)
        p = either(m, p, make_part(m, e->args[i]));
    return p;
}

static struct part best_of(struct maker *m, const struct iot_query_expr *e)
{
    struct part best = everything;
    for (size_t i = 0; i < e->arg_count; i++) {
        struct part p = make_part(m, e->args[i]);
        if (p.narrows && (!best.narrows || p.rows < best.rows))
            best = p;
    }
    return best;
}

static struct part one_of(struct maker *m, const struct iot_query_expr *e)
{
    const struct iot_query_expr *path = e->args[0], *list = e->args[1];
    struct part p = nothing;
    if (path->kind != IOT_QUERY_PATH || list->kind != IOT_QUERY_ARRAY ||
        list->arg_count > QUERY_PLAN_STREAMS_MAX)
        return everything;
    for (size_t i = 0; i < list->arg_count && p.narrows; i++)
        p = list->args[i]->kind == IOT_QUERY_LITERAL
                ? either(m, p, path_equal(m, &path->path, list->args[i]->value))
                : everything;
    return p;
}

static struct part make_part(struct maker *m, const struct iot_query_expr *e)
{
    switch (e->kind) {
    case IOT_QUERY_PATH: /* as a condition: it is true */
        return path_equal(m, &e->path, iot_value_bool(true));
    case IOT_QUERY_LITERAL:
        return iot_value_is_true(e->value) ? everything : nothing;
    case IOT_QUERY_OR:
        return any_of(m, e);
    case IOT_QUERY_AND:
        return best_of(m, e);
    case IOT_QUERY_IN:
        return one_of(m, e);
    case IOT_QUERY_CALL:
        return call(m, e);
    case IOT_QUERY_EQ:
    case IOT_QUERY_LT:
    case IOT_QUERY_LE:
    case IOT_QUERY_GT:
    case IOT_QUERY_GE:
        return comparison(m, e);
    default:
        return everything;
    }
}

struct query_plan query_plan_make(struct store_table *t, struct arena *a,
                                  enum iot_query_source source, const struct iot_query_expr *where)
{
    static const enum registry_statement all[] = {SQL_QUERY_ALL_DEVICES, SQL_QUERY_ALL_MODULES,
                                                  SQL_QUERY_JOBS_ALL};
    struct maker m = {source, t, a, 0};
    struct part p = where ? make_part(&m, where) : everything;
    if (!p.narrows)
        p = one_stream(&m, (struct query_stream){all[source]}, 0);
    return (struct query_plan){source, p.streams, p.count};
}

/* ---- reading ---- */

static enum status read_stream(struct store_table *t, struct arena *a, const struct query_plan *p,
                               const struct query_stream *s, int64_t after, size_t limit,
                               struct query_candidate *out, size_t *count)
{
    size_t n = s->statement;
    enum status why;
    store_bind_i64(t, n, 1, after);
    store_bind_i64(t, n, 2, (int64_t)limit);
    store_bind_i64(t, n, 3, p->source == IOT_QUERY_MODULES);
    store_bind(t, n, 4, s->path);
    bind(t, n, 5, &s->low);
    bind(t, n, 6, &s->high);
    *count = 0;
    while ((why = store_step(t, n)) == OK) {
        struct iot_id id = {store_column(t, n, 1), store_column(t, n, 2)};
        out[(*count)++] = (struct query_candidate){store_column_i64(t, n, 0), iot_id_copy(a, id)};
    }
    return why == NOT_FOUND ? OK : why;
}

/* Both rise; so does what comes out, each number once, at most `limit`. */
static size_t merge(struct query_candidate *all, size_t count, const struct query_candidate *more,
                    size_t more_count, size_t limit, struct query_candidate *out)
{
    size_t n = 0;
    for (size_t i = 0, j = 0; n < limit && (i < count || j < more_count); n++) {
        bool first = j == more_count || (i < count && all[i].number <= more[j].number);
        if (first && j < more_count && all[i].number == more[j].number)
            j++;
        out[n] = first ? all[i++] : more[j++];
    }
    memcpy(all, out, n * sizeof(*out));
    return n;
}

enum status query_plan_next(struct store_table *t, struct arena *a, const struct query_plan *p,
                            int64_t after, size_t limit, struct query_candidate *out, size_t *count)
{
    struct query_candidate *one = ARENA_TAKE_N(a, struct query_candidate, limit);
    struct query_candidate *both = ARENA_TAKE_N(a, struct query_candidate, limit);
    enum status s = OK;
    *count = 0;
    for (size_t i = 0; s == OK && i < p->count; i++) {
        size_t more = 0;
        s = read_stream(t, a, p, &p->streams[i], after, limit, one, &more);
        *count = merge(out, *count, one, more, limit, both);
    }
    return s;
}
