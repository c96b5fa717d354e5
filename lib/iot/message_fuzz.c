/* Any record that decodes is what encoding makes of it, byte for byte. */
#include <stdlib.h>

#include "iot/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct iot_event e;
    if (iot_event_decode(slice_from(data, size), &e) != OK)
        return 0;
    struct buffer out = {0};
    iot_event_encode(&e, &out);
    if (!slice_eq(buffer_slice(&out), slice_from(data, size)))
        abort();
    buffer_clear(&out);
    struct slice value;
    iot_property_find(e.message.properties, SLICE("a"), &value);
    return 0;
}
