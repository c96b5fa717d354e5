#include "events/incoming.h"

#include "amqp/message.h"
#include "base/cmocka.h"
#include "events/encode.h"

static void put_annotations(struct buffer *b, const char *key)
{
    size_t map = amqp_message_map_begin(b, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(b, SLICE("x-opt-partition-key"));
    amqp_write_string(b, slice_of(key));
    amqp_write_symbol(b, SLICE("x-opt-sequence-number"));
    amqp_write_long(b, 99);
    amqp_write_symbol(b, SLICE("iothub-connection-device-id"));
    amqp_write_string(b, SLICE("plc-1"));
    amqp_write_symbol(b, SLICE("mine"));
    amqp_write_int(b, 5);
    amqp_write_end(b, map, 8);
}

static void put_message(struct buffer *b, const char *key, const char *id)
{
    struct amqp_properties p = amqp_properties_none();
    struct buffer text = {0};
    amqp_write_string(&text, slice_of(id));
    p.message_id = buffer_slice(&text);
    put_annotations(b, key);
    amqp_properties_write(b, &p);
    size_t map = amqp_message_map_begin(b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(b, SLICE("n"));
    amqp_write_int(b, -3);
    amqp_write_end(b, map, 2);
    amqp_message_value_begin(b);
    amqp_write_double(b, 1.5);
    buffer_clear(&text);
}

struct world {
    struct partition_append append;
    struct arena arena;
    struct events_incoming in;
    struct buffer out;
    struct amqp_message m;
};

static enum status read(struct world *w, uint32_t format, struct slice bytes)
{
    w->in = (struct events_incoming){.append = &w->append, .arena = &w->arena};
    return events_incoming_read(&w->in, format, bytes, 1700000000000);
}

/* The message as a reader gets it. */
static const struct amqp_message *comes_out(struct world *w, size_t n)
{
    uint32_t from = 0, to;
    struct iot_event e;
    if (n)
        memcpy(&from, w->append.ends.at + 4 * (n - 1), 4);
    memcpy(&to, w->append.ends.at + 4 * n, 4);
    assert_int_equal(iot_event_decode(slice_from(w->append.records.at + from, to - from), &e), OK);
    buffer_reset(&w->out);
    events_encode(&e, 7, NULL, &w->out);
    assert_int_equal(amqp_message_read(buffer_slice(&w->out), &w->m), OK);
    return &w->m;
}

static void clear(struct world *w)
{
    partition_append_clear(&w->append);
    arena_clear(&w->arena);
    buffer_clear(&w->out);
}

static void a_message_comes_out_as_it_went_in(void **state)
{
    (void)state;
    struct world w = {0};
    struct buffer b = {0};
    struct amqp_value v;
    put_message(&b, "line 1", "id-1");
    assert_int_equal(read(&w, 0, buffer_slice(&b)), OK);
    assert_slice(w.in.partition_key, SLICE("line 1"));
    const struct amqp_message *m = comes_out(&w, 0);
    assert_int_equal(m->body, AMQP_BODY_IS_VALUE);
    assert_true(m->value.type == AMQP_DOUBLE && m->value.f64 == 1.5);
    assert_int_equal(amqp_value_of(m->properties.message_id, &v), OK);
    assert_slice(v.bytes, SLICE("id-1"));
    assert_true(amqp_map_find(&m->application_properties, SLICE("n"), &v));
    assert_true(v.type == AMQP_INT && v.i == -3);
    assert_true(amqp_map_find(&m->message_annotations, SLICE("mine"), &v));
    assert_int_equal(v.i, 5);
    assert_true(amqp_map_find(&m->message_annotations, SLICE("x-opt-partition-key"), &v));
    assert_slice(v.bytes, SLICE("line 1"));
    assert_true(amqp_map_find(&m->message_annotations, SLICE("x-opt-sequence-number"), &v));
    assert_int_equal(v.i, 7); /* its place, not what the sender said */
    assert_false(amqp_map_find(&m->message_annotations, SLICE("iothub-connection-device-id"), &v));
    buffer_clear(&b);
    clear(&w);
}

static void a_batch_is_its_messages(void **state)
{
    (void)state;
    struct world w = {0};
    struct buffer batch = {0}, one = {0};
    struct amqp_value v;
    put_annotations(&batch, "outer");
    for (int i = 0; i < 3; i++) {
        buffer_reset(&one);
        if (i == 1)
            put_message(&one, "inner", "one");
        else
            amqp_message_data(&one, SLICE("body"));
        amqp_message_data(&batch, buffer_slice(&one));
    }
    assert_int_equal(read(&w, AMQP_FORMAT_BATCH, buffer_slice(&batch)), OK);
    assert_int_equal(partition_append_count(&w.append), 3);
    assert_slice(w.in.partition_key, SLICE("outer"));
    static const char *const keys[] = {"outer", "inner", "outer"};
    for (size_t i = 0; i < 3; i++) {
        const struct amqp_message *m = comes_out(&w, i);
        assert_int_equal(m->body, i == 1 ? AMQP_BODY_IS_VALUE : AMQP_BODY_DATA);
        assert_true(amqp_map_find(&m->message_annotations, SLICE("x-opt-partition-key"), &v));
        assert_slice(v.bytes, slice_of(keys[i]));
    }
    buffer_clear(&batch);
    buffer_clear(&one);
    clear(&w);
}

static void what_is_no_message_is_refused(void **state)
{
    (void)state;
    struct buffer key = {0}, number = {0}, broken = {0};
    char long_key[EVENTS_KEY_MAX + 2] = {0};
    memset(long_key, 'k', EVENTS_KEY_MAX + 1);
    put_message(&key, long_key, "x");
    size_t map = amqp_message_map_begin(&number, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(&number, SLICE("x-opt-partition-key"));
    amqp_write_int(&number, 5);
    amqp_write_end(&number, map, 2);
    amqp_write_descriptor(&broken, AMQP_SEQUENCE); /* a list that says more than it has */
    buffer_put(&broken, SLICE("\xc0\x02\x02\x40"));
    const struct {
        uint32_t format;
        struct slice bytes;
        enum status why;
    } cases[] = {
        {0, SLICE("hello"), BAD_FORMAT},
        {0, buffer_slice(&key), BAD_ARGUMENT},
        {0, buffer_slice(&number), BAD_ARGUMENT},
        {0, buffer_slice(&broken), BAD_FORMAT},
        {AMQP_FORMAT_BATCH, SLICE(""), BAD_ARGUMENT},
        {AMQP_FORMAT_BATCH, SLICE("\x00\x53\x75\xa0\x02hi"), BAD_FORMAT},
        {AMQP_FORMAT_BATCH, SLICE("\x00\x53\x77\xa1\x02hi"), BAD_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world w = {0};
        assert_int_equal(read(&w, cases[i].format, cases[i].bytes), cases[i].why);
        assert_non_null(w.in.text);
        clear(&w);
    }
    buffer_clear(&key);
    buffer_clear(&number);
    buffer_clear(&broken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_comes_out_as_it_went_in),
        cmocka_unit_test(a_batch_is_its_messages),
        cmocka_unit_test(what_is_no_message_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
