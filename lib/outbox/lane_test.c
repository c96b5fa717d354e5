/* A lane in simulated time, with a transport that the test plays. */
#include "outbox/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/sim.h"
#include "iot/message.h"
#include "outbox/refused_schemas.h"

#include "base/cmocka.h"

#define SEEN_MAX 4096

/* ---- the transport ---- */

static struct wire {
    struct transport base;
    struct transport_config config;
    struct buffer seen[SEEN_MAX]; /* "body topic ttl gap" */
    uint64_t tokens[SEEN_MAX];
    size_t count;
    bool full;
    enum status refuses; /* the next message, for good */
} wire;

static struct slice property(struct slice list, const char *name)
{
    struct slice value = {0};
    iot_property_find(list, slice_of(name), &value);
    return value;
}

static enum status wire_send(struct transport *t, const struct outgoing_view *v, uint64_t token)
{
    (void)t;
    enum status s = wire.refuses;
    wire.refuses = OK;
    if (wire.full || s != OK)
        return wire.full ? FULL : s;
    struct buffer *b = &wire.seen[wire.count];
    buffer_printf(b, "%.*s", SLICE_FMT(v->body));
    if (v->ttl_ms)
        buffer_printf(b, " ttl=%d", (int)v->ttl_ms);
    if (property(v->properties, "millrace-gap-first").len)
        buffer_printf(b, " gap=%.*s:%.*s-%.*s:%.*s",
                      SLICE_FMT(property(v->properties, "millrace-gap-epoch")),
                      SLICE_FMT(property(v->properties, "millrace-gap-first")),
                      SLICE_FMT(property(v->properties, "millrace-gap-last")),
                      SLICE_FMT(property(v->properties, "millrace-gap-reason")));
    wire.tokens[wire.count++] = token;
    return OK;
}

static const struct transport_ops wire_ops;

static enum status wire_open(const struct transport_config *config, struct transport **out)
{
    wire.base.ops = &wire_ops;
    wire.config = *config;
    *out = &wire.base;
    return OK;
}

static void wire_close(struct transport **t)
{
    for (size_t i = 0; i < wire.count; i++)
        buffer_clear(&wire.seen[i]);
    wire = (struct wire){0};
    *t = NULL;
}

static const struct transport_ops wire_ops = {
    .name = "Test", .open = wire_open, .send = wire_send, .close = wire_close};

static void answer(size_t i, enum status why)
{
    wire.config.events->on_sent(wire.config.arg, wire.tokens[i], why);
}

static void expect(size_t i, const char *wanted)
{
    assert_true(i < wire.count);
    assert_string_equal(buffer_cstr(&wire.seen[i]), wanted);
}

/* ---- the lane ---- */

struct rig {
    struct sim *sim;
    struct loop *loop;
    struct lane *lane;
    struct lane_config config;
    struct lane_counts counts;
    char folder[64];
    unsigned next;
};

static void pass_time(struct rig *r, uint64_t ms)
{
    sim_run(r->sim, sim_now_ms(r->sim) + ms);
}

static int set_up(void **state)
{
    struct rig *r = MEMORY_NEW(struct rig);
    r->sim = sim_new(1);
    r->loop = sim_loop_new(r->sim, "host");
    strcpy(r->folder, "/tmp/lane-test-XXXXXX");
    assert_non_null(mkdtemp(r->folder));
    r->config = (struct lane_config){.loop = r->loop,
                                     .ops = &wire_ops,
                                     .disk = store_disk_real(),
                                     .directory = r->folder,
                                     .bytes_max = 1 << 20,
                                     .memory_bytes = 1 << 20,
                                     .counts = &r->counts};
    assert_int_equal(lane_open(&r->config, &r->lane), OK);
    pass_time(r, 1);
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *r = *state;
    char path[128];
    lane_close(&r->lane);
    sim_free(&r->sim);
    snprintf(path, sizeof path, "rm -rf %s", r->folder);
    free(r);
    return system(path);
}

static void put(struct rig *r, const char *body, uint8_t priority, uint64_t ttl_ms)
{
    char digits[24];
    struct outgoing *m = outgoing_new();
    buffer_text(&m->body, body);
    m->priority = priority;
    m->ttl_ms = ttl_ms;
    m->values = 1;
    snprintf(digits, sizeof digits, "%u", ++r->next);
    iot_property_put(&m->properties, SLICE("millrace-source"), SLICE("p/g"));
    iot_property_put(&m->properties, SLICE("millrace-epoch"), SLICE("7"));
    iot_property_put(&m->properties, SLICE("millrace-sequence"), slice_of(digits));
    lane_put(r->lane, m);
}

