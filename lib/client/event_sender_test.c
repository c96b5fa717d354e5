/* A sender in a simulated world, and an event hub of few words on the engine's other end. */
#include "client/event_sender.h"

#include <stdio.h>
#include <stdlib.h>

#include "amqp/link.h"
#include "amqp/message.h"
#include "base/memory.h"
#include "io/sim.h"

#include "base/cmocka.h"

#define PORT 5671

struct rig {
    struct sim *sim;
    struct loop *loop, *there;
    struct listener *listener;
    struct event_sender *sender;
    /* the event hub */
    struct stream *stream;
    struct amqp_connection *engine;
    struct amqp_link *answers;
    struct loop_timer tick;
    unsigned connections, tokens;
    int token_status;
    bool silent;           /* settles nothing */
    const char *condition; /* rejects with it; NULL: accepts */
    struct buffer arrived; /* bodies, each with a blank behind */
    struct buffer key, property, subject;
    /* the sender's user */
    struct buffer told; /* "1:OK " */
    unsigned rooms;
};

/* ---- the event hub ---- */

static struct buffer *output(void *arg)
{
    struct rig *r = arg;
    stream_flush(r->stream);
    return stream_out(r->stream);
}

static void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *a)
{
    struct rig *r = arg;
    (void)a;
    amqp_link_accept(l, NULL);
    if (amqp_link_sends(l))
        r->answers = l;
    else
        amqp_link_set_window(l, 1000);
}

static void answer_token(struct rig *r)
{
    struct buffer b = {0};
    size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(&b, SLICE("status-code"));
    amqp_write_int(&b, r->token_status);
    amqp_write_end(&b, map, 2);
    amqp_message_value_begin(&b);
    amqp_write_null(&b);
    assert_int_equal(
        amqp_link_send(r->answers, &(struct amqp_send){.settled = true}, buffer_slice(&b)), OK);
    buffer_clear(&b);
}

static void keep(struct buffer *to, const struct amqp_value *map, const char *name)
{
    struct amqp_value v;
    buffer_reset(to);
    if (amqp_map_find(map, slice_of(name), &v))
        buffer_put(to, v.bytes);
}

static void take_event(struct rig *r, struct amqp_link *l, const struct amqp_delivery *d,
                       const struct amqp_message *m)
{
    struct slice body;
    assert_true(amqp_message_bytes(m, &body));
    buffer_printf(&r->arrived, "%.*s ", SLICE_FMT(body));
    keep(&r->key, &m->message_annotations, "x-opt-partition-key");
    keep(&r->property, &m->application_properties, "millrace-sequence");
    buffer_reset(&r->subject);
    buffer_put(&r->subject, m->properties.subject);
    if (r->silent)
        return;
    struct amqp_state state = {.outcome =
                                   r->condition ? AMQP_OUTCOME_REJECTED : AMQP_OUTCOME_ACCEPTED};
    if (r->condition)
        state.error = (struct amqp_error){.condition = slice_of(r->condition)};
    amqp_link_settle(l, d->id, &state);
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct rig *r = arg;
    struct amqp_message m;
    struct amqp_value v;
    assert_int_equal(amqp_message_read(d->bytes, &m), OK);
    if (!amqp_map_find(&m.application_properties, SLICE("operation"), &v)) {
        take_event(r, l, d, &m);
        return;
    }
    r->tokens++;
    answer_token(r);
}

static const struct amqp_events hub_events = {
    .output = output, .on_attach = on_attach, .on_transfer = on_transfer};

static void hub_data(void *arg, struct slice bytes)
{
    struct rig *r = arg;
    amqp_connection_in(r->engine, bytes, loop_now_ms(r->there));
}

static void on_tick(void *arg)
{
    struct rig *r = arg;
    loop_timer_start(r->there, &r->tick, 10000, on_tick, r);
    amqp_connection_tick(r->engine, loop_now_ms(r->there));
}

static void hub_close(void *arg, enum status why)
{
    struct rig *r = arg;
    loop_timer_stop(&r->tick);
    (void)why;
    r->stream = NULL;
    amqp_connection_free(&r->engine);
}

static const struct stream_events hub_stream = {.on_data = hub_data, .on_close = hub_close};

static void on_accept(void *arg, struct stream *s)
{
    static const char *const anonymous[] = {"ANONYMOUS", NULL};
    struct rig *r = arg;
    assert_null(r->stream);
    r->connections++;
    r->stream = s;
    r->engine = amqp_connection_new(&(struct amqp_connection_config){.container_id = "hub",
                                                                     .mechanisms = anonymous,
                                                                     .idle_ms = 60000,
                                                                     .events = &hub_events,
                                                                     .arg = r},
                                    loop_now_ms(r->there));
    stream_events(s, &hub_stream, r);
    loop_timer_start(r->there, &r->tick, 10000, on_tick, r);
}

/* ---- the sender ---- */

static void on_sent(void *arg, uint64_t token, enum status why)
{
    buffer_printf(&((struct rig *)arg)->told, "%d:%s ", (int)token, status_name(why));
}

static void on_room(void *arg)
{
    ((struct rig *)arg)->rooms++;
}

static const struct event_sender_events events = {.on_sent = on_sent, .on_room = on_room};

static void pass_time(struct rig *r, uint64_t ms)
{
    sim_run(r->sim, sim_now_ms(r->sim) + ms);
}

