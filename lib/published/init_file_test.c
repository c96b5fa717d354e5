#include "published/init_file.h"

#include "base/cmocka.h"

#define NEXT(r, q) assert_true(init_next(r, q))

static void requests_have_a_method_and_a_body(void **state)
{
    (void)state;
    struct init_reader r = init_reader(SLICE("# first\r\n"
                                             "POST AddOrUpdateEndpoints_V1 HTTP/1.1\r\n"
                                             "Content-Type: application/json\r\n"
                                             "\r\n"
                                             "[{\"a\": 1},\n\n {}]\r\n"
                                             "### second\n"
                                             "GetConfiguredEndpoints\n"
                                             "###\n"
                                             "\n// nothing but a comment\n"
                                             "###\n"
                                             "Shutdown_V2\n\ntrue"));
    struct init_request q;
    NEXT(&r, &q);
    assert_slice(q.method, SLICE("AddOrUpdateEndpoints_V1"));
    assert_slice(q.body, SLICE("[{\"a\": 1},\n\n {}]"));
    assert_int_equal(q.line, 2);
    NEXT(&r, &q);
    assert_slice(q.method, SLICE("GetConfiguredEndpoints"));
    assert_int_equal(q.body.len, 0);
    assert_int_equal(q.line, 9);
    NEXT(&r, &q);
    assert_slice(q.method, SLICE("Shutdown_V2"));
    assert_slice(q.body, SLICE("true"));
    assert_false(init_next(&r, &q));
}

static void directives_stand_in_comments(void **state)
{
    (void)state;
    struct init_reader r =
        init_reader(SLICE("// @retries 3\n# @timeout = 10\n# @delay 2\n//@no-log\n"
                          "# @on-error\n# @continue-on-error\nPUT X\n###\nY\n"));
    struct init_request q;
    NEXT(&r, &q);
    assert_int_equal(q.retries, 3);
    assert_int_equal(q.timeout_ms, 10000);
    assert_int_equal(q.delay_ms, 2000);
    assert_true(q.no_log && q.on_error && q.continue_on_error);
    assert_slice(q.method, SLICE("X"));
    NEXT(&r, &q);
    assert_int_equal(q.retries, 0);
    assert_false(q.no_log || q.on_error || q.continue_on_error);
}

static void numbers_have_bounds(void **state)
{
    (void)state;
    struct init_reader r =
        init_reader(SLICE("# @retries 99999999999\n# @timeout -1\n# @delay x\nGET\n"));
    struct init_request q;
    NEXT(&r, &q);
    assert_int_equal(q.retries, INIT_RETRIES_MAX);
    assert_int_equal(q.timeout_ms, 0);
    assert_int_equal(q.delay_ms, 0);
    assert_slice(q.method, SLICE("GET")); /* alone it is a name */
}

static void an_empty_file_has_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n\n", "###", "# only\n###\n// comments"};
    for (size_t i = 0; i < 4; i++) {
        struct init_reader r = init_reader(slice_of(texts[i]));
        struct init_request q;
        assert_false(init_next(&r, &q));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_have_a_method_and_a_body),
        cmocka_unit_test(directives_stand_in_comments),
        cmocka_unit_test(numbers_have_bounds),
        cmocka_unit_test(an_empty_file_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
