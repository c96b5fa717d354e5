#include "iot/query_parser.h"

#include "iot/query_functions.h"

#define ELEMENTS_MAX 1024 /* of one list */
#define CHAIN_MAX 4096    /* of one chain of AND or OR: more does not fit into the text */

/* ---- words ---- */

void iot_query_expect(struct iot_query_parser *p, const char *expected)
{
    if (p->why)
        return;
    if (p->now.kind == IOT_TOKEN_END)
        p->why = arena_printf(p->arena, "position %zu: expected %s, but the query ends here",
                              p->now.at, expected);
    else
        p->why = arena_printf(p->arena, "position %zu: expected %s, found %.*s", p->now.at,
                              expected, (int)(p->now.text.len < 40 ? p->now.text.len : 40),
                              (const char *)p->now.text.at);
}

void iot_query_refuse(struct iot_query_parser *p, size_t at, const char *what)
{
    if (!p->why)
        p->why = arena_printf(p->arena, "position %zu: %s", at, what);
}

void iot_query_advance(struct iot_query_parser *p)
{
    p->now = iot_query_lex(&p->lexer);
    if (p->now.kind == IOT_TOKEN_BAD)
        iot_query_expect(p, p->now.why);
}

bool iot_query_at_word(const struct iot_query_parser *p, const char *word)
{
    return p->now.kind == IOT_TOKEN_NAME && p->now.plain &&
           slice_eq_nocase(p->now.text, slice_of(word));
}

bool iot_query_at_symbol(const struct iot_query_parser *p, const char *symbol)
{
    return p->now.kind == IOT_TOKEN_SYMBOL && slice_eq(p->now.text, slice_of(symbol));
}

bool iot_query_take_word(struct iot_query_parser *p, const char *word)
{
    if (p->why || !iot_query_at_word(p, word))
        return false;
    iot_query_advance(p);
    return true;
}

bool iot_query_take_symbol(struct iot_query_parser *p, const char *symbol)
{
    if (p->why || !iot_query_at_symbol(p, symbol))
        return false;
    iot_query_advance(p);
    return true;
}

bool iot_query_at_keyword(const struct iot_query_parser *p)
{
    static const char *const clauses[] = {"SELECT", "TOP", "FROM", "WHERE", "GROUP", "BY", "AS"};
    static const char *const words[] = {"AND",  "OR",    "NOT",  "IN",       "NIN",
                                        "TRUE", "FALSE", "NULL", "UNDEFINED"};
    for (size_t i = 0; p->has_clauses && i < sizeof(clauses) / sizeof(clauses[0]); i++)
        if (iot_query_at_word(p, clauses[i]))
            return true;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (iot_query_at_word(p, words[i]))
            return true;
    return false;
}

/* ---- trees ---- */

static struct iot_query_expr *make(struct iot_query_parser *p, enum iot_query_kind kind,
                                   const struct iot_query_expr *const *args, size_t count)
{
    struct iot_query_expr *e = ARENA_TAKE(p->arena, struct iot_query_expr);
    const struct iot_query_expr **kept =
        ARENA_TAKE_N(p->arena, const struct iot_query_expr *, count);
    for (size_t i = 0; i < count; i++) {
        kept[i] = args[i];
        e->depth = args[i]->depth > e->depth ? args[i]->depth : e->depth;
    }
    e->kind = kind;
    e->args = kept;
    e->arg_count = count;
    if (++e->depth > IOT_QUERY_DEPTH_MAX)
        iot_query_refuse(p, p->now.at, "the query is nested deeper than 64");
    return e;
}

/* A list that grows; the arena takes it back with all else. */
struct list_of {
    const struct iot_query_expr **all;
    size_t count, cap, max;
};

static void push(struct iot_query_parser *p, struct list_of *l, const struct iot_query_expr *e)
{
    if (l->count == l->max) {
        iot_query_refuse(p, p->now.at, "the list is too long");
        return;
    }
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 4;
        const struct iot_query_expr **more =
            ARENA_TAKE_N(p->arena, const struct iot_query_expr *, cap);
        if (l->count)
            memcpy(more, l->all, l->count * sizeof(*more));
        l->all = more;
        l->cap = cap;
    }
    l->all[l->count++] = e;
}

static const struct iot_query_expr *literal(struct iot_query_parser *p, struct iot_value v)
{
    struct iot_query_expr *e = make(p, IOT_QUERY_LITERAL, NULL, 0);
    e->value = v;
    return e;
}

/* ---- expressions, from the tightest to the loosest; parse_or is all of one ---- */

static const struct iot_query_expr *parse_or(struct iot_query_parser *p, unsigned depth);

static void parse_list(struct iot_query_parser *p, struct list_of *l, const char *end,
                       unsigned depth)
{
    l->max = ELEMENTS_MAX;
    if (!iot_query_take_symbol(p, end)) {
        do
            push(p, l, parse_or(p, depth + 1));
        while (iot_query_take_symbol(p, ","));
        if (!iot_query_take_symbol(p, end))
            iot_query_expect(p, *end == ']' ? ", or ]" : ", or )");
    }
}

