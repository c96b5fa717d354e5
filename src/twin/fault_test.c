#include "twin/fault.h"

#include "base/cmocka.h"

/* What the server says of the call is an answer: "errorInfo". */
static void what_the_server_refuses_is_an_answer(void **state)
{
    (void)state;
    assert_int_equal(twin_fault_status(UA_STATUSCODE_BADSERVICEUNSUPPORTED), OK);
    assert_int_equal(twin_fault_status(UA_STATUSCODE_BADHISTORYOPERATIONUNSUPPORTED), OK);
    assert_int_equal(twin_fault_status(UA_STATUSCODE_BADNODEIDUNKNOWN), OK);
    assert_int_equal(twin_fault_status(UA_STATUSCODE_BADUSERACCESSDENIED), OK);
}

static void what_lies_between_has_a_status(void **state)
{
    (void)state;
    assert_int_equal(twin_fault_status(UA_STATUSCODE_BADTIMEOUT), TIMED_OUT);
    assert_int_equal(twin_fault_status(UA_STATUSCODE_BADNOTCONNECTED), IO_FAILED);
    assert_int_equal(twin_fault_status(UA_STATUSCODE_BADCERTIFICATEUNTRUSTED), UNAUTHORIZED);
    assert_int_equal(twin_fault_status(UA_STATUSCODE_BADTOOMANYSESSIONS), BUSY);
}

static void without_a_session_nothing_is_an_answer(void **state)
{
    (void)state;
    assert_int_equal(twin_fault_connecting(UA_STATUSCODE_BADSERVICEUNSUPPORTED), IO_FAILED);
    assert_int_equal(twin_fault_connecting(UA_STATUSCODE_BADUSERACCESSDENIED), UNAUTHORIZED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_server_refuses_is_an_answer),
        cmocka_unit_test(what_lies_between_has_a_status),
        cmocka_unit_test(without_a_session_nothing_is_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
