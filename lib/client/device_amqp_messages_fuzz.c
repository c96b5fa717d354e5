/* Any bytes as a method, a twin's answer or a message to a module. */
#include "client/device_amqp_messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t sum(struct slice s)
{
    uint8_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n ^= s.at[i];
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_from(data, size);
    struct device_amqp_method m;
    struct device_amqp_twin t;
    uint8_t n = sum(device_amqp_input(bytes));
    if (device_amqp_method_read(bytes, &m) == OK) {
        struct buffer b = {0};
        device_amqp_reply_write(&b, m.id, 200, m.payload);
        n ^= sum(m.name) ^ sum(buffer_slice(&b));
        buffer_clear(&b);
    }
    if (device_amqp_twin_read(bytes, &t) == OK)
        n ^= sum(t.id) ^ sum(t.body);
    return n == 7 && size > (1u << 30);
}
