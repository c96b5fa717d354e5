#include "routing/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

struct reading {
    struct routing_config *config; /* NULL: a route alone */
    struct arena *arena;
    const struct json_doc *doc; /* NULL: places are not known */
    struct routing_problem *problem;
    const struct iot_limits *limits;
};

__attribute__((format(printf, 3, 4))) static enum status
refuse(struct reading *r, const struct json *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->problem->text, sizeof(r->problem->text), format, args);
    va_end(args);
    r->problem->line = r->problem->column = 0;
    if (r->doc && at)
        json_where(r->doc, at, &r->problem->line, &r->problem->column);
    return BAD_ARGUMENT;
}

/* ---- members by table ---- */

enum member_type {
    MEMBER_TEXT,  /* const char * */
    MEMBER_BOOL,  /* bool */
    MEMBER_COUNT, /* uint64_t between min and max */
    MEMBER_WORD,  /* unsigned: the word's place */
    MEMBER_OTHER, /* read by who knows it */
};

struct member {
    const char *name;
    enum member_type type;
    size_t offset;
    bool required;
    uint64_t min, max;
    const char *const *words; /* ends with NULL */
};

static enum status read_word(struct reading *r, const struct json *v, const char *path,
                             const struct member *m, unsigned *out)
{
    for (unsigned i = 0; m->words[i]; i++)
        if (slice_eq_nocase(json_string(v), slice_of(m->words[i]))) {
            *out = i;
            return OK;
        }
    struct buffer list = {0};
    for (unsigned i = 0; m->words[i]; i++)
        buffer_printf(&list, "%s%s", i ? ", " : "", m->words[i]);
    enum status s = refuse(r, v, "%s.%s must be one of %s", path, m->name, buffer_cstr(&list));
    buffer_clear(&list);
    return s;
}

static enum status read_member(struct reading *r, const struct json *v, const char *path,
                               const struct member *m, void *out)
{
    void *to = (char *)out + m->offset;
    uint64_t n;
    switch (m->type) {
    case MEMBER_TEXT:
        if (!json_is(v, JSON_STRING) || json_string(v).len == 0)
            return refuse(r, v, "%s.%s must be a text", path, m->name);
        *(const char **)to = arena_text(r->arena, json_string(v));
        return OK;
    case MEMBER_BOOL:
        if (!json_is(v, JSON_BOOL))
            return refuse(r, v, "%s.%s must be true or false", path, m->name);
        *(bool *)to = json_bool(v, false);
        return OK;
    case MEMBER_COUNT:
        if (!json_u64(v, &n) || n < m->min || n > m->max)
            return refuse(r, v, "%s.%s must be a whole number from %llu to %llu", path, m->name,
                          (unsigned long long)m->min, (unsigned long long)m->max);
        *(uint64_t *)to = n;
        return OK;
    case MEMBER_WORD:
        return read_word(r, v, path, m, to);
    case MEMBER_OTHER:
        break;
    }
    return OK;
}

/* What is not in the table is a mistake to be told of. */
static enum status read_members(struct reading *r, const struct json *object, const char *path,
                                const struct member *table, size_t count, void *out)
{
    if (!json_is(object, JSON_OBJECT))
        return refuse(r, object, "%s must be an object", path);
    struct json_walk w = json_walk(object);
    while (json_next(&w)) {
        const struct member *m = NULL;
        for (size_t i = 0; i < count && m == NULL; i++)
            if (slice_eq(w.name, slice_of(table[i].name)))
                m = &table[i];
        if (m == NULL)
            return refuse(r, w.value, "%s has no member \"%.*s\"", path, SLICE_FMT(w.name));
        enum status s = read_member(r, w.value, path, m, out);
        if (s != OK)
            return s;
    }
    for (size_t i = 0; i < count; i++)
        if (table[i].required && json_get(object, table[i].name) == NULL)
            return refuse(r, object, "%s.%s is missing", path, table[i].name);
    return OK;
}

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static bool name_ok(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z') ||
              (name[i] >= '0' && name[i] <= '9') || strchr("-._", name[i])))
            return false;
    return len > 0 && len <= ROUTING_ENDPOINT_NAME_MAX;
}

