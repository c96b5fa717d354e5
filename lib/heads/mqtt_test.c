#include "heads/mqtt_rig.h"

/* ---- signing in ---- */

static void signs_in_with_what_the_user_name_says(void **state)
{
    struct test *t = *state;
    connect_as(
        t, "d/m",
        "hub:1/d/m/"
        "?api-version=2021-04-12&DeviceClientType=x%20y&model-id=dtmi:a;1&auth-chain=d%2Fm%3Be");
    told(t, "sign_in d/m host=hub:1 api=2021-04-12 client=x y model=dtmi:a;1 chain=d/m;e "
            "sas=SharedAccessSignature x\n");
    got(t, "CONNACK 0 0\n");
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t->out);
    mqtt_packet_bare_encode(MQTT_DISCONNECT, &t->out);
    send(t);
    got(t, "PINGRESP\nclosed\n");
    told(t, "sign_out device\n");
}

static void says_why_nobody_signs_in(void **state)
{
    struct test *t = *state;
    static const struct {
        enum status answer;
        const char *connack;
    } cases[] = {
        {UNAUTHORIZED, "CONNACK 0 5\nclosed\n"}, {NOT_FOUND, "CONNACK 0 5\nclosed\n"},
        {FORBIDDEN, "CONNACK 0 5\nclosed\n"},    {BUSY, "CONNACK 0 3\nclosed\n"},
        {IO_FAILED, "CONNACK 0 3\nclosed\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (i > 0) {
            wire_clear(&t->wire);
            wire_open(t, &t->wire);
        }
        t->fake.sign_in_answer = cases[i].answer;
        connect_as(t, "d", "hub/d");
        got(t, cases[i].connack);
    }
}

static void refuses_a_connect(struct test *t, struct slice packet, const char *answer)
{
    wire_clear(&t->wire);
    t->wire = (struct wire){0};
    wire_open(t, &t->wire);
    stream_write(t->wire.stream, packet);
    got(t, answer);
    assert_int_equal(t->fake.heard.len, 0);
}

static void refuses_bad_connects(void **state)
{
    struct test *t = *state;
    static const struct {
        const char *client_id, *username, *answer;
    } cases[] = {
        {"", "hub/", "CONNACK 0 2\nclosed\n"},
        {"a/b/c", "hub/a/b/c", "CONNACK 0 2\nclosed\n"},
        {"sp ace", "hub/sp ace", "CONNACK 0 2\nclosed\n"},
        {"d", "hub/e", "CONNACK 0 4\nclosed\n"},
        {"d", "", "CONNACK 0 4\nclosed\n"},
        {"d", "hub/d/?api-version=1999-01-01", "CONNACK 0 1\nclosed\n"},
    };
    struct buffer b = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mqtt_connect c = hello(cases[i].client_id, cases[i].username);
        buffer_reset(&b);
        mqtt_connect_encode(&c, &b);
        refuses_a_connect(t, buffer_slice(&b), cases[i].answer);
    }
    refuses_a_connect(t, SLICE("\x10\x0d\0\4MQTT\5\0\0\0\0\0\1d"),
                      "CONNACK 0 1\nclosed\n");                        /* MQTT 5 */
    refuses_a_connect(t, SLICE("\xc0\0"), "closed\n");                 /* PINGREQ before CONNECT */
    refuses_a_connect(t, SLICE("GET / HTTP/1.1\r\n\r\n"), "closed\n"); /* another protocol */
    refuses_a_connect(t, SLICE("\x10\xff\xff\xff\x7f"), "closed\n");   /* 256 MB */

    struct mqtt_connect c = hello("d", "hub/d");
    c.has_will = true, c.will_topic = SLICE("devices/e/messages/events/");
    buffer_reset(&b);
    mqtt_connect_encode(&c, &b);
    refuses_a_connect(t, buffer_slice(&b), "CONNACK 0 5\nclosed\n");
    buffer_clear(&b);
}

static void refuses_a_second_connect(void **state)
{
    struct test *t = *state;
    connect_device(t);
    connect_as(t, "d", "hub/d");
    got(t, "closed\n");
    told(t, "sign_out device\n");
}

