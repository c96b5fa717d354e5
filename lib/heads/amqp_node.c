/* Request and response nodes of the AMQP head: two links with one address, and messages that
 * answer. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "heads/amqp_priv.h"
#include "iot/status_wire.h"

struct heads_amqp_reply {
    struct heads_amqp *head;
    const struct heads_amqp_node *node;
    struct amqp_session *session; /* to compare with; it may be gone */
    struct buffer correlation_id; /* encoded as the request's message-id was */
    struct buffer reply_to;
};

/* What a link to a node has as its arg. */
struct node_link {
    const struct heads_amqp_node *node;
    struct slice reply_to;                         /* its target's address */
    struct buffer waiting[HEADS_AMQP_REPLIES_MAX]; /* messages without credit */
    unsigned first, count;
};

static struct node_link *node_link_of(const struct heads_amqp_link *l)
{
    return l->arg;
}

/* ---- sending ---- */

static void send_waiting(struct heads_amqp_link *l)
{
    struct node_link *n = node_link_of(l);
    while (n->count) {
        struct buffer *b = &n->waiting[n->first];
        enum status s = heads_amqp_send(l, &(struct amqp_send){.settled = true}, buffer_slice(b));
        if (s == AGAIN)
            return;
        buffer_clear(b); /* sent, or too large for the peer: it asked for it */
        n->first = (n->first + 1) % HEADS_AMQP_REPLIES_MAX;
        n->count--;
    }
    if (amqp_link_draining(l->link))
        amqp_link_drained(l->link);
}

/* A peer that asks without taking answers has its oldest one dropped. */
static void enqueue(struct heads_amqp_link *l, struct buffer *message)
{
    struct node_link *n = node_link_of(l);
    if (n->count == HEADS_AMQP_REPLIES_MAX) {
        buffer_clear(&n->waiting[n->first]);
        n->first = (n->first + 1) % HEADS_AMQP_REPLIES_MAX;
        n->count--;
    }
    n->waiting[(n->first + n->count++) % HEADS_AMQP_REPLIES_MAX] = *message;
    *message = (struct buffer){0};
    send_waiting(l);
}

/* Clients name the response link by its target's address (rhea), by its name (Azure's JavaScript),
 * or not at all (Azure's Python): then it is one of the same session. */
static unsigned suits(const struct heads_amqp_link *l, const struct heads_amqp_reply *reply)
{
    if (!l->kind->sends || l->kind->credit != send_waiting || node_link_of(l)->node != reply->node)
        return 0;
    struct slice wanted = buffer_slice(&reply->reply_to);
    bool same_session = amqp_link_session(l->link) == reply->session;
    if (wanted.len &&
        (slice_eq(wanted, node_link_of(l)->reply_to) || slice_eq(wanted, amqp_link_name(l->link))))
        return same_session ? 4 : 3;
    return same_session ? 2 : 1;
}

static struct heads_amqp_link *find_link(const struct heads_amqp_reply *reply)
{
    struct heads_amqp_link *best = NULL;
    unsigned best_suits = 0;
    LIST_EACH(node, &reply->head->links)
    {
        struct heads_amqp_link *l = LIST_OF(node, struct heads_amqp_link, node);
        unsigned s = l->kind && l->arg ? suits(l, reply) : 0;
        if (s && s >= best_suits) {
            best = l;
            best_suits = s;
        }
    }
    return best;
}

static void write_reply(struct buffer *b, const struct heads_amqp_reply *reply, enum status why,
                        const char *text, struct slice body)
{
    struct amqp_properties p = amqp_properties_none();
    if (reply->correlation_id.len)
        p.correlation_id = buffer_slice(&reply->correlation_id);
    if (reply->reply_to.len)
        p.to = buffer_slice(&reply->reply_to);
    amqp_properties_write(b, &p);
    size_t map = amqp_message_map_begin(b, AMQP_APPLICATION_PROPERTIES);
    uint32_t items = 4;
    amqp_write_string(b, SLICE("status-code"));
    amqp_write_int(b, iot_status_wire(why)->http); /* an int: C and Python refuse a long */
    amqp_write_string(b, SLICE("status-description"));
    amqp_write_string(b, slice_of(text));
    if (why != OK) {
        amqp_write_string(b, SLICE("error-condition"));
        amqp_write_symbol(b, slice_of(iot_status_wire(why)->amqp));
        items += 2;
    }
    amqp_write_end(b, map, items);
    amqp_message_value_begin(b);
    if (body.len)
        buffer_put(b, body);
    else
        amqp_write_null(b);
}

