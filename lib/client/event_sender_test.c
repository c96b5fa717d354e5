/* A sender in a simulated world, and an event hub of few words on the engine's other end. */
#include "client/event_sender.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "client/hub_double.h"

#define PORT 5671

struct rig {
    struct hub_double hub;
    struct event_sender *sender;
    /* the event hub */
    struct amqp_link *answers;
    unsigned tokens;
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
    hub_double_answer(r->answers, r->token_status);
}

static const struct amqp_events hub_events = {
    .output = hub_double_output, .on_attach = on_attach, .on_transfer = on_transfer};

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
    hub_double_pass(&r->hub, ms);
}

static int set_up(void **state)
{
    struct rig *r = MEMORY_NEW(struct rig);
    r->hub.events = &hub_events;
    hub_double_open(&r->hub, 3, PORT);
    r->token_status = 202;
    r->sender = event_sender_new(&(struct event_sender_config){.loop = r->hub.loop,
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
    hub_double_close(&r->hub);
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
    stream_abort(r->hub.stream, CLOSED);
    r->silent = false;
    pass_time(r, 5000);
    assert_int_equal(r->hub.connections, 2);
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
    assert_int_equal(r->hub.connections, 1);
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
    assert_int_equal(r->hub.connections, 1);
}

static void tries_for_ever_when_it_is_refused(void **state)
{
    struct rig *r = *state;
    r->token_status = 401;
    assert_int_equal(send(r, "x", 1), OK);
    pass_time(r, 1800000);
    assert_false(event_sender_connected(r->sender));
    assert_in_range(r->hub.connections, 50, 150);
    r->token_status = 202;
    pass_time(r, 31000);
    expect(&r->told, "1:OK ");
}

static void a_link_that_is_cut_is_found_out(void **state)
{
    struct rig *r = *state;
    pass_time(r, 2000);
    sim_link(r->hub.sim, "client", "hub", false);
    assert_int_equal(send(r, "x", 1), OK);
    pass_time(r, 200000);
    assert_false(event_sender_connected(r->sender));
    if (r->hub.stream) { /* a hub whose network was pulled finds out by itself */
        stream_abort(r->hub.stream, TIMED_OUT);
        pass_time(r, 1);
    }
    sim_link(r->hub.sim, "client", "hub", true);
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
