#include "opcua/refusal.h"

#include "base/cmocka.h"

static void what_is_said_of_a_node_is_said_again(void **state)
{
    (void)state;
    assert_int_equal(opcua_refusal_of(UA_STATUSCODE_BADNODEIDUNKNOWN), OPCUA_REFUSAL_FINAL);
    assert_int_equal(opcua_refusal_of(UA_STATUSCODE_BADATTRIBUTEIDINVALID), OPCUA_REFUSAL_FINAL);
    assert_int_equal(opcua_refusal_of(UA_STATUSCODE_BADSERVICEUNSUPPORTED), OPCUA_REFUSAL_FINAL);
}

static void a_server_without_time_or_connection_is_asked_again(void **state)
{
    (void)state;
    assert_int_equal(opcua_refusal_of(UA_STATUSCODE_BADTOOMANYOPERATIONS), OPCUA_REFUSAL_PASSING);
    assert_int_equal(opcua_refusal_of(UA_STATUSCODE_BADTIMEOUT), OPCUA_REFUSAL_PASSING);
    assert_int_equal(opcua_refusal_of(UA_STATUSCODE_BADSESSIONIDINVALID), OPCUA_REFUSAL_PASSING);
    assert_int_equal(opcua_refusal_of(UA_STATUSCODE_BADSHUTDOWN), OPCUA_REFUSAL_PASSING);
}

/* Who has no right today may have it with the next user; an internal error says nothing. */
static void others_are_neither(void **state)
{
    (void)state;
    assert_int_equal(opcua_refusal_of(UA_STATUSCODE_BADUSERACCESSDENIED), OPCUA_REFUSAL_UNCLEAR);
    assert_int_equal(opcua_refusal_of(UA_STATUSCODE_BADINTERNALERROR), OPCUA_REFUSAL_UNCLEAR);
}

/* Info bits, such as a limit that was met, do not make another status of it. */
static void the_lower_half_does_not_count(void **state)
{
    (void)state;
    assert_int_equal(opcua_refusal_of(UA_STATUSCODE_BADNODEIDUNKNOWN | 0x480), OPCUA_REFUSAL_FINAL);
}

static void what_is_too_much_may_be_borne_in_pieces(void **state)
{
    (void)state;
    assert_true(opcua_refusal_is_too_much(UA_STATUSCODE_BADTOOMANYOPERATIONS));
    assert_true(opcua_refusal_is_too_much(UA_STATUSCODE_BADRESPONSETOOLARGE));
    assert_true(opcua_refusal_is_too_much(UA_STATUSCODE_BADTCPMESSAGETOOLARGE));
    assert_false(opcua_refusal_is_too_much(UA_STATUSCODE_BADTIMEOUT));
    assert_false(opcua_refusal_is_too_much(UA_STATUSCODE_BADUSERACCESSDENIED));
    assert_false(opcua_refusal_is_too_much(UA_STATUSCODE_GOOD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_too_much_may_be_borne_in_pieces),
        cmocka_unit_test(what_is_said_of_a_node_is_said_again),
        cmocka_unit_test(a_server_without_time_or_connection_is_asked_again),
        cmocka_unit_test(others_are_neither),
        cmocka_unit_test(the_lower_half_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
