#include "http/url.h"

#include "base/cmocka.h"
#include "base/encoding.h"

static void takes_an_url_apart(void **state)
{
    (void)state;
    struct http_url u;
    assert_int_equal(http_url_parse(SLICE("https://hub.example:8443/a/b?c=d#e"), &u), OK);
    assert_slice(u.scheme, SLICE("https"));
    assert_slice(u.host, SLICE("hub.example"));
    assert_int_equal(u.port, 8443);
    assert_slice(u.path, SLICE("/a/b"));
    assert_slice(u.query, SLICE("c=d"));

    assert_int_equal(http_url_parse(SLICE("http://[::1]:80?x"), &u), OK);
    assert_slice(u.host, SLICE("::1"));
    assert_int_equal(u.port, 80);
    struct buffer target = {0};
    http_url_put_target(&target, &u);
    assert_slice(buffer_slice(&target), SLICE("/?x"));
    buffer_clear(&target);

    assert_int_equal(http_url_parse(SLICE("http://h"), &u), OK);
    assert_slice(u.path, SLICE("/"));
    assert_int_equal(u.port, 0);
}

static void takes_a_target_apart(void **state)
{
    (void)state;
    struct http_url u;
    assert_int_equal(http_url_parse(SLICE("/a://b?c?d"), &u), OK);
    assert_slice(u.scheme, SLICE(""));
    assert_slice(u.path, SLICE("/a://b"));
    assert_slice(u.query, SLICE("c?d"));
    assert_int_equal(http_url_parse(SLICE("*"), &u), OK);
    assert_slice(u.path, SLICE("*"));
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        SLICE_INIT(""),
        SLICE_INIT("a/b"),
        SLICE_INIT("http:/a"),
        SLICE_INIT("://h/"),
        SLICE_INIT("1http://h/"),
        SLICE_INIT("http://"),
        SLICE_INIT("http:///a"),
        SLICE_INIT("http://h:0/"),
        SLICE_INIT("http://h:65536/"),
        SLICE_INIT("http://h:x/"),
        SLICE_INIT("http://[::1/"),
        SLICE_INIT("http://[::1]x/"),
        SLICE_INIT("http://u@h/"),
        SLICE_INIT("/a b"),
        SLICE_INIT("/a\r\nb"),
        SLICE_INIT("/\x7f"),
        SLICE_INIT("http://[]/"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_url u;
        if (http_url_parse(bad[i], &u) != BAD_FORMAT)
            fail_msg("took '%.*s'", SLICE_FMT(bad[i]));
    }
}

static void walks_segments(void **state)
{
    (void)state;
    struct slice path = SLICE("/a/b%2Fc//"), s;
    static const struct slice want[] = {SLICE_INIT("a"), SLICE_INIT("b%2Fc"), SLICE_INIT(""),
                                        SLICE_INIT("")};
    for (int i = 0; i < 4; i++) {
        assert_true(http_url_segment_next(&path, &s));
        assert_slice(s, want[i]);
    }
    assert_false(http_url_segment_next(&path, &s));
    struct arena a = {0};
    assert_slice(percent_decode_in(&a, want[1]), SLICE("b/c"));
    arena_clear(&a);
}

static void walks_a_query(void **state)
{
    (void)state;
    struct slice query = SLICE("&a=1&&b&c==%20+x&"), name, value;
    assert_true(http_url_query_next(&query, &name, &value));
    assert_slice(name, SLICE("a"));
    assert_slice(value, SLICE("1"));
    assert_true(http_url_query_next(&query, &name, &value));
    assert_slice(name, SLICE("b"));
    assert_slice(value, SLICE(""));
    assert_true(http_url_query_next(&query, &name, &value));
    struct arena a = {0};
    assert_slice(http_url_query_decode(&a, value), SLICE("=  x"));
    arena_clear(&a);
    assert_false(http_url_query_next(&query, &name, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_an_url_apart),   cmocka_unit_test(takes_a_target_apart),
        cmocka_unit_test(refuses_what_is_none), cmocka_unit_test(walks_segments),
        cmocka_unit_test(walks_a_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
