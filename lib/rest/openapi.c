#include "rest/openapi.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/memory.h"
#include "json/write.h"

/* ---- schemas ---- */

static const struct simple {
    const char *name, *type, *format;
} simples[] = {
    {"str", "string", NULL},      {"bool", "boolean", NULL},    {"i32", "integer", "int32"},
    {"i64", "integer", "int64"},  {"f64", "number", "double"},  {"datetime", "string", "date-time"},
    {"timespan", "string", NULL}, {"base64", "string", "byte"},
};

static const struct simple *find_simple(struct slice type)
{
    for (size_t i = 0; i < sizeof(simples) / sizeof(simples[0]); i++)
        if (slice_eq(slice_of(simples[i].name), type))
            return &simples[i];
    return NULL;
}

static void put_reference(const struct rest_openapi *d, struct json_writer *w, struct slice name)
{
    const struct rest_model *m = rest_model_find(&d->models, name);
    if (m == NULL) {
        json_name(w, "type"), json_put_text(w, "object");
        return;
    }
    struct buffer text = {0};
    buffer_text(&text, d->version == 2 ? "#/definitions/" : "#/components/schemas/");
    buffer_put(&text, name);
    if (m->members && d->model_suffix)
        buffer_text(&text, d->model_suffix);
    json_name(w, "$ref"), json_put_string(w, buffer_slice(&text));
    buffer_clear(&text);
}

static void put_type(const struct rest_openapi *d, struct json_writer *w, struct slice type);

static void put_inner_type(const struct rest_openapi *d, struct json_writer *w, const char *kind,
                           const char *member, struct slice type)
{
    json_name(w, "type"), json_put_text(w, kind);
    json_name(w, member), put_type(d, w, slice_from(type.at + 1, type.len - 2));
}

/* Two shapes of one value; Swagger can say the first alone. */
static void put_flags(const struct rest_openapi *d, struct json_writer *w, struct slice word)
{
    if (d->version == 3)
        json_name(w, "oneOf"), json_array(w), json_object(w);
    json_name(w, "type"), json_put_text(w, "array");
    json_name(w, "items"), put_type(d, w, word);
    if (d->version == 3) {
        json_end_object(w);
        json_put_raw(w, SLICE("{\"type\":\"string\"}"));
        json_end_array(w);
    }
}

static void put_interval(const struct rest_openapi *d, struct json_writer *w)
{
    json_name(w, "description"), json_put_text(w, "a time span, or milliseconds");
    if (d->version == 3)
        json_name(w, "oneOf"),
            json_put_raw(w, SLICE("[{\"type\":\"string\"},{\"type\":\"number\"}]"));
}

static void put_type_members(const struct rest_openapi *d, struct json_writer *w, struct slice type)
{
    if (slice_ends(type, SLICE("+")))
        put_flags(d, w, slice_first(type, type.len - 1));
    else if (slice_eq(type, SLICE("interval")))
        put_interval(d, w);
    else if (type.at[0] == '[')
        put_inner_type(d, w, "array", "items", type);
    else if (type.at[0] == '{')
        put_inner_type(d, w, "object", "additionalProperties", type);
    else if (!slice_eq(type, SLICE("any")))
        put_reference(d, w, type);
}

static void put_type(const struct rest_openapi *d, struct json_writer *w, struct slice type)
{
    json_object(w);
    const struct simple *found = find_simple(type);
    if (found) {
        json_name(w, "type"), json_put_text(w, found->type);
        json_member(w, "format", slice_of(found->format));
    } else {
        put_type_members(d, w, type);
    }
    json_end_object(w);
}

static void put_words(struct json_writer *w, const char *words)
{
    json_name(w, "type"), json_put_text(w, "string");
    json_name(w, "enum"), json_array(w);
    struct slice left = slice_of(words), word;
    while (left.len > 0 && slice_split(&left, '|', &word))
        json_put_string(w, word);
    json_end_array(w);
}

static void put_required(struct json_writer *w, const char *members)
{
    struct slice left = slice_of(members);
    struct rest_model_member m;
    bool any = false;
    while (rest_model_next(&left, &m)) {
        if (m.required && !any)
            json_name(w, "required"), json_array(w);
        any |= m.required;
        if (m.required)
            json_put_string(w, m.name);
    }
    if (any)
        json_end_array(w);
}

