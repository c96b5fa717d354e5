#include "io/sim_wire.h"

#include <stdlib.h>

#include "base/memory.h"

#define LOCAL_US 20 /* between two processes of one host */

struct packet {
    struct link link;
    enum packet_kind kind;
    bool local; /* from this end's own machine: no link is in its way */
    uint64_t due_us, sent_us;
    size_t len;
    uint8_t bytes[];
};

static struct sim_end *other(const struct sim_end *e)
{
    return &e->wire->ends[e == &e->wire->ends[0]];
}

static struct loop *loop_of(const struct sim_end *e)
{
    return e->stream ? sim_stream_loop(e->stream) : NULL;
}

static void drop_packets(struct sim_end *e)
{
    sim_unplan(e->wire->sim, &e->arrival);
    for (struct link *at; (at = list_pop(&e->packets));)
        free(LIST_OF(at, struct packet, link));
}

static void wire_free(struct sim_wire *w)
{
    sim_unplan(w->sim, &w->handshake);
    for (int i = 0; i < 2; i++) {
        drop_packets(&w->ends[i]);
        sim_unplan(w->sim, &w->ends[i].acknowledgement);
    }
    free(w);
}

void sim_wire_detach(struct sim_end *e)
{
    e->stream = NULL;
    struct sim *s = e->wire->sim;
    if (other(e)->stream == NULL) {
        wire_free(e->wire);
        return;
    }
    sim_unplan(s, &e->acknowledgement);
    if (sim_planned(&e->arrival))
        sim_plan(s, &e->arrival, e->arrival.node.key, NULL);
}

static void replan(struct sim *s, struct sim_event *e, struct loop *to)
{
    if (sim_planned(e))
        sim_plan(s, e, e->node.key, to);
}

void sim_wire_move(struct sim_end *e, struct loop *to)
{
    replan(e->wire->sim, &e->arrival, to);
    replan(e->wire->sim, &e->acknowledgement, to);
}

/* ---- sending ---- */

static uint64_t latency(struct sim *s, const struct sim_end *a, const struct sim_end *b)
{
    return a->host == b->host ? LOCAL_US
                              : s->network.latency_us + sim_below(s, s->network.jitter_us + 1);
}

/* Packets of one direction do not overtake; a slow link sends them one after the other. */
static uint64_t due_at(struct sim *s, const struct sim_end *from, struct sim_end *to, size_t len)
{
    uint64_t speed =
        to->host->bytes_per_second ? to->host->bytes_per_second : s->network.bytes_per_second;
    uint64_t start = s->now_us;
    if (speed) {
        start = (to->busy_until_us > start ? to->busy_until_us : start) + len * 1000000u / speed;
        to->busy_until_us = start;
    }
    uint64_t due = start + latency(s, from, to);
    to->last_due_us = due > to->last_due_us ? due : to->last_due_us;
    return to->last_due_us;
}

static void put_packet(struct sim_end *to, struct packet *p)
{
    struct sim *s = to->wire->sim;
    p->sent_us = s->now_us;
    list_push(&to->packets, &p->link);
    if (!sim_planned(&to->arrival))
        sim_plan(s, &to->arrival, p->due_us, loop_of(to));
}

void sim_wire_send(struct sim_end *from, enum packet_kind kind, struct slice bytes)
{
    struct sim_end *to = other(from);
    if (to->given_up && kind != PACKET_RESET)
        return;
    struct packet *p = memory_new(sizeof(*p) + bytes.len);
    p->kind = kind;
    p->len = bytes.len;
    p->due_us = due_at(from->wire->sim, from, to, bytes.len);
    if (bytes.len)
        memcpy(p->bytes, bytes.at, bytes.len);
    put_packet(to, p);
}

/* How much goes into the next packet: mostly much, sometimes so little that every decoder has to
 * wait. */
static size_t piece(struct sim *s, size_t left, bool small)
{
    size_t most = 1 + sim_below(s, small ? 64 : 16384);
    return left < most ? left : most;
}

size_t sim_wire_push(struct sim_end *e, struct slice bytes)
{
    struct sim *s = e->wire->sim;
    size_t window = s->network.window_bytes, sent = 0;
    bool small = bytes.len < 4096 && sim_below(s, 10) == 0;
    while (sent < bytes.len && e->unread < window) {
        size_t room = window - e->unread, left = bytes.len - sent;
        size_t len = piece(s, left < room ? left : room, small);
        sim_wire_send(e, PACKET_BYTES, slice_first(slice_skip(bytes, sent), len));
        e->unread += len;
        sent += len;
    }
    return sent;
}

/* ---- arrival ---- */

void sim_wire_read(struct sim_end *e, size_t len)
{
    struct sim_end *from = other(e);
    struct sim *s = e->wire->sim;
    from->read += len;
    if (from->stream && !sim_planned(&from->acknowledgement))
        sim_plan(s, &from->acknowledgement, s->now_us + latency(s, e, from), loop_of(from));
}

static void on_acknowledged(void *arg)
{
    struct sim_end *e = arg;
    struct sim *s = e->wire->sim;
    if (sim_cut(s, e->host, other(e)->host)) {
        sim_plan(s, &e->acknowledgement, s->now_us + SIM_RETRY_US, loop_of(e));
        return;
    }
    e->unread -= e->read;
    e->read = 0;
    sim_stream_room(e->stream);
}

static void put_first(struct list *list, struct link *l)
{
    l->prev = &list->head;
    l->next = list->head.next;
    l->prev->next = l->next->prev = l;
}