#define NAME_RULE "must have up to 64 letters, digits and - . _"

/* ---- sources ---- */

static const char *const source_names[] = {
    [IOT_SOURCE_TELEMETRY] = "DeviceMessages",
    [IOT_SOURCE_TWIN_CHANGE] = "TwinChangeEvents",
    [IOT_SOURCE_DEVICE_LIFECYCLE] = "DeviceLifecycleEvents",
    [IOT_SOURCE_MODULE_LIFECYCLE] = "ModuleLifecycleEvents",
    [IOT_SOURCE_DEVICE_CONNECTION_STATE] = "DeviceConnectionStateEvents",
    [IOT_SOURCE_DEVICE_JOB_LIFECYCLE] = "DeviceJobLifecycleEvents",
    [IOT_SOURCE_DIGITAL_TWIN_CHANGE] = "DigitalTwinChangeEvents",
    NULL,
};

bool routing_source(struct slice name, unsigned *source)
{
    for (unsigned i = 0; source_names[i]; i++)
        if (slice_eq_nocase(name, slice_of(source_names[i]))) {
            *source = i;
            return true;
        }
    return false;
}

const char *routing_source_name(unsigned source)
{
    return source < COUNT_OF(source_names) - 1 ? source_names[source] : "";
}

/* ---- endpoints ---- */

static const char *const schema_words[] = {"EventGridSchema", "CloudEventSchemaV1_0", NULL};
static const char *const encoding_words[] = {"JSON", NULL};

/* clang-format off */
static const struct member stream_members[] = {
    {"name", MEMBER_TEXT, offsetof(struct routing_endpoint, name), true},
    {"partitionCount", MEMBER_COUNT, offsetof(struct routing_endpoint, stream.partitions), false, 1, 32},
    {"retentionInSeconds", MEMBER_COUNT, offsetof(struct routing_endpoint, stream.retain_s), false, 60, 3650ull * 86400},
    {"retentionInBytes", MEMBER_COUNT, offsetof(struct routing_endpoint, stream.retain_bytes), false, 1 << 20, INT64_MAX},
};
static const struct member webhook_members[] = {
    {"name", MEMBER_TEXT, offsetof(struct routing_endpoint, name), true},
    {"endpointUrl", MEMBER_TEXT, offsetof(struct routing_endpoint, webhook.url), true},
    {"deliverySchema", MEMBER_WORD, offsetof(struct routing_endpoint, webhook.schema), .words = schema_words},
    {"headers", MEMBER_OTHER},
    {"caFile", MEMBER_TEXT, offsetof(struct routing_endpoint, webhook.ca_file)},
    {"validateEndpoint", MEMBER_BOOL, offsetof(struct routing_endpoint, webhook.validate)},
    {"maxEventsPerBatch", MEMBER_COUNT, offsetof(struct routing_endpoint, webhook.events_max), false, 1, 5000},
    {"preferredBatchSizeInKilobytes", MEMBER_COUNT, offsetof(struct routing_endpoint, webhook.kilobytes_max), false, 1, 1024},
    {"timeoutInSeconds", MEMBER_COUNT, offsetof(struct routing_endpoint, webhook.timeout_s), false, 1, 300},
    {"retryPolicy", MEMBER_OTHER},
};
static const struct member retry_members[] = {
    {"maxDeliveryAttempts", MEMBER_COUNT, offsetof(struct routing_endpoint, webhook.attempts_max), false, 1, 1000000},
    {"eventTimeToLiveInMinutes", MEMBER_COUNT, offsetof(struct routing_endpoint, webhook.ttl_minutes), false, 1, 10080},
};
static const struct member file_members[] = {
    {"name", MEMBER_TEXT, offsetof(struct routing_endpoint, name), true},
    {"encoding", MEMBER_WORD, offsetof(struct routing_endpoint, file.encoding), .words = encoding_words},
    {"maxChunkSizeInBytes", MEMBER_COUNT, offsetof(struct routing_endpoint, file.bytes_max), false, 1024, 1ull << 40},
    {"batchFrequencyInSeconds", MEMBER_COUNT, offsetof(struct routing_endpoint, file.seconds_max), false, 1, 86400},
};
/* clang-format on */

