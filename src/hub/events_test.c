#include "hub/events.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cmocka.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "crypto/digest.h"
#include "hub/amqp.h"
#include "store/sim_disk.h"
#include "token/sas.h"

/* The endpoint over a log on a simulated disk, and the engine's client end on a real socket. */

enum { PARTITIONS = 2, LINKS = 8 };

struct reading {
    struct amqp_link *link;
    bool attached, detached;
    char condition[64];
    unsigned count;
    int64_t first, last; /* sequence numbers */
    bool gap;
};

struct world {
    struct hub hub;
    struct hub_events *events;
    struct hub_amqp *amqp;
    struct loop *loop;
    struct store_disk *disk;
    struct listener *listener;
    struct stream *stream;
    struct amqp_connection *client;
    struct amqp_session *session;
    struct amqp_link *requests, *responses;
    struct reading readings[LINKS];
    bool opened, closed;
    struct buffer last, answer;
    unsigned answers, told;
    enum amqp_outcome outcome; /* of what was sent last */
    const void *watched; /* a condition's subject */
    unsigned wanted;
};

#define UNTIL(w, fn) assert_true(loop_run_until((w)->loop, fn, w, 20000))

/* ---- the hub ---- */

static void on_appended(struct hub_append *a, enum status why)
{
    assert_int_equal(why, OK);
    hub_append_clear(a);
    free(a);
}

static void append(struct world *w, unsigned partition, unsigned number)
{
    char body[32], id[16] = "0123456789abcde";
    struct buffer properties = {0};
    assert_true(iot_property_put(&properties, SLICE("alert"), SLICE("true")));
    snprintf(body, sizeof(body), "{\"n\":%u}", number);
    id[15] = (char)number;
    struct iot_event e = {
        .enqueued_ms = 1700000000000 + number,
        .from = {.device = SLICE("plc-1"),
                 .module = number % 2 ? SLICE("publisher") : (struct slice){0}},
        .generation_id = SLICE("g1"),
        .auth_method = SLICE("{\"scope\":\"device\"}"),
        .message = {.body = slice_of(body),
                    .message_id = slice_from(id, 16),
                    .message_id_type = IOT_MESSAGE_ID_UUID,
                    .content_type = SLICE("application/json"),
                    .properties = buffer_slice(&properties)},
    };
    struct hub_append *a = MEMORY_NEW(struct hub_append);
    a->done = on_appended;
    hub_append_add(a, &e);
    hub_partition_append(w->hub.partitions[partition], a);
    buffer_clear(&properties);
}

static bool all_durable(void *arg)
{
    struct world *w = arg;
    for (unsigned i = 0; i < PARTITIONS; i++) {
        struct store_log *log = hub_partition_log(w->hub.partitions[i]);
        if (store_log_durable(log) + 1 != store_log_next(log))
            return false;
    }
    return true;
}

static void fill(struct world *w, unsigned partition, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        append(w, partition, i);
    UNTIL(w, all_durable);
}

static void on_accept(void *arg, struct stream *s)
{
    hub_amqp_accept(((struct world *)arg)->amqp, s);
}

/* ---- the client ---- */

static struct buffer *output(void *arg)
{
    struct world *w = arg;
    stream_flush(w->stream);
    return stream_out(w->stream);
}

static void on_open(void *arg, const struct amqp_open *peer)
{
    struct world *w = arg;
    (void)peer;
    assert_int_equal(amqp_session_begin(w->client, &w->session), OK);
    w->opened = true;
}

static void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *peer)
{
    struct reading *r = amqp_link_arg(l);
    (void)arg;
    if (r)
        r->attached = peer->source.at != NULL;
    else if (!amqp_link_sends(l))
        amqp_link_set_window(l, 10);
}

static void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
{
    struct world *w = arg;
    struct reading *r = amqp_link_arg(l);
    struct amqp_message m;
    struct amqp_value v;
    assert_int_equal(amqp_message_read(d->bytes, &m), OK);
    struct buffer *to = r ? &w->last : &w->answer;
    buffer_reset(to);
    buffer_put(to, d->bytes);
    if (r == NULL) {
        w->answers++;
        return;
    }
    assert_true(amqp_map_find(&m.message_annotations, SLICE("x-opt-sequence-number"), &v));
    assert_int_equal(v.type, AMQP_LONG);
    if (r->count++ == 0)
        r->first = v.i;
    else if (v.i != r->last + 1)
        r->gap = true;
    r->last = v.i;
}

