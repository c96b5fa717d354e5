#include "published/init_file.h"

/* ---- lines ---- */

static bool next_line(struct slice *left, struct slice *line)
{
    return left->len && slice_split(left, '\n', line);
}

static bool is_divider(struct slice line)
{
    return slice_starts(slice_trim(line), SLICE("###"));
}

static bool is_comment(struct slice line)
{
    line = slice_trim(line);
    return slice_starts(line, SLICE("#")) || slice_starts(line, SLICE("//"));
}

/* ---- directives ---- */

static struct slice word_of(struct slice *text)
{
    *text = slice_trim(*text);
    size_t len = 0;
    while (len < text->len && text->at[len] > ' ' && text->at[len] != '=')
        len++;
    struct slice word = slice_first(*text, len);
    *text = slice_trim(slice_skip(*text, len));
    if (text->len && text->at[0] == '=')
        *text = slice_trim(slice_skip(*text, 1));
    return word;
}

static uint64_t number_of(struct slice text, uint64_t max)
{
    uint64_t n = 0;
    struct slice word = word_of(&text);
    return slice_to_u64(word, &n) ? (n > max ? max : n) : 0;
}

static void take_directive(struct slice line, struct init_request *r)
{
    size_t at = slice_find(line, '@');
    struct slice rest = slice_skip(line, at + 1);
    if (at == line.len)
        return;
    struct slice name = word_of(&rest);
    if (slice_eq_nocase(name, SLICE("no-log")))
        r->no_log = true;
    else if (slice_eq_nocase(name, SLICE("on-error")))
        r->on_error = true;
    else if (slice_eq_nocase(name, SLICE("continue-on-error")))
        r->continue_on_error = true;
    else if (slice_eq_nocase(name, SLICE("timeout")))
        r->timeout_ms = 1000 * number_of(rest, INIT_SECONDS_MAX);
    else if (slice_eq_nocase(name, SLICE("delay")))
        r->delay_ms = 1000 * number_of(rest, INIT_SECONDS_MAX);
    else if (slice_eq_nocase(name, SLICE("retries")))
        r->retries = (unsigned)number_of(rest, INIT_RETRIES_MAX);
}

/* ---- a request ---- */

static bool is_verb(struct slice word)
{
    static const char *const verbs[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (slice_eq_nocase(word, slice_of(verbs[i])))
            return true;
    return false;
}

static void take_request_line(struct slice line, struct init_request *r)
{
    struct slice first = word_of(&line);
    r->method = is_verb(first) && line.len ? word_of(&line) : first;
}

/* What stands between two dividers. */
static void read_part(struct slice part, unsigned line, struct init_request *r)
{
    struct slice left = part, text;
    *r = (struct init_request){.text = part};
    while (r->method.len == 0 && next_line(&left, &text)) {
        r->line = line++;
        if (is_comment(text))
            take_directive(text, r);
        else
            take_request_line(text, r);
    }
    while (next_line(&left, &text) && slice_trim(text).len)
        ; /* headers: what a body is, is known */
    r->body = slice_trim(left);
}

static struct slice take_part(struct init_reader *r)
{
    struct slice part = {r->left.at, 0}, line;
    while (next_line(&r->left, &line)) {
        r->line++;
        if (is_divider(line))
            break;
        part.len = (size_t)(line.at + line.len - part.at);
    }
    return part;
}

struct init_reader init_reader(struct slice text)
{
    return (struct init_reader){text, 1};
}

bool init_next(struct init_reader *r, struct init_request *out)
{
    while (r->left.len) {
        unsigned line = r->line;
        read_part(take_part(r), line, out);
        if (out->method.len)
            return true;
    }
    return false;
}
