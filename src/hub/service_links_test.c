/* Services over AMQP: the engine's client end against the hub's endpoint, in simulated time. */
#include "hub/service_links.h"

#include <stdio.h>

#include "base/cmocka.h"
#include "c2d/c2d.h"
#include "hub/amqp.h"
#include "hub/backend.h"
#include "hub/hub_rig.h"
#include "io/sim.h"
#include "io/stream.h"

static const char *const names[] = {"hub.example", NULL};

enum { TO_DEVICES, FEEDBACK, MORE_FEEDBACK, LINKS };

static struct {
    struct sim *sim;
    struct loop *loop;
    struct hub hub;
    struct hub_amqp *amqp;
    struct c2d_clock clock;
    struct listener *listener;
    /* The client. */
    struct stream *stream;
    struct amqp_connection *client;
    struct amqp_session *session;
    struct amqp_link *links[LINKS]; /* NULL: not there, or ended */
    char detached[64];              /* why the last one ended */
    char outcome[64];               /* of the last message: "accepted", or a condition */
    struct buffer received;         /* the last message */
    struct buffer tag;
    uint32_t delivery;
    unsigned batches;
    /* The registry's last answer. */
    bool answered;
    enum status why;
    struct c2d_message taken;
    struct buffer body, id, properties;
    enum c2d_ack ack;
    unsigned count;
} house;

static void go(uint64_t ms)
{
    sim_run(house.sim, sim_now_ms(house.sim) + ms);
}

/* ---- the client ---- */

static struct buffer *output(void *arg)
{
    (void)arg;
    stream_flush(house.stream);
    return stream_out(house.stream);
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    (void)arg, (void)peer;
    assert_int_equal(amqp_session_begin(house.client, &house.session), OK);
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    (void)arg, (void)l;
    house.batches++;
    house.delivery = d->id;
    buffer_reset(&house.received);
    buffer_put(&house.received, d->bytes);
    buffer_reset(&house.tag);
    buffer_put(&house.tag, d->tag);
}

static void on_settled(void *arg, struct amqp_link *l, uint64_t token,
                       const struct amqp_state *state)
{
    (void)arg, (void)l, (void)token;
    if (state->outcome == AMQP_OUTCOME_ACCEPTED)
        snprintf(house.outcome, sizeof(house.outcome), "accepted");
    else
        snprintf(house.outcome, sizeof(house.outcome), "%.*s", SLICE_FMT(state->error.condition));
}

static void on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    (void)arg;
    snprintf(house.detached, sizeof(house.detached), "%.*s", SLICE_FMT(why->condition));
    for (int i = 0; i < LINKS; i++)
        if (house.links[i] == l)
            house.links[i] = NULL;
}

static void on_client_close(void *arg, enum status why, const struct amqp_error *error)
{
    (void)arg, (void)why, (void)error;
}

static const struct amqp_events client_events = {.output = output,
                                                 .on_open = on_open,
                                                 .on_transfer = on_transfer,
                                                 .on_settled = on_settled,
                                                 .on_detach = on_detach,
                                                 .on_close = on_client_close};

static void on_data(void *arg, struct slice bytes)
{
    (void)arg;
    amqp_connection_in(house.client, bytes, loop_now_ms(house.loop));
}

static void on_close(void *arg, enum status why)
{
    (void)arg, (void)why;
    house.stream = NULL;
}

static const struct stream_events stream_table = {.on_data = on_data, .on_close = on_close};

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    hub_amqp_accept(house.amqp, s);
}

static void connect_as(const char *policy)
{
    static const char *const plain[] = {"PLAIN", NULL};
    struct buffer response = {0};
    buffer_u8(&response, 0);
    buffer_text(&response, policy);
    buffer_u8(&response, 0);
    buffer_put(&response, policies_key(house.hub.policies, slice_of(policy), false));
    house.stream = stream_connect(&(struct connect_config){.loop = house.loop,
                                                           .host = "hub",
                                                           .port = listener_port(house.listener)},
                                  &stream_table, NULL);
    house.client = amqp_connection_new(
        &(struct amqp_connection_config){.client = true,
                                         .container_id = "me",
                                         .mechanisms = plain,
                                         .sasl_response = buffer_slice(&response),
                                         .events = &client_events},
        loop_now_ms(house.loop));
    buffer_clear(&response);
    go(100);
    assert_non_null(house.session);
}

static void disconnect(void)
{
    if (house.stream)
        stream_abort(house.stream, CANCELLED);
    go(100);
    amqp_connection_free(&house.client);
    house.session = NULL;
    memset(house.links, 0, sizeof(house.links));
}

