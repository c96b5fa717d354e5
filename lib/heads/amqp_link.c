/* Links of the AMQP head: from an address to a kind, and the kind's calls. */
#include <stdlib.h>

#include "base/encoding.h"
#include "base/log.h"
#include "base/memory.h"
#include "heads/amqp_priv.h"
#include "iot/status_wire.h"

/* ---- life ---- */

static struct heads_amqp_link *link_new(struct heads_amqp *h, struct amqp_link *link)
{
    struct heads_amqp_link *l = MEMORY_NEW(struct heads_amqp_link);
    l->head = h;
    l->link = link;
    list_push(&h->links, &l->node);
    h->link_count++;
    amqp_link_set_arg(link, l);
    return l;
}

static void link_free(struct heads_amqp_link *l)
{
    if (l->link)
        amqp_link_set_arg(l->link, NULL);
    list_remove(&l->node);
    l->head->link_count--;
    arena_clear(&l->arena);
    free(l);
}

static void end(struct heads_amqp_link *l)
{
    l->link = NULL;
    if (l->kind && l->kind->detach)
        l->kind->detach(l);
    link_free(l);
}

/* ---- what kinds call ---- */

void heads_amqp_accept(struct heads_amqp_link *l, const struct amqp_link_answer *answer)
{
    amqp_link_accept(l->link, answer);
    if (!l->kind->sends)
        amqp_link_set_window(l->link, l->kind->window);
    else if (amqp_link_credit(l->link) && l->kind->credit)
        l->kind->credit(l);
}

/* What a peer is told of an error, and who reads the log finds by the same id. */
struct told {
    struct amqp_error error;
    char tracking_id[UUID_TEXT_LEN + 1];
    struct buffer info;
};

static void tell(struct told *t, struct heads_amqp *h, const char *condition, const char *text)
{
    uint8_t random[16];
    loop_random(h->loop, random, sizeof(random));
    uuid_text(random, t->tracking_id);
    t->info = (struct buffer){0};
    size_t map = amqp_write_map_begin(&t->info);
    amqp_write_symbol(&t->info, SLICE("com.microsoft:tracking-id"));
    amqp_write_string(&t->info, slice_of(t->tracking_id));
    amqp_write_end(&t->info, map, 2);
    t->error = (struct amqp_error){.condition = slice_of(condition),
                                   .description = slice_of(text),
                                   .info = buffer_slice(&t->info)};
}

void heads_amqp_refuse_as(struct heads_amqp_link *l, const char *condition, const char *text)
{
    struct slice first = l->address.count ? l->address.segments[0] : SLICE("-");
    struct told t;
    tell(&t, l->head, condition, text);
    log_warn("amqp link refused peer=%s address=%.*s condition=%s tracking=%s",
             stream_peer(l->head->stream), SLICE_FMT(head_printable(first)), condition,
             t.tracking_id);
    amqp_link_refuse(l->link, &t.error);
    buffer_clear(&t.info);
    link_free(l);
}

void heads_amqp_refuse(struct heads_amqp_link *l, enum status why, const char *text)
{
    heads_amqp_refuse_as(l, iot_status_wire(why)->amqp, text);
}

void heads_amqp_detach(struct heads_amqp_link *l, const char *condition, const char *text)
{
    if (condition) {
        struct told t;
        tell(&t, l->head, condition, text);
        log_debug("amqp link detached peer=%s condition=%s tracking=%s",
                  stream_peer(l->head->stream), condition, t.tracking_id);
        amqp_link_detach(l->link, &t.error);
        buffer_clear(&t.info);
    } else {
        amqp_link_detach(l->link, NULL);
    }
    end(l);
}

bool head_has_room(struct heads_amqp *h)
{
    if (stream_unsent(h->stream) <= STREAM_HIGH_BYTES)
        return true;
    stream_flush(h->stream); /* sees the mark passed, and owes an on_drain from here on */
    return false;
}

enum status heads_amqp_send(struct heads_amqp_link *l, const struct amqp_send *send,
                            struct slice message)
{
    if (l->link == NULL || l->head->closing)
        return CLOSED;
    if (!head_has_room(l->head)) {
        l->waits = true;
        return AGAIN;
    }
    return amqp_link_send(l->link, send, message);
}

void head_links_resume(struct heads_amqp *h)
{
    LIST_EACH(node, &h->links)
    {
        struct heads_amqp_link *l = LIST_OF(node, struct heads_amqp_link, node);
        if (!l->waits || !head_has_room(h))
            continue;
        l->waits = false;
        if (l->kind->credit)
            l->kind->credit(l);
    }
}

