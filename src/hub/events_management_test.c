/* Tokens at $cbs and questions at $management, as Event Hubs' SDKs ask. */
#include "hub/events_rig.h"

/* ---- $cbs and $management, with tokens as Event Hubs' SDKs make them ---- */

static void attach_node(struct world *w, const char *address)
{
    struct buffer there = {0}, source = {0}, target = {0};
    amqp_write_string(&there, slice_of(address));
    amqp_source_write(&source, &(struct amqp_source){.address = buffer_slice(&there),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT});
    amqp_target_write(&target, &(struct amqp_target){.address = buffer_slice(&there),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT});
    char name[64];
    for (int receiver = 0; receiver < 2; receiver++) {
        snprintf(name, sizeof(name), "%s-%d", address, receiver);
        assert_int_equal(amqp_link_attach(w->session,
                                          &(struct amqp_attach){.name = slice_of(name),
                                                                .receiver = receiver,
                                                                .send_settle = AMQP_ABSENT,
                                                                .receive_settle = AMQP_ABSENT,
                                                                .source = buffer_slice(&source),
                                                                .target = buffer_slice(&target)},
                                          NULL, receiver ? &w->responses : &w->requests),
                         OK);
    }
    buffer_clear(&there);
    buffer_clear(&source);
    buffer_clear(&target);
    UNTIL(w, can_ask);
}

static int64_t ask(struct world *w, const char *const *pairs, unsigned count, struct slice body,
                   struct amqp_message *m)
{
    struct buffer b = {0};
    struct amqp_properties p = amqp_properties_none();
    p.message_id = SLICE("\x44");
    amqp_properties_write(&b, &p);
    size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    for (unsigned i = 0; i < count; i++)
        amqp_write_string(&b, slice_of(pairs[i]));
    amqp_write_end(&b, map, count);
    amqp_message_value_begin(&b);
    amqp_write_string(&b, body);
    w->answers = 0;
    assert_int_equal(amqp_link_send(w->requests, &(struct amqp_send){0}, buffer_slice(&b)), OK);
    buffer_clear(&b);
    UNTIL(w, is_answered);
    struct amqp_value v;
    assert_int_equal(amqp_message_read(buffer_slice(&w->answer), m), OK);
    assert_true(amqp_map_find(&m->application_properties, SLICE("status-code"), &v));
    return v.i;
}

/* The key's text is the key, as Event Hubs' SDKs have it. */
static int64_t put_token(struct world *w, const char *policy, const char *resource,
                         const char *audience, bool raw_key)
{
    struct buffer key = {0}, token = {0};
    struct slice text = policies_key(w->hub.policies, slice_of(policy), false);
    if (raw_key)
        base64_encode(text, &key);
    else
        buffer_put(&key, text);
    assert_int_equal(sas_make(slice_of(resource), buffer_slice(&key), slice_of(policy),
                              loop_wall_ms(w->loop) + 60000, &token),
                     OK);
    const char *pairs[] = {"operation", "put-token", "type", "servicebus.windows.net:sastoken",
                           "name",      audience};
    struct amqp_message m;
    int64_t code = ask(w, pairs, 6, buffer_slice(&token), &m);
    buffer_clear(&key);
    buffer_clear(&token);
    return code;
}

static void tokens_of_event_hubs_and_of_iot_hub_open_links(void **state)
{
    (void)state;
    struct world w = {0};
    start_hub(&w);
    connect(&w, anonymous, SLICE(""));
    attach_node(&w, "$cbs");
    const char *one = "sb://localhost/events/ConsumerGroups/$Default/Partitions/0";
    assert_int_equal(
        put_token(&w, "service",
                  "sb%3A%2F%2Flocalhost%2Fevents%2FConsumerGroups%2F%24Default%2FPartitions%2F0",
                  one, true),
        200);
    assert_true(attach_at(&w, 0, NULL)->attached);
    struct reading *r =
        attach(&w, 1, (struct wish){.address = "events/ConsumerGroups/$Default/Partitions/1"});
    assert_true(r->detached || !r->attached); /* the token is for the other partition */
    assert_int_equal(put_token(&w, "service", "hub.example", "hub.example", false), 200);
    r = attach(&w, 2, (struct wish){.address = "events/ConsumerGroups/$Default/Partitions/1"});
    assert_true(r->attached);
    assert_int_equal(put_token(&w, "service", "elsewhere.example", "sb://localhost/events", true),
                     401);
    assert_int_equal(
        put_token(&w, "service", "sb%3A%2F%2Flocalhost%2Fother", "sb://localhost/events", true),
        401);
    stop(&w);
}

static void management_tells_of_the_stream(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "service");
    fill(&w, 1, 3);
    attach_node(&w, "$management");
    struct amqp_message m;
    struct amqp_value v, item;
    const char *hub[] = {"operation", "READ", "name", "Events", "type", "com.microsoft:eventhub"};
    assert_int_equal(ask(&w, hub, 6, (struct slice){0}, &m), 200);
    assert_true(amqp_map_find(&m.value, SLICE("partition_count"), &v));
    assert_int_equal(v.i, PARTITIONS);
    assert_true(amqp_map_find(&m.value, SLICE("partition_ids"), &v));
    assert_int_equal(v.type, AMQP_ARRAY);
    struct amqp_items items = amqp_items_of(&v);
    assert_true(amqp_items_next(&items, &item));
    assert_slice(item.bytes, SLICE("0"));
    assert_true(amqp_map_find(&m.value, SLICE("created_at"), &v));
    assert_int_equal(v.type, AMQP_TIMESTAMP);

    const char *partition[] = {
        "operation", "READ", "name", "events", "type", "com.microsoft:partition", "partition", "1"};
    assert_int_equal(ask(&w, partition, 8, (struct slice){0}, &m), 200);
    assert_true(amqp_map_find(&m.value, SLICE("begin_sequence_number"), &v));
    assert_int_equal(v.i, 0);
    assert_true(amqp_map_find(&m.value, SLICE("last_enqueued_sequence_number"), &v));
    assert_int_equal(v.i, 2);
    assert_true(amqp_map_find(&m.value, SLICE("last_enqueued_offset"), &v));
    assert_slice(v.bytes, SLICE("2"));
    assert_true(amqp_map_find(&m.value, SLICE("last_enqueued_time_utc"), &v));
    assert_int_equal(v.i, 1700000000002);
    assert_true(amqp_map_find(&m.value, SLICE("is_partition_empty"), &v));
    assert_false(v.boolean);

    partition[7] = "0";
    assert_int_equal(ask(&w, partition, 8, (struct slice){0}, &m), 200);
    assert_true(amqp_map_find(&m.value, SLICE("is_partition_empty"), &v));
    assert_true(v.boolean);
    assert_true(amqp_map_find(&m.value, SLICE("last_enqueued_sequence_number"), &v));
    assert_int_equal(v.i, -1);

    partition[7] = "2";
    assert_int_equal(ask(&w, partition, 8, (struct slice){0}, &m), 400);
    hub[3] = "other";
    assert_int_equal(ask(&w, hub, 6, (struct slice){0}, &m), 404);
    hub[1] = "DELETE";
    assert_int_equal(ask(&w, hub, 6, (struct slice){0}, &m), 400);
    stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_of_event_hubs_and_of_iot_hub_open_links),
        cmocka_unit_test(management_tells_of_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
