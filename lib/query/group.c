#include "query/group.h"

#include <stdlib.h>

/* What one selected aggregate has come to. */
struct sum {
    uint64_t count, numbers;
    double sum;
    struct iot_value least, most;
};

struct group {
    struct slice key;
    uint64_t place;
    struct slice *values; /* JSON of what is grouped by; empty: it is not there */
    struct sum *sums;     /* one for each item */
};

static struct group *group_new(struct query_groups *g, struct slice key, const struct slice *values)
{
    const struct iot_query *q = g->query;
    struct group *group = ARENA_TAKE(&g->arena, struct group);
    group->key = arena_copy(&g->arena, key);
    group->place = slice_hash(key);
    group->sums = ARENA_TAKE_N(&g->arena, struct sum, q->item_count + 1);
    group->values = ARENA_TAKE_N(&g->arena, struct slice, q->group_count + 1);
    for (size_t i = 0; i < q->group_count; i++)
        group->values[i] = arena_copy(&g->arena, values[i]);
    map_put(&g->by_key, group->key, group);
    return group;
}

struct query_groups query_groups(const struct iot_query *q)
{
    struct query_groups g = {.query = q};
    if (q->aggregates && q->group_count == 0)
        group_new(&g, SLICE("all"), NULL);
    return g;
}

void query_groups_clear(struct query_groups *g)
{
    map_clear(&g->by_key);
    arena_clear(&g->arena);
}

/* ---- adding ---- */

/* The values, one a line: a JSON text has no line's end in it. */
static struct slice key_of(const struct iot_query *q, const struct iot_query_scope *scope,
                           struct slice *values)
{
    struct buffer key = {0};
    for (size_t i = 0; i < q->group_count; i++) {
        size_t start = key.len;
        struct json_writer w = json_writer(&key);
        iot_value_put(scope->lookup(scope->arg, &q->groups[i]), &w);
        values[i].len = key.len - start;
        buffer_u8(&key, '\n');
    }
    struct slice kept = arena_copy(scope->arena, buffer_slice(&key));
    for (size_t i = 0, at = 0; i < q->group_count; at += values[i++].len + 1)
        values[i].at = kept.at + at;
    buffer_clear(&key);
    return kept;
}

static void keep(struct arena *a, struct iot_value *to, struct iot_value v)
{
    *to = v;
    to->text = arena_copy(a, v.text);
}

static void sum_add(struct arena *a, struct sum *s, struct iot_value v)
{
    bool primitive = v.type >= IOT_VALUE_NULL && v.type <= IOT_VALUE_STRING;
    s->count += v.type != IOT_VALUE_UNDEFINED;
    if (v.type == IOT_VALUE_NUMBER) {
        s->numbers++;
        s->sum += v.number;
    }
    if (primitive && (s->least.type == IOT_VALUE_UNDEFINED || iot_value_order(v, s->least) < 0))
        keep(a, &s->least, v);
    if (primitive && (s->most.type == IOT_VALUE_UNDEFINED || iot_value_order(v, s->most) > 0))
        keep(a, &s->most, v);
}

static struct group *group_of(struct query_groups *g, const struct iot_query_scope *scope)
{
    const struct iot_query *q = g->query;
    struct slice *values = ARENA_TAKE_N(scope->arena, struct slice, q->group_count + 1);
    struct slice key = q->group_count ? key_of(q, scope, values) : SLICE("all");
    struct group *group = map_get(&g->by_key, key);
    if (group == NULL && g->by_key.count < QUERY_GROUPS_MAX)
        group = group_new(g, key, values);
    return group;
}

enum status query_groups_add(struct query_groups *g, const struct iot_query_scope *scope)
{
    struct group *group = group_of(g, scope);
    if (group == NULL)
        return TOO_LARGE;
    for (size_t i = 0; i < g->query->item_count; i++) {
        const struct iot_query_item *item = &g->query->items[i];
        if (item->aggregate == IOT_QUERY_PLAIN)
            continue;
        sum_add(&g->arena, &group->sums[i],
                item->path.count ? scope->lookup(scope->arg, &item->path) : iot_value_bool(true));
    }
    return OK;
}

/* ---- printing ---- */

static struct iot_value result(const struct sum *s, enum iot_query_aggregate aggregate)
{
    switch (aggregate) {
    case IOT_QUERY_COUNT:
        return iot_value_number((double)s->count);
    case IOT_QUERY_SUM:
        return iot_value_number(s->sum);
    case IOT_QUERY_AVG:
        return s->numbers ? iot_value_number(s->sum / (double)s->numbers) : iot_value_undefined();
    case IOT_QUERY_MIN:
        return s->least;
    default:
        return s->most;
    }
}

static struct slice grouped_value(const struct iot_query *q, const struct group *group,
                                  const struct iot_query_path *path)
{
    for (size_t i = 0; i < q->group_count; i++)
        if (iot_query_path_same(path, &q->groups[i]))
            return group->values[i];
    return (struct slice){0};
}

static void print(const struct iot_query *q, const struct group *group, struct json_writer *w)
{
    json_object(w);
    for (size_t i = 0; i < q->item_count; i++) {
        const struct iot_query_item *item = &q->items[i];
        if (item->aggregate == IOT_QUERY_PLAIN) {
            struct slice value = grouped_value(q, group, &item->path);
            if (value.len)
                json_name_slice(w, item->name), json_put_raw(w, value);
            continue;
        }
        struct iot_value v = result(&group->sums[i], item->aggregate);
        if (v.type != IOT_VALUE_UNDEFINED)
            json_name_slice(w, item->name), iot_value_put(v, w);
    }
    json_end_object(w);
}

static int by_place(const void *a, const void *b)
{
    const struct group *x = *(const struct group *const *)a, *y = *(const struct group *const *)b;
    return (x->place > y->place) - (x->place < y->place);
}

bool query_groups_print(struct query_groups *g, uint64_t *after, size_t limit,
                        struct json_writer *w)
{
    struct group **all = ARENA_TAKE_N(&g->arena, struct group *, g->by_key.count + 1);
    size_t count = 0, at = 0;
    for (struct map_entry *e; (e = map_next(&g->by_key, &at));) {
        struct group *group = e->value;
        if (group->place > *after)
            all[count++] = group;
    }
    qsort(all, count, sizeof(struct group *), by_place);
    for (size_t i = 0; i < count && i < limit; i++) {
        print(g->query, all[i], w);
        *after = all[i]->place;
    }
    return count > limit;
}
