/*
 * Whatever happens, in any order: messages are sent, taken by a connection or by requests, settled
 * in all ways or not at all, and time passes. A seed is one life of one device's queue; in each of
 * them
 *
 *   - what was completed, rejected or expired is never handed out again;
 *   - nobody gets a message that another one holds;
 *   - a new connection gets all that waits in the order in which it was sent;
 *   - nothing is lost: what was sent ends once, and feedback tells how.
 */
#include "c2d/c2d.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "io/sim.h"
#include "json/json.h"

enum { SEEDS = 30, STEPS = 400, MESSAGES = STEPS };

/* A message as it must be. */
struct model {
    bool sent, ended;
    bool told;                /* by feedback */
    bool live;                /* it is the connection that holds it */
    uint64_t locked_until_ms; /* 0: nobody holds it */
    char lock[C2D_LOCK_LEN + 1];
    unsigned given_back;
    char end[24]; /* what feedback has to say; "" when the hub decides */
};

static struct {
    struct sim *sim;
    struct loop *loop;
    struct iot_limits limits;
    struct registry *registry;
    struct c2d_clock clock;
    struct model messages[MESSAGES];
    unsigned count;
    uint64_t seed;
    bool answered;
    enum status why;
    bool live, fresh; /* of the question under way */
    uint64_t asked_ms;
    char batch[C2D_LOCK_LEN + 1];
    unsigned told;
} life;

static uint64_t now(void)
{
    return loop_wall_ms(life.loop);
}

static void wrong(const char *what, unsigned n)
{
    fail_msg("seed %llu: %s: message %u", (unsigned long long)life.seed, what, n);
}

static void go(uint64_t ms)
{
    sim_run(life.sim, sim_now_ms(life.sim) + ms);
}

static void wait(void)
{
    go(1);
    assert_true(life.answered);
    life.answered = false;
}

static uint64_t below(uint64_t n)
{
    return sim_below(life.sim, n);
}

/* ---- what is done ---- */

static void on_sent(void *arg, enum status s, const char *why)
{
    (void)arg, (void)why;
    life.answered = true;
    life.why = s;
}

static void send(void)
{
    char body[16];
    unsigned n = life.count;
    struct iot_message m = {.expiry_ms = below(4) ? 0 : now() + 1000 + below(300000)};
    snprintf(body, sizeof(body), "%u", n);
    m.body = m.message_id = slice_of(body);
    c2d_send(life.registry, life.loop, SLICE("d"), &m, C2D_ACK_FULL, on_sent, NULL);
    wait();
    if (life.why != OK) {
        assert_int_equal(life.why, FULL);
        return;
    }
    life.messages[n].sent = true;
    life.count++;
}

static unsigned number_of(struct slice text)
{
    uint64_t n = 0;
    assert_true(slice_to_u64(text, &n) && n < life.count);
    return (unsigned)n;
}

static void take_one(const struct c2d_message *given)
{
    unsigned n = number_of(given->message.body);
    struct model *m = &life.messages[n];
    if (m->ended)
        wrong("came after its end", n);
    if (m->locked_until_ms > now() && !(life.fresh && m->live))
        wrong("is held by another one", n);
    if (m->locked_until_ms)
        m->given_back++; /* its lock ran out, or its connection was lost */
    if (given->delivery_count != m->given_back)
        wrong("was counted otherwise", n);
    m->live = life.live;
    m->locked_until_ms = life.asked_ms + life.limits.c2d_lock_ms;
    memcpy(m->lock, given->lock, sizeof(m->lock));
}

static void on_taken(void *arg, enum status why, const struct c2d_message *given, unsigned count)
{
    (void)arg;
    assert_int_equal(why, OK);
    life.answered = true;
    for (unsigned i = 0; i < count; i++) {
        if (i && given[i].sequence < given[i - 1].sequence)
            wrong("is out of order", number_of(given[i].message.body));
        take_one(&given[i]);
    }
}

static void take(bool live, bool fresh)
{
    life.live = live;
    life.fresh = fresh;
    life.asked_ms = now();
    c2d_take(
        life.registry, life.loop,
        &(struct c2d_want){
            .device = SLICE("d"), .count = 1 + (unsigned)below(8), .live = live, .fresh = fresh},
        on_taken, NULL);
    wait();
    if (!fresh)
        return;
    for (unsigned n = 0; n < life.count; n++) /* what it did not get is given back all the same */
        if (life.messages[n].live && life.messages[n].locked_until_ms &&
            life.messages[n].locked_until_ms != life.asked_ms + life.limits.c2d_lock_ms) {
            life.messages[n].locked_until_ms = 0;
            life.messages[n].given_back++;
        }
}