/* `receives` messages from it, or sends to it. */
static bool attach(unsigned n, const char *address, bool receives)
{
    struct buffer text = {0}, source = {0}, target = {0};
    char name[16];
    snprintf(name, sizeof(name), "link-%u", n);
    amqp_write_string(&text, slice_of(address));
    amqp_source_write(&source, &(struct amqp_source){.address = receives ? buffer_slice(&text)
                                                                         : (struct slice){0},
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT});
    amqp_target_write(&target, &(struct amqp_target){.address = receives ? (struct slice){0}
                                                                         : buffer_slice(&text),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT});
    house.detached[0] = 0;
    assert_int_equal(amqp_link_attach(house.session,
                                      &(struct amqp_attach){.name = slice_of(name),
                                                            .receiver = receives,
                                                            .send_settle = AMQP_ABSENT,
                                                            .receive_settle = AMQP_ABSENT,
                                                            .source = buffer_slice(&source),
                                                            .target = buffer_slice(&target)},
                                      NULL, &house.links[n]),
                     OK);
    amqp_connection_flush(house.client);
    buffer_clear(&text);
    buffer_clear(&source);
    buffer_clear(&target);
    go(100);
    return house.links[n] != NULL;
}

static void allow(unsigned n, uint32_t credit)
{
    amqp_link_set_window(house.links[n], credit);
    amqp_connection_flush(house.client);
    go(100);
}

static void settle(unsigned n, enum amqp_outcome how)
{
    amqp_link_settle(house.links[n], house.delivery, &(struct amqp_state){.outcome = how});
    amqp_connection_flush(house.client);
    go(100);
}

struct letter {
    const char *to, *ack;
    int64_t expiry_ms; /* 0: none */
    size_t bytes;      /* of the body; 0: "body" */
};

static const char *send(struct letter letter)
{
    static const uint8_t much[70000];
    static const uint8_t uuid[16] = {1, 2, 3, 4};
    struct buffer b = {0}, id = {0};
    struct amqp_properties p = amqp_properties_none();
    amqp_write_uuid(&id, uuid);
    p.message_id = buffer_slice(&id);
    p.to = letter.to ? slice_of(letter.to) : (struct slice){0};
    p.expiry_ms = letter.expiry_ms ? letter.expiry_ms : AMQP_ABSENT;
    amqp_properties_write(&b, &p);
    size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(&b, SLICE("color"));
    amqp_write_string(&b, SLICE("red"));
    if (letter.ack) {
        amqp_write_string(&b, SLICE("iothub-ack"));
        amqp_write_string(&b, slice_of(letter.ack));
    }
    amqp_write_end(&b, map, letter.ack ? 4 : 2);
    amqp_message_data(&b, letter.bytes ? slice_from(much, letter.bytes) : SLICE("body"));
    house.outcome[0] = 0;
    assert_int_equal(
        amqp_link_send(house.links[TO_DEVICES], &(struct amqp_send){.token = 1}, buffer_slice(&b)),
        OK);
    amqp_connection_flush(house.client);
    buffer_clear(&b);
    buffer_clear(&id);
    go(100);
    return house.outcome;
}

/* ---- the registry ---- */

static void on_identity(void *arg, const struct registry_answer *a)
{
    (void)arg;
    assert_int_equal(a->why, OK);
    house.answered = true;
}

static void on_taken(void *arg, enum status why, const struct c2d_message *m, unsigned count)
{
    (void)arg;
    house.why = why;
    house.count = count;
    if (count == 0)
        return;
    house.taken = *m;
    house.taken.message = (struct iot_message){.message_id_type = m->message.message_id_type};
    buffer_reset(&house.body);
    buffer_put(&house.body, m->message.body);
    buffer_reset(&house.id);
    buffer_put(&house.id, m->message.message_id);
    buffer_reset(&house.properties);
    buffer_put(&house.properties, m->message.properties);
}

static unsigned take(void)
{
    c2d_take(house.hub.registry, house.loop, &(struct c2d_want){.device = SLICE("d$1"), .count = 1},
             on_taken, NULL);
    go(1);
    return house.count;
}

/* A message that a device rejected: a record of feedback, in a batch after 15 seconds. */
static void make_feedback(void)
{
    assert_string_equal(
        send((struct letter){.to = "/devices/d$1/messages/devicebound", .ack = "full"}),
        "accepted");
    assert_int_equal(take(), 1);
    c2d_settle(house.hub.registry, house.loop, SLICE("d$1"),
               slice_from(house.taken.lock, C2D_LOCK_LEN), HEADS_REJECT, NULL, NULL);
    go(C2D_FEEDBACK_GATHER_MS + 2000);
}

/* ---- the house ---- */

