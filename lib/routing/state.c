/* {"next":4,"endpoints":[{"name":"alarms","kind":"eventStreams","id":1,"partitionCount":4,"createdMs":0}]}
 */
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "routing/routing_priv.h"

static const char *const kinds[] = {
    [ROUTING_ENDPOINT_EVENTS] = "events",
    [ROUTING_ENDPOINT_STREAM] = "eventStreams",
    [ROUTING_ENDPOINT_WEBHOOK] = "webhooks",
    [ROUTING_ENDPOINT_FILE] = "files",
};

struct routing_known *routing_state_find(struct routing *r, const char *name,
                                         enum routing_endpoint_kind kind)
{
    for (struct routing_known *e = r->endpoints; e; e = e->next)
        if (e->kind == kind && slice_eq_nocase(slice_of(e->name), slice_of(name)))
            return e;
    return NULL;
}

struct routing_known *routing_state_add(struct routing *r, const char *name,
                                        enum routing_endpoint_kind kind, uint16_t id,
                                        uint64_t created_ms)
{
    struct routing_known *e = MEMORY_NEW(struct routing_known);
    e->name = memory_text(name);
    e->kind = kind;
    e->id = id;
    e->created_ms = created_ms;
    e->stream.name = e->name;
    e->next = r->endpoints;
    __atomic_store_n(&r->endpoints, e, __ATOMIC_RELEASE);
    return e;
}

bool routing_is_named(const struct routing_config *c, uint16_t id)
{
    for (size_t i = 1; i < c->endpoint_count; i++)
        if (c->endpoints[i].id == id)
            return true;
    return false;
}

void routing_state_print(const struct routing *r, const struct routing_config *c,
                         struct buffer *out)
{
    struct json_writer w = json_writer(out);
    json_object(&w);
    json_name(&w, "next"), json_put_u64(&w, r->next_id);
    json_name(&w, "endpoints"), json_array(&w);
    for (const struct routing_known *e = r->endpoints; e; e = e->next) {
        if (!routing_is_named(c, e->id))
            continue;
        json_object(&w);
        json_name(&w, "name"), json_put_text(&w, e->name);
        json_name(&w, "kind"), json_put_text(&w, kinds[e->kind]);
        json_name(&w, "id"), json_put_u64(&w, e->id);
        json_name(&w, "partitionCount"), json_put_u64(&w, e->stream.partition_count);
        json_name(&w, "createdMs"), json_put_u64(&w, e->created_ms);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static bool load_endpoint(struct routing *r, const struct json *v)
{
    uint64_t id, partitions, created_ms;
    struct slice name = json_string(json_get(v, "name"));
    for (unsigned k = ROUTING_ENDPOINT_STREAM; k <= ROUTING_ENDPOINT_FILE; k++) {
        if (!slice_eq(json_string(json_get(v, "kind")), slice_of(kinds[k])))
            continue;
        if (name.len == 0 || !json_u64(json_get(v, "id"), &id) || id == 0 || id >= r->next_id ||
            !json_u64(json_get(v, "partitionCount"), &partitions) ||
            partitions > EVENTS_PARTITIONS_MAX || !json_u64(json_get(v, "createdMs"), &created_ms))
            return false;
        char *text = slice_dup(name);
        struct routing_known *e =
            routing_state_add(r, text, (enum routing_endpoint_kind)k, (uint16_t)id, created_ms);
        e->stream.partition_count = (unsigned)partitions;
        free(text);
        return true;
    }
    return false;
}

static bool load(struct routing *r, const struct json *root)
{
    uint64_t next;
    if (!json_u64(json_get(root, "next"), &next) || next == 0 || next > UINT16_MAX)
        return false;
    r->next_id = (uint16_t)next;
    struct json_walk w = json_walk(json_get(root, "endpoints"));
    while (json_next(&w))
        if (!load_endpoint(r, w.value))
            return false;
    return true;
}

enum status routing_state_load(struct routing *r)
{
    struct buffer text = {0};
    struct json_doc *doc = NULL;
    enum status s = file_read(r->state_path, &text);
    if (s == NOT_FOUND)
        return OK;
    if (s == OK && (json_parse(buffer_slice(&text), JSON_STRICT, &doc, NULL) != OK ||
                    !load(r, json_root(doc)))) {
        log_error(
            "which ids the endpoints of routes have cannot be read: move the file away, and every "
            "endpoint begins anew path=%s",
            r->state_path);
        s = BAD_FORMAT;
    }
    json_free(&doc);
    buffer_clear(&text);
    return s;
}
