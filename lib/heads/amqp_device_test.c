#include "heads/amqp_device.h"

#include "heads/amqp_device_rig.h"

static int setup(void **state)
{
    struct test *t = MEMORY_NEW(struct test);
    rig_start(t, 7);
    client_open(t, &t->clients[0]);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct test *t = *state;
    rig_stop(t, t->clients, 2);
    free(t);
    return 0;
}

/* ---- signing in ---- */

static void nobody_without_a_token(void **state)
{
    struct test *t = *state;
    ask(&t->clients[0], "telemetry", false, "/devices/d1/messages/events");
    got(t, "detached telemetry amqp:unauthorized-access");
    put_token(t, &t->clients[0], "hub%2Fdevices%2Fd1", "bad");
    got(t, "401");
    told(t, "visit d1");
    ask(&t->clients[0], "telemetry", false, "/devices/d1/messages/events");
    got(t, "detached telemetry amqp:unauthorized-access");
    silent(t, &t->fake.heard, "sign_in");
}

static void a_token_is_for_its_device_and_its_modules_alone(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->clients[0], "hub%2Fdevices%2Fd1", "/devices/d1/messages/events");
    told(t, "sign_in d1 client=test/1");
    ask(&t->clients[0], "other", false, "/devices/d10/messages/events");
    got(t, "detached other amqp:unauthorized-access");
    attach(t, &t->clients[0], "module", false, "/devices/d1/modules/m/messages/events");
    told(t, "sign_in d1/m"); /* with the device's token; whether that is good the backend says */
}

static void ids_are_decoded_once(void **state)
{
    struct test *t = *state;
    put_token(t, &t->clients[0], "amqps://hub/devices/a%25b", "good");
    told(t, "visit a%b");
    got(t, "200");
    attach(t, &t->clients[0], "telemetry", false, "/devices/a%25b/messages/events");
    told(t, "sign_in a%b");
}

static void addresses_are_uris_of_any_case_and_encoded(void **state)
{
    struct test *t = *state;
    put_token(t, &t->clients[0], "hub/devices/edge-1/modules/%24edgeHub", "good");
    got(t, "200");
    attach(t, &t->clients[0], "one", false,
           "amqps://hub:5671/Devices/edge-1/Modules/%24edgeHub/Messages/Events");
    told(t, "sign_in edge-1/$edgeHub");
    attach(t, &t->clients[0], "two", true, "/devices/edge-1/modules/$edgeHub/METHODS/deviceBound");
    told(t, "subscribe edge-1/$edgeHub methods on");
    ask(&t->clients[0], "three", false, "/devices/edge-1/modules//twin");
    got(t, "detached three com.microsoft:argument-error");
    ask(&t->clients[0], "four", false, "/devices/edge-1/nothing");
    got(t, "detached four amqp:not-found");
}

static void the_session_ends_with_the_last_link(void **state)
{
    struct test *t = *state;
    struct client_link *l =
        sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    struct client_link *c2d =
        attach(t, &t->clients[0], "c2d", true, "/devices/d1/messages/devicebound");
    amqp_link_detach(l->link, NULL);
    stream_flush(t->clients[0].stream);
    silent(t, &t->fake.heard, "sign_out");
    amqp_link_detach(c2d->link, NULL);
    stream_flush(t->clients[0].stream);
    told(t, "sign_out d1");
    attach(t, &t->clients[0], "again", false, "/devices/d1/messages/events");
    told(t, "sign_in d1");
}

static void many_devices_on_one_connection(void **state)
{
    struct test *t = *state;
    t->fake.accepts = true;
    for (int i = 0; i < 20; i++) {
        char audience[64], address[64], line[64];
        snprintf(audience, sizeof(audience), "hub/devices/d%d", i);
        snprintf(address, sizeof(address), "/devices/d%d/messages/events", i);
        snprintf(line, sizeof(line), "telemetry d%d hello", i);
        struct client_link *l = sign_in(t, &t->clients[0], audience, address);
        send_text(t, l, "hello");
        told(t, line);
        got(t, "accepted telemetry");
    }
}

