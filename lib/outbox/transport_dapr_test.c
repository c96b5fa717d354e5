/* What a Dapr side car is asked; this process's own HTTP server is one. */
#include "outbox/transport.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "iot/message.h"
#include "rest/server.h"

#define WAIT_MS 30000

static struct rig {
    struct loop *loop;
    struct listener *listener;
    struct rest_server *server;
    struct transport *dapr;
    char connection[128];
    struct buffer seen; /* a line for each request */
    unsigned sent, busy;
    int answer;
    enum status why;
} rig;

static void put_fields(const char *mark, const struct rest_field *f, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_printf(&rig.seen, "%s%.*s=%.*s", mark, SLICE_FMT(f[i].name), SLICE_FMT(f[i].value));
}

static void publish(struct rest_request *r)
{
    if (rig.busy > 0) {
        rig.busy--;
        rest_reply_problem(r, 500, "the component is away");
        return;
    }
    buffer_printf(&rig.seen, "%.*s", SLICE_FMT(r->path));
    put_fields(" ", r->query, r->query_count);
    for (size_t i = 0; i < r->header_count; i++)
        if (slice_eq_nocase(r->headers[i].name, SLICE("Content-Type")) ||
            slice_eq_nocase(r->headers[i].name, SLICE("dapr-api-token")))
            put_fields(" #", &r->headers[i], 1);
    buffer_printf(&rig.seen, " %.*s\n", SLICE_FMT(r->body));
    rest_reply(r, rig.answer, "text/plain", SLICE(""));
}

static const struct rest_route routes[] = {
    {"POST", "/v1.0/publish/{component}/{a}/{b}", publish, REST_PUBLIC}};
static const struct rest_table table = {"", routes, sizeof routes / sizeof routes[0], NULL, false};

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    rest_server_accept(rig.server, s);
}

static void on_sent(void *arg, uint64_t token, enum status why)
{
    (void)arg, (void)token;
    rig.sent++;
    rig.why = why;
}

static void on_room(void *arg)
{
    (void)arg;
}

static const struct transport_events events = {.on_sent = on_sent, .on_room = on_room};

static void open_dapr(const char *text)
{
    snprintf(rig.connection, sizeof rig.connection, "PubSubComponent=my pubsub;HttpPort=%d%s",
             listener_port(rig.listener), text);
    assert_int_equal(transport_ops(TRANSPORT_DAPR)
                         ->open(&(struct transport_config){.loop = rig.loop,
                                                           .connection = rig.connection,
                                                           .events = &events},
                                &rig.dapr),
                     OK);
}

static int set_up(void **state)
{
    (void)state;
    rig = (struct rig){.loop = loop_new(), .answer = 204};
    rig.server = rest_server_new(
        &(struct rest_server_config){.loop = rig.loop, .tables = &table, .table_count = 1});
    assert_int_equal(
        listener_open(
            &(struct listen_config){.loop = rig.loop, .host = "127.0.0.1", .on_accept = on_accept},
            &rig.listener),
        OK);
    unsetenv("DAPR_API_TOKEN");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (rig.dapr)
        rig.dapr->ops->close(&rig.dapr);
    listener_close(&rig.listener);
    rest_server_free(&rig.server);
    loop_free(&rig.loop);
    buffer_clear(&rig.seen);
    return 0;
}

static bool is_sent(void *arg)
{
    return rig.sent == *(unsigned *)arg;
}

static void put(const char *body, uint64_t ttl_ms, bool retain)
{
    static uint64_t token;
    unsigned wanted = rig.sent + 1;
    struct buffer properties = {0};
    iot_property_put(&properties, SLICE("millrace-sequence"), SLICE("7"));
    iot_property_put(&properties, SLICE("$$MessageSchema"), SLICE("a b&c"));
    struct outgoing_view v = {.body = slice_of(body),
                              .content_type = SLICE("application/json"),
                              .content_encoding = SLICE("utf-8"),
                              .topic = SLICE("halls/line 1"),
                              .properties = buffer_slice(&properties),
                              .ttl_ms = ttl_ms,
                              .retain = retain};
    assert_int_equal(rig.dapr->ops->send(rig.dapr, &v, token++), OK);
    assert_true(loop_run_until(rig.loop, is_sent, &wanted, WAIT_MS));
    buffer_clear(&properties);
}

static void a_message_is_published_as_it_is_with_its_properties(void **state)
{
    (void)state;
    open_dapr(";ApiKey=k1");
    put("{}", 0, false);
    assert_int_equal(rig.why, OK);
    put("[1]", 1500, true);
    assert_string_equal(
        buffer_cstr(&rig.seen),
        "/v1.0/publish/my pubsub/halls/line 1 metadata.rawPayload=true "
        "metadata.millrace-sequence=7 "
        "metadata.$$MessageSchema=a b&c #Content-Type=application/json #dapr-api-token=k1 {}\n"
        "/v1.0/publish/my pubsub/halls/line 1 metadata.rawPayload=true metadata.ttlInSeconds=2 "
        "metadata.retain=true metadata.millrace-sequence=7 metadata.$$MessageSchema=a b&c "
        "#Content-Type=application/json #dapr-api-token=k1 [1]\n");
}

/* What the side car told its program; without one there is no header. */
static void the_token_is_the_side_cars(void **state)
{
    (void)state;
    setenv("DAPR_API_TOKEN", "from the side car", 1);
    open_dapr("");
    put("{}", 0, false);
    assert_non_null(strstr(buffer_cstr(&rig.seen), "#dapr-api-token=from the side car {}"));
}

static void a_component_that_is_away_is_asked_again(void **state)
{
    (void)state;
    open_dapr("");
    rig.busy = 2;
    put("{}", 0, false);
    assert_int_equal(rig.why, OK);
    assert_int_equal(rig.busy, 0);
    assert_null(strstr(buffer_cstr(&rig.seen), "dapr-api-token"));
}

static void what_it_will_never_take_is_refused(void **state)
{
    (void)state;
    open_dapr("");
    rig.answer = 413;
    put("{}", 0, false);
    assert_int_equal(rig.why, BAD_ARGUMENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_message_is_published_as_it_is_with_its_properties),
        TEST(the_token_is_the_side_cars),
        TEST(a_component_that_is_away_is_asked_again),
        TEST(what_it_will_never_take_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
