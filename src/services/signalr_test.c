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
    assert_int_equal(feed("{\"protocol\":\"protobuf\",\"version\":1}" END), BAD_FORMAT);
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
    signalr_put(SIGNALR_JSON, &out, "ApplicationEvent", SLICE("{\"id\":\"a\"}"));
    signalr_put_ping(SIGNALR_JSON, &out);
    assert_slice(
        buffer_slice(&out),
        SLICE("{\"type\":1,\"target\":\"ApplicationEvent\",\"arguments\":[{\"id\":\"a\"}]}" END
              "{\"type\":6}" END));
}

/* ---- MessagePack ---- */

#define BINARY "{\"protocol\":\"messagepack\",\"version\":1}" END

static enum status feed_bytes(struct slice bytes)
{
    buffer_reset(&out);
    return signalr_feed(&s, bytes, &out);
}

static void after_a_handshake_in_json_it_is_messagepack(void **state)
{
    (void)state;
    /* Right behind it a ping, and the first byte of an invocation. */
    assert_int_equal(feed_bytes(SLICE(BINARY "\x02\x91\x06\x0b")), OK);
    assert_slice(buffer_slice(&out), SLICE("{}" END));
    assert_true(s.ready);
    assert_int_equal(s.protocol, SIGNALR_MESSAGEPACK);
    struct slice rest = SLICE("\x96\x01\x80\xa1" "7" "\xa1x\x92\x01\x02\x90");
    for (size_t i = 0; i < rest.len; i++)
        assert_int_equal(feed_bytes(slice_first(slice_skip(rest, i), 1)), OK);
    assert_slice(buffer_slice(&out), SLICE("\x21\x95\x03\x80\xa1" "7" "\x01\xba" "the hub has no such method"));
    assert_int_equal(feed_bytes(SLICE("\x03\x92\x07\xc0")), CLOSED);
}

static void a_transport_of_text_refuses_it(void **state)
{
    (void)state;
    s.text = true;
    assert_int_equal(feed_bytes(SLICE(BINARY)), BAD_FORMAT);
    assert_true(slice_starts(buffer_slice(&out), SLICE("{\"error\":\"")));
    assert_false(s.ready);
}

static void what_is_wrong_is_said_in_messagepack(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        SLICE_INIT("\x01\x80"), SLICE_INIT("\x02\x91\x63"), SLICE_INIT("\x02\x91\xc1"), SLICE_INIT("\x01\x90"), SLICE_INIT("\0")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        signalr_clear(&s);
        s = (struct signalr){.ready = true, .protocol = SIGNALR_MESSAGEPACK};
        assert_int_equal(feed_bytes(bad[i]), BAD_FORMAT);
        assert_slice(slice_first(slice_skip(buffer_slice(&out), 1), 2), SLICE("\x92\x07"));
    }
    signalr_clear(&s);
    s = (struct signalr){.ready = true, .protocol = SIGNALR_MESSAGEPACK};
    assert_int_equal(feed_bytes(SLICE("\xff\xff\x7f")), TOO_LARGE);
    signalr_clear(&s);
    s = (struct signalr){.ready = true, .protocol = SIGNALR_MESSAGEPACK};
    assert_int_equal(feed_bytes(SLICE("\x80\x80\x80\x80\x80\x80\x80")), TOO_LARGE);
}

static void an_event_is_an_array_behind_its_length(void **state)
{
    (void)state;
    signalr_put(SIGNALR_MESSAGEPACK, &out, "X", SLICE("{\"id\":\"a\"}"));
    signalr_put_ping(SIGNALR_MESSAGEPACK, &out);
    assert_slice(buffer_slice(&out), SLICE("\x0e\x96\x01\x80\xc0\xa1X\x91\x81\xa2id\xa1" "a" "\x90\x02\x91\x06"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, finish)
    const struct CMUnitTest tests[] = {
        TEST(a_handshake_then_pings),
        TEST(what_is_invoked_is_answered_with_an_error),
        TEST(what_is_wrong_is_said),
        TEST(an_event_is_an_invocation_of_the_client),
        TEST(after_a_handshake_in_json_it_is_messagepack),
        TEST(a_transport_of_text_refuses_it),
        TEST(what_is_wrong_is_said_in_messagepack),
        TEST(an_event_is_an_array_behind_its_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
