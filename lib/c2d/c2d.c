#include "c2d/c2d.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "c2d/c2d_priv.h"

/* ---- iothub-ack ---- */

static const struct slice ack_words[] = {
    [C2D_ACK_NONE] = SLICE_INIT("none"),
    [C2D_ACK_POSITIVE] = SLICE_INIT("positive"),
    [C2D_ACK_NEGATIVE] = SLICE_INIT("negative"),
    [C2D_ACK_FULL] = SLICE_INIT("full"),
};

bool c2d_ack_of(struct slice word, enum c2d_ack *out)
{
    for (unsigned i = 0; i < sizeof(ack_words) / sizeof(ack_words[0]); i++)
        if (slice_eq_nocase(word, ack_words[i])) {
            *out = (enum c2d_ack)i;
            return true;
        }
    return false;
}

struct slice c2d_ack_word(enum c2d_ack ack)
{
    return ack_words[ack];
}

/* ---- an errand's life ---- */

static struct c2d_errand *errand_new(struct registry *r, struct loop *loop, void *arg)
{
    struct c2d_errand *e = MEMORY_NEW(struct c2d_errand);
    e->registry = r;
    e->now_ms = loop_wall_ms(loop);
    e->arg = arg;
    return e;
}

static void errand_free(struct c2d_errand *e)
{
    arena_clear(&e->arena);
    free(e);
}