static void signs_out_who_left_before_the_answer(void **state)
{
    struct test *t = *state;
    t->fake.sign_in_answer = AGAIN;
    connect_as(t, "d", "hub/d");
    told(t, "sign_in d/");
    stream_abort(t->wire.stream, CANCELLED);
    t->fake.sign_in_answer = OK;
    /* While signing in nothing is read, so the loss shows when the answer comes. */
    t->fake.session->ops->signed_in(t->fake.session, OK, (struct heads_device *)&t->fake);
    told(t, "sign_out device\n");
}

static void handles_what_came_with_connect_after_it(void **state)
{
    struct test *t = *state;
    t->fake.accepts = true;
    struct mqtt_connect c = hello("d", "hub/d");
    mqtt_connect_encode(&c, &t->out);
    publish(t, EVENTS, "early", 1);
    publish(t, EVENTS, "bird", 2);
    send(t);
    got(t, "CONNACK 0 0\nPUBACK 1\nPUBACK 2\n");
    told(t, "telemetry early");
    told(t, "telemetry bird");
}

/* ---- telemetry ---- */

static void acknowledges_in_order_and_only_what_is_accepted(void **state)
{
    struct test *t = *state;
    connect_device(t);
    publish(t, EVENTS "%24.mid=m1&%24.ct=a%2Fb&k=v%26", "one", 1);
    publish(t, "$iothub/twin/GET/?$rid=1", "", 2); /* QoS 1, as Python does */
    publish(t, EVENTS, "three", 3);
    publish(t, EVENTS, "zero", 0);
    send(t);
    told(t, "telemetry one mid=m1 ct=a/b on= k=v&\n");
    told(t, "telemetry zero mid= ct= on=\n");
    assert_int_equal(t->wire.pubacks, 0);
    struct heads_session *s = t->fake.session;
    s->ops->accepted(s, t->fake.tokens[0], OK);
    got(t, "PUBACK 1\nPUBACK 2\n");
    assert_int_equal(t->wire.pubacks, 2);
    s->ops->accepted(s, t->fake.tokens[2], OK);
    got(t, "PUBACK 3\n");
    s->ops->accepted(s, t->fake.tokens[3], OK);
    s->ops->accepted(s, t->fake.tokens[3] ^ 1ull << 32, OK); /* of another connection: ignored */
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t->out);
    send(t);
    got(t, "PINGRESP\n");
    assert_int_equal(t->wire.pubacks, 3);
}

static void takes_a_modules_output_with_nodes_slash(void **state)
{
    struct test *t = *state;
    connect_module(t);
    publish(t, "devices/d/modules/m/messages/events/%24.on=out1/", "x", 1);
    send(t);
    told(t, "telemetry x mid= ct= on=out1\n");
}

static void marks_retained_messages(void **state)
{
    struct test *t = *state;
    connect_device(t);
    struct mqtt_publish m = {.topic = SLICE(EVENTS "a=b"), .payload = SLICE("x"), .retain = true};
    mqtt_publish_encode(&m, &t->out);
    send(t);
    told(t, "telemetry x mid= ct= on= a=b mqtt-retain=true\n");
}

static void ends_with_a_message_that_is_refused(void **state)
{
    struct test *t = *state;
    connect_device(t);
    publish(t, EVENTS, "x", 1);
    send(t);
    told(t, "telemetry x");
    t->fake.session->ops->accepted(t->fake.session, t->fake.tokens[0], IO_FAILED);
    got(t, "closed\n");
    told(t, "sign_out device\n");
    assert_int_equal(t->wire.pubacks, 0);
}

static void closes_on(struct test *t, struct slice packet)
{
    wire_clear(&t->wire);
    t->wire = (struct wire){0};
    buffer_reset(&t->fake.heard);
    wire_open(t, &t->wire);
    connect_device(t);
    stream_write(t->wire.stream, packet);
    got(t, "closed\n");
    told(t, "sign_out device\n");
}

