/* Messages: credit, settling, frames, windows. */
#include "amqp/connection_rig.h"

/* ---- messages ---- */

static void messages_go_down_and_are_settled(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    struct amqp_link *l = attach(&client, "a", false, AMQP_SEND_UNSETTLED);
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){0}, SLICE("x")), CLOSED);
    run(&client, &server);
    assert_int_equal(amqp_link_credit(l), 10);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(amqp_link_send(l, &(struct amqp_send){.token = i}, SLICE("hello")), OK);
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){0}, SLICE("x")), AGAIN);
    client.credits = 0;
    run(&client, &server);
    assert_int_equal(server.received, 10);
    assert_slice(buffer_slice(&server.bytes), SLICE("hello"));
    assert_int_equal(client.settled, 10);
    assert_int_equal(client.token, 9);
    assert_int_equal(client.outcome, AMQP_OUTCOME_ACCEPTED);
    assert_true(client.credits > 0);
    assert_int_equal(amqp_link_credit(l), 10);
    finish(&client);
    finish(&server);
}

/* Accepting ten messages in order is one disposition. */
static void dispositions_gather(void **state)
{
    (void)state;
    struct end client = {0}, server = {.settles_later = true};
    open_both(&client, &server);
    struct amqp_link *l = attach(&client, "a", false, AMQP_SEND_UNSETTLED);
    run(&client, &server);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(amqp_link_send(l, &(struct amqp_send){0}, SLICE("hello")), OK);
    run(&client, &server);
    assert_int_equal(client.settled, 0);
    assert_int_equal(amqp_link_credit(l), 0); /* the window counts what is not settled */
    server.gathered = false;
    for (uint32_t id = 0; id < 10; id++)
        amqp_link_settle(server.link, id, &(struct amqp_state){.outcome = AMQP_OUTCOME_ACCEPTED});
    assert_true(server.gathered);
    amqp_connection_flush(server.connection);
    assert_true(server.out.len < 120); /* a disposition and a flow */
    run(&client, &server);
    assert_int_equal(client.settled, 10);
    assert_int_equal(amqp_link_credit(l), 10);
    finish(&client);
    finish(&server);
}

static void outcomes_arrive_in_any_order(void **state)
{
    (void)state;
    struct end client = {0}, server = {.settles_later = true};
    open_both(&client, &server);
    struct amqp_link *l = attach(&client, "a", false, AMQP_SEND_UNSETTLED);
    run(&client, &server);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(amqp_link_send(l, &(struct amqp_send){.token = 100 + i}, SLICE("m")), OK);
    run(&client, &server);
    static const struct {
        uint32_t id;
        struct amqp_state state;
    } order[] = {{2,
                  {.outcome = AMQP_OUTCOME_REJECTED,
                   .error = {.condition = SLICE_INIT("amqp:not-allowed")}}},
                 {0, {.outcome = AMQP_OUTCOME_MODIFIED, .delivery_failed = true}},
                 {1, {.outcome = AMQP_OUTCOME_RELEASED}}};
    for (unsigned i = 0; i < 3; i++) {
        amqp_link_settle(server.link, order[i].id, &order[i].state);
        run(&client, &server);
        assert_int_equal(client.settled, i + 1);
        assert_int_equal(client.token, 100 + order[i].id);
        assert_int_equal(client.outcome, order[i].state.outcome);
    }
    finish(&client);
    finish(&server);
}

static void a_message_of_many_frames_is_put_together(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    struct amqp_link *l = attach(&client, "a", false, AMQP_SEND_UNSETTLED);
    run(&client, &server);
    struct buffer big = {0};
    for (unsigned i = 0; i < 250000; i++)
        buffer_u8(&big, (uint8_t)(i * 7 >> 3));
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){.token = 5}, buffer_slice(&big)), OK);
    run(&client, &server);
    assert_int_equal(server.received, 1);
    assert_slice(buffer_slice(&server.bytes), buffer_slice(&big));
    assert_int_equal(client.settled, 1);
    buffer_put(&big, buffer_slice(&server.bytes));
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){0}, buffer_slice(&big)), TOO_LARGE);
    buffer_clear(&big);
    finish(&client);
    finish(&server);
}