static enum status read_headers(struct reading *r, const struct json *headers, const char *path,
                                struct routing_endpoint *e)
{
    if (headers == NULL)
        return OK;
    if (!json_is(headers, JSON_OBJECT))
        return refuse(r, headers, "%s.headers must be an object", path);
    e->webhook.headers = ARENA_TAKE_N(r->arena, struct rest_field, json_count(headers) + 1);
    struct json_walk w = json_walk(headers);
    while (json_next(&w)) {
        struct slice value = json_string(w.value);
        if (!json_is(w.value, JSON_STRING) || w.name.len == 0 ||
            slice_find(value, '\n') < value.len || slice_find(value, '\r') < value.len ||
            slice_find(w.name, ':') < w.name.len || slice_find(w.name, '\n') < w.name.len)
            return refuse(r, w.value, "%s.headers: \"%.*s\" is no header", path, SLICE_FMT(w.name));
        e->webhook.headers[e->webhook.header_count++] =
            (struct rest_field){arena_copy(r->arena, w.name), arena_copy(r->arena, value)};
    }
    return OK;
}

static enum status read_stream(struct reading *r, const struct json *v, const char *path,
                               struct routing_endpoint *e)
{
    e->stream.partitions = 4;
    e->stream.retain_s = 7 * 86400;
    e->stream.retain_bytes = 1ull << 30;
    return read_members(r, v, path, stream_members, COUNT_OF(stream_members), e);
}

static enum status read_webhook(struct reading *r, const struct json *v, const char *path,
                                struct routing_endpoint *e)
{
    e->webhook.events_max = 100;
    e->webhook.kilobytes_max = 64;
    e->webhook.timeout_s = 30;
    e->webhook.attempts_max = 30;
    e->webhook.ttl_minutes = 1440;
    enum status s = read_members(r, v, path, webhook_members, COUNT_OF(webhook_members), e);
    if (s == OK)
        s = read_headers(r, json_get(v, "headers"), path, e);
    const struct json *retry = json_get(v, "retryPolicy");
    if (s == OK && retry)
        s = read_members(r, retry, arena_printf(r->arena, "%s.retryPolicy", path), retry_members,
                         COUNT_OF(retry_members), e);
    if (s != OK)
        return s;
    struct slice url = slice_of(e->webhook.url);
    if (!slice_starts(url, SLICE("https://")) && !slice_starts(url, SLICE("http://")))
        return refuse(r, json_get(v, "endpointUrl"),
                      "%s.endpointUrl must begin with https:// or http://", path);
    return OK;
}

static enum status read_file_endpoint(struct reading *r, const struct json *v, const char *path,
                                      struct routing_endpoint *e)
{
    e->file.bytes_max = 100ull << 20;
    e->file.seconds_max = 300;
    return read_members(r, v, path, file_members, COUNT_OF(file_members), e);
}

static const struct kind {
    const char *member;
    enum routing_endpoint_kind kind;
    enum status (*read)(struct reading *r, const struct json *v, const char *path,
                        struct routing_endpoint *e);
} kinds[] = {
    {"eventStreams", ROUTING_ENDPOINT_STREAM, read_stream},
    {"webhooks", ROUTING_ENDPOINT_WEBHOOK, read_webhook},
    {"files", ROUTING_ENDPOINT_FILE, read_file_endpoint},
};

static int find_endpoint(const struct routing_config *c, struct slice name)
{
    for (size_t i = 0; i < c->endpoint_count; i++)
        if (slice_eq_nocase(slice_of(c->endpoints[i].name), name))
            return (int)i;
    return -1;
}

static enum status add_endpoint(struct reading *r, const struct kind *k, const struct json *v,
                                const char *path, const char *events_name)
{
    struct routing_config *c = r->config;
    if (c->endpoint_count >= ROUTING_ENDPOINTS_MAX || c->endpoint_count > r->limits->endpoints)
        return refuse(r, v, "%s: there are at most %llu endpoints (limits.endpoints)", path,
                      (unsigned long long)r->limits->endpoints);
    struct routing_endpoint e = {.kind = k->kind};
    enum status s = k->read(r, v, path, &e);
    if (s != OK)
        return s;
    if (!name_ok(e.name))
        return refuse(r, json_get(v, "name"), "%s.name " NAME_RULE, path);
    if (find_endpoint(c, slice_of(e.name)) >= 0 ||
        slice_eq_nocase(slice_of(e.name), slice_of(events_name)))
        return refuse(r, json_get(v, "name"), "%s.name: \"%s\" is the name of another endpoint",
                      path, e.name);
    c->endpoints[c->endpoint_count++] = e;
    return OK;
}