/* Only the links of that device, and the one who lost it is told why. */
static void a_newer_connection_takes_a_device(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    attach(t, &t->clients[0], "c2d", true, "/devices/d1/messages/devicebound");
    struct client_link *second =
        sign_in(t, &t->clients[0], "hub/devices/d2", "/devices/d2/messages/events");
    client_open(t, &t->clients[1]);
    sign_in(t, &t->clients[1], "hub/devices/d1", "/devices/d1/messages/events");
    got(t, "detached telemetry amqp:link:stolen");
    got(t, "detached c2d amqp:link:stolen");
    t->fake.accepts = true;
    send_text(t, second, "still here");
    told(t, "telemetry d2 still here");
    got(t, "accepted telemetry");
}

static void a_newer_token_goes_to_the_session(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    put_token(t, &t->clients[0], "hub/devices/d1", "good-too");
    told(t, "renew d1");
    session_of(t, "d1")->ops->close(session_of(t, "d1"), UNAUTHORIZED);
    got(t, "detached telemetry amqp:unauthorized-access");
    told(t, "sign_out d1");
}

static void answer_sign_in(struct test *t, enum status why)
{
    struct heads_session *s = t->fake.waiting;
    struct fake_device *d = device_named(&t->fake, t->fake.waiting_for);
    assert_non_null(s);
    t->fake.waiting = NULL;
    if (why == OK)
        d->session = s;
    s->ops->signed_in(s, why, why == OK ? (struct heads_device *)d : NULL);
}

static void links_wait_for_the_sign_in(void **state)
{
    struct test *t = *state;
    put_token(t, &t->clients[0], "hub/devices/d1", "good");
    t->fake.holds = true;
    ask(&t->clients[0], "one", false, "/devices/d1/messages/events");
    ask(&t->clients[0], "two", true, "/devices/d1/messages/devicebound");
    told(t, "sign_in d1");
    put_token(t, &t->clients[0], "hub/devices/d1", "good-too");
    silent(t, &t->clients[0].heard, "attached one");
    answer_sign_in(t, OK);
    got(t, "attached one");
    got(t, "attached two");
    told(t, "renew d1"); /* the token that came meanwhile */
}

static void who_goes_while_signing_in_was_never_there(void **state)
{
    struct test *t = *state;
    put_token(t, &t->clients[0], "hub/devices/d1", "good");
    t->fake.holds = true;
    struct client_link *l = ask(&t->clients[0], "one", false, "/devices/d1/messages/events");
    told(t, "sign_in d1");
    amqp_link_detach(l->link, NULL);
    stream_flush(t->clients[0].stream);
    told(t, "sign_out nobody");
    ask(&t->clients[0], "two", false, "/devices/d1/messages/events");
    told(t, "sign_in d1");
    answer_sign_in(t, BUSY);
    got(t, "detached two com.microsoft:device-container-throttled");
}

/* ---- telemetry ---- */

static void telemetry_is_accepted_when_it_is_durable(void **state)
{
    struct test *t = *state;
    struct client_link *l =
        sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    uint64_t first = t->next_token;
    for (int i = 0; i < 3; i++)
        send_text(t, l, "x");
    told(t, "telemetry d1 x");
    silent(t, &t->clients[0].heard, "accepted");
    accept_next(t, OK);
    accept_next(t, IO_FAILED);
    accept_next(t, OK);
    char line[64];
    snprintf(line, sizeof(line), "accepted telemetry %llu", (unsigned long long)first);
    got(t, line);
    got(t, "rejected telemetry");
    got(t, "amqp:internal-error");
    got(t, "accepted telemetry");
}