static void put_members(const struct rest_openapi *d, struct json_writer *w, const char *members)
{
    json_name(w, "type"), json_put_text(w, "object");
    put_required(w, members);
    json_name(w, "properties"), json_object(w);
    struct slice left = slice_of(members);
    struct rest_model_member m;
    while (rest_model_next(&left, &m))
        json_name_slice(w, m.name), put_type(d, w, m.type);
    json_end_object(w);
}

/* ---- the models that the operations lead to, each once ---- */

struct reached {
    const struct rest_openapi *document;
    const struct rest_model **models;
    size_t count, cap;
};

static void reach(struct reached *to, struct slice type);

static void reach_members(struct reached *to, const char *members)
{
    struct slice left = slice_of(members);
    struct rest_model_member m;
    while (rest_model_next(&left, &m))
        reach(to, m.type.len ? m.type : m.name);
}

static void reach(struct reached *to, struct slice type)
{
    while (type.len > 2 && (type.at[0] == '[' || type.at[0] == '{'))
        type = slice_from(type.at + 1, type.len - 2);
    if (slice_ends(type, SLICE("+")))
        type = slice_first(type, type.len - 1);
    const struct rest_model *m = rest_model_find(&to->document->models, type);
    for (size_t i = 0; i < to->count; i++)
        if (to->models[i] == m)
            return;
    if (m == NULL)
        return;
    if (to->count == to->cap) {
        to->cap = to->cap ? 2 * to->cap : 64;
        to->models = memory_resize(to->models, to->cap * sizeof(*to->models));
    }
    to->models[to->count++] = m;
    reach_members(to, m->members);
}

/* A parameter's model is spelled out; only what its members lead to is referred to. */
static void reach_query(struct reached *to, const char *query)
{
    struct slice left = slice_of(query);
    struct rest_model_member m;
    while (rest_model_next(&left, &m)) {
        const struct rest_model *part =
            m.type.len ? NULL : rest_model_find(&to->document->models, m.name);
        if (part)
            reach_query(to, part->members);
        else
            reach(to, m.type);
    }
}

static void reach_all(struct reached *to)
{
    const struct rest_openapi *d = to->document;
    reach(to, SLICE("ProblemDetails"));
    for (size_t t = 0; t < d->table_count; t++)
        for (size_t i = 0; i < d->tables[t].count; i++) {
            const struct rest_route *r = &d->tables[t].routes[i];
            if (r->operation) {
                reach(to, slice_of(r->request));
                reach(to, slice_of(r->response));
                reach_query(to, r->query);
            }
        }
}

#define PROBLEM                                                                                    \
    "{\"type\":\"object\",\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":"     \
    "\"string\"},"                                                                                 \
    "\"status\":{\"type\":\"integer\",\"format\":\"int32\"},\"detail\":{\"type\":\"string\"},"     \
    "\"instance\":"                                                                                \
    "{\"type\":\"string\"},\"requestId\":{\"type\":\"string\"},\"errors\":{\"type\":\"object\","   \
    "\"additionalProperties\":"                                                                    \
    "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}}"

static void put_models(const struct rest_openapi *d, struct json_writer *w)
{
    struct reached to = {.document = d};
    reach_all(&to);
    json_object(w);
    if (!rest_model_find(&d->models, SLICE("ProblemDetails")))
        json_name(w, "ProblemDetails"), json_put_raw(w, SLICE(PROBLEM));
    for (size_t i = 0; i < to.count; i++) {
        const struct rest_model *m = to.models[i];
        struct buffer name = {0};
        buffer_printf(&name, "%s%s", m->name, m->members && d->model_suffix ? d->model_suffix : "");
        json_name_slice(w, buffer_slice(&name));
        buffer_clear(&name);
        json_object(w);
        if (m->members)
            put_members(d, w, m->members);
        else
            put_words(w, m->words);
        json_end_object(w);
    }
    json_end_object(w);
    free(to.models);
}

/* ---- operations ---- */

/* In Swagger a parameter cannot refer to a model: words are spelled out. */
static void put_parameter_type(const struct rest_openapi *d, struct json_writer *w,
                               struct slice type)
{
    const struct simple *s = find_simple(type);
    const struct rest_model *m = rest_model_find(&d->models, type);
    if (m && m->words) {
        put_words(w, m->words);
        return;
    }
    json_name(w, "type"), json_put_text(w, s ? s->type : "string");
    json_member(w, "format", slice_of(s ? s->format : NULL));
}

