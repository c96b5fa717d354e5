#include "hub/events.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "crypto/digest.h"
#include "hub/events_inside.h"
#include "token/sas.h"

/* ---- the link's half of a reader: sending ---- */

static struct hub_events_reader *reader_on(const struct heads_amqp_link *l)
{
    return l->arg;
}

/* False when the link cannot take it now, or is gone. */
static bool send_next(struct hub_events_reader *r, struct hub_events_batch *b)
{
    uint32_t at = b->next ? b->ends[b->next - 1] : 0;
    struct slice message = slice_from(b->bytes.at + at, b->ends[b->next] - at);
    enum status s = heads_amqp_send(r->near.link, &(struct amqp_send){.settled = true}, message);
    if (s == TOO_LARGE)
        heads_amqp_detach(r->near.link, "amqp:link:message-size-exceeded",
                          "an event is larger than the receiver allows");
    if (s != OK)
        return false;
    b->next++;
    r->near.sent++;
    return true;
}

static void send_batches(struct hub_events_reader *r)
{
    struct link *l;
    while (r->near.link && (l = list_first(&r->near.batches))) {
        struct hub_events_batch *b = LIST_OF(l, struct hub_events_batch, node);
        while (b->next < b->count)
            if (!send_next(r, b))
                return;
        if (b->at_end && amqp_link_draining(r->near.link->link)) {
            amqp_link_drained(r->near.link->link);
            r->near.drains = false;
        }
        list_remove(&b->node);
        r->near.allowed = r->near.sent + amqp_link_credit(r->near.link->link);
        hub_events_reader_done(b, r->near.allowed);
    }
}

static void on_batch(struct hub_events_reader *r, struct hub_events_batch *b)
{
    if (r->near.link == NULL)
        return; /* freed with the reader */
    list_push(&r->near.batches, &b->node);
    send_batches(r);
}

static void on_credit(struct heads_amqp_link *l)
{
    struct hub_events_reader *r = reader_on(l);
    if (!r->near.started)
        return;
    send_batches(r);
    if (r->near.link == NULL)
        return;
    uint64_t allowed = r->near.sent + amqp_link_credit(l->link);
    bool drains = amqp_link_draining(l->link) && !r->near.drains;
    if (allowed == r->near.allowed && !drains)
        return;
    r->near.allowed = allowed;
    r->near.drains |= drains;
    hub_events_reader_allow(r, allowed, drains);
}

static void on_started(struct hub_events_reader *r, const char *refused, const char *text)
{
    struct heads_amqp_link *l = r->near.link;
    if (l == NULL)
        return;
    if (refused) {
        r->near.link = NULL;
        heads_amqp_refuse_as(l, refused, text);
        hub_events_reader_stop(r);
        return;
    }
    r->near.started = true;
    heads_amqp_accept(l, NULL);
}

static void on_ended(struct hub_events_reader *r, const char *condition, const char *text)
{
    if (r->near.link)
        heads_amqp_detach(r->near.link, condition, text);
}

static const struct hub_events_reader_events reader_calls = {on_started, on_batch, on_ended};

static void on_detach(struct heads_amqp_link *l)
{
    struct hub_events_reader *r = reader_on(l);
    if (r == NULL)
        return;
    r->near.link = NULL;
    hub_events_reader_stop(r);
}

/* ---- attaching ---- */

struct hub_events_entity *hub_events_entity_find(struct hub_events *e, struct slice name)
{
    unsigned count = __atomic_load_n(&e->entity_count, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < count; i++)
        if (slice_eq_nocase(name, slice_of(e->entities[i]->name)))
            return e->entities[i];
    return NULL;
}

/* Descriptor of a selector filter; its symbol is "apache.org:selector-filter:string". */
#define SELECTOR_FILTER 0x0000468C00000004u

static bool is_selector(const struct amqp_value *key, const struct amqp_value *v)
{
    struct slice name = SLICE("apache.org:selector-filter:string");
    return v->type == AMQP_STRING &&
           (slice_eq(key->bytes, name) || v->descriptor == SELECTOR_FILTER ||
            slice_eq(v->descriptor_symbol, name));
}

