/* Writers that go on at another pace take their subscriptions along, where these are theirs alone. */
#include "writers/source_priv.h"

#define CYCLIC_KEY (2 * sizeof(uint32_t))

void source_key_put(const struct source_spec *spec, const struct opcua_item *cyclic,
                    double max_age_ms, struct buffer *out)
{
    const struct opcua_connection *c = &spec->connection;
    const struct slice texts[] = {c->endpoint_url, c->alternatives, c->security_policy,
                                  c->user,         c->password,     c->group};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        buffer_put(out, texts[i]);
        buffer_u8(out, 0);
    }
    buffer_u8(out, (uint8_t)c->security);
    buffer_u8(out, (uint8_t)(c->certificate_user | c->reverse << 1));
    buffer_u64(out, (uint64_t)spec->publishing_ms);
    buffer_u32(out, spec->keep_alive_count);
    buffer_u8(out, spec->priority);
    buffer_u8(out, spec->no_transfer);
    if (cyclic) {
        buffer_u32(out, (uint32_t)cyclic->sampling_ms);
        buffer_u32(out, (uint32_t)max_age_ms);
    }
}

static bool is_same(const struct source_spec *a, const struct source_spec *b)
{
    return a->publishing_ms == b->publishing_ms && a->keep_alive_count == b->keep_alive_count &&
           a->priority == b->priority;
}

/* Where all of its items go; NULL: they do not all go to the same. `any`: some go somewhere. */
static const struct source_spec *where_to(const struct source *s, bool *any)
{
    const struct source_spec *to = NULL;
    bool all = true, first = true;
    *any = false;
    for (uint32_t i = 0; i < s->item_cap; i++) {
        if (!s->items[i])
            continue;
        const struct source_spec *of = s->owner->events->moves_to(s->items[i]->writer);
        *any = *any || of;
        all = all && of && (first || is_same(of, to));
        to = of;
        first = false;
    }
    return all ? to : NULL;
}

static void keep(const struct source *s)
{
    for (uint32_t i = 0; i < s->item_cap; i++)
        if (s->items[i])
            s->owner->events->stays(s->items[i]->writer);
}

static void move(struct source *s, const struct source_spec *to)
{
    struct buffer key = {0};
    struct slice cyclic = slice_skip(buffer_slice(&s->key), s->key.len - CYCLIC_KEY);
    source_key_put(to, NULL, 0, &key);
    if (s->sampler)
        buffer_put(&key, cyclic); /* what is read in cycles has no other pace than its own */
    else
        opcua_subscription_set_intervals(s->subscription, (double)to->publishing_ms,
                                         to->keep_alive_count);
    buffer_clear(&s->key);
    s->key = key;
}

/* A writer that stays may be on other sources, too, which then stay as well. */
static bool settle(struct sources *all)
{
    bool changed = false, any;
    LIST_EACH(l, &all->list)
    {
        struct source *s = LIST_OF(l, struct source, link);
        if (where_to(s, &any) || !any)
            continue;
        keep(s);
        changed = true;
    }
    return changed;
}

void sources_move(struct sources *all)
{
    bool any;
    while (settle(all))
        ;
    LIST_EACH(l, &all->list)
    {
        struct source *s = LIST_OF(l, struct source, link);
        const struct source_spec *to = where_to(s, &any);
        if (to)
            move(s, to);
    }
}