static void on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct reading *r = amqp_link_arg(l);
    (void)arg;
    if (r == NULL)
        return;
    r->detached = true;
    snprintf(r->condition, sizeof(r->condition), "%.*s", SLICE_FMT(why->condition));
}

static void on_settled(void *arg, struct amqp_link *l, uint64_t token,
                       const struct amqp_state *state)
{
    struct world *w = arg;
    (void)l, (void)token;
    w->told++;
    w->outcome = state->outcome;
}

static void on_client_close(void *arg, enum status why, const struct amqp_error *error)
{
    struct world *w = arg;
    (void)why, (void)error;
    stream_close(w->stream);
}

static const struct amqp_events client_events = {.output = output,
                                                 .on_open = on_open,
                                                 .on_attach = on_attach,
                                                 .on_transfer = on_transfer,
                                                 .on_settled = on_settled,
                                                 .on_detach = on_detach,
                                                 .on_close = on_client_close};

static void on_data(void *arg, struct slice bytes)
{
    struct world *w = arg;
    amqp_connection_in(w->client, bytes, loop_now_ms(w->loop));
}

static void on_close(void *arg, enum status why)
{
    (void)why;
    ((struct world *)arg)->closed = true;
}

static const struct stream_events stream_table = {.on_data = on_data, .on_close = on_close};

/* ---- hands ---- */

static bool is_opened(void *arg)
{
    struct world *w = arg;
    return w->opened || w->closed;
}

static bool is_closed(void *arg)
{
    return ((struct world *)arg)->closed;
}

static bool is_settled(void *arg) /* attached, or refused */
{
    const struct reading *r = ((struct world *)arg)->watched;
    return r->attached || r->detached;
}

static bool is_detached(void *arg)
{
    return ((const struct reading *)((struct world *)arg)->watched)->detached;
}

static bool has_wanted(void *arg)
{
    struct world *w = arg;
    return ((const struct reading *)w->watched)->count >= w->wanted;
}

static bool is_answered(void *arg)
{
    return ((struct world *)arg)->answers > 0;
}

static bool can_ask(void *arg)
{
    struct world *w = arg;
    return amqp_link_credit(w->requests) > 0;
}

static bool nobody_is_left(void *arg)
{
    struct world *w = arg;
    return hub_events_count(w->events).readers == 0 && hub_amqp_connections(w->amqp) == 0;
}

static const char *const plain[] = {"PLAIN", NULL};
static const char *const anonymous[] = {"ANONYMOUS", NULL};
static const char *const names[] = {"hub.example", "localhost", NULL};

static void start_hub(struct world *w)
{
    w->loop = loop_new();
    w->disk = sim_disk_new(1);
    w->hub.name = "hub.example";
    w->hub.aliases = names;
    w->hub.events_name = "Events";
    w->hub.partition_count = PARTITIONS;
    w->hub.policies = hub_policies_random();
    w->hub.created_ms = 1600000000000;
    for (unsigned i = 0; i < PARTITIONS; i++) {
        char directory[16];
        snprintf(directory, sizeof(directory), "/events/%u", i);
        assert_int_equal(
            hub_partition_open(&(struct hub_partition_config){.loop = w->loop,
                                                              .disk = w->disk,
                                                              .directory = directory,
                                                              .index = i,
                                                              .durability = STORE_MEMORY},
                               &w->hub.partitions[i]),
            OK);
    }
    w->events = hub_events_new(&w->hub);
    w->amqp = hub_amqp_new(&w->hub, w->events);
    assert_int_equal(listener_open(&(struct listen_config){.loop = w->loop,
                                                           .host = "127.0.0.1",
                                                           .on_accept = on_accept,
                                                           .arg = w},
                                   &w->listener),
                     OK);
}

static void connect(struct world *w, const char *const *mechanisms, struct slice response)
{
    w->stream = stream_connect(&(struct connect_config){.loop = w->loop,
                                                        .host = "127.0.0.1",
                                                        .port = listener_port(w->listener)},
                               &stream_table, w);
    w->client = amqp_connection_new(&(struct amqp_connection_config){.client = true,
                                                                     .container_id = "me",
                                                                     .mechanisms = mechanisms,
                                                                     .sasl_response = response,
                                                                     .events = &client_events,
                                                                     .arg = w},
                                    loop_now_ms(w->loop));
    UNTIL(w, is_opened);
}