/* The writer's machine tells it before all that is on its way to it. What it writes until it hears
 * of that never leaves, for it would arrive behind a gap. */
static void give_up(struct sim_end *e)
{
    struct sim_end *writer = other(e);
    struct sim *s = e->wire->sim;
    e->given_up = true;
    struct packet *reset = memory_new(sizeof(*reset));
    reset->kind = PACKET_RESET;
    reset->local = true;
    reset->due_us = reset->sent_us = s->now_us;
    put_first(&writer->packets, &reset->link);
    sim_plan(s, &writer->arrival, s->now_us, loop_of(writer));
}

/* Nobody takes it: the writer is told when its own machine gives up, or when another process
 * answers for the one that is gone. */
static void wait_for_the_link(struct sim_end *e, const struct packet *p, bool cut)
{
    struct sim *s = e->wire->sim;
    bool given_up = s->now_us - p->sent_us >= s->network.give_up_ms * 1000;
    if (!given_up && (cut || e->host->loops == 0)) {
        sim_plan(s, &e->arrival, s->now_us + SIM_RETRY_US, loop_of(e));
        return;
    }
    drop_packets(e);
    if (given_up)
        give_up(e);
    else
        sim_wire_send(e, PACKET_RESET, (struct slice){0});
}

static void note_packet(struct sim_end *e, const struct packet *p)
{
    struct sim *s = e->wire->sim;
    sim_note(s, e->wire->id * 8 + p->kind);
    sim_note(s, slice_hash(slice_from(p->bytes, p->len)));
}

/* In the turn of the loop that it is for. Nothing of the connection is touched after a call to the
 * user. */
static void deliver(struct sim_end *e, struct packet *p)
{
    struct sim *s = e->wire->sim;
    struct sim_stream *t = e->stream;
    if (t == NULL) {
        if (p->kind == PACKET_BYTES || p->kind == PACKET_OPEN)
            sim_wire_send(e, PACKET_RESET, (struct slice){0}); /* closed: nobody will read this */
    } else if (p->kind == PACKET_BYTES && sim_below(s, 1000000) < s->network.resets_per_million) {
        sim_wire_send(e, PACKET_RESET, (struct slice){0});
        sim_stream_broken(t);
    } else if (p->kind == PACKET_BYTES) {
        sim_stream_bytes(t, slice_from(p->bytes, p->len));
    } else if (p->kind == PACKET_END) {
        sim_stream_ended(t);
    } else if (p->kind == PACKET_RESET) {
        sim_stream_broken(t);
    } else {
        sim_stream_opened(t);
    }
}

static void on_arrival(void *arg)
{
    struct sim_end *e = arg;
    struct packet *p = LIST_OF(list_first(&e->packets), struct packet, link);
    bool cut = sim_cut(e->wire->sim, e->host, other(e)->host);
    if (!p->local && (cut || e->silent)) {
        wait_for_the_link(e, p, cut);
        return;
    }
    list_remove(&p->link);
    struct link *next = list_first(&e->packets);
    if (next)
        sim_plan(e->wire->sim, &e->arrival, LIST_OF(next, struct packet, link)->due_us, loop_of(e));
    note_packet(e, p);
    deliver(e, p);
    free(p);
}

/* ---- the handshake ---- */

static void knock(void *arg);

static void knock_again(void *arg)
{
    struct sim_wire *w = arg;
    w->handshake.fn = knock;
    sim_plan(w->sim, &w->handshake, w->sim->now_us + SIM_RETRY_US, NULL);
}

/* In the turn of the listener's loop. */
static void accept_wire(void *arg)
{
    struct sim_wire *w = arg;
    struct sim_end *e = &w->ends[1];
    struct listener *l = sim_listener_at(w->sim, e->host, w->port);
    if (l)
        sim_stream_accept(e, l);
    else
        sim_wire_send(e, PACKET_RESET, (struct slice){0});
}

static void knock(void *arg)
{
    struct sim_wire *w = arg;
    if (sim_cut(w->sim, w->ends[0].host, w->ends[1].host)) {
        knock_again(w);
        return;
    }
    struct listener *l = sim_listener_at(w->sim, w->ends[1].host, w->port);
    if (l == NULL) {
        sim_wire_send(&w->ends[1], PACKET_RESET, (struct slice){0});
        return;
    }
    w->handshake.fn = accept_wire;
    sim_plan(w->sim, &w->handshake, w->sim->now_us, l->config.loop);
}

static void end_init(struct sim_end *e, struct sim_wire *w, struct sim_host *host)
{
    e->wire = w;
    e->host = host;
    list_init(&e->packets);
    e->arrival = (struct sim_event){.fn = on_arrival, .arg = e};
    e->acknowledgement = (struct sim_event){.fn = on_acknowledged, .arg = e};
}

struct sim_end *sim_wire_new(struct sim_stream *t, struct sim *s, struct sim_host *from,
                             struct sim_host *to, int port)
{
    struct sim_wire *w = MEMORY_NEW(struct sim_wire);
    w->sim = s;
    w->id = ++s->ids;
    w->port = port;
    end_init(&w->ends[0], w, from);
    end_init(&w->ends[1], w, to);
    w->ends[0].stream = t;
    w->handshake = (struct sim_event){.fn = knock, .drop = knock_again, .arg = w};
    sim_plan(s, &w->handshake, s->now_us + latency(s, &w->ends[0], &w->ends[1]), NULL);
    return &w->ends[0];
}
