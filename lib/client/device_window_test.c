#include "client/device_window.h"

#include "base/cmocka.h"
#include "client/device.h"
#include "mqtt/publish.h"

static void push(struct device_window *w, uint64_t token)
{
    struct buffer b = {0};
    struct mqtt_publish m = {.topic = SLICE("t"),
                             .payload = SLICE("p"),
                             .qos = MQTT_QOS_1,
                             .packet_id = device_window_id(w)};
    mqtt_publish_encode(&m, &b);
    device_window_push(w, &b, NULL, token);
    assert_null(b.at);
}

static struct mqtt_publish sent(struct device_window *w)
{
    struct device_window_item item;
    struct mqtt_packet p;
    struct mqtt_publish m;
    assert_true(device_window_next(w, &item));
    if (item.again)
        mqtt_publish_set_dup(item.at);
    struct slice bytes = slice_from(item.at, item.len);
    assert_int_equal(mqtt_packet_next(&bytes, 100, &p), OK);
    assert_int_equal(mqtt_publish_decode(p.flags, p.body, &m), OK);
    return m;
}

static void gives_tokens_back_in_order(void **state)
{
    (void)state;
    struct device_window w;
    struct device_window_item item;
    uint64_t token;
    enum status why;
    device_window_init(&w);
    for (uint64_t i = 0; i < 3; i++)
        push(&w, 100 + i);
    assert_false(device_window_ack(&w, 1)); /* not sent yet */
    for (int i = 0; i < 3; i++)
        assert_int_equal(sent(&w).packet_id, i + 1);
    assert_false(device_window_next(&w, &item));
    assert_true(device_window_ack(&w, 2));
    assert_false(device_window_pop(&w, false, &token, &why));
    assert_true(device_window_ack(&w, 1));
    assert_true(device_window_pop(&w, false, &token, &why) && token == 100);
    assert_true(device_window_pop(&w, false, &token, &why) && token == 101);
    assert_false(device_window_pop(&w, false, &token, &why));
    assert_false(device_window_ack(&w, 1));
    assert_false(device_window_ack(&w, 0));
    assert_false(device_window_ack(&w, 65535));
    assert_true(device_window_pop(&w, true, &token, &why) && token == 102);
    assert_int_equal(w.bytes, 0);
    device_window_clear(&w);
}

static void sends_again_in_order_as_duplicates(void **state)
{
    (void)state;
    struct device_window w;
    device_window_init(&w);
    for (uint64_t i = 0; i < 4; i++)
        push(&w, i);
    assert_false(sent(&w).dup);
    assert_false(sent(&w).dup);
    assert_false(sent(&w).dup);
    assert_true(device_window_ack(&w, 2));
    device_window_again(&w);
    struct mqtt_publish m = sent(&w);
    assert_true(m.packet_id == 1 && m.dup);
    m = sent(&w);
    assert_true(m.packet_id == 3 && m.dup); /* 2 was acknowledged */
    m = sent(&w);
    assert_true(m.packet_id == 4 && !m.dup);
    device_window_clear(&w);
}

/* Ids wrap many times, with a window that is never empty. */
static void goes_round_with_its_ids(void **state)
{
    (void)state;
    struct device_window w;
    uint64_t token;
    enum status why;
    device_window_init(&w);
    push(&w, 0);
    sent(&w);
    for (uint64_t i = 1; i < 200000; i++) {
        push(&w, i);
        uint16_t id = sent(&w).packet_id;
        assert_true(id == i % DEVICE_WINDOW_ID_MAX + 1);
        assert_true(device_window_ack(&w, (uint16_t)((i - 1) % DEVICE_WINDOW_ID_MAX + 1)));
        assert_true(device_window_pop(&w, false, &token, &why) && token == i - 1);
    }
    assert_int_equal(device_window_count(&w), 1);
    device_window_clear(&w);
}

static void has_bounds(void **state)
{
    (void)state;
    struct device_window w;
    device_window_init(&w);
    assert_true(device_window_room(&w, DEVICE_CLIENT_WINDOW_BYTES + 1)); /* one alone */
    for (uint64_t i = 0; i < DEVICE_CLIENT_WINDOW; i++) {
        assert_true(device_window_room(&w, 10));
        push(&w, i);
    }
    assert_false(device_window_room(&w, 10));
    uint64_t token;
    enum status why;
    assert_true(device_window_pop(&w, true, &token, &why));
    assert_true(device_window_room(&w, DEVICE_CLIENT_WINDOW_BYTES - w.bytes));
    assert_false(device_window_room(&w, DEVICE_CLIENT_WINDOW_BYTES - w.bytes + 1));
    device_window_clear(&w);
}