static const struct iot_query_expr *parse_call(struct iot_query_parser *p,
                                               struct iot_query_token name, unsigned depth)
{
    struct list_of args = {0};
    const struct iot_query_function *f = iot_query_function(name.text);
    if (!f)
        iot_query_refuse(p, name.at,
                         arena_printf(p->arena, "there is no function %.*s", SLICE_FMT(name.text)));
    parse_list(p, &args, ")", depth);
    if (!p->why && (args.count < f->least || args.count > f->most))
        iot_query_refuse(p, name.at,
                         f->least == f->most
                             ? arena_printf(p->arena, "%s takes %zu argument%s", f->name, f->least,
                                            f->least == 1 ? "" : "s")
                             : arena_printf(p->arena, "%s takes %zu arguments or more, at most %zu",
                                            f->name, f->least, f->most));
    struct iot_query_expr *e = make(p, IOT_QUERY_CALL, args.all, args.count);
    e->function = f;
    return e;
}

struct iot_query_path iot_query_without_source(const struct iot_query_parser *p,
                                               struct iot_query_path path)
{
    static const char *const words[] = {"devices", "modules", "jobs"};
    size_t skip = 0;
    if (path.system || !p->has_source || path.count < 2)
        return path;
    if (p->alias.len && slice_eq(path.steps[0].name, p->alias)) {
        skip = 1;
    } else if (slice_eq_nocase(path.steps[0].name, SLICE("devices"))) {
        skip = 1;
        if (p->source != IOT_QUERY_DEVICES && path.count > 2 &&
            slice_eq_nocase(path.steps[1].name, slice_of(words[p->source])))
            skip = 2;
    }
    path.steps += skip;
    path.count -= skip;
    return path;
}

static const struct iot_query_expr *parse_name(struct iot_query_parser *p, unsigned depth)
{
    static const struct {
        const char *word;
        struct iot_value value;
    } constants[] = {
        {"TRUE", {.type = IOT_VALUE_BOOL, .boolean = true}},
        {"FALSE", {.type = IOT_VALUE_BOOL}},
        {"NULL", {.type = IOT_VALUE_NULL}},
        {"UNDEFINED", {.type = IOT_VALUE_UNDEFINED}},
    };
    for (size_t i = 0; i < sizeof(constants) / sizeof(constants[0]); i++)
        if (iot_query_take_word(p, constants[i].word))
            return literal(p, constants[i].value);
    struct iot_query_token name = p->now;
    if (iot_query_at_keyword(p))
        iot_query_expect(p, "a value (a name that is a keyword stands in [[ ]])");
    iot_query_advance(p);
    if (name.plain && iot_query_take_symbol(p, "("))
        return parse_call(p, name, depth);
    struct iot_query_expr *e = make(p, IOT_QUERY_PATH, NULL, 0);
    e->path = iot_query_without_source(p, name.path);
    return e;
}

static const struct iot_query_expr *parse_primary(struct iot_query_parser *p, unsigned depth)
{
    struct iot_query_token t = p->now;
    struct list_of list = {0};
    if (depth > IOT_QUERY_DEPTH_MAX)
        iot_query_refuse(p, p->now.at, "the query is nested deeper than 64");
    if (p->why)
        return literal(p, iot_value_undefined());
    switch (t.kind) {
    case IOT_TOKEN_STRING:
        iot_query_advance(p);
        return literal(p, iot_value_string(t.string));
    case IOT_TOKEN_NUMBER:
        iot_query_advance(p);
        return literal(p, iot_value_number(t.number));
    case IOT_TOKEN_NAME:
        return parse_name(p, depth);
    default:
        break;
    }
    if (iot_query_take_symbol(p, "(")) {
        const struct iot_query_expr *e = parse_or(p, depth + 1);
        if (!iot_query_take_symbol(p, ")"))
            iot_query_expect(p, ")");
        return e;
    }
    if (iot_query_take_symbol(p, "[")) {
        parse_list(p, &list, "]", depth);
        return make(p, IOT_QUERY_ARRAY, list.all, list.count);
    }
    iot_query_expect(p, "a value");
    return literal(p, iot_value_undefined());
}

static const struct iot_query_expr *parse_sign(struct iot_query_parser *p, unsigned depth)
{
    bool negative = false;
    for (;;) {
        if (iot_query_take_symbol(p, "-"))
            negative = !negative;
        else if (!iot_query_take_symbol(p, "+"))
            break;
    }
    const struct iot_query_expr *e = parse_primary(p, depth);
    if (!negative)
        return e;
    if (e->kind == IOT_QUERY_LITERAL && e->value.type == IOT_VALUE_NUMBER)
        return literal(p, iot_value_number(-e->value.number));
    return make(p, IOT_QUERY_NEGATE, &e, 1);
}

