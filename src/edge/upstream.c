#include "edge/upstream.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/downstream.h"
#include "edge/identities.h"

static const struct slice cursor_name = SLICE_INIT("upstream");

struct flight {
    uint64_t sequence;
    uint32_t bytes;
    bool done;
    struct edge_child *child; /* a reference until done */
};

struct edge_upstream {
    struct edge *edge;
    struct store_reader *reader;
    struct flight ring[EDGE_UPSTREAM_WINDOW]; /* in order of the log */
    unsigned first, count;
    size_t bytes;
    uint64_t passed;          /* all up to it are in the ring, in a lane or done */
    uint64_t cursor;
    bool blocked;             /* the connection of the next message has no room */
    bool have_record;         /* read from the log, not sent yet */
    struct store_record record;
    struct list lanes;
    struct loop_timer again;  /* goes on after a turn */
    struct loop_timer patience;
    bool watching;            /* `patience` runs */
    unsigned connected;
};

static void pump(struct edge_upstream *u);
static unsigned take_from_ring(struct edge_upstream *u, struct edge_child *c, uint64_t *first, uint64_t *last);

/* ---- what has become of an identity ---- */

static void disconnect_up(struct edge_child *c);

static void gone(struct edge_child *c)
{
    struct edge_upstream *u = c->edge->upstream;
    uint64_t first, last;
    if (c->lane.state == EDGE_LANE_GONE)
        return;
    take_from_ring(u, c, &first, &last);
    uint64_t count = edge_lane_drop(c, EDGE_LANE_GONE);
    u->edge->count.set_aside += count;
    log_error("the hub knows no such identity: what it sent is set aside device=%s so_far=%llu", c->key,
              (unsigned long long)count);
    heads_place_close(&c->place, UNAUTHORIZED);
    disconnect_up(c);
    u->blocked = false;
    edge_upstream_settle(u);
}

static void on_asked(void *arg, enum status why, const struct heads_identity *identity)
{
    struct edge_child *c = arg;
    c->asking = false;
    if (c->edge->upstream && why == NOT_FOUND)
        gone(c);
    else if (why == OK && c->lane.state == EDGE_LANE_HELD)
        c->lane.disabled = !identity->enabled;
    edge_child_unref(&c);
}

static void ask(struct edge_child *c)
{
    if (c->asking)
        return;
    c->asking = true;
    edge_identities_ask(c->edge->identities, c->id, on_asked, edge_child_ref(c));
}

/* ---- connections: one a child, kept while a session or a message needs it ---- */

static void on_connected(void *arg)
{
    struct edge_child *c = arg;
    c->edge->upstream->connected++;
    c->up_heard_ms = loop_now_ms(c->edge->loop);
    log_info("hub connected device=%s", c->key);
    edge_lane_go_on(c);
    edge_downstream_stale(c);
}

/* A hub that closes in order may have done so because of the identity. */
static void on_disconnected(void *arg, enum status why)
{
    struct edge_child *c = arg;
    c->edge->upstream->connected--;
    log_warn("hub disconnected device=%s status=%s", c->key, status_name(why));
    if (why == CLOSED)
        ask(c);
}

/* What was on its way is taken back: it would fill the ring. */
static void on_refused(void *arg, enum status why)
{
    struct edge_child *c = arg;
    struct edge_upstream *u = c->edge->upstream;
    uint64_t first, last;
    (void)why;
    take_from_ring(u, c, &first, &last);
    edge_lane_hold(c, first);
    device_client_recall(c->up);
    ask(c);
    u->blocked = false;
    edge_upstream_settle(u);
}

static void on_sent(void *arg, uint64_t token, enum status why);

static void on_room(void *arg)
{
    struct edge_child *c = arg;
    if (c->lane.state == EDGE_LANE_CATCHING)
        edge_lane_go_on(c);
    c->edge->upstream->blocked = false;
    pump(c->edge->upstream);
}

static const struct device_client_events client_events = {
    .on_connected = on_connected,
    .on_disconnected = on_disconnected,
    .on_refused = on_refused,
    .on_sent = on_sent,
    .on_room = on_room,
    .on_method = edge_downstream_method,
    .on_desired = edge_downstream_desired,
};

