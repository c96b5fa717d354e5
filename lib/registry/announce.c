#include "registry/announce.h"

#include "base/clock.h"
#include "registry/tables.h"

static unsigned wants(const struct registry *r)
{
    return r->events.wants ? r->events.wants(r->events.arg) : 0;
}

static struct registry_event *add(struct registry_announcements *n, struct arena *a)
{
    struct registry_announcement *item = ARENA_TAKE(a, struct registry_announcement);
    if (n->end == NULL)
        n->end = &n->first;
    *n->end = item;
    n->end = &item->next;
    return &item->event;
}

static struct slice keep(struct arena *a, struct buffer *b)
{
    struct slice text = arena_copy(a, buffer_slice(b));
    buffer_clear(b);
    return text;
}

/* ---- a section's changed part ---- */

static bool is_meta(struct slice name)
{
    return name.len && name.at[0] == '$';
}

static void put_metadata(struct json_writer *w, const struct json *patch,
                         const struct json *metadata)
{
    struct json_walk walk = json_walk(patch);
    json_name(w, "$metadata"), json_object(w);
    json_member(w, "$lastUpdated", json_string(json_get(metadata, "$lastUpdated")));
    while (json_next(&walk)) {
        const struct json *v = json_get_slice(metadata, walk.name);
        if (v && !is_meta(walk.name))
            json_name_slice(w, walk.name), json_put_value(w, v);
    }
    json_end_object(w);
}

/* {changed members, "$metadata": of these, "$version"} */
static void put_section(struct json_writer *w, const char *name, const struct json *patch,
                        const struct iot_twin_section *section)
{
    struct json_doc *metadata = NULL;
    struct json_walk walk = json_walk(patch);
    json_name(w, name), json_object(w);
    while (json_next(&walk))
        if (!is_meta(walk.name))
            json_name_slice(w, walk.name), json_put_value(w, walk.value);
    if (json_parse(section->metadata, JSON_STRICT, &metadata, NULL) == OK)
        put_metadata(w, patch, json_root(metadata));
    json_free(&metadata);
    json_name(w, "$version"), json_put_u64(w, section->version);
    json_end_object(w);
}

static void put_update(struct json_writer *w, const struct registry_announce_change *c)
{
    json_name(w, "version"), json_put_u64(w, c->twin->version);
    if (c->tags)
        json_name(w, "tags"), json_put_value(w, c->tags);
    if (c->desired == NULL && c->reported == NULL)
        return;
    json_name(w, "properties"), json_object(w);
    if (c->desired)
        put_section(w, "desired", c->desired, &c->twin->desired);
    if (c->reported)
        put_section(w, "reported", c->reported, &c->twin->reported);
    json_end_object(w);
}

static void put_whole(struct json_writer *w, struct iot_id id, const struct iot_twin *twin)
{
    char etag[IOT_TWIN_ETAG_LEN + 1];
    iot_twin_etag(twin->version, etag);
    json_member(w, "deviceId", id.device);
    json_member(w, "moduleId", id.module);
    json_name(w, "etag"), json_put_text(w, etag);
    json_name(w, "version"), json_put_u64(w, twin->version);
    iot_twin_put_service(twin, w);
}

/* ---- the digital twin's view: what is desired stands in the metadata, what is reported is the
 * value ---- */

static void put_path(struct json_writer *w, struct slice component, bool metadata,
                     struct slice name)
{
    struct buffer b = {0};
    const struct slice parts[] = {component, metadata ? SLICE("$metadata") : (struct slice){0},
                                  name};
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].len == 0)
            continue;
        buffer_u8(&b, '/');
        for (size_t at = 0; at < parts[i].len; at++) { /* RFC 6901, section 3 */
            uint8_t c = parts[i].at[at];
            if (c == '~' || c == '/')
                buffer_text(&b, c == '~' ? "~0" : "~1");
            else
                buffer_u8(&b, c);
        }
    }
    json_name(w, "path"), json_put_string(w, buffer_slice(&b));
    buffer_clear(&b);
}

static void put_operation(struct json_writer *w, const struct registry_announce_change *c,
                          struct slice component, struct slice name, const struct json *v,
                          bool desired)
{
    char time[CLOCK_ISO8601_MAX];
    bool removed = json_is(v, JSON_NULL);
    json_object(w);
    json_name(w, "op"), json_put_text(w, removed ? "remove" : "add");
    put_path(w, component, desired, name);
    if (!removed && desired) {
        json_name(w, "value"), json_object(w);
        json_name(w, "desiredValue"), json_put_value(w, v);
        json_name(w, "desiredVersion"), json_put_u64(w, c->twin->desired.version);
        json_end_object(w);
    } else if (!removed) {
        json_name(w, "value"), json_put_value(w, v);
    }
    json_end_object(w);
    if (removed || desired)
        return;
    json_object(w);
    json_name(w, "op"), json_put_text(w, "add");
    put_path(w, component, true, name);
    json_name(w, "value"), json_object(w);
    json_member(w, "lastUpdateTime",
                slice_from(time, clock_iso8601_ticks(c->now_ms * 10000, time)));
    json_end_object(w);
    json_end_object(w);
}

