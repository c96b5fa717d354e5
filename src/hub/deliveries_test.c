/* From a queue to sessions through the backend's own door, in simulated time. */
#include "hub/deliveries.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/cmocka.h"
#include "c2d/c2d.h"
#include "hub/backend.h"
#include "hub/device.h"
#include "hub/hub_rig.h"
#include "io/sim.h"
#include "token/sas.h"
#include "json/json.h"

static const char *const names[] = {"hub.example", NULL};

/* A head's session that notes what it is told, and answers what a test lets it. */
struct robot {
    struct heads_session session; /* first */
    struct heads_device *device;  /* NULL: not signed in */
    struct buffer heard;          /* "a b c " */
    struct heads_delivery last;
    char lock[C2D_LOCK_LEN + 1];
    uint64_t tokens[64];
    unsigned count;
    bool completes; /* at once */
    enum status why;
    bool answered, closed;
};

static struct {
    struct sim *sim;
    struct hub hub;
    struct loop *loop;
    struct c2d_clock clock;
    struct buffer token;
    struct robot robots[3];
    bool answered;
    enum status why;
    struct buffer document;
} house;

static const struct heads_backend_ops *const ops = &hub_backend_ops;

/* ---- the robots ---- */

static void on_signed_in(struct heads_session *s, enum status why, struct heads_device *device)
{
    struct robot *r = (struct robot *)s;
    r->why = why;
    r->device = device;
    r->answered = true;
}

static void note(struct robot *r, const struct heads_delivery *d)
{
    buffer_put(&r->heard, d->message->body);
    buffer_u8(&r->heard, ' ');
    r->last = *d;
    assert_int_equal(d->lock.len, C2D_LOCK_LEN);
    memcpy(r->lock, d->lock.at, C2D_LOCK_LEN);
}

static void on_message(struct heads_session *s, const struct heads_delivery *d)
{
    struct robot *r = (struct robot *)s;
    note(r, d);
    r->tokens[r->count++ % 64] = d->token;
    if (r->completes)
        ops->delivered(r->device, d->token, HEADS_COMPLETE);
}

static void on_received(struct heads_session *s, uint64_t token, enum status why,
                        const struct heads_delivery *d)
{
    struct robot *r = (struct robot *)s;
    assert_int_equal(token, 7);
    r->answered = true;
    r->why = why;
    if (why == OK)
        note(r, d);
}

static void on_settled(struct heads_session *s, uint64_t token, enum status why)
{
    struct robot *r = (struct robot *)s;
    assert_int_equal(token, 8);
    r->answered = true;
    r->why = why;
}

static void leave(struct robot *r)
{
    ops->sign_out(&house.hub.backend, &r->session, r->device);
    r->device = NULL;
}

static void on_close(struct heads_session *s, enum status why)
{
    struct robot *r = (struct robot *)s;
    r->closed = true;
    r->why = why;
    leave(r);
}

static const struct heads_session_ops robot_ops = {.signed_in = on_signed_in,
                                                   .message = on_message,
                                                   .received = on_received,
                                                   .settled = on_settled,
                                                   .close = on_close};

static void go(uint64_t ms)
{
    sim_run(house.sim, sim_now_ms(house.sim) + ms);
}

static struct robot *sign_in(unsigned n, enum heads_presence presence, const char *module)
{
    struct robot *r = &house.robots[n];
    buffer_clear(&r->heard);
    *r = (struct robot){.session = {.ops = &robot_ops, .loop = house.loop, .presence = presence}};
    ops->sign_in(&house.hub.backend,
                 &(struct heads_credentials){.id = {SLICE("d"), slice_of(module)},
                                             .sas = buffer_slice(&house.token),
                                             .peer = SLICE("test")},
                 &r->session);
    go(1);
    assert_int_equal(r->why, OK);
    assert_non_null(r->device);
    return r;
}

/* A connection that listens to messages, and takes so many. */
static struct robot *connect(unsigned n, uint32_t credit)
{
    struct robot *r = sign_in(n, HEADS_LIVE, NULL);
    ops->subscribe(r->device, HEADS_C2D, true);
    if (credit)
        ops->allow(r->device, HEADS_C2D, credit);
    go(1);
    return r;
}

static struct robot *visit(unsigned n)
{
    return sign_in(n, HEADS_VISIT, NULL);
}

static enum status receive(struct robot *r)
{
    r->answered = false;
    ops->receive(r->device, 0, 7);
    assert_false(r->answered);
    go(1);
    assert_true(r->answered);
    return r->why;
}

static enum status settle(struct robot *r, const char *lock, enum heads_outcome how)
{
    r->answered = false;
    ops->settle(r->device, slice_of(lock), how, 8);
    go(1);
    assert_true(r->answered);
    return r->why;
}

