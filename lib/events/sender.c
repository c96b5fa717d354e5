/* Links that send into a stream, to `{name}` or `{name}/Partitions/{n}`. A message is accepted when
 * all of it is durable. */
#include <stdlib.h>

#include "base/memory.h"
#include "events/events_priv.h"
#include "events/incoming.h"
#include "iot/status_wire.h"

/* One link. Messages on their way hold it. */
struct sender {
    struct heads_amqp_link *link; /* NULL: it has gone */
    struct loop *home;
    struct events *events;
    struct events_entity *entity;
    struct events_partition *partition; /* NULL: any */
    unsigned refs;
};

struct sending {
    struct partition_append append;
    struct sender *sender;
    struct events_partition *partition;
    uint32_t delivery;
    bool settled;
    enum status why;
};

static void sender_unref(struct sender *s)
{
    if (--s->refs == 0)
        free(s);
}

static void sending_free(struct sending *s)
{
    sender_unref(s->sender);
    partition_append_clear(&s->append);
    free(s);
}

/* ---- what became of it ---- */

static void settle(struct heads_amqp_link *l, uint32_t delivery, enum status why, const char *text)
{
    struct amqp_state state = {.outcome = AMQP_OUTCOME_ACCEPTED};
    if (why != OK) {
        state.outcome = AMQP_OUTCOME_REJECTED;
        state.error.condition =
            why == FULL ? SLICE("com.microsoft:server-busy") : slice_of(iot_status_wire(why)->amqp);
        state.error.description = slice_of(text);
    }
    amqp_link_settle(l->link, delivery, &state);
}

static void sent_arrives(void *arg)
{
    struct sending *s = arg;
    if (s->sender->link && !s->settled)
        settle(s->sender->link, s->delivery, s->why, "the event could not be stored");
    sending_free(s);
}

static void on_appended(struct partition_append *a, enum status why)
{
    struct sending *s = (struct sending *)a; /* its first member */
    s->why = why;
    if (why == CANCELLED)
        sending_free(s);
    else
        loop_post(s->sender->home, sent_arrives, s);
}

static void append_arrives(void *arg)
{
    struct sending *s = arg;
    partition_append(s->partition->partition, &s->append);
}

/* ---- messages ---- */

/* Events with one key go to one partition, those without take turns. */
static struct events_partition *choose(struct sender *s, struct slice key)
{
    struct events_entity *e = s->entity;
    if (s->partition)
        return s->partition;
    if (key.len)
        return &e->partitions[slice_hash(key) % e->partition_count];
    return &e->partitions[__atomic_fetch_add(&e->turn, 1, __ATOMIC_RELAXED) % e->partition_count];
}

static void on_transfer(struct heads_amqp_link *l, const struct amqp_delivery *d)
{
    struct sender *s = l->arg;
    struct sending *sending = MEMORY_NEW(struct sending);
    struct arena arena = {0};
    struct events_incoming in = {.append = &sending->append, .arena = &arena};
    sending->append.done = on_appended;
    sending->sender = s;
    s->refs++;
    enum status why = events_incoming_read(&in, d->format, d->bytes, loop_wall_ms(s->home));
    if (why == OK) {
        sending->partition = choose(s, in.partition_key);
        sending->delivery = d->id;
        sending->settled = d->settled;
        events_count_sent(s->events, partition_append_count(&sending->append));
        loop_post(sending->partition->loop, append_arrives, sending);
    } else {
        if (!d->settled)
            settle(l, d->id, why, in.text);
        sending_free(sending);
    }
    arena_clear(&arena);
}

static void on_attach(struct heads_amqp_link *l, const struct amqp_attach *a)
{
    struct events *e = l->kind->arg;
    struct events_entity *entity = events_entity_find(e, l->params[0]);
    struct events_partition *partition = NULL;
    uint64_t n;
    (void)a;
    if (entity == NULL) {
        heads_amqp_refuse(l, NOT_FOUND, "the messaging entity of this name could not be found");
        return;
    }
    if (l->address.count > 1) {
        if (!slice_to_u64(l->params[1], &n) || n >= entity->partition_count) {
            heads_amqp_refuse_as(l, "com.microsoft:argument-out-of-range",
                                 "there is no such partition");
            return;
        }
        partition = &entity->partitions[n];
    }
    struct sender *s = MEMORY_NEW(struct sender);
    *s = (struct sender){.link = l,
                         .home = heads_amqp_loop(l->head),
                         .events = e,
                         .entity = entity,
                         .partition = partition,
                         .refs = 1};
    l->arg = s;
    heads_amqp_accept(l, NULL);
}

static void on_detach(struct heads_amqp_link *l)
{
    struct sender *s = l->arg;
    if (s == NULL)
        return;
    s->link = NULL;
    sender_unref(s);
}

const struct heads_amqp_kind events_sender_kinds[EVENTS_SENDER_KINDS] = {
    {.address = "{}",
     .window = EVENTS_SENDER_WINDOW,
     .allowed = events_allowed,
     .attach = on_attach,
     .transfer = on_transfer,
     .detach = on_detach},
    {.address = "{}/partitions/{}",
     .window = EVENTS_SENDER_WINDOW,
     .allowed = events_allowed,
     .attach = on_attach,
     .transfer = on_transfer,
     .detach = on_detach},
};