/* Signed in with the policy's name and key, as plain AMQP clients do. */
static void start(struct world *w, const char *policy)
{
    start_hub(w);
    struct buffer response = {0};
    buffer_u8(&response, 0);
    buffer_text(&response, policy);
    buffer_u8(&response, 0);
    buffer_put(&response, policies_key(w->hub.policies, slice_of(policy), false));
    connect(w, plain, buffer_slice(&response));
    buffer_clear(&response);
}

static void stop(struct world *w)
{
    if (!w->closed)
        stream_close(w->stream);
    UNTIL(w, is_closed);
    UNTIL(w, nobody_is_left);
    amqp_connection_free(&w->client);
    listener_close(&w->listener);
    for (unsigned i = 0; i < PARTITIONS; i++)
        hub_partition_close(&w->hub.partitions[i]);
    loop_free(&w->loop);
    hub_amqp_free(&w->amqp);
    hub_events_free(&w->events);
    policies_free(&w->hub.policies);
    sim_disk_free(&w->disk);
    buffer_clear(&w->last);
    buffer_clear(&w->answer);
}

struct wish {
    const char *address, *selector;
    bool has_epoch, metrics;
    int64_t epoch;
};

static void put_selector(struct buffer *b, const char *selector)
{
    size_t map = amqp_write_map_begin(b);
    amqp_write_symbol(b, SLICE("apache.org:selector-filter:string"));
    amqp_write_descriptor(b, 0x468c00000004);
    amqp_write_string(b, slice_of(selector));
    amqp_write_end(b, map, 2);
}

static struct reading *attach(struct world *w, unsigned n, struct wish wish)
{
    struct buffer address = {0}, filter = {0}, source = {0}, properties = {0}, desired = {0};
    char name[16];
    snprintf(name, sizeof(name), "reader-%u", n);
    amqp_write_string(&address, slice_of(wish.address));
    if (wish.selector)
        put_selector(&filter, wish.selector);
    amqp_source_write(&source, &(struct amqp_source){.address = buffer_slice(&address),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT,
                                                     .filter = buffer_slice(&filter)});
    size_t map = amqp_write_map_begin(&properties);
    if (wish.has_epoch) {
        amqp_write_symbol(&properties, SLICE("com.microsoft:epoch"));
        amqp_write_long(&properties, wish.epoch);
    }
    amqp_write_end(&properties, map, wish.has_epoch ? 2 : 0);
    amqp_write_symbols(
        &desired, (struct slice[]){SLICE_INIT("com.microsoft:enable-receiver-runtime-metric")}, 1);
    struct reading *r = &w->readings[n];
    *r = (struct reading){0};
    assert_int_equal(
        amqp_link_attach(w->session,
                         &(struct amqp_attach){.name = slice_of(name),
                                               .receiver = true,
                                               .send_settle = AMQP_ABSENT,
                                               .receive_settle = AMQP_ABSENT,
                                               .source = buffer_slice(&source),
                                               .target = SLICE("\x00\x53\x29\x45"),
                                               .properties = buffer_slice(&properties),
                                               .desired = wish.metrics ? buffer_slice(&desired)
                                                                       : (struct slice){0}},
                         r, &r->link),
        OK);
    buffer_clear(&address);
    buffer_clear(&filter);
    buffer_clear(&source);
    buffer_clear(&properties);
    buffer_clear(&desired);
    w->watched = r;
    UNTIL(w, is_settled);
    return r;
}

static struct reading *attach_at(struct world *w, unsigned n, const char *selector)
{
    return attach(w, n,
                  (struct wish){.address = "events/ConsumerGroups/$Default/Partitions/0",
                                .selector = selector});
}

static void take(struct world *w, struct reading *r, uint32_t credit, unsigned count)
{
    w->watched = r;
    w->wanted = count;
    amqp_link_set_window(r->link, credit);
    amqp_connection_flush(w->client);
    UNTIL(w, has_wanted);
    assert_false(r->gap);
}

/* ---- promises ---- */

