#include "outbox/lane.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "outbox/refused_schemas.h"
#include "outbox/seen.h"

#define LOOK_MS                                                                                    \
    10000 /* how often what waits is looked at for its age, and the disk tried again               \
           */

#define SCHEMAS LANE_PRIORITIES
#define SCHEMAS_DIRECTORY "schemas"

struct flight { /* what a token stands for */
    struct queue *queue;
    struct queue_flight *place; /* NULL: free */
    uint64_t bytes, gap;        /* gap: number of the one that it tells; 0: none */
    uint32_t values;
    bool named;
    struct outgoing *schema; /* a copy of it, in case it is refused; NULL: it is none */
    struct gap_key key; /* its source is owned */
};

struct lane {
    struct lane_config config;
    struct transport *transport;
    struct queue *queues[LANE_QUEUES]; /* by priority, and SCHEMAS; NULL until the first message */
    struct flight flights[LANE_FLIGHTS_MAX];
    uint64_t next_token, flying_bytes;
    bool pumping;
    struct refused_schemas *refused;
    struct gaps gaps;
    struct seen seen;
    struct gaps_file *file; /* on its way to the disk */
    bool gaps_changed;
    struct loop_timer look;
    struct buffer properties;
};

static void pump(struct lane *l);

/* ---- gaps, and their file ---- */

struct gaps_file {
    struct lane *lane; /* NULL: it went */
    char *path;
    struct buffer text;
    enum status status;
    pthread_mutex_t lock; /* one writes at a time */
    bool outdated;        /* a newer one stands there */
};

static char *gaps_path(const struct lane *l)
{
    struct buffer path = {0};
    buffer_printf(&path, "%s/gaps", l->config.directory);
    char *text = memory_text(buffer_cstr(&path));
    buffer_clear(&path);
    return text;
}

static void write_gaps(void *arg) /* on a helper thread */
{
    struct gaps_file *f = arg;
    pthread_mutex_lock(&f->lock);
    if (!f->outdated)
        f->status = file_write(f->path, buffer_slice(&f->text));
    pthread_mutex_unlock(&f->lock);
}

static void free_gaps_file(void *arg)
{
    struct gaps_file *f = arg;
    pthread_mutex_destroy(&f->lock);
    buffer_clear(&f->text);
    free(f->path);
    free(f);
}

static void save_gaps(struct lane *l);

static void on_gaps_written(void *arg)
{
    struct gaps_file *f = arg;
    struct lane *l = f->lane;
    if (f->status != OK)
        log_warn("publisher gaps not written path=%s status=%s", f->path, status_name(f->status));
    free_gaps_file(f);
    if (!l)
        return;
    l->file = NULL;
    if (l->gaps_changed)
        save_gaps(l);
}

static void save_gaps(struct lane *l)
{
    l->gaps_changed = l->file && l->config.directory;
    if (l->file || !l->config.directory)
        return;
    struct gaps_file *f = MEMORY_NEW(struct gaps_file);
    f->lane = l;
    f->path = gaps_path(l);
    pthread_mutex_init(&f->lock, NULL);
    gaps_put(&l->gaps, &f->text);
    l->file = f;
    loop_work_or_drop(l->config.loop, write_gaps, on_gaps_written, free_gaps_file, f);
}

static void read_gaps(struct lane *l)
{
    char *path = gaps_path(l);
    struct buffer text = {0};
    if (file_read(path, &text) == OK)
        gaps_read(&l->gaps, buffer_slice(&text));
    buffer_clear(&text);
    free(path);
}

static void add_gap(struct lane *l, struct slice properties, enum gap_reason why, bool maybe)
{
    struct gap_key key;
    if (!gap_key_of(properties, &key))
        return;
    gaps_add(&l->gaps, &key, why, maybe);
    save_gaps(l);
}

/* It is the next of its source, and some before it may have lain where the disk does not read. */
static void note_seen(struct lane *l, const struct gap_key *key)
{
    struct gap_key lost = *key;
    if (!seen_note(&l->seen, key, &lost.sequence))
        return;
    gaps_add_range(&l->gaps, &lost, key->sequence - 1, GAP_DAMAGED);
    save_gaps(l);
}

/* Given up in its turn. */
static void give_up(struct lane *l, struct queue *q, const struct queue_next *n, enum gap_reason why)
{
    struct gap_key key;
    if (gap_key_of(n->view.properties, &key))
        note_seen(l, &key);
    queue_drop(q, why);
}

/* ---- what a queue says ---- */

static void say_schema_lost(enum gap_reason why)
{
    log_error("publisher schema given up: messages that name it cannot be read reason=%s",
              gap_reason_word(why));
}