static enum status read_endpoints(struct reading *r, const struct json *endpoints,
                                  const char *events_name)
{
    static const struct member members[] = {
        {"eventStreams", MEMBER_OTHER}, {"webhooks", MEMBER_OTHER}, {"files", MEMBER_OTHER}};
    struct routing_config *c = r->config;
    c->endpoints = ARENA_TAKE_N(r->arena, struct routing_endpoint, ROUTING_ENDPOINTS_MAX);
    c->endpoints[c->endpoint_count++] =
        (struct routing_endpoint){.name = "events", .kind = ROUTING_ENDPOINT_EVENTS};
    if (endpoints == NULL)
        return OK;
    enum status s = read_members(r, endpoints, "endpoints", members, COUNT_OF(members), NULL);
    for (size_t k = 0; k < COUNT_OF(kinds) && s == OK; k++) {
        const struct json *list = json_get(endpoints, kinds[k].member);
        if (list && !json_is(list, JSON_ARRAY))
            return refuse(r, list, "endpoints.%s must be an array", kinds[k].member);
        struct json_walk w = json_walk(list);
        for (unsigned n = 0; s == OK && json_next(&w); n++)
            s = add_endpoint(r, &kinds[k], w.value,
                             arena_printf(r->arena, "endpoints.%s[%u]", kinds[k].member, n),
                             events_name);
    }
    return s;
}

/* ---- routes ---- */

static const struct member route_members[] = {
    {"name", MEMBER_TEXT, offsetof(struct routing_route, name), true},
    {"source", MEMBER_WORD, offsetof(struct routing_route, source), .words = source_names},
    {"condition", MEMBER_TEXT, offsetof(struct routing_route, condition_text)},
    {"endpointNames", MEMBER_OTHER},
    {"isEnabled", MEMBER_BOOL, offsetof(struct routing_route, enabled)},
};

static enum status read_names(struct reading *r, const struct json *object, const char *path,
                              uint32_t *endpoints)
{
    const struct json *names = json_get(object, "endpointNames");
    if (!json_is(names, JSON_ARRAY) || json_count(names) == 0)
        return refuse(r, names ? names : object,
                      "%s.endpointNames must be an array of names of endpoints", path);
    struct json_walk w = json_walk(names);
    while (json_next(&w)) {
        int at = find_endpoint(r->config, json_string(w.value));
        if (at < 0)
            return refuse(r, w.value, "%s.endpointNames: there is no endpoint \"%.*s\"", path,
                          SLICE_FMT(json_string(w.value)));
        *endpoints |= 1u << at;
    }
    return OK;
}

static enum status read_condition(struct reading *r, const struct json *v, const char *path,
                                  struct routing_route *route)
{
    const char *why = NULL;
    if (route->condition_text == NULL)
        route->condition_text = "true";
    struct slice text = slice_trim(slice_of(route->condition_text));
    if (slice_eq_nocase(text, SLICE("true")))
        return OK;
    if (iot_query_parse_condition(text, r->arena, &route->condition, &why) != OK)
        return refuse(r, v, "%s.condition: %s", path, why);
    return OK;
}

static enum status read_route(struct reading *r, const struct json *v, const char *path,
                              struct routing_route *route)
{
    route->enabled = true;
    enum status s = read_members(r, v, path, route_members, COUNT_OF(route_members), route);
    if (s == OK && !name_ok(route->name) && strcmp(route->name, "$fallback") != 0)
        s = refuse(r, json_get(v, "name"), "%s.name " NAME_RULE, path);
    return s == OK ? read_condition(r, json_get(v, "condition"), path, route) : s;
}