static void start_again(struct rig *r)
{
    lane_close(&r->lane);
    assert_int_equal(lane_open(&r->config, &r->lane), OK);
    pass_time(r, 1);
}

static void sends_in_order_and_counts(void **state)
{
    struct rig *r = *state;
    put(r, "a", 0, 0);
    put(r, "b", 0, 0);
    expect(0, "a");
    expect(1, "b");
    assert_int_equal(lane_queue_counts(r->lane).waiting, 2);
    answer(1, OK);
    answer(0, OK);
    answer(0, OK); /* a late one harms nothing */
    assert_int_equal(r->counts.sent, 2);
    assert_int_equal(r->counts.sent_values, 2);
    assert_int_equal(lane_queue_counts(r->lane).waiting, 0);
}

static void the_higher_priority_goes_first(void **state)
{
    struct rig *r = *state;
    wire.full = true;
    put(r, "low 1", 0, 0);
    put(r, "high 1", 200, 0);
    put(r, "low 2", 0, 0);
    put(r, "mid", 7, 0);
    put(r, "high 2", 200, 0);
    wire.full = false;
    wire.config.events->on_room(wire.config.arg);
    static const char *const wanted[] = {"high 1", "high 2", "mid", "low 1", "low 2"};
    for (size_t i = 0; i < 5; i++)
        expect(i, wanted[i]);
}

static void keeps_messages_over_a_restart_in_all_priorities(void **state)
{
    struct rig *r = *state;
    put(r, "a", 0, 0);
    put(r, "b", 9, 0);
    put(r, "c", 0, 0);
    answer(0, OK);
    answer(2, CANCELLED); /* its transport ends: it stays */
    pass_time(r, 100);
    start_again(r);
    assert_int_equal(wire.count, 2);
    expect(0, "b");
    expect(1, "c");
}

static void what_grew_too_old_is_told_as_a_gap(void **state)
{
    struct rig *r = *state;
    wire.full = true;
    put(r, "a", 0, 0);
    put(r, "b", 0, 1000);
    put(r, "c", 0, 1000);
    put(r, "d", 0, 9000);
    pass_time(r, 2000);
    wire.full = false;
    wire.config.events->on_room(wire.config.arg);
    expect(0, "a");
    expect(1, "d ttl=7000 gap=7:2-3:ttl");
    assert_int_equal(r->counts.dropped[GAP_TTL], 2);
    put(r, "e", 0, 0);
    expect(2, "e"); /* told once */
    answer(0, OK);
    answer(1, OK);
    answer(2, OK);
    assert_int_equal(r->counts.gaps, 1);
}

static void old_messages_go_while_nothing_can_be_sent(void **state)
{
    struct rig *r = *state;
    lane_close(&r->lane);
    r->config.age_ms = 5000;
    assert_int_equal(lane_open(&r->config, &r->lane), OK);
    wire.full = true;
    put(r, "a", 0, 0);
    pass_time(r, 30000);
    assert_int_equal(r->counts.dropped[GAP_AGE], 1);
    assert_int_equal(lane_queue_counts(r->lane).waiting, 0);
}

static void what_is_refused_is_told_as_a_gap(void **state)
{
    struct rig *r = *state;
    wire.refuses = BAD_ARGUMENT;
    put(r, "a", 0, 0); /* at once */
    put(r, "b", 0, 0);
    expect(0, "b gap=7:1-1:refused");
    answer(0, FORBIDDEN); /* later; what it told is told again */
    put(r, "c", 0, 0);
    put(r, "d", 0, 0);
    expect(1, "c gap=7:1-2:refused");
    expect(2, "d");
    assert_int_equal(r->counts.dropped[GAP_REFUSED], 2);
}

static void gaps_are_told_after_a_restart(void **state)
{
    struct rig *r = *state;
    wire.refuses = BAD_ARGUMENT;
    put(r, "a", 0, 0);
    pass_time(r, 100);
    start_again(r);
    put(r, "b", 0, 0);
    expect(0, "b gap=7:1-1:refused");
    answer(0, OK);
    pass_time(r, 100);
    start_again(r);
    put(r, "c", 0, 0);
    expect(0, "c");
}

