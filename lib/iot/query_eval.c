#include "iot/query_eval.h"

#include <math.h>

#include "iot/query_functions.h"
#include "json/json.h"

static struct iot_value argument(const struct iot_query_expr *e, size_t n,
                                 const struct iot_query_scope *scope)
{
    return iot_query_eval(e->args[n], scope);
}

/* AND and OR: `ends` is the value that decides at once. */
static struct iot_value combine(const struct iot_query_expr *e, bool ends,
                                const struct iot_query_scope *scope)
{
    bool known = true;
    for (size_t i = 0; i < e->arg_count; i++) {
        struct iot_value v = argument(e, i, scope);
        if (v.type != IOT_VALUE_BOOL)
            known = false;
        else if (v.boolean == ends)
            return v;
    }
    return known ? iot_value_bool(!ends) : iot_value_undefined();
}

static struct iot_value negate(struct iot_value v)
{
    return v.type == IOT_VALUE_BOOL ? iot_value_bool(!v.boolean) : iot_value_undefined();
}

static struct iot_value equal(struct iot_value a, struct iot_value b)
{
    int order;
    if (iot_value_compare(a, b, &order))
        return iot_value_bool(order == 0);
    bool both = a.type != IOT_VALUE_UNDEFINED && b.type != IOT_VALUE_UNDEFINED;
    bool null = a.type == IOT_VALUE_NULL || b.type == IOT_VALUE_NULL;
    return both && null ? iot_value_bool(false) : iot_value_undefined();
}

static struct iot_value compare(enum iot_query_kind kind, struct iot_value a, struct iot_value b)
{
    int order;
    if (!iot_value_compare(a, b, &order) || a.type == IOT_VALUE_NULL)
        return iot_value_undefined();
    switch (kind) {
    case IOT_QUERY_LT:
        return iot_value_bool(order < 0);
    case IOT_QUERY_LE:
        return iot_value_bool(order <= 0);
    case IOT_QUERY_GT:
        return iot_value_bool(order > 0);
    default:
        return iot_value_bool(order >= 0);
    }
}

/* ---- IN: the same as equal to one OR equal to another ---- */

struct search {
    struct iot_value wanted;
    bool found, known;
};

static void look_at(struct search *s, struct iot_value element)
{
    struct iot_value same = equal(s->wanted, element);
    s->found |= iot_value_is_true(same);
    s->known &= same.type == IOT_VALUE_BOOL;
}

static struct iot_value is_in(const struct iot_query_expr *e, const struct iot_query_scope *scope)
{
    struct search s = {.wanted = argument(e, 0, scope), .known = true};
    const struct iot_query_expr *list = e->args[1];
    if (list->kind == IOT_QUERY_ARRAY) {
        for (size_t i = 0; i < list->arg_count; i++)
            look_at(&s, argument(list, i, scope));
    } else {
        struct iot_value v = iot_query_eval(list, scope);
        if (v.type != IOT_VALUE_ARRAY || v.json == NULL)
            return iot_value_undefined();
        for (struct json_walk w = json_walk(v.json); json_next(&w);)
            look_at(&s, iot_value_json(w.value));
    }
    if (s.found)
        return iot_value_bool(true);
    return s.known ? iot_value_bool(false) : iot_value_undefined();
}

/* ---- arithmetic, functions ---- */

static struct iot_value calculate(enum iot_query_kind kind, struct iot_value a, struct iot_value b)
{
    if (a.type != IOT_VALUE_NUMBER || b.type != IOT_VALUE_NUMBER)
        return iot_value_undefined();
    switch (kind) {
    case IOT_QUERY_ADD:
        return iot_value_number(a.number + b.number);
    case IOT_QUERY_SUBTRACT:
        return iot_value_number(a.number - b.number);
    case IOT_QUERY_MULTIPLY:
        return iot_value_number(a.number * b.number);
    case IOT_QUERY_DIVIDE:
        return b.number == 0 ? iot_value_undefined() : iot_value_number(a.number / b.number);
    default:
        return iot_value_number(fmod(a.number, b.number)); /* by 0: no number, undefined */
    }
}

static struct iot_value call(const struct iot_query_expr *e, const struct iot_query_scope *scope)
{
    struct iot_value *args = ARENA_TAKE_N(scope->arena, struct iot_value, e->arg_count);
    for (size_t i = 0; i < e->arg_count; i++)
        args[i] = argument(e, i, scope);
    return e->function->run(scope->arena, args, e->arg_count);
}

struct iot_value iot_query_eval(const struct iot_query_expr *e, const struct iot_query_scope *scope)
{
    switch (e->kind) {
    case IOT_QUERY_LITERAL:
        return e->value;
    case IOT_QUERY_PATH:
        return scope->lookup(scope->arg, &e->path);
    case IOT_QUERY_ARRAY:
        return (struct iot_value){.type = IOT_VALUE_ARRAY};
    case IOT_QUERY_CALL:
        return call(e, scope);
    case IOT_QUERY_OR:
        return combine(e, true, scope);
    case IOT_QUERY_AND:
        return combine(e, false, scope);
    case IOT_QUERY_NOT:
        return negate(argument(e, 0, scope));
    case IOT_QUERY_EQ:
        return equal(argument(e, 0, scope), argument(e, 1, scope));
    case IOT_QUERY_NE:
        return negate(equal(argument(e, 0, scope), argument(e, 1, scope)));
    case IOT_QUERY_LT:
    case IOT_QUERY_LE:
    case IOT_QUERY_GT:
    case IOT_QUERY_GE:
        return compare(e->kind, argument(e, 0, scope), argument(e, 1, scope));
    case IOT_QUERY_IN:
        return is_in(e, scope);
    case IOT_QUERY_NIN:
        return negate(is_in(e, scope));
    case IOT_QUERY_NEGATE:
        return calculate(IOT_QUERY_SUBTRACT, iot_value_number(0), argument(e, 0, scope));
    default:
        return calculate(e->kind, argument(e, 0, scope), argument(e, 1, scope));
    }
}

bool iot_query_holds(const struct iot_query_expr *e, const struct iot_query_scope *scope)
{
    return e == NULL || iot_value_is_true(iot_query_eval(e, scope));
}

struct iot_value iot_query_walk(const struct json *v, const struct iot_query_path *path,
                                size_t from)
{
    for (size_t i = from; v && i < path->count; i++) {
        const struct iot_query_step *step = &path->steps[i];
        if (step->name.len)
            v = json_get_slice(v, step->name);
        else
            v = json_is(v, JSON_ARRAY) ? json_at(v, step->index) : NULL;
    }
    return iot_value_json(v);
}
