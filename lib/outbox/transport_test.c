/* What transports make of connection strings; files. */
#include "outbox/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"

#include "base/cmocka.h"

static struct rig {
    struct loop *loop;
    unsigned sent, rooms;
    uint64_t last;
    char folder[64];
} rig;

static void on_sent(void *arg, uint64_t token, enum status why)
{
    (void)arg;
    assert_int_equal(why, OK);
    rig.sent++;
    rig.last = token;
}

static void on_room(void *arg)
{
    (void)arg;
    rig.rooms++;
}

static const struct transport_events events = {.on_sent = on_sent, .on_room = on_room};

static int set_up(void **state)
{
    (void)state;
    rig = (struct rig){.loop = loop_new(), .folder = "/tmp/transport-test-XXXXXX"};
    return mkdtemp(rig.folder) ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    char command[80];
    loop_free(&rig.loop);
    snprintf(command, sizeof command, "rm -rf %s", rig.folder);
    return system(command);
}

static enum status open_kind(enum plan_transport kind, const char *connection,
                             struct transport **out)
{
    return transport_ops(kind)->open(
        &(struct transport_config){
            .loop = rig.loop, .connection = connection, .client_id = "me", .events = &events},
        out);
}

static bool sent_so_many(void *arg)
{
    return rig.sent >= *(unsigned *)arg;
}

static void expect_file(const char *name, struct slice wanted)
{
    char path[128];
    struct buffer got = {0};
    snprintf(path, sizeof path, "%s/%s", rig.folder, name);
    assert_int_equal(file_read(path, &got), OK);
    assert_true(slice_eq(buffer_slice(&got), wanted));
    buffer_clear(&got);
}

static void files_have_a_message_a_line(void **state)
{
    (void)state;
    struct transport *t;
    assert_int_equal(open_kind(TRANSPORT_FILE, rig.folder, &t), OK);
    struct outgoing_view v = {
        .body = SLICE("{}"), .content_type = SLICE("application/json"), .topic = SLICE("a/../b c")};
    assert_int_equal(t->ops->send(t, &v, 1), OK);
    v.body = SLICE("[]");
    assert_int_equal(t->ops->send(t, &v, 2), OK);
    v.content_type = SLICE("application/opcua+uadp");
    v.body = SLICE("\1\2");
    assert_int_equal(t->ops->send(t, &v, 3), OK);
    v.content_type = SLICE("application/json+gzip");
    assert_int_equal(t->ops->send(t, &v, 4), OK);
    unsigned wanted = 4;
    assert_true(loop_run_until(rig.loop, sent_so_many, &wanted, 10000));
    assert_int_equal(rig.last, 4);
    t->ops->close(&t);
    expect_file("a/%../b%20c.json", SLICE("{}\n[]\n"));
    expect_file("a/%../b%20c.bin", SLICE("\0\0\0\2\1\2"));
    expect_file("a/%../b%20c.gz", SLICE("\1\2"));
}

static void files_have_a_window(void **state)
{
    (void)state;
    struct transport *t;
    assert_int_equal(open_kind(TRANSPORT_FILE, rig.folder, &t), OK);
    struct outgoing_view v = {
        .body = SLICE("{}"), .content_type = SLICE("application/json"), .topic = SLICE("a")};
    unsigned count = 0;
    while (count < 10000 && t->ops->send(t, &v, count) == OK)
        count++;
    assert_in_range(count, 100, 1000);
    assert_true(loop_run_until(rig.loop, sent_so_many, &count, 10000));
    assert_true(rig.rooms > 0);
    t->ops->close(&t);
}

static void null_takes_all(void **state)
{
    (void)state;
    struct transport *t;
    assert_int_equal(open_kind(TRANSPORT_NULL, NULL, &t), OK);
    struct outgoing_view v = {.body = SLICE("x")};
    unsigned count = 0;
    while (count < 10000 && t->ops->send(t, &v, count) == OK)
        count++;
    assert_true(loop_run_until(rig.loop, sent_so_many, &count, 10000));
    assert_int_equal(rig.rooms, 1);
    t->ops->close(&t);
}

