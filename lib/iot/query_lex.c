#include "iot/query_lex.h"

#include <stdlib.h>

#define STEPS_MAX 64
#define NUMBER_MAX 64 /* letters */

static int peek(const struct iot_query_lexer *l, size_t ahead)
{
    return l->at + ahead < l->text.len ? l->text.at[l->at + ahead] : -1;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' ||
           c == '$' || c >= 0x80;
}

static struct slice since(const struct iot_query_lexer *l, size_t start)
{
    return slice_from(l->text.at + start, l->at - start);
}

static void bad(struct iot_query_token *t, const char *why)
{
    t->kind = IOT_TOKEN_BAD;
    t->why = why;
}

/* ---- strings ---- */

static int hex_of(int c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits; -1 for anything else. */
static int take_unit(struct iot_query_lexer *l)
{
    int unit = 0;
    for (size_t i = 0; i < 4; i++) {
        int digit = hex_of(peek(l, i));
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    l->at += 4;
    return unit;
}

static size_t put_utf8(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = len - 1; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(first[len] | c);
    return len;
}

/* Behind "\u". Half of a pair alone is no character. */
static bool take_unicode(struct iot_query_lexer *l, uint8_t *out, size_t *len)
{
    int high = take_unit(l);
    uint32_t c = (uint32_t)high;
    if (high < 0 || (high >= 0xdc00 && high < 0xe000))
        return false;
    if (high >= 0xd800 && high < 0xdc00) {
        if (peek(l, 0) != '\\' || peek(l, 1) != 'u')
            return false;
        l->at += 2;
        int low = take_unit(l);
        if (low < 0xdc00 || low >= 0xe000)
            return false;
        c = 0x10000 + (((uint32_t)high - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
    }
    *len += put_utf8(out + *len, c);
    return true;
}

static bool take_escape(struct iot_query_lexer *l, uint8_t *out, size_t *len)
{
    static const char from[] = "'\"\\/bfnrt", to[] = "'\"\\/\b\f\n\r\t";
    int c = peek(l, 0);
    if (c < 0)
        return false;
    l->at++;
    if (c == 'u')
        return take_unicode(l, out, len);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return false;
    out[(*len)++] = (uint8_t)to[found - from];
    return true;
}

/* As it is written, up to the quote that ends it. */
static size_t raw_length(const struct iot_query_lexer *l)
{
    size_t n = 1;
    for (int quote = peek(l, 0), c; (c = peek(l, n)) >= 0 && c != quote;)
        n += c == '\\' ? 2 : 1;
    return n;
}

/* The quote is next. No escape is longer than it is written. */
static bool take_string(struct iot_query_lexer *l, struct slice *string, const char **why)
{
    int quote = peek(l, 0), c;
    uint8_t *out = arena_take(l->arena, raw_length(l) + 1);
    size_t len = 0;
    for (l->at++; (c = peek(l, 0)) != quote;) {
        if (c < 0) {
            *why = "a text that ends with the quote with which it began";
            return false;
        }
        l->at++;
        if (c != '\\') {
            out[len++] = (uint8_t)c;
        } else if (!take_escape(l, out, &len)) {
            *why = "an escape: \\' \\\" \\\\ or \\u with four hexadecimal digits";
            return false;
        }
    }
    l->at++;
    *string = slice_from(out, len);
    return true;
}

/* ---- numbers ---- */

static void take_number(struct iot_query_lexer *l, struct iot_query_token *t)
{
    size_t start = l->at;
    bool hex = peek(l, 0) == '0' && (peek(l, 1) | 0x20) == 'x';
    if (hex)
        l->at += 2;
    while (hex ? hex_of(peek(l, 0)) >= 0 : is_digit(peek(l, 0)) || peek(l, 0) == '.')
        l->at++;
    size_t sign = peek(l, 1) == '-' || peek(l, 1) == '+';
    if (!hex && (peek(l, 0) | 0x20) == 'e' && is_digit(peek(l, 1 + sign)))
        for (l->at += 1 + sign; is_digit(peek(l, 0));)
            l->at++;
    struct slice digits = since(l, start);
    char *end, text[NUMBER_MAX + 1] = {0};
    if (digits.len <= NUMBER_MAX)
        memcpy(text, digits.at, digits.len);
    t->kind = IOT_TOKEN_NUMBER;
    t->number = strtod(text, &end);
    if (digits.len > NUMBER_MAX || *end || end == text || is_word(peek(l, 0)) ||
        t->number - t->number != 0)
        bad(t, "a number");
}

/* ---- paths ---- */

struct steps {
    struct iot_query_step all[STEPS_MAX];
    size_t count;
    bool plain;
};

static bool add(struct steps *s, struct iot_query_step step, const char **why)
{
    *why = "at most 64 names in a path";
    if (s->count == STEPS_MAX)
        return false;
    s->all[s->count++] = step;
    return true;
}

/* What stands between here and `end`; an end that is not there is said. */
static bool take_until(struct iot_query_lexer *l, const char *end, struct slice *out)
{
    struct slice rest = slice_skip(l->text, l->at);
    size_t len = slice_find_slice(rest, slice_of(end));
    if (len == rest.len || len == 0)
        return false;
    *out = slice_first(rest, len);
    l->at += len + strlen(end);
    return true;
}

static bool take_name(struct iot_query_lexer *l, struct steps *s, const char **why)
{
    size_t start = l->at;
    struct iot_query_step step = {0};
    if (peek(l, 0) == '[' && peek(l, 1) == '[') {
        l->at += 2;
        s->plain = false;
        *why = "a name and ]] behind [[";
        return take_until(l, "]]", &step.name) && add(s, step, why);
    }
    while (is_word(peek(l, 0)))
        l->at++;
    step.name = since(l, start);
    *why = "a name";
    return step.name.len && add(s, step, why);
}

/* "[2]" or "['name']". */
static bool take_subscript(struct iot_query_lexer *l, struct steps *s, const char **why)
{
    struct iot_query_step step = {0};
    l->at++;
    s->plain = false;
    if (peek(l, 0) == '\'' || peek(l, 0) == '"') {
        if (!take_string(l, &step.name, why))
            return false;
    } else {
        size_t start = l->at;
        uint64_t index;
        while (is_digit(peek(l, 0)))
            l->at++;
        *why = "a whole number or a name in quotes behind [";
        if (!slice_to_u64(since(l, start), &index))
            return false;
        step.index = index;
    }
    *why = step.name.len || step.name.at == NULL ? "]" : "a name that is not empty";
    if (peek(l, 0) != ']' || (step.name.at && step.name.len == 0))
        return false;
    l->at++;
    return add(s, step, why);
}

static bool is_list_operator(const struct steps *s)
{
    return s->count == 1 && s->plain &&
           (slice_eq_nocase(s->all[0].name, SLICE("IN")) ||
            slice_eq_nocase(s->all[0].name, SLICE("NIN")));
}

static bool take_steps(struct iot_query_lexer *l, struct steps *s, const char **why)
{
    if (!take_name(l, s, why))
        return false;
    for (;;) {
        if (peek(l, 0) == '.') {
            l->at++;
            if (!take_name(l, s, why))
                return false;
            s->plain = false;
        } else if (peek(l, 0) == '[' && peek(l, 1) == '[' && !is_list_operator(s)) {
            if (!take_name(l, s, why))
                return false;
        } else if (peek(l, 0) == '[' && !is_list_operator(s)) {
            if (!take_subscript(l, s, why))
                return false;
        } else {
            return true;
        }
    }
}

static void take_path(struct iot_query_lexer *l, struct iot_query_token *t)
{
    struct steps s = {.plain = true};
    const char *why = NULL;
    bool braces = peek(l, 0) == '{';
    bool ok;
    if (braces) {
        struct iot_query_step step = {0};
        l->at++;
        s.plain = false;
        why = "a property's name and } behind {";
        ok = take_until(l, "}", &step.name) && add(&s, step, &why);
    } else {
        ok = take_steps(l, &s, &why);
    }
    if (!ok) {
        bad(t, why);
        return;
    }
    struct iot_query_step *steps = ARENA_TAKE_N(l->arena, struct iot_query_step, s.count);
    memcpy(steps, s.all, s.count * sizeof(*steps));
    t->kind = IOT_TOKEN_NAME;
    t->plain = s.plain;
    t->path = (struct iot_query_path){steps, s.count, t->at, braces};
}

/* ---- all ---- */

static bool take_symbol(struct iot_query_lexer *l, struct iot_query_token *t)
{
    static const char *const symbols[] = {"!=", "<>", "<=", ">=", "=", "<", ">", "+", "-",
                                          "*",  "/",  "%",  "(",  ")", "[", "]", ","};
    struct slice rest = slice_skip(l->text, l->at);
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
        if (slice_starts(rest, slice_of(symbols[i]))) {
            l->at += strlen(symbols[i]);
            t->kind = IOT_TOKEN_SYMBOL;
            return true;
        }
    return false;
}

static void take(struct iot_query_lexer *l, struct iot_query_token *t)
{
    int c = peek(l, 0);
    if (is_digit(c) || (c == '.' && is_digit(peek(l, 1)))) {
        take_number(l, t);
    } else if (c == '\'' || c == '"') {
        t->kind = IOT_TOKEN_STRING;
        if (!take_string(l, &t->string, &t->why))
            t->kind = IOT_TOKEN_BAD;
    } else if (is_word(c) || c == '{' || (c == '[' && peek(l, 1) == '[')) {
        take_path(l, t);
    } else if (!take_symbol(l, t)) {
        l->at++;
        bad(t, "a name, a value or an operator");
    }
}

struct iot_query_token iot_query_lex(struct iot_query_lexer *l)
{
    while (peek(l, 0) == ' ' || (peek(l, 0) >= '\t' && peek(l, 0) <= '\r'))
        l->at++;
    struct iot_query_token t = {.at = l->at + 1};
    size_t start = l->at;
    if (peek(l, 0) >= 0)
        take(l, &t);
    t.text = since(l, start);
    return t;
}
