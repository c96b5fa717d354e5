/* A producer and the mock brokers that librdkafka has in it. */
#include "kafka/producer.h"

#include <stdlib.h>

#include "base/memory.h"

#include "base/cmocka.h"

#define MESSAGES 100

struct rig {
    struct loop *loop;
    unsigned sent, failed;
    enum status why;
};

static void on_sent(void *arg, uint64_t token, enum status why)
{
    struct rig *r = arg;
    assert_true(token < MESSAGES);
    r->sent += why == OK;
    r->failed += why != OK;
    r->why = why;
}

static void on_room(void *arg)
{
    (void)arg;
}

static enum status make(struct rig *r, const char *const *properties, struct kafka_producer **out)
{
    return kafka_producer_new(&(struct kafka_producer_config){.loop = r->loop,
                                                              .client_id = "me",
                                                              .properties = properties,
                                                              .on_sent = on_sent,
                                                              .on_room = on_room,
                                                              .arg = r},
                              out);
}

static bool is_done(void *arg)
{
    struct rig *r = arg;
    return r->sent + r->failed == MESSAGES;
}

static void set(void *arg)
{
    *(bool *)arg = true;
}

static bool is_set(void *arg)
{
    return *(bool *)arg;
}

static void end(struct rig *r, struct kafka_producer **p)
{
    bool turned = false;
    kafka_producer_free(p);
    loop_post(r->loop, set, &turned); /* behind the mail that is on its way */
    assert_true(loop_run_until(r->loop, is_set, &turned, 60000));
    loop_free(&r->loop);
}

static void all_are_acknowledged(void **state)
{
    (void)state;
    struct rig r = {.loop = loop_new()};
    struct kafka_producer *p;
    assert_int_equal(
        make(&r, (const char *[]){"bootstrap.servers", "mock", "test.mock.num.brokers", "2", NULL},
             &p),
        OK);
    for (unsigned i = 0; i < MESSAGES; i++) {
        struct kafka_message m = {
            .topic = "t", .key = SLICE("k"), .body = SLICE("body"), .headers = SLICE("\0\1n\0\1v")};
        assert_int_equal(kafka_producer_send(p, &m, i), OK);
    }
    assert_true(loop_run_until(r.loop, is_done, &r, 60000));
    assert_int_equal(r.sent, MESSAGES);
    end(&r, &p);
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    struct rig r = {.loop = loop_new()};
    struct kafka_producer *p;
    assert_int_equal(make(&r,
                          (const char *[]){"bootstrap.servers", "mock", "test.mock.num.brokers",
                                           "1", "message.max.bytes", "1000", NULL},
                          &p),
                     OK);
    static const char large[2000];
    struct kafka_message m = {.topic = "t", .body = slice_from(large, sizeof large)};
    assert_int_equal(kafka_producer_send(p, &m, 0), TOO_LARGE);
    end(&r, &p);
}

static void wrong_properties_are_refused(void **state)
{
    (void)state;
    struct rig r = {.loop = loop_new()};
    struct kafka_producer *p;
    assert_int_equal(make(&r, (const char *[]){"bootstrap.severs", "x", NULL}, &p), BAD_ARGUMENT);
    assert_int_equal(make(&r, (const char *[]){"acks", "many", NULL}, &p), BAD_ARGUMENT);
    loop_free(&r.loop);
}

/* Nobody listens there: it waits, and the end does not. */
static void ends_with_messages_unsent(void **state)
{
    (void)state;
    struct rig r = {.loop = loop_new()};
    struct kafka_producer *p;
    assert_int_equal(make(&r, (const char *[]){"bootstrap.servers", "127.0.0.1:1", NULL}, &p), OK);
    struct kafka_message m = {.topic = "t", .body = SLICE("x")};
    assert_int_equal(kafka_producer_send(p, &m, 0), OK);
    end(&r, &p);
    assert_int_equal(r.sent + r.failed, 0);
}

static void names_become_topics(void **state)
{
    (void)state;
    struct buffer out = {0};
    kafka_topic_put(SLICE("pub/messages/line 1"), &out);
    assert_string_equal(buffer_cstr(&out), "pub.messages.line_1");
    buffer_reset(&out);
    static char name[600];
    memset(name, 'x', sizeof name);
    kafka_topic_put(slice_from(name, sizeof name), &out);
    assert_int_equal(out.len, KAFKA_TOPIC_MAX);
    buffer_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_acknowledged),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(wrong_properties_are_refused),
        cmocka_unit_test(ends_with_messages_unsent),
        cmocka_unit_test(names_become_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