static void connection_strings_are_judged(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct {
        enum plan_transport kind;
        const char *text;
        bool good;
    } rows[] = {
        {TRANSPORT_MQTT, NULL, false},
        {TRANSPORT_MQTT, "Port=1883", false},
        {TRANSPORT_MQTT, "HostName=b;Port=x", false},
        {TRANSPORT_MQTT, "HostName=b;Port=70000", false},
        {TRANSPORT_MQTT, "HostName=b;Protocol=v4", false},
        {TRANSPORT_MQTT, "HostName=127.0.0.1;Port=1883;Protocol=v311;KeepAlivePeriod=00:00:30", true},
        {TRANSPORT_HTTP, "Port=80", false},
        {TRANSPORT_DAPR, "HttpPort=3500", false},
        {TRANSPORT_DAPR, "PubSubComponent=p;HttpPort=x", false},
        {TRANSPORT_DAPR, "pubsubcomponent=p", true},
        {TRANSPORT_HTTP, "HostName=h;Port=0", false},
        {TRANSPORT_HTTP, "hostname=h;port=80;scheme=http", true},
        {TRANSPORT_EVENT_HUB, "HostName=h", false},
        {TRANSPORT_EVENT_HUB, "Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey=k", false},
        {TRANSPORT_EVENT_HUB, "Endpoint=sb://h/;EntityPath=e", false},
        {TRANSPORT_EVENT_HUB, "Endpoint=sb://127.0.0.1:1/;SharedAccessKeyName=n;SharedAccessKey=k;EntityPath=e;UseDevelopmentEmulator=true", true},
        {TRANSPORT_KAFKA, "topic=t", false},
        {TRANSPORT_KAFKA, "bootstrap.servers=h:1;no.such.thing=1", false},
        {TRANSPORT_KAFKA, "HostName=127.0.0.1:1", true},
        {TRANSPORT_FILE, "", false},
    };
    /* clang-format on */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct transport *t = NULL;
        enum status s = open_kind(rows[i].kind, rows[i].text, &t);
        if ((s == OK) != rows[i].good)
            fail_msg("%s: %s", rows[i].text ? rows[i].text : "(none)", status_name(s));
        if (s == OK)
            t->ops->close(&t);
    }
}

static void folders_are_named_by_the_other_side_alone(void **state)
{
    (void)state;
    struct buffer a = {0}, b = {0}, c = {0};
    transport_identify(TRANSPORT_MQTT, "HostName=b;Username=u;Password=p", &a);
    transport_identify(TRANSPORT_MQTT, "HostName=b;Username=u;Password=q", &b);
    transport_identify(TRANSPORT_MQTT, "HostName=b;Username=v;Password=p", &c);
    assert_true(slice_eq(buffer_slice(&a), buffer_slice(&b)));
    assert_false(slice_eq(buffer_slice(&a), buffer_slice(&c)));
    assert_true(slice_starts(buffer_slice(&a), SLICE("Mqtt-")));
    buffer_clear(&a);
    buffer_clear(&b);
    buffer_clear(&c);
}

static void words_are_those_of_opc_publisher(void **state)
{
    (void)state;
    assert_int_equal(transport_of_word("IoTHub"), TRANSPORT_IOT_HUB);
    assert_int_equal(transport_of_word("mqtt"), TRANSPORT_MQTT);
    assert_int_equal(transport_of_word("EventHub"), TRANSPORT_EVENT_HUB);
    assert_int_equal(transport_of_word("Kafka"), TRANSPORT_KAFKA);
    assert_int_equal(transport_of_word("Http"), TRANSPORT_HTTP);
    assert_int_equal(transport_of_word("FileSystem"), TRANSPORT_FILE);
    assert_int_equal(transport_of_word("Null"), TRANSPORT_NULL);
    assert_int_equal(transport_of_word("Dapr"), TRANSPORT_DAPR);
    assert_non_null(transport_refusal("AioMqtt"));
    assert_non_null(transport_refusal("aiodss"));
    assert_null(transport_refusal("Mqtt"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(files_have_a_message_a_line),
        TEST(files_have_a_window),
        TEST(null_takes_all),
        TEST(connection_strings_are_judged),
        TEST(folders_are_named_by_the_other_side_alone),
        TEST(words_are_those_of_opc_publisher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
