#include "services/values.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "base/memory.h"
#include "gzip/gzip.h"
#include "services/ids.h"
#include "services/uadp_message.h"
#include "services/value_message.h"
#include "json/json.h"

#define TARGET "PublisherMessage"
#define UADP_SCHEMA "application/x-network-message-uadp-v1"
#define NODE_SEPARATOR '\n' /* in no id */
#define SWEEP_MIN 64        /* below so many nobody looks for what is followed no more */

/* A url, in small letters, and whose it is. */
struct place {
    struct list endpoints;
    size_t len;
    uint8_t url[];
};

struct endpoint {
    struct link of_place;
    size_t len;
    uint8_t id[];
};

struct services_values {
    struct services_registry *registry;
    struct live *live;
    struct uadp_names *names;
    struct map places;
    size_t count; /* of endpoints at places */
    size_t sweep_at; /* when there are so many */
    size_t asked; /* the registry has not answered */
    bool gone;
};

struct lookup {
    struct services_values *values;
    char *id;
};

/* ---- which endpoints are at a url ---- */

static struct slice lower(struct buffer *scratch, struct slice url)
{
    buffer_reset(scratch);
    for (size_t n = 0; n < url.len; n++)
        buffer_u8(scratch, (uint8_t)tolower(url.at[n]));
    return slice_ends(buffer_slice(scratch), SLICE("/"))
               ? slice_first(buffer_slice(scratch), scratch->len - 1)
               : buffer_slice(scratch);
}

static struct place *place_of(struct services_values *v, struct slice url)
{
    struct place *p = map_get(&v->places, url);
    if (p)
        return p;
    p = memory_new(sizeof *p + url.len);
    list_init(&p->endpoints);
    p->len = url.len;
    memcpy(p->url, url.at, url.len);
    map_put(&v->places, slice_from(p->url, p->len), p);
    return p;
}

static bool is_at(struct place *p, struct slice id)
{
    LIST_EACH(l, &p->endpoints)
    {
        const struct endpoint *e = LIST_OF(l, struct endpoint, of_place);
        if (slice_eq(slice_from(e->id, e->len), id))
            return true;
    }
    return false;
}

static void put_at(struct services_values *v, struct slice url, struct slice id)
{
    struct buffer scratch = {0};
    if (url.len && v->count < VALUES_ENDPOINTS_MAX) {
        struct place *p = place_of(v, lower(&scratch, url));
        if (!is_at(p, id)) {
            struct endpoint *e = memory_new(sizeof *e + id.len);
            e->of_place = (struct link){0};
            e->len = id.len;
            memcpy(e->id, id.at, id.len);
            list_push(&p->endpoints, &e->of_place);
            v->count++;
        }
    }
    buffer_clear(&scratch);
}

/* Their endpoints are those for which `kept` has the id; NULL: none. */
static void forget_endpoints(struct services_values *v, struct place *p, const struct map *kept)
{
    LIST_EACH(l, &p->endpoints)
    {
        struct endpoint *e = LIST_OF(l, struct endpoint, of_place);
        if (kept && map_get(kept, slice_from(e->id, e->len)))
            continue;
        list_remove(l);
        free(e);
        v->count--;
    }
}

static void note_followed(void *arg, struct slice group)
{
    struct map *kept = arg;
    map_put(kept, slice_first(group, slice_find(group, NODE_SEPARATOR)), kept);
}

/* Forgets places of endpoints that nobody follows any more. */
static void sweep(struct services_values *v)
{
    struct map kept = {0}, places = {0};
    size_t at = 0;
    live_each_group(v->live, LIVE_PUBLISHERS, note_followed, &kept);
    for (struct map_entry *e; (e = map_next(&v->places, &at));) {
        struct place *p = e->value;
        forget_endpoints(v, p, &kept);
        if (list_empty(&p->endpoints))
            free(p);
        else
            map_put(&places, slice_from(p->url, p->len), p);
    }
    map_clear(&v->places);
    map_clear(&kept);
    v->places = places;
    v->sweep_at = 2 * v->count < SWEEP_MIN ? SWEEP_MIN : 2 * v->count;
}

static void forget_places(struct services_values *v)
{
    size_t at = 0;
    for (struct map_entry *e; (e = map_next(&v->places, &at));) {
        struct place *p = e->value;
        forget_endpoints(v, p, NULL);
        free(p);
    }
    map_clear(&v->places);
}

/* ---- who follows ---- */

static void read_urls(struct services_values *v, struct slice id, const struct json *info)
{
    if (v->count >= v->sweep_at || v->count >= VALUES_ENDPOINTS_MAX)
        sweep(v);
    const struct json *registration = json_get(info, "registration");
    const struct json *endpoint = json_get(registration, "endpoint");
    put_at(v, json_string(json_get(registration, "endpointUrl")), id);
    put_at(v, json_string(json_get(endpoint, "url")), id);
    for (struct json_walk w = json_walk(json_get(endpoint, "alternativeUrls")); json_next(&w);)
        put_at(v, json_string(w.value), id);
}

