/* Records of a queue, as a disk may give them back. */
#include "outbox/outgoing.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outgoing_view v;
    struct buffer again = {0};
    if (outgoing_decode(slice_from(data, size), &v) != OK)
        return 0;
    if (outgoing_encode(&v, &again) == OK &&
        !slice_eq(buffer_slice(&again), slice_from(data, size)))
        abort();
    buffer_clear(&again);
    return 0;
}
