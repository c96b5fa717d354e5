#include "opcua/event_query_priv.h"

#include "json/write.h"

#define BIND_OR 4
#define BIND_AND 5
#define BIND_BITS 8
#define BIND_COMPARISON 9
#define BIND_NOT 10

static struct query_node *expression(struct query *q, int binds);

/* ---- what goes wrong ---- */

void *query_fail(struct query *q, enum status why, size_t at, const char *format, ...)
{
    if (q->failed != OK)
        return NULL;
    q->failed = why;
    size_t line = 1, begin = 0;
    for (size_t i = 0; i < at && i < q->lexer.text.len; i++)
        if (q->lexer.text.at[i] == '\n') {
            line++;
            begin = i + 1;
        }
    buffer_printf(q->why, "line %zu, column %zu: ", line, at - begin + 1);
    va_list args;
    va_start(args, format);
    buffer_vprintf(q->why, format, args);
    va_end(args);
    buffer_u8(q->why, '.');
    return NULL;
}

static void *expect(struct query *q, const char *what)
{
    const struct query_lexer *l = &q->lexer;
    if (l->token == QUERY_END)
        return query_fail(q, BAD_FORMAT, l->from, "%s is expected, not the end", what);
    return query_fail(q, BAD_FORMAT, l->from, "%s is expected, not '%.*s'", what,
                      SLICE_FMT(l->word));
}

static bool accept_sign(struct query *q, const char *sign)
{
    bool is = query_is_sign(&q->lexer, sign);
    if (is)
        query_next(&q->lexer);
    return is;
}

static bool accept_word(struct query *q, const char *word)
{
    bool is = query_is_word(&q->lexer, word);
    if (is)
        query_next(&q->lexer);
    return is;
}

static bool is_id(const struct query *q)
{
    return q->lexer.token == QUERY_ID || q->lexer.token == QUERY_QUOTED;
}

/* ---- nodes ---- */

static struct query_node *operation(struct query *q, const char *name, size_t room)
{
    struct query_node *n = ARENA_TAKE(q->arena, struct query_node);
    *n = (struct query_node){.kind = QUERY_OPERATION, .operation = name};
    n->operands = ARENA_TAKE_N(q->arena, struct query_node *, room);
    return n;
}

static struct query_node *one(struct query *q, const char *name, struct query_node *a)
{
    struct query_node *n = operation(q, name, 1);
    n->operands[n->count++] = a;
    return n;
}

static struct query_node *two(struct query *q, const char *name, struct query_node *a,
                              struct query_node *b)
{
    struct query_node *n = operation(q, name, 2);
    n->operands[n->count++] = a;
    n->operands[n->count++] = b;
    return n;
}

/* ---- values and fields ---- */

static struct slice json_text(struct query *q, struct slice word)
{
    struct buffer plain = {0}, json = {0};
    for (size_t i = 0; i < word.len; i++) {
        buffer_u8(&plain, word.at[i]);
        i += word.at[i] == '\''; /* the second of two */
    }
    json_escape(&json, buffer_slice(&plain));
    struct slice kept = arena_copy(q->arena, buffer_slice(&json));
    buffer_clear(&plain);
    buffer_clear(&json);
    return kept;
}

static struct query_node *literal(struct query *q, struct slice json)
{
    struct query_node *n = ARENA_TAKE(q->arena, struct query_node);
    *n = (struct query_node){.kind = QUERY_LITERAL, .value = json};
    query_next(&q->lexer);
    if (!accept_sign(q, "^^"))
        return n;
    if (!is_id(q))
        return expect(q, "a data type");
    n->type = query_data_type(q, q->lexer.word, q->lexer.from);
    query_next(&q->lexer);
    return n;
}

static struct query_node *name(struct query *q)
{
    struct query_node *n = query_field(q, q->lexer.word, q->lexer.from);
    query_next(&q->lexer);
    return n;
}

static struct query_node *in_brackets(struct query *q)
{
    if (query_is_word(&q->lexer, "SELECT"))
        return query_fail(q, UNSUPPORTED, q->lexer.from,
                          "a SELECT inside another is nothing that an event filter can say");
    struct query_node *n = expression(q, 0);
    if (n && !accept_sign(q, ")"))
        return expect(q, "')'");
    return n;
}

/* ---- operations ---- */

static const struct unary {
    const char *word, *operation;
    int binds;
} unaries[] = {
    {"NOT", "Not", BIND_NOT},
    {"ISNULL", "IsNull", BIND_COMPARISON},
    {"INVIEW", "InView", BIND_COMPARISON},
    {"OFTYPE", "OfType", BIND_COMPARISON},
};

