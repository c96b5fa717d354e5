#include "client/stream_reader.h"

#include <stdio.h>

#include "base/memory.h"
#include "client/hub_double.h"
#include "client/stream_reader_decode.h"

/* A reader in a simulated world, and a hub of few words on the engine's other end. */

enum { PARTITIONS = 2, WINDOW = 20, EVENTS_MAX = 4000 };

struct hub_partition {
    struct amqp_link *link;
    int64_t next, newest; /* to be sent; that there is */
    unsigned settled;
    char selector[96];
};

struct test {
    struct hub_double hub;
    /* the hub */
    struct amqp_link *answers, *told;
    struct hub_partition partitions[PARTITIONS];
    unsigned tokens;
    int token_status;
    char token[400];
    /* the reader */
    struct stream_reader *reader;
    int64_t positions[PARTITIONS];
    bool holds, frees;
    unsigned connected, disconnected, received[PARTITIONS];
    enum status why;
    int64_t last[PARTITIONS];
    bool gap;
};

/* ---- the hub ---- */

static void write_event(struct buffer *b, unsigned partition, int64_t sequence)
{
    char body[32];
    size_t map = amqp_message_map_begin(b, AMQP_MESSAGE_ANNOTATIONS);
    amqp_write_symbol(b, SLICE("x-opt-sequence-number"));
    amqp_write_long(b, sequence);
    amqp_write_symbol(b, SLICE("iothub-connection-device-id"));
    amqp_write_string(b, SLICE("plc-1"));
    amqp_write_end(b, map, 4);
    snprintf(body, sizeof(body), "%u/%lld", partition, (long long)sequence);
    amqp_message_data(b, slice_of(body));
}

static void send_events(struct hub_partition *p, unsigned number)
{
    struct buffer b = {0};
    while (p->link && p->next <= p->newest) {
        buffer_reset(&b);
        write_event(&b, number, p->next);
        if (amqp_link_send(p->link, &(struct amqp_send){0}, buffer_slice(&b)) != OK)
            break;
        p->next++;
    }
    buffer_clear(&b);
}

static struct slice address_of(const struct amqp_attach *a)
{
    struct amqp_source s;
    struct amqp_target target;
    if (a->receiver && amqp_source_read(a->source, &s) == OK)
        return amqp_text_of(s.address);
    assert_int_equal(amqp_target_read(a->target, &target), OK);
    return amqp_text_of(target.address);
}

static void read_selector(const struct amqp_attach *a, char out[96])
{
    struct amqp_source s;
    struct amqp_value map, v;
    assert_int_equal(amqp_source_read(a->source, &s), OK);
    assert_int_equal(amqp_value_of(s.filter, &map), OK);
    assert_true(amqp_map_find(&map, SLICE("apache.org:selector-filter:string"), &v));
    assert_int_equal(v.descriptor, 0x468c00000004);
    snprintf(out, 96, "%.*s", SLICE_FMT(v.bytes));
}

static void attach_partition(struct test *t, struct amqp_link *l, const struct amqp_attach *a,
                             unsigned n)
{
    struct hub_partition *p = &t->partitions[n];
    long long after;
    assert_int_equal(a->send_settle, AMQP_SEND_UNSETTLED);
    read_selector(a, p->selector);
    assert_int_equal(sscanf(p->selector, "amqp.annotation.x-opt-sequence-number > '%lld'", &after),
                     1);
    if (after > p->newest) {
        amqp_link_refuse(
            l, &(struct amqp_error){.condition = SLICE("com.microsoft:argument-out-of-range")});
        return;
    }
    p->link = l;
    p->next = after + 1;
    amqp_link_set_arg(l, p);
    amqp_link_accept(l, NULL);
    send_events(p, n);
}

static void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *a)
{
    struct test *t = arg;
    struct slice address = address_of(a);
    unsigned n;
    char text[96];
    snprintf(text, sizeof(text), "%.*s", SLICE_FMT(address));
    if (sscanf(text, "events/ConsumerGroups/group/Partitions/%u", &n) == 1 && n < PARTITIONS) {
        attach_partition(t, l, a, n);
        return;
    }
    assert_true(slice_eq(address, SLICE("$cbs")) || slice_eq(address, SLICE("$management")));
    amqp_link_accept(l, NULL);
    if (!amqp_link_sends(l))
        amqp_link_set_window(l, 10);
    else if (slice_eq(address, SLICE("$cbs")))
        t->answers = l;
    else
        t->told = l;
}

