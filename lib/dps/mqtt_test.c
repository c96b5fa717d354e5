/* Provisioning over MQTT, byte for byte. The one enrolment is disabled, so that no hub is needed.
 */
#include "dps/mqtt.h"

#include <stdio.h>

#include "base/cmocka.h"
#include "dps/rig.h"
#include "dps/mqtt_topic.h"
#include "io/sim.h"
#include "mqtt/connect.h"
#include "mqtt/framer.h"
#include "mqtt/publish.h"
#include "mqtt/subscribe.h"
#include "token/sas.h"


static struct {
    struct sim *sim;
    struct loop *loop;
    struct policies *policies;
    struct dps *dps;
    struct listener *listener;
    struct stream *stream; /* the device's; NULL: closed */
    struct mqtt_framer framer;
    struct buffer heard, out;
} t;

/* ---- the device ---- */

static void note(const struct mqtt_packet *p)
{
    struct mqtt_publish m;
    if (p->type == MQTT_PUBLISH) {
        assert_int_equal(mqtt_publish_decode(p->flags, p->body, &m), OK);
        buffer_printf(&t.heard, "PUBLISH %d %.*s %.*s\n", m.qos, SLICE_FMT(m.topic),
                      SLICE_FMT(m.payload));
        return;
    }
    buffer_text(&t.heard, mqtt_packet_name(p->type));
    for (size_t i = 0; i < p->body.len; i++)
        buffer_printf(&t.heard, " %u", p->body.at[i]);
    buffer_text(&t.heard, "\n");
}

static void on_data(void *arg, struct slice bytes)
{
    struct mqtt_packet p;
    (void)arg;
    while (mqtt_framer_next(&t.framer, &bytes, &p) == OK)
        note(&p);
}

static void on_close(void *arg, enum status why)
{
    (void)arg, (void)why;
    t.stream = NULL;
    buffer_text(&t.heard, "closed\n");
}

static const struct stream_events device_events = {.on_data = on_data, .on_close = on_close};

static bool heard(void *arg)
{
    return slice_find_slice(buffer_slice(&t.heard), slice_of(arg)) < t.heard.len;
}

static void got(const char *line)
{
    if (!loop_run_until(t.loop, heard, (void *)line, WAIT_MS))
        fail_msg("wanted '%s', got '%s'", line, buffer_cstr(&t.heard));
    buffer_drop(&t.heard, slice_find_slice(buffer_slice(&t.heard), slice_of(line)) + strlen(line));
}

static void send(void)
{
    stream_write(t.stream, buffer_slice(&t.out));
    buffer_reset(&t.out);
}

static void put_connect(const char *key)
{
    struct buffer token = {0};
    assert_int_equal(sas_make(SLICE(SCOPE "/registrations/dev"), slice_of(key),
                              SLICE("registration"), loop_wall_ms(t.loop) + 3600000, &token),
                     OK);
    struct mqtt_connect c = {.client_id = SLICE("dev"),
                             .username =
                                 SLICE(SCOPE "/registrations/dev/api-version=2019-03-31&Clie"),
                             .password = buffer_slice(&token),
                             .has_username = true,
                             .has_password = true,
                             .has_will = true, /* is passed over */
                             .will_topic = SLICE("any"),
                             .keep_alive_s = 60,
                             .clean_session = true};
    mqtt_connect_encode(&c, &t.out);
    buffer_clear(&token);
}

static void connect_device(void)
{
    put_connect(KEY);
    send();
    got("CONNACK 0 0\n");
}

static void put_subscribe(const char *filter)
{
    struct mqtt_filter f = {slice_of(filter), MQTT_QOS_1};
    mqtt_subscribe_encode(5, &f, 1, &t.out);
}

static void put_publish(const char *topic, const char *body, uint16_t id)
{
    mqtt_publish_encode(&(struct mqtt_publish){.topic = slice_of(topic),
                                               .payload = slice_of(body),
                                               .qos = MQTT_QOS_1,
                                               .packet_id = id},
                        &t.out);
}

#define REGISTER "$dps/registrations/PUT/iotdps-register/?$rid="

/* ---- beginning and end ---- */

static void on_accept(void *arg, struct stream *s)
{
    (void)arg;
    dps_mqtt_accept(t.dps, s, (struct slice){0});
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof t);
    t.sim = sim_new(7);
    t.loop = sim_loop_new(t.sim, "127.0.0.1");
    t.policies = policies_random(&dps_policies_kind);
    t.dps = dps_rig_open(t.loop, t.policies);
    struct listen_config listen = {.loop = t.loop, .host = "127.0.0.1", .on_accept = on_accept};
    if (listener_open(&listen, &t.listener) != OK)
        return -1;
    mqtt_framer_init(&t.framer, 1 << 20);
    t.stream = stream_connect(&(struct connect_config){.loop = t.loop,
                                                       .host = "127.0.0.1",
                                                       .port = listener_port(t.listener)},
                              &device_events, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (t.stream) {
        stream_abort(t.stream, CLOSED);
        got("closed\n");
    }
    sim_run(t.sim, sim_now_ms(t.sim) + 10000); /* the other end sees it, too */
    dps_close(&t.dps);
    policies_free(&t.policies);
    listener_close(&t.listener);
    mqtt_framer_clear(&t.framer);
    buffer_clear(&t.heard);
    buffer_clear(&t.out);
    sim_free(&t.sim);
    return 0;
}

