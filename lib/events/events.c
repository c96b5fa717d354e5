#include "events/events.h"

#include <ctype.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "events/events_priv.h"
#include "iot/policy.h"

/* ---- the link's half of a reader: sending ---- */

static struct events_reader *reader_on(const struct heads_amqp_link *l)
{
    return l->arg;
}

/* False when the link cannot take it now, or is gone. */
static bool send_next(struct events_reader *r, struct events_batch *b)
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

static void send_batches(struct events_reader *r)
{
    struct link *l;
    while (r->near.link && (l = list_first(&r->near.batches))) {
        struct events_batch *b = LIST_OF(l, struct events_batch, node);
        while (b->next < b->count)
            if (!send_next(r, b))
                return;
        if (b->at_end && amqp_link_draining(r->near.link->link)) {
            amqp_link_drained(r->near.link->link);
            r->near.drains = false;
        }
        list_remove(&b->node);
        r->near.allowed = r->near.sent + amqp_link_credit(r->near.link->link);
        events_reader_done(b, r->near.allowed);
    }
}

static void on_batch(struct events_reader *r, struct events_batch *b)
{
    if (r->near.link == NULL)
        return; /* freed with the reader */
    list_push(&r->near.batches, &b->node);
    send_batches(r);
}

static void on_credit(struct heads_amqp_link *l)
{
    struct events_reader *r = reader_on(l);
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
    events_reader_allow(r, allowed, drains);
}

static void on_started(struct events_reader *r, const char *refused, const char *text)
{
    struct heads_amqp_link *l = r->near.link;
    if (l == NULL)
        return;
    if (refused) {
        r->near.link = NULL;
        heads_amqp_refuse_as(l, refused, text);
        events_reader_stop(r);
        return;
    }
    r->near.started = true;
    heads_amqp_accept(l, NULL);
}

static void on_ended(struct events_reader *r, const char *condition, const char *text)
{
    if (r->near.link)
        heads_amqp_detach(r->near.link, condition, text);
}

static const struct events_reader_events reader_calls = {on_started, on_batch, on_ended};

static void on_detach(struct heads_amqp_link *l)
{
    struct events_reader *r = reader_on(l);
    if (r == NULL)
        return;
    r->near.link = NULL;
    events_reader_stop(r);
}

/* ---- attaching ---- */