static void offer_again(void *arg, struct outgoing *m)
{
    struct lane *l = arg;
    if (l->config.on_enter)
        l->config.on_enter(l->config.arg, m);
    lane_put(l, m);
}

static void on_dropped(void *arg, const struct outgoing_view *v, enum gap_reason why)
{
    struct lane *l = arg;
    struct gap_key key;
    bool in_its_turn = why == GAP_BYTES && l->config.policy != QUEUE_NEWEST;
    if (in_its_turn && gap_key_of(v->properties, &key))
        note_seen(l, &key);
    l->config.counts->dropped[why]++;
    l->config.counts->dropped_values += v->values;
    if (v->schema && why == GAP_REFUSED && l->transport)
        refused_schemas_add(l->refused, outgoing_copy(v), l->next_token);
    else if (v->schema)
        say_schema_lost(why);
    else
        add_gap(l, v->properties, why, false);
}

static void on_schemas_damaged(void *arg, uint64_t count)
{
    (void)arg, (void)count;
    say_schema_lost(GAP_DAMAGED);
}

static void on_damaged(void *arg, uint64_t count)
{
    seen_damage(&((struct lane *)arg)->seen, count);
}

static void on_exposed(void *arg, struct slice properties)
{
    add_gap(arg, properties, GAP_BYTES, true);
}

static void on_memory(void *arg, uint64_t bytes)
{
    struct lane *l = arg;
    if (l->config.on_memory)
        l->config.on_memory(l->config.arg, bytes);
}

static void on_durable(void *arg)
{
    pump(arg);
}

/* Of schemas none is newer than what is said of it. */
static enum queue_policy policy_of(const struct lane *l, unsigned which)
{
    bool newest = l->config.policy == QUEUE_NEWEST;
    return which == SCHEMAS && newest ? QUEUE_OLDEST : l->config.policy;
}

static enum status open_queue(struct lane *l, unsigned which)
{
    struct buffer directory = {0};
    if (l->config.directory && which == SCHEMAS)
        buffer_printf(&directory, "%s/" SCHEMAS_DIRECTORY, l->config.directory);
    else if (l->config.directory)
        buffer_printf(&directory, "%s/priority-%u", l->config.directory, which);
    enum status s = queue_open(
        &(struct queue_config){.loop = l->config.loop,
                               .disk = l->config.disk,
                               .directory = l->config.directory ? buffer_cstr(&directory) : NULL,
                               .durability = l->config.durability,
                               .bytes_max = l->config.bytes_max,
                               .memory_bytes = l->config.memory_bytes,
                               .policy = policy_of(l, which),
                               .on_dropped = on_dropped,
                               .on_memory = on_memory,
                               .on_durable = on_durable,
                               .on_damaged = which == SCHEMAS ? on_schemas_damaged : on_damaged,
                               .arg = l},
        &l->queues[which]);
    if (s == OK)
        queue_on_exposed(l->queues[which], on_exposed, l);
    buffer_clear(&directory);
    return s;
}

/* ---- sending ---- */

static bool is_too_old(const struct lane *l, const struct queue_next *n, enum gap_reason *why)
{
    bool of_no_use = n->view.ttl_ms && n->age_ms >= n->view.ttl_ms;
    *why = of_no_use ? GAP_TTL : GAP_AGE;
    if (n->view.schema) /* what waits behind it may name it, and what comes later */
        return false;
    return of_no_use || (l->config.age_ms && n->age_ms > l->config.age_ms);
}

static struct flight *flight_of(struct lane *l, uint64_t token)
{
    return &l->flights[token % LANE_FLIGHTS_MAX];
}

/* The message with the gap that it tells, if there is one. */
static uint64_t tell_gap(struct lane *l, struct outgoing_view *v, bool named,
                         const struct gap_key *key)
{
    if (l->gaps.count == 0 || !named)
        return 0;
    buffer_reset(&l->properties);
    buffer_put(&l->properties, v->properties);
    uint64_t gap = gaps_tell(&l->gaps, key->source, &l->properties);
    v->properties = buffer_slice(&l->properties);
    return gap;
}

static struct gap_key own(struct gap_key key)
{
    key.source = slice_from(slice_dup(key.source), key.source.len);
    return key;
}

static void take_off(struct lane *l, struct queue *q, const struct flight *made)
{
    struct flight *f = flight_of(l, l->next_token++);
    *f = *made;
    if (f->named)
        f->key = own(f->key);
    f->queue = q;
    f->place = queue_take(q);
    l->flying_bytes += f->bytes;
}