/* The selector of the source's filter set; empty when there is none. Other filters are let be. */
static enum status read_selector(struct slice encoded, struct slice *selector)
{
    struct amqp_source source;
    struct amqp_value filters, key, value;
    *selector = (struct slice){0};
    if (amqp_source_read(encoded, &source) != OK)
        return BAD_FORMAT;
    if (source.filter.at == NULL)
        return OK;
    if (amqp_value_of(source.filter, &filters) != OK || filters.type != AMQP_MAP)
        return BAD_FORMAT;
    struct amqp_items items = amqp_items_of(&filters);
    while (amqp_items_next(&items, &key) && amqp_items_next(&items, &value))
        if (is_selector(&key, &value))
            *selector = value.bytes;
    return reader_ok(&items.reader) ? OK : BAD_FORMAT;
}

static bool lists(struct slice encoded, struct slice symbol)
{
    struct amqp_value v, item;
    if (encoded.at == NULL || amqp_value_of(encoded, &v) != OK)
        return false;
    if (amqp_is_text(&v))
        return slice_eq(v.bytes, symbol);
    struct amqp_items items = amqp_items_of(&v);
    while (amqp_items_next(&items, &item))
        if (amqp_is_text(&item) && slice_eq(item.bytes, symbol))
            return true;
    return false;
}

static void read_epoch(struct slice properties, struct hub_events_reader *like)
{
    struct amqp_value map, v;
    if (properties.at && amqp_value_of(properties, &map) == OK &&
        amqp_map_find(&map, SLICE("com.microsoft:epoch"), &v))
        like->has_epoch = amqp_to_i64(&v, &like->epoch);
}

/* Any name is a group: what a group has read up to is its readers' to remember, so there is nothing
 * to make. */
static bool read_group(struct hub_events_reader *like, struct slice group)
{
    if (group.len == 0 || group.len > HUB_EVENTS_GROUP_MAX)
        return false;
    for (size_t i = 0; i < group.len; i++)
        like->group[i] = (char)tolower(group.at[i]);
    return true;
}

static void attach(struct heads_amqp_link *l, const struct amqp_attach *a,
                   struct hub_events_entity *entity, struct slice group, struct slice partition)
{
    struct hub_events *e = l->kind->arg;
    struct hub_events_reader like = {
        .events = e, .home = heads_amqp_loop(l->head), .calls = &reader_calls};
    uint64_t n;
    if (!read_group(&like, group)) {
        heads_amqp_refuse(l, NOT_FOUND, "there is no such consumer group");
        return;
    }
    if (!slice_to_u64(partition, &n) || n >= entity->partition_count) {
        heads_amqp_refuse_as(l, "com.microsoft:argument-out-of-range",
                             "there is no such partition");
        return;
    }
    struct slice selector;
    if (read_selector(a->source, &selector) != OK ||
        hub_events_position_read(selector, &like.position) != OK) {
        heads_amqp_refuse_as(l, "com.microsoft:argument-error",
                             "the filter is not one that is known here");
        return;
    }
    like.partition = &entity->partitions[n];
    like.tells_newest = lists(a->desired, SLICE("com.microsoft:enable-receiver-runtime-metric"));
    read_epoch(a->properties, &like);
    like.near.link = l;
    l->arg = hub_events_reader_start(&like);
}

static void on_attach_entity(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    struct hub_events_entity *entity = hub_events_entity_find(l->kind->arg, l->params[0]);
    if (entity)
        attach(l, a, entity, l->params[1], l->params[2]);
    else
        heads_amqp_refuse(l, NOT_FOUND, "the messaging entity of this name could not be found");
}

static void on_attach_hub(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    attach(l, a, ((struct hub_events *)l->kind->arg)->entities[0], l->params[0], l->params[1]);
}

/* ---- tokens ---- */

