#include "published/config_layout.h"

#include "json/where.h"

struct scan {
    struct slice text;
    size_t at;
};

static uint8_t peek(const struct scan *s)
{
    return s->at < s->text.len ? s->text.at[s->at] : 0;
}

/* White space and comments. */
static void skip_between(struct scan *s)
{
    for (;;) {
        uint8_t c = peek(s);
        if (c == '/')
            s->at = json_comment_end(s->text, s->at);
        else if (s->at < s->text.len && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
            s->at++;
        else
            return;
    }
}

static void skip_string(struct scan *s)
{
    for (s->at++; s->at < s->text.len && s->text.at[s->at] != '"'; s->at++)
        if (s->text.at[s->at] == '\\')
            s->at++;
    s->at = s->at < s->text.len ? s->at + 1 : s->text.len;
}

static bool ends_word(uint8_t c)
{
    return c == ',' || c == ']' || c == '}' || c == '/' || c <= ' ';
}

static void skip_value(struct scan *s)
{
    size_t depth = 0;
    do {
        skip_between(s);
        uint8_t c = peek(s);
        if (c == '{' || c == '[') {
            depth++;
            s->at++;
        } else if (c == '}' || c == ']') {
            depth--;
            s->at++;
        } else if (c == '"') {
            skip_string(s);
        } else if (c == ',' || c == ':') {
            s->at++;
        } else {
            while (s->at < s->text.len && !ends_word(s->text.at[s->at]))
                s->at++;
        }
    } while (depth > 0 && s->at < s->text.len);
}

static struct scan begin(struct slice text, size_t at)
{
    struct scan s = {text, at};
    skip_between(&s);
    s.at++;
    return s;
}

struct layout_array layout_array(struct arena *a, struct slice text, size_t at, size_t count)
{
    struct scan s = begin(text, at);
    struct layout_array out = {.open = s.at, .last = s.at};
    out.elements = ARENA_TAKE_N(a, struct layout_element, count + 1);
    while (out.count < count) {
        struct layout_element *e = &out.elements[out.count++];
        e->head = s.at;
        skip_between(&s);
        e->at = s.at;
        skip_value(&s);
        e->end = e->tail = out.last = s.at;
        skip_between(&s);
        if (peek(&s) != ',')
            break;
        e->tail = s.at;
        out.last = ++s.at;
    }
    skip_between(&s);
    out.close = s.at;
    return out;
}

struct layout_object layout_object(struct arena *a, struct slice text, size_t at, size_t count)
{
    struct scan s = begin(text, at);
    struct layout_object out = {0};
    out.members = ARENA_TAKE_N(a, struct layout_member, count + 1);
    while (out.count < count) {
        struct layout_member *m = &out.members[out.count++];
        skip_between(&s);
        m->at = s.at;
        skip_string(&s);
        skip_between(&s);
        s.at++; /* the colon */
        skip_between(&s);
        m->value = s.at;
        skip_value(&s);
        m->end = s.at;
        skip_between(&s);
        if (peek(&s) == ',')
            s.at++;
    }
    skip_between(&s);
    out.end = s.at < text.len ? s.at + 1 : text.len;
    return out;
}

struct slice layout_indent(struct slice text, size_t at)
{
    size_t begin_at = at < text.len ? at : text.len;
    while (begin_at > 0 && text.at[begin_at - 1] != '\n')
        begin_at--;
    size_t end = begin_at;
    while (end < text.len && (text.at[end] == ' ' || text.at[end] == '\t'))
        end++;
    return slice_from(text.at + begin_at, end - begin_at);
}