/* AGAIN: nothing to send here; FULL: the transport takes no more. */
static enum status send_one(struct lane *l, struct queue *q)
{
    struct queue_next n;
    enum gap_reason why;
    if (queue_peek(q, &n) != OK)
        return AGAIN;
    if (is_too_old(l, &n, &why)) {
        give_up(l, q, &n, why);
        return OK;
    }
    struct flight f = {.bytes = n.view.body.len, .values = n.view.values};
    if (flight_of(l, l->next_token)->place ||
        (l->flying_bytes > 0 && l->flying_bytes + f.bytes > LANE_FLIGHT_BYTES_MAX))
        return FULL;
    if (n.view.ttl_ms)
        n.view.ttl_ms -= n.age_ms;
    f.named = gap_key_of(n.view.properties, &f.key);
    if (f.named)
        note_seen(l, &f.key);
    f.gap = tell_gap(l, &n.view, f.named, &f.key);
    enum status s = l->transport->ops->send(l->transport, &n.view, l->next_token);
    if (s == OK) {
        f.schema = n.view.schema ? outgoing_copy(&n.view) : NULL;
        take_off(l, q, &f);
        return OK;
    }
    if (f.gap)
        gaps_told(&l->gaps, f.gap, false);
    if (s == FULL)
        return FULL;
    log_error("publisher message refused transport=%s bytes=%" PRIu64 " status=%s",
              l->transport->ops->name, f.bytes, status_name(s));
    queue_drop(q, GAP_REFUSED);
    return OK;
}

/* Nobody will ever take it. */
static void refuse_all(struct lane *l)
{
    struct queue_next n;
    for (int i = 0; i < LANE_QUEUES; i++)
        while (l->queues[i] && queue_peek(l->queues[i], &n) == OK)
            give_up(l, l->queues[i], &n, GAP_REFUSED);
}

/* The disk has schemas that it does not give yet. */
static bool waits_for_schemas(const struct lane *l)
{
    return l->queues[SCHEMAS] && queue_waits(l->queues[SCHEMAS]);
}

static void pump(struct lane *l)
{
    if (l->pumping)
        return;
    l->pumping = true;
    enum status s = OK;
    for (int i = LANE_QUEUES - 1; i >= 0 && s != FULL && l->transport; i--) {
        if (i < SCHEMAS && waits_for_schemas(l))
            break;
        while (l->queues[i] && (s = send_one(l, l->queues[i])) == OK)
            ;
    }
    if (!l->transport)
        refuse_all(l);
    l->pumping = false;
}

/* ---- what the transport says ---- */

static void count(struct lane *l, const struct flight *f)
{
    l->config.counts->sent++;
    l->config.counts->sent_bytes += f->bytes;
    l->config.counts->sent_values += f->values;
    l->config.counts->gaps += f->gap != 0;
}

static void land(struct lane *l, struct flight *f, uint64_t token, enum status why)
{
    if (f->gap)
        gaps_told(&l->gaps, f->gap, why == OK);
    if (f->named && why == OK && l->gaps.count)
        gaps_arrived(&l->gaps, &f->key);
    if (f->gap && why == OK)
        save_gaps(l);
    if (why == OK) {
        count(l, f);
        if (f->schema)
            refused_schemas_taken(l->refused, f->schema, token);
    } else {
        l->config.counts->dropped[GAP_REFUSED]++;
        l->config.counts->dropped_values += f->values;
        if (f->named)
            gaps_add(&l->gaps, &f->key, GAP_REFUSED, false);
        if (f->schema)
            refused_schemas_add(l->refused, f->schema, token), f->schema = NULL;
        save_gaps(l);
    }
    queue_settle(f->queue, &f->place);
}

static void clear_flight(struct flight *f)
{
    free((void *)f->key.source.at);
    if (f->schema)
        outgoing_free(&f->schema);
    *f = (struct flight){0};
}

static void on_sent(void *arg, uint64_t token, enum status why)
{
    struct lane *l = arg;
    struct flight *f = flight_of(l, token);
    if (!f->place)
        return;
    l->flying_bytes -= f->bytes;
    if (why == CANCELLED && l->config.directory)
        f->place = NULL; /* it stays in the queue, for the next start */
    else if (why == CANCELLED)
        l->config.counts->lost++, queue_settle(f->queue, &f->place);
    else
        land(l, f, token, why);
    clear_flight(f);
    if (why != CANCELLED)
        pump(l);
}

static void on_room(void *arg)
{
    pump(arg);
}

static const struct transport_events events = {.on_sent = on_sent, .on_room = on_room};

/* ---- life ---- */

/* While nothing can be sent, what grows too old goes all the same. */
static void on_look(void *arg)
{
    struct lane *l = arg;
    struct queue_next n;
    enum gap_reason why;
    for (int i = 0; i < LANE_QUEUES; i++)
        while (l->queues[i] && queue_peek(l->queues[i], &n) == OK && is_too_old(l, &n, &why))
            give_up(l, l->queues[i], &n, why);
    pump(l);
    loop_timer_start(l->config.loop, &l->look, LOOK_MS, on_look, l);
}