static const struct binary {
    const char *sign, *operation;
    int binds;
    bool negated;
} binaries[] = {
    {"=", "Equals", BIND_COMPARISON, false},
    {"==", "Equals", BIND_COMPARISON, false},
    {"<>", "Equals", BIND_COMPARISON, true},
    {"!=", "Equals", BIND_COMPARISON, true},
    {">", "GreaterThan", BIND_COMPARISON, false},
    {"<", "LessThan", BIND_COMPARISON, false},
    {">=", "GreaterThanOrEqual", BIND_COMPARISON, false},
    {"<=", "LessThanOrEqual", BIND_COMPARISON, false},
    {"!<", "GreaterThanOrEqual", BIND_COMPARISON, false},
    {"!>", "LessThanOrEqual", BIND_COMPARISON, false},
    {"LIKE", "Like", BIND_COMPARISON, false},
    {"&", "BitwiseAnd", BIND_BITS, false},
    {"|", "BitwiseOr", BIND_BITS, false},
    {"AND", "And", BIND_AND, false},
    {"OR", "Or", BIND_OR, false},
};

static const struct function {
    const char *word, *operation;
    size_t least, most; /* in the brackets */
} functions[] = {
    {"IN", "InList", 1, 250},
    {"CAST", "Cast", 1, 1},
    {"BETWEEN", "Between", 2, 2},
    {"RELATEDTO", "RelatedTo", 2, 5},
};

#define EACH(table) (sizeof(table) / sizeof(table)[0])

static struct query_node *operand(struct query *q)
{
    struct query_lexer *l = &q->lexer;
    if (accept_sign(q, "("))
        return in_brackets(q);
    if (query_is_word(l, "true") || query_is_word(l, "false"))
        return literal(q, query_is_word(l, "true") ? SLICE("true") : SLICE("false"));
    if (l->token == QUERY_NUMBER)
        return literal(q, l->word);
    if (l->token == QUERY_STRING)
        return literal(q, json_text(q, l->word));
    return is_id(q) ? name(q) : expect(q, "a field, a value or '('");
}

static struct query_node *prefix(struct query *q)
{
    const struct unary *u = NULL;
    for (size_t i = 0; i < EACH(unaries) && !u; i++)
        if (accept_word(q, unaries[i].word))
            u = &unaries[i];
    if (!u && accept_sign(q, "!"))
        u = &unaries[0];
    if (!u)
        return operand(q);
    struct query_node *of = expression(q, u->binds);
    return of ? one(q, u->operation, of) : NULL;
}

static struct query_node *call(struct query *q, struct query_node *first, const struct function *f)
{
    struct query_node *n = operation(q, f->operation, f->most + 1);
    n->operands[n->count++] = first;
    size_t at = q->lexer.from;
    if (!accept_sign(q, "("))
        return expect(q, "'('");
    do {
        if (query_is_word(&q->lexer, "SELECT"))
            return in_brackets(q);
        struct query_node *next = n->count <= f->most ? expression(q, 0) : NULL;
        if (!next)
            return query_fail(q, BAD_FORMAT, at, "%s takes at most %zu values", f->word, f->most);
        n->operands[n->count++] = next;
    } while (accept_sign(q, ","));
    if (n->count - 1 < f->least)
        return query_fail(q, BAD_FORMAT, at, "%s takes at least %zu values", f->word, f->least);
    return accept_sign(q, ")") ? n : expect(q, "',' or ')'");
}

static const struct binary *binary_here(const struct query *q)
{
    for (size_t i = 0; i < EACH(binaries); i++)
        if (query_is_sign(&q->lexer, binaries[i].sign) ||
            query_is_word(&q->lexer, binaries[i].sign))
            return &binaries[i];
    return NULL;
}

static const struct function *function_here(const struct query *q)
{
    for (size_t i = 0; i < EACH(functions); i++)
        if (query_is_word(&q->lexer, functions[i].word))
            return &functions[i];
    return NULL;
}

/* Takes what binds stronger than `binds`. */
static struct query_node *expression(struct query *q, int binds)
{
    if (++q->depth > OPCUA_QUERY_DEPTH_MAX)
        return query_fail(q, TOO_LARGE, q->lexer.from, "too deep: at most %d levels",
                          OPCUA_QUERY_DEPTH_MAX);
    struct query_node *left = prefix(q);
    while (left) {
        const struct binary *b = binary_here(q);
        const struct function *f = function_here(q);
        if (b && b->binds > binds) {
            query_next(&q->lexer);
            struct query_node *right = expression(q, b->binds);
            left = right ? two(q, b->operation, left, right) : NULL;
            if (left && b->negated)
                left = one(q, "Not", left);
        } else if (f && BIND_COMPARISON > binds) {
            query_next(&q->lexer);
            left = call(q, left, f);
        } else {
            break;
        }
    }
    q->depth--;
    return left;
}

/* ---- sentences ---- */