static void put_operations(struct json_writer *w, const struct registry_announce_change *c,
                           const struct json *patch, bool desired)
{
    struct json_walk walk = json_walk(patch);
    while (json_next(&walk)) {
        if (is_meta(walk.name))
            continue;
        if (!slice_eq(json_string(json_get(walk.value, "__t")), SLICE("c"))) {
            put_operation(w, c, (struct slice){0}, walk.name, walk.value, desired);
            continue;
        }
        struct json_walk inner = json_walk(walk.value); /* a component */
        while (json_next(&inner))
            if (!slice_eq(inner.name, SLICE("__t")))
                put_operation(w, c, walk.name, inner.name, inner.value, desired);
    }
}

/* ---- what is told ---- */

static void add_change(struct registry_announcements *n, struct arena *a,
                       const struct registry_announce_change *c)
{
    struct buffer b = {0};
    struct json_writer w = json_writer(&b);
    struct registry_event *e = add(n, a);
    json_object(&w);
    if (c->replaced)
        put_whole(&w, c->id, c->twin);
    else
        put_update(&w, c);
    json_end_object(&w);
    *e = (struct registry_event){.source = IOT_SOURCE_TWIN_CHANGE,
                                 .operation = c->replaced ? "replaceTwin" : "updateTwin",
                                 .id = c->id,
                                 .body = keep(a, &b),
                                 .wall_ms = c->now_ms};
}

static void add_digital(struct registry_announcements *n, struct arena *a,
                        const struct registry_announce_change *c)
{
    struct buffer b = {0};
    struct json_writer w = json_writer(&b);
    json_array(&w);
    put_operations(&w, c, c->desired, true);
    put_operations(&w, c, c->reported, false);
    json_end_array(&w);
    if (b.len > 2)
        *add(n, a) = (struct registry_event){.source = IOT_SOURCE_DIGITAL_TWIN_CHANGE,
                                             .operation = "updateTwin",
                                             .id = c->id,
                                             .body = arena_copy(a, buffer_slice(&b)),
                                             .wall_ms = c->now_ms};
    buffer_clear(&b);
}

/* For conditions and enrichments that look at $twin. It goes before what it is to be seen by. */
static void add_twin(struct registry_announcements *n, struct arena *a, struct iot_id id,
                     const struct iot_twin *twin)
{
    struct buffer b = {0};
    struct json_writer w = json_writer(&b);
    json_object(&w);
    iot_twin_put_service(twin, &w);
    json_end_object(&w);
    *add(n, a) = (struct registry_event){.is_twin = true, .id = id, .body = keep(a, &b)};
}

void registry_announce_twin(struct registry_announcements *n, const struct registry *r,
                            struct arena *a, const struct registry_announce_change *change)
{
    unsigned wanted = wants(r);
    if (wanted & REGISTRY_WANTS_TWINS)
        add_twin(n, a, change->id, change->twin);
    if (wanted & 1u << IOT_SOURCE_TWIN_CHANGE)
        add_change(n, a, change);
    if (wanted & 1u << IOT_SOURCE_DIGITAL_TWIN_CHANGE)
        add_digital(n, a, change);
}

void registry_announce_update(struct registry_announcements *n, const struct registry *r,
                              struct arena *a, struct iot_id id, const struct iot_twin *twin,
                              const struct json *body, const struct iot_twin_change *made,
                              enum iot_twin_how how, uint64_t now_ms)
{
    struct json_doc *desired = NULL;
    if (wants(r) == 0 || (!made->tags && !made->desired))
        return;
    if (made->desired && json_parse(made->desired_patch, JSON_STRICT, &desired, NULL) != OK)
        desired = NULL;
    registry_announce_twin(n, r, a,
                           &(struct registry_announce_change){
                               .id = iot_id_copy(a, id),
                               .twin = twin,
                               .replaced = how == IOT_TWIN_REPLACE,
                               .tags = made->tags ? json_get(body, "tags") : NULL,
                               .desired = desired ? json_root(desired) : NULL,
                               .now_ms = now_ms,
                           });
    json_free(&desired);
}

void registry_announce_lifecycle(struct registry_announcements *n, const struct registry *r,
                                 struct arena *a, struct iot_id id, bool made,
                                 const struct iot_twin *twin, uint64_t now_ms)
{
    bool module = id.module.len > 0;
    enum iot_source source = module ? IOT_SOURCE_MODULE_LIFECYCLE : IOT_SOURCE_DEVICE_LIFECYCLE;
    unsigned wanted = wants(r);
    if (!(wanted & 1u << source))
        return;
    if (wanted & REGISTRY_WANTS_TWINS)
        add_twin(n, a, id, twin);
    struct buffer b = {0};
    struct json_writer w = json_writer(&b);
    json_object(&w);
    put_whole(&w, id, twin);
    json_end_object(&w);
    *add(n, a) = (struct registry_event){
        .source = source,
        .operation = module ? (made ? "createModuleIdentity" : "deleteModuleIdentity")
                            : (made ? "createDeviceIdentity" : "deleteDeviceIdentity"),
        .id = id,
        .body = keep(a, &b),
        .wall_ms = now_ms};
}

void registry_announce(const struct registry_announcements *n, const struct registry *r)
{
    if (r->events.on_event)
        for (const struct registry_announcement *i = n->first; i; i = i->next)
            r->events.on_event(r->events.arg, &i->event);
}
