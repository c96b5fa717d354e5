#include "client/module_report.h"

#include "base/log.h"
#include "json/write.h"

static void join_objects(const struct json *first, const struct json *second,
                         struct json_writer *w);

/* What the second says replaces the first; objects are joined. Nulls stay: they delete. */
static void join_values(const struct json *first, const struct json *second, struct json_writer *w)
{
    if (json_is(first, JSON_OBJECT) && json_is(second, JSON_OBJECT))
        join_objects(first, second, w);
    else
        json_put_value(w, second ? second : first);
}

static void join_objects(const struct json *first, const struct json *second, struct json_writer *w)
{
    struct json_walk walk = json_walk(first);
    json_object(w);
    while (json_next(&walk)) {
        json_name_slice(w, walk.name);
        join_values(walk.value, json_get_slice(second, walk.name), w);
    }
    walk = json_walk(second);
    while (json_next(&walk)) {
        if (json_get_slice(first, walk.name))
            continue;
        json_name_slice(w, walk.name);
        json_put_value(w, walk.value);
    }
    json_end_object(w);
}

static void join(struct slice first, struct slice second, struct buffer *out)
{
    struct json_doc *a = NULL, *b = NULL;
    struct json_writer w = json_writer(out);
    if (first.len && json_parse(first, JSON_STRICT, &a, NULL) == OK &&
        json_parse(second, JSON_STRICT, &b, NULL) == OK)
        join_values(json_root(a), json_root(b), &w);
    else
        buffer_put(out, second);
    json_free(&a);
    json_free(&b);
}

static void on_reported(void *arg, enum status why, uint64_t version)
{
    struct module_report *r = arg;
    (void)version;
    r->sending = false;
    if (why == OK) {
        buffer_reset(&r->sent);
        module_report_flush(r);
        return;
    }
    log_warn("properties not reported why=%s", status_name(why));
    struct buffer both = {0};
    if (r->pending.len)
        join(buffer_slice(&r->sent), buffer_slice(&r->pending), &both);
    else
        buffer_put(&both, buffer_slice(&r->sent));
    buffer_clear(&r->pending);
    r->pending = both;
    buffer_reset(&r->sent);
}

void module_report_flush(struct module_report *r)
{
    if (r->sending || r->pending.len == 0 || !r->client || !device_client_connected(r->client))
        return;
    struct buffer empty = r->sent;
    r->sent = r->pending;
    r->pending = empty;
    buffer_reset(&r->pending);
    r->sending = true;
    device_client_twin_report(r->client, buffer_slice(&r->sent), on_reported, r);
}

void module_report_add(struct module_report *r, struct slice patch)
{
    struct buffer both = {0};
    join(buffer_slice(&r->pending), patch, &both);
    buffer_clear(&r->pending);
    r->pending = both;
    module_report_flush(r);
}

void module_report_clear(struct module_report *r)
{
    buffer_clear(&r->pending);
    buffer_clear(&r->sent);
}