static void answer(struct amqp_link *l, int status, int64_t number)
{
    struct buffer b = {0};
    size_t map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(&b, SLICE("status-code"));
    amqp_write_int(&b, status);
    amqp_write_end(&b, map, 2);
    amqp_message_value_begin(&b);
    map = amqp_write_map_begin(&b);
    amqp_write_string(&b, SLICE("partition_count"));
    amqp_write_int(&b, PARTITIONS);
    amqp_write_string(&b, SLICE("last_enqueued_sequence_number"));
    amqp_write_long(&b, number);
    amqp_write_end(&b, map, 4);
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){.settled = true}, buffer_slice(&b)), OK);
    buffer_clear(&b);
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct test *t = arg;
    struct amqp_message m;
    struct amqp_value v;
    (void)l;
    assert_int_equal(amqp_message_read(d->bytes, &m), OK);
    assert_true(amqp_map_find(&m.application_properties, SLICE("operation"), &v));
    if (slice_eq(v.bytes, SLICE("put-token"))) {
        t->tokens++;
        snprintf(t->token, sizeof(t->token), "%.*s", SLICE_FMT(m.value.bytes));
        answer(t->answers, t->token_status, 0);
        return;
    }
    uint64_t n = 0;
    if (amqp_map_find(&m.application_properties, SLICE("partition"), &v))
        assert_true(slice_to_u64(v.bytes, &n));
    answer(t->told, 200, t->partitions[n].newest);
}

static void on_credit(void *arg, struct amqp_link *l)
{
    struct test *t = arg;
    struct hub_partition *p = amqp_link_arg(l);
    if (p)
        send_events(p, (unsigned)(p - t->partitions));
}

static void on_settled(void *arg, struct amqp_link *l, uint64_t token,
                       const struct amqp_state *state)
{
    struct hub_partition *p = amqp_link_arg(l);
    (void)arg, (void)token;
    p->settled += state->outcome == AMQP_OUTCOME_ACCEPTED;
}

static const struct amqp_events hub_events = {.output = hub_double_output,
                                              .on_attach = on_attach,
                                              .on_transfer = on_transfer,
                                              .on_credit = on_credit,
                                              .on_settled = on_settled};

static void on_gone(void *arg)
{
    struct test *t = arg;
    for (unsigned i = 0; i < PARTITIONS; i++)
        t->partitions[i].link = NULL;
}

/* ---- the reader's user ---- */

static void on_connected(void *arg, unsigned partitions)
{
    struct test *t = arg;
    assert_int_equal(partitions, PARTITIONS);
    t->connected++;
}

static void on_disconnected(void *arg, enum status why)
{
    struct test *t = arg;
    t->disconnected++;
    t->why = why;
}

static int64_t position(void *arg, unsigned partition)
{
    return ((struct test *)arg)->positions[partition];
}

static void on_event(void *arg, const struct stream_reader_item *i)
{
    struct test *t = arg;
    char body[32];
    snprintf(body, sizeof(body), "%u/%lld", i->partition, (long long)i->sequence);
    assert_slice(i->event.message.body, slice_of(body));
    assert_slice(i->event.from.device, SLICE("plc-1"));
    if (t->received[i->partition]++ && i->sequence != t->last[i->partition] + 1)
        t->gap = true;
    t->last[i->partition] = i->sequence;
    if (t->frees)
        stream_reader_free(&t->reader);
    else if (!t->holds)
        stream_reader_done(t->reader, i->partition, i->sequence);
}

static const struct stream_reader_events reader_events = {.on_connected = on_connected,
                                                          .on_disconnected = on_disconnected,
                                                          .position = position,
                                                          .on_event = on_event};

/* ---- hands ---- */

static void start(struct test *t)
{
    t->hub.events = &hub_events;
    t->hub.on_gone = on_gone;
    hub_double_open(&t->hub, 7, 5671);
    if (t->token_status == 0)
        t->token_status = 200;
    for (unsigned i = 0; i < PARTITIONS; i++)
        t->partitions[i].newest = 99;
    t->reader = stream_reader_new(&(struct stream_reader_config){.loop = t->hub.loop,
                                                                 .host = "hub",
                                                                 .port = 5671,
                                                                 .hub_host = "hub.example",
                                                                 .entity = "events",
                                                                 .group = "group",
                                                                 .policy = "service",
                                                                 .key = "a2V5a2V5a2V5",
                                                                 .window = WINDOW,
                                                                 .events = &reader_events,
                                                                 .arg = t});
}

static void pass(struct test *t, uint64_t ms)
{
    hub_double_pass(&t->hub, ms);
}

static void stop(struct test *t)
{
    stream_reader_free(&t->reader);
    pass(t, 20000);
    assert_null(t->hub.stream);
    hub_double_close(&t->hub);
}

/* ---- promises ---- */

