#include "iot/query.h"

#include "iot/query_parser.h"

#define ITEMS_MAX 256 /* selected, or grouped by: more cannot be told from a mistake */

static void want_word(struct iot_query_parser *p, const char *word)
{
    if (!iot_query_take_word(p, word))
        iot_query_expect(p, word);
}

static void want_symbol(struct iot_query_parser *p, const char *symbol)
{
    if (!iot_query_take_symbol(p, symbol))
        iot_query_expect(p, symbol);
}

static struct iot_query_path parse_path(struct iot_query_parser *p, const char *what)
{
    struct iot_query_path path = p->now.path;
    if (p->now.kind != IOT_TOKEN_NAME || iot_query_at_keyword(p))
        iot_query_expect(p, what);
    else
        iot_query_advance(p);
    return path;
}

static enum iot_query_aggregate aggregate_of(struct slice name)
{
    static const char *const names[] = {NULL, "COUNT", "AVG", "SUM", "MIN", "MAX"};
    for (int i = IOT_QUERY_COUNT; i <= IOT_QUERY_MAX; i++)
        if (slice_eq_nocase(name, slice_of(names[i])))
            return (enum iot_query_aggregate)i;
    return IOT_QUERY_PLAIN;
}

static void parse_aggregate(struct iot_query_parser *p, struct iot_query_item *item,
                            struct slice function)
{
    item->aggregate = aggregate_of(function);
    if (item->aggregate == IOT_QUERY_PLAIN)
        iot_query_refuse(p, item->path.at,
                         "only names, COUNT, AVG, SUM, MIN and MAX can be selected");
    size_t at = item->path.at;
    item->path = (struct iot_query_path){.at = at};
    if (!iot_query_at_symbol(p, ")"))
        item->path = parse_path(p, "the name of a property");
    else if (item->aggregate != IOT_QUERY_COUNT)
        iot_query_expect(p, "the name of a property");
    want_symbol(p, ")");
}

static struct slice item_name(struct iot_query_parser *p, const struct iot_query_item *item,
                              size_t number)
{
    const struct iot_query_path *path = &item->path;
    if (item->aggregate != IOT_QUERY_PLAIN || path->steps[path->count - 1].name.len == 0)
        return slice_of(arena_printf(p->arena, "$%zu", number));
    return path->steps[path->count - 1].name;
}

static void parse_item(struct iot_query_parser *p, struct iot_query_item *item, size_t number)
{
    struct iot_query_token first = p->now;
    item->path = parse_path(p, "* or the name of a property");
    if (p->why)
        return;
    if (first.plain && iot_query_take_symbol(p, "("))
        parse_aggregate(p, item, first.text);
    if (p->why)
        return;
    item->name = item_name(p, item, number);
    if (iot_query_take_word(p, "AS")) {
        struct iot_query_path alias = parse_path(p, "another name behind AS");
        if (alias.count != 1 || alias.steps[0].name.len == 0)
            iot_query_refuse(p, alias.at, "the name behind AS must be one name");
        else
            item->name = alias.steps[0].name;
    }
}

static void parse_top(struct iot_query_parser *p, struct iot_query *q)
{
    if (!iot_query_take_word(p, "TOP"))
        return;
    double n = p->now.number;
    if (p->now.kind != IOT_TOKEN_NUMBER || n < 1 || n > IOT_QUERY_TOP_MAX || n != (double)(size_t)n)
        iot_query_expect(p, "a whole number from 1 on behind TOP");
    q->top = p->why ? 0 : (size_t)n;
    iot_query_advance(p);
}

static void parse_select(struct iot_query_parser *p, struct iot_query *q)
{
    struct iot_query_item *items = ARENA_TAKE_N(p->arena, struct iot_query_item, ITEMS_MAX);
    want_word(p, "SELECT");
    parse_top(p, q);
    q->items = items;
    if (iot_query_take_symbol(p, "*"))
        return;
    do {
        if (q->item_count == ITEMS_MAX) {
            iot_query_refuse(p, p->now.at, "more than 256 things are selected");
            return;
        }
        parse_item(p, &items[q->item_count], q->item_count + 1);
        q->aggregates |= items[q->item_count].aggregate != IOT_QUERY_PLAIN;
        q->item_count++;
    } while (iot_query_take_symbol(p, ","));
}

static void parse_source(struct iot_query_parser *p, struct iot_query *q)
{
    static const char *const sources[] = {"devices", "devices.modules", "devices.jobs"};
    want_word(p, "FROM");
    for (size_t i = 0; i < 3; i++)
        if (p->now.kind == IOT_TOKEN_NAME && slice_eq_nocase(p->now.text, slice_of(sources[i]))) {
            q->source = p->source = (enum iot_query_source)i;
            p->has_source = true;
        }
    if (!p->has_source) {
        iot_query_expect(p, "devices, devices.modules or devices.jobs");
        return;
    }
    iot_query_advance(p);
    bool as = iot_query_take_word(p, "AS");
    if (as || (p->now.kind == IOT_TOKEN_NAME && !iot_query_at_keyword(p))) {
        struct iot_query_path alias = parse_path(p, "a name behind AS");
        if (alias.count != 1)
            iot_query_refuse(p, alias.at, "the name of the source must be one name");
        p->alias = p->why ? (struct slice){0} : alias.steps[0].name;
    }
}