static void connect_up(struct edge_child *c)
{
    const struct edge_config *config = &c->edge->config;
    struct buffer device = {0}, module = {0}, chain = {0};
    buffer_put(&device, c->id.device);
    buffer_put(&module, c->id.module);
    buffer_printf(&chain, "%s;%s/$edgeHub", c->key, config->device_id);
    c->up = device_client_new(&(struct device_client_config){
        .loop = c->edge->loop,
        .host = config->hub_address ? config->hub_address : config->hub_host,
        .port = config->hub_port,
        .tls = config->tls,
        .hub_host = config->hub_host,
        .device_id = buffer_cstr(&device),
        .module_id = c->id.module.len ? buffer_cstr(&module) : NULL,
        .key = config->key,
        .auth_chain = buffer_cstr(&chain),
        .actor_device_id = config->device_id,
        .actor_module_id = "$edgeHub",
        .twin_timeout_ms = EDGE_UPSTREAM_TWIN_MS,
        .events = &client_events,
        .arg = edge_child_ref(c),
    });
    buffer_clear(&device);
    buffer_clear(&module);
    buffer_clear(&chain);
}

static void disconnect_up(struct edge_child *c)
{
    if (c->up == NULL)
        return;
    if (device_client_connected(c->up))
        c->edge->upstream->connected--;
    device_client_free(&c->up);
    loop_timer_stop(&c->idle);
    edge_child_unref(&c);
}

static void on_idle(void *arg);

static void maybe_idle(struct edge_child *c)
{
    if (c->up && c->place.live == NULL && c->up_in_flight == 0 && c->lane.oldest == 0)
        loop_timer_start(c->edge->loop, &c->idle, EDGE_UPSTREAM_IDLE_MS, on_idle, c);
}

static void on_idle(void *arg)
{
    struct edge_child *c = arg;
    if (edge_reports_wait(c)) {
        maybe_idle(c);
    } else if (c->place.live == NULL && c->up_in_flight == 0 && c->lane.oldest == 0) {
        edge_lane_drop(c, EDGE_LANE_OPEN);
        disconnect_up(c);
    }
}

/* Who signs in here is known and enabled again: the hub will take him, so nothing is waited for. */
static void try_at_once(struct edge_child *c)
{
    if (c->lane.state == EDGE_LANE_GONE)
        edge_lane_drop(c, EDGE_LANE_OPEN);
    if (c->lane.disabled)
        disconnect_up(c);
    c->lane.disabled = false;
}

void edge_upstream_wanted(struct edge_upstream *u, struct edge_child *c)
{
    (void)u;
    loop_timer_stop(&c->idle);
    try_at_once(c);
    if (c->up == NULL)
        connect_up(c);
    else
        edge_downstream_refresh(c);
}

void edge_upstream_unwanted(struct edge_upstream *u, struct edge_child *c)
{
    (void)u;
    maybe_idle(c);
}

/* ---- messages ---- */

static struct flight *flight_of(struct edge_upstream *u, uint64_t sequence)
{
    /* Sequences in the ring are consecutive but for damage that the reader skipped: look from the guess on. */
    uint64_t first = u->ring[u->first % EDGE_UPSTREAM_WINDOW].sequence;
    unsigned i = sequence >= first ? (unsigned)(sequence - first) : 0;
    if (i >= u->count)
        i = u->count - 1;
    while (u->ring[(u->first + i) % EDGE_UPSTREAM_WINDOW].sequence > sequence)
        i--;
    return &u->ring[(u->first + i) % EDGE_UPSTREAM_WINDOW];
}

static void take_off_done(struct edge_upstream *u)
{
    while (u->count && u->ring[u->first % EDGE_UPSTREAM_WINDOW].done) {
        u->first++;
        u->count--;
    }
}

/* The cursor stays before the oldest that is not done, in the ring or aside. */
static void move_cursor(struct edge_upstream *u)
{
    uint64_t done = u->count ? u->ring[u->first % EDGE_UPSTREAM_WINDOW].sequence - 1 : u->passed;
    uint64_t aside = edge_lanes_oldest(u);
    if (aside <= done)
        done = aside - 1;
    if (done <= u->cursor)
        return;
    u->cursor = done;
    store_cursor_set(u->edge->log, cursor_name, done);
}

static void flight_end(struct edge_upstream *u, struct flight *f)
{
    f->done = true;
    u->bytes -= f->bytes;
    edge_child_unref(&f->child);
}