static void put_batch(struct buffer *batch, const char *const *texts)
{
    for (; *texts; texts++) {
        struct buffer one = {0};
        struct amqp_properties p = amqp_properties_none();
        p.message_id = SLICE("\xa1\2id");
        amqp_properties_write(&one, &p);
        amqp_message_data(&one, slice_of(*texts));
        amqp_message_data(batch, buffer_slice(&one));
        buffer_clear(&one);
    }
}

static void a_batch_is_one_delivery(void **state)
{
    struct test *t = *state;
    struct client_link *l =
        sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    struct buffer batch = {0};
    static const char *const texts[] = {"one", "two", "three", NULL};
    put_batch(&batch, texts);
    send_as(t, l, buffer_slice(&batch), AMQP_FORMAT_BATCH, false);
    told(t, "telemetry d1 one mid=id");
    told(t, "telemetry d1 two mid=id");
    told(t, "telemetry d1 three mid=id");
    accept_next(t, OK);
    accept_next(t, OK);
    silent(t, &t->clients[0].heard, "accepted");
    accept_next(t, OK);
    got(t, "accepted telemetry");
    /* One that is broken spoils all, and none is taken. */
    amqp_message_data(&batch, SLICE("nonsense"));
    send_as(t, l, buffer_slice(&batch), AMQP_FORMAT_BATCH, false);
    got(t, "rejected telemetry");
    got(t, "com.microsoft:argument-error");
    silent(t, &t->fake.heard, "telemetry");
    buffer_clear(&batch);
}

static void what_has_no_room_waits_in_order(void **state)
{
    struct test *t = *state;
    struct client_link *l =
        sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    t->fake.accepts = true;
    t->fake.room = 3; /* two, then no more */
    struct buffer batch = {0};
    static const char *const texts[] = {"one", "two", "three", NULL};
    put_batch(&batch, texts);
    send_as(t, l, buffer_slice(&batch), AMQP_FORMAT_BATCH, false);
    send_text(t, l, "four");
    told(t, "telemetry d1 two");
    silent(t, &t->fake.heard, "telemetry");
    silent(t, &t->clients[0].heard, "accepted");
    session_of(t, "d1")->ops->resume(session_of(t, "d1"));
    told(t, "telemetry d1 three");
    told(t, "telemetry d1 four");
    got(t, "accepted telemetry");
    got(t, "accepted telemetry");
    buffer_clear(&batch);
}

static void what_is_refused_is_rejected_with_its_condition(void **state)
{
    struct test *t = *state;
    struct client_link *l =
        sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    send_as(t, l, SLICE("nonsense"), 0, false);
    got(t, "rejected telemetry");
    got(t, "com.microsoft:argument-error");
    t->fake.telemetry_answer = TOO_LARGE;
    send_text(t, l, "x");
    got(t, "rejected telemetry");
    got(t, "amqp:link:message-size-exceeded");
    t->fake.telemetry_answer = OK;
    t->fake.accepts = true;
    send_text(t, l, "x");
    got(t, "accepted telemetry");
}

/* A backend that takes nothing costs a bounded number of bytes, whoever sends settled. */
static void not_read_when_too_much_is_under_way(void **state)
{
    struct test *t = *state;
    struct client_link *l =
        sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    struct buffer body = {0}, message = {0};
    memset(buffer_reserve(&body, 200000), 'x', 200000);
    buffer_added(&body, 200000);
    amqp_message_data(&message, buffer_slice(&body));
    t->fake.quiet = true;
    for (int i = 0; i < 100; i++)
        send_as(t, l, buffer_slice(&message), 0, true);
    sim_run(t->sim, sim_now_ms(t->sim) + 20000);
    size_t taken = t->fake.token_count;
    assert_in_range(taken, 30, HEADS_AMQP_UNDER_WAY_MAX / 200000 + 4);
    for (size_t i = 0; i < taken; i++)
        accept_next(t, OK);
    sim_run(t->sim, sim_now_ms(t->sim) + 20000);
    assert_in_range(t->fake.token_count, taken + 30, 100);
    while (t->fake.answered < 100) {
        while (t->fake.answered < t->fake.token_count)
            accept_next(t, OK);
        sim_run(t->sim, sim_now_ms(t->sim) + 1000);
    }
    buffer_clear(&body);
    buffer_clear(&message);
}

