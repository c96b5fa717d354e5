/* Clients that send into the stream. */
#include "hub/events_rig.h"

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
    assert_int_equal(store_log_durable(partition_log(w.hub.partitions[1])), 2);
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
    assert_int_equal(store_log_durable(partition_log(w.hub.partitions[0])), 1);
    assert_int_equal(store_log_durable(partition_log(w.hub.partitions[1])), 3);
    assert_int_equal(send_body(&w, to_any, SLICE("rubbish")), AMQP_OUTCOME_REJECTED);
    assert_int_equal(events_count(w.events).sent, 3);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_send_into_a_partition_or_any),
        cmocka_unit_test(wrong_targets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