/* All that the child has in the ring; 0 when it has nothing. */
static unsigned take_from_ring(struct edge_upstream *u, struct edge_child *c, uint64_t *first, uint64_t *last)
{
    unsigned taken = 0;
    *first = *last = 0;
    for (unsigned i = 0; i < u->count; i++) {
        struct flight *f = &u->ring[(u->first + i) % EDGE_UPSTREAM_WINDOW];
        if (f->done || f->child != c)
            continue;
        *first = taken++ ? *first : f->sequence;
        *last = f->sequence;
        flight_end(u, f);
    }
    return taken;
}

void edge_upstream_settle(struct edge_upstream *u)
{
    take_off_done(u);
    move_cursor(u);
    pump(u);
}

static void on_sent(void *arg, uint64_t token, enum status why)
{
    struct edge_child *c = arg;
    struct edge_upstream *u = c->edge->upstream;
    if (why == CANCELLED || u == NULL)
        return; /* it waits in its lane, or is set aside; or the edge is closing, and it is sent again after the start */
    c->up_in_flight--;
    c->up_heard_ms = loop_now_ms(c->edge->loop);
    u->edge->count.sent++;
    if (!edge_lane_acknowledge(c, token)) {
        struct flight *f = flight_of(u, token);
        assert(f->sequence == token && !f->done);
        flight_end(u, f);
    }
    maybe_idle(c);
    edge_upstream_settle(u);
}

static void set_aside(struct edge_upstream *u, const char *who, uint64_t sequence, enum status why)
{
    u->edge->count.set_aside++;
    log_error("a message cannot be sent and is set aside device=%s sequence=%llu status=%s", who,
              (unsigned long long)sequence, status_name(why));
}

/* OK: in the ring. FULL: its connection has no room. BAD_ARGUMENT: set aside. */
static enum status send_up(struct edge_child *c, const struct iot_event *event, uint64_t sequence)
{
    loop_timer_stop(&c->idle);
    if (c->up == NULL)
        connect_up(c);
    enum status s = device_client_send(c->up, &event->message, sequence);
    if (s == OK)
        c->up_in_flight++;
    if (s == OK || s == FULL)
        return s;
    set_aside(c->edge->upstream, c->key, sequence, s);
    return BAD_ARGUMENT;
}

static enum status send_in_order(struct edge_upstream *u, struct edge_child *c, const struct iot_event *event)
{
    enum status s = send_up(c, event, u->record.sequence);
    if (s != OK)
        return s;
    u->bytes += u->record.bytes.len;
    u->ring[(u->first + u->count++) % EDGE_UPSTREAM_WINDOW] =
        (struct flight){u->record.sequence, (uint32_t)u->record.bytes.len, false, edge_child_ref(c)};
    return OK;
}

enum status edge_upstream_send_aside(struct edge_child *c, const struct store_record *r)
{
    struct iot_event event;
    if (iot_event_decode(r->bytes, &event) != OK || !slice_eq(event.from.module, c->id.module) ||
        !slice_eq(event.from.device, c->id.device))
        return AGAIN;
    return send_up(c, &event, r->sequence);
}

/* FULL: it has to wait. Otherwise something has become of it. */
static enum status handle_record(struct edge_upstream *u)
{
    struct iot_event event;
    enum status s = iot_event_decode(u->record.bytes, &event);
    if (s != OK) {
        set_aside(u, "?", u->record.sequence, s);
        return OK;
    }
    struct edge_child *c = edge_child_get(u->edge, event.from);
    if (c->lane.state == EDGE_LANE_OPEN)
        s = send_in_order(u, c, &event);
    else if (c->lane.state == EDGE_LANE_GONE)
        u->edge->count.set_aside++;
    else
        edge_lane_pass(c, u->record.sequence);
    edge_child_unref(&c);
    return s;
}

static bool ring_full(const struct edge_upstream *u)
{
    return u->count >= EDGE_UPSTREAM_WINDOW || u->bytes >= EDGE_UPSTREAM_BYTES;
}

/* False: no more now. */
static bool step(struct edge_upstream *u)
{
    if (u->blocked || ring_full(u))
        return false;
    if (!u->have_record) {
        enum status s = store_reader_next(u->reader, &u->record);
        if (s == AGAIN)
            edge_lanes_release(u);
        if (s != OK)
            return false;
        u->have_record = true;
    }
    u->blocked = handle_record(u) == FULL;
    if (u->blocked)
        return false;
    u->passed = u->record.sequence;
    u->have_record = false;
    return true;
}

/* ---- who holds up all others steps aside ---- */

