#include "dps/query.h"

#include <ctype.h>

/* The next word: letters, or one other character. */
static struct slice word(struct slice *rest)
{
    *rest = slice_trim(*rest);
    size_t len = 0;
    while (len < rest->len && isalpha(rest->at[len]))
        len++;
    if (len == 0 && rest->len)
        len = 1;
    struct slice w = slice_first(*rest, len);
    *rest = slice_skip(*rest, len);
    return w;
}

static enum status expected(struct arena *a, const char *what, struct slice found, const char **why)
{
    *why = found.len ? arena_printf(a, "query: expected %s, found '%.*s'", what,
                                    SLICE_FMT(slice_first(found, 64)))
                     : arena_printf(a, "query: expected %s at its end", what);
    return BAD_ARGUMENT;
}

enum status dps_query_parse(struct slice text, const char *source, struct arena *a,
                            struct dps_query *out, const char **why)
{
    struct slice rest = text;
    if (text.len > DPS_QUERY_MAX) {
        *why = "query: is longer than 8192 characters";
        return BAD_ARGUMENT;
    }
    *out = (struct dps_query){NULL};
    if (slice_eq(slice_trim(text), SLICE("*")))
        return OK;
    const char *const words[] = {"SELECT", "*", "FROM", source};
    for (size_t i = 0; i < 4; i++) {
        struct slice found = word(&rest);
        if (!slice_eq_nocase(found, slice_of(words[i])))
            return expected(a, words[i], found, why);
    }
    struct slice end = word(&rest);
    if (end.len == 0)
        return OK;
    if (!slice_eq_nocase(end, SLICE("WHERE")))
        return expected(a, "WHERE", end, why);
    return iot_query_parse_condition(rest, a, &out->where, why);
}

static struct iot_value look_up(void *arg, const struct iot_query_path *path)
{
    return iot_query_walk(arg, path, 0);
}

bool dps_query_takes(const struct dps_query *q, struct slice document, struct arena *a)
{
    struct json_doc *doc;
    if (q->where == NULL)
        return true;
    if (json_parse(document, JSON_STRICT, &doc, NULL) != OK)
        return false;
    struct iot_query_scope scope = {look_up, (void *)json_root(doc), a};
    bool takes = iot_query_holds(q->where, &scope);
    json_free(&doc);
    return takes;
}