static void on_settled(void *arg, enum status why)
{
    (void)arg;
    life.answered = true;
    life.why = why;
}

static void settle(void)
{
    static const char *const ends[] = {[HEADS_COMPLETE] = "Success", [HEADS_REJECT] = "Rejected"};
    enum heads_outcome how = (enum heads_outcome)below(4);
    struct model *m = &life.messages[below(life.count ? life.count : 1)];
    if (m->lock[0] == 0)
        return;
    bool holds = m->locked_until_ms > now() && !m->ended;
    c2d_settle(life.registry, life.loop, SLICE("d"), slice_of(m->lock), how, on_settled, NULL);
    wait();
    if ((life.why == OK) != holds)
        wrong(holds ? "lost its lock" : "was settled twice", (unsigned)(m - life.messages));
    if (life.why != OK)
        return;
    m->locked_until_ms = 0;
    m->given_back += how == HEADS_ABANDON;
    if (how == HEADS_COMPLETE || how == HEADS_REJECT) {
        m->ended = true;
        snprintf(m->end, sizeof(m->end), "%s", ends[how]);
    }
}

static void note_feedback(const struct json *record)
{
    unsigned n = number_of(json_string(json_get(record, "originalMessageId")));
    struct slice status = json_string(json_get(record, "statusCode"));
    struct model *m = &life.messages[n];
    if (m->told)
        wrong("ended twice", n);
    if (m->end[0] && !slice_eq(status, slice_of(m->end)))
        wrong("is told of otherwise", n);
    if (slice_eq(status, SLICE("DeliveryCountExceeded")) &&
        m->given_back + (m->locked_until_ms > 0) < life.limits.c2d_deliveries)
        wrong("was given up too early", n);
    m->told = m->ended = true;
    life.told++;
}

static void on_batch(void *arg, enum status why, const struct c2d_feedback *f)
{
    (void)arg;
    life.answered = true;
    life.why = why;
    if (why != OK)
        return;
    memcpy(life.batch, f->lock, sizeof(life.batch));
    struct json_doc *doc;
    assert_int_equal(json_parse(f->json, JSON_STRICT, &doc, NULL), OK);
    struct json_walk walk = json_walk(json_root(doc));
    while (json_next(&walk))
        note_feedback(walk.value);
    json_free(&doc);
}

static void read_feedback(void)
{
    do {
        c2d_feedback_take(life.registry, life.loop, C2D_FEED_MESSAGES, on_batch, NULL);
        wait();
        if (life.why != OK)
            return;
        c2d_feedback_settle(life.registry, life.loop, slice_of(life.batch), HEADS_COMPLETE,
                            on_settled, NULL);
        wait();
        assert_int_equal(life.why, OK);
        life.why = OK;
    } while (true);
}

/* ---- a life ---- */

static void on_identity(void *arg, const struct registry_answer *a)
{
    (void)arg;
    assert_int_equal(a->why, OK);
    life.answered = true;
}

static void begin(uint64_t seed)
{
    memset(&life, 0, sizeof(life));
    life.seed = seed;
    life.limits = iot_limits_azure();
    life.sim = sim_new(seed);
    life.loop = sim_loop_new(life.sim, "hub");
    assert_int_equal(
        registry_open(":memory:", &life.limits, &(struct registry_events){0}, &life.registry), OK);
    c2d_clock_start(&life.clock, life.registry, life.loop);
    registry_ask(life.registry, life.loop,
                 &(struct registry_ask){.what = &registry_identity_put,
                                        .id = {.device = SLICE("d")},
                                        .body = SLICE("{}")},
                 on_identity, NULL);
    wait();
}

static void step(void)
{
    switch (below(8)) {
    case 0:
    case 1:
        send();
        break;
    case 2:
        take(true, below(3) == 0);
        break;
    case 3:
        take(false, false);
        break;
    case 4:
    case 5:
        settle();
        break;
    case 6:
        go(below(3) ? below(2000) : below(90000));
        break;
    default:
        read_feedback();
    }
}

static void every_message_ends_once_and_as_it_should(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(seed);
        for (unsigned i = 0; i < STEPS; i++)
            step();
        for (unsigned minutes = 0; life.told < life.count && minutes < 120; minutes++) {
            go(60000);
            read_feedback();
        }
        for (unsigned n = 0; n < life.count; n++)
            if (!life.messages[n].told)
                wrong("was lost", n);
        registry_close(&life.registry);
        sim_free(&life.sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_message_ends_once_and_as_it_should)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
