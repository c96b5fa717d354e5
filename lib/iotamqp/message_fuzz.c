/* Any bytes as an AMQP message: refused, or written again without loss of what is kept. */
#include <stdlib.h>

#include "iotamqp/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iotamqp_memory first = {0}, second = {0};
    struct iot_message m, again;
    if (iotamqp_message_read(slice_from(data, size), &first, &m) == OK) {
        struct buffer b = {0};
        iotamqp_message_write(&b, &m);
        if (iotamqp_message_read(buffer_slice(&b), &second, &again) != OK ||
            !slice_eq(m.body, again.body) || !slice_eq(m.message_id, again.message_id))
            abort();
        buffer_clear(&b);
    }
    iotamqp_memory_clear(&first);
    iotamqp_memory_clear(&second);
    return 0;
}
