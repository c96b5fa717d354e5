#include "rest/model.h"

#include <assert.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/encoding.h"

#define PATH_MAX_DEPTH 16
#define MEMBER_NAME_MAX 64 /* with its zero */
#define FOUND_MAX 8 /* more than an element of any large array has models */

const struct rest_model *rest_model_find(const struct rest_models *m, struct slice name)
{
    for (; m; m = m->more)
        for (size_t i = 0; i < m->count; i++)
            if (slice_eq(slice_of(m->models[i].name), name))
                return &m->models[i];
    return NULL;
}

bool rest_model_next(struct slice *left, struct rest_model_member *out)
{
    struct slice one;
    if (left->len == 0 || !slice_split(left, ',', &one))
        return false;
    one = slice_trim(one);
    size_t colon = slice_find(one, ':');
    struct slice name = slice_first(one, colon);
    out->required = slice_ends(name, SLICE("*"));
    out->name = slice_first(name, name.len - out->required);
    out->type = slice_skip(one, colon + 1);
    return true;
}

bool rest_model_member(const struct rest_models *m, const char *members, struct slice name,
                       struct rest_model_member *out)
{
    struct slice left = slice_of(members);
    while (rest_model_next(&left, out)) {
        const struct rest_model *part = out->type.len ? NULL : rest_model_find(m, out->name);
        if (part ? rest_model_member(m, part->members, name, out)
                 : slice_eq_nocase(out->name, name))
            return true;
    }
    return false;
}

/* ---- checking ---- */

struct check {
    const struct rest_models *models;
    struct step {
        struct slice name; /* empty: an array's element */
        size_t index;
    } path[PATH_MAX_DEPTH];
    size_t depth;
    char *why;
    /* What was looked up last, by where its name stands: the thousand elements of an array are of one. */
    struct found {
        const uint8_t *name;
        const struct rest_model *model;
        struct slice word; /* the last that was one of its words, which most elements have again */
    } found[FOUND_MAX];
    unsigned found_next;
};

static struct found *find(struct check *c, struct slice name)
{
    for (struct found *f = c->found; f < c->found + FOUND_MAX; f++)
        if (f->name == name.at)
            return f;
    struct found *f = &c->found[c->found_next++ % FOUND_MAX];
    *f = (struct found){.name = name.at, .model = rest_model_find(c->models, name)};
    assert(f->model);
    return f;
}

static enum status wrong(struct check *c, const char *what)
{
    size_t at = 0;
    for (size_t i = 0; i < c->depth && at < REST_MODEL_WHY_MAX - 80; i++) {
        const struct step *step = &c->path[i];
        size_t room = REST_MODEL_WHY_MAX - at;
        int len = step->name.len > 40 ? 40 : (int)step->name.len;
        at += (size_t)(step->name.len ? snprintf(c->why + at, room, "%s%.*s", i ? "." : "", len,
                                                 (const char *)step->name.at)
                                      : snprintf(c->why + at, room, "[%zu]", step->index));
    }
    snprintf(c->why + at, REST_MODEL_WHY_MAX - at, "%s%s", at ? ": " : "", what);
    return BAD_ARGUMENT;
}

static enum status check_value(struct check *c, struct slice type, const struct json *v);

static enum status check_inner(struct check *c, struct step step, struct slice type,
                               const struct json *v)
{
    if (c->depth == PATH_MAX_DEPTH)
        return wrong(c, "too deep");
    c->path[c->depth++] = step;
    enum status s = check_value(c, type, v);
    if (s == OK)
        c->depth--;
    return s;
}

static enum status check_all(struct check *c, struct slice type, const struct json *v)
{
    struct json_walk w = json_walk(v);
    for (size_t i = 0; json_next(&w); i++) {
        enum status s = check_inner(c, (struct step){w.name, i}, type, w.value);
        if (s != OK)
            return s;
    }
    return OK;
}

static enum status missing(struct check *c, struct slice name)
{
    if (c->depth < PATH_MAX_DEPTH)
        c->path[c->depth++] = (struct step){name, 0};
    return wrong(c, "is missing");
}

static enum status check_members(struct check *c, const char *members, const struct json *v)
{
    if (!json_is(v, JSON_OBJECT))
        return wrong(c, "not an object");
    struct slice left = slice_of(members);
    struct rest_model_member member;
    while (rest_model_next(&left, &member)) {
        if (member.type.len == 0) {
            enum status s = check_value(c, member.name, v);
            if (s != OK)
                return s;
            continue;
        }
        char name[MEMBER_NAME_MAX];
        assert(member.name.len < sizeof(name));
        memcpy(name, member.name.at, member.name.len);
        name[member.name.len] = 0;
        const struct json *inner = json_get_nocase(v, name);
        bool absent = inner == NULL || json_is(inner, JSON_NULL);
        if (absent && !member.required)
            continue;
        bool any = slice_eq(member.type, SLICE("any"));
        if (inner == NULL || (absent && !any))
            return missing(c, member.name);
        enum status s = check_inner(c, (struct step){member.name, 0}, member.type, inner);
        if (s != OK)
            return s;
    }
    return OK;
}

