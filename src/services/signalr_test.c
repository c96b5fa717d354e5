#include "services/signalr.h"

#include "base/cmocka.h"

#define END "\x1e"

static struct signalr s;
static struct buffer out;

static int finish(void **state)
{
    (void)state;
    signalr_clear(&s);
    buffer_clear(&out);
    return 0;
}

static enum status feed(const char *text)
{
    buffer_reset(&out);
    return signalr_feed(&s, slice_of(text), &out);
}

static void a_handshake_then_pings(void **state)
{
    (void)state;
    assert_int_equal(feed("{\"protocol\":\"json\",\"ver"), OK);
    assert_int_equal(out.len, 0);
    assert_int_equal(feed("sion\":1}" END), OK);
    assert_slice(buffer_slice(&out), SLICE("{}" END));
    assert_true(s.ready);
    assert_int_equal(feed("{\"type\":6}" END "{\"type\":6}" END), OK);
    assert_int_equal(out.len, 0);
    assert_int_equal(feed("{\"type\":7}" END), CLOSED);
}

static void what_is_invoked_is_answered_with_an_error(void **state)
{
    (void)state;
    s.ready = true;
    assert_int_equal(feed("{\"type\":1,\"target\":\"x\",\"arguments\":[]}" END), OK);
    assert_int_equal(out.len, 0); /* nobody waits */
    assert_int_equal(
        feed("{\"type\":1,\"invocationId\":\"7\",\"target\":\"x\",\"arguments\":[]}" END), OK);
    assert_slice(
        buffer_slice(&out),
        SLICE("{\"type\":3,\"invocationId\":\"7\",\"error\":\"the hub has no such method\"}" END));
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    assert_int_equal(feed("{\"protocol\":\"messagepack\",\"version\":1}" END), BAD_FORMAT);
    assert_true(slice_starts(buffer_slice(&out), SLICE("{\"error\":\"")));
    assert_int_equal(feed("nonsense" END), BAD_FORMAT);
    s.ready = true;
    assert_int_equal(feed("{\"type\":99}" END), BAD_FORMAT);
    assert_true(slice_starts(buffer_slice(&out), SLICE("{\"type\":7,\"error\":\"")));
    assert_int_equal(feed("[]" END), BAD_FORMAT);
    char *large = test_malloc(SIGNALR_RECORD_MAX + 2);
    memset(large, ' ', SIGNALR_RECORD_MAX + 1);
    large[SIGNALR_RECORD_MAX + 1] = 0;
    assert_int_equal(feed(large), TOO_LARGE);
    test_free(large);
}

static void an_event_is_an_invocation_of_the_client(void **state)
{
    (void)state;
    signalr_put(&out, "ApplicationEvent", SLICE("{\"id\":\"a\"}"));
    signalr_put_ping(&out);
    assert_slice(
        buffer_slice(&out),
        SLICE("{\"type\":1,\"target\":\"ApplicationEvent\",\"arguments\":[{\"id\":\"a\"}]}" END
              "{\"type\":6}" END));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, finish)
    const struct CMUnitTest tests[] = {
        TEST(a_handshake_then_pings),
        TEST(what_is_invoked_is_answered_with_an_error),
        TEST(what_is_wrong_is_said),
        TEST(an_event_is_an_invocation_of_the_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
