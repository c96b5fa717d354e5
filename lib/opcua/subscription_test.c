/* Each notification once and in order, whatever happens on the way. */
#include "opcua/answers_rig.h"
#include "opcua/subscription_rig.h"

static void every_change_comes_once_and_in_order(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 100);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    assert_int_equal(w->status[0], UA_STATUSCODE_GOOD);
    assert_int_equal(opcua_subscription_counts(w->subscription).live, 1);
    world_free(w);
}

/* The server had sent some that never arrived: they are asked for again. */
static void what_was_lost_on_the_way_is_republished(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 20);
    w->proxy.swallow = true;
    WAIT_FOR(has_swallowed, w);
    proxy_cut(&w->proxy);
    WAIT_FOR(is_dead, w);
    WAIT_FOR(is_alive, w);
    want_more(w, 50);
    struct opcua_subscription_counts c = opcua_subscription_counts(w->subscription);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    assert_int_equal(c.made, 1);
    assert_true(c.republished > 0);
    world_free(w);
}

/* One that a server would send behind all that it did send. Its only part is of a kind that nobody
 * knows. */
static void come_from_far_ahead(struct opcua_subscription *s, uint32_t numbers)
{
    struct notification m = {.sequence = s->expected + numbers, .published = s->published, .part_count = 1};
    m.parts = UA_Array_new(1, notification_type.members[2].memberType);
    receive_available(s, NULL, 0);
    receive_message(s, &m);
    UA_clear(&m, &notification_type);
}

static bool is_told_again(void *arg)
{
    struct world *w = arg;
    return w->unknown_gaps == 1 && has_values(w);
}

/* The server's own numbers are then from long before. */
static void numbers_may_leap_and_begin_anew(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 5);
    come_from_far_ahead(w->subscription, 1000000);
    w->wanted = w->values + 5;
    WAIT_FOR(is_told_again, w);
    assert_int_equal(w->gaps, 1000000);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->missing, 0); /* also not those by which it was seen */
    world_free(w);
}

static void a_cut_connection_loses_nothing(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    for (int i = 0; i < 3; i++) {
        want_more(w, 20);
        proxy_cut(&w->proxy);
        WAIT_FOR(is_dead, w);
        WAIT_FOR(is_alive, w);
    }
    want_more(w, 50);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    world_free(w);
}

/* As when a cable is out: the client's words arrive later, and must not end the session. */
static void a_server_that_is_silent_for_a_while_loses_nothing(void **state)
{
    (void)state;
    silence_ms = 100;
    struct world *w = world_new(0, false);
    silence_ms = 0;
    add(w, count_item);
    want_more(w, 20);
    w->proxy.swallow = true;
    WAIT_FOR(is_dead, w);
    w->proxy.swallow = false;
    WAIT_FOR(is_alive, w);
    want_more(w, 50);
    struct opcua_subscription_counts c = opcua_subscription_counts(w->subscription);
    assert_int_equal(c.made, 1);
    assert_int_equal(c.transferred, 0);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    world_free(w);
}

static bool has_waited(void *arg)
{
    const struct opcua_subscription *s = ((struct world *)arg)->subscription;
    return loop_now_ms(s->loop) - s->heard_ms > 3000; /* several times as long as is borne */
}

static struct world *world_that_bears_little(void)
{
    subscription_silence_ms = 800;
    struct world *w = world_new(3, false);
    subscription_silence_ms = 0;
    add(w, count_item);
    want_more(w, 20);
    return w;
}

static void a_subscription_that_the_server_forgot_is_made_anew(void **state)
{
    (void)state;
    struct world *w = world_that_bears_little();
    w->proxy.hold = true;
    WAIT_FOR(is_dead, w);
    proxy_go_on(&w->proxy);
    WAIT_FOR(is_alive, w);
    assert_int_equal(opcua_subscription_counts(w->subscription).made, 2);
    want_more(w, 20);
    world_free(w);
}

/* Some need a minute for ten thousand items, and publish nothing meanwhile. */
static void a_server_that_is_busy_with_items_is_not_silent(void **state)
{
    (void)state;
    struct world *w = world_that_bears_little();
    w->proxy.hold = true;
    opcua_subscription_modify(w->subscription, 0);
    WAIT_FOR(has_waited, w);
    assert_true(w->alive);
    proxy_go_on(&w->proxy);
    want_more(w, 20);
    struct opcua_subscription_counts c = opcua_subscription_counts(w->subscription);
    assert_int_equal(c.made, 1);
    assert_int_equal(c.modified, 1);
    assert_int_equal(w->out_of_order, 0);
    world_free(w);
}