static int begin(void **state)
{
    (void)state;
    struct hub *hub = &house.hub;
    memset(&house, 0, sizeof(house));
    house.sim = sim_new(1);
    house.loop = sim_loop_new(house.sim, "hub");
    hub->events_name = "events";
    hub_rig_begin(hub, house.loop, names);
    hub->policies = iot_policies_random();
    assert_int_equal(
        registry_open(":memory:", &hub->limits,
                      &(struct registry_events){.on_message = hub_backend_message_waits,
                                                .on_feedback = hub_backend_feedback_waits,
                                                .arg = hub},
                      &hub->registry),
        OK);
    c2d_clock_start(&house.clock, hub->registry, house.loop);
    hub->service = hub_service_new(hub);
    house.amqp = hub_amqp_new(hub, NULL) /* no stream is read */;
    assert_int_equal(
        listener_open(
            &(struct listen_config){.loop = house.loop, .host = "hub", .on_accept = on_accept},
            &house.listener),
        OK);
    registry_ask(hub->registry, house.loop,
                 &(struct registry_ask){.what = &registry_identity_put,
                                        .id = {.device = SLICE("d$1")},
                                        .body = SLICE("{}")},
                 on_identity, NULL);
    go(1);
    assert_true(house.answered);
    connect_as("service");
    return 0;
}

static int finish(void **state)
{
    (void)state;
    disconnect();
    assert_int_equal(hub_amqp_connections(house.amqp), 0);
    listener_close(&house.listener);
    registry_close(&house.hub.registry);
    sim_free(&house.sim);
    hub_amqp_free(&house.amqp);
    hub_service_free(&house.hub.service);
    policies_free(&house.hub.policies);
    map_clear(&house.hub.loops[0].devices);
    struct buffer *all[] = {&house.received, &house.tag, &house.body, &house.id, &house.properties};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        buffer_clear(all[i]);
    return 0;
}

/* ---- sending ---- */

static void a_message_is_stored_as_it_was_sent(void **state)
{
    (void)state;
    assert_true(attach(TO_DEVICES, "amqps://hub.example/messages/deviceBound", false));
    assert_string_equal(
        send((struct letter){.to = "/devices/d%241/messages/deviceBound", .ack = "Full"}),
        "accepted");
    assert_int_equal(take(), 1);
    assert_true(slice_eq(buffer_slice(&house.body), SLICE("body")));
    assert_int_equal(house.taken.message.message_id_type, IOT_MESSAGE_ID_UUID);
    assert_int_equal(house.id.len, 16);
    assert_int_equal(house.id.at[3], 4);
    assert_int_equal(house.taken.ack, C2D_ACK_FULL);
    struct slice list = buffer_slice(&house.properties), name, value;
    assert_true(iot_property_next(&list, &name, &value));
    assert_true(slice_eq(name, SLICE("color")));
    assert_true(slice_eq(value, SLICE("red")));
    assert_int_equal(list.len, 0); /* the ack is the hub's */
}

