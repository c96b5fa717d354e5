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
    struct c2d_errand *j = MEMORY_NEW(struct c2d_errand);
    j->registry = r;
    j->now_ms = loop_wall_ms(loop);
    j->arg = arg;
    return j;
}

static void errand_free(struct c2d_errand *j)
{
    arena_clear(&j->arena);
    free(j);
}

void c2d_due(struct c2d_errand *j, uint64_t wall_ms)
{
    uint64_t *due_ms = &j->registry->messages_due_ms;
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
static void tell(struct c2d_errand *j)
{
    struct registry *r = j->registry;
    const struct registry_events *events = &r->events;
    for (size_t i = 0; events->on_message && i < j->waiting_count; i++)
        events->on_message(events->arg, (struct iot_id){.device = j->waiting[i]});
    if (j->batch_waits && events->on_feedback)
        events->on_feedback(events->arg);
    add(&r->messages.sent, j->ended.sent);
    add(&r->messages.completed, j->ended.completed);
    add(&r->messages.dead, j->ended.dead);
    add(&r->messages.feedback, j->ended.feedback);
    add(&r->messages.waiting, j->ended.sent - j->ended.completed - j->ended.dead); /* around zero, both ways */
}

/* ---- sending ---- */

static void end_send(void *arg, enum status why)
{
    struct c2d_errand *j = arg;
    if (why == OK)
        tell(j);
    if (j->sent_fn)
        j->sent_fn(j->arg, why, j->text ? j->text : "the message could not be stored");
    errand_free(j);
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

static enum status check(struct c2d_errand *j, const struct iot_message *m)
{
    const struct iot_limits *l = j->registry->limits;
    if (bytes_of(m) > l->c2d_bytes) {
        j->text = arena_printf(&j->arena,
                               "a message to a device has at most %llu bytes with its properties",
                               (unsigned long long)l->c2d_bytes);
        return TOO_LARGE;
    }
    if (m->message_id.len > IOT_MESSAGE_ID_MAX) {
        j->text = "a message id has at most 128 characters";
        return BAD_ARGUMENT;
    }
    if (m->expiry_ms && m->expiry_ms <= j->now_ms) {
        j->text = "absolute-expiry-time is past";
        return BAD_ARGUMENT;
    }
    if (m->expiry_ms > j->now_ms + l->c2d_ttl_ms_max) {
        j->text = arena_printf(&j->arena, "absolute-expiry-time is more than %llu hours away",
                               (unsigned long long)(l->c2d_ttl_ms_max / 3600000));
        return BAD_ARGUMENT;
    }
    return OK;
}

static void refuse_send(void *arg)
{
    struct c2d_errand *j = arg;
    end_send(j, j->refused);
}

void c2d_send(struct registry *r, struct loop *loop, struct slice device,
              const struct iot_message *m, enum c2d_ack ack, c2d_sent_fn *fn, void *arg)
{
    struct c2d_errand *j = errand_new(r, loop, arg);
    j->sent_fn = fn;
    j->refused = check(j, m);
    if (j->refused != OK) {
        loop_defer(loop, refuse_send, j);
        return;
    }
    j->device = arena_copy(&j->arena, device);
    j->message = copy(&j->arena, m);
    j->ack = ack;
    registry_post(r, loop, c2d_queue_send, end_send, j);
}

/* ---- taking and settling ---- */

static uint64_t bounded(uint64_t ms)
{
    return ms < C2D_LOCK_MS_MIN ? C2D_LOCK_MS_MIN : ms > C2D_LOCK_MS_MAX ? C2D_LOCK_MS_MAX : ms;
}

uint64_t c2d_lock_ms_max(const struct c2d_errand *j)
{
    const struct iot_limits *l = j->registry->limits;
    uint64_t most = l->c2d_lock_ms > l->feedback_lock_ms ? l->c2d_lock_ms : l->feedback_lock_ms;
    most = most > l->notification_lock_ms ? most : l->notification_lock_ms;
    return most > C2D_LOCK_MS_MAX ? most : C2D_LOCK_MS_MAX;
}

static void end_take(void *arg, enum status why)
{
    struct c2d_errand *j = arg;
    if (why == OK)
        tell(j);
    j->taken_fn(j->arg, why, j->taken, why == OK ? j->count : 0);
    errand_free(j);
}

void c2d_take(struct registry *r, struct loop *loop, const struct c2d_want *want, c2d_taken_fn *fn,
              void *arg)
{
    struct c2d_errand *j = errand_new(r, loop, arg);
    j->want = *want;
    j->device = arena_copy(&j->arena, want->device);
    j->want.lock_ms = want->lock_ms ? bounded(want->lock_ms) : r->limits->c2d_lock_ms;
    if (j->want.count > C2D_TAKE_MAX)
        j->want.count = C2D_TAKE_MAX;
    loop_random(loop, j->random, j->want.count * sizeof(j->random[0]));
    j->taken_fn = fn;
    registry_post(r, loop, c2d_queue_take, end_take, j);
}

static void end_settle(void *arg, enum status why)
{
    struct c2d_errand *j = arg;
    if (why == OK)
        tell(j);
    if (j->settled_fn)
        j->settled_fn(j->arg, why);
    errand_free(j);
}

static void settle(struct registry *r, struct loop *loop, struct c2d_errand *j, struct slice lock,
                   enum heads_outcome how, store_table_job *run)
{
    j->lock = arena_copy(&j->arena, lock);
    j->how = how;
    registry_post(r, loop, run, end_settle, j);
}

void c2d_settle(struct registry *r, struct loop *loop, struct slice device, struct slice lock,
                enum heads_outcome how, c2d_settled_fn *fn, void *arg)
{
    struct c2d_errand *j = errand_new(r, loop, arg);
    j->device = arena_copy(&j->arena, device);
    j->settled_fn = fn;
    settle(r, loop, j, lock, how, c2d_queue_settle);
}

static void end_purge(void *arg, enum status why)
{
    struct c2d_errand *j = arg;
    if (why == OK)
        tell(j);
    j->purged_fn(j->arg, why, j->count);
    errand_free(j);
}

void c2d_purge(struct registry *r, struct loop *loop, struct slice device, c2d_purged_fn *fn,
               void *arg)
{
    struct c2d_errand *j = errand_new(r, loop, arg);
    j->device = arena_copy(&j->arena, device);
    j->purged_fn = fn;
    registry_post(r, loop, c2d_queue_purge, end_purge, j);
}

/* ---- feedback ---- */

static void end_feedback(void *arg, enum status why)
{
    struct c2d_errand *j = arg;
    j->feedback_fn(j->arg, why, &j->feedback);
    errand_free(j);
}

void c2d_feedback_take(struct registry *r, struct loop *loop, enum c2d_feed feed,
                       c2d_feedback_fn *fn, void *arg)
{
    struct c2d_errand *j = errand_new(r, loop, arg);
    j->feed = feed;
    loop_random(loop, j->random, sizeof(j->random[0]));
    j->feedback_fn = fn;
    registry_post(r, loop, c2d_batch_take, end_feedback, j);
}

void c2d_feedback_settle(struct registry *r, struct loop *loop, struct slice lock,
                         enum heads_outcome how, c2d_settled_fn *fn, void *arg)
{
    struct c2d_errand *j = errand_new(r, loop, arg);
    j->settled_fn = fn;
    settle(r, loop, j, lock, how, c2d_batch_settle);
}

/* ---- time ---- */

#define TICK_MS 1000u
#define JUMP_MS 2000 /* less is a clock that is set right bit by bit, or a loop that was busy */

static void on_tick(void *arg);

static void end_sweep(void *arg, enum status why)
{
    struct c2d_errand *j = arg;
    struct c2d_clock *c = j->arg;
    if (why == OK) {
        tell(j);
    } else { /* again with the next tick; the log line says what failed */
        c->jumped_ms += j->jumped_ms;
        c2d_due(j, 0);
    }
    c->sweeping = false;
    errand_free(j);
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
    struct c2d_errand *j = errand_new(c->registry, c->loop, c);
    j->jumped_ms = c->jumped_ms;
    j->jumped_at_ms = c->jumped_at_ms;
    c->jumped_ms = 0;
    c->sweeping = true;
    registry_post(c->registry, c->loop, c2d_queue_sweep, end_sweep, j);
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