/* Another session of the same user takes the subscription over. */
static void a_new_session_takes_the_subscription_along(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 20);
    w->session->was_ready = false; /* as after a failed try: the client is made anew */
    proxy_cut(&w->proxy);
    WAIT_FOR(is_dead, w);
    UA_Client *old = w->session->client;
    w->session->client = NULL;
    WAIT_FOR(is_alive, w);
    want_more(w, 50);
    struct opcua_subscription_counts c = opcua_subscription_counts(w->subscription);
    assert_int_equal(c.made, 1);
    assert_int_equal(c.transferred, 1);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    UA_Client_delete(old);
    world_free(w);
}

/* A restarted server knows nothing: it begins anew, and says that nobody knows what was missed. */
static void after_a_restart_of_the_server_it_begins_anew(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 20);
    opcua_server_close(&w->server);
    start_server(w);
    WAIT_FOR(is_dead, w);
    WAIT_FOR(is_alive, w);
    want_more(w, 50);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->unknown_gaps, 1);
    assert_int_equal(opcua_subscription_counts(w->subscription).made, 2);
    world_free(w);
}

static void who_has_no_room_stops_the_server(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 20);
    w->refuse = true;
    WAIT_FOR(is_held, w);
    uint64_t before = w->values;
    UA_Int32 ticks = w->last[0];
    opcua_subscription_resume(w->subscription); /* still no room */
    assert_int_equal(w->values, before);
    w->refuse = false;
    opcua_subscription_resume(w->subscription);
    assert_true(w->values > before);
    assert_true(w->last[0] > ticks);
    want_more(w, 50);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    world_free(w);
}

static uint32_t acknowledged; /* the last number */
static size_t asked;          /* for more */

static UA_StatusCode look_at_publish(const UA_DataType *type, const void *request)
{
    const UA_PublishRequest *r = request;
    if (!ANSWERS_OF(type, PUBLISH))
        return UA_STATUSCODE_GOOD;
    asked++;
    for (size_t i = 0; i < r->subscriptionAcknowledgementsSize; i++)
        acknowledged = r->subscriptionAcknowledgements[i].sequenceNumber;
    return UA_STATUSCODE_GOOD;
}

static bool has_acknowledged(void *arg)
{
    return acknowledged == *(uint32_t *)arg;
}

/* Should the program die now, the server has it still. */
static void what_is_held_is_not_acknowledged(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    answers_refuse = look_at_publish;
    add(w, count_item);
    want_more(w, 20);
    w->refuse = true;
    WAIT_FOR(is_held, w);
    uint32_t first = w->subscription->expected;
    size_t before = asked;
    proxy_cut(&w->proxy); /* nor with the next connection */
    WAIT_FOR(is_dead, w);
    WAIT_FOR(is_alive, w);
    assert_true(acknowledged < first);
    assert_int_equal(asked, before); /* and no more is asked for */
    w->refuse = false;
    opcua_subscription_resume(w->subscription);
    assert_true(loop_run_until(w->loop, has_acknowledged, &first, WAIT_MS));
    answers_refuse = NULL;
    world_free(w);
}

static void what_is_held_survives_a_cut(void **state)
{
    (void)state;
    struct world *w = world_new(0, false);
    add(w, count_item);
    want_more(w, 20);
    w->refuse = true;
    WAIT_FOR(is_held, w);
    proxy_cut(&w->proxy);
    WAIT_FOR(is_dead, w);
    WAIT_FOR(is_alive, w);
    w->refuse = false;
    opcua_subscription_resume(w->subscription);
    want_more(w, 50);
    assert_int_equal(w->out_of_order, 0);
    assert_int_equal(w->gaps + w->unknown_gaps, 0);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_comes_once_and_in_order),
        cmocka_unit_test(what_was_lost_on_the_way_is_republished),
        cmocka_unit_test(numbers_may_leap_and_begin_anew),
        cmocka_unit_test(a_cut_connection_loses_nothing),
        cmocka_unit_test(a_server_that_is_silent_for_a_while_loses_nothing),
        cmocka_unit_test(a_subscription_that_the_server_forgot_is_made_anew),
        cmocka_unit_test(a_server_that_is_busy_with_items_is_not_silent),
        cmocka_unit_test(a_new_session_takes_the_subscription_along),
        cmocka_unit_test(after_a_restart_of_the_server_it_begins_anew),
        cmocka_unit_test(who_has_no_room_stops_the_server),
        cmocka_unit_test(what_is_held_is_not_acknowledged),
        cmocka_unit_test(what_is_held_survives_a_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
