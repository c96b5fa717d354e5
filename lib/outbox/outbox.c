#include "outbox/outbox.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "outbox/told_file.h"

#define MEMORY_BYTES (32u << 20)
#define DISK_BYTES (1ull << 30)
#define LOOK_MS 60000 /* until then the groups of the file have said where they send */

struct outbox_route {
    struct link link;    /* in the outbox, on the loop */
    struct link link_ua; /* the same on the OPC UA thread */
    struct outbox *outbox;
    enum plan_transport kind;
    char *connection;               /* NULL: the program's */
    bool beside_own;                /* the same other side as the program's, with another secret */
    struct outbox_route *successor; /* the same other side with a newer secret; NULL: none */
    uint32_t lane_count;
    struct lane *lanes[OUTBOX_PARTITIONS_MAX]; /* NULL: could not be opened */
};

struct outbox {
    struct outbox_config config;
    struct outbox_options options;
    _Atomic uint64_t messages, bytes; /* in memory */
    _Atomic uint64_t crossing;        /* of them, between the threads */
    _Atomic uint64_t held;
    _Atomic bool wanted; /* somebody waits for on_room */
    struct list routes_ua;

    /* On the module's loop. */
    struct outbox_route *own; /* the program's */
    struct outbox_route *broker; /* the program's broker, where methods are called; NULL: none */
    struct list routes;
    struct transport *module; /* the one that sends on the module's connection; NULL: none */
    struct lane_counts counts;
    struct loop_timer look; /* for queues that nothing uses */
};

/* ---- lanes ---- */

static void on_memory(void *arg, uint64_t bytes);
static void on_enter(void *arg, const struct outgoing *m);

static bool has_disk(const struct outbox *o)
{
    return o->options.directory && o->options.durability != STORE_MEMORY;
}

static const char *connection_of(const struct outbox *o, const struct outbox_route *r)
{
    return r->connection ? r->connection : o->options.connections[r->kind];
}

static void put_directory(const struct outbox *o, const struct outbox_route *r, uint32_t partition,
                          const char *connection, struct buffer *out)
{
    if (!has_disk(o))
        return;
    buffer_printf(out, "%s/", o->options.directory);
    transport_identify(r->kind, connection, out);
    if (r->beside_own)
        buffer_text(out, "-group");
    if (r->lane_count > 1)
        buffer_printf(out, "-%u-of-%u", partition, r->lane_count);
}

/* One connection of the program's to its broker is called. */
static struct slice methods_of(const struct outbox *o, const struct outbox_route *r,
                               uint32_t partition)
{
    return r == o->broker && partition == 0 ? o->options.methods : (struct slice){0};
}

static enum status open_lane(struct outbox *o, struct outbox_route *r, uint32_t partition)
{
    const char *connection = connection_of(o, r);
    struct buffer directory = {0};
    put_directory(o, r, partition, connection, &directory);
    enum status s = lane_open(
        &(struct lane_config){
            .loop = o->config.loop,
            .ops = transport_ops(r->kind),
            .transport = {.connection = connection,
                          .client_id = o->config.name,
                          .ca_file = o->options.ca_file,
                          .partition = partition,
                          .partitions = r->lane_count,
                          .methods = methods_of(o, r, partition),
                          .module = o->config.module,
                          .role = o->config.role},
            .disk = o->config.disk ? o->config.disk : store_disk_real(),
            .directory = directory.len ? buffer_cstr(&directory) : NULL,
            .durability = o->options.durability,
            .bytes_max = o->options.bytes_max,
            .memory_bytes = o->options.memory_bytes,
            .age_ms = o->options.age_ms,
            .policy = o->options.policy,
            .counts = &o->counts,
            .on_memory = on_memory,
            .on_enter = on_enter,
            .arg = o,
        },
        &r->lanes[partition]);
    buffer_clear(&directory);
    if (s == OK && r->kind == TRANSPORT_IOT_HUB)
        o->module = lane_transport(r->lanes[partition]);
    return s;
}

static enum status open_route(struct outbox *o, struct outbox_route *r)
{
    enum status s = OK;
    list_push(&o->routes, &r->link);
    for (uint32_t i = 0; i < r->lane_count && s == OK; i++)
        s = open_lane(o, r, i);
    return s;
}