static void all_partitions_are_read_from_where_they_stood(void **state)
{
    (void)state;
    struct test t = {.positions = {STREAM_READER_OLDEST, 49}};
    start(&t);
    pass(&t, 5000);
    assert_int_equal(t.connected, 1);
    assert_true(stream_reader_connected(t.reader));
    assert_int_equal(t.received[0], 100);
    assert_int_equal(t.received[1], 50);
    assert_int_equal(t.last[0], 99);
    assert_int_equal(t.last[1], 99);
    assert_false(t.gap);
    assert_string_equal(t.partitions[1].selector, "amqp.annotation.x-opt-sequence-number > '49'");
    assert_non_null(strstr(t.token, "sr=sb%3A%2F%2Fhub.example%2Fevents&"));
    assert_non_null(strstr(t.token, "skn=service"));
    stop(&t);
}

static void new_means_after_the_first_connection(void **state)
{
    (void)state;
    struct test t = {.positions = {STREAM_READER_NEW, STREAM_READER_NEW}};
    start(&t);
    pass(&t, 5000);
    assert_int_equal(t.connected, 1);
    assert_int_equal(t.received[0] + t.received[1], 0);
    stream_abort(t.hub.stream, IO_FAILED); /* what comes while it is away is new too */
    t.partitions[1].newest = 104;
    pass(&t, 10000);
    assert_int_equal(t.connected, 2);
    assert_int_equal(t.received[1], 5);
    assert_int_equal(t.last[1], 104);
    stop(&t);
}

static void no_more_than_the_window_is_handed_over(void **state)
{
    (void)state;
    struct test t = {.positions = {STREAM_READER_OLDEST, STREAM_READER_OLDEST}, .holds = true};
    start(&t);
    pass(&t, 5000);
    assert_int_equal(t.received[0], WINDOW);
    assert_int_equal(t.partitions[0].settled, 0);
    stream_reader_done(t.reader, 0, 11);
    pass(&t, 1000);
    assert_int_equal(t.received[0], WINDOW + 10); /* credit is given in halves of the window */
    assert_int_equal(t.partitions[0].settled, 12);
    assert_int_equal(t.received[1], WINDOW);
    stream_abort(t.hub.stream, IO_FAILED); /* what is not done still counts after a new connection */
    pass(&t, 10000);
    assert_int_equal(t.connected, 2);
    assert_int_equal(t.received[0], WINDOW + 12);
    stream_reader_done(t.reader, 0, WINDOW + 11);
    pass(&t, 1000);
    assert_int_equal(t.received[0], 2 * WINDOW + 12);
    assert_false(t.gap);
    stream_reader_done(t.reader, 7, 0); /* no such partition */
    stop(&t);
}

static void it_comes_back_and_goes_on(void **state)
{
    (void)state;
    struct test t = {.positions = {STREAM_READER_OLDEST, STREAM_READER_OLDEST}};
    start(&t);
    for (unsigned i = 1; i <= 10; i++) {
        pass(&t, 60000);
        assert_int_equal(t.connected, i);
        for (unsigned p = 0; p < PARTITIONS; p++) {
            t.partitions[p].newest += 50;
            send_events(&t.partitions[p], p);
        }
        pass(&t, 1);
        stream_abort(t.hub.stream, IO_FAILED);
    }
    pass(&t, 60000);
    assert_int_equal(t.last[0], 599);
    assert_int_equal(t.received[0], 600);
    assert_int_equal(t.received[1], 600);
    assert_false(t.gap);
    stop(&t);
}

static void a_wrong_key_is_told_and_tried_again(void **state)
{
    (void)state;
    struct test t = {.token_status = 401};
    start(&t);
    pass(&t, 60000);
    assert_int_equal(t.connected, 0);
    assert_int_equal(t.why, UNAUTHORIZED);
    assert_true(t.disconnected >= 5 && t.disconnected < 20); /* backs off */
    t.token_status = 200;
    pass(&t, 60000);
    assert_int_equal(t.connected, 1);
    stop(&t);
}

static void the_token_is_renewed(void **state)
{
    (void)state;
    struct test t = {.positions = {STREAM_READER_OLDEST, STREAM_READER_OLDEST}};
    start(&t);
    pass(&t, 5000);
    assert_int_equal(t.tokens, 1);
    pass(&t, 3 * 3600000);
    assert_in_range(t.tokens, 4, 5); /* in three hours, each for an hour */
    assert_int_equal(t.hub.connections, 1);
    stop(&t);
}

static void a_silent_hub_is_left(void **state)
{
    (void)state;
    struct test t = {.positions = {STREAM_READER_OLDEST, STREAM_READER_OLDEST}};
    start(&t);
    pass(&t, 5000);
    sim_link(t.hub.sim, "client", "hub", false);
    pass(&t, 200000);
    assert_true(t.disconnected >= 1);
    assert_false(stream_reader_connected(t.reader));
    sim_link(t.hub.sim, "client", "hub", true);
    pass(&t, 60000);
    assert_true(stream_reader_connected(t.reader));
    stop(&t);
}