/* What it has heard since it was asked last. */
static void heard(struct robot *r, const char *wanted)
{
    assert_string_equal(buffer_cstr(&r->heard), wanted);
    buffer_reset(&r->heard);
}

static void answer(struct robot *r, unsigned at, enum heads_outcome how)
{
    ops->delivered(r->device, r->tokens[at], how);
    go(1);
}

/* ---- the house ---- */

static void on_identity(void *arg, const struct registry_answer *a)
{
    (void)arg;
    struct json_doc *doc;
    assert_int_equal(a->why, OK);
    assert_int_equal(json_parse(a->json, JSON_STRICT, &doc, NULL), OK);
    const struct json *keys = json_get(json_get(json_root(doc), "authentication"), "symmetricKey");
    buffer_reset(&house.token);
    bool module = json_get(json_root(doc), "moduleId") != NULL;
    assert_int_equal(
        sas_make(module ? SLICE("hub.example/devices/d/modules/m") : SLICE("hub.example/devices/d"),
                 json_string(json_get(keys, "primaryKey")), (struct slice){0},
                 loop_wall_ms(house.loop) + 86400000ull, &house.token),
        OK);
    json_free(&doc);
    house.answered = true;
}

/* Makes it, and a token that signs it in. */
static void make(const char *module)
{
    house.answered = false;
    registry_ask(house.hub.registry, house.loop,
                 &(struct registry_ask){.what = &registry_identity_put,
                                        .id = {SLICE("d"), slice_of(module)},
                                        .body = SLICE("{}")},
                 on_identity, NULL);
    go(1);
    assert_true(house.answered);
}

static int begin(void **state)
{
    (void)state;
    struct hub *hub = &house.hub;
    memset(&house, 0, sizeof(house));
    house.sim = sim_new(1);
    house.loop = sim_loop_new(house.sim, "hub");
    hub_rig_begin(hub, house.loop, names);
    hub->policies = iot_policies_random();
    assert_int_equal(
        registry_open(":memory:", &hub->limits,
                      &(struct registry_events){.on_identity = hub_backend_identity_changed,
                                                .on_message = hub_backend_message_waits,
                                                .on_feedback = hub_backend_feedback_waits,
                                                .owner = hub_backend_owner,
                                                .arg = hub},
                      &hub->registry),
        OK);
    c2d_clock_start(&house.clock, hub->registry, house.loop);
    make(NULL);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        if (house.robots[i].device)
            leave(&house.robots[i]);
        buffer_clear(&house.robots[i].heard);
    }
    go(HUB_ACTIVITY_MS + 1000);
    assert_int_equal(house.hub.loops[0].devices.count, 0);
    registry_close(&house.hub.registry);
    sim_free(&house.sim);
    policies_free(&house.hub.policies);
    map_clear(&house.hub.loops[0].devices);
    buffer_clear(&house.token);
    buffer_clear(&house.document);
    return 0;
}

static void on_sent(void *arg, enum status s, const char *why)
{
    (void)arg, (void)why;
    house.answered = true;
    house.why = s;
}

static void send_acked(const char *body, enum c2d_ack ack)
{
    house.answered = false;
    c2d_send(house.hub.registry, house.loop, SLICE("d"),
             &(struct iot_message){.body = slice_of(body), .message_id = slice_of(body)}, ack,
             on_sent, NULL);
    go(1);
    assert_true(house.answered);
    assert_int_equal(house.why, OK);
}

static void send(const char *body)
{
    send_acked(body, C2D_ACK_NONE);
}

static void on_count(void *arg, enum status why, const struct heads_identity *i)
{
    (void)why;
    *(unsigned *)arg = i->message_count;
}

static void on_document(void *arg, const struct registry_answer *a)
{
    (void)arg;
    buffer_put(&house.document, a->json);
}

static unsigned waiting(void)
{
    unsigned n = 0;
    registry_identity(house.hub.registry, house.loop, (struct iot_id){.device = SLICE("d")},
                      on_count, &n);
    go(1);
    return n;
}

/* ---- live sessions ---- */

static void what_waited_comes_when_the_device_listens(void **state)
{
    (void)state;
    send("a");
    send("b");
    struct robot *r = sign_in(0, HEADS_LIVE, NULL);
    go(10);
    heard(r, "");
    ops->subscribe(r->device, HEADS_C2D, true);
    go(10);
    heard(r, ""); /* no credit */
    ops->allow(r->device, HEADS_C2D, 10);
    assert_int_equal(r->count, 0); /* nothing within the call */
    go(1);
    heard(r, "a b ");
    send("c");
    heard(r, "c ");
    for (unsigned i = 0; i < 3; i++)
        answer(r, i, HEADS_COMPLETE);
    assert_int_equal(waiting(), 0);
}