/* ---- what is promised ---- */

static void a_registration_from_connect_to_disconnect(void **state)
{
    (void)state;
    connect_device();
    put_subscribe(DPS_MQTT_FILTER);
    send();
    got("SUBACK 0 5 1\n");
    put_publish(REGISTER "one", "{\"registrationId\":\"dev\"}", 9);
    send();
    got("PUBACK 0 9\n");
    got("PUBLISH 1 $dps/registrations/res/202/?$rid=one&retry-after=2 {\"operationId\":\"");
    got("\"status\":\"assigning\"}\n");
    mqtt_packet_bare_encode(MQTT_PINGREQ, &t.out);
    send();
    got("PINGRESP\n");
    put_publish("$dps/registrations/GET/iotdps-get-operationstatus/?$rid=two&operationId=4.0.x",
                " ", 10);
    send();
    got("PUBLISH 1 $dps/registrations/res/404/?$rid=two {\"errorCode\":404201,");
    struct mqtt_filter f = {SLICE(DPS_MQTT_FILTER), MQTT_QOS_0};
    mqtt_unsubscribe_encode(6, &f, 1, &t.out);
    mqtt_packet_bare_encode(MQTT_DISCONNECT, &t.out);
    send();
    got("UNSUBACK 0 6\n");
    got("closed\n");
}

static void bytes_may_come_one_by_one(void **state)
{
    (void)state;
    put_connect(KEY);
    put_subscribe(DPS_MQTT_FILTER);
    put_publish(REGISTER "r", "", 1);
    for (size_t i = 0; i < t.out.len; i++) {
        stream_write(t.stream, slice_from(t.out.at + i, 1));
        sim_run(t.sim, sim_now_ms(t.sim) + 2);
    }
    buffer_reset(&t.out);
    got("CONNACK 0 0\nSUBACK 0 5 1\nPUBACK 0 1\n");
    got("PUBLISH 1 $dps/registrations/res/202/?$rid=r");
}

static void more_than_may_run_at_a_time_are_all_answered(void **state)
{
    (void)state;
    connect_device();
    put_subscribe(DPS_MQTT_FILTER);
    for (unsigned i = 0; i < 4 * DPS_MQTT_REQUESTS_MAX; i++) {
        char topic[80];
        snprintf(topic, sizeof topic, REGISTER "r%u", i);
        put_publish(topic, "", (uint16_t)(i + 1));
    }
    send();
    for (unsigned i = 0; i < 4 * DPS_MQTT_REQUESTS_MAX; i++)
        got("PUBLISH 1 $dps/registrations/res/");
}

static void a_wrong_key_gets_no_further(void **state)
{
    (void)state;
    put_connect("d3Jvbmcga2V5");
    send();
    got("CONNACK 0 5\nclosed\n");
}

static void another_filter_ends_it(void **state)
{
    (void)state;
    connect_device();
    put_subscribe("devices/dev/messages/devicebound/#");
    send();
    got("closed\n");
}

static void another_topic_ends_it(void **state)
{
    (void)state;
    connect_device();
    put_publish("devices/dev/messages/events/", "x", 1);
    send();
    got("closed\n");
}

static void who_says_nothing_is_cut(void **state)
{
    (void)state;
    connect_device();
    sim_run(t.sim, sim_now_ms(t.sim) + 89000);
    assert_non_null(t.stream);
    sim_run(t.sim, sim_now_ms(t.sim) + 2000);
    got("closed\n"); /* 1.5 times the keep-alive */
}

static void who_never_connects_is_cut(void **state)
{
    (void)state;
    sim_run(t.sim, sim_now_ms(t.sim) + DPS_MQTT_CONNECT_MS + 1000);
    got("closed\n");
}

/* Whatever is cut off in the middle, nothing is left behind: the sanitizer looks. */
static void any_prefix_may_be_the_end(void **state)
{
    (void)state;
    put_connect(KEY);
    put_subscribe(DPS_MQTT_FILTER);
    put_publish(REGISTER "r", "", 1);
    stream_write(t.stream, slice_first(buffer_slice(&t.out), t.out.len - 3));
    buffer_reset(&t.out);
    sim_run(t.sim, sim_now_ms(t.sim) + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_registration_from_connect_to_disconnect),
        TEST(bytes_may_come_one_by_one),
        TEST(more_than_may_run_at_a_time_are_all_answered),
        TEST(a_wrong_key_gets_no_further),
        TEST(another_filter_ends_it),
        TEST(another_topic_ends_it),
        TEST(who_says_nothing_is_cut),
        TEST(who_never_connects_is_cut),
        TEST(any_prefix_may_be_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