/* Those that an earlier start left. */
static enum status open_queues(struct lane *l)
{
    struct buffer names = {0};
    enum status s = file_make_directory(l->config.directory);
    if (s == OK)
        s = l->config.disk->ops->list(l->config.disk, l->config.directory, &names);
    struct slice rest = buffer_slice(&names), name;
    while (s == OK && rest.len && slice_split(&rest, 0, &name)) {
        uint64_t priority;
        if (slice_starts(name, SLICE("priority-")) &&
            slice_to_u64(slice_skip(name, strlen("priority-")), &priority) &&
            priority < LANE_PRIORITIES)
            s = open_queue(l, (unsigned)priority);
        else if (slice_eq(name, SLICE(SCHEMAS_DIRECTORY)))
            s = open_queue(l, SCHEMAS);
    }
    buffer_clear(&names);
    return s == OK ? OK : IO_FAILED;
}

static void open_transport(struct lane *l)
{
    const struct transport_ops *ops = l->config.ops;
    l->config.transport.loop = l->config.loop;
    l->config.transport.durable = l->config.directory && l->config.durability == STORE_FSYNC;
    l->config.transport.events = &events;
    l->config.transport.arg = l;
    enum status s = ops ? ops->open(&l->config.transport, &l->transport) : UNSUPPORTED;
    if (s != OK)
        log_error("publisher transport cannot be used transport=%s status=%s",
                  ops ? ops->name : "?", status_name(s));
}

enum status lane_open(const struct lane_config *config, struct lane **out)
{
    struct lane *l = MEMORY_NEW(struct lane);
    l->config = *config;
    l->refused = refused_schemas_new(config->loop, offer_again, l);
    gaps_init(&l->gaps);
    if (config->directory) {
        l->config.directory = memory_text(config->directory);
        enum status s = open_queues(l);
        if (s != OK) {
            log_error("publisher queue cannot be used directory=%s status=%s", l->config.directory,
                      status_name(s));
            lane_close(&l);
            return s;
        }
        read_gaps(l);
    }
    open_transport(l);
    loop_timer_start(l->config.loop, &l->look, 0, on_look, l);
    *out = l;
    return OK;
}

/* What the helper thread has is older, and it may not have begun with it. */
static void write_last_gaps(struct lane *l, struct gaps_file *older)
{
    struct buffer text = {0};
    gaps_put(&l->gaps, &text);
    pthread_mutex_lock(&older->lock);
    older->outdated = true;
    enum status s = file_write(older->path, buffer_slice(&text));
    pthread_mutex_unlock(&older->lock);
    if (s != OK)
        log_warn("publisher gaps not written path=%s status=%s", older->path, status_name(s));
    buffer_clear(&text);
}

void lane_close(struct lane **lane)
{
    struct lane *l = *lane;
    if (!l)
        return;
    loop_timer_stop(&l->look);
    if (l->transport)
        l->transport->ops->close(&l->transport);
    for (size_t i = 0; i < LANE_FLIGHTS_MAX; i++)
        clear_flight(&l->flights[i]);
    refused_schemas_free(&l->refused);
    for (int i = 0; i < LANE_QUEUES; i++)
        queue_close(&l->queues[i]);
    if (l->file && l->gaps_changed)
        write_last_gaps(l, l->file);
    if (l->file)
        l->file->lane = NULL;
    gaps_clear(&l->gaps);
    seen_clear(&l->seen);
    buffer_clear(&l->properties);
    free((char *)l->config.directory);
    free(l);
    *lane = NULL;
}

void lane_put(struct lane *l, struct outgoing *m)
{
    unsigned which = m->schema ? SCHEMAS : m->priority;
    if (m->schema)
        refused_schemas_renew(l->refused, m);
    if (!l->queues[which] && open_queue(l, which) != OK) {
        struct outgoing_view v = outgoing_view(m);
        on_dropped(l, &v, GAP_DAMAGED);
        on_memory(l, v.body.len + v.properties.len);
        outgoing_free(&m);
        return;
    }
    queue_put(l->queues[which], m);
    pump(l);
}

struct transport *lane_transport(const struct lane *l)
{
    return l->transport;
}

struct queue_counts lane_queue_counts(const struct lane *l)
{
    struct queue_counts all = {0};
    for (int i = 0; i < LANE_QUEUES; i++) {
        if (!l->queues[i])
            continue;
        struct queue_counts c = queue_counts(l->queues[i]);
        all.waiting += c.waiting;
        all.unstored += c.unstored;
        all.durable += c.durable;
        all.bytes += c.bytes;
        all.damaged += c.damaged;
        all.failures += c.failures;
    }
    return all;
}
