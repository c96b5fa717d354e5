#include "iot/twin.h"

#include "base/clock.h"
#include "base/encoding.h"
#include "iot/twin_rules.h"
#include "json/index.h"

/* One change of one section: values and their metadata are written side by side. */
struct change {
    struct buffer values_text, metadata_text;
    struct json_writer values, metadata;
    char when[CLOCK_ISO8601_MAX];
    size_t when_len;
    uint64_t version; /* "$lastUpdatedVersion"; 0: the section has none */
};

static void stamp(struct change *c)
{
    json_name(&c->metadata, "$lastUpdated");
    json_put_string(&c->metadata, slice_from(c->when, c->when_len));
    if (c->version)
        json_name(&c->metadata, "$lastUpdatedVersion"), json_put_u64(&c->metadata, c->version);
}

static void put_name(struct change *c, struct slice name)
{
    json_name_slice(&c->values, name);
    json_name_slice(&c->metadata, name);
}

static void keep(struct change *c, const struct json *value, const struct json *metadata)
{
    json_put_value(&c->values, value);
    if (metadata)
        json_put_value(&c->metadata, metadata);
    else
        json_put_raw(&c->metadata, SLICE("{}"));
}

static void put_changed(struct change *c, const struct json *old, const struct json *metadata,
                        const struct json *patch);

static void put_old_members(struct change *c, const struct json *old, const struct json *metadata,
                            const struct json *patch)
{
    struct json_index changes = json_index(patch), stamps = json_index(metadata);
    for (struct json_walk m = json_walk(old); json_next(&m);) {
        const struct json *changed = json_index_get(&changes, m.name);
        if (json_is(changed, JSON_NULL))
            continue;
        put_name(c, m.name);
        if (changed)
            put_changed(c, m.value, json_index_get(&stamps, m.name), changed);
        else
            keep(c, m.value, json_index_get(&stamps, m.name));
    }
    json_index_clear(&changes);
    json_index_clear(&stamps);
}

static void put_new_members(struct change *c, const struct json *old, const struct json *patch)
{
    struct json_index olds = json_index(old);
    for (struct json_walk m = json_walk(patch); json_next(&m);) {
        if (json_is(m.value, JSON_NULL) || iot_twin_name_is_own(m.name) ||
            json_index_get(&olds, m.name))
            continue; /* deeper down the rules have refused what is the twin's own */
        put_name(c, m.name);
        put_changed(c, NULL, NULL, m.value);
    }
    json_index_clear(&olds);
}

static void put_changed(struct change *c, const struct json *old, const struct json *metadata,
                        const struct json *patch)
{
    json_object(&c->metadata);
    stamp(c);
    if (json_is(patch, JSON_OBJECT)) {
        old = json_is(old, JSON_OBJECT) ? old : NULL;
        json_object(&c->values);
        put_old_members(c, old, metadata, patch);
        put_new_members(c, old, patch);
        json_end_object(&c->values);
    } else {
        json_put_value(&c->values, patch);
    }
    json_end_object(&c->metadata);
}

/* ---- a section ---- */

const struct iot_twin_limits iot_twin_limits_azure = {
    .tags_bytes = 8 << 10,
    .desired_bytes = 32 << 10,
    .reported_bytes = 32 << 10,
    .string_bytes = 4096,
    .name_bytes = 1024,
    .depth = 10,
};

struct section_rule {
    const char *path;
    const struct iot_twin_limits *limits;
    uint64_t size_max;
    bool counts_versions; /* in its metadata */
};

static struct section_rule tags_rule(const struct iot_twin_limits *l)
{
    return (struct section_rule){"tags", l, l->tags_bytes, false};
}

static struct section_rule desired_rule(const struct iot_twin_limits *l)
{
    return (struct section_rule){"properties.desired", l, l->desired_bytes, true};
}

static struct section_rule reported_rule(const struct iot_twin_limits *l)
{
    return (struct section_rule){"properties.reported", l, l->reported_bytes, false};
}

/* A number of one letter in the text counts as eight bytes. */
#define SIZE_PER_LETTER_MAX 8

static bool size_ok(struct slice values, uint64_t max)
{
    if (values.len <= max / SIZE_PER_LETTER_MAX)
        return true;
    struct json_doc *doc;
    if (json_parse(values, JSON_STRICT, &doc, NULL) != OK)
        return false;
    size_t size = iot_twin_size(json_root(doc));
    json_free(&doc);
    return size <= max;
}

static struct change change_begin(uint64_t version, uint64_t wall_ms)
{
    struct change c = {.version = version};
    c.when_len = clock_iso8601(wall_ms, c.when);
    return c;
}

