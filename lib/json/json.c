#include "json/json.h"

#include <stdlib.h>

#include <yyjson.h>

#include "base/memory.h"
#include "json/index.h"
#include "json/where.h"

/* A value is the parser's own; struct json only keeps its name out of our headers. */
struct json_doc {
    yyjson_doc *parsed;
    char *text; /* not of JSON_STRICT: as it was read, for json_where() */
    size_t text_len;
};

static yyjson_val *val(const struct json *v)
{
    return (yyjson_val *)(uintptr_t)v;
}

static const struct json *json(const yyjson_val *v)
{
    return (const struct json *)v;
}

/* What is well-formed for the parser and still refused here. */
struct flaw {
    const char *what;
    const struct json *at;
};

static const struct json *twice_in(const struct json *v)
{
    struct json_index names = json_index(json_is(v, JSON_OBJECT) ? v : NULL);
    const struct json *twice = json_index_duplicate(&names);
    json_index_clear(&names);
    return twice;
}

static bool find_flaw(const struct json *v, int depth, bool lax, struct flaw *flaw)
{
    enum json_type type = json_type(v);
    if (type != JSON_ARRAY && type != JSON_OBJECT)
        return false;
    if (depth > JSON_DEPTH_MAX) {
        *flaw = (struct flaw){"nested too deep", v};
        return true;
    }
    const struct json *twice = lax ? NULL : twice_in(v);
    if (twice) {
        *flaw = (struct flaw){"the same name twice",
                              json(val(twice) - 1)}; /* its name stands before it */
        return true;
    }
    for (struct json_walk w = json_walk(v); json_next(&w);)
        if (find_flaw(w.value, depth + 1, lax, flaw))
            return true;
    return false;
}

static size_t index_of(const yyjson_doc *doc, const struct json *v)
{
    return (size_t)(val(v) - yyjson_doc_get_root((yyjson_doc *)(uintptr_t)doc));
}

static enum status refuse(struct slice text, const char *what, size_t at, struct json_error *error)
{
    if (error) {
        *error = (struct json_error){.what = what, .at = at};
        json_line_column(text, at, &error->line, &error->column);
    }
    return BAD_FORMAT;
}

static struct slice
without_mark(struct slice text) /* some editors begin a file with a byte order mark */
{
    return slice_starts(text, SLICE("\xef\xbb\xbf")) ? slice_skip(text, 3) : text;
}

enum status json_parse(struct slice text, enum json_flavour flavour, struct json_doc **out,
                       struct json_error *error)
{
    if (flavour != JSON_STRICT)
        text = without_mark(text);
    yyjson_read_flag flags = flavour != JSON_STRICT
                                 ? YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_ALLOW_TRAILING_COMMAS
                                 : YYJSON_READ_NOFLAG;
    if (text.len == 0)
        return refuse(text, "the text is empty", 0, error);
    yyjson_read_err why;
    yyjson_doc *parsed = yyjson_read_opts((char *)(uintptr_t)text.at, text.len, flags, NULL, &why);
    if (!parsed)
        return refuse(text, why.msg, why.pos, error);
    struct flaw flaw;
    if (find_flaw(json(yyjson_doc_get_root(parsed)), 1, flavour == JSON_LAX, &flaw)) {
        size_t at = json_token_at(text, index_of(parsed, flaw.at));
        yyjson_doc_free(parsed);
        return refuse(text, flaw.what, at, error);
    }
    struct json_doc *doc = MEMORY_NEW(struct json_doc);
    doc->parsed = parsed;
    if (flavour != JSON_STRICT) {
        doc->text = slice_dup(text);
        doc->text_len = text.len;
    }
    *out = doc;
    return OK;
}

void json_free(struct json_doc **doc)
{
    if (!*doc)
        return;
    yyjson_doc_free((*doc)->parsed);
    free((*doc)->text);
    free(*doc);
    *doc = NULL;
}

const struct json *json_root(const struct json_doc *doc)
{
    return doc ? json(yyjson_doc_get_root(doc->parsed)) : NULL;
}

enum json_type json_type(const struct json *v)
{
    switch (yyjson_get_type(val(v))) {
    case YYJSON_TYPE_NULL:
        return JSON_NULL;
    case YYJSON_TYPE_BOOL:
        return JSON_BOOL;
    case YYJSON_TYPE_NUM:
        return JSON_NUMBER;
    case YYJSON_TYPE_STR:
        return JSON_STRING;
    case YYJSON_TYPE_ARR:
        return JSON_ARRAY;
    case YYJSON_TYPE_OBJ:
        return JSON_OBJECT;
    default:
        return JSON_NONE;
    }
}

const struct json *json_get(const struct json *object, const char *name)
{
    return json_get_slice(object, slice_of(name));
}

const struct json *json_get_slice(const struct json *object, struct slice name)
{
    return json(yyjson_obj_getn(val(object), name.len ? (const char *)name.at : "", name.len));
}

const struct json *json_get_nocase(const struct json *object, const char *name)
{
    const struct json *exact = json_get(object, name);
    if (exact)
        return exact;
    for (struct json_walk w = json_walk(object); json_next(&w);)
        if (slice_eq_nocase(w.name, slice_of(name)) && json_is(object, JSON_OBJECT))
            return w.value;
    return NULL;
}

