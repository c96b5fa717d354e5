#include "routing/decide.h"

#include "routing/view.h"

void routing_scratch_clear(struct routing_scratch *s)
{
    arena_clear(&s->arena);
    buffer_clear(&s->endpoints);
    buffer_clear(&s->stamps);
}

/* ---- routes ---- */

static uint32_t choose(const struct routing_config *c, enum iot_source source,
                       const struct iot_query_scope *scope)
{
    uint32_t endpoints = 0;
    for (size_t i = 0; i < c->route_count; i++) {
        const struct routing_route *r = &c->routes[i];
        if (r->enabled && r->source == source && (r->endpoints & ~endpoints) &&
            iot_query_holds(r->condition, scope))
            endpoints |= r->endpoints;
    }
    if (endpoints == 0 && source == IOT_SOURCE_TELEMETRY && c->fallback.enabled &&
        iot_query_holds(c->fallback.condition, scope))
        endpoints = c->fallback.endpoints;
    return endpoints;
}

struct iot_value routing_try(const struct routing_route *r, const struct json *twin,
                             const struct iot_event *e, struct arena *arena)
{
    struct routing_view view = {.event = e, .twin = twin, .arena = arena};
    struct iot_query_scope scope = {routing_lookup, &view, arena};
    struct iot_value v = r->condition ? iot_query_eval(r->condition, &scope) : iot_value_bool(true);
    routing_view_clear(&view);
    return v.type == IOT_VALUE_BOOL ? v : iot_value_undefined();
}

/* ---- enrichments ---- */

static struct slice stamp_text(const struct routing_enrichment *e, struct slice hub_name,
                               const struct json *twin, struct arena *a)
{
    struct slice literal = slice_of(e->value);
    if (e->is_hub_name)
        return hub_name;
    if (e->path == NULL)
        return literal;
    struct iot_value v = iot_query_walk(twin, e->path, 1);
    if (v.type == IOT_VALUE_UNDEFINED || v.type == IOT_VALUE_NULL)
        return literal; /* as IoT Hub has it */
    if (v.type == IOT_VALUE_STRING)
        return v.text;
    struct buffer b = {0};
    struct json_writer w = json_writer(&b);
    iot_value_put(v, &w);
    struct slice text = arena_copy(a, buffer_slice(&b));
    buffer_clear(&b);
    return text;
}

static void stamp(const struct routing_config *c, const struct routing_enrichment *e,
                  uint32_t endpoints, struct slice text, struct buffer *out)
{
    for (size_t i = 0; i < c->endpoint_count; i++) {
        if (!(e->endpoints & endpoints & 1u << i))
            continue;
        size_t before = out->len;
        buffer_u16(out, c->endpoints[i].id);
        if (!iot_property_put(out, slice_of(e->key), text))
            out->len = before;
    }
}

static void put_ids(const struct routing_config *c, uint32_t endpoints, struct buffer *out)
{
    if (endpoints == 1)
        return; /* what a record without a list says */
    for (size_t i = 0; i < c->endpoint_count; i++)
        if (endpoints & 1u << i)
            buffer_u16(out, c->endpoints[i].id);
}

bool routing_decide(const struct routing_config *c, struct slice hub_name, const struct json *twin,
                    struct iot_event *e, struct routing_scratch *scratch)
{
    arena_reset(&scratch->arena);
    buffer_reset(&scratch->endpoints);
    buffer_reset(&scratch->stamps);
    struct routing_view view = {.event = e, .twin = twin, .arena = &scratch->arena};
    uint32_t endpoints =
        choose(c, e->source, &(struct iot_query_scope){routing_lookup, &view, &scratch->arena});
    routing_view_clear(&view);
    if (endpoints == 0)
        return false;
    put_ids(c, endpoints, &scratch->endpoints);
    for (size_t i = 0; i < c->enrichment_count; i++) {
        const struct routing_enrichment *en = &c->enrichments[i];
        if (en->endpoints & endpoints)
            stamp(c, en, endpoints, stamp_text(en, hub_name, twin, &scratch->arena),
                  &scratch->stamps);
    }
    e->endpoints = buffer_slice(&scratch->endpoints);
    e->stamps = buffer_slice(&scratch->stamps);
    return true;
}