static void close_route(struct outbox_route *r)
{
    for (uint32_t i = 0; i < r->lane_count; i++)
        lane_close(&r->lanes[i]);
    list_remove(&r->link);
    free(r->connection);
    free(r);
}

static struct outbox_route *make_route(struct outbox *o, enum plan_transport kind,
                                       struct slice connection, uint32_t partitions)
{
    struct outbox_route *r = MEMORY_NEW(struct outbox_route);
    r->outbox = o;
    r->kind = kind;
    r->connection = connection.len ? slice_dup(connection) : NULL;
    r->lane_count = partitions > 0 && kind != TRANSPORT_IOT_HUB && kind != TRANSPORT_FILE
                        ? partitions
                        : 1;
    if (r->lane_count > OUTBOX_PARTITIONS_MAX)
        r->lane_count = OUTBOX_PARTITIONS_MAX;
    return r;
}

/* ---- the program's own ---- */

static bool is_configured(const struct outbox *o, enum plan_transport kind)
{
    if (kind == TRANSPORT_IOT_HUB)
        return o->config.role != NULL;
    return transport_ops(kind) && o->options.connections[kind];
}

/* In this order, the first that is configured. */
static enum plan_transport default_kind(const struct outbox *o)
{
    static const enum plan_transport order[] = {TRANSPORT_IOT_HUB,   TRANSPORT_MQTT,
                                                TRANSPORT_EVENT_HUB, TRANSPORT_KAFKA,
                                                TRANSPORT_DAPR,      TRANSPORT_HTTP,
                                                TRANSPORT_FILE};
    if (o->options.transport != TRANSPORT_UNSET)
        return o->options.transport;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (is_configured(o, order[i]))
            return order[i];
    return TRANSPORT_UNSET;
}

static enum status open_own(struct outbox *o)
{
    enum plan_transport kind = default_kind(o);
    if (o->options.refused) {
        log_error("publisher transport cannot be used: %s", o->options.refused);
        return BAD_ARGUMENT;
    }
    if (kind == TRANSPORT_UNSET || (kind != TRANSPORT_NULL && !is_configured(o, kind))) {
        log_error("publisher has no transport for its messages: none is configured%s",
                  kind == TRANSPORT_UNSET ? "" : " of the kind that was asked for");
        return BAD_ARGUMENT;
    }
    o->own = make_route(o, kind, (struct slice){0}, o->options.partitions);
    o->broker = kind == TRANSPORT_MQTT ? o->own : NULL;
    enum status s = open_route(o, o->own);
    if (s == OK && lane_transport(o->own->lanes[0]) == NULL)
        return BAD_ARGUMENT;
    return s;
}

/* Methods can be called over the program's broker, whether messages go there or not. */
static enum status open_broker(struct outbox *o)
{
    bool wanted = o->config.module && o->options.methods.len &&
                  o->options.connections[TRANSPORT_MQTT];
    if (o->broker || !wanted)
        return OK;
    o->broker = make_route(o, TRANSPORT_MQTT, (struct slice){0}, o->options.partitions);
    list_push(&o->routes_ua, &o->broker->link_ua);
    return open_route(o, o->broker);
}

/* ---- what an earlier configuration left ---- */

static bool is_used(const struct outbox *o, struct slice name)
{
    struct buffer directory = {0};
    bool used = false;
    for (const struct link *l = o->routes.head.next; l != &o->routes.head && !used; l = l->next) {
        const struct outbox_route *r = LIST_OF(l, struct outbox_route, link);
        for (uint32_t i = 0; i < r->lane_count && !used; i++) {
            buffer_reset(&directory);
            put_directory(o, r, i, connection_of(o, r), &directory);
            used = slice_ends(buffer_slice(&directory), name);
        }
    }
    buffer_clear(&directory);
    return used;
}

static void on_look(void *arg)
{
    struct outbox *o = arg;
    struct store_disk *disk = o->config.disk ? o->config.disk : store_disk_real();
    struct buffer names = {0};
    if (disk->ops->list(disk, o->options.directory, &names) != OK)
        buffer_reset(&names);
    struct slice rest = buffer_slice(&names), name;
    while (rest.len && slice_split(&rest, 0, &name))
        if (name.len && !slice_starts(name, SLICE(TOLD_FILE_PREFIX)) && !is_used(o, name))
            log_warn("publisher queue belongs to a transport that no group uses: what waits there "
                     "is not "
                     "sent until one does; or remove it path=%s/%.*s",
                     o->options.directory, SLICE_FMT(name));
    buffer_clear(&names);
}