static void closes_on_what_the_hub_does_not_take(void **state)
{
    struct test *t = *state;
    closes_on(t, SLICE("\x34\5\0\1a\0\1")); /* QoS 2 */
    closes_on(t, SLICE("\x30\3\0\1a"));     /* no such topic */
    closes_on(t, SLICE("\x30\x1d\0\x1b"
                       "devices/e/messages/events/x"));   /* another device's */
    closes_on(t, SLICE("\x30\x21\0\x1f" EVENTS "a=%00")); /* U+0000 would come out */
    closes_on(t, SLICE("\x82\6\0\1\0\1#\0"));             /* no such filter */
    closes_on(t, SLICE("\x40\3\0\1\0"));                  /* broken PUBACK */
    closes_on(t, SLICE("\x20\2\0\0"));                    /* a server's packet */
    closes_on(t, SLICE("\x62\2\0\1"));                    /* PUBREL */
    closes_on(t, SLICE("\x30\xff\xff\xff\x7f"));          /* too long */
    t->fake.telemetry_answer = TOO_LARGE;
    struct buffer b = {0};
    struct mqtt_publish m = {.topic = SLICE(EVENTS), .payload = SLICE("x")};
    mqtt_publish_encode(&m, &b);
    closes_on(t, buffer_slice(&b));
    buffer_clear(&b);
}

static bool acknowledged_all(void *arg)
{
    struct test *t = arg;
    return t->wire.pubacks == 3000;
}

static bool unanswered_max_reached(void *arg)
{
    return ((struct test *)arg)->fake.token_count >= HEADS_MQTT_UNANSWERED_MAX;
}

/* More than the bound: no more is read, nothing is lost, order stays. */
static void stops_reading_when_too_many_wait(void **state)
{
    struct test *t = *state;
    struct fake *f = &t->fake;
    connect_device(t);
    f->quiet = t->wire.quiet = true;
    for (uint16_t i = 1; i <= 3000; i++)
        publish(t, EVENTS, "0123456789", i);
    send(t);
    assert_true(loop_run_until(t->loop, unanswered_max_reached, t, WAIT_MS));
    loop_run_until(t->loop, acknowledged_all, t, 20);
    assert_int_equal(f->token_count, HEADS_MQTT_UNANSWERED_MAX);
    for (size_t i = 0; i < HEADS_MQTT_UNANSWERED_MAX; i++)
        f->session->ops->accepted(f->session, f->tokens[i], OK);
    f->accepts = true;
    assert_true(loop_run_until(t->loop, acknowledged_all, t, WAIT_MS));
    assert_int_equal(f->bytes, 30000);
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(t->wire.puback_ids.at[2 * i] << 8 | t->wire.puback_ids.at[2 * i + 1],
                         i + 1);
}

/* FULL: the same message is tried again after resume(), and those behind it wait. */
static void tries_again_when_there_is_room(void **state)
{
    struct test *t = *state;
    connect_device(t);
    t->fake.telemetry_answer = FULL;
    publish(t, EVENTS, "one", 1);
    publish(t, EVENTS, "two", 2);
    send(t);
    loop_run_until(t->loop, unanswered_max_reached, t, 20);
    publish(t, EVENTS, "three", 3);
    send(t);
    loop_run_until(t->loop, unanswered_max_reached, t, 20);
    assert_int_equal(t->fake.heard.len, 0);
    t->fake.telemetry_answer = OK;
    t->fake.accepts = true;
    t->fake.session->ops->resume(t->fake.session);
    told(t, "telemetry one");
    told(t, "telemetry two");
    told(t, "telemetry three");
    got(t, "PUBACK 1\nPUBACK 2\nPUBACK 3\n");
}

/* A device that asks and does not read is not read on; when it reads, every question has its
 * answer. */
static void does_not_read_who_does_not_read(void **state)
{
    struct test *t = *state;
    enum { QUESTIONS = 500000 }; /* more than the sockets between them can hold */
    connect_device(t);
    subscribe(t, "$iothub/twin/res/#", MQTT_QOS_0);
    buffer_reset(&t->fake.heard);
    t->wire.quiet = true;
    stream_pause(t->wire.stream, true);
    for (int i = 0; i < QUESTIONS; i++)
        publish(t, "$iothub/twin/GET/?$rid=x", "", 0);
    send(t);
    loop_run_until(t->loop, unanswered_max_reached, t, 300);
    assert_true(stream_unsent(t->wire.stream) > 0);
    stream_pause(t->wire.stream, false);
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t->out);
    send(t);
    got(t, "PINGRESP\n");
    assert_int_equal(t->wire.publishes, QUESTIONS - HEADS_MQTT_TWIN_REQUESTS_MAX);
}