/* A helper thread that is late does not write over it. */
static void the_last_word_on_gaps_stays(void **state)
{
    struct rig *r = *state;
    put(r, "a", 0, 0);
    put(r, "b", 0, 0);
    answer(0, BAD_ARGUMENT);
    answer(1, BAD_ARGUMENT); /* the first is on its way to the disk */
    lane_close(&r->lane);
    pass_time(r, 1000);
    assert_int_equal(lane_open(&r->config, &r->lane), OK);
    pass_time(r, 1); /* what was settled last is still there */
    expect(0, "a gap=7:1-2:refused");
}

static void keeps_to_its_window(void **state)
{
    struct rig *r = *state;
    for (int i = 0; i < LANE_FLIGHTS_MAX + 10; i++)
        put(r, "x", 0, 0);
    assert_int_equal(wire.count, LANE_FLIGHTS_MAX);
    answer(1, OK);
    assert_int_equal(wire.count, LANE_FLIGHTS_MAX); /* the first is still on its way */
    answer(0, OK);
    assert_int_equal(wire.count, LANE_FLIGHTS_MAX + 2);
}

static enum status open_not(const struct transport_config *config, struct transport **out)
{
    (void)config, (void)out;
    return BAD_ARGUMENT;
}

static void put_schema_of(struct rig *r, const char *source, const char *body)
{
    struct outgoing *m = outgoing_new();
    buffer_text(&m->body, body);
    iot_property_put(&m->properties, SLICE("dataschema"), slice_of(body));
    iot_property_put(&m->properties, SLICE("millrace-schema-source"), slice_of(source));
    m->topic = memory_text("group/schema");
    m->content_type = "application/schema+json";
    m->schema = true;
    lane_put(r->lane, m);
}

static void put_schema(struct rig *r, const char *body)
{
    put_schema_of(r, "p/g", body);
}

static void schemas_go_before_what_may_name_them(void **state)
{
    struct rig *r = *state;
    wire.full = true;
    put(r, "a", 200, 0);
    put_schema(r, "schema 1");
    put(r, "b", 0, 0);
    put_schema(r, "schema 2");
    wire.full = false;
    wire.config.events->on_room(wire.config.arg);
    static const char *const wanted[] = {"schema 1", "schema 2", "a", "b"};
    for (size_t i = 0; i < 4; i++)
        expect(i, wanted[i]);
}

/* An outage that is longer than messages are kept, and has more of them than the disk has room for. */
static void schemas_stay_when_messages_go(void **state)
{
    struct rig *r = *state;
    static char large[4096];
    memset(large, 'x', sizeof large - 1);
    lane_close(&r->lane);
    r->config.age_ms = 60000;
    r->config.policy = QUEUE_OLDEST;
    assert_int_equal(lane_open(&r->config, &r->lane), OK);
    wire.full = true;
    put_schema(r, "schema");
    for (int i = 0; i < 1000; i++) {
        put(r, large, 0, 0);
        pass_time(r, 20);
    }
    assert_true(r->counts.dropped[GAP_BYTES] > 0);
    pass_time(r, 100000);
    assert_true(r->counts.dropped[GAP_AGE] > 0);
    start_again(r);
    wire.full = true;
    put(r, "new", 0, 0);
    pass_time(r, 100);
    for (size_t i = 0; i < wire.count; i++)
        answer(i, CANCELLED);
    start_again(r);
    pass_time(r, 100);
    expect(0, "schema");
    assert_true(wire.count == 2);
}

/* A byte of what the disk has of it, from the file's end. */
static void spoil(struct rig *r, const char *queue, long from_end)
{
    char path[256];
    struct buffer names = {0};
    struct slice rest, name;
    snprintf(path, sizeof path, "%s/%s", r->folder, queue);
    assert_int_equal(r->config.disk->ops->list(r->config.disk, path, &names), OK);
    rest = buffer_slice(&names);
    while (rest.len && slice_split(&rest, 0, &name))
        if (slice_ends(name, SLICE(".log"))) {
            snprintf(path, sizeof path, "%s/%s/%.*s", r->folder, queue, SLICE_FMT(name));
            FILE *f = fopen(path, "r+");
            assert_int_equal(fseek(f, -from_end, SEEK_END), 0);
            fputc(0xa5, f);
            fclose(f);
        }
    buffer_clear(&names);
}