static struct edge_child *in_the_way(struct edge_upstream *u)
{
    struct iot_event event;
    if (u->blocked && iot_event_decode(u->record.bytes, &event) == OK)
        return edge_child_find(u->edge, event.from);
    return ring_full(u) && u->count ? u->ring[u->first % EDGE_UPSTREAM_WINDOW].child : NULL;
}

static void watch(struct edge_upstream *u);

static void on_patience(void *arg)
{
    struct edge_upstream *u = arg;
    struct edge_child *c = in_the_way(u);
    uint64_t first, last;
    u->watching = false;
    bool stuck = c && c->lane.state == EDGE_LANE_OPEN && u->connected &&
                 loop_now_ms(u->edge->loop) - c->up_heard_ms >= EDGE_UPSTREAM_PATIENCE_MS;
    if (stuck && edge_lane_leave(c)) {
        if (take_from_ring(u, c, &first, &last))
            edge_lane_take_over(c, first, last);
        u->blocked = false;
        edge_upstream_settle(u);
    } else {
        watch(u);
    }
}

static void watch(struct edge_upstream *u)
{
    if (u->watching || !(u->blocked || ring_full(u)))
        return;
    u->watching = true;
    loop_timer_start(u->edge->loop, &u->patience, EDGE_UPSTREAM_PATIENCE_MS, on_patience, u);
}

static void on_again(void *arg)
{
    pump(arg);
}

static void pump(struct edge_upstream *u)
{
    int left = EDGE_UPSTREAM_TURN;
    while (left && step(u))
        left--;
    if (left == 0)
        loop_timer_start(u->edge->loop, &u->again, 0, on_again, u);
    move_cursor(u);
    watch(u);
}

/* What waits for who is disabled must not fill the log. */
static void make_room(struct edge_upstream *u)
{
    uint64_t most = u->edge->config.store_bytes;
    if (most == 0 || store_log_bytes(u->edge->log) < EDGE_UPSTREAM_DISABLED_PART(most))
        return;
    struct edge_child *c = edge_lanes_oldest_disabled(u);
    if (c == NULL)
        return;
    uint64_t count = edge_lane_drop(c, EDGE_LANE_HELD);
    u->edge->count.set_aside += count;
    log_error("the log fills up: what waits for a disabled identity is set aside device=%s count=%llu", c->key,
              (unsigned long long)count);
}

void edge_upstream_durable(struct edge_upstream *u)
{
    make_room(u);
    pump(u);
}

struct list *edge_upstream_lanes(struct edge_upstream *u)
{
    return &u->lanes;
}

uint64_t edge_upstream_passed(const struct edge_upstream *u)
{
    return u->passed;
}

struct edge_upstream *edge_upstream_new(struct edge *e)
{
    struct edge_upstream *u = MEMORY_NEW(struct edge_upstream);
    u->edge = e;
    u->cursor = u->passed = store_cursor_get(e->log, cursor_name);
    u->reader = store_reader_open(e->log, u->cursor + 1);
    list_init(&u->lanes);
    return u;
}

void edge_upstream_free(struct edge_upstream **upstream)
{
    struct edge_upstream *u = *upstream;
    if (u == NULL)
        return;
    *upstream = NULL; /* on_sent(CANCELLED) finds nothing to do */
    struct edge *e = u->edge;
    loop_timer_stop(&u->again);
    loop_timer_stop(&u->patience);
    edge_lanes_clear(u);
    for (; u->count; u->count--, u->first++) {
        struct flight *f = &u->ring[u->first % EDGE_UPSTREAM_WINDOW];
        if (!f->done)
            edge_child_unref(&f->child);
    }
    struct edge_child **all = memory_new((e->children.count + 1) * sizeof(*all));
    size_t n = 0, at = 0;
    for (struct map_entry *entry; (entry = map_next(&e->children, &at));)
        all[n++] = entry->value;
    for (size_t i = 0; i < n; i++)
        if (all[i]->up) {
            device_client_free(&all[i]->up);
            loop_timer_stop(&all[i]->idle);
            edge_child_unref(&all[i]);
        }
    free(all);
    store_reader_close(&u->reader);
    free(u);
}

uint64_t edge_upstream_backlog(const struct edge_upstream *u)
{
    return store_log_durable(u->edge->log) - store_cursor_get(u->edge->log, cursor_name);
}

bool edge_upstream_connected(const struct edge_upstream *u)
{
    return u->connected > 0;
}