static void a_connection_that_breaks_signs_out(void **state)
{
    struct test *t = *state;
    struct client_link *l =
        sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    for (int i = 0; i < 10; i++)
        send_text(t, l, "x");
    told(t, "telemetry d1 x");
    stream_abort(t->clients[0].stream, CANCELLED);
    told(t, "sign_out d1");
}

/* ---- C2D and inputs ---- */

static void messages_come_by_credit_and_are_settled(void **state)
{
    struct test *t = *state;
    static const struct {
        enum amqp_outcome outcome;
        const char *line;
    } ways[] = {
        {AMQP_OUTCOME_ACCEPTED, "complete"},
        {AMQP_OUTCOME_REJECTED, "reject"},
        {AMQP_OUTCOME_RELEASED, "abandon"},
        {AMQP_OUTCOME_MODIFIED, "abandon"},
    };
    sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    struct client_link *l =
        attach(t, &t->clients[0], "c2d", true, "amqps://hub/devices/d1/messages/deviceBound");
    told(t, "subscribe d1 c2d on");
    credit(l, 4);
    told(t, "allow d1 c2d 4");
    for (uint64_t i = 0; i < 4; i++) {
        deliver(t, "d1", 70 + i, "", "do it");
        got(t, "got c2d \"do it\"");
        got(t, "k=v iothub-ack=full count=2");
        settle(l, ways[i].outcome);
        told(t, ways[i].line);
    }
    told(t, "allow d1 c2d");
    amqp_link_detach(l->link, NULL);
    stream_flush(t->clients[0].stream);
    told(t, "subscribe d1 c2d off");
    deliver(t, "d1", 80, "", "too late");
    told(t, "delivered 80 return");
}

static void however_much_credit_a_part_is_allowed(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    struct client_link *l =
        attach(t, &t->clients[0], "c2d", true, "/devices/d1/messages/devicebound");
    credit(l, 10000);
    told(t, "allow d1 c2d 64");
    silent(t, &t->fake.heard, "allow");
}

static void inputs_are_named_in_an_annotation(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->clients[0], "hub/devices/d1/modules/m", "/devices/d1/modules/m/messages/events");
    struct client_link *l =
        attach(t, &t->clients[0], "inputs", true, "/devices/d1/modules/m/messages/events");
    told(t, "subscribe d1/m inputs on");
    credit(l, 5);
    told(t, "allow d1/m inputs 5");
    deliver(t, "d1/m", 1, "in1", "value");
    got(t, "got inputs \"value\" x-opt-input-name=in1");
    settle(l, AMQP_OUTCOME_ACCEPTED);
    told(t, "delivered 1 complete");
}

static void a_newer_link_takes_the_place(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    attach(t, &t->clients[0], "first", true, "/devices/d1/messages/devicebound");
    ask(&t->clients[0], "second", true, "/devices/d1/messages/devicebound");
    got(t, "detached first amqp:link:stolen");
    got(t, "attached second");
}

/* ---- twins ---- */