static void put_path_parameter(const struct rest_openapi *d, struct json_writer *w,
                               struct slice name)
{
    json_object(w);
    json_name(w, "name"), json_put_string(w, name);
    json_name(w, "in"), json_put_text(w, "path");
    json_name(w, "required"), json_put_bool(w, true);
    if (d->version == 2)
        json_name(w, "type"), json_put_text(w, "string");
    else
        json_name(w, "schema"), put_type(d, w, SLICE("str"));
    json_end_object(w);
}

static void put_body_parameter(const struct rest_openapi *d, struct json_writer *w,
                               const struct rest_route *r)
{
    json_object(w);
    json_name(w, "name"), json_put_text(w, "body");
    json_name(w, "in"), json_put_text(w, "body");
    json_name(w, "required"), json_put_bool(w, !r->may_lack_body);
    json_name(w, "schema"), put_type(d, w, slice_of(r->request));
    json_end_object(w);
}

/* Each member of the list, and of the models in it, is a parameter. */
static void put_query(const struct rest_openapi *d, struct json_writer *w, const char *members)
{
    struct slice left = slice_of(members);
    struct rest_model_member m;
    while (rest_model_next(&left, &m)) {
        const struct rest_model *part = m.type.len ? NULL : rest_model_find(&d->models, m.name);
        if (part) {
            put_query(d, w, part->members);
            continue;
        }
        json_object(w);
        json_name(w, "name"), json_put_string(w, m.name);
        json_name(w, "in"), json_put_text(w, "query");
        json_name(w, "required"), json_put_bool(w, m.required);
        if (d->version == 2)
            put_parameter_type(d, w, m.type);
        else
            json_name(w, "schema"), put_type(d, w, m.type);
        json_end_object(w);
    }
}

static void put_parameters(const struct rest_openapi *d, struct json_writer *w,
                           const struct rest_route *r)
{
    json_name(w, "parameters"), json_array(w);
    struct slice left = slice_of(r->path), segment;
    while (left.len > 0 && slice_split(&left, '/', &segment))
        if (segment.len > 2 && segment.at[0] == '{')
            put_path_parameter(d, w, slice_from(segment.at + 1, segment.len - 2));
    put_query(d, w, r->query);
    if (d->version == 2 && r->request)
        put_body_parameter(d, w, r);
    json_end_array(w);
}

static const char *const media[] = {"application/json", "application/x-msgpack"};

static size_t media_count(const struct rest_openapi *d)
{
    return d->messagepack ? 2 : 1;
}

static void put_content(const struct rest_openapi *d, struct json_writer *w, const char *model)
{
    json_name(w, "content"), json_object(w);
    for (size_t i = 0; i < media_count(d); i++) {
        json_name(w, media[i]), json_object(w);
        json_name(w, "schema"), put_type(d, w, slice_of(model));
        json_end_object(w);
    }
    json_end_object(w);
}

static void put_problem(const struct rest_openapi *d, struct json_writer *w)
{
    json_name(w, "default"), json_object(w);
    json_name(w, "description"), json_put_text(w, "Problem details");
    if (d->version == 2)
        json_name(w, "schema"),
            json_put_raw(w, SLICE("{\"$ref\":\"#/definitions/ProblemDetails\"}"));
    else
        json_name(w, "content"),
            json_put_raw(w, SLICE("{\"application/problem+json\":{\"schema\":{\"$ref\":\"#/"
                                  "components/schemas/ProblemDetails\"}}}"));
    json_end_object(w);
}

static void put_responses(const struct rest_openapi *d, struct json_writer *w,
                          const struct rest_route *r)
{
    json_name(w, "responses"), json_object(w);
    json_name(w, "200"), json_object(w);
    json_name(w, "description"), json_put_text(w, "Success");
    if (r->response && d->version == 2)
        json_name(w, "schema"), put_type(d, w, slice_of(r->response));
    else if (r->response)
        put_content(d, w, r->response);
    json_end_object(w);
    put_problem(d, w);
    json_end_object(w);
}

static void put_security(struct json_writer *w)
{
    json_name(w, "security"), json_array(w);
    json_object(w);
    json_name(w, "bearer"), json_array(w), json_end_array(w);
    json_end_object(w);
    json_end_array(w);
}

static void put_media_types(const struct rest_openapi *d, struct json_writer *w, const struct rest_route *r)
{
    const char *const names[] = {r->request ? "consumes" : NULL, r->response ? "produces" : NULL};
    for (size_t i = 0; i < 2; i++)
        if (names[i]) {
            json_name(w, names[i]), json_array(w);
            for (size_t m = 0; m < media_count(d); m++)
                json_put_text(w, media[m]);
            json_end_array(w);
        }
}