static void parse_groups(struct iot_query_parser *p, struct iot_query *q)
{
    struct iot_query_path *groups = ARENA_TAKE_N(p->arena, struct iot_query_path, ITEMS_MAX);
    if (!iot_query_take_word(p, "GROUP"))
        return;
    want_word(p, "BY");
    do {
        if (q->group_count == ITEMS_MAX) {
            iot_query_refuse(p, p->now.at, "more than 256 names in GROUP BY");
            return;
        }
        groups[q->group_count++] = parse_path(p, "the name of a property");
    } while (iot_query_take_symbol(p, ","));
    q->groups = groups;
    q->aggregates = true;
}

static void strip_source(struct iot_query_parser *p, struct iot_query *q)
{
    struct iot_query_item *items = (struct iot_query_item *)q->items;
    struct iot_query_path *groups = (struct iot_query_path *)q->groups;
    for (size_t i = 0; i < q->item_count; i++)
        items[i].path = iot_query_without_source(p, items[i].path);
    for (size_t i = 0; i < q->group_count; i++)
        groups[i] = iot_query_without_source(p, groups[i]);
}

/* ---- what fits together ---- */

static void check_item(struct iot_query_parser *p, const struct iot_query *q,
                       const struct iot_query_item *item)
{
    bool grouped = !q->aggregates || item->aggregate != IOT_QUERY_PLAIN;
    for (size_t i = 0; i < q->group_count && !grouped; i++)
        grouped = iot_query_path_same(&item->path, &q->groups[i]);
    if (!grouped)
        iot_query_refuse(p, item->path.at,
                         arena_printf(p->arena,
                                      "%s stands beside an aggregate and must be in GROUP BY",
                                      iot_query_path_text(p->arena, &item->path)));
    for (const struct iot_query_item *other = q->items; other < item; other++)
        if (slice_eq(other->name, item->name))
            iot_query_refuse(
                p, item->path.at,
                arena_printf(p->arena,
                             "two things that are selected are named %.*s: name one with AS",
                             SLICE_FMT(item->name)));
}

static void check(struct iot_query_parser *p, const struct iot_query *q)
{
    if (q->aggregates && q->item_count == 0)
        iot_query_refuse(
            p, 1, "SELECT * does not go with GROUP BY: select what is grouped by, and COUNT()");
    if (q->aggregates && q->top)
        iot_query_refuse(p, 1, "TOP does not go with aggregates");
    if (q->source == IOT_QUERY_JOBS && q->item_count)
        iot_query_refuse(p, 1, "from devices.jobs there is SELECT * alone");
    for (size_t i = 0; i < q->item_count && !p->why; i++)
        check_item(p, q, &q->items[i]);
}

/* ---- what the header promised ---- */

static struct iot_query_parser begin(struct slice text, struct arena *a)
{
    struct iot_query_parser p = {.arena = a, .lexer = {.arena = a, .text = text}};
    if (text.len > IOT_QUERY_TEXT_MAX)
        p.why = arena_printf(a, "the query has %zu characters, more than %d", text.len,
                             IOT_QUERY_TEXT_MAX);
    else
        iot_query_advance(&p);
    return p;
}

static enum status end(struct iot_query_parser *p, const char **why)
{
    if (!p->why && p->now.kind != IOT_TOKEN_END)
        iot_query_expect(p, "an operator or the end");
    *why = p->why;
    return p->why ? BAD_ARGUMENT : OK;
}

static void parse_where(struct iot_query_parser *p, struct iot_query *q)
{
    if (iot_query_take_word(p, "WHERE"))
        q->where = iot_query_condition(p);
}

enum status iot_query_parse(struct slice text, struct arena *a, struct iot_query *out,
                            const char **why)
{
    struct iot_query_parser p = begin(text, a);
    struct iot_query q = {0};
    p.has_clauses = true;
    parse_select(&p, &q);
    parse_source(&p, &q);
    parse_where(&p, &q);
    parse_groups(&p, &q);
    enum status s = end(&p, why);
    if (s != OK)
        return s;
    strip_source(&p, &q);
    check(&p, &q);
    s = end(&p, why);
    if (s == OK)
        *out = q;
    return s;
}

enum status iot_query_parse_condition(struct slice text, struct arena *a,
                                      const struct iot_query_expr **out, const char **why)
{
    struct iot_query_parser p = begin(text, a);
    const struct iot_query_expr *e = iot_query_condition(&p);
    enum status s = end(&p, why);
    if (s == OK)
        *out = e;
    return s;
}

enum status iot_query_parse_target(struct slice text, struct arena *a, struct iot_query *out,
                                   const char **why)
{
    struct iot_query_parser p = begin(text, a);
    struct iot_query q = {0};
    if (iot_query_at_word(&p, "FROM")) {
        p.has_clauses = true;
        parse_source(&p, &q);
        parse_where(&p, &q);
        if (q.source == IOT_QUERY_JOBS)
            iot_query_refuse(&p, 1, "a target is devices or devices.modules");
    } else if (!iot_query_take_symbol(&p, "*")) {
        p.has_source = true;
        q.where = iot_query_condition(&p);
    }
    enum status s = end(&p, why);
    if (s == OK)
        *out = q;
    return s;
}

const char *iot_query_path_text(struct arena *a, const struct iot_query_path *p)
{
    const char *text = "";
    for (size_t i = 0; i < p->count; i++) {
        const struct iot_query_step *s = &p->steps[i];
        text = s->name.len ? arena_printf(a, "%s%s%.*s", text, i ? "." : "", SLICE_FMT(s->name))
                           : arena_printf(a, "%s[%zu]", text, s->index);
    }
    return text;
}

bool iot_query_path_same(const struct iot_query_path *a, const struct iot_query_path *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same =
            slice_eq(a->steps[i].name, b->steps[i].name) && a->steps[i].index == b->steps[i].index;
    return same;
}
