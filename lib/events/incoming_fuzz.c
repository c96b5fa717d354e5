/* What is taken in is a record that decodes, and comes out as a message that reads. */
#include <stdlib.h>

#include "amqp/message.h"
#include "events/encode.h"
#include "events/incoming.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct slice record)
{
    struct iot_event e;
    struct amqp_message m;
    struct buffer out = {0};
    if (iot_event_decode(record, &e) != OK)
        abort();
    events_encode(&e, 7, NULL, &out);
    if (amqp_message_read(buffer_slice(&out), &m) != OK)
        abort();
    buffer_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct partition_append a = {0};
    struct arena arena = {0};
    struct events_incoming in = {.append = &a, .arena = &arena};
    uint32_t format = size && data[0] & 1 ? AMQP_FORMAT_BATCH : 0;
    if (size && events_incoming_read(&in, format, slice_from(data + 1, size - 1), 5) == OK)
        for (uint32_t n = 0, from = 0, to; n < partition_append_count(&a); n++, from = to) {
            memcpy(&to, a.ends.at + n * sizeof(to), sizeof(to));
            check(slice_from(a.records.at + from, to - from));
        }
    partition_append_clear(&a);
    arena_clear(&arena);
    return 0;
}
