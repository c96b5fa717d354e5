/* The words of an event query. */
#include "opcua/event_query_priv.h"

#include <ctype.h>

#define ACUTE "\xc2\xb4" /* ´ */

static struct slice rest(const struct query_lexer *l)
{
    return slice_skip(l->text, l->at);
}

static void skip_to(struct query_lexer *l, struct slice end)
{
    size_t found = slice_find_slice(rest(l), end);
    l->at += found + end.len;
    if (l->at > l->text.len)
        l->at = l->text.len;
}

static void skip_blanks(struct query_lexer *l)
{
    for (;;) {
        struct slice r = rest(l);
        if (r.len && isspace(r.at[0]))
            l->at++;
        else if (slice_starts(r, SLICE("--")))
            skip_to(l, SLICE("\n"));
        else if (slice_starts(r, SLICE("/*")))
            skip_to(l, SLICE("*/"));
        else
            return;
    }
}

static void take(struct query_lexer *l, enum query_token token, size_t len)
{
    l->token = token;
    l->word = slice_first(rest(l), len);
    l->at += len;
}

/* ---- node ids and names, which may have '=' and ';' in them ---- */

static bool is_id_byte(uint8_t c)
{
    return isalnum(c) || c >= 0x80 || (c && strchr("_-./:#%$@~+", c) != NULL);
}

/* "i=", "s=", … : what comes is an identifier. */
static bool is_identifier(struct slice s)
{
    return s.len >= 2 && s.at[1] == '=' && strchr("isgbISGB", s.at[0]) != NULL;
}

/* What belongs to a name that begins here as one piece, its '=' and ';' included; 0: nothing. */
static size_t piece_len(struct slice s)
{
    if (is_identifier(s))
        return 2;
    size_t end = slice_find(s, ';');
    bool index = slice_starts(s, SLICE("ns=")) && end < 12;
    if (index || (slice_starts(s, SLICE("nsu=")) && end < s.len))
        return end + 1 + piece_len(slice_skip(s, end + 1));
    if (slice_starts(s, SLICE("http://")) || slice_starts(s, SLICE("https://"))) {
        end = slice_find(s, '#');
        return end < s.len ? end + 1 + piece_len(slice_skip(s, end + 1)) : 0;
    }
    return 0;
}

static void take_id(struct query_lexer *l)
{
    struct slice r = rest(l);
    size_t len = piece_len(r);
    while (len < r.len && is_id_byte(r.at[len])) {
        bool begins = r.at[len] == '/' || r.at[len] == ':';
        len++;
        if (begins)
            len += piece_len(slice_skip(r, len));
    }
    take(l, QUERY_ID, len);
}

/* ---- the others ---- */

static void take_quoted(struct query_lexer *l, enum query_token token, struct slice end)
{
    size_t from = l->at + end.len;
    size_t len = slice_find_slice(slice_skip(l->text, from), end);
    if (from + len >= l->text.len) {
        take(l, QUERY_BAD, rest(l).len);
        return;
    }
    l->at = from;
    take(l, token, len);
    l->at += end.len;
}

static void take_string(struct query_lexer *l)
{
    struct slice r = rest(l);
    size_t at = 1;
    for (; at < r.len; at++) {
        if (r.at[at] == '\'' && at + 1 < r.len && r.at[at + 1] == '\'')
            at++;
        else if (r.at[at] == '\'')
            break;
    }
    if (at >= r.len) {
        take(l, QUERY_BAD, r.len);
        return;
    }
    l->token = QUERY_STRING;
    l->word = slice_first(slice_skip(r, 1), at - 1);
    l->at += at + 1;
}

static size_t digits(struct slice r, size_t at)
{
    size_t from = at;
    while (at < r.len && isdigit(r.at[at]))
        at++;
    return at - from;
}

/* JSON's numbers; 0: it is none. */
static size_t number_len(struct slice r)
{
    size_t at = r.len && r.at[0] == '-';
    size_t whole = digits(r, at);
    if (!whole || (whole > 1 && r.at[at] == '0'))
        return 0;
    at += whole;
    if (at < r.len && r.at[at] == '.' && digits(r, at + 1))
        at += 1 + digits(r, at + 1);
    if (at < r.len && (r.at[at] | 0x20) == 'e') {
        size_t sign = at + 1 < r.len && (r.at[at + 1] == '-' || r.at[at + 1] == '+');
        if (digits(r, at + 1 + sign))
            at += 1 + sign + digits(r, at + 1 + sign);
    }
    return at < r.len && is_id_byte(r.at[at]) ? 0 : at; /* "2:Name" is a name */
}

static bool take_sign(struct query_lexer *l)
{
    static const char *const signs[] = {"==", ">=", "<=", "<>", "!=", "!<", "!>", "^^", "=", ">",
                                        "<",  "!",  "&",  "|",  "(",  ")",  ",",  ";",  "*"};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
        if (slice_starts(rest(l), slice_of(signs[i]))) {
            take(l, QUERY_SIGN, strlen(signs[i]));
            return true;
        }
    return false;
}

/* "<http://…>" is no comparison. */
static bool take_uri(struct query_lexer *l)
{
    struct slice r = rest(l);
    size_t end = slice_find(r, '>');
    struct slice inside = slice_skip(slice_first(r, end), 1);
    if (r.at[0] != '<' || end >= r.len || slice_find(inside, ':') >= inside.len)
        return false;
    for (size_t i = 0; i < inside.len; i++)
        if (isspace(inside.at[i]))
            return false;
    l->at++;
    take(l, QUERY_URI, inside.len);
    l->at++;
    return true;
}

void query_next(struct query_lexer *l)
{
    skip_blanks(l);
    l->from = l->at;
    struct slice r = rest(l);
    if (!r.len)
        take(l, QUERY_END, 0);
    else if (r.at[0] == '\'')
        take_string(l);
    else if (r.at[0] == '`')
        take_quoted(l, QUERY_QUOTED, SLICE("`"));
    else if (slice_starts(r, SLICE(ACUTE)))
        take_quoted(l, QUERY_QUOTED, SLICE(ACUTE));
    else if (take_uri(l))
        return;
    else if (number_len(r))
        take(l, QUERY_NUMBER, number_len(r));
    else if (is_id_byte(r.at[0]))
        take_id(l);
    else if (!take_sign(l))
        take(l, QUERY_BAD, 1);
}

bool query_is_sign(const struct query_lexer *l, const char *sign)
{
    return l->token == QUERY_SIGN && slice_eq(l->word, slice_of(sign));
}

bool query_is_word(const struct query_lexer *l, const char *keyword)
{
    return l->token == QUERY_ID && slice_eq_nocase(l->word, slice_of(keyword));
}
