/* Any bytes as a twin request and as a method's answer. */
#include <stdlib.h>

#include "heads/amqp_device_messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heads_amqp_twin_request t;
    struct heads_amqp_method_reply r;
    struct slice bytes = slice_from(data, size);
    if (heads_amqp_twin_read(bytes, &t) == OK) {
        struct buffer b = {0};
        struct amqp_message m;
        heads_amqp_twin_write(&b, t.correlation_id, 200, 1, t.body);
        if (amqp_message_read(buffer_slice(&b), &m) != OK ||
            !slice_eq(m.properties.correlation_id, t.correlation_id))
            abort(); /* whatever id it has, the answer has the same */
        buffer_clear(&b);
    }
    (void)!heads_amqp_method_read(bytes, &r);
    return 0;
}