static enum status shout(void *arg, uint16_t id, struct buffer *message)
{
    struct buffer other = {0};
    if (id == 3)
        return TOO_LARGE;
    buffer_printf((struct buffer *)arg, "%u ", id);
    buffer_printf(&other, "%zu bytes, as number %u", message->len, id);
    buffer_clear(message);
    *message = other;
    return OK;
}

/* Another transport writes it in its own way; what it cannot carry is done, and says why. */
static void is_written_in_another_way(void **state)
{
    (void)state;
    struct device_window w;
    struct device_window_item item;
    struct buffer told = {0};
    uint64_t token;
    enum status why;
    device_window_init(&w);
    for (uint64_t i = 0; i < 4; i++)
        push(&w, 10 + i);
    sent(&w);
    sent(&w);
    assert_true(device_window_ack(&w, 2));
    device_window_convert(&w, shout, &told);
    device_window_again(&w);
    assert_slice(buffer_slice(&told), SLICE("1 4 "));
    assert_true(device_window_next(&w, &item));
    assert_slice(slice_from(item.at, item.len), SLICE("8 bytes, as number 1"));
    assert_true(device_window_next(&w, &item));
    assert_slice(slice_from(item.at, item.len), SLICE("8 bytes, as number 4"));
    assert_false(device_window_next(&w, &item));
    assert_true(device_window_done(&w, 0, OK));
    assert_false(device_window_done(&w, 0, FORBIDDEN)); /* once */
    static const enum status wanted[] = {OK, OK, TOO_LARGE};
    for (uint64_t i = 0; i < 3; i++) {
        assert_true(device_window_pop(&w, false, &token, &why));
        assert_true(token == 10 + i && why == wanted[i]);
    }
    assert_false(device_window_pop(&w, false, &token, &why));
    device_window_clear(&w);
    buffer_clear(&told);
}

static void holds_what_follows_on_the_wire(void **state)
{
    (void)state;
    struct device_window w;
    struct device_window_item item;
    struct buffer head = {0}, bytes = {0};
    uint64_t token;
    enum status why;
    device_window_init(&w);
    buffer_text(&head, "head");
    buffer_text(&bytes, "and body");
    struct shared *body = shared_new(&bytes);
    device_window_push(&w, &head, body, 1);
    assert_int_equal(w.bytes, 12);
    shared_unref(&body);
    for (int connection = 0; connection < 2; connection++) {
        assert_true(device_window_next(&w, &item));
        assert_slice(slice_from(item.at, item.len), SLICE("head"));
        assert_slice(item.rest, SLICE("and body"));
        device_window_again(&w);
    }
    assert_true(device_window_pop(&w, true, &token, &why));
    assert_int_equal(w.bytes, 0);
    device_window_clear(&w);
}

/* Who writes it in another way has all of it in one place. */
static enum status look(void *arg, uint16_t id, struct buffer *message)
{
    (void)arg, (void)id;
    assert_slice(buffer_slice(message), SLICE("head and body"));
    return OK;
}

static void joins_what_follows_to_write_it_in_another_way(void **state)
{
    (void)state;
    struct device_window w;
    struct device_window_item item;
    struct buffer head = {0}, bytes = {0};
    device_window_init(&w);
    buffer_text(&head, "head");
    buffer_text(&bytes, " and body");
    struct shared *body = shared_new(&bytes);
    device_window_push(&w, &head, body, 1);
    shared_unref(&body);
    device_window_convert(&w, look, NULL);
    assert_int_equal(w.bytes, 13);
    assert_true(device_window_next(&w, &item));
    assert_int_equal(item.rest.len, 0);
    device_window_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_tokens_back_in_order),
        cmocka_unit_test(sends_again_in_order_as_duplicates),
        cmocka_unit_test(goes_round_with_its_ids),
        cmocka_unit_test(has_bounds),
        cmocka_unit_test(is_written_in_another_way),
        cmocka_unit_test(holds_what_follows_on_the_wire),
        cmocka_unit_test(joins_what_follows_to_write_it_in_another_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