/* ---- attach ---- */

/* The address is the terminus' on our side: the source of what we send, the target of what we get.
 */
static struct slice address_of(const struct amqp_attach *a)
{
    struct amqp_source source;
    struct amqp_target target;
    if (a->receiver && a->source.at && amqp_source_read(a->source, &source) == OK)
        return amqp_text_of(source.address);
    if (!a->receiver && a->target.at && amqp_target_read(a->target, &target) == OK)
        return amqp_text_of(target.address);
    return (struct slice){0};
}

static const struct heads_amqp_kind *find_kind(struct heads_amqp_link *l, bool sends)
{
    const struct heads_amqp_kind *node = head_node_kind(l, sends);
    if (node)
        return node;
    const struct heads_amqp_config *config = l->head->config;
    for (size_t i = 0; i < config->kind_count; i++) {
        const struct heads_amqp_kind *k = &config->kinds[i];
        if (k->sends == sends &&
            heads_amqp_address_match(&l->address, k->address, &l->arena, l->params))
            return k;
    }
    return NULL;
}

void head_on_attach(void *arg, struct amqp_link *link, const struct amqp_attach *a)
{
    struct heads_amqp_link *l = link_new(arg, link);
    struct slice address = arena_copy(&l->arena, address_of(a));
    if (heads_amqp_address_read(address, &l->address) != OK || l->address.count == 0)
        l->address.count = 0;
    l->kind = find_kind(l, a->receiver);
    if (l->head->grant_count == 0 && l->head->link_count > HEADS_AMQP_LINKS_UNSIGNED_MAX)
        heads_amqp_refuse(l, FULL, "too many links without a token");
    else if (l->kind == NULL)
        heads_amqp_refuse(l, NOT_FOUND, "nothing is served at this address");
    else if (l->kind->allowed && !l->kind->allowed(l))
        heads_amqp_refuse(l, UNAUTHORIZED, "no token on this connection allows this link");
    else if (l->kind->attach)
        l->kind->attach(l, a);
    else
        heads_amqp_accept(l, NULL);
}

/* ---- the engine's calls ---- */

void head_on_transfer(void *arg, struct amqp_link *link, const struct amqp_delivery *d)
{
    (void)arg;
    struct heads_amqp_link *l = amqp_link_arg(link);
    if (l && l->kind->transfer)
        l->kind->transfer(l, d);
    else if (!d->settled)
        amqp_link_settle(link, d->id, &(struct amqp_state){.outcome = AMQP_OUTCOME_RELEASED});
}

void head_on_credit(void *arg, struct amqp_link *link)
{
    struct heads_amqp *h = arg;
    struct heads_amqp_link *l = amqp_link_arg(link);
    if (l == NULL || l->kind->credit == NULL)
        return;
    if (head_has_room(h))
        l->kind->credit(l);
    else
        l->waits = true;
}

void head_on_settled(void *arg, struct amqp_link *link, uint64_t token,
                     const struct amqp_state *state)
{
    (void)arg;
    struct heads_amqp_link *l = amqp_link_arg(link);
    if (l && l->kind->settled)
        l->kind->settled(l, token, state);
}

void head_on_detach(void *arg, struct amqp_link *link, const struct amqp_error *why)
{
    (void)arg;
    struct heads_amqp_link *l = amqp_link_arg(link);
    if (l == NULL)
        return;
    if (why && why->condition.len) { /* the engine's own reason, or the peer's */
        struct slice first = l->address.count ? l->address.segments[0] : SLICE("-");
        log_warn("amqp link ended peer=%s address=%.*s condition=%.*s", stream_peer(l->head->stream),
                 SLICE_FMT(head_printable(first)), SLICE_FMT(head_printable(why->condition)));
    }
    end(l);
}

void head_links_recheck(struct heads_amqp *h)
{
    LIST_EACH(node, &h->links)
    {
        struct heads_amqp_link *l = LIST_OF(node, struct heads_amqp_link, node);
        if (l->kind && l->kind->allowed && !l->kind->allowed(l))
            heads_amqp_detach(l, "amqp:unauthorized-access", "the token has expired");
    }
}

void head_links_end(struct heads_amqp *h)
{
    struct link *node;
    while ((node = list_first(&h->links)))
        end(LIST_OF(node, struct heads_amqp_link, node));
}
