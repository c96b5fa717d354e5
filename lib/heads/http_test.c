/* The HTTPS head on a real server, before a backend that does as the test says. */
#include "heads/http.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "base/memory.h"
#include "rest/server.h"

#define WAIT_MS 20000
#define BATCH "Content-Type: application/vnd.microsoft.iothub.json; charset=utf-8\r\n"

/* ---- a backend ---- */

static struct house {
    struct loop *loop;
    struct rest_server *server;
    struct listener *listener;
    struct heads_http *head;
    struct heads_backend backend;
    struct heads_session *session;
    int signed_in, signed_out;
    enum status sign_in_why;
    char credentials[512]; /* of the last sign in */
    struct buffer seen;    /* the telemetry, for expect_seen() */
    size_t full_after;     /* messages; then FULL */
    size_t messages;
    enum status telemetry_why;
    struct iot_message c2d;
    struct heads_delivery delivery; /* with a message: one waits */
    uint64_t lock_ms;
    char settled[64];
    struct buffer got;
    bool closed;
} house;

static struct loop *owner(struct heads_backend *b, struct iot_id id)
{
    (void)b, (void)id;
    return house.loop;
}

static void on_signed_in(void *arg)
{
    struct heads_session *s = arg;
    s->ops->signed_in(s, house.sign_in_why,
                      house.sign_in_why == OK ? (struct heads_device *)&house : NULL);
}

static void sign_in(struct heads_backend *b, const struct heads_credentials *c,
                    struct heads_session *s)
{
    (void)b;
    assert_int_equal(s->presence, HEADS_VISIT);
    snprintf(house.credentials, sizeof(house.credentials), "%.*s/%.*s sas=%.*s host=%.*s v=%.*s",
             SLICE_FMT(c->id.device), SLICE_FMT(c->id.module), SLICE_FMT(c->sas),
             SLICE_FMT(c->host), SLICE_FMT(c->api_version));
    house.signed_in++;
    house.session = s;
    loop_defer(house.loop, on_signed_in, s);
}

static void sign_out(struct heads_backend *b, struct heads_session *s, struct heads_device *d)
{
    (void)b, (void)d;
    assert_ptr_equal(s, house.session);
    house.signed_out++;
}

struct answer {
    struct heads_session *session;
    uint64_t token;
};

static void on_accepted(void *arg)
{
    struct answer *a = arg;
    a->session->ops->accepted(a->session, a->token, house.telemetry_why);
    free(a);
}

static void print(const char *name, struct slice v)
{
    if (v.len)
        buffer_printf(&house.seen, "%s=%.*s ", name, SLICE_FMT(v));
}

static enum status telemetry(struct heads_device *d, const struct iot_message *m, uint64_t token)
{
    (void)d;
    if (house.messages == house.full_after)
        return FULL;
    house.messages++;
    print("body", m->body);
    print("mid", m->message_id);
    print("cid", m->correlation_id);
    print("uid", m->user_id);
    print("to", m->to);
    print("ct", m->content_type);
    print("ce", m->content_encoding);
    print("sub", m->subject);
    print("ifid", m->interface_id);
    if (m->expiry_ms)
        buffer_printf(&house.seen, "exp=%llu ", (unsigned long long)m->expiry_ms);
    struct slice list = m->properties, name, value;
    while (iot_property_next(&list, &name, &value))
        buffer_printf(&house.seen, "%.*s:%.*s ", SLICE_FMT(name), SLICE_FMT(value));
    buffer_text(&house.seen, "; ");
    struct answer *a = MEMORY_NEW(struct answer);
    *a = (struct answer){house.session, token};
    loop_defer(house.loop, on_accepted, a);
    return OK;
}

/* Answers within the call: the head must bear it. */
static void receive(struct heads_device *d, uint64_t lock_ms, uint64_t token)
{
    (void)d;
    house.lock_ms = lock_ms;
    house.session->ops->received(house.session, token, house.delivery.message ? OK : NOT_FOUND,
                                 house.delivery.message ? &house.delivery : NULL);
}

static void settle(struct heads_device *d, struct slice lock, enum heads_outcome how,
                   uint64_t token)
{
    (void)d;
    static const char *const words[] = {"complete", "abandon", "reject", "return"};
    snprintf(house.settled, sizeof(house.settled), "%s %.*s", words[how], SLICE_FMT(lock));
    house.session->ops->settled(house.session, token,
                                slice_eq(lock, SLICE("gone")) ? LOCK_LOST : OK);
}

