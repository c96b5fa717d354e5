#include "configurations/configuration.h"

#include <stdlib.h>
#include <string.h>

#define DESIRED "properties.desired"

bool configuration_id_ok(struct slice id)
{
    if (id.len == 0 || id.len > CONFIGURATION_ID_MAX)
        return false;
    for (size_t n = 0; n < id.len; n++) {
        char c = (char)id.at[n];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (c == 0 || strchr("-:+%_#*?!(),=@;'", c) == NULL))
            return false;
    }
    return true;
}

/* ---- content ---- */

struct reading {
    struct arena *arena;
    struct configuration_setting *settings;
    size_t count;
    const char *why;
};

static enum status refuse(struct reading *r, const char *why)
{
    r->why = why;
    return BAD_ARGUMENT;
}

/* "properties.desired.a.b" is "a.b"; false for any other path. */
static bool below_desired(struct slice name, struct slice *path)
{
    if (slice_eq(name, SLICE(DESIRED))) {
        *path = (struct slice){0};
        return true;
    }
    if (!slice_starts(name, SLICE(DESIRED ".")))
        return false;
    *path = slice_skip(name, sizeof(DESIRED));
    struct slice rest = *path, part;
    while (slice_split(&rest, '.', &part))
        if (part.len == 0)
            return false;
    return path->len > 0 && path->at[path->len - 1] != '.';
}

static enum status read_section(struct reading *r, struct slice module, const struct json *section)
{
    if (!json_is(section, JSON_OBJECT))
        return refuse(r, "content: a section must be an object of paths and values");
    for (struct json_walk m = json_walk(section); json_next(&m);) {
        struct slice path;
        if (!below_desired(m.name, &path))
            return refuse(r, arena_printf(r->arena,
                                          "content: '%.*s' is not \"properties.desired\" or a path "
                                          "below it",
                                          SLICE_FMT(m.name)));
        if (path.len == 0 && !json_is(m.value, JSON_OBJECT))
            return refuse(r, "content: properties.desired must be an object");
        if (r->count == CONFIGURATION_SETTINGS_MAX)
            return refuse(r, "content: more than 1000 settings");
        r->settings[r->count++] = (struct configuration_setting){module, path, m.value};
    }
    return OK;
}

static enum status read_modules(struct reading *r, const struct json *modules, bool *layered)
{
    if (!json_is(modules, JSON_OBJECT))
        return refuse(r, "content.modulesContent must be an object");
    *layered = true;
    for (struct json_walk m = json_walk(modules); json_next(&m);) {
        enum status s = read_section(r, m.name, m.value);
        if (s != OK)
            return s;
        if (slice_eq(m.name, SLICE("$edgeAgent")) && json_get(m.value, DESIRED))
            *layered = false;
    }
    return OK;
}

enum status configuration_content_read(struct arena *a, const struct json *content,
                                       struct configuration *out, const char **why)
{
    static const char *const names[] = {
        [CONFIGURATION_DEVICE] = "deviceContent",
        [CONFIGURATION_MODULE] = "moduleContent",
        [CONFIGURATION_EDGE] = "modulesContent",
    };
    struct reading r = {.arena = a};
    enum status s = OK;
    out->kind = CONFIGURATION_EMPTY;
    r.settings = arena_take(a, CONFIGURATION_SETTINGS_MAX * sizeof(*r.settings));
    for (int kind = CONFIGURATION_DEVICE; kind <= CONFIGURATION_EDGE && s == OK; kind++) {
        const struct json *part = json_get(content, names[kind]);
        if (json_count(part) == 0) /* absent, null or {}: the SDKs send all three */
            continue;
        if (out->kind != CONFIGURATION_EMPTY)
            s = refuse(&r, "content: only one of deviceContent, moduleContent and modulesContent");
        else
            s = kind == CONFIGURATION_EDGE ? read_modules(&r, part, &out->layered)
                                           : read_section(&r, (struct slice){0}, part);
        out->kind = (enum configuration_kind)kind;
    }
    if (s != OK)
        *why = r.why;
    out->settings = r.settings;
    out->setting_count = r.count;
    return s;
}

/* ---- the rest of a body ---- */

static const char *check_metrics(const struct iot_limits *limits, const struct json *metrics)
{
    const struct json *queries = json_get(metrics, "queries");
    if (json_count(queries) > limits->configuration_metrics)
        return "metrics.queries: more than limits.configuration.metrics allows";
    for (struct json_walk m = json_walk(queries); json_next(&m);)
        if (!json_is(m.value, JSON_STRING))
            return "metrics.queries: every query must be a text";
    return NULL;
}

static enum status read_target(struct arena *a, struct configuration *c, const char **why)
{
    if (c->target.len == 0)
        return OK;
    enum status s = iot_query_parse_target(c->target, a, &c->query, why);
    if (s != OK) {
        *why = arena_printf(a, "targetCondition: %s", *why);
        return s;
    }
    bool modules = c->query.source == IOT_QUERY_MODULES;
    if (c->query.source == IOT_QUERY_JOBS || modules != (c->kind == CONFIGURATION_MODULE)) {
        *why = "targetCondition: moduleContent is for FROM devices.modules WHERE …, other content "
               "for a condition on devices";
        return c->kind == CONFIGURATION_EMPTY ? OK : BAD_ARGUMENT;
    }
    return OK;
}

enum status configuration_read(struct arena *a, const struct iot_limits *limits,
                               const struct json *body, struct configuration *out, const char **why,
                               enum configuration_part *part)
{
    *part = CONFIGURATION_BODY;
    const struct json *priority = json_get(body, "priority");
    out->priority = 0;
    if (priority && !json_is(priority, JSON_NULL) &&
        (!json_i64(priority, &out->priority) || out->priority < 0)) {
        *why = "priority must be a whole number, not below 0";
        return BAD_ARGUMENT;
    }
    if (json_get(body, "labels") && json_type(json_get(body, "labels")) != JSON_NULL &&
        !json_is(json_get(body, "labels"), JSON_OBJECT)) {
        *why = "labels must be an object";
        return BAD_ARGUMENT;
    }
    *why = check_metrics(limits, json_get(body, "metrics"));
    if (*why) {
        *part = CONFIGURATION_METRIC;
        return BAD_ARGUMENT;
    }
    const struct json *content = json_get(body, "content");
    if (json_count(json_get(content, "modulesContent")) > limits->configuration_modules) {
        *why = "content.modulesContent: more modules than limits.configuration.modules allows";
        return BAD_ARGUMENT;
    }
    enum status s = configuration_content_read(a, content, out, why);
    if (s != OK)
        return s;
    *part = CONFIGURATION_TARGET;
    out->target = slice_trim(json_string(json_get(body, "targetCondition")));
    return read_target(a, out, why);
}

/* ---- which comes first ---- */

static int by_rank(const void *left, const void *right)
{
    const struct configuration *a = *(const struct configuration *const *)left;
    const struct configuration *b = *(const struct configuration *const *)right;
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    if (a->created_ms != b->created_ms)
        return a->created_ms > b->created_ms ? -1 : 1;
    int order = memcmp(a->id.at, b->id.at, a->id.len < b->id.len ? a->id.len : b->id.len);
    return order ? order : (a->id.len > b->id.len) - (a->id.len < b->id.len);
}

void configuration_rank(const struct configuration **list, size_t count)
{
    if (count)
        qsort(list, count, sizeof(*list), by_rank);
}