/* The hub lost its events: what is there now is read from its beginning. */
static void a_position_behind_the_end_begins_anew(void **state)
{
    (void)state;
    struct test t = {.positions = {5000, STREAM_READER_OLDEST}};
    start(&t);
    pass(&t, 5000);
    assert_int_equal(t.connected, 1);
    assert_int_equal(t.received[0], 100);
    assert_int_equal(t.last[0], 99);
    stop(&t);
}

static void it_may_be_freed_in_a_callback(void **state)
{
    (void)state;
    struct test t = {.positions = {STREAM_READER_OLDEST, STREAM_READER_OLDEST}, .frees = true};
    start(&t);
    pass(&t, 5000);
    assert_null(t.reader);
    assert_int_equal(t.received[0] + t.received[1], 1);
    stop(&t);
}

/* ---- decoding ---- */

static void a_message_is_the_event_that_it_was(void **state)
{
    (void)state;
    struct buffer b = {0}, scratch = {0};
    size_t map = amqp_message_map_begin(&b, AMQP_MESSAGE_ANNOTATIONS);
    static const char *const texts[][2] = {
        {"iothub-connection-device-id", "d"},
        {"iothub-connection-module-id", "m"},
        {"iothub-message-source", "twinChangeEvents"},
        {"iothub-connection-auth-generation-id", "g"},
        {"dt-subject", "component"},
    };
    for (size_t i = 0; i < 5; i++) {
        amqp_write_symbol(&b, slice_of(texts[i][0]));
        amqp_write_string(&b, slice_of(texts[i][1]));
    }
    amqp_write_symbol(&b, SLICE("x-opt-sequence-number"));
    amqp_write_long(&b, 77);
    amqp_write_symbol(&b, SLICE("x-opt-enqueued-time"));
    amqp_write_timestamp(&b, 1700000000000);
    amqp_write_end(&b, map, 14);
    struct amqp_properties p = amqp_properties_none();
    p.message_id = SLICE("\x53\x07");
    p.correlation_id = SLICE("\xa1\2c1");
    p.content_type = SLICE("application/json");
    p.creation_ms = 5;
    amqp_properties_write(&b, &p);
    map = amqp_message_map_begin(&b, AMQP_APPLICATION_PROPERTIES);
    amqp_write_string(&b, SLICE("text"));
    amqp_write_string(&b, SLICE("x"));
    amqp_write_string(&b, SLICE("number"));
    amqp_write_int(&b, -5);
    amqp_write_string(&b, SLICE("yes"));
    amqp_write_bool(&b, true);
    amqp_write_end(&b, map, 6);
    amqp_message_data(&b, SLICE("body"));
    struct iot_event e;
    int64_t sequence;
    assert_int_equal(stream_reader_decode(buffer_slice(&b), &scratch, &e, &sequence), OK);
    assert_int_equal(sequence, 77);
    assert_int_equal(e.enqueued_ms, 1700000000000);
    assert_slice(e.from.device, SLICE("d"));
    assert_slice(e.from.module, SLICE("m"));
    assert_int_equal(e.source, IOT_SOURCE_TWIN_CHANGE);
    assert_slice(e.message.subject, SLICE("component"));
    assert_int_equal(e.message.message_id_type, IOT_MESSAGE_ID_ULONG);
    assert_slice(e.message.message_id, SLICE("\0\0\0\0\0\0\0\7"));
    assert_slice(e.message.correlation_id, SLICE("c1"));
    assert_slice(e.message.content_type, SLICE("application/json"));
    assert_int_equal(e.message.creation_ms, 5);
    assert_slice(e.message.body, SLICE("body"));
    struct slice value;
    assert_true(iot_property_find(e.message.properties, SLICE("number"), &value));
    assert_slice(value, SLICE("-5"));
    assert_true(iot_property_find(e.message.properties, SLICE("yes"), &value));
    assert_slice(value, SLICE("true"));
    for (size_t len = 0; len < b.len - 4; len++)
        if (stream_reader_decode(slice_first(buffer_slice(&b), len), &scratch, &e, &sequence) == OK)
            assert_int_equal(e.message.body.len, 0); /* whole sections may be left out at the end */
    buffer_clear(&b);
    buffer_clear(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_partitions_are_read_from_where_they_stood),
        cmocka_unit_test(new_means_after_the_first_connection),
        cmocka_unit_test(no_more_than_the_window_is_handed_over),
        cmocka_unit_test(it_comes_back_and_goes_on),
        cmocka_unit_test(a_wrong_key_is_told_and_tried_again),
        cmocka_unit_test(the_token_is_renewed),
        cmocka_unit_test(a_silent_hub_is_left),
        cmocka_unit_test(a_position_behind_the_end_begins_anew),
        cmocka_unit_test(it_may_be_freed_in_a_callback),
        cmocka_unit_test(a_message_is_the_event_that_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