static void twin_request(struct test *t, struct client_link *l, const char *operation,
                         const char *resource, const char *id, const char *body)
{
    struct buffer b = {0}, correlation = {0};
    size_t map = amqp_message_map_begin(&b, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(&b, SLICE("operation")), amqp_write_string(&b, slice_of(operation));
    if (resource) {
        amqp_write_symbol(&b, SLICE("resource"));
        amqp_write_string(&b, slice_of(resource));
    }
    amqp_write_end(&b, map, resource ? 4 : 2);
    struct amqp_properties p = amqp_properties_none();
    amqp_write_string(&correlation, slice_of(id));
    p.correlation_id = buffer_slice(&correlation);
    amqp_properties_write(&b, &p);
    amqp_message_data(&b, slice_of(body));
    send(t, l, &b);
    buffer_clear(&correlation);
}

static struct slice last_correlation(struct test *t)
{
    struct amqp_message m;
    assert_int_equal(amqp_message_read(buffer_slice(&t->clients[0].last), &m), OK);
    return m.properties.correlation_id;
}

struct twin_links {
    struct client_link *up, *down;
};

static struct twin_links attach_twin(struct test *t)
{
    struct twin_links l;
    put_token(t, &t->clients[0], "hub/devices/d1", "good");
    got(t, "200");
    l.up = attach(t, &t->clients[0], "ask", false, "/devices/d1/twin");
    l.down = attach(t, &t->clients[0], "answers", true, "/devices/d1/twin");
    credit(l.down, 100);
    return l;
}

static const char desired[] = "/notifications/twin/properties/desired";

static void twins_are_got_and_reported(void **state)
{
    struct test *t = *state;
    struct twin_links l = attach_twin(t);
    twin_request(t, l.up, "GET", NULL, "r1", " ");
    told(t, "twin_get d1");
    struct heads_session *s = session_of(t, "d1");
    s->ops->twin(s, t->fake.tokens[0], OK, SLICE("{\"desired\":{}}"));
    got(t, "got answers \"{\"desired\":{}}\" status=int:200 settled");
    assert_slice(last_correlation(t), SLICE("\xa1\2r1"));
    twin_request(t, l.up, "PATCH", "/properties/reported", "r2", "{\"a\":1}");
    told(t, "twin_report d1 {\"a\":1}");
    s->ops->reported(s, t->fake.tokens[1], OK, 7);
    got(t, "got answers \"\" status=int:200 version=long:7 settled");
    assert_slice(last_correlation(t), SLICE("\xa1\2r2"));
    twin_request(t, l.up, "PATCH", "/properties/reported", "r3", "{\"a\":1}");
    told(t, "twin_report d1");
    s->ops->reported(s, t->fake.tokens[2], BAD_ARGUMENT, 0);
    got(t, "\"errorCode\":400004");
    got(t, "status=int:400");
    twin_request(t, l.up, "PUT", "/elsewhere", "r4", "");
    got(t, "status=int:400");
}

static void desired_properties_come_when_asked_for(void **state)
{
    struct test *t = *state;
    struct twin_links l = attach_twin(t);
    twin_request(t, l.up, "PUT", desired, "s1", " ");
    told(t, "subscribe d1 desired on");
    got(t, "status=int:200");
    struct heads_session *s = session_of(t, "d1");
    s->ops->desired(s, SLICE("{\"rate\":5,\"$version\":4}"), 4);
    got(t, "got answers \"{\"rate\":5,\"$version\":4}\"");
    assert_null(last_correlation(t).at);
    twin_request(t, l.up, "DELETE", desired, "s2", " ");
    told(t, "subscribe d1 desired off");
    got(t, "status=int:200");
}

static void too_many_twin_requests_are_throttled(void **state)
{
    struct test *t = *state;
    struct twin_links l = attach_twin(t);
    for (unsigned i = 0; i <= HEADS_AMQP_TWIN_REQUESTS_MAX; i++)
        twin_request(t, l.up, "GET", NULL, "r", " ");
    got(t, "status=int:429");
    assert_int_equal(t->fake.token_count, HEADS_AMQP_TWIN_REQUESTS_MAX);
}

/* ---- methods ---- */

static void method_reply(struct test *t, struct client_link *l, struct slice id, int status,
                         const char *payload)
{
    struct buffer b = {0};
    struct amqp_properties p = amqp_properties_none();
    p.correlation_id = id;
    amqp_properties_write(&b, &p);
    size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(&b, SLICE("IoThub-status")), amqp_write_int(&b, status);
    amqp_write_end(&b, map, 2);
    amqp_message_data(&b, slice_of(payload));
    send(t, l, &b);
}

static void methods_are_called_and_answered(void **state)
{
    struct test *t = *state;
    struct client_link *telemetry =
        sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    (void)telemetry;
    struct heads_session *s = session_of(t, "d1");
    s->ops->method(s, 1, SLICE("early"), SLICE("{}"));
    told(t, "method_reply d1 1 400"); /* no link for it */
    struct client_link *up =
        attach(t, &t->clients[0], "up", false, "/devices/d1/methods/devicebound");
    struct client_link *down =
        attach(t, &t->clients[0], "down", true, "/devices/d1/methods/devicebound");
    told(t, "subscribe d1 methods on");
    s->ops->method(s, 77, SLICE("reboot"), SLICE("{\"in\":5}"));
    silent(t, &t->clients[0].heard, "got down"); /* without credit */
    credit(down, 10);
    got(t, "got down \"{\"in\":5}\" IoThub-methodname=reboot settled");
    uint8_t id[17];
    struct slice correlation = last_correlation(t);
    assert_int_equal(correlation.len, 17);
    assert_int_equal(correlation.at[0], 0x98); /* a uuid, whatever else */
    memcpy(id, correlation.at, 17);
    id[3] ^= 1;
    method_reply(t, up, slice_from(id, 17), 200, "\"not mine\"");
    got(t, "accepted up");
    id[3] ^= 1;
    method_reply(t, up, slice_from(id, 17), 201, "\"done\"");
    told(t, "method_reply d1 77 201 \"done\"");
    method_reply(t, up, slice_from(id, 17), 202, "\"twice\"");
    got(t, "accepted up");
    silent(t, &t->fake.heard, "method_reply");
    method_reply(t, up, SLICE("\x43"), 200, "\"no id\"");
    got(t, "rejected up");
}

/* A peer that gives no credit loses the link, not memory. */
static void who_takes_nothing_is_detached(void **state)
{
    struct test *t = *state;
    sign_in(t, &t->clients[0], "hub/devices/d1", "/devices/d1/messages/events");
    attach(t, &t->clients[0], "down", true, "/devices/d1/methods/devicebound");
    struct heads_session *s = session_of(t, "d1");
    for (uint64_t i = 0; i <= HEADS_AMQP_WAITING_MAX; i++)
        s->ops->method(s, i, SLICE("x"), SLICE("{}"));
    got(t, "detached down amqp:resource-limit-exceeded");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nobody_without_a_token),
        TEST(a_token_is_for_its_device_and_its_modules_alone),
        TEST(ids_are_decoded_once),
        TEST(addresses_are_uris_of_any_case_and_encoded),
        TEST(the_session_ends_with_the_last_link),
        TEST(many_devices_on_one_connection),
        TEST(a_newer_connection_takes_a_device),
        TEST(a_newer_token_goes_to_the_session),
        TEST(links_wait_for_the_sign_in),
        TEST(who_goes_while_signing_in_was_never_there),
        TEST(telemetry_is_accepted_when_it_is_durable),
        TEST(a_batch_is_one_delivery),
        TEST(what_has_no_room_waits_in_order),
        TEST(what_is_refused_is_rejected_with_its_condition),
        TEST(not_read_when_too_much_is_under_way),
        TEST(a_connection_that_breaks_signs_out),
        TEST(messages_come_by_credit_and_are_settled),
        TEST(however_much_credit_a_part_is_allowed),
        TEST(inputs_are_named_in_an_annotation),
        TEST(a_newer_link_takes_the_place),
        TEST(twins_are_got_and_reported),
        TEST(desired_properties_come_when_asked_for),
        TEST(too_many_twin_requests_are_throttled),
        TEST(methods_are_called_and_answered),
        TEST(who_takes_nothing_is_detached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
