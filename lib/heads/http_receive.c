/* Messages to the device: taken one at a time under a lock, then completed, rejected or abandoned
 * by its token. */
#include "base/clock.h"
#include "heads/http_priv.h"
#include "heads/http_message.h"

#define LOCK_SECONDS_MAX 300

/* ---- taking one ---- */

struct receiving {
    uint64_t lock_ms;
    struct heads_delivery delivery; /* with `message`, in the visit's arena */
    struct iot_message message;
    bool got;
};

static void receive(struct heads_visit *v)
{
    const struct receiving *r = v->state;
    heads_visit_ops(v)->receive(v->device, r->lock_ms, 0);
}

static void keep_message(struct arena *a, const struct iot_message *from, struct iot_message *to)
{
    *to = *from;
    struct slice *all[] = {&to->body, &to->message_id,   &to->correlation_id,   &to->user_id,
                           &to->to,   &to->content_type, &to->content_encoding, &to->properties};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        *all[i] = arena_copy(a, *all[i]);
}

static void received(struct heads_visit *v, enum status why, const struct heads_delivery *d)
{
    struct receiving *r = v->state;
    r->got = why == OK;
    if (r->got) {
        r->delivery = *d;
        r->delivery.ack = arena_copy(&v->arena, d->ack);
        r->delivery.lock = arena_copy(&v->arena, d->lock);
        keep_message(&v->arena, d->message, &r->message);
    }
    heads_visit_end(v, why == NOT_FOUND ? OK : why); /* that none waits is no failure */
}

static void add_number(struct rest_request *r, const char *name, uint64_t n)
{
    rest_add_header(r, name, slice_of(arena_printf(&r->arena, "%llu", (unsigned long long)n)));
}

static void answer_message(struct rest_request *r, const struct receiving *got)
{
    char time[CLOCK_ISO8601_MAX];
    const struct heads_delivery *d = &got->delivery;
    rest_add_header(r, "ETag", slice_of(arena_printf(&r->arena, "\"%.*s\"", SLICE_FMT(d->lock))));
    rest_add_header(r, "iothub-enqueuedtime",
                    slice_from(time, clock_iso8601(d->enqueued_ms, time)));
    add_number(r, "iothub-deliverycount", d->count);
    add_number(r, "iothub-sequencenumber", d->sequence);
    rest_add_header(r, "iothub-ack", d->ack.len ? d->ack : SLICE("none"));
    heads_http_message_add(r, &got->message);
    rest_reply(r, 200, "application/octet-stream", got->message.body);
}

static void answer(struct heads_visit *v, enum status why)
{
    const struct receiving *got = v->state;
    if (why != OK)
        heads_visit_fail(v, why);
    else if (got->got)
        answer_message(v->request, got);
    else
        rest_reply_empty(v->request, 204);
}

static const struct heads_visit_work receive_work = {
    .begin = receive, .received = received, .answer = answer};

void heads_http_receive(struct rest_request *r)
{
    struct heads_http *h = r->app;
    struct slice wanted = rest_header(r, "iothub-messagelocktimeout");
    uint64_t seconds = 0;
    if (wanted.len &&
        (!slice_to_u64(wanted, &seconds) || seconds == 0 || seconds > LOCK_SECONDS_MAX)) {
        heads_http_error(r, iot_status_wire(BAD_ARGUMENT),
                         "iothub-messagelocktimeout must be a number of seconds from 1 to 300.");
        return;
    }
    struct heads_visit *v = heads_visit_new(h->config.backend, r, heads_http_id(r), &receive_work);
    struct receiving *state = ARENA_TAKE(&v->arena, struct receiving);
    state->lock_ms = seconds * 1000;
    v->state = state;
    heads_visit_begin(v);
}

/* ---- ending one ---- */

struct settling {
    struct slice lock;
    enum heads_outcome how;
};

static void settle(struct heads_visit *v)
{
    const struct settling *s = v->state;
    heads_visit_ops(v)->settle(v->device, s->lock, s->how, 0);
}

static void answer_settled(struct heads_visit *v, enum status why)
{
    if (why == OK)
        rest_reply_empty(v->request, 204);
    else
        heads_visit_fail(v, why);
}

static const struct heads_visit_work settle_work = {.begin = settle, .answer = answer_settled};

static void settle_as(struct rest_request *r, enum heads_outcome how)
{
    struct heads_http *h = r->app;
    struct heads_visit *v = heads_visit_new(h->config.backend, r, heads_http_id(r), &settle_work);
    struct settling *state = ARENA_TAKE(&v->arena, struct settling);
    state->lock = arena_copy(&v->arena, rest_param(r, "lock"));
    state->how = how;
    v->state = state;
    heads_visit_begin(v);
}

/* "?reject", wherever it stands and whatever it is set to. */
void heads_http_settle(struct rest_request *r)
{
    bool reject = false;
    for (size_t i = 0; i < r->query_count; i++)
        reject |= slice_eq_nocase(r->query[i].name, SLICE("reject"));
    settle_as(r, reject ? HEADS_REJECT : HEADS_COMPLETE);
}

void heads_http_abandon(struct rest_request *r)
{
    settle_as(r, HEADS_ABANDON);
}
