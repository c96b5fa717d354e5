/* What the tests of the stream's AMQP side share: a hub with its partitions, and a client's engine. */
#pragma once

#include "base/cmocka.h"
#include "base/encoding.h"
#include "base/memory.h"
#include "crypto/digest.h"
#include "events/events.h"
#include "hub/amqp.h"
#include "store/sim_disk.h"
#include "token/sas.h"
#include <stdio.h>
#include <stdlib.h>

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
    struct events *events;
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

static inline void on_appended(struct partition_append *a, enum status why)
{
    assert_int_equal(why, OK);
    partition_append_clear(a);
    free(a);
}

static inline void append(struct world *w, unsigned partition, unsigned number)
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
    struct partition_append *a = MEMORY_NEW(struct partition_append);
    a->done = on_appended;
    partition_append_add(a, &e);
    partition_append(w->hub.partitions[partition], a);
    buffer_clear(&properties);
}

static inline bool all_durable(void *arg)
{
    struct world *w = arg;
    for (unsigned i = 0; i < PARTITIONS; i++) {
        struct store_log *log = partition_log(w->hub.partitions[i]);
        if (store_log_durable(log) + 1 != store_log_next(log))
            return false;
    }
    return true;
}

static inline void fill(struct world *w, unsigned partition, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        append(w, partition, i);
    UNTIL(w, all_durable);
}

static inline void on_accept(void *arg, struct stream *s)
{
    hub_amqp_accept(((struct world *)arg)->amqp, s);
}

/* ---- the client ---- */

static inline struct buffer *output(void *arg)
{
    struct world *w = arg;
    stream_flush(w->stream);
    return stream_out(w->stream);
}

static inline void on_open(void *arg, const struct amqp_open *peer)
{
    struct world *w = arg;
    (void)peer;
    assert_int_equal(amqp_session_begin(w->client, &w->session), OK);
    w->opened = true;
}

static inline void on_attach(void *arg, struct amqp_link *l, const struct amqp_attach *peer)
{
    struct reading *r = amqp_link_arg(l);
    (void)arg;
    if (r)
        r->attached = peer->source.at != NULL;
    else if (!amqp_link_sends(l))
        amqp_link_set_window(l, 10);
}

static inline void on_transfer(void *arg, struct amqp_link *l, const struct amqp_delivery *d)
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

static inline void on_detach(void *arg, struct amqp_link *l, const struct amqp_error *why)
{
    struct reading *r = amqp_link_arg(l);
    (void)arg;
    if (r == NULL)
        return;
    r->detached = true;
    snprintf(r->condition, sizeof(r->condition), "%.*s", SLICE_FMT(why->condition));
}

static inline void on_settled(void *arg, struct amqp_link *l, uint64_t token,
                       const struct amqp_state *state)
{
    struct world *w = arg;
    (void)l, (void)token;
    w->told++;
    w->outcome = state->outcome;
}

static inline void on_client_close(void *arg, enum status why, const struct amqp_error *error)
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

static inline void on_data(void *arg, struct slice bytes)
{
    struct world *w = arg;
    amqp_connection_in(w->client, bytes, loop_now_ms(w->loop));
}

static inline void on_close(void *arg, enum status why)
{
    (void)why;
    ((struct world *)arg)->closed = true;
}

static const struct stream_events stream_table = {.on_data = on_data, .on_close = on_close};

/* ---- hands ---- */

static inline bool is_opened(void *arg)
{
    struct world *w = arg;
    return w->opened || w->closed;
}

static inline bool is_closed(void *arg)
{
    return ((struct world *)arg)->closed;
}

static inline bool is_settled(void *arg) /* attached, or refused */
{
    const struct reading *r = ((struct world *)arg)->watched;
    return r->attached || r->detached;
}

static inline bool is_detached(void *arg)
{
    return ((const struct reading *)((struct world *)arg)->watched)->detached;
}

static inline bool has_wanted(void *arg)
{
    struct world *w = arg;
    return ((const struct reading *)w->watched)->count >= w->wanted;
}

static inline bool is_answered(void *arg)
{
    return ((struct world *)arg)->answers > 0;
}

static inline bool can_ask(void *arg)
{
    struct world *w = arg;
    return amqp_link_credit(w->requests) > 0;
}

static inline bool nobody_is_left(void *arg)
{
    struct world *w = arg;
    return events_count(w->events).readers == 0 && hub_amqp_connections(w->amqp) == 0;
}

static const char *const plain[] = {"PLAIN", NULL};
static const char *const anonymous[] = {"ANONYMOUS", NULL};
static const char *const names[] = {"hub.example", "localhost", NULL};

static inline void start_hub(struct world *w)
{
    w->loop = loop_new();
    w->disk = sim_disk_new(1);
    w->hub.name = "hub.example";
    w->hub.aliases = names;
    w->hub.events_name = "Events";
    w->hub.partition_count = PARTITIONS;
    w->hub.policies = iot_policies_random();
    w->hub.created_ms = 1600000000000;
    for (unsigned i = 0; i < PARTITIONS; i++) {
        char directory[16];
        snprintf(directory, sizeof(directory), "/events/%u", i);
        assert_int_equal(partition_open(&(struct partition_config){.loop = w->loop,
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

static inline void connect(struct world *w, const char *const *mechanisms, struct slice response)
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
static inline void start(struct world *w, const char *policy)
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

static inline void stop(struct world *w)
{
    if (!w->closed)
        stream_close(w->stream);
    UNTIL(w, is_closed);
    UNTIL(w, nobody_is_left);
    amqp_connection_free(&w->client);
    listener_close(&w->listener);
    for (unsigned i = 0; i < PARTITIONS; i++)
        partition_close(&w->hub.partitions[i]);
    loop_free(&w->loop);
    hub_amqp_free(&w->amqp);
    events_free(&w->events);
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

static inline void put_selector(struct buffer *b, const char *selector)
{
    size_t map = amqp_write_map_begin(b);
    amqp_write_symbol(b, SLICE("apache.org:selector-filter:string"));
    amqp_write_descriptor(b, 0x468c00000004);
    amqp_write_string(b, slice_of(selector));
    amqp_write_end(b, map, 2);
}

static inline struct reading *attach(struct world *w, unsigned n, struct wish wish)
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

static inline struct reading *attach_at(struct world *w, unsigned n, const char *selector)
{
    return attach(w, n,
                  (struct wish){.address = "events/ConsumerGroups/$Default/Partitions/0",
                                .selector = selector});
}

static inline void take(struct world *w, struct reading *r, uint32_t credit, unsigned count)
{
    w->watched = r;
    w->wanted = count;
    amqp_link_set_window(r->link, credit);
    amqp_connection_flush(w->client);
    UNTIL(w, has_wanted);
    assert_false(r->gap);
}