enum status routing_route_read(const struct json *json, struct arena *a, struct routing_route *out,
                               struct routing_problem *problem)
{
    struct reading r = {.arena = a, .problem = problem};
    struct routing_route route = {0};
    enum status s = read_route(&r, json, "route", &route);
    if (s == OK)
        *out = route;
    return s;
}

static enum status read_routes(struct reading *r, const struct json *list)
{
    struct routing_config *c = r->config;
    if (list && !json_is(list, JSON_ARRAY))
        return refuse(r, list, "routes must be an array");
    if (json_count(list) > r->limits->routes)
        return refuse(r, list, "routes: there are at most %llu routes (limits.routes)",
                      (unsigned long long)r->limits->routes);
    c->routes = ARENA_TAKE_N(r->arena, struct routing_route, json_count(list) + 1);
    struct json_walk w = json_walk(list);
    while (json_next(&w)) {
        const char *path = arena_printf(r->arena, "routes[%zu]", c->route_count);
        struct routing_route *route = &c->routes[c->route_count];
        enum status s = read_route(r, w.value, path, route);
        if (s == OK)
            s = read_names(r, w.value, path, &route->endpoints);
        if (s != OK)
            return s;
        for (size_t i = 0; i < c->route_count; i++)
            if (slice_eq_nocase(slice_of(c->routes[i].name), slice_of(route->name)))
                return refuse(r, w.value, "%s.name: \"%s\" is the name of another route", path,
                              route->name);
        c->route_count++;
    }
    return OK;
}

static enum status read_fallback(struct reading *r, const struct json *v)
{
    struct routing_route *f = &r->config->fallback;
    *f = (struct routing_route){.name = "$fallback", .endpoints = 1, .enabled = true};
    if (v == NULL)
        return OK;
    static const struct member members[] = {
        {"name", MEMBER_TEXT, offsetof(struct routing_route, name)},
        {"source", MEMBER_WORD, offsetof(struct routing_route, source), .words = source_names},
        {"condition", MEMBER_TEXT, offsetof(struct routing_route, condition_text)},
        {"endpointNames", MEMBER_OTHER},
        {"isEnabled", MEMBER_BOOL, offsetof(struct routing_route, enabled)},
    };
    enum status s = read_members(r, v, "fallbackRoute", members, COUNT_OF(members), f);
    if (s == OK)
        s = read_condition(r, json_get(v, "condition"), "fallbackRoute", f);
    if (s == OK && f->source != IOT_SOURCE_TELEMETRY)
        s = refuse(r, json_get(v, "source"), "fallbackRoute.source must be DeviceMessages");
    if (s == OK && json_get(v, "endpointNames")) {
        f->endpoints = 0;
        s = read_names(r, v, "fallbackRoute", &f->endpoints);
    }
    return s;
}

/* ---- enrichments ---- */

static enum status read_value(struct reading *r, const struct json *v, const char *path,
                              struct routing_enrichment *e)
{
    struct slice value = slice_of(e->value);
    const struct iot_query_expr *expr;
    const char *why = NULL;
    e->is_hub_name = slice_eq_nocase(value, SLICE("$iothubname"));
    if (!slice_starts(value, SLICE("$twin.")))
        return OK;
    if (iot_query_parse_condition(value, r->arena, &expr, &why) != OK)
        return refuse(r, json_get(v, "value"), "%s.value: %s", path, why);
    if (expr->kind != IOT_QUERY_PATH || expr->path.count < 2 || expr->path.steps[1].name.len == 0)
        return refuse(r, json_get(v, "value"),
                      "%s.value must be a text, $iothubname, or a path below $twin.tags or "
                      "$twin.properties",
                      path);
    e->path = &expr->path;
    return OK;
}

