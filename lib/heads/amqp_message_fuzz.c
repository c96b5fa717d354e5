/* Any bytes as an AMQP message: refused, or written again without loss of what is kept. */
#include <stdlib.h>

#include "heads/amqp_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heads_amqp_memory first = {0}, second = {0};
    struct iot_message m, again;
    if (heads_amqp_message_read(slice_from(data, size), &first, &m) == OK) {
        struct buffer b = {0};
        heads_amqp_message_write_properties(&b, &m);
        heads_amqp_message_write_application(&b, &m, (struct slice){0});
        amqp_message_data(&b, m.body);
        if (heads_amqp_message_read(buffer_slice(&b), &second, &again) != OK ||
            !slice_eq(m.body, again.body) || !slice_eq(m.message_id, again.message_id))
            abort();
        buffer_clear(&b);
    }
    heads_amqp_memory_clear(&first);
    heads_amqp_memory_clear(&second);
    return 0;
}