struct binary {
    const char *symbol;
    enum iot_query_kind kind;
};

typedef const struct iot_query_expr *parse_fn(struct iot_query_parser *p, unsigned depth);

/* Left to right: a - b - c is (a - b) - c. */
static const struct iot_query_expr *parse_binary(struct iot_query_parser *p, unsigned depth,
                                                 parse_fn *tighter, const struct binary *ops,
                                                 size_t count)
{
    const struct iot_query_expr *left = tighter(p, depth);
    for (size_t i = 0; i < count && !p->why;) {
        if (!iot_query_take_symbol(p, ops[i].symbol)) {
            i++;
            continue;
        }
        const struct iot_query_expr *both[] = {left, tighter(p, depth)};
        left = make(p, ops[i].kind, both, 2);
        i = 0;
    }
    return left;
}

static const struct iot_query_expr *parse_product(struct iot_query_parser *p, unsigned depth)
{
    static const struct binary ops[] = {
        {"*", IOT_QUERY_MULTIPLY}, {"/", IOT_QUERY_DIVIDE}, {"%", IOT_QUERY_MODULO}};
    return parse_binary(p, depth, parse_sign, ops, 3);
}

static const struct iot_query_expr *parse_sum(struct iot_query_parser *p, unsigned depth)
{
    static const struct binary ops[] = {{"+", IOT_QUERY_ADD}, {"-", IOT_QUERY_SUBTRACT}};
    return parse_binary(p, depth, parse_product, ops, 2);
}

/* Behind IN or NIN. */
static const struct iot_query_expr *parse_in(struct iot_query_parser *p,
                                             const struct iot_query_expr *left,
                                             enum iot_query_kind kind, unsigned depth)
{
    if (!iot_query_at_symbol(p, "[") && (p->now.kind != IOT_TOKEN_NAME || iot_query_at_keyword(p)))
        iot_query_expect(p, "a list in [ ]");
    const struct iot_query_expr *both[] = {left, parse_primary(p, depth)};
    return make(p, kind, both, 2);
}

static const struct iot_query_expr *parse_comparison(struct iot_query_parser *p, unsigned depth)
{
    static const struct binary ops[] = {
        {"=", IOT_QUERY_EQ},  {"!=", IOT_QUERY_NE}, {"<>", IOT_QUERY_NE}, {"<", IOT_QUERY_LT},
        {"<=", IOT_QUERY_LE}, {">", IOT_QUERY_GT},  {">=", IOT_QUERY_GE},
    };
    const struct iot_query_expr *left = parse_sum(p, depth);
    if (iot_query_take_word(p, "IN"))
        return parse_in(p, left, IOT_QUERY_IN, depth);
    if (iot_query_take_word(p, "NIN"))
        return parse_in(p, left, IOT_QUERY_NIN, depth);
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        if (iot_query_take_symbol(p, ops[i].symbol)) {
            const struct iot_query_expr *both[] = {left, parse_sum(p, depth)};
            return make(p, ops[i].kind, both, 2);
        }
    return left;
}

static const struct iot_query_expr *parse_not(struct iot_query_parser *p, unsigned depth)
{
    bool negative = false, any = false;
    while (iot_query_take_word(p, "NOT")) {
        negative = !negative;
        any = true;
    }
    const struct iot_query_expr *e = parse_comparison(p, depth);
    if (!any)
        return e;
    e = make(p, IOT_QUERY_NOT, &e, 1);
    return negative ? e : make(p, IOT_QUERY_NOT, &e, 1);
}

static const struct iot_query_expr *parse_chain(struct iot_query_parser *p, unsigned depth,
                                                parse_fn *tighter, const char *word,
                                                enum iot_query_kind kind)
{
    struct list_of list = {.max = CHAIN_MAX};
    const struct iot_query_expr *first = tighter(p, depth);
    if (!iot_query_at_word(p, word))
        return first;
    push(p, &list, first);
    while (iot_query_take_word(p, word))
        push(p, &list, tighter(p, depth));
    return make(p, kind, list.all, list.count);
}

static const struct iot_query_expr *parse_and(struct iot_query_parser *p, unsigned depth)
{
    return parse_chain(p, depth, parse_not, "AND", IOT_QUERY_AND);
}

static const struct iot_query_expr *parse_or(struct iot_query_parser *p, unsigned depth)
{
    if (depth > IOT_QUERY_DEPTH_MAX)
        iot_query_refuse(p, p->now.at, "the query is nested deeper than 64");
    if (p->why)
        return literal(p, iot_value_undefined());
    return parse_chain(p, depth, parse_and, "OR", IOT_QUERY_OR);
}

const struct iot_query_expr *iot_query_condition(struct iot_query_parser *p)
{
    return parse_or(p, 1);
}
