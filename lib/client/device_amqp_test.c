/* A device over AMQP in a simulated world, and a hub of few words on the engine's other end. */
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "client/device.h"
#include "client/hub_double.h"
#include "iotamqp/message.h"

#define PORT 5672 /* AMQP's own without TLS */
#define LINKS 12

struct rig {
    struct hub_double hub;
    struct device_client *client;
    /* the hub */
    struct amqp_link *links[LINKS];
    char addresses[LINKS][96];
    unsigned tokens;
    int token_status;
    bool few_tokens;           /* no credit for a second one */
    bool silent;               /* settles no telemetry */
    const char *condition;     /* rejects telemetry with it; NULL: accepts */
    const char *refuses;       /* links whose address ends so */
    struct buffer heard, told; /* by the hub; by the client */
    struct iotamqp_memory memory;
    uint64_t rid;
};

/* ---- the hub ---- */

static void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *a)
{
    struct rig *r = arg;
    struct amqp_source source;
    struct amqp_value address;
    int i = 0;
    assert_int_equal(amqp_source_read(a->source, &source), OK);
    assert_int_equal(amqp_value_of(source.address, &address), OK);
    if (r->refuses && slice_ends(address.bytes, slice_of(r->refuses))) {
        amqp_link_refuse(l, &(struct amqp_error){.condition = SLICE("amqp:not-implemented")});
        return;
    }
    while (r->links[i])
        assert_true(++i < LINKS);
    r->links[i] = l;
    snprintf(r->addresses[i], sizeof r->addresses[i], "%s%.*s", a->receiver ? "to " : "from ",
             SLICE_FMT(address.bytes));
    amqp_link_accept(l, NULL);
    if (!a->receiver)
        amqp_link_set_window(l, r->few_tokens && slice_eq(address.bytes, SLICE("$cbs")) ? 1 : 20);
}

static struct amqp_link *link_at(struct rig *r, const char *address)
{
    for (int i = 0; i < LINKS && r->links[i]; i++)
        if (strcmp(r->addresses[i], address) == 0)
            return r->links[i];
    fail_msg("there is no link %s", address);
    return NULL;
}

static const char *address_of(struct rig *r, const struct amqp_link *l)
{
    int i = 0;
    while (r->links[i] != l)
        i++;
    return r->addresses[i];
}

static void send(struct rig *r, const char *address, struct buffer *b)
{
    assert_int_equal(
        amqp_link_send(link_at(r, address), &(struct amqp_send){.settled = true}, buffer_slice(b)),
        OK);
    amqp_connection_flush(r->hub.engine);
    stream_flush(r->hub.stream);
    buffer_clear(b);
}

static void put_correlation(struct buffer *b, struct slice encoded)
{
    struct amqp_properties p = amqp_properties_none();
    p.correlation_id = encoded;
    amqp_properties_write(b, &p);
}