/* What the disk does not give back never comes, and nothing waits for it. */
static void a_damaged_schema_is_counted_and_messages_go_on(void **state)
{
    struct rig *r = *state;
    wire.full = true;
    put_schema(r, "schema 1");
    put_schema(r, "schema 2");
    put(r, "a", 0, 0);
    pass_time(r, 5000);
    lane_close(&r->lane);
    spoil(r, "schemas", 1);
    assert_int_equal(lane_open(&r->config, &r->lane), OK);
    pass_time(r, 1);
    expect(0, "schema 1");
    expect(1, "a");
    assert_int_equal(lane_queue_counts(r->lane).damaged, 1);
    answer(0, OK);
    answer(1, OK);
    pass_time(r, 5000);
    start_again(r);
    put(r, "b", 0, 0);
    expect(0, "b");
    assert_int_equal(lane_queue_counts(r->lane).damaged, 0); /* once */
}

/* Nobody can read its name, but which numbers are missing is known on both sides. */
static void what_the_disk_does_not_give_back_is_told_as_a_gap(void **state)
{
    struct rig *r = *state;
    wire.full = true;
    put(r, "a", 0, 0);
    put(r, "b", 0, 0);
    put(r, "c", 0, 0);
    pass_time(r, 5000);
    lane_close(&r->lane);
    spoil(r, "priority-0", 1); /* c */
    assert_int_equal(lane_open(&r->config, &r->lane), OK);
    pass_time(r, 1);
    expect(0, "a");
    expect(1, "b");
    put(r, "d", 0, 0);
    expect(2, "d gap=7:3-3:damaged");
    assert_int_equal(lane_queue_counts(r->lane).damaged, 1);
    answer(0, OK);
    answer(1, OK);
    answer(2, CANCELLED); /* d was not acknowledged: it is told again */
    pass_time(r, 5000);
    start_again(r);
    expect(0, "d gap=7:3-3:damaged");
    answer(0, OK);
    put(r, "e", 0, 0);
    expect(1, "e");
}

static void a_schema_that_is_refused_is_counted(void **state)
{
    struct rig *r = *state;
    put_schema(r, "schema");
    answer(0, FORBIDDEN);
    assert_int_equal(r->counts.dropped[GAP_REFUSED], 1);
}

/* What made the other side refuse is mended there, and nobody tells. */
static void a_schema_that_is_refused_is_offered_again(void **state)
{
    struct rig *r = *state;
    put_schema(r, "schema");
    answer(0, FORBIDDEN);
    pass_time(r, REFUSED_SCHEMA_MS - 1);
    assert_int_equal(wire.count, 1);
    wire.refuses = FORBIDDEN; /* at once, this time */
    pass_time(r, 2);
    assert_int_equal(wire.count, 1);
    assert_int_equal(r->counts.dropped[GAP_REFUSED], 2);
    pass_time(r, REFUSED_SCHEMA_MS);
    assert_int_equal(wire.count, 1);
    pass_time(r, REFUSED_SCHEMA_MS);
    expect(1, "schema");
    answer(1, OK);
    pass_time(r, 10 * REFUSED_SCHEMA_MS_MAX);
    assert_int_equal(wire.count, 2);
}

static void a_newer_schema_takes_the_place_of_a_refused_one(void **state)
{
    struct rig *r = *state;
    put_schema(r, "old");
    answer(0, FORBIDDEN);
    put_schema(r, "new");
    expect(1, "new");
    pass_time(r, 2 * REFUSED_SCHEMA_MS);
    assert_int_equal(wire.count, 2);
    answer(1, FORBIDDEN);
    pass_time(r, 2 * REFUSED_SCHEMA_MS + 1);
    expect(2, "new");
}

/* Writers of a group share the topic of schemas. */
static void a_schema_of_another_writer_takes_no_place(void **state)
{
    struct rig *r = *state;
    put_schema_of(r, "p/a", "of a");
    answer(0, FORBIDDEN);
    put_schema_of(r, "p/b", "of b");
    answer(1, OK);
    pass_time(r, REFUSED_SCHEMA_MS);
    assert_int_equal(wire.count, 3);
    expect(2, "of a");
    answer(2, FORBIDDEN);
    put_schema_of(r, "p/b", "of a"); /* the same text */
    answer(3, OK);
    pass_time(r, 10 * REFUSED_SCHEMA_MS_MAX);
    assert_int_equal(wire.count, 4);
}

