/* What the tests of the queues share: a registry in memory, simulated time, and one question at a
 * time. */
#pragma once

#include "c2d/c2d.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cmocka.h"
#include "io/sim.h"
#include "json/json.h"

/* Azure's. */
#define QUEUE 50
#define BYTES (64u << 10)
#define TTL_MS (3600u * 1000)
#define TTL_MS_MAX (48u * 3600u * 1000)
#define LOCK_MS (60u * 1000)
#define DELIVERIES 10
#define FEEDBACK_DELIVERIES 10
#define FEEDBACK_TTL_MS TTL_MS

static struct {
    struct sim *sim;
    struct loop *loop;
    struct registry *registry;
    struct c2d_clock clock;
    unsigned news, batches; /* told of */
    /* The last answer. */
    bool answered;
    enum status why;
    unsigned count;
    struct {
        char body[16], lock[C2D_LOCK_LEN + 1];
        uint32_t delivery_count;
        uint64_t sequence;
    } taken[C2D_TAKE_MAX];
    struct buffer json;
    char lock[C2D_LOCK_LEN + 1];
} house;

static void on_message(void *arg, struct iot_id id)
{
    (void)arg;
    assert_int_equal(id.module.len, 0);
    house.news++;
}

static void on_feedback(void *arg)
{
    (void)arg;
    house.batches++;
}

static void open_registry(const char *path)
{
    static struct iot_limits limits;
    limits = iot_limits_azure();
    assert_int_equal(registry_open(path, &limits,
                                   &(struct registry_events){.on_message = on_message,
                                                             .on_feedback = on_feedback},
                                   &house.registry),
                     OK);
    c2d_clock_start(&house.clock, house.registry, house.loop);
}

static bool is_answered(void *arg)
{
    (void)arg;
    return house.answered;
}

static enum status wait(void)
{
    assert_true(loop_run_until(house.loop, is_answered, NULL, 10000));
    house.answered = false;
    return house.why;
}

static void on_answer(void *arg, const struct registry_answer *a)
{
    (void)arg;
    house.answered = true;
    house.why = a->why;
    buffer_reset(&house.json);
    buffer_put(&house.json, a->json);
}

static enum status ask(const struct registry_work *what, const char *device)
{
    struct registry_ask a = {.what = what,
                             .id = {.device = slice_of(device)},
                             .body =
                                 what == &registry_identity_put ? SLICE("{}") : (struct slice){0}};
    registry_ask(house.registry, house.loop, &a, on_answer, NULL);
    return wait();
}

static void go(uint64_t ms)
{
    sim_run(house.sim, sim_now_ms(house.sim) + ms);
}

static int begin(void **state)
{
    (void)state;
    memset(&house, 0, sizeof(house));
    house.sim = sim_new(1);
    house.loop = sim_loop_new(house.sim, "hub");
    open_registry(":memory:");
    assert_int_equal(ask(&registry_identity_put, "d"), OK);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    registry_close(&house.registry);
    sim_free(&house.sim);
    buffer_clear(&house.json);
    return 0;
}

/* ---- hands ---- */

static void on_sent(void *arg, enum status why, const char *text)
{
    (void)arg, (void)text;
    house.answered = true;
    house.why = why;
}

static enum status send_as(const char *device, const struct iot_message *m, enum c2d_ack ack)
{
    c2d_send(house.registry, house.loop, slice_of(device), m, ack, on_sent, NULL);
    return wait();
}

static inline enum status send(const char *body)
{
    return send_as("d", &(struct iot_message){.body = slice_of(body)}, C2D_ACK_NONE);
}

static enum status send_acked(const char *id, enum c2d_ack ack)
{
    return send_as("d", &(struct iot_message){.body = slice_of(id), .message_id = slice_of(id)},
                   ack);
}

static void on_taken(void *arg, enum status why, const struct c2d_message *m, unsigned count)
{
    (void)arg;
    house.answered = true;
    house.why = why;
    house.count = count;
    for (unsigned i = 0; i < count; i++) {
        snprintf(house.taken[i].body, sizeof(house.taken[i].body), "%.*s",
                 SLICE_FMT(m[i].message.body));
        memcpy(house.taken[i].lock, m[i].lock, sizeof(m[i].lock));
        house.taken[i].delivery_count = m[i].delivery_count;
        house.taken[i].sequence = m[i].sequence;
    }
}

/* How many were taken; their bodies run together. */
static unsigned take(struct c2d_want want)
{
    want.device = want.device.len ? want.device : SLICE("d");
    c2d_take(house.registry, house.loop, &want, on_taken, NULL);
    assert_int_equal(wait(), OK);
    return house.count;
}

static bool take_one(const char *body)
{
    return take((struct c2d_want){.count = 1}) == 1 && strcmp(house.taken[0].body, body) == 0;
}

static bool nothing_waits(void)
{
    return take((struct c2d_want){.count = 1}) == 0;
}

static void on_settled(void *arg, enum status why)
{
    (void)arg;
    house.answered = true;
    house.why = why;
}

static enum status settle(const char *lock, enum heads_outcome how)
{
    c2d_settle(house.registry, house.loop, SLICE("d"), slice_of(lock), how, on_settled, NULL);
    return wait();
}

static void on_purged(void *arg, enum status why, unsigned count)
{
    (void)arg;
    house.answered = true;
    house.why = why;
    house.count = count;
}

static inline enum status purge(const char *device)
{
    c2d_purge(house.registry, house.loop, slice_of(device), on_purged, NULL);
    return wait();
}

static void on_batch(void *arg, enum status why, const struct c2d_feedback *f)
{
    (void)arg;
    house.answered = true;
    house.why = why;
    buffer_reset(&house.json);
    buffer_put(&house.json, f->json);
    memcpy(house.lock, f->lock, sizeof(house.lock));
}

static enum status take_batch(void)
{
    c2d_feedback_take(house.registry, house.loop, C2D_FEED_MESSAGES, on_batch, NULL);
    return wait();
}

static enum status settle_batch(enum heads_outcome how)
{
    c2d_feedback_settle(house.registry, house.loop, slice_of(house.lock), how, on_settled, NULL);
    return wait();
}

/* "id:status id:status " of the batch that was taken. */
static const char *records(void)
{
    static char text[4096];
    struct json_doc *doc;
    assert_int_equal(json_parse(buffer_slice(&house.json), JSON_STRICT, &doc, NULL), OK);
    size_t len = 0;
    text[0] = 0;
    struct json_walk walk = json_walk(json_root(doc));
    while (json_next(&walk)) {
        const struct json *v = walk.value;
        assert_true(slice_eq(json_string(json_get(v, "deviceId")), SLICE("d")));
        assert_true(json_string(json_get(v, "deviceGenerationId")).len > 0);
        assert_true(json_string(json_get(v, "enqueuedTimeUtc")).len > 20);
        assert_true(json_string(json_get(v, "description")).len > 0);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s:%.*s ",
                                SLICE_FMT(json_string(json_get(v, "originalMessageId"))),
                                SLICE_FMT(json_string(json_get(v, "statusCode"))));
    }
    json_free(&doc);
    return text;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
