#include "settings/value.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/memory.h"

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit sizes[] = {
    {"B", 1},          {"kB", 1000},      {"MB", 1000000},   {"GB", 1000000000},
    {"KiB", 1u << 10}, {"MiB", 1u << 20}, {"GiB", 1u << 30}, {"K", 1u << 10},
    {"M", 1u << 20},   {"G", 1u << 30},   {NULL, 0},
};

static const struct unit durations[] = {
    {"ms", 1},      {"s", 1000},     {"m", 60000}, {"min", 60000},
    {"h", 3600000}, {"d", 86400000}, {NULL, 0},
};

static bool parse_unit(struct slice text, const struct unit *units, uint64_t *out)
{
    size_t digits = 0;
    while (digits < text.len && text.at[digits] >= '0' && text.at[digits] <= '9')
        digits++;
    uint64_t n;
    if (!slice_to_u64(slice_first(text, digits), &n))
        return false;
    struct slice unit = slice_trim(slice_skip(text, digits));
    if (unit.len == 0) {
        *out = n;
        return true;
    }
    for (const struct unit *u = units; u->name; u++)
        if (slice_eq_nocase(unit, slice_of(u->name)))
            return !__builtin_mul_overflow(n, u->factor, out);
    return false;
}

static bool one_of(struct slice text, const char *words)
{
    struct slice rest = slice_of(words), word;
    while (slice_split(&rest, '|', &word))
        if (slice_eq(word, text))
            return true;
    return false;
}

static bool parse_bool(struct slice text, int64_t *out)
{
    bool yes = slice_eq_nocase(text, SLICE("true")) || slice_eq(text, SLICE("1")) ||
               slice_eq_nocase(text, SLICE("yes"));
    bool no = slice_eq_nocase(text, SLICE("false")) || slice_eq(text, SLICE("0")) ||
              slice_eq_nocase(text, SLICE("no"));
    *out = yes;
    return yes || no;
}

static bool parse_duration(struct slice text, int64_t *out)
{
    uint64_t ms;
    if (!parse_unit(text, durations, &ms) && !clock_parse_timespan(text, &ms))
        return false;
    *out = (int64_t)ms;
    return true;
}

static bool parse_size(struct slice text, int64_t *out)
{
    uint64_t n;
    bool ok = parse_unit(text, sizes, &n) && n <= INT64_MAX;
    *out = ok ? (int64_t)n : 0;
    return ok;
}

static void split_list(struct slice text, struct setting_value *out)
{
    struct slice rest = text, part;
    out->list = memory_new(sizeof(char *));
    while (text.len && slice_split(&rest, ',', &part)) {
        part = slice_trim(part);
        if (part.len == 0)
            continue;
        out->list = memory_resize(out->list, (out->list_count + 2) * sizeof(char *));
        out->list[out->list_count++] = slice_dup(part);
        out->list[out->list_count] = NULL;
    }
}

static enum status check_words(const struct setting *s, const struct setting_value *v,
                               struct buffer *why)
{
    for (size_t i = 0; s->words && i < v->list_count; i++)
        if (!one_of(slice_of(v->list[i]), s->words)) {
            buffer_printf(why, "must be some of %s, divided by commas", s->words);
            return BAD_ARGUMENT;
        }
    return OK;
}

static char *path_of(struct slice text)
{
    const char *home = getenv("HOME");
    if (!slice_starts(text, SLICE("~/")) || home == NULL)
        return slice_dup(text);
    struct buffer b = {0};
    buffer_printf(&b, "%s%.*s", home, SLICE_FMT(slice_skip(text, 1)));
    char *path = slice_dup(buffer_slice(&b));
    buffer_clear(&b);
    return path;
}

static enum status check_bounds(const struct setting *s, int64_t n, struct buffer *why)
{
    if ((s->min == 0 && s->max == 0) || (n >= s->min && n <= s->max))
        return OK;
    buffer_printf(why, "must be between %lld and %lld", (long long)s->min, (long long)s->max);
    return BAD_ARGUMENT;
}

static enum status number(const struct setting *s, bool ok, const int64_t *n, const char *what,
                          struct buffer *why)
{
    if (!ok) {
        buffer_text(why, what);
        return BAD_ARGUMENT;
    }
    return check_bounds(s, *n, why);
}

enum status setting_parse(const struct setting *s, struct slice text, struct setting_value *out,
                          struct buffer *why)
{
    struct setting_value v = {0};
    enum status status = OK;
    switch (s->type) {
    case SETTING_TEXT:
        break;
    case SETTING_PATH:
        if (text.len == 0) {
            buffer_text(why, "must be a path");
            status = BAD_ARGUMENT;
        }
        break;
    case SETTING_INTEGER:
        status = number(s, slice_to_i64(text, &v.number), &v.number, "must be a whole number", why);
        break;
    case SETTING_SIZE:
        status = number(s, parse_size(text, &v.number), &v.number,
                        "must be a size such as 1024, 100kB or 64MiB", why);
        break;
    case SETTING_DURATION:
        status = number(s, parse_duration(text, &v.number), &v.number,
                        "must be a duration such as 250ms, 30s, 5m, 2h or 7d", why);
        break;
    case SETTING_BOOL:
        status = number(s, parse_bool(text, &v.number), &v.number, "must be true or false", why);
        break;
    case SETTING_WORD:
        if (!one_of(text, s->words)) {
            buffer_printf(why, "must be one of %s", s->words);
            status = BAD_ARGUMENT;
        }
        break;
    case SETTING_LIST:
        split_list(text, &v);
        status = check_words(s, &v, why);
        break;
    }
    if (status != OK) {
        setting_value_clear(&v);
        return status;
    }
    v.text = s->type == SETTING_PATH ? path_of(text) : slice_dup(text);
    setting_value_clear(out);
    *out = v;
    return OK;
}

void setting_value_clear(struct setting_value *v)
{
    for (size_t i = 0; i < v->list_count; i++)
        free(v->list[i]);
    free(v->list);
    free(v->text);
    *v = (struct setting_value){0};
}
