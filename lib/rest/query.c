#include "rest/query.h"

#include <stdio.h>

#include "json/write.h"

static bool is_number(struct slice type)
{
    return slice_eq(type, SLICE("i32")) || slice_eq(type, SLICE("i64")) ||
           slice_eq(type, SLICE("f64"));
}

/* A text that is not of the type stays one: the check finds it. */
static void put_value(struct json_writer *w, struct slice type, struct slice value)
{
    int64_t n;
    bool yes = slice_eq_nocase(value, SLICE("true"));
    if (slice_eq(type, SLICE("bool")) && (yes || slice_eq_nocase(value, SLICE("false"))))
        json_put_bool(w, yes);
    else if (is_number(type) && slice_to_i64(value, &n))
        json_put_i64(w, n);
    else
        json_put_string(w, value);
}

enum status rest_query_read(const struct rest_request *r, const struct rest_models *m,
                            struct json_doc **out, char why[REST_MODEL_WHY_MAX])
{
    const char *members = r->route->query ? r->route->query : "";
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    struct rest_model_member member;
    json_object(&w);
    for (size_t i = 0; i < r->query_count; i++)
        if (r->query[i].value.len > 0 && rest_model_member(m, members, r->query[i].name, &member))
            json_name_slice(&w, member.name), put_value(&w, member.type, r->query[i].value);
    json_end_object(&w);
    enum status s =
        json_parse(buffer_slice(&text), JSON_STRICT, out, NULL) == OK ? OK : BAD_ARGUMENT;
    buffer_clear(&text);
    if (s != OK) {
        snprintf(why, REST_MODEL_WHY_MAX, "a parameter is there twice");
        return s;
    }
    s = rest_model_check_members(m, members, json_root(*out), why);
    if (s != OK)
        json_free(out);
    return s;
}