static const struct heads_backend_ops backend_ops = {
    .owner = owner,
    .sign_in = sign_in,
    .sign_out = sign_out,
    .telemetry = telemetry,
    .receive = receive,
    .settle = settle,
};

/* ---- a server, and a peer ---- */

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(house.server, s);
}

static int set_up(void **state)
{
    (void)state;
    house = (struct house){.loop = loop_new(), .full_after = SIZE_MAX};
    house.backend.ops = &backend_ops;
    house.head = heads_http_new(&(struct heads_http_config){&house.backend, 1000, 3});
    struct rest_table table = {"", heads_http_routes, heads_http_routes_count, house.head};
    house.server = rest_server_new(
        &(struct rest_server_config){.loop = house.loop, .tables = &table, .table_count = 1});
    assert_int_equal(listener_open(&(struct listen_config){.loop = house.loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept},
                                   &house.listener),
                     OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    listener_close(&house.listener);
    rest_server_free(&house.server);
    heads_http_free(&house.head);
    loop_free(&house.loop);
    buffer_clear(&house.got);
    buffer_clear(&house.seen);
    return 0;
}

static void peer_data(void *arg, struct slice bytes)
{
    (void)arg;
    buffer_put(&house.got, bytes);
}

static void peer_close(void *arg, enum status why)
{
    (void)arg, (void)why;
    house.closed = true;
}

static const struct stream_events peer_events = {.on_data = peer_data, .on_close = peer_close};

static bool is_closed(void *arg)
{
    (void)arg;
    return house.closed;
}

static const char *ask(const char *method, const char *target, const char *headers,
                       struct slice body)
{
    buffer_reset(&house.got);
    house.closed = false;
    struct stream *s = stream_connect(
        &(struct connect_config){
            .loop = house.loop, .host = "127.0.0.1", .port = listener_port(house.listener)},
        &peer_events, NULL);
    struct buffer request = {0};
    buffer_printf(
        &request,
        "%s %s HTTP/1.1\r\nHost: hub.x\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n",
        method, target, body.len, headers);
    buffer_put(&request, body);
    stream_write(s, buffer_slice(&request));
    buffer_clear(&request);
    assert_true(loop_run_until(house.loop, is_closed, NULL, WAIT_MS));
    return buffer_cstr(&house.got);
}

static void expect(const char *answer, const char *part)
{
    if (strstr(answer, part) == NULL)
        fail_msg("no '%s' in '%s'", part, answer);
}

static void expect_seen(const char *part)
{
    expect(buffer_cstr(&house.seen), part);
}

#define EVENTS "/devices/d%201/messages/events?api-version=2021-04-12"
#define BOUND "/devices/d1/messages/devicebound"

/* ---- telemetry ---- */

static void sends_a_message_with_all_that_its_headers_say(void **state)
{
    (void)state;
    const char *a = ask(
        "POST", "/devices/d1/messages/events?api-version=2021-04-12",
        "Authorization: SharedAccessSignature sr=x\r\niothub-app-Color: r e d\r\niothub-app-n: \r\n"
        "IoTHub-MessageId: m1\r\nIoTHub-CorrelationId: c1\r\nIoTHub-UserId: u1\r\n"
        "iothub-to: /devices/d1/messages/events\r\nIoTHub-Expiry: 2026-11-26T08:00:00Z\r\n"
        "IoTHub-Ack: full\r\niothub-contenttype: application/json\r\niothub-contentencoding: "
        "utf-8\r\n"
        "dt-subject: thermostat\r\niothub-interface-id: urn:x\r\nContent-Type: text/other\r\n",
        SLICE("{}"));
    expect(a, "204 No Content");
    expect_seen(
        "body={} mid=m1 cid=c1 uid=u1 to=/devices/d1/messages/events ct=application/json ce=utf-8 "
        "sub=thermostat ifid=urn:x exp=1795680000000 Color:r e d n: iothub-ack:full ; ");
    assert_string_equal(house.credentials,
                        "d1/ sas=SharedAccessSignature sr=x host=hub.x v=2021-04-12");
    assert_int_equal(house.signed_out, 1);
}

static void speaks_for_modules(void **state)
{
    (void)state;
    expect(ask("POST", "/devices/d1/modules/m1/messages/events", "", SLICE("x")), "204 ");
    expect(house.credentials, "d1/m1 sas= ");
}

static void sends_a_batch(void **state)
{
    (void)state;
    expect(ask("POST", "/devices/d1/messages/events", BATCH,
               SLICE("[{\"body\":\"b25l\",\"properties\":{\"iothub-app-a\":\"1\",\"iothub-"
                     "messageid\":\"m\"}},"
                     "{\"body\":\"two\",\"base64Encoded\":false},{\"body\":\"dGhyZWU=\","
                     "\"base64Encoded\":true}]")),
           "204 ");
    expect_seen("body=one mid=m a:1 ; body=two ; body=three ; ");
    assert_int_equal(house.signed_out, 1);
}

/* Nothing of a batch is sent when anything in it is wrong. */
static void refuses_a_batch_whole(void **state)
{
    (void)state;
    static const struct {
        const char *body, *answer, *text;
    } rows[] = {
        {"[{\"body\":\"b25l\"},{\"body\":\"no base64\"}]", "400 ", "Message 1 of the batch"},
        {"[{\"body\":\"b25l\"},{\"properties\":{}}]", "400 ", "Message 1 of the batch"},
        {"[{\"body\":\"b25l\"},7]", "400 ", "Message 1 of the batch"},
        {"[{\"body\":\"b25l\"},{\"body\":\"\",\"properties\":{\"iothub-app-a\":{}}}]", "400 ",
         "property of message 1"},
        {"[{\"body\":\"\",\"properties\":[]}]", "400 ", "properties"},
        {"[]", "400 ", "array of messages"},
        {"{\"body\":\"b25l\"}", "400 ", "array of messages"},
        {"[{\"body\":", "400 ", "no JSON"},
        {"[{\"body\":\"\"},{\"body\":\"\"},{\"body\":\"\"},{\"body\":\"\"}]", "413 ", "3 messages"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *a = ask("POST", "/devices/d1/messages/events", BATCH, slice_of(rows[i].body));
        expect(a, rows[i].answer);
        expect(a, rows[i].text);
        expect(a, "\"Message\":\"ErrorCode:");
    }
    assert_int_equal(house.messages, 0);
}

static void refuses_bad_headers_and_names(void **state)
{
    (void)state;
    const char *a =
        ask("POST", "/devices/d1/messages/events", "iothub-expiry: tomorrow\r\n", SLICE("x"));
    expect(a, "400 ");
    expect(a, "iothub-expiry");
    expect(ask("POST", "/devices/d1/messages/events", "iothub-app-a: \xff\r\n", SLICE("x")),
           "400 ");
    expect(ask("POST", "/devices/d%2F1/messages/events", "", SLICE("x")),
           "ErrorCode:ArgumentInvalid");
    assert_int_equal(house.signed_in, 0);
    expect(ask("POST", EVENTS, "", SLICE("x")),
           "ErrorCode:ArgumentInvalid"); /* a blank in a name */
}

static void says_why_a_message_was_not_taken(void **state)
{
    (void)state;
    static const struct {
        enum status sign_in, telemetry;
        size_t full_after;
        const char *status, *code;
    } rows[] = {
        {UNAUTHORIZED, OK, 9, "401 ", "ErrorCode:IotHubUnauthorized;"},
        {OK, TOO_LARGE, 9, "413 ", "ErrorCode:MessageTooLarge;"},
        {OK, BUSY, 9, "429 ", "ErrorCode:ThrottlingException;"},
        {OK, OK, 0, "429 ", "ErrorCode:ThrottlingException;"},
        {OK, IO_FAILED, 9, "500 ", "ErrorCode:ServerError;"},
        {NOT_FOUND, OK, 9, "404 ", "ErrorCode:DeviceNotFound;"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        house.sign_in_why = rows[i].sign_in;
        house.telemetry_why = rows[i].telemetry;
        house.full_after = rows[i].full_after;
        house.messages = 0;
        const char *a = ask("POST", "/devices/d1/messages/events", "", SLICE("x"));
        expect(a, rows[i].status);
        expect(a, rows[i].code);
        expect(a, "iothub-errorcode: ");
    }
}

/* What was taken before the log was full is waited for, then the whole batch is to be sent again.
 */
static void a_batch_that_came_half_is_refused_when_its_half_is_answered(void **state)
{
    (void)state;
    house.full_after = 1;
    expect(ask("POST", "/devices/d1/messages/events", BATCH,
               SLICE("[{\"body\":\"\"},{\"body\":\"\"}]")),
           "429 ");
    assert_int_equal(house.messages, 1);
    assert_int_equal(house.signed_out, 1);
}

/* ---- messages to the device ---- */

static void gives_a_message_with_all_that_is_known_of_it(void **state)
{
    (void)state;
    struct buffer properties = {0};
    assert_true(iot_property_put(&properties, SLICE("color"), SLICE("red")));
    assert_true(iot_property_put(&properties, SLICE("a b\r\nX"), SLICE("1\r\n2")));
    house.c2d = (struct iot_message){.body = SLICE("down"),
                                     .message_id = SLICE("0123456789abcdef"),
                                     .message_id_type = IOT_MESSAGE_ID_UUID,
                                     .correlation_id = SLICE("c"),
                                     .to = SLICE("/devices/d1/messages/devicebound"),
                                     .content_type = SLICE("text/x"),
                                     .content_encoding = SLICE("utf-8"),
                                     .user_id = SLICE("u"),
                                     .expiry_ms = 1795680000000,
                                     .properties = buffer_slice(&properties)};
    house.delivery = (struct heads_delivery){.message = &house.c2d,
                                             .enqueued_ms = 1795676580000,
                                             .sequence = 7,
                                             .count = 2,
                                             .ack = SLICE("full"),
                                             .lock = SLICE("the-lock")};
    const char *a =
        ask("GET", BOUND "?api-version=2021-04-12", "iothub-messagelocktimeout: 60\r\n", SLICE(""));
    static const char *const parts[] = {
        "200 OK",
        "ETag: \"the-lock\"\r\n",
        "iothub-messageid: 30313233-3435-3637-3839-616263646566\r\n",
        "iothub-correlationid: c\r\n",
        "iothub-to: /devices/d1/messages/devicebound\r\n",
        "iothub-userid: u\r\n",
        "ContentType: text/x\r\n",
        "ContentEncoding: utf-8\r\n",
        "iothub-expiry: 2026-11-26T08:00:00.000Z\r\n",
        "iothub-enqueuedtime: 2026-11-26T07:03:00.000Z\r\n",
        "iothub-deliverycount: 2\r\n",
        "iothub-sequencenumber: 7\r\n",
        "iothub-ack: full\r\n",
        "iothub-app-color: red\r\n",
        "iothub-app-a%20b%0D%0AX: 1  2\r\n",
        "\r\n\r\ndown"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        expect(a, parts[i]);
    assert_int_equal(house.lock_ms, 60000);
    assert_int_equal(house.signed_out, 1);
    buffer_clear(&properties);
}

static void says_that_none_waits(void **state)
{
    (void)state;
    expect(ask("GET", BOUND, "", SLICE("{}")), "204 No Content");
    assert_int_equal(house.lock_ms, 0);
    expect(ask("GET", BOUND, "iothub-messagelocktimeout: soon\r\n", SLICE("")), "400 ");
    expect(ask("GET", BOUND, "iothub-messagelocktimeout: 301\r\n", SLICE("")), "400 ");
    house.sign_in_why = NOT_FOUND;
    expect(ask("GET", BOUND, "", SLICE("")), "404 ");
}

static void ends_a_message_by_its_lock(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *settled, *answer;
    } rows[] = {
        {"DELETE", BOUND "/l%31?api-version=x", "complete l1", "204 "},
        {"DELETE", BOUND "/l1?reject&api-version=x", "reject l1", "204 "},
        {"DELETE", BOUND "/l1?api-version=x&reject", "reject l1", "204 "},
        {"DELETE", BOUND "/l1?api-version=x&reject=true", "reject l1", "204 "},
        {"POST", BOUND "/l1/abandon?api-version=x", "abandon l1", "204 "},
        {"DELETE", BOUND "/gone", "complete gone", "ErrorCode:DeviceMessageLockLost;"},
        {"POST", BOUND "/gone/abandon", "abandon gone", "412 "},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect(ask(rows[i].method, rows[i].target, "If-Match: \"l1\"\r\n", SLICE("")),
               rows[i].answer);
        assert_string_equal(house.settled, rows[i].settled);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sends_a_message_with_all_that_its_headers_say),
        TEST(speaks_for_modules),
        TEST(sends_a_batch),
        TEST(refuses_a_batch_whole),
        TEST(refuses_bad_headers_and_names),
        TEST(says_why_a_message_was_not_taken),
        TEST(a_batch_that_came_half_is_refused_when_its_half_is_answered),
        TEST(gives_a_message_with_all_that_is_known_of_it),
        TEST(says_that_none_waits),
        TEST(ends_a_message_by_its_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
