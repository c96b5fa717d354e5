#include "outbox/outgoing.h"

#include "base/memory.h"

#include "base/cmocka.h"

static struct outgoing *make(void)
{
    struct outgoing *m = outgoing_new();
    buffer_text(&m->body, "{\"a\":1}");
    buffer_text(&m->properties, "\0\1n\0\1v");
    m->content_type = "application/json";
    m->topic = memory_text("a/b");
    m->ttl_ms = 5000;
    m->values = 3;
    m->qos = 2;
    m->priority = 7;
    m->retain = true;
    m->schema = true;
    return m;
}

static void comes_back_as_it_was(void **state)
{
    (void)state;
    struct outgoing *m = make();
    struct outgoing_view v = outgoing_view(m), back;
    struct buffer record = {0};
    assert_int_equal(outgoing_encode(&v, &record), OK);
    assert_int_equal(outgoing_decode(buffer_slice(&record), &back), OK);
    assert_true(slice_eq(back.body, v.body));
    assert_true(slice_eq(back.properties, v.properties));
    assert_true(slice_eq(back.content_type, SLICE("application/json")));
    assert_true(slice_eq(back.content_encoding, SLICE("utf-8")));
    assert_true(slice_eq(back.topic, SLICE("a/b")));
    assert_int_equal(back.ttl_ms, 5000);
    assert_int_equal(back.values, 3);
    assert_int_equal(back.qos, 2);
    assert_int_equal(back.priority, 7);
    assert_true(back.retain);
    assert_true(back.schema);
    buffer_clear(&record);
    outgoing_free(&m);
}

static void refuses_what_is_cut_short(void **state)
{
    (void)state;
    struct outgoing *m = make();
    struct outgoing_view v = outgoing_view(m), back;
    v.body = (struct slice){0};
    struct buffer record = {0};
    assert_int_equal(outgoing_encode(&v, &record), OK);
    for (size_t len = 0; len < record.len; len++)
        assert_int_equal(outgoing_decode(slice_from(record.at, len), &back), BAD_FORMAT);
    record.at[0] = 9;
    assert_int_equal(outgoing_decode(buffer_slice(&record), &back), BAD_FORMAT);
    buffer_clear(&record);
    outgoing_free(&m);
}

static void refuses_heads_that_are_too_large(void **state)
{
    (void)state;
    struct buffer large = {0}, record = {0};
    buffer_reserve(&large, 70000);
    memset(large.at, 'x', 70000);
    large.len = 70000;
    struct outgoing_view v = {.topic = buffer_slice(&large)};
    assert_int_equal(outgoing_encode(&v, &record), TOO_LARGE);
    assert_int_equal(record.len, 0);
    buffer_clear(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(refuses_what_is_cut_short),
        cmocka_unit_test(refuses_heads_that_are_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