static void change_write(struct change *c, struct slice old, struct slice metadata,
                         const struct json *patch)
{
    struct json_doc *values = NULL, *stamps = NULL;
    if (old.len && json_parse(old, JSON_STRICT, &values, NULL) != OK)
        values = NULL;
    if (metadata.len && json_parse(metadata, JSON_STRICT, &stamps, NULL) != OK)
        stamps = NULL;
    c->values = json_writer(&c->values_text);
    c->metadata = json_writer(&c->metadata_text);
    put_changed(c, json_root(values), json_root(stamps), patch);
    json_free(&values);
    json_free(&stamps);
}

static enum status section_change(struct iot_twin_section *s, struct arena *a,
                                  const struct section_rule *rule, const struct json *patch,
                                  enum iot_twin_how how, uint64_t wall_ms, const char **why)
{
    *why = iot_twin_check(rule->limits, a, rule->path, patch);
    if (*why)
        return BAD_ARGUMENT;
    bool fresh = how == IOT_TWIN_REPLACE;
    struct change c = change_begin(rule->counts_versions ? s->version + 1 : 0, wall_ms);
    change_write(&c, fresh ? (struct slice){0} : s->values, fresh ? (struct slice){0} : s->metadata,
                 patch);
    bool fits = size_ok(buffer_slice(&c.values_text), rule->size_max);
    if (fits) {
        s->values = arena_copy(a, buffer_slice(&c.values_text));
        s->metadata = arena_copy(a, buffer_slice(&c.metadata_text));
        s->version += 1;
    } else {
        *why = arena_printf(a, "%s would be larger than %llu bytes", rule->path,
                            (unsigned long long)rule->size_max);
    }
    buffer_clear(&c.values_text);
    buffer_clear(&c.metadata_text);
    return fits ? OK : BAD_ARGUMENT;
}

/* ---- what a device is told ---- */

void iot_twin_put_replacement(struct json_writer *w, const struct json *old, const struct json *new)
{
    if (!json_is(new, JSON_OBJECT)) {
        json_put_value(w, new);
        return;
    }
    json_object(w);
    old = json_is(old, JSON_OBJECT) ? old : NULL;
    struct json_index news = json_index(new), olds = json_index(old);
    for (struct json_walk m = json_walk(old); json_next(&m);)
        if (!json_index_get(&news, m.name))
            json_name_slice(w, m.name), json_put_null(w);
    for (struct json_walk m = json_walk(new); json_next(&m);) {
        json_name_slice(w, m.name);
        iot_twin_put_replacement(w, json_index_get(&olds, m.name), m.value);
    }
    json_index_clear(&news);
    json_index_clear(&olds);
    json_end_object(w);
}

static struct slice without_braces(struct slice object)
{
    return object.len > 2 ? slice_from(object.at + 1, object.len - 2) : (struct slice){0};
}

static void put_versioned(struct json_writer *w, struct slice object, struct slice metadata,
                          uint64_t version)
{
    struct slice members = without_braces(object);
    json_object(w);
    if (members.len)
        json_put_raw(w, members);
    if (metadata.len)
        json_name(w, "$metadata"), json_put_raw(w, metadata);
    json_name(w, "$version"), json_put_u64(w, version);
    json_end_object(w);
}

static void put_patch(struct json_writer *w, const struct json *patch, uint64_t version)
{
    json_object(w);
    for (struct json_walk m = json_walk(patch); json_next(&m);)
        if (!iot_twin_name_is_own(m.name))
            json_name_slice(w, m.name), json_put_value(w, m.value);
    json_name(w, "$version"), json_put_u64(w, version);
    json_end_object(w);
}

static struct slice replacement_patch(struct arena *a, struct slice before,
                                      const struct iot_twin_section *after)
{
    struct json_doc *old = NULL, *new = NULL;
    struct buffer values = {0}, text = {0};
    if (json_parse(before, JSON_STRICT, &old, NULL) != OK)
        old = NULL;
    if (json_parse(after->values, JSON_STRICT, &new, NULL) == OK) {
        struct json_writer w = json_writer(&values);
        iot_twin_put_replacement(&w, json_root(old), json_root(new));
    }
    struct json_writer w = json_writer(&text);
    put_versioned(&w, buffer_slice(&values), (struct slice){0}, after->version);
    struct slice patch = arena_copy(a, buffer_slice(&text));
    json_free(&old);
    json_free(&new);
    buffer_clear(&values);
    buffer_clear(&text);
    return patch;
}

static struct slice merge_patch(struct arena *a, const struct json *patch, uint64_t version)
{
    struct buffer text = {0};
    struct json_writer w = json_writer(&text);
    put_patch(&w, patch, version);
    struct slice copy = arena_copy(a, buffer_slice(&text));
    buffer_clear(&text);
    return copy;
}