static void an_event_has_the_shape_that_the_sdks_expect(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "service");
    fill(&w, 0, 2);
    struct reading *r = attach(
        &w, 0,
        (struct wish){.address = "Events/ConsumerGroups/$Default/Partitions/0", .metrics = true});
    take(&w, r, 10, 2);
    struct amqp_message m;
    struct amqp_value v;
    struct slice body;
    assert_int_equal(amqp_message_read(buffer_slice(&w.last), &m), OK);
    static const struct {
        struct slice name;
        enum amqp_type type;
        struct slice text;
        int64_t number;
    } want[] = {
        {SLICE_INIT("x-opt-sequence-number"), AMQP_LONG, {0}, 1},
        {SLICE_INIT("x-opt-offset"), AMQP_STRING, SLICE_INIT("1"), 0},
        {SLICE_INIT("x-opt-enqueued-time"), AMQP_TIMESTAMP, {0}, 1700000000001},
        {SLICE_INIT("iothub-connection-device-id"), AMQP_STRING, SLICE_INIT("plc-1"), 0},
        {SLICE_INIT("iothub-connection-module-id"), AMQP_STRING, SLICE_INIT("publisher"), 0},
        {SLICE_INIT("iothub-message-source"), AMQP_STRING, SLICE_INIT("Telemetry"), 0},
        {SLICE_INIT("iothub-connection-auth-method"), AMQP_STRING,
         SLICE_INIT("{\"scope\":\"device\"}"), 0},
    };
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_true(amqp_map_find(&m.message_annotations, want[i].name, &v));
        assert_int_equal(v.type, want[i].type);
        if (want[i].text.at)
            assert_slice(v.bytes, want[i].text);
        else
            assert_int_equal(v.i, want[i].number);
    }
    assert_int_equal(amqp_value_of(m.properties.message_id, &v), OK);
    assert_int_equal(v.type, AMQP_UUID);
    assert_slice(v.bytes, SLICE("0123456789abcde\1"));
    assert_slice(m.properties.content_type, SLICE("application/json"));
    assert_true(amqp_map_find(&m.application_properties, SLICE("alert"), &v));
    assert_slice(v.bytes, SLICE("true"));
    assert_true(amqp_message_bytes(&m, &body));
    assert_slice(body, SLICE("{\"n\":1}"));
    assert_true(amqp_map_find(&m.delivery_annotations, SLICE("last_enqueued_sequence_number"), &v));
    assert_int_equal(v.i, 1);
    assert_true(amqp_map_find(&m.delivery_annotations, SLICE("last_enqueued_time_utc"), &v));
    assert_int_equal(v.i, 1700000000001);
    stop(&w);
}

static void readers_begin_where_they_ask(void **state)
{
    (void)state;
    static const struct {
        const char *selector;
        int64_t first;
    } cases[] = {
        {"amqp.annotation.x-opt-offset > '-1'", 0},
        {NULL, 0},
        {"amqp.annotation.x-opt-offset > '4'", 5},
        {"amqp.annotation.x-opt-sequence-number >= '4'", 4},
        {"amqp.annotation.x-opt-enqueued-time > '1700000000006'", 7},
    };
    struct world w = {0};
    start(&w, "iothubowner");
    fill(&w, 0, 10);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reading *r = attach_at(&w, (unsigned)i % 4, cases[i].selector);
        take(&w, r, 20, (unsigned)(10 - cases[i].first));
        assert_int_equal(r->first, cases[i].first);
        assert_int_equal(r->last, 9);
        amqp_link_detach(r->link, NULL);
    }
    struct reading *r = attach_at(&w, 5, "amqp.annotation.x-opt-offset > '@latest'");
    amqp_link_set_window(r->link, 20);
    append(&w, 0, 10);
    take(&w, r, 20, 1);
    assert_int_equal(r->first, 10);
    r = attach_at(&w, 6, "amqp.annotation.x-opt-offset > '10'"); /* nothing there yet */
    append(&w, 0, 11);
    take(&w, r, 20, 1);
    assert_int_equal(r->first, 11);
    stop(&w);
}