const struct json *json_at(const struct json *array, size_t index)
{
    return json(yyjson_arr_get(val(array), index));
}

size_t json_count(const struct json *container)
{
    return yyjson_is_ctn(val(container)) ? unsafe_yyjson_get_len(val(container)) : 0;
}

struct json_walk json_walk(const struct json *container)
{
    struct json_walk w = {.container = container, .left = json_count(container)};
    if (w.left)
        w.next = json(unsafe_yyjson_get_first(val(container)));
    return w;
}

bool json_next(struct json_walk *w)
{
    if (w->left == 0)
        return false;
    w->left -= 1;
    if (json_is(w->container, JSON_OBJECT)) {
        w->name = json_string(w->next);
        w->value = json(val(w->next) + 1);
    } else {
        w->value = w->next;
    }
    w->next = json(unsafe_yyjson_get_next(val(w->value)));
    return true;
}

struct slice json_string(const struct json *v)
{
    return slice_from(yyjson_get_str(val(v)), yyjson_is_str(val(v)) ? yyjson_get_len(val(v)) : 0);
}

bool json_bool(const struct json *v, bool otherwise)
{
    return yyjson_is_bool(val(v)) ? yyjson_get_bool(val(v)) : otherwise;
}

double json_double(const struct json *v, double otherwise)
{
    return yyjson_is_num(val(v)) ? yyjson_get_num(val(v)) : otherwise;
}

bool json_i64(const struct json *v, int64_t *out)
{
    yyjson_val *n = val(v);
    if (yyjson_is_sint(n) || (yyjson_is_uint(n) && yyjson_get_uint(n) <= INT64_MAX)) {
        *out = yyjson_get_sint(n);
        return true;
    }
    double d = yyjson_get_real(n); /* 0 for what is none */
    if (!yyjson_is_real(n) || d < -0x1p63 || d >= 0x1p63 || (double)(int64_t)d != d)
        return false;
    *out = (int64_t)d;
    return true;
}

bool json_u64(const struct json *v, uint64_t *out)
{
    yyjson_val *n = val(v);
    if (yyjson_is_uint(n)) {
        *out = yyjson_get_uint(n);
        return true;
    }
    double d = yyjson_get_real(n);
    if (!yyjson_is_real(n) || d < 0 || d >= 0x1p64 || (double)(uint64_t)d != d)
        return false;
    *out = (uint64_t)d;
    return true;
}

bool json_number_is_integer(const struct json *v)
{
    return yyjson_is_int(val(v));
}

/* Integers exactly; with a double on one side, what a reader of doubles sees. */
static bool numbers_equal(const struct json *a, const struct json *b)
{
    uint64_t ua, ub;
    int64_t ia, ib;
    if (!json_number_is_integer(a) || !json_number_is_integer(b))
        return json_double(a, 0) == json_double(b, 0);
    if (json_u64(a, &ua) && json_u64(b, &ub))
        return ua == ub;
    return json_i64(a, &ia) && json_i64(b, &ib) && ia == ib;
}

static bool objects_equal(const struct json *a, const struct json *b)
{
    struct json_index names = json_index(b);
    bool equal = json_count(a) == json_count(b); /* no name stands twice, so this and one side do */
    for (struct json_walk w = json_walk(a); equal && json_next(&w);)
        equal = json_equal(w.value, json_index_get(&names, w.name));
    json_index_clear(&names);
    return equal;
}

static bool arrays_equal(const struct json *a, const struct json *b)
{
    if (json_count(a) != json_count(b))
        return false;
    struct json_walk x = json_walk(a), y = json_walk(b);
    while (json_next(&x) && json_next(&y))
        if (!json_equal(x.value, y.value))
            return false;
    return true;
}

const struct json *json_twice(const struct json *v)
{
    if (json_type(v) != JSON_ARRAY && json_type(v) != JSON_OBJECT)
        return NULL;
    const struct json *twice = twice_in(v);
    for (struct json_walk w = json_walk(v); !twice && json_next(&w);)
        twice = json_twice(w.value);
    return twice;
}

bool json_equal(const struct json *a, const struct json *b)
{
    if (json_type(a) != json_type(b))
        return false;
    switch (json_type(a)) {
    case JSON_BOOL:
        return json_bool(a, false) == json_bool(b, false);
    case JSON_NUMBER:
        return numbers_equal(a, b);
    case JSON_STRING:
        return slice_eq(json_string(a), json_string(b));
    case JSON_ARRAY:
        return arrays_equal(a, b);
    case JSON_OBJECT:
        return objects_equal(a, b);
    default:
        return true; /* null, or neither is there */
    }
}

bool json_where(const struct json_doc *doc, const struct json *v, unsigned *line, unsigned *column)
{
    if (!doc || !doc->text || !v)
        return false;
    struct slice text = slice_from(doc->text, doc->text_len);
    json_line_column(text, json_token_at(text, index_of(doc->parsed, v)), line, column);
    return true;
}

void json_forget_text(struct json_doc *doc)
{
    free(doc->text);
    doc->text = NULL;
}
