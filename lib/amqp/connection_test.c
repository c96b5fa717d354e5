/* Opening, refusing, detaching and ending. */
#include "amqp/connection_rig.h"

/* ---- opening ---- */

static void a_plain_connection_opens(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    amqp_connection_close(client.connection, NULL);
    run(&client, &server);
    assert_true(client.closed && server.closed);
    assert_int_equal(client.why, CLOSED);
    assert_int_equal(server.why, CLOSED);
    finish(&client);
    finish(&server);
}

static void sasl_comes_byte_by_byte_and_may_be_decided_later(void **state)
{
    (void)state;
    struct end client = {0}, server = {.sasl = AGAIN};
    begin(&client, true, true);
    begin(&server, false, true);
    while (carry(&client, &server, 1) | carry(&server, &client, 1))
        ;
    assert_string_equal(server.sasl_response, "user");
    assert_false(server.opened);
    amqp_connection_sasl(server.connection, OK);
    while (carry(&server, &client, 1) | carry(&client, &server, 1))
        ;
    assert_true(client.opened && server.opened);
    finish(&client);
    finish(&server);
}

static void sasl_refuses(void **state)
{
    (void)state;
    struct end client = {0}, server = {.sasl = UNAUTHORIZED};
    begin(&client, true, true);
    begin(&server, false, true);
    run(&client, &server);
    assert_true(client.closed && server.closed);
    assert_int_equal(client.why, UNAUTHORIZED);
    assert_int_equal(server.why, UNAUTHORIZED);
    finish(&client);
    finish(&server);
}

static void a_server_with_sasl_takes_clients_without(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    begin(&client, true, false);
    begin(&server, false, true);
    run(&client, &server);
    assert_true(client.opened && server.opened);
    finish(&client);
    finish(&server);
}

static void an_idle_timeout_of_nearly_nothing_is_refused(void **state)
{
    (void)state;
    struct end server = {0};
    begin(&server, false, false);
    amqp_connection_in(server.connection, SLICE("AMQP\0\1\0\0"), 1000);
    FRAME(&server, 0, open, .container_id = SLICE("hasty"), .frame_max = 512, .channel_max = 5, .idle_ms = 1);
    assert_true(server.closed);
    assert_string_equal(server.condition, "amqp:invalid-field");
    finish(&server);
}

/* ---- refusing, detaching, ending ---- */

static void a_link_can_be_refused(void **state)
{
    (void)state;
    struct end client = {0}, server = {.refuses = true};
    open_both(&client, &server);
    attach(&client, "a", false, AMQP_SEND_MIXED);
    run(&client, &server);
    assert_int_equal(client.attached, 1);
    assert_int_equal(client.detaches, 1);
    assert_string_equal(client.detached, "amqp:not-found");
    assert_int_equal(server.detaches, 0);
    finish(&client);
    finish(&server);
}

static void a_link_can_be_answered_later(void **state)
{
    (void)state;
    struct end client = {0}, server = {.holds = true};
    open_both(&client, &server);
    struct amqp_link *l = attach(&client, "a", true, AMQP_SEND_MIXED);
    run(&client, &server);
    assert_int_equal(client.attached, 0);
    amqp_link_accept(server.link, NULL);
    run(&client, &server);
    assert_int_equal(client.attached, 1);
    amqp_link_detach(l, NULL);
    run(&client, &server);
    assert_int_equal(server.detaches, 1);
    assert_int_equal(client.detaches, 0);
    assert_null(server.link);
    finish(&client);
    finish(&server);
}

static void handles_and_channels_are_used_again(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    for (unsigned i = 0; i < 3000; i++) {
        struct amqp_link *l = attach(&client, "again", i & 1, AMQP_SEND_MIXED);
        run(&client, &server);
        assert_int_equal(server.attached, i + 1);
        amqp_link_detach(l, NULL);
        run(&client, &server);
        if (i % 2) {
            amqp_session_end(client.session, NULL);
            run(&client, &server);
            assert_int_equal(amqp_session_begin(client.connection, &client.session), OK);
        }
    }
    assert_int_equal(server.ends, 1500);
    assert_false(server.closed);
    finish(&client);
    finish(&server);
}

static void too_many_links_end_the_session(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    run(&client, &server);
    char name[16];
    for (unsigned i = 0; i <= AMQP_HANDLE_MAX; i++) {
        snprintf(name, sizeof(name), "l%u", i);
        attach(&client, name, true, AMQP_SEND_MIXED);
    }
    run(&client, &server);
    assert_int_equal(server.attached, AMQP_HANDLE_MAX + 1);
    struct amqp_link *l;
    assert_int_equal(
        amqp_link_attach(client.session, &(struct amqp_attach){.name = SLICE("more")}, NULL, &l),
        FULL);
    finish(&client);
    finish(&server);
}