/* {"desired":…} with 200 and version 5, for whatever was asked. */
static void answer_twin(struct rig *r, const struct amqp_message *m)
{
    struct buffer b = {0};
    struct amqp_value v;
    struct slice body;
    assert_true(amqp_message_bytes(m, &body));
    assert_true(amqp_map_find(&m->message_annotations, SLICE("operation"), &v));
    buffer_printf(&r->heard, "%.*s", SLICE_FMT(v.bytes));
    if (amqp_map_find(&m->message_annotations, SLICE("resource"), &v))
        buffer_printf(&r->heard, " %.*s", SLICE_FMT(v.bytes));
    buffer_printf(&r->heard, " %.*s\n", SLICE_FMT(body));
    size_t map = amqp_message_map_begin(&b, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(&b, SLICE("status"));
    amqp_write_int(&b, 200);
    amqp_write_symbol(&b, SLICE("version"));
    amqp_write_long(&b, 5);
    amqp_write_end(&b, map, 4);
    put_correlation(&b, m->properties.correlation_id);
    amqp_message_data(&b, SLICE("{\"desired\":{}}"));
    send(r, "to /devices/d/modules/m/twin", &b);
}

static void take_telemetry(struct rig *r, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct iot_message m = {0};
    struct slice list, name, value;
    assert_int_equal(iotamqp_message_read(d->bytes, &r->memory, &m), OK);
    buffer_printf(&r->heard, "event %.*s", SLICE_FMT(m.body));
    buffer_printf(&r->heard, " out=%.*s", SLICE_FMT(m.output));
    for (list = m.properties; iot_property_next(&list, &name, &value);)
        buffer_printf(&r->heard, " %.*s=%.*s", SLICE_FMT(name), SLICE_FMT(value));
    buffer_text(&r->heard, "\n");
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
    const char *address = address_of(r, l);
    assert_int_equal(amqp_message_read(d->bytes, &m), OK);
    if (strcmp(address, "from $cbs") == 0) {
        assert_true(amqp_map_find(&m.application_properties, SLICE("name"), &v));
        assert_slice(v.bytes, SLICE("hub%2Fdevices%2Fd%2Fmodules%2Fm"));
        if (r->few_tokens)
            amqp_link_set_window(l, 0);
        r->tokens++;
        hub_double_answer(link_at(r, "to $cbs"), r->token_status);
    } else if (slice_ends(slice_of(address), SLICE("/twin"))) {
        answer_twin(r, &m);
    } else if (slice_ends(slice_of(address), SLICE("/methods/devicebound"))) {
        struct slice body;
        assert_true(amqp_message_bytes(&m, &body));
        assert_true(amqp_map_find(&m.application_properties, SLICE("IoThub-status"), &v));
        buffer_printf(&r->heard, "reply %d %.*s id=%02x\n", (int)v.i, SLICE_FMT(body),
                      m.properties.correlation_id.at[1]);
    } else {
        take_telemetry(r, l, d);
    }
}

static const struct amqp_events hub_events = {
    .output = hub_double_output, .on_attach = on_attach, .on_transfer = on_transfer};

static void on_gone(void *arg)
{
    struct rig *r = arg;
    memset(r->links, 0, sizeof r->links);
}

/* ---- the client's user ---- */

static void on_connected(void *arg)
{
    buffer_text(&((struct rig *)arg)->told, "connected ");
}

static void on_disconnected(void *arg, enum status why)
{
    buffer_printf(&((struct rig *)arg)->told, "disconnected:%s ", status_name(why));
}

static void on_refused(void *arg, enum status why)
{
    buffer_printf(&((struct rig *)arg)->told, "refused:%s ", status_name(why));
}

static void on_sent(void *arg, uint64_t token, enum status why)
{
    buffer_printf(&((struct rig *)arg)->told, "%d:%s ", (int)token, status_name(why));
}

static void on_method(void *arg, uint64_t rid, struct slice name, struct slice payload)
{
    struct rig *r = arg;
    buffer_printf(&r->told, "%.*s(%.*s) ", SLICE_FMT(name), SLICE_FMT(payload));
    r->rid = rid;
}

static void on_desired(void *arg, struct slice patch, uint64_t version)
{
    buffer_printf(&((struct rig *)arg)->told, "%.*s@%d ", SLICE_FMT(patch), (int)version);
}

static void on_message(void *arg, const struct iot_message *m)
{
    struct rig *r = arg;
    buffer_printf(&r->told, "%.*s", SLICE_FMT(m->input));
    buffer_printf(&r->told, "<%.*s ", SLICE_FMT(m->body));
}

static const struct device_client_events events = {.on_connected = on_connected,
                                                   .on_disconnected = on_disconnected,
                                                   .on_refused = on_refused,
                                                   .on_sent = on_sent,
                                                   .on_method = on_method,
                                                   .on_desired = on_desired,
                                                   .on_message = on_message};

static void on_twin(void *arg, enum status why, struct slice json)
{
    buffer_printf(&((struct rig *)arg)->told, "twin:%s:%.*s ", status_name(why), SLICE_FMT(json));
}

static void on_reported(void *arg, enum status why, uint64_t version)
{
    buffer_printf(&((struct rig *)arg)->told, "reported:%s:%d ", status_name(why), (int)version);
}

static void pass_time(struct rig *r, uint64_t ms)
{
    hub_double_pass(&r->hub, ms);
}

static void start(struct rig *r, unsigned ways)
{
    r->client = device_client_new(&(struct device_client_config){.loop = r->hub.loop,
                                                                 .host = "hub",
                                                                 .ways = ways,
                                                                 .device_id = "d",
                                                                 .module_id = "m",
                                                                 .key = "a2V5",
                                                                 .events = &events,
                                                                 .arg = r});
}

static int set_up(void **state)
{
    struct rig *r = MEMORY_NEW(struct rig);
    r->hub.events = &hub_events;
    r->hub.on_gone = on_gone;
    hub_double_open(&r->hub, 3, PORT);
    r->token_status = 200;
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    device_client_free(&r->client);
    hub_double_close(&r->hub);
    buffer_clear(&r->heard);
    buffer_clear(&r->told);
    iotamqp_memory_clear(&r->memory);
    free(r);
    return 0;
}

static enum status put(struct rig *r, const char *body, uint64_t token)
{
    struct iot_message m = {.body = slice_of(body),
                            .output = SLICE("o"),
                            .content_type = SLICE("application/json"),
                            .properties = SLICE("\0\1k\0\1v")};
    return device_client_send(r->client, &m, token);
}

static void expect(struct buffer *b, const char *wanted)
{
    assert_string_equal(buffer_cstr(b), wanted);
    buffer_reset(b);
}

static const char subscribe[] = "PUT /notifications/twin/properties/desired  \n";

/* ---- tests ---- */

static void telemetry_arrives_as_it_is(void **state)
{
    struct rig *r = *state;
    start(r, DEVICE_AMQP);
    assert_int_equal(put(r, "x", 1), OK); /* waits for the connection */
    pass_time(r, 2000);
    assert_true(device_client_connected(r->client));
    assert_non_null(strstr(buffer_cstr(&r->heard), "event x out=o k=v\n"));
    assert_non_null(strstr(buffer_cstr(&r->heard), subscribe));
    buffer_reset(&r->heard);
    assert_int_equal(put(r, "y", 2), OK);
    assert_int_equal(put(r, "z", 3), OK);
    pass_time(r, 1000);
    expect(&r->heard, "event y out=o k=v\nevent z out=o k=v\n");
    expect(&r->told, "connected 1:OK 2:OK 3:OK ");
    assert_int_equal(r->tokens, 1);
}

/* Also while more wait than the hub gives credit for. */
static void what_was_not_settled_goes_again_in_order(void **state)
{
    struct rig *r = *state;
    struct buffer wanted = {0};
    start(r, DEVICE_AMQP);
    pass_time(r, 2000);
    r->silent = true;
    buffer_reset(&r->heard);
    buffer_reset(&r->told);
    for (uint64_t i = 0; i < 50; i++) {
        char body[12];
        snprintf(body, sizeof body, "%d", (int)i);
        assert_int_equal(put(r, body, i), OK);
    }
    pass_time(r, 1000);
    assert_int_equal(r->told.len, 0);
    stream_abort(r->hub.stream, CLOSED);
    r->silent = false;
    pass_time(r, 60000);
    buffer_reset(&wanted);
    buffer_text(&wanted, "disconnected:");
    assert_true(slice_starts(buffer_slice(&r->told), buffer_slice(&wanted)));
    for (int i = 0; i < 50; i++) {
        buffer_reset(&wanted);
        buffer_printf(&wanted, "%d:OK ", i);
        assert_true(slice_find_slice(buffer_slice(&r->told), buffer_slice(&wanted)) < r->told.len);
    }
    assert_int_equal(r->hub.connections, 2);
    buffer_clear(&wanted);
}

static void the_hub_says_what_it_will_never_take(void **state)
{
    struct rig *r = *state;
    start(r, DEVICE_AMQP);
    pass_time(r, 2000);
    buffer_reset(&r->told);
    r->condition = "amqp:link:message-size-exceeded";
    assert_int_equal(put(r, "x", 1), OK);
    pass_time(r, 1000);
    expect(&r->told, "1:TOO_LARGE ");
    r->condition = "com.example:no-such-thing"; /* rejected is rejected */
    assert_int_equal(put(r, "w", 4), OK);
    pass_time(r, 1000);
    expect(&r->told, "4:BAD_ARGUMENT ");
    assert_int_equal(r->hub.connections, 1);
    r->condition = "amqp:resource-limit-exceeded"; /* this may pass */
    assert_int_equal(put(r, "y", 2), OK);
    pass_time(r, 100);
    r->condition = NULL;
    pass_time(r, 60000);
    assert_non_null(strstr(buffer_cstr(&r->told), "2:OK "));
}

static void methods_are_answered_under_the_hubs_id(void **state)
{
    struct rig *r = *state;
    uint8_t uuid[17] = {0x98, 0xab};
    struct buffer b = {0};
    start(r, DEVICE_AMQP);
    pass_time(r, 2000);
    buffer_reset(&r->told);
    buffer_reset(&r->heard);
    put_correlation(&b, slice_from(uuid, sizeof uuid));
    size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(&b, SLICE("IoThub-methodname"));
    amqp_write_string(&b, SLICE("Browse_V2"));
    amqp_write_end(&b, map, 2);
    amqp_message_data(&b, SLICE("{}"));
    send(r, "to /devices/d/modules/m/methods/devicebound", &b);
    pass_time(r, 1000);
    expect(&r->told, "Browse_V2({}) ");
    device_client_method_reply(r->client, r->rid, 200, SLICE("[1]"));
    device_client_method_reply(r->client, r->rid, 200, SLICE("[2]")); /* it is answered */
    pass_time(r, 1000);
    expect(&r->heard, "reply 200 [1] id=ab\n");
}

static void twins_are_read_reported_and_followed(void **state)
{
    struct rig *r = *state;
    struct buffer b = {0};
    start(r, DEVICE_AMQP);
    device_client_twin_get(r->client, on_twin, r);
    pass_time(r, 2000);
    expect(&r->told, "twin:OFFLINE: connected ");
    expect(&r->heard, subscribe);
    device_client_twin_get(r->client, on_twin, r);
    device_client_twin_report(r->client, SLICE("{\"a\":1}"), on_reported, r);
    pass_time(r, 1000);
    expect(&r->heard, "GET  \nPATCH /properties/reported {\"a\":1}\n");
    expect(&r->told, "twin:OK:{\"desired\":{}} reported:OK:5 ");
    put_correlation(&b, (struct slice){0});
    amqp_message_data(&b, SLICE("{\"b\":2,\"$version\":7}"));
    send(r, "to /devices/d/modules/m/twin", &b);
    pass_time(r, 1000);
    expect(&r->told, "{\"b\":2,\"$version\":7}@7 ");
}

static void messages_name_their_input(void **state)
{
    struct rig *r = *state;
    struct buffer b = {0};
    start(r, DEVICE_AMQP);
    pass_time(r, 2000);
    buffer_reset(&r->told);
    size_t map = amqp_message_map_begin(&b, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(&b, SLICE("x-opt-input-name"));
    amqp_write_string(&b, SLICE("in"));
    amqp_write_end(&b, map, 2);
    amqp_message_data(&b, SLICE("hello"));
    send(r, "to /devices/d/modules/m/messages/events", &b);
    pass_time(r, 1000);
    expect(&r->told, "in<hello ");
}

/* A hub that serves telemetry alone is of use. */
static void goes_on_without_a_link_that_is_refused(void **state)
{
    struct rig *r = *state;
    r->refuses = "/twin";
    start(r, DEVICE_AMQP);
    assert_int_equal(put(r, "x", 1), OK);
    pass_time(r, 2000);
    expect(&r->told, "connected 1:OK ");
}

static void a_wrong_key_is_refused(void **state)
{
    struct rig *r = *state;
    r->token_status = 401;
    start(r, DEVICE_AMQP);
    pass_time(r, 2000);
    assert_true(slice_starts(buffer_slice(&r->told), SLICE("refused:UNAUTHORIZED ")));
    r->token_status = 200;
    pass_time(r, 60000);
    assert_true(device_client_connected(r->client));
}

static void renews_its_token_on_the_same_connection(void **state)
{
    struct rig *r = *state;
    start(r, DEVICE_AMQP);
    pass_time(r, 3600000);
    assert_int_equal(r->tokens, 2);
    assert_int_equal(r->hub.connections, 1);
    expect(&r->told, "connected ");
}

static void renews_its_token_when_it_has_credit_again(void **state)
{
    struct rig *r = *state;
    r->few_tokens = true;
    start(r, DEVICE_AMQP);
    pass_time(r, 3600000);
    assert_int_equal(r->tokens, 1);
    r->few_tokens = false;
    amqp_link_set_window(link_at(r, "from $cbs"), 20);
    amqp_connection_flush(r->hub.engine);
    stream_flush(r->hub.stream);
    pass_time(r, 1000);
    assert_int_equal(r->tokens, 2);
    assert_int_equal(r->hub.connections, 1);
}

/* Nobody listens for MQTT. What was taken before that is known goes over AMQP, whole. */
static void the_next_way_is_tried_when_one_is_blocked(void **state)
{
    struct rig *r = *state;
    start(r, DEVICE_MQTT | DEVICE_MQTT_WEBSOCKET | DEVICE_AMQP | DEVICE_AMQP_WEBSOCKET);
    assert_int_equal(put(r, "x", 1), OK);
    pass_time(r, 2000);
    assert_true(device_client_connected(r->client));
    assert_non_null(strstr(buffer_cstr(&r->heard), "event x out=o k=v\n"));
    stream_abort(r->hub.stream, CLOSED);
    buffer_reset(&r->told);
    pass_time(r, 1000); /* it knows the way now */
    expect(&r->told, "disconnected:IO_FAILED connected ");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(telemetry_arrives_as_it_is),
        TEST(what_was_not_settled_goes_again_in_order),
        TEST(the_hub_says_what_it_will_never_take),
        TEST(methods_are_answered_under_the_hubs_id),
        TEST(twins_are_read_reported_and_followed),
        TEST(messages_name_their_input),
        TEST(goes_on_without_a_link_that_is_refused),
        TEST(a_wrong_key_is_refused),
        TEST(renews_its_token_on_the_same_connection),
        TEST(renews_its_token_when_it_has_credit_again),
        TEST(the_next_way_is_tried_when_one_is_blocked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