/* Two groups and two partitions do not touch each other; many events come in order and whole. */
static void all_events_come_in_order(void **state)
{
    (void)state;
    enum { MANY = 20000 };
    struct world w = {0};
    start(&w, "service");
    fill(&w, 0, MANY);
    fill(&w, 1, 10);
    struct reading *a = attach_at(&w, 0, NULL);
    struct reading *b = attach(
        &w, 1, (struct wish){.address = "/messages/events/ConsumerGroups/other/Partitions/0"});
    struct reading *c = attach(
        &w, 2,
        (struct wish){.address = "amqps://host:5671/EVENTS/consumergroups/other/partitions/1"});
    amqp_link_set_window(b->link, 7);
    amqp_link_set_window(c->link, 1000);
    take(&w, a, 300, MANY / 2);
    for (unsigned i = 0; i < 500; i++)
        append(&w, 0, MANY + i);
    take(&w, a, 300, MANY + 500);
    assert_int_equal(a->last, MANY + 499);
    assert_int_equal(c->count, 10);
    take(&w, b, 7, MANY / 4);
    assert_false(b->gap);
    stop(&w);
}

static void credit_is_what_is_sent(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "service");
    fill(&w, 0, 100);
    struct reading *r = attach_at(&w, 0, NULL);
    take(&w, r, 1, 5); /* one at a time */
    amqp_link_set_window(r->link, 0);
    unsigned before = r->count;
    struct reading *other =
        attach(&w, 1, (struct wish){.address = "events/ConsumerGroups/x/Partitions/0"});
    take(&w, other, 50, 50); /* meanwhile the first got at most the credit that was out */
    assert_true(r->count <= before + 1);
    stop(&w);
}

static void an_owner_pushes_others_out(void **state)
{
    (void)state;
    const char *address = "events/ConsumerGroups/$Default/Partitions/0";
    struct world w = {0};
    start(&w, "service");
    struct reading *plain_one = attach(&w, 0, (struct wish){.address = address});
    struct reading *elsewhere =
        attach(&w, 1, (struct wish){.address = "events/ConsumerGroups/x/Partitions/0"});
    struct reading *owner =
        attach(&w, 2, (struct wish){.address = address, .has_epoch = true, .epoch = 5});
    w.watched = plain_one;
    UNTIL(&w, is_detached);
    assert_string_equal(plain_one->condition, "amqp:link:stolen");
    struct reading *lower =
        attach(&w, 3, (struct wish){.address = address, .has_epoch = true, .epoch = 4});
    w.watched = lower;
    UNTIL(&w, is_detached);
    assert_string_equal(lower->condition, "amqp:link:stolen");
    struct reading *none = attach(&w, 4, (struct wish){.address = address});
    w.watched = none;
    UNTIL(&w, is_detached);
    assert_string_equal(none->condition, "amqp:link:stolen");
    assert_false(owner->detached);
    struct reading *same =
        attach(&w, 5,
               (struct wish){.address = "EVENTS/consumergroups/$DEFAULT/partitions/0",
                             .has_epoch = true,
                             .epoch = 5});
    assert_true(same->attached);
    w.watched = owner;
    UNTIL(&w, is_detached);
    assert_string_equal(owner->condition, "amqp:link:stolen");
    assert_false(elsewhere->detached);
    stop(&w);
}

static void readers_without_an_owner_have_a_bound(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "service");
    for (unsigned i = 0; i < HUB_EVENTS_READERS_MAX; i++)
        assert_true(attach_at(&w, i, NULL)->attached);
    struct reading *r = attach_at(&w, HUB_EVENTS_READERS_MAX, NULL);
    w.watched = r;
    UNTIL(&w, is_detached);
    assert_string_equal(r->condition, "amqp:resource-limit-exceeded");
    amqp_link_detach(w.readings[0].link, NULL);
    amqp_connection_flush(w.client);
    r = attach_at(&w, 0, NULL); /* the place is free again: both go the same way, in order */
    assert_true(r->attached);
    stop(&w);
}