/* The lexer takes "p:" or "p"; a '#' that ends the namespace in ids is not part of it. */
static void read_prefix(struct query *q)
{
    struct query_lexer *l = &q->lexer;
    if (l->token != QUERY_ID) {
        expect(q, "a prefix");
        return;
    }
    struct slice word = l->word;
    query_next(l);
    bool uri = l->token == QUERY_URI || (l->token == QUERY_ID && slice_ends(l->word, SLICE("#")));
    if (!uri) {
        expect(q, "a namespace: <uri>");
        return;
    }
    if (q->prefix_count == OPCUA_QUERY_TYPES_MAX) {
        query_fail(q, TOO_LARGE, l->from, "more than %d prefixes", OPCUA_QUERY_TYPES_MAX);
        return;
    }
    struct slice ns =
        slice_ends(l->word, SLICE("#")) ? slice_first(l->word, l->word.len - 1) : l->word;
    if (slice_ends(word, SLICE(":")))
        word = slice_first(word, word.len - 1);
    q->prefixes[q->prefix_count++] = (struct query_prefix){word, ns};
    query_next(l);
}

static bool is_clause(const struct query *q)
{
    return query_is_word(&q->lexer, "FROM") || query_is_word(&q->lexer, "WHERE");
}

/* [AS] alias */
static struct slice read_alias(struct query *q)
{
    bool as = accept_word(q, "AS");
    if (!is_id(q) || (!as && is_clause(q))) {
        if (as)
            expect(q, "an alias");
        return (struct slice){0};
    }
    struct slice alias = q->lexer.word;
    query_next(&q->lexer);
    return alias;
}

static void read_type(struct query *q)
{
    if (!is_id(q)) {
        expect(q, "an event type");
        return;
    }
    if (q->type_count == OPCUA_QUERY_TYPES_MAX) {
        query_fail(q, TOO_LARGE, q->lexer.from, "more than %d types", OPCUA_QUERY_TYPES_MAX);
        return;
    }
    struct slice node = query_type_id(q, q->lexer.word, q->lexer.from);
    query_next(&q->lexer);
    q->types[q->type_count++] = (struct query_type){node, read_alias(q)};
}

static void read_field(struct query *q)
{
    if (!is_id(q) || is_clause(q)) {
        expect(q, "a field or '*'");
        return;
    }
    if (q->field_count == OPCUA_QUERY_FIELDS_MAX) {
        query_fail(q, TOO_LARGE, q->lexer.from, "more than %d fields", OPCUA_QUERY_FIELDS_MAX);
        return;
    }
    struct query_node *n = name(q);
    if (!n)
        return;
    n->alias = read_alias(q);
    q->fields[q->field_count++] = n;
}

/* Fields are named before their types are: the types are read first. */
static void read_from_ahead(struct query *q)
{
    struct query_lexer here = q->lexer;
    while (q->lexer.token != QUERY_END && !query_is_word(&q->lexer, "FROM"))
        query_next(&q->lexer);
    if (accept_word(q, "FROM"))
        do
            read_type(q);
        while (q->failed == OK && accept_sign(q, ","));
    q->lexer = here;
}

static void skip_from(struct query *q)
{
    if (!accept_word(q, "FROM"))
        return;
    do {
        query_next(&q->lexer);
        read_alias(q);
    } while (q->failed == OK && accept_sign(q, ","));
}

static void read_query(struct query *q)
{
    query_next(&q->lexer);
    while (q->failed == OK && accept_word(q, "PREFIX"))
        read_prefix(q);
    if (q->failed == OK && !accept_word(q, "SELECT"))
        expect(q, "SELECT");
    if (q->failed == OK)
        read_from_ahead(q);
    if (q->failed == OK && accept_sign(q, "*"))
        q->all = true;
    else if (q->failed == OK)
        do
            read_field(q);
        while (q->failed == OK && accept_sign(q, ","));
    if (q->failed == OK)
        skip_from(q);
    if (q->failed == OK && accept_word(q, "WHERE"))
        q->where = expression(q, 0);
    if (q->failed == OK)
        accept_sign(q, ";");
    if (q->failed == OK && q->lexer.token != QUERY_END)
        expect(q, "the end");
}

enum status opcua_event_query_compile(struct slice text, struct buffer *out, struct buffer *why)
{
    if (text.len > OPCUA_QUERY_BYTES_MAX) {
        buffer_printf(why, "The query has more than %d bytes.", OPCUA_QUERY_BYTES_MAX);
        return TOO_LARGE;
    }
    struct arena arena = {0};
    struct query *q = ARENA_TAKE(&arena, struct query);
    *q = (struct query){.lexer = {.text = text}, .arena = &arena, .why = why};
    read_query(q);
    size_t before = out->len;
    if (q->failed == OK)
        q->failed = query_put(q, out);
    enum status s = q->failed;
    if (s != OK)
        out->len = before;
    arena_clear(&arena);
    return s;
}