/* ---- last will ---- */

static void connect_with_will(struct test *t)
{
    struct mqtt_connect c = hello("d", "hub/d");
    c.has_will = true, c.will_qos = MQTT_QOS_1, c.will_retain = true;
    c.will_topic = SLICE(EVENTS "a=b"), c.will_payload = SLICE("gone");
    mqtt_connect_encode(&c, &t->out);
    send(t);
    got(t, "CONNACK 0 0\n");
    told(t, "\n");
}

#define WILL                                                                                       \
    "telemetry gone mid= ct= on= a=b mqtt-retain=true iothub-MessageType=Will\nsign_out device\n"

static void publishes_the_will_of_who_is_lost(void **state)
{
    struct test *t = *state;
    connect_with_will(t);
    stream_abort(t->wire.stream, CANCELLED);
    told(t, WILL);
}

static void publishes_the_will_of_who_is_replaced(void **state)
{
    struct test *t = *state;
    connect_with_will(t);
    t->fake.session->ops->close(t->fake.session, REPLACED);
    assert_slice(buffer_slice(&t->fake.heard),
                 SLICE(WILL)); /* signed out before close() returned */
    got(t, "closed\n");
    assert_slice(buffer_slice(&t->fake.heard), SLICE(WILL));
}

static void forgets_the_will_of_who_says_goodbye_or_may_not_speak(void **state)
{
    struct test *t = *state;
    connect_with_will(t);
    mqtt_packet_bare_encode(MQTT_DISCONNECT, &t->out);
    send(t);
    got(t, "closed\n");
    told(t, "sign_out device\n");
    wire_clear(&t->wire);
    wire_open(t, &t->wire);
    connect_with_will(t);
    t->fake.session->ops->close(t->fake.session, UNAUTHORIZED);
    assert_slice(buffer_slice(&t->fake.heard), SLICE("sign_out device\n"));
    got(t, "closed\n");
}

/* ---- loops ---- */

struct other_loop {
    struct test *t;
    pthread_t thread;
};

static void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

static void moves_to_the_loop_that_owns_the_device(void **state)
{
    struct test *t = *state;
    pthread_t thread;
    struct loop *other = loop_new();
    t->fake.owner = other;
    t->fake.accepts = true;
    assert_int_equal(pthread_create(&thread, NULL, run_loop, other), 0);
    struct mqtt_connect c = hello("d", "hub/d");
    mqtt_connect_encode(&c, &t->out);
    publish(t, EVENTS, "early", 1);
    send(t);
    got(t, "CONNACK 0 0\nPUBACK 1\n");
    publish(t, EVENTS, "late", 2);
    mqtt_packet_bare_encode(MQTT_DISCONNECT, &t->out);
    send(t);
    got(t, "PUBACK 2\nclosed\n");
    loop_stop(other);
    pthread_join(thread, NULL);
    loop_free(&other);
    told(t, "telemetry early");
    told(t, "telemetry late");
    told(t, "sign_out device\n");
}

/* ---- silence, in simulated time ---- */

static uint64_t ms_until_closed(struct test *t, uint16_t keep_alive_s)
{
    struct mqtt_connect c = hello("d", "hub/d");
    c.keep_alive_s = keep_alive_s;
    mqtt_connect_encode(&c, &t->out);
    send(t);
    got(t, "CONNACK 0 0\n");
    uint64_t since_ms = sim_now_ms(t->sim);
    struct wanted closed = {&t->wire.heard, "closed\n"};
    assert_true(loop_run_until(t->loop, stands_there, &closed, 7200000));
    told(t, "sign_out device\n");
    wire_clear(&t->wire);
    t->wire = (struct wire){0};
    wire_open(t, &t->wire);
    return sim_now_ms(t->sim) - since_ms;
}

static void ends_who_is_silent(void **state)
{
    struct test *t = *state;
    assert_in_range(ms_until_closed(t, 1), 1500, 1600);
    assert_in_range(ms_until_closed(t, 240), 360000, 360100);
    assert_in_range(ms_until_closed(t, 65535), 1767000, 1767100);
    assert_in_range(ms_until_closed(t, 0), 1767000, 1767100);
}