bool hub_events_allowed(struct heads_amqp_link *l)
{
    struct slice last = l->address.segments[l->address.count - 1];
    bool management =
        slice_eq_nocase(last, SLICE("$management")); /* its tokens name the hub above it */
    return heads_amqp_granted(l->head, HUB_SERVICE_CONNECT, management ? NULL : &l->address);
}

/* Event Hubs' SDKs take a key's text for the key, IoT Hub's what the text stands for. */
static bool made_with(const struct sas *t, struct slice key)
{
    if (key.len == 0)
        return false;
    if (sas_verify(t, key) == OK)
        return true;
    struct buffer text = {0};
    base64_encode(key, &text);
    bool yes = sas_verify(t, buffer_slice(&text)) == OK;
    buffer_clear(&text);
    return yes;
}

static enum status check_sas(const struct hub_events *e, struct slice token, struct slice path,
                             uint64_t now_ms, struct sas *t)
{
    struct buffer absolute = {0};
    if (sas_parse(token, t) != OK || t->policy.len == 0)
        return UNAUTHORIZED;
    if (!made_with(t, policies_key(e->hub->policies, t->policy, false)) &&
        !made_with(t, policies_key(e->hub->policies, t->policy, true)))
        return UNAUTHORIZED;
    buffer_text(&absolute, path.len ? "/" : "");
    buffer_put(&absolute, path);
    bool good = !sas_expired(t, now_ms) && sas_covers(t, e->hub->aliases, buffer_slice(&absolute));
    buffer_clear(&absolute);
    return good ? OK : UNAUTHORIZED;
}

/* The policy of "service@sas.root.hub", which is how IoT Hub's C service SDK names it. */
static struct slice policy_of(struct slice user)
{
    return slice_first(user, slice_find(user, '@'));
}

static bool is_key(const struct hub_events *e, struct slice policy, struct slice secret)
{
    struct slice primary = policies_key(e->hub->policies, policy, false);
    struct slice secondary = policies_key(e->hub->policies, policy, true);
    return (primary.len && crypto_equal(primary, secret)) ||
           (secondary.len && crypto_equal(secondary, secret));
}

/* Tokens of policies, as SAS over $cbs or in SASL PLAIN, or SASL PLAIN with the policy's name and
 * key. A grant's rights are enum hub_permission. */
static void verify(void *arg, struct heads_amqp_check *check, const struct heads_amqp_token *token)
{
    const struct hub_events *e = arg;
    struct arena arena = {0};
    struct sas t = {0};
    struct heads_amqp_grant grant = {.path = token->path, .expires_ms = UINT64_MAX};
    enum status s;
    uint64_t now_ms = heads_amqp_check_wall_ms(check);
    if (token->type == HEADS_AMQP_PLAIN && is_key(e, policy_of(token->user), token->token)) {
        grant.rights = policies_rights(e->hub->policies, policy_of(token->user));
        s = OK;
    } else {
        if (token->type == HEADS_AMQP_PLAIN && sas_parse(token->token, &t) == OK)
            grant.path = heads_amqp_audience_path(&arena, t.resource);
        s = check_sas(e, token->token, grant.path, now_ms, &t);
        grant.expires_ms = t.expires_ms;
        grant.rights = policies_rights(e->hub->policies, t.policy);
    }
    heads_amqp_checked(check, s, &grant);
    arena_clear(&arena);
}

/* ---- counting ---- */

void hub_events_count_add(struct hub_events *e, uint64_t messages, uint64_t bytes)
{
    __atomic_fetch_add(&e->count.messages, messages, __ATOMIC_RELAXED);
    __atomic_fetch_add(&e->count.bytes, bytes, __ATOMIC_RELAXED);
}

void hub_events_count_sent(struct hub_events *e, uint64_t messages)
{
    __atomic_fetch_add(&e->count.sent, messages, __ATOMIC_RELAXED);
}

void hub_events_count_readers(struct hub_events *e, int more)
{
    __atomic_fetch_add(&e->count.readers, (uint64_t)(int64_t)more, __ATOMIC_RELAXED);
}