static bool is_word(const char *words, struct slice given)
{
    struct slice left = slice_of(words), word;
    while (left.len > 0 && slice_split(&left, '|', &word))
        if (slice_eq_nocase(word, given))
            return true;
    return false;
}

/* "A, B" */
static bool are_words(const char *words, struct slice given)
{
    struct slice word;
    while (slice_split(&given, ',', &word))
        if (!is_word(words, slice_trim(word)))
            return false;
    return true;
}

static bool is_integer(const struct json *v, int64_t min, int64_t max)
{
    int64_t n;
    return json_i64(v, &n) && n >= min && n <= max;
}

static bool is_base64(struct slice text)
{
    struct buffer bytes = {0};
    bool ok = base64_decode(text, &bytes) == OK;
    buffer_clear(&bytes);
    return ok;
}

static bool is_time(const struct json *v)
{
    uint64_t ms;
    return json_is(v, JSON_STRING) && clock_parse_iso8601(json_string(v), &ms);
}

static bool is_span(const struct json *v)
{
    uint64_t ms;
    return json_is(v, JSON_STRING) && clock_parse_timespan(json_string(v), &ms);
}

/* NULL when `v` is of the simple type; *known says whether it is one at all. */
static const char *check_simple(struct slice type, const struct json *v, bool *known)
{
    *known = true;
    if (slice_eq(type, SLICE("any")))
        return NULL;
    if (slice_eq(type, SLICE("str")))
        return json_is(v, JSON_STRING) ? NULL : "not a string";
    if (slice_eq(type, SLICE("bool")))
        return json_is(v, JSON_BOOL) ? NULL : "not true or false";
    if (slice_eq(type, SLICE("i32")))
        return is_integer(v, INT32_MIN, INT32_MAX) ? NULL : "not a whole number of 32 bits";
    if (slice_eq(type, SLICE("i64")))
        return is_integer(v, INT64_MIN, INT64_MAX) ? NULL : "not a whole number";
    if (slice_eq(type, SLICE("f64")))
        return json_is(v, JSON_NUMBER) ? NULL : "not a number";
    if (slice_eq(type, SLICE("datetime")))
        return is_time(v) ? NULL : "not a time (ISO 8601)";
    if (slice_eq(type, SLICE("timespan")))
        return is_span(v) ? NULL : "not a time span ([d.]hh:mm:ss)";
    if (slice_eq(type, SLICE("interval")))
        return json_is(v, JSON_NUMBER) || is_span(v)
                   ? NULL
                   : "not a time span ([d.]hh:mm:ss), nor a number of milliseconds";
    if (slice_eq(type, SLICE("base64")))
        return json_is(v, JSON_STRING) && is_base64(json_string(v)) ? NULL : "not base64";
    *known = false;
    return NULL;
}

#define FLAGS_MAX (1 << 20)

static bool is_word_of(struct found *f, struct slice given)
{
    if (f->word.len && slice_eq(f->word, given))
        return true;
    bool ok = is_word(f->model->words, given);
    if (ok)
        f->word = given;
    return ok;
}

static enum status check_words(struct check *c, struct found *f, const struct json *v)
{
    bool ok = json_is(v, JSON_STRING) ? is_word_of(f, json_string(v)) : is_integer(v, 0, FLAGS_MAX);
    return ok ? OK : wrong(c, "not one of the words for it");
}

static enum status check_flags(struct check *c, struct slice type, const struct json *v)
{
    struct found *f = find(c, type);
    const struct rest_model *m = f->model;
    assert(m->words);
    if (json_is(v, JSON_ARRAY))
        return check_all(c, type, v);
    if (json_is(v, JSON_STRING))
        return are_words(m->words, json_string(v)) ? OK : wrong(c, "not one of the words for it");
    return check_words(c, f, v);
}

static enum status check_value(struct check *c, struct slice type, const struct json *v)
{
    struct slice inner = slice_from(type.at + 1, type.len > 2 ? type.len - 2 : 0);
    if (type.at[0] == '[')
        return json_is(v, JSON_ARRAY) ? check_all(c, inner, v) : wrong(c, "not an array");
    if (type.at[0] == '{')
        return json_is(v, JSON_OBJECT) ? check_all(c, inner, v) : wrong(c, "not an object");
    if (slice_ends(type, SLICE("+")))
        return check_flags(c, slice_first(type, type.len - 1), v);
    bool known;
    const char *what = check_simple(type, v, &known);
    if (known)
        return what ? wrong(c, what) : OK;
    struct found *f = find(c, type);
    const char *members = f->model->members; /* f may be another one's afterwards */
    return members ? check_members(c, members, v) : check_words(c, f, v);
}

enum status rest_model_check(const struct rest_models *m, const char *name, const struct json *v,
                             char why[REST_MODEL_WHY_MAX])
{
    struct check c = {.models = m, .why = why};
    why[0] = 0;
    return check_value(&c, slice_of(name), v);
}

enum status rest_model_check_members(const struct rest_models *m, const char *members,
                                     const struct json *v, char why[REST_MODEL_WHY_MAX])
{
    struct check c = {.models = m, .why = why};
    why[0] = 0;
    return check_members(&c, members, v);
}