/* ---- the promises ---- */

struct iot_twin iot_twin_new(struct arena *a, uint64_t wall_ms)
{
    struct change c = change_begin(0, wall_ms), d = change_begin(1, wall_ms);
    change_write(&c, (struct slice){0}, (struct slice){0}, NULL);
    change_write(&d, (struct slice){0}, (struct slice){0}, NULL);
    struct iot_twin_section empty = {SLICE("{}"), arena_copy(a, buffer_slice(&c.metadata_text)), 1};
    struct iot_twin t = {.tags = empty, .desired = empty, .reported = empty, .version = 1};
    t.desired.metadata = arena_copy(a, buffer_slice(&d.metadata_text));
    buffer_clear(&c.values_text);
    buffer_clear(&c.metadata_text);
    buffer_clear(&d.values_text);
    buffer_clear(&d.metadata_text);
    return t;
}

static enum status update_section(struct iot_twin_section *s, struct arena *a,
                                  const struct section_rule *rule, const struct json *patch,
                                  enum iot_twin_how how, uint64_t wall_ms, bool *changed,
                                  const char **why)
{
    struct json_doc *empty = NULL;
    if (!patch)
        return OK;
    if (json_is(patch, JSON_NULL)) {
        if (json_parse(SLICE("{}"), JSON_STRICT, &empty, NULL) != OK)
            return IO_FAILED;
        patch = json_root(empty);
        how = IOT_TWIN_REPLACE;
    }
    enum status st = section_change(s, a, rule, patch, how, wall_ms, why);
    json_free(&empty);
    *changed = st == OK;
    return st;
}

enum status iot_twin_update(struct iot_twin *t, const struct iot_twin_limits *limits,
                            struct arena *a, const struct json *body, enum iot_twin_how how,
                            uint64_t wall_ms, struct iot_twin_change *change, const char **why)
{
    const struct section_rule tags = tags_rule(limits), wanted = desired_rule(limits);
    const struct json *properties = json_get(body, "properties"),
                      *desired = json_get(properties, "desired");
    struct iot_twin next = *t;
    struct iot_twin_change done = {0};
    *why = NULL;
    if (!json_is(body, JSON_OBJECT) || (properties && !json_is(properties, JSON_OBJECT))) {
        *why = "a twin and its properties must be objects";
        return BAD_ARGUMENT;
    }
    enum status s = update_section(&next.tags, a, &tags, json_get(body, "tags"), how, wall_ms,
                                   &done.tags, why);
    if (s == OK)
        s = update_section(&next.desired, a, &wanted, desired, how, wall_ms, &done.desired,
                           why);
    if (s != OK)
        return s;
    if (done.desired)
        done.desired_patch = how == IOT_TWIN_REPLACE || json_is(desired, JSON_NULL)
                                 ? replacement_patch(a, t->desired.values, &next.desired)
                                 : merge_patch(a, desired, next.desired.version);
    next.version += done.tags || done.desired;
    *t = next;
    *change = done;
    return OK;
}

enum status iot_twin_report(struct iot_twin *t, const struct iot_twin_limits *limits,
                            struct arena *a, const struct json *patch, uint64_t wall_ms,
                            const char **why)
{
    const struct section_rule rule = reported_rule(limits);
    return section_change(&t->reported, a, &rule, patch, IOT_TWIN_MERGE, wall_ms, why);
}

void iot_twin_put_service(const struct iot_twin *t, struct json_writer *w)
{
    json_name(w, "tags"), json_put_raw(w, t->tags.values);
    json_name(w, "properties");
    json_object(w);
    json_name(w, "desired"),
        put_versioned(w, t->desired.values, t->desired.metadata, t->desired.version);
    json_name(w, "reported"),
        put_versioned(w, t->reported.values, t->reported.metadata, t->reported.version);
    json_end_object(w);
}

void iot_twin_put_device(const struct iot_twin *t, struct json_writer *w)
{
    struct slice none = {0};
    json_object(w);
    json_name(w, "desired"), put_versioned(w, t->desired.values, none, t->desired.version);
    json_name(w, "reported"), put_versioned(w, t->reported.values, none, t->reported.version);
    json_end_object(w);
}

void iot_twin_etag(uint64_t version, char out[IOT_TWIN_ETAG_LEN + 1])
{
    struct buffer bytes = {0}, text = {0};
    buffer_u64(&bytes, version);
    base64_encode(buffer_slice(&bytes), &text);
    memcpy(out, buffer_cstr(&text), IOT_TWIN_ETAG_LEN + 1);
    buffer_clear(&bytes);
    buffer_clear(&text);
}