/* A peer that opens its window by one transfer at a time still gets the whole message. */
static void a_small_session_window_is_respected(void **state)
{
    (void)state;
    struct end server = {0};
    small_peer(&server);
    uint8_t message[1000] = {0};
    assert_int_equal(
        amqp_link_send(server.link, &(struct amqp_send){.token = 9}, slice_from(message, 1000)),
        OK);
    assert_int_equal(server.out.len <= 512 && server.out.len > 400, true);
    assert_int_equal(amqp_link_send(server.link, &(struct amqp_send){0}, SLICE("x")), AGAIN);
    for (unsigned transfers = 1; transfers <= 2; transfers++) {
        buffer_reset(&server.out);
        server.credits = 0;
        FRAME(&server, 5, flow, .next_incoming_id = transfers, .incoming_window = 1,
              .next_outgoing_id = 77, .outgoing_window = 1, NO_LINK);
        assert_true(server.out.len > 100 && server.out.len <= 512);
    }
    assert_int_equal(server.credits, 0); /* the window was used up by the rest */
    FRAME(&server, 5, flow, .next_incoming_id = 3, .incoming_window = 1, .next_outgoing_id = 77,
          .outgoing_window = 1, NO_LINK);
    assert_int_equal(server.credits, 1);
    FRAME(&server, 5, disposition, .receiver = true, .first = 0, .last = AMQP_ABSENT,
          .settled = true, .state = SLICE("\x00\x53\x24\x45"));
    assert_int_equal(server.settled, 1);
    assert_int_equal(server.token, 9);
    finish(&server);
}

static void a_drained_link_gives_its_credit_back(void **state)
{
    (void)state;
    struct end server = {0};
    small_peer(&server);
    FRAME(&server, 5, flow, .next_incoming_id = 0, .incoming_window = 1, .next_outgoing_id = 77,
          .outgoing_window = 1, .handle = 3, .delivery_count = 0, .credit = 7,
          .available = AMQP_ABSENT, .drain = true);
    assert_true(amqp_link_draining(server.link));
    assert_int_equal(amqp_link_credit(server.link), 7);
    amqp_link_drained(server.link);
    assert_false(amqp_link_draining(server.link));
    assert_int_equal(amqp_link_credit(server.link), 0);
    struct amqp_flow f;
    assert_int_equal(amqp_flow_read(slice_skip(buffer_slice(&server.out), 8), &f), OK);
    assert_int_equal(f.delivery_count, 7);
    assert_int_equal(f.credit, 0);
    assert_true(f.drain);
    finish(&server);
}

/* What the peer settles in ranges that we never sent, or twice, harms nothing. */
static void dispositions_of_nothing_are_ignored(void **state)
{
    (void)state;
    struct end server = {0};
    small_peer(&server);
    assert_int_equal(amqp_link_send(server.link, &(struct amqp_send){.token = 9}, SLICE("m")), OK);
    FRAME(&server, 5, disposition, .receiver = true, .first = 1000, .last = 4000000000,
          .settled = true);
    assert_int_equal(server.settled, 0);
    FRAME(&server, 5, disposition, .receiver = true, .first = 0, .last = 2000000000,
          .settled = false, .state = SLICE("\x00\x53\x26\x45"));
    FRAME(&server, 5, disposition, .receiver = true, .first = 0, .last = 5, .settled = true);
    assert_int_equal(server.settled, 1);
    assert_int_equal(server.outcome, AMQP_OUTCOME_RELEASED);
    assert_false(server.closed);
    finish(&server);
}

static void settled_messages_are_not_told_of(void **state)
{
    (void)state;
    struct end client = {.window = 5}, server = {0};
    open_both(&client, &server);
    client.window = 5;
    struct amqp_link *l = attach(&client, "r", true, AMQP_SEND_SETTLED);
    run(&client, &server);
    amqp_link_set_window(l, 5);
    run(&client, &server);
    assert_true(amqp_link_sends(server.link));
    assert_int_equal(amqp_link_credit(server.link), 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(amqp_link_send(server.link, &(struct amqp_send){0}, SLICE("down")), OK);
    run(&client, &server);
    assert_int_equal(client.received, 5);
    assert_int_equal(server.settled, 0);
    assert_int_equal(amqp_link_credit(server.link), 3); /* given back in halves of the window */
    finish(&client);
    finish(&server);
}


static void sending_without_credit_is_refused(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    struct amqp_link *l = attach(&client, "a", false, AMQP_SEND_UNSETTLED);
    run(&client, &server);
    struct buffer one = {0};
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){0}, SLICE("m")), OK);
    buffer_put(&one, buffer_slice(&client.out));
    server.settles_later = true;
    for (unsigned i = 0; i < 10; i++)
        amqp_connection_in(server.connection, buffer_slice(&one), 1000);
    assert_int_equal(server.detaches, 0);
    amqp_connection_in(server.connection, buffer_slice(&one), 1000);
    assert_int_equal(server.detaches, 1);
    assert_string_equal(server.detached, "amqp:link:transfer-limit-exceeded");
    buffer_clear(&one);
    finish(&client);
    finish(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_go_down_and_are_settled),
        cmocka_unit_test(dispositions_gather),
        cmocka_unit_test(outcomes_arrive_in_any_order),
        cmocka_unit_test(a_message_of_many_frames_is_put_together),
        cmocka_unit_test(a_small_session_window_is_respected),
        cmocka_unit_test(settled_messages_are_not_told_of),
        cmocka_unit_test(sending_without_credit_is_refused),
        cmocka_unit_test(a_drained_link_gives_its_credit_back),
        cmocka_unit_test(dispositions_of_nothing_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