struct events_entity *events_entity_find(struct events *e, struct slice name)
{
    unsigned count = __atomic_load_n(&e->entity_count, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < count; i++)
        if (slice_eq_nocase(name, slice_of(e->entities[i]->name)) &&
            !__atomic_load_n(&e->entities[i]->closed, __ATOMIC_RELAXED))
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

static void read_epoch(struct slice properties, struct events_reader *like)
{
    struct amqp_value map, v;
    if (properties.at && amqp_value_of(properties, &map) == OK &&
        amqp_map_find(&map, SLICE("com.microsoft:epoch"), &v))
        like->has_epoch = amqp_to_i64(&v, &like->epoch);
}

/* What a group has read up to is its readers' to remember, so there is nothing to make: any name is a
 * group, unless the hub was given a list of them. */
static bool is_group(const struct events *e, struct slice group)
{
    if (e->groups == NULL || slice_eq_nocase(group, SLICE("$Default")))
        return true;
    for (const char *const *name = e->groups; *name; name++)
        if (slice_eq_nocase(group, slice_of(*name)))
            return true;
    return false;
}

static bool read_group(struct events_reader *like, struct slice group)
{
    if (group.len == 0 || group.len > EVENTS_GROUP_MAX)
        return false;
    for (size_t i = 0; i < group.len; i++)
        like->group[i] = (char)tolower(group.at[i]);
    return true;
}

static void attach(struct heads_amqp_link *l, const struct amqp_attach *a,
                   struct events_entity *entity, struct slice group, struct slice partition)
{
    struct events *e = l->kind->arg;
    struct events_reader like = {
        .events = e, .home = heads_amqp_loop(l->head), .calls = &reader_calls};
    uint64_t n;
    if (!is_group(e, group) || !read_group(&like, group)) {
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
        events_position_read(selector, &like.position) != OK) {
        heads_amqp_refuse_as(l, "com.microsoft:argument-error",
                             "the filter is not one that is known here");
        return;
    }
    like.partition = &entity->partitions[n];
    like.tells_newest = lists(a->desired, SLICE("com.microsoft:enable-receiver-runtime-metric"));
    read_epoch(a->properties, &like);
    like.near.link = l;
    l->arg = events_reader_start(&like);
}

static void on_attach_entity(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    struct events_entity *entity = events_entity_find(l->kind->arg, l->params[0]);
    if (entity)
        attach(l, a, entity, l->params[1], l->params[2]);
    else
        heads_amqp_refuse(l, NOT_FOUND, "the messaging entity of this name could not be found");
}

static void on_attach_hub(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    attach(l, a, ((struct events *)l->kind->arg)->entities[0], l->params[0], l->params[1]);
}

/* ---- who may ---- */

bool events_allowed(struct heads_amqp_link *l)
{
    struct slice last = l->address.segments[l->address.count - 1];
    bool management =
        slice_eq_nocase(last, SLICE("$management")); /* its tokens name the hub above it */
    return heads_amqp_granted(l->head, IOT_SERVICE_CONNECT, management ? NULL : &l->address);
}

/* ---- counting ---- */

void events_count_add(struct events *e, uint64_t messages, uint64_t bytes)
{
    __atomic_fetch_add(&e->count.messages, messages, __ATOMIC_RELAXED);
    __atomic_fetch_add(&e->count.bytes, bytes, __ATOMIC_RELAXED);
}

void events_count_sent(struct events *e, uint64_t messages)
{
    __atomic_fetch_add(&e->count.sent, messages, __ATOMIC_RELAXED);
}

void events_count_readers(struct events *e, int more)
{
    __atomic_fetch_add(&e->count.readers, (uint64_t)(int64_t)more, __ATOMIC_RELAXED);
}

struct events_count events_count(const struct events *e)
{
    return (struct events_count){
        .readers = __atomic_load_n(&e->count.readers, __ATOMIC_RELAXED),
        .messages = __atomic_load_n(&e->count.messages, __ATOMIC_RELAXED),
        .bytes = __atomic_load_n(&e->count.bytes, __ATOMIC_RELAXED),
        .sent = __atomic_load_n(&e->count.sent, __ATOMIC_RELAXED),
    };
}

/* ---- beginning and end ---- */

const struct heads_amqp_kind events_reader_kinds[EVENTS_READER_KINDS] = {
    {.address = "{}/consumergroups/{}/partitions/{}",
     .sends = true,
     .allowed = events_allowed,
     .attach = on_attach_entity,
     .credit = on_credit,
     .detach = on_detach},
    /* The same as the hub's own address, which in the cloud redirects to the one above. */
    {.address = "messages/events/consumergroups/{}/partitions/{}",
     .sends = true,
     .allowed = events_allowed,
     .attach = on_attach_hub,
     .credit = on_credit,
     .detach = on_detach},
};

const struct heads_amqp_node events_node = {
    .address = "$management", .allowed = events_allowed, .request = events_management_request};

static struct events_entity *entity_new(const char *name, uint64_t created_ms,
                                        struct partition *const *partitions, unsigned count)
{
    struct events_entity *entity = MEMORY_NEW(struct events_entity);
    entity->name = name;
    entity->created_ms = created_ms;
    entity->partition_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct events_partition *p = &entity->partitions[i];
        p->partition = partitions[i];
        p->loop = partition_loop(partitions[i]);
        list_init(&p->readers);
    }
    return entity;
}

static void entity_free(struct events_entity *entity)
{
    for (unsigned i = 0; i < entity->partition_count; i++) {
        struct link *l;
        while ((l = list_first(&entity->partitions[i].readers)))
            events_reader_free(LIST_OF(l, struct events_reader, far.node));
    }
    free(entity);
}

struct events *events_new(const struct events_config *config)
{
    struct events *e = MEMORY_NEW(struct events);
    e->groups = config->groups;
    e->entities[e->entity_count++] =
        entity_new(config->name, config->created_ms, config->partitions, config->partition_count);
    return e;
}

void events_add(struct events *e, const char *name, uint64_t created_ms,
                struct partition *const *partitions, unsigned count)
{
    if (e->entity_count == EVENTS_ENTITIES_MAX) {
        log_error("a stream is not served: there were too many since the start name=%s", name);
        return;
    }
    e->entities[e->entity_count] = entity_new(name, created_ms, partitions, count);
    __atomic_store_n(&e->entity_count, e->entity_count + 1, __ATOMIC_RELEASE);
}

void events_serve(struct events *e, const char *name, bool serve)
{
    for (unsigned i = 1; i < e->entity_count; i++)
        if (strcmp(e->entities[i]->name, name) == 0)
            __atomic_store_n(&e->entities[i]->closed, !serve, __ATOMIC_RELAXED);
}

void events_free(struct events **events)
{
    struct events *e = *events;
    for (unsigned i = 0; e && i < e->entity_count; i++)
        entity_free(e->entities[i]);
    free(e);
    *events = NULL;
}