static void no_more_is_handed_over_than_was_allowed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 40; i++)
        send("x");
    struct robot *r = connect(0, 3);
    assert_int_equal(r->count, 3);
    answer(r, 0, HEADS_COMPLETE);
    assert_int_equal(r->count, 3); /* the answer gives no credit */
    ops->allow(r->device, HEADS_C2D, 100);
    go(10);
    assert_int_equal(r->count, 40);
    assert_int_equal(waiting(), 39);
}

static void what_is_handed_over_says_all_of_it(void **state)
{
    (void)state;
    send_acked("a", C2D_ACK_POSITIVE);
    send_acked("b", C2D_ACK_NONE);
    struct robot *r = connect(0, 1);
    assert_int_equal(r->last.count, 0);
    assert_true(r->last.enqueued_ms > 0 && r->last.sequence > 0);
    assert_true(slice_eq(r->last.ack, SLICE("positive")));
    uint64_t first = r->last.sequence;
    ops->allow(r->device, HEADS_C2D, 1);
    go(1);
    assert_int_equal(r->last.ack.len, 0);
    assert_true(r->last.sequence > first);
}

static void outcomes_end_a_message_or_bring_it_back(void **state)
{
    (void)state;
    struct robot *r = connect(0, 10);
    send("a");
    answer(r, 0, HEADS_ABANDON);
    heard(r, "a a ");
    assert_int_equal(r->last.count, 1);
    answer(r, 1, HEADS_RETURN);
    heard(r, "a ");
    assert_int_equal(r->last.count, 1);
    answer(r, 2, HEADS_REJECT);
    assert_int_equal(waiting(), 0);
    heard(r, "");
    answer(r, 2, HEADS_COMPLETE); /* twice: nothing happens */
}

static void a_message_that_is_not_answered_comes_again_when_its_lock_has_run_out(void **state)
{
    (void)state;
    struct robot *r = connect(0, 10);
    send("a");
    heard(r, "a ");
    go(house.hub.limits.c2d_lock_ms - 2000);
    heard(r, "");
    go(4000);
    heard(r, "a ");
    answer(r, 0, HEADS_COMPLETE); /* too late */
    assert_int_equal(waiting(), 1);
    answer(r, 1, HEADS_COMPLETE);
    assert_int_equal(waiting(), 0);
}

static void the_next_connection_gets_what_the_last_one_left_in_order(void **state)
{
    (void)state;
    struct robot *r = connect(0, 10);
    send("a");
    send("b");
    send("c");
    answer(r, 1, HEADS_COMPLETE);
    leave(r);
    send("d");
    r = connect(1, 10);
    heard(r, "a c d ");
    assert_int_equal(waiting(), 3);
}

static void who_is_replaced_leaves_it_to_the_newer_one(void **state)
{
    (void)state;
    struct robot *r = connect(0, 10);
    send("a");
    heard(r, "a ");
    struct robot *newer = connect(1, 10);
    assert_true(r->closed);
    heard(newer, "a ");
    assert_int_equal(newer->last.count, 1);
}

static void what_was_taken_for_who_has_gone_comes_back(void **state)
{
    (void)state;
    struct robot *r = sign_in(0, HEADS_LIVE, NULL);
    send("a");
    ops->subscribe(r->device, HEADS_C2D, true);
    ops->allow(r->device, HEADS_C2D, 1); /* asks */
    leave(r);                            /* before the answer */
    go(10);
    r = connect(1, 1);
    heard(r, "a ");
    assert_int_equal(r->last.count, 0); /* nobody saw it */
}

static void a_session_that_completes_at_once_empties_the_queue(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 50; i++)
        send("x");
    struct robot *r = sign_in(0, HEADS_LIVE, NULL);
    r->completes = true;
    ops->subscribe(r->device, HEADS_C2D, true);
    ops->allow(r->device, HEADS_C2D, 1000);
    go(100);
    assert_int_equal(r->count, 50);
    assert_int_equal(waiting(), 0);
}

static void who_has_unsubscribed_gets_no_more(void **state)
{
    (void)state;
    struct robot *r = connect(0, 10);
    ops->subscribe(r->device, HEADS_C2D, false);
    send("a");
    go(10);
    heard(r, "");
    ops->subscribe(r->device, HEADS_C2D, true);
    ops->allow(r->device, HEADS_C2D, 10);
    go(10);
    heard(r, "a ");
}

/* ---- visits ---- */