/* Whatever is answered first. */
static void the_newer_schema_is_the_one_that_is_offered_again(void **state)
{
    struct rig *r = *state;
    put_schema(r, "old");
    put_schema(r, "new");
    answer(0, FORBIDDEN);
    answer(1, OK);
    pass_time(r, 2 * REFUSED_SCHEMA_MS);
    assert_int_equal(wire.count, 2);
    put_schema(r, "old");
    put_schema(r, "new");
    answer(3, FORBIDDEN);
    answer(2, OK);
    pass_time(r, REFUSED_SCHEMA_MS);
    assert_int_equal(wire.count, 5);
    expect(4, "new");
    answer(4, OK);
    put_schema(r, "old");
    put_schema(r, "new");
    answer(6, FORBIDDEN);
    answer(5, FORBIDDEN);
    pass_time(r, REFUSED_SCHEMA_MS);
    assert_int_equal(wire.count, 8);
    expect(7, "new");
}

static void without_a_transport_all_is_given_up_and_counted(void **state)
{
    struct rig *r = *state;
    static const struct transport_ops not_to_be_had = {.name = "None", .open = open_not};
    lane_close(&r->lane);
    r->config.ops = &not_to_be_had;
    assert_int_equal(lane_open(&r->config, &r->lane), OK);
    put(r, "a", 0, 0);
    assert_int_equal(r->counts.dropped[GAP_REFUSED], 1);
    r->config.ops = &wire_ops;
}

static void in_memory_what_was_sent_and_not_acknowledged_is_lost(void **state)
{
    struct rig *r = *state;
    lane_close(&r->lane);
    r->config.directory = NULL;
    assert_int_equal(lane_open(&r->config, &r->lane), OK);
    put(r, "a", 0, 0);
    answer(0, CANCELLED);
    assert_int_equal(r->counts.lost, 1);
    assert_int_equal(lane_queue_counts(r->lane).waiting, 0);
}

static bool tells(size_t i, const char *gap)
{
    return i < wire.count && strstr(buffer_cstr(&wire.seen[i]), gap);
}

/* What goes for want of room is no damage, though there is damage between. */
static void a_gap_around_damage_has_its_own_reason(void **state)
{
    struct rig *r = *state;
    char big[50000], gap[40];
    memset(big, 'x', sizeof big);
    big[sizeof big - 1] = 0;
    r->config.policy = QUEUE_OLDEST;
    wire.full = true;
    put(r, "a", 0, 0);
    put(r, "b", 0, 0);
    put(r, big, 0, 0);
    put(r, big, 0, 0);
    pass_time(r, 5000);
    lane_close(&r->lane);
    spoil(r, "priority-0", 75000); /* the third */
    wire.full = true;
    assert_int_equal(lane_open(&r->config, &r->lane), OK);
    while (r->counts.dropped[GAP_BYTES] < 10) {
        put(r, big, 0, 0);
        pass_time(r, 20);
        assert_true(r->next < 100);
    }
    snprintf(gap, sizeof gap, " gap=7:4-%u:bytes", (unsigned)r->counts.dropped[GAP_BYTES] + 1);
    wire.full = false;
    wire.config.events->on_room(wire.config.arg);
    assert_true(tells(0, " gap=7:1-2:bytes"));
    assert_true(tells(1, " gap=7:3-3:damaged"));
    assert_true(tells(2, gap));
    assert_false(tells(3, " gap="));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(sends_in_order_and_counts),
        TEST(the_higher_priority_goes_first),
        TEST(keeps_messages_over_a_restart_in_all_priorities),
        TEST(what_grew_too_old_is_told_as_a_gap),
        TEST(old_messages_go_while_nothing_can_be_sent),
        TEST(what_is_refused_is_told_as_a_gap),
        TEST(gaps_are_told_after_a_restart),
        TEST(the_last_word_on_gaps_stays),
        TEST(keeps_to_its_window),
        TEST(schemas_go_before_what_may_name_them),
        TEST(schemas_stay_when_messages_go),
        TEST(a_gap_around_damage_has_its_own_reason),
        TEST(a_damaged_schema_is_counted_and_messages_go_on),
        TEST(what_the_disk_does_not_give_back_is_told_as_a_gap),
        TEST(a_schema_that_is_refused_is_counted),
        TEST(a_schema_that_is_refused_is_offered_again),
        TEST(a_newer_schema_takes_the_place_of_a_refused_one),
        TEST(a_schema_of_another_writer_takes_no_place),
        TEST(the_newer_schema_is_the_one_that_is_offered_again),
        TEST(without_a_transport_all_is_given_up_and_counted),
        TEST(in_memory_what_was_sent_and_not_acknowledged_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