static int set_up(void **state)
{
    struct rig *r = MEMORY_NEW(struct rig);
    r->sim = sim_new(3);
    r->loop = sim_loop_new(r->sim, "sender");
    r->there = sim_loop_new(r->sim, "hub");
    r->token_status = 202;
    assert_int_equal(listener_open(&(struct listen_config){.loop = r->there,
                                                           .host = "0.0.0.0",
                                                           .port = PORT,
                                                           .on_accept = on_accept,
                                                           .arg = r},
                                   &r->listener),
                     OK);
    r->sender = event_sender_new(&(struct event_sender_config){.loop = r->loop,
                                                               .host = "hub",
                                                               .port = PORT,
                                                               .entity = "events",
                                                               .policy = "send",
                                                               .key = "secret",
                                                               .events = &events,
                                                               .arg = r});
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    event_sender_free(&r->sender);
    pass_time(r, 10000);
    listener_close(&r->listener);
    sim_free(&r->sim);
    buffer_clear(&r->arrived);
    buffer_clear(&r->told);
    buffer_clear(&r->key);
    buffer_clear(&r->property);
    buffer_clear(&r->subject);
    free(r);
    return 0;
}

static enum status send(struct rig *r, const char *body, uint64_t token)
{
    struct event_sender_message m = {.body = slice_of(body),
                                     .content_type = SLICE("application/json"),
                                     .subject = SLICE("a/b"),
                                     .properties = SLICE("\0\x11millrace-sequence\0\1"
                                                         "7"),
                                     .partition_key = SLICE("a/b")};
    return event_sender_send(r->sender, &m, token);
}

static void expect(struct buffer *b, const char *wanted)
{
    assert_string_equal(buffer_cstr(b), wanted);
    buffer_reset(b);
}

static void messages_arrive_as_they_are(void **state)
{
    struct rig *r = *state;
    assert_int_equal(send(r, "x", 1), OK); /* waits for the connection */
    pass_time(r, 2000);
    assert_true(event_sender_connected(r->sender));
    assert_int_equal(send(r, "y", 2), OK);
    assert_int_equal(r->told.len, strlen("1:OK "));
    pass_time(r, 1000);
    expect(&r->arrived, "x y ");
    expect(&r->told, "1:OK 2:OK ");
    expect(&r->key, "a/b");
    expect(&r->subject, "a/b");
    expect(&r->property, "7");
}

static void sends_again_what_was_not_settled(void **state)
{
    struct rig *r = *state;
    r->silent = true;
    pass_time(r, 2000);
    assert_int_equal(send(r, "x", 1), OK);
    assert_int_equal(send(r, "y", 2), OK);
    pass_time(r, 1000);
    expect(&r->arrived, "x y ");
    stream_abort(r->stream, CLOSED);
    r->silent = false;
    pass_time(r, 5000);
    assert_int_equal(r->connections, 2);
    expect(&r->arrived, "x y ");
    expect(&r->told, "1:OK 2:OK ");
}

static void what_is_rejected_for_good_is_told(void **state)
{
    struct rig *r = *state;
    pass_time(r, 2000);
    r->condition = "amqp:link:message-size-exceeded";
    assert_int_equal(send(r, "x", 1), OK);
    pass_time(r, 1000);
    expect(&r->told, "1:TOO_LARGE ");
    assert_int_equal(r->connections, 1);
    r->condition = "com.microsoft:server-busy"; /* later it may not be */
    assert_int_equal(send(r, "y", 2), OK);
    pass_time(r, 100);
    expect(&r->told, "");
    r->condition = NULL;
    pass_time(r, 5000);
    expect(&r->told, "2:OK ");
}

static void renews_its_token(void **state)
{
    struct rig *r = *state;
    pass_time(r, 2000);
    assert_int_equal(r->tokens, 1);
    pass_time(r, 3600000);
    assert_int_equal(r->tokens, 2);
    assert_int_equal(r->connections, 1);
}

static void tries_for_ever_when_it_is_refused(void **state)
{
    struct rig *r = *state;
    r->token_status = 401;
    assert_int_equal(send(r, "x", 1), OK);
    pass_time(r, 1800000);
    assert_false(event_sender_connected(r->sender));
    assert_in_range(r->connections, 50, 150);
    r->token_status = 202;
    pass_time(r, 31000);
    expect(&r->told, "1:OK ");
}

static void a_link_that_is_cut_is_found_out(void **state)
{
    struct rig *r = *state;
    pass_time(r, 2000);
    sim_link(r->sim, "sender", "hub", false);
    assert_int_equal(send(r, "x", 1), OK);
    pass_time(r, 200000);
    assert_false(event_sender_connected(r->sender));
    if (r->stream) { /* a hub whose network was pulled finds out by itself */
        stream_abort(r->stream, TIMED_OUT);
        pass_time(r, 1);
    }
    sim_link(r->sim, "sender", "hub", true);
    pass_time(r, 60000);
    expect(&r->told, "1:OK ");
}

static void the_window_has_a_bound(void **state)
{
    struct rig *r = *state;
    for (uint64_t i = 0; i < EVENT_SENDER_WINDOW; i++)
        assert_int_equal(send(r, "x", i), OK);
    assert_int_equal(send(r, "x", 9999), FULL);
    pass_time(r, 5000);
    assert_int_equal(r->rooms, 1);
}

static void what_is_left_is_cancelled(void **state)
{
    struct rig *r = *state;
    assert_int_equal(send(r, "x", 1), OK);
    assert_int_equal(send(r, "y", 2), OK);
    event_sender_free(&r->sender);
    expect(&r->told, "1:CANCELLED 2:CANCELLED ");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(messages_arrive_as_they_are),
        TEST(sends_again_what_was_not_settled),
        TEST(what_is_rejected_for_good_is_told),
        TEST(renews_its_token),
        TEST(tries_for_ever_when_it_is_refused),
        TEST(a_link_that_is_cut_is_found_out),
        TEST(the_window_has_a_bound),
        TEST(what_is_left_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
