#include "edge/upstream.h"

#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "edge/downstream.h"

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
    bool blocked;          /* the connection of the next message has no room */
    bool have_record;      /* read from the log, not sent yet */
    struct store_record record;
    unsigned connected;
};

/* ---- connections: one a child, kept while a session or a message needs it ---- */

static void on_connected(void *arg)
{
    struct edge_child *c = arg;
    c->edge->upstream->connected++;
    log_info("hub connected device=%s", c->key);
    edge_downstream_stale(c);
}

static void on_disconnected(void *arg, enum status why)
{
    struct edge_child *c = arg;
    c->edge->upstream->connected--;
    log_warn("hub disconnected device=%s status=%s", c->key, status_name(why));
}

static void on_sent(void *arg, uint64_t token, enum status why);
static void pump(struct edge_upstream *u);

static void on_room(void *arg)
{
    struct edge_child *c = arg;
    c->edge->upstream->blocked = false;
    pump(c->edge->upstream);
}

static const struct device_client_events client_events = {
    .on_connected = on_connected,
    .on_disconnected = on_disconnected,
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
    if (c->up && c->session == NULL && c->up_in_flight == 0)
        loop_timer_start(c->edge->loop, &c->idle, EDGE_UPSTREAM_IDLE_MS, on_idle, c);
}

static void on_idle(void *arg)
{
    struct edge_child *c = arg;
    if (edge_reports_wait(c))
        maybe_idle(c);
    else if (c->session == NULL && c->up_in_flight == 0)
        disconnect_up(c);
}

void edge_upstream_wanted(struct edge_upstream *u, struct edge_child *c)
{
    (void)u;
    loop_timer_stop(&c->idle);
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
    uint64_t last = 0;
    while (u->count && u->ring[u->first % EDGE_UPSTREAM_WINDOW].done) {
        last = u->ring[u->first % EDGE_UPSTREAM_WINDOW].sequence;
        u->first++;
        u->count--;
    }
    if (last)
        store_cursor_set(u->edge->log, cursor_name, last);
}

static void on_sent(void *arg, uint64_t token, enum status why)
{
    struct edge_child *c = arg;
    struct edge_upstream *u = c->edge->upstream;
    if (why == CANCELLED || u == NULL)
        return; /* the edge is closing: the cursor stays before it, and it is sent again after the start */
    struct flight *f = flight_of(u, token);
    assert(f->sequence == token && !f->done);
    f->done = true;
    u->bytes -= f->bytes;
    c->up_in_flight--;
    u->edge->count.sent++;
    if (why != OK) {
        u->edge->count.set_aside++;
        log_error("the hub refused a message for good device=%s sequence=%llu status=%s", c->key,
                  (unsigned long long)token, status_name(why));
    }
    edge_child_unref(&f->child);
    take_off_done(u);
    maybe_idle(c);
    pump(u);
}

static void skip_broken(struct edge_upstream *u)
{
    log_error("a record in the log cannot be read and is set aside sequence=%llu",
              (unsigned long long)u->record.sequence);
    u->edge->count.set_aside++;
    u->have_record = false;
}

/* OK: on its way. FULL: its connection has no room. */
static enum status send_record(struct edge_upstream *u)
{
    struct iot_event event;
    if (iot_event_decode(u->record.bytes, &event) != OK) {
        skip_broken(u);
        return OK;
    }
    struct edge_child *c = edge_child_get(u->edge, event.from);
    loop_timer_stop(&c->idle);
    if (c->up == NULL)
        connect_up(c);
    enum status s = device_client_send(c->up, &event.message, u->record.sequence);
    if (s == FULL) {
        edge_child_unref(&c);
        return FULL;
    }
    u->have_record = false;
    if (s != OK) {
        u->edge->count.set_aside++;
        log_error("a message cannot be sent and is set aside device=%s sequence=%llu status=%s", c->key,
                  (unsigned long long)u->record.sequence, status_name(s));
        edge_child_unref(&c);
        return OK;
    }
    c->up_in_flight++;
    u->bytes += u->record.bytes.len;
    u->ring[(u->first + u->count++) % EDGE_UPSTREAM_WINDOW] =
        (struct flight){u->record.sequence, (uint32_t)u->record.bytes.len, false, c};
    return OK;
}

static void pump(struct edge_upstream *u)
{
    while (!u->blocked && u->count < EDGE_UPSTREAM_WINDOW && u->bytes < EDGE_UPSTREAM_BYTES) {
        if (!u->have_record) {
            if (store_reader_next(u->reader, &u->record) != OK)
                return;
            u->have_record = true;
        }
        if (send_record(u) == FULL)
            u->blocked = true;
    }
}

void edge_upstream_durable(struct edge_upstream *u)
{
    pump(u);
}

struct edge_upstream *edge_upstream_new(struct edge *e)
{
    struct edge_upstream *u = MEMORY_NEW(struct edge_upstream);
    u->edge = e;
    u->reader = store_reader_open(e->log, store_cursor_get(e->log, cursor_name) + 1);
    return u;
}

void edge_upstream_free(struct edge_upstream **upstream)
{
    struct edge_upstream *u = *upstream;
    if (u == NULL)
        return;
    *upstream = NULL; /* on_sent(CANCELLED) finds nothing to do */
    struct edge *e = u->edge;
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