void heads_amqp_answer(struct heads_amqp_reply *reply, enum status why, const char *text,
                       struct slice body)
{
    struct heads_amqp *h = reply->head;
    struct heads_amqp_link *l = h->stream && !h->closing ? find_link(reply) : NULL;
    if (l) {
        struct buffer message = {0};
        write_reply(&message, reply, why, text, body);
        enqueue(l, &message);
    } else if (h->stream) {
        log_debug("amqp answer has no link peer=%s", stream_peer(h->stream));
    }
    buffer_clear(&reply->correlation_id);
    buffer_clear(&reply->reply_to);
    free(reply);
    head_release(h);
}

struct heads_amqp *heads_amqp_reply_head(const struct heads_amqp_reply *reply)
{
    return reply->head;
}

/* ---- receiving ---- */

static void on_transfer(struct heads_amqp_link *l, const struct amqp_delivery *d)
{
    struct amqp_message m;
    enum status s = amqp_message_read(d->bytes, &m);
    if (!d->settled) {
        struct amqp_state bad = {.outcome = AMQP_OUTCOME_REJECTED,
                                 .error = {.condition = SLICE("amqp:decode-error")}};
        amqp_link_settle(l->link, d->id,
                         s == OK ? &(struct amqp_state){.outcome = AMQP_OUTCOME_ACCEPTED} : &bad);
    }
    if (s != OK)
        return;
    struct heads_amqp_reply *reply = MEMORY_NEW(struct heads_amqp_reply);
    reply->head = l->head;
    reply->node = node_link_of(l)->node;
    reply->session = amqp_link_session(l->link);
    buffer_put(&reply->correlation_id, m.properties.message_id);
    buffer_put(&reply->reply_to, m.properties.reply_to);
    head_hold(l->head);
    reply->node->request(reply->node->arg, reply, &m);
}

/* ---- attaching ---- */

static const struct heads_amqp_node *find_node(const struct heads_amqp_link *l)
{
    const struct heads_amqp_config *config = l->head->config;
    struct slice last =
        l->address.count ? l->address.segments[l->address.count - 1] : (struct slice){0};
    if (slice_eq_nocase(last, slice_of(head_cbs_node.address)))
        return &head_cbs_node;
    for (size_t i = 0; i < config->node_count; i++)
        if (slice_eq_nocase(last, slice_of(config->nodes[i].address)))
            return &config->nodes[i];
    return NULL;
}

static bool allowed(struct heads_amqp_link *l)
{
    const struct heads_amqp_node *n = l->arg ? node_link_of(l)->node : find_node(l);
    return n->allowed == NULL || n->allowed(l);
}

static void on_attach(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    struct node_link *n = MEMORY_NEW(struct node_link);
    n->node = find_node(l);
    struct amqp_target target;
    if (a->receiver && a->target.at && amqp_target_read(a->target, &target) == OK)
        n->reply_to = arena_copy(&l->arena, amqp_text_of(target.address));
    l->arg = n;
    heads_amqp_accept(l, NULL);
}

static void on_detach(struct heads_amqp_link *l)
{
    struct node_link *n = node_link_of(l);
    for (unsigned i = 0; i < HEADS_AMQP_REPLIES_MAX; i++)
        buffer_clear(&n->waiting[i]);
    free(n);
}

static const struct heads_amqp_kind requests = {.window = 100,
                                                .allowed = allowed,
                                                .attach = on_attach,
                                                .transfer = on_transfer,
                                                .detach = on_detach};
static const struct heads_amqp_kind responses = {.sends = true,
                                                 .allowed = allowed,
                                                 .attach = on_attach,
                                                 .credit = send_waiting,
                                                 .detach = on_detach};

const struct heads_amqp_kind *head_node_kind(struct heads_amqp_link *l, bool sends)
{
    if (find_node(l) == NULL)
        return NULL;
    return sends ? &responses : &requests;
}