static void hears_any_packet(void **state)
{
    struct test *t = *state;
    connect_device(t); /* 60 s */
    for (int i = 0; i < 20; i++) {
        sim_run(t->sim, sim_now_ms(t->sim) + 80000);
        publish(t, EVENTS, "x", 0);
        send(t);
        told(t, "telemetry x");
    }
    assert_int_equal(t->wire.heard.len, 0);
}

/* ---- another on the same port ---- */

struct guest {
    struct stream *stream;
    struct buffer read;
};

static bool guest_claims(struct slice username, struct slice client_id)
{
    return slice_starts(username, SLICE("guest/")) && client_id.len;
}

static void guest_data(void *arg, struct slice bytes)
{
    struct guest *g = arg;
    buffer_put(&g->read, bytes);
    mqtt_packet_bare_encode(MQTT_PINGRESP, stream_out(g->stream));
    stream_flush(g->stream);
}

static void guest_close(void *arg, enum status why)
{
    (void)why;
    ((struct guest *)arg)->stream = NULL;
}

static const struct stream_events guest_events = {.on_data = guest_data, .on_close = guest_close};

static void guest_accept(void *arg, struct stream *s, struct slice bytes)
{
    struct guest *g = arg;
    g->stream = s;
    stream_events(s, &guest_events, g);
    guest_data(g, bytes);
}

static void gives_away_a_connect_that_is_anothers(void **state)
{
    struct test *t = *state;
    struct guest g = {0};
    heads_mqtt_divert(t->head, &(struct heads_mqtt_other){guest_claims, guest_accept, &g});
    struct mqtt_connect c = hello("d", "guest/d");
    mqtt_connect_encode(&c, &t->out);
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t->out); /* what came with it is not lost */
    size_t sent = t->out.len;
    send(t);
    got(t, "PINGRESP");
    assert_int_equal(g.read.len, sent);
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t->out); /* and it is read on */
    send(t);
    got(t, "PINGRESP");
    assert_int_equal(g.read.len, sent + 2);
    assert_int_equal(t->fake.heard.len, 0);
    buffer_clear(&g.read);
}

static void ends_who_does_not_sign_in(void **state)
{
    struct test *t = *state;
    struct wanted closed = {&t->wire.heard, "closed\n"};
    assert_true(loop_run_until(t->loop, stands_there, &closed, HEADS_MQTT_CONNECT_MS + 1000));
    assert_int_equal(t->fake.heard.len, 0);
}

static void gives_up_on_a_backend_that_does_not_answer(void **state)
{
    struct test *t = *state;
    t->fake.sign_in_answer = AGAIN;
    connect_as(t, "d", "hub/d");
    told(t, "sign_in d/");
    struct wanted closed = {&t->wire.heard, "CONNACK 0 3\nclosed\n"};
    assert_true(loop_run_until(t->loop, stands_there, &closed, HEADS_MQTT_CONNECT_MS + 1000));
    told(t, "sign_out nobody\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_TIME(name) cmocka_unit_test_setup_teardown(name, setup_sim, teardown)
    const struct CMUnitTest tests[] = {
        TEST(signs_in_with_what_the_user_name_says),
        TEST(says_why_nobody_signs_in),
        TEST(refuses_bad_connects),
        TEST(gives_away_a_connect_that_is_anothers),
        TEST(refuses_a_second_connect),
        TEST(signs_out_who_left_before_the_answer),
        TEST(handles_what_came_with_connect_after_it),
        TEST(acknowledges_in_order_and_only_what_is_accepted),
        TEST(takes_a_modules_output_with_nodes_slash),
        TEST(marks_retained_messages),
        TEST(ends_with_a_message_that_is_refused),
        TEST(closes_on_what_the_hub_does_not_take),
        TEST(stops_reading_when_too_many_wait),
        TEST(tries_again_when_there_is_room),
        TEST(does_not_read_who_does_not_read),
        TEST(publishes_the_will_of_who_is_lost),
        TEST(publishes_the_will_of_who_is_replaced),
        TEST(forgets_the_will_of_who_says_goodbye_or_may_not_speak),
        TEST(moves_to_the_loop_that_owns_the_device),
        TEST_TIME(ends_who_is_silent),
        TEST_TIME(hears_any_packet),
        TEST_TIME(ends_who_does_not_sign_in),
        TEST_TIME(gives_up_on_a_backend_that_does_not_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