static void put_operation(const struct rest_openapi *d, struct json_writer *w,
                          const struct rest_route *r)
{
    struct buffer method = {0};
    for (const char *at = r->method; *at; at++)
        buffer_u8(&method, (uint8_t)tolower(*at));
    json_name_slice(w, buffer_slice(&method));
    buffer_clear(&method);
    json_object(w);
    json_name(w, "operationId"), json_put_text(w, r->operation);
    if (d->access)
        json_member(w, "description", slice_of(d->access(r->access)));
    put_parameters(d, w, r);
    if (d->version == 2)
        put_media_types(d, w, r);
    if (d->version == 3 && r->request) {
        json_name(w, "requestBody"), json_object(w);
        json_name(w, "required"), json_put_bool(w, !r->may_lack_body);
        put_content(d, w, r->request);
        json_end_object(w);
    }
    put_responses(d, w, r);
    if (r->access != REST_PUBLIC)
        put_security(w);
    json_end_object(w);
}

/* ---- paths: the rows of one path stand together, of whichever table they are ---- */

static bool is_at(const struct rest_table *t, size_t row, struct slice path)
{
    struct slice base = slice_of(t->base);
    return t->routes[row].operation && slice_starts(path, base) &&
           slice_eq(slice_skip(path, base.len), slice_of(t->routes[row].path));
}

static void put_path(const struct rest_openapi *d, struct json_writer *w, struct slice path)
{
    json_name_slice(w, path);
    json_object(w);
    for (size_t t = 0; t < d->table_count; t++)
        for (size_t i = 0; i < d->tables[t].count; i++)
            if (is_at(&d->tables[t], i, path))
                put_operation(d, w, &d->tables[t].routes[i]);
    json_end_object(w);
}

static bool stood_before(const struct rest_openapi *d, size_t table, size_t row, struct slice path)
{
    for (size_t t = 0; t <= table; t++)
        for (size_t i = 0; i < (t == table ? row : d->tables[t].count); i++)
            if (is_at(&d->tables[t], i, path))
                return true;
    return false;
}

static void put_paths(const struct rest_openapi *d, struct json_writer *w)
{
    struct buffer path = {0};
    json_name(w, "paths"), json_object(w);
    for (size_t t = 0; t < d->table_count; t++)
        for (size_t i = 0; i < d->tables[t].count; i++) {
            buffer_reset(&path);
            buffer_printf(&path, "%s%s", d->tables[t].base, d->tables[t].routes[i].path);
            if (d->tables[t].routes[i].operation && !stood_before(d, t, i, buffer_slice(&path)))
                put_path(d, w, buffer_slice(&path));
        }
    json_end_object(w);
    buffer_clear(&path);
}

static void put_bearer(const struct rest_openapi *d, struct json_writer *w)
{
    json_object(w);
    json_name(w, "bearer"), json_object(w);
    json_name(w, "type"), json_put_text(w, d->version == 2 ? "apiKey" : "http");
    if (d->version == 2) {
        json_name(w, "name"), json_put_text(w, "Authorization");
        json_name(w, "in"), json_put_text(w, "header");
    } else {
        json_name(w, "scheme"), json_put_text(w, "bearer");
    }
    json_end_object(w);
    json_end_object(w);
}

static void put_components(const struct rest_openapi *d, struct json_writer *w)
{
    if (d->version == 2) {
        json_name(w, "definitions"), put_models(d, w);
        json_name(w, "securityDefinitions"), put_bearer(d, w);
        return;
    }
    json_name(w, "components"), json_object(w);
    json_name(w, "schemas"), put_models(d, w);
    json_name(w, "securitySchemes"), put_bearer(d, w);
    json_end_object(w);
}

void rest_openapi_put(const struct rest_openapi *d, struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, d->version == 2 ? "swagger" : "openapi");
    json_put_text(&w, d->version == 2 ? "2.0" : "3.0.3");
    json_name(&w, "info"), json_object(&w);
    json_name(&w, "title"), json_put_text(&w, d->title);
    json_member(&w, "description", slice_of(d->description));
    json_name(&w, "version"), json_put_text(&w, d->api_version);
    json_end_object(&w);
    put_paths(d, &w);
    put_components(d, &w);
    json_end_object(&w);
}
