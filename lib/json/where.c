#include "json/where.h"

static bool is_between(uint8_t c) /* what may stand between two tokens, comments aside */
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == ':' || c == ']' ||
           c == '}';
}

static size_t line_end(struct slice text, size_t at)
{
    while (at < text.len && text.at[at] != '\n' && text.at[at] != '\r')
        at++;
    return at;
}

size_t json_comment_end(struct slice text, size_t at)
{
    if (at + 1 >= text.len || text.at[at + 1] != '*')
        return line_end(text, at);
    struct slice rest = slice_skip(text, at + 2), end = SLICE("*/");
    size_t len = slice_find_slice(rest, end);
    return len == rest.len ? text.len : at + 2 + len + end.len;
}

static size_t next_token(struct slice text, size_t at)
{
    while (at < text.len && (is_between(text.at[at]) || text.at[at] == '/'))
        at = text.at[at] == '/' ? json_comment_end(text, at) : at + 1;
    return at;
}

static size_t token_end(struct slice text, size_t at)
{
    uint8_t first = text.at[at++];
    if (first == '{' || first == '[')
        return at;
    if (first == '"') {
        while (at < text.len && text.at[at] != '"')
            at += text.at[at] == '\\' ? 2 : 1;
        return at + 1;
    }
    while (at < text.len && !is_between(text.at[at]) && text.at[at] != '/')
        at++;
    return at;
}

size_t json_token_at(struct slice text, size_t n)
{
    size_t at = next_token(text, 0);
    for (; n > 0 && at < text.len; n--)
        at = next_token(text, token_end(text, at));
    return at < text.len ? at : text.len;
}

void json_line_column(struct slice text, size_t at, unsigned *line, unsigned *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        if (text.at[i] == '\n') {
            *line += 1;
            *column = 1;
        } else if ((text.at[i] & 0xc0) != 0x80) {
            *column += 1;
        }
    }
}
