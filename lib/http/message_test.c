#include "http/message.h"

#include "base/cmocka.h"

static void writes_a_response(void **state)
{
    (void)state;
    struct buffer b = {0};
    http_message_put_response(&b, 404);
    http_message_put_date(&b, 784111777000);
    http_message_put_field(&b, "X", SLICE("a"));
    http_message_put_number(&b, "Content-Length", 2);
    http_message_put_end(&b);
    assert_slice(buffer_slice(&b),
                 SLICE("HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nX: a\r\n"
                       "Content-Length: 2\r\n\r\n"));
    buffer_reset(&b);
    http_message_put_request(&b, "GET", SLICE("/a?b"));
    assert_slice(buffer_slice(&b), SLICE("GET /a?b HTTP/1.1\r\n"));
    buffer_clear(&b);
}

/* A value from a peer cannot add a field of its own. */
static void keeps_a_value_in_its_field(void **state)
{
    (void)state;
    struct buffer b = {0};
    http_message_put_field(&b, "X", SLICE("a\r\nSet-Cookie: b\0\x7f\tc"));
    assert_slice(buffer_slice(&b), SLICE("X: a  Set-Cookie: b   c\r\n"));
    buffer_clear(&b);
}

static void finds_words_in_lists(void **state)
{
    (void)state;
    struct http_field fields[] = {
        {SLICE_INIT("Connection"), SLICE_INIT("keep-alive , Upgrade")},
        {SLICE_INIT("connection"), SLICE_INIT("x")},
    };
    struct http_message m = {.fields = fields, .field_count = 2};
    assert_true(http_message_field_has(&m, "CONNECTION", "upgrade"));
    assert_true(http_message_field_has(&m, "connection", "X"));
    assert_false(http_message_field_has(&m, "connection", "up"));
    assert_false(http_message_field_has(&m, "upgrade", "x"));
    assert_slice(http_message_field(&m, "connection"), SLICE("keep-alive , Upgrade"));
    assert_slice(http_message_field(&m, "other"), SLICE(""));
}

static void names_every_status(void **state)
{
    (void)state;
    assert_string_equal(http_message_reason(200), "OK");
    assert_string_equal(http_message_reason(799), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_a_response),
        cmocka_unit_test(keeps_a_value_in_its_field),
        cmocka_unit_test(finds_words_in_lists),
        cmocka_unit_test(names_every_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
