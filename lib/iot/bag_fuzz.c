/* Any bytes as a bag; what is read is written, and reads the same again. */
#include <stdlib.h>

#include "iot/bag.h"

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct iot_bag first = {0}, second = {0};
    struct iot_message m = {0}, again = {0};
    struct buffer wire = {0};
    if (len && iot_bag_decode(slice_from(at, len), &first, &m) == OK) {
        iot_bag_encode(&m, &wire);
        if (iot_bag_decode(buffer_slice(&wire), &second, &again) != OK ||
            !slice_eq(m.properties, again.properties) || !slice_eq(m.output, again.output) ||
            !slice_eq(m.message_id, again.message_id))
            abort();
    }
    iot_bag_clear(&first);
    iot_bag_clear(&second);
    buffer_clear(&wire);
    return 0;
}