void c2d_due(struct c2d_errand *e, uint64_t wall_ms)
{
    uint64_t *due_ms = &e->registry->messages_due_ms;
    uint64_t before_ms = __atomic_load_n(due_ms, __ATOMIC_RELAXED);
    while (wall_ms < before_ms && !__atomic_compare_exchange_n(due_ms, &before_ms, wall_ms, true,
                                                               __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static void add(uint64_t *count, uint64_t more)
{
    if (more)
        __atomic_fetch_add(count, more, __ATOMIC_RELAXED);
}

struct registry_messages c2d_count(const struct registry *r)
{
    return (struct registry_messages){
        .sent = __atomic_load_n(&r->messages.sent, __ATOMIC_RELAXED),
        .completed = __atomic_load_n(&r->messages.completed, __ATOMIC_RELAXED),
        .dead = __atomic_load_n(&r->messages.dead, __ATOMIC_RELAXED),
        .feedback = __atomic_load_n(&r->messages.feedback, __ATOMIC_RELAXED),
        .waiting = __atomic_load_n(&r->messages.waiting, __ATOMIC_RELAXED),
    };
}

/* After the commit: who waits for what has changed, and the counters. */
static void tell(struct c2d_errand *e)
{
    struct registry *r = e->registry;
    const struct registry_events *events = &r->events;
    for (size_t i = 0; events->on_message && i < e->waiting_count; i++)
        events->on_message(events->arg, (struct iot_id){.device = e->waiting[i]});
    if (e->batch_waits && events->on_feedback)
        events->on_feedback(events->arg);
    add(&r->messages.sent, e->ended.sent);
    add(&r->messages.completed, e->ended.completed);
    add(&r->messages.dead, e->ended.dead);
    add(&r->messages.feedback, e->ended.feedback);
    add(&r->messages.waiting,
        e->ended.sent - e->ended.completed - e->ended.dead); /* around zero, both ways */
}

/* ---- sending ---- */

static void end_send(void *arg, enum status why)
{
    struct c2d_errand *e = arg;
    if (why == OK)
        tell(e);
    if (e->sent_fn)
        e->sent_fn(e->arg, why, e->text ? e->text : "the message could not be stored");
    errand_free(e);
}

static struct iot_message copy(struct arena *a, const struct iot_message *m)
{
    struct iot_message c = *m;
    struct slice *all[] = {&c.body,      &c.message_id,   &c.correlation_id,   &c.user_id,
                           &c.to,        &c.content_type, &c.content_encoding, &c.output,
                           &c.input,     &c.subject,      &c.interface_id,     &c.schema,
                           &c.properties};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        *all[i] = arena_copy(a, *all[i]);
    return c;
}

static size_t bytes_of(const struct iot_message *m)
{
    return m->body.len + m->properties.len + m->message_id.len + m->correlation_id.len +
           m->user_id.len + m->to.len + m->content_type.len + m->content_encoding.len +
           m->subject.len;
}

static enum status check(struct c2d_errand *e, const struct iot_message *m)
{
    const struct iot_limits *l = e->registry->limits;
    if (bytes_of(m) > l->c2d_bytes) {
        e->text = arena_printf(&e->arena,
                               "a message to a device has at most %llu bytes with its properties",
                               (unsigned long long)l->c2d_bytes);
        return TOO_LARGE;
    }
    if (m->message_id.len > IOT_MESSAGE_ID_MAX) {
        e->text = "a message id has at most 128 characters";
        return BAD_ARGUMENT;
    }
    if (m->expiry_ms && m->expiry_ms <= e->now_ms) {
        e->text = "absolute-expiry-time is past";
        return BAD_ARGUMENT;
    }
    if (m->expiry_ms > e->now_ms + l->c2d_ttl_ms_max) {
        e->text = arena_printf(&e->arena, "absolute-expiry-time is more than %llu hours away",
                               (unsigned long long)(l->c2d_ttl_ms_max / 3600000));
        return BAD_ARGUMENT;
    }
    return OK;
}

static void refuse_send(void *arg)
{
    struct c2d_errand *e = arg;
    end_send(e, e->refused);
}

void c2d_send(struct registry *r, struct loop *loop, struct slice device,
              const struct iot_message *m, enum c2d_ack ack, c2d_sent_fn *fn, void *arg)
{
    struct c2d_errand *e = errand_new(r, loop, arg);
    e->sent_fn = fn;
    e->refused = check(e, m);
    if (e->refused != OK) {
        loop_defer(loop, refuse_send, e);
        return;
    }
    e->device = arena_copy(&e->arena, device);
    e->message = copy(&e->arena, m);
    e->ack = ack;
    registry_post(r, loop, c2d_queue_send, end_send, e);
}

/* ---- taking and settling ---- */

static uint64_t bounded(uint64_t ms)
{
    return ms < C2D_LOCK_MS_MIN ? C2D_LOCK_MS_MIN : ms > C2D_LOCK_MS_MAX ? C2D_LOCK_MS_MAX : ms;
}

uint64_t c2d_lock_ms_max(const struct c2d_errand *e)
{
    const struct iot_limits *l = e->registry->limits;
    uint64_t most = l->c2d_lock_ms > l->feedback_lock_ms ? l->c2d_lock_ms : l->feedback_lock_ms;
    most = most > l->notification_lock_ms ? most : l->notification_lock_ms;
    return most > C2D_LOCK_MS_MAX ? most : C2D_LOCK_MS_MAX;
}

static void end_take(void *arg, enum status why)
{
    struct c2d_errand *e = arg;
    if (why == OK)
        tell(e);
    e->taken_fn(e->arg, why, e->taken, why == OK ? e->count : 0);
    errand_free(e);
}

void c2d_take(struct registry *r, struct loop *loop, const struct c2d_want *want, c2d_taken_fn *fn,
              void *arg)
{
    struct c2d_errand *e = errand_new(r, loop, arg);
    e->want = *want;
    e->device = arena_copy(&e->arena, want->device);
    e->want.lock_ms = want->lock_ms ? bounded(want->lock_ms) : r->limits->c2d_lock_ms;
    if (e->want.count > C2D_TAKE_MAX)
        e->want.count = C2D_TAKE_MAX;
    loop_random(loop, e->random, e->want.count * sizeof(e->random[0]));
    e->taken_fn = fn;
    registry_post(r, loop, c2d_queue_take, end_take, e);
}

static void end_settle(void *arg, enum status why)
{
    struct c2d_errand *e = arg;
    if (why == OK)
        tell(e);
    if (e->settled_fn)
        e->settled_fn(e->arg, why);
    errand_free(e);
}

static void settle(struct registry *r, struct loop *loop, struct c2d_errand *e, struct slice lock,
                   enum heads_outcome how, store_table_errand *run)
{
    e->lock = arena_copy(&e->arena, lock);
    e->how = how;
    registry_post(r, loop, run, end_settle, e);
}

void c2d_settle(struct registry *r, struct loop *loop, struct slice device, struct slice lock,
                enum heads_outcome how, c2d_settled_fn *fn, void *arg)
{
    struct c2d_errand *e = errand_new(r, loop, arg);
    e->device = arena_copy(&e->arena, device);
    e->settled_fn = fn;
    settle(r, loop, e, lock, how, c2d_queue_settle);
}

static void end_purge(void *arg, enum status why)
{
    struct c2d_errand *e = arg;
    if (why == OK)
        tell(e);
    e->purged_fn(e->arg, why, e->count);
    errand_free(e);
}

void c2d_purge(struct registry *r, struct loop *loop, struct slice device, c2d_purged_fn *fn,
               void *arg)
{
    struct c2d_errand *e = errand_new(r, loop, arg);
    e->device = arena_copy(&e->arena, device);
    e->purged_fn = fn;
    registry_post(r, loop, c2d_queue_purge, end_purge, e);
}

/* ---- feedback ---- */

static void end_feedback(void *arg, enum status why)
{
    struct c2d_errand *e = arg;
    e->feedback_fn(e->arg, why, &e->feedback);
    errand_free(e);
}

void c2d_feedback_take(struct registry *r, struct loop *loop, enum c2d_feed feed,
                       c2d_feedback_fn *fn, void *arg)
{
    struct c2d_errand *e = errand_new(r, loop, arg);
    e->feed = feed;
    loop_random(loop, e->random, sizeof(e->random[0]));
    e->feedback_fn = fn;
    registry_post(r, loop, c2d_batch_take, end_feedback, e);
}

void c2d_feedback_settle(struct registry *r, struct loop *loop, struct slice lock,
                         enum heads_outcome how, c2d_settled_fn *fn, void *arg)
{
    struct c2d_errand *e = errand_new(r, loop, arg);
    e->settled_fn = fn;
    settle(r, loop, e, lock, how, c2d_batch_settle);
}

/* ---- time ---- */

#define TICK_MS 1000u
#define JUMP_MS 2000 /* less is a clock that is set right bit by bit, or a loop that was busy */

static void on_tick(void *arg);

static void end_sweep(void *arg, enum status why)
{
    struct c2d_errand *e = arg;
    struct c2d_clock *c = e->arg;
    if (why == OK) {
        tell(e);
    } else { /* again with the next tick; the log line says what failed */
        c->jumped_ms += e->jumped_ms;
        c2d_due(e, 0);
    }
    c->sweeping = false;
    errand_free(e);
}

/* How far the wall clock went beyond the time that has passed since the last tick. */
static void see_jump(struct c2d_clock *c)
{
    uint64_t wall_ms = loop_wall_ms(c->loop), now_ms = loop_now_ms(c->loop);
    int64_t passed_ms = (int64_t)(now_ms - c->now_ms);
    int64_t jumped_ms = (int64_t)(wall_ms - c->wall_ms) - passed_ms;
    if (jumped_ms > JUMP_MS || jumped_ms < -JUMP_MS) {
        log_warn("the wall clock has jumped seconds=%lld", (long long)jumped_ms / 1000);
        c->jumped_ms += jumped_ms;
        c->jumped_at_ms = wall_ms - (uint64_t)passed_ms;
    }
    c->wall_ms = wall_ms;
    c->now_ms = now_ms;
}

static void sweep(struct c2d_clock *c)
{
    struct c2d_errand *e = errand_new(c->registry, c->loop, c);
    e->jumped_ms = c->jumped_ms;
    e->jumped_at_ms = c->jumped_at_ms;
    c->jumped_ms = 0;
    c->sweeping = true;
    registry_post(c->registry, c->loop, c2d_queue_sweep, end_sweep, e);
}

/* Looks at the time often, and at the database when something is due. */
static void on_tick(void *arg)
{
    struct c2d_clock *c = arg;
    uint64_t due_ms = __atomic_load_n(&c->registry->messages_due_ms, __ATOMIC_RELAXED);
    see_jump(c);
    if (!c->sweeping && (c->jumped_ms || due_ms <= c->wall_ms))
        sweep(c);
    loop_timer_start(c->loop, &c->timer, TICK_MS, on_tick, c);
}

void c2d_clock_start(struct c2d_clock *c, struct registry *r, struct loop *loop)
{
    *c = (struct c2d_clock){
        .registry = r, .loop = loop, .wall_ms = loop_wall_ms(loop), .now_ms = loop_now_ms(loop)};
    __atomic_store_n(&r->messages_due_ms, 0, __ATOMIC_RELAXED); /* whatever was left */
    loop_timer_start(loop, &c->timer, TICK_MS, on_tick, c);
}