static enum status read_enrichments(struct reading *r, const struct json *list)
{
    static const struct member members[] = {
        {"key", MEMBER_TEXT, offsetof(struct routing_enrichment, key), true},
        {"value", MEMBER_TEXT, offsetof(struct routing_enrichment, value), true},
        {"endpointNames", MEMBER_OTHER},
    };
    struct routing_config *c = r->config;
    if (list && !json_is(list, JSON_ARRAY))
        return refuse(r, list, "enrichments must be an array");
    if (json_count(list) > r->limits->enrichments)
        return refuse(r, list, "enrichments: there are at most %llu (limits.enrichments)",
                      (unsigned long long)r->limits->enrichments);
    c->enrichments = ARENA_TAKE_N(r->arena, struct routing_enrichment, json_count(list) + 1);
    struct json_walk w = json_walk(list);
    while (json_next(&w)) {
        const char *path = arena_printf(r->arena, "enrichments[%zu]", c->enrichment_count);
        struct routing_enrichment *e = &c->enrichments[c->enrichment_count++];
        enum status s = read_members(r, w.value, path, members, COUNT_OF(members), e);
        if (s == OK && !name_ok(e->key))
            s = refuse(r, json_get(w.value, "key"), "%s.key " NAME_RULE, path);
        if (s == OK && strlen(e->value) > 4096)
            s = refuse(r, json_get(w.value, "value"), "%s.value is longer than 4096 bytes", path);
        if (s == OK)
            s = read_value(r, w.value, path, e);
        if (s == OK)
            s = read_names(r, w.value, path, &e->endpoints);
        if (s != OK)
            return s;
    }
    return OK;
}

/* ---- the whole ---- */

static bool looks_at_twin(const struct iot_query_expr *e)
{
    if (e == NULL)
        return false;
    if (e->kind == IOT_QUERY_PATH)
        return e->path.count && slice_eq(e->path.steps[0].name, SLICE("$twin"));
    for (size_t i = 0; i < e->arg_count; i++)
        if (looks_at_twin(e->args[i]))
            return true;
    return false;
}

static void sum_up(struct routing_config *c)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (c->routes[i].enabled) {
            c->sources |= 1u << c->routes[i].source;
            c->wants_twins |= looks_at_twin(c->routes[i].condition);
        }
    c->wants_twins |= looks_at_twin(c->fallback.condition);
    for (size_t i = 0; i < c->enrichment_count; i++)
        c->wants_twins |= c->enrichments[i].path != NULL;
}

static enum status read_all(struct reading *r, const struct json *root, const char *events_name)
{
    static const struct member members[] = {{"routes", MEMBER_OTHER},
                                            {"fallbackRoute", MEMBER_OTHER},
                                            {"endpoints", MEMBER_OTHER},
                                            {"enrichments", MEMBER_OTHER}};
    enum status s = root ? read_members(r, root, "routing", members, COUNT_OF(members), NULL) : OK;
    if (s == OK)
        s = read_endpoints(r, json_get(root, "endpoints"), events_name);
    if (s == OK)
        s = read_routes(r, json_get(root, "routes"));
    if (s == OK)
        s = read_fallback(r, json_get(root, "fallbackRoute"));
    return s == OK ? read_enrichments(r, json_get(root, "enrichments")) : s;
}

enum status routing_config_read(struct slice text, const struct iot_limits *limits,
                                const char *events_name, struct routing_config **out,
                                struct routing_problem *problem)
{
    struct routing_config *c = MEMORY_NEW(struct routing_config);
    struct json_error error = {0};
    enum status s = OK;
    *problem = (struct routing_problem){0};
    if (text.len > ROUTING_TEXT_MAX) {
        snprintf(problem->text, sizeof(problem->text), "it is larger than 1 MiB");
        s = TOO_LARGE;
    } else if (slice_trim(text).len && json_parse(text, JSON_CONFIG, &c->doc, &error) != OK) {
        problem->line = error.line;
        problem->column = error.column;
        snprintf(problem->text, sizeof(problem->text), "%s", error.what);
        s = BAD_FORMAT;
    }
    struct reading r = {c, &c->arena, c->doc, problem, limits};
    c->text = arena_copy(&c->arena, text);
    c->refs = 1;
    if (s == OK)
        s = read_all(&r, c->doc ? json_root(c->doc) : NULL, events_name);
    if (s != OK) {
        routing_config_free(&c);
        return s;
    }
    sum_up(c);
    *out = c;
    return OK;
}

void routing_config_free(struct routing_config **config)
{
    struct routing_config *c = *config;
    if (c == NULL)
        return;
    json_free(&c->doc);
    arena_clear(&c->arena);
    free(c);
    *config = NULL;
}