/* ---- life ---- */

enum status outbox_new(const struct outbox_config *config, struct outbox **out)
{
    struct outbox *o = MEMORY_NEW(struct outbox);
    o->config = *config;
    o->options = *config->options;
    if (o->options.memory_bytes == 0)
        o->options.memory_bytes = MEMORY_BYTES;
    if (o->options.bytes_max == 0)
        o->options.bytes_max = DISK_BYTES;
    list_init(&o->routes);
    list_init(&o->routes_ua);
    enum status s = open_own(o);
    if (s == OK)
        s = open_broker(o);
    if (s != OK) {
        outbox_free(&o);
        return s;
    }
    if (has_disk(o))
        loop_timer_start(o->config.loop, &o->look, LOOK_MS, on_look, o);
    *out = o;
    return OK;
}

void outbox_free(struct outbox **outbox)
{
    struct outbox *o = *outbox;
    struct link *l;
    if (!o)
        return;
    loop_timer_stop(&o->look);
    atomic_store(&o->wanted, false); /* the other thread is gone */
    while ((l = list_first(&o->routes)))
        close_route(LIST_OF(l, struct outbox_route, link));
    free(o);
    *outbox = NULL;
}

/* ---- on the OPC UA thread ---- */

static bool same_folder(const struct outbox *o, const struct outbox_route *a,
                        const struct outbox_route *b)
{
    struct buffer x = {0}, y = {0};
    put_directory(o, a, 0, connection_of(o, a), &x);
    put_directory(o, b, 0, connection_of(o, b), &y);
    bool same = x.len > 0 && slice_eq(buffer_slice(&x), buffer_slice(&y));
    buffer_clear(&x);
    buffer_clear(&y);
    return same;
}

/* Where only a secret is another one, the newer route goes on with the older one's queue; but the
 * program's own stays as it is. */
static void take_over(struct outbox *o, struct outbox_route *r)
{
    r->beside_own = same_folder(o, o->own, r);
    LIST_EACH(l, &o->routes)
    {
        struct outbox_route *old = LIST_OF(l, struct outbox_route, link);
        if (old == o->own || old->successor || !same_folder(o, old, r))
            continue;
        for (uint32_t i = 0; i < old->lane_count; i++)
            lane_close(&old->lanes[i]);
        old->successor = r;
    }
}

static void on_route(void *arg)
{
    struct outbox_route *r = arg;
    take_over(r->outbox, r);
    if (open_route(r->outbox, r) != OK)
        log_error("publisher messages of a writer group are given up: see above");
}

static bool is_same(const struct outbox_route *r, enum plan_transport kind, struct slice connection,
                    uint32_t partitions)
{
    return r->kind == kind && r->lane_count == partitions &&
           slice_eq(slice_of(r->connection), connection);
}

struct outbox_route *outbox_route_ua(struct outbox *o, enum plan_transport kind,
                                     struct slice connection, uint32_t partitions)
{
    if (kind == TRANSPORT_UNSET)
        kind = o->own->kind;
    if (partitions == 0)
        partitions = o->options.partitions;
    if (kind == TRANSPORT_IOT_HUB || partitions == 0)
        partitions = 1;
    if (partitions > OUTBOX_PARTITIONS_MAX)
        partitions = OUTBOX_PARTITIONS_MAX;
    if (is_same(o->own, kind, connection, partitions))
        return NULL;
    LIST_EACH(l, &o->routes_ua)
    {
        struct outbox_route *r = LIST_OF(l, struct outbox_route, link_ua);
        if (is_same(r, kind, connection, partitions))
            return r;
    }
    struct outbox_route *r = make_route(o, kind, connection, partitions);
    list_push(&o->routes_ua, &r->link_ua);
    loop_post(o->config.loop, on_route, r);
    return r;
}

bool outbox_retains_ua(const struct outbox *o, const struct outbox_route *r)
{
    const struct transport_ops *ops = transport_ops(r ? r->kind : o->own->kind);
    return ops && ops->retains;
}