static void wrong_places_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *address, *selector, *condition;
    } cases[] = {
        {"events/ConsumerGroups/$Default/Partitions/2", NULL,
         "com.microsoft:argument-out-of-range"},
        {"events/ConsumerGroups/$Default/Partitions/x", NULL,
         "com.microsoft:argument-out-of-range"},
        {"other/ConsumerGroups/$Default/Partitions/0", NULL, "amqp:not-found"},
        {"events/ConsumerGroups/$Default", NULL, "amqp:not-found"},
        {"events/ConsumerGroups/$Default/Partitions/0", "x > 1", "com.microsoft:argument-error"},
        {"events/ConsumerGroups/$Default/Partitions/0", "amqp.annotation.x-opt-offset > '7'",
         "com.microsoft:argument-out-of-range"},
    };
    struct world w = {0};
    start(&w, "service");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reading *r = attach(
            &w, 0, (struct wish){.address = cases[i].address, .selector = cases[i].selector});
        UNTIL(&w, is_detached);
        assert_string_equal(r->condition, cases[i].condition);
    }
    stop(&w);
}

static void a_hub_with_a_list_of_groups_has_no_others(void **state)
{
    (void)state;
    static const char *const groups[] = {"reports", NULL};
    static const struct {
        const char *address;
        bool there;
    } cases[] = {
        {"events/ConsumerGroups/Reports/Partitions/0", true},
        {"events/ConsumerGroups/$default/Partitions/0", true},
        {"events/ConsumerGroups/other/Partitions/0", false},
    };
    struct world w = {.hub = {.groups = groups}};
    start(&w, "service");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reading *r = attach(&w, (unsigned)i, (struct wish){.address = cases[i].address});
        if (cases[i].there) {
            assert_true(r->attached);
            continue;
        }
        w.watched = r;
        UNTIL(&w, is_detached);
        assert_string_equal(r->condition, "amqp:not-found");
    }
    stop(&w);
}

/* One has no credit, one lags: the third has all of it, and the others go on where they were. */
static void readers_that_stall_or_lag_hold_up_nobody(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct world w = {0};
    start(&w, "service");
    struct reading *stalled = attach_at(&w, 0, NULL);
    struct reading *lagging =
        attach(&w, 1, (struct wish){.address = "events/ConsumerGroups/x/Partitions/0"});
    struct reading *quick =
        attach(&w, 2, (struct wish){.address = "events/ConsumerGroups/y/Partitions/0"});
    fill(&w, 0, 10);
    take(&w, lagging, 1, 2);
    amqp_link_set_window(lagging->link, 0);
    for (unsigned i = 10; i < MANY; i++)
        append(&w, 0, i);
    take(&w, quick, 500, MANY);
    assert_int_equal(stalled->count, 0);
    assert_true(lagging->count <= 4);
    take(&w, stalled, 500, MANY);
    assert_int_equal(stalled->first, 0);
    take(&w, lagging, 500, MANY);
    stop(&w);
}

static void a_policy_without_the_right_reads_nothing(void **state)
{
    (void)state;
    struct world w = {0};
    start(&w, "device");
    assert_true(w.opened);
    struct reading *r = attach_at(&w, 0, NULL);
    w.watched = r;
    UNTIL(&w, is_detached);
    assert_string_equal(r->condition, "amqp:unauthorized-access");
    stop(&w);
    struct world other = {0};
    start_hub(&other);
    connect(&other, plain, SLICE("\0service\0bm90IHRoZSBrZXk="));
    assert_false(other.opened);
    stop(&other);
}

/* ---- sending into the stream ---- */

static struct amqp_link *attach_sender(struct world *w, unsigned n, const char *address)
{
    struct buffer there = {0}, target = {0};
    char name[16];
    snprintf(name, sizeof(name), "sender-%u", n);
    amqp_write_string(&there, slice_of(address));
    amqp_target_write(&target, &(struct amqp_target){.address = buffer_slice(&there),
                                                     .durable = AMQP_ABSENT,
                                                     .timeout = AMQP_ABSENT});
    struct reading *r = &w->readings[n];
    *r = (struct reading){0};
    assert_int_equal(amqp_link_attach(w->session,
                                      &(struct amqp_attach){.name = slice_of(name),
                                                            .send_settle = AMQP_ABSENT,
                                                            .receive_settle = AMQP_ABSENT,
                                                            .source = SLICE("\x00\x53\x28\x45"),
                                                            .target = buffer_slice(&target)},
                                      r, &r->link),
                     OK);
    buffer_clear(&there);
    buffer_clear(&target);
    w->requests = r->link;
    return r->link;
}