struct hub_events_count hub_events_count(const struct hub_events *e)
{
    return (struct hub_events_count){
        .connections = __atomic_load_n(&e->count.connections, __ATOMIC_RELAXED),
        .readers = __atomic_load_n(&e->count.readers, __ATOMIC_RELAXED),
        .messages = __atomic_load_n(&e->count.messages, __ATOMIC_RELAXED),
        .bytes = __atomic_load_n(&e->count.bytes, __ATOMIC_RELAXED),
        .sent = __atomic_load_n(&e->count.sent, __ATOMIC_RELAXED),
    };
}

/* ---- beginning and end ---- */

static const struct heads_amqp_kind reader_kinds[HUB_EVENTS_READER_KINDS] = {
    {.address = "{}/consumergroups/{}/partitions/{}",
     .sends = true,
     .allowed = hub_events_allowed,
     .attach = on_attach_entity,
     .credit = on_credit,
     .detach = on_detach},
    /* The same as the hub's own address, which in the cloud redirects to the one above. */
    {.address = "messages/events/consumergroups/{}/partitions/{}",
     .sends = true,
     .allowed = hub_events_allowed,
     .attach = on_attach_hub,
     .credit = on_credit,
     .detach = on_detach},
};

static void on_gone(void *arg, struct heads_amqp *h)
{
    struct hub_events *e = arg;
    (void)h;
    __atomic_fetch_sub(&e->count.connections, 1, __ATOMIC_RELAXED);
}

static void fill_tables(struct hub_events *e)
{
    for (unsigned i = 0; i < HUB_EVENTS_KINDS; i++) {
        e->kinds[i] = i < HUB_EVENTS_READER_KINDS
                          ? reader_kinds[i]
                          : hub_events_sender_kinds[i - HUB_EVENTS_READER_KINDS];
        e->kinds[i].arg = e;
    }
    e->management = (struct heads_amqp_node){.address = "$management",
                                             .allowed = hub_events_allowed,
                                             .request = hub_management_request,
                                             .arg = e};
    e->config = (struct heads_amqp_config){
        .container_id = e->hub->name,
        .kinds = e->kinds,
        .kind_count = HUB_EVENTS_KINDS,
        .nodes = &e->management,
        .node_count = 1,
        .verify = verify,
        .on_gone = on_gone,
        .arg = e,
    };
}

static struct hub_events_entity *entity_new(const char *name, uint64_t created_ms,
                                            struct hub_partition *const *partitions,
                                            unsigned count)
{
    struct hub_events_entity *entity = MEMORY_NEW(struct hub_events_entity);
    entity->name = name;
    entity->created_ms = created_ms;
    entity->partition_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct hub_events_partition *p = &entity->partitions[i];
        p->partition = partitions[i];
        p->loop = hub_partition_loop(partitions[i]);
        list_init(&p->readers);
    }
    return entity;
}

static void entity_free(struct hub_events_entity *entity)
{
    for (unsigned i = 0; i < entity->partition_count; i++) {
        struct link *l;
        while ((l = list_first(&entity->partitions[i].readers)))
            hub_events_reader_free(LIST_OF(l, struct hub_events_reader, far.node));
    }
    free(entity);
}

struct hub_events *hub_events_new(const struct hub *hub)
{
    struct hub_events *e = MEMORY_NEW(struct hub_events);
    e->hub = hub;
    e->entities[e->entity_count++] =
        entity_new(hub->events_name, hub->created_ms, hub->partitions, hub->partition_count);
    fill_tables(e);
    return e;
}

void hub_events_accept(struct hub_events *e, struct stream *s)
{
    __atomic_fetch_add(&e->count.connections, 1, __ATOMIC_RELAXED);
    heads_amqp_new(s, &e->config);
}

void hub_events_free(struct hub_events **events)
{
    struct hub_events *e = *events;
    for (unsigned i = 0; e && i < e->entity_count; i++)
        entity_free(e->entities[i]);
    free(e);
    *events = NULL;
}