static void what_cannot_be_sent_is_refused_with_its_condition(void **state)
{
    (void)state;
    assert_true(attach(TO_DEVICES, "/messages/devicebound", false));
    int64_t now = (int64_t)loop_wall_ms(house.loop);
    const char *to = "/devices/d$1/messages/devicebound";
    const struct {
        struct letter letter;
        const char *condition;
    } cases[] = {
        {{.to = NULL}, "com.microsoft:argument-error"},
        {{.to = "/devices/d$1"}, "com.microsoft:argument-error"},
        {{.to = "/devices/d$1/messages/events"}, "com.microsoft:argument-error"},
        {{.to = "/devices/nobody/messages/devicebound"}, "amqp:not-found"},
        {{.to = "/devices/d$1/modules/m/messages/devicebound"}, "amqp:not-implemented"},
        {{.to = to, .ack = "loud"}, "com.microsoft:argument-error"},
        {{.to = to, .ack = ""}, "com.microsoft:argument-error"},
        {{.to = to, .expiry_ms = now - 1000}, "com.microsoft:argument-error"},
        {{.to = to, .expiry_ms = now + 49 * 3600000}, "com.microsoft:argument-error"},
        {{.to = to, .bytes = 65 << 10}, "amqp:link:message-size-exceeded"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(send(cases[i].letter), cases[i].condition);
    assert_int_equal(take(), 0);
    assert_string_equal(send((struct letter){.to = to, .expiry_ms = now + 47 * 3600000}),
                        "accepted");
}

static void a_full_queue_says_so(void **state)
{
    (void)state;
    struct letter letter = {.to = "/devices/d$1/messages/devicebound"};
    assert_true(attach(TO_DEVICES, "/messages/devicebound", false));
    for (unsigned i = 0; i < house.hub.limits.c2d_queue; i++)
        assert_string_equal(send(letter), "accepted");
    assert_string_equal(send(letter), "amqp:resource-limit-exceeded");
}

static void who_leaves_before_the_answer_has_sent_all_the_same(void **state)
{
    (void)state;
    assert_true(attach(TO_DEVICES, "/messages/devicebound", false));
    struct buffer b = {0};
    struct amqp_properties p = amqp_properties_none();
    p.to = SLICE("/devices/d$1/messages/devicebound");
    amqp_properties_write(&b, &p);
    amqp_message_data(&b, SLICE("body"));
    assert_int_equal(amqp_link_send(house.links[TO_DEVICES], &(struct amqp_send){.settled = true},
                                    buffer_slice(&b)),
                     OK);
    amqp_link_detach(house.links[TO_DEVICES], NULL);
    amqp_connection_flush(house.client);
    buffer_clear(&b);
    go(100);
    assert_int_equal(take(), 1);
}

static void other_policies_may_not(void **state)
{
    (void)state;
    disconnect();
    connect_as("registryReadWrite");
    assert_false(attach(TO_DEVICES, "/messages/devicebound", false));
    assert_string_equal(house.detached, "amqp:unauthorized-access");
    assert_false(attach(FEEDBACK, "/messages/serviceBound/feedback", true));
    assert_string_equal(house.detached, "amqp:unauthorized-access");
}

/* ---- feedback ---- */

static void a_batch_has_the_shape_that_the_sdks_expect(void **state)
{
    (void)state;
    struct amqp_message m;
    struct amqp_value v;
    struct slice body;
    assert_true(attach(TO_DEVICES, "/messages/devicebound", false));
    assert_true(attach(FEEDBACK, "amqps://hub.example/messages/servicebound/feedback", true));
    allow(FEEDBACK, 10);
    make_feedback();
    assert_int_equal(house.batches, 1);
    assert_int_equal(house.tag.len, 16); /* .NET's lock token */
    assert_int_equal(amqp_message_read(buffer_slice(&house.received), &m), OK);
    assert_true(slice_eq(m.properties.content_type, SLICE(C2D_FEEDBACK_CONTENT_TYPE)));
    assert_true(slice_eq(m.properties.user_id, SLICE("hub.example")));
    assert_true(amqp_map_find(&m.message_annotations, SLICE("iothub-enqueuedtime"), &v));
    assert_int_equal(v.type, AMQP_TIMESTAMP);
    assert_true(amqp_message_bytes(&m, &body));
    assert_true(slice_starts(
        body, SLICE("[{\"originalMessageId\":\"01020304-0000-0000-0000-000000000000\"")));
    assert_true(slice_ends(body, SLICE("\"statusCode\":\"Rejected\"}]")));
}

static void a_batch_is_there_until_it_is_accepted(void **state)
{
    (void)state;
    assert_true(attach(TO_DEVICES, "/messages/devicebound", false));
    make_feedback();
    assert_true(attach(FEEDBACK, "/messages/serviceBound/feedback", true));
    go(1000);
    assert_int_equal(house.batches, 0); /* no credit */
    allow(FEEDBACK, 1);
    assert_int_equal(house.batches, 1);
    settle(FEEDBACK, AMQP_OUTCOME_RELEASED);
    assert_int_equal(house.batches, 2);
    amqp_link_detach(house.links[FEEDBACK], NULL); /* unsettled */
    amqp_connection_flush(house.client);
    assert_true(attach(MORE_FEEDBACK, "/messages/serviceBound/feedback", true));
    allow(MORE_FEEDBACK, 1);
    assert_int_equal(house.batches, 3);
    go(house.hub.limits.feedback_lock_ms + 2000);
    assert_int_equal(house.batches, 3);           /* the credit is used */
    settle(MORE_FEEDBACK, AMQP_OUTCOME_ACCEPTED); /* too late: it comes again */
    assert_int_equal(house.batches, 4);
    settle(MORE_FEEDBACK, AMQP_OUTCOME_ACCEPTED);
    go(house.hub.limits.feedback_lock_ms + 2000);
    assert_int_equal(house.batches, 4);
}

static void of_two_readers_one_gets_it(void **state)
{
    (void)state;
    assert_true(attach(TO_DEVICES, "/messages/devicebound", false));
    assert_true(attach(FEEDBACK, "/messages/serviceBound/feedback", true));
    assert_true(attach(MORE_FEEDBACK, "/messages/serviceBound/feedback", true));
    allow(FEEDBACK, 5);
    allow(MORE_FEEDBACK, 5);
    make_feedback();
    assert_int_equal(house.batches, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_is_stored_as_it_was_sent),
        TEST(what_cannot_be_sent_is_refused_with_its_condition),
        TEST(a_full_queue_says_so),
        TEST(who_leaves_before_the_answer_has_sent_all_the_same),
        TEST(other_policies_may_not),
        TEST(a_batch_has_the_shape_that_the_sdks_expect),
        TEST(a_batch_is_there_until_it_is_accepted),
        TEST(of_two_readers_one_gets_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