static bool is_refused_or_can_send(void *arg)
{
    struct world *w = arg;
    const struct reading *r = w->watched;
    return r->detached || amqp_link_credit(r->link) > 0;
}

static bool is_told(void *arg)
{
    return ((struct world *)arg)->told > 0;
}

static enum amqp_outcome send_body(struct world *w, struct amqp_link *l, struct slice bytes)
{
    w->told = 0;
    assert_int_equal(amqp_link_send(l, &(struct amqp_send){.token = 1}, bytes), OK);
    UNTIL(w, is_told);
    return w->outcome;
}

static void clients_send_into_a_partition_or_any(void **state)
{
    (void)state;
    struct world w = {0};
    struct amqp_message m;
    struct slice body;
    start(&w, "service");
    fill(&w, 1, 1);
    struct amqp_link *to_one = attach_sender(&w, 0, "events/Partitions/1");
    w.watched = &w.readings[0];
    UNTIL(&w, is_refused_or_can_send);
    assert_int_equal(send_body(&w, to_one, SLICE("\x00\x53\x75\xa0\x02hi")),
                     AMQP_OUTCOME_ACCEPTED);
    assert_int_equal(store_log_durable(hub_partition_log(w.hub.partitions[1])), 2);
    struct reading *r =
        attach(&w, 1, (struct wish){.address = "Events/ConsumerGroups/$Default/Partitions/1"});
    take(&w, r, 10, 2);
    assert_int_equal(amqp_message_read(buffer_slice(&w.last), &m), OK);
    assert_true(amqp_message_bytes(&m, &body));
    assert_slice(body, SLICE("hi"));
    struct amqp_link *to_any = attach_sender(&w, 2, "EVENTS");
    w.watched = &w.readings[2];
    UNTIL(&w, is_refused_or_can_send);
    for (int i = 0; i < 2; i++) /* in turn */
        assert_int_equal(send_body(&w, to_any, SLICE("\x00\x53\x75\xa0\x02hi")),
                         AMQP_OUTCOME_ACCEPTED);
    assert_int_equal(store_log_durable(hub_partition_log(w.hub.partitions[0])), 1);
    assert_int_equal(store_log_durable(hub_partition_log(w.hub.partitions[1])), 3);
    assert_int_equal(send_body(&w, to_any, SLICE("rubbish")), AMQP_OUTCOME_REJECTED);
    assert_int_equal(hub_events_count(w.events).sent, 3);
    stop(&w);
}

static void wrong_targets_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *address, *condition;
    } cases[] = {
        {"other", "amqp:not-found"},
        {"events/Partitions/2", "com.microsoft:argument-out-of-range"},
        {"events/Partitions/x", "com.microsoft:argument-out-of-range"},
        {"events/ConsumerGroups/$Default/Partitions/0", "amqp:not-found"},
    };
    struct world w = {0};
    start(&w, "service");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        attach_sender(&w, 0, cases[i].address);
        w.watched = &w.readings[0];
        UNTIL(&w, is_detached);
        assert_string_equal(w.readings[0].condition, cases[i].condition);
    }
    stop(&w);
    struct world other = {0};
    start(&other, "device");
    attach_sender(&other, 0, "events");
    other.watched = &other.readings[0];
    UNTIL(&other, is_detached);
    assert_string_equal(other.readings[0].condition, "amqp:unauthorized-access");
    stop(&other);
}

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
        cmocka_unit_test(an_event_has_the_shape_that_the_sdks_expect),
        cmocka_unit_test(readers_begin_where_they_ask),
        cmocka_unit_test(all_events_come_in_order),
        cmocka_unit_test(credit_is_what_is_sent),
        cmocka_unit_test(an_owner_pushes_others_out),
        cmocka_unit_test(readers_without_an_owner_have_a_bound),
        cmocka_unit_test(wrong_places_are_refused),
        cmocka_unit_test(a_hub_with_a_list_of_groups_has_no_others),
        cmocka_unit_test(readers_that_stall_or_lag_hold_up_nobody),
        cmocka_unit_test(a_policy_without_the_right_reads_nothing),
        cmocka_unit_test(clients_send_into_a_partition_or_any),
        cmocka_unit_test(wrong_targets_are_refused),
        cmocka_unit_test(tokens_of_event_hubs_and_of_iot_hub_open_links),
        cmocka_unit_test(management_tells_of_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