static void a_visit_takes_one_by_one_and_settles_by_its_lock(void **state)
{
    (void)state;
    send("a");
    send("b");
    struct robot *r = visit(0);
    char first[C2D_LOCK_LEN + 1];
    assert_int_equal(receive(r), OK);
    heard(r, "a ");
    memcpy(first, r->lock, sizeof(first));
    leave(r);
    r = visit(1); /* another request */
    assert_int_equal(receive(r), OK);
    heard(r, "b ");
    assert_int_equal(receive(r), NOT_FOUND);
    assert_int_equal(settle(r, first, HEADS_COMPLETE), OK);
    assert_int_equal(settle(r, first, HEADS_COMPLETE), LOCK_LOST);
    assert_int_equal(settle(r, r->lock, HEADS_ABANDON), OK);
    assert_int_equal(receive(r), OK);
    heard(r, "b ");
    assert_int_equal(r->last.count, 1);
    go(house.hub.limits.c2d_lock_ms + 2000);
    assert_int_equal(settle(r, r->lock, HEADS_COMPLETE), LOCK_LOST);
    assert_int_equal(waiting(), 1);
}

static void a_visit_is_told_nothing_and_a_connection_not_what_it_holds(void **state)
{
    (void)state;
    struct robot *v = visit(0);
    send("a");
    heard(v, "");
    assert_int_equal(receive(v), OK);
    struct robot *r = connect(1, 10);
    heard(r, ""); /* it may be at work on it */
    assert_int_equal(settle(v, v->lock, HEADS_ABANDON), OK);
    go(1);
    heard(r, "a ");
}

static void a_module_has_no_queue(void **state)
{
    (void)state;
    send("a");
    make("m");
    struct robot *r = sign_in(0, HEADS_LIVE, "m");
    ops->subscribe(r->device, HEADS_C2D, true);
    ops->allow(r->device, HEADS_C2D, 10);
    go(10);
    heard(r, "");
    struct robot *v = sign_in(1, HEADS_VISIT, "m");
    assert_int_equal(receive(v), NOT_FOUND);
}

/* ---- what a session keeps ---- */

static void what_a_head_keeps_is_found_by_the_next_session(void **state)
{
    (void)state;
    struct robot *r = connect(0, 1);
    assert_int_equal(r->session.kept, 0);
    ops->keep(r->device, 2);
    leave(r);
    r = connect(1, 1);
    assert_int_equal(r->session.kept, 2);
    ops->keep(r->device, 0);
    leave(r);
    assert_int_equal(connect(2, 1)->session.kept, 0);
}

/* ---- what is known of it ---- */

/* The identity's document holds `text`. */
static bool known(const char *text)
{
    buffer_reset(&house.document);
    registry_ask(
        house.hub.registry, house.loop,
        &(struct registry_ask){.what = &registry_identity_get, .id = {.device = SLICE("d")}},
        on_document, NULL);
    go(1);
    struct slice all = buffer_slice(&house.document);
    return slice_find_slice(all, slice_of(text)) < all.len;
}

static void a_connection_is_known_and_so_is_who_was_heard_of(void **state)
{
    (void)state;
    assert_true(known("\"connectionState\":\"Disconnected\""));
    assert_true(known("\"lastActivityTime\":\"0001-01-01"));
    struct robot *v = visit(0);
    assert_true(known("\"connectionState\":\"Disconnected\""));
    go(HUB_ACTIVITY_MS + 1000);
    assert_false(known("\"lastActivityTime\":\"0001-01-01"));
    leave(v);
    struct robot *r = connect(1, 1);
    assert_true(known("\"connectionState\":\"Connected\""));
    go(3600 * 1000);
    send("a");
    char stamp[CLOCK_ISO8601_MAX], now[64];
    clock_iso8601(loop_wall_ms(house.loop), stamp);
    snprintf(now, sizeof(now), "\"lastActivityTime\":\"%.16s", stamp); /* to the minute */
    assert_false(known(now));
    answer(r, 0, HEADS_COMPLETE);
    go(HUB_ACTIVITY_MS + 1000);
    assert_true(known(now));
    leave(r);
    assert_true(known("\"connectionState\":\"Disconnected\""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_waited_comes_when_the_device_listens),
        TEST(no_more_is_handed_over_than_was_allowed),
        TEST(what_is_handed_over_says_all_of_it),
        TEST(outcomes_end_a_message_or_bring_it_back),
        TEST(a_message_that_is_not_answered_comes_again_when_its_lock_has_run_out),
        TEST(the_next_connection_gets_what_the_last_one_left_in_order),
        TEST(who_is_replaced_leaves_it_to_the_newer_one),
        TEST(what_was_taken_for_who_has_gone_comes_back),
        TEST(a_session_that_completes_at_once_empties_the_queue),
        TEST(who_has_unsubscribed_gets_no_more),
        TEST(a_visit_takes_one_by_one_and_settles_by_its_lock),
        TEST(a_visit_is_told_nothing_and_a_connection_not_what_it_holds),
        TEST(a_module_has_no_queue),
        TEST(what_a_head_keeps_is_found_by_the_next_session),
        TEST(a_connection_is_known_and_so_is_who_was_heard_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