static void an_error_ends_the_session_and_its_links(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server);
    attach(&client, "a", true, AMQP_SEND_MIXED);
    run(&client, &server);
    /* a transfer for a handle that nobody attached */
    amqp_connection_in(server.connection,
                       SLICE("\0\0\0\x12\2\0\0\0\0\x53\x14\xc0\5\2\x52\x63\x52\0"), 1000);
    assert_int_equal(server.detaches, 1);
    assert_int_equal(server.ends, 1);
    assert_string_equal(server.condition, "amqp:session:unattached-handle");
    run(&client, &server);
    assert_int_equal(client.ends, 1);
    assert_int_equal(client.detaches, 1);
    assert_string_equal(client.condition, "amqp:session:unattached-handle");
    finish(&client);
    finish(&server);
}

/* Azure's Python SDK ends a session and then detaches its links; others settle, or grant credit. */
static void what_comes_behind_the_end_is_let_be(void **state)
{
    (void)state;
    struct end server = {0};
    small_peer(&server);
    FRAME(&server, 5, end, .error = {0});
    FRAME(&server, 5, detach, .handle = 3);
    FRAME(&server, 5, flow, .incoming_window = 100);
    FRAME(&server, 5, disposition, .receiver = true, .settled = true);
    assert_false(server.closed);
    assert_int_equal(server.detaches, 1);
    FRAME(&server, 9, flow, .incoming_window = 100); /* no session was ever there */
    assert_true(server.closed);
    finish(&server);
}

static void bad_bytes_close_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes;
        const char *condition;
    } bad[] = {
        {SLICE_INIT("\0\0\0\7\2\0\0\0"), "amqp:connection:framing-error"},
        {SLICE_INIT("\x7f\0\0\0\2\0\0\0"), "amqp:connection:framing-error"},
        {SLICE_INIT("\0\0\0\x08\1\0\0\0"), "amqp:connection:framing-error"},
        {SLICE_INIT("\0\0\0\x08\3\0\0\0"), "amqp:connection:framing-error"},
        {SLICE_INIT("\0\0\0\x08\2\1\0\0"), "amqp:connection:framing-error"},
        {SLICE_INIT("\0\0\0\x09\2\0\0\0\x01"), "amqp:decode-error"},
        {SLICE_INIT("\0\0\0\x0c\2\0\0\1\0\x53\x13\x45"), "amqp:connection:framing-error"},
        {SLICE_INIT("\0\0\0\x0c\2\0\0\0\0\x53\x13\x45"), "amqp:decode-error"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct end client = {0}, server = {0};
        open_both(&client, &server);
        run(&client, &server);
        amqp_connection_in(server.connection, bad[i].bytes, 1000);
        assert_true(server.closed);
        assert_int_equal(server.why, BAD_FORMAT);
        assert_string_equal(server.condition, bad[i].condition);
        run(&client, &server);
        assert_true(client.closed);
        assert_int_equal(client.why, CLOSED);
        assert_string_equal(client.condition, bad[i].condition);
        finish(&client);
        finish(&server);
    }
}

static void a_wrong_header_is_answered_with_ours(void **state)
{
    (void)state;
    struct end server = {0};
    begin(&server, false, true);
    amqp_connection_in(server.connection, SLICE("GET / HTTP/1.1\r\n"), 1000);
    assert_true(server.closed);
    assert_slice(buffer_slice(&server.out), SLICE("AMQP\3\1\0\0"));
    finish(&server);
}

/* ---- time ---- */

static void empty_frames_keep_the_peer_and_silence_closes(void **state)
{
    (void)state;
    struct end client = {0}, server = {0};
    open_both(&client, &server); /* both announce 30 s */
    run(&client, &server);
    uint64_t next = amqp_connection_tick(server.connection, 1000);
    assert_int_equal(next, 16000);
    assert_int_equal(server.out.len, 0);
    assert_int_equal(amqp_connection_tick(server.connection, 16000), 31000);
    assert_slice(buffer_slice(&server.out), SLICE("\0\0\0\x08\2\0\0\0"));
    amqp_connection_in(client.connection, buffer_slice(&server.out), 16000);
    assert_false(client.closed);
    amqp_connection_tick(client.connection, 75999);
    assert_false(client.closed);
    amqp_connection_tick(client.connection, 76000);
    assert_true(client.closed);
    assert_int_equal(client.why, TIMED_OUT);
    finish(&client);
    finish(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_connection_opens),
        cmocka_unit_test(sasl_comes_byte_by_byte_and_may_be_decided_later),
        cmocka_unit_test(sasl_refuses),
        cmocka_unit_test(a_server_with_sasl_takes_clients_without),
        cmocka_unit_test(an_idle_timeout_of_nearly_nothing_is_refused),
        cmocka_unit_test(a_link_can_be_refused),
        cmocka_unit_test(a_link_can_be_answered_later),
        cmocka_unit_test(handles_and_channels_are_used_again),
        cmocka_unit_test(too_many_links_end_the_session),
        cmocka_unit_test(an_error_ends_the_session_and_its_links),
        cmocka_unit_test(what_comes_behind_the_end_is_let_be),
        cmocka_unit_test(bad_bytes_close_with_a_reason),
        cmocka_unit_test(a_wrong_header_is_answered_with_ours),
        cmocka_unit_test(empty_frames_keep_the_peer_and_silence_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
