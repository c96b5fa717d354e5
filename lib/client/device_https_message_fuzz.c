/* Any bytes as the headers of an answer with a message. */
#include "client/device_https_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer properties = {0};
    struct iot_message m;
    struct slice lock;
    if (device_https_read(slice_from(data, size), SLICE("b"), &properties, &m, &lock) == OK) {
        struct arena a = {0};
        struct buffer out = {0};
        struct json_writer w = json_writer(&out);
        device_https_item(&w, &m, &a);
        buffer_clear(&out);
        arena_clear(&a);
    }
    buffer_clear(&properties);
    return 0;
}