static bool is_full(const struct outbox *o)
{
    return atomic_load(&o->messages) >= OUTBOX_MESSAGES_MAX ||
           atomic_load(&o->bytes) >= o->options.memory_bytes;
}

bool outbox_has_room_ua(struct outbox *o)
{
    if (!is_full(o))
        return true;
    atomic_fetch_add(&o->held, 1);
    atomic_store(&o->wanted, true);
    if (is_full(o))
        return false;
    atomic_store(&o->wanted,
                 false); /* it came free meanwhile, and nobody may have seen that we wait */
    return true;
}

static void enter(struct outbox *o, const struct outgoing *m)
{
    atomic_fetch_add(&o->messages, 1);
    atomic_fetch_add(&o->bytes, m->body.len + m->properties.len);
}

struct crossing {
    struct outbox *outbox;
    struct outgoing *message;
};

static void arrive(struct outbox *o, struct outgoing *m);

static void on_crossed(void *arg)
{
    struct crossing *c = arg;
    atomic_fetch_sub(&c->outbox->crossing, 1);
    arrive(c->outbox, c->message);
    free(c);
}

void outbox_put_ua(struct outbox *o, struct outgoing *m)
{
    struct crossing *c = MEMORY_NEW(struct crossing);
    *c = (struct crossing){.outbox = o, .message = m};
    enter(o, m);
    atomic_fetch_add(&o->crossing, 1);
    loop_post(o->config.loop, on_crossed, c);
}

/* ---- on the module's loop ---- */

static void on_enter(void *arg, const struct outgoing *m)
{
    enter(arg, m);
}

static bool has_room_again(const struct outbox *o)
{
    return atomic_load(&o->messages) <= OUTBOX_MESSAGES_MAX / 2 &&
           atomic_load(&o->bytes) <= o->options.memory_bytes / 2;
}

static void on_memory(void *arg, uint64_t bytes)
{
    struct outbox *o = arg;
    atomic_fetch_sub(&o->messages, 1);
    atomic_fetch_sub(&o->bytes, bytes);
    if (has_room_again(o) && atomic_exchange(&o->wanted, false))
        opcua_thread_post(o->config.thread, o->config.on_room, o->config.arg);
}

static void arrive(struct outbox *o, struct outgoing *m)
{
    struct outbox_route *r = m->route ? m->route : o->own;
    while (r->successor)
        r = r->successor;
    uint32_t n = r->lane_count > 1 ? (uint32_t)(slice_hash(slice_of(m->beside ? m->beside : m->topic)) % r->lane_count) : 0;
    if (r->lanes[n]) {
        lane_put(r->lanes[n], m);
        return;
    }
    o->counts.dropped[GAP_REFUSED]++;
    o->counts.dropped_values += m->values;
    on_memory(o, m->body.len + m->properties.len);
    outgoing_free(&m);
}

void outbox_put(struct outbox *o, struct outgoing *m)
{
    enter(o, m);
    arrive(o, m);
}

void outbox_on_sent(struct outbox *o, uint64_t token, enum status why)
{
    if (o->module)
        transport_module_sent(o->module, token, why);
}

void outbox_on_room(struct outbox *o)
{
    if (o->module)
        transport_module_room(o->module);
}

static void add(struct outbox_counts *c, const struct lane *l, bool on_disk)
{
    if (!l)
        return;
    struct queue_counts q = lane_queue_counts(l);
    c->waiting += q.waiting;
    c->unstored += on_disk ? q.unstored : q.waiting;
    c->stored += q.durable;
    c->disk_bytes += q.bytes;
    c->damaged += q.damaged;
    c->disk_failures += q.failures;
}

struct outbox_counts outbox_counts(const struct outbox *o)
{
    struct outbox_counts c = {
        .lanes = o->counts, .waiting_bytes = atomic_load(&o->bytes), .held = atomic_load(&o->held)};
    c.waiting = c.unstored = atomic_load(&o->crossing);
    for (const struct link *l = o->routes.head.next; l != &o->routes.head; l = l->next) {
        const struct outbox_route *r = LIST_OF(l, struct outbox_route, link);
        for (uint32_t i = 0; i < r->lane_count; i++)
            add(&c, r->lanes[i], has_disk(o));
    }
    return c;
}