static void on_endpoint(void *arg, enum status why, struct slice json)
{
    struct lookup *l = arg;
    struct services_values *v = l->values;
    struct json_doc *doc;
    v->asked--;
    if (why == OK && !v->gone && json_parse(json, JSON_STRICT, &doc, NULL) == OK) {
        read_urls(v, slice_of(l->id), json_root(doc));
        json_free(&doc);
    }
    free(l->id);
    free(l);
    if (v->gone && v->asked == 0)
        free(v);
}

void services_values_follow(struct services_values *v, struct slice endpoint_id)
{
    struct lookup *l = MEMORY_NEW(struct lookup);
    l->values = v;
    l->id = slice_dup(endpoint_id);
    v->asked++;
    services_registry_ask(
        v->registry, &(struct services_registry_ask){.what = REGISTRY_ENDPOINT, .id = endpoint_id},
        on_endpoint, l);
}

void services_values_group(struct slice endpoint_id, struct slice node_id, struct buffer *out)
{
    buffer_put(out, endpoint_id);
    if (node_id.len) {
        buffer_u8(out, NODE_SEPARATOR);
        buffer_put(out, node_id);
    }
}

/* ---- telling ---- */

struct telling {
    struct services_values *values;
    struct buffer group, url, body;
};

static void tell_endpoint(struct telling *t, const struct value_message *m, struct slice id)
{
    struct live *live = t->values->live;
    buffer_reset(&t->group);
    services_values_group(id, m->node_id, &t->group);
    bool all = live_follows(live, LIVE_PUBLISHERS, id);
    bool one = live_follows(live, LIVE_PUBLISHERS, buffer_slice(&t->group));
    if (!all && !one)
        return;
    buffer_reset(&t->body);
    value_message_put(m, id, &t->body);
    if (all)
        live_tell_value(live, LIVE_PUBLISHERS, id, TARGET, buffer_slice(&t->body));
    if (one)
        live_tell_value(live, LIVE_PUBLISHERS, buffer_slice(&t->group), TARGET,
                        buffer_slice(&t->body));
}

static void on_value(void *arg, const struct value_message *m)
{
    struct telling *t = arg;
    if (m->endpoint_id.len) {
        tell_endpoint(t, m, m->endpoint_id);
        return;
    }
    struct place *p =
        m->endpoint_url.len ? map_get(&t->values->places, lower(&t->url, m->endpoint_url)) : NULL;
    if (p)
        LIST_EACH(l, &p->endpoints)
        {
            const struct endpoint *e = LIST_OF(l, struct endpoint, of_place);
            tell_endpoint(t, m, slice_from(e->id, e->len));
        }
}

static void tell_json(struct services_values *v, struct slice body)
{
    struct telling t = {.values = v};
    value_message_read(body, on_value, &t);
    buffer_clear(&t.group);
    buffer_clear(&t.url);
    buffer_clear(&t.body);
}

/* What it announces is noted though nobody follows anything: it does not come again soon. */
static void tell_uadp(struct services_values *v, struct iot_id from, struct slice body)
{
    struct buffer id = {0}, json = {0};
    services_ids_put_module(from, &id);
    if (uadp_message_read(v->names, buffer_slice(&id), body, &json) == OK && json.len > 0)
        tell_json(v, buffer_slice(&json));
    buffer_clear(&id);
    buffer_clear(&json);
}

/* Of what is compressed only the beginning is expanded. */
static bool announces(struct slice body)
{
    struct buffer first = {0};
    if (!gzip_is(body))
        return uadp_message_announces(body);
    gzip_peek(body, &first);
    bool yes = uadp_message_announces(buffer_slice(&first));
    buffer_clear(&first);
    return yes;
}

void services_values_event(struct services_values *v, struct slice schema, struct iot_id from,
                           const struct iot_message *m)
{
    bool uadp = slice_eq_nocase(schema, SLICE(UADP_SCHEMA)), wanted = live_anybody(v->live, LIVE_PUBLISHERS);
    struct buffer expanded = {0};
    struct slice body = m->body;
    if (uadp ? !wanted && !announces(body) : !wanted || !value_message_is(schema))
        return;
    if (gzip_is(body) && gzip_expand(body, VALUES_BODY_MAX, &expanded) == OK)
        body = buffer_slice(&expanded);
    if (!uadp)
        tell_json(v, body);
    else
        tell_uadp(v, from, body);
    buffer_clear(&expanded);
}

/* ---- beginning and end ---- */

struct services_values *services_values_new(struct services_registry *registry, struct live *live)
{
    struct services_values *v = MEMORY_NEW(struct services_values);
    v->registry = registry;
    v->live = live;
    v->sweep_at = SWEEP_MIN;
    v->names = uadp_names_new();
    return v;
}

size_t services_values_places(const struct services_values *v)
{
    return v->count;
}

void services_values_free(struct services_values **values)
{
    struct services_values *v = *values;
    if (!v)
        return;
    *values = NULL;
    forget_places(v);
    uadp_names_free(&v->names);
    v->gone = true;
    if (v->asked == 0)
        free(v);
}
